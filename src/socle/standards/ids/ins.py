"""INS, the national health identity: matricule, authority, check key, and their HL7 form.

Source: Référentiel INS; spec of the NIR key; CI-SIS "Partage de documents" for the CX form.
"""

from __future__ import annotations

import re
from typing import Final, NewType

import msgspec

from socle.standards.errors import MalformedInput, Text
from socle.standards.ids import oids

#: 13 characters of NIR or NIA followed by the 2 digits of the key.
Matricule = NewType("Matricule", str)

OID_NIR: Final = oids.INS_NIR
OID_NIA: Final = oids.INS_NIA
OID_NIR_TEST: Final = oids.INS_NIR_TEST
OID_NIR_DEMO: Final = oids.INS_NIR_DEMO
#: Authorities whose matricules may key a record. The calculated INS (`…4.2`) is obsolete and refused.
AUTHORITIES: Final = frozenset({OID_NIR, OID_NIA, OID_NIR_TEST, OID_NIR_DEMO})
#: Authorities whose keys are always right: elsewhere some official test matricules break it.
KEYED_AUTHORITIES: Final = frozenset({OID_NIR, OID_NIA})

_MATRICULE = re.compile(r"[1-8][0-9]{4}(?:[0-9]{2}|2[AB])[0-9]{8}")
_CX = re.compile(r"(?P<matricule>[0-9AB]{15})\^\^\^&(?P<oid>[0-9.]+)&ISO\^NH(?:\^.*)?")


class Ins(msgspec.Struct, frozen=True, order=True, gc=False):
    """A matricule and the authority that gave it: together they name one person.

    >>> Ins("284076938304258", OID_NIR_TEST).to_cx()
    '284076938304258^^^&1.2.250.1.213.1.4.10&ISO^NH'
    """

    matricule: str
    oid: str

    def to_cx(self) -> str:
        """The XDS and VIHF form ``{matricule}^^^&{OID}&ISO^NH``."""
        return f"{self.matricule}^^^&{self.oid}&ISO^NH"

    @staticmethod
    def from_cx(text: str) -> Ins:
        """Reads ``{matricule}^^^&{OID}&ISO^NH``. Raises ``MalformedInput`` (code ``InvalidINS``)."""
        match = _CX.fullmatch(text.strip())
        if match is None or match["oid"] not in AUTHORITIES:
            raise MalformedInput(
                "InvalidINS",
                Text("L'identifiant du patient n'est pas un INS.", "The patient identifier is not an INS."),
                remedy=Text(
                    "Écrivez {matricule de 15 caractères}^^^&{OID de l'INS}&ISO^NH.",
                    "Write {15-character matricule}^^^&{INS OID}&ISO^NH.",
                ),
                requirement="CI-SIS Partage de documents, patientId",
            )
        return Ins(match["matricule"], match["oid"])

    @staticmethod
    def typed(matricule: str, oid: str) -> Ins:
        """An INS as a person types it: spaces removed, letters raised, and the key checked where keys are sure.

        Raises ``MalformedInput`` (code ``InvalidINS``).

        >>> Ins.typed("2 84 07 69 383 042 58", OID_NIR).matricule
        '284076938304258'
        """
        compact = "".join(matricule.split()).upper()
        if oid not in AUTHORITIES or _MATRICULE.fullmatch(compact) is None:
            raise _typed_refused("15 caractères et un OID d'INS", "15 characters and an INS OID")
        if oid in KEYED_AUTHORITIES and not is_valid_matricule(compact):
            raise _typed_refused("la clé du matricule", "the key of the matricule")
        return Ins(compact, oid)


def _typed_refused(expected_fr: str, expected_en: str) -> MalformedInput:
    return MalformedInput(
        "InvalidINS",
        Text("Ce n'est pas un matricule INS.", "This is not an INS matricule."),
        location="matricule",
        remedy=Text(f"Vérifiez {expected_fr}.", f"Check {expected_en}."),
        requirement="Référentiel INS, matricule",
    )


def key_of(number: str) -> str:
    """The two-digit key of the 13 characters ``number``: ``97 - (N mod 97)``, Corsica's letters read 2A→19, 2B→18.

    >>> key_of("2840769383042"), key_of("192032A004118")
    ('58', '74')
    """
    digits = number.replace("2A", "19", 1) if number[5:7] == "2A" else number
    digits = digits.replace("2B", "18", 1) if number[5:7] == "2B" else digits
    return f"{97 - int(digits) % 97:02d}"


def describe_matricule(text: str) -> dict[str, str] | None:
    """What the digits of a 15-character matricule say, its key aside: sex, year, month, place; ``None`` if misshapen.

    The place is that of the registration: it may differ from the birth place that INSi tells.

    >>> describe_matricule("192032A00411874")
    {'sex': 'M', 'year': '92', 'month': '03', 'place': '2A004', 'order': '118'}
    """
    if _MATRICULE.fullmatch(text) is None:
        return None
    sex = "M" if text[0] in "1357" else "F"
    return {"sex": sex, "year": text[1:3], "month": text[3:5], "place": text[5:10], "order": text[10:13]}


def is_valid_matricule(text: str) -> bool:
    """Whether ``text`` has the shape of a 15-character matricule and the right key.

    >>> is_valid_matricule("284076938304258"), is_valid_matricule("284076938304259")
    (True, False)
    """
    return _MATRICULE.fullmatch(text) is not None and key_of(text[:13]) == text[13:]
