"""Duplicates: pairs that a person decides on, merges, merges undone, and an INS that changes.

Source: identity fact sheet §1.8, §1.9.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

from msgspec.structs import replace

from socle.platform.actor import Actor
from socle.platform.audit import Action
from socle.platform.base import Base
from socle.platform.database import Connection
from socle.platform.patient_key import patient_key
from socle.services.ins import rules, store
from socle.services.ins.domain import (
    BASE_DOMAIN,
    FormerIns,
    Identity,
    Link,
    LinkResult,
    LinkSource,
    Merge,
    MergeReason,
    Person,
)
from socle.services.ins.matching import assess
from socle.services.ins.records import Records
from socle.services.ins.rules import Act
from socle.standards.errors import Conflict, NotFound, Text
from socle.standards.ids.ins import Ins
from socle.standards.ids.status import CollectionMethod, ManagementCode

_TO_MEND = (ManagementCode.INVALIDATED, ManagementCode.POTENTIAL_COLLISION, ManagementCode.POTENTIAL_DUPLICATE)


class Reconciliation:
    """What the identitovigilance cell does with duplicates."""

    def __init__(self, base: Base, records: Records) -> None:
        self._base = base
        self._records = records

    async def links(self, actor: Actor, local_id: str, domain: str = BASE_DOMAIN) -> list[Link]:
        """What is known of pairs in which an identity is, best score first."""
        right = rules.require(actor, Act.READ)
        async with self._base.database.transaction() as connection:
            identity = await self._records.existing(connection, local_id, domain)
            found = await store.find_links(connection, local_id, domain)
            await self._records.trace(connection, actor, Action.READ, "ins.links", right, identity.key)
            return found

    async def worklist(
        self, actor: Actor, domain: str = BASE_DOMAIN, count: int = 100
    ) -> tuple[list[Identity], list[Link]]:
        """What the identitovigilance cell has to settle: identities to mend, pairs to decide."""
        right = rules.require(actor, Act.RECONCILE)
        async with self._base.database.transaction() as connection:
            to_mend = await store.identities_to_mend(connection, domain, _TO_MEND, count)
            pairs = await store.open_links(connection, domain, count)
            keys = [identity.key for identity in to_mend]
            await self._records.trace(connection, actor, Action.READ, "ins.worklist", right, *keys)
            return to_mend, pairs

    async def decide(
        self, actor: Actor, one_id: str, other_id: str, result: LinkResult, domain: str = BASE_DOMAIN
    ) -> Link:
        """A person says whether two identities are one. The machine never overwrites it."""
        right = rules.require(actor, Act.RECONCILE)
        first_id, second_id = sorted((one_id, other_id))
        async with self._base.database.transaction() as connection:
            first = await self._records.existing(connection, first_id, domain)
            second = await self._records.existing(connection, second_id, domain)
            match = assess(first, second)
            link = Link(
                domain=domain,
                first=first_id,
                second=second_id,
                level=match.level,
                score=match.score,
                source=LinkSource.MANUAL,
                result=result,
                decided_by=actor.id,
                decided_at=self._base.clock(),
            )
            await store.put_manual_link(connection, link, first)
            await self._records.trace(connection, actor, Action.UPDATE, "ins.decide", right, first.key, second.key)
        return link

    async def merge(self, actor: Actor, survivor_id: str, absorbed_id: str, domain: str = BASE_DOMAIN) -> Merge | UUID:
        """Makes two identities one. Returns what the DMP was asked to move, or the id of the merge if nothing was.

        Raises ``Conflict`` (``MergeRefused``) when the rules forbid it.
        """
        right = rules.require(actor, Act.RECONCILE)
        merge_id = uuid4()
        async with self._base.database.transaction() as connection:
            # Locked in one order whichever survives, so that two opposite merges cannot wait for each other.
            locked = {
                local_id: await self._records.existing(connection, local_id, domain, lock=True)
                for local_id in sorted((survivor_id, absorbed_id))
            }
            survivor, absorbed = locked[survivor_id], locked[absorbed_id]
            successor = await self._successor_of_either(connection, survivor.ins, absorbed.ins)
            after, gone = rules.merged(survivor, absorbed, successor)
            await self._records.save(connection, actor, "absorbed", absorbed, gone)
            await self._records.save(connection, actor, "merge", survivor, after)
            await store.QUERIES["remove_auto_links"].execute(connection, domain=domain, local_id=absorbed_id)
            await store.QUERIES["add_merge"].execute(
                connection,
                patient_key=after.key,
                id=merge_id,
                domain=domain,
                reason=MergeReason.DUPLICATE,
                survivor=store.to_json(survivor),
                absorbed=store.to_json(absorbed),
                merged=store.to_json(after),
                merged_at=self._base.clock(),
                merged_by=actor.id,
            )
            left = {one.ins for one in (survivor, absorbed) if one.ins} - {after.ins}
            merge = Merge(id=merge_id, survivor=after.ins, absorbed=left.pop()) if after.ins and left else None
            if merge:
                await self._base.jobs.enqueue(connection, "dmp.merge", merge)
            keys = (survivor.key, absorbed.key, after.key)
            await self._records.trace(connection, actor, Action.UPDATE, "ins.merge", right, *keys)
            return merge or merge_id

    async def unmerge(self, actor: Actor, merge_id: UUID) -> tuple[Identity, Identity]:
        """Undoes a merge: both identities are as before, and the DMP takes back what it moved.

        Raises ``NotFound``, or ``Conflict`` when the merge was undone or an INS changed hands since.
        """
        right = rules.require(actor, Act.RECONCILE)
        async with self._base.database.transaction() as connection:
            row = await store.QUERIES["lock_merge"].row(connection, id=merge_id)
            if row is None:
                raise NotFound("NoSuchMerge", Text("Cette fusion n'existe pas.", "No such merge."))
            before, absorbed, merged = (store.from_json(row[name]) for name in ("survivor", "absorbed", "merged"))
            locked = {
                local_id: await self._records.existing(connection, local_id, before.domain, lock=True)
                for local_id in sorted((before.local_id, absorbed.local_id))
            }
            present, gone = locked[before.local_id], locked[absorbed.local_id]
            is_as_merged = replace(present, verified_at=merged.verified_at) == merged
            if row["undone_at"] or gone.replaced_by != before.local_id:
                raise _unmerge_refused()
            if not is_as_merged and present.ins != before.ins:
                raise _unmerge_refused()
            restored = before if is_as_merged else present
            await self._records.save(connection, actor, "unmerge", present, restored)
            if absorbed.ins and await store.find_holder(connection, absorbed.ins, absorbed.domain):
                raise _unmerge_refused()
            await self._records.save(connection, actor, "restored", gone, absorbed)
            await store.QUERIES["undo_merge"].execute(
                connection, patient_key=row["patient_key"], id=merge_id, undone_at=self._base.clock()
            )
            left = {one.ins for one in (before, absorbed) if one.ins} - {merged.ins}
            if merged.ins and left:
                undo = Merge(id=merge_id, survivor=merged.ins, absorbed=left.pop())
                await self._base.jobs.enqueue(connection, "dmp.unmerge", undo)
            keys = (present.key, restored.key, absorbed.key)
            await self._records.trace(connection, actor, Action.UPDATE, "ins.unmerge", right, *keys)
            return restored, absorbed

    async def change_ins(self, actor: Actor, old: Ins, person: Person) -> Merge:
        """The authority gave a person another INS (NIA then NIR, sex, correction): the old one becomes history.

        The base's identity follows, and the DMP is asked to bring the documents under the INS in force.
        Raises ``NotFound`` when nobody has ``old``.
        """
        right = rules.require(actor, Act.ENROL)
        now = self._base.clock()
        merge = Merge(id=uuid4(), survivor=person.ins, absorbed=old, reason=MergeReason.INS_CHANGED)
        async with self._base.database.transaction() as connection:
            known = await store.find_person(connection, old)
            if known is None or old == person.ins:
                raise NotFound("NoSuchIns", Text("Personne n'a cet INS.", "Nobody has this INS."))
            known = await store.with_history(connection, known)
            history = (FormerIns(old, known.since, now.date()), *known.former)
            person = replace(person, former=history, cards=person.cards or await store.find_cards(connection, old))
            await store.QUERIES["remove_person"].execute(connection, patient_key=patient_key(old))
            await store.QUERIES["remove_former"].execute(connection, patient_key=patient_key(old))
            await store.put_person(connection, person, now)
            if held := await store.find_holder(connection, old, BASE_DOMAIN):
                held = await self._records.existing(connection, held.local_id, BASE_DOMAIN, lock=True)
                after = rules.with_ins(held, person, CollectionMethod.INSI, now)
                await self._records.save(connection, actor, "change_ins", held, after)
            await self._base.jobs.enqueue(connection, "dmp.merge", merge)
            keys = (patient_key(old), patient_key(person.ins))
            await self._records.trace(connection, actor, Action.UPDATE, "ins.change", right, *keys)
        return merge

    async def note_moved(self, connection: Connection, merge: Merge, kind: str, object_ids: Sequence[str]) -> None:
        """Keeps a pointer for each object of ``kind`` that ``merge`` moved, in the transaction that moves it."""
        key = patient_key(merge.survivor)
        await store.QUERIES["add_moved"].execute_many(
            connection,
            [{"patient_key": key, "merge_id": merge.id, "kind": kind, "object_id": one} for one in object_ids],
        )

    async def take_moved(self, connection: Connection, merge: Merge, kind: str) -> list[str]:
        """The objects of ``kind`` that ``merge`` moved; their pointers are removed, since they go back now."""
        values = {"patient_key": patient_key(merge.survivor), "merge_id": merge.id, "kind": kind}
        rows = await store.QUERIES["find_moved"].rows(connection, **values)
        await store.QUERIES["remove_moved"].execute(connection, **values)
        return [row["object_id"] for row in rows]

    async def _successor_of_either(self, connection: Connection, one: Ins | None, other: Ins | None) -> Ins | None:
        if one is None or other is None:
            return None
        if await store.find_successor(connection, one) == other:
            return other
        return one if await store.find_successor(connection, other) == one else None


def _unmerge_refused() -> Conflict:
    return Conflict(
        "UnmergeRefused",
        Text("Cette fusion ne peut plus être défaite.", "This merge can no longer be undone."),
        remedy=Text(
            "Elle l'est déjà, ou un INS a changé de mains depuis : corrigez les identités à la main.",
            "It is undone already, or an INS changed hands since: mend the identities by hand.",
        ),
    )
