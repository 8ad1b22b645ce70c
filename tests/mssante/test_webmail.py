"""What the portals do with mail: threads, documents, drafts, receipts, citizens' answers."""

from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.base import Base
from socle.services.mssante.domain import MailboxKind, MailSession, NewMail
from socle.services.mssante.relay import Relay
from socle.services.mssante.service import BASE_ACTOR, MssanteService
from socle.standards.cda.metadata import document_entry_of, submission_for
from socle.standards.errors import Forbidden, InvalidContent, NotFound, SocleError
from socle.standards.ids.ins import OID_NIR_TEST, Ins
from socle.standards.mail.compose import ARCHIVE_NAME, xdm_subject
from socle.standards.mail.read import Attachment
from socle.standards.xdm.package import write_xdm
from socle.standards.xdm.readable import Sender
from socle.standards.xds.model import Author

from .conftest import DOMAIN, make_box

PATIENT = Ins("279035121518989", OID_NIR_TEST)
PATIENT_ADDRESS = "279035121518989@patient.mssante.fr"


@pytest.fixture
def service(base: Base) -> MssanteService:
    return MssanteService(base)


async def a_session(service: MssanteService, local: str, person: str = "899700000001") -> MailSession:
    await service.create(BASE_ACTOR, make_box(local, person_id=person, display_name=f"Dr_{local.upper()}"))
    actor = Actor(kind=ActorKind.PROFESSIONAL, id=person, name=local, authentication=AuthenticationMode.DIRECTE)
    return await service.access.of_actor(f"{local}@{DOMAIN}", actor)


async def a_citizen(service: MssanteService) -> MailSession:
    await service.open_citizen_box(PATIENT, "Dominique PAT-TROIS")
    actor = Actor(kind=ActorKind.PATIENT, id="c1", name="D", authentication=AuthenticationMode.CITIZEN, patient=PATIENT)
    return await service.access.of_actor(PATIENT_ADDRESS, actor)


async def test_a_document_sent_is_read_byte_identical_and_its_receipts_come_back(
    service: MssanteService, shared: Path
) -> None:
    lea = await a_session(service, "lea")
    paul = await a_session(service, "paul", "899700000002")
    content = (shared / "examples/cda/LDL-SES_2022.01.xml").read_bytes()
    submission = submission_for(
        [(document_entry_of(content), content)],
        author=Author(person="899700000001^X^Y"),
        source_id="1.2.3",
        unique_id="1.2.3.4",
        submission_time="20260302081500",
    )
    archive = write_xdm((submission,), Sender(name="Léa"))
    receipt, message_id = await service.outbox.send(
        lea,
        NewMail(
            to=(f"paul@{DOMAIN}",),
            subject=xdm_subject(("Lettre",), family="Pat", given="D", birth_date=date(1979, 3, 28)),
            text="Cher confrère",
            attachments=(Attachment(ARCHIVE_NAME, "application/zip", archive),),
            cda_codes=("11490-0",),
            asks_read_receipt=True,
            send_id="act-1",
        ),
    )
    assert receipt.delivered == (f"paul@{DOMAIN}",)
    [line] = await service.webmail.list_threads(paul)
    assert (line.subject, line.unread, line.has_document, line.is_with_citizen) == (
        "Lettre PAT D 28/03/1979",
        1,
        True,
        False,
    )
    [opened] = await service.webmail.read_thread(paul, line.thread)
    assert [document for _, document in opened.documents] == [content]
    assert opened.package.findings == ()
    assert await service.outbox.send_receipt(paul, opened.folder_id, opened.uid)
    assert not await service.outbox.send_receipt(paul, opened.folder_id, opened.uid)
    while await Relay(service, None).work_once():
        pass
    notices = await service.webmail.notices(lea, message_id)
    assert sorted((n.kind, n.outcome) for n in notices) == [("delivery", "delivered"), ("receipt", "displayed")]


async def test_the_same_act_is_sent_once(service: MssanteService) -> None:
    lea = await a_session(service, "lea")
    paul = await a_session(service, "paul", "899700000002")
    new = NewMail(to=(f"paul@{DOMAIN}",), subject="a", text="b", send_id="act-1")
    first, _ = await service.outbox.send(lea, new)
    service.base.clock.move(timedelta(minutes=5))  # type: ignore[attr-defined]
    again, _ = await service.outbox.send(lea, new)
    assert (first.delivered, again.repeated) == ((f"paul@{DOMAIN}",), (f"paul@{DOMAIN}",))
    assert len(await service.webmail.list_threads(paul)) == 1
    assert len(await service.webmail.list_threads(lea, "Envoyés")) == 1


async def test_an_answer_joins_its_thread(service: MssanteService) -> None:
    lea = await a_session(service, "lea")
    paul = await a_session(service, "paul", "899700000002")
    _, first = await service.outbox.send(lea, NewMail(to=(f"paul@{DOMAIN}",), subject="Avis", text="?"))
    answer = NewMail(
        to=(f"lea@{DOMAIN}",), subject="Re: Avis", text="Oui, examen.", in_reply_to=first, references=(first,)
    )
    await service.outbox.send(paul, answer)
    [line] = await service.webmail.list_threads(lea)
    thread = await service.webmail.read_thread(lea, line.thread)
    assert [message.mail.subject for message in thread] == ["Avis", "Re: Avis"]
    assert [found.subject for found in await service.webmail.search(lea, "EXAMEN")] == ["Re: Avis"]
    assert await service.webmail.search(lea, "absent") == []


async def test_a_citizen_answers_only_who_wrote_and_only_light_things(service: MssanteService) -> None:
    citizen = await a_citizen(service)
    lea = await a_session(service, "lea")
    to_lea = NewMail(to=(f"lea@{DOMAIN}",), subject="Question", text="?")
    with pytest.raises(SocleError):
        await service.outbox.send(citizen, to_lea)
    await service.outbox.send(lea, NewMail(to=(PATIENT_ADDRESS,), subject="Bonjour", text="x"))
    assert await service.outbox.may_answer(citizen, f"lea@{DOMAIN}")
    receipt, _ = await service.outbox.send(citizen, to_lea)
    assert receipt.delivered == (f"lea@{DOMAIN}",)
    assert [line.is_with_citizen for line in await service.webmail.list_threads(lea)] == [True]
    archive = Attachment("a.zip", "application/zip", b"PK")
    with pytest.raises(InvalidContent):
        await service.outbox.send(citizen, msgspec.structs.replace(to_lea, attachments=(archive,)))
    await service.outbox.send(lea, NewMail(to=(PATIENT_ADDRESS,), subject="Fin", text="x", closes_exchange=True))
    with pytest.raises(SocleError):
        await service.outbox.send(citizen, to_lea)
    assert await service.outbox.contacts(citizen, "") == []


class AlwaysInfected:
    async def find_virus(self, content: bytes) -> str:
        return "Eicar-Signature"


async def test_what_the_pages_send_is_scanned_and_stays_in_the_trust_space(service: MssanteService) -> None:
    lea = await a_session(service, "lea")
    with pytest.raises(SocleError, match="MSS-not-listed"):
        await service.outbox.send(lea, NewMail(to=("x@gmail.com",), subject="a", text="b"))
    service.office.antivirus = AlwaysInfected()
    with pytest.raises(SocleError, match="MSS-virus"):
        await service.outbox.send(lea, NewMail(to=(f"lea@{DOMAIN}",), subject="a", text="b"))
    assert [row["signature"] for row in await service.upkeep.quarantine()] == ["Eicar-Signature"]
    assert await service.webmail.list_threads(lea, "Envoyés") == []


async def test_a_draft_is_replaced_then_deleted(service: MssanteService) -> None:
    lea = await a_session(service, "lea")
    first = await service.outbox.save_draft(lea, NewMail(to=(), subject="v1", text="x"))
    second = await service.outbox.save_draft(lea, NewMail(to=(), subject="v2", text="x"), replaces=first)
    assert [line.subject for line in await service.webmail.list_threads(lea, "Brouillons")] == ["v2"]
    folder = next(folder for folder, _ in await service.webmail.folders(lea) if folder.special_use == "\\Drafts")
    await service.webmail.put_away(lea, folder.id, [second], "\\Trash")
    assert await service.webmail.list_threads(lea, "Brouillons") == []


async def test_a_reader_without_the_right_to_send_cannot(service: MssanteService) -> None:
    await service.create(
        BASE_ACTOR, make_box("cardio", kind=MailboxKind.ORGANIZATIONAL, person_id="", structure_id="1750000001")
    )
    await service.grant(BASE_ACTOR, f"cardio@{DOMAIN}", "899700000009", may_send=False)
    actor = Actor(kind=ActorKind.PROFESSIONAL, id="899700000009", name="X", authentication=AuthenticationMode.DIRECTE)
    session = await service.access.of_actor(f"cardio@{DOMAIN}", actor)
    with pytest.raises(Forbidden):
        await service.outbox.send(session, NewMail(to=(f"cardio@{DOMAIN}",), subject="a", text="b"))
    with pytest.raises(NotFound):
        await service.webmail.read(session, 1, 99)
    with pytest.raises(NotFound):
        await service.webmail.read_thread(session, "zz")


async def test_every_reading_is_an_audit_event_of_the_patient(service: MssanteService) -> None:
    citizen = await a_citizen(service)
    lea = await a_session(service, "lea")
    await service.outbox.send(lea, NewMail(to=(PATIENT_ADDRESS,), subject="Bonjour", text="x"))
    [line] = await service.webmail.list_threads(citizen)
    await service.webmail.read_thread(citizen, line.thread)
    async with service.base.database.connection() as connection:
        from socle.platform.patient_key import patient_key

        traces = await service.base.audit.of_patient(connection, patient_key(PATIENT))
    assert [trace.event.transaction for trace in traces] == ["mss.read", "mss.list"]
    assert citizen.box.key != patient_key(PATIENT)
