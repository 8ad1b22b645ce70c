"""TLS contexts of the base: as a server that asks for client certificates, and as a client of other operators."""

from __future__ import annotations

import ssl
from pathlib import Path

from socle.platform.settings import Settings


def server_context(pki: Path) -> ssl.SSLContext:
    """The TLS side of a server: ``server.pem`` and ``server.key``, and the clients' authorities ``authorities.pem``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(pki / "server.pem", pki / "server.key")
    context.load_verify_locations(pki / "authorities.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def client_context(pki: Path) -> ssl.SSLContext:
    """The TLS side of a client that shows the certificate of the base and believes ``authorities.pem``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(pki / "server.pem", pki / "server.key")
    context.load_verify_locations(pki / "authorities.pem")
    return context


def calling_context(settings: Settings, certificate: str = "") -> ssl.SSLContext:
    """The TLS side of calls to national services, showing the client ``certificate`` (PEM, with its key) if any."""
    context = ssl.create_default_context()
    if settings.server_authorities:
        context.load_verify_locations(settings.server_authorities)
    if certificate:
        context.load_cert_chain(certificate)
    return context
