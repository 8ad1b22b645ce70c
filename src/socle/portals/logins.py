"""Visits of pages, by the logins of the identity service."""

from __future__ import annotations

from starlette.requests import Request

from socle.portals.visit import Choice, Visit
from socle.services.identity.portal_logins import PortalLogins
from socle.services.identity.service import IdentityService
from socle.services.identity.sessions import Space


class IdentityVisits:
    """The ``Visits`` of one space: ``professionnel``, ``citoyen`` or ``operateur``."""

    def __init__(self, identity: IdentityService, space: Space) -> None:
        self._space = space
        self._logins = PortalLogins(identity, space)

    async def find(self, request: Request) -> Visit | None:
        """The login of this browser, with rights read anew."""
        login = await self._logins.find(request)
        if login is None:
            return None
        choices = tuple(
            Choice(key=way.key, name=way.name, detail=way.detail, is_current=way.is_current) for way in login.ways
        )
        return Visit(
            actor=login.actor, csrf=login.csrf, name=login.name, ins=login.ins, holder=login.holder, choices=choices
        )

    def login_path(self, back: str) -> str:
        """Where to log in; ``back`` is already percent-encoded."""
        return f"/connexion?espace={self._space.value}&retour={back}"

    async def choose(self, request: Request, key: str) -> None:
        """Acts as another of the choices. Raises ``Forbidden``."""
        await self._logins.choose(request, key)

    def logout_path(self) -> str:
        """Where to POST the CSRF token to log out."""
        return self._logins.logout_path()
