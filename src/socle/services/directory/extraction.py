"""The public extraction files of the directory, read and written by header name.

``PS_LibreAcces_Personne_activite``: one line a person and activity, 56 columns, ``|`` between them, UTF-8 or
Windows-1252 (detected). ``Extraction_Correspondance_MSSante``: one line a mailbox.
Source: identity fact sheet §8.2; mssante fact sheet §11.3.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TextIO

from socle.services.directory.domain import (
    Activity,
    Exercise,
    Mailbox,
    MailboxType,
    Professional,
    Structure,
)
from socle.services.directory.nomenclature import (
    CATEGORIES,
    CIVILITIES,
    MODES,
    PROFESSIONS,
    SECTORS,
    SKILL_TYPES,
    SKILLS,
)
from socle.standards.errors import MalformedInput, Text

_COORDINATES: Final = " (coord. structure)"

#: The columns in the order of the public file, each with how it is written from a line.
PERSON_COLUMNS: Final = (
    "Type d'identifiant PP",
    "Identifiant PP",
    "Identification nationale PP",
    "Code civilité d'exercice",
    "Libellé civilité d'exercice",
    "Code civilité",
    "Libellé civilité",
    "Nom d'exercice",
    "Prénom d'exercice",
    "Code profession",
    "Libellé profession",
    "Code catégorie professionnelle",
    "Libellé catégorie professionnelle",
    "Code type savoir-faire",
    "Libellé type savoir-faire",
    "Code savoir-faire",
    "Libellé savoir-faire",
    "Code mode exercice",
    "Libellé mode exercice",
    "Numéro SIRET site",
    "Numéro SIREN site",
    "Numéro FINESS site",
    "Numéro FINESS établissement juridique",
    "Identifiant technique de la structure",
    "Raison sociale site",
    "Enseigne commerciale site",
    "Complément destinataire" + _COORDINATES,
    "Complément point géographique" + _COORDINATES,
    "Numéro Voie" + _COORDINATES,
    "Indice répétition voie" + _COORDINATES,
    "Code type de voie" + _COORDINATES,
    "Libellé type de voie" + _COORDINATES,
    "Libellé Voie" + _COORDINATES,
    "Mention distribution" + _COORDINATES,
    "Bureau cedex" + _COORDINATES,
    "Code postal" + _COORDINATES,
    "Code commune" + _COORDINATES,
    "Libellé commune" + _COORDINATES,
    "Code pays" + _COORDINATES,
    "Libellé pays" + _COORDINATES,
    "Téléphone" + _COORDINATES,
    "Téléphone 2" + _COORDINATES,
    "Télécopie" + _COORDINATES,
    "Adresse e-mail" + _COORDINATES,
    "Code Département (structure)",
    "Libellé Département (structure)",
    "Ancien identifiant de la structure",
    "Autorité d'enregistrement",
    "Code secteur d'activité",
    "Libellé secteur d'activité",
    "Code section tableau pharmaciens",
    "Libellé section tableau pharmaciens",
    "Code rôle",
    "Libellé rôle",
    "Code genre activité",
    "Libellé genre activité",
)
#: Column of each attribute of a structure.
_STRUCTURE: Final = {
    "siret": "Numéro SIRET site",
    "siren": "Numéro SIREN site",
    "finess": "Numéro FINESS site",
    "finess_ej": "Numéro FINESS établissement juridique",
    "id": "Identifiant technique de la structure",
    "name": "Raison sociale site",
    "sign": "Enseigne commerciale site",
    "recipient": "Complément destinataire" + _COORDINATES,
    "location": "Complément point géographique" + _COORDINATES,
    "street_number": "Numéro Voie" + _COORDINATES,
    "street_suffix": "Indice répétition voie" + _COORDINATES,
    "street_type": "Code type de voie" + _COORDINATES,
    "street": "Libellé Voie" + _COORDINATES,
    "place": "Mention distribution" + _COORDINATES,
    "city_line": "Bureau cedex" + _COORDINATES,
    "postal_code": "Code postal" + _COORDINATES,
    "commune": "Code commune" + _COORDINATES,
    "city": "Libellé commune" + _COORDINATES,
    "country": "Code pays" + _COORDINATES,
    "phone": "Téléphone" + _COORDINATES,
    "phone2": "Téléphone 2" + _COORDINATES,
    "fax": "Télécopie" + _COORDINATES,
    "email": "Adresse e-mail" + _COORDINATES,
    "department": "Code Département (structure)",
    "id_nat": "Ancien identifiant de la structure",
    "authority": "Autorité d'enregistrement",
}
#: What makes two exercises of one person different.
_EXERCISE: Final = ("Code profession", "Code catégorie professionnelle", "Code type savoir-faire", "Code savoir-faire")
#: Columns without which a file says nothing.
REQUIRED: Final = ("Identification nationale PP", "Nom d'exercice", "Code profession")

MAILBOX_COLUMNS: Final = (
    "Type de BAL",
    "Adresse BAL",
    "Type d'identifiant PP",
    "Identifiant PP",
    "Identification nationale PP",
    "Type identifiant structure",
    "Identification structure",
    "Service de rattachement",
    "Nom d'exercice",
    "Prénom d'exercice",
    "Raison Sociale structure BAL",
    "Code postal structure BAL",
    "Dématérialisation",
)

Line = Mapping[str, str]


def detect_encoding(file: Path) -> str:
    """``utf-8-sig`` if the whole file is UTF-8, else ``cp1252``: the public sources disagree."""
    with file.open("rb") as stream:
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while chunk := stream.read(1 << 20):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8-sig"


def read_lines(stream: TextIO, required: Iterable[str]) -> Iterator[Line]:
    """The lines under their headers, whatever their order; apostrophes and spaces of headers are normalised.

    Raises ``MalformedInput`` when a required column is missing.
    """
    reader = csv.reader(stream, delimiter="|", quoting=csv.QUOTE_NONE)
    headers = [_normalise_header(header) for header in next(reader, [])]
    missing = [name for name in required if name not in headers]
    if missing:
        raise MalformedInput(
            "MissingColumn",
            Text(f"Il manque la colonne « {missing[0]} ».", f"The column “{missing[0]}” is missing."),
            location="1",
            requirement="Annuaire Santé, extraction en libre accès",
        )
    for values in reader:
        # A line that is cut short says nothing of its last columns; one too long is read as far as there are headers.
        padded = (*values, *[""] * (len(headers) - len(values)))
        yield dict(zip(headers, (value.strip() for value in padded), strict=False))


def _normalise_header(header: str) -> str:
    return " ".join(header.replace("’", "'").replace("\ufeff", "").strip().strip('"').split())


def read_professionals(lines: Iterable[Line], keep: Callable[[Structure], None]) -> Iterator[Professional]:
    """People of consecutive lines; each structure met goes to ``keep``. Lines of one person stand together.

    The public file has no identifier of situations: one is derived from what makes them different.
    """
    person: list[Line] = []
    for line in lines:
        if person and line["Identification nationale PP"] != person[0]["Identification nationale PP"]:
            yield _professional(person, keep)
            person = []
        if line.get("Identification nationale PP"):
            person.append(line)
    if person:
        yield _professional(person, keep)


def _professional(lines: list[Line], keep: Callable[[Structure], None]) -> Professional:
    first = lines[0]
    id_nat = first["Identification nationale PP"]
    groups: dict[tuple[str, ...], list[Line]] = {}
    for line in lines:
        key = tuple(
            line.get(name, "")
            for name in (
                "Code profession",
                "Code catégorie professionnelle",
                "Code type savoir-faire",
                "Code savoir-faire",
            )
        )
        groups.setdefault(key, []).append(line)
    # One situation is repeated under each know-how of the person: it is kept under the first.
    seen: set[str] = set()
    exercises: list[Exercise] = []
    for key, group in groups.items():
        activities = []
        for line in group:
            activity = _activity(id_nat, line, keep)
            if activity is not None and activity.id not in seen:
                seen.add(activity.id)
                activities.append(activity)
        if activities or not exercises:
            exercises.append(_exercise(key, group[0], tuple(activities)))
    return Professional(
        id_nat=id_nat,
        rpps=first.get("Identifiant PP", "") if first.get("Type d'identifiant PP") == "8" else "",
        civility=first.get("Code civilité", ""),
        family=first["Nom d'exercice"],
        given=first.get("Prénom d'exercice", ""),
        exercises=tuple(exercises),
    )


def _exercise(key: tuple[str, ...], line: Line, activities: tuple[Activity, ...]) -> Exercise:
    profession, category, skill_type, skill = key
    return Exercise(
        profession=profession,
        category=category,
        civility=line.get("Code civilité d'exercice", ""),
        family=line["Nom d'exercice"],
        given=line.get("Prénom d'exercice", ""),
        skill_type=skill_type,
        skill=skill,
        activities=activities,
    )


def _activity(id_nat: str, line: Line, keep: Callable[[Structure], None]) -> Activity | None:
    values = {attribute: line.get(column, "") for attribute, column in _STRUCTURE.items()}
    sector = line.get("Code secteur d'activité", "")
    if not any(values[name] for name in ("id", "finess", "siret", "name")) and not line.get("Code mode exercice"):
        return None
    values["id"] = values["id"] or (f"F{values['finess']}" if values["finess"] else values["siret"] or values["id_nat"])
    structure = Structure(**values, sector=sector) if values["id"] else None  # type: ignore[arg-type]
    if structure is not None:
        keep(structure)
    details = (
        line.get("Code mode exercice", ""),
        sector,
        line.get("Code section tableau pharmaciens", ""),
        line.get("Code rôle", ""),
        line.get("Code genre activité", ""),
    )
    identity = "|".join((id_nat, line["Code profession"], values["id"], *details))
    mode, sector, section, role, genre = details
    return Activity(
        id=str(int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=7).digest())),
        mode=mode,
        sector=sector,
        pharmacy_section=section,
        role=role,
        genre=genre,
        structure=structure,
    )


def write_professional(professional: Professional) -> Iterator[str]:
    """The lines of one person: one an activity, one alone without activity. No line end."""
    for exercise in professional.exercises:
        for activity in exercise.activities or (None,):
            values = _line_of(professional, exercise, activity)
            yield "|".join(values.get(column, "").replace("|", " ").replace("\n", " ") for column in PERSON_COLUMNS)


def _line_of(person: Professional, exercise: Exercise, activity: Activity | None) -> dict[str, str]:
    values = {
        "Type d'identifiant PP": person.id_nat[:1],
        "Identifiant PP": person.rpps or person.id_nat[1:],
        "Identification nationale PP": person.id_nat,
        "Code civilité d'exercice": exercise.civility,
        "Libellé civilité d'exercice": CIVILITIES.get(exercise.civility, ""),
        "Code civilité": person.civility,
        "Libellé civilité": CIVILITIES.get(person.civility, ""),
        "Nom d'exercice": exercise.family or person.family,
        "Prénom d'exercice": exercise.given or person.given,
        "Code profession": exercise.profession,
        "Libellé profession": PROFESSIONS.get(exercise.profession, ""),
        "Code catégorie professionnelle": exercise.category,
        "Libellé catégorie professionnelle": CATEGORIES.get(exercise.category, ""),
        "Code type savoir-faire": exercise.skill_type,
        "Libellé type savoir-faire": SKILL_TYPES.get(exercise.skill_type, ""),
        "Code savoir-faire": exercise.skill,
        "Libellé savoir-faire": SKILLS.get(exercise.skill, ""),
    }
    if activity is None:
        return values
    values |= {
        "Code mode exercice": activity.mode,
        "Libellé mode exercice": MODES.get(activity.mode, ""),
        "Code secteur d'activité": activity.sector,
        "Libellé secteur d'activité": SECTORS.get(activity.sector, ""),
        "Code section tableau pharmaciens": activity.pharmacy_section,
        "Code rôle": activity.role,
        "Code genre activité": activity.genre,
    }
    if activity.structure is not None:
        values |= {column: getattr(activity.structure, attribute) for attribute, column in _STRUCTURE.items()}
    return values


def read_mailboxes(lines: Iterable[Line], find_structure: Callable[[str], str]) -> Iterator[Mailbox]:
    """Mailboxes of the extraction. ``find_structure`` gives the technical id of a structure's number.

    A line without a person is an organisation's box; the type is believed where the column exists.
    """
    for line in lines:
        address = line.get("Adresse BAL", "")
        if "@" not in address or len(address) > 254:
            continue
        id_nat = line.get("Identification nationale PP", "")
        declared = line.get("Type de BAL", "")
        is_person = bool(id_nat or line.get("Nom d'exercice"))
        number = line.get("Identification structure", "")
        yield Mailbox(
            address=address.lower(),
            type=MailboxType(declared) if declared in set(MailboxType) else _default_type(is_person=is_person),
            id_nat=id_nat,
            structure=find_structure(number) if number else "",
            service=line.get("Service de rattachement", ""),
            is_paperless=line.get("Dématérialisation", "").lower() in {"1", "o", "oui", "true"},
        )


def _default_type(*, is_person: bool) -> MailboxType:
    return MailboxType.PERSONAL if is_person else MailboxType.ORGANISATION


def header_of(columns: Iterable[str]) -> str:
    """The first line of a file."""
    return "|".join(columns)
