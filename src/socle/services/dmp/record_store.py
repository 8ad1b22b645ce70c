"""Runs the statements on records and rights, and gives back values of the domain. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from socle.platform.actor import Actor
from socle.platform.database import Connection, Queries
from socle.services.dmp import notice_store
from socle.services.dmp.domain import (
    Authorization,
    AuthorizedRecord,
    Block,
    BlockScope,
    CallerRights,
    ClosingReason,
    Holding,
    Mandate,
    MandateKind,
    MandateScope,
    Record,
    RecordSettings,
    RecordState,
)
from socle.services.dmp.keys import locator
from socle.standards.ids.ins import Ins

QUERIES = Queries("socle.services.dmp")


class Found(msgspec.Struct, frozen=True):
    """A record with what it says of one caller. ``version`` changes whenever any of it may have."""

    record: Record
    rights: CallerRights
    version: int


async def lock_record(connection: Connection, patient_key: UUID) -> UUID | None:
    """Makes changes of one record wait for each other; returns into which record it was merged, if it was."""
    row = await QUERIES["lock_record"].row(connection, patient_key=patient_key)
    return None if row is None else row["merged_into"]


async def find_record(connection: Connection, patient_key: UUID, actor: Actor) -> Found | None:
    """The record, and all that it says of ``actor``."""
    row = await QUERIES["find_record_and_rights"].row(
        connection,
        patient_key=patient_key,
        actor_id=actor.id,
        structure=actor.structure,
        ids=[one for one in (actor.id, actor.structure) if one],
    )
    return None if row is None else Found(_record(row), _rights(row), row["rights_version"])


async def rights_version(connection: Connection, patient_key: UUID) -> int:
    """Changes whenever the record or a right on it does."""
    row = await QUERIES["rights_version"].row(connection, patient_key=patient_key)
    return -1 if row is None else int(row["rights_version"])


async def add_record(connection: Connection, record: Record) -> bool:
    """Stores a new record; ``False`` if there is one already."""
    return await QUERIES["add_record"].execute(connection, **_new_record(record)) == 1


async def add_records(connection: Connection, records: Sequence[Record]) -> None:
    """Stores many new records."""
    await QUERIES["add_record"].execute_many(connection, [_new_record(record) for record in records])


async def known_records(connection: Connection, keys: Sequence[UUID]) -> set[UUID]:
    """Those of ``keys`` that have a record."""
    rows = await QUERIES["known_records"].rows(connection, keys=list(keys))
    return {UUID(int=row["patient_key"].int) for row in rows}


def _new_record(record: Record) -> dict[str, object]:
    return {
        "patient_key": record.patient_key,
        "matricule": record.ins.matricule,
        "oid": record.ins.oid,
        "state": record.state.value,
        "birth_date": record.birth_date,
        "settings": msgspec.json.encode(record.settings),
        "informed_at": record.informed_at,
        "opens_after": record.opens_after,
        "opened_at": record.opened_at,
    }


async def change_record(connection: Connection, record: Record) -> None:
    """Writes the state and settings of a record."""
    await QUERIES["change_record"].execute(
        connection,
        patient_key=record.patient_key,
        state=record.state.value,
        birth_date=record.birth_date,
        settings=msgspec.json.encode(record.settings),
        informed_at=record.informed_at,
        opens_after=record.opens_after,
        opened_at=record.opened_at,
        closed_at=record.closed_at,
        closing_reason=record.closing_reason.value if record.closing_reason else None,
        closing_text=record.closing_text,
        destroyed_after=record.destroyed_after,
    )


async def touch_record(connection: Connection, patient_key: UUID) -> None:
    """Says that a right changed: whoever decided on what was before finds out before committing."""
    await QUERIES["touch_record"].execute(connection, patient_key=patient_key)


async def put_authorization(connection: Connection, patient_key: UUID, given: Authorization) -> None:
    """Gives or renews an authorisation."""
    values = msgspec.structs.asdict(given) | {"patient_key": patient_key, "holding": given.holding.value}
    del values["revoked_at"]
    await QUERIES["put_authorization"].execute(connection, **values)


async def list_authorizations(connection: Connection, patient_key: UUID) -> list[Authorization]:
    """All authorisations, revoked ones included, newest first."""
    rows = await QUERIES["list_authorizations"].rows(connection, patient_key=patient_key)
    return [_authorization(row) for row in rows]


async def list_authorized_records(connection: Connection, holder_id: str, now: datetime) -> list[AuthorizedRecord]:
    """The open records that one professional may read, at most 1,000."""
    rows = await QUERIES["list_authorized_records"].rows(connection, holder_id=holder_id, now=now, count=1000)
    return [
        AuthorizedRecord(
            ins=patient_of(row),
            granted_at=row["granted_at"],
            expires_at=row["expires_at"],
            is_medecin_traitant=row["is_medecin_traitant"],
            last_document_at=row["last_document_at"],
        )
        for row in rows
    ]


async def put_block(connection: Connection, patient_key: UUID, block: Block) -> None:
    """Shuts someone out."""
    values = msgspec.structs.asdict(block) | {"holding": block.holding.value, "scope": block.scope.value}
    await QUERIES["put_block"].execute(connection, patient_key=patient_key, **values)


async def list_blocks(connection: Connection, patient_key: UUID) -> list[Block]:
    """The blocks in force, newest first."""
    return [
        Block(
            target_id=row["target_id"],
            holding=Holding(row["holding"]),
            name=row["name"],
            scope=BlockScope(row["scope"]),
            reason=row["reason"],
            blocked_at=row["blocked_at"],
            blocked_by=row["blocked_by"],
        )
        for row in await QUERIES["list_blocks"].rows(connection, patient_key=patient_key)
    ]


async def put_mandate(connection: Connection, patient_key: UUID, mandate: Mandate) -> None:
    """Lets someone act for the holder."""
    await put_mandates(connection, [(patient_key, mandate)])


async def put_mandates(connection: Connection, mandates: Sequence[tuple[UUID, Mandate]]) -> None:
    """Lets people act for holders, many at once."""
    rows = [
        msgspec.structs.asdict(mandate) | {"patient_key": key, "kind": mandate.kind.value, "scope": mandate.scope.value}
        for key, mandate in mandates
    ]
    for row in rows:
        del row["revoked_at"]
    await QUERIES["put_mandate"].execute_many(connection, rows)


async def list_mandates(connection: Connection, patient_key: UUID) -> list[Mandate]:
    """The mandates that were not ended."""
    return [_mandate(row) for row in await QUERIES["list_mandates"].rows(connection, patient_key=patient_key)]


async def list_mandated_records(connection: Connection, agent_id: str) -> list[tuple[Ins, Mandate]]:
    """The records on which one person acts."""
    rows = await QUERIES["list_mandated_records"].rows(connection, agent_id=agent_id)
    return [(patient_of(row), _mandate(row)) for row in rows]


def patient_of(row: asyncpg.Record) -> Ins:
    """The INS of a row of ``dmp_record``."""
    return Ins(row["matricule"], row["oid"])


def _record(row: asyncpg.Record) -> Record:
    return Record(
        patient_key=row["patient_key"],
        ins=patient_of(row),
        state=RecordState(row["state"]),
        birth_date=row["birth_date"],
        settings=msgspec.json.decode(row["settings"], type=RecordSettings),
        informed_at=row["informed_at"],
        opens_after=row["opens_after"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        closing_reason=ClosingReason(row["closing_reason"]) if row["closing_reason"] else None,
        closing_text=row["closing_text"],
        destroyed_after=row["destroyed_after"],
    )


def _rights(row: asyncpg.Record) -> CallerRights:
    return CallerRights(
        is_blocked=row["is_blocked"],
        is_feed_opposed=row["is_feed_opposed"],
        authorization=_authorization(row) if row["holder_id"] else None,
        care_team=Authorization(
            holder_id=row["team_id"],
            holding=Holding.STRUCTURE,
            name=row["team_name"],
            granted_at=row["team_granted_at"],
            expires_at=row["team_expires_at"],
            revoked_at=row["team_revoked_at"],
        )
        if row["team_id"]
        else None,
        mandate=Mandate(
            agent_id=row["agent_id"],
            kind=MandateKind(row["kind"]),
            scope=MandateScope(row["scope"]),
            name=row["agent_name"],
            starts_at=row["starts_at"],
            ends_at=row["ends_at"],
            revoked_at=row["mandate_revoked_at"],
            proof=row["proof"],
        )
        if row["agent_id"]
        else None,
    )


def _authorization(row: asyncpg.Record) -> Authorization:
    return Authorization(
        holder_id=row["holder_id"],
        holding=Holding(row["holding"]),
        name=row["name"],
        profession=row["profession"],
        granted_at=row["granted_at"],
        expires_at=row["expires_at"],
        is_medecin_traitant=row["is_medecin_traitant"],
        is_secret=row["is_secret"],
        revoked_at=row["revoked_at"],
    )


def _mandate(row: asyncpg.Record) -> Mandate:
    return Mandate(
        agent_id=row["agent_id"],
        kind=MandateKind(row["kind"]),
        scope=MandateScope(row["scope"]),
        name=row["name"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        proof=row["proof"],
    )


async def list_medecins_traitants(connection: Connection, patient_key: UUID) -> list[str]:
    """The ids of the record's médecins traitants."""
    rows = await QUERIES["list_medecins_traitants"].rows(connection, patient_key=patient_key)
    return [row["holder_id"] for row in rows]


async def delete_everything(connection: Connection, patient_key: UUID) -> None:
    """Deletes all rows of a patient but the record itself and the traces."""
    rows = await QUERIES["list_identifiers"].rows(connection, patient_key=patient_key)
    locators = [key for row in rows for key in (row["entry_uuid"], locator(row["unique_id"]))]
    await QUERIES["delete_locators"].execute(connection, patient_key=patient_key, locators=locators)
    for name in (
        "delete_entries",
        "delete_sets",
        "delete_folders",
        "delete_associations",
        "delete_authorizations",
        "delete_blocks",
        "delete_mandates",
    ):
        await QUERIES[name].execute(connection, patient_key=patient_key)
    await notice_store.delete_notices(connection, patient_key)


async def records_to_open(connection: Connection, now: datetime, count: int) -> list[Ins]:
    """Whose opt-out period is over."""
    return [patient_of(row) for row in await QUERIES["records_to_open"].rows(connection, now=now, count=count)]


async def records_to_destroy(connection: Connection, now: datetime, count: int) -> list[UUID]:
    """Closed records whose time of keeping is over."""
    rows = await QUERIES["records_to_destroy"].rows(connection, now=now, count=count)
    return [row["patient_key"] for row in rows]


async def awaited_announcements(connection: Connection, now: datetime, count: int) -> list[tuple[UUID, UUID]]:
    """Documents (patient key, logical id) that have waited two weeks for an announcement, not told of yet."""
    rows = await QUERIES["awaited_announcements"].rows(connection, now=now, count=count)
    return [(row["patient_key"], row["logical_id"]) for row in rows]
