"""The time, injected: services never read the system clock themselves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

#: Returns the current time, aware, in UTC. The sandbox replaces it by a clock that can be set.
Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The machine's time in UTC."""
    return datetime.now(UTC)


def to_dtm(moment: datetime) -> str:
    """XDS DTM of ``moment``: ``YYYYMMDDhhmmss`` in UTC.

    >>> to_dtm(datetime(2026, 3, 2, 8, 15, tzinfo=UTC))
    '20260302081500'
    """
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M%S")
