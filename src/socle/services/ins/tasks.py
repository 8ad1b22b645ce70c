"""What happens later: bulk verification, and what is due again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
import structlog

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.services.ins.domain import BatchJob
from socle.services.ins.service import InsService

_log = structlog.get_logger(__name__)

_BASE: Final = Actor(
    kind=ActorKind.BASE, id="ins", name="Vérification périodique", authentication=AuthenticationMode.BASE
)


async def verify_batch(service: InsService, payload: bytes) -> None:
    """Verifies a lot of claims."""
    await service.batches.run(msgspec.json.decode(payload, type=BatchJob).batch)


async def sweep(service: InsService, _payload: bytes) -> None:
    """Verifies again the identities whose INS was confirmed too long ago, and erases old lots."""
    wrong = await service.verify_due(_BASE)
    erased = await service.batches.erase_old()
    _log.info("ins_swept", wrong=wrong, erased_lots=erased)


TASKS: Final[dict[str, Callable[[InsService, bytes], Awaitable[None]]]] = {
    "ins.verify_batch": verify_batch,
    "ins.sweep": sweep,
}
