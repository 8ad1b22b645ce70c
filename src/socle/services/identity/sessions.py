"""Logins into the base's own pages, kept on the server; the browser holds a random cookie and nothing else.

A cookie is drawn anew at each login (no fixation), kept as SHA-256, sent to this host alone. A session ends after four
hours, or thirty minutes without a request: never longer than a Pro Santé Connect session.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec
from joserfc import jws
from starlette.requests import Request
from starlette.responses import Response

from socle.platform.actor import Actor
from socle.platform.audit import Action, AuditEvent
from socle.platform.base import Base
from socle.platform.database import Queries
from socle.platform.patient_key import patient_key
from socle.services.identity.domain import new_secret, sha256
from socle.services.identity.pages import clear_cookie, read_cookie, set_cookie

QUERIES = Queries("socle.services.identity")

_LONGEST: Final = timedelta(hours=4)
_IDLE: Final = timedelta(minutes=30)
#: How long a login is proof enough to change what is logged in with.
_FRESH: Final = timedelta(minutes=5)


class Space(StrEnum):
    """Which part of the site a login opens. Each has its own cookie: one browser may hold all three."""

    PROFESSIONAL = "professionnel"
    CITIZEN = "citoyen"
    OPERATOR = "operateur"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One login. ``record`` is what was learnt at login (JSON), ``acting`` the situation chosen since.

    ``kept`` is what the portal remembers of what is being looked at.
    """

    space: Space
    subject: str
    record: str
    acting: str
    kept: str
    upstream_sid: str
    id_token: str
    csrf: str
    started_at: datetime


class Sessions:
    """Opens, finds and closes logins."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._settings = base.settings

    async def open(
        self,
        response: Response,
        space: Space,
        subject: str,
        *,
        actor: Actor,
        means: str,
        record: str = "",
        acting: str = "",
        upstream_sid: str = "",
        id_token: str = "",
    ) -> None:
        """Logs ``subject`` in: a new session, its cookie in ``response``, a trace that ``actor`` came by ``means``.

        ``means`` is ``psc``, ``franceconnect``, ``password`` (with a second factor) or ``passkey``.
        """
        cookie = new_secret()
        async with self._base.database.transaction() as connection:
            await QUERIES["open_session"].execute(
                connection,
                cookie_sha256=sha256(cookie),
                space=space.value,
                subject=subject,
                record=record,
                acting=acting,
                upstream_sid=upstream_sid,
                id_token=id_token,
                csrf=new_secret(),
                now=self._base.clock(),
            )
            event = AuditEvent(
                actor=actor,
                action=Action.EXECUTE,
                transaction="login",
                patient_key=patient_key(actor.patient) if actor.patient is not None else None,
                right=f"login:{means}",
            )
            await self._base.audit.record(connection, event)
        set_cookie(response, self._settings, space.value, cookie)

    async def find(self, request: Request, space: Space) -> Session | None:
        """The living login of this browser in ``space``."""
        cookie = read_cookie(request, self._settings, space.value)
        if not cookie:
            return None
        now = self._base.clock()
        async with self._base.database.connection() as connection:
            row = await QUERIES["touch_session"].row(
                connection,
                cookie_sha256=sha256(cookie),
                now=now,
                oldest_start=now - _LONGEST,
                oldest_seen=now - _IDLE,
            )
        # A cookie moved under another space's name opens nothing.
        if row is None or row["space"] != space.value:
            return None
        return Session(**(dict(row) | {"space": space}))

    def is_fresh(self, session: Session) -> bool:
        """Whether whoever logged in gave every proof within the last five minutes.

        A provider answers without asking the person again while its own session lives: it counts from ``auth_time``.
        """
        age_s = self._base.clock().timestamp() - _proven_at(session)
        return age_s <= _FRESH.total_seconds()

    async def act_as(self, request: Request, space: Space, acting: str) -> None:
        """Remembers as what this login acts from now on."""
        async with self._base.database.connection() as connection:
            await QUERIES["choose_acting"].execute(
                connection, acting=acting, cookie_sha256=sha256(read_cookie(request, self._settings, space.value))
            )

    async def keep(self, request: Request, space: Space, kept: str) -> None:
        """Remembers what this login looks at from now on."""
        async with self._base.database.connection() as connection:
            await QUERIES["keep_in_session"].execute(
                connection, kept=kept, cookie_sha256=sha256(read_cookie(request, self._settings, space.value))
            )

    async def close(self, request: Request, response: Response, space: Space) -> None:
        """Logs out of ``space``."""
        async with self._base.database.connection() as connection:
            await QUERIES["close_session"].execute(
                connection, cookie_sha256=sha256(read_cookie(request, self._settings, space.value))
            )
        clear_cookie(response, self._settings, space.value)

    async def close_upstream(self, upstream_sid: str) -> int:
        """Closes the sessions opened under a provider's session; returns how many."""
        async with self._base.database.connection() as connection:
            return await QUERIES["close_sessions_of_upstream"].execute(connection, upstream_sid=upstream_sid)


def _proven_at(session: Session) -> float:
    """When the person last proved who they are (seconds); 0 where the provider does not say."""
    if not session.id_token:
        return session.started_at.timestamp()
    claims = msgspec.json.decode(jws.extract_compact(session.id_token.encode()).payload, type=dict[str, Any])
    auth_time = claims.get("auth_time")
    return auth_time if isinstance(auth_time, int) else 0
