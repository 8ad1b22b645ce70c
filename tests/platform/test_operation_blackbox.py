"""What an operator lives with: a second start, S3, damage, orphans, new keys, metrics, bodies without end."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from socle.client import DoorName, Sandbox, connect_sandbox
from socle.client.xds import XdsDoor
from socle.sandbox import cast
from socle.sandbox.documents import named_documents
from socle.standards.cda.metadata import document_entry_of

if TYPE_CHECKING:
    from tests.conftest import RunningBase  # type: ignore[import-not-found]

pytestmark = [pytest.mark.blackbox, pytest.mark.timeout(300)]

_MIB = 1024 * 1024


def socle(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "socle.cli", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


async def send_and_get(running: RunningBase) -> bytes:
    """A document fed by XDS and read by FHIR, which must be the same."""
    letter = next(one.content for one in named_documents(1) if b"CR-BIO" not in one.content)
    entry = document_entry_of(letter)
    async with httpx.AsyncClient(timeout=60) as http:
        await Sandbox(running.url, http).admit(letter)
    doctor = cast.GENERAL_PRACTITIONER.removeprefix("8")
    async with await connect_sandbox(running.url, rpps=doctor, door=DoorName.XDS) as dmp:
        await dmp.send(letter)
        assert isinstance(dmp.door, XdsDoor)
        await dmp.door.authorize(entry.patient_id)
    async with await connect_sandbox(running.url, rpps=doctor, door=DoorName.FHIR) as dmp:
        assert await dmp.get(entry.unique_id, entry.patient_id) == letter
    return letter


def objects_in(directory: Path) -> list[Path]:
    return [path for path in (directory / "objects").glob("??/*/*") if not path.name.startswith(".")]


def test_a_second_start_on_the_same_directory_or_port_is_refused_with_the_reason(running_base: RunningBase) -> None:
    twice = socle("serve", "--data", str(running_base.data), "--port", "0", "--tls-port", "0", "--no-mail")
    assert twice.returncode == 1
    assert str(running_base.data) in twice.stderr
    assert "--data" in twice.stderr or "dossier" in twice.stderr
    assert httpx.get(f"{running_base.url}/health/ready").status_code == 200


def test_a_port_that_is_taken_is_named(running_base: RunningBase, tmp_path: Path) -> None:
    port = urlsplit(running_base.url).port
    refused = socle("serve", "--data", str(tmp_path), "--port", str(port), "--tls-port", "0", "--no-mail")
    assert refused.returncode == 1
    assert str(port) in refused.stderr
    assert not (tmp_path / "postgres").exists()


def test_metrics_count_requests_of_all_processes_by_door(running_base: RunningBase) -> None:
    def counted() -> float:
        lines = httpx.get(f"{running_base.url}/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("socle_http_requests_total{"))

    before = counted()
    for _ in range(20):
        httpx.get(f"{running_base.url}/dmp/fhir/metadata")
    assert counted() >= before + 20


def test_damage_is_found_orphans_are_swept_and_a_new_key_leaves_everything_readable(
    new_base: Callable[..., RunningBase],
) -> None:
    running = new_base()
    asyncio.run(send_and_get(running))
    data = str(running.data)

    clean = socle("verify", "--data", data, "--json")
    assert clean.returncode == 0, clean.stderr
    report = json.loads(clean.stdout)
    assert report["documents"] >= 1
    assert (report["orphans"], report["faults"]) == (0, [])

    assert socle("keys", "rotate", "--data", data, "--json").returncode == 0
    assert socle("verify", "--data", data, "--json").returncode == 0

    (stored, *_) = objects_in(running.data)
    young, old = stored.with_name("0" * 64), stored.with_name("1" * 64)
    for orphan in (young, old):
        orphan.write_bytes(b"left by a crash")
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    assert json.loads(socle("verify", "--data", data, "--json").stdout)["orphans"] == 2
    assert socle("verify", "--data", data, "--sweep", "--json").returncode == 0
    assert (young.exists(), old.exists()) == (True, False)

    content = bytearray(stored.read_bytes())
    content[len(content) // 2] ^= 1
    stored.write_bytes(content)
    damaged = socle("verify", "--data", data, "--json")
    assert damaged.returncode == 1
    (fault,) = json.loads(damaged.stdout)["faults"]
    assert stored.name in fault


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of an empty bucket ``documents`` on a server that speaks S3; neither was written here."""
    moto = pytest.importorskip("moto.server", reason="moto, an S3 server of another project, is not installed")
    boto3 = pytest.importorskip("boto3")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }.items():
        monkeypatch.setenv(name, value)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    try:
        client = boto3.client("s3", endpoint_url=address, region_name="us-east-1")
        client.create_bucket(Bucket="documents")
        yield client
    finally:
        server.stop()


def test_documents_live_in_s3_encrypted_and_verify_reads_them_there(
    bucket: Any, new_base: Callable[..., RunningBase]
) -> None:
    running = new_base(objects_url="s3://documents/dmp")
    letter = asyncio.run(send_and_get(running))
    assert objects_in(running.data) == []
    keys = [item["Key"] for item in bucket.list_objects_v2(Bucket="documents")["Contents"]]
    assert all(key.startswith("dmp/") for key in keys)
    stored = [bucket.get_object(Bucket="documents", Key=key)["Body"].read() for key in keys]
    assert max(map(len, stored)) >= len(letter)
    assert not any(b"ClinicalDocument" in content for content in stored)

    data = {"SOCLE_OBJECTS_URL": "s3://documents/dmp"}
    clean = socle("verify", "--data", str(running.data), "--json", **data)
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert json.loads(clean.stdout)["documents"] == len(keys)
    bucket.delete_object(Bucket="documents", Key=keys[0])
    missing = socle("verify", "--data", str(running.data), "--json", **data)
    assert missing.returncode == 1
    assert len(json.loads(missing.stdout)["faults"]) == 1


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/si-dmp-server/v2/services/repository", "application/soap+xml; charset=UTF-8"),
        ("/dmp/fhir/", "application/fhir+json"),
    ],
)
def test_a_body_without_end_is_cut_with_bounded_memory(
    new_base: Callable[..., RunningBase], path: str, content_type: str
) -> None:
    """Two gigabytes in pieces, their length untold: the base stops reading at its bound."""
    running = new_base(workers=1, max_body_bytes=20 * _MIB)
    address = urlsplit(running.url)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"%x\r\n" % _MIB + b" " * _MIB + b"\r\n"
    before, sent = _memory_mib(running), 0
    with socket.create_connection((address.hostname or "", address.port or 80), timeout=20) as connection:
        connection.sendall(head.encode())
        try:
            for _ in range(2048):
                connection.sendall(piece)
                sent += 1
        except OSError:
            pass
    assert sent < 200
    assert _memory_mib(running) - before < 150
    assert httpx.get(f"{running.url}/health/ready").status_code == 200


def _memory_mib(running: RunningBase) -> float:
    processes = psutil.Process(running.process.pid).children(recursive=True)
    return sum(one.memory_info().rss for one in processes if "postgres" not in one.name()) / _MIB
