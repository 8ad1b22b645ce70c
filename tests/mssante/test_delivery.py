"""One act, two ways: each target proven and retried on its own, nothing twice."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.base import Base
from socle.services.delivery.domain import Order, TargetState, TargetTask
from socle.services.delivery.service import DeliveryService
from socle.services.mssante.domain import MailSession
from socle.services.mssante.relay import Relay
from socle.services.mssante.service import BASE_ACTOR, MssanteService
from socle.standards.cda.header import read_header
from socle.standards.errors import Conflict, InvalidContent, NotFound, Text, Unavailable
from socle.standards.xdm.package import Action, action_of
from socle.standards.xds.model import Submission, Visibility

from .conftest import DOMAIN, make_box

LEA = Actor(
    kind=ActorKind.PROFESSIONAL, id="899700000001", name="Léa", authentication=AuthenticationMode.INDIRECTE_RENFORCEE
)
PAUL = msgspec.structs.replace(LEA, id="899700000002")


class FlakyRegistry:
    """A registry that does not answer at first, and refuses what it has."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.documents: list[bytes] = []

    async def submit(self, actor: Actor, submission: Submission) -> None:
        if self.failures:
            self.failures -= 1
            raise Unavailable("Down", Text("Panne.", "Down."))
        [content] = submission.contents.values()
        if content in self.documents:
            raise Conflict("XDSDuplicateUniqueIdInRegistry", Text("Déjà là.", "Already there."))
        self.documents.append(content)


@pytest.fixture
async def mssante(base: Base) -> MssanteService:
    service = MssanteService(base)
    await service.create(BASE_ACTOR, make_box("lea"))
    await service.create(BASE_ACTOR, make_box("paul", person_id=PAUL.id))
    return service


@pytest.fixture
def letter(shared: Path) -> bytes:
    return (shared / "examples/cda/LDL-SES_2022.01.xml").read_bytes()


async def carry_out_all(service: DeliveryService, public_id: str) -> None:
    """What the job worker does, without it."""
    async with service.base.database.connection() as connection:
        rows = await connection.fetch("SELECT patient_key, delivery_id, address FROM delivery_target ORDER BY address")
    for row in rows:
        try:
            await service.carry_out(TargetTask(**dict(row)))
        except Unavailable:
            continue


async def inbox(mssante: MssanteService, address: str, actor: Actor) -> tuple[MailSession, list[bytes]]:
    session = await mssante.access.of_actor(address, actor)
    lines = await mssante.webmail.list_threads(session)
    opened = [await mssante.webmail.read(session, line.folder_id, line.uid) for line in lines]
    return session, [content for message in opened for _, content in message.documents]


async def test_one_act_reaches_dmp_doctor_and_patient_each_on_its_own(mssante: MssanteService, letter: bytes) -> None:
    registry = FlakyRegistry(failures=1)
    service = DeliveryService(mssante.base, mssante, registry)
    ins = read_header(letter).patient.ins
    assert ins is not None
    await mssante.open_citizen_box(ins, "Patient")
    order = Order(document=letter, mailbox=f"lea@{DOMAIN}", to_dmp=True, to=(f"paul@{DOMAIN}",), to_patient=True)
    act = await service.send(LEA, order)
    assert [target.state for target in act.targets] == [TargetState.WAITING] * 3
    await carry_out_all(service, act.id)
    states = {target.address: target.state for target in (await service.status(LEA, act.id)).targets}
    assert states["dmp"] is TargetState.WAITING
    assert states[f"paul@{DOMAIN}"] is TargetState.SENT
    for _ in range(2):  # again, as after a crash: nothing is doubled
        await carry_out_all(service, act.id)
        while await Relay(mssante, None).work_once():
            pass
    act = await service.status(LEA, act.id)
    assert {target.state for target in act.targets} == {TargetState.DELIVERED}
    assert act.is_settled
    assert "DMP : enregistré au DMP" in act.sentence()
    assert registry.documents == [letter]
    assert (await inbox(mssante, f"paul@{DOMAIN}", PAUL))[1] == [letter]
    patient = Actor(kind=ActorKind.PATIENT, id="c", name="P", authentication=AuthenticationMode.CITIZEN, patient=ins)
    assert (await inbox(mssante, f"{ins.matricule}@patient.mssante.fr", patient))[1] == [letter]


async def test_the_same_order_is_the_same_act(mssante: MssanteService, letter: bytes) -> None:
    service = DeliveryService(mssante.base, mssante, FlakyRegistry(0))
    first = await service.send(LEA, Order(document=letter, to_dmp=True))
    await carry_out_all(service, first.id)
    again = await service.send(LEA, Order(document=letter, to_dmp=True))
    assert again.id == first.id
    assert [target.state for target in again.targets] == [TargetState.DELIVERED]


async def test_what_was_registered_before_a_crash_counts_as_registered(mssante: MssanteService, letter: bytes) -> None:
    registry = FlakyRegistry(0)
    registry.documents.append(letter)
    service = DeliveryService(mssante.base, mssante, registry)
    act = await service.send(LEA, Order(document=letter, to_dmp=True))
    await carry_out_all(service, act.id)
    assert (await service.status(LEA, act.id)).targets[0].state is TargetState.DELIVERED


async def test_a_refusal_of_one_way_does_not_stop_the_other(mssante: MssanteService, letter: bytes) -> None:
    service = DeliveryService(mssante.base, mssante, FlakyRegistry(0))
    order = Order(document=letter, mailbox=f"lea@{DOMAIN}", to_dmp=True, to=(f"absent@{DOMAIN}",))
    act = await service.send(LEA, order)
    await carry_out_all(service, act.id)
    while await Relay(mssante, None).work_once():
        pass
    states = {target.address: target for target in (await service.status(LEA, act.id)).targets}
    assert states["dmp"].state is TargetState.DELIVERED
    assert states[f"absent@{DOMAIN}"].state is TargetState.REFUSED
    assert "Cette boîte n'existe pas : 550 5.1.1" in states[f"absent@{DOMAIN}"].reason


async def test_what_may_not_be_sent_is_refused_before_anything_leaves(mssante: MssanteService, letter: bytes) -> None:
    service = DeliveryService(mssante.base, mssante, FlakyRegistry(0))
    mailbox = f"lea@{DOMAIN}"
    for order in (
        Order(document=letter, mailbox=mailbox, to_patient=True, visibility=(Visibility.INVISIBLE_PATIENT,)),
        Order(document=letter, mailbox=mailbox),
    ):
        with pytest.raises(InvalidContent):
            await service.send(LEA, order)
    act = await service.send(LEA, Order(document=letter, to_dmp=True))
    for stranger, wanted in ((PAUL, act.id), (LEA, "0" * 64), (LEA, "x")):
        with pytest.raises(NotFound):
            await service.status(stranger, wanted)
    assert [content async for content in service.stored_contents()]


async def test_the_subject_has_the_birth_date_as_the_document_writes_it(mssante: MssanteService, letter: bytes) -> None:
    """Midnight in France is the day before in UTC."""
    service = DeliveryService(mssante.base, mssante, FlakyRegistry(0))
    order = Order(document=letter, mailbox=f"lea@{DOMAIN}", to=(f"paul@{DOMAIN}",))
    act = await service.send(LEA, order)
    await carry_out_all(service, act.id)
    session, _ = await inbox(mssante, f"paul@{DOMAIN}", PAUL)
    [line] = await mssante.webmail.list_threads(session)
    birth = read_header(letter).patient.birth_time
    assert birth is not None
    assert f"{birth.text[6:8]}/{birth.text[4:6]}/{birth.text[:4]}" in line.subject


async def test_a_way_that_never_answers_says_why_then_is_given_up(mssante: MssanteService, letter: bytes) -> None:
    service = DeliveryService(mssante.base, mssante, FlakyRegistry(failures=10))
    act = await service.send(LEA, Order(document=letter, to_dmp=True))
    for _ in range(2):
        await carry_out_all(service, act.id)
    assert "2 essais ; Panne." in (await service.status(LEA, act.id)).sentence()
    mssante.base.clock.move(timedelta(days=3))  # type: ignore[attr-defined]
    await carry_out_all(service, act.id)
    settled = await service.status(LEA, act.id)
    assert (settled.is_settled, settled.is_refused) == (True, True)
    assert [one.id for one in await service.list_acts(LEA)] == [act.id]
    mssante.base.clock.move(timedelta(days=400))  # type: ignore[attr-defined]
    assert await service.sweep() == 1
    assert await service.list_acts(LEA) == []


async def test_a_new_version_says_that_it_replaces_the_former(mssante: MssanteService, letter: bytes) -> None:
    link = b'<relatedDocument typeCode="RPLC"><parentDocument><id root="1.2.3"/></parentDocument></relatedDocument>'
    before, mark, after = letter.partition(b"<componentOf")
    service = DeliveryService(mssante.base, mssante, FlakyRegistry(0))
    order = Order(document=before + link + mark + after, mailbox=f"lea@{DOMAIN}", to=(f"paul@{DOMAIN}",))
    await carry_out_all(service, (await service.send(LEA, order)).id)
    session, _ = await inbox(mssante, f"paul@{DOMAIN}", PAUL)
    [message] = await mssante.webmail.with_documents(session)
    [submission] = message.package.submissions
    assert action_of(submission.documents[0], submission) is Action.REPLACE
    assert message.mail.text.startswith("Ce document annule et remplace le précédent.")
