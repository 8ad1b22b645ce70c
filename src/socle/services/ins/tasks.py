"""What happens later: bulk verification."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from socle.services.ins.domain import BatchJob
from socle.services.ins.service import InsService


async def verify_batch(service: InsService, payload: bytes) -> None:
    """Verifies a lot of claims."""
    await service.teleservice.run_batch(msgspec.json.decode(payload, type=BatchJob).batch)


TASKS: Final[dict[str, Callable[[InsService, bytes], Awaitable[None]]]] = {"ins.verify_batch": verify_batch}
