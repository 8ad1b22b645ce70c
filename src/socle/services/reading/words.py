"""Words of French medical text as search terms: without case, accent or ending."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection
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


def matches(text: str, wanted: frozenset[str]) -> frozenset[str]:
    """The words of ``text``, as it writes them, whose terms are ``wanted``.

    >>> matches("Hémoglobine et hémoglobines", frozenset({"hemoglobin"})) == {"Hémoglobine", "hémoglobines"}
    True
    """
    return frozenset(word for word in set(_WORD.findall(text)) if term_of(word) in wanted)


def excerpt(text: str, words: Collection[str], *, width: int = 160) -> str:
    r"""The line of ``text`` that says most of ``words``, or of a long line the part around the first of them.

    ``words`` are as the text writes them (``matches``). Empty if there is none. Cells of a row, which tabulators
    separate, are set apart.

    >>> excerpt("Le bilan montre une hémoglobine basse.", {"hémoglobine"}, width=20)
    '… une hémoglobine basse.'
    >>> excerpt("Analyse\tValeur\nHémoglobine\t12,2 g/dL\nHématies\t4,3", {"Hémoglobine"})
    'Hémoglobine · 12,2 g/dL'
    """
    lines: dict[int, dict[str, int]] = {}
    alternatives = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    for match in re.finditer(rf"(?<![^\W_])(?:{alternatives})(?![^\W_])", text) if words else ():
        line = text.rfind("\n", 0, match.start()) + 1
        lines.setdefault(line, {}).setdefault(term_of(match.group()), match.start() - line)
    if not lines:
        return ""
    first, places = max(lines.items(), key=lambda line: len(line[1]))
    best, place = text[first:].partition("\n")[0], min(places.values())
    start = best.find(" ", place - width // 4) + 1 if len(best) > width and place > width // 4 else 0
    end = len(best) if len(best) <= width else min(len(best), place + width)
    shown = best[min(start, place) : end].strip().replace("\t", " · ")
    return ("… " if start else "") + shown + (" …" if end < len(best) else "")


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.replace("œ", "oe").replace("æ", "ae"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))
