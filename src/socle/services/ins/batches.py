"""Bulk verification (INS4): a lot of claims is taken now and verified later, by whichever INSi the base asks.

Source: identity fact sheet §2.7; decision 0022.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

import msgspec

from socle.platform.actor import Actor
from socle.platform.base import Base
from socle.services.ins import rules, store
from socle.services.ins.domain import Batch, BatchJob, BatchState, Claim, Verdict
from socle.services.ins.rules import Act
from socle.services.ins.teleservice import Insi, Rehearsal, no_rehearsal
from socle.standards.errors import NotFound, Text, TooLarge

#: Largest lot.
MAX_CLAIMS: Final = 50_000
#: How long a lot that is done can be read.
LOTS_KEPT: Final = timedelta(days=30)
#: Claims after which progress is committed.
_CHUNK: Final = 250


class Batches:
    """The lots of this base."""

    def __init__(self, base: Base, insi: Insi, rehearse: Rehearsal = no_rehearsal) -> None:
        self._base = base
        self._insi = insi
        self._rehearse = rehearse

    async def submit(self, actor: Actor, claims: Sequence[Claim]) -> Batch:
        """Takes a lot of claims to verify later. Raises ``TooLarge`` above ``MAX_CLAIMS``."""
        rules.require(actor, Act.QUERY_INSI)
        await self._rehearse("INS4")
        if not 0 < len(claims) <= MAX_CLAIMS:
            raise TooLarge(
                "BatchSize",
                Text(f"Un lot compte de 1 à {MAX_CLAIMS} identités.", f"A lot has 1 to {MAX_CLAIMS} identities."),
            )
        batch = Batch(
            id=uuid4(),
            state=BatchState.WAITING,
            submitted_at=self._base.clock(),
            submitted_by=actor.id,
            total=len(claims),
        )
        async with self._base.database.transaction() as connection:
            await store.QUERIES["add_batch"].execute(
                connection,
                id=batch.id,
                submitted_at=batch.submitted_at,
                submitted_by=actor.id,
                submitter=msgspec.json.encode(actor),
                total=batch.total,
                claims=msgspec.json.encode(claims),
            )
            await self._base.jobs.enqueue(connection, "ins.verify_batch", BatchJob(batch.id))
        return batch

    async def find(self, actor: Actor, batch: UUID) -> Batch:
        """Where a lot is. Raises ``NotFound`` for one that this actor did not submit."""
        rules.require(actor, Act.QUERY_INSI)
        async with self._base.database.transaction(read_only=True) as connection:
            row = await store.QUERIES["find_batch"].row(connection, id=batch)
        if row is None or row["submitted_by"] != actor.id:
            raise _no_such_batch()
        return msgspec.convert(dict(row), Batch)

    async def read_verdicts(self, actor: Actor, batch: UUID) -> list[Verdict]:
        """The verdicts of a lot that is done, in the order of the claims. Raises ``NotFound``."""
        rules.require(actor, Act.QUERY_INSI)
        async with self._base.database.transaction(read_only=True) as connection:
            row = await store.QUERIES["find_verdicts"].row(connection, id=batch, submitted_by=actor.id)
        if row is None:
            raise _no_such_batch()
        return msgspec.json.decode(row["verdicts"], type=list[Verdict])

    async def run(self, batch: UUID) -> None:
        """Verifies a lot, chunk by chunk; started again after a crash, it goes on where it was."""
        while await self._run_chunk(batch):
            pass

    async def _run_chunk(self, batch: UUID) -> bool:
        async with self._base.database.transaction() as connection:
            row = await store.QUERIES["lock_batch"].row(connection, id=batch)
            if row is None or row["state"] == BatchState.DONE:
                return False
            actor = msgspec.json.decode(row["submitter"], type=Actor)
            claims = msgspec.json.decode(row["claims"], type=list[Claim])
            verdicts = msgspec.json.decode(row["verdicts"], type=list[Verdict]) if row["verdicts"] else []
            chunk = claims[len(verdicts) : len(verdicts) + _CHUNK]
            answers = await self._insi.verify_all(actor, chunk)
            verdicts += [Verdict(claim.id, is_right) for claim, is_right in zip(chunk, answers, strict=True)]
            is_done = len(verdicts) == len(claims)
            await store.QUERIES["advance_batch"].execute(
                connection,
                id=batch,
                state=BatchState.DONE if is_done else BatchState.RUNNING,
                done=len(verdicts),
                wrong=sum(not verdict.is_right for verdict in verdicts),
                verdicts=msgspec.json.encode(verdicts),
                finished_at=self._base.clock() if is_done else None,
            )
        return not is_done

    async def erase_old(self) -> int:
        """Erases lots that were done ``LOTS_KEPT`` ago; returns how many."""
        async with self._base.database.transaction() as connection:
            before = self._base.clock() - LOTS_KEPT
            return await store.QUERIES["remove_old_batches"].execute(connection, before=before)


def _no_such_batch() -> NotFound:
    return NotFound("NoSuchBatch", Text("Ce lot n'existe pas ou n'est pas terminé.", "No such lot, or it is not done."))
