"""``/mailboxes/{address}/documents``: what came by secure mail, for the software of whoever opens the box.

``GET …/documents`` lists (``new=1``: what was neither taken nor filed), ``GET …/{id}`` judges one and
``GET …/{id}/content`` gives its bytes; ``POST …/{id}/taken`` says that it was taken, ``POST …/{id}/dmp`` files it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.platform.web import Authenticate, language_of
from socle.services.delivery.arrivals import Arrival
from socle.services.delivery.intake import IntakeService
from socle.services.mssante.domain import MailSession
from socle.services.mssante.service import MssanteService

_PATH = "/mailboxes/{address}/documents"


def routes(service: IntakeService, mssante: MssanteService, authenticate: Authenticate) -> list[BaseRoute]:
    """The doors. ``authenticate`` says who asks; the box is opened in their name."""

    def opened(
        handle: Callable[[Request, MailSession], Awaitable[Response]],
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            actor = await authenticate(request)
            return await handle(request, await mssante.access.of_actor(request.path_params["address"], actor))

        return endpoint

    async def listed(request: Request, session: MailSession) -> Response:
        only_new = request.query_params.get("new", "0") in {"", "1", "true"}
        found = await service.list_arrivals(session, only_new=only_new)
        return _answer([_shown(arrival, request) for arrival in found])

    async def examined(request: Request, session: MailSession) -> Response:
        return _answer(_shown(await service.examine(session, request.path_params["id"]), request))

    async def content(request: Request, session: MailSession) -> Response:
        found = await service.content(session, request.path_params["id"])
        return Response(found, media_type="application/xml", headers={"Cache-Control": "no-store"})

    async def taken(request: Request, session: MailSession) -> Response:
        return _answer(_shown(await service.take(session, request.path_params["id"]), request))

    async def filed(request: Request, session: MailSession) -> Response:
        return _answer(_shown(await service.file(session, request.path_params["id"]), request))

    return [
        Route(_PATH, opened(listed), methods=["GET"]),
        Route(f"{_PATH}/{{id}}", opened(examined), methods=["GET"]),
        Route(f"{_PATH}/{{id}}/content", opened(content), methods=["GET"]),
        Route(f"{_PATH}/{{id}}/taken", opened(taken), methods=["POST"]),
        Route(f"{_PATH}/{{id}}/dmp", opened(filed), methods=["POST"]),
    ]


def _shown(arrival: Arrival, request: Request) -> dict[str, object]:
    shown: dict[str, object] = msgspec.to_builtins(arrival)
    return shown | {"may_be_filed": arrival.may_be_filed, "sentence": arrival.sentence(language_of(request))}


def _answer(value: object) -> Response:
    return Response(msgspec.json.encode(value), headers={"Cache-Control": "no-store"}, media_type="application/json")
