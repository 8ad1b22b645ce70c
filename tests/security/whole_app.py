"""The whole application, as a sandbox and as production serve it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

SANDBOX, PRODUCTION = "sandbox", "production"


def add_production_anchor(data: Path) -> None:
    """A root that does not call itself a test: what an operator puts into ``data/trust``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "AC RACINE INVENTEE")])
    now = datetime.now(UTC)
    root = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    anchors = data / "trust" / "anchors"
    anchors.mkdir(parents=True)
    (anchors / "root.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))


def http_to(application: Starlette) -> httpx.AsyncClient:
    """A client without any credential."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://127.0.0.1:8000")


def doors_of(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of each route; HEAD, which comes with GET, left out."""
    for route in routes:
        if isinstance(route, Mount):
            yield from doors_of(route.routes, prefix + route.path)
        else:
            assert isinstance(route, Route), route
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield method, prefix + route.path
