"""The store and the service against a model in memory: whatever is done in whatever order, every reader sees the same.

The model knows nothing of SQL, versions rows or locks: it keeps a list of documents and asks the visibility matrix.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from socle.services.dmp.domain import (
    AuthorizationAction,
    DocumentChange,
    DocumentFilter,
    DocumentRequest,
    FindDocuments,
    FindSubmissionSets,
    Page,
    RecordSettings,
    Retrieved,
    SetFilter,
)
from socle.services.dmp.lineage import one_month_after
from socle.services.dmp.service import DmpService
from socle.standards.errors import SocleError
from socle.standards.xds.model import AssociationType, Code, Status, Visibility

LOINC = "2.16.840.1.113883.6.1"
TYPES = {"11488-4": LOINC, "68599-0": LOINC}
SUBSETS = [frozenset(), {Visibility.MASQUE_PS}, {Visibility.INVISIBLE_PATIENT}, {*Visibility}]

visibilities = st.sampled_from([frozenset(one) for one in SUBSETS])
ranks = st.integers(0, 7)
actions = st.one_of(
    st.tuples(st.just("feed"), st.sampled_from((1, 2)), st.sampled_from(sorted(TYPES)), visibilities),
    st.tuples(st.just("replace"), st.sampled_from((1, 2)), ranks, visibilities),
    st.tuples(st.just("patch"), st.sampled_from((1, 2, 3, 0)), ranks, visibilities),
    st.tuples(st.just("archive"), st.sampled_from((1, 2, 0)), ranks, st.booleans()),
    st.tuples(st.just("delete"), st.sampled_from((1, 2, 0)), ranks),
    st.tuples(st.just("block"), st.sampled_from((1, 2, 3))),
    st.tuples(st.just("authorize"), st.sampled_from((1, 2, 3))),
    st.tuples(st.just("settings"), st.booleans()),
    st.tuples(st.just("wait"), st.integers(1, 40)),
)


class Paper(msgspec.Struct):
    """One document of the model."""

    unique_id: str
    author: int
    type_code: str
    flags: frozenset[Visibility]
    content: bytes
    since: datetime
    status: str = "Approved"
    replaced_by: str = ""
    versions: int = 1


class Model:
    """What should be true."""

    def __init__(self) -> None:
        self.papers: list[Paper] = []
        self.blocked: set[int] = set()
        self.authorized: set[int] = {1, 2, 3}
        self.masks_everything = False

    def lineage(self, paper: Paper) -> list[Paper]:
        """The document and those that came in its place."""
        chain = [paper]
        while chain[-1].replaced_by:
            chain.append(next(one for one in self.papers if one.unique_id == chain[-1].replaced_by))
        return chain

    def sees(self, reader: int, paper: Paper, now: datetime) -> bool:
        """The visibility matrix; reader 0 is the holder, 1 and 2 are doctors, 3 is a dentist."""
        if paper.status == "Deleted":
            return False
        chain = self.lineage(paper)
        flags = frozenset().union(*(one.flags for one in chain))
        if reader == 0:
            waiting = [one for one in chain if Visibility.INVISIBLE_PATIENT in one.flags]
            return all(one_month_after(one.since) <= now for one in waiting)
        if paper.author == reader:
            return True
        if self.masks_everything or (reader == 3 and paper.type_code == "68599-0"):
            return False
        return Visibility.MASQUE_PS not in flags

    def may_read(self, reader: int) -> bool:
        return reader == 0 or (reader not in self.blocked and reader in self.authorized)

    def visible(self, reader: int, now: datetime, statuses: set[str]) -> set[str]:
        return {p.unique_id for p in self.papers if p.status in statuses and self.sees(reader, p, now)}


class Bench:
    """Does each action to the service and to the model, and compares all that every reader can ask."""

    def __init__(self, dmp, world, clock, ins):
        self.dmp, self.world, self.clock, self.ins, self.model = dmp, world, clock, ins, Model()
        self.actors = {
            0: world.holder(ins),
            1: world.doctor(1),
            2: world.doctor(2),
            3: world.doctor(3, profession="40", speciality=""),
        }

    async def act(self, action) -> None:
        self.clock.move(timedelta(seconds=1))
        await getattr(self, action[0])(*action[1:])

    def pick(self, rank: int) -> Paper | None:
        return self.model.papers[rank] if rank < len(self.model.papers) else None

    async def feed(self, author, type_code, flags, links=()) -> Paper:
        actor = self.actors[author]
        submission = self.world.submission(
            self.ins,
            actor,
            contents=(f"content {len(self.model.papers)}".encode(),),
            type_code=Code(type_code, TYPES[type_code]),
            visibility=flags,
            links=links,
        )
        await self.dmp.submit(actor, submission)
        paper = Paper(
            unique_id=submission.documents[0].unique_id,
            author=author,
            type_code=type_code,
            flags=flags,
            content=next(iter(submission.contents.values())),
            since=self.clock.now,
        )
        self.model.papers.append(paper)
        return paper

    async def replace(self, author, rank, flags) -> None:
        old = self.pick(rank)
        if old is None:
            return
        actor = self.actors[author]
        uuid = await self.uuid_of(old)
        links = ((AssociationType.REPLACES, "Document01", uuid),)
        if old.status == "Approved" and old.author == author:
            new = await self.feed(author, old.type_code, flags, links)
            old.status, old.replaced_by = "Deprecated", new.unique_id
        else:
            with pytest.raises(SocleError):
                await self.dmp.submit(actor, self.world.submission(self.ins, actor, links=links))

    async def uuid_of(self, paper: Paper) -> str:
        async with self.dmp.context.base.database.connection() as connection:
            row = await connection.fetchval(
                "SELECT entry_uuid FROM dmp_entry WHERE unique_id = $1 AND is_latest", paper.unique_id
            )
        return f"urn:uuid:{row}"

    async def patch(self, who, rank, flags) -> None:
        paper = self.pick(rank)
        if paper is None:
            return
        added, removed = flags - paper.flags, paper.flags - flags
        hidden = {Visibility.INVISIBLE_PATIENT, Visibility.INVISIBLE_REPRESENTANTS_LEGAUX}
        reachable = self.model.sees(who, paper, self.clock.now) and (
            who == 0 or paper.author == who or self.model.may_read(who)
        )
        allowed = reachable and paper.status in {"Approved", "Archived"}
        allowed &= not (added & hidden) or (who != 0 and paper.author == who)
        allowed &= not (who == 0 and Visibility.INVISIBLE_PATIENT in removed)
        change = DocumentChange(visibility=flags)
        if reachable and flags == paper.flags:
            await self.dmp.patch(self.actors[who], paper.unique_id, change, patient=self.ins)
        elif allowed:
            await self.dmp.patch(self.actors[who], paper.unique_id, change, patient=self.ins)
            if Visibility.INVISIBLE_PATIENT in added:
                paper.since = self.clock.now
            paper.flags, paper.versions = flags, paper.versions + 1
        else:
            with pytest.raises(SocleError):
                await self.dmp.patch(self.actors[who], paper.unique_id, change, patient=self.ins)

    async def archive(self, who, rank, wanted) -> None:
        await self.change_status(who, rank, DocumentChange(is_archived=wanted), "Archived" if wanted else "Approved")

    async def delete(self, who, rank) -> None:
        await self.change_status(who, rank, DocumentChange(is_deleted=True), "Deleted")

    async def change_status(self, who, rank, change, status) -> None:
        paper = self.pick(rank)
        if paper is None:
            return
        reachable = self.model.sees(who, paper, self.clock.now) and (
            who == 0 or paper.author == who or self.model.may_read(who)
        )
        legal = {("Approved", "Archived"), ("Archived", "Approved"), ("Approved", "Deleted")}
        allowed = reachable and (paper.status, status) in legal
        allowed &= status != "Deleted" or paper.author == who
        if allowed:
            await self.dmp.patch(self.actors[who], paper.unique_id, change, patient=self.ins)
            paper.status = status
        elif reachable and paper.status == status:
            await self.dmp.patch(self.actors[who], paper.unique_id, change, patient=self.ins)
        else:
            with pytest.raises(SocleError):
                await self.dmp.patch(self.actors[who], paper.unique_id, change, patient=self.ins)

    async def block(self, who) -> None:
        await self.dmp.block(self.actors[0], self.ins, self.actors[who].id)
        self.model.blocked.add(who)
        self.model.authorized.discard(who)

    async def authorize(self, who) -> None:
        await self.dmp.unblock(self.actors[0], self.ins, self.actors[who].id)
        await self.dmp.set_authorization(self.actors[who], self.ins, AuthorizationAction.AJOUT)
        self.model.blocked.discard(who)
        self.model.authorized.add(who)

    async def settings(self, masks) -> None:
        await self.dmp.change_settings(self.actors[0], self.ins, RecordSettings(masks_everything=masks))
        self.model.masks_everything = masks

    async def wait(self, days) -> None:
        self.clock.move(timedelta(days=days))

    async def compare(self) -> None:
        now = self.clock.now
        contents = {paper.unique_id: paper.content for paper in self.model.papers}
        for reader, actor in self.actors.items():
            query = FindDocuments(patient=self.ins, filter=DocumentFilter(statuses=(Status.APPROVED,)))
            if not self.model.may_read(reader):
                with pytest.raises(SocleError):
                    await self.dmp.query(actor, query)
                with pytest.raises(SocleError):
                    await self.dmp.list_names(actor, self.ins)
                continue
            expected = self.model.visible(reader, now, {"Approved"})
            found = await self.dmp.query(actor, query)
            assert {entry.unique_id for entry in found.documents} == expected
            page = await self.dmp.search(actor, query, Page(size=1))
            assert page.total == len(expected)
            names = await self.dmp.list_names(actor, self.ins)
            assert {name.unique_id for name in names} == self.model.visible(reader, now, {"Approved", "Archived"})
            everything = await self.dmp.query(actor, FindDocuments(patient=self.ins, filter=DocumentFilter()))
            known = self.model.visible(reader, now, {"Approved", "Archived", "Deprecated"})
            assert {entry.unique_id for entry in everything.documents} == known
            latest = DocumentFilter(latest_only=True)
            newest = await self.dmp.query(actor, FindDocuments(patient=self.ins, filter=latest))
            versions = {paper.unique_id: paper.versions for paper in self.model.papers}
            assert {e.unique_id: e.version for e in newest.documents} == {name: versions[name] for name in known}
            requests = [DocumentRequest(unique_id=unique_id) for unique_id in contents]
            answers = await self.dmp.retrieve(actor, requests, patient=self.ins)
            read = {one.entry.unique_id: one.content for one in answers if isinstance(one, Retrieved)}
            assert read == {unique_id: contents[unique_id] for unique_id in known}
            if not known and reader in {0, 3}:
                sets = await self.dmp.query(actor, FindSubmissionSets(patient=self.ins, filter=SetFilter()))
                mine = {one.author.person.partition("^")[0] for one in sets.submission_sets}
                assert mine <= {actor.id, self.ins.matricule}


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(actions, min_size=4, max_size=12))
def test_every_reader_sees_what_the_model_says_after_any_sequence(runner, script):
    runner(script)


@pytest.fixture
def runner(database_url, clock, tmp_path, world, identities):
    """Runs scripts one after the other on one database, each on a patient of its own."""
    from socle.platform.base import open_base
    from socle.platform.settings import Settings

    async def run(script) -> None:
        base = await open_base(Settings(data=str(tmp_path), database_url=database_url), database_url, clock)
        try:
            dmp = DmpService(base, identities)
            ins = world.patient()
            bench = Bench(dmp, world, clock, ins)
            await dmp.open_record(world.operator(), ins)
            for doctor in (1, 2, 3):
                await dmp.set_authorization(bench.actors[doctor], ins, AuthorizationAction.AJOUT)
            for action in script:
                await bench.act(action)
            await bench.compare()
        finally:
            await base.database.close()

    return lambda script: asyncio.run(run(script))
