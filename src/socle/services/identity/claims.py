"""What Pro Santé Connect tells about a professional: userinfo and token claims.

Source: identity fact sheet §5.5 (userinfo samples of prosanteconnect/proof-of-concept). All values are strings unless
said; absent information is the empty string.
"""

from __future__ import annotations

from typing import Any, Final

from socle.services.directory.domain import Activity, Exercise, Professional, Structure
from socle.services.identity.domain import SUBJECT_PREFIX, Means

ROLE_OID: Final = "1.2.250.1.213.1.1.5.5"
SECTOR_OID: Final = "1.2.250.1.71.4.2.4"
_LEVEL: Final = "APPPRIP3^1.2.250.1.213.1.5.1.1.1"
_LOCALE: Final = "1.2.250.1.213.1.3.1.1"

#: Claim of an activity, attribute of its structure.
_STRUCTURE_CLAIMS: Final = (
    ("numeroSiretSite", "siret"),
    ("numeroSirenSite", "siren"),
    ("numeroFinessSite", "finess"),
    ("numeroFinessetablissementJuridique", "finess_ej"),
    ("identifiantTechniqueDeLaStructure", "id"),
    ("raisonSocialeSite", "name"),
    ("enseigneCommercialeSite", "sign"),
    ("complementDestinataire", "recipient"),
    ("complementPointGeographique", "location"),
    ("numeroVoie", "street_number"),
    ("indiceRepetitionVoie", "street_suffix"),
    ("codeTypeDeVoie", "street_type"),
    ("libelleVoie", "street"),
    ("mentionDistribution", "place"),
    ("bureauCedex", "city_line"),
    ("codePostal", "postal_code"),
    ("codeCommune", "commune"),
    ("codePays", "country"),
    ("telephone", "phone"),
    ("telephone2", "phone2"),
    ("telecopie", "fax"),
    ("adresseEMail", "email"),
    ("codeDepartement", "department"),
    ("ancienIdentifiantDeLaStructure", "id_nat"),
    ("autoriteDenregistrement", "authority"),
)


def subject_of(id_nat: str) -> str:
    """The ``sub`` of a professional."""
    return SUBJECT_PREFIX + id_nat


def userinfo(professional: Professional, means: Means) -> dict[str, Any]:
    """The userinfo of ``scope_all``, complete: each exercise with each activity."""
    default = next((a for e in professional.exercises for a in e.activities if a.structure is not None), None)
    structure = default.structure if default is not None else None
    sector = default.sector if default is not None else ""
    roles = dict.fromkeys(exercise.profession for exercise in professional.exercises if exercise.profession)
    first = professional.exercises[0] if professional.exercises else None
    return {
        "Secteur_Activite": f"{sector}^{SECTOR_OID}" if sector else "",
        "sub": subject_of(professional.id_nat),
        "email_verified": False,
        "SubjectOrganization": structure.name if structure is not None else "",
        "Mode_Acces_Raison": "",
        "preferred_username": professional.id_nat,
        "given_name": first.given if first is not None and first.given else professional.given,
        "family_name": first.family if first is not None and first.family else professional.family,
        "Acces_Regulation_Medicale": "FAUX",
        "UITVersion": "1.0",
        "authMode": means.value,
        "Palier_Authentification": _LEVEL,
        "SubjectRefPro": {
            "codeCivilite": professional.civility,
            "exercices": [_exercise(exercise, professional) for exercise in professional.exercises],
        },
        "SubjectOrganizationID": structure.id if structure is not None else "",
        "SubjectRole": [f"{role}^{ROLE_OID}" for role in roles],
        "PSI_Locale": _LOCALE,
        "otherIds": [
            {
                "identifiant": professional.id_nat,
                "origine": "RPPS" if professional.rpps else "EDIT",
                "qualite": 1,
            }
        ],
        "SubjectNameID": professional.id_nat,
    }


def _exercise(exercise: Exercise, professional: Professional) -> dict[str, Any]:
    return {
        "codeProfession": exercise.profession,
        "codeCategorieProfessionnelle": exercise.category,
        "codeCiviliteDexercice": exercise.civility,
        "nomDexercice": exercise.family or professional.family,
        "prenomDexercice": exercise.given or professional.given,
        "codeTypeSavoirFaire": exercise.skill_type,
        "codeSavoirFaire": exercise.skill,
        "activities": [_activity(activity) for activity in exercise.activities],
    }


def _activity(activity: Activity) -> dict[str, str]:
    structure = activity.structure or Structure(id="")
    return {
        "codeModeExercice": activity.mode,
        "codeSecteurDactivite": activity.sector,
        "codeSectionPharmacien": activity.pharmacy_section,
        "codeRole": activity.role,
        "codeGenreActivite": activity.genre,
        **{claim: getattr(structure, attribute) for claim, attribute in _STRUCTURE_CLAIMS},
    }
