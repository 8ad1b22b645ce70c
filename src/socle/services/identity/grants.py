"""What a login gives a client: consent, code, refresh tokens, access tokens.

All of it descends from one row, the grant; the identifier of the grant starts each access token's ``jti``. Revoking the
row revokes all of it. Source: identity fact sheet §5.3-§5.7; RFC 6749, 7636, 9207, 9700; OIDC Core.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec
from asyncpg import Record

from socle.platform.database import Queries
from socle.services.identity import rules
from socle.services.identity.domain import (
    GRANT_REFRESH,
    OWN_CLIENT_ID,
    PSC,
    AuthorizationRequest,
    Client,
    Grant,
    Means,
    SsoSession,
    TokenResponse,
    new_secret,
    sha256,
)
from socle.services.identity.errors import OAuthError, invalid_grant, invalid_request
from socle.services.identity.keys import Sign
from socle.services.identity.live_realm import LiveRealm

QUERIES = Queries("socle.services.identity")

#: Audience of an access token that is meant for the provider itself and the base's own doors (Keycloak's value).
ACCOUNT_AUDIENCE = "account"
#: Authentication methods of the ``amr`` claim (RFC 8176).
_AMR = {Means.CARD: ("sc", "pin", "mfa"), Means.ECPS: ("swk", "mfa"), Means.SANDBOX: ("pwd",)}


class Grants:
    """The grants of one realm."""

    def __init__(self, realm: LiveRealm) -> None:
        self._realm = realm
        self._base = realm.base

    async def is_consented(self, request: AuthorizationRequest, subject: str) -> bool:
        """Whether ``subject`` already let the client read all that it asks for; the base's own pages need no asking."""
        if request.client.client_id == OWN_CLIENT_ID:
            return True
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_consent"].row(
                connection, realm=self._realm.values.name, subject=subject, client_id=request.client.client_id
            )
        return row is not None and set(request.scope.split()) <= set(row["scope"].split())

    async def give_consent(self, request: AuthorizationRequest, subject: str) -> None:
        """Remembers that ``subject`` lets the client read what it asks for."""
        async with self._base.database.connection() as connection:
            await QUERIES["give_consent"].execute(
                connection,
                realm=self._realm.values.name,
                subject=subject,
                client_id=request.client.client_id,
                scope=request.scope,
                now=self._realm.now(),
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
            request.redirect_uri, code=code, state=request.state, session_state=str(session.id), iss=self._realm.issuer
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
        now = self._realm.now()
        grant = Grant(
            id=uuid4(),
            realm=self._realm.values.name,
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
            code_expires_at=now + timedelta(seconds=self._realm.values.code_seconds) if code else None,
        )
        async with self._base.database.connection() as connection:
            await QUERIES["add_grant"].execute(
                connection,
                **(msgspec.structs.asdict(grant) | {"means": grant.means.value}),
                code_sha256=sha256(code) if code else None,
                refresh_sha256=sha256(refresh) if refresh else None,
                refresh_expires_at=now + timedelta(seconds=self._realm.values.refresh_seconds),
                now=now,
            )
        return grant

    async def redeem_code(self, client: Client, form: Mapping[str, str]) -> TokenResponse:
        """Tokens for a code. The code is used up even when the rest does not fit; a second use revokes everything."""
        code = form.get("code", "")
        if not code:
            raise invalid_request("code est obligatoire.", "code is required.")
        secret, now = new_secret(), self._realm.now()
        async with self._base.database.connection() as connection:
            row = await QUERIES["take_code"].row(
                connection,
                code_sha256=sha256(code),
                now=now,
                refresh_sha256=sha256(secret),
                refresh_expires_at=now + timedelta(seconds=self._realm.values.refresh_seconds),
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
            grant.realm == self._realm.values.name
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
        grant_id, secret = read_refresh(form.get("refresh_token", ""))
        fresh, now = new_secret(), self._realm.now()
        known = {"id": grant_id, "realm": self._realm.values.name, "client_id": client.client_id}
        async with self._base.database.connection() as connection:
            row = await QUERIES["rotate_refresh"].row(
                connection,
                **known,
                old_sha256=sha256(secret),
                new_sha256=sha256(fresh),
                now=now,
                refresh_expires_at=now + timedelta(seconds=self._realm.values.refresh_seconds),
                oldest_start=now - self._realm.values.session_max,
            )
            if row is None:
                await QUERIES["revoke_reused_refresh"].execute(connection, **known, sha256=sha256(secret), now=now)
                raise _refused_refresh()
        return await self._issue(client, _grant(row), fresh)

    async def _issue(self, client: Client, grant: Grant, refresh: str) -> TokenResponse:
        now = int(self._realm.now().timestamp())
        expires = now + self._realm.values.access_seconds
        common = {
            "exp": expires,
            "iat": now,
            "auth_time": int(grant.authenticated_at.timestamp()),
            "iss": self._realm.issuer,
            "sub": self._realm.subject_for(client.client_id, grant.subject),
            "azp": client.client_id,
            "session_state": str(grant.session),
            "sid": str(grant.session),
            "acr": grant.acr,
            "email_verified": False,
            "preferred_username": grant.subject,
        }
        if self._realm.values is not PSC:
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

        access_token, id_token = await self._realm.keys.mint(make)
        has_refresh = GRANT_REFRESH in client.grants and self._realm.values.refresh_seconds > 0
        return TokenResponse(
            access_token=access_token,
            token_type="Bearer",
            expires_in=self._realm.values.access_seconds,
            refresh_token=f"{_short(grant.id)}.{refresh}" if has_refresh else "",
            refresh_expires_in=self._realm.values.refresh_seconds if has_refresh else 0,
            id_token=id_token,
            session_state=str(grant.session),
            scope=grant.scope,
        )


def _grant(row: Record) -> Grant:
    return Grant(**(dict(row) | {"means": Means(row["means"])}))


def _short(grant: UUID) -> str:
    return base64.urlsafe_b64encode(grant.bytes).rstrip(b"=").decode()


def read_refresh(token: str) -> tuple[UUID, str]:
    """The grant and the secret of a refresh token. Raises ``OAuthError``."""
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
