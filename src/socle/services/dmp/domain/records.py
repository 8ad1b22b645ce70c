"""The record itself, what may be asked of it, and by which door."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from socle.standards.ids.ins import Ins


class Door(StrEnum):
    """By which way a request came, for the trace."""

    XDS = "xds"
    FHIR = "fhir"
    PORTAL = "portal"
    GATEWAY = "gateway"
    SANDBOX = "sandbox"
    JOB = "job"


class Function(StrEnum):
    """What may be asked of a DMP (numbers are the transactions TDx.y of the DMP)."""

    TEST_EXISTENCE = "TD0.2"
    AUTHORIZE = "TD0.3"
    LIST_AUTHORIZED_RECORDS = "TD0.4"
    OPEN = "TD1.1"
    REOPEN = "TD1.2"
    READ_IDENTITY = "TD1.3"
    CLOSE = "TD1.4"
    LIST_AUTHORIZATIONS = "TD1.6"
    FEED = "TD2"
    SEARCH = "TD3.1a"
    LOCATE = "TD3.1b"
    CONSULT = "TD3.2"
    MASK = "TD3.3a"
    RELEASE = "TD3.3b"
    DELETE = "TD3.3c"
    ARCHIVE = "TD3.3d"
    BLOCK = "block"
    SETTINGS = "settings"
    MANDATE = "mandate"
    READ_TRACES = "traces"
    #: Merge, destruction, opening after the opt-out period: jobs of the base.
    MAINTAIN = "maintain"


class RecordState(StrEnum):
    """Where a record is in its life. ``INFORMED``: the opt-out period runs. ``NONE``: never announced."""

    NONE = "none"
    INFORMED = "informed"
    OPPOSED = "opposed"
    ACTIVE = "active"
    CLOSED = "closed"
    DESTROYED = "destroyed"


class ClosingReason(StrEnum):
    """Why a record was closed (OID 1.2.250.1.213.4.1.2.4; only the first code is public, the others are ours)."""

    PATIENT_REQUEST = "FERMETURE_DEMANDE_PATIENT"
    DEATH = "FERMETURE_DECES"
    DUPLICATE = "FERMETURE_DOUBLON"


class RecordSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the holder chose. The defaults are those of a record that opens by itself."""

    allows_bris_de_glace: bool = True
    allows_centre_15: bool = True
    #: Masked documents are readable in an emergency. Void unless one of the two above is allowed.
    allows_masked_in_emergency: bool = False
    #: Professionals of a care team whose structure was authorised have access without a personal authorisation.
    allows_care_teams: bool = True
    #: Every new document of a professional arrives masked.
    masks_new_documents: bool = False
    #: Every document is as if masked, and stays so in an emergency.
    masks_everything: bool = False
    is_attached_to_mes: bool = True


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One DMP. ``destroyed_after`` is set by closing."""

    patient_key: UUID
    ins: Ins
    state: RecordState
    birth_date: date | None
    settings: RecordSettings = RecordSettings()
    informed_at: datetime | None = None
    opens_after: datetime | None = None
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    closing_reason: ClosingReason | None = None
    closing_text: str = ""
    destroyed_after: datetime | None = None

    def is_minor(self, today: date) -> bool:
        """Whether the holder is not yet 18. An unknown birth date counts as of age."""
        if self.birth_date is None:
            return False
        had_birthday = (today.month, today.day) >= (self.birth_date.month, self.birth_date.day)
        return today.year - self.birth_date.year - (not had_birthday) < MAJORITY_YEARS


MAJORITY_YEARS = 18
