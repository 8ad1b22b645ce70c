"""The canonical URLs of PDSm, MHD and FR Core that the mapping writes and reads."""

from __future__ import annotations

from typing import Final

_PDSM: Final = "https://interop.esante.gouv.fr/ig/fhir/pdsm"
_MHD: Final = "https://profiles.ihe.net/ITI/MHD"
_FR_CORE: Final = "https://hl7.fr/ig/fhir/core"

PROFILE_DOCUMENT: Final = f"{_PDSM}/StructureDefinition/pdsm-comprehensive-document-reference"
PROFILE_SUBMISSION_SET: Final = f"{_PDSM}/StructureDefinition/pdsm-submissionset-comprehensive"
PROFILE_FOLDER: Final = f"{_PDSM}/StructureDefinition/pdsm-folder-comprehensive"
PROFILE_BUNDLE: Final = f"{_PDSM}/StructureDefinition/pdsm-comprehensive-provide-document-bundle"
PROFILE_SIMPLIFIED: Final = f"{_PDSM}/StructureDefinition/pdsm-simplified-publish"
IS_ARCHIVED: Final = f"{_PDSM}/StructureDefinition/pdsm-ext-is-archived"
INTENDED_RECIPIENT: Final = f"{_PDSM}/StructureDefinition/pdsm-ext-intended-recipient"

DESIGNATION_TYPE: Final = f"{_MHD}/StructureDefinition/ihe-designationType"
SOURCE_ID: Final = f"{_MHD}/StructureDefinition/ihe-sourceId"
AUTHOR_ORGANIZATION: Final = f"{_MHD}/StructureDefinition/ihe-authorOrg"
IDENTIFIER_TYPE: Final = f"{_MHD}/CodeSystem/MHDIdentifierType"
LIST_TYPES: Final = f"{_MHD}/CodeSystem/MHDlistTypes"

FR_IDENTIFIER_TYPE: Final = f"{_FR_CORE}/CodeSystem/fr-core-cs-v2-0203"
V2_IDENTIFIER_TYPE: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"
URI_SYSTEM: Final = "urn:ietf:rfc:3986"

#: What XDS carries and no guide gives a place to.
AUTHOR_ROLE: Final = "urn:socle:fhir:author-role"
AUTHOR_SPECIALTY: Final = "urn:socle:fhir:author-specialty"
AUTHOR_INSTITUTION: Final = "urn:socle:fhir:author-institution"
SOURCE_PATIENT_INFO: Final = "urn:socle:fhir:source-patient-info"

FR_CORE_TYPES: Final = frozenset({"IDNPS", "IDNST", "RPPS", "ADELI", "FINEJ", "FINEG", "SIREN", "SIRET", "INTRN"})
