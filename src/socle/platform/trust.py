"""Whom the base believes: trust anchors, chains and revocation, for one environment.

A trust directory holds what an authority publishes::

    anchors/*.pem|*.cer         roots
    intermediates/*.pem|*.cer   issuing authorities
    crls/*.crl                  one list an authority, re-read when it changes

Test and production never mix: a store refuses to load anchors of the other environment.

Source: fact sheet "identity" §10.2, §10.4 (chain, dates, revocation, policy, usage); RFC 5280.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import ExtensionPolicy, PolicyBuilder, Store, VerificationError

from socle.standards.certificates import Holder, load_certificates, read_holder
from socle.standards.errors import InvalidContent, NotAuthenticated, Text

#: How many verified chains are remembered. A region has fewer software certificates than that.
_REMEMBERED_CHAINS = 10_000
_REQUIREMENT = "IGC-Santé, politique de certification"


class Environment(StrEnum):
    """Which hierarchy is believed."""

    TEST = "test"
    PRODUCTION = "production"


class Usage(StrEnum):
    """What a certificate is used for here."""

    TLS_CLIENT = "tls_client"
    TLS_SERVER = "tls_server"
    SIGNATURE = "signature"


class _Chain(msgspec.Struct, frozen=True):
    #: Issuer (DER of its name) and serial number of each certificate below the anchor.
    links: tuple[tuple[bytes, int], ...]
    not_before: datetime
    not_after: datetime
    holder: Holder


class _RevocationList(msgspec.Struct, frozen=True):
    serials: frozenset[int]
    next_update: datetime | None


class TrustStore:
    """The anchors of one environment, and the certificates that they vouch for. Safe to share between threads."""

    def __init__(
        self,
        anchors: list[x509.Certificate],
        intermediates: list[x509.Certificate],
        crl_directory: Path | None,
        environment: Environment = Environment.TEST,
    ) -> None:
        strangers = [anchor for anchor in anchors if environment_of(anchor) is not environment]
        if strangers or not anchors:
            raise InvalidContent(
                "TrustEnvironment",
                Text(
                    f"Les ancres de confiance ne sont pas toutes de l'environnement « {environment} ».",
                    f"The trust anchors are not all of the environment “{environment}”.",
                ),
                remedy=Text(
                    "Séparez les autorités de test et de production dans deux répertoires.",
                    "Keep test and production authorities in two directories.",
                ),
                requirement=_REQUIREMENT,
            )
        self.environment = environment
        self._anchors = Store(anchors)
        self._authorities = {authority.subject: authority for authority in [*intermediates, *anchors]}
        self._intermediates = intermediates
        self._crl_directory = crl_directory
        self._crls: dict[bytes, _RevocationList] = {}
        self._crl_stamps: dict[str, int] = {}
        self._chains: OrderedDict[tuple[x509.Certificate, Usage], _Chain] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def load(cls, directory: Path, environment: Environment = Environment.TEST) -> TrustStore:
        """The store of a trust directory. Raises ``InvalidContent`` (``TrustEnvironment``) when environments mix."""
        return cls(
            load_certificates([file.read_bytes() for file in sorted((directory / "anchors").glob("*"))]),
            load_certificates([file.read_bytes() for file in sorted((directory / "intermediates").glob("*"))]),
            directory / "crls",
            environment,
        )

    def verify(self, certificate: x509.Certificate, usage: Usage, at: datetime) -> Holder:
        """Who holds ``certificate``, proven at the time ``at``.

        Raises ``NotAuthenticated``: ``CertificateUntrusted``, ``CertificateExpired``, ``CertificateNotYetValid``,
        ``CertificateUsage``, ``CertificateRevoked``, ``CertificateStatusUnknown``.
        """
        key = (certificate, usage)
        with self._lock:
            chain = self._chains.get(key)
        if chain is None or not chain.not_before <= at <= chain.not_after:
            _refuse_outside_dates(certificate, at)
            chain = self._build_chain(certificate, usage, at)
            with self._lock:
                self._chains[key] = chain
                while len(self._chains) > _REMEMBERED_CHAINS:
                    self._chains.popitem(last=False)
        self._refuse_revoked(chain, at)
        return chain.holder

    def _build_chain(self, certificate: x509.Certificate, usage: Usage, at: datetime) -> _Chain:
        _refuse_wrong_usage(certificate, usage)
        verifier = (
            PolicyBuilder()
            .store(self._anchors)
            .time(at)
            .max_chain_depth(3)
            .extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=ExtensionPolicy.permit_all())
            .build_client_verifier()
        )
        try:
            chain = tuple(verifier.verify(certificate, self._intermediates).chain)
        except (VerificationError, ValueError) as error:
            raise _refusal(
                "CertificateUntrusted",
                "Le certificat n'est pas issu d'une autorité reconnue ici.",
                "The certificate does not come from an authority recognised here.",
                remedy=Text(
                    f"Présentez un certificat de l'environnement « {self.environment} ».",
                    f"Present a certificate of the environment “{self.environment}”.",
                ),
            ) from error
        return _Chain(
            tuple((link.issuer.public_bytes(), link.serial_number) for link in chain[:-1]),
            max(link.not_valid_before_utc for link in chain),
            min(link.not_valid_after_utc for link in chain),
            read_holder(certificate),
        )

    def _refuse_revoked(self, chain: _Chain, at: datetime) -> None:
        self._reload_changed_lists()
        for issuer, serial in chain.links:
            revoked = self._crls.get(issuer)
            if revoked is None or (revoked.next_update is not None and revoked.next_update < at):
                raise _refusal(
                    "CertificateStatusUnknown",
                    "La liste de révocation de l'autorité manque ou est périmée.",
                    "The revocation list of the authority is missing or out of date.",
                    remedy=Text("Mettez à jour les CRL.", "Update the CRLs."),
                )
            if serial in revoked.serials:
                raise _refusal(
                    "CertificateRevoked",
                    f"Le certificat {serial:x} est révoqué.",
                    f"The certificate {serial:x} is revoked.",
                    remedy=Text("Utilisez un certificat en cours de validité.", "Use a certificate that is valid."),
                )

    def _reload_changed_lists(self) -> None:
        if self._crl_directory is None or not self._crl_directory.is_dir():
            return
        with os.scandir(self._crl_directory) as entries:
            files = [entry for entry in entries if entry.name.endswith(".crl")]
        for file in files:
            try:
                stamp = file.stat().st_mtime_ns
                if self._crl_stamps.get(file.name) == stamp:
                    continue
                content = Path(file).read_bytes()
            except FileNotFoundError:
                continue
            self._read_list(content)
            self._crl_stamps[file.name] = stamp

    def _read_list(self, content: bytes) -> None:
        """Keeps one list, if an authority known here signed it."""
        loaded = x509.load_pem_x509_crl(content) if b"-----BEGIN" in content else x509.load_der_x509_crl(content)
        authority = self._authorities.get(loaded.issuer)
        if authority is None or not _has_signed(authority, loaded):
            return
        self._crls[loaded.issuer.public_bytes()] = _RevocationList(
            frozenset(revoked.serial_number for revoked in loaded), loaded.next_update_utc
        )


def environment_of(certificate: x509.Certificate) -> Environment:
    """The environment that a certificate of IGC-Santé says it belongs to, by its names."""
    names = [*certificate.subject, *certificate.issuer]
    is_test = any(
        (attribute.oid == NameOID.COMMON_NAME and str(attribute.value).startswith("TEST "))
        or (attribute.oid == NameOID.ORGANIZATIONAL_UNIT_NAME and attribute.value == "IGC-SANTE TEST")
        for attribute in names
    )
    return Environment.TEST if is_test else Environment.PRODUCTION


def _has_signed(authority: x509.Certificate, revocation_list: x509.CertificateRevocationList) -> bool:
    try:
        return revocation_list.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except (InvalidSignature, TypeError, ValueError):
        return False


def _refuse_outside_dates(certificate: x509.Certificate, at: datetime) -> None:
    if at > certificate.not_valid_after_utc:
        raise _refusal(
            "CertificateExpired",
            f"Le certificat a expiré le {certificate.not_valid_after_utc:%d/%m/%Y}.",
            f"The certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d}.",
        )
    if at < certificate.not_valid_before_utc:
        raise _refusal(
            "CertificateNotYetValid",
            f"Le certificat n'est valable qu'à partir du {certificate.not_valid_before_utc:%d/%m/%Y}.",
            f"The certificate is valid from {certificate.not_valid_before_utc:%Y-%m-%d} only.",
        )


def _refuse_wrong_usage(certificate: x509.Certificate, usage: Usage) -> None:
    try:
        key_usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        key_usage = None
    try:
        purposes = list(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except (x509.ExtensionNotFound, ValueError):
        purposes = []
    if usage is Usage.TLS_CLIENT:
        is_right = ExtendedKeyUsageOID.CLIENT_AUTH in purposes
    elif usage is Usage.TLS_SERVER:
        is_right = ExtendedKeyUsageOID.SERVER_AUTH in purposes
    else:
        is_right = key_usage is not None and key_usage.content_commitment
    if not is_right:
        kind = {
            Usage.TLS_CLIENT: ("d'authentification", "authentication"),
            Usage.TLS_SERVER: ("de serveur", "a server"),
            Usage.SIGNATURE: ("de signature", "signature"),
        }
        french, english = kind[usage]
        raise _refusal(
            "CertificateUsage",
            f"Ce certificat n'est pas un certificat {french}.",
            f"This certificate is not a certificate for {english}.",
        )


def _refusal(code: str, fr: str, en: str, *, remedy: Text | None = None) -> NotAuthenticated:
    return NotAuthenticated(code, Text(fr, en), remedy=remedy, requirement=_REQUIREMENT)
