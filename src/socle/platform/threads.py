"""Work that would keep the event loop too long is done in a thread; small work is not: a thread costs more than it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

#: What concerns more bytes than this leaves the loop: reading, checking or encrypting it takes over 5 ms.
LARGE_BYTES: Final = 256 * 1024


async def off_loop(size_bytes: int, work: Callable[[], T]) -> T:
    """The result of ``work``, done in a thread when it concerns many bytes."""
    return await asyncio.to_thread(work) if size_bytes > LARGE_BYTES else work()
