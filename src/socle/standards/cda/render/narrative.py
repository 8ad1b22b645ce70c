"""Narrative blocks of a document → HTML, by an allow-list of elements and attributes.

Source: CDA R2 §4.3.5 Section Narrative Block; rendering rules of the fact sheet §8.
"""

from __future__ import annotations

import re
from collections import Counter
from html import escape
from typing import Final
from urllib.parse import urlsplit

from lxml import etree

from socle.standards.cda.datatypes import V3
from socle.standards.cda.render.media import MediaLibrary
from socle.standards.cda.words import label

_STYLES: Final = {
    "bold": "strong",
    "italics": "em",
    "emphasis": "em",
    "bolditalics": "strong",
    "underline": "u",
}
#: Narrative element → HTML element, for those that need nothing more.
_PLAIN: Final = {"sub": "sub", "sup": "sup", "item": "li", "colgroup": "", "col": ""}
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,99}")
_SPAN: Final = re.compile(r"[1-9][0-9]{0,2}")
_LINK_SCHEMES: Final = frozenset({"http", "https", "mailto"})
_IDENTIFIER_PREFIX: Final = "cda-"


class NarrativeWriter:
    """Writes the narrative blocks of one document; keeps ids unique and counts what it had to refuse."""

    def __init__(self, media: MediaLibrary, language: str) -> None:
        self.media = media
        self.language = language
        self.refused: Counter[str] = Counter()
        self._ids: set[str] = set()
        self._tables = 0

    def write(self, text: etree._Element, title: str) -> str:
        """HTML of one ``text`` block; ``title`` of its section names its tables to screen readers."""
        self._title = title
        return self._inside(text)

    def _inside(self, element: etree._Element) -> str:
        parts = [escape(element.text or "")]
        for node in element:
            if isinstance(node.tag, str):
                parts.append(self._element(node))
            parts.append(escape(node.tail or ""))
        return "".join(parts)

    def _element(self, element: etree._Element) -> str:
        name = _name_of(element)
        writer = getattr(self, f"_write_{name}", None) if name in _WRITTEN else None
        if writer is not None:
            html: str = writer(element)
            return html
        if name in _PLAIN:
            tag = _PLAIN[name]
            return f"<{tag}{self._id(element)}>{self._styled(element)}</{tag}>" if tag else ""
        return self._refuse(element)

    def _refuse(self, element: etree._Element) -> str:
        """The text alone of what is not a narrative element."""
        self.refused[etree.QName(element).localname[:30]] += 1
        return f"<span>{self._inside(element)}</span>"

    def _id(self, element: etree._Element) -> str:
        identifier = element.get("ID", "")
        if _NAME.fullmatch(identifier) is None or identifier in self._ids:
            return ""
        self._ids.add(identifier)
        return f' id="{_IDENTIFIER_PREFIX}{identifier}"'

    def _styled(self, element: etree._Element) -> str:
        html = self._inside(element)
        for code in element.get("styleCode", "").split():
            tag = _STYLES.get(code.lower())
            if tag is not None:
                html = f"<{tag}>{html}</{tag}>"
                if code.lower() == "bolditalics":
                    html = f"<em>{html}</em>"
        return html

    def _write_br(self, element: etree._Element) -> str:
        return "<br>"

    def _write_content(self, element: etree._Element) -> str:
        identifier, html = self._id(element), self._styled(element)
        if element.get("revised") == "delete":
            return f"<del{identifier}>{html}</del>"
        return f"<span{identifier}>{html}</span>" if identifier else html

    def _write_paragraph(self, element: etree._Element) -> str:
        # A paragraph may hold lists and tables, which an HTML p may not.
        return f'<div class="cda-p"{self._id(element)}>{self._caption(element)}{self._styled(element)}</div>'

    def _write_caption(self, element: etree._Element) -> str:
        """Outside a table, a caption introduces its list or paragraph; tables take theirs themselves."""
        parent = element.getparent()
        if parent is not None and parent.tag in (V3 + "table", V3 + "list", V3 + "paragraph"):
            return ""
        return f"<strong>{self._styled(element)}</strong> "

    def _caption(self, element: etree._Element) -> str:
        caption = next(element.iterchildren(V3 + "caption"), None)
        return "" if caption is None else f'<div class="cda-caption">{self._styled(caption)}</div>'

    def _write_list(self, element: etree._Element) -> str:
        tag = "ol" if element.get("listType") == "ordered" else "ul"
        items = "".join(
            f"<li{self._id(node)}>{self._caption(node)}{self._styled(node)}</li>"
            for node in element.iterchildren(V3 + "item")
        )
        stray = "".join(
            self._element(node)
            for node in element.iterchildren(etree.Element)
            if node.tag not in (V3 + "item", V3 + "caption")
        )
        return f"{self._caption(element)}<{tag}{self._id(element)}>{items}</{tag}>{stray}"

    def _write_linkHtml(self, element: etree._Element) -> str:  # noqa: N802 - name of the CDA element
        html = self._inside(element)
        href = element.get("href", "").strip()
        if href.startswith("#") and _NAME.fullmatch(href[1:]):
            return f'<a href="#{_IDENTIFIER_PREFIX}{escape(href[1:])}">{html or escape(href[1:])}</a>'
        if _is_safe_link(href):
            text = html if html.strip() else escape(href)
            return f'<a href="{escape(href)}" rel="noopener noreferrer nofollow">{text}</a>'
        if href:
            self.refused["linkHtml/@href"] += 1
        return html

    def _write_footnote(self, element: etree._Element) -> str:
        return f'<span class="cda-note"{self._id(element)}>{self._styled(element)}</span>'

    def _write_footnoteRef(self, element: etree._Element) -> str:  # noqa: N802 - name of the CDA element
        target = element.get("IDREF", "")
        text = self._inside(element).strip() or escape(label("note", self.language))
        if _NAME.fullmatch(target) is None:
            return text
        return f'<a href="#{_IDENTIFIER_PREFIX}{escape(target)}"><sup>{text}</sup></a>'

    def _write_renderMultiMedia(self, element: etree._Element) -> str:  # noqa: N802 - name of the CDA element
        caption = next(element.iterchildren(V3 + "caption"), None)
        words = "" if caption is None else " ".join("".join(caption.itertext(etree.Element)).split())
        return "".join(
            self.media.write(reference, words, self.language)
            for reference in element.get("referencedObject", "").split()
        )

    def _write_table(self, element: etree._Element) -> str:
        caption = next(element.iterchildren(V3 + "caption"), None)
        own_headers = any(
            next(row.iterchildren(V3 + "th"), None) is not None
            for part in (element, *element.iterchildren(V3 + "thead", V3 + "tbody", V3 + "tfoot"))
            for row in part.iterchildren(V3 + "tr")
        )
        self._tables += 1
        name = f"{label('table', self.language)} {self._tables} – {self._title}".rstrip(" –")
        head = "" if caption is None else f"<caption>{self._styled(caption)}</caption>"
        role = "" if own_headers or head else ' role="presentation"'
        has_head = element.find(V3 + "thead") is not None
        parts: list[str] = []
        loose: list[str] = []
        for node in element.iterchildren(etree.Element):
            tag = _name_of(node)
            if tag in ("thead", "tbody", "tfoot"):
                parts.append(f"<{tag}>{self._rows(node, tag, is_first=not parts and not has_head)}</{tag}>")
            elif tag == "tr":
                parts.append(f"<tbody>{self._row(node, 'tbody', is_first=not parts)}</tbody>")
            elif tag not in ("caption", "colgroup", "col"):
                loose.append(self._element(node))
        table = f"<table{role}{self._id(element)}>{head}{''.join(parts)}</table>" if parts or head else ""
        if not table:
            return "".join(loose)
        return f'<div class="cda-scroll" tabindex="0" role="group" aria-label="{escape(name)}">{table}</div>' + "".join(
            loose
        )

    def _rows(self, element: etree._Element, part: str, *, is_first: bool) -> str:
        rows = (node for node in element.iterchildren(V3 + "tr"))
        return "".join(self._row(node, part, is_first=is_first and rank == 0) for rank, node in enumerate(rows))

    def _row(self, element: etree._Element, part: str, *, is_first: bool) -> str:
        cells = list(element.iterchildren(V3 + "td", V3 + "th"))
        is_header_row = part == "thead" or (is_first and all(cell.tag == V3 + "th" for cell in cells))
        return f"<tr>{''.join(self._cell(cell, is_header_row=is_header_row) for cell in cells)}</tr>"

    def _cell(self, element: etree._Element, *, is_header_row: bool) -> str:
        html = self._styled(element)
        is_header = element.tag == V3 + "th" and bool(html.replace("<br>", "").strip())
        attributes = self._id(element)
        if is_header:
            attributes += ' scope="col"' if is_header_row else ' scope="row"'
        for name in ("colspan", "rowspan"):
            if _SPAN.fullmatch(element.get(name, "")) and element.get(name) != "1":
                attributes += f' {name}="{element.get(name)}"'
        tag = "th" if is_header else "td"
        return f"<{tag}{attributes}>{html}</{tag}>"


_WRITTEN: Final = frozenset(
    name.removeprefix("_write_") for name in vars(NarrativeWriter) if name.startswith("_write_")
)


def _name_of(element: etree._Element) -> str:
    """The name of a CDA element; empty for one of another namespace."""
    tag = str(element.tag)
    return tag[len(V3) :] if tag.startswith(V3) else ""


def _is_safe_link(href: str) -> bool:
    try:
        parts = urlsplit(href)
    except ValueError:
        return False
    if parts.scheme.lower() not in _LINK_SCHEMES or any(ord(character) <= 32 for character in href):
        return False
    return bool(parts.netloc) if parts.scheme.lower() != "mailto" else bool(parts.path)
