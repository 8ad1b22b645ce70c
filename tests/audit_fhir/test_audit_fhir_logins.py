"""The door of traces of the whole application, for those who log in to the base's own pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.responses import Response

from socle.app import Services, create_app, create_services
from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.base import Base
from socle.services.dmp.domain import Mandate, MandateKind, MandateScope
from socle.services.identity.sessions import Space
from socle.services.ins.domain import Person
from socle.standards.fhir.json_codec import decode_json
from socle.standards.fhir.resources import AuditEvent, Bundle
from socle.standards.ids.ins import OID_NIR_TEST, Ins
from socle.standards.ids.traits import Traits

MINE, CHILD = Ins("279035121518989", OID_NIR_TEST), Ins("215057531500106", OID_NIR_TEST)
OPERATOR = Actor(kind=ActorKind.OPERATOR, id="op", name="Op", authentication=AuthenticationMode.OPERATOR)
PATH = "/audit/fhir/AuditEvent?date=ge2026-01-01"


class Site:
    """The application, two records, and browsers that are logged in."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.application = create_app(services)

    async def browser(self, space: Space, subject: str) -> httpx.AsyncClient:
        response = Response()
        await self.services.identity.sessions.open(response, space, subject, actor=OPERATOR, means="password")
        cookie = response.headers["set-cookie"].partition(";")[0]
        transport = httpx.ASGITransport(app=self.application)
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers={"cookie": cookie})

    async def citizen(self, ins: Ins) -> httpx.AsyncClient:
        account = await self.services.identity.accounts.find_or_add_upstream(f"fc-{ins.matricule}", "Dominique", ins)
        return await self.browser(Space.CITIZEN, str(account.id))


@pytest.fixture
async def site(base: Base) -> AsyncIterator[Site]:
    services = create_services(base)
    for ins, name, birth in ((MINE, "DOMINIQUE", "1979-03-28"), (CHILD, "LOU", "2015-05-01")):
        await services.ins.admit(OPERATOR, Person(ins=ins, traits=Traits.of("PAT-TROIS", name, "F", birth, "63220")))
        await services.dmp.open_record(OPERATOR, ins)
    yield Site(services)
    services.conformance.close()


async def events(browser: httpx.AsyncClient, path: str = PATH) -> list[AuditEvent]:
    answer = await browser.get(path)
    assert answer.status_code == 200, answer.text
    return [entry.resource for entry in decode_json(answer.content, Bundle).entry if entry.resource is not None]  # type: ignore[misc]


def patients(found: list[AuditEvent]) -> set[str | None]:
    return {
        entity.what.identifier.value
        for event in found
        for entity in event.entity
        if entity.what and entity.what.type == "Patient" and entity.what.identifier
    }


async def test_a_citizen_who_logged_in_reads_the_traces_of_the_record_that_is_open_and_no_other(site: Site) -> None:
    browser = await site.citizen(MINE)
    assert patients(await events(browser)) == {MINE.matricule}
    other = f"&patient.identifier=urn:oid:{OID_NIR_TEST}|{CHILD.matricule}"
    assert (await browser.get(PATH + other)).status_code == 403
    theirs = await events(await site.citizen(CHILD))
    assert patients(theirs) == {CHILD.matricule}
    assert (await browser.get(f"/audit/fhir/AuditEvent/{theirs[-1].id}")).status_code == 404


async def test_a_parent_reads_the_traces_of_the_child_whose_record_is_open(site: Site) -> None:
    account = await site.services.identity.accounts.find_or_add_upstream("fc-parent", "Anne", MINE)
    mandate = Mandate(
        agent_id=str(account.id),
        kind=MandateKind.PARENT,
        scope=MandateScope.MANAGE,
        name="Anne",
        starts_at=site.services.base.clock(),
    )
    await site.services.dmp.give_mandate(OPERATOR, CHILD, mandate)
    browser = await site.browser(Space.CITIZEN, str(account.id))
    page = (await browser.get("/espace/compte")).text
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    key = page.partition('name="key" value="')[2].partition('"')[0]
    assert (await browser.post("/espace/compte/dossier", data={"csrf": csrf, "key": key})).status_code == 303
    assert patients(await events(browser)) == {CHILD.matricule}


async def test_an_operator_who_logged_in_reads_all_traces(site: Site) -> None:
    account = await site.services.identity.accounts.add_operator("exploitant", "Exploitant", "un mot de passe long")
    browser = await site.browser(Space.OPERATOR, str(account.id))
    assert len([one for one in await events(browser) if one.subtype[0].code == "TD1.1"]) == 2


async def test_a_login_reads_and_writes_nothing(site: Site) -> None:
    browser = await site.citizen(MINE)
    answer = await browser.post("/audit/fhir/AuditEvent", content=b"{}")
    assert answer.status_code == 401
    nobody = httpx.AsyncClient(transport=httpx.ASGITransport(app=site.application), base_url="http://127.0.0.1:8000")
    assert (await nobody.get(PATH)).status_code == 401


async def test_a_login_that_ended_reads_nothing(site: Site) -> None:
    account = await site.services.identity.accounts.find_or_add_upstream("fc-x", "Dominique", MINE)
    browser = await site.browser(Space.CITIZEN, str(account.id))
    await events(browser)
    page = (await browser.get("/espace/compte")).text
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    assert (await browser.post("/deconnexion/citoyen", data={"csrf": csrf})).status_code in {302, 303}
    assert (await browser.get(PATH)).status_code == 401
