"""INSi: searches by traits and by card, verification, one by one and in bulk, on the base of persons known.

``Insi`` is the port that local identities use; ``Teleservice`` answers from this base (sandbox, small deployments),
``socle.services.ins.remote`` asks the national service instead.

Source: identity fact sheet §1.9, §2.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from typing import Final, Protocol
from uuid import UUID, uuid4

import msgspec
from msgspec.structs import replace

from socle.platform.actor import Actor
from socle.platform.audit import Action, AuditEvent, Outcome, Subject
from socle.platform.base import Base
from socle.platform.database import Connection
from socle.platform.patient_key import patient_key
from socle.platform.switches import Switches, no_switches
from socle.services.ins import rules, store
from socle.services.ins.domain import (
    Batch,
    BatchJob,
    BatchState,
    Card,
    Claim,
    Person,
    ResultCode,
    SearchResult,
    TraitsQuery,
    Verdict,
)
from socle.services.ins.rules import Act
from socle.standards.errors import InvalidContent, NotFound, SocleError, Text, TooLarge
from socle.standards.ids.ins import Ins
from socle.standards.ids.traits import BirthDate, Traits, parse_birth_date, parse_cog, parse_name

#: Largest lot of a bulk verification.
MAX_CLAIMS: Final = 50_000
#: How long a lot that is done can be read.
LOTS_KEPT: Final = timedelta(days=30)
#: Claims that one transaction of a bulk verification treats.
_CHUNK: Final = 500

#: Called with the name of an operation before it is answered: the sandbox makes INSi slow, or refuses, with it.
Rehearsal = Callable[[str], Awaitable[None]]


class Insi(Protocol):
    """What whoever keeps identities needs of INSi."""

    async def search_by_traits(self, actor: Actor, query: TraitsQuery) -> SearchResult:
        """INS2."""
        ...

    async def verify(self, actor: Actor, claim: Claim) -> bool:
        """INS3."""
        ...


async def search_as_required(insi: Insi, actor: Actor, query: TraitsQuery) -> SearchResult:
    """The search that the qualification demands: once a first name, in order, then all together; stops at ``00``.

    Source: identity fact sheet §2.4.
    """
    result = SearchResult(ResultCode.NONE)
    for name in query.given_names:
        result = await insi.search_by_traits(actor, replace(query, given_names=(name,)))
        if result.code is ResultCode.OK:
            return result
    if len(query.given_names) > 1:
        result = await insi.search_by_traits(actor, replace(query, given_names=(" ".join(query.given_names),)))
    return result


class Teleservice:
    """INSi on this base's own persons. Each answer leaves a trace, in the person's chain when it is about one."""

    def __init__(self, base: Base, rehearse: Rehearsal | None = None, switches: Switches = no_switches) -> None:
        self._base = base
        self._rehearse = rehearse
        self._switches = switches

    async def _prepare(self, actor: Actor, operation: str) -> str:
        right = rules.require(actor, Act.QUERY_INSI)
        if self._rehearse:
            await self._rehearse(operation)
        return right

    async def search_by_traits(self, actor: Actor, query: TraitsQuery) -> SearchResult:
        """INS2: ``00`` and the person when one alone has these traits, ``01`` when none has, ``02`` when several have.

        Raises ``InvalidContent`` when a trait is missing or wrong.
        """
        right = await self._prepare(actor, "INS2")
        query = check_query(query)
        async with self._base.database.transaction() as connection:
            persons = await store.search_persons(connection, query)
            persons = [person for person in persons if rules.bears_given_names(person, query.given_names)]
            return await self._answer(connection, actor, "INS2", right, persons)

    async def search_by_card(self, actor: Actor, card: Card) -> SearchResult:
        """INS1: the person to whom a carte Vitale leads. The card itself never becomes an identity."""
        right = await self._prepare(actor, "INS1")
        async with self._base.database.transaction() as connection:
            persons = await store.search_cards(connection, card)
            return await self._answer(connection, actor, "INS1", right, persons)

    async def _answer(
        self, connection: Connection, actor: Actor, operation: str, right: str, persons: list[Person]
    ) -> SearchResult:
        codes = (ResultCode.NONE, ResultCode.OK)
        result = SearchResult(
            codes[len(persons)] if len(persons) < len(codes) else ResultCode.SEVERAL,
            await store.with_history(connection, persons[0]) if len(persons) == 1 else None,
        )
        await self._base.audit.record(
            connection,
            AuditEvent(
                actor=actor,
                action=Action.READ,
                transaction=operation,
                patient_key=patient_key(result.person.ins) if result.person else None,
                right=right,
                subjects=(Subject("insi-result", result.code),),
            ),
        )
        return _distorted(result) if self._switches().wrong_traits else result

    async def verify(self, actor: Actor, claim: Claim) -> bool:
        """INS3: whether matricule, authority and the five traits are all exactly those in force."""
        right = await self._prepare(actor, "INS3")
        async with self._base.database.transaction() as connection:
            return await self._verify(connection, actor, right, "INS3", claim)

    async def _verify(self, connection: Connection, actor: Actor, right: str, operation: str, claim: Claim) -> bool:
        ins = Ins(claim.matricule, claim.oid)
        person = await store.find_person(connection, ins)
        is_right = person is not None and person.traits.five == claimed_traits(claim)
        await self._base.audit.record(
            connection,
            AuditEvent(
                actor=actor,
                action=Action.EXECUTE,
                transaction=operation,
                patient_key=patient_key(ins) if person else None,
                outcome=Outcome.SUCCESS,
                right=right,
                subjects=(Subject("ins-verification", "OK" if is_right else "KO"),),
            ),
        )
        return is_right

    async def submit_batch(self, actor: Actor, claims: Sequence[Claim]) -> Batch:
        """INS4: takes a lot of claims to verify later. Raises ``TooLarge`` above ``MAX_CLAIMS``."""
        await self._prepare(actor, "INS4")
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

    async def find_batch(self, actor: Actor, batch: UUID) -> Batch:
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

    async def run_batch(self, batch: UUID) -> None:
        """Verifies a lot, chunk by chunk; started again after a crash, it goes on where it was."""
        while await self._run_chunk(batch):
            pass

    async def _run_chunk(self, batch: UUID) -> bool:
        async with self._base.database.transaction() as connection:
            row = await store.QUERIES["lock_batch"].row(connection, id=batch)
            if row is None or row["state"] == BatchState.DONE:
                return False
            actor = msgspec.json.decode(row["submitter"], type=Actor)
            right = rules.require(actor, Act.QUERY_INSI)
            claims = msgspec.json.decode(row["claims"], type=list[Claim])
            verdicts = msgspec.json.decode(row["verdicts"], type=list[Verdict]) if row["verdicts"] else []
            for claim in claims[len(verdicts) : len(verdicts) + _CHUNK]:
                is_right = await self._verify(connection, actor, right, "INS4", claim)
                verdicts.append(Verdict(claim.id, is_right))
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

    async def erase_old_lots(self) -> int:
        """Erases lots that were done ``LOTS_KEPT`` ago; returns how many."""
        async with self._base.database.transaction() as connection:
            before = self._base.clock() - LOTS_KEPT
            return await store.QUERIES["remove_old_batches"].execute(connection, before=before)

    async def enrol(self, actor: Actor, persons: Iterable[Person]) -> None:
        """Makes persons known, or corrects what is known of them."""
        right = rules.require(actor, Act.ENROL)
        async with self._base.database.transaction() as connection:
            for person in persons:
                rules.check_environment(person.ins, is_sandbox=self._base.settings.is_sandbox)
                await store.put_person(connection, person, self._base.clock())
                await self._base.audit.record(
                    connection,
                    AuditEvent(
                        actor=actor,
                        action=Action.CREATE,
                        transaction="ins.enrol",
                        patient_key=patient_key(person.ins),
                        right=right,
                    ),
                )


def _distorted(result: SearchResult) -> SearchResult:
    """The answer of an INSi that takes one person for another: right number, wrong traits."""
    if result.person is None:
        return result
    traits = result.person.traits
    year = int(traits.birth_date[:4])
    wrong = replace(traits, birth_name="ERREUR", birth_date=BirthDate(f"{year - 1}{traits.birth_date[4:]}"))
    return SearchResult(result.code, replace(result.person, traits=wrong))


def check_query(query: TraitsQuery) -> TraitsQuery:
    """The query with its traits normalised. Raises ``InvalidContent`` where one is missing or wrong."""
    if query.sex not in {"M", "F"}:
        raise InvalidContent(
            "InvalidSex",
            Text("INSi attend le sexe M ou F.", "INSi expects sex M or F."),
            location="Sexe",
            requirement="INSi, RECSANSVITALE",
        )
    if not query.given_names:
        raise InvalidContent(
            "MissingGivenName",
            Text("INSi attend un prénom au moins.", "INSi expects at least one first name."),
            location="Prenom",
            requirement="INSi, RECSANSVITALE",
        )
    return TraitsQuery(
        birth_name=parse_name(query.birth_name, "NomNaissance"),
        given_names=tuple(parse_name(name, "Prenom") for name in query.given_names),
        sex=query.sex,
        birth_date=parse_birth_date(query.birth_date),
        birth_place=parse_cog(query.birth_place) if query.birth_place else "",
    )


def claimed_traits(claim: Claim) -> tuple[object, ...] | None:
    """The five traits of a claim as they are compared; ``None`` when they cannot be those of anyone."""
    try:
        return Traits.of(claim.birth_name, claim.given_names, claim.sex, claim.birth_date, claim.birth_place).five
    except SocleError:
        return None


def _no_such_batch() -> NotFound:
    return NotFound("NoSuchBatch", Text("Ce lot n'existe pas ou n'est pas terminé.", "No such lot, or it is not done."))
