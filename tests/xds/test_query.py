"""Stored queries: every encoding of parameters, and each way of asking wrong."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from socle.standards.errors import MalformedInput, SocleError
from socle.standards.xds.errors import InvalidMetadata
from socle.standards.xds.model import Code
from socle.standards.xds.names import QUERY, RIM
from socle.standards.xds.query import (
    CONJUNCTIVE,
    RULES,
    QueryId,
    ReturnType,
    StoredQuery,
    read_query,
    read_values,
    write_query,
)

PATIENT = "'200017505612365^^^&amp;1.2.250.1.213.1.4.8&amp;ISO^NH'"
APPROVED = "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"


def ask(query: str = QueryId.FIND_DOCUMENTS, returns: str = "LeafClass", **slots: str | list[str]) -> StoredQuery:
    listed = ""
    for name, values in slots.items():
        for group in [values] if isinstance(values, str) else values:
            inside = "".join(f"<r:Value>{value}</r:Value>" for value in group.split("|"))
            listed += f'<r:Slot name="${name}"><r:ValueList>{inside}</r:ValueList></r:Slot>'
    return read_query(
        etree.fromstring(
            f'<q:AdhocQueryRequest xmlns:q="{QUERY}" xmlns:r="{RIM}"><q:ResponseOption returnType="{returns}"/>'
            f'<r:AdhocQuery id="{query}">{listed}</r:AdhocQuery></q:AdhocQueryRequest>'
        )
    )


def find(**slots: str | list[str]) -> StoredQuery:
    return ask(XDSDocumentEntryPatientId=PATIENT, XDSDocumentEntryStatus=APPROVED, **slots)


def refusal(**slots: str | list[str]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidMetadata) as refused:
        ask(**slots)  # type: ignore[arg-type]
    return [(error.code, error.location) for error in refused.value.errors]


values = (
    st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1, max_size=12)
    .map(str.strip)
    .filter(bool)
)


@st.composite
def queries(draw: st.DrawFn) -> StoredQuery:
    identifier = draw(st.sampled_from(QueryId))
    rule = RULES[identifier]
    names = [
        *rule.required,
        *draw(st.lists(st.sampled_from(rule.optional), max_size=4, unique=True) if rule.optional else st.just([])),
    ]
    if rule.one_of:
        names.append(draw(st.sampled_from(rule.one_of)))
    parameters = {}
    for name in names:
        if name.endswith(("From", "To")):
            parameters[name] = (("20240302",),)
        elif name.endswith(("PatientId", "$patientId", "EntryUUID", "UniqueId")):
            parameters[name] = ((draw(values),),)
        else:
            groups = st.lists(
                st.lists(values, min_size=1, max_size=3).map(tuple),
                min_size=1,
                max_size=3 if name in CONJUNCTIVE else 1,
            )
            parameters[name] = tuple(draw(groups))
    return StoredQuery(id=identifier, parameters=parameters, return_type=draw(st.sampled_from(ReturnType)))


@settings(max_examples=120, deadline=None)
@given(queries())
def test_a_query_is_read_as_it_was_written(query: StoredQuery) -> None:
    assert read_query(etree.fromstring(etree.tostring(write_query(query)))) == query


@settings(max_examples=200)
@given(st.text(max_size=30))
def test_any_value_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(SocleError):
        assert isinstance(read_values(text), list)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'a'", ["a"]),
        ("('a','b')", ["a", "b"]),
        ("( 'a' , 'b' )", ["a", "b"]),
        ("'l''hôpital'", ["l'hôpital"]),
        ("('a,b','(c)')", ["a,b", "(c)"]),
        ("20240302", ["20240302"]),
        ("'20240302'", ["20240302"]),
        ("''", [""]),
    ],
)
def test_each_encoding_of_a_value_is_read(text: str, expected: list[str]) -> None:
    assert read_values(text) == expected


@pytest.mark.parametrize("text", ["'a", "('a','b'", "('a',)", "('a' 'b')", "", "()"])
def test_a_value_that_is_none_of_them_is_refused(text: str) -> None:
    with pytest.raises(MalformedInput):
        read_values(text)


def test_values_of_one_slot_are_alternatives_and_repeated_slots_are_all_asked() -> None:
    query = find(
        XDSDocumentEntryEventCodeList=["('a^^1','b^^1')|('c^^1')", "('d^^2')"],
        XDSDocumentEntryClassCode="('10^^x')|('11^^x')",
    )
    assert query.parameters["$XDSDocumentEntryEventCodeList"] == (("a^^1", "b^^1", "c^^1"), ("d^^2",))
    assert query.codes("$XDSDocumentEntryClassCode") == (Code("10", "x"), Code("11", "x"))
    assert query.code_groups("$XDSDocumentEntryEventCodeList")[1] == (Code("d", "2"),)


def test_a_code_without_scheme_has_none() -> None:
    assert find(XDSDocumentEntryClassCode="('10')").codes("$XDSDocumentEntryClassCode") == (Code("10", ""),)


def test_an_unknown_query_is_refused() -> None:
    assert refusal(query="urn:uuid:00000000-0000-0000-0000-000000000000") == [
        ("XDSUnknownStoredQuery", "AdhocQuery/@id")
    ]


def test_an_unknown_return_type_is_refused() -> None:
    assert refusal(returns="LeafClassWithRepositoryItem") == [("XDSRegistryError", "ResponseOption/@returnType")]


def test_missing_parameters_are_named() -> None:
    assert refusal(XDSDocumentEntryPatientId=PATIENT) == [("XDSStoredQueryMissingParam", "$XDSDocumentEntryStatus")]
    assert [code for code, _ in refusal(query=QueryId.GET_DOCUMENTS)] == ["XDSStoredQueryMissingParam"]


def test_two_exclusive_parameters_are_too_many() -> None:
    found = refusal(query=QueryId.GET_DOCUMENTS, XDSDocumentEntryUniqueId="('1')", XDSDocumentEntryEntryUUID="('2')")
    assert [code for code, _ in found] == ["XDSStoredQueryParamNumber"]


def test_a_parameter_repeated_against_the_rule_is_refused() -> None:
    found = refusal(
        XDSDocumentEntryPatientId=PATIENT, XDSDocumentEntryStatus=APPROVED, XDSDocumentEntryClassCode=["('a')", "('b')"]
    )
    assert found == [("XDSStoredQueryParamNumber", "$XDSDocumentEntryClassCode")]


def test_two_patients_are_too_many() -> None:
    found = refusal(XDSDocumentEntryPatientId="'1'|'2'", XDSDocumentEntryStatus=APPROVED)
    assert found == [("XDSStoredQueryParamNumber", "$XDSDocumentEntryPatientId")]


def test_a_date_that_is_none_is_refused() -> None:
    found = refusal(
        XDSDocumentEntryPatientId=PATIENT, XDSDocumentEntryStatus=APPROVED, XDSDocumentEntryCreationTimeFrom="'hier'"
    )
    assert found == [("XDSRegistryError", "$XDSDocumentEntryCreationTimeFrom")]


def test_an_unknown_parameter_is_a_warning() -> None:
    query = find(XDSDocumentEntryColour="'red'")
    assert [(error.code, error.location) for error in query.warnings] == [
        ("XDSRegistryError", "$XDSDocumentEntryColour")
    ]
