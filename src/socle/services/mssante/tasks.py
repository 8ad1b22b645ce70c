"""What happens later: publication in the directory, the daily sweep."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from socle.services.mssante.service import BoxTask, MssanteService


async def publish(service: MssanteService, payload: bytes) -> None:
    """Makes the directory show a box as it is."""
    await service.publish(msgspec.json.decode(payload, type=BoxTask).address)


async def sweep(service: MssanteService, _payload: bytes) -> None:
    """The daily work on boxes, traces and fingerprints."""
    await service.upkeep.sweep()


async def refresh_whitelist(service: MssanteService, _payload: bytes) -> None:
    """Reads the white list again; the former stays in force when it cannot be read or is refused."""
    source = service.base.settings.mail_whitelist
    if source:
        await service.trust_list.refresh(source)


TASKS: Final[dict[str, Callable[[MssanteService, bytes], Awaitable[None]]]] = {
    "mssante.publish": publish,
    "mssante.sweep": sweep,
    "mssante.refresh_whitelist": refresh_whitelist,
}
