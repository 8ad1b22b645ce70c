"""One document of the record that is open: found, shown, given as a file, changed. The same in every portal."""

from __future__ import annotations

import asyncio
from typing import Final

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from socle.portals.pages import page_language
from socle.portals.rows import download, extension_of, is_cda
from socle.portals.timeline import CURRENT
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
from socle.standards.cda.document import open_document
from socle.standards.cda.render import render_fragment, render_pdf
from socle.standards.errors import InvalidContent, NotFound, SocleError, Text
from socle.standards.xds.model import Visibility

#: What the buttons of a document ask for. Whether the visitor may is the DMP's decision.
_CHANGES: Final = {
    "masquer": DocumentChange(adds=frozenset({Visibility.MASQUE_PS})),
    "montrer": DocumentChange(removes=frozenset({Visibility.MASQUE_PS})),
    "annoncer": DocumentChange(removes=frozenset({Visibility.INVISIBLE_PATIENT})),
    "archiver": DocumentChange(is_archived=True),
    "desarchiver": DocumentChange(is_archived=False),
    "supprimer": DocumentChange(is_deleted=True),
}


class DocumentViewer:
    """Pages and files of one document, whose address ends with its logical id. ``documents`` is where the list is."""

    def __init__(self, dmp: DmpService, documents: str, *, heading_level: int) -> None:
        self._dmp = dmp
        self._documents = documents
        self._heading_level = heading_level

    async def find(self, request: Request, visit: Visit) -> Retrieved:
        """The document that the address names, as this visitor may see it. Raises ``NotFound``."""
        logical_id = f"urn:uuid:{request.path_params['id']}"
        query = FindDocuments(patient=visit.record, filter=DocumentFilter(statuses=CURRENT, logical_ids=(logical_id,)))
        page = await self._dmp.search(visit.actor, query, Page(size=1, with_total=False), door=Door.PORTAL)
        wanted = [DocumentRequest(unique_id=entry.unique_id) for entry in page.objects.documents]
        for found in await self._dmp.retrieve(visit.actor, wanted, patient=visit.record, door=Door.PORTAL):
            if isinstance(found, Retrieved):
                return found
        raise NotFound(
            "DocumentNotFound",
            Text("Ce document n'est pas dans le dossier.", "This document is not in the record."),
            remedy=Text("Revenez à la liste des documents.", "Go back to the list of documents."),
        )

    async def body(self, request: Request, found: Retrieved) -> Markup | None:
        """The document as part of a page; ``None`` if it cannot be shown."""
        if not is_cda(found):
            return None
        view = f"{request.url.path}/pdf?voir=1"
        try:
            html = await asyncio.to_thread(
                render_fragment,
                found.content,
                language=page_language(request),
                heading_level=self._heading_level,
                attachment_url=lambda _reference, _media_type: view,
            )
        except SocleError:
            return None
        return Markup(html)  # noqa: S704 - written by the renderer, which escapes all that a document holds

    async def original(self, request: Request, visit: Visit) -> Response:
        """The bytes as they were deposited."""
        found = await self.find(request, visit)
        return download(found.content, found.entry.mime_type, f"document{extension_of(found.entry.mime_type)}")

    async def pdf(self, request: Request, visit: Visit) -> Response:
        """The file inside a document without structure, else the page as PDF."""
        found = await self.find(request, visit)
        embedded = open_document(found.content).embedded_file() if is_cda(found) else None
        if embedded is not None:
            name = f"document{extension_of(embedded.media_type)}"
            return download(embedded.content, embedded.media_type, name, inline="voir" in request.query_params)
        return download(await asyncio.to_thread(render_pdf, found.content), "application/pdf", "document.pdf")

    async def change(self, request: Request, visit: Visit) -> Response:
        """Masks, shows, releases to the patient after the announcement, archives, or deletes."""
        form = await read_form(request)
        action = text_of(form, "action", 20)
        if action not in _CHANGES:
            raise InvalidContent("UnknownAction", Text("Action inconnue.", "Unknown action."))
        found = await self.find(request, visit)
        await self._dmp.patch(
            visit.actor, found.entry.unique_id, _CHANGES[action], patient=visit.record, door=Door.PORTAL
        )
        back = self._documents if action == "supprimer" else request.url.path.rpartition("/")[0]
        return RedirectResponse(back, 303)
