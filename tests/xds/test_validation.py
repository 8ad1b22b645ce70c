"""Rules of metadata that need no registry, each broken alone."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from socle.standards.ids.ins import Ins
from socle.standards.xds.model import (
    Association,
    AssociationType,
    Author,
    Code,
    DocumentEntry,
    Folder,
    Submission,
    SubmissionSet,
)
from socle.standards.xds.validation import validate_submission

INS = Ins("200017505612365", "1.2.250.1.213.1.4.10")
CODE = Code("10", "1.2.3")
AUTHOR = Author("899700218896^MARCHAND^CAMILLE^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS")
ENTRY = DocumentEntry(
    entry_uuid="D1",
    unique_id="1.2.250.1.999.1",
    patient_id=INS,
    class_code=CODE,
    type_code=CODE,
    format_code=CODE,
    healthcare_facility_type_code=CODE,
    practice_setting_code=CODE,
    confidentiality_codes=(CODE,),
    creation_time="20260302080000",
    language_code="fr-FR",
    mime_type="text/xml",
    authors=(AUTHOR,),
    hash="0" * 40,
    size=4,
    title="T",
)
SET = SubmissionSet(
    entry_uuid="S",
    unique_id="1.2.250.1.999.2",
    source_id="1.2.250.1.999",
    patient_id=INS,
    content_type_code=CODE,
    submission_time="20260302081500",
    author=AUTHOR,
)
MEMBER = Association(
    entry_uuid="A1", type=AssociationType.HAS_MEMBER, source="S", target="D1", submission_set_status="Original"
)
FOLDER = Folder(entry_uuid="F", unique_id="1.2.250.1.999.3", patient_id=INS, codes=(CODE,), title="F")
GOOD = Submission(
    submission_set=SET, documents=(ENTRY,), folders=(FOLDER,), associations=(MEMBER,), contents={"D1": b"<a/>"}
)


def broken(submission: Submission) -> list[tuple[str, str]]:
    return [(error.code, error.location) for error in validate_submission(submission)]


def with_entry(**changes: Any) -> Submission:
    return replace(GOOD, documents=(replace(ENTRY, **changes),))


def with_set(**changes: Any) -> Submission:
    return replace(GOOD, submission_set=replace(SET, **changes))


def with_association(**changes: Any) -> Submission:
    return replace(GOOD, associations=(replace(MEMBER, **changes),))


def with_link(kind: AssociationType, target: str) -> Submission:
    link = Association(entry_uuid="A2", type=kind, source="D1", target=target)
    return replace(GOOD, associations=(MEMBER, link))


#: The name that HL7 v2 messages give to INVISIBLE_REPRESENTANTS_LEGAUX: not one of XDS.
SECRET = Code("INVISIBLE_REP_LEGAUX", "1.2.250.1.213.1.1.4.13")


def test_a_right_submission_breaks_nothing() -> None:
    assert broken(GOOD) == []


METADATA = "XDSRegistryMetadataError"


@pytest.mark.parametrize(
    ("submission", "expected"),
    [
        (with_entry(unique_id="1.2.3^ext"), (METADATA, "D1/uniqueId")),
        (with_entry(unique_id="1." + "2" * 130), (METADATA, "D1/uniqueId")),
        (with_entry(unique_id="urn:oid:1.2.3"), (METADATA, "D1/uniqueId")),
        (with_entry(unique_id=SET.unique_id), ("XDSRegistryDuplicateUniqueIdInMessage", SET.unique_id)),
        (with_entry(patient_id=Ins("1" * 15, INS.oid)), ("XDSPatientIdDoesNotMatch", "D1/patientId")),
        (with_entry(confidentiality_codes=()), (METADATA, "D1/confidentialityCode")),
        (with_entry(authors=()), (METADATA, "D1/author")),
        (with_entry(hash="xyz"), (METADATA, "D1/hash")),
        (with_entry(size=-1), (METADATA, "D1/size")),
        (with_entry(creation_time="2026-03-02"), (METADATA, "D1/creationTime")),
        (with_entry(creation_time="20260231"), (METADATA, "D1/creationTime")),
        (with_entry(service_start_time="202"), (METADATA, "D1/serviceStartTime")),
        (with_entry(service_stop_time="20261301"), (METADATA, "D1/serviceStopTime")),
        (with_entry(title="x" * 129), (METADATA, "D1/title")),
        (with_entry(title="a\x00b"), (METADATA, "D1/title")),
        (with_entry(source_patient_info=("PID-5|" + "x" * 260,)), (METADATA, "D1/sourcePatientInfo")),
        (with_entry(legal_authenticator="x\x07"), (METADATA, "D1/legalAuthenticator")),
        (with_entry(language_code=" "), (METADATA, "D1/languageCode")),
        (with_set(unique_id="abc"), (METADATA, "S/uniqueId")),
        (with_set(source_id="MonLogiciel"), (METADATA, "S/sourceId")),
        (with_set(submission_time="demain"), (METADATA, "S/submissionTime")),
        (with_set(author=Author()), (METADATA, "S/authorPerson")),
        (with_set(intended_recipients=("x" * 257,)), (METADATA, "S/intendedRecipient")),
        (with_association(submission_set_status=""), (METADATA, "A1/SubmissionSetStatus")),
        (with_association(target="D9"), ("UnresolvedReferenceException", "A1/targetObject")),
        (with_association(type=AssociationType.REPLACES), (METADATA, "A1/sourceObject")),
        (with_link(AssociationType.REPLACES, "D1"), (METADATA, "A2/targetObject")),
        (with_link(AssociationType.TRANSFORMS_AND_REPLACES, "F"), (METADATA, "A2/targetObject")),
        (with_link(AssociationType.TRANSFORMS, "D1"), (METADATA, "A2/targetObject")),
        (with_entry(confidentiality_codes=(CODE, SECRET)), (METADATA, "D1/confidentialityCode")),
        (replace(GOOD, associations=(MEMBER, MEMBER)), (METADATA, "A1")),
        (replace(GOOD, folders=(replace(FOLDER, codes=()),)), (METADATA, "F/codeList")),
        (replace(GOOD, contents={}), ("XDSMissingDocument", "D1")),
        (
            replace(
                with_entry(mime_type="application/xslt+xml"),
                contents={"D1": b"<!-- <xsl:stylesheet --><ClinicalDocument/>"},
            ),
            ("InvalidDocumentContent", "D1/mimeType"),
        ),
        (
            replace(with_entry(mime_type="application/pdf"), contents={"D1": b"\n<ClinicalDocument/>"}),
            ("InvalidDocumentContent", "D1/mimeType"),
        ),
        (replace(GOOD, contents={"D1": b"", "D2": b""}), ("XDSMissingDocumentMetadata", "D2")),
    ],
)
def test_each_rule_is_told_by_its_code_and_place(submission: Submission, expected: tuple[str, str]) -> None:
    assert broken(submission) == [expected]


def test_a_register_message_carries_no_documents() -> None:
    assert validate_submission(replace(GOOD, contents={}), with_contents=False) == []
