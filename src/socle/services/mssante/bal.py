"""Boxes as FHIR ContactPoints, and what a patched list of them asks of the operator.

Source: ANS, ans.fhir.fr.mss 0.1.0 (draft) and ans.fhir.fr.annuaire 1.1.0; fact sheet "mssante" §12.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from socle.services.mssante import rules
from socle.services.mssante.domain import Mailbox, MailboxKind, MailboxState
from socle.standards.errors import InvalidContent, MalformedInput, Text
from socle.standards.fhir.resources import Organization, Practitioner, PractitionerRole
from socle.standards.fhir.types import CodeableConcept, Coding, ContactPoint, Extension, Identifier, Reference
from socle.standards.mail.address import parse_address

EMAIL_TYPE: Final = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-contact-point-email-type"
METADATA: Final = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/as-ext-mailbox-mss-metadata"
R256: Final = "https://mos.esante.gouv.fr/NOS/TRE_R256-TypeMessagerie/FHIR/TRE-R256-TypeMessagerie"
R257: Final = "https://mos.esante.gouv.fr/NOS/TRE_R257-TypeBAL/FHIR/TRE-R257-TypeBAL"
_PERSON_SYSTEM: Final = "urn:oid:1.2.250.1.71.4.2.1"
_STRUCTURE_SYSTEM: Final = "urn:oid:1.2.250.1.71.4.2.2"
_REQUIREMENT: Final = "IG ans.fhir.fr.mss"

HolderResource = Practitioner | PractitionerRole | Organization


class HolderType(StrEnum):
    """Which resource carries the boxes."""

    PRACTITIONER = "Practitioner"
    ROLE = "PractitionerRole"
    ORGANIZATION = "Organization"


#: Kinds of box that each resource may carry.
CARRIED: Final = {
    HolderType.PRACTITIONER: frozenset({MailboxKind.PERSONAL, MailboxKind.CABINET}),
    HolderType.ROLE: frozenset({MailboxKind.PERSONAL}),
    HolderType.ORGANIZATION: frozenset({MailboxKind.ORGANIZATIONAL, MailboxKind.APPLICATIVE}),
}
#: Attributes that a kind of box may have, beside red list and rank.
_ATTRIBUTES: Final = {
    MailboxKind.PERSONAL: frozenset[str](),
    MailboxKind.CABINET: frozenset({"description", "responsible"}),
    MailboxKind.ORGANIZATIONAL: frozenset({"description", "responsible", "service"}),
    MailboxKind.APPLICATIVE: frozenset({"description", "responsible", "service"}),
}


class Holder(msgspec.Struct, frozen=True):
    """Who holds boxes. ``person_id`` is a PS_IdNat, ``structure_id`` a Struct_IdNat; one may be empty."""

    person_id: str
    structure_id: str

    @property
    def type(self) -> HolderType:
        """The resource that carries this holder's boxes."""
        if not self.person_id:
            return HolderType.ORGANIZATION
        return HolderType.ROLE if self.structure_id else HolderType.PRACTITIONER

    @property
    def id(self) -> str:
        """The logical id of the resource."""
        return "-".join(part for part in (self.person_id, self.structure_id) if part)

    @staticmethod
    def from_id(kind: HolderType, text: str) -> Holder:
        """The holder of a logical id. Raises ``MalformedInput``."""
        person, _, structure = text.partition("-")
        holder = Holder("", person) if kind is HolderType.ORGANIZATION else Holder(person, structure)
        if holder.type is not kind or not text.replace("-", "").isalnum():
            raise MalformedInput("BALUnknownId", Text("Identifiant illisible.", "Unreadable id."), location="id")
        return holder


class Changes(msgspec.Struct, frozen=True):
    """What a patch asks: boxes to create, to change, addresses to close."""

    created: tuple[Mailbox, ...]
    changed: tuple[Mailbox, ...]
    closed: tuple[str, ...]


def holder_resource(holder: Holder, boxes: list[Mailbox]) -> HolderResource:
    """The resource of ``holder`` with its boxes as ``telecom``."""
    telecom = tuple(contact_point(box) for box in boxes)
    person = Identifier(system=_PERSON_SYSTEM, value=holder.person_id)
    structure = Identifier(system=_STRUCTURE_SYSTEM, value=holder.structure_id)
    match holder.type:
        case HolderType.PRACTITIONER:
            return Practitioner(id=holder.id, identifier=(person,), telecom=telecom)
        case HolderType.ORGANIZATION:
            return Organization(id=holder.id, identifier=(structure,), telecom=telecom)
        case HolderType.ROLE:
            return PractitionerRole(
                id=holder.id,
                practitioner=Reference(identifier=person),
                organization=Reference(identifier=structure),
                telecom=telecom,
            )


def contact_point(box: Mailbox) -> ContactPoint:
    """``box`` as a ContactPoint of profile ``as-mailbox-mss``."""
    kind = CodeableConcept(coding=(Coding(system=R257, code=box.kind.value),))
    details = [
        Extension(url="type", value_codeable_concept=kind),
        *(
            Extension(url=name, value_string=value)
            for name, value in (
                ("description", box.description),
                ("responsible", box.responsible),
                ("service", box.service),
            )
            if value
        ),
        Extension(url="listeRouge", value_boolean=box.is_red_listed),
    ]
    return ContactPoint(
        system="email",
        value=box.address,
        rank=box.rank,
        extension=(
            Extension(url=EMAIL_TYPE, value_coding=Coding(system=R256, code="MSSANTE")),
            Extension(url=METADATA, extension=tuple(details)),
        ),
    )


def read_contact_point(point: ContactPoint, holder: Holder, place: str) -> Mailbox:
    """The box that a ContactPoint describes. Raises ``InvalidContent`` naming what the profile does not allow."""
    address = str(parse_address(point.value or ""))
    if not parse_address(address).is_national:
        raise _refused("BALAddress", "L'adresse n'est pas du domaine MSSanté.", "Not an MSSanté address.", place)
    metadata = next((found for found in point.extension if found.url == METADATA), None)
    details = {found.url: found for found in metadata.extension} if metadata else {}
    unknown = details.keys() - {"type", "description", "responsible", "service", "listeRouge"}
    kind = _kind(details.get("type"), place)
    if kind not in CARRIED[holder.type]:
        raise _refused(
            "BALKind",
            f"Une boîte {kind} n'est pas portée par {holder.type}.",
            f"A {kind} box is not carried by {holder.type}.",
            place,
        )
    texts = {
        name: str(details[name].value_string or "")
        for name in ("description", "responsible", "service")
        if name in details
    }
    if unknown or texts.keys() - _ATTRIBUTES[kind]:
        names = ", ".join(sorted(unknown | (texts.keys() - _ATTRIBUTES[kind])))
        raise _refused(
            "BALAttribute",
            f"Attribut non admis pour une boîte {kind} : {names}.",
            f"Attribute not allowed for a {kind} box: {names}.",
            place,
        )
    red_list = details.get("listeRouge")
    return Mailbox(
        key=UUID(int=0),
        address=address,
        kind=kind,
        state=MailboxState.ACTIVE,
        quota_bytes=rules.DEFAULT_QUOTA_BYTES,
        created_at=datetime.min.replace(tzinfo=UTC),
        person_id=holder.person_id,
        structure_id=holder.structure_id,
        rank=point.rank or 1,
        is_red_listed=bool(red_list.value_boolean) if red_list else False,
        description=texts.get("description", ""),
        responsible=texts.get("responsible", ""),
        service=texts.get("service", ""),
    )


def changes_between(holder: Holder, before: list[Mailbox], after: HolderResource) -> Changes:
    """What turns the boxes ``before`` into those of the patched resource ``after``.

    Address and kind never change: raises ``InvalidContent`` (``BALFixed``). Contact points other than secure mail are
    refused, since this resource carries nothing else here.
    """
    wanted: dict[str, Mailbox] = {}
    for position, point in enumerate(after.telecom):
        place = f"{holder.type}.telecom[{position}]"
        box = read_contact_point(point, holder, place)
        if box.address in wanted:
            raise _refused("BALDuplicate", "Cette adresse est déjà portée.", "The address is there already.", place)
        wanted[box.address] = box
    known = {box.address: box for box in before}
    gone, added = known.keys() - wanted.keys(), wanted.keys() - known.keys()
    if gone and added and len(wanted) == len(known):
        raise _refused("BALFixed", "L'adresse d'une boîte ne change pas.", "The address of a box never changes.", "")
    for address in wanted.keys() & known.keys():
        if wanted[address].kind is not known[address].kind:
            raise _refused("BALFixed", "Le type d'une boîte ne change pas.", "The type of a box never changes.", "")
    return Changes(
        tuple(wanted[address] for address in sorted(added)),
        tuple(
            wanted[address]
            for address in sorted(wanted.keys() & known.keys())
            if contact_point(wanted[address]) != contact_point(known[address])
        ),
        tuple(sorted(gone)),
    )


def read_identifier(text: str) -> str:
    """The PS_IdNat or Struct_IdNat of a ``system|value`` token. Raises ``MalformedInput``.

    >>> read_identifier("https://rpps.esante.gouv.fr|99999999999"), read_identifier("http://sirene.fr|123456789")
    ('899999999999', '2123456789')
    """
    system, bar, value = text.partition("|")
    prefix = {
        "https://rpps.esante.gouv.fr": "8",
        _PERSON_SYSTEM: "",
        _STRUCTURE_SYSTEM: "",
        "http://finess.sante.gouv.fr": "1",
        "https://finess.esante.gouv.fr": "1",
        "http://sirene.fr": "3" if len(value) == 14 else "2",
    }.get(system)
    if not bar or prefix is None or not value.isalnum():
        raise MalformedInput(
            "BALIdentifier",
            Text("Écrivez système|valeur, avec un système connu.", "Write system|value with a known system."),
            location="identifier",
            requirement=_REQUIREMENT,
        )
    return prefix + value


def _kind(extension: Extension | None, place: str) -> MailboxKind:
    code = ""
    if extension is not None and extension.value_codeable_concept is not None:
        code = next((str(coding.code) for coding in extension.value_codeable_concept.coding if coding.code), "")
    elif extension is not None:
        code = str(extension.value_code or "")
    if code not in {kind.value for kind in MailboxKind} - {MailboxKind.CITIZEN.value}:
        raise _refused(
            "BALKind", "Le type de la boîte manque ou est inconnu.", "The type of the box is missing.", place
        )
    return MailboxKind(code)


def _refused(code: str, fr: str, en: str, location: str) -> InvalidContent:
    return InvalidContent(code, Text(fr, en), location=location, requirement=_REQUIREMENT)
