"""Who is logged in to the base's own pages, as those pages need it: one actor, the choices they have."""

from __future__ import annotations

from urllib.parse import quote, urlencode
from uuid import UUID

import msgspec
from starlette.requests import Request

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.services.directory.domain import Professional
from socle.services.directory.nomenclature import PROFESSIONS
from socle.services.identity.accounts import Account
from socle.services.identity.service import IdentityService
from socle.services.identity.sessions import Session, Space
from socle.services.identity.situation import Context, actor_of, find_situation
from socle.standards.errors import Forbidden, NotFound, Text
from socle.standards.ids.ins import Ins

#: The citizen's own record, among those on which one may act.
OWN = "moi"


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A record, or a situation of exercise, in which somebody may act."""

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
        origin = request.client.host if request.client is not None else ""
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
                name=PROFESSIONS.get(exercise.profession, exercise.profession),
                detail=activity.structure.name if activity.structure is not None else "",
                is_current=(exercise, activity) == current,
            )
            for exercise in professional.exercises
            for activity in exercise.activities
        )
        return Login(actor=actor, csrf=session.csrf, name=actor.name, ways=ways)

    async def _citizen(self, session: Session, origin: str) -> Login | None:
        account = await self._service.accounts.find(UUID(session.subject))
        mandates = {str(item.id): item for item in await self._service.mandates.of_account(account.id)}
        chosen = mandates.get(session.acting)
        if chosen is None and account.ins is None and mandates:
            chosen = next(iter(mandates.values()))
        ins, holder = (chosen.holder, chosen.holder_name) if chosen is not None else (account.ins, account.name)
        kind = chosen.role.kind if chosen is not None else ActorKind.PATIENT
        actor = Actor(
            kind=kind,
            id=str(account.id),
            name=account.name,
            authentication=AuthenticationMode.CITIZEN,
            software="Socle",
            patient=ins,
            origin=origin,
        )
        own = [Way(key=OWN, name=account.name, is_current=chosen is None)] if account.ins is not None else []
        others = [
            Way(key=key, name=item.holder_name, detail=item.role.value, is_current=item is chosen)
            for key, item in mandates.items()
        ]
        return Login(
            actor=actor,
            csrf=session.csrf,
            name=account.name,
            ins=ins,
            holder=holder if ins is not None else "",
            ways=(*own, *others),
        )

    async def _operator(self, session: Session, origin: str) -> Login | None:
        account = await self._service.accounts.find(UUID(session.subject))
        return Login(actor=operator_of(account, origin), csrf=session.csrf, name=account.name)


def operator_of(account: Account, origin: str = "") -> Actor:
    """The actor that an operator's account is."""
    return Actor(
        kind=ActorKind.OPERATOR,
        id=account.login,
        name=account.name,
        authentication=AuthenticationMode.OPERATOR,
        software="Socle",
        origin=origin,
    )
