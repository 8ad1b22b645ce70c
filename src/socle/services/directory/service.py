"""The directory's use cases."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

import msgspec

from socle.platform.base import Base
from socle.services.directory import extraction, store
from socle.services.directory.domain import (
    Equipment,
    Found,
    HealthcareService,
    Imported,
    Mailbox,
    Professional,
    SmartCard,
    Structure,
)
from socle.services.directory.search import Wanted, search
from socle.services.directory.store import QUERIES
from socle.standards.errors import Conflict, Text

_CACHED_S = 30.0
_CACHED = 20_000
_PAGE = 2_000
#: The key of the FHIR API that every sandbox takes.
SANDBOX_KEY = "bac-a-sable"

#: Called with the number of bytes read so far.
Progress = Callable[[int], None]


def no_progress(_done: int) -> None:
    """Tells nobody."""


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _report(lines: Iterable[extraction.Line], stream: TextIO, progress: Progress) -> Iterator[extraction.Line]:
    for number, line in enumerate(lines):
        if number % 10_000 == 0:
            progress(stream.buffer.tell())
        yield line


class DirectoryService:
    """Who exercises what and where, and at which secure address."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self._keys: dict[bytes, tuple[float, str]] = {}
        self._people: OrderedDict[str, tuple[float, Professional | None]] = OrderedDict()

    async def load(
        self,
        professionals: Iterable[Professional],
        structures: Iterable[Structure] = (),
        mailboxes: Iterable[Mailbox] = (),
        *,
        is_full: bool = False,
    ) -> Imported:
        """Adds or updates people, structures and mailboxes in one transaction.

        People given without one of their former situations lose it (it becomes inactive). ``is_full``: people who are
        not given become inactive. Identifiers must not repeat within one call.
        """
        now = self.base.clock()
        async with self.base.database.transaction() as connection:
            await store.open_stage(connection)
            placed = await store.stage_structures(connection, structures, now)
            people, situations = await store.stage_professionals(connection, professionals, now)
            boxes = await store.stage_mailboxes(connection, mailboxes, now)
            await store.merge_stage(connection, now, is_full=is_full)
        self._people.clear()
        return Imported(
            professionals=people, situations=situations, structures=placed, mailboxes=boxes, finished_at=now
        )

    async def import_people(self, file: Path, *, is_full: bool = True, progress: Progress = no_progress) -> Imported:
        """Loads a ``Personne_activite`` extraction file. Raises ``MalformedInput``; then nothing has changed.

        Lines of one person must stand together, as in the public file. ``progress`` gets the bytes read so far.
        """
        encoding = await asyncio.to_thread(extraction.detect_encoding, file)
        structures: dict[str, Structure] = {}
        now = self.base.clock()
        with file.open(encoding=encoding, newline="") as stream:
            lines = _report(extraction.read_lines(stream, extraction.REQUIRED), stream, progress)
            people = extraction.read_professionals(lines, lambda item: structures.__setitem__(item.id, item))
            async with self.base.database.transaction() as connection:
                await store.open_stage(connection)
                count, situations = await store.stage_professionals(connection, people, now)
                placed = await store.stage_structures(connection, structures.values(), now)
                await store.merge_stage(connection, now, is_full=is_full)
        self._people.clear()
        return Imported(professionals=count, situations=situations, structures=placed, finished_at=now)

    async def import_mailboxes(self, file: Path) -> Imported:
        """Loads an ``Extraction_Correspondance_MSSante`` file. Raises ``MalformedInput``; then nothing has changed."""
        encoding = await asyncio.to_thread(extraction.detect_encoding, file)
        async with self.base.database.connection() as connection:
            rows = await QUERIES["list_structure_numbers"].rows(connection)
        known = {row["number"]: row["id"] for row in rows}
        with file.open(encoding=encoding, newline="") as stream:
            lines = extraction.read_lines(stream, ("Adresse BAL",))
            boxes = {box.address: box for box in extraction.read_mailboxes(lines, lambda n: known.get(n, ""))}
        return await self.load((), (), boxes.values())

    async def export_people(self, file: Path) -> int:
        """Writes the ``Personne_activite`` file of all active people; returns how many lines."""
        count = 0
        with file.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(extraction.header_of(extraction.PERSON_COLUMNS) + "\n")
            after = ""
            while True:
                async with self.base.database.connection() as connection:
                    rows = await QUERIES["page_of_professionals"].rows(connection, after=after, count=_PAGE)
                    people = await store.find_professionals(connection, rows)
                if not rows:
                    return count
                after = rows[-1]["id_nat"]
                for person in people:
                    for line in extraction.write_professional(person):
                        stream.write(line + "\n")
                        count += 1

    async def professional(self, id_nat: str) -> Professional | None:
        """The person with all exercises, active or not; at most thirty seconds old."""
        cached = self._people.get(id_nat)
        if cached is not None and time.monotonic() - cached[0] < _CACHED_S:
            return cached[1]
        async with self.base.database.connection() as connection:
            row = await QUERIES["find_professional"].row(connection, id_nat=id_nat)
            found = (await store.find_professionals(connection, [row]))[0] if row is not None else None
        self._people[id_nat] = (time.monotonic(), found)
        if len(self._people) > _CACHED:
            self._people.popitem(last=False)
        return found

    async def professionals(self, id_nats: Sequence[str]) -> list[Professional]:
        """Those of ``id_nats`` that exist, in that order."""
        found = [await self.professional(id_nat) for id_nat in id_nats]
        return [person for person in found if person is not None]

    async def search(
        self, name: str = "", *, profession: str = "", skill: str = "", place: str = "", count: int = 20
    ) -> list[Found]:
        """People by name (any order, accents and typing errors forgiven), profession, know-how and place.

        ``place`` is a department, a postal code or a commune. Without a name, profession and place are both needed.
        """
        wanted = Wanted(name=name, profession=profession, skill=skill, place=place, count=count)
        async with self.base.database.transaction(read_only=True) as connection:
            return await search(connection, wanted)

    async def structure(self, identifier: str) -> Structure | None:
        """A structure by technical id, Struct_IdNat, FINESS or SIRET."""
        async with self.base.database.connection() as connection:
            row = await QUERIES["find_structure"].row(connection, identifier=identifier)
        return store.structure_of(row) if row is not None else None

    async def mailbox(self, address: str) -> Mailbox | None:
        """An open mailbox, red-listed or not."""
        async with self.base.database.connection() as connection:
            row = await QUERIES["find_mailbox"].row(connection, address=address.lower())
        return store.mailbox_of(row) if row is not None else None

    async def declare_mailboxes(self, mailboxes: Iterable[Mailbox]) -> int:
        """Adds or updates mailboxes as their operator declares them."""
        return (await self.load((), (), mailboxes)).mailboxes

    async def close_mailbox(self, address: str) -> bool:
        """Closes a mailbox; ``False`` if it was not open."""
        async with self.base.database.connection() as connection:
            closed = await QUERIES["close_mailbox"].execute(connection, address=address.lower(), now=self.base.clock())
        return closed > 0

    async def smartcards(self, id_nat: str) -> list[SmartCard]:
        """The cards of a person, the one that lasts longest first."""
        async with self.base.database.connection() as connection:
            rows = await QUERIES["find_smartcards"].rows(connection, id_nat=id_nat)
        return [store.smartcard_of(row) for row in rows]

    async def add_smartcard(self, id_nat: str, card: SmartCard) -> None:
        """Adds a card, or changes its dates."""
        async with self.base.database.connection() as connection:
            await QUERIES["add_smartcard"].execute(
                connection,
                number=card.number,
                type=card.type,
                id_nat=id_nat,
                valid_from=card.valid_from,
                valid_to=card.valid_to,
            )

    async def add_offer(self, services: Iterable[HealthcareService], equipment: Iterable[Equipment] = ()) -> None:
        """Adds or changes authorised activities and heavy equipment of structures."""
        now = {"now": self.base.clock()}
        async with self.base.database.transaction() as connection:
            for name, items in (("add_healthcare_service", services), ("add_equipment", equipment)):
                rows = [msgspec.structs.asdict(item) | now for item in items]
                await QUERIES[name].execute_many(connection, rows)

    async def add_key(self, name: str) -> str:
        """A new key of the FHIR API for the application ``name``, shown once. Raises ``Conflict``."""
        key = secrets.token_urlsafe(24)
        async with self.base.database.connection() as connection:
            added = await QUERIES["add_api_key"].execute(
                connection, key_sha256=_digest(key), name=name, now=self.base.clock()
            )
        if not added:
            raise Conflict("NameTaken", Text("Cette application a déjà une clé.", "It already has a key."))
        return key

    async def name_of_key(self, key: str) -> str | None:
        """The application behind a key, or ``None``. A sandbox also takes the key ``bac-a-sable``."""
        if self.base.settings.is_sandbox and key == SANDBOX_KEY:
            return SANDBOX_KEY
        digest = _digest(key)
        if digest not in self._keys:
            async with self.base.database.connection() as connection:
                row = await QUERIES["find_api_key"].row(connection, key_sha256=digest)
            if row is None:
                return None
            self._keys[digest] = (time.monotonic(), row["name"])
        known_at, name = self._keys[digest]
        if time.monotonic() - known_at > _CACHED_S:
            del self._keys[digest]
        return name

    async def list_keys(self) -> list[str]:
        """The applications that have a key."""
        async with self.base.database.connection() as connection:
            return [row["name"] for row in await QUERIES["list_api_keys"].rows(connection)]

    async def remove_key(self, name: str) -> bool:
        """Takes a key away, within thirty seconds; ``False`` if there was none."""
        async with self.base.database.connection() as connection:
            return await QUERIES["remove_api_key"].execute(connection, name=name) > 0

    async def sample_professionals(self, count: int = 20) -> list[Professional]:
        """Some active people, for the login page of the sandbox."""
        async with self.base.database.connection() as connection:
            rows = await QUERIES["sample_professionals"].rows(connection, count=count)
        return await self.professionals([row["id_nat"] for row in rows])
