"""What all use cases of the DMP share: the platform, the policy, what the composition root gave, and the way in.

Every use case goes through ``attempt`` (which traces refusals), ``visit`` (which decides) and ``trace``.

A revocation holds from its answer on, without readers locking anything: whoever changes a right counts up the record's
version and then appends to the patient's chain of traces, which one transaction at a time can do. Whoever uses a right
appends to the same chain last, and then looks whether the version is still the one on which it was decided.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import msgspec
from lxml import etree

from socle.platform.actor import Actor, ActorKind
from socle.platform.audit import Action, AuditEvent, Outcome, Subject
from socle.platform.base import Base
from socle.platform.database import Connection
from socle.platform.outgoing import SendMail
from socle.platform.patient_key import patient_key
from socle.services.conformance.domain import Verdict
from socle.services.dmp import notice_store, record_store
from socle.services.dmp.domain import CallerRights, Door, Function, NoticeKind, Record
from socle.services.dmp.errors import refusal, rights_changed, rule_of
from socle.services.dmp.matrice import load_matrix
from socle.services.dmp.record_store import Found
from socle.services.dmp.rules import Allowed, Policy, Refused, Sight, decide, sight_of
from socle.services.ins.domain import Identity, Merge
from socle.standards.errors import SocleError
from socle.standards.ids.ins import Ins
from socle.standards.ids.naming import person_name, place_name
from socle.standards.xds.model import DocumentEntry, Submission

EMERGENCIES = frozenset({"bris-de-glace", "centre-15"})


class Identities(Protocol):
    """The INS service, seen from the DMP."""

    async def find(self, connection: Connection, ins: Ins) -> Identity | None:
        """The active identity that holds ``ins``."""
        ...

    async def note_moved(self, connection: Connection, merge: Merge, kind: str, object_ids: Sequence[str]) -> None:
        """Keeps what a merge moved."""
        ...

    async def take_moved(self, connection: Connection, merge: Merge, kind: str) -> list[str]:
        """Gives back what a merge moved."""
        ...


#: Judges one document before the transaction opens: the verdict is stored with the entry. Raises ``SocleError`` when
#: the policy is to refuse.
Conformance = Callable[[bytes, DocumentEntry], Awaitable[Verdict | None]]
#: The tree of a document's bytes, parsed once for all who ask.
ReadTree = Callable[[bytes], etree._Element]
#: Checks the XAdES signature of a submission, in a thread; raises ``SocleError``.
SignatureCheck = Callable[[Submission, ReadTree], None]
#: How long a notice waits for others to leave in the same mail; one of an emergency leaves at once.
_GATHERING: Final = timedelta(minutes=1)


#: Deletes what another service holds of a record, in the transaction that destroys it.
Forget = Callable[[Connection, UUID], Awaitable[None]]

#: Moves what another service holds of a record to another record, all or what is named, in the transaction that moves
#: the documents; returns the names of what it moved.
Move = Callable[[Connection, UUID, UUID, Collection[str] | None], Awaitable[list[str]]]


class SendNotices(msgspec.Struct, frozen=True):
    """Payload of the job that sends what waits for one account about one record."""

    patient_key: UUID
    account_id: str


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """One allowed use of one record, while its transaction lasts."""

    actor: Actor
    key: UUID
    record: Record
    rights: CallerRights
    allowed: Allowed
    function: Function
    now: datetime
    policy: Policy
    version: int
    #: The record is locked: nobody else changes it meanwhile.
    is_alone: bool = False

    @property
    def sight(self) -> Sight:
        """Which documents the caller sees for this use."""
        return sight_of(self.function, self.allowed, self.actor, self.record, self.rights, self.now, self.policy)

    def require(self, function: Function) -> Allowed:
        """Whether the caller may also use ``function``; raises the refusal."""
        decision = decide(function, self.actor, self.record, self.rights, self.now, self.policy)
        if isinstance(decision, Refused):
            raise refusal(decision.rule)
        return decision


class Attempt:
    """One request under way. ``patient_key`` is set once a record was met: its chain then holds the refusal."""

    def __init__(self) -> None:
        self.patient_key: UUID | None = None


class DmpContext:
    """The platform, the policy and the hooks."""

    def __init__(
        self,
        base: Base,
        identities: Identities,
        *,
        conformance: Conformance | None = None,
        check_signature: SignatureCheck | None = None,
        send: SendMail | None = None,
    ) -> None:
        self.base = base
        self.identities = identities
        self.conformance = conformance
        self.check_signature = check_signature
        self.send = send
        self.destroyed_with: list[Forget] = []
        self.moved_with: list[Move] = []
        centres = frozenset(filter(None, base.settings.dmp_regulation_centres.split(",")))
        self.policy = Policy(load_matrix(base.settings.dmp_matrix), centres)

    @asynccontextmanager
    async def attempt(self, actor: Actor, action: Action, transaction: str, door: Door) -> AsyncIterator[Attempt]:
        """Traces a refusal raised inside, in a transaction of its own: the one that failed is rolled back."""
        attempt = Attempt()
        try:
            yield attempt
        except SocleError as error:
            await self.base.audit.record_alone(
                AuditEvent(
                    actor=actor,
                    action=action,
                    transaction=transaction,
                    patient_key=attempt.patient_key,
                    outcome=Outcome.MINOR_FAILURE,
                    right=rule_of(error),
                    detail=door.value,
                    is_secret=actor.is_secret,
                )
            )
            raise

    async def visit(
        self,
        connection: Connection,
        attempt: Attempt,
        function: Function,
        actor: Actor,
        patient: Ins | UUID,
        *,
        of_record: bool = False,
        for_change: bool = False,
    ) -> Visit:
        """The record of ``patient`` and what its rights allow the caller. Raises the refusal.

        ``for_change`` also makes other changes of the record wait. Close a visit with ``trace``.
        """
        found = await self.look(connection, attempt, actor, patient, for_change=for_change)
        return self.admit(found, function, actor, patient, of_record=of_record, is_alone=for_change)

    def admit(
        self,
        found: Found | None,
        function: Function,
        actor: Actor,
        patient: Ins | UUID,
        *,
        of_record: bool = False,
        is_alone: bool = False,
    ) -> Visit:
        """Decides on what ``look`` found, which may be older than the transaction: ``trace`` makes sure that it holds.

        ``is_alone`` says that the record is locked. Raises the refusal.
        """
        now = self.base.clock()
        if actor.patient is not None and isinstance(patient, Ins) and actor.patient != patient:
            raise refusal("credential-of-another-patient", of_record=of_record)
        record, rights = (found.record, found.rights) if found else (None, CallerRights())
        decision = decide(function, actor, record, rights, now, self.policy)
        if isinstance(decision, Refused):
            raise refusal(decision.rule, of_record=of_record)
        if found is None:
            raise refusal("record-unknown", of_record=of_record)
        return Visit(
            actor=actor,
            key=found.record.patient_key,
            record=found.record,
            rights=found.rights,
            allowed=decision,
            function=function,
            now=now,
            policy=self.policy,
            version=found.version,
            is_alone=is_alone,
        )

    async def look(
        self, connection: Connection, attempt: Attempt, actor: Actor, patient: Ins | UUID, *, for_change: bool = False
    ) -> Found | None:
        """The record of ``patient`` and what it says of the caller. Decides nothing."""
        key = patient_key(patient) if isinstance(patient, Ins) else patient
        if for_change:
            await record_store.lock_record(connection, key)
        found = await record_store.find_record(connection, key, actor)
        if found is not None:
            attempt.patient_key = key
        return found

    async def trace(
        self,
        connection: Connection,
        visit: Visit,
        action: Action,
        transaction: str,
        door: Door,
        subjects: tuple[Subject, ...] = (),
        outcome: Outcome = Outcome.SUCCESS,
    ) -> None:
        """Appends the trace of an allowed use, then makes sure that it still is one: the last step of a transaction.

        Raises the refusal if the right was withdrawn meanwhile, ``Unavailable`` if something else about it changed.
        """
        await self.base.audit.record(
            connection,
            AuditEvent(
                actor=visit.actor,
                action=action,
                transaction=transaction,
                patient_key=visit.key,
                outcome=outcome,
                right=visit.allowed.rule,
                subjects=subjects,
                detail=door.value,
                is_secret=visit.actor.is_secret,
            ),
        )

        if not visit.is_alone and await record_store.rights_version(connection, visit.key) != visit.version:
            await self._confirm(connection, visit)

    async def _confirm(self, connection: Connection, visit: Visit) -> None:
        found = await record_store.find_record(connection, visit.key, visit.actor)
        if found is not None and (found.record, found.rights) == (visit.record, visit.rights):
            return
        record, rights = (found.record, found.rights) if found else (None, CallerRights())
        decision = decide(visit.function, visit.actor, record, rights, visit.now, visit.policy)
        if isinstance(decision, Refused):
            raise refusal(decision.rule)
        raise rights_changed()

    async def trace_alone(
        self, connection: Connection, actor: Actor, action: Action, transaction: str, door: Door, right: str
    ) -> None:
        """Appends the trace of a use that concerns no record in particular."""
        event = AuditEvent(actor=actor, action=action, transaction=transaction, right=right, detail=door.value)
        await self.base.audit.record(connection, event)

    async def tell(
        self,
        connection: Connection,
        key: UUID,
        kind: NoticeKind,
        text: tuple[str, str],
        *,
        about: str,
        recipient_id: str = "",
        words: str = "",
    ) -> None:
        """Tells the holder (or ``recipient_id``) something, once for each ``about``, when this commits.

        ``words`` are what a person wrote: they follow ``text`` and are kept sealed with the patient's key.
        """
        now, dedupe_key, sealed = self.base.clock(), f"{kind.value}:{about}:{recipient_id}", b""
        if words:
            context = words_context(notice_store.notice_id(key, dedupe_key))
            sealed = (await self.base.objects.rings.ring(key, connection)).seal(context, words.encode())
        wait = timedelta(0) if kind is NoticeKind.EMERGENCY_ACCESS else _GATHERING
        for account_id in await notice_store.add_notice(
            connection,
            key,
            kind,
            text,
            now,
            dedupe_key=dedupe_key,
            recipient_id=recipient_id,
            sealed_words=sealed,
        ):
            await self.base.jobs.enqueue(connection, "dmp.send_notices", SendNotices(key, account_id), run_after=wait)

    async def words_of(self, connection: Connection, key: UUID, notice: UUID, sealed: bytes) -> str:
        """What a person wrote in a notice."""
        if not sealed:
            return ""
        return (await self.base.objects.rings.open(key, words_context(notice), sealed, connection)).decode()

    async def tell_of_access(self, connection: Connection, visit: Visit) -> None:
        """Tells the holder of a professional's first access and of any in an emergency (then the médecin traitant too).

        A secret session is told to nobody, for the representatives read what a minor is told.
        """
        actor = visit.actor
        if actor.kind is not ActorKind.PROFESSIONAL or actor.is_secret:
            return
        who = person_name(actor.name)
        who = f"{who} ({place_name(actor.structure_name)})" if actor.structure_name else who
        if visit.allowed.rule in EMERGENCIES:
            text = (
                f"{who} a consulté votre dossier médical en urgence.",
                f"{who} read your medical record in an emergency.",
            )
            about = f"{actor.id}:{visit.now.date()}"
            await self.tell(connection, visit.key, NoticeKind.EMERGENCY_ACCESS, text, about=about)
            for holder_id in await record_store.list_medecins_traitants(connection, visit.key):
                if holder_id != actor.id:
                    text = (
                        f"{who} a consulté en urgence le dossier d'un patient dont vous êtes le médecin traitant.",
                        f"{who} read in an emergency the record of a patient whose médecin traitant you are.",
                    )
                    await self.tell(
                        connection, visit.key, NoticeKind.EMERGENCY_ACCESS, text, about=about, recipient_id=holder_id
                    )
        elif visit.allowed.rule != "own-documents":
            text = (
                f"{who} a consulté votre dossier médical pour la première fois.",
                f"{who} read your medical record for the first time.",
            )
            await self.tell(connection, visit.key, NoticeKind.FIRST_ACCESS, text, about=actor.id)


def words_context(notice: UUID) -> bytes:
    """Under which name the words of a notice are sealed."""
    return b"notice-words" + notice.bytes


def birth_date_of(identity: Identity) -> date | None:
    """The birth date as a calendar date; an unknown day or month counts as the last, so that majority is not early."""
    parts = str(identity.traits.birth_date).replace("-", "")
    if len(parts) != len("YYYYMMDD") or not parts.isdigit():
        return None
    year, month = int(parts[:4]), int(parts[4:6]) or 12
    for day in (int(parts[6:]) or 31, 30, 29, 28):
        try:
            return date(year, month, day)
        except ValueError:
            continue
    return None
