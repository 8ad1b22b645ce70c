"""CDA data types → FHIR data types. What a FHIR type cannot hold (an invalid date, an empty text) becomes ``None``.

Source: fact sheet §9.1 (ConceptMaps of the Core guide; CDAtoFHIRTypes map).
"""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Final, Literal

from socle.standards.cda import datatypes as cda
from socle.standards.cda.clinical import Ratio as CdaRatio
from socle.standards.errors import MalformedInput
from socle.standards.fhir.pdsm.systems import url_of
from socle.standards.fhir.types import (
    Address,
    Annotation,
    CodeableConcept,
    Coding,
    ContactPoint,
    HumanName,
    Identifier,
    Period,
    Quantity,
    Range,
    Ratio,
    Reference,
)
from socle.standards.ids.ins import OID_NIA, OID_NIR, OID_NIR_DEMO, OID_NIR_TEST

UCUM: Final = "http://unitsofmeasure.org"
_IDENTIFIER_TYPES: Final = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203"
_INS_TYPES: Final = {OID_NIR: "INS-NIR", OID_NIA: "INS-NIA", OID_NIR_TEST: "INS-NIR-TEST", OID_NIR_DEMO: "INS-NIR-DEMO"}
_NOT_FHIR = re.compile(r"[^\t\n\r !-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NOT_CODE = re.compile(r"\s+")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")


def text(value: str) -> str | None:
    """A FHIR string, ``None`` when empty."""
    return _NOT_FHIR.sub("", value).strip() or None


def system_of(oid: str) -> str | None:
    """The URL of a code system or identifier domain, ``urn:oid:`` when it has none."""
    oid = _NOT_CODE.sub("", _NOT_FHIR.sub("", oid))
    if not oid:
        return None
    if _OID.fullmatch(oid):
        return url_of(oid)
    return f"urn:uuid:{oid.lower()}" if _is_uuid(oid) else f"urn:x-unknown:{oid}"


def identifier(value: cda.Identifier | None) -> tuple[Identifier, ...]:
    """``II`` → Identifier, in a tuple ready for a repeated element; an INS carries its type."""
    if value is None:
        return ()
    if not value.extension:
        uri = f"urn:uuid:{value.root.lower()}" if _is_uuid(value.root) else f"urn:oid:{value.root}"
        found = text(uri)
        return (Identifier(system="urn:ietf:rfc:3986", value=found),) if found else ()
    kind = None
    if value.root in _INS_TYPES:
        kind = CodeableConcept(coding=(Coding(system=_IDENTIFIER_TYPES, code=_INS_TYPES[value.root]),))
    use: Literal["official"] | None = "official" if kind else None
    return (Identifier(use=use, type=kind, system=system_of(value.root), value=text(value.extension)),)


def concept(value: cda.Concept | None, words: str = "") -> CodeableConcept | None:
    """``CD`` → CodeableConcept: code, translations, and the author's words as text; ``None`` when it says nothing."""
    if value is None:
        return CodeableConcept(text=text(words)) if text(words) else None
    codings = tuple(
        Coding(system=system_of(coding.system), code=code, display=text(coding.label))
        for coding in value.codings()
        if (code := text(" ".join(coding.code.split())))
    )
    said = text(value.original_text) or text(words) or (None if codings else text(value.label))
    return CodeableConcept(coding=codings, text=said) if codings or said else None


def some_concept(value: cda.Concept | None, words: str = "") -> CodeableConcept:
    """Like ``concept``, for a required element: says that it is unknown rather than nothing."""
    return concept(value, words) or CodeableConcept(text="Non renseigné")


def concepts(*values: cda.Concept | None) -> tuple[CodeableConcept, ...]:
    """The concepts that say something."""
    return tuple(found for value in values if (found := concept(value)) is not None)


def date_time(moment: cda.Moment | None) -> str | None:
    """``TS`` → dateTime with the offset written, Paris when there is none; ``None`` when it is no date."""
    if moment is None:
        return None
    try:
        start, _ = moment.bounds()
    except MalformedInput:
        return None
    digits = re.match(r"\d+", moment.text)
    size = len(digits[0]) if digits else 0
    if start.year < 1 or moment.text.startswith("0000"):
        return None
    if size < 10:
        year, month, day = moment.text[:4], moment.text[4:6], moment.text[6:8]
        return "-".join(part for part in (year, month, day) if part)
    offset = re.search(r"[+-]\d{2}(\d{2})?$", moment.text)
    if offset is None:
        return start.astimezone(cda.PARIS).isoformat()
    hours, minutes = int(offset[0][1:3]), int(offset[1] or 0)
    if hours > 14 or (hours == 14 and minutes):
        return start.isoformat()
    delta = timedelta(hours=hours, minutes=minutes) * (-1 if offset[0][0] == "-" else 1)
    local = (start + delta).replace(tzinfo=None)
    return f"{local.isoformat()}{offset[0][0]}{hours:02d}:{minutes:02d}"


def date(moment: cda.Moment | None) -> str | None:
    """``TS`` → date: the day as written."""
    found = date_time(moment)
    return found[:10] if found else None


def period(interval: cda.Interval | None) -> Period | None:
    """``IVL_TS`` → Period."""
    if interval is None:
        return None
    start, end = date_time(interval.start), date_time(interval.end)
    return Period(start=start, end=end) if start or end else None


def moment_or_period(interval: cda.Interval | None) -> tuple[str | None, Period | None]:
    """A point as dateTime, a period as Period."""
    if interval is None:
        return None, None
    if interval.value is not None:
        return date_time(interval.value), None
    return None, period(interval)


def quantity(value: cda.Quantity | None) -> Quantity | None:
    """``PQ`` → Quantity with its UCUM code; a value that is no number gives ``None``."""
    number = value.number() if value else None
    if value is None or number is None:
        return None
    unit = text("".join(value.unit.split()))
    if unit is None:
        return Quantity(value=number)
    return Quantity(value=number, unit=unit, system=UCUM, code=unit)


def quantity_range(value: cda.QuantityRange | None) -> Range | None:
    """``IVL_PQ`` → Range."""
    low, high = (quantity(value.low), quantity(value.high)) if value else (None, None)
    return Range(low=low, high=high) if low or high else None


def ratio(value: CdaRatio | None) -> Ratio | None:
    """``RTO`` → Ratio."""
    numerator = quantity(value.numerator) if value else None
    return Ratio(numerator=numerator, denominator=quantity(value.denominator)) if value and numerator else None


def human_names(value: cda.PersonName) -> tuple[HumanName, ...]:
    """``PN`` → HumanName: the birth name as official, the name in use as usual; one name when nothing is qualified."""
    birth, used = value.qualified_family("BR"), value.qualified_family("CL") or value.qualified_family("SP")
    prefix, suffix = _texts(value.prefix), _texts(value.suffix)
    if not birth and not used:
        family, given = text(value.family), _texts(value.given)
        return (HumanName(family=family, given=given, prefix=prefix, suffix=suffix),) if family or given else ()
    givens = value.qualified_given("") or value.qualified_given("BR")
    names = [HumanName(use="official", family=text(birth), given=_texts(*givens.split()))] if birth else []
    if used:
        first = _texts(value.qualified_given("CL") or value.given)
        names.append(HumanName(use="usual", family=text(used), given=first, prefix=prefix, suffix=suffix))
    return tuple(names)


def addresses(value: cda.Address) -> tuple[Address, ...]:
    """``AD`` → Address."""
    if not value:
        return ()
    street = " ".join(part for key in ("houseNumber", "streetNameType", "streetName") if (part := value.part(key)))
    lines = _texts(*value.lines, street, value.part("additionalLocator"), value.part("unitID"), value.part("postBox"))
    uses: dict[str, Literal["home", "work", "temp"]] = {"H": "home", "HP": "home", "HV": "home", "WP": "work"}
    uses |= {"DIR": "work", "PUB": "work", "TMP": "temp"}
    return (
        Address(
            use=uses.get(value.use),
            line=lines,
            city=text(value.part("city")),
            district=text(value.part("county")),
            state=text(value.part("state")),
            postal_code=text(value.part("postalCode")),
            country=text(value.part("country")),
        ),
    )


def contacts(values: tuple[cda.Telecom, ...]) -> tuple[ContactPoint, ...]:
    """``TEL`` → ContactPoint."""
    systems: dict[str, Literal["phone", "fax", "email", "url"]] = {
        "tel": "phone",
        "fax": "fax",
        "mailto": "email",
        "http": "url",
        "https": "url",
    }
    uses: dict[str, Literal["home", "work", "mobile"]] = {
        "H": "home",
        "HP": "home",
        "HV": "home",
        "WP": "work",
        "DIR": "work",
        "PUB": "work",
        "MC": "mobile",
    }
    found = []
    for value in values:
        scheme, _, rest = value.value.partition(":")
        system = systems.get(scheme.lower())
        said = text(value.value if system in ("url", None) else rest)
        if said:
            found.append(ContactPoint(system=system, value=said, use=uses.get(value.use)))
    return tuple(found)


def notes(*words: str) -> tuple[Annotation, ...]:
    """The words that say something, as notes."""
    return tuple(Annotation(text=said) for word in words if (said := text(word)))


def reference(full_url: str, display: str = "") -> Reference:
    """A reference to a resource of the same bundle."""
    return Reference(reference=full_url, display=text(display))


def _texts(*values: str) -> tuple[str, ...]:
    return tuple(said for value in values if (said := text(value)))


def _is_uuid(value: str) -> bool:
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return len(value) == 36
