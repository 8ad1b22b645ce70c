"""Namespaces, OIDs and codes of record management.

Source: fact sheet "DMP exchange" §5.1-5.4, §5.9.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

HL7: Final = "urn:hl7-org:v3"
HABILITATIONS: Final = "urn:si-dmp-habilitations"
PATIENTS: Final = "urn:si-dmp-patients"

OID_INTERACTION: Final = "2.16.840.1.113883.1.6"
OID_REASON: Final = "1.2.250.1.213.1.1.4.11"
OID_DMP: Final = "1.2.250.1.213.4.1.1.1"
OID_CONSENT: Final = "1.2.250.1.213.4.1.2.3"
OID_CLOSING: Final = "1.2.250.1.213.4.1.2.4"
OID_PROFESSIONAL: Final = "1.2.250.1.71.4.2.1"
#: Observations that no public source defines (authorisation of the caller …): a UUID OID of the project.
OID_STATUS: Final = "2.25.230817529441237450917620348127364509182"


class Interaction(StrEnum):
    """Interactions of the patient registry."""

    FIND_CANDIDATES = "PRPA_IN201305UV02"
    CANDIDATES = "PRPA_IN201306UV02"
    GET = "PRPA_IN201307UV02"
    GET_ANSWER = "PRPA_IN201308UV02"
    ADD = "PRPA_IN201311UV02"
    ADDED = "PRPA_IN201312UV02"
    NOT_ADDED = "PRPA_IN201313UV02"
    REVISE = "PRPA_IN201314UV02"
    REVISED = "PRPA_IN201315UV02"
    NOT_REVISED = "PRPA_IN201316UV02"


class Reason(StrEnum):
    """Why the record is asked for or changed."""

    TEST_EXISTENCE = "TEST_EXST"
    READ_IDENTITY = "CNSLT_DATA"
    CREATE = "CREA_RD"
    REACTIVATE = "REAC"
    UPDATE_IDENTITY = "MODIF_DATA"
    CLOSE = "FERM"


class Consent(StrEnum):
    """What the holder says at opening or reopening."""

    OPENING = "CONSENTEMENT_OUVERTURE_DMP"
    REACTIVATION = "CONSENTEMENT_REACTIVATION_DMP"
    REFUSES_BRIS_DE_GLACE = "OPPOSITION_BRIS_DE_GLACE"
    REFUSES_EMERGENCY = "OPPOSITION_ACCES_URGENCE"


#: Codes of the observations that TD0.2 answers with.
AUTHORIZATION: Final = "STATUT_AUTORISATION"
MEDECIN_TRAITANT: Final = "MEDECIN_TRAITANT_DMP"
ATTACHED_TO_MES: Final = "RATTACHEMENT_MES"
IS_MINOR: Final = "MINEUR"

PDQ_ACTION: Final = "urn:ihe:iti:pdqv3:2007:PDQSupplier_Service:findCandidatesQuery"
SET_AUTHORIZATION_ACTION: Final = f"{HABILITATIONS}:HabilitationsEndPoint:setAuthorization"
LIST_AUTHORIZATIONS_ACTION: Final = f"{HABILITATIONS}:HabilitationsEndPoint:listAuthorizationByPatient"
PATIENT_LIST_ACTION: Final = f"{PATIENTS}:PatientSpecificEndPoint:patientList"
