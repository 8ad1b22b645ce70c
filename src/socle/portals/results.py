"""Results over time, the same pages in every portal."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import Response

from socle.platform.actor import ActorKind
from socle.portals.charts import Point, Range, curve
from socle.portals.pages import render, translate
from socle.portals.visit import Visit
from socle.services.reading.domain import Series
from socle.services.reading.service import ReadingService
from socle.standards.errors import NotFound, Text


class ResultPages:
    """Pages on results. ``base`` is the template that they extend, ``results`` and ``documents`` where they link.

    ``title`` is what the pages are called there (French, a key of the catalogue).
    """

    def __init__(self, reading: ReadingService, *, title: str, base: str, results: str, documents: str) -> None:
        self._reading = reading
        self._title = title
        self._frame = {"base": base, "results": results, "documents": documents}

    async def results(self, request: Request, visit: Visit) -> Response:
        """All analyses, with the last value of each."""
        series = await self._reading.results(visit.actor, visit.record)
        return render(
            request,
            "shared/results.html",
            {"series": [(series_id(one), one) for one in series], **self._values(request, visit)},
        )

    async def result(self, request: Request, visit: Visit) -> Response:
        """One analysis over time: curve, table, documents."""
        for one in await self._reading.results(visit.actor, visit.record):
            if series_id(one) == request.path_params["key"]:
                break
        else:
            raise NotFound(
                "ResultNotFound", Text("Aucun résultat de cette analyse.", "There is no result of this analysis.")
            )
        points = [Point(measure.day, measure.value, bool(measure.interpretation)) for measure in one.measures]
        chart = curve(one.name, one.unit, points, Range(one.low, one.high))
        return render(request, "shared/result.html", {"one": one, "chart": chart, **self._values(request, visit)})

    def _values(self, request: Request, visit: Visit) -> dict[str, object]:
        is_holder = visit.actor.kind is not ActorKind.PROFESSIONAL
        return {"visit": visit, "title": translate(request, self._title), "is_holder": is_holder, **self._frame}


def series_id(series: Series) -> str:
    """A short name of the series for addresses: it tells nothing of the analysis.

    >>> one = Series(key="718-7|LN|g/dL", name="Hb", label="Hb", unit="g/dL", low=12, high=16, measures=())
    >>> len(series_id(one))
    16
    """
    return hashlib.sha256(series.key.encode()).hexdigest()[:16]
