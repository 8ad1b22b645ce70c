"""Requests that a person answers on the e-CPS phone: CIBA, and logins under way in a browser.

The phone shows three numbers; the person taps the one that the other device shows, so that a request that they did not
start cannot be approved by habit. Source: identity fact sheet §5.8; OpenID CIBA Core (poll mode).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import msgspec
from asyncpg import Record

from socle.platform.base import Base
from socle.platform.database import Connection, Queries
from socle.services.identity import rules
from socle.services.identity.domain import (
    GRANT_CIBA,
    Challenge,
    ChallengeStatus,
    Client,
    Means,
    Realm,
    TokenResponse,
    new_secret,
    sha256,
)
from socle.services.identity.errors import OAuthError, invalid_grant, invalid_request
from socle.services.identity.provider import Provider
from socle.standards.errors import Conflict, NotFound, Text

QUERIES = Queries("socle.services.identity")

LIFE: Final = timedelta(seconds=120)
INTERVAL_S: Final = 1
#: Requests that may wait for one person at a time: more would be a flood that tires them into approving.
_MAX_WAITING = 5
_BINDING_MESSAGE = re.compile(r"[\w .,:!?/'()\-]{1,40}")


class CibaResponse(msgspec.Struct, frozen=True):
    """Answer of the backchannel authentication endpoint."""

    auth_req_id: str
    expires_in: int
    interval: int


class Challenges:
    """The requests of one realm."""

    def __init__(self, base: Base, provider: Provider) -> None:
        self._base = base
        self._provider = provider
        self._realm: Realm = provider.realm

    async def start_ciba(self, client: Client, form: Mapping[str, str], *, is_known: bool) -> CibaResponse:
        """Registers a request. ``is_known``: whether ``login_hint`` names a professional. Raises ``OAuthError``."""
        if GRANT_CIBA not in client.grants:
            raise OAuthError(
                "unauthorized_client",
                Text("CIBA n'est pas activé pour ce client.", "CIBA is not activated for this client."),
                requirement="CIBA Core §13",
            )
        for name in ("scope", "login_hint"):
            if not form.get(name):
                raise OAuthError("invalid_request", Text(f"missing parameter : {name}", f"missing parameter : {name}"))
        scopes = form["scope"].split()
        if "openid" not in scopes or any(scope not in self._realm.scopes for scope in scopes):
            raise OAuthError("invalid_scope", Text("scope vaut openid scope_all.", "scope is openid scope_all."))
        message = form.get("binding_message", "")
        if message and not _BINDING_MESSAGE.fullmatch(message):
            raise OAuthError(
                "invalid_binding_message",
                Text(
                    "binding_message : 40 caractères simples au plus.", "binding_message: 40 plain characters at most."
                ),
                requirement="CIBA Core §13",
            )
        if not is_known or not rules.ID_NAT.fullmatch(form["login_hint"]):
            raise OAuthError("invalid_request", Text("invalid_user", "invalid_user"))
        number = message if re.fullmatch(r"\d\d", message) else ""
        secret = await self._add(client, form["login_hint"], " ".join(scopes), message, number, is_ciba=True)
        return CibaResponse(secret, int(LIFE.total_seconds()), INTERVAL_S)

    async def start_login(self, client: Client, subject: str, scope: str) -> str:
        """Registers a login under way in a browser; returns the secret that the browser keeps in a cookie."""
        number = f"{10 + secrets.randbelow(90)}"
        return await self._add(client, subject, scope, "", number, is_ciba=False)

    async def _add(self, client: Client, subject: str, scope: str, message: str, number: str, *, is_ciba: bool) -> str:
        secret, now = new_secret(), self._base.clock()
        async with self._base.database.transaction() as connection:
            waiting = await QUERIES["count_challenges"].row(connection, subject=subject, now=now)
            if waiting is not None and waiting["count"] >= _MAX_WAITING:
                raise OAuthError(
                    "access_denied",
                    Text(
                        "Trop de demandes attendent sur le téléphone de cette personne.",
                        "Too many requests wait on this person's phone.",
                    ),
                    remedy=Text("Attendez deux minutes.", "Wait two minutes."),
                )
            await QUERIES["add_challenge"].execute(
                connection,
                id=uuid4(),
                secret_sha256=sha256(secret),
                realm=self._realm.name,
                client_id=client.client_id,
                client_name=client.name,
                subject=subject,
                scope=scope,
                binding_message=message,
                number=number,
                is_ciba=is_ciba,
                interval_s=INTERVAL_S,
                now=now,
                expires_at=now + LIFE,
            )
        return secret

    async def poll_ciba(self, client: Client, form: Mapping[str, str]) -> TokenResponse:
        """Tokens once the person approved. Raises ``OAuthError``: ``authorization_pending``, ``slow_down`` …"""
        secret = form.get("auth_req_id", "")
        if not secret:
            raise invalid_request("auth_req_id est obligatoire.", "auth_req_id is required.")
        now = self._base.clock()
        async with self._base.database.transaction() as connection:
            row = await self._poll(connection, secret, client, now, is_ciba=True)
            if row is None:
                raise invalid_grant("auth_req_id est inconnu de ce client.", "auth_req_id is unknown to this client.")
            # Half a second of tolerance: clients count from the answer, the provider from the request.
            pause = timedelta(seconds=row["interval_s"] - 0.5)
            is_hasty = row["previous"] is not None and now - row["previous"] < pause
            is_expired = row["expires_at"] <= now
            if is_hasty:
                await QUERIES["slow_challenge"].execute(connection, id=row["id"])
                consumed = None
            else:
                consumed = not is_expired and await QUERIES["consume_challenge"].row(connection, id=row["id"])
        if not consumed:
            raise _unanswered(row, is_hasty=is_hasty, is_expired=is_expired)
        session, _ = await self._provider.sessions.open(row["subject"], Means.ECPS, with_cookie=False)
        return await self._provider.grants.grant_directly(
            client, session, scope=row["scope"], acr=self._realm.acr_values[0]
        )

    async def poll_login(self, secret: str, client: Client) -> Challenge | None:
        """The login behind the browser's secret, if it still lives; an approved one is consumed by this very call."""
        now = self._base.clock()
        async with self._base.database.transaction() as connection:
            row = await self._poll(connection, secret, client, now, is_ciba=False)
            if row is None or row["expires_at"] <= now or row["status"] == ChallengeStatus.CONSUMED:
                return None
            if row["status"] == ChallengeStatus.APPROVED:
                await QUERIES["consume_challenge"].execute(connection, id=row["id"])
        return _challenge(row)

    async def _poll(
        self, connection: Connection, secret: str, client: Client, now: datetime, *, is_ciba: bool
    ) -> Record | None:
        return await QUERIES["poll_challenge"].row(
            connection,
            secret_sha256=sha256(secret),
            realm=self._realm.name,
            client_id=client.client_id,
            is_ciba=is_ciba,
            now=now,
        )

    async def list_waiting(self, subject: str) -> list[Challenge]:
        """What the phone of ``subject`` shows, oldest first."""
        async with self._base.database.connection() as connection:
            rows = await QUERIES["list_challenges"].rows(connection, subject=subject, now=self._base.clock())
        return [_challenge(row) for row in rows]

    async def answer(self, subject: str, challenge: UUID, *, number: str | None) -> None:
        """Approves with the ``number`` that was tapped, or denies (``None``). A wrong number denies.

        Raises ``NotFound`` when nothing waits, ``Conflict`` on a wrong number.
        """
        waiting = {item.id: item for item in await self.list_waiting(subject)}
        shown = waiting.get(challenge)
        if shown is None:
            raise NotFound("NoSuchRequest", Text("Cette demande n'attend plus.", "This request no longer waits."))
        is_right = number is not None and (
            not shown.number or secrets.compare_digest(number.encode(), shown.number.encode())
        )
        status = ChallengeStatus.APPROVED if is_right else ChallengeStatus.DENIED
        async with self._base.database.connection() as connection:
            done = await QUERIES["answer_challenge"].row(
                connection, id=challenge, subject=subject, status=status.value, now=self._base.clock()
            )
        if done is None:
            raise NotFound("NoSuchRequest", Text("Cette demande n'attend plus.", "This request no longer waits."))
        if number is not None and not is_right:
            raise Conflict(
                "WrongNumber",
                Text("Ce n'est pas le bon nombre : la demande est refusée.", "Wrong number: the request is denied."),
                remedy=Text("Recommencez la connexion.", "Start the login again."),
            )


def _unanswered(row: Record, *, is_hasty: bool, is_expired: bool) -> OAuthError:
    if is_expired:
        return OAuthError("expired_token", Text("La demande a expiré.", "The request has expired."))
    if is_hasty:
        return OAuthError("slow_down", Text("Interrogez moins souvent.", "Poll less often."))
    match row["status"]:
        case ChallengeStatus.PENDING:
            return OAuthError(
                "authorization_pending", Text("La personne n'a pas encore répondu.", "The person has not answered yet.")
            )
        case ChallengeStatus.DENIED:
            return OAuthError("access_denied", Text("La personne a refusé.", "The person denied."))
        case _:
            return invalid_grant("auth_req_id a déjà servi.", "auth_req_id was already used.")


def _challenge(row: Record) -> Challenge:
    values = {name: row[name] for name in Challenge.__struct_fields__}
    return Challenge(**(values | {"status": ChallengeStatus(row["status"])}))
