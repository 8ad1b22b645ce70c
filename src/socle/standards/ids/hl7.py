r"""XCN, XON and CX: persons, organisations and identifiers as the HL7 v2 text of XDS metadata.

Positions are exact on writing (six carets between the given name and XCN.9, five between the name and XON.6). Reading
ignores components that the profile does not use. ``|``, ``^``, ``~``, ``&`` and ``\`` inside a value are escaped
``\F\ \S\ \R\ \T\ \E\``.

Source: CI-SIS "Partage de documents", data types; IHE ITI TF-3 §4.2.3.1; fact sheet dmp-exchange §2.1.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from socle.standards.errors import MalformedInput, Text
from socle.standards.ids.oids import PS_IDNAT, STRUCT_IDNAT

#: A value longer than this is refused unread.
MAX_CHARACTERS: Final = 2000

_ESCAPES: Final = str.maketrans({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"})
_UNESCAPES: Final = {"\\E\\": "\\", "\\F\\": "|", "\\S\\": "^", "\\T\\": "&", "\\R\\": "~"}
_ESCAPED = re.compile(r"\\[EFSTR]\\")
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")


def escape(text: str) -> str:
    r"""``text`` with the delimiters of HL7 v2 escaped.

    >>> escape("Dupont & fils")
    'Dupont \\T\\ fils'
    """
    return text.translate(_ESCAPES)


def unescape(text: str) -> str:
    """The inverse of ``escape``; an unknown escape sequence is left as it is."""
    return _ESCAPED.sub(lambda match: _UNESCAPES[match[0]], text) if "\\" in text else text


class Xcn(msgspec.Struct, frozen=True, kw_only=True):
    """A person or a system, with its identifier.

    ``id_type`` is ``IDNPS`` (national), ``EI`` (internal), ``RI`` (system) or ``NH`` (patient); ``name_type`` is ``D``
    for a person, ``U`` for a system. ``namespace`` is XCN.9.1, empty in XDS.

    >>> Xcn(id="810109876549", family="MARCHAND", given="CAMILLE").encode()
    '810109876549^MARCHAND^CAMILLE^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS'
    """

    id: str
    family: str = ""
    given: str = ""
    authority: str = PS_IDNAT
    name_type: str = "D"
    id_type: str = "IDNPS"
    namespace: str = ""

    def encode(self) -> str:
        """The text of the component."""
        parts = [""] * 13
        parts[0], parts[1], parts[2] = escape(self.id), escape(self.family), escape(self.given)
        parts[8] = _encode_authority(self.namespace, self.authority)
        parts[9], parts[12] = escape(self.name_type), escape(self.id_type)
        return "^".join(parts).rstrip("^")

    @staticmethod
    def parse(text: str) -> Xcn:
        """Reads a component. Raises ``MalformedInput`` (code ``InvalidXCN``) without an identifier or a name."""
        parts = _components(text, 13, "XCN")
        family = unescape(parts[1].partition("&")[0].strip())
        if not parts[0] and not family:
            raise _refused("XCN", "l'identifiant ou le nom manque", "identifier and name are both missing")
        namespace, authority = _parse_authority(parts[8], "XCN")
        return Xcn(
            id=unescape(parts[0]),
            family=family,
            given=unescape(parts[2]),
            authority=authority,
            name_type=unescape(parts[9]),
            id_type=unescape(parts[12]),
            namespace=namespace,
        )


class Xon(msgspec.Struct, frozen=True, kw_only=True):
    """A structure, with its identifier. ``id_type`` is ``IDNST``, or ``SIREN`` for a referenced digital service.

    >>> Xon(name="HOPITAL DES EXEMPLES", id="1750987653").encode()
    'HOPITAL DES EXEMPLES^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1750987653'
    """

    name: str
    id: str = ""
    authority: str = STRUCT_IDNAT
    id_type: str = "IDNST"
    namespace: str = ""

    def encode(self) -> str:
        """The text of the component; without an identifier only the name is written."""
        if not self.id:
            return escape(self.name)
        authority = _encode_authority(self.namespace, self.authority)
        return f"{escape(self.name)}^^^^^{authority}^{escape(self.id_type)}^^^{escape(self.id)}"

    @staticmethod
    def parse(text: str) -> Xon:
        """Reads a component. Raises ``MalformedInput`` (code ``InvalidXON``) when it names nothing."""
        parts = _components(text, 10, "XON")
        # Before HL7 v2.6 some senders write the identifier in XON.3.
        identifier = parts[9] or parts[2]
        if not identifier and not parts[0]:
            raise _refused("XON", "le nom et l'identifiant manquent", "name and identifier are both missing")
        if not identifier:
            return Xon(name=unescape(parts[0]))
        namespace, authority = _parse_authority(parts[5], "XON")
        return Xon(
            name=unescape(parts[0]),
            id=unescape(identifier),
            authority=authority,
            id_type=unescape(parts[6]),
            namespace=namespace,
        )


class Cx(msgspec.Struct, frozen=True, kw_only=True):
    """An identifier and who gave it: a patient's (``NH``, ``PI``, ``INS``), or a reference of ``referenceIdList``.

    ``start`` and ``end`` (``YYYYMMDD``) are the validity that HL7 v2 history carries.

    >>> Cx(id="000042", authority="1.2.250.1.999.1.1", id_type="PI").encode()
    '000042^^^&1.2.250.1.999.1.1&ISO^PI'
    >>> Cx(id="1.2.3.4", id_type="urn:ihe:iti:xds:2016:studyInstanceUID").encode()
    '1.2.3.4^^^^urn:ihe:iti:xds:2016:studyInstanceUID'
    """

    id: str
    authority: str = ""
    id_type: str = ""
    namespace: str = ""
    start: str = ""
    end: str = ""

    def encode(self) -> str:
        """The text of the component."""
        authority = _encode_authority(self.namespace, self.authority)
        parts = [escape(self.id), "", "", authority, escape(self.id_type), "", escape(self.start), escape(self.end)]
        return "^".join(parts).rstrip("^")

    @staticmethod
    def parse(text: str) -> Cx:
        """Reads a component. Raises ``MalformedInput`` (code ``InvalidCX``) without an identifier."""
        parts = _components(text, 8, "CX")
        if not parts[0]:
            raise _refused("CX", "l'identifiant manque", "the identifier is missing")
        namespace, authority = _parse_authority(parts[3], "CX")
        return Cx(
            id=unescape(parts[0]),
            authority=authority,
            id_type=unescape(parts[4]),
            namespace=namespace,
            start=unescape(parts[6]),
            end=unescape(parts[7]),
        )


def _components(text: str, count: int, name: str) -> list[str]:
    if len(text) > MAX_CHARACTERS:
        raise _refused(name, f"plus de {MAX_CHARACTERS} caractères", f"more than {MAX_CHARACTERS} characters")
    parts = [part.strip() for part in text.split("^")]
    return parts + [""] * (count - len(parts))


def _encode_authority(namespace: str, oid: str) -> str:
    if not oid:
        return escape(namespace)
    return f"{escape(namespace)}&{oid}&ISO"


def _parse_authority(text: str, name: str) -> tuple[str, str]:
    """Namespace and OID of an HD. A universal id that is not an ISO OID (``000897406&N``) stays unread."""
    namespace, _, universal = text.partition("&")
    namespace = namespace.strip()
    oid, _, kind = universal.partition("&")
    if kind and kind != "ISO":
        return unescape(namespace), ""
    if oid and _OID.fullmatch(oid) is None:
        raise _refused(name, "l'autorité n'est pas un OID", "the authority is not an OID")
    return unescape(namespace), oid


def _refused(name: str, why_fr: str, why_en: str) -> MalformedInput:
    return MalformedInput(
        f"Invalid{name}",
        Text(f"Ce n'est pas un composant {name} : {why_fr}.", f"This is not an {name} component: {why_en}."),
        requirement="CI-SIS Partage de documents, types de données",
    )
