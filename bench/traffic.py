"""Requests of the SDK, made and signed before the clock starts, then sent by many clients at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from uuid import uuid4

import httpx
from lxml import etree

from bench.measure import Server, now, percentile
from socle.client import AsyncDmp, DoorName, Sandbox, connect_sandbox
from socle.sandbox import cast
from socle.sandbox.documents import named_documents
from socle.standards.ids.ins import AUTHORITIES, OID_NIR_TEST, Ins, key_of
from socle.standards.xml import parse

#: How many patients take turns.
PATIENTS = 100

Call = Callable[[AsyncDmp], Awaitable[object]]


def templates() -> list[bytes]:
    """Documents of 60 to 230 KB: the published examples where they are, else the project's own."""
    folder = Path("../shared/examples/cda")
    found = [p.read_bytes() for p in sorted(folder.glob("*.xml"))] if folder.is_dir() else []
    found = [
        d
        for d in found
        if 60_000 <= len(d) <= 230_000 and etree.QName(parse(d)).localname == "ClinicalDocument" and b"REMB" not in d
    ]
    return found or [document.content for document in named_documents(1)]


def patient(number: int) -> Ins:
    """A patient of the benchmarks."""
    stem = f"28407{number % PATIENTS:02d}383{number % PATIENTS:03d}"
    return Ins(stem + key_of(stem), OID_NIR_TEST)


def variant(document: bytes, number: int) -> bytes:
    """The same document with a uniqueId of its own, about another patient."""
    root = parse(document)
    for own in root.findall("{urn:hl7-org:v3}id"):
        own.set("root", f"2.25.{uuid4().int}")
        own.attrib.pop("extension", None)
    for identifier in root.iterfind(".//{urn:hl7-org:v3}recordTarget/{urn:hl7-org:v3}patientRole/{urn:hl7-org:v3}id"):
        if identifier.get("root") in AUTHORITIES:
            identifier.set("root", OID_NIR_TEST)
            identifier.set("extension", patient(number).matricule)
    for related in root.findall("{urn:hl7-org:v3}relatedDocument"):
        root.remove(related)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def documents(count: int) -> list[bytes]:
    """``count`` documents, of each kind and about each patient in turn."""
    kinds = templates()
    return [variant(kinds[number % len(kinds)], number) for number in range(count)]


async def admit_patients(url: str) -> None:
    """Registers every patient of the benchmarks with a qualified INS and an open DMP."""
    document = templates()[0]
    async with httpx.AsyncClient(timeout=60) as http:
        for number in range(PATIENTS):
            await Sandbox(url, http).admit(variant(document, number))


class _Recorded(Exception):
    def __init__(self, request: httpx.Request) -> None:
        self.request = request


class _Recorder(httpx.AsyncBaseTransport):
    """Lets the sandbox's own calls through, and stops the others with what they would have sent."""

    def __init__(self) -> None:
        self._real = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if "/sandbox/" in request.url.path:
            return await self._real.handle_async_request(request)
        await request.aread()
        raise _Recorded(request)


async def connect(url: str, door: DoorName, http: httpx.AsyncClient) -> AsyncDmp:
    """The DMP as the benchmarks' general practitioner uses it."""
    return await connect_sandbox(url, rpps=cast.GENERAL_PRACTITIONER.removeprefix("8"), door=door, http=http)


async def record(url: str, door: DoorName, calls: Sequence[Call]) -> list[httpx.Request]:
    """The first request that each of ``calls`` makes."""
    requests = []
    async with httpx.AsyncClient(transport=_Recorder(), timeout=60) as http:
        dmp = await connect(url, door, http)
        for call in calls:
            try:
                await call(dmp)
            except _Recorded as recorded:
                requests.append(recorded.request)
    return requests


def sending(document: bytes) -> Call:
    """The call that feeds ``document``."""
    return lambda dmp: dmp.send(document)


async def send(requests: list[httpx.Request], clients: int) -> list[float]:
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


async def timed(server: Server, requests: list[httpx.Request], clients: int) -> dict[str, object]:
    """What it took: requests/s, latencies, CPU of the server's processes for each request, peak memory so far."""
    before, started = server.cpu_s(), now()
    latencies = await send(requests, clients)
    spent, after = now() - started, server.cpu_s()
    used = {kind: 1000 * (after[kind] - before.get(kind, 0.0)) / len(requests) for kind in after}
    return {
        "clients": clients,
        "requests": len(requests),
        "per_s": len(requests) / spent,
        "p50_ms": percentile(latencies, 0.5),
        "p99_ms": percentile(latencies, 0.99),
        "cpu_ms": sum(used.values()),
        "cpu_socle_ms": used.get("socle", 0.0),
        "cpu_postgres_ms": used.get("postgres", 0.0),
        "peak_memory_mib": server.peak_memory_mib(),
    }
