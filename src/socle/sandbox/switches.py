"""Failure switches and the clock that can be set: what makes a sandbox fail on purpose, so that a vendor can rehearse.

The state is one row of the database; each process reads it every second, and at once when it changes it itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.platform.clock import system_clock
from socle.platform.database import Database, Queries
from socle.platform.settings import Settings
from socle.platform.switches import NORMAL, Health, SwitchState
from socle.platform.web import json_response, problem, read_body
from socle.services.identity.oidc import read_form
from socle.services.identity.pages import (
    check_forgery_token,
    error_page,
    forgery_token,
    keep_forgery_token,
    redirect,
    render,
)
from socle.standards.errors import InvalidContent, MalformedInput, SocleError, Text, Unavailable

QUERIES = Queries("socle.sandbox")

_EVERY_S = 1.0
_LONGEST_DELAY_MS = 120_000
_PAGE = "/sandbox/pannes"
#: Between these, tokens, certificates and documents have dates that can be written.
_FIRST_DAY = datetime(1970, 1, 2, tzinfo=UTC)
_LAST_DAY = datetime(2200, 1, 1, tzinfo=UTC)
_log = structlog.get_logger(__name__)


class Change(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What to switch; what is absent stays. ``clock`` is a moment (ISO 8601) or empty for the real time."""

    insi: Health | None = None
    psc: Health | None = None
    delay_ms: int | None = None
    wrong_traits: bool | None = None
    expired_cards: tuple[str, ...] | None = None
    revoked_certificates: tuple[str, ...] | None = None
    clock: str | None = None


class SandboxSwitches:
    """The switches as one process knows them. Called, it returns the state."""

    def __init__(self) -> None:
        self._state = NORMAL
        self._following: asyncio.Task[None] | None = None

    def __call__(self) -> SwitchState:
        """What is switched now, at most one second old."""
        return self._state

    def clock(self) -> datetime:
        """The time of the sandbox: the machine's, moved."""
        return self._state.now()

    def follow(self, database: Database) -> None:
        """Reads the state every second from now on, in the running event loop."""
        self._following = asyncio.create_task(self._follow(database))

    async def _follow(self, database: Database) -> None:
        while True:
            try:
                await self.load(database)
            except asyncpg.InterfaceError:
                # The pool is closed: the process ends.
                return
            except (OSError, asyncpg.PostgresError) as error:
                _log.warning("switches_unread", error=type(error).__name__)
            await asyncio.sleep(_EVERY_S)

    async def load(self, database: Database) -> SwitchState:
        """Reads the state once."""
        async with database.connection() as connection:
            row = await QUERIES["read_switches"].row(connection)
        self._state = msgspec.json.decode(row["state"], type=SwitchState) if row is not None else NORMAL
        return self._state

    async def change(self, database: Database, change: Change) -> SwitchState:
        """Switches what ``change`` names. Raises ``InvalidContent``."""
        values = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not None}
        if "delay_ms" in values and not 0 <= values["delay_ms"] <= _LONGEST_DELAY_MS:
            raise _invalid("delay_ms", "Le délai va de 0 à 120 000 ms.", "The delay goes from 0 to 120,000 ms.")
        if "clock" in values:
            values["clock_offset"] = _offset_to(values.pop("clock"))
        async with database.transaction() as connection:
            await QUERIES["lock_switches"].execute(connection)
            row = await QUERIES["read_switches"].row(connection)
            state = msgspec.json.decode(row["state"], type=SwitchState) if row is not None else NORMAL
            state = msgspec.structs.replace(state, **values)
            await QUERIES["write_switches"].execute(
                connection, state=msgspec.json.encode(state).decode(), now=system_clock()
            )
        self._state = state
        return state

    async def reset(self, database: Database) -> SwitchState:
        """Everything works again, at the real time."""
        async with database.connection() as connection:
            await QUERIES["clear_switches"].execute(connection)
        self._state = NORMAL
        return NORMAL

    async def rehearse_insi(self, _operation: str) -> None:
        """What INSi does before it answers: nothing, waits, or raises ``Unavailable``."""
        if self._state.insi is Health.SLOW:
            await asyncio.sleep(self._state.delay_ms / 1000)
        elif self._state.insi is not Health.NORMAL:
            raise Unavailable(
                "InsiDown",
                Text("INSi ne répond pas (commutateur).", "INSi does not answer (switch)."),
                remedy=Text(
                    "Remettez-le en marche : socle sandbox switches reset.", "Run: socle sandbox switches reset."
                ),
            )


def _offset_to(text: str) -> timedelta:
    if not text:
        return timedelta(0)
    try:
        wanted = datetime.fromisoformat(text)
        aware = wanted if wanted.tzinfo is not None else wanted.replace(tzinfo=UTC)
        is_writable = _FIRST_DAY <= aware <= _LAST_DAY
        offset = aware - system_clock()
    except (ValueError, OverflowError):
        is_writable, offset = False, timedelta(0)
    if not is_writable:
        raise _invalid("clock", "La date s'écrit 2026-12-24T10:00:00Z.", "Write a date as 2026-12-24T10:00:00Z.")
    return offset


def _invalid(name: str, fr: str, en: str) -> InvalidContent:
    return InvalidContent("InvalidSwitch", Text(fr, en), location=name)


def routes(switches: SandboxSwitches, database: Database, settings: Settings) -> list[BaseRoute]:
    """API ``/sandbox/switches`` and page ``/sandbox/pannes``; none of it outside a sandbox."""
    if not settings.is_sandbox:
        return []

    async def read(_request: Request) -> Response:
        return json_response(_shown(await switches.load(database)))

    async def change(request: Request) -> Response:
        try:
            state = await switches.change(database, await _read_change(request))
        except SocleError as error:
            return problem(error, request)
        return json_response(_shown(state))

    async def reset(_request: Request) -> Response:
        return json_response(_shown(await switches.reset(database)))

    async def show(request: Request) -> Response:
        token = forgery_token(request, settings)
        page = render(
            request,
            "switches.html",
            package="socle.sandbox",
            state=await switches.load(database),
            health=list(Health),
            now=switches.clock(),
            forgery=token,
        )
        return keep_forgery_token(page, settings, token)

    async def submit(request: Request) -> Response:
        try:
            form = await read_form(request)
            check_forgery_token(request, settings, form.get("forgery", ""))
            if "reset" in form:
                await switches.reset(database)
            else:
                await switches.change(database, _from_form(form))
        except SocleError as error:
            return error_page(request, error)
        return redirect(_PAGE)

    return [
        Route("/sandbox/switches", read),
        Route("/sandbox/switches", change, methods=["PATCH"]),
        Route("/sandbox/switches", reset, methods=["DELETE"]),
        Route(_PAGE, show),
        Route(_PAGE, submit, methods=["POST"]),
    ]


def _shown(state: SwitchState) -> dict[str, Any]:
    values = msgspec.to_builtins(state)
    del values["clock_offset"]
    return {**values, "clock_offset_s": round(state.clock_offset.total_seconds()), "now": state.now().isoformat()}


async def _read_change(request: Request) -> Change:
    try:
        return msgspec.json.decode(await read_body(request, 65536), type=Change)
    except msgspec.ValidationError as error:
        raise _invalid(
            "", f"Commutateur inconnu ou valeur refusée : {error}", f"Unknown switch or value: {error}"
        ) from error
    except msgspec.DecodeError as error:
        raise MalformedInput("InvalidJson", Text("Le corps n'est pas du JSON.", "The body is not JSON.")) from error


def _from_form(form: Mapping[str, str]) -> Change:
    delay = form.get("delay_ms", "")
    try:
        return Change(
            insi=Health(form.get("insi", "normal")),
            psc=Health(form.get("psc", "normal")),
            delay_ms=int(delay) if delay.isascii() and delay.isdigit() and len(delay) < 9 else None,
            wrong_traits=form.get("wrong_traits") == "yes",
            expired_cards=tuple(form.get("expired_cards", "").split()),
            revoked_certificates=tuple(form.get("revoked_certificates", "").lower().split()),
            clock=form["clock"] if form.get("clock") else None,
        )
    except ValueError as error:
        raise _invalid("health", "Cet état n'existe pas.", "There is no such state.") from error
