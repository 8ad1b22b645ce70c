"""Which type of document this is, and which version of its model judges it.

Source: CI-SIS Structuration minimale, templateId; table of the document models.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import msgspec

from socle.services.conformance.domain import PREFIXES, DocumentType, document_types
from socle.standards.schematron.tree import Document, Node

_V3: Final = "{urn:hl7-org:v3}"
_LOINC: Final = "2.16.840.1.113883.6.1"
_A05: Final = "1.2.250.1.213.1.1.4.12"


class Recognized(msgspec.Struct, frozen=True):
    """A document's type (None: outside any model), model version, date, and whether its body is a file (level N1)."""

    type: DocumentType | None
    version: str
    day: date | None
    is_n1: bool
    schema: str

    @property
    def name(self) -> str:
        """The name of the type, or ``N1`` or ``?``."""
        return self.type.name if self.type else "N1" if self.is_n1 else "?"


def recognize(document: Document) -> Recognized:
    """The type of ``document``: by its model templates, then by its code alone for a level N1 body."""
    root = document.root.children[0]
    templates = {
        node.attrs.get("root", ""): node.attrs.get("extension", "") for node in root.kids.get(_V3 + "templateId", ())
    }
    is_n1 = PREFIXES["N1"] in templates
    code = _code(root)
    day = _day(root)
    best: tuple[int, DocumentType | None, str] = (0, None, "")
    for kind in document_types().values():
        claimed = [one for one in kind.templates if one in templates]
        matches_code = code in kind.codes
        # A template decides; the code helps when several types share one; alone it names a level N1 document.
        score = 3 * bool(claimed) * (2 if claimed and claimed[0] == kind.templates[0] else 1) + matches_code
        if score > best[0] and (claimed or is_n1):
            best = (score, kind, templates[claimed[0]] if claimed else "")
    _, chosen, extension = best
    if chosen is None:
        return Recognized(None, "", day, is_n1, "")
    version = chosen.version_for(extension, day)
    # The only model made for a level N1 body is the telemedicine report.
    has_schema = bool(version) and (not is_n1 or chosen.name == "TLM-CR")
    return Recognized(chosen, version, day, is_n1, f"{chosen.name}_{version}" if has_schema else "")


def _code(root: Node) -> str:
    for node in root.kids.get(_V3 + "code", ()):
        system = {_LOINC: "LN", _A05: "A05"}.get(node.attrs.get("codeSystem", ""), "")
        return f"{node.attrs.get('code', '')}^{system}"
    return ""


def _day(root: Node) -> date | None:
    for node in root.kids.get(_V3 + "effectiveTime", ()):
        text = node.attrs.get("value", "")
        try:
            return date(int(text[:4]), int(text[4:6] or 1), int(text[6:8] or 1))
        except ValueError:
            return None
    return None
