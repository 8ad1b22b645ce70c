"""Writes, changes and moves registry objects, and gives back values of the domain. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from socle.platform.database import Connection, Queries
from socle.services.dmp.keys import code_tokens, entry_tokens, locator, to_uuid, token, type_key
from socle.services.dmp.rules import DocumentFacts, Sight
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import Association, DocumentEntry, Folder, Status, SubmissionSet
from socle.standards.xds.validation import dtm_floor

QUERIES: Final = Queries("socle.services.dmp")

_ENTRY = msgspec.msgpack.Decoder(DocumentEntry)
_SET = msgspec.msgpack.Decoder(SubmissionSet)
_FOLDER = msgspec.msgpack.Decoder(Folder)
_encode = msgspec.msgpack.encode

#: Statuses as the tables hold them: the last part of the URN.
SHORT: Final = {status: status.value.rpartition(":")[2] for status in Status}
_STATUS = {short: status for status, short in SHORT.items()}
_NO_UUID: Final = UUID(int=0)

#: A whole row of a table of registry objects, by column.
Row: TypeAlias = Mapping[str, object]


class StoredEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a document as it is stored: its metadata, and what only the registry knows."""

    entry: DocumentEntry
    facts: DocumentFacts
    uuid: UUID
    logical_id: UUID
    lineage: UUID
    is_latest: bool
    registered_at: datetime
    submission_set: UUID
    object_address: str
    type_token: int
    verdict: bytes | None = None


async def claim(connection: Connection, patient_key: UUID, identifiers: Iterable[str]) -> set[str]:
    """Takes ``identifiers`` for the patient and returns those that were taken already (by anyone).

    Waits for a transaction under way that takes the same.
    """
    by_locator = {locator(identifier): identifier for identifier in identifiers}
    rows = await QUERIES["claim_locators"].rows(connection, patient_key=patient_key, locators=list(by_locator))
    free = {row["locator"] for row in rows}
    return {identifier for key, identifier in by_locator.items() if key not in free}


async def find_owners(connection: Connection, identifiers: Iterable[str]) -> set[UUID]:
    """The patient keys under which ``identifiers`` are registered."""
    rows = await QUERIES["find_locators"].rows(connection, locators=[locator(text) for text in identifiers])
    return {row["patient_key"] for row in rows}


async def add_objects(
    connection: Connection,
    patient_key: UUID,
    *,
    sets: Sequence[Row],
    entries: Sequence[Row] = (),
    folders: Sequence[Row] = (),
    associations: Sequence[Row] = (),
) -> None:
    """Stores all that a submission adds to one record, in one round trip."""
    await QUERIES["add_objects"].execute(
        connection,
        patient_key=patient_key,
        sets=sets,
        entries=entries,
        folders=folders,
        associations=associations,
    )


def set_row(
    patient_key: UUID, submission_set: SubmissionSet, owner_ids: frozenset[str], at: datetime, door: str
) -> Row:
    """A submission set as a row of ``dmp_submission_set``."""
    codes = (submission_set.content_type_code,)
    return {
        "patient_key": patient_key,
        "entry_uuid": to_uuid(submission_set.entry_uuid),
        "unique_id": submission_set.unique_id,
        "status": SHORT[submission_set.status],
        "owner_ids": sorted(owner_ids),
        "tokens": [*code_tokens("content", codes), token("source", submission_set.source_id)],
        "author_person": submission_set.author.person,
        "submission_time": dtm_floor(submission_set.submission_time),
        "title": submission_set.title,
        "registered_at": at,
        "door": door,
        "metadata": _encode(submission_set),
    }


def entry_row(patient_key: UUID, stored: StoredEntry) -> Row:
    """A new, and so the newest, version of a document as a row of ``dmp_entry``."""
    return {
        "patient_key": patient_key,
        "entry_uuid": stored.uuid,
        "logical_id": stored.logical_id,
        "lineage": stored.lineage,
        "unique_id": stored.entry.unique_id,
        "version": stored.entry.version,
        "is_latest": True,
        "status": SHORT[stored.entry.status],
        "visibility": stored.facts.visibility,
        "announced_at": stored.facts.announced_at,
        "owner_ids": sorted(stored.facts.owner_ids),
        "type_token": stored.type_token,
        "tokens": entry_tokens(stored.entry),
        "author_persons": [author.person for author in stored.entry.authors],
        "creation_time": dtm_floor(stored.entry.creation_time) or None,
        "service_start": dtm_floor(stored.entry.service_start_time) or None,
        "service_stop": dtm_floor(stored.entry.service_stop_time) or None,
        "title": stored.entry.title,
        "registered_at": stored.registered_at,
        "submission_set": stored.submission_set,
        "object_address": stored.object_address,
        "metadata": _encode(stored.entry),
        "verdict": stored.verdict,
    }


def folder_row(patient_key: UUID, folder: Folder, owner_ids: frozenset[str], at: datetime) -> Row:
    """A folder as a row of ``dmp_folder``."""
    return {
        "patient_key": patient_key,
        "entry_uuid": to_uuid(folder.entry_uuid),
        "logical_id": to_uuid(folder.logical_id),
        "unique_id": folder.unique_id,
        "status": SHORT[folder.status],
        "owner_ids": sorted(owner_ids),
        "tokens": code_tokens("folder", folder.codes),
        "title": folder.title,
        "registered_at": at,
        "metadata": _encode(folder),
    }


def association_row(patient_key: UUID, association: Association, at: datetime) -> Row:
    """A link as a row of ``dmp_association``."""
    return {
        "patient_key": patient_key,
        "source": to_uuid(association.source),
        "association_uuid": to_uuid(association.entry_uuid),
        "target": to_uuid(association.target),
        "type": association.type.rpartition(":")[2],
        "registered_at": at,
        "metadata": _encode(association),
    }


async def change_entries(connection: Connection, patient_key: UUID, entries: Sequence[StoredEntry]) -> None:
    """Writes what may change in stored versions: status, effective visibility, lineage, whether it is the newest."""
    await QUERIES["change_entry"].execute_many(
        connection,
        [
            {
                "patient_key": patient_key,
                "entry_uuid": stored.uuid,
                "status": SHORT[stored.facts.status],
                "visibility": stored.facts.visibility,
                "announced_at": stored.facts.announced_at,
                "lineage": stored.lineage,
                "is_latest": stored.is_latest,
            }
            for stored in entries
        ],
    )


async def whole_entries(
    connection: Connection,
    patient_key: UUID,
    sight: Sight,
    *,
    entry_uuids: Sequence[str] = (),
    logical_ids: Sequence[str] = (),
    unique_ids: Sequence[str] = (),
) -> list[StoredEntry]:
    """Versions by entry UUID, and newest versions by logical id or uniqueId; those that the caller sees.

    To change them, lock the record first.
    """
    rows = await QUERIES["whole_entries"].rows(
        connection,
        patient_key=patient_key,
        entry_uuids=uuids_or_none(entry_uuids) or [],
        logical_ids=uuids_or_none(logical_ids) or [],
        unique_ids=list(unique_ids),
        **sight_values(sight),
    )
    return [read_entry(row) for row in rows]


async def whole_lineages(connection: Connection, patient_key: UUID, lineages: Iterable[UUID]) -> list[StoredEntry]:
    """All versions of these documents and of those that they replaced."""
    rows = await QUERIES["whole_lineage"].rows(connection, patient_key=patient_key, lineages=list(lineages))
    return [read_entry(row) for row in rows]


def uuids_or_none(values: Sequence[str]) -> list[UUID] | None:
    """The UUIDs of ``values``, none for none; what is no UUID matches nothing."""
    return [to_uuid(value) or _NO_UUID for value in values] if values else None


def sight_values(sight: Sight) -> dict[str, object]:
    """The parameters of ``dmp_sees``."""
    return {
        "now": sight.now,
        "owners": list(sight.owners),
        "types": None if sight.types is None else [token("type", key) for key in sight.types],
        "hidden_by": sight.hidden_by,
        "only_own": sight.only_own,
    }


def entry_of(metadata: bytes, short_status: str) -> DocumentEntry:
    """Stored metadata with the status of its row, which alone may have changed."""
    entry, status = _ENTRY.decode(metadata), _STATUS[short_status]
    return entry if entry.status is status else msgspec.structs.replace(entry, status=status)


def read_metadata(metadata: bytes) -> DocumentEntry:
    """Stored metadata as it was registered."""
    return _ENTRY.decode(metadata)


def read_entry(row: asyncpg.Record) -> StoredEntry:
    """A whole row of ``dmp_entry`` as a value."""
    entry = entry_of(row["metadata"], row["status"])
    return StoredEntry(
        entry=entry,
        facts=DocumentFacts(
            status=entry.status,
            type_key=type_key(entry.type_code),
            visibility=row["visibility"],
            owner_ids=frozenset(row["owner_ids"]),
            announced_at=row["announced_at"],
        ),
        uuid=row["entry_uuid"],
        logical_id=row["logical_id"],
        lineage=row["lineage"],
        is_latest=row["is_latest"],
        registered_at=row["registered_at"],
        submission_set=row["submission_set"],
        object_address=row["object_address"],
        type_token=row["type_token"],
        verdict=row["verdict"],
    )


_TABLES = {
    "entries": "dmp_entry",
    "sets": "dmp_submission_set",
    "folders": "dmp_folder",
    "associations": "dmp_association",
}


def with_patient(table: str, metadata: bytes, ins: Ins) -> bytes:
    """Stored metadata made another patient's; links name none."""
    match table:
        case "entries":
            return _encode(msgspec.structs.replace(_ENTRY.decode(metadata), patient_id=ins))
        case "sets":
            return _encode(msgspec.structs.replace(_SET.decode(metadata), patient_id=ins))
        case "folders":
            return _encode(msgspec.structs.replace(_FOLDER.decode(metadata), patient_id=ins))
        case _:
            return metadata


async def put_rows(connection: Connection, table: str, rows: Sequence[Row]) -> None:
    """Puts whole rows into one of the four tables of registry objects."""
    if rows:
        columns = list(rows[0])
        await connection.copy_records_to_table(
            _TABLES[table], records=[tuple(row[column] for column in columns) for row in rows], columns=columns
        )


async def move_locators(connection: Connection, identifiers: Iterable[str], patient_key: UUID) -> None:
    """Says that ``identifiers`` are now of ``patient_key``."""
    locators = [locator(identifier) for identifier in identifiers]
    await QUERIES["move_locators"].execute(connection, patient_key=patient_key, locators=locators)
