"""A document indexed in one pass for rules: by element name, and by the templates that elements claim.

Nodes are plain objects with slots: reading a child or an attribute costs a dictionary look-up, where an lxml proxy
costs ten times more. Positions (line, column) are found only for the few nodes that a finding names.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from lxml import etree

#: HL7 v3 elements say which models they claim by ``<templateId root="…"/>`` children: rules select by them.
TEMPLATE_ID: Final = "{urn:hl7-org:v3}templateId"

_STRING: Final = etree.XPath("string()", smart_strings=False)
_ALL_TEXTS: Final = etree.XPath(".//text()", smart_strings=False)


class Node:
    """An element, or the document itself (``tag`` empty, index -1).

    ``kids`` maps a Clark name to the children of that name; ``last`` is the index after the last descendant;
    ``templates`` are the roots of its ``templateId`` children, in order; ``shape`` is 0, then what ``shape_of`` gives.
    """

    __slots__ = ("attrs", "children", "element", "index", "kids", "last", "parent", "shape", "tag", "templates")

    tag: str
    attrs: dict[str, str]
    parent: Node | None
    index: int
    last: int
    children: Sequence[Node]
    kids: Mapping[str, Sequence[Node]]
    templates: Sequence[str]
    shape: int
    element: etree._Element

    def string(self) -> str:
        """The string value: all text below, comments left out."""
        element, children = self.element, self.children
        if len(element) != len(children):
            return str(_STRING(element))
        if not children:
            return element.text or ""
        parts = [element.text or ""]
        for child in children:
            parts += (child.string(), child.element.tail or "")
        return "".join(parts)

    def texts(self) -> list[str]:
        """The text node children, in order."""
        if not self.tag:
            return []
        found = [self.element.text] if self.element.text else []
        if not len(self.element):
            return found
        found += [child.tail for child in self.element if child.tail]
        return found

    def has_words(self) -> bool:
        """Whether a text node child is more than white space."""
        return any(text.strip(" \t\r\n") for text in self.texts())

    def all_texts(self) -> list[str]:
        """The text node descendants, in order."""
        return list(_ALL_TEXTS(self.element))

    def name(self) -> str:
        """The name with the prefix that the document uses."""
        if not self.tag:
            return ""
        prefix, local = self.element.prefix, self.tag.rpartition("}")[2]
        return f"{prefix}:{local}" if prefix else local


_NONE: Final[tuple[Node, ...]] = ()
_NO_KIDS: Final[dict[str, list[Node]]] = {}
_NO_TEMPLATES: Final[tuple[str, ...]] = ()


class Document:
    """The nodes of one document, in document order, and their indexes."""

    __slots__ = ("by_tag", "by_template", "memo", "nodes", "root")

    def __init__(self, root: etree._Element) -> None:
        self.nodes: list[Node] = []
        self.by_tag: dict[str, list[Node]] = {}
        self.by_template: dict[str, list[Node]] = {}
        #: What rules computed once for the whole document.
        self.memo: dict[str, Any] = {}
        self.root = Node()
        self.root.tag, self.root.attrs, self.root.parent, self.root.index = "", {}, None, -1
        self.root.templates, self.root.element, self.root.shape = _NO_TEMPLATES, root, 0
        top = self._build(root)
        self.root.children, self.root.kids, self.root.last = [top], {top.tag: [top]}, top.last

    def _build(self, root: etree._Element) -> Node:
        """One pass over libxml2's own order; how many children an element has says where it ends."""
        nodes, by_tag, new = self.nodes, self.by_tag, Node.__new__
        parent, left, siblings, named = self.root, 1, list[Node](), dict[str, list[Node]]()
        outer: list[tuple[Node, int, list[Node], dict[str, list[Node]]]] = []
        for element in root.iter():
            tag = element.tag
            if tag.__class__ is str:  # comments and instructions have a function there
                node = new(Node)
                node.tag, node.attrs, node.parent, node.element = tag, dict(element.items()), parent, element
                node.index, node.shape, node.templates = len(nodes), 0, _NO_TEMPLATES
                nodes.append(node)
                siblings.append(node)
                for index in (by_tag, named):
                    if tag in index:
                        index[tag].append(node)
                    else:
                        index[tag] = [node]
                if size := len(element):
                    outer.append((parent, left, siblings, named))
                    parent, left, siblings, named = node, size, [], {}
                    node.children, node.kids = siblings, named
                    continue
                node.children, node.kids, node.last = _NONE, _NO_KIDS, len(nodes)
            left -= 1
            while not left and outer:
                parent.last = len(nodes)
                if TEMPLATE_ID in named:
                    self._claim(parent, named[TEMPLATE_ID])
                parent, left, siblings, named = outer.pop()
                left -= 1
        return nodes[0]

    def _claim(self, node: Node, templates: list[Node]) -> None:
        node.templates = [template.attrs.get("root", "") for template in templates]
        for root in node.templates:
            self.by_template.setdefault(root, []).append(node)

    def within(self, node: Node, key: str, listed: Callable[[], Sequence[Node]]) -> Sequence[Node]:
        """Of the nodes that ``listed`` gives in order, kept under ``key``: ``node`` and those below it."""
        if key not in self.memo:
            found = listed()
            self.memo[key] = ([one.index for one in found], found)
        places, nodes = self.memo[key]
        first = bisect_left(places, node.index)
        return nodes[first : bisect_left(places, node.last, first)] if first < len(places) else _NONE

    def release(self) -> None:
        """Breaks the cycles between parents and children, so that memory comes back without the garbage collector."""
        for node in (self.root, *self.nodes):
            node.parent, node.children, node.kids = None, _NONE, _NO_KIDS
        self.memo.clear()


def shape_of(node: Node) -> int:
    """A number for the names of the node's attributes and the number of its children of each name; never 0."""
    kids = node.kids
    key = (tuple(node.attrs), tuple(kids), tuple(map(len, kids.values()))) if kids else tuple(node.attrs)
    if len(_SHAPES) > _MOST_SHAPES:
        _SHAPES.clear()  # numbers go on: none is given twice
    node.shape = _SHAPES.setdefault(key, next(_NUMBERS))
    return node.shape


_SHAPES: Final[dict[object, int]] = {}
_MOST_SHAPES: Final = 50_000
_NUMBERS: Final = itertools.count(1)


def location(node: Node) -> str:
    """The path of ``node`` as the French edition of the ISO skeleton writes it.

    Prefixes are those of the document; an index is written only after a sibling of the same name.
    """
    parts = []
    current: Node | None = node if node.tag else node.children[0]
    while current is not None and current.tag:
        name, position = current.name(), 1
        if current.parent is not None:
            for sibling in current.parent.kids.get(current.tag, ()):
                if sibling is current:
                    break
                position += sibling.name() == name
        parts.append(f"/{name}[{position}]" if position > 1 else f"/{name}")
        current = current.parent
    return "".join(reversed(parts))


def opening_tag(node: Node) -> str:
    """The start tag of ``node`` and the text after it, cut when they are long; nothing for the document itself."""
    if not node.tag:
        return ""
    shown = "".join(f' {name.rpartition("}")[2]}="{value}"' for name, value in node.attrs.items())
    written = f"<{node.name()}{shown}>{(node.element.text or '').strip()}"
    return written if len(written) <= _MOST_CHARACTERS else written[: _MOST_CHARACTERS - 1] + "…"


_MOST_CHARACTERS: Final = 200


def positions(source: bytes, wanted: set[int], encoding: str = "UTF-8") -> dict[int, tuple[int, int]]:
    """Line and column (from 1, in characters) of the elements whose document-order index is ``wanted``.

    Call it only on bytes that ``socle.standards.xml.parse`` accepted: then each ``<`` outside comments, instructions
    and CDATA sections opens a tag.
    """
    try:
        text = source.decode(encoding).removeprefix("\ufeff")
    except (LookupError, UnicodeDecodeError):  # libxml2 knows encodings that Python does not
        text = source.decode("latin-1")
    if "\r" in text:
        text = text.replace("\r\n", " \n").replace("\r", "\n")
    starts = (tag.start() for tag in _MARKUP.finditer(text) if tag.lastindex)
    last = max(wanted, default=-1)
    found: dict[int, tuple[int, int]] = {}
    line, read = 1, 0
    for index, offset in enumerate(islice(starts, last + 1)):
        if index in wanted:
            line, read = line + text.count("\n", read, offset), offset
            found[index] = (line, offset - text.rfind("\n", 0, offset))
    return found


#: A start tag (group 1), or what may hold something that looks like one.
_MARKUP: Final = re.compile(r"<(?:([^/!?])|!--.*?-->|!\[CDATA\[.*?\]\]>|\?.*?\?>)", re.DOTALL)
