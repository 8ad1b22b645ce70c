"""Header → XDS metadata, and the check of submitted metadata."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from socle.standards.cda.build import Frame, build_n1, build_vsm
from socle.standards.cda.datatypes import Concept
from socle.standards.cda.metadata import (
    RULES,
    Severity,
    check_metadata,
    document_entry_of,
    submission_for,
)
from socle.standards.errors import InvalidContent
from socle.standards.ids.ins import OID_NIR_TEST, Ins
from socle.standards.xds.model import AssociationType, Author, Code, DocumentEntry, Visibility


@pytest.fixture(scope="module")
def content(frame: Frame) -> bytes:
    return build_vsm(frame, vigilance="Aucun.")


@pytest.fixture(scope="module")
def entry(content: bytes) -> DocumentEntry:
    return document_entry_of(content)


def test_every_example_gives_an_entry_that_agrees_with_it(example: bytes) -> None:
    entry = document_entry_of(example)
    assert check_metadata(entry, example) == []
    assert entry.hash == hashlib.sha1(example).hexdigest()
    assert entry.size == len(example)
    assert entry.service_start_time
    assert entry.practice_setting_code.code
    assert entry.source_patient_info


def test_the_entry_of_a_synthesis_is_the_one_that_the_standard_writes(entry: DocumentEntry) -> None:
    assert entry.unique_id == "1.2.250.1.999.1.7.1.1"
    assert entry.patient_id == Ins("284076938304258", OID_NIR_TEST)
    assert entry.type_code == Code("SYNTH", "1.2.250.1.213.1.1.4.12", "Synthèse")
    assert entry.class_code.code == "11"
    assert entry.format_code == Code(
        "urn:asip:ci-sis:vsm:2012", "1.2.250.1.213.1.1.4.2.282", "urn:asip:ci-sis:vsm:2012"
    )
    assert entry.creation_time == "20240405093000"
    assert (entry.service_start_time, entry.service_stop_time) == ("20240405080000", "20240405093000")
    assert entry.authors[0].person == "810109876549^MARCHAND^CAMILLE^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"
    assert entry.authors[0].institutions == ("HOPITAL DES EXEMPLES^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1750987653",)
    assert entry.authors[0].specialties == ("G15_10/SM54^Médecin - Médecine générale (SM)^1.2.250.1.213.1.1.4.5",)
    assert entry.source_patient_id == "IPP-0042^^^&1.2.250.1.999.1.1&ISO^PI"
    assert entry.source_patient_info == (
        "PID-3|IPP-0042^^^&1.2.250.1.999.1.1&ISO^PI",
        "PID-5|D'ARCY-BELLEC^JEANNE^^^^^L",
        "PID-5|MOREL^JEANNE^^^^^S",
        "PID-7|19840717",
        "PID-8|F",
    )
    assert entry.healthcare_facility_type_code.code == "SA01"
    assert entry.practice_setting_code.code == "ETABLISSEMENT"
    assert entry.mime_type == "text/xml"


def test_the_format_of_a_level_1_document_comes_from_its_media_type(frame: Frame, small_pdf: bytes) -> None:
    code = Concept("11502-2", "2.16.840.1.113883.6.1", "CR d'examens biologiques")
    entry = document_entry_of(build_n1(frame, small_pdf, code=code, title="Résultats"))
    assert entry.format_code.code == "urn:ihe:iti:xds-sd:pdf:2008"
    assert entry.class_code.label == "Compte rendu"


def test_visibility_is_added_after_the_document_s_own_confidentiality(content: bytes) -> None:
    entry = document_entry_of(content, visibility=[Visibility.MASQUE_PS])
    assert [code.code for code in entry.confidentiality_codes] == ["N", "MASQUE_PS"]


_OTHER = Code("00000-0", "2.16.840.1.113883.6.1", "Autre")
_CHANGES: list[tuple[str, dict[str, Any], str, Severity]] = [
    ("patientId", {"patient_id": Ins("182036938811704", OID_NIR_TEST)}, "XDSPatientIdDoesNotMatch", Severity.REFUSAL),
    ("hash", {"hash": "0" * 40}, "XDSRepositoryMetadataError", Severity.REFUSAL),
    ("size", {"size": 1}, "XDSRepositoryMetadataError", Severity.REFUSAL),
    ("uniqueId", {"unique_id": "1.2.3"}, "InvalidDocumentContent", Severity.REFUSAL),
    ("typeCode", {"type_code": _OTHER}, "InvalidDocumentContent", Severity.REFUSAL),
    ("mimeType", {"mime_type": "application/pdf"}, "InvalidDocumentContent", Severity.REFUSAL),
    ("creationTime", {"creation_time": "20240405113000"}, "InvalidDocumentContent", Severity.REFUSAL),
    ("creationTime", {"creation_time": "pas une date"}, "InvalidDocumentContent", Severity.REFUSAL),
    ("serviceStartTime", {"service_start_time": "20240404"}, "InvalidDocumentContent", Severity.REFUSAL),
    ("serviceStopTime", {"service_stop_time": "20250101"}, "InvalidDocumentContent", Severity.REFUSAL),
    ("mimeType", {"mime_type": "application/xslt+xml"}, "InvalidDocumentContent", Severity.WARNING),
    ("formatCode", {"format_code": _OTHER}, "InvalidDocumentContent", Severity.WARNING),
    ("classCode", {"class_code": _OTHER}, "InvalidDocumentContent", Severity.WARNING),
    ("title", {"title": "Un autre titre"}, "InvalidDocumentContent", Severity.WARNING),
    ("author", {"authors": (Author(person="899700987656^DURAND^ALAIN"),)}, "InvalidDocumentContent", Severity.WARNING),
    ("legalAuthenticator", {"legal_authenticator": "899700987656^DURAND"}, "InvalidDocumentContent", Severity.WARNING),
    (
        "healthcareFacilityTypeCode",
        {"healthcare_facility_type_code": _OTHER},
        "InvalidDocumentContent",
        Severity.WARNING,
    ),
    ("languageCode", {"language_code": "en-GB"}, "InvalidDocumentContent", Severity.WARNING),
    ("confidentialityCode", {"confidentiality_codes": (_OTHER,)}, "InvalidDocumentContent", Severity.WARNING),
    ("sourcePatientInfo", {"source_patient_info": ("PID-7|20000101",)}, "InvalidDocumentContent", Severity.WARNING),
]


@pytest.mark.parametrize(("attribute", "change", "code", "severity"), _CHANGES, ids=lambda value: str(value)[:40])
def test_each_wrong_attribute_is_said_alone_with_its_code_and_severity(
    content: bytes, entry: DocumentEntry, attribute: str, change: dict[str, Any], code: str, severity: Severity
) -> None:
    found = check_metadata(msgspec.structs.replace(entry, **change), content)
    assert [(each.attribute, each.code, each.severity) for each in found if each.severity == severity] == [
        (attribute, code, severity)
    ]


def test_every_rule_is_broken_by_some_test() -> None:
    assert {(rule.attribute, rule.severity) for rule in RULES} == {
        (attribute, severity) for attribute, _, _, severity in _CHANGES
    }


@pytest.mark.parametrize(
    "change",
    [
        {"creation_time": "2024040509"},
        {"creation_time": "20240405"},
        {"title": "  Volet de  synthèse médicale "},
        {"hash": ""},
        {"size": None},
        {"unique_id": "urn:oid:1.2.250.1.999.1.7.1.1"},
    ],
)
def test_less_precise_or_silent_metadata_is_no_difference(
    content: bytes, entry: DocumentEntry, change: dict[str, Any]
) -> None:
    assert check_metadata(msgspec.structs.replace(entry, **change), content) == []


@pytest.mark.parametrize(
    ("remove", "attribute"),
    [
        ("recordTarget", "patientId"),
        ("effectiveTime", "creationTime"),
        ("documentationOf", "practiceSettingCode"),
        ("componentOf", "healthcareFacilityTypeCode"),
        ("title", "title"),
        ("code", "typeCode"),
    ],
)
def test_a_header_that_lacks_what_metadata_needs_is_refused_with_the_place(
    content: bytes, remove: str, attribute: str, without: Callable[[bytes, str], bytes]
) -> None:
    with pytest.raises(InvalidContent) as refusal:
        document_entry_of(without(content, remove))
    assert refusal.value.code == "XDSRepositoryMetadataError"
    assert attribute in refusal.value.reason.en


def test_a_document_without_ins_is_not_of_the_patient(
    content: bytes, entry: DocumentEntry, without: Callable[[bytes, str], bytes]
) -> None:
    changed = without(content, "recordTarget")
    assert "XDSPatientIdDoesNotMatch" in [each.code for each in check_metadata(entry, changed)]


@pytest.fixture
def without() -> Callable[[bytes, str], bytes]:
    from lxml import etree

    def remove(content: bytes, name: str) -> bytes:
        root = etree.fromstring(content)
        for element in root.findall(f"{{urn:hl7-org:v3}}{name}"):
            root.remove(element)
        return etree.tostring(root)

    return remove


def test_a_submission_holds_its_documents_and_what_they_replace(content: bytes, entry: DocumentEntry) -> None:
    submission = submission_for(
        [(entry, content)],
        author=entry.authors[0],
        source_id="1.2.250.1.999.2",
        unique_id="1.2.250.1.999.3.1",
        submission_time="20240405100000",
        replaces={entry.entry_uuid: "urn:uuid:00000000-0000-4000-8000-000000000001"},
    )
    assert [association.type for association in submission.associations] == [
        AssociationType.HAS_MEMBER,
        AssociationType.REPLACES,
    ]
    assert submission.submission_set.content_type_code.code == "07"
    assert submission.contents == {"Document01": content}
