"""Feeding the record: a CDA as it is, or a letter as PDF made into one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from socle.portals.deposit import Deposit, cda_submission, professional_submission
from socle.portals.pages import page_language, render, translate
from socle.portals.rows import Row, read_day
from socle.portals.sending import MAIL_FIELDS, order_of, usable_boxes, wants_mail
from socle.portals.visit import Visit, read_form, text_of
from socle.services.delivery.service import DeliveryService
from socle.services.dmp.domain import Door, GetDocuments
from socle.services.dmp.service import DmpService
from socle.services.ins.service import InsService
from socle.services.mssante.service import MssanteService
from socle.standards.cda.datatypes import Concept
from socle.standards.errors import SocleError
from socle.standards.xds.errors import text_of as sentence_of
from socle.standards.xds.model import Status, Visibility

_LOINC: Final = "2.16.840.1.113883.6.1"
#: What a professional most often writes by hand, with its label in JDV_J07.
LETTER_TYPES: Final = (
    ("11488-4", "Compte rendu ou fiche de consultation ou de visite"),
    ("11490-0", "Lettre de liaison à la sortie"),
    ("96349-6", "Lettre d'adressage"),
    ("34112-3", "Compte rendu hospitalier"),
    ("34874-8", "Compte rendu opératoire"),
    ("18748-4", "Compte rendu d'imagerie"),
    ("11502-2", "Compte rendu d'examens biologiques"),
    ("57833-6", "Prescription de produits de santé"),
    ("57832-8", "Prescription de soins"),
    ("89601-9", "Certificat médical"),
    ("60591-5", "Synthèse médicale"),
    ("85208-7", "Compte rendu de télémédecine"),
)
_VISIBILITIES: Final = {
    "masque": Visibility.MASQUE_PS,
    "patient": Visibility.INVISIBLE_PATIENT,
    "representants": Visibility.INVISIBLE_REPRESENTANTS_LEGAUX,
}


class FeedPages:
    """Pages to feed."""

    def __init__(self, dmp: DmpService, ins: InsService, delivery: DeliveryService, mssante: MssanteService) -> None:
        self._dmp = dmp
        self._ins = ins
        self._delivery = delivery
        self._mssante = mssante

    async def form(self, request: Request, visit: Visit) -> Response:
        """The form; ``remplace`` in the address names the document that the new one replaces."""
        replaces = request.query_params.get("remplace", "")[:64]
        return await self._page(request, visit, {"replaces": replaces}, [])

    async def send(self, request: Request, visit: Visit) -> Response:
        """Feeds the record and shows what came of it at once."""
        form = await read_form(request)
        values = {name: text_of(form, name, 2000) for name in ("type", "title", "day", "replaces", *MAIL_FIELDS)}
        chosen = frozenset(_VISIBILITIES[key] for key in form.getlist("visibility") if key in _VISIBILITIES)
        upload = form.get("file")
        if not isinstance(upload, UploadFile) or not upload.filename:
            return await self._page(request, visit, values, [("file", translate(request, "Choisissez un fichier."))])
        content = await upload.read()
        try:
            replaced_id, replaced_uuid = await self._replaced(visit, values["replaces"])
            now = self._dmp.context.base.clock()
            if _is_xml(content):
                submission = await asyncio.to_thread(cda_submission, content, now, chosen, replaced_uuid)
            else:
                day = read_day(values["day"])
                types = dict(LETTER_TYPES)
                errors = [
                    (field, translate(request, message))
                    for field, message, is_wrong in (
                        ("title", "Donnez un titre au document.", not values["title"]),
                        ("day", "Écrivez une date comme 27/03/2024.", day is None),
                        ("type", "Choisissez un type.", values["type"] not in types),
                    )
                    if is_wrong
                ]
                if errors or day is None:
                    return await self._page(request, visit, values, errors)
                person = await self._ins.holder(visit.actor, visit.record)
                deposit = Deposit(
                    content=content,
                    type=Concept(values["type"], _LOINC, types[values["type"]]),
                    title=values["title"],
                    day=day,
                    visibility=chosen,
                    replaces=replaced_id,
                    replaces_uuid=replaced_uuid,
                )
                submission = await asyncio.to_thread(
                    professional_submission, deposit, person, visit.record, visit.actor, now
                )
            if wants_mail(form):
                [document] = submission.contents.values()
                order = order_of(form, document, chosen, to_dmp=True, replaces=replaced_uuid)
                act = await self._delivery.send(visit.actor, order)
                return RedirectResponse(f"/pro/envois/{act.id}", 303)
            receipt = await self._dmp.submit(visit.actor, submission, door=Door.PORTAL, transaction="portal.deposit")
        except SocleError as error:
            language = page_language(request)
            where = f" ({error.location})" if error.location else ""
            return await self._page(request, visit, values, [("file", error.sentence(language) + where)])
        row = Row(receipt.objects.documents[0])
        return render(
            request, "pro/fed.html", {"visit": visit, "row": row, "warnings": list(map(sentence_of, receipt.warnings))}
        )

    async def _replaced(self, visit: Visit, logical_id: str) -> tuple[str, str]:
        if not logical_id:
            return "", ""
        query = GetDocuments(patient=visit.record, logical_ids=(f"urn:uuid:{logical_id}",))
        found = await self._dmp.query(visit.actor, query, door=Door.PORTAL)
        for entry in found.documents:
            if entry.status is Status.APPROVED:
                return entry.unique_id, entry.entry_uuid
        return "", ""

    async def _page(
        self, request: Request, visit: Visit, values: dict[str, str], errors: Sequence[tuple[str, str]]
    ) -> Response:
        empty = {"type": LETTER_TYPES[0][0], "title": "", "day": "", "replaces": "", **dict.fromkeys(MAIL_FIELDS, "")}
        types = [(code, translate(request, label)) for code, label in LETTER_TYPES]
        boxes = await usable_boxes(self._mssante, visit)
        texts = {"visit": visit, "values": empty | values, "errors": errors, "types": types, "boxes": boxes}
        return render(request, "pro/feed.html", texts, status=422 if errors else 200)


def _is_xml(content: bytes) -> bool:
    return content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
