"""Search for people by name, profession and place, forgiving accents, order of names and typing errors.

What was typed is first matched to the words that the directory holds (a few hundred thousand family names, first names
and communes), then people are found by exact index. Similarity is computed on words alone, never on a million people,
and only when nothing is found otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from asyncpg import Record

from socle.platform.database import Connection
from socle.services.directory.domain import Found, search_key
from socle.services.directory.store import QUERIES

FAMILY: Final = "F"
GIVEN: Final = "G"
CITY: Final = "C"
#: More words than this in what was typed say nothing more.
_MAX_WORDS: Final = 5
#: Trigrams that two words must share. Under a third, "MARTIN" is like half of the directory.
_SIMILARITY: Final = 0.35

Words = dict[tuple[str, str], list[str]]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched. ``place`` is a department, a postal code or a commune."""

    name: str = ""
    profession: str = ""
    skill: str = ""
    place: str = ""
    count: int = 20


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Conditions beside the name, as they are asked of the database."""

    profession: str
    skill: str
    postal: str = ""
    cities: list[str] = []

    def arguments(self) -> dict[str, object]:
        """Parameters of the statements."""
        return {"profession": self.profession, "skill": self.skill, "postal": self.postal, "cities": self.cities}


def splits_of(words: Sequence[str]) -> list[tuple[str, str]]:
    """Every way of reading ``words`` as (family name, first name), in either order; one of them may be empty.

    >>> splits_of(["JEAN", "MARTIN"])
    [('MARTIN', 'JEAN'), ('JEAN', 'MARTIN'), ('JEAN MARTIN', ''), ('', 'JEAN MARTIN')]
    """
    found = []
    for cut in range(1, len(words)):
        first, second = " ".join(words[:cut]), " ".join(words[cut:])
        found += [(second, first), (first, second)]
    whole = " ".join(words)
    return [*found, (whole, ""), ("", whole)]


async def search(connection: Connection, wanted: Wanted) -> list[Found]:
    """At most ``wanted.count`` lines, the closest names first."""
    # The plan depends on which conditions are given: a generic one would read a million rows for some.
    await connection.execute(
        f"SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL pg_trgm.similarity_threshold = {_SIMILARITY}"
    )
    count = max(1, min(wanted.count, 200))
    typed = "".join(wanted.name.split())
    if typed.isdigit() and len(typed) >= 9:
        rows = await QUERIES["search_by_rpps"].rows(connection, number=typed, count=count)
        return await _read(connection, rows, count)
    condition = await _condition(connection, wanted)
    if condition is None:
        return []
    words = search_key(wanted.name).split()[:_MAX_WORDS]
    if not words:
        return await _read(connection, await _search_place(connection, condition, count), count)
    splits = splits_of(words)
    parts = sorted({part for split in splits for part in split if part})
    known: Words = defaultdict(list)
    await _learn(connection, known, "find_words", parts, kinds=[FAMILY, GIVEN])
    rows = await _search_names(connection, splits, known, condition, count)
    # Then with typing errors forgiven: in single words that the directory does not hold as they are, at last in all.
    strange = [part for part in parts if part not in known[part, FAMILY] and part not in known[part, GIVEN]]
    for forgiven in ([part for part in strange if " " not in part], parts):
        if rows or not forgiven:
            continue
        await _learn(connection, known, "find_similar_words", forgiven)
        rows = await _search_names(connection, splits, known, condition, count)
    return await _read(connection, rows, count)


async def _condition(connection: Connection, wanted: Wanted) -> Filter | None:
    place = search_key(wanted.place)
    if not place:
        return Filter(profession=wanted.profession, skill=wanted.skill)
    if place[:1].isdigit():
        return Filter(profession=wanted.profession, skill=wanted.skill, postal=place.replace(" ", "")[:5])
    rows = await QUERIES["find_words"].rows(connection, parts=[place], kinds=[CITY])
    rows = rows or await QUERIES["find_similar_cities"].rows(connection, part=place)
    cities = [row["word"] for row in rows]
    return Filter(profession=wanted.profession, skill=wanted.skill, cities=cities) if cities else None


async def _learn(connection: Connection, known: Words, statement: str, parts: Sequence[str], **options: object) -> None:
    for row in await QUERIES[statement].rows(connection, parts=parts, **options):
        words = known[row["part"], row["kind"]]
        if row["word"] not in words:
            words.append(row["word"])


async def _search_names(
    connection: Connection, splits: Iterable[tuple[str, str]], known: Words, condition: Filter, count: int
) -> list[Record]:
    found: dict[str, Record] = {}
    for family, given in splits:
        families, givens = known.get((family, FAMILY), []), known.get((given, GIVEN), [])
        if (family and not families) or (given and not givens):
            continue
        name = "search_by_name" if family else "search_by_given"
        names: dict[str, object] = {"families": families, "givens": givens} if family else {"givens": givens}
        rows = await QUERIES[name].rows(connection, **names, **condition.arguments(), count=count)
        order = {word: position for position, word in enumerate([*families, *givens])}
        rows.sort(key=lambda row: (order.get(row["family_key"], 0), order.get(row["given_key"], 0)))
        found |= {row["id"]: row for row in rows if row["id"] not in found}
        if len(found) >= count:
            break
    return list(found.values())


async def _search_place(connection: Connection, condition: Filter, count: int) -> list[Record]:
    """Without a name, a profession and a place are needed: anything else would list the country."""
    common = {"profession": condition.profession, "skill": condition.skill, "count": count}
    if condition.profession and condition.cities:
        return await QUERIES["search_by_city"].rows(connection, **common, cities=condition.cities)
    if condition.profession and condition.postal:
        return await QUERIES["search_by_postal_code"].rows(connection, **common, postal=condition.postal)
    return []


async def _read(connection: Connection, rows: Sequence[Record], count: int) -> list[Found]:
    ids = [row["id"] for row in rows][:count]
    lines = {row["situation"]: row for row in await QUERIES["read_found"].rows(connection, ids=ids)}
    return [_found(lines[identifier]) for identifier in ids if identifier in lines]


def _found(row: Record) -> Found:
    name = " ".join(part for part in (row["civility"], row["given"], row["family"]) if part)
    return Found(**(dict(row) | {"name": name, "mailboxes": tuple(row["mailboxes"])}))
