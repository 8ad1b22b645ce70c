"""The store and the rules together, against a model of a few lines: no sequence of acts may tell them apart."""

from dataclasses import dataclass, field, replace
from datetime import date
from itertools import count

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.services.ins import store
from socle.services.ins.domain import BASE_DOMAIN, Merge, Person
from socle.services.ins.service import InsService
from socle.standards.errors import Conflict
from socle.standards.ids.ins import OID_NIR_TEST, Ins, key_of
from socle.standards.ids.status import IdentityAttribute, ProofDocument
from socle.standards.ids.traits import Traits

OPERATOR = Actor(kind=ActorKind.OPERATOR, id="op", name="Cellule", authentication=AuthenticationMode.OPERATOR)
SLOTS = 3
RUNS = count(1)


class Refused(Exception):
    """The model forbids it."""


@dataclass(frozen=True)
class Model:
    ins: int | None = None
    is_proven: bool = False
    attributes: frozenset[IdentityAttribute] = frozenset()
    is_active: bool = True
    replaced_by: int | None = None

    @property
    def is_barred(self):
        return bool(self.attributes - {IdentityAttribute.HOMONYM})

    @property
    def status(self):
        return {(0, 0): "PROV", (1, 0): "RECUP", (0, 1): "VALI", (1, 1): "QUAL"}[self.ins is not None, self.is_proven]

    @property
    def rank(self):
        return (self.ins is not None) + self.is_proven


@dataclass
class World:
    """What must be true: identities, and merges with the states around them."""

    slots: list[Model] = field(default_factory=lambda: [Model() for _ in range(SLOTS)])
    merges: list = field(default_factory=list)

    def accept(self, slot, ins):
        one = self.slots[slot]
        taken = any(other.is_active and other.ins == ins for other in self.slots if other is not one)
        if not one.is_active or one.is_barred or taken:
            raise Refused
        self.slots[slot] = replace(one, ins=ins)

    def prove(self, slot):
        one = self.slots[slot]
        if not one.is_active or one.is_barred:
            raise Refused
        self.slots[slot] = replace(one, is_proven=True)

    def mark(self, slot, attribute):
        one = self.slots[slot]
        marked = replace(one, attributes=one.attributes | {attribute})
        if not one.is_active or {IdentityAttribute.DOUBTFUL, IdentityAttribute.FICTITIOUS} <= marked.attributes:
            raise Refused
        self.slots[slot] = replace(marked, ins=None, is_proven=False) if marked.is_barred else marked

    def unmark(self, slot, attribute):
        one = self.slots[slot]
        if not one.is_active:
            raise Refused
        self.slots[slot] = replace(one, attributes=one.attributes - {attribute})

    def merge(self, survivor, absorbed):
        kept, gone = self.slots[survivor], self.slots[absorbed]
        two_ins = kept.ins is not None and gone.ins is not None
        fit = kept.is_active and gone.is_active and not kept.is_barred and not gone.is_barred
        if survivor == absorbed or two_ins or not fit:
            raise Refused
        best = gone if kept.ins is None and gone.ins is not None and gone.rank > kept.rank else kept
        after = replace(best, attributes=kept.attributes | gone.attributes)
        self.merges.append([survivor, absorbed, kept, gone, after, False])
        self.slots[survivor] = after
        self.slots[absorbed] = replace(gone, ins=None, is_proven=False, is_active=False, replaced_by=survivor)

    def unmerge(self, number):
        survivor, absorbed, kept, gone, after, undone = self.merges[number]
        present = self.slots[survivor]
        if undone or self.slots[absorbed].replaced_by != survivor or not (present == after or present.ins == kept.ins):
            raise Refused
        if gone.ins is not None and any(
            one.is_active and one.ins == gone.ins for index, one in enumerate(self.slots) if index != survivor
        ):
            raise Refused
        self.merges[number][5] = True
        self.slots[survivor] = kept if present == after else present
        self.slots[absorbed] = gone


slots, inses = st.integers(0, SLOTS - 1), st.integers(0, 2)
acts = st.one_of(
    st.tuples(st.just("accept"), slots, inses),
    st.tuples(st.just("prove"), slots),
    st.tuples(st.just("mark"), slots, st.sampled_from(IdentityAttribute)),
    st.tuples(st.just("unmark"), slots, st.sampled_from(IdentityAttribute)),
    st.tuples(st.just("merge"), slots, slots),
    st.tuples(st.just("unmerge"), st.integers(0, 3)),
    st.tuples(st.just("unmerge"), st.integers(0, 1)),
)


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=25)
@given(script=st.lists(acts, max_size=14))
@example(
    script=[("accept", 1, 0), ("prove", 1), ("merge", 0, 1), ("mark", 0, IdentityAttribute.DOUBTFUL), ("unmerge", 0)]
)
@example(
    script=[
        ("accept", 1, 0),
        ("prove", 1),
        ("merge", 0, 1),
        ("mark", 0, IdentityAttribute.DOUBTFUL),
        ("accept", 2, 0),
        ("unmerge", 0),
    ]
)
async def test_no_sequence_of_acts_tells_the_service_from_its_model(base, script):
    service, world, run = InsService(base), World(), next(RUNS)
    traits = Traits.of("D'ARCY-BELLEC", "JEANNE", "F", "1984-07-17", "69383")
    numbers = [f"2840769{run:04}{digit:02}" for digit in (10, 20, 30)]
    persons = [Person(ins=Ins(number + key_of(number), OID_NIR_TEST), traits=traits) for number in numbers]
    await service.teleservice.enrol(OPERATOR, persons)
    for slot in range(SLOTS):
        await service.register(OPERATOR, traits, local_id=f"{run}-{slot}")
    merge_ids = []

    async def act(kind, *values):
        local_id = f"{run}-{values[0]}"
        match kind:
            case "accept":
                await service.accept_ins(OPERATOR, local_id, persons[values[1]])
            case "prove":
                await service.check_proof(OPERATOR, local_id, ProofDocument.PASSPORT, date(2026, 3, 2))
            case "mark":
                await service.mark(OPERATOR, local_id, values[1])
            case "unmark":
                await service.unmark(OPERATOR, local_id, values[1])
            case "merge":
                done = await service.reconciliation.merge(OPERATOR, local_id, f"{run}-{values[1]}")
                merge_ids.append(done.id if isinstance(done, Merge) else done)
            case "unmerge":
                await service.reconciliation.unmerge(OPERATOR, merge_ids[values[0]])

    for kind, *values in script:
        if kind == "unmerge" and values[0] >= len(world.merges):
            continue
        try:
            getattr(world, kind)(*values)
        except Refused:
            with pytest.raises(Conflict):
                await act(kind, *values)
        else:
            await act(kind, *values)
        await check(base, service, world, run, persons)


async def check(base, service, world, run, persons):
    async with base.database.transaction() as connection:
        held = [await service.find(connection, person.ins) for person in persons]
        kept = [await store.find_identity(connection, f"{run}-{slot}", BASE_DOMAIN) for slot in range(SLOTS)]
    for index, person in enumerate(persons):
        holders = [slot for slot, one in enumerate(world.slots) if one.is_active and one.ins == index]
        assert len(holders) <= 1
        assert (held[index].local_id if held[index] else None) == (f"{run}-{holders[0]}" if holders else None)
        assert held[index] is None or held[index].ins == person.ins
    for one, identity in zip(world.slots, kept, strict=True):
        assert (identity.status, identity.is_active) == (one.status, one.is_active)
        assert identity.ins == (None if one.ins is None else persons[one.ins].ins)
        assert identity.reliability.attributes == one.attributes
        assert (identity.replaced_by or None) == (None if one.replaced_by is None else f"{run}-{one.replaced_by}")
