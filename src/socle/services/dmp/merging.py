"""Two identities become one, or come apart again: every object of a record goes to another, none is lost.

Contents are encrypted again under the other record's key before the transaction that moves the rows. That one
transaction moves everything or nothing, so at any instant each document is in exactly one record. It appends its traces
before it moves: from then on a feed under way has committed, and is moved, or finds out and is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import msgspec

from socle.platform.audit import Action, AuditEvent, Subject
from socle.platform.database import Connection
from socle.platform.patient_key import patient_key
from socle.services.dmp import notice_store, record_store, store
from socle.services.dmp.context import Attempt, DmpContext, birth_date_of
from socle.services.dmp.domain import ClosingReason, Door, Record, RecordState
from socle.services.dmp.lifecycle import BASE_ACTOR
from socle.services.ins.domain import Merge
from socle.standards.ids.ins import Ins

#: Under which kind the INS service keeps what a merge moved.
MOVED = "dmp"
_LIVING = frozenset({RecordState.ACTIVE, RecordState.CLOSED})


async def merge(ctx: DmpContext, request: Merge) -> int:
    """Moves all of the absorbed record to the survivor's and closes it as a duplicate; returns how many documents.

    The survivor's record is made if it does not exist. Blocks come along; authorisations, mandates and the addresses to
    which notices go do not: they were given for another identity. The addresses are forgotten. Run again, it moves what
    has come since: nothing, usually.
    """
    source, target = patient_key(request.absorbed), patient_key(request.survivor)
    copied = await _copy_contents(ctx, source, target, None)
    async with ctx.base.database.transaction() as connection:
        absorbed, survivor = await _lock_both(ctx, connection, request.absorbed, request.survivor)
        if absorbed is None or absorbed.state not in _LIVING:
            return 0
        if survivor is None or survivor.state not in _LIVING:
            survivor = await _like(ctx, connection, absorbed, request.survivor)
        await record_store.change_record(connection, _closed_as_duplicate(ctx, absorbed))
        await record_store.touch_record(connection, target)
        await _trace(ctx, connection, (source, target), "dmp.merge", request)
        copied |= await _copy_contents(ctx, source, target, copied.keys(), connection)
        moved = await _move(connection, source, request.survivor, copied, None)
        for move in ctx.moved_with:
            moved += await move(connection, source, target, None)
        await notice_store.delete_contacts(connection, source)
        await record_store.QUERIES["copy_blocks"].execute(connection, patient_key=source, target=target)
        await record_store.QUERIES["mark_merged"].execute(connection, patient_key=source, target=target)
        await ctx.identities.note_moved(connection, request, MOVED, moved)
        return len(copied)


async def unmerge(ctx: DmpContext, request: Merge) -> int:
    """Takes back exactly what ``request`` moved, and opens the absorbed record again; returns how many documents."""
    source, target = patient_key(request.survivor), patient_key(request.absorbed)
    async with ctx.base.database.transaction() as connection:
        survivor, absorbed = await _lock_both(ctx, connection, request.survivor, request.absorbed)
        if survivor is None or absorbed is None:
            return 0
        names = set(await ctx.identities.take_moved(connection, request, MOVED))
        if not names:
            return 0
        await record_store.touch_record(connection, source)
        await _trace(ctx, connection, (source, target), "dmp.unmerge", request)
        copied = await _copy_contents(ctx, source, target, (), connection, names)
        await _move(connection, source, request.absorbed, copied, names)
        for move in ctx.moved_with:
            await move(connection, source, target, names)
        opened = msgspec.structs.replace(
            absorbed,
            state=RecordState.ACTIVE,
            closed_at=None,
            closing_reason=None,
            closing_text="",
            destroyed_after=None,
        )
        await record_store.change_record(connection, opened)
        await record_store.QUERIES["mark_merged"].execute(connection, patient_key=target, target=None)
        return len(copied)


async def _lock_both(
    ctx: DmpContext, connection: Connection, first: Ins, second: Ins
) -> tuple[Record | None, Record | None]:
    """Both records, locked in one order whichever is which."""
    found: dict[Ins, Record | None] = {}
    for ins in sorted((first, second), key=patient_key):
        known = await ctx.look(connection, Attempt(), BASE_ACTOR, ins, for_change=True)
        found[ins] = known.record if known else None
    return found[first], found[second]


async def _like(ctx: DmpContext, connection: Connection, absorbed: Record, ins: Ins) -> Record:
    """The survivor's record in the state of the absorbed one, with its settings."""
    identity = await ctx.identities.find(connection, ins)
    record = msgspec.structs.replace(
        absorbed,
        patient_key=patient_key(ins),
        ins=ins,
        birth_date=birth_date_of(identity) if identity else absorbed.birth_date,
    )
    await record_store.add_record(connection, record)
    await record_store.change_record(connection, record)
    return record


def _closed_as_duplicate(ctx: DmpContext, record: Record) -> Record:
    return msgspec.structs.replace(
        record,
        state=RecordState.CLOSED,
        closed_at=ctx.base.clock(),
        closing_reason=ClosingReason.DUPLICATE,
        closing_text="",
        destroyed_after=None,
    )


async def _copy_contents(
    ctx: DmpContext,
    source: UUID,
    target: UUID,
    done: Collection[UUID] | None,
    connection: Connection | None = None,
    names: Collection[str] | None = None,
) -> dict[UUID, str]:
    """Encrypts contents of ``source`` under ``target``'s key; their new addresses by entry. ``done`` are left out."""
    if connection is None:
        async with ctx.base.database.connection() as own:
            rows = await store.QUERIES["find_addresses"].rows(own, patient_key=source)
    else:
        rows = await store.QUERIES["find_addresses"].rows(connection, patient_key=source)
    copied: dict[UUID, str] = {}
    by_address: dict[str, str] = {}
    for row in rows:
        uuid, address = UUID(int=row["entry_uuid"].int), row["object_address"]
        if (done and uuid in done) or (names is not None and str(uuid) not in names):
            continue
        if address and address not in by_address:
            content = await ctx.base.objects.get(source, address, connection)
            by_address[address] = await ctx.base.objects.put(target, content)
        copied[uuid] = by_address.get(address, "")
    return copied


async def _move(
    connection: Connection, source: UUID, ins: Ins, addresses: dict[UUID, str], names: set[str] | None
) -> list[str]:
    """Moves rows from ``source`` to the record of ``ins``: all, or those whose UUID is in ``names``; what was moved."""
    target = patient_key(ins)
    moved: list[str] = []
    for table in ("entries", "sets", "folders", "associations"):
        rows = await store.QUERIES[f"take_{table}"].rows(connection, patient_key=source)
        taken = [dict(row) for row in rows]
        kept = [row for row in taken if names is None or _name(row) in names]
        back = [row for row in taken if names is not None and _name(row) not in names]
        for row in kept:
            row["patient_key"] = target
            row["metadata"] = store.with_patient(table, row["metadata"], ins)
            if table == "entries":
                row["object_address"] = addresses[UUID(int=row["entry_uuid"].int)]
        await store.put_rows(connection, table, kept + back)
        moved += [_name(row) for row in kept]
        if table != "associations":
            identifiers = [one for row in kept for one in (str(row["entry_uuid"]), row["unique_id"])]
            await store.move_locators(connection, identifiers, target)
    return moved


def _name(row: Mapping[str, object]) -> str:
    return str(row.get("entry_uuid") or row["association_uuid"])


async def _trace(
    ctx: DmpContext, connection: Connection, keys: Sequence[UUID], transaction: str, request: Merge
) -> None:
    events = [
        AuditEvent(
            actor=BASE_ACTOR,
            action=Action.UPDATE,
            transaction=transaction,
            patient_key=key,
            right=request.reason.value,
            subjects=(Subject("merge", str(request.id)),),
            detail=Door.JOB.value,
        )
        for key in sorted(keys)
    ]
    await ctx.base.audit.record(connection, *events)
