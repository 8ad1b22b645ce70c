"""Documents that come by secure mail: listed with their patient, judged, taken by software, filed in the DMP.

Nothing is filed without the act of a professional, except what comes to an applicative box that is set to file by
itself, and then only what raises no question. Filing twice is harmless: the registry knows the uniqueId.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol
from uuid import UUID, uuid5

import msgspec
import structlog

from socle.platform.actor import CITIZENS, Actor, ActorKind, AuthenticationMode
from socle.platform.audit import Action, AuditEvent, Subject
from socle.platform.base import Base
from socle.platform.clock import to_dtm
from socle.platform.database import Connection, Queries
from socle.platform.patient_key import patient_key
from socle.services.conformance.domain import Verdict
from socle.services.delivery.arrivals import Arrival, Content, contents_of, judge, match_patient, refused_intake
from socle.services.delivery.domain import ALREADY_REGISTERED, SOURCE_ID, Registry
from socle.services.dmp.domain import GetDocuments
from socle.services.ins.domain import Identity
from socle.services.mssante.domain import ArrivalTask, Mailbox, MailboxKind, MailSession, OpenedMessage
from socle.services.mssante.service import MssanteService
from socle.standards.cda.metadata import document_entry_of, submission_for
from socle.standards.errors import InvalidContent, NotFound, SocleError, Text, Unavailable
from socle.standards.ids.ins import Ins
from socle.standards.xdm.package import action_of
from socle.standards.xds.model import DocumentEntry, Status, Visibility

QUERIES = Queries("socle.services.delivery")

_SUBMISSION: Final = UUID("2f0d8f0e-70c5-4d5c-9d34-0f6c0a4a5b11")

_log = structlog.get_logger(__name__)


class Identities(Protocol):
    """The identities of this base."""

    async def find(self, connection: Connection, ins: Ins) -> Identity | None:
        """The active identity that holds ``ins``; the caller leaves the trace."""


class Judge(Protocol):
    """Conformance as intake needs it."""

    async def verdict(self, content: bytes) -> Verdict:
        """What the rules in force say of a document."""

    async def feed_verdict(self, content: bytes, entry: DocumentEntry) -> Verdict | None:
        """The same as at feed: raises ``InvalidContent`` when the policy refuses; ``None`` when nothing is judged."""


class IntakeService:
    """Use cases of what comes in. The session proves the right on the box; the actor is the session's."""

    def __init__(
        self, base: Base, mssante: MssanteService, registry: Registry, identities: Identities, judge: Judge
    ) -> None:
        self._base = base
        self._mssante = mssante
        self._registry = registry
        self._identities = identities
        self._judge = judge

    async def list_arrivals(self, session: MailSession, *, only_new: bool = False, count: int = 50) -> list[Arrival]:
        """Documents of the inbox with their patient, newest message first; conformance is not judged here."""
        messages = await self._mssante.webmail.with_documents(session, count=count)
        found = [arrival for message in messages for arrival in await self._read(session, message)]
        return [one for one in found if not only_new or (one.taken_at is None and one.filed_at is None)]

    async def of_message(self, session: MailSession, message: OpenedMessage) -> list[Arrival]:
        """The documents of a message that is open, judged."""
        return await self._read(session, message, is_judged=True)

    async def examine(self, session: MailSession, arrival_id: str) -> Arrival:
        """One document, judged by the rules in force too. Raises ``NotFound``."""
        return (await self._find(session, arrival_id, is_judged=True))[0]

    async def content(self, session: MailSession, arrival_id: str) -> bytes:
        """The document as it came, byte for byte. Raises ``NotFound``."""
        return (await self._find(session, arrival_id))[1].content

    async def take(self, session: MailSession, arrival_id: str) -> Arrival:
        """Remembers that the holder's software has the document; again changes nothing."""
        arrival, _, message = await self._find(session, arrival_id)
        async with self._base.database.transaction() as connection:
            await QUERIES["note_taken"].execute(
                connection,
                **_key(session.box, message, arrival.document_id),
                now=self._base.clock(),
                by=session.actor.id,
            )
            await self._trace(connection, session.actor, "delivery.take", arrival.document_id, arrival.ins, Action.READ)
        return (await self._find(session, arrival_id))[0]

    async def file(self, session: MailSession, arrival_id: str) -> Arrival:
        """Sends the document to the DMP in the actor's name; again changes nothing.

        Raises ``InvalidContent`` (``IntakeRefused``) with every objection, and what the DMP refuses.
        """
        arrival, found, message = await self._find(session, arrival_id, is_judged=True)
        if arrival.filed_at is not None:
            return arrival
        if arrival.objections:
            raise refused_intake(arrival.objections)
        filed_as = await self._register(session.actor, found, message.content_key)
        await self.note_filed(session, message, arrival.document_id, arrival.ins, filed_as)
        return (await self._find(session, arrival_id))[0]

    async def note_filed(
        self, session: MailSession, message: OpenedMessage, document_id: str, patient: Ins | None, filed_as: str
    ) -> None:
        """Remembers that a document of the message is in the record under the uniqueId ``filed_as``."""
        async with self._base.database.transaction() as connection:
            await QUERIES["note_filed"].execute(
                connection,
                **_key(session.box, message, document_id),
                now=self._base.clock(),
                by=session.actor.id,
                filed_as=filed_as,
            )
            await self._trace(connection, session.actor, "delivery.file", document_id, patient, Action.CREATE)

    async def filed_as(self, session: MailSession, message: OpenedMessage, document_id: str) -> str:
        """The uniqueId under which a document of the message is in the record; empty when it is not."""
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_intake"].row(connection, **_key(session.box, message, document_id))
        return row["filed_as"] if row is not None else ""

    async def on_arrival(self, task: ArrivalTask) -> None:
        """Files what came to an applicative box that files by itself. Raises ``Unavailable`` to be tried again."""
        box = await self._mssante.find(task.address)
        if not box.files_to_dmp or box.kind is not MailboxKind.APPLICATIVE:
            return
        session = await self._mssante.access.of_actor(task.address, _software_of(box))
        message = await self._mssante.webmail.peek(session, task.folder_id, task.uid)
        for arrival in await self.of_message(session, message):
            try:
                if not arrival.files_itself and arrival.filed_at is None:
                    raise refused_intake((*arrival.objections, *arrival.cautions))
                await self.file(session, arrival.id)
            except Unavailable:
                raise
            except SocleError as error:
                _log.info("mail_document_not_filed", code=error.code)
                async with self._base.database.connection() as connection:
                    await QUERIES["note_refused"].execute(
                        connection, **_key(box, message, arrival.document_id), refusal=error.sentence()[:1000]
                    )

    async def _register(self, actor: Actor, found: Content, content_key: str) -> str:
        visibility = [Visibility(c.code) for c in found.entry.confidentiality_codes if c.code in set(Visibility)]
        entry = await asyncio.to_thread(document_entry_of, found.content, header=found.header, visibility=visibility)
        replaced = await self._replaced(actor, found)
        submission = submission_for(
            [(entry, found.content)],
            author=entry.authors[0],
            source_id=SOURCE_ID,
            unique_id=f"2.25.{uuid5(_SUBMISSION, f'{content_key}|{entry.unique_id}').int}",
            submission_time=to_dtm(self._base.clock()),
            title=entry.title,
            replaces={entry.entry_uuid: replaced} if replaced else None,
        )
        try:
            await self._registry.submit(actor, submission)
        except SocleError as error:
            if error.code != ALREADY_REGISTERED:
                raise
        return entry.unique_id

    async def _replaced(self, actor: Actor, found: Content) -> str:
        """The entryUUID of the document that this one replaces; empty when the actor does not see it."""
        former = found.header.replaced if found.header else None
        if former is None or found.header is None or found.header.patient.ins is None:
            return ""
        unique_id = f"{former.root}^{former.extension}" if former.extension else former.root
        try:
            query = GetDocuments(patient=found.header.patient.ins, unique_ids=(unique_id,))
            objects = await self._registry.query(actor, query)
        except SocleError:
            return ""
        return next((one.entry_uuid for one in objects.documents if one.status is Status.APPROVED), "")

    async def _find(
        self, session: MailSession, arrival_id: str, *, is_judged: bool = False
    ) -> tuple[Arrival, Content, OpenedMessage]:
        folder_id, uid, rank = _read_id(arrival_id)
        message = await self._mssante.webmail.peek(session, folder_id, uid)
        contents = contents_of(message.package)
        if rank >= len(contents):
            raise _not_found()
        arrival = await self._arrival(session, message, rank, contents[rank], is_judged=is_judged)
        return arrival, contents[rank], message

    async def _read(self, session: MailSession, message: OpenedMessage, *, is_judged: bool = False) -> list[Arrival]:
        contents = await asyncio.to_thread(contents_of, message.package)
        return [
            await self._arrival(session, message, rank, content, is_judged=is_judged)
            for rank, content in enumerate(contents)
        ]

    async def _arrival(
        self, session: MailSession, message: OpenedMessage, rank: int, found: Content, *, is_judged: bool
    ) -> Arrival:
        header, entry = found.header, found.entry
        ins = header.patient.ins if header else None
        identity = await self._identity(session.actor, ins)
        match = match_patient(header, identity)
        objections, cautions = await asyncio.to_thread(judge, found, match)
        verdict: Verdict | None = None
        if is_judged and header is not None:
            verdict, refused = await self._verdict(found)
            objections = (*objections, *refused)
        event = header.main_event if header else None
        low = event.time.low if event and event.time else None
        arrival = Arrival(
            id=f"{message.folder_id}.{message.uid}.{rank}",
            received_at=message.received_at,
            sender=str(message.mail.sender.address) if message.mail.sender else "",
            subject=message.mail.title,
            document_id=entry.unique_id,
            title=(header.title if header else "") or entry.title,
            type_code=header.code.code if header and header.code else entry.type_code.code,
            type_label=header.code.label if header and header.code else entry.type_code.label,
            act_time=low.text if low else "",
            action=action_of(entry, found.submission),
            patient=match,
            patient_name=_name_of(found),
            ins=ins,
            local_id=identity.local_id if identity else "",
            objections=tuple(dict.fromkeys(objections)),
            cautions=tuple(dict.fromkeys(cautions)),
            verdict=verdict,
        )
        return await self._with_history(session.box, message, arrival)

    async def _with_history(self, box: Mailbox, message: OpenedMessage, arrival: Arrival) -> Arrival:
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_intake"].row(connection, **_key(box, message, arrival.document_id))
        if row is None:
            return arrival
        return msgspec.structs.replace(
            arrival,
            filed_at=row["filed_at"],
            filed_as=row["filed_as"],
            refusal=row["refusal"],
            taken_at=row["taken_at"],
        )

    async def _verdict(self, found: Content) -> tuple[Verdict | None, Sequence[Text]]:
        """What the rules say, and why the policy refuses."""
        try:
            verdict = await self._judge.feed_verdict(found.content, found.entry)
            return verdict or await self._judge.verdict(found.content), ()
        except InvalidContent as error:
            return await self._judge.verdict(found.content), (error.reason,)
        except SocleError as error:
            return None, (error.reason,)

    async def _identity(self, actor: Actor, ins: Ins | None) -> Identity | None:
        # A citizen is told nothing of anybody else, and leaves no trace with them: a sender could name whom they wish.
        if ins is None or (actor.kind in CITIZENS and ins != actor.patient):
            return None
        async with self._base.database.transaction() as connection:
            identity = await self._identities.find(connection, ins)
            if identity is not None:
                event = AuditEvent(
                    actor=actor, action=Action.READ, transaction="delivery.match", patient_key=patient_key(ins)
                )
                await self._base.audit.record(connection, event)
        return identity

    async def _trace(
        self, connection: Connection, actor: Actor, name: str, document_id: str, patient: Ins | None, action: Action
    ) -> None:
        await self._base.audit.record(
            connection,
            AuditEvent(
                actor=actor,
                action=action,
                transaction=name,
                patient_key=patient_key(patient) if patient else None,
                subjects=(Subject("document", document_id),),
            ),
        )


def _software_of(box: Mailbox) -> Actor:
    return Actor(
        kind=ActorKind.SYSTEM,
        id=box.structure_id,
        name=box.display_name or box.address,
        structure=box.structure_id,
        authentication=AuthenticationMode.INDIRECTE,
        origin="mssante",
    )


def _name_of(found: Content) -> str:
    if found.header is None:
        return ""
    patient = found.header.patient
    family = patient.birth_family or patient.name.family
    return f"{family.upper()} {patient.first_birth_given or patient.name.given}".strip()


def _key(box: Mailbox, message: OpenedMessage, document_id: str) -> dict[str, object]:
    return {"mailbox_key": box.key, "content_key": message.content_key, "document_id": document_id}


def _read_id(text: str) -> tuple[int, int, int]:
    parts = text.split(".")
    if len(parts) != 3 or not all(part.isdecimal() and len(part) < 19 for part in parts):
        raise _not_found()
    folder_id, uid, rank = (int(part) for part in parts)
    if folder_id > 2**31 - 1:
        raise _not_found()
    return folder_id, uid, rank


def _not_found() -> NotFound:
    return NotFound(
        "ArrivalNotFound", Text("Ce document n'est pas dans cette boîte.", "This document is not in this mailbox.")
    )
