"""The OpenID provider: one engine, a realm for professionals and one for citizens."""

from __future__ import annotations

import asyncio

from socle.platform.base import Base
from socle.platform.switches import Health, Switches
from socle.platform.trust import TrustStore
from socle.services.identity.clients import ClientRegistry
from socle.services.identity.domain import PSC, Realm
from socle.services.identity.errors import OAuthError
from socle.services.identity.grants import Grants
from socle.services.identity.keys import KeyRing
from socle.services.identity.live_realm import LiveRealm
from socle.services.identity.sso import SsoSessions
from socle.services.identity.tokens import Tokens
from socle.standards.errors import Text, Unavailable


class Provider:
    """One realm: its ``clients``, login ``sessions``, what these gave to clients (``grants``), ``tokens`` in use."""

    def __init__(self, base: Base, realm: Realm, keys: KeyRing, trust: TrustStore | None, switches: Switches) -> None:
        self._switches = switches
        self.realm = realm
        self.live = LiveRealm(base, realm, keys)
        self.issuer = self.live.issuer
        self.keys = keys
        self.clients = ClientRegistry(base, realm, trust, switches)
        self.sessions = SsoSessions(self.live, self.clients)
        self.grants = Grants(self.live)
        self.tokens = Tokens(self.live)

    async def rehearse(self) -> None:
        """Does what the failure switches of the sandbox ask for: nothing, waits, or raises."""
        state = self._switches()
        health = state.psc if self.realm is PSC else Health.NORMAL
        if health is Health.SLOW:
            await asyncio.sleep(state.delay_ms / 1000)
        if health is Health.DOWN:
            raise Unavailable(
                "temporarily_unavailable",
                Text("Pro Santé Connect est arrêté (commutateur).", "Pro Santé Connect is down (switch)."),
            )
        if health is Health.REFUSE:
            raise OAuthError(
                "access_denied",
                Text("Pro Santé Connect refuse (commutateur).", "Pro Santé Connect refuses (switch)."),
                requirement="RFC 6749 §4.1.2.1",
            )
