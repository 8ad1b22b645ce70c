"""``Vihf`` -> signed SAML assertion, in the form of the national samples.

Source: fact sheet "DMP exchange" §4.2, §4.3, §4.6.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureConstructionMethod, SignatureMethod
from signxml.signer import XMLSigner

from socle.standards.saml import names
from socle.standards.saml.names import DS, EXCLUSIVE_C14N, HL7, ISSUER_FORMAT, SAML, XSI
from socle.standards.saml.vihf import (
    OID_PURPOSE,
    OID_SECTOR,
    OID_SYSTEM_ROLE,
    PURPOSE_LABELS,
    SECRET_SESSION,
    Vihf,
)
from socle.standards.soap.names import WSSE
from socle.standards.xds.model import VISIBILITY_SYSTEM

_NSMAP: Final = {"saml": SAML, "xsi": XSI, "ds": DS}


def build_security_header(vihf: Vihf, key: RSAPrivateKey, certificate: x509.Certificate) -> etree._Element:
    """The ``wsse:Security`` header that carries ``vihf``, signed."""
    security = etree.Element(f"{{{WSSE}}}Security", nsmap={"wsse": WSSE})
    security.append(sign_vihf(vihf, key, certificate))
    return security


def sign_vihf(vihf: Vihf, key: RSAPrivateKey, certificate: x509.Certificate) -> etree._Element:
    """The signed ``saml:Assertion`` (RSA-SHA256, exclusive C14N, signature right after the Issuer)."""
    signer = XMLSigner(
        method=SignatureConstructionMethod.enveloped,
        signature_algorithm=SignatureMethod.RSA_SHA256,
        digest_algorithm=DigestAlgorithm.SHA256,
        c14n_algorithm=EXCLUSIVE_C14N,
    )
    signed: etree._Element = signer.sign(
        write_vihf(vihf), key=key, cert=[certificate], reference_uri=f"#{vihf.id}", id_attribute="ID"
    )
    return signed


def write_vihf(vihf: Vihf) -> etree._Element:
    """The assertion with an empty ``ds:Signature`` where the signature goes."""
    assertion = etree.Element(f"{{{SAML}}}Assertion", nsmap=_NSMAP)
    assertion.set("ID", vihf.id)
    assertion.set("IssueInstant", _instant(vihf.issued_at))
    assertion.set("Version", "2.0")
    issuer = etree.SubElement(assertion, f"{{{SAML}}}Issuer")
    issuer.set("Format", ISSUER_FORMAT)
    issuer.text = vihf.issuer
    etree.SubElement(assertion, f"{{{DS}}}Signature").set("Id", "placeholder")
    etree.SubElement(etree.SubElement(assertion, f"{{{SAML}}}Subject"), f"{{{SAML}}}NameID").text = vihf.user_id
    _write_conditions(assertion, vihf)
    authn = etree.SubElement(assertion, f"{{{SAML}}}AuthnStatement")
    authn.set("AuthnInstant", _instant(vihf.authenticated_at or vihf.issued_at))
    context = etree.SubElement(authn, f"{{{SAML}}}AuthnContext")
    etree.SubElement(context, f"{{{SAML}}}AuthnContextClassRef").text = vihf.authn_context
    statement = etree.SubElement(assertion, f"{{{SAML}}}AttributeStatement")
    _text(statement, names.VERSION, vihf.version)
    _text(statement, names.MODE, vihf.mode)
    for role in vihf.roles:
        _coded(statement, names.ROLE, "Role", role.code, role.system, role.label)
    _text(statement, names.SECTOR, f"{vihf.sector}^{OID_SECTOR if vihf.sector[:2] == 'SA' else OID_SYSTEM_ROLE}")
    _text(statement, names.STRUCTURE, vihf.structure)
    _text(statement, names.USER_NAME, vihf.user_name)
    if vihf.patient is not None:
        _text(statement, names.PATIENT, vihf.patient.to_cx())
    _text(statement, names.RESOURCE, names.DMP)
    purpose = _coded(statement, names.PURPOSE, "PurposeOfUse", vihf.purpose, OID_PURPOSE, PURPOSE_LABELS[vihf.purpose])
    purpose.set("codeSystemName", "mode acces VIHF 1.0")
    if vihf.is_secret:
        _text(statement, names.CONFIDENTIALITY, f"{SECRET_SESSION}^{VISIBILITY_SYSTEM}")
    for name, value in (
        (names.SOFTWARE, vihf.software),
        (names.SOFTWARE_VERSION, vihf.software_version),
        (names.SOFTWARE_ID, vihf.software_id),
        (names.HOMOLOGATION, vihf.homologation),
    ):
        if value:
            _text(statement, name, value)
    return assertion


def _write_conditions(assertion: etree._Element, vihf: Vihf) -> None:
    if vihf.not_before is None and vihf.not_after is None and not vihf.audiences:
        return
    conditions = etree.SubElement(assertion, f"{{{SAML}}}Conditions")
    for name, moment in (("NotBefore", vihf.not_before), ("NotOnOrAfter", vihf.not_after)):
        if moment is not None:
            conditions.set(name, _instant(moment))
    if vihf.audiences:
        restriction = etree.SubElement(conditions, f"{{{SAML}}}AudienceRestriction")
        for audience in vihf.audiences:
            etree.SubElement(restriction, f"{{{SAML}}}Audience").text = audience


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _attribute(statement: etree._Element, name: str) -> etree._Element:
    attribute = etree.SubElement(statement, f"{{{SAML}}}Attribute")
    attribute.set("Name", name)
    return etree.SubElement(attribute, f"{{{SAML}}}AttributeValue")


def _text(statement: etree._Element, name: str, value: str) -> None:
    _attribute(statement, name).text = value


def _coded(statement: etree._Element, name: str, kind: str, code: str, system: str, label: str) -> etree._Element:
    element = etree.SubElement(_attribute(statement, name), f"{{{HL7}}}{kind}", nsmap={None: HL7})
    element.set(f"{{{XSI}}}type", "CE")
    element.set("code", code)
    element.set("codeSystem", system)
    if label:
        element.set("displayName", label)
    return element
