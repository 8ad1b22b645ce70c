"""Comparisons and the effective boolean value.

Source: W3C XPath 2.0 §2.4.3, §3.5.
"""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from socle.standards.schematron.casts import to_boolean, to_datetime
from socle.standards.schematron.tree import Node
from socle.standards.schematron.values import Attr, Item, TextNode, Untyped, XPathError, atoms, one, to_double

_COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_VALUE: Final = {"eq": "=", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


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


def at_position(items: Sequence[Item], position: int) -> bool:
    """A predicate whose type is known only now: a number is a position, anything else is a condition."""
    if len(items) == 1 and isinstance(items[0], int | float) and not isinstance(items[0], bool):
        return items[0] == position
    return truth(items)
