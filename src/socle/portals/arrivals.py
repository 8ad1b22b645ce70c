"""What is done with a document that came by secure mail: filed in the DMP by the professional, kept by the citizen."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from socle.portals.deposit import Deposit, citizen_submission, citizen_type
from socle.portals.mailbox import MailDesk
from socle.portals.pages import PARIS
from socle.portals.visit import Visit, read_form, text_of
from socle.services.delivery.arrivals import Arrival
from socle.services.delivery.intake import IntakeService
from socle.services.dmp.domain import Door, GetDocuments
from socle.services.dmp.service import DmpService
from socle.services.ins.service import InsService
from socle.standards.cda.render import render_pdf
from socle.standards.errors import NotFound, Text

#: Types of the citizen's own documents (TRE_A05) by the type of the document that came.
_KEPT_AS: Final = {
    "11502-2": "DOCPAT05",
    "18748-4": "DOCPAT04",
    "57833-6": "DOCPAT02",
    "57832-8": "DOCPAT02",
    "89601-9": "DOCPAT07",
}
_OTHERWISE: Final = "DOCPAT03"
_FILES: Final = frozenset({"application/pdf", "image/jpeg", "image/png"})


class ArrivalPages:
    """Acts on documents of messages."""

    def __init__(self, desk: MailDesk, intake: IntakeService, dmp: DmpService, ins: InsService) -> None:
        self._desk = desk
        self._intake = intake
        self._dmp = dmp
        self._ins = ins

    async def file(self, request: Request, visit: Visit) -> Response:
        """The professional files the document in the patient's DMP."""
        session = await self._desk.require(request, visit)
        await self._intake.file(session, request.path_params["arrival"])
        return await self._back(request, "verse")

    async def keep(self, request: Request, visit: Visit) -> Response:
        """The citizen keeps a document of a message among their own, once."""
        session = await self._desk.require(request, visit)
        arrival = await self._intake.examine(session, request.path_params["arrival"])
        if arrival.filed_at is not None:
            return await self._back(request, "garde")
        message = await self._desk.mssante.webmail.peek(session, arrival.folder_id, arrival.uid)
        query = GetDocuments(patient=visit.record, unique_ids=(arrival.document_id,))
        if (await self._dmp.query(visit.actor, query, door=Door.PORTAL)).documents:
            filed_as = arrival.document_id  # the sender put it into the record too
        else:
            pdf = await asyncio.to_thread(render_pdf, await self._intake.content(session, arrival.id))
            code = _KEPT_AS.get(arrival.type_code, _OTHERWISE)
            filed_as = await self._deposit(visit, code, arrival.title, _day_of(arrival), pdf)
        await self._intake.note_filed(session, message, arrival.document_id, visit.record, filed_as)
        return await self._back(request, "garde")

    async def keep_file(self, request: Request, visit: Visit) -> Response:
        """The citizen keeps an attached PDF or photograph among their own documents, once."""
        session = await self._desk.require(request, visit)
        place = request.path_params
        message = await self._desk.mssante.webmail.peek(session, place["folder"], place["uid"])
        number = place["number"]
        found = message.mail.attachments[number] if number < len(message.mail.attachments) else None
        if found is None or found.content_type not in _FILES:
            raise NotFound("AttachmentNotFound", Text("Cette pièce ne peut pas être gardée.", "This cannot be kept."))
        name = f"attachment-{number}"
        if await self._intake.filed_as(session, message, name) == "":
            title = found.name.rpartition(".")[0] or found.name or message.mail.title
            filed_as = await self._deposit(visit, _OTHERWISE, title, message.received_at, found.content)
            await self._intake.note_filed(session, message, name, visit.record, filed_as)
        return await self._back(request, "garde")

    async def _deposit(self, visit: Visit, code: str, title: str, when: datetime, content: bytes) -> str:
        """Puts the file into the record as a document of the citizen's own; its uniqueId."""
        day = when.astimezone(PARIS).date()
        deposit = Deposit(content=content, type=citizen_type(code), title=title[:200] or "Document", day=day)
        person = await self._ins.holder(visit.actor, visit.record)
        now = self._dmp.context.base.clock()
        submission = await asyncio.to_thread(citizen_submission, deposit, person, visit.record, now)
        receipt = await self._dmp.submit(visit.actor, submission, door=Door.PORTAL, transaction="portal.keep")
        return receipt.objects.documents[0].unique_id

    async def _back(self, request: Request, did: str) -> Response:
        form = await read_form(request)
        return RedirectResponse(f"{self._desk.path}/{text_of(form, 'thread', 64)}?fait={did}", 303)


def _day_of(arrival: Arrival) -> datetime:
    """The day of the act as the document says it, else the day on which the message came."""
    try:
        return datetime.strptime(arrival.act_time[:8], "%Y%m%d").replace(hour=12, tzinfo=PARIS)
    except ValueError:
        return arrival.received_at
