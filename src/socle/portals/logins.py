"""Logins of the identity service as the portals' visits: whose record, in which situation, for what purpose.

What is being looked at is kept in the session, on the server. It opens nothing by itself: the DMP decides at each use.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

import msgspec
from starlette.requests import Request

from socle.platform.actor import Actor, ActorKind, AuthenticationMode, Purpose
from socle.platform.web import Authenticate
from socle.portals.visit import Choice, Visit, Visits
from socle.services.dmp.domain import Mandate, MandateKind
from socle.services.dmp.service import DmpService
from socle.services.identity.portal_logins import PortalLogins
from socle.services.identity.service import IdentityService
from socle.services.identity.sessions import Session, Space
from socle.services.ins.service import InsService
from socle.standards.errors import Forbidden, Text
from socle.standards.ids.ins import Ins

#: The citizen's own record, among those on which one may act.
_OWN = "moi"


class _Looking(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a login looks at."""

    ins: Ins | None = None
    holder: str = ""
    kind: ActorKind = ActorKind.PATIENT
    purpose: Purpose = Purpose.NORMAL
    reason: str = ""


class _Logins:
    """What both portals share."""

    def __init__(self, identity: IdentityService, space: Space) -> None:
        self._identity = identity
        self._space = space
        self._logins = PortalLogins(identity, space)

    def login_path(self, back: str) -> str:
        """Where to log in and then come back to ``back``."""
        return self._logins.login_path(back)

    def logout_path(self) -> str:
        """Where to log out."""
        return self._logins.logout_path()

    async def _session(self, request: Request) -> Session | None:
        return await self._identity.sessions.find(request, self._space)

    async def _look_at(self, request: Request, looking: _Looking) -> None:
        await self._identity.sessions.keep(request, self._space, msgspec.json.encode(looking).decode())


def _read(session: Session) -> _Looking:
    return msgspec.json.decode(session.kept, type=_Looking) if session.kept else _Looking()


class CitizenLogins(_Logins):
    """Citizens: their own record, or that of a person for whom they act."""

    def __init__(self, identity: IdentityService, dmp: DmpService, ins: InsService) -> None:
        super().__init__(identity, Space.CITIZEN)
        self._dmp = dmp
        self._ins = ins

    async def find(self, request: Request) -> Visit | None:
        """The login of this browser, or ``None``."""
        session = await self._session(request)
        if session is None:
            return None
        account = await self._identity.accounts.find(UUID(session.subject))
        looking = _read(session)
        if looking.ins is None and account.ins is not None:
            looking = _Looking(account.ins, account.name)
        actor = Actor(
            kind=looking.kind,
            id=str(account.id),
            name=account.name,
            authentication=AuthenticationMode.CITIZEN,
            software="Socle",
            patient=looking.ins,
            origin=request.client.host if request.client else "",
        )
        return Visit(actor=actor, csrf=session.csrf, name=account.name, ins=looking.ins, holder=looking.holder)

    async def choices(self, request: Request, visit: Visit) -> tuple[Choice, ...]:
        """The visitor's own record and those of persons for whom they act."""
        account = await self._identity.accounts.find(UUID(visit.actor.id))
        own = [Choice(key=_OWN, name=account.name, is_current=visit.ins == account.ins)] if account.ins else []
        others = [
            Choice(key=_key(ins), name=await self._name(visit.actor, ins, mandate), is_current=visit.ins == ins)
            for ins, mandate in await self._dmp.mandated_records(visit.actor)
        ]
        return (*own, *others)

    async def choose(self, request: Request, key: str) -> None:
        """Goes on with another record. Raises ``Forbidden`` for one on which the visitor may not act."""
        visit = await self.find(request)
        if visit is not None and key == _OWN:
            await self._look_at(request, _Looking())
            return
        for ins, mandate in await self._dmp.mandated_records(visit.actor) if visit is not None else ():
            if visit is not None and key == _key(ins):
                name = await self._name(visit.actor, ins, mandate)
                await self._look_at(request, _Looking(ins, name, _kind(mandate)))
                return
        raise Forbidden("UnknownChoice", Text("Ce choix ne vous est pas ouvert.", "This choice is not open to you."))

    async def _name(self, actor: Actor, ins: Ins, mandate: Mandate) -> str:
        acting = msgspec.structs.replace(actor, kind=_kind(mandate), patient=ins)
        traits = (await self._ins.holder(acting, ins)).traits
        given = traits.used_given_name or traits.first_given_name
        return f"{given.title()} {(traits.used_name or traits.birth_name).title()}"


class DeskLogins(_Logins):
    """Professionals: their situations of exercise, and the record that they look at."""

    def __init__(self, identity: IdentityService) -> None:
        super().__init__(identity, Space.PROFESSIONAL)

    async def find(self, request: Request) -> Visit | None:
        """The login of this browser, or ``None``."""
        session = await self._session(request)
        login = await self._logins.find(request) if session is not None else None
        if session is None or login is None:
            return None
        looking = _read(session)
        actor = msgspec.structs.replace(
            login.actor,
            authentication=AuthenticationMode.INDIRECTE_RENFORCEE,
            purpose=looking.purpose,
            reason=looking.reason,
        )
        return Visit(actor=actor, csrf=login.csrf, name=login.name, ins=looking.ins, holder=looking.holder)

    async def choices(self, request: Request, visit: Visit) -> tuple[Choice, ...]:
        """The situations of exercise."""
        login = await self._logins.find(request)
        ways = login.ways if login is not None else ()
        return tuple(Choice(key=w.key, name=w.name, detail=w.detail, is_current=w.is_current) for w in ways)

    async def choose(self, request: Request, key: str) -> None:
        """Goes on in another situation of exercise, and leaves the record that was open."""
        await self._logins.choose(request, key)
        await self._look_at(request, _Looking())

    async def open_record(
        self, request: Request, ins: Ins, holder: str, *, purpose: Purpose = Purpose.NORMAL, reason: str = ""
    ) -> None:
        """From now on this login looks at the record of ``ins``, for ``purpose``."""
        await self._look_at(request, _Looking(ins, holder, ActorKind.PROFESSIONAL, purpose, reason))

    async def leave_record(self, request: Request) -> None:
        """From now on no record is looked at."""
        await self._look_at(request, _Looking())


class OperatorLogins(_Logins):
    """Operators."""

    def __init__(self, identity: IdentityService) -> None:
        super().__init__(identity, Space.OPERATOR)

    async def find(self, request: Request) -> Visit | None:
        """The login of this browser, or ``None``."""
        login = await self._logins.find(request)
        return Visit(actor=login.actor, csrf=login.csrf, name=login.name) if login is not None else None

    async def choices(self, request: Request, visit: Visit) -> tuple[Choice, ...]:
        """An operator has none."""
        return ()

    async def choose(self, request: Request, key: str) -> None:
        """An operator has no choice to make."""
        raise Forbidden("UnknownChoice", Text("Ce choix ne vous est pas ouvert.", "This choice is not open to you."))


def authenticate_by_token_or_login(identity: IdentityService, *spaces: Visits) -> Authenticate:
    """Who asks a door that software and people share: a bearer token names a professional, a login of ``spaces`` a
    citizen (on the record that is open) or an operator. A login reads alone: a form of another site could write.
    """

    async def authenticate(request: Request) -> Actor:
        if request.method in {"GET", "HEAD"} and "authorization" not in request.headers:
            for visits in spaces:
                visit = await visits.find(request)
                if visit is not None:
                    return visit.actor
        return await identity.authenticate(request)

    return authenticate


def _kind(mandate: Mandate) -> ActorKind:
    return ActorKind.DELEGATE if mandate.kind is MandateKind.DELEGATE else ActorKind.REPRESENTATIVE


def _key(ins: Ins) -> str:
    return hashlib.sha256(ins.to_cx().encode()).hexdigest()[:32]
