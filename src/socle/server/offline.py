"""The base for one command of an operator, whether ``socle serve`` runs or not."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import asyncpg

from socle.app import MIGRATED_PACKAGES, Services, create_services
from socle.platform.base import Base, open_base
from socle.platform.embedded import EmbeddedPostgres
from socle.platform.migrations import migrate
from socle.platform.settings import Settings
from socle.platform.telemetry import configure_logs
from socle.server.supervisor import lock_directory


@contextlib.asynccontextmanager
async def open_offline(settings: Settings) -> AsyncIterator[Base]:
    """The base of ``settings``, on the database that runs, or on one started for as long as the block lasts.

    Logs go to standard error: a command's answer is alone on standard output. Raises ``Unavailable`` when PostgreSQL
    cannot be started.
    """
    configure_logs(settings.log_level)
    async with contextlib.AsyncExitStack() as stack:
        url = settings.database_url
        if not url:
            server = EmbeddedPostgres(settings.data_path / "postgres")
            url = server.url
            if not await _answers(url):
                stack.enter_context(lock_directory(settings.data_path))
                server.start()
                stack.callback(server.stop)
        await migrate(url, MIGRATED_PACKAGES)
        base = await open_base(settings, url)
        stack.push_async_callback(base.database.close)
        yield base


@contextlib.asynccontextmanager
async def open_services(settings: Settings) -> AsyncIterator[Services]:
    """All services on ``open_offline``."""
    async with open_offline(settings) as base:
        yield create_services(base)


async def _answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, asyncpg.PostgresError):
        return False
    await connection.close()
    return True
