"""The mail operator: use cases on boxes, and its parts.

Messages come in through ``office``, are read and changed through ``rooms``; ``access`` opens boxes; ``trust_list`` says
who is in the trust space; ``webmail`` and ``outbox`` are what the portals call; ``upkeep`` is the daily work.
"""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from socle.platform.base import Base
from socle.platform.trust import TrustStore
from socle.services.mssante.access import Access, VerifyToken
from socle.services.mssante.boxes import BASE_ACTOR, Boxes, BoxTask, Publisher
from socle.services.mssante.life_cycle import Delays, read_delays
from socle.services.mssante.mailroom import Mailroom
from socle.services.mssante.outbox import AddressBook, Outbox
from socle.services.mssante.peers import PeerCertificates
from socle.services.mssante.post_office import PostOffice
from socle.services.mssante.rates import RateLimiter
from socle.services.mssante.trust_list import TrustList
from socle.services.mssante.upkeep import Upkeep
from socle.services.mssante.webmail import Webmail
from socle.standards.ids.ins import Ins
from socle.standards.mail.address import Address

__all__ = ["BASE_ACTOR", "AddressBook", "BoxTask", "MssanteService", "Publisher", "Spaces"]


class Spaces(Protocol):
    """The citizens' spaces of this base."""

    async def find_space(self, matricule: str) -> tuple[Ins, str] | None:
        """Whose open space bears the matricule, with the person's name; ``None`` when there is none."""


class MssanteService(Boxes):
    """The operator. ``publisher`` and ``address_book`` are the directory; ``verify_token`` comes from identity.

    ``spaces`` tells which citizens have a space: their box exists with it.
    """

    def __init__(
        self,
        base: Base,
        *,
        verify_token: VerifyToken | None = None,
        trust: TrustStore | None = None,
        publisher: Publisher | None = None,
        address_book: AddressBook | None = None,
        spaces: Spaces | None = None,
        delays: Delays | None = None,
    ) -> None:
        super().__init__(base, delays or read_delays(base.settings.mail_delays), publisher)
        self.trust = trust
        self.rates = RateLimiter()
        self.access = Access(base, verify_token, trust)
        self.office = PostOffice(base, self._open_spaces if spaces else None)
        self.rooms = Mailroom(base)
        self.peers = PeerCertificates(base)
        self.trust_list = TrustList(base, trust)
        self.webmail = Webmail(base, self.rooms, self.office.domains)
        self.outbox = Outbox(base, self.office, self.rooms, self.webmail, self.trust_list, self.rates, address_book)
        self.upkeep = Upkeep(base, self, self.office, self.delays)
        self._spaces = spaces

    async def _open_spaces(self, addresses: list[Address]) -> dict[str, UUID]:
        keys: dict[str, UUID] = {}
        for address in addresses:
            found = await self._spaces.find_space(address.local.upper()) if self._spaces else None
            if found is not None:
                keys[str(address)] = (await self.open_citizen_box(*found)).key
        return keys
