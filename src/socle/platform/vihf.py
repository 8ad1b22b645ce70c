"""From the VIHF of a SOAP message and the certificate of its connection to one ``Actor``.

Source: fact sheet "DMP exchange" §4.4, §4.5; fact sheet "identity" §10.5.
"""

from __future__ import annotations

import re
from typing import Final

from cryptography import x509

from socle.platform.actor import Actor, ActorKind, AuthenticationMode, Purpose
from socle.platform.clock import Clock
from socle.platform.replays import Replays
from socle.platform.switches import Switches, no_switches
from socle.platform.trust import TrustStore, Usage
from socle.standards.certificates import Holder, HolderKind
from socle.standards.errors import NotAuthenticated, Text
from socle.standards.saml import Mode, Vihf, VihfRefused, verify_vihf
from socle.standards.saml.names import DMP
from socle.standards.saml.verifier import SKEW, replayed
from socle.standards.saml.vihf import OID_SYSTEM_ROLE
from socle.standards.soap import Message

_STRUCTURE_ID: Final = re.compile(r"[0-6][0-9A-Z]{8,30}")


class VihfAuthenticator:
    """Establishes who calls the DMP by SOAP.

    ``requires_client_certificate`` (always in production) refuses a call without mutual TLS; when the connection has a
    certificate, its holder and the signer of the VIHF must be the same structure, or the same person.
    """

    def __init__(
        self,
        trust: TrustStore,
        replays: Replays,
        clock: Clock,
        switches: Switches = no_switches,
        *,
        requires_client_certificate: bool,
        audiences: frozenset[str] = frozenset({DMP}),
    ) -> None:
        self._trust = trust
        self._replays = replays
        self._clock = clock
        self._switches = switches
        self._requires_client_certificate = requires_client_certificate
        self._audiences = audiences

    def check_connection(self, client_certificate: bytes | None) -> None:
        """Refuses a connection without the certificate that it must have: before anything that it says is read."""
        if client_certificate is None and self._requires_client_certificate:
            raise VihfRefused(
                "VihfCertificate",
                "Ce service exige une connexion TLS mutuelle.",
                "This service requires mutual TLS.",
                remedy=Text("Présentez votre certificat client.", "Present your client certificate."),
            )

    async def authenticate(self, message: Message, client_certificate: bytes | None, origin: str = "") -> Actor:
        """The actor of ``message``. Raises ``VihfRefused`` or ``NotAuthenticated``, each cause by its own code."""
        now = self._clock()
        client = self._read_client(client_certificate)
        signers: list[Holder] = []
        verified = verify_vihf(
            message.header,
            at=now,
            check_certificate=lambda certificate: signers.append(self.believe(certificate, Usage.SIGNATURE)),
            audiences=self._audiences,
        )
        vihf, signer = verified.vihf, signers[0]
        _check_signer(vihf, signer, client, is_lenient=not self._requires_client_certificate)
        if vihf.mode is Mode.DIRECTE and self._switches().is_card_expired(vihf.user_id):
            raise NotAuthenticated(
                "CertificateExpired",
                Text("La carte du professionnel a expiré.", "The professional's card has expired."),
                requirement="IGC-Santé",
            )
        # An assertion is refused by its date once it is older than the skew, or ahead of its time by as much.
        if not await self._replays.use(vihf.id, max(vihf.issued_at, now) + 2 * SKEW, now):
            raise replayed()
        return actor_of(vihf, signer, origin)

    def believe(self, certificate: x509.Certificate, usage: Usage) -> Holder:
        """Who holds ``certificate``, proven now. Raises ``NotAuthenticated``."""
        if self._switches().is_certificate_revoked(certificate.serial_number):
            raise NotAuthenticated(
                "CertificateRevoked",
                Text(
                    f"Le certificat {certificate.serial_number:x} est révoqué.",
                    f"The certificate {certificate.serial_number:x} is revoked.",
                ),
                requirement="IGC-Santé",
            )
        return self._trust.verify(certificate, usage, self._clock())

    def _read_client(self, client_certificate: bytes | None) -> Holder | None:
        self.check_connection(client_certificate)
        if client_certificate is None:
            return None
        return self.believe(x509.load_der_x509_certificate(client_certificate), Usage.TLS_CLIENT)


def _check_signer(vihf: Vihf, signer: Holder, client: Holder | None, *, is_lenient: bool) -> None:
    """The signer is the user himself (DIRECTE) or his structure (INDIRECTE), and so is the client of the connection.

    A unit such as « 0002 123456789 » names a legal entity by its SIREN, and proves none of its structures: such a
    signer speaks for any structure where ``is_lenient`` (a sandbox), for none elsewhere.
    """
    if vihf.mode is Mode.DIRECTE:
        is_right = signer.kind is HolderKind.PROFESSIONAL and signer.id == vihf.user_id
        is_right = is_right and (client is None or client.id == signer.id)
        fr, en = "la carte de l'utilisateur", "the user's card"
    else:
        is_right = signer.kind is HolderKind.ORGANISATION
        is_comparable = _STRUCTURE_ID.fullmatch(signer.structure) is not None
        is_right = is_right and (signer.structure == vihf.structure or (is_lenient and not is_comparable))
        is_right = is_right and (client is None or client.structure == signer.structure)
        fr, en = "le certificat de sa structure (Identifiant_Structure)", "its structure (Identifiant_Structure)"
    if not is_right:
        raise VihfRefused(
            "VihfSigner",
            f"En mode {vihf.mode}, l'assertion est signée par {fr}, qui ouvre aussi la connexion.",
            f"In mode {vihf.mode}, the assertion is signed by {en}, which also opens the connection.",
            location="ds:KeyInfo",
        )


def actor_of(vihf: Vihf, signer: Holder, origin: str = "") -> Actor:
    """The actor that a proven VIHF names."""
    profession = vihf.roles[0]
    return Actor(
        kind=ActorKind.SYSTEM if profession.system == OID_SYSTEM_ROLE else ActorKind.PROFESSIONAL,
        id=vihf.user_id,
        name=vihf.user_name,
        authentication=AuthenticationMode(vihf.mode),
        profession=profession.code,
        profession_system=profession.system,
        speciality=vihf.roles[1].code if len(vihf.roles) > 1 else "",
        structure=vihf.structure,
        structure_name=signer.structure_name,
        sector=vihf.sector,
        software=vihf.software,
        software_version=vihf.software_version,
        purpose=Purpose(vihf.purpose),
        patient=vihf.patient,
        is_secret=vihf.is_secret,
        origin=origin,
    )
