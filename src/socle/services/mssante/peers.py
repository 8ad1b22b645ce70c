"""Certificates that other operators present, kept so that a front which tells only a fingerprint can be judged.

Postfix gives its policy service the SHA-256 of the peer's certificate and reads no revocation list. A certificate that
is known here is judged whole: chain, dates, revocation, and its full name against the white list.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from socle.platform.base import Base
from socle.services.mssante.store import QUERIES
from socle.standards.certificates import write_name
from socle.standards.errors import MalformedInput, Text


class PeerCertificates:
    """The certificates of peers, by fingerprint."""

    def __init__(self, base: Base) -> None:
        self._base = base

    async def remember(self, certificate: bytes) -> str:
        """Keeps a certificate (DER, or PEM); returns its subject. Raises ``MalformedInput``."""
        try:
            is_pem = b"-----BEGIN" in certificate
            load = x509.load_pem_x509_certificate if is_pem else x509.load_der_x509_certificate
            loaded = load(certificate)
        except ValueError as error:
            raise MalformedInput(
                "MSSPeerCertificate", Text("Certificat illisible.", "Unreadable certificate.")
            ) from error
        async with self._base.database.connection() as connection:
            await QUERIES["remember_peer_certificate"].execute(
                connection,
                fingerprint=loaded.fingerprint(SHA256()),
                certificate=loaded.public_bytes(Encoding.DER),
                now=self._base.clock(),
            )
        return write_name(loaded.subject)

    async def find(self, fingerprint: str) -> bytes | None:
        """The certificate (DER) of a fingerprint as Postfix writes it (``AB:CD:…``), if it is known."""
        try:
            wanted = bytes.fromhex(fingerprint.replace(":", ""))
        except ValueError:
            return None
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_peer_certificate"].row(connection, fingerprint=wanted)
        return bytes(row["certificate"]) if row is not None else None

    async def list_subjects(self) -> list[tuple[str, str]]:
        """Fingerprint and subject of each certificate that is known."""
        async with self._base.database.connection() as connection:
            rows = await QUERIES["list_peer_certificates"].rows(connection)
        return [
            (
                row["fingerprint"].hex(":").upper(),
                write_name(x509.load_der_x509_certificate(row["certificate"]).subject),
            )
            for row in rows
        ]
