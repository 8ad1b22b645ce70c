"""SOAP 1.2 messages with WS-Addressing: bytes of an HTTP body <-> ``Message``.

Source: SOAP 1.2 parts 1 and 2; WS-Addressing 1.0 Core and SOAP Binding; XOP 1.0; RFC 7303 for charsets.
"""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

import msgspec
from lxml import etree

from socle.standards.errors import MalformedInput, SocleError, Text
from socle.standards.soap.mtom import decode_base64, malformed, read_media_type, read_package, write_package
from socle.standards.soap.names import ANONYMOUS, SOAP, SOAP_1_1, WSA, WSSE, XOP
from socle.standards.xml import parse

#: Largest SOAP envelope, documents inline included. Attachments are bounded by the door that reads the body.
MAX_ENVELOPE_BYTES: Final = 100 * 1024 * 1024
#: What a stranger may send, who is known once the envelope is read: the metadata of a thousand documents take 400,000.
MAX_ENVELOPE_MARKS: Final = 1_000_000

_XML_TYPES = frozenset({"application/soap+xml", "application/xop+xml", "application/octet-stream", "text/xml", ""})
_DECLARED_ENCODING = re.compile(rb"""\A(?:\xef\xbb\xbf)?\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_DECLARATION = re.compile(r"\A\ufeff?\s*<\?xml[^>]*\?>")
_CHARSETS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "iso-8859-1": "iso-8859-1",
    "iso-8859-15": "iso-8859-15",
    "windows-1252": "windows-1252",
    "utf-16": "utf-16",
}
_TRUE = frozenset({"true", "1"})
_UNDERSTOOD = frozenset({WSA, WSSE})
_OUR_ROLES = frozenset({"", f"{SOAP}/role/next", f"{SOAP}/role/ultimateReceiver"})


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One SOAP message as received. ``body`` is the only child of ``soap:Body``.

    ``action`` is that of WS-Addressing, else that of the Content-Type. ``is_mtom`` tells whether the sender packs,
    ``size_bytes`` how large the whole message was.
    """

    envelope: etree._Element
    header: etree._Element | None
    body: etree._Element
    action: str
    message_id: str = ""
    relates_to: str = ""
    to: str = ""
    attachments: dict[str, bytes] = {}
    is_mtom: bool = False
    size_bytes: int = 0

    def content_of(self, element: etree._Element) -> bytes:
        """The bytes that ``element`` carries: a ``xop:Include``, or base64 inline.

        Raises ``MalformedInput`` (``XopUnresolved``, ``Base64``).
        """
        include = next(element.iterchildren(f"{{{XOP}}}Include"), None)
        if include is None:
            return decode_base64(text_of(element).encode(), element.get("id", ""))
        href = include.get("href", "")
        content = self.attachments.get(content_id_of(href))
        if content is None:
            raise malformed(
                "XopUnresolved",
                f"Aucune partie MIME ne correspond à « {href} ».",
                f"No MIME part corresponds to “{href}”.",
                location=element.get("id", ""),
            )
        return content


class NotUnderstood(SocleError):
    """A header that must be understood is not."""

    http_status = 500


class VersionMismatch(SocleError):
    """The envelope is not SOAP 1.2."""

    http_status = 500


def content_id_of(href: str) -> str:
    """The Content-ID that a ``cid:`` URL names.

    >>> content_id_of("cid:0.2"), content_id_of("cid:a%40b")
    ('0.2', 'a@b')
    """
    return unquote(href.removeprefix("cid:")).strip("<>")


def text_of(element: etree._Element) -> str:
    """The whole text of ``element``, stripped, comments left out: a comment cannot cut a value short."""
    if len(element) == 0:
        return (element.text or "").strip()
    return str(element.xpath("string()")).strip()


def read_message(body: bytes, content_type: str, *, max_marks: int = MAX_ENVELOPE_MARKS) -> Message:
    """The SOAP 1.2 message that an HTTP body carries, MTOM package or plain; ``max_marks`` bounds its envelope.

    Raises ``MalformedInput``, ``TooLarge`` (from MIME and XML), ``VersionMismatch``, ``NotUnderstood``.
    """
    size_bytes = len(body)
    media_type, parameters = read_media_type(content_type)
    attachments: dict[str, bytes] = {}
    is_mtom = media_type == "multipart/related"
    if is_mtom:
        package = read_package(body, content_type)
        body, attachments = package.root.content, package.attachments
        _, root_parameters = read_media_type(package.root.content_type)
        charset = root_parameters.get("charset", "")
    elif media_type in _XML_TYPES:
        charset = parameters.get("charset", "")
    else:
        raise malformed(
            "UnsupportedMediaType",
            "Le Content-Type attendu est application/soap+xml ou multipart/related (MTOM).",
            "The expected Content-Type is application/soap+xml or multipart/related (MTOM).",
        )
    envelope = parse(_to_utf8(body, charset), max_bytes=MAX_ENVELOPE_BYTES, max_marks=max_marks)
    header, content = _split_envelope(envelope)
    addressing = _read_addressing(header)
    return Message(
        envelope=envelope,
        header=header,
        body=content,
        action=addressing.get("Action") or parameters.get("action", ""),
        message_id=addressing.get("MessageID", ""),
        relates_to=addressing.get("RelatesTo", ""),
        to=addressing.get("To", ""),
        attachments=attachments,
        is_mtom=is_mtom,
        size_bytes=size_bytes,
    )


def _to_utf8(source: bytes, charset: str) -> bytes:
    """``source`` as XML that a parser reads without being told its charset. The HTTP header decides (RFC 7303)."""
    if not charset:
        return source
    codec = _CHARSETS.get(charset.lower())
    declared = _DECLARED_ENCODING.match(source)
    declared_codec = _CHARSETS.get(declared[1].decode().lower(), "?") if declared else codec
    if codec is None or declared_codec != codec:
        raise malformed(
            "CharsetMismatch",
            "Le jeu de caractères annoncé est inconnu ou contredit la déclaration XML.",
            "The announced charset is unknown or contradicts the XML declaration.",
        )
    if codec == "utf-8":
        return source
    try:
        return _DECLARATION.sub("", source.decode(codec)).encode()
    except UnicodeError as error:
        raise malformed(
            "CharsetMismatch",
            "Le contenu n'est pas dans le jeu de caractères annoncé.",
            "The content is not in the announced charset.",
        ) from error


def _split_envelope(envelope: etree._Element) -> tuple[etree._Element | None, etree._Element]:
    if envelope.tag != f"{{{SOAP}}}Envelope":
        if envelope.tag == f"{{{SOAP_1_1}}}Envelope":
            raise VersionMismatch(
                "SoapVersion",
                Text("Ce service parle SOAP 1.2, pas SOAP 1.1.", "This service speaks SOAP 1.2, not SOAP 1.1."),
            )
        raise malformed(
            "NotSoap",
            "La racine n'est pas une enveloppe SOAP 1.2.",
            "The root is not a SOAP 1.2 envelope.",
            location="/",
        )
    children = list(envelope.iterchildren(etree.Element))
    header = children.pop(0) if children and children[0].tag == f"{{{SOAP}}}Header" else None
    if len(children) != 1 or children[0].tag != f"{{{SOAP}}}Body":
        raise malformed(
            "NotSoap",
            "L'enveloppe doit contenir un Header facultatif puis un seul Body.",
            "The envelope must hold an optional Header, then one Body.",
            location="/soap:Envelope",
        )
    bodies = list(children[0].iterchildren(etree.Element))
    if len(bodies) != 1:
        raise malformed(
            "NotSoap",
            "Le Body doit contenir un seul élément.",
            "The Body must hold one element.",
            location="/soap:Envelope/soap:Body",
        )
    return header, bodies[0]


def _read_addressing(header: etree._Element | None) -> dict[str, str]:
    """WS-Addressing headers by local name. Raises on a repeated one, and on a header that must be understood."""
    found: dict[str, str] = {}
    for block in () if header is None else header.iterchildren(etree.Element):
        name = etree.QName(block)
        if name.namespace == WSA:
            if name.localname in found and name.localname != "RelatesTo":
                raise malformed(
                    "WsaRepeated",
                    f"L'en-tête wsa:{name.localname} est répété.",
                    f"The header wsa:{name.localname} is repeated.",
                )
            found[name.localname] = text_of(block)
        elif (
            name.namespace not in _UNDERSTOOD
            and block.get(f"{{{SOAP}}}mustUnderstand", "").strip() in _TRUE
            and block.get(f"{{{SOAP}}}role", "") in _OUR_ROLES
        ):
            raise NotUnderstood(
                "MustUnderstand",
                Text(
                    f"L'en-tête « {name.localname} » doit être compris et ne l'est pas.",
                    f"The header “{name.localname}” must be understood and is not.",
                ),
            )
    return found


def write_message(
    action: str,
    body: etree._Element,
    *,
    last: bytes = b"",
    attachments: Mapping[str, tuple[str, bytes]] | None = None,
    relates_to: str = "",
    to: str = "",
    security: etree._Element | None = None,
) -> tuple[str, bytes]:
    """Content-Type and HTTP body of a message: MTOM when there are ``attachments`` (by Content-ID), else plain.

    ``last`` is an element already written in UTF-8, put as it is at the end of ``body``.

    A message that answers gives ``relates_to``; a message that asks gives ``to`` (and ``security``).
    """
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP, "wsa": WSA})
    header = etree.SubElement(envelope, f"{{{SOAP}}}Header")
    action_header = etree.SubElement(header, f"{{{WSA}}}Action")
    action_header.set(f"{{{SOAP}}}mustUnderstand", "true")
    action_header.text = action
    etree.SubElement(header, f"{{{WSA}}}MessageID").text = f"urn:uuid:{uuid.uuid4()}"
    if relates_to:
        etree.SubElement(header, f"{{{WSA}}}RelatesTo").text = _xml_safe(relates_to)
    if to:
        reply_to = etree.SubElement(header, f"{{{WSA}}}ReplyTo")
        etree.SubElement(reply_to, f"{{{WSA}}}Address").text = ANONYMOUS
        etree.SubElement(header, f"{{{WSA}}}To").text = to
    if security is not None:
        header.append(security)
    etree.SubElement(envelope, f"{{{SOAP}}}Body").append(body)
    if last and len(body) == 0 and not body.text:
        body.text = ""  # written with an end tag
    root = etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")
    if last:
        before, *ends = root.rsplit(b"</", 3)
        root = b"</".join([before + last, *ends])
    if attachments is None:
        return f'application/soap+xml; charset=UTF-8; action="{action}"', root
    return write_package(root, attachments, action=action, boundary=f"socle-{secrets.token_hex(16)}")


def _xml_safe(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


def require(element: etree._Element | None, what: str, location: str) -> etree._Element:
    """``element``, which must be there. Raises ``MalformedInput`` (``ElementMissing``)."""
    if element is None:
        raise MalformedInput(
            "ElementMissing",
            Text(f"L'élément « {what} » manque.", f"The element “{what}” is missing."),
            location=location,
        )
    return element
