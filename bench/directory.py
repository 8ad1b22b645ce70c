"""Latency of searches for people in a directory of one million professionals.

    python -m bench.directory [--people 1000000] [--searches 1000] [--data FOLDER]

Loads fictitious people into an embedded PostgreSQL, then times searches by name, by name with typing errors, by name,
profession and place, and by profession and place, then those of the FHIR door, a page of fifty resources each.
``--data`` keeps what was loaded for the next run. A busy machine lengthens the tail: CPU time, of client and server
together, tells the work itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path

import httpx
import psutil
from asyncpg import Record
from starlette.applications import Starlette

from bench.measure import keep, percentile, show
from socle.platform.base import Base, open_base
from socle.platform.embedded import EmbeddedPostgres
from socle.platform.migrations import migrate
from socle.platform.settings import Settings
from socle.services.directory.domain import Activity, Exercise, Professional, Structure
from socle.services.directory.fhir import HEADER, PATH, routes
from socle.services.directory.service import SANDBOX_KEY, DirectoryService

MIGRATED_PACKAGES = ("socle.platform", "socle.services.directory")
_ONSETS = "B C D F G L M N P R S T V BR CH CL DR FR GR PL QU TR".split()  # noqa: SIM905
_CORES = ["A", "E", "I", "O", "U", "AI", "AU", "EI", "EU", "OI", "OU", "AN", "EN", "IN", "ON"]
_ENDS = ["", "", "", "L", "R", "S", "T", "ND", "RD", "LLE", "TTE", "UX", "NT"]
_PROFESSIONS = ["10"] * 23 + ["60"] * 60 + ["21"] * 7 + ["70"] * 10 + ["40"] * 4 + ["50"] * 3 + ["91"] * 2
_PLACES = 35_000


class Generator:
    """Names with the frequencies of a country: the commonest family name is borne by one person in 250."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.families = [self._word(2, 4) for _ in range(120_000)]
        self.family_weights = list(accumulate(1 / (rank + 20) ** 0.75 for rank in range(len(self.families))))
        self.givens = [self._word(1, 3) for _ in range(4_000)]
        self.given_weights = list(accumulate(1 / (rank + 5) for rank in range(len(self.givens))))
        draw = self.random.randint
        self.cities = [(f"{draw(1, 95):02d}{draw(0, 999):03d}", self._word(2, 4)) for _ in range(_PLACES)]
        self.city_weights = list(accumulate(1 / (rank + 3) for rank in range(_PLACES)))

    def _word(self, least: int, most: int) -> str:
        draw = self.random.choice
        syllables = self.random.randint(least, most)
        return "".join(draw(_ONSETS) + draw(_CORES) for _ in range(syllables)) + draw(_ENDS)

    def family(self) -> str:
        return self.random.choices(self.families, cum_weights=self.family_weights)[0]

    def given(self) -> str:
        return self.random.choices(self.givens, cum_weights=self.given_weights)[0]

    def city(self) -> tuple[str, str]:
        return self.random.choices(self.cities, cum_weights=self.city_weights)[0]

    def structures(self, count: int) -> list[Structure]:
        found = []
        for number in range(count):
            postal_code, city = self.city()
            found.append(
                Structure(
                    id=f"F{number:09d}",
                    id_nat=f"1{number:09d}",
                    finess=f"{number:09d}",
                    name=f"CABINET {number}",
                    postal_code=postal_code,
                    city=city,
                    sector="SA07",
                )
            )
        return found

    def people(self, count: int, structures: list[Structure]) -> Iterator[Professional]:
        for number in range(count):
            family, given = self.family(), self.given()
            profession = self.random.choice(_PROFESSIONS)
            skill = f"SM{min(74, int(self.random.expovariate(0.1))):02d}" if profession == "10" else ""
            rpps = f"{10_000_000_000 + number}"
            activities = tuple(
                Activity(id=f"{number}-{rank}", mode="L", sector="SA07", structure=self.random.choice(structures))
                for rank in range(1 if self.random.random() < 0.75 else 2)
            )
            yield Professional(
                id_nat="8" + rpps,
                rpps=rpps,
                family=family,
                given=given,
                exercises=(
                    Exercise(profession=profession, skill=skill, family=family, given=given, activities=activities),
                ),
            )

    def misspell(self, word: str) -> str:
        place = self.random.randrange(1, max(2, len(word) - 1))
        kind = self.random.randrange(3)
        if kind == 0:
            return word[:place] + word[place + 1 :]
        if kind == 1:
            return word[:place] + self.random.choice("AEIOURSTN") + word[place:]
        return word[: place - 1] + word[place : place + 1] + word[place - 1 : place] + word[place + 1 :]


def _processor_ms() -> float:
    """Processor time of this process and of PostgreSQL's, so that a busy machine does not change the figure."""
    this = psutil.Process()
    total = 0.0
    for process in (this, *this.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            total += sum(process.cpu_times()[:2])
    return total * 1000


async def load(base: Base, generator: Generator, people: int) -> None:
    """Loads ``people``, unless the base holds some, and leaves it as it is a while after an import."""
    async with base.database.connection() as connection:
        if await connection.fetchval("SELECT EXISTS (SELECT FROM directory_situation)"):
            return
    structures = generator.structures(max(10, people // 4))
    started = time.perf_counter()
    await DirectoryService(base).load(generator.people(people, structures), structures)
    print(f"load {people} people: {time.perf_counter() - started:.0f} s")
    async with base.database.connection() as connection:
        for table in ("structure", "professional", "exercise", "situation", "word"):
            await connection.execute(f"VACUUM ANALYZE directory_{table}", timeout=600)
        await connection.execute("CHECKPOINT", timeout=600)


Make = Callable[[Record], Mapping[str, str]]


async def draw(base: Base, searches: int) -> Sequence[Record]:
    """Situations drawn at random, of which searches are made."""
    async with base.database.connection() as connection:
        lines = await connection.fetchval("SELECT count(*) FROM directory_situation", timeout=600)
        return await connection.fetch(
            "SELECT t.*, s.name_key, s.finess, s.street FROM ("
            f" SELECT * FROM directory_situation TABLESAMPLE BERNOULLI({100 * searches / lines * 1.2:.6f})"
            f" LIMIT {searches}) t JOIN directory_structure s ON s.id = t.structure",
            timeout=600,
        )


async def measure(
    kinds: Mapping[str, Make], sample: Sequence[Record], search: Callable[[Mapping[str, str]], Awaitable[bool]]
) -> list[dict[str, object]]:
    """Times each kind on the whole ``sample``; ``search`` tells whether it found anything."""
    rows: list[dict[str, object]] = []
    for kind, make in kinds.items():
        times, found = [], 0
        before = _processor_ms()
        for row in sample:
            conditions = make(row)
            started = time.perf_counter()
            found += await search(conditions)
            times.append((time.perf_counter() - started) * 1000)
        rows.append(
            {
                "search": kind,
                "p50_ms": percentile(times, 0.5),
                "p99_ms": percentile(times, 0.99),
                "max_ms": max(times),
                "cpu_ms": (_processor_ms() - before) / len(sample),
                "found_percent": 100 * found / len(sample),
            }
        )
    return rows


def kinds_of_service(generator: Generator) -> dict[str, Make]:
    """Searches as the portals and the command line make them."""
    misspell = generator.misspell
    return {
        "family name": lambda row: {"name": row["family_key"]},
        "names": lambda row: {"name": f"{row['given_key']} {row['family_key']}"},
        "names, a typing error": lambda row: {"name": f"{misspell(row['family_key'])} {row['given_key']}"},
        "names, two errors": lambda row: {"name": f"{misspell(row['family_key'])} {misspell(row['given_key'])}"},
        "name, profession, department": lambda row: {
            "name": row["family_key"],
            "profession": row["profession"],
            "place": row["postal_code"][:2],
        },
        "name, commune": lambda row: {"name": row["family_key"], "place": row["city_key"]},
        "first name, commune": lambda row: {"name": row["given_key"], "place": row["city_key"]},
        "beginning of a name, department": lambda row: {"name": row["family_key"][:3], "place": row["postal_code"][:2]},
        "profession, commune": lambda row: {"profession": row["profession"], "place": row["city_key"]},
        "profession, department": lambda row: {"profession": row["profession"], "place": row["postal_code"][:2]},
        "profession, know-how, department": lambda row: {
            "profession": row["profession"],
            "skill": row["skill"],
            "place": row["postal_code"][:2],
        },
    }


#: Searches of the FHIR door; the key ``type`` is the resource's.
FHIR_KINDS: dict[str, Make] = {
    "family": lambda row: {"type": "Practitioner", "family": row["family_key"]},
    "family:exact": lambda row: {"type": "Practitioner", "family:exact": row["family_key"]},
    "family:contains": lambda row: {"type": "Practitioner", "family:contains": row["family_key"][1:5]},
    "given": lambda row: {"type": "Practitioner", "given": row["given_key"]},
    "given, family": lambda row: {"type": "Practitioner", "given": row["given_key"], "family": row["family_key"]},
    "name, three letters": lambda row: {"type": "Practitioner", "name": row["family_key"][:3]},
    "name:contains": lambda row: {"type": "Practitioner", "name:contains": row["family_key"][1:6]},
    "name:contains, two letters": lambda row: {"type": "Practitioner", "name:contains": row["family_key"][1:3]},
    "family, profession": lambda row: {
        "type": "Practitioner",
        "family": row["family_key"],
        "qualification-code": row["profession"],
    },
    "name, one letter, profession": lambda row: {
        "type": "Practitioner",
        "name": row["family_key"][:1],
        "qualification-code": row["profession"],
    },
    "qualification": lambda row: {"type": "Practitioner", "qualification-code": row["skill"] or row["profession"]},
    "identifier": lambda row: {"type": "Practitioner", "identifier": row["id_nat"][1:]},
    "family, exact total": lambda row: {"type": "Practitioner", "family": row["family_key"], "_total": "accurate"},
    "practitioners' count": lambda row: {"type": "Practitioner", "family": row["family_key"], "_summary": "count"},
    "practitioners since a day": lambda _: {"type": "Practitioner", "_lastUpdated": "ge2026-01-01"},
    "practitioners of tomorrow": lambda _: {"type": "Practitioner", "_lastUpdated": "ge2100-01-01"},
    "practitioner, its roles": lambda row: {
        "type": "Practitioner",
        "identifier": row["id_nat"],
        "_revinclude": "PractitionerRole:practitioner",
    },
    "roles of a person, all included": lambda row: {
        "type": "PractitionerRole",
        "practitioner": row["id_nat"],
        "_include": "*",
    },
    "roles of a structure, all included": lambda row: {
        "type": "PractitionerRole",
        "organization": row["structure"],
        "_include": "*",
    },
    "role, fifty people and structures": lambda row: {
        "type": "PractitionerRole",
        "role": row["mode"],
        "_include": "*",
    },
    "roles since a day": lambda _: {"type": "PractitionerRole", "_lastUpdated": "ge2026-01-01"},
    "organization name": lambda row: {"type": "Organization", "name": row["name_key"]},
    "organization name, three letters": lambda row: {"type": "Organization", "name": row["name_key"][:3]},
    "organization name:contains": lambda row: {"type": "Organization", "name:contains": row["name_key"][-5:]},
    "organization identifier": lambda row: {"type": "Organization", "identifier": row["finess"]},
    "address": lambda row: {"type": "Organization", "address": row["city_key"]},
    "address-city": lambda row: {"type": "Organization", "address-city": row["city_key"]},
    "address-city:contains": lambda row: {"type": "Organization", "address-city:contains": row["city_key"][1:5]},
    "address-postalcode": lambda row: {"type": "Organization", "address-postalcode": row["postal_code"]},
    "department, type": lambda row: {
        "type": "Organization",
        "address-postalcode": row["postal_code"][:2],
        "type_": "SA07",
    },
}


def search_of_service(base: Base) -> Callable[[Mapping[str, str]], Awaitable[bool]]:
    """A search as the portals make it."""
    directory = DirectoryService(base)

    async def search(conditions: Mapping[str, str]) -> bool:
        name, *filters = (conditions.get(key, "") for key in ("name", "profession", "skill", "place"))
        return bool(await directory.search(name, profession=filters[0], skill=filters[1], place=filters[2]))

    return search


def search_of_fhir(client: httpx.AsyncClient) -> Callable[[Mapping[str, str]], Awaitable[bool]]:
    """A search through the FHIR door, its page encoded."""

    async def search(conditions: Mapping[str, str]) -> bool:
        query = {name.rstrip("_"): value for name, value in conditions.items() if name != "type"}
        answer = await client.get(f"{PATH}/{conditions['type']}", params=query)
        answer.raise_for_status()
        return b'"entry"' in answer.content or b'"total"' in answer.content

    return search


async def main(people: int, searches: int, folder: Path) -> None:
    server = EmbeddedPostgres(folder / "postgres")
    server.start()
    try:
        await migrate(server.url, MIGRATED_PACKAGES)
        settings = Settings(data=str(folder), database_url=server.url)
        base = await open_base(settings, server.url, lambda: datetime.now(UTC))
        generator = Generator(1)
        await load(base, generator, people)
        sample = await draw(base, searches)
        rows = await measure(kinds_of_service(generator), sample, search_of_service(base))
        door = httpx.ASGITransport(Starlette(routes=routes(DirectoryService(base))))
        async with httpx.AsyncClient(
            transport=door, base_url="http://directory", headers={HEADER: SANDBOX_KEY}
        ) as client:
            rows += await measure(
                {f"FHIR {name}": make for name, make in FHIR_KINDS.items()}, sample, search_of_fhir(client)
            )
        await base.database.close()
    finally:
        server.stop()
    show(f"Directory of {people} people, load {os.getloadavg()[0]:.1f}", rows)
    keep("directory", rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--searches", type=int, default=1000)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="socle-bench-") as own:
        asyncio.run(main(options.people, options.searches, options.data or Path(own)))
