"""Record management messages: written as read, and the examples of the fact sheet."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from socle.standards.errors import MalformedInput, SocleError
from socle.standards.hl7v3 import rights
from socle.standards.hl7v3.names import HL7, Consent, Interaction, Reason
from socle.standards.hl7v3.record import (
    Candidate,
    Person,
    RecordAnswer,
    RecordRequest,
    read_record_answer,
    read_record_request,
    write_record_answer,
    write_record_request,
)
from socle.standards.ids.ins import Ins

SHEET = Path(__file__).parents[2].parent / "shared" / "spec" / "dmp-exchange.md"
NOW = datetime(2026, 3, 2, 8, 10, tzinfo=UTC)

words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=10)
texts = st.just("") | words
patients = st.builds(Ins, st.from_regex(r"[12][0-9]{14}", fullmatch=True), st.just("1.2.250.1.213.1.4.10"))
people = st.builds(
    Person,
    birth_name=texts,
    usage_name=texts,
    given_names=st.lists(words, max_size=3).map(tuple),
    sex=st.sampled_from(["", "M", "F", "U"]),
    birth_date=st.none() | st.dates(date(1900, 1, 1), date(2026, 1, 1)),
    birth_place=texts,
    telecoms=st.lists(words, max_size=2).map(tuple),
)
moments = st.datetimes(NOW.replace(tzinfo=None), timezones=st.just(UTC)).map(lambda time: time.replace(microsecond=0))
queries = st.builds(
    RecordRequest,
    interaction=st.just(Interaction.GET),
    reason=st.sampled_from([Reason.TEST_EXISTENCE, Reason.READ_IDENTITY]),
    message_id=words,
    query_id=words,
    sender_oid=words,
    sender_name=texts,
    is_test=st.booleans(),
    created_at=moments,
    ins=patients,
)
changes = st.builds(
    RecordRequest,
    interaction=st.sampled_from([Interaction.ADD, Interaction.REVISE]),
    reason=st.sampled_from(Reason),
    message_id=words,
    sender_oid=words,
    sender_name=texts,
    created_at=moments,
    ins=patients,
    person=people,
    consents=st.dictionaries(st.sampled_from(Consent), st.booleans(), max_size=3),
    closing_code=words,
    closing_text=texts,
)
answers = st.builds(
    RecordAnswer,
    interaction=st.just(Interaction.GET_ANSWER),
    to_message_id=words,
    is_accepted=st.just(True),
    code=words,
    text=texts,
    is_found=st.booleans(),
    candidates=st.builds(Candidate, ins=patients, person=people, state=st.sampled_from(["active", "terminated"])).map(
        lambda one: (one,)
    ),
    authorization=st.sampled_from(["", "VALIDE"]),
    is_medecin_traitant=st.none() | st.booleans(),
    is_attached_to_mes=st.none() | st.booleans(),
    is_minor=st.none() | st.booleans(),
    closed_at=st.none() | moments,
    closing_code=words,
    closing_text=texts,
)


def through_bytes(element: etree._Element) -> etree._Element:
    return etree.fromstring(etree.tostring(element))


@settings(max_examples=80, deadline=None)
@given(queries | changes)
def test_a_request_is_read_as_it_was_written(request: RecordRequest) -> None:
    assert read_record_request(through_bytes(write_record_request(request))) == request


@settings(max_examples=60, deadline=None)
@given(answers, queries)
def test_an_answer_is_read_as_it_was_written(answer: RecordAnswer, request: RecordRequest) -> None:
    assert read_record_answer(through_bytes(write_record_answer(answer, request, NOW))) == answer


@settings(max_examples=40, deadline=None)
@given(people.filter(lambda person: not person.birth_place and not person.telecoms))
def test_a_demographics_query_carries_the_traits(person: Person) -> None:
    request = RecordRequest(
        interaction=Interaction.FIND_CANDIDATES, reason=None, message_id="1", created_at=NOW, person=person
    )
    assert read_record_request(through_bytes(write_record_request(request))) == request


def test_the_existence_test_of_the_fact_sheet_is_read() -> None:
    if not SHEET.exists():
        pytest.skip("the fact sheet is not here")
    text = re.search(r"### 8.7 .*?```xml\n(.*?)```\n\n```xml\n(.*?)```", SHEET.read_text(), re.DOTALL)
    assert text is not None
    request = read_record_request(etree.fromstring(text[1]))
    assert (request.reason, request.ins) == (Reason.TEST_EXISTENCE, Ins("200017505612365", "1.2.250.1.213.1.4.8"))
    assert (request.query_id, request.sender_name, request.is_test) == ("42", "OpenLPS", True)
    expected = rights.SetAuthorization(rights.AuthorizationAction.ADD, is_medecin_traitant=True)
    assert rights.read_set_authorization(etree.fromstring(text[2])) == expected


@settings(max_examples=120, deadline=None)
@given(
    st.recursive(
        st.tuples(
            st.sampled_from(
                [
                    "controlActProcess",
                    "reasonCode",
                    "patient",
                    "id",
                    "subject",
                    "registrationEvent",
                    "creationTime",
                    "queryByParameter",
                    "parameterList",
                    "name",
                    "patientPerson",
                    "birthTime",
                ]
            ),
            st.dictionaries(st.sampled_from(["code", "value", "root", "extension"]), words, max_size=2),
            st.just([]),
        ),
        lambda inner: st.tuples(
            st.sampled_from([*Interaction, "controlActProcess", "patientPerson"]),
            st.just({}),
            st.lists(inner, max_size=4),
        ),
    )
)
def test_any_tree_is_a_message_or_refused(tree: tuple[str, dict[str, str], list]) -> None:  # type: ignore[type-arg]
    def build(node: tuple[str, dict[str, str], list]) -> etree._Element:  # type: ignore[type-arg]
        element = etree.Element(f"{{{HL7}}}{node[0]}", node[1])
        element.extend([build(child) for child in node[2]])
        return element

    for reader in (read_record_request, read_record_answer):
        with contextlib.suppress(SocleError):
            reader(build(tree))


@settings(max_examples=40, deadline=None)
@given(
    st.builds(rights.SetAuthorization, st.sampled_from(rights.AuthorizationAction), st.booleans()),
    st.sampled_from(rights.ListMode),
    st.lists(
        st.builds(
            rights.AuthorizedProfessional,
            national_id=words,
            last_name=words,
            first_name=texts,
            date=texts,
            status=texts,
            role=texts,
        ),
        max_size=3,
    ),
    st.lists(
        st.builds(
            rights.ListedPatient,
            ins=words,
            last_name=texts,
            first_name=texts,
            date_of_birth=texts,
            authorized_on=texts,
            last_document_on=texts,
        ),
        max_size=3,
    ),
    st.builds(rights.RightsAnswer, words, texts),
)
def test_rights_are_read_as_they_were_written(
    request: rights.SetAuthorization,
    mode: rights.ListMode,
    professionals: list[rights.AuthorizedProfessional],
    records: list[rights.ListedPatient],
    answer: rights.RightsAnswer,
) -> None:
    assert rights.read_set_authorization(through_bytes(rights.write_set_authorization(request))) == request
    assert rights.read_list_request(through_bytes(rights.write_list_request(mode))) == mode
    assert rights.read_list_answer(through_bytes(rights.write_list_answer(professionals))) == professionals
    assert rights.read_patient_list_answer(through_bytes(rights.write_patient_list_answer(records))) == records
    assert rights.read_rights_answer(through_bytes(rights.write_rights_answer(answer))) == answer
    listing = rights.PatientListRequest("01032026")
    assert rights.read_patient_list_request(through_bytes(rights.write_patient_list_request(listing))) == listing


@pytest.mark.parametrize(
    "body",
    [
        "<setAuthorization xmlns='urn:si-dmp-habilitations'><action>X</action></setAuthorization>",
        "<setAuthorization xmlns='urn:si-dmp-habilitations'/>",
    ],
)
def test_an_unknown_action_is_refused(body: str) -> None:
    with pytest.raises(MalformedInput):
        rights.read_set_authorization(etree.fromstring(body))
