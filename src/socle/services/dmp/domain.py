"""The values of the DMP: records, rights, queries and their answers.

Registry objects themselves (``DocumentEntry`` …) are those of ``socle.standards.xds.model``.
Source: fact sheets "dmp-exchange" §1.6–1.8, §5–6 and "citizen" §2–4, §10; CSP L1111-14 s., R1111-40 s.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from socle.platform.actor import Actor
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import (
    AssociationType,
    Code,
    DocumentEntry,
    RegistryObjects,
    Status,
    Visibility,
)


class Door(StrEnum):
    """By which way a request came, for the trace."""

    XDS = "xds"
    FHIR = "fhir"
    PORTAL = "portal"
    GATEWAY = "gateway"
    SANDBOX = "sandbox"
    JOB = "job"


class Function(StrEnum):
    """What may be asked of a DMP (numbers are the transactions TDx.y of the DMP)."""

    TEST_EXISTENCE = "TD0.2"
    AUTHORIZE = "TD0.3"
    LIST_AUTHORIZED_RECORDS = "TD0.4"
    OPEN = "TD1.1"
    REOPEN = "TD1.2"
    READ_IDENTITY = "TD1.3"
    CLOSE = "TD1.4"
    LIST_AUTHORIZATIONS = "TD1.6"
    FEED = "TD2"
    SEARCH = "TD3.1a"
    LOCATE = "TD3.1b"
    CONSULT = "TD3.2"
    MASK = "TD3.3a"
    RELEASE = "TD3.3b"
    DELETE = "TD3.3c"
    ARCHIVE = "TD3.3d"
    BLOCK = "block"
    SETTINGS = "settings"
    MANDATE = "mandate"
    READ_TRACES = "traces"
    #: Merge, destruction, opening after the opt-out period: jobs of the base.
    MAINTAIN = "maintain"


# --- the record -------------------------------------------------------------------------------------------------


class RecordState(StrEnum):
    """Where a record is in its life. ``INFORMED``: the opt-out period runs. ``NONE``: never announced."""

    NONE = "none"
    INFORMED = "informed"
    OPPOSED = "opposed"
    ACTIVE = "active"
    CLOSED = "closed"
    DESTROYED = "destroyed"


class ClosingReason(StrEnum):
    """Why a record was closed (OID 1.2.250.1.213.4.1.2.4; only the first code is public, the others are ours)."""

    PATIENT_REQUEST = "FERMETURE_DEMANDE_PATIENT"
    DEATH = "FERMETURE_DECES"
    DUPLICATE = "FERMETURE_DOUBLON"


class RecordSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the holder chose. The defaults are those of a record that opens by itself."""

    allows_bris_de_glace: bool = True
    allows_centre_15: bool = True
    #: Masked documents are readable in an emergency. Void unless one of the two above is allowed.
    allows_masked_in_emergency: bool = False
    #: Professionals of a care team whose structure was authorised have access without a personal authorisation.
    allows_care_teams: bool = True
    #: Every new document of a professional arrives masked.
    masks_new_documents: bool = False
    #: Every document is as if masked, and stays so in an emergency.
    masks_everything: bool = False
    is_attached_to_mes: bool = True


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One DMP. ``destroyed_after`` is set by closing."""

    patient_key: UUID
    ins: Ins
    state: RecordState
    birth_date: date | None
    settings: RecordSettings = RecordSettings()
    informed_at: datetime | None = None
    opens_after: datetime | None = None
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    closing_reason: ClosingReason | None = None
    closing_text: str = ""
    destroyed_after: datetime | None = None

    def is_minor(self, today: date) -> bool:
        """Whether the holder is not yet 18. An unknown birth date counts as of age."""
        if self.birth_date is None:
            return False
        had_birthday = (today.month, today.day) >= (self.birth_date.month, self.birth_date.day)
        return today.year - self.birth_date.year - (not had_birthday) < MAJORITY_YEARS


MAJORITY_YEARS = 18


# --- rights -----------------------------------------------------------------------------------------------------


class AuthorizationStatus(StrEnum):
    """What TD0.2 says of the caller."""

    NON_EXISTE = "NON_EXISTE"
    VALIDE = "VALIDE"
    EXPIRE = "EXPIRE"
    INTERDIT = "INTERDIT"


class AuthorizationAction(StrEnum):
    """TD0.3."""

    AJOUT = "AJOUT"
    SUPPRESSION = "SUPPRESSION"


class Holding(StrEnum):
    """To whom an authorisation or a block applies."""

    PROFESSIONAL = "professional"
    #: A structure: for an authorisation, its care team.
    STRUCTURE = "structure"


class Authorization(msgspec.Struct, frozen=True, kw_only=True):
    """The patient's consent that one professional, or the care team of one structure, reads the record.

    While ``is_medecin_traitant`` it does not expire.
    """

    holder_id: str
    holding: Holding
    name: str
    profession: str = ""
    granted_at: datetime
    expires_at: datetime
    is_medecin_traitant: bool = False
    revoked_at: datetime | None = None
    is_secret: bool = False

    def is_valid(self, now: datetime) -> bool:
        """Whether it gives access at ``now``."""
        return self.revoked_at is None and (self.is_medecin_traitant or now < self.expires_at)


class BlockScope(StrEnum):
    """What a block stops. ``FEED`` needs a legitimate reason (R1111-47)."""

    CONSULTATION = "consultation"
    FEED = "feed"


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A professional or a structure that the holder shut out."""

    target_id: str
    holding: Holding
    name: str
    scope: BlockScope = BlockScope.CONSULTATION
    reason: str = ""
    blocked_at: datetime
    blocked_by: str = ""


class AuthorizationLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of TD1.6: a professional or a structure with the status that it has today."""

    holder_id: str
    holding: Holding
    name: str
    status: AuthorizationStatus
    since: datetime
    profession: str = ""
    expires_at: datetime | None = None
    is_medecin_traitant: bool = False


class AuthorizedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One line of TD0.4: a record that the professional may open."""

    ins: Ins
    granted_at: datetime
    expires_at: datetime
    is_medecin_traitant: bool
    last_document_at: datetime | None = None


class MandateKind(StrEnum):
    """By what title a person acts for the holder. ``DELEGATE`` is chosen by an adult, the others are legal."""

    PARENT = "PARENT"
    TUTEUR = "TUTEUR"
    CURATEUR = "CURATEUR"
    MANDATAIRE_SAUVEGARDE = "MSVG"
    DELEGATE = "DELEGATE"


class MandateScope(StrEnum):
    """What a delegate may do."""

    READ = "read"
    MANAGE = "manage"


class Mandate(msgspec.Struct, frozen=True, kw_only=True):
    """A person who acts on another's record. ``agent_id`` is the id that the agent's ``Actor`` carries."""

    agent_id: str
    kind: MandateKind
    scope: MandateScope
    name: str
    starts_at: datetime
    ends_at: datetime | None = None
    revoked_at: datetime | None = None
    proof: str = ""

    def is_valid(self, now: datetime) -> bool:
        """Whether it runs at ``now``."""
        return self.revoked_at is None and self.starts_at <= now and (self.ends_at is None or now < self.ends_at)


class CallerRights(msgspec.Struct, frozen=True, kw_only=True):
    """All that a record says about one caller, read in the transaction of the request."""

    is_blocked: bool = False
    is_feed_opposed: bool = False
    authorization: Authorization | None = None
    care_team: Authorization | None = None
    mandate: Mandate | None = None


class RecordStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to TD0.2."""

    ins: Ins
    state: RecordState
    authorization: AuthorizationStatus
    is_medecin_traitant: bool
    is_attached_to_mes: bool
    is_minor: bool
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    closing_reason: ClosingReason | None = None
    closing_text: str = ""


# --- queries ----------------------------------------------------------------------------------------------------


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


# --- submissions and retrieval ----------------------------------------------------------------------------------


class SubmissionReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was registered, as it is stored. ``ids`` maps each id of the message to the registry's."""

    submission_set_uuid: str
    objects: RegistryObjects
    ids: dict[str, str]
    #: Sentences for the submitter on what was accepted but is not as it should be.
    warnings: tuple[str, ...] = ()


class DocumentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One document asked for. ``repository_unique_id`` empty means ours."""

    unique_id: str
    repository_unique_id: str = ""


class Retrieved(msgspec.Struct, frozen=True, kw_only=True):
    """One document found: its current metadata and its bytes, identical to those submitted."""

    entry: DocumentEntry
    content: bytes


class StoredContent(msgspec.Struct, frozen=True):
    """An object to which the DMP refers, and what it must be: SHA-1 (hexadecimal) and size in bytes."""

    owner: UUID
    address: str
    sha1: str
    size: int | None


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """One document not found, or not for this caller: the two are not told apart.

    ``code`` is ``XDSDocumentUniqueIdError`` or ``XDSUnknownRepositoryId``.
    """

    request: DocumentRequest
    code: str
    reason_fr: str
    reason_en: str


class DocumentChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of one document as the FHIR PATCH and the portals express it; ``None`` leaves as it is.

    ``visibility`` sets all visibility codes; ``adds`` and ``removes`` change some.
    """

    visibility: frozenset[Visibility] | None = None
    adds: frozenset[Visibility] = frozenset()
    removes: frozenset[Visibility] = frozenset()
    is_archived: bool | None = None
    is_deleted: bool = False


# --- what the citizen reads --------------------------------------------------------------------------------------


class AccessLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of « Qui a accédé à mon dossier » or of a professional's own activity.

    ``sentence`` says it in plain words; the other fields allow sorting and exporting.
    """

    sequence: int
    at: datetime
    who: str
    actor: Actor
    transaction: str
    sentence_fr: str
    sentence_en: str
    right: str = ""
    is_refusal: bool = False
    is_emergency: bool = False
    documents: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """An access that a holder does not recognise. ``access`` is what the trace says, without the names of documents."""

    patient_key: UUID
    sequence: int
    at: datetime
    text_fr: str
    text_en: str
    access: AccessLine | None
    answer: str = ""
    answered_at: datetime | None = None


class NoticeKind(StrEnum):
    """What the holder is told (fact sheet "citizen" §11.4)."""

    NEW_DOCUMENT = "new-document"
    FIRST_ACCESS = "first-access"
    EMERGENCY_ACCESS = "emergency-access"
    AWAITED_ANNOUNCEMENT = "awaited-announcement"
    RECORD_OPENED = "record-opened"
    RECORD_CLOSED = "record-closed"
    MANDATE_CHANGED = "mandate-changed"
    #: For the operator: the holder does not recognise an access. For the holder: the operator's answer.
    ACCESS_REPORTED = "access-reported"


#: Choices of the holder, each with the kinds of notice that it holds.
NOTICE_CHOICES = {
    "acces": frozenset({NoticeKind.FIRST_ACCESS}),
    "urgence": frozenset({NoticeKind.EMERGENCY_ACCESS}),
    "documents": frozenset({NoticeKind.NEW_DOCUMENT, NoticeKind.AWAITED_ANNOUNCEMENT}),
    "dossier": frozenset({NoticeKind.RECORD_OPENED, NoticeKind.RECORD_CLOSED, NoticeKind.MANDATE_CHANGED}),
}


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something to tell the holder, or the médecin traitant when ``recipient_id`` names one. No health content."""

    id: UUID
    patient_key: UUID
    kind: NoticeKind
    at: datetime
    text_fr: str
    text_en: str
    recipient_id: str = ""


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Where someone is told by mail, and of what. ``is_refused``: the address takes no mail any more."""

    address: str
    kinds: frozenset[NoticeKind]
    is_verified: bool = False
    is_refused: bool = False
