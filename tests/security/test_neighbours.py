"""Two citizens, a relative and a doctor with logins of their own: nobody reaches what is another's."""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from io import BytesIO, StringIO

import httpx
import msgspec
import pikepdf
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from whole_app import doors_of

from socle.app import Services, create_app, create_services
from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.audit import Outcome
from socle.platform.base import Base
from socle.platform.patient_key import patient_key
from socle.services.directory.domain import Activity, Exercise, Professional, Structure
from socle.services.dmp.domain import Mandate, MandateKind, MandateScope
from socle.services.identity.domain import Account
from socle.services.identity.sessions import Space
from socle.services.ins.domain import Person
from socle.standards.ids.ins import OID_NIR_TEST, Ins, key_of
from socle.standards.ids.traits import Traits

OPERATOR = Actor(kind=ActorKind.OPERATOR, id="op", name="Op", authentication=AuthenticationMode.OPERATOR)
HOSPITAL = Structure(id="F750987653", id_nat="1750987653", finess="750987653", name="HOPITAL", sector="SA01")
DOCTOR = Professional(
    id_nat="810109876549",
    rpps="10109876549",
    family="MARCHAND",
    given="CAMILLE",
    exercises=(
        Exercise(
            profession="10",
            skill_type="S",
            skill="SM26",
            activities=(Activity(id="1010000001", mode="S", sector="SA01", genre="GENR01", structure=HOSPITAL),),
        ),
    ),
)


def ins_of(number: str) -> Ins:
    return Ins(number + key_of(number), OID_NIR_TEST)


ALICE, BOB = ins_of("2790351215189"), ins_of("1840769383042")


class Browser:
    """One person's browser."""

    def __init__(self, application: Starlette, cookies: dict[str, str]) -> None:
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(application), base_url="http://127.0.0.1:8000", cookies=cookies
        )

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path)

    async def post(self, path: str, at: str, **form: str) -> httpx.Response:
        """Posts ``form`` with the token of the page ``at``."""
        page = (await self.http.get(at)).text
        [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', page)
        return await self.http.post(path, data={"csrf": token, **form})


class Town:
    """The base, its people and their browsers."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.application = create_app(services)

    async def admit(self, ins: Ins, name: str) -> Account:
        await self.services.ins.admit(
            OPERATOR, Person(ins=ins, traits=Traits.of(name, name, "F", "1979-03-28", "63220"))
        )
        await self.services.dmp.open_record(OPERATOR, ins)
        return await self.services.identity.accounts.find_or_add_upstream(f"sub-{name}", name, ins)

    async def browser(self, space: Space, subject: str, actor: Actor, record: str = "") -> Browser:
        response = Response()
        await self.services.identity.sessions.open(response, space, subject, record=record, actor=actor, means="test")
        cookies = SimpleCookie(response.headers["set-cookie"])
        return Browser(self.application, {name: found.value for name, found in cookies.items()})

    async def citizen(self, account: Account) -> Browser:
        return await self.browser(Space.CITIZEN, str(account.id), account.actor())

    async def doctor(self) -> Browser:
        actor = Actor(
            kind=ActorKind.PROFESSIONAL,
            id=DOCTOR.id_nat,
            name="MARCHAND CAMILLE",
            authentication=AuthenticationMode.INDIRECTE_RENFORCEE,
        )
        return await self.browser(Space.PROFESSIONAL, DOCTOR.id_nat, actor, msgspec.json.encode(DOCTOR).decode())


@pytest.fixture
async def town(base: Base) -> AsyncIterator[Town]:
    return Town(create_services(base))


async def add_document(bob: Browser) -> str:
    """Bob's own document; the address of its page."""
    page = (await bob.get("/espace/documents/ajouter")).text
    [token, *_] = re.findall(r'name="csrf" value="([^"]+)"', page)
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        written = BytesIO()
        pdf.save(written)
    form = {"csrf": token, "title": "Secret de Bob", "day": "27/03/2024", "type": "DOCPAT03"}
    sent = await bob.http.post(
        "/espace/documents/ajouter", data=form, files={"file": ("a.pdf", written.getvalue(), "application/pdf")}
    )
    assert sent.status_code in {200, 303}, sent.text[-2000:]
    listed = (await bob.get("/espace/documents")).text
    [path, *_] = re.findall(r"/espace/documents/[0-9a-f-]{36}", listed)
    return path


async def test_a_citizen_reaches_no_document_of_another(town: Town) -> None:
    alice, bob = await town.citizen(await town.admit(ALICE, "ALICE")), await town.citizen(await town.admit(BOB, "BOB"))
    path = await add_document(bob)
    assert "Secret de Bob" in (await bob.get(path)).text
    for address in (path, f"{path}/original", f"{path}/pdf"):
        answer = await alice.get(address)
        assert answer.status_code == 404, address
        assert "Secret de Bob" not in answer.text
    for action in ("masquer", "montrer", "supprimer"):
        answer = await alice.post(f"{path}/changer", "/espace/compte", action=action)
        assert answer.status_code == 404, action
    assert "Secret de Bob" in (await bob.get(path)).text


async def test_a_doctor_without_consent_reads_nothing_and_the_holder_sees_that_they_tried(town: Town) -> None:
    bob = await town.citizen(await town.admit(BOB, "BOB"))
    path = (await add_document(bob)).replace("/espace/", "/pro/dossier/")
    doctor = await town.doctor()
    opened = await doctor.post("/pro/patients/ouvrir", "/pro", ins=BOB.to_cx())
    assert opened.headers["location"] == "/pro/dossier"
    for address in ("/pro/dossier", path, f"{path}/original", f"{path}/pdf", "/pro/dossier/synthese"):
        answer = await doctor.get(address)
        assert answer.status_code == 403, address
        assert "Secret de Bob" not in answer.text
    async with town.services.base.database.connection() as connection:
        traces = await town.services.base.audit.of_patient(connection, patient_key(BOB))
    refused = [t for t in traces if t.event.actor.id == DOCTOR.id_nat and t.event.outcome is not Outcome.SUCCESS]
    assert len(refused) >= 5


async def test_a_relative_whose_mandate_ends_is_out_at_once_and_never_reads_the_mail(town: Town) -> None:
    alice, bob = await town.admit(ALICE, "ALICE"), await town.admit(BOB, "BOB")
    services = town.services
    mandate = Mandate(
        agent_id=str(alice.id),
        kind=MandateKind.DELEGATE,
        scope=MandateScope.MANAGE,
        name="ALICE",
        starts_at=services.base.clock(),
    )
    await services.dmp.give_mandate(bob.actor(), BOB, mandate)
    browser = await town.citizen(alice)
    page = (await browser.get("/espace/compte")).text
    [key] = set(re.findall(r'value="([0-9a-f]{32})"', page))
    await browser.post("/espace/compte/dossier", "/espace/compte", key=key)
    assert (await browser.get("/espace/documents")).status_code == 200
    assert (await browser.get("/espace/messages")).status_code == 403
    assert await services.mssante.list_boxes() == []
    await services.dmp.withdraw_mandate(bob.actor(), BOB, str(alice.id))
    for address in ("/espace/documents", "/espace/sante", "/espace/resultats", "/espace/acces", "/espace/traces"):
        assert (await browser.get(address)).status_code == 403, address


async def test_no_name_in_the_exported_traces_is_a_formula(town: Town) -> None:
    bob = await town.citizen(await town.admit(BOB, "BOB"))
    sly = msgspec.structs.replace(DOCTOR, given='=HYPERLINK("https://evil.example")')
    actor = Actor(
        kind=ActorKind.PROFESSIONAL, id=sly.id_nat, name=sly.name, authentication=AuthenticationMode.INDIRECTE_RENFORCEE
    )
    doctor = await town.browser(Space.PROFESSIONAL, sly.id_nat, actor, msgspec.json.encode(sly).decode())
    await doctor.post("/pro/patients/ouvrir", "/pro", ins=BOB.to_cx())
    assert (await doctor.post("/pro/dossier/accord", "/pro")).status_code == 303
    exported = (await bob.get("/espace/compte/export.zip")).content
    with zipfile.ZipFile(BytesIO(exported)) as archive:
        lines = list(csv.reader(StringIO(archive.read("traces.csv").decode("utf-8-sig")), delimiter=";"))
    cells = [cell for line in lines for cell in line]
    assert any("HYPERLINK" in cell for cell in cells)
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []


async def test_a_blocked_doctor_is_out_at_once(town: Town) -> None:
    bob = await town.admit(BOB, "BOB")
    doctor = await town.doctor()
    await doctor.post("/pro/patients/ouvrir", "/pro", ins=BOB.to_cx())
    await doctor.post("/pro/dossier/accord", "/pro")
    assert (await doctor.get("/pro/dossier")).status_code == 200
    await town.services.dmp.block(bob.actor(), BOB, DOCTOR.id_nat)
    assert (await doctor.get("/pro/dossier")).status_code == 403
    # The consent of the day does not lift it.
    await doctor.post("/pro/dossier/accord", "/pro")
    assert (await doctor.get("/pro/dossier")).status_code == 403


async def test_no_form_of_a_portal_is_taken_without_its_token(town: Town) -> None:
    browsers = {
        "/espace": await town.citizen(await town.admit(ALICE, "ALICE")),
        "/pro": await town.doctor(),
    }
    tried, taken = 0, []
    for method, path in doors_of(town.application.routes):
        browser = browsers.get("/" + path.split("/")[1])
        if method != "POST" or browser is None:
            continue
        address = re.sub(r"\{[^}]*uuid\}", "00000000-0000-4000-8000-000000000000", path)
        address = re.sub(r"\{[^}]+\}", "1", address)
        for form in ({}, {"csrf": ""}, {"csrf": "jeton"}):
            tried += 1
            answer = await browser.http.post(address, data=form)
            if answer.status_code != 403 or "FormExpired" not in answer.text:
                taken.append(f"{path}: {answer.status_code}")
    assert taken == []
    assert tried > 60


async def test_a_login_is_a_new_cookie_that_scripts_and_other_sites_do_not_get(base: Base) -> None:
    settings = msgspec.structs.replace(base.settings, public_url="https://socle.example")
    services = create_services(msgspec.structs.replace(base, settings=settings))
    actor = Actor(kind=ActorKind.OPERATOR, id="op", name="Op", authentication=AuthenticationMode.OPERATOR)
    cookies = []
    for _ in range(2):
        response = Response()
        await services.identity.sessions.open(response, Space.OPERATOR, "op", actor=actor, means="test")
        cookies.append(response.headers["set-cookie"])
    assert cookies[0] != cookies[1]
    for cookie in cookies:
        assert cookie.startswith("__Host-socle-operateur=")
        assert {"Secure", "HttpOnly", "SameSite=lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
        assert "Domain" not in cookie
