"""Laboratory results → chapters of a CR-BIO: one entry a chapter, panels as batteries.

Source: CI-SIS CR d'examens biologiques 2024.01; IHE XD-LAB; entries FRE.21, FRE.78, FRE.80.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import msgspec
from lxml import etree

from socle.standards.cda.build.conditions import comment_act
from socle.standards.cda.build.scribe import MODELS, Cell, Row, Scribe, table
from socle.standards.cda.build.writer import cda, concept, interval, observed_value, quantity_range, templates
from socle.standards.cda.clinical import Observation, ReferenceRange
from socle.standards.cda.datatypes import Concept, Interval
from socle.standards.cda.templates import FRE, LAB
from socle.standards.cda.words import interpret, say_concept, say_interval, say_reference_range, say_value


class Chapter(msgspec.Struct, frozen=True):
    """A chapter of a laboratory report: its LOINC ``code`` (``18723-7`` Hématologie …) and its results in order."""

    code: Concept
    results: tuple[Observation, ...]


def chapter_section(scribe: Scribe, chapter: Chapter) -> etree._Element:
    """The section of one chapter, results of the same panel together."""
    rows: list[Row] = []
    relations: list[etree._Element] = []
    for panel, group in groupby(chapter.results, key=lambda result: result.panel):
        observations = [_result(scribe, result, rows) for result in group]
        if panel is None:
            relations.extend(cda("entryRelationship", each, typeCode="COMP") for each in observations)
        else:
            relations.append(cda("entryRelationship", _battery(scribe, panel, observations), typeCode="COMP"))
    act = cda(
        "act",
        concept("code", chapter.code),
        cda("statusCode", code="completed"),
        relations,
        classCode="ACT",
        moodCode="EVN",
    )
    entry = cda("entry", templates(f"{LAB}.1", f"{FRE}.21"), act, typeCode="DRIV")
    columns = ["Examen", "Résultat", "Valeurs de référence", "Interprétation", "Date", "Antériorité", "Commentaire"]
    model = msgspec.structs.replace(
        MODELS["laboratory_chapter"], code=chapter.code.code, label=chapter.code.label, title=chapter.code.label
    )
    return scribe.section(model, table(columns, rows), entries=[entry])


def _battery(scribe: Scribe, panel: Concept, observations: Sequence[etree._Element]) -> etree._Element:
    return cda(
        "organizer",
        templates(f"{LAB}.1.4", f"{FRE}.78"),
        scribe.identifier(),
        concept("code", panel),
        cda("statusCode", code="completed"),
        [cda("component", each, typeCode="COMP") for each in observations],
        classCode="BATTERY",
        moodCode="EVN",
    )


def _result(scribe: Scribe, value: Observation, rows: list[Row]) -> etree._Element:
    cell = Cell(value.text or value.name, scribe.anchor("resultat"))
    comment = Cell(value.comment, scribe.anchor("commentaire")) if value.comment else ""
    method = Cell(say_concept(value.method), scribe.anchor("methode")) if value.method else None
    rows.append(
        [
            cell,
            say_value(value.value, "fr"),
            " ; ".join(say_reference_range(each, "fr") for each in value.reference_ranges),
            interpret(value, "fr")[1],
            say_interval(value.time, "fr"),
            " ; ".join(f"{say_value(each.value, 'fr')} ({say_interval(each.time, 'fr')})" for each in value.previous),
            comment,
        ]
    )
    if method is not None:
        rows.append([method, "", "", "", "", "", ""])
    relations = [comment_act(comment.anchor)] if isinstance(comment, Cell) else []
    relations.extend(cda("entryRelationship", _previous(each, cell), typeCode="REFR") for each in value.previous)
    return cda(
        "observation",
        templates(f"{LAB}.1.6", f"{FRE}.80"),
        scribe.identifier(value.id),
        _coded_name(value.code, cell),
        cda("statusCode", code=value.status),
        interval("effectiveTime", value.time or Interval()),
        observed_value(value.value),
        concept("interpretationCode", value.interpretation),
        concept("methodCode", value.method, anchor=method.anchor if method else ""),
        relations,
        [_reference_range(each) for each in value.reference_ranges],
        classCode="OBS",
        moodCode="EVN",
    )


def _previous(value: Observation, cell: Cell) -> etree._Element:
    return cda(
        "observation",
        _coded_name(value.code, cell),
        cda("statusCode", code="completed"),
        interval("effectiveTime", value.time or Interval()),
        observed_value(value.value),
        classCode="OBS",
        moodCode="EVN",
    )


def _coded_name(code: Concept, cell: Cell) -> etree._Element:
    """``code`` that points to the narrative; a test without a LOINC code has only that."""
    written = concept("code", code, anchor=cell.anchor) if code else None
    if written is not None:
        return written
    return cda("code", cda("originalText", cda("reference", value=f"#{cell.anchor}")))


def _reference_range(value: ReferenceRange) -> etree._Element:
    return cda(
        "referenceRange",
        cda(
            "observationRange",
            cda("text", value.text) if value.text else None,
            quantity_range("value", value.bounds, xsi_type="IVL_PQ"),
            cda("interpretationCode", code="N", displayName="Normal", codeSystem="2.16.840.1.113883.5.83"),
            classCode="OBS",
            moodCode="EVN.CRT",
        ),
        typeCode="REFV",
    )
