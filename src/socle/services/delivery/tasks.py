"""What happens later: each target of an act, on its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from socle.services.delivery.domain import TargetTask
from socle.services.delivery.service import DeliveryService


async def carry_out(service: DeliveryService, payload: bytes) -> None:
    """Hands a document over to one target."""
    await service.carry_out(msgspec.json.decode(payload, type=TargetTask))


TASKS: Final[dict[str, Callable[[DeliveryService, bytes], Awaitable[None]]]] = {"delivery.carry_out": carry_out}
