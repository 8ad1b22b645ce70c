"""A received message as typed values: addresses, texts, attachments, X-MSS fields.

Reading never fails on odd text: an unknown charset or a broken encoding gives replacement characters.
It fails (``TooLarge``) only on a structure over the bounds of ``structure.scan``.

Source: RFC 5322, 2045-2047, 2231; Référentiel socle MSSanté #2 §3.
"""

from __future__ import annotations

import base64
import quopri
import re
from datetime import UTC, datetime
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

import msgspec

from socle.standards.errors import MalformedInput
from socle.standards.mail.address import Address, parse_address
from socle.standards.mail.structure import Part, parse_header, scan

_XDM_SUBJECT = re.compile(r"^(?P<prefixes>(?:\[[^\]]*\]\s*)*)XDM/1\.0/DDM[+/]?", re.IGNORECASE)
_BASE64_JUNK = re.compile(rb"[^A-Za-z0-9+/]")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,400}>")
_ARCHIVE_NAME = re.compile(r"IHE[_-]XDM\.ZIP", re.IGNORECASE)


class Correspondent(msgspec.Struct, frozen=True):
    """One address of a header, with the name shown before it."""

    address: Address
    name: str = ""


class Attachment(msgspec.Struct, frozen=True):
    """One leaf that is not the text of the message. ``content`` is decoded."""

    name: str
    content_type: str
    content: bytes

    @property
    def is_xdm(self) -> bool:
        """Whether this is an IHE_XDM archive, by its name or by the folder inside."""
        if _ARCHIVE_NAME.fullmatch(self.name):
            return True
        return self.content.startswith(b"PK\x03\x04") and b"IHE_XDM/" in self.content


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    """One message. Texts are without CR; ``date`` is aware, in UTC."""

    sender: Correspondent | None
    reply_to: tuple[Correspondent, ...] = ()
    to: tuple[Correspondent, ...] = ()
    cc: tuple[Correspondent, ...] = ()
    subject: str = ""
    date: datetime | None = None
    message_id: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    text: str = ""
    html: str = ""
    attachments: tuple[Attachment, ...] = ()
    #: ``X-MSS-CODECDA``, split.
    cda_codes: tuple[str, ...] = ()
    #: ``X-MSS-INS``: ``O``, ``N`` or empty.
    has_ins: str = ""
    #: ``X-MSS-NIL``: reference number of the sending product.
    product: str = ""
    #: ``X-MSS-MES: FIN``.
    closes_exchange: bool = False
    #: ``Disposition-Notification-To``.
    read_receipt_to: Correspondent | None = None

    @property
    def xdm(self) -> Attachment | None:
        """The IHE_XDM archive, if the message carries one."""
        return next((item for item in self.attachments if item.is_xdm), None)

    @property
    def is_health_document(self) -> bool:
        """Whether the message carries documents, by its subject or its archive."""
        return _XDM_SUBJECT.match(self.subject) is not None or self.xdm is not None

    @property
    def title(self) -> str:
        """The subject as shown to a person (ECO.3.1.3)."""
        return shown_subject(self.subject)


def read_mail(message: bytes) -> Mail:
    """Everything that a reader shows of ``message``. Raises ``TooLarge`` on a structure over the bounds."""
    root = scan(message)
    texts: list[tuple[str, str]] = []
    attachments: list[Attachment] = []
    for part in leaves(root):
        is_text = part.type == "text" and part.subtype in {"plain", "html"}
        if is_text and part.disposition != "attachment" and not file_name(part):
            texts.append((part.subtype, decode_text(message, part)))
        else:
            attachments.append(Attachment(file_name(part), part.content_type, decode_body(message, part)))
    return read_header(
        message[root.start : root.body],
        text="\n".join(text for kind, text in texts if kind == "plain"),
        html="\n".join(text for kind, text in texts if kind == "html"),
        attachments=tuple(attachments),
    )


def read_header(header: bytes, *, text: str = "", html: str = "", attachments: tuple[Attachment, ...] = ()) -> Mail:
    """The fields of ``header`` as a ``Mail`` with the given bodies."""
    fields = parse_header(header)
    receipts = correspondents(fields, "Disposition-Notification-To")
    senders = correspondents(fields, "From")
    return Mail(
        sender=senders[0] if senders else None,
        reply_to=correspondents(fields, "Reply-To"),
        to=correspondents(fields, "To"),
        cc=correspondents(fields, "Cc"),
        subject=decode_words(_first(fields, "Subject")),
        date=read_date(_first(fields, "Date")),
        message_id=next(iter(message_ids(_first(fields, "Message-ID"))), ""),
        in_reply_to=next(iter(message_ids(_first(fields, "In-Reply-To"))), ""),
        references=message_ids(_first(fields, "References"))[-100:],
        text=text,
        html=html,
        attachments=attachments,
        cda_codes=tuple(code.strip() for code in _first(fields, "X-MSS-CODECDA").split(",") if code.strip())[:100],
        has_ins=_first(fields, "X-MSS-INS").strip()[:1],
        product=_first(fields, "X-MSS-NIL").strip()[:100],
        closes_exchange=_first(fields, "X-MSS-MES").strip() == "FIN",
        read_receipt_to=receipts[0] if receipts else None,
    )


def leaves(part: Part) -> list[Part]:
    """The parts that hold content, in order; a message inside a message is one leaf."""
    if part.is_multipart:
        return [leaf for child in part.children for leaf in leaves(child)]
    return [part]


def file_name(part: Part) -> str:
    """The name under which the sender filed the part, without any path."""
    name = dict(part.disposition_parameters).get("filename", "") or part.parameter("name")
    return re.split(r"[/\\]", decode_words(name))[-1].strip()[:200]


def decode_body(message: bytes, part: Part) -> bytes:
    """The body of a leaf, transfer encoding undone. Junk among Base64 characters is skipped."""
    body = message[part.body : part.end]
    if part.encoding == "base64":
        clean = _BASE64_JUNK.sub(b"", body.partition(b"=")[0])
        return base64.b64decode(clean[: len(clean) - (len(clean) % 4 == 1)] + b"==")
    if part.encoding == "quoted-printable":
        return quopri.decodestring(body)
    return body


def decode_text(message: bytes, part: Part) -> str:
    """The body of a text leaf as text, line ends as LF."""
    raw = decode_body(message, part)
    try:
        text = raw.decode(part.parameter("charset") or "utf-8", "replace")
    except (LookupError, ValueError, TypeError):
        text = raw.decode("utf-8", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def decode_words(raw: str) -> str:
    """``raw`` with its RFC 2047 words decoded, on one line, without control characters.

    >>> decode_words("=?utf-8?q?Compte_rendu_d=27=C3=A9pr?= =?utf-8?q?euve?=")
    "Compte rendu d'épreuve"
    """
    try:
        pieces = decode_header(raw)
    except (ValueError, TypeError, AssertionError):
        pieces = [(raw, None)]
    text = ""
    for piece, charset in pieces:
        if isinstance(piece, str):
            text += piece.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            continue
        try:
            text += piece.decode(charset or "utf-8", "replace")
        except (LookupError, ValueError):
            text += piece.decode("utf-8", "replace")
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


def correspondents(fields: Message, name: str) -> tuple[Correspondent, ...]:
    """The addresses of the fields ``name``; what is not an address is left out. At most 1,000."""
    found = []
    values = [str(value).replace("\r", "").replace("\n", "")[:100_000] for value in fields.get_all(name, [])]
    for shown, text in getaddresses(values)[:1000]:
        try:
            found.append(Correspondent(parse_address(text), decode_words(shown)))
        except MalformedInput:
            continue
    return tuple(found)


def message_ids(value: str) -> tuple[str, ...]:
    """The ``<…>`` identifiers in ``value``."""
    return tuple(_MESSAGE_ID.findall(value))


def read_date(value: str) -> datetime | None:
    """The moment of a ``Date`` field in UTC, or ``None``."""
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def shown_subject(subject: str) -> str:
    """``subject`` without the marker ``XDM/1.0/DDM+``, prefixes such as ``[KO …]`` kept.

    >>> shown_subject("XDM/1.0/DDM+2 documents VIAL Paul 26/11/1978")
    '2 documents VIAL Paul 26/11/1978'
    """
    match = _XDM_SUBJECT.match(subject)
    return subject if match is None else match["prefixes"] + subject[match.end() :].strip()


def _first(fields: Message, name: str) -> str:
    return str(fields.get(name, "")).replace("\r", "").replace("\n", "")
