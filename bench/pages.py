"""Pages of both portals on a record of 2,000 documents: time to the last byte, one reader at a time, over real HTTP."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urljoin
from uuid import uuid4

import httpx
from lxml import html

from bench.measure import Server, keep, now, percentile, running, show
from socle.client import DoorName, Sandbox, connect_sandbox
from socle.sandbox import cast
from socle.sandbox.documents import named_documents
from socle.sandbox.populate import populate
from socle.server.offline import open_services
from socle.standards.cda.metadata import document_entry_of

_DOCUMENTS = 2000
_ROUNDS = 25
_CITIZEN = (
    "/espace",
    "/espace/documents",
    "/espace/documents?mots=h%C3%A9moglobine",
    "/espace/sante",
    "/espace/resultats",
    "/espace/messages",
    "/espace/acces",
    "/espace/traces",
    "/espace/compte",
)
_DOCTOR = (
    "/pro",
    "/pro/dossier",
    "/pro/dossier?mots=h%C3%A9moglobine",
    "/pro/dossier/synthese",
    "/pro/dossier/analyses",
    "/pro/activite",
)
_RPPS = cast.GENERAL_PRACTITIONER.removeprefix("8")


async def fill(server: Server) -> None:
    """The cast, then the record of one patient fed by FHIR, eight clients at a time."""
    url = server.url
    async with open_services(server.settings) as services:
        people = (services.ins, services.directory, services.identity, services.dmp)
        await populate(services.base, *people, patients=40, seed=1, progress=lambda *_: None)
    own = [one.content for one in named_documents(1) if b">TESTUT<" in one.content]
    waiting = iter(range(_DOCUMENTS))

    async def client() -> None:
        async with await connect_sandbox(url, rpps=_RPPS, door=DoorName.FHIR) as dmp:
            for number in waiting:
                letter = own[number % len(own)]
                unique_id = document_entry_of(letter).unique_id
                await dmp.send(letter.replace(f'root="{unique_id}"'.encode(), f'root="2.25.{uuid4().int}"'.encode(), 1))

    async with httpx.AsyncClient(timeout=60) as http:
        await Sandbox(url, http).admit(own[0])
    await asyncio.gather(*(client() for _ in range(8)))


def submit(
    http: httpx.Client, page: httpx.Response, values: dict[str, str], *, button: str = "", **pressed: str
) -> httpx.Response:
    """Sends the form of ``page`` that has the fields ``values`` and the text ``button``; ``pressed`` is its button."""
    for form in html.fromstring(page.content).forms:
        names = {str(name) for name in form.fields}
        if values.keys() <= names and button in html.tostring(form, encoding="unicode"):
            fields = dict(form.form_values()) | values | pressed
            return http.request(form.method, urljoin(str(page.url), form.action), data=fields)
    raise RuntimeError(f"{page.url} has no form with {sorted(values)}")


def citizen(url: str) -> httpx.Client:
    """The session of Robert Testut, by the simulated FranceConnect."""
    http = httpx.Client(base_url=url, follow_redirects=True, timeout=60)
    page = http.get("/espace")
    link = next(a for a in html.fromstring(page.content).iter("a") if "FranceConnect" in a.text_content())
    page = http.get(urljoin(str(page.url), link.get("href")))
    page = submit(http, page, {"name": "TESTUT"}, search="1")
    page = submit(http, page, {}, button='type="radio"')
    assert page.url.path == "/espace", page.url
    return http


def doctor(url: str) -> httpx.Client:
    """The session of Dr Marchand with the patient's record open, by the simulated Pro Santé Connect."""
    http = httpx.Client(base_url=url, follow_redirects=True, timeout=60)
    page = submit(http, http.get("/pro"), {"identifier": _RPPS, "pin": "1234"})
    assert page.url.path == "/pro", page.url
    page = submit(http, page, {"matricule": cast.ROBERT.matricule})
    page = submit(http, page, {}, button="Ouvrir")
    if "donne son accord" in page.text:
        submit(http, page, {}, button="donne son accord")
    return http


def time_page(http: httpx.Client, path: str) -> dict[str, object]:
    """One row."""
    answer = http.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    times = []
    for _ in range(_ROUNDS):
        started = now()
        answer = http.get(path)
        times.append(1000 * (now() - started))
    return {
        "page": path,
        "kb": round(len(answer.content) / 1000, 1),
        "p50_ms": percentile(times, 0.5),
        "p95_ms": percentile(times, 0.95),
    }


def wait_until_read(http: httpx.Client) -> None:
    """The first search has the whole record read by a job: pages are timed once it has ended."""
    while "lisons encore" in http.get("/espace/documents?mots=h%C3%A9moglobine").text:
        time.sleep(1)


def measure(server: Server) -> list[dict[str, object]]:
    """One row for each page."""
    asyncio.run(fill(server))
    patient, desk = citizen(server.url), doctor(server.url)
    wait_until_read(patient)
    return [time_page(patient, path) for path in _CITIZEN] + [time_page(desk, path) for path in _DOCTOR]


def main() -> None:
    """Runs, prints, keeps."""
    with running() as server:
        rows = measure(server)
    show(f"Pages of a record of {_DOCUMENTS} documents", rows)
    print(keep("pages", rows))


if __name__ == "__main__":
    main()
