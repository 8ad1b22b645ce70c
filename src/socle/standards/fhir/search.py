r"""The parameters of a search: parsed strictly, bounded, into typed values.

A door declares its parameters once, in the order in which its CapabilityStatement lists them, and gets a ``Search``.
The same name given twice is AND, a comma is OR, ``\,`` ``\|`` ``\$`` ``\\`` are literal. An unknown parameter, modifier
or prefix is refused, unless the client asked for ``Prefer: handling=lenient``.

Source: FHIR R4 §3.1.1 Search.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from socle.standards.errors import MalformedInput, SocleError, Text

MAX_PARAMETERS: Final = 64
MAX_VALUES: Final = 200
MAX_LENGTH: Final = 2000
_FIRST_YEAR: Final = 1800

_NAME = re.compile(r"(?P<base>[A-Za-z_][\w-]*)(?::(?P<qualifier>[A-Za-z-]+))?(?:\.(?P<chain>[A-Za-z_][\w-]*))?")
_SPLIT = re.compile(r"(?<!\\)((?:\\\\)*),")
_UNESCAPE = re.compile(r"\\([\\,|$])")
_DATE = re.compile(
    r"(?P<prefix>eq|ne|gt|lt|ge|le|sa|eb|ap)?"
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:T(?P<hour>\d\d):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:\.\d+)?)?(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?"
)


class Kind(StrEnum):
    """Types of search parameters."""

    TOKEN = "token"  # noqa: S105
    DATE = "date"
    REFERENCE = "reference"
    STRING = "string"


class Parameter(msgspec.Struct, frozen=True):
    """A parameter that a door takes. ``name`` may be chained (``patient.identifier``); ``kind`` is that of its end.

    ``modifiers`` are those accepted beside none. ``definition`` is the canonical URL of the SearchParameter.
    """

    name: str
    kind: Kind
    documentation: str = ""
    definition: str = ""
    modifiers: frozenset[str] = frozenset()


class Token(msgspec.Struct, frozen=True):
    """``system|code``: ``system`` is ``None`` for any, empty for none; ``code`` empty for any."""

    system: str | None
    code: str


class Clause(msgspec.Struct, frozen=True):
    """One parameter as it was given: its values are alternatives."""

    name: str
    values: tuple[str, ...]
    modifier: str = ""

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The values as tokens."""
        return tuple(map(_token, self.values))

    @property
    def texts(self) -> tuple[str, ...]:
        r"""The values with ``\,`` and the like undone."""
        return tuple(_UNESCAPE.sub(r"\1", value) for value in self.values)


class Span(msgspec.Struct, frozen=True):
    """Times from ``start``, included, to ``end``, excluded; ``None`` is open."""

    start: datetime | None = None
    end: datetime | None = None

    def meet(self, other: Span) -> Span:
        """The times in both."""
        starts = [moment for moment in (self.start, other.start) if moment is not None]
        ends = [moment for moment in (self.end, other.end) if moment is not None]
        return Span(max(starts, default=None), min(ends, default=None))


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """A whole search. ``count`` is the page size; ``ignored`` are parameters left aside at the client's wish."""

    clauses: tuple[Clause, ...] = ()
    count: int = 50
    with_total: bool = True
    only_count: bool = False
    cursor: str = ""
    #: ``_elements``: the only elements that the client wants.
    elements: frozenset[str] = frozenset()
    ignored: tuple[str, ...] = ()

    def all(self, name: str) -> tuple[Clause, ...]:
        """The clauses of one parameter."""
        return tuple(clause for clause in self.clauses if clause.name == name)

    def span(self, name: str) -> Span:
        """The times that every clause of the date parameter ``name`` allows."""
        span = Span()
        for clause in self.all(name):
            span = span.meet(_span(clause))
        return span


_RESULT_PARAMETERS: Final = frozenset(
    {"_count", "_total", "_summary", "_sort", "_format", "_pretty", "_cursor", "_elements"}
)


def parse_query(
    pairs: Sequence[tuple[str, str]],
    parameters: Sequence[Parameter],
    *,
    sorts: Sequence[str] = (),
    elements: frozenset[str] = frozenset(),
    max_count: int = 200,
    is_lenient: bool = False,
) -> Search:
    """The search that decoded ``pairs`` of names and values ask for. Raises ``MalformedInput`` naming the parameter.

    ``sorts`` are the values of ``_sort`` that ask for the order in which answers come anyway; ``elements`` those that
    ``_elements`` may name.

    >>> search = parse_query([("status", "current"), ("_count", "2")], [Parameter("status", Kind.TOKEN)])
    >>> search.count, search.all("status")[0].tokens
    (2, (Token(system=None, code='current'),))
    """
    if len(pairs) > MAX_PARAMETERS:
        raise _refused("", f"Plus de {MAX_PARAMETERS} paramètres.", f"More than {MAX_PARAMETERS} parameters.")
    known = {parameter.name: parameter for parameter in parameters}
    clauses, ignored = [], []
    options: dict[str, str] = {}
    for name, value in pairs:
        if len(name) + len(value) > MAX_LENGTH:
            raise _refused(name[:50], "La valeur est trop longue.", "The value is too long.")
        if name in _RESULT_PARAMETERS:
            options[name] = value
            continue
        try:
            clauses.append(_clause(name, value, known))
        except MalformedInput:
            if not is_lenient:
                raise
            ignored.append(name)
    if sum(len(clause.values) for clause in clauses) > MAX_VALUES:
        raise _refused("", f"Plus de {MAX_VALUES} valeurs.", f"More than {MAX_VALUES} values.")
    _check_options(options, sorts, elements, is_lenient)
    count = options.get("_count", "50")
    if not (count.isascii() and count.isdecimal() and len(count) < 10):
        raise _wrong_value("_count", "_count est un entier positif ou nul.", "_count is an integer, zero or more.")
    return Search(
        clauses=tuple(clauses),
        count=min(int(count), max_count) or 1,
        with_total=options.get("_total", "accurate") != "none",
        only_count=int(count) == 0 or options.get("_summary") == "count",
        cursor=options.get("_cursor", ""),
        elements=frozenset(options.get("_elements", "").split(",")) - {""},
        ignored=tuple(ignored),
    )


def _check_options(options: dict[str, str], sorts: Sequence[str], elements: frozenset[str], is_lenient: bool) -> None:
    allowed = {
        "_total": ("none", "estimate", "accurate"),
        "_summary": ("false", "count"),
        "_sort": tuple(sorts),
        "_pretty": ("true", "false"),
    }
    for name, value in options.items():
        if name in allowed and value not in allowed[name] and not is_lenient:
            values = ", ".join(allowed[name]) or "-"
            raise _refused(name, f"{name} vaut l'un de : {values}.", f"{name} is one of: {values}.")
    if not is_lenient and not set(options.get("_elements", "").split(",")) - {""} <= elements:
        names = ", ".join(sorted(elements)) or "-"
        raise _refused("_elements", f"_elements se limite à : {names}.", f"_elements is limited to: {names}.")


def _clause(name: str, value: str, known: dict[str, Parameter]) -> Clause:
    match = _NAME.fullmatch(name)
    canonical, modifier = name, ""
    if match:
        base, qualifier, chain = match["base"], match["qualifier"] or "", match["chain"] or ""
        if qualifier == "identifier" and not chain:
            qualifier, chain = "", "identifier"
        canonical = f"{base}.{chain}" if chain else base
        modifier = "" if qualifier[:1].isupper() else qualifier
    parameter = known.get(canonical)
    if parameter is None:
        names = ", ".join(sorted(known))
        raise _refused(
            name,
            f"Le paramètre « {name} » n'existe pas ici. Paramètres admis : {names}.",
            f"There is no parameter '{name}' here. Accepted parameters: {names}.",
        )
    if modifier and modifier not in parameter.modifiers:
        raise _refused(
            name,
            f"Le modificateur « :{modifier} » n'est pas pris en charge sur {canonical}.",
            f"The modifier ':{modifier}' is not supported on {canonical}.",
        )
    values = tuple(_SPLIT.sub(r"\1\0", value).split("\0"))
    if not all(values):
        raise _wrong_value(name, f"Une valeur de « {name} » est vide.", f"A value of '{name}' is empty.")
    clause = Clause(canonical, values, modifier)
    if parameter.kind is Kind.DATE:
        _span(clause)
    return clause


def _token(value: str) -> Token:
    system, bar, code = re.sub(r"(?<!\\)\|", "\0", value, count=1).partition("\0")
    system, code = (_UNESCAPE.sub(r"\1", part) for part in (system, code))
    return Token(system, code) if bar else Token(None, system)


def _span(clause: Clause) -> Span:
    match = _DATE.fullmatch(clause.values[0]) if len(clause.values) == 1 else None
    if match is None:
        raise _wrong_value(
            clause.name,
            f"« {clause.name} » attend une date : [ge|gt|le|lt|sa|eb|eq]AAAA[-MM[-JJ[Thh:mm[:ss]Z]]].",
            f"'{clause.name}' takes a date: [ge|gt|le|lt|sa|eb|eq]YYYY[-MM[-DD[Thh:mm[:ss]Z]]].",
        )
    prefix = match["prefix"] or "eq"
    if prefix in ("ne", "ap"):
        raise _refused(
            clause.name, f"Le préfixe {prefix} n'est pas pris en charge.", f"The prefix {prefix} is not supported."
        )
    try:
        low, high = _bounds(match)
    except (ValueError, OverflowError):
        raise _wrong_value(clause.name, "Cette date n'existe pas.", "There is no such date.") from None
    if low.year < _FIRST_YEAR:
        raise _wrong_value(clause.name, f"Aucun document avant {_FIRST_YEAR}.", f"No document before {_FIRST_YEAR}.")
    starts = {"eq": low, "ge": low, "gt": high, "sa": high}
    ends = {"eq": high, "le": high, "lt": low, "eb": low}
    return Span(starts.get(prefix), ends.get(prefix))


def _bounds(match: re.Match[str]) -> tuple[datetime, datetime]:
    """First instant of the value and first instant after it, in UTC; a value without zone is UTC."""
    zone = datetime.fromisoformat(f"2000-01-01T00:00:00{match['zone'] or 'Z'}".replace("Z", "+00:00")).tzinfo
    low = datetime(
        int(match["year"]), int(match["month"] or 1), int(match["day"] or 1), int(match["hour"] or 0),
        int(match["minute"] or 0), int(match["second"] or 0), tzinfo=zone,
    ).astimezone(UTC)  # fmt: skip
    if match["second"]:
        return low, low + timedelta(seconds=1)
    if match["hour"]:
        return low, low + timedelta(minutes=1)
    if match["day"]:
        return low, low + timedelta(days=1)
    if match["month"]:
        return low, (low.replace(day=28) + timedelta(days=4)).replace(day=1)
    return low, low.replace(year=low.year + 1)


def _refused(name: str, french: str, english: str) -> SocleError:
    return MalformedInput("FHIRNotSupported", Text(french, english), location=name, requirement="FHIR R4 §3.1.1")


def _wrong_value(name: str, french: str, english: str) -> SocleError:
    return MalformedInput("FHIRValue", Text(french, english), location=name, requirement="FHIR R4 §3.1.1")
