"""Imaging report → sections of a CR-IMG.

Source: CI-SIS CR d'imagerie médicale 2024.01; DICOM PS3.20; sections FRS.205, FRS.206, FRS.208, FRS.209, FRS.217.
"""

from __future__ import annotations

import msgspec
from lxml import etree

from socle.standards.cda.build.scribe import LOINC, Cell, Row, Scribe, paragraphs, reference, table
from socle.standards.cda.build.writer import Node, cda, concept, interval, templates
from socle.standards.cda.datatypes import Concept, Interval
from socle.standards.cda.templates import DIC, FRE
from socle.standards.cda.words import say_concept, say_interval

DCM = "1.2.840.10008.2.16.4"
_MODALITY = Concept("121139", DCM, "Modalité")


class ImagingStudy(msgspec.Struct, frozen=True, kw_only=True):
    """The images: UIDs of the study, of its series and of one instance, and where a viewer finds them."""

    study_uid: str
    series_uid: str
    instance_uid: str
    sop_class: Concept
    url: str


class ImagingReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a radiologist says. ``act`` is a LOINC code, ``modality`` a DICOM one, ``site`` of SNOMED CT.

    ``contraindications`` are of JDV Contre_indications. The official rules want one in the clinical section, and the
    set has none that means "none": without any, request and history are written as words under the reason.
    """

    act: Concept
    modality: Concept
    site: Concept
    time: Interval
    request: str
    medical_history: str = ""
    surgical_history: str = ""
    contraindications: tuple[Concept, ...] = ()
    technique: str = ""
    findings: str
    conclusion: str
    study: ImagingStudy | None = None

    def event_code(self) -> Concept:
        """The code of the document's service event: the act, translated to its modality."""
        translation = Concept(
            self.modality.code, self.modality.system, self.modality.label, qualifiers=((_MODALITY, None),)
        )
        return msgspec.structs.replace(self.act, translations=(*self.act.translations, translation))


def imaging_sections(scribe: Scribe, report: ImagingReport) -> list[etree._Element]:
    """Clinical information, act with its catalogue of images, findings, conclusion."""
    return [
        _clinical(scribe, report),
        _act(scribe, report),
        scribe.section("imaging_findings", paragraphs(report.findings)),
        scribe.section("imaging_conclusion", paragraphs(report.conclusion)),
    ]


def _clinical(scribe: Scribe, report: ImagingReport) -> etree._Element:
    if not report.contraindications:
        words = [report.request, report.medical_history, report.surgical_history]
        return scribe.section("reason", paragraphs("\n".join(words)), title="Demande d'examen")
    cells = [
        Cell(report.medical_history or "Sans particularité", scribe.anchor("antecedents")),
        Cell(report.surgical_history or "Sans particularité", scribe.anchor("antecedents")),
        *(Cell(say_concept(each), scribe.anchor("contre-indication")) for each in report.contraindications),
    ]
    codes = [
        Concept("11348-0", LOINC, "Antécédents médicaux"),
        Concept("47519-4", LOINC, "Antécédents chirurgicaux"),
        *(Concept("64100-1", LOINC, "Contre-indications") for _ in report.contraindications),
    ]
    values = [None, None, *report.contraindications]
    rows: list[Row] = [[code.label, cell] for code, cell in zip(codes, cells, strict=True)]
    entries = [
        cda("entry", _observation(scribe, code, cell, value))
        for code, cell, value in zip(codes, cells, values, strict=True)
    ]
    history = scribe.section("imaging_history", table(["Rubrique", "Antécédents"], rows), entries=entries)
    request = scribe.section("imaging_request", paragraphs(report.request))
    return scribe.section("imaging_clinical", paragraphs("Demande et antécédents."), subsections=[request, history])


def _observation(scribe: Scribe, code: Concept, cell: Cell, value: Concept | None) -> etree._Element:
    return cda(
        "observation",
        templates("2.16.840.1.113883.10.20.6.2.13", f"{FRE}.150"),
        scribe.identifier(),
        concept("code", code),
        reference(cell.anchor),
        cda("statusCode", code="completed"),
        cda("effectiveTime", nullFlavor="NA"),
        concept("value", value or Concept(original_text=cell.text), anchor=cell.anchor, xsi_type="CD"),
        cda("targetSiteCode", nullFlavor="NA"),
        classCode="OBS",
        moodCode="EVN",
    )


def _act(scribe: Scribe, report: ImagingReport) -> etree._Element:
    act = Cell(say_concept(report.act), scribe.anchor("acte"))
    modality = Cell(say_concept(report.modality), scribe.anchor("modalite"))
    site = Cell(say_concept(report.site), scribe.anchor("localisation"))
    technique = Cell(report.technique or say_concept(report.modality), scribe.anchor("technique"))
    rows: list[Row] = [[say_interval(report.time, "fr"), act, modality, site, technique]]
    procedure = cda(
        "procedure",
        templates(f"{DIC}.14", f"{FRE}.153"),
        scribe.identifier(),
        concept("code", report.act, anchor=act.anchor),
        reference(technique.anchor),
        interval("effectiveTime", Interval(value=report.time.start)),
        concept("methodCode", report.modality, anchor=modality.anchor),
        concept("targetSiteCode", report.site, anchor=site.anchor, xsi_type="CD"),
        classCode="PROC",
        moodCode="EVN",
    )
    return scribe.section(
        "imaging_act",
        table(["Date", "Acte", "Modalité", "Localisation", "Technique"], rows),
        entries=[cda("entry", procedure)],
        subsections=[_catalogue(scribe, report)],
    )


def _catalogue(scribe: Scribe, report: ImagingReport) -> etree._Element:
    study = report.study
    if study is None:
        return scribe.section("imaging_catalogue", paragraphs("Aucune image n'est référencée."))
    instance = Cell(study.instance_uid, scribe.anchor("instance"))
    modality = Cell(say_concept(report.modality), scribe.anchor("modalite"))
    link = cda("linkHtml", "Ouvrir les images", href=study.url)
    narrative: list[Node] = [
        table(["Examen", "Modalité", "Image"], [[study.study_uid, modality, instance]]),
        cda("paragraph", link),
    ]
    sop = cda(
        "observation",
        templates(f"{DIC}.18", f"{FRE}.157"),
        cda("id", root=study.instance_uid),
        concept("code", study.sop_class, anchor=instance.anchor),
        cda("text", cda("reference", value=study.url), mediaType="application/dicom"),
        interval("effectiveTime", Interval(value=report.time.start)),
        classCode="DGIMG",
        moodCode="EVN",
    )
    series = cda(
        "act",
        templates(f"{DIC}.17", f"{FRE}.156"),
        cda("id", root=study.series_uid),
        concept("code", Concept("113015", DCM, "Séries", qualifiers=((_MODALITY, report.modality),))),
        interval("effectiveTime", Interval(value=report.time.start)),
        cda("entryRelationship", sop, typeCode="COMP"),
        classCode="ACT",
        moodCode="EVN",
    )
    act = cda(
        "act",
        templates(f"{DIC}.16", f"{FRE}.155"),
        cda("id", root=study.study_uid),
        concept("code", Concept("113014", DCM, "Examen")),
        interval("effectiveTime", Interval(value=report.time.start)),
        cda("entryRelationship", series, typeCode="COMP"),
        classCode="ACT",
        moodCode="EVN",
    )
    return scribe.section("imaging_catalogue", narrative, entries=[cda("entry", act)])
