"""Problems, allergies, procedures, habits, family history → entries and narrative.

Source: CI-SIS entries FR-Liste-des-problemes (39), FR-Probleme (37), FR-Liste-des-allergies (40), FR-Allergie (41),
FR-Acte (62), FR-Habitus (52), FR-Antecedents-familiaux (59, 51).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lxml import etree

from socle.standards.cda.build.header import write_assigned
from socle.standards.cda.build.scribe import LOINC, Cell, Row, Scribe, reference, table
from socle.standards.cda.build.writer import Node, cda, concept, interval, observed_value, templates
from socle.standards.cda.clinical import Allergy, FamilyHistory, Observation, Problem, Procedure
from socle.standards.cda.datatypes import Concept, Interval
from socle.standards.cda.templates import CCD, FRE, PCC
from socle.standards.cda.words import say_concept, say_interval, say_person, say_value

#: What qualifies a problem or an allergy: attribute → (templates, code).
_QUALIFIERS = {
    "severity": (
        (f"{CCD}.55", f"{PCC}.1", f"{FRE}.29"),
        Concept("SEV", "2.16.840.1.113883.5.4", "Sévérité"),
    ),
    "clinical_status": (
        (f"{CCD}.50", f"{CCD}.57", f"{PCC}.1.1", f"{FRE}.30"),
        Concept("33999-4", LOINC, "Statut du problème"),
    ),
    "certainty": ((f"{PCC}.13", f"{FRE}.48", f"{FRE}.171"), Concept("66455-7", LOINC, "Certitude")),
    "criticality": ((f"{FRE}.172",), Concept("82606-5", LOINC, "Criticité")),
}


def problems(scribe: Scribe, values: Sequence[Problem]) -> tuple[etree._Element, list[etree._Element]]:
    """Narrative table and entries of a list of problems."""
    rows: list[Row] = []
    entries: list[etree._Element] = []
    for value in values:
        row, observation = _problem(scribe, value, "problem")
        rows.append(row)
        entries.append(cda("entry", _concern(scribe, value, (f"{PCC}.5.2", f"{FRE}.39"), observation)))
    return table(["Date", "Intitulé", "Précision", "Évolution", "Commentaire"], rows), entries


def allergies(scribe: Scribe, values: Sequence[Allergy]) -> tuple[etree._Element, list[etree._Element]]:
    """Narrative table and entries of a list of allergies."""
    rows: list[Row] = []
    entries: list[etree._Element] = []
    for value in values:
        row, observation = _allergy(scribe, value)
        rows.append(row)
        entries.append(cda("entry", _concern(scribe, value, (f"{PCC}.5.3", f"{FRE}.40"), observation)))
    return table(["Date", "Type", "Agent", "Réaction", "Évolution", "Commentaire"], rows), entries


def procedures(scribe: Scribe, values: Sequence[Procedure]) -> tuple[etree._Element, list[etree._Element]]:
    """Narrative table and entries of acts done."""
    rows: list[Row] = []
    entries: list[etree._Element] = []
    for value in values:
        cell = Cell(value.text or say_concept(value.code), scribe.anchor("acte"))
        performer = say_person(value.performer.name) if value.performer else ""
        rows.append([say_interval(value.time, "fr"), cell, performer])
        written = cda(
            "procedure",
            templates(f"{PCC}.19", f"{CCD}.25" if value.is_order else f"{CCD}.29", f"{FRE}.62"),
            scribe.identifier(value.id),
            concept("code", value.code, anchor=cell.anchor if value.code.code else ""),
            reference(cell.anchor),
            cda("statusCode", code=value.status),
            interval("effectiveTime", value.time),
            [concept("targetSiteCode", site) for site in value.sites],
            _performer(value),
            [reason_act(scribe, reason) for reason in value.reasons],
            classCode="PROC",
            moodCode="INT" if value.is_order else "EVN",
            negationInd="true" if value.is_negated else None,
        )
        entries.append(cda("entry", written))
    return table(["Date", "Acte", "Exécutant"], rows), entries


def habits(scribe: Scribe, values: Sequence[Observation]) -> tuple[etree._Element, list[etree._Element]]:
    """Narrative table and entries of habits and ways of life."""
    rows: list[Row] = []
    entries: list[etree._Element] = []
    for value in values:
        cell = Cell(value.text or say_concept(value.code), scribe.anchor("habitus"))
        rows.append([cell, say_value(value.value, "fr"), say_interval(value.time, "fr")])
        written = cda(
            "observation",
            templates(f"{PCC}.13", f"{CCD}.33", f"{PCC}.13.4", f"{FRE}.52"),
            scribe.identifier(value.id),
            concept("code", value.code),
            reference(cell.anchor),
            cda("statusCode", code=value.status),
            interval("effectiveTime", value.time or Interval(null_flavor="UNK")),
            observed_value(value.value),
            classCode="OBS",
            moodCode="EVN",
        )
        entries.append(cda("entry", written))
    return table(["Habitude", "Valeur", "Date"], rows), entries


def family(scribe: Scribe, values: Sequence[FamilyHistory]) -> tuple[etree._Element, list[etree._Element]]:
    """Narrative table and entries of family history."""
    rows: list[Row] = []
    entries: list[etree._Element] = []
    for value in values:
        components = []
        for problem in value.problems:
            cell = Cell(problem.text or problem.name, scribe.anchor("famille"))
            rows.append([say_concept(value.relation), cell, say_interval(problem.period, "fr")])
            observation = cda(
                "observation",
                templates(f"{PCC}.13", f"{CCD}.22", f"{PCC}.13.3", f"{FRE}.51"),
                scribe.identifier(problem.id),
                concept("code", problem.kind),
                reference(cell.anchor),
                cda("statusCode", code="completed"),
                interval("effectiveTime", problem.period or Interval(null_flavor="UNK")),
                concept("value", problem.value, xsi_type="CD"),
                classCode="OBS",
                moodCode="EVN",
            )
            components.append(cda("component", observation, typeCode="COMP"))
        organizer = cda(
            "organizer",
            templates(f"{CCD}.23", f"{PCC}.15", f"{FRE}.59"),
            scribe.identifier(value.id),
            cda("statusCode", code="completed"),
            cda(
                "subject",
                templates(f"{PCC}.15.2", f"{FRE}.60"),
                cda("relatedSubject", concept("code", value.relation), classCode="PRS"),
                typeCode="SBJ",
            ),
            components,
            classCode="CLUSTER",
            moodCode="EVN",
        )
        entries.append(cda("entry", organizer))
    return table(["Parent", "Pathologie", "Date"], rows), entries


def comment_act(anchor: str) -> etree._Element:
    """The relation that carries a comment (FRE.32)."""
    act = cda(
        "act",
        templates(f"{CCD}.40", f"{PCC}.2", f"{FRE}.32"),
        concept("code", Concept("48767-8", LOINC, "Commentaire")),
        reference(anchor),
        cda("statusCode", code="completed"),
        classCode="ACT",
        moodCode="EVN",
    )
    return cda("entryRelationship", act, typeCode="SUBJ", inversionInd="true")


def reaction(scribe: Scribe, value: Problem, relation: str) -> tuple[Cell, etree._Element]:
    """A reaction to a medicine or vaccine (CCD.54) and its narrative cell."""
    cell = Cell(value.text or value.name, scribe.anchor("reaction"))
    observation = _problem_observation(scribe, value, cell.anchor, cell.anchor, [], (f"{CCD}.54",))
    return cell, cda("entryRelationship", observation, typeCode=relation, inversionInd="false")


def _problem(scribe: Scribe, value: Problem, kind: str) -> tuple[list[str | Cell], etree._Element]:
    name = Cell(value.value.original_text or value.text or value.name, scribe.anchor(kind))
    detail = Cell(value.text, scribe.anchor(f"{kind}-detail")) if value.text and value.text != name.text else None
    qualifiers, relations = _qualify(scribe, value)
    comment = Cell(value.comment, scribe.anchor(f"{kind}-commentaire")) if value.comment else None
    if comment is not None:
        relations.append(comment_act(comment.anchor))
    observation = _problem_observation(scribe, value, (detail or name).anchor, name.anchor, relations, ())
    row: list[str | Cell] = [say_interval(value.period, "fr"), name, detail or "", qualifiers or "", comment or ""]
    return row, observation


def _problem_observation(
    scribe: Scribe,
    value: Problem,
    text: str,
    value_anchor: str,
    relations: Iterable[etree._Element],
    extra_templates: tuple[str, ...],
) -> etree._Element:
    return cda(
        "observation",
        templates(f"{CCD}.28", *extra_templates, f"{PCC}.5", f"{FRE}.37"),
        scribe.identifier(value.id),
        concept("code", value.kind),
        reference(text),
        cda("statusCode", code="completed"),
        _onset(value.period),
        concept("value", value.value, anchor=value_anchor if value.value else "", xsi_type="CD"),
        relations,
        classCode="OBS",
        moodCode="EVN",
        negationInd="true" if value.is_negated else "false",
    )


def _allergy(scribe: Scribe, value: Allergy) -> tuple[list[str | Cell], etree._Element]:
    kind = Cell(value.text or say_concept(value.kind), scribe.anchor("allergie"))
    agent = Cell(say_concept(value.agent), scribe.anchor("agent")) if value.agent else None
    status, relations = _qualify(scribe, value)
    comment = Cell(value.comment, scribe.anchor("allergie-commentaire")) if value.comment else None
    reactions = [reaction(scribe, each, "MFST") for each in value.reactions]
    relations = [element for _, element in reactions] + relations
    if comment is not None:
        relations.append(comment_act(comment.anchor))
    participant = None
    if agent is not None:
        entity = cda(
            "playingEntity",
            concept("code", value.agent, anchor=agent.anchor),
            cda("name", agent.text),
            classCode="MMAT",
        )
        participant = cda("participant", cda("participantRole", entity, classCode="MANU"), typeCode="CSM")
    named = value.value
    observation = cda(
        "observation",
        templates(f"{CCD}.18", f"{CCD}.28", f"{PCC}.5", f"{PCC}.6", f"{FRE}.41"),
        scribe.identifier(value.id),
        concept("code", value.kind),
        reference(kind.anchor),
        cda("statusCode", code="completed"),
        _onset(value.period),
        concept("value", named, anchor=kind.anchor, xsi_type="CD")
        if named
        else cda("value", cda("originalText", cda("reference", value="#")), xsi_type="CD"),
        participant,
        relations,
        classCode="OBS",
        moodCode="EVN",
        negationInd="true" if value.is_negated else "false",
    )
    said = reactions[0][0] if reactions else ""
    row: list[str | Cell] = [say_interval(value.period, "fr"), kind, agent or "", said, status or "", comment or ""]
    return row, observation


def _qualify(scribe: Scribe, value: Problem | Allergy) -> tuple[Cell | None, list[etree._Element]]:
    """Status, severity, certainty, criticality as observations in relation, all in one narrative cell."""
    found = [(name, qualifier) for name in _QUALIFIERS if (qualifier := getattr(value, name, None)) is not None]
    if not found:
        return None, []
    cell = Cell(", ".join(say_concept(qualifier) for _, qualifier in found), scribe.anchor("statut"))
    relations = []
    for name, qualifier in found:
        roots, code = _QUALIFIERS[name]
        observation = cda(
            "observation",
            templates(*roots),
            scribe.identifier(),
            concept("code", code),
            reference(cell.anchor),
            cda("statusCode", code="completed"),
            cda("effectiveTime", nullFlavor="NA"),
            # IHE PCC wants the clinical status as a CE, everything else as a CD.
            concept("value", qualifier, xsi_type="CE" if name == "clinical_status" else "CD"),
            classCode="OBS",
            moodCode="EVN",
        )
        type_code = "REFR" if name == "clinical_status" else "SUBJ"
        inversion = "false" if name == "clinical_status" else "true"
        relations.append(cda("entryRelationship", observation, typeCode=type_code, inversionInd=inversion))
    return cell, relations


def _concern(
    scribe: Scribe, value: Problem | Allergy, roots: tuple[str, ...], observation: etree._Element
) -> etree._Element:
    period = value.period or Interval()
    low = cda("low", value=period.start.text) if period.start else cda("low", nullFlavor="UNK")
    high = None
    if not value.is_active:
        high = cda("high", value=period.high.text) if period.high else cda("high", nullFlavor="UNK")
    return cda(
        "act",
        templates(f"{CCD}.27", f"{PCC}.5.1", *roots),
        scribe.identifier(),
        cda("code", nullFlavor="NA"),
        cda("statusCode", code="active" if value.is_active else "completed"),
        cda("effectiveTime", low, high),
        cda("entryRelationship", observation, typeCode="SUBJ", inversionInd="false"),
        classCode="ACT",
        moodCode="EVN",
    )


def _onset(period: Interval | None) -> Node:
    start = period.start if period else None
    low = cda("low", value=start.text) if start else cda("low", nullFlavor="UNK")
    high = cda("high", value=period.high.text) if period and period.high else None
    return cda("effectiveTime", low, high)


def _performer(value: Procedure) -> Node:
    if value.performer is None:
        return None
    return cda("performer", write_assigned("assignedEntity", value.performer), typeCode="PRF")


def reason_act(scribe: Scribe, reason: Concept) -> etree._Element:
    """The relation that gives the reason of an act or a treatment (FRE.36)."""
    act = cda(
        "act",
        templates(f"{PCC}.4.1", f"{FRE}.36"),
        scribe.identifier(),
        concept("code", reason),
        classCode="ACT",
        moodCode="EVN",
    )
    return cda("entryRelationship", act, typeCode="RSON", inversionInd="false")
