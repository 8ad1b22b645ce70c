"""Documents that come by mail: whose they are, what is said of them, filed by an act, once."""

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from socle.client.arrivals import Arrivals
from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.base import Base
from socle.platform.database import Connection
from socle.platform.patient_key import patient_key
from socle.platform.web import refuse
from socle.services.conformance.domain import Verdict
from socle.services.delivery.arrivals import Arrival, PatientMatch
from socle.services.delivery.intake import IntakeService
from socle.services.delivery.intake_rest import routes
from socle.services.dmp.domain import StoredQuery
from socle.services.ins.domain import Identity
from socle.services.mssante.domain import ArrivalTask, Envelope, MailboxKind, MailSession, Origin, Recipient
from socle.services.mssante.service import BASE_ACTOR, MssanteService
from socle.standards.cda.header import read_header
from socle.standards.cda.metadata import document_entry_of, submission_for
from socle.standards.errors import Conflict, Forbidden, InvalidContent, NotFound, SocleError, Text, Unavailable
from socle.standards.ids.ins import Ins
from socle.standards.ids.traits import Traits
from socle.standards.mail.address import parse_address
from socle.standards.mail.compose import ARCHIVE_NAME, Letter, compose
from socle.standards.mail.read import Attachment, Correspondent
from socle.standards.xdm.archive import pack, unpack
from socle.standards.xdm.package import Action, with_action, write_xdm
from socle.standards.xdm.readable import Sender
from socle.standards.xds.model import DocumentEntry, RegistryObjects, Submission

from .conftest import DOMAIN, make_box

LEA = Actor(
    kind=ActorKind.PROFESSIONAL, id="899700000001", name="Léa", authentication=AuthenticationMode.INDIRECTE_RENFORCEE
)
BOX = f"lea@{DOMAIN}"
ROBOT = f"robot@{DOMAIN}"


class Surroundings:
    """A DMP, identities and rules of which the test decides."""

    def __init__(self) -> None:
        self.filed: list[tuple[Actor, bytes]] = []
        self.identity: Identity | None = None
        self.is_refused = False
        self.is_down = False

    async def submit(self, actor: Actor, submission: Submission) -> None:
        if self.is_down:
            raise Unavailable("Down", Text("Panne.", "Down."))
        [content] = submission.contents.values()
        if any(content == known for _, known in self.filed):
            raise Conflict("XDSDuplicateUniqueIdInRegistry", Text("Déjà là.", "Already there."))
        self.filed.append((actor, content))

    async def query(self, actor: Actor, query: StoredQuery) -> RegistryObjects:
        raise Forbidden("DMPAuthorizationRequired", Text("Non.", "No."))

    async def find(self, connection: Connection, ins: Ins) -> Identity | None:
        return self.identity

    async def verdict(self, content: bytes) -> Verdict:
        return Verdict(document_type="x", document_version="1", rule_sets=[], findings=[])

    async def feed_verdict(self, content: bytes, entry: DocumentEntry) -> Verdict | None:
        if self.is_refused:
            raise InvalidContent("ConformanceRefused", Text("Non conforme.", "Does not conform."))
        return None


@pytest.fixture
def letter(shared: Path) -> bytes:
    return (shared / "examples/cda/LDL-SES_2022.01.xml").read_bytes()


@pytest.fixture
def around(letter: bytes) -> Surroundings:
    found = Surroundings()
    found.identity = identity_of(letter)
    return found


def identity_of(letter: bytes, **changes: str) -> Identity:
    patient = read_header(letter).patient
    assert patient.birth_time is not None
    assert patient.gender is not None
    day = patient.birth_time.text
    values = {
        "birth_name": patient.birth_family,
        "given_names": patient.birth_given_names or patient.first_birth_given,
        "sex": patient.gender.code,
        "birth_date": f"{day[:4]}-{day[4:6]}-{day[6:8]}",
    } | changes

    return Identity(key=UUID(int=1), local_id="IPP-1", traits=Traits.of(**values), ins=patient.ins)


@pytest.fixture
async def mssante(base: Base) -> MssanteService:
    service = MssanteService(base)
    await service.create(BASE_ACTOR, make_box("lea"))
    robot = make_box("robot", kind=MailboxKind.APPLICATIVE, person_id="", structure_id="1750000001")
    await service.create(BASE_ACTOR, robot)
    return service


@pytest.fixture
def intake(mssante: MssanteService, around: Surroundings) -> IntakeService:
    return IntakeService(mssante.base, mssante, around, around, around)


def an_archive(letter: bytes, *, action: Action = Action.NEW, **entry_changes: Any) -> bytes:
    entry = msgspec.structs.replace(with_action(document_entry_of(letter), action), **entry_changes)
    submission = submission_for(
        [(entry, letter)],
        author=entry.authors[0],
        source_id="1.2.3",
        unique_id="1.2.3.4",
        submission_time="20260105090000",
    )
    return write_xdm((submission,), Sender(name="Paul"))


async def receive(mssante: MssanteService, archive: bytes, to: str = BOX, name: str = "m1") -> None:
    sender = parse_address("paul@ch-a.mssante.fr")
    message = compose(
        Letter(
            sender=Correspondent(sender, "Paul"),
            to=(Correspondent(parse_address(to)),),
            subject="Un document",
            text="Bonjour\n",
            date=mssante.base.clock(),
            message_id=f"<{name}@ch-a.mssante.fr>",
            product="X",
            attachments=(Attachment(ARCHIVE_NAME, "application/zip", archive),),
        )
    )
    recipients = (Recipient(parse_address(to)),)
    await mssante.office.accept(Envelope(sender=sender, recipients=recipients, origin=Origin.PEER), message)


async def only(intake: IntakeService, session: MailSession) -> Arrival:
    [arrival] = await intake.list_arrivals(session)
    return await intake.examine(session, arrival.id)


async def opened(mssante: MssanteService) -> MailSession:
    return await mssante.access.of_actor(BOX, LEA)


async def test_a_document_is_recognised_by_ins_and_filed_once_by_an_act(
    mssante: MssanteService, intake: IntakeService, around: Surroundings, letter: bytes
) -> None:
    await receive(mssante, an_archive(letter))
    session = await opened(mssante)
    arrival = await only(intake, session)
    assert (arrival.patient, arrival.local_id, arrival.may_be_filed) == (PatientMatch.SAME, "IPP-1", True)
    assert arrival.verdict is not None
    assert around.filed == []  # nothing happens without an act
    for _ in range(2):
        assert (await intake.file(session, arrival.id)).filed_at is not None
    assert around.filed == [(LEA, letter)]
    assert not (await intake.list_arrivals(session, only_new=True))
    assert (await only(intake, session)).sentence() == "Versé au DMP."


async def test_software_takes_the_very_bytes_and_is_not_offered_them_again(
    mssante: MssanteService, intake: IntakeService, letter: bytes
) -> None:
    await receive(mssante, an_archive(letter))
    session = await opened(mssante)
    [arrival] = await intake.list_arrivals(session, only_new=True)
    assert await intake.content(session, arrival.id) == letter
    assert (await intake.take(session, arrival.id)).taken_at is not None
    assert not (await intake.list_arrivals(session, only_new=True))
    [line] = await mssante.webmail.list_threads(session)
    assert line.unread == 1  # a machine took it: nobody read it


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ("unknown", "Aucun patient d'ici"),
        ("metadata", "typeCode"),
        ("deletion", "demande de supprimer"),
        ("conformance", "Non conforme."),
        ("bytes", "empreinte"),
    ],
)
async def test_what_is_wrong_is_said_and_not_filed(
    mssante: MssanteService, intake: IntakeService, around: Surroundings, letter: bytes, trouble: str, told: str
) -> None:
    archive = an_archive(letter)
    if trouble == "unknown":
        around.identity = None
    elif trouble == "metadata":
        code = msgspec.structs.replace(document_entry_of(letter).type_code, code="11502-2")
        archive = an_archive(letter, type_code=code)
    elif trouble == "deletion":
        archive = an_archive(letter, action=Action.DELETE)
    elif trouble == "conformance":
        around.is_refused = True
    else:
        files = unpack(archive)
        [name] = [path for path in files if path.endswith("DOC00001.XML")]
        archive = pack(files | {name: files[name] + b"<!-- -->"})
    await receive(mssante, archive)
    session = await opened(mssante)
    arrival = await only(intake, session)
    assert told in arrival.sentence()
    assert not arrival.may_be_filed
    with pytest.raises(InvalidContent) as refused:
        await intake.file(session, arrival.id)
    assert told in refused.value.reason.fr
    assert around.filed == []


async def test_another_name_is_for_a_person_to_compare(
    mssante: MssanteService, intake: IntakeService, around: Surroundings, letter: bytes
) -> None:
    around.identity = identity_of(letter, birth_name="AUTREMENT")
    await receive(mssante, an_archive(letter))
    arrival = await only(intake, await opened(mssante))
    assert (arrival.patient, arrival.may_be_filed, arrival.files_itself) == (PatientMatch.DIFFERENT, True, False)
    assert "comparez" in arrival.sentence()


async def jobs_of(base: Base) -> list[ArrivalTask]:
    async with base.database.connection() as connection:
        rows = await connection.fetch("SELECT payload FROM pgqueuer WHERE entrypoint = 'delivery.arrival'")
    return [msgspec.json.decode(row["payload"], type=ArrivalTask) for row in rows]


async def test_only_an_applicative_box_that_is_set_so_files_by_itself(
    mssante: MssanteService, intake: IntakeService, around: Surroundings, letter: bytes
) -> None:
    await receive(mssante, an_archive(letter), ROBOT)
    assert await jobs_of(mssante.base) == []
    with pytest.raises(InvalidContent):
        await mssante.change_filing(BASE_ACTOR, BOX, files_to_dmp=True)
    await mssante.change_filing(BASE_ACTOR, ROBOT, files_to_dmp=True)
    await receive(mssante, an_archive(letter), ROBOT, "m2")
    [task] = await jobs_of(mssante.base)
    around.is_down = True
    with pytest.raises(Unavailable):
        await intake.on_arrival(task)
    around.is_down = False
    await intake.on_arrival(task)
    await intake.on_arrival(task)
    [(actor, content)] = around.filed
    assert (actor.kind, actor.structure, content) == (ActorKind.SYSTEM, "1750000001", letter)


async def test_a_box_that_files_by_itself_leaves_what_raises_a_question(
    mssante: MssanteService, intake: IntakeService, around: Surroundings, letter: bytes
) -> None:
    around.identity = identity_of(letter, birth_name="AUTREMENT")
    await mssante.change_filing(BASE_ACTOR, ROBOT, files_to_dmp=True)
    await receive(mssante, an_archive(letter), ROBOT)
    [task] = await jobs_of(mssante.base)
    await intake.on_arrival(task)
    assert around.filed == []
    robot = Actor(kind=ActorKind.SYSTEM, id="1750000001", name="R", authentication=AuthenticationMode.INDIRECTE)
    [arrival] = await intake.list_arrivals(await mssante.access.of_actor(ROBOT, robot))
    assert "comparez" in arrival.refusal


@pytest.mark.parametrize("wrong", ["", "1.2", "1.99.0", "1.1.9", "9999999999.1.0", "a.b.c", "1.1.0.0"])
async def test_an_id_that_names_nothing_is_not_found(
    mssante: MssanteService, intake: IntakeService, letter: bytes, wrong: str
) -> None:
    await receive(mssante, an_archive(letter))
    with pytest.raises(NotFound):
        await intake.examine(await opened(mssante), wrong)


async def test_a_vendors_software_lists_judges_takes_and_files_over_http(
    mssante: MssanteService, intake: IntakeService, around: Surroundings, letter: bytes
) -> None:
    await receive(mssante, an_archive(letter))
    caller = LEA

    async def authenticate(_request: Request) -> Actor:
        return caller

    doors = Starlette(routes=routes(intake, mssante, authenticate), exception_handlers={SocleError: refuse})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=doors)) as http:
        box = Arrivals("http://socle", http, "token", BOX)
        [one] = await box.list()
        assert (one.patient, one.local_id, one.may_be_filed, one.sender) == (
            "same",
            "IPP-1",
            True,
            "paul@ch-a.mssante.fr",
        )
        assert (await box.examine(one.id)).verdict is not None
        assert await box.content(one.id) == letter
        assert (await box.take(one.id)).taken_at is not None
        assert (await box.file(one.id)).filed_as == one.document_id
        assert await box.list() == []
        assert len(await box.list(only_new=False)) == 1
        with pytest.raises(SocleError) as missing:
            await box.examine("1.99.0")
        assert missing.value.code == "MSSMessageNotFound"
        caller = msgspec.structs.replace(LEA, id="899700000009")
        with pytest.raises(SocleError) as stranger:
            await box.list()
        assert stranger.value.code == "MSSNotAllowed"


async def test_a_document_about_another_tells_the_citizen_nothing_and_leaves_no_trace_there(
    intake: IntakeService, mssante: MssanteService, letter: bytes
) -> None:
    subject = read_header(letter).patient.ins
    assert subject is not None
    own = Ins("277076322082910", subject.oid)
    box = await mssante.open_citizen_box(own, "Dominique")
    await receive(mssante, an_archive(letter), to=box.address)
    citizen = Actor(kind=ActorKind.PATIENT, id="c", name="D", authentication=AuthenticationMode.CITIZEN, patient=own)
    arrival = await only(intake, await mssante.access.of_actor(box.address, citizen))
    assert (arrival.patient, arrival.local_id) == (PatientMatch.UNKNOWN, "")
    async with mssante.base.database.connection() as connection:
        assert await mssante.base.audit.of_patient(connection, patient_key(subject), count=1) == []
