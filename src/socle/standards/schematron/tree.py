"""A document indexed in one pass for rules: by element name, and by the templates that elements claim.

Nodes are plain objects with slots: reading a child or an attribute costs a dictionary look-up, where an lxml proxy
costs ten times more. Positions (line, column) are found only for the few nodes that a finding names.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final
from xml.parsers import expat

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
        if len(self.element):
            return str(_STRING(self.element))
        return self.element.text or ""

    def texts(self) -> list[str]:
        """The text node children, in order."""
        if not self.tag:
            return []
        found = [self.element.text] if self.element.text else []
        if not len(self.element):
            return found
        found += [child.tail for child in self.element if child.tail]
        return found

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
        self.memo: dict[object, object] = {}
        self.root = Node()
        self.root.tag, self.root.attrs, self.root.parent, self.root.index = "", {}, None, -1
        self.root.templates, self.root.element, self.root.shape = _NO_TEMPLATES, root, 0
        top = self._build(root)
        self.root.children, self.root.kids, self.root.last = [top], {top.tag: [top]}, top.last

    def _build(self, root: etree._Element) -> Node:
        nodes, by_tag, by_template, new = self.nodes, self.by_tag, self.by_template, Node.__new__

        def build(element: etree._Element, tag: str, parent: Node) -> Node:
            node = new(Node)
            node.tag, node.attrs, node.parent, node.element = tag, dict(element.items()), parent, element
            node.index, node.shape = len(nodes), 0
            nodes.append(node)
            if tag in by_tag:
                by_tag[tag].append(node)
            else:
                by_tag[tag] = [node]
            if not len(element):
                node.children, node.kids, node.templates, node.last = _NONE, _NO_KIDS, _NO_TEMPLATES, len(nodes)
                return node
            children: list[Node] = []
            kids: dict[str, list[Node]] = {}
            for child in element:
                name = child.tag
                if name.__class__ is str:  # comments and instructions have a function there
                    built = build(child, name, node)
                    children.append(built)
                    if name in kids:
                        kids[name].append(built)
                    else:
                        kids[name] = [built]
            node.children, node.kids, node.templates = children, kids, _NO_TEMPLATES
            if TEMPLATE_ID in kids:
                node.templates = [kid.attrs.get("root", "") for kid in kids[TEMPLATE_ID]]
                for template in node.templates:
                    by_template.setdefault(template, []).append(node)
            node.last = len(nodes)
            return node

        return build(root, str(root.tag), self.root)

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


def positions(source: bytes, wanted: set[int]) -> dict[int, tuple[int, int]]:
    """Line and column (from 1) of the elements whose document-order index is ``wanted``.

    Call it only on bytes that ``socle.standards.xml.parse`` accepted.
    """
    found: dict[int, tuple[int, int]] = {}
    if not wanted:
        return found
    parser = expat.ParserCreate()
    count, last = 0, max(wanted)

    def start(_name: str, _attributes: dict[str, str]) -> None:
        nonlocal count
        if count in wanted:
            found[count] = (parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)
            if count == last:
                raise _AllFoundError
        count += 1

    parser.StartElementHandler = start
    with suppress(expat.ExpatError, _AllFoundError):
        parser.Parse(source, True)
    return found


class _AllFoundError(Exception):
    """Nothing is left to look for."""
