"""`socle verify`: everything that was acknowledged is there, unaltered, and nothing else is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol
from uuid import UUID

import msgspec

#: An object younger than this may belong to a submission that is about to commit.
_ORPHAN_AGE_S = 24 * 3600


class StoredContent(msgspec.Struct, frozen=True):
    """A content that a service's tables name. ``sha1`` (hexadecimal) and ``size`` are empty or None if not kept."""

    owner: UUID
    address: str
    sha1: str = ""
    size: int | None = None


class Keeper(Protocol):
    """A service that keeps contents in the vault."""

    def stored_contents(self) -> AsyncIterator[StoredContent]:
        """Every content that a row names."""
        ...


class Report(msgspec.Struct, frozen=True):
    """What was found. ``faults`` name addresses, never persons."""

    documents: int
    chains: int
    orphans: int
    faults: list[str]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is missing or altered (orphans are not a fault)."""
        return not self.faults
