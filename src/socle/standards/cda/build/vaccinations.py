"""Vaccines given → entries and narrative.

Source: CI-SIS entry FR-Vaccination (45), FR-Rang-de-la-vaccination (82).
"""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from socle.standards.cda.build.conditions import comment_act, reaction
from socle.standards.cda.build.header import write_assigned
from socle.standards.cda.build.products import product
from socle.standards.cda.build.scribe import Cell, Row, Scribe, reference, table
from socle.standards.cda.build.writer import cda, concept, interval, moment, quantity, templates
from socle.standards.cda.clinical import Vaccination
from socle.standards.cda.datatypes import Concept, Interval, Moment
from socle.standards.cda.header import Assigned
from socle.standards.cda.templates import CCD, FRE, PCC
from socle.standards.cda.words import say_concept, say_interval, say_person


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
            cda("consumable", product(value.product, cell), typeCode="CSM"),
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
