"""The header of any CDA document as one frozen value.

Reading is lenient: what is missing is empty, so that a document with defects can still be shown and explained.
``metadata`` and the conformance rules say what a given use requires.

Source: CI-SIS "Structuration minimale" §2.
"""

from __future__ import annotations

from typing import Final

import msgspec
from lxml import etree

from socle.standards.cda.datatypes import (
    SDTC,
    Address,
    Concept,
    Identifier,
    Interval,
    Moment,
    PersonName,
    Telecom,
    child,
    children,
    read_address,
    read_concept,
    read_identifier,
    read_identifiers,
    read_interval,
    read_moment,
    read_person_name,
    read_telecoms,
    text_of,
    value_of,
)
from socle.standards.cda.document import CdaDocument, open_document
from socle.standards.ids.ins import AUTHORITIES, Ins

#: Template that every level N1 document carries (IHE XDS-SD).
TEMPLATE_N1: Final = "1.3.6.1.4.1.19376.1.2.20"
#: Prefix of the CI-SIS document models (volets).
TEMPLATE_MODEL_PREFIX: Final = "1.2.250.1.213.1.1.1."
TEMPLATE_CISIS: Final = "1.2.250.1.213.1.1.1.1"
TEMPLATE_HL7_FRANCE: Final = "2.16.840.1.113883.2.8.2.1"
#: Authority of professionals' national identifiers (``8`` + RPPS …).
OID_PROFESSIONAL: Final = "1.2.250.1.71.4.2.1"
#: Authority of structures' national identifiers (``1`` + FINESS …).
OID_STRUCTURE: Final = "1.2.250.1.71.4.2.2"


class Organization(msgspec.Struct, frozen=True):
    """A structure: ``industry`` is its cadre d'exercice (XDS practiceSettingCode)."""

    id: Identifier | None = None
    name: str = ""
    industry: Concept | None = None
    address: Address = Address()
    telecoms: tuple[Telecom, ...] = ()


class Device(msgspec.Struct, frozen=True):
    """A system that acts as an author."""

    model: str = ""
    software: str = ""


class Assigned(msgspec.Struct, frozen=True):
    """Somebody in a role: a person or a device, with the ids and the profession of the role, and the structure."""

    ids: tuple[Identifier, ...] = ()
    profession: Concept | None = None
    name: PersonName = PersonName()
    device: Device | None = None
    organization: Organization | None = None
    address: Address = Address()
    telecoms: tuple[Telecom, ...] = ()

    @property
    def id(self) -> Identifier | None:
        """The professional's national identifier, else the first identifier."""
        national = (found for found in self.ids if found.root == OID_PROFESSIONAL)
        return next(national, self.ids[0] if self.ids else None)


class Author(msgspec.Struct, frozen=True):
    """Who wrote the document, when, and in which function towards the patient (``PCP`` …)."""

    assigned: Assigned
    time: Moment | None = None
    function: Concept | None = None


class Signatory(msgspec.Struct, frozen=True):
    """Who takes responsibility (``legalAuthenticator``) or also validates (``authenticator``), and when."""

    assigned: Assigned
    time: Moment | None = None
    template_ids: tuple[str, ...] = ()


class Informant(msgspec.Struct, frozen=True):
    """Who informed, or whom to inform: ``role`` is ``ECON``, ``NOK``, ``CAREGIVER`` …, empty for a professional."""

    assigned: Assigned
    role: str = ""
    relation: Concept | None = None


class Participant(msgspec.Struct, frozen=True):
    """Another actor: médecin traitant (``INF`` with function ``PCP``), prescriber (``REF``) …"""

    type: str
    assigned: Assigned
    function: Concept | None = None
    time: Interval | None = None


class Guardian(msgspec.Struct, frozen=True):
    """The legal representative of the patient, a person or a structure."""

    name: PersonName = PersonName()
    organization: Organization | None = None
    address: Address = Address()
    telecoms: tuple[Telecom, ...] = ()


class Patient(msgspec.Struct, frozen=True):
    """Whom the document is about: identifiers and traits, as the document states them.

    ``birth_place`` is the official geographic code (COG, five characters).
    """

    ids: tuple[Identifier, ...] = ()
    name: PersonName = PersonName()
    gender: Concept | None = None
    birth_time: Moment | None = None
    birth_place: str = ""
    birth_place_name: str = ""
    address: Address = Address()
    telecoms: tuple[Telecom, ...] = ()
    guardians: tuple[Guardian, ...] = ()
    is_deceased: bool = False
    deceased_time: Moment | None = None
    multiple_birth_order: str = ""

    @property
    def ins(self) -> Ins | None:
        """The national health identity, when an identifier belongs to one of its authorities."""
        return next((Ins(found.extension, found.root) for found in self.ids if found.root in AUTHORITIES), None)

    @property
    def local_id(self) -> Identifier | None:
        """The first identifier that is not an INS (the establishment's IPP)."""
        return next((found for found in self.ids if found.root not in AUTHORITIES), None)

    @property
    def birth_family(self) -> str:
        """Nom de naissance."""
        return self.name.qualified_family("BR")

    @property
    def used_family(self) -> str:
        """Nom utilisé; documents before 2022 call it ``SP``."""
        return self.name.qualified_family("CL") or self.name.qualified_family("SP")

    @property
    def birth_given_names(self) -> str:
        """Liste des prénoms de naissance, in the order of the birth certificate."""
        return self.name.qualified_given("")

    @property
    def first_birth_given(self) -> str:
        """Premier prénom de naissance."""
        return self.name.qualified_given("BR")

    @property
    def used_given(self) -> str:
        """Prénom utilisé."""
        return self.name.qualified_given("CL")


class ServiceEvent(msgspec.Struct, frozen=True):
    """An act that the document reports. The first one of a document is its main act."""

    code: Concept | None = None
    time: Interval | None = None
    performer: Assigned | None = None
    performed: Interval | None = None
    ids: tuple[Identifier, ...] = ()
    #: ``ACT``, or ``INFO`` for a flag of a prescription.
    class_code: str = "ACT"


class Encounter(msgspec.Struct, frozen=True):
    """The stay or visit: ``facility`` is the secteur d'activité (XDS healthcareFacilityTypeCode)."""

    code: Concept | None = None
    time: Interval | None = None
    facility: Concept | None = None
    place_name: str = ""
    place_address: Address = Address()
    ids: tuple[Identifier, ...] = ()
    discharge_disposition: Concept | None = None
    responsible: Assigned | None = None
    participants: tuple[tuple[str, Assigned], ...] = ()


class RelatedDocument(msgspec.Struct, frozen=True):
    """An earlier document that this one relates to; ``type`` ``RPLC`` replaces it."""

    type: str
    id: Identifier
    version: str = ""


class Order(msgspec.Struct, frozen=True):
    """A request that the document answers, with the imaging accession numbers."""

    ids: tuple[Identifier, ...] = ()
    accession_numbers: tuple[Identifier, ...] = ()


class TemplateId(msgspec.Struct, frozen=True, order=True):
    """A model that the document claims to follow, and the version of the model."""

    root: str
    version: str = ""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the header of a document says."""

    id: Identifier | None
    set_id: Identifier | None
    version: str
    code: Concept | None
    title: str
    effective_time: Moment | None
    confidentiality: Concept | None
    language: str
    template_ids: tuple[TemplateId, ...]
    patient: Patient
    authors: tuple[Author, ...]
    informants: tuple[Informant, ...] = ()
    custodian: Organization | None = None
    recipients: tuple[Assigned, ...] = ()
    legal_authenticator: Signatory | None
    authenticators: tuple[Signatory, ...] = ()
    participants: tuple[Participant, ...] = ()
    orders: tuple[Order, ...] = ()
    service_events: tuple[ServiceEvent, ...]
    related_documents: tuple[RelatedDocument, ...] = ()
    encounter: Encounter | None

    @property
    def is_level_1(self) -> bool:
        """Whether the document claims the template of level N1 documents."""
        return any(template.root == TEMPLATE_N1 for template in self.template_ids)

    @property
    def models(self) -> tuple[TemplateId, ...]:
        """The CI-SIS document models that the document claims, most specific last."""
        return tuple(
            template
            for template in self.template_ids
            if template.root.startswith(TEMPLATE_MODEL_PREFIX) and template.root != TEMPLATE_CISIS
        )

    @property
    def main_event(self) -> ServiceEvent | None:
        """The first service event that has a performer, else the first one."""
        performed = (event for event in self.service_events if event.performer is not None)
        return next(performed, self.service_events[0] if self.service_events else None)

    @property
    def replaced(self) -> Identifier | None:
        """The id of the document that this one replaces."""
        return next((related.id for related in self.related_documents if related.type == "RPLC"), None)


def read_header(source: bytes | etree._Element | CdaDocument) -> Header:
    """The header of the CDA in ``source``, parsed or not.

    Raises ``MalformedInput`` when it is not XML, ``InvalidContent`` (code ``NotCDA``) when it is not a CDA.
    """
    document = source if isinstance(source, CdaDocument) else open_document(source)
    root = document.root
    return msgspec.structs.replace(
        read_described(document),
        informants=tuple(_read_informant(node) for node in children(root, "informant")),
        custodian=read_organization(child(root, "custodian", "assignedCustodian", "representedCustodianOrganization")),
        recipients=tuple(_read_recipient(node) for node in children(root, "informationRecipient")),
        authenticators=tuple(_read_signatory(node) for node in children(root, "authenticator")),
        participants=tuple(_read_participant(node) for node in children(root, "participant")),
        orders=tuple(_read_order(node) for node in children(root, "inFulfillmentOf")),
        related_documents=tuple(
            RelatedDocument(node.get("typeCode", ""), parent, value_of(child(node, "parentDocument", "versionNumber")))
            for node in children(root, "relatedDocument")
            if (parent := read_identifier(child(node, "parentDocument", "id"))) is not None
        ),
    )


def read_described(document: CdaDocument) -> Header:
    """The header as far as metadata tells of it: who else takes part and what else it relates to are left empty."""
    root = document.root
    return Header(
        id=read_identifier(child(root, "id")),
        set_id=read_identifier(child(root, "setId")),
        version=value_of(child(root, "versionNumber")),
        code=read_concept(child(root, "code")),
        title=text_of(child(root, "title")),
        effective_time=read_moment(child(root, "effectiveTime")),
        confidentiality=read_concept(child(root, "confidentialityCode")),
        language=_attribute(child(root, "languageCode"), "code"),
        template_ids=tuple(
            TemplateId(node.get("root", ""), node.get("extension", "")) for node in children(root, "templateId")
        ),
        patient=_read_patient(child(root, "recordTarget", "patientRole")),
        authors=tuple(_read_author(node) for node in children(root, "author")),
        legal_authenticator=next((_read_signatory(node) for node in children(root, "legalAuthenticator")), None),
        service_events=tuple(
            _read_service_event(event)
            for node in children(root, "documentationOf")
            if (event := child(node, "serviceEvent")) is not None
        ),
        encounter=_read_encounter(child(root, "componentOf", "encompassingEncounter")),
    )


def read_assigned(element: etree._Element | None, person: str = "assignedPerson") -> Assigned:
    """The ``AssignedEntity`` (or author, recipient, associated entity) in ``element``."""
    if element is None:
        return Assigned()
    organization = child(element, "representedOrganization")
    device = child(element, "assignedAuthoringDevice")
    return Assigned(
        ids=read_identifiers(element),
        profession=read_concept(child(element, "code")),
        name=read_person_name(child(element, person, "name")),
        device=None
        if device is None
        else Device(text_of(child(device, "manufacturerModelName")), text_of(child(device, "softwareName"))),
        organization=None if organization is None else read_organization(organization),
        address=read_address(child(element, "addr")),
        telecoms=read_telecoms(element),
    )


def read_organization(element: etree._Element | None) -> Organization | None:
    """The ``Organization`` in ``element``; ``None`` when absent."""
    if element is None:
        return None
    return Organization(
        id=read_identifier(child(element, "id")),
        name=text_of(child(element, "name")),
        industry=read_concept(child(element, "standardIndustryClassCode")),
        address=read_address(child(element, "addr")),
        telecoms=read_telecoms(element),
    )


def _read_patient(role: etree._Element | None) -> Patient:
    if role is None:
        return Patient()
    patient = child(role, "patient")
    place = child(patient, "birthplace", "place")
    birth_address = read_address(child(place, "addr"))
    return Patient(
        ids=read_identifiers(role),
        name=read_person_name(child(patient, "name")),
        gender=read_concept(child(patient, "administrativeGenderCode")),
        birth_time=read_moment(child(patient, "birthTime")),
        birth_place=birth_address.part("county"),
        birth_place_name=birth_address.part("city") or text_of(child(place, "name")),
        address=read_address(child(role, "addr")),
        telecoms=read_telecoms(role),
        guardians=tuple(
            Guardian(
                name=read_person_name(child(node, "guardianPerson", "name")),
                organization=read_organization(child(node, "guardianOrganization")),
                address=read_address(child(node, "addr")),
                telecoms=read_telecoms(node),
            )
            for node in children(patient, "guardian")
        ),
        is_deceased=_extension_value(patient, "deceasedInd") == "true",
        deceased_time=Moment(time) if (time := _extension_value(patient, "deceasedTime")) else None,
        multiple_birth_order=_extension_value(patient, "multipleBirthOrderNumber"),
    )


def _read_author(element: etree._Element) -> Author:
    return Author(
        assigned=read_assigned(child(element, "assignedAuthor")),
        time=read_moment(child(element, "time")),
        function=read_concept(child(element, "functionCode")),
    )


def _read_signatory(element: etree._Element) -> Signatory:
    return Signatory(
        assigned=read_assigned(child(element, "assignedEntity")),
        time=read_moment(child(element, "time")),
        template_ids=tuple(node.get("root", "") for node in children(element, "templateId")),
    )


def _read_informant(element: etree._Element) -> Informant:
    related = child(element, "relatedEntity")
    if related is None:
        return Informant(read_assigned(child(element, "assignedEntity")))
    return Informant(
        assigned=read_assigned(related, "relatedPerson"),
        role=related.get("classCode", ""),
        relation=read_concept(child(related, "code")),
    )


def _read_recipient(element: etree._Element) -> Assigned:
    recipient = child(element, "intendedRecipient")
    assigned = read_assigned(recipient, "informationRecipient")
    organization = read_organization(child(recipient, "receivedOrganization"))
    return msgspec.structs.replace(assigned, organization=organization)


def _read_participant(element: etree._Element) -> Participant:
    associated = child(element, "associatedEntity")
    assigned = read_assigned(associated, "associatedPerson")
    organization = read_organization(child(associated, "scopingOrganization"))
    return Participant(
        type=element.get("typeCode", ""),
        assigned=msgspec.structs.replace(assigned, organization=organization),
        function=read_concept(child(element, "functionCode")),
        time=read_interval(child(element, "time")),
    )


def _read_order(element: etree._Element) -> Order:
    order = child(element, "order")
    if order is None:
        return Order()
    accession_numbers = (read_identifier(node) for node in order.iterchildren("{urn:dicom-org:ps3-20}accessionNumber"))
    return Order(read_identifiers(order), tuple(found for found in accession_numbers if found is not None))


def _read_service_event(element: etree._Element) -> ServiceEvent:
    performer = child(element, "performer", "assignedEntity")
    return ServiceEvent(
        code=read_concept(child(element, "code")),
        time=read_interval(child(element, "effectiveTime")),
        performer=None if performer is None else read_assigned(performer),
        performed=read_interval(child(element, "performer", "time")),
        ids=read_identifiers(element),
        class_code=element.get("classCode", "ACT"),
    )


def _read_encounter(element: etree._Element | None) -> Encounter | None:
    if element is None:
        return None
    facility = child(element, "location", "healthCareFacility")
    place = child(facility, "location")
    responsible = child(element, "responsibleParty", "assignedEntity")
    return Encounter(
        code=read_concept(child(element, "code")),
        time=read_interval(child(element, "effectiveTime")),
        facility=read_concept(child(facility, "code")),
        place_name=text_of(child(place, "name")),
        place_address=read_address(child(place, "addr")),
        ids=read_identifiers(element),
        discharge_disposition=read_concept(child(element, "dischargeDispositionCode")),
        responsible=None if responsible is None else read_assigned(responsible),
        participants=tuple(
            (node.get("typeCode", ""), read_assigned(child(node, "assignedEntity")))
            for node in children(element, "encounterParticipant")
        ),
    )


def _extension_value(element: etree._Element | None, name: str) -> str:
    return "" if element is None else value_of(next(element.iterchildren(SDTC + name), None))


def _attribute(element: etree._Element | None, name: str) -> str:
    return "" if element is None else element.get(name, "").strip()
