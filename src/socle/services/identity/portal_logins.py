"""Who is logged in to the base's own pages, as those pages need it: one actor, the choices they have."""

from __future__ import annotations

from urllib.parse import quote, urlencode
from uuid import UUID

import msgspec
from starlette.requests import Request

from socle.platform.actor import Actor
from socle.services.directory.domain import Professional
from socle.services.identity.pages import origin_of
from socle.services.identity.service import IdentityService
from socle.services.identity.sessions import Session, Space
from socle.services.identity.situation import Context, actor_of, find_situation
from socle.standards.errors import Forbidden, NotFound, Text
from socle.standards.ids.ins import Ins


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A situation of exercise in which a professional may act."""

    key: str
    name: str
    detail: str = ""
    is_current: bool = False


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """One login as pages see it. ``ins`` is the record acted on, ``holder`` its person's name."""

    actor: Actor
    csrf: str
    name: str
    ins: Ins | None = None
    holder: str = ""
    ways: tuple[Way, ...] = ()


class PortalLogins:
    """The logins of one space."""

    def __init__(self, service: IdentityService, space: Space) -> None:
        self._service = service
        self._space = space

    def login_path(self, back: str) -> str:
        """Where to log in and then come back to ``back`` (a path of this site, not yet encoded)."""
        return "/connexion?" + urlencode({"espace": self._space.value, "retour": back}, quote_via=quote)

    def logout_path(self) -> str:
        """Where to POST ``csrf`` to log out."""
        return f"/deconnexion/{self._space.value}"

    async def find(self, request: Request) -> Login | None:
        """The login of this browser, or ``None``. Rights are read anew at each request."""
        session = await self._service.sessions.find(request, self._space)
        if session is None:
            return None
        origin = origin_of(request)
        try:
            match self._space:
                case Space.PROFESSIONAL:
                    return await self._professional(session, origin)
                case Space.CITIZEN:
                    return await self._citizen(session, origin)
                case Space.OPERATOR:
                    return await self._operator(session, origin)
        except (Forbidden, NotFound):
            return None

    async def choose(self, request: Request, key: str) -> None:
        """Acts as another of ``Login.ways`` from now on. Raises ``Forbidden`` for any other key."""
        login = await self.find(request)
        if login is None or key not in {way.key for way in login.ways}:
            raise Forbidden(
                "UnknownChoice",
                Text("Ce choix ne vous est pas ouvert.", "This choice is not open to you."),
                location="key",
            )
        await self._service.sessions.act_as(request, self._space, key)

    async def _professional(self, session: Session, origin: str) -> Login | None:
        professional = await self._service.directory.professional(session.subject)
        if professional is None:
            # Logged in by the national provider, and not in this base's directory: what it told at login.
            professional = msgspec.json.decode(session.record, type=Professional)
        actor = actor_of(professional, Context(work_situation=session.acting), software="Socle", origin=origin)
        current = find_situation(professional, session.acting)
        ways = tuple(
            Way(
                key=activity.id,
                name=exercise.label,
                detail=activity.structure.name if activity.structure is not None else "",
                is_current=(exercise, activity) == current,
            )
            for exercise in professional.exercises
            for activity in exercise.activities
        )
        return Login(actor=actor, csrf=session.csrf, name=actor.name, ways=ways)

    async def _citizen(self, session: Session, origin: str) -> Login | None:
        """The citizen on their own record; acting for somebody else is the record's own decision (DMP mandates)."""
        account = await self._service.accounts.find(UUID(session.subject))
        holder = account.name if account.ins is not None else ""
        actor = account.actor(origin)
        return Login(actor=actor, csrf=session.csrf, name=account.name, ins=account.ins, holder=holder)

    async def _operator(self, session: Session, origin: str) -> Login | None:
        account = await self._service.accounts.find(UUID(session.subject))
        return Login(actor=account.actor(origin), csrf=session.csrf, name=account.name)
