"""Work that must happen because something was committed, committed with it (pgqueuer on PostgreSQL)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import msgspec
import structlog

from socle.platform.database import Connection, Database
from socle.standards.errors import SocleError, Unavailable

if TYPE_CHECKING:
    from pgqueuer.domain.models import Job
    from pgqueuer.queries import Queries

#: Runs one task: takes the payload as JSON bytes. An exception makes the job wait and try again.
Task = Callable[[bytes], Awaitable[None]]

_log = structlog.get_logger(__name__)

_FIRST_DELAY_S = 2
_LONGEST_DELAY_S = 3600
#: After so many attempts (about two days) a job is given up, logged and kept in the queue's log.
_ATTEMPTS = 60


class Jobs:
    """Puts jobs into the queue, inside the caller's transaction."""

    async def enqueue(
        self,
        connection: Connection,
        task: str,
        payload: msgspec.Struct | None = None,
        *,
        run_after: timedelta | None = None,
        dedupe_key: str | None = None,
    ) -> None:
        """Asks for ``task`` (``service.verb``) with ``payload`` as JSON, not before ``run_after`` from now.

        A second job with the same ``dedupe_key`` is not added while the first waits or runs.
        """
        await _queue(connection).enqueue(
            task,
            msgspec.json.encode(payload) if payload is not None else b"",
            execute_after=run_after or timedelta(0),
            dedupe_key=dedupe_key,
            on_conflict="skip",
        )


def _queue(connection: Connection) -> Queries:
    # pgqueuer takes as long to import as all the rest: commands and workers that need no queue do without it.
    from pgqueuer.db import AsyncpgDriver
    from pgqueuer.queries import Queries

    return Queries(AsyncpgDriver(connection))


async def install_queue(connection: Connection) -> None:
    """Creates the queue's own tables, or brings them up to date."""
    queue = _queue(connection)
    if await queue.schema_is_installed():
        await queue.upgrade()
    else:
        await queue.install()


async def run_jobs(database: Database, tasks: Mapping[str, Task], stopping: asyncio.Event) -> None:
    """Runs jobs until ``stopping`` is set, then lets those under way end."""
    from pgqueuer import PgQueuer
    from pgqueuer.db import AsyncpgDriver

    # A connection of its own, outside the pool: it listens for new jobs as long as the worker lives.
    connection = await asyncpg.connect(database.url)
    try:
        queue = PgQueuer(AsyncpgDriver(connection))
        for name, task in tasks.items():
            queue.entrypoint(name)(_with_retries(name, task))

        async def stop() -> None:
            await stopping.wait()
            queue.shutdown.set()

        stopper = asyncio.create_task(stop())
        try:
            await queue.run(dequeue_timeout=timedelta(seconds=5), batch_size=10)
        finally:
            stopper.cancel()
    finally:
        await connection.close()


def _with_retries(name: str, task: Task) -> Callable[[Job], Awaitable[None]]:
    from pgqueuer.errors import RetryRequested

    async def run(job: Job) -> None:
        try:
            await task(job.payload or b"")
        except Exception as error:
            code = error.code if isinstance(error, SocleError) else type(error).__name__
            permanent = isinstance(error, SocleError) and not isinstance(error, Unavailable)
            _log.warning("job_failed", task=name, error=code, attempt=job.attempts, given_up=permanent)
            if permanent or job.attempts >= _ATTEMPTS:
                raise
            delay_s = min(_FIRST_DELAY_S * 2 ** min(job.attempts, 20), _LONGEST_DELAY_S)
            raise RetryRequested(timedelta(seconds=delay_s), reason=code) from error

    return run
