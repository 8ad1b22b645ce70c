"""The sandbox's authority and the trust store: who is believed, and each way of not being."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from hypothesis import given, settings
from hypothesis import strategies as st

from socle.platform.trust import Environment, TrustStore, Usage
from socle.sandbox.pki import KeyPurpose, TestAuthority, ensure_authority
from socle.standards.certificates import (
    HolderKind,
    is_same_name,
    load_certificates,
    parse_name,
    read_holder,
    write_name,
)
from socle.standards.errors import InvalidContent, NotAuthenticated

NOW = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    return ensure_authority(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def trust(authority: TestAuthority) -> TrustStore:
    return TrustStore.load(authority.trust_directory)


def certificate_of(credential: object) -> x509.Certificate:
    return x509.load_pem_x509_certificate(credential.certificate.encode())  # type: ignore[attr-defined]


def refusal(
    trust: TrustStore, certificate: x509.Certificate, usage: Usage = Usage.SIGNATURE, at: datetime = NOW
) -> str:
    with pytest.raises(NotAuthenticated) as refused:
        trust.verify(certificate, usage, at)
    return refused.value.code


def test_a_seal_of_a_structure_is_believed_and_named(authority: TestAuthority, trust: TrustStore) -> None:
    seal = certificate_of(authority.issue_organisation("1750987653", "HOPITAL DES EXEMPLES", at=NOW))
    holder = trust.verify(seal, Usage.SIGNATURE, NOW)
    assert (holder.kind, holder.id, holder.name) == (HolderKind.ORGANISATION, "1750987653", "HOPITAL DES EXEMPLES")
    assert holder.subject == "CN=dmp-cachet,OU=1750987653,O=HOPITAL DES EXEMPLES,ST=Paris (75),C=FR"


def test_a_card_has_the_shape_of_a_cps(authority: TestAuthority, trust: TrustStore) -> None:
    card = certificate_of(
        authority.issue_professional(
            "899700218896",
            "MARCHAND",
            "Camille",
            KeyPurpose.AUTHENTICATION,
            profession=60,
            profession_label="Infirmier",
            at=NOW,
        )
    )
    assert len(list(card.subject.rdns)[-1]) == 3
    holder = trust.verify(card, Usage.TLS_CLIENT, NOW)
    assert (holder.id, holder.name, holder.profession) == ("899700218896", "MARCHAND Camille", "60")
    assert card.issuer.rfc4514_string().startswith("CN=TEST AC IGC-SANTE FORT PERSONNES,OU=IGC-SANTE TEST")


@pytest.mark.parametrize(
    ("purpose", "usages", "has_period"),
    [
        (KeyPurpose.SIGNATURE, ["content_commitment"], True),
        (KeyPurpose.AUTHENTICATION, ["digital_signature"], False),
    ],
)
def test_a_card_has_one_usage(
    authority: TestAuthority, purpose: KeyPurpose, usages: list[str], has_period: bool
) -> None:
    issued = authority.issue_professional("899700218896", "MARCHAND", "Camille", purpose)
    extensions = x509.load_pem_x509_certificate(issued.certificate.encode()).extensions
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    assert [name for name in names if getattr(usage, name)] == usages
    assert any(isinstance(one.value, x509.PrivateKeyUsagePeriod) for one in extensions) is has_period


def test_an_employee_card_names_person_and_structure(authority: TestAuthority) -> None:
    card = authority.issue_employee("3750987653/CPET1", "PETIT", "Jo", "1750987653", "HOPITAL", at=NOW)
    holder = read_holder(certificate_of(card))
    assert (holder.kind, holder.id, holder.structure) == (HolderKind.PROFESSIONAL, "3750987653/CPET1", "1750987653")


def test_a_certificate_is_refused_outside_its_dates(authority: TestAuthority, trust: TrustStore) -> None:
    seal = certificate_of(authority.issue_organisation("1750987653", "H", at=NOW, valid_for=timedelta(days=1)))
    trust.verify(seal, Usage.SIGNATURE, NOW)
    assert refusal(trust, seal, at=NOW + timedelta(days=2)) == "CertificateExpired"
    assert refusal(trust, seal, at=NOW - timedelta(days=2)) == "CertificateNotYetValid"


def test_a_certificate_serves_its_own_usage_only(authority: TestAuthority, trust: TrustStore) -> None:
    seal = certificate_of(authority.issue_organisation("1750987653", "H", at=NOW))
    client = certificate_of(authority.issue_organisation("1750987653", "H", KeyPurpose.AUTHENTICATION, at=NOW))
    assert refusal(trust, seal, Usage.TLS_CLIENT) == "CertificateUsage"
    assert refusal(trust, client, Usage.SIGNATURE) == "CertificateUsage"


def test_a_revoked_certificate_is_refused_at_once_even_when_it_was_believed(
    authority: TestAuthority, trust: TrustStore
) -> None:
    seal = certificate_of(authority.issue_organisation("1750987653", "H", at=NOW))
    other = certificate_of(authority.issue_organisation("1750987653", "H", at=NOW))
    trust.verify(seal, Usage.SIGNATURE, NOW)
    authority.revoke(seal)
    assert refusal(trust, seal) == "CertificateRevoked"
    assert refusal(TrustStore.load(authority.trust_directory), seal) == "CertificateRevoked"
    trust.verify(other, Usage.SIGNATURE, NOW)


def test_a_certificate_of_another_authority_is_not_believed(
    trust: TrustStore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = ensure_authority(tmp_path_factory.mktemp("other"))
    assert refusal(trust, certificate_of(stranger.issue_organisation("1", "H", at=NOW))) == "CertificateUntrusted"


def test_without_a_revocation_list_nobody_is_believed(authority: TestAuthority, tmp_path: Path) -> None:
    trust = TrustStore(
        load_certificates([file.read_bytes() for file in (authority.trust_directory / "anchors").iterdir()]),
        load_certificates([file.read_bytes() for file in (authority.trust_directory / "intermediates").iterdir()]),
        tmp_path,
    )
    seal = certificate_of(authority.issue_organisation("1750987653", "H", at=NOW))
    assert refusal(trust, seal) == "CertificateStatusUnknown"


def test_a_list_that_the_authority_did_not_sign_is_ignored(
    authority: TestAuthority, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stranger = ensure_authority(tmp_path_factory.mktemp("forger"))
    trust = TrustStore(
        load_certificates([file.read_bytes() for file in (authority.trust_directory / "anchors").iterdir()]),
        load_certificates([file.read_bytes() for file in (authority.trust_directory / "intermediates").iterdir()]),
        stranger.trust_directory / "crls",
    )
    seal = certificate_of(authority.issue_organisation("1750987653", "H", at=NOW))
    assert refusal(trust, seal) == "CertificateStatusUnknown"


def test_test_anchors_are_refused_in_production(authority: TestAuthority) -> None:
    with pytest.raises(InvalidContent) as refused:
        TrustStore.load(authority.trust_directory, Environment.PRODUCTION)
    assert refused.value.code == "TrustEnvironment"


def test_an_authority_is_created_once_and_its_keys_are_private(authority: TestAuthority) -> None:
    again = ensure_authority(authority.directory)
    assert again.trust_bundle == authority.trust_bundle
    assert {file.stat().st_mode & 0o777 for file in (authority.directory / "authorities").iterdir()} == {0o600}


def test_a_server_certificate_names_its_hosts(authority: TestAuthority) -> None:
    server = certificate_of(authority.issue_server(["localhost", "127.0.0.1"]))
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


parts = st.lists(
    st.tuples(
        st.sampled_from(
            [x509.NameOID.COMMON_NAME, x509.NameOID.ORGANIZATION_NAME, x509.NameOID.SURNAME, x509.NameOID.GIVEN_NAME]
        ),
        st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=10),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=150)
@given(parts)
def test_a_written_name_is_the_same_name(attributes: list[tuple[x509.ObjectIdentifier, str]]) -> None:
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])
    assert is_same_name(write_name(name), name)
    assert is_same_name(name.rfc4514_string(), name)


@settings(max_examples=150)
@given(st.text(max_size=40))
def test_any_text_is_a_name_or_none(text: str) -> None:
    assert isinstance(parse_name(text), list)


def test_names_are_compared_in_either_order_with_every_alias() -> None:
    name = x509.Name(
        [
            x509.RelativeDistinguishedName([x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "FR")]),
            x509.RelativeDistinguishedName(
                [
                    x509.NameAttribute(x509.NameOID.GIVEN_NAME, "Léa"),
                    x509.NameAttribute(x509.NameOID.COMMON_NAME, "899700218896"),
                    x509.NameAttribute(x509.NameOID.SURNAME, "O'NEIL, X"),
                ]
            ),
        ]
    )
    for text in (
        "C=FR, G=Léa+CN=899700218896+SURNAME=O'NEIL\\, X",
        'CN=899700218896 + SN="O\'NEIL, X" + GN=L\\C3\\A9a,C=FR',
        "OID.2.5.4.42=Léa+2.5.4.3=899700218896+2.5.4.4=O'neil\\, x, c=fr",
    ):
        assert is_same_name(text, name), text
    assert not is_same_name("C=FR, G=Léa, CN=899700218896, SN=O'NEIL\\, X", name)
    assert not is_same_name("", name)


def test_fingerprints_are_sha256(authority: TestAuthority) -> None:
    certificate = certificate_of(authority.issue_server(["localhost"]))
    assert read_holder(certificate).fingerprint == certificate.fingerprint(hashes.SHA256()).hex()
