"""What Pro Santé Connect tells about a professional: userinfo and token claims.

Source: identity fact sheet §5.5 (userinfo samples of prosanteconnect/proof-of-concept). All values are strings unless
said; absent information is the empty string.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from socle.services.directory.domain import Activity, Exercise, Professional, Structure
from socle.services.identity.domain import SUBJECT_PREFIX, Means
from socle.standards.errors import MalformedInput, Text

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


def read_userinfo(told: Mapping[str, Any]) -> Professional:
    """The professional that a userinfo describes; fields that older samples lack are empty. Raises ``MalformedInput``.

    The national provider gives no identifier of situations: one is made of exercise and structure.
    """
    try:
        info = msgspec.convert(told, _UserInfo, strict=False)
    except msgspec.ValidationError as error:
        raise MalformedInput(
            "InvalidUserInfo",
            Text("Le userinfo n'a pas la forme attendue.", "The userinfo has not the expected shape."),
            requirement="Pro Santé Connect, userinfo",
        ) from error
    id_nat = info.subject_name_id or info.preferred_username
    if not id_nat:
        raise MalformedInput(
            "InvalidUserInfo",
            Text("Le userinfo ne nomme personne.", "The userinfo names nobody."),
            location="SubjectNameID",
        )
    return Professional(
        id_nat=id_nat,
        rpps=id_nat[1:] if len(id_nat) == 12 and id_nat.isdigit() and id_nat[0] == "8" else "",
        civility=str(info.reference.get("codeCivilite", "")),
        family=info.family_name,
        given=info.given_name,
        exercises=tuple(_read_exercise(item) for item in _objects(info.reference, "exercices")),
    )


class _UserInfo(msgspec.Struct, frozen=True):
    preferred_username: str = ""
    subject_name_id: str = msgspec.field(name="SubjectNameID", default="")
    family_name: str = ""
    given_name: str = ""
    reference: dict[str, Any] = msgspec.field(name="SubjectRefPro", default_factory=dict)


def _read_exercise(told: Mapping[str, Any]) -> Exercise:
    exercise = Exercise(
        profession=_text(told, "codeProfession"),
        category=_text(told, "codeCategorieProfessionnelle"),
        civility=_text(told, "codeCiviliteDexercice"),
        family=_text(told, "nomDexercice"),
        given=_text(told, "prenomDexercice"),
        skill_type=_text(told, "codeTypeSavoirFaire"),
        skill=_text(told, "codeSavoirFaire"),
    )
    activities = tuple(_read_activity(item, exercise.key) for item in _objects(told, "activities"))
    return msgspec.structs.replace(exercise, activities=activities)


def _read_activity(told: Mapping[str, Any], key: str) -> Activity:
    values: dict[str, Any] = {attribute: _text(told, claim) for claim, attribute in _STRUCTURE_CLAIMS}
    sector = _text(told, "codeSecteurDactivite")
    structure = Structure(**values, sector=sector) if values["id"] or values["id_nat"] else None
    return Activity(
        id=f"{key}/{structure.id_nat if structure is not None else ''}",
        mode=_text(told, "codeModeExercice"),
        sector=sector,
        pharmacy_section=_text(told, "codeSectionPharmacien"),
        role=_text(told, "codeRole"),
        genre=_text(told, "codeGenreActivite"),
        structure=structure,
    )


def _objects(told: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = told.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return value[:500] if isinstance(value, str) else ""
