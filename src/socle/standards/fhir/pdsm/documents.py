"""``DocumentEntry`` and ``DocumentReference``.

The id of the resource is the logical id, stable over versions; the entry UUID, which names one version, and the logical
id are among the identifiers; ``meta.versionId`` is the version.

Source: PDSm 3.1.1 ``pdsm-comprehensive-document-reference``; fact sheet dmp-exchange §3.3, §3.9.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from socle.standards.errors import InvalidContent, MalformedInput, SocleError, Text
from socle.standards.fhir.pdsm import vocabulary as v
from socle.standards.fhir.pdsm.people import (
    Contained,
    Resolve,
    organization_of,
    practitioner_of,
    read_author,
    read_institution,
    read_person,
    read_source_patient,
    source_patient_of,
    write_author,
)
from socle.standards.fhir.pdsm.systems import code_of, coding_of, concept_of, is_oid, scheme_of, url_of
from socle.standards.fhir.pdsm.times import to_date_time, to_dtm, to_instant
from socle.standards.fhir.resources import (
    DocumentReference,
    DocumentReferenceContent,
    DocumentReferenceContext,
    DocumentReferenceRelatesTo,
    DocumentReferenceStatusCode,
    DocumentRelationshipTypeCode,
    Patient,
    Resource,
)
from socle.standards.fhir.types import (
    Attachment,
    CodeableConcept,
    Coding,
    Extension,
    Identifier,
    Meta,
    Period,
    Reference,
)
from socle.standards.ids.hl7 import Cx, Xon
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import AssociationType, Author, Code, DocumentEntry, Status

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
#: The slot that keeps ``custodian`` when it is not the author's structure.
CUSTODIAN_SLOT: Final = "urn:socle:custodian"

RELATIONS: Final[dict[AssociationType, tuple[DocumentRelationshipTypeCode, ...]]] = {
    AssociationType.REPLACES: ("replaces",),
    AssociationType.TRANSFORMS: ("transforms",),
    AssociationType.APPENDS: ("appends",),
    AssociationType.TRANSFORMS_AND_REPLACES: ("transforms", "replaces"),
    AssociationType.SIGNS: ("signs",),
}
STATUSES: Final[dict[Status, DocumentReferenceStatusCode]] = {
    Status.APPROVED: "current",
    Status.ARCHIVED: "current",
    Status.DEPRECATED: "superseded",
    Status.DELETED: "entered-in-error",
}


class Relation(msgspec.Struct, frozen=True):
    """A link of a document to another: ``target`` is a reference such as ``DocumentReference/{id}``."""

    type: AssociationType
    target: str


def refuse(code: str, french: str, english: str, location: str) -> SocleError:
    """A rule of PDSm or MHD that the content breaks."""
    return InvalidContent(code, Text(french, english), location=location, requirement="PDSm 3.1.1; MHD 4.2")


def missing(location: str) -> SocleError:
    """An element that PDSm requires and the resource lacks."""
    name = location.rpartition(".")[2]
    return refuse(
        "XDSRegistryMetadataError", f"L'élément « {name} » manque.", f"The element '{name}' is missing.", location
    )


# --- entry to DocumentReference -----------------------------------------------------------------------------------


def document_reference_of(
    entry: DocumentEntry, attachment_url: str, relations: Sequence[Relation] = ()
) -> DocumentReference:
    """The ``DocumentReference`` of ``entry``, whose content is at ``attachment_url``."""
    contained = Contained()
    authors = tuple(write_author(author, contained) for author in entry.authors)
    patient = source_patient_of(entry.source_patient_id, entry.source_patient_info)
    authenticator = contained.add(practitioner_of(entry.legal_authenticator)) if entry.legal_authenticator else None
    source_patient = contained.add(patient) if patient else None
    return DocumentReference(
        id=fhir_id(entry.logical_id) or None,
        meta=Meta(version_id=str(entry.version), profile=(v.PROFILE_DOCUMENT,)),
        extension=(Extension(url=v.IS_ARCHIVED, value_boolean=True),) if entry.status is Status.ARCHIVED else (),
        master_identifier=unique_identifier(entry.unique_id),
        identifier=tuple(
            _uuid_identifier(kind, value)
            for kind, value in (("entryUUID", entry.entry_uuid), ("logicalId", entry.logical_id))
            if value.startswith("urn:uuid:")
        ),
        status=STATUSES[entry.status],
        type=concept_of(entry.type_code),
        category=(concept_of(entry.class_code),),
        subject=subject_of(entry.patient_id),
        date=to_instant(entry.creation_time),
        author=authors,
        authenticator=authenticator,
        custodian=_custodian_of(entry),
        relates_to=tuple(
            DocumentReferenceRelatesTo(code=code, target=Reference(reference=relation.target))
            for relation in relations
            for code in RELATIONS.get(relation.type, ())
        ),
        description=entry.comments or None,
        security_label=tuple(map(concept_of, entry.confidentiality_codes)),
        content=(
            DocumentReferenceContent(
                attachment=Attachment(
                    content_type=entry.mime_type,
                    language=entry.language_code or None,
                    url=attachment_url,
                    size=entry.size if entry.size is None or entry.size < 2**31 else None,
                    hash=bytes.fromhex(entry.hash) if entry.hash else None,
                    title=entry.title or None,
                    creation=to_date_time(entry.creation_time),
                ),
                format=coding_of(entry.format_code),
            ),
        ),
        context=DocumentReferenceContext(
            event=tuple(map(concept_of, entry.event_codes)),
            period=Period(start=to_date_time(entry.service_start_time), end=to_date_time(entry.service_stop_time))
            if entry.service_start_time or entry.service_stop_time
            else None,
            facility_type=concept_of(entry.healthcare_facility_type_code),
            practice_setting=concept_of(entry.practice_setting_code),
            source_patient_info=source_patient,
            related=tuple(Reference(identifier=_reference_identifier(text)) for text in entry.reference_ids),
        ),
        contained=contained.resources,  # type: ignore[arg-type]
    )


def reference_only(resource: DocumentReference) -> DocumentReference:
    """``resource`` with its ids alone, marked as a part of itself."""
    url = resource.content[0].attachment.url
    assert resource.meta is not None
    return DocumentReference(
        id=resource.id,
        meta=msgspec.structs.replace(resource.meta, profile=(), tag=(_SUBSETTED,)),
        master_identifier=resource.master_identifier,
        identifier=resource.identifier,
        status=resource.status,
        content=(DocumentReferenceContent(attachment=Attachment(url=url)),),
    )


_SUBSETTED: Final = Coding(system="http://terminology.hl7.org/CodeSystem/v3-ObservationValue", code="SUBSETTED")


def fhir_id(uuid_or_oid: str) -> str:
    """The FHIR id of a UUID or an OID as XDS writes it; empty if it cannot be one.

    >>> fhir_id("urn:uuid:0a1b2c3d-0000-4000-8000-00000000000b")
    '0a1b2c3d-0000-4000-8000-00000000000b'
    """
    text = uuid_or_oid.removeprefix("urn:uuid:")
    return text if _ID.fullmatch(text) else ""


def binary_id(entry: DocumentEntry) -> str:
    """The id of the ``Binary`` of ``entry``: its uniqueId, or its logical id when FHIR cannot carry that."""
    return fhir_id(entry.unique_id) or fhir_id(entry.logical_id)


def unique_identifier(unique_id: str) -> Identifier:
    """The ``uniqueId`` of a document or a set as an identifier."""
    return Identifier(
        type=CodeableConcept(coding=(Coding(system=v.IDENTIFIER_TYPE, code="uniqueId"),)),
        system=v.URI_SYSTEM,
        value=f"urn:oid:{unique_id}" if is_oid(unique_id) else unique_id,
    )


def entry_uuid_identifier(entry_uuid: str) -> Identifier:
    """The ``entryUUID`` of a registry object as an identifier."""
    return _uuid_identifier("entryUUID", entry_uuid)


def _uuid_identifier(kind: str, value: str) -> Identifier:
    concept = CodeableConcept(coding=(Coding(system=v.IDENTIFIER_TYPE, code=kind),))
    return Identifier(type=concept, system=v.URI_SYSTEM, value=value)


def subject_of(patient: Ins) -> Reference:
    """The patient, by INS alone."""
    return Reference(type="Patient", identifier=Identifier(system=f"urn:oid:{patient.oid}", value=patient.matricule))


def _custodian_of(entry: DocumentEntry) -> Reference:
    kept = next((values[0] for name, values in entry.extra_slots if name == CUSTODIAN_SLOT and values), "")
    institution = kept or next((xon for author in entry.authors for xon in author.institutions), "")
    if not institution:
        return Reference(type="Organization", display="Dossier médical partagé")
    organization = organization_of(institution)
    identifier = organization.identifier[0] if organization.identifier else None
    return Reference(type="Organization", identifier=identifier, display=organization.name)


def _reference_identifier(text: str) -> Identifier:
    try:
        cx = Cx.parse(text)
    except MalformedInput:
        return Identifier(value=text)
    kind = CodeableConcept(coding=(Coding(system=v.URI_SYSTEM, code=cx.id_type),)) if cx.id_type else None
    return Identifier(type=kind, system=url_of(cx.authority), value=cx.id)


# --- DocumentReference to entry -----------------------------------------------------------------------------------


def document_entry_of(
    resource: DocumentReference, entry_uuid: str, resolve: Resolve, *, at: str = "DocumentReference"
) -> DocumentEntry:
    """The entry that the submitted ``resource`` describes, named ``entry_uuid`` (symbolic) in its submission.

    ``at`` is the FHIRPath expression of the resource, for refusals. Raises ``InvalidContent`` naming what PDSm
    requires and is not there. ``hash`` and ``size`` may be empty: the registry computes them.
    """
    _refuse_forbidden(resource, at)
    entry = _read_entry(resource, entry_uuid, resolve, at)
    for is_there, name in (
        (entry.unique_id, "masterIdentifier"),
        (entry.authors, "author"),
        (entry.confidentiality_codes, "securityLabel"),
        (entry.creation_time, "content[0].attachment.creation"),
        (entry.language_code, "content[0].attachment.language"),
        (entry.mime_type, "content[0].attachment.contentType"),
        (entry.title, "content[0].attachment.title"),
        (entry.service_start_time, "context.period.start"),
    ):
        if not is_there:
            raise missing(f"{at}.{name}")
    return entry


def registered_entry_of(resource: DocumentReference) -> DocumentEntry:
    """The entry that a registry's ``resource`` shows, with its entryUUID, logicalId, version and status."""
    kinds = {identifier_kind(identifier): identifier.value or "" for identifier in reversed(resource.identifier)}
    logical_id = kinds.get("logicalId") or (f"urn:uuid:{resource.id}" if resource.id else "")
    version = resource.meta.version_id if resource.meta and resource.meta.version_id else "1"
    entry = _read_entry(resource, kinds.get("entryUUID") or logical_id, lambda _reference: None, "DocumentReference")
    shown = {"superseded": Status.DEPRECATED, "entered-in-error": Status.DELETED}
    return msgspec.structs.replace(
        entry,
        logical_id=logical_id,
        version=int(version) if version.isdecimal() else 1,
        status=shown.get(resource.status, entry.status),
    )


def _read_entry(resource: DocumentReference, entry_uuid: str, resolve: Resolve, at: str) -> DocumentEntry:
    within = contained_first(resource.contained, resolve)
    content = resource.content[0]
    attachment, context = content.attachment, resource.context or DocumentReferenceContext()
    period = context.period or Period()
    authors = tuple(read_author(reference, within) for reference in resource.author)
    source_patient = within(context.source_patient_info) if context.source_patient_info else None
    source_id, information = read_source_patient(source_patient) if isinstance(source_patient, Patient) else ("", ())
    is_archived = any(e.url == v.IS_ARCHIVED and e.value_boolean for e in resource.extension)
    custodian = read_institution(resource.custodian, within) if resource.custodian else ""
    if content.format is None:
        raise missing(f"{at}.content[0].format")
    return DocumentEntry(
        entry_uuid=entry_uuid,
        unique_id=_unique_id(resource),
        patient_id=read_subject(resource.subject, within, f"{at}.subject"),
        class_code=_first_code(resource.category, f"{at}.category"),
        type_code=_code(resource.type, f"{at}.type"),
        format_code=code_of(content.format),
        healthcare_facility_type_code=_code(context.facility_type, f"{at}.context.facilityType"),
        practice_setting_code=_code(context.practice_setting, f"{at}.context.practiceSetting"),
        confidentiality_codes=_codes(resource.security_label, f"{at}.securityLabel"),
        creation_time=to_dtm(attachment.creation or resource.date, f"{at}.content[0].attachment.creation"),
        language_code=attachment.language or "",
        mime_type=attachment.content_type or "",
        authors=authors,
        legal_authenticator=read_person(resource.authenticator, within) if resource.authenticator else "",
        title=attachment.title or "",
        comments=resource.description or "",
        event_codes=_codes(context.event, f"{at}.context.event"),
        service_start_time=to_dtm(period.start, f"{at}.context.period.start"),
        service_stop_time=to_dtm(period.end, f"{at}.context.period.end"),
        source_patient_id=source_id,
        source_patient_info=information,
        reference_ids=tuple(_reference_id(r.identifier) for r in context.related if r.identifier is not None),
        hash=_hash(attachment.hash, f"{at}.content[0].attachment.hash"),
        size=attachment.size,
        status=Status.ARCHIVED if is_archived else Status.APPROVED,
        extra_slots=_custodian_slots(custodian, authors),
    )


def contained_first(contained: tuple[Resource, ...], resolve: Resolve) -> Resolve:
    """Resolves ``#id`` among ``contained``, the rest by ``resolve``."""
    by_id = {f"#{resource.id}": resource for resource in contained}

    def find(reference: Reference) -> Resource | None:
        if reference.reference and reference.reference.startswith("#"):
            return by_id.get(reference.reference)
        return resolve(reference)

    return find


def read_subject(subject: Reference | None, resolve: Resolve, at: str) -> Ins:
    """The INS of a ``subject``: by identifier, or through the ``Patient`` that it references."""
    if subject is None:
        raise missing(at)
    found = resolve(subject)
    identifiers = found.identifier if isinstance(found, Patient) else ()
    if subject.identifier is not None:
        identifiers = (subject.identifier, *identifiers)
    for identifier in identifiers:
        if identifier.value and scheme_of(identifier.system):
            try:
                return Ins.from_cx(f"{identifier.value}^^^&{scheme_of(identifier.system)}&ISO^NH")
            except MalformedInput:
                continue
    raise refuse(
        "XDSRegistryMetadataError",
        "Le patient n'est pas désigné par un INS (identifier avec le système urn:oid: de l'INS).",
        "The patient is not named by an INS (identifier with the system urn:oid: of the INS).",
        at,
    )


def _refuse_forbidden(resource: DocumentReference, at: str) -> None:
    if resource.status == "entered-in-error":
        raise refuse(
            "XDSRegistryMetadataError",
            "Le statut d'un document déposé est « current ».",
            "The status of a submitted document is 'current'.",
            f"{at}.status",
        )
    for name, is_present in (
        ("docStatus", resource.doc_status is not None),
        ("modifierExtension", bool(resource.modifier_extension)),
        ("content[0].attachment.data", resource.content[0].attachment.data is not None),
        ("content[1]", len(resource.content) > 1),
    ):
        if is_present:
            raise refuse(
                "XDSRegistryMetadataError",
                f"PDSm n'admet pas « {name} » ici.",
                f"PDSm does not allow '{name}' here.",
                f"{at}.{name}",
            )


def read_unique_id(identifier: Identifier | None) -> str:
    """The uniqueId that an identifier carries, without ``urn:oid:``."""
    value = (identifier.value or "") if identifier is not None else ""
    return value.removeprefix("urn:oid:") if is_oid(value.removeprefix("urn:oid:")) else value


def identifier_kind(identifier: Identifier) -> str:
    """``uniqueId``, ``entryUUID``, ``logicalId`` or empty, by type, else by the form of the value."""
    for coding in identifier.type.coding if identifier.type else ():
        if coding.system == v.IDENTIFIER_TYPE and coding.code:
            return coding.code
    value = identifier.value or ""
    if value.startswith("urn:oid:"):
        return "uniqueId"
    return "entryUUID" if value.startswith("urn:uuid:") else ""


def _unique_id(resource: DocumentReference) -> str:
    if unique_id := read_unique_id(resource.master_identifier):
        return unique_id
    return read_unique_id(next((i for i in resource.identifier if identifier_kind(i) == "uniqueId"), None))


def _codes(concepts: Sequence[CodeableConcept], at: str) -> tuple[Code, ...]:
    return tuple(_code(concept, f"{at}[{place}]") for place, concept in enumerate(concepts))


def _first_code(concepts: Sequence[CodeableConcept], at: str) -> Code:
    if len(concepts) != 1:
        raise (
            missing(at)
            if not concepts
            else refuse(
                "XDSRegistryMetadataError", "Une seule catégorie est attendue.", "One category is expected.", f"{at}[1]"
            )
        )
    return _code(concepts[0], f"{at}[0]")


def _code(concept: CodeableConcept | None, at: str) -> Code:
    for coding in concept.coding if concept is not None else ():
        if coding.code:
            return code_of(coding)
    raise missing(at if concept is None else f"{at}.coding")


def _reference_id(identifier: Identifier) -> str:
    kind = next((coding.code for coding in identifier.type.coding if coding.code), "") if identifier.type else ""
    if not kind and not identifier.system:
        return identifier.value or ""
    return Cx(id=identifier.value or "", authority=scheme_of(identifier.system), id_type=kind).encode()


def _hash(value: bytes | None, at: str) -> str:
    if value is None:
        return ""
    if len(value) != 20:
        raise refuse(
            "XDSRegistryMetadataError",
            "hash est l'empreinte SHA-1 (20 octets) en base64.",
            "hash is the SHA-1 digest (20 bytes) in base64.",
            at,
        )
    return value.hex()


def _custodian_slots(custodian: str, authors: Sequence[Author]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    identifier = Xon.parse(custodian).id if custodian else ""
    known = {Xon.parse(institution).id for author in authors for institution in author.institutions}
    return () if not identifier or identifier in known else ((CUSTODIAN_SLOT, (custodian,)),)
