"""ITI-57 and PATCH: metadata versions (mask, unmask, release) and status changes (archive, unarchive, delete).

Changes of one record take turns: each locks the record first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID, uuid4

import msgspec

from socle.platform.actor import CITIZENS, Actor
from socle.platform.audit import Action
from socle.platform.clock import to_dtm
from socle.platform.database import Connection
from socle.services.dmp import search_store, store
from socle.services.dmp.context import Attempt, DmpContext, Visit
from socle.services.dmp.domain import DocumentChange, Door, Function, SubmissionReceipt
from socle.services.dmp.errors import conflict, invalid, no_such_document, refusal
from socle.services.dmp.feeding import Registration, name_in_message, receipt_of, register, subjects_of
from socle.services.dmp.keys import to_urn, to_uuid
from socle.services.dmp.lineage import with_effective_visibility
from socle.services.dmp.rules import Sight, decide_visibility_change, visibility_of
from socle.services.dmp.store import StoredEntry
from socle.services.dmp.submission import Prepared, new_oid, prepare_update, with_visibility
from socle.standards.errors import Forbidden, SocleError, Text
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import (
    Association,
    AssociationType,
    Author,
    Code,
    DocumentEntry,
    Status,
    Submission,
    SubmissionSet,
    Visibility,
)

A = AssociationType
S = Status

#: Legal changes of status, with the function that each takes (fact sheet §1.8).
TRANSITIONS: Final = {
    (S.APPROVED, S.ARCHIVED): Function.ARCHIVE,
    (S.ARCHIVED, S.APPROVED): Function.ARCHIVE,
    (S.APPROVED, S.DELETED): Function.DELETE,
}
#: What a new metadata version may not change, by its name in XDS: everything but the confidentiality codes.
_FIXED: Final = {
    "uniqueId": "unique_id",
    "classCode": "class_code",
    "typeCode": "type_code",
    "formatCode": "format_code",
    "healthcareFacilityTypeCode": "healthcare_facility_type_code",
    "practiceSettingCode": "practice_setting_code",
    "creationTime": "creation_time",
    "languageCode": "language_code",
    "mimeType": "mime_type",
    "legalAuthenticator": "legal_authenticator",
    "title": "title",
    "eventCodeList": "event_codes",
    "serviceStartTime": "service_start_time",
    "serviceStopTime": "service_stop_time",
    "hash": "hash",
    "size": "size",
}
_MASK: Final = frozenset({Visibility.MASQUE_PS})
_EDITABLE: Final = frozenset({S.APPROVED, S.ARCHIVED})


class _Edit:
    """What one message changes so far: document versions by uuid, and the new ones among them."""

    def __init__(self, set_uuid: UUID) -> None:
        self.set_uuid = set_uuid
        self.new: dict[UUID, StoredEntry] = {}
        self.changed: dict[UUID, StoredEntry] = {}
        #: The version that came before, by the URN of the new one.
        self.previous: dict[str, str] = {}

    def registration(self, prepared: Prepared) -> Registration:
        """What is to be written."""
        return Registration(prepared=prepared, new=tuple(self.new.values()), changed=tuple(self.changed.values()))


async def update(
    ctx: DmpContext, actor: Actor, submission: Submission, *, door: Door, transaction: str
) -> SubmissionReceipt:
    """Applies an ITI-57 message whole or not at all. See ``DmpService.update``."""
    async with ctx.attempt(actor, Action.UPDATE, transaction, door) as attempt:
        prepared = prepare_update(submission)
        previous = {link.target: link.previous_version for link in prepared.associations if link.type is A.HAS_MEMBER}
        statuses = [link for link in prepared.associations if link.type is A.UPDATE_AVAILABILITY]
        if not prepared.documents and not statuses:
            raise invalid(
                "XDSMetadataUpdateError",
                "Le message ne modifie rien.",
                "The message changes nothing.",
                location=submission.submission_set.entry_uuid,
                remedy=Text(
                    "Joignez la fiche modifiée, ou une association UpdateAvailabilityStatus.",
                    "Add the changed entry, or an association UpdateAvailabilityStatus.",
                ),
            )
        async with ctx.base.database.transaction() as connection:
            ins = submission.submission_set.patient_id
            visit = await ctx.visit(connection, attempt, Function.LOCATE, actor, ins, for_change=True)
            set_uuid = to_uuid(prepared.submission_set.entry_uuid)
            assert set_uuid is not None
            edit = _Edit(set_uuid)
            for entry in prepared.documents:
                current = await _current(connection, visit, logical_ids=(entry.logical_id,))
                _check_fixed(current.entry, entry, name_in_message(prepared, entry))
                _check_version(current, previous.get(entry.entry_uuid))
                await _add_version(connection, visit, edit, current, entry)
            for link in statuses:
                current = await _current(connection, visit, entry_uuids=(link.target,))
                if link.original_status is not current.facts.status:
                    raise _wrong_status(current, link.target)
                await _change_status(connection, visit, edit, current, link.new_status)
            registration = await _write(ctx, connection, visit, edit, prepared, door, transaction)
    return receipt_of(registration)


async def patch(
    ctx: DmpContext,
    actor: Actor,
    unique_id: str,
    change: DocumentChange,
    *,
    patient: Ins | UUID,
    version: int | None,
    door: Door,
    transaction: str,
) -> DocumentEntry:
    """Applies ``change`` to one document of ``patient``. See ``DmpService.patch``."""
    async with (
        ctx.attempt(actor, Action.UPDATE, transaction, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await _visit(ctx, connection, attempt, actor, patient, unique_id)
        current = await _by_any_id(connection, visit, unique_id)
        if version is not None and version != current.entry.version:
            raise _other_version(current)
        edit = _Edit(uuid4())
        links: list[Association] = []
        set_urn = to_urn(edit.set_uuid)
        before = visibility_of(current.entry)
        after = ((before if change.visibility is None else change.visibility) | change.adds) - change.removes
        if after != before:
            wanted = with_visibility(current.entry, after)
            previous = current.entry.version
            current = await _add_version(connection, visit, edit, current, wanted)
            links.append(_version_link(set_urn, current, previous))
        status = S.DELETED if change.is_deleted else _archived(current, change.is_archived)
        if status is not current.facts.status:
            links.append(_status_link(set_urn, current, status))
            current = await _change_status(connection, visit, edit, current, status)
        if links:
            prepared = _own_submission(visit, edit, links, ctx.base.settings.repository_unique_id)
            await _write(ctx, connection, visit, edit, prepared, door, transaction)
        return current.entry


async def _visit(
    ctx: DmpContext, connection: Connection, attempt: Attempt, actor: Actor, patient: Ins | UUID, unique_id: str
) -> Visit:
    """A record that the caller did not name is not told of by a refusal, nor by the time that it takes."""
    try:
        return await ctx.visit(connection, attempt, Function.LOCATE, actor, patient, for_change=True)
    except SocleError as error:
        if isinstance(patient, UUID):
            blind = Sight(now=ctx.base.clock(), owners=frozenset())
            await store.whole_entries(connection, UUID(int=0), blind, unique_ids=(unique_id,))
            raise no_such_document(unique_id) from error
        raise


async def mask(
    ctx: DmpContext, actor: Actor, ins: Ins, unique_id: str, *, is_masked: bool, door: Door
) -> DocumentEntry:
    """Adds or removes MASQUE_PS and leaves the other codes. See ``DmpService.hide``."""
    change = DocumentChange(adds=_MASK) if is_masked else DocumentChange(removes=_MASK)
    return await patch(
        ctx, actor, unique_id, change, patient=ins, version=None, door=door, transaction=f"{door.value}.mask"
    )


async def find_patient(ctx: DmpContext, identifier: str) -> UUID:
    """The patient key under which ``identifier`` is registered, or one that is nobody's."""
    async with ctx.base.database.connection() as connection:
        owners = await store.find_owners(connection, (identifier,))
    return owners.pop() if owners else UUID(int=0)


async def _write(
    ctx: DmpContext,
    connection: Connection,
    visit: Visit,
    edit: _Edit,
    prepared: Prepared,
    door: Door,
    transaction: str,
) -> Registration:
    unique_id = prepared.submission_set.unique_id
    uuids = [prepared.submission_set.entry_uuid, *(stored.entry.entry_uuid for stored in edit.new.values())]
    if taken := await store.claim(connection, visit.key, [unique_id, *uuids]):
        raise conflict(
            "XDSDuplicateUniqueIdInRegistry",
            f"L'identifiant {min(taken)} est déjà enregistré.",
            f"The identifier {min(taken)} is already registered.",
            location=min(taken),
        )
    carried = await _carried_memberships(connection, visit, edit, prepared)
    prepared = msgspec.structs.replace(prepared, associations=(*prepared.associations, *carried))
    registration = edit.registration(prepared)
    await register(connection, visit, registration, door)
    await ctx.trace(connection, visit, Action.UPDATE, transaction, door, subjects_of(registration))
    return registration


async def _carried_memberships(
    connection: Connection, visit: Visit, edit: _Edit, prepared: Prepared
) -> list[Association]:
    """A new version is in the folders of the one before, unless the message says otherwise (AssociationPropagation)."""
    stays = {link.target for link in prepared.associations if not link.propagates}
    newer = {old: new for new, old in edit.previous.items() if new not in stays}
    if not newer:
        return []
    links = await search_store.find_memberships(connection, visit.key, newer)
    return [msgspec.structs.replace(link, entry_uuid=to_urn(uuid4()), target=newer[link.target]) for link in links]


async def _current(
    connection: Connection, visit: Visit, *, entry_uuids: Sequence[str] = (), logical_ids: Sequence[str] = ()
) -> StoredEntry:
    found = await store.whole_entries(
        connection, visit.key, visit.sight, entry_uuids=entry_uuids, logical_ids=logical_ids
    )
    if not found:
        named = (*entry_uuids, *logical_ids)[0]
        raise invalid(
            "UnresolvedReferenceException",
            f"{named} n'est pas un document de ce dossier.",
            f"{named} is not a document of this record.",
            location=named,
        )
    return found[0]


async def _by_any_id(connection: Connection, visit: Visit, identifier: str) -> StoredEntry:
    names = (identifier,)
    if to_uuid(identifier) is None:
        found = await store.whole_entries(connection, visit.key, visit.sight, unique_ids=names)
    else:
        found = await store.whole_entries(connection, visit.key, visit.sight, entry_uuids=names, logical_ids=names)
    if not found:
        raise no_such_document(identifier)
    return max(found, key=lambda stored: stored.entry.version)


async def _add_version(
    connection: Connection, visit: Visit, edit: _Edit, current: StoredEntry, wanted: DocumentEntry
) -> StoredEntry:
    """Version n+1 of ``current`` with the confidentiality of ``wanted``; everything that it hides follows."""
    if not current.is_latest or current.facts.status not in _EDITABLE:
        raise _wrong_status(current, current.entry.entry_uuid)
    is_own = not visit.sight.owners.isdisjoint(current.facts.owner_ids)
    before, after = visibility_of(current.entry), visibility_of(wanted)
    functions, refused = decide_visibility_change(visit.actor, before, after, is_own=is_own)
    if refused is not None:
        raise refusal(refused.rule, location=f"{current.entry.unique_id}/confidentialityCode")
    for function in functions or {Function.MASK}:
        visit.require(function)
    uuid = uuid4()
    stored = msgspec.structs.replace(
        current,
        entry=msgspec.structs.replace(
            current.entry,
            confidentiality_codes=wanted.confidentiality_codes,
            entry_uuid=to_urn(uuid) if wanted.entry_uuid == current.entry.entry_uuid else wanted.entry_uuid,
            version=current.entry.version + 1,
        ),
        uuid=uuid if wanted.entry_uuid == current.entry.entry_uuid else to_uuid(wanted.entry_uuid) or uuid,
        registered_at=visit.now,
        submission_set=edit.set_uuid,
    )
    lineage = await store.whole_lineages(connection, visit.key, {current.lineage})
    old = msgspec.structs.replace(
        current, facts=msgspec.structs.replace(current.facts, status=S.DEPRECATED), is_latest=False
    )
    known = {one.uuid: one for one in lineage} | edit.changed | {old.uuid: old, stored.uuid: stored}
    same_lineage = [one for one in known.values() if one.lineage == current.lineage]
    edit.previous[stored.entry.entry_uuid] = current.entry.entry_uuid
    for one in with_effective_visibility(same_lineage):
        (edit.new if one.uuid == stored.uuid else edit.changed)[one.uuid] = one
    return edit.new[stored.uuid]


async def _change_status(
    connection: Connection, visit: Visit, edit: _Edit, current: StoredEntry, status: Status | None
) -> StoredEntry:
    """``current`` in ``status``. Deleting takes the older versions along, so that none of them shows."""
    function = TRANSITIONS.get((current.facts.status, status or current.facts.status))
    if function is None or not current.is_latest:
        raise _wrong_status(current, current.entry.entry_uuid)
    visit.require(function)
    if function is Function.DELETE and visit.sight.owners.isdisjoint(current.facts.owner_ids):
        raise Forbidden(
            "LocalPolicyRestrictionError",
            Text("Seul son auteur supprime un document.", "Only its author deletes a document."),
            location=current.entry.unique_id,
            remedy=Text(
                "Le patient peut le masquer, ou en demander la suppression à son auteur.",
                "The patient may mask it, or ask its author to delete it.",
            ),
            requirement="DMPi TD3.3c",
        )
    assert status is not None
    changed = _with_status(current, status)
    edit.changed[changed.uuid] = changed
    if changed.uuid in edit.new:
        del edit.changed[changed.uuid]
        edit.new[changed.uuid] = changed
    if status is S.DELETED:
        for old in await store.whole_lineages(connection, visit.key, {current.lineage}):
            if old.logical_id == current.logical_id and old.uuid != current.uuid:
                edit.changed[old.uuid] = _with_status(edit.changed.get(old.uuid, old), S.DELETED)
    return changed


def _with_status(stored: StoredEntry, status: Status) -> StoredEntry:
    return msgspec.structs.replace(
        stored,
        entry=msgspec.structs.replace(stored.entry, status=status),
        facts=msgspec.structs.replace(stored.facts, status=status),
    )


def _archived(current: StoredEntry, wanted: bool | None) -> Status:
    if wanted is None:
        return current.facts.status
    return S.ARCHIVED if wanted else S.APPROVED


def _check_fixed(current: DocumentEntry, wanted: DocumentEntry, where: str) -> None:
    if wanted.patient_id != current.patient_id:
        raise invalid(
            "XDSPatientIDReconciliationError",
            "patientId ne peut pas changer.",
            "patientId cannot change.",
            location=f"{where}/patientId",
        )
    for name, field in _FIXED.items():
        if _comparable(getattr(wanted, field)) != _comparable(getattr(current, field)):
            raise invalid(
                "UnmodifiableMetadataError",
                f"{name} ne peut pas changer : seule la confidentialité se modifie.",
                f"{name} cannot change: only the confidentiality can.",
                location=f"{where}/{name}",
                remedy=Text(
                    "Pour corriger le document, remplacez-le (RPLC).", "To correct the document, replace it (RPLC)."
                ),
            )


def _comparable(value: object) -> object:
    if isinstance(value, Code):
        return value.key
    if isinstance(value, tuple):
        return tuple(_comparable(one) for one in value)
    return value


def _check_version(current: StoredEntry, previous: int | None) -> None:
    if previous != current.entry.version:
        raise _other_version(current)


def _other_version(current: StoredEntry) -> Exception:
    return conflict(
        "XDSMetadataVersionError",
        f"La version en vigueur est la {current.entry.version}.",
        f"The version in force is {current.entry.version}.",
        location=current.entry.logical_id,
        remedy=Text(
            "Relisez la fiche, puis renvoyez la modification avec PreviousVersion (ou If-Match) à jour.",
            "Read the entry again, then send the change with the right PreviousVersion (or If-Match).",
        ),
    )


def _wrong_status(current: StoredEntry, location: str) -> Exception:
    status = current.facts.status.rpartition(":")[2]
    return conflict(
        "XDSMetadataUpdateOperationError",
        f"Ce changement n'est pas possible : le document est {status}.",
        f"This change is not possible: the document is {status}.",
        location=location,
        remedy=Text(
            "Relisez la fiche en vigueur (TD3.1) : son entryUUID et son état vont dans la demande.",
            "Read the entry in force again (TD3.1): its entryUUID and its status go into the request.",
        ),
    )


def _version_link(set_urn: str, stored: StoredEntry, previous: int) -> Association:
    return Association(
        entry_uuid=to_urn(uuid4()),
        type=A.HAS_MEMBER,
        source=set_urn,
        target=stored.entry.entry_uuid,
        submission_set_status="Original",
        previous_version=previous,
    )


def _status_link(set_urn: str, stored: StoredEntry, status: Status) -> Association:
    return Association(
        entry_uuid=to_urn(uuid4()),
        type=A.UPDATE_AVAILABILITY,
        source=set_urn,
        target=stored.entry.entry_uuid,
        original_status=stored.facts.status,
        new_status=status,
    )


def _own_submission(visit: Visit, edit: _Edit, links: Sequence[Association], repository: str) -> Prepared:
    """The submission set that the base makes for a change that came without one."""
    actor = visit.actor
    is_citizen = actor.kind in CITIZENS
    family, _, given = actor.name.partition(" ")
    if is_citizen:
        identifier, authority, kind = visit.record.ins.matricule, visit.record.ins.oid, "NH"
        content = Code("EXP_PATIENT", "1.2.250.1.213.1.1.4.6", "Expression personnelle du patient")
    else:
        identifier, authority, kind = actor.id, "1.2.250.1.71.4.2.1", "IDNPS"
        content = Code("07", "1.2.250.1.213.2.2", "Consultation")
    institution = f"{actor.structure_name}^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^{actor.structure}"
    submission_set = SubmissionSet(
        entry_uuid=to_urn(edit.set_uuid),
        unique_id=new_oid(),
        source_id=repository,
        patient_id=visit.record.ins,
        content_type_code=content,
        submission_time=to_dtm(visit.now),
        author=Author(
            person=f"{identifier}^{family}^{given}^^^^^^&{authority}&ISO^D^^^{kind}",
            institutions=(institution,) if actor.structure and not is_citizen else (),
        ),
    )
    return Prepared(
        submission_set=submission_set,
        documents=tuple(stored.entry for stored in edit.new.values()),
        folders=(),
        associations=tuple(links),
        contents={},
        ids={},
        outside=frozenset(),
    )
