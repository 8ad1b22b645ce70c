"""Pages of an answer: the search that was asked, or the place in it that a link seals."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from socle.platform.actor import Actor
from socle.platform.fhir import page_url, prefers, query_pairs, respond, self_url
from socle.platform.web import language_of
from socle.services.dmp.domain import Door, FoundPage, Page, PatientQuery
from socle.services.dmp.fhir_context import FhirContext
from socle.services.dmp.fhir_search import DOCUMENT_PARAMETERS, REFERENCE_ELEMENTS, SORTS, PagePlace
from socle.standards.fhir.bundle import searchset
from socle.standards.fhir.outcome import warnings
from socle.standards.fhir.resources import AnyResource
from socle.standards.fhir.search import Parameter, parse_query
from socle.standards.xds.errors import metadata_error
from socle.standards.xds.model import RegistryObjects


async def page_asked(door: FhirContext, request: Request, actor: Actor, parameters: Sequence[Parameter]) -> PagePlace:
    """The search that the request asks, or the place that its link seals."""
    search = parse_query(
        await query_pairs(request),
        parameters,
        sorts=SORTS,
        elements=REFERENCE_ELEMENTS if parameters is DOCUMENT_PARAMETERS else frozenset(),
        is_lenient=prefers(request, "handling") == "lenient",
    )
    if search.cursor:
        return await door.cursors.open(actor.id, search.cursor, PagePlace)
    return PagePlace(search, "")


async def search_page(door: FhirContext, actor: Actor, query: PatientQuery | None, place: PagePlace) -> FoundPage:
    """The page of ``query`` at ``place``; an empty one when there can be nothing."""
    if query is None:
        return FoundPage(objects=RegistryObjects(), total=0)
    size = 0 if place.search.only_count else place.search.count
    page = Page(size=size, after=place.after, with_total=place.search.with_total)
    return await door.service.search(actor, query, page, door=Door.FHIR)


async def respond_page(
    door: FhirContext,
    request: Request,
    actor: Actor,
    resource_type: str,
    place: PagePlace,
    page: FoundPage,
    resources: Sequence[tuple[str, AnyResource]],
) -> Response:
    """The searchset of one page, with the link to the next."""
    next_url = ""
    if page.next:
        cursor = await door.cursors.seal(actor.id, PagePlace(place.search, page.next))
        next_url = page_url(door.url, resource_type, cursor)
    ignored = [
        metadata_error(f"Paramètre ignoré : {name}.", f"Parameter ignored: {name}.", name, "FHIRNotSupported")
        for name in place.search.ignored
    ]
    bundle = searchset(
        resources,
        total=page.total,
        self_url=self_url(request, door.url, resource_type),
        next_url=next_url,
        outcome=warnings(ignored, language_of(request)) if ignored else None,
    )
    return await respond(request, bundle, size_bytes=2048 * len(resources))
