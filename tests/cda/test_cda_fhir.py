"""CDA content as FHIR: valid, complete, the same twice."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

import pytest

from socle.standards.cda.datatypes import Identifier, Moment
from socle.standards.cda.entries import read_clinical_content
from socle.standards.cda.fhir import to_bundle
from socle.standards.cda.fhir.datatypes import date_time, identifier
from socle.standards.fhir import resources as fhir
from socle.standards.fhir.json_codec import decode_json, encode_json, to_tree

R = TypeVar("R")


def _all(bundle: fhir.Bundle, kind: type[R]) -> list[R]:
    return [entry.resource for entry in bundle.entry if isinstance(entry.resource, kind)]


def test_every_example_is_a_strictly_valid_document_bundle(example: bytes) -> None:
    bundle = to_bundle(example)
    assert decode_json(encode_json(bundle)) == bundle
    assert isinstance(bundle.entry[0].resource, fhir.Composition)
    assert to_bundle(example) == bundle
    urls = [entry.full_url for entry in bundle.entry]
    assert len(urls) == len(set(urls))


def test_every_reference_of_a_composition_is_in_the_bundle(example: bytes) -> None:
    bundle = to_bundle(example)
    urls = {entry.full_url for entry in bundle.entry}
    (composition,) = _all(bundle, fhir.Composition)
    sections = list(composition.section)
    seen = []
    while sections:
        section = sections.pop()
        sections.extend(section.section)
        seen.extend(reference.reference for reference in section.entry)
    assert set(seen) <= urls
    content = read_clinical_content(example)
    assert len(seen) >= len(content.results) + len(content.medications) + len(content.problems)


def test_everything_in_a_document_bundle_is_linked_with_its_composition(example: bytes) -> None:
    """FHIR R4 §3.3.1: what no chain of links ties to the Composition, in either direction, is no part of it."""
    entries = {entry["fullUrl"]: entry["resource"] for entry in to_tree(to_bundle(example))["entry"]}
    links = {url: {end for end in _references(resource) if end in entries} for url, resource in entries.items()}
    linked, waiting = set(), [next(iter(entries))]
    while waiting:
        url = waiting.pop()
        if url not in linked:
            linked.add(url)
            waiting += [*links[url], *(source for source, ends in links.items() if url in ends)]
    assert linked == entries.keys()


def _references(value: object) -> set[str]:
    match value:
        case {"reference": str(url)}:
            return {url}
        case dict():
            return set().union(*map(_references, value.values()))
        case list():
            return set().union(*map(_references, value))
    return set()


def test_a_low_result_becomes_an_observation_with_its_range(examples: dict[str, bytes]) -> None:
    found = _all(to_bundle(examples["BIO-CR-BIO_2024.01_TSH_1.xml"]), fhir.Observation)
    low = next(each for each in found if each.code.coding[0].code == "3024-7")
    assert low.status == "final"
    assert low.value_quantity is not None
    assert (low.value_quantity.value, low.value_quantity.code) == (Decimal("7.67"), "pg/mL")
    assert low.interpretation[0].coding[0].code == "L"
    assert low.reference_range[0].low is not None
    assert low.effective_date_time == "2014-04-02T14:55:21+02:00"
    assert low.category[0].coding[0].code == "laboratory"


def test_a_prescription_line_becomes_a_request_with_its_steps(examples: dict[str, bytes]) -> None:
    request = _all(to_bundle(examples["eP-MED-DM_2024.01_PosoStruct.xml"]), fhir.MedicationRequest)[0]
    (product,) = request.contained
    assert isinstance(product, fhir.Medication)
    assert product.code is not None
    assert [coding.code for coding in product.code.coding] == ["63107752", "MV00002306", "3400933516390"]
    assert [dosage.sequence for dosage in request.dosage_instruction] == [1, 2]
    timing = request.dosage_instruction[0].timing
    assert timing is not None
    assert timing.repeat is not None
    assert (timing.repeat.period, timing.repeat.period_unit) == (Decimal(8), "h")
    assert request.dispense_request is not None
    assert request.dispense_request.number_of_repeats_allowed == 3


def test_problems_allergies_and_vaccines_keep_their_codes(examples: dict[str, bytes]) -> None:
    bundle = to_bundle(examples["VSM_1.4_2022.01.xml"])
    conditions = _all(bundle, fhir.Condition)
    assert conditions[0].code is not None
    assert conditions[0].code.coding[0].code == "G45.9"
    assert conditions[0].onset_date_time == "2019-08-11"
    (allergy,) = _all(bundle, fhir.AllergyIntolerance)
    assert allergy.category == ("medication",)
    vaccines = _all(to_bundle(examples["VAC_2023.01.xml"]), fhir.Immunization)
    assert vaccines[0].lot_number == "235421176"
    assert vaccines[0].occurrence_date_time == "1975"
    assert vaccines[0].protocol_applied[0].dose_number_positive_int == 1


def test_the_patient_is_named_by_his_ins_and_his_two_names(examples: dict[str, bytes]) -> None:
    (patient,) = _all(to_bundle(examples["LDL-SES_2022.01.xml"]), fhir.Patient)
    assert patient.identifier[0].value == "279035121518989"
    assert [(name.use, name.family) for name in patient.name] == [("official", "PAT-TROIS"), ("usual", "PAT-TROIS")]
    assert (patient.gender, patient.birth_date) == ("female", "1979-03-28")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", "2024"),
        ("202404", "2024-04"),
        ("20240405", "2024-04-05"),
        ("2024040510+0200", "2024-04-05T10:00:00+02:00"),
        ("20240405103000", "2024-04-05T10:30:00+02:00"),
        ("20240105103000-1130", "2024-01-05T10:30:00-11:30"),
        ("n'importe quoi", None),
        ("20240230", None),
    ],
)
def test_a_moment_becomes_a_fhir_date_time(text: str, expected: str | None) -> None:
    assert date_time(Moment(text)) == expected


def test_an_identifier_without_extension_is_a_uri() -> None:
    (found,) = identifier(Identifier("AADC9C14-F1CA-4177-B2C8-A5178D5B3CA0"))
    assert (found.system, found.value) == ("urn:ietf:rfc:3986", "urn:uuid:aadc9c14-f1ca-4177-b2c8-a5178d5b3ca0")
