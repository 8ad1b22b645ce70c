"""From a professional and a chosen situation of exercise to the actor that every rule reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

import msgspec

from socle.platform.actor import Actor, ActorKind, AuthenticationMode, Purpose
from socle.services.directory.domain import Activity, Exercise, Professional
from socle.standards.errors import Forbidden, InvalidContent, Text

_G15: Final = "1.2.250.1.71.1.2.7"
_G16: Final = "1.2.250.1.71.1.2.8"
_R94: Final = "1.2.250.1.213.1.6.1.4"
_R95: Final = "1.2.250.1.213.1.6.1.109"
_R85: Final = "1.2.250.1.213.1.6.1.107"
_MAX_REASON = 500


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says of its own conditions, beside the token."""

    #: Situation of exercise: its id, ``{profession}{category}``, or that, ``/`` and a Struct_IdNat.
    work_situation: str = ""
    purpose: Purpose = Purpose.NORMAL
    reason: str = ""
    is_secret: bool = False
    software: str = ""
    software_version: str = ""


def read_context(headers: Mapping[str, str]) -> Context:
    """The context in HTTP headers (names in lower case). Raises ``InvalidContent``.

    ``X-WorkSituation``; ``X-Purpose``: ``normal``, ``bris_de_glace`` or ``centre_15``; ``X-Purpose-Reason``: UTF-8,
    percent-encoded, required to break the glass; ``X-Connexion-Secrete``: ``true``; ``X-Software``: ``name/version``.
    """
    purpose = headers.get("x-purpose", Purpose.NORMAL.value)
    if purpose not in {value.value for value in Purpose}:
        raise InvalidContent(
            "InvalidPurpose",
            Text("X-Purpose vaut normal, bris_de_glace ou centre_15.", "X-Purpose: normal, bris_de_glace, centre_15."),
            location="X-Purpose",
            requirement="TRE_R248",
        )
    reason = unquote(headers.get("x-purpose-reason", "")).strip()[:_MAX_REASON]
    if purpose == Purpose.BRIS_DE_GLACE and not reason:
        raise InvalidContent(
            "ReasonRequired",
            Text("Un bris de glace doit être motivé.", "Breaking the glass needs a reason."),
            location="X-Purpose-Reason",
            requirement="CI-SIS VIHF, Mode_Acces_Raison",
        )
    software, _, version = headers.get("x-software", "")[:200].partition("/")
    return Context(
        work_situation=headers.get("x-worksituation", "").strip()[:200],
        purpose=Purpose(purpose),
        reason=reason,
        is_secret=headers.get("x-connexion-secrete", "") == "true",
        software=software,
        software_version=version,
    )


def find_situation(professional: Professional, wanted: str) -> tuple[Exercise, Activity | None]:
    """The exercise and activity that ``wanted`` designates; by default the first ones, as in the userinfo.

    Raises ``Forbidden``: an unknown situation is never replaced by another.
    """
    exercises = professional.exercises
    if not wanted and exercises:
        with_activity = next((exercise for exercise in exercises if exercise.activities), exercises[0])
        return with_activity, with_activity.activities[0] if with_activity.activities else None
    for exercise in exercises:
        for activity in exercise.activities:
            structure = activity.structure.id_nat if activity.structure is not None else ""
            if wanted in {activity.id, f"{exercise.key}/{structure}"}:
                return exercise, activity
        if wanted == exercise.key:
            return exercise, exercise.activities[0] if exercise.activities else None
    raise Forbidden(
        "UnknownSituation",
        Text(
            "Cette situation d'exercice n'est pas celle de la personne connectée.",
            "This situation of exercise is not one of the person logged in.",
        ),
        location="X-WorkSituation",
        remedy=Text(
            "Envoyez l'identifiant d'une situation active, ou {profession}{catégorie}, par exemple 10C.",
            "Send the identifier of an active situation, or {profession}{category}, for example 10C.",
        ),
    )


def profession_system(exercise: Exercise) -> str:
    """The nomenclature of an exercise's profession code. Source: identity fact sheet §9.1, §9.2.

    >>> profession_system(Exercise(profession="10")), profession_system(Exercise(profession="10", category="E"))
    ('1.2.250.1.71.1.2.7', '1.2.250.1.71.1.2.8')
    """
    code = exercise.profession
    if exercise.category == "E":
        return _G16
    if code in {"71", "72", "73", "93"}:
        return _R95
    if code == "41":
        return _R94
    return _R85 if len(code) == 3 else _G15


def actor_of(professional: Professional, context: Context, *, software: str = "", origin: str = "") -> Actor:
    """The actor that ``professional`` is in ``context``. Raises ``Forbidden``."""
    if not professional.is_active or not professional.exercises:
        raise Forbidden(
            "NotExercising",
            Text("Cette personne n'exerce pas (ou plus).", "This person does not exercise (any more)."),
            requirement="Référentiel PSC",
        )
    exercise, activity = find_situation(professional, context.work_situation)
    structure = activity.structure if activity is not None else None
    section = activity.pharmacy_section if activity is not None else ""
    return Actor(
        kind=ActorKind.PROFESSIONAL,
        id=professional.id_nat,
        name=professional.name,
        authentication=AuthenticationMode.INDIRECTE_RENFORCEE,
        profession=exercise.profession,
        profession_system=profession_system(exercise),
        speciality=section or exercise.skill,
        structure=structure.id_nat if structure is not None else "",
        structure_name=structure.name if structure is not None else "",
        sector=activity.sector if activity is not None else "",
        software=context.software or software,
        software_version=context.software_version,
        purpose=context.purpose,
        reason=context.reason,
        is_secret=context.is_secret,
        origin=origin,
    )
