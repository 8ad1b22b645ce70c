"""From a proven VIHF and the connection to one actor, and each disagreement between them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from msgspec.structs import replace

from socle.client.identity import Identity, Signer
from socle.platform.actor import ActorKind, AuthenticationMode, Purpose
from socle.platform.base import Base
from socle.platform.replays import DatabaseReplays, MemoryReplays
from socle.platform.switches import SwitchState
from socle.platform.trust import TrustStore
from socle.platform.vihf import VihfAuthenticator
from socle.sandbox.pki import Credential, KeyPurpose, TestAuthority, ensure_authority
from socle.standards.errors import NotAuthenticated
from socle.standards.ids.ins import Ins
from socle.standards.saml import Mode, build_security_header
from socle.standards.saml import Purpose as VihfPurpose
from socle.standards.soap import Message, read_message, write_message

NOW = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
INS = Ins("200017505612365", "1.2.250.1.213.1.4.10")
DOCTOR = Identity(
    user_id="899700218896",
    family="MARCHAND",
    given="Camille",
    structure="1750987653",
    structure_name="H",
    sector="SA01",
)
STRUCTURE = replace(DOCTOR, mode=Mode.INDIRECTE_RENFORCEE)


class Place:
    def __init__(self, authority: TestAuthority) -> None:
        self.authority = authority
        self.trust = TrustStore.load(authority.trust_directory)
        self.card = self.signer(authority.issue_professional(DOCTOR.user_id, "MARCHAND", "Camille", at=NOW))
        self.seal = self.signer(authority.issue_organisation("1750987653", "HOPITAL", at=NOW))

    @staticmethod
    def signer(credential: Credential) -> Signer:
        return Signer.from_pem(credential.certificate.encode(), credential.key.encode())

    def message(self, identity: Identity, signer: Signer, **changes: Any) -> Message:
        vihf = identity.vihf(signer, NOW, patient=INS, purpose=VihfPurpose.NORMAL)
        security = build_security_header(replace(vihf, **changes), signer.key, signer.certificate)
        content_type, content = write_message("urn:a", etree.Element("a"), security=security, to="x")
        return read_message(content, content_type)

    def authenticator(self, state: SwitchState | None = None, *, requires: bool = False) -> VihfAuthenticator:
        return VihfAuthenticator(
            self.trust,
            MemoryReplays(),
            lambda: NOW,
            lambda: state or SwitchState(),
            requires_client_certificate=requires,
        )

    def client(self, structure: str) -> bytes:
        credential = self.authority.issue_organisation(structure, "H", KeyPurpose.AUTHENTICATION, at=NOW)
        return x509.load_pem_x509_certificate(credential.certificate.encode()).public_bytes(Encoding.DER)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(ensure_authority(tmp_path_factory.mktemp("pki")))


async def refusal(
    place: Place,
    message: Message,
    client: bytes | None = None,
    state: SwitchState | None = None,
    *,
    requires: bool = False,
) -> str:
    with pytest.raises(NotAuthenticated) as refused:
        await place.authenticator(state, requires=requires).authenticate(message, client)
    return refused.value.code


async def test_a_card_gives_its_professional(place: Place) -> None:
    actor = await place.authenticator().authenticate(place.message(DOCTOR, place.card), None, "10.0.0.1")
    assert (actor.kind, actor.id, actor.authentication) == (
        ActorKind.PROFESSIONAL,
        DOCTOR.user_id,
        AuthenticationMode.DIRECTE,
    )
    assert (actor.profession, actor.speciality, actor.structure, actor.patient) == ("10", "SM26", "1750987653", INS)
    assert (actor.purpose, actor.origin) == (Purpose.NORMAL, "10.0.0.1")


async def test_a_seal_speaks_for_its_users_and_its_software(place: Place) -> None:
    actor = await place.authenticator().authenticate(place.message(STRUCTURE, place.seal), place.client("1750987653"))
    assert (actor.authentication, actor.structure_name) == (AuthenticationMode.INDIRECTE_RENFORCEE, "HOPITAL")
    machine = replace(
        STRUCTURE,
        user_id="3750987653/LAB1",
        profession="AUTOMATE",
        profession_system="1.2.250.1.213.1.1.4.6",
        speciality="",
        mode=Mode.INDIRECTE,
    )
    assert (await place.authenticator().authenticate(place.message(machine, place.seal), None)).kind is ActorKind.SYSTEM


async def test_a_card_does_not_speak_for_another_nor_a_seal_as_a_person(place: Place) -> None:
    other = replace(DOCTOR, user_id="810109876549")
    assert await refusal(place, place.message(other, place.card)) == "VihfSigner"
    assert await refusal(place, place.message(DOCTOR, place.seal)) == "VihfSigner"
    assert await refusal(place, place.message(STRUCTURE, place.card)) == "VihfSigner"


async def test_a_seal_does_not_speak_for_another_structure(place: Place) -> None:
    assert await refusal(place, place.message(replace(STRUCTURE, structure="1690987656"), place.seal)) == "VihfSigner"


async def test_a_legal_entity_named_by_its_siren_speaks_for_a_structure_in_a_sandbox_alone(place: Place) -> None:
    seal = place.signer(place.authority.issue_organisation("0002 123456789", "CH TEST", at=NOW))
    assert (await place.authenticator().authenticate(place.message(STRUCTURE, seal), None)).structure == "1750987653"
    client = place.client("0002 123456789")
    assert await refusal(place, place.message(STRUCTURE, seal), client, requires=True) == "VihfSigner"
    own = place.client("1750987653")
    actor = await place.authenticator(requires=True).authenticate(place.message(STRUCTURE, place.seal), own)
    assert actor.structure == "1750987653"


async def test_the_connection_must_be_of_the_signer(place: Place) -> None:
    assert await refusal(place, place.message(STRUCTURE, place.seal), place.client("1690987656")) == "VihfSigner"


async def test_production_asks_for_a_client_certificate(place: Place) -> None:
    assert await refusal(place, place.message(STRUCTURE, place.seal), requires=True) == "VihfCertificate"
    seal = place.seal.certificate.public_bytes(Encoding.DER)
    assert await refusal(place, place.message(STRUCTURE, place.seal), seal, requires=True) == "CertificateUsage"


async def test_the_switches_of_the_sandbox_expire_and_revoke(place: Place) -> None:
    expired = SwitchState(expired_cards=(DOCTOR.user_id,))
    assert await refusal(place, place.message(DOCTOR, place.card), state=expired) == "CertificateExpired"
    revoked = SwitchState(revoked_certificates=(f"{place.seal.certificate.serial_number:x}",))
    assert await refusal(place, place.message(STRUCTURE, place.seal), state=revoked) == "CertificateRevoked"


async def test_an_assertion_serves_once(place: Place) -> None:
    authenticator, message = place.authenticator(), place.message(DOCTOR, place.card)
    await authenticator.authenticate(message, None)
    with pytest.raises(NotAuthenticated) as refused:
        await authenticator.authenticate(message, None)
    assert refused.value.code == "VihfReplayed"


async def test_every_process_of_the_base_knows_what_was_used(base: Base) -> None:
    first, second = DatabaseReplays(base.database), DatabaseReplays(base.database)
    until = NOW + timedelta(minutes=10)
    assert await first.use("a", until, NOW)
    assert not await second.use("a", until, NOW)
    assert await second.use("b", until, NOW)
    first._uses = 499
    assert await first.use("c", until + timedelta(hours=1), NOW + timedelta(minutes=11))
    assert await second.use("a", until + timedelta(hours=2), NOW + timedelta(minutes=12))
