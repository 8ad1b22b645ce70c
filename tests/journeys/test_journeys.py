"""People's ways through the portals, in a real browser."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from socle.sandbox import cast
from socle.standards.ddoc import InsDatamatrix, draw_png, write_datamatrix
from socle.standards.ids.traits import Traits

sys.path.insert(0, str(Path(__file__).parent))
from steps import (
    faults_of,
    is_asked_for_consent,
    log_in_citizen,
    log_in_doctor,
    log_in_operator,
    open_record,
    picture,
    tab_to,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

Contexts = Callable[..., BrowserContext]
INS_DATAMATRIX = write_datamatrix(
    InsDatamatrix(ins=cast.ROBERT, traits=Traits.of("TESTUT", "ROBERT LUCIEN", "M", "1955-02-03", "75110"))
)
ROBERT, JEANNE, PAUL = "TESTUT", "D'ARCY-BELLEC", "PAUL ANTOINE MOREL"


def photograph() -> dict[str, object]:
    content = io.BytesIO()
    Image.new("RGB", (600, 800), "white").save(content, "JPEG")
    return {"name": "lettre.jpg", "mimeType": "image/jpeg", "buffer": content.getvalue()}


def search_haemoglobin(page: Page) -> None:
    page.goto("/espace")
    page.get_by_label("Chercher dans mes documents").fill("hémoglobine")
    page.get_by_role("button", name="Chercher").click()


def test_a_citizen_finds_a_blood_count_sees_its_curve_hides_it_and_the_doctor_no_longer_finds_it(
    open_context: Contexts,
) -> None:
    citizen, doctor = open_context().new_page(), open_context().new_page()
    log_in_citizen(citizen, ROBERT)
    search_haemoglobin(citizen)
    expect(citizen.locator(".timeline a").first).to_be_visible()
    count = citizen.locator(".timeline > li").count()
    citizen.goto("/espace/resultats")
    citizen.get_by_role("link", name="émoglobine").first.click()
    expect(citizen.locator("figure.chart svg .point").first).to_be_visible()
    picture(citizen, "citizen-result")

    log_in_doctor(doctor)
    open_record(doctor, cast.ROBERT.matricule)
    doctor.goto("/pro/dossier?mots=h%C3%A9moglobine")
    expect(doctor.locator(".timeline > li")).to_have_count(count)
    picture(doctor, "professional-record")

    search_haemoglobin(citizen)
    citizen.locator(".timeline a").first.click()
    citizen.get_by_role("button", name="Masquer aux professionnels").click()
    expect(citizen.get_by_text("Ce document est masqué")).to_be_visible()
    # The doctor who sent the documents still sees her own; a colleague does not.
    colleague = open_context().new_page()
    log_in_doctor(colleague, cast.CARDIOLOGIST.removeprefix("8"))
    open_record(colleague, cast.ROBERT.matricule)
    colleague.goto("/pro/dossier?mots=h%C3%A9moglobine")
    expect(colleague.locator(".timeline > li")).to_have_count(count - 1)


def test_a_doctor_feeds_a_letter_and_the_citizen_sees_it_at_once(open_context: Contexts) -> None:
    doctor, citizen = open_context().new_page(), open_context().new_page()
    log_in_doctor(doctor)
    open_record(doctor, cast.JEANNE.matricule)
    doctor.goto("/pro/dossier/alimenter")
    doctor.get_by_label("Document", exact=True).set_input_files(photograph())  # type: ignore[arg-type]
    doctor.get_by_label("Titre", exact=True).fill("Lettre de consultation du soir")
    doctor.get_by_label("Date de l'acte").fill("02/03/2026")
    picture(doctor, "professional-feed")
    doctor.get_by_role("button", name="Envoyer au dossier").click()
    expect(doctor.get_by_text("est dans le dossier")).to_be_visible()
    log_in_citizen(citizen, JEANNE)
    expect(citizen.get_by_role("link", name="Lettre de consultation du soir").first).to_be_visible()
    picture(citizen, "citizen-home")


def test_a_break_glass_access_appears_in_the_citizens_traces_with_its_reason_told(open_context: Contexts) -> None:
    doctor, citizen = open_context().new_page(), open_context().new_page()
    log_in_doctor(doctor, cast.EMERGENCY_REGULATOR.removeprefix("8"))
    open_record(doctor, cast.PAUL.matricule, consents=False)
    doctor.get_by_label("Motif").fill("Patient inconscient, antécédents inconnus")
    doctor.get_by_role("button", name="Ouvrir en urgence").click()
    expect(doctor.get_by_text("accès d'urgence")).to_be_visible()
    log_in_citizen(citizen, PAUL)
    citizen.goto("/espace/traces")
    expect(citizen.get_by_text("urgence").first).to_be_visible()
    picture(citizen, "citizen-traces")


def test_a_parent_opens_the_record_of_a_child(open_context: Contexts) -> None:
    page = open_context().new_page()
    log_in_citizen(page, JEANNE)
    page.goto("/espace/compte")
    page.get_by_role("button", name="Ouvrir").first.click()
    expect(page.get_by_text("Vous agissez pour")).to_be_visible()


def test_a_citizen_without_script_and_without_a_mouse_finds_hides_and_shows_a_document(open_context: Contexts) -> None:
    page = open_context(script=False).new_page()
    log_in_citizen(page, JEANNE)
    tab_to(page, page.get_by_role("link", name="Aller au contenu"))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("link", name="Tous mes documents"))
    page.keyboard.press("Enter")
    tab_to(page, page.locator(".timeline a").first)
    page.keyboard.press("Enter")
    for button, said in (("Masquer aux professionnels", True), ("Montrer aux professionnels", False)):
        tab_to(page, page.get_by_role("button", name=button))
        page.keyboard.press("Enter")
        expect(page.get_by_text("Ce document est masqué")).to_have_count(int(said))


def test_a_doctor_without_a_mouse_finds_a_patient_reads_a_document_and_leaves(open_context: Contexts) -> None:
    page = open_context().new_page()
    log_in_doctor(page)
    # The scanner types where the page waits for it.
    page.keyboard.type(cast.ROBERT.matricule)
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Ouvrir").first)
    page.keyboard.press("Enter")
    if is_asked_for_consent(page):
        tab_to(page, page.get_by_role("button", name="Le patient donne son accord"))
        page.keyboard.press("Enter")
    tab_to(page, page.locator(".timeline a").first)
    page.keyboard.press("Enter")
    expect(page.locator(".paper")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Quitter ce dossier"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Trouver un patient")).to_be_visible()


def test_the_camera_reads_the_datamatrix_where_the_browser_knows_how(open_context: Contexts) -> None:
    """Chromium reads datamatrices on telephones alone: its detector is given here, the camera is a canvas."""
    context = open_context()
    context.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => {"
        " const canvas = document.createElement('canvas'); const brush = canvas.getContext('2d');"
        " setInterval(() => brush.fillRect(0, 0, 9, 9), 50); return canvas.captureStream(10); };"
        "window.BarcodeDetector = class { static getSupportedFormats() { return Promise.resolve(['data_matrix']); }"
        f" async detect() {{ return [{{rawValue: {json.dumps(INS_DATAMATRIX)}}}]; }} }};"
    )
    page = context.new_page()
    log_in_doctor(page)
    page.get_by_role("button", name="Lire le datamatrix avec la caméra").click()
    expect(page.get_by_role("heading", name="Patients trouvés")).to_be_visible()
    expect(page.get_by_text(cast.ROBERT.matricule)).to_be_visible()


def test_a_photograph_of_the_datamatrix_is_read_by_the_server(open_context: Contexts) -> None:
    photo = io.BytesIO()
    with Image.open(io.BytesIO(draw_png(INS_DATAMATRIX))) as symbol:
        symbol.convert("RGB").rotate(4, expand=True, fillcolor="white").save(photo, "JPEG")
    page = open_context().new_page()
    log_in_doctor(page)
    page.get_by_text("Photographier le datamatrix INS").click()
    page.get_by_label("Photo du datamatrix").set_input_files(
        {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": photo.getvalue()}  # type: ignore[arg-type]
    )
    page.get_by_role("button", name="Chercher").click()
    expect(page.get_by_text(cast.ROBERT.matricule)).to_be_visible()


def test_a_letter_waits_for_the_announcement_and_its_author_may_take_it_away(open_context: Contexts) -> None:
    doctor, citizen = open_context().new_page(), open_context().new_page()
    log_in_doctor(doctor)
    open_record(doctor, cast.ROBERT.matricule)
    doctor.goto("/pro/dossier/alimenter")
    doctor.get_by_label("Document", exact=True).set_input_files(photograph())  # type: ignore[arg-type]
    doctor.get_by_label("Titre", exact=True).fill("Lettre à annoncer")
    doctor.get_by_label("Date de l'acte").fill("02/03/2026")
    doctor.get_by_label("Cacher au patient jusqu'à la consultation d'annonce").check()
    doctor.get_by_role("button", name="Envoyer au dossier").click()
    log_in_citizen(citizen, ROBERT)
    letter = citizen.get_by_role("link", name="Lettre à annoncer")
    expect(letter).to_have_count(0)
    doctor.get_by_role("link", name="Voir le document").click()
    doctor.get_by_role("button", name="Annonce faite : montrer au patient").click()
    citizen.reload()
    expect(letter.first).to_be_visible()
    doctor.get_by_role("button", name="Supprimer").click()
    citizen.reload()
    expect(letter).to_have_count(0)


def test_a_doctor_replaces_her_own_letter_and_the_citizen_sees_the_new_one_alone(open_context: Contexts) -> None:
    doctor, citizen = open_context().new_page(), open_context().new_page()
    log_in_doctor(doctor)
    open_record(doctor, cast.JEANNE.matricule)
    doctor.goto("/pro/dossier/alimenter")
    for title in ("Lettre avec une faute", "Lettre sans faute"):
        doctor.get_by_label("Document", exact=True).set_input_files(photograph())  # type: ignore[arg-type]
        doctor.get_by_label("Titre", exact=True).fill(title)
        doctor.get_by_label("Date de l'acte").fill("02/03/2026")
        doctor.get_by_role("button", name="Envoyer au dossier").click()
        doctor.get_by_role("link", name="Voir le document").click()
        expect(doctor.get_by_role("heading", name=title).first).to_be_visible()
        if title.endswith("une faute"):
            doctor.get_by_role("link", name="Remplacer").click()
    log_in_citizen(citizen, JEANNE)
    citizen.goto("/espace/documents")
    expect(citizen.get_by_role("link", name="Lettre sans faute")).to_have_count(1)
    expect(citizen.get_by_role("link", name="Lettre avec une faute")).to_have_count(0)


CITIZEN_PAGES = (
    "/espace",
    "/espace/documents",
    "/espace/documents/ajouter",
    "/espace/sante",
    "/espace/resultats",
    "/espace/messages",
    "/espace/acces",
    "/espace/traces",
    "/espace/compte",
    "/espace/compte/fermer",
)
DOCTOR_PAGES = (
    "/pro",
    "/pro/dossier",
    "/pro/dossier/synthese",
    "/pro/dossier/analyses",
    "/pro/dossier/alimenter",
    "/pro/messages",
    "/pro/activite",
)


OPERATOR_PAGES = (
    "/operateur",
    "/operateur/emetteurs",
    "/operateur/taches",
    "/operateur/traces",
    "/operateur/signalements",
    "/sandbox/pannes",
)


#: Pages of which the documentation shows a picture.
PICTURED = ("/espace/documents", "/espace/sante", "/espace/acces", "/espace/traces")


@pytest.mark.parametrize(("width", "dark"), [(1100, False), (320, False), (1100, True)])
def test_axe_finds_nothing_on_the_citizens_pages(open_context: Contexts, width: int, dark: bool) -> None:
    page = open_context(width, dark=dark).new_page()
    log_in_citizen(page, ROBERT)
    found = {}
    for path in CITIZEN_PAGES:
        page.goto(path)
        found[path] = faults_of(page)
        if width == 1100 and not dark and path in PICTURED:
            picture(page, "citizen-" + path.rpartition("/")[2])
    page.goto("/espace/documents")
    page.locator(".timeline a").first.click()
    found["document"] = faults_of(page)
    page.goto("/espace/resultats")
    page.locator("tbody a").first.click()
    found["result"] = faults_of(page)
    assert {path: faults for path, faults in found.items() if faults} == {}


@pytest.mark.parametrize(("width", "dark"), [(1100, False), (320, False), (1100, True)])
def test_axe_finds_nothing_on_the_professionals_pages(open_context: Contexts, width: int, dark: bool) -> None:
    page = open_context(width, dark=dark).new_page()
    log_in_doctor(page)
    open_record(page, cast.ROBERT.matricule)
    found = {}
    for path in DOCTOR_PAGES:
        page.goto(path)
        found[path] = faults_of(page)
    page.goto("/pro/dossier")
    page.locator(".timeline a").first.click()
    found["document"] = faults_of(page)
    if width == 1100 and not dark:
        picture(page, "professional-document")
    assert {path: faults for path, faults in found.items() if faults} == {}


@pytest.mark.parametrize("width", [1100, 320])
def test_axe_finds_nothing_on_the_operators_pages(open_context: Contexts, width: int) -> None:
    page = open_context(width).new_page()
    log_in_operator(page)
    found = {}
    for path in OPERATOR_PAGES:
        page.goto(path)
        found[path] = faults_of(page)
    if width == 1100:
        page.goto("/operateur")
        picture(page, "operator-home")
    assert {path: faults for path, faults in found.items() if faults} == {}


@pytest.mark.parametrize("width", [1100, 320])
def test_axe_finds_nothing_on_the_public_pages_and_the_pattern_page(open_context: Contexts, width: int) -> None:
    page = open_context(width).new_page()
    found = {}
    for path in ("/", "/design", "/accessibilite", "/espace", "/pro", "/operateur", "/conformance"):
        page.goto(path)
        found[path] = faults_of(page)
    assert {path: faults for path, faults in found.items() if faults} == {}


def test_no_page_at_twice_the_size_scrolls_sideways(open_context: Contexts) -> None:
    citizen, doctor, operator = (open_context(640).new_page() for _ in range(3))
    log_in_citizen(citizen, ROBERT)
    log_in_doctor(doctor)
    open_record(doctor, cast.ROBERT.matricule)
    log_in_operator(operator)
    visits = [(citizen, path) for path in CITIZEN_PAGES] + [(doctor, path) for path in DOCTOR_PAGES]
    for page, path in visits + [(operator, path) for path in OPERATOR_PAGES]:
        page.goto(path)
        page.evaluate("document.documentElement.style.fontSize = '212.5%'")
        assert page.evaluate("document.documentElement.scrollWidth") <= 641, path


def test_english_is_complete_on_the_citizens_pages(open_context: Contexts) -> None:
    page = open_context().new_page()
    log_in_citizen(page, ROBERT)
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hello")
