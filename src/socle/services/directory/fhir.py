"""The directory's FHIR API, read only, at ``/directory/fhir/v2``.

Source: identity fact sheet §8.1; mssante fact sheet §11.2.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle import __version__
from socle.platform.fhir import Cursors, endpoint, not_here, prefers, query_pairs, respond, self_url
from socle.services.directory.fhir_reading import After, Found, Reader
from socle.services.directory.fhir_resources import SUBSETTED, identifier_of
from socle.services.directory.fhir_search import COLLECTIONS, Collection
from socle.services.directory.service import DirectoryService
from socle.standards.errors import MalformedInput, NotAuthenticated, NotFound, Text
from socle.standards.fhir.bundle import searchset
from socle.standards.fhir.capability import Served, capability_statement
from socle.standards.fhir.json_codec import from_tree, to_tree
from socle.standards.fhir.resources import AnyResource, Bundle, BundleEntry, BundleEntrySearch
from socle.standards.fhir.search import Search, parse_query
from socle.standards.fhir.types import Meta

PATH: Final = "/directory/fhir/v2"
HEADER: Final = "ESANTE-API-KEY"
_MAX_PAGE = 200
#: Includes of each type: the reference's name in the API, and the type that it leads to.
INCLUDES: Final = {
    "Practitioner": {},
    "PractitionerRole": {"practitioner": "Practitioner", "organization": "Organization"},
    "Organization": {"partof": "Organization"},
    "Device": {"organization": "Organization"},
    "HealthcareService": {"organization": "Organization"},
}
_REVINCLUDES: Final = {
    "Practitioner": {"PractitionerRole:practitioner"},
    "Organization": {"PractitionerRole:organization", "Device:organization", "HealthcareService:organization"},
}
_SORTS: Final = ("_id", "_lastUpdated")
_ALWAYS: Final = frozenset({"resourceType", "id", "meta"})


class Place(msgspec.Struct, frozen=True):
    """Where the next page starts, and of which search. ``pairs`` are its parameters."""

    type: str
    pairs: tuple[tuple[str, str], ...]
    after: After


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One page asked for."""

    collection: Collection
    search: Search
    pairs: tuple[tuple[str, str], ...]
    after: After
    total: str
    by_change: bool
    includes: frozenset[str]
    revincludes: frozenset[str]


def routes(service: DirectoryService) -> list[BaseRoute]:
    """The door."""
    door = FhirDoor(service)
    found: list[BaseRoute] = [Route(f"{PATH}/metadata", endpoint(door.metadata), methods=["GET"])]
    found.append(Route(f"{PATH}/_page", endpoint(door.next_page), methods=["GET"]))
    for name in COLLECTIONS:
        found += [
            Route(f"{PATH}/{name}", endpoint(door.search(name)), methods=["GET"]),
            Route(f"{PATH}/{name}/_search", endpoint(door.search(name)), methods=["POST"]),
            Route(f"{PATH}/{name}/{{id}}", endpoint(door.read(name)), methods=["GET"]),
        ]
    found.append(
        Route(f"{PATH}/{{path:path}}", endpoint(door.elsewhere), methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    )
    return found


class FhirDoor:
    """One method an interaction."""

    def __init__(self, service: DirectoryService) -> None:
        self._service = service
        self._reader = Reader(service.base.database)
        self._url = service.base.settings.base_url + PATH
        self._cursors = Cursors(service.base.objects.rings)

    async def metadata(self, request: Request) -> Response:
        """The CapabilityStatement; no key is needed."""
        served = [
            Served(type=collection.type, interactions=("read", "search-type"), parameters=collection.parameters)
            for collection in COLLECTIONS.values()
        ]
        statement = capability_statement(
            name="SocleAnnuaire",
            title="Annuaire Santé (Socle)",
            url=self._url,
            date=self._service.base.clock().date().isoformat(),
            version=__version__,
            served=served,
            documentation="Lecture seule. _lastUpdated (gt, ge, eq) donne ce qui a changé.",
            key_header=HEADER,
        )
        return await respond(request, statement)

    async def elsewhere(self, request: Request) -> Response:
        """Anything that this API has not."""
        raise not_here(request)

    def read(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        """Reads one resource of the type ``name``."""

        async def handle(request: Request) -> Response:
            await self._authenticate(request)
            key = identifier_of(request.path_params["id"])
            resources = await self._reader.read(COLLECTIONS[name], [key])
            if not resources:
                raise NotFound("FHIRNotFound", Text("Cette ressource n'existe pas.", "There is no such resource."))
            return await respond(request, resources[0])

        return handle

    def search(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        """Searches the type ``name``."""

        async def handle(request: Request) -> Response:
            key = await self._authenticate(request)
            pairs = tuple(await query_pairs(request))
            wanted = _read_wanted(
                COLLECTIONS[name], pairs, After(), is_lenient=prefers(request, "handling") == "lenient"
            )
            return await self._answer(request, key, wanted, self_url(request, self._url, name))

        return handle

    async def next_page(self, request: Request) -> Response:
        """The page that an opaque link leads to, for the application that got it."""
        key = await self._authenticate(request)
        place = await self._cursors.open(key, request.query_params.get("id", ""), Place)
        wanted = _read_wanted(COLLECTIONS[place.type], place.pairs, place.after, is_lenient=True)
        return await self._answer(request, key, wanted, f"{self._url}/_page?{request.url.query}")

    async def _answer(self, request: Request, key: str, wanted: Wanted, here: str) -> Response:
        found = await self._reader.search(
            wanted.collection, wanted.search, wanted.after, wanted.total, by_change=wanted.by_change
        )
        following = ""
        if found.next_after is not None:
            sealed = await self._cursors.seal(key, Place(wanted.collection.type, wanted.pairs, found.next_after))
            following = f"{self._url}/_page?{urlencode({'id': sealed})}"
        bundle = searchset(
            [(f"{self._url}/{item.__class__.__name__}/{item.id}", item) for item in found.resources],
            total=found.total,
            self_url=here,
            next_url=following,
        )
        included = await self._include(wanted, found)
        bundle = msgspec.structs.replace(bundle, entry=(*bundle.entry, *included))
        if wanted.search.elements:
            bundle = _only(bundle, wanted.search.elements)
        return await respond(request, bundle)

    async def _include(self, wanted: Wanted, found: Found) -> list[BundleEntry]:
        resources: dict[tuple[str, str | None], AnyResource] = {}
        for name, target in INCLUDES[wanted.collection.type].items():
            if f"{wanted.collection.type}:{name}" in wanted.includes or "*" in wanted.includes:
                keys = self._reader.keys_of(found, name)
                for item in await self._reader.read(COLLECTIONS[target], keys):
                    resources[target, item.id] = item
        for revinclude in wanted.revincludes:
            source, _, name = revinclude.partition(":")
            keys = [identifier_of(item.id or "") for item in found.resources]
            for item in await self._reader.read_referring(COLLECTIONS[source], name, keys):
                resources[source, item.id] = item
        return [
            BundleEntry(full_url=f"{self._url}/{kind}/{name}", resource=item, search=BundleEntrySearch(mode="include"))
            for (kind, name), item in resources.items()
        ]

    async def _authenticate(self, request: Request) -> str:
        key = request.headers.get(HEADER.lower(), "")
        name = await self._service.name_of_key(key) if key else None
        if name is None:
            raise NotAuthenticated(
                "ApiKeyRequired",
                Text(f"L'en-tête {HEADER} manque ou n'est pas connu.", f"The header {HEADER} is missing or unknown."),
                remedy=Text("Demandez une clé : socle directory key add.", "Ask for a key: socle directory key add."),
            )
        return name


def _read_wanted(collection: Collection, pairs: Sequence[tuple[str, str]], after: After, *, is_lenient: bool) -> Wanted:
    """The page that ``pairs`` ask for. Raises ``MalformedInput``."""
    special = {"_include", "_revinclude", "_total"}
    asked = {name: [value for key, value in pairs if key == name] for name in special}
    search = parse_query(
        [pair for pair in pairs if pair[0] not in special],
        collection.parameters,
        sorts=_SORTS,
        elements=_elements_of(collection),
        max_count=_MAX_PAGE,
        is_lenient=is_lenient,
    )
    includes = frozenset(value for text in asked["_include"] for value in text.split(","))
    revincludes = frozenset(value for text in asked["_revinclude"] for value in text.split(","))
    known = {f"{collection.type}:{name}" for name in INCLUDES[collection.type]} | {"*"}
    _check("_include", includes, known)
    _check("_revinclude", revincludes, _REVINCLUDES.get(collection.type, set()))
    total = (asked["_total"] or ["none"])[-1]
    _check("_total", {total}, {"none", "estimate", "accurate"})
    return Wanted(
        collection=collection,
        search=search,
        pairs=tuple(pairs),
        after=after,
        total=total,
        by_change=_is_by_change(search, pairs),
        includes=includes,
        revincludes=revincludes,
    )


def _is_by_change(search: Search, pairs: Sequence[tuple[str, str]]) -> bool:
    """What changed comes in the order of changes: who changes meanwhile is seen again, and nobody is missed."""
    sort = next((value for name, value in reversed(pairs) if name == "_sort"), "")
    return sort == "_lastUpdated" or (not sort and bool(search.all("_lastUpdated")))


def _elements_of(collection: Collection) -> frozenset[str]:
    from socle.standards.fhir import resources

    fields = msgspec.structs.fields(getattr(resources, collection.type))
    return frozenset(field.encode_name for field in fields if not field.encode_name.startswith("_"))


def _check(name: str, given: frozenset[str] | set[str], known: set[str]) -> None:
    unknown = sorted(given - known)
    if unknown:
        allowed = ", ".join(sorted(known)) or "-"
        raise MalformedInput(
            "FHIRNotSupported",
            Text(f"{name} accepte : {allowed}.", f"{name} takes: {allowed}."),
            location=name,
            requirement="FHIR R4 §3.1.1.5",
        )


def _only(bundle: Bundle, elements: frozenset[str]) -> Bundle:
    """``bundle`` with those elements of its resources alone, each tagged SUBSETTED."""
    entries = []
    for entry in bundle.entry:
        resource = entry.resource
        assert resource is not None
        tree: dict[str, Any] = to_tree(resource)
        kept = {name: value for name, value in tree.items() if name in elements | _ALWAYS}
        smaller = from_tree(kept, type(resource))
        meta = smaller.meta or Meta()
        tagged = msgspec.structs.replace(smaller, meta=msgspec.structs.replace(meta, tag=(*meta.tag, SUBSETTED)))
        entries.append(msgspec.structs.replace(entry, resource=tagged))
    return msgspec.structs.replace(bundle, entry=tuple(entries))
