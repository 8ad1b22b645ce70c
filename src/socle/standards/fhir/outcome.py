"""Refusals and warnings as ``OperationOutcome``.

Source: FHIR R4 OperationOutcome; MHD 4.2 error mapping; fact sheet dmp-exchange §8.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from socle.standards.errors import (
    Conflict,
    Forbidden,
    InvalidContent,
    MalformedInput,
    NotAuthenticated,
    NotFound,
    SocleError,
    Text,
    TooLarge,
    Unavailable,
)
from socle.standards.fhir.resources import IssueTypeCode, OperationOutcome, OperationOutcomeIssue
from socle.standards.fhir.types import CodeableConcept, Coding, Element, Extension
from socle.standards.xds.errors import InvalidMetadata, XdsError, text_of

#: Error codes are URIs or the codes of XDS and of the DMP, in the system that the guide's examples use.
ERROR_SYSTEM: Final = "urn:ietf:rfc:3986"

TRANSLATION: Final = "http://hl7.org/fhir/StructureDefinition/translation"

_BY_CODE: Final[dict[str, IssueTypeCode]] = {
    "FHIRUnknownElement": "structure",
    "FHIRUnknownResource": "structure",
    "FHIRUnexpectedEntry": "structure",
    "FHIROrder": "structure",
    "FHIRJson": "structure",
    "FHIRMissingElement": "required",
    "FHIRCode": "code-invalid",
    "FHIRValue": "value",
    "FHIRConditionalNotSupported": "not-supported",
    "FHIRDocumentNotSupported": "not-supported",
    "FHIRNotSupported": "not-supported",
    "FHIRPatchNotSupported": "not-supported",
    "FHIRMultipleMatches": "multiple-matches",
    "FHIRDeleted": "deleted",
    "XDSDuplicateUniqueIdInRegistry": "duplicate",
    "XDSNonIdenticalHash": "duplicate",
    "UnresolvedReferenceException": "not-found",
    "XDSTooManyResults": "too-costly",
    "FHIRMediaType": "not-supported",
    "FHIRNotAcceptable": "not-supported",
    "XDSMetadataVersionError": "conflict",
}
_BY_CLASS: Final[tuple[tuple[type[SocleError], IssueTypeCode], ...]] = (
    (MalformedInput, "invalid"),
    (InvalidContent, "business-rule"),
    (NotAuthenticated, "login"),
    (Forbidden, "forbidden"),
    (NotFound, "not-found"),
    (Conflict, "conflict"),
    (TooLarge, "too-long"),
    (Unavailable, "transient"),
)


def outcome_of(error: SocleError, language: str = "fr") -> OperationOutcome:
    """What ``error`` says, in ``language``: sentence as text, remedy and rule as diagnostics, place as expression.

    >>> outcome_of(NotFound("FHIRNotFound", Text("Inconnu.", "Unknown.")), "en").issue[0].code
    'not-found'
    """
    remedy = error.remedy.in_language(language) if error.remedy is not None else ""
    diagnostics = " ".join(part for part in (remedy, f"[{error.requirement}]" if error.requirement else "") if part)
    kind = issue_type(error)
    issues = [_issue(kind, error.code, error.reason, language, error.location, diagnostics)]
    if isinstance(error, InvalidMetadata):
        issues = [
            _issue(_BY_CODE.get(one.code, kind), one.code, text_of(one), language, one.location, diagnostics)
            for one in error.errors
        ]
    return OperationOutcome(language="en" if language == "en" else "fr-FR", issue=tuple(issues))


def _issue(
    kind: IssueTypeCode,
    code: str,
    reason: Text,
    language: str,
    location: str,
    diagnostics: str,
    severity: Literal["error", "warning"] = "error",
) -> OperationOutcomeIssue:
    """One error. A place that is no FHIRPath – a line of the body, a place in the CDA – goes to the diagnostics."""
    expression, _, elsewhere = ("", "", location) if location.startswith("line ") else location.partition(" ")
    return OperationOutcomeIssue(
        severity=severity,
        code=kind,
        details=_details(code, reason, language),
        diagnostics=" ".join(filter(None, (elsewhere, diagnostics))) or None,
        expression=(expression,) if expression else (),
    )


def issue_type(error: SocleError) -> IssueTypeCode:
    """The FHIR issue type of ``error``."""
    if error.code in _BY_CODE:
        return _BY_CODE[error.code]
    return next((code for kind, code in _BY_CLASS if isinstance(error, kind)), "exception")


def warnings(errors: Sequence[XdsError], language: str = "fr") -> OperationOutcome:
    """What was accepted but is not as it should be, in ``language``; when there is nothing, one issue says so."""
    if not errors:
        done = CodeableConcept(text="Accepté sans remarque. / Accepted without remarks.")
        return OperationOutcome(
            issue=(OperationOutcomeIssue(severity="information", code="informational", details=done),)
        )
    issues = [
        _issue(_BY_CODE.get(one.code, "informational"), one.code, text_of(one), language, one.location, "", "warning")
        for one in errors
    ]
    return OperationOutcome(language="en" if language == "en" else "fr-FR", issue=tuple(issues))


def _details(code: str, reason: Text, language: str) -> CodeableConcept:
    """The sentence in ``language``, with its translation into the other one."""
    other = "fr-FR" if language == "en" else "en"
    translation = Extension(
        url=TRANSLATION,
        extension=(
            Extension(url="lang", value_code=other),
            Extension(url="content", value_string=reason.in_language(other[:2])),
        ),
    )
    return CodeableConcept(
        coding=(Coding(system=ERROR_SYSTEM, code=code),),
        text=reason.in_language(language),
        text_element=Element(extension=(translation,)),
    )


def sentences_of(issue: OperationOutcomeIssue) -> tuple[str, str]:
    """The French and the English sentence of an issue; both the same when it was told in one language."""
    text = issue.details.text if issue.details and issue.details.text else issue.diagnostics or issue.code
    element = issue.details.text_element if issue.details else None
    for extension in element.extension if element else ():
        parts = {part.url: part.value_code or part.value_string or "" for part in extension.extension}
        if extension.url == TRANSLATION and parts.get("content"):
            return (text, parts["content"]) if parts.get("lang") == "en" else (parts["content"], text)
    return text, text
