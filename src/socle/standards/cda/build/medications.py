"""Treatments, prescriptions, dispensations, devices → entries and narrative.

Source: CI-SIS entries FR-Traitement (42), FR-Traitement-prescrit (83), FR-Traitement-dispense (204),
FR-Dispositif-medical (20).
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from socle.standards.cda.build.conditions import reason_act
from socle.standards.cda.build.posology import administration, numbered, subordinate
from socle.standards.cda.build.products import product
from socle.standards.cda.build.scribe import Cell, Row, Scribe, facts, reference, table
from socle.standards.cda.build.writer import (
    cda,
    concept,
    identifier,
    interval,
    moment,
    quantity,
    templates,
)
from socle.standards.cda.clinical import (
    Dispensation,
    MedicalDevice,
    Medication,
    Terms,
)
from socle.standards.cda.datatypes import Concept, Interval, Moment
from socle.standards.cda.templates import CCD, FRE, PCC, PHM
from socle.standards.cda.words import say_concept, say_interval, say_posology, say_quantity

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
        relations = [subordinate(scribe, step, rank, "42.1", cell) for rank, step in numbered(value.steps)]
        if patient:
            relations.append(_instruction(patient, "PINSTRUCT", f"{CCD}.49", f"{PCC}.3", f"{FRE}.33"))
        relations.extend(reason_act(scribe, reason) for reason in value.reasons)
        entries.append(cda("entry", administration(scribe, value, cell, roots, relations, mood="EVN")))
    return table(["Période", "Médicament", "Posologie", "Voie", "Consigne"], rows), entries


def prescriptions(
    scribe: Scribe, values: Sequence[Medication], time: Moment
) -> tuple[list[etree._Element], list[etree._Element]]:
    """Narrative, a table a line, and entries of prescription lines; ``time`` dates the flags."""
    tables: list[etree._Element] = []
    entries: list[etree._Element] = []
    for value in values:
        cell = Cell(value.text or value.product.title, scribe.anchor("prescription"))
        terms = value.terms
        patient = _cell(scribe, value.patient_instruction, "consigne")
        dispenser = _cell(scribe, value.dispenser_instruction, "dispensateur")
        reason = Cell(terms.substitution_reason or say_concept(terms.substitution), scribe.anchor("substitution"))
        flags, flag_relations = _flags(scribe, terms, time, tuple(_FLAGS))
        tables.append(
            facts(
                cell,
                [
                    ("Durée du traitement", say_interval(value.period, "fr")),
                    ("Posologie", say_posology(value, "fr")),
                    ("Voie d'administration", say_concept(value.route)),
                    ("Quantité", say_quantity(terms.quantity, "fr")),
                    ("Renouvellements", "" if terms.repeats is None else str(terms.repeats)),
                    ("Substitution", reason),
                    ("Consigne au patient", patient),
                    ("Consigne au dispensateur", dispenser),
                    ("Motif", ", ".join(say_concept(each) for each in value.reasons)),
                    *flags,
                ],
            )
        )
        kind = f"{PCC}.8" if len(value.steps) > 1 else f"{PCC}.7.1"
        roots = (f"{CCD}.24", f"{PCC}.7", f"{PHM}.3.2", f"{FRE}.83", f"{PHM}.3.6", kind)
        relations = [subordinate(scribe, step, rank, "83.1", cell) for rank, step in numbered(value.steps)]
        if patient:
            relations.append(_instruction(patient, "PINSTRUCT", f"{CCD}.49", f"{PCC}.3", f"{FRE}.33"))
        if dispenser:
            relations.append(_instruction(dispenser, "FINSTRUCT", f"{CCD}.43", f"{PCC}.3.1", f"{FRE}.34"))
        relations.extend(reason_act(scribe, each) for each in value.reasons)
        if terms.quantity is not None:
            relations.append(_quantity(terms))
        relations.append(_substitution(terms, reason))
        relations.extend(flag_relations)
        repeat = (
            cda("repeatNumber", nullFlavor="NI")
            if terms.repeats is None
            else cda("repeatNumber", value=str(terms.repeats))
        )
        entries.append(cda("entry", administration(scribe, value, cell, roots, relations, mood="INT", repeat=repeat)))
    return tables, entries


def dispensations(scribe: Scribe, values: Sequence[Dispensation]) -> tuple[etree._Element, list[etree._Element]]:
    """Narrative table and entries of medicines handed over."""
    rows: list[Row] = []
    entries: list[etree._Element] = []
    for value in values:
        cell = Cell(value.text or value.product.title, scribe.anchor("delivre"))
        patient = _cell(scribe, value.patient_instruction, "consigne")
        note = Cell(value.note, scribe.anchor("note"))
        substituted = _cell(scribe, say_concept(value.substitution), "substitution")
        treatment = value.treatment
        posology = (
            Cell(treatment.text or say_posology(treatment, "fr"), scribe.anchor("posologie")) if treatment else ""
        )
        rows.append([cell, say_quantity(value.quantity, "fr"), posology, substituted, patient, note])
        relations = [_order(value)] if value.order else []
        if patient:
            relations.append(_instruction(patient, "PINSTRUCT", f"{CCD}.49", f"{PCC}.3", f"{FRE}.33"))
        if treatment is not None and isinstance(posology, Cell):
            roots = (f"{CCD}.24", f"{PCC}.7", f"{FRE}.42", f"{PHM}.3.6", f"{PCC}.7.1")
            followed = administration(scribe, treatment, posology, roots, [], mood="INT", with_product=False)
            relations.append(cda("entryRelationship", followed, typeCode="COMP"))
        if substituted:
            relations.append(_made_substitution(value, substituted))
        if relations or value.note:
            # The French model wants the dispenser's note, even empty, as soon as there is any relation.
            relations.insert(0, _instruction(note, "FINSTRUCT", f"{CCD}.43", f"{PCC}.3.1", f"{FRE}.207"))
        supply = cda(
            "supply",
            templates(f"{CCD}.34", f"{PCC}.7.3", f"{PHM}.3.4", f"{FRE}.204"),
            scribe.identifier(value.id),
            reference(cell.anchor),
            quantity("quantity", value.quantity) if value.quantity else cda("quantity", nullFlavor="UNK"),
            cda("product", product(value.product, cell)),
            relations,
            classCode="SPLY",
            moodCode="EVN",
        )
        entries.append(cda("entry", supply))
    return table(["Médicament délivré", "Quantité", "Posologie", "Substitution", "Consigne", "Note"], rows), entries


def prescribed_devices(
    scribe: Scribe, values: Sequence[MedicalDevice], time: Moment
) -> tuple[list[etree._Element], list[etree._Element]]:
    """Narrative, a table a device, and entries of prescribed devices."""
    tables: list[etree._Element] = []
    entries: list[etree._Element] = []
    for value in values:
        cell = Cell(value.text or say_concept(value.code), scribe.anchor("dispositif"))
        flags, relations = _flags(
            scribe, value.terms, time, ("is_ald", "is_work_accident", "is_not_reimbursed", "is_prevention")
        )
        tables.append(
            facts(
                cell,
                [
                    ("Période", say_interval(value.period, "fr")),
                    ("Quantité", say_quantity(value.quantity, "fr")),
                    ("Renouvellements", str(value.terms.repeats or 0)),
                    *flags,
                ],
            )
        )
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
    return tables, entries


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


def _flags(
    scribe: Scribe, terms: Terms, time: Moment, names: Sequence[str]
) -> tuple[list[tuple[str, Cell]], list[etree._Element]]:
    said: list[tuple[str, Cell]] = []
    relations: list[etree._Element] = []
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
        said.append((code.label, cell))
        relations.append(cda("entryRelationship", observation, typeCode="COMP"))
    return said, relations


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
