"""The white list of MSSanté domains: its XML form, and its signature.

The list is read only from the bytes that the signature covers.

Source: fact sheet "mssante" §4 (namespace and ``Domaine/Nom`` observed; other children by analogy with DRIM-M).
"""

from __future__ import annotations

from datetime import date

import msgspec
from cryptography import x509
from lxml import etree
from signxml.exceptions import SignXMLException
from signxml.verifier import XMLVerifier

from socle.standards.certificates import parse_name
from socle.standards.errors import InvalidContent, MalformedInput, Text
from socle.standards.mail.address import parse_domain
from socle.standards.xml import parse

NAMESPACE = "https://listeblanche.mssante.fr/schema"
_DS = "http://www.w3.org/2000/09/xmldsig#"
MAX_BYTES = 20 * 1024 * 1024


class ListedDomain(msgspec.Struct, frozen=True, kw_only=True):
    """One domain of the trust space. ``certificate_dn`` is the subject that its operator presents (RFC 4514)."""

    name: str
    operator: str = ""
    certificate_dn: str = ""
    identifier: str = ""
    support: str = ""
    updated_on: str = ""

    def is_operated_by(self, subject: str) -> bool:
        """Whether ``subject`` is the operator's name, order of its parts aside."""
        listed = parse_name(self.certificate_dn)
        return bool(listed) and frozenset(listed) == frozenset(parse_name(subject))


class WhiteList(msgspec.Struct, frozen=True):
    """The domains by name. ``issued_on`` is the date of the newest entry."""

    domains: dict[str, ListedDomain]
    issued_on: date

    def find(self, domain: str) -> ListedDomain | None:
        """The entry of ``domain`` (A-label, lower case)."""
        return self.domains.get(domain)

    def operated_by(self, subject: str) -> list[ListedDomain]:
        """The domains of the operator whose certificate subject is ``subject``."""
        return [entry for entry in self.domains.values() if entry.is_operated_by(subject)]


def signing_certificate(content: bytes) -> x509.Certificate:
    """The certificate that the list says signed it: to be verified by the caller. Raises ``InvalidContent``."""
    root = parse(content, max_bytes=MAX_BYTES)
    text = root.findtext(f"./{{{_DS}}}Signature/{{{_DS}}}KeyInfo/{{{_DS}}}X509Data/{{{_DS}}}X509Certificate")
    if not text:
        raise _unsigned()
    try:
        pem = f"-----BEGIN CERTIFICATE-----\n{text.strip()}\n-----END CERTIFICATE-----\n"
        return x509.load_pem_x509_certificate(pem.encode("ascii", "replace"))
    except ValueError as error:
        raise _unsigned() from error


def read_signed_list(content: bytes, signer: x509.Certificate) -> WhiteList:
    """The list that ``signer`` signed. Raises ``InvalidContent`` (``MSSWhiteListSignature``) if it did not."""
    root = parse(content, max_bytes=MAX_BYTES)
    if len(root.findall(f".//{{{_DS}}}Signature")) != 1:
        raise _unsigned()
    try:
        result = XMLVerifier().verify(etree.tostring(root), x509_cert=signer)
    except (SignXMLException, ValueError, TypeError) as error:
        raise _unsigned() from error
    signed = (result if not isinstance(result, list) else result[0]).signed_xml
    if signed is None or signed.tag != f"{{{NAMESPACE}}}ListeBlanche":
        raise _unsigned()
    return _read(signed)


def read_unsigned_list(content: bytes) -> WhiteList:
    """The list without looking at any signature: for a file that the operator wrote (sandbox)."""
    return _read(parse(content, max_bytes=MAX_BYTES))


def write_list(entries: list[ListedDomain]) -> bytes:
    """The XML of a list, unsigned."""
    root = etree.Element(f"{{{NAMESPACE}}}ListeBlanche", nsmap={None: NAMESPACE})
    for entry in entries:
        domain = etree.SubElement(root, f"{{{NAMESPACE}}}Domaine")
        for tag, value in (
            ("Nom", entry.name),
            ("Identifiant", entry.identifier),
            ("Denomination", entry.operator),
            ("DNCertificatOperateur", entry.certificate_dn),
            ("SupportContact", entry.support),
            ("DateMAJ", entry.updated_on),
        ):
            if value:
                etree.SubElement(domain, f"{{{NAMESPACE}}}{tag}").text = value
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _read(root: etree._Element) -> WhiteList:
    domains: dict[str, ListedDomain] = {}
    for element in root.iter(f"{{{NAMESPACE}}}Domaine"):
        values = {
            etree.QName(child).localname: (child.text or "").strip() for child in element if isinstance(child.tag, str)
        }
        try:
            name = parse_domain(values.get("Nom", ""))
        except MalformedInput:
            continue
        domains[name] = ListedDomain(
            name=name,
            operator=values.get("Denomination", ""),
            certificate_dn=values.get("DNCertificatOperateur", ""),
            identifier=values.get("Identifiant", ""),
            support=values.get("SupportContact", ""),
            updated_on=values.get("DateMAJ", ""),
        )
    if not domains:
        raise InvalidContent(
            "MSSWhiteListEmpty",
            Text("La liste blanche ne contient aucun domaine.", "The white list holds no domain."),
            requirement="Liste blanche MSSanté",
        )
    return WhiteList(domains, max((_date(entry.updated_on) for entry in domains.values()), default=date.min))


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return date.min


def _unsigned() -> InvalidContent:
    return InvalidContent(
        "MSSWhiteListSignature",
        Text(
            "La signature de la liste blanche manque ou n'est pas valide : la liste précédente est conservée.",
            "The signature of the white list is missing or not valid: the former list is kept.",
        ),
        requirement="Liste blanche MSSanté, signature",
    )
