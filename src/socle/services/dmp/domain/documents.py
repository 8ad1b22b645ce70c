"""What a submission, a retrieval and a change of a document say."""

from __future__ import annotations

from uuid import UUID

import msgspec

from socle.standards.xds.errors import XdsError
from socle.standards.xds.model import DocumentEntry, RegistryObjects, Visibility


class SubmissionReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was registered, as it is stored. ``ids`` maps each id of the message to the registry's."""

    submission_set_uuid: str
    objects: RegistryObjects
    ids: dict[str, str]
    #: What was accepted but is not as it should be, with its place in the message.
    warnings: tuple[XdsError, ...] = ()


class DocumentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One document asked for. ``repository_unique_id`` empty means ours."""

    unique_id: str
    repository_unique_id: str = ""


class Retrieved(msgspec.Struct, frozen=True, kw_only=True):
    """One document found: its current metadata and its bytes, identical to those submitted."""

    entry: DocumentEntry
    content: bytes


class DocumentName(msgspec.Struct, frozen=True, gc=False):
    """What a document is called: its uniqueId, its logicalId (the UUID alone), its title."""

    unique_id: str
    id: str
    title: str


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
