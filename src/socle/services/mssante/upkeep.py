"""The operator's daily work: unused boxes are warned, suspended, closed; what is past its time is forgotten.

Also what the operator looks at: the queue, the traces, the quarantine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time
from uuid import UUID, uuid4

from socle.platform.audit import BEGINNING, END, Action
from socle.platform.base import Base
from socle.services.mssante.boxes import BASE_ACTOR, Boxes
from socle.services.mssante.domain import Mailbox, MailboxState, StoredContent
from socle.services.mssante.life_cycle import Delays, Warning, due_step, due_warning
from socle.services.mssante.post_office import PostOffice
from socle.services.mssante.store import QUERIES, Trace, add_traces, mailbox_of
from socle.standards.mail.address import Address, parse_address
from socle.standards.mail.compose import Letter, compose
from socle.standards.mail.read import Correspondent

_PAGE = 500


class Upkeep:
    """What recurs, and what the operator sees."""

    def __init__(self, base: Base, boxes: Boxes, office: PostOffice, delays: Delays) -> None:
        self._base = base
        self._boxes = boxes
        self._office = office
        self._delays = delays

    async def sweep(self) -> dict[str, int]:
        """One day's work; how much of each was done. Doing it twice changes nothing."""
        now = self._base.clock()
        done = {"warned": 0, "suspended": 0, "closed": 0, "purged": 0}
        async for box, warned_at in self._unused(now):
            step = due_step(box, self._delays, now)
            if step is not None:
                await self._boxes.change_state(BASE_ACTOR, box.address, step)
                done["suspended" if step is MailboxState.SUSPENDED else "closed"] += 1
                continue
            warning = due_warning(box, warned_at, self._delays, now)
            if warning is not None:
                done["warned"] += await self._warn(box, warning, now)
        async with self._base.database.connection() as connection:
            purgeable = await QUERIES["find_purgeable"].rows(connection, now=now)
        for row in purgeable:
            await self._purge(mailbox_of(row))
            done["purged"] += 1
        return done | await self._forget(now)

    async def _unused(self, now: datetime) -> AsyncIterator[tuple[Mailbox, datetime | None]]:
        """Boxes of professionals that nobody opened since the first delay, or that are closed, by address."""
        after = ""
        while True:
            async with self._base.database.connection() as connection:
                rows = await QUERIES["find_unused"].rows(
                    connection, since=now - self._delays.inactivity_warning, after=after, count=_PAGE
                )
            for row in rows:
                yield mailbox_of(row), row["warned_at"]
            if len(rows) < _PAGE:
                return
            after = rows[-1]["address"]

    async def _warn(self, box: Mailbox, warning: Warning, now: datetime) -> int:
        """Tells the holder what comes, in the box itself and in the other boxes they and their delegates open."""
        async with self._base.database.transaction() as connection:
            rows = await QUERIES["find_warned_addresses"].rows(connection, mailbox_key=box.key, now=now)
            for row in rows:
                address = parse_address(row["address"])
                await self._office.enqueue_report(connection, address, self._notice(box, warning, address, now), now)
            await QUERIES["mark_warned"].execute(connection, mailbox_key=box.key, now=now)
            trace = Trace(
                happened_at=now, action="warn", mailbox=box.address, kind=box.kind.value, reply=warning.next_state.value
            )
            await add_traces(connection, [trace])
        return 1

    def _notice(self, box: Mailbox, warning: Warning, to: Address, now: datetime) -> bytes:
        domain = self._base.settings.mail_domain
        subject, text = warning.letter(box)
        return compose(
            Letter(
                sender=Correspondent(Address("postmaster", domain), "Opérateur MSSanté"),
                to=(Correspondent(to),),
                subject=subject,
                text=text,
                date=now,
                message_id=f"<{uuid4()}@{domain}>",
                product="SOCLE",
            )
        )

    async def _forget(self, now: datetime) -> dict[str, int]:
        """What is past its retention: traces, notices, quarantine, fingerprints, former white lists."""
        async with self._base.database.transaction() as connection:
            old = now - self._delays.traces
            traces = await QUERIES["forget_traces"].execute(connection, before=old)
            await QUERIES["forget_notices"].execute(connection, before=old)
            await QUERIES["forget_peer_certificates"].execute(connection, before=old)
            await QUERIES["forget_white_lists"].execute(connection)
            await QUERIES["forget_accepted"].execute(connection, before=now - self._delays.repetition)
            infected = await QUERIES["forget_quarantine"].rows(connection, before=now - self._delays.quarantine)
        for row in infected:
            await self._forget_content(row["owner_key"], row["object"])
        return {"traces_forgotten": traces, "quarantine_forgotten": len(infected)}

    async def _forget_content(self, owner: UUID, stored: str) -> None:
        if not await self.is_stored(owner, stored):
            await self._base.objects.delete(owner, stored)

    async def queue(self, *, retry: bool = False, count: int = 1000) -> list[dict[str, object]]:
        """What waits for other operators, oldest first; ``retry`` makes all of it due now."""
        async with self._base.database.transaction() as connection:
            if retry:
                await QUERIES["retry_now"].execute(connection, now=self._base.clock())
                await QUERIES["notify"].rows(connection, notes=["queue"])
            rows = await QUERIES["list_queue"].rows(connection, count=count)
        return [dict(row) for row in rows]

    async def traces(
        self, *, mailbox: str = "", since: date | None = None, count: int = 1000
    ) -> list[dict[str, object]]:
        """The operator's traces, newest first."""
        start = datetime.combine(since, time(), UTC) if since else BEGINNING
        async with self._base.database.connection() as connection:
            rows = await QUERIES["list_traces"].rows(connection, mailbox=mailbox, since=start, until=END, count=count)
        return [dict(row) | {"message_hash": (row["message_hash"] or b"").hex()} for row in rows]

    async def quarantine(self, *, count: int = 1000) -> list[dict[str, object]]:
        """Infected messages that are kept apart, newest first."""
        async with self._base.database.connection() as connection:
            return [dict(row) for row in await QUERIES["list_quarantine"].rows(connection, count=count)]

    async def stored_contents(self) -> AsyncIterator[StoredContent]:
        """Every content that a row names, for the check of the vault and the sweep of orphans."""
        after = (UUID(int=0), "")
        async with self._base.database.connection() as connection:
            while rows := await QUERIES["list_objects"].rows(connection, owner=after[0], object=after[1], count=1000):
                for row in rows:
                    after = (row["owner"], row["object"])
                    yield StoredContent(*after)

    async def is_stored(self, owner: UUID, address: str) -> bool:
        """Whether a message or the queue refers to the object: if not, it is an orphan."""
        async with self._base.database.connection() as connection:
            row = await QUERIES["is_object_used"].row(connection, owner=owner, object=address)
        return row is not None and bool(row["is_used"])

    async def _purge(self, box: Mailbox) -> None:
        async with self._base.database.transaction() as connection:
            rows = await QUERIES["delete_content"].rows(connection, mailbox_key=box.key)
            await self._base.objects.rings.destroy(connection, box.key)
            await QUERIES["reset_usage"].execute(connection, mailbox_key=box.key, now=self._base.clock())
            await self._boxes.trace(connection, BASE_ACTOR, Action.DELETE, "mss.purge", box)
        for stored in {row["object"] for row in rows}:
            await self._base.objects.delete(box.key, stored)
