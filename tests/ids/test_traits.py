import pytest
from hypothesis import given
from hypothesis import strategies as st

from socle.standards.errors import InvalidContent, SocleError
from socle.standards.ids.traits import (
    Sex,
    Traits,
    is_lunar,
    normalise_name,
    parse_birth_date,
    parse_cog,
    parse_name,
    to_calendar,
)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Müller-Lüdenscheidt", "MULLER-LUDENSCHEIDT"),
        ("de  l’Hérault", "DE L'HERAULT"),
        ("Ça Œuvre Æther Straße", "CA OEUVRE AETHER STRASSE"),
        ("Łukasz Ørsted Đorđe", "LUKASZ ORSTED DORDE"),
        ("DUPONT--MARTIN", "DUPONT--MARTIN"),
        ("'t Hooft", "'T HOOFT"),
    ],
)
def test_names_lose_their_accents_and_keep_hyphens_and_apostrophes(typed, kept):
    assert parse_name(typed, "birth_name") == kept


@pytest.mark.parametrize("typed", ["", "  ", "DUPONT 2", "J. DUPONT", "A/B", "-", "A" * 101, "Дмитрий"])
def test_a_name_that_no_birth_certificate_has_is_refused_where_it_stands(typed):
    with pytest.raises(InvalidContent) as refusal:
        parse_name(typed, "birth_name")
    assert refusal.value.location == "birth_name"


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing_more(text):
    once = normalise_name(text)
    assert normalise_name(once) == once


@given(st.dates().filter(lambda day: day.year >= 1850))
def test_a_calendar_day_is_kept_as_it_is(day):
    birth_date = parse_birth_date(day.isoformat())
    assert not is_lunar(birth_date)
    assert to_calendar(birth_date) == day


@pytest.mark.parametrize(
    ("lunar", "kept"),
    [
        ("1936-06-00", "1936-06-01"),
        ("1936-00-00", "1936-12-31"),
        ("1936-00-17", "1936-01-17"),
        ("1937-02-31", "1937-02-01"),
    ],
)
def test_a_lunar_date_gives_the_calendar_day_of_the_rniv(lunar, kept):
    assert is_lunar(parse_birth_date(lunar))
    assert to_calendar(parse_birth_date(lunar)).isoformat() == kept


@pytest.mark.parametrize("text", ["", "17/07/1984", "0000-00-00", "1984-13-01", "1984-01-32", "198407"])
def test_what_is_no_birth_date_is_refused(text):
    with pytest.raises(InvalidContent):
        parse_birth_date(text)


@given(st.text(max_size=20) | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", fullmatch=True))
def test_any_text_is_a_date_and_a_place_or_a_refusal(text):
    for read in (parse_birth_date, parse_cog):
        try:
            value = read(text)
        except SocleError:
            continue
        assert read(value) == value
        if read is parse_birth_date:
            to_calendar(value)


def test_a_composed_first_name_is_kept_when_it_opens_the_list():
    traits = Traits.of("Bellec", "Anne Sophie Marie", "F", "1984-07-17", first_given_name="Anne Sophie")
    assert traits.first_given_name == "ANNE SOPHIE"
    with pytest.raises(InvalidContent) as refusal:
        Traits.of("Bellec", "Anne-Sophie Marie", "F", "1984-07-17", first_given_name="Anne")
    assert refusal.value.location == "first_given_name"


def test_the_five_reference_traits_leave_out_the_names_in_use():
    one = Traits.of("d'Arcy-Bellec", "Jeanne Marie", "F", "1984-07-17", "69383", used_name="Morel")
    other = Traits.of("D’ARCY-BELLEC", "JEANNE MARIE", "F", "19840717", "69383")
    assert one.five == other.five
    assert one.five == ("D'ARCY-BELLEC", "JEANNE MARIE", Sex.FEMALE, "1984-07-17", "69383")


def test_an_unknown_sex_is_refused():
    with pytest.raises(InvalidContent) as refusal:
        Traits.of("Bellec", "Anne", "X", "1984-07-17")
    assert refusal.value.location == "sex"
