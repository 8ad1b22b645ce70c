"""A start does not compile what set-up compiled."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest


@pytest.mark.parametrize("name", ["starlette", "uvicorn", "asyncpg", "cryptography", "cyclopts"])
def test_what_set_up_installed_is_compiled(name: str) -> None:
    found = importlib.util.find_spec(name)
    assert found is not None
    assert found.cached is not None
    assert importlib.util.cache_from_source(str(found.origin)) == found.cached
    with open(found.cached, "rb") as compiled:
        assert compiled.read(4) == importlib.util.MAGIC_NUMBER


def test_a_command_imports_neither_the_server_nor_its_libraries() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, socle.cli.main; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    heavy = {"socle.app", "starlette", "uvicorn", "asyncpg", "lxml", "cryptography", "PIL", "httpx", "rich.progress"}
    assert not heavy & set(loaded)
