"""What happens later: reading the older documents of a record whose owner began to search in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from socle.services.reading.domain import CatchUp
from socle.services.reading.service import ReadingService


async def catch_up(service: ReadingService, payload: bytes) -> None:
    """Reads what was not read yet."""
    await service.catch_up(msgspec.json.decode(payload, type=CatchUp).patient_key)


TASKS: Final[dict[str, Callable[[ReadingService, bytes], Awaitable[None]]]] = {"reading.catch_up": catch_up}
