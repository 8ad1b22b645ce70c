"""The list of documents by year with its filters, the same in every portal."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from socle.portals.pages import translate
from socle.portals.rows import Row, by_year, highlighted, year_interval, years_shown
from socle.portals.rubrics import BY_KEY, RUBRICS
from socle.portals.visit import Visit
from socle.services.dmp.domain import DocumentFilter, Door, FindDocuments, Page
from socle.services.dmp.service import DmpService
from socle.services.reading.service import ReadingService
from socle.standards.xades.names import SIGNATURE_TYPE
from socle.standards.xds.model import Code, Status

#: What the portals show: current documents, those archived included.
CURRENT: Final = (Status.APPROVED, Status.ARCHIVED)
#: What no list shows: signatures of submissions, which nobody reads.
SIGNATURES: Final = DocumentFilter(type_codes=(SIGNATURE_TYPE,))
_PAGE = 50


async def list_documents(dmp: DmpService, reading: ReadingService, request: Request, visit: Visit) -> dict[str, object]:
    """A page of documents by kind and year, or what the words find, with the filters as the address gives them.

    Raises what the DMP raises, ``Forbidden`` above all.
    """
    words = request.query_params.get("mots", "").strip()[:200]
    rubric = BY_KEY.get(request.query_params.get("rubrique", ""))
    year = request.query_params.get("annee", "")
    year = year if year.isdigit() and len(year) == 4 else ""
    types = tuple(Code(code, "") for code in sorted(rubric.types)) if rubric else ()
    wanted = DocumentFilter(statuses=CURRENT, type_codes=types, service_start_time=year_interval(year))
    part = Page(size=_PAGE, after=request.query_params.get("suite", ""))
    is_partial = False
    if words:
        found = await reading.search(visit.actor, visit.record, words, among=wanted, page=part)
        rows = [Row(hit.entry, highlighted(hit.excerpt, hit.words)) for hit in found.hits]
        following, total, is_partial = found.next, found.total, found.is_partial
    else:
        query = FindDocuments(patient=visit.record, filter=wanted, exclude=SIGNATURES)
        page = await dmp.search(visit.actor, query, part, door=Door.PORTAL)
        rows, following, total = [Row(entry) for entry in page.objects.documents], page.next, page.total
    return {
        "visit": visit,
        "words": words,
        "rubric": rubric.key if rubric else "",
        "year": year,
        "rubrics": [("", translate(request, "Toutes"))] + [(one.key, translate(request, one.name)) for one in RUBRICS],
        "years": [("", translate(request, "Toutes")), *years_shown()],
        "years_of_rows": by_year(rows),
        "count": total if total is not None else len(rows),
        "next": following,
        "is_partial": is_partial,
    }
