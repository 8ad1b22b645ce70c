"""What a certificate of the health sector says: who, in which structure, for which use; and names compared as names.

Source: fact sheet "identity" §10.3, §10.4 (IGC-Santé); RFC 4514; RFC 5280.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID, ObjectIdentifier

#: Private extensions of IGC-Santé: kind of card, its number, kind of product, profession, profession in training.
OID_CARD_TYPE: Final = ObjectIdentifier("1.2.250.1.71.1.2.2")
OID_CARD_ID: Final = ObjectIdentifier("1.2.250.1.71.1.2.3")
OID_PRODUCT: Final = ObjectIdentifier("1.2.250.1.71.1.2.5")
OID_PROFESSION: Final = ObjectIdentifier("1.2.250.1.71.1.2.7")
OID_PROFESSION_IN_TRAINING: Final = ObjectIdentifier("1.2.250.1.71.1.2.8")

_TYPES = {
    "CN": NameOID.COMMON_NAME,
    "C": NameOID.COUNTRY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "S": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "GN": NameOID.GIVEN_NAME,
    "G": NameOID.GIVEN_NAME,
    "GIVENNAME": NameOID.GIVEN_NAME,
    "SN": NameOID.SURNAME,
    "SURNAME": NameOID.SURNAME,
    "T": NameOID.TITLE,
    "TITLE": NameOID.TITLE,
    "SERIALNUMBER": NameOID.SERIAL_NUMBER,
    "DC": NameOID.DOMAIN_COMPONENT,
    "UID": NameOID.USER_ID,
    "EMAILADDRESS": NameOID.EMAIL_ADDRESS,
    "E": NameOID.EMAIL_ADDRESS,
}
_WRITTEN = {NameOID.GIVEN_NAME: "GN", NameOID.SURNAME: "SN", NameOID.TITLE: "title"}
#: One escaped pair, one quoted run, or one plain character of a name written as text.
_TOKEN = re.compile(r"\\([0-9A-Fa-f]{2}|.)|\"((?:[^\"\\]|\\.)*)\"|([^\\\"])", re.DOTALL)

Rdn = frozenset[tuple[str, str]]


class HolderKind(StrEnum):
    """Whom a certificate names."""

    #: Card of a regulated professional (CPS), or of a named employee (CPE).
    PROFESSIONAL = "professional"
    ORGANISATION = "organisation"


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds a certificate. ``id`` is the PS_IdNat of a person, the Struct_IdNat of an organisation."""

    kind: HolderKind
    id: str
    name: str
    structure: str = ""
    structure_name: str = ""
    #: TRE_G15 code of the private extension, when there is one.
    profession: str = ""
    subject: str
    serial: str
    fingerprint: str


def read_holder(certificate: x509.Certificate) -> Holder:
    """Who ``certificate`` names. Proves nothing: trust comes from the chain (``platform.trust``)."""
    subject = certificate.subject
    family, given = _first(subject, NameOID.SURNAME), _first(subject, NameOID.GIVEN_NAME)
    common_name = _first(subject, NameOID.COMMON_NAME)
    units = _values(subject, NameOID.ORGANIZATIONAL_UNIT_NAME)
    structure = units[-1] if units else ""
    is_person = bool(family and given)
    return Holder(
        kind=HolderKind.PROFESSIONAL if is_person else HolderKind.ORGANISATION,
        id=common_name if is_person else structure or common_name,
        name=f"{family} {given}" if is_person else _first(subject, NameOID.ORGANIZATION_NAME) or common_name,
        structure=structure,
        structure_name=_first(subject, NameOID.ORGANIZATION_NAME),
        profession=_read_integer_extension(certificate, OID_PROFESSION),
        subject=write_name(subject),
        serial=f"{certificate.serial_number:x}",
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
    )


def write_name(name: x509.Name) -> str:
    """``name`` as RFC 4514 text, most specific part first, as the Issuer of a VIHF writes it.

    >>> write_name(x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"), x509.NameAttribute(NameOID.TITLE, "X")]))
    'title=X,C=FR'
    """
    return name.rfc4514_string(_WRITTEN)


# Remembered by certificate: a signer writes the same name each time, and names of strangers never come here.
@lru_cache(maxsize=1024)
def is_subject(text: str, certificate: x509.Certificate) -> bool:
    """Whether ``text`` writes the subject of ``certificate``. See ``is_same_name``."""
    return is_same_name(text, certificate.subject)


@lru_cache(maxsize=1024)
def is_issuer(text: str, certificate: x509.Certificate) -> bool:
    """Whether ``text`` writes the issuer of ``certificate``. See ``is_same_name``."""
    return is_same_name(text, certificate.issuer)


def is_same_name(text: str, name: x509.Name) -> bool:
    """Whether ``text`` writes ``name``: part by part, in either order, whatever the aliases, case and spaces.

    >>> fr = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"), x509.NameAttribute(NameOID.GIVEN_NAME, "Léa")])
    >>> is_same_name("C=FR, G=Léa", fr), is_same_name("2.5.4.42=LÉA,C=FR", fr), is_same_name("C=FR", fr)
    (True, True, False)
    """
    written = parse_name(text)
    parts = [
        frozenset((attribute.oid.dotted_string, _fold(str(attribute.value))) for attribute in rdn) for rdn in name.rdns
    ]
    return bool(written) and (written == parts or written[::-1] == parts)


def read_certificate(text: str) -> x509.Certificate:
    """The certificate that Base64 ``text`` holds, as a signature carries it. Raises ``ValueError``."""
    return x509.load_der_x509_certificate(base64.b64decode(text))


def parse_name(text: str) -> list[Rdn]:
    """The parts of a distinguished name written as text, each a set of (OID, folded value). Unreadable gives ``[]``."""
    rdns: list[Rdn] = []
    for part in _split(text, ",;"):
        attributes = set()
        for attribute in _split(part, "+"):
            kind, equals, value = attribute.partition("=")
            oid = _type_of(kind.strip())
            if not equals or not oid:
                return []
            attributes.add((oid, _fold(_unescape(value.strip()))))
        rdns.append(frozenset(attributes))
    return rdns


def _type_of(kind: str) -> str:
    if known := _TYPES.get(kind.upper()):
        return known.dotted_string
    dotted = kind.upper().removeprefix("OID.")
    return dotted if re.fullmatch(r"\d+(\.\d+)+", dotted) else ""


def _split(text: str, separators: str) -> list[str]:
    parts, current = [], ""
    for token in _TOKEN.finditer(text):
        if token[3] is not None and token[3] in separators:
            parts.append(current)
            current = ""
        else:
            current += token[0]
    return [*parts, current] if current or parts else []


def _unescape(text: str) -> str:
    """``text`` without its quotes and escapes; a backslash and two hexadecimal digits are one byte of UTF-8."""
    if "\\" not in text and '"' not in text:
        return text
    raw = bytearray()
    for escaped, quoted, plain in _TOKEN.findall(text):
        if len(escaped) == 2:
            raw += bytes.fromhex(escaped)
        else:
            raw += (escaped or re.sub(r"\\(.)", r"\1", quoted) or plain).encode()
    return raw.decode("utf-8", "replace")


def _fold(value: str) -> str:
    return " ".join(value.split()).casefold()


def _values(name: x509.Name, oid: ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in name.get_attributes_for_oid(oid)]


def _first(name: x509.Name, oid: ObjectIdentifier) -> str:
    return next(iter(_values(name, oid)), "")


def _read_integer_extension(certificate: x509.Certificate, oid: ObjectIdentifier) -> str:
    """The DER INTEGER of a private extension as decimal text, or ``""``."""
    try:
        value = certificate.extensions.get_extension_for_oid(oid).value
    except (x509.ExtensionNotFound, ValueError):
        return ""
    raw = value.value if isinstance(value, x509.UnrecognizedExtension) else b""
    if len(raw) < 3 or raw[0] != 0x02 or raw[1] != len(raw) - 2:
        return ""
    return str(int.from_bytes(raw[2:], "big"))


def load_certificates(sources: Sequence[bytes]) -> list[x509.Certificate]:
    """All certificates of PEM bundles and DER files. Raises ``ValueError`` on what is neither."""
    loaded: list[x509.Certificate] = []
    for source in sources:
        if b"-----BEGIN" in source:
            loaded += x509.load_pem_x509_certificates(source)
        else:
            loaded.append(x509.load_der_x509_certificate(source))
    return loaded
