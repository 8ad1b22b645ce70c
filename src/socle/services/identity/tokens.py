"""Tokens in use: read, introspected, revoked.

Source: identity fact sheet §5.6; RFC 6750, 7009, 7662.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from socle.platform.database import Queries
from socle.services.identity.domain import PSC, Client, Means, sha256
from socle.services.identity.errors import OAuthError, invalid_token
from socle.services.identity.grants import read_refresh
from socle.services.identity.live_realm import LiveRealm

QUERIES = Queries("socle.services.identity")

#: Starts the ``jti`` of a token exchanged for one of the national provider, of which the base has no grant.
FOREIGN_GRANT = "national"


class Tokens:
    """The tokens of one realm."""

    def __init__(self, realm: LiveRealm) -> None:
        self._realm = realm
        self._base = realm.base

    async def read(self, token: str) -> dict[str, Any]:
        """The claims of a living access token of this realm. Raises ``InvalidToken`` naming what is wrong."""
        claims = await self._realm.keys.verify(token)
        if claims.get("iss") != self._realm.issuer or claims.get("typ") != "Bearer":
            raise invalid_token("Ce n'est pas un jeton d'accès de ce serveur.", "Not an access token of this server.")
        expires = claims.get("exp")
        if not isinstance(expires, int) or expires <= self._realm.now().timestamp():
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
            claims = await self.read(token)
        except OAuthError:
            return {"active": False}
        answer = {"active": True, **claims, "client_id": claims["azp"]}
        if self._realm.values is PSC:
            answer |= {"username": claims["preferred_username"], "SubjectNameID": claims["preferred_username"]}
        return answer

    async def _introspect_refresh(self, token: str) -> dict[str, Any]:
        try:
            grant_id, secret = read_refresh(token)
        except OAuthError:
            return {"active": False}
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_refresh"].row(
                connection, id=grant_id, sha256=sha256(secret), now=self._realm.now()
            )
        if row is None or row["realm"] != self._realm.values.name:
            return {"active": False}
        return {
            "active": True,
            "exp": int(row["refresh_expires_at"].timestamp()),
            "auth_time": int(row["authenticated_at"].timestamp()),
            "iss": self._realm.issuer,
            "sub": self._realm.subject_for(row["client_id"], row["subject"]),
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
                grant, _ = read_refresh(token)
            else:
                grant = UUID(str((await self._realm.keys.verify(token)).get("jti", "")).partition(".")[0])
        except (OAuthError, ValueError):
            return
        async with self._base.database.connection() as connection:
            await QUERIES["revoke_grant"].execute(
                connection, id=grant, realm=self._realm.values.name, client_id=client.client_id, now=self._realm.now()
            )

    async def read_logout_hint(self, token: str) -> tuple[str, UUID] | None:
        """The client and the session of an id_token of this realm, expired or not; ``None`` if it is not one."""
        try:
            claims = await self._realm.keys.verify(token)
            if claims.get("iss") != self._realm.issuer or claims.get("typ") != "ID":
                return None
            return str(claims["azp"]), UUID(str(claims["sid"]))
        except (OAuthError, ValueError, KeyError):
            return None
