"""Runs the statements of ``queries.sql`` and gives back values of the domain. Decides nothing.

``find_*`` statements take the caller's ``Sight``: what it hides never leaves the database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

import asyncpg
import msgspec

from socle.platform.database import Connection, Queries
from socle.services.dmp.domain import DocumentFilter, FolderFilter, Interval, SetFilter
from socle.services.dmp.rules import DocumentFacts, Sight
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import (
    Association,
    Code,
    DocumentEntry,
    Folder,
    Status,
    SubmissionSet,
)

QUERIES = Queries("socle.services.dmp")

#: Largest answer to one query.
MAX_RESULTS = 10_000
_NO_UUID = UUID(int=0)
_ENTRY = msgspec.msgpack.Decoder(DocumentEntry)
_SET = msgspec.msgpack.Decoder(SubmissionSet)
_FOLDER = msgspec.msgpack.Decoder(Folder)
_ASSOCIATION = msgspec.msgpack.Decoder(Association)
_encode = msgspec.msgpack.encode

_SHORT = {status: status.value.rpartition(":")[2] for status in Status}
_STATUS = {short: status for status, short in _SHORT.items()}


class Place(msgspec.Struct, frozen=True):
    """A place in the order of the answers: after which registration, and which object of the same moment."""

    at: datetime
    uuid: UUID


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


class FoundEntry(msgspec.Struct, frozen=True):
    """One version of a document as an answer needs it."""

    entry: DocumentEntry
    place: Place
    object_address: str


class StoredSet(msgspec.Struct, frozen=True):
    """A submission set with its place."""

    submission_set: SubmissionSet
    place: Place


class StoredFolder(msgspec.Struct, frozen=True):
    """A folder with its place."""

    folder: Folder
    place: Place


# --- identifiers, tokens, times ---


def to_uuid(text: str) -> UUID | None:
    """The UUID of ``urn:uuid:…`` (the prefix may be missing), or ``None``.

    >>> to_uuid("urn:uuid:0a1b2c3d-0000-4000-8000-00000000000a")
    UUID('0a1b2c3d-0000-4000-8000-00000000000a')
    >>> to_uuid("Document01") is None
    True
    """
    try:
        return UUID(text.removeprefix("urn:uuid:"))
    except ValueError:
        return None


def to_urn(uuid: UUID) -> str:
    """``urn:uuid:`` and the UUID."""
    return f"urn:uuid:{uuid}"


def locator(identifier: str) -> UUID:
    """The key of a uniqueId in the locator table; a UUID is its own key."""
    return to_uuid(identifier) or UUID(bytes=hashlib.blake2b(identifier.encode(), digest_size=16).digest())


@lru_cache(maxsize=4096)
def token(kind: str, value: str) -> int:
    """A signed 64-bit hash of ``kind|value``: by it a code is found without its text being indexed."""
    return int.from_bytes(hashlib.blake2b(f"{kind}|{value}".encode(), digest_size=8).digest(), "big", signed=True)


def type_key(code: Code) -> str:
    """``code^^system``, as the matrix writes it."""
    return f"{code.code}^^{code.system}"


def dtm_floor(dtm: str) -> str | None:
    """The first second of ``dtm`` as 14 digits; ``None`` if empty.

    >>> dtm_floor("2026"), dtm_floor("202603020815")
    ('20260101000000', '20260302081500')
    """
    return dtm + "00000101000000"[len(dtm) :] if dtm else None


def _moment(dtm: str) -> datetime | None:
    floor = dtm_floor(dtm)
    return datetime.strptime(floor, "%Y%m%d%H%M%S").replace(tzinfo=UTC) if floor else None


def _code_tokens(kind: str, codes: Iterable[Code]) -> list[int]:
    return [token(kind, text) for code in codes for text in (type_key(code), code.code)]


def _sought(kind: str, codes: Iterable[Code]) -> list[int]:
    return [token(kind, type_key(code) if code.system else code.code) for code in codes]


def _reference_tokens(reference_ids: Iterable[str]) -> list[int]:
    return [token("reference", text) for cxi in reference_ids for text in {cxi, cxi.partition("^")[0]}]


def entry_tokens(entry: DocumentEntry) -> list[int]:
    """The tokens by which ``entry`` is found."""
    return [
        *_code_tokens("class", (entry.class_code,)),
        *_code_tokens("type", (entry.type_code,)),
        *_code_tokens("format", (entry.format_code,)),
        *_code_tokens("setting", (entry.practice_setting_code,)),
        *_code_tokens("facility", (entry.healthcare_facility_type_code,)),
        *_code_tokens("event", entry.event_codes),
        *_code_tokens("confidentiality", entry.confidentiality_codes),
        *_reference_tokens(entry.reference_ids),
    ]


def _document_groups(wanted: DocumentFilter) -> list[list[int]]:
    groups = [
        _sought("class", wanted.class_codes),
        _sought("type", wanted.type_codes),
        _sought("format", wanted.format_codes),
        _sought("setting", wanted.practice_setting_codes),
        _sought("facility", wanted.facility_codes),
        *(_sought("event", codes) for codes in wanted.event_codes),
        *(_sought("confidentiality", codes) for codes in wanted.confidentiality_codes),
        *([token("reference", text) for text in texts] for texts in wanted.reference_ids),
    ]
    return [group for group in groups if group]


def _arrays(groups: Sequence[Sequence[int]]) -> list[str] | None:
    return ["{" + ",".join(map(str, group)) + "}" for group in groups] or None


def _texts(values: Sequence[str]) -> list[str] | None:
    return list(values) or None


def _uuids(values: Sequence[str]) -> list[UUID] | None:
    return [to_uuid(value) or _NO_UUID for value in values] if values else None


def _statuses(statuses: Sequence[Status]) -> list[str] | None:
    return [_SHORT[status] for status in statuses] or None


def _contains(text: str) -> str | None:
    escaped = text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%" if text else None


def _bounds(name: str, interval: Interval) -> dict[str, object]:
    return {f"{name}_from": dtm_floor(interval.start), f"{name}_to": dtm_floor(interval.end)}


def _sight_values(sight: Sight) -> dict[str, object]:
    return {
        "now": sight.now,
        "owners": list(sight.owners),
        "types": None if sight.types is None else [token("type", key) for key in sight.types],
        "hidden_by": sight.hidden_by,
        "only_own": sight.only_own,
    }


def _page_values(after: Place | None, count: int) -> dict[str, object]:
    return {"after_at": after.at if after else None, "after_uuid": after.uuid if after else None, "count": count}


# --- writing ---


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


async def add_set(
    connection: Connection,
    patient_key: UUID,
    submission_set: SubmissionSet,
    owner_ids: frozenset[str],
    at: datetime,
    door: str,
) -> None:
    """Stores a submission set."""
    codes = (submission_set.content_type_code,)
    await QUERIES["add_submission_set"].execute(
        connection,
        patient_key=patient_key,
        entry_uuid=to_uuid(submission_set.entry_uuid),
        unique_id=submission_set.unique_id,
        status=_SHORT[submission_set.status],
        owner_ids=sorted(owner_ids),
        tokens=[*_code_tokens("content", codes), token("source", submission_set.source_id)],
        author_person=submission_set.author.person,
        submission_time=dtm_floor(submission_set.submission_time) or "",
        title=submission_set.title,
        registered_at=at,
        door=door,
        metadata=_encode(submission_set),
    )


async def add_entries(connection: Connection, patient_key: UUID, entries: Sequence[StoredEntry]) -> None:
    """Stores document versions in one round trip."""
    await QUERIES["add_entry"].execute_many(
        connection,
        [
            {
                "patient_key": patient_key,
                "entry_uuid": stored.uuid,
                "logical_id": stored.logical_id,
                "lineage": stored.lineage,
                "unique_id": stored.entry.unique_id,
                "version": stored.entry.version,
                "status": _SHORT[stored.entry.status],
                "visibility": stored.facts.visibility,
                "announced_at": stored.facts.announced_at,
                "owner_ids": sorted(stored.facts.owner_ids),
                "type_token": stored.type_token,
                "tokens": entry_tokens(stored.entry),
                "author_persons": [author.person for author in stored.entry.authors],
                "creation_time": dtm_floor(stored.entry.creation_time),
                "service_start": dtm_floor(stored.entry.service_start_time),
                "service_stop": dtm_floor(stored.entry.service_stop_time),
                "title": stored.entry.title,
                "registered_at": stored.registered_at,
                "submission_set": stored.submission_set,
                "object_address": stored.object_address,
                "metadata": _encode(stored.entry),
                "verdict": stored.verdict,
            }
            for stored in entries
        ],
    )


async def add_folders(
    connection: Connection, patient_key: UUID, folders: Sequence[Folder], owner_ids: frozenset[str], at: datetime
) -> None:
    """Stores folders."""
    await QUERIES["add_folder"].execute_many(
        connection,
        [
            {
                "patient_key": patient_key,
                "entry_uuid": to_uuid(folder.entry_uuid),
                "logical_id": to_uuid(folder.logical_id),
                "unique_id": folder.unique_id,
                "status": _SHORT[folder.status],
                "owner_ids": sorted(owner_ids),
                "tokens": _code_tokens("folder", folder.codes),
                "title": folder.title,
                "registered_at": at,
                "metadata": _encode(folder),
            }
            for folder in folders
        ],
    )


async def add_associations(
    connection: Connection, patient_key: UUID, associations: Sequence[Association], at: datetime
) -> None:
    """Stores links in one round trip."""
    await QUERIES["add_association"].execute_many(
        connection,
        [
            {
                "patient_key": patient_key,
                "source": to_uuid(association.source),
                "association_uuid": to_uuid(association.entry_uuid),
                "target": to_uuid(association.target),
                "type": association.type.rpartition(":")[2],
                "registered_at": at,
                "metadata": _encode(association),
            }
            for association in associations
        ],
    )


async def change_entries(connection: Connection, patient_key: UUID, entries: Sequence[StoredEntry]) -> None:
    """Writes what may change in stored versions: status, effective visibility, lineage, whether it is the newest."""
    await QUERIES["change_entry"].execute_many(
        connection,
        [
            {
                "patient_key": patient_key,
                "entry_uuid": stored.uuid,
                "status": _SHORT[stored.facts.status],
                "visibility": stored.facts.visibility,
                "announced_at": stored.facts.announced_at,
                "lineage": stored.lineage,
                "is_latest": stored.is_latest,
            }
            for stored in entries
        ],
    )


# --- reading ---


async def lock_entries(
    connection: Connection,
    patient_key: UUID,
    sight: Sight,
    *,
    entry_uuids: Sequence[str] = (),
    logical_ids: Sequence[str] = (),
    unique_ids: Sequence[str] = (),
) -> list[StoredEntry]:
    """Versions by entry UUID, and newest versions by logical id or uniqueId, locked; those that the caller sees."""
    rows = await QUERIES["lock_entries"].rows(
        connection,
        patient_key=patient_key,
        entry_uuids=_uuids(entry_uuids) or [],
        logical_ids=_uuids(logical_ids) or [],
        unique_ids=list(unique_ids),
        **_sight_values(sight),
    )
    return [read_entry(row) for row in rows]


async def lock_lineages(connection: Connection, patient_key: UUID, lineages: Iterable[UUID]) -> list[StoredEntry]:
    """All versions of these documents and of those that they replaced, locked."""
    rows = await QUERIES["lock_lineage"].rows(connection, patient_key=patient_key, lineages=list(lineages))
    return [read_entry(row) for row in rows]


def _entry_values(
    patient_key: UUID, sight: Sight, wanted: DocumentFilter, exclude: DocumentFilter | None
) -> dict[str, object]:
    excluded = [one for group in _document_groups(exclude) for one in group] if exclude else []
    return {
        "patient_key": patient_key,
        "statuses": _statuses(wanted.statuses),
        "latest_only": wanted.latest_only,
        "entry_uuids": _uuids(wanted.entry_uuids),
        "unique_ids": _texts(wanted.unique_ids),
        "logical_ids": _uuids(wanted.logical_ids),
        **_bounds("creation", wanted.creation_time),
        **_bounds("start", wanted.service_start_time),
        **_bounds("stop", wanted.service_stop_time),
        "registered_from": _moment(wanted.registered.start),
        "registered_to": _moment(wanted.registered.end),
        "title": _contains(wanted.title),
        "groups": _arrays(_document_groups(wanted)),
        "excluded": excluded or None,
        "authors": _texts(wanted.author_persons),
        "related_to": _uuids(wanted.related_to),
        **_sight_values(sight),
    }


async def find_entries(
    connection: Connection,
    patient_key: UUID,
    sight: Sight,
    wanted: DocumentFilter,
    exclude: DocumentFilter | None = None,
) -> list[FoundEntry]:
    """All document versions that match ``wanted`` and not ``exclude``, newest first; at most ``MAX_RESULTS``."""
    found, _ = await page_entries(connection, patient_key, sight, wanted, exclude, None, MAX_RESULTS)
    return found


async def page_entries(
    connection: Connection,
    patient_key: UUID,
    sight: Sight,
    wanted: DocumentFilter,
    exclude: DocumentFilter | None,
    after: Place | None,
    count: int,
) -> tuple[list[FoundEntry], int]:
    """``count`` of them after a place, and, if there is no place, how many there are in all."""
    values = _entry_values(patient_key, sight, wanted, exclude) | _page_values(after, count)
    rows = await QUERIES["find_entries"].rows(connection, **values)
    rows.sort(key=_place, reverse=True)
    return [
        FoundEntry(_entry(row["metadata"], row["status"]), Place(*_place(row)), row["object_address"]) for row in rows
    ], _total(rows)


async def find_titles(
    connection: Connection, patient_key: UUID, sight: Sight, unique_ids: Iterable[str]
) -> dict[str, str | None]:
    """Titles of documents by uniqueId, deleted ones included; ``None`` for those that the reader may not know of."""
    rows = await QUERIES["find_titles"].rows(
        connection, patient_key=patient_key, unique_ids=list(unique_ids), **_sight_values(sight)
    )
    return {row["unique_id"]: row["title"] for row in rows}


def _set_values(patient_key: UUID, sight: Sight, wanted: SetFilter) -> dict[str, object]:
    groups = [
        _sought("content", wanted.content_type_codes),
        [token("source", source_id) for source_id in wanted.source_ids],
    ]
    return {
        "patient_key": patient_key,
        "statuses": _statuses(wanted.statuses),
        "entry_uuids": _uuids(wanted.entry_uuids),
        "unique_ids": _texts(wanted.unique_ids),
        **_bounds("time", wanted.submission_time),
        "title": _contains(wanted.title),
        "groups": _arrays([group for group in groups if group]),
        "authors": _texts(wanted.author_persons),
        **_sight_values(sight),
    }


async def find_sets(connection: Connection, patient_key: UUID, sight: Sight, wanted: SetFilter) -> list[SubmissionSet]:
    """All submission sets that match ``wanted``, newest first; at most ``MAX_RESULTS``."""
    found, _ = await page_sets(connection, patient_key, sight, wanted, None, MAX_RESULTS)
    return [one.submission_set for one in found]


async def page_sets(
    connection: Connection, patient_key: UUID, sight: Sight, wanted: SetFilter, after: Place | None, count: int
) -> tuple[list[StoredSet], int]:
    """``count`` of them after a place, and, if there is no place, how many there are in all."""
    values = _set_values(patient_key, sight, wanted) | _page_values(after, count)
    rows = await QUERIES["find_sets"].rows(connection, **values)
    return [StoredSet(_SET.decode(row["metadata"]), Place(*_place(row))) for row in rows], _total(rows)


def _folder_values(patient_key: UUID, sight: Sight, wanted: FolderFilter) -> dict[str, object]:
    return {
        "patient_key": patient_key,
        "statuses": _statuses(wanted.statuses),
        "entry_uuids": _uuids(wanted.entry_uuids),
        "unique_ids": _texts(wanted.unique_ids),
        "logical_ids": _uuids(wanted.logical_ids),
        "title": _contains(wanted.title),
        "groups": _arrays([_sought("folder", codes) for codes in wanted.codes if codes]),
        "updated_from": _moment(wanted.last_update_time.start),
        "updated_to": _moment(wanted.last_update_time.end),
        **_sight_values(sight),
    }


async def find_folders(connection: Connection, patient_key: UUID, sight: Sight, wanted: FolderFilter) -> list[Folder]:
    """All folders that match ``wanted``, newest first; ``last_update_time`` counts visible documents alone."""
    found, _ = await page_folders(connection, patient_key, sight, wanted, None, MAX_RESULTS)
    return [one.folder for one in found]


async def page_folders(
    connection: Connection, patient_key: UUID, sight: Sight, wanted: FolderFilter, after: Place | None, count: int
) -> tuple[list[StoredFolder], int]:
    """``count`` of them after a place, and, if there is no place, how many there are in all."""
    values = _folder_values(patient_key, sight, wanted) | _page_values(after, count)
    rows = await QUERIES["find_folders"].rows(connection, **values)
    return [
        StoredFolder(
            msgspec.structs.replace(
                _FOLDER.decode(row["metadata"]), last_update_time=row["updated_at"].strftime("%Y%m%d%H%M%S")
            ),
            Place(*_place(row)),
        )
        for row in rows
    ], _total(rows)


async def find_associations(connection: Connection, patient_key: UUID, uuids: Iterable[str]) -> list[Association]:
    """Links from, to or being one of ``uuids``. Whether their ends are visible is not looked at."""
    wanted = [uuid for text in uuids if (uuid := to_uuid(text)) is not None]
    if not wanted:
        return []
    rows = await QUERIES["find_associations"].rows(connection, patient_key=patient_key, uuids=wanted)
    return [_ASSOCIATION.decode(row["metadata"]) for row in rows]


async def find_all_associations(connection: Connection, patient_key: UUID) -> list[Association]:
    """Every link of the patient. Whether their ends are visible is not looked at."""
    rows = await QUERIES["find_all_associations"].rows(connection, patient_key=patient_key)
    return [_ASSOCIATION.decode(row["metadata"]) for row in rows]


def _place(row: asyncpg.Record) -> tuple[datetime, UUID]:
    return row["registered_at"], row["entry_uuid"]


def _total(rows: Sequence[asyncpg.Record]) -> int:
    return int(rows[0]["total"]) if rows else 0


def _entry(metadata: bytes, short_status: str) -> DocumentEntry:
    """Stored metadata with the status of its row, which alone may have changed."""
    entry, status = _ENTRY.decode(metadata), _STATUS[short_status]
    return entry if entry.status is status else msgspec.structs.replace(entry, status=status)


def read_metadata(metadata: bytes) -> DocumentEntry:
    """Stored metadata as it was registered."""
    return _ENTRY.decode(metadata)


def read_entry(row: asyncpg.Record) -> StoredEntry:
    """A whole row of ``dmp_entry`` as a value."""
    entry = _entry(row["metadata"], row["status"])
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


# --- moving to another record ---

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


async def put_rows(connection: Connection, table: str, rows: Sequence[Mapping[str, object]]) -> None:
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
