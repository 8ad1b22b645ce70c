"""Processes die without warning while documents come in: what was acknowledged is there, whole."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

import httpx
import psutil
import pytest

from socle.client import AsyncDmp, DoorName, Sandbox, connect_sandbox
from socle.client.xds import XdsDoor
from socle.sandbox import cast
from socle.sandbox.documents import named_documents
from socle.server.offline import open_services
from socle.server.verification import verify_base
from socle.standards.cda.metadata import document_entry_of
from socle.standards.errors import SocleError

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import start_base, stop_base

#: Kills of a random process; 50 in the full run.
KILLS = int(os.environ.get("SOCLE_TEST_KILLS", "6"))
SENDERS = 4
DOCTOR = cast.GENERAL_PRACTITIONER.removeprefix("8")


def children_of(pid: int) -> list[psutil.Process]:
    """The base's own processes, not PostgreSQL's."""
    return [one for one in psutil.Process(pid).children() if "postgres" not in one.name()]


def kill_all(pid: int) -> None:
    """What a power failure does, as far as one machine can tell: no process of the tree has time for anything."""
    tree = psutil.Process(pid)
    processes = [tree, *tree.children(recursive=True)]
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


async def send_until(dmp: AsyncDmp, numbers: itertools.count[int], sent: dict[str, bytes], done: asyncio.Event) -> None:
    """Sends one document after the other; what is acknowledged goes into ``sent``."""
    letter = sample()
    own = document_entry_of(letter).unique_id
    while not done.is_set():
        unique_id = f"1.2.250.1.999.7.{next(numbers)}"
        document = letter.replace(f'root="{own}"'.encode(), f'root="{unique_id}"'.encode())
        try:
            await dmp.send(document)
        except (SocleError, httpx.HTTPError):
            await asyncio.sleep(0.05)
        else:
            sent[unique_id] = document


def sample() -> bytes:
    return next(one.content for one in named_documents(1) if b"CR-BIO" not in one.content)


@pytest.mark.blackbox
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_nothing_acknowledged_is_lost_whatever_process_dies() -> None:
    directory = Path(tempfile.mkdtemp(prefix="socle-crash-"))
    chance = random.Random(1)
    sent: dict[str, bytes] = {}
    running = start_base(directory, workers=2)
    try:
        letter = sample()
        async with httpx.AsyncClient(timeout=60) as http:
            await Sandbox(running.url, http).admit(letter)
        done, numbers = asyncio.Event(), itertools.count(1)
        doors = list(DoorName) * (SENDERS // 2)
        clients = [await connect_sandbox(running.url, rpps=DOCTOR, door=door) for door in doors]
        senders = [asyncio.create_task(send_until(dmp, numbers, sent, done)) for dmp in clients]
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.2, 1.0))
            chance.choice(children_of(running.process.pid)).kill()
        await asyncio.sleep(1)
        kill_all(running.process.pid)
        done.set()
        await asyncio.gather(*senders)
        await asyncio.gather(*(dmp.aclose() for dmp in clients))
        running.process.wait()

        running = start_base(directory, workers=2)
        patient = document_entry_of(letter).patient_id
        async with await connect_sandbox(running.url, rpps=DOCTOR) as dmp:
            assert isinstance(dmp.door, XdsDoor)
            await dmp.door.authorize(patient)
            found = {entry.unique_id for entry in await dmp.find(patient)}
            assert len(sent) >= KILLS
            assert sent.keys() <= found
            for unique_id, document in sent.items():
                assert await dmp.get(unique_id, patient) == document
        async with open_services(running.settings) as services:
            report = await verify_base(services)
        assert report.faults == []
    finally:
        stop_base(running)
        shutil.rmtree(directory, ignore_errors=True)
