"""Where the citizen is told by mail of what happens in the record, and of what."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from socle.portals.pages import page_language, render, translate
from socle.portals.visit import Visit, read_form, text_of
from socle.services.dmp.domain import NOTICE_CHOICES, NoticeKind
from socle.services.dmp.service import DmpService
from socle.standards.errors import InvalidContent, MalformedInput, Unavailable

_PAGE = "/espace/compte/avis"
#: What each choice says, and what follows from it.
CHOICES = (
    ("acces", "Un soignant ouvre mon dossier pour la première fois", "Une fois par soignant."),
    ("urgence", "Quelqu'un ouvre mon dossier en urgence", "Le message part aussitôt."),
    ("documents", "Mon dossier contient du nouveau", "Au plus un message par minute, sans dire de quoi il s'agit."),
    ("dossier", "Mon dossier change", "Il est ouvert ou fermé, ou quelqu'un d'autre peut agir."),
)


class NoticePages:
    """Pages on notices by mail."""

    def __init__(self, dmp: DmpService) -> None:
        self._dmp = dmp

    async def show(self, request: Request, visit: Visit) -> Response:
        """The address and the choices, or how to give them."""
        return await self._page(request, visit, [])

    async def propose(self, request: Request, visit: Visit) -> Response:
        """Sends a code to the address."""
        form = await read_form(request)
        address, language = text_of(form, "address", 254), page_language(request)
        try:
            await self._dmp.propose_contact(visit.actor, visit.record, address, _chosen(form), language=language)
        except MalformedInput:
            error = translate(request, "Écrivez une adresse comme nom@exemple.fr.")
            return await self._page(request, visit, [("address", error)])
        except (InvalidContent, Unavailable) as refused:
            return await self._page(request, visit, [("address", refused.sentence(language))])
        return RedirectResponse(_PAGE, 303)

    async def confirm(self, request: Request, visit: Visit) -> Response:
        """Takes the code that came to the address."""
        form = await read_form(request)
        try:
            await self._dmp.confirm_contact(visit.actor, visit.record, text_of(form, "code", 20))
        except InvalidContent as refused:
            return await self._page(request, visit, [("code", refused.sentence(page_language(request)))])
        return RedirectResponse(f"{_PAGE}?fait=1", 303)

    async def choose(self, request: Request, visit: Visit) -> Response:
        """Of what to be told: a box that is not ticked is a no."""
        kinds = _chosen(await read_form(request))
        await self._dmp.choose_notices(visit.actor, visit.record, kinds, language=page_language(request))
        return RedirectResponse(f"{_PAGE}?fait=1", 303)

    async def forget(self, request: Request, visit: Visit) -> Response:
        """No more mail, and no more address."""
        await self._dmp.forget_contact(visit.actor, visit.record)
        return RedirectResponse(f"{_PAGE}?fait=1", 303)

    async def _page(self, request: Request, visit: Visit, errors: Sequence[tuple[str, str]]) -> Response:
        contact = await self._dmp.find_contact(visit.actor, visit.record)
        kinds = contact.kinds if contact is not None else frozenset(NoticeKind)
        values = {
            "visit": visit,
            "sends_mail": self._dmp.sends_mail,
            "contact": contact,
            "choices": [(key, translate(request, text), translate(request, more)) for key, text, more in CHOICES],
            "chosen": [key for key, held in NOTICE_CHOICES.items() if held <= kinds],
            "done": "fait" in request.query_params,
            "errors": errors,
        }
        return render(request, "espace/notices.html", values, status=422 if errors else 200)


def _chosen(form: FormData) -> frozenset[NoticeKind]:
    ticked = {str(value) for value in form.getlist("choix")}
    return frozenset(kind for key, kinds in NOTICE_CHOICES.items() if key in ticked for kind in kinds)
