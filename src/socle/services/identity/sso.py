"""Login sessions at a provider (SSO), and the notice to clients that one is over.

Source: identity fact sheet §5.4, §5.7; OIDC Back-Channel Logout.
"""

from __future__ import annotations

from uuid import UUID, uuid4

import msgspec

from socle.platform.database import Queries
from socle.services.identity.clients import ClientRegistry
from socle.services.identity.domain import Means, SsoSession, new_secret, sha256
from socle.services.identity.live_realm import LiveRealm

QUERIES = Queries("socle.services.identity")


class BackchannelLogout(msgspec.Struct, frozen=True):
    """Payload of the job that tells a client that a session is over."""

    realm: str
    client_id: str
    subject: str
    session: str


class SsoSessions:
    """The sessions of one realm."""

    def __init__(self, realm: LiveRealm, clients: ClientRegistry) -> None:
        self._realm = realm
        self._base = realm.base
        self._clients = clients

    async def open(self, subject: str, means: Means, *, with_cookie: bool = True) -> tuple[SsoSession, str]:
        """A new login session and the value of its cookie: always a new value, whatever the browser held before."""
        cookie, now = new_secret(), self._realm.now()
        session = SsoSession(
            id=uuid4(), realm=self._realm.values.name, subject=subject, means=means, started_at=now, seen_at=now
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

    async def find(self, cookie: str) -> SsoSession | None:
        """The living session behind ``cookie``: at most four hours old, seen in the last thirty minutes."""
        if not cookie:
            return None
        now = self._realm.now()
        async with self._base.database.connection() as connection:
            row = await QUERIES["touch_sso"].row(
                connection,
                realm=self._realm.values.name,
                cookie_sha256=sha256(cookie),
                now=now,
                oldest_start=now - self._realm.values.session_max,
                oldest_seen=now - self._realm.values.session_idle,
            )
        return SsoSession(**(dict(row) | {"means": Means(row["means"])})) if row is not None else None

    async def end(self, session: UUID) -> None:
        """Logs out everywhere: the session, every grant under it, and a notice to each client that asked for one."""
        now = self._realm.now()
        async with self._base.database.transaction() as connection:
            row = await QUERIES["end_sso"].row(connection, id=session, now=now)
            grants = await QUERIES["revoke_session_grants"].rows(connection, session=session, now=now)
            if row is None:
                return
            for client_id in {grant["client_id"] for grant in grants}:
                client = await self._clients.find(client_id)
                if client is not None and client.backchannel_logout_uri:
                    notice = BackchannelLogout(self._realm.values.name, client_id, row["subject"], str(session))
                    await self._base.jobs.enqueue(connection, "identity.notify_logout", notice)

    async def logout_token(self, notice: BackchannelLogout) -> str:
        """The JWT that tells a client that a session is over. Source: OIDC Back-Channel Logout §2.4."""
        client = await self._clients.find(notice.client_id)
        now = int(self._realm.now().timestamp())
        claims = {
            "iss": self._realm.issuer,
            "sub": self._realm.subject_for(notice.client_id, notice.subject),
            "aud": notice.client_id,
            "iat": now,
            "exp": now + 120,
            "jti": str(uuid4()),
            "sid": notice.session,
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }
        return await self._realm.keys.sign(client.id_token_alg if client is not None else "RS256", claims, "logout+jwt")
