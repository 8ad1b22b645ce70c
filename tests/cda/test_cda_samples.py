"""The documents that the sandbox ships: of every priority type, deterministic, ready for the DMP."""

from __future__ import annotations

import pytest

from socle.sandbox import cast
from socle.sandbox.documents import named_documents, sample_documents
from socle.standards.cda.build import pdf_a_claim, pdf_a_findings
from socle.standards.cda.clinical import Observation
from socle.standards.cda.datatypes import Quantity
from socle.standards.cda.entries import read_attachment, read_clinical_content
from socle.standards.cda.header import read_header
from socle.standards.cda.metadata import check_metadata, document_entry_of

#: Building all of them takes some seconds: their copies are printed.
pytestmark = pytest.mark.slow


def test_the_samples_cover_every_priority_type_and_agree_with_their_metadata() -> None:
    documents = named_documents(1)
    assert sample_documents(1) == [document.content for document in documents]
    kinds = {document.name.partition("_")[0] for document in documents}
    assert kinds == {
        "CR-BIO",
        "CR-IMG",
        "CR-IMG-N1",
        "LDL-EES",
        "LDL-SES",
        "TLM-CR",
        "VAC",
        "VSM",
        "eDISP-MED",
        "eP-MED-DM",
    }
    identifiers = set()
    for document in documents:
        entry = document_entry_of(document.content)
        identifiers.add(entry.unique_id)
        assert check_metadata(entry, document.content) == []
        assert entry.patient_id in {patient.ins for patient in cast.PATIENTS}
    assert len(identifiers) == len(documents)


def test_haemoglobin_can_be_drawn_over_five_years() -> None:
    points = [
        (_day(result), float(result.value.value))
        for document in named_documents(1)
        if document.name.startswith("CR-BIO_ROBERT")
        for result in read_clinical_content(document.content).results
        if result.code.code == "718-7" and isinstance(result.value, Quantity)
    ]
    assert [day[:4] for day, _ in points] == ["2022", "2023", "2024", "2025", "2026"]
    assert all(9 < value < 16 for _, value in points)


def _day(result: Observation) -> str:
    assert result.time is not None
    assert result.time.value is not None
    return result.time.value.text[:8]


def test_the_embedded_letters_claim_pdf_a_and_keep_the_cheap_part_of_it() -> None:
    for document in named_documents(1):
        if read_header(document.content).is_level_1:
            pdf = read_attachment(document.content, "").content
            assert pdf_a_claim(pdf) == "1B"
            assert pdf_a_findings(pdf) == []


def test_the_dispensation_answers_the_prescription() -> None:
    by_name = {document.name.partition("_2")[0]: document.content for document in named_documents(1)}
    prescription = read_header(by_name["eP-MED-DM_ROBERT"])
    (dispensation,) = read_clinical_content(by_name["eDISP-MED_ROBERT"]).dispensations
    assert dispensation.order_document == prescription.id
    lines = read_clinical_content(by_name["eP-MED-DM_ROBERT"]).medications
    assert dispensation.order in {line.id for line in lines}
