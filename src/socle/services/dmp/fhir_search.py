"""ITI-66 and ITI-67: the search parameters of PDSm and MHD, and what they ask of the registry.

Source: PDSm 3.1.1; MHD 4.2 ITI-66, ITI-67; fact sheet dmp-exchange §3.6.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

import msgspec

from socle.platform.clock import to_dtm
from socle.services.dmp.domain import (
    DocumentFilter,
    FindDocuments,
    FindFolders,
    FindSubmissionSets,
    FolderFilter,
    Interval,
    PatientQuery,
    SetFilter,
)
from socle.standards.errors import MalformedInput, Text
from socle.standards.fhir.pdsm.lists import FOLDER, SUBMISSION_SET
from socle.standards.fhir.pdsm.systems import is_oid, scheme_of
from socle.standards.fhir.search import Clause, Kind, Parameter, Search, Span, Token
from socle.standards.ids.ins import AUTHORITIES, Ins
from socle.standards.xds.model import Code, Status

T = TypeVar("T")

_PDSM: Final = "https://interop.esante.gouv.fr/ig/fhir/pdsm/SearchParameter"
_MHD: Final = "https://profiles.ihe.net/ITI/MHD/SearchParameter"
_R4: Final = "http://hl7.org/fhir/SearchParameter"

_PATIENT: Final = (
    Parameter("patient", Kind.REFERENCE, "Patient/{id} de ce serveur ; préférez patient.identifier"),
    Parameter("patient.identifier", Kind.TOKEN, "urn:oid:{OID de l'INS}|{matricule} ; obligatoire"),
    Parameter("subject.identifier", Kind.TOKEN),
)
_STATUS: Final = Parameter("status", Kind.TOKEN, "current, superseded ; obligatoire")
_ARCHIVED: Final = Parameter("isArchived", Kind.TOKEN, definition=f"{_PDSM}/PDSm-isArchived")

DOCUMENT_PARAMETERS: Final = (
    *_PATIENT,
    _STATUS,
    Parameter("_id", Kind.TOKEN, definition=f"{_R4}/Resource-id"),
    Parameter("_lastUpdated", Kind.DATE, definition=f"{_R4}/Resource-lastUpdated"),
    Parameter("identifier", Kind.TOKEN, "uniqueId, entryUUID ou logicalId", f"{_R4}/clinical-identifier"),
    Parameter("category", Kind.TOKEN, definition=f"{_R4}/DocumentReference-category"),
    Parameter("type", Kind.TOKEN, definition=f"{_R4}/clinical-type"),
    Parameter("format", Kind.TOKEN, definition=f"{_R4}/DocumentReference-format"),
    Parameter("facility", Kind.TOKEN, definition=f"{_R4}/DocumentReference-facility"),
    Parameter("setting", Kind.TOKEN, definition=f"{_R4}/DocumentReference-setting"),
    Parameter("event", Kind.TOKEN, definition=f"{_R4}/DocumentReference-event"),
    Parameter("security-label", Kind.TOKEN, definition=f"{_R4}/DocumentReference-security-label"),
    Parameter("date", Kind.DATE, definition=f"{_R4}/DocumentReference-date"),
    Parameter("creation", Kind.DATE, definition=f"{_MHD}/DocumentReference-Creation"),
    Parameter("period", Kind.DATE, "début de l'acte", f"{_R4}/DocumentReference-period"),
    Parameter("period-start", Kind.DATE, definition=f"{_PDSM}/PDSm-period-start"),
    Parameter("period-end", Kind.DATE, definition=f"{_PDSM}/PDSm-period-end"),
    Parameter("author.identifier", Kind.TOKEN),
    Parameter("author.family", Kind.STRING),
    Parameter("author.given", Kind.STRING),
    Parameter("author.name", Kind.STRING),
    Parameter("related", Kind.TOKEN, "referenceIdList, par identifier"),
    Parameter("related.identifier", Kind.TOKEN),
    Parameter("relatesto", Kind.REFERENCE, definition=f"{_R4}/DocumentReference-relatesto"),
    _ARCHIVED,
)
LIST_PARAMETERS: Final = (
    *_PATIENT,
    Parameter("code", Kind.TOKEN, "submissionset ou folder ; obligatoire", f"{_R4}/clinical-code"),
    _STATUS,
    Parameter("_id", Kind.TOKEN, definition=f"{_R4}/Resource-id"),
    Parameter("identifier", Kind.TOKEN, definition=f"{_R4}/clinical-identifier"),
    Parameter("date", Kind.DATE, definition=f"{_R4}/clinical-date"),
    Parameter("title", Kind.STRING, definition=f"{_R4}/List-title", modifiers=frozenset({"contains"})),
    Parameter("designationType", Kind.TOKEN, definition=f"{_MHD}/List-DesignationType"),
    Parameter("sourceId", Kind.TOKEN, definition=f"{_MHD}/List-SourceId"),
    Parameter("source.identifier", Kind.TOKEN),
    Parameter("source.family", Kind.STRING, definition=f"{_PDSM}/PDSm-source-Patient"),
    Parameter("source.given", Kind.STRING, definition=f"{_PDSM}/PDSm-source-Patient"),
    Parameter("source.name", Kind.STRING, definition=f"{_PDSM}/PDSm-source-PractitionerRole"),
    _ARCHIVED,
)
#: What ``_elements`` may name: enough to find a document again, for who feeds without reading (TD3.1b).
REFERENCE_ELEMENTS: Final = frozenset({"id", "meta", "identifier", "masterIdentifier", "status"})
#: Orders in which answers come anyway: newest first.
SORTS: Final = ("-date", "-_lastUpdated", "-creation")

_STATUSES: Final = {
    "current": frozenset({Status.APPROVED, Status.ARCHIVED}),
    "superseded": frozenset({Status.DEPRECATED}),
    "retired": frozenset({Status.DEPRECATED}),
    "entered-in-error": frozenset[Status](),
}
#: Types of referenceIdList, to find a reference by its authority and value.
_REFERENCE_TYPES: Final = tuple(
    f"urn:ihe:iti:{name}"
    for name in (
        *("xds:2013:uniqueId", "xds:2013:accession", "xds:2013:referral", "xds:2013:order"),
        *("xdw:2013:workflowInstanceId", "xds:2016:studyInstanceUID", "xds:2015:encounterId"),
    )
)


def document_query(search: Search, patient: Ins, entry_uuids_of: Sequence[str] = ()) -> FindDocuments | None:
    """What ``search`` asks of ``patient``'s record; ``None`` if it can only find nothing.

    ``entry_uuids_of`` are those of ``relatesto``. Raises ``MalformedInput`` naming the parameter that is missing or
    cannot be answered.
    """
    statuses = _statuses(search)
    unique_ids, uuids = _identifiers(search)
    ids = tuple(f"urn:uuid:{text}" for clause in search.all("_id") for text in clause.texts)
    if not statuses or None in (unique_ids, uuids) or (ids and uuids and set(ids) != set(uuids or ())):
        return None
    wanted = DocumentFilter(
        statuses=tuple(sorted(statuses)),
        class_codes=_one_group(search, "category"),
        type_codes=_one_group(search, "type"),
        format_codes=_one_group(search, "format"),
        practice_setting_codes=_one_group(search, "setting"),
        facility_codes=_one_group(search, "facility"),
        event_codes=_groups(search, "event"),
        confidentiality_codes=_groups(search, "security-label"),
        reference_ids=tuple(
            _reference_ids(clause) for name in ("related", "related.identifier") for clause in search.all(name)
        ),
        author_persons=_persons(search, "author"),
        creation_time=_interval(search.span("date").meet(search.span("creation"))),
        service_start_time=_interval(search.span("period").meet(search.span("period-start"))),
        service_stop_time=_interval(search.span("period-end")),
        registered=_interval(search.span("_lastUpdated")),
        unique_ids=unique_ids or (),
        logical_ids=ids or uuids or (),
        related_to=tuple(entry_uuids_of),
        latest_only=True,
    )
    return FindDocuments(patient=patient, filter=wanted)


def list_query(search: Search) -> PatientQuery | None:
    """What ``search`` asks of submission sets or folders; ``None`` if it can only find nothing."""
    codes = {token.code for clause in search.all("code") for token in clause.tokens}
    if not codes:
        raise _needed("code", f"{SUBMISSION_SET} | {FOLDER}")
    if len(codes) != 1 or not codes <= {SUBMISSION_SET, FOLDER}:
        raise _not_one_of("code", SUBMISSION_SET, FOLDER)
    statuses = _statuses(search)
    unique_ids, uuids = _identifiers(search)
    ids = tuple(f"urn:uuid:{text}" for clause in search.all("_id") for text in clause.texts)
    if not statuses or None in (unique_ids, uuids) or (ids and uuids and set(ids) != set(uuids or ())):
        return None
    title = next((text for clause in search.all("title") for text in clause.texts), "")
    patient, shared = patient_of(search), tuple(sorted(statuses))
    if codes == {FOLDER}:
        return FindFolders(
            patient=patient,
            filter=FolderFilter(
                statuses=shared,
                codes=_groups(search, "designationType"),
                last_update_time=_interval(search.span("date")),
                logical_ids=ids or uuids or (),
                unique_ids=unique_ids or (),
                title=title,
            ),
        )
    return FindSubmissionSets(
        patient=patient,
        filter=SetFilter(
            statuses=shared,
            source_ids=tuple(
                token.code.removeprefix("urn:oid:") for clause in search.all("sourceId") for token in clause.tokens
            ),
            content_type_codes=_one_group(search, "designationType"),
            author_persons=_persons(search, "source"),
            submission_time=_interval(search.span("date")),
            entry_uuids=ids or uuids or (),
            unique_ids=unique_ids or (),
            title=title,
        ),
    )


def patient_of(search: Search) -> Ins:
    """The INS that ``patient.identifier`` (or ``patient``) names. Raises ``MalformedInput`` without one."""
    named = [
        token for name in ("patient.identifier", "subject.identifier") for c in search.all(name) for token in c.tokens
    ]
    found = {ins_of_token(token) for token in named}
    found |= {_ins_of_reference(text) for clause in search.all("patient") for text in clause.texts}
    if len(found) != 1:
        raise _needed("patient.identifier", "urn:oid:1.2.250.1.213.1.4.8|{matricule}")
    return found.pop()


def names_patient(search: Search) -> bool:
    """Whether the search says of whom."""
    return any(clause.name.partition(".")[0] in ("patient", "subject") for clause in search.clauses)


def ins_of_token(token: Token) -> Ins:
    """The INS of ``urn:oid:{OID}|{matricule}``. Raises ``MalformedInput``."""
    scheme = scheme_of(token.system)
    if scheme not in AUTHORITIES:
        raise MalformedInput(
            "InvalidINS",
            Text("Le patient se désigne par son INS.", "The patient is named by the INS."),
            location="patient.identifier",
            remedy=Text("Écrivez urn:oid:{OID de l'INS}|{matricule}.", "Write urn:oid:{OID of the INS}|{matricule}."),
            requirement="PDSm4DMP; Référentiel INS",
        )
    return Ins.from_cx(f"{token.code}^^^&{scheme}&ISO^NH")


def patient_id(ins: Ins) -> str:
    """The id of the ``Patient`` of ``ins``.

    >>> patient_id(Ins("284076938304258", "1.2.250.1.213.1.4.10"))
    '1.2.250.1.213.1.4.10-284076938304258'
    """
    return f"{ins.oid}-{ins.matricule}"


def ins_of_patient_id(text: str) -> Ins:
    """The inverse of ``patient_id``. Raises ``MalformedInput``."""
    oid, _, matricule = text.partition("-")
    return Ins.from_cx(f"{matricule}^^^&{oid}&ISO^NH")


def _ins_of_reference(text: str) -> Ins:
    return ins_of_patient_id(text.rpartition("/")[2])


def _statuses(search: Search) -> frozenset[Status]:
    clauses = search.all("status")
    if not clauses:
        raise _needed("status", "current | superseded")
    allowed = frozenset(Status)
    for clause in clauses:
        for token in clause.tokens:
            if token.code not in _STATUSES:
                raise _not_one_of("status", *_STATUSES)
        allowed &= frozenset[Status]().union(*(_STATUSES[token.code] for token in clause.tokens))
    for clause in search.all("isArchived"):
        values = {token.code for token in clause.tokens}
        if not values <= {"true", "false"}:
            raise _not_one_of("isArchived", "true", "false")
        if values == {"true"}:
            allowed &= {Status.ARCHIVED}
        elif values == {"false"}:
            allowed -= {Status.ARCHIVED}
    return allowed


def _identifiers(search: Search) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """The uniqueIds and the UUIDs that ``identifier`` allows: empty for any, ``None`` for none at all."""
    unique_ids: tuple[str, ...] | None = ()
    uuids: tuple[str, ...] | None = ()
    for clause in search.all("identifier"):
        values = [token.code for token in clause.tokens]
        named = tuple(value for value in values if value.startswith("urn:uuid:"))
        others = tuple(_unique_id(value) for value in values if not value.startswith("urn:uuid:"))
        if named and others:
            raise _refused("identifier", "Un uniqueId ou un UUID, pas les deux.", "A uniqueId or a UUID, not both.")
        if named:
            uuids = _meet(uuids, named)
        else:
            unique_ids = _meet(unique_ids, others)
    return unique_ids, uuids


def _unique_id(value: str) -> str:
    bare = value.removeprefix("urn:oid:")
    return bare if is_oid(bare) else value


def _meet(before: tuple[T, ...] | None, more: tuple[T, ...]) -> tuple[T, ...] | None:
    if before is None:
        return None
    return more if not before else tuple(value for value in before if value in more) or None


def _codes(clause: Clause) -> tuple[Code, ...]:
    for token in clause.tokens:
        if not token.code:
            raise _refused(clause.name, "Donnez un code, pas un système seul.", "Give a code, not a system alone.")
    return tuple(Code(token.code, scheme_of(token.system)) for token in clause.tokens)


def _groups(search: Search, name: str) -> tuple[tuple[Code, ...], ...]:
    return tuple(map(_codes, search.all(name)))


def _one_group(search: Search, name: str) -> tuple[Code, ...]:
    groups = _groups(search, name)
    if len(groups) > 1:
        raise _refused(
            name,
            f"« {name} » n'a qu'une valeur par document : séparez les choix par des virgules.",
            f"'{name}' has one value per document: separate alternatives by commas.",
        )
    return groups[0] if groups else ()


def _reference_ids(clause: Clause) -> tuple[str, ...]:
    found = []
    for token in clause.tokens:
        scheme = scheme_of(token.system)
        if scheme:
            found += [f"{token.code}^^^&{scheme}&ISO^{kind}" for kind in _REFERENCE_TYPES]
        else:
            found.append(token.code)
    return tuple(found)


def _persons(search: Search, who: str) -> tuple[str, ...]:
    r"""LIKE patterns on XCN text; the six carets after the given name keep family and given names apart."""
    parts: dict[str, Callable[[str], str]] = {
        "identifier": lambda text: f"{text}^%",
        "family": lambda text: f"%^{text}%^%^^^^^^&%",
        "given": lambda text: f"%^%^{text}%^^^^^^&%",
        "name": lambda text: f"%^{text}%^^^^^^&%",
    }
    given: dict[str, Clause] = {}
    for name in parts:
        clauses = search.all(f"{who}.{name}")
        if len(clauses) > 1:
            raise _refused(f"{who}.{name}", "Une seule fois.", "Once only.")
        if clauses:
            given[name] = clauses[0]
    if set(given) == {"family", "given"}:
        return tuple(
            f"%^{family}%^{first}%^^^^^^&%"
            for family in _spellings(given["family"])
            for first in _spellings(given["given"])
        )
    if len(given) > 1:
        raise _refused(who, "Combinez au plus family et given.", "Combine at most family and given.")
    for name, clause in given.items():
        if name == "identifier":
            return tuple(parts[name](_escaped(token.code)) for token in clause.tokens)
        return tuple(parts[name](text) for text in _spellings(clause))
    return ()


def _spellings(clause: Clause) -> list[str]:
    """A name in the cases in which it may be stored; FHIR ignores case, XDS does not."""
    cases = {spelling for text in clause.texts for spelling in (text, text.upper(), text.title())}
    return [_escaped(text) for text in sorted(cases)]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_").replace("^", "")


def _interval(span: Span) -> Interval:
    return Interval(_dtm(span.start), _dtm(span.end))


def _dtm(moment: datetime | None) -> str:
    return to_dtm(moment) if moment is not None else ""


def _needed(name: str, form: str) -> MalformedInput:
    return MalformedInput(
        "FHIRParameterRequired",
        Text(f"Le paramètre « {name} » est obligatoire.", f"The parameter '{name}' is required."),
        location=name,
        remedy=Text(f"Écrivez {name}={form}.", f"Write {name}={form}."),
        requirement="PDSm 3.1.1; MHD 4.2 ITI-66, ITI-67",
    )


def _not_one_of(name: str, *values: str) -> MalformedInput:
    return MalformedInput(
        "FHIRValue",
        Text(f"« {name} » vaut l'un de : {', '.join(values)}.", f"'{name}' is one of: {', '.join(values)}."),
        location=name,
        requirement="PDSm 3.1.1; MHD 4.2 ITI-66, ITI-67",
    )


def _refused(name: str, french: str, english: str) -> MalformedInput:
    return MalformedInput("FHIRNotSupported", Text(french, english), location=name, requirement="FHIR R4 §3.1.1")


class PagePlace(msgspec.Struct, frozen=True):
    """Where the next page starts: the search as it was asked, and the place in it."""

    search: Search
    after: str
