"""Names and algorithms of the submission signature.

Source: fact sheet "DMP exchange" §2.7; XML Signature; ETSI TS 101 903 v1.1.1.
"""

import hashlib
from enum import StrEnum
from typing import Final

from lxml import etree

from socle.standards.xds.model import Code
from socle.standards.xml import parse

DS: Final = "http://www.w3.org/2000/09/xmldsig#"
XADES: Final = "http://uri.etsi.org/01903/v1.1.1#"
C14N: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
C14N_WITH_COMMENTS: Final = f"{C14N}#WithComments"
MANIFEST_TYPE: Final = f"{DS}Manifest"
PROPERTIES_TYPE: Final = f"{XADES}SignedProperties"
MANIFEST_ID: Final = "IHEManifest"
PROPERTIES_ID: Final = "S0-SignedProperties"
PURPOSE: Final = "1.2.840.10065.1.12.1.14"
#: Digest of the submission set in the manifest: it has no bytes of its own, so one null byte stands for it.
NO_DIGEST: Final = "AA=="

SIGNATURE_CLASS: Final = Code("urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1", "URN", "Digital Signature")
SIGNATURE_TYPE: Final = Code("E1762", "ASTM", "Full Document")
SIGNATURE_FORMAT: Final = Code(DS, "URN", "Default Signature Style")
SIGNATURE_EVENT: Final = Code(PURPOSE, "1.2.840.10065.1.12", "Source")


class DigestName(StrEnum):
    """Digest of references and of the signature. Public samples use SHA-1; whether SHA-256 is asked is not settled."""

    SHA1 = f"{DS}sha1"
    SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"

    def digest(self, content: bytes) -> bytes:
        """Digest of ``content``."""
        if self is DigestName.SHA1:
            return hashlib.sha1(content, usedforsecurity=False).digest()
        return hashlib.sha256(content).digest()


def canonicalize(node: etree._Element, *, with_comments: bool = True) -> bytes:
    """Inclusive C14N 1.0 of ``node`` where it stands: a namespace that it inherits counts.

    >>> canonicalize(etree.fromstring('<a xmlns="urn:a"><b><c><d/></c></b></a>')[0])
    b'<b xmlns="urn:a"><c><d></d></c></b>'
    """
    # lxml writes false xmlns="" below an element that inherits its default namespace: detach it first.
    alone = node if node.getparent() is None else parse(etree.tostring(node, with_tail=False))
    return etree.tostring(alone, method="c14n", with_comments=with_comments)


def canonicalize_document(root: etree._Element, *, with_comments: bool = True) -> bytes:
    """Inclusive C14N 1.0 of the whole document, what stands outside its root included."""
    return etree.tostring(root.getroottree(), method="c14n", with_comments=with_comments)
