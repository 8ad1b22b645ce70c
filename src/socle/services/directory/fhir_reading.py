"""Reads directory rows for the FHIR API: pages by key, resources by key, resources that refer to others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from asyncpg import Record

from socle.platform.database import Connection, Database
from socle.services.directory import fhir_resources as build
from socle.services.directory import store
from socle.services.directory.domain import Activity, Equipment, HealthcareService, Mailbox, Structure
from socle.services.directory.fhir_search import Collection, Lookup, Words, conditions_of, lookups_of
from socle.services.directory.store import QUERIES
from socle.standards.fhir.resources import AnyResource
from socle.standards.fhir.search import Search

#: Beyond this, an estimated count is not looked into.
_MAX_ESTIMATE = 10_000
#: More words than this, or borne by more people, are not looked up one by one.
_MAX_WORDS = 2_000
_MAX_USES = 5_000


#: Conditions differ from one search to the next: a generic plan would read the whole country, and compiling one takes
#: longer than running it. Rows found by an index are in memory: at the usual cost of a disk's, the keys of a whole
#: country would be walked to find a rare name.
_PLANS = "SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL jit = off; SET LOCAL random_page_cost = 1.1"
#: The statement that finds words of each kind.
_WORDS = {"F": "find_families_within", "G": "find_givens_within", "C": "find_cities_within"}


class After(msgspec.Struct, frozen=True):
    """The last row of a page: its key, and when pages come in the order of changes, when it changed."""

    key: str = ""
    changed_at: datetime | None = None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One page. ``next_after`` is where the next page starts, ``None`` on the last one."""

    resources: list[AnyResource]
    rows: list[Record]
    next_after: After | None
    total: int | None


class Reader:
    """Reads pages and resources, each in one read-only transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(
        self, collection: Collection, search: Search, after: After, total: str, *, by_change: bool = False
    ) -> Found:
        """The page of ``search`` that follows ``after``, in the order of keys, or of changes and keys.

        ``total``: ``none``, ``estimate`` (exact up to ten thousand) or ``accurate``.
        """
        count = None
        async with self._database.transaction(read_only=True) as connection:
            await connection.execute(_PLANS)
            where, values = conditions_of(collection, search, await _look_up(connection, collection, search))
            if total != "none" or search.only_count:
                is_exact = total == "accurate" or search.only_count
                count = await self._count(connection, collection, where, values, is_exact=is_exact)
            if search.only_count:
                return Found(resources=[], rows=[], next_after=None, total=count)
            order, start, values = _order(collection, after, values, by_change=by_change)
            rows = await connection.fetch(
                # The text is made of constants of fhir_search alone; values are parameters.
                f"SELECT * FROM {collection.table} WHERE {where} AND {start} ORDER BY {order} LIMIT ${len(values) + 1}",
                *values,
                search.count + 1,
            )
            has_more = len(rows) > search.count
            rows = rows[: search.count]
            resources = await _build(connection, collection, rows)
        following = None
        if has_more:
            last = rows[-1]
            following = After(last[_column(collection.key)], last[_column(collection.updated)] if by_change else None)
        return Found(resources=resources, rows=rows, next_after=following, total=count)

    async def _count(
        self, connection: Connection, collection: Collection, where: str, values: list[object], *, is_exact: bool
    ) -> int:
        if is_exact:
            sql = f"SELECT count(*) FROM {collection.table} WHERE {where}"
        elif where == "TRUE":
            # The whole table: what its statistics say.
            sql = "SELECT GREATEST(reltuples, 0)::bigint FROM pg_class WHERE relname = $1"
            values = [collection.table.split()[0]]
        else:
            sql = f"SELECT count(*) FROM (SELECT 1 FROM {collection.table} WHERE {where} LIMIT {_MAX_ESTIMATE}) bounded"
        return int(await connection.fetchval(sql, *values) or 0)

    async def read(self, collection: Collection, keys: Sequence[str]) -> list[AnyResource]:
        """The resources of ``keys``, those that exist."""
        if not keys:
            return []
        sql = f"SELECT * FROM {collection.table} WHERE {collection.key} = ANY($1) ORDER BY {collection.key}"
        async with self._database.transaction(read_only=True) as connection:
            rows = await connection.fetch(sql, list(dict.fromkeys(keys)))
            return await _build(connection, collection, rows)

    async def read_referring(self, collection: Collection, name: str, keys: Sequence[str]) -> list[AnyResource]:
        """The resources whose reference ``name`` is one of ``keys``, at most a thousand."""
        column = "id_nat" if name == "practitioner" else "structure"
        sql = f"SELECT * FROM {collection.table} WHERE {column} = ANY($1) ORDER BY {collection.key} LIMIT 1000"
        async with self._database.transaction(read_only=True) as connection:
            return await _build(connection, collection, await connection.fetch(sql, list(keys)))

    def keys_of(self, found: Found, name: str) -> list[str]:
        """The keys to which the reference ``name`` of a page's resources leads."""
        column = {"practitioner": "id_nat", "organization": "structure", "partof": "finess_ej"}[name]
        prefix = "F" if name == "partof" else ""
        return [prefix + row[column] for row in found.rows if row[column]]


def _column(name: str) -> str:
    return name.partition(".")[2]


def _order(
    collection: Collection, after: After, values: list[object], *, by_change: bool
) -> tuple[str, str, list[object]]:
    """ORDER BY, the condition that a page starts after ``after``, and ``values`` with its own."""
    order = f"{collection.updated}, {collection.key}" if by_change else collection.key
    if not after.key:
        return order, "TRUE", values
    place = len(values) + 1
    if after.changed_at is None:
        return order, f"{collection.key} > ${place}", [*values, after.key]
    return order, f"({order}) > (${place}, ${place + 1})", [*values, after.changed_at, after.key]


async def _look_up(connection: Connection, collection: Collection, search: Search) -> Words:
    words: dict[Lookup, Sequence[str] | None] = {}
    for lookup in lookups_of(collection, search):
        rows = await QUERIES[_WORDS[lookup.kind]].rows(connection, part=lookup.part, count=_MAX_WORDS + 1)
        are_few = len(rows) <= _MAX_WORDS and sum(row["uses"] for row in rows) <= _MAX_USES
        words[lookup] = [row["word"] for row in rows] if are_few else None
    return words


async def _build(connection: Connection, collection: Collection, rows: Sequence[Record]) -> list[AnyResource]:
    if not rows:
        return []
    match collection.type:
        case "Practitioner":
            return await _practitioners(connection, rows)
        case "PractitionerRole":
            return await _roles(connection, rows)
        case "Organization":
            boxes = await _boxes(connection, "find_mailboxes_of_structures", [row["id"] for row in rows])
            return [build.organization(store.structure_of(row), boxes[row["id"]], row["updated_at"]) for row in rows]
        case "HealthcareService":
            return [build.healthcare_service(_value(row, HealthcareService), row["updated_at"]) for row in rows]
        case _:
            return [build.device(_value(row, Equipment), row["updated_at"]) for row in rows]


async def _practitioners(connection: Connection, rows: Sequence[Record]) -> list[AnyResource]:
    keys = [row["id_nat"] for row in rows]
    people = await store.find_professionals(connection, rows)
    boxes = await _boxes(connection, "find_full_mailboxes_of_people", keys)
    cards: dict[str, list[Any]] = defaultdict(list)
    for card in await QUERIES["find_smartcards_of_people"].rows(connection, id_nats=keys):
        cards[card["id_nat"]].append(store.smartcard_of(card))
    return [
        build.practitioner(person, boxes[person.id_nat], cards[person.id_nat], row["updated_at"])
        for person, row in zip(people, rows, strict=True)
    ]


async def _roles(connection: Connection, rows: Sequence[Record]) -> list[AnyResource]:
    boxes = await _boxes(connection, "find_full_mailboxes_of_people", [row["id_nat"] for row in rows])
    found: list[AnyResource] = []
    for row in rows:
        structure = row["structure"]
        activity = Activity(
            id=row["id"],
            mode=row["mode"],
            sector=row["sector"],
            pharmacy_section=row["pharmacy_section"],
            role=row["role"],
            genre=row["genre"],
            structure=Structure(id=structure) if structure else None,
        )
        own = [box for box in boxes[row["id_nat"]] if structure and box.structure == structure]
        role = build.practitioner_role(row["id_nat"], activity, own, row["updated_at"], is_active=row["is_active"])
        found.append(role)
    return found


async def _boxes(connection: Connection, statement: str, keys: Sequence[str]) -> dict[str, list[Mailbox]]:
    found: dict[str, list[Mailbox]] = defaultdict(list)
    for row in await QUERIES[statement].rows(connection, keys=list(keys)):
        found[row["holder"]].append(_value(row, Mailbox, type=store.mailbox_type(row)))
    return found


def _value(row: Record, kind: type[Any], **replaced: object) -> Any:
    return kind(**{name: row[name] for name in kind.__struct_fields__} | replaced)
