"""XDS metadata: what a registry knows of a document, a submission, a folder and their links.

Both doors of the DMP (ebRIM over SOAP, PDSm over FHIR) decode to these values and encode from them, so that the same
submission is stored the same whichever way it came.

Times are kept as the DTM text of the standard, ``YYYY[MM[DD[hh[mm[ss]]]]]`` in UTC, so that precision is not lost.

Source: IHE ITI TF-3 §4.2; CI-SIS Partage de documents.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from socle.standards.ids.ins import Ins


class Code(msgspec.Struct, frozen=True, gc=False, order=True):
    """A concept: ``code`` in ``system`` (an OID, or the literals ``URN`` and ``ASTM``), with its label."""

    code: str
    system: str
    label: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Code and system: labels never take part in a comparison."""
        return (self.code, self.system)


class Status(StrEnum):
    """Availability of a registry object, French extensions included (TRE_R269, TRE_R270)."""

    APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
    DEPRECATED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated"
    ARCHIVED = "urn:asip:ci-sis:2010:StatusType:Archived"
    DELETED = "urn:asip:ci-sis:2010:StatusType:Deleted"


class AssociationType(StrEnum):
    """How one registry object relates to another."""

    HAS_MEMBER = "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember"
    REPLACES = "urn:ihe:iti:2007:AssociationType:RPLC"
    APPENDS = "urn:ihe:iti:2007:AssociationType:APND"
    TRANSFORMS = "urn:ihe:iti:2007:AssociationType:XFRM"
    TRANSFORMS_AND_REPLACES = "urn:ihe:iti:2007:AssociationType:XFRM_RPLC"
    SIGNS = "urn:ihe:iti:2007:AssociationType:signs"
    IS_SNAPSHOT_OF = "urn:ihe:iti:2010:AssociationType:IsSnapshotOf"
    UPDATE_AVAILABILITY = "urn:ihe:iti:2010:AssociationType:UpdateAvailabilityStatus"
    SUBMIT_ASSOCIATION = "urn:ihe:iti:2010:AssociationType:SubmitAssociation"


#: Code system of ``Visibility`` (TRE_A07).
VISIBILITY_SYSTEM: Final = "1.2.250.1.213.1.1.4.13"


class Visibility(StrEnum):
    """Confidentiality codes of TRE_A07: who does not see the document."""

    MASQUE_PS = "MASQUE_PS"
    INVISIBLE_PATIENT = "INVISIBLE_PATIENT"
    INVISIBLE_REPRESENTANTS_LEGAUX = "INVISIBLE_REPRESENTANTS_LEGAUX"


class Author(msgspec.Struct, frozen=True, gc=False):
    """Who made the document or the submission. ``person`` is an XCN, ``institutions`` are XONs, as HL7 v2 text."""

    person: str = ""
    institutions: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    specialties: tuple[str, ...] = ()
    telecommunications: tuple[str, ...] = ()


class DocumentEntry(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One version of the metadata of one document.

    ``entry_uuid`` names this version, ``logical_id`` the series of its versions, ``unique_id`` (a bare OID) the
    document itself. ``hash`` is SHA-1 as 40 lower-case hexadecimal digits, ``size`` is in bytes.
    In a submission ``entry_uuid`` may be a symbolic id, and ``repository_unique_id`` is empty.
    """

    entry_uuid: str
    unique_id: str
    patient_id: Ins
    class_code: Code
    type_code: Code
    format_code: Code
    healthcare_facility_type_code: Code
    practice_setting_code: Code
    confidentiality_codes: tuple[Code, ...]
    creation_time: str
    language_code: str
    mime_type: str
    authors: tuple[Author, ...] = ()
    legal_authenticator: str = ""
    title: str = ""
    comments: str = ""
    event_codes: tuple[Code, ...] = ()
    service_start_time: str = ""
    service_stop_time: str = ""
    source_patient_id: str = ""
    source_patient_info: tuple[str, ...] = ()
    reference_ids: tuple[str, ...] = ()
    hash: str = ""
    size: int | None = None
    uri: str = ""
    logical_id: str = ""
    version: int = 1
    status: Status = Status.APPROVED
    repository_unique_id: str = ""
    #: Slots that the model does not know, kept as they came.
    extra_slots: tuple[tuple[str, tuple[str, ...]], ...] = ()


class SubmissionSet(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One act of submission, by one author, for one patient."""

    entry_uuid: str
    unique_id: str
    source_id: str
    patient_id: Ins
    content_type_code: Code
    submission_time: str
    author: Author
    title: str = ""
    comments: str = ""
    intended_recipients: tuple[str, ...] = ()
    status: Status = Status.APPROVED
    extra_slots: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Folder(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A named group of documents of one patient. ``last_update_time`` is set by the registry."""

    entry_uuid: str
    unique_id: str
    patient_id: Ins
    codes: tuple[Code, ...]
    title: str = ""
    comments: str = ""
    last_update_time: str = ""
    logical_id: str = ""
    version: int = 1
    status: Status = Status.APPROVED
    extra_slots: tuple[tuple[str, tuple[str, ...]], ...] = ()


class Association(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A link between two registry objects, named by entry UUID (symbolic inside a submission)."""

    entry_uuid: str
    type: AssociationType
    source: str
    target: str
    #: ``Original`` or ``Reference``, on the membership of a document in a submission set.
    submission_set_status: str = ""
    previous_version: int | None = None
    original_status: Status | None = None
    new_status: Status | None = None
    propagates: bool = True
    documentation: Code | None = None
    status: Status = Status.APPROVED


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """What one ITI-41, ITI-42, ITI-57 or ITI-65 message carries. ``contents`` maps an entry's id to its bytes."""

    submission_set: SubmissionSet
    documents: tuple[DocumentEntry, ...] = ()
    folders: tuple[Folder, ...] = ()
    associations: tuple[Association, ...] = ()
    contents: dict[str, bytes] = {}


class RegistryObjects(msgspec.Struct, frozen=True, kw_only=True):
    """What a stored query returns: objects, in the order in which the answer lists them."""

    submission_sets: tuple[SubmissionSet, ...] = ()
    documents: tuple[DocumentEntry, ...] = ()
    folders: tuple[Folder, ...] = ()
    associations: tuple[Association, ...] = ()
