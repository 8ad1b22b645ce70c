"""ITI-66, ITI-67: one page of a patient's documents, sets or folders, and the cursor of the next."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from socle.platform.actor import Actor
from socle.platform.audit import Action
from socle.platform.database import Connection
from socle.services.dmp import search_store
from socle.services.dmp.context import DmpContext, Visit
from socle.services.dmp.domain import (
    DocumentFilter,
    DocumentName,
    Door,
    FindDocuments,
    FindFolders,
    FindSubmissionSets,
    FoundPage,
    Function,
    Page,
    PatientQuery,
)
from socle.services.dmp.reading import SEARCHES, A, links_of, trace_search, visible_links
from socle.services.dmp.search_store import Place
from socle.services.dmp.submission import RELATING
from socle.standards.errors import MalformedInput, Text
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import (
    Association,
    RegistryObjects,
)

_LARGEST_PAGE: Final = 5_000


async def search(ctx: DmpContext, actor: Actor, wanted: PatientQuery, page: Page, door: Door) -> FoundPage:
    """One page of a patient query. See ``DmpService.search``."""
    is_of_sets = not isinstance(wanted, FindDocuments)
    transaction = "ITI-66" if door is Door.FHIR and is_of_sets else SEARCHES.get(door, f"{door.value}.search")
    after, total = _read_cursor(page.after)
    size = min(max(page.size, 0), _LARGEST_PAGE)
    async with (
        ctx.attempt(actor, Action.EXECUTE, transaction, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, Function.SEARCH, actor, wanted.patient)
        objects, places, counted = await _find_page(connection, visit, wanted, after, size + 1)
        await ctx.tell_of_access(connection, visit)
        await trace_search(ctx, connection, visit, wanted, transaction, door)
    total = counted if after is None else total
    has_more = len(places) > size > 0
    return FoundPage(
        objects=_first(objects, size),
        total=total if page.with_total else None,
        next=_write_cursor(places[size - 1], total) if has_more else "",
    )


async def list_names(ctx: DmpContext, actor: Actor, ins: Ins, door: Door) -> list[DocumentName]:
    """What a search for all current documents finds, by name alone. See ``DmpService.list_names``."""
    transaction = SEARCHES.get(door, f"{door.value}.search")
    async with (
        ctx.attempt(actor, Action.EXECUTE, transaction, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, Function.SEARCH, actor, ins)
        names = await search_store.list_names(connection, visit.key, visit.sight)
        await ctx.tell_of_access(connection, visit)
        await trace_search(
            ctx, connection, visit, FindDocuments(patient=ins, filter=DocumentFilter()), transaction, door
        )
    return names


async def _find_page(
    connection: Connection, visit: Visit, wanted: PatientQuery, after: Place | None, count: int
) -> tuple[RegistryObjects, list[Place], int]:
    key, sight = visit.key, visit.sight
    if isinstance(wanted, FindSubmissionSets):
        sets, total = await search_store.page_sets(connection, key, sight, wanted.filter, after, count)
        found = tuple(one.submission_set for one in sets)
        links = await links_of(connection, visit, [one.entry_uuid for one in found])
        return RegistryObjects(submission_sets=found, associations=links), [one.place for one in sets], total
    if isinstance(wanted, FindFolders):
        folders, total = await search_store.page_folders(connection, key, sight, wanted.filter, after, count)
        held = tuple(one.folder for one in folders)
        links = await links_of(connection, visit, [one.entry_uuid for one in held])
        return RegistryObjects(folders=held, associations=links), [one.place for one in folders], total
    entries, total = await search_store.page_entries(
        connection, key, sight, wanted.filter, wanted.exclude, after, count
    )
    documents = tuple(one.entry for one in entries)
    links = await _relations(connection, visit, [one.entry_uuid for one in documents])
    return RegistryObjects(documents=documents, associations=links), [one.place for one in entries], total


async def _relations(connection: Connection, visit: Visit, uuids: Sequence[str]) -> tuple[Association, ...]:
    """The links by which documents of a page replace, complete, transform or sign others."""
    own = set(uuids)
    links = await search_store.find_associations(connection, visit.key, uuids)
    kept = [one for one in links if one.source in own and one.type in RELATING | {A.SIGNS}]
    return await visible_links(connection, visit, kept) if kept else ()


def _first(objects: RegistryObjects, size: int) -> RegistryObjects:
    return msgspec.structs.replace(
        objects,
        submission_sets=objects.submission_sets[:size],
        documents=objects.documents[:size],
        folders=objects.folders[:size],
    )


def _write_cursor(place: Place, total: int | None) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((place.at, place.uuid, total))).decode().rstrip("=")


def _read_cursor(text: str) -> tuple[Place | None, int | None]:
    if not text:
        return None, None
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        at, uuid, total = msgspec.json.decode(raw, type=tuple[datetime, UUID, int | None])
    except (ValueError, msgspec.DecodeError) as error:
        raise MalformedInput(
            "InvalidPage",
            Text("Cette page n'existe pas.", "There is no such page."),
            remedy=Text("Suivez le lien « next » de la réponse.", "Follow the “next” link of the answer."),
        ) from error
    return Place(at, uuid), total
