"""Search, retrieval and ingest over real HTTP when the base holds few entries, 10,000, and 1,000,000.

    python -m bench.scale [--entries 10000 --entries 1000000]

Each patient asked about has 100 entries (one has 5,000 more); the rest of the entries are other patients'. The same
requests are made at each size, so that lines can be compared: what an ingest, a search, a retrieval costs must not
grow with the number stored. Some minutes and 3 GB of disk for a million.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Annotated

import httpx
from cyclopts import Parameter, run

from bench.measure import Server, keep, now, running, show
from bench.population import TYPES, load, multiply
from bench.traffic import PATIENTS, Call, admit_patients, connect, documents, patient, record, send, sending, timed
from socle.client import AsyncDmp, Criteria, DoorName, XdsDoor
from socle.standards.xds.model import DocumentEntry
from socle.standards.xds.query import QueryId, ReturnType, StoredQuery

_PER_PATIENT = 100
_LARGE = 5_000
_INGESTS, _SEARCHES, _LISTS = 240, 1000, 30
_CLIENTS = 8

_NARROW = Criteria(type_codes=tuple(TYPES[:3]), service_start_from="20240302")


#: Whose record is the large one: it is asked about in rows of its own.
_LARGE_OWNER = PATIENTS - 1


def _find(number: int) -> Call:
    return lambda dmp: dmp.find(patient(number % _LARGE_OWNER), _NARROW)


def _find_all(number: int) -> Call:
    return lambda dmp: dmp.find(patient(number % _LARGE_OWNER))


def _find_large(dmp: AsyncDmp) -> Awaitable[object]:
    return dmp.find(patient(_LARGE_OWNER))


def _stored(query_id: QueryId, entry: DocumentEntry) -> Call:
    query = StoredQuery(
        id=query_id,
        return_type=ReturnType.LEAF_CLASS,
        parameters={"$XDSDocumentEntryUniqueId": ((entry.unique_id,),)},
    )

    async def ask(dmp: object) -> object:
        door = dmp.door  # type: ignore[attr-defined]
        assert isinstance(door, XdsDoor)
        return await door.query(query)

    return ask


def _retrieve(entry: DocumentEntry) -> Call:
    return lambda dmp: dmp.door.retrieve(entry)


async def _sent_entries(server: Server) -> list[DocumentEntry]:
    """An entry with a content for each patient, as the door of XDS tells it."""
    async with httpx.AsyncClient(timeout=60) as http:
        dmp = await connect(server.url, DoorName.XDS, http)
        sent = [await dmp.send(one) for one in documents(PATIENTS)]
        return [
            entry
            for number, one in enumerate(sent)
            if (entry := await dmp.door.locate(one.unique_id, patient(number))) is not None
        ]


async def measure(server: Server, entries: int) -> list[dict[str, object]]:
    """One row for each kind of request, at the size that the base has now."""
    known = await _sent_entries(server)
    rows: list[dict[str, object]] = []

    async def take(door: DoorName, what: str, calls: list[Call], clients: int) -> None:
        requests = await record(server.url, door, calls)
        figures = await timed(server, requests, clients)
        rows.append({"entries": entries, "door": door.value, "what": what} | figures)

    for door in DoorName:
        await send(await record(server.url, door, [sending(one) for one in documents(32)]), 4)
        await take(door, "ingest", [sending(one) for one in documents(_INGESTS)], _CLIENTS)
        for clients in (1, _CLIENTS):
            searches = range(_SEARCHES)
            await take(door, "search (20 of 100)", [_find(number) for number in searches], clients)
        await take(door, "search (all 100)", [_find_all(number) for number in range(_SEARCHES // 4)], 1)
        others = [entry for entry in known if entry.patient_id != patient(_LARGE_OWNER)]
        of_each = [others[number % len(others)] for number in searches]
        if door is DoorName.XDS:
            get, related = QueryId.GET_DOCUMENTS, QueryId.GET_DOCUMENTS_AND_ASSOCIATIONS
            await take(door, "by uniqueId", [_stored(get, one) for one in of_each], 1)
            await take(door, "with links", [_stored(related, one) for one in of_each], 1)
        await take(door, "retrieve", [_retrieve(one) for one in of_each[: _SEARCHES // 2]], _CLIENTS)
    await take(DoorName.XDS, f"search (all {_LARGE})", [_find_large] * _LISTS, 1)
    await take(DoorName.FHIR, f"page of {_LARGE}", [_find_large] * _LISTS, 1)
    return rows


async def _authorize(server: Server) -> None:
    async with httpx.AsyncClient(timeout=60) as http:
        door = (await connect(server.url, DoorName.XDS, http)).door
        assert isinstance(door, XdsDoor)
        for number in range(PATIENTS):
            await door.authorize(patient(number))


async def measure_all(server: Server, sizes: list[int]) -> list[dict[str, object]]:
    """The rows of each size, smallest first."""
    await admit_patients(server.url)
    await _authorize(server)
    rows = await measure(server, 0)
    held = 0
    everyone = [patient(number) for number in range(PATIENTS)]
    for size in sorted(sizes):
        started = now()
        if not held:
            await load(server.settings, dict.fromkeys(everyone, _PER_PATIENT) | {everyone[-1]: _LARGE})
            held = PATIENTS * _PER_PATIENT
        if size > held:
            await multiply(server.settings, everyone[:-1], size // held)
            held = size
        print(f"{size} entries after {now() - started:.0f} s", flush=True)
        rows += await measure(server, size)
    return rows


def main(*, entries: Annotated[list[int], Parameter(help="Sizes.", negative=())] = [10_000, 1_000_000]) -> None:  # noqa: B006
    """Loads, measures, prints, keeps."""
    with running() as server:
        rows = asyncio.run(measure_all(server, entries))
    show("Search, retrieval and ingest as the base grows", rows)
    print(keep("scale", rows))


if __name__ == "__main__":
    run(main)
