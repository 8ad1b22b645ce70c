"""The set of documents that a sandbox starts with: four persons of the cast over five years."""

from __future__ import annotations

from functools import lru_cache
from html import escape
from random import Random

import msgspec

from socle.sandbox import cast
from socle.sandbox.documents import care, people
from socle.sandbox.documents.results import chapters
from socle.standards.cda.build import (
    Frame,
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
)
from socle.standards.cda.datatypes import Concept, Identifier, Interval, Moment
from socle.standards.cda.header import Encounter, Order
from socle.standards.cda.render.pdf import PdfVariant, write_pdf
from socle.standards.ids.ins import Ins

#: Root of the identifiers of fictitious documents: seed, then rank, then version.
_ROOT = "1.2.250.1.999.1.7"
_AMBULATORY = Concept("AMB", "2.16.840.1.113883.5.4", "Ambulatoire (hors établissement)")
_INPATIENT = Concept("IMP", "2.16.840.1.113883.5.4", "Hospitalisation (établissement, y compris HAD)")
_OUTPATIENT = Concept("EXTERNE", "1.2.250.1.213.1.1.4.2.291", "Acte et consultation externe (établissement)")
_REMOTE = Concept("VR", "2.16.840.1.113883.5.4", "Virtuelle (exemple : RCP en l'absence du patient)")

#: Five years of one man's blood: date and hour, then values by LOINC code.
_REPORTS: tuple[tuple[str, dict[str, float]], ...] = (
    (
        "20220314074500+0100",
        {
            "718-7": 14.6,
            "789-8": 4.9,
            "6690-2": 7.2,
            "777-3": 248,
            "14749-6": 7.4,
            "4548-4": 7.1,
            "14682-9": 92,
            "22748-8": 3.4,
        },
    ),
    (
        "20230320081000+0100",
        {
            "718-7": 14.1,
            "789-8": 4.7,
            "6690-2": 6.8,
            "777-3": 239,
            "14749-6": 7.9,
            "4548-4": 7.4,
            "14682-9": 98,
            "22748-8": 2.9,
        },
    ),
    (
        "20240311080500+0100",
        {
            "718-7": 12.8,
            "789-8": 4.4,
            "6690-2": 8.1,
            "777-3": 261,
            "14749-6": 8.6,
            "4548-4": 7.9,
            "14682-9": 109,
            "22748-8": 2.4,
        },
    ),
    (
        "20250317075500+0100",
        {
            "718-7": 11.4,
            "789-8": 4.1,
            "6690-2": 7.5,
            "777-3": 274,
            "14749-6": 7.2,
            "4548-4": 7.0,
            "14682-9": 115,
            "22748-8": 1.9,
        },
    ),
    (
        "20260316080000+0100",
        {
            "718-7": 12.3,
            "789-8": 4.3,
            "6690-2": 7.1,
            "777-3": 255,
            "14749-6": 6.8,
            "4548-4": 6.7,
            "14682-9": 111,
            "22748-8": 1.7,
        },
    ),
)


class NamedDocument(msgspec.Struct, frozen=True):
    """A document with a file name that says what it is and whom it is about."""

    name: str
    content: bytes


def sample_documents(seed: int = 1) -> list[bytes]:
    """The documents of the sandbox in order of date; the same seed gives the same bytes. Takes a few seconds.

    They are about ``cast.ROBERT``, ``JEANNE``, ``HUGO`` and ``LEA``, and written by professionals of the cast.
    """
    return [document.content for document in named_documents(seed)]


@lru_cache(maxsize=2)
def named_documents(seed: int = 1) -> tuple[NamedDocument, ...]:
    """``sample_documents`` with file names."""
    maker = _Maker(seed)
    return (
        maker.child_vaccines(),
        *maker.blood_reports(),
        maker.referral(),
        maker.radiograph(),
        maker.discharge(),
        maker.iron_report(),
        maker.iron_prescription(),
        maker.knee_image(),
        maker.teleconsultation(),
        maker.adult_vaccines(),
        maker.synthesis(),
        maker.prescription(),
        maker.dispensation(),
    )


class _Maker:
    """Makes each document; keeps the rank that their identifiers count."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._random = Random(seed)  # noqa: S311 - invented values, not secrets
        self._rank = 0
        self._prescription_id = ""

    def _frame(
        self, ins: Ins, author: str, time: str, encounter: Concept, *, until: str = "", place: int = 0, **more: object
    ) -> Frame:
        self._rank += 1
        structure = people.structure_of(author, place=place)
        moment = Moment(time)
        service = Interval(low=moment, high=Moment(until or time))
        writer = people.professional(author, place=place)
        period = Interval(low=moment, high=Moment(until)) if until else Interval(low=moment)
        frame = Frame(
            id=f"{_ROOT}.{self._seed}.{self._rank}.1",
            set_id=f"{_ROOT}.{self._seed}.{self._rank}",
            time=Moment(until or time),
            patient=people.patient(ins),
            author=writer,
            custodian=people.organization(structure),
            encounter=Encounter(
                code=encounter,
                time=period,
                facility=people.sector(structure),
                place_name=structure.name,
                responsible=writer,
            ),
            service=service if until else Interval(low=moment),
            attending=people.professional(cast.GENERAL_PRACTITIONER),
        )
        return msgspec.structs.replace(frame, **more) if more else frame

    def blood_reports(self) -> list[NamedDocument]:
        made, before = [], None
        for time, values in _REPORTS:
            frame = self._frame(cast.ROBERT, cast.BIOLOGIST, time, _OUTPATIENT, until=_later(time, 4))
            content = build_cr_bio(frame, chapters(values, Moment(time), self._random, before))
            made.append(NamedDocument(f"CR-BIO_ROBERT_{time[:8]}.xml", content))
            before = (values, Moment(time))
        return made

    def iron_report(self) -> NamedDocument:
        time = "20250910083000+0200"
        frame = self._frame(cast.JEANNE, cast.BIOLOGIST, time, _OUTPATIENT, until=_later(time, 3))
        values = {"718-7": 10.9, "789-8": 4.2, "6690-2": 6.1, "777-3": 310, "2276-4": 7, "3016-3": 2.1}
        found = chapters(values, Moment(time), self._random)
        comment = "Anémie microcytaire probablement ferriprive."
        return NamedDocument("CR-BIO_JEANNE_20250910.xml", build_cr_bio(frame, found, comment=comment))

    def synthesis(self) -> NamedDocument:
        frame = self._frame(cast.ROBERT, cast.GENERAL_PRACTITIONER, "20260112093000+0100", _AMBULATORY)
        content = build_vsm(
            frame,
            problems=care.PROBLEMS,
            past_problems=care.PAST_PROBLEMS,
            procedures=care.PROCEDURES,
            allergies=care.ALLERGIES,
            habits=care.HABITS,
            family=care.FAMILY,
            treatments=care.TREATMENTS,
            vigilance="Surveillance du poids chaque semaine. Risque de chute.",
        )
        return NamedDocument("VSM_ROBERT_20260112.xml", content)

    def referral(self) -> NamedDocument:
        frame = self._frame(cast.ROBERT, cast.GENERAL_PRACTITIONER, "20231108110000+0100", _AMBULATORY)
        content = build_ldl_ees(
            frame,
            reason="Dyspnée d'effort d'aggravation progressive depuis trois semaines, prise de 5 kg.",
            treatments=care.TREATMENTS[:1],
            allergies=care.ALLERGIES,
            past_problems=care.PAST_PROBLEMS,
            comment="Vit seul au deuxième étage sans ascenseur.",
        )
        return NamedDocument("LDL-EES_ROBERT_20231108.xml", content)

    def discharge(self) -> NamedDocument:
        frame = self._frame(
            cast.ROBERT,
            cast.CARDIOLOGIST,
            "20231108143000+0100",
            _INPATIENT,
            until="20231115110000+0100",
            recipients=(people.professional(cast.GENERAL_PRACTITIONER),),
        )
        content = build_ldl_ses(
            frame,
            care.STAY,
            discharge_treatments=care.TREATMENTS,
            allergies=care.ALLERGIES,
            results="Échocardiographie du 10/11/2023 : FEVG 40 %.\nNT-proBNP à la sortie : 1 850 ng/L.",
        )
        return NamedDocument("LDL-SES_ROBERT_20231115.xml", content)

    def radiograph(self) -> NamedDocument:
        start, end = "20231109091000+0100", "20231109093000+0100"
        order = Order(
            ids=(Identifier("1.2.250.1.999.1.8", "DEM20231109"),),
            accession_numbers=(Identifier("1.2.250.1.999.1.9", "ACC20231109"),),
        )
        frame = self._frame(cast.ROBERT, cast.RADIOLOGIST, start, _INPATIENT, until=end, orders=(order,))
        report = care.chest_radiograph(Interval(low=Moment(start), high=Moment(end)), f"{_ROOT}.{self._seed}.900")
        return NamedDocument("CR-IMG_ROBERT_20231109.xml", build_cr_img(frame, report))

    def knee_image(self) -> NamedDocument:
        frame = self._frame(cast.JEANNE, cast.RADIOLOGIST, "20251103101500+0100", _OUTPATIENT)
        pdf = _letter(
            "Compte rendu d'imagerie médicale",
            "IRM du genou gauche : fissure horizontale de la corne postérieure du ménisque médial, sans languette.",
            "Pas d'épanchement. Ligaments croisés continus.",
        )
        code = Concept("18748-4", "2.16.840.1.113883.6.1", "CR d'imagerie médicale")
        content = build_n1(frame, pdf, code=code, title="Compte rendu d'IRM du genou gauche")
        return NamedDocument("CR-IMG-N1_JEANNE_20251103.xml", content)

    def teleconsultation(self) -> NamedDocument:
        frame = self._frame(cast.HUGO, cast.GENERAL_PRACTITIONER, "20251208173000+0100", _REMOTE)
        pdf = _letter(
            "Compte rendu de téléconsultation",
            "Rhinopharyngite depuis deux jours, fièvre à 38,2 °C bien tolérée.",
            "Traitement symptomatique. Reconsulter si la fièvre dure plus de trois jours.",
        )
        return NamedDocument("TLM-CR_HUGO_20251208.xml", build_tlm_cr(frame, pdf))

    def child_vaccines(self) -> NamedDocument:
        frame = self._frame(cast.LEA, cast.PAEDIATRICIAN, "20201012101500+0200", _OUTPATIENT)
        return NamedDocument("VAC_LEA_20201012.xml", build_vaccinations(frame, care.CHILD_VACCINES))

    def adult_vaccines(self) -> NamedDocument:
        frame = self._frame(cast.JEANNE, cast.GENERAL_PRACTITIONER, "20251021181500+0200", _AMBULATORY)
        return NamedDocument("VAC_JEANNE_20251021.xml", build_vaccinations(frame, care.ADULT_VACCINES))

    def prescription(self) -> NamedDocument:
        frame = self._frame(
            cast.ROBERT, cast.GENERAL_PRACTITIONER, "20260112094500+0100", _AMBULATORY, until="20260712094500+0200"
        )
        frame = msgspec.structs.replace(frame, time=Moment("20260112094500+0100"))
        self._prescription_id = frame.id
        content = build_prescription(
            frame,
            care.prescription_lines("20260112", "20260712"),
            devices=(care.bed("20260112", "20260712"),),
            number="01EXEMPLE0ROBERT26",
        )
        return NamedDocument("eP-MED-DM_ROBERT_20260112.xml", content)

    def iron_prescription(self) -> NamedDocument:
        frame = self._frame(
            cast.JEANNE, cast.GENERAL_PRACTITIONER, "20250912150000+0200", _AMBULATORY, until="20251212150000+0100"
        )
        frame = msgspec.structs.replace(frame, time=Moment("20250912150000+0200"))
        line = care.progressive_line("20250912", "20251012", "20251212")
        content = build_prescription(frame, (line,), number="01EXEMPLE0JEANNE25")
        return NamedDocument("eP-MED-DM_JEANNE_20250912.xml", content)

    def dispensation(self) -> NamedDocument:
        frame = self._frame(cast.ROBERT, cast.PHARMACIST, "20260113161000+0100", _AMBULATORY)
        dispensed = care.dispensed_metformin(self._prescription_id, "20260113", "20260212")
        return NamedDocument("eDISP-MED_ROBERT_20260113.xml", build_dispensation(frame, (dispensed,)))


def _later(time: str, hours: int) -> str:
    return f"{time[:8]}{int(time[8:10]) + hours:02d}{time[10:]}"


def _letter(title: str, *lines: str) -> bytes:
    paragraphs = "".join(f"<p>{escape(line)}</p>" for line in lines)
    html = f'<!doctype html><html lang="fr"><title>{escape(title)}</title><h1>{escape(title)}</h1>{paragraphs}</html>'
    return write_pdf(html, PdfVariant.ARCHIVAL)


__all__ = ["NamedDocument", "named_documents", "sample_documents"]
