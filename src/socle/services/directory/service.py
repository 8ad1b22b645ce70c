"""The directory's use cases."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from socle.platform.base import Base
from socle.services.directory import store
from socle.services.directory.domain import Imported, Mailbox, Professional, SmartCard, Structure
from socle.services.directory.store import QUERIES

_CACHED_S = 30.0
_CACHED = 20_000


class DirectoryService:
    """Who exercises what and where, and at which secure address."""

    def __init__(self, base: Base) -> None:
        self.base = base
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

    async def sample_professionals(self, count: int = 20) -> list[Professional]:
        """Some active people, for the login page of the sandbox."""
        async with self.base.database.connection() as connection:
            rows = await QUERIES["sample_professionals"].rows(connection, count=count)
        return await self.professionals([row["id_nat"] for row in rows])
