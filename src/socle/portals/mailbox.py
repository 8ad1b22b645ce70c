"""The mailbox of whoever visits: the citizen's own, or the one of the professional's boxes that was chosen."""

from __future__ import annotations

from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response

from socle.platform.actor import ActorKind
from socle.portals.pages import render
from socle.portals.visit import Visit
from socle.services.mssante.domain import MailboxState, MailSession
from socle.services.mssante.service import MssanteService
from socle.standards.errors import NotFound, Text
from socle.standards.mail.address import citizen_address

_COOKIE = "boite"


class MailDesk:
    """Opens the visitor's box for pages that extend the template ``base`` and live under ``path``."""

    def __init__(self, mssante: MssanteService, *, base: str, path: str) -> None:
        self.mssante = mssante
        self.base = base
        self.path = path

    async def open(self, request: Request, visit: Visit) -> MailSession | None:
        """The visitor's box; ``None`` for a professional who has none. A choice of box holds until the next one."""
        if not is_professional(visit):
            settings = self.mssante.base.settings
            address = str(citizen_address(visit.record.matricule, settings.patient_mail_domain))
            # The box exists with the space: it is made at its owner's first visit, or by the first letter.
            if visit.actor.kind is ActorKind.PATIENT:
                await self.mssante.open_citizen_box(visit.record, visit.holder)
            return await self.mssante.access.of_actor(address, visit.actor)
        boxes = [box.address for box in await self.mssante.usable_by(visit.actor.id)]
        if not boxes:
            return None
        chosen = request.query_params.get("boite") or request.cookies.get(_COOKIE, "")
        return await self.mssante.access.of_actor(chosen if chosen in boxes else boxes[0], visit.actor)

    async def require(self, request: Request, visit: Visit) -> MailSession:
        """The visitor's box. Raises ``NotFound``."""
        session = await self.open(request, visit)
        if session is None:
            raise NotFound("MailboxNotFound", Text("Vous n'avez pas de boîte MSSanté.", "You have no MSSanté box."))
        return session

    async def page(
        self,
        request: Request,
        visit: Visit,
        session: MailSession,
        template: str,
        values: dict[str, object],
        *,
        status: int = 200,
    ) -> Response:
        """A page of the box with what all of them show."""
        own = [box.address for box in await self.mssante.usable_by(visit.actor.id)] if is_professional(visit) else []
        frame = {
            "visit": visit,
            "base": self.base,
            "messages": self.path,
            "box": session.box.address,
            "boxes": own,
            "is_professional": is_professional(visit),
            "is_own": visit.actor.kind is ActorKind.PATIENT,
            "is_open": session.box.state is MailboxState.ACTIVE,
            "may_reopen": session.box.is_shut_by_holder,
            "sent": "envoye" in request.query_params,
            # The same form sent twice is one message.
            "send_id": uuid4(),
        }
        response = render(request, template, frame | values, status=status)
        if request.query_params.get("boite") in own:
            response.set_cookie(
                _COOKIE, session.box.address, path=self.path, httponly=True, samesite="lax", secure=_is_tls(request)
            )
        return response


def is_professional(visit: Visit) -> bool:
    """Whether a professional visits, and not a citizen or who acts for one."""
    return visit.actor.kind is ActorKind.PROFESSIONAL


def _is_tls(request: Request) -> bool:
    return request.url.scheme == "https"
