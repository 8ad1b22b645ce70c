"""What the base has read in documents, kept sealed. It knows nothing of rights: the service asks the DMP.

Words are keyed hashes; texts, results and facts are sealed under the patient's key. A stamp of the documents that were
read says at the cost of one row that there is nothing new.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import msgspec

from socle.platform.base import Base
from socle.platform.database import Connection, Queries
from socle.services.dmp.domain import Retrieved
from socle.services.dmp.service import DmpService
from socle.services.reading.digest import FactDigest, ResultDigest
from socle.services.reading.domain import CatchUp, Reading
from socle.services.reading.extract import read_document
from socle.services.reading.words import hash_term, terms_of

QUERIES: Final = Queries("socle.services.reading")

#: Changes with what is kept of a document: all is then read anew.
_FORM: Final = 4
_RESULTS: Final = msgspec.msgpack.Decoder(ResultDigest)
_FACTS: Final = msgspec.msgpack.Decoder(FactDigest)
_RESULTS_CONTEXT: Final = b"reading-results"
_FACTS_CONTEXT: Final = b"reading-facts"


class Index:
    """The words, results and facts of every record."""

    #: Most documents read at once because nobody had read them yet; the others are left to a job.
    most_unread = 50

    def __init__(self, base: Base, dmp: DmpService) -> None:
        self._base = base
        self._dmp = dmp
        self._rings = base.objects.rings

    async def find(self, key: UUID, terms: Iterable[str]) -> list[str]:
        """The documents that were read and hold all ``terms``."""
        index_key = await self._rings.index_key(key)
        hashes = [hash_term(index_key, term) for term in terms]
        async with self._base.database.connection() as connection:
            rows = await QUERIES["find_by_terms"].rows(
                connection, patient_key=key, index_id=_index_id(index_key), terms=hashes
            )
        return [row["unique_id"] for row in rows]

    async def texts(self, key: UUID, unique_ids: Sequence[str]) -> dict[str, str]:
        """The texts of those of ``unique_ids`` that were read."""
        index_id = _index_id(await self._rings.index_key(key))
        async with self._base.database.connection() as connection:
            rows = await QUERIES["find_texts"].rows(
                connection, patient_key=key, index_id=index_id, unique_ids=list(unique_ids)
            )
            return {
                row["unique_id"]: (
                    await self._open(key, _text_context(row["unique_id"]), row["sealed_text"], connection)
                ).decode()
                for row in rows
            }

    async def results(self, key: UUID) -> ResultDigest:
        """The results of all documents that were read."""
        content = await self._find(key, "find_results", _RESULTS_CONTEXT)
        return _RESULTS.decode(content) if content else ResultDigest()

    async def facts(self, key: UUID) -> FactDigest:
        """The facts of all documents that were read."""
        content = await self._find(key, "find_facts", _FACTS_CONTEXT)
        return _FACTS.decode(content) if content else FactDigest()

    async def read_new(self, key: UUID) -> int:
        """Reads the newest documents that were not read yet, so that what was just accepted is found.

        Older ones are left to a job. Returns how many were unread before.
        """
        index_key = await self._rings.index_key(key)
        names = {"patient_key": key, "index_id": _index_id(index_key)}
        async with self._base.database.connection() as connection:
            stamp = await self._dmp.stamp_to_index(connection, key)
            row = await QUERIES["find_stamp"].row(connection, **names)
        if row is not None and row["stamp"] == stamp:
            return 0
        unread = await self._read_some(key)
        async with self._base.database.transaction() as connection:
            if unread <= self.most_unread:
                # Those that came since change the stamp: they are found next time.
                await QUERIES["put_stamp"].execute(connection, **names, stamp=stamp)
            else:
                await self._base.jobs.enqueue(
                    connection, "reading.catch_up", CatchUp(key), dedupe_key=f"reading.catch_up:{key}"
                )
        return unread

    async def catch_up(self, key: UUID) -> None:
        """Reads all that is unread."""
        while await self._read_some(key):
            pass

    async def forget(self, connection: Connection, key: UUID) -> None:
        """Deletes all that was read in a record; what is being read meanwhile waits, and then finds no document."""
        await QUERIES["lock_digest"].row(connection, patient_key=key, index_id=0)
        for name in ("delete_documents", "delete_digest"):
            await QUERIES[name].execute(connection, patient_key=key)

    async def _read_some(self, key: UUID) -> int:
        """Reads up to ``most_unread`` unread documents, newest first; returns how many were unread before."""
        async with self._base.database.connection() as connection:
            current = await self._dmp.list_to_index(connection, key)
        if not current:
            return 0
        index_key = await self._rings.index_key(key)
        async with self._base.database.connection() as connection:
            rows = await QUERIES["list_read"].rows(connection, patient_key=key, index_id=_index_id(index_key))
        read = {row["unique_id"] for row in rows}
        unread = [unique_id for unique_id in current if unique_id not in read]
        if unread:
            found = await self._dmp.read_to_index(key, unread[: self.most_unread])
            readings = {one.entry.unique_id: await asyncio.to_thread(_read, one) for one in found}
            await self._keep(key, index_key, readings)
        return len(unread)

    async def _keep(self, key: UUID, index_key: bytes, readings: dict[str, Reading]) -> None:
        """Keeps, sealed, what ``readings`` say, but for those of documents that went meanwhile."""
        index_id = _index_id(index_key)
        async with self._base.database.transaction() as connection:
            row = await QUERIES["lock_digest"].row(connection, patient_key=key, index_id=index_id)
            assert row is not None
            current = set(await self._dmp.list_to_index(connection, key))
            if not current:
                await QUERIES["delete_digest"].execute(connection, patient_key=key)
                return
            ring = await self._rings.ring(key, connection)
            kept = {unique_id: one for unique_id, one in readings.items() if unique_id in current}
            facts = {unique_id: one.facts for unique_id, one in kept.items()}
            sealed = {"sealed": row["sealed"], "sealed_facts": row["sealed_facts"]}
            for column, context, decoder, states in (
                ("sealed", _RESULTS_CONTEXT, _RESULTS, any(one.results for one in facts.values())),
                ("sealed_facts", _FACTS_CONTEXT, _FACTS, any(one.profile for one in facts.values())),
            ):
                if states:
                    content = await self._open(key, context, row[column], connection)
                    digest = decoder.decode(content) if content else decoder.type()
                    digest.add(facts)
                    sealed[column] = ring.seal(context, _pack(msgspec.msgpack.encode(digest)))
            await QUERIES["put_digest"].execute(connection, patient_key=key, **sealed)
            await QUERIES["put_document"].execute_many(
                connection,
                [
                    {
                        "patient_key": key,
                        "unique_id": unique_id,
                        "index_id": index_id,
                        "terms": sorted(hash_term(index_key, term) for term in terms_of(reading.text)),
                        "sealed_text": ring.seal(_text_context(unique_id), _pack(reading.text.encode())),
                    }
                    for unique_id, reading in kept.items()
                ],
            )

    async def _find(self, key: UUID, query: str, context: bytes) -> bytes:
        index_id = _index_id(await self._rings.index_key(key))
        async with self._base.database.connection() as connection:
            row = await QUERIES[query].row(connection, patient_key=key, index_id=index_id)
            return await self._open(key, context, row["sealed"] if row else b"", connection)

    async def _open(self, key: UUID, context: bytes, sealed: bytes, connection: Connection) -> bytes:
        """What was sealed; nothing if nothing was."""
        return zlib.decompress(await self._rings.open(key, context, sealed, connection)) if sealed else b""


def _read(found: Retrieved) -> Reading:
    entry = found.entry
    return read_document(found.content, entry.title, entry.service_start_time or entry.creation_time)


def _index_id(index_key: bytes) -> int:
    """A name for ``index_key``, which tells nothing of it, and for the form of what is kept."""
    return hash_term(index_key, f" {_FORM}")


def _pack(content: bytes) -> bytes:
    """Smaller, quickly: texts shrink to a third, digests to a tenth."""
    return zlib.compress(content, level=1)


def _text_context(unique_id: str) -> bytes:
    return b"reading-text" + unique_id.encode()
