"""Who sees what, and who saw what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from socle.portals.history import told_by_day
from socle.portals.pages import PARIS, page_language, render, translate
from socle.portals.rows import read_day
from socle.portals.visit import Visit, read_form, text_of
from socle.services.dmp.domain import (
    AccessLine,
    BlockScope,
    Holding,
    Mandate,
    MandateKind,
    MandateScope,
)
from socle.services.dmp.service import DmpService
from socle.standards.errors import InvalidContent, Text

#: Traces on a page.
_TRACES = 50


class RightPages:
    """Pages on rights and traces."""

    def __init__(self, dmp: DmpService) -> None:
        self._dmp = dmp

    async def access(self, request: Request, visit: Visit) -> Response:
        """Who may open the record, and the choices, each with its consequence."""
        return await self._access_page(request, visit, [])

    async def change_settings(self, request: Request, visit: Visit) -> Response:
        """The choices of the page, all at once: a box that is not ticked is a no."""
        form = await read_form(request)
        chosen = {str(value) for value in form.getlist("choix")}
        before = (await self._dmp.read_record(visit.actor, visit.record)).settings
        settings = msgspec.structs.replace(
            before,
            allows_bris_de_glace="bris-de-glace" in chosen,
            allows_centre_15="centre-15" in chosen,
            allows_masked_in_emergency="masques-urgence" in chosen,
            allows_care_teams="equipes" in chosen,
            masks_new_documents="masquer-nouveaux" in chosen,
            masks_everything="masquer-tout" in chosen,
        )
        await self._dmp.change_settings(visit.actor, visit.record, settings)
        return RedirectResponse("/espace/acces?fait=1", 303)

    async def block(self, request: Request, visit: Visit) -> Response:
        """Shuts a professional or a structure out, at once."""
        form = await read_form(request)
        target, name = text_of(form, "id", 100), text_of(form, "name", 200)
        if not target:
            return await self._access_page(request, visit, [("id", translate(request, "Dites qui bloquer."))])
        is_structure = text_of(form, "holding", 20) == Holding.STRUCTURE.value
        holding = Holding.STRUCTURE if is_structure else Holding.PROFESSIONAL
        await self._dmp.block(visit.actor, visit.record, target, holding=holding, name=name or target)
        return RedirectResponse("/espace/acces?fait=1", 303)

    async def unblock(self, request: Request, visit: Visit) -> Response:
        """Lifts a block; access has to be given again."""
        form = await read_form(request)
        is_feed = text_of(form, "scope", 20) == BlockScope.FEED.value
        scope = BlockScope.FEED if is_feed else BlockScope.CONSULTATION
        await self._dmp.unblock(visit.actor, visit.record, text_of(form, "id", 100), scope=scope)
        return RedirectResponse("/espace/acces?fait=1", 303)

    async def give_mandate(self, request: Request, visit: Visit) -> Response:
        """Lets a relative act on the record."""
        form = await read_form(request)
        agent, name = text_of(form, "agent", 100), text_of(form, "agent_name", 200)
        if not agent or not name:
            error = translate(request, "Écrivez le nom et l'identifiant de compte de votre proche.")
            return await self._access_page(request, visit, [("agent", error)])
        until = read_day(text_of(form, "until", 10))
        mandate = Mandate(
            agent_id=agent,
            kind=MandateKind.DELEGATE,
            scope=MandateScope.MANAGE if text_of(form, "scope", 10) == "manage" else MandateScope.READ,
            name=name,
            starts_at=self._dmp.context.base.clock(),
            ends_at=datetime(until.year, until.month, until.day, tzinfo=PARIS) if until else None,
        )
        await self._dmp.give_mandate(visit.actor, visit.record, mandate)
        return RedirectResponse("/espace/acces?fait=1", 303)

    async def withdraw_mandate(self, request: Request, visit: Visit) -> Response:
        """Ends a relative's access, at once."""
        form = await read_form(request)
        await self._dmp.withdraw_mandate(visit.actor, visit.record, text_of(form, "agent", 100))
        return RedirectResponse("/espace/acces?fait=1", 303)

    async def history(self, request: Request, visit: Visit) -> Response:
        """Who did what, newest first."""
        before = request.query_params.get("avant", "")
        last = int(before) if before.isdigit() and len(before) < 19 else 2**62
        is_whole = "tout" in request.query_params
        lines, following = await self._lines(visit, last, is_whole=is_whole)
        values = {
            "visit": visit,
            "days": told_by_day(lines, page_language(request)),
            "next": following,
            "is_whole": is_whole,
            "reported": "signale" in request.query_params,
        }
        return render(request, "espace/traces.html", values)

    async def report(self, request: Request, visit: Visit) -> Response:
        """« Je ne reconnais pas cet accès »: told to the operator, and traced."""
        form = await read_form(request)
        sequence = text_of(form, "sequence", 19)
        if not sequence.isdigit():
            raise InvalidContent("UnknownTrace", Text("Cette ligne n'existe pas.", "There is no such line."))
        await self._dmp.report_access(visit.actor, visit.record, int(sequence), text_of(form, "text", 1000))
        return RedirectResponse("/espace/traces?signale=1", 303)

    async def _lines(self, visit: Visit, before: int, *, is_whole: bool) -> tuple[list[AccessLine], int | None]:
        """Up to a page of traces before ``before``, those of others unless ``is_whole``; and where older ones begin."""
        lines = await self._dmp.access_history(
            visit.actor, visit.record, before=before, count=_TRACES + 1, of_others=not is_whole
        )
        return lines[:_TRACES], lines[_TRACES - 1].sequence if len(lines) > _TRACES else None

    async def _access_page(self, request: Request, visit: Visit, errors: Sequence[tuple[str, str]]) -> Response:
        record = await self._dmp.read_record(visit.actor, visit.record)
        values = {
            "visit": visit,
            "settings": record.settings,
            "choices": [
                (key, translate(request, text), translate(request, consequence), getattr(record.settings, field))
                for key, field, text, consequence in CHOICES
            ],
            "authorizations": await self._dmp.list_authorizations(visit.actor, visit.record),
            "shut": await self._dmp.list_blocks(visit.actor, visit.record),
            "mandates": await self._dmp.list_mandates(visit.actor, visit.record),
            "done": "fait" in request.query_params,
            "errors": errors,
        }
        return render(request, "espace/access.html", values, status=422 if errors else 200)


#: Box of the form, field of ``RecordSettings``, what it says, what follows from it.
CHOICES = (
    (
        "bris-de-glace",
        "allows_bris_de_glace",
        "Un soignant peut ouvrir mon dossier si je ne peux pas répondre",
        "Par exemple si vous êtes inconscient. Il doit dire pourquoi, et vous en êtes prévenu.",
    ),
    (
        "centre-15",
        "allows_centre_15",
        "Le Samu peut ouvrir mon dossier quand on appelle le 15 pour moi",
        "Le médecin du Samu voit vos documents le temps de l'appel, et vous en êtes prévenu.",
    ),
    (
        "masques-urgence",
        "allows_masked_in_emergency",
        "En urgence, les documents masqués sont visibles aussi",
        "Sans cela, un document masqué reste masqué même si votre vie est en danger.",
    ),
    (
        "equipes",
        "allows_care_teams",
        "L'équipe de soins d'un établissement où je suis soigné voit mon dossier",
        "Sans cela, chaque professionnel doit vous demander votre accord.",
    ),
    (
        "masquer-nouveaux",
        "masks_new_documents",
        "Masquer chaque nouveau document dès son arrivée",
        "Seuls son auteur, votre médecin traitant et vous le voyez, jusqu'à ce que vous le montriez.",
    ),
    (
        "masquer-tout",
        "masks_everything",
        "Masquer tous mes documents",
        "Aucun professionnel n'en voit plus, sauf votre médecin traitant et l'auteur de chacun, même en urgence.",
    ),
)
