"""The life of a record: announced, opposed, opened, closed, reopened, destroyed, merged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.audit import Action, AuditEvent, Subject
from socle.platform.database import Connection
from socle.platform.patient_key import patient_key
from socle.services.dmp import record_store
from socle.services.dmp.context import Attempt, DmpContext, birth_date_of
from socle.services.dmp.domain import (
    CallerRights,
    ClosingReason,
    Door,
    Function,
    Mandate,
    NoticeKind,
    Record,
    RecordSettings,
    RecordState,
)
from socle.services.dmp.errors import conflict, refusal
from socle.services.dmp.rules import Refused, decide
from socle.standards.errors import Conflict, SocleError, Text
from socle.standards.ids.ins import Ins

F = Function

#: The base itself, for what its jobs do.
BASE_ACTOR = Actor(
    kind=ActorKind.BASE, id="socle", name="Socle", authentication=AuthenticationMode.BASE, software="socle"
)
_SWEPT_AT_ONCE = 1000
_AWAITED = (
    "Un professionnel souhaite vous présenter un document lors d'une consultation.",
    "A professional wishes to present a document to you at a consultation.",
)
_BEFORE = frozenset({RecordState.NONE, RecordState.INFORMED, RecordState.OPPOSED, RecordState.DESTROYED})


async def announce(ctx: DmpContext, actor: Actor, ins: Ins, door: Door) -> Record:
    """Starts the opt-out period. A record that is announced, opposed or opened stays as it is."""
    now = ctx.base.clock()
    opens_after = now + timedelta(days=ctx.base.settings.opposition_days)

    def informed(record: Record) -> Record:
        if record.state in {RecordState.NONE, RecordState.DESTROYED}:
            return msgspec.structs.replace(record, state=RecordState.INFORMED, informed_at=now, opens_after=opens_after)
        return record

    return await _change(ctx, actor, ins, F.OPEN, "announce", door, informed)


async def oppose(ctx: DmpContext, actor: Actor, ins: Ins, door: Door) -> Record:
    """Refuses the opening. An open record is closed, not opposed."""

    def opposed(record: Record) -> Record:
        if record.state not in _BEFORE:
            raise _found(record)
        return msgspec.structs.replace(record, state=RecordState.OPPOSED, opens_after=None)

    return await _change(ctx, actor, ins, F.OPEN, "oppose", door, opposed)


async def open_record(ctx: DmpContext, actor: Actor, ins: Ins, settings: RecordSettings | None, door: Door) -> Record:
    """TD1.1. See ``DmpService.open_record``."""
    now = ctx.base.clock()

    def opened(record: Record) -> Record:
        if record.state not in _BEFORE:
            raise _found(record)
        return _opened(record, now, settings)

    return await _change(ctx, actor, ins, F.OPEN, F.OPEN, door, opened)


async def open_due(ctx: DmpContext, ins: Ins) -> None:
    """Opens a record whose opt-out period is over, unless the person opposed meanwhile."""
    now = ctx.base.clock()

    def opened(record: Record) -> Record:
        is_due = record.state is RecordState.INFORMED and record.opens_after and record.opens_after <= now
        return _opened(record, now, None) if is_due else record

    await _change(ctx, BASE_ACTOR, ins, F.OPEN, F.OPEN, Door.JOB, opened)


async def load_records(
    ctx: DmpContext,
    actor: Actor,
    holders: Sequence[tuple[Ins, date | None]],
    mandates: Sequence[tuple[Ins, Mandate]],
) -> int:
    """Opens many records at once, of people who have none; for the operator who moves in a population. Traced each."""
    now = ctx.base.clock()
    decision = decide(F.OPEN, actor, None, CallerRights(), now, ctx.policy)
    if isinstance(decision, Refused):
        raise refusal(decision.rule)
    async with ctx.base.database.transaction() as connection:
        known = await record_store.known_records(connection, [patient_key(ins) for ins, _ in holders])
        records = [
            Record(
                patient_key=patient_key(ins),
                ins=ins,
                state=RecordState.ACTIVE,
                birth_date=birth_date,
                informed_at=now,
                opened_at=now,
            )
            for ins, birth_date in holders
            if patient_key(ins) not in known
        ]
        new = {record.patient_key for record in records}
        await record_store.add_records(connection, records)
        await record_store.put_mandates(
            connection, [(patient_key(ins), mandate) for ins, mandate in mandates if patient_key(ins) in new]
        )
        events = (
            AuditEvent(
                actor=actor,
                action=Action.CREATE,
                transaction=F.OPEN.value,
                patient_key=record.patient_key,
                right=decision.rule,
                detail=Door.JOB.value,
            )
            for record in records
        )
        await ctx.base.audit.record(connection, *events)
    return len(records)


def _opened(record: Record, now: datetime, settings: RecordSettings | None) -> Record:
    return msgspec.structs.replace(
        record,
        state=RecordState.ACTIVE,
        opened_at=now,
        opens_after=None,
        closed_at=None,
        closing_reason=None,
        closing_text="",
        destroyed_after=None,
        settings=settings or record.settings,
    )


async def close_record(ctx: DmpContext, actor: Actor, ins: Ins, reason: ClosingReason, text: str, door: Door) -> Record:
    """TD1.4. See ``DmpService.close_record``; destruction comes after, in its own transaction."""
    async with (
        ctx.attempt(actor, Action.UPDATE, F.CLOSE, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, F.CLOSE, actor, ins, of_record=True, for_change=True)
        if visit.record.state is RecordState.CLOSED:
            raise _already_closed()
        record = msgspec.structs.replace(
            visit.record,
            state=RecordState.CLOSED,
            closed_at=visit.now,
            closing_reason=reason,
            closing_text=text,
            destroyed_after=_years_after(visit.now, ctx.base.settings.closed_record_years),
        )
        await record_store.change_record(connection, record)
        about = visit.now.isoformat()
        told = ("Votre dossier médical est fermé.", "Your medical record is closed.")
        await ctx.tell(connection, visit.key, NoticeKind.RECORD_CLOSED, told, about=about)
        await ctx.trace(connection, visit, Action.UPDATE, F.CLOSE, door, (Subject("reason", reason.value),))
        return record


async def reopen_record(ctx: DmpContext, actor: Actor, ins: Ins, door: Door) -> Record:
    """TD1.2. See ``DmpService.reopen_record``."""
    async with (
        ctx.attempt(actor, Action.UPDATE, F.REOPEN, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, F.REOPEN, actor, ins, of_record=True, for_change=True)
        if (
            visit.record.state is not RecordState.CLOSED
            or await record_store.lock_record(connection, visit.key) is not None
        ):
            raise _found(visit.record)
        record = msgspec.structs.replace(
            visit.record,
            state=RecordState.ACTIVE,
            closed_at=None,
            closing_reason=None,
            closing_text="",
            destroyed_after=None,
        )
        await record_store.change_record(connection, record)
        await ctx.trace(connection, visit, Action.UPDATE, F.REOPEN, door)
        return record


async def destroy(ctx: DmpContext, key: UUID, *, at_once: bool = False) -> bool:
    """Destroys a closed record whose time is over (or ``at_once``): rows go, those of other services too, then the
    key without which objects are unreadable. The state stays, so that the record does not open again by itself.
    Idempotent.
    """
    async with ctx.base.database.transaction() as connection:
        found = await ctx.look(connection, Attempt(), BASE_ACTOR, key, for_change=True)
        record = found.record if found else None
        now = ctx.base.clock()
        is_due = record is not None and record.destroyed_after is not None and record.destroyed_after <= now
        if record is None or record.state is not RecordState.CLOSED or not (is_due or at_once):
            return False
        await record_store.delete_everything(connection, key)
        for forget in ctx.destroyed_with:
            await forget(connection, key)
        await ctx.base.objects.rings.destroy(connection, key)
        gone = Record(
            patient_key=key,
            ins=record.ins,
            state=RecordState.DESTROYED,
            birth_date=None,
            closed_at=record.closed_at,
            closing_reason=record.closing_reason,
        )
        await record_store.change_record(connection, gone)
        await ctx.base.audit.record(
            connection,
            AuditEvent(
                actor=BASE_ACTOR,
                action=Action.DELETE,
                transaction="dmp.destroy",
                patient_key=key,
                right="time-of-keeping-over" if is_due else "express-request",
                detail=Door.JOB.value,
            ),
        )
        return True


async def sweep(ctx: DmpContext) -> int:
    """Opens, destroys and tells what is due. See ``DmpService.sweep``."""
    now, done = ctx.base.clock(), 0
    async with ctx.base.database.connection() as connection:
        to_open = await record_store.records_to_open(connection, now, _SWEPT_AT_ONCE)
        to_destroy = await record_store.records_to_destroy(connection, now, _SWEPT_AT_ONCE)
        waiting = await record_store.awaited_announcements(connection, now, _SWEPT_AT_ONCE)
    for ins in to_open:
        try:
            await open_due(ctx, ins)
            done += 1
        except SocleError:
            continue
    for key in to_destroy:
        done += await destroy(ctx, key)
    for key, logical_id in waiting:
        async with ctx.base.database.transaction() as connection:
            await ctx.tell(connection, key, NoticeKind.AWAITED_ANNOUNCEMENT, _AWAITED, about=str(logical_id))
        done += 1
    return done


async def _change(
    ctx: DmpContext,
    actor: Actor,
    ins: Ins,
    function: Function,
    transaction: str,
    door: Door,
    changed: Callable[[Record], Record],
) -> Record:
    """Changes a record that may not exist yet."""
    async with (
        ctx.attempt(actor, Action.UPDATE, transaction, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        record, rights = await _found_or_added(ctx, connection, attempt, actor, ins, function)
        decision = decide(function, actor, record, rights, ctx.base.clock(), ctx.policy)
        if isinstance(decision, Refused):
            raise refusal(decision.rule, of_record=True)
        after = changed(record)
        if after == record:
            return record
        await record_store.change_record(connection, after)
        if after.state is RecordState.ACTIVE:
            told = ("Votre dossier médical est ouvert.", "Your medical record is open.")
            about = ctx.base.clock().isoformat()
            await ctx.tell(connection, after.patient_key, NoticeKind.RECORD_OPENED, told, about=about)
        await ctx.base.audit.record(
            connection,
            AuditEvent(
                actor=actor,
                action=Action.UPDATE,
                transaction=transaction,
                patient_key=after.patient_key,
                right=decision.rule,
                detail=door.value,
            ),
        )
        return after


async def _found_or_added(
    ctx: DmpContext, connection: Connection, attempt: Attempt, actor: Actor, ins: Ins, function: Function
) -> tuple[Record, CallerRights]:
    found = await ctx.look(connection, attempt, actor, ins, for_change=True)
    if actor.patient is not None and actor.patient != ins:
        raise refusal("credential-of-another-patient", of_record=True)
    if found is None:
        decision = decide(function, actor, None, CallerRights(), ctx.base.clock(), ctx.policy)
        if isinstance(decision, Refused):
            raise refusal(decision.rule, of_record=True)
    identity = await ctx.identities.find(connection, ins)
    if identity is None or identity.sendable_ins != ins:
        raise refusal("identity-not-qualified", of_record=True)
    birth_date = birth_date_of(identity)
    if found is None:
        new = Record(patient_key=patient_key(ins), ins=ins, state=RecordState.NONE, birth_date=birth_date)
        await record_store.add_record(connection, new)
        found = await ctx.look(connection, attempt, actor, ins, for_change=True)
        assert found is not None
    return msgspec.structs.replace(found.record, birth_date=birth_date), found.rights


def _found(record: Record) -> Conflict:
    if record.state is RecordState.CLOSED:
        error = refusal("record-closed", of_record=True)
        return Conflict(error.code, error.reason, remedy=Text("Rouvrez-le (TD1.2).", "Reopen it (TD1.2)."))
    return conflict("DMPFound", "Ce patient a déjà un DMP ouvert.", "This patient already has an open DMP.")


def _already_closed() -> Conflict:
    return conflict("DMPAlreadyClosed", "Ce DMP est déjà fermé.", "This DMP is already closed.")


def _years_after(moment: datetime, years: int) -> datetime:
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:
        return moment.replace(year=moment.year + years, day=28)
