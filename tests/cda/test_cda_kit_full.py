"""Documents that use every option of the builder, and the barest ones, also pass the official kit."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from socle.sandbox.documents import care
from socle.standards.cda.build import (
    Frame,
    ImagingReport,
    build_cr_img,
    build_dispensation,
    build_ldl_ees,
    build_ldl_ses,
    build_prescription,
    build_vaccinations,
    build_vsm,
)
from socle.standards.cda.clinical import Dosage, Frequency, Medication, Problem, Product, Terms
from socle.standards.cda.datatypes import (
    Concept,
    Interval,
    Moment,
    NamePart,
    PersonName,
    Quantity,
    QuantityRange,
    Telecom,
)
from socle.standards.cda.header import Assigned, Guardian, Informant

_SNOMED = "2.16.840.1.113883.6.96"
_CONDITION = "2.16.840.1.113883.4.642.1.1074"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
]


def _full_problem() -> Problem:
    return msgspec.structs.replace(
        care.PROBLEMS[0],
        severity=Concept("6736007", _SNOMED, "modéré"),
        clinical_status=Concept("active", _CONDITION, "Actif"),
        certainty=Concept("410605003", _SNOMED, "confirmé"),
        comment="Suivi par le médecin traitant.",
        text="Diabète découvert à un bilan",
    )


def _full_vsm(frame: Frame) -> bytes:
    person = PersonName((NamePart("MOREL"),), (NamePart("PAUL"),))
    frame = msgspec.structs.replace(
        frame,
        informants=(
            Informant(
                Assigned(name=person, telecoms=(Telecom("tel:+33639980002", "MC"),)),
                "ECON",
                Concept("HUSB", "2.16.840.1.113883.5.111", "Mari"),
            ),
        ),
        patient=msgspec.structs.replace(frame.patient, guardians=(Guardian(name=person),)),
        id="1.2.250.1.999.1.7.1.2",
        version=2,
        replaces=frame.id,
        recipients=(frame.author,),
    )
    allergy = msgspec.structs.replace(
        care.ALLERGIES[0],
        severity=Concept("6736007", _SNOMED, "modéré"),
        clinical_status=Concept("active", "2.16.840.1.113883.4.642.4.1373", "Actif"),
        criticality=Concept("high", "2.16.840.1.113883.4.642.4.130", "Elevé"),
        certainty=Concept("410605003", _SNOMED, "confirmé"),
        comment="Constatée deux fois.",
    )
    words_only = Problem(
        kind=Concept("55607006", _SNOMED, "problème"),
        value=Concept(original_text="Lombalgies chroniques"),
        period=Interval(low=Moment("2015")),
        text="Lombalgies chroniques",
    )
    procedure = msgspec.structs.replace(
        care.PROCEDURES[0],
        sites=(Concept("80891009", _SNOMED, "structure du cœur"),),
        reasons=(Concept("I21.9", "2.16.840.1.113883.6.3", "Infarctus aigu du myocarde, sans précision"),),
    )
    return build_vsm(
        frame,
        problems=[_full_problem(), words_only],
        past_problems=care.PAST_PROBLEMS,
        procedures=[procedure],
        allergies=[allergy],
        habits=care.HABITS,
        family=care.FAMILY,
        treatments=[
            msgspec.structs.replace(
                care.TREATMENTS[0],
                reasons=(Concept("E11.9", "2.16.840.1.113883.6.3", "Diabète sucré de type 2"),),
                patient_instruction="Au cours des repas.",
            )
        ],
    )


def _full_prescription(frame: Frame, pdf: bytes) -> bytes:
    tablet = QuantityRange(Quantity("1", "{tablet}"), Quantity("2", "{tablet}"))
    line = Medication(
        product=care.METFORMIN,
        period=Interval(low=Moment("20240405"), high=Moment("20240705")),
        steps=(
            Dosage(
                frequencies=(Frequency(event="CM"),),
                dose=tablet,
                rate=QuantityRange(Quantity("1000", "mg/d"), Quantity("2000", "mg/d")),
            ),
        ),
        route=care.ORAL,
        reasons=(Concept("E11.9", "2.16.840.1.113883.6.3", "Diabète sucré de type 2"),),
        is_order=True,
        patient_instruction="Au cours du repas.",
        dispenser_instruction="Délivrer en une fois.",
        text="METFORMINE",
    )
    compounded = Medication(
        product=Product(code=Concept(original_text="Préparation magistrale : vaseline 30 g")),
        period=Interval(low=Moment("20240405"), high=Moment("20240415")),
        is_order=True,
        terms=Terms(repeats=0),
        text="Préparation magistrale : vaseline 30 g",
    )
    flag = Concept("MED-1095", "1.2.250.1.213.1.1.4.322", "Exécution en urgence")
    return build_prescription(frame, (line, compounded), number="01FULL", flags=(flag,), pdf=pdf)


_CASES: dict[str, tuple[str, Callable[[Frame, bytes], bytes]]] = {
    "full synthesis": ("VSM_2023.01", lambda frame, _: _full_vsm(frame)),
    "empty synthesis": ("VSM_2023.01", lambda frame, _: build_vsm(frame)),
    "bare referral": ("LDL-EES_2022.01", lambda frame, _: build_ldl_ees(frame, reason="Chute")),
    "bare discharge": (
        "LDL-SES_2022.01",
        lambda frame, _: build_ldl_ses(
            frame, msgspec.structs.replace(care.STAY, adverse_events="", resistant_organisms="E. coli BLSE")
        ),
    ),
    "full prescription": ("EP-MED-DM_2024.01", _full_prescription),
    "prescription of a device": (
        "EP-MED-DM_2024.01",
        lambda frame, pdf: build_prescription(frame, devices=(care.bed("20240405", "20240705"),), number="1", pdf=pdf),
    ),
    "bare dispensation": (
        "eDISP-MED_2024.01",
        lambda frame, _: build_dispensation(
            msgspec.structs.replace(
                frame,
                author=msgspec.structs.replace(
                    frame.author, profession=Concept("G15_21", "1.2.250.1.213.1.1.4.5", "Pharmacien")
                ),
            ),
            [
                msgspec.structs.replace(
                    care.dispensed_metformin("1.2.3", "20240405", "20240505"),
                    treatment=None,
                    substitution=None,
                    order_document=None,
                    patient_instruction="",
                    note="",
                )
            ],
        ),
    ),
    "vaccine with a reaction": (
        "VAC_2023.01",
        lambda frame, _: build_vaccinations(
            frame,
            [
                msgspec.structs.replace(
                    care.ADULT_VACCINES[0],
                    dose=Quantity("0.5", "mL"),
                    comment="Bien supporté.",
                    reactions=(msgspec.structs.replace(care.ALLERGIES[0].reactions[0], section="11369-6"),),
                )
            ],
        ),
    ),
    "bare imaging report": (
        "IMG-CR-IMG_2024.01",
        lambda frame, _: build_cr_img(
            frame,
            ImagingReport(
                act=Concept("30745-4", "2.16.840.1.113883.6.1", "Radiographie du thorax"),
                modality=Concept("DX", "1.2.840.10008.2.16.4", "Radiographie numérique"),
                site=Concept("302551006", _SNOMED, "thorax entier"),
                time=frame.service,
                request="Toux.",
                findings="Rien.",
                conclusion="Normal.",
            ),
        ),
    ),
}


@pytest.mark.parametrize("case", _CASES)
def test_a_document_has_no_finding(
    case: str, frame: Frame, small_pdf: bytes, official_findings: Callable[[bytes, str], dict[str, list[str]]]
) -> None:
    kind, build = _CASES[case]
    assert official_findings(build(frame, small_pdf), kind) == {}
