from __future__ import annotations

import string
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from socle.platform.base import Base
from socle.services.directory.domain import Professional, Structure, search_key
from socle.services.directory.service import DirectoryService


async def test_loaded_people_come_back_whole(
    directory: DirectoryService, doctor: Professional, nurse: Professional
) -> None:
    assert await directory.professionals([doctor.id_nat, "8unknown", nurse.id_nat]) == [doctor, nurse]


async def test_a_structure_is_found_by_each_of_its_numbers(directory: DirectoryService, hospital: Structure) -> None:
    for number in (hospital.id, hospital.id_nat, hospital.finess):
        assert await directory.structure(number) == hospital
    assert await directory.structure("") is None


async def _dates(base: Base, table: str) -> set[object]:
    async with base.database.connection() as connection:
        return {row["updated_at"] for row in await connection.fetch(f"SELECT updated_at FROM directory_{table}")}


async def test_loading_the_same_again_changes_no_date(
    directory: DirectoryService, base: Base, clock: Any, doctor: Professional, nurse: Professional
) -> None:
    loaded_at = clock.now
    clock.move(timedelta(days=1))
    await directory.load((doctor, nurse))
    for table in ("professional", "situation", "structure"):
        assert await _dates(base, table) == {loaded_at}


async def test_a_lost_situation_becomes_inactive_and_dates_change(
    directory: DirectoryService, base: Base, clock: Any, doctor: Professional
) -> None:
    loaded_at = clock.now
    clock.move(timedelta(days=1))
    [exercise] = doctor.exercises
    moved = msgspec.structs.replace(
        doctor, exercises=(msgspec.structs.replace(exercise, skill="SM26", activities=exercise.activities[:1]),)
    )
    await directory.load((moved,))
    assert await directory.professional(doctor.id_nat) == moved
    assert await _dates(base, "professional") == {loaded_at, clock.now}
    async with base.database.connection() as connection:
        row = await connection.fetchrow("SELECT is_active FROM directory_situation WHERE id = '1010000002'")
    assert row is not None
    assert row["is_active"] is False


async def test_a_full_load_makes_the_absent_inactive(
    directory: DirectoryService, doctor: Professional, nurse: Professional
) -> None:
    await directory.load((doctor,), is_full=True)
    absent = await directory.professional(nurse.id_nat)
    assert absent is not None
    assert not absent.is_active


async def test_a_red_listed_box_is_known_but_its_closing_hides_it(directory: DirectoryService) -> None:
    address = "secret@medecin.exemple.mssante.fr"
    box = await directory.mailbox(address.upper())
    assert box is not None
    assert box.red_list
    assert await directory.close_mailbox(address)
    assert await directory.mailbox(address) is None
    assert not await directory.close_mailbox(address)


@given(st.text(max_size=40))
def test_a_search_key_is_plain_and_its_own_search_key(text: str) -> None:
    key = search_key(text)
    assert search_key(key) == key
    assert set(key) <= set(string.ascii_uppercase + string.digits + " ")
