"""Coded entries of the real examples come out as typed values."""

from __future__ import annotations

import pytest

from socle.standards.cda.clinical import ReferenceRange
from socle.standards.cda.datatypes import Concept, Moment, Quantity, QuantityRange
from socle.standards.cda.entries import read_attachment, read_clinical_content
from socle.standards.errors import NotFound

#: What each example holds, counted by hand in its entries.
_COUNTS = {
    "BIO-CR-BIO_2024.01_TSH_1.xml": {"results": 2, "attachments": 1},
    "BIO-CR-BIO_2021.01_Auto-Presentable.xml": {"results": 11},
    "VSM_1.4_2022.01.xml": {
        "problems": 4,
        "allergies": 1,
        "procedures": 1,
        "social_history": 2,
        "family_history": 1,
        "medications": 2,
    },
    "VAC_2023.01.xml": {"vaccinations": 4},
    "eDISP-MED_2024.01.xml": {"dispensations": 2, "medications": 0},
    "eP-MED-DM_2024.01_PosoStruct.xml": {"medications": 2, "devices": 1, "vital_signs": 2, "pregnancies": 1},
    "LDL-SES_2022.01.xml": {"observations": 11, "medications": 2, "allergies": 1, "devices": 1},
    "IPS-FR_2024.01.xml": {"problems": 9, "allergies": 1, "vaccinations": 2, "vital_signs": 2},
    "DOC_NON_STRUCTURE_CDA-R2-N1.xml": {"sections": 0, "results": 0},
}


@pytest.mark.parametrize("name", _COUNTS)
def test_an_example_holds_what_was_counted(examples: dict[str, bytes], name: str) -> None:
    content = read_clinical_content(examples[name])
    assert {kind: len(getattr(content, kind)) for kind in _COUNTS[name]} == _COUNTS[name]


def test_every_example_is_read_and_each_entry_has_a_name_and_a_section(example: bytes) -> None:
    content = read_clinical_content(example)
    for result in content.results:
        assert result.name
        assert result.section
    for problem in content.problems:
        assert problem.section


def test_a_low_thyroxine_has_its_value_range_method_and_interpretation(examples: dict[str, bytes]) -> None:
    result = read_clinical_content(examples["BIO-CR-BIO_2024.01_TSH_1.xml"]).results[1]
    assert result.name == "Thyroxine libre (FT4)"
    assert result.code.key == ("3024-7", "2.16.840.1.113883.6.1")
    assert result.value == Quantity("7.67", "pg/mL")
    assert result.reference_ranges == (
        ReferenceRange(QuantityRange(Quantity("9.30", "pg/mL"), Quantity("17.00", "pg/mL"))),
    )
    assert result.interpretation == Concept("L", "2.16.840.1.113883.5.83", "Anormalement bas")
    assert result.method == Concept(original_text="(ECL Modular)")
    assert result.time is not None
    assert result.time.value == Moment("20140402145521+0200")
    assert result.chapter == Concept("18719-5", "2.16.840.1.113883.6.1", "Biochimie")


def test_a_progressive_prescription_has_its_steps_and_its_terms(examples: dict[str, bytes]) -> None:
    line = read_clinical_content(examples["eP-MED-DM_2024.01_PosoStruct.xml"]).medications[0]
    assert line.is_order
    assert line.product.title == "PARACETAMOL MYLAN 500 mg, comprimé"
    assert [step.frequencies[0].period for step in line.steps] == [Quantity("8", "h"), Quantity("12", "h")]
    assert line.steps[0].rate == QuantityRange(Quantity("1500", "mg/d"), Quantity("3000", "mg/d"))
    assert line.terms.repeats == 3
    assert line.terms.quantity == Quantity("2", "30009000")
    assert line.terms.substitution_reason == "Non (Marge thérapeutique étroite)"
    assert (line.terms.is_ald, line.terms.is_off_label) == (False, False)
    assert line.patient_instruction == "A prendre au cours d'un repas"


def test_a_compounded_medicine_keeps_the_prescriber_s_words(examples: dict[str, bytes]) -> None:
    line = read_clinical_content(examples["eP-MED-DM_2024.01_PosoStruct.xml"]).medications[1]
    assert line.product.code.code == ""
    assert line.product.title == "Préparation magistrale : - 30g de diprosone - 70g de Cérat Frais de Galien"


def test_a_dispensation_names_its_order_and_what_was_followed(examples: dict[str, bytes]) -> None:
    dispensation = read_clinical_content(examples["eDISP-MED_2024.01.xml"]).dispensations[0]
    assert dispensation.order is not None
    assert dispensation.order.root == "AADC9C14-F1CA-4177-B2C8-A5178D5B3CA0"
    assert dispensation.order_document is not None
    assert dispensation.product.lot == "12345"
    assert dispensation.treatment is not None
    assert dispensation.treatment.steps[0].frequencies[0].period == Quantity("16", "h")
    assert dispensation.substitution is not None
    assert dispensation.substitution.code == "G"


def test_the_embedded_pdf_comes_out_whole(examples: dict[str, bytes]) -> None:
    file = read_attachment(examples["BIO-CR-BIO_2024.01_TSH_1.xml"], "doc-1")
    assert file.media_type == "application/pdf"
    assert file.content.startswith(b"%PDF-")
    assert read_attachment(examples["DOC_NON_STRUCTURE_CDA-R2-N1.xml"], "").content.startswith(b"%PDF-")


def test_an_unknown_attachment_is_not_found(examples: dict[str, bytes]) -> None:
    with pytest.raises(NotFound) as refusal:
        read_attachment(examples["VAC_2023.01.xml"], "nothing")
    assert refusal.value.code == "NoSuchAttachment"
