"""What an answer costs the server by number of entries: ITI-18 with its VIHF verified, ITI-67 without its token.

    python -m bench.answers [--rounds 40]

The doors are asked in this process, by ASGI: the CPU time is that of the server alone, without TLS, the client and the
database. The first round is not counted.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import uvloop
from cyclopts import run
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import Message

from bench.measure import keep, percentile, show
from bench.population import load
from bench.traffic import patient
from socle.app import create_services
from socle.client import Identity, Signer
from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.base import Base
from socle.platform.settings import Settings
from socle.sandbox import cast
from socle.sandbox.pki import ensure_authority
from socle.server.offline import open_offline
from socle.server.process import collect_seldom
from socle.services.dmp import fhir, soap
from socle.services.dmp.domain import AuthorizationAction
from socle.standards.ids.ins import Ins
from socle.standards.saml import Purpose, build_security_header
from socle.standards.soap import write_message
from socle.standards.xds.model import Status
from socle.standards.xds.names import Action
from socle.standards.xds.query import QueryId, StoredQuery, write_query

_SIZES = (1, 20, 50, 100, 1_000)
_LARGEST_PAGE = 100
_OPERATOR = Actor(kind=ActorKind.OPERATOR, id="bench", name="", authentication=AuthenticationMode.OPERATOR)
_DOCTOR = Identity(
    user_id=cast.GENERAL_PRACTITIONER,
    family="MARCHAND",
    given="Camille",
    structure="1750987653",
    structure_name="CABINET",
)
_SAME_DOCTOR = Actor(
    kind=ActorKind.PROFESSIONAL,
    id=_DOCTOR.user_id,
    name="MARCHAND Camille",
    authentication=AuthenticationMode.INDIRECTE_RENFORCEE,
    profession="10",
    speciality="SM26",
    structure=_DOCTOR.structure,
)


class Doors:
    """Both doors of one base, and the requests of one doctor."""

    def __init__(self, base: Base) -> None:
        services = create_services(base)
        card = ensure_authority(base.settings.data_path / "pki").issue_professional(
            _DOCTOR.user_id, _DOCTOR.family, _DOCTOR.given, at=datetime.now(UTC)
        )
        self.dmp = services.dmp
        self._signer = Signer.from_pem(card.certificate.encode(), card.key.encode())
        self._app = Starlette(
            routes=[
                *soap.routes(services.dmp, services.ins, services.vihf, base),
                *fhir.routes(services.dmp, _believe),
            ]
        )
        self._url = base.settings.base_url

    def find_documents(self, ins: Ins) -> httpx.Request:
        """ITI-18 FindDocuments with its LeafClass entries."""
        query = StoredQuery(
            id=QueryId.FIND_DOCUMENTS,
            parameters={
                "$XDSDocumentEntryPatientId": ((ins.to_cx(),),),
                "$XDSDocumentEntryStatus": ((Status.APPROVED.value,),),
            },
        )
        vihf = _DOCTOR.vihf(self._signer, datetime.now(UTC), patient=ins, purpose=Purpose.NORMAL)
        security = build_security_header(vihf, self._signer.key, self._signer.certificate)
        content_type, content = write_message(Action.QUERY, write_query(query), to="http://socle", security=security)
        return httpx.Request(
            "POST", f"{self._url}{soap.PREFIX}/registry", content=content, headers={"content-type": content_type}
        )

    def search_documents(self, ins: Ins, count: int) -> httpx.Request:
        """ITI-67: one page of ``count``."""
        parameters = {
            "patient.identifier": f"urn:oid:{ins.oid}|{ins.matricule}",
            "status": "current",
            "_count": str(count),
        }
        return httpx.Request("GET", f"{self._url}/dmp/fhir/DocumentReference", params=parameters)

    async def time(self, what: str, shown: bytes, requests: list[httpx.Request]) -> dict[str, object]:
        """CPU time of the answers to ``requests``, in which each entry is told by ``shown``."""
        spent_ms = []
        for request in requests:
            before = time.process_time()
            status, content = await self.ask(request)
            spent_ms.append((time.process_time() - before) * 1000)
            assert status == 200, content
        del spent_ms[0]
        return {
            "what": what,
            "entries": content.count(shown),
            "kbytes": len(content) // 1000,
            "rounds": len(spent_ms),
            "cpu_p50_ms": round(percentile(spent_ms, 0.5), 2),
            "cpu_p99_ms": round(percentile(spent_ms, 0.99), 2),
        }

    async def ask(self, request: httpx.Request) -> tuple[int, bytes]:
        """Status and body of the answer to ``request``."""
        scope = {
            "type": "http",
            "method": request.method,
            "path": request.url.path,
            "raw_path": request.url.raw_path,
            "query_string": request.url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "scheme": request.url.scheme,
            "server": (request.url.host, request.url.port),
            "client": ("127.0.0.1", 1),
            "root_path": "",
        }
        told: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": request.content}

        async def send(message: Message) -> None:
            told.append(message)

        await self._app(scope, receive, send)
        return told[0]["status"], b"".join(message.get("body", b"") for message in told)


async def _believe(_: Request) -> Actor:
    return _SAME_DOCTOR


async def _measure(directory: Path, rounds: int) -> list[dict[str, object]]:
    async with open_offline(Settings(data=str(directory))) as base:
        doors, people = Doors(base), {size: patient(rank) for rank, size in enumerate(_SIZES)}
        await doors.dmp.load_records(_OPERATOR, [(ins, None) for ins in people.values()])
        with_url = msgspec.structs.replace(base.settings, database_url=base.database.url)
        await load(with_url, {ins: size for size, ins in people.items()})
        async with base.database.connection() as connection:
            await connection.execute("VACUUM ANALYZE")
        for ins in people.values():
            await doors.dmp.set_authorization(_SAME_DOCTOR, ins, AuthorizationAction.AJOUT)
        collect_seldom()
        rows = []
        for ins in people.values():
            queries = [doors.find_documents(ins) for _ in range(rounds + 1)]
            rows.append(await doors.time("ITI-18", b"<rim:ExtrinsicObject", queries))
        for size, ins in people.items():
            if size <= _LARGEST_PAGE:
                searches = [doors.search_documents(ins, size) for _ in range(rounds + 1)]
                rows.append(await doors.time("ITI-67", b'"resourceType":"DocumentReference"', searches))
        return rows


def main(*, rounds: int = 40) -> None:
    """Loads, measures, prints, keeps."""
    directory = Path(tempfile.mkdtemp(prefix="socle-bench-"))
    directory.chmod(0o755)
    try:
        rows = uvloop.run(_measure(directory, rounds))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    show("answers", rows)
    keep("answers", rows)


if __name__ == "__main__":
    run(main)
