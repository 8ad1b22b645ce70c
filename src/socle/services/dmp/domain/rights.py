"""Who may use a record: authorisations, blocks, mandates, and what they come to for one caller."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from socle.services.dmp.domain.records import ClosingReason, RecordState
from socle.standards.ids.ins import Ins


class AuthorizationStatus(StrEnum):
    """What TD0.2 says of the caller."""

    NON_EXISTE = "NON_EXISTE"
    VALIDE = "VALIDE"
    EXPIRE = "EXPIRE"
    INTERDIT = "INTERDIT"


class AuthorizationAction(StrEnum):
    """TD0.3."""

    AJOUT = "AJOUT"
    SUPPRESSION = "SUPPRESSION"


class Holding(StrEnum):
    """To whom an authorisation or a block applies."""

    PROFESSIONAL = "professional"
    #: A structure: for an authorisation, its care team.
    STRUCTURE = "structure"


class Authorization(msgspec.Struct, frozen=True, kw_only=True):
    """The patient's consent that one professional, or the care team of one structure, reads the record.

    While ``is_medecin_traitant`` it does not expire.
    """

    holder_id: str
    holding: Holding
    name: str
    profession: str = ""
    granted_at: datetime
    expires_at: datetime
    is_medecin_traitant: bool = False
    revoked_at: datetime | None = None
    is_secret: bool = False

    def is_valid(self, now: datetime) -> bool:
        """Whether it gives access at ``now``."""
        return self.revoked_at is None and (self.is_medecin_traitant or now < self.expires_at)


class BlockScope(StrEnum):
    """What a block stops. ``FEED`` needs a legitimate reason (R1111-47)."""

    CONSULTATION = "consultation"
    FEED = "feed"


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A professional or a structure that the holder shut out."""

    target_id: str
    holding: Holding
    name: str
    scope: BlockScope = BlockScope.CONSULTATION
    reason: str = ""
    blocked_at: datetime
    blocked_by: str = ""


class AuthorizationLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of TD1.6: a professional or a structure with the status that it has today."""

    holder_id: str
    holding: Holding
    name: str
    status: AuthorizationStatus
    since: datetime
    profession: str = ""
    expires_at: datetime | None = None
    is_medecin_traitant: bool = False


class AuthorizedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One line of TD0.4: a record that the professional may open."""

    ins: Ins
    granted_at: datetime
    expires_at: datetime
    is_medecin_traitant: bool
    last_document_at: datetime | None = None


class MandateKind(StrEnum):
    """By what title a person acts for the holder. ``DELEGATE`` is chosen by an adult, the others are legal."""

    PARENT = "PARENT"
    TUTEUR = "TUTEUR"
    CURATEUR = "CURATEUR"
    MANDATAIRE_SAUVEGARDE = "MSVG"
    DELEGATE = "DELEGATE"


class MandateScope(StrEnum):
    """What a delegate may do."""

    READ = "read"
    MANAGE = "manage"


class Mandate(msgspec.Struct, frozen=True, kw_only=True):
    """A person who acts on another's record. ``agent_id`` is the id that the agent's ``Actor`` carries."""

    agent_id: str
    kind: MandateKind
    scope: MandateScope
    name: str
    starts_at: datetime
    ends_at: datetime | None = None
    revoked_at: datetime | None = None
    proof: str = ""

    def is_valid(self, now: datetime) -> bool:
        """Whether it runs at ``now``."""
        return self.revoked_at is None and self.starts_at <= now and (self.ends_at is None or now < self.ends_at)


class CallerRights(msgspec.Struct, frozen=True, kw_only=True):
    """All that a record says about one caller, read in the transaction of the request."""

    is_blocked: bool = False
    is_feed_opposed: bool = False
    authorization: Authorization | None = None
    care_team: Authorization | None = None
    mandate: Mandate | None = None


class RecordStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to TD0.2."""

    ins: Ins
    state: RecordState
    authorization: AuthorizationStatus
    is_medecin_traitant: bool
    is_attached_to_mes: bool
    is_minor: bool
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    closing_reason: ClosingReason | None = None
    closing_text: str = ""
