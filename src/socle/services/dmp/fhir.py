"""The FHIR door of the DMP, at ``/dmp/fhir``: PDSm and MHD (ITI-65, 66, 67, 68, 105), PATCH, and ``Patient`` (TD0.2).

Source: PDSm 3.1.1, PDSm4DMP 0.1.0, MHD 4.2; fact sheet dmp-exchange §3.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from socle.platform.actor import Actor
from socle.platform.clock import to_dtm
from socle.platform.fhir import (
    Cursors,
    FhirStatus,
    Format,
    accepted_types,
    endpoint,
    format_of,
    negotiate,
    not_here,
    off_loop,
    page_url,
    prefers,
    query_pairs,
    read_resource,
    refuse_conditional_headers,
    respond,
    self_url,
    version_in,
)
from socle.platform.web import Authenticate, read_body
from socle.services.dmp import fhir_records
from socle.services.dmp.domain import (
    DocumentRequest,
    Door,
    FindDocuments,
    FoundPage,
    GetDocuments,
    GetDocumentsAndAssociations,
    GetFolderAndContents,
    GetFolders,
    GetSubmissionSetAndContents,
    Missing,
    Page,
    PatientQuery,
    SubmissionReceipt,
)
from socle.services.dmp.fhir_capability import statement_of
from socle.services.dmp.fhir_changes import change_between, patched
from socle.services.dmp.fhir_search import (
    DOCUMENT_PARAMETERS,
    LIST_PARAMETERS,
    REFERENCE_ELEMENTS,
    SORTS,
    PagePlace,
    document_query,
    list_query,
    names_patient,
    patient_of,
)
from socle.services.dmp.service import DmpService
from socle.standards.errors import Conflict, MalformedInput, NotFound, Text
from socle.standards.fhir.bundle import searchset
from socle.standards.fhir.outcome import warnings
from socle.standards.fhir.pdsm.documents import Relation, binary_id, document_reference_of, fhir_id, reference_only
from socle.standards.fhir.pdsm.lists import list_of_folder, list_of_set
from socle.standards.fhir.pdsm.submissions import (
    Target,
    patch_targets_of,
    publication_of,
    references_of,
    submission_of,
    target_of,
)
from socle.standards.fhir.pdsm.systems import is_oid
from socle.standards.fhir.resources import (
    AnyResource,
    Binary,
    Bundle,
    BundleEntry,
    BundleEntryResponse,
    DocumentReference,
    ListResource,
)
from socle.standards.fhir.search import Parameter, Search, parse_query
from socle.standards.fhir.types import Reference
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import Association, AssociationType, DocumentEntry, RegistryObjects

PATH: Final = "/dmp/fhir"
_MAX_PATCH_BYTES: Final = 256 * 1024


def routes(service: DmpService, authenticate: Authenticate) -> list[BaseRoute]:
    """The door, for ``service``, who asks being established by ``authenticate``."""
    door = FhirDoor(service, authenticate)
    by_path: list[tuple[str, dict[str, Callable[[Request], Awaitable[Response]]]]] = [
        ("/", {"POST": door.transaction}),
        ("/metadata", {"GET": door.metadata}),
        ("/DocumentReference", {"GET": door.search_documents, "POST": door.publish, "PATCH": door.patch_found}),
        ("/DocumentReference/_search", {"POST": door.search_documents}),
        ("/DocumentReference/{id}", {"GET": door.read_document, "PATCH": door.patch_named}),
        ("/List", {"GET": door.search_lists}),
        ("/List/_search", {"POST": door.search_lists}),
        ("/List/{id}", {"GET": door.read_list}),
        ("/Binary/{id}", {"GET": door.read_binary}),
        ("/Patient", {"GET": door.search_patients}),
        ("/Patient/_search", {"POST": door.search_patients}),
        ("/Patient/{id}", {"GET": door.read_patient}),
        ("/{path:path}", {}),
    ]
    inner: list[BaseRoute] = [
        Route(path, endpoint(partial(_dispatch, handlers)), methods=_ALL_METHODS) for path, handlers in by_path
    ]
    root = Route(PATH, endpoint(partial(_dispatch, {"POST": door.transaction})), methods=_ALL_METHODS)
    return [root, Mount(PATH, routes=inner)]


_ALL_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]


async def _dispatch(handlers: Mapping[str, Callable[[Request], Awaitable[Response]]], request: Request) -> Response:
    method = "GET" if request.method == "HEAD" else request.method
    if method not in handlers:
        raise not_here(request, sorted(handlers))
    return await handlers[method](request)


class FhirDoor:
    """One method an interaction: decode, use case, encode."""

    def __init__(self, service: DmpService, authenticate: Authenticate) -> None:
        self.service = service
        self.authenticate = authenticate
        self.base = service.context.base
        self.url = self.base.settings.base_url + PATH
        self.cursors = Cursors(self.base.objects.rings)

    # --- feeding ---

    async def transaction(self, request: Request) -> Response:
        """ITI-65: a transaction Bundle."""
        actor = await self.authenticate(request)
        bundle = await read_resource(request, Bundle, self.base.settings.max_body_bytes)
        targets = references_of(bundle) | patch_targets_of(bundle)
        found = await self._find(actor, targets)
        submission = submission_of(bundle, found, new_oid)
        receipt = await self.service.submit(actor, submission, door=Door.FHIR, transaction="ITI-65")
        return await respond(request, self._transaction_response(bundle, receipt))

    def _transaction_response(self, bundle: Bundle, receipt: SubmissionReceipt) -> Bundle:
        entries = []
        objects = receipt.objects
        documents = {entry.entry_uuid: entry for entry in objects.documents}
        contents = {_content_url(entry): place for place, entry in enumerate(bundle.entry)}
        outcome = warnings(receipt.warnings) if receipt.warnings else None
        for place, entry in enumerate(bundle.entry):
            request, resource = entry.request, entry.resource
            assert request is not None
            location, etag, status = None, None, "201 Created"
            registered = receipt.ids.get(f"entry{place}", "")
            if isinstance(resource, DocumentReference):
                document = documents[registered]
                location = f"{self.url}/DocumentReference/{fhir_id(document.logical_id)}"
                etag = f'W/"{document.version}"'
            elif isinstance(resource, ListResource):
                location = f"{self.url}/List/{fhir_id(registered)}"
            elif isinstance(resource, Binary):
                owner = receipt.ids[f"entry{contents[entry.full_url]}"]
                location = f"{self.url}/Binary/{binary_id(documents[owner])}"
            else:
                location, status = f"{self.url}/{request.url}", "200 OK"
            is_set = registered == receipt.submission_set_uuid
            entries.append(
                BundleEntry(
                    full_url=location,
                    response=BundleEntryResponse(
                        status=status, location=location, etag=etag, outcome=outcome if is_set else None
                    ),
                )
            )
        return Bundle(type="transaction-response", entry=tuple(entries))

    async def publish(self, request: Request) -> Response:
        """ITI-105: one DocumentReference with its content inside; the server makes the submission set."""
        actor = await self.authenticate(request)
        refuse_conditional_headers(request, "if-none-exist")
        document = await read_resource(request, DocumentReference, self.base.settings.max_body_bytes)
        found = await self._find(actor, references_of(document))
        source_id = f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, f'{self.url}#{actor.structure}#{actor.software}').int}"
        submission = publication_of(document, found, new_oid(), source_id, to_dtm(self.base.clock()))
        receipt = await self.service.submit(actor, submission, door=Door.FHIR, transaction="ITI-105")
        entry = receipt.objects.documents[0]
        headers = {"Location": f"{self.url}/DocumentReference/{fhir_id(entry.logical_id)}", "ETag": _etag(entry)}
        match prefers(request, "return"):
            case "minimal":
                return Response(status_code=201, headers=headers)
            case "operationoutcome":
                return await respond(request, warnings(receipt.warnings), 201, headers)
        return await respond(request, self._document(entry, receipt.objects.associations), 201, headers)

    async def _find(self, actor: Actor, targets: frozenset[Target]) -> dict[Target, str]:
        """The entry UUIDs of what a message points to, as far as the caller may know of it."""
        found: dict[Target, str] = {}
        for target in targets:
            if target.type == "List":
                folders = await self.service.query(
                    actor, GetFolders(logical_ids=(f"urn:uuid:{target.id}",)), door=Door.FHIR
                )
                if folders.folders:
                    found[target] = max(folders.folders, key=lambda folder: folder.version).entry_uuid
            elif entry := await self._locate(actor, target):
                found[target] = entry.entry_uuid
        return found

    async def _locate(self, actor: Actor, target: Target) -> DocumentEntry | None:
        """The current version of a document named by uniqueId, logicalId or entryUUID; by right of location alone."""
        for wanted in _ways_to(target):
            found = await self.service.query(actor, wanted, door=Door.FHIR)
            if found.documents:
                newest = max(found.documents, key=lambda entry: entry.version)
                if wanted.entry_uuids and newest.logical_id not in ("", newest.entry_uuid):
                    return await self._locate(actor, Target(target.type, fhir_id(newest.logical_id))) or newest
                return newest
        return None

    # --- searching and reading ---

    async def search_documents(self, request: Request) -> Response:
        """ITI-67. A document named by ``identifier`` needs no patient; with ``_elements`` it is only located."""
        actor = await self.authenticate(request)
        place = await self._page_asked(request, actor, DOCUMENT_PARAMETERS)
        if place.search.elements:
            return await self._search_references(request, actor, place)
        related = [target_of(Reference(reference=text)) for c in place.search.all("relatesto") for text in c.texts]
        found = await self._find(actor, frozenset(target for target in related if target is not None))
        patient = await self._patient_of(actor, place.search)
        query = None
        if patient is not None and (found or not related):
            query = document_query(place.search, patient, tuple(found.values()))
        page = await self._search(actor, query, place)
        if not page.objects.documents and query is not None and (other := _by_entry_uuid(query)) is not None:
            page = await self._search(actor, other, place)
        links = page.objects.associations
        resources: list[tuple[str, AnyResource]] = [
            (f"{self.url}/DocumentReference/{fhir_id(entry.logical_id)}", self._document(entry, links))
            for entry in page.objects.documents
        ]
        return await self._searchset(request, actor, "DocumentReference", place, page, resources)

    async def _patient_of(self, actor: Actor, search: Search) -> Ins | None:
        """Whose record is searched: said by the search, or that of the document that it names."""
        named = _targets_named(search)
        if names_patient(search) or not named:
            return patient_of(search)
        entry = await self._locate(actor, named[0])
        return entry.patient_id if entry is not None else None

    async def _search_references(self, request: Request, actor: Actor, place: PagePlace) -> Response:
        """TD3.1b: the ids of the documents that ``identifier`` names."""
        entries = [await self._locate(actor, target) for target in _targets_named(place.search)]
        known = {entry.logical_id: entry for entry in entries if entry is not None}
        page = FoundPage(objects=RegistryObjects(), total=len(known))
        resources: list[tuple[str, AnyResource]] = [
            (f"{self.url}/DocumentReference/{fhir_id(name)}", reference_only(self._document(entry, ())))
            for name, entry in known.items()
        ]
        return await self._searchset(request, actor, "DocumentReference", place, page, resources)

    async def search_lists(self, request: Request) -> Response:
        """ITI-66."""
        actor = await self.authenticate(request)
        place = await self._page_asked(request, actor, LIST_PARAMETERS)
        page = await self._search(actor, list_query(place.search), place)
        references = await self._members(actor, page.objects)
        resources: list[tuple[str, AnyResource]] = []
        for submission_set in page.objects.submission_sets:
            members = _members_of(submission_set.entry_uuid, page.objects.associations, references)
            resources.append(
                (f"{self.url}/List/{fhir_id(submission_set.entry_uuid)}", list_of_set(submission_set, members))
            )
        for folder in page.objects.folders:
            members = _members_of(folder.entry_uuid, page.objects.associations, references)
            resources.append((f"{self.url}/List/{fhir_id(folder.logical_id)}", list_of_folder(folder, members)))
        return await self._searchset(request, actor, "List", place, page, resources)

    async def _page_asked(self, request: Request, actor: Actor, parameters: Sequence[Parameter]) -> PagePlace:
        search = parse_query(
            await query_pairs(request),
            parameters,
            sorts=SORTS,
            elements=REFERENCE_ELEMENTS if parameters is DOCUMENT_PARAMETERS else frozenset(),
            is_lenient=prefers(request, "handling") == "lenient",
        )
        if search.cursor:
            return await self.cursors.open(actor.id, search.cursor, PagePlace)
        return PagePlace(search, "")

    async def _search(self, actor: Actor, query: PatientQuery | None, place: PagePlace) -> FoundPage:
        if query is None:
            return FoundPage(objects=RegistryObjects(), total=0)
        size = 0 if place.search.only_count else place.search.count
        page = Page(size=size, after=place.after, with_total=place.search.with_total)
        return await self.service.search(actor, query, page, door=Door.FHIR)

    async def _searchset(
        self,
        request: Request,
        actor: Actor,
        resource_type: str,
        place: PagePlace,
        page: FoundPage,
        resources: Sequence[tuple[str, AnyResource]],
    ) -> Response:
        next_url = ""
        if page.next:
            cursor = await self.cursors.seal(actor.id, PagePlace(place.search, page.next))
            next_url = page_url(self.url, resource_type, cursor)
        ignored = [f"Paramètre ignoré / parameter ignored: {name}" for name in place.search.ignored]
        bundle = searchset(
            resources,
            total=page.total,
            self_url=self_url(request, self.url, resource_type),
            next_url=next_url,
            outcome=warnings(ignored, "not-supported") if ignored else None,
        )
        return await respond(request, bundle, size_bytes=2048 * len(resources))

    async def read_document(self, request: Request) -> Response:
        """A DocumentReference by id: its current version."""
        actor = await self.authenticate(request)
        entry, links = await self._read(actor, request.path_params["id"])
        if request.headers.get("if-none-match", "") == _etag(entry):
            return Response(status_code=304, headers={"ETag": _etag(entry)})
        return await respond(request, self._document(entry, links), headers={"ETag": _etag(entry)})

    async def _read(self, actor: Actor, name: str) -> tuple[DocumentEntry, tuple[Association, ...]]:
        target = Target("DocumentReference", name)
        for wanted in _ways_to(target):
            found = await self.service.query(
                actor, msgspec.structs.replace(wanted, only_references=False), door=Door.FHIR
            )
            if found.documents:
                entry = max(found.documents, key=lambda document: document.version)
                if entry.logical_id not in ("", entry.entry_uuid) and wanted.entry_uuids:
                    return await self._read(actor, fhir_id(entry.logical_id))
                links = await self.service.query(
                    actor, GetDocumentsAndAssociations(entry_uuids=(entry.entry_uuid,)), door=Door.FHIR
                )
                return entry, links.associations
        raise _no_such("DocumentReference")

    async def read_list(self, request: Request) -> Response:
        """A List by id: a submission set by its entryUUID, a folder by its logicalId."""
        actor = await self.authenticate(request)
        name = f"urn:uuid:{request.path_params['id']}"
        found = await self.service.query(actor, GetSubmissionSetAndContents(entry_uuid=name), door=Door.FHIR)
        if found.submission_sets:
            references = _references(found)
            members = _members_of(found.submission_sets[0].entry_uuid, found.associations, references)
            return await respond(request, list_of_set(found.submission_sets[0], members))
        folders = await self.service.query(actor, GetFolders(logical_ids=(name,)), door=Door.FHIR)
        if not folders.folders:
            raise _no_such("List")
        newest = max(folders.folders, key=lambda folder: folder.version)
        found = await self.service.query(actor, GetFolderAndContents(entry_uuid=newest.entry_uuid), door=Door.FHIR)
        members = _members_of(newest.entry_uuid, found.associations, _references(found))
        return await respond(request, list_of_folder(newest, members), headers={"ETag": f'W/"{newest.version}"'})

    async def _members(self, actor: Actor, objects: RegistryObjects) -> dict[str, str]:
        """The FHIR references of the members that the page's lists hold."""
        wanted = {link.target for link in objects.associations if link.type is AssociationType.HAS_MEMBER}
        if not wanted:
            return {}
        names = tuple(sorted(wanted))
        found = await self.service.query(actor, GetDocuments(entry_uuids=names), door=Door.FHIR)
        references = _references(found)
        if rest := tuple(sorted(wanted - references.keys())):
            references |= _references(await self.service.query(actor, GetFolders(entry_uuids=rest), door=Door.FHIR))
        return references

    async def read_binary(self, request: Request) -> Response:
        """ITI-68: the bytes as they were submitted, or a Binary for who asks for FHIR."""
        actor = await self.authenticate(request)
        name = request.path_params["id"]
        if not is_oid(name):
            entry = await self._locate(actor, Target("DocumentReference", name))
            name = entry.unique_id if entry is not None else name
        (found,) = await self.service.retrieve(actor, [DocumentRequest(unique_id=name)], door=Door.FHIR)
        if isinstance(found, Missing):
            raise _no_such("Binary")
        mime_type, content = found.entry.mime_type, found.content
        for accepted in accepted_types(request):
            if accepted in (mime_type, "*/*", mime_type.partition("/")[0] + "/*"):
                headers = {"ETag": _etag(found.entry), "Content-Security-Policy": "sandbox", "Content-Type": mime_type}
                return Response(content, 200, headers)
            if format_of(accepted) is not None:
                resource = Binary(id=request.path_params["id"], content_type=mime_type, data=content)
                return await respond(request, resource, headers={"ETag": _etag(found.entry)}, size_bytes=len(content))
        raise FhirStatus(
            406,
            "FHIRNotAcceptable",
            Text(f"Ce document est de type {mime_type}.", f"This document is of type {mime_type}."),
            remedy=Text(f"Demandez {mime_type} ou {Format.JSON}.", f"Ask for {mime_type} or {Format.JSON}."),
        )

    def _document(self, entry: DocumentEntry, links: Sequence[Association]) -> DocumentReference:
        relations = [
            Relation(link.type, f"{self.url}/DocumentReference/{fhir_id(link.target)}")
            for link in links
            if link.source == entry.entry_uuid and link.type in _RELATIONS
        ]
        return document_reference_of(entry, f"{self.url}/Binary/{binary_id(entry)}", relations)

    # --- changing ---

    async def patch_found(self, request: Request) -> Response:
        """PATCH ``DocumentReference?identifier=…`` (PDSm flux 03)."""
        actor = await self.authenticate(request)
        search = parse_query(list(request.query_params.multi_items()), _PATCH_PARAMETERS)
        tokens = [token for clause in search.all("identifier") for token in clause.tokens]
        if len(tokens) != 1:
            raise MalformedInput(
                "FHIRParameterRequired",
                Text("PATCH désigne un document par identifier.", "PATCH names one document by identifier."),
                location="identifier",
                remedy=Text(
                    "Écrivez ?identifier=urn:ietf:rfc:3986|urn:oid:{uniqueId}.",
                    "Write ?identifier=urn:ietf:rfc:3986|urn:oid:{uniqueId}.",
                ),
            )
        return await self._patch(request, actor, target_of_identifier(tokens[0].code))

    async def patch_named(self, request: Request) -> Response:
        """PATCH ``DocumentReference/{id}``."""
        actor = await self.authenticate(request)
        return await self._patch(request, actor, Target("DocumentReference", request.path_params["id"]))

    async def _patch(self, request: Request, actor: Actor, target: Target) -> Response:
        negotiate(request)
        media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
        body = await read_body(request, _MAX_PATCH_BYTES)
        current = await self._locate(actor, target)
        if current is None:
            raise _no_such("DocumentReference")
        before = document_reference_of(current, f"{self.url}/Binary/{binary_id(current)}")
        after = await off_loop(len(body), lambda: patched(before, media_type, body))
        change = change_between(before, after)
        version_seen = version_in(request)
        try:
            entry = await self.service.patch(
                actor, current.logical_id, change, patient=current.patient_id, version=version_seen, door=Door.FHIR
            )
        except Conflict as error:
            if error.code == "XDSMetadataVersionError":
                raise FhirStatus(412, error.code, error.reason, location="If-Match", remedy=error.remedy) from error
            raise
        return await respond(request, self._document(entry, ()), headers={"ETag": _etag(entry)})

    # --- the record ---

    async def search_patients(self, request: Request) -> Response:
        """TD0.2: ``Patient?identifier=…``, one entry if there is a DMP."""
        actor = await self.authenticate(request)
        search = parse_query(await query_pairs(request), fhir_records.PARAMETERS)
        patient = await fhir_records.find(self.service, actor, search)
        found: list[tuple[str, AnyResource]] = [(f"{self.url}/Patient/{patient.id}", patient)] if patient else []
        bundle = searchset(found, total=len(found), self_url=self_url(request, self.url, "Patient"))
        return await respond(request, bundle)

    async def read_patient(self, request: Request) -> Response:
        """The same, by the id that a search gave."""
        actor = await self.authenticate(request)
        patient = await fhir_records.read(self.service, actor, request.path_params["id"])
        if patient is None:
            raise _no_such("Patient")
        return await respond(request, patient)

    async def metadata(self, request: Request) -> Response:
        """The CapabilityStatement, open to all."""
        settings = self.base.settings
        date = self.base.clock().date().isoformat()
        return await respond(request, statement_of(self.url, date, settings.max_body_bytes))


_RELATIONS: Final = frozenset(
    {
        AssociationType.REPLACES,
        AssociationType.APPENDS,
        AssociationType.TRANSFORMS,
        AssociationType.TRANSFORMS_AND_REPLACES,
    }
)
_PATCH_PARAMETERS: Final = tuple(parameter for parameter in DOCUMENT_PARAMETERS if parameter.name == "identifier")


def new_oid() -> str:
    """An OID that nobody used before."""
    return f"2.25.{uuid.uuid4().int}"


def target_of_identifier(value: str) -> Target:
    """What ``urn:oid:…`` (uniqueId) or ``urn:uuid:…`` (logicalId, entryUUID) names."""
    if value.startswith("urn:uuid:"):
        return Target("DocumentReference", fhir_id(value))
    bare = value.removeprefix("urn:oid:")
    return Target("DocumentReference", unique_id=bare if is_oid(bare) else value)


def _targets_named(search: Search) -> list[Target]:
    tokens = [token for clause in search.all("identifier") for token in clause.tokens]
    return [target_of_identifier(token.code) for token in tokens] + [
        Target("DocumentReference", text) for clause in search.all("_id") for text in clause.texts
    ]


def _ways_to(target: Target) -> list[GetDocuments]:
    if target.unique_id:
        return [GetDocuments(unique_ids=(target.unique_id,), only_references=True)]
    name = f"urn:uuid:{target.id}"
    return [
        GetDocuments(logical_ids=(name,), only_references=True),
        GetDocuments(entry_uuids=(name,), only_references=True),
    ]


def _by_entry_uuid(query: FindDocuments) -> FindDocuments | None:
    """The same search with its UUIDs read as entry UUIDs; ``None`` if it names none."""
    if not query.filter.logical_ids:
        return None
    wanted = msgspec.structs.replace(
        query.filter, entry_uuids=query.filter.logical_ids, logical_ids=(), latest_only=False
    )
    return msgspec.structs.replace(query, filter=wanted)


def _references(objects: RegistryObjects) -> dict[str, str]:
    documents = {e.entry_uuid: f"DocumentReference/{fhir_id(e.logical_id or e.entry_uuid)}" for e in objects.documents}
    return documents | {f.entry_uuid: f"List/{fhir_id(f.logical_id or f.entry_uuid)}" for f in objects.folders}


def _members_of(owner: str, links: Sequence[Association], references: Mapping[str, str]) -> list[str]:
    return [
        references[link.target]
        for link in links
        if link.type is AssociationType.HAS_MEMBER and link.source == owner and link.target in references
    ]


def _content_url(entry: BundleEntry) -> str | None:
    return entry.resource.content[0].attachment.url if isinstance(entry.resource, DocumentReference) else None


def _etag(entry: DocumentEntry) -> str:
    return f'W/"{entry.version}"'


def _no_such(resource_type: str) -> NotFound:
    return NotFound(
        "FHIRNotFound",
        Text(f"Il n'y a pas de {resource_type} de ce nom ici.", f"There is no such {resource_type} here."),
        requirement="FHIR R4 §3.1.0.1.4",
    )
