"""Writing secure mail: a new message with addresses from the directory, an answer, drafts, read receipts."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from socle.portals.mailbox import MailDesk
from socle.portals.messages import MessagePages, answer_to, last_of_others
from socle.portals.pages import page_language, translate
from socle.portals.visit import Visit, read_form, text_of
from socle.services.mssante.domain import MailSession, NewMail
from socle.standards.errors import SocleError
from socle.standards.ids.naming import person_name
from socle.standards.mail.read import Attachment

_TEXT = 20_000


class ComposingPages:
    """Pages to write."""

    def __init__(self, desk: MailDesk, reading: MessagePages) -> None:
        self._desk = desk
        self._reading = reading

    async def write(self, request: Request, visit: Visit) -> Response:
        """The form of a new message, with addresses found in the directory; ``brouillon`` opens a draft again."""
        session = await self._desk.require(request, visit)
        draft = request.query_params.get("brouillon", "")
        values: dict[str, str] = {}
        if draft.isdecimal() and len(draft) < 19:
            folder = await self._desk.mssante.webmail.special(session, "\\Drafts")
            opened = await self._desk.mssante.webmail.read(session, folder.id, int(draft))
            mail = opened.mail
            to = ", ".join(str(one.address) for one in mail.to)
            values = {"to": to, "subject": mail.subject, "text": mail.text.rstrip("\n"), "draft": draft}
        return await self._page(request, visit, session, values, [])

    async def contacts(self, request: Request, visit: Visit) -> Response:
        """Addresses that match what is being typed, for the list that a browser suggests."""
        session = await self._desk.require(request, visit)
        words = request.query_params.get("mots", "").strip()[:100]
        found = await self._desk.mssante.outbox.contacts(session, words) if len(words) > 1 else []
        lines = [{"address": one.address, "label": _label(person_name(one.name), one.detail)} for one in found]
        return JSONResponse(lines, headers={"Cache-Control": "no-store"})

    async def send(self, request: Request, visit: Visit) -> Response:
        """Sends a new message, or keeps it as a draft."""
        session = await self._desk.require(request, visit)
        form = await read_form(request)
        values = {name: text_of(form, name, _TEXT) for name in ("to", "subject", "text", "draft")}
        replaces = int(values["draft"]) if values["draft"].isdecimal() and len(values["draft"]) < 19 else 0
        try:
            new = NewMail(
                to=tuple(part.strip() for part in values["to"].replace(";", ",").split(",") if part.strip()),
                subject=values["subject"],
                text=values["text"],
                attachments=await _attachments(form),
                asks_read_receipt=text_of(form, "receipt", 5) == "oui",
                closes_exchange=text_of(form, "close", 5) == "oui",
                send_id=_send_id(form),
            )
            if text_of(form, "action", 20) == "brouillon":
                folder = await self._desk.mssante.webmail.special(session, "\\Drafts")
                await self._desk.mssante.outbox.save_draft(session, new, replaces=replaces)
                return RedirectResponse(f"{self._desk.path}?dossier={folder.name}&brouillon=1", 303)
            if not values["text"]:
                error = translate(request, "Écrivez votre message.")
                return await self._page(request, visit, session, values, [("text", error)])
            await self._desk.mssante.outbox.send(session, new)
        except SocleError as error:
            return await self._page(request, visit, session, values, [("to", error.sentence(page_language(request)))])
        if replaces:
            await self._desk.mssante.outbox.drop_draft(session, replaces)
        return RedirectResponse(f"{self._desk.path}?envoye=1", 303)

    async def answer(self, request: Request, visit: Visit) -> Response:
        """Answers the last message that somebody else wrote."""
        session = await self._desk.require(request, visit)
        form = await read_form(request)
        messages = await self._desk.mssante.webmail.read_thread(session, request.path_params["thread"])
        last = last_of_others(messages, session)
        contact, text = answer_to(last), text_of(form, "text", _TEXT)
        if last is None or contact is None or not text:
            return await self._reading.thread(request, visit, [("text", translate(request, "Écrivez votre message."))])
        mail = last.mail
        new = NewMail(
            to=(contact,),
            subject=mail.subject if mail.subject.lower().startswith("re:") else f"Re: {mail.subject}",
            text=text,
            in_reply_to=mail.message_id,
            references=(*mail.references, mail.message_id),
            attachments=await _attachments(form),
            closes_exchange=text_of(form, "close", 5) == "oui",
            send_id=_send_id(form),
        )
        try:
            await self._desk.mssante.outbox.send(session, new)
        except SocleError as error:
            return await self._reading.thread(request, visit, [("text", error.sentence(page_language(request)))])
        return RedirectResponse(f"{self._desk.path}/{request.path_params['thread']}?envoye=1", 303)

    async def confirm(self, request: Request, visit: Visit) -> Response:
        """Tells the sender that the message was read, as they asked (ECO.3.1.6)."""
        session = await self._desk.require(request, visit)
        form = await read_form(request)
        place = request.path_params
        await self._desk.mssante.outbox.send_receipt(session, place["folder"], place["uid"])
        return RedirectResponse(f"{self._desk.path}/{text_of(form, 'thread', 64)}?fait=recu", 303)

    async def _page(
        self,
        request: Request,
        visit: Visit,
        session: MailSession,
        values: dict[str, str],
        errors: Sequence[tuple[str, str]],
    ) -> Response:
        query = request.query_params
        words = query.get("chercher", "").strip()[:100]
        contacts = await self._desk.mssante.outbox.contacts(session, words) if words else []
        known = {"to": query.get("a", "")[:2000], "subject": "", "text": "", "draft": ""} | values
        return await self._desk.page(
            request,
            visit,
            session,
            "shared/write.html",
            {"values": known, "errors": errors, "contacts": contacts, "search": words},
            status=422 if errors else 200,
        )


def _label(name: str, detail: str) -> str:
    return f"{name} – {detail}" if detail else name


def _send_id(form: FormData) -> str:
    """The id of this form: the same form sent twice is one message."""
    text = text_of(form, "send_id", 36)
    return text if text.replace("-", "").isalnum() else ""


async def _attachments(form: FormData) -> tuple[Attachment, ...]:
    return tuple(
        [
            Attachment(upload.filename, upload.content_type or "application/octet-stream", await upload.read())
            for upload in form.getlist("file")
            if isinstance(upload, UploadFile) and upload.filename
        ]
    )
