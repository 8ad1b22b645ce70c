"""The values that compiled rules handle, and how nodes become atomic values.

A value is ``bool``, ``int``, ``float``, ``str`` (``xs:string``), ``Untyped`` (the value of an attribute or a text),
``Node``, ``Attr``, ``TextNode``, ``QualifiedName``; a sequence is a list. Type errors raise ``XPathError``, as XPath
2.0 demands.

Source: W3C XPath 2.0 §2; XQuery 1.0 and XPath 2.0 Functions and Operators.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from socle.standards.schematron.tree import Node


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
#: White space of XML: Python's own splits and trims know more.
SPACES: Final = " \t\r\n"
#: Keeps the results of a pure function for the inputs seen last.
cached: Final = lru_cache(maxsize=1024)


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
        stripped = value.strip(SPACES)
        if stripped in ("INF", "-INF"):
            return math.inf if stripped == "INF" else -math.inf
        if _DOUBLE.fullmatch(stripped) is None:
            raise XPathError("FORG0001")
        return math.nan if stripped == "NaN" else float(stripped)
    if isinstance(value, bool | int | float | Decimal):
        return float(value)
    raise XPathError("FORG0001")


_DOUBLE: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|NaN")


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
