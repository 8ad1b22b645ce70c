"""Secure mail in the portals: one send two ways, documents filed or kept, drafts, receipts, the right box."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import msgspec
import pytest

from socle.app import tasks_of
from socle.services.delivery.domain import Order, TargetTask
from socle.services.dmp.domain import AuthorizationAction
from socle.services.mssante.relay import Relay
from socle.standards.cda.metadata import document_entry_of

from .conftest import DOCTOR, INS, OPERATOR, Portal, feed, mailbox, own_patient

DOMAIN = "socle.mssante.fr"
CAMILLE, PAUL = f"camille.test@{DOMAIN}", f"paul@{DOMAIN}"


@pytest.fixture
async def desk(portal: Portal) -> Portal:
    """The doctor has a box, a colleague too, and the patient's record is open."""
    services = portal.services
    await services.dmp.set_authorization(DOCTOR, INS, AuthorizationAction.AJOUT)
    now = services.base.clock()
    await services.mssante.create(OPERATOR, mailbox(CAMILLE, DOCTOR.id, now))
    await services.mssante.create(OPERATOR, mailbox(PAUL, "899700000002", now))
    portal.desk.visit = msgspec.structs.replace(portal.desk.visit, ins=INS, holder="Dominique")
    return portal


@pytest.fixture
def letter(shared: Path) -> bytes:
    return own_patient((shared / "examples/cda/LDL-SES_2022.01.xml").read_bytes())


async def work(portal: Portal) -> None:
    """What the job worker and the mail queue do meanwhile."""
    async with portal.services.base.database.connection() as connection:
        rows = await connection.fetch("SELECT patient_key, delivery_id, address FROM delivery_target")
    task = tasks_of(portal.services)["delivery.carry_out"]
    for row in rows:
        await task(msgspec.json.encode(TargetTask(**dict(row))))
    while await Relay(portal.services.mssante, None).work_once():
        pass


def thread_of(page: str, path: str) -> str:
    return page.split(f'class="what"><a href="{path}/')[1].split('"')[0]


async def test_one_form_feeds_the_record_and_writes_to_doctor_and_patient(desk: Portal, letter: bytes) -> None:
    page = await desk.post(
        "/pro/dossier/alimenter",
        files={"file": ("lettre.xml", letter, "text/xml")},
        to=f"{PAUL}, perdu@{DOMAIN}",
        patient="oui",
        mailbox=CAMILLE,
        mail_text="Bonne lecture.",
    )
    assert "Dossier du patient (DMP)" in page
    act = re.search(r"/pro/envois/[0-9a-f]{64}", page)
    assert act is not None
    await work(desk)
    page = unescape(await desk.get(act[0]))
    assert "enregistré au DMP" in page
    assert page.count("remis dans la boîte") == 2
    assert "Cette boîte n'existe pas" in page
    assert "data-refresh" not in page  # all is settled
    assert "non remis" in await desk.get("/pro/envois")
    record = unescape(await desk.get("/espace/documents"))
    assert document_entry_of(letter).title in record
    assert "Bonne lecture." in await desk.get(
        f"/espace/messages/{thread_of(await desk.get('/espace/messages'), '/espace/messages')}"
    )


async def test_a_document_of_the_record_is_sent_and_another_doctor_sees_nothing_of_the_act(
    desk: Portal, letter: bytes
) -> None:
    await feed(desk, letter)
    document = re.search(r"/pro/dossier/documents/[0-9a-f-]{36}", await desk.get("/pro/dossier"))
    assert document is not None
    assert "Envoyer par messagerie" in await desk.get(document[0])
    assert PAUL in await desk.get(f"{document[0]}/envoyer?chercher=paul")
    assert "Il y a un problème" in await desk.post(f"{document[0]}/envoyer", 422, to="personne", mailbox=CAMILLE)
    page = await desk.post(f"{document[0]}/envoyer", to=PAUL, mailbox=CAMILLE)
    act = re.search(r"/pro/envois/[0-9a-f]{64}", page)
    assert act is not None
    stranger = msgspec.structs.replace(DOCTOR, id="899700000009")
    desk.desk.visit = msgspec.structs.replace(desk.desk.visit, actor=stranger)
    await desk.get(act[0], 404)


async def test_what_came_by_mail_is_filed_by_a_button_with_its_verdict(desk: Portal, letter: bytes) -> None:
    await receive(desk, letter)
    threads = await desk.get("/pro/messages?qui=professionnels")
    thread = thread_of(threads, "/pro/messages")
    assert "Aucun message" in await desk.get("/pro/messages?qui=patients")
    page = await desk.get(f"/pro/messages/{thread}")
    assert "PAT-TROIS" in page
    filing = re.search(r'action="(/pro/messages/verser/[\d.]+)"', page)
    assert filing is not None, page[-4000:]
    assert "versé au DMP" in await desk.post(filing[1], thread=thread)
    assert document_entry_of(letter).title in unescape(await desk.get("/espace/documents"))
    assert "/pro/messages/verser/" not in await desk.get(f"/pro/messages/{thread}")


async def receive(desk: Portal, letter: bytes) -> None:
    """A colleague sends the letter to the doctor and to the patient."""
    colleague = msgspec.structs.replace(DOCTOR, id="899700000002", name="PAUL Jean")
    order = Order(document=letter, mailbox=PAUL, to=(CAMILLE,), to_patient=True, asks_read_receipt=True)
    await desk.services.delivery.send(colleague, order)
    await work(desk)


async def test_a_citizen_keeps_a_received_document_once(desk: Portal, letter: bytes) -> None:
    await receive(desk, letter)
    thread = thread_of(await desk.get("/espace/messages"), "/espace/messages")
    page = await desk.get(f"/espace/messages/{thread}")
    keeping = re.search(r'action="(/espace/messages/garder/[\d.]+)"', page)
    assert keeping is not None
    for _ in range(2):
        assert "dans vos documents" in await desk.post(keeping[1], thread=thread)
    assert unescape(await desk.get("/espace/documents")).count(document_entry_of(letter).title) == 1


async def test_a_doctor_confirms_reading_when_asked_and_a_citizen_without_being_asked(
    desk: Portal, letter: bytes
) -> None:
    await receive(desk, letter)
    thread = thread_of(await desk.get("/pro/messages"), "/pro/messages")
    page = await desk.get(f"/pro/messages/{thread}")
    confirming = re.search(r'action="(/pro/messages/lu/\d+/\d+)"', page)
    assert confirming is not None
    assert "accusé de lecture est envoyé" in await desk.post(confirming[1], thread=thread)
    citizen = thread_of(await desk.get("/espace/messages"), "/espace/messages")
    await desk.get(f"/espace/messages/{citizen}")
    await work(desk)
    session = await desk.services.mssante.access.of_actor(PAUL, msgspec.structs.replace(DOCTOR, id="899700000002"))
    sent = await desk.services.mssante.webmail.list_threads(session, "Envoyés")
    notices = [
        notice
        for line in sent
        for message in await desk.services.mssante.webmail.read_thread(session, line.thread)
        for notice in message.notices
    ]
    assert sorted(notice.recipient for notice in notices if notice.kind == "receipt") == sorted(
        [CAMILLE, f"{INS.matricule.lower()}@patient.mssante.fr"]
    )


async def test_a_draft_is_opened_again_and_sent_once_then_put_away(desk: Portal) -> None:
    written = {"to": PAUL, "subject": "Avis", "text": "Première version."}
    page = await desk.post("/pro/messages/ecrire", action="brouillon", **written)
    assert "Brouillon gardé" in page
    draft = re.search(r"/pro/messages/ecrire\?brouillon=(\d+)", page)
    assert draft is not None
    assert "Première version." in await desk.get(draft[0])
    form = written | {"text": "Version finale.", "draft": draft[1], "send_id": "11111111-1111-4111-8111-111111111111"}
    for _ in range(2):  # a double click
        assert "Message envoyé" in await desk.post("/pro/messages/ecrire", action="envoyer", **form)
    assert "Aucun message" in await desk.get("/pro/messages?dossier=Brouillons")
    sent = await desk.get("/pro/messages?dossier=Envoyés")
    assert sent.count('class="what"') == 1
    thread = thread_of(sent, "/pro/messages")
    await desk.post(f"/pro/messages/{thread}/ranger", action="supprimer")
    assert "Avis" in await desk.get("/pro/messages?dossier=Corbeille")


async def test_the_chosen_box_stays_chosen(desk: Portal) -> None:
    services = desk.services
    await services.mssante.grant(OPERATOR, PAUL, DOCTOR.id, may_send=True)
    assert f"Boîte : {CAMILLE}" in re.sub(r"\s+", " ", re.sub("<[^>]+>", "", await desk.get("/pro/messages")))
    await desk.get(f"/pro/messages?boite={PAUL}")
    assert f"Depuis la boîte {PAUL}" in re.sub("<[^>]+>", "", await desk.get("/pro/messages/ecrire"))
    await desk.get("/pro/messages?boite=autre@socle.mssante.fr")


async def test_addresses_are_proposed_and_the_red_list_is_not(desk: Portal) -> None:
    services = desk.services
    hidden = msgspec.structs.replace(
        mailbox(f"paul.cache@{DOMAIN}", "899700000003", services.base.clock()), is_red_listed=True
    )
    await services.mssante.create(OPERATOR, hidden)
    found = await desk.get("/pro/messages/correspondants?mots=paul")
    assert PAUL in found
    assert "cache" not in found
    assert await desk.get("/pro/messages/correspondants?mots=p") == "[]"


async def test_a_letter_to_a_citizen_who_never_came_arrives_because_the_space_exists(desk: Portal) -> None:
    address = f"{INS.matricule}@patient.mssante.fr"
    page = await desk.post("/pro/messages/ecrire", to=address, subject="Bonjour", text="Votre ordonnance est prête.")
    assert "Message envoyé" in page
    assert "Bonjour" in await desk.get("/espace/messages")


async def test_a_closed_messaging_is_opened_again_by_its_owner_and_not_by_a_visit(desk: Portal) -> None:
    assert "Fermer ma messagerie" in await desk.get("/espace/messages")
    assert "messagerie est fermée" in await desk.post("/espace/messages/fermer")
    assert "Rouvrir ma messagerie" in await desk.get("/espace/messages")
    assert "messagerie est fermée" not in await desk.post("/espace/messages/rouvrir")
