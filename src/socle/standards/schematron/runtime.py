"""What compiled rules call: XPath 2.0 functions and comparisons on the nodes of ``tree``.

Values: ``bool``, ``int``, ``float``, ``str`` (``xs:string``), ``Untyped`` (the value of an attribute or a text),
``Node``, ``Attr``, ``QualifiedName``; a sequence is a list. Type errors raise ``XPathError``, as XPath 2.0 demands.

Source: W3C XPath 2.0 §3.5; XQuery 1.0 and XPath 2.0 Functions and Operators.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import operator
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from socle.standards.schematron.tree import Document, Node


class XPathError(Exception):
    """An XPath dynamic or type error; ``args[0]`` is the W3C code."""


class Untyped(str):
    """The value of a node before any cast (``xs:untypedAtomic``)."""

    __slots__ = ()


class Attr(NamedTuple):
    """An attribute as a node: its owner gives its identity."""

    owner: Node
    name: str
    value: str


class TextNode(NamedTuple):
    """A text node: its owner and rank give its identity."""

    owner: Node
    rank: int
    value: str


class QualifiedName(NamedTuple):
    """An ``xs:QName``."""

    uri: str
    local: str


Item: TypeAlias = Any
E: Final[tuple[Node, ...]] = ()
#: Keeps the results of a pure function for the inputs seen last.
cached: Final = lru_cache(maxsize=1024)
_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_VALUE: Final = {"eq": "=", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


# -- nodes -------------------------------------------------------------------------------------------------------------


def below(document: Document, node: Node, tag: str) -> Sequence[Node]:
    """The descendants of ``node`` named ``tag``."""
    named = document.by_tag.get(tag)
    if named is None:
        return E
    if node.index <= 0 and node.tag == "":
        return named
    first = bisect_left(named, node.index + 1, key=_index)
    return named[first : bisect_left(named, node.last, lo=first, key=_index)]


def below_any(document: Document, node: Node, local: str) -> Sequence[Node]:
    """The descendants of ``node`` whose local name is ``local``, in any namespace."""
    tags = [tag for tag in document.by_tag if same_local(tag, local)]
    if len(tags) == 1:
        return below(document, node, tags[0])
    return sorted((found for tag in tags for found in below(document, node, tag)), key=_index)


def descendants(document: Document, node: Node) -> Sequence[Node]:
    """All elements below ``node``."""
    return document.nodes[node.index + 1 : node.last]


def claims_below(document: Document, node: Node, template: str) -> int:
    """How many ``templateId`` of that root are below ``node``, its own included."""
    owners = document.by_template.get(template)
    if owners is None:
        return 0
    ordered = owners if len(owners) == 1 else sorted(owners, key=_index)
    first = bisect_left(ordered, node.index, key=_index)
    return bisect_left(ordered, node.last, lo=first, key=_index) - first


def _index(node: Node) -> int:
    return node.index


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


def at_position(items: Sequence[Item], position: int) -> bool:
    """A predicate whose type is known only now: a number is a position, anything else is a condition."""
    if len(items) == 1 and isinstance(items[0], int | float) and not isinstance(items[0], bool):
        return items[0] == position
    return truth(items)


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


# -- atomic values -----------------------------------------------------------------------------------------------------


def atom(item: Item) -> Item:
    """The atomic value of ``item``."""
    if isinstance(item, Node):
        return Untyped(item.string())
    if isinstance(item, Attr | TextNode):
        return Untyped(item.value)
    return item


def atoms(items: Iterable[Item]) -> list[Item]:
    """The atomic values of ``items``."""
    return [atom(item) for item in items]


def one(items: Sequence[Item]) -> Item:
    """The only item as an atomic value, or None; more raise XPTY0004."""
    if len(items) > 1:
        raise XPathError("XPTY0004")
    return atom(items[0]) if items else None


def text(items: Sequence[Item]) -> str:
    """The argument of a string function: empty gives ``""``, several raise."""
    value = one(items)
    return "" if value is None else string(value)


def only(texts: Sequence[str]) -> str:
    """The only text, or ``""``; several raise."""
    if len(texts) > 1:
        raise XPathError("XPTY0004")
    return next(iter(texts), "")


def untyped(value: str | None) -> list[Item]:
    """An attribute's value as a sequence."""
    return [] if value is None else [Untyped(value)]


def present(value: str | None) -> tuple[str, ...]:
    """An attribute's value as texts."""
    return () if value is None else (value,)


def string(value: Item) -> str:
    """``string(value)``."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, Node | Attr | TextNode):
        return str(atom(value))
    if isinstance(value, QualifiedName):
        return value.local
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return str(value)


def _float_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "INF" if value > 0 else "-INF"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def number(value: Item) -> float:
    """``number(value)``: NaN when it is not one."""
    try:
        return to_double(value)
    except XPathError:
        return math.nan


def to_double(value: Item) -> float:
    """``value`` cast to ``xs:double``. Raises FORG0001."""
    if isinstance(value, str):
        stripped = value.strip(" \t\r\n")
        if stripped in ("INF", "-INF"):
            return math.inf if stripped == "INF" else -math.inf
        if _DOUBLE.fullmatch(stripped) is None:
            raise XPathError("FORG0001")
        return math.nan if stripped == "NaN" else float(stripped)
    if isinstance(value, bool | int | float | Decimal):
        return float(value)
    raise XPathError("FORG0001")


_DOUBLE: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|NaN")


def arithmetic(sign: str, left: Sequence[Item], right: Sequence[Item]) -> list[Item]:
    """``left sign right``; empty when either is."""
    a, b = one(left), one(right)
    if a is None or b is None:
        return []
    a, b = (to_double(value) if isinstance(value, Untyped) else value for value in (a, b))
    if isinstance(a, str | bool) or isinstance(b, str | bool):
        raise XPathError("XPTY0004")
    try:
        return [_ARITHMETIC[sign](a, b)]
    except ZeroDivisionError:
        if isinstance(a, int | Decimal) and isinstance(b, int | Decimal):
            raise XPathError("FOAR0001") from None
        return [math.nan if a == 0 else math.copysign(math.inf, a)]
    except TypeError:
        raise XPathError("XPTY0004") from None


_ARITHMETIC: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "div": operator.truediv,
    "idiv": lambda a, b: int(a / b),
    "mod": math.fmod,
}


def extreme(name: str, items: Sequence[Item]) -> list[Item]:
    """``max`` or ``min``."""
    values = [to_double(value) if isinstance(value, Untyped) else value for value in atoms(items)]
    return [max(values) if name == "max" else min(values)] if values else []


def rounded(name: str, items: Sequence[Item]) -> list[Item]:
    """``round``, ``floor``, ``ceiling`` or ``abs``."""
    value = one(items)
    if value is None:
        return []
    value = to_double(value) if isinstance(value, Untyped) else value
    if isinstance(value, float) and not math.isfinite(value):
        return [abs(value) if name == "abs" else value]
    return [
        {"round": lambda v: math.floor(v + 0.5), "floor": math.floor, "ceiling": math.ceil, "abs": abs}[name](value)
    ]


def rows(node: Node, keys: Sequence[str]) -> list[tuple[str, ...]]:
    """The values of ``keys`` (``@name`` or ``text()``) on ``node``, as rows of a table; none when one is missing."""
    columns = [node.texts() if key == "text()" else present(node.attrs.get(key[1:])) for key in keys]
    return list(itertools.product(*columns))


# -- comparisons and truth ---------------------------------------------------------------------------------------------


def truth(items: Sequence[Item]) -> bool:
    """The effective boolean value."""
    if not items:
        return False
    first = items[0]
    if isinstance(first, Node | Attr | TextNode):
        return True
    if len(items) > 1:
        raise XPathError("FORG0006")
    if isinstance(first, bool):
        return first
    if isinstance(first, str):
        return first != ""
    if isinstance(first, int | float | Decimal):
        return first == first and first != 0
    raise XPathError("FORG0006")


def general(sign: str, left: Iterable[Item], right: Iterable[Item]) -> bool:
    """``left sign right``: true when some pair of their values compares so."""
    second = atoms(right)
    return any(_compare_untyped(sign, a, b) for a in atoms(left) for b in second)


def _compare_untyped(sign: str, a: Item, b: Item) -> bool:
    if isinstance(a, Untyped) and not isinstance(b, str):
        a = _like(a, b)
    elif isinstance(b, Untyped) and not isinstance(a, str):
        b = _like(b, a)
    return _compare(sign, a, b)


def _like(value: str, model: Item) -> Item:
    if isinstance(model, bool):
        return to_boolean(value)
    if isinstance(model, int | float | Decimal):
        return to_double(value)
    if isinstance(model, dt.datetime):
        return to_datetime(value)
    raise XPathError("FORG0001")


def to_boolean(value: Item) -> bool:
    """``value`` cast to ``xs:boolean``. Raises FORG0001."""
    if isinstance(value, str):
        stripped = value.strip()
        if stripped in ("true", "1", "false", "0"):
            return stripped in ("true", "1")
        raise XPathError("FORG0001")
    return bool(value)


def _compare(sign: str, a: Item, b: Item) -> bool:
    kinds = {_family(a), _family(b)}
    if len(kinds) > 1:
        raise XPathError("XPTY0004")
    if kinds == {"datetime"}:
        a, b = _comparable(a), _comparable(b)
    if isinstance(a, float | Decimal) or isinstance(b, float | Decimal):
        a, b = float(a), float(b)
    return _COMPARE[sign](a, b)


def _comparable(value: dt.datetime) -> dt.datetime:
    return value if value.tzinfo else value.replace(tzinfo=dt.UTC)


def _family(value: Item) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float | Decimal):
        return "number"
    if isinstance(value, str):
        return "string"
    return "datetime" if isinstance(value, dt.datetime) else "name"


def valued(sign: str, left: Sequence[Item], right: Sequence[Item]) -> bool:
    """``left eq right`` and its kin; false when either is empty."""
    a, b = one(left), one(right)
    return a is not None and b is not None and _compare(_VALUE[sign], a, b)


def same(a: str | None, b: str | None) -> bool:
    """``@a = @b``."""
    return a is not None and a == b


def both(a: str | None, b: str | None, compare: Callable[[str, str], bool]) -> bool:
    """``@a sign @b`` for the other signs."""
    return a is not None and b is not None and compare(a, b)


def any_number(sign: str, texts: Iterable[str | None], limit: float) -> bool:
    """Whether some of the untyped ``texts`` compares so with a number. Raises FORG0001 on what is no number."""
    compare = _COMPARE[sign]
    return any(compare(to_double(value), limit) for value in texts if value is not None)


# -- strings -----------------------------------------------------------------------------------------------------------


def normalize(value: str) -> str:
    """``normalize-space``."""
    return " ".join(value.split())


def substring(value: str, start: float, length: float | None = None) -> str:
    """``substring`` with the rounding rules of XPath, positions from 1."""
    if math.isnan(start) or (length is not None and math.isnan(length)):
        return ""
    first = math.floor(start + 0.5)
    last = math.inf if length is None else first + math.floor(length + 0.5)
    return value[max(first - 1, 0) : None if last == math.inf else max(int(last) - 1, 0)]


def before(value: str, mark: str) -> str:
    """``substring-before``."""
    head, found, _ = value.partition(mark) if mark else ("", "", "")
    return head if found else ""


def after(value: str, mark: str) -> str:
    """``substring-after``."""
    if not mark:
        return value
    _, _, tail = value.partition(mark)
    return tail


def translate(value: str, source: str, target: str) -> str:
    """``translate``."""
    table: dict[int, int | None] = {}
    for position, character in enumerate(source):
        table.setdefault(ord(character), ord(target[position]) if position < len(target) else None)
    return value.translate(table)


@lru_cache(maxsize=512)
def pattern(expression: str, flags: str = "") -> re.Pattern[str]:
    """An XML Schema regular expression as a Python one. Raises FORX0002."""
    converted, index, in_class = [], 0, 0
    while index < len(expression):
        character = expression[index]
        if character == "\\":
            escape = expression[index : index + 2]
            if escape[1:] in ("i", "c", "p", "P", "I", "C"):
                raise XPathError("FORX0002")
            if escape == r"\s":
                escape = " \\t\\n\\r" if in_class else "[ \\t\\n\\r]"
            converted.append(escape)
            index += 2
            continue
        in_class += (character == "[") - (character == "]" and in_class > 0)
        if not in_class and character in "^$":  # an anchor may be repeated in XML Schema, not in Python
            anchor = r"\Z" if character == "$" else character
            converted.append(f"(?:{anchor})" if expression[index + 1 : index + 2] in ("*", "+", "?", "{") else anchor)
        else:
            converted.append(character)
        index += 1
    known = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}
    try:
        combined = re.NOFLAG
        for flag in flags:
            combined |= known[flag]
        return re.compile("".join(converted), combined)
    except (re.error, KeyError):
        raise XPathError("FORX0002") from None


def matches(value: str, expression: str, flags: str = "") -> bool:
    """``matches``."""
    return pattern(expression, flags).search(value) is not None


def replace(value: str, expression: str, replacement: str, flags: str = "") -> str:
    """``replace``."""
    compiled = pattern(expression, flags)
    if compiled.search("") is not None:
        raise XPathError("FORX0003")
    return compiled.sub(_template(replacement), value)


@lru_cache(maxsize=128)
def _template(replacement: str) -> str:
    escaped = re.sub(r"\\(?![\\$])", r"\\\\", replacement)
    return re.sub(r"(?<!\\)\$(\d)", r"\\g<\1>", escaped).replace(r"\$", "$")


def tokenize(value: str, expression: str, flags: str = "") -> list[str]:
    """``tokenize``."""
    if value == "":
        return []
    compiled = pattern(expression, flags)
    if compiled.search("") is not None:
        raise XPathError("FORX0003")
    parts, start = [], 0
    for found in compiled.finditer(value):
        parts.append(value[start : found.start()])
        start = found.end()
    return [*parts, value[start:]]


def join(items: Iterable[Item], separator: str = "") -> str:
    """``string-join``."""
    return separator.join(string(atom(item)) for item in items)


def distinct(items: Iterable[Item]) -> list[Item]:
    """``distinct-values``."""
    return list({str(value) if isinstance(value, str) else value: value for value in atoms(items)}.values())


_IRI_KEPT: Final = re.compile(r"[^\x21-\x7e]|[<>\"{}|\\^`\x20]")


def iri_to_uri(value: str) -> str:
    """``iri-to-uri``: what a URI may not hold is percent-encoded."""
    return _IRI_KEPT.sub(lambda found: "".join(f"%{byte:02X}" for byte in found.group().encode()), value)


# -- names -------------------------------------------------------------------------------------------------------------


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
    prefix, _, local = str(value).strip().rpartition(":")
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


# -- casts -------------------------------------------------------------------------------------------------------------

_INTEGER: Final = re.compile(r"[+-]?\d+")
_DECIMAL: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_DATETIME: Final = re.compile(
    r"(?P<sign>-)?(?P<year>\d{4,})-(?P<month>\d\d)-(?P<day>\d\d)T(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
    r"(?P<fraction>\.\d+)?(?P<zone>Z|[+-]\d\d:\d\d)?"
)


def to_datetime(value: Item) -> dt.datetime:
    """``value`` cast to ``xs:dateTime``. Raises FORG0001.

    Python knows the years 1 to 9999; the others (year 0 exists in XML Schema 1.1) are validated as a year of the same
    length and ordered only among themselves.
    """
    found = _DATETIME.fullmatch(string(value).strip())
    if found is None or (len(found["year"]) > 4 and found["year"].startswith("0")):
        raise XPathError("FORG0001")
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"])
    midnight = hour == 24 and minute == 0 and second == 0 and not float(found["fraction"] or 0)
    zone = _zone(found["zone"])
    year = int(found["year"])
    try:
        moment = dt.datetime(
            year if 0 < year <= dt.MAXYEAR else 2000 + year % 400,
            int(found["month"]),
            int(found["day"]),
            0 if midnight else hour,
            minute,
            second,
            int(float(found["fraction"] or 0) * 1_000_000),
            zone,
        )
        return moment + dt.timedelta(days=1) if midnight else moment
    except (ValueError, OverflowError):
        raise XPathError("FORG0001") from None


def _zone(text: str | None) -> dt.tzinfo | None:
    if text is None:
        return None
    if text == "Z":
        return dt.UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 14 or minutes > 59 or (hours == 14 and minutes):
        raise XPathError("FORG0001")
    offset = dt.timedelta(hours=hours, minutes=minutes)
    return dt.timezone(-offset if text[0] == "-" else offset)


def _to_integer(value: Item) -> int:
    if isinstance(value, str):
        if _INTEGER.fullmatch(value.strip(" \t\r\n")) is None:
            raise XPathError("FORG0001")
        return int(value)
    return int(value)


def _to_decimal(value: Item) -> Decimal:
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip(" \t\r\n")) is None:
        raise XPathError("FORG0001")
    try:
        return Decimal(str(value).strip())
    except InvalidOperation:
        raise XPathError("FORG0001") from None


def _to_date(value: Item) -> dt.datetime:
    return to_datetime(string(value).strip()[:10] + "T00:00:00" + string(value).strip()[10:])


_CASTS: Final[dict[str, Callable[[Item], Item]]] = {
    "xs:integer": _to_integer,
    "xs:int": _to_integer,
    "xs:decimal": _to_decimal,
    "xs:double": to_double,
    "xs:float": to_double,
    "xs:string": string,
    "xs:anyURI": string,
    "xs:boolean": to_boolean,
    "xs:dateTime": to_datetime,
    "xs:date": _to_date,
}
CASTS: Final = frozenset(_CASTS)


def cast(items: Sequence[Item], target: str) -> list[Item]:
    """``items cast as target``. Raises when it cannot be."""
    value = one(items)
    if value is None:
        if target.endswith("?"):
            return []
        raise XPathError("XPTY0004")
    return [_CASTS[target.rstrip("?")](value)]


def castable(items: Sequence[Item], target: str) -> bool:
    """``items castable as target``."""
    try:
        cast(items, target)
    except XPathError:
        return False
    return True


def construct(items: Sequence[Item], target: str) -> list[Item]:
    """``xs:type(items)``: empty gives empty."""
    return cast(items, target + "?")
