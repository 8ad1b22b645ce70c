"""ITI-18: stored queries.

What a caller does not see is filtered in the statements themselves. A query by id that names no patient takes the same
steps and gives the same answer whether its object does not exist, is hidden, or is in a record closed to the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import msgspec

from socle.platform.actor import Actor
from socle.platform.audit import Action, Subject
from socle.platform.database import Connection
from socle.services.dmp import record_store, search_store, store
from socle.services.dmp.context import DmpContext, Visit
from socle.services.dmp.domain import (
    DocumentFilter,
    Door,
    FindDocuments,
    FindFolders,
    FindSubmissionSets,
    FolderFilter,
    Function,
    GetAll,
    GetAssociations,
    GetDocuments,
    GetDocumentsAndAssociations,
    GetFolderAndContents,
    GetFolders,
    GetFoldersForDocument,
    GetRelatedDocuments,
    GetSubmissionSetAndContents,
    GetSubmissionSets,
    SetFilter,
    StoredQuery,
)
from socle.services.dmp.keys import to_urn, to_uuid
from socle.services.dmp.rules import Sight
from socle.standards.errors import InvalidContent, SocleError, Text
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import (
    Association,
    AssociationType,
    DocumentEntry,
    Folder,
    RegistryObjects,
    SubmissionSet,
)

A = AssociationType

#: A key that is no patient's: what cannot be found is looked for there.
NOBODY: Final = UUID(int=0)
#: What the trace calls a search by each door.
SEARCHES: Final = {Door.XDS: "ITI-18", Door.FHIR: "ITI-67"}


async def query(ctx: DmpContext, actor: Actor, wanted: StoredQuery, door: Door) -> RegistryObjects:
    """All that ``wanted`` finds and the caller sees. See ``DmpService.query``."""
    named = wanted.patient or actor.patient
    if named is not None:
        return await _query_of(ctx, actor, named, wanted, door)
    found = []
    for owner in await _owners_of(ctx, _identifiers(wanted)):
        try:
            found.append(await _query_of(ctx, actor, owner, wanted, door))
        except SocleError:
            await look_nowhere(ctx)
    found = [one for one in found if one != RegistryObjects()]
    if len(found) > 1:
        raise InvalidContent(
            "XDSResultNotSinglePatient",
            Text(
                "Les identifiants demandés appartiennent à plusieurs patients.",
                "The identifiers asked for belong to several patients.",
            ),
            remedy=Text("Faites une requête par patient.", "Make one query for each patient."),
            requirement="IHE ITI TF-2 §3.18.4.1.2.3",
        )
    return found[0] if found else RegistryObjects()


async def _query_of(
    ctx: DmpContext, actor: Actor, patient: Ins | UUID, wanted: StoredQuery, door: Door
) -> RegistryObjects:
    transaction = SEARCHES.get(door, f"{door.value}.search")
    is_reference = isinstance(wanted, GetDocuments) and wanted.only_references
    function = Function.LOCATE if is_reference else Function.SEARCH
    async with (
        ctx.attempt(actor, Action.EXECUTE, transaction, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, function, actor, patient)
        found = await _answer(connection, visit, wanted)
        # A query by id that finds nothing is no access: telling of it would say that there was something.
        if isinstance(patient, Ins) or found != RegistryObjects():
            await ctx.tell_of_access(connection, visit)
        await trace_search(ctx, connection, visit, wanted, transaction, door)
        return found


# --- who is asked about ---


def _identifiers(wanted: StoredQuery) -> tuple[str, ...]:
    match wanted:
        case GetDocuments() | GetFolders():
            return (*wanted.entry_uuids, *wanted.unique_ids, *wanted.logical_ids)
        case GetDocumentsAndAssociations():
            return (*wanted.entry_uuids, *wanted.unique_ids)
        case GetAssociations() | GetSubmissionSets():
            return wanted.uuids
        case GetSubmissionSetAndContents() | GetFolderAndContents() | GetFoldersForDocument() | GetRelatedDocuments():
            return (wanted.entry_uuid or wanted.unique_id,)
        case _:
            return ()


async def _owners_of(ctx: DmpContext, identifiers: Sequence[str]) -> set[UUID]:
    async with ctx.base.database.connection() as connection:
        return await store.find_owners(connection, identifiers) or {NOBODY}


async def look_nowhere(ctx: DmpContext) -> None:
    """What looking into a record costs: whoever measures time learns nothing from a refusal that is not told."""
    blind = Sight(now=ctx.base.clock(), owners=frozenset())
    async with ctx.base.database.transaction() as connection:
        await search_store.find_entries(connection, NOBODY, blind, DocumentFilter(unique_ids=("",)))
        await record_store.rights_version(connection, NOBODY)


# --- answers ---


async def trace_search(
    ctx: DmpContext, connection: Connection, visit: Visit, wanted: StoredQuery, transaction: str, door: Door
) -> None:
    """Traces the query."""
    subject = Subject("query", type(wanted).__name__)
    await ctx.trace(connection, visit, Action.EXECUTE, transaction, door, (subject,))


async def _answer(connection: Connection, visit: Visit, wanted: StoredQuery) -> RegistryObjects:
    match wanted:
        case FindDocuments():
            found = await search_store.find_entries(
                connection, visit.key, visit.sight, wanted.filter, exclude=wanted.exclude
            )
            return RegistryObjects(documents=_bounded(found))
        case FindSubmissionSets():
            return RegistryObjects(submission_sets=await _sets(connection, visit, wanted.filter))
        case FindFolders():
            return RegistryObjects(folders=await _folders(connection, visit, wanted.filter))
        case GetDocuments():
            return RegistryObjects(documents=await _by_ids(connection, visit, wanted))
        case GetFolders():
            wanted_folders = FolderFilter(
                entry_uuids=wanted.entry_uuids, unique_ids=wanted.unique_ids, logical_ids=wanted.logical_ids
            )
            return RegistryObjects(folders=await _folders(connection, visit, wanted_folders))
        case GetDocumentsAndAssociations():
            documents = await _by_ids(connection, visit, wanted)
            links = await links_of(connection, visit, [one.entry_uuid for one in documents])
            return RegistryObjects(documents=documents, associations=links)
        case GetAssociations():
            return RegistryObjects(associations=await links_of(connection, visit, wanted.uuids))
        case GetSubmissionSets():
            links = await links_of(connection, visit, wanted.uuids)
            asked = {_normal(uuid) for uuid in wanted.uuids}
            members = tuple(one for one in links if one.type is A.HAS_MEMBER and one.target in asked)
            sets = await _sets(connection, visit, SetFilter(entry_uuids=tuple({one.source for one in members})))
            kept = {one.entry_uuid for one in sets}
            return RegistryObjects(
                submission_sets=sets, associations=tuple(one for one in members if one.source in kept)
            )
        case GetSubmissionSetAndContents():
            return await _set_and_contents(connection, visit, wanted)
        case GetFolderAndContents():
            return await _folder_and_contents(connection, visit, wanted)
        case GetFoldersForDocument():
            documents = await _by_ids(connection, visit, _one_document(wanted))
            links = await links_of(connection, visit, [one.entry_uuid for one in documents])
            sources = tuple({one.source for one in links if one.type is A.HAS_MEMBER})
            return RegistryObjects(folders=await _folders(connection, visit, FolderFilter(entry_uuids=sources)))
        case GetRelatedDocuments():
            return await _related(connection, visit, wanted)
        case GetAll():
            return await _everything(connection, visit, wanted)


async def _by_ids(
    connection: Connection, visit: Visit, wanted: GetDocuments | GetDocumentsAndAssociations
) -> tuple[DocumentEntry, ...]:
    """By entry UUID the very version, by logicalId all versions, by uniqueId the newest."""
    logical_ids = wanted.logical_ids if isinstance(wanted, GetDocuments) else ()
    asked = DocumentFilter(
        entry_uuids=wanted.entry_uuids,
        unique_ids=wanted.unique_ids,
        logical_ids=logical_ids,
        latest_only=bool(wanted.unique_ids),
    )
    if not (asked.entry_uuids or asked.unique_ids or asked.logical_ids):
        return ()
    return tuple(await search_store.find_entries(connection, visit.key, visit.sight, asked))


def _one_document(wanted: GetFoldersForDocument | GetRelatedDocuments) -> GetDocuments:
    return GetDocuments(
        entry_uuids=(wanted.entry_uuid,) if wanted.entry_uuid else (),
        unique_ids=(wanted.unique_id,) if wanted.unique_id else (),
    )


async def _sets(connection: Connection, visit: Visit, wanted: SetFilter) -> tuple[SubmissionSet, ...]:
    return tuple(await search_store.find_sets(connection, visit.key, visit.sight, wanted))


async def _folders(connection: Connection, visit: Visit, wanted: FolderFilter) -> tuple[Folder, ...]:
    return tuple(await search_store.find_folders(connection, visit.key, visit.sight, wanted))


async def links_of(connection: Connection, visit: Visit, uuids: Iterable[str]) -> tuple[Association, ...]:
    """The links from, to or being one of ``uuids`` whose two ends the caller sees."""
    return await visible_links(connection, visit, await search_store.find_associations(connection, visit.key, uuids))


async def visible_links(connection: Connection, visit: Visit, links: Sequence[Association]) -> tuple[Association, ...]:
    """Those of ``links`` whose two ends the caller may see."""
    ends = {end for link in links for end in (link.source, link.target)}
    seen = await _visible_objects(connection, visit, ends)
    others = ends - seen
    if others:
        links_at_ends = await search_store.find_associations(connection, visit.key, others)
        inner = [link for link in links_at_ends if link.entry_uuid in others]
        inner_ends = {end for link in inner for end in (link.source, link.target)}
        seen_inside = await _visible_objects(connection, visit, inner_ends) if inner else set()
        seen |= {link.entry_uuid for link in inner if {link.source, link.target} <= seen_inside}
    return tuple(link for link in links if {link.source, link.target} <= seen)


async def _visible_objects(connection: Connection, visit: Visit, uuids: set[str]) -> set[str]:
    if not uuids:
        return set()
    names, sight = tuple(uuids), visit.sight
    entries = await search_store.find_uuids(connection, visit.key, sight, names)
    sets = await search_store.find_sets(connection, visit.key, sight, SetFilter(entry_uuids=names))
    folders = await search_store.find_folders(connection, visit.key, sight, FolderFilter(entry_uuids=names))
    return entries | {one.entry_uuid for one in sets} | {one.entry_uuid for one in folders}


async def _set_and_contents(
    connection: Connection, visit: Visit, wanted: GetSubmissionSetAndContents
) -> RegistryObjects:
    asked = SetFilter(
        entry_uuids=(wanted.entry_uuid,) if wanted.entry_uuid else (),
        unique_ids=(wanted.unique_id,) if wanted.unique_id else (),
    )
    sets = await _sets(connection, visit, asked) if asked != SetFilter() else ()
    return await _with_contents(connection, visit, RegistryObjects(submission_sets=sets), wanted.filter)


async def _folder_and_contents(connection: Connection, visit: Visit, wanted: GetFolderAndContents) -> RegistryObjects:
    asked = FolderFilter(
        entry_uuids=(wanted.entry_uuid,) if wanted.entry_uuid else (),
        unique_ids=(wanted.unique_id,) if wanted.unique_id else (),
    )
    folders = await _folders(connection, visit, asked) if asked != FolderFilter() else ()
    return await _with_contents(connection, visit, RegistryObjects(folders=folders), wanted.filter)


async def _with_contents(
    connection: Connection, visit: Visit, found: RegistryObjects, wanted: DocumentFilter
) -> RegistryObjects:
    """``found`` with the members of its set or folder, and the links among all of them."""
    owners = {one.entry_uuid for one in (*found.submission_sets,)} | {one.entry_uuid for one in found.folders}
    if not owners:
        return RegistryObjects()
    links = await links_of(connection, visit, owners)
    members = tuple({link.target for link in links if link.type is A.HAS_MEMBER and link.source in owners})
    if not members:
        return found
    asked = msgspec.structs.replace(wanted, entry_uuids=members)
    documents = tuple(await search_store.find_entries(connection, visit.key, visit.sight, asked))
    inside = await _folders(connection, visit, FolderFilter(entry_uuids=members))
    folders = (*found.folders, *inside)
    if inside:
        more = await links_of(connection, visit, [one.entry_uuid for one in inside])
        links = tuple({link.entry_uuid: link for link in (*links, *more)}.values())
    kept = owners | {one.entry_uuid for one in documents} | {one.entry_uuid for one in folders}
    kept |= {link.entry_uuid for link in links if {link.source, link.target} <= kept}
    return RegistryObjects(
        submission_sets=found.submission_sets,
        documents=documents,
        folders=folders,
        associations=tuple(link for link in links if {link.source, link.target} <= kept),
    )


async def _related(connection: Connection, visit: Visit, wanted: GetRelatedDocuments) -> RegistryObjects:
    documents = await _by_ids(connection, visit, _one_document(wanted))
    own = {one.entry_uuid for one in documents}
    links = [one for one in await links_of(connection, visit, own) if one.type in wanted.association_types]
    ends = {end for link in links for end in (link.source, link.target)} - own
    others = await _by_ids(connection, visit, GetDocuments(entry_uuids=tuple(ends))) if ends else ()
    kept = own | {one.entry_uuid for one in others}
    links = [one for one in links if {one.source, one.target} <= kept]
    if not links:
        return RegistryObjects()
    return RegistryObjects(documents=(*documents, *others), associations=tuple(links))


async def _everything(connection: Connection, visit: Visit, wanted: GetAll) -> RegistryObjects:
    found = await search_store.find_entries(connection, visit.key, visit.sight, wanted.documents)
    documents = _bounded(found)
    sets = await _sets(connection, visit, wanted.sets)
    folders = await _folders(connection, visit, wanted.folders)
    kept = {one.entry_uuid for one in documents} | {one.entry_uuid for one in sets}
    kept |= {one.entry_uuid for one in folders}
    links = await search_store.find_all_associations(connection, visit.key)
    kept |= {one.entry_uuid for one in links if {one.source, one.target} <= kept}
    return RegistryObjects(
        submission_sets=sets,
        documents=documents,
        folders=folders,
        associations=tuple(one for one in links if {one.source, one.target} <= kept),
    )


def _normal(uuid: str) -> str:
    parsed = to_uuid(uuid)
    return to_urn(parsed) if parsed else uuid


def _bounded(documents: list[DocumentEntry]) -> tuple[DocumentEntry, ...]:
    if len(documents) >= search_store.MAX_RESULTS:
        raise InvalidContent(
            "XDSTooManyResults",
            Text(
                f"La réponse dépasse {search_store.MAX_RESULTS} documents.",
                f"The answer is over {search_store.MAX_RESULTS} documents.",
            ),
            remedy=Text("Ajoutez des dates ou des types à la recherche.", "Add dates or types to the query."),
            requirement="IHE ITI TF-3 table 4.2.4.1-2",
        )
    return tuple(documents)
