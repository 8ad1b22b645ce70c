"""ITI-65 and ITI-105: a transaction bundle, a simplified publication.

Source: MHD 4.2; PDSm 3.1.1 flux 01, 09; fact sheet dmp-exchange §3.5.
"""

from __future__ import annotations

import uuid

import msgspec
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from socle.platform.actor import Actor
from socle.platform.clock import to_dtm
from socle.platform.fhir import prefers, read_resource, refuse_conditional_headers, respond
from socle.platform.web import language_of
from socle.services.dmp.domain import Door, SubmissionReceipt
from socle.services.dmp.fhir_context import FhirContext, etag_of
from socle.services.dmp.fhir_places import place_of, relocated
from socle.standards.errors import SocleError
from socle.standards.fhir.outcome import warnings
from socle.standards.fhir.pdsm.documents import binary_id, fhir_id
from socle.standards.fhir.pdsm.submissions import (
    patch_targets_of,
    publication_of,
    references_of,
    resources_of,
    submission_of,
)
from socle.standards.fhir.pdsm.times import to_instant
from socle.standards.fhir.resources import (
    Binary,
    Bundle,
    BundleEntry,
    BundleEntryResponse,
    DocumentReference,
    ListResource,
    OperationOutcome,
)
from socle.standards.xds.model import Submission


async def transaction(door: FhirContext, request: Request) -> Response:
    """ITI-65: a transaction Bundle."""
    actor = await door.authenticate(request)
    bundle = await read_resource(request, Bundle, door.base.settings.max_body_bytes)
    targets = references_of(bundle) | patch_targets_of(bundle)
    found = await door.find(actor, targets)
    submission = submission_of(bundle, found, new_oid)
    receipt = await _submit(door, actor, submission, "ITI-65")
    outcome = _remarks(request, submission, receipt) if receipt.warnings else None
    return await respond(request, _transaction_response(door, bundle, receipt, outcome))


async def _submit(door: FhirContext, actor: Actor, submission: Submission, transaction: str) -> SubmissionReceipt:
    """Submits; what is refused is told at its place in the message."""
    try:
        return await door.service.submit(actor, submission, door=Door.FHIR, transaction=transaction)
    except SocleError as error:
        raise relocated(error, submission, resources_of(submission)) from error


def _remarks(request: Request, submission: Submission, receipt: SubmissionReceipt) -> OperationOutcome:
    """What the submitter is told of what was accepted, at its place in the message."""
    at = resources_of(submission)
    told = [replace(one, location=place_of(one.location, submission, at)) for one in receipt.warnings]
    return warnings(told, language_of(request))


def _transaction_response(
    door: FhirContext, bundle: Bundle, receipt: SubmissionReceipt, outcome: OperationOutcome | None
) -> Bundle:
    entries = []
    objects = receipt.objects
    documents = {entry.entry_uuid: entry for entry in objects.documents}
    contents = {_content_url(entry): place for place, entry in enumerate(bundle.entry)}
    registered_at = to_instant(to_dtm(door.base.clock()))
    for place, entry in enumerate(bundle.entry):
        request, resource = entry.request, entry.resource
        assert request is not None
        etag, status = None, "201 Created"
        registered = receipt.ids.get(f"entry{place}", "")
        if isinstance(resource, DocumentReference):
            document = documents[registered]
            location = f"{door.url}/DocumentReference/{fhir_id(document.logical_id)}"
            etag = f'W/"{document.version}"'
        elif isinstance(resource, ListResource):
            location = f"{door.url}/List/{fhir_id(registered)}"
        elif isinstance(resource, Binary):
            owner = receipt.ids[f"entry{contents[entry.full_url]}"]
            location = f"{door.url}/Binary/{binary_id(documents[owner])}"
        else:
            location, status = f"{door.url}/{request.url}", "200 OK"
        is_set = registered == receipt.submission_set_uuid
        entries.append(
            BundleEntry(
                full_url=location,
                response=BundleEntryResponse(
                    status=status,
                    location=location,
                    etag=etag,
                    last_modified=registered_at,
                    outcome=outcome if is_set else None,
                ),
            )
        )
    return Bundle(type="transaction-response", entry=tuple(entries))


async def publish(door: FhirContext, request: Request) -> Response:
    """ITI-105: one DocumentReference with its content inside; the server makes the submission set."""
    actor = await door.authenticate(request)
    refuse_conditional_headers(request, "if-none-exist")
    document = await read_resource(request, DocumentReference, door.base.settings.max_body_bytes)
    found = await door.find(actor, references_of(document))
    source_id = f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, f'{door.url}#{actor.structure}#{actor.software}').int}"
    submission = publication_of(document, found, new_oid(), source_id, to_dtm(door.base.clock()))
    receipt = await _submit(door, actor, submission, "ITI-105")
    entry = receipt.objects.documents[0]
    headers = {"Location": f"{door.url}/DocumentReference/{fhir_id(entry.logical_id)}", "ETag": etag_of(entry)}
    match prefers(request, "return"):
        case "minimal":
            return Response(status_code=201, headers=headers)
        case "operationoutcome":
            return await respond(request, _remarks(request, submission, receipt), 201, headers)
    shown = door.document(entry, receipt.objects.associations)
    assert shown.meta is not None
    meta = msgspec.structs.replace(shown.meta, last_updated=to_instant(to_dtm(door.base.clock())))
    return await respond(request, msgspec.structs.replace(shown, meta=meta), 201, headers)


def new_oid() -> str:
    """An OID that nobody used before."""
    return f"2.25.{uuid.uuid4().int}"


def _content_url(entry: BundleEntry) -> str | None:
    return entry.resource.content[0].attachment.url if isinstance(entry.resource, DocumentReference) else None
