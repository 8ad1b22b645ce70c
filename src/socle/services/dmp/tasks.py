"""What happens later: merges that the INS service asks for, what time brings, notices."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from socle.services.dmp.context import SendNotices
from socle.services.dmp.service import DmpService
from socle.services.ins.domain import Merge


async def merge(service: DmpService, payload: bytes) -> None:
    """Moves the documents of one record to another's."""
    await service.merge_records(msgspec.json.decode(payload, type=Merge))


async def unmerge(service: DmpService, payload: bytes) -> None:
    """Takes them back."""
    await service.unmerge_records(msgspec.json.decode(payload, type=Merge))


async def sweep(service: DmpService, payload: bytes) -> None:
    """Opens, destroys and tells what is due; every hour."""
    await service.sweep()


async def send_notices(service: DmpService, payload: bytes) -> None:
    """Sends what waits for one account."""
    await service.send_notices(msgspec.json.decode(payload, type=SendNotices))


TASKS: Final[dict[str, Callable[[DmpService, bytes], Awaitable[None]]]] = {
    "dmp.merge": merge,
    "dmp.unmerge": unmerge,
    "dmp.sweep": sweep,
    "dmp.send_notices": send_notices,
}
