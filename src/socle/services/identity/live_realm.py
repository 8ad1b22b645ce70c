"""A realm at work: its data, the base it stands on, its keys and its address."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec

from socle.platform.base import Base
from socle.services.identity.claims import subject_of
from socle.services.identity.domain import PSC, Realm
from socle.services.identity.keys import KeyRing


class LiveRealm(msgspec.Struct, frozen=True):
    """What sessions, grants and tokens of one provider share."""

    base: Base
    values: Realm
    keys: KeyRing

    @property
    def issuer(self) -> str:
        """The provider's ``iss``."""
        return self.base.settings.base_url + self.values.path

    def now(self) -> datetime:
        """The time of the base."""
        return self.base.clock()

    def subject_for(self, client_id: str, subject: str) -> str:
        """The ``sub`` that ``client_id`` sees: the national form, or for citizens one value a client.

        Source: identity fact sheet §5.5 and §6.1 (opaque, stable per service provider, ends with ``v1``).
        """
        if self.values is PSC:
            return subject_of(subject)
        return hashlib.sha256(f"{client_id}|{subject}".encode()).hexdigest() + "v1"
