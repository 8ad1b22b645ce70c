"""What happens later: each target of an act, on its own; documents that file themselves; what is forgotten."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from socle.services.delivery.domain import TargetTask
from socle.services.delivery.intake import IntakeService
from socle.services.delivery.service import DeliveryService
from socle.services.mssante.domain import ArrivalTask


async def carry_out(service: DeliveryService, payload: bytes) -> None:
    """Hands a document over to one target."""
    await service.carry_out(msgspec.json.decode(payload, type=TargetTask))


async def sweep(service: DeliveryService, _payload: bytes) -> None:
    """Forgets old acts."""
    await service.sweep()


async def arrival(service: IntakeService, payload: bytes) -> None:
    """Looks at the documents of a message that came to a box that files by itself."""
    await service.on_arrival(msgspec.json.decode(payload, type=ArrivalTask))


TASKS: Final[dict[str, Callable[[DeliveryService, bytes], Awaitable[None]]]] = {
    "delivery.carry_out": carry_out,
    "delivery.sweep": sweep,
}
INTAKE_TASKS: Final[dict[str, Callable[[IntakeService, bytes], Awaitable[None]]]] = {"delivery.arrival": arrival}
