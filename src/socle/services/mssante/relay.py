"""Sends what waits in the queue: to other operators by mutual TLS, to our own boxes for reports.

A row is claimed for the length of a lease, then deleted or postponed; a crash makes it due again at the end of the
lease. Our boxes recognise a message that they have; another operator may get one twice if the machine stops between
its reply and our commit: that is SMTP.

Source: RFC 5321 §4.5.4, 3461; fact sheet "mssante" §3.
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import structlog
from cryptography import x509

from socle.platform.database import Connection
from socle.platform.objects import DamagedObject
from socle.platform.trust import Usage
from socle.services.mssante.domain import Envelope, Origin, Recipient
from socle.services.mssante.service import MssanteService
from socle.services.mssante.store import QUERIES, Trace, add_traces
from socle.standards.certificates import write_name
from socle.standards.errors import NotAuthenticated
from socle.standards.mail.address import parse_address
from socle.standards.mail.notices import DeliveryAction, Outcome
from socle.standards.mail.smtp import encode_xtext
from socle.standards.mail.structure import header_end
from socle.standards.mail.whitelist import ListedDomain

if TYPE_CHECKING:
    import asyncpg

_LEASE: Final = timedelta(minutes=10)
#: Waits between attempts; the last repeats.
RETRIES: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60, 120))
_BATCH = 50
_PARALLEL = 8
_TIMEOUT_S = 60

_log = structlog.get_logger(__name__)


class Answer(msgspec.Struct, frozen=True):
    """The reply of another server for one recipient. ``code`` 0: it was not reached."""

    code: int
    text: str
    server: str = ""

    @property
    def is_delivered(self) -> bool:
        """Whether it took the message."""
        return 200 <= self.code < 300

    @property
    def is_final(self) -> bool:
        """Whether trying again is useless."""
        return self.code >= 500

    @property
    def line(self) -> str:
        """The reply as a line."""
        return f"{self.code} {self.text}" if self.code else self.text


class Route(msgspec.Struct, frozen=True):
    """Where mail for a domain goes."""

    host: str
    port: int = 25


class Carrier(Protocol):
    """Takes a message to another operator. Replaceable: tests, another transport."""

    async def carry(
        self, domain: str, sender: str, recipients: Sequence[Recipient], message: bytes, envelope: Envelope
    ) -> dict[str, Answer]:
        """The answer for each recipient."""


class SmtpCarrier:
    """SMTP with STARTTLS and our client certificate, by MX or by a table of routes."""

    def __init__(
        self,
        service: MssanteService,
        context: ssl.SSLContext,
        *,
        routes: dict[str, Route] | None = None,
        helo: str = "",
        checks_peer_name: bool = True,
    ) -> None:
        self._service = service
        self._context = context
        self._routes = routes or {}
        self._helo = helo or service.base.settings.mail_domain
        self._checks_peer_name = checks_peer_name

    async def carry(
        self, domain: str, sender: str, recipients: Sequence[Recipient], message: bytes, envelope: Envelope
    ) -> dict[str, Answer]:
        """Tries each server of the domain until one answers."""
        white_list = await self._service.trust_list.current()
        entry = white_list.find(domain) if white_list else None
        if entry is None:
            refused = Answer(550, f"5.7.1 {domain} is not in the white list")
            return {str(recipient.address): refused for recipient in recipients}
        routes = [self._routes[domain]] if domain in self._routes else await find_routes(domain)
        answers: dict[str, Answer] = {}
        for route in routes:
            send = partial(self._send, route, entry.certificate_dn, sender, recipients, message, envelope)
            answers = await asyncio.to_thread(send)
            if any(answer.code for answer in answers.values()):
                return answers
        return answers or {str(item.address): Answer(0, f"no server for {domain}") for item in recipients}

    def _send(
        self,
        route: Route,
        certificate_dn: str,
        sender: str,
        recipients: Sequence[Recipient],
        message: bytes,
        envelope: Envelope,
    ) -> dict[str, Answer]:
        everyone = [str(recipient.address) for recipient in recipients]
        try:
            with smtplib.SMTP(route.host, route.port, local_hostname=self._helo, timeout=_TIMEOUT_S) as connection:
                connection.ehlo()
                connection.starttls(context=self._context)
                self._refuse_wrong_peer(connection, certificate_dn)
                connection.ehlo()
                return _talk(connection, sender, recipients, message, envelope, route.host)
        except smtplib.SMTPResponseException as error:
            answer = Answer(error.smtp_code, _text(error.smtp_error), route.host)
        except _WrongPeer:
            answer = Answer(550, "5.7.1 The server's certificate is not the one of the white list", route.host)
        except NotAuthenticated as error:
            # A revocation is final; a list of ours that is out of date is mended meanwhile.
            code = 550 if error.code == "CertificateRevoked" else 0
            answer = Answer(code, f"{5 if code else 4}.7.5 The server's certificate: {error.code}", route.host)
        except (OSError, smtplib.SMTPException, EOFError) as error:
            answer = Answer(0, f"4.4.1 {type(error).__name__}", route.host)
        return dict.fromkeys(everyone, answer)

    def _refuse_wrong_peer(self, connection: smtplib.SMTP, certificate_dn: str) -> None:
        if not self._checks_peer_name or not certificate_dn:
            return
        assert isinstance(connection.sock, ssl.SSLSocket)
        der = connection.sock.getpeercert(binary_form=True)
        subject = write_name(x509.load_der_x509_certificate(der).subject) if der else ""
        if not ListedDomain(name="", certificate_dn=certificate_dn).is_operated_by(subject):
            raise _WrongPeer
        if self._service.trust is not None:
            self._service.access.verified_subject(der or b"", Usage.TLS_SERVER)


class Relay:
    """The worker of the queue. Several processes may each run one."""

    def __init__(self, service: MssanteService, carrier: Carrier | None) -> None:
        self._service = service
        self._base = service.base
        self._carrier = carrier
        self._limit = asyncio.Semaphore(_PARALLEL)

    async def run(self, stopping: asyncio.Event, due: asyncio.Event) -> None:
        """Works until ``stopping``; ``due`` is set when the queue changed."""
        while not stopping.is_set():
            due.clear()
            try:
                worked = await self.work_once()
            except Exception as error:
                _log.error("mail_queue_failed", error=type(error).__name__, exc_info=True)
                worked = 0
            if worked < _BATCH:
                waits = [asyncio.create_task(due.wait()), asyncio.create_task(stopping.wait())]
                _, pending = await asyncio.wait(waits, timeout=15, return_when=asyncio.FIRST_COMPLETED)
                for wait in pending:
                    wait.cancel()

    async def work_once(self) -> int:
        """Tries what is due; returns how many rows."""
        now = self._base.clock()
        async with self._base.database.connection() as connection:
            rows = await QUERIES["claim_queue"].rows(connection, now=now, lease_until=now + _LEASE, count=_BATCH)
        groups: dict[tuple[str, str], list[asyncpg.Record]] = {}
        for row in rows:
            groups.setdefault((str(row["queue_id"]), row["recipient"].rpartition("@")[2]), []).append(row)
        await asyncio.gather(*(self._send_group(domain, group) for (_, domain), group in groups.items()))
        return len(rows)

    async def _send_group(self, domain: str, rows: list[asyncpg.Record]) -> None:
        async with self._limit:
            first = rows[0]
            recipients = [
                Recipient(parse_address(row["recipient"]), row["notify"], row["original_recipient"]) for row in rows
            ]
            sender = parse_address(first["sender"]) if first["sender"] else None
            envelope = Envelope(
                sender=sender,
                recipients=tuple(recipients),
                origin=Origin.BASE,
                envelope_id=first["envelope_id"],
                wants_full_return=first["wants_full_return"],
            )
            try:
                message = await self._base.objects.get(first["owner_key"], first["object"])
            except DamagedObject:
                answers = dict.fromkeys((row["recipient"] for row in rows), Answer(554, "5.3.0 content lost"))
                message = b""
            else:
                answers = await self._carry(domain, envelope, recipients, message)
        await self._record(rows, answers, envelope, message)

    async def _carry(
        self, domain: str, envelope: Envelope, recipients: list[Recipient], message: bytes
    ) -> dict[str, Answer]:
        everyone = [str(recipient.address) for recipient in recipients]
        try:
            if self._service.office.domains.are_ours(domain):
                await self._service.office.accept(envelope, message)
                return dict.fromkeys(everyone, Answer(250, "2.1.5 Delivered"))
            if self._carrier is None:
                return dict.fromkeys(everyone, Answer(0, "4.3.2 no carrier is configured"))
            sender = str(envelope.sender) if envelope.sender else ""
            return await self._carrier.carry(domain, sender, recipients, message, envelope)
        except Exception as error:
            _log.warning("mail_not_carried", error=type(error).__name__)
            return dict.fromkeys(everyone, Answer(0, f"4.3.0 {type(error).__name__}"))

    async def _record(
        self, rows: list[asyncpg.Record], answers: dict[str, Answer], envelope: Envelope, message: bytes
    ) -> None:
        """Deletes, postpones or gives up each row, with the reports that the sender is owed, in one transaction."""
        now = self._base.clock()
        office = self._service.office
        await self._base.objects.rings.ring(office.operator_key)
        delays = self._service.delays
        async with self._base.database.transaction() as connection:
            for row in rows:
                answer = answers.get(row["recipient"], Answer(0, "4.4.2 no answer"))
                key = {"queue_id": row["queue_id"], "recipient": row["recipient"]}
                is_over = answer.is_final or row["queued_at"] + delays.queue <= now
                warns = not row["warned_at"] and row["queued_at"] + delays.queue_warning <= now
                outcome = _outcome(row, answer, is_over=is_over, warns=warns)
                if answer.is_delivered or is_over:
                    await QUERIES["dequeue"].execute(connection, **key)
                else:
                    await QUERIES["postpone"].execute(
                        connection,
                        **key,
                        next_attempt_at=now + RETRIES[min(row["attempts"], len(RETRIES)) - 1],
                        last_reply=answer.line[:500],
                        warned_at=now if warns else row["warned_at"],
                    )
                if outcome is not None and envelope.sender is not None:
                    report = office.reporter.report(envelope, [outcome], header=message[: header_end(message)], now=now)
                    await office.enqueue_report(connection, envelope.sender, report, now)
                await self._trace(connection, row, answer, now)
        for row in rows:
            await self._forget(row)

    async def _trace(self, connection: Connection, row: asyncpg.Record, answer: Answer, now: datetime) -> None:
        trace = Trace(
            happened_at=now,
            action="relay",
            mailbox=row["sender"],
            peer=row["recipient"],
            queue_id=row["queue_id"],
            size_bytes=row["size_bytes"],
            reply=answer.line,
            is_success=answer.is_delivered,
        )
        await add_traces(connection, [trace])

    async def _forget(self, row: asyncpg.Record) -> None:
        """Removes the content when no row needs it any more. What a crash leaves, the sweep of orphans takes."""
        owner, stored = row["owner_key"], row["object"]
        async with self._base.database.connection() as connection:
            used = await QUERIES["is_object_used"].row(connection, owner=owner, object=stored)
        if used is not None and not used["is_used"]:
            await self._base.objects.delete(owner, stored)


class _WrongPeer(Exception):
    """The server proved another name than the white list's."""


def _talk(
    connection: smtplib.SMTP,
    sender: str,
    recipients: Sequence[Recipient],
    message: bytes,
    envelope: Envelope,
    server: str,
) -> dict[str, Answer]:
    has_dsn = connection.has_extn("dsn")
    options = [f"SIZE={len(message)}"] if connection.has_extn("size") else []
    if has_dsn:
        options.append(f"RET={'FULL' if envelope.wants_full_return else 'HDRS'}")
        options += [f"ENVID={encode_xtext(envelope.envelope_id)}"] if envelope.envelope_id else []
    code, text = connection.mail(sender, options)
    if code != 250:
        return {str(item.address): Answer(code, _text(text), server) for item in recipients}
    answers: dict[str, Answer] = {}
    for item in recipients:
        words = []
        if has_dsn and item.notify:
            original = item.original_recipient or f"rfc822;{item.address}"
            words = [f"NOTIFY={item.notify}", f"ORCPT={encode_xtext(original)}"]
        code, text = connection.rcpt(str(item.address), words)
        answers[str(item.address)] = Answer(code, _text(text), server)
    taken = [address for address, answer in answers.items() if answer.is_delivered]
    if taken:
        code, text = connection.data(message)
        answers |= dict.fromkeys(taken, Answer(code, _text(text), server))
    return answers


def _text(reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return " ".join(text.split())


def _outcome(row: asyncpg.Record, answer: Answer, *, is_over: bool, warns: bool) -> Outcome | None:
    """What the sender of a row is owed now."""
    notify = row["notify"]
    if answer.is_delivered:
        # A server that knows DSN reports itself; of another we only know that it took the message.
        action, is_wanted = DeliveryAction.RELAYED, False
    elif is_over:
        action, is_wanted = DeliveryAction.FAILED, not notify or "FAILURE" in notify
    else:
        action, is_wanted = DeliveryAction.DELAYED, warns and (not notify or "DELAY" in notify)
    if not is_wanted:
        return None
    words = answer.text.split(" ")
    status = words[0] if words and words[0][:2] in {"4.", "5."} else ("5.0.0" if answer.is_final else "4.4.1")
    if is_over and status.startswith("4."):
        status = "5.4.7"
    return Outcome(
        recipient=row["recipient"],
        action=action,
        status=status,
        diagnostic=answer.line,
        original_recipient=row["original_recipient"],
        remote_server=answer.server,
    )


async def find_routes(domain: str) -> list[Route]:
    """The servers of ``domain`` by MX, preferred first; its own address without MX (RFC 5321 §5.1)."""
    import dns.asyncresolver
    import dns.exception
    import dns.resolver

    try:
        found = await dns.asyncresolver.resolve(domain, "MX", lifetime=10)
    except dns.resolver.NoAnswer:
        return [Route(domain)]
    except dns.exception.DNSException:
        return []
    records = sorted((record.preference, record.exchange.to_text().rstrip(".")) for record in found)
    return [Route(host) for _, host in records if host][:5]
