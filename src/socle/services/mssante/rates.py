"""How many messages an author may send in a minute, whichever door they come by."""

from __future__ import annotations

import time
from typing import Final

from socle.services.mssante.domain import MailboxKind

#: Messages a minute for one author, by kind of box. Own design.
_RATES: Final = {
    MailboxKind.PERSONAL: 60,
    MailboxKind.CABINET: 60,
    MailboxKind.ORGANIZATIONAL: 300,
    MailboxKind.APPLICATIVE: 60_000,
    MailboxKind.CITIZEN: 20,
}
PEER_RATE: Final = 60_000


def per_minute(kind: MailboxKind) -> int:
    """The rate of a box of this kind."""
    return _RATES[kind]


class RateLimiter:
    """A bucket of messages for each author, refilled each minute. One process counts on its own."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, author: str, per_minute: int) -> bool:
        """Whether ``author`` may send one more now."""
        now = time.monotonic()
        left, at = self._buckets.get(author, (float(per_minute), now))
        left = min(float(per_minute), left + (now - at) * per_minute / 60)
        if len(self._buckets) > 100_000:
            self._buckets.clear()
        self._buckets[author] = (max(0.0, left - 1), now)
        return left >= 1
