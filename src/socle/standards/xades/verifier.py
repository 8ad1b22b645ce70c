"""Verifies the signature of a submission against the very bytes that were received.

Order: form, signer, value of the signature and its two references, signer named in the properties, then each document.

Source: fact sheet "DMP exchange" §2.7.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidInput, SignXMLException
from signxml.verifier import SignatureConfiguration

from socle.standards.certificates import is_issuer, read_certificate
from socle.standards.errors import InvalidContent, SocleError, Text
from socle.standards.signatures import SignatureVerifier
from socle.standards.soap.envelope import text_of
from socle.standards.xades.names import (
    C14N,
    C14N_WITH_COMMENTS,
    DS,
    MANIFEST_ID,
    MANIFEST_TYPE,
    NO_DIGEST,
    PROPERTIES_ID,
    PROPERTIES_TYPE,
    SIGNATURE_CLASS,
    XADES,
    DigestName,
    canonicalize,
    canonicalize_document,
)
from socle.standards.xds.model import AssociationType, DocumentEntry, Submission
from socle.standards.xml import parse

#: A signature of a thousand documents stays under this.
MAX_BYTES: Final = 4 * 1024 * 1024

_SIGNATURE_METHODS = frozenset({SignatureMethod.RSA_SHA1, SignatureMethod.RSA_SHA256, SignatureMethod.RSA_SHA512})
_DIGESTS = frozenset({DigestAlgorithm.SHA1, DigestAlgorithm.SHA256, DigestAlgorithm.SHA512})
_FINGERPRINTS = {DigestName.SHA1: hashes.SHA1(), DigestName.SHA256: hashes.SHA256()}  # noqa: S303
_CANONICAL = frozenset({C14N, C14N_WITH_COMMENTS})


class SubmissionSignature(msgspec.Struct, frozen=True):
    """A signature that holds: by whom, and when they say."""

    certificate: x509.Certificate
    signing_time: datetime


class _Verifier(SignatureVerifier):
    """``SignatureVerifier`` that canonicalises a part as the standard says when it inherits a default namespace."""

    def _c14n(
        self, nodes: etree._Element, algorithm: CanonicalizationMethod, inclusive_ns_prefixes: object = None
    ) -> bytes:
        if algorithm.value not in _CANONICAL:
            raise InvalidInput(f"Canonicalization method {algorithm.name} forbidden")
        return canonicalize(nodes, with_comments=algorithm.value == C14N_WITH_COMMENTS)

    def _resolve_reference(
        self, doc_root: etree._Element, reference: etree._Element, uri_resolver: object = None
    ) -> etree._Element:
        found = _WITH_ID(doc_root, id=reference.get("URI", "").removeprefix("#"))
        if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], etree._Element):
            raise InvalidInput("a reference names no part, or several")
        return found[0]


#: The elements whose attribute ``Id``, ``ID`` or ``id``, in whatever namespace, is ``$id``.
_WITH_ID = etree.XPath("//*[@*[local-name() = 'Id' or local-name() = 'ID' or local-name() = 'id'] = $id]")


def find_signature(submission: Submission) -> DocumentEntry | None:
    """The signature document of ``submission``: the source of its ``signs`` link, else the document of that class."""
    sources = {link.source for link in submission.associations if link.type is AssociationType.SIGNS}
    return next(
        (
            entry
            for entry in submission.documents
            if entry.entry_uuid in sources or entry.class_code.key == SIGNATURE_CLASS.key
        ),
        None,
    )


def verify_submission_signature(
    submission: Submission,
    content: bytes,
    *,
    check_certificate: Callable[[x509.Certificate], object],
    read: Callable[[bytes], etree._Element] = parse,
) -> SubmissionSignature:
    """The signature ``content`` of ``submission``, proven over its documents' contents.

    ``check_certificate`` raises on a signer that is not believed; ``read`` gives the tree of a document's bytes, for a
    caller who has it already. Raises ``InvalidContent`` with code
    ``XDSRepositoryError`` and a sentence that says what does not hold.
    """
    try:
        root = parse(content, max_bytes=MAX_BYTES)
    except SocleError as error:
        raise _refusal(f"illisible. {error.reason.fr}", f"unreadable. {error.reason.en}") from error
    certificate = _check_form(root)
    check_certificate(certificate)
    manifest, properties = _verify_value(content, certificate)
    signing_time = _check_signer(properties, certificate)
    _check_manifest(manifest, submission, read)
    return SubmissionSignature(certificate, signing_time)


def _check_form(root: etree._Element) -> x509.Certificate:
    if root.tag != f"{{{DS}}}Signature" or len(list(root.iter(f"{{{DS}}}Signature"))) != 1:
        raise _refusal("la racine n'est pas une seule ds:Signature", "the root is not one ds:Signature")
    references = root.findall(f"{{{DS}}}SignedInfo/{{{DS}}}Reference")
    covered = {(reference.get("URI"), reference.get("Type")) for reference in references}
    transforms = {
        transform.get("Algorithm")
        for transform in root.iterfind(f"{{{DS}}}SignedInfo/{{{DS}}}Reference/{{{DS}}}Transforms/{{{DS}}}Transform")
    }
    expected = {(f"#{MANIFEST_ID}", MANIFEST_TYPE), (f"#{PROPERTIES_ID}", PROPERTIES_TYPE)}
    if len(references) != 2 or covered != expected or not transforms <= _CANONICAL:
        raise _refusal(
            "elle doit porter deux références, vers le manifeste (IHEManifest) et vers les propriétés signées",
            "it must have two references, to the manifest (IHEManifest) and to the signed properties",
        )
    text = root.findtext(f"{{{DS}}}KeyInfo/{{{DS}}}X509Data/{{{DS}}}X509Certificate") or ""
    try:
        return read_certificate(text)
    except ValueError as error:
        raise _refusal("certificat absent ou illisible", "certificate missing or unreadable") from error


def _verify_value(content: bytes, certificate: x509.Certificate) -> tuple[etree._Element, etree._Element]:
    """Manifest and properties as they were signed."""
    configuration = SignatureConfiguration(
        location="./",
        expect_references=2,
        signature_methods=_SIGNATURE_METHODS,
        digest_algorithms=_DIGESTS,
        # Whether the certificate is in its dates is decided by ``check_certificate``, at the base's own time.
        verification_time=certificate.not_valid_before_utc,
        default_reference_c14n_method=CanonicalizationMethod.CANONICAL_XML_1_0_WITH_COMMENTS,
    )
    try:
        # The identifier of the signature is an OID, which no xs:ID can be: the schema would refuse it.
        results = _Verifier().verify(content, x509_cert=certificate, expect_config=configuration, validate_schema=False)
    except (SignXMLException, ValueError, TypeError, KeyError, AttributeError, etree.LxmlError) as error:
        raise _refusal(
            "sa valeur ou l'une de ses empreintes est fausse", "its value or one of its digests is wrong"
        ) from error
    signed = (
        {}
        if not isinstance(results, list)
        else {result.signed_xml.tag: result.signed_xml for result in results if result.signed_xml is not None}
    )
    try:
        return signed[f"{{{DS}}}Manifest"], signed[f"{{{XADES}}}SignedProperties"]
    except KeyError as error:
        raise _refusal(
            "elle ne couvre pas le manifeste et les propriétés", "it does not cover manifest and properties"
        ) from error


def _check_signer(properties: etree._Element, certificate: x509.Certificate) -> datetime:
    """The time of the signature. The first certificate of the properties must be the signer's."""
    cert = properties.find(f".//{{{XADES}}}SigningCertificate/{{{XADES}}}Cert")
    method, value = _find(cert, "DigestMethod"), _find(cert, "DigestValue")
    name, serial = _find(cert, "X509IssuerName"), _find(cert, "X509SerialNumber")
    if method is None or value is None or name is None or serial is None:
        raise _refusal("SigningCertificate est incomplet", "SigningCertificate is incomplete")
    if (
        _decode(value) != certificate.fingerprint(_FINGERPRINTS[_digest_of(method)])
        or text_of(serial) != str(certificate.serial_number)
        or not is_issuer(text_of(name), certificate)
    ):
        raise _refusal(
            "SigningCertificate ne désigne pas le certificat qui signe",
            "SigningCertificate does not name the certificate that signs",
        )
    time = properties.find(f".//{{{XADES}}}SigningTime")
    try:
        moment = datetime.fromisoformat("" if time is None else text_of(time))
    except ValueError as error:
        raise _refusal("SigningTime est illisible", "SigningTime is unreadable") from error
    return moment


def _check_manifest(manifest: etree._Element, submission: Submission, read: Callable[[bytes], etree._Element]) -> None:
    signature = find_signature(submission)
    contents = {
        f"urn:oid:{entry.unique_id}": submission.contents.get(entry.entry_uuid)
        for entry in submission.documents
        if entry is not signature
    }
    set_uri = f"urn:oid:{submission.submission_set.unique_id}"
    seen = set()
    for reference in manifest.iterchildren(f"{{{DS}}}Reference"):
        uri = reference.get("URI", "")
        if uri in seen:
            raise _refusal(f"le manifeste cite deux fois {uri}", f"the manifest names {uri} twice", uri)
        seen.add(uri)
        value = reference.find(f"{{{DS}}}DigestValue")
        if uri == set_uri:
            if value is None or text_of(value) != NO_DIGEST:
                raise _refusal("l'empreinte du lot doit être AA==", "the digest of the set must be AA==", uri)
            continue
        content = contents.get(uri)
        if content is None:
            raise _refusal(
                f"le manifeste cite {uri}, qui n'est pas dans le lot",
                f"the manifest names {uri}, which is not in the submission",
                uri,
            )
        if value is None or _decode(value) != _digest_document(reference, content, read):
            raise _refusal(
                f"le document {uri} a changé depuis la signature",
                f"the document {uri} changed since it was signed",
                uri,
            )
    for uri in (set_uri, *contents):
        if uri not in seen:
            raise _refusal(f"le manifeste ne cite pas {uri}", f"the manifest does not name {uri}", uri)


def _digest_document(reference: etree._Element, content: bytes, read: Callable[[bytes], etree._Element]) -> bytes:
    method = reference.find(f"{{{DS}}}DigestMethod")
    digest = _digest_of(method)
    transforms = [item.get("Algorithm", "") for item in reference.iterfind(f"{{{DS}}}Transforms/{{{DS}}}Transform")]
    if not transforms:
        return digest.digest(content)
    if len(transforms) > 1 or transforms[0] not in _CANONICAL:
        raise _refusal("transformation inconnue dans le manifeste", "unknown transform in the manifest")
    try:
        canonical = canonicalize_document(read(content), with_comments=transforms[0] == C14N_WITH_COMMENTS)
    except (SocleError, etree.LxmlError) as error:
        raise _refusal(
            "un document à canonicaliser n'est pas du XML", "a document to canonicalise is not XML"
        ) from error
    return digest.digest(canonical)


def _digest_of(method: etree._Element | None) -> DigestName:
    try:
        return DigestName("" if method is None else method.get("Algorithm", ""))
    except ValueError as error:
        raise _refusal("algorithme d'empreinte inconnu", "unknown digest algorithm") from error


def _decode(element: etree._Element) -> bytes:
    try:
        return base64.b64decode(text_of(element))
    except (ValueError, binascii.Error):
        return b""


def _find(parent: etree._Element | None, name: str) -> etree._Element | None:
    """The descendant ``name``, in either namespace: senders disagree on it."""
    if parent is None:
        return None
    for namespace in (XADES, DS):
        found = parent.find(f".//{{{namespace}}}{name}")
        if found is not None:
            return found
    return None


def _refusal(fr: str, en: str, location: str = "") -> InvalidContent:
    return InvalidContent(
        "XDSRepositoryError",
        Text(f"Signature XAdES du lot : {fr}.", f"XAdES signature of the submission: {en}."),
        location=location,
        requirement="CI-SIS Partage de documents, signature du lot (IHE DSG)",
    )
