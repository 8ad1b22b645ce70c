"""What people do in the portals, step by step."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import pyotp
from playwright.sync_api import Locator, Page

from socle.sandbox import cast

ROOT = Path(__file__).parents[2]
AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPERATOR_PASSWORD = "mot de passe d'essai 2026"
#: Recovery codes of the operator, by host: each opens once.
RECOVERY_CODES: dict[str, list[str]] = {}
DOCTOR = cast.GENERAL_PRACTITIONER.removeprefix("8")


def log_in_citizen(page: Page, name: str) -> None:
    """Through the simulated FranceConnect, as the person whose first names and birth name end with ``name``."""
    page.goto("/espace")
    page.get_by_text("Continuer avec FranceConnect").click()
    page.get_by_label("Nom de naissance").fill(name.rpartition(" ")[2])
    page.get_by_role("button", name="Chercher").click()
    page.get_by_label(name).first.check()
    page.get_by_role("button", name="Continuer").click()
    page.wait_for_url("**/espace")


def log_in_doctor(page: Page, rpps: str = DOCTOR) -> None:
    """Through the simulated Pro Santé Connect, by card."""
    page.goto("/pro")
    page.get_by_label("Titulaire de la carte (RPPS ou identifiant national)").fill(rpps)
    page.get_by_label("Code porteur").fill("1234")
    page.get_by_role("button", name="Continuer avec la carte").click()
    page.wait_for_url("**/pro")


def log_in_operator(page: Page) -> None:
    """With the password of the stage's operator, who protects the account at the first login."""
    page.goto("/operateur")
    page.get_by_label("Identifiant", exact=True).fill("exploitant")
    page.get_by_label("Mot de passe", exact=True).fill(OPERATOR_PASSWORD)
    page.get_by_role("button", name="Continuer").click()
    page.locator("#code").wait_for()
    codes = RECOVERY_CODES.setdefault(urlsplit(page.url).netloc, [])
    if codes:
        page.get_by_label("Code de votre application, ou code de secours").fill(codes.pop())
        page.get_by_role("button", name="Se connecter").click()
    else:
        secret = page.locator("main code").inner_text()
        page.get_by_label("Code à six chiffres").fill(pyotp.TOTP(secret).now())
        page.get_by_role("button", name="Continuer").click()
        codes += page.locator("main li code").all_inner_texts()
        page.get_by_text("Je les ai notés, continuer").click()
    page.wait_for_url("**/operateur")


def open_record(page: Page, matricule: str, *, consents: bool = True) -> None:
    """Finds the patient and opens the record, with the patient's consent if it is asked for."""
    page.goto("/pro")
    page.get_by_label("Matricule INS, ou lecture du datamatrix au lecteur").fill(matricule)
    page.get_by_role("button", name="Chercher").click()
    page.get_by_role("button", name="Ouvrir").first.click()
    if consents and is_asked_for_consent(page):
        page.get_by_role("button", name="Le patient donne son accord").click()


def is_asked_for_consent(page: Page) -> bool:
    """Whether the record that is being opened waits for the patient's consent, once it is known."""
    page.wait_for_url("**/pro/dossier**", wait_until="load")
    return page.get_by_role("button", name="Le patient donne son accord").count() > 0


def faults_of(page: Page) -> list[str]:
    """What axe finds on the page, and whether it scrolls sideways."""
    page.evaluate(AXE)
    # Frames hold the browser's own viewer of PDF files, in which axe cannot run.
    result = page.evaluate("rules => axe.run(document, {runOnly: rules, iframes: false})", RULES)
    faults = [f"{v['id']}: {v['help']} {[n['target'] for n in v['nodes']][:3]}" for v in result["violations"]]
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return faults + ([f"scrolls sideways by {width} px"] if width > 1 else [])


def picture(page: Page, name: str) -> None:
    """Keeps a screenshot for the documentation, when asked by ``SOCLE_SCREENSHOTS=1``."""
    if os.environ.get("SOCLE_SCREENSHOTS"):
        page.screenshot(path=ROOT / "docs" / "screenshots" / f"{name}.png")


def tab_to(page: Page, wanted: Locator, *, most: int = 80) -> None:
    """Presses the tabulator until ``wanted`` has the focus, as a person without a mouse does."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    raise AssertionError(f"the keyboard does not reach {wanted}")
