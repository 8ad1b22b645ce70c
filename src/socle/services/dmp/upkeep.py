"""What the base itself does with documents: reads them to index them, lists what is stored to verify it.

It is traced under the base's own name. What it reads leaves this service sealed under the patient's key, or not at all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from operator import itemgetter
from typing import Final
from uuid import UUID

import structlog

from socle.platform.audit import Action, AuditEvent, Subject
from socle.platform.database import Connection
from socle.platform.objects import DamagedObject
from socle.services.dmp import store
from socle.services.dmp.context import Attempt, DmpContext
from socle.services.dmp.domain import RecordState, Retrieved, StoredContent
from socle.services.dmp.errors import refusal
from socle.services.dmp.lifecycle import BASE_ACTOR

_BATCH: Final = 1000
_log: Final = structlog.get_logger(__name__)


async def list_to_index(connection: Connection, key: UUID) -> list[str]:
    """The uniqueIds of the current documents of one patient whose bytes the base holds, newest first."""
    rows = await store.QUERIES["list_to_index"].rows(connection, patient_key=key)
    rows.sort(key=itemgetter("registered_at", "entry_uuid"), reverse=True)
    return [row["unique_id"] for row in rows]


async def stamp_to_index(connection: Connection, key: UUID) -> str:
    """A short text that changes whenever what ``list_to_index`` gives does."""
    row = await store.QUERIES["stamp_to_index"].row(connection, patient_key=key)
    assert row is not None
    return str(row["stamp"])


async def hold_record(ctx: DmpContext, connection: Connection, key: UUID) -> None:
    """Locks the record in the caller's transaction. Raises the refusal of an unknown record if it is not open."""
    found = await ctx.look(connection, Attempt(), BASE_ACTOR, key, for_change=True)
    if found is None or found.record.state is not RecordState.ACTIVE:
        raise refusal("record-unknown")


async def read_to_index(ctx: DmpContext, key: UUID, unique_ids: Sequence[str]) -> list[Retrieved]:
    """The latest versions of these documents of one patient, with their bytes, for the base's own index.

    Of one whose object is damaged the bytes are empty: the others are read all the same.
    """
    async with ctx.base.database.transaction() as connection:
        rows = await store.QUERIES["find_latest"].rows(connection, patient_key=key, unique_ids=list(unique_ids))
        entries = [store.read_entry(row) for row in rows]
        subjects = tuple(Subject("document", stored.entry.unique_id) for stored in entries)
        if not subjects:
            return []
        event = AuditEvent(
            actor=BASE_ACTOR,
            action=Action.EXECUTE,
            transaction="index",
            patient_key=key,
            right="base",
            subjects=subjects,
        )
        await ctx.base.audit.record(connection, event)
    found = []
    for stored in entries:
        try:
            content = await ctx.base.objects.get(key, stored.object_address)
        except DamagedObject:
            _log.error("object_damaged", address=stored.object_address)
            content = b""
        found.append(Retrieved(entry=stored.entry, content=content))
    return found


async def stored_contents(ctx: DmpContext) -> AsyncIterator[StoredContent]:
    """Every content to which an entry refers, in order of key."""
    after_patient, after_entry = UUID(int=0), UUID(int=0)
    while True:
        async with ctx.base.database.connection() as connection:
            rows = await store.QUERIES["list_contents"].rows(
                connection, after_patient=after_patient, after_entry=after_entry, count=_BATCH
            )
        if not rows:
            return
        for row in rows:
            after_patient, after_entry = row["patient_key"], row["entry_uuid"]
            entry = store.read_metadata(row["metadata"])
            yield StoredContent(after_patient, row["object_address"], entry.hash, entry.size)


async def is_stored(ctx: DmpContext, key: UUID, address: str) -> bool:
    """Whether some entry of the patient refers to the object."""
    async with ctx.base.database.connection() as connection:
        found = await store.QUERIES["referenced_addresses"].rows(connection, patient_key=key, addresses=[address])
    return bool(found)
