"""XML signatures as signxml verifies them, without what only its own error messages would need."""

from __future__ import annotations

from cryptography import x509
from signxml.verifier import XMLVerifier


class SignatureVerifier(XMLVerifier):
    """``XMLVerifier`` that spells no certificate out: no message of its own is ever shown."""

    def _get_cert_description(self, cert: x509.Certificate, cert_source: str) -> str:
        return f"{cert_source} (serial={cert.serial_number})"
