"""The FHIR door of traces, at ``/audit/fhir``: AuditEvent search (ITI-81), read, and feed (ITI-20).

Source: IHE ITI RESTful ATNA; TdE 2.0.0; fact sheet dmp-exchange §7.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from socle.platform.actor import Actor
from socle.platform.audit import BEGINNING, END, Trace
from socle.platform.fhir import (
    Cursors,
    endpoint,
    not_here,
    page_url,
    prefers,
    query_pairs,
    read_resource,
    respond,
    self_url,
)
from socle.platform.web import Authenticate
from socle.services.audit.balp import balp_event_of, profile_of
from socle.services.audit.events import PROFILE, audit_event_of, check_fed, place_of, trace_id
from socle.services.audit.service import AuditService, Window
from socle.services.dmp.fhir_search import ins_of_token
from socle.standards.errors import MalformedInput, NotFound, Text
from socle.standards.fhir.bundle import searchset
from socle.standards.fhir.capability import Served, capability_statement
from socle.standards.fhir.json_codec import encode_json
from socle.standards.fhir.resources import (
    AnyResource,
    AuditEvent,
    Bundle,
    BundleEntry,
    BundleEntryResponse,
)
from socle.standards.fhir.search import Kind, Parameter, Search, Token, parse_query
from socle.standards.ids.ins import Ins

PATH: Final = "/audit/fhir"
BALP: Final = "https://profiles.ihe.net/ITI/BALP/"
PARAMETERS: Final = (
    Parameter("date", Kind.DATE, "obligatoire", "http://hl7.org/fhir/SearchParameter/AuditEvent-date"),
    Parameter("period-start", Kind.DATE, "date de début de l'événement (TdE)"),
    Parameter("patient.identifier", Kind.TOKEN, "urn:oid:{OID de l'INS}|{matricule}"),
    Parameter("action", Kind.TOKEN, definition="http://hl7.org/fhir/SearchParameter/AuditEvent-action"),
    Parameter("outcome", Kind.TOKEN, definition="http://hl7.org/fhir/SearchParameter/AuditEvent-outcome"),
    Parameter("type", Kind.TOKEN, definition="http://hl7.org/fhir/SearchParameter/AuditEvent-type"),
    Parameter("subtype", Kind.TOKEN, definition="http://hl7.org/fhir/SearchParameter/AuditEvent-subtype"),
    Parameter("agent.identifier", Kind.TOKEN),
    Parameter("agent-name", Kind.STRING, definition="http://hl7.org/fhir/SearchParameter/AuditEvent-agent-name"),
    Parameter("address", Kind.STRING, definition="http://hl7.org/fhir/SearchParameter/AuditEvent-address"),
    Parameter("entity.identifier", Kind.TOKEN),
    Parameter("_profile", Kind.STRING, "tde-auditevent (par défaut), ou un profil BALP : les traces en ont la forme"),
)
_MAX_BYTES: Final = 64 * 1024
_MAX_BATCH: Final = 100


class PagePlace(msgspec.Struct, frozen=True):
    """Where the next page starts."""

    search: Search
    window: Window
    #: Traces of the window's first batch that were already shown or passed over.
    passed: int = 0


def routes(service: AuditService, authenticate: Authenticate) -> list[BaseRoute]:
    """The door, for ``service``, who asks being established by ``authenticate``."""
    door = AuditDoor(service, authenticate)
    by_path: list[tuple[str, dict[str, Callable[[Request], Awaitable[Response]]]]] = [
        ("/metadata", {"GET": door.metadata}),
        ("/AuditEvent", {"GET": door.search, "POST": door.feed}),
        ("/AuditEvent/_search", {"POST": door.search}),
        ("/AuditEvent/{id}", {"GET": door.read}),
        ("/", {"POST": door.feed_many}),
        ("/{path:path}", {}),
    ]
    inner: list[BaseRoute] = [
        Route(path, endpoint(partial(_dispatch, handlers)), methods=_METHODS) for path, handlers in by_path
    ]
    root = Route(PATH, endpoint(partial(_dispatch, {"POST": door.feed_many})), methods=_METHODS)
    return [Route("/audit/key", door.key), root, Mount(PATH, routes=inner)]


_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]


async def _dispatch(handlers: Mapping[str, Callable[[Request], Awaitable[Response]]], request: Request) -> Response:
    method = "GET" if request.method == "HEAD" else request.method
    if method not in handlers:
        raise not_here(request, sorted(handlers))
    return await handlers[method](request)


class AuditDoor:
    """One method an interaction."""

    def __init__(self, service: AuditService, authenticate: Authenticate) -> None:
        self.service = service
        self.authenticate = authenticate
        self.url = service.base.settings.base_url + PATH
        self.cursors = Cursors(service.base.objects.rings)

    async def search(self, request: Request) -> Response:
        """ITI-81. ``date`` is required, so that nobody asks for everything by mistake."""
        actor = await self.authenticate(request)
        place = await self._page_asked(request, actor)
        batch = await self.service.read_batch(actor, place.window, is_first="_cursor" not in request.query_params)
        patient = place.window.patient or actor.patient
        shown: list[tuple[str, AnyResource]] = []
        passed = place.passed
        for trace in batch.traces[place.passed :]:
            if len(shown) == place.search.count:
                break
            passed += 1
            event = self._shaped(trace, patient, place.search)
            if event is not None and _matches(event, place.search):
                shown.append((f"{self.url}/AuditEvent/{event.id}", event))
        following = None
        if passed < len(batch.traces):
            following = PagePlace(place.search, batch.window, passed)
        elif batch.following is not None:
            following = PagePlace(place.search, batch.following)
        next_url = page_url(self.url, "AuditEvent", await self.cursors.seal(actor.id, following)) if following else ""
        bundle = searchset(shown, total=None, self_url=self_url(request, self.url, "AuditEvent"), next_url=next_url)
        return await respond(request, bundle, size_bytes=2048 * len(shown))

    def _shaped(self, trace: Trace, patient: Ins | None, search: Search) -> AuditEvent | None:
        """The trace in the shape that is asked for, if it has it."""
        asked = [text for clause in search.all("_profile") for text in clause.texts]
        if not any(text.startswith(BALP) for text in asked):
            return audit_event_of(trace, self.url, patient)
        profile = profile_of(trace)
        is_asked = profile is not None and all(profile.startswith(text) for text in asked)
        return balp_event_of(trace, self.url, patient) if is_asked else None

    async def _page_asked(self, request: Request, actor: Actor) -> PagePlace:
        is_lenient = prefers(request, "handling") == "lenient"
        search = parse_query(await query_pairs(request), PARAMETERS, sorts=("-date",), is_lenient=is_lenient)
        if search.cursor:
            return await self.cursors.open(actor.id, search.cursor, PagePlace)
        if not search.all("date"):
            raise MalformedInput(
                "FHIRParameterRequired",
                Text("Le paramètre « date » est obligatoire.", "The parameter 'date' is required."),
                location="date",
                remedy=Text(
                    "Écrivez date=ge2026-01-01&date=lt2026-02-01.", "Write date=ge2026-01-01&date=lt2026-02-01."
                ),
                requirement="TdE 2.0.0; ITI-81",
            )
        span = search.span("date").meet(search.span("period-start"))
        # What is recorded from now on, this very search to begin with, does not shift the pages.
        now = self.service.base.clock() + timedelta(microseconds=1)
        window = Window(patient=_patient_of(search), since=span.start or BEGINNING, until=min(span.end or END, now))
        return PagePlace(search, window)

    async def read(self, request: Request) -> Response:
        """An AuditEvent by id."""
        actor = await self.authenticate(request)
        place = place_of(request.path_params["id"])
        if place is None:
            raise NotFound("FHIRNotFound", Text("Il n'y a pas de trace de ce nom.", "There is no such trace."))
        trace = await self.service.read_one(actor, *place)
        return await respond(request, audit_event_of(trace, self.url, actor.patient))

    async def feed(self, request: Request) -> Response:
        """ITI-20 by FHIR: one AuditEvent."""
        actor = await self.authenticate(request)
        event = await read_resource(request, AuditEvent, _MAX_BYTES)
        trace = await self._keep(actor, event)
        headers = {"Location": f"{self.url}/AuditEvent/{trace_id(trace)}"}
        if prefers(request, "return") == "minimal":
            return Response(status_code=201, headers=headers)
        return await respond(request, audit_event_of(trace, self.url), 201, headers)

    async def feed_many(self, request: Request) -> Response:
        """ITI-20 by FHIR: a batch Bundle of AuditEvents."""
        actor = await self.authenticate(request)
        bundle = await read_resource(request, Bundle, _MAX_BYTES * _MAX_BATCH)
        events = list(_events_of(bundle))
        entries = []
        for event in events:
            trace = await self._keep(actor, event)
            location = f"{self.url}/AuditEvent/{trace_id(trace)}"
            entries.append(BundleEntry(response=BundleEntryResponse(status="201 Created", location=location)))
        return await respond(request, Bundle(type="batch-response", entry=tuple(entries)))

    async def _keep(self, actor: Actor, event: AuditEvent) -> Trace:
        code, action, patient = check_fed(event)
        return await self.service.feed(actor, code, action, patient, encode_json(event))

    async def key(self, _request: Request) -> Response:
        """The public key that checks exports of traces, open to all."""
        return JSONResponse({"algorithm": "Ed25519", "key": self.service.base.audit.public_key})

    async def metadata(self, request: Request) -> Response:
        """The CapabilityStatement, open to all."""
        statement = capability_statement(
            name="SocleGestionnaireDeTraces",
            title="Traces de Socle (TdE, ATNA)",
            url=self.url,
            date=self.service.base.clock().date().isoformat(),
            version=version("socle-sante"),
            served=(
                Served(
                    type="AuditEvent",
                    interactions=("read", "search-type", "create"),
                    parameters=PARAMETERS,
                    profile=PROFILE,
                ),
            ),
            system=("batch",),
        )
        return await respond(request, statement)


def _events_of(bundle: Bundle) -> Iterator[AuditEvent]:
    if bundle.type not in ("batch", "transaction") or len(bundle.entry) > _MAX_BATCH:
        raise MalformedInput(
            "FHIRStructure",
            Text(f"Un batch de {_MAX_BATCH} traces au plus est lu.", f"A batch of at most {_MAX_BATCH} is read."),
            location="Bundle.type",
        )
    for place, entry in enumerate(bundle.entry):
        if not isinstance(entry.resource, AuditEvent):
            raise MalformedInput(
                "FHIRUnexpectedEntry",
                Text("Une trace (AuditEvent) est attendue.", "An AuditEvent is expected."),
                location=f"Bundle.entry[{place}].resource",
            )
        check_fed(entry.resource)
        yield entry.resource


def _patient_of(search: Search) -> Ins | None:
    found = {ins_of_token(token) for clause in search.all("patient.identifier") for token in clause.tokens}
    if len(found) > 1:
        raise MalformedInput(
            "FHIRNotSupported",
            Text("Un seul patient à la fois.", "One patient at a time."),
            location="patient.identifier",
        )
    return found.pop() if found else None


def _matches(event: AuditEvent, search: Search) -> bool:
    """Whether ``event`` is what every parameter but date and patient asks for."""
    whos = [agent.who for agent in event.agent if agent.who]
    whats = [entity.what for entity in event.entity if entity.what]
    tokens: dict[str, list[tuple[str | None, str | None]]] = {
        "action": [("", event.action)],
        "outcome": [("", event.outcome)],
        "type": [(event.type.system, event.type.code)],
        "subtype": [(coding.system, coding.code) for coding in event.subtype],
        "agent.identifier": [(who.identifier.system, who.identifier.value) for who in whos if who.identifier],
        "entity.identifier": [(what.identifier.system, what.identifier.value) for what in whats if what.identifier],
    }
    texts = {
        "agent-name": [agent.name for agent in event.agent] + [who.display for who in whos],
        "address": [agent.network.address for agent in event.agent if agent.network],
    }
    return all(
        any(_is(token, value) for token in clause.tokens for value in tokens[clause.name])
        if clause.name in tokens
        else any(text and _starts(text, wanted) for wanted in clause.texts for text in texts[clause.name])
        for clause in search.clauses
        if clause.name in tokens or clause.name in texts
    )


def _starts(text: str, wanted: str) -> bool:
    return text.casefold().startswith(wanted.casefold())


def _is(token: Token, value: tuple[str | None, str | None]) -> bool:
    system, code = value
    return token.system in (None, system or "") and token.code in ("", code)
