"""From a document's bytes to its ``Reading``. Pure."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import date

from socle.services.reading.domain import Analysis, Fact, Facts, ProfileKind, Reading, Result
from socle.services.reading.labels import short_name, unit_in_words
from socle.standards.cda.clinical import ClinicalContent, Medication, Observation, Problem
from socle.standards.cda.datatypes import Concept, Interval, Quantity
from socle.standards.cda.document import open_document
from socle.standards.cda.entries import read_clinical_content
from socle.standards.errors import SocleError

_MAX_PDF_PAGES = 200
_MAX_TEXT = 500_000
_LOW = frozenset({"L", "LL", "LU", "<"})
_HIGH = frozenset({"H", "HH", "HU", ">"})
#: Kinds of problems that are past rather than present (LOINC of the section they stand in).
_HISTORY_SECTIONS = frozenset({"11348-0", "10157-6"})


def read_document(content: bytes, title: str = "", act: str = "") -> Reading:
    """Everything that can be read in ``content``: a CDA of any level, or anything else by its title alone.

    ``act`` (DTM) is when the act took place: the day of a result that gives none.
    """
    try:
        document = open_document(content)
    except SocleError:
        return Reading(text=title)
    clinical = read_clinical_content(document)
    parts = [title, *(f"{section.title}\n{section.text}" for section in clinical.sections)]
    embedded = document.embedded_file()
    if embedded is not None and embedded.media_type == "application/pdf":
        parts.append(" ".join(_pdf_text(embedded.content).split()))
    elif embedded is not None and embedded.media_type.startswith("text/plain"):
        parts.append(embedded.content.decode("utf-8", "replace"))
    return Reading(
        text="\n".join(parts)[:_MAX_TEXT],
        facts=Facts(tuple(_results(clinical, _day_of_dtm(act))), tuple(_facts(clinical))),
    )


def _pdf_text(content: bytes) -> str:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        pages = PdfReader(io.BytesIO(content)).pages
        return " ".join(pages[number].extract_text() for number in range(min(len(pages), _MAX_PDF_PAGES)))
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError, AttributeError, IndexError):
        return ""


def _results(content: ClinicalContent, act: date | None) -> Iterable[Result]:
    for observation in (*content.results, *content.vital_signs):
        quantity = observation.value
        value = _float(quantity) if isinstance(quantity, Quantity) else None
        day = _day_of(observation.time) or act
        name = observation.code.label or observation.name
        if value is None or day is None or observation.status != "completed" or not (observation.code.code or name):
            continue
        assert isinstance(quantity, Quantity)
        low, high = _bounds(observation)
        yield Result(
            analysis=Analysis(
                key=f"{observation.code.code or name}|{observation.code.system}|{quantity.unit}",
                name=short_name(name),
                label=name,
                unit=unit_in_words(quantity.unit),
                low=low,
                high=high,
            ),
            day=day,
            value=value,
            written=f"{quantity.value.replace('.', ',')} {unit_in_words(quantity.unit)}".strip(),
            interpretation=_interpretation(observation, value, low, high),
        )


def _facts(content: ClinicalContent) -> Iterable[Fact]:
    return (Fact(*fact) for fact in _said(content) if fact[1])


def _said(content: ClinicalContent) -> Iterable[tuple[ProfileKind, str, str, str]]:
    for problem in content.problems:
        if not problem.is_negated:
            kind = ProfileKind.HISTORY if _is_past(problem) else ProfileKind.ILLNESS
            yield kind, problem.name, problem.comment, _when(problem.period)
    for medication in content.medications:
        if not medication.is_negated:
            yield ProfileKind.TREATMENT, medication.product.title, _posology(medication), _when(medication.period)
    for dispensation in content.dispensations:
        yield ProfileKind.TREATMENT, dispensation.product.title, dispensation.patient_instruction, ""
    for allergy in content.allergies:
        if not allergy.is_negated:
            reactions = ", ".join(reaction.name for reaction in allergy.reactions)
            yield ProfileKind.ALLERGY, allergy.name, reactions or allergy.comment, _when(allergy.period)
    for vaccination in content.vaccinations:
        if not vaccination.is_negated:
            lot = f"lot {vaccination.product.lot}" if vaccination.product.lot else ""
            yield ProfileKind.VACCINATION, vaccination.product.title, lot, _when(vaccination.time)
    for procedure in content.procedures:
        if not procedure.is_negated and not procedure.is_order:
            yield ProfileKind.PROCEDURE, _label(procedure.code) or procedure.text, "", _when(procedure.time)
    for device in content.devices:
        if not device.is_order:
            yield ProfileKind.DEVICE, _label(device.code) or device.text, "", _when(device.period)
    for family in content.family_history:
        for problem in family.problems:
            yield ProfileKind.FAMILY, problem.name, _label(family.relation), ""


def _is_past(problem: Problem) -> bool:
    return problem.section in _HISTORY_SECTIONS or not problem.is_active


def _posology(medication: Medication) -> str:
    return medication.steps[0].text if medication.steps else medication.patient_instruction


def _label(concept: Concept) -> str:
    return concept.label or concept.original_text or concept.code


def _when(interval: Interval | None) -> str:
    for moment in (interval.start, interval.end) if interval else ():
        if moment is not None:
            return moment.to_dtm()[:8]
    return ""


def _interpretation(result: Observation, value: float, low: float | None, high: float | None) -> str:
    code = result.interpretation.code if result.interpretation else ""
    if code in _LOW or (code not in _HIGH and low is not None and value < low):
        return "bas"
    return "élevé" if code in _HIGH or (high is not None and value > high) else ""


def _bounds(result: Observation) -> tuple[float | None, float | None]:
    for reference in result.reference_ranges:
        if reference.bounds is not None:
            low, high = reference.bounds.low, reference.bounds.high
            return _float(low), _float(high)
    return None, None


def _float(quantity: Quantity | None) -> float | None:
    number = quantity.number() if quantity is not None else None
    return float(number) if number is not None else None


def _day_of(interval: Interval | None) -> date | None:
    if interval is None:
        return None
    for moment in (interval.start, interval.end):
        if moment is not None and (day := _day_of_dtm(moment.to_dtm())):
            return day
    return None


def _day_of_dtm(text: str) -> date | None:
    digits = text[:8]
    if not digits[:4].isdigit():
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6] or 1), int(digits[6:8] or 1))
    except ValueError:
        return None
