"""Stored queries of ITI-18: ``rim:AdhocQuery`` <-> ``StoredQuery``, parameters checked against each query's table.

Values of one slot are alternatives; a slot that is repeated asks for all its groups at once, where that is allowed.

Source: IHE ITI TF-2 3.18.4.1.2.3; fact sheet "DMP exchange" §1.6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec
from lxml import etree

from socle.standards.errors import MalformedInput, Text
from socle.standards.soap.envelope import require
from socle.standards.xds.ebrim_reader import iterate_slots
from socle.standards.xds.errors import InvalidMetadata, Severity, XdsError, metadata_error
from socle.standards.xds.model import Code
from socle.standards.xds.names import QUERY, RIM

MAX_VALUES: Final = 2_000


class QueryId(StrEnum):
    """The stored queries of a registry."""

    FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
    FIND_DOCUMENTS_BY_REFERENCE_ID = "urn:uuid:12941a89-e02e-4be5-967c-ce4bfc8fe492"
    FIND_DOCUMENTS_EXCLUDE = "urn:uuid:4308b1df-36de-4bef-8e2e-ba91f593c435"
    FIND_SUBMISSION_SETS = "urn:uuid:f26abbcb-ac74-4422-8a30-edb644bbc1a9"
    FIND_FOLDERS = "urn:uuid:958f3006-baad-4929-a4de-ff1114824431"
    GET_ALL = "urn:uuid:10b545ea-725c-446d-9b95-8aeb444eddf3"
    GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
    GET_FOLDERS = "urn:uuid:5737b14c-8a1a-4539-b659-e03a34a5e1e4"
    GET_ASSOCIATIONS = "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155"
    GET_DOCUMENTS_AND_ASSOCIATIONS = "urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a"
    GET_SUBMISSION_SETS = "urn:uuid:51224314-5390-4169-9b91-b1980040715a"
    GET_SUBMISSION_SET_AND_CONTENTS = "urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83"
    GET_FOLDER_AND_CONTENTS = "urn:uuid:b909a503-523d-4517-8acf-8e5834dfc4c7"
    GET_FOLDERS_FOR_DOCUMENT = "urn:uuid:10cae35a-c7f9-4cf5-b61e-fc3278ffb578"
    GET_RELATED_DOCUMENTS = "urn:uuid:d90e5407-b356-4d91-a89f-873917b4b0e6"


class ReturnType(StrEnum):
    """What an answer lists."""

    LEAF_CLASS = "LeafClass"
    OBJECT_REF = "ObjectRef"


class _Rule(msgspec.Struct, frozen=True):
    """What one query takes. Of ``one_of``, exactly one parameter is given."""

    required: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


_ANYWHERE: Final = ("$XDSAssociationStatus", "$targetCommunityIdList", "$homeCommunityId", "$MetadataLevel")
_DOCUMENT_FILTERS: Final = tuple(
    f"$XDSDocumentEntry{name}"
    for name in (
        *("ClassCode", "TypeCode", "PracticeSettingCode", "HealthcareFacilityTypeCode", "FormatCode"),
        *("EventCodeList", "ConfidentialityCode", "AuthorPerson", "CreationTimeFrom", "CreationTimeTo"),
        *("ServiceStartTimeFrom", "ServiceStartTimeTo", "ServiceStopTimeFrom", "ServiceStopTimeTo", "Type"),
        *("DocumentAvailability", "ReferenceIdList"),
    )
)
_CONTENT_FILTERS: Final = (
    "$XDSDocumentEntryFormatCode",
    "$XDSDocumentEntryConfidentialityCode",
    "$XDSDocumentEntryType",
)
_FIND: Final = ("$XDSDocumentEntryPatientId", "$XDSDocumentEntryStatus")
_ONE_DOCUMENT: Final = ("$XDSDocumentEntryEntryUUID", "$XDSDocumentEntryUniqueId")
_DOCUMENT_IDS: Final = (*_ONE_DOCUMENT, "$XDSDocumentEntryLogicalID")
_EXCLUSIONS: Final = tuple(f"{name}Exclude" for name in (*_DOCUMENT_FILTERS, "$XDSDocumentEntryStatus"))

RULES: Final[dict[QueryId, _Rule]] = {
    QueryId.FIND_DOCUMENTS: _Rule(_FIND, (), _DOCUMENT_FILTERS),
    QueryId.FIND_DOCUMENTS_BY_REFERENCE_ID: _Rule((*_FIND, "$XDSDocumentEntryReferenceIdList"), (), _DOCUMENT_FILTERS),
    QueryId.FIND_DOCUMENTS_EXCLUDE: _Rule(_FIND, (), (*_DOCUMENT_FILTERS, *_EXCLUSIONS)),
    QueryId.FIND_SUBMISSION_SETS: _Rule(
        ("$XDSSubmissionSetPatientId", "$XDSSubmissionSetStatus"),
        (),
        tuple(
            f"$XDSSubmissionSet{name}"
            for name in ("SourceId", "SubmissionTimeFrom", "SubmissionTimeTo", "AuthorPerson", "ContentType")
        ),
    ),
    QueryId.FIND_FOLDERS: _Rule(
        ("$XDSFolderPatientId", "$XDSFolderStatus"),
        (),
        ("$XDSFolderLastUpdateTimeFrom", "$XDSFolderLastUpdateTimeTo", "$XDSFolderCodeList"),
    ),
    QueryId.GET_ALL: _Rule(
        ("$patientId", "$XDSDocumentEntryStatus", "$XDSSubmissionSetStatus", "$XDSFolderStatus"), (), _CONTENT_FILTERS
    ),
    QueryId.GET_DOCUMENTS: _Rule((), _DOCUMENT_IDS),
    QueryId.GET_FOLDERS: _Rule((), ("$XDSFolderEntryUUID", "$XDSFolderUniqueId", "$XDSFolderLogicalID")),
    QueryId.GET_ASSOCIATIONS: _Rule(("$uuid",)),
    QueryId.GET_DOCUMENTS_AND_ASSOCIATIONS: _Rule((), _DOCUMENT_IDS[:2]),
    QueryId.GET_SUBMISSION_SETS: _Rule(("$uuid",)),
    QueryId.GET_SUBMISSION_SET_AND_CONTENTS: _Rule(
        (), ("$XDSSubmissionSetEntryUUID", "$XDSSubmissionSetUniqueId"), _CONTENT_FILTERS
    ),
    QueryId.GET_FOLDER_AND_CONTENTS: _Rule((), ("$XDSFolderEntryUUID", "$XDSFolderUniqueId"), _CONTENT_FILTERS),
    QueryId.GET_FOLDERS_FOR_DOCUMENT: _Rule((), _ONE_DOCUMENT),
    QueryId.GET_RELATED_DOCUMENTS: _Rule(("$AssociationTypes",), _ONE_DOCUMENT, ("$XDSDocumentEntryType",)),
}

#: Repeating one of these slots means AND.
CONJUNCTIVE: Final = frozenset(
    {
        "$XDSDocumentEntryEventCodeList",
        "$XDSDocumentEntryConfidentialityCode",
        "$XDSFolderCodeList",
        "$XDSDocumentEntryReferenceIdList",
    }
)
_SINGLE_SUFFIXES: Final = ("PatientId", "$patientId", "From", "To", "$MetadataLevel")
_SINGLE_IN: Final = {
    QueryId.GET_SUBMISSION_SET_AND_CONTENTS: ("EntryUUID", "UniqueId"),
    QueryId.GET_FOLDER_AND_CONTENTS: ("EntryUUID", "UniqueId"),
    QueryId.GET_FOLDERS_FOR_DOCUMENT: ("EntryUUID", "UniqueId"),
    QueryId.GET_RELATED_DOCUMENTS: ("EntryUUID", "UniqueId"),
}
_DTM = re.compile(r"\d{4}(\d{2}(\d{2}(\d{2}(\d{2}(\d{2})?)?)?)?)?")
_ITEM = re.compile(r"\s*(?:'((?:[^']|'')*)'|([^\s',()][^',()]*))\s*")

Groups = tuple[tuple[str, ...], ...]


class StoredQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One query. ``parameters`` maps a name to its groups: all groups must match, by one of their values."""

    id: QueryId
    parameters: dict[str, Groups]
    return_type: ReturnType = ReturnType.LEAF_CLASS
    #: What was not understood and did not stop the query.
    warnings: tuple[XdsError, ...] = ()

    def values(self, name: str) -> tuple[str, ...]:
        """The alternatives of a parameter that has one group; empty when it is not given."""
        return tuple(value for group in self.parameters.get(name, ()) for value in group)

    def value(self, name: str) -> str:
        """The only value of a parameter, or ``""``."""
        return next(iter(self.values(name)), "")

    def codes(self, name: str) -> tuple[Code, ...]:
        """The alternatives as codes."""
        return tuple(read_code(value) for value in self.values(name))

    def code_groups(self, name: str) -> tuple[tuple[Code, ...], ...]:
        """The groups as codes."""
        return tuple(tuple(read_code(value) for value in group) for group in self.parameters.get(name, ()))


def read_code(text: str) -> Code:
    """A code of a query, ``code^^scheme``; without scheme it matches any.

    >>> read_code("11502-2^^2.16.840.1.113883.6.1").system
    '2.16.840.1.113883.6.1'
    """
    parts = text.split("^")
    return Code(parts[0], parts[2] if len(parts) > 2 else "")


def write_code(code: Code) -> str:
    """``code^^scheme``."""
    return f"{code.code}^^{code.system}" if code.system else code.code


def read_query(request: etree._Element) -> StoredQuery:
    """The query of a ``query:AdhocQueryRequest``.

    Raises ``MalformedInput`` when an element is missing, ``InvalidMetadata`` with every error of the parameters
    (``XDSUnknownStoredQuery``, ``XDSStoredQueryMissingParam``, ``XDSStoredQueryParamNumber``, ``XDSRegistryError``).
    """
    option = require(request.find(f"{{{QUERY}}}ResponseOption"), "query:ResponseOption", "AdhocQueryRequest")
    adhoc = require(request.find(f"{{{RIM}}}AdhocQuery"), "rim:AdhocQuery", "AdhocQueryRequest")
    return_type = option.get("returnType", "")
    if return_type not in ReturnType.__members__.values():
        _refuse(
            metadata_error(
                f"returnType « {return_type} » inconnu : LeafClass ou ObjectRef.",
                f"Unknown returnType “{return_type}”: LeafClass or ObjectRef.",
                "ResponseOption/@returnType",
                "XDSRegistryError",
            )
        )
    identifier = adhoc.get("id", "")
    if identifier not in QueryId.__members__.values():
        _refuse(
            metadata_error(
                f"Requête enregistrée inconnue : {identifier}",
                f"Unknown stored query: {identifier}",
                "AdhocQuery/@id",
                "XDSUnknownStoredQuery",
            )
        )
    query_id = QueryId(identifier)
    parameters: dict[str, Groups] = {}
    errors: list[XdsError] = []
    for name, texts in iterate_slots(adhoc):
        try:
            group = tuple(value for text in texts for value in read_values(text))
        except MalformedInput as error:
            errors.append(_parameter_error(name, error.reason.fr, error.reason.en, "XDSRegistryError"))
            continue
        parameters[name] = (*parameters.get(name, ()), group)
    warnings, found = check_parameters(query_id, parameters)
    _refuse(*errors, *found)
    return StoredQuery(
        id=query_id, parameters=parameters, return_type=ReturnType(return_type), warnings=tuple(warnings)
    )


def read_values(text: str) -> list[str]:
    """The values that one ``rim:Value`` writes: ``'a'``, ``('a','b')`` or ``20240302``. Raises ``MalformedInput``.

    >>> read_values("('l''un','b')"), read_values("20240302")
    (["l'un", 'b'], ['20240302'])
    """
    inside = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    values, position = [], 0
    while match := _ITEM.match(inside, position):
        values.append(match[2].strip() if match[1] is None else match[1].replace("''", "'"))
        position = match.end()
        if position == len(inside):
            return values
        if inside[position] != ",":
            break
        position += 1
    raise MalformedInput(
        "QueryValue",
        Text(
            f"La valeur « {text[:80]} » n'est ni 'texte', ni ('a','b'), ni un nombre.",
            f"The value “{text[:80]}” is neither 'text', nor ('a','b'), nor a number.",
        ),
    )


def check_parameters(query_id: QueryId, parameters: dict[str, Groups]) -> tuple[list[XdsError], list[XdsError]]:
    """Warnings and errors of ``parameters`` against the table of the query."""
    rule = RULES[query_id]
    known = {*rule.required, *rule.one_of, *rule.optional, *_ANYWHERE}
    warnings = [
        XdsError(
            code="XDSRegistryError",
            context=f"Paramètre {name} ignoré : cette requête ne le connaît pas. / "
            f"Parameter {name} ignored: this query does not know it.",
            location=name,
            severity=Severity.WARNING,
        )
        for name in parameters
        if name not in known
    ]
    errors = [
        _parameter_error(name, "paramètre obligatoire", "required parameter", "XDSStoredQueryMissingParam")
        for name in rule.required
        if not any(parameters.get(name, ()))
    ]
    given = [name for name in rule.one_of if any(parameters.get(name, ()))]
    if rule.one_of and len(given) != 1:
        errors.append(
            _parameter_error(
                " | ".join(rule.one_of),
                "un et un seul de ces paramètres est attendu",
                "exactly one of these parameters is expected",
                "XDSStoredQueryParamNumber" if given else "XDSStoredQueryMissingParam",
            )
        )
    for name, groups in parameters.items():
        if name in known:
            errors += _check_values(query_id, name, groups)
    return warnings, errors


def _check_values(query_id: QueryId, name: str, groups: Groups) -> Iterable[XdsError]:
    count = sum(map(len, groups))
    is_single = name.endswith((*_SINGLE_SUFFIXES, *_SINGLE_IN.get(query_id, ())))
    if count > (1 if is_single else MAX_VALUES) or (len(groups) > 1 and name not in CONJUNCTIVE):
        yield _parameter_error(name, "trop de valeurs", "too many values", "XDSStoredQueryParamNumber")
    if name.endswith(("From", "To")) and any(not _DTM.fullmatch(value) for group in groups for value in group):
        yield _parameter_error(
            name,
            "une date AAAA[MM[JJ[hh[mm[ss]]]]] est attendue",
            "a date YYYY[MM[DD[hh[mm[ss]]]]] is expected",
            "XDSRegistryError",
        )


def _parameter_error(name: str, fr: str, en: str, code: str) -> XdsError:
    return metadata_error(f"{name} : {fr}", f"{name}: {en}", name, code)


def _refuse(*errors: XdsError) -> None:
    if errors:
        raise InvalidMetadata(errors)


def write_query(query: StoredQuery) -> etree._Element:
    """The ``query:AdhocQueryRequest`` of ``query``."""
    request = etree.Element(f"{{{QUERY}}}AdhocQueryRequest", nsmap={"query": QUERY, "rim": RIM})
    option = etree.SubElement(request, f"{{{QUERY}}}ResponseOption")
    option.set("returnComposedObjects", "true")
    option.set("returnType", query.return_type)
    adhoc = etree.SubElement(request, f"{{{RIM}}}AdhocQuery")
    adhoc.set("id", query.id)
    for name, groups in query.parameters.items():
        for group in groups:
            slot = etree.SubElement(adhoc, f"{{{RIM}}}Slot")
            slot.set("name", name)
            values = etree.SubElement(slot, f"{{{RIM}}}ValueList")
            etree.SubElement(values, f"{{{RIM}}}Value").text = _write_group(name, group)
    return request


def _write_group(name: str, group: tuple[str, ...]) -> str:
    if name.endswith(("From", "To", "$MetadataLevel")):
        return group[0]
    quoted = ",".join("'" + value.replace("'", "''") + "'" for value in group)
    return quoted if name.endswith(_SINGLE_SUFFIXES) else f"({quoted})"
