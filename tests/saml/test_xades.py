"""The signature of a submission: verified over the bytes received, refused when anything moved."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from msgspec.structs import replace

from socle.platform.trust import TrustStore, Usage
from socle.sandbox.pki import KeyPurpose, ensure_authority
from socle.standards.errors import InvalidContent, NotAuthenticated, SocleError
from socle.standards.ids.ins import Ins
from socle.standards.xades import DigestName, find_signature, sign_submission, verify_submission_signature
from socle.standards.xades.names import DS
from socle.standards.xds.model import Author, Code, DocumentEntry, Submission, SubmissionSet
from socle.standards.xds.validation import validate_submission

NOW = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
INS = Ins("200017505612365", "1.2.250.1.213.1.4.10")
CODE = Code("10", "1.2.3")
AUTHOR = Author("899700218896^MARCHAND^CAMILLE^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS")
XML = (
    "<?xml version='1.0'?><!-- avant --><?xml-stylesheet href='x'?>\n<a b = 'c'  xmlns='urn:x'>é<!-- dedans --></a>\n"
).encode()


def entry(identifier: str, unique_id: str) -> DocumentEntry:
    return DocumentEntry(
        entry_uuid=identifier,
        unique_id=unique_id,
        patient_id=INS,
        class_code=CODE,
        type_code=CODE,
        format_code=CODE,
        healthcare_facility_type_code=CODE,
        practice_setting_code=CODE,
        confidentiality_codes=(CODE,),
        creation_time="20260302080000",
        language_code="fr-FR",
        mime_type="text/xml",
        authors=(AUTHOR,),
    )


PLAIN = Submission(
    submission_set=SubmissionSet(
        entry_uuid="S",
        unique_id="1.2.3.1",
        source_id="1.2.3",
        patient_id=INS,
        content_type_code=CODE,
        submission_time="20260302081500",
        author=AUTHOR,
    ),
    documents=(entry("D1", "1.2.3.2"), entry("D2", "1.2.3.3")),
    contents={"D1": XML, "D2": b"\x00DICM\xff"},
)

Check = Callable[[x509.Certificate], object]


class Signer:
    def __init__(self, directory: Any) -> None:
        self.authority = ensure_authority(directory)
        credential = self.authority.issue_organisation("1750987653", "HOPITAL", at=NOW)
        self.certificate = x509.load_pem_x509_certificate(credential.certificate.encode())
        self.key: Any = load_pem_private_key(credential.key.encode(), None)
        trust = TrustStore.load(self.authority.trust_directory)
        self.check: Check = lambda certificate: trust.verify(certificate, Usage.SIGNATURE, NOW)

    def sign(self, submission: Submission = PLAIN, digest: DigestName = DigestName.SHA256) -> Submission:
        return sign_submission(submission, self.key, self.certificate, unique_id="1.2.3.9", at=NOW, digest=digest)

    def verify(self, submission: Submission) -> datetime:
        found = find_signature(submission)
        assert found is not None
        content = submission.contents[found.entry_uuid]
        return verify_submission_signature(submission, content, check_certificate=self.check).signing_time

    def refusal(self, submission: Submission) -> str:
        with pytest.raises(InvalidContent) as refused:
            self.verify(submission)
        assert refused.value.code == "XDSRepositoryError"
        return refused.value.reason.en


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return Signer(tmp_path_factory.mktemp("pki"))


@pytest.mark.parametrize("digest", DigestName)
def test_a_signed_submission_verifies(signer: Signer, digest: DigestName) -> None:
    signed = signer.sign(digest=digest)
    assert signer.verify(signed) == NOW
    assert validate_submission(replace(signed, associations=signed.associations[-2:])) == []


def test_the_signature_document_has_the_metadata_of_the_dmp(signer: Signer) -> None:
    signed = signer.sign()
    found = find_signature(signed)
    assert found is not None
    assert (found.class_code.system, found.type_code.code, found.language_code) == ("URN", "E1762", "art")
    assert found.size == len(signed.contents["Signature01"])


def test_every_way_of_spelling_the_same_xml_has_the_same_digest(signer: Signer) -> None:
    signed = signer.sign()
    same = XML.replace(b"b = 'c'  ", b'b="c" ').replace(b"<?xml version='1.0'?>", b"")
    assert signer.verify(replace(signed, contents={**signed.contents, "D1": same})) == NOW


@pytest.mark.parametrize(
    ("identifier", "content"), [("D1", XML.replace(b"c", b"d")), ("D1", b"text"), ("D2", b"\x00DICM\xfe")]
)
def test_a_document_that_changed_is_named(signer: Signer, identifier: str, content: bytes) -> None:
    signed = signer.sign()
    assert (
        "changed since" in signer.refusal(replace(signed, contents={**signed.contents, identifier: content}))
        or content == b"text"
    )


def test_a_document_added_or_removed_after_signing_is_named(signer: Signer) -> None:
    signed = signer.sign()
    added = replace(
        signed, documents=(*signed.documents, entry("D3", "1.2.3.4")), contents={**signed.contents, "D3": b"x"}
    )
    assert "does not name urn:oid:1.2.3.4" in signer.refusal(added)
    removed = replace(signed, documents=signed.documents[1:])
    assert "names urn:oid:1.2.3.2, which is not" in signer.refusal(removed)


def test_the_signature_of_another_set_is_refused(signer: Signer) -> None:
    signed = signer.sign()
    other = replace(signed, submission_set=replace(signed.submission_set, unique_id="1.2.3.99"))
    assert "which is not in the submission" in signer.refusal(other)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"AA==", b"AAA="),
        (b"1.2.3.2<", b"1.2.3.2 <"),
        (b"2026-03-02T08:15", b"2026-03-02T09:15"),
        (b"#IHEManifest", b"#purposeOfSignature"),
        (b"rsa-sha256", b"rsa-sha384"),
        (b"rsa-sha256", b"hmac-sha256"),
        (b"<SignatureValue>", b"<SignatureValue>AAAA"),
    ],
)
def test_a_signature_that_was_changed_is_refused(signer: Signer, before: bytes, after: bytes) -> None:
    signed = signer.sign()
    content = signed.contents["Signature01"]
    if before not in content:
        before, after = before.replace(b"1.2.3.2<", b"urn:oid:1.2.3.2"), b"urn:oid:1.2.3.7"
    assert before in content
    assert signer.refusal(replace(signed, contents={**signed.contents, "Signature01": content.replace(before, after)}))


def test_the_signer_of_the_properties_must_be_the_signer(signer: Signer) -> None:
    """A document re-signed under another certificate keeps the first one in its properties."""
    other = signer.authority.issue_organisation("1690987656", "AUTRE", at=NOW)
    certificate = x509.load_pem_x509_certificate(other.certificate.encode())
    signed = signer.sign()
    root = etree.fromstring(signed.contents["Signature01"])
    target = next(root.iter(f"{{{DS}}}X509Certificate"))
    target.text = base64.b64encode(
        certificate.public_bytes(__import__("cryptography").hazmat.primitives.serialization.Encoding.DER)
    ).decode()
    changed = replace(signed, contents={**signed.contents, "Signature01": etree.tostring(root)})
    assert signer.refusal(changed)


def test_an_authentication_certificate_may_not_sign(signer: Signer) -> None:
    credential = signer.authority.issue_organisation("1750987653", "H", KeyPurpose.AUTHENTICATION, at=NOW)
    key: Any = load_pem_private_key(credential.key.encode(), None)
    certificate = x509.load_pem_x509_certificate(credential.certificate.encode())
    with pytest.raises(NotAuthenticated) as refused:
        signer.verify(sign_submission(PLAIN, key, certificate, unique_id="1.2.3.9", at=NOW))
    assert refused.value.code == "CertificateUsage"


@settings(max_examples=120, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 5000), st.booleans())
def test_any_bytes_verify_or_are_refused(signer: Signer, noise: bytes, position: int, is_whole: bool) -> None:
    signed = signer.sign()
    content = signed.contents["Signature01"]
    position %= len(content)
    damaged = noise if is_whole else content[:position] + noise + content[position + len(noise) :]
    try:
        signer.verify(replace(signed, contents={**signed.contents, "Signature01": damaged}))
    except SocleError:
        return
