"""National numbers of professionals and structures, with their keys and their prefixed CI-SIS forms.

Each ``parse_…`` returns the number in its canonical form or raises ``MalformedInput``. A key that some official test
numbers break (ADELI, FINESS of a legal entity) is never a reason to refuse: ask ``is_luhn`` when you must know.

Source: identity fact sheet §7.1, §7.2; CI-SIS annexe "Source des données métier pour les professionnels et les
structures".
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NewType

import msgspec

from socle.standards.errors import MalformedInput, Text
from socle.standards.ids.luhn import is_luhn

Rpps = NewType("Rpps", str)
Adeli = NewType("Adeli", str)
Finess = NewType("Finess", str)
Siren = NewType("Siren", str)
Siret = NewType("Siret", str)

_RPPS = re.compile(r"[0-9]{11}")
_ADELI = re.compile(r"[0-9][0-9AB][0-9A-Z]{7}")
_FINESS = re.compile(r"[0-9][0-9AB][0-9]{7}")
_SIREN = re.compile(r"[0-9]{9}")
_SIRET = re.compile(r"[0-9]{14}")
_LA_POSTE: Final = "356000000"
#: Longest internal identifier accepted after ``/``.
_INTERNAL = re.compile(r"[0-9A-Za-z._\-]{1,40}")


def parse_rpps(text: str) -> Rpps:
    """An RPPS of eleven digits with its key; spaces are removed.

    >>> parse_rpps("1010 9876 549")
    '10109876549'
    """
    digits = _compact(text)
    if _RPPS.fullmatch(digits) is None or not is_luhn(digits):
        raise _refused("RPPS", "11 chiffres avec leur clé", "11 digits with their key", "§7.1 RPPS")
    return Rpps(digits)


def is_test_rpps(rpps: str) -> bool:
    """Whether the number is in the range reserved to tests (``99…``)."""
    return rpps.startswith("99")


def parse_adeli(text: str) -> Adeli:
    """An ADELI of nine characters. Its key is not checked, since test numbers hold letters.

    >>> parse_adeli("0B6087510")
    '0B6087510'
    """
    number = _compact(text)
    if _ADELI.fullmatch(number) is None:
        raise _refused("ADELI", "9 caractères", "9 characters", "§7.1 ADELI")
    return Adeli(number)


def parse_finess(text: str) -> Finess:
    """A FINESS of nine characters, ``2A``/``2B`` included. Its key is not checked (``is_luhn`` tells).

    >>> parse_finess("2A0987657")
    '2A0987657'
    """
    number = _compact(text)
    if _FINESS.fullmatch(number) is None:
        raise _refused("FINESS", "9 caractères", "9 characters", "§7.1 FINESS")
    return Finess(number)


def parse_siren(text: str) -> Siren:
    """A SIREN of nine digits with its key.

    >>> parse_siren("901 234 567")
    '901234567'
    """
    digits = _compact(text)
    if _SIREN.fullmatch(digits) is None or not is_luhn(digits):
        raise _refused("SIREN", "9 chiffres avec leur clé", "9 digits with their key", "§7.1 SIREN")
    return Siren(digits)


def parse_siret(text: str) -> Siret:
    """A SIRET of fourteen digits with its key; those of La Poste sum to a multiple of five instead.

    >>> parse_siret("901 234 567 00013"), parse_siret("35600000000048")
    ('90123456700013', '35600000000048')
    """
    digits = _compact(text)
    if _SIRET.fullmatch(digits) is None or not (is_luhn(digits) or _is_la_poste(digits)):
        raise _refused("SIRET", "14 chiffres avec leur clé", "14 digits with their key", "§7.1 SIRET")
    return Siret(digits)


def _is_la_poste(siret: str) -> bool:
    return siret.startswith(_LA_POSTE) and sum(map(int, siret)) % 5 == 0


class PersonIdType(StrEnum):
    """Prefix of a PS_IdNat (TRE_G08)."""

    ADELI = "0"
    ADELI_OFFICE = "1"
    FINESS = "3"
    SIREN = "4"
    SIRET = "5"
    RPPS_OFFICE = "6"
    RPPS = "8"


class StructureIdType(StrEnum):
    """Prefix of a Struct_IdNat (TRE_G07)."""

    ADELI_OFFICE = "0"
    FINESS = "1"
    SIREN = "2"
    SIRET = "3"
    RPPS_OFFICE = "4"


class PsIdNat(msgspec.Struct, frozen=True, order=True):
    """National identifier of a person: its type, the number, and the internal id of an employee.

    >>> PsIdNat.parse("810109876549").number
    '10109876549'
    >>> str(PsIdNat(PersonIdType.FINESS, "0B0057881", "CPET0002"))
    '30B0057881/CPET0002'
    """

    type: PersonIdType
    number: str
    internal: str = ""

    def __str__(self) -> str:
        return f"{self.type}{self.number}/{self.internal}" if self.internal else f"{self.type}{self.number}"

    @staticmethod
    def of_rpps(rpps: str) -> PsIdNat:
        """The identifier of the holder of ``rpps``."""
        return PsIdNat(PersonIdType.RPPS, rpps)

    @staticmethod
    def parse(text: str) -> PsIdNat:
        """Reads the prefixed form; the number is checked as its type says. Raises ``MalformedInput``."""
        prefix, rest = text[:1], text[1:]
        number, slash, internal = rest.partition("/")
        if prefix not in _PERSON_NUMBER or bool(slash) != (_INTERNAL.fullmatch(internal) is not None):
            raise _refused("PS_IdNat", "un préfixe 0, 1, 3, 4, 5, 6 ou 8", "a prefix 0, 1, 3, 4, 5, 6 or 8", "§7.2")
        if _PERSON_NUMBER[prefix].fullmatch(number) is None or (prefix in "345" and not slash):
            raise _refused("PS_IdNat", "le numéro de son type", "the number of its type", "§7.2")
        return PsIdNat(PersonIdType(prefix), number, internal)


class StructIdNat(msgspec.Struct, frozen=True, order=True):
    """National identifier of a structure: its type and the number.

    >>> str(StructIdNat.parse("1750987653"))
    '1750987653'
    """

    type: StructureIdType
    number: str

    def __str__(self) -> str:
        return f"{self.type}{self.number}"

    @staticmethod
    def of_finess(finess: str) -> StructIdNat:
        """The identifier of the structure whose FINESS is ``finess``."""
        return StructIdNat(StructureIdType.FINESS, finess)

    @staticmethod
    def parse(text: str) -> StructIdNat:
        """Reads the prefixed form; the shape is checked as its type says. Raises ``MalformedInput``."""
        prefix, number = text[:1], text[1:]
        if prefix not in _STRUCTURE_NUMBER or _STRUCTURE_NUMBER[prefix].fullmatch(number) is None:
            raise _refused("Struct_IdNat", "un préfixe 0 à 4 et le numéro", "a prefix 0 to 4 and the number", "§7.2")
        return StructIdNat(StructureIdType(prefix), number)


_PERSON_NUMBER: Final = {
    "0": _ADELI,
    "1": re.compile(r"[0-9A-Z]{1,20}"),
    "3": _FINESS,
    "4": _SIREN,
    "5": _SIRET,
    "6": re.compile(r"[0-9]{11,14}"),
    "8": _RPPS,
}
_STRUCTURE_NUMBER: Final = {
    "0": re.compile(r"[0-9A-Z]{9,12}"),
    "1": _FINESS,
    "2": _SIREN,
    "3": _SIRET,
    #: RPPS and a rank of two or three digits, or a technical identifier of the register.
    "4": re.compile(r"[0-9]{6,14}"),
}


def _compact(text: str) -> str:
    return text.replace(" ", "").replace(" ", "").upper()


def _refused(name: str, expected_fr: str, expected_en: str, section: str) -> MalformedInput:
    return MalformedInput(
        f"Invalid{name.replace('_', '')}",
        Text(f"Ce n'est pas un identifiant {name}.", f"This is not a {name} identifier."),
        remedy=Text(f"Attendu : {expected_fr}.", f"Expected: {expected_en}."),
        requirement=f"Identifiants nationaux {section}",
    )
