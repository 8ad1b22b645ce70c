"""HL7 v3 data types as frozen values, and how each is read from an element.

Reading never judges: a missing or null part becomes an empty value. Whoever needs a part says so.

Source: HL7 v3 data types R1 as profiled by CI-SIS "Structuration minimale" §2.5.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from lxml import etree

from socle.standards.errors import MalformedInput, Text

V3: Final = "{urn:hl7-org:v3}"
SDTC: Final = "{urn:hl7-org:sdtc}"
XSI_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
#: A time without offset was written by a French clock.
PARIS: Final = ZoneInfo("Europe/Paris")

_TS = re.compile(
    r"(\d{4})(?:(0[1-9]|1[0-2])(?:([0-2]\d|3[01])(?:([01]\d|2[0-3])(?:([0-5]\d)(?:([0-5]\d)(?:\.\d+)?)?)?)?)?)?"
    r"([+-]\d{2}(?:[0-5]\d)?)?"
)


class Identifier(msgspec.Struct, frozen=True, order=True):
    """HL7 ``II``: ``root`` is an OID or a UUID, ``extension`` the value in it (empty when the root says all)."""

    root: str
    extension: str = ""


class Concept(msgspec.Struct, frozen=True, tag=True):
    """HL7 ``CD``: ``code`` in ``system`` (OID), its ``label``, its ``translations``, what the author wrote."""

    code: str = ""
    system: str = ""
    label: str = ""
    system_name: str = ""
    original_text: str = ""
    #: The ``#id`` in the narrative that ``originalText`` points to, without ``#``.
    narrative: str = ""
    translations: tuple[Concept, ...] = ()
    qualifiers: tuple[tuple[Concept, Concept | None], ...] = ()
    null_flavor: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Code and system: labels never take part in a comparison."""
        return (self.code, self.system)

    def __bool__(self) -> bool:
        return bool(self.code or self.original_text or self.narrative or self.translations)

    def codings(self) -> Iterator[Concept]:
        """The concept itself then its translations, those that carry a code."""
        if self.code:
            yield self
        for translation in self.translations:
            if translation.code:
                yield translation

    def in_system(self, system: str) -> Concept | None:
        """The concept or the translation that belongs to ``system``."""
        return next((coding for coding in self.codings() if coding.system == system), None)


class Moment(msgspec.Struct, frozen=True, tag=True):
    """HL7 ``TS`` with its own precision and offset, ``YYYY[MM[DD[hh[mm[ss[.f]]]]]][±hhmm]``.

    >>> Moment("20240405103000+0200").to_dtm(), Moment("201906").to_dtm()
    ('20240405083000', '201906')
    """

    text: str

    def to_dtm(self) -> str:
        """XDS DTM in UTC, precision kept. Raises ``MalformedInput`` (code ``InvalidTime``).

        A date without an hour is kept as it is: it names a day in France, not an instant.
        Source: IHE ITI TF-3 §4.2.3.1; CI-SIS Partage de documents, creationTime.
        """
        start, _ = self.bounds()
        digits = min(14, len(re.match(r"\d+", self.text)[0]))  # type: ignore[index]  # bounds() vouches for it
        if digits < 10:
            return self.text[:digits]
        return start.strftime("%Y%m%d%H%M%S")[:digits]

    def bounds(self) -> tuple[datetime, datetime]:
        """The instants in UTC, first included and last excluded, between which this moment may lie.

        >>> [bound.isoformat() for bound in Moment("20240405").bounds()]
        ['2024-04-04T22:00:00+00:00', '2024-04-05T22:00:00+00:00']
        """
        match = _TS.fullmatch(self.text)
        if match is None:
            raise _invalid_time()
        parts = [int(part) for part in match.groups()[:6] if part is not None]
        offset = match[7]
        zone = PARIS if offset is None else _zone(offset)
        try:
            start = datetime(*(parts + [1, 1, 1][len(parts) :]), tzinfo=zone)  # type: ignore[arg-type,misc]
            return start.astimezone(UTC), _after(start, len(parts)).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise _invalid_time() from error

    def overlaps(self, other: Moment) -> bool:
        """Whether both may name the same instant, each to its own precision."""
        start, end = self.bounds()
        other_start, other_end = other.bounds()
        return start < other_end and other_start < end


class Interval(msgspec.Struct, frozen=True):
    """HL7 ``IVL_TS`` or a lone ``TS``: ``value`` for a point, ``low`` and ``high`` for a period, ``width`` in UCUM."""

    value: Moment | None = None
    low: Moment | None = None
    high: Moment | None = None
    width: Quantity | None = None
    null_flavor: str = ""

    @property
    def start(self) -> Moment | None:
        """The point, or the beginning of the period."""
        return self.value or self.low

    @property
    def end(self) -> Moment | None:
        """The point, or the end of the period."""
        return self.value or self.high


class Quantity(msgspec.Struct, frozen=True, tag=True):
    """HL7 ``PQ``: a decimal number exactly as written, and its UCUM ``unit`` (empty when it counts things)."""

    value: str
    unit: str = ""

    def number(self) -> Decimal | None:
        """The value as a number, ``None`` when it is not one."""
        try:
            number = Decimal(self.value)
        except InvalidOperation:
            return None
        return number if number.is_finite() else None


class QuantityRange(msgspec.Struct, frozen=True, tag=True):
    """HL7 ``IVL_PQ``: each bound may be open."""

    low: Quantity | None = None
    high: Quantity | None = None


class NamePart(msgspec.Struct, frozen=True):
    """A family or given name and its qualifier: ``BR`` at birth, ``CL`` in use, empty otherwise."""

    text: str
    qualifier: str = ""


class PersonName(msgspec.Struct, frozen=True):
    """HL7 ``PN``: parts in document order; ``prefix`` is the civility code, ``suffix`` the title code."""

    families: tuple[NamePart, ...] = ()
    givens: tuple[NamePart, ...] = ()
    prefix: str = ""
    suffix: str = ""

    @property
    def family(self) -> str:
        """The name in use, else the birth name, else the first one given."""
        return _preferred(self.families)

    @property
    def given(self) -> str:
        """The first name in use, else the first birth one, else the first one given."""
        return _preferred(self.givens)

    def qualified_family(self, qualifier: str) -> str:
        """The family name with exactly this qualifier, or an empty text."""
        return next((part.text for part in self.families if part.qualifier == qualifier), "")

    def qualified_given(self, qualifier: str) -> str:
        """The given name with exactly this qualifier, or an empty text."""
        return next((part.text for part in self.givens if part.qualifier == qualifier), "")

    def __bool__(self) -> bool:
        return bool(self.families or self.givens)


class Address(msgspec.Struct, frozen=True):
    """HL7 ``AD``: ``lines`` are free street lines; ``parts`` the structured parts in document order, by HL7 name."""

    lines: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()
    use: str = ""

    def part(self, name: str) -> str:
        """The structured part called ``name`` (``city``, ``postalCode``, ``county`` …), or an empty text."""
        return next((text for key, text in self.parts if key == name), "")

    def __bool__(self) -> bool:
        return bool(self.lines or self.parts)


class Telecom(msgspec.Struct, frozen=True):
    """HL7 ``TEL``: a URL (``tel:``, ``mailto:`` …) and its use."""

    value: str
    use: str = ""


# --- reading -----------------------------------------------------------------------------------------------------


def child(element: etree._Element | None, *path: str) -> etree._Element | None:
    """The first element down ``path``, CDA names without namespace."""
    for name in path:
        if element is None:
            return None
        element = next(element.iterchildren(V3 + name), None)
    return element


def children(element: etree._Element | None, name: str) -> Iterator[etree._Element]:
    """The CDA children called ``name``."""
    return iter(()) if element is None else element.iterchildren(V3 + name)


def text_of(element: etree._Element | None) -> str:
    """All the text inside, white space collapsed."""
    if element is None:
        return ""
    # Most elements hold a word and no child: joining an iterator would cost them ten times more.
    text = (element.text or "") if len(element) == 0 else "".join(element.itertext(etree.Element))
    return " ".join(text.split())


def value_of(element: etree._Element | None) -> str:
    """``@value``, without surrounding space."""
    return "" if element is None else element.get("value", "").strip()


def read_identifier(element: etree._Element | None) -> Identifier | None:
    """The ``II`` in ``element``; ``None`` when it is absent or null."""
    if element is None or not element.get("root"):
        return None
    return Identifier(element.get("root", "").strip(), element.get("extension", "").strip())


def read_identifiers(element: etree._Element | None, name: str = "id") -> tuple[Identifier, ...]:
    """The non-null ``II`` children called ``name``."""
    return tuple(found for node in children(element, name) if (found := read_identifier(node)) is not None)


def read_concept(element: etree._Element | None) -> Concept | None:
    """The ``CD`` in ``element``; ``None`` when the element itself is absent."""
    if element is None:
        return None
    get = element.get
    concept = Concept(
        code=get("code", "").strip(),
        system=get("codeSystem", "").strip(),
        label=get("displayName", "").strip(),
        system_name=get("codeSystemName", ""),
        null_flavor=get("nullFlavor", ""),
    )
    # Most codes have nothing inside.
    return concept if len(element) == 0 else _with_content(concept, element)


def _with_content(concept: Concept, element: etree._Element) -> Concept:
    original = child(element, "originalText")
    return msgspec.structs.replace(
        concept,
        original_text=text_of(original),
        narrative=read_reference(original),
        translations=tuple(
            found for node in children(element, "translation") if (found := read_concept(node)) is not None
        ),
        qualifiers=tuple(
            (name, read_concept(child(node, "value")))
            for node in children(element, "qualifier")
            if (name := read_concept(child(node, "name"))) is not None
        ),
    )


def read_reference(element: etree._Element | None) -> str:
    """The narrative id that ``reference/@value`` points to, without ``#``."""
    return value_of(child(element, "reference")).removeprefix("#")


def read_moment(element: etree._Element | None) -> Moment | None:
    """The ``TS`` in ``element``; ``None`` when absent or null."""
    value = value_of(element)
    return Moment(value) if value else None


def read_interval(element: etree._Element | None) -> Interval | None:
    """The ``IVL_TS`` or ``TS`` in ``element``; ``None`` when the element itself is absent."""
    if element is None:
        return None
    return Interval(
        value=read_moment(element),
        low=read_moment(child(element, "low")),
        high=read_moment(child(element, "high")),
        width=read_quantity(child(element, "width")),
        null_flavor=element.get("nullFlavor", ""),
    )


def read_quantity(element: etree._Element | None) -> Quantity | None:
    """The ``PQ`` in ``element``; ``None`` when absent or null."""
    value = value_of(element)
    return Quantity(value, element.get("unit", "").strip()) if value and element is not None else None


def read_quantity_range(element: etree._Element | None) -> QuantityRange | None:
    """The ``IVL_PQ`` in ``element``, or a lone ``PQ`` as a range of that one value."""
    if element is None:
        return None
    if (only := read_quantity(element)) is not None:
        return QuantityRange(only, only)
    low, high = read_quantity(child(element, "low")), read_quantity(child(element, "high"))
    return None if low is None and high is None else QuantityRange(low, high)


def read_person_name(element: etree._Element | None) -> PersonName:
    """The ``PN`` in ``element``; a name written as plain text becomes its family name."""
    if element is None:
        return PersonName()
    name = PersonName(
        families=_name_parts(element, "family"),
        givens=_name_parts(element, "given"),
        prefix=text_of(child(element, "prefix")),
        suffix=text_of(child(element, "suffix")),
    )
    if not name and (text := text_of(element)):
        return PersonName(families=(NamePart(text),))
    return name


def read_address(element: etree._Element | None) -> Address:
    """The ``AD`` in ``element``."""
    if element is None:
        return Address()
    lines, parts = [], []
    for node in element.iterchildren(etree.Element):
        text = text_of(node)
        if not text:
            continue
        name = str(node.tag).rpartition("}")[2]
        if name == "streetAddressLine":
            lines.append(text)
        else:
            parts.append((name, text))
    if not lines and not parts and (text := text_of(element)):
        lines.append(text)
    return Address(tuple(lines), tuple(parts), element.get("use", ""))


def read_telecoms(element: etree._Element | None) -> tuple[Telecom, ...]:
    """The non-null ``telecom`` children."""
    return tuple(
        Telecom(value, node.get("use", "")) for node in children(element, "telecom") if (value := value_of(node))
    )


def _name_parts(element: etree._Element, name: str) -> tuple[NamePart, ...]:
    return tuple(
        NamePart(text, node.get("qualifier", "").strip()) for node in children(element, name) if (text := text_of(node))
    )


def _preferred(parts: tuple[NamePart, ...]) -> str:
    by_qualifier = {part.qualifier: part.text for part in reversed(parts)}
    for qualifier in ("CL", "BR", ""):
        if qualifier in by_qualifier:
            return by_qualifier[qualifier]
    return parts[0].text if parts else ""


def _zone(offset: str) -> timezone:
    delta = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:] or 0))
    if delta >= timedelta(hours=24):
        raise _invalid_time()
    return timezone(-delta if offset[0] == "-" else delta)


def _after(start: datetime, precision: int) -> datetime:
    if precision == 1:
        return start.replace(year=start.year + 1)
    if precision == 2:
        return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    step = {3: timedelta(days=1), 4: timedelta(hours=1), 5: timedelta(minutes=1), 6: timedelta(seconds=1)}
    return start + step[precision]


def _invalid_time() -> MalformedInput:
    return MalformedInput(
        "InvalidTime",
        Text("La date n'est pas une date HL7.", "The date is not an HL7 date."),
        remedy=Text("Écrivez AAAA[MM[JJ[hhmm[ss]]]]±hhmm.", "Write YYYY[MM[DD[hhmm[ss]]]]±hhmm."),
        requirement="HL7 v3 TS",
    )
