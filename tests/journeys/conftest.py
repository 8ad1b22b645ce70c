"""A stage for journeys: a running base with people and documents in it, and a real browser."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from socle.client import Sandbox, connect_sandbox
from socle.platform.settings import Settings
from socle.sandbox import cast
from socle.sandbox.documents import named_documents
from socle.sandbox.populate import populate
from socle.server.offline import open_services
from socle.standards.cda.metadata import document_entry_of

DOCTOR = cast.GENERAL_PRACTITIONER.removeprefix("8")
OPERATOR_PASSWORD = "mot de passe d'essai 2026"
_MACOS_CHROME = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"


class RunningBase(Protocol):
    """What a stage needs of the running base of the tests."""

    @property
    def url(self) -> str: ...

    @property
    def settings(self) -> Settings: ...


@pytest.fixture(scope="session")
def stage(running_base: RunningBase) -> RunningBase:
    """The running base with the cast, their documents, boxes and an operator."""
    asyncio.run(_fill(running_base))
    return running_base


async def _fill(running: RunningBase) -> None:
    async with open_services(running.settings) as services:
        people = (services.ins, services.directory, services.identity, services.dmp)
        await populate(services.base, *people, patients=40, seed=1, progress=lambda *_: None)
        await services.identity.accounts.add_operator("exploitant", "Exploitant", OPERATOR_PASSWORD)
    documents = [document.content for document in named_documents(1)]
    async with httpx.AsyncClient(timeout=60) as http:
        for ins in {document_entry_of(content).patient_id: content for content in documents}.values():
            await Sandbox(running.url, http).admit(ins)
    async with await connect_sandbox(running.url, rpps=DOCTOR) as dmp:
        for content in documents:
            await dmp.send(content)


@pytest.fixture(scope="module")
def browser(stage: RunningBase) -> Iterator[Browser]:
    """Debian's Chromium, or the one that is there. Without one the browser tests are skipped.

    It comes after the stage and goes with the module: while Playwright runs, no other event loop can.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for path in map(shutil.which, names) if path), None)
    found = found or (_MACOS_CHROME if Path(_MACOS_CHROME).exists() else None)
    if found is None:
        pytest.skip("no Chromium here: tools/browser.sh says how to get one")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=found, args=flags)
        yield launched
        launched.close()


@pytest.fixture
def open_context(browser: Browser, stage: RunningBase) -> Iterator[Callable[..., BrowserContext]]:
    """Makes browser contexts of the stage, closed at the end. ``bypass_csp`` lets axe in; pages run under their own."""
    opened: list[BrowserContext] = []

    def make(width: int = 1100, *, script: bool = True, dark: bool = False) -> BrowserContext:
        context = browser.new_context(
            base_url=stage.url,
            viewport={"width": width, "height": 900},
            bypass_csp=True,
            locale="fr-FR",
            java_script_enabled=script,
            color_scheme="dark" if dark else "light",
        )
        context.set_default_timeout(30_000)
        opened.append(context)
        return context

    yield make
    for context in opened:
        context.close()
