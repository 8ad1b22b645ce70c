"""What all HTTP doors share: bounded bodies, RFC 9457 problems, language, safe headers, counters."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from socle.platform.actor import Actor
from socle.platform.metrics import REFUSALS, REQUEST_SECONDS, REQUESTS
from socle.standards.errors import NotAuthenticated, SocleError, Text, TooLarge

#: Establishes who asks, or raises ``NotAuthenticated``.
Authenticate = Callable[[Request], Awaitable[Actor]]

_log = structlog.get_logger(__name__)


def certificate_of(request: Request) -> bytes | None:
    """The certificate (DER) that the TLS client proved to hold, as the listener read it: no header says it."""
    certificate: bytes | None = request.scope.get("extensions", {}).get("tls", {}).get("client_cert_der")
    return certificate


def bounded(request: Request, max_bytes: int) -> Request:
    """``request``, whose reading raises ``TooLarge`` as soon as its body is known to exceed ``max_bytes``."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise _body_too_large(max_bytes)
    size = 0

    async def receive() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get("body", b""))
        if size > max_bytes:
            raise _body_too_large(max_bytes)
        return message

    return Request(request.scope, receive)


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body. Raises ``TooLarge`` as soon as it is known to exceed ``max_bytes``."""
    return await bounded(request, max_bytes).body()


def _body_too_large(max_bytes: int) -> TooLarge:
    limit = max_bytes // (1024 * 1024)
    return TooLarge(
        "BodyTooLarge",
        Text(f"Le message dépasse {limit} Mio.", f"The message is over {limit} MiB."),
        remedy=Text("Envoyez moins de documents à la fois.", "Send fewer documents at a time."),
    )


def language_of(request: Request) -> str:
    """``"en"`` if the client prefers it to French, else ``"fr"``."""
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.split(";")[0].strip().lower()[:2]
        if tag in {"fr", "en"}:
            return tag
    return "fr"


def problem(error: SocleError, request: Request) -> Response:
    """RFC 9457 answer for ``error``, in the client's language and with both languages beside."""
    body = {
        "type": f"urn:socle:error:{error.code}",
        "title": error.reason.in_language(language_of(request)),
        "status": error.http_status,
        "code": error.code,
        "detail": {"fr": error.sentence("fr"), "en": error.sentence("en")},
        "location": error.location,
        "requirement": error.requirement,
    }
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, NotAuthenticated) else None
    content = msgspec.json.encode({key: value for key, value in body.items() if value})
    return Response(content, error.http_status, headers, "application/problem+json")


def json_response(value: object, status: int = 200) -> Response:
    """``value`` as JSON, by msgspec."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


async def refuse(request: Request, error: Exception) -> Response:
    """The answer of last resort for a refusal that a door let through."""
    assert isinstance(error, SocleError)
    REFUSALS.labels(request.url.path.split("/")[1] or "home", error.code).inc()
    return problem(error, request)


async def fail(request: Request, error: Exception) -> Response:
    """The answer to the unexpected: logged with its trace, told to the client without it."""
    _log.error("unexpected", path=request.url.path.split("/")[1], exc_info=error)
    unexpected = SocleError(
        "Unexpected",
        Text("Une erreur inattendue est survenue ; elle a été enregistrée.", "An unexpected error was recorded."),
        remedy=Text("Réessayez plus tard.", "Try again later."),
    )
    return problem(unexpected, request)


class Counted:
    """ASGI middleware: counts and times each request by its first path segment, and sets safe headers.

    In production, which is reached by HTTPS, browsers are told never to come otherwise.
    """

    _HEADERS = (
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-frame-options", b"SAMEORIGIN"),
    )
    _HTTPS_ALONE = ((b"strict-transport-security", b"max-age=31536000"),)
    _CLOSE = ((b"connection", b"close"),)

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500
        headers = self._HEADERS if scope["app"].state.is_sandbox else (*self._HEADERS, *self._HTTPS_ALONE)

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # What remains of a body that is too large is not waited for.
                closing = self._CLOSE if status == 413 else ()
                message["headers"] = [*message.get("headers", ()), *headers, *closing]
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        finally:
            door = scope["path"].split("/")[1] or "home"
            door = door if status != 404 else "none"
            REQUESTS.labels(door, scope["method"], status).inc()
            REQUEST_SECONDS.labels(door).observe(time.perf_counter() - started)
