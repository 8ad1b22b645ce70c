"""`socle mss incoming`: the documents that came to a box, with their patient; taken into a folder, filed in the DMP."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from socle.client import Arrivals, ReceivedDocument

_PATIENTS = {
    "same": "patient reconnu",
    "different": "patient à comparer",
    "unknown": "patient inconnu ici",
    "unidentified": "sans INS",
}


def incoming(
    address: str, *, take: Path | None, to_dmp: bool, everything: bool, rpps: str, url: str, json: bool
) -> int:
    """Lists, takes and files as asked; 1 when a document that should be filed was refused."""
    documents = asyncio.run(_work(address, take, to_dmp, everything, rpps, url))
    if json:
        import msgspec

        print(msgspec.json.encode(documents).decode())
    else:
        for one in documents:
            print(f"{one.id:<12} {one.received_at.astimezone():%d/%m/%Y %H:%M}  {one.title}, de {one.sender}")
            place = f" (IPP {one.local_id})" if one.local_id else ""
            print(f"  {one.patient_name} : {_PATIENTS[one.patient]}{place}")
            print(f"  {one.refusal or one.sentence}")
        print(f"{len(documents)} document(s)." if documents else "Aucun document.")
    return int(to_dmp and any(one.filed_at is None for one in documents))


async def _work(
    address: str, take: Path | None, to_dmp: bool, everything: bool, rpps: str, url: str
) -> list[ReceivedDocument]:
    import httpx

    from socle.client import Arrivals, Sandbox
    from socle.client.connection import DEFAULT_RPPS

    async with httpx.AsyncClient(timeout=60) as http:
        token = await Sandbox(url, http).token(rpps or DEFAULT_RPPS)
        box = Arrivals(url, http, token, address)
        found = await box.list(only_new=not everything)
        return [await _handle(box, one, take, to_dmp) for one in found]


async def _handle(box: Arrivals, one: ReceivedDocument, take: Path | None, to_dmp: bool) -> ReceivedDocument:
    """One document, after what was asked of it. A refusal to file is told, and the others go on."""
    import msgspec

    from socle.standards.errors import SocleError

    if to_dmp:
        try:
            one = await box.file(one.id)
        except SocleError as error:
            one = msgspec.structs.replace(one, refusal=error.sentence())
    if take is not None:
        # On disk before it is said to be taken: a crash between the two gives the same file again.
        await asyncio.to_thread(_write, take, f"{one.document_id.replace('^', '_')}.xml", await box.content(one.id))
        taken = await box.take(one.id)
        one = msgspec.structs.replace(taken, refusal=one.refusal)
    return one


def _write(folder: Path, name: str, content: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "".join(c if c.isalnum() or c in "._-" else "_" for c in name)).write_bytes(content)
