"""Home, the timeline of documents, one document, adding one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from markupsafe import Markup
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from socle.portals.deposit import Deposit, citizen_submission, citizen_type
from socle.portals.pages import page_language, render, translate
from socle.portals.rows import Row, download, extension_of, is_cda, read_day
from socle.portals.rubrics import CITIZEN_TYPES
from socle.portals.timeline import CURRENT, list_documents
from socle.portals.visit import Visit, read_form, text_of
from socle.services.dmp.domain import (
    DocumentChange,
    DocumentFilter,
    DocumentRequest,
    Door,
    FindDocuments,
    Page,
    Retrieved,
)
from socle.services.dmp.service import DmpService
from socle.services.ins.service import InsService
from socle.services.reading.service import ReadingService
from socle.standards.cda.document import open_document
from socle.standards.cda.render import render_fragment, render_pdf
from socle.standards.errors import InvalidContent, NotFound, SocleError, Text
from socle.standards.xds.model import Status


class DocumentPages:
    """Pages on documents."""

    def __init__(self, dmp: DmpService, reading: ReadingService, ins: InsService) -> None:
        self._dmp = dmp
        self._reading = reading
        self._ins = ins

    async def home(self, request: Request, visit: Visit) -> Response:
        """What is new, and the ways on."""
        notices = await self._dmp.list_notices(visit.actor, visit.record, count=5)
        found = await self._dmp.search(
            visit.actor,
            FindDocuments(patient=visit.record, filter=DocumentFilter(statuses=(Status.APPROVED,))),
            Page(size=5, with_total=True),
            door=Door.PORTAL,
        )
        language = page_language(request)
        return render(
            request,
            "espace/home.html",
            {
                "visit": visit,
                "notices": [(notice.at, notice.text_en if language == "en" else notice.text_fr) for notice in notices],
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
        found = await self._find(request, visit)
        row = Row(found.entry)
        return render(
            request,
            "espace/document.html",
            {"visit": visit, "row": row, "body": await self._body(request, found), "is_cda": is_cda(found)},
        )

    async def original(self, request: Request, visit: Visit) -> Response:
        """The bytes as they were deposited."""
        found = await self._find(request, visit)
        return download(found.content, found.entry.mime_type, f"document{extension_of(found.entry.mime_type)}")

    async def pdf(self, request: Request, visit: Visit) -> Response:
        """The file inside a document without structure, else the page as PDF."""
        found = await self._find(request, visit)
        embedded = open_document(found.content).embedded_file() if is_cda(found) else None
        if embedded is not None:
            name = f"document{extension_of(embedded.media_type)}"
            return download(embedded.content, embedded.media_type, name, inline="voir" in request.query_params)
        return download(await asyncio.to_thread(render_pdf, found.content), "application/pdf", "document.pdf")

    async def hide(self, request: Request, visit: Visit) -> Response:
        """Masks it to professionals."""
        found = await self._find(request, visit)
        await self._dmp.hide(visit.actor, visit.record, found.entry.unique_id)
        return self._back(request)

    async def unhide(self, request: Request, visit: Visit) -> Response:
        """Shows it to professionals again."""
        found = await self._find(request, visit)
        await self._dmp.unhide(visit.actor, visit.record, found.entry.unique_id)
        return self._back(request)

    async def delete(self, request: Request, visit: Visit) -> Response:
        """Takes away a document of the citizen's own."""
        found = await self._find(request, visit)
        change = DocumentChange(is_deleted=True)
        await self._dmp.patch(visit.actor, found.entry.unique_id, change, patient=visit.record, door=Door.PORTAL)
        return RedirectResponse("/espace/documents", 303)

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

    async def _find(self, request: Request, visit: Visit) -> Retrieved:
        """The document that the address names, as this visitor may see it."""
        logical_id = f"urn:uuid:{request.path_params['id']}"
        page = await self._dmp.search(
            visit.actor,
            FindDocuments(patient=visit.record, filter=DocumentFilter(statuses=CURRENT, logical_ids=(logical_id,))),
            Page(size=1, with_total=False),
            door=Door.PORTAL,
        )
        if page.objects.documents:
            wanted = [DocumentRequest(unique_id=page.objects.documents[0].unique_id)]
            found = (await self._dmp.retrieve(visit.actor, wanted, patient=visit.record, door=Door.PORTAL))[0]
            if isinstance(found, Retrieved):
                return found
        raise NotFound(
            "DocumentNotFound",
            Text("Ce document n'est pas dans votre dossier.", "This document is not in your record."),
            remedy=Text("Revenez à la liste de vos documents.", "Go back to the list of your documents."),
        )

    async def _body(self, request: Request, found: Retrieved) -> Markup | None:
        if not is_cda(found):
            return None
        view = f"{request.url.path}/pdf?voir=1"
        try:
            html = await asyncio.to_thread(
                render_fragment,
                found.content,
                language=page_language(request),
                heading_level=2,
                attachment_url=lambda _reference, _media_type: view,
            )
        except SocleError:
            return None
        return Markup(html)  # noqa: S704 - written by the renderer, which escapes all that a document holds

    def _back(self, request: Request) -> Response:
        return RedirectResponse(request.url.path.rpartition("/")[0], 303)
