"""What all use cases of the DMP share: the platform, the matrix, and the hooks that the composition root gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Protocol

import msgspec

from socle.platform.base import Base
from socle.platform.database import Connection
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import DocumentEntry, Submission


class HolderIdentity(msgspec.Struct, frozen=True):
    """What the DMP needs to know of a person. Only a qualified identity can be fed."""

    birth_date: date | None
    is_qualified: bool


class Identities(Protocol):
    """The identity service, seen from the DMP."""

    async def find_holder(self, connection: Connection, ins: Ins) -> HolderIdentity | None:
        """The person of ``ins``, or ``None`` if the base does not know it. One statement at most."""
        ...


class Verdict(msgspec.Struct, frozen=True):
    """What the conformance engine says of one document; stored with its entry."""

    severity: str
    rule_set: str
    findings: int


#: Judges one document: content and metadata -> verdict. Called before the transaction opens.
Conformance = Callable[[bytes, DocumentEntry], Awaitable[Verdict | None]]
#: Checks the XAdES signature document of a submission; raises ``SocleError``. Runs in a thread.
SignatureCheck = Callable[[Submission, bytes], None]


class DmpContext:
    """The platform and what was injected."""

    def __init__(
        self,
        base: Base,
        identities: Identities,
        *,
        conformance: Conformance | None = None,
        check_signature: SignatureCheck | None = None,
    ) -> None:
        self.base = base
        self.identities = identities
        self.conformance = conformance
        self.check_signature = check_signature
