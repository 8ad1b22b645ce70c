"""Runs the statements of ``queries.sql`` and returns domain values. Opens no transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec

from socle.platform.database import Connection, Queries
from socle.platform.patient_key import owner_key, patient_key
from socle.services.ins.domain import (
    Card,
    FormerIns,
    Identity,
    IdentityChange,
    Link,
    Match,
    Person,
    TraitsQuery,
)
from socle.services.ins.matching import phonetic_key
from socle.standards.ids.ins import Ins
from socle.standards.ids.status import (
    CollectionMethod,
    IdentityAttribute,
    IdentityStatus,
    ManagementCode,
    ProofDocument,
    Reliability,
)
from socle.standards.ids.traits import BirthDate, CogCode, Sex, Traits

if TYPE_CHECKING:
    import asyncpg

QUERIES: Final = Queries("socle.services.ins")

_PERSON_COLUMNS: Final = QUERIES["put_person"].parameters
_IDENTITY_COLUMNS: Final = QUERIES["add_identity"].parameters


async def find_person(connection: Connection, ins: Ins) -> Person | None:
    """The person whose INS in force is ``ins``, without history or cards."""
    return await find_person_by_key(connection, patient_key(ins))


async def find_person_by_key(connection: Connection, key: UUID) -> Person | None:
    """The same, by the key of the INS."""
    row = await QUERIES["find_person"].row(connection, patient_key=key)
    return _person(row) if row else None


async def with_history(connection: Connection, person: Person) -> Person:
    """The person with the INS that he bore before."""
    rows = await QUERIES["find_former"].rows(connection, patient_key=patient_key(person.ins))
    former = (FormerIns(Ins(row["matricule"], row["oid"]), row["starts_on"], row["ends_on"]) for row in rows)
    return msgspec.structs.replace(person, former=tuple(former))


async def find_cards(connection: Connection, ins: Ins) -> tuple[Card, ...]:
    """The cards that lead to a person."""
    rows = await QUERIES["find_cards"].rows(connection, patient_key=patient_key(ins))
    return tuple(Card(row["holder"], row["birth_date"], row["birth_rank"]) for row in rows)


async def find_successor(connection: Connection, ins: Ins) -> Ins | None:
    """The INS in force of who bore ``ins`` before."""
    row = await QUERIES["find_successor"].row(connection, patient_key=patient_key(ins))
    return Ins(row["matricule"], row["oid"]) if row else None


async def search_persons(connection: Connection, query: TraitsQuery) -> list[Person]:
    """Persons of the strict traits of ``query``, first names aside; without history."""
    rows = await QUERIES["search_persons"].rows(
        connection,
        birth_name=query.birth_name,
        birth_date=query.birth_date,
        sex=query.sex,
        birth_place=query.birth_place,
    )
    return [_person(row) for row in rows]


async def search_cards(connection: Connection, card: Card) -> list[Person]:
    """Persons to whom the card leads, two at most; without history."""
    rows = await QUERIES["search_cards"].rows(
        connection, holder=card.holder, birth_date=card.birth_date, birth_rank=card.birth_rank
    )
    return [_person(row) for row in rows]


async def put_person(connection: Connection, person: Person, now: datetime) -> None:
    """Writes a person with history and cards."""
    await QUERIES["put_person"].execute(connection, **_person_values(person))
    key = patient_key(person.ins)
    await QUERIES["remove_former"].execute(connection, patient_key=key)
    await QUERIES["add_former"].execute_many(connection, _former_values(person, now))
    await QUERIES["remove_successor"].execute(connection, patient_key=key)
    for line in person.former:
        await put_successor(connection, line.ins, person.ins)
    for card in person.cards:
        await QUERIES["put_card"].execute(connection, patient_key=key, **msgspec.structs.asdict(card))


async def put_successor(connection: Connection, former: Ins, active: Ins) -> None:
    """Says that ``active`` follows ``former``."""
    if former != active:
        await QUERIES["put_successor"].execute(
            connection, patient_key=patient_key(former), matricule=active.matricule, oid=active.oid
        )


async def known_keys(connection: Connection, many: Iterable[Ins]) -> set[UUID]:
    """The keys of those of ``many`` that are the INS in force of someone."""
    rows = await QUERIES["known_keys"].rows(connection, keys=[patient_key(ins) for ins in many])
    return {UUID(int=row["patient_key"].int) for row in rows}


async def copy_persons(connection: Connection, persons: Sequence[Person], now: datetime) -> None:
    """Loads many new persons at once."""
    await _copy(connection, "ins_person", _PERSON_COLUMNS, (_person_values(person) for person in persons))
    cards = [
        {"patient_key": patient_key(person.ins), **msgspec.structs.asdict(card)}
        for person in persons
        for card in person.cards
    ]
    await _copy(connection, "ins_card", QUERIES["put_card"].parameters, cards)
    former = [line for person in persons for line in _former_values(person, now)]
    await _copy(connection, "ins_former", QUERIES["add_former"].parameters, former)
    for person in persons:
        for line in person.former:
            await put_successor(connection, line.ins, person.ins)


async def find_holder(connection: Connection, ins: Ins, domain: str) -> Identity | None:
    """The active identity of ``domain`` that holds ``ins``: one statement, by key."""
    row = await QUERIES["find_holder"].row(connection, patient_key=patient_key(ins), domain=domain)
    return _identity(row) if row else None


async def find_identity(connection: Connection, local_id: str, domain: str) -> Identity | None:
    """The identity of ``domain`` under ``local_id``."""
    row = await QUERIES["find_identity"].row(connection, local_id=local_id, domain=domain)
    return _identity(row) if row else None


async def lock_local_id(connection: Connection, local_id: str, domain: str) -> None:
    """Makes whoever creates or changes the same local id wait until this transaction ends."""
    await QUERIES["lock_local_id"].row(connection, local_id=local_id, domain=domain)


async def add_identity(connection: Connection, identity: Identity) -> None:
    """Adds an identity."""
    await QUERIES["add_identity"].execute(connection, **_identity_values(identity))


async def remove_identity(connection: Connection, identity: Identity) -> None:
    """Removes the row of an identity."""
    await QUERIES["remove_identity"].execute(
        connection, patient_key=identity.key, domain=identity.domain, local_id=identity.local_id
    )


async def copy_identities(connection: Connection, identities: Iterable[Identity]) -> None:
    """Loads many new identities at once."""
    await _copy(connection, "ins_identity", _IDENTITY_COLUMNS, map(_identity_values, identities))


async def search_identities(
    connection: Connection, domain: str, birth_date: str, name: str, given: str, count: int
) -> list[Identity]:
    """Active identities by birth date and first letters."""
    rows = await QUERIES["search_identities"].rows(
        connection, domain=domain, birth_date=birth_date, name=name, given=given, count=count
    )
    return [_identity(row) for row in rows]


async def find_candidates(connection: Connection, identity: Identity) -> list[Identity]:
    """Identities worth comparing with ``identity``."""
    values = _identity_values(identity)
    rows = await QUERIES["find_candidates"].rows(
        connection,
        domain=identity.domain,
        local_id=identity.local_id,
        birth_date=identity.traits.birth_date,
        given_sound=values["given_sound"],
        sounds=sorted({str(values["name_sound"]), str(values["used_sound"])} - {""}),
    )
    return [_identity(row) for row in rows]


async def identities_to_verify(connection: Connection, domain: str, before: datetime, count: int) -> list[Identity]:
    """Qualified identities not confirmed since ``before``."""
    rows = await QUERIES["identities_to_verify"].rows(connection, domain=domain, before=before, count=count)
    return [_identity(row) for row in rows]


async def identities_to_mend(
    connection: Connection, domain: str, comments: Iterable[str], count: int
) -> list[Identity]:
    """Active identities that carry one of ``comments``."""
    rows = await QUERIES["identities_to_mend"].rows(connection, domain=domain, comments=list(comments), count=count)
    return [_identity(row) for row in rows]


async def add_change(
    connection: Connection,
    *,
    at: datetime,
    actor: str,
    event: str,
    before: Identity | None,
    after: Identity,
    evidence: str,
    evidence_date: date | None,
) -> None:
    """Writes one line of history."""
    await QUERIES["add_change"].execute(
        connection,
        patient_key=after.key,
        domain=after.domain,
        local_id=after.local_id,
        at=at,
        actor=actor,
        event=event,
        before=to_json(before) if before else None,
        after=to_json(after),
        evidence=evidence,
        evidence_date=evidence_date,
    )


async def find_changes(connection: Connection, local_id: str, domain: str, count: int) -> list[IdentityChange]:
    """The history of an identity, newest first."""
    rows = await QUERIES["find_changes"].rows(connection, local_id=local_id, domain=domain, count=count)
    return [
        IdentityChange(
            sequence=row["sequence"],
            at=row["at"],
            actor=row["actor"],
            event=row["event"],
            before=from_json(row["before"]) if row["before"] else None,
            after=from_json(row["after"]),
            evidence=row["evidence"],
            evidence_date=row["evidence_date"],
        )
        for row in rows
    ]


async def put_auto_link(connection: Connection, one: Identity, other: Identity, match: Match) -> None:
    """Proposes a pair, unless a person decided on it."""
    first, second = sorted((one, other), key=lambda identity: identity.local_id)
    await QUERIES["put_auto_link"].execute(
        connection,
        patient_key=_pair_key(first),
        domain=first.domain,
        first_id=first.local_id,
        second_id=second.local_id,
        level=match.level,
        score=match.score,
    )


async def put_manual_link(connection: Connection, link: Link, first: Identity) -> None:
    """Writes a decision."""
    await QUERIES["put_manual_link"].execute(
        connection,
        patient_key=_pair_key(first),
        domain=link.domain,
        first_id=link.first,
        second_id=link.second,
        level=link.level,
        score=link.score,
        result=link.result,
        decided_by=link.decided_by,
        decided_at=link.decided_at,
    )


async def find_links(connection: Connection, local_id: str, domain: str) -> list[Link]:
    """The links of an identity, best first."""
    return [_link(row) for row in await QUERIES["find_links"].rows(connection, local_id=local_id, domain=domain)]


async def open_links(connection: Connection, domain: str, count: int) -> list[Link]:
    """Pairs that wait for a decision, best first."""
    return [_link(row) for row in await QUERIES["open_links"].rows(connection, domain=domain, count=count)]


def to_json(identity: Identity) -> str:
    """An identity as the JSON of a history line."""
    return msgspec.json.encode(identity, order="deterministic").decode()


def from_json(text: str) -> Identity:
    """The inverse of ``to_json``."""
    return msgspec.json.decode(text, type=Identity)


async def _copy(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
    records = [tuple(row[column] for column in columns) for row in rows]
    if records:
        await connection.copy_records_to_table(table, records=records, columns=list(columns))


def _person(row: asyncpg.Record) -> Person:
    return Person(ins=Ins(row["matricule"], row["oid"]), traits=_traits(row), since=row["since"])


def _person_values(person: Person) -> dict[str, Any]:
    traits = person.traits
    return {
        "patient_key": patient_key(person.ins),
        "matricule": person.ins.matricule,
        "oid": person.ins.oid,
        "birth_name": traits.birth_name,
        "given_names": traits.given_names,
        "first_given_name": traits.first_given_name,
        "sex": traits.sex,
        "birth_date": traits.birth_date,
        "birth_place": traits.birth_place,
        "since": person.since,
    }


def _former_values(person: Person, now: datetime) -> list[dict[str, Any]]:
    return [
        {
            "patient_key": patient_key(person.ins),
            "rank": rank,
            "matricule": line.ins.matricule,
            "oid": line.ins.oid,
            "starts_on": line.start,
            "ends_on": line.end,
            "received_at": now,
        }
        for rank, line in enumerate(person.former, 1)
    ]


def _traits(row: asyncpg.Record) -> Traits:
    place = row["birth_place"]
    return Traits(
        birth_name=row["birth_name"],
        given_names=row["given_names"],
        first_given_name=row["first_given_name"],
        sex=Sex(row["sex"]),
        birth_date=BirthDate(row["birth_date"]),
        birth_place=CogCode(place) if place else None,
        used_name=row.get("used_name", ""),
        used_given_name=row.get("used_given_name", ""),
    )


def _identity(row: asyncpg.Record) -> Identity:
    return Identity(
        key=UUID(int=row["patient_key"].int),
        domain=row["domain"],
        local_id=row["local_id"],
        ins=Ins(row["matricule"], row["oid"]) if row["matricule"] else None,
        traits=_traits(row),
        reliability=Reliability(
            IdentityStatus(row["status"]), frozenset(IdentityAttribute(code) for code in row["attributes"])
        ),
        method=CollectionMethod(row["method"]),
        proof=ProofDocument(row["proof"]) if row["proof"] else None,
        proof_date=row["proof_date"],
        verified_at=row["verified_at"],
        comments=frozenset(ManagementCode(code) for code in row["comments"]),
        former=msgspec.json.decode(row["former"], type=tuple[FormerIns, ...]),
        is_active=row["is_active"],
        replaced_by=row["replaced_by"],
    )


def _identity_values(identity: Identity) -> dict[str, Any]:
    traits = identity.traits
    return {
        "patient_key": identity.key,
        "domain": identity.domain,
        "local_id": identity.local_id,
        "matricule": identity.ins.matricule if identity.ins else None,
        "oid": identity.ins.oid if identity.ins else None,
        "birth_name": traits.birth_name,
        "given_names": traits.given_names,
        "first_given_name": traits.first_given_name,
        "sex": traits.sex,
        "birth_date": traits.birth_date,
        "birth_place": traits.birth_place,
        "used_name": traits.used_name,
        "used_given_name": traits.used_given_name,
        "status": identity.status,
        "attributes": sorted(identity.reliability.attributes),
        "method": identity.method,
        "proof": identity.proof,
        "proof_date": identity.proof_date,
        "verified_at": identity.verified_at,
        "comments": sorted(identity.comments),
        "former": msgspec.json.encode(identity.former).decode(),
        "is_active": identity.is_active,
        "replaced_by": identity.replaced_by,
        "name_sound": phonetic_key(traits.birth_name),
        "used_sound": phonetic_key(traits.used_name),
        "given_sound": phonetic_key(traits.first_given_name),
    }


def _pair_key(first: Identity) -> UUID:
    """The own key of the first of a pair, that does not change when it gets or loses an INS."""
    return owner_key("identity", f"{first.domain}|{first.local_id}")


def _link(row: asyncpg.Record) -> Link:
    return msgspec.convert(
        {
            "domain": row["domain"],
            "first": row["first_id"],
            "second": row["second_id"],
            "level": row["level"],
            "score": row["score"],
            "source": row["source"],
            "result": row["result"],
            "decided_by": row["decided_by"],
            "decided_at": row["decided_at"],
        },
        Link,
    )
