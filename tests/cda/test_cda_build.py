"""What is built is read back equal to the typed values it was built from, and twice the same."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socle.standards.cda.build import (
    Chapter,
    Frame,
    ImagingReport,
    Stay,
    build_cr_bio,
    build_cr_img,
    build_dispensation,
    build_ldl_ees,
    build_ldl_ses,
    build_n1,
    build_prescription,
    build_tlm_cr,
    build_vaccinations,
    build_vsm,
    pdf_a_claim,
    pdf_a_findings,
    professional_of,
)
from socle.standards.cda.clinical import (
    Allergy,
    Dispensation,
    Dosage,
    FamilyHistory,
    Frequency,
    Ingredient,
    MedicalDevice,
    Medication,
    Observation,
    Problem,
    Procedure,
    Product,
    Ratio,
    ReferenceRange,
    Terms,
    Vaccination,
)
from socle.standards.cda.datatypes import Concept, Identifier, Interval, Moment, Quantity, QuantityRange
from socle.standards.cda.entries import read_attachment, read_clinical_content
from socle.standards.cda.header import read_header
from socle.standards.errors import InvalidContent, MalformedInput

_WORDS = st.text("aé 'B<&-", min_size=1, max_size=5).map(lambda text: " ".join(f"m{text}z".split()))
_OIDS = st.sampled_from(["2.16.840.1.113883.6.1", "2.16.840.1.113883.6.96", "1.2.250.1.213.2.3.1"])
_CODED = st.builds(Concept, _WORDS.map(lambda text: text.replace(" ", "")), _OIDS, _WORDS)
_WORDED = st.builds(lambda text: Concept(original_text=text), _WORDS)
_CONCEPTS = st.one_of(_CODED, _WORDED)
_UUIDS = st.integers(0, 2**20).map(lambda number: Identifier(f"5C1A9F00-6A1E-4B7C-9C11-{number:012X}"))
_DAYS = st.dates(date(1901, 1, 1), date(2099, 12, 31)).map(lambda day: Moment(day.strftime("%Y%m%d")))
_DECIMALS = st.integers(0, 10**6).map(lambda number: f"{number / 100:.2f}")
_UNITS = st.sampled_from(["g/dL", "mmol/L", "mg", ""])
_QUANTITIES = st.builds(Quantity, _DECIMALS, _UNITS)
_RANGES = st.builds(QuantityRange, _QUANTITIES, _QUANTITIES)
_PERIODS = st.builds(lambda low, high: Interval(low=low, high=high), _DAYS, _DAYS)
_OPEN = st.one_of(_PERIODS, _DAYS.map(lambda day: Interval(low=day)))
_POINTS = _DAYS.map(lambda day: Interval(value=day))
_OPTIONAL_WORDS = st.one_of(st.just(""), _WORDS)


def _problems(section: str, *, is_plain: bool = False) -> st.SearchStrategy[Problem]:
    extra = st.none() if is_plain else st.none() | _CODED
    return st.builds(
        Problem,
        kind=_CODED,
        value=_CODED if is_plain else _CONCEPTS,
        period=_OPEN,
        is_active=st.just(True) if is_plain else st.booleans(),
        is_negated=st.booleans(),
        severity=extra,
        clinical_status=extra,
        certainty=extra,
        comment=st.just("") if is_plain else _OPTIONAL_WORDS,
        id=_UUIDS,
        text=_WORDS,
        section=st.just(section),
    )


_ALLERGIES = st.builds(
    Allergy,
    kind=_CODED,
    agent=st.none() | _CONCEPTS,
    value=st.none() | _CODED,
    period=_OPEN,
    is_active=st.booleans(),
    severity=st.none() | _CODED,
    criticality=st.none() | _CODED,
    certainty=st.none() | _CODED,
    clinical_status=st.none() | _CODED,
    # A reaction lives in the allergy's concern: it is as active as the allergy.
    reactions=st.just(()),
    comment=_OPTIONAL_WORDS,
    id=_UUIDS,
    text=_WORDS,
    section=st.just("48765-2"),
)
_PROCEDURES = st.builds(
    Procedure,
    code=_CODED,
    time=_POINTS,
    sites=st.lists(_CODED, max_size=2).map(tuple),
    is_negated=st.booleans(),
    reasons=st.lists(_CODED, max_size=2).map(tuple),
    id=_UUIDS,
    text=_WORDS,
    section=st.just("47519-4"),
)
_HABITS = st.builds(
    Observation,
    code=_CODED,
    value=st.one_of(_QUANTITIES, _CODED, st.booleans(), st.integers(0, 99), _WORDS),
    time=_OPEN,
    id=_UUIDS,
    text=_WORDS,
    section=st.just("29762-2"),
)
_FAMILY = st.builds(
    FamilyHistory,
    relation=_CODED,
    problems=st.lists(
        st.builds(Problem, kind=_CODED, value=_CODED, period=_OPEN, id=_UUIDS, text=_WORDS, section=st.just("10157-6")),
        min_size=1,
        max_size=2,
    ).map(tuple),
    id=_UUIDS,
    section=st.just("10157-6"),
)
_INGREDIENTS = st.builds(Ingredient, _CONCEPTS, _QUANTITIES, st.just(Quantity("1")))
_PRODUCTS = st.builds(
    Product,
    code=st.builds(
        Concept,
        st.just("61234567"),
        st.just("1.2.250.1.213.2.3.1"),
        _WORDS,
        translations=st.lists(_CODED, max_size=2).map(tuple),
    ),
    name=_WORDS,
    form=st.none() | _CODED,
    lot=_OPTIONAL_WORDS,
    expiry=st.none() | _DAYS,
    ingredients=st.lists(_INGREDIENTS, max_size=2).map(tuple),
)
_FREQUENCIES = st.one_of(
    st.builds(Frequency, period=_QUANTITIES, during=st.none() | _PERIODS),
    st.builds(Frequency, event=st.sampled_from(["ACM", "HS"])),
)


def _steps(*, with_period: bool) -> st.SearchStrategy[Dosage]:
    return st.builds(
        Dosage,
        frequencies=st.lists(_FREQUENCIES, min_size=1, max_size=2).map(tuple),
        dose=st.none() | _RANGES,
        rate=st.none() | _RANGES,
        maximum=st.lists(st.builds(Ratio, _QUANTITIES, _QUANTITIES), max_size=1).map(tuple),
        period=st.none() | _PERIODS if with_period else st.none(),
    )


def _medications(section: str, *, is_order: bool) -> st.SearchStrategy[Medication]:
    terms = st.builds(
        Terms,
        substitution=_CODED,
        substitution_reason=_WORDS,
        quantity=st.none() | _QUANTITIES,
        repeats=st.none() | st.integers(0, 12),
        is_ald=st.booleans(),
        is_work_accident=st.booleans(),
        is_prevention=st.booleans(),
        is_not_reimbursed=st.booleans(),
        is_off_label=st.booleans(),
    )
    return st.builds(
        Medication,
        product=_PRODUCTS,
        period=_PERIODS,
        steps=st.lists(_steps(with_period=False), max_size=1).map(tuple),
        route=st.none() | _CODED,
        site=st.none() | _CODED,
        is_order=st.just(is_order),
        reasons=st.lists(_CODED, max_size=2).map(tuple),
        patient_instruction=_OPTIONAL_WORDS,
        dispenser_instruction=_OPTIONAL_WORDS if is_order else st.just(""),
        terms=terms if is_order else st.just(Terms()),
        id=_UUIDS,
        text=_WORDS,
        section=st.just(section),
    )


#: Argument of the builder → (kind of the content that is read back, strategy of one value).
_SYNTHESIS: dict[str, tuple[str, st.SearchStrategy[Any]]] = {
    "problems": ("problems", _problems("11450-4")),
    "past_problems": ("problems", _problems("11348-0")),
    "allergies": ("allergies", _ALLERGIES),
    "procedures": ("procedures", _PROCEDURES),
    "habits": ("social_history", _HABITS),
    "family": ("family_history", _FAMILY),
    "treatments": ("medications", _medications("10160-0", is_order=False)),
}


@pytest.mark.parametrize("argument", _SYNTHESIS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_synthesis_is_read_back_equal(frame: Frame, argument: str, data: st.DataObject) -> None:
    kind, strategy = _SYNTHESIS[argument]
    values = tuple(data.draw(st.lists(strategy, min_size=1, max_size=2)))
    builder: Any = build_vsm
    assert getattr(read_clinical_content(builder(frame, **{argument: values})), kind) == values


_RESULTS = st.builds(
    Observation,
    code=_CODED,
    value=st.one_of(_QUANTITIES, _RANGES, _CODED, _WORDS, st.integers(0, 10**6)),
    time=_POINTS,
    interpretation=st.none() | _CODED,
    reference_ranges=st.one_of(
        st.just(()),
        st.tuples(st.builds(ReferenceRange, _RANGES)),
        st.tuples(st.builds(ReferenceRange, st.none(), _WORDS)),
    ),
    method=st.none() | _CONCEPTS,
    status=st.sampled_from(["completed", "aborted"]),
    comment=_OPTIONAL_WORDS,
    chapter=st.just(Concept("18723-7", "2.16.840.1.113883.6.1", "Hématologie")),
    id=_UUIDS,
    text=_WORDS,
    section=st.just("18723-7"),
)


@settings(max_examples=30, deadline=None)
@given(results=st.lists(_RESULTS, min_size=1, max_size=4), panel=st.none() | _CODED)
def test_laboratory_results_are_read_back_equal(
    frame: Frame, small_pdf: bytes, results: list[Observation], panel: Concept | None
) -> None:
    grouped = tuple(msgspec.structs.replace(result, panel=panel) for result in results)
    chapter = Chapter(Concept("18723-7", "2.16.840.1.113883.6.1", "Hématologie"), grouped)
    built = build_cr_bio(frame, [chapter], pdf=small_pdf)
    assert read_clinical_content(built).results == grouped
    assert read_attachment(built, "copie-pdf").content == small_pdf


def test_a_previous_result_is_read_back_with_the_result(frame: Frame, small_pdf: bytes) -> None:
    code = Concept("718-7", "2.16.840.1.113883.6.1", "Hémoglobine")
    chapter = Concept("18723-7", "2.16.840.1.113883.6.1", "Hématologie")
    older = Observation(
        code=code,
        value=Quantity("13.1", "g/dL"),
        time=Interval(value=Moment("20230101")),
        chapter=chapter,
        text="Hémoglobine",
        section="18723-7",
    )
    newer = msgspec.structs.replace(
        older, value=Quantity("11.9", "g/dL"), time=Interval(value=Moment("20240101")), previous=(older,)
    )
    built = build_cr_bio(frame, [Chapter(chapter, (newer,))], pdf=small_pdf)
    (read,) = read_clinical_content(built).results
    assert msgspec.structs.replace(read, id=None) == newer


@settings(max_examples=30, deadline=None)
@given(lines=st.lists(_medications("57828-6", is_order=True), min_size=1, max_size=2).map(tuple))
def test_prescription_lines_are_read_back_equal(frame: Frame, small_pdf: bytes, lines: tuple[Medication, ...]) -> None:
    built = build_prescription(frame, lines, number="01ABC", pdf=small_pdf)
    assert read_clinical_content(built).medications == lines
    (identifier,) = read_header(built).service_events[0].ids
    assert identifier.extension == "01ABC"


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(_steps(with_period=True), min_size=2, max_size=3).map(tuple))
def test_the_steps_of_a_progressive_posology_are_read_back_in_order(
    frame: Frame, small_pdf: bytes, steps: tuple[Dosage, ...]
) -> None:
    line = Medication(product=Product(name="FER EXEMPLE"), steps=steps, is_order=True)
    (read,) = read_clinical_content(build_prescription(frame, (line,), number="1", pdf=small_pdf)).medications
    assert tuple(msgspec.structs.replace(step, text="") for step in read.steps) == steps


_DOCTOR = professional_of(
    "10109876549", family="MARCHAND", given="CAMILLE", profession=Concept("G15_10/SM54", "", "Médecin")
)
_VACCINATIONS = st.builds(
    Vaccination,
    product=_PRODUCTS,
    kind=_CODED,
    time=_POINTS,
    route=st.none() | _CODED,
    site=st.none() | _CODED,
    dose=st.none() | _QUANTITIES,
    rank=st.none() | st.integers(1, 9),
    is_negated=st.booleans(),
    performer=st.just(_DOCTOR),
    reactions=st.lists(_problems("11369-6", is_plain=True), max_size=1).map(tuple),
    comment=_OPTIONAL_WORDS,
    id=_UUIDS,
    text=_WORDS,
    section=st.just("11369-6"),
)


@settings(max_examples=30, deadline=None)
@given(vaccinations=st.lists(_VACCINATIONS, min_size=1, max_size=3).map(tuple))
def test_vaccinations_are_read_back_equal(frame: Frame, vaccinations: tuple[Vaccination, ...]) -> None:
    assert read_clinical_content(build_vaccinations(frame, vaccinations)).vaccinations == vaccinations


_DISPENSATIONS = st.builds(
    Dispensation,
    product=_PRODUCTS,
    quantity=_QUANTITIES,
    order=_UUIDS,
    order_document=st.none() | st.just(Identifier("1.2.3")),
    substitution=st.none() | _CODED,
    patient_instruction=_OPTIONAL_WORDS,
    note=_OPTIONAL_WORDS,
    id=_UUIDS,
    text=_WORDS,
    section=st.just("60590-7"),
)


@settings(max_examples=30, deadline=None)
@given(dispensations=st.lists(_DISPENSATIONS, min_size=1, max_size=2).map(tuple))
def test_dispensations_are_read_back_equal(frame: Frame, dispensations: tuple[Dispensation, ...]) -> None:
    assert read_clinical_content(build_dispensation(frame, dispensations)).dispensations == dispensations


def test_a_prescribed_device_is_read_back_equal(frame: Frame, small_pdf: bytes) -> None:
    device = MedicalDevice(
        code=Concept("V0806", "1.2.250.1.213.2.68", "LITS MÉDICAUX"),
        period=Interval(low=Moment("20240405"), high=Moment("20240705")),
        quantity=Quantity("1"),
        is_order=True,
        terms=Terms(repeats=2, is_ald=True, is_work_accident=False, is_not_reimbursed=False, is_prevention=True),
        id=Identifier("5C1A9F00-6A1E-4B7C-9C11-000000000002"),
        text="Lit médical",
        section="46264-8",
    )
    built = build_prescription(frame, devices=(device,), number="1", pdf=small_pdf)
    assert read_clinical_content(built).devices == (device,)


def test_letters_and_reports_hold_what_they_were_given(frame: Frame) -> None:
    stay = Stay(
        entry_mode=Concept("183452005", "2.16.840.1.113883.6.96", "hospitalisation en urgence"),
        exit_mode=Concept("160849004", "2.16.840.1.113883.6.96", "retour au domicile"),
        period=Interval(low=Moment("20240401"), high=Moment("20240405")),
        reason="Dyspnée",
        synthesis="Décompensation cardiaque",
        transfused=True,
    )
    letter = read_clinical_content(build_ldl_ses(frame, stay))
    found = {observation.code.code: observation.value for observation in letter.observations}
    assert found["MED-142"] == "Décompensation cardiaque"
    assert found["MED-145"] is True
    assert found["ORG-070"] == stay.entry_mode
    assert "Dyspnée" in [section.text for section in letter.sections]
    referral = read_clinical_content(build_ldl_ees(frame, reason="Chute", comment="Vit seul"))
    (treatment,) = referral.medications
    assert treatment.absence is not None
    assert treatment.absence.code == "no-known-medications"
    assert referral.allergies[0].name == "Pas d'allergie/hypersensibilité connue"
    report = ImagingReport(
        act=Concept("30745-4", "2.16.840.1.113883.6.1", "Radiographie du thorax"),
        modality=Concept("DX", "1.2.840.10008.2.16.4", "Radiographie numérique"),
        site=Concept("302551006", "2.16.840.1.113883.6.96", "thorax entier"),
        time=frame.service,
        request="Toux",
        findings="Rien",
        conclusion="Normal",
    )
    imaging = read_clinical_content(build_cr_img(frame, report))
    assert [section.title for section in imaging.sections] == [
        "Demande d'examen",
        "Acte d'imagerie",
        "Catalogue d'objets DICOM",
        "Résultats",
        "Conclusion",
    ]
    assert imaging.procedures[0].code == report.act


def test_a_replacement_names_what_it_replaces(frame: Frame) -> None:
    second = msgspec.structs.replace(frame, id="1.2.250.1.999.1.7.1.2", version=2, replaces=frame.id)
    header = read_header(build_vsm(second))
    assert header.replaced == Identifier(frame.id)
    assert (header.version, header.set_id) == ("2", Identifier(frame.set_id))


def test_the_same_values_give_the_same_bytes(frame: Frame, small_pdf: bytes) -> None:
    assert build_tlm_cr(frame, small_pdf) == build_tlm_cr(frame, small_pdf)
    assert build_vsm(frame) == build_vsm(frame)


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4 nothing", b"\xff\xd8\xff image"])
def test_what_is_not_a_pdf_is_not_wrapped_as_one(frame: Frame, content: bytes) -> None:
    with pytest.raises(InvalidContent) as refusal:
        build_n1(frame, content, code=Concept("11502-2", "2.16.840.1.113883.6.1", "CR"), title="CR")
    assert refusal.value.code == "NotPDF"


def test_a_plain_pdf_does_not_claim_to_be_archival(small_pdf: bytes) -> None:
    assert pdf_a_claim(small_pdf) == ""
    assert {finding.code for finding in pdf_a_findings(small_pdf)} == {"PDFANotClaimed", "PDFANoOutputIntent"}


def test_an_empty_prescription_is_refused(frame: Frame) -> None:
    with pytest.raises(InvalidContent):
        build_prescription(frame, number="1")


def test_a_wrong_rpps_is_refused() -> None:
    with pytest.raises(MalformedInput):
        professional_of("10109876540", family="A", given="B", profession=Concept("G15_10"))
