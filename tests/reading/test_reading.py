"""What documents say: terms, excerpts, series, profile."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socle.services.dmp.domain import DocumentName
from socle.services.reading.digest import FactDigest, ResultDigest
from socle.services.reading.domain import CitizenLine, Facts, ProfileKind
from socle.services.reading.extract import read_document
from socle.services.reading.words import excerpt, hash_term, matches, term_of, terms_of


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        ("Hémoglobine", "hemoglobine"),
        ("vaccinations", "vaccination"),
        ("œdème", "oedeme"),
        ("allergique", "ALLERGIQUES"),
    ],
)
def test_a_word_is_found_whatever_its_case_accents_and_plural(written: str, typed: str) -> None:
    assert term_of(written) == term_of(typed) != ""


@given(st.text(), st.binary(min_size=1, max_size=32))
def test_any_text_gives_terms_that_hash_into_64_bits(text: str, key: bytes) -> None:
    assert all(-(2**63) <= hash_term(key, term) < 2**63 for term in terms_of(text))


@given(st.text(alphabet="abcdé '.-", max_size=400), st.text(alphabet="abcdé", min_size=2, max_size=6))
def test_an_excerpt_holds_the_word_found(text: str, word: str) -> None:
    terms = terms_of(word)
    whole = f"{text} {word} {text}"
    found = excerpt(whole, matches(whole, terms))
    assert not terms or terms & terms_of(found)


@given(st.text(max_size=60), st.text(max_size=20))
def test_an_excerpt_is_found_wherever_a_term_is(text: str, words: str) -> None:
    wanted = terms_of(words)
    assert bool(excerpt(text, matches(text, wanted))) == bool(wanted & terms_of(text))


def test_facts_survive_their_stored_form(shared: Path) -> None:
    for path in sorted((shared / "examples" / "cda").glob("BIO-CR-BIO*.xml")):
        facts = read_document(path.read_bytes(), "titre", "20260302").facts
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(facts), type=Facts) == facts


def test_laboratory_results_become_series_with_ranges_in_words(shared: Path) -> None:
    content = (shared / "examples" / "cda" / "BIO-CR-BIO_2024.01_TSH_1.xml").read_bytes()
    facts = read_document(content).facts
    digest = ResultDigest()
    digest.add({"1": facts})
    series = digest.series([DocumentName("1", "a", "Bilan")])
    assert {one.key for one in series} == {result.analysis.key for result in facts.results}
    assert any("TSH" in one.name.upper() or "thyr" in one.name.lower() for one in series)


def test_a_medical_summary_fills_the_profile_and_the_citizen_may_dispute_a_line(shared: Path) -> None:
    content = (shared / "examples" / "cda" / "VSM_1.4_2022.01.xml").read_bytes()
    digest = FactDigest()
    digest.add({"1": read_document(content).facts})
    names = [DocumentName("1", "a", "Synthèse")]
    profile = digest.profile(names)
    filled = {kind for kind, lines in profile.items() if lines}
    assert {ProfileKind.ILLNESS, ProfileKind.TREATMENT, ProfileKind.ALLERGY} <= filled
    line = profile[ProfileKind.ALLERGY][0]
    now = datetime(2026, 3, 2, tzinfo=UTC)
    remark = CitizenLine(
        id=uuid4(), kind=line.kind, at=now, about=line.key, detail="Ce n'est pas moi.", is_disputed=True
    )
    own = CitizenLine(id=uuid4(), kind=ProfileKind.ALLERGY, at=now, name="Pollen")
    lines = digest.profile(names, [remark, own])[ProfileKind.ALLERGY]
    assert next(one for one in lines if one.key == line.key).is_disputed
    assert [one.name for one in lines if not one.document] == ["Pollen"]


def test_the_words_of_an_embedded_pdf_are_found(shared: Path) -> None:
    content = (shared / "examples" / "cda" / "TLM-CR_2022.01.xml").read_bytes()
    assert len(terms_of(read_document(content).text)) > 20


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_failure(content: bytes) -> None:
    assert read_document(content, "titre").text.startswith("titre")
