"""Who may act on whose record: legal representatives and delegates.

Source: citizen fact sheet §3; identity fact sheet §6.2 (account model).
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID, uuid4

import msgspec
from asyncpg import Record

from socle.platform.actor import Actor, ActorKind
from socle.platform.audit import Action, AuditEvent, Subject
from socle.platform.base import Base
from socle.platform.database import Queries
from socle.platform.patient_key import patient_key
from socle.standards.errors import InvalidContent, NotFound, Text
from socle.standards.ids.ins import Ins
from socle.standards.ids.traits import BirthDate, to_calendar

QUERIES = Queries("socle.services.identity")

MAJORITY_YEARS = 18


class MandateRole(StrEnum):
    """By which right. Codes of JDV_J11 where it has one."""

    #: Holder of parental authority, until majority.
    PARENT = "PARENT"
    #: Guardian with representation of the person.
    GUARDIAN = "TUTEUR"
    #: A trusted person whom an adult chose.
    DELEGATE = "DELEGUE"

    @property
    def kind(self) -> ActorKind:
        """The quality in which the base sees who holds it."""
        return ActorKind.DELEGATE if self is MandateRole.DELEGATE else ActorKind.REPRESENTATIVE


class Mandate(msgspec.Struct, frozen=True, kw_only=True):
    """The account ``account`` may act on the record of ``holder``."""

    id: UUID
    holder: Ins
    holder_name: str
    #: Birth date of the holder, ``YYYY-MM-DD``, possibly lunar.
    birth_date: str
    account: UUID
    role: MandateRole
    starts_at: datetime
    ends_at: datetime | None
    #: What proves it: judgment, family record book, the holder's own act.
    evidence: str
    granted_by: str
    revoked_at: datetime | None = None


def majority_of(birth_date: str) -> date:
    """The eighteenth birthday; somebody born on 29 February comes of age on 1 March.

    >>> majority_of("2008-02-29"), majority_of("2008-00-00")
    (datetime.date(2026, 3, 1), datetime.date(2026, 12, 31))
    """
    born = to_calendar(BirthDate(birth_date))
    year = born.year + MAJORITY_YEARS
    if (born.month, born.day) == (2, 29) and (year % 4 or (not year % 100 and year % 400)):
        return date(year, 3, 1)
    return born.replace(year=year)


def is_in_force(mandate: Mandate, now: datetime) -> bool:
    """Whether the mandate may be used at ``now``: begun, not ended, not revoked, and a parent's before majority."""
    if mandate.revoked_at is not None or now < mandate.starts_at:
        return False
    if mandate.ends_at is not None and now >= mandate.ends_at:
        return False
    return mandate.role is not MandateRole.PARENT or now.date() < majority_of(mandate.birth_date)


class Mandates:
    """The mandates of the base. Each change is traced in the holder's chain."""

    def __init__(self, base: Base) -> None:
        self._base = base

    async def grant(
        self,
        actor: Actor,
        holder: Ins,
        account: UUID,
        role: MandateRole,
        *,
        holder_name: str,
        birth_date: str,
        evidence: str,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
    ) -> Mandate:
        """Lets ``account`` act on ``holder``. Raises ``InvalidContent`` without evidence, or for an adult's parent."""
        now = self._base.clock()
        mandate = Mandate(
            id=uuid4(),
            holder=holder,
            holder_name=holder_name,
            birth_date=birth_date,
            account=account,
            role=role,
            starts_at=starts_at or now,
            ends_at=ends_at,
            evidence=evidence.strip(),
            granted_by=actor.id,
        )
        if not mandate.evidence:
            raise InvalidContent(
                "EvidenceRequired", Text("Un mandat a une preuve.", "A mandate has evidence."), location="evidence"
            )
        if role is MandateRole.PARENT and now.date() >= majority_of(birth_date):
            raise InvalidContent(
                "HolderOfAge",
                Text("Cette personne est majeure.", "This person is of age."),
                remedy=Text("Elle peut choisir un délégué elle-même.", "They may choose a delegate themselves."),
                requirement="Code civil, article 388",
            )
        if ends_at is not None and ends_at <= mandate.starts_at:
            raise InvalidContent(
                "EndBeforeStart", Text("La fin précède le début.", "The end precedes the start."), location="ends_at"
            )
        async with self._base.database.transaction() as connection:
            await QUERIES["add_mandate"].execute(
                connection,
                patient_key=patient_key(holder),
                id=mandate.id,
                ins=holder.matricule,
                ins_oid=holder.oid,
                holder_name=holder_name,
                birth_date=birth_date,
                account=account,
                role=role.value,
                starts_at=mandate.starts_at,
                ends_at=ends_at,
                evidence=mandate.evidence,
                granted_by=actor.id,
                now=now,
            )
            await self._base.audit.record(connection, _event(actor, Action.CREATE, mandate))
        return mandate

    async def revoke(self, actor: Actor, holder: Ins, mandate: UUID) -> None:
        """Ends a mandate at once. Raises ``NotFound``."""
        async with self._base.database.transaction() as connection:
            rows = await QUERIES["list_mandates_of_patient"].rows(connection, patient_key=patient_key(holder))
            found = next((item for item in map(_mandate, rows) if item.id == mandate), None)
            if found is None or found.revoked_at is not None:
                raise NotFound("NoSuchMandate", Text("Ce mandat n'existe pas.", "There is no such mandate."))
            await QUERIES["revoke_mandate"].execute(
                connection, patient_key=patient_key(holder), id=mandate, now=self._base.clock()
            )
            await self._base.audit.record(connection, _event(actor, Action.DELETE, found))

    async def of_account(self, account: UUID) -> list[Mandate]:
        """The mandates in force of an account."""
        now = self._base.clock()
        async with self._base.database.connection() as connection:
            rows = await QUERIES["list_mandates_of_account"].rows(connection, account=account)
        return [mandate for mandate in map(_mandate, rows) if is_in_force(mandate, now)]

    async def of_patient(self, actor: Actor, holder: Ins) -> list[Mandate]:
        """Every mandate on a record, ended ones included."""
        async with self._base.database.transaction() as connection:
            rows = await QUERIES["list_mandates_of_patient"].rows(connection, patient_key=patient_key(holder))
            event = AuditEvent(
                actor=actor, action=Action.READ, transaction="identity.mandates", patient_key=patient_key(holder)
            )
            await self._base.audit.record(connection, event)
        return [_mandate(row) for row in rows]


def _event(actor: Actor, action: Action, mandate: Mandate) -> AuditEvent:
    return AuditEvent(
        actor=actor,
        action=action,
        transaction="identity.mandate",
        patient_key=patient_key(mandate.holder),
        subjects=(Subject("mandate", str(mandate.id), mandate.role.value),),
    )


def _mandate(row: Record) -> Mandate:
    return Mandate(
        id=row["id"],
        holder=Ins(row["ins"], row["ins_oid"]),
        holder_name=row["holder_name"],
        birth_date=row["birth_date"],
        account=row["account"],
        role=MandateRole(row["role"]),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        evidence=row["evidence"],
        granted_by=row["granted_by"],
        revoked_at=row["revoked_at"],
    )
