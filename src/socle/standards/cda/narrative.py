"""The narrative of a document: its identified pieces, and the plain text of any of them."""

from __future__ import annotations

from typing import Final

from lxml import etree

from socle.standards.cda.datatypes import V3, Concept, child, read_concept, read_reference, text_of

#: Elements that begin on a new line, and those that begin in a new cell.
_LINES: Final = frozenset(V3 + name for name in ("br", "tr", "paragraph", "item", "list", "table", "caption"))
_CELLS: Final = frozenset(V3 + name for name in ("td", "th"))
#: What sets them apart while text is collected: characters that no XML holds, and that count as white space.
_LINE, _CELL = "\x1e", "\x1f"


#: Longest piece of narrative that an entry can quote, in characters: many entries may point to the same one.
MAX_QUOTE: Final = 20_000


class Narrative:
    """Finds pieces of the narrative by their ``ID``. Built once a document, in one pass; each piece is read once."""

    def __init__(self, root: etree._Element) -> None:
        self._by_id: dict[str, etree._Element] = {}
        self._texts: dict[str, str] = {}
        for text in root.iter(V3 + "text"):
            for element in text.iter(etree.Element):
                if (identifier := element.get("ID")) is not None:
                    self._by_id.setdefault(identifier, element)

    def text_of(self, identifier: str) -> str:
        """The plain text of the piece called ``identifier``, cut at ``MAX_QUOTE``, or an empty text."""
        if identifier not in self._texts:
            element = self._by_id.get(identifier)
            self._texts[identifier] = "" if element is None else plain_text(element)[:MAX_QUOTE]
        return self._texts[identifier]

    def resolve(self, element: etree._Element | None) -> str:
        """The text that an ``ED`` holds or refers to (``text``, ``originalText``)."""
        if element is None:
            return ""
        return self.text_of(read_reference(element)) or text_of(element)

    def concept(self, element: etree._Element | None) -> Concept | None:
        """The ``CD`` in ``element`` as a plain concept: a code with label and translations, or only words."""
        concept = read_concept(element)
        return None if concept is None else self.plain(concept)

    def plain(self, concept: Concept) -> Concept:
        """``concept`` without pointers: words only where there is no code."""
        words = self.text_of(concept.narrative) or concept.original_text
        translations = tuple(self.plain(translation) for translation in concept.translations)
        has_code = bool(concept.code or any(translation.code for translation in translations))
        return Concept(
            code=concept.code,
            system=concept.system if concept.code else "",
            label=concept.label,
            original_text="" if has_code else words,
            translations=translations,
            qualifiers=concept.qualifiers,
            null_flavor="" if has_code or words else concept.null_flavor,
        )

    def text_child(self, element: etree._Element) -> str:
        """What the narrative shows for an entry: its ``text``, resolved."""
        return self.resolve(child(element, "text"))


def plain_text(element: etree._Element) -> str:
    """The text inside, white space collapsed, blocks and cells set apart."""
    return " ".join(_collected(element).split())


def plain_lines(element: etree._Element) -> str:
    """The text inside, a line for each row, paragraph and item, a tabulator between the cells of a row."""
    rows = ([" ".join(cell.split()) for cell in line.split(_CELL)] for line in _collected(element).split(_LINE))
    return "\n".join(line for row in rows if (line := "\t".join(filter(None, row))))


def _collected(element: etree._Element) -> str:
    parts: list[str] = []
    _collect(element, parts, is_in_cell=False)
    return "".join(parts)


def _collect(element: etree._Element, parts: list[str], *, is_in_cell: bool) -> None:
    edge = _CELL if element.tag in _CELLS else " " if is_in_cell else _LINE
    is_block = element.tag in _CELLS or element.tag in _LINES
    if is_block:
        parts.append(edge)
    parts.append(element.text or "")
    for node in element:
        if isinstance(node.tag, str):
            _collect(node, parts, is_in_cell=is_in_cell or element.tag in _CELLS)
        parts.append(node.tail or "")
    if is_block:
        parts.append(edge)
