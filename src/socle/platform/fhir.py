"""What all FHIR doors share: formats, bounded bodies, refusals as OperationOutcome, opaque page links.

Source: FHIR R4 §3.1.0 RESTful API.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from socle.platform.keys import KeyRings, Unreadable
from socle.platform.metrics import REFUSALS
from socle.platform.patient_key import owner_key
from socle.platform.threads import off_loop
from socle.platform.web import language_of, read_body
from socle.standards.errors import MalformedInput, NotAuthenticated, SocleError, Text
from socle.standards.fhir.json_codec import decode_json, encode_json
from socle.standards.fhir.outcome import outcome_of
from socle.standards.fhir.resources import Resource
from socle.standards.fhir.xml_codec import decode_xml, encode_xml

R = TypeVar("R", bound=Resource)
C = TypeVar("C", bound=msgspec.Struct)
Endpoint = Callable[[Request], Awaitable[Response]]

_MAX_QUERY_BYTES = 64 * 1024
_CURSORS = owner_key("fhir", "cursors")

_log = structlog.get_logger(__name__)


class Format(StrEnum):
    """The formats of FHIR that the base reads and writes."""

    JSON = "application/fhir+json"
    XML = "application/fhir+xml"


_FORMATS = {
    "json": Format.JSON,
    "application/json": Format.JSON,
    "text/json": Format.JSON,
    "application/fhir+json": Format.JSON,
    "application/json+fhir": Format.JSON,
    "xml": Format.XML,
    "application/xml": Format.XML,
    "text/xml": Format.XML,
    "application/fhir+xml": Format.XML,
    "application/xml+fhir": Format.XML,
    "*/*": Format.JSON,
    "application/*": Format.JSON,
}


class FhirStatus(SocleError):
    """A refusal whose HTTP status the REST rules of FHIR fix."""

    def __init__(
        self,
        status: int,
        code: str,
        reason: Text,
        *,
        location: str = "",
        remedy: Text | None = None,
        methods: Sequence[str] = (),
    ) -> None:
        super().__init__(code, reason, location=location, remedy=remedy, requirement="FHIR R4 §3.1.0")
        self.status = status
        #: What a 405 says in ``Allow`` (RFC 9110 §15.5.6).
        self.methods = tuple(methods)


def accepted_types(request: Request) -> list[str]:
    """The media types of ``Accept``, best first; ``_format`` wins over it."""
    if wanted := request.query_params.get("_format"):
        return [wanted.split(";")[0].strip().lower().replace(" ", "+")]
    ranked = []
    for place, part in enumerate(request.headers.get("accept", "*/*").split(",")[:50]):
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            ranked.append((-float(quality), place, media_type))
        except ValueError:
            continue
    return [media_type for quality, _, media_type in sorted(ranked) if quality < 0]


def format_of(media_type: str) -> Format | None:
    """The FHIR format that ``media_type`` (or a value of ``_format``) names."""
    return _FORMATS.get(media_type)


def negotiate(request: Request) -> Format:
    """The format of the answer. Raises ``FhirStatus`` 406."""
    for media_type in accepted_types(request):
        if media_type in _FORMATS:
            return _FORMATS[media_type]
    raise FhirStatus(
        406,
        "FHIRNotAcceptable",
        Text("Aucun des formats demandés n'est produit ici.", "None of the formats asked for is produced here."),
        remedy=Text(f"Demandez {Format.JSON} ou {Format.XML}.", f"Ask for {Format.JSON} or {Format.XML}."),
    )


def format_of_body(request: Request) -> Format:
    """The format of the body. Raises ``FhirStatus`` 415."""
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type not in _FORMATS or "*" in media_type:
        raise FhirStatus(
            415,
            "FHIRMediaType",
            Text(f"Le corps de type « {media_type} » n'est pas lu ici.", f"A body of type '{media_type}' is not read."),
            remedy=Text(f"Envoyez {Format.JSON} ou {Format.XML}.", f"Send {Format.JSON} or {Format.XML}."),
        )
    return _FORMATS[media_type]


async def read_resource(request: Request, kind: type[R], max_bytes: int) -> R:
    """The resource that the body holds. Raises ``MalformedInput``, ``TooLarge``, ``FhirStatus`` 415."""
    form = format_of_body(request)
    body = await read_body(request, max_bytes)
    if form is Format.JSON:
        return await off_loop(len(body), lambda: decode_json(body, kind))
    return await off_loop(len(body), lambda: decode_xml(body, kind, max_bytes=max_bytes))


async def respond(
    request: Request,
    resource: Resource,
    status: int = 200,
    headers: dict[str, str] | None = None,
    *,
    size_bytes: int = 0,
) -> Response:
    """``resource`` in the format asked for; ``size_bytes`` tells that it is large."""
    form = negotiate(request)
    content = await off_loop(size_bytes, lambda: encode(resource, form))
    return Response(content, status, headers, f"{form}; charset=utf-8")


def encode(resource: Resource, form: Format) -> bytes:
    """``resource`` in ``form``."""
    return encode_json(resource) if form is Format.JSON else encode_xml(resource)


def endpoint(handler: Endpoint) -> Endpoint:
    """``handler``, its refusals told as OperationOutcome in the client's format and language."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except SocleError as error:
            return refuse(request, error)
        except Exception:
            _log.exception("unexpected", door=request.url.path.split("/")[1])
            unexpected = SocleError(
                "Unexpected",
                Text(
                    "Une erreur inattendue est survenue ; elle a été enregistrée.", "An unexpected error was recorded."
                ),
                remedy=Text("Réessayez plus tard.", "Try again later."),
            )
            return refuse(request, unexpected)

    return handle


def refuse(request: Request, error: SocleError) -> Response:
    """``error`` as an OperationOutcome."""
    REFUSALS.labels(request.url.path.split("/")[1], error.code).inc()
    try:
        form = negotiate(request)
    except FhirStatus:
        form = Format.JSON
    language = language_of(request)
    headers = {"Content-Language": language}
    if isinstance(error, NotAuthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, FhirStatus) and error.methods:
        headers["Allow"] = ", ".join(error.methods)
    status = error.status if isinstance(error, FhirStatus) else error.http_status
    return Response(encode(outcome_of(error, language), form), status, headers, f"{form}; charset=utf-8")


def not_here(request: Request, methods: Sequence[str] = ()) -> SocleError:
    """404 for an unknown place, 405 for a known one that does not take the method (with those that it takes)."""
    if methods:
        return FhirStatus(
            405,
            "FHIRNotSupported",
            Text(
                f"{request.method} n'est pas pris en charge ici ; méthodes admises : {', '.join(methods)}.",
                f"{request.method} is not supported here; accepted methods: {', '.join(methods)}.",
            ),
            methods=methods,
        )
    return FhirStatus(
        404,
        "FHIRNotSupported",
        Text("Ce serveur n'a rien à cette adresse.", "This server has nothing at this address."),
        remedy=Text("Voyez /metadata.", "See /metadata."),
    )


async def query_pairs(request: Request) -> list[tuple[str, str]]:
    """The parameters of a search, by GET or by ``POST …/_search`` (both parts then count)."""
    pairs = list(request.query_params.multi_items())
    if request.method == "POST":
        media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if media_type != "application/x-www-form-urlencoded":
            raise FhirStatus(
                415,
                "FHIRMediaType",
                Text("Une recherche par POST est un formulaire.", "A search by POST is a form."),
                remedy=Text("Envoyez application/x-www-form-urlencoded.", "Send application/x-www-form-urlencoded."),
            )
        body = await read_body(request, _MAX_QUERY_BYTES)
        try:
            pairs += parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=200, errors="strict")
        except ValueError:
            raise MalformedInput(
                "FHIRForm", Text("Le formulaire n'est pas lisible.", "The form cannot be read.")
            ) from None
    return pairs


def prefers(request: Request, name: str) -> str:
    """The value of ``name`` in ``Prefer`` (``handling``, ``return``), or empty."""
    for part in ",".join(request.headers.getlist("prefer")).replace(";", ",").split(","):
        key, _, value = part.strip().partition("=")
        if key.lower() == name:
            return value.strip('" ').lower()
    return ""


def refuse_conditional_headers(request: Request, *names: str) -> None:
    """Refuses the conditional headers ``names``, which this interaction does not support."""
    for name in names:
        if name in request.headers:
            raise FhirStatus(
                412,
                "FHIRConditionalNotSupported",
                Text(f"L'en-tête {name} n'est pas pris en charge ici.", f"The header {name} is not supported here."),
                location=name,
            )


def version_in(request: Request) -> int | None:
    """The version of ``If-Match`` (``W/"3"``), if it is there. Raises ``MalformedInput``."""
    text = request.headers.get("if-match", "").strip()
    if not text:
        return None
    digits = text.removeprefix("W/").strip('"')
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 10):
        raise MalformedInput(
            "FHIRValue",
            Text('If-Match s\'écrit W/"n".', 'If-Match is written W/"n".'),
            location="If-Match",
        )
    return int(digits)


class Cursors:
    """Seals the place of a next page into an opaque link, which only the same actor can follow."""

    def __init__(self, keys: KeyRings) -> None:
        self._keys = keys

    async def seal(self, actor_id: str, place: msgspec.Struct) -> str:
        """An opaque text for ``place``."""
        sealed = await self._keys.seal(_CURSORS, actor_id.encode(), msgspec.msgpack.encode(place))
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    async def open(self, actor_id: str, text: str, kind: type[C]) -> C:
        """The place sealed in ``text``. Raises ``MalformedInput`` if it is not one of this actor's links."""
        try:
            sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            return msgspec.msgpack.decode(await self._keys.open(_CURSORS, actor_id.encode(), sealed), type=kind)
        except (binascii.Error, ValueError, Unreadable, msgspec.DecodeError):
            raise MalformedInput(
                "FHIRCursor",
                Text("Ce lien de page n'est pas de ce serveur.", "This page link is not one of this server's."),
                location="_cursor",
                remedy=Text("Refaites la recherche.", "Search again."),
            ) from None


def page_url(base_url: str, resource_type: str, cursor: str) -> str:
    """The link to the page at ``cursor``."""
    return f"{base_url}/{resource_type}?{urlencode({'_cursor': cursor})}"


def self_url(request: Request, base_url: str, resource_type: str) -> str:
    """The link to this page. A search by POST is not repeated in clear."""
    if request.method == "POST":
        return f"{base_url}/{resource_type}/_search"
    return f"{base_url}/{resource_type}?{request.url.query}" if request.url.query else f"{base_url}/{resource_type}"
