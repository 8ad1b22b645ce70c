"""``SubmissionSet`` and ``Folder``, and ``List``.

The id of a set is its entry UUID, that of a folder its logical id.

Source: PDSm 3.1.1 ``pdsm-submissionset-comprehensive``, ``pdsm-folder-comprehensive``; fact sheet dmp-exchange §3.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from socle.standards.fhir.pdsm import vocabulary as v
from socle.standards.fhir.pdsm.documents import (
    contained_first,
    entry_uuid_identifier,
    fhir_id,
    identifier_kind,
    missing,
    read_subject,
    read_unique_id,
    refuse,
    subject_of,
    unique_identifier,
)
from socle.standards.fhir.pdsm.people import Contained, Resolve, read_author, write_author
from socle.standards.fhir.pdsm.systems import code_of, concept_of
from socle.standards.fhir.pdsm.times import to_date_time, to_dtm
from socle.standards.fhir.resources import ListEntry, ListResource
from socle.standards.fhir.types import Annotation, CodeableConcept, Coding, Extension, Identifier, Meta, Reference
from socle.standards.xds.model import Author, Code, Folder, Status, SubmissionSet

SUBMISSION_SET: Final = "submissionset"
FOLDER: Final = "folder"


def list_kind(resource: ListResource) -> str:
    """``submissionset``, ``folder``, or empty when the code says neither."""
    codes = [coding.code for coding in resource.code.coding if coding.system == v.LIST_TYPES] if resource.code else []
    return codes[0] if codes and codes[0] in (SUBMISSION_SET, FOLDER) else ""


def list_of_set(submission_set: SubmissionSet, members: Iterable[str] = ()) -> ListResource:
    """The ``List`` of a submission set whose members are at the references ``members``."""
    contained = Contained()
    author = submission_set.author
    extensions = [
        *_archived(submission_set.status),
        Extension(url=v.DESIGNATION_TYPE, value_codeable_concept=concept_of(submission_set.content_type_code)),
        Extension(
            url=v.SOURCE_ID,
            value_identifier=Identifier(system=v.URI_SYSTEM, value=f"urn:oid:{submission_set.source_id}"),
        ),
        *(
            Extension(url=v.INTENDED_RECIPIENT, value_reference=write_author(_recipient(text), contained))
            for text in submission_set.intended_recipients
        ),
    ]
    source = None
    if author.person:
        source = write_author(author, contained)
    elif author.institutions:
        institution = write_author(author, contained)
        source = Reference(extension=(Extension(url=v.AUTHOR_ORGANIZATION, value_reference=institution),))
    return ListResource(
        id=fhir_id(submission_set.entry_uuid) or None,
        meta=Meta(profile=(v.PROFILE_SUBMISSION_SET,)),
        contained=contained.resources,  # type: ignore[arg-type]
        extension=tuple(extensions),
        identifier=_identifiers(submission_set.unique_id, submission_set.entry_uuid),
        status="retired" if submission_set.status is Status.DEPRECATED else "current",
        mode="working",
        title=submission_set.title or None,
        code=_code_of_list(SUBMISSION_SET),
        subject=subject_of(submission_set.patient_id),
        date=to_date_time(submission_set.submission_time),
        source=source,
        note=(Annotation(text=submission_set.comments),) if submission_set.comments else (),
        entry=tuple(ListEntry(item=Reference(reference=member)) for member in members),
    )


def list_of_folder(folder: Folder, members: Iterable[str] = ()) -> ListResource:
    """The ``List`` of a folder whose documents are at the references ``members``."""
    return ListResource(
        id=fhir_id(folder.logical_id or folder.entry_uuid) or None,
        meta=Meta(version_id=str(folder.version), profile=(v.PROFILE_FOLDER,)),
        extension=(
            *_archived(folder.status),
            *(Extension(url=v.DESIGNATION_TYPE, value_codeable_concept=concept_of(code)) for code in folder.codes),
        ),
        identifier=_identifiers(folder.unique_id, folder.entry_uuid),
        status="retired" if folder.status is Status.DEPRECATED else "current",
        mode="working",
        title=folder.title or None,
        code=_code_of_list(FOLDER),
        subject=subject_of(folder.patient_id),
        date=to_date_time(folder.last_update_time),
        note=(Annotation(text=folder.comments),) if folder.comments else (),
        entry=tuple(ListEntry(item=Reference(reference=member)) for member in members),
    )


def submission_set_of(
    resource: ListResource, entry_uuid: str, new_oid: Callable[[], str], resolve: Resolve, *, at: str = "List"
) -> SubmissionSet:
    """The set that ``resource`` describes. ``new_oid`` names it when it has no uniqueId of its own (MHD)."""
    within = contained_first(resource.contained, resolve)
    if resource.source is None:
        raise missing(f"{at}.source")
    source = resource.source
    organizations = [
        e.value_reference for e in source.extension if e.url == v.AUTHOR_ORGANIZATION and e.value_reference
    ]
    author = read_author(source, within)
    if author == Author() and organizations:
        author = read_author(organizations[0], within)
    if author == Author():
        raise refuse(
            "XDSRegistryMetadataError",
            "L'auteur du lot (source) ne désigne personne.",
            "The author of the set (source) names nobody.",
            f"{at}.source",
        )
    return SubmissionSet(
        entry_uuid=entry_uuid,
        unique_id=_unique_id(resource) or new_oid(),
        source_id=_source_id(resource, at),
        patient_id=read_subject(resource.subject, within, f"{at}.subject"),
        content_type_code=_designations(resource, at)[0],
        submission_time=to_dtm(resource.date, f"{at}.date"),
        author=author,
        title=resource.title or "",
        comments=resource.note[0].text if resource.note else "",
        intended_recipients=tuple(
            _recipient_text(read_author(e.value_reference, within))
            for e in resource.extension
            if e.url == v.INTENDED_RECIPIENT and e.value_reference
        ),
        status=Status.ARCHIVED if _is_archived(resource) else Status.APPROVED,
    )


def folder_of(
    resource: ListResource, entry_uuid: str, new_oid: Callable[[], str], resolve: Resolve, *, at: str = "List"
) -> Folder:
    """The folder that ``resource`` describes; ``new_oid`` names it when it has no uniqueId."""
    within = contained_first(resource.contained, resolve)
    return Folder(
        entry_uuid=entry_uuid,
        unique_id=_unique_id(resource) or new_oid(),
        patient_id=read_subject(resource.subject, within, f"{at}.subject"),
        codes=_designations(resource, at),
        title=resource.title or "",
        comments=resource.note[0].text if resource.note else "",
        last_update_time=to_dtm(resource.date, f"{at}.date"),
        status=Status.ARCHIVED if _is_archived(resource) else Status.APPROVED,
    )


def _archived(status: Status) -> tuple[Extension, ...]:
    return (Extension(url=v.IS_ARCHIVED, value_boolean=True),) if status is Status.ARCHIVED else ()


def _is_archived(resource: ListResource) -> bool:
    return any(e.url == v.IS_ARCHIVED and e.value_boolean for e in resource.extension)


def _identifiers(unique_id: str, entry_uuid: str) -> tuple[Identifier, ...]:
    named = (unique_identifier(unique_id),) if unique_id else ()
    return (*named, entry_uuid_identifier(entry_uuid)) if entry_uuid.startswith("urn:uuid:") else named


def _code_of_list(kind: str) -> CodeableConcept:
    return CodeableConcept(coding=(Coding(system=v.LIST_TYPES, code=kind),))


def _unique_id(resource: ListResource) -> str:
    return read_unique_id(next((i for i in resource.identifier if identifier_kind(i) == "uniqueId"), None))


def _source_id(resource: ListResource, at: str) -> str:
    for extension in resource.extension:
        if extension.url == v.SOURCE_ID and extension.value_identifier and extension.value_identifier.value:
            return extension.value_identifier.value.removeprefix("urn:oid:")
    raise missing(f"{at}.extension('{v.SOURCE_ID}')")


def _designations(resource: ListResource, at: str) -> tuple[Code, ...]:
    concepts = [e.value_codeable_concept for e in resource.extension if e.url == v.DESIGNATION_TYPE]
    codes = [code_of(coding) for concept in concepts if concept for coding in concept.coding[:1] if coding.code]
    if not codes:
        raise missing(f"{at}.extension('{v.DESIGNATION_TYPE}')")
    return tuple(codes)


def _recipient(text: str) -> Author:
    """``XON|XCN|XTN`` as the same three things of an author."""
    institution, person, telecom = [*text.split("|"), "", ""][:3]
    return Author(
        person=person,
        institutions=(institution,) if institution else (),
        telecommunications=(telecom,) if telecom else (),
    )


def _recipient_text(recipient: Author) -> str:
    institution = recipient.institutions[0] if recipient.institutions else ""
    telecom = recipient.telecommunications[0] if recipient.telecommunications else ""
    return "|".join((institution, recipient.person, telecom)).rstrip("|")
