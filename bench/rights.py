"""What rights cost: one decision, and the list of a record of 5,000 documents filtered by them, traces included.

    python -m bench.rights [--rounds 100]

The list is the use case that every door asks, with the event loop and the collector of the servers; the dentist who
asks sees about four fifths. CPU time is that of the service, without the database's.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import uvloop
from cyclopts import run

from bench.measure import keep, percentile, show
from bench.population import load
from bench.traffic import patient
from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.base import Base
from socle.platform.patient_key import patient_key
from socle.platform.settings import Settings
from socle.server.offline import open_offline
from socle.server.process import collect_seldom
from socle.services.dmp.domain import (
    Authorization,
    AuthorizationAction,
    CallerRights,
    DocumentFilter,
    FindDocuments,
    Function,
    Holding,
    Page,
    Record,
    RecordState,
)
from socle.services.dmp.matrice import default_matrix
from socle.services.dmp.rules import Allowed, Policy, decide, sight_of
from socle.services.dmp.service import DmpService
from socle.services.ins.service import InsService
from socle.standards.xds.model import Status

_DOCUMENTS = 5_000
_DECISIONS = 20_000
_NOW = datetime(2026, 3, 2, tzinfo=UTC)
_DENTIST = Actor(
    kind=ActorKind.PROFESSIONAL,
    id="810000000003",
    name="MARTIN",
    authentication=AuthenticationMode.INDIRECTE_RENFORCEE,
    profession="40",
    structure="1750000009",
)
_OPERATOR = Actor(kind=ActorKind.OPERATOR, id="bench", name="", authentication=AuthenticationMode.OPERATOR)


def time_decisions() -> dict[str, object]:
    """The mean CPU time of deciding on a record and of what of it is seen: rules alone, no database."""
    ins = patient(0)
    expires = _NOW + timedelta(days=1)
    given = Authorization(
        holder_id=_DENTIST.id, holding=Holding.PROFESSIONAL, name="", granted_at=_NOW, expires_at=expires
    )
    record = Record(patient_key=patient_key(ins), ins=ins, state=RecordState.ACTIVE, birth_date=None)
    rights, policy = CallerRights(authorization=given), Policy(default_matrix())
    before = time.process_time()
    for _ in range(_DECISIONS):
        decision = decide(Function.SEARCH, _DENTIST, record, rights, _NOW, policy)
        assert isinstance(decision, Allowed)
        sight_of(Function.SEARCH, decision, _DENTIST, record, rights, _NOW, policy)
    mean_us = (time.process_time() - before) / _DECISIONS * 1e6
    return {"what": "one decision, and what it lets see", "rounds": _DECISIONS, "mean_us": round(mean_us, 2)}


async def time_lists(base: Base, rounds: int) -> list[dict[str, object]]:
    """The whole list, and its first page with the count."""
    dmp, ins = DmpService(base, InsService(base)), patient(0)
    await dmp.load_records(_OPERATOR, [(ins, None)])
    await load(base.settings, {ins: _DOCUMENTS})
    async with base.database.connection() as connection:
        await connection.execute("VACUUM ANALYZE")
    await dmp.set_authorization(_DENTIST, ins, AuthorizationAction.AJOUT)
    wanted = FindDocuments(patient=ins, filter=DocumentFilter(statuses=(Status.APPROVED,)))

    async def whole() -> int:
        return len((await dmp.query(_DENTIST, wanted)).documents)

    async def page() -> int:
        return len((await dmp.search(_DENTIST, wanted, Page(size=50))).objects.documents)

    rows: list[dict[str, object]] = []
    collect_seldom()
    for what, act in (
        (f"list of {_DOCUMENTS} filtered by rights", whole),
        ("its first page of 50, with the count", page),
    ):
        shown = await act()
        taken_ms, cpu_ms = [], []
        for _ in range(rounds):
            before, cpu_before = time.perf_counter(), time.process_time()
            await act()
            taken_ms.append((time.perf_counter() - before) * 1000)
            cpu_ms.append((time.process_time() - cpu_before) * 1000)
        spread = {
            f"{name}p{share}_ms": round(percentile(values, share / 100), 1)
            for name, values in (("", taken_ms), ("cpu_", cpu_ms))
            for share in (50, 99)
        }
        rows.append({"what": what, "shown": shown, "rounds": rounds, **spread})
    return rows


def main(*, rounds: int = 100) -> None:
    """Loads, measures, prints, keeps."""
    directory = Path(tempfile.mkdtemp(prefix="socle-bench-"))
    directory.chmod(0o755)

    async def measure() -> list[dict[str, object]]:
        async with open_offline(Settings(data=str(directory))) as base:
            with_url = msgspec.structs.replace(base.settings, database_url=base.database.url)
            return await time_lists(msgspec.structs.replace(base, settings=with_url), rounds)

    try:
        decisions, lists = [time_decisions()], uvloop.run(measure())
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    show("decision", decisions)
    show("list", lists)
    keep("rights", [*decisions, *lists])


if __name__ == "__main__":
    run(main)
