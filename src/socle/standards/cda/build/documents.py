"""Conformant documents of the priority types from typed values, each as the bytes to send.

The same arguments give the same bytes. What is built passes the official rules (XSD, header, IHE, French and ANS
models, terminologies, document type) as long as the codes given belong to the value sets of the content model.

Source: CI-SIS content modules VSM, LDL, CR-BIO, CR-IMG, eP-MED-DM, eDISP-MED, VAC, TLM-CR.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import msgspec
from lxml import etree

from socle.standards.cda.build import conditions, medications
from socle.standards.cda.build.frame import DOCUMENT_MODELS, DocumentModel, Frame, header_of
from socle.standards.cda.build.header import write_header
from socle.standards.cda.build.imaging import ImagingReport, imaging_sections
from socle.standards.cda.build.laboratory import Chapter, chapter_section
from socle.standards.cda.build.pdf import require_pdf
from socle.standards.cda.build.scribe import Cell, Row, Scribe, paragraphs, reference, table
from socle.standards.cda.build.vaccinations import vaccinations as write_vaccinations
from socle.standards.cda.build.writer import cda, concept, interval, observed_value, templates, to_bytes
from socle.standards.cda.clinical import (
    ABSENT_OR_UNKNOWN,
    Allergy,
    Dispensation,
    FamilyHistory,
    MedicalDevice,
    Medication,
    Observation,
    Problem,
    Procedure,
    Product,
    Vaccination,
    Value,
)
from socle.standards.cda.datatypes import Concept, Identifier, Interval
from socle.standards.cda.header import Header
from socle.standards.cda.words import say_value
from socle.standards.errors import InvalidContent, Text

_T = TypeVar("_T")

_TA: Final = "1.2.250.1.213.1.1.4.322"
_LOINC: Final = "2.16.840.1.113883.6.1"
#: Authority of the unique numbers of prescriptions.
PRESCRIPTION_NUMBERS: Final = "1.2.250.1.215.500.1.1"
_STATUSES: Final = {
    "final": Concept("398166005", "2.16.840.1.113883.6.96", "réalisé(e)"),
    "ongoing": Concept("385651009", "2.16.840.1.113883.6.96", "en cours d'exécution"),
}


class Stay(msgspec.Struct, frozen=True, kw_only=True):
    """What happened during a stay. ``entry_mode`` and ``exit_mode`` are codes of JDV ModaliteEntree, ModaliteSortie."""

    entry_mode: Concept
    exit_mode: Concept
    period: Interval
    reason: str
    synthesis: str
    searched_organisms: bool = False
    resistant_organisms: str = ""
    transfused: bool = False
    given_blood_derivatives: bool = False
    adverse_events: str = ""
    is_final: bool = True


def build_n1(
    frame: Frame,
    content: bytes,
    *,
    code: Concept,
    title: str,
    media_type: str = "application/pdf",
    events: tuple[Concept, ...] = (),
) -> bytes:
    """A level N1 document of any type around a file. A PDF must be a PDF (``InvalidContent``, code ``NotPDF``).

    ``code`` is of JDV_J07. Check archival with ``build.pdf.pdf_a_findings``.
    """
    model = DOCUMENT_MODELS["N1"]
    model = DocumentModel(code, title, model.templates, model.event)
    return _finish_n1(frame, model, content, media_type, events or (code,))


def build_tlm_cr(frame: Frame, pdf: bytes, *, act: Concept | None = None) -> bytes:
    """A télémédecine report (TLM-CR), which only exists as level N1. ``act`` is ``TCG``, ``TC``, ``TE1`` …"""
    return _finish_n1(frame, DOCUMENT_MODELS["TLM-CR"], pdf, "application/pdf", (act,) if act else ())


def build_vsm(
    frame: Frame,
    *,
    problems: Sequence[Problem] = (),
    past_problems: Sequence[Problem] = (),
    procedures: Sequence[Procedure] = (),
    allergies: Sequence[Allergy] = (),
    habits: Sequence[Observation] = (),
    family: Sequence[FamilyHistory] = (),
    treatments: Sequence[Medication] = (),
    vigilance: str = "",
) -> bytes:
    """A medical synthesis (VSM). A section without content says so in words."""
    scribe = Scribe(frame.id)
    history = [
        *_coded(scribe, "active_problems", conditions.problems, problems),
        *_coded(scribe, "past_problems", conditions.problems, past_problems),
        *_coded(scribe, "procedures", conditions.procedures, procedures),
        *_coded(scribe, "allergies", conditions.allergies, allergies),
    ]
    risks = [
        *_coded(scribe, "social_history", conditions.habits, habits),
        *_coded(scribe, "family_history", conditions.family, family),
    ]
    plan = _coded(scribe, "treatments", medications.treatments, treatments)
    synthesis = scribe.section(
        "synthesis",
        [],
        with_text=False,
        subsections=[
            _umbrella(scribe, "history", history),
            _umbrella(scribe, "risk_factors", risks),
        ],
    )
    sections = [
        synthesis,
        scribe.section("vigilance", paragraphs(vigilance or "Aucun point de vigilance.")),
        _umbrella(scribe, "treatment_plan", plan),
    ]
    return _finish(header_of(frame, DOCUMENT_MODELS["VSM"]), sections)


def build_ldl_ses(
    frame: Frame,
    stay: Stay,
    *,
    discharge_treatments: Sequence[Medication] = (),
    allergies: Sequence[Allergy] = (),
    results: str = "",
) -> bytes:
    """A discharge letter (LDL-SES)."""
    scribe = Scribe(frame.id)
    sections = [
        _status(scribe, stay),
        scribe.section("reason", paragraphs(stay.reason)),
        _stay(scribe, stay),
        _treatments(scribe, "discharge_treatments", discharge_treatments),
    ]
    if results:
        sections.append(scribe.section("results_text", paragraphs(results)))
    sections.extend(_coded(scribe, "allergies", conditions.allergies, allergies))
    return _finish(header_of(frame, DOCUMENT_MODELS["LDL-SES"]), sections)


def build_ldl_ees(
    frame: Frame,
    *,
    reason: str,
    treatments: Sequence[Medication] = (),
    allergies: Sequence[Allergy] = (),
    past_problems: Sequence[Problem] = (),
    comment: str = "",
) -> bytes:
    """A referral letter to a hospital (LDL-EES)."""
    scribe = Scribe(frame.id)
    sections = [
        scribe.section("reason", paragraphs(reason)),
        *_coded(scribe, "past_problems", conditions.problems, past_problems),
        _treatments(scribe, "admission_treatments", treatments),
        *_coded(scribe, "allergies", conditions.allergies, allergies or [_no_known_allergy()]),
        scribe.section("comment", paragraphs(comment or "Sans commentaire.")),
    ]
    return _finish(header_of(frame, DOCUMENT_MODELS["LDL-EES"]), sections)


def build_cr_bio(frame: Frame, chapters: Sequence[Chapter], *, comment: str = "", pdf: bytes | None = None) -> bytes:
    """A laboratory report (CR-BIO 2024.01) with its copy as ``pdf``, made from the document when not given."""
    scribe = Scribe(frame.id)
    sections = [chapter_section(scribe, chapter) for chapter in chapters]
    if comment:
        sections.append(scribe.section("comment", paragraphs(comment)))
    header = header_of(frame, DOCUMENT_MODELS["CR-BIO"], events=tuple(chapter.code for chapter in chapters))
    return _finish_with_copy(header, sections, scribe, pdf)


def build_cr_img(frame: Frame, report: ImagingReport) -> bytes:
    """An imaging report (CR-IMG 2024.01)."""
    scribe = Scribe(frame.id)
    header = header_of(frame, DOCUMENT_MODELS["CR-IMG"], events=(report.event_code(),))
    return _finish(header, imaging_sections(scribe, report))


def build_prescription(
    frame: Frame,
    lines: Sequence[Medication] = (),
    *,
    devices: Sequence[MedicalDevice] = (),
    number: str,
    flags: tuple[Concept, ...] = (),
    pdf: bytes | None = None,
) -> bytes:
    """A prescription (eP-MED-DM 2024.01). ``number`` is its unique number; ``frame.service`` its validity, both bounds.

    ``flags`` are codes such as ``MED-1095`` (urgence). The copy is made from the document when ``pdf`` is not given.
    """
    if not lines and not devices:
        raise InvalidContent(
            "EmptyPrescription",
            Text("Une prescription a au moins une ligne.", "A prescription has at least one line."),
            requirement="CI-SIS eP-MED-DM 2024.01",
        )
    scribe = Scribe(frame.id)
    sections = []
    if lines:
        text, entries = medications.prescriptions(scribe, lines, frame.time)
        sections.append(scribe.section("prescribed_medicines", text, entries=entries))
    if devices:
        text, entries = medications.prescribed_devices(scribe, devices, frame.time)
        sections.append(scribe.section("prescribed_devices", text, entries=entries))
    header = header_of(
        frame,
        DOCUMENT_MODELS["eP-MED-DM"],
        event_ids=(Identifier(PRESCRIPTION_NUMBERS, number),),
        flags=flags,
    )
    return _finish_with_copy(header, sections, scribe, pdf)


def build_dispensation(frame: Frame, dispensations: Sequence[Dispensation]) -> bytes:
    """A dispensation (eDISP-MED 2024.01)."""
    scribe = Scribe(frame.id)
    sections = _coded(scribe, "dispensation", medications.dispensations, dispensations)
    return _finish(header_of(frame, DOCUMENT_MODELS["eDISP-MED"]), sections)


def build_vaccinations(frame: Frame, vaccinations: Sequence[Vaccination]) -> bytes:
    """A vaccination history (VAC 2023.01)."""
    scribe = Scribe(frame.id)
    text, entries = write_vaccinations(scribe, vaccinations, frame.author, frame.time)
    section = scribe.section("vaccinations", text, entries=entries)
    return _finish(header_of(frame, DOCUMENT_MODELS["VAC"]), [section])


def _umbrella(scribe: Scribe, name: str, subsections: Sequence[etree._Element]) -> etree._Element:
    """A section that holds either sub-sections or words, never both."""
    if subsections:
        return scribe.section(name, [], with_text=False, subsections=subsections)
    return scribe.section(name, paragraphs("Aucune information renseignée."))


def _coded(
    scribe: Scribe,
    name: str,
    write: Callable[[Scribe, Sequence[_T]], tuple[etree._Element, list[etree._Element]]],
    values: Sequence[_T],
) -> list[etree._Element]:
    """The section of some coded values, narrative and entries; none when there are none."""
    if not values:
        return []
    text, entries = write(scribe, values)
    return [scribe.section(name, text, entries=entries)]


def _treatments(scribe: Scribe, name: str, values: Sequence[Medication]) -> etree._Element:
    """The section of treatments; without any, an entry says so, since the models want one."""
    (written,) = _coded(scribe, name, medications.treatments, values or [_no_known_medication()])
    return written


def _status(scribe: Scribe, stay: Stay) -> etree._Element:
    status = _STATUSES["final" if stay.is_final else "ongoing"]
    cell = Cell("Validé" if stay.is_final else "En cours", scribe.anchor("statut-document"))
    code = Concept("GEN-065", _TA, "Statut du document")
    entry = _simple(scribe, code, ("48.16", "48.16.1"), cell, status, stay.period)
    return scribe.section("document_status", table(["Statut du document"], [[cell]]), entries=[entry])


def _stay(scribe: Scribe, stay: Stay) -> etree._Element:
    facts: list[tuple[str, str, str, Value]] = [
        ("ORG-070", "48.6", "Modalité d'entrée", stay.entry_mode),
        ("ORG-074", "48.7", "Modalité de sortie", stay.exit_mode),
        ("MED-142", "48.9", "Synthèse médicale", stay.synthesis),
        (
            "MED-309",
            "48.8",
            "Recherche de microorganismes multi-résistants ou émergents effectuée",
            stay.searched_organisms,
        ),
        ("MED-145", "48.10", "Transfusion de produits sanguins", stay.transfused),
        ("MED-147", "48.2", "Administration de dérivés du sang", stay.given_blood_derivatives),
    ]
    if stay.adverse_events:
        label = "Evénements indésirables survenus pendant l'hospitalisation"
        facts.append(("MED-143", "48.3", label, stay.adverse_events))
    if stay.resistant_organisms:
        label = "Identification de micro-organismes multirésistants"
        facts.append(("MED-144", "48.5", label, stay.resistant_organisms))
    rows: list[Row] = []
    entries = []
    for code, template, label, value in facts:
        cell = Cell(say_value(value, "fr"), scribe.anchor("sejour"))
        rows.append([label, cell])
        entries.append(_simple(scribe, Concept(code, _TA, label), (template,), cell, value, stay.period))
    return scribe.section("stay", table(["Rubrique", "Valeur"], rows), entries=entries)


def _simple(
    scribe: Scribe, code: Concept, roots: Iterable[str], cell: Cell, value: Value, period: Interval
) -> etree._Element:
    observation = cda(
        "observation",
        templates(
            "1.3.6.1.4.1.19376.1.5.3.1.4.13",
            "1.2.250.1.213.1.1.3.48",
            *(f"1.2.250.1.213.1.1.3.{root}" for root in roots),
        ),
        scribe.identifier(),
        concept("code", code),
        reference(cell.anchor),
        cda("statusCode", code="completed"),
        interval("effectiveTime", Interval(value=period.end or period.start)),
        observed_value(value),
        classCode="OBS",
        moodCode="EVN",
    )
    return cda("entry", observation)


def _no_known_allergy() -> Allergy:
    return Allergy(
        kind=Concept("419199007", "2.16.840.1.113883.6.96", "allergie à une substance"),
        value=Concept("no-known-allergies", ABSENT_OR_UNKNOWN, "Pas d'allergie/hypersensibilité connue"),
        text="Aucune allergie connue",
    )


def _no_known_medication() -> Medication:
    code = Concept("no-known-medications", ABSENT_OR_UNKNOWN, "Pas de traitement médicamenteux connu")
    return Medication(product=Product(), absence=code, text="Aucun traitement connu")


def _finish(header: Header, sections: Iterable[etree._Element]) -> bytes:
    root = write_header(header)
    root.append(cda("component", cda("structuredBody", sections)))
    return to_bytes(root)


def _finish_with_copy(header: Header, sections: Sequence[etree._Element], scribe: Scribe, pdf: bytes | None) -> bytes:
    root = write_header(header)
    body = cda("structuredBody", sections)
    root.append(cda("component", body))
    if pdf is None:
        # The renderer needs fonts: only who asks for a copy to be made pays for it.
        from socle.standards.cda.render.pdf import PdfVariant, render_pdf

        pdf = render_pdf(to_bytes(root), variant=PdfVariant.ARCHIVAL)
    body.append(_copy_section(scribe, require_pdf(pdf)))
    return to_bytes(root)


def _copy_section(scribe: Scribe, pdf: bytes) -> etree._Element:
    kind = Concept("55108-5", _LOINC, "Copie du document")
    cell = Cell("Copie du document", scribe.anchor("copie"))
    media = cda(
        "observationMedia",
        cda("value", base64.b64encode(pdf).decode(), mediaType="application/pdf", representation="B64"),
        classCode="OBS",
        moodCode="EVN",
        ID="copie-pdf",
    )
    kind_of_file = cda(
        "observation",
        templates("1.3.6.1.4.1.19376.1.5.3.1.4.13", "1.2.250.1.213.1.1.3.48", "1.2.250.1.213.1.1.3.48.18"),
        scribe.identifier(),
        concept("code", Concept("69764-9", _LOINC, "Type de document")),
        reference(cell.anchor),
        cda("statusCode", code="completed"),
        cda("effectiveTime", nullFlavor="NA"),
        concept("value", kind, xsi_type="CD"),
        classCode="OBS",
        moodCode="EVN",
    )
    organizer = cda(
        "organizer",
        templates("1.2.250.1.213.1.1.3.18"),
        scribe.identifier(),
        concept("code", Concept("55107-7", _LOINC, "Document attaché")),
        cda("statusCode", code="completed"),
        cda("component", kind_of_file),
        cda("component", media),
        classCode="CLUSTER",
        moodCode="EVN",
    )
    narrative = [
        cda("paragraph", cda("content", cell.text, ID=cell.anchor)),
        cda("renderMultiMedia", referencedObject="copie-pdf"),
    ]
    return scribe.section("pdf_copy", narrative, entries=[cda("entry", organizer)])


def _finish_n1(
    frame: Frame, model: DocumentModel, content: bytes, media_type: str, events: tuple[Concept, ...]
) -> bytes:
    if media_type == "application/pdf":
        require_pdf(content)
    root = write_header(header_of(frame, model, events=events))
    text = cda("text", base64.b64encode(content).decode(), mediaType=media_type, representation="B64")
    root.append(cda("component", cda("nonXMLBody", text)))
    return to_bytes(root)


#: Every builder by the short name of its document type.
BUILDERS: Final[dict[str, Callable[..., bytes]]] = {
    "N1": build_n1,
    "TLM-CR": build_tlm_cr,
    "VSM": build_vsm,
    "LDL-SES": build_ldl_ses,
    "LDL-EES": build_ldl_ees,
    "CR-BIO": build_cr_bio,
    "CR-IMG": build_cr_img,
    "eP-MED-DM": build_prescription,
    "eDISP-MED": build_dispensation,
    "VAC": build_vaccinations,
}
