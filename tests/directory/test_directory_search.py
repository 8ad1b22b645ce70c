from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from socle.services.directory.domain import Professional
from socle.services.directory.search import splits_of
from socle.services.directory.service import DirectoryService


@pytest.mark.parametrize(
    "typed",
    [
        "Marchand",
        "marchand camille",
        "CAMILLE MARCHAND",
        "Camille Marchan",
        "marchnad camille",
        "marchant",
        "10109876549",
        "1010 9876 549",
        "march",
    ],
)
async def test_a_doctor_is_found_however_the_name_is_typed(
    directory: DirectoryService, doctor: Professional, typed: str
) -> None:
    found = await directory.search(typed)
    assert {line.id_nat for line in found} == {doctor.id_nat}
    assert {line.structure_name for line in found} == {"CABINET DU DR MARCHAND", "HOPITAL DES EXEMPLES"}


@pytest.mark.parametrize("typed", ["d'oeuvre noel", "Elie D’Œuvre-Noël", "DOEUVRE NOEL", "élie"])
async def test_accents_apostrophes_and_ligatures_do_not_matter(
    directory: DirectoryService, nurse: Professional, typed: str
) -> None:
    assert [line.id_nat for line in await directory.search(typed)] == [nurse.id_nat]


async def test_profession_and_place_narrow_the_search(directory: DirectoryService, doctor: Professional) -> None:
    async def structures(**conditions: str) -> list[str]:
        return [line.structure for line in await directory.search("marchand", **conditions)]

    assert await structures(profession="60") == []
    assert await structures(place="75010") == ["410109876549001"]
    assert len(await structures(place="75")) == 2
    assert await structures(place="Paris 14e") == ["1750987653"]
    assert len(await structures(place="Pariss")) == 2
    assert await structures(place="Marseille") == []
    assert await structures(skill="SM04") == []


async def test_a_profession_in_a_place_is_listed_without_a_name(
    directory: DirectoryService, doctor: Professional, nurse: Professional
) -> None:
    assert [line.id_nat for line in await directory.search(profession="60", place="paris")] == [nurse.id_nat]
    assert len(await directory.search(profession="10", place="75")) == 2
    assert await directory.search(profession="10") == []
    assert await directory.search() == []


async def test_red_listed_boxes_are_never_found(directory: DirectoryService) -> None:
    lines = await directory.search("marchand")
    assert {box for line in lines for box in line.mailboxes} == {"camille.marchand@medecin.exemple.mssante.fr"}


async def test_who_left_is_not_found(directory: DirectoryService, doctor: Professional) -> None:
    await directory.load((doctor,), is_full=True)
    assert await directory.search("élie") == []


async def test_any_text_is_searched_without_error(directory: DirectoryService) -> None:
    for typed in (
        "'; DROP TABLE directory_word; --",
        "%",
        "_",
        "\\",
        "a" * 5000,
        "~",
        "é" * 300,
        "1 2 3 4 5 6 7 8 9 0",
    ):
        await directory.search(typed, place=typed)


@given(words=st.lists(st.sampled_from(["A", "B", "C", "D"]), min_size=1, max_size=5))
@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
def test_every_split_keeps_every_word(words: list[str]) -> None:
    for family, first in splits_of(words):
        assert sorted(f"{family} {first}".split()) == sorted(words)
