"""Clinical values → FHIR resources, one function a kind.

Devices have no DeviceUseStatement or DeviceRequest in this base: one in use is a ``Device`` of the patient, one
prescribed is a ``ServiceRequest`` (decision 0053).

Source: fact sheet §9.2.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from socle.standards.cda import clinical
from socle.standards.cda.datatypes import Concept, Moment, Quantity, QuantityRange
from socle.standards.cda.fhir import datatypes as to
from socle.standards.cda.fhir.medications import medication_dispense, medication_request, medication_statement
from socle.standards.cda.words import say_person, say_value
from socle.standards.fhir import resources as fhir
from socle.standards.fhir.types import (
    CodeableConcept,
    Coding,
    Reference,
)

_CATEGORIES: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_CONDITION_STATUS: Final = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_CONDITION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/condition-category"
_ALLERGY_STATUS: Final = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
#: SNOMED CT kinds that are intolerances and not allergies.
_INTOLERANCES: Final = frozenset(
    {"609396006", "609398007", "735449006", "609397002", "782197009", "59037007", "235719002", "56840009"}
)


class Built(msgspec.Struct, frozen=True):
    """A resource, the URL that names it in its bundle, and the code of the section it comes from."""

    full_url: str
    resource: fhir.DomainResource
    section: str


def clinical_resources(
    content: clinical.ClinicalContent, patient: Reference, *, namespace: str, author: Reference | None = None
) -> tuple[Built, ...]:
    """Every coded entry as a resource about ``patient``. The same ``namespace`` (document id) gives the same URLs.

    ``author`` is who prescribes. Previous laboratory results become Observations of their own.
    """
    return tuple(_numbered(namespace, _all(content, patient, author)))


def _numbered(namespace: str, found: Iterator[tuple[str, fhir.DomainResource]]) -> Iterator[Built]:
    scope = uuid.uuid5(uuid.NAMESPACE_OID, namespace)
    for rank, (section, resource) in enumerate(found, 1):
        yield Built(f"urn:uuid:{uuid.uuid5(scope, f'entry {rank}')}", resource, section)


def _all(
    content: clinical.ClinicalContent, patient: Reference, author: Reference | None
) -> Iterator[tuple[str, fhir.DomainResource]]:
    for category, values in (
        ("laboratory", content.results),
        ("vital-signs", content.vital_signs),
        ("social-history", content.social_history),
        ("", content.pregnancies),
        ("", content.observations),
    ):
        for value in values:
            yield value.section, observation(value, patient, category)
            for previous in value.previous:
                yield value.section, observation(previous, patient, category)
    for problem in content.problems:
        yield problem.section, condition(problem, patient)
    for allergy in content.allergies:
        yield allergy.section, allergy_intolerance(allergy, patient)
    for medication in content.medications:
        if medication.is_order:
            yield medication.section, medication_request(medication, patient, author)
        else:
            yield medication.section, medication_statement(medication, patient)
    for dispensation in content.dispensations:
        yield dispensation.section, medication_dispense(dispensation, patient)
    for vaccination in content.vaccinations:
        yield vaccination.section, immunization(vaccination, patient)
    for act in content.procedures:
        yield act.section, procedure(act, patient)
    for history in content.family_history:
        yield history.section, family_member_history(history, patient)
    for device in content.devices:
        yield device.section, medical_device(device, patient)


def observation(value: clinical.Observation, patient: Reference, category: str = "") -> fhir.Observation:
    """A result, a vital sign, a habit … ``completed`` is final, ``aborted`` cancelled."""
    status: Literal["final", "cancelled", "preliminary", "unknown"] = "unknown"
    status = {"completed": "final", "aborted": "cancelled", "active": "preliminary"}.get(value.status, status)  # type: ignore[assignment]
    moment, period = to.moment_or_period(value.time)
    written = fhir.Observation(
        identifier=to.identifier(value.id),
        status=status,
        category=(_coded(_CATEGORIES, category),) if category else (),
        code=to.some_concept(value.code, value.text),
        subject=patient,
        effective_date_time=moment,
        effective_period=period,
        interpretation=to.concepts(value.interpretation),
        note=to.notes(value.comment),
        method=to.concept(value.method),
        reference_range=tuple(_reference_ranges(value)),
    )
    return _with_value(written, value.value)


def _with_value(written: fhir.Observation, found: clinical.Value | None) -> fhir.Observation:
    """``value[x]`` by the type of what was found; a number or a time that FHIR cannot hold is kept as words."""
    replace = msgspec.structs.replace
    match found:
        case None:
            return written
        case bool():
            return replace(written, value_boolean=found)
        case int() if abs(found) < 2**31:
            return replace(written, value_integer=found)
        case Quantity() if (quantity := to.quantity(found)) is not None:
            return replace(written, value_quantity=quantity)
        case QuantityRange() if (bounds := to.quantity_range(found)) is not None:
            return replace(written, value_range=bounds)
        case Concept():
            return replace(written, value_codeable_concept=to.concept(found))
        case Moment() if (moment := to.date_time(found)) is not None:
            return replace(written, value_date_time=moment)
        case _:
            return replace(written, value_string=to.text(say_value(found, "fr")))


def condition(value: clinical.Problem, patient: Reference) -> fhir.Condition:
    """A problem: its value is the code, its kind the category."""
    status = value.clinical_status.code if value.clinical_status else ""
    if status not in ("active", "recurrence", "relapse", "inactive", "remission", "resolved"):
        status = "active" if value.is_active else "resolved"
    kinds = to.concepts(value.kind)
    is_past = status in ("inactive", "remission", "resolved")
    return fhir.Condition(
        identifier=to.identifier(value.id),
        clinical_status=None if value.is_negated else _coded(_CONDITION_STATUS, status),
        verification_status=_coded("http://terminology.hl7.org/CodeSystem/condition-ver-status", "refuted")
        if value.is_negated
        else None,
        category=(_coded(_CONDITION_CATEGORY, "problem-list-item"), *kinds),
        severity=to.concept(value.severity),
        code=to.some_concept(value.value, value.text),
        subject=patient,
        onset_date_time=to.date_time(value.period.start) if value.period else None,
        abatement_date_time=to.date_time(value.period.high) if value.period and is_past else None,
        note=to.notes(value.comment),
    )


def allergy_intolerance(value: clinical.Allergy, patient: Reference) -> fhir.AllergyIntolerance:
    """An allergy: the agent is the code, or what the document says instead ("none known")."""
    status = value.clinical_status.code if value.clinical_status else ""
    if status not in ("active", "inactive", "resolved"):
        status = "active" if value.is_active else "inactive"
    code = to.concept(value.agent) or to.concept(value.value) or to.some_concept(None, value.text)
    criticality = value.criticality.code if value.criticality else ""
    medication = {"416098002", "59037007", "609398007"}
    food = {"414285001", "735449006", "235719002"}
    category: tuple[Literal["medication", "food"], ...] = ()
    if value.kind.code in medication:
        category = ("medication",)
    elif value.kind.code in food:
        category = ("food",)
    return fhir.AllergyIntolerance(
        identifier=to.identifier(value.id),
        clinical_status=_coded(_ALLERGY_STATUS, status),
        type="intolerance" if value.kind.code in _INTOLERANCES else "allergy",
        category=category,
        criticality=criticality if criticality in ("low", "high", "unable-to-assess") else None,  # type: ignore[arg-type]
        code=code,
        patient=patient,
        onset_date_time=to.date_time(value.period.start) if value.period else None,
        note=to.notes(value.comment),
        reaction=tuple(
            fhir.AllergyIntoleranceReaction(manifestation=(to.some_concept(each.value, each.text),))
            for each in value.reactions
        ),
    )


def immunization(value: clinical.Vaccination, patient: Reference) -> fhir.Immunization:
    """A vaccine given, or not done."""
    moment = to.date_time(value.time.start) if value.time else None
    protocol: tuple[fhir.ImmunizationProtocolApplied, ...] = ()
    if value.rank:
        series = to.text(value.kind.label)
        protocol = (fhir.ImmunizationProtocolApplied(series=series, dose_number_positive_int=value.rank),)
    name = to.text(say_person(value.performer.name)) if value.performer else None
    performers = (fhir.ImmunizationPerformer(actor=Reference(display=name)),) if name else ()
    return fhir.Immunization(
        identifier=to.identifier(value.id),
        status="not-done" if value.is_negated else "completed",
        vaccine_code=to.some_concept(value.product.code, value.text or value.product.name),
        patient=patient,
        occurrence_date_time=moment,
        occurrence_string=None if moment else "Date non renseignée",
        lot_number=to.text(value.product.lot),
        expiration_date=to.date(value.product.expiry),
        site=to.concept(value.site),
        route=to.concept(value.route),
        dose_quantity=to.quantity(value.dose),
        performer=performers,
        note=to.notes(value.comment, *(f"Réaction : {each.name}" for each in value.reactions)),
        protocol_applied=protocol,
    )


def procedure(value: clinical.Procedure, patient: Reference) -> fhir.Procedure | fhir.ServiceRequest:
    """An act done, or asked for."""
    moment, period = to.moment_or_period(value.time)
    if value.is_order:
        return fhir.ServiceRequest(
            identifier=to.identifier(value.id),
            status="active",
            intent="order",
            code=to.some_concept(value.code, value.text),
            subject=patient,
            occurrence_date_time=moment,
            occurrence_period=period,
            body_site=to.concepts(*value.sites),
            reason_code=to.concepts(*value.reasons),
        )
    status: Literal["completed", "not-done", "stopped", "in-progress"] = "completed"
    if value.is_negated:
        status = "not-done"
    elif value.status in ("aborted", "cancelled"):
        status = "stopped"
    elif value.status == "active":
        status = "in-progress"
    name = to.text(say_person(value.performer.name)) if value.performer else None
    performers = (fhir.ProcedurePerformer(actor=Reference(display=name)),) if name else ()
    return fhir.Procedure(
        identifier=to.identifier(value.id),
        status=status,
        code=to.some_concept(value.code, value.text),
        subject=patient,
        performed_date_time=moment,
        performed_period=period,
        performer=performers,
        reason_code=to.concepts(*value.reasons),
        body_site=to.concepts(*value.sites),
        note=to.notes(value.text),
    )


def family_member_history(value: clinical.FamilyHistory, patient: Reference) -> fhir.FamilyMemberHistory:
    """What a relative has or had."""
    return fhir.FamilyMemberHistory(
        identifier=to.identifier(value.id),
        status="completed",
        patient=patient,
        relationship=to.some_concept(value.relation),
        condition=tuple(
            fhir.FamilyMemberHistoryCondition(code=to.some_concept(each.value, each.text)) for each in value.problems
        ),
    )


def medical_device(value: clinical.MedicalDevice, patient: Reference) -> fhir.Device | fhir.ServiceRequest:
    """A device of the patient, or the request for one."""
    code = to.some_concept(value.code, value.text)
    if not value.is_order:
        return fhir.Device(identifier=to.identifier(value.id), status="active", type=code, patient=patient)
    moment, period = to.moment_or_period(value.period)
    return fhir.ServiceRequest(
        identifier=to.identifier(value.id),
        status="active",
        intent="order",
        code=code,
        quantity_quantity=to.quantity(value.quantity),
        subject=patient,
        occurrence_date_time=moment,
        occurrence_period=period,
    )


def _coded(system: str, code: str) -> CodeableConcept:
    return CodeableConcept(coding=(Coding(system=system, code=code),))


def _reference_ranges(value: clinical.Observation) -> Iterator[fhir.ObservationReferenceRange]:
    for each in value.reference_ranges:
        low = to.quantity(each.bounds.low) if each.bounds else None
        high = to.quantity(each.bounds.high) if each.bounds else None
        words = to.text(each.text)
        if low or high or words:
            yield fhir.ObservationReferenceRange(low=low, high=high, text=words)
