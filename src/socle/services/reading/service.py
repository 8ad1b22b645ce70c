"""Finds words, results and facts in the documents that the DMP lets an actor see."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from uuid import UUID, uuid4

import msgspec

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.audit import Action, AuditEvent, Subject
from socle.platform.base import Base
from socle.platform.database import Connection
from socle.platform.keys import Unreadable
from socle.platform.patient_key import patient_key
from socle.platform.threads import off_loop
from socle.services.dmp.domain import FIRST_PAGE, DocumentFilter, Door, FindDocuments, FoundPage, Page
from socle.services.dmp.service import DmpService
from socle.services.reading.domain import CitizenLine, Found, Hit, ProfileKind, ProfileLine, Series
from socle.services.reading.index import QUERIES, Index
from socle.services.reading.words import excerpt, matches, terms_of
from socle.standards.errors import Forbidden, Text
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import DocumentEntry, RegistryObjects, Status

_CURRENT = (Status.APPROVED, Status.ARCHIVED)
_OWNERS = frozenset({ActorKind.PATIENT, ActorKind.REPRESENTATIVE, ActorKind.DELEGATE})
_ALL_CURRENT = DocumentFilter(statuses=_CURRENT)


class ReadingService:
    """Search inside documents, results over time, medical profile."""

    def __init__(self, base: Base, dmp: DmpService) -> None:
        self._base = base
        self._dmp = dmp
        self._index = Index(base, dmp)
        dmp.destroy_with_record(self._forget)
        dmp.move_with_record(self._move)

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
        found = await self._narrow(actor, ins, await self._index.find(key, wanted), among, page, door)
        unread = await self._index.read_new(key)
        if unread:
            found = await self._narrow(actor, ins, await self._index.find(key, wanted), among, page, door)
        texts = await self._index.texts(key, [entry.unique_id for entry in found.objects.documents])
        hits = await off_loop(sum(map(len, texts.values())), partial(_hits, found.objects.documents, texts, wanted))
        return Found(hits, found.next, found.total, is_partial=unread > self._index.most_unread)

    async def results(self, actor: Actor, ins: Ins, *, door: Door = Door.PORTAL) -> list[Series]:
        """The analyses over time that visible documents hold."""
        names, key = await self._dmp.list_names(actor, ins, door=door), patient_key(ins)
        await self._index.read_new(key)
        return (await self._index.results(key)).series(names)

    async def profile(
        self, actor: Actor, ins: Ins, *, door: Door = Door.PORTAL
    ) -> dict[ProfileKind, list[ProfileLine]]:
        """The medical profile: what visible documents say and what the citizen wrote, each line with its source."""
        names, key = await self._dmp.list_names(actor, ins, door=door), patient_key(ins)
        await self._index.read_new(key)
        return (await self._index.facts(key)).profile(names, await self._lines(key))

    async def write_line(self, actor: Actor, ins: Ins, line: CitizenLine) -> None:
        """Keeps a line that the citizen (or who acts for them) wrote. Raises ``Forbidden`` for anybody else."""
        key = await self._own_key(actor, ins)
        async with self._base.database.transaction() as connection:
            await self._dmp.hold_record(connection, key)
            ring = await self._base.objects.rings.ring(key, connection)
            sealed = ring.seal(_line_context(line.id), msgspec.msgpack.encode(line))
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
        await self._index.catch_up(key)

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

    async def _lines(self, key: UUID) -> list[CitizenLine]:
        lines = []
        async with self._base.database.connection() as connection:
            for row in await QUERIES["list_lines"].rows(connection, patient_key=key):
                # What was sealed by a key that was destroyed is gone: the record was destroyed and opened anew.
                with contextlib.suppress(Unreadable):
                    opened = await self._base.objects.rings.open(
                        key, _line_context(row["id"]), row["sealed"], connection
                    )
                    lines.append(msgspec.msgpack.decode(opened, type=CitizenLine))
        return lines

    async def _move(
        self, connection: Connection, source: UUID, target: UUID, names: Collection[str] | None
    ) -> list[str]:
        """Seals the lines of one record under the keys of another; what documents say is read there anew."""
        ring = await self._base.objects.rings.ring(target, connection)
        moved = []
        for row in await QUERIES["list_lines"].rows(connection, patient_key=source):
            line_id, context = row["id"], _line_context(row["id"])
            if names is not None and str(line_id) not in names:
                continue
            with contextlib.suppress(Unreadable):
                opened = await self._base.objects.rings.open(source, context, row["sealed"], connection)
                values = {"sealed": ring.seal(context, opened), "at": row["at"]}
                await QUERIES["put_line"].execute(connection, patient_key=target, id=line_id, **values)
                await QUERIES["delete_line"].execute(connection, patient_key=source, id=line_id)
                moved.append(str(line_id))
        return moved

    async def _forget(self, connection: Connection, key: UUID) -> None:
        await self._index.forget(connection, key)
        await QUERIES["delete_lines"].execute(connection, patient_key=key)

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


def _line_context(line_id: UUID) -> bytes:
    return b"citizen-line" + line_id.bytes


def _hits(entries: Iterable[DocumentEntry], texts: Mapping[str, str], wanted: frozenset[str]) -> tuple[Hit, ...]:
    found = []
    for entry in entries:
        text = texts.get(entry.unique_id, "")
        words = matches(text, wanted)
        found.append(Hit(entry, excerpt(text, words), words))
    return tuple(found)


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
