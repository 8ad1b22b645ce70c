"""Secure mail as pages, the same in both portals: the list of exchanges, one exchange, its pieces and its place."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from socle.portals.mailbox import MailDesk, is_professional
from socle.portals.pages import page_language, render, translate
from socle.portals.rows import download
from socle.portals.visit import Visit, read_form, text_of
from socle.services.delivery.arrivals import Arrival
from socle.services.delivery.intake import IntakeService
from socle.services.mssante.domain import MailSession, OpenedMessage, ThreadLine
from socle.standards.cda.render import render_fragment
from socle.standards.errors import NotFound, SocleError, Text

_THREADS: Final = 50


class Piece(msgspec.Struct, frozen=True):
    """A document of a message: its page, if it can be shown, and what is said of it."""

    arrival: Arrival
    page: Markup | None


class Shown(msgspec.Struct, frozen=True):
    """One message of an exchange with what a page shows of it."""

    message: OpenedMessage
    pieces: tuple[Piece, ...]
    is_ours: bool
    #: The sender waits for a read receipt that was not sent yet.
    wants_receipt: bool


class MessagePages:
    """Pages to read."""

    def __init__(self, desk: MailDesk, intake: IntakeService) -> None:
        self._desk = desk
        self._intake = intake

    async def threads(self, request: Request, visit: Visit) -> Response:
        """Exchanges of the box, the most recent first, or what the words find."""
        session = await self._desk.open(request, visit)
        if session is None:
            return render(request, "shared/no-box.html", {"visit": visit, "base": self._desk.base})
        query = request.query_params
        words = query.get("mots", "").strip()[:200]
        webmail = self._desk.mssante.webmail
        found = await webmail.folders(session)
        folder = next((one for one, _ in found if one.name == query.get("dossier", "INBOX")), found[0][0])
        skip = int(query["suite"]) if query.get("suite", "").isdecimal() and len(query["suite"]) < 6 else 0
        if words:
            lines = await webmail.search(session, words, folder=folder.name)
        else:
            lines = await webmail.list_threads(session, folder.name, skip=skip, count=_THREADS)
        who = query.get("qui", "") if is_professional(visit) else ""
        values = {
            "lines": _of(lines, who),
            "words": words,
            "who": who,
            "folder": folder.name,
            "is_drafts": folder.special_use == "\\Drafts",
            "folders": [(one.name, _folder_label(request, one.name, unread)) for one, unread in found],
            "next": skip + _THREADS if len(lines) == _THREADS and not words else 0,
            "may_write": session.may_send and is_professional(visit),
            "drafted": "brouillon" in query,
        }
        return await self._desk.page(request, visit, session, "shared/threads.html", values)

    async def close_box(self, request: Request, visit: Visit) -> Response:
        """The citizen closes the messaging; what was received stays."""
        return await self._change_box(visit, is_open=False)

    async def reopen_box(self, request: Request, visit: Visit) -> Response:
        """The citizen opens the messaging again."""
        return await self._change_box(visit, is_open=True)

    async def _change_box(self, visit: Visit, *, is_open: bool) -> Response:
        await self._desk.mssante.change_citizen_box(visit.actor, visit.record, is_open=is_open)
        return RedirectResponse(self._desk.path, 303)

    async def thread(self, request: Request, visit: Visit, errors: Sequence[tuple[str, str]] = ()) -> Response:
        """One exchange, and the answer to it."""
        session = await self._desk.require(request, visit)
        mssante = self._desk.mssante
        messages = await mssante.webmail.read_thread(session, request.path_params["thread"])
        if session.box.ins is not None:  # a citizen cannot refuse the read receipt (ENS "Messagerie" §6)
            for message in messages:
                await mssante.outbox.send_receipt(session, message.folder_id, message.uid)
        shown = [await self._show(request, session, message) for message in messages]
        last = last_of_others(messages, session)
        may_answer = last is not None and session.may_send
        if session.box.ins is not None:
            contact = answer_to(last)
            may_answer = contact is not None and await mssante.outbox.may_answer(session, contact)
        values = {
            "thread": request.path_params["thread"],
            "shown": shown,
            "title": messages[-1].mail.title,
            "may_answer": may_answer,
            "errors": errors,
            "did": request.query_params.get("fait", ""),
            "answer": "",
        }
        return await self._desk.page(
            request, visit, session, "shared/thread.html", values, status=422 if errors else 200
        )

    async def attachment(self, request: Request, visit: Visit) -> Response:
        """One attachment, to keep."""
        session = await self._desk.require(request, visit)
        place = request.path_params
        opened = await self._desk.mssante.webmail.read(session, place["folder"], place["uid"])
        if place["number"] >= len(opened.mail.attachments):
            raise NotFound(
                "AttachmentNotFound", Text("Cette pièce jointe n'existe pas.", "There is no such attachment.")
            )
        found = opened.mail.attachments[place["number"]]
        name = "".join(c if c.isalnum() or c in "._- " else "_" for c in found.name) or "piece-jointe"
        return download(found.content, found.content_type, name.encode("ascii", "replace").decode().replace("?", "_"))

    async def move(self, request: Request, visit: Visit) -> Response:
        """Puts the messages of an exchange away: archive, bin, or back among the unread."""
        session = await self._desk.require(request, visit)
        form = await read_form(request)
        action = text_of(form, "action", 20)
        webmail = self._desk.mssante.webmail
        messages = await webmail.read_thread(session, request.path_params["thread"])
        if action not in {"supprimer", "archiver", "non-lu"}:
            raise NotFound("UnknownAction", Text("Action inconnue.", "Unknown action."))
        if action != "supprimer":  # what was sent stays among what was sent
            messages = [message for message in messages if not _is_own(message, session)]
        for folder_id in {message.folder_id for message in messages}:
            uids = [message.uid for message in messages if message.folder_id == folder_id]
            if action == "non-lu":
                await webmail.mark(session, folder_id, uids, "\\Seen", is_set=False)
            else:
                await webmail.put_away(session, folder_id, uids, "\\Trash" if action == "supprimer" else "\\Archive")
        return RedirectResponse(self._desk.path, 303)

    async def _show(self, request: Request, session: MailSession, message: OpenedMessage) -> Shown:
        arrivals = await self._intake.of_message(session, message) if message.package.submissions else []
        language = page_language(request)
        pages = await asyncio.to_thread(_pages, message, language)
        return Shown(
            message,
            tuple(Piece(arrival, page) for arrival, page in zip(arrivals, pages, strict=True)),
            is_ours=_is_own(message, session),
            wants_receipt=message.mail.read_receipt_to is not None and "$MDNSent" not in message.flags,
        )


def last_of_others(messages: Sequence[OpenedMessage], session: MailSession) -> OpenedMessage | None:
    """The last message of an exchange that somebody else wrote."""
    return next((one for one in reversed(messages) if one.mail.sender and not _is_own(one, session)), None)


def _is_own(message: OpenedMessage, session: MailSession) -> bool:
    sender = message.mail.sender
    return sender is not None and str(sender.address) == session.box.address


def answer_to(message: OpenedMessage | None) -> str | None:
    """Where an answer to ``message`` goes: its Reply-To, else its sender."""
    if message is None or message.mail.sender is None:
        return None
    return str((message.mail.reply_to or (message.mail.sender,))[0].address)


#: Folders as the pages name them; the others have the name that their owner gave.
FOLDER_NAMES: Final = {
    "INBOX": "Reçus",
    "Envoyés": "Envoyés",
    "Brouillons": "Brouillons",
    "Corbeille": "Corbeille",
    "Archives": "Archives",
}


def _folder_label(request: Request, name: str, unread: int) -> str:
    label = translate(request, FOLDER_NAMES.get(name, name))
    return f"{label} ({unread})" if unread and name == "INBOX" else label


def _of(lines: list[ThreadLine], who: str) -> list[ThreadLine]:
    """The exchanges with patients, with professionals, or all (ECO.3.1.1)."""
    if who not in {"patients", "professionnels"}:
        return lines
    return [line for line in lines if line.is_with_citizen == (who == "patients")]


def _pages(message: OpenedMessage, language: str) -> list[Markup | None]:
    """The documents of the message's archive as pages; what cannot be shown is among the attachments."""
    pages: list[Markup | None] = []
    for _entry, content in message.documents:
        try:
            html = render_fragment(content, language=language, heading_level=3)
        except SocleError:
            pages.append(None)
            continue
        pages.append(Markup(html))  # noqa: S704 - written by the renderer, which escapes all that a document holds
    return pages
