"""Ingest over real HTTP through both doors: documents/s, latency, CPU of the server's processes per document."""

from __future__ import annotations

import asyncio

from bench.measure import Server, keep, running, show
from bench.traffic import admit_patients, documents, record, send, sending, timed
from socle.client import DoorName

#: Clients, and how many documents they send together.
_ROUNDS = ((1, 100), (8, 240), (32, 480))
_WARM_UP = 32


async def measure(server: Server) -> list[dict[str, object]]:
    """One row for each door and number of clients."""
    await admit_patients(server.url)
    rows: list[dict[str, object]] = []
    for door in DoorName:
        await send(await record(server.url, door, [sending(one) for one in documents(_WARM_UP)]), 4)
        for clients, count in _ROUNDS:
            sent = documents(count)
            requests = await record(server.url, door, [sending(one) for one in sent])
            mean_kb = round(sum(map(len, sent)) / count / 1000)
            rows.append({"door": door.value, "mean_kb": mean_kb} | await timed(server, requests, clients))
    return rows


def main() -> None:
    """Runs, prints, keeps."""
    with running() as server:
        rows = asyncio.run(measure(server))
    show("Ingest over HTTP", rows)
    print(keep("ingest", rows))


if __name__ == "__main__":
    main()
