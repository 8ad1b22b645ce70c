"""A message becomes what will be registered: rules that need no registry, real identifiers, hash and size.

Pure and CPU-heavy: it runs in a thread, before the transaction opens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID, uuid4

import msgspec
from lxml import etree

from socle.services.dmp.errors import invalid
from socle.services.dmp.keys import to_urn, to_uuid
from socle.services.dmp.rules import is_signature, visibility_of
from socle.standards.cda.document import open_document
from socle.standards.cda.metadata import Severity, check_metadata, sha1_of, visibility_code
from socle.standards.errors import Text
from socle.standards.xds.errors import InvalidMetadata, XdsError
from socle.standards.xds.errors import Severity as XdsSeverity
from socle.standards.xds.model import (
    Association,
    AssociationType,
    DocumentEntry,
    Folder,
    Status,
    Submission,
    SubmissionSet,
    Visibility,
)
from socle.standards.xds.validation import CDA_MEDIA_TYPES, STYLESHEET, dtm_to_second, validate_submission
from socle.standards.xml import parse

A = AssociationType

REPLACING: Final = frozenset({A.REPLACES, A.TRANSFORMS_AND_REPLACES})
#: Links from a new document to one that is there.
RELATING: Final = REPLACING | {A.APPENDS, A.TRANSFORMS}
_SUBMITTED: Final = RELATING | {A.HAS_MEMBER, A.SIGNS}
_UPDATING: Final = frozenset({A.HAS_MEMBER, A.UPDATE_AVAILABILITY})
#: Codes under which a CDA says that it is not to be shared.
_RESTRICTED: Final = frozenset({"R", "V"})
#: Under which a document may be a CDA, whose header is then compared.
_XML_TYPES: Final = CDA_MEDIA_TYPES | {STYLESHEET}
_SEVERITIES: Final = {Severity.REFUSAL: XdsSeverity.ERROR, Severity.WARNING: XdsSeverity.WARNING}


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A submission under the registry's identifiers. ``outside`` are the ends of links that the registry must hold."""

    submission_set: SubmissionSet
    documents: tuple[DocumentEntry, ...]
    folders: tuple[Folder, ...]
    associations: tuple[Association, ...]
    contents: Mapping[str, bytes]
    ids: dict[str, str]
    outside: frozenset[str]
    warnings: tuple[XdsError, ...] = ()


def prepare_feed(
    submission: Submission, *, repository: str, has_contents: bool, read: Callable[[bytes], etree._Element] = parse
) -> Prepared:
    """The submission of new documents, checked by itself and against its documents, whose trees ``read`` gives.

    Raises ``InvalidMetadata`` with every broken rule, ``InvalidContent`` with the first that concerns one document.
    """
    if not (submission.documents or submission.folders or submission.associations):
        raise invalid(
            "XDSRegistryMetadataError",
            "Le lot de soumission est vide.",
            "The submission set is empty.",
            location=submission.submission_set.entry_uuid,
            remedy=Text("Joignez-y un document au moins.", "Put one document at least in it."),
        )
    _check_kinds(submission, _SUBMITTED)
    if errors := validate_submission(submission, with_contents=has_contents):
        raise InvalidMetadata(errors)
    ids = _assign_ids(submission)
    contents = {ids[name]: content for name, content in submission.contents.items()}
    warnings: list[XdsError] = []
    documents = []
    for entry in submission.documents:
        _check_confidentiality(entry)
        content = submission.contents.get(entry.entry_uuid)
        if content is None:
            _check_elsewhere(entry, repository)
        else:
            entry = _measured(entry, content, repository)
            warnings += _compare_with_cda(entry, content, read)
        uuid = ids[entry.entry_uuid]
        documents.append(
            msgspec.structs.replace(
                entry,
                entry_uuid=uuid,
                logical_id=uuid,
                version=1,
                status=Status.APPROVED,
                creation_time=dtm_to_second(entry.creation_time),
            )
        )
    return _resolved(submission, ids, tuple(documents), contents, tuple(warnings))


def prepare_update(submission: Submission) -> Prepared:
    """The submission of new metadata versions and status changes (ITI-57). ``logical_id`` of entries is kept."""
    _check_kinds(submission, _UPDATING)
    without_members = msgspec.structs.replace(submission, contents={})
    if errors := validate_submission(without_members, with_contents=False):
        raise InvalidMetadata(errors)
    for entry in submission.documents:
        _check_confidentiality(entry)
        if to_uuid(entry.logical_id) is None:
            raise invalid(
                "XDSMetadataIdentifierError",
                "lid doit être le logicalId (UUID) du document à modifier.",
                "lid must be the logicalId (UUID) of the document to change.",
                location=f"{entry.entry_uuid}/lid",
            )
    ids = _assign_ids(submission, fresh=True)
    documents = tuple(
        msgspec.structs.replace(entry, entry_uuid=ids[entry.entry_uuid]) for entry in submission.documents
    )
    return _resolved(submission, ids, documents, {}, ())


def _check_kinds(submission: Submission, admitted: frozenset[AssociationType]) -> None:
    for association in submission.associations:
        if association.type not in admitted:
            short = association.type.rpartition(":")[2]
            raise invalid(
                "XDSObjectTypeError",
                f"Une association {short} n'est pas admise dans cette transaction.",
                f"An association {short} is not accepted in this transaction.",
                location=association.entry_uuid,
                remedy=Text(
                    "Déposez et remplacez par ITI-41 ou ITI-65, changez un état par ITI-57 ou PATCH.",
                    "Feed and replace with ITI-41 or ITI-65, change a status with ITI-57 or PATCH.",
                ),
            )


def _check_confidentiality(entry: DocumentEntry) -> None:
    codes = {code.code for code in entry.confidentiality_codes}
    if codes & _RESTRICTED:
        raise invalid(
            "XDSRegistryMetadataError",
            "Un document restreint (R ou V) ne se partage pas dans le DMP.",
            "A restricted document (R or V) is not shared in the DMP.",
            location=f"{entry.entry_uuid}/confidentialityCode",
        )
    if "N" not in codes:
        raise invalid(
            "XDSRegistryMetadataError",
            "confidentialityCode doit comporter N, suivi s'il y a lieu des codes de visibilité.",
            "confidentialityCode must hold N, followed by visibility codes if any.",
            location=f"{entry.entry_uuid}/confidentialityCode",
        )


def _check_elsewhere(entry: DocumentEntry, repository: str) -> None:
    if entry.repository_unique_id in {"", repository}:
        raise invalid(
            "XDSUnknownRepositoryId",
            "Un document enregistré sans son contenu doit dire dans quel autre entrepôt il se trouve.",
            "A document registered without its content must say in which other repository it is.",
            location=f"{entry.entry_uuid}/repositoryUniqueId",
        )
    if not entry.hash or entry.size is None:
        raise invalid(
            "XDSRegistryMetadataError",
            "hash et size sont obligatoires.",
            "hash and size are required.",
            location=f"{entry.entry_uuid}/hash",
        )


def _measured(entry: DocumentEntry, content: bytes, repository: str) -> DocumentEntry:
    digest = sha1_of(content)
    for name, told, found in (("hash", entry.hash.lower(), digest), ("size", entry.size, len(content))):
        if told not in {"", None, found}:
            raise invalid(
                "XDSRepositoryMetadataError",
                f"{name} vaut {told} dans la fiche, {found} pour le document reçu.",
                f"{name} is {told} in the metadata, {found} for the document received.",
                location=f"{entry.entry_uuid}/{name}",
                remedy=Text(
                    "Calculez-le sur les octets envoyés, tels quels.", "Compute it on the very bytes that are sent."
                ),
            )
    return msgspec.structs.replace(entry, hash=digest, size=len(content), repository_unique_id=repository)


def _compare_with_cda(entry: DocumentEntry, content: bytes, read: Callable[[bytes], etree._Element]) -> list[XdsError]:
    """What differs from the header without being refused for it. Raises ``InvalidMetadata`` with what is refused."""
    if entry.mime_type not in _XML_TYPES or is_signature(entry):
        return []
    # Hash and size were compared already, by ``_measured``: a silent entry is not compared again.
    unmeasured = msgspec.structs.replace(entry, hash="", size=None)
    found = check_metadata(unmeasured, content, document=open_document(read(content)))
    told = {
        severity: [
            XdsError(
                code=one.code,
                context=f"{one.attribute} : {one.reason.fr} / {one.attribute}: {one.reason.en}",
                location=f"{entry.entry_uuid}/{one.attribute} ({one.location})",
                severity=xds_severity,
            )
            for one in found
            if one.severity is severity
        ]
        for severity, xds_severity in _SEVERITIES.items()
    }
    if told[Severity.REFUSAL]:
        raise InvalidMetadata(told[Severity.REFUSAL])
    return told[Severity.WARNING]


def _assign_ids(submission: Submission, *, fresh: bool = False) -> dict[str, str]:
    """The registry's id for each id of the message: a UUID stays as it is, unless ``fresh``, anything else gets one."""

    def assigned(identifier: str) -> str:
        uuid = None if fresh else to_uuid(identifier)
        return to_urn(uuid or uuid4())

    named = [submission.submission_set.entry_uuid]
    named += [entry.entry_uuid for entry in submission.documents]
    named += [folder.entry_uuid for folder in submission.folders]
    ids = {identifier: assigned(identifier) for identifier in named}
    return ids | {a.entry_uuid: assigned(a.entry_uuid) for a in submission.associations if a.entry_uuid}


def _resolved(
    submission: Submission,
    ids: dict[str, str],
    documents: tuple[DocumentEntry, ...],
    contents: dict[str, bytes],
    warnings: tuple[XdsError, ...],
) -> Prepared:
    set_uuid = ids[submission.submission_set.entry_uuid]
    associations = [
        msgspec.structs.replace(
            association,
            entry_uuid=ids.get(association.entry_uuid) or to_urn(uuid4()),
            source=ids.get(association.source, association.source),
            target=ids.get(association.target, association.target),
            status=Status.APPROVED,
        )
        for association in submission.associations
    ]
    members = {a.target for a in associations if a.type is A.HAS_MEMBER and a.source == set_uuid}
    associations += [_membership(set_uuid, item.entry_uuid) for item in documents if item.entry_uuid not in members]
    folders = tuple(
        msgspec.structs.replace(
            folder,
            entry_uuid=ids[folder.entry_uuid],
            logical_id=ids[folder.entry_uuid],
            version=1,
            last_update_time="",
            status=Status.APPROVED,
        )
        for folder in submission.folders
    )
    associations += [
        _membership(set_uuid, folder.entry_uuid, "") for folder in folders if folder.entry_uuid not in members
    ]
    inside = {*ids.values(), *(a.entry_uuid for a in associations)}
    return Prepared(
        submission_set=msgspec.structs.replace(submission.submission_set, entry_uuid=set_uuid, status=Status.APPROVED),
        documents=documents,
        folders=folders,
        associations=tuple(associations),
        contents=contents,
        ids=ids,
        outside=frozenset(end for a in associations for end in (a.source, a.target)) - inside,
        warnings=warnings,
    )


def _membership(set_uuid: str, target: str, status: str = "Original") -> Association:
    return Association(
        entry_uuid=to_urn(uuid4()), type=A.HAS_MEMBER, source=set_uuid, target=target, submission_set_status=status
    )


def with_visibility(entry: DocumentEntry, wanted: frozenset[Visibility]) -> DocumentEntry:
    """``entry`` with exactly the visibility codes ``wanted`` after its other confidentiality codes."""
    if visibility_of(entry) == wanted:
        return entry
    others = tuple(code for code in entry.confidentiality_codes if code.code not in Visibility.__members__)
    codes = tuple(visibility_code(one) for one in Visibility if one in wanted)
    return msgspec.structs.replace(entry, confidentiality_codes=others + codes)


def new_oid(uuid: UUID | None = None) -> str:
    """A new OID under the arc of UUIDs.

    >>> new_oid(UUID(int=42))
    '2.25.42'
    """
    return f"2.25.{(uuid or uuid4()).int}"
