"""One child process of the base, in the role that the supervisor gave it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import socket
from collections.abc import Iterator
from typing import Literal, NamedTuple

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from socle import app
from socle.platform.audit import load_signing_key
from socle.platform.base import open_base
from socle.platform.jobs import run_jobs
from socle.platform.keys import MasterKeys
from socle.platform.migrations import migrate
from socle.platform.settings import Settings
from socle.platform.telemetry import configure_logs
from socle.server.listeners import http_config, https_config, prepare_certificates
from socle.server.structs import learn_structs

_log = structlog.get_logger(__name__)


Role = Literal["web", "jobs", "mail"]

#: The parameter of ``mallopt`` that bounds the heaps of a process; other C libraries ignore it or do not have it.
_M_ARENA_MAX = -8


class Listening(NamedTuple):
    """What a child is told: its role, both ends of the pipe whose end means stop, its listening sockets by name."""

    role: Role
    life: int
    supervisors_end: int
    sockets: dict[str, socket.socket]


def prepare(settings: Settings) -> None:
    """Makes, once and before there are children, what they would otherwise make at the same time."""
    learn_structs()
    MasterKeys.load(settings.master_keys_path)
    load_signing_key(settings.data_path / "keys" / "audit.pem")
    if settings.tls_port:
        prepare_certificates(settings)


async def migrate_all(url: str) -> None:
    """Brings every table up to date."""
    await migrate(url, app.MIGRATED_PACKAGES)


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to this process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def collect_seldom() -> None:
    """Keeps the collector from what is there already, which stays, and from running at every few hundred values."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def share_arenas() -> None:
    """Keeps glibc from giving each thread a heap of its own, which a large XML answer would fill for good."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


async def run(listening: Listening, settings: Settings) -> None:
    """Works in the role of ``listening`` until told to stop."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    loop.add_reader(listening.life, stopping.set)
    base = await open_base(settings, settings.database_url, app.clock_of(settings))
    services = app.create_services(base)
    try:
        collect_seldom()
        if listening.role == "web":
            await _serve_web(app.create_app(services), listening, settings, stopping)
        elif listening.role == "jobs":
            periodic = asyncio.create_task(app.enqueue_periodic(services, stopping))
            await run_jobs(base.database, app.tasks_of(services), stopping)
            await periodic
        else:
            await app.serve_mail(services, stopping)
    finally:
        services.conformance.close()
        await base.database.close()


async def _serve_web(application: ASGIApp, listening: Listening, settings: Settings, stopping: asyncio.Event) -> None:
    servers = []
    for name, listener in listening.sockets.items():
        config = http_config(application) if name == "http" else https_config(application, settings.data_path / "pki")
        servers.append((_Server(config), listener))

    async def stop() -> None:
        await stopping.wait()
        for server, _ in servers:
            server.should_exit = True

    await asyncio.gather(stop(), *(server.serve([listener]) for server, listener in servers))


def run_process(listening: Listening, settings: Settings) -> None:
    """The whole life of a child, in the process that was just forked."""
    os.setsid()
    os.close(listening.supervisors_end)
    share_arenas()
    configure_logs(settings.log_level)
    uvloop.run(run(listening, settings))
