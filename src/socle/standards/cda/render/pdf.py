"""Any CDA document → PDF: the same page through WeasyPrint; the pages of an embedded PDF follow its header card."""

from __future__ import annotations

import io
from enum import StrEnum
from typing import Final

from lxml import etree

from socle.standards.cda.document import CdaDocument, EmbeddedFile, open_document
from socle.standards.cda.render.media import true_media_type
from socle.standards.cda.render.page import render_page
from socle.standards.errors import MalformedInput, Text, TooLarge

#: Largest page that is laid out, images included.
MAX_HTML_BYTES: Final = 16 * 1024 * 1024
#: Largest picture that is printed.
MAX_PICTURE_PIXELS: Final = 60_000_000


class PdfVariant(StrEnum):
    """Profiles that WeasyPrint writes: archival, accessible."""

    PLAIN = ""
    ARCHIVAL = "pdf/a-1b"
    ACCESSIBLE = "pdf/ua-1"


def render_pdf(
    source: bytes | etree._Element | CdaDocument,
    *,
    language: str = "fr",
    variant: PdfVariant = PdfVariant.ACCESSIBLE,
) -> bytes:
    """The document as PDF, A4, without the copy of itself that it may embed.

    An N1 document whose body is a PDF gives its header card then that PDF's own pages. Nothing is fetched.
    Raises what ``open_document`` raises, and ``TooLarge``.
    """
    document = source if isinstance(source, CdaDocument) else open_document(source)
    embedded = _embedded_pdf(document)
    # Files that are not printed need no address of their own.
    page = render_page(
        document, language=language, with_pdf_copy=False, attachment_url=_printed_url if embedded else None
    )
    card = write_pdf(page, variant)
    return card if embedded is None else _append(card, embedded)


def write_pdf(html: str, variant: PdfVariant = PdfVariant.ACCESSIBLE) -> bytes:
    """The PDF of an HTML page that holds all it needs. Raises ``TooLarge`` over ``MAX_HTML_BYTES``."""
    if len(html) > MAX_HTML_BYTES:
        raise TooLarge(
            "PageTooLarge",
            Text("Le document est trop grand pour être imprimé.", "The document is too large to be printed."),
            remedy=Text("Ouvrez-le en HTML.", "Open it as HTML."),
        )
    # WeasyPrint loads pango and fonts: only who prints pays for it.
    from PIL import Image
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    # Pillow refuses pictures of more than twice this: a small file may unpack to gigabytes.
    Image.MAX_IMAGE_PIXELS = MAX_PICTURE_PIXELS // 2
    # Nothing is fetched, from the network or from the disk: a page holds all it shows.
    page = HTML(string=html, url_fetcher=URLFetcher(allowed_protocols=("data",)))
    written: bytes | None = page.write_pdf(pdf_variant=variant.value or None, full_fonts=False)
    return written or b""


def _printed_url(reference: str, media_type: str) -> str:
    return "data:,"


def _embedded_pdf(document: CdaDocument) -> bytes | None:
    try:
        file: EmbeddedFile | None = None if document.body is None else document.embedded_file()
    except MalformedInput:
        return None
    return file.content if file is not None and true_media_type(file) == "application/pdf" else None


def _append(card: bytes, embedded: bytes) -> bytes:
    import pikepdf

    try:
        with pikepdf.open(io.BytesIO(card)) as first, pikepdf.open(io.BytesIO(embedded)) as second:
            first.pages.extend(second.pages)
            output = io.BytesIO()
            first.save(output)
            return output.getvalue()
    except pikepdf.PdfError:
        return card
