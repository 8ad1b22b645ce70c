"""Words of French medical text as search terms: without case, accent or ending."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache
from typing import Protocol

_WORD = re.compile(r"[^\W_]+(?:[.,]\d+)?")
#: Words that say nothing about what a document is about.
_EMPTY = frozenset(
    [
        "a",
        "ai",
        "au",
        "aux",
        "avec",
        "ce",
        "ces",
        "cet",
        "cette",
        "d",
        "dans",
        "de",
        "des",
        "du",
        "elle",
        "en",
        "est",
        "et",
        "il",
        "ils",
        "j",
        "je",
        "l",
        "la",
        "le",
        "les",
        "leur",
        "lui",
        "m",
        "ma",
        "mais",
        "me",
        "mes",
        "mon",
        "n",
        "ne",
        "nos",
        "notre",
        "nous",
        "on",
        "ou",
        "par",
        "pas",
        "pour",
        "qu",
        "que",
        "qui",
        "s",
        "sa",
        "se",
        "ses",
        "son",
        "sur",
        "t",
        "ta",
        "te",
        "tes",
        "ton",
        "tu",
        "un",
        "une",
        "vos",
        "votre",
        "vous",
        "y",
    ]
)


class Stemmer(Protocol):
    """What removes endings."""

    def stemWord(self, word: str) -> str:  # noqa: N802
        """``word`` without its ending."""
        ...


@lru_cache(maxsize=50_000)
def term_of(word: str) -> str:
    """The term of one word; empty for a word that says nothing.

    >>> term_of("Hémoglobines"), term_of("hemoglobine"), term_of("les")
    ('hemoglobin', 'hemoglobin', '')
    """
    lowered = word.casefold()
    if lowered in _EMPTY:
        return ""
    plain = _without_accents(lowered)
    # The stemmer knows endings with their accents; both ways of writing must give one term.
    return _without_accents(_stemmer().stemWord(plain))


@lru_cache(maxsize=1)
def _stemmer() -> Stemmer:
    import snowballstemmer

    stemmer: Stemmer = snowballstemmer.stemmer("french")
    return stemmer


def terms_of(text: str) -> frozenset[str]:
    """All terms of ``text``.

    >>> sorted(terms_of("L'hémoglobine est basse : 9,1 g/dL"))
    ['9,1', 'bass', 'dl', 'g', 'hemoglobin']
    """
    return frozenset(term for word in _WORD.findall(text) if (term := term_of(word)))


def hash_term(key: bytes, term: str) -> int:
    """``term`` as a signed 64-bit number that tells nothing without ``key``."""
    digest = hashlib.blake2b(term.encode(), key=key, digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def excerpt(text: str, wanted: frozenset[str], *, width: int = 160) -> str:
    r"""The line of ``text`` that holds most of ``wanted``, or of a long line the part around the first word found.

    Empty if there is none. Cells of a row, which tabulators separate, are set apart.

    >>> excerpt("Le bilan montre une hémoglobine basse.", frozenset({"hemoglobin"}), width=20)
    '… une hémoglobine basse.'
    >>> excerpt("Analyse\tValeur\nHémoglobine\t12,2 g/dL\nHématies\t4,3", frozenset({"hemoglobin"}))
    'Hémoglobine · 12,2 g/dL'
    """
    best, most, place = "", 0, 0
    for line in text.split("\n"):
        found = [(match.start(), term) for match in _WORD.finditer(line) if (term := term_of(match.group())) in wanted]
        count = len({term for _, term in found})
        if count > most:
            best, most, place = line, count, found[0][0]
    start = best.find(" ", place - width // 4) + 1 if len(best) > width and place > width // 4 else 0
    end = len(best) if len(best) <= width else min(len(best), place + width)
    shown = best[min(start, place) : end].strip().replace("\t", " · ")
    return ("… " if start else "") + shown + (" …" if end < len(best) else "")


def matches(text: str, wanted: frozenset[str]) -> frozenset[str]:
    """The words of ``text``, as it writes them, whose terms are ``wanted``.

    >>> matches("Hémoglobine et hémoglobines", frozenset({"hemoglobin"})) == {"Hémoglobine", "hémoglobines"}
    True
    """
    return frozenset(match.group() for match in _WORD.finditer(text) if term_of(match.group()) in wanted)


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.replace("œ", "oe").replace("æ", "ae"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))
