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
from datetime import datetime
from email.utils import format_datetime
from uuid import UUID, uuid4

import msgspec

from socle.platform.base import Base
from socle.platform.database import Connection
from socle.platform.patient_key import owner_key
from socle.services.mssante import rules
from socle.services.mssante.antivirus import Antivirus, choose_antivirus
from socle.services.mssante.domain import Envelope, Mailbox, Origin, Receipt, Recipient
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
    trace_hash,
)
from socle.standards.ids.ins import is_valid_matricule
from socle.standards.mail.address import Address, parse_address
from socle.standards.mail.notices import (
    CAUSES,
    BounceCause,
    DeliveryAction,
    DeliveryReport,
    Outcome,
    ReadReceipt,
    bounce_cause,
    compose_delivery_report,
    read_notice,
)
from socle.standards.mail.read import Mail, read_header
from socle.standards.mail.structure import header_end

_BATCH_MESSAGES = 50
_WORKERS = 2


class _Copy(msgspec.Struct, frozen=True):
    """One recipient's copy, its content durable in the vault."""

    key: UUID
    message: NewMessage


class NewNotice(msgspec.Struct, frozen=True):
    """What came back for one recipient of a sent message."""

    message_hash: bytes
    recipient: str
    kind: str
    outcome: str
    status: str
    reason: str


class _Parcel(msgspec.Struct):
    """One message between acceptance and commit."""

    envelope: Envelope
    recipients: tuple[Recipient, ...]
    queue_id: UUID
    fingerprint: bytes
    size_bytes: int
    mail: Mail
    header: bytes
    copies: dict[str, _Copy]
    queued_object: str
    notices: list[NewNotice]
    done: asyncio.Future[Receipt]


class _Fate(msgspec.Struct, frozen=True):
    """What becomes of a message for one recipient: ``delivered``, ``queued``, ``bounced`` or ``repeated``."""

    recipient: Recipient
    kind: str
    status: str = ""
    reply: str = ""


class PostOffice:
    """The one way into boxes and queue, for every door."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._settings = base.settings
        self._pending: deque[_Parcel] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self.operator_key = owner_key("mail-operator", base.settings.mail_domain)
        self.postmaster = Address("mailer-daemon", base.settings.mail_domain)
        self._patient_postmaster = Address("mailer-daemon", base.settings.patient_mail_domain)
        self.antivirus: Antivirus = choose_antivirus(base.settings.clamd)

    def is_local(self, domain: str) -> bool:
        """Whether the domain is ours."""
        return domain in {self._settings.mail_domain, self._settings.patient_mail_domain}

    def is_citizen(self, address: Address) -> bool:
        """Whether the address is that of a citizen's box."""
        return address.domain == self._settings.patient_mail_domain

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

    async def _prepare(self, envelope: Envelope, message: bytes) -> _Parcel:
        queue_id = uuid4()
        recipients = tuple({recipient.address: recipient for recipient in envelope.recipients}.values())
        sender = str(envelope.sender) if envelope.sender else ""
        fingerprint = hashlib.sha256(sender.encode() + b"\0" + message).digest()
        now = self._base.clock()
        marked = _received(envelope, queue_id, self._settings.mail_domain, now) + message
        summary, mail = summarise(marked)
        parcel = _Parcel(
            envelope=envelope,
            recipients=recipients,
            queue_id=queue_id,
            fingerprint=fingerprint,
            size_bytes=len(marked),
            mail=mail,
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
            parcel.copies[address] = _Copy(key, new)

        await asyncio.gather(*(put(key, address) for address, key in keys.items()))
        if keys and b"multipart/report" in parcel.header.lower():
            parcel.notices = await self._read_notices(next(iter(keys.values())), message)
        if not all(self.is_local(recipient.address.domain) for recipient in recipients):
            parcel.queued_object = await self._base.objects.put(self.operator_key, marked)
        elif envelope.sender is not None:
            await self._base.objects.rings.current(self.operator_key)  # a report may be needed inside the transaction
        return parcel

    async def _find_boxes(self, recipients: tuple[Recipient, ...]) -> dict[str, UUID]:
        """The keys of the local boxes among ``recipients``, those that the door found already taken from it."""
        keys = {str(recipient.address): recipient.key for recipient in recipients if recipient.key is not None}
        others = [
            str(recipient.address)
            for recipient in recipients
            if recipient.key is None and self.is_local(recipient.address.domain)
        ]
        if others:
            async with self._base.database.connection() as connection:
                rows = await QUERIES["find_keys"].rows(connection, addresses=others)
            keys |= {row["address"]: row["mailbox_key"] for row in rows}
        return keys

    async def _read_notices(self, key: UUID, message: bytes) -> list[NewNotice]:
        """What ``message`` tells of one that the box ``key`` sent. A report goes to one box alone."""
        found = notices_in(message)
        return [
            NewNotice(
                message_hash=await hash_in_box(self._base.objects.rings, key, original),
                recipient=recipient,
                kind=kind,
                outcome=outcome,
                status=status,
                reason=reason,
            )
            for original, recipient, kind, outcome, status, reason in found
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

    async def _commit(self, batch: list[_Parcel]) -> list[Receipt]:
        now = self._base.clock()
        async with self._base.database.transaction() as connection:
            fresh = await _remember(connection, batch, now)
            addresses = {address for parcel in batch for address in parcel.copies}
            rows = await QUERIES["lock_mailboxes"].rows(connection, addresses=sorted(addresses))
            boxes = {row["address"]: mailbox_of(row) for row in rows}
            room = {address: box.quota_bytes - box.used_bytes for address, box in boxes.items()}
            fates: list[list[_Fate]] = []
            targets: list[tuple[UUID, int, NewMessage]] = []
            traces: list[Trace] = []
            for parcel in batch:
                decided = [self._decide(parcel, recipient, boxes, room, fresh) for recipient in parcel.recipients]
                fates.append(decided)
                for fate in decided:
                    if fate.kind == "delivered":
                        copy = parcel.copies[str(fate.recipient.address)]
                        targets.append((copy.key, INBOX_ID, copy.message))
                for fate in decided:
                    if fate.kind != "repeated":
                        traces += self._traces(parcel, fate, boxes, now)
            if targets:
                await add_messages(connection, targets)
            await self._record_exchanges(connection, batch, fates, boxes, now)
            for parcel, decided in zip(batch, fates, strict=True):
                await self._record_notices(connection, parcel, decided, now)
            has_queued = await self._enqueue(connection, batch, fates, now)
            await add_traces(connection, traces)
            notes = sorted({f"{key}/{folder_id}" for key, folder_id, _ in targets})
            await QUERIES["notify"].rows(connection, notes=[*notes, *(["queue"] if has_queued else [])])
        return [_receipt(parcel, decided) for parcel, decided in zip(batch, fates, strict=True)]

    def _decide(
        self,
        parcel: _Parcel,
        recipient: Recipient,
        boxes: dict[str, Mailbox],
        room: dict[str, int],
        fresh: set[tuple[str, bytes, UUID]],
    ) -> _Fate:
        address = str(recipient.address)
        if (address, parcel.fingerprint, parcel.queue_id) not in fresh:
            return _Fate(recipient, "repeated")
        if not self.is_local(recipient.address.domain):
            return _Fate(recipient, "queued")
        box = boxes.get(address)
        if self.is_citizen(recipient.address):
            cause = rules.judge_citizen_box(
                box, parcel.size_bytes, is_matricule_valid=is_valid_matricule(recipient.address.local.upper())
            )
            if cause is not None:
                return _Fate(recipient, "bounced", CAUSES[cause][0], cause.value)
        else:
            check = rules.judge_recipient_box(box, 0)
            if check is not None:
                code, status, text = rules.REPLIES[check]
                return _Fate(recipient, "bounced", status, f"{code} {status} {text.en}")
        if parcel.size_bytes > room[address]:
            code, _, text = rules.REPLIES[rules.Check.OVER_QUOTA]
            return _Fate(recipient, "bounced", "5.2.2", f"552 5.2.2 {text.en}")
        room[address] -= parcel.size_bytes
        return _Fate(recipient, "delivered")

    def _traces(self, parcel: _Parcel, fate: _Fate, boxes: dict[str, Mailbox], now: datetime) -> list[Trace]:
        """What the sender's box did, if it is ours, and what the recipient's did, if it is ours."""
        sender, recipient = parcel.envelope.sender, fate.recipient.address
        box = boxes.get(str(recipient))
        sides = []
        if sender is not None and self.is_local(sender.domain):
            sides.append(("send", str(sender), parcel.envelope.kind, str(recipient)))
        if self.is_local(recipient.domain):
            sides.append(("receive", str(recipient), box.kind.value if box else "", str(sender or "")))
        return [
            Trace(
                happened_at=now,
                action=action,
                mailbox=mailbox,
                kind=kind,
                person_id=parcel.envelope.author if action == "send" else "",
                peer=peer,
                queue_id=parcel.queue_id,
                message_hash=trace_hash(parcel.mail.message_id),
                size_bytes=parcel.size_bytes,
                reply=fate.reply,
                cda_codes=parcel.mail.cda_codes,
                has_ins=parcel.mail.has_ins,
                product=parcel.mail.product,
                is_success=fate.kind != "bounced",
            )
            for action, mailbox, kind, peer in sides
        ]

    async def _record_exchanges(
        self,
        connection: Connection,
        batch: list[_Parcel],
        fates: list[list[_Fate]],
        boxes: dict[str, Mailbox],
        now: datetime,
    ) -> None:
        for parcel, decided in zip(batch, fates, strict=True):
            for fate in decided:
                if fate.kind != "delivered" or not self.is_citizen(fate.recipient.address):
                    continue
                change = rules.exchange_change(parcel.mail)
                sender = str(parcel.envelope.sender) if parcel.envelope.sender else ""
                if change is None or not sender or self.is_citizen(parse_address(change.contact)):
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

    async def _record_notices(
        self, connection: Connection, parcel: _Parcel, decided: list[_Fate], now: datetime
    ) -> None:
        """Keeps what a report or a receipt says of a message that the box sent."""
        for fate in decided:
            if parcel.notices and fate.kind == "delivered":
                key = parcel.copies[str(fate.recipient.address)].key
                for notice in parcel.notices:
                    await QUERIES["add_notice"].execute(
                        connection, mailbox_key=key, now=now, **msgspec.structs.asdict(notice)
                    )

    async def _enqueue(
        self, connection: Connection, batch: list[_Parcel], fates: list[list[_Fate]], now: datetime
    ) -> bool:
        """Puts into the queue what goes to other operators, and the reports; tells whether there is anything."""
        rows: list[tuple[_Parcel, Recipient]] = []
        has_reports = False
        for parcel, decided in zip(batch, fates, strict=True):
            rows += [(parcel, fate.recipient) for fate in decided if fate.kind == "queued"]
            for report in self._reports(parcel, decided, now):
                assert parcel.envelope.sender is not None
                await self.enqueue_report(connection, parcel.envelope.sender, report, now)
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

    def _reports(self, parcel: _Parcel, decided: list[_Fate], now: datetime) -> list[bytes]:
        """The reports that the sender of ``parcel`` is owed now."""
        if parcel.envelope.sender is None:
            return []
        delivered = [
            Outcome(
                recipient=str(fate.recipient.address),
                action=DeliveryAction.DELIVERED,
                status="2.0.0",
                diagnostic="250 2.1.5 Delivered",
                original_recipient=fate.recipient.original_recipient,
            )
            for fate in decided
            if fate.kind == "delivered" and "SUCCESS" in fate.recipient.notify
        ]
        reports = [self.report(parcel.envelope, delivered, header=parcel.header, now=now)] if delivered else []
        for fate in decided:
            notify = fate.recipient.notify
            if fate.kind == "bounced" and (not notify or "FAILURE" in notify):
                outcome = Outcome(
                    recipient=str(fate.recipient.address),
                    action=DeliveryAction.FAILED,
                    status=fate.status,
                    diagnostic=fate.reply,
                    original_recipient=fate.recipient.original_recipient,
                )
                cause = BounceCause(fate.reply) if fate.reply in set(BounceCause) else None
                reports.append(self.report(parcel.envelope, [outcome], header=parcel.header, now=now, cause=cause))
        return reports

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

    def report(
        self,
        envelope: Envelope,
        outcomes: list[Outcome],
        *,
        header: bytes,
        now: datetime,
        cause: BounceCause | None = None,
    ) -> bytes:
        """A delivery report to the sender of ``envelope``, in French then English."""
        subject, text = _sentences(outcomes, cause)
        if cause is not None:
            status = CAUSES[cause][0]
            outcomes = [
                msgspec.structs.replace(outcome, diagnostic=f"550 {status} {CAUSES[cause][1].en}")
                for outcome in outcomes
            ]
        return compose_delivery_report(
            DeliveryReport(
                reporting_server=self._settings.mail_domain,
                outcomes=tuple(outcomes),
                envelope_id=envelope.envelope_id,
                text=text,
            ),
            sender=self.postmaster if cause is None else self._patient_postmaster,
            to=str(envelope.sender),
            date=now,
            message_id=f"<{uuid4()}@{self._settings.mail_domain}>",
            original_header=header,
            subject=subject,
        )


async def _remember(connection: Connection, batch: list[_Parcel], now: datetime) -> set[tuple[str, bytes, UUID]]:
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


#: What a person reads before the reply of another server, by enhanced code.
_PLAIN = {
    "5.1.1": "Cette boîte n'existe pas",
    "5.2.1": "Cette boîte est fermée ou suspendue",
    "5.2.2": "Cette boîte est pleine",
    "5.3.4": "Le message est trop volumineux",
    "5.4.7": "L'autre opérateur n'a pas répondu à temps",
    "5.7.0": "Le message a été refusé pour raison de sécurité",
    "5.7.1": "L'autre opérateur n'accepte pas ce message",
}


def notices_in(message: bytes) -> list[tuple[str, str, str, str, str, str]]:
    """Original Message-ID, recipient, kind, outcome, status and reason of each fact in a report or a receipt."""
    notice = read_notice(message)
    if isinstance(notice, ReadReceipt):
        outcome = "error" if notice.error else notice.disposition.value
        return [(notice.original_message_id, notice.final_recipient, "receipt", outcome, "", notice.error[:500])]
    if notice is None:
        return []
    is_citizens = read_header(message[: header_end(message)]).subject.startswith("Message non distribué")
    cause = bounce_cause(message) if is_citizens else None
    reason = CAUSES[cause][1].fr if cause and cause is not BounceCause.OTHER else ""
    return [
        (
            notice.original_message_id,
            outcome.recipient,
            "delivery",
            outcome.action.value,
            outcome.status[:20],
            reason or _in_plain_words(outcome),
        )
        for outcome in notice.outcomes
    ]


def _in_plain_words(outcome: Outcome) -> str:
    plain = _PLAIN.get(outcome.status, "") if outcome.action is DeliveryAction.FAILED else ""
    return f"{plain} : {outcome.diagnostic[:500]}" if plain else outcome.diagnostic[:500]


def _received(envelope: Envelope, queue_id: UUID, domain: str, now: datetime) -> bytes:
    protocol = {Origin.LMTP: "LMTP", Origin.PORTAL: "HTTPS"}.get(
        envelope.origin, "ESMTPSA" if envelope.author else "ESMTP"
    )
    tls = f" ({envelope.tls})" if envelope.tls else ""
    helo = envelope.helo or "localhost"
    source = f"from {helo} ({envelope.client or 'local'}){tls}"
    line = f"Received: {source}\r\n by {domain} with {protocol} id {queue_id.hex};\r\n {format_datetime(now)}\r\n"
    return line.encode("ascii", "replace")


def _sentences(outcomes: list[Outcome], cause: BounceCause | None) -> tuple[str, str]:
    names = ", ".join(outcome.recipient for outcome in outcomes)
    if cause is not None:
        text = CAUSES[cause][1]
        return "Message non distribué", f"Votre message à {names} n'a pas été distribué.\n{text.fr}\n\n{text.en}\n"
    if all(outcome.action is DeliveryAction.DELIVERED for outcome in outcomes):
        return (
            "Successful Mail Delivery Report",
            f"Votre message a été déposé dans la boîte de {names}.\n\nYour message was delivered to {names}.\n",
        )
    why = "; ".join(outcome.diagnostic for outcome in outcomes)
    if all(outcome.action is DeliveryAction.DELAYED for outcome in outcomes):
        return (
            "Delayed Mail (still being retried)",
            f"Votre message à {names} attend encore : {why}\nNous continuons d'essayer.\n\n"
            f"Your message to {names} is still waiting. We keep trying.\n",
        )
    return (
        "Undelivered Mail Returned to Sender",
        f"Votre message à {names} n'a pas pu être remis : {why}\n\nYour message to {names} could not be delivered.\n",
    )


def _receipt(parcel: _Parcel, decided: list[_Fate]) -> Receipt:
    by_kind = {
        kind: tuple(str(fate.recipient.address) for fate in decided if fate.kind == kind)
        for kind in ("delivered", "queued", "bounced", "repeated")
    }
    return Receipt(parcel.queue_id, **by_kind)


def _finish(parcel: _Parcel, receipt: Receipt) -> None:
    with contextlib.suppress(asyncio.InvalidStateError):
        parcel.done.set_result(receipt)


def _fail(parcel: _Parcel, error: Exception) -> None:
    with contextlib.suppress(asyncio.InvalidStateError):
        parcel.done.set_exception(error)
