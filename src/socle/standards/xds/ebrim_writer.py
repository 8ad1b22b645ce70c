"""Model -> ebRIM, in the order of the schema: slots, name, description, version, classifications, identifiers.

Source: IHE ITI TF-3 §4.2.3; ebRIM 3.0; fact sheet "DMP exchange" §1.4, §8.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Final

from lxml import etree

from socle.standards.xds.model import (
    Association,
    Author,
    Code,
    DocumentEntry,
    Folder,
    RegistryObjects,
    Submission,
    SubmissionSet,
)
from socle.standards.xds.names import (
    ASSOCIATION_OBJECT,
    CLASSIFICATION_OBJECT,
    FOLDER_NODE,
    IDENTIFIER_NAMES,
    IDENTIFIER_OBJECT,
    PACKAGE_OBJECT,
    RIM,
    STABLE_DOCUMENT,
    SUBMISSION_SET_NODE,
    XML_LANG,
    Scheme,
)

_NSMAP: Final = {"rim": RIM}
_Values = str | Iterable[str]


class _Writer:
    """Writes objects into one list; ids of classifications and identifiers are unique in it."""

    def __init__(self) -> None:
        self.list = etree.Element(f"{{{RIM}}}RegistryObjectList", nsmap=_NSMAP)
        self._ids = count(1)

    def _id(self) -> str:
        return f"id{next(self._ids)}"

    def document(self, entry: DocumentEntry) -> None:
        element = self._object("ExtrinsicObject", entry.entry_uuid, logical_id=entry.logical_id, status=entry.status)
        element.set("mimeType", entry.mime_type)
        element.set("objectType", STABLE_DOCUMENT)
        self._slots(
            element,
            [
                ("creationTime", entry.creation_time),
                ("hash", entry.hash),
                ("languageCode", entry.language_code),
                ("legalAuthenticator", entry.legal_authenticator),
                ("repositoryUniqueId", entry.repository_unique_id),
                ("serviceStartTime", entry.service_start_time),
                ("serviceStopTime", entry.service_stop_time),
                ("size", "" if entry.size is None else str(entry.size)),
                ("sourcePatientId", entry.source_patient_id),
                ("sourcePatientInfo", entry.source_patient_info),
                ("URI", entry.uri),
                ("urn:ihe:iti:xds:2013:referenceIdList", entry.reference_ids),
                *entry.extra_slots,
            ],
        )
        self._texts(element, entry.title, entry.comments, entry.version)
        for author in entry.authors:
            self._author(element, entry.entry_uuid, Scheme.DOCUMENT_AUTHOR, author)
        self._codes(
            element,
            entry.entry_uuid,
            [
                (Scheme.DOCUMENT_CLASS, (entry.class_code,)),
                (Scheme.DOCUMENT_CONFIDENTIALITY, entry.confidentiality_codes),
                (Scheme.DOCUMENT_EVENT, entry.event_codes),
                (Scheme.DOCUMENT_FORMAT, (entry.format_code,)),
                (Scheme.DOCUMENT_FACILITY, (entry.healthcare_facility_type_code,)),
                (Scheme.DOCUMENT_PRACTICE, (entry.practice_setting_code,)),
                (Scheme.DOCUMENT_TYPE, (entry.type_code,)),
            ],
        )
        self._identifier(element, entry.entry_uuid, Scheme.DOCUMENT_PATIENT, entry.patient_id.to_cx())
        self._identifier(element, entry.entry_uuid, Scheme.DOCUMENT_UNIQUE_ID, entry.unique_id)

    def submission_set(self, item: SubmissionSet) -> None:
        element = self._object("RegistryPackage", item.entry_uuid, status=item.status)
        element.set("objectType", PACKAGE_OBJECT)
        self._slots(
            element,
            [
                ("submissionTime", item.submission_time),
                ("intendedRecipient", item.intended_recipients),
                *item.extra_slots,
            ],
        )
        self._texts(element, item.title, item.comments)
        self._node(element, item.entry_uuid, SUBMISSION_SET_NODE)
        self._author(element, item.entry_uuid, Scheme.SET_AUTHOR, item.author)
        self._codes(element, item.entry_uuid, [(Scheme.SET_CONTENT_TYPE, (item.content_type_code,))])
        self._identifier(element, item.entry_uuid, Scheme.SET_PATIENT, item.patient_id.to_cx())
        self._identifier(element, item.entry_uuid, Scheme.SET_SOURCE, item.source_id)
        self._identifier(element, item.entry_uuid, Scheme.SET_UNIQUE_ID, item.unique_id)

    def folder(self, item: Folder) -> None:
        element = self._object("RegistryPackage", item.entry_uuid, logical_id=item.logical_id, status=item.status)
        element.set("objectType", PACKAGE_OBJECT)
        self._slots(element, [("lastUpdateTime", item.last_update_time), *item.extra_slots])
        self._texts(element, item.title, item.comments, item.version)
        self._node(element, item.entry_uuid, FOLDER_NODE)
        self._codes(element, item.entry_uuid, [(Scheme.FOLDER_CODE, item.codes)])
        self._identifier(element, item.entry_uuid, Scheme.FOLDER_PATIENT, item.patient_id.to_cx())
        self._identifier(element, item.entry_uuid, Scheme.FOLDER_UNIQUE_ID, item.unique_id)

    def association(self, item: Association) -> None:
        element = self._object("Association", item.entry_uuid, status=item.status)
        element.set("objectType", ASSOCIATION_OBJECT)
        element.set("associationType", item.type)
        element.set("sourceObject", item.source)
        element.set("targetObject", item.target)
        self._slots(
            element,
            [
                ("SubmissionSetStatus", item.submission_set_status),
                ("PreviousVersion", "" if item.previous_version is None else str(item.previous_version)),
                ("OriginalStatus", item.original_status or ""),
                ("NewStatus", item.new_status or ""),
                ("AssociationPropagation", "" if item.propagates else "no"),
            ],
        )
        if item.documentation is not None:
            self._codes(element, item.entry_uuid, [(Scheme.ASSOCIATION_DOCUMENTATION, (item.documentation,))])

    def _object(self, kind: str, identifier: str, *, status: str, logical_id: str = "") -> etree._Element:
        element = etree.SubElement(self.list, f"{{{RIM}}}{kind}")
        element.set("id", identifier)
        if logical_id:
            element.set("lid", logical_id)
        element.set("status", status)
        return element

    def _slots(self, element: etree._Element, slots: Iterable[tuple[str, _Values]]) -> None:
        for name, values in slots:
            listed = ([values] if values else []) if isinstance(values, str) else list(values)
            if listed:
                slot = etree.SubElement(element, f"{{{RIM}}}Slot")
                slot.set("name", name)
                value_list = etree.SubElement(slot, f"{{{RIM}}}ValueList")
                for value in listed:
                    etree.SubElement(value_list, f"{{{RIM}}}Value").text = value

    def _texts(self, element: etree._Element, title: str, comments: str, version: int | None = None) -> None:
        for kind, text in (("Name", title), ("Description", comments)):
            if text:
                _localize(etree.SubElement(element, f"{{{RIM}}}{kind}"), text)
        if version is not None:
            etree.SubElement(element, f"{{{RIM}}}VersionInfo").set("versionName", str(version))

    def _classification(self, element: etree._Element, owner: str) -> etree._Element:
        classification = etree.SubElement(element, f"{{{RIM}}}Classification")
        classification.set("id", self._id())
        classification.set("objectType", CLASSIFICATION_OBJECT)
        classification.set("classifiedObject", owner)
        return classification

    def _node(self, element: etree._Element, owner: str, node: str) -> None:
        self._classification(element, owner).set("classificationNode", node)

    def _author(self, element: etree._Element, owner: str, scheme: Scheme, author: Author) -> None:
        classification = self._classification(element, owner)
        classification.set("classificationScheme", scheme)
        classification.set("nodeRepresentation", "")
        self._slots(
            classification,
            [
                ("authorPerson", author.person),
                ("authorInstitution", author.institutions),
                ("authorRole", author.roles),
                ("authorSpecialty", author.specialties),
                ("authorTelecommunication", author.telecommunications),
            ],
        )

    def _codes(self, element: etree._Element, owner: str, codes: Iterable[tuple[Scheme, Iterable[Code]]]) -> None:
        for scheme, values in codes:
            for code in values:
                classification = self._classification(element, owner)
                classification.set("classificationScheme", scheme)
                classification.set("nodeRepresentation", code.code)
                self._slots(classification, [("codingScheme", code.system)])
                if code.label:
                    _localize(etree.SubElement(classification, f"{{{RIM}}}Name"), code.label)

    def _identifier(self, element: etree._Element, owner: str, scheme: Scheme, value: str) -> None:
        identifier = etree.SubElement(element, f"{{{RIM}}}ExternalIdentifier")
        identifier.set("id", self._id())
        identifier.set("objectType", IDENTIFIER_OBJECT)
        identifier.set("registryObject", owner)
        identifier.set("identificationScheme", scheme)
        identifier.set("value", value)
        _localize(etree.SubElement(identifier, f"{{{RIM}}}Name"), IDENTIFIER_NAMES[scheme])


def _localize(element: etree._Element, text: str) -> None:
    localized = etree.SubElement(element, f"{{{RIM}}}LocalizedString")
    localized.set(XML_LANG, "FR")
    localized.set("charset", "UTF-8")
    localized.set("value", text)


def write_submission(submission: Submission) -> etree._Element:
    """The ``rim:RegistryObjectList`` of ``submission``."""
    return write_objects(
        RegistryObjects(
            submission_sets=(submission.submission_set,),
            documents=submission.documents,
            folders=submission.folders,
            associations=submission.associations,
        )
    )


def write_objects(objects: RegistryObjects) -> etree._Element:
    """The ``rim:RegistryObjectList`` of whole objects (LeafClass)."""
    writer = _Writer()
    for document in objects.documents:
        writer.document(document)
    for submission_set in objects.submission_sets:
        writer.submission_set(submission_set)
    for folder in objects.folders:
        writer.folder(folder)
    for association in objects.associations:
        writer.association(association)
    return writer.list


def write_references(objects: RegistryObjects) -> etree._Element:
    """The ``rim:RegistryObjectList`` of ids alone (ObjectRef)."""
    element = etree.Element(f"{{{RIM}}}RegistryObjectList", nsmap=_NSMAP)
    for items in (objects.documents, objects.submission_sets, objects.folders, objects.associations):
        for item in items:
            etree.SubElement(element, f"{{{RIM}}}ObjectRef").set("id", item.entry_uuid)
    return element
