"""First names by decade of birth, and surnames, for fictitious people. Nobody real is meant."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from itertools import accumulate
from random import Random


def draw_given_names(random: Random, sex: str, year: int) -> str:
    """One to three first names of the generation, the most given most often, never twice the same."""
    names, weights = _given_names()[sex, min(max(year // 10 * 10, 1920), 2020)]
    count = random.choices((1, 2, 3), (30, 35, 35))[0]
    drawn = dict.fromkeys(random.choices(names, cum_weights=weights)[0] for _ in range(count))
    return " ".join(drawn)


def draw_surname(random: Random) -> str:
    """A surname, the most borne most often."""
    names, weights = _surnames()
    return random.choices(names, cum_weights=weights)[0]


def _zipf(count: int) -> list[float]:
    return list(accumulate(1 / (rank + 6) for rank in range(count)))


@cache
def _given_names() -> dict[tuple[str, int], tuple[list[str], list[float]]]:
    rows = list(csv.reader(_read("given_names.csv").splitlines(), delimiter=";"))[1:]
    return {(sex, int(decade)): (names.split(), _zipf(len(names.split()))) for decade, sex, names in rows}


@cache
def _surnames() -> tuple[list[str], list[float]]:
    names = [
        name.replace("-", " ") if name.split("-")[0] in _PARTICLES else name for name in _read("surnames.txt").split()
    ]
    return names, _zipf(len(names))


_PARTICLES = frozenset({"Da", "Dos", "Le", "De", "Du"})


def _read(name: str) -> str:
    return resources.files("socle.sandbox").joinpath("data", name).read_text("utf-8")
