"""A submission read through FHIR is the submission written through XDS."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socle.standards.errors import InvalidContent, SocleError
from socle.standards.fhir.json_codec import decode_json, encode_json
from socle.standards.fhir.pdsm.bundles import bundle_of
from socle.standards.fhir.pdsm.documents import document_entry_of, document_reference_of
from socle.standards.fhir.pdsm.submissions import Target, publication_of, references_of, submission_of
from socle.standards.fhir.pdsm.systems import code_of, coding_of
from socle.standards.fhir.pdsm.times import to_date_time, to_dtm
from socle.standards.fhir.resources import Bundle, DocumentReference
from socle.standards.fhir.types import Attachment, Coding
from socle.standards.fhir.xml_codec import decode_xml, encode_xml
from socle.standards.ids.hl7 import Cx, Xcn, Xon
from socle.standards.ids.ins import OID_NIR, OID_NIR_TEST, Ins
from socle.standards.xds.model import (
    Association,
    AssociationType,
    Author,
    Code,
    DocumentEntry,
    Folder,
    Status,
    Submission,
    SubmissionSet,
)

METADATA = "XDSRegistryMetadataError"
#: Where the DocumentReference of the example is.
FICHE = "Bundle.entry[1].resource"
RELATION_NAMES = ("REPLACES", "APPENDS", "TRANSFORMS", "TRANSFORMS_AND_REPLACES")
LEA = Ins("200017505612365", OID_NIR)
WORD = st.text("abcé' -&|^~\\", min_size=1, max_size=10).map(str.strip).filter(bool)
OIDS = st.integers(1, 10**9).map(lambda n: f"1.2.250.1.999.1.{n}")
CODES = st.builds(
    Code,
    st.sampled_from(["10", "11488-4", "urn:ihe:iti:xds-sd:pdf:2008", "SA07"]),
    st.sampled_from(["2.16.840.1.113883.6.1", "1.2.250.1.213.1.1.4.1", "URN", "ASTM", "1.2.3", "Connect-a-thon codes"]),
    WORD | st.just(""),
)
XCN_PERSON = st.builds(Xcn, id=st.just("810001234565"), family=WORD, given=WORD)
XCN_SYSTEM = st.builds(
    Xcn, id=st.just("41000123456/7"), family=WORD, given=WORD, name_type=st.just("U"), id_type=st.just("RI")
)
XCN_PATIENT = st.builds(
    Xcn, id=st.just(LEA.matricule), family=WORD, given=WORD, authority=st.just(OID_NIR), id_type=st.just("NH")
)
XCNS = (XCN_PERSON | XCN_SYSTEM | XCN_PATIENT).map(Xcn.encode)
XONS = st.builds(Xon, name=WORD, id=st.sampled_from(["1750000018", "410001234565001"])).map(Xon.encode)
RECIPIENTS = st.builds("{}|{}".format, XONS, XCN_PERSON.map(Xcn.encode))
SPECIALTIES = st.sampled_from(
    [
        "G15_10/SM26^Médecin - Qualifié en médecine générale (SM)^1.2.250.1.213.1.1.4.5",
        "EXP_PATIENT^^1.2.250.1.213.1.1.4.6",
        "libre",
    ]
)
AUTHORS = st.builds(
    Author,
    person=XCNS,
    institutions=st.lists(XONS, max_size=2, unique=True).map(tuple),
    roles=st.lists(WORD, max_size=2).map(tuple),
    specialties=st.lists(SPECIALTIES, max_size=2).map(tuple),
    telecommunications=st.lists(
        st.sampled_from(["^^Internet^a@b.mssante.fr", "^^PH^^^^^^^^^0102030405", "^PRN^PH^^33"]),
        max_size=2,
        unique=True,
    ).map(tuple),
)
TIMES = st.sampled_from(["20260302081500", "20260302", "202603", "2026"])
INFORMATION = st.tuples(
    st.lists(st.just(f"PID-3|{LEA.to_cx()}"), max_size=1),
    st.lists(
        st.builds("PID-5|{}^{}^^^^^{}".format, st.just("DURAND"), st.just("LEA"), st.sampled_from("LDSU")), max_size=2
    ),
    st.lists(st.sampled_from(["PID-7|20000115", "PID-7|2000"]), max_size=1),
    st.lists(st.sampled_from(["PID-8|F", "PID-8|M", "PID-8|U"]), max_size=1),
    st.lists(st.sampled_from(["PID-11|1 rue X^^Lyon", "PID-5|ANGE^^^^^^N"]), max_size=2, unique=True),
).map(lambda parts: tuple(value for part in parts for value in part))
REFERENCE_IDS = st.sampled_from(
    [
        Cx(id="1.2.3", id_type="urn:ihe:iti:xds:2016:studyInstanceUID").encode(),
        Cx(id="A77", authority="1.2.250.1.999.1.2", id_type="urn:ihe:iti:xds:2013:accession").encode(),
    ]
)


def entries(entry_uuid: str) -> st.SearchStrategy[DocumentEntry]:
    return st.builds(
        DocumentEntry,
        entry_uuid=st.just(entry_uuid),
        unique_id=OIDS,
        patient_id=st.just(LEA),
        class_code=CODES,
        type_code=CODES,
        format_code=CODES,
        healthcare_facility_type_code=CODES,
        practice_setting_code=CODES,
        confidentiality_codes=st.lists(CODES, min_size=1, max_size=3).map(tuple),
        creation_time=TIMES,
        language_code=st.just("fr-FR"),
        mime_type=st.just("text/xml"),
        authors=st.lists(AUTHORS, min_size=1, max_size=2).map(tuple),
        legal_authenticator=XCNS | st.just(""),
        title=WORD,
        comments=WORD | st.just(""),
        event_codes=st.lists(CODES, max_size=2).map(tuple),
        service_start_time=TIMES,
        service_stop_time=TIMES | st.just(""),
        source_patient_id=st.sampled_from(["000042^^^&1.2.250.1.999.1.1&ISO^PI", LEA.to_cx()]),
        source_patient_info=INFORMATION,
        reference_ids=st.lists(REFERENCE_IDS, max_size=2).map(tuple),
        hash=st.binary(min_size=20, max_size=20).map(bytes.hex),
        size=st.integers(0, 2**31 - 1),
        status=st.sampled_from([Status.APPROVED, Status.ARCHIVED]),
    )


def uuid(number: int) -> str:
    return f"urn:uuid:aaaaaaaa-1111-4111-8111-{number:012d}"


@st.composite
def submissions(draw: st.DrawFn) -> Submission:
    documents = tuple(draw(entries(uuid(n + 1))) for n in range(draw(st.integers(1, 2))))
    folders = tuple(
        draw(
            st.builds(
                Folder,
                entry_uuid=st.just(uuid(50)),
                unique_id=OIDS,
                patient_id=st.just(LEA),
                codes=st.lists(CODES, min_size=1, max_size=2).map(tuple),
                title=WORD,
                comments=WORD | st.just(""),
            )
        )
        for _ in range(draw(st.integers(0, 1)))
    )
    links = [link(AssociationType.HAS_MEMBER, uuid(0), item.entry_uuid) for item in (*documents, *folders)]
    links += [link(AssociationType.HAS_MEMBER, folder.entry_uuid, documents[0].entry_uuid) for folder in folders]
    kinds = [
        kind
        for kind in AssociationType
        if kind.name in ("REPLACES", "APPENDS", "TRANSFORMS", "TRANSFORMS_AND_REPLACES")
    ]
    if kind := draw(st.none() | st.sampled_from(kinds)):
        links.append(link(kind, uuid(1), "urn:uuid:00000000-0000-4000-8000-0000000000aa"))
    return Submission(
        submission_set=draw(
            st.builds(
                SubmissionSet,
                entry_uuid=st.just(uuid(0)),
                unique_id=OIDS,
                source_id=OIDS,
                patient_id=st.just(LEA),
                content_type_code=CODES,
                submission_time=TIMES,
                author=AUTHORS,
                title=WORD | st.just(""),
                comments=WORD | st.just(""),
                intended_recipients=st.lists(
                    st.builds("{}|{}".format, XONS, XCN_PERSON.map(Xcn.encode)).filter(
                        lambda text: text.count("|") == 1
                    ),
                    max_size=1,
                ).map(tuple),
            )
        ),
        documents=documents,
        folders=folders,
        associations=tuple(links),
        contents={document.entry_uuid: draw(st.binary(min_size=1)) for document in documents},
    )


def link(kind: AssociationType, source: str, target: str) -> Association:
    is_member = kind is AssociationType.HAS_MEMBER
    return Association(
        entry_uuid="", type=kind, source=source, target=target, submission_set_status="Original" if is_member else ""
    )


def comparable(submission: Submission) -> tuple[object, ...]:
    """All that both doors agree on: the ids are each message's own."""
    objects = (submission.submission_set, *submission.documents, *submission.folders)
    names = {item.entry_uuid: f"{type(item).__name__}{place}" for place, item in enumerate(objects)}
    renamed = [msgspec.structs.replace(item, entry_uuid=names[item.entry_uuid]) for item in objects]
    links = {
        (a.type, names.get(a.source, a.source), names.get(a.target, a.target), a.submission_set_status)
        for a in submission.associations
    }
    return (renamed, links, {names[uuid]: content for uuid, content in submission.contents.items()})


@settings(max_examples=70, deadline=None)
@given(submissions())
def test_a_submission_comes_back_from_its_bundle_in_both_formats(submission: Submission) -> None:
    old = Target("DocumentReference", "11111111-1111-4111-8111-111111111111")
    bundle = bundle_of(submission, {"urn:uuid:00000000-0000-4000-8000-0000000000aa": f"{old.type}/{old.id}"})
    found = {old: "urn:uuid:00000000-0000-4000-8000-0000000000aa"}
    assert references_of(bundle) <= found.keys()
    for wire in (decode_json(encode_json(bundle), Bundle), decode_xml(encode_xml(bundle), Bundle)):
        assert comparable(submission_of(wire, found)) == comparable(submission)


@settings(max_examples=70, deadline=None)
@given(entries(uuid(1)))
def test_a_registered_entry_shows_its_ids_and_comes_back(entry: DocumentEntry) -> None:
    registered = msgspec.structs.replace(entry, logical_id=uuid(9), version=3)
    resource = document_reference_of(registered, "https://exemple.fr/Binary/1")
    assert resource.id == "aaaaaaaa-1111-4111-8111-000000000009"
    assert resource.meta is not None
    assert resource.meta.version_id == "3"
    assert {i.value for i in resource.identifier} == {uuid(1), uuid(9)}
    read = decode_json(encode_json(resource), DocumentReference)
    assert document_entry_of(read, uuid(1), lambda _reference: None) == entry


@given(CODES)
def test_a_code_comes_back_from_its_coding(code: Code) -> None:
    assert code_of(coding_of(code)) == code


def test_an_alias_of_a_code_system_is_read_as_the_same_scheme() -> None:
    alias = Coding(system="http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode", code="a")
    assert code_of(alias).system == "1.3.6.1.4.1.19376.1.2.3"
    assert coding_of(code_of(alias)).system == (
        "https://mos.esante.gouv.fr/NOS/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode"
    )


@given(TIMES)
def test_a_time_keeps_its_precision(dtm: str) -> None:
    assert to_dtm(to_date_time(dtm)) == dtm


def example_of_the_fact_sheet(shared: Path) -> dict[str, object]:
    text = (shared / "spec" / "dmp-exchange.md").read_text("utf-8")
    section = text.split("### 8.6 ITI-65 Bundle")[1]
    found = re.search(r"```json\n(.*?)```", section, re.DOTALL)
    assert found is not None
    bundle: dict[str, object] = json.loads(found[1])
    return bundle


def test_the_guide_s_example_is_read(shared: Path) -> None:
    bundle = decode_json(json.dumps(example_of_the_fact_sheet(shared)).encode(), Bundle)
    submission = submission_of(bundle, {})
    entry, submission_set = submission.documents[0], submission.submission_set
    assert submission_set.unique_id == "1.2.250.1.999.1.7.2001"
    assert submission_set.source_id == "1.2.250.1.999.1.7"
    assert submission_set.content_type_code == Code("07", "1.2.250.1.213.2.2")
    assert submission_set.author.person == "810001234565^^^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"
    assert entry.unique_id == "1.2.250.1.999.1.7.1001"
    assert entry.patient_id == LEA
    assert entry.type_code == Code("11488-4", "2.16.840.1.113883.6.1")
    assert entry.hash == "0123456789abcdef0123456789abcdef01234567"
    assert entry.source_patient_info == (f"PID-3|{LEA.to_cx()}", "PID-5|DURAND^Lea^^^^^L", "PID-7|20000115", "PID-8|F")
    assert entry.legal_authenticator == entry.authors[0].person
    assert entry.extra_slots == (("urn:socle:custodian", ("^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^410001234565001",)),)
    assert submission.contents == {entry.entry_uuid: b"<ClinicalDocument/>"}


def test_a_bundle_of_international_mhd_is_read(shared: Path) -> None:
    """MHD 4.2: identifiers told apart by ``use`` and value, subject a Patient of the bundle, IHE format codes."""
    bundle = example_of_the_fact_sheet(shared)
    listing, document, _ = (entry["resource"] for entry in bundle["entry"])  # type: ignore[index,attr-defined]
    listing["identifier"] = [{"use": "usual", "system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3.4"}]
    patient = {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:oid:1.2.250.1.213.1.4.10", "value": LEA.matricule}],
    }
    url = "urn:uuid:aaaaaaaa-1111-4111-8111-00000000000f"
    bundle["entry"].append(  # type: ignore[attr-defined]
        {"fullUrl": url, "resource": patient, "request": {"method": "POST", "url": "Patient"}}
    )
    for resource in (listing, document):
        resource["subject"] = {"reference": url}
    submission = submission_of(decode_json(json.dumps(bundle).encode(), Bundle), {})
    assert submission.submission_set.unique_id == "1.2.3.4"
    assert submission.documents[0].patient_id == Ins(LEA.matricule, OID_NIR_TEST)


def changed(bundle: dict[str, object], path: str, value: object) -> Bundle:
    """``bundle`` with the element at ``path`` (``1.resource.type``, entries counted) set, or removed by ``None``."""
    node: object = bundle["entry"]
    *parents, leaf = [int(part) if part.isdigit() else part for part in path.split(".")]
    for part in parents:
        node = node[part]  # type: ignore[index]
    if value is None:
        del node[leaf]  # type: ignore[attr-defined]
    else:
        node[leaf] = value  # type: ignore[index]
    return decode_json(json.dumps(bundle).encode(), Bundle)


@pytest.mark.parametrize(
    ("path", "value", "code", "location"),
    [
        ("1.resource.type", None, METADATA, f"{FICHE}.type"),
        ("1.resource.category", None, METADATA, f"{FICHE}.category"),
        ("1.resource.author", None, METADATA, f"{FICHE}.author"),
        ("1.resource.subject", None, METADATA, f"{FICHE}.subject"),
        ("1.resource.masterIdentifier", None, METADATA, f"{FICHE}.masterIdentifier"),
        ("1.resource.securityLabel", None, METADATA, f"{FICHE}.securityLabel"),
        ("1.resource.docStatus", "final", METADATA, f"{FICHE}.docStatus"),
        ("1.resource.context.period", None, METADATA, f"{FICHE}.context.period.start"),
        ("1.resource.context.facilityType", None, METADATA, f"{FICHE}.context.facilityType"),
        ("1.resource.content.0.format", None, METADATA, f"{FICHE}.content[0].format"),
        ("1.resource.content.0.attachment.hash", "AAAA", METADATA,
         f"{FICHE}.content[0].attachment.hash"),
        ("1.resource.content.0.attachment.url", "urn:uuid:aaaaaaaa-1111-4111-8111-0000000000ff", "XDSMissingDocument",
         f"{FICHE}.content[0].attachment.url"),
        ("1.resource.content.0.attachment.creation", "2026-02-31T08:00:00Z", "FHIRValue",
         f"{FICHE}.content[0].attachment.creation"),
        ("1.resource.content.0.attachment.creation", "2026-02-31", "FHIRValue",
         f"{FICHE}.content[0].attachment.creation"),
        ("1.resource.context.period.end", "2026-06-31", "FHIRValue", f"{FICHE}.context.period.end"),
        ("1.resource.relatesTo", [{"code": "replaces", "target": {"reference": "DocumentReference/x"}}],
         "UnresolvedReferenceException", f"{FICHE}.relatesTo[0].target"),
        ("2.resource.contentType", "application/pdf", METADATA,
         f"{FICHE}.content[0].attachment.contentType"),
        ("0.resource.source", None, METADATA, "Bundle.entry[0].resource.source"),
        ("0.resource.code.coding.0.code", "folder", METADATA, "Bundle.entry"),
        ("0.resource.extension", None, METADATA, None),
        ("0.request", None, METADATA, "Bundle.entry[0].request"),
        ("2.request.ifNoneExist", "identifier=1", "FHIRConditionalNotSupported", "Bundle.entry[2].request"),
        ("2.resource", {"resourceType": "Bundle", "type": "document"}, "FHIRDocumentNotSupported",
         "Bundle.entry[2].resource"),
        ("2.resource", {"resourceType": "Device"}, "FHIRUnexpectedEntry", "Bundle.entry[2]"),
    ],
)  # fmt: skip
def test_what_pdsm_requires_is_refused_with_its_place(
    shared: Path, path: str, value: object, code: str, location: str | None
) -> None:
    bundle = changed(example_of_the_fact_sheet(shared), path, value)
    with pytest.raises(SocleError) as refusal:
        submission_of(bundle, {})
    assert refusal.value.code == code
    assert refusal.value.location == location or location is None


def test_a_binary_that_no_document_names_is_refused(shared: Path) -> None:
    bundle = example_of_the_fact_sheet(shared)
    extra = json.loads(json.dumps(bundle["entry"][2])) | {"fullUrl": uuid(77)}  # type: ignore[index]
    bundle["entry"].append(extra)  # type: ignore[attr-defined]
    with pytest.raises(InvalidContent) as refusal:
        submission_of(decode_json(json.dumps(bundle).encode(), Bundle), {})
    assert (refusal.value.code, refusal.value.location) == ("XDSMissingDocumentMetadata", "Bundle.entry[3]")


def test_a_patch_entry_must_agree_with_relates_to(shared: Path) -> None:
    supersede = {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "operation",
                "part": [
                    {"name": "type", "valueCode": "replace"},
                    {"name": "path", "valueString": "DocumentReference.status"},
                    {"name": "value", "valueCode": "superseded"},
                ],
            }
        ],
    }
    old = Target("DocumentReference", "old-id")
    found = {old: "urn:uuid:00000000-0000-4000-8000-0000000000aa"}
    bundle = example_of_the_fact_sheet(shared)
    bundle["entry"].append(  # type: ignore[attr-defined]
        {"request": {"method": "PATCH", "url": "DocumentReference/old-id"}, "resource": supersede}
    )
    with pytest.raises(InvalidContent) as refusal:
        submission_of(decode_json(json.dumps(bundle).encode(), Bundle), found)
    assert refusal.value.code == "XDSReplaceFailed"
    relates = [{"code": "replaces", "target": {"reference": "DocumentReference/old-id"}}]
    submission = submission_of(changed(bundle, "1.resource.relatesTo", relates), found)
    assert submission.associations[-1].type is AssociationType.REPLACES
    assert submission.associations[-1].target == found[old]
    supersede["parameter"][0]["part"][2]["valueCode"] = "current"  # type: ignore[index]
    with pytest.raises(InvalidContent) as refusal:
        submission_of(decode_json(json.dumps(bundle).encode(), Bundle), found)
    assert refusal.value.code == "FHIRPatchNotSupported"


def test_a_simplified_publication_is_a_submission_of_one_document(shared: Path) -> None:
    bundle = example_of_the_fact_sheet(shared)
    resource = bundle["entry"][1]["resource"]  # type: ignore[index]
    attachment = resource["content"][0]["attachment"]
    del attachment["url"]
    attachment["data"] = base64.b64encode(b"<ClinicalDocument/>").decode()
    document = decode_json(json.dumps(resource).encode(), DocumentReference)
    submission = publication_of(document, {}, "2.25.1", "1.2.3", "20260302081500")
    assert submission.contents == {"document": b"<ClinicalDocument/>"}
    assert submission.submission_set.patient_id == LEA
    assert submission.submission_set.author == submission.documents[0].authors[0]
    with pytest.raises(InvalidContent) as refusal:
        publication_of(
            msgspec.structs.replace(
                document,
                content=(msgspec.structs.replace(document.content[0], attachment=Attachment(content_type="text/xml")),),
            ),
            {},
            "2.25.1",
            "1.2.3",
            "20260302081500",
        )
    assert refusal.value.location == "DocumentReference.content[0].attachment.data"
