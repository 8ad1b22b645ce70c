"""Directory rows: staged bulk loads by COPY, and the professional put together again."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from asyncpg import Record

from socle.platform.database import Connection, Queries
from socle.services.directory.domain import (
    Activity,
    Exercise,
    Mailbox,
    MailboxType,
    Professional,
    Qualification,
    SmartCard,
    Structure,
    search_key,
)

QUERIES = Queries("socle.services.directory")

_STAGED: Final = ("structure", "professional", "exercise", "situation", "mailbox")
_BATCH = 20_000
#: A whole country is merged by statements that take minutes.
_LONG_S = 3600.0
_STRUCTURE_FIELDS: Final = Structure.__struct_fields__


async def open_stage(connection: Connection) -> None:
    """Temporary tables of the same shape, gone at the end of the transaction."""
    for table in _STAGED:
        await connection.execute(
            f"CREATE TEMP TABLE stage_{table} (LIKE directory_{table} INCLUDING DEFAULTS) ON COMMIT DROP"
        )


async def stage_structures(connection: Connection, structures: Iterable[Structure], now: datetime) -> int:
    """Copies ``structures`` to the stage and returns how many."""
    rows = (
        (
            *(getattr(structure, name) for name in _STRUCTURE_FIELDS),
            search_key(structure.name or structure.sign),
            search_key(structure.city),
            now,
        )
        for structure in structures
    )
    return await _copy(connection, "structure", rows)


async def stage_professionals(
    connection: Connection, professionals: Iterable[Professional], now: datetime
) -> tuple[int, int]:
    """Copies people, exercises and situations to the stage; returns how many people and situations."""
    people = situations = 0
    for batch in _batches(professionals):
        people += await _copy(connection, "professional", (_professional_row(person, now) for person in batch))
        await _copy(connection, "exercise", (row for person in batch for row in _exercise_rows(person)))
        situations += await _copy(
            connection, "situation", (row for person in batch for row in _situation_rows(person, now))
        )
    return people, situations


async def stage_mailboxes(connection: Connection, mailboxes: Iterable[Mailbox], now: datetime) -> int:
    """Copies mailboxes to the stage and returns how many."""
    rows = (
        (
            box.address.lower(),
            box.type.value,
            box.id_nat,
            box.structure,
            box.service,
            box.responsible,
            box.description,
            box.red_list,
            box.rank,
            box.is_paperless,
            True,
            now,
        )
        for box in mailboxes
    )
    return await _copy(connection, "mailbox", rows)


async def merge_stage(connection: Connection, now: datetime, *, is_full: bool) -> None:
    """Merges the stage; ``is_full``: whoever is not in it becomes inactive."""
    for table in _STAGED:
        await connection.execute(f"ANALYZE stage_{table}", timeout=_LONG_S)
    await _merge(connection, "merge_structures")
    await _merge(connection, "merge_professionals")
    await _merge(connection, "touch_people_whose_exercises_change", now=now)
    await _merge(connection, "drop_stale_exercises")
    await _merge(connection, "merge_exercises")
    await _merge(connection, "close_stale_situations", now=now)
    await _merge(connection, "merge_situations")
    await _merge(connection, "merge_mailboxes")
    await _merge(connection, "merge_words")
    if is_full:
        await _merge(connection, "close_absent_professionals", now=now)
        await _merge(connection, "close_absent_situations", now=now)


async def _merge(connection: Connection, name: str, **values: object) -> None:
    query = QUERIES[name]
    await connection.execute(query.sql, *query.arguments(values), timeout=_LONG_S)


async def _copy(connection: Connection, table: str, rows: Iterable[Sequence[object]]) -> int:
    tag = await connection.copy_records_to_table(f"stage_{table}", records=rows, timeout=_LONG_S)
    return int(tag.rpartition(" ")[2])


def _batches(people: Iterable[Professional]) -> Iterator[list[Professional]]:
    iterator = iter(people)
    while batch := list(itertools.islice(iterator, _BATCH)):
        yield batch


def _professional_row(person: Professional, now: datetime) -> tuple[object, ...]:
    return (
        person.id_nat,
        person.rpps,
        person.civility,
        person.family,
        person.given,
        search_key(person.family),
        search_key(person.given),
        msgspec.json.encode(person.qualifications).decode(),
        person.is_active,
        now,
    )


def _exercise_rows(person: Professional) -> Iterator[tuple[object, ...]]:
    for rank, item in enumerate(person.exercises):
        yield (
            person.id_nat,
            rank,
            item.profession,
            item.category,
            item.civility,
            item.family,
            item.given,
            item.skill_type,
            item.skill,
        )


def _situation_rows(person: Professional, now: datetime) -> Iterator[tuple[object, ...]]:
    for rank, exercise in enumerate(person.exercises):
        family, given = search_key(exercise.family or person.family), search_key(exercise.given or person.given)
        for activity in exercise.activities:
            structure = activity.structure
            yield (
                activity.id,
                person.id_nat,
                rank,
                structure.id if structure is not None else "",
                activity.mode,
                activity.sector,
                activity.pharmacy_section,
                activity.role,
                activity.genre,
                exercise.profession,
                exercise.skill,
                family,
                given,
                structure.postal_code if structure is not None else "",
                search_key(structure.city) if structure is not None else "",
                person.is_active,
                now,
            )


async def find_professionals(connection: Connection, rows: Sequence[Record]) -> list[Professional]:
    """The people of ``rows`` (of ``directory_professional``), each with all exercises, in the order of ``rows``."""
    found = await QUERIES["find_exercises"].rows(connection, id_nats=[row["id_nat"] for row in rows])
    by_person: dict[str, dict[int, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for row in found:
        by_person[row["person"]][row["rank"]].append(row)
    return [
        Professional(
            id_nat=row["id_nat"],
            rpps=row["rpps"],
            civility=row["civility"],
            family=row["family"],
            given=row["given"],
            exercises=tuple(_exercise(group) for group in by_person[row["id_nat"]].values()),
            qualifications=msgspec.json.decode(row["qualifications"], type=tuple[Qualification, ...]),
            is_active=row["is_active"],
        )
        for row in rows
    ]


def _exercise(rows: Sequence[Record]) -> Exercise:
    first = rows[0]
    return Exercise(
        profession=first["profession"],
        category=first["exercise_category"],
        civility=first["civility"],
        family=first["family"],
        given=first["given"],
        skill_type=first["skill_type"],
        skill=first["skill"],
        activities=tuple(_activity(row) for row in rows if row["situation"] is not None),
    )


def _activity(row: Record) -> Activity:
    return Activity(
        id=row["situation"],
        mode=row["mode"],
        sector=row["situation_sector"],
        pharmacy_section=row["pharmacy_section"],
        role=row["role"],
        genre=row["genre"],
        structure=structure_of(row) if row["id"] is not None else None,
    )


def structure_of(row: Record) -> Structure:
    """The structure in ``row`` (of ``directory_structure``, possibly joined)."""
    values: dict[str, Any] = {name: row[name] for name in _STRUCTURE_FIELDS}
    return Structure(**values)


def mailbox_of(row: Record) -> Mailbox:
    """The mailbox in ``row``."""
    return Mailbox(**(dict(row) | {"type": MailboxType(row["type"])}))


def mailbox_type(row: Record) -> MailboxType:
    """The type of the mailbox in ``row``."""
    return MailboxType(row["type"])


def smartcard_of(row: Record) -> SmartCard:
    """The card in ``row``."""
    return SmartCard(row["type"], row["number"], row["valid_from"], row["valid_to"])
