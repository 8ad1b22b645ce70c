"""Fixtures for all tests: a clock that is set, a fresh database, a platform on it, a running base."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import msgspec
import pytest
from hypothesis import settings

from socle.app import MIGRATED_PACKAGES
from socle.platform.base import Base, open_base
from socle.platform.embedded import EmbeddedPostgres
from socle.platform.migrations import migrate
from socle.platform.settings import Settings

# On a machine that others use too, an example that waits for its turn is not slow.
settings.register_profile("socle", deadline=None)
settings.load_profile("socle")

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        self.now += by


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime(2026, 3, 2, 8, 15, tzinfo=UTC))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real examples and value sets, beside the project."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not there")
    return SHARED


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """One PostgreSQL server a test process, without durability: it lives in memory as far as it can."""
    directory = Path(tempfile.mkdtemp(prefix="socle-tests-"))
    server = EmbeddedPostgres(directory / "postgres")
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def template_database(postgres: EmbeddedPostgres) -> str:
    """The name of a migrated database, copied for each test."""
    import asyncio

    async def create() -> None:
        admin = await asyncpg.connect(postgres.url)
        await admin.execute("ALTER SYSTEM SET fsync = off")
        await admin.execute("ALTER SYSTEM SET synchronous_commit = off")
        await admin.execute("SELECT pg_reload_conf()")
        await admin.execute("CREATE DATABASE migrated")
        await admin.close()
        await migrate(url_of(postgres, "migrated"), MIGRATED_PACKAGES)

    asyncio.run(create())
    return "migrated"


def url_of(postgres: EmbeddedPostgres, name: str) -> str:
    return postgres.url.replace("/postgres?", f"/{name}?")


async def copy_database(postgres: EmbeddedPostgres, template: str, name: str) -> str:
    """A copy of the migrated database; its address."""
    admin = await asyncpg.connect(postgres.url)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    await admin.close()
    return url_of(postgres, name)


@pytest.fixture
async def database_url(postgres: EmbeddedPostgres, template_database: str) -> AsyncIterator[str]:
    """A fresh, migrated, empty database."""
    name = f"test_{uuid.uuid4().hex}"
    yield await copy_database(postgres, template_database, name)
    admin = await asyncpg.connect(postgres.url)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture(scope="session")
def shared_url(postgres: EmbeddedPostgres, template_database: str) -> str:
    """One migrated database for all tests of this process that ask for ``emptied_url``."""
    import asyncio

    return asyncio.run(copy_database(postgres, template_database, "shared"))


@pytest.fixture
async def emptied_url(shared_url: str) -> str:
    """The shared database, emptied of people, identities and keys: ten times quicker than a new one."""
    connection = await asyncpg.connect(shared_url)
    tables = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        " AND tablename ~ '^(identity_|directory_|sandbox_|key_ring|pgqueuer)'"
    )
    await connection.execute(";".join(f"DELETE FROM {row['tablename']}" for row in tables))
    await connection.close()
    return shared_url


@pytest.fixture
async def base(database_url: str, clock: SetClock, tmp_path: Path) -> AsyncIterator[Base]:
    """A platform on a fresh database, with a set clock."""
    opened = await open_base(Settings(data=str(tmp_path), database_url=database_url), database_url, clock)
    yield opened
    await opened.database.close()


class RunningBase(msgspec.Struct, frozen=True):
    """A live `socle serve`: its addresses, its data directory, its process, its settings."""

    url: str
    tls_url: str
    data: Path
    process: subprocess.Popen[str]
    settings: Settings


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert isinstance(port, int)
        return port


def start_base(data: Path, **overrides: object) -> RunningBase:
    """Starts `socle serve` on free ports and waits for its ready line."""
    names = ("port", "tls_port", "smtp_port", "submission_port", "submissions_port", "imap_port", "imaps_port")
    settings = msgspec.structs.replace(
        Settings(data=str(data), workers=1), **({name: free_port() for name in names} | overrides)
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "socle.cli", "serve"],
        env=os.environ | settings.to_environment(),
        stdout=subprocess.PIPE,
        stderr=(data / "serve.log").open("w"),
        text=True,
        cwd=data,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("ready "), (data / "serve.log").read_text()[-3000:]
    return RunningBase(line.split()[1], f"https://{settings.host}:{settings.tls_port}", data, process, settings)


def stop_base(running: RunningBase) -> None:
    running.process.send_signal(signal.SIGTERM)
    try:
        running.process.wait(30)
    except subprocess.TimeoutExpired:
        running.process.kill()


@pytest.fixture(scope="session")
def running_base() -> Iterator[RunningBase]:
    """One live base a test process, shared by its black-box tests: use patients of your own."""
    data = Path(tempfile.mkdtemp(prefix="socle-base-"))
    running = start_base(data)
    try:
        yield running
    finally:
        stop_base(running)
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(scope="session")
def new_base() -> Iterator[Callable[..., RunningBase]]:
    """Starts further live bases, each with settings of its own."""
    started: list[RunningBase] = []

    def start(**overrides: object) -> RunningBase:
        running = start_base(Path(tempfile.mkdtemp(prefix="socle-base-")), **overrides)
        started.append(running)
        return running

    yield start
    for running in started:
        stop_base(running)
        shutil.rmtree(running.data, ignore_errors=True)
