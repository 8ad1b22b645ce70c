"""Traces as pages tell them: under their days, and told once when they are alike."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import msgspec

from socle.portals.pages import PARIS
from socle.services.dmp.domain import AccessLine


class Told(msgspec.Struct, frozen=True):
    """What was done, and how often in a row that day; ``line`` is the last time."""

    line: AccessLine
    sentence: str
    count: int


def told_by_day(lines: Sequence[AccessLine], language: str, *, is_of_reader: bool = False) -> list[list[Told]]:
    """``lines``, newest first, as one list a day. ``is_of_reader``: the reader did all of it, and need not be named."""
    days = groupby(lines, lambda line: line.at.astimezone(PARIS).date())
    return [[_told(list(alike), language, is_of_reader) for _, alike in groupby(day, _likeness)] for _, day in days]


def _likeness(line: AccessLine) -> tuple[str, str]:
    return line.sentence_fr, line.actor.id


def _told(alike: Sequence[AccessLine], language: str, is_of_reader: bool) -> Told:
    line = alike[0]
    sentence = line.sentence_en if language == "en" else line.sentence_fr
    if is_of_reader:
        sentence = sentence.removeprefix(line.who).lstrip()
        sentence = sentence[:1].upper() + sentence[1:]
    return Told(line, sentence, len(alike))
