"""The life of mailboxes: creation, delegation, suspension, closing, and what the directory shows of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.audit import Action, AuditEvent, Subject
from socle.platform.base import Base
from socle.platform.database import Connection
from socle.platform.patient_key import owner_key, patient_key
from socle.services.mssante import rules
from socle.services.mssante.access import hash_password
from socle.services.mssante.domain import Mailbox, MailboxKind, MailboxState, Right
from socle.services.mssante.errors import address_taken, mailbox_not_found, not_allowed, wrong_state
from socle.services.mssante.life_cycle import Delays, next_state
from socle.services.mssante.store import QUERIES, Trace, add_mailbox, add_traces, find_mailbox, find_rights, mailbox_of
from socle.standards.errors import Forbidden, InvalidContent, Text
from socle.standards.ids.ins import Ins
from socle.standards.mail.address import citizen_address, parse_address


class Publisher(Protocol):
    """The directory as the operator feeds it."""

    async def publish(self, box: Mailbox) -> None:
        """Shows the box as it is."""

    async def withdraw(self, address: str) -> None:
        """Shows the box no more."""


class BoxTask(msgspec.Struct, frozen=True):
    """Payload of the tasks about one box."""

    address: str


class Boxes:
    """The boxes of one operator. ``publisher`` is the directory."""

    def __init__(self, base: Base, delays: Delays, publisher: Publisher | None = None) -> None:
        self.base = base
        self.delays = delays
        self.publisher = publisher

    async def create(self, by: Actor, box: Mailbox, *, password: str = "") -> Mailbox:
        """Creates a professional's box at ``box.address``. Raises ``Conflict`` if it is or was attributed."""
        _operator_only(by)
        if password and not self.base.settings.is_sandbox:
            raise not_allowed("Mots de passe réservés au bac à sable")
        hashed = await asyncio.to_thread(hash_password, password) if password else ""
        complete = msgspec.structs.replace(self._complete(box), password_hash=hashed)
        async with self.base.database.transaction() as connection:
            await self._add(connection, by, complete)
        return complete

    def _complete(self, box: Mailbox) -> Mailbox:
        """``box`` as it is created: its address checked, its key, its state, its date."""
        address = parse_address(box.address)
        if address.domain != self.base.settings.mail_domain or box.kind is MailboxKind.CITIZEN:
            raise InvalidContent(
                "MSSForeignDomain",
                Text("Ce domaine n'est pas celui de l'opérateur.", "This domain is not the operator's."),
                remedy=Text(f"Utilisez @{self.base.settings.mail_domain}.", "Use the operator's domain."),
            )
        rules.check_local_part(address.local)
        rules.check_holder(
            box.kind,
            person_id=box.person_id,
            structure_id=box.structure_id,
        )
        return msgspec.structs.replace(
            box,
            key=owner_key("mailbox", str(address)),
            address=str(address),
            state=MailboxState.ACTIVE,
            created_at=self.base.clock(),
        )

    async def apply(
        self, by: Actor, created: Sequence[Mailbox], changed: Sequence[Mailbox], closed: Sequence[str]
    ) -> None:
        """Creates, changes and closes boxes, all or none. Raises as ``create`` and ``change_state`` do."""
        _operator_only(by)
        new = [self._complete(box) for box in created]
        async with self.base.database.transaction() as connection:
            for box in new:
                await self._add(connection, by, box)
            for box in changed:
                await self._describe(connection, by, await self._lock(connection, box.address), box)
            for address in closed:
                box = await self._change_state(connection, await self._lock(connection, address), MailboxState.CLOSED)
                await self.trace(connection, by, Action.UPDATE, "mss.closed", box)

    async def free_address(self, *names: str) -> str:
        """The first address that ``names`` make and that was never attributed."""
        async with self.base.database.connection() as connection:
            for wanted in rules.address_candidates(names, self.base.settings.mail_domain):
                if await find_mailbox(connection, wanted) is None:
                    return wanted
        raise address_taken()

    async def open_citizen_box(self, ins: Ins, display_name: str) -> Mailbox:
        """The box of a citizen whose space is open, created if there is none. One that is closed stays closed."""
        address = str(citizen_address(ins.matricule, self.base.settings.patient_mail_domain))
        async with self.base.database.transaction() as connection:
            found = await find_mailbox(connection, address)
            if found is not None:
                return found
        box = Mailbox(
            key=owner_key("mailbox", address),
            address=address,
            kind=MailboxKind.CITIZEN,
            state=MailboxState.ACTIVE,
            quota_bytes=rules.DEFAULT_QUOTA_BYTES,
            created_at=self.base.clock(),
            display_name=display_name,
            ins=ins,
        )
        async with self.base.database.transaction() as connection:
            await add_mailbox(connection, box)
        return box

    async def change_citizen_box(self, by: Actor, ins: Ins, *, is_open: bool) -> None:
        """The citizen closes the messaging (what is written then comes back to its sender), or opens it again.

        Raises ``NotFound``; ``Conflict`` when it is so already. What the operator suspended or closed, the operator
        opens again.
        """
        before, after = MailboxState.ACTIVE, MailboxState.SUSPENDED
        if is_open:
            before, after = after, before
        if by.kind is not ActorKind.PATIENT or by.patient != ins:
            raise not_allowed()
        async with self.base.database.transaction() as connection:
            address = citizen_address(ins.matricule, self.base.settings.patient_mail_domain)
            box = await self._lock(connection, str(address))
            if box.state is not before or (is_open and not box.is_shut_by_holder):
                raise wrong_state(box.state)
            await self._change_state(connection, box, after, by_holder=not is_open)
            await self.trace(connection, by, Action.UPDATE, f"mss.{after.value.lower()}", box)

    async def find(self, address: str) -> Mailbox:
        """The box ``address``. Raises ``NotFound``."""
        async with self.base.database.connection() as connection:
            found = await find_mailbox(connection, str(parse_address(address)))
        if found is None:
            raise mailbox_not_found()
        return found

    async def list_boxes(
        self, *, after: str = "", count: int = 100, kind: MailboxKind | None = None, contains: str = ""
    ) -> list[Mailbox]:
        """Boxes by address."""
        async with self.base.database.connection() as connection:
            rows = await QUERIES["list_mailboxes"].rows(
                connection, after=after, count=count, kind=kind.value if kind else "", contains=contains
            )
        return [mailbox_of(row) for row in rows]

    async def usable_by(self, person_id: str) -> list[Mailbox]:
        """Boxes that a professional may open, preferred first."""
        async with self.base.database.connection() as connection:
            rows = await QUERIES["find_usable"].rows(connection, person_id=person_id, now=self.base.clock())
        return [mailbox_of(row) for row in rows]

    async def held_by(self, *, person_id: str = "", structure_id: str = "") -> list[Mailbox]:
        """Boxes of a holder as the directory knows it."""
        async with self.base.database.connection() as connection:
            rows = await QUERIES["find_by_holder"].rows(connection, person_id=person_id, structure_id=structure_id)
        return [mailbox_of(row) for row in rows]

    async def change_state(self, by: Actor, address: str, state: MailboxState) -> Mailbox:
        """A step of the life cycle by the operator. Raises ``Conflict`` when there is no such step."""
        _operator_only(by)
        async with self.base.database.transaction() as connection:
            box = await self._lock(connection, address)
            changed = await self._change_state(connection, box, state)
            await self.trace(connection, by, Action.UPDATE, f"mss.{state.value.lower()}", box)
        return changed

    async def change_publication(self, by: Actor, box: Mailbox) -> Mailbox:
        """What the directory shows: red list, rank, description … Address and kind never change."""
        async with self.base.database.transaction() as connection:
            current = await self._lock(connection, box.address)
            if by.kind is not ActorKind.OPERATOR and not rules.may_read(by, current, [], self.base.clock()):
                raise not_allowed()
            await self._describe(connection, by, current, box)
        return await self.find(box.address)

    async def change_quota(self, by: Actor, address: str, quota_bytes: int) -> None:
        """Gives the box another space."""
        _operator_only(by)
        async with self.base.database.transaction() as connection:
            box = await self._lock(connection, address)
            await QUERIES["change_quota"].execute(
                connection, mailbox_key=box.key, quota_bytes=quota_bytes, now=self.base.clock()
            )
            await self.trace(connection, by, Action.UPDATE, "mss.quota", box)

    async def change_filing(self, by: Actor, address: str, *, files_to_dmp: bool) -> None:
        """Whether an applicative box files what comes to it in the DMP. Raises ``InvalidContent`` for another kind."""
        _operator_only(by)
        async with self.base.database.transaction() as connection:
            box = await self._lock(connection, address)
            if box.kind is not MailboxKind.APPLICATIVE:
                raise InvalidContent(
                    "MSSFilingKind",
                    Text("Seule une boîte APP verse d'elle-même au DMP.", "Only an APP box files by itself."),
                )
            await QUERIES["change_filing"].execute(
                connection, mailbox_key=box.key, files_to_dmp=files_to_dmp, now=self.base.clock()
            )
            await self.trace(connection, by, Action.UPDATE, "mss.filing", box)

    async def grant(
        self, by: Actor, address: str, person_id: str, *, may_send: bool, until: datetime | None = None
    ) -> None:
        """Lets another professional use the box: by its holder, or by the operator."""
        async with self.base.database.transaction() as connection:
            box = await self._lock(connection, address)
            self._manager_only(by, box)
            await QUERIES["grant_right"].execute(
                connection,
                mailbox_key=box.key,
                person_id=person_id,
                may_send=may_send,
                granted_by=by.id,
                now=self.base.clock(),
                expires_at=until,
            )
            await self.trace(connection, by, Action.CREATE, "mss.grant", box)

    async def revoke(self, by: Actor, address: str, person_id: str) -> None:
        """Takes the right back."""
        async with self.base.database.transaction() as connection:
            box = await self._lock(connection, address)
            self._manager_only(by, box)
            await QUERIES["revoke_right"].execute(connection, mailbox_key=box.key, person_id=person_id)
            await self.trace(connection, by, Action.DELETE, "mss.revoke", box)

    async def rights(self, address: str) -> list[Right]:
        """Who else may use the box."""
        box = await self.find(address)
        async with self.base.database.connection() as connection:
            return await find_rights(connection, box.key)

    async def publish(self, address: str) -> None:
        """Makes the directory show the box as it is now. Idempotent: run by a job after each change."""
        if self.publisher is None:
            return
        box = await self.find(address)
        if box.is_published:
            await self.publisher.publish(box)
        else:
            await self.publisher.withdraw(box.address)
        async with self.base.database.connection() as connection:
            trace = Trace(
                happened_at=self.base.clock(),
                action="publish",
                mailbox=box.address,
                kind=box.kind.value,
                reply=box.state,
            )
            await add_traces(connection, [trace])

    async def _add(self, connection: Connection, by: Actor, box: Mailbox) -> None:
        if not await add_mailbox(connection, box):
            raise address_taken()
        await self._publish_later(connection, box.address)
        await self.trace(connection, by, Action.CREATE, "mss.create", box)

    async def _describe(self, connection: Connection, by: Actor, current: Mailbox, wanted: Mailbox) -> None:
        await QUERIES["change_publication"].execute(
            connection,
            mailbox_key=current.key,
            is_red_listed=wanted.is_red_listed,
            rank=wanted.rank,
            description=wanted.description,
            service=wanted.service,
            responsible=wanted.responsible,
            accepts_paperless=wanted.accepts_paperless,
            now=self.base.clock(),
        )
        await self._publish_later(connection, current.address)
        await self.trace(connection, by, Action.UPDATE, "mss.publication", current)

    async def _change_state(
        self, connection: Connection, box: Mailbox, state: MailboxState, *, by_holder: bool = False
    ) -> Mailbox:
        now = self.base.clock()
        changed = msgspec.structs.replace(
            box,
            state=next_state(box, state),
            purge_at=now + self.delays.purge if state is MailboxState.CLOSED else None,
            is_shut_by_holder=by_holder,
        )
        await QUERIES["change_state"].execute(
            connection,
            mailbox_key=box.key,
            state=state.value,
            now=now,
            purge_at=changed.purge_at,
            is_shut_by_holder=by_holder,
        )
        if box.kind is not MailboxKind.CITIZEN:
            await self._publish_later(connection, box.address)
        return changed

    async def _publish_later(self, connection: Connection, address: str) -> None:
        await self.base.jobs.enqueue(connection, "mssante.publish", BoxTask(address))

    async def _lock(self, connection: Connection, address: str) -> Mailbox:
        box = await find_mailbox(connection, str(parse_address(address)), lock=True)
        if box is None:
            raise mailbox_not_found()
        return box

    def _manager_only(self, by: Actor, box: Mailbox) -> None:
        if by.kind is ActorKind.OPERATOR or (box.person_id and box.person_id == by.id):
            return
        raise not_allowed()

    async def trace(self, connection: Connection, by: Actor, action: Action, name: str, box: Mailbox) -> None:
        """Leaves the trace of an act on a box, in the caller's transaction."""
        await self.base.audit.record(
            connection,
            AuditEvent(
                actor=by,
                action=action,
                transaction=name,
                patient_key=patient_key(box.ins) if box.ins else None,
                subjects=(Subject("mailbox", box.address),),
            ),
        )


#: The base itself, for what recurs.
BASE_ACTOR = Actor(kind=ActorKind.OPERATOR, id="socle", name="Opérateur", authentication=AuthenticationMode.BASE)


def _operator_only(actor: Actor) -> None:
    if actor.kind is not ActorKind.OPERATOR:
        raise Forbidden(
            "MSSOperatorOnly",
            Text("Cette action revient à l'opérateur.", "This action is the operator's."),
            requirement="Référentiel MSSanté #1, administration des BAL",
        )
