"""Finds words, results and facts in the documents that the DMP lets an actor see."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from uuid import UUID, uuid4

import msgspec

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.audit import Action, AuditEvent, Subject
from socle.platform.base import Base
from socle.platform.database import Connection, Queries
from socle.platform.patient_key import patient_key
from socle.services.dmp.domain import FIRST_PAGE, DocumentFilter, Door, FindDocuments, Page, Retrieved
from socle.services.dmp.service import DmpService
from socle.services.reading.domain import (
    CatchUp,
    CitizenLine,
    Found,
    Hit,
    ProfileKind,
    ProfileLine,
    Reading,
    Series,
)
from socle.services.reading.extract import has_profile, profile_of, read_document, result_keys, series_of
from socle.services.reading.words import excerpt, hash_term, terms_of
from socle.standards.errors import Forbidden, Text
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import DocumentEntry, Status

QUERIES = Queries("socle.services.reading")

#: Most documents of which one answer is made: a page, a set of curves, a profile.
_MOST_DOCUMENTS = 1000
#: Most documents read at once because nobody had read them yet.
_MOST_UNREAD = 50
_CURRENT = (Status.APPROVED, Status.ARCHIVED)
_OWNERS = frozenset({ActorKind.PATIENT, ActorKind.REPRESENTATIVE, ActorKind.DELEGATE})
_ALL_CURRENT = DocumentFilter(statuses=_CURRENT)


class ReadingService:
    """Search inside documents, results over time, medical profile."""

    def __init__(self, base: Base, dmp: DmpService) -> None:
        self._base = base
        self._dmp = dmp

    async def search(
        self,
        actor: Actor,
        ins: Ins,
        words: str,
        *,
        among: DocumentFilter = _ALL_CURRENT,
        page: Page = FIRST_PAGE,
        door: Door = Door.PORTAL,
    ) -> Found:
        """The visible documents of ``among`` that hold all of ``words``, with the words around the first match."""
        wanted = terms_of(words)
        if not wanted:
            return Found()
        key = patient_key(ins)
        await self._read_unread(actor, ins, door)
        index_key = await self._base.objects.rings.index_key(key)
        async with self._base.database.connection() as connection:
            rows = await QUERIES["find_by_terms"].rows(
                connection, patient_key=key, terms=[hash_term(index_key, term) for term in wanted]
            )
        if not rows:
            return Found()
        narrowed = msgspec.structs.replace(among, unique_ids=tuple(row["unique_id"] for row in rows))
        found = await self._dmp.search(actor, FindDocuments(patient=ins, filter=narrowed), page, door=door)
        readings = await self._readings(key, found.objects.documents)
        return Found(
            tuple(Hit(entry, excerpt(reading.text, wanted)) for entry, reading in readings), found.next, found.total
        )

    async def results(self, actor: Actor, ins: Ins, series_key: str = "", *, door: Door = Door.PORTAL) -> list[Series]:
        """The analyses over time that visible documents hold: all, or the one whose ``Series.key`` is given."""
        key = patient_key(ins)
        await self._read_unread(actor, ins, door)
        index_key = await self._base.objects.rings.index_key(key)
        wanted = [hash_term(index_key, series_key)] if series_key else []
        async with self._base.database.connection() as connection:
            rows = await QUERIES["find_by_result"].rows(connection, patient_key=key, results=wanted)
        series = series_of(await self._visible(actor, ins, [row["unique_id"] for row in rows], door))
        return [one for one in series if not series_key or one.key == series_key]

    async def profile(
        self, actor: Actor, ins: Ins, *, door: Door = Door.PORTAL
    ) -> dict[ProfileKind, list[ProfileLine]]:
        """The medical profile: what visible documents say and what the citizen wrote, each line with its source."""
        key = patient_key(ins)
        await self._read_unread(actor, ins, door)
        async with self._base.database.connection() as connection:
            rows = await QUERIES["find_profile"].rows(connection, patient_key=key)
        readings = await self._visible(actor, ins, [row["unique_id"] for row in rows], door)
        async with self._base.database.connection() as connection:
            return profile_of(readings, await self._lines(connection, key))

    async def write_line(self, actor: Actor, ins: Ins, line: CitizenLine) -> None:
        """Keeps a line that the citizen (or who acts for them) wrote. Raises ``Forbidden`` for anybody else."""
        key = await self._own_key(actor, ins)
        sealed = await self._base.objects.rings.seal(key, b"citizen-line" + line.id.bytes, msgspec.msgpack.encode(line))
        async with self._base.database.transaction() as connection:
            await QUERIES["put_line"].execute(
                connection, patient_key=key, id=line.id, sealed=sealed, at=self._base.clock()
            )
            await self._base.audit.record(connection, _written(actor, key, line.id, Action.UPDATE))

    async def delete_line(self, actor: Actor, ins: Ins, line_id: UUID) -> None:
        """Takes away a line that the citizen wrote. Raises ``Forbidden`` for anybody else."""
        key = await self._own_key(actor, ins)
        async with self._base.database.transaction() as connection:
            await QUERIES["delete_line"].execute(connection, patient_key=key, id=line_id)
            await self._base.audit.record(connection, _written(actor, key, line_id, Action.DELETE))

    def new_line(self, kind: ProfileKind, **values: object) -> CitizenLine:
        """A line of the citizen's, of now."""
        return msgspec.convert({"id": uuid4(), "kind": kind, "at": self._base.clock(), **values}, CitizenLine)

    async def _index(self, key: UUID, found: Retrieved) -> None:
        unique_id = found.entry.unique_id
        reading = await asyncio.to_thread(read_document, found.content, found.entry.title)
        rings = self._base.objects.rings
        index_key = await rings.index_key(key)
        sealed = await rings.seal(key, b"reading" + unique_id.encode(), msgspec.msgpack.encode(reading))
        async with self._base.database.connection() as connection:
            await QUERIES["put_reading"].execute(
                connection,
                patient_key=key,
                unique_id=unique_id,
                terms=sorted(hash_term(index_key, term) for term in terms_of(reading.text)),
                results=sorted(hash_term(index_key, result) for result in result_keys(reading.content)),
                has_profile=has_profile(reading.content),
                sealed=sealed,
            )

    async def _visible(
        self, actor: Actor, ins: Ins, unique_ids: list[str], door: Door
    ) -> list[tuple[DocumentEntry, Reading]]:
        """The documents among ``unique_ids`` that the DMP shows to ``actor``, newest first, with what they say."""
        if not unique_ids:
            return []
        query = FindDocuments(patient=ins, filter=DocumentFilter(statuses=_CURRENT, unique_ids=tuple(unique_ids)))
        page = await self._dmp.search(actor, query, Page(size=_MOST_DOCUMENTS, with_total=False), door=door)
        return await self._readings(patient_key(ins), page.objects.documents)

    async def _readings(self, key: UUID, entries: Sequence[DocumentEntry]) -> list[tuple[DocumentEntry, Reading]]:
        """What those of ``entries`` that were read say."""
        async with self._base.database.connection() as connection:
            rows = await QUERIES["read_sealed"].rows(
                connection, patient_key=key, unique_ids=[entry.unique_id for entry in entries]
            )
            sealed = {row["unique_id"]: row["sealed"] for row in rows}
            found = []
            for entry in entries:
                if entry.unique_id in sealed:
                    context = b"reading" + entry.unique_id.encode()
                    opened = await self._base.objects.rings.open(key, context, sealed[entry.unique_id], connection)
                    found.append((entry, msgspec.msgpack.decode(opened, type=Reading)))
        return found

    async def _read_unread(self, actor: Actor, ins: Ins, door: Door) -> None:
        """Reads the newest visible documents that were not read yet, so that what was just accepted is found.

        What is older is read by a job, asked for when the first document of a record is found unread.
        """
        query = FindDocuments(patient=ins, filter=_ALL_CURRENT)
        page = await self._dmp.search(actor, query, Page(size=_MOST_UNREAD, with_total=False), door=door)
        unread = await self._unread(patient_key(ins), [entry.unique_id for entry in page.objects.documents])
        if unread:
            await self.read(patient_key(ins), unread)
        if page.next and len(unread) == len(page.objects.documents):
            async with self._base.database.transaction() as connection:
                request = CatchUp(actor, ins, page.next)
                await self._base.jobs.enqueue(
                    connection, "reading.catch_up", request, dedupe_key=f"reading.catch_up:{patient_key(ins)}"
                )

    async def catch_up(self, request: CatchUp) -> None:
        """Reads what the actor of ``request`` sees beyond the first page, until everything was read."""
        after = request.after
        query = FindDocuments(patient=request.ins, filter=_ALL_CURRENT)
        while after:
            page = await self._dmp.search(
                request.actor, query, Page(size=_MOST_UNREAD, after=after, with_total=False), door=Door.JOB
            )
            key = patient_key(request.ins)
            await self.read(key, await self._unread(key, [entry.unique_id for entry in page.objects.documents]))
            after = page.next

    async def read(self, key: UUID, unique_ids: Sequence[str]) -> None:
        """Reads these documents of one patient and keeps, sealed, what they say."""
        for found in await self._dmp.read_to_index(key, unique_ids):
            await self._index(key, found)

    async def _unread(self, key: UUID, unique_ids: Sequence[str]) -> list[str]:
        async with self._base.database.connection() as connection:
            rows = await QUERIES["list_read"].rows(connection, patient_key=key, unique_ids=list(unique_ids))
        known = {row["unique_id"] for row in rows}
        return [unique_id for unique_id in unique_ids if unique_id not in known]

    async def _lines(self, connection: Connection, key: UUID) -> list[CitizenLine]:
        lines = []
        for row in await QUERIES["list_lines"].rows(connection, patient_key=key):
            opened = await self._base.objects.rings.open(
                key, b"citizen-line" + row["id"].bytes, row["sealed"], connection
            )
            lines.append(msgspec.msgpack.decode(opened, type=CitizenLine))
        return lines

    async def _own_key(self, actor: Actor, ins: Ins) -> UUID:
        if actor.kind not in _OWNERS or actor.authentication is not AuthenticationMode.CITIZEN or actor.patient != ins:
            raise Forbidden(
                "ProfileNotYours",
                Text(
                    "Seule la personne, ou qui la représente, écrit dans son profil médical.",
                    "Only the person, or who represents them, writes in the medical profile.",
                ),
            )
        # The DMP refuses those whose mandate ended.
        await self._dmp.record_status(actor, ins, door=Door.PORTAL)
        return patient_key(ins)


def _written(actor: Actor, key: UUID, line_id: UUID, action: Action) -> AuditEvent:
    return AuditEvent(
        actor=actor,
        action=action,
        transaction="portal.profile",
        patient_key=key,
        right="holder",
        subjects=(Subject("profile-line", hashlib.sha256(line_id.bytes).hexdigest()[:16]),),
        is_secret=actor.is_secret,
    )
