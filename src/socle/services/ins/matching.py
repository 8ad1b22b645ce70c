"""Whether two identities are one person: a score in bits of evidence, and the levels of the fact sheet.

Each trait adds ``log2(m / u)``: ``m`` is how often it agrees so far on records of one person, ``u`` on those of two
(Fellegi and Sunter, 1969). The table below is the whole model; it is read by people before it is by the machine.

Source: identity fact sheet §1.8.
"""

from __future__ import annotations

import re
from math import log2
from typing import Final

from rapidfuzz.distance import JaroWinkler

from socle.services.ins.domain import Identity, Match, MatchLevel
from socle.standards.ids.traits import Traits

#: Trait → agreement → (m, u).
MODEL: Final[dict[str, dict[str, tuple[float, float]]]] = {
    "birth_name": {"equal": (0.92, 0.0005), "close": (0.06, 0.003), "differs": (0.02, 0.9965)},
    "given_name": {"equal": (0.93, 0.01), "close": (0.05, 0.02), "differs": (0.02, 0.97)},
    "sex": {"equal": (0.995, 0.5), "differs": (0.005, 0.5)},
    "birth_date": {"equal": (0.95, 0.00004), "close": (0.04, 0.0012), "differs": (0.01, 0.99876)},
    "birth_place": {"equal": (0.93, 0.004), "close": (0.05, 0.03), "differs": (0.02, 0.966), "unknown": (1.0, 1.0)},
}
WEIGHTS: Final = {
    trait: {agreement: log2(m / u) for agreement, (m, u) in rows.items()} for trait, rows in MODEL.items()
}
#: From here a pair is shown to a person: one in a million pairs of strangers reaches it.
PROPOSED_FROM: Final = 20.0
#: Names at least so alike (Jaro-Winkler) are close.
_CLOSE_NAME: Final = 0.9


def phonetic_key(name: str) -> str:
    """What remains of a French name once spelling is forgotten; names that sound alike mostly share it.

    >>> phonetic_key("LEFEBVRE") == phonetic_key("LEFEVRE"), phonetic_key("THIBAULT") == phonetic_key("TIBAUD")
    (True, True)
    """
    letters = key = re.sub(r"[^A-Z]", "", name)
    for pattern, replacement in _SOUNDS:
        key = pattern.sub(replacement, key)
    return key or letters[:1]


_SOUNDS: Final = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("PH", "F"),
        ("BV", "V"),
        ("E?AU(?:LT|LD|X|D|T|S)?", "O"),
        ("AI|EI", "E"),
        ("OEU|OE|EU", "E"),
        ("QU|CK|CH(?=[RL])|K|Q", "C"),
        ("SCH|SH", "CH"),
        ("C(?=[EIY])|Z", "S"),
        ("G(?=[EIY])", "J"),
        ("GU(?=[EIY])", "G"),
        ("Y", "I"),
        ("W", "V"),
        ("(?<!C)H", ""),
        (r"([A-Z])\1+", r"\1"),
        ("[EDTXSZP]+$", ""),
        ("(?<=[A-Z])[AEIOU]", ""),
    )
]


def assess(one: Identity, other: Identity) -> Match:
    """Level and score of a pair, the same whichever comes first."""
    score = score_traits(one.traits, other.traits)
    if one.ins is not None and one.ins == other.ins:
        same = one.traits.five == other.traits.five
        return Match(MatchLevel.SAME if same else MatchLevel.COLLISION, score)
    if _strict(one.traits) == _strict(other.traits) and None not in _strict(one.traits):
        two_ins = one.ins is not None and other.ins is not None
        return Match(MatchLevel.HOMONYM if two_ins else MatchLevel.STRONG, score)
    both_known = one.ins is not None and other.ins is not None
    # Twins share name, date and place: first names that differ rule a pair out, and so do two certified numbers.
    if score < PROPOSED_FROM or both_known or _given_agreement(one.traits, other.traits) == "differs":
        return Match(MatchLevel.NONE, score)
    return Match(MatchLevel.WEAK, score)


def score_traits(one: Traits, other: Traits) -> float:
    """Bits of evidence that two sets of traits are of one person, to one decimal."""
    agreements = {
        "birth_name": _name_agreement(one, other),
        "given_name": _given_agreement(one, other),
        "sex": "equal" if one.sex == other.sex else "differs",
        "birth_date": _date_agreement(one.birth_date, other.birth_date),
        "birth_place": _place_agreement(one.birth_place, other.birth_place),
    }
    return round(sum(WEIGHTS[trait][agreement] for trait, agreement in agreements.items()), 1)


def near_dates(birth_date: str) -> list[str]:
    """The date itself, day and month swapped, and every date one digit away: where a mistyped record may be.

    >>> "1984-07-12" in near_dates("1984-12-07"), "1984-12-08" in near_dates("1984-12-07")
    (True, True)
    """
    year, month, day = birth_date.split("-")
    found = {birth_date, f"{year}-{day}-{month}"}
    for place, digit in enumerate(birth_date):
        if digit.isdigit():
            found |= {f"{birth_date[:place]}{other}{birth_date[place + 1 :]}" for other in "0123456789"}
    return sorted(text for text in found if text[5:7] <= "12" and text[8:] <= "31")


def _strict(traits: Traits) -> tuple[object, ...]:
    return traits.birth_name, traits.first_given_name, traits.sex, traits.birth_date, traits.birth_place


def _name_agreement(one: Traits, other: Traits) -> str:
    if one.birth_name == other.birth_name:
        return "equal"
    ours = {one.birth_name, one.used_name} - {""}
    theirs = {other.birth_name, other.used_name} - {""}
    return "close" if ours & theirs or any(_sound_alike(a, b) for a in ours for b in theirs) else "differs"


def _given_agreement(one: Traits, other: Traits) -> str:
    if one.first_given_name == other.first_given_name:
        return "equal"
    ours = {one.first_given_name, one.used_given_name, *one.given_names.split()} - {""}
    theirs = {other.first_given_name, other.used_given_name, *other.given_names.split()} - {""}
    crossed = one.first_given_name in theirs or other.first_given_name in ours
    alike = _sound_alike(one.first_given_name, other.first_given_name)
    return "close" if crossed or alike else "differs"


def _sound_alike(one: str, other: str) -> bool:
    return JaroWinkler.similarity(one, other) >= _CLOSE_NAME or phonetic_key(one) == phonetic_key(other)


def _date_agreement(one: str, other: str) -> str:
    if one == other:
        return "equal"
    return "close" if other in near_dates(one) else "differs"


def _place_agreement(one: str | None, other: str | None) -> str:
    if one is None or other is None:
        return "unknown"
    if one == other:
        return "equal"
    return "close" if one[:2] == other[:2] else "differs"
