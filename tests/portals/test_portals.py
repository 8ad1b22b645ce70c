"""The portals' pages on real services, with a login that the test gives."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from urllib.parse import quote

import httpx
import msgspec
import pytest
from PIL import Image
from starlette.applications import Starlette

from socle.platform.patient_key import patient_key
from socle.portals.deposit import as_pdf
from socle.portals.operator.routes import routes as operator_routes
from socle.portals.visit import Visit
from socle.services.dmp.domain import AuthorizationAction
from socle.services.ins.domain import Person
from socle.standards.ids.ins import OID_NIR_TEST, Ins
from socle.standards.ids.traits import Traits

from .conftest import CITIZEN, DOCTOR, INS, OPERATOR, GivenVisits, Portal, feed, mailbox, own_patient


async def test_every_citizen_page_answers_on_an_empty_record(portal: Portal) -> None:
    for path in (
        "",
        "/documents",
        "/documents/ajouter",
        "/sante",
        "/resultats",
        "/acces",
        "/traces",
        "/compte",
        "/compte/fermer",
    ):
        assert "<h1>" in await portal.get(f"/espace{path}")


async def test_a_citizen_finds_a_result_by_its_name_and_sees_its_curve(
    portal: Portal, laboratory_report: bytes
) -> None:
    await feed(portal, laboratory_report)
    found = await portal.get(f"/espace/documents?mots={quote('tsh')}")
    assert "1 document" in found
    results = await portal.get("/espace/resultats")
    key = results.split('href="/espace/resultats/')[1].split('"')[0]
    assert "<svg" in await portal.get(f"/espace/resultats/{key}")


async def test_a_hidden_document_is_no_longer_found_by_the_doctor(portal: Portal, laboratory_report: bytes) -> None:
    other = msgspec.structs.replace(DOCTOR, id="899700366240")
    await portal.services.dmp.set_authorization(
        other,
        INS,
        AuthorizationAction.AJOUT,
    )
    await feed(portal, laboratory_report)
    portal.desk.visit = msgspec.structs.replace(portal.desk.visit, actor=other, ins=INS, holder="Dominique")
    assert "/pro/dossier/documents/" in await portal.get("/pro/dossier")
    timeline = await portal.get("/espace/documents")
    document = timeline.split('href="/espace/documents/')[1:]
    address = next(part.split('"')[0] for part in document if len(part.split('"')[0]) == 36)
    page = await portal.post(f"/espace/documents/{address}/changer", action="masquer")
    assert "masqué" in page
    assert "/pro/dossier/documents/" not in await portal.get("/pro/dossier")
    assert "1 document" not in await portal.get("/pro/dossier?mots=tsh")


async def test_a_doctor_without_consent_is_asked_for_it_and_then_feeds_a_letter(portal: Portal) -> None:
    found = await portal.post("/pro/patients", matricule=INS.matricule)
    assert "PAT-TROIS" in found
    assert (
        "Accord du patient"
        in (await portal.browser.post("/pro/patients/ouvrir", data={"csrf": "token", "ins": INS.to_cx()})).text
    )
    await portal.post("/pro/dossier/accord")
    photo = io.BytesIO()
    Image.new("RGB", (200, 300), "white").save(photo, "JPEG")
    fed = await portal.post(
        "/pro/dossier/alimenter",
        files={"file": ("lettre.jpg", photo.getvalue(), "image/jpeg")},
        type="11490-0",
        title="Lettre de sortie d'essai",
        day="02/03/2026",
    )
    assert "est dans le dossier" in fed
    assert "Lettre de sortie d&#39;essai" in await portal.get("/espace")


async def test_a_break_glass_access_appears_in_the_citizens_traces_with_its_reason(portal: Portal) -> None:
    await portal.desk.open_record(None, INS, "Dominique")  # type: ignore[arg-type]
    await portal.post("/pro/dossier/urgence", mode="bris_de_glace", reason="Patient inconscient aux urgences")
    assert "urgence" in await portal.get("/espace/traces")


async def test_a_citizen_adds_a_photograph_and_takes_it_away(portal: Portal) -> None:
    photo = io.BytesIO()
    Image.new("RGB", (400, 300), "white").save(photo, "PNG")
    page = await portal.post(
        "/espace/documents/ajouter",
        files={"file": ("a.png", photo.getvalue(), "image/png")},
        type="DOCPAT05",
        title="Ma prise de sang",
        day="2026-02-01",
    )
    assert "Ma prise de sang" in page
    address = page.split('action="/espace/documents/')[1].split("/")[0]
    await portal.post(f"/espace/documents/{address}/changer", action="supprimer")
    assert "Ma prise de sang" not in await portal.get("/espace/documents")


async def test_a_form_without_its_token_is_refused(portal: Portal) -> None:
    answer = await portal.browser.post("/espace/acces/reglages", data={"choix": "masquer-tout"})
    assert answer.status_code == 403


async def test_what_is_neither_pdf_nor_photo_is_refused_in_words(portal: Portal) -> None:
    page = await portal.post(
        "/espace/documents/ajouter",
        422,
        files={"file": ("a.pdf", b"%PDF-garbage", "application/pdf")},
        type="DOCPAT05",
        title="x",
        day="01/01/2026",
    )
    assert "Il y a un problème" in page


async def test_everything_can_be_taken_away_in_one_archive(portal: Portal, laboratory_report: bytes) -> None:
    await feed(portal, laboratory_report)
    answer = await portal.browser.get("/espace/compte/export.zip")
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert {"INDEX.HTM", "profil.json", "choix.json", "traces.csv"} <= set(names)
    originals = [zipfile.ZipFile(io.BytesIO(answer.content)).read(name) for name in names if name.endswith(".xml")]
    assert originals == [laboratory_report]


async def test_settings_take_effect_and_blocking_shuts_out_at_once(portal: Portal) -> None:
    await portal.post("/espace/acces/reglages", choix="bris-de-glace")
    record = await portal.services.dmp.read_record(CITIZEN, INS)
    assert record.settings.allows_bris_de_glace
    assert not record.settings.allows_centre_15
    await portal.post("/espace/acces/bloquer", id=DOCTOR.id, name="Dr Test")
    await portal.desk.open_record(None, INS, "Dominique")  # type: ignore[arg-type]
    await portal.get("/pro/dossier", 403)


async def test_closing_asks_for_a_word_and_reopening_brings_everything_back(
    portal: Portal, laboratory_report: bytes
) -> None:
    await feed(portal, laboratory_report)
    await portal.post("/espace/compte/fermer", 422, what="fermer", word="oui")
    assert "Rouvrir" in await portal.post("/espace/compte/fermer", what="fermer", word="fermer")
    await portal.post("/espace/compte/rouvrir")
    assert "1 document" in await portal.get("/espace/documents")


async def test_a_person_without_a_record_opposes_its_opening_or_opens_it(portal: Portal) -> None:
    other = Ins("180129912345656", OID_NIR_TEST)
    traits = Traits.of("PAT-SANS", "GABRIEL", "M", "1980-12-01", "99123")
    await portal.services.ins.admit(OPERATOR, Person(ins=other, traits=traits))
    await portal.services.dmp.announce_record(OPERATOR, other)
    actor = msgspec.structs.replace(CITIZEN, id="citizen-2", name="Gabriel", patient=other)
    portal.citizen.visit = Visit(actor=actor, csrf="token", name="Gabriel", ins=other, holder="Gabriel")
    assert "M'opposer" in await portal.get("/espace")
    assert "opposition est enregistrée" in await portal.post("/espace/compte/opposition")
    assert "Bonjour" in await portal.post("/espace/compte/ouvrir")
    assert "Votre dossier est ouvert" in await portal.get("/espace/compte")


def test_a_photograph_becomes_a_pdf_and_loses_its_hidden_data() -> None:
    photo = io.BytesIO()
    image = Image.new("RGB", (50, 50), "red")
    exif = image.getexif()
    exif[0x9286] = "SECRET PLACE"
    image.save(photo, "JPEG", exif=exif)
    pdf = as_pdf(photo.getvalue())
    assert pdf.startswith(b"%PDF")
    assert b"SECRET PLACE" not in pdf


async def test_the_operator_sees_the_base_and_looking_at_traces_is_a_trace(portal: Portal) -> None:
    visits = GivenVisits(Visit(actor=OPERATOR, csrf="token", name="Exploitant"))
    app = Starlette(routes=operator_routes(visits, portal.services.base, portal.services.dmp))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://socle") as browser:
        for path in ("", "/taches", "/emetteurs", "/traces", "/traces?qui=op"):
            answer = await browser.get(f"/operateur{path}")
            assert answer.status_code == 200, answer.text[-2000:]
        assert "audit.search" in (await browser.get("/operateur/traces?qui=op")).text
        visits.visit = msgspec.structs.replace(visits.visit, actor=DOCTOR)
        assert (await browser.get("/operateur/traces")).status_code == 403


async def test_an_access_that_the_citizen_does_not_recognise_reaches_the_operator_whose_answer_reaches_the_citizen(
    portal: Portal,
) -> None:
    await portal.services.dmp.set_authorization(DOCTOR, INS, AuthorizationAction.AJOUT)
    traces = await portal.get("/espace/traces")
    assert DOCTOR.name in traces
    assert "Le titulaire du dossier" not in traces
    sequence = traces.split('name="sequence" value="')[1].split('"')[0]
    assert "transmis" in await portal.post("/espace/traces/signaler", sequence=sequence, text="Qui est-ce ?")
    visits = GivenVisits(Visit(actor=OPERATOR, csrf="token", name="Exploitant"))
    app = Starlette(routes=operator_routes(visits, portal.services.base, portal.services.dmp))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://socle", follow_redirects=True) as browser:
        assert "Signalements sans réponse : 1" in (await browser.get("/operateur")).text
        page = (await browser.get("/operateur/signalements")).text
        assert "Qui est-ce ?" in page
        assert DOCTOR.name in page
        assert "PAT-TROIS" not in page
        record = page.split('name="record" value="')[1].split('"')[0]
        form = {"csrf": "token", "record": record, "sequence": sequence, "text": "Votre remplaçante du lundi."}
        assert "répondu" in (await browser.post("/operateur/signalements", data=form)).text
        assert (await browser.post("/operateur/signalements", data=form | {"sequence": "9999"})).status_code == 404
        visits.visit = msgspec.structs.replace(visits.visit, actor=DOCTOR)
        assert (await browser.get("/operateur/signalements")).status_code == 403
    assert "Votre remplaçante du lundi." in await portal.get("/espace")


async def test_a_doctor_writes_to_a_citizen_who_reads_and_answers_until_the_exchange_is_closed(portal: Portal) -> None:
    mssante = portal.services.mssante
    domain = portal.services.base.settings.mail_domain
    await mssante.create(OPERATOR, mailbox(f"camille.test@{domain}", DOCTOR.id, portal.services.base.clock()))
    citizen = await mssante.open_citizen_box(INS, "Dominique")
    sent = await portal.post("/pro/messages/ecrire", to=citizen.address, subject="Vos résultats", text="Tout va bien.")
    assert "Message envoyé" in sent
    threads = await portal.get("/espace/messages")
    assert "Vos résultats" in threads
    thread = threads.split('href="/espace/messages/')[1].split('"')[0]
    assert "Tout va bien." in await portal.get(f"/espace/messages/{thread}")
    assert "Message envoyé" in await portal.post(f"/espace/messages/{thread}/repondre", text="Merci docteur.")
    assert "Merci docteur." in await portal.get(
        "/pro/messages/"
        + (await portal.get("/pro/messages")).split('class="what"><a href="/pro/messages/')[1].split('"')[0]
    )


async def test_a_damaged_object_does_not_keep_the_others_from_being_found(
    portal: Portal, laboratory_report: bytes, shared: Path
) -> None:
    await feed(portal, laboratory_report)
    base = portal.services.base
    async with base.database.connection() as connection:
        rows = await connection.fetch("SELECT object_address FROM dmp_entry WHERE patient_key = $1", patient_key(INS))
    for row in rows:
        await base.objects.delete(patient_key(INS), row["object_address"])
    await feed(portal, own_patient((shared / "examples" / "cda" / "VSM_1.4_2022.01.xml").read_bytes()))
    assert "1 document" in await portal.get(f"/espace/documents?mots={quote('allergies')}")
    assert "1 document" in await portal.get(f"/espace/documents?mots={quote('biologiques')}")  # by its title
    await portal.services.reading.catch_up(patient_key(INS))


async def test_whoever_searches_a_record_that_is_still_being_read_is_told_so(
    portal: Portal, laboratory_report: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socle.services.reading.index.Index.most_unread", 0)
    await feed(portal, laboratory_report)
    said = "Nous lisons encore vos documents"
    assert said in await portal.get("/espace/documents?mots=tsh")
    monkeypatch.setattr("socle.services.reading.index.Index.most_unread", 50)
    await portal.services.reading.catch_up(patient_key(INS))
    found = await portal.get("/espace/documents?mots=tsh")
    assert said not in found
    assert "1 document" in found


async def test_what_a_person_writes_in_a_report_is_kept_sealed_and_read_by_the_operator(portal: Portal) -> None:
    dmp = portal.services.dmp
    await dmp.report_access(CITIZEN, INS, 1, "Je n'étais pas à Nantes.")
    async with portal.services.base.database.connection() as connection:
        rows = await connection.fetch("SELECT * FROM dmp_notice WHERE recipient_id = 'operator'")
    assert len(rows) == 1
    assert "Nantes" not in str(dict(rows[0]))
    assert [report.words for report in await dmp.list_reports(OPERATOR)] == ["Je n'étais pas à Nantes."]
    await dmp.answer_report(OPERATOR, patient_key(INS), 1, "C'était une erreur.")
    assert "C&#39;était une erreur." in await portal.get("/espace")
