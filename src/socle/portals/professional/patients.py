"""Finding a patient, and the right to look: consent of the day, emergency."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from socle.platform.actor import Purpose
from socle.portals.history import told_by_day
from socle.portals.pages import page_language, render, translate
from socle.portals.rows import read_day
from socle.portals.visit import Desk, Visit, read_form, text_of
from socle.services.dmp.domain import AuthorizationAction, Door
from socle.services.dmp.service import DmpService
from socle.services.ins.domain import Identity
from socle.services.ins.service import InsService
from socle.standards.ddoc import read_datamatrix, scan
from socle.standards.errors import NotFound, SocleError
from socle.standards.ids.ins import AUTHORITIES, OID_NIR, OID_NIR_TEST, Ins
from socle.standards.ids.traits import to_calendar

_SHORTEST_REASON = 10


class PatientPages:
    """Pages on patients."""

    def __init__(self, desk: Desk, dmp: DmpService, ins: InsService) -> None:
        self._desk = desk
        self._dmp = dmp
        self._ins = ins

    async def home(self, request: Request, visit: Visit) -> Response:
        """The search, and the records that the professional may open."""
        return await self._home_page(request, visit, {}, [], None)

    async def choose(self, request: Request, visit: Visit) -> Response:
        """Goes on in another situation of exercise."""
        form = await read_form(request)
        await self._desk.choose(request, text_of(form, "key", 200))
        return RedirectResponse("/pro", 303)

    async def search(self, request: Request, visit: Visit) -> Response:
        """By matricule, by the text or the photograph of an INS datamatrix, or by birth date and name."""
        form = await read_form(request)
        values = {name: text_of(form, name, 400) for name in ("matricule", "name", "given", "birth")}
        language = page_language(request)
        try:
            candidates = await self._find(visit, values, form.get("photo"))
        except NotFound:
            candidates = []
        except SocleError as error:
            return await self._home_page(request, visit, values, [("matricule", error.sentence(language))], None)
        if candidates is None:
            message = translate(request, "Écrivez un matricule, ou la date de naissance et le début du nom.")
            return await self._home_page(request, visit, values, [("matricule", message)], None)
        return await self._home_page(request, visit, values, [], candidates)

    async def open(self, request: Request, visit: Visit) -> Response:
        """Goes to the record of one of the persons found."""
        form = await read_form(request)
        ins = Ins.from_cx(text_of(form, "ins", 100))
        person = await self._ins.holder(visit.actor, ins)
        await self._desk.open_record(request, ins, _name(person))
        return RedirectResponse("/pro/dossier", 303)

    async def leave(self, request: Request, visit: Visit) -> Response:
        """Leaves the record."""
        await self._desk.leave_record(request)
        return RedirectResponse("/pro", 303)

    async def consent(self, request: Request, visit: Visit) -> Response:
        """The patient, informed, agrees: authorisation of the day (TD0.3), as médecin traitant or not."""
        form = await read_form(request)
        await self._dmp.set_authorization(
            visit.actor,
            visit.record,
            AuthorizationAction.AJOUT,
            is_medecin_traitant=text_of(form, "traitant", 5) == "oui",
            door=Door.PORTAL,
        )
        return RedirectResponse("/pro/dossier", 303)

    async def break_glass(self, request: Request, visit: Visit) -> Response:
        """Opens the record in an emergency, with the reason, which the patient will read."""
        form = await read_form(request)
        reason = text_of(form, "reason", 500)
        if len(reason) < _SHORTEST_REASON:
            error = translate(request, "Dites en quelques mots pourquoi ; le patient le lira.")
            values = {"visit": visit, "errors": [("reason", error)], "reason": reason, "sentence": ""}
            return render(request, "pro/consent.html", values, status=422)
        purpose = Purpose.CENTRE_15 if text_of(form, "mode", 20) == "centre_15" else Purpose.BRIS_DE_GLACE
        await self._desk.open_record(request, visit.record, visit.holder, purpose=purpose, reason=reason)
        return RedirectResponse("/pro/dossier", 303)

    async def activity(self, request: Request, visit: Visit) -> Response:
        """What the professional did."""
        lines = await self._dmp.own_activity(visit.actor, count=100)
        days = told_by_day(lines, page_language(request), is_of_reader=True)
        return render(request, "pro/activity.html", {"visit": visit, "days": days})

    async def _find(self, visit: Visit, values: dict[str, str], photo: object) -> list[Identity] | None:
        typed = values["matricule"].replace(" ", "").upper()
        if isinstance(photo, UploadFile) and photo.filename:
            symbols = await asyncio.to_thread(scan, await photo.read())
            return [await self._ins.holder(visit.actor, read_datamatrix(text).content.ins) for text in symbols[:1]]
        if typed.startswith("IS"):
            return [await self._ins.holder(visit.actor, read_datamatrix(values["matricule"]).content.ins)]
        if typed:
            sandbox_first = (OID_NIR_TEST, OID_NIR) if self._dmp.context.base.settings.is_sandbox else (OID_NIR,)
            for oid in dict.fromkeys((*sandbox_first, *sorted(AUTHORITIES))):
                try:
                    return [await self._ins.holder(visit.actor, Ins(typed, oid))]
                except NotFound:
                    continue
            return []
        birth = read_day(values["birth"])
        if birth is None or not values["name"]:
            return None
        return await self._ins.search(visit.actor, birth.isoformat(), values["name"], values["given"])

    async def _home_page(
        self,
        request: Request,
        visit: Visit,
        values: dict[str, str],
        errors: Sequence[tuple[str, str]],
        candidates: list[Identity] | None,
    ) -> Response:
        found = None
        if candidates is not None:
            found = [
                (person, _name(person), to_calendar(person.traits.birth_date)) for person in candidates if person.ins
            ]
        empty = {"matricule": "", "name": "", "given": "", "birth": ""}
        choices = await self._desk.choices(request, visit)
        texts = {"visit": visit, "values": empty | values, "errors": errors, "found": found, "choices": choices}
        return render(request, "pro/home.html", texts, status=422 if errors else 200)


def _name(person: Identity) -> str:
    traits = person.traits
    used = f" ({traits.used_name})" if traits.used_name and traits.used_name != traits.birth_name else ""
    return f"{traits.birth_name}{used} {traits.used_given_name or traits.first_given_name}"
