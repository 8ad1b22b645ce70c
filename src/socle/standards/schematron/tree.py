"""A document indexed in one pass for rules: by element name, and by the templates that elements claim.

Nodes are plain objects with slots: reading a child or an attribute costs a dictionary look-up, where an lxml proxy
costs ten times more. Positions (line, column) are found only for the few nodes that a finding names.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from lxml import etree

#: HL7 v3 elements say which models they claim by ``<templateId root="…"/>`` children: rules select by them.
TEMPLATE_ID: Final = "{urn:hl7-org:v3}templateId"

_STRING: Final = etree.XPath("string()", smart_strings=False)
_ALL_TEXTS: Final = etree.XPath(".//text()", smart_strings=False)


class Node(msgspec.Struct, eq=False):
    """An element, or the document itself (``tag`` empty, index -1).

    ``kids`` maps a Clark name to the children of that name; ``last`` is the index after the last descendant;
    ``templates`` are the roots of its ``templateId`` children, in order; ``shape`` is 0, then what ``shape_of`` gives.
    """

    tag: str
    parent: Node | None
    element: etree._Element
    index: int
    attrs: Mapping[str, str]
    last: int
    kids: Mapping[str, Sequence[Node]]
    children: Sequence[Node] = ()
    templates: Sequence[str] = ()
    shape: int = 0

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
        element = self.element
        if (text := element.text) and text.strip(" \t\r\n"):
            return True
        return len(element) > 0 and any(text.strip(" \t\r\n") for text in self.texts())

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
_NO_KIDS: Final[Mapping[str, list[Node]]] = {}
_NO_ATTRIBUTES: Final[Mapping[str, str]] = {}


class Document:
    """The nodes of one document, in document order, and their indexes."""

    __slots__ = ("by_tag", "by_template", "memo", "nodes", "root")

    def __init__(self, root: etree._Element) -> None:
        self.nodes: list[Node] = []
        self.by_tag: dict[str, list[Node]] = {}
        #: The elements that claim each template: as often as they do, in the order of their ``templateId``.
        self.by_template: dict[str, list[Node]] = {}
        #: What rules computed once for the whole document.
        self.memo: dict[str, Any] = {}
        self.root = Node("", None, root, -1, _NO_ATTRIBUTES, 0, _NO_KIDS)
        self._build(root)
        self._claim()

    def _build(self, root: etree._Element) -> None:
        """One pass over libxml2's own order; how many children an element has says where it ends."""
        nodes, by_tag, index = self.nodes, self.by_tag, 0
        parent, left, siblings, named = self.root, 1, list[Node](), dict[str, list[Node]]()
        parent.children, parent.kids = siblings, named
        outer: list[tuple[Node, int, list[Node], dict[str, list[Node]]]] = []
        for element in root.iter():
            tag = element.tag
            if tag.__class__ is str:  # comments and instructions have a function there
                items, here = element.items(), index
                index += 1
                node = Node(tag, parent, element, here, dict(items) if items else _NO_ATTRIBUTES, index, _NO_KIDS)
                nodes.append(node)
                siblings.append(node)
                if tag in by_tag:
                    by_tag[tag].append(node)
                else:
                    by_tag[tag] = [node]
                if tag in named:
                    named[tag].append(node)
                else:
                    named[tag] = [node]
                if size := len(element):
                    outer.append((parent, left, siblings, named))
                    parent, left, siblings, named = node, size, [], {}
                    node.children, node.kids = siblings, named
                    continue
            left -= 1
            while not left and outer:
                parent.last = index
                parent, left, siblings, named = outer.pop()
                left -= 1
        self.root.last = index

    def _claim(self) -> None:
        by_template = self.by_template
        for template in self.by_tag.get(TEMPLATE_ID, _NONE):
            owner, root = template.parent, template.attrs.get("root", "")
            assert owner is not None
            owner.templates = (*owner.templates, root)
            if root in by_template:
                by_template[root].append(owner)
            else:
                by_template[root] = [owner]

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
            if node.children:
                node.children, node.kids = _NONE, _NO_KIDS
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
