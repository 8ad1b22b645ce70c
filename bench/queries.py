"""How long stored queries, searches and lists take in a DMP of many entries, rights and traces included.

    python -m bench.queries [--entries 1000000] [--output bench/results/queries.json]

Loads made-up entries by COPY (100 for each patient, and one patient with 5,000), then asks the service as a doctor and
as a dentist would, with the event loop and the collector of the servers. Prints a table and writes raw figures with the
machine and the date; the CPU time is that of the service, without the database. A million entries take minutes to
load and 3 GB of disk.
"""

from __future__ import annotations

import os
import platform
import random
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import msgspec
import uvloop
from cyclopts import Parameter, run

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.base import Base
from socle.platform.patient_key import patient_key
from socle.platform.settings import Settings
from socle.server.offline import open_offline
from socle.server.process import collect_seldom
from socle.services.dmp import keys, store
from socle.services.dmp.domain import (
    AuthorizationAction,
    DocumentFilter,
    FindDocuments,
    GetDocuments,
    GetDocumentsAndAssociations,
    Interval,
    Page,
)
from socle.services.dmp.keys import to_urn
from socle.services.dmp.rules import DocumentFacts
from socle.services.dmp.service import DmpService
from socle.services.dmp.store import StoredEntry
from socle.services.ins.service import InsService
from socle.standards.ids.ins import OID_NIR_TEST, Ins, key_of
from socle.standards.xds.model import Association, AssociationType, Author, Code, DocumentEntry, Status, SubmissionSet

LOINC = "2.16.840.1.113883.6.1"
TYPES = [Code(code, LOINC, code) for code in ("11488-4", "11502-2", "18748-4", "34112-3", "57833-6", "68599-0")]
PERSON = "810000000001^MARTIN^Claire^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"
PER_PATIENT = 100
LARGE = 5_000
NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def patient(number: int) -> Ins:
    digits = f"2840769{number:06d}"
    return Ins(digits + key_of(digits), OID_NIR_TEST)


def make_entries(ins: Ins, count: int, chance: random.Random) -> Iterator[StoredEntry]:
    for rank in range(count):
        uuid = UUID(int=chance.getrandbits(128), version=4)
        type_code = chance.choice(TYPES)
        at = NOW - timedelta(minutes=chance.randrange(5 * 365 * 24 * 60))
        moment = at.strftime("%Y%m%d%H%M%S")
        entry = DocumentEntry(
            entry_uuid=to_urn(uuid),
            logical_id=to_urn(uuid),
            unique_id=f"2.25.{uuid.int}",
            patient_id=ins,
            class_code=Code("10", "1.2.250.1.213.1.1.4.1", "Compte rendu"),
            type_code=type_code,
            format_code=Code("urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3"),
            healthcare_facility_type_code=Code("SA07", "1.2.250.1.71.4.2.4", "Cabinet individuel"),
            practice_setting_code=Code("AMBULATOIRE", "1.2.250.1.213.1.1.4.9", "Ambulatoire"),
            confidentiality_codes=(Code("N", "2.16.840.1.113883.5.25", "Normal"),),
            creation_time=moment,
            service_start_time=moment,
            language_code="fr-FR",
            mime_type="text/xml",
            authors=(Author(person=PERSON, institutions=("CABINET^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1750000001",)),),
            legal_authenticator=PERSON,
            title=f"Document {rank}",
            source_patient_id=ins.to_cx(),
            source_patient_info=("PID-5|DURAND^Lea^^^^^L", "PID-7|20000115", "PID-8|F"),
            hash="0" * 40,
            size=100_000,
            repository_unique_id="1.2.250.1.213.4.1.1.1.2",
        )
        yield StoredEntry(
            entry=entry,
            facts=DocumentFacts(
                status=Status.APPROVED,
                type_key=keys.type_key(type_code),
                visibility=1 if rank % 20 == 0 else 0,
                owner_ids=frozenset({"810000000001", "structure:1750000001"}),
            ),
            uuid=uuid,
            logical_id=uuid,
            lineage=uuid,
            is_latest=True,
            registered_at=at,
            submission_set=uuid4(),
            object_address="0" * 64,
            type_token=keys.token("type", keys.type_key(type_code)),
        )


async def load_patient(base: Base, ins: Ins, count: int, chance: random.Random) -> list[StoredEntry]:
    """Copies rows of one patient into every table that an ingest writes."""
    key, made = patient_key(ins), list(make_entries(ins, count, chance))
    links, locators, sets = [], [], []
    for one in made:
        link = Association(
            entry_uuid=to_urn(uuid4()),
            type=AssociationType.HAS_MEMBER,
            source=to_urn(one.submission_set),
            target=one.entry.entry_uuid,
            submission_set_status="Original",
        )
        links.append((key, one.submission_set, keys.to_uuid(link.entry_uuid), one.uuid, "HasMember",
                      one.registered_at, msgspec.msgpack.encode(link)))  # fmt: skip
        unique_id = f"2.25.{one.submission_set.int}"
        submission_set = SubmissionSet(
            entry_uuid=to_urn(one.submission_set),
            unique_id=unique_id,
            source_id="1.2.250.1.999",
            patient_id=ins,
            content_type_code=Code("07", "1.2.250.1.213.2.2"),
            submission_time=one.entry.creation_time,
            author=Author(person=PERSON),
        )
        sets.append((key, one.submission_set, unique_id, "Approved", ["810000000001"], [1], PERSON,
                     one.entry.creation_time, "", one.registered_at, "xds",
                     msgspec.msgpack.encode(submission_set)))  # fmt: skip
        locators += [(one.uuid, key), (keys.locator(one.entry.unique_id), key)]
    rows = [
        {
            "patient_key": key, "entry_uuid": one.uuid, "logical_id": one.uuid, "lineage": one.uuid,
            "unique_id": one.entry.unique_id, "version": 1, "is_latest": True, "status": "Approved",
            "visibility": one.facts.visibility, "announced_at": None, "owner_ids": sorted(one.facts.owner_ids),
            "type_token": one.type_token, "tokens": keys.entry_tokens(one.entry), "author_persons": [PERSON],
            "creation_time": one.entry.creation_time, "service_start": one.entry.creation_time,
            "service_stop": None, "title": one.entry.title, "registered_at": one.registered_at,
            "submission_set": one.submission_set, "object_address": one.object_address,
            "metadata": msgspec.msgpack.encode(one.entry), "verdict": None,
        }
        for one in made
    ]  # fmt: skip
    async with base.database.transaction() as connection:
        await store.put_rows(connection, "entries", rows)
        await connection.copy_records_to_table("dmp_association", records=links)
        await connection.copy_records_to_table("dmp_submission_set", records=sets)
        await connection.copy_records_to_table("dmp_locator", records=locators)
    return made


def person(number: int, profession: str) -> Actor:
    return Actor(
        kind=ActorKind.PROFESSIONAL,
        id=f"81000000000{number}",
        name=f"MARTIN {number}",
        authentication=AuthenticationMode.INDIRECTE_RENFORCEE,
        profession=profession,
        structure="1750000001",
    )


async def timed(rounds: int, act: Callable[[int], Awaitable[int]]) -> dict[str, float]:
    """Runs ``act`` for each round and tells the spread of its time; ``act`` returns how many objects it got."""
    taken_ms, cpu_ms, got = [], [], 0
    for number in range(rounds):
        before, cpu_before = time.perf_counter(), time.process_time()
        got += await act(number)
        taken_ms.append((time.perf_counter() - before) * 1000)
        cpu_ms.append((time.process_time() - cpu_before) * 1000)
    taken_ms.sort()
    cpu_ms.sort()
    last = min(int(rounds * 0.99), rounds - 1)
    return {
        "p50_ms": round(taken_ms[rounds // 2], 2),
        "p99_ms": round(taken_ms[last], 2),
        "cpu_p50_ms": round(cpu_ms[rounds // 2], 2),
        "cpu_p99_ms": round(cpu_ms[last], 2),
        "objects": round(got / rounds, 1),
        "rounds": rounds,
    }


async def measure(base: Base, entries: int) -> dict[str, object]:
    dmp = DmpService(base, InsService(base))
    chance = random.Random(1)
    operator = Actor(kind=ActorKind.OPERATOR, id="bench", name="", authentication=AuthenticationMode.OPERATOR)
    patients = [patient(number) for number in range(max(entries // PER_PATIENT, 2))]
    began = time.perf_counter()
    await dmp.load_records(operator, [(ins, None) for ins in patients])
    sample: list[tuple[Ins, StoredEntry]] = []
    for number, ins in enumerate(patients):
        made = await load_patient(base, ins, LARGE if number == 0 else PER_PATIENT, chance)
        if chance.random() < 1000 / len(patients):
            sample.append((ins, chance.choice(made)))
    async with base.database.connection() as connection:
        await connection.execute("VACUUM ANALYZE")
    loaded_s = time.perf_counter() - began
    doctor, dentist = person(2, "10"), person(3, "40")
    for ins in [patients[0], *(ins for ins, _ in sample)]:
        await dmp.set_authorization(doctor, ins, AuthorizationAction.AJOUT)
    await dmp.set_authorization(dentist, patients[0], AuthorizationAction.AJOUT)

    async def find(number: int) -> int:
        wanted = DocumentFilter(
            statuses=(Status.APPROVED,),
            type_codes=tuple(TYPES[:3]),
            service_start_time=Interval(start="20240302"),
        )
        query = FindDocuments(patient=sample[number % len(sample)][0], filter=wanted)
        return len((await dmp.query(doctor, query)).documents)

    async def find_all(number: int) -> int:
        query = FindDocuments(patient=sample[number % len(sample)][0], filter=DocumentFilter())
        return len((await dmp.query(doctor, query)).documents)

    async def by_unique_id(number: int) -> int:
        unique_id = sample[number % len(sample)][1].entry.unique_id
        return len((await dmp.query(doctor, GetDocuments(unique_ids=(unique_id,)))).documents)

    async def with_links(number: int) -> int:
        ins, one = sample[number % len(sample)]
        wanted = GetDocumentsAndAssociations(patient=ins, entry_uuids=(one.entry.entry_uuid,))
        return len((await dmp.query(doctor, wanted)).associations)

    async def list_large(number: int) -> int:
        query = FindDocuments(patient=patients[0], filter=DocumentFilter(statuses=(Status.APPROVED,)))
        return len((await dmp.query(dentist, query)).documents)

    async def first_page(number: int) -> int:
        query = FindDocuments(patient=patients[0], filter=DocumentFilter(statuses=(Status.APPROVED,)))
        return len((await dmp.search(dentist, query, Page(size=50))).objects.documents)

    async def last_page(number: int) -> int:
        wanted = DocumentFilter(statuses=(Status.APPROVED,), registered=Interval(end="20220101"))
        query = FindDocuments(patient=patients[0], filter=wanted)
        return len((await dmp.search(dentist, query, Page(size=50, with_total=False))).objects.documents)

    await find(0)
    collect_seldom()
    return {
        "entries": len(patients) * PER_PATIENT + LARGE - PER_PATIENT,
        "loaded_s": round(loaded_s, 1),
        "ITI-18 FindDocuments, two years and three types": await timed(1000, find),
        "ITI-18 FindDocuments, everything": await timed(1000, find_all),
        "ITI-18 GetDocuments by uniqueId, no patient named": await timed(1000, by_unique_id),
        "ITI-18 GetDocumentsAndAssociations": await timed(1000, with_links),
        "list of a record of 5,000, filtered by rights": await timed(100, list_large),
        "ITI-67 first page of 50 of 5,000 with total": await timed(200, first_page),
        "ITI-67 a page of 50 far down": await timed(200, last_page),
    }


def main(*, entries: Annotated[int, Parameter(help="How many.")] = 1_000_000, output: Path | None = None) -> None:
    """Loads, measures, prints."""
    directory = Path(tempfile.mkdtemp(prefix="socle-bench-"))
    directory.chmod(0o755)

    async def all_of_it() -> dict[str, object]:
        async with open_offline(Settings(data=str(directory))) as base:
            return await measure(base, entries)

    try:
        figures = uvloop.run(all_of_it())
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    for name, figure in figures.items():
        print(f"{name:55} {figure}")
    if output is not None:
        machine = {
            "at": datetime.now(UTC).isoformat(),
            "machine": platform.platform(),
            "python": platform.python_version(),
            "load_average": os.getloadavg(),
        }
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(msgspec.json.format(msgspec.json.encode(machine | figures), indent=2) + b"\n")


if __name__ == "__main__":
    run(main)
