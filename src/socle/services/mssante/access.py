"""Who opens which box: Pro Santé Connect tokens, client certificates, and passwords in the sandbox alone.

Source: fact sheet "mssante" §5 (API LPS); ECO.1.2.1, 1.2.5, 1.2.6.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from cryptography import x509

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.base import Base
from socle.platform.trust import TrustStore, Usage
from socle.services.mssante import rules
from socle.services.mssante.domain import Mailbox, MailboxKind, MailboxState, MailSession
from socle.services.mssante.errors import not_allowed, not_authenticated
from socle.services.mssante.store import QUERIES, Trace, add_traces, find_mailbox, find_rights
from socle.standards.certificates import parse_name, write_name
from socle.standards.errors import NotAuthenticated, SocleError, Text
from socle.standards.mail.address import parse_address

#: Gives the professional behind an access token, or refuses it.
VerifyToken = Callable[[str], Awaitable[Actor]]

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
#: Checked when the box has no password, so that a missing box answers as late as a wrong password.
_NOBODY = _HASHER.hash("nobody")
#: How many Argon2 checks run at once: each takes 19 MiB.
_CHECKS = asyncio.Semaphore(2)


class Access:
    """Opens boxes."""

    def __init__(self, base: Base, verify_token: VerifyToken | None, trust: TrustStore | None) -> None:
        self._base = base
        self._verify_token = verify_token
        self._trust = trust

    async def by_token(self, address: str, token: str, *, client: str = "") -> MailSession:
        """The box ``address`` for the bearer of a token. Raises ``NotAuthenticated`` or ``Forbidden``."""
        if self._verify_token is None:
            raise not_authenticated()
        actor = await self._verify_token(token)
        return await self._open(address, actor, expires_at=token_end(token), client=client)

    async def by_certificate(self, address: str, certificate: bytes, *, client: str = "") -> MailSession:
        """The applicative box ``address`` for the holder of a client certificate (DER)."""
        subject = self.verified_subject(certificate)
        box = await self._find(address)
        bound = parse_name(box.certificate_subject) if box else []
        if box is None or box.kind is not MailboxKind.APPLICATIVE or not bound:
            raise not_authenticated()
        if frozenset(bound) != frozenset(parse_name(subject)):
            raise not_allowed("Liaison entre BAL APP et sujet du certificat")
        actor = Actor(
            kind=ActorKind.SYSTEM,
            id=box.structure_id,
            name=box.display_name,
            structure=box.structure_id,
            authentication=AuthenticationMode.INDIRECTE,
            origin=client,
        )
        return await self._open(address, actor, client=client)

    async def by_password(self, address: str, password: str, *, client: str = "") -> MailSession:
        """The box ``address`` with the password of the sandbox. Raises ``NotAuthenticated``; never in production."""
        if not self._base.settings.is_sandbox:
            raise not_authenticated()
        box = await self._find(address)
        hashed = box.password_hash if box and box.password_hash else _NOBODY
        async with _CHECKS:
            is_right = await asyncio.to_thread(check_password, hashed, password)
        if box is None or not is_right or hashed is _NOBODY:
            raise not_authenticated()
        kind = ActorKind.PROFESSIONAL if box.person_id else ActorKind.SYSTEM
        actor = Actor(
            kind=ActorKind.PATIENT if box.ins else kind,
            id=box.person_id or box.structure_id or box.address,
            name=box.display_name,
            structure=box.structure_id,
            authentication=AuthenticationMode.CITIZEN if box.ins else AuthenticationMode.INDIRECTE,
            patient=box.ins,
            origin=client,
        )
        return await self._grant(box, actor, may_send=box.state is MailboxState.ACTIVE and box.ins is None)

    async def of_actor(self, address: str, actor: Actor) -> MailSession:
        """The box ``address`` for an actor whom a portal or an API authenticated."""
        return await self._open(address, actor)

    def verified_subject(self, certificate: bytes, usage: Usage = Usage.TLS_CLIENT) -> str:
        """The subject (RFC 4514) of a certificate that chains to the trust anchors and is not revoked.

        Raises ``NotAuthenticated`` with the reason as its code.
        """
        if self._trust is None:
            raise NotAuthenticated(
                "MSSNoTrust", Text("Aucune autorité n'est configurée.", "No authority is configured.")
            )
        try:
            loaded = x509.load_der_x509_certificate(certificate)
        except ValueError as error:
            raise not_authenticated() from error
        self._trust.verify(loaded, usage, self._base.clock())
        return write_name(loaded.subject)

    async def _find(self, address: str) -> Mailbox | None:
        try:
            wanted = str(parse_address(address))
        except SocleError:
            return None
        async with self._base.database.connection() as connection:
            return await find_mailbox(connection, wanted)

    async def _open(
        self, address: str, actor: Actor, *, expires_at: datetime | None = None, client: str = ""
    ) -> MailSession:
        box = await self._find(address)
        if box is None or box.state is MailboxState.PURGED:  # a closed one is opened to keep a copy
            await self._trace_refusal(address, actor, client)
            raise not_allowed()
        async with self._base.database.connection() as connection:
            rights = await find_rights(connection, box.key)
        now = self._base.clock()
        if not rules.may_read(actor, box, rights, now):
            await self._trace_refusal(address, actor, client)
            raise not_allowed()
        return await self._grant(
            box, actor, may_send=rules.may_send(actor, box, rights, now), expires_at=expires_at, client=client
        )

    async def _grant(
        self, box: Mailbox, actor: Actor, *, may_send: bool, expires_at: datetime | None = None, client: str = ""
    ) -> MailSession:
        now = self._base.clock()
        async with self._base.database.transaction() as connection:
            await QUERIES["touch"].execute(connection, mailbox_key=box.key, now=now)
            trace = Trace(
                happened_at=now,
                action="connect",
                mailbox=box.address,
                kind=box.kind.value,
                person_id=actor.id,
                peer=client or actor.origin,
                reply=actor.authentication.value,
            )
            await add_traces(connection, [trace])
        return MailSession(box=box, actor=actor, may_send=may_send, expires_at=expires_at)

    async def _trace_refusal(self, address: str, actor: Actor, client: str) -> None:
        async with self._base.database.connection() as connection:
            trace = Trace(
                happened_at=self._base.clock(),
                action="connect",
                mailbox=address[:320],
                person_id=actor.id,
                peer=client or actor.origin,
                is_success=False,
            )
            await add_traces(connection, [trace])


def hash_password(password: str) -> str:
    """The Argon2id hash of a sandbox password."""
    return _HASHER.hash(password)


def check_password(hashed: str, password: str) -> bool:
    """Whether ``password`` is the one hashed."""
    try:
        return _HASHER.verify(hashed, password)
    except (Argon2Error, InvalidHashError):
        return False


def token_end(token: str) -> datetime | None:
    """When a JWT that was verified before ends; ``None`` for any other token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(claims["exp"], UTC)
    except (binascii.Error, msgspec.DecodeError, KeyError, TypeError, ValueError, OverflowError):
        return None
