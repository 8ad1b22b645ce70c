"""The order of elements where no XML schema is installed: children of each CDA class, how many, and attributes.

Source: HL7 CDA R2 and its French extension, as the fact sheet lists them class by class. Datatypes are not looked into.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import Final, NamedTuple

from socle.services.conformance.domain import Finding, Layer, Severity
from socle.standards.errors import Text
from socle.standards.schematron.tree import Document, Node, location, opening_tag

_V3: Final = "{urn:hl7-org:v3}"
_NAMESPACES: Final = {
    "": _V3,
    "sdtc": "{urn:hl7-org:sdtc}",
    "lab": "{urn:oid:1.3.6.1.4.1.19376.1.3.2}",
    "pharm": "{urn:ihe:pharm:medication}",
    "ps3-20": "{urn:dicom-org:ps3-20}",
}
_COUNTS: Final = {"?": (0, 1), "*": (0, 10**9), "+": (1, 10**9), "": (1, 1)}
#: Elements whose class has another name; where the class depends on the parent's, the parent's class comes first.
_CLASSES: Final = {
    "assignedAuthoringDevice": "AuthoringDevice", "representedCustodianOrganization": "CustodianOrganization",
    "playingDevice": "Device", "scopingEntity": "Entity", "informant": "Informant12", "componentOf": "Component1",
    "manufacturedLabeledDrug": "LabeledDrug", "asMaintainedEntity": "MaintainedEntity",
    "manufacturedMaterial": "Material", "asOrganizationPartOf": "OrganizationPartOf",
    "specimenPlayingEntity": "PlayingEntity", "participant": "Participant2", "performer": "Performer2",
    "ClinicalDocument/participant": "Participant1", "ServiceEvent/performer": "Performer1",
    "ClinicalDocument/component": "Component2", "StructuredBody/component": "Component3",
    "Organizer/component": "Component4", "Section/component": "Component5",
    "IntendedRecipient/informationRecipient": "Person", "HealthCareFacility/location": "Place",
    "RelatedSubject/subject": "SubjectPerson",
    **dict.fromkeys(("assignedPerson", "associatedPerson", "relatedPerson", "guardianPerson", "maintainingPerson"),
                    "Person"),
    **dict.fromkeys(("representedOrganization", "scopingOrganization", "receivedOrganization", "providerOrganization",
                     "serviceProviderOrganization", "manufacturerOrganization", "wholeOrganization",
                     "guardianOrganization"), "Organization"),
}  # fmt: skip


class _Slot(NamedTuple):
    """A place among the children of a class: the names that may stand there, and how many."""

    names: tuple[str, ...]
    least: int
    most: int


class _Class(NamedTuple):
    slots: tuple[_Slot, ...]
    attributes: frozenset[str]
    required: tuple[str, ...]


def check_structure(document: Document, version: str) -> Iterator[tuple[Finding, Node]]:
    """The first thing wrong among the attributes and children of each element, as an XML schema would tell it."""
    pending = [(document.root.children[0], "ClinicalDocument")]
    while pending:
        node, name = pending.pop()
        for message, expected in (*_attributes(node, _classes()[name]), *_children(node, _classes()[name])):
            yield (
                Finding(
                    layer=Layer.XSD,
                    severity=Severity.ERROR,
                    rule_set="socle:structure",
                    version=version,
                    requirement=f"CDA {name}",
                    message=message,
                    location=location(node),
                    found=opening_tag(node),
                    expected=Text(expected, expected),
                ),
                node,
            )
        pending += [(child, known) for child in node.children if (known := _class_of(child, name))]


def _class_of(node: Node, parent: str) -> str:
    if not node.tag.startswith(_V3):
        return ""
    local = _local(node.tag)
    name = _CLASSES.get(f"{parent}/{local}") or _CLASSES.get(local) or local[0].upper() + local[1:]
    return name if name in _classes() else ""


def _attributes(node: Node, model: _Class) -> Iterator[tuple[Text, str]]:
    for name in model.required:
        if name not in node.attrs:
            yield Text(f"L'attribut {name} manque.", f"Attribute {name} is missing."), f"@{name}"
    for name in node.attrs:
        if not name.startswith("{") and name not in model.attributes and name != "nullFlavor":
            listed = " ".join(sorted(model.attributes))
            yield Text(f"L'attribut {name} n'est pas admis ici.", f"Attribute {name} is not allowed here."), listed


def _children(node: Node, model: _Class) -> Iterator[tuple[Text, str]]:
    """Walks the slots along the children; stops at the first child that fits nowhere further on."""
    place = seen = 0
    slots = model.slots
    for child in node.children:
        ahead = next((number for number in range(place, len(slots)) if child.tag in slots[number].names), None)
        skipped = slots[place : len(slots) if ahead is None else ahead]
        lacking = next((slot for number, slot in enumerate(skipped) if slot.least > (0 if number else seen)), None)
        if lacking is not None and (ahead is not None or all(child.tag not in slot.names for slot in slots)):
            yield _missing(lacking)
            return
        if ahead is None or (ahead == place and seen >= slots[place].most):
            local, wanted = _local(child.tag), " ".join(_shown(slot) for slot in slots)
            yield Text(f"{local} n'est pas attendu à cette place.", f"{local} is not expected in this place."), wanted
            return
        place, seen = ahead, seen + 1 if ahead == place else 1
    rest = slots[place:]
    lacking = next((slot for number, slot in enumerate(rest) if slot.least > (0 if number else seen)), None)
    if lacking is not None and "nullFlavor" not in node.attrs:
        yield _missing(lacking)


def _missing(slot: _Slot) -> tuple[Text, str]:
    shown = _shown(slot)
    return Text(f"Il manque {shown}.", f"{shown} is missing."), shown


def _shown(slot: _Slot) -> str:
    return " | ".join(map(_local, slot.names))


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


@cache
def _classes() -> dict[str, _Class]:
    text = resources.files(__package__).joinpath("data", "structure.txt").read_text("utf-8")
    return dict(_read(line) for line in text.splitlines() if line and not line.startswith("#"))


def _read(line: str) -> tuple[str, _Class]:
    name, _, rest = line.partition(": ")
    children, _, attributes = rest.partition(" | @ ") if " | @ " in rest else rest.partition("| @ ")
    head = "realmCode* typeId templateId*" if name == "ClinicalDocument" else "realmCode* typeId? templateId*"
    slots = tuple(map(_slot, _tokens(f"{head} {children}")))
    listed = [token.partition("=")[0] for token in attributes.split()]
    required = tuple(token[:-1] for token in listed if token.endswith("!"))
    return name, _Class(slots, frozenset(token.rstrip("!") for token in listed), required)


def _tokens(children: str) -> Iterator[str]:
    """Names with their sign, and choices in brackets with theirs."""
    choice = ""
    for token in children.split():
        if choice or token.startswith("("):
            choice += f"{token} "
            if ")" in token:
                yield choice.strip()
                choice = ""
        else:
            yield token


def _slot(token: str) -> _Slot:
    sign = token[-1] if token[-1] in "?*+" else ""
    names = token.removesuffix(sign).strip("()").split(" | ")
    least, most = _COUNTS[sign]
    least = 0 if any(name.endswith("?") for name in names) else least
    return _Slot(tuple(_clark(name.rstrip("?")) for name in names), least, most)


def _clark(name: str) -> str:
    prefix, _, local = name.strip().rpartition(":")
    return _NAMESPACES[prefix] + local
