"""The dialogue of one SMTP or LMTP connection, without sockets: bytes in, replies out.

Three doors share it: *submission* (our boxes write, authenticated), *relay* (other operators write to our boxes, by
mutual TLS and white list), *LMTP* (a Postfix front hands over). It never relays for strangers.

Source: RFC 5321, 3207, 4954, 7628 (OAUTHBEARER), 3461, 2033; fact sheet "mssante" §3, §5.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final
from uuid import UUID

import structlog

from socle.services.mssante import rules
from socle.services.mssante.domain import Envelope, MailSession, Origin, Receipt, Recipient
from socle.services.mssante.errors import MailRefused
from socle.services.mssante.rates import PEER_RATE, per_minute
from socle.services.mssante.rules import Check, Peer, refusal
from socle.services.mssante.sasl import BEARERS, FAILED_CHALLENGE, authenticate, mechanisms, read_response
from socle.services.mssante.service import MssanteService
from socle.services.mssante.store import find_mailbox
from socle.standards.errors import MalformedInput, SocleError, TooLarge, Unavailable
from socle.standards.ids.ins import is_valid_matricule
from socle.standards.mail.address import Address
from socle.standards.mail.read import correspondents
from socle.standards.mail.smtp import (
    MAX_AUTH_BYTES,
    MAX_COMMAND_BYTES,
    Command,
    SmtpReader,
    decode_xtext,
    parse_command,
    parse_path,
)
from socle.standards.mail.structure import header_end, parse_header

MAX_RECIPIENTS: Final = 100
_MAX_ERRORS: Final = 20
_MAX_HOPS: Final = 50
_NOTIFY = re.compile(r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY))*")
_log = structlog.get_logger(__name__)


class Door(StrEnum):
    """Which rules apply."""

    SUBMISSION = "submission"
    RELAY = "relay"
    LMTP = "lmtp"


class SmtpSession:
    """One connection. Call ``receive`` with bytes, send what it returns; then look at ``wants_tls`` and ``is_over``."""

    def __init__(
        self,
        service: MssanteService,
        door: Door,
        *,
        client: str,
        is_tls: bool = False,
        tls_name: str = "",
        certificate: bytes | None = None,
        can_start_tls: bool = True,
    ) -> None:
        self.wants_tls = False
        self.is_over = False
        self._service = service
        self._door = door
        self._client = client
        self._rates = service.rates
        self._can_start_tls = can_start_tls and not is_tls
        self._reader = SmtpReader(rules.MAX_MESSAGE_BYTES)
        self._name = service.base.settings.mail_domain
        self._helo = ""
        self._errors = 0
        self._is_reading_message = False
        self._auth: str = ""
        self._session: MailSession | None = None
        self._is_tls = False
        self._tls_name = ""
        self._certificate: bytes | None = None
        self._peer = Peer(is_tls=False)
        self._set_tls(is_tls, tls_name, certificate)
        self._reset()

    @property
    def greeting(self) -> bytes:
        """The first line."""
        return f"220 {self._name} {'LMTP' if self._door is Door.LMTP else 'ESMTP'} Socle\r\n".encode()

    @property
    def is_clean(self) -> bool:
        """Whether no byte waits: required before TLS."""
        return self._reader.is_empty

    def tls_started(self, tls_name: str, certificate: bytes | None) -> None:
        """The connection is now encrypted: everything said before is forgotten (RFC 3207 §4.2)."""
        self.wants_tls = False
        self._helo = ""
        self._session = None
        self._set_tls(True, tls_name, certificate)
        self._reset()

    def _set_tls(self, is_tls: bool, tls_name: str, certificate: bytes | None) -> None:
        self._is_tls, self._tls_name, self._certificate = is_tls, tls_name, certificate
        subject = error = ""
        if certificate is not None and self._door is Door.RELAY:
            try:
                subject = self._service.access.verified_subject(certificate)
            except SocleError as refused:
                error = refused.code
        self._peer = Peer(is_tls=is_tls, subject=subject, certificate_error=error)

    def _reset(self) -> None:
        self._has_mail = False
        self._sender: Address | None = None
        self._size = 0
        self._envelope_id = ""
        self._wants_full_return = False
        self._recipients: list[Recipient] = []

    async def receive(self, data: bytes) -> bytes:
        """The replies to ``data``: empty while a command or a message is incomplete."""
        self._reader.feed(data)
        replies: list[str] = []
        while not self.is_over and not self.wants_tls:
            try:
                reply = await self._step()
            except MailRefused as error:
                reply = error.reply
            except MalformedInput as error:
                reply = _reply(501, "5.5.4" if error.code != "InvalidAddress" else "5.1.3", error)
            except TooLarge as error:
                reply, self.is_over = _reply(500, "5.5.6", error), True
            except SocleError as error:
                reply = _reply(554, "5.5.0", error)
            if reply is None:
                break
            replies.append(reply)
            if reply[0] == "5":
                self._errors += 1
                if self._errors > _MAX_ERRORS:
                    replies.append("421 4.7.0 Too many errors")
                    self.is_over = True
        return "".join(f"{reply}\r\n" for reply in replies).encode("ascii", "replace")

    async def _step(self) -> str | None:
        """Handles the next complete thing; ``None`` when nothing is complete."""
        if self._is_reading_message:
            return await self._take_message()
        line = self._reader.take_line(MAX_AUTH_BYTES if self._auth else MAX_COMMAND_BYTES + MAX_AUTH_BYTES)
        if line is None:
            return None
        if self._auth:
            return await self._continue_auth(line)
        if len(line) > MAX_COMMAND_BYTES and line[:5].upper() != b"AUTH ":
            return "500 5.5.6 Line too long"
        ends = self._session.expires_at if self._session else None
        if ends is not None and ends <= self._service.base.clock():
            self.is_over = True
            return "421 4.7.0 Token expired"
        command = parse_command(line)
        handler = _HANDLERS.get(command.verb)
        if handler is None:
            return "500 5.5.1 Command unknown"
        return await handler(self, command)

    async def _hello(self, command: Command) -> str:
        wanted = "LHLO" if self._door is Door.LMTP else ""
        if (command.verb == "LHLO") != bool(wanted) or not command.argument:
            return "501 5.5.1 Wrong greeting"
        self._helo = re.sub(r"[^A-Za-z0-9.:\[\]_-]", "?", command.argument)[:255]
        self._reset()
        if command.verb == "HELO":
            return f"250 {self._name}"
        offered = ["PIPELINING", f"SIZE {rules.MAX_MESSAGE_BYTES}", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN"]
        if self._can_start_tls and not self._is_tls:
            offered.append("STARTTLS")
        if self._door is Door.SUBMISSION and self._is_tls and self._session is None:
            offered.append(f"AUTH {' '.join(self._mechanisms())}")
        lines = [self._name, *offered]
        return "\r\n".join(f"250{'-' if n < len(lines) - 1 else ' '}{line}" for n, line in enumerate(lines))

    def _mechanisms(self) -> list[str]:
        is_sandbox = self._service.base.settings.is_sandbox
        offered = mechanisms(has_certificate=self._certificate is not None, is_sandbox=is_sandbox)
        return [*offered, "LOGIN"] if is_sandbox else offered

    async def _start_tls(self, command: Command) -> str:
        if not self._can_start_tls or self._is_tls:
            return "503 5.5.1 TLS not available"
        if command.argument:
            return "501 5.5.4 No argument expected"
        if not self._reader.is_empty:
            self.is_over = True
            return "554 5.5.1 Bytes sent before TLS"
        self.wants_tls = True
        return "220 2.0.0 Ready to start TLS"

    async def _authenticate(self, command: Command) -> str:
        if self._door is not Door.SUBMISSION:
            return "502 5.5.1 Not available here"
        if not self._is_tls:
            return "538 5.7.11 Encryption required"
        if self._session is not None or self._has_mail or not self._helo:
            return "503 5.5.1 Bad sequence"
        mechanism, _, initial = command.argument.partition(" ")
        if mechanism.upper() not in self._mechanisms():
            return "504 5.5.4 Mechanism not available"
        self._auth = mechanism.upper()
        if initial:
            return await self._continue_auth(initial.encode())
        prompt = base64.b64encode(b"Username:").decode() if self._auth == "LOGIN" else ""
        return f"334 {prompt}"

    async def _continue_auth(self, line: bytes) -> str:
        mechanism, self._auth = self._auth, ""
        if line == b"*":
            return "501 5.7.0 Authentication cancelled"
        if mechanism == "FAILED":
            return "535 5.7.8 Authentication failed"
        response = read_response(line)
        if response is None:
            return "501 5.5.2 Invalid base64"
        if mechanism == "LOGIN":
            self._auth = f"LOGIN {response}"
            return f"334 {base64.b64encode(b'Password:').decode()}"
        if mechanism.startswith("LOGIN "):
            mechanism, response = "PLAIN", f"\0{mechanism[6:]}\0{response}"
        try:
            self._session = await authenticate(self._service, mechanism, response, self._certificate, self._client)
        except Unavailable:
            return "454 4.7.0 Temporary authentication failure"
        except SocleError:
            if mechanism in BEARERS:  # RFC 7628 §3.2.3: the client answers an empty line
                self._auth = "FAILED"
                return f"334 {FAILED_CHALLENGE}"
            return "535 5.7.8 Authentication failed"
        return "235 2.7.0 Authentication successful"

    async def _mail(self, command: Command) -> str:
        if not self._helo or self._has_mail:
            return "503 5.5.1 Bad sequence"
        if self._door is Door.SUBMISSION and not self._is_tls:
            return refusal(Check.NO_TLS).reply
        if self._door is Door.SUBMISSION and self._session is None:
            return "530 5.7.0 Authentication required"
        path = parse_path(command.argument, "FROM")
        unknown = path.parameters.keys() - {"SIZE", "BODY", "RET", "ENVID", "AUTH"}
        size = path.parameters.get("SIZE", "0")
        if unknown or not size.isdigit() or path.parameters.get("BODY", "7BIT").upper() not in {"7BIT", "8BITMIME"}:
            return "555 5.5.4 Parameter not supported"
        if int(size) > rules.MAX_MESSAGE_BYTES:
            raise refusal(Check.TOO_BIG)
        await self._check_sender(path.address)
        self._has_mail = True
        self._sender = path.address
        self._size = int(size)
        self._envelope_id = decode_xtext(path.parameters.get("ENVID", ""))[:100]
        self._wants_full_return = path.parameters.get("RET", "").upper() == "FULL"
        return "250 2.1.0 Sender ok"

    async def _check_sender(self, sender: Address | None) -> None:
        if self._door is Door.SUBMISSION and self._session is not None:
            box = self._session.box
            if sender is None or str(sender) != box.address or not self._session.may_send:
                raise refusal(Check.NOT_SENDER)
            if not self._rates.take(box.address, per_minute(box.kind)):
                raise refusal(Check.RATE)
        elif self._door is Door.RELAY:
            if self._peer.is_tls is False:
                raise refusal(Check.NO_TLS)
            white_list = await self._service.trust_list.current()
            if white_list is None:
                raise refusal(Check.SENDER_DOMAIN, sender.domain if sender else "")
            rules.judge_peer(self._peer, sender, white_list)
            if self._certificate is not None:
                await self._service.peers.remember(self._certificate)
            if not self._rates.take(self._peer.subject, PEER_RATE):
                raise refusal(Check.RATE)

    async def _rcpt(self, command: Command) -> str:
        if not self._has_mail:
            return "503 5.5.1 Bad sequence"
        if len(self._recipients) >= MAX_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        path = parse_path(command.argument, "TO")
        notify = path.parameters.get("NOTIFY", "").upper()
        if path.address is None or path.parameters.keys() - {"NOTIFY", "ORCPT"}:
            return "555 5.5.4 Parameter not supported"
        if notify and not _NOTIFY.fullmatch(notify):
            return "501 5.5.4 Bad NOTIFY"
        key = await self._check_recipient(path.address)
        original = decode_xtext(path.parameters.get("ORCPT", ""))[:500]
        self._recipients.append(Recipient(path.address, notify, original, key))
        return "250 2.1.5 Recipient ok"

    async def _check_recipient(self, address: Address) -> UUID | None:
        """Lets a recipient pass; the key of the box if it was looked up. Raises ``MailRefused``."""
        office = self._service.office
        if not office.domains.are_ours(address.domain):
            white_list = await self._service.trust_list.current() if self._door is Door.SUBMISSION else None
            if white_list is None or white_list.find(address.domain) is None:
                raise refusal(Check.NOT_LISTED, address.domain)
            return None
        if office.domains.is_citizen(address):
            # An unknown citizen is told by a bounce, as Mon espace santé does; only the size is refused at once.
            if not is_valid_matricule(address.local.upper()) and self._door is Door.SUBMISSION:
                raise refusal(Check.UNKNOWN_BOX)
            if self._size > rules.CITIZEN_MAX_BYTES:
                raise refusal(Check.TOO_BIG)
            return None
        async with self._service.base.database.connection() as connection:
            box = await find_mailbox(connection, str(address))
        check = rules.judge_recipient_box(box, self._size)
        if check is not None or box is None:
            raise refusal(check or Check.UNKNOWN_BOX)
        return box.key

    async def _data(self, command: Command) -> str:
        if not self._recipients:
            return "503 5.5.1 No valid recipients" if not self._has_mail else "554 5.5.1 No valid recipients"
        if command.argument:
            return "501 5.5.4 No argument expected"
        self._is_reading_message = True
        self._reader.start_message()
        return "354 End data with <CR><LF>.<CR><LF>"

    async def _take_message(self) -> str | None:
        try:
            message = self._reader.take_message()
        except TooLarge:
            return self._answer_each(refusal(Check.TOO_BIG).reply)
        except SocleError as error:
            return self._answer_each(_reply(554, "5.6.0", error))
        if message is None:
            if self._reader.discarded_bytes > 4 * rules.MAX_MESSAGE_BYTES:
                self.is_over = True
                return refusal(Check.TOO_BIG).reply
            return None
        try:
            receipt = await self._deliver(message)
        except MailRefused as error:
            return self._answer_each(error.reply)
        except Unavailable as error:
            return self._answer_each(_reply(451, "4.7.1", error))
        except SocleError as error:
            return self._answer_each(_reply(554, "5.6.0", error))
        except Exception as error:  # nothing was accepted: the sender keeps the message
            _log.error("mail_not_accepted", error=type(error).__name__, exc_info=True)
            return self._answer_each("451 4.3.0 Local failure, try again")
        return self._answer_each(f"250 2.6.0 Accepted {receipt.queue_id.hex}")

    def _answer_each(self, reply: str) -> str:
        """The reply to the message; LMTP wants one a recipient."""
        count = len(self._recipients) if self._door is Door.LMTP else 1
        self._is_reading_message = False
        self._reset()
        return "\r\n".join([reply] * count)

    async def _deliver(self, message: bytes) -> Receipt:
        fields = parse_header(message[: header_end(message)])
        if len(fields.get_all("Received", [])) > _MAX_HOPS:
            raise MailRefused(554, "5.4.6", "MSS-loop", rules.REPLIES[Check.TOO_BIG][2])
        authors = correspondents(fields, "From")
        author = authors[0].address if len(authors) == 1 and len(fields.get_all("From", [])) == 1 else None
        if self._door is Door.SUBMISSION and self._session is not None and str(author) != self._session.box.address:
            raise refusal(Check.HEADER_FROM)
        if self._door is Door.RELAY:
            white_list = await self._service.trust_list.current()
            if white_list is not None:
                rules.judge_header_domain(self._peer, self._sender, author, white_list)
        return await self._service.office.accept(self._envelope(), message)

    def _envelope(self) -> Envelope:
        box = self._session.box if self._session else None
        origin = {Door.SUBMISSION: Origin.SUBMISSION, Door.RELAY: Origin.PEER, Door.LMTP: Origin.LMTP}[self._door]
        return Envelope(
            sender=self._sender,
            recipients=tuple(self._recipients),
            origin=origin,
            envelope_id=self._envelope_id,
            wants_full_return=self._wants_full_return,
            author=self._session.actor.id if self._session else self._peer.subject,
            kind=box.kind.value if box else "",
            client=self._client,
            helo=self._helo,
            tls=self._tls_name,
        )

    async def _rset(self, _command: Command) -> str:
        self._reset()
        return "250 2.0.0 Ok"

    async def _noop(self, _command: Command) -> str:
        return "250 2.0.0 Ok"

    async def _verify(self, _command: Command) -> str:
        return "252 2.5.0 Cannot verify, but will try"

    async def _quit(self, _command: Command) -> str:
        self.is_over = True
        return "221 2.0.0 Bye"


_HANDLERS: Final[dict[str, Callable[[SmtpSession, Command], Awaitable[str]]]] = {
    "EHLO": SmtpSession._hello,
    "HELO": SmtpSession._hello,
    "LHLO": SmtpSession._hello,
    "STARTTLS": SmtpSession._start_tls,
    "AUTH": SmtpSession._authenticate,
    "MAIL": SmtpSession._mail,
    "RCPT": SmtpSession._rcpt,
    "DATA": SmtpSession._data,
    "RSET": SmtpSession._rset,
    "NOOP": SmtpSession._noop,
    "VRFY": SmtpSession._verify,
    "QUIT": SmtpSession._quit,
}


def _reply(code: int, enhanced: str, error: SocleError) -> str:
    return f"{code} {enhanced} {error.reason.en}"
