"""``Header`` → the header elements of a document, in the order of the schema: the inverse of ``read_header``.

Source: CI-SIS "Structuration minimale" §2; CDA R2 schema.
"""

from __future__ import annotations

from lxml import etree

from socle.standards.cda.build.writer import (
    Node,
    address,
    cda,
    concept,
    identifier,
    interval,
    moment,
    person_name,
    telecoms,
)
from socle.standards.cda.datatypes import SDTC, Concept, Interval
from socle.standards.cda.header import (
    Assigned,
    Author,
    Encounter,
    Guardian,
    Header,
    Informant,
    Order,
    Organization,
    Participant,
    Patient,
    RelatedDocument,
    ServiceEvent,
    Signatory,
)


def write_header(header: Header) -> etree._Element:
    """A ``ClinicalDocument`` with this header and no body yet. Confidentiality ``N`` when the header has none."""
    return cda(
        "ClinicalDocument",
        cda("realmCode", code="FR"),
        cda("typeId", root="2.16.840.1.113883.1.3", extension="POCD_HD000040"),
        [cda("templateId", root=each.root, extension=each.version or None) for each in header.template_ids],
        identifier(header.id),
        concept("code", header.code),
        cda("title", header.title),
        moment("effectiveTime", header.effective_time),
        concept("confidentialityCode", header.confidentiality),
        cda("languageCode", code=header.language),
        identifier(header.set_id, "setId"),
        cda("versionNumber", value=header.version),
        cda("recordTarget", _patient(header.patient)),
        [_author(author) for author in header.authors],
        [_informant(informant) for informant in header.informants],
        _custodian(header.custodian),
        [_recipient(recipient) for recipient in header.recipients],
        _signatory("legalAuthenticator", header.legal_authenticator),
        [_signatory("authenticator", each) for each in header.authenticators],
        [_participant(participant) for participant in header.participants],
        [_order(order) for order in header.orders],
        [cda("documentationOf", _service_event(event)) for event in header.service_events],
        [_related(related) for related in header.related_documents],
        _encounter(header.encounter),
    )


def write_assigned(name: str, value: Assigned, *, person: str = "assignedPerson") -> etree._Element:
    """An ``AssignedEntity`` called ``name`` (``assignedAuthor``, ``assignedEntity`` …)."""
    return cda(
        name,
        [identifier(each) for each in value.ids] or cda("id", nullFlavor="UNK"),
        concept("code", value.profession),
        address(value.address),
        telecoms(value.telecoms),
        cda(person, person_name("name", value.name)) if value.name else None,
        cda(
            "assignedAuthoringDevice",
            cda("manufacturerModelName", value.device.model),
            cda("softwareName", value.device.software),
        )
        if value.device
        else None,
        write_organization("representedOrganization", value.organization),
    )


def write_organization(name: str, value: Organization | None, *, with_industry: bool = True) -> Node:
    """An ``Organization`` called ``name``; the schema has no ``standardIndustryClassCode`` on some."""
    if value is None:
        return None
    return cda(
        name,
        identifier(value.id),
        cda("name", value.name) if value.name else None,
        telecoms(value.telecoms),
        address(value.address),
        concept("standardIndustryClassCode", value.industry) if with_industry else None,
    )


def _patient(patient: Patient) -> etree._Element:
    place = None
    if patient.birth_place or patient.birth_place_name:
        county = cda("county", patient.birth_place) if patient.birth_place else None
        city = cda("city", patient.birth_place_name) if patient.birth_place_name else None
        place = cda("birthplace", cda("place", cda("addr", county, city)))
    deceased = patient.is_deceased or patient.deceased_time is not None
    return cda(
        "patientRole",
        [identifier(each) for each in patient.ids],
        address(patient.address, is_required=True),
        telecoms(patient.telecoms, is_required=True),
        cda(
            "patient",
            person_name("name", patient.name),
            concept("administrativeGenderCode", patient.gender),
            moment("birthTime", patient.birth_time),
            cda(SDTC + "deceasedInd", value="true") if deceased else None,
            cda(SDTC + "deceasedTime", value=patient.deceased_time.text) if patient.deceased_time else None,
            cda(SDTC + "multipleBirthOrderNumber", value=patient.multiple_birth_order)
            if patient.multiple_birth_order
            else None,
            [_guardian(guardian) for guardian in patient.guardians],
            place,
        ),
    )


def _guardian(guardian: Guardian) -> etree._Element:
    return cda(
        "guardian",
        address(guardian.address),
        telecoms(guardian.telecoms),
        cda("guardianPerson", person_name("name", guardian.name)) if guardian.name else None,
        write_organization("guardianOrganization", guardian.organization) if not guardian.name else None,
    )


def _author(author: Author) -> etree._Element:
    return cda(
        "author",
        concept("functionCode", author.function),
        moment("time", author.time),
        write_assigned("assignedAuthor", author.assigned),
    )


def _informant(informant: Informant) -> etree._Element:
    if not informant.role:
        return cda("informant", write_assigned("assignedEntity", informant.assigned))
    assigned = informant.assigned
    related = cda(
        "relatedEntity",
        concept("code", informant.relation),
        address(assigned.address),
        telecoms(assigned.telecoms),
        cda("relatedPerson", person_name("name", assigned.name)),
        classCode=informant.role,
    )
    return cda("informant", related)


def _custodian(organization: Organization | None) -> Node:
    if organization is None:
        return None
    written = write_organization("representedCustodianOrganization", organization, with_industry=False)
    return cda("custodian", cda("assignedCustodian", written))


def _recipient(recipient: Assigned) -> etree._Element:
    return cda(
        "informationRecipient",
        cda(
            "intendedRecipient",
            [identifier(each) for each in recipient.ids],
            address(recipient.address),
            telecoms(recipient.telecoms),
            cda("informationRecipient", person_name("name", recipient.name)) if recipient.name else None,
            write_organization("receivedOrganization", recipient.organization, with_industry=False),
        ),
    )


def _signatory(name: str, signatory: Signatory | None) -> Node:
    if signatory is None:
        return None
    return cda(
        name,
        [cda("templateId", root=root) for root in signatory.template_ids],
        moment("time", signatory.time),
        cda("signatureCode", code="S"),
        write_assigned("assignedEntity", signatory.assigned),
    )


def _participant(participant: Participant) -> etree._Element:
    assigned = participant.assigned
    return cda(
        "participant",
        concept("functionCode", participant.function),
        interval("time", participant.time or Interval(null_flavor="NA")),
        cda(
            "associatedEntity",
            [identifier(each) for each in assigned.ids],
            concept("code", assigned.profession),
            address(assigned.address),
            telecoms(assigned.telecoms),
            cda("associatedPerson", person_name("name", assigned.name)) if assigned.name else None,
            write_organization("scopingOrganization", assigned.organization),
            classCode="PROV",
        ),
        typeCode=participant.type,
    )


def _order(order: Order) -> etree._Element:
    return cda(
        "inFulfillmentOf",
        cda(
            "order",
            [identifier(each) for each in order.ids],
            [identifier(each, "{urn:dicom-org:ps3-20}accessionNumber") for each in order.accession_numbers],
        ),
    )


def _service_event(event: ServiceEvent) -> etree._Element:
    performer = None
    if event.performer is not None:
        performer = cda(
            "performer",
            interval("time", event.performed),
            write_assigned("assignedEntity", event.performer),
            typeCode="PRF",
        )
    return cda(
        "serviceEvent",
        [identifier(each) for each in event.ids],
        concept("code", event.code),
        interval("effectiveTime", event.time),
        performer,
        classCode=event.class_code,
    )


def _related(related: RelatedDocument) -> etree._Element:
    version = cda("versionNumber", value=related.version) if related.version else None
    return cda("relatedDocument", cda("parentDocument", identifier(related.id), version), typeCode=related.type)


def _encounter(encounter: Encounter | None) -> Node:
    if encounter is None:
        return None
    place = None
    if encounter.place_name or encounter.place_address:
        name = cda("name", encounter.place_name) if encounter.place_name else None
        place = cda("location", name, address(encounter.place_address))
    facility: Concept | None = encounter.facility
    return cda(
        "componentOf",
        cda(
            "encompassingEncounter",
            [identifier(each) for each in encounter.ids],
            concept("code", encounter.code),
            interval("effectiveTime", encounter.time or Interval(null_flavor="UNK")),
            concept("dischargeDispositionCode", encounter.discharge_disposition),
            cda("responsibleParty", write_assigned("assignedEntity", encounter.responsible))
            if encounter.responsible
            else None,
            [
                cda("encounterParticipant", write_assigned("assignedEntity", assigned), typeCode=role)
                for role, assigned in encounter.participants
            ],
            cda("location", cda("healthCareFacility", concept("code", facility), place)),
        ),
    )
