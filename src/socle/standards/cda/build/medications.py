"""Treatments, prescriptions, dispensations, vaccinations, devices → entries and narrative.

Source: CI-SIS entries FR-Traitement (42), FR-Traitement-prescrit (83), FR-Traitement-dispense (204),
FR-Vaccination (45), FR-Dispositif-medical (20), FR-Produit-de-sante (43).
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from socle.standards.cda.build.conditions import CCD, FRE, PCC, comment_act, reaction
from socle.standards.cda.build.header import write_assigned
from socle.standards.cda.build.scribe import Cell, Row, Scribe, reference, table
from socle.standards.cda.build.writer import (
    Node,
    cda,
    concept,
    identifier,
    interval,
    moment,
    quantity,
    quantity_range,
    ratio,
    templates,
)
from socle.standards.cda.clinical import (
    Dispensation,
    Dosage,
    Frequency,
    MedicalDevice,
    Medication,
    Product,
    Terms,
    Vaccination,
)
from socle.standards.cda.datatypes import Concept, Interval, Moment
from socle.standards.cda.header import Assigned
from socle.standards.cda.words import say_concept, say_interval, say_person, say_posology, say_quantity

PHM = "1.3.6.1.4.1.19376.1.9.1"
PHARM = "{urn:ihe:pharm:medication}"
_DRUG = Concept("DRUG", "2.16.840.1.113883.5.4", "Médicament")
_TA = "1.2.250.1.213.1.1.4.322"
#: Flags of a prescription line: attribute → (template, code).
_FLAGS = {
    "is_ald": ("48.13", Concept("MED-574", _TA, "En rapport avec une ALD")),
    "is_work_accident": (
        "48.14",
        Concept("GEN-180", _TA, "En rapport avec un accident du travail ou une maladie professionnelle"),
    ),
    "is_not_reimbursed": ("48.15", Concept("GEN-181", _TA, "Non remboursable")),
    "is_off_label": (
        "48.12",
        Concept("GEN-179", _TA, "Hors Autorisation de Mise sur le Marché (AMM)"),
    ),
    "is_prevention": ("48.34", Concept("GEN-295", _TA, "En rapport avec la prévention")),
}


def treatments(scribe: Scribe, values: Sequence[Medication]) -> tuple[etree._Element, list[etree._Element]]:
    """Narrative table and entries of treatments that are or were taken."""
    rows: list[Row] = []
    entries: list[etree._Element] = []
    for value in values:
        cell = Cell(value.text or value.product.title, scribe.anchor("traitement"))
        patient = _cell(scribe, value.patient_instruction, "consigne")
        rows.append(
            [say_interval(value.period, "fr"), cell, say_posology(value, "fr"), say_concept(value.route), patient]
        )
        roots = (f"{FRE}.42", f"{CCD}.24", f"{PCC}.7", f"{PCC}.8" if len(value.steps) > 1 else f"{PCC}.7.1")
        relations = [_subordinate(scribe, step, rank, "42.1", cell) for rank, step in _numbered(value.steps)]
        if patient:
            relations.append(_instruction(patient, "PINSTRUCT", f"{CCD}.49", f"{PCC}.3", f"{FRE}.33"))
        relations.extend(_reason(scribe, reason) for reason in value.reasons)
        entries.append(cda("entry", _administration(scribe, value, cell, roots, relations, mood="EVN")))
    return table(["Période", "Médicament", "Posologie", "Voie", "Consigne"], rows), entries


def prescriptions(
    scribe: Scribe, values: Sequence[Medication], time: Moment
) -> tuple[etree._Element, list[etree._Element]]:
    """Narrative table and entries of prescription lines; ``time`` dates the flags."""
    rows: list[Row] = []
    entries: list[etree._Element] = []
    for value in values:
        cell = Cell(value.text or value.product.title, scribe.anchor("prescription"))
        terms = value.terms
        patient = _cell(scribe, value.patient_instruction, "consigne")
        dispenser = _cell(scribe, value.dispenser_instruction, "dispensateur")
        reason = Cell(terms.substitution_reason or say_concept(terms.substitution), scribe.anchor("substitution"))
        flags, flag_relations = _flags(
            scribe, terms, time, ("is_ald", "is_work_accident", "is_not_reimbursed", "is_off_label", "is_prevention")
        )
        repeats = "" if terms.repeats is None else str(terms.repeats)
        rows.append(
            [
                say_interval(value.period, "fr"),
                cell,
                say_posology(value, "fr"),
                say_concept(value.route),
                say_quantity(terms.quantity, "fr"),
                repeats,
                reason,
                patient,
                dispenser,
                *flags,
            ]
        )
        kind = f"{PCC}.8" if len(value.steps) > 1 else f"{PCC}.7.1"
        roots = (f"{CCD}.24", f"{PCC}.7", f"{PHM}.3.2", f"{FRE}.83", f"{PHM}.3.6", kind)
        relations = [_subordinate(scribe, step, rank, "83.1", cell) for rank, step in _numbered(value.steps)]
        if patient:
            relations.append(_instruction(patient, "PINSTRUCT", f"{CCD}.49", f"{PCC}.3", f"{FRE}.33"))
        if dispenser:
            relations.append(_instruction(dispenser, "FINSTRUCT", f"{CCD}.43", f"{PCC}.3.1", f"{FRE}.34"))
        relations.extend(_reason(scribe, each) for each in value.reasons)
        if terms.quantity is not None:
            relations.append(_quantity(terms))
        relations.append(_substitution(terms, reason))
        relations.extend(flag_relations)
        repeat = (
            cda("repeatNumber", nullFlavor="NI")
            if terms.repeats is None
            else cda("repeatNumber", value=str(terms.repeats))
        )
        entries.append(cda("entry", _administration(scribe, value, cell, roots, relations, mood="INT", repeat=repeat)))
    columns = [
        "Durée",
        "Médicament",
        "Posologie",
        "Voie",
        "Quantité",
        "Renouvellements",
        "Substitution",
        "Consigne au patient",
        "Consigne au dispensateur",
    ]
    return table([*columns, "ALD", "AT/MP", "Non remboursable", "Hors AMM", "Prévention"], rows), entries


def dispensations(scribe: Scribe, values: Sequence[Dispensation]) -> tuple[etree._Element, list[etree._Element]]:
    """Narrative table and entries of medicines handed over."""
    rows: list[Row] = []
    entries: list[etree._Element] = []
    for value in values:
        cell = Cell(value.text or value.product.title, scribe.anchor("delivre"))
        patient = _cell(scribe, value.patient_instruction, "consigne")
        note = _cell(scribe, value.note, "note")
        substituted = _cell(scribe, say_concept(value.substitution), "substitution")
        treatment = value.treatment
        posology = (
            Cell(treatment.text or say_posology(treatment, "fr"), scribe.anchor("posologie")) if treatment else ""
        )
        rows.append([cell, say_quantity(value.quantity, "fr"), posology, substituted, patient, note])
        relations = [_order(value)] if value.order else []
        if patient:
            relations.append(_instruction(patient, "PINSTRUCT", f"{CCD}.49", f"{PCC}.3", f"{FRE}.33"))
        if note:
            relations.append(_instruction(note, "FINSTRUCT", f"{CCD}.43", f"{PCC}.3.1", f"{FRE}.207"))
        if treatment is not None and isinstance(posology, Cell):
            roots = (f"{CCD}.24", f"{PCC}.7", f"{FRE}.42", f"{PHM}.3.6", f"{PCC}.7.1")
            followed = _administration(scribe, treatment, posology, roots, [], mood="INT", with_product=False)
            relations.append(cda("entryRelationship", followed, typeCode="COMP"))
        if substituted:
            relations.append(_made_substitution(value, substituted))
        supply = cda(
            "supply",
            templates(f"{CCD}.34", f"{PCC}.7.3", f"{PHM}.3.4", f"{FRE}.204"),
            scribe.identifier(value.id),
            reference(cell.anchor),
            quantity("quantity", value.quantity) if value.quantity else cda("quantity", nullFlavor="UNK"),
            cda("product", _product(value.product, cell)),
            relations,
            classCode="SPLY",
            moodCode="EVN",
        )
        entries.append(cda("entry", supply))
    return table(["Médicament délivré", "Quantité", "Posologie", "Substitution", "Consigne", "Note"], rows), entries


def vaccinations(
    scribe: Scribe, values: Sequence[Vaccination], author: Assigned, time: Moment
) -> tuple[etree._Element, list[etree._Element]]:
    """Narrative table and entries of vaccines given; ``author`` recorded them at ``time``."""
    rows: list[Row] = []
    entries: list[etree._Element] = []
    for value in values:
        cell = Cell(value.text or value.product.title, scribe.anchor("vaccin"))
        rank: Cell | str = Cell(str(value.rank), scribe.anchor("rang")) if value.rank is not None else ""
        comment = Cell(value.comment, scribe.anchor("commentaire")) if value.comment else None
        reactions = [reaction(scribe, each, "CAUS") for each in value.reactions]
        relations = [element for _, element in reactions]
        if isinstance(rank, Cell):
            relations.append(_rank(scribe, rank))
        if comment is not None:
            relations.append(comment_act(comment.anchor))
        performer = None
        if value.performer is not None:
            performer = cda("performer", write_assigned("assignedEntity", value.performer), typeCode="PRF")
        entry = cda(
            "substanceAdministration",
            templates(f"{CCD}.24", f"{PCC}.12", f"{FRE}.45"),
            scribe.identifier(value.id),
            concept("code", value.kind),
            reference(cell.anchor),
            cda("statusCode", code="completed"),
            interval("effectiveTime", value.time or Interval()),
            concept("routeCode", value.route),
            concept("approachSiteCode", value.site),
            quantity("doseQuantity", value.dose),
            cda("consumable", _product(value.product, cell), typeCode="CSM"),
            performer,
            cda(
                "author",
                moment("time", time),
                write_assigned("assignedAuthor", author),
                typeCode="AUT",
                contextControlCode="OP",
            ),
            relations,
            classCode="SBADM",
            moodCode="EVN",
            negationInd="true" if value.is_negated else "false",
        )
        entries.append(cda("entry", entry))
        said: Cell | str = reactions[0][0] if reactions else ""
        by = say_person(value.performer.name) if value.performer else ""
        lot = value.product.lot
        rows.append(
            [say_interval(value.time, "fr"), cell, lot, rank, say_concept(value.route), said, comment or "", by]
        )
    columns = ["Date", "Vaccin", "Lot", "Rang", "Voie", "Réaction observée", "Commentaire", "Vaccinateur"]
    return table(columns, rows), entries


def prescribed_devices(
    scribe: Scribe, values: Sequence[MedicalDevice], time: Moment
) -> tuple[etree._Element, list[etree._Element]]:
    """Narrative table and entries of prescribed devices."""
    rows: list[Row] = []
    entries: list[etree._Element] = []
    for value in values:
        cell = Cell(value.text or say_concept(value.code), scribe.anchor("dispositif"))
        flags, relations = _flags(
            scribe, value.terms, time, ("is_ald", "is_work_accident", "is_not_reimbursed", "is_prevention")
        )
        rows.append([say_interval(value.period, "fr"), cell, say_quantity(value.quantity, "fr"), *flags])
        supply = cda(
            "supply",
            templates(f"{CCD}.34", f"{FRE}.20"),
            scribe.identifier(value.id),
            reference(cell.anchor),
            interval("effectiveTime", value.period or Interval(), xsi_type="IVL_TS"),
            cda("repeatNumber", value=str(value.terms.repeats or 0)),
            quantity("quantity", value.quantity),
            cda(
                "participant",
                cda(
                    "participantRole",
                    cda(
                        "playingDevice",
                        concept("code", value.code, anchor=cell.anchor),
                        classCode="DEV",
                        determinerCode="INSTANCE",
                    ),
                    classCode="MANU",
                ),
                typeCode="DEV",
            ),
            relations,
            classCode="SPLY",
            moodCode="INT",
        )
        entries.append(cda("entry", supply))
    columns = ["Période", "Dispositif", "Quantité", "ALD", "AT/MP", "Non remboursable", "Prévention"]
    return table(columns, rows), entries


def _administration(
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
    only = value.steps[0] if len(value.steps) == 1 else Dosage()
    return cda(
        "substanceAdministration",
        templates(*roots),
        scribe.identifier(value.id),
        concept("code", _DRUG),
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
        cda("consumable", _product(value.product, cell) if with_product else _no_product()),
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


def _numbered(steps: Sequence[Dosage]) -> list[tuple[int, Dosage]]:
    """Steps of a progressive posology with their rank; none when there is only one."""
    return list(enumerate(steps, 1)) if len(steps) > 1 else []


def _subordinate(scribe: Scribe, step: Dosage, rank: int, template: str, cell: Cell) -> etree._Element:
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
        cda("consumable", _no_product(), typeCode="CSM"),
        classCode="SBADM",
        moodCode="INT",
    )
    return cda("entryRelationship", cda("sequenceNumber", value=str(rank)), administration, typeCode="COMP")


def _product(value: Product, cell: Cell) -> etree._Element:
    code = concept("code", value.code, anchor=cell.anchor)
    if not value.code.code and not value.code.translations:
        code = cda("code", cda("originalText", cda("reference", value=f"#{cell.anchor}")), nullFlavor="NA")
    return cda(
        "manufacturedProduct",
        templates(f"{CCD}.53", f"{PCC}.7.2", f"{FRE}.43"),
        cda(
            "manufacturedMaterial",
            templates(f"{PHM}.3.1"),
            code,
            cda("name", value.name) if value.name else cda("name", nullFlavor="NA"),
            concept(PHARM + "formCode", value.form),
            cda("lotNumberText", value.lot) if value.lot else None,
            cda(PHARM + "expirationTime", value=value.expiry.text) if value.expiry else None,
            [_ingredient(each.substance, each) for each in value.ingredients],
            classCode="MMAT",
            determinerCode="KIND",
        ),
        classCode="MANU",
    )


def _ingredient(substance: Concept, value: object) -> etree._Element:
    strength, per = getattr(value, "strength", None), getattr(value, "per", None)
    amount = None
    if strength is not None:
        amount = cda(
            PHARM + "quantity",
            quantity("numerator", strength, xsi_type="PQ"),
            quantity("denominator", per, xsi_type="PQ") if per else cda("denominator", value="1", xsi_type="PQ"),
        )
    label = say_concept(substance)
    return cda(
        PHARM + "ingredient",
        amount,
        cda(
            PHARM + "ingredient",
            concept(PHARM + "code", substance) if substance.code else None,
            cda(PHARM + "name", label),
            classCode="MMAT",
            determinerCode="KIND",
        ),
        classCode="ACTI",
    )


def _no_product() -> etree._Element:
    return cda(
        "manufacturedProduct",
        templates(f"{CCD}.53", f"{PCC}.7.2", f"{FRE}.43"),
        cda(
            "manufacturedMaterial",
            templates(f"{PHM}.3.1"),
            cda("code", nullFlavor="NA"),
            cda("name", nullFlavor="NA"),
            classCode="MMAT",
            determinerCode="KIND",
            nullFlavor="NA",
        ),
        classCode="MANU",
    )


def _cell(scribe: Scribe, text: str, kind: str) -> Cell | str:
    return Cell(text, scribe.anchor(kind)) if text else ""


def _instruction(cell: Cell | str, code: str, *roots: str) -> etree._Element:
    assert isinstance(cell, Cell)
    act = cda(
        "act",
        templates(*roots),
        concept("code", Concept(code, "1.3.6.1.4.1.19376.1.5.3.2")),
        reference(cell.anchor),
        cda("statusCode", code="completed"),
        classCode="ACT",
        moodCode="INT",
    )
    return cda("entryRelationship", act, typeCode="SUBJ", inversionInd="true")


def _reason(scribe: Scribe, reason: Concept) -> etree._Element:
    act = cda(
        "act",
        templates(f"{PCC}.4.1", f"{FRE}.36"),
        scribe.identifier(),
        concept("code", reason),
        classCode="ACT",
        moodCode="EVN",
    )
    return cda("entryRelationship", act, typeCode="RSON")


def _quantity(terms: Terms) -> etree._Element:
    supply = cda(
        "supply",
        templates(f"{PHM}.3.8", f"{FRE}.86"),
        cda("independentInd", value="false"),
        quantity("quantity", terms.quantity),
        classCode="SPLY",
        moodCode="RQO",
    )
    return cda("entryRelationship", supply, typeCode="COMP")


def _substitution(terms: Terms, cell: Cell) -> etree._Element:
    code = terms.substitution or Concept("G", "2.16.840.1.113883.5.1070", "Générique")
    act = cda(
        "act",
        templates(f"{PHM}.3.9.1", f"{FRE}.87"),
        concept("code", code, anchor=cell.anchor if terms.substitution_reason else ""),
        cda("statusCode", code="completed"),
        classCode="ACT",
        moodCode="DEF",
    )
    return cda("entryRelationship", act, typeCode="COMP")


def _made_substitution(value: Dispensation, cell: Cell | str) -> etree._Element:
    assert isinstance(cell, Cell)
    act = cda(
        "act",
        templates(f"{PHM}.3.9.2", f"{FRE}.206"),
        concept("code", value.substitution, anchor=cell.anchor),
        cda("statusCode", code="completed"),
        classCode="ACT",
        moodCode="EVN",
    )
    return cda("entryRelationship", act, typeCode="COMP")


def _flags(scribe: Scribe, terms: Terms, time: Moment, names: Sequence[str]) -> tuple[list[Cell], list[etree._Element]]:
    cells, relations = [], []
    for name in names:
        template, code = _FLAGS[name]
        is_set = bool(getattr(terms, name))
        cell = Cell("Oui" if is_set else "Non", scribe.anchor("indicateur"))
        observation = cda(
            "observation",
            templates(f"{PCC}.13", f"{FRE}.48", f"{FRE}.{template}"),
            scribe.identifier(),
            concept("code", code),
            reference(cell.anchor),
            cda("statusCode", code="completed"),
            moment("effectiveTime", time),
            cda("value", value="true" if is_set else "false", xsi_type="BL"),
            classCode="OBS",
            moodCode="EVN",
        )
        cells.append(cell)
        relations.append(cda("entryRelationship", observation, typeCode="COMP"))
    return cells, relations


def _order(value: Dispensation) -> etree._Element:
    document = None
    if value.order_document is not None:
        document = cda("reference", cda("externalDocument", identifier(value.order_document)), typeCode="XCRPT")
    administration = cda(
        "substanceAdministration",
        templates(f"{PHM}.3.11", f"{FRE}.90"),
        identifier(value.order),
        concept("code", Concept("PREItem", "1.3.6.1.4.1.19376.1.9.2.2", "Prescription Item")),
        cda(
            "consumable",
            cda(
                "manufacturedProduct",
                cda("manufacturedMaterial", cda("name", nullFlavor="NA"), nullFlavor="NA"),
            ),
        ),
        document,
        classCode="SBADM",
        moodCode="INT",
    )
    return cda("entryRelationship", administration, typeCode="REFR", inversionInd="false")


def _rank(scribe: Scribe, cell: Cell) -> etree._Element:
    observation = cda(
        "observation",
        templates(f"{CCD}.46", f"{FRE}.82"),
        scribe.identifier(),
        concept("code", Concept("30973-2", "2.16.840.1.113883.6.1", "Rang de la vaccination")),
        reference(cell.anchor),
        cda("statusCode", code="completed"),
        cda("value", value=cell.text, xsi_type="INT"),
        classCode="OBS",
        moodCode="EVN",
    )
    return cda("entryRelationship", observation, typeCode="SUBJ", inversionInd="false")
