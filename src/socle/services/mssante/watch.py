"""Tells sessions and the queue's worker what changed, in whichever process it changed (LISTEN/NOTIFY)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from uuid import UUID

import asyncpg
import structlog

from socle.platform.database import Database

_log = structlog.get_logger(__name__)


class Watch:
    """One listening connection a process. A lost connection is opened again; watchers are then all woken."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watchers: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self.queue_due = asyncio.Event()

    async def start(self) -> None:
        """Starts listening."""
        if self._task is None:
            self._task = asyncio.create_task(self._listen())
            await self._ready.wait()

    async def stop(self) -> None:
        """Stops listening."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def add(self, key: UUID, folder_id: int, event: asyncio.Event) -> None:
        """Sets ``event`` whenever the folder changes."""
        self._watchers[f"{key}/{folder_id}"].add(event)

    def remove(self, key: UUID, folder_id: int, event: asyncio.Event) -> None:
        """Watches no more."""
        note = f"{key}/{folder_id}"
        self._watchers[note].discard(event)
        if not self._watchers[note]:
            del self._watchers[note]

    async def _listen(self) -> None:
        while True:
            try:
                connection = await asyncpg.connect(self._database.url)
                try:
                    await self._follow(connection)
                finally:
                    connection.terminate()
            except (OSError, asyncpg.PostgresError) as error:
                _log.warning("mail_watch_lost", error=type(error).__name__)
            await asyncio.sleep(1)

    async def _follow(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda *_: lost.set())
        await connection.add_listener("mss_mail", self._on_note)
        self._ready.set()
        self._wake_all()
        await lost.wait()

    def _on_note(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        if payload == "queue":
            self.queue_due.set()
        for event in self._watchers.get(str(payload), ()):
            event.set()

    def _wake_all(self) -> None:
        self.queue_due.set()
        for events in self._watchers.values():
            for event in events:
                event.set()
