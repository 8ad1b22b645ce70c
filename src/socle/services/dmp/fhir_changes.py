"""PATCH of a DocumentReference: from a patch document to the change that it asks of the registry.

Source: PDSm 3.1.1 flux 03; PDSm4DMP TD3.3; fact sheet dmp-exchange §3.7, §3.9.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from socle.platform.actor import Actor
from socle.platform.fhir import FhirStatus, negotiate, respond, version_in
from socle.platform.threads import off_loop
from socle.platform.web import read_body
from socle.services.dmp.domain import DocumentChange, Door
from socle.services.dmp.fhir_context import FhirContext, etag_of, no_such, target_of_identifier
from socle.services.dmp.fhir_search import DOCUMENT_PARAMETERS
from socle.standards.errors import Conflict, InvalidContent, MalformedInput, SocleError, Text
from socle.standards.fhir.json_codec import decode_json, to_tree
from socle.standards.fhir.patch import apply_fhirpath_patch, apply_json_patch, apply_xml_patch
from socle.standards.fhir.pdsm import vocabulary as v
from socle.standards.fhir.pdsm.documents import binary_id, document_reference_of
from socle.standards.fhir.pdsm.submissions import Target
from socle.standards.fhir.resources import DocumentReference, Parameters
from socle.standards.fhir.search import parse_query
from socle.standards.fhir.xml_codec import decode_xml
from socle.standards.xds.model import Visibility

#: Media types of the three forms of patch; FHIRPath Patch is a Parameters resource in either format.
PATCH_TYPES: Final = (
    "application/json-patch+json",
    "application/xml-patch+xml",
    "application/fhir+json",
    "application/fhir+xml",
)
_CHANGEABLE: Final = frozenset({"status", "securityLabel", "extension"})
_VISIBILITIES: Final = frozenset(code.value for code in Visibility)


_MAX_PATCH_BYTES: Final = 256 * 1024
_PATCH_PARAMETERS: Final = tuple(parameter for parameter in DOCUMENT_PARAMETERS if parameter.name == "identifier")


async def patch_found(door: FhirContext, request: Request) -> Response:
    """PATCH ``DocumentReference?identifier=…`` (PDSm flux 03)."""
    actor = await door.authenticate(request)
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
    return await _patch(door, request, actor, target_of_identifier(tokens[0].code))


async def patch_named(door: FhirContext, request: Request) -> Response:
    """PATCH ``DocumentReference/{id}``."""
    actor = await door.authenticate(request)
    return await _patch(door, request, actor, Target("DocumentReference", request.path_params["id"]))


async def _patch(door: FhirContext, request: Request, actor: Actor, target: Target) -> Response:
    negotiate(request)
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    body = await read_body(request, _MAX_PATCH_BYTES)
    current = await door.locate(actor, target)
    if current is None:
        raise no_such("DocumentReference")
    before = document_reference_of(current, f"{door.url}/Binary/{binary_id(current)}")
    after = await off_loop(len(body), lambda: patched(before, media_type, body))
    change = change_between(before, after)
    version_seen = version_in(request)
    try:
        entry = await door.service.patch(
            actor, current.logical_id, change, patient=current.patient_id, version=version_seen, door=Door.FHIR
        )
    except Conflict as error:
        if error.code == "XDSMetadataVersionError":
            raise FhirStatus(412, error.code, error.reason, location="If-Match", remedy=error.remedy) from error
        raise
    return await respond(request, door.document(entry, ()), headers={"ETag": etag_of(entry)})


def change_between(before: DocumentReference, after: DocumentReference) -> DocumentChange:
    """What the patch that made ``after`` of ``before`` asks of the registry.

    Raises ``FhirStatus`` 405 if it touches anything but status, securityLabel and isArchived. ``N`` always stays:
    a patch gives and takes visibility codes, whatever it does to the others.
    """
    old, new = to_tree(before), to_tree(after)
    for name in sorted(old.keys() | new.keys()):
        if name not in _CHANGEABLE and old.get(name) != new.get(name):
            raise _unchangeable(name)
    others = [[e for e in document.extension if e.url != v.IS_ARCHIVED] for document in (before, after)]
    if others[0] != others[1]:
        raise _unchangeable("extension")
    codes = {coding.code or "" for concept in after.security_label for coding in concept.coding}
    known = {code for concept in before.security_label for coding in concept.coding if (code := coding.code)}
    if unknown := codes - known - {"N", *_VISIBILITIES}:
        raise InvalidContent(
            "XDSRegistryMetadataError",
            Text(
                f"Codes de confidentialité inconnus : {', '.join(sorted(unknown))}.",
                f"Unknown confidentiality codes: {', '.join(sorted(unknown))}.",
            ),
            location="DocumentReference.securityLabel",
            requirement="TRE_A07-StatutVisibiliteDocument",
        )
    was_archived, is_archived = archived_in(before), archived_in(after)
    visibility = frozenset(Visibility(code) for code in codes if code in _VISIBILITIES)
    previous = frozenset(Visibility(code) for code in known if code in _VISIBILITIES)
    return DocumentChange(
        visibility=visibility if visibility != previous else None,
        is_archived=is_archived if is_archived != was_archived else None,
        is_deleted=before.status == "current" != after.status,
    )


def archived_in(document: DocumentReference) -> bool:
    """Whether ``document`` says that it is archived."""
    return any(e.url == v.IS_ARCHIVED and e.value_boolean for e in document.extension)


def _unchangeable(name: str) -> SocleError:
    return FhirStatus(
        405,
        "FHIRPatchNotSupported",
        Text(f"« {name} » ne se modifie pas par PATCH.", f"'{name}' cannot be changed by PATCH."),
        location=f"DocumentReference.{name}",
        remedy=Text(
            "Seuls status, securityLabel et isArchived se modifient ; le reste se remplace par un nouveau document.",
            "Only status, securityLabel and isArchived can be changed; replace the document for the rest.",
        ),
    )


def patched(document: DocumentReference, media_type: str, body: bytes) -> DocumentReference:
    """``document`` after the patch ``body``, in one of ``PATCH_TYPES``."""
    if media_type == "application/json-patch+json":
        return apply_json_patch(document, body)
    if media_type == "application/xml-patch+xml":
        return apply_xml_patch(document, body)
    if media_type == "application/fhir+json":
        return apply_fhirpath_patch(document, decode_json(body, Parameters))
    if media_type == "application/fhir+xml":
        return apply_fhirpath_patch(document, decode_xml(body, Parameters))
    raise FhirStatus(
        415,
        "FHIRMediaType",
        Text(f"Un patch n'est pas de type « {media_type} ».", f"A patch is not of type '{media_type}'."),
        remedy=Text(f"Envoyez {' ou '.join(PATCH_TYPES)}.", f"Send {' or '.join(PATCH_TYPES)}."),
    )
