"""Casts: ``cast as``, ``castable as`` and the constructors of XML Schema types.

Source: XQuery 1.0 and XPath 2.0 Functions and Operators.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from socle.standards.schematron.values import SPACES, Item, XPathError, one, string, to_double

_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_DECIMAL: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)")
_DATETIME: Final = re.compile(
    r"(?a)(?P<sign>-)?(?P<year>\d{4,})-(?P<month>\d\d)-(?P<day>\d\d)T(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
    r"(?P<fraction>\.\d+)?(?P<zone>Z|[+-]\d\d:\d\d)?"
)


def to_datetime(value: Item) -> dt.datetime:
    """``value`` cast to ``xs:dateTime``. Raises FORG0001.

    Python knows the years 1 to 9999; the others (year 0 exists in XML Schema 1.1) are validated as a year of the same
    length and ordered only among themselves.
    """
    found = _DATETIME.fullmatch(string(value).strip(SPACES))
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


def to_boolean(value: Item) -> bool:
    """``value`` cast to ``xs:boolean``. Raises FORG0001."""
    if isinstance(value, str):
        stripped = value.strip(SPACES)
        if stripped in ("true", "1", "false", "0"):
            return stripped in ("true", "1")
        raise XPathError("FORG0001")
    return bool(value)


def _to_integer(value: Item) -> int:
    if isinstance(value, str):
        if _INTEGER.fullmatch(value.strip(SPACES)) is None:
            raise XPathError("FORG0001")
        return int(value)
    return int(value)


def _to_decimal(value: Item) -> Decimal:
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip(SPACES)) is None:
        raise XPathError("FORG0001")
    try:
        return Decimal(str(value).strip(SPACES))
    except InvalidOperation:
        raise XPathError("FORG0001") from None


def _to_date(value: Item) -> dt.datetime:
    return to_datetime(string(value).strip(SPACES)[:10] + "T00:00:00" + string(value).strip(SPACES)[10:])


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
