"""Names as people write them, out of registers that hold them in capitals."""

from __future__ import annotations

import re
from typing import Final

#: Words of places that stay small inside a name.
_SMALL: Final = frozenset(
    ("a", "à", "au", "aux", "d", "de", "des", "du", "en", "et", "l", "la", "le", "les", "par", "pour", "sous", "sur")
)
#: Words that stay in capitals: what they stand for is rarely written out.
_INITIALS: Final = re.compile(
    "BP|CDS|CH|CHI|CHR|CHRU|CHU|CMP|CPTS|EHPAD|GCS|GHT|HAD|LBM|MSP|PMI|SA|SAMU|SARL|SAS|SCM|SCP|SELARL|SELAS|SMUR|SSIAD|USLD"
)
_WORD: Final = re.compile(r"[^\W\d_]+")


def person_name(name: str) -> str:
    """A person's name. One that is not all in capitals is left as it is.

    >>> person_name("JEANNE D'ARCY-BELLEC"), person_name("Dr Anne Le Goff"), person_name("DR CAMILLE MARCHAND")
    ("Jeanne D'Arcy-Bellec", 'Dr Anne Le Goff', 'Dr Camille Marchand')
    """
    return name.title() if name.isupper() else name


def place_name(name: str) -> str:
    """The name of a structure. One that is not all in capitals is left as it is.

    >>> place_name("CABINET DU DR MARCHAND"), place_name("CHU DE L'EXEMPLE"), place_name("Hôpital des Exemples")
    ('Cabinet du Dr Marchand', "CHU de l'Exemple", 'Hôpital des Exemples')
    """
    if not name.isupper():
        return name

    def written(match: re.Match[str]) -> str:
        word = match.group()
        if _INITIALS.fullmatch(word):
            return word
        is_first = match.start() == 0
        return word.lower() if word.lower() in _SMALL and not is_first else word.capitalize()

    return _WORD.sub(written, name)
