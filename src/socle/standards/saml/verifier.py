"""Verifies a VIHF: one assertion, signed as a whole, by a certificate that is believed, now, for this service.

Everything is read from the nodes that the signature covers (``signxml`` returns the very bytes that were hashed), and
anything that could make another reader see something else is refused: a second assertion, a repeated ID, a comment.

Source: fact sheet "DMP exchange" §4; SAML 2.0 Core; XML Signature; WSS SAML Token Profile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar

import msgspec
from cryptography import x509
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import InvalidInput, InvalidSignature, SignXMLException
from signxml.verifier import SignatureConfiguration

from socle.standards.certificates import is_subject, read_certificate
from socle.standards.errors import MalformedInput, NotAuthenticated, Text
from socle.standards.ids.ins import Ins
from socle.standards.saml import names
from socle.standards.saml.names import DS, ENVELOPED, EXCLUSIVE_C14N, HL7, SAML
from socle.standards.saml.vihf import SECRET_SESSION, Mode, Purpose, Role, Vihf, check_vihf
from socle.standards.signatures import SignatureVerifier
from socle.standards.soap.names import WSSE

_E = TypeVar("_E", bound=StrEnum)

#: How far the sender's clock may be from ours, and how old an assertion may be.
SKEW: Final = timedelta(minutes=5)

_SIGNATURE_METHODS = frozenset(
    {SignatureMethod.RSA_SHA256, SignatureMethod.RSA_SHA384, SignatureMethod.RSA_SHA512, SignatureMethod.ECDSA_SHA256}
)
_DIGESTS = frozenset({DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512})

_UNAVAILABLE, _INVALID, _TOKEN = "SecurityTokenUnavailable", "InvalidSecurity", "InvalidSecurityToken"
_CHECK, _AUTHENTICATION, _EXPIRED, _UNSUPPORTED = (
    "FailedCheck",
    "FailedAuthentication",
    "MessageExpired",
    "UnsupportedAlgorithm",
)
#: The subcode of WSS for each refusal.
SUBCODES: Final = {
    "VihfMissing": _UNAVAILABLE,
    "VihfSeveral": _INVALID,
    "VihfUnsigned": _CHECK,
    "VihfSignatureForm": _INVALID,
    "VihfAlgorithm": _UNSUPPORTED,
    "VihfSignature": _CHECK,
    "VihfDuplicateId": _INVALID,
    "VihfComment": _TOKEN,
    "VihfMalformed": _TOKEN,
    "VihfCertificate": _TOKEN,
    "VihfIssuer": _AUTHENTICATION,
    "VihfSigner": _AUTHENTICATION,
    "VihfExpired": _EXPIRED,
    "VihfNotYetValid": _EXPIRED,
    "VihfReplayed": _EXPIRED,
    "VihfAudience": _AUTHENTICATION,
}


class VihfRefused(NotAuthenticated):
    """The assertion does not establish who asks. ``subcode`` is the Clark name of the WSS fault."""

    def __init__(self, code: str, fr: str, en: str, *, location: str = "", remedy: Text | None = None) -> None:
        super().__init__(code, Text(fr, en), location=location, remedy=remedy, requirement="CI-SIS VIHF")
        self.subcode = f"{{{WSSE}}}{SUBCODES.get(code, _TOKEN)}"


class _AssertionVerifier(SignatureVerifier):
    """``SignatureVerifier`` of an assertion that signs itself: its form was checked to say so."""

    def _resolve_reference(
        self, doc_root: etree._Element, reference: etree._Element, uri_resolver: object = None
    ) -> etree._Element:
        if reference.get("URI") != f"#{doc_root.get('ID')}":
            raise InvalidInput("the signature covers something else")
        return doc_root


class VerifiedVihf(msgspec.Struct, frozen=True):
    """A VIHF whose signature holds, and the certificate that made it."""

    vihf: Vihf
    certificate: x509.Certificate


def verify_vihf(
    header: etree._Element | None,
    *,
    at: datetime,
    check_certificate: Callable[[x509.Certificate], object],
    audiences: frozenset[str] = frozenset(),
) -> VerifiedVihf:
    """The VIHF of a SOAP header, proven. ``check_certificate`` raises ``NotAuthenticated`` on a signer not believed.

    Raises ``VihfRefused``, each cause by its own code. The caller still refuses a replayed ``id`` (``VihfReplayed``).
    """
    assertion = _find_assertion(header)
    certificate = _check_signature_form(assertion)
    check_certificate(certificate)
    signed = _verify_signature(assertion, certificate, at)
    vihf = read_vihf(signed)
    if not is_subject(vihf.issuer, certificate):
        raise VihfRefused(
            "VihfIssuer",
            "L'Issuer n'est pas le sujet du certificat signataire.",
            "The Issuer is not the subject of the signing certificate.",
            location="Assertion/Issuer",
        )
    _check_times(vihf, at)
    if vihf.audiences and not audiences.intersection(vihf.audiences):
        raise VihfRefused(
            "VihfAudience",
            "L'assertion est destinée à un autre service.",
            "The assertion is meant for another service.",
            location="Conditions/AudienceRestriction",
        )
    for breach in check_vihf(vihf):
        raise VihfRefused(breach.code, breach.reason.fr, breach.reason.en, location=breach.location)
    return VerifiedVihf(vihf, certificate)


def replayed() -> VihfRefused:
    """The refusal of an assertion that was already used."""
    return VihfRefused(
        "VihfReplayed",
        "Cette assertion a déjà servi.",
        "This assertion was already used.",
        location="Assertion/@ID",
        remedy=Text("Produisez une assertion neuve à chaque appel.", "Make a new assertion for each call."),
    )


def _find_assertion(header: etree._Element | None) -> etree._Element:
    """The only assertion of the header, in the only ``wsse:Security``, without comments or repeated IDs."""
    found = [] if header is None else list(header.iter(f"{{{SAML}}}Assertion"))
    if not found:
        raise VihfRefused(
            "VihfMissing",
            "L'en-tête wsse:Security ne porte pas d'assertion SAML (VIHF).",
            "The wsse:Security header carries no SAML assertion (VIHF).",
            location="Header/wsse:Security",
        )
    assert header is not None
    assertion = found[0]
    parent = assertion.getparent()
    securities = list(header.iter(f"{{{WSSE}}}Security"))
    if len(found) > 1 or len(securities) != 1 or parent is not securities[0] or parent.getparent() is not header:
        raise VihfRefused(
            "VihfSeveral",
            "Une seule assertion est admise, dans un seul wsse:Security.",
            "One assertion only is accepted, in one wsse:Security.",
            location="Header/wsse:Security",
        )
    identifier = assertion.get("ID", "")
    if not identifier or _count_of_id(header, id=identifier) != 1:
        raise VihfRefused(
            "VihfDuplicateId",
            "L'identifiant de l'assertion manque ou n'est pas unique dans l'en-tête.",
            "The assertion's ID is missing or not unique in the header.",
            location="Assertion/@ID",
        )
    if assertion.xpath("boolean(.//comment() | .//processing-instruction())"):
        raise VihfRefused(
            "VihfComment",
            "Une assertion ne contient ni commentaire ni instruction.",
            "An assertion has neither comment nor processing instruction.",
            location="Assertion",
        )
    return assertion


#: How many attributes named as identifiers, in whatever namespace, have the value ``$id``.
_count_of_id = etree.XPath("count(.//@*[local-name() = 'ID' or local-name() = 'Id' or local-name() = 'id'][. = $id])")


def _check_signature_form(assertion: etree._Element) -> x509.Certificate:
    """The certificate of a signature that covers the assertion and nothing else, by allowed transforms."""
    signatures = list(assertion.iter(f"{{{DS}}}Signature"))
    if not signatures:
        raise VihfRefused("VihfUnsigned", "L'assertion n'est pas signée.", "The assertion is not signed.")
    signature = signatures[0]
    references = list(signature.iter(f"{{{DS}}}Reference"))
    transforms = [transform.get("Algorithm") for transform in signature.iter(f"{{{DS}}}Transform")]
    methods = [method.get("Algorithm") for method in signature.iter(f"{{{DS}}}CanonicalizationMethod")]
    is_plain = (
        len(signatures) == 1
        and signature.getparent() is assertion
        and len(references) == 1
        and references[0].get("URI") == f"#{assertion.get('ID')}"
        and transforms == [ENVELOPED, EXCLUSIVE_C14N]
        and methods == [EXCLUSIVE_C14N]
        and signature.find(f"{{{DS}}}Object") is None
    )
    if not is_plain:
        raise VihfRefused(
            "VihfSignatureForm",
            "La signature doit couvrir l'assertion entière : une référence à son ID, transformations "
            "enveloped-signature puis exc-c14n.",
            "The signature must cover the whole assertion: one reference to its ID, transforms "
            "enveloped-signature then exc-c14n.",
            location="Assertion/ds:Signature",
        )
    certificates = [element.text or "" for element in signature.iter(f"{{{DS}}}X509Certificate")]
    try:
        return read_certificate(certificates[0])
    except (IndexError, ValueError) as error:
        raise VihfRefused(
            "VihfCertificate",
            "Le certificat signataire manque ou est illisible.",
            "The signing certificate is missing or unreadable.",
            location="ds:KeyInfo/ds:X509Data",
        ) from error


def _verify_signature(assertion: etree._Element, certificate: x509.Certificate, at: datetime) -> etree._Element:
    """The assertion as it was signed. It is cut out of the message first: no other node takes part."""
    configuration = SignatureConfiguration(
        location="./",
        signature_methods=_SIGNATURE_METHODS,
        digest_algorithms=_DIGESTS,
        verification_time=at,
        ignore_ambiguous_key_info=False,
    )
    try:
        result = _AssertionVerifier().verify(
            etree.tostring(assertion, with_tail=False),
            x509_cert=certificate,
            expect_config=configuration,
        )
    except InvalidSignature as error:
        raise VihfRefused(
            "VihfSignature", "La signature de l'assertion est fausse.", "The signature of the assertion is wrong."
        ) from error
    except InvalidInput as error:
        raise VihfRefused(
            "VihfAlgorithm",
            "Algorithme ou forme de signature non admis (RSA-SHA256 attendu).",
            "Signature algorithm or form not accepted (RSA-SHA256 expected).",
            location="ds:SignedInfo",
        ) from error
    except (SignXMLException, ValueError, TypeError, KeyError, AttributeError, etree.LxmlError) as error:
        raise VihfRefused("VihfSignatureForm", "La signature est illisible.", "The signature is unreadable.") from error
    signed = None if isinstance(result, list) else result.signed_xml
    if signed is None or signed.tag != f"{{{SAML}}}Assertion" or signed.get("ID") != assertion.get("ID"):
        raise VihfRefused(
            "VihfSignatureForm",
            "La signature ne couvre pas l'assertion.",
            "The signature does not cover the assertion.",
        )
    return signed


def _check_times(vihf: Vihf, at: datetime) -> None:
    if at - vihf.issued_at > SKEW or (vihf.not_after is not None and at >= vihf.not_after + SKEW):
        raise VihfRefused(
            "VihfExpired",
            "L'assertion a expiré.",
            "The assertion has expired.",
            location="Assertion/@IssueInstant",
            remedy=Text(
                "Produisez une assertion neuve et réglez l'horloge du poste.", "Make a new assertion and set the clock."
            ),
        )
    if vihf.issued_at - at > SKEW or (vihf.not_before is not None and vihf.not_before - SKEW > at):
        raise VihfRefused(
            "VihfNotYetValid",
            "L'assertion est datée du futur.",
            "The assertion is dated in the future.",
            location="Assertion/@IssueInstant",
            remedy=Text("Réglez l'horloge du poste.", "Set the clock."),
        )


# --- reading ------------------------------------------------------------------------------------------------------


def read_vihf(assertion: etree._Element) -> Vihf:
    """What an assertion says, believed or not. Raises ``VihfRefused`` (``VihfMalformed``)."""
    attributes = _Attributes(assertion)
    conditions = assertion.find(f"{{{SAML}}}Conditions")
    authn = assertion.find(f"{{{SAML}}}AuthnStatement")
    issued_at = _moment(assertion.get("IssueInstant"), "Assertion/@IssueInstant")
    if issued_at is None or assertion.get("Version") != "2.0":
        raise _malformed("Assertion/@IssueInstant, @Version")
    resource = attributes.text(names.RESOURCE)
    if resource and resource != names.DMP:
        raise VihfRefused(
            "VihfAudience",
            f"Ressource_URN « {resource} » : ce service est {names.DMP}.",
            f"Ressource_URN “{resource}”: this service is {names.DMP}.",
            location=names.RESOURCE,
        )
    patient = attributes.text(names.PATIENT)
    purpose = attributes.coded(names.PURPOSE, "PurposeOfUse")
    return Vihf(
        id=assertion.get("ID", ""),
        issued_at=issued_at,
        issuer=_text(assertion.find(f"{{{SAML}}}Issuer")),
        user_id=_text(assertion.find(f"{{{SAML}}}Subject/{{{SAML}}}NameID")),
        user_name=attributes.text(names.USER_NAME),
        roles=tuple(attributes.coded(names.ROLE, "Role")),
        mode=_choice(Mode, _known_mode(attributes.text(names.MODE)), names.MODE),
        structure=attributes.text(names.STRUCTURE),
        sector=attributes.text(names.SECTOR).partition("^")[0],
        software=attributes.text(names.SOFTWARE),
        homologation=attributes.text(names.HOMOLOGATION),
        software_version=attributes.text(names.SOFTWARE_VERSION),
        software_id=attributes.text(names.SOFTWARE_ID),
        patient=_patient(patient) if patient else None,
        purpose=_choice(Purpose, purpose[0].code if len(purpose) == 1 else "", names.PURPOSE),
        is_secret=_is_secret(attributes),
        version=attributes.text(names.VERSION),
        authn_context=""
        if authn is None
        else _text(authn.find(f"{{{SAML}}}AuthnContext/{{{SAML}}}AuthnContextClassRef")),
        authenticated_at=None if authn is None else _moment(authn.get("AuthnInstant"), "AuthnStatement/@AuthnInstant"),
        not_before=None if conditions is None else _moment(conditions.get("NotBefore"), "Conditions/@NotBefore"),
        not_after=None if conditions is None else _moment(conditions.get("NotOnOrAfter"), "Conditions/@NotOnOrAfter"),
        audiences=tuple(_text(audience) for audience in assertion.iter(f"{{{SAML}}}Audience")),
    )


class _Attributes:
    """The attributes of an assertion by name, ignoring case: samples disagree on it."""

    def __init__(self, assertion: etree._Element) -> None:
        self._values: dict[str, list[etree._Element]] = {}
        for attribute in assertion.iter(f"{{{SAML}}}Attribute"):
            values = list(attribute.iterchildren(f"{{{SAML}}}AttributeValue"))
            self._values.setdefault(attribute.get("Name", "").lower(), []).extend(values)

    def text(self, name: str) -> str:
        """The only text value of ``name``, or ``""``. Raises when there are several."""
        values = self._values.get(name.lower(), [])
        if len(values) > 1:
            raise _malformed(name)
        return _text(values[0]) if values else ""

    def coded(self, name: str, kind: str) -> list[Role]:
        """The coded values of ``name``, each in one ``hl7:{kind}``."""
        return [
            Role(element.get("code", ""), element.get("codeSystem", ""), element.get("displayName", ""))
            for value in self._values.get(name.lower(), [])
            for element in _only_children(value, f"{{{HL7}}}{kind}")
        ]


def _only_children(value: etree._Element, tag: str) -> Iterator[etree._Element]:
    for child in value:
        if child.tag != tag:
            raise _malformed(tag)
        yield child


def _is_secret(attributes: _Attributes) -> bool:
    code = (attributes.text(names.CONFIDENTIALITY) or attributes.text("Confidentiality_code")).partition("^")[0]
    if code and code != SECRET_SESSION:
        raise _malformed(names.CONFIDENTIALITY)
    return bool(code)


def _known_mode(text: str) -> str:
    """The mode in its full spelling: ``INDIRECT_RENFORCEE`` is seen too."""
    mode = text.upper()
    return mode.replace("INDIRECT_", "INDIRECTE_") if mode.startswith("INDIRECT_") else mode


def _choice(kind: type[_E], text: str, location: str) -> _E:
    try:
        return kind(text)
    except ValueError as error:
        raise _malformed(location) from error


def _patient(text: str) -> Ins:
    try:
        return Ins.from_cx(text)
    except MalformedInput as error:
        raise _malformed(names.PATIENT) from error


def _moment(text: str | None, location: str) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _malformed(location) from error
    if moment.tzinfo is None:
        raise _malformed(location)
    return moment


def _text(element: etree._Element | None) -> str:
    """The text of an element that has nothing else in it."""
    if element is None:
        return ""
    if len(element):
        raise _malformed(etree.QName(element).localname)
    return (element.text or "").strip()


def _malformed(location: str) -> VihfRefused:
    return VihfRefused(
        "VihfMalformed",
        f"L'assertion n'a pas la forme d'un VIHF : {location}.",
        f"The assertion has not the form of a VIHF: {location}.",
        location=location,
    )
