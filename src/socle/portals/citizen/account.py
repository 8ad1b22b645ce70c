"""The account: whose record, closing and reopening it, taking everything away."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from socle.portals.citizen.export import export_record
from socle.portals.pages import page_language, render, translate
from socle.portals.visit import NO_RECORD, Visit, Visits, read_form, text_of
from socle.services.dmp.domain import ClosingReason, Door, Record, RecordState
from socle.services.dmp.service import DmpService
from socle.services.reading.service import ReadingService
from socle.standards.errors import SocleError


class AccountPages:
    """Pages on the account."""

    def __init__(self, visits: Visits, dmp: DmpService, reading: ReadingService) -> None:
        self._visits = visits
        self._dmp = dmp
        self._reading = reading

    async def show(self, request: Request, visit: Visit) -> Response:
        """Whose record this is, its state, what can be done."""
        record = await self._record(visit)
        values = {
            "visit": visit,
            "record": record,
            "is_closed": record is not None and record.state is RecordState.CLOSED,
            "choices": await self._visits.choices(request, visit),
            "opposed": "opposition" in request.query_params,
        }
        return render(request, "espace/account.html", values)

    async def choose(self, request: Request, visit: Visit) -> Response:
        """Goes on with the record of another person for whom the visitor may act."""
        form = await read_form(request)
        await self._visits.choose(request, text_of(form, "key", 200))
        return RedirectResponse("/espace", 303)

    async def open(self, request: Request, visit: Visit) -> Response:
        """Opens the record that was never opened, or whose opening was refused."""
        await self._dmp.open_record(visit.actor, visit.record, door=Door.PORTAL)
        return RedirectResponse("/espace", 303)

    async def oppose(self, request: Request, visit: Visit) -> Response:
        """Refuses that a record be opened."""
        await self._dmp.oppose(visit.actor, visit.record)
        return RedirectResponse("/espace/compte?opposition=1", 303)

    async def close_form(self, request: Request, visit: Visit) -> Response:
        """What closing means, before it is done."""
        return render(request, "espace/close.html", {"visit": visit, "errors": []})

    async def close(self, request: Request, visit: Visit) -> Response:
        """Closes the record, or closes and destroys it, once the visitor has written the word that says so."""
        form = await read_form(request)
        destroys = text_of(form, "what", 20) == "detruire"
        word = "DÉTRUIRE" if destroys else "FERMER"
        if text_of(form, "word", 20).upper() not in {word, word.replace("É", "E")}:
            error = translate(request, "Écrivez le mot demandé pour confirmer.")
            return render(request, "espace/close.html", {"visit": visit, "errors": [("word", error)]}, status=422)
        await self._dmp.close_record(
            visit.actor, visit.record, ClosingReason.PATIENT_REQUEST, text_of(form, "reason", 500), destroy_now=destroys
        )
        return RedirectResponse("/espace/compte", 303)

    async def reopen(self, request: Request, visit: Visit) -> Response:
        """Opens the closed record again."""
        await self._dmp.reopen_record(visit.actor, visit.record)
        return RedirectResponse("/espace/compte", 303)

    async def export(self, request: Request, visit: Visit) -> Response:
        """Everything, as one archive that a person and a program can read."""
        # What refuses does so before the archive begins.
        await self._dmp.read_record(visit.actor, visit.record)
        archive = export_record(self._dmp, self._reading, visit, page_language(request))
        headers = {"Content-Disposition": 'attachment; filename="mon-dossier.zip"', "Cache-Control": "no-store"}
        return StreamingResponse(archive, media_type="application/zip", headers=headers)

    async def _record(self, visit: Visit) -> Record | None:
        """The record of the person who is looked at, if it is open or closed."""
        if visit.ins is None:
            return None
        try:
            return await self._dmp.read_record(visit.actor, visit.record)
        except SocleError as error:
            if error.code == NO_RECORD:
                return None
            raise
