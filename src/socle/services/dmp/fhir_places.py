"""Where an error of XDS is in the FHIR message that was sent: ``entry1/typeCode`` -> ``Bundle.entry[1].resource.type``.

Source: FHIR R4 OperationOutcome.issue.expression; PDSm 3.1.1 mapping of DocumentReference and List to XDS.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from socle.standards.errors import SocleError
from socle.standards.xds.errors import InvalidMetadata
from socle.standards.xds.model import AssociationType, DocumentEntry, Folder, Submission, SubmissionSet

_IN_DOCUMENT: Final = {
    "author": "author",
    "classCode": "category[0]",
    "comments": "description",
    "confidentialityCode": "securityLabel",
    "creationTime": "content[0].attachment.creation",
    "eventCodeList": "context.event",
    "formatCode": "content[0].format",
    "hash": "content[0].attachment.hash",
    "healthcareFacilityTypeCode": "context.facilityType",
    "languageCode": "content[0].attachment.language",
    "legalAuthenticator": "authenticator",
    "mimeType": "content[0].attachment.contentType",
    "patientId": "subject",
    "practiceSettingCode": "context.practiceSetting",
    "referenceIdList": "context.related",
    "serviceStartTime": "context.period.start",
    "serviceStopTime": "context.period.end",
    "size": "content[0].attachment.size",
    "sourcePatientId": "context.sourcePatientInfo",
    "sourcePatientInfo": "context.sourcePatientInfo",
    "title": "content[0].attachment.title",
    "typeCode": "type",
    "uniqueId": "masterIdentifier",
}
_IN_LIST: Final = {
    "author": "source",
    "authorPerson": "source",
    "codeList": "extension",
    "comments": "note",
    "contentTypeCode": "extension",
    "patientId": "subject",
    "sourceId": "extension",
    "submissionTime": "date",
    "title": "title",
    "uniqueId": "identifier",
}


def relocated(error: SocleError, submission: Submission, at: Mapping[str, str]) -> SocleError:
    """``error`` with places in the message; ``at`` gives the FHIRPath of the resource of each symbolic id."""
    if isinstance(error, InvalidMetadata):
        return InvalidMetadata(
            [replace(one, location=place_of(one.location, submission, at)) for one in error.errors],
        )
    if not error.location:
        return error
    moved = copy.copy(error)
    moved.location = place_of(error.location, submission, at)
    return moved


def place_of(location: str, submission: Submission, at: Mapping[str, str]) -> str:
    """The FHIRPath of an XDS ``location``; what names no object of the message is about the submission set.

    A place of the document itself, in parentheses after the attribute, stays.
    """
    for link in submission.associations:
        if location in (link.target, link.entry_uuid) or location.startswith(f"{link.entry_uuid}/"):
            return f"{at[link.source]}.{'entry' if link.type is AssociationType.HAS_MEMBER else 'relatesTo'}"
    documents = {entry.entry_uuid for entry in submission.documents}
    items: tuple[SubmissionSet | DocumentEntry | Folder, ...]
    items = (submission.submission_set, *submission.documents, *submission.folders)
    unique_ids = {item.unique_id: f"{item.entry_uuid}/uniqueId" for item in items}
    name, _, attribute = unique_ids.get(location, location).partition("/")
    attribute, _, in_document = attribute.partition(" ")
    element = (_IN_DOCUMENT if name in documents else _IN_LIST).get(attribute, "")
    resource = at.get(name) or at[submission.submission_set.entry_uuid]
    return " ".join(filter(None, (f"{resource}.{element}" if element else resource, in_document)))
