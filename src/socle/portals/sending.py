"""One send, two ways, at the desk: a document of the record by secure mail too, and what became of each way."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from socle.portals.document import DocumentViewer
from socle.portals.pages import page_language, render
from socle.portals.rows import Row, is_cda
from socle.portals.visit import Visit, read_form, text_of
from socle.services.delivery.domain import Order, TargetState
from socle.services.delivery.service import DeliveryService
from socle.services.mssante.domain import Contact
from socle.services.mssante.service import MssanteService
from socle.standards.errors import InvalidContent, SocleError, Text
from socle.standards.xds.model import Visibility

#: Fields of ``parts/recipients.html`` that a page shows again after an error.
MAIL_FIELDS = ("to", "patient", "mail_text", "mailbox")
#: Kind of notice by state, for the eye; the words say it too.
TONES = {
    TargetState.WAITING: "",
    TargetState.SENT: "",
    TargetState.DELIVERED: "good",
    TargetState.READ: "good",
    TargetState.REFUSED: "bad",
}


class SendingPages:
    """Pages to send a document and to follow it."""

    def __init__(self, delivery: DeliveryService, mssante: MssanteService, viewer: DocumentViewer) -> None:
        self._delivery = delivery
        self._mssante = mssante
        self._viewer = viewer

    async def form(self, request: Request, visit: Visit) -> Response:
        """To whom, by secure mail."""
        return await self._page(request, visit, {}, [])

    async def send(self, request: Request, visit: Visit) -> Response:
        """Sends, and shows what becomes of it."""
        form = await read_form(request)
        found = await self._viewer.find(request, visit)
        if not is_cda(found):
            raise InvalidContent("NotCDA", Text("Seul un document CDA s'envoie ainsi.", "Only a CDA is sent this way."))
        visibility = frozenset(
            Visibility(code.code) for code in found.entry.confidentiality_codes if code.code in set(Visibility)
        )
        try:
            order = order_of(form, found.content, visibility)
            act = await self._delivery.send(visit.actor, order)
        except SocleError as error:
            values = {name: text_of(form, name, 2000) for name in MAIL_FIELDS}
            return await self._page(request, visit, values, [("to", error.sentence(page_language(request)))])
        return RedirectResponse(f"/pro/envois/{act.id}", 303)

    async def status(self, request: Request, visit: Visit) -> Response:
        """What became of each way of one act."""
        act = await self._delivery.status(visit.actor, request.path_params["id"])
        return render(request, "pro/act.html", {"visit": visit, "act": act, "tones": TONES})

    async def acts(self, request: Request, visit: Visit) -> Response:
        """What the professional sent, newest first."""
        return render(request, "pro/acts.html", {"visit": visit, "acts": await self._delivery.list_acts(visit.actor)})

    async def _page(
        self, request: Request, visit: Visit, values: dict[str, str], errors: Sequence[tuple[str, str]]
    ) -> Response:
        found = await self._viewer.find(request, visit)
        query = request.query_params
        words = query.get("chercher", "").strip()[:100]
        chosen = dict.fromkeys(MAIL_FIELDS, "") | {"to": query.get("a", "")[:2000]} | values
        texts = {
            "visit": visit,
            "row": Row(found.entry),
            "values": chosen,
            "errors": errors,
            "search": words,
            "contacts": await self._contacts(visit, words) if words else [],
            "boxes": await usable_boxes(self._mssante, visit),
            "is_hidden_from_patient": any(
                code.code == Visibility.INVISIBLE_PATIENT for code in found.entry.confidentiality_codes
            ),
        }
        return render(request, "pro/send.html", texts, status=422 if errors else 200)

    async def _contacts(self, visit: Visit, words: str) -> list[Contact]:
        boxes = await usable_boxes(self._mssante, visit)
        if not boxes:
            return []
        return await self._mssante.outbox.contacts(await self._mssante.access.of_actor(boxes[0], visit.actor), words)


async def usable_boxes(mssante: MssanteService, visit: Visit) -> list[str]:
    """The boxes from which the professional may write, preferred first."""
    return [box.address for box in await mssante.usable_by(visit.actor.id)]


def order_of(
    form: FormData,
    document: bytes,
    visibility: frozenset[Visibility],
    *,
    to_dmp: bool = False,
    replaces: str = "",
) -> Order:
    """What a form with the fields of ``parts/recipients.html`` asks. Raises ``InvalidContent`` for a bad address."""
    to = text_of(form, "to", 2000).replace(";", ",")
    return Order(
        document=document,
        mailbox=text_of(form, "mailbox", 320),
        to_dmp=to_dmp,
        to=tuple(part.strip() for part in to.split(",") if part.strip()),
        to_patient=text_of(form, "patient", 5) == "oui",
        text=text_of(form, "mail_text", 5000),
        visibility=tuple(sorted(visibility)),
        asks_read_receipt=text_of(form, "receipt", 5) == "oui",
        closes_exchange=text_of(form, "close", 5) == "oui",
        product="SOCLE-WEB",
        replaces=replaces,
    )


def wants_mail(form: FormData) -> bool:
    """Whether the form names anybody to write to."""
    return bool(text_of(form, "to", 2000)) or text_of(form, "patient", 5) == "oui"
