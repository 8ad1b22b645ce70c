"""What one caller may make the base hold or compute."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.web import refuse
from socle.portals.visit import MAX_FORM_BYTES, Choice, Visit, guarded, read_form
from socle.services.conformance.domain import Verdict
from socle.services.conformance.pages import MAX_BYTES, MOST_WAITING, ConformancePages
from socle.services.conformance.worker import judge_within, worker_pool
from socle.standards.errors import SocleError, Unavailable

LEA = Actor(kind=ActorKind.PATIENT, id="lea", name="Léa", authentication=AuthenticationMode.CITIZEN)
BOUNDARY = "limite"
HEADERS = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
PIECE = b"x" * 1024 * 1024


class Logins:
    """Léa is logged in everywhere."""

    async def find(self, request: Request) -> Visit | None:
        return Visit(actor=LEA, csrf="jeton", name="Léa")

    def login_path(self, back: str) -> str:
        return "/connexion"

    def logout_path(self) -> str:
        return "/deconnexion"

    async def choices(self, request: Request, visit: Visit) -> tuple[Choice, ...]:
        return ()

    async def choose(self, request: Request, key: str) -> None:
        return


class Upload:
    """A form with one file, sent piece by piece without saying its length."""

    def __init__(self, name: str, pieces: int) -> None:
        self.sent = 0
        self._name = name
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="csrf"\r\n\r\njeton\r\n--{BOUNDARY}\r\n'
        head += f'Content-Disposition: form-data; name="{self._name}"; filename="f.pdf"\r\n\r\n'
        yield head.encode()
        for _ in range(self._pieces):
            self.sent += 1
            yield PIECE
        yield f"\r\n--{BOUNDARY}--\r\n".encode()


def client_of(application: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://socle")


async def keep(request: Request, visit: Visit) -> Response:
    await read_form(request)
    return PlainTextResponse("kept")


async def test_a_form_over_the_bound_is_refused_before_it_is_all_there() -> None:
    page = Route("/espace/documents/ajouter", guarded(Logins(), "espace/base.html")(keep), methods=["POST"])
    application = Starlette(routes=[page])
    most = MAX_FORM_BYTES // len(PIECE)
    async with client_of(application) as http:
        upload = Upload("file", most * 3)
        answer = await http.post("/espace/documents/ajouter", content=upload, headers=HEADERS)
        assert (answer.status_code, upload.sent) == (413, most)
        answer = await http.post("/espace/documents/ajouter", content=Upload("file", 2), headers=HEADERS)
        assert answer.text == "kept"


class Slow:
    """Rules that never come to an end."""

    def __init__(self) -> None:
        self.asked = asyncio.Queue[bytes]()

    def kit_report(self) -> None:
        return None

    async def verdict(self, content: bytes, *, limit_s: float) -> Verdict:
        self.asked.put_nowait(content)
        return await asyncio.Future()


async def test_few_strangers_wait_for_a_verdict_at_a_time() -> None:
    rules = Slow()
    pages = ConformancePages(rules)  # type: ignore[arg-type]
    application = Starlette(routes=pages.routes(), exception_handlers={SocleError: refuse})
    async with client_of(application) as http:
        waiting = [asyncio.create_task(http.post("/conformance/verdict", content=b"<a/>")) for _ in range(MOST_WAITING)]
        for _ in waiting:
            await rules.asked.get()
        answer = await http.post("/conformance/verdict", content=b"<a/>")
        assert (answer.status_code, answer.json()["code"]) == (503, "ConformanceBusy")
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        again = asyncio.create_task(http.post("/conformance/verdict", content=b"<a/>"))
        await rules.asked.get()
        again.cancel()


async def test_a_document_dropped_on_the_page_of_conformance_is_bounded() -> None:
    pages = ConformancePages(Slow())  # type: ignore[arg-type]
    application = Starlette(routes=pages.routes(), exception_handlers={SocleError: refuse})
    most = MAX_BYTES // len(PIECE)
    async with client_of(application) as http:
        upload = Upload("document", most * 2)
        answer = await http.post("/conformance", content=upload, headers=HEADERS)
    assert (answer.status_code, upload.sent) == (413, most)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> ProcessPoolExecutor:
    path: Path = tmp_path_factory.mktemp("rules")
    return worker_pool(str(path), documents=1)


def test_a_judgement_that_takes_too_long_is_given_up_and_its_process_lives_on(pool: ProcessPoolExecutor) -> None:
    document = b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>'
    with pytest.raises(Unavailable, match="ConformanceUnavailable"):
        pool.submit(judge_within, 1e-6, document, date(2026, 3, 2)).result(60)
    assert pool.submit(judge_within, 60, document, date(2026, 3, 2)).result(60).findings
