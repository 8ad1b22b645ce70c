"""ebRIM -> model: reads registry objects, and says everything that is wrong with them at once.

Source: IHE ITI TF-3 §4.2.3; ebRIM 3.0; fact sheet "DMP exchange" §1.4, §1.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, TypeVar

from lxml import etree

from socle.standards.errors import MalformedInput
from socle.standards.ids.ins import Ins
from socle.standards.soap.envelope import text_of
from socle.standards.xds.errors import InvalidMetadata, XdsError, metadata_error
from socle.standards.xds.model import (
    Association,
    AssociationType,
    Author,
    Code,
    DocumentEntry,
    Folder,
    RegistryObjects,
    Status,
    Submission,
    SubmissionSet,
)
from socle.standards.xds.names import (
    FOLDER_NODE,
    LIMITED_METADATA,
    ON_DEMAND_DOCUMENT,
    RIM,
    STABLE_DOCUMENT,
    SUBMISSION_SET_NODE,
    Scheme,
)

_SLOT: Final = f"{{{RIM}}}Slot"
_NAME: Final = f"{{{RIM}}}Name"
_DESCRIPTION: Final = f"{{{RIM}}}Description"
_VERSION: Final = f"{{{RIM}}}VersionInfo"
_CLASSIFICATION: Final = f"{{{RIM}}}Classification"
_IDENTIFIER: Final = f"{{{RIM}}}ExternalIdentifier"
_VALUE_LIST: Final = f"{{{RIM}}}ValueList"
_VALUE: Final = f"{{{RIM}}}Value"
_LOCALIZED: Final = f"{{{RIM}}}LocalizedString"

_NO_PATIENT: Final = Ins("", "")
_NO_CODE: Final = Code("", "")
_E = TypeVar("_E", bound=StrEnum)

Slots = dict[str, tuple[str, ...]]


class _Classification(NamedTuple):
    code: Code
    slots: Slots


class _Object:
    """One registry object, its children sorted by kind, and where its errors go."""

    def __init__(self, element: etree._Element, errors: list[XdsError], outside: Iterable[etree._Element] = ()) -> None:
        self.id = element.get("id", "")
        self.element = element
        self.errors = errors
        self.slots: Slots = {}
        self.title = self.comments = self.version_name = ""
        self.nodes: set[str] = set()
        self.identifiers: dict[str, str] = {}
        self.classifications: dict[str, list[_Classification]] = {}
        for child in (*element, *outside):
            tag = child.tag
            if tag == _SLOT:
                self._read_slot(child)
            elif tag == _CLASSIFICATION:
                self._read_classification(child)
            elif tag == _IDENTIFIER:
                self._read_identifier(child)
            elif tag == _NAME:
                self.title = _localized(child)
            elif tag == _DESCRIPTION:
                self.comments = _localized(child)
            elif tag == _VERSION:
                self.version_name = child.get("versionName", "")

    def refuse(self, attribute: str, fr: str, en: str, code: str = "XDSRegistryMetadataError") -> None:
        self.errors.append(metadata_error(f"{attribute} : {fr}", f"{attribute}: {en}", f"{self.id}/{attribute}", code))

    def _read_slot(self, element: etree._Element) -> None:
        name = element.get("name", "")
        if name in self.slots:
            self.refuse(name, "slot répété", "repeated slot")
        self.slots[name] = values_of(element)

    def _read_classification(self, element: etree._Element) -> None:
        if node := element.get("classificationNode"):
            self.nodes.add(node)
        scheme = element.get("classificationScheme", "")
        if not scheme:
            return
        slots, label = {}, ""
        for child in element:
            if child.tag == _SLOT:
                slots[child.get("name", "")] = values_of(child)
            elif child.tag == _NAME:
                label = _localized(child)
        system = next(iter(slots.get("codingScheme", ())), "")
        code = Code(element.get("nodeRepresentation", ""), system, label)
        self.classifications.setdefault(scheme, []).append(_Classification(code, slots))

    def _read_identifier(self, element: etree._Element) -> None:
        scheme = element.get("identificationScheme", "")
        if scheme in self.identifiers:
            self.refuse("ExternalIdentifier", "identifiant répété", "repeated identifier")
        self.identifiers[scheme] = element.get("value", "").strip()

    # --- values, each taken out once so that what is left is what the model does not know ---

    def take(self, slot: str) -> str:
        """The only value of ``slot``, or ``""``."""
        values = self.slots.pop(slot, ())
        if len(values) > 1:
            self.refuse(slot, "une seule valeur est admise", "one value only is accepted")
        return values[0] if values else ""

    def take_all(self, slot: str) -> tuple[str, ...]:
        return self.slots.pop(slot, ())

    def left(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return tuple(self.slots.items())

    def need(self, attribute: str, value: str) -> str:
        if not value:
            self.refuse(attribute, "cet attribut est obligatoire", "this attribute is required")
        return value

    def identifier(self, scheme: Scheme, attribute: str) -> str:
        return self.need(attribute, self.identifiers.get(scheme, ""))

    def patient(self, scheme: Scheme) -> Ins:
        text = self.identifier(scheme, "patientId")
        try:
            return Ins.from_cx(text) if text else _NO_PATIENT
        except MalformedInput as error:
            self.errors.append(
                metadata_error(
                    error.sentence("fr"), error.sentence("en"), f"{self.id}/patientId", "XDSUnknownPatientId"
                )
            )
            return _NO_PATIENT

    def codes(self, scheme: Scheme, attribute: str) -> tuple[Code, ...]:
        codes = tuple(classification.code for classification in self.classifications.pop(scheme, ()))
        if any(not code.code or not code.system for code in codes):
            self.refuse(
                attribute,
                "nodeRepresentation et le slot codingScheme sont obligatoires",
                "nodeRepresentation and the slot codingScheme are required",
            )
        return codes

    def code(self, scheme: Scheme, attribute: str) -> Code:
        codes = self.codes(scheme, attribute)
        if len(codes) != 1:
            self.refuse(attribute, f"un code attendu, {len(codes)} trouvé(s)", f"one code expected, {len(codes)} found")
        return codes[0] if codes else _NO_CODE

    def authors(self, scheme: Scheme) -> tuple[Author, ...]:
        return tuple(
            Author(
                person=next(iter(slots.get("authorPerson", ())), ""),
                institutions=slots.get("authorInstitution", ()),
                roles=slots.get("authorRole", ()),
                specialties=slots.get("authorSpecialty", ()),
                telecommunications=slots.get("authorTelecommunication", ()),
            )
            for _, slots in self.classifications.pop(scheme, ())
        )

    def status(self) -> Status:
        text = self.element.get("status", "")
        return (self.choice(Status, text, "availabilityStatus") if text else None) or Status.APPROVED

    def choice(self, kind: type[_E], text: str, attribute: str) -> _E | None:
        try:
            return kind(text)
        except ValueError:
            self.refuse(attribute, f"valeur inconnue « {text} »", f"unknown value “{text}”")
            return None

    def integer(self, attribute: str, text: str) -> int | None:
        if not text:
            return None
        if text.isascii() and text.isdigit() and len(text) < 16:
            return int(text)
        self.refuse(attribute, f"« {text} » n'est pas un nombre entier", f"“{text}” is not a whole number")
        return None

    def refuse_left_classifications(self) -> None:
        for scheme in self.classifications:
            if scheme in LIMITED_METADATA:
                self.refuse("limitedMetadata", "les métadonnées limitées sont refusées", "limited metadata is refused")
            else:
                self.errors.append(
                    metadata_error(
                        f"Schéma de classification inconnu : {scheme}",
                        f"Unknown classification scheme: {scheme}",
                        self.id,
                    )
                )


def values_of(slot: etree._Element) -> tuple[str, ...]:
    """The values of a ``rim:Slot``, in order, stripped."""
    return tuple(text_of(value) for values in slot.iterchildren(_VALUE_LIST) for value in values.iterchildren(_VALUE))


def _localized(element: etree._Element) -> str:
    return next((text.get("value", "") for text in element.iterchildren(_LOCALIZED)), "")


def read_submission(objects: etree._Element) -> Submission:
    """The submission of a ``rim:RegistryObjectList``, without contents.

    Raises ``InvalidMetadata`` with every error of form found; rules between objects are ``validate_submission``'s.
    """
    errors: list[XdsError] = []
    found = _read_list(objects, errors)
    if len(found.submission_sets) != 1:
        count = len(found.submission_sets)
        errors.append(
            metadata_error(
                f"Un message porte un SubmissionSet et un seul ; {count} trouvé(s).",
                f"A message carries one SubmissionSet; {count} found.",
                "RegistryObjectList",
            )
        )
    if errors:
        raise InvalidMetadata(errors)
    return Submission(
        submission_set=found.submission_sets[0],
        documents=found.documents,
        folders=found.folders,
        associations=found.associations,
    )


def read_objects(objects: etree._Element) -> RegistryObjects:
    """The objects of an answer's ``rim:RegistryObjectList``. Raises ``InvalidMetadata``."""
    errors: list[XdsError] = []
    found = _read_list(objects, errors)
    if errors:
        raise InvalidMetadata(errors)
    return found


def read_references(objects: etree._Element) -> tuple[str, ...]:
    """The ids of an ObjectRef answer."""
    return tuple(reference.get("id", "") for reference in objects.iterchildren(f"{{{RIM}}}ObjectRef"))


def _read_list(objects: etree._Element, errors: list[XdsError]) -> RegistryObjects:
    sets: list[SubmissionSet] = []
    documents: list[DocumentEntry] = []
    folders: list[Folder] = []
    associations: list[Association] = []
    outside = _outside_classifications(objects)
    for element in objects.iterchildren(etree.Element):
        kind = etree.QName(element).localname
        if kind == "ExtrinsicObject":
            documents.append(_read_document(_Object(element, errors)))
        elif kind == "Association":
            if association := _read_association(_Object(element, errors)):
                associations.append(association)
        elif kind == "RegistryPackage":
            package = _Object(element, errors, outside.get(element.get("id", ""), ()))
            if SUBMISSION_SET_NODE in package.nodes:
                sets.append(_read_set(package))
            elif FOLDER_NODE in package.nodes:
                folders.append(_read_folder(package))
            else:
                package.refuse("Classification", "ni SubmissionSet ni Folder", "neither SubmissionSet nor Folder")
    return RegistryObjects(
        submission_sets=tuple(sets),
        documents=tuple(documents),
        folders=tuple(folders),
        associations=tuple(associations),
    )


def _outside_classifications(objects: etree._Element) -> dict[str, list[etree._Element]]:
    """Classifications beside their object instead of inside, as older senders write them."""
    found: dict[str, list[etree._Element]] = {}
    for element in objects.iterchildren(_CLASSIFICATION):
        found.setdefault(element.get("classifiedObject", ""), []).append(element)
    return found


def _read_document(source: _Object) -> DocumentEntry:
    object_type = source.element.get("objectType", "")
    if object_type != STABLE_DOCUMENT:
        what = "à la demande" if object_type == ON_DEMAND_DOCUMENT else f"« {object_type} »"
        source.refuse(
            "objectType",
            f"seuls les documents stables sont admis, pas {what}",
            "stable documents only are accepted",
            "XDSObjectTypeError",
        )
    entry = DocumentEntry(
        entry_uuid=source.need("id", source.id),
        logical_id=source.element.get("lid", ""),
        unique_id=source.identifier(Scheme.DOCUMENT_UNIQUE_ID, "uniqueId"),
        patient_id=source.patient(Scheme.DOCUMENT_PATIENT),
        class_code=source.code(Scheme.DOCUMENT_CLASS, "classCode"),
        type_code=source.code(Scheme.DOCUMENT_TYPE, "typeCode"),
        format_code=source.code(Scheme.DOCUMENT_FORMAT, "formatCode"),
        healthcare_facility_type_code=source.code(Scheme.DOCUMENT_FACILITY, "healthcareFacilityTypeCode"),
        practice_setting_code=source.code(Scheme.DOCUMENT_PRACTICE, "practiceSettingCode"),
        confidentiality_codes=source.codes(Scheme.DOCUMENT_CONFIDENTIALITY, "confidentialityCode"),
        event_codes=source.codes(Scheme.DOCUMENT_EVENT, "eventCodeList"),
        authors=source.authors(Scheme.DOCUMENT_AUTHOR),
        creation_time=source.need("creationTime", source.take("creationTime")),
        language_code=source.need("languageCode", source.take("languageCode")),
        mime_type=source.need("mimeType", source.element.get("mimeType", "")),
        legal_authenticator=source.take("legalAuthenticator"),
        service_start_time=source.take("serviceStartTime"),
        service_stop_time=source.take("serviceStopTime"),
        source_patient_id=source.take("sourcePatientId"),
        source_patient_info=source.take_all("sourcePatientInfo"),
        reference_ids=source.take_all("urn:ihe:iti:xds:2013:referenceIdList"),
        hash=source.take("hash").lower(),
        size=source.integer("size", source.take("size")),
        uri="".join(source.take_all("URI")),
        repository_unique_id=source.take("repositoryUniqueId"),
        title=source.title,
        comments=source.comments,
        version=source.integer("version", source.version_name) or 1,
        status=source.status(),
        extra_slots=source.left(),
    )
    source.refuse_left_classifications()
    return entry


def _read_set(source: _Object) -> SubmissionSet:
    authors = source.authors(Scheme.SET_AUTHOR)
    if len(authors) != 1:
        source.refuse(
            "author", f"un auteur attendu, {len(authors)} trouvé(s)", f"one author expected, {len(authors)} found"
        )
    submission_set = SubmissionSet(
        entry_uuid=source.need("id", source.id),
        unique_id=source.identifier(Scheme.SET_UNIQUE_ID, "uniqueId"),
        source_id=source.identifier(Scheme.SET_SOURCE, "sourceId"),
        patient_id=source.patient(Scheme.SET_PATIENT),
        content_type_code=source.code(Scheme.SET_CONTENT_TYPE, "contentTypeCode"),
        submission_time=source.need("submissionTime", source.take("submissionTime")),
        author=authors[0] if authors else Author(),
        title=source.title,
        comments=source.comments,
        intended_recipients=source.take_all("intendedRecipient"),
        status=source.status(),
        extra_slots=source.left(),
    )
    source.refuse_left_classifications()
    return submission_set


def _read_folder(source: _Object) -> Folder:
    folder = Folder(
        entry_uuid=source.need("id", source.id),
        logical_id=source.element.get("lid", ""),
        unique_id=source.identifier(Scheme.FOLDER_UNIQUE_ID, "uniqueId"),
        patient_id=source.patient(Scheme.FOLDER_PATIENT),
        codes=source.codes(Scheme.FOLDER_CODE, "codeList"),
        title=source.title,
        comments=source.comments,
        last_update_time=source.take("lastUpdateTime"),
        version=source.integer("version", source.version_name) or 1,
        status=source.status(),
        extra_slots=source.left(),
    )
    source.refuse_left_classifications()
    return folder


def _read_association(source: _Object) -> Association | None:
    kind = source.choice(AssociationType, _full_type(source.element.get("associationType", "")), "associationType")
    if kind is None:
        return None
    original, new = source.take("OriginalStatus"), source.take("NewStatus")
    return Association(
        entry_uuid=source.id,
        type=kind,
        source=source.need("sourceObject", source.element.get("sourceObject", "")),
        target=source.need("targetObject", source.element.get("targetObject", "")),
        submission_set_status=source.take("SubmissionSetStatus"),
        previous_version=source.integer("PreviousVersion", source.take("PreviousVersion")),
        original_status=source.choice(Status, original, "OriginalStatus") if original else None,
        new_status=source.choice(Status, new, "NewStatus") if new else None,
        propagates=source.take("AssociationPropagation").lower() != "no",
        documentation=next(iter(source.codes(Scheme.ASSOCIATION_DOCUMENTATION, "associationDocumentation")), None),
        status=source.status(),
    )


def _full_type(text: str) -> str:
    """``text`` as a URN: the bare ``HasMember`` of XDS.a is still seen."""
    return AssociationType.HAS_MEMBER if text == "HasMember" else text


def iterate_slots(element: etree._Element) -> Iterator[tuple[str, Sequence[str]]]:
    """Name and values of each slot of ``element``, repeated names included."""
    for slot in element.iterchildren(_SLOT):
        yield slot.get("name", ""), values_of(slot)
