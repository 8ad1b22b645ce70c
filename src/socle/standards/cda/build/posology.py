"""Administrations: how much, how often, for how long.

Source: CI-SIS entries FR-Traitement (42), FR-Traitement-prescrit (83), FR-Traitement-prescrit-subordonnee (83.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lxml import etree

from socle.standards.cda.build.products import no_product, product
from socle.standards.cda.build.scribe import Cell, Scribe, reference
from socle.standards.cda.build.writer import Node, cda, concept, interval, quantity, quantity_range, ratio, templates
from socle.standards.cda.clinical import Dosage, Frequency, Medication
from socle.standards.cda.datatypes import Concept, Interval
from socle.standards.cda.templates import FRE

_DRUG: Final = Concept("DRUG", "2.16.840.1.113883.5.4", "Médicament")


def administration(
    scribe: Scribe,
    value: Medication,
    cell: Cell,
    roots: Sequence[str],
    relations: Sequence[etree._Element],
    *,
    mood: str,
    repeat: Node = None,
    with_product: bool = True,
) -> etree._Element:
    """A ``substanceAdministration`` with the templates ``roots``; its only step is written in place."""
    only = value.steps[0] if len(value.steps) == 1 else Dosage()
    return cda(
        "substanceAdministration",
        templates(*roots),
        scribe.identifier(value.id),
        concept("code", value.absence or _DRUG),
        reference(cell.anchor),
        cda("statusCode", code="completed"),
        interval("effectiveTime", value.period, xsi_type="IVL_TS", with_both_bounds=True)
        if value.period
        else _unknown_period(),
        [_frequency(each, value.period, is_expression=not with_product) for each in only.frequencies],
        repeat,
        concept("routeCode", value.route),
        concept("approachSiteCode", value.site),
        quantity_range("doseQuantity", only.dose, with_both_bounds=True),
        quantity_range("rateQuantity", only.rate, with_both_bounds=True),
        [ratio("maxDoseQuantity", each) for each in only.maximum],
        cda("consumable", product(value.product, cell) if with_product and value.absence is None else no_product()),
        relations,
        classCode="SBADM",
        moodCode=mood,
        negationInd="true" if value.is_negated else None,
    )


def _unknown_period() -> etree._Element:
    return cda("effectiveTime", cda("low", nullFlavor="UNK"), cda("high", nullFlavor="UNK"), xsi_type="IVL_TS")


def _frequency(value: Frequency, period: Interval | None, *, is_expression: bool = False) -> etree._Element:
    """A frequency; ``is_expression`` writes it inside an ``SXPR_TS`` even when it has no duration of its own."""
    if value.during is None and not is_expression:
        return cda("effectiveTime", _cycle(value), operator="A", xsi_type=_cycle_type(value))
    during = value.during or period
    first = interval("comp", during, xsi_type="IVL_TS") if during else None
    if first is not None:
        first.set("operator", "A")
    return cda(
        "effectiveTime",
        first,
        cda("comp", _cycle(value), operator="A", xsi_type=_cycle_type(value)),
        operator="A",
        xsi_type="SXPR_TS",
    )


def _cycle_type(value: Frequency) -> str:
    return "EIVL_TS" if value.event else "PIVL_TS"


def _cycle(value: Frequency) -> Node:
    return cda("event", code=value.event) if value.event else quantity("period", value.period)


def numbered(steps: Sequence[Dosage]) -> list[tuple[int, Dosage]]:
    """Steps of a progressive posology with their rank; none when there is only one."""
    return list(enumerate(steps, 1)) if len(steps) > 1 else []


def subordinate(scribe: Scribe, step: Dosage, rank: int, template: str, cell: Cell) -> etree._Element:
    """One step of a progressive posology, of rank ``rank``."""
    times = [_frequency(each, step.period, is_expression=False) for each in step.frequencies]
    administration = cda(
        "substanceAdministration",
        templates(f"{FRE}.{template}"),
        scribe.identifier(),
        reference(cell.anchor),
        cda("statusCode", code="completed"),
        interval("effectiveTime", step.period, xsi_type="IVL_TS", with_both_bounds=True),
        times,
        quantity_range("doseQuantity", step.dose, with_both_bounds=True),
        quantity_range("rateQuantity", step.rate, with_both_bounds=True),
        [ratio("maxDoseQuantity", each) for each in step.maximum],
        cda("consumable", no_product(), typeCode="CSM"),
        classCode="SBADM",
        moodCode="INT",
    )
    return cda("entryRelationship", cda("sequenceNumber", value=str(rank)), administration, typeCode="COMP")
