"""What is asked of the registry: the stored queries of XDS as typed values, filters, pages."""

from __future__ import annotations

import msgspec

from socle.standards.ids.ins import Ins
from socle.standards.xds.model import AssociationType, Code, RegistryObjects, Status


class Interval(msgspec.Struct, frozen=True):
    """Times as DTM text of any precision: ``start`` included, ``end`` excluded; empty is open."""

    start: str = ""
    end: str = ""


class DocumentFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions on documents. An empty field does not filter; the values of a plain tuple are alternatives;
    a tuple of tuples asks for one of each inner tuple. A ``Code`` without system matches any system.

    ``author_persons`` are SQL ``LIKE`` patterns on the XCN; ``reference_ids`` match the whole CXi or its first part.
    """

    statuses: tuple[Status, ...] = ()
    class_codes: tuple[Code, ...] = ()
    type_codes: tuple[Code, ...] = ()
    format_codes: tuple[Code, ...] = ()
    practice_setting_codes: tuple[Code, ...] = ()
    facility_codes: tuple[Code, ...] = ()
    event_codes: tuple[tuple[Code, ...], ...] = ()
    confidentiality_codes: tuple[tuple[Code, ...], ...] = ()
    reference_ids: tuple[tuple[str, ...], ...] = ()
    author_persons: tuple[str, ...] = ()
    creation_time: Interval = Interval()
    service_start_time: Interval = Interval()
    service_stop_time: Interval = Interval()
    #: When this version was registered (FHIR ``_lastUpdated``), compared as DTM.
    registered: Interval = Interval()
    entry_uuids: tuple[str, ...] = ()
    unique_ids: tuple[str, ...] = ()
    logical_ids: tuple[str, ...] = ()
    #: Documents with an association of theirs to one of these entries (FHIR ``relatesto``).
    related_to: tuple[str, ...] = ()
    #: Part of the title, ignoring case.
    title: str = ""
    #: Leaves out metadata versions that a newer one took the place of.
    latest_only: bool = False


class SetFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions on submission sets."""

    statuses: tuple[Status, ...] = ()
    source_ids: tuple[str, ...] = ()
    content_type_codes: tuple[Code, ...] = ()
    author_persons: tuple[str, ...] = ()
    submission_time: Interval = Interval()
    entry_uuids: tuple[str, ...] = ()
    unique_ids: tuple[str, ...] = ()
    title: str = ""


class FolderFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions on folders. ``last_update_time`` is what the caller may know of it: changes by visible documents."""

    statuses: tuple[Status, ...] = ()
    codes: tuple[tuple[Code, ...], ...] = ()
    last_update_time: Interval = Interval()
    entry_uuids: tuple[str, ...] = ()
    unique_ids: tuple[str, ...] = ()
    logical_ids: tuple[str, ...] = ()
    title: str = ""


class Page(msgspec.Struct, frozen=True):
    """Which part of the answer. ``after`` is the ``next`` of the page before; a page costs the same wherever it is."""

    size: int = 50
    after: str = ""
    with_total: bool = True


FIRST_PAGE = Page()


class FindDocuments(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """FindDocuments, FindDocumentsByReferenceId and (with ``exclude``) FindDocumentsExclude; ITI-67."""

    patient: Ins
    filter: DocumentFilter
    exclude: DocumentFilter | None = None


class FindSubmissionSets(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """FindSubmissionSets; ITI-66 on submission sets."""

    patient: Ins
    filter: SetFilter


class FindFolders(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """FindFolders; ITI-66 on folders."""

    patient: Ins
    filter: FolderFilter


class GetAll(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """GetAll: everything and its associations."""

    patient: Ins
    documents: DocumentFilter
    sets: SetFilter
    folders: FolderFilter


class GetDocuments(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """GetDocuments, by exactly one kind of id. ``only_references``: the answer shows ids alone (TD3.1b)."""

    patient: Ins | None = None
    entry_uuids: tuple[str, ...] = ()
    unique_ids: tuple[str, ...] = ()
    logical_ids: tuple[str, ...] = ()
    only_references: bool = False


class GetDocumentsAndAssociations(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """GetDocumentsAndAssociations."""

    patient: Ins | None = None
    entry_uuids: tuple[str, ...] = ()
    unique_ids: tuple[str, ...] = ()


class GetFolders(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """GetFolders."""

    patient: Ins | None = None
    entry_uuids: tuple[str, ...] = ()
    unique_ids: tuple[str, ...] = ()
    logical_ids: tuple[str, ...] = ()


class GetAssociations(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """GetAssociations: those whose source or target is in ``uuids``."""

    uuids: tuple[str, ...]
    patient: Ins | None = None


class GetSubmissionSets(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """GetSubmissionSets: those that contain the objects ``uuids``, with the memberships."""

    uuids: tuple[str, ...]
    patient: Ins | None = None


class GetSubmissionSetAndContents(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """GetSubmissionSetAndContents."""

    patient: Ins | None = None
    entry_uuid: str = ""
    unique_id: str = ""
    filter: DocumentFilter = DocumentFilter()


class GetFolderAndContents(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """GetFolderAndContents."""

    patient: Ins | None = None
    entry_uuid: str = ""
    unique_id: str = ""
    filter: DocumentFilter = DocumentFilter()


class GetFoldersForDocument(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """GetFoldersForDocument."""

    patient: Ins | None = None
    entry_uuid: str = ""
    unique_id: str = ""


class GetRelatedDocuments(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """GetRelatedDocuments: the document, those linked to it by one of ``association_types``, and the links."""

    association_types: tuple[AssociationType, ...]
    patient: Ins | None = None
    entry_uuid: str = ""
    unique_id: str = ""


StoredQuery = (
    FindDocuments
    | FindSubmissionSets
    | FindFolders
    | GetAll
    | GetDocuments
    | GetDocumentsAndAssociations
    | GetFolders
    | GetAssociations
    | GetSubmissionSets
    | GetSubmissionSetAndContents
    | GetFolderAndContents
    | GetFoldersForDocument
    | GetRelatedDocuments
)
PatientQuery = FindDocuments | FindSubmissionSets | FindFolders


class FoundPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page. ``total`` counts what the caller may see, ``None`` if not asked; ``next`` is empty on the last page.

    ``associations`` holds the links between the page's documents and others, so that FHIR can write ``relatesTo``.
    """

    objects: RegistryObjects
    total: int | None = None
    next: str = ""
