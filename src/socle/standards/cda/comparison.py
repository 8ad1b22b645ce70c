"""Submitted metadata against the document it describes: what is compared, and what each difference means.

``RULES`` is the table: refusals first, then warnings. Source: CI-SIS "Partage de documents", DocumentEntry: CDA to
metadata; decision 0050.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import cached_property
from typing import Final

import msgspec

from socle.standards.cda import mapping
from socle.standards.cda.datatypes import Moment
from socle.standards.cda.document import CdaDocument, open_document
from socle.standards.cda.header import Header, read_described
from socle.standards.cda.mapping import FACILITY, START, STOP, sha1_of
from socle.standards.errors import MalformedInput, Text
from socle.standards.ids.ins import AUTHORITIES, Ins
from socle.standards.xds.model import Code, DocumentEntry


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
    facts = Facts(content, document, header or read_described(document))
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
        START,
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
        STOP,
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
        FACILITY,
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
