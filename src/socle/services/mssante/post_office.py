"""Takes messages in: a message is accepted when its content is on disk and its rows are committed, never before.

Contents go to the vault of each recipient's box first, in parallel; then one transaction a batch puts the rows of
many messages at once (group commit). What another operator must get, and the reports to senders, are queue rows of
the same transaction. The same message for the same recipient is taken once.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID, uuid4

import msgspec

from socle.platform.base import Base
from socle.platform.database import Connection
from socle.platform.patient_key import owner_key
from socle.services.mssante import rules
from socle.services.mssante.antivirus import Antivirus, choose_antivirus
from socle.services.mssante.domain import (
    ArrivalTask,
    Domains,
    Envelope,
    Mailbox,
    MailboxKind,
    Origin,
    Receipt,
    Recipient,
)
from socle.services.mssante.parcel import (
    Copy,
    Fate,
    Fates,
    Notice,
    Parcel,
    decide,
    receipt_of,
    received_line,
    traces_of,
)
from socle.services.mssante.reports import Reporter, facts_in, is_believable
from socle.services.mssante.store import (
    INBOX_ID,
    QUERIES,
    NewMessage,
    Trace,
    add_messages,
    add_traces,
    hash_in_box,
    mailbox_of,
    new_message,
    summarise,
)
from socle.standards.mail.address import Address, parse_address
from socle.standards.mail.structure import header_end

_BATCH_MESSAGES = 50
_WORKERS = 2

#: Opens the boxes of those citizens whose space exists; gives the key of each by address.
OpenSpaces = Callable[[list[Address]], Awaitable[dict[str, UUID]]]


class PostOffice:
    """The one way into boxes and queue, for every door."""

    def __init__(self, base: Base, open_spaces: OpenSpaces | None = None) -> None:
        self._base = base
        self._settings = base.settings
        self._pending: deque[Parcel] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self.operator_key = owner_key("mail-operator", base.settings.mail_domain)
        self.domains = Domains(base.settings.mail_domain, base.settings.patient_mail_domain)
        self.reporter = Reporter(base.settings)
        self.antivirus: Antivirus = choose_antivirus(base.settings.clamd)
        self._open_spaces = open_spaces

    async def accept(self, envelope: Envelope, message: bytes) -> Receipt:
        """Delivers, queues or bounces ``message`` for each recipient; returns once that is durable.

        Every message is scanned here, whichever door it came by. Raises ``MailRefused`` on a virus, ``TooLarge`` on a
        MIME bomb, ``Unavailable`` without antivirus, and what makes database or disk fail: nothing was accepted.
        """
        if envelope.origin is not Origin.BASE:
            await self._refuse_virus(envelope, message)
        parcel = await self._prepare(envelope, message)
        self._pending.append(parcel)
        if len(self._workers) < _WORKERS:
            worker = asyncio.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        return await parcel.done

    async def _refuse_virus(self, envelope: Envelope, message: bytes) -> None:
        """Keeps an infected message apart and refuses it."""
        virus = await self.antivirus.find_virus(message)
        if not virus:
            return
        stored = await self._base.objects.put(self.operator_key, message)
        async with self._base.database.connection() as connection:
            await QUERIES["quarantine"].execute(
                connection,
                quarantine_id=uuid4(),
                now=self._base.clock(),
                signature=virus[:200],
                sender=str(envelope.sender or ""),
                recipients=[str(recipient.address) for recipient in envelope.recipients],
                owner_key=self.operator_key,
                object=stored,
            )
        raise rules.refusal(rules.Check.VIRUS, virus)

    async def _prepare(self, envelope: Envelope, message: bytes) -> Parcel:
        queue_id = uuid4()
        recipients = tuple({recipient.address: recipient for recipient in envelope.recipients}.values())
        sender = str(envelope.sender) if envelope.sender else ""
        fingerprint = hashlib.sha256(sender.encode() + b"\0" + message).digest()
        now = self._base.clock()
        marked = received_line(envelope, queue_id, self._settings.mail_domain, now) + message
        summary, mail = summarise(marked)
        parcel = Parcel(
            envelope=envelope,
            recipients=recipients,
            queue_id=queue_id,
            fingerprint=fingerprint,
            size_bytes=len(marked),
            mail=mail,
            has_document=summary.has_document,
            header=message[: header_end(message)],
            copies={},
            queued_object="",
            notices=[],
            done=asyncio.get_running_loop().create_future(),
        )
        keys = await self._find_boxes(recipients)
        delivered = b"Return-Path: <" + sender.encode() + b">\r\n" + marked
        summary = msgspec.structs.replace(summary, header=delivered[: len(delivered) - len(marked)] + summary.header)

        async def put(key: UUID, address: str) -> None:
            stored = await self._base.objects.put(key, delivered)
            new = await new_message(self._base.objects.rings, key, stored, delivered, summary, mail, now)
            parcel.copies[address] = Copy(key, new)

        await asyncio.gather(*(put(key, address) for address, key in keys.items()))
        if keys and b"multipart/report" in parcel.header.lower():
            parcel.notices = await self._read_notices(next(iter(keys.values())), envelope.sender, message)
        if not all(self.domains.are_ours(recipient.address.domain) for recipient in recipients):
            parcel.queued_object = await self._base.objects.put(self.operator_key, marked)
        elif envelope.sender is not None:
            await self._base.objects.rings.ring(self.operator_key)  # a report may be needed inside the transaction
        return parcel

    async def _find_boxes(self, recipients: tuple[Recipient, ...]) -> dict[str, UUID]:
        """The keys of the local boxes among ``recipients``, those that the door found already taken from it."""
        keys = {str(recipient.address): recipient.key for recipient in recipients if recipient.key is not None}
        others = [
            recipient.address
            for recipient in recipients
            if recipient.key is None and self.domains.are_ours(recipient.address.domain)
        ]
        if others:
            async with self._base.database.connection() as connection:
                rows = await QUERIES["find_keys"].rows(connection, addresses=[str(address) for address in others])
            keys |= {row["address"]: row["mailbox_key"] for row in rows}
        citizens = [one for one in others if self.domains.is_citizen(one) and str(one) not in keys]
        if citizens and self._open_spaces is not None:
            keys |= await self._open_spaces(citizens)
        return keys

    async def _read_notices(self, key: UUID, sender: Address | None, message: bytes) -> list[Notice]:
        """What ``message`` tells of one that the box ``key`` sent. A report goes to one box alone."""
        rings = self._base.objects.rings
        return [
            Notice(
                message_hash=await hash_in_box(rings, key, fact.original),
                recipient=fact.recipient,
                kind=fact.kind,
                outcome=fact.outcome,
                status=fact.status,
                reason=fact.reason,
            )
            for fact in facts_in(message)
            if is_believable(fact, sender)
        ]

    async def _work(self) -> None:
        while self._pending:
            batch = [self._pending.popleft() for _ in range(min(len(self._pending), _BATCH_MESSAGES))]
            try:
                receipts = await self._commit(batch)
            except Exception as error:
                if len(batch) == 1:
                    _fail(batch[0], error)
                    continue
                for parcel in batch:  # one message must not make others fail
                    try:
                        _finish(parcel, (await self._commit([parcel]))[0])
                    except Exception as alone:
                        _fail(parcel, alone)
                continue
            for parcel, receipt in zip(batch, receipts, strict=True):
                _finish(parcel, receipt)

    async def _commit(self, batch: list[Parcel]) -> list[Receipt]:
        now = self._base.clock()
        async with self._base.database.transaction() as connection:
            fresh = await _remember(connection, batch, now)
            addresses = {address for parcel in batch for address in parcel.copies}
            rows = await QUERIES["lock_mailboxes"].rows(connection, addresses=sorted(addresses))
            boxes = {row["address"]: mailbox_of(row) for row in rows}
            room = {address: box.quota_bytes - box.used_bytes for address, box in boxes.items()}
            fates: list[list[Fate]] = []
            targets: list[tuple[UUID, int, NewMessage]] = []
            arrivals: list[tuple[Mailbox, Parcel]] = []
            traces: list[Trace] = []
            for parcel in batch:
                decided = [
                    decide(parcel, recipient, boxes, room, fresh, self.domains) for recipient in parcel.recipients
                ]
                fates.append(decided)
                for fate in decided:
                    if fate.kind is Fates.DELIVERED:
                        copy = parcel.copies[str(fate.recipient.address)]
                        targets.append((copy.key, INBOX_ID, copy.message))
                        arrivals.append((boxes[str(fate.recipient.address)], parcel))
                    if fate.kind is not Fates.REPEATED:
                        traces += traces_of(parcel, fate, boxes, self.domains, now)
            if targets:
                uids = await add_messages(connection, targets)
                await self._announce(connection, [(box, parcel, uids[n]) for n, (box, parcel) in enumerate(arrivals)])
            await self._record_exchanges(connection, batch, fates, boxes, now)
            for parcel, decided in zip(batch, fates, strict=True):
                await self._record_notices(connection, parcel, decided, now)
            has_queued = await self._enqueue(connection, batch, fates, now)
            await add_traces(connection, traces)
            notes = sorted({f"{key}/{folder_id}" for key, folder_id, _ in targets})
            await QUERIES["notify"].rows(connection, notes=[*notes, *(["queue"] if has_queued else [])])
        return [receipt_of(parcel, decided) for parcel, decided in zip(batch, fates, strict=True)]

    async def _announce(self, connection: Connection, arrivals: list[tuple[Mailbox, Parcel, int]]) -> None:
        """Asks, in the same transaction, that documents for boxes that file by themselves be looked at."""
        for box, parcel, uid in arrivals:
            if box.files_to_dmp and box.kind is MailboxKind.APPLICATIVE and parcel.has_document:
                await self._base.jobs.enqueue(connection, "delivery.arrival", ArrivalTask(box.address, INBOX_ID, uid))

    async def _record_exchanges(
        self,
        connection: Connection,
        batch: list[Parcel],
        fates: list[list[Fate]],
        boxes: dict[str, Mailbox],
        now: datetime,
    ) -> None:
        for parcel, decided in zip(batch, fates, strict=True):
            for fate in decided:
                if fate.kind is not Fates.DELIVERED or not self.domains.is_citizen(fate.recipient.address):
                    continue
                change = rules.exchange_change(parcel.mail)
                sender = str(parcel.envelope.sender) if parcel.envelope.sender else ""
                if change is None or not sender or self.domains.is_citizen(parse_address(change.contact)):
                    continue
                key = boxes[str(fate.recipient.address)].key
                await QUERIES["set_exchange"].execute(
                    connection, mailbox_key=key, contact=change.contact, is_open=change.is_open, now=now
                )
                await QUERIES["remember_origin"].execute(
                    connection, mailbox_key=key, sender=sender, contact=change.contact
                )
                if change.closes_all:
                    await QUERIES["close_exchanges"].execute(connection, mailbox_key=key, sender=sender, now=now)

    async def _record_notices(self, connection: Connection, parcel: Parcel, decided: list[Fate], now: datetime) -> None:
        """Keeps what a report or a receipt says of a message that the box sent."""
        for fate in decided:
            if parcel.notices and fate.kind is Fates.DELIVERED:
                key = parcel.copies[str(fate.recipient.address)].key
                for notice in parcel.notices:
                    await QUERIES["add_notice"].execute(
                        connection, mailbox_key=key, now=now, **msgspec.structs.asdict(notice)
                    )

    async def _enqueue(
        self, connection: Connection, batch: list[Parcel], fates: list[list[Fate]], now: datetime
    ) -> bool:
        """Puts into the queue what goes to other operators, and the reports; tells whether there is anything."""
        rows: list[tuple[Parcel, Recipient]] = []
        has_reports = False
        for parcel, decided in zip(batch, fates, strict=True):
            rows += [(parcel, fate.recipient) for fate in decided if fate.kind is Fates.QUEUED]
            sender = parcel.envelope.sender
            if sender is None:
                continue
            for report in self.reporter.owed(parcel.envelope, decided, parcel.header, now):
                await self.enqueue_report(connection, sender, report, now)
                has_reports = True
        if rows:
            await QUERIES["enqueue"].execute(
                connection,
                queue_ids=[parcel.queue_id for parcel, _ in rows],
                recipients=[str(recipient.address) for _, recipient in rows],
                senders=[str(parcel.envelope.sender or "") for parcel, _ in rows],
                owner_keys=[self.operator_key] * len(rows),
                objects=[parcel.queued_object for parcel, _ in rows],
                sizes=[parcel.size_bytes for parcel, _ in rows],
                notifies=[recipient.notify for _, recipient in rows],
                original_recipients=[recipient.original_recipient for _, recipient in rows],
                envelope_ids=[parcel.envelope.envelope_id for parcel, _ in rows],
                full_returns=[parcel.envelope.wants_full_return for parcel, _ in rows],
                now=now,
            )
        return bool(rows) or has_reports

    async def enqueue_report(self, connection: Connection, sender: Address, report: bytes, now: datetime) -> None:
        """Puts a report to ``sender`` into the queue, in the caller's transaction."""
        stored = await self._base.objects.put(self.operator_key, report)
        await QUERIES["enqueue"].execute(
            connection,
            queue_ids=[uuid4()],
            recipients=[str(sender)],
            senders=[""],
            owner_keys=[self.operator_key],
            objects=[stored],
            sizes=[len(report)],
            notifies=["NEVER"],
            original_recipients=[""],
            envelope_ids=[""],
            full_returns=[False],
            now=now,
        )
        await QUERIES["notify"].rows(connection, notes=["queue"])


async def _remember(connection: Connection, batch: list[Parcel], now: datetime) -> set[tuple[str, bytes, UUID]]:
    """Which (recipient, fingerprint, queue id) are new."""
    pairs = [(str(recipient.address), parcel) for parcel in batch for recipient in parcel.recipients]
    rows = await QUERIES["add_accepted"].rows(
        connection,
        recipients=[address for address, _ in pairs],
        fingerprints=[parcel.fingerprint for _, parcel in pairs],
        queue_ids=[parcel.queue_id for _, parcel in pairs],
        now=now,
    )
    return {(row["recipient"], row["fingerprint"], row["queue_id"]) for row in rows}


def _finish(parcel: Parcel, receipt: Receipt) -> None:
    with contextlib.suppress(asyncio.InvalidStateError):
        parcel.done.set_result(receipt)


def _fail(parcel: Parcel, error: Exception) -> None:
    with contextlib.suppress(asyncio.InvalidStateError):
        parcel.done.set_exception(error)
