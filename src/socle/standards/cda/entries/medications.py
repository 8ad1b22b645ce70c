"""Treatments, prescriptions, dispensations, vaccinations, devices.

Source: CI-SIS entries FR-Traitement (42), FR-Traitement-prescrit (83), FR-Traitement-dispense (204),
FR-Vaccination (45), FR-Dispositif-medical (20), FR-Produit-de-sante (43); IHE Pharmacy.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from socle.standards.cda.clinical import (
    ABSENT_OR_UNKNOWN,
    Dispensation,
    Dosage,
    Frequency,
    Ingredient,
    MedicalDevice,
    Medication,
    Product,
    Terms,
    Vaccination,
)
from socle.standards.cda.datatypes import (
    XSI_TYPE,
    Concept,
    Interval,
    child,
    children,
    read_identifier,
    read_interval,
    read_moment,
    read_quantity,
    read_quantity_range,
    text_of,
    value_of,
)
from socle.standards.cda.entries.conditions import read_problem
from socle.standards.cda.entries.values import (
    has_template,
    read_comment,
    read_dose,
    read_performer,
    read_ratio,
    related,
)
from socle.standards.cda.narrative import Narrative
from socle.standards.cda.templates import FRE, PCC, PHM

PHARM: Final = "{urn:ihe:pharm:medication}"


def read_medication(element: etree._Element, narrative: Narrative, section: str) -> Medication:
    """The ``substanceAdministration`` in ``element``."""
    period, own_step = _read_times(element, narrative)
    steps = tuple(
        step
        for subordinate in related(element, "substanceAdministration")
        if child(subordinate.getparent(), "sequenceNumber") is not None
        and (step := _read_step(subordinate, narrative)) != Dosage()
    )
    code = narrative.concept(child(element, "code"))
    return Medication(
        product=read_product(child(element, "consumable", "manufacturedProduct"), narrative),
        absence=code if code is not None and code.system == ABSENT_OR_UNKNOWN else None,
        period=period,
        steps=steps or ((own_step,) if own_step != Dosage() else ()),
        route=narrative.concept(child(element, "routeCode")),
        site=narrative.concept(child(element, "approachSiteCode")),
        is_order=has_template(element, f"{PHM}.3.2", f"{FRE}.83"),
        is_negated=element.get("negationInd") == "true",
        status=_code(child(element, "statusCode")) or "completed",
        reasons=_read_reasons(element, narrative),
        patient_instruction=_instruction(element, narrative, f"{PCC}.3", f"{FRE}.33"),
        dispenser_instruction=_instruction(element, narrative, f"{PCC}.3.1", f"{FRE}.34"),
        terms=_read_terms(element, narrative),
        id=read_identifier(child(element, "id")),
        text=narrative.text_child(element),
        section=section,
    )


def read_product(element: etree._Element | None, narrative: Narrative) -> Product:
    """The ``manufacturedProduct`` in ``element``; empty when absent or null."""
    material = child(element, "manufacturedMaterial")
    if material is None:
        drug = child(element, "manufacturedLabeledDrug")
        return Product(code=narrative.concept(child(drug, "code")) or Concept(), name=text_of(child(drug, "name")))
    name = child(material, "name")
    return Product(
        code=narrative.concept(child(material, "code")) or Concept(),
        name=narrative.resolve(name),
        form=narrative.concept(next(material.iterchildren(PHARM + "formCode"), None)),
        lot=text_of(child(material, "lotNumberText")),
        expiry=read_moment(next(material.iterchildren(PHARM + "expirationTime"), None)),
        ingredients=tuple(_read_ingredients(material, narrative)),
    )


def read_dispensation(element: etree._Element, narrative: Narrative, section: str) -> Dispensation:
    """The ``supply`` in ``element``."""
    orders = related(element, "substanceAdministration", f"{PHM}.3.11", f"{FRE}.90")
    treatments = related(element, "substanceAdministration", f"{PHM}.3.6", f"{PCC}.7", f"{FRE}.42")
    substitutions = related(element, "act", f"{PHM}.3.9.2", f"{FRE}.206")
    return Dispensation(
        product=read_product(child(element, "product", "manufacturedProduct"), narrative),
        quantity=read_quantity(child(element, "quantity")),
        order=read_identifier(child(orders[0], "id")) if orders else None,
        order_document=read_identifier(child(orders[0], "reference", "externalDocument", "id")) if orders else None,
        treatment=read_medication(treatments[0], narrative, section) if treatments else None,
        substitution=narrative.concept(child(substitutions[0], "code")) if substitutions else None,
        patient_instruction=_instruction(element, narrative, f"{PCC}.3", f"{FRE}.33"),
        note=_instruction(element, narrative, f"{PCC}.3.1", f"{FRE}.207"),
        id=read_identifier(child(element, "id")),
        text=narrative.text_child(element),
        section=section,
    )


def read_vaccination(element: etree._Element, narrative: Narrative, section: str) -> Vaccination:
    """The ``substanceAdministration`` of a vaccine in ``element``."""
    ranks = related(element, "observation", "2.16.840.1.113883.10.20.1.46", f"{FRE}.82")
    rank = value_of(child(ranks[0], "value")) if ranks else ""
    return Vaccination(
        product=read_product(child(element, "consumable", "manufacturedProduct"), narrative),
        kind=narrative.concept(child(element, "code")) or Concept(),
        time=_stated(read_interval(child(element, "effectiveTime"))),
        route=narrative.concept(child(element, "routeCode")),
        site=narrative.concept(child(element, "approachSiteCode")),
        dose=read_dose(child(element, "doseQuantity")),
        rank=int(rank) if rank.isascii() and rank.isdigit() else None,
        is_negated=element.get("negationInd") == "true",
        performer=read_performer(element),
        reactions=tuple(
            read_problem(problem, narrative, section)
            for relation in children(element, "entryRelationship")
            if relation.get("typeCode") == "CAUS" and (problem := child(relation, "observation")) is not None
        ),
        comment=read_comment(element, narrative),
        id=read_identifier(child(element, "id")),
        text=narrative.text_child(element),
        section=section,
    )


def read_device(element: etree._Element, narrative: Narrative, section: str) -> MedicalDevice:
    """The ``supply`` of a medical device in ``element``."""
    return MedicalDevice(
        code=narrative.concept(child(element, "participant", "participantRole", "playingDevice", "code")) or Concept(),
        period=_stated(read_interval(child(element, "effectiveTime"))),
        quantity=read_quantity(child(element, "quantity")),
        is_order=element.get("moodCode") in ("INT", "RQO", "PRP"),
        terms=_read_terms(element, narrative),
        id=read_identifier(child(element, "id")),
        text=narrative.text_child(element),
        section=section,
    )


def _read_times(element: etree._Element, narrative: Narrative) -> tuple[Interval | None, Dosage]:
    """The duration of a treatment, and the dosage that the element states itself."""
    period: Interval | None = None
    frequencies: list[Frequency] = []
    for node in children(element, "effectiveTime"):
        kind = node.get(XSI_TYPE, "").rpartition(":")[2]
        if kind in ("PIVL_TS", "EIVL_TS", "SXPR_TS") or node.get("operator"):
            frequencies.extend(_read_frequency(node, kind))
        elif period is None:
            period = _stated(read_interval(node))
    maximum = (read_ratio(node) for node in children(element, "maxDoseQuantity"))
    return period, Dosage(
        frequencies=tuple(frequencies),
        dose=read_quantity_range(child(element, "doseQuantity")),
        rate=read_quantity_range(child(element, "rateQuantity")),
        maximum=tuple(ratio for ratio in maximum if ratio is not None),
        condition=narrative.resolve(child(element, "precondition", "criterion", "text")),
    )


def _read_step(element: etree._Element, narrative: Narrative) -> Dosage:
    period, dosage = _read_times(element, narrative)
    return Dosage(
        frequencies=dosage.frequencies,
        dose=dosage.dose,
        rate=dosage.rate,
        maximum=dosage.maximum,
        condition=dosage.condition,
        period=period,
        text=narrative.text_child(element),
    )


def _read_frequency(element: etree._Element, kind: str) -> list[Frequency]:
    if kind == "SXPR_TS":
        during: Interval | None = None
        found: list[Frequency] = []
        for component in children(element, "comp"):
            component_kind = component.get(XSI_TYPE, "").rpartition(":")[2]
            if component_kind in ("PIVL_TS", "EIVL_TS"):
                found.extend(_read_frequency(component, component_kind))
            elif component_kind in ("IVL_TS", "TS", ""):
                during = _stated(read_interval(component))
        return [Frequency(each.period, each.event, during) for each in found]
    event = child(element, "event")
    frequency = Frequency(
        period=read_quantity(child(element, "period")),
        event=_code(event),
        during=_stated(read_interval(child(element, "phase"))),
    )
    return [] if frequency == Frequency() else [frequency]


def _read_ingredients(material: etree._Element, narrative: Narrative) -> list[Ingredient]:
    found = []
    for node in material.iterchildren(PHARM + "ingredient"):
        substance = next(node.iterchildren(PHARM + "ingredient"), None)
        quantity = next(node.iterchildren(PHARM + "quantity"), None)
        if substance is None:
            continue
        code = narrative.concept(next(substance.iterchildren(PHARM + "code"), None)) or Concept()
        if not code:
            code = Concept(original_text=text_of(next(substance.iterchildren(PHARM + "name"), None)))
        ratio = read_ratio(quantity)
        found.append(Ingredient(code, ratio.numerator if ratio else None, ratio.denominator if ratio else None))
    return found


def _read_reasons(element: etree._Element, narrative: Narrative) -> tuple[Concept, ...]:
    return tuple(
        concept
        for relation in children(element, "entryRelationship")
        if relation.get("typeCode") == "RSON" and (concept := narrative.concept(child(relation, "act", "code")))
    )


def _read_terms(element: etree._Element, narrative: Narrative) -> Terms:
    substitutions = related(element, "act", f"{PHM}.3.9.1", f"{FRE}.87")
    quantities = related(element, "supply", f"{PHM}.3.8", f"{FRE}.86")
    substitution = child(substitutions[0], "code") if substitutions else None
    repeats = value_of(child(element, "repeatNumber"))
    return Terms(
        substitution=narrative.concept(substitution),
        substitution_reason=narrative.resolve(child(substitution, "originalText")),
        quantity=read_quantity(child(quantities[0], "quantity")) if quantities else None,
        repeats=int(repeats) if repeats.isascii() and repeats.isdigit() else None,
        is_ald=_flag(element, "48.13"),
        is_work_accident=_flag(element, "48.14"),
        is_prevention=_flag(element, "48.34"),
        is_not_reimbursed=_flag(element, "48.15"),
        is_off_label=_flag(element, "48.12"),
    )


def _flag(element: etree._Element, template: str) -> bool | None:
    found = related(element, "observation", f"{FRE}.{template}")
    value = value_of(child(found[0], "value")) if found else ""
    return {"true": True, "false": False}.get(value)


def _instruction(element: etree._Element, narrative: Narrative, *templates: str) -> str:
    found = related(element, "act", *templates)
    return narrative.text_child(found[0]) if found else ""


def _stated(interval: Interval | None) -> Interval | None:
    if interval is None or not (interval.value or interval.low or interval.high or interval.width):
        return None
    return Interval(interval.value, interval.low, interval.high, interval.width)


def _code(element: etree._Element | None) -> str:
    return "" if element is None else element.get("code", "")
