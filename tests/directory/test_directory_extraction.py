from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socle.services.directory.domain import Activity, Exercise, Professional, Structure
from socle.services.directory.extraction import (
    PERSON_COLUMNS,
    REQUIRED,
    header_of,
    read_lines,
    read_mailboxes,
    read_professionals,
    write_professional,
)
from socle.services.directory.service import DirectoryService
from socle.standards.errors import MalformedInput

_TEXT = st.text(
    st.characters(
        codec="utf-8", exclude_characters="|\r\n\x00\x1c\x1d\x1e\x85\u2028\u2029", exclude_categories=("Cs", "Zs", "Cc")
    ),
    max_size=12,
)
_CODE = st.sampled_from(["", "S", "SM54", "10", "GENR01"])


def _people() -> st.SearchStrategy[Professional]:
    structure = st.builds(
        Structure,
        id=st.integers(1, 10**6).map("R{}".format),
        name=_TEXT,
        street=_TEXT,
        postal_code=st.sampled_from(["", "75010"]),
        city=_TEXT,
        sector=st.just("SA07"),
        id_nat=_TEXT,
    )
    activity = st.builds(
        Activity, mode=st.sampled_from("LSB"), sector=st.just("SA07"), role=_CODE, genre=_CODE, structure=structure
    )
    names = {"family": _TEXT.filter(bool), "given": _TEXT}
    exercise = st.builds(
        Exercise,
        profession=st.just("10"),
        category=st.just("C"),
        skill_type=st.just("S"),
        skill=st.just("SM54"),
        activities=st.lists(activity, max_size=3, unique_by=lambda item: (item.structure.id, item.mode)).map(tuple),
        **{name: st.just("") for name in names},
    )
    return st.builds(
        Professional,
        id_nat=st.just("810109876549"),
        rpps=st.just("10109876549"),
        exercises=st.tuples(exercise),
        **names,
    )


def _read(text: str) -> list[Professional]:
    return list(read_professionals(read_lines(io.StringIO(text, newline=""), REQUIRED), lambda _structure: None))


def _without_ids(person: Professional) -> Professional:
    replace = msgspec.structs.replace
    exercises = tuple(
        replace(
            exercise,
            family=exercise.family or person.family,
            given=exercise.given or person.given,
            activities=tuple(sorted((replace(item, id="") for item in exercise.activities), key=repr)),
        )
        for exercise in person.exercises
    )
    return replace(person, exercises=exercises)


@given(person=_people())
@settings(max_examples=100)
def test_a_written_person_is_read_back(person: Professional) -> None:
    text = "\n".join([header_of(PERSON_COLUMNS), *write_professional(person)]) + "\n"
    assert [_without_ids(found) for found in _read(text)] == [_without_ids(person)]


@given(text=st.text(max_size=300) | st.text(max_size=200).map(lambda rest: header_of(PERSON_COLUMNS) + "\n" + rest))
@settings(max_examples=200)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        _read(text.replace("\r", "\n"))
    except MalformedInput as error:
        assert error.code == "MissingColumn"


def test_columns_are_found_by_name_whatever_order_and_apostrophe() -> None:
    header = "Code profession|Nom d’exercice|Identification nationale PP|Prénom d'exercice"
    text = f"{header}\n10|MARCHAND|810109876549|CAMILLE\n"
    [person] = _read(text)
    assert (person.id_nat, person.family, person.given) == ("810109876549", "MARCHAND", "CAMILLE")


def test_a_missing_column_is_named() -> None:
    with pytest.raises(MalformedInput) as refusal:
        _read("Nom d'exercice|Code profession\n")
    assert "Identification nationale PP" in refusal.value.reason.fr


def test_one_situation_repeated_under_two_know_hows_is_one_situation(doctor: Professional) -> None:
    lines = list(write_professional(doctor))
    again = [line.replace("|SM54|", "|SM26|") for line in lines]
    [person] = _read("\n".join([header_of(PERSON_COLUMNS), *lines, *again]))
    assert [len(exercise.activities) for exercise in person.exercises] == [2]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-8-sig"])
async def test_a_file_is_imported_in_either_encoding_and_exported_the_same(
    directory: DirectoryService, doctor: Professional, nurse: Professional, tmp_path: Path, encoding: str
) -> None:
    exported, again = tmp_path / "export.txt", tmp_path / "again.txt"
    assert await directory.export_people(exported) == 3
    again.write_text(exported.read_text("utf-8").replace("Œ", "Œ"), encoding=encoding)
    imported = await directory.import_people(again)
    assert (imported.professionals, imported.situations, imported.structures) == (2, 3, 2)
    found = await directory.professional(nurse.id_nat)
    assert found is not None
    assert found.family == nurse.family
    assert await directory.export_people(exported) == 3


async def test_an_import_that_fails_changes_nothing(
    directory: DirectoryService, doctor: Professional, tmp_path: Path
) -> None:
    file = tmp_path / "bad.txt"
    file.write_text("x|y\n1|2\n")
    with pytest.raises(MalformedInput):
        await directory.import_people(file)
    assert await directory.professional(doctor.id_nat) == doctor


async def test_mailboxes_are_imported_with_their_holders(
    directory: DirectoryService, tmp_path: Path, hospital: Any
) -> None:
    file = tmp_path / "bal.txt"
    file.write_text(
        "Adresse BAL|Identification nationale PP|Identification structure|Service de rattachement|Nom d’exercice\n"
        "Nouvelle@medecin.exemple.mssante.fr|810109876549|||MARCHAND\n"
        "radio@hopital.exemple.mssante.fr||750987653|Radiologie|\n"
        "pas une adresse||||\n"
    )
    assert (await directory.import_mailboxes(file)).mailboxes == 2
    box = await directory.mailbox("radio@hopital.exemple.mssante.fr")
    assert box is not None
    assert (box.type.value, box.structure, box.service) == ("ORG", hospital.id, "Radiologie")


def test_a_declared_type_is_believed_and_an_unknown_one_is_not() -> None:
    lines = [{"Adresse BAL": "a@b.c", "Type de BAL": kind, "Nom d'exercice": "X"} for kind in ("CAB", "ZZZ")]
    assert [box.type.value for box in read_mailboxes(lines, lambda _number: "")] == ["CAB", "PER"]
