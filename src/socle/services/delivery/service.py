"""Sends a document to the DMP and by secure mail, as one act.

The order, its targets and one job a target are committed together; each job ends or is retried on its own. Handing
over twice is harmless: the registry knows the uniqueId, the mail operator knows the message.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Final
from uuid import UUID, uuid5

import msgspec
import structlog

from socle.platform.actor import Actor
from socle.platform.audit import Action, AuditEvent, Subject
from socle.platform.base import Base
from socle.platform.clock import to_dtm
from socle.platform.database import Queries
from socle.platform.patient_key import patient_key
from socle.services.delivery.domain import (
    ALREADY_REGISTERED,
    NAMESPACE,
    SOURCE_ID,
    Delivery,
    Order,
    Registry,
    Target,
    TargetKind,
    TargetState,
    TargetTask,
)
from socle.services.mssante.domain import NewMail, StoredContent
from socle.services.mssante.errors import MailRefused
from socle.services.mssante.service import MssanteService
from socle.standards.cda.datatypes import Moment
from socle.standards.cda.document import CdaDocument, open_document
from socle.standards.cda.header import Header, read_header
from socle.standards.cda.metadata import document_entry_of, submission_for
from socle.standards.cda.render.pdf import PdfVariant, render_pdf
from socle.standards.errors import InvalidContent, NotFound, SocleError, Text, Unavailable
from socle.standards.mail.address import citizen_address, parse_address
from socle.standards.mail.compose import ARCHIVE_NAME, pdf_name, xdm_subject
from socle.standards.mail.read import Attachment
from socle.standards.xdm.package import Action as XdmAction
from socle.standards.xdm.package import with_action, write_xdm
from socle.standards.xdm.readable import Sender
from socle.standards.xds.model import Submission, Visibility

QUERIES = Queries("socle.services.delivery")

_DMP: Final = "dmp"
#: What the body says of a new version (CI-SIS Échange; AMBU.MSS/va1.02).
_REPLACING: Final = "Ce document annule et remplace le précédent.\n\n"
_SEALED: Final = b"delivery"
#: After so long a way out that never answered is given up, and said so.
_GIVEN_UP: Final = timedelta(days=2)
#: How long acts are kept.
_KEPT: Final = timedelta(days=365)


_log = structlog.get_logger(__name__)


class _Kept(msgspec.Struct, frozen=True):
    """What is kept of an order, sealed."""

    actor: Actor
    order: Order
    title: str


class DeliveryService:
    """Use cases of sending."""

    def __init__(self, base: Base, mssante: MssanteService, registry: Registry) -> None:
        self.base = base
        self._mssante = mssante
        self._registry = registry

    async def send(self, actor: Actor, order: Order) -> Delivery:
        """Takes the order; when this returns, nothing of it can be lost. The same order again gives the same act.

        Raises ``MalformedInput`` or ``InvalidContent`` when the document cannot be sent, ``Forbidden`` without the
        right to write from the box.
        """
        document = open_document(order.document)
        header = read_header(document)
        ins = header.patient.ins
        if ins is None:
            raise InvalidContent(
                "DeliveryNoINS",
                Text("Le document ne porte pas d'INS.", "The document carries no INS."),
                location="recordTarget/patientRole/id",
                requirement="INS/va1.53",
            )
        addresses = await self._addresses(actor, order, header)
        key = patient_key(ins)
        entry = document_entry_of(order.document, document=document, header=header, visibility=order.visibility)
        digest = order.key or hashlib.sha256(order.document).hexdigest()
        delivery_id = uuid5(NAMESPACE, f"{actor.id}|{order.mailbox}|{digest}")
        kept = _Kept(actor, msgspec.structs.replace(order, document=b""), header.title)
        stored = await self.base.objects.put(key, order.document)
        sealed = await self.base.objects.rings.seal(key, _SEALED, msgspec.json.encode(kept))
        now = self.base.clock()
        async with self.base.database.transaction() as connection:
            await QUERIES["add_delivery"].execute(
                connection,
                patient_key=key,
                delivery_id=delivery_id,
                author_id=actor.id,
                object=stored,
                sealed=sealed,
                document_id=entry.unique_id,
                now=now,
            )
            for address in addresses:
                kind = TargetKind.DMP if address == _DMP else TargetKind.MAIL
                added = await QUERIES["add_target"].row(
                    connection, patient_key=key, delivery_id=delivery_id, address=address, kind=kind.value, now=now
                )
                if added is not None:
                    task = TargetTask(key, delivery_id, address)
                    await self.base.jobs.enqueue(connection, "delivery.carry_out", task)
            await self.base.audit.record(
                connection,
                AuditEvent(
                    actor=actor,
                    action=Action.CREATE,
                    transaction="delivery.send",
                    patient_key=key,
                    subjects=(Subject("document", entry.unique_id),),
                ),
            )
        return await self.status(actor, _public_id(key, delivery_id))

    async def status(self, actor: Actor, delivery: str) -> Delivery:
        """The act with what is known of each target now. Raises ``NotFound`` for anybody else's act."""
        key, delivery_id = _read_id(delivery)
        async with self.base.database.connection() as connection:
            row = await QUERIES["find_delivery"].row(connection, patient_key=key, delivery_id=delivery_id)
            rows = await QUERIES["find_targets"].rows(connection, patient_key=key, delivery_id=delivery_id)
        if row is None or row["author_id"] != actor.id:
            raise _not_found()
        kept = await self._open(key, row["sealed"])
        targets = [
            Target(**dict(found) | {"kind": TargetKind(found["kind"]), "state": TargetState(found["state"])})
            for found in rows
        ]
        return Delivery(
            id=delivery,
            title=kept.title,
            document_id=row["document_id"],
            created_at=row["created_at"],
            targets=tuple([await self._with_notices(kept.order.mailbox, target) for target in targets]),
        )

    async def list_acts(self, actor: Actor, *, count: int = 30) -> list[Delivery]:
        """The acts of ``actor``, newest first."""
        async with self.base.database.connection() as connection:
            rows = await QUERIES["list_acts"].rows(connection, author_id=actor.id, count=count)
        return [await self.status(actor, _public_id(row["patient_key"], row["delivery_id"])) for row in rows]

    async def sweep(self) -> int:
        """Forgets acts past their retention; returns how many.

        Their documents stay in the vault for its own sweep: the DMP may hold the same content at the same address.
        """
        async with self.base.database.connection() as connection:
            before = self.base.clock() - _KEPT
            return len(await QUERIES["forget_acts"].rows(connection, before=before, count=1000))

    async def carry_out(self, task: TargetTask) -> None:
        """Hands over to one target. Raises what makes the job try again later; a refusal settles the target."""
        async with self.base.database.connection() as connection:
            found = {"patient_key": task.patient_key, "delivery_id": task.delivery_id}
            row = await QUERIES["find_delivery"].row(connection, **found)
            target = await QUERIES["find_target"].row(connection, **found, address=task.address)
        if row is None or target is None or target["state"] != TargetState.WAITING.value:
            return
        kept = await self._open(task.patient_key, row["sealed"])
        content = await self.base.objects.get(task.patient_key, row["object"])
        order = msgspec.structs.replace(kept.order, document=content)
        try:
            if task.address == _DMP:
                state, proof = TargetState.DELIVERED, await self._feed(kept.actor, order, task.delivery_id)
            else:
                state, proof = TargetState.SENT, await self._mail(kept.actor, order, task)
        except SocleError as error:
            is_temporary = isinstance(error, Unavailable) or (isinstance(error, MailRefused) and error.is_temporary)
            if is_temporary and self.base.clock() < row["created_at"] + _GIVEN_UP:
                await self._note_failure(task, error.sentence())
                raise Unavailable(error.code, error.reason) from error
            await self._settle(task, TargetState.REFUSED, "", error.sentence())
            return
        except Exception as error:
            if self.base.clock() < row["created_at"] + _GIVEN_UP:
                await self._note_failure(task, "erreur interne, nouvel essai prévu")
                raise
            _log.error("delivery_given_up", error=type(error).__name__)
            await self._settle(task, TargetState.REFUSED, "", "abandonné après deux jours d'essais")
            return
        await self._settle(task, state, proof, "")

    async def stored_contents(self) -> AsyncIterator[StoredContent]:
        """Every document kept here, for the check of the vault."""
        async with self.base.database.connection() as connection:
            for row in await QUERIES["list_contents"].rows(connection):
                yield StoredContent(row["patient_key"], row["object"])

    async def is_stored(self, owner: UUID, address: str) -> bool:
        """Whether an act refers to this object of the vault."""
        async with self.base.database.connection() as connection:
            return await QUERIES["find_object"].row(connection, patient_key=owner, object=address) is not None

    async def _addresses(self, actor: Actor, order: Order, header: Header) -> list[str]:
        addresses = [str(parse_address(text)) for text in order.to]
        if order.to_patient:
            if Visibility.INVISIBLE_PATIENT in order.visibility:
                raise InvalidContent(
                    "DeliveryInvisibleToPatient",
                    Text(
                        "Un document non visible par le patient ne lui est pas envoyé.",
                        "A document that the patient may not see is not mailed to them.",
                    ),
                    requirement="CI-SIS Échange, INVISIBLE_PATIENT",
                )
            if not is_identity_complete(header):
                raise InvalidContent(
                    "DeliveryIdentityNotQualified",
                    Text(
                        "L'identité du document n'est pas qualifiée : pas d'envoi au patient.",
                        "The identity in the document is not qualified: it is not sent to the patient.",
                    ),
                    requirement="ECO.2.2.6",
                )
            ins = header.patient.ins
            assert ins is not None
            addresses.append(str(citizen_address(ins.matricule, self.base.settings.patient_mail_domain)))
        if addresses:
            session = await self._mssante.access.of_actor(order.mailbox, actor)
            if not session.may_send:
                raise _not_found()
        elif not order.to_dmp:
            raise InvalidContent("DeliveryNoTarget", Text("Indiquez au moins un destinataire.", "Name a target."))
        return [*([_DMP] if order.to_dmp else []), *dict.fromkeys(addresses)]

    async def _feed(self, actor: Actor, order: Order, delivery_id: UUID) -> str:
        submission = self._submission(order, delivery_id)
        try:
            await self._registry.submit(actor, submission)
        except SocleError as error:
            if error.code != ALREADY_REGISTERED:
                raise
        return submission.documents[0].unique_id

    async def _mail(self, actor: Actor, order: Order, task: TargetTask) -> str:
        session = await self._mssante.access.of_actor(order.mailbox, actor)
        document = open_document(order.document)
        header = read_header(document)
        pdf = await asyncio.to_thread(_pdf_of, document)
        box = session.box
        sender = Sender(name=box.display_name or box.address, organization=actor.structure_name, address=box.address)
        replaces = header.replaced is not None
        submission = self._submission(order, task.delivery_id)
        if replaces:
            documents = tuple(with_action(entry, XdmAction.REPLACE) for entry in submission.documents)
            submission = msgspec.structs.replace(submission, documents=documents)
        archive = write_xdm((submission,), sender)
        label = header.code.label if header.code else header.title
        birth = day_of(header.patient.birth_time)
        name = header.patient.name
        family = header.patient.birth_family or name.family
        event = header.main_event
        started = event.time.low if event and event.time and event.time.low else header.effective_time
        act_date = day_of(started) or self.base.clock().date()
        _, message_id = await self._mssante.outbox.send(
            session,
            NewMail(
                to=(task.address,),
                subject=xdm_subject((label,), family=family, given=_given(header), birth_date=birth),
                text=_REPLACING * replaces + (order.text or "Veuillez trouver ci-joint un document de santé."),
                attachments=(
                    Attachment(ARCHIVE_NAME, "application/zip", archive),
                    Attachment(
                        pdf_name(act_date=act_date, kind=label, family=family, given=_given(header)),
                        "application/pdf",
                        pdf,
                    ),
                ),
                cda_codes=(header.code.code,) if header.code else (),
                has_qualified_ins=is_identity_complete(header),
                asks_read_receipt=order.asks_read_receipt,
                closes_exchange=order.closes_exchange,
                product=order.product,
                send_id=str(uuid5(task.delivery_id, task.address)),
            ),
        )
        return message_id

    def _submission(self, order: Order, delivery_id: UUID) -> Submission:
        entry = document_entry_of(order.document, visibility=order.visibility)
        return submission_for(
            [(entry, order.document)],
            author=entry.authors[0],
            source_id=SOURCE_ID,
            unique_id=f"2.25.{uuid5(delivery_id, _DMP).int}",
            submission_time=to_dtm(self.base.clock()),
            title=entry.title,
            replaces={entry.entry_uuid: order.replaces} if order.replaces else None,
        )

    async def _with_notices(self, mailbox: str, target: Target) -> Target:
        """``target`` with what came back: delivered, read, or not delivered. Derived, never stored."""
        if target.kind is not TargetKind.MAIL or target.state is not TargetState.SENT:
            return target
        box = await self._mssante.find(mailbox)
        state: TargetState = target.state
        reason, moment = target.reason, target.updated_at
        for notice in await self._mssante.webmail.notices_of(box.key, target.proof):
            if notice.recipient.lower() != target.address:
                continue
            if notice.kind == "receipt" and notice.outcome != "error":
                state, moment = TargetState.READ, notice.happened_at
            elif notice.outcome == "delivered" and state is TargetState.SENT:
                state, moment = TargetState.DELIVERED, notice.happened_at
            elif notice.outcome in {"failed", "error"}:
                state, reason, moment = TargetState.REFUSED, notice.reason, notice.happened_at
        return msgspec.structs.replace(target, state=state, reason=reason, updated_at=moment)

    async def _note_failure(self, task: TargetTask, reason: str) -> None:
        async with self.base.database.connection() as connection:
            await QUERIES["note_failure"].execute(
                connection,
                patient_key=task.patient_key,
                delivery_id=task.delivery_id,
                address=task.address,
                reason=reason[:1000],
                now=self.base.clock(),
            )

    async def _settle(self, task: TargetTask, state: TargetState, proof: str, reason: str) -> None:
        async with self.base.database.connection() as connection:
            await QUERIES["settle_target"].execute(
                connection,
                patient_key=task.patient_key,
                delivery_id=task.delivery_id,
                address=task.address,
                state=state.value,
                proof=proof,
                reason=reason[:1000],
                now=self.base.clock(),
            )

    async def _open(self, key: UUID, sealed: bytes) -> _Kept:
        return msgspec.json.decode(await self.base.objects.rings.open(key, _SEALED, sealed), type=_Kept)


def is_identity_complete(header: Header) -> bool:
    """Whether the document holds INS and the four traits of ``X-MSS-INS: O`` (ECO.2.4.2)."""
    patient = header.patient
    return bool(
        patient.ins
        and patient.birth_family
        and (patient.first_birth_given or patient.birth_given_names)
        and patient.birth_time
        and patient.gender
    )


def day_of(moment: Moment | None) -> date | None:
    """The day as the document writes it: a birth date has no time zone, and an act has that of its place.

    >>> day_of(Moment("19550203")), day_of(Moment("20231108003000+0100")), day_of(Moment("1955"))
    (datetime.date(1955, 2, 3), datetime.date(2023, 11, 8), None)
    """
    text = moment.text[:8] if moment is not None else ""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None


def _given(header: Header) -> str:
    patient = header.patient
    return patient.first_birth_given or patient.name.given


def _pdf_of(document: CdaDocument) -> bytes:
    return render_pdf(document, variant=PdfVariant.ARCHIVAL)


def _public_id(key: UUID, delivery_id: UUID) -> str:
    return f"{key.hex}{delivery_id.hex}"


def _read_id(text: str) -> tuple[UUID, UUID]:
    try:
        if len(text) != 64:
            raise _not_found()
        return UUID(text[:32]), UUID(text[32:])
    except ValueError as error:
        raise _not_found() from error


def _not_found() -> NotFound:
    return NotFound("DeliveryNotFound", Text("Cet envoi n'existe pas.", "This delivery does not exist."))
