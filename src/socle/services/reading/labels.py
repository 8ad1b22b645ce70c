"""Names and units as people say them, from the long labels of LOINC and the codes of UCUM."""

from __future__ import annotations

import re
from typing import Final

#: « Hémoglobine [Masse/Volume] Sang ; Numérique »: component, property, specimen, scale.
_LOINC: Final = re.compile(r"(?P<name>[^\[]+?)\s*\[[^\]]*\]\s*(?P<specimen>[^;]*?)\s*(?:;.*)?")
#: Specimens that go without saying.
_USUAL: Final = frozenset({"", "sang", "sérum/plasma", "sérum", "plasma", "sérum ou plasma"})
_ANNOTATION: Final = re.compile(r"\{[^}]*\}")
_POWER: Final = re.compile(r"10\*(-?\d+)")
_SUPERSCRIPT: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_UNITS: Final = (("[iU]", "UI"), ("[IU]", "UI"), ("mm[Hg]", "mmHg"), ("Cel", "°C"), ("[degF]", "°F"))
_MICRO: Final = re.compile(r"\bu(?=mol|g\b|L\b|UI)")


def short_name(label: str) -> str:
    """The name of an analysis without what a reader need not know, with its specimen if it is not blood.

    >>> short_name("Hémoglobine [Masse/Volume] Sang ; Numérique"), short_name("Sodium [Moles/Volume] Urine ; Numérique")
    ('Hémoglobine', 'Sodium (urine)')
    """
    match = _LOINC.fullmatch(label.strip())
    if match is None:
        return label.strip()
    specimen = match["specimen"].casefold()
    return match["name"] if specimen in _USUAL else f"{match['name']} ({specimen})"


def unit_in_words(unit: str) -> str:
    """A UCUM unit as laboratories print it.

    >>> unit_in_words("10*9/L"), unit_in_words("umol/L"), unit_in_words("m[iU]/L"), unit_in_words("{score}")
    ('10⁹/L', 'µmol/L', 'mUI/L', '')
    """
    plain = _ANNOTATION.sub("", unit)
    for code, written in _UNITS:
        plain = plain.replace(code, written)
    plain = _POWER.sub(lambda power: "10" + power[1].translate(_SUPERSCRIPT), plain)
    return _MICRO.sub("µ", plain)
