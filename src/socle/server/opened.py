"""A base opened for one command, whether `socle serve` runs on it or not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from socle import app
from socle.platform.base import open_base
from socle.platform.embedded import EmbeddedPostgres
from socle.platform.migrations import migrate
from socle.platform.settings import Settings
from socle.server.supervisor import lock_directory
from socle.standards.errors import Conflict


@asynccontextmanager
async def opened_services(settings: Settings) -> AsyncIterator[app.Services]:
    """The services on the data of ``settings``.

    If no `socle serve` runs on the directory, its PostgreSQL is started for the time of the block.
    """
    own_server: EmbeddedPostgres | None = None
    lock = None
    url = settings.database_url
    if not url:
        server = EmbeddedPostgres(settings.data_path / "postgres")
        url = server.url
        try:
            lock = lock_directory(settings.data_path)
        except Conflict:
            pass
        else:
            server.start()
            own_server = server
    try:
        await migrate(url, app.MIGRATED_PACKAGES)
        base = await open_base(settings, url, app.clock_of(settings))
        try:
            yield app.create_services(base)
        finally:
            await base.database.close()
    finally:
        if own_server is not None:
            own_server.stop()
        if lock is not None:
            lock.close()
