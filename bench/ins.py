"""How fast identities load, are found by INS, are searched by traits and verified, on one PostgreSQL.

    python -m bench.ins [--patients 10000] [--output bench/results/ins.json]

Prints a table and writes raw figures with the machine and the date.
"""

from __future__ import annotations

import asyncio
import os
import platform
import random
import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter, run

from socle.platform.base import Base
from socle.platform.settings import Settings
from socle.sandbox.populate import POPULATOR
from socle.sandbox.population import invent_population
from socle.server.offline import open_offline
from socle.services.ins.domain import TraitsQuery
from socle.services.ins.rules import claim_of, qualified_identity
from socle.services.ins.service import InsService


async def measure(base: Base, patients: int, rounds: int) -> dict[str, object]:
    ins = InsService(base)
    started = time.perf_counter()
    population = invent_population(patients, 1)
    invented_s = time.perf_counter() - started
    persons = [patient.person for patient in population.patients]
    started = time.perf_counter()
    await ins.load(POPULATOR, persons)
    loaded_s = time.perf_counter() - started
    chosen = random.Random(1).choices(persons, k=rounds)

    async def timed(act):
        taken_ms = []
        for person in chosen:
            before = time.perf_counter()
            await act(person)
            taken_ms.append((time.perf_counter() - before) * 1000)
        taken_ms.sort()
        return {
            "p50_ms": round(statistics.median(taken_ms), 3),
            "p99_ms": round(taken_ms[int(rounds * 0.99)], 3),
            "per_second": round(1000 / statistics.mean(taken_ms)),
        }

    async def find(person):
        async with base.database.transaction() as connection:
            assert await ins.find(connection, person.ins)

    async def find_alone(person):
        assert await ins.find(kept, person.ins)

    async def search_traits(person):
        traits = person.traits
        query = TraitsQuery(
            birth_name=traits.birth_name,
            given_names=(traits.first_given_name,),
            sex=traits.sex,
            birth_date=traits.birth_date,
        )
        await ins.insi.search_by_traits(POPULATOR, query)

    async def search_letters(person):
        await ins.search(POPULATOR, person.traits.birth_date, person.traits.birth_name[:3])

    async def verify(person):
        assert await ins.insi.verify(POPULATOR, claim_of(qualified_identity(person)))

    async def register(person):
        await ins.register(POPULATOR, person.traits)

    results = {
        "invented_per_second": round(patients / invented_s),
        "loaded_per_second": round(patients / loaded_s),
    }
    async with base.database.transaction() as kept:
        results["find by INS (statement)"] = await timed(find_alone)
    results["find by INS (transaction)"] = await timed(find)
    results["INS2 search by traits, traced"] = await timed(search_traits)
    results["search by first letters, traced"] = await timed(search_letters)
    results["INS3 verification, traced"] = await timed(verify)
    results["register and compare, traced"] = await timed(register)
    return results


def main(
    *,
    patients: int = 10_000,
    rounds: int = 1000,
    output: Annotated[Path, Parameter(name=["--output", "-o"])] = Path("bench/results/ins.json"),
) -> None:
    """Runs the measures on a base of its own."""
    data = Path(tempfile.mkdtemp(prefix="socle-bench-"))

    async def measured() -> dict[str, object]:
        async with open_offline(Settings(data=str(data))) as base:
            return await measure(base, patients, rounds)

    try:
        results = asyncio.run(measured())
    finally:
        shutil.rmtree(data, ignore_errors=True)
    for name, value in results.items():
        print(f"{name:<36}{value}")
    report = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}",
        "load_average": os.getloadavg(),
        "patients": patients,
        "rounds": rounds,
        "results": results,
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(msgspec.json.format(msgspec.json.encode(report)))


if __name__ == "__main__":
    run(main)
