"""Both portals over one base: the citizen's browser and the doctor's."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from socle.app import Services, create_services
from socle.platform.actor import Actor, ActorKind, AuthenticationMode, Purpose
from socle.platform.base import Base
from socle.platform.patient_key import owner_key
from socle.portals import pages
from socle.portals.citizen.routes import routes as citizen_routes
from socle.portals.deposit import cda_submission
from socle.portals.professional.routes import routes as professional_routes
from socle.portals.visit import Choice, Visit
from socle.services.ins.domain import Person
from socle.services.mssante.domain import Mailbox, MailboxKind, MailboxState
from socle.standards.ids.ins import OID_NIR_TEST, Ins
from socle.standards.ids.traits import Traits

INS = Ins("279035121518989", OID_NIR_TEST)
OPERATOR = Actor(kind=ActorKind.OPERATOR, id="op", name="Op", authentication=AuthenticationMode.OPERATOR)
CITIZEN = Actor(
    kind=ActorKind.PATIENT,
    id="citizen-1",
    name="Dominique PAT-TROIS",
    authentication=AuthenticationMode.CITIZEN,
    patient=INS,
)
DOCTOR = Actor(
    kind=ActorKind.PROFESSIONAL,
    id="899700218896",
    name="TEST Camille",
    authentication=AuthenticationMode.INDIRECTE_RENFORCEE,
    profession="10",
    speciality="SM26",
    structure="410109876549001",
    structure_name="Cabinet des Exemples",
    sector="SA07",
    software="Socle",
)


class GivenVisits:
    """A login that the test sets."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit

    async def find(self, _request: Request) -> Visit | None:
        return self.visit

    def login_path(self, back: str) -> str:
        return f"/connexion?retour={back}"

    def logout_path(self) -> str:
        return "/deconnexion"

    async def choices(self, _request: Request, _visit: Visit) -> tuple[Choice, ...]:
        return ()

    async def choose(self, _request: Request, _key: str) -> None:
        return None

    async def open_record(
        self, _request: Request, ins: Ins, holder: str, *, purpose: Purpose = Purpose.NORMAL, reason: str = ""
    ) -> None:
        actor = msgspec.structs.replace(self.visit.actor, purpose=purpose, reason=reason)
        self.visit = msgspec.structs.replace(self.visit, ins=ins, holder=holder, actor=actor)

    async def leave_record(self, _request: Request) -> None:
        self.visit = msgspec.structs.replace(self.visit, ins=None, holder="")


class Portal:
    """Both portals over one base, the citizen's browser and the doctor's."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.citizen = GivenVisits(Visit(actor=CITIZEN, csrf="token", name="Dominique", ins=INS, holder="Dominique"))
        self.desk = GivenVisits(Visit(actor=DOCTOR, csrf="token", name="Dr Test"))
        routes = [
            *pages.routes(),
            *citizen_routes(
                self.citizen, services.dmp, services.reading, services.ins, services.mssante, services.intake
            ),
            *professional_routes(
                self.desk,
                services.dmp,
                services.reading,
                services.ins,
                services.mssante,
                services.delivery,
                services.intake,
            ),
        ]
        transport = httpx.ASGITransport(app=Starlette(routes=routes))
        self.browser = httpx.AsyncClient(transport=transport, base_url="http://socle", follow_redirects=True)

    async def get(self, path: str, status: int = 200) -> str:
        answer = await self.browser.get(path)
        assert answer.status_code == status, (path, answer.status_code, answer.text[-3000:])
        return answer.text

    async def post(self, path: str, status: int = 200, files: dict[str, object] | None = None, **form: str) -> str:
        data = {"csrf": "token", **form}
        answer = await self.browser.post(path, data=data, files=files)  # type: ignore[arg-type]
        assert answer.status_code == status, (path, answer.status_code, answer.text[-3000:])
        return answer.text


@pytest.fixture
async def portal(base: Base) -> AsyncIterator[Portal]:
    services = create_services(base)
    traits = Traits.of("PAT-TROIS", "DOMINIQUE", "F", "1979-03-28", "63220")
    await services.ins.admit(OPERATOR, Person(ins=INS, traits=traits))
    await services.dmp.open_record(OPERATOR, INS)
    opened = Portal(services)
    yield opened
    await opened.browser.aclose()


@pytest.fixture
def laboratory_report(shared: Path) -> bytes:
    content = (shared / "examples" / "cda" / "BIO-CR-BIO_2024.01_TSH_1.xml").read_bytes()
    return own_patient(content)


def own_patient(content: bytes) -> bytes:
    """The example document, about the patient of these tests."""
    return re.sub(
        rb'extension="[0-9AB]{15}"(\s+)root="1\.2\.250\.1\.213\.1\.4\.(?:8|10|11)"|root="1\.2\.250\.1\.213\.1\.4\.(?:8|10|11)"(\s+)extension="[0-9AB]{15}"',
        b'root="1.2.250.1.213.1.4.10" extension="279035121518989"',
        content,
    )


async def feed(portal: Portal, content: bytes) -> None:
    submission = cda_submission(content, portal.services.base.clock(), frozenset(), "")
    await portal.services.dmp.submit(DOCTOR, submission)


def mailbox(address: str, person_id: str, now: datetime) -> Mailbox:
    return Mailbox(
        key=owner_key("mailbox", address),
        address=address,
        kind=MailboxKind.PERSONAL,
        state=MailboxState.ACTIVE,
        quota_bytes=10_000_000,
        created_at=now,
        display_name="Dr_Camille_TEST",
        person_id=person_id,
    )
