"""ebRIM: what is written is read back, in the order of the schema, and errors say everything at once."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from socle.standards.errors import SocleError
from socle.standards.ids.ins import Ins
from socle.standards.soap import read_message, write_message
from socle.standards.soap.envelope import text_of
from socle.standards.xds.ebrim_reader import read_objects, read_references, read_submission
from socle.standards.xds.ebrim_writer import write_objects, write_references, write_submission
from socle.standards.xds.errors import InvalidMetadata, Severity, XdsError
from socle.standards.xds.messages import (
    RetrievedDocument,
    RetrieveRequest,
    read_provide_request,
    read_query_response,
    read_response,
    read_retrieve_request,
    read_retrieve_response,
    response_for,
    write_provide_request,
    write_query_response,
    write_response,
    write_retrieve_request,
    write_retrieve_response,
)
from socle.standards.xds.model import (
    Association,
    AssociationType,
    Author,
    Code,
    DocumentEntry,
    Folder,
    RegistryObjects,
    Status,
    Submission,
    SubmissionSet,
)
from socle.standards.xds.names import RIM, Action
from socle.standards.xds.query import ReturnType

SHEET = Path(__file__).parents[2].parent / "shared" / "spec" / "dmp-exchange.md"

words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
texts = st.one_of(st.just(""), words)
lists = st.lists(words, max_size=3).map(tuple)
uuids = st.uuids().map(lambda value: f"urn:uuid:{value}")
codes = st.builds(Code, words, words, texts)
code_lists = st.lists(codes, max_size=3).map(tuple)
patients = st.builds(Ins, st.from_regex(r"[12][0-9]{14}", fullmatch=True), st.just("1.2.250.1.213.1.4.10"))
authors = st.builds(Author, words, lists, lists, lists, lists)
slots = st.dictionaries(
    st.from_regex(r"urn:x:[a-z]{1,6}", fullmatch=True), st.lists(words, min_size=1, max_size=2).map(tuple), max_size=2
).map(lambda found: tuple(found.items()))
documents = st.builds(
    DocumentEntry,
    entry_uuid=uuids,
    unique_id=words,
    patient_id=patients,
    class_code=codes,
    type_code=codes,
    format_code=codes,
    healthcare_facility_type_code=codes,
    practice_setting_code=codes,
    confidentiality_codes=code_lists,
    event_codes=code_lists,
    creation_time=words,
    language_code=words,
    mime_type=words,
    authors=st.lists(authors, max_size=3).map(tuple),
    legal_authenticator=texts,
    title=texts,
    comments=texts,
    service_start_time=texts,
    service_stop_time=texts,
    source_patient_id=texts,
    source_patient_info=lists,
    reference_ids=lists,
    hash=st.from_regex(r"[0-9a-f]{40}", fullmatch=True),
    size=st.none() | st.integers(0, 2**40),
    uri=texts,
    logical_id=texts,
    version=st.integers(1, 99),
    status=st.sampled_from(Status),
    repository_unique_id=texts,
    extra_slots=slots,
)
sets = st.builds(
    SubmissionSet,
    entry_uuid=uuids,
    unique_id=words,
    source_id=words,
    patient_id=patients,
    content_type_code=codes,
    submission_time=words,
    author=authors,
    title=texts,
    comments=texts,
    intended_recipients=lists,
    status=st.sampled_from(Status),
    extra_slots=slots,
)
folders = st.builds(
    Folder,
    entry_uuid=uuids,
    unique_id=words,
    patient_id=patients,
    codes=code_lists,
    title=texts,
    comments=texts,
    last_update_time=texts,
    logical_id=texts,
    version=st.integers(1, 9),
    status=st.sampled_from(Status),
    extra_slots=slots,
)
associations = st.builds(
    Association,
    entry_uuid=uuids,
    type=st.sampled_from(AssociationType),
    source=uuids,
    target=uuids,
    submission_set_status=st.sampled_from(["", "Original", "Reference"]),
    previous_version=st.none() | st.integers(0, 99),
    original_status=st.none() | st.sampled_from(Status),
    new_status=st.none() | st.sampled_from(Status),
    propagates=st.booleans(),
    documentation=st.none() | codes,
    status=st.sampled_from(Status),
)
objects = st.builds(
    RegistryObjects,
    submission_sets=st.lists(sets, max_size=2).map(tuple),
    documents=st.lists(documents, max_size=2).map(tuple),
    folders=st.lists(folders, max_size=2).map(tuple),
    associations=st.lists(associations, max_size=3).map(tuple),
)


def through_bytes(element: etree._Element) -> etree._Element:
    return etree.fromstring(etree.tostring(element))


@settings(max_examples=40, deadline=None)
@given(objects)
def test_objects_are_read_as_they_were_written(found: RegistryObjects) -> None:
    assert read_objects(etree.fromstring(write_objects(found))) == found


#: All that XML can carry, what its syntax reserves most often. Values are stripped when read, so none has white ends.
hostile = st.lists(
    st.sampled_from(
        ["&", "<", ">", '"', "'", "]]>", "&amp;", "&#9;", "<!--", "</rim:Value>", "\t", "\n", "\r", " ", "é"]
    )
    | st.characters(codec="utf-8", exclude_characters="\ufffe\uffff", exclude_categories=("Cc",)),
    max_size=8,
).map(lambda found: f"x{''.join(found)}x")


@settings(max_examples=100, deadline=None)
@given(documents, hostile, hostile, hostile)
def test_every_value_is_written_as_what_it_is(entry: DocumentEntry, text: str, other: str, name: str) -> None:
    code, author = Code(text, other, name), Author(text, (other,), (name,), (text, other), (name,))
    changes = dict.fromkeys(("title", "comments", "unique_id", "uri", "mime_type", "logical_id"), text)
    entry = msgspec.structs.replace(
        entry,
        **changes,
        entry_uuid=other,
        type_code=code,
        event_codes=(code, code),
        authors=(author,),
        source_patient_info=(text, other),
        extra_slots=((f"urn:x:{name}", (text, other)),),
    )
    links = [
        Association(entry_uuid=text, type=AssociationType.HAS_MEMBER, source=other, target=name, documentation=code)
    ]
    found = RegistryObjects(documents=(entry,), associations=tuple(links))
    assert read_objects(etree.fromstring(write_objects(found))) == found


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x0b", "\x1f", "\ufffe", "\uffff", "\ud800"])
def test_what_xml_cannot_carry_is_not_written(character: str) -> None:
    code = Code("a", "b", character)
    link = Association(entry_uuid="l", type=AssociationType.HAS_MEMBER, source="a", target="b", documentation=code)
    with pytest.raises(ValueError, match=r"U\+00|U\+FF|surrogates"):
        write_objects(RegistryObjects(associations=(link,)))


def test_ids_are_unique_in_a_list() -> None:
    entries = [entry_named(f"urn:uuid:{rank}") for rank in range(3)]
    written = etree.fromstring(write_objects(RegistryObjects(documents=tuple(entries))))
    ids = written.xpath("//@id")
    assert len(ids) == len(set(ids)) == 3 * (1 + 8 + 2)


def entry_named(entry_uuid: str) -> DocumentEntry:
    code = Code("a", "b", "c")
    return DocumentEntry(
        entry_uuid=entry_uuid,
        unique_id="1.2",
        patient_id=Ins("200017505612365", "1.2.250.1.213.1.4.10"),
        class_code=code,
        type_code=code,
        format_code=code,
        healthcare_facility_type_code=code,
        practice_setting_code=code,
        confidentiality_codes=(code,),
        event_codes=(code,),
        authors=(Author("x"),),
        creation_time="2026",
        language_code="fr-FR",
        mime_type="text/xml",
    )


@settings(max_examples=15, deadline=None)
@given(objects)
def test_references_list_every_id_once(found: RegistryObjects) -> None:
    ids = [
        item.entry_uuid
        for items in (found.documents, found.submission_sets, found.folders, found.associations)
        for item in items
    ]
    assert list(read_references(etree.fromstring(write_references(found)))) == ids


@settings(max_examples=15, deadline=None)
@given(sets, st.lists(documents, max_size=3, unique_by=lambda entry: entry.entry_uuid), st.data())
def test_a_provide_request_is_read_as_it_was_written(
    item: SubmissionSet, entries: list[DocumentEntry], data: st.DataObject
) -> None:
    contents = {entry.entry_uuid: data.draw(st.binary(max_size=30)) for entry in entries}
    submission = Submission(submission_set=item, documents=tuple(entries), contents=contents)
    body, attachments = write_provide_request(submission)
    by_href = {f"cid:{content_id}": content for content_id, (_, content) in attachments.items()}
    assert read_provide_request(through_bytes(body), lambda element: by_href[element[0].get("href")]) == submission


errors = st.builds(XdsError, code=words, context=words, location=texts, severity=st.sampled_from(Severity))


@settings(max_examples=15, deadline=None)
@given(st.lists(errors, max_size=3), objects)
def test_answers_are_read_as_they_were_written(found: list[XdsError], listed: RegistryObjects) -> None:
    response = response_for(found)
    assert read_response(through_bytes(write_response(response))) == response
    body, last = write_query_response(listed, ReturnType.LEAF_CLASS, found)
    content_type, content = write_message(Action.QUERY.response, body, last=last)
    answer = read_query_response(read_message(content, content_type).body)
    assert (answer.status, answer.errors, answer.objects) == (response.status, response.errors, listed)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.builds(RetrieveRequest, unique_id=words, repository_unique_id=words, home_community_id=texts),
        min_size=1,
        max_size=4,
    )
)
def test_retrieve_requests_are_read_as_they_were_written(requests: list[RetrieveRequest]) -> None:
    assert read_retrieve_request(through_bytes(write_retrieve_request(requests))) == requests


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.builds(
            RetrievedDocument,
            unique_id=words,
            repository_unique_id=words,
            mime_type=words,
            content=st.binary(max_size=20),
        ),
        max_size=3,
    ),
    st.lists(errors, max_size=2),
)
def test_retrieved_documents_are_read_as_they_were_written(
    found: list[RetrievedDocument], problems: list[XdsError]
) -> None:
    body, attachments = write_retrieve_response(found, problems)
    by_href = {f"cid:{content_id}": content for content_id, (_, content) in attachments.items()}
    response, documents = read_retrieve_response(through_bytes(body), lambda element: by_href[element[0].get("href")])
    assert (documents, response) == (found, response_for(problems, is_partial=bool(found)))


names = st.sampled_from(
    [
        "ExtrinsicObject",
        "RegistryPackage",
        "Association",
        "Classification",
        "Slot",
        "Name",
        "ValueList",
        "Value",
        "ExternalIdentifier",
    ]
)
attributes = st.dictionaries(
    st.sampled_from(
        [
            "id",
            "lid",
            "status",
            "name",
            "objectType",
            "classificationScheme",
            "classificationNode",
            "associationType",
            "value",
            "versionName",
        ]
    ),
    words
    | st.sampled_from(
        [
            "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd",
            "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1",
            "creationTime",
        ]
    ),
    max_size=4,
)
trees = st.recursive(
    st.tuples(names, attributes, st.just([])),
    lambda inner: st.tuples(names, attributes, st.lists(inner, max_size=4)),
    max_leaves=12,
)


def build(tree: tuple[str, dict[str, str], list]) -> etree._Element:  # type: ignore[type-arg]
    name, found, inside = tree
    element = etree.Element(f"{{{RIM}}}{name}", found)
    for child in inside:
        element.append(build(child))
    return element


@settings(max_examples=60, deadline=None)
@given(st.lists(trees, max_size=4))
def test_any_tree_gives_a_submission_or_a_refusal(found: list) -> None:  # type: ignore[type-arg]
    root = etree.Element(f"{{{RIM}}}RegistryObjectList")
    for tree in found:
        root.append(build(tree))
    for reader in (read_submission, read_objects):
        with contextlib.suppress(SocleError):
            reader(root)


def example() -> etree._Element:
    """The request of the fact sheet (§8.1)."""
    if not SHEET.exists():
        pytest.skip("the fact sheet is not here")
    text = re.search(r"### 8.1 .*?```xml\n(.*?)```", SHEET.read_text(), re.DOTALL)[1]  # type: ignore[index]
    return etree.fromstring(text)


def test_the_example_of_the_fact_sheet_is_read_whole() -> None:
    submission = read_submission(next(example().iter(f"{{{RIM}}}RegistryObjectList")))
    entry = submission.documents[0]
    assert (entry.unique_id, entry.size, entry.type_code.code) == ("1.2.250.1.999.1.7.1001", 48213, "11488-4")
    assert entry.patient_id == Ins("200017505612365", "1.2.250.1.213.1.4.8")
    assert entry.authors[0].institutions == ("CABINET MARTIN^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^410001234565001",)
    assert [association.type for association in submission.associations] == [AssociationType.HAS_MEMBER] * 2 + [
        AssociationType.SIGNS
    ]


def test_elements_are_written_in_the_order_of_the_schema() -> None:
    submission = read_submission(next(example().iter(f"{{{RIM}}}RegistryObjectList")))
    order = ["Slot", "Name", "Description", "VersionInfo", "Classification", "ExternalIdentifier"]
    for element in write_submission(submission):
        ranks = [order.index(etree.QName(child).localname) for child in element]
        assert ranks == sorted(ranks)


@pytest.mark.parametrize(
    ("path", "location", "code"),
    [
        ("rim:ExtrinsicObject/rim:Slot[@name='creationTime']", "Document01/creationTime", "XDSRegistryMetadataError"),
        ("rim:ExtrinsicObject/rim:Classification[@id='c3']", "Document01/typeCode", "XDSRegistryMetadataError"),
        ("rim:ExtrinsicObject/rim:ExternalIdentifier[@id='e2']", "Document01/uniqueId", "XDSRegistryMetadataError"),
        (
            "rim:RegistryPackage/rim:ExternalIdentifier[@id='s4']",
            "SubmissionSet01/sourceId",
            "XDSRegistryMetadataError",
        ),
        ("rim:RegistryPackage", "RegistryObjectList", "XDSRegistryMetadataError"),
    ],
)
def test_what_is_missing_is_named(path: str, location: str, code: str) -> None:
    listed = next(example().iter(f"{{{RIM}}}RegistryObjectList"))
    element = listed.find(path, {"rim": RIM})
    assert element is not None
    element.getparent().remove(element)  # type: ignore[union-attr]
    with pytest.raises(InvalidMetadata) as refused:
        read_submission(listed)
    assert [(error.location, error.code) for error in refused.value.errors] == [(location, code)]


def test_several_errors_are_said_at_once() -> None:
    listed = next(example().iter(f"{{{RIM}}}RegistryObjectList"))
    document = listed[0]
    document.set("objectType", "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248")
    for slot in document.xpath("*[@name='size' or @name='hash']/*/*"):
        slot.text = "x"
    document.xpath("*[@id='e1']")[0].set("value", "42")
    with pytest.raises(InvalidMetadata) as refused:
        read_submission(listed)
    assert [error.code for error in refused.value.errors] == [
        "XDSObjectTypeError",
        "XDSUnknownPatientId",
        "XDSRegistryMetadataError",
    ]


def test_a_comment_inside_a_value_is_ignored() -> None:
    listed = next(example().iter(f"{{{RIM}}}RegistryObjectList"))
    value = listed.find("rim:ExtrinsicObject/rim:Slot[@name='languageCode']/rim:ValueList/rim:Value", {"rim": RIM})
    assert value is not None
    value.text = "fr"
    comment = etree.Comment("x")
    comment.tail = "-FR"
    value.append(comment)
    assert text_of(value) == read_submission(listed).documents[0].language_code == "fr-FR"


def test_the_marker_of_a_set_may_stand_beside_it() -> None:
    listed = next(example().iter(f"{{{RIM}}}RegistryObjectList"))
    marker = listed.xpath("//*[@id='s0']")[0]
    listed.append(marker)
    assert read_submission(listed).submission_set.unique_id == "1.2.250.1.999.1.7.2001"


def test_reading_metadata_costs_less_than_a_millisecond() -> None:
    listed = next(example().iter(f"{{{RIM}}}RegistryObjectList"))
    spent = []
    for _ in range(30):
        started = time.process_time()
        read_submission(listed)
        spent.append(time.process_time() - started)
    assert min(spent) < 0.001


def test_extra_slots_are_kept() -> None:
    listed = next(example().iter(f"{{{RIM}}}RegistryObjectList"))
    slot = etree.SubElement(listed[0], f"{{{RIM}}}Slot", name="urn:vendor:x")
    etree.SubElement(etree.SubElement(slot, f"{{{RIM}}}ValueList"), f"{{{RIM}}}Value").text = "kept"
    submission = read_submission(listed)
    again = read_submission(through_bytes(write_submission(submission)))
    assert again.documents[0].extra_slots == (("urn:vendor:x", ("kept",)),)
    assert msgspec.structs.replace(again) == submission
