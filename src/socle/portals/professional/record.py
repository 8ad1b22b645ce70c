"""The record: the timeline beside the document being read, the summary, changes of visibility."""

from __future__ import annotations

import asyncio
from typing import Final

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from socle.portals.citizen.health import CHAPTERS
from socle.portals.pages import page_language, render, translate
from socle.portals.results import document_links
from socle.portals.rows import Row, download, extension_of, is_cda
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
from socle.services.reading.service import ReadingService
from socle.standards.cda.document import open_document
from socle.standards.cda.render import render_fragment, render_pdf
from socle.standards.errors import Forbidden, InvalidContent, NotFound, SocleError, Text
from socle.standards.xds.model import DocumentEntry, Visibility

#: Refusals that the professional can lift: by asking the patient, or in an emergency.
_ASK: Final = frozenset({"DMPAuthorizationRequired", "DMPAccessExpired"})


class RecordPages:
    """Pages on one record."""

    def __init__(self, dmp: DmpService, reading: ReadingService) -> None:
        self._dmp = dmp
        self._reading = reading

    async def timeline(self, request: Request, visit: Visit) -> Response:
        """Documents with filters, and the one being read beside them."""
        try:
            values = await list_documents(self._dmp, self._reading, request, visit)
        except Forbidden as error:
            return self._consent_page(request, visit, error)
        shown = await self._find(request, visit) if "id" in request.path_params else None
        values |= {
            "shown": Row(shown.entry) if shown else None,
            "body": await self._body(request, shown) if shown else None,
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
        sources = [line.document for _, _, lines in chapters for line in lines if line.document]
        links = await document_links(self._dmp, visit, sources)
        return render(request, "pro/summary.html", {"visit": visit, "chapters": chapters, "links": links})

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

    async def change(self, request: Request, visit: Visit) -> Response:
        """Masks, shows, releases to the patient after the announcement, archives, or deletes one's own document."""
        form = await read_form(request)
        found = await self._find(request, visit)
        visibility = {
            Visibility(code.code) for code in found.entry.confidentiality_codes if code.code in set(Visibility)
        }
        action = text_of(form, "action", 20)
        changes = {
            "masquer": DocumentChange(visibility=frozenset(visibility | {Visibility.MASQUE_PS})),
            "montrer": DocumentChange(visibility=frozenset(visibility - {Visibility.MASQUE_PS})),
            "annoncer": DocumentChange(visibility=frozenset(visibility - {Visibility.INVISIBLE_PATIENT})),
            "archiver": DocumentChange(is_archived=True),
            "desarchiver": DocumentChange(is_archived=False),
            "supprimer": DocumentChange(is_deleted=True),
        }
        if action not in changes:
            raise InvalidContent("UnknownAction", Text("Action inconnue.", "Unknown action."))
        await self._dmp.patch(
            visit.actor, found.entry.unique_id, changes[action], patient=visit.record, door=Door.PORTAL
        )
        return RedirectResponse("/pro/dossier" if action == "supprimer" else request.url.path.rpartition("/")[0], 303)

    def _consent_page(self, request: Request, visit: Visit, error: SocleError) -> Response:
        if error.code not in _ASK:
            raise error
        values = {"visit": visit, "errors": [], "reason": "", "sentence": error.sentence(page_language(request))}
        return render(request, "pro/consent.html", values, status=403)

    async def _find(self, request: Request, visit: Visit) -> Retrieved:
        logical_id = f"urn:uuid:{request.path_params['id']}"
        query = FindDocuments(patient=visit.record, filter=DocumentFilter(statuses=CURRENT, logical_ids=(logical_id,)))
        page = await self._dmp.search(visit.actor, query, Page(size=1, with_total=False), door=Door.PORTAL)
        if page.objects.documents:
            wanted = [DocumentRequest(unique_id=page.objects.documents[0].unique_id)]
            found = (await self._dmp.retrieve(visit.actor, wanted, patient=visit.record, door=Door.PORTAL))[0]
            if isinstance(found, Retrieved):
                return found
        raise NotFound(
            "DocumentNotFound", Text("Ce document n'est pas dans ce dossier.", "This document is not in this record.")
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
                heading_level=3,
                attachment_url=lambda _reference, _media_type: view,
            )
        except SocleError:
            return None
        return Markup(html)  # noqa: S704 - written by the renderer, which escapes all that a document holds


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
