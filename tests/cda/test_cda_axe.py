"""Rendered documents in a real browser: no accessibility finding, no script, nothing fetched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest

from socle.standards.cda.render import render_page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_SHOWN = (
    "BIO-CR-BIO_2024.01_TSH_1.xml",
    "LDL-SES_2022.01.xml",
    "VSM_1.4_2022.01.xml",
    "CANCER-D2LM-FIN_2022.01.xml",
    "DOC_NON_STRUCTURE_CDA-R2-N1.xml",
    "IMG_CR_IMG_2024.01.xml",
)


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    if _CHROMIUM is None:
        pytest.skip("no Chromium")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        yield browser.new_context(bypass_csp=True).new_page()
        browser.close()


@pytest.mark.parametrize("name", _SHOWN)
def test_a_rendered_document_has_no_axe_finding_and_fetches_nothing(
    page: Any, examples: dict[str, bytes], name: str
) -> None:
    axe = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.set_content(render_page(examples[name]), wait_until="domcontentloaded")
    page.evaluate(axe)
    violations = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in violations] == []
    # The browser shows a PDF with an extension of its own, from chrome: addresses.
    assert [url for url in fetched if url.startswith(("http", "ws", "ftp", "file"))] == []
