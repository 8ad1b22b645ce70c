"""What every use case of identities does: find one or refuse, write it with its history and its trace, compare it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from msgspec.structs import replace

from socle.platform.actor import Actor
from socle.platform.audit import Action, AuditEvent, Subject
from socle.platform.base import Base
from socle.platform.database import Connection
from socle.platform.patient_key import patient_key
from socle.services.ins import rules, store
from socle.services.ins.domain import Identity, MatchLevel, Person, SearchResult
from socle.services.ins.matching import assess
from socle.standards.errors import NotFound, Text
from socle.standards.ids.ins import Ins
from socle.standards.ids.status import IdentityStatus, Reliability


class Records:
    """Identities as they are read and written, each time in the caller's transaction."""

    def __init__(self, base: Base) -> None:
        self._base = base

    async def existing(self, connection: Connection, local_id: str, domain: str, *, lock: bool = False) -> Identity:
        """The identity under ``local_id``. Raises ``NotFound``.

        The lock is on the local id, not on the row: a change writes the row anew, and whoever waits must see that one.
        """
        rules.check_local_id(local_id, domain)
        if lock:
            await store.lock_local_id(connection, local_id, domain)
        identity = await store.find_identity(connection, local_id, domain)
        if identity is None:
            raise NotFound("NoSuchIdentity", Text("Cette identité n'existe pas.", "No such identity."))
        return identity

    async def save(
        self,
        connection: Connection,
        actor: Actor,
        event: str,
        before: Identity | None,
        after: Identity,
        evidence: str = "",
        evidence_date: date | None = None,
    ) -> None:
        """Writes ``after`` in the place of ``before``, under the key that it has now, with a line of history."""
        if before is not None:
            await store.remove_identity(connection, before)
        await store.add_identity(connection, after)
        await store.add_change(
            connection,
            at=self._base.clock(),
            actor=actor.id,
            event=event,
            before=before,
            after=after,
            evidence=evidence,
            evidence_date=evidence_date,
        )

    async def trace(
        self, connection: Connection, actor: Actor, action: Action, transaction: str, right: str, *keys: UUID | None
    ) -> None:
        """One trace in the chain of each of ``keys``, last in the transaction.

        Chains are locked in the order of their keys, so that two transactions cannot wait for each other.
        """
        for key in sorted(set(keys), key=str):
            event = AuditEvent(actor=actor, action=action, transaction=transaction, patient_key=key, right=right)
            await self._base.audit.record(connection, event)

    async def trace_result(
        self, connection: Connection, actor: Actor, operation: str, right: str, result: SearchResult
    ) -> None:
        """The trace of what INSi answered to a search: in the chain of the person found, if one was."""
        event = AuditEvent(
            actor=actor,
            action=Action.READ,
            transaction=operation,
            patient_key=patient_key(result.person.ins) if result.person else None,
            right=right,
            subjects=(Subject("insi-result", result.code),),
        )
        await self._base.audit.record(connection, event)

    async def trace_verdicts(
        self,
        connection: Connection,
        actor: Actor,
        operation: str,
        right: str,
        verdicts: Sequence[tuple[Ins | None, bool]],
    ) -> None:
        """The trace of each verification, in the chain of who bears the INS, if anybody; in the order of chains."""
        keyed = [(patient_key(ins) if ins else None, "OK" if is_right else "KO") for ins, is_right in verdicts]
        for key, answer in sorted(keyed, key=str):
            event = AuditEvent(
                actor=actor,
                action=Action.EXECUTE,
                transaction=operation,
                patient_key=key,
                right=right,
                subjects=(Subject("ins-verification", answer),),
            )
            await self._base.audit.record(connection, event)

    async def propose(self, connection: Connection, identity: Identity) -> None:
        """Links ``identity`` to those that may be the same person, unless a person decided otherwise."""
        for candidate in await store.find_candidates(connection, identity):
            match = assess(identity, candidate)
            if match.level is not MatchLevel.NONE:
                await store.put_auto_link(connection, identity, candidate, match)

    async def propose_holder(self, connection: Connection, person: Person, local_id: str, domain: str) -> None:
        """Links the identity under ``local_id`` to the one that holds the INS which it claims."""
        holder = await store.find_holder(connection, person.ins, domain)
        claimant = await store.find_identity(connection, local_id, domain)
        if holder and claimant:
            known = replace(claimant, ins=person.ins, reliability=Reliability(IdentityStatus.RETRIEVED))
            await store.put_auto_link(connection, holder, claimant, assess(holder, known))
