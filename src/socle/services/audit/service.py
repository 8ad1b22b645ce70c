"""Who may read which traces, and traces that other software feeds. The chain itself is ``socle.platform.audit``.

The holder's side and the médecin traitant read those of a record, as ``DmpService.access_history`` decides; anybody
reads their own; the operator reads all. Reading traces leaves a trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from socle.platform.actor import CITIZENS, Actor, ActorKind
from socle.platform.audit import BEGINNING, END, Action, AuditEvent, Subject, Trace
from socle.platform.base import Base
from socle.platform.patient_key import patient_key
from socle.services.dmp.domain import AccessLine, AuthorizationStatus, Door
from socle.services.dmp.service import DmpService
from socle.standards.errors import Forbidden, NotFound, SocleError, Text
from socle.standards.ids.ins import Ins

#: Transactions of traces that others fed start so; the rest is theirs.
FED: Final = "ITI-20:"
#: Most traces that one page looks through.
SCANNED: Final = 1_000

_FEEDERS: Final = frozenset({ActorKind.PROFESSIONAL, ActorKind.SYSTEM, ActorKind.OPERATOR})


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """Which traces: of ``patient`` if named, from ``since`` to ``until``, after the first ``skip`` (or ``before``)."""

    patient: Ins | None = None
    since: datetime = BEGINNING
    until: datetime = END
    before: int = 2**62
    skip: int = 0


class Batch(msgspec.Struct, frozen=True):
    """Traces in order, newest first; the window that gives the same again, and that of what follows, if any."""

    traces: list[Trace]
    window: Window
    following: Window | None


class AuditService:
    """Reading and feeding traces."""

    def __init__(self, base: Base, dmp: DmpService) -> None:
        self.base = base
        self._dmp = dmp

    async def read_batch(self, actor: Actor, window: Window, *, is_first: bool = True) -> Batch:
        """The next traces that ``actor`` may see; the first batch of a search leaves a trace.

        Raises ``Forbidden``, or what the DMP refuses.
        """
        if window.patient is not None:
            return await self._of_record(actor, window, window.patient)
        if actor.kind in CITIZENS:
            if actor.patient is None:
                raise _record_needed()
            return await self._of_record(actor, window, actor.patient)
        is_operator = actor.kind is ActorKind.OPERATOR
        async with self.base.database.transaction() as connection:
            if is_first:
                right = "operator" if is_operator else "own-traces"
                await self.base.audit.record(connection, _reading(actor, right))
            if is_operator:
                found = await self.base.audit.of_all(
                    connection, since=window.since, until=window.until, count=SCANNED, skip=window.skip
                )
            else:
                found = await self.base.audit.of_actor(
                    connection, actor.id, since=window.since, until=window.until, count=SCANNED, skip=window.skip
                )
        return Batch(found, window, _after(window, found))

    async def read_one(self, actor: Actor, chain: UUID, sequence: int) -> Trace:
        """One trace by its place. Raises ``NotFound`` if there is none for this actor."""
        async with self.base.database.transaction() as connection:
            found = await self.base.audit.of_patient(connection, chain, before=sequence + 1, count=1)
        trace = next((trace for trace in found if trace.sequence == sequence), None)
        readable = await self._as_read_by(actor, trace) if trace is not None else None
        if readable is None:
            raise NotFound("FHIRNotFound", Text("Il n'y a pas de trace de ce nom.", "There is no such trace."))
        return readable

    async def _as_read_by(self, actor: Actor, trace: Trace) -> Trace | None:
        if trace.event.actor.id == actor.id or actor.kind is ActorKind.OPERATOR:
            async with self.base.database.transaction() as connection:
                await self.base.audit.record(connection, _reading(actor, "own-traces"))
            return trace
        if actor.patient is None or trace.chain != patient_key(actor.patient):
            return None
        try:
            lines = await self._dmp.access_history(
                actor, actor.patient, before=trace.sequence + 1, count=1, door=Door.FHIR
            )
        except SocleError:
            return None
        return next((_as_told(trace, line) for line in lines if line.sequence == trace.sequence), None)

    async def _of_record(self, actor: Actor, window: Window, patient: Ins) -> Batch:
        if actor.kind is ActorKind.OPERATOR:
            raise Forbidden(
                "DMPAccessForbidden",
                Text("L'opérateur ne cherche pas par patient.", "The operator does not search by patient."),
            )
        span = {"before": window.before, "since": window.since, "until": window.until, "count": SCANNED}
        lines = await self._dmp.access_history(actor, patient, door=Door.FHIR, **span)  # type: ignore[arg-type]
        told = {line.sequence: line for line in lines}
        async with self.base.database.transaction() as connection:
            found = await self.base.audit.of_patient(connection, patient_key(patient), **span)  # type: ignore[arg-type]
        traces = [_as_told(trace, told[trace.sequence]) for trace in found if trace.sequence in told]
        pinned = msgspec.structs.replace(window, before=traces[0].sequence + 1) if traces else window
        return Batch(traces, pinned, _after(window, found))

    async def feed(self, actor: Actor, transaction: str, action: Action, patient: Ins | None, event: bytes) -> Trace:
        """Keeps a trace of another system, whole, in the chain of its patient (or of who feeds it).

        A professional feeds the chain of a patient who authorised them; software of a structure feeds any, for it
        traces what was refused to it too. Raises ``Forbidden``, ``NotFound``.
        """
        if actor.kind not in _FEEDERS:
            raise _may_not_feed("Ce compte ne dépose pas de traces.", "This account does not feed traces.")
        if patient is not None and actor.kind is ActorKind.PROFESSIONAL:
            status = await self._dmp.record_status(actor, patient, door=Door.FHIR)
            if status.authorization is not AuthorizationStatus.VALIDE:
                raise _may_not_feed("Ce patient ne vous a pas autorisé.", "This patient has not authorised you.")
        recorded = AuditEvent(
            actor=actor,
            action=action,
            transaction=FED + transaction,
            patient_key=patient_key(patient) if patient else None,
            right="feed",
            subjects=(Subject("trace", transaction),),
            detail=event.decode(),
        )
        async with self.base.database.transaction() as connection:
            await self.base.audit.record(connection, recorded)
            (last,) = await self.base.audit.of_patient(connection, recorded.chain_key, count=1)
        return last


def _after(window: Window, found: Sequence[Trace]) -> Window | None:
    if len(found) < SCANNED:
        return None
    return msgspec.structs.replace(window, before=found[-1].sequence, skip=window.skip + len(found))


def _as_told(trace: Trace, line: AccessLine) -> Trace:
    """The trace without the documents that its reader may not know of."""
    subjects = tuple(one for one in trace.event.subjects if one.type != "document" or one.id in line.documents)
    return Trace(trace.chain, trace.sequence, msgspec.structs.replace(trace.event, subjects=subjects))


def _reading(actor: Actor, right: str) -> AuditEvent:
    return AuditEvent(actor=actor, action=Action.READ, transaction="ITI-81", right=right)


def _may_not_feed(fr: str, en: str) -> Forbidden:
    return Forbidden("AuditFeedForbidden", Text(fr, en), requirement="TdE 2.0.0; ITI-20")


def _record_needed() -> SocleError:
    return Forbidden(
        "DMPAccessForbidden",
        Text("Dites de quel patient (patient.identifier).", "Say of which patient (patient.identifier)."),
    )
