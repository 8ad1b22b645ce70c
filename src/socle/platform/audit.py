"""Traces: what was done, by whom, under which right, kept in a chain of hashes for each patient.

The hash of a trace is SHA-256 of the hash before it followed by the trace's JSON; the first follows ``GENESIS``.
A trace is appended in the transaction of what it tells, so neither exists without the other.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from socle.platform.actor import Actor
from socle.platform.clock import Clock
from socle.platform.database import Connection, Database, Queries
from socle.platform.patient_key import owner_key

QUERIES = Queries("socle.platform", "audit.sql")

GENESIS: Final = bytes(32)
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

    @property
    def chain_key(self) -> UUID:
        """The chain to which this trace belongs."""
        return self.patient_key or owner_key("actor", self.actor.id)


class Trace(msgspec.Struct, frozen=True):
    """A trace read back, with its chain and its place in it."""

    chain: UUID
    sequence: int
    event: AuditEvent


class SignedHead(msgspec.Struct, frozen=True):
    """The head of a chain on a day. ``signature`` is Ed25519 over ``statement()``."""

    patient_key: UUID
    day: date
    sequence: int
    hash: bytes
    signature: bytes

    def statement(self) -> bytes:
        """What is signed."""
        return f"socle-audit|{self.patient_key}|{self.day}|{self.sequence}|{self.hash.hex()}".encode()


class Verification(msgspec.Struct, frozen=True):
    """How many chains were recomputed, and those that are not whole, with what is wrong."""

    checked: int
    faults: dict[UUID, str]


class ChainExport(msgspec.Struct, frozen=True):
    """All that is needed to check a patient's traces offline. ``events`` are the exact JSON texts, oldest first."""

    patient_key: UUID
    public_key: str
    events: list[str]
    heads: list[SignedHead]


def next_hash(previous: bytes, event: bytes) -> bytes:
    """The hash of the trace ``event`` that follows one whose hash is ``previous``."""
    return hashlib.sha256(previous + event).digest()


def check_export(export: ChainExport, trusted_key: str = "") -> list[str]:
    """What is wrong with ``export``: nothing if each signed head is the hash of the traces before it.

    ``trusted_key`` is the base's public key (hexadecimal) got from elsewhere; without it the export's own is used.
    """
    faults = []
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(trusted_key or export.public_key))
    hashes = [GENESIS]
    for event in export.events:
        hashes.append(next_hash(hashes[-1], event.encode()))
    for head in export.heads:
        try:
            public.verify(head.signature, head.statement())
        except InvalidSignature:
            faults.append(f"{head.day}: signature")
            continue
        if head.patient_key != export.patient_key:
            faults.append(f"{head.day}: patient")
        elif head.sequence >= len(hashes):
            faults.append(f"{head.day}: {head.sequence - len(hashes) + 1} missing")
        elif hashes[head.sequence] != head.hash:
            faults.append(f"{head.day}: altered")
    return faults


class AuditTrail:
    """Appends traces, reads them, checks them."""

    def __init__(self, database: Database, clock: Clock, signing_key: Ed25519PrivateKey) -> None:
        self._database = database
        self._clock = clock
        self._signing_key = signing_key

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
                "event": msgspec.json.encode(msgspec.structs.replace(event, recorded=now), order="deterministic"),
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
    ) -> list[Trace]:
        """Traces of one patient, newest first, below the sequence number ``before``."""
        rows = await QUERIES["find_by_patient"].rows(
            connection, patient_key=patient_key, before=before, since=since, until=until, count=count
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
        expected, last = GENESIS, 0
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

    async def export(self, connection: Connection, patient_key: UUID) -> ChainExport:
        """The whole chain of one patient with its signed heads."""
        events: list[str] = []
        while rows := await QUERIES["read_chain"].rows(
            connection, patient_key=patient_key, after=len(events), count=1000
        ):
            events += [row["event"].decode() for row in rows]
        heads = await QUERIES["find_daily_heads"].rows(connection, patient_key=patient_key)
        return ChainExport(
            patient_key,
            self.public_key,
            events,
            [SignedHead(patient_key, row["day"], row["sequence"], row["hash"], row["signature"]) for row in heads],
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
