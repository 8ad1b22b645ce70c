"""Who asks. Every door establishes one ``Actor``; every rule decides from it; every trace names it."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from socle.standards.ids.ins import Ins


class ActorKind(StrEnum):
    """In which quality the actor asks."""

    PROFESSIONAL = "professional"
    #: Software of a structure acting without a person (feed by a hospital, an automaton).
    SYSTEM = "system"
    PATIENT = "patient"
    #: Legal representative of a minor or a protected adult.
    REPRESENTATIVE = "representative"
    #: A person whom the patient chose (carer, relative).
    DELEGATE = "delegate"
    OPERATOR = "operator"
    #: A job of the base itself (expiry, sweep). It reads no content.
    BASE = "base"


#: The citizen's side.
CITIZENS: Final = frozenset({ActorKind.PATIENT, ActorKind.REPRESENTATIVE, ActorKind.DELEGATE})


class Purpose(StrEnum):
    """Access mode of the VIHF (TRE_R248)."""

    NORMAL = "normal"
    BRIS_DE_GLACE = "bris_de_glace"
    CENTRE_15 = "centre_15"


class AuthenticationMode(StrEnum):
    """How identity was proven (VIHF ``Authentification_Mode``, or the citizen's and operator's own ways)."""

    DIRECTE = "DIRECTE"
    INDIRECTE = "INDIRECTE"
    INDIRECTE_RENFORCEE = "INDIRECTE_RENFORCEE"
    CITIZEN = "CITIZEN"
    OPERATOR = "OPERATOR"
    BASE = "BASE"


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """One established identity, for one request.

    ``id`` is the PS_IdNat for a professional (``8`` + RPPS), the Struct_IdNat for a system, the account id for a
    citizen. ``patient`` is the record to which the credential itself is bound, if it is (VIHF ``resource-id``).
    """

    kind: ActorKind
    id: str
    name: str
    authentication: AuthenticationMode
    #: TRE_G15 profession, or a role of TRE_R85/R94/R95/A00 (see ``profession_system``).
    profession: str = ""
    profession_system: str = "1.2.250.1.71.1.2.7"
    #: TRE_R01 know-how of a doctor, CNOP sub-section of a pharmacist.
    speciality: str = ""
    #: Struct_IdNat and name of the structure of exercise.
    structure: str = ""
    structure_name: str = ""
    #: TRE_R02 sector of activity.
    sector: str = ""
    software: str = ""
    software_version: str = ""
    purpose: Purpose = Purpose.NORMAL
    #: Why the glass is broken, as the professional wrote it.
    reason: str = ""
    patient: Ins | None = None
    #: Connexion secrète: what is done in this session is hidden from the minor's representatives.
    is_secret: bool = False
    #: Where the request came from (address), for the trace.
    origin: str = ""
