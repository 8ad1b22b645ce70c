"""`socle send … --to-dmp --to … --to-patient`: one act, two ways, and what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from socle.client import DeliveryStatus


def deliver(
    files: Sequence[Path],
    *,
    mailbox: str,
    to_dmp: bool,
    to: Sequence[str],
    to_patient: bool,
    visibility: Sequence[str],
    rpps: str,
    url: str,
    json: bool,
) -> int:
    """Sends each file by the ways asked for and waits for the proofs; 1 when one was refused."""
    acts = asyncio.run(_deliver(files, mailbox, to_dmp, to, to_patient, visibility, rpps, url))
    if json:
        import msgspec

        print(msgspec.json.encode(acts).decode())
    else:
        for file, act in zip(files, acts, strict=True):
            print(f"{file.name} ({act.id})")
            for target in act.targets:
                print(f"  {target.sentence}")
    return int(any(act.is_refused for act in acts))


async def _deliver(
    files: Sequence[Path],
    mailbox: str,
    to_dmp: bool,
    to: Sequence[str],
    to_patient: bool,
    visibility: Sequence[str],
    rpps: str,
    url: str,
) -> list[DeliveryStatus]:
    import httpx

    from socle.client import Deliveries, Sandbox
    from socle.client.connection import DEFAULT_RPPS

    async with httpx.AsyncClient(timeout=60) as http:
        sandbox = Sandbox(url, http)
        acts = []
        for file in files:
            content = await asyncio.to_thread(file.read_bytes)
            door = Deliveries(url, http, await sandbox.token(rpps or DEFAULT_RPPS))
            act = await door.send(
                content, mailbox=mailbox, to_dmp=to_dmp, to=to, to_patient=to_patient, visibility=visibility
            )
            acts.append(await door.wait(act.id))
        return acts
