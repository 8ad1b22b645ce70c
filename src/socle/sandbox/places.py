"""Real communes and countries of the COG, with their weight, for fictitious people to be born and live in.

``data/places.csv`` holds the largest communes of each department, all those above 45,000 inhabitants and the
municipal arrondissements, weighted by inhabitants (open data of the State, Licence Ouverte), and countries, weighted
by how many residents of France were born there (hundreds, rough).
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources

import msgspec


class Place(msgspec.Struct, frozen=True):
    """A commune, or a country (``99xxx``, without postal code)."""

    code: str
    name: str
    department: str
    postal_code: str
    weight: int


@cache
def all_places() -> tuple[Place, ...]:
    """Every place of the data file, by code."""
    text = resources.files("socle.sandbox").joinpath("data/places.csv").read_text("utf-8")
    return tuple(msgspec.convert(row, Place, strict=False) for row in csv.DictReader(text.splitlines(), delimiter=";"))


@cache
def communes() -> tuple[Place, ...]:
    """Places of France."""
    return tuple(place for place in all_places() if not place.code.startswith("99"))


@cache
def countries() -> tuple[Place, ...]:
    """Places abroad."""
    return tuple(place for place in all_places() if place.code.startswith("99"))


def place_of(code: str) -> Place:
    """The place of this COG code. Raises ``KeyError``.

    >>> place_of("2A004").name
    'Ajaccio'
    """
    return _by_code()[code]


@cache
def _by_code() -> dict[str, Place]:
    return {place.code: place for place in all_places()}
