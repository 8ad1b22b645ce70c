"""What all documents of a record say together, against the obvious way of saying it."""

from __future__ import annotations

from datetime import date

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from socle.services.dmp.domain import DocumentName
from socle.services.reading.digest import FactDigest, ResultDigest
from socle.services.reading.domain import Analysis, Fact, Facts, ProfileKind, Result

ranges = st.sampled_from([(None, None), (12.0, 16.0), (None, 3.0)])
analyses = st.builds(
    lambda code, name, bounds: Analysis(f"{code}|LN|g/L", name, f"{name} [Masse/Volume]", "g/L", *bounds),
    st.sampled_from("ab"),
    st.sampled_from(["Hémoglobine", "HEMOGLOBINE"]),
    ranges,
)
results = st.builds(
    Result,
    analyses,
    st.dates(date(2024, 1, 1), date(2024, 1, 4)),
    st.sampled_from([1.0, 2.5]),
    st.just("1 g/L"),
    st.sampled_from(["", "bas"]),
)
facts = st.builds(
    Fact,
    st.sampled_from([ProfileKind.ALLERGY, ProfileKind.VACCINATION]),
    st.sampled_from(["Pollen", "pollen", "Latex"]),
    st.sampled_from(["", "asthme"]),
    st.sampled_from(["", "2019", "2024"]),
)
said = st.builds(Facts, st.lists(results, max_size=4).map(tuple), st.lists(facts, max_size=4).map(tuple))
#: The documents of a record, in the order in which they were read; those seen, newest first.
records = st.lists(said, max_size=6).flatmap(
    lambda documents: st.tuples(
        st.just({str(number): one for number, one in enumerate(documents)}),
        st.permutations([str(number) for number in range(len(documents))]).flatmap(
            lambda order: st.integers(0, len(order)).map(lambda count: order[:count])
        ),
    )
)


def named(seen: list[str]) -> list[DocumentName]:
    return [DocumentName(one, f"id-{one}", f"Document {one}") for one in seen]


def stored(digest: ResultDigest | FactDigest) -> bytes:
    return msgspec.msgpack.encode(digest)


@given(records)
def test_series_are_what_the_visible_documents_hold_each_result_once(record) -> None:
    documents, seen = record
    digest = ResultDigest()
    for unique_id, one in documents.items():
        digest.add({unique_id: one})
        digest = msgspec.msgpack.decode(stored(digest), type=ResultDigest)
    held = {(result.analysis.key, result.day, result.value): None for one in seen for result in documents[one].results}
    series = digest.series(named(seen))
    assert {(one.key, m.day, m.value) for one in series for m in one.measures} == held.keys()
    assert sum(len(one.measures) for one in series) == len(held)
    for one in series:
        assert [m.day for m in one.measures] == sorted(m.day for m in one.measures)
        for measure in one.measures:
            holders = [
                unique_id
                for unique_id in seen
                if any(
                    (r.analysis.key, r.day, r.value) == (one.key, measure.day, measure.value)
                    for r in documents[unique_id].results
                )
            ]
            assert measure.document.unique_id == holders[0]
        # It is named as its last result is, by a document that is seen.
        names = {
            r.analysis.name for r in documents[one.measures[-1].document.unique_id].results if r.analysis.key == one.key
        }
        assert one.name in names


@given(records)
def test_each_fact_is_told_once_by_the_newest_document_that_is_seen(record) -> None:
    documents, seen = record
    digest = FactDigest()
    for unique_id, one in documents.items():
        digest.add({unique_id: one})
        digest = msgspec.msgpack.decode(stored(digest), type=FactDigest)
    expected: dict[tuple[str, ...], str] = {}
    for unique_id in seen:
        for fact in documents[unique_id].profile:
            day = fact.day if fact.kind is ProfileKind.VACCINATION else ""
            expected.setdefault((fact.kind, fact.name.casefold(), day), unique_id)
    found = {}
    for kind, lines in digest.profile(named(seen)).items():
        for line in lines:
            day = line.day if kind is ProfileKind.VACCINATION else ""
            assert line.document is not None
            found[kind, line.name.casefold(), day] = line.document.unique_id
    assert found == expected


@given(records)
def test_a_document_read_twice_counts_once_and_the_order_of_reading_does_not_matter(record) -> None:
    documents, seen = record
    together, apart = ResultDigest(), ResultDigest()
    together.add(documents)
    for _ in range(2):
        for unique_id, one in documents.items():
            apart.add({unique_id: one})
    assert stored(together) == stored(apart)
    assert together.series(named(seen)) == apart.series(named(seen))
