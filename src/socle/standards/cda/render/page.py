"""One document → one page: header card, then the body, sections as headings."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from html import escape
from importlib import resources

import jinja2
import msgspec
from lxml import etree
from markupsafe import Markup

from socle.standards.cda.clinical import ClinicalContent, Observation
from socle.standards.cda.datatypes import child, children, text_of
from socle.standards.cda.document import CdaDocument, open_document
from socle.standards.cda.entries import read_clinical_content
from socle.standards.cda.header import Header, read_header
from socle.standards.cda.render.card import header_card
from socle.standards.cda.render.laboratory import write_results
from socle.standards.cda.render.media import AttachmentUrl, MediaLibrary
from socle.standards.cda.render.narrative import NarrativeWriter
from socle.standards.cda.words import label

#: Copy of the document as PDF inside the document itself (FRS.243).
_PDF_COPY = "1.2.250.1.213.1.1.2.243"
#: Laboratory report sections (IHE XD-LAB).
_LABORATORY = frozenset({"1.3.6.1.4.1.19376.1.3.3.2.1", "1.3.6.1.4.1.19376.1.3.3.2.2", "1.2.250.1.213.1.1.2.60"})


class RenderOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to write: language of the labels, level of the first heading, URLs of attachments, the copy left out."""

    language: str = "fr"
    heading_level: int = 1
    attachment_url: AttachmentUrl | None = None
    with_pdf_copy: bool = True


def render_fragment(
    source: bytes | etree._Element | CdaDocument,
    *,
    language: str = "fr",
    heading_level: int = 1,
    attachment_url: AttachmentUrl | None = None,
    with_pdf_copy: bool = True,
) -> str:
    """An ``article`` to place in a page of one's own, styled by ``stylesheet()``, headings from ``heading_level``.

    ``attachment_url`` gives the URLs of embedded files; without it they are ``data:`` URLs. Raises what
    ``open_document`` raises, nothing else.
    """
    document = source if isinstance(source, CdaDocument) else open_document(source)
    options = RenderOptions(
        language=language,
        heading_level=max(1, min(heading_level, 5)),
        attachment_url=attachment_url,
        with_pdf_copy=with_pdf_copy,
    )
    header = read_header(document)
    body, refused = _write_body(document, header, options)
    return (
        _environment()
        .get_template("document.html")
        .render(
            title=header.title or (header.code.label if header.code else "") or label("untitled", language),
            level=options.heading_level,
            card=header_card(header, language),
            body=Markup(body),  # noqa: S704 - every tag in it was written by the renderer
            refused=refused,
            language=language,
            document_language=header.language or "fr-FR",
            t=lambda key: label(key, language),
        )
    )


def render_page(
    source: bytes | etree._Element | CdaDocument,
    *,
    language: str = "fr",
    attachment_url: AttachmentUrl | None = None,
    with_pdf_copy: bool = True,
) -> str:
    """A whole HTML page that stands alone: style inside, a policy that forbids scripts and outside resources."""
    document = source if isinstance(source, CdaDocument) else open_document(source)
    fragment = render_fragment(document, language=language, attachment_url=attachment_url, with_pdf_copy=with_pdf_copy)
    title = text_of(child(document.root, "title")) or label("untitled", language)
    return (
        _environment()
        .get_template("page.html")
        .render(
            title=title,
            language="en" if language == "en" else "fr",
            style=Markup(stylesheet()),  # noqa: S704 - our own file
            fragment=Markup(fragment),  # noqa: S704 - written by the renderer
            images="data:" if attachment_url is None else "data: 'self'",
        )
    )


@lru_cache(maxsize=1)
def stylesheet() -> str:
    """CSS of the fragment, for screen and print; every class begins with ``cda-``."""
    return resources.files("socle.standards.cda.render").joinpath("document.css").read_text("utf-8")


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("socle.standards.cda.render"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _write_body(document: CdaDocument, header: Header, options: RenderOptions) -> tuple[str, tuple[str, ...]]:
    media = MediaLibrary(document, options.attachment_url)
    if document.body is None:
        return f"<p>{escape(label('no_body', options.language))}</p>", ()
    if not document.is_structured:
        return media.write_body(header.title, options.language), ()
    writer = NarrativeWriter(media, options.language)
    body = _BodyWriter(writer, read_clinical_content(document), options).write(document.body)
    refused = tuple(f"{name} ({count})" for name, count in sorted(writer.refused.items()))
    return body, refused


class _BodyWriter:
    """Writes sections under headings, and laboratory results as tables before the text of their section."""

    def __init__(self, narrative: NarrativeWriter, content: ClinicalContent, options: RenderOptions) -> None:
        self._narrative = narrative
        self._options = options
        self._results: dict[str, list[Observation]] = {}
        for result in content.results:
            self._results.setdefault(result.section, []).append(result)

    def write(self, body: etree._Element) -> str:
        return self._sections(body, self._options.heading_level + 1)

    def _sections(self, element: etree._Element, level: int) -> str:
        return "".join(
            self._section(section, level)
            for component in children(element, "component")
            if (section := child(component, "section")) is not None
        )

    def _section(self, section: etree._Element, level: int) -> str:
        templates = {node.get("root") for node in children(section, "templateId")}
        if _PDF_COPY in templates and not self._options.with_pdf_copy:
            return ""
        code = child(section, "code")
        title = text_of(child(section, "title")) or ("" if code is None else code.get("displayName", ""))
        heading = escape(title or label("section", self._options.language))
        tag = f"h{min(level, 6)}"
        text = child(section, "text")
        html = "" if text is None else self._narrative.write(text, title)
        results: Sequence[Observation] = ()
        if templates & _LABORATORY and child(section, "entry") is not None:
            results = self._results.pop("" if code is None else code.get("code", ""), ())
        if results:
            summary = escape(label("original", self._options.language))
            html = (
                write_results(results, title, self._options.language)
                + f"<details open><summary>{summary}</summary>{html}</details>"
            )
        return (
            f'<section class="cda-section"><{tag}>{heading}</{tag}>{html}{self._sections(section, level + 1)}</section>'
        )


__all__ = ["AttachmentUrl", "RenderOptions", "render_fragment", "render_page", "stylesheet"]
