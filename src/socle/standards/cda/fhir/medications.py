"""Prescriptions, treatments and dispensations → FHIR resources, their product contained.

Source: fact sheet §9.2.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, get_args

import msgspec

from socle.standards.cda import clinical
from socle.standards.cda.datatypes import Concept, Interval, Quantity
from socle.standards.cda.fhir import datatypes as to
from socle.standards.cda.words import say_posology
from socle.standards.fhir import resources as fhir
from socle.standards.fhir.types import (
    Dosage,
    DosageDoseAndRate,
    EventTimingCode,
    Reference,
    Timing,
    TimingRepeat,
    UnitsOfTimeCode,
)

_EVENTS: Final = frozenset(get_args(EventTimingCode))
_UNITS: Final = frozenset(get_args(UnitsOfTimeCode))


def medication_request(
    value: clinical.Medication, patient: Reference, author: Reference | None
) -> fhir.MedicationRequest:
    """A prescription line, its product contained."""
    terms = value.terms
    quantity, repeats = to.quantity(terms.quantity), terms.repeats
    dispense = None
    if quantity is not None or repeats is not None:
        dispense = fhir.MedicationRequestDispenseRequest(quantity=quantity, number_of_repeats_allowed=repeats)
    substitution = None
    if terms.substitution is not None and (code := to.concept(terms.substitution)):
        substitution = fhir.MedicationRequestSubstitution(
            allowed_codeable_concept=code,
            reason=to.concept(Concept(original_text=terms.substitution_reason)),
        )
    return fhir.MedicationRequest(
        contained=(_contained(value.product),),
        identifier=to.identifier(value.id),
        status="active",
        intent="order",
        do_not_perform=value.is_negated or None,
        medication_reference=Reference(reference="#produit", display=to.text(value.product.title)),
        subject=patient,
        requester=author,
        reason_code=to.concepts(*value.reasons),
        note=to.notes(value.dispenser_instruction),
        dosage_instruction=_dosages(value),
        dispense_request=dispense,
        substitution=substitution,
    )


def medication_statement(value: clinical.Medication, patient: Reference) -> fhir.MedicationStatement:
    """A treatment that is or was taken, its product contained."""
    moment, period = to.moment_or_period(value.period)
    absence = to.concept(value.absence)
    return fhir.MedicationStatement(
        contained=() if absence else (_contained(value.product),),
        identifier=to.identifier(value.id),
        status="not-taken" if value.is_negated else "unknown" if value.period is None else "active",
        medication_codeable_concept=absence,
        medication_reference=None if absence else Reference(reference="#produit", display=to.text(value.product.title)),
        subject=patient,
        effective_date_time=moment,
        effective_period=period,
        reason_code=to.concepts(*value.reasons),
        dosage=_dosages(value),
    )


def medication_dispense(value: clinical.Dispensation, patient: Reference) -> fhir.MedicationDispense:
    """A medicine handed over."""
    substitution = None
    if value.substitution is not None:
        substitution = fhir.MedicationDispenseSubstitution(was_substituted=True, type=to.concept(value.substitution))
    orders = tuple(Reference(type="MedicationRequest", identifier=each) for each in to.identifier(value.order))
    return fhir.MedicationDispense(
        contained=(_contained(value.product),),
        identifier=to.identifier(value.id),
        status="completed",
        medication_reference=Reference(reference="#produit", display=to.text(value.product.title)),
        subject=patient,
        authorizing_prescription=orders,
        quantity=to.quantity(value.quantity),
        note=to.notes(value.note),
        dosage_instruction=_dosages(value.treatment, value.patient_instruction) if value.treatment else (),
        substitution=substitution,
    )


def _contained(product: clinical.Product) -> fhir.Medication:
    lot, expiry = to.text(product.lot), to.date_time(product.expiry)
    return fhir.Medication(
        id="produit",
        code=to.concept(product.code, product.name),
        form=to.concept(product.form),
        ingredient=tuple(
            fhir.MedicationIngredient(
                item_codeable_concept=to.some_concept(each.substance),
                is_active=True,
                strength=to.ratio(clinical.Ratio(each.strength, each.per or Quantity("1"))) if each.strength else None,
            )
            for each in product.ingredients
        ),
        batch=fhir.MedicationBatch(lot_number=lot, expiration_date=expiry) if lot or expiry else None,
    )


def _dosages(value: clinical.Medication, instruction: str = "") -> tuple[Dosage, ...]:
    words = to.text(instruction or value.patient_instruction)
    steps = value.steps or (clinical.Dosage(),)
    found = []
    for rank, step in enumerate(steps, 1):
        one = msgspec.structs.replace(value, steps=(step,))
        dose, rate = to.quantity_range(step.dose), to.quantity_range(step.rate)
        said = to.text(say_posology(one, "fr")) or (to.text(value.text) if len(steps) == 1 else None)
        found.append(
            Dosage(
                sequence=rank if len(steps) > 1 else None,
                text=said,
                patient_instruction=words,
                timing=_timing(step, value.period),
                route=to.concept(value.route),
                site=to.concept(value.site),
                dose_and_rate=(DosageDoseAndRate(dose_range=dose, rate_range=rate),) if dose or rate else (),
                max_dose_per_period=to.ratio(step.maximum[0]) if step.maximum else None,
            )
        )
    return tuple(each for each in found if each != Dosage())


def _timing(step: clinical.Dosage, period: Interval | None) -> Timing | None:
    """The first frequency; the whole posology stays in the text."""
    frequency = step.frequencies[0] if step.frequencies else clinical.Frequency()
    bounds = to.period(frequency.during or step.period or period)
    every = frequency.period
    number = every.number() if every else None
    event = frequency.event if frequency.event in _EVENTS else None
    has_cycle = every is not None and every.unit in _UNITS and number is not None and number > Decimal(0)
    if not has_cycle and event is None and bounds is None:
        return None
    return Timing(
        repeat=TimingRepeat(
            bounds_period=bounds,
            frequency=1 if has_cycle else None,
            period=number if has_cycle else None,
            period_unit=every.unit if has_cycle and every else None,  # type: ignore[arg-type]  # checked above
            when=(event,) if event else (),  # type: ignore[arg-type]  # checked above
        )
    )
