"""What other users of the machine find of the base: nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from socle.platform.embedded import EmbeddedPostgres
from socle.standards.errors import Unavailable


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def socket_of(server: EmbeddedPostgres) -> Path:
    (directory,) = parse_qs(urlsplit(server.url).query)["host"]
    return Path(directory) / ".s.PGSQL.5432"


def test_no_other_user_of_the_machine_reaches_the_embedded_database(postgres: EmbeddedPostgres) -> None:
    socket = socket_of(postgres)
    assert (mode_of(socket), mode_of(socket.parent)) == (0o700, 0o700)


def test_a_socket_directory_that_somebody_else_made_is_not_used(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / ("x" * 100) / "postgres")
    prepared = socket_of(server).parent
    assert not prepared.is_relative_to(tmp_path), "a long path puts the socket into the temporary directory"
    prepared.symlink_to(tmp_path)
    try:
        with pytest.raises(Unavailable, match="DatabaseNotStarted"):
            server.start()
        assert tmp_path.stat().st_uid == os.geteuid()
    finally:
        prepared.unlink()


@pytest.mark.blackbox
def test_no_file_of_a_running_base_can_be_read_by_another_user(running_base: object) -> None:
    data: Path = running_base.data  # type: ignore[attr-defined]
    # The database has a user and a closed directory of its own.
    own = {data / "postgres", data / "serve.log"}
    files = [
        path
        for path in data.rglob("*")
        if path.is_file() and not path.is_symlink() and own.isdisjoint({path, *path.parents})
    ]
    assert files
    assert [str(path) for path in files if mode_of(path) & 0o077] == []
    assert mode_of(data / "keys") == mode_of(data / "postgres") == 0o700
