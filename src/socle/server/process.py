"""One child process of the base, in the role that the supervisor gave it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator

import msgspec
import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from socle.platform.base import open_base
from socle.platform.jobs import run_jobs
from socle.platform.settings import Settings
from socle.platform.telemetry import configure_logs
from socle.server.listeners import http_config, https_config

_log = structlog.get_logger(__name__)


class Listening(msgspec.Struct, frozen=True):
    """What a child is told: its role, the pipe whose end means stop, its listening sockets as descriptors by name."""

    role: str
    life: int
    sockets: dict[str, int]


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to this process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def run(listening: Listening, settings: Settings) -> None:
    """Works in the role of ``listening`` until told to stop."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    loop.add_reader(listening.life, stopping.set)
    # Imported here: each role pays for what it runs alone.
    from socle import app

    base = await open_base(settings, settings.database_url, app.clock_of(settings))
    try:
        services = app.create_services(base)
        if listening.role == "web":
            await _serve_web(app.create_app(services), listening, settings, stopping)
        elif listening.role == "jobs":
            periodic = asyncio.create_task(app.enqueue_periodic(services, stopping))
            await run_jobs(base.database, app.tasks_of(services), stopping)
            await periodic
        else:
            await app.serve_mail(services, stopping)
    finally:
        await base.database.close()


async def _serve_web(application: ASGIApp, listening: Listening, settings: Settings, stopping: asyncio.Event) -> None:
    servers = []
    for name, descriptor in listening.sockets.items():
        config = http_config(application) if name == "http" else https_config(application, settings.data_path / "pki")
        servers.append((_Server(config), socket.socket(fileno=descriptor)))

    async def stop() -> None:
        await stopping.wait()
        for server, _ in servers:
            server.should_exit = True

    await asyncio.gather(stop(), *(server.serve([listener]) for server, listener in servers))


def main() -> None:
    """Entry point of ``python -m socle.server.process``."""
    listening = msgspec.json.decode(sys.argv[1], type=Listening)
    settings = Settings.from_environment()
    configure_logs(settings.log_level)
    os.set_inheritable(listening.life, False)
    uvloop.run(run(listening, settings))


if __name__ == "__main__":
    main()
