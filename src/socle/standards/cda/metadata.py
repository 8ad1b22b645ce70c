"""XDS metadata of a CDA document, and the check of metadata that somebody else wrote.

``document_entry_of`` fills a ``DocumentEntry`` from the document; ``submission_for`` wraps entries into a submission;
``check_metadata`` compares a submitted entry with its document; ``RULES`` is the table of what it compares, with the
XDS error code and the severity of each difference.

Source: CI-SIS "Partage de documents", DocumentEntry: CDA to metadata; IHE ITI TF-3 §4.2.3.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Final, TypeVar

import msgspec

from socle.standards.cda import mapping
from socle.standards.cda.datatypes import Moment
from socle.standards.cda.document import CdaDocument, open_document
from socle.standards.cda.header import Header, read_header
from socle.standards.errors import MalformedInput, Text
from socle.standards.ids.ins import AUTHORITIES, Ins
from socle.standards.ids.oids import NON_PROFESSIONAL_PRODUCER
from socle.standards.xds.model import (
    Association,
    AssociationType,
    Author,
    Code,
    DocumentEntry,
    Submission,
    SubmissionSet,
    Visibility,
)

_T = TypeVar("_T")

_VISIBILITY_SYSTEM: Final = "1.2.250.1.213.1.1.4.13"
_VISIBILITY_LABELS: Final = {
    Visibility.MASQUE_PS: "Masqué aux professionnels de santé",
    Visibility.INVISIBLE_PATIENT: "Non visible par le patient",
    Visibility.INVISIBLE_REPRESENTANTS_LEGAUX: "Non visible par les représentants légaux du patient",
}
_FACILITY: Final = "componentOf/encompassingEncounter/location/healthCareFacility/code"
_SETTING: Final = (
    "documentationOf/serviceEvent/performer/assignedEntity/representedOrganization/standardIndustryClassCode"
)
_START: Final = "documentationOf/serviceEvent/effectiveTime/low"
_STOP: Final = "documentationOf/serviceEvent/effectiveTime/high"


def document_entry_of(
    content: bytes,
    *,
    document: CdaDocument | None = None,
    header: Header | None = None,
    entry_uuid: str = "Document01",
    visibility: Iterable[Visibility] = (),
    comments: str = "",
) -> DocumentEntry:
    """The entry to submit with the CDA ``content``; pass ``document`` and ``header`` when already parsed and read.

    Raises ``MalformedInput`` when the content is not XML, ``InvalidContent`` when it is not a CDA (code ``NotCDA``)
    or when its header does not state a required attribute (code ``XDSRepositoryMetadataError``, with the XPath).
    """
    document = document or open_document(content)
    header = header or read_header(document)
    event, encounter = header.main_event, header.encounter
    organization = event.performer.organization if event and event.performer else None
    type_code = mapping.code_of(header.code, "typeCode", "code")
    is_patient_expression = encounter is not None and _is_patient_expression(encounter.facility)
    return DocumentEntry(
        entry_uuid=entry_uuid,
        unique_id=mapping.unique_id_of(_required(header.id, "uniqueId", "id/@root")),
        patient_id=_required(header.patient.ins, "patientId", "recordTarget/patientRole/id"),
        class_code=mapping.class_code_of(type_code),
        type_code=type_code,
        format_code=mapping.format_code_of(header, document),
        healthcare_facility_type_code=mapping.code_of(
            encounter.facility if encounter else None, "healthcareFacilityTypeCode", _FACILITY
        ),
        practice_setting_code=mapping.code_of(
            organization.industry if organization else None, "practiceSettingCode", _SETTING
        ),
        confidentiality_codes=(
            mapping.code_of(header.confidentiality, "confidentialityCode", "confidentialityCode"),
            *(visibility_code(code) for code in visibility),
        ),
        creation_time=_required(header.effective_time, "creationTime", "effectiveTime/@value").to_dtm(),
        language_code=_required(header.language, "languageCode", "languageCode/@code"),
        mime_type=document.mime_type,
        authors=tuple(
            mapping.author_of(author, is_patient_expression=is_patient_expression) for author in header.authors
        ),
        legal_authenticator=mapping.person_of(header.legal_authenticator.assigned)
        if header.legal_authenticator
        else "",
        title=_required(header.title, "title", "title"),
        comments=comments,
        event_codes=mapping.event_codes_of(header),
        service_start_time=mapping.dtm_of(event.time.start if event and event.time else None),
        service_stop_time=mapping.dtm_of(event.time.high if event and event.time else None),
        source_patient_id=mapping.source_patient_id_of(header.patient),
        source_patient_info=mapping.source_patient_info_of(header.patient),
        reference_ids=mapping.reference_ids_of(header),
        hash=sha1_of(content),
        size=len(content),
    )


def visibility_code(visibility: Visibility) -> Code:
    """The confidentiality code that hides a document from somebody."""
    return Code(visibility.value, _VISIBILITY_SYSTEM, _VISIBILITY_LABELS[visibility])


def sha1_of(content: bytes) -> str:
    """XDS ``hash``: SHA-1 as 40 lower-case hexadecimal digits. An integrity check of the standard, not a secret."""
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def submission_for(
    documents: Sequence[tuple[DocumentEntry, bytes]],
    *,
    author: Author,
    source_id: str,
    unique_id: str,
    submission_time: str,
    content_type: Code | None = None,
    title: str = "",
    replaces: dict[str, str] | None = None,
) -> Submission:
    """The submission of ``documents`` of one patient by ``author``, entries under symbolic ids.

    ``source_id`` is the OID of the sending system, ``unique_id`` a new OID, ``submission_time`` a DTM in UTC.
    ``content_type`` defaults to the one that the first document's encounter announces. ``replaces`` maps the id of an
    entry here to the entryUUID in the registry that it replaces (RPLC).
    """
    if not documents:
        raise ValueError("a submission has at least one document")
    first_entry, first_content = documents[0]
    if content_type is None:
        content_type = mapping.content_type_of(read_header(first_content))
    submission_set = SubmissionSet(
        entry_uuid="SubmissionSet01",
        unique_id=unique_id,
        source_id=source_id,
        patient_id=first_entry.patient_id,
        content_type_code=content_type,
        submission_time=submission_time,
        author=author,
        title=title,
    )
    members = [
        Association(
            entry_uuid=f"Association{rank:02d}",
            type=AssociationType.HAS_MEMBER,
            source=submission_set.entry_uuid,
            target=entry.entry_uuid,
            submission_set_status="Original",
        )
        for rank, (entry, _) in enumerate(documents, 1)
    ]
    replacements = [
        Association(entry_uuid=f"Replacement{rank:02d}", type=AssociationType.REPLACES, source=source, target=target)
        for rank, (source, target) in enumerate((replaces or {}).items(), 1)
    ]
    return Submission(
        submission_set=submission_set,
        documents=tuple(entry for entry, _ in documents),
        associations=(*members, *replacements),
        contents={entry.entry_uuid: content for entry, content in documents},
    )


# --- checking ----------------------------------------------------------------------------------------------------


class Severity(StrEnum):
    """What a difference means for a feed."""

    REFUSAL = "Error"
    WARNING = "Warning"


class Discrepancy(msgspec.Struct, frozen=True):
    """One difference between metadata and document.

    ``code`` is the XDS error code, ``attribute`` the name of the XDS attribute, ``location`` the path in the CDA.
    ``found`` and ``expected`` may be personal data: show them to the sender, keep them out of logs.
    """

    attribute: str
    code: str
    severity: Severity
    found: str
    expected: str
    location: str
    reason: Text


class Facts:
    """What the document says, computed once for all rules."""

    def __init__(self, content: bytes, document: CdaDocument, header: Header) -> None:
        self.content = content
        self.document = document
        self.header = header

    @cached_property
    def type_code(self) -> Code | None:
        """The type, when the document has one."""
        code = self.header.code
        return Code(code.code, code.system, code.label) if code and code.code else None

    @cached_property
    def patients(self) -> tuple[str, ...]:
        """CX of each INS in the header."""
        ids = self.header.patient.ids
        return tuple(Ins(found.extension, found.root).to_cx() for found in ids if found.root in AUTHORITIES)

    def event_time(self, bound: str) -> str:
        """``low`` or ``high`` of the main act, as HL7 text."""
        event = self.header.main_event
        moment = getattr(event.time, bound) if event and event.time else None
        return moment.text if moment else ""


class Rule(msgspec.Struct, frozen=True):
    """One comparison: ``expected`` reads the document, ``found`` reads the entry, ``agrees`` compares the texts.

    A silent side (empty) is no difference: that an attribute is required is for the registry to say.
    """

    attribute: str
    code: str
    severity: Severity
    location: str
    expected: Callable[[Facts], tuple[str, ...]]
    found: Callable[[DocumentEntry], tuple[str, ...]]
    agrees: Callable[[tuple[str, ...], tuple[str, ...]], bool]
    reason: Text


def check_metadata(
    entry: DocumentEntry,
    content: bytes,
    *,
    document: CdaDocument | None = None,
    header: Header | None = None,
) -> list[Discrepancy]:
    """Every difference between a submitted ``entry`` and its CDA ``content``, in the order of ``RULES``.

    A feed is refused when one has severity ``REFUSAL``. Raises what ``open_document`` raises.
    """
    document = document or open_document(content)
    facts = Facts(content, document, header or read_header(document))
    return [
        Discrepancy(
            attribute=rule.attribute,
            code=rule.code,
            severity=rule.severity,
            found=" | ".join(found),
            expected=" | ".join(expected),
            location=rule.location,
            reason=rule.reason,
        )
        for rule in RULES
        if (found := rule.found(entry))
        and any(found)
        and (expected := rule.expected(facts))
        and any(expected)
        and not rule.agrees(found, expected)
    ]


def _equal(found: tuple[str, ...], expected: tuple[str, ...]) -> bool:
    return found == expected


def _same_code(found: tuple[str, ...], expected: tuple[str, ...]) -> bool:
    return found[:2] == expected[:2]


def _same_text(found: tuple[str, ...], expected: tuple[str, ...]) -> bool:
    return [" ".join(text.split()) for text in found] == [" ".join(text.split()) for text in expected]


def _among(found: tuple[str, ...], expected: tuple[str, ...]) -> bool:
    return set(found) <= set(expected)


def _same_moment(found: tuple[str, ...], expected: tuple[str, ...]) -> bool:
    try:
        return Moment(_in_utc(found[0])).overlaps(Moment(expected[0]))
    except MalformedInput:
        return False


def _in_utc(dtm: str) -> str:
    return f"{dtm}+0000" if dtm.isdigit() else dtm


def _code_parts(code: Code | None) -> tuple[str, ...]:
    return () if code is None else (code.code, code.system)


def _first_components(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(first for text in texts if (first := text.partition("^")[0])))


def _rule(
    attribute: str,
    code: str,
    severity: Severity,
    location: str,
    reason: tuple[str, str],
    *,
    expected: Callable[[Facts], tuple[str, ...]],
    found: Callable[[DocumentEntry], tuple[str, ...]],
    agrees: Callable[[tuple[str, ...], tuple[str, ...]], bool] = _equal,
) -> Rule:
    return Rule(attribute, code, severity, location, expected, found, agrees, Text(*reason))


_REFUSAL, _WARNING = Severity.REFUSAL, Severity.WARNING
_METADATA_ERROR, _CONTENT_ERROR = "XDSRepositoryMetadataError", "InvalidDocumentContent"

#: Everything that is compared, refusals first.
RULES: Final[tuple[Rule, ...]] = (
    _rule(
        "patientId",
        "XDSPatientIdDoesNotMatch",
        _REFUSAL,
        "recordTarget/patientRole/id",
        (
            "Le document concerne un autre patient que les métadonnées.",
            "The document is about another patient than the metadata.",
        ),
        found=lambda entry: (entry.patient_id.to_cx(),),
        # A document without INS cannot be shown to be of this patient.
        expected=lambda facts: facts.patients or ("INS",),
        agrees=_among,
    ),
    _rule(
        "hash",
        _METADATA_ERROR,
        _REFUSAL,
        "",
        ("Le hash n'est pas le SHA-1 des octets reçus.", "The hash is not the SHA-1 of the bytes received."),
        found=lambda entry: (entry.hash.lower(),),
        expected=lambda facts: (sha1_of(facts.content),),
    ),
    _rule(
        "size",
        _METADATA_ERROR,
        _REFUSAL,
        "",
        ("La taille n'est pas celle des octets reçus.", "The size is not that of the bytes received."),
        found=lambda entry: () if entry.size is None else (str(entry.size),),
        expected=lambda facts: (str(len(facts.content)),),
    ),
    _rule(
        "uniqueId",
        _CONTENT_ERROR,
        _REFUSAL,
        "id",
        ("L'uniqueId n'est pas l'identifiant du document.", "The uniqueId is not the document's id."),
        found=lambda entry: (entry.unique_id.removeprefix("urn:oid:"),),
        expected=lambda facts: (mapping.unique_id_of(facts.header.id), facts.header.id.root) if facts.header.id else (),
        agrees=_among,
    ),
    _rule(
        "typeCode",
        _CONTENT_ERROR,
        _REFUSAL,
        "code",
        ("Le type n'est pas celui du document.", "The type is not the document's."),
        found=lambda entry: _code_parts(entry.type_code),
        expected=lambda facts: _code_parts(facts.type_code),
        agrees=_same_code,
    ),
    _rule(
        "mimeType",
        _CONTENT_ERROR,
        _REFUSAL,
        "",
        ("Le document est du XML, pas ce type de média.", "The document is XML, not this media type."),
        found=lambda entry: (entry.mime_type.partition(";")[0].strip().lower(),),
        expected=lambda facts: (facts.document.mime_type, "text/xml", "application/xml"),
        agrees=_among,
    ),
    _rule(
        "creationTime",
        _CONTENT_ERROR,
        _REFUSAL,
        "effectiveTime",
        (
            "La date de création n'est pas celle du document, en UTC.",
            "The creation time is not the document's, in UTC.",
        ),
        found=lambda entry: (entry.creation_time,),
        expected=lambda facts: (facts.header.effective_time.text,) if facts.header.effective_time else (),
        agrees=_same_moment,
    ),
    _rule(
        "serviceStartTime",
        _CONTENT_ERROR,
        _REFUSAL,
        _START,
        (
            "Le début n'est pas celui de l'acte principal, en UTC.",
            "The start is not that of the main act, in UTC.",
        ),
        found=lambda entry: (entry.service_start_time,),
        expected=lambda facts: (facts.event_time("start"),),
        agrees=_same_moment,
    ),
    _rule(
        "serviceStopTime",
        _CONTENT_ERROR,
        _REFUSAL,
        _STOP,
        ("La fin n'est pas celle de l'acte principal, en UTC.", "The end is not that of the main act, in UTC."),
        found=lambda entry: (entry.service_stop_time,),
        expected=lambda facts: (facts.event_time("high"),),
        agrees=_same_moment,
    ),
    _rule(
        "mimeType",
        _CONTENT_ERROR,
        _WARNING,
        "",
        (
            "Un document auto-présentable se partage en application/xslt+xml, les autres en text/xml.",
            "A self-presentable document is shared as application/xslt+xml, any other as text/xml.",
        ),
        found=lambda entry: (entry.mime_type,) if "xml" in entry.mime_type else (),
        expected=lambda facts: (facts.document.mime_type,),
    ),
    _rule(
        "formatCode",
        _CONTENT_ERROR,
        _WARNING,
        "templateId",
        ("Le format n'est pas celui du modèle du document.", "The format is not that of the document's model."),
        found=lambda entry: (entry.format_code.code,),
        expected=lambda facts: (mapping.format_code_of(facts.header, facts.document).code,),
    ),
    _rule(
        "classCode",
        _CONTENT_ERROR,
        _WARNING,
        "code",
        ("La classe n'est pas celle de ce type.", "The class is not that of this type."),
        found=lambda entry: (entry.class_code.code,),
        expected=lambda facts: (mapping.class_code_of(facts.type_code).code,) if facts.type_code else (),
    ),
    _rule(
        "title",
        _CONTENT_ERROR,
        _WARNING,
        "title",
        ("Le titre n'est pas celui du document.", "The title is not the document's."),
        found=lambda entry: (entry.title,),
        expected=lambda facts: (facts.header.title,),
        agrees=_same_text,
    ),
    _rule(
        "author",
        _CONTENT_ERROR,
        _WARNING,
        "author/assignedAuthor/id",
        ("Les auteurs ne sont pas ceux du document.", "The authors are not the document's."),
        found=lambda entry: _first_components(author.person for author in entry.authors),
        expected=lambda facts: _first_components(mapping.person_of(author.assigned) for author in facts.header.authors),
    ),
    _rule(
        "legalAuthenticator",
        _CONTENT_ERROR,
        _WARNING,
        "legalAuthenticator/assignedEntity/id",
        ("Le responsable n'est pas celui du document.", "The legal authenticator is not the document's."),
        found=lambda entry: _first_components([entry.legal_authenticator]),
        expected=lambda facts: _first_components(
            [mapping.person_of(facts.header.legal_authenticator.assigned)] if facts.header.legal_authenticator else []
        ),
    ),
    _rule(
        "healthcareFacilityTypeCode",
        _CONTENT_ERROR,
        _WARNING,
        _FACILITY,
        ("Le secteur d'activité n'est pas celui du document.", "The facility type is not the document's."),
        found=lambda entry: _code_parts(entry.healthcare_facility_type_code),
        expected=lambda facts: _facility_parts(facts.header),
        agrees=_same_code,
    ),
    _rule(
        "languageCode",
        _CONTENT_ERROR,
        _WARNING,
        "languageCode",
        ("La langue n'est pas celle du document.", "The language is not the document's."),
        found=lambda entry: (entry.language_code,),
        expected=lambda facts: (facts.header.language,),
    ),
    _rule(
        "confidentialityCode",
        _CONTENT_ERROR,
        _WARNING,
        "confidentialityCode",
        (
            "La première confidentialité n'est pas celle du document.",
            "The first confidentiality code is not the document's.",
        ),
        found=lambda entry: (entry.confidentiality_codes[0].code,) if entry.confidentiality_codes else (),
        expected=lambda facts: (facts.header.confidentiality.code,) if facts.header.confidentiality else (),
    ),
    _rule(
        "sourcePatientInfo",
        _CONTENT_ERROR,
        _WARNING,
        "recordTarget/patientRole/patient",
        (
            "La date de naissance ou le sexe n'est pas celui du document.",
            "The birth date or the sex is not the document's.",
        ),
        found=lambda entry: _traits(entry.source_patient_info),
        expected=lambda facts: _traits(mapping.source_patient_info_of(facts.header.patient)),
        agrees=_among,
    ),
)


def _facility_parts(header: Header) -> tuple[str, ...]:
    facility = header.encounter.facility if header.encounter else None
    return (facility.code, facility.system) if facility else ()


def _traits(info: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(value for value in info if value.startswith(("PID-7|", "PID-8|"))))


def _is_patient_expression(facility: object) -> bool:
    system, code = getattr(facility, "system", ""), getattr(facility, "code", "")
    return system == NON_PROFESSIONAL_PRODUCER and code == "EXP_PATIENT"


def _required(value: _T | None, attribute: str, location: str) -> _T:
    if not value:
        raise mapping.missing(attribute, location)
    return value
