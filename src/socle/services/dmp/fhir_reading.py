"""ITI-67 and ITI-68: documents found and read.

Source: MHD 4.2; PDSm 3.1.1 flux 05b, 07; fact sheet dmp-exchange §3.6, §3.8.
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from socle.platform.actor import Actor
from socle.platform.fhir import FhirStatus, Format, accepted_types, format_of, respond
from socle.services.dmp.domain import (
    DocumentRequest,
    Door,
    FindDocuments,
    FoundPage,
    GetDocumentsAndAssociations,
    Missing,
)
from socle.services.dmp.fhir_context import FhirContext, etag_of, no_such, target_of_identifier, ways_to
from socle.services.dmp.fhir_paging import page_asked, respond_page, search_page
from socle.services.dmp.fhir_search import DOCUMENT_PARAMETERS, PagePlace, document_query, names_patient, patient_of
from socle.standards.errors import Text
from socle.standards.fhir.pdsm.documents import fhir_id, reference_only
from socle.standards.fhir.pdsm.submissions import Target, target_of
from socle.standards.fhir.pdsm.systems import is_oid
from socle.standards.fhir.resources import AnyResource, Binary
from socle.standards.fhir.search import Search
from socle.standards.fhir.types import Reference
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import Association, DocumentEntry, RegistryObjects


async def search_documents(door: FhirContext, request: Request) -> Response:
    """ITI-67. A document named by ``identifier`` needs no patient; with ``_elements`` it is only located."""
    actor = await door.authenticate(request)
    place = await page_asked(door, request, actor, DOCUMENT_PARAMETERS)
    if place.search.elements and _targets_named(place.search):
        return await _search_references(door, request, actor, place)
    related = [target_of(Reference(reference=text)) for c in place.search.all("relatesto") for text in c.texts]
    found = await door.find(actor, frozenset(target for target in related if target is not None))
    patient = await _patient_of(door, actor, place.search)
    query = None
    if patient is not None and (found or not related):
        query = document_query(place.search, patient, tuple(found.values()))
    page = await search_page(door, actor, query, place)
    if not page.objects.documents and query is not None and (other := _by_entry_uuid(query)) is not None:
        page = await search_page(door, actor, other, place)
    links = page.objects.associations
    documents = [door.document(entry, links) for entry in page.objects.documents]
    if place.search.elements:
        documents = [reference_only(document) for document in documents]
    resources: list[tuple[str, AnyResource]] = [
        (f"{door.url}/DocumentReference/{document.id}", document) for document in documents
    ]
    return await respond_page(door, request, actor, "DocumentReference", place, page, resources)


async def _patient_of(door: FhirContext, actor: Actor, search: Search) -> Ins | None:
    """Whose record is searched: said by the search, or that of the document that it names."""
    named = _targets_named(search)
    if names_patient(search) or not named:
        return patient_of(search)
    entry = await door.locate(actor, named[0])
    return entry.patient_id if entry is not None else None


async def _search_references(door: FhirContext, request: Request, actor: Actor, place: PagePlace) -> Response:
    """TD3.1b: the ids of the documents that ``identifier`` names."""
    entries = [await door.locate(actor, target) for target in _targets_named(place.search)]
    known = {entry.logical_id: entry for entry in entries if entry is not None}
    page = FoundPage(objects=RegistryObjects(), total=len(known))
    resources: list[tuple[str, AnyResource]] = [
        (f"{door.url}/DocumentReference/{fhir_id(name)}", reference_only(door.document(entry, ())))
        for name, entry in known.items()
    ]
    return await respond_page(door, request, actor, "DocumentReference", place, page, resources)


async def read_document(door: FhirContext, request: Request) -> Response:
    """A DocumentReference by id: its current version."""
    actor = await door.authenticate(request)
    entry, links = await _read(door, actor, request.path_params["id"])
    if request.headers.get("if-none-match", "") == etag_of(entry):
        return Response(status_code=304, headers={"ETag": etag_of(entry)})
    return await respond(request, door.document(entry, links), headers={"ETag": etag_of(entry)})


async def _read(door: FhirContext, actor: Actor, name: str) -> tuple[DocumentEntry, tuple[Association, ...]]:
    target = Target("DocumentReference", name)
    for wanted in ways_to(target):
        found = await door.service.query(actor, msgspec.structs.replace(wanted, only_references=False), door=Door.FHIR)
        if found.documents:
            entry = max(found.documents, key=lambda document: document.version)
            if entry.logical_id not in ("", entry.entry_uuid) and wanted.entry_uuids:
                return await _read(door, actor, fhir_id(entry.logical_id))
            links = await door.service.query(
                actor, GetDocumentsAndAssociations(entry_uuids=(entry.entry_uuid,)), door=Door.FHIR
            )
            return entry, links.associations
    raise no_such("DocumentReference")


async def read_binary(door: FhirContext, request: Request) -> Response:
    """ITI-68: the bytes as they were submitted, or a Binary for who asks for FHIR."""
    actor = await door.authenticate(request)
    name = request.path_params["id"]
    if not is_oid(name):
        entry = await door.locate(actor, Target("DocumentReference", name))
        name = entry.unique_id if entry is not None else name
    (found,) = await door.service.retrieve(actor, [DocumentRequest(unique_id=name)], door=Door.FHIR)
    if isinstance(found, Missing):
        raise no_such("Binary")
    mime_type, content = found.entry.mime_type, found.content
    for accepted in accepted_types(request):
        if accepted in (mime_type, "*/*", mime_type.partition("/")[0] + "/*"):
            headers = {"ETag": etag_of(found.entry), "Content-Security-Policy": "sandbox", "Content-Type": mime_type}
            return Response(content, 200, headers)
        if format_of(accepted) is not None:
            resource = Binary(id=request.path_params["id"], content_type=mime_type, data=content)
            return await respond(request, resource, headers={"ETag": etag_of(found.entry)}, size_bytes=len(content))
    raise FhirStatus(
        406,
        "FHIRNotAcceptable",
        Text(f"Ce document est de type {mime_type}.", f"This document is of type {mime_type}."),
        remedy=Text(f"Demandez {mime_type} ou {Format.JSON}.", f"Ask for {mime_type} or {Format.JSON}."),
    )


def _targets_named(search: Search) -> list[Target]:
    tokens = [token for clause in search.all("identifier") for token in clause.tokens]
    return [target_of_identifier(token.code) for token in tokens] + [
        Target("DocumentReference", text) for clause in search.all("_id") for text in clause.texts
    ]


def _by_entry_uuid(query: FindDocuments) -> FindDocuments | None:
    """The same search with its UUIDs read as entry UUIDs; ``None`` if it names none."""
    if not query.filter.logical_ids:
        return None
    wanted = msgspec.structs.replace(
        query.filter, entry_uuids=query.filter.logical_ids, logical_ids=(), latest_only=False
    )
    return msgspec.structs.replace(query, filter=wanted)
