import string
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from socle.services.ins.domain import Identity, MatchLevel
from socle.services.ins.matching import MODEL, PROPOSED_FROM, WEIGHTS, assess, near_dates, phonetic_key, score_traits
from socle.standards.ids.ins import OID_NIR_TEST, Ins
from socle.standards.ids.status import IdentityStatus, Reliability
from socle.standards.ids.traits import Traits

names = st.from_regex(r"[A-Z]{2,9}([-' ][A-Z]{2,9})?", fullmatch=True)
traits_of_anyone = st.builds(
    lambda name, given_names, sex, born, place, used: Traits.of(
        name, " ".join(given_names), sex, str(born), place, used_name=used
    ),
    names,
    st.lists(names, min_size=1, max_size=2),
    st.sampled_from("MF"),
    st.dates().filter(lambda day: day.year >= 1900),
    st.sampled_from(["69383", "69123", "2A004", ""]),
    names | st.just(""),
)
JEANNE = Traits.of("D'ARCY-BELLEC", "JEANNE MARIE CECILE", "F", "1984-07-12", "69383", used_name="MOREL")


def identity(traits: Traits, number: str = "") -> Identity:
    ins = Ins(number, OID_NIR_TEST) if number else None
    status = IdentityStatus.RETRIEVED if number else IdentityStatus.PROVISIONAL
    return Identity(key=UUID(int=0), local_id="x", traits=traits, ins=ins, reliability=Reliability(status))


def level(traits: Traits, number: str = "", other: str = "") -> MatchLevel:
    return assess(identity(JEANNE, number), identity(traits, other)).level


@given(traits_of_anyone, traits_of_anyone)
def test_a_pair_has_one_verdict_whichever_comes_first(one, other):
    assert assess(identity(one), identity(other)) == assess(identity(other), identity(one))
    assert score_traits(one, other) <= score_traits(one, one) + 0.2


@given(traits_of_anyone)
def test_nobody_is_further_from_himself_than_the_threshold(traits):
    assert score_traits(traits, traits) >= PROPOSED_FROM


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, MatchLevel.STRONG),
        ({"birth_name": "DARCY-BELLEC"}, MatchLevel.WEAK),
        ({"birth_name": "MOREL", "used_name": ""}, MatchLevel.WEAK),
        ({"first_given_name": "JEANE", "given_names": "JEANE"}, MatchLevel.WEAK),
        ({"first_given_name": "MARIE", "given_names": "MARIE JEANNE"}, MatchLevel.WEAK),
        ({"birth_date": "1984-12-07"}, MatchLevel.WEAK),
        ({"birth_date": "1985-07-12"}, MatchLevel.WEAK),
        ({"birth_place": None}, MatchLevel.WEAK),
        ({"birth_date": "1951-01-30", "birth_place": "75114"}, MatchLevel.NONE),
        ({"first_given_name": "PAUL", "given_names": "PAUL", "sex": "M"}, MatchLevel.NONE),
        ({"birth_name": "MARTIN", "used_name": "MARTIN", "birth_date": "1984-07-13"}, MatchLevel.NONE),
    ],
)
def test_what_is_proposed_and_what_is_not(changes, expected):
    assert level(replace(JEANNE, **changes)) is expected


def test_twins_are_not_proposed_though_all_but_the_first_name_agrees():
    assert level(replace(JEANNE, first_given_name="SOPHIE", given_names="SOPHIE")) is MatchLevel.NONE


def test_certified_numbers_decide():
    one, other = "284076938304258", "284076938314255"
    assert level(JEANNE, one, one) is MatchLevel.SAME
    assert level(replace(JEANNE, birth_name="MARTIN"), one, one) is MatchLevel.COLLISION
    assert level(JEANNE, one, other) is MatchLevel.HOMONYM
    assert level(replace(JEANNE, birth_name="DARCY-BELLEC"), one, other) is MatchLevel.NONE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("LEFEBVRE", "LEFEVRE"),
        ("THIBAULT", "TIBAUD"),
        ("PHILIPPE", "FILIPE"),
        ("QUENTIN", "KENTIN"),
        ("DUPONT", "DUPOND"),
        ("SCHMITT", "SCHMIT"),
        ("RENAULT", "RENAUD"),
        ("MEYER", "MEIER"),
    ],
)
def test_names_that_sound_alike_share_a_key(one, other):
    assert phonetic_key(one) == phonetic_key(other)


@pytest.mark.parametrize(("one", "other"), [("MARTIN", "MOREAU"), ("BERNARD", "DURAND"), ("PETIT", "ROBERT")])
def test_names_that_do_not_sound_alike_do_not(one, other):
    assert phonetic_key(one) != phonetic_key(other)


@given(
    st.text(string.ascii_uppercase + "-' ", min_size=1, max_size=40).filter(lambda name: any(map(str.isalpha, name)))
)
def test_every_name_has_a_key(name):
    assert phonetic_key(name)


@given(st.dates().filter(lambda day: day.year >= 1900).map(str))
def test_a_date_is_near_itself_and_nearness_goes_both_ways(day):
    assert day in near_dates(day)
    assert all(day in near_dates(other) for other in near_dates(day))


def test_the_model_is_made_of_probabilities():
    for trait, rows in MODEL.items():
        assert WEIGHTS[trait]["equal"] > 0 > WEIGHTS[trait]["differs"]
        for column in (0, 1):
            total = sum(pair[column] for agreement, pair in rows.items() if agreement != "unknown")
            assert abs(total - 1) < 1e-9
