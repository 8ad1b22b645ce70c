"""``/deliveries``: one call sends a CDA document to the DMP and by secure mail; another says what became of it.

``POST /deliveries?from=box&to=a&to=b&to-dmp&to-patient`` with the document as body (``application/xml``) answers 202;
``GET /deliveries/{id}`` answers the same object, later.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.platform.web import Authenticate, language_of, read_body
from socle.services.delivery.domain import Delivery, Order
from socle.services.delivery.service import DeliveryService
from socle.standards.errors import InvalidContent, Text
from socle.standards.xds.model import Visibility

_MAX_BYTES = 60 * 1024 * 1024
_TRUE = {"", "1", "true", "oui", "yes"}


def routes(service: DeliveryService, authenticate: Authenticate) -> list[BaseRoute]:
    """The two doors. ``authenticate`` says who asks."""

    async def send(request: Request) -> Response:
        actor = await authenticate(request)
        query = request.query_params
        order = Order(
            document=await read_body(request, _MAX_BYTES),
            mailbox=query.get("from", ""),
            to_dmp=query.get("to-dmp", "no").lower() in _TRUE,
            to=tuple(query.getlist("to")),
            to_patient=query.get("to-patient", "no").lower() in _TRUE,
            text=query.get("text", ""),
            visibility=tuple(_visibility(text) for text in query.getlist("visibility")),
            asks_read_receipt=query.get("read-receipt", "no").lower() in _TRUE,
            closes_exchange=query.get("close", "no").lower() in _TRUE,
            key=request.headers.get("idempotency-key", ""),
        )
        delivery = await service.send(actor, order)
        return _answer(delivery, request, 202)

    async def status(request: Request) -> Response:
        actor = await authenticate(request)
        return _answer(await service.status(actor, request.path_params["id"]), request, 200)

    return [
        Route("/deliveries", send, methods=["POST"]),
        Route("/deliveries/{id}", status, methods=["GET"]),
    ]


def _answer(delivery: Delivery, request: Request, status: int) -> Response:
    language = language_of(request)
    body = msgspec.to_builtins(delivery)
    body["is_settled"] = delivery.is_settled
    body["sentence"] = delivery.sentence(language)
    for target, shown in zip(delivery.targets, body["targets"], strict=True):
        shown["sentence"] = target.sentence(language)
    headers = {"Location": f"/deliveries/{delivery.id}", "Cache-Control": "no-store"}
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")


def _visibility(text: str) -> Visibility:
    try:
        return Visibility(text)
    except ValueError as error:
        raise InvalidContent(
            "DeliveryVisibility", Text("Visibilité inconnue.", "Unknown visibility."), location="visibility"
        ) from error
