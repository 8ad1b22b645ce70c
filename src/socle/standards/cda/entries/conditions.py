"""Problems, allergies, family history, procedures.

Source: CI-SIS entries FR-Probleme (37), FR-Allergie-ou-hypersensibilite (41), FR-Antecedents-familiaux (59),
FR-Acte (62); IHE PCC.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from socle.standards.cda.clinical import Allergy, FamilyHistory, Problem, Procedure
from socle.standards.cda.datatypes import (
    V3,
    Concept,
    Interval,
    child,
    children,
    read_identifier,
    read_interval,
)
from socle.standards.cda.entries.values import has_template, read_comment, read_performer, related
from socle.standards.cda.narrative import Narrative
from socle.standards.cda.templates import FRE, PCC

_CONCERN: Final = (f"{PCC}.5.1", f"{PCC}.5.2", f"{PCC}.5.3", f"{FRE}.39", f"{FRE}.39.1", f"{FRE}.40")


def read_problem(element: etree._Element, narrative: Narrative, section: str) -> Problem:
    """The problem ``observation`` in ``element``."""
    return Problem(
        kind=narrative.concept(child(element, "code")) or Concept(),
        value=narrative.concept(child(element, "value")) or Concept(),
        period=_period(element),
        is_active=_is_active(element),
        is_negated=element.get("negationInd") == "true",
        severity=_qualified(element, narrative, f"{PCC}.1", f"{FRE}.29"),
        clinical_status=_qualified(element, narrative, f"{PCC}.1.1", f"{FRE}.30"),
        certainty=_qualified(element, narrative, f"{FRE}.171"),
        comment=read_comment(element, narrative),
        id=read_identifier(child(element, "id")),
        text=narrative.text_child(element),
        section=section,
    )


def read_allergy(element: etree._Element, narrative: Narrative, section: str) -> Allergy:
    """The allergy ``observation`` in ``element``."""
    agent = next(
        (
            found
            for node in children(element, "participant")
            if (found := narrative.concept(child(node, "participantRole", "playingEntity", "code")))
        ),
        None,
    )
    value = narrative.concept(child(element, "value"))
    return Allergy(
        kind=narrative.concept(child(element, "code")) or Concept(),
        agent=agent,
        value=value if value else None,
        period=_period(element),
        is_active=_is_active(element),
        is_negated=element.get("negationInd") == "true",
        severity=_qualified(element, narrative, f"{PCC}.1", f"{FRE}.29"),
        criticality=_qualified(element, narrative, f"{FRE}.172"),
        certainty=_qualified(element, narrative, f"{FRE}.171"),
        clinical_status=_qualified(element, narrative, f"{PCC}.1.1", f"{FRE}.30"),
        reactions=tuple(
            read_problem(problem, narrative, section)
            for relation in children(element, "entryRelationship")
            if relation.get("typeCode") == "MFST" and (problem := child(relation, "observation")) is not None
        ),
        comment=read_comment(element, narrative),
        id=read_identifier(child(element, "id")),
        text=narrative.text_child(element),
        section=section,
    )


def read_family_history(element: etree._Element, narrative: Narrative, section: str) -> FamilyHistory:
    """The ``organizer`` of one relative in ``element``."""
    return FamilyHistory(
        relation=narrative.concept(child(element, "subject", "relatedSubject", "code")) or Concept(),
        problems=tuple(
            read_problem(observation, narrative, section)
            for component in children(element, "component")
            if (observation := child(component, "observation")) is not None
        ),
        id=read_identifier(child(element, "id")),
        section=section,
    )


def read_procedure(element: etree._Element, narrative: Narrative, section: str) -> Procedure:
    """The ``procedure`` in ``element``."""
    sites = (
        narrative.concept(node) for name in ("targetSiteCode", "approachSiteCode") for node in children(element, name)
    )
    reasons = (
        narrative.concept(child(relation, "act", "code"))
        for relation in children(element, "entryRelationship")
        if relation.get("typeCode") == "RSON"
    )
    status = child(element, "statusCode")
    return Procedure(
        code=narrative.concept(child(element, "code")) or Concept(),
        time=_period(element),
        sites=tuple(site for site in sites if site),
        status=(status.get("code", "") if status is not None else "") or "completed",
        is_order=element.get("moodCode") != "EVN",
        is_negated=element.get("negationInd") == "true",
        performer=read_performer(element),
        reasons=tuple(reason for reason in reasons if reason),
        id=read_identifier(child(element, "id")),
        text=narrative.text_child(element),
        section=section,
    )


def _period(element: etree._Element) -> Interval | None:
    period = read_interval(child(element, "effectiveTime"))
    if period is None or not (period.value or period.low or period.high):
        return None
    return Interval(period.value, period.low, period.high)


def _is_active(element: etree._Element) -> bool:
    """Whether the concern that holds the observation is open; true when there is no concern."""
    for act in element.iterancestors(V3 + "act"):
        if has_template(act, *_CONCERN):
            status = child(act, "statusCode")
            return status is None or status.get("code") in ("active", "suspended", None)
    return True


def _qualified(element: etree._Element, narrative: Narrative, *templates: str) -> Concept | None:
    found = related(element, "observation", *templates)
    return narrative.concept(child(found[0], "value")) if found else None
