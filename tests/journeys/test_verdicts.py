"""What the sender of a faulty document sees: on the desk under each policy, and on the page that judges files."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from socle.client import Sandbox
from socle.sandbox.documents import named_documents
from socle.sandbox.populate import populate
from socle.server.offline import open_services
from socle.standards.cda.metadata import document_entry_of

sys.path.insert(0, str(Path(__file__).parent))
from steps import log_in_doctor, open_record

if TYPE_CHECKING:
    from tests.conftest import RunningBase  # type: ignore[import-not-found]

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]


def faulty_letter() -> bytes:
    """A document of the cast without its ``typeId``, which the header rules ask for."""
    letter = next(document.content for document in named_documents(1) if b"<structuredBody" in document.content)
    faulty, count = re.subn(rb"<typeId [^>]*/>", b"", letter)
    assert count == 1
    return faulty


@pytest.fixture(scope="module")
def desks(new_base: Callable[..., RunningBase]) -> dict[str, RunningBase]:
    """A base for each policy, with the cast; filled before Playwright holds the event loop."""
    found = {policy: new_base(conformance_policy=policy) for policy in ("warn", "error")}
    for running in found.values():
        asyncio.run(_fill(running))
    return found


async def _fill(running: RunningBase) -> None:
    async with open_services(running.settings) as services:
        people = (services.ins, services.directory, services.identity, services.dmp)
        await populate(services.base, *people, patients=1, seed=1, progress=lambda *_: None)
    async with httpx.AsyncClient(timeout=60) as http:
        await Sandbox(running.url, http).admit(faulty_letter())


@pytest.fixture(scope="module")
def contexts(desks: dict[str, RunningBase], browser: Browser) -> Iterator[dict[str, BrowserContext]]:
    """A browser at each desk."""
    opened = {policy: browser.new_context(base_url=desk.url, locale="fr-FR") for policy, desk in desks.items()}
    for context in opened.values():
        context.set_default_timeout(30_000)
    yield opened
    for context in opened.values():
        context.close()


def drop_letter(page: Page) -> None:
    """Opens the patient's record, drops the letter on the form, and sends it."""
    letter = faulty_letter()
    log_in_doctor(page)
    open_record(page, document_entry_of(letter).patient_id.matricule)
    page.goto("/pro/dossier/alimenter")
    dropped = page.evaluate_handle(
        """text => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([text], "lettre.xml", {type: "text/xml"}));
            return transfer;
        }""",
        letter.decode(),
    )
    page.dispatch_event("form[data-drop]", "drop", {"dataTransfer": dropped})
    page.get_by_role("button", name="Envoyer au dossier").click()


def test_under_the_policy_warn_the_document_is_filed_and_its_verdict_told(contexts: dict[str, BrowserContext]) -> None:
    page = contexts["warn"].new_page()
    drop_letter(page)
    expect(page.get_by_text("est dans le dossier")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^Conformité \(.+\) : \d+ erreur\(s\)"))).to_be_visible()


def test_under_a_refusing_policy_nothing_is_filed_and_the_first_fault_is_told(
    contexts: dict[str, BrowserContext],
) -> None:
    page = contexts["error"].new_page()
    drop_letter(page)
    told = page.get_by_text("Le document n'est pas conforme").first
    expect(told).to_be_visible()
    expect(page.get_by_text(re.compile(r"Corrigez d'abord .+ à la ligne \d+")).first).to_be_visible()
    page.goto("/pro/dossier")
    expect(page.locator(".timeline > li")).to_have_count(0)


def test_whoever_drops_a_file_reads_the_verdict_beside_the_document_at_the_faulty_place(
    contexts: dict[str, BrowserContext],
) -> None:
    page = contexts["warn"].new_page()
    page.goto("/conformance")
    file = {"name": "lettre.xml", "mimeType": "text/xml", "buffer": faulty_letter()}
    page.get_by_label("Document (XML)").set_input_files(file)  # type: ignore[arg-type]
    page.get_by_role("button", name="Vérifier").click()
    expect(page.get_by_role("status")).to_contain_text("Non conforme")
    finding = page.locator("li.finding", has_text="typeId").first
    expect(finding).to_contain_text("Ligne")
    read = page.locator("section.read")
    expect(read).to_be_visible()
    finding.get_by_role("link", name="Voir dans le document").click()
    expect(read.locator(":target")).to_be_in_viewport()
    read.locator(":target").click()
    expect(page.locator("li.finding:target")).to_be_in_viewport()
