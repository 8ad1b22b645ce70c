"""A test authority shaped like IGC-Santé: same levels, same subjects, same extensions, keys of its own.

Its names begin by ``TEST`` and its organisation is the sandbox, so that nobody takes it for the State's.

On disk, under the directory given to ``ensure_authority``::

    authorities/*.pem     key (readable by the owner alone) and certificate of each authority
    revoked.jsonl         serial, authority and date of each revocation
    trust/                what a relying party needs (see ``platform.trust``)

Source: fact sheet "identity" §10.2-10.4.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from socle.standards.certificates import OID_CARD_ID, OID_CARD_TYPE, OID_PRODUCT, OID_PROFESSION, write_name
from socle.standards.errors import InvalidContent, NotFound, Text

#: Policies under which leaves are issued (test organisations and cards, server).
_POLICY_LEAF = ObjectIdentifier("1.2.250.1.213.1.7.2.1.1.1.1")
_POLICY_SERVER = ObjectIdentifier("1.2.250.1.213.1.7.1.1.2.5.1")
_OID_UPN = ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
_SMARTCARD_LOGON = ObjectIdentifier("1.3.6.1.4.1.311.20.2.2")
_LEAF_VALIDITY = timedelta(days=3 * 365)
_AUTHORITY_VALIDITY = timedelta(days=20 * 365)


class Level(StrEnum):
    """Issuing authorities of the hierarchy, each under its own root."""

    ELEMENTAIRE_ORGANISATIONS = "ELEMENTAIRE ORGANISATIONS"
    STANDARD_PERSONNES = "STANDARD PERSONNES"
    FORT_PERSONNES = "FORT PERSONNES"


class KeyPurpose(StrEnum):
    """What the key of a certificate is for."""

    #: TLS client (and server, for an organisation).
    AUTHENTICATION = "authentication"
    #: Signature of a person, seal (cachet) of an organisation.
    SIGNATURE = "signature"


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """An issued certificate with its key. ``chain`` is the certificate followed by its authorities; all PEM."""

    certificate: str
    key: str
    chain: str
    serial: str
    subject: str
    not_after: datetime


class _Authority(msgspec.Struct, frozen=True):
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    issuer: str


class _Revocation(msgspec.Struct, frozen=True):
    serial: str
    authority: str
    at: datetime


class TestAuthority:
    """The sandbox's certificate authority, on one directory that several processes may share."""

    __test__ = False

    def __init__(self, directory: Path, authorities: dict[str, _Authority]) -> None:
        self.directory = directory
        self._authorities = authorities

    @property
    def trust_directory(self) -> Path:
        """What ``TrustStore.load`` reads."""
        return self.directory / "trust"

    @property
    def trust_bundle(self) -> bytes:
        """All authorities, PEM: what a TLS peer is configured with."""
        return b"".join(_pem(authority.certificate) for authority in self._authorities.values())

    def issue_organisation(
        self,
        structure_id: str,
        name: str,
        purpose: KeyPurpose = KeyPurpose.SIGNATURE,
        *,
        common_name: str = "",
        department: str = "Paris (75)",
        at: datetime | None = None,
        valid_for: timedelta = _LEAF_VALIDITY,
    ) -> Credential:
        """A software certificate of the structure ``structure_id`` (Struct_IdNat): TLS, or seal (cachet)."""
        is_seal = purpose is KeyPurpose.SIGNATURE
        subject = [
            [(NameOID.COUNTRY_NAME, "FR")],
            [(NameOID.STATE_OR_PROVINCE_NAME, department)],
            [(NameOID.ORGANIZATION_NAME, name)],
            [(NameOID.ORGANIZATIONAL_UNIT_NAME, structure_id)],
            [(NameOID.COMMON_NAME, common_name or ("dmp-cachet" if is_seal else "dmp-client"))],
        ]
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (_key_usage(seal=is_seal), True),
            (x509.ExtendedKeyUsage(_purposes(is_seal, server=True)), False),
            (_private(OID_PRODUCT, b"\x04\x01\x83"), False),
        ]
        return self._issue(Level.ELEMENTAIRE_ORGANISATIONS, subject, extensions, at, valid_for)

    def issue_professional(
        self,
        ps_id: str,
        family: str,
        given: str,
        purpose: KeyPurpose = KeyPurpose.SIGNATURE,
        *,
        profession: int = 10,
        profession_label: str = "Médecin",
        at: datetime | None = None,
        valid_for: timedelta = _LEAF_VALIDITY,
    ) -> Credential:
        """A certificate shaped like one of a CPS: ``ps_id`` is the PS_IdNat (``8`` + RPPS)."""
        is_signature = purpose is KeyPurpose.SIGNATURE
        subject = [
            [(NameOID.COUNTRY_NAME, "FR")],
            [(NameOID.TITLE, profession_label)],
            [(NameOID.GIVEN_NAME, given), (NameOID.COMMON_NAME, ps_id), (NameOID.SURNAME, family)],
        ]
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (_card_usage(is_signature), True),
            (x509.ExtendedKeyUsage(_purposes(is_signature, card=True)), False),
            (_private(OID_CARD_TYPE, b"\x02\x01\x00"), False),
            (_private(OID_CARD_ID, b"\x13" + bytes([len(card := _card_number(ps_id))]) + card), False),
            (_private(OID_PRODUCT, b"\x04\x01\x80"), False),
            (_private(OID_PROFESSION, b"\x02\x01" + bytes([profession])), False),
        ]
        if not is_signature:
            upn = f"{ps_id}@carte-cps.fr".encode()
            name = x509.OtherName(_OID_UPN, b"\x0c" + bytes([len(upn)]) + upn)
            extensions.append((x509.SubjectAlternativeName([name]), False))
        return self._issue(Level.FORT_PERSONNES, subject, extensions, at, valid_for, is_signing_card=is_signature)

    def issue_employee(
        self,
        ps_id: str,
        family: str,
        given: str,
        structure_id: str,
        structure_name: str,
        purpose: KeyPurpose = KeyPurpose.SIGNATURE,
        *,
        department: str = "Paris (75)",
        at: datetime | None = None,
        valid_for: timedelta = _LEAF_VALIDITY,
    ) -> Credential:
        """A certificate shaped like one of a CPE: an employee of ``structure_id``, ``ps_id`` = ``3FINESS/internal``."""
        is_signature = purpose is KeyPurpose.SIGNATURE
        subject = [
            [(NameOID.COUNTRY_NAME, "FR")],
            [(NameOID.STATE_OR_PROVINCE_NAME, department)],
            [(NameOID.ORGANIZATION_NAME, structure_name)],
            [(NameOID.ORGANIZATIONAL_UNIT_NAME, structure_id)],
            [(NameOID.TITLE, "Personnel santé ou social")],
            [(NameOID.GIVEN_NAME, given), (NameOID.COMMON_NAME, ps_id), (NameOID.SURNAME, family)],
        ]
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (_card_usage(is_signature), True),
            (x509.ExtendedKeyUsage(_purposes(is_signature, card=True)), False),
            (_private(OID_CARD_TYPE, b"\x02\x01\x02"), False),
            (_private(OID_PRODUCT, b"\x04\x01\x80"), False),
        ]
        return self._issue(Level.STANDARD_PERSONNES, subject, extensions, at, valid_for, is_signing_card=is_signature)

    def issue_server(self, hosts: Sequence[str], *, at: datetime | None = None) -> Credential:
        """A TLS server certificate for ``hosts`` (names or addresses; the first is the CN)."""
        subject = [
            [(NameOID.COUNTRY_NAME, "FR")],
            [(NameOID.STATE_OR_PROVINCE_NAME, "Paris (75)")],
            [(NameOID.ORGANIZATION_NAME, "SOCLE")],
            [(NameOID.ORGANIZATIONAL_UNIT_NAME, "0002 000000000")],
            [(NameOID.COMMON_NAME, hosts[0])],
        ]
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (_key_usage(seal=False), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False),
            (x509.SubjectAlternativeName([_general_name(host) for host in hosts]), False),
        ]
        return self._issue(
            Level.ELEMENTAIRE_ORGANISATIONS, subject, extensions, at, _LEAF_VALIDITY, policy=_POLICY_SERVER
        )

    def _issue(
        self,
        level: Level,
        subject: Iterable[Iterable[tuple[ObjectIdentifier, str]]],
        extensions: Iterable[tuple[x509.ExtensionType, bool]],
        at: datetime | None,
        valid_for: timedelta,
        policy: ObjectIdentifier = _POLICY_LEAF,
        *,
        is_signing_card: bool = False,
    ) -> Credential:
        authority = self._authorities[level]
        key = _new_key()
        start = (at or datetime.now(UTC)) - timedelta(minutes=5)
        try:
            name = _name(subject)
        except ValueError as error:
            raise InvalidContent(
                "CertificateSubject",
                Text("Une valeur du sujet n'est pas admise.", "A value of the subject is not accepted."),
            ) from error
        builder = _builder(name, authority.certificate.subject, key.public_key(), start, start + valid_for)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
        policies = x509.CertificatePolicies([x509.PolicyInformation(policy, None)])
        period = x509.PrivateKeyUsagePeriod(start, start + valid_for)
        for extension, critical in (
            *extensions,
            *([(period, False)] if is_signing_card else []),
            (x509.BasicConstraints(ca=False, path_length=None), False),
            (identifier, False),
            (policies, False),
        ):
            builder = builder.add_extension(extension, critical)
        certificate = builder.sign(authority.key, hashes.SHA256())
        chain = [certificate, authority.certificate, self._authorities[authority.issuer].certificate]
        return Credential(
            certificate=_pem(certificate).decode(),
            key=_private_pem(key).decode(),
            chain=b"".join(_pem(link) for link in chain).decode(),
            serial=f"{certificate.serial_number:x}",
            subject=write_name(name),
            not_after=certificate.not_valid_after_utc,
        )

    def revoke(self, certificate: x509.Certificate, at: datetime | None = None) -> None:
        """Puts ``certificate`` on its authority's list at once. Raises ``NotFound`` if it is not one of ours."""
        name = next(
            (name for name, issuer in self._authorities.items() if issuer.certificate.subject == certificate.issuer), ""
        )
        if not name:
            raise NotFound(
                "CertificateUnknown",
                Text("Ce certificat ne vient pas de cette autorité.", "This certificate is not from this authority."),
            )
        revocation = _Revocation(f"{certificate.serial_number:x}", name, at or datetime.now(UTC))
        with _locked(self.directory / "revoked.jsonl") as ledger, ledger.open("ab") as file:
            file.write(msgspec.json.encode(revocation) + b"\n")
            file.flush()
            self._publish_list(name)

    def _revocations(self) -> Iterator[_Revocation]:
        ledger = self.directory / "revoked.jsonl"
        if ledger.exists():
            for line in ledger.read_bytes().splitlines():
                yield msgspec.json.decode(line, type=_Revocation)

    def _publish_list(self, name: str) -> None:
        """Writes the signed list of one authority. It lasts as long as the authority: the sandbox's clock may jump."""
        authority = self._authorities[name]
        now = datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(authority.certificate.subject)
            .last_update(now - timedelta(minutes=5))
            .next_update(authority.certificate.not_valid_after_utc)
        )
        for revocation in self._revocations():
            if revocation.authority == name:
                builder = builder.add_revoked_certificate(
                    x509.RevokedCertificateBuilder()
                    .serial_number(int(revocation.serial, 16))
                    .revocation_date(revocation.at)
                    .build()
                )
        content = builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
        _write(self.trust_directory / "crls" / f"{_file_name(name)}.crl", content)

    def publish(self) -> None:
        """Writes anchors, intermediates and lists into the trust directory."""
        for name, authority in self._authorities.items():
            folder = "anchors" if authority.issuer == name else "intermediates"
            _write(self.trust_directory / folder / f"{_file_name(name)}.pem", _pem(authority.certificate))
            self._publish_list(name)


def ensure_authority(directory: Path) -> TestAuthority:
    """The test authority of ``directory``, created there on first use (about a second)."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(directory / "authorities.lock"):
        authorities: dict[str, _Authority] = {}
        is_new = False
        for level in Level:
            root = f"RACINE {level.split()[0]}"
            for name, issuer in ((root, root), (level.value, root)):
                loaded = _load_authority(directory, name, issuer)
                is_new |= loaded is None
                authorities[name] = loaded or _create_authority(directory, name, issuer, authorities.get(issuer))
        authority = TestAuthority(directory, authorities)
        if is_new or not (authority.trust_directory / "crls").is_dir():
            authority.publish()
    return authority


def _load_authority(directory: Path, name: str, issuer: str) -> _Authority | None:
    file = directory / "authorities" / f"{_file_name(name)}.pem"
    if not file.exists():
        return None
    content = file.read_bytes()
    # Our own file: proving again at each start that its numbers are prime would take longer than all the rest.
    key = serialization.load_pem_private_key(content, None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)
    return _Authority(x509.load_pem_x509_certificate(content), key, issuer)


def _create_authority(directory: Path, name: str, issuer: str, parent: _Authority | None) -> _Authority:
    key = _new_key()
    start = datetime(2020, 1, 1, tzinfo=UTC)
    subject = _name(
        [
            [(NameOID.COUNTRY_NAME, "FR")],
            [(NameOID.ORGANIZATION_NAME, "SOCLE BAC A SABLE")],
            [(NameOID.ORGANIZATIONAL_UNIT_NAME, "0002 000000000")],
            [(NameOID.ORGANIZATIONAL_UNIT_NAME, "IGC-SANTE TEST")],
            [(NameOID.COMMON_NAME, _common_name(name))],
        ]
    )
    issuer_name = parent.certificate.subject if parent else subject
    issuer_key = parent.key if parent else key
    certificate = (
        _builder(subject, issuer_name, key.public_key(), start, start + _AUTHORITY_VALIDITY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0 if parent else 1), critical=True)
        .add_extension(_authority_key_usage(), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    _write(directory / "authorities" / f"{_file_name(name)}.pem", _private_pem(key) + _pem(certificate), mode=0o600)
    return _Authority(certificate, key, issuer)


def _common_name(name: str) -> str:
    kind, _, level = name.partition(" ")
    return f"TEST AC RACINE IGC-SANTE {level}" if kind == "RACINE" else f"TEST AC IGC-SANTE {name}"


def _file_name(name: str) -> str:
    return name.lower().replace(" ", "-")


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _name(rdns: Iterable[Iterable[tuple[ObjectIdentifier, str]]]) -> x509.Name:
    return x509.Name(
        [x509.RelativeDistinguishedName([x509.NameAttribute(oid, value[:64]) for oid, value in rdn]) for rdn in rdns]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: rsa.RSAPublicKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, seal: bool) -> x509.KeyUsage:
    return _usage(digital_signature=True, content_commitment=seal, key_encipherment=not seal)


def _card_usage(is_signature: bool) -> x509.KeyUsage:
    return _usage(digital_signature=not is_signature, content_commitment=is_signature)


def _authority_key_usage() -> x509.KeyUsage:
    return _usage(key_cert_sign=True, crl_sign=True)


def _usage(
    *,
    digital_signature: bool = False,
    content_commitment: bool = False,
    key_encipherment: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _purposes(is_signature: bool, *, server: bool = False, card: bool = False) -> list[ObjectIdentifier]:
    if is_signature:
        return [ExtendedKeyUsageOID.EMAIL_PROTECTION]
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH] if server else []
    return [*purposes, ExtendedKeyUsageOID.CLIENT_AUTH, *([_SMARTCARD_LOGON] if card else [])]


def _private(oid: ObjectIdentifier, der: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(oid, der)


def _card_number(ps_id: str) -> bytes:
    """A card number ``8025000001/<serial>``, always the same for one professional."""
    digits = "".join(character for character in ps_id if character.isdigit())[-10:]
    return f"8025000001/{digits.zfill(10)}".encode()


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(file: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Replaces ``file`` in one step, so that a reader never sees half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.touch(mode=mode)
    draft.write_bytes(content)
    draft.replace(file)


@contextmanager
def _locked(file: Path) -> Iterator[Path]:
    """Holds ``file`` for this process alone."""
    file.touch()
    with file.open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield file
