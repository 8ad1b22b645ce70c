"""What a sandbox may make fail on purpose. Services ask; in production the answer is always ``NORMAL``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import msgspec

from socle.platform.clock import system_clock


class Health(StrEnum):
    """How a simulated national service behaves."""

    NORMAL = "normal"
    #: Answers nothing (HTTP 503, SOAP fault).
    DOWN = "down"
    #: Answers after ``delay_ms``.
    SLOW = "slow"
    #: Answers, and refuses everything.
    REFUSE = "refuse"


class SwitchState(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is switched, at one moment."""

    insi: Health = Health.NORMAL
    psc: Health = Health.NORMAL
    delay_ms: int = 5000
    #: INSi answers traits that are not the person's.
    wrong_traits: bool = False
    #: PS_IdNat of professionals whose card counts as expired; ``*``: all.
    expired_cards: tuple[str, ...] = ()
    #: Serial numbers (lower-case hexadecimal) of certificates that count as revoked; ``*``: all.
    revoked_certificates: tuple[str, ...] = ()
    #: Added to the machine's time.
    clock_offset: timedelta = timedelta(0)

    def is_card_expired(self, id_nat: str) -> bool:
        """Whether the card of ``id_nat`` counts as expired."""
        return "*" in self.expired_cards or id_nat in self.expired_cards

    def is_certificate_revoked(self, serial: int) -> bool:
        """Whether the certificate numbered ``serial`` counts as revoked."""
        return "*" in self.revoked_certificates or f"{serial:x}" in self.revoked_certificates

    def now(self) -> datetime:
        """The time of the sandbox, in UTC."""
        return system_clock() + self.clock_offset


#: Nothing is switched.
NORMAL: Final = SwitchState()

#: Returns what is switched now; at most one second old, and free to ask.
Switches = Callable[[], SwitchState]


def no_switches() -> SwitchState:
    """The switches of production.

    >>> no_switches() is NORMAL
    True
    """
    return NORMAL
