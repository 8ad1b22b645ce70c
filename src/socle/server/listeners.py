"""How the two HTTP ports listen: plain for loopback or behind a proxy, and TLS with client certificates.

No ASGI server hands the verified client certificate to the application; the protocol below does, by reading it from
the transport: ``scope["extensions"]["tls"]["client_cert_der"]`` (DER bytes, absent if the client showed none).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from socle.platform.settings import Settings
from socle.platform.tls import server_context
from socle.sandbox.pki import ensure_authority
from socle.standards.errors import InvalidContent, Text

#: What is read and thrown away of a body that nobody waits for any more, so that its sender sees the answer.
_DISCARDED_BYTES = 16 * 1024 * 1024
_KEEP_ALIVE_S = 65
_GRACE_S = 10


def http_config(application: ASGIApp) -> uvicorn.Config:
    """Plain HTTP."""
    return uvicorn.Config(
        application,
        http=BoundedProtocol,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
    )


def https_config(application: ASGIApp, pki: Path) -> uvicorn.Config:
    """TLS 1.2 or newer; a client certificate is asked for, and must be of the authorities in ``pki`` if given."""
    config = http_config(application)
    config.http = MutualTLSProtocol
    config.ssl_certfile = str(pki / "server.pem")
    config.ssl_context_factory = lambda _config, _default: server_context(pki)
    return config


def prepare_certificates(settings: Settings) -> None:
    """Makes sure that ``data/pki`` holds what ``server_context`` reads. In the sandbox the test authority issues it.

    Raises ``InvalidContent`` in production if the operator has not put it there.
    """
    pki = settings.data_path / "pki"
    files = [pki / name for name in ("server.pem", "server.key", "authorities.pem")]
    if settings.is_sandbox:
        authority = ensure_authority(pki)
        if not all(file.exists() for file in files):
            hosts = list(dict.fromkeys([settings.host, "localhost", "127.0.0.1"]))
            issued = authority.issue_server(hosts)
            files[1].touch(mode=0o600)
            files[1].write_text(issued.key)
            files[0].write_text(issued.chain)
            files[2].write_bytes(authority.trust_bundle)
        return
    for file in files:
        if not file.exists():
            raise InvalidContent(
                "CertificateMissing",
                Text(f"Il manque {file} pour servir en HTTPS.", f"{file} is missing to serve HTTPS."),
                remedy=Text("Placez-le, ou fermez le port : --tls-port 0.", "Put it there, or --tls-port 0."),
            )


class BoundedProtocol(HttpToolsProtocol):
    """Ends a connection whose request was answered and whose body goes on without end."""

    _discarded_bytes = 0

    def on_message_begin(self) -> None:
        """A new request."""
        super().on_message_begin()
        self._discarded_bytes = 0

    def on_body(self, body: bytes) -> None:
        """A piece of the body of the request."""
        super().on_body(body)
        if self.cycle.response_complete:
            self._discarded_bytes += len(body)
            if self._discarded_bytes > _DISCARDED_BYTES:
                self.transport.abort()


class MutualTLSProtocol(BoundedProtocol):
    """Gives each request of a connection the certificate that the client proved to hold."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Reads the certificate once, when the handshake is done."""
        super().connection_made(transport)
        connection = transport.get_extra_info("ssl_object")
        certificate = connection.getpeercert(binary_form=True) if connection is not None else None
        if certificate is not None:
            self.app = with_client_certificate(self.app, certificate)


def with_client_certificate(application: Callable[..., object], certificate: bytes) -> ASGIApp:
    """``application``, told that requests come from the holder of ``certificate`` (DER)."""

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})["tls"] = {"client_cert_der": certificate}
        await application(scope, receive, send)  # type: ignore[misc]

    return told
