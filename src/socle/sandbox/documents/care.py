"""The clinical story of the cast: problems, allergies, treatments, vaccines, images. All invented."""

from __future__ import annotations

from typing import Final

from socle.sandbox import cast
from socle.sandbox.documents.people import professional
from socle.standards.cda.build import ImagingReport, ImagingStudy, Stay
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
    Terms,
    Vaccination,
)
from socle.standards.cda.datatypes import Concept, Identifier, Interval, Moment, Quantity, QuantityRange

_SNOMED: Final = "2.16.840.1.113883.6.96"
_ICD: Final = "2.16.840.1.113883.6.3"
_CIS: Final = "1.2.250.1.213.2.3.1"
_CIP: Final = "1.2.250.1.213.2.3.2"
_ATC: Final = "2.16.840.1.113883.6.73"
_EDQM: Final = "0.4.0.127.0.16.1.1.2.1"
_LOINC: Final = "2.16.840.1.113883.6.1"
_DCM: Final = "1.2.840.10008.2.16.4"

_DIAGNOSIS: Final = Concept("282291009", _SNOMED, "interprétation diagnostique")
_DISEASE: Final = Concept("64572001", _SNOMED, "maladie")
_SYMPTOM: Final = Concept("418799008", _SNOMED, "symptôme rapporté par le patient ou le répondant")
ORAL: Final = Concept("20053000", _EDQM, "Voie orale")
_INTRAMUSCULAR: Final = Concept("20035000", _EDQM, "Voie intramusculaire")
_LEFT_DELTOID: Final = Concept("16217701000119102", _SNOMED, "deltoïde gauche")
_LEFT_THIGH: Final = Concept("61396006", _SNOMED, "cuisse gauche")


def _since(low: str, high: str = "") -> Interval:
    return Interval(low=Moment(low), high=Moment(high) if high else None)


def _problem(code: str, label: str, low: str, high: str = "", *, section: str = "11450-4") -> Problem:
    return Problem(
        kind=_DISEASE,
        value=Concept(code, _ICD, label),
        period=_since(low, high),
        is_active=not high,
        text=label,
        section=section,
    )


PROBLEMS: Final = (
    _problem("E11.9", "Diabète sucré de type 2, sans complication", "201103"),
    _problem("I10", "Hypertension essentielle (primitive)", "2008"),
    _problem("I50.0", "Insuffisance cardiaque congestive", "20231108"),
)
PAST_PROBLEMS: Final = (_problem("J18.9", "Pneumopathie, sans précision", "20190114", "20190202", section="11348-0"),)
PROCEDURES: Final = (
    Procedure(
        code=Concept(
            "DDAF004",
            "1.2.250.1.215.300.1",
            "Dilatation intraluminale de 2 vaisseaux coronaires avec pose d'endoprothèse, "
            "par voie artérielle transcutanée",
        ),
        time=Interval(value=Moment("20180522")),
        performer=professional(cast.CARDIOLOGIST),
        text="Angioplastie coronaire avec deux stents",
        section="47519-4",
    ),
)
ALLERGIES: Final = (
    Allergy(
        kind=Concept("416098002", _SNOMED, "allergie médicamenteuse"),
        agent=Concept("J01CA04", _ATC, "amoxicilline"),
        period=_since("1998"),
        reactions=(
            Problem(
                kind=_SYMPTOM,
                value=Concept("L50.0", _ICD, "Urticaire allergique"),
                period=_since("1998"),
                text="Urticaire",
                section="48765-2",
            ),
        ),
        text="Allergie médicamenteuse",
        section="48765-2",
    ),
)
HABITS: Final = (
    Observation(
        code=Concept("74011-8", _LOINC, "Consommation tabagique"),
        value=Quantity("25", "{pack}/a"),
        time=_since("1975", "2008"),
        text="Tabac, sevré en 2008",
        section="29762-2",
    ),
)
FAMILY: Final = (
    FamilyHistory(
        relation=Concept("FTH", "2.16.840.1.113883.5.111", "Père"),
        problems=(
            Problem(
                kind=_DIAGNOSIS,
                value=Concept("I21.9", _ICD, "Infarctus aigu du myocarde, sans précision"),
                period=_since("1986"),
                text="Infarctus du myocarde à 58 ans",
                section="10157-6",
            ),
        ),
        section="10157-6",
    ),
)


def _drug(cis: str, name: str, atc: str, substance: str, strength: str, cip: str = "") -> Product:
    translations = [Concept(atc, _ATC, substance)]
    if cip:
        translations.insert(0, Concept(cip, _CIP, f"{name}, boîte"))
    return Product(
        code=Concept(cis, _CIS, name, translations=tuple(translations)),
        name=name,
        form=Concept("10219000", _EDQM, "Comprimé"),
        ingredients=(Ingredient(Concept(original_text=substance), Quantity(strength, "mg"), Quantity("1")),),
    )


METFORMIN: Final = _drug(
    "69999901", "METFORMINE EXEMPLE 1000 mg, comprimé pelliculé", "A10BA02", "metformine", "1000", "3400999999011"
)
BISOPROLOL: Final = _drug(
    "69999902", "BISOPROLOL EXEMPLE 2,5 mg, comprimé", "C07AB07", "bisoprolol", "2.5", "3400999999028"
)
FUROSEMIDE: Final = _drug(
    "69999903", "FUROSEMIDE EXEMPLE 40 mg, comprimé", "C03CA01", "furosémide", "40", "3400999999035"
)
IRON: Final = _drug("69999904", "FER EXEMPLE 80 mg, comprimé", "B03AA07", "sulfate ferreux", "80", "3400999999042")


def _each(amount: str) -> QuantityRange:
    return QuantityRange(Quantity(amount, "{tablet}"), Quantity(amount, "{tablet}"))


def _every(value: str, unit: str) -> tuple[Frequency, ...]:
    return (Frequency(period=Quantity(value, unit)),)


TREATMENTS: Final = (
    Medication(
        product=METFORMIN,
        period=_since("20210301", "20271231"),
        steps=(Dosage(dose=_each("1"), frequencies=_every("12", "h")),),
        route=ORAL,
        text="METFORMINE EXEMPLE 1000 mg",
        section="10160-0",
    ),
    Medication(
        product=BISOPROLOL,
        period=_since("20231115", "20271231"),
        steps=(Dosage(dose=_each("1"), frequencies=_every("1", "d")),),
        route=ORAL,
        patient_instruction="Ne pas arrêter sans avis médical.",
        text="BISOPROLOL EXEMPLE 2,5 mg",
        section="10160-0",
    ),
)

_LINE_TERMS: Final = Terms(
    substitution=Concept("G", "2.16.840.1.113883.5.1070", "Substitution autorisée par un produit générique"),
    quantity=Quantity("1", "30009000"),
    repeats=2,
    is_ald=True,
    is_work_accident=False,
    is_prevention=False,
    is_not_reimbursed=False,
    is_off_label=False,
)
#: The line that the pharmacist of the cast dispenses.
METFORMIN_LINE: Final = Identifier("5C1A9F00-6A1E-4B7C-9C11-000000000001")


def prescription_lines(start: str, end: str) -> tuple[Medication, ...]:
    """Two lines of chronic treatment, the second one substituted for no other."""
    return (
        Medication(
            product=METFORMIN,
            period=_since(start, end),
            steps=(
                Dosage(
                    dose=_each("1"), frequencies=_every("12", "h"), maximum=(Ratio(Quantity("2"), Quantity("1", "d")),)
                ),
            ),
            route=ORAL,
            is_order=True,
            patient_instruction="À prendre au cours des repas.",
            terms=_LINE_TERMS,
            id=METFORMIN_LINE,
            text="METFORMINE EXEMPLE 1000 mg, comprimé pelliculé",
            section="57828-6",
        ),
        Medication(
            product=FUROSEMIDE,
            period=_since(start, end),
            steps=(Dosage(dose=_each("1"), frequencies=_every("1", "d")),),
            route=ORAL,
            is_order=True,
            patient_instruction="Le matin.",
            dispenser_instruction="Vérifier la dernière kaliémie.",
            terms=Terms(
                substitution=Concept("N", "2.16.840.1.113883.5.1070", "Aucune substitution permise"),
                substitution_reason="Situation médicale particulière",
                quantity=Quantity("1", "30009000"),
                repeats=0,
                is_ald=True,
                is_work_accident=False,
                is_prevention=False,
                is_not_reimbursed=False,
                is_off_label=False,
            ),
            text="FUROSEMIDE EXEMPLE 40 mg, comprimé",
            section="57828-6",
        ),
    )


def progressive_line(start: str, middle: str, end: str) -> Medication:
    """An iron treatment in two steps."""
    return Medication(
        product=IRON,
        period=_since(start, end),
        steps=(
            Dosage(dose=_each("2"), frequencies=(Frequency(Quantity("1", "d"), during=_since(start, middle)),)),
            Dosage(dose=_each("1"), frequencies=(Frequency(Quantity("1", "d"), during=_since(middle, end)),)),
        ),
        route=ORAL,
        is_order=True,
        terms=Terms(
            substitution=Concept("G", "2.16.840.1.113883.5.1070", "Substitution autorisée par un produit générique"),
            quantity=Quantity("3", "30009000"),
            repeats=0,
            is_ald=False,
            is_work_accident=False,
            is_prevention=False,
            is_not_reimbursed=False,
            is_off_label=False,
        ),
        text="FER EXEMPLE 80 mg, comprimé : 2 comprimés par jour puis 1 comprimé par jour",
        section="57828-6",
    )


def bed(start: str, end: str) -> MedicalDevice:
    """A rented medical bed."""
    return MedicalDevice(
        code=Concept("V0806", "1.2.250.1.213.2.68", "LITS MÉDICAUX"),
        period=_since(start, end),
        quantity=Quantity("1"),
        is_order=True,
        terms=Terms(repeats=0, is_ald=True, is_work_accident=False, is_not_reimbursed=False, is_prevention=False),
        text="Lit médical",
        section="46264-8",
    )


def dispensed_metformin(document: str, start: str, end: str) -> Dispensation:
    """What the pharmacist hands over for the first line of the prescription ``document``."""
    return Dispensation(
        product=Product(
            code=METFORMIN.code,
            name=METFORMIN.name,
            form=METFORMIN.form,
            lot="LOT42A",
            expiry=Moment("20281231"),
        ),
        quantity=Quantity("1", "30009000"),
        order=METFORMIN_LINE,
        order_document=Identifier(document),
        treatment=Medication(
            product=Product(),
            period=_since(start, end),
            steps=(Dosage(dose=_each("1"), frequencies=(Frequency(Quantity("12", "h"), during=_since(start, end)),)),),
            route=ORAL,
            text="1 comprimé toutes les 12 h",
            section="60590-7",
        ),
        substitution=Concept("G", "2.16.840.1.113883.5.1070", "Substitution autorisée par un produit générique"),
        patient_instruction="À prendre au cours des repas.",
        note="Le patient a été averti des risques en cas de jeûne.",
        text="METFORMINE EXEMPLE 1000 mg, comprimé pelliculé",
        section="60590-7",
    )


def _vaccine(name: str, cis: str, atc: str, label: str) -> Product:
    return Product(
        code=Concept(cis, _CIS, name, translations=(Concept(atc, _ATC, label),)), name=name, lot=f"LOT{cis[-3:]}"
    )


_HEXAVALENT: Final = _vaccine(
    "VACCIN HEXAVALENT EXEMPLE, suspension injectable",
    "69999911",
    "J07CA09",
    "Vaccin diphtérie, Haemophilus influenzae B, coqueluche, poliomyélite, tétanos, hépatite B",
)
_MMR: Final = _vaccine(
    "VACCIN ROR EXEMPLE, poudre et solvant", "69999912", "J07BD52", "Vaccin rougeole, oreillons, rubéole vivant atténué"
)
_FLU: Final = _vaccine(
    "VACCIN GRIPPE EXEMPLE, suspension injectable",
    "69999913",
    "J07BB02",
    "Vaccin grippe inactivé, virion fragmenté ou antigène de surface",
)
_TETANUS: Final = _vaccine(
    "VACCIN dTPolio EXEMPLE, suspension injectable", "69999914", "J07CA01", "Vaccin diphtérie, poliomyélite, tétanos"
)


def _shot(
    product: Product, date: str, rank: int, kind: str, by: str, site: Concept = _LEFT_THIGH, **more: str
) -> Vaccination:
    labels = {
        "INITIMMUNIZ": "1ère série vaccinante",
        "BOOSTER": "Rappel de vaccin",
        "IMMUNIZ": "Vaccination sans autre précision",
    }
    return Vaccination(
        product=product,
        kind=Concept(kind, "2.16.840.1.113883.5.4", labels[kind]),
        time=Interval(value=Moment(date)),
        route=_INTRAMUSCULAR,
        site=site,
        rank=rank,
        performer=professional(by),
        text=product.name.partition(",")[0],
        section="11369-6",
        comment=more.get("comment", ""),
    )


CHILD_VACCINES: Final = (
    _shot(_HEXAVALENT, "20190614", 1, "INITIMMUNIZ", cast.PAEDIATRICIAN),
    _shot(_HEXAVALENT, "20190813", 2, "INITIMMUNIZ", cast.PAEDIATRICIAN),
    _shot(_HEXAVALENT, "20200310", 3, "BOOSTER", cast.PAEDIATRICIAN, comment="Bien tolérée."),
    _shot(_MMR, "20200415", 1, "INITIMMUNIZ", cast.PAEDIATRICIAN),
    _shot(_MMR, "20201012", 2, "INITIMMUNIZ", cast.PAEDIATRICIAN),
)
ADULT_VACCINES: Final = (
    _shot(_TETANUS, "20240722", 5, "BOOSTER", cast.GENERAL_PRACTITIONER, _LEFT_DELTOID),
    _shot(_FLU, "20251021", 1, "IMMUNIZ", cast.GENERAL_PRACTITIONER, _LEFT_DELTOID),
)

STAY: Final = Stay(
    entry_mode=Concept("183452005", _SNOMED, "hospitalisation en urgence"),
    exit_mode=Concept("160849004", _SNOMED, "retour au domicile"),
    period=Interval(low=Moment("20231108143000+0100"), high=Moment("20231115110000+0100")),
    reason="Dyspnée d'effort d'aggravation progressive, œdèmes des membres inférieurs.",
    synthesis="Décompensation cardiaque globale sur cardiopathie ischémique. Évolution favorable sous diurétiques.",
    searched_organisms=True,
    adverse_events="Aucun",
)


def chest_radiograph(time: Interval, uid: str) -> ImagingReport:
    """A chest radiograph with its images in the PACS."""
    return ImagingReport(
        act=Concept(
            "30745-4",
            _LOINC,
            "Radiographie du thorax",
            translations=(Concept("ZBQK002", "1.2.250.1.215.300.1", "Radiographie du thorax"),),
        ),
        modality=Concept("DX", _DCM, "Radiographie numérique"),
        site=Concept("302551006", _SNOMED, "thorax entier"),
        time=time,
        request="Dyspnée. Recherche d'un épanchement.",
        medical_history="Diabète de type 2, hypertension.",
        surgical_history="Angioplastie coronaire en 2018.",
        contraindications=(Concept("I50.9", _ICD, "Insuffisance cardiaque, sans précision"),),
        technique="Cliché de face en inspiration, debout.",
        findings="Silhouette cardiaque élargie. Redistribution vasculaire.\nPas d'épanchement pleural.",
        conclusion="Cardiomégalie modérée avec signes de surcharge débutante.",
        study=ImagingStudy(
            study_uid=uid,
            series_uid=f"{uid}.1",
            instance_uid=f"{uid}.1.1",
            sop_class=Concept(
                "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.2.6.1", "Digital X-Ray Image Storage - For Presentation"
            ),
            url=f"https://pacs.example.org/wado?requestType=WADO&studyUID={uid}",
        ),
    )
