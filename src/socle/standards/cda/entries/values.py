"""Observations and what they find."""

from __future__ import annotations

from lxml import etree

from socle.standards.cda.clinical import Observation, Ratio, ReferenceRange, Value
from socle.standards.cda.datatypes import (
    V3,
    XSI_TYPE,
    Concept,
    Interval,
    Quantity,
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
from socle.standards.cda.header import Assigned, read_assigned
from socle.standards.cda.narrative import Narrative

#: LOINC code of the comment act (FRE.32).
_COMMENT = "48767-8"


def read_value(element: etree._Element | None, narrative: Narrative) -> Value | None:
    """What ``value`` holds, by its ``xsi:type`` (prefix ignored); ``None`` when absent or null."""
    if element is None or element.get("nullFlavor"):
        return None
    kind = element.get(XSI_TYPE, "").rpartition(":")[2]
    if kind == "PQ":
        return read_quantity(element)
    if kind == "IVL_PQ":
        return read_quantity_range(element)
    if kind in ("CD", "CE", "CV", "CO"):
        return narrative.concept(element)
    if kind == "BL":
        return {"true": True, "false": False}.get(value_of(element))
    if kind in ("INT", "REAL"):
        value = value_of(element)
        return int(value) if value.lstrip("+-").isascii() and value.lstrip("+-").isdigit() else value or None
    if kind == "TS":
        return read_moment(element)
    if kind.startswith("RTO"):
        return _ratio_text(element)
    if kind in ("ST", "ED", ""):
        return narrative.resolve(element) or value_of(element) or None
    return value_of(element) or text_of(element) or None


def read_observation(element: etree._Element, narrative: Narrative, section: str) -> Observation:
    """The ``observation`` in ``element``."""
    panel, chapter, time = _laboratory_context(element, narrative)
    return Observation(
        code=narrative.concept(child(element, "code")) or Concept(),
        value=read_value(child(element, "value"), narrative),
        time=_own_time(element) or time,
        interpretation=narrative.concept(child(element, "interpretationCode")),
        reference_ranges=tuple(_read_reference_ranges(element, narrative)),
        method=narrative.concept(child(element, "methodCode")),
        status=_code(child(element, "statusCode")) or "completed",
        comment=read_comment(element, narrative),
        panel=panel,
        chapter=chapter,
        previous=tuple(
            read_observation(previous, narrative, section)
            for relation in children(element, "entryRelationship")
            if relation.get("typeCode") == "REFR" and (previous := child(relation, "observation")) is not None
        ),
        id=read_identifier(child(element, "id")),
        text=narrative.text_child(element) or narrative.resolve(child(element, "code", "originalText")),
        section=section,
    )


def read_comment(element: etree._Element, narrative: Narrative) -> str:
    """The text of the comment act among the relations of ``element``."""
    for relation in children(element, "entryRelationship"):
        act = child(relation, "act")
        if act is not None and _code(child(act, "code")) == _COMMENT:
            return narrative.text_child(act)
    return ""


def related(element: etree._Element, name: str, *templates: str) -> list[etree._Element]:
    """The statements called ``name`` (``observation``, ``act`` …) in relation that carry one of ``templates``."""
    found = []
    for relation in children(element, "entryRelationship"):
        statement = child(relation, name)
        if statement is not None and (not templates or has_template(statement, *templates)):
            found.append(statement)
    return found


def has_template(element: etree._Element, *templates: str) -> bool:
    """Whether ``element`` itself carries one of ``templates``."""
    return any(node.get("root") in templates for node in children(element, "templateId"))


def read_performer(element: etree._Element) -> Assigned | None:
    """Who performed: the ``performer``, else the ``author`` of the statement."""
    performer = child(element, "performer", "assignedEntity")
    if performer is None:
        performer = child(element, "author", "assignedAuthor")
    return None if performer is None else read_assigned(performer)


def read_dose(element: etree._Element | None) -> Quantity | None:
    """A single quantity: itself, or the low bound of a range."""
    dose = read_quantity_range(element)
    return None if dose is None else dose.low or dose.high


def _read_reference_ranges(element: etree._Element, narrative: Narrative) -> list[ReferenceRange]:
    found = []
    for node in children(element, "referenceRange"):
        observed = child(node, "observationRange")
        value = child(observed, "value")
        bounds = read_quantity_range(value)
        words = narrative.resolve(child(observed, "text")) or ("" if bounds else narrative.resolve(value))
        if bounds is not None or words:
            found.append(ReferenceRange(bounds, words))
    return found


def _laboratory_context(
    element: etree._Element, narrative: Narrative
) -> tuple[Concept | None, Concept | None, Interval | None]:
    """Nearest panel (BATTERY), chapter (laboratory act), and the nearest time stated by either."""
    panel = chapter = None
    time: Interval | None = None
    for ancestor in element.iterancestors(V3 + "organizer", V3 + "act", V3 + "section"):
        if ancestor.tag == V3 + "section":
            break
        time = time or _own_time(ancestor)
        if ancestor.tag == V3 + "organizer" and panel is None and ancestor.get("classCode") == "BATTERY":
            panel = narrative.concept(child(ancestor, "code"))
        if ancestor.tag == V3 + "act" and chapter is None:
            chapter = narrative.concept(child(ancestor, "code"))
    return panel, chapter, time


def _own_time(element: etree._Element) -> Interval | None:
    time = read_interval(child(element, "effectiveTime"))
    return time if time is not None and (time.value or time.low or time.high) else None


def _ratio_text(element: etree._Element) -> str | None:
    ratio = read_ratio(element)
    if ratio is None:
        return None
    below = f"/{ratio.denominator.value} {ratio.denominator.unit}".rstrip() if ratio.denominator else ""
    return f"{ratio.numerator.value} {ratio.numerator.unit}".strip() + below


def read_ratio(element: etree._Element | None) -> Ratio | None:
    """The ``RTO`` in ``element``."""
    numerator = read_quantity(child(element, "numerator"))
    return None if numerator is None else Ratio(numerator, read_quantity(child(element, "denominator")))


def _code(element: etree._Element | None) -> str:
    return "" if element is None else element.get("code", "")
