"""The FHIR door of the DMP, at ``/dmp/fhir``: PDSm and MHD (ITI-65, 66, 67, 68, 105), PATCH, and ``Patient`` (TD0.2).

Source: PDSm 3.1.1, PDSm4DMP 0.1.0, MHD 4.2; fact sheet dmp-exchange §3.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from socle.platform.fhir import endpoint, not_here, query_pairs, respond, self_url
from socle.platform.web import Authenticate
from socle.services.dmp import fhir_changes, fhir_feeding, fhir_lists, fhir_reading, fhir_records
from socle.services.dmp.fhir_capability import statement_of
from socle.services.dmp.fhir_context import PATH, FhirContext, no_such
from socle.services.dmp.service import DmpService
from socle.standards.fhir.bundle import searchset
from socle.standards.fhir.resources import AnyResource
from socle.standards.fhir.search import parse_query

Handler = Callable[[FhirContext, Request], Awaitable[Response]]


def routes(service: DmpService, authenticate: Authenticate) -> list[BaseRoute]:
    """The door, for ``service``, who asks being established by ``authenticate``."""
    door = FhirContext(service, authenticate)
    by_path: list[tuple[str, dict[str, Handler]]] = [
        ("/", {"POST": fhir_feeding.transaction}),
        ("/metadata", {"GET": _metadata}),
        (
            "/DocumentReference",
            {"GET": fhir_reading.search_documents, "POST": fhir_feeding.publish, "PATCH": fhir_changes.patch_found},
        ),
        ("/DocumentReference/_search", {"POST": fhir_reading.search_documents}),
        ("/DocumentReference/{id}", {"GET": fhir_reading.read_document, "PATCH": fhir_changes.patch_named}),
        ("/List", {"GET": fhir_lists.search_lists}),
        ("/List/_search", {"POST": fhir_lists.search_lists}),
        ("/List/{id}", {"GET": fhir_lists.read_list}),
        ("/Binary/{id}", {"GET": fhir_reading.read_binary}),
        ("/Patient", {"GET": _search_patients}),
        ("/Patient/_search", {"POST": _search_patients}),
        ("/Patient/{id}", {"GET": _read_patient}),
        ("/{path:path}", {}),
    ]
    inner: list[BaseRoute] = [
        Route(path, endpoint(partial(_dispatch, door, handlers)), methods=_ALL_METHODS) for path, handlers in by_path
    ]
    root = Route(PATH, endpoint(partial(_dispatch, door, {"POST": fhir_feeding.transaction})), methods=_ALL_METHODS)
    return [root, Mount(PATH, routes=inner)]


_ALL_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]


async def _dispatch(door: FhirContext, handlers: Mapping[str, Handler], request: Request) -> Response:
    method = "GET" if request.method == "HEAD" else request.method
    if method not in handlers:
        raise not_here(request, sorted(handlers))
    return await handlers[method](door, request)


async def _search_patients(door: FhirContext, request: Request) -> Response:
    """TD0.2: ``Patient?identifier=…``, one entry if there is a DMP."""
    actor = await door.authenticate(request)
    search = parse_query(await query_pairs(request), fhir_records.PARAMETERS)
    patient = await fhir_records.find(door.service, actor, search)
    found: list[tuple[str, AnyResource]] = [(f"{door.url}/Patient/{patient.id}", patient)] if patient else []
    bundle = searchset(found, total=len(found), self_url=self_url(request, door.url, "Patient"))
    return await respond(request, bundle)


async def _read_patient(door: FhirContext, request: Request) -> Response:
    """The same, by the id that a search gave."""
    actor = await door.authenticate(request)
    patient = await fhir_records.read(door.service, actor, request.path_params["id"])
    if patient is None:
        raise no_such("Patient")
    return await respond(request, patient)


async def _metadata(door: FhirContext, request: Request) -> Response:
    """The CapabilityStatement, open to all."""
    settings = door.base.settings
    date = door.base.clock().date().isoformat()
    return await respond(request, statement_of(door.url, date, settings.max_body_bytes))
