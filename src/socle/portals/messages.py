"""Secure mail as pages, the same in both portals: threads, one exchange, writing, attachments, search."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from markupsafe import Markup
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from socle.platform.actor import ActorKind
from socle.portals.pages import page_language, render, translate
from socle.portals.rows import download
from socle.portals.visit import Visit, read_form, text_of
from socle.services.mssante.domain import MailSession, NewMail, OpenedMessage
from socle.services.mssante.service import MssanteService
from socle.standards.cda.render import render_fragment
from socle.standards.errors import NotFound, SocleError, Text
from socle.standards.mail.address import citizen_address
from socle.standards.mail.read import Attachment

_THREADS = 50


class Shown(msgspec.Struct, frozen=True):
    """One message of an exchange with what a page shows of it."""

    message: OpenedMessage
    documents: tuple[Markup, ...]


class MessagePages:
    """Pages on messages. ``base`` is the template that they extend, ``path`` where they are."""

    def __init__(self, mssante: MssanteService, *, base: str, path: str) -> None:
        self._mssante = mssante
        self._base = base
        self._path = path

    async def threads(self, request: Request, visit: Visit) -> Response:
        """Exchanges of the box, the most recent first, or what the words find."""
        session = await self._open(request, visit)
        if session is None:
            return render(request, "shared/no-box.html", {"visit": visit, "base": self._base})
        words = request.query_params.get("mots", "").strip()[:200]
        folder = request.query_params.get("dossier", "INBOX")
        folders = [found.name for found, _ in await self._mssante.webmail.folders(session)]
        folder = folder if folder in folders else "INBOX"
        if words:
            lines = await self._mssante.webmail.search(session, words, folder=folder)
        else:
            lines = await self._mssante.webmail.list_threads(session, folder, count=_THREADS)
        values = {
            "lines": lines,
            "words": words,
            "folder": folder,
            "folders": [(name, translate(request, FOLDER_NAMES.get(name, name))) for name in folders],
            "may_write": session.may_send and visit.actor.kind is ActorKind.PROFESSIONAL,
        }
        return render(request, "shared/threads.html", await self._values(request, visit, session, values))

    async def thread(self, request: Request, visit: Visit) -> Response:
        """One exchange, and the answer to it."""
        return await self._thread_page(request, visit, [])

    async def answer(self, request: Request, visit: Visit) -> Response:
        """Answers the last message that somebody else wrote."""
        session = await self._require(request, visit)
        form = await read_form(request)
        messages = await self._mssante.webmail.read_thread(session, request.path_params["thread"])
        last = _last_of_others(messages, session)
        text = text_of(form, "text", 20_000)
        if last is None or last.mail.sender is None or not text:
            error = translate(request, "Écrivez votre message.")
            return await self._thread_page(request, visit, [("text", error)])
        mail = last.mail
        to = (mail.reply_to or ((mail.sender,) if mail.sender else ()))[0].address
        new = NewMail(
            to=(str(to),),
            subject=mail.subject if mail.subject.lower().startswith("re:") else f"Re: {mail.subject}",
            text=text,
            in_reply_to=mail.message_id,
            references=(*mail.references, mail.message_id),
            attachments=await _attachments(form),
            closes_exchange=text_of(form, "close", 5) == "oui",
            send_id=text_of(form, "send_id", 64),
        )
        try:
            await self._mssante.outbox.send(session, new)
        except SocleError as error:
            return await self._thread_page(request, visit, [("text", error.sentence(page_language(request)))])
        return RedirectResponse(f"{request.url.path.removesuffix('/repondre')}?envoye=1", 303)

    async def write(self, request: Request, visit: Visit) -> Response:
        """The form of a new message, with addresses found in the directory."""
        session = await self._require(request, visit)
        return await self._write_page(request, visit, session, {}, [])

    async def send(self, request: Request, visit: Visit) -> Response:
        """Sends a new message, or keeps it as a draft."""
        session = await self._require(request, visit)
        form = await read_form(request)
        values = {name: text_of(form, name, 20_000) for name in ("to", "subject", "text")}
        new = NewMail(
            to=tuple(part.strip() for part in values["to"].replace(";", ",").split(",") if part.strip()),
            subject=values["subject"],
            text=values["text"],
            attachments=await _attachments(form),
            asks_read_receipt=text_of(form, "receipt", 5) == "oui",
            closes_exchange=text_of(form, "close", 5) == "oui",
            send_id=text_of(form, "send_id", 64),
        )
        if text_of(form, "action", 20) == "brouillon":
            await self._mssante.outbox.save_draft(session, new)
            return RedirectResponse(f"{self._path}?dossier=Drafts", 303)
        try:
            if not values["text"]:
                return await self._write_page(
                    request, visit, session, values, [("text", translate(request, "Écrivez votre message."))]
                )
            await self._mssante.outbox.send(session, new)
        except SocleError as error:
            return await self._write_page(
                request, visit, session, values, [("to", error.sentence(page_language(request)))]
            )
        return RedirectResponse(f"{self._path}?envoye=1", 303)

    async def attachment(self, request: Request, visit: Visit) -> Response:
        """One attachment, to keep."""
        session = await self._require(request, visit)
        place = request.path_params
        opened = await self._mssante.webmail.read(session, place["folder"], place["uid"])
        if place["number"] >= len(opened.mail.attachments):
            raise NotFound(
                "AttachmentNotFound", Text("Cette pièce jointe n'existe pas.", "There is no such attachment.")
            )
        found = opened.mail.attachments[place["number"]]
        name = "".join(c if c.isalnum() or c in "._- " else "_" for c in found.name) or "piece-jointe"
        return download(found.content, found.content_type, name.encode("ascii", "replace").decode().replace("?", "_"))

    async def _open(self, request: Request, visit: Visit) -> MailSession | None:
        """The visitor's box: the citizen's own, or the one of the professional's boxes that was chosen."""
        if visit.actor.kind is not ActorKind.PROFESSIONAL:
            settings = self._mssante.base.settings
            address = str(citizen_address(visit.record.matricule, settings.patient_mail_domain))
            # The box exists with the space: it is opened at its owner's first visit.
            await self._mssante.open_citizen_box(visit.record, visit.holder)
            return await self._mssante.access.of_actor(address, visit.actor)
        boxes = [box.address for box in await self._mssante.usable_by(visit.actor.id)]
        if not boxes:
            return None
        chosen = request.query_params.get("boite", "")
        return await self._mssante.access.of_actor(chosen if chosen in boxes else boxes[0], visit.actor)

    async def _require(self, request: Request, visit: Visit) -> MailSession:
        session = await self._open(request, visit)
        if session is None:
            raise NotFound("MailboxNotFound", Text("Vous n'avez pas de boîte MSSanté.", "You have no MSSanté box."))
        return session

    async def _values(
        self, request: Request, visit: Visit, session: MailSession, values: dict[str, object]
    ) -> dict[str, object]:
        own = []
        if visit.actor.kind is ActorKind.PROFESSIONAL:
            own = [box.address for box in await self._mssante.usable_by(visit.actor.id)]
        sent = "envoye" in request.query_params
        frame = {"visit": visit, "base": self._base, "messages": self._path, "box": session.box.address, "boxes": own}
        return {**frame, "sent": sent, **values}

    async def _thread_page(self, request: Request, visit: Visit, errors: Sequence[tuple[str, str]]) -> Response:
        session = await self._require(request, visit)
        messages = await self._mssante.webmail.read_thread(session, request.path_params["thread"])
        language = page_language(request)
        shown = [Shown(message, await asyncio.to_thread(_documents, message, language)) for message in messages]
        last = _last_of_others(messages, session)
        may_answer = last is not None and session.may_send
        if session.box.ins is not None:
            sender = last.mail.sender if last is not None else None
            may_answer = sender is not None and await self._mssante.outbox.may_answer(session, str(sender.address))
        values = {
            "thread": request.path_params["thread"],
            "shown": shown,
            "title": messages[-1].mail.title,
            "may_answer": may_answer,
            "is_professional": visit.actor.kind is ActorKind.PROFESSIONAL,
            "errors": errors,
        }
        page = await self._values(request, visit, session, values)
        return render(request, "shared/thread.html", page, status=422 if errors else 200)

    async def _write_page(
        self,
        request: Request,
        visit: Visit,
        session: MailSession,
        values: dict[str, str],
        errors: Sequence[tuple[str, str]],
    ) -> Response:
        words = request.query_params.get("chercher", "").strip()[:100]
        contacts = await self._mssante.outbox.contacts(session, words) if words else []
        to = request.query_params.get("a", "")[:300]
        page = await self._values(
            request,
            visit,
            session,
            {
                "values": {"to": to, "subject": "", "text": ""} | values,
                "errors": errors,
                "contacts": contacts,
                "search": words,
            },
        )
        return render(request, "shared/write.html", page, status=422 if errors else 200)


FOLDER_NAMES = {
    "INBOX": "Reçus",
    "Sent": "Envoyés",
    "Drafts": "Brouillons",
    "Trash": "Corbeille",
    "Junk": "Indésirables",
}


def _last_of_others(messages: Sequence[OpenedMessage], session: MailSession) -> OpenedMessage | None:
    for message in reversed(messages):
        sender = message.mail.sender
        if sender is not None and str(sender.address).lower() != session.box.address.lower():
            return message
    return None


def _documents(message: OpenedMessage, language: str) -> tuple[Markup, ...]:
    """The CDA documents of the message's archive as pages; what cannot be shown is among the attachments."""
    pages = []
    for _entry, content in message.documents:
        try:
            html = render_fragment(content, language=language, heading_level=3)
        except SocleError:
            continue
        pages.append(Markup(html))  # noqa: S704 - written by the renderer, which escapes all that a document holds
    return tuple(pages)


async def _attachments(form: FormData) -> tuple[Attachment, ...]:
    return tuple(
        [
            Attachment(upload.filename, upload.content_type or "application/octet-stream", await upload.read())
            for upload in form.getlist("file")
            if isinstance(upload, UploadFile) and upload.filename
        ]
    )
