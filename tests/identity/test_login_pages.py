"""The pages of login in a real browser: by keyboard, on a phone, without an axe finding."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib import resources
from typing import Any
from urllib.parse import urlencode

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_ASKED = urlencode(
    {
        "response_type": "code",
        "client_id": "lgc-oracle",
        "redirect_uri": "http://127.0.0.1:9/retour",
        "scope": "openid scope_all",
        "acr_values": "eidas1",
        "state": "s",
        "nonce": "n",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
)
_PAGES = (
    f"/auth?{_ASKED}",
    "/auth?client_id=inconnu",
    "/sandbox/ecps",
    "/sandbox/ecps?identifiant=10109876549",
    "/connexion?espace=citoyen",
    "/connexion?espace=operateur",
    "/connexion/activation",
    "/connexion/recuperation/citoyen",
    "/connexion/recuperation/operateur",
    "/sandbox/pannes",
    "/deconnecte",
)


@pytest.fixture
def page() -> Iterator[Any]:
    if _CHROMIUM is None:
        pytest.skip("no Chromium")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(bypass_csp=True, locale="fr-FR")
        context.set_default_timeout(30_000)
        yield context.new_page()
        browser.close()


def findings(page: Any) -> list[str]:
    """What axe finds, and whether the page must be scrolled sideways."""
    page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    found = [f"{page.url}: {item['id']}: {item['nodes'][0]['html']}" for item in result["violations"]]
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        found.append(f"{page.url} scrolls sideways")
    return found


def test_every_page_is_accessible_on_a_screen_and_on_a_phone(registered: tuple[str, str], page: Any) -> None:
    url, _ = registered
    found = []
    for width in (1100, 320):
        page.set_viewport_size({"width": width, "height": 800})
        for path in _PAGES:
            page.goto(url + path)
            found += findings(page)
    assert found == []


def test_a_login_needs_no_mouse_and_its_steps_are_accessible(registered: tuple[str, str], page: Any) -> None:
    url, _ = registered
    page.goto(f"{url}/auth?{_ASKED}&prompt=consent")
    page.get_by_label("Numéro RPPS ou identifiant national", exact=True).focus()
    page.keyboard.type("10109876549")
    page.keyboard.press("Enter")
    page.wait_for_url("**/auth/wait?**")
    assert findings(page) == []
    number = page.locator("strong.number").inner_text()
    phone = page.context.new_page()
    phone.set_viewport_size({"width": 320, "height": 640})
    phone.goto(f"{url}/sandbox/ecps?identifiant=10109876549")
    assert findings(phone) == []
    phone.get_by_role("button", name=number).press("Enter")
    phone.wait_for_url("**fait=oui**")
    assert findings(phone) == []
    page.bring_to_front()
    page.get_by_role("button", name="Continuer").wait_for()
    assert findings(page) == []
    assert "CAMILLE MARCHAND" in page.content()
    with page.expect_request("http://127.0.0.1:9/retour?**") as asked:
        page.get_by_role("button", name="Continuer").press("Enter")
    assert "code=" in asked.value.url
