"""Functions on nodes: axes that indexes answer, order, names.

Source: W3C XPath 2.0 §3.2; XQuery 1.0 and XPath 2.0 Functions and Operators.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Final

from socle.standards.schematron.tree import Document, Node
from socle.standards.schematron.values import SPACES, Attr, E, Item, QualifiedName, TextNode, XPathError, one, present

_index: Final = attrgetter("index")


def below(document: Document, node: Node, tag: str) -> Sequence[Node]:
    """The descendants of ``node`` named ``tag``."""
    named = document.by_tag.get(tag)
    if named is None:
        return E
    if node.last - node.index == 1:
        return E
    if node.tag == "":
        return named
    found = document.within(node, tag, lambda: named)
    return found[1:] if found and found[0] is node else found


def below_any(document: Document, node: Node, local: str) -> Sequence[Node]:
    """The descendants of ``node`` whose local name is ``local``, in any namespace."""
    tags = [tag for tag in document.by_tag if same_local(tag, local)]
    if len(tags) == 1:
        return below(document, node, tags[0])
    return sorted((found for tag in tags for found in below(document, node, tag)), key=_index)


def descendants(document: Document, node: Node) -> Sequence[Node]:
    """All elements below ``node``."""
    return document.nodes[node.index + 1 : node.last]


def every(document: Document, node: Node, attribute: str, test: str, holds: Callable[[Node], bool]) -> bool:
    """Whether ``holds``, named ``test``, is true of ``node`` and of all its descendants that have ``attribute``.

    It depends on the element alone: those for which it is not plainly true are found once for the document.
    """
    return all(map(holds, document.within(node, test, lambda: _doubtful(document, attribute, holds))))


def _doubtful(document: Document, attribute: str, holds: Callable[[Node], bool]) -> list[Node]:
    doubtful = []
    for node in document.nodes:
        if attribute in node.attrs:
            with suppress(XPathError):
                if holds(node):
                    continue
            doubtful.append(node)
    return doubtful


def claims_below(document: Document, node: Node, template: str) -> int:
    """How many ``templateId`` of that root are below ``node``, its own included."""
    owners = document.by_template.get(template)
    if owners is None:
        return 0
    ordered = owners if len(owners) == 1 else sorted(owners, key=_index)
    first = bisect_left(ordered, node.index, key=_index)
    return bisect_left(ordered, node.last, lo=first, key=_index) - first


def claimants(document: Document, template: str) -> Sequence[Node]:
    """The elements that claim ``template``, each once, in document order."""
    owners = document.by_template.get(template, E)
    if len(owners) < 2:
        return owners
    return sorted(dict.fromkeys(owners), key=_index)


def ancestors(node: Node) -> list[Node]:
    """Parent, grandparent … up to the root element."""
    found = []
    current = node.parent
    while current is not None and current.tag:
        found.append(current)
        current = current.parent
    return found


def parents(node: Node) -> Sequence[Node]:
    """The parent, in a sequence; the document node counts."""
    return E if node.parent is None else (node.parent,)


def following(node: Node) -> Sequence[Node]:
    """The siblings after ``node``."""
    siblings = node.parent.children if node.parent is not None else E
    return siblings[siblings.index(node) + 1 :] if siblings else E


def preceding(node: Node) -> Sequence[Node]:
    """The siblings before ``node``, nearest first."""
    siblings = node.parent.children if node.parent is not None else E
    return siblings[: siblings.index(node)][::-1] if siblings else E


def siblings(node: Node) -> list[Node]:
    """The children of the parent of ``node``, without it."""
    return [] if node.parent is None else [other for other in node.parent.children if other is not node]


class _LocalNames(dict[str, str]):
    """The local name of each Clark name met so far."""

    def __missing__(self, tag: str) -> str:
        if len(self) > _MOST_NAMES:
            self.clear()
        local = self[tag] = tag.rpartition("}")[2]
        return local


_MOST_NAMES: Final = 10_000
LOCAL: Final = _LocalNames()


def once(document: Document, key: str, compute: Callable[[], Item]) -> Item:
    """What ``compute`` gave the first time for this document."""
    memo = document.memo
    if key not in memo:
        memo[key] = compute()
    return memo[key]


def node_of(item: Item) -> Node:
    """``item`` as an element; an atomic value before ``/`` is a type error."""
    if isinstance(item, Node):
        return item
    raise XPathError("XPTY0019")


def unique(nodes: Iterable[Item]) -> list[Item]:
    """``nodes`` without repetition."""
    return list(dict.fromkeys(nodes))


def in_order(items: Sequence[Item]) -> list[Item]:
    """``items`` without repetition, in document order; atomic values are refused."""
    if not items:
        return []
    return sorted(dict.fromkeys(items), key=_order)


def _order(item: Item) -> tuple[int, int, str]:
    if isinstance(item, Node):
        return (item.index, 0, "")
    if isinstance(item, Attr):
        return (item.owner.index, 1, item.name)
    if isinstance(item, TextNode):
        return (item.owner.index, 2, f"{item.rank:09}")
    raise XPathError("XPTY0018")


def attributes(node: Node) -> list[Attr]:
    """The attributes of ``node``."""
    return [Attr(node, name, value) for name, value in node.attrs.items()]


def text_nodes(node: Node) -> list[TextNode]:
    """The text children of ``node``."""
    return [TextNode(node, rank, value) for rank, value in enumerate(node.texts())]


def same_local(tag: str, local: str) -> bool:
    """Whether the Clark name ``tag`` has that local name."""
    return tag == local or tag.endswith("}" + local)


def rows(node: Node, keys: Sequence[str]) -> list[tuple[str, ...]]:
    """The values of ``keys`` (``@name`` or ``text()``) on ``node``, as rows of a table; none when one is missing."""
    columns = [node.texts() if key == "text()" else present(node.attrs.get(key[1:])) for key in keys]
    return list(itertools.product(*columns))


def node_name(items: Sequence[Item]) -> str:
    """``name``."""
    if not items:
        return ""
    item = items[0]
    if isinstance(item, Node):
        return item.name()
    return str(item.name) if isinstance(item, Attr) else ""


def local_name(items: Sequence[Item]) -> str:
    """``local-name``."""
    if not items:
        return ""
    item = items[0]
    return item.tag.rpartition("}")[2] if isinstance(item, Node) else node_name(items).rpartition("}")[2]


def namespace_uri(items: Sequence[Item]) -> str:
    """``namespace-uri``."""
    if not items:
        return ""
    name = items[0].tag if isinstance(items[0], Node) else node_name(items)
    return name[1:].partition("}")[0] if name.startswith("{") else ""


def resolve_name(items: Sequence[Item], node: Node) -> list[Item]:
    """``resolve-QName``; an undeclared prefix raises FONS0004."""
    value = one(items)
    if value is None:
        return []
    prefix, _, local = str(value).strip(SPACES).rpartition(":")
    if not _NAME.fullmatch(local) or (prefix and not _NAME.fullmatch(prefix)):
        raise XPathError("FOCA0002")
    scope = node.element.nsmap
    if prefix and prefix not in scope:
        raise XPathError("FONS0004")
    return [QualifiedName(scope.get(prefix or None) or "", local)]


_NAME: Final = re.compile(r"[^\W\d][\w.\-]*")


def qname_part(items: Sequence[Item], part: str) -> str:
    """``local-name-from-QName`` and ``namespace-uri-from-QName``."""
    value = one(items)
    return "" if value is None else str(getattr(value, part))


def make_name(uri: str, name: str) -> QualifiedName:
    """``QName``."""
    return QualifiedName(uri, name.rpartition(":")[2])
