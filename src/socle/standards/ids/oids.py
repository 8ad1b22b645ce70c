"""Every OID that the base knows, in one table.

Code uses the constants; people read ``TABLE``; doors label with ``name_of``.

Source: identity fact sheet §1.4, §7, §9, §10; CI-SIS "Partage de documents"; IHE ITI TF-3.
"""

from __future__ import annotations

from typing import Final

import msgspec

INS_NIR: Final = "1.2.250.1.213.1.4.8"
INS_NIA: Final = "1.2.250.1.213.1.4.9"
INS_NIR_TEST: Final = "1.2.250.1.213.1.4.10"
INS_NIR_DEMO: Final = "1.2.250.1.213.1.4.11"
INS_C: Final = "1.2.250.1.213.1.4.2"
NDP: Final = "1.2.250.1.176.1.2"

PS_IDNAT: Final = "1.2.250.1.71.4.2.1"
STRUCT_IDNAT: Final = "1.2.250.1.71.4.2.2"
STRUCT_ID_TYPE: Final = "1.2.250.1.71.1.2.14"
PS_ID_TYPE: Final = "1.2.250.1.71.1.2.15"
SIREN: Final = "1.3.2"

PROFESSION: Final = "1.2.250.1.71.1.2.7"
PROFESSION_IN_TRAINING: Final = "1.2.250.1.71.1.2.8"
TITLE_USER: Final = "1.2.250.1.213.1.6.1.109"
SOCIAL_PROFESSION: Final = "1.2.250.1.213.1.6.1.4"
CARE_ROLE: Final = "1.2.250.1.213.1.6.1.107"
NON_PROFESSIONAL_PRODUCER: Final = "1.2.250.1.213.1.1.4.6"
AUTHOR_SPECIALTY: Final = "1.2.250.1.213.1.1.4.5"
KNOW_HOW: Final = "1.2.250.1.71.4.2.5"
ACTIVITY_SECTOR: Final = "1.2.250.1.71.4.2.4"
ORDINAL_SPECIALITY: Final = "1.2.250.1.213.2.28"
CIVILITY: Final = "1.2.250.1.213.1.6.1.69"
PSC_ROLE_VALUE_SET: Final = "1.2.250.1.213.1.1.5.5"
PSC_LOCAL_PSI: Final = "1.2.250.1.213.1.3.1.1"

CARD_TYPE: Final = "1.2.250.1.71.1.2.2"
CARD_NUMBER: Final = "1.2.250.1.71.1.2.3"
CARD_SUPPORT: Final = "1.2.250.1.71.1.2.5"


class Oid(msgspec.Struct, frozen=True):
    """One row of the table: what ``oid`` names and where it is used."""

    oid: str
    name: str
    use: str


TABLE: Final = (
    Oid(INS_NIR, "INS-NIR", "matricule of a person, production"),
    Oid(INS_NIA, "INS-NIA", "waiting matricule of a person, production"),
    Oid(INS_NIR_TEST, "INS-NIR-TEST", "matricule of a fictitious person, test"),
    Oid(INS_NIR_DEMO, "INS-NIR-DEMO", "matricule of a fictitious person, demonstration"),
    Oid(INS_C, "INS-C", "calculated INS, obsolete: kept as old, never accepted as a key"),
    Oid(NDP, "NDP", "number of the Dossier Pharmaceutique"),
    Oid(PS_IDNAT, "PS_IdNat", "national identifier of a professional, prefix included"),
    Oid(STRUCT_IDNAT, "Struct_IdNat", "national identifier of a structure, prefix included"),
    Oid(STRUCT_ID_TYPE, "TRE_G07", "type of a structure's identifier (its prefix)"),
    Oid(PS_ID_TYPE, "TRE_G08", "type of a professional's identifier (its prefix)"),
    Oid(SIREN, "SIREN", "company number, for referenced digital services (SNR)"),
    Oid(PROFESSION, "TRE_G15-ProfessionSante", "professions of health"),
    Oid(PROFESSION_IN_TRAINING, "TRE_G16-ProfessionFormation", "students (card CPF)"),
    Oid(TITLE_USER, "TRE_R95-UsagerTitre", "psychologist, osteopath, chiropractor, psychotherapist"),
    Oid(SOCIAL_PROFESSION, "TRE_R94-ProfessionSocial", "social professions"),
    Oid(CARE_ROLE, "TRE_R85-RolePriseCharge", "roles of those without a profession of TRE_G15"),
    Oid(NON_PROFESSIONAL_PRODUCER, "TRE_A00-ProducteurDocNonPS", "authors that are not professionals"),
    Oid(AUTHOR_SPECIALTY, "TRE_A01-CadreExercice", "compound author specialty such as G15_10/SM54"),
    Oid(KNOW_HOW, "TRE_R01-EnsembleSavoirFaire-CISIS", "know-how in the VIHF"),
    Oid(ACTIVITY_SECTOR, "TRE_R02-SecteurActivite", "sector of activity of a structure"),
    Oid(ORDINAL_SPECIALITY, "TRE_R38-SpecialiteOrdinale", "ordinal specialities SM, SCD, SI"),
    Oid("1.2.250.1.213.2.29", "TRE_R39-Competence", "competences C"),
    Oid("1.2.250.1.213.2.30", "TRE_R40-CompetenceExclusive", "exclusive competences CEX"),
    Oid("1.2.250.1.213.2.31", "TRE_G13-AttributionParticuliere", "particular orientations"),
    Oid("1.2.250.1.213.2.32", "TRE_R42-DESCnonQualifiant", "DESC not giving a speciality"),
    Oid("1.2.250.1.213.2.33", "TRE_R43-CapaciteSavoirFaire", "capacities CAPA"),
    Oid("1.2.250.1.213.2.34", "TRE_R44-QualificationPAC", "additional qualification of an assignment commission"),
    Oid("1.2.250.1.213.2.35", "TRE_R45-FonctionQualifiee", "qualified functions of pharmacists"),
    Oid("1.2.250.1.213.1.6.1.111", "TRE_R97-DroitExerciceCompl", "complementary rights of exercise"),
    Oid("1.2.250.1.213.2.76", "FST", "transversal specialised training"),
    Oid(CIVILITY, "TRE_R81-Civilite", "civility M, MME"),
    Oid(PSC_ROLE_VALUE_SET, "JDV profession PSC", "SubjectRole of Pro Santé Connect"),
    Oid(PSC_LOCAL_PSI, "PSI_Locale", "PSI_Locale of Pro Santé Connect"),
    Oid(CARD_TYPE, "typeCarte", "certificate extension: 0 CPS, 2 CPE"),
    Oid(CARD_NUMBER, "numeroCarte", "certificate extension: issuer/serial of the card"),
    Oid(CARD_SUPPORT, "supportCarte", "certificate extension: bit 0x80 marks a test support"),
)

_BY_OID: Final = {row.oid: row for row in TABLE}


def name_of(oid: str) -> str:
    """The short name of ``oid``, or ``oid`` itself when it is not in the table.

    >>> name_of("1.2.250.1.71.4.2.1"), name_of("1.2.3")
    ('PS_IdNat', '1.2.3')
    """
    row = _BY_OID.get(oid)
    return row.name if row else oid
