"""Accesses that holders do not recognise, seen by who runs the base: each is looked at, and answered to the holder.

What is shown names who had access, never whose record it is.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from socle.platform.actor import Actor, ActorKind
from socle.platform.audit import Action, AuditEvent, Trace
from socle.platform.database import Connection, Queries
from socle.services.dmp.context import DmpContext
from socle.services.dmp.domain import Door, NoticeKind, Report
from socle.services.dmp.errors import invalid
from socle.services.dmp.notices import OPERATOR_RECIPIENT
from socle.services.dmp.traces import line_of
from socle.standards.errors import Forbidden, NotFound, Text

QUERIES: Final = Queries("socle.services.dmp", "reports.sql")
_RIGHT: Final = "operator"


async def list_reports(ctx: DmpContext, actor: Actor, count: int) -> list[Report]:
    """Reports without an answer first. See ``DmpService.list_reports``."""
    _require_operator(actor)
    async with ctx.base.database.transaction() as connection:
        rows = await QUERIES["list_reports"].rows(connection, count=count)
        found = [
            Report(
                patient_key=row["patient_key"],
                sequence=row["sequence"],
                at=row["at"],
                text_fr=row["text_fr"],
                text_en=row["text_en"],
                words=await ctx.words_of(connection, row["patient_key"], row["notice_id"], row["sealed_words"]),
                access=line_of(trace, ctx.policy.matrix, {}) if trace is not None else None,
                answer=await ctx.words_of(connection, row["patient_key"], row["answer_id"], row["sealed_answer"]),
                answered_at=row["answered_at"],
            )
            for row in rows
            for trace in [await _trace(ctx, connection, row["patient_key"], row["sequence"])]
        ]
        await ctx.trace_alone(connection, actor, Action.READ, "report.list", Door.PORTAL, _RIGHT)
    return found


async def answer_report(ctx: DmpContext, actor: Actor, key: UUID, sequence: int, text: str) -> None:
    """Tells the holder what was found, once. See ``DmpService.answer_report``."""
    _require_operator(actor)
    if not text.strip():
        raise invalid("EmptyAnswer", "Écrivez votre réponse.", "Write your answer.", location="text")
    kind = NoticeKind.ACCESS_REPORTED
    async with ctx.base.database.transaction() as connection:
        names = {"patient_key": key, "dedupe_key": f"{kind.value}:{sequence}:{OPERATOR_RECIPIENT}"}
        if await QUERIES["find_report"].row(connection, **names) is None:
            raise NotFound("ReportNotFound", Text("Ce signalement n'existe pas.", "There is no such report."))
        said = ("Réponse à votre signalement :", "Answer to your report:")
        await ctx.tell(connection, key, kind, said, about=str(sequence), words=text.strip())
        event = AuditEvent(
            actor=actor, action=Action.UPDATE, transaction="report.answer", patient_key=key, right=_RIGHT
        )
        await ctx.base.audit.record(connection, event)


async def _trace(ctx: DmpContext, connection: Connection, key: UUID, sequence: int) -> Trace | None:
    found = await ctx.base.audit.of_patient(connection, key, before=sequence + 1, count=1)
    return found[0] if found and found[0].sequence == sequence else None


def _require_operator(actor: Actor) -> None:
    if actor.kind is not ActorKind.OPERATOR:
        raise Forbidden("OperatorOnly", Text("Réservé à l'exploitant.", "For the operator alone."))
