"""Opens a CDA document, whatever wraps it.

Source: CI-SIS "Structuration minimale" §3: level N1, level N3, self-presentable documents.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

import msgspec
from lxml import etree

from socle.standards.cda.datatypes import V3, child
from socle.standards.errors import InvalidContent, MalformedInput, Text
from socle.standards.xml import parse

_CLINICAL_DOCUMENT: Final = V3 + "ClinicalDocument"
_STYLESHEET: Final = "{http://www.w3.org/1999/XSL/Transform}stylesheet"


class CdaDocument(msgspec.Struct, frozen=True, eq=False):
    """One parsed document. ``root`` is its ``ClinicalDocument`` element; it must not be changed.

    ``is_self_presentable`` says that it came inside an XSLT style sheet, which is never run.
    """

    root: etree._Element
    is_self_presentable: bool = False

    @property
    def body(self) -> etree._Element | None:
        """``structuredBody`` or ``nonXMLBody``."""
        component = child(self.root, "component")
        structured = child(component, "structuredBody")
        return structured if structured is not None else child(component, "nonXMLBody")

    @property
    def is_structured(self) -> bool:
        """Whether the body is made of sections (level N3) and not of one embedded file (level N1)."""
        return self.body is not None and self.body.tag == V3 + "structuredBody"

    @property
    def mime_type(self) -> str:
        """The XDS ``mimeType`` under which a document of this shape is shared."""
        return "application/xslt+xml" if self.is_self_presentable else "text/xml"

    def embedded_file(self) -> EmbeddedFile | None:
        """The file that a level N1 body carries, or ``None``. Raises ``MalformedInput`` on bad base64."""
        return None if self.is_structured else read_embedded_file(child(self.body, "text"))


class EmbeddedFile(msgspec.Struct, frozen=True):
    """A file inside a document: its media type and its bytes."""

    media_type: str
    content: bytes


def open_document(source: bytes | etree._Element) -> CdaDocument:
    """The CDA document in ``source``: bytes, or an element already parsed by ``socle.standards.xml.parse``.

    Raises ``MalformedInput`` when it is not XML, ``InvalidContent`` (code ``NotCDA``) when no CDA is inside.

    >>> open_document(b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>').is_self_presentable
    False
    """
    root = parse(source) if isinstance(source, bytes) else source
    if root.tag == _CLINICAL_DOCUMENT:
        return CdaDocument(root)
    if root.tag == _STYLESHEET and (inner := next(root.iter(_CLINICAL_DOCUMENT), None)) is not None:
        return CdaDocument(inner, is_self_presentable=True)
    raise InvalidContent(
        "NotCDA",
        Text("Le fichier n'est pas un document CDA.", "The file is not a CDA document."),
        location=f"/{etree.QName(root).localname}",
        remedy=Text(
            "La racine attendue est {urn:hl7-org:v3}ClinicalDocument, ou xsl:stylesheet pour un auto-présentable.",
            "The expected root is {urn:hl7-org:v3}ClinicalDocument, or xsl:stylesheet when self-presentable.",
        ),
        requirement="CI-SIS Structuration minimale §1",
    )


def read_embedded_file(element: etree._Element | None) -> EmbeddedFile | None:
    """The ``ED`` in ``element`` decoded; plain text becomes UTF-8. Raises ``MalformedInput`` on bad base64."""
    if element is None or element.get("nullFlavor"):
        return None
    text = "".join(element.itertext(etree.Element))
    media_type = element.get("mediaType", "text/plain").strip().lower()
    if element.get("representation", "TXT") != "B64":
        return EmbeddedFile(media_type, text.encode())
    try:
        return EmbeddedFile(media_type, base64.b64decode("".join(text.split()), validate=True))
    except (binascii.Error, ValueError) as error:
        raise MalformedInput(
            "InvalidBase64",
            Text("Le fichier embarqué n'est pas du base64 valide.", "The embedded file is not valid base64."),
            requirement="HL7 v3 ED, representation B64",
        ) from error
