"""The page, the door for programs and the policy at feed, on a platform with a set clock."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from cda_samples import MINIMAL, write_kit
from lxml import etree
from starlette.applications import Starlette
from starlette.testclient import TestClient

from socle.platform.base import Base
from socle.platform.settings import Settings
from socle.platform.web import refuse
from socle.services.conformance.kit import install_kit
from socle.services.conformance.pages import routes
from socle.services.conformance.rules import POLICIES, refusing_findings, require_policy
from socle.services.conformance.service import ConformanceService
from socle.standards.cda.metadata import document_entry_of
from socle.standards.errors import InvalidContent, SocleError


def service_with(tmp_path: Path, policy: str = "off") -> ConformanceService:
    settings = Settings(data=str(tmp_path), conformance_policy=policy)
    base = SimpleNamespace(settings=settings, clock=lambda: datetime(2026, 3, 2, tzinfo=UTC))
    return ConformanceService(base)  # type: ignore[arg-type]  # the service reads no more of it


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ConformanceService]:
    made = service_with(tmp_path)
    yield made
    made.close()


@pytest.fixture
def client(service: ConformanceService) -> TestClient:
    return TestClient(Starlette(routes=routes(service), exception_handlers={SocleError: refuse}))


def test_a_file_dropped_on_the_page_is_judged_beside_the_document(client: TestClient) -> None:
    page = client.post("/conformance", files={"document": ("lettre.xml", MINIMAL.encode(), "text/xml")}).text
    root = etree.HTML(page)
    assert "Non conforme" in page
    assert "lettre.xml" in page
    links = root.xpath("//a[@class='findings-here']/@href")
    assert links
    assert all(root.xpath(f"//*[@id='{link[1:]}']") for link in links)
    back = root.xpath("//li//a[text()='Voir dans le document']/@href")
    assert back
    assert all(root.xpath(f"//*[@id='{link[1:]}']") for link in back)
    assert root.xpath("//pre/mark")
    assert not root.xpath("//script")


def test_links_to_findings_are_in_headings_only(client: TestClient) -> None:
    table = "<text><table><tbody><tr><td>x</td></tr></tbody></table></text>"
    tabled = re.sub(r"<text\b.*?(/>|</text>)", table, MINIMAL, flags=re.DOTALL)
    page = client.post("/conformance", files={"document": ("lettre.xml", tabled.encode(), "text/xml")}).text
    root = etree.HTML(page)
    assert root.xpath("//table")
    assert {link.getparent().tag[0] for link in root.xpath("//a[@class='findings-here']")} == {"h"}
    assert not re.search('[\ue000\ue001]|constat\\(s\\)"', page)


def test_the_page_speaks_english_to_who_prefers_it(client: TestClient) -> None:
    page = client.get("/conformance", headers={"Accept-Language": "en"}).text
    assert "Check a CDA document" in page
    assert 'lang="en"' in page


def test_what_is_no_document_gets_a_sentence_and_no_verdict(client: TestClient) -> None:
    page = client.post("/conformance", files={"document": ("photo.jpg", b"\xff\xd8", "image/jpeg")}).text
    assert "Pas de verdict" in page


def test_a_page_never_lets_the_document_write_markup(client: TestClient) -> None:
    evil = MINIMAL.replace("Motif", "&lt;img src=x onerror=alert(1)&gt;").replace("42349-1", "&lt;b&gt;")
    page = client.post("/conformance", files={"document": ("<i>.xml", evil.encode(), "text/xml")}).text
    assert "<img src=x" not in page
    assert "<b>" not in page
    assert "<i>.xml" not in page


@pytest.mark.parametrize(
    ("query", "accept", "start"),
    [
        ("", "application/json", b'{"conformant":false'),
        ("?format=svrl", "*/*", b"<?xml"),
        ("?format=junit", "*/*", b"<?xml"),
        ("", "text/html", b"\n"),
    ],
)
def test_a_program_gets_the_verdict_in_the_form_it_accepts(
    client: TestClient, query: str, accept: str, start: bytes
) -> None:
    answer = client.post(f"/conformance/verdict{query}", content=MINIMAL.encode(), headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.content.lstrip(b"\n").startswith(start.lstrip(b"\n"))


def test_a_program_that_sends_no_cda_gets_a_problem(client: TestClient) -> None:
    answer = client.post("/conformance/verdict", content=b"<a/>")
    assert (answer.status_code, msgspec.json.decode(answer.content)["code"]) == (422, "NotCDA")


def test_a_kit_installed_while_the_base_runs_judges_the_next_document(client: TestClient, tmp_path: Path) -> None:
    before = msgspec.json.decode(client.post("/conformance/verdict", content=MINIMAL.encode()).content)
    install_kit(write_kit(tmp_path / "kit"), tmp_path / "conformance")
    after = msgspec.json.decode(client.post("/conformance/verdict", content=MINIMAL.encode()).content)
    assert {rules["identifier"].partition(":")[0] for rules in before["rule_sets"]} == {"socle"}
    assert "ans:ihe" in {rules["identifier"] for rules in after["rule_sets"]}
    assert msgspec.json.decode(client.get("/conformance/kit").content)["documents"] != {}


def official_example(shared: Path) -> bytes:
    return (shared / "examples" / "cda" / "VSM_1.4_2022.01.xml").read_bytes()


async def test_policy_off_judges_nothing(tmp_path: Path, shared: Path) -> None:
    content = official_example(shared)
    assert await service_with(tmp_path).feed_verdict(content, document_entry_of(content)) is None


async def test_policy_warn_stores_the_verdict_of_a_wrong_document(tmp_path: Path, shared: Path) -> None:
    content = official_example(shared).replace(b'code="FR"', b'code="BE"')
    service = service_with(tmp_path, "warn")
    verdict = await service.feed_verdict(content, document_entry_of(content))
    service.close()
    assert verdict is not None
    assert not verdict.is_conformant


async def test_policy_error_refuses_it_with_the_rule_and_the_place(tmp_path: Path, shared: Path) -> None:
    content = official_example(shared).replace(b'code="FR"', b'code="BE"')
    service = service_with(tmp_path, "error")
    with pytest.raises(InvalidContent) as refusal:
        await service.feed_verdict(content, document_entry_of(content))
    service.close()
    assert refusal.value.code == "ConformanceRefused"
    assert "H-001" in refusal.value.requirement
    assert refusal.value.location == "/ClinicalDocument"


async def test_metadata_that_differ_from_the_document_are_findings(tmp_path: Path, shared: Path) -> None:
    content = official_example(shared)
    entry = msgspec.structs.replace(document_entry_of(content), title="Autre", language_code="en-GB")
    service = service_with(tmp_path, "warn")
    verdict = await service.feed_verdict(content, entry)
    service.close()
    assert verdict is not None
    assert "metadata" in {finding.layer.value for finding in verdict.findings}


def test_a_heavier_policy_never_refuses_more(tmp_path: Path) -> None:
    from socle.services.conformance.judgement import judge
    from socle.services.conformance.packs import own_rules

    verdict = judge(MINIMAL.encode(), own_rules(), datetime(2026, 3, 2, tzinfo=UTC).date())
    counts = [len(refusing_findings(policy, verdict)) for policy in ("information", "warning", "error", "warn", "off")]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 0


def test_a_policy_is_one_of_the_documented_ones() -> None:
    assert [require_policy(policy) for policy in POLICIES] == list(POLICIES)
    with pytest.raises(InvalidContent):
        require_policy("severe")


async def test_the_base_serves_the_page_and_judges_what_is_fed(base: Base) -> None:
    from socle.app import create_app, create_services

    services = create_services(base)
    try:
        with TestClient(create_app(services)) as whole:
            assert whole.get("/conformance").status_code == 200
        assert services.dmp.context.conformance is not None
    finally:
        services.conformance.close()
