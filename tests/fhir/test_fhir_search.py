"""Search parameters: what is asked is what is understood, and anything else is refused by name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socle.standards.errors import MalformedInput, SocleError
from socle.standards.fhir.search import Kind, Parameter, Search, Span, Token, parse_query

PARAMETERS = (
    Parameter("status", Kind.TOKEN, modifiers=frozenset({"not"})),
    Parameter("patient", Kind.REFERENCE),
    Parameter("patient.identifier", Kind.TOKEN),
    Parameter("source.name", Kind.STRING),
    Parameter("date", Kind.DATE),
    Parameter("title", Kind.STRING),
)


def search(*pairs: tuple[str, str], **options: bool) -> Search:
    return parse_query(pairs, PARAMETERS, sorts=("-date",), **options)


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        ("current", (Token(None, "current"),)),
        ("a,b", (Token(None, "a"), Token(None, "b"))),
        ("urn:oid:1.2|x", (Token("urn:oid:1.2", "x"),)),
        ("|x", (Token("", "x"),)),
        ("s|", (Token("s", ""),)),
        (r"s|a\,b", (Token("s", "a,b"),)),
        (r"a\|b", (Token(None, "a|b"),)),
        (r"s|a\\,b", (Token("s", "a\\"), Token(None, "b"))),
    ],
)
def test_a_token_keeps_its_system_and_its_escaped_signs(value: str, tokens: tuple[Token, ...]) -> None:
    assert search(("status", value)).all("status")[0].tokens == tokens


@pytest.mark.parametrize("name", ["patient.identifier", "patient:identifier", "patient:Patient.identifier"])
def test_the_three_ways_to_chain_are_one(name: str) -> None:
    assert search((name, "urn:oid:1|2")).all("patient.identifier")[0].tokens == (Token("urn:oid:1", "2"),)


def test_the_same_name_twice_is_and_a_comma_is_or() -> None:
    clauses = search(("status", "a,b"), ("status", "c")).all("status")
    assert [clause.values for clause in clauses] == [("a", "b"), ("c",)]


def day(number: int, month: int = 3, year: int = 2026) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "span"),
    [
        (["2026-03-02"], Span(day(2), day(3))),
        (["ge2026-03-02"], Span(day(2), None)),
        (["gt2026-03-02"], Span(day(3), None)),
        (["lt2026-03-02"], Span(None, day(2))),
        (["le2026-03"], Span(None, day(1, 4))),
        (["2026"], Span(day(1, 1), day(1, 1, 2027))),
        (["2026-12"], Span(day(1, 12), day(1, 1, 2027))),
        (["ge2026-03-02", "lt2026-03-05"], Span(day(2), day(5))),
        (["eb2026-03-02T02:00:00+02:00"], Span(None, day(2))),
        (["sa2026-03-02T08:15Z"], Span(datetime(2026, 3, 2, 8, 16, tzinfo=UTC), None)),
    ],
)
def test_dates_are_spans_and_all_of_them_hold(values: list[str], span: Span) -> None:
    assert search(*(("date", value) for value in values)).span("date") == span


@pytest.mark.parametrize(
    ("pair", "location"),
    [
        (("colour", "x"), "colour"),
        (("status:text", "x"), "status:text"),
        (("status", "a,,b"), "status"),
        (("date", "ne2026"), "date"),
        (("date", "2026-02-31"), "date"),
        (("date", "hier"), "date"),
        (("date", "ge0001"), "date"),
        (("date", "le9999"), "date"),
        (("date", "2026,2027"), "date"),
        (("_count", "-1"), "_count"),
        (("_sort", "title"), "_sort"),
        (("_total", "maybe"), "_total"),
        (("_elements", "id"), "_elements"),
        (("title", "x" * 5000), "title"),
        (("status", ",".join("x" * 500)), ""),
    ],
)
def test_what_is_not_supported_is_refused_by_name(pair: tuple[str, str], location: str) -> None:
    with pytest.raises(MalformedInput) as refusal:
        search(pair)
    assert refusal.value.location == location


def test_a_lenient_client_is_told_what_was_left_aside() -> None:
    lenient = search(("colour", "x"), ("status", "a"), is_lenient=True)
    assert lenient.ignored == ("colour",)
    assert len(lenient.clauses) == 1


def test_count_zero_and_summary_count_ask_for_the_number_alone() -> None:
    assert search(("_count", "0")).only_count
    assert search(("_summary", "count")).only_count
    assert search(("_count", "9999")).count == 200


NAMES = st.sampled_from([*(parameter.name for parameter in PARAMETERS), "_count", "x"])


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.sampled_from([p.name for p in PARAMETERS] + ["_count", "x"]) | st.text(), st.text()), max_size=5
    )
)
def test_any_pairs_are_a_search_or_a_refusal(pairs: list[tuple[str, str]]) -> None:
    try:
        found: Search | SocleError = search(*pairs)
    except SocleError as refusal:
        found = refusal
    assert isinstance(found, Search | SocleError)
