"""Tokens that may be used once: each is remembered until its own date would refuse it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final, Protocol

from socle.platform.database import Database, Queries

_QUERIES = Queries("socle.platform", "replays.sql")
#: How many uses between two sweeps of what is over.
_SWEEP_EVERY: Final = 500


class Replays(Protocol):
    """Remembers what was used."""

    async def use(self, token: str, until: datetime, now: datetime) -> bool:
        """Whether this is the first use of ``token``. It is remembered until ``until``."""
        ...


class DatabaseReplays:
    """``Replays`` shared by every process of the base."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._uses = 0

    async def use(self, token: str, until: datetime, now: datetime) -> bool:
        """Whether this is the first use of ``token``, across processes."""
        digest = hashlib.sha256(token.encode()).digest()
        # One statement, no transaction of several: an unlogged table leaves nothing to flush at commit.
        async with self._database.connection() as connection:
            self._uses += 1
            if self._uses % _SWEEP_EVERY == 0:
                await _QUERIES["forget_tokens"].execute(connection, now=now)
            return await _QUERIES["use_token"].execute(connection, token=digest, until=until) == 1


class MemoryReplays:
    """``Replays`` of one process, for tests and tools."""

    def __init__(self) -> None:
        self._until: dict[str, datetime] = {}

    async def use(self, token: str, until: datetime, now: datetime) -> bool:
        """Whether this is the first use of ``token`` here."""
        self._until = {known: date for known, date in self._until.items() if date >= now}
        return self._until.setdefault(token, until) is until
