"""The strict traits of a person, normalised as the RNIV asks, with birth dates that may be lunar.

Source: identity fact sheet §1.5 (RNIV 1; SAPA and padoa clients of INSi for the admitted characters).
"""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from datetime import date
from enum import StrEnum
from typing import Final, NewType

import msgspec

from socle.standards.errors import InvalidContent, Text

#: ``YYYY-MM-DD`` as INSi returns it: month and day may be ``00`` when unknown.
BirthDate = NewType("BirthDate", str)
#: Five characters: a commune of the COG, or ``99`` and a country.
CogCode = NewType("CogCode", str)

#: Born in an unknown place.
COG_UNKNOWN: Final = CogCode("99999")
FRANCE: Final = CogCode("99100")
#: Longest birth name or list of first names (the datamatrix has the same bound).
MAX_NAME: Final = 100

_LIGATURES: Final = str.maketrans(
    {"Œ": "OE", "Æ": "AE", "ß": "SS", "ẞ": "SS", "Ø": "O", "Ł": "L", "Đ": "D", "Þ": "TH", "Ð": "D"}
)
_APOSTROPHES: Final = str.maketrans(dict.fromkeys("’‘ʼʹ′`´＇", "'"))
_DASHES: Final = str.maketrans(dict.fromkeys("‐‑‒–—―−﹣－", "-"))
_NAME = re.compile(r"[\-' ]*[A-Z][A-Z\-' ]*")
_FORBIDDEN = re.compile(r"[^A-Z\-' ]")
_COG = re.compile(r"(?:[0-9]{5}|2[AB][0-9]{3})")
_DATE = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")


class Sex(StrEnum):
    """Sex of the birth certificate; ``I`` is local only and never sent to INSi."""

    MALE = "M"
    FEMALE = "F"
    INDETERMINATE = "I"


_SEXES: Final = frozenset(str(sex) for sex in Sex)


def normalise_name(text: str) -> str:
    """Upper case without accents or ligatures; hyphens and apostrophes are kept, spaces collapsed.

    >>> normalise_name("  d’Arcy–Bellec  "), normalise_name("Cœur Œillet-Façon")
    ("D'ARCY-BELLEC", 'COEUR OEILLET-FACON')
    """
    upper = text.translate(_APOSTROPHES).translate(_DASHES).upper().translate(_LIGATURES)
    bare = "".join(c for c in unicodedata.normalize("NFD", upper) if not unicodedata.combining(c))
    return " ".join(bare.translate(_LIGATURES).split())


def admissible_name(text: str) -> str:
    """What of a name in use an identity can hold: normalised, without what no name has. May be empty.

    >>> admissible_name("Mme. Müller (2)")
    'MME MULLER'
    """
    return " ".join(_FORBIDDEN.sub(" ", normalise_name(text)).split())[:MAX_NAME]


def parse_name(text: str, location: str) -> str:
    """The normalised name. Raises ``InvalidContent`` on a digit, a dot, any character that no birth name has."""
    name = normalise_name(text)
    if len(name) > MAX_NAME or _NAME.fullmatch(name) is None:
        raise InvalidContent(
            "InvalidName",
            Text(
                "Ce nom porte un caractère non admis, ou est vide.", "This name has a forbidden character, or is empty."
            ),
            location=location,
            remedy=Text(
                "Lettres, espaces, traits d'union et apostrophes, 100 caractères au plus.",
                "Letters, spaces, hyphens and apostrophes, 100 characters at most.",
            ),
            requirement="RNIV 1, format des traits",
        )
    return name


def parse_birth_date(text: str) -> BirthDate:
    """``YYYY-MM-DD`` or ``YYYYMMDD``, lunar values admitted. Raises ``InvalidContent``.

    >>> parse_birth_date("19840717"), parse_birth_date("1936-06-00")
    ('1984-07-17', '1936-06-00')
    """
    match = _DATE.fullmatch(text.strip())
    if match is None or match[1] < "1850" or match[2] > "12" or match[3] > "31":
        raise InvalidContent(
            "InvalidBirthDate",
            Text("Ce n'est pas une date de naissance.", "This is not a birth date."),
            location="birth_date",
            remedy=Text(
                "Écrivez AAAA-MM-JJ ; 00 pour un jour ou un mois inconnu ; estimez une année inconnue.",
                "Write YYYY-MM-DD; 00 for an unknown day or month; estimate an unknown year.",
            ),
            requirement="RNIV 1, date de naissance",
        )
    return BirthDate(f"{match[1]}-{match[2]}-{match[3]}")


def is_lunar(birth_date: BirthDate) -> bool:
    """Whether no such day is in the calendar."""
    year, month, day = _parts(birth_date)
    return month == 0 or not 1 <= day <= monthrange(year, month)[1]


def to_calendar(birth_date: BirthDate) -> date:
    """The calendar day that RNIV keeps for a lunar date; the lunar value itself goes back to INSi.

    Day unknown becomes the 1st, month unknown January, both unknown 31 December.

    >>> to_calendar(BirthDate("1936-06-00")), to_calendar(BirthDate("1936-00-00"))
    (datetime.date(1936, 6, 1), datetime.date(1936, 12, 31))
    """
    year, month, day = _parts(birth_date)
    if month == 0 and day == 0:
        return date(year, 12, 31)
    month = month or 1
    return date(year, month, day if 1 <= day <= monthrange(year, month)[1] else 1)


def _parts(birth_date: BirthDate) -> tuple[int, int, int]:
    return int(birth_date[:4]), int(birth_date[5:7]), int(birth_date[8:])


def parse_cog(text: str) -> CogCode:
    """A commune or country of the COG, by its shape alone: codes of merged communes stay valid for ever.

    >>> parse_cog("2a004"), parse_cog("99131")
    ('2A004', '99131')
    """
    code = text.strip().upper()
    if _COG.fullmatch(code) is None:
        raise InvalidContent(
            "InvalidBirthPlace",
            Text("Ce n'est pas un code officiel géographique.", "This is not an official geographic code."),
            location="birth_place",
            remedy=Text(
                "Cinq caractères : commune (69383, 2A004) ou 99 et le pays (99131).",
                "Five characters: commune (69383, 2A004) or 99 and the country (99131).",
            ),
            requirement="RNIV 1, lieu de naissance",
        )
    return CogCode(code)


class Traits(msgspec.Struct, frozen=True, kw_only=True):
    """The strict traits, normalised. Build with ``Traits.of``, that normalises and refuses what no identity may hold.

    ``given_names`` is the list of birth first names, space separated; ``first_given_name`` the first of them, that an
    operator may set when it is made of two words.

    >>> Traits.of("d'Arcy-Bellec", "Jeanne Marie", "F", "1984-07-17", "69383").first_given_name
    'JEANNE'
    """

    birth_name: str
    given_names: str
    first_given_name: str
    sex: Sex
    birth_date: BirthDate
    birth_place: CogCode | None = None
    used_name: str = ""
    used_given_name: str = ""

    @staticmethod
    def of(
        birth_name: str,
        given_names: str,
        sex: str,
        birth_date: str,
        birth_place: str = "",
        *,
        first_given_name: str = "",
        used_name: str = "",
        used_given_name: str = "",
    ) -> Traits:
        """Normalised traits. Raises ``InvalidContent`` that names the wrong trait in ``location``."""
        if sex not in _SEXES:
            raise InvalidContent(
                "InvalidSex",
                Text("Le sexe est M, F ou I.", "Sex is M, F or I."),
                location="sex",
                requirement="RNIV 1, sexe",
            )
        given = parse_name(given_names, "given_names")
        first = parse_name(first_given_name, "first_given_name") if first_given_name else given.partition(" ")[0]
        if given != first and not given.startswith(first + " "):
            raise InvalidContent(
                "FirstNameNotInList",
                Text(
                    "Le premier prénom de naissance n'ouvre pas la liste des prénoms.",
                    "The first birth first name does not open the list of first names.",
                ),
                location="first_given_name",
                requirement="RNIV 1, premier prénom de naissance",
            )
        return Traits(
            birth_name=parse_name(birth_name, "birth_name"),
            given_names=given,
            first_given_name=first,
            sex=Sex(sex),
            birth_date=parse_birth_date(birth_date),
            birth_place=parse_cog(birth_place) if birth_place else None,
            used_name=parse_name(used_name, "used_name") if used_name else "",
            used_given_name=parse_name(used_given_name, "used_given_name") if used_given_name else "",
        )

    @property
    def five(self) -> tuple[str, str, Sex, BirthDate, CogCode | None]:
        """The five reference traits, that INSi compares strictly."""
        return self.birth_name, self.given_names, self.sex, self.birth_date, self.birth_place
