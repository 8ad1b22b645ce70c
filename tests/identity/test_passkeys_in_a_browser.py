"""Passkeys and one-time codes in a real browser, with the authenticator that Chromium simulates (WebAuthn.enable)."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest

from socle.server.offline import open_services

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PASSWORD = "cheval batterie agrafe"
LOGIN = "exploitante"


class Person:
    """Somebody with a browser, a device that knows their finger, and a telephone."""

    def __init__(self, browser: Any, url: str) -> None:
        self.url = url
        context = browser.new_context(locale="fr-FR")
        context.set_default_timeout(30_000)
        self.page = context.new_page()
        self.device = context.new_cdp_session(self.page)
        self.device.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        self.authenticator = self.device.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    def verify_finger(self, is_right: bool) -> None:
        self.device.send("WebAuthn.setUserVerified", self.authenticator | {"isUserVerified": is_right})

    def open_login(self) -> None:
        self.page.goto(f"{self.url}/connexion?espace=operateur&retour=/connexion/compte/operateur")

    def type_password(self) -> None:
        self.open_login()
        self.page.get_by_label("Identifiant", exact=True).fill(LOGIN)
        self.page.get_by_label("Mot de passe", exact=True).fill(PASSWORD)
        self.page.keyboard.press("Enter")

    def log_out(self) -> None:
        self.page.context.clear_cookies()


@pytest.fixture(scope="module")
def local_url(new_base: Any) -> str:
    """A base that people reach by a name, as passkeys demand, with one operator."""
    running = new_base(host="localhost")
    settings = running.settings

    async def add() -> None:
        async with open_services(settings) as services:
            await services.identity.accounts.add_operator(LOGIN, "Exploitante", PASSWORD)

    asyncio.run(add())
    return str(running.url)


@pytest.fixture
def person(local_url: str) -> Iterator[Person]:
    if _CHROMIUM is None:
        pytest.skip("no Chromium")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield Person(browser, local_url)
        browser.close()


def test_password_then_code_then_passkey_then_none(person: Person) -> None:
    page = person.page
    # First login: password, then the telephone is enrolled; the page's key is read as a person would type it.
    person.type_password()
    page.wait_for_url("**/connexion/second-facteur")
    page.wait_for_load_state()
    secret = re.findall(r"\b[A-Z2-7]{32}\b", page.content())[0]
    totp = pyotp.TOTP(secret)
    page.get_by_label("Code à six chiffres").fill(totp.now())
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('codes de secours')")
    page.wait_for_load_state()
    recovery = re.findall(r"<code>([A-Z0-9]{5}-[A-Z0-9]{5})</code>", page.content())
    page.get_by_role("link", name="Je les ai notés, continuer").click()
    page.wait_for_url("**/connexion/compte/operateur")

    # A passkey is added by the script of the page.
    page.get_by_label("Nom de cette clé").fill("Téléphone d'Anne")
    page.get_by_role("button", name="Ajouter une clé d'accès").click()
    page.wait_for_selector('li:has-text("Téléphone d\'Anne")')
    credentials = person.device.send("WebAuthn.getCredentials", person.authenticator)["credentials"]
    assert [credential["isResidentCredential"] for credential in credentials] == [True]

    # It logs its holder in alone; a finger that is not right opens nothing.
    person.log_out()
    person.open_login()
    person.verify_finger(False)
    page.get_by_role("button", name="Utiliser ma clé d'accès").click()
    page.wait_for_selector("#passkey-error:has-text('pas pu être vérifiée')")
    person.verify_finger(True)
    page.get_by_role("button", name="Utiliser ma clé d'accès").click()
    page.wait_for_url("**/connexion/compte/operateur")
    page.wait_for_selector("dd:has-text('Exploitante')")

    # Once removed, it is worth nothing.
    page.get_by_role("button", name="Retirer").click()
    page.wait_for_selector('li:has-text("Aucune clé d\'accès.")')
    person.log_out()
    person.open_login()
    page.get_by_role("button", name="Utiliser ma clé d'accès").click()
    page.wait_for_selector("#passkey-error:has-text('pas pu être vérifiée')")

    # Without its telephone, a recovery code in its place.
    person.type_password()
    page.get_by_label("Code de votre application, ou code de secours").fill(recovery[0])
    page.keyboard.press("Enter")
    page.wait_for_url("**/connexion/compte/operateur")

    # A forgotten password: one code of the application and one of the paper.
    person.log_out()
    person.open_login()
    page.get_by_role("link", name="Mot de passe oublié").click()
    page.get_by_label("Identifiant", exact=True).fill(LOGIN)
    page.get_by_label("Code de votre application").fill(totp.at(0, counter_offset=_step(totp) + 1))
    page.get_by_label("Code de secours", exact=True).fill(recovery[1])
    page.get_by_label("Nouveau mot de passe").fill("agrafe correcte du cheval")
    page.get_by_role("button", name="Changer le mot de passe").click()
    page.wait_for_url("**/connexion?espace=operateur")


def _step(totp: pyotp.TOTP) -> int:
    import time

    return int(time.time()) // totp.interval


def test_everything_but_passkeys_works_without_script(local_url: str) -> None:
    if _CHROMIUM is None:
        pytest.skip("no Chromium")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(java_script_enabled=False, locale="fr-FR").new_page()
        page.goto(f"{local_url}/connexion?espace=operateur")
        page.get_by_label("Identifiant", exact=True).fill(LOGIN)
        page.get_by_label("Mot de passe", exact=True).fill("un mot de passe faux")
        page.get_by_role("button", name="Continuer").click()
        assert page.get_by_role("alert").first.inner_text().startswith("L'identifiant ou le mot de passe est faux")
        browser.close()
