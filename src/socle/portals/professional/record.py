"""The record: the timeline beside the document being read, the summary, changes of visibility."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from socle.portals.citizen.health import CHAPTERS
from socle.portals.document import DocumentViewer
from socle.portals.pages import page_language, render, translate
from socle.portals.rows import Row
from socle.portals.timeline import list_documents
from socle.portals.visit import Visit
from socle.services.dmp.service import DmpService
from socle.services.reading.service import ReadingService
from socle.standards.errors import Forbidden, SocleError
from socle.standards.xds.model import DocumentEntry, Visibility

#: Refusals that the professional can lift: by asking the patient, or in an emergency.
_ASK: Final = frozenset({"DMPAuthorizationRequired", "DMPAccessExpired"})


class RecordPages:
    """Pages on one record."""

    def __init__(self, dmp: DmpService, reading: ReadingService) -> None:
        self.viewer = DocumentViewer(dmp, "/pro/dossier", heading_level=3)
        self._dmp = dmp
        self._reading = reading

    async def timeline(self, request: Request, visit: Visit) -> Response:
        """Documents with filters, and the one being read beside them."""
        try:
            values = await list_documents(self._dmp, self._reading, request, visit)
        except Forbidden as error:
            return self._consent_page(request, visit, error)
        shown = await self.viewer.find(request, visit) if "id" in request.path_params else None
        values |= {
            "shown": Row(shown.entry) if shown else None,
            "body": await self.viewer.body(request, shown) if shown else None,
            "is_own": shown is not None and _is_own(shown.entry, visit),
            "hidden_from_patient": shown is not None and _has(shown.entry, Visibility.INVISIBLE_PATIENT),
        }
        return render(request, "pro/record.html", values)

    async def summary(self, request: Request, visit: Visit) -> Response:
        """The medical summary: what visible documents say, with their sources."""
        try:
            profile = await self._reading.profile(visit.actor, visit.record)
        except Forbidden as error:
            return self._consent_page(request, visit, error)
        chapters = [
            (kind, translate(request, CHAPTER_NAMES[kind.value]), profile.get(kind, [])) for kind, _ in CHAPTERS
        ]
        return render(request, "pro/summary.html", {"visit": visit, "chapters": chapters})

    def _consent_page(self, request: Request, visit: Visit, error: SocleError) -> Response:
        if error.code not in _ASK:
            raise error
        values = {"visit": visit, "errors": [], "reason": "", "sentence": error.sentence(page_language(request))}
        return render(request, "pro/consent.html", values, status=403)


def _has(entry: DocumentEntry, visibility: Visibility) -> bool:
    return any(code.code == visibility for code in entry.confidentiality_codes)


def _is_own(entry: DocumentEntry, visit: Visit) -> bool:
    return any(author.person.split("^")[0] == visit.actor.id for author in entry.authors)


#: Chapters as a professional calls them.
CHAPTER_NAMES: Final = {
    "illness": "Problèmes actifs",
    "treatment": "Traitements",
    "allergy": "Allergies et intolérances",
    "vaccination": "Vaccinations",
    "history": "Antécédents",
    "procedure": "Actes et hospitalisations",
    "device": "Dispositifs médicaux",
    "family": "Antécédents familiaux",
}
