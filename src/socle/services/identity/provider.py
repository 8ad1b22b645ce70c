"""The OpenID provider: sessions, codes, tokens. One engine for both realms.

Everything that one login gives a client (code, refresh tokens, access tokens) descends from one row, the grant; the
identifier of the grant starts each access token's ``jti``. Revoking the row revokes all of it.
Source: identity fact sheet §5.3-§5.7; RFC 6749, 7009, 7662, 9700; OIDC Core.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from asyncpg import Record

from socle.platform.base import Base
from socle.platform.database import Queries
from socle.platform.switches import Health, Switches
from socle.platform.trust import TrustStore
from socle.services.identity import rules
from socle.services.identity.claims import subject_of
from socle.services.identity.clients import ClientRegistry
from socle.services.identity.domain import (
    GRANT_REFRESH,
    OWN_CLIENT_ID,
    PSC,
    AuthorizationRequest,
    Client,
    Grant,
    Means,
    Realm,
    SsoSession,
    TokenResponse,
    new_secret,
    sha256,
)
from socle.services.identity.errors import OAuthError, invalid_grant, invalid_request, invalid_token
from socle.services.identity.keys import KeyRing, Sign
from socle.standards.errors import Text, Unavailable

QUERIES = Queries("socle.services.identity")

#: Audience of an access token that is meant for the provider itself and the base's own doors (Keycloak's value).
ACCOUNT_AUDIENCE = "account"
#: Starts the ``jti`` of a token exchanged for one of the national provider, of which the base has no grant.
FOREIGN_GRANT = "national"
#: Authentication methods of the ``amr`` claim (RFC 8176).
_AMR = {Means.CARD: ("sc", "pin", "mfa"), Means.ECPS: ("swk", "mfa"), Means.SANDBOX: ("pwd",)}


class BackchannelLogout(msgspec.Struct, frozen=True):
    """Payload of the job that tells a client that a session is over."""

    realm: str
    client_id: str
    subject: str
    session: str


class Provider:
    """One realm."""

    def __init__(self, base: Base, realm: Realm, keys: KeyRing, trust: TrustStore | None, switches: Switches) -> None:
        self._base = base
        self._switches = switches
        self.realm = realm
        self.keys = keys
        self.clients = ClientRegistry(base, realm, trust, switches)
        self.issuer = base.settings.base_url + realm.path

    def now(self) -> datetime:
        """The time of the base."""
        return self._base.clock()

    async def rehearse(self) -> None:
        """Does what the failure switches of the sandbox ask for: nothing, waits, or raises."""
        state = self._switches()
        health = state.psc if self.realm is PSC else Health.NORMAL
        if health is Health.SLOW:
            await asyncio.sleep(state.delay_ms / 1000)
        if health is Health.DOWN:
            raise Unavailable(
                "temporarily_unavailable",
                Text("Pro Santé Connect est arrêté (commutateur).", "Pro Santé Connect is down (switch)."),
            )
        if health is Health.REFUSE:
            raise OAuthError(
                "access_denied",
                Text("Pro Santé Connect refuse (commutateur).", "Pro Santé Connect refuses (switch)."),
                requirement="RFC 6749 §4.1.2.1",
            )

    def subject_for(self, client_id: str, subject: str) -> str:
        """The ``sub`` that ``client_id`` sees: the national form, or for citizens one value a client.

        Source: identity fact sheet §5.5 and §6.1 (opaque, stable per service provider, ends with ``v1``).
        """
        if self.realm is PSC:
            return subject_of(subject)
        return hashlib.sha256(f"{client_id}|{subject}".encode()).hexdigest() + "v1"

    # Sessions

    async def open_session(self, subject: str, means: Means, *, with_cookie: bool = True) -> tuple[SsoSession, str]:
        """A new login session and the value of its cookie: always a new value, whatever the browser held before."""
        cookie, now = new_secret(), self.now()
        session = SsoSession(
            id=uuid4(), realm=self.realm.name, subject=subject, means=means, started_at=now, seen_at=now
        )
        async with self._base.database.connection() as connection:
            await QUERIES["open_sso"].execute(
                connection,
                id=session.id,
                realm=session.realm,
                cookie_sha256=sha256(cookie) if with_cookie else None,
                subject=subject,
                means=means.value,
                now=now,
            )
        return session, cookie

    async def find_session(self, cookie: str) -> SsoSession | None:
        """The living session behind ``cookie``: at most four hours old, seen in the last thirty minutes."""
        if not cookie:
            return None
        now = self.now()
        async with self._base.database.connection() as connection:
            row = await QUERIES["touch_sso"].row(
                connection,
                realm=self.realm.name,
                cookie_sha256=sha256(cookie),
                now=now,
                oldest_start=now - self.realm.session_max,
                oldest_seen=now - self.realm.session_idle,
            )
        return SsoSession(**(dict(row) | {"means": Means(row["means"])})) if row is not None else None

    async def end_session(self, session: UUID) -> None:
        """Logs out everywhere: the session, every grant under it, and a notice to each client that asked for one."""
        now = self.now()
        async with self._base.database.transaction() as connection:
            row = await QUERIES["end_sso"].row(connection, id=session, now=now)
            grants = await QUERIES["revoke_session_grants"].rows(connection, session=session, now=now)
            if row is None:
                return
            for client_id in {grant["client_id"] for grant in grants}:
                client = await self.clients.find(client_id)
                if client is not None and client.backchannel_logout_uri:
                    notice = BackchannelLogout(self.realm.name, client_id, row["subject"], str(session))
                    await self._base.jobs.enqueue(connection, "identity.notify_logout", notice)

    async def logout_token(self, notice: BackchannelLogout) -> str:
        """The JWT that tells a client that a session is over. Source: OIDC Back-Channel Logout §2.4."""
        client = await self.clients.find(notice.client_id)
        now = int(self.now().timestamp())
        claims = {
            "iss": self.issuer,
            "sub": self.subject_for(notice.client_id, notice.subject),
            "aud": notice.client_id,
            "iat": now,
            "exp": now + 120,
            "jti": str(uuid4()),
            "sid": notice.session,
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }
        return await self.keys.sign(client.id_token_alg if client is not None else "RS256", claims)

    # Authorization code

    async def is_consented(self, request: AuthorizationRequest, subject: str) -> bool:
        """Whether ``subject`` already let the client read all that it asks for; the base's own pages need no asking."""
        if request.client.client_id == OWN_CLIENT_ID:
            return True
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_consent"].row(
                connection, realm=self.realm.name, subject=subject, client_id=request.client.client_id
            )
        return row is not None and set(request.scope.split()) <= set(row["scope"].split())

    async def give_consent(self, request: AuthorizationRequest, subject: str) -> None:
        """Remembers that ``subject`` lets the client read what it asks for."""
        async with self._base.database.connection() as connection:
            await QUERIES["give_consent"].execute(
                connection,
                realm=self.realm.name,
                subject=subject,
                client_id=request.client.client_id,
                scope=request.scope,
                now=self.now(),
            )

    async def issue_code(self, request: AuthorizationRequest, session: SsoSession) -> str:
        """The address to which the browser goes with a new code, ``state`` and ``iss`` (RFC 9207, against mix-up)."""
        code = new_secret()
        await self._add_grant(
            request.client.client_id,
            session,
            scope=request.scope,
            nonce=request.nonce,
            acr=request.acr,
            redirect_uri=request.redirect_uri,
            code_challenge=request.code_challenge,
            code=code,
        )
        return rules.add_to_query(
            request.redirect_uri, code=code, state=request.state, session_state=str(session.id), iss=self.issuer
        )

    async def _add_grant(
        self,
        client_id: str,
        session: SsoSession,
        *,
        scope: str,
        acr: str,
        nonce: str = "",
        redirect_uri: str = "",
        code_challenge: str = "",
        code: str = "",
        refresh: str = "",
    ) -> Grant:
        now = self.now()
        grant = Grant(
            id=uuid4(),
            realm=self.realm.name,
            client_id=client_id,
            session=session.id,
            subject=session.subject,
            scope=scope,
            nonce=nonce,
            acr=acr,
            means=session.means,
            authenticated_at=session.started_at,
            redirect_uri=redirect_uri,
            code_challenge=code_challenge,
            code_expires_at=now + timedelta(seconds=self.realm.code_seconds) if code else None,
        )
        async with self._base.database.connection() as connection:
            await QUERIES["add_grant"].execute(
                connection,
                **(msgspec.structs.asdict(grant) | {"means": grant.means.value}),
                code_sha256=sha256(code) if code else None,
                refresh_sha256=sha256(refresh) if refresh else None,
                refresh_expires_at=now + timedelta(seconds=self.realm.refresh_seconds),
                now=now,
            )
        return grant

    async def redeem_code(self, client: Client, form: Mapping[str, str]) -> TokenResponse:
        """Tokens for a code. The code is used up even when the rest does not fit; a second use revokes everything."""
        code = form.get("code", "")
        if not code:
            raise invalid_request("code est obligatoire.", "code is required.")
        secret, now = new_secret(), self.now()
        async with self._base.database.connection() as connection:
            row = await QUERIES["take_code"].row(
                connection,
                code_sha256=sha256(code),
                now=now,
                refresh_sha256=sha256(secret),
                refresh_expires_at=now + timedelta(seconds=self.realm.refresh_seconds),
            )
            if row is None:
                await QUERIES["revoke_replayed_code"].execute(connection, code_sha256=sha256(code), now=now)
                raise invalid_grant("Le code est inconnu ou déjà utilisé.", "The code is unknown or already used.")
            grant = _grant(row)
            if not self._code_fits(grant, client, form, now):
                await QUERIES["revoke_grant"].execute(
                    connection, id=grant.id, realm=grant.realm, client_id=grant.client_id, now=now
                )
                raise invalid_grant(
                    "Le code ne correspond pas à ce client, à cette adresse ou à ce code_verifier, ou a expiré.",
                    "The code does not fit this client, address or code_verifier, or has expired.",
                    requirement="RFC 6749 §4.1.3; RFC 7636 §4.6",
                )
        return await self._issue(client, grant, secret)

    def _code_fits(self, grant: Grant, client: Client, form: Mapping[str, str], now: datetime) -> bool:
        return (
            grant.realm == self.realm.name
            and grant.client_id == client.client_id
            and form.get("redirect_uri", "") == grant.redirect_uri
            and rules.verifier_fits(grant.code_challenge, form.get("code_verifier", ""))
            and grant.code_expires_at is not None
            and grant.code_expires_at > now
        )

    async def grant_directly(self, client: Client, session: SsoSession, *, scope: str, acr: str) -> TokenResponse:
        """Tokens for a login without a browser (CIBA, sandbox)."""
        secret = new_secret()
        grant = await self._add_grant(client.client_id, session, scope=scope, acr=acr, refresh=secret)
        return await self._issue(client, grant, secret)

    async def refresh(self, client: Client, form: Mapping[str, str]) -> TokenResponse:
        """New tokens for a refresh token, which is replaced. One that was already replaced revokes the whole chain."""
        grant_id, secret = _read_refresh(form.get("refresh_token", ""))
        fresh, now = new_secret(), self.now()
        known = {"id": grant_id, "realm": self.realm.name, "client_id": client.client_id}
        async with self._base.database.connection() as connection:
            row = await QUERIES["rotate_refresh"].row(
                connection,
                **known,
                old_sha256=sha256(secret),
                new_sha256=sha256(fresh),
                now=now,
                refresh_expires_at=now + timedelta(seconds=self.realm.refresh_seconds),
                oldest_start=now - self.realm.session_max,
            )
            if row is None:
                await QUERIES["revoke_reused_refresh"].execute(connection, **known, sha256=sha256(secret), now=now)
                raise _refused_refresh()
        return await self._issue(client, _grant(row), fresh)

    async def _issue(self, client: Client, grant: Grant, refresh: str) -> TokenResponse:
        now = int(self.now().timestamp())
        expires = now + self.realm.access_seconds
        common = {
            "exp": expires,
            "iat": now,
            "auth_time": int(grant.authenticated_at.timestamp()),
            "iss": self.issuer,
            "sub": self.subject_for(client.client_id, grant.subject),
            "azp": client.client_id,
            "session_state": str(grant.session),
            "sid": str(grant.session),
            "acr": grant.acr,
            "email_verified": False,
            "preferred_username": grant.subject,
        }
        if self.realm is not PSC:
            del common["preferred_username"], common["email_verified"]
        if grant.nonce:
            common["nonce"] = grant.nonce
        access = {
            **common,
            "jti": f"{grant.id}.{secrets.token_hex(8)}",
            "aud": ACCOUNT_AUDIENCE,
            "typ": "Bearer",
            "scope": grant.scope,
        }
        identity = {
            **common,
            "jti": str(uuid4()),
            "aud": client.client_id,
            "typ": "ID",
            "amr": _AMR[grant.means],
        }

        def make(sign: Sign) -> tuple[str, str]:
            signed = sign("RS256", access)
            return signed, sign(client.id_token_alg, identity | {"at_hash": _at_hash(signed)})

        access_token, id_token = await self.keys.mint(make)
        has_refresh = GRANT_REFRESH in client.grants and self.realm.refresh_seconds > 0
        return TokenResponse(
            access_token=access_token,
            token_type="Bearer",
            expires_in=self.realm.access_seconds,
            refresh_token=f"{_short(grant.id)}.{refresh}" if has_refresh else "",
            refresh_expires_in=self.realm.refresh_seconds if has_refresh else 0,
            id_token=id_token,
            session_state=str(grant.session),
            scope=grant.scope,
        )

    # Tokens in use

    async def read_access_token(self, token: str) -> dict[str, Any]:
        """The claims of a living access token of this realm. Raises ``InvalidToken`` naming what is wrong."""
        claims = await self.keys.verify(token)
        if claims.get("iss") != self.issuer or claims.get("typ") != "Bearer":
            raise invalid_token("Ce n'est pas un jeton d'accès de ce serveur.", "Not an access token of this server.")
        expires = claims.get("exp")
        if not isinstance(expires, int) or expires <= self.now().timestamp():
            raise invalid_token("Le jeton a expiré.", "The token has expired.")
        if not await self.is_alive(claims):
            raise invalid_token("Le jeton est révoqué ou la session est finie.", "The token is revoked or logged out.")
        return claims

    async def is_alive(self, claims: Mapping[str, Any]) -> bool:
        """Whether the grant of a token and its session still stand."""
        prefix = str(claims.get("jti", "")).partition(".")[0]
        if prefix == FOREIGN_GRANT:
            return True
        try:
            grant = UUID(prefix)
        except ValueError:
            return False
        async with self._base.database.connection() as connection:
            return await QUERIES["is_grant_alive"].row(connection, id=grant) is not None

    async def means_of(self, claims: Mapping[str, Any]) -> Means:
        """How the person of a token logged in."""
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_means"].row(connection, session=UUID(str(claims["sid"])))
        return Means(row["means"]) if row is not None else Means.ECPS

    async def subject_of(self, claims: Mapping[str, Any]) -> str:
        """Who a token is about, as this realm knows them: ``sub`` may be another value for each client."""
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_session_subject"].row(connection, session=UUID(str(claims["sid"])))
        return str(row["subject"]) if row is not None else ""

    async def introspect(self, token: str) -> dict[str, Any]:
        """RFC 7662 answer; ``SubjectNameID`` for an access token alone. Source: identity fact sheet §5.6."""
        if "." in token and token.count(".") == 1:
            return await self._introspect_refresh(token)
        try:
            claims = await self.read_access_token(token)
        except OAuthError:
            return {"active": False}
        answer = {"active": True, **claims, "client_id": claims["azp"]}
        if self.realm is PSC:
            answer |= {"username": claims["preferred_username"], "SubjectNameID": claims["preferred_username"]}
        return answer

    async def _introspect_refresh(self, token: str) -> dict[str, Any]:
        try:
            grant_id, secret = _read_refresh(token)
        except OAuthError:
            return {"active": False}
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_refresh"].row(connection, id=grant_id, sha256=sha256(secret), now=self.now())
        if row is None or row["realm"] != self.realm.name:
            return {"active": False}
        return {
            "active": True,
            "exp": int(row["refresh_expires_at"].timestamp()),
            "auth_time": int(row["authenticated_at"].timestamp()),
            "iss": self.issuer,
            "sub": self.subject_for(row["client_id"], row["subject"]),
            "typ": "Refresh",
            "azp": row["client_id"],
            "client_id": row["client_id"],
            "session_state": str(row["session"]),
            "acr": row["acr"],
            "scope": row["scope"],
            "username": row["subject"],
        }

    async def revoke(self, client: Client, token: str) -> None:
        """Ends the grant of an access or refresh token of ``client``; an unknown token is already so (RFC 7009)."""
        try:
            if token.count(".") == 1:
                grant, _ = _read_refresh(token)
            else:
                grant = UUID(str((await self.keys.verify(token)).get("jti", "")).partition(".")[0])
        except (OAuthError, ValueError):
            return
        async with self._base.database.connection() as connection:
            await QUERIES["revoke_grant"].execute(
                connection, id=grant, realm=self.realm.name, client_id=client.client_id, now=self.now()
            )

    async def read_logout_hint(self, token: str) -> tuple[str, UUID] | None:
        """The client and the session of an id_token of this realm, expired or not; ``None`` if it is not one."""
        try:
            claims = await self.keys.verify(token)
            if claims.get("iss") != self.issuer or claims.get("typ") != "ID":
                return None
            return str(claims["azp"]), UUID(str(claims["sid"]))
        except (OAuthError, ValueError, KeyError):
            return None


def _grant(row: Record) -> Grant:
    return Grant(**(dict(row) | {"means": Means(row["means"])}))


def _short(grant: UUID) -> str:
    return base64.urlsafe_b64encode(grant.bytes).rstrip(b"=").decode()


def _read_refresh(token: str) -> tuple[UUID, str]:
    short, _, secret = token.partition(".")
    try:
        return UUID(bytes=base64.urlsafe_b64decode(short + "==")), secret
    except ValueError as error:
        raise _refused_refresh() from error


def _refused_refresh() -> OAuthError:
    return invalid_grant(
        "Le jeton de rafraîchissement est inconnu, déjà remplacé, expiré, ou la session est finie.",
        "The refresh token is unknown, already replaced, expired, or the session is over.",
        requirement="RFC 9700 §4.14",
    )


def _at_hash(access_token: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()[:16]).rstrip(b"=").decode()
