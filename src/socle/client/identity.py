"""Who uses the SDK: the identity put in each VIHF and in each submission, and the key that signs for it."""

from __future__ import annotations

import uuid
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from socle.standards.certificates import write_name
from socle.standards.errors import InvalidContent, Text
from socle.standards.ids.ins import Ins
from socle.standards.saml import Mode, Purpose, Role, Vihf
from socle.standards.saml.vihf import AUTHN_CONTEXT
from socle.standards.xds.model import Author

OID_PROFESSIONALS: Final = "1.2.250.1.71.4.2.1"
OID_STRUCTURES: Final = "1.2.250.1.71.4.2.2"
_CONTEXTS: Final = {
    Mode.DIRECTE: f"{AUTHN_CONTEXT}SmartcardPKI",
    Mode.INDIRECTE: f"{AUTHN_CONTEXT}Password",
    Mode.INDIRECTE_RENFORCEE: f"{AUTHN_CONTEXT}MobileTwoFactorUnregistered",
}


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """The user and the structure of exercise. ``user_id`` is the PS_IdNat (``8`` + RPPS).

    >>> Identity(user_id="899700218896", family="MARCHAND", given="Camille").author.person
    '899700218896^MARCHAND^Camille^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS'
    """

    user_id: str
    family: str
    given: str
    profession: str = "10"
    profession_system: str = "1.2.250.1.71.1.2.7"
    #: Second role: TRE_R01 know-how of a doctor, section of a pharmacist, TRE_R85 role of others.
    speciality: str = "SM26"
    speciality_system: str = "1.2.250.1.71.4.2.5"
    structure: str = ""
    structure_name: str = ""
    sector: str = "SA07"
    mode: Mode = Mode.DIRECTE
    software: str = "Socle SDK"
    software_version: str = "0.1"
    homologation: str = "TST-000000-0000"
    vihf_version: str = "3.0"

    @property
    def author(self) -> Author:
        """The author of a submission set."""
        institution = f"{self.structure_name}^^^^^&{OID_STRUCTURES}&ISO^IDNST^^^{self.structure}"
        return Author(
            person=f"{self.user_id}^{self.family}^{self.given}^^^^^^&{OID_PROFESSIONALS}&ISO^D^^^IDNPS",
            institutions=(institution,) if self.structure else (),
        )

    @property
    def roles(self) -> tuple[Role, ...]:
        """Profession, then speciality where the profession has one."""
        second = Role(self.speciality, self.speciality_system)
        return (Role(self.profession, self.profession_system), *((second,) if self.speciality else ()))

    def vihf(
        self, signer: Signer, at: datetime, *, patient: Ins | None, purpose: Purpose, is_secret: bool = False
    ) -> Vihf:
        """The assertion of one call."""
        return Vihf(
            id=f"_{uuid.uuid4()}",
            issued_at=at,
            issuer=write_name(signer.certificate.subject),
            user_id=self.user_id,
            user_name=f"{self.family} {self.given}",
            roles=self.roles,
            mode=self.mode,
            structure=self.structure,
            sector=self.sector,
            software=self.software,
            software_version=self.software_version,
            homologation=self.homologation,
            patient=patient,
            purpose=purpose,
            is_secret=is_secret,
            version=self.vihf_version,
            authn_context=_CONTEXTS[self.mode],
        )


class Signer(msgspec.Struct, frozen=True):
    """The signature certificate (card, or seal of the structure) and its key."""

    certificate: x509.Certificate
    key: RSAPrivateKey

    @staticmethod
    def from_pem(certificate: bytes, key: bytes, password: bytes | None = None) -> Signer:
        """Reads both from PEM. Raises ``InvalidContent`` (``SignerUnreadable``)."""
        try:
            loaded_key = load_pem_private_key(key, password)
            loaded = x509.load_pem_x509_certificate(certificate)
        except (ValueError, TypeError) as error:
            raise _unreadable() from error
        if not isinstance(loaded_key, RSAPrivateKey):
            raise _unreadable()
        return Signer(loaded, loaded_key)

    @staticmethod
    def from_files(certificate: Path, key: Path, password: bytes | None = None) -> Signer:
        """Reads both from PEM files."""
        return Signer.from_pem(certificate.read_bytes(), key.read_bytes(), password)


def _unreadable() -> InvalidContent:
    return InvalidContent(
        "SignerUnreadable",
        Text("Certificat ou clé RSA de signature illisible.", "Signature certificate or RSA key unreadable."),
    )
