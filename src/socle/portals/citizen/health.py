"""The medical profile, and results over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from socle.portals.pages import render, translate
from socle.portals.visit import Visit, read_form, text_of
from socle.services.reading.domain import ProfileKind
from socle.services.reading.service import ReadingService
from socle.standards.errors import InvalidContent, NotFound, Text

#: Chapters in the order of the page, in the citizen's words.
CHAPTERS = (
    (ProfileKind.ILLNESS, "Mes maladies et sujets de santé"),
    (ProfileKind.TREATMENT, "Mes traitements"),
    (ProfileKind.ALLERGY, "Mes allergies"),
    (ProfileKind.VACCINATION, "Mes vaccinations"),
    (ProfileKind.HISTORY, "Mes antécédents"),
    (ProfileKind.PROCEDURE, "Mes opérations et hospitalisations"),
    (ProfileKind.DEVICE, "Mes dispositifs médicaux"),
    (ProfileKind.FAMILY, "Ma famille"),
)


class HealthPages:
    """Pages on health itself."""

    def __init__(self, reading: ReadingService) -> None:
        self._reading = reading

    async def profile(self, request: Request, visit: Visit) -> Response:
        """The medical profile, each line with its source."""
        return await self._page(request, visit, {}, [])

    async def write(self, request: Request, visit: Visit) -> Response:
        """Adds a line, or a remark on a line."""
        form = await read_form(request)
        kind = text_of(form, "kind", 20)
        about = text_of(form, "about", 64)
        values = {"name": text_of(form, "name", 200), "detail": text_of(form, "detail", 1000)}
        if kind not in set(ProfileKind):
            raise InvalidContent("UnknownChapter", Text("Ce chapitre n'existe pas.", "No such chapter."))
        if not about and not values["name"]:
            errors = [("name", translate(request, "Écrivez de quoi il s'agit."))]
            return await self._page(request, visit, values | {"kind": kind}, errors)
        day = text_of(form, "day", 10)
        disputed = text_of(form, "disputed", 5) == "oui"
        line = self._reading.new_line(ProfileKind(kind), day=day, about=about, is_disputed=disputed, **values)
        await self._reading.write_line(visit.actor, visit.record, line)
        return RedirectResponse(f"/espace/sante#{kind}", 303)

    async def remove(self, request: Request, visit: Visit) -> Response:
        """Takes away a line that the citizen wrote."""
        form = await read_form(request)
        try:
            line = UUID(text_of(form, "line", 36))
        except ValueError:
            raise _unknown_line() from None
        await self._reading.delete_line(visit.actor, visit.record, line)
        return RedirectResponse("/espace/sante", 303)

    async def _page(
        self, request: Request, visit: Visit, values: Mapping[str, str], errors: Sequence[tuple[str, str]]
    ) -> Response:
        profile = await self._reading.profile(visit.actor, visit.record)
        chapters = [(kind, translate(request, name), profile.get(kind, [])) for kind, name in CHAPTERS]
        texts = {
            "visit": visit,
            "chapters": chapters,
            "kinds": [(kind.value, name) for kind, name, _ in chapters],
            "values": {"name": "", "detail": "", "day": "", "kind": ProfileKind.ILLNESS.value} | dict(values),
            "errors": errors,
        }
        return render(request, "espace/profile.html", texts, status=422 if errors else 200)


def _unknown_line() -> NotFound:
    return NotFound("LineNotFound", Text("Cette ligne n'existe pas.", "There is no such line."))
