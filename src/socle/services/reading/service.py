"""Finds words, results and facts in the documents that the DMP lets an actor see."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import zlib
from collections.abc import Callable, Sequence
from uuid import UUID, uuid4

import msgspec

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.audit import Action, AuditEvent, Subject
from socle.platform.base import Base
from socle.platform.database import Connection, Queries
from socle.platform.keys import Unreadable
from socle.platform.patient_key import patient_key
from socle.services.dmp.domain import FIRST_PAGE, DocumentFilter, Door, FindDocuments, FoundPage, Page, Retrieved
from socle.services.dmp.service import DmpService
from socle.services.reading.domain import (
    CatchUp,
    CitizenLine,
    Facts,
    Found,
    Hit,
    ProfileKind,
    ProfileLine,
    Series,
)
from socle.services.reading.extract import profile_of, read_document, series_of
from socle.services.reading.words import excerpt, hash_term, matches, terms_of
from socle.standards.errors import Forbidden, Text
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import DocumentEntry, RegistryObjects, Status

QUERIES = Queries("socle.services.reading")

#: Most documents of which one set of curves or one profile is made, newest first: the DMP's largest page.
_MOST_DOCUMENTS = 5000
#: Most documents read at once because nobody had read them yet; the others are left to a job.
_MOST_UNREAD = 50
#: Changes with what is kept of a document: all is then read anew.
_FORM = 3
_DIGEST = msgspec.msgpack.Decoder(dict[str, Facts])
_DIGEST_CONTEXT = b"reading-digest"
_CURRENT = (Status.APPROVED, Status.ARCHIVED)
_OWNERS = frozenset({ActorKind.PATIENT, ActorKind.REPRESENTATIVE, ActorKind.DELEGATE})
_ALL_CURRENT = DocumentFilter(statuses=_CURRENT)


class ReadingService:
    """Search inside documents, results over time, medical profile."""

    def __init__(self, base: Base, dmp: DmpService) -> None:
        self._base = base
        self._dmp = dmp
        dmp.destroy_with_record(self._forget)

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
        index_key = await self._base.objects.rings.index_key(key)
        terms = [hash_term(index_key, term) for term in wanted]
        found = await self._find(actor, ins, terms, among, page, door)
        unread = await self._read_unread(key)
        if unread:
            found = await self._find(actor, ins, terms, among, page, door)
        texts = await self._texts(key, [entry.unique_id for entry in found.objects.documents])
        hits = [(entry, excerpt(texts.get(entry.unique_id, ""), wanted)) for entry in found.objects.documents]
        shown = tuple(Hit(entry, text, matches(text, wanted)) for entry, text in hits)
        return Found(shown, found.next, found.total, is_partial=unread > _MOST_UNREAD)

    async def results(self, actor: Actor, ins: Ins, *, door: Door = Door.PORTAL) -> list[Series]:
        """The analyses over time that visible documents hold."""
        return series_of(await self._visible(actor, ins, lambda facts: bool(facts.results), door))

    async def profile(
        self, actor: Actor, ins: Ins, *, door: Door = Door.PORTAL
    ) -> dict[ProfileKind, list[ProfileLine]]:
        """The medical profile: what visible documents say and what the citizen wrote, each line with its source."""
        found = await self._visible(actor, ins, lambda facts: bool(facts.profile), door)
        return profile_of(found, await self._lines(patient_key(ins)))

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

    async def catch_up(self, key: UUID) -> None:
        """Reads all that is unread of one patient."""
        while await self._read_some(key):
            pass

    async def _read_unread(self, key: UUID) -> int:
        """Reads the newest documents that were not read yet, so that what was just accepted is found.

        Older ones are left to a job. Returns how many were unread before.
        """
        left = await self._read_some(key)
        if left > _MOST_UNREAD:
            async with self._base.database.transaction() as connection:
                await self._base.jobs.enqueue(
                    connection, "reading.catch_up", CatchUp(key), dedupe_key=f"reading.catch_up:{key}"
                )
        return left

    async def _read_some(self, key: UUID) -> int:
        """Reads up to ``_MOST_UNREAD`` unread documents, newest first; returns how many were unread before."""
        current = await self._dmp.list_to_index(key)
        index_key = await self._base.objects.rings.index_key(key)
        async with self._base.database.connection() as connection:
            rows = await QUERIES["find_unread"].rows(
                connection, patient_key=key, index_id=_index_id(index_key), unique_ids=current
            )
        wanted = [row["unique_id"] for row in rows[:_MOST_UNREAD]]
        if wanted:
            await self._keep(key, index_key, await self._dmp.read_to_index(key, wanted))
        return len(rows)

    async def _keep(self, key: UUID, index_key: bytes, documents: Sequence[Retrieved]) -> None:
        """Reads ``documents`` and keeps, sealed, what they say."""
        rings = self._base.objects.rings
        read = {}
        kept = []
        for found in documents:
            entry = found.entry
            act = entry.service_start_time or entry.creation_time
            reading = await asyncio.to_thread(read_document, found.content, entry.title, act)
            read[entry.unique_id] = reading.facts
            kept.append(
                {
                    "patient_key": key,
                    "unique_id": entry.unique_id,
                    "index_id": _index_id(index_key),
                    "terms": sorted(hash_term(index_key, term) for term in terms_of(reading.text)),
                    "sealed_text": await rings.seal(key, _text_context(entry.unique_id), _pack(reading.text.encode())),
                }
            )
        async with self._base.database.transaction() as connection:
            row = await QUERIES["lock_digest"].row(connection, patient_key=key, index_id=_index_id(index_key))
            assert row is not None
            digest = await self._open_digest(key, row["sealed"], connection)
            stated = {unique_id: facts for unique_id, facts in read.items() if facts != Facts()}
            sealed = await rings.seal(key, _DIGEST_CONTEXT, _pack(msgspec.msgpack.encode(digest | stated)))
            await QUERIES["put_digest"].execute(connection, patient_key=key, sealed=sealed)
            await QUERIES["put_document"].execute_many(connection, kept)

    async def _visible(
        self, actor: Actor, ins: Ins, is_wanted: Callable[[Facts], bool], door: Door
    ) -> list[tuple[DocumentEntry, Facts]]:
        """The documents that the DMP shows to ``actor`` and whose facts are wanted, newest first."""
        found = await self._stating(actor, ins, is_wanted, door)
        return await self._stating(actor, ins, is_wanted, door) if await self._read_unread(patient_key(ins)) else found

    async def _stating(
        self, actor: Actor, ins: Ins, is_wanted: Callable[[Facts], bool], door: Door
    ) -> list[tuple[DocumentEntry, Facts]]:
        digest = await self._digest(patient_key(ins))
        wanted = [unique_id for unique_id, facts in digest.items() if is_wanted(facts)]
        page = Page(size=_MOST_DOCUMENTS, with_total=False)
        found = await self._narrow(actor, ins, wanted, _ALL_CURRENT, page, door)
        return [(entry, digest[entry.unique_id]) for entry in found.objects.documents]

    async def _find(
        self, actor: Actor, ins: Ins, terms: Sequence[int], among: DocumentFilter, page: Page, door: Door
    ) -> FoundPage:
        key = patient_key(ins)
        index_id = _index_id(await self._base.objects.rings.index_key(key))
        async with self._base.database.connection() as connection:
            rows = await QUERIES["find_by_terms"].rows(connection, patient_key=key, index_id=index_id, terms=terms)
        return await self._narrow(actor, ins, [row["unique_id"] for row in rows], among, page, door)

    async def _narrow(
        self, actor: Actor, ins: Ins, unique_ids: Sequence[str], among: DocumentFilter, page: Page, door: Door
    ) -> FoundPage:
        """Those of ``unique_ids`` that the DMP shows to ``actor``. It decides, and traces, even if there are none."""
        if not unique_ids:
            query = FindDocuments(patient=ins, filter=among)
            await self._dmp.search(actor, query, Page(size=0, with_total=False), door=door)
            return FoundPage(objects=RegistryObjects(), total=0)
        query = FindDocuments(patient=ins, filter=msgspec.structs.replace(among, unique_ids=tuple(unique_ids)))
        return await self._dmp.search(actor, query, page, door=door)

    async def _digest(self, key: UUID) -> dict[str, Facts]:
        index_key = await self._base.objects.rings.index_key(key)
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_digest"].row(connection, patient_key=key, index_id=_index_id(index_key))
            return await self._open_digest(key, row["sealed"] if row else b"", connection)

    async def _open_digest(self, key: UUID, sealed: bytes, connection: Connection) -> dict[str, Facts]:
        if not sealed:
            return {}
        return _DIGEST.decode(
            zlib.decompress(await self._base.objects.rings.open(key, _DIGEST_CONTEXT, sealed, connection))
        )

    async def _texts(self, key: UUID, unique_ids: Sequence[str]) -> dict[str, str]:
        rings = self._base.objects.rings
        index_id = _index_id(await rings.index_key(key))
        async with self._base.database.connection() as connection:
            rows = await QUERIES["find_texts"].rows(
                connection, patient_key=key, index_id=index_id, unique_ids=list(unique_ids)
            )
            return {
                row["unique_id"]: zlib.decompress(
                    await rings.open(key, _text_context(row["unique_id"]), row["sealed_text"], connection)
                ).decode()
                for row in rows
            }

    async def _lines(self, key: UUID) -> list[CitizenLine]:
        lines = []
        async with self._base.database.connection() as connection:
            for row in await QUERIES["list_lines"].rows(connection, patient_key=key):
                # What was sealed by a key that was destroyed is gone: the record was destroyed and opened anew.
                with contextlib.suppress(Unreadable):
                    opened = await self._base.objects.rings.open(
                        key, b"citizen-line" + row["id"].bytes, row["sealed"], connection
                    )
                    lines.append(msgspec.msgpack.decode(opened, type=CitizenLine))
        return lines

    async def _forget(self, connection: Connection, key: UUID) -> None:
        for name in ("delete_documents", "delete_digest", "delete_lines"):
            await QUERIES[name].execute(connection, patient_key=key)

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


def _index_id(index_key: bytes) -> int:
    """A name for ``index_key``, which tells nothing of it, and for the form of what is kept."""
    return hash_term(index_key, f" {_FORM}")


def _pack(content: bytes) -> bytes:
    """Smaller, quickly: texts shrink to a third, digests to a tenth."""
    return zlib.compress(content, level=1)


def _text_context(unique_id: str) -> bytes:
    return b"reading-text" + unique_id.encode()


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
