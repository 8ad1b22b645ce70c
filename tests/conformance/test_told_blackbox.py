"""Whoever feeds a document is told its verdict through each door of a live base: XDS, FHIR, command line."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from socle.client import DoorName, Refused, Sandbox, connect_sandbox
from socle.client.xds import new_oid
from socle.standards.cda.metadata import document_entry_of

if TYPE_CHECKING:
    from tests.conftest import RunningBase  # type: ignore[import-not-found]

pytestmark = pytest.mark.blackbox
EXAMPLE = "TLM-CR_2022.01.xml"


@pytest.fixture(scope="module")
def warning_base(new_base: Callable[..., RunningBase]) -> RunningBase:
    return new_base(conformance_policy="warn")


@pytest.fixture(scope="module")
def refusing_base(new_base: Callable[..., RunningBase]) -> RunningBase:
    return new_base(conformance_policy="error")


@pytest.fixture
def poor(shared: Path) -> bytes:
    """A document without its ``typeId``, under an identifier of its own."""
    source = (shared / "examples" / "cda" / EXAMPLE).read_bytes()
    without, count = re.subn(rb"<typeId [^>]*/>", b"", source)
    assert count == 1
    return without.replace(document_entry_of(source).unique_id.encode(), new_oid().encode(), 1)


async def send(base: RunningBase, document: bytes, door: DoorName) -> tuple[str, ...]:
    async with httpx.AsyncClient(timeout=60) as http:
        await Sandbox(base.url, http).admit(document)
    async with await connect_sandbox(base.url, door=door) as dmp:
        return (await dmp.send(document)).warnings


@pytest.mark.parametrize("door", ["xds", "fhir"])
async def test_a_sender_is_warned(warning_base: RunningBase, poor: bytes, door: DoorName) -> None:
    warnings = await send(warning_base, poor, door)
    assert [warning for warning in warnings if warning.startswith("Conformité (TLM-CR")], warnings


@pytest.mark.parametrize("door", ["xds", "fhir"])
async def test_a_sender_is_refused(refusing_base: RunningBase, poor: bytes, door: DoorName) -> None:
    with pytest.raises(Refused) as refused:
        await send(refusing_base, poor, door)
    assert "n'est pas conforme" in str(refused.value) or "does not conform" in str(refused.value)


def send_by_command(base: RunningBase, file: Path) -> tuple[int, dict[str, Any]]:
    run = subprocess.run(
        [sys.executable, "-m", "socle.cli", "send", "--admit", "--json", str(file)],
        env=os.environ | {"SOCLE_URL": base.url},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    (result,) = json.loads(run.stdout)
    return run.returncode, result


def test_the_command_line_warns(warning_base: RunningBase, poor: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(poor)
    code, result = send_by_command(warning_base, tmp_path / "a.xml")
    assert (code, result["status"]) == (0, "accepted")
    assert any("Conformité (TLM-CR" in warning for warning in result["warnings"])


def test_the_command_line_refuses(refusing_base: RunningBase, poor: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(poor)
    code, result = send_by_command(refusing_base, tmp_path / "a.xml")
    assert (code, result["status"]) == (1, "refused")
    assert "conform" in json.dumps(result["errors"], ensure_ascii=False)
