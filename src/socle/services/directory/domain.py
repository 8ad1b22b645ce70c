"""What the directory knows: professionals, exercises, situations, structures, mailboxes.

A professional has one or several *exercices* (one profession each), an exercise one or several *activités*
(situations: where, as what), a situation at most one structure.
Source: MOS RASS; Annuaire Santé FHIR v2; Pro Santé Connect userinfo.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import msgspec

from socle.services.directory.nomenclature import PROFESSIONS

_NOT_A_NAME = re.compile(r"[^A-Z0-9]+")
_LIGATURES: Final = str.maketrans({"Œ": "OE", "Æ": "AE", "ß": "SS"})


def search_key(text: str) -> str:
    """``text`` as it is compared: upper case, no accent, words separated by one space.

    >>> search_key("Élise  d'Œuvre-Noël")
    'ELISE D OEUVRE NOEL'
    """
    upper = text.upper().translate(_LIGATURES)
    plain = unicodedata.normalize("NFKD", upper).encode("ascii", "ignore").decode()
    return _NOT_A_NAME.sub(" ", plain).strip()


class Structure(msgspec.Struct, frozen=True, kw_only=True):
    """A structure of exercise (site). Absent information is the empty string."""

    #: Technical identifier: ``F`` + FINESS, or ``R`` + number for a practice.
    id: str
    #: Struct_IdNat, e.g. ``1750987653``.
    id_nat: str = ""
    siret: str = ""
    siren: str = ""
    finess: str = ""
    #: FINESS of the legal entity.
    finess_ej: str = ""
    name: str = ""
    #: Trading name (enseigne commerciale).
    sign: str = ""
    recipient: str = ""
    location: str = ""
    street_number: str = ""
    street_suffix: str = ""
    street_type: str = ""
    street: str = ""
    place: str = ""
    #: Routing line (bureau cedex).
    city_line: str = ""
    postal_code: str = ""
    #: INSEE (COG) code of the commune.
    commune: str = ""
    city: str = ""
    country: str = ""
    phone: str = ""
    phone2: str = ""
    fax: str = ""
    email: str = ""
    department: str = ""
    #: Who registers it, e.g. ``CNOM/CNOM/ARS``.
    authority: str = ""
    #: TRE_R02.
    sector: str = ""
    #: TRE_R66 category of establishment.
    category: str = ""
    is_active: bool = True


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """One situation of exercise: as what, how, where."""

    #: idSituationExercice, unique in the directory.
    id: str = ""
    #: TRE_R23: ``L`` self-employed, ``S`` employed, ``B`` volunteer.
    mode: str = ""
    sector: str = ""
    #: CNOP section of a pharmacist (TRE_R06 / TRE_G05).
    pharmacy_section: str = ""
    #: TRE_R21 function or TRE_R85 role.
    role: str = ""
    #: TRE_R22, e.g. ``GENR01``.
    genre: str = ""
    structure: Structure | None = None


class Exercise(msgspec.Struct, frozen=True, kw_only=True):
    """One profession exercised under one name."""

    profession: str
    #: TRE_R09: ``C`` civil, ``M`` military, ``F`` civil servant, ``E`` student.
    category: str = "C"
    #: Civilité d'exercice, e.g. ``DR``.
    civility: str = ""
    family: str = ""
    given: str = ""
    #: TRE_R04 type of know-how (``S`` ordinal speciality …) and its code (``SM54``).
    skill_type: str = ""
    skill: str = ""
    activities: tuple[Activity, ...] = ()

    @property
    def label(self) -> str:
        """The profession in words, or its code."""
        return PROFESSIONS.get(self.profession, self.profession)

    @property
    def key(self) -> str:
        """How Pro Santé Connect designates an exercise: profession then category, e.g. ``10C``."""
        return self.profession + self.category


class Qualification(msgspec.Struct, frozen=True):
    """A diploma or an authorisation to exercise."""

    #: TRE_R14 type of diploma, or the type of authorisation.
    type: str
    code: str
    label: str = ""


class SmartCard(msgspec.Struct, frozen=True):
    """A CPx card: a card belongs to a profession exercised."""

    #: ``CPS``, ``CPF``, ``CPE``, ``CPA``.
    type: str
    number: str
    valid_from: date
    valid_to: date


class Professional(msgspec.Struct, frozen=True, kw_only=True):
    """One person of the RPPS, with all exercises."""

    #: PS_IdNat, usually ``8`` + RPPS. Never parsed for business logic.
    id_nat: str
    rpps: str = ""
    #: ``M`` or ``MME``.
    civility: str = ""
    family: str
    given: str
    exercises: tuple[Exercise, ...] = ()
    qualifications: tuple[Qualification, ...] = ()
    is_active: bool = True

    @property
    def name(self) -> str:
        """As written in a trace: ``DR CAMILLE MARCHAND``."""
        title = next((exercise.civility for exercise in self.exercises if exercise.civility), "")
        return " ".join(part for part in (title, self.given, self.family) if part)


class MailboxType(StrEnum):
    """JDV_J139: whom a secure mailbox serves."""

    PERSONAL = "PER"
    ORGANISATION = "ORG"
    APPLICATION = "APP"
    PRACTICE = "CAB"


class Mailbox(msgspec.Struct, frozen=True, kw_only=True):
    """An MSSanté mailbox as its operator declared it.

    ``id_nat`` is the person of a PER or CAB box, ``structure`` the technical id of the structure (required for ORG and
    APP). A box on the ``red_list`` is never published.
    """

    address: str
    type: MailboxType
    id_nat: str = ""
    structure: str = ""
    service: str = ""
    responsible: str = ""
    description: str = ""
    red_list: bool = False
    #: 1 is the preferred one.
    rank: int = 0
    #: The holder wants no paper any more.
    is_paperless: bool = False


class HealthcareService(msgspec.Struct, frozen=True, kw_only=True):
    """An authorised health activity or a social equipment of a structure."""

    id: str
    structure: str
    #: ``healthcare-activity`` or ``social-equipment``.
    kind: str = "healthcare-activity"
    #: TRE_R277 category, type of activity (TRE_R209 …) and form or modality (TRE_R276).
    category: str = ""
    type: str = ""
    characteristic: str = ""
    is_active: bool = True


class Equipment(msgspec.Struct, frozen=True, kw_only=True):
    """A heavy medical equipment (EML)."""

    #: ARHGOS number.
    id: str
    structure: str
    #: TRE_R272.
    type: str = ""
    manufacturer: str = ""
    model: str = ""
    is_active: bool = True


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a search for people: a person in one situation of exercise."""

    id_nat: str
    rpps: str
    name: str
    family: str
    given: str
    civility: str
    profession: str
    skill: str
    situation: str
    structure: str
    structure_name: str
    postal_code: str
    city: str
    mailboxes: tuple[str, ...] = ()


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did."""

    professionals: int = 0
    situations: int = 0
    structures: int = 0
    mailboxes: int = 0
    finished_at: datetime
