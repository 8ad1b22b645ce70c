"""Stored queries of ITI-18 -> queries of the DMP."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final, TypeVar

from socle.services.dmp import domain
from socle.services.dmp.domain import DocumentFilter, FolderFilter, Interval, SetFilter
from socle.standards.errors import MalformedInput
from socle.standards.ids.ins import Ins
from socle.standards.xds.errors import InvalidMetadata, metadata_error
from socle.standards.xds.model import AssociationType, Status
from socle.standards.xds.names import STABLE_DOCUMENT
from socle.standards.xds.query import QueryId, ReturnType, StoredQuery

_DE: Final = "$XDSDocumentEntry"
_SET: Final = "$XDSSubmissionSet"
_FOLDER: Final = "$XDSFolder"
_ONLINE: Final = "urn:ihe:iti:2010:DocumentAvailability:Online"
_E = TypeVar("_E", bound=StrEnum)


def to_domain(query: StoredQuery) -> domain.StoredQuery:
    """What ``query`` asks of the DMP. Raises ``InvalidMetadata`` on a value that no registry object can have."""
    return _BUILDERS[query.id](query)


def asks_for_nothing(query: StoredQuery) -> bool:
    """Whether ``query`` only asks for kinds of documents that the DMP does not have: on-demand, or off-line."""
    types, availability = query.values(f"{_DE}Type"), query.values(f"{_DE}DocumentAvailability")
    return bool(types and STABLE_DOCUMENT not in types) or bool(availability and _ONLINE not in availability)


def _find_documents(query: StoredQuery) -> domain.StoredQuery:
    excluded = _document_filter(query, "Exclude") if query.id is QueryId.FIND_DOCUMENTS_EXCLUDE else None
    return domain.FindDocuments(
        patient=_patient(query, f"{_DE}PatientId"),
        filter=_document_filter(query),
        exclude=None if excluded == DocumentFilter() else excluded,
    )


def _document_filter(query: StoredQuery, suffix: str = "") -> DocumentFilter:
    def name(attribute: str) -> str:
        return f"{_DE}{attribute}{suffix}"

    def interval(attribute: str) -> Interval:
        return Interval(query.value(name(f"{attribute}From")), query.value(name(f"{attribute}To")))

    return DocumentFilter(
        statuses=_choices(query, Status, name("Status")),
        class_codes=query.codes(name("ClassCode")),
        type_codes=query.codes(name("TypeCode")),
        format_codes=query.codes(name("FormatCode")),
        practice_setting_codes=query.codes(name("PracticeSettingCode")),
        facility_codes=query.codes(name("HealthcareFacilityTypeCode")),
        event_codes=query.code_groups(name("EventCodeList")),
        confidentiality_codes=query.code_groups(name("ConfidentialityCode")),
        reference_ids=query.parameters.get(name("ReferenceIdList"), ()),
        author_persons=query.values(name("AuthorPerson")),
        creation_time=interval("CreationTime"),
        service_start_time=interval("ServiceStartTime"),
        service_stop_time=interval("ServiceStopTime"),
    )


def _set_filter(query: StoredQuery) -> SetFilter:
    return SetFilter(
        statuses=_choices(query, Status, f"{_SET}Status"),
        source_ids=query.values(f"{_SET}SourceId"),
        content_type_codes=query.codes(f"{_SET}ContentType"),
        author_persons=query.values(f"{_SET}AuthorPerson"),
        submission_time=Interval(query.value(f"{_SET}SubmissionTimeFrom"), query.value(f"{_SET}SubmissionTimeTo")),
    )


def _folder_filter(query: StoredQuery) -> FolderFilter:
    return FolderFilter(
        statuses=_choices(query, Status, f"{_FOLDER}Status"),
        codes=query.code_groups(f"{_FOLDER}CodeList"),
        last_update_time=Interval(
            query.value(f"{_FOLDER}LastUpdateTimeFrom"), query.value(f"{_FOLDER}LastUpdateTimeTo")
        ),
    )


def _get_all(query: StoredQuery) -> domain.StoredQuery:
    return domain.GetAll(
        patient=_patient(query, "$patientId"),
        documents=_document_filter(query),
        sets=_set_filter(query),
        folders=_folder_filter(query),
    )


def _get_documents(query: StoredQuery) -> domain.StoredQuery:
    return domain.GetDocuments(
        entry_uuids=query.values(f"{_DE}EntryUUID"),
        unique_ids=query.values(f"{_DE}UniqueId"),
        logical_ids=query.values(f"{_DE}LogicalID"),
        only_references=query.return_type is ReturnType.OBJECT_REF,
    )


def _get_documents_and_associations(query: StoredQuery) -> domain.StoredQuery:
    return domain.GetDocumentsAndAssociations(
        entry_uuids=query.values(f"{_DE}EntryUUID"), unique_ids=query.values(f"{_DE}UniqueId")
    )


def _get_folders(query: StoredQuery) -> domain.StoredQuery:
    return domain.GetFolders(
        entry_uuids=query.values(f"{_FOLDER}EntryUUID"),
        unique_ids=query.values(f"{_FOLDER}UniqueId"),
        logical_ids=query.values(f"{_FOLDER}LogicalID"),
    )


def _get_set_and_contents(query: StoredQuery) -> domain.StoredQuery:
    return domain.GetSubmissionSetAndContents(
        entry_uuid=query.value(f"{_SET}EntryUUID"),
        unique_id=query.value(f"{_SET}UniqueId"),
        filter=_document_filter(query),
    )


def _get_folder_and_contents(query: StoredQuery) -> domain.StoredQuery:
    return domain.GetFolderAndContents(
        entry_uuid=query.value(f"{_FOLDER}EntryUUID"),
        unique_id=query.value(f"{_FOLDER}UniqueId"),
        filter=_document_filter(query),
    )


def _get_folders_for_document(query: StoredQuery) -> domain.StoredQuery:
    return domain.GetFoldersForDocument(
        entry_uuid=query.value(f"{_DE}EntryUUID"), unique_id=query.value(f"{_DE}UniqueId")
    )


def _get_related_documents(query: StoredQuery) -> domain.StoredQuery:
    return domain.GetRelatedDocuments(
        association_types=_choices(query, AssociationType, "$AssociationTypes"),
        entry_uuid=query.value(f"{_DE}EntryUUID"),
        unique_id=query.value(f"{_DE}UniqueId"),
    )


_BUILDERS: Final[dict[QueryId, Callable[[StoredQuery], domain.StoredQuery]]] = {
    QueryId.FIND_DOCUMENTS: _find_documents,
    QueryId.FIND_DOCUMENTS_BY_REFERENCE_ID: _find_documents,
    QueryId.FIND_DOCUMENTS_EXCLUDE: _find_documents,
    QueryId.FIND_SUBMISSION_SETS: lambda query: domain.FindSubmissionSets(
        patient=_patient(query, f"{_SET}PatientId"), filter=_set_filter(query)
    ),
    QueryId.FIND_FOLDERS: lambda query: domain.FindFolders(
        patient=_patient(query, f"{_FOLDER}PatientId"), filter=_folder_filter(query)
    ),
    QueryId.GET_ALL: _get_all,
    QueryId.GET_DOCUMENTS: _get_documents,
    QueryId.GET_FOLDERS: _get_folders,
    QueryId.GET_ASSOCIATIONS: lambda query: domain.GetAssociations(uuids=query.values("$uuid")),
    QueryId.GET_DOCUMENTS_AND_ASSOCIATIONS: _get_documents_and_associations,
    QueryId.GET_SUBMISSION_SETS: lambda query: domain.GetSubmissionSets(uuids=query.values("$uuid")),
    QueryId.GET_SUBMISSION_SET_AND_CONTENTS: _get_set_and_contents,
    QueryId.GET_FOLDER_AND_CONTENTS: _get_folder_and_contents,
    QueryId.GET_FOLDERS_FOR_DOCUMENT: _get_folders_for_document,
    QueryId.GET_RELATED_DOCUMENTS: _get_related_documents,
}


def _patient(query: StoredQuery, name: str) -> Ins:
    try:
        return Ins.from_cx(query.value(name))
    except MalformedInput as error:
        raise InvalidMetadata(
            [metadata_error(error.sentence("fr"), error.sentence("en"), name, "XDSUnknownPatientId")]
        ) from error


def _choices(query: StoredQuery, kind: type[_E], name: str) -> tuple[_E, ...]:
    try:
        return tuple(kind(value) for value in query.values(name))
    except ValueError as error:
        raise InvalidMetadata(
            [metadata_error(f"{name} : valeur inconnue.", f"{name}: unknown value.", name, "XDSRegistryError")]
        ) from error
