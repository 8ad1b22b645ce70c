"""Home, the timeline of documents, one document, adding one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from socle.portals.citizen.news import MOST_NOTICES, news_of
from socle.portals.deposit import Deposit, citizen_submission, citizen_type
from socle.portals.document import DocumentViewer
from socle.portals.pages import page_language, render, translate
from socle.portals.rows import Row, is_cda, read_day
from socle.portals.rubrics import CITIZEN_TYPES
from socle.portals.timeline import SIGNATURES, list_documents
from socle.portals.visit import Visit, read_form, text_of
from socle.services.dmp.domain import (
    DocumentFilter,
    Door,
    FindDocuments,
    Page,
)
from socle.services.dmp.service import DmpService
from socle.services.ins.service import InsService
from socle.services.reading.service import ReadingService
from socle.standards.errors import InvalidContent
from socle.standards.xds.model import Status


class DocumentPages:
    """Pages on documents."""

    def __init__(self, dmp: DmpService, reading: ReadingService, ins: InsService) -> None:
        self.viewer = DocumentViewer(dmp, "/espace/documents", heading_level=2)
        self._dmp = dmp
        self._reading = reading
        self._ins = ins

    async def home(self, request: Request, visit: Visit) -> Response:
        """What is new, and the ways on."""
        notices = await self._dmp.list_notices(visit.actor, visit.record, count=MOST_NOTICES)
        found = await self._dmp.search(
            visit.actor,
            FindDocuments(patient=visit.record, filter=DocumentFilter(statuses=(Status.APPROVED,)), exclude=SIGNATURES),
            Page(size=5, with_total=True),
            door=Door.PORTAL,
        )
        return render(
            request,
            "espace/home.html",
            {
                "visit": visit,
                "news": news_of(request, notices),
                "rows": [Row(entry) for entry in found.objects.documents],
                "total": found.total,
            },
        )

    async def timeline(self, request: Request, visit: Visit) -> Response:
        """The timeline, by kind and by year, or what the words find."""
        values = await list_documents(self._dmp, self._reading, request, visit)
        return render(request, "espace/documents.html", values)

    async def show(self, request: Request, visit: Visit) -> Response:
        """One document as a page."""
        found = await self.viewer.find(request, visit)
        values = {
            "visit": visit,
            "row": Row(found.entry),
            "body": await self.viewer.body(request, found),
            "is_cda": is_cda(found),
        }
        return render(request, "espace/document.html", values)

    async def add_form(self, request: Request, visit: Visit) -> Response:
        """The form to add a document."""
        return self._add_page(request, visit, {}, [])

    async def add(self, request: Request, visit: Visit) -> Response:
        """Wraps the file into a document of the citizen's and puts it into the record."""
        form = await read_form(request)
        values = {name: text_of(form, name, 200) for name in ("type", "title", "day")}
        upload = form.get("file")
        errors: list[tuple[str, str]] = []
        if not isinstance(upload, UploadFile) or not upload.filename:
            errors.append(("file", translate(request, "Choisissez un fichier.")))
        if values["type"] not in dict(CITIZEN_TYPES):
            errors.append(("type-1", translate(request, "Dites ce que c'est.")))
        if not values["title"]:
            errors.append(("title", translate(request, "Donnez un titre au document.")))
        day = read_day(values["day"])
        if day is None:
            errors.append(("day", translate(request, "Écrivez une date comme 27/03/2024.")))
        if errors or day is None or not isinstance(upload, UploadFile):
            return self._add_page(request, visit, values, errors)
        deposit = Deposit(
            content=await upload.read(), type=citizen_type(values["type"]), title=values["title"], day=day
        )
        try:
            person = await self._ins.holder(visit.actor, visit.record)
            now = self._dmp.context.base.clock()
            submission = await asyncio.to_thread(citizen_submission, deposit, person, visit.record, now)
        except InvalidContent as error:
            return self._add_page(request, visit, values, [("file", error.sentence(page_language(request)))])
        receipt = await self._dmp.submit(visit.actor, submission, door=Door.PORTAL, transaction="portal.deposit")
        return RedirectResponse(f"/espace/documents/{Row(receipt.objects.documents[0]).id}", 303)

    def _add_page(
        self, request: Request, visit: Visit, values: dict[str, str], errors: Sequence[tuple[str, str]]
    ) -> Response:
        types = [(code, translate(request, name), "") for code, name in CITIZEN_TYPES]
        texts = {
            "visit": visit,
            "values": {"type": "", "title": "", "day": ""} | values,
            "errors": errors,
            "types": types,
        }
        return render(request, "espace/add.html", texts, status=422 if errors else 200)
