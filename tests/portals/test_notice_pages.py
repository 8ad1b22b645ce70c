"""Being told by mail: the citizen's pages on the whole application, with the sandbox's folder of mail."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from pathlib import Path

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from socle.app import Services, create_services, tasks_of
from socle.platform.actor import Actor, ActorKind, AuthenticationMode, Purpose
from socle.platform.base import Base
from socle.platform.jobs import run_jobs
from socle.portals.citizen.routes import routes as citizen_routes
from socle.portals.visit import Choice, Visit
from socle.services.dmp.domain import AuthorizationAction, DocumentFilter, FindDocuments
from socle.services.ins.domain import Person
from socle.standards.ids.ins import OID_NIR_TEST, Ins
from socle.standards.ids.traits import Traits

INS = Ins("279035121518989", OID_NIR_TEST)
OPERATOR = Actor(kind=ActorKind.OPERATOR, id="op", name="Op", authentication=AuthenticationMode.OPERATOR)
CITIZEN = Actor(
    kind=ActorKind.PATIENT, id="citizen-1", name="Dominique", authentication=AuthenticationMode.CITIZEN, patient=INS
)
DOCTOR = Actor(
    kind=ActorKind.PROFESSIONAL,
    id="899700218896",
    name="TEST Camille",
    authentication=AuthenticationMode.INDIRECTE_RENFORCEE,
    profession="10",
    structure="410109876549001",
)


class GivenVisits:
    """A citizen who is logged in."""

    async def find(self, _request: Request) -> Visit | None:
        return Visit(actor=CITIZEN, csrf="token", name="Dominique", ins=INS, holder="Dominique")

    def login_path(self, back: str) -> str:
        return back

    def logout_path(self) -> str:
        return ""

    async def choices(self, _request: Request, _visit: Visit) -> tuple[Choice, ...]:
        return ()

    async def choose(self, _request: Request, _key: str) -> None:
        return None


@pytest.fixture
async def services(base: Base) -> AsyncIterator[Services]:
    made = create_services(base)
    traits = Traits.of("PAT-TROIS", "DOMINIQUE", "F", "1979-03-28", "63220")
    await made.ins.admit(OPERATOR, Person(ins=INS, traits=traits))
    await made.dmp.open_record(OPERATOR, INS)
    yield made
    made.conformance.close()


@pytest.fixture
async def browser(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    routes = citizen_routes(
        GivenVisits(), services.dmp, services.reading, services.ins, services.mssante, services.intake
    )
    transport = httpx.ASGITransport(app=Starlette(routes=routes))
    async with httpx.AsyncClient(transport=transport, base_url="http://socle", follow_redirects=True) as opened:
        yield opened


def mails(base: Base) -> list[str]:
    folder = Path(base.settings.data) / "courriels"
    files = sorted(folder.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
    return [message_from_bytes(file.read_bytes(), policy=policy.default).get_content() for file in files]  # type: ignore[attr-defined]


async def post(browser: httpx.AsyncClient, path: str, status: int = 200, **form: str | list[str]) -> str:
    answer = await browser.post(f"/espace/compte/avis{path}", data={"csrf": "token", **form})
    assert answer.status_code == status, answer.text
    return answer.text


async def test_a_citizen_gives_an_address_proves_it_and_is_told_by_the_job(
    browser: httpx.AsyncClient, services: Services
) -> None:
    assert "/espace/compte/avis" in (await browser.get("/espace/compte")).text
    assert "nom@exemple.fr" in await post(browser, "", 422, address="lea")
    page = await post(browser, "", address="lea@exemple.test", choix=["acces", "urgence"])
    assert "en attente du code" in page
    (code,) = re.findall(r"\d{6}", mails(services.base)[-1])
    assert "expiré" in await post(browser, "/code", 422, code="12")
    page = await post(browser, "/code", code=code)
    assert "vérifiée" in page
    assert [bool(ticked) for ticked in re.findall(r'name="choix" value="\w+"( checked)?', page)][:4] == [
        True, True, False, False
    ]  # fmt: skip
    await services.dmp.set_authorization(DOCTOR, INS, AuthorizationAction.AJOUT)
    emergency = msgspec.structs.replace(DOCTOR, purpose=Purpose.BRIS_DE_GLACE)
    await services.dmp.query(emergency, FindDocuments(patient=INS, filter=DocumentFilter()))
    stopping = asyncio.Event()
    worker = asyncio.create_task(run_jobs(services.base.database, tasks_of(services), stopping))
    for _ in range(200):
        if len(mails(services.base)) > 1:
            break
        await asyncio.sleep(0.05)
    stopping.set()
    await worker
    assert "en urgence" in mails(services.base)[-1]
    assert "TEST" not in mails(services.base)[-1]


async def test_a_citizen_changes_the_choices_and_ends_them(browser: httpx.AsyncClient, services: Services) -> None:
    await post(browser, "", address="lea@exemple.test", choix=["acces"])
    (code,) = re.findall(r"\d{6}", mails(services.base)[-1])
    await post(browser, "/code", code=code)
    page = await post(browser, "/choix", choix=["documents"])
    ticked = re.findall(r'type="checkbox" id="[^"]+" name="choix" value="(\w+)" checked', page)
    assert ticked == ["documents"]
    page = await post(browser, "/retirer")
    assert "lea@exemple.test" not in page
