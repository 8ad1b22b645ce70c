"""How the two HTTP ports listen: plain for loopback or behind a proxy, and TLS with client certificates.

No ASGI server hands the verified client certificate to the application; the protocol below does, by reading it from
the transport: ``scope["extensions"]["tls"]["client_cert_der"]`` (DER bytes, absent if the client showed none).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_KEEP_ALIVE_S = 65
_GRACE_S = 10


def http_config(application: ASGIApp) -> uvicorn.Config:
    """Plain HTTP."""
    return uvicorn.Config(
        application,
        http=HttpToolsProtocol,
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


def server_context(pki: Path) -> ssl.SSLContext:
    """The TLS side of a server: ``server.pem`` and ``server.key``, and the clients' authorities ``authorities.pem``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(pki / "server.pem", pki / "server.key")
    context.load_verify_locations(pki / "authorities.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


class MutualTLSProtocol(HttpToolsProtocol):
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
