"""Errors of XDS: the table of codes, one error of a ``RegistryErrorList``, and the refusal that carries several.

Source: IHE ITI TF-3 table 4.2.4.1-2; fact sheet "DMP exchange" §1.10.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from socle.standards.errors import InvalidContent, SocleError, Text

REQUIREMENT: Final = "CI-SIS Partage de documents; IHE ITI TF-3 §4.2"


class Severity(StrEnum):
    """Whether an error stops the request."""

    ERROR = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error"
    WARNING = "urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Warning"


#: What each code says. Codes that a server adds of its own are open strings: this table does not bound them.
CODES: Final[dict[str, str]] = {
    "XDSMissingDocument": "metadata without attachment",
    "XDSMissingDocumentMetadata": "attachment without metadata",
    "XDSRegistryNotAvailable": "the repository cannot reach the registry",
    "XDSRegistryError": "internal or unspecified error of the registry",
    "XDSRepositoryError": "internal or unspecified error of the repository, signature of the submission",
    "XDSRegistryBusy": "too much load",
    "XDSRepositoryBusy": "too much load",
    "XDSRegistryOutOfResources": "out of resources",
    "XDSRepositoryOutOfResources": "out of resources",
    "XDSRegistryMetadataError": "invalid metadata",
    "XDSRepositoryMetadataError": "metadata contradicts the document",
    "XDSRegistryDuplicateUniqueIdInMessage": "the same uniqueId twice in the message",
    "XDSRepositoryDuplicateUniqueIdInMessage": "the same uniqueId twice in the message",
    "XDSDuplicateUniqueIdInRegistry": "uniqueId already used by another object",
    "XDSNonIdenticalHash": "same uniqueId, other content",
    "XDSNonIdenticalSize": "same uniqueId, other content",
    "XDSUnknownPatientId": "no active record for this patient",
    "XDSPatientIdDoesNotMatch": "patientId differs between objects, or from the target of an association",
    "XDSTooManyResults": "the result of a query is over the limit",
    "XDSExtraMetadataNotSaved": "metadata that is not kept",
    "XDSUnknownStoredQuery": "no such query",
    "XDSStoredQueryMissingParam": "a required parameter of the query is missing",
    "XDSStoredQueryParamNumber": "a parameter of the query has too many values",
    "XDSResultNotSinglePatient": "a query by id spans several patients",
    "XDSRegistryDeprecatedDocumentError": "the target of an association is deprecated",
    "XDSUnknownRepositoryId": "another repository",
    "XDSDocumentUniqueIdError": "no such document for this caller",
    "XDSObjectTypeError": "wrong object type",
    "XDSMetadataIdentifierError": "bad identifier",
    "XDSMetadataUpdateError": "this metadata cannot change",
    "XDSMetadataUpdateOperationError": "this operation is not possible",
    "XDSMetadataVersionError": "another version is current",
    "XDSPatientIDReconciliationError": "patientId differs from the current version's",
    "UnmodifiableMetadataError": "this metadata cannot change",
    "XDSMetadataAnnotationError": "annotation refused",
    "LocalPolicyRestrictionError": "refused by local policy",
    "UnresolvedReferenceException": "an association names an object that does not exist",
    "ReferencesExistException": "the object is referred to",
    "InvalidDocumentContent": "the content does not match the metadata",
}


class XdsError(msgspec.Struct, frozen=True, kw_only=True):
    """One ``rs:RegistryError``. ``context`` is the sentence of ``codeContext``; ``location`` names object/attribute."""

    code: str
    context: str
    location: str = ""
    severity: Severity = Severity.ERROR


class InvalidMetadata(InvalidContent):
    """Metadata breaks rules of XDS; ``errors`` says every one."""

    def __init__(self, errors: Sequence[XdsError]) -> None:
        first = errors[0]
        super().__init__(
            first.code, Text(first.context, first.context), location=first.location, requirement=REQUIREMENT
        )
        self.errors = tuple(errors)


def text_of(error: XdsError) -> Text:
    """The sentence of ``error`` in each language, where its context says both.

    >>> text_of(XdsError(code="X", context="Inconnu. / Unknown.")).en
    'Unknown.'
    """
    fr, _, en = error.context.partition(" / ")
    return Text(fr, en) if en and " / " not in en else Text(error.context, error.context)


def metadata_error(fr: str, en: str, location: str, code: str = "XDSRegistryMetadataError") -> XdsError:
    """One error, its sentence French first."""
    return XdsError(code=code, context=f"{fr} / {en}", location=location)


def errors_of(error: SocleError, fallback: str = "XDSRegistryError") -> tuple[XdsError, ...]:
    """The errors that tell ``error`` in a ``RegistryErrorList``. A code of another family becomes ``fallback``."""
    if isinstance(error, InvalidMetadata):
        return error.errors
    is_known = error.code in CODES or error.code.startswith("DMP")
    context = f"{error.sentence('fr')} / {error.sentence('en')}"
    return (
        XdsError(
            code=error.code if is_known else fallback,
            context=context if is_known else f"{error.code}: {context}",
            location=error.location,
        ),
    )
