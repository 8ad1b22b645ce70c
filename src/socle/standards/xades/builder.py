"""Signs a submission: makes the signature document and its entry, and links them.

The elements are those of the DMP; canonical forms come from lxml, digests and signatures from hashlib and cryptography.

Source: fact sheet "DMP exchange" §2.7, §8.5.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from lxml import etree
from msgspec.structs import replace

from socle.standards.certificates import write_name
from socle.standards.errors import SocleError
from socle.standards.xades.names import (
    C14N_WITH_COMMENTS,
    DS,
    MANIFEST_ID,
    MANIFEST_TYPE,
    NO_DIGEST,
    PROPERTIES_ID,
    PROPERTIES_TYPE,
    PURPOSE,
    SIGNATURE_CLASS,
    SIGNATURE_EVENT,
    SIGNATURE_FORMAT,
    SIGNATURE_TYPE,
    XADES,
    DigestName,
    canonicalize,
    canonicalize_document,
)
from socle.standards.xds.model import (
    VISIBILITY_SYSTEM,
    Association,
    AssociationType,
    Code,
    DocumentEntry,
    Submission,
)
from socle.standards.xml import parse

_METHODS: Final = {
    DigestName.SHA1: (f"{DS}rsa-sha1", hashes.SHA1()),  # noqa: S303 - what the DMP's samples use
    DigestName.SHA256: ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", hashes.SHA256()),
}
_CONFIDENTIALITY: Final = (
    Code("N", "2.16.840.1.113883.5.25", "Normal"),
    Code("MASQUE_PS", VISIBILITY_SYSTEM, "Masqué aux professionnels de santé"),
    Code("INVISIBLE_PATIENT", VISIBILITY_SYSTEM, "Non visible par le patient"),
)
SIGNATURE_ID: Final = "Signature01"


def sign_submission(
    submission: Submission,
    key: RSAPrivateKey,
    certificate: x509.Certificate,
    *,
    unique_id: str,
    at: datetime,
    digest: DigestName = DigestName.SHA256,
) -> Submission:
    """``submission`` with its signature document: entry, content, membership and ``signs`` link.

    ``unique_id`` is a new OID; the metadata of the place are those of the first document.
    """
    content = write_signature(submission, key, certificate, unique_id=unique_id, at=at, digest=digest)
    time = at.astimezone(UTC).strftime("%Y%m%d%H%M%S")
    first, submission_set = submission.documents[0], submission.submission_set
    entry = DocumentEntry(
        entry_uuid=SIGNATURE_ID,
        unique_id=unique_id,
        patient_id=submission_set.patient_id,
        class_code=SIGNATURE_CLASS,
        type_code=SIGNATURE_TYPE,
        format_code=SIGNATURE_FORMAT,
        event_codes=(SIGNATURE_EVENT,),
        healthcare_facility_type_code=first.healthcare_facility_type_code,
        practice_setting_code=first.practice_setting_code,
        confidentiality_codes=_CONFIDENTIALITY,
        authors=(submission_set.author,),
        legal_authenticator=submission_set.author.person,
        creation_time=time,
        service_start_time=time,
        service_stop_time=time,
        language_code="art",
        mime_type="text/xml",
        title="Source",
        source_patient_id=submission_set.patient_id.to_cx(),
        hash=DigestName.SHA1.digest(content).hex(),
        size=len(content),
    )
    links = (
        _link("SignatureMember", AssociationType.HAS_MEMBER, submission_set.entry_uuid, SIGNATURE_ID),
        _link("SignatureSigns", AssociationType.SIGNS, SIGNATURE_ID, submission_set.entry_uuid),
    )
    return replace(
        submission,
        documents=(*submission.documents, entry),
        associations=(*submission.associations, *links),
        contents={**submission.contents, SIGNATURE_ID: content},
    )


def _link(identifier: str, kind: AssociationType, source: str, target: str) -> Association:
    return Association(entry_uuid=identifier, type=kind, source=source, target=target, submission_set_status="Original")


def write_signature(
    submission: Submission,
    key: RSAPrivateKey,
    certificate: x509.Certificate,
    *,
    unique_id: str,
    at: datetime,
    digest: DigestName,
) -> bytes:
    """The signature document of ``submission``, as bytes to send as they are."""
    method, algorithm = _METHODS[digest]
    signature = etree.Element(f"{{{DS}}}Signature", nsmap={None: DS})
    signature.set("Id", unique_id)
    info = etree.SubElement(signature, f"{{{DS}}}SignedInfo")
    etree.SubElement(info, f"{{{DS}}}CanonicalizationMethod").set("Algorithm", C14N_WITH_COMMENTS)
    etree.SubElement(info, f"{{{DS}}}SignatureMethod").set("Algorithm", method)
    value = etree.SubElement(signature, f"{{{DS}}}SignatureValue")
    data = etree.SubElement(etree.SubElement(signature, f"{{{DS}}}KeyInfo"), f"{{{DS}}}X509Data")
    etree.SubElement(data, f"{{{DS}}}X509Certificate").text = _base64(
        certificate.public_bytes(serialization.Encoding.DER)
    )
    _write_purpose(signature, unique_id)
    manifest = _write_manifest(signature, submission, digest)
    properties = _write_properties(signature, unique_id, certificate, at, digest)
    # The tree is whole from here on: digests are those of the parts where they stand.
    for identifier, kind, part in (
        (MANIFEST_ID, MANIFEST_TYPE, manifest),
        (PROPERTIES_ID, PROPERTIES_TYPE, properties),
    ):
        reference = _reference(info, f"#{identifier}", digest, digest.digest(canonicalize(part)), transforms=True)
        reference.set("Type", kind)
    value.text = _base64(key.sign(canonicalize(info), PKCS1v15(), algorithm))
    return etree.tostring(signature, encoding="UTF-8", xml_declaration=True)


def _reference(
    parent: etree._Element, uri: str, digest: DigestName, value: bytes | str, *, transforms: bool
) -> etree._Element:
    reference = etree.SubElement(parent, f"{{{DS}}}Reference")
    reference.set("URI", uri)
    if transforms:
        listed = etree.SubElement(reference, f"{{{DS}}}Transforms")
        etree.SubElement(listed, f"{{{DS}}}Transform").set("Algorithm", C14N_WITH_COMMENTS)
    etree.SubElement(reference, f"{{{DS}}}DigestMethod").set("Algorithm", digest)
    etree.SubElement(reference, f"{{{DS}}}DigestValue").text = value if isinstance(value, str) else _base64(value)
    return reference


def _write_purpose(signature: etree._Element, unique_id: str) -> None:
    properties = etree.SubElement(_object(signature), f"{{{DS}}}SignatureProperties")
    item = etree.SubElement(properties, f"{{{DS}}}SignatureProperty")
    item.set("Id", "purposeOfSignature")
    item.set("Target", f"#{unique_id}")
    item.text = PURPOSE


def _write_manifest(signature: etree._Element, submission: Submission, digest: DigestName) -> etree._Element:
    manifest = etree.SubElement(_object(signature), f"{{{DS}}}Manifest")
    manifest.set("Id", MANIFEST_ID)
    _reference(manifest, f"urn:oid:{submission.submission_set.unique_id}", digest, NO_DIGEST, transforms=False)
    for unique_id, content in _documents(submission):
        canonical = canonical_form(content)
        _reference(
            manifest,
            f"urn:oid:{unique_id}",
            digest,
            digest.digest(content if canonical is None else canonical),
            transforms=canonical is not None,
        )
    return manifest


def _documents(submission: Submission) -> Iterator[tuple[str, bytes]]:
    for entry in submission.documents:
        yield entry.unique_id, submission.contents[entry.entry_uuid]


def canonical_form(content: bytes) -> bytes | None:
    """C14N with comments of an XML document, ``None`` when ``content`` is something else."""
    if not content[:200].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return None
    try:
        return canonicalize_document(parse(content))
    except (SocleError, etree.LxmlError):
        return None


def _write_properties(
    signature: etree._Element, unique_id: str, certificate: x509.Certificate, at: datetime, digest: DigestName
) -> etree._Element:
    qualifying = etree.SubElement(_object(signature), f"{{{XADES}}}QualifyingProperties", nsmap={None: XADES})
    qualifying.set("Target", f"#{unique_id}")
    properties = etree.SubElement(qualifying, f"{{{XADES}}}SignedProperties")
    properties.set("Id", PROPERTIES_ID)
    signed = etree.SubElement(properties, f"{{{XADES}}}SignedSignatureProperties")
    etree.SubElement(signed, f"{{{XADES}}}SigningTime").text = (
        at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
    cert = etree.SubElement(etree.SubElement(signed, f"{{{XADES}}}SigningCertificate"), f"{{{XADES}}}Cert")
    cert_digest = etree.SubElement(cert, f"{{{XADES}}}CertDigest")
    etree.SubElement(cert_digest, f"{{{XADES}}}DigestMethod").set("Algorithm", digest)
    etree.SubElement(cert_digest, f"{{{XADES}}}DigestValue").text = _base64(
        digest.digest(certificate.public_bytes(serialization.Encoding.DER))
    )
    issuer = etree.SubElement(cert, f"{{{XADES}}}IssuerSerial")
    etree.SubElement(issuer, f"{{{DS}}}X509IssuerName").text = write_name(certificate.issuer)
    etree.SubElement(issuer, f"{{{DS}}}X509SerialNumber").text = str(certificate.serial_number)
    policy = etree.SubElement(signed, f"{{{XADES}}}SignaturePolicyIdentifier")
    etree.SubElement(policy, f"{{{XADES}}}SignaturePolicyImplied")
    etree.SubElement(properties, f"{{{XADES}}}SignedDataObjectProperties")
    return properties


def _object(signature: etree._Element) -> etree._Element:
    return etree.SubElement(signature, f"{{{DS}}}Object")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
