"""Finds registry objects that a caller sees: what a ``Sight`` hides never leaves the database. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from typing import Final
from uuid import UUID

import asyncpg
import msgspec

from socle.platform.database import Connection
from socle.services.dmp.domain import DocumentFilter, DocumentName, FolderFilter, Interval, SetFilter
from socle.services.dmp.keys import sought_tokens, to_urn, to_uuid, token
from socle.services.dmp.rules import Sight
from socle.services.dmp.store import QUERIES, SHORT, entry_of, sight_values, uuids_or_none
from socle.standards.errors import MalformedInput, Text
from socle.standards.xds.model import Association, DocumentEntry, Folder, Status, SubmissionSet
from socle.standards.xds.validation import dtm_floor

#: Largest answer to one query.
MAX_RESULTS: Final = 10_000
_SET = msgspec.msgpack.Decoder(SubmissionSet)
_FOLDER = msgspec.msgpack.Decoder(Folder)
_ASSOCIATION = msgspec.msgpack.Decoder(Association)


class Place(msgspec.Struct, frozen=True, gc=False):
    """A place in the order of the answers: after which registration, and which object of the same moment."""

    at: datetime
    uuid: UUID


class FoundEntry(msgspec.Struct, frozen=True, gc=False):
    """One version of a document with its place."""

    entry: DocumentEntry
    place: Place


class StoredSet(msgspec.Struct, frozen=True, gc=False):
    """A submission set with its place."""

    submission_set: SubmissionSet
    place: Place


class StoredFolder(msgspec.Struct, frozen=True, gc=False):
    """A folder with its place."""

    folder: Folder
    place: Place


def _entry_values(
    patient_key: UUID, sight: Sight, wanted: DocumentFilter, exclude: DocumentFilter | None
) -> dict[str, object]:
    excluded = [one for group in _document_groups(exclude) for one in group] if exclude else []
    return {
        "patient_key": patient_key,
        "statuses": _statuses(wanted.statuses),
        "latest_only": wanted.latest_only,
        "entry_uuids": uuids_or_none(wanted.entry_uuids),
        "unique_ids": _texts(wanted.unique_ids),
        "logical_ids": uuids_or_none(wanted.logical_ids),
        **_bounds("creation", wanted.creation_time),
        **_bounds("start", wanted.service_start_time),
        **_bounds("stop", wanted.service_stop_time),
        "registered_from": _moment(wanted.registered.start),
        "registered_to": _moment(wanted.registered.end),
        "title": _contains(wanted.title),
        "groups": _arrays(_document_groups(wanted)),
        "excluded": excluded or None,
        "authors": _patterns(wanted.author_persons),
        "related_to": uuids_or_none(wanted.related_to),
        **sight_values(sight),
    }


async def find_entries(
    connection: Connection,
    patient_key: UUID,
    sight: Sight,
    wanted: DocumentFilter,
    exclude: DocumentFilter | None = None,
) -> list[DocumentEntry]:
    """All document versions that match ``wanted`` and not ``exclude``, newest first."""
    rows = await _matching_rows(connection, patient_key, sight, wanted, exclude)
    return [entry_of(row["metadata"], row["status"]) for row in rows]


async def find_contents(
    connection: Connection, patient_key: UUID, sight: Sight, wanted: DocumentFilter
) -> list[tuple[DocumentEntry, str]]:
    """The same, each with the address of its bytes; those without bytes here are left out."""
    rows = await _matching_rows(connection, patient_key, sight, wanted)
    return [(entry_of(row["metadata"], row["status"]), row["object_address"]) for row in rows if row["object_address"]]


async def find_uuids(connection: Connection, patient_key: UUID, sight: Sight, entry_uuids: Sequence[str]) -> set[str]:
    """Those of ``entry_uuids`` that are document versions which the caller sees."""
    wanted = DocumentFilter(entry_uuids=tuple(entry_uuids))
    return {to_urn(row["entry_uuid"]) for row in await _matching_rows(connection, patient_key, sight, wanted)}


async def _matching_rows(
    connection: Connection,
    patient_key: UUID,
    sight: Sight,
    wanted: DocumentFilter,
    exclude: DocumentFilter | None = None,
) -> list[asyncpg.Record]:
    """Rows newest first. They are ordered here: the database would sort the wide rows on disk."""
    rows = await QUERIES["find_entries"].rows(connection, **_entry_values(patient_key, sight, wanted, exclude))
    rows.sort(key=_place, reverse=True)
    return rows


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
    rows = await QUERIES["page_entries"].rows(connection, **values)
    rows.sort(key=_place, reverse=True)
    return [FoundEntry(entry_of(row["metadata"], row["status"]), Place(*_place(row))) for row in rows], _total(rows)


async def find_titles(
    connection: Connection, patient_key: UUID, sight: Sight, unique_ids: Iterable[str]
) -> dict[str, str | None]:
    """Titles of documents by uniqueId, deleted ones included; ``None`` for those that the reader may not know of."""
    rows = await QUERIES["find_titles"].rows(
        connection, patient_key=patient_key, unique_ids=list(unique_ids), **sight_values(sight)
    )
    return {row["unique_id"]: row["title"] for row in rows}


async def list_names(connection: Connection, patient_key: UUID, sight: Sight) -> list[DocumentName]:
    """Names of the current documents that the caller sees, newest first."""
    rows = await QUERIES["list_names"].rows(connection, patient_key=patient_key, **sight_values(sight))
    return [DocumentName(*row) for row in rows]


def _set_values(patient_key: UUID, sight: Sight, wanted: SetFilter) -> dict[str, object]:
    groups = [
        sought_tokens("content", wanted.content_type_codes),
        [token("source", source_id) for source_id in wanted.source_ids],
    ]
    return {
        "patient_key": patient_key,
        "statuses": _statuses(wanted.statuses),
        "entry_uuids": uuids_or_none(wanted.entry_uuids),
        "unique_ids": _texts(wanted.unique_ids),
        **_bounds("time", wanted.submission_time),
        "title": _contains(wanted.title),
        "groups": _arrays([group for group in groups if group]),
        "authors": _patterns(wanted.author_persons),
        **sight_values(sight),
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
        "entry_uuids": uuids_or_none(wanted.entry_uuids),
        "unique_ids": _texts(wanted.unique_ids),
        "logical_ids": uuids_or_none(wanted.logical_ids),
        "title": _contains(wanted.title),
        "groups": _arrays([sought_tokens("folder", codes) for codes in wanted.codes if codes]),
        "updated_from": _moment(wanted.last_update_time.start),
        "updated_to": _moment(wanted.last_update_time.end),
        **sight_values(sight),
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


async def find_memberships(connection: Connection, patient_key: UUID, uuids: Iterable[str]) -> list[Association]:
    """The links by which folders hold ``uuids``, whoever sees them."""
    rows = await QUERIES["find_memberships"].rows(
        connection, patient_key=patient_key, uuids=uuids_or_none(list(uuids)) or []
    )
    return [_ASSOCIATION.decode(row["metadata"]) for row in rows]


async def find_all_associations(connection: Connection, patient_key: UUID) -> list[Association]:
    """Every link of the patient. Whether their ends are visible is not looked at."""
    rows = await QUERIES["find_all_associations"].rows(connection, patient_key=patient_key)
    return [_ASSOCIATION.decode(row["metadata"]) for row in rows]


_place: Final[Callable[[asyncpg.Record], tuple[datetime, UUID]]] = itemgetter("registered_at", "entry_uuid")


def _total(rows: Sequence[asyncpg.Record]) -> int:
    return int(rows[0]["total"]) if rows else 0


def _moment(dtm: str) -> datetime | None:
    floor = dtm_floor(dtm)
    try:
        return datetime.strptime(floor, "%Y%m%d%H%M%S").replace(tzinfo=UTC) if floor else None
    except ValueError as error:
        raise MalformedInput(
            "XDSRegistryError",
            Text("Une date de la requête n'existe pas.", "A date of the query does not exist."),
            remedy=Text("Écrivez AAAA[MM[JJ[hh[mm[ss]]]]] en UTC.", "Write YYYY[MM[DD[hh[mm[ss]]]]] in UTC."),
            requirement="IHE ITI TF-2 §3.18.4.1.2.3",
        ) from error


def _document_groups(wanted: DocumentFilter) -> list[list[int]]:
    groups = [
        sought_tokens("class", wanted.class_codes),
        sought_tokens("type", wanted.type_codes),
        sought_tokens("format", wanted.format_codes),
        sought_tokens("setting", wanted.practice_setting_codes),
        sought_tokens("facility", wanted.facility_codes),
        *(sought_tokens("event", codes) for codes in wanted.event_codes),
        *(sought_tokens("confidentiality", codes) for codes in wanted.confidentiality_codes),
        *([token("reference", text) for text in texts] for texts in wanted.reference_ids),
    ]
    return [group for group in groups if group]


def _arrays(groups: Sequence[Sequence[int]]) -> list[str] | None:
    return ["{" + ",".join(map(str, group)) + "}" for group in groups] or None


def _storable(text: str) -> str:
    """``text`` without the one character that PostgreSQL refuses, so that it simply matches nothing."""
    return text.replace("\x00", "\ufffd")


def _texts(values: Sequence[str]) -> list[str] | None:
    return [_storable(value) for value in values] or None


def _patterns(values: Sequence[str]) -> list[str] | None:
    """``LIKE`` patterns in which a backslash means itself."""
    return [_storable(value).replace("\\", "\\\\") for value in values] or None


def _statuses(statuses: Sequence[Status]) -> list[str] | None:
    return [SHORT[status] for status in statuses] or None


def _contains(text: str) -> str | None:
    escaped = _storable(text).replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%" if text else None


def _bounds(name: str, interval: Interval) -> dict[str, object]:
    start, end = dtm_floor(_storable(interval.start)), dtm_floor(_storable(interval.end))
    return {f"{name}_from": start or None, f"{name}_to": end or None}


def _page_values(after: Place | None, count: int) -> dict[str, object]:
    return {"after_at": after.at if after else None, "after_uuid": after.uuid if after else None, "count": count}
