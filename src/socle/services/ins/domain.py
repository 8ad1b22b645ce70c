"""What the INS service speaks of: persons that the authority knows, identities of a domain, links between them.

Source: identity fact sheet §1, §2; RNIV 1 v2.0.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta

from socle.standards.ids.ins import Ins
from socle.standards.ids.status import (
    CollectionMethod,
    IdentityStatus,
    ManagementCode,
    ProofDocument,
    Reliability,
)
from socle.standards.ids.traits import Traits

#: Assigning authority of the base's own local identifiers.
BASE_DOMAIN: Final = "1.2.250.1.213.4.1.9.1"


class FormerIns(msgspec.Struct, frozen=True):
    """An INS that the person bore before; INSi may give its dates or not."""

    ins: Ins
    start: date | None = None
    end: date | None = None


class Card(msgspec.Struct, frozen=True):
    """What a carte Vitale says of one beneficiary: the insured's matricule, birth date and rank of birth.

    It leads to a person, it is never an identity.
    """

    holder: Annotated[str, Meta(pattern=r"^[0-9AB]{13,15}$")]
    birth_date: Annotated[str, Meta(pattern=r"^[0-9-]{6,10}$")]
    birth_rank: Annotated[int, Meta(ge=1, le=99)] = 1


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A person as the authority knows him: the INS in force, the five reference traits, former INS."""

    ins: Ins
    traits: Traits
    since: date | None = None
    former: tuple[FormerIns, ...] = ()
    cards: tuple[Card, ...] = ()


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A person as one domain knows him, under its own ``local_id`` (IPP).

    ``key`` is the patient key of the INS while it holds one, else a key of its own. ``ins`` is set exactly when the
    status is ``RECUP`` or ``QUAL``; an INS that was lost goes to ``former``.
    """

    key: UUID
    local_id: str
    traits: Traits
    domain: str = BASE_DOMAIN
    ins: Ins | None = None
    reliability: Reliability = Reliability()
    method: CollectionMethod = CollectionMethod.TYPED
    proof: ProofDocument | None = None
    proof_date: date | None = None
    #: When INSi last confirmed the INS.
    verified_at: datetime | None = None
    comments: frozenset[ManagementCode] = frozenset()
    former: tuple[FormerIns, ...] = ()
    is_active: bool = True
    #: ``local_id`` of the identity into which this one was merged.
    replaced_by: str = ""

    @property
    def status(self) -> IdentityStatus:
        """The RNIV status."""
        return self.reliability.status

    @property
    def sendable_ins(self) -> Ins | None:
        """The INS if it may leave for another system: the identity is active and qualified."""
        return self.ins if self.is_active and self.reliability.may_send_ins else None


class IdentityChange(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an identity's history."""

    sequence: int
    at: datetime
    actor: str
    event: str
    before: Identity | None
    after: Identity
    evidence: str = ""
    evidence_date: date | None = None


class ResultCode(StrEnum):
    """``CodeCR`` of INSi."""

    OK = "00"
    NONE = "01"
    SEVERAL = "02"

    @property
    def label(self) -> str:
        """``LibelleCR``."""
        return {"00": "OK", "01": "Aucune identite trouvee", "02": "Plusieurs identites trouvees"}[self.value]


class TraitsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What INS2 is asked: birth name, one or several first names, sex, birth date, and the birth place if known."""

    birth_name: str
    given_names: tuple[str, ...]
    sex: str
    birth_date: str
    birth_place: str = ""


class SearchResult(msgspec.Struct, frozen=True):
    """What INSi answers: a person only with code ``00``."""

    code: ResultCode
    person: Person | None = None


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An INS and the five traits that go with it, as someone holds them; ``id`` is his own reference."""

    id: str = ""
    matricule: str
    oid: str
    birth_name: str
    given_names: str
    sex: str
    birth_date: str
    birth_place: str


class Verdict(msgspec.Struct, frozen=True):
    """The answer to one claim."""

    id: str
    is_right: bool


class BatchState(StrEnum):
    """Where a bulk verification is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A bulk verification: a lot of claims, verified later."""

    id: UUID
    state: BatchState
    submitted_at: datetime
    submitted_by: str
    total: int
    done: int = 0
    wrong: int = 0
    finished_at: datetime | None = None


class BatchJob(msgspec.Struct, frozen=True):
    """Payload of ``ins.verify_batch``."""

    batch: UUID


class MatchLevel(StrEnum):
    """How two identities relate (fact sheet §1.8)."""

    SAME = "same"
    COLLISION = "collision"
    HOMONYM = "homonym"
    STRONG = "strong"
    WEAK = "weak"
    NONE = "none"


class Match(msgspec.Struct, frozen=True):
    """The verdict on a pair, with its score in bits of evidence."""

    level: MatchLevel
    score: float


class LinkSource(StrEnum):
    """Who decided a link. A manual one is never overwritten by the machine."""

    AUTO = "AUTO"
    MANUAL = "MANUAL"


class LinkResult(StrEnum):
    """What a link says of the pair."""

    POSSIBLE = "possible"
    SAME_PERSON = "same_person"
    DISTINCT = "distinct"


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """Two identities of one domain that may be the same person; ``first`` < ``second`` are local ids."""

    domain: str
    first: str
    second: str
    level: MatchLevel
    score: float
    source: LinkSource = LinkSource.AUTO
    result: LinkResult = LinkResult.POSSIBLE
    decided_by: str = ""
    decided_at: datetime | None = None


class MergeReason(StrEnum):
    """Why two records became one."""

    DUPLICATE = "duplicate"
    #: The authority replaced the INS of the person.
    INS_CHANGED = "ins_changed"


class Merge(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of the jobs ``dmp.merge`` and ``dmp.unmerge``: everything under ``absorbed`` goes under ``survivor``.

    ``id`` names the merge. Whoever moves an object notes it with ``InsService.note_moved`` under this id, so that
    ``dmp.unmerge`` (same payload) takes back exactly what was moved.
    """

    id: UUID
    survivor: Ins
    absorbed: Ins
    reason: MergeReason = MergeReason.DUPLICATE
