"""XDS metadata of a CDA document: the entry to submit, the submission that carries it.

``check_metadata`` and its table ``RULES`` (module ``comparison``) compare an entry that somebody else wrote.

Source: CI-SIS "Partage de documents", DocumentEntry: CDA to metadata; IHE ITI TF-3 §4.2.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

from socle.standards.cda import mapping
from socle.standards.cda.comparison import RULES, Discrepancy, Severity, check_metadata
from socle.standards.cda.datatypes import Concept
from socle.standards.cda.document import CdaDocument, open_document
from socle.standards.cda.header import Header, read_header
from socle.standards.cda.mapping import FACILITY, SETTING, sha1_of
from socle.standards.ids.oids import NON_PROFESSIONAL_PRODUCER
from socle.standards.xds.model import (
    VISIBILITY_SYSTEM,
    Association,
    AssociationType,
    Author,
    Code,
    DocumentEntry,
    Submission,
    SubmissionSet,
    Visibility,
)

__all__ = [
    "RULES",
    "Discrepancy",
    "Severity",
    "check_metadata",
    "document_entry_of",
    "sha1_of",
    "submission_for",
    "visibility_code",
]

_T = TypeVar("_T")

_VISIBILITY_LABELS: Final = {
    Visibility.MASQUE_PS: "Masqué aux professionnels de santé",
    Visibility.INVISIBLE_PATIENT: "Non visible par le patient",
    Visibility.INVISIBLE_REPRESENTANTS_LEGAUX: "Non visible par les représentants légaux du patient",
}


def document_entry_of(
    content: bytes,
    *,
    document: CdaDocument | None = None,
    header: Header | None = None,
    entry_uuid: str = "Document01",
    visibility: Iterable[Visibility] = (),
    comments: str = "",
) -> DocumentEntry:
    """The entry to submit with the CDA ``content``; pass ``document`` and ``header`` when already parsed and read.

    Raises ``MalformedInput`` when the content is not XML, ``InvalidContent`` when it is not a CDA (code ``NotCDA``)
    or when its header does not state a required attribute (code ``XDSRepositoryMetadataError``, with the XPath).
    """
    document = document or open_document(content)
    header = header or read_header(document)
    event, encounter = header.main_event, header.encounter
    organization = event.performer.organization if event and event.performer else None
    type_code = mapping.code_of(header.code, "typeCode", "code")
    is_patient_expression = encounter is not None and _is_patient_expression(encounter.facility)
    return DocumentEntry(
        entry_uuid=entry_uuid,
        unique_id=mapping.unique_id_of(_required(header.id, "uniqueId", "id/@root")),
        patient_id=_required(header.patient.ins, "patientId", "recordTarget/patientRole/id"),
        class_code=mapping.class_code_of(type_code),
        type_code=type_code,
        format_code=mapping.format_code_of(header, document),
        healthcare_facility_type_code=mapping.code_of(
            encounter.facility if encounter else None, "healthcareFacilityTypeCode", FACILITY
        ),
        practice_setting_code=mapping.code_of(
            organization.industry if organization else None, "practiceSettingCode", SETTING
        ),
        confidentiality_codes=(
            mapping.code_of(header.confidentiality, "confidentialityCode", "confidentialityCode"),
            *(visibility_code(code) for code in visibility),
        ),
        creation_time=_required(header.effective_time, "creationTime", "effectiveTime/@value").to_dtm(),
        language_code=_required(header.language, "languageCode", "languageCode/@code"),
        mime_type=document.mime_type,
        authors=tuple(
            mapping.author_of(author, is_patient_expression=is_patient_expression) for author in header.authors
        ),
        legal_authenticator=mapping.person_of(header.legal_authenticator.assigned)
        if header.legal_authenticator
        else "",
        title=_required(header.title, "title", "title"),
        comments=comments,
        event_codes=mapping.event_codes_of(header),
        service_start_time=mapping.dtm_of(event.time.start if event and event.time else None),
        service_stop_time=mapping.dtm_of(event.time.high if event and event.time else None),
        source_patient_id=mapping.source_patient_id_of(header.patient),
        source_patient_info=mapping.source_patient_info_of(header.patient),
        reference_ids=mapping.reference_ids_of(header),
        hash=sha1_of(content),
        size=len(content),
    )


def visibility_code(visibility: Visibility) -> Code:
    """The confidentiality code that hides a document from somebody."""
    return Code(visibility.value, VISIBILITY_SYSTEM, _VISIBILITY_LABELS[visibility])


def submission_for(
    documents: Sequence[tuple[DocumentEntry, bytes]],
    *,
    author: Author,
    source_id: str,
    unique_id: str,
    submission_time: str,
    content_type: Code | None = None,
    title: str = "",
    replaces: dict[str, str] | None = None,
) -> Submission:
    """The submission of ``documents`` of one patient by ``author``, entries under symbolic ids.

    ``source_id`` is the OID of the sending system, ``unique_id`` a new OID, ``submission_time`` a DTM in UTC.
    ``content_type`` defaults to the one that the first document's encounter announces. ``replaces`` maps the id of an
    entry here to the entryUUID in the registry that it replaces (RPLC).
    """
    if not documents:
        raise ValueError("a submission has at least one document")
    first_entry, first_content = documents[0]
    if content_type is None:
        content_type = mapping.content_type_of(read_header(first_content))
    submission_set = SubmissionSet(
        entry_uuid="SubmissionSet01",
        unique_id=unique_id,
        source_id=source_id,
        patient_id=first_entry.patient_id,
        content_type_code=content_type,
        submission_time=submission_time,
        author=author,
        title=title,
    )
    members = [
        Association(
            entry_uuid=f"Association{rank:02d}",
            type=AssociationType.HAS_MEMBER,
            source=submission_set.entry_uuid,
            target=entry.entry_uuid,
            submission_set_status="Original",
        )
        for rank, (entry, _) in enumerate(documents, 1)
    ]
    replacements = [
        Association(entry_uuid=f"Replacement{rank:02d}", type=AssociationType.REPLACES, source=source, target=target)
        for rank, (source, target) in enumerate((replaces or {}).items(), 1)
    ]
    return Submission(
        submission_set=submission_set,
        documents=tuple(entry for entry, _ in documents),
        associations=(*members, *replacements),
        contents={entry.entry_uuid: content for entry, content in documents},
    )


def _is_patient_expression(facility: Concept | None) -> bool:
    return facility is not None and facility.key == ("EXP_PATIENT", NON_PROFESSIONAL_PRODUCER)


def _required(value: _T | None, attribute: str, location: str) -> _T:
    if not value:
        raise mapping.missing(attribute, location)
    return value
