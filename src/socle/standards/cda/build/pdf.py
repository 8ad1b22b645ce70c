"""PDF files to embed: are they PDF, do they claim PDF/A, and do they keep the claim where that is cheap to check.

Source: CI-SIS "Structuration minimale" §3.1 (PDF/A-1 in level N1); ISO 19005-1 §6.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from socle.standards.errors import InvalidContent, Text

if TYPE_CHECKING:
    import pikepdf

#: Actions that PDF/A forbids.
_FORBIDDEN_ACTIONS = frozenset({"/JavaScript", "/Launch", "/ImportData", "/Sound", "/Movie", "/ResetForm"})


class PdfFinding(msgspec.Struct, frozen=True):
    """One reason why a PDF is not the PDF/A that it should be."""

    code: str
    reason: Text
    requirement: str


def require_pdf(content: bytes) -> bytes:
    """``content`` itself when it is a readable PDF. Raises ``InvalidContent`` (code ``NotPDF``)."""
    import pikepdf

    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            if len(pdf.pages):
                return content
    except (pikepdf.PdfError, ValueError):
        pass
    raise InvalidContent(
        "NotPDF",
        Text("Le fichier à embarquer n'est pas un PDF lisible.", "The file to embed is not a readable PDF."),
        requirement="CI-SIS Structuration minimale §3.1",
    )


def pdf_a_claim(content: bytes) -> str:
    """The PDF/A part and level that the file claims (``1B``, ``3U`` …), empty when it claims none or is no PDF."""
    import pikepdf

    try:
        with pikepdf.open(io.BytesIO(content)) as pdf, pdf.open_metadata() as metadata:
            return str(metadata.pdfa_status)
    except (pikepdf.PdfError, ValueError):
        return ""


def pdf_a_findings(content: bytes) -> list[PdfFinding]:
    """What keeps ``content`` from being PDF/A: no claim, encryption, active content, fonts not embedded, no profile.

    An empty list is not a proof of conformance, which takes a whole validator. Raises ``InvalidContent`` (``NotPDF``).
    """
    import pikepdf

    require_pdf(content)
    with pikepdf.open(io.BytesIO(content)) as pdf:
        return [PdfFinding(code, Text(french, english), where) for code, french, english, where in _findings(pdf)]


def _findings(pdf: pikepdf.Pdf) -> Iterator[tuple[str, str, str, str]]:
    import pikepdf

    with pdf.open_metadata() as metadata:
        claim = str(metadata.pdfa_status)
    if not claim:
        yield (
            "PDFANotClaimed",
            "Le PDF ne se déclare pas PDF/A.",
            "The PDF does not claim PDF/A.",
            "ISO 19005-1 §6.7.11",
        )
    if pdf.is_encrypted:
        yield "PDFAEncrypted", "Le PDF est chiffré.", "The PDF is encrypted.", "ISO 19005-1 §6.1.3"
    if "/OutputIntents" not in pdf.Root:
        yield (
            "PDFANoOutputIntent",
            "Le PDF n'a pas de profil de couleur de sortie.",
            "The PDF has no output intent.",
            "ISO 19005-1 §6.2.2",
        )
    if claim.startswith("1") and "/EmbeddedFiles" in pdf.Root.get("/Names", pikepdf.Dictionary()):
        yield (
            "PDFAEmbeddedFile",
            "Le PDF/A-1 porte un fichier joint.",
            "The PDF/A-1 embeds a file.",
            "ISO 19005-1 §6.1.11",
        )
    if _has_active_content(pdf):
        yield (
            "PDFAActive",
            "Le PDF porte une action interdite.",
            "The PDF has a forbidden action.",
            "ISO 19005-1 §6.6.1",
        )
    if fonts := sorted(_fonts_not_embedded(pdf)):
        names = ", ".join(fonts)
        yield (
            "PDFAFontNotEmbedded",
            f"Des polices ne sont pas embarquées : {names}.",
            f"Some fonts are not embedded: {names}.",
            "ISO 19005-1 §6.3.4",
        )


def _has_active_content(pdf: pikepdf.Pdf) -> bool:
    import pikepdf

    if "/JavaScript" in pdf.Root.get("/Names", pikepdf.Dictionary()):
        return True
    return any(
        isinstance(each, pikepdf.Dictionary) and str(each.get("/S", "")) in _FORBIDDEN_ACTIONS for each in pdf.objects
    )


def _fonts_not_embedded(pdf: pikepdf.Pdf) -> set[str]:
    import pikepdf

    missing = set()
    for each in pdf.objects:
        if not isinstance(each, pikepdf.Dictionary) or each.get("/Type") != "/Font":
            continue
        if str(each.get("/Subtype")) in ("/Type0", "/Type3"):
            continue
        descriptor = each.get("/FontDescriptor", pikepdf.Dictionary())
        if not any(key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3")):
            missing.add(str(each.get("/BaseFont", "?")).lstrip("/"))
    return missing
