"""ITI-41, ITI-42, ITI-65, ITI-105: new documents, replacements, addenda, transformations, signatures, folders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from lxml import etree

from socle.platform.actor import CITIZENS, Actor
from socle.platform.audit import Action, Subject
from socle.platform.database import Connection
from socle.platform.keys import Ring
from socle.platform.patient_key import patient_key
from socle.platform.threads import off_loop
from socle.services.dmp import record_store, search_store, store
from socle.services.dmp.context import Attempt, DmpContext, Visit
from socle.services.dmp.domain import Door, FolderFilter, Function, NoticeKind, RecordState, SubmissionReceipt
from socle.services.dmp.errors import conflict, invalid, refusal
from socle.services.dmp.keys import to_uuid, token, type_key
from socle.services.dmp.lineage import with_effective_visibility
from socle.services.dmp.record_store import Found
from socle.services.dmp.rules import (
    DocumentFacts,
    Refused,
    Sight,
    decide_deposit,
    is_signature,
    visibility_of,
)
from socle.services.dmp.store import StoredEntry
from socle.services.dmp.submission import RELATING, REPLACING, Prepared, prepare_feed, with_visibility
from socle.standards.errors import Forbidden, Text
from socle.standards.xds.errors import Severity, XdsError, metadata_error
from socle.standards.xds.model import (
    Association,
    DocumentEntry,
    RegistryObjects,
    Status,
    Submission,
    SubmissionSet,
    Visibility,
)
from socle.standards.xml import parse


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """All that one submission writes."""

    prepared: Prepared
    new: Sequence[StoredEntry]
    changed: Sequence[StoredEntry] = ()


async def submit(
    ctx: DmpContext, actor: Actor, submission: Submission, *, door: Door, transaction: str
) -> SubmissionReceipt:
    """Registers the submission whole or not at all. See ``DmpService.submit``."""
    ins = submission.submission_set.patient_id
    key = patient_key(ins)
    async with ctx.attempt(actor, Action.CREATE, transaction, door) as attempt:
        prepared = await _prepare(ctx, submission, has_contents=transaction != "ITI-42")
        verdicts, remarks = await _judge(ctx, prepared)
        prepared = msgspec.structs.replace(prepared, warnings=(*prepared.warnings, *remarks))
        async with ctx.base.database.connection() as connection:
            found = await _require_feedable(ctx, connection, attempt, actor, submission.submission_set)
            ring = await ctx.base.objects.rings.ring(key, connection, life=found.record.opened_at)
        addresses = await _put_contents(ctx, ring, prepared)
        async with ctx.base.database.transaction() as connection:
            if prepared.outside:
                visit = await ctx.visit(connection, attempt, Function.FEED, actor, ins, for_change=True)
            else:
                visit = ctx.admit(found, Function.FEED, actor, ins)
            _check_deposit(visit, prepared)
            prepared = msgspec.structs.replace(
                prepared, documents=tuple(_hidden_as_asked(visit, entry) for entry in prepared.documents)
            )
            await _claim(connection, visit, prepared)
            targets = await _find_targets(connection, visit, prepared)
            new = [
                _stored(visit, entry, prepared, addresses.get(entry.entry_uuid, ""), verdicts.get(entry.entry_uuid))
                for entry in prepared.documents
            ]
            new, changed = await _replace(connection, visit, prepared, new, targets)
            registration = Registration(prepared=prepared, new=new, changed=changed)
            await register(connection, visit, registration, door)
            await _tell_of_documents(ctx, connection, visit, registration)
            await ctx.trace(connection, visit, Action.CREATE, transaction, door, subjects_of(registration))
    return receipt_of(registration)


async def _prepare(ctx: DmpContext, submission: Submission, *, has_contents: bool) -> Prepared:
    trees: dict[int, etree._Element] = {}

    def read(content: bytes) -> etree._Element:
        if id(content) not in trees:
            trees[id(content)] = parse(content)
        return trees[id(content)]

    def prepare() -> Prepared:
        prepared = prepare_feed(
            submission, repository=ctx.base.settings.repository_unique_id, has_contents=has_contents, read=read
        )
        if ctx.check_signature is not None:
            ctx.check_signature(submission, read)
        return prepared

    return await off_loop(sum(map(len, submission.contents.values())), prepare)


async def _judge(ctx: DmpContext, prepared: Prepared) -> tuple[dict[str, bytes], list[XdsError]]:
    """The verdict to store with each document, and what the sender is told of them."""
    verdicts: dict[str, bytes] = {}
    remarks: list[XdsError] = []
    if ctx.conformance is None:
        return verdicts, remarks
    for entry in prepared.documents:
        content = prepared.contents.get(entry.entry_uuid)
        if content is not None and not is_signature(entry):
            verdict = await ctx.conformance(content, entry)
            if verdict is not None:
                verdicts[entry.entry_uuid] = msgspec.json.encode(verdict)
                if (remark := verdict.remark) is not None:
                    place = f"{name_in_message(prepared, entry)}/Document"
                    told = metadata_error(remark.fr, remark.en, place, "InvalidDocumentContent")
                    remarks.append(msgspec.structs.replace(told, severity=Severity.WARNING))
    return verdicts, remarks


async def _require_feedable(
    ctx: DmpContext, connection: Connection, attempt: Attempt, actor: Actor, submission_set: SubmissionSet
) -> Found:
    """The record and what it says of ``actor``; refuses before anything is stored what no right would allow."""
    ins, location = submission_set.patient_id, f"{submission_set.entry_uuid}/patientId"
    key = patient_key(ins)
    found = await record_store.find_record(connection, key, actor)
    if found is None or found.record.state not in {RecordState.ACTIVE, RecordState.CLOSED}:
        raise refusal("record-unknown", location=location)
    attempt.patient_key = key
    if found.record.state is RecordState.CLOSED:
        raise refusal("record-closed", location=location)
    identity = await ctx.identities.find(connection, ins)
    if identity is None or identity.sendable_ins != ins:
        raise refusal("identity-not-qualified", location=location)
    return found


async def _put_contents(ctx: DmpContext, ring: Ring, prepared: Prepared) -> dict[str, str]:
    """Encrypts and stores every content durably; the addresses by entry."""
    addresses = await ctx.base.objects.put_all(ring.owner, list(prepared.contents.values()), ring)
    return dict(zip(prepared.contents, addresses, strict=True))


def _check_deposit(visit: Visit, prepared: Prepared) -> None:
    for entry in prepared.documents:
        decision = decide_deposit(visit.actor, type_key(entry.type_code), visit.policy)
        if isinstance(decision, Refused):
            raise refusal(decision.rule, location=f"{name_in_message(prepared, entry)}/typeCode")


def name_in_message(prepared: Prepared, entry: DocumentEntry) -> str:
    """The id under which the message called ``entry``."""
    return next(name for name, uuid in prepared.ids.items() if uuid == entry.entry_uuid)


def _hidden_as_asked(visit: Visit, entry: DocumentEntry) -> DocumentEntry:
    """A secret session hides from representatives; the holder's setting masks what professionals add."""
    wanted = set(visibility_of(entry))
    if visit.actor.kind not in CITIZENS:
        if visit.actor.is_secret:
            wanted.add(Visibility.INVISIBLE_REPRESENTANTS_LEGAUX)
        if visit.record.settings.masks_new_documents:
            wanted.add(Visibility.MASQUE_PS)
    return with_visibility(entry, frozenset(wanted))


async def _claim(connection: Connection, visit: Visit, prepared: Prepared) -> None:
    names = [(prepared.submission_set.unique_id, prepared.submission_set.entry_uuid)]
    names += [(entry.unique_id, entry.entry_uuid) for entry in prepared.documents]
    names += [(folder.unique_id, folder.entry_uuid) for folder in prepared.folders]
    unique_ids = {unique_id for unique_id, _ in names}
    uuids = {uuid for _, uuid in names}
    taken = await store.claim(connection, visit.key, unique_ids | uuids)
    for entry in prepared.documents:
        if entry.unique_id in taken:
            sight = msgspec.structs.replace(located(visit), only_own=True)
            known = await store.whole_entries(connection, visit.key, sight, unique_ids=(entry.unique_id,))
            if known and known[0].entry.hash != entry.hash:
                raise conflict(
                    "XDSNonIdenticalHash",
                    f"L'uniqueId {entry.unique_id} désigne déjà un document d'un autre contenu.",
                    f"The uniqueId {entry.unique_id} already names a document of another content.",
                    location=f"{name_in_message(prepared, entry)}/uniqueId",
                    remedy=Text(
                        "Donnez un nouvel uniqueId et déclarez un remplacement (RPLC).",
                        "Give a new uniqueId and declare a replacement (RPLC).",
                    ),
                )
    for unique_id in sorted(taken & unique_ids):
        raise conflict(
            "XDSDuplicateUniqueIdInRegistry",
            f"L'uniqueId {unique_id} est déjà enregistré.",
            f"The uniqueId {unique_id} is already registered.",
            location=unique_id,
            remedy=Text(
                "S'il s'agit d'un renvoi après une coupure, le premier envoi est bien enregistré (TD3.1b le confirme).",
                "If this is sent again after a cut, the first message is registered (TD3.1b confirms it).",
            ),
        )
    for uuid in sorted(taken):
        raise conflict(
            "XDSMetadataIdentifierError",
            f"L'entryUUID {uuid} est déjà pris.",
            f"The entryUUID {uuid} is already taken.",
            location=uuid,
        )


def located(visit: Visit) -> Sight:
    """What the caller may name in a message: their own documents, and those that they may consult."""
    return msgspec.structs.replace(visit, function=Function.LOCATE, allowed=visit.require(Function.LOCATE)).sight


async def _find_targets(connection: Connection, visit: Visit, prepared: Prepared) -> dict[str, StoredEntry]:
    """The registered documents at the ends of the message's links. Folders are admitted as sources."""
    if not prepared.outside:
        return {}
    sight = located(visit)
    found = await store.whole_entries(connection, visit.key, sight, entry_uuids=sorted(prepared.outside))
    targets = {stored.entry.entry_uuid: stored for stored in found}
    missing = prepared.outside - targets.keys()
    if missing:
        wanted = FolderFilter(entry_uuids=tuple(missing))
        folders = await search_store.find_folders(connection, visit.key, sight, wanted)
        missing -= {folder.entry_uuid for folder in folders}
    for uuid in sorted(missing):
        raise invalid(
            "UnresolvedReferenceException",
            f"{uuid} n'est pas un objet de ce dossier.",
            f"{uuid} is not an object of this record.",
            location=uuid,
        )
    for link in prepared.associations:
        if link.type in RELATING and link.target not in targets and link.target in prepared.outside:
            raise invalid(
                "XDSObjectTypeError",
                f"{link.target} n'est pas un document : rien d'autre ne se remplace, se complète ni se transforme.",
                f"{link.target} is no document: nothing else is replaced, added to or transformed.",
                location=link.target,
            )
    return targets


async def _replace(
    connection: Connection,
    visit: Visit,
    prepared: Prepared,
    new: list[StoredEntry],
    targets: dict[str, StoredEntry],
) -> tuple[list[StoredEntry], list[StoredEntry]]:
    """Applies the links from new documents to registered ones: what is replaced is deprecated and as hidden."""
    replaced: dict[str, list[StoredEntry]] = {}
    for link in prepared.associations:
        target = targets.get(link.target)
        if target is None or link.type not in RELATING:
            continue
        _check_target(visit, link, target)
        if link.type in REPLACING:
            replaced.setdefault(link.source, []).append(target)
    if not replaced:
        return [with_effective_visibility([stored])[0] for stored in new], []
    result, changed = [], []
    for stored in new:
        olds = replaced.get(stored.entry.entry_uuid, [])
        if olds:
            lineage = olds[0].lineage
            stored = msgspec.structs.replace(stored, lineage=lineage)
            gone = {old.uuid for old in olds}
            before = [
                _deprecated(old, lineage) if old.uuid in gone else msgspec.structs.replace(old, lineage=lineage)
                for old in await store.whole_lineages(connection, visit.key, {old.lineage for old in olds})
            ]
            after = with_effective_visibility([*before, stored])
            changed += [one for one in after if one.uuid != stored.uuid]
            result += [one for one in after if one.uuid == stored.uuid]
        else:
            result += with_effective_visibility([stored])
    return result, changed


def _check_target(visit: Visit, link: Association, target: StoredEntry) -> None:
    if target.facts.status is not Status.APPROVED:
        raise conflict(
            "XDSRegistryDeprecatedDocumentError",
            "Le document visé n'est plus en vigueur : il a été remplacé, archivé ou a changé de version.",
            "The target document is not in force any more: replaced, archived, or of a newer version.",
            location=link.target,
            remedy=Text("Visez sa dernière version (TD3.1).", "Target its last version (TD3.1)."),
        )
    if link.type in REPLACING and located(visit).owners.isdisjoint(target.facts.owner_ids):
        raise Forbidden(
            "LocalPolicyRestrictionError",
            Text("Seul son auteur remplace un document.", "Only its author replaces a document."),
            location=link.target,
            requirement="DMPi §1.8",
        )


def _deprecated(stored: StoredEntry, lineage: UUID) -> StoredEntry:
    facts = msgspec.structs.replace(stored.facts, status=Status.DEPRECATED)
    return msgspec.structs.replace(stored, facts=facts, lineage=lineage)


def owner_ids(actor: Actor, entry: DocumentEntry | None = None) -> frozenset[str]:
    """Whose the thing is: its authors', who deposits it, and the structure of a professional or of software."""
    persons = [author.person.partition("^")[0] for author in entry.authors] if entry else []
    structure = f"structure:{actor.structure}" if actor.structure and actor.kind not in CITIZENS else ""
    return frozenset(filter(None, (*persons, actor.id, structure)))


def _stored(visit: Visit, entry: DocumentEntry, prepared: Prepared, address: str, verdict: bytes | None) -> StoredEntry:
    uuid, set_uuid = to_uuid(entry.entry_uuid), to_uuid(prepared.submission_set.entry_uuid)
    assert uuid is not None
    assert set_uuid is not None
    return StoredEntry(
        entry=entry,
        facts=DocumentFacts(
            status=Status.APPROVED,
            type_key=type_key(entry.type_code),
            visibility=0,
            owner_ids=owner_ids(visit.actor, entry),
        ),
        uuid=uuid,
        logical_id=uuid,
        lineage=uuid,
        is_latest=True,
        registered_at=visit.now,
        submission_set=set_uuid,
        object_address=address,
        type_token=token("type", type_key(entry.type_code)),
        verdict=verdict,
    )


async def register(connection: Connection, visit: Visit, registration: Registration, door: Door) -> None:
    """Writes everything that the submission holds and changes."""
    prepared, at = registration.prepared, visit.now
    owners = owner_ids(visit.actor)
    if registration.changed:
        await store.change_entries(connection, visit.key, registration.changed)
    await store.add_objects(
        connection,
        visit.key,
        sets=[store.set_row(visit.key, prepared.submission_set, owners, at, door.value)],
        entries=[store.entry_row(visit.key, stored) for stored in registration.new],
        folders=[store.folder_row(visit.key, folder, owners, at) for folder in prepared.folders],
        associations=[store.association_row(visit.key, link, at) for link in prepared.associations],
    )


async def _tell_of_documents(ctx: DmpContext, connection: Connection, visit: Visit, registration: Registration) -> None:
    """Tells the holder of a new document, unless it is hidden from the holder's side (telling would show it)."""
    hidden = {Visibility.INVISIBLE_PATIENT, Visibility.INVISIBLE_REPRESENTANTS_LEGAUX}
    shown = [
        one.entry for one in registration.new if not is_signature(one.entry) and not hidden & visibility_of(one.entry)
    ]
    if shown and visit.actor.kind not in CITIZENS:
        text = (
            "Un nouveau document a été ajouté à votre dossier médical.",
            "A new document was added to your medical record.",
        )
        about = registration.prepared.submission_set.unique_id
        await ctx.tell(connection, visit.key, NoticeKind.NEW_DOCUMENT, text, about=about)


def subjects_of(registration: Registration) -> tuple[Subject, ...]:
    """What the trace names: the set and the documents by uniqueId (signatures left out)."""
    documents = [one.entry for one in (*registration.new, *registration.changed) if not is_signature(one.entry)]
    return (
        Subject("submission-set", registration.prepared.submission_set.unique_id),
        *(Subject("document", unique_id) for unique_id in dict.fromkeys(entry.unique_id for entry in documents)),
    )


def receipt_of(registration: Registration) -> SubmissionReceipt:
    """What the submitter is answered."""
    prepared = registration.prepared
    stamp = _dtm(registration.new[0].registered_at) if registration.new else ""
    return SubmissionReceipt(
        submission_set_uuid=prepared.submission_set.entry_uuid,
        objects=RegistryObjects(
            submission_sets=(prepared.submission_set,),
            documents=tuple(stored.entry for stored in registration.new),
            folders=tuple(msgspec.structs.replace(folder, last_update_time=stamp) for folder in prepared.folders),
            associations=prepared.associations,
        ),
        ids=prepared.ids,
        warnings=prepared.warnings,
    )


def _dtm(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S")
