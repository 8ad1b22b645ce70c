"""Traces: what was done, by whom, under which right, kept in a chain of hashes for each patient.

The hashes, and what checks them without the base, are ``audit_proof``. A trace is appended in the transaction of what
it tells, so neither exists without the other.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from socle.platform.actor import Actor
from socle.platform.audit_proof import GENESIS, ChainExport, ExportedTrace, SignedHead, next_hash
from socle.platform.clock import Clock
from socle.platform.database import Connection, Database, Queries
from socle.platform.patient_key import owner_key

QUERIES = Queries("socle.platform", "audit.sql")

BEGINNING: Final = datetime(1900, 1, 1, tzinfo=UTC)
END: Final = datetime(9999, 1, 1, tzinfo=UTC)


class Action(StrEnum):
    """What was done (DICOM audit event action codes)."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class Outcome(IntEnum):
    """How it ended (DICOM audit event outcome indicators)."""

    SUCCESS = 0
    #: Refused by a rule or an invalid request.
    MINOR_FAILURE = 4
    SERIOUS_FAILURE = 8
    MAJOR_FAILURE = 12


class Subject(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that was touched: ``type`` is ``document``, ``submission-set``, ``query``, ``authorization`` …"""

    type: str
    id: str
    label: str = ""


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One trace. ``transaction`` is the standard's id (``ITI-41``, ``TD0.3``) or our own (``portal.read``, ``login``).

    ``patient_key`` is ``None`` when no patient is concerned; the trace is then chained under its actor.
    ``right`` names the rule that allowed or refused. ``recorded`` is set by the trail.
    """

    actor: Actor
    action: Action
    transaction: str
    patient_key: UUID | None = None
    outcome: Outcome = Outcome.SUCCESS
    right: str = ""
    subjects: tuple[Subject, ...] = ()
    detail: str = ""
    #: Hidden from the patient's legal representatives (connexion secrète).
    is_secret: bool = False
    recorded: datetime | None = None
    #: Random, so that the digest of a trace cannot be guessed from what it may say. Set by the trail.
    salt: str = ""

    @property
    def chain_key(self) -> UUID:
        """The chain to which this trace belongs."""
        return self.patient_key or owner_key("actor", self.actor.id)


class Trace(msgspec.Struct, frozen=True):
    """A trace read back, with its chain and its place in it."""

    chain: UUID
    sequence: int
    event: AuditEvent


class Verification(msgspec.Struct, frozen=True):
    """How many chains were recomputed, and those that are not whole, with what is wrong."""

    checked: int
    faults: dict[UUID, str]


class AuditTrail:
    """Appends traces, reads them, checks them."""

    def __init__(self, database: Database, clock: Clock, signing_key: Ed25519PrivateKey, *, kept_years: int) -> None:
        self._database = database
        self._clock = clock
        self._signing_key = signing_key
        self._kept_years = kept_years

    @property
    def public_key(self) -> str:
        """The key that checks signed heads, hexadecimal."""
        return self._signing_key.public_key().public_bytes_raw().hex()

    async def record(self, connection: Connection, *events: AuditEvent) -> None:
        """Appends ``events`` in the caller's transaction. Call it last: it locks the patient's chain until the end."""
        now = self._clock()
        rows: list[dict[str, object]] = [
            {
                "patient_key": event.chain_key,
                "genesis": GENESIS,
                "event": msgspec.json.encode(
                    msgspec.structs.replace(event, recorded=now, salt=secrets.token_hex(8)), order="deterministic"
                ),
                "recorded_at": now,
                "actor_id": event.actor.id,
                "transaction": event.transaction,
                "action": event.action.value,
                "outcome": event.outcome.value,
            }
            for event in events
        ]
        if len(rows) == 1:
            await QUERIES["append"].execute(connection, **rows[0])
        else:
            await QUERIES["append"].execute_many(connection, rows)

    async def record_alone(self, *events: AuditEvent) -> None:
        """Appends ``events`` in a transaction of their own: for refusals, whose own transaction is rolled back."""
        async with self._database.transaction() as connection:
            await self.record(connection, *events)

    async def of_patient(
        self,
        connection: Connection,
        patient_key: UUID,
        *,
        before: int = 2**62,
        since: datetime = BEGINNING,
        until: datetime = END,
        count: int = 100,
        without: Sequence[str] = (),
    ) -> list[Trace]:
        """Traces of one patient, newest first, below the sequence number ``before``, but for those of ``without``."""
        rows = await QUERIES["find_by_patient"].rows(
            connection,
            patient_key=patient_key,
            before=before,
            since=since,
            until=until,
            count=count,
            without=list(without),
        )
        return [Trace(patient_key, row["sequence"], _decode(row["event"])) for row in rows]

    async def of_actor(
        self,
        connection: Connection,
        actor_id: str,
        *,
        since: datetime = BEGINNING,
        until: datetime = END,
        count: int = 100,
        skip: int = 0,
    ) -> list[Trace]:
        """What one actor did, newest first."""
        rows = await QUERIES["find_by_actor"].rows(
            connection, actor_id=actor_id, since=since, until=until, count=count, skip=skip
        )
        return [Trace(row["patient_key"], row["sequence"], _decode(row["event"])) for row in rows]

    async def of_all(
        self, connection: Connection, *, since: datetime, until: datetime = END, count: int = 100, skip: int = 0
    ) -> list[Trace]:
        """What everybody did in a span of time, newest first (operator's export)."""
        rows = await QUERIES["find_by_time"].rows(connection, since=since, until=until, count=count, skip=skip)
        return [Trace(row["patient_key"], row["sequence"], _decode(row["event"])) for row in rows]

    async def verify(self, connection: Connection, patient_key: UUID) -> str:
        """Recomputes the chain of one patient: ``""`` if it is whole, else what is wrong."""
        head = await QUERIES["find_head"].row(connection, patient_key=patient_key)
        first = await QUERIES["find_first"].row(connection, patient_key=patient_key)
        last, expected = 0, GENESIS
        if first is None or first["sequence"] > 1:
            kept = await self._forgotten_until(connection, patient_key, first["sequence"] - 1 if first else None)
            if kept is not None:
                last, expected = kept.sequence, kept.hash
            elif first is not None:
                return f"trace {first['sequence'] - 1} is missing"
        while rows := await QUERIES["read_chain"].rows(connection, patient_key=patient_key, after=last, count=1000):
            for row in rows:
                if row["sequence"] != last + 1:
                    return f"trace {last + 1} is missing"
                last, expected = row["sequence"], next_hash(expected, row["event"])
                if row["hash"] != expected:
                    return f"trace {last} was altered"
        if head is None:
            return "" if last == 0 else "the head is missing"
        return "" if (head["sequence"], head["hash"]) == (last, expected) else "the head does not match"

    async def _forgotten_until(
        self, connection: Connection, patient_key: UUID, sequence: int | None
    ) -> SignedHead | None:
        """The head up to which traces were forgotten in due time; ``None`` for ``sequence``: the last such head."""
        key, before = self._signing_key.public_key(), self._forgotten_before()
        heads = await self._heads(connection, patient_key)
        due = [head for head in heads if head.day < before and sequence in {None, head.sequence}]
        return due[-1] if due and due[-1].is_signed_by(key) else None

    def _forgotten_before(self) -> date:
        today = self._clock().date()
        try:
            return today.replace(year=today.year - self._kept_years)
        except ValueError:
            return today.replace(year=today.year - self._kept_years, day=28)

    async def _heads(self, connection: Connection, patient_key: UUID) -> list[SignedHead]:
        rows = await QUERIES["find_daily_heads"].rows(connection, patient_key=patient_key)
        return [SignedHead(patient_key, row["day"], row["sequence"], row["hash"], row["signature"]) for row in rows]

    async def verify_all(self) -> Verification:
        """Recomputes every chain."""
        faults: dict[UUID, str] = {}
        checked = 0
        after = UUID(int=0)
        async with self._database.transaction(read_only=True) as connection:
            while heads := await QUERIES["list_heads"].rows(connection, after=after, count=1000):
                for head in heads:
                    checked += 1
                    after = head["patient_key"]
                    if fault := await self.verify(connection, after):
                        faults[after] = fault
        return Verification(checked, faults)

    async def sign_heads(self) -> int:
        """Signs the head of each chain that grew since it was last signed; returns how many."""
        day, after, done = self._clock().date(), UUID(int=0), 0
        while True:
            async with self._database.transaction() as connection:
                rows = await QUERIES["heads_to_sign"].rows(connection, after=after, count=1000)
                if not rows:
                    return done
                after, done = rows[-1]["patient_key"], done + len(rows)
                await self._sign(connection, rows, day)

    async def _sign(self, connection: Connection, rows: Sequence[asyncpg.Record], day: date) -> None:
        heads = [SignedHead(row["patient_key"], day, row["sequence"], row["hash"], b"") for row in rows]
        await QUERIES["add_daily_head"].execute_many(
            connection,
            [
                {
                    "patient_key": head.patient_key,
                    "day": head.day,
                    "sequence": head.sequence,
                    "hash": head.hash,
                    "signature": self._signing_key.sign(head.statement()),
                }
                for head in heads
            ],
        )

    async def forget(self) -> int:
        """Forgets the traces whose years of keeping are over: up to the last head signed before; returns how many.

        That head stays, and the chain is checked from it on.
        """
        before, after, done = self._forgotten_before(), UUID(int=0), 0
        while True:
            async with self._database.transaction() as connection:
                rows = await QUERIES["chains_to_shorten"].rows(connection, before=before, after=after, count=1000)
                if not rows:
                    return done
                after = rows[-1]["patient_key"]
                for row in rows:
                    until = {"patient_key": row["patient_key"], "sequence": row["sequence"]}
                    done += await QUERIES["forget_traces"].execute(connection, **until)
                    await QUERIES["forget_heads"].execute(connection, **until)

    async def export(
        self, connection: Connection, patient_key: UUID, may_show: Callable[[Trace], bool] = lambda _: True
    ) -> ChainExport:
        """The whole chain of one patient with its heads, signed up to now; what may not be shown is its digest."""
        head = await QUERIES["find_head"].row(connection, patient_key=patient_key)
        if head is not None:
            row = {"patient_key": patient_key, **dict(head)}
            await self._sign(connection, [row], self._clock().date())  # type: ignore[list-item]
        traces: list[ExportedTrace] = []
        first = after = 0
        while rows := await QUERIES["read_chain"].rows(connection, patient_key=patient_key, after=after, count=1000):
            for row_read in rows:
                after, event = row_read["sequence"], row_read["event"]
                first = first or after
                is_shown = may_show(Trace(patient_key, after, _decode(event)))
                traces.append(
                    ExportedTrace(text=event.decode())
                    if is_shown
                    else ExportedTrace(digest=hashlib.sha256(event).hexdigest())
                )
        heads = await self._heads(connection, patient_key)
        return ChainExport(
            patient_key=patient_key,
            public_key=self.public_key,
            first=first or (heads[-1].sequence + 1 if heads else 1),
            traces=traces,
            heads=heads,
        )


def load_signing_key(path: Path) -> Ed25519PrivateKey:
    """The base's key for signing heads, in the PEM file ``path`` (mode 600), created if it does not exist."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = Ed25519PrivateKey.generate()
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return key
    key_read = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key_read, Ed25519PrivateKey):
        raise TypeError(f"{path} is not an Ed25519 key")
    return key_read


def _decode(event: bytes) -> AuditEvent:
    return msgspec.json.decode(event, type=AuditEvent)
