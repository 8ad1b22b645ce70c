"""INSi: searches by traits and by card, verification, one by one and in bulk, on the base of persons known.

``Insi`` is the port that local identities use; ``Teleservice`` answers from this base (sandbox, small deployments),
``socle.services.ins.remote`` asks the national service instead.

Source: identity fact sheet §1.9, §2.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from msgspec.structs import replace

from socle.platform.actor import Actor
from socle.platform.audit import Action
from socle.platform.base import Base
from socle.platform.database import Connection
from socle.platform.patient_key import patient_key
from socle.platform.switches import Switches, no_switches
from socle.services.ins import rules, store
from socle.services.ins.domain import Card, Claim, Person, ResultCode, SearchResult, TraitsQuery
from socle.services.ins.records import Records
from socle.services.ins.rules import Act
from socle.standards.errors import InvalidContent, SocleError, Text
from socle.standards.ids.ins import Ins
from socle.standards.ids.traits import BirthDate, Traits, parse_birth_date, parse_cog, parse_name

#: Called with the name of an operation before it is answered: the sandbox makes INSi slow, or refuses, with it.
Rehearsal = Callable[[str], Awaitable[None]]


async def no_rehearsal(_operation: str) -> None:
    """Answers at once."""


class Insi(Protocol):
    """What whoever keeps identities needs of INSi."""

    async def search_by_traits(self, actor: Actor, query: TraitsQuery) -> SearchResult:
        """INS2."""
        ...

    async def search_by_card(self, actor: Actor, card: Card) -> SearchResult:
        """INS1."""
        ...

    async def verify(self, actor: Actor, claim: Claim) -> bool:
        """INS3."""
        ...

    async def verify_all(self, actor: Actor, claims: Sequence[Claim]) -> list[bool]:
        """One answer a claim, in their order (INS4)."""
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

    def __init__(self, base: Base, rehearse: Rehearsal = no_rehearsal, switches: Switches = no_switches) -> None:
        self._base = base
        self._records = Records(base)
        self._rehearse = rehearse
        self._switches = switches

    async def _prepare(self, actor: Actor, operation: str) -> str:
        right = rules.require(actor, Act.QUERY_INSI)
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
        await self._records.trace_result(connection, actor, operation, right, result)
        return _distorted(result) if self._switches().wrong_traits else result

    async def verify(self, actor: Actor, claim: Claim) -> bool:
        """INS3: whether matricule, authority and the five traits are all exactly those in force."""
        right = await self._prepare(actor, "INS3")
        return (await self._verify(actor, right, "INS3", (claim,)))[0]

    async def verify_all(self, actor: Actor, claims: Sequence[Claim]) -> list[bool]:
        """The same for each of ``claims``, in one transaction."""
        return await self._verify(actor, rules.require(actor, Act.QUERY_INSI), "INS4", claims)

    async def _verify(self, actor: Actor, right: str, operation: str, claims: Sequence[Claim]) -> list[bool]:
        async with self._base.database.transaction() as connection:
            persons = [await store.find_person(connection, Ins(claim.matricule, claim.oid)) for claim in claims]
            answers = [
                person is not None and person.traits.five == claimed_traits(claim)
                for person, claim in zip(persons, claims, strict=True)
            ]
            bearers = [person.ins if person is not None else None for person in persons]
            verdicts = list(zip(bearers, answers, strict=True))
            await self._records.trace_verdicts(connection, actor, operation, right, verdicts)
        return answers

    async def enrol(self, actor: Actor, persons: Iterable[Person]) -> None:
        """Makes persons known, or corrects what is known of them."""
        right = rules.require(actor, Act.ENROL)
        async with self._base.database.transaction() as connection:
            for person in persons:
                rules.check_environment(person.ins, is_sandbox=self._base.settings.is_sandbox)
                await store.put_person(connection, person, self._base.clock())
                await self._records.trace(connection, actor, Action.CREATE, "ins.enrol", right, patient_key(person.ins))


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
