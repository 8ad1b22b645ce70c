"""ITI-43, ITI-68: documents. One that is hidden and one that does not exist are answered alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from socle.platform.actor import Actor
from socle.platform.audit import Action, Outcome, Subject
from socle.platform.database import Connection
from socle.services.dmp import search_store, store
from socle.services.dmp.context import DmpContext, Visit
from socle.services.dmp.domain import (
    DocumentFilter,
    DocumentRequest,
    Door,
    Function,
    Missing,
    Retrieved,
)
from socle.services.dmp.reading import NOBODY, look_nowhere
from socle.standards.errors import SocleError
from socle.standards.ids.ins import Ins

#: What the trace calls a read by each door.
READS: Final = {Door.XDS: "ITI-43", Door.FHIR: "ITI-68"}


async def retrieve(
    ctx: DmpContext, actor: Actor, requests: Sequence[DocumentRequest], *, patient: Ins | None, door: Door
) -> list[Retrieved | Missing]:
    """One answer for each request, in order. See ``DmpService.retrieve``."""
    named = patient or actor.patient
    ours = ctx.base.settings.repository_unique_id
    wanted = [one.unique_id for one in requests if one.repository_unique_id in {"", ours}]
    found: dict[str, Retrieved] = {}
    for owner, unique_ids in (await _by_owner(ctx, named, wanted)).items():
        try:
            found |= await _retrieve_of(ctx, actor, owner, unique_ids, door)
        except SocleError:
            if named is not None:
                raise
            await look_nowhere(ctx)
    return [
        found.get(one.unique_id) or _missing(one)
        if one.repository_unique_id in {"", ours}
        else _missing(one, "XDSUnknownRepositoryId")
        for one in requests
    ]


async def _by_owner(ctx: DmpContext, named: Ins | None, unique_ids: Sequence[str]) -> dict[Ins | UUID, list[str]]:
    if named is not None:
        return {named: list(unique_ids)} if unique_ids else {}
    groups: dict[Ins | UUID, list[str]] = {}
    async with ctx.base.database.connection() as connection:
        for unique_id in unique_ids:
            owners = await store.find_owners(connection, (unique_id,))
            groups.setdefault(owners.pop() if owners else NOBODY, []).append(unique_id)
    return groups


async def _retrieve_of(
    ctx: DmpContext, actor: Actor, owner: Ins | UUID, unique_ids: list[str], door: Door
) -> dict[str, Retrieved]:
    transaction = READS.get(door, f"{door.value}.read")
    async with (
        ctx.attempt(actor, Action.READ, transaction, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, Function.CONSULT, actor, owner)
        wanted = DocumentFilter(unique_ids=tuple(unique_ids), latest_only=True)
        found = {
            entry.unique_id: Retrieved(entry=entry, content=await ctx.base.objects.get(visit.key, address, connection))
            for entry, address in await search_store.find_contents(connection, visit.key, visit.sight, wanted)
        }
        if found:
            await ctx.tell_of_access(connection, visit)
        await _trace_reads(ctx, connection, visit, list(found), set(unique_ids) - found.keys(), transaction, door)
        return found


async def _trace_reads(
    ctx: DmpContext,
    connection: Connection,
    visit: Visit,
    found: list[str],
    missing: set[str],
    transaction: str,
    door: Door,
) -> None:
    """One trace for each outcome, as ATNA asks."""
    for unique_ids, outcome in ((found, Outcome.SUCCESS), (sorted(missing), Outcome.MINOR_FAILURE)):
        if unique_ids:
            subjects = tuple(Subject("document", unique_id) for unique_id in unique_ids)
            await ctx.trace(connection, visit, Action.READ, transaction, door, subjects, outcome)


def _missing(request: DocumentRequest, code: str = "XDSDocumentUniqueIdError") -> Missing:
    if code == "XDSUnknownRepositoryId":
        reason = (
            "Cet entrepôt n'est pas le nôtre. Donnez le repositoryUniqueId de la fiche (TD3.1).",
            "This repository is not ours. Give the repositoryUniqueId of the entry (TD3.1).",
        )
    else:
        reason = (
            "Il n'y a pas de document de cet identifiant. Cherchez l'uniqueId par TD3.1.",
            "There is no document of this identifier. Look for the uniqueId with TD3.1.",
        )
    return Missing(request=request, code=code, reason_fr=reason[0], reason_en=reason[1])
