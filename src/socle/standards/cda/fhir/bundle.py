"""A whole CDA document → a FHIR document Bundle: Composition, people, entries, attachments.

Source: fact sheet §9.1; FHIR R4 §3.3 Documents.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from html import escape

from lxml import etree

from socle.standards.cda.clinical import Attachment as CdaAttachment
from socle.standards.cda.clinical import Section
from socle.standards.cda.document import CdaDocument, open_document
from socle.standards.cda.entries import read_clinical_content
from socle.standards.cda.fhir import datatypes as to
from socle.standards.cda.fhir.resources import Built, clinical_resources
from socle.standards.cda.header import Assigned, Header, Organization, Patient, read_header
from socle.standards.cda.words import label, say_person
from socle.standards.fhir import resources as fhir
from socle.standards.fhir.types import Attachment, CodeableConcept, Identifier, Narrative, Reference

_GENDERS = {"M": "male", "F": "female", "UN": "other"}


def to_bundle(source: bytes | etree._Element | CdaDocument) -> fhir.Bundle:
    """The document as a Bundle of type ``document``, always valid JSON of this base's FHIR model.

    The same document gives the same bundle. Raises what ``open_document`` raises, nothing else.
    """
    document = source if isinstance(source, CdaDocument) else open_document(source)
    header, content = read_header(document), read_clinical_content(document)
    namespace = f"{header.id.root}^{header.id.extension}" if header.id else header.title
    people = _People(namespace)
    patient = people.add("patient", _patient(header.patient), say_person(header.patient.name))
    authors = tuple(people.role(author.assigned) for author in header.authors)
    custodian = people.organization(header.custodian)
    attester = people.role(header.legal_authenticator.assigned) if header.legal_authenticator else None
    built = clinical_resources(content, patient, namespace=namespace, author=authors[0] if authors else None)
    attachments = [
        Built(
            f"urn:uuid:{uuid.uuid5(people.scope, f'attachment {rank}')}",
            _attachment(media_type, patient),
            section,
        )
        for rank, (media_type, section) in enumerate(_files(document, content.attachments), 1)
    ]
    entries = (*built, *attachments)
    composition = _composition(header, patient, authors, custodian, attester, _sections(content.sections, entries))
    resources = [
        fhir.BundleEntry(full_url=f"urn:uuid:{uuid.uuid5(people.scope, 'composition')}", resource=composition),
        *(fhir.BundleEntry(full_url=url, resource=resource) for url, resource in people.found.items()),
        *(fhir.BundleEntry(full_url=each.full_url, resource=each.resource) for each in entries),  # type: ignore[arg-type]
    ]
    moment = to.date_time(header.effective_time)
    identifiers = to.identifier(header.id)
    return fhir.Bundle(
        identifier=identifiers[0] if identifiers else None,
        type="document",
        timestamp=moment if moment and "T" in moment else None,
        entry=tuple(resources),
    )


class _People:
    """Who the document names, each once, by the URL that names them in the bundle."""

    def __init__(self, namespace: str) -> None:
        self.scope = uuid.uuid5(uuid.NAMESPACE_OID, f"people {namespace}")
        self.found: dict[str, fhir.AnyResource] = {}

    def add(self, key: str, resource: fhir.AnyResource, display: str) -> Reference:
        url = f"urn:uuid:{uuid.uuid5(self.scope, key)}"
        self.found[url] = resource
        return to.reference(url, display)

    def role(self, assigned: Assigned) -> Reference:
        """A PractitionerRole with its practitioner and its structure, one for each; a device is only named."""
        if assigned.device is not None:
            return Reference(display=to.text(f"{assigned.device.software} {assigned.device.model}") or "Système")
        key = "".join(f"{each.root}^{each.extension}" for each in assigned.ids) or say_person(assigned.name)
        name = say_person(assigned.name)
        practitioner = self.add(
            f"practitioner {key}",
            fhir.Practitioner(
                identifier=tuple(found for each in assigned.ids for found in to.identifier(each)),
                name=to.human_names(assigned.name),
                telecom=to.contacts(assigned.telecoms),
                address=to.addresses(assigned.address),
            ),
            name,
        )
        structure = self.organization(assigned.organization)
        return self.add(
            f"role {key} {structure.reference if structure else ''}",
            fhir.PractitionerRole(
                practitioner=practitioner,
                organization=structure,
                code=to.concepts(assigned.profession),
            ),
            name,
        )

    def organization(self, organization: Organization | None) -> Reference | None:
        """The structure; ``None`` when the document names none."""
        if organization is None or (organization.id is None and not organization.name):
            return None
        key = f"{organization.id.root}^{organization.id.extension}" if organization.id else organization.name
        resource = fhir.Organization(
            identifier=to.identifier(organization.id),
            name=to.text(organization.name),
            telecom=to.contacts(organization.telecoms),
            address=to.addresses(organization.address),
        )
        return self.add(f"organization {key}", resource, organization.name)


def _patient(patient: Patient) -> fhir.Patient:
    gender = patient.gender.code if patient.gender else ""
    return fhir.Patient(
        identifier=tuple(found for each in patient.ids for found in to.identifier(each)),
        name=to.human_names(patient.name),
        telecom=to.contacts(patient.telecoms),
        gender=_GENDERS.get(gender, "unknown"),  # type: ignore[arg-type]  # the values are of the code
        birth_date=to.date(patient.birth_time),
        deceased_date_time=to.date_time(patient.deceased_time),
        deceased_boolean=True if patient.is_deceased and to.date_time(patient.deceased_time) is None else None,
        address=to.addresses(patient.address),
    )


def _composition(
    header: Header,
    patient: Reference,
    authors: tuple[Reference, ...],
    custodian: Reference | None,
    attester: Reference | None,
    sections: tuple[fhir.CompositionSection, ...],
) -> fhir.Composition:
    confidentiality = header.confidentiality.code if header.confidentiality else ""
    attesters: tuple[fhir.CompositionAttester, ...] = ()
    if attester is not None and header.legal_authenticator is not None:
        time = to.date_time(header.legal_authenticator.time)
        attesters = (fhir.CompositionAttester(mode="legal", time=time, party=attester),)
    set_ids: tuple[Identifier, ...] = to.identifier(header.set_id or header.id)
    return fhir.Composition(
        language=header.language if header.language in ("fr-FR", "en-US") else None,
        identifier=set_ids[0] if set_ids else None,
        status="final",
        type=to.some_concept(header.code),
        subject=patient,
        date=to.date_time(header.effective_time) or "0001",
        author=authors or (Reference(display="Non renseigné"),),
        title=to.text(header.title) or label("untitled", "fr"),
        confidentiality=confidentiality if confidentiality in tuple("ULMNRV") else None,  # type: ignore[arg-type]
        attester=attesters,
        custodian=custodian,
        relates_to=tuple(
            fhir.CompositionRelatesTo(code="replaces", target_identifier=found)
            for related in header.related_documents
            if related.type == "RPLC"
            for found in to.identifier(related.id)
        ),
        event=tuple(
            fhir.CompositionEvent(code=codes, period=to.period(event.time))
            for event in header.service_events
            if (codes := to.concepts(event.code)) or to.period(event.time)
        ),
        section=sections,
    )


def _sections(sections: Sequence[Section], entries: Sequence[Built]) -> tuple[fhir.CompositionSection, ...]:
    """The tree of sections; an entry goes to the first section that has its code."""
    by_code: dict[str, list[Reference]] = {}
    for each in entries:
        by_code.setdefault(each.section, []).append(to.reference(each.full_url))
    found, _ = _level(sections, 0, 1, by_code)
    if rest := [reference for references in by_code.values() for reference in references]:
        title = label("content", "fr")
        found.append(fhir.CompositionSection(title=title, text=_narrative(title), entry=tuple(rest)))
    return tuple(found)


def _level(
    sections: Sequence[Section], start: int, level: int, by_code: dict[str, list[Reference]]
) -> tuple[list[fhir.CompositionSection], int]:
    found: list[fhir.CompositionSection] = []
    rank = start
    while rank < len(sections) and sections[rank].level >= level:
        section = sections[rank]
        entries = tuple(by_code.pop(section.code.code, ()))
        inner, rank = _level(sections, rank + 1, level + 1, by_code)
        title = to.text(section.title) or to.text(section.code.label) or label("section", "fr")
        found.append(
            fhir.CompositionSection(
                title=title,
                code=to.concept(section.code),
                text=_narrative(section.text or title),
                entry=entries,
                section=tuple(inner),
            )
        )
    return found, rank


def _narrative(words: str) -> Narrative:
    said = escape(to.text(words) or " ")
    return Narrative(status="generated", div=f'<div xmlns="http://www.w3.org/1999/xhtml">{said}</div>')


def _files(document: CdaDocument, attachments: Sequence[CdaAttachment]) -> list[tuple[str, str]]:
    """Media type and section of each embedded file, the body of an N1 document included."""
    found = [(each.media_type, each.section) for each in attachments]
    if document.body is not None and not document.is_structured:
        node = next(document.body.iterchildren("{urn:hl7-org:v3}text"), None)
        found.append(("" if node is None else node.get("mediaType", ""), ""))
    return found


def _attachment(media_type: str, patient: Reference) -> fhir.DocumentReference:
    """A reference to an embedded file, without its bytes: they are read from the document itself."""
    kind = "/".join(part for part in media_type.strip().split("/") if part.strip())
    attachment = Attachment(content_type=to.text("".join(kind.split())), title=label("attachment", "fr"))
    return fhir.DocumentReference(
        status="current",
        type=CodeableConcept(text=label("attachment", "fr")),
        subject=patient,
        content=(fhir.DocumentReferenceContent(attachment=attachment),),
    )
