"""The BAL API: boxes read and changed as ``telecom`` of Practitioner, PractitionerRole and Organization.

Source: ANS, ans.fhir.fr.mss 0.1.0 (draft), openapi-balmss; fact sheet "mssante" §12.2-12.5.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Final, Protocol
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.fhir import FhirStatus, endpoint, not_here, read_resource, respond
from socle.services.mssante.bal import (
    Holder,
    HolderResource,
    HolderType,
    changes_between,
    holder_resource,
    read_identifier,
)
from socle.services.mssante.domain import Mailbox, MailboxKind
from socle.services.mssante.service import MssanteService
from socle.services.mssante.store import QUERIES, mailbox_of
from socle.standards.errors import InvalidContent, MalformedInput, NotAuthenticated, NotFound, SocleError, Text
from socle.standards.fhir.capability import Served, capability_statement
from socle.standards.fhir.patch import apply_fhirpath_patch
from socle.standards.fhir.resources import (
    Bundle,
    BundleEntry,
    BundleEntrySearch,
    BundleLink,
    Parameters,
)
from socle.standards.fhir.search import Kind, Parameter
from socle.standards.fhir.types import Coding, Meta

_MAX_BYTES: Final = 256 * 1024
_ADDRESS_PATH: Final = re.compile(r"\w+\.telecom(?:\.where\([^()]*\)|\[\d+\])?\.value")
_KEY_HEADER: Final = "ESANTE-API-KEY"
_ALL_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_BY_BOX: Final = (
    Parameter("mailbox-mss", Kind.STRING, "Début de l'adresse", modifiers=frozenset({"contains", "exact"})),
    Parameter("mailbox-mss-type", Kind.TOKEN, "PER, ORG, APP ou CAB"),
)
_PARAMETERS: Final = {
    HolderType.PRACTITIONER: (*_BY_BOX, Parameter("identifier", Kind.TOKEN, "RPPS")),
    HolderType.ORGANIZATION: (*_BY_BOX, Parameter("identifier", Kind.TOKEN, "FINESS")),
    HolderType.ROLE: (
        *_BY_BOX,
        Parameter("practitioner.identifier", Kind.TOKEN, "RPPS"),
        Parameter("organization.identifier", Kind.TOKEN, "FINESS"),
    ),
}
#: Parameters that say what of the answer is wanted, and how.
_RESULT_PARAMETERS: Final = frozenset({"_type", "_count", "_elements", "_page_token", "_format"})
_NAMES: Final = _RESULT_PARAMETERS | {
    f"{one.name}{modifier}"
    for parameters in _PARAMETERS.values()
    for one in parameters
    for modifier in ("", *(f":{name}" for name in one.modifiers))
}
_SUBSETTED: Final = Coding(system="http://terminology.hl7.org/CodeSystem/v3-ObservationValue", code="SUBSETTED")


class Holders(Protocol):
    """Knows which persons and structures exist."""

    async def exists(self, person_id: str, structure_id: str) -> bool:
        """Whether each of the given ones is in the directory."""


async def create_api_key(service: MssanteService, name: str) -> str:
    """A new key for ``name``, shown this once: only its hash is kept."""
    key = secrets.token_urlsafe(32)
    async with service.base.database.connection() as connection:
        await QUERIES["add_api_key"].execute(
            connection, key_hash=hashlib.sha256(key.encode()).digest(), name=name, now=service.base.clock()
        )
    return key


def routes(service: MssanteService, *, holders: Holders | None = None, path: str = "/bal/fhir") -> list[BaseRoute]:
    """The doors of the API, under ``path``."""
    door = _Door(service, holders, f"{service.base.settings.base_url}{path}")
    found: list[BaseRoute] = []
    for kind in HolderType:
        found += [
            Route(f"{path}/{kind}", door.search_of(kind), methods=["GET"]),
            Route(f"{path}/{kind}", door.patch_of(kind), methods=["PATCH"]),
            Route(f"{path}/{kind}/{{id}}", door.patch_of(kind), methods=["PATCH"]),
            Route(f"{path}/{kind}/{{id}}", door.read_of(kind), methods=["GET"]),
        ]
    root = [Route(place, endpoint(door.search_all), methods=["GET"]) for place in (path, f"{path}/")]
    return [
        *root,
        Route(f"{path}/metadata", endpoint(door.metadata), methods=["GET"]),
        *found,
        Route(f"{path}/{{path:path}}", endpoint(door.elsewhere), methods=_ALL_METHODS),
    ]


Handler = Callable[[Request], Awaitable[Response]]


class _Door:
    def __init__(self, service: MssanteService, holders: Holders | None, base_url: str) -> None:
        self._service = service
        self._holders = holders
        self._base_url = base_url

    async def metadata(self, request: Request) -> Response:
        """The CapabilityStatement; no key is needed."""
        statement = capability_statement(
            name="SocleBAL",
            title="Boîtes aux lettres MSSanté (Socle)",
            url=self._base_url,
            date=self._service.base.clock().date().isoformat(),
            version=version("socle-sante"),
            served=[
                Served(type=kind.value, interactions=("read", "search-type", "patch"), parameters=_PARAMETERS[kind])
                for kind in HolderType
            ],
            patch_formats=("application/fhir+json", "application/fhir+xml"),
            documentation="Un PATCH est un FHIRPath Patch ; GET /?_type=… cherche dans plusieurs types.",
            key_header=_KEY_HEADER,
        )
        return await respond(request, statement)

    async def elsewhere(self, request: Request) -> Response:
        """Anything that this API has not."""
        raise not_here(request)

    def patch_of(self, kind: HolderType) -> Handler:
        async def patch(request: Request) -> Response:
            caller = await self._authenticate(request)
            holder = await self._holder(kind, request)
            before = await self._boxes(holder)
            if not before and self._holders and not await self._holders.exists(holder.person_id, holder.structure_id):
                raise NotFound("BALNoHolder", Text("Ce titulaire n'existe pas.", "There is no such holder."))
            parameters = await read_resource(request, Parameters, _MAX_BYTES)
            try:
                current: HolderResource = holder_resource(holder, before)
                _refuse_address_change(parameters)
                patched = apply_fhirpath_patch(current, parameters)
                changes = changes_between(holder, before, patched)
                await self._service.apply(caller, changes.created, changes.changed, changes.closed)
            except InvalidContent as error:  # the API says 400 where the base says 422
                raise FhirStatus(400, error.code, error.reason, location=error.location) from error
            return await respond(request, holder_resource(holder, await self._boxes(holder)))

        return endpoint(patch)

    def read_of(self, kind: HolderType) -> Handler:
        async def read(request: Request) -> Response:
            await self._authenticate(request)
            holder = Holder.from_id(kind, request.path_params["id"])
            boxes = await self._boxes(holder)
            if not boxes:
                raise NotFound("BALNoHolder", Text("Aucune boîte pour ce titulaire.", "No box for this holder."))
            return await respond(request, holder_resource(holder, boxes))

        return endpoint(read)

    def search_of(self, kind: HolderType) -> Handler:
        async def search(request: Request) -> Response:
            await self._authenticate(request)
            return await self._search(request, [kind])

        return endpoint(search)

    async def search_all(self, request: Request) -> Response:
        """``GET /?_type=Practitioner,PractitionerRole``."""
        await self._authenticate(request)
        try:
            kinds = [HolderType(name) for name in request.query_params.get("_type", "").split(",")]
        except ValueError as error:
            raise MalformedInput(
                "BALType", Text("_type nomme des ressources connues.", "_type names known resources."), location="_type"
            ) from error
        return await self._search(request, kinds)

    async def _search(self, request: Request, kinds: list[HolderType]) -> Response:
        wanted = _read_query(request)
        entries: list[BundleEntry] = []
        last: tuple[str, Holder] | None = None
        has_more = False
        for kind in kinds:
            if wanted.after_type and kind.value < wanted.after_type:
                continue
            after = wanted.after if kind.value == wanted.after_type else Holder("", "")
            async with self._service.base.database.connection() as connection:
                rows = await QUERIES["find_holders"].rows(
                    connection,
                    after_person=after.person_id,
                    after_structure=after.structure_id,
                    resource=kind.value,
                    contains=wanted.contains,
                    starts=wanted.starts,
                    exact=wanted.exact,
                    kind=wanted.kind,
                    person_id=wanted.person_id,
                    structure_id=wanted.structure_id,
                    count=wanted.count - len(entries) + 1,
                )
            for row in rows:
                if len(entries) == wanted.count:
                    has_more = True
                    break
                holder = Holder(row["person_id"], row["structure_id"])
                last = (kind.value, holder)
                entries.append(self._entry(kind, holder, await self._boxes(holder), is_subset=wanted.is_subset))
        links = [BundleLink(relation="self", url=str(request.url))]
        if has_more and last is not None:
            parameters = {**request.query_params, "_page_token": _seal(last[0], last[1])}
            links.append(
                BundleLink(relation="next", url=f"{str(request.url).partition('?')[0]}?{urlencode(parameters)}")
            )
        return await respond(request, Bundle(type="searchset", link=tuple(links), entry=tuple(entries)))

    def _entry(self, kind: HolderType, holder: Holder, boxes: list[Mailbox], *, is_subset: bool) -> BundleEntry:
        resource = holder_resource(holder, boxes)
        if is_subset:
            resource = msgspec.structs.replace(resource, meta=Meta(tag=(_SUBSETTED,)))
        return BundleEntry(
            full_url=f"{self._base_url}/{kind}/{holder.id}",
            resource=resource,
            search=BundleEntrySearch(mode="match"),
        )

    async def _holder(self, kind: HolderType, request: Request) -> Holder:
        """The holder that the path or the identifiers name. Raises ``FhirStatus`` 412 when several do."""
        if "id" in request.path_params:
            return Holder.from_id(kind, request.path_params["id"])
        query = request.query_params
        if kind is not HolderType.ROLE:
            identifier = read_identifier(query.get("identifier", ""))
            return Holder("", identifier) if kind is HolderType.ORGANIZATION else Holder(identifier, "")
        person = read_identifier(query.get("practitioner.identifier", ""))
        if "organization.identifier" in query:
            return Holder(person, read_identifier(query["organization.identifier"]))
        boxes = await self._service.held_by(person_id=person)
        found = {box.structure_id for box in boxes if box.structure_id}
        if len(found) > 1:
            raise FhirStatus(
                412, "BALSeveral", Text("Plusieurs exercices correspondent.", "Several roles match this identifier.")
            )
        if not found:
            raise NotFound("BALNoHolder", Text("Aucun exercice ne correspond.", "No role matches."))
        return Holder(person, found.pop())

    async def _boxes(self, holder: Holder) -> list[Mailbox]:
        async with self._service.base.database.connection() as connection:
            rows = await QUERIES["find_boxes_of_holder"].rows(
                connection, person_id=holder.person_id, structure_id=holder.structure_id
            )
        return [mailbox_of(row) for row in rows]

    async def _authenticate(self, request: Request) -> Actor:
        """The software that holds the key of ``request``, by the name that the operator gave the key."""
        key = request.headers.get(_KEY_HEADER, "")
        async with self._service.base.database.connection() as connection:
            row = await QUERIES["find_api_key"].row(connection, key_hash=hashlib.sha256(key.encode()).digest())
        if not key or row is None:
            raise NotAuthenticated(
                "BALKey",
                Text("La clé ESANTE-API-KEY manque ou est inconnue.", "The ESANTE-API-KEY is missing or unknown."),
                remedy=Text("Créez une clé : socle mss api-key NOM.", "Create a key: socle mss api-key NAME."),
            )
        return Actor(
            kind=ActorKind.OPERATOR,
            id=f"bal-api:{row['name']}",
            name=row["name"],
            software=row["name"],
            authentication=AuthenticationMode.OPERATOR,
            origin=request.client.host if request.client is not None else "",
        )


def _refuse_address_change(parameters: Parameters) -> None:
    """Raises ``InvalidContent`` (``BALFixed``) on an operation that aims at an address."""
    for operation in parameters.parameter:
        for part in operation.part:
            if part.name == "path" and _ADDRESS_PATH.fullmatch(str(part.value_string or "")):
                raise InvalidContent(
                    "BALFixed", Text("L'adresse d'une boîte ne change pas.", "The address of a box never changes.")
                )


class _Query(msgspec.Struct, frozen=True):
    count: int
    contains: str
    starts: str
    exact: str
    kind: str
    person_id: str
    structure_id: str
    is_subset: bool
    after_type: str
    after: Holder


def _read_query(request: Request) -> _Query:
    query = request.query_params
    for name in query.keys() - _NAMES:
        raise MalformedInput(
            "BALSearch",
            Text(
                f"Le paramètre « {name} » n'existe pas ici. Paramètres admis : {', '.join(sorted(_NAMES))}.",
                f"There is no parameter '{name}' here. Accepted parameters: {', '.join(sorted(_NAMES))}.",
            ),
            location=name,
        )
    kind = query.get("mailbox-mss-type", "").rpartition("|")[2]
    count = query.get("_count", "50")
    after_type, after = _open(query.get("_page_token", ""))
    if (kind and kind not in set(MailboxKind)) or not (count.isdecimal() and 0 < int(count) <= 1000):
        raise MalformedInput(
            "BALSearch", Text("Un paramètre de recherche n'est pas admis.", "A search parameter is not accepted.")
        )
    identifiers = {
        name: read_identifier(query[name]) if name in query else ""
        for name in ("identifier", "practitioner.identifier", "organization.identifier")
    }
    is_organization = request.url.path.rstrip("/").endswith(HolderType.ORGANIZATION)
    return _Query(
        count=int(count),
        contains=query.get("mailbox-mss:contains", "").lower(),
        starts=query.get("mailbox-mss", "").lower(),
        exact=query.get("mailbox-mss:exact", "").lower(),
        kind=kind,
        person_id=identifiers["practitioner.identifier"] or ("" if is_organization else identifiers["identifier"]),
        structure_id=identifiers["organization.identifier"] or (identifiers["identifier"] if is_organization else ""),
        is_subset="_elements" in query,
        after_type=after_type,
        after=after,
    )


def _seal(kind: str, holder: Holder) -> str:
    return base64.urlsafe_b64encode(f"{kind}|{holder.person_id}|{holder.structure_id}".encode()).decode()


def _open(token: str) -> tuple[str, Holder]:
    if not token:
        return "", Holder("", "")
    try:
        kind, person, structure = base64.urlsafe_b64decode(token).decode().split("|")
    except (binascii.Error, ValueError) as error:
        raise _bad_token() from error
    return kind, Holder(person, structure)


def _bad_token() -> SocleError:
    return MalformedInput("BALPage", Text("Lien de page illisible.", "Unreadable page link."), location="_page_token")
