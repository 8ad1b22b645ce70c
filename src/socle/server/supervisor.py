"""``socle serve``: starts everything, watches it, stops it.

The supervisor owns the listening sockets, so that a worker that dies loses no connection that it had not accepted: the
kernel keeps them for its successor. Children hold the read end of a pipe; when the supervisor dies, however it dies,
they read its end and stop.

The application is imported while PostgreSQL starts, and before children are forked: this module imports little.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gc
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec
import psutil
import structlog

from socle.platform.embedded import EmbeddedPostgres
from socle.platform.settings import Settings
from socle.platform.telemetry import collect_metrics_in
from socle.standards.errors import Conflict, SocleError, Text, Unavailable

if TYPE_CHECKING:
    from socle.server.process import Role

_log = structlog.get_logger(__name__)

#: A child that dies sooner than this after its start is started again with a pause.
_QUICK_DEATH_S = 2.0
_STOP_S = 15.0
#: Children are forks of the supervisor: what it imported is there at once, in memory that all share.
_FORK = multiprocessing.get_context("fork")


class _Child:
    """One process of the base, started again whenever it dies."""

    def __init__(self, role: Role, spawn: Callable[[Role], BaseProcess]) -> None:
        self.role = role
        self._spawn = spawn
        self.process = spawn(role)
        self.started_at = time.monotonic()

    def revive(self) -> None:
        """Starts it again if it died."""
        if self.process.is_alive():
            return
        quick = time.monotonic() - self.started_at < _QUICK_DEATH_S
        _log.warning("process_died", role=self.role, status=self.process.exitcode)
        if quick:
            time.sleep(1)
        self.process = self._spawn(self.role)
        self.started_at = time.monotonic()


class Supervisor:
    """The running base of one data directory."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._postgres: EmbeddedPostgres | None = None
        self._children: list[_Child] = []
        self._stopping = False
        self._lock: IO[str] | None = None

    def run(self, on_ready: Callable[[str], None]) -> None:
        """Serves until SIGINT or SIGTERM; calls ``on_ready`` with the address once requests are answered.

        Raises ``Conflict`` if another instance uses the directory or a port, ``Unavailable`` if a part cannot start.
        """
        # Whatever any process of the base writes, no other user of the machine reads.
        os.umask(0o077)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        self._lock = lock_directory(self.settings.data_path)
        # Before anything that counts is imported, and only by who holds the directory.
        collect_metrics_in(self.settings.data_path / "run" / "metrics")
        try:
            self._start()
            if self._wait_until_ready():
                on_ready(self.settings.base_url)
            while not self._stopping:
                self._revive()
                time.sleep(0.1)
        finally:
            self._stop_all()

    def _stop(self, *_signal: object) -> None:
        self._stopping = True

    def _start(self) -> None:
        settings = self.settings
        sockets = {"http": _listen(settings.host, settings.port)}
        if settings.tls_port:
            sockets["https"] = _listen(settings.host, settings.tls_port)
        # What is imported here stays in every process: the collector need not look through it, ten times over.
        gc.disable()
        with ThreadPoolExecutor(1) as meanwhile:
            database = meanwhile.submit(self._start_postgres)
            from socle.server import process

            process.prepare(settings)
            url = database.result()
        gc.enable()
        asyncio.run(process.migrate_all(url))
        told = msgspec.structs.replace(settings, database_url=url)
        life, own_end = os.pipe()

        def spawn(role: Role) -> BaseProcess:
            listening = process.Listening(role, life, own_end, sockets if role == "web" else {})
            child = _FORK.Process(target=process.run_process, args=(listening, told), name=f"socle {role}")
            child.start()
            return child

        workers = settings.workers or min(os.cpu_count() or 1, 8)
        roles: list[Role] = ["web" for _ in range(workers)]
        roles.append("jobs")
        if any((settings.smtp_port, settings.submission_port, settings.imap_port, settings.imaps_port)):
            roles.append("mail")
        self._children = [_Child(role, spawn) for role in roles]

    def _start_postgres(self) -> str:
        if self.settings.database_url:
            return self.settings.database_url
        directory = self.settings.data_path / "postgres"
        _stop_leftover(directory)
        self._postgres = EmbeddedPostgres(directory)
        self._postgres.start()
        return self._postgres.url

    def _wait_until_ready(self, timeout_s: float = 60) -> bool:
        deadline = time.monotonic() + timeout_s
        while not self._stopping:
            if _answers(self.settings.host, self.settings.port):
                return True
            for child in self._children:
                if not child.process.is_alive():
                    raise Unavailable(
                        "ProcessNotStarted",
                        Text(
                            f"Le processus « {child.role} » n'a pas démarré, voir ses messages.",
                            f"The process “{child.role}” did not start, see its messages.",
                        ),
                    )
            if time.monotonic() > deadline:
                raise Unavailable("NotReady", Text("La base ne répond pas.", "The base does not answer."))
            time.sleep(0.02)
        return False

    def _revive(self) -> None:
        if self._postgres is not None and self._postgres.process.poll() is not None:
            _log.warning("process_died", role="postgres", status=self._postgres.process.returncode)
            with contextlib.suppress(SocleError):
                self._postgres.start()
        for child in self._children:
            child.revive()

    def _stop_all(self) -> None:
        for child in self._children:
            child.process.terminate()
        deadline = time.monotonic() + _STOP_S
        for child in self._children:
            child.process.join(max(0.1, deadline - time.monotonic()))
            if child.process.is_alive():
                child.process.kill()
                child.process.join()
        if self._postgres is not None:
            self._postgres.stop()
        if self._lock is not None:
            self._lock.close()


def lock_directory(directory: Path) -> IO[str]:
    """Takes ``directory`` for this process until the file is closed. Raises ``Conflict`` (``AlreadyRunning``)."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o711)
    file = (directory / "lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Conflict(
            "AlreadyRunning",
            Text(f"Socle tourne déjà sur {directory}.", f"Socle already runs on {directory}."),
            remedy=Text(
                "Arrêtez l'autre instance, ou choisissez un autre dossier avec --data.",
                "Stop the other instance, or choose another directory with --data.",
            ),
        ) from error
    return file


def _listen(host: str, port: int) -> socket.socket:
    try:
        listener = socket.create_server((host, port), backlog=2048, reuse_port=False)
    except OSError as error:
        raise Conflict(
            "PortTaken",
            Text(f"Le port {port} de {host} n'est pas libre.", f"Port {port} of {host} is not free."),
            remedy=Text("Choisissez-en un autre avec --port ou --tls-port.", "Choose another: --port or --tls-port."),
        ) from error
    listener.setblocking(False)
    return listener


def _answers(host: str, port: int) -> bool:
    request = b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection((host, port), timeout=5) as connection:
            connection.sendall(request)
            return connection.recv(32).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def _stop_leftover(directory: Path) -> None:
    """Stops a PostgreSQL that a killed supervisor left behind on ``directory``."""
    try:
        pid = int((directory / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
        if "postgres" in process.name() and str(directory) in " ".join(process.cmdline()):
            process.send_signal(signal.SIGINT)
            process.wait(30)
    except (OSError, ValueError, IndexError, psutil.Error):
        return
