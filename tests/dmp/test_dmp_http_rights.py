"""Rights over real HTTP: a block that the citizen's page acknowledged holds at once, through both doors."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import zipfile
from contextlib import AsyncExitStack, suppress

import httpx
import pytest
from starlette.responses import Response

from socle.client import AsyncDmp, DoorName, Sandbox, XdsDoor, connect_sandbox
from socle.client.connection import DEFAULT_RPPS
from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.audit import Outcome
from socle.platform.patient_key import patient_key
from socle.server.offline import open_services
from socle.services.identity.sessions import Space
from socle.standards.cda.metadata import document_entry_of
from socle.standards.errors import SocleError
from socle.standards.ids.ins import OID_NIR_TEST, Ins, key_of

pytestmark = pytest.mark.blackbox

CLIENTS = 32


def of_patient(document: bytes, ins: Ins) -> bytes:
    """The document, under another uniqueId, about ``ins``."""
    known = document_entry_of(document)
    moved = document.replace(known.patient_id.matricule.encode(), ins.matricule.encode())
    return moved.replace(known.unique_id.encode(), known.unique_id.encode() + b".4.4")


async def citizen_page(running_base, ins: Ins) -> httpx.AsyncClient:
    """The citizen's browser, logged in."""
    response = Response()
    async with open_services(running_base.settings) as services:
        account = await services.identity.accounts.find_or_add_upstream(f"fc-{ins.matricule}", "Lea", ins)
        actor = Actor(
            kind=ActorKind.PATIENT,
            id=str(account.id),
            name="Lea",
            authentication=AuthenticationMode.CITIZEN,
            patient=ins,
        )
        await services.identity.sessions.open(
            response, Space.CITIZEN, str(account.id), actor=actor, means="franceconnect"
        )
        services.conformance.close()
    cookie = response.headers["set-cookie"].partition(";")[0]
    return httpx.AsyncClient(base_url=running_base.url, headers={"cookie": cookie}, timeout=60)


async def test_no_read_succeeds_after_the_page_acknowledged_a_block_while_32_clients_read_through_both_doors(
    running_base, shared
):
    number = "28407694440" + "04"
    ins = Ins(number + key_of(number), OID_NIR_TEST)
    document = of_patient((shared / "examples" / "cda" / "VSM_1.4_2022.01.xml").read_bytes(), ins)
    async with httpx.AsyncClient(timeout=60) as http:
        await Sandbox(running_base.url, http).admit(document)
    acknowledged, enough = False, asyncio.Event()
    reads: dict[DoorName, int] = dict.fromkeys(DoorName, 0)
    late: list[DoorName] = []

    async def read(dmp: AsyncDmp, door: DoorName, unique_id: str) -> None:
        while True:
            was_acknowledged = acknowledged
            try:
                await dmp.get(unique_id, ins)
            except SocleError:
                if was_acknowledged:
                    return
                continue
            reads[door] += 1
            if min(reads.values()) >= 30:
                enough.set()
            if was_acknowledged:
                late.append(door)
                return

    async with AsyncExitStack() as stack:
        doors = {
            door: await stack.enter_async_context(await connect_sandbox(running_base.url, door=door))
            for door in DoorName
        }
        soap = doors[DoorName.XDS]
        assert isinstance(soap.door, XdsDoor)
        await soap.door.authorize(ins)
        sent = await soap.send(document)
        browser = await stack.enter_async_context(await citizen_page(running_base, ins))
        csrf = re.findall(r'name="csrf" value="([^"]+)"', (await browser.get("/espace/acces")).text)[0]

        async def shut_out() -> None:
            nonlocal acknowledged
            await enough.wait()
            form = {"csrf": csrf, "id": f"8{DEFAULT_RPPS}", "name": "Dr"}
            answer = await browser.post("/espace/acces/bloquer", data=form)
            assert answer.status_code == 303, answer.text
            acknowledged = True

        readers = [read(doors[door], door, sent.unique_id) for door in DoorName for _ in range(CLIENTS // 2)]
        await asyncio.wait_for(asyncio.gather(shut_out(), *readers), 120)
        assert late == []
        assert min(reads.values()) >= 30
    # An answer that was on its way at the acknowledgement was decided before it: the chain of traces is in that order.
    async with open_services(running_base.settings) as services, services.base.database.connection() as connection:
        traces = await services.base.audit.of_patient(connection, patient_key(ins), count=100_000)
        services.conformance.close()
    blocked = next(trace.sequence for trace in traces if trace.event.transaction == "block")
    reading = {"ITI-43", "ITI-68"}
    after = [one.event for one in traces if one.sequence > blocked and one.event.transaction in reading]
    assert after
    assert {event.outcome for event in after} == {Outcome.MINOR_FAILURE}
    assert {event.right for event in after} == {"caller-blocked"}


async def test_a_citizen_checks_offline_the_traces_that_were_downloaded(running_base, shared, tmp_path):
    number = "28407694440" + "05"
    ins = Ins(number + key_of(number), OID_NIR_TEST)
    document = of_patient((shared / "examples" / "cda" / "VSM_1.4_2022.01.xml").read_bytes(), ins)
    async with httpx.AsyncClient(timeout=60) as http:
        await Sandbox(running_base.url, http).admit(document)
        key = (await http.get(f"{running_base.url}/audit/key")).json()["key"]
    async with await connect_sandbox(running_base.url) as soap:
        assert isinstance(soap.door, XdsDoor)
        await soap.door.authorize(ins)
        with suppress(SocleError):
            await soap.find(ins)
    browser = await citizen_page(running_base, ins)
    answer = await browser.get("/espace/compte/export.zip")
    await browser.aclose()
    assert answer.status_code == 200, answer.text
    taken = tmp_path / "mon-dossier.zip"
    taken.write_bytes(answer.content)

    def verify(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "socle.cli", "audit", "verify", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=60)
        return done.returncode, done.stdout + done.stderr

    code, said = await asyncio.to_thread(verify, str(taken), "--key", key)
    assert code == 0, said
    assert "Les traces sont intactes." in said
    with zipfile.ZipFile(taken) as archive:
        export = archive.read("traces.json")
    forged = tmp_path / "traces.json"
    forged.write_bytes(export.replace(b"XDS", b"XYZ").replace(b"ITI-18", b"ITI-43"))
    assert forged.read_bytes() != export
    assert (await asyncio.to_thread(verify, str(forged), "--key", key))[0] == 1
    other = "00" * 31 + "01"
    assert (await asyncio.to_thread(verify, str(taken), "--key", other))[0] == 1
    forged.write_bytes(b"not an export")
    assert (await asyncio.to_thread(verify, str(forged)))[0] == 1
