"""Ingest over real HTTP through both doors: documents/s, latency, CPU of the server's processes per document.

Requests are made and signed before the clock starts; each document has a uniqueId of its own, patients take turns.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import httpx
from lxml import etree

from bench.measure import Server, keep, now, percentile, running, show
from socle.client import DoorName, Sandbox, connect_sandbox
from socle.sandbox import cast
from socle.sandbox.documents import named_documents
from socle.standards.ids.ins import AUTHORITIES, OID_NIR_TEST, key_of
from socle.standards.xml import parse

_PATIENTS = 40
_ROUNDS = ((1, 60), (8, 240), (32, 480))


def templates() -> list[bytes]:
    """Documents of 60 to 230 KB: the published examples where they are, else the project's own, padded."""
    folder = Path("../shared/examples/cda")
    found = [p.read_bytes() for p in sorted(folder.glob("*.xml"))] if folder.is_dir() else []
    found = [
        d
        for d in found
        if 60_000 <= len(d) <= 230_000 and parse(d).tag.endswith("}ClinicalDocument") and b"REMB" not in d
    ]
    return found or [document.content for document in named_documents(1)]


def patient(number: int) -> str:
    """The matricule of a patient of this benchmark."""
    stem = f"28407{number:02d}383{number % 1000:03d}"[:13]
    return stem + key_of(stem)


def variant(document: bytes, number: int) -> bytes:
    """The same document with a uniqueId of its own, about another patient."""
    root = parse(document)
    for own in root.findall("{urn:hl7-org:v3}id"):
        own.set("root", f"2.25.{uuid4().int}")
        own.attrib.pop("extension", None)
    for identifier in root.iterfind(".//{urn:hl7-org:v3}recordTarget/{urn:hl7-org:v3}patientRole/{urn:hl7-org:v3}id"):
        if identifier.get("root") in AUTHORITIES:
            identifier.set("root", OID_NIR_TEST)
            identifier.set("extension", patient(number % _PATIENTS))
    for related in root.findall("{urn:hl7-org:v3}relatedDocument"):
        root.remove(related)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


class _Recorded(Exception):
    def __init__(self, request: httpx.Request) -> None:
        self.request = request


class _Recorder(httpx.AsyncBaseTransport):
    """Lets the sandbox's own calls through, and stops the submission with what it would have sent."""

    def __init__(self) -> None:
        self._real = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if "/sandbox/" in request.url.path:
            return await self._real.handle_async_request(request)
        await request.aread()
        raise _Recorded(request)


async def prepare(url: str, door: DoorName, documents: list[bytes]) -> list[httpx.Request]:
    """The requests that submit ``documents``, signed."""
    async with httpx.AsyncClient(transport=_Recorder(), timeout=60) as http:
        dmp = await connect_sandbox(url, rpps=cast.GENERAL_PRACTITIONER.removeprefix("8"), door=door, http=http)
        requests = []
        for document in documents:
            try:
                await dmp.send(document)
            except _Recorded as recorded:
                requests.append(recorded.request)
        return requests


async def load(requests: list[httpx.Request], clients: int) -> list[float]:
    """Sends them all, ``clients`` at a time; returns latencies in ms. Raises on any refusal."""
    waiting = iter(requests)
    latencies: list[float] = []

    async def client() -> None:
        async with httpx.AsyncClient(timeout=120) as http:
            for request in waiting:
                started = now()
                answer = await http.request(
                    request.method, request.url, headers=request.headers, content=request.content
                )
                latencies.append(1000 * (now() - started))
                if answer.status_code >= 300 or b"ResponseStatusType:Failure" in answer.content:
                    raise RuntimeError(answer.text[:800])

    await asyncio.gather(*(client() for _ in range(clients)))
    return latencies


async def measure(server: Server) -> list[dict[str, object]]:
    """One row for each door and number of clients."""
    kinds = templates()
    rows: list[dict[str, object]] = []
    async with httpx.AsyncClient(timeout=60) as http:
        for number in range(_PATIENTS):
            await Sandbox(server.url, http).admit(variant(kinds[0], number))
    for door in DoorName:
        for clients, count in _ROUNDS:
            documents = [variant(kinds[number % len(kinds)], number) for number in range(count)]
            requests = await prepare(server.url, door, documents)
            before, started = server.cpu_s(), now()
            latencies = await load(requests, clients)
            spent, after = now() - started, server.cpu_s()
            used = {kind: 1000 * (after[kind] - before.get(kind, 0.0)) / count for kind in after}
            rows.append(
                {
                    "door": door.value,
                    "clients": clients,
                    "documents": count,
                    "mean_kb": round(sum(map(len, documents)) / count / 1000),
                    "per_s": count / spent,
                    "p50_ms": percentile(latencies, 0.5),
                    "p99_ms": percentile(latencies, 0.99),
                    "cpu_ms": sum(used.values()),
                    "cpu_socle_ms": used.get("socle", 0.0),
                    "cpu_postgres_ms": used.get("postgres", 0.0),
                    "memory_mib": server.memory_mib(),
                }
            )
    return rows


def main() -> None:
    """Runs, prints, keeps."""
    with running() as server:
        rows = asyncio.run(measure(server))
    show("Ingest over HTTP", rows)
    print(keep("ingest", rows))


if __name__ == "__main__":
    main()
