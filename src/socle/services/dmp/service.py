"""The use cases of the DMP: the only door for the protocols, the portals and other services.

Every method decides by ``rules``, reads or writes, and records its trace in one transaction. A refusal is traced too,
in a transaction of its own, and raised as a ``SocleError`` whose ``code`` is that of XDS (fact sheet §1.10) or of the
DMP (§5.9) and whose ``sentence()`` fits ``codeContext``.

What a caller may not see is absent from every answer, count and page; asked by its id, it is as if it did not exist.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

from socle.platform.actor import Actor
from socle.platform.audit_proof import ChainExport
from socle.platform.base import Base
from socle.platform.database import Connection
from socle.platform.outgoing import SendMail
from socle.services.dmp import (
    consent,
    editing,
    feeding,
    lifecycle,
    merging,
    notices,
    paging,
    reading,
    reports,
    retrieval,
    traces,
    upkeep,
)
from socle.services.dmp.context import Conformance, DmpContext, Forget, Identities, Move, SendNotices, SignatureCheck
from socle.services.dmp.domain import (
    FIRST_PAGE,
    AccessLine,
    AuthorizationAction,
    AuthorizationLine,
    AuthorizedRecord,
    Block,
    BlockScope,
    ClosingReason,
    Contact,
    DocumentChange,
    DocumentName,
    DocumentRequest,
    Door,
    FoundPage,
    Holding,
    Mandate,
    Missing,
    Notice,
    NoticeKind,
    Page,
    PatientQuery,
    Record,
    RecordSettings,
    RecordStatus,
    Report,
    Retrieved,
    StoredContent,
    StoredQuery,
    SubmissionReceipt,
)
from socle.services.dmp.lifecycle import BASE_ACTOR
from socle.services.ins.domain import Merge
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import DocumentEntry, RegistryObjects, Submission


class DmpService:
    """Everything that can be done with a DMP."""

    def __init__(
        self,
        base: Base,
        identities: Identities,
        *,
        conformance: Conformance | None = None,
        check_signature: SignatureCheck | None = None,
        send: SendMail | None = None,
    ) -> None:
        self.context = DmpContext(base, identities, conformance=conformance, check_signature=check_signature, send=send)

    # --- documents ---

    async def submit(
        self, actor: Actor, submission: Submission, *, door: Door = Door.XDS, transaction: str = "ITI-41"
    ) -> SubmissionReceipt:
        """Registers ``submission`` whole or not at all; when this returns, every door shows it.

        New documents, replacement (RPLC), addendum (APND), transformation (XFRM), signature (signs), folders.
        ``transaction`` is ``ITI-41``, ``ITI-42`` (no ``contents``: the documents stay in another repository),
        ``ITI-65`` or ``ITI-105``. Ids in the message may be symbolic; ``hash`` and ``size`` may be empty and are
        then computed, otherwise they are compared. ``documents`` must be members of the set; without any association
        from the set to a document the membership is added.

        Sending the same message again is refused with ``XDSDuplicateUniqueIdInRegistry`` (nothing is doubled); the same
        uniqueId with other bytes with ``XDSNonIdenticalHash``.
        """
        return await feeding.submit(self.context, actor, submission, door=door, transaction=transaction)

    async def update(
        self, actor: Actor, submission: Submission, *, door: Door = Door.XDS, transaction: str = "ITI-57"
    ) -> SubmissionReceipt:
        """ITI-57: new metadata versions (mask, unmask, release) and status changes (archive, unarchive, delete)."""
        return await editing.update(self.context, actor, submission, door=door, transaction=transaction)

    async def patch(
        self,
        actor: Actor,
        unique_id: str,
        change: DocumentChange,
        *,
        patient: Ins | None = None,
        version: int | None = None,
        door: Door = Door.FHIR,
    ) -> DocumentEntry:
        """Changes one document, named by its uniqueId (or by ``urn:uuid:…`` logicalId or entryUUID).

        ``version`` is the one that the caller saw (``If-Match``); another current one is ``XDSMetadataVersionError``.
        Returns the new current metadata (of a deleted document: its last). Raises ``NotFound`` when there is none
        for this caller.
        """
        owner = patient or actor.patient or await editing.find_patient(self.context, unique_id)
        return await editing.patch(
            self.context, actor, unique_id, change, patient=owner, version=version, door=door, transaction="ITI-57"
        )

    async def hide(self, actor: Actor, ins: Ins, unique_id: str, *, door: Door = Door.PORTAL) -> DocumentEntry:
        """Masks a document to professionals (adds MASQUE_PS)."""
        return await editing.mask(self.context, actor, ins, unique_id, is_masked=True, door=door)

    async def unhide(self, actor: Actor, ins: Ins, unique_id: str, *, door: Door = Door.PORTAL) -> DocumentEntry:
        """Shows a masked document to professionals again (removes MASQUE_PS)."""
        return await editing.mask(self.context, actor, ins, unique_id, is_masked=False, door=door)

    async def query(self, actor: Actor, query: StoredQuery, *, door: Door = Door.XDS) -> RegistryObjects:
        """All that the stored query ``query`` finds and ``actor`` may see.

        Queries by id that name no patient are answered for ``actor.patient`` if the credential is bound to one, else
        the patient is found by the ids; ids of several patients are ``XDSResultNotSinglePatient``.
        """
        return await reading.query(self.context, actor, query, door)

    async def search(
        self, actor: Actor, query: PatientQuery, page: Page = FIRST_PAGE, *, door: Door = Door.FHIR
    ) -> FoundPage:
        """One page of a patient query, newest first, by keyset, with the count of what ``actor`` may see."""
        return await paging.search(self.context, actor, query, page, door)

    async def list_names(self, actor: Actor, ins: Ins, *, door: Door = Door.PORTAL) -> list[DocumentName]:
        """Names of the current documents that ``actor`` may see, newest first: decided and traced as a search."""
        return await paging.list_names(self.context, actor, ins, door)

    async def retrieve(
        self,
        actor: Actor,
        requests: Sequence[DocumentRequest],
        *,
        patient: Ins | None = None,
        door: Door = Door.XDS,
    ) -> list[Retrieved | Missing]:
        """ITI-43, ITI-68: one answer for each request, in order."""
        return await retrieval.retrieve(self.context, actor, requests, patient=patient, door=door)

    # --- the record and its life ---

    async def record_status(self, actor: Actor, ins: Ins, *, door: Door = Door.XDS) -> RecordStatus:
        """TD0.2: whether the record exists and is open, and the caller's authorisation. ``DMPNotFound`` if none."""
        return await consent.record_status(self.context, actor, ins, door)

    async def read_record(self, actor: Actor, ins: Ins, *, door: Door = Door.PORTAL) -> Record:
        """The record with its settings, for those who may manage it (TD1.3)."""
        return await consent.read_record(self.context, actor, ins, door)

    async def announce_record(self, actor: Actor, ins: Ins, *, door: Door = Door.JOB) -> Record:
        """Starts the opt-out period; the record opens by itself at its end unless the person opposes."""
        return await lifecycle.announce(self.context, actor, ins, door)

    async def oppose(self, actor: Actor, ins: Ins, *, door: Door = Door.PORTAL) -> Record:
        """The person refuses the opening of a record during (or before) the opt-out period."""
        return await lifecycle.oppose(self.context, actor, ins, door)

    async def open_record(
        self, actor: Actor, ins: Ins, settings: RecordSettings | None = None, *, door: Door = Door.XDS
    ) -> Record:
        """TD1.1: opens the record at once. ``DMPFound`` if it is open, ``DMPClosed`` if closed (reopen it)."""
        return await lifecycle.open_record(self.context, actor, ins, settings, door)

    async def load_records(
        self,
        actor: Actor,
        holders: Sequence[tuple[Ins, date | None]],
        mandates: Sequence[tuple[Ins, Mandate]] = (),
    ) -> int:
        """Opens many records at once, of people who have none, with their ``mandates``; returns how many.

        For operators.
        """
        return await lifecycle.load_records(self.context, actor, holders, mandates)

    async def close_record(
        self,
        actor: Actor,
        ins: Ins,
        reason: ClosingReason = ClosingReason.PATIENT_REQUEST,
        text: str = "",
        *,
        destroy_now: bool = False,
        door: Door = Door.XDS,
    ) -> Record:
        """TD1.4: no access any more but the holder's. Kept ten years, or destroyed at once on express request."""
        record = await lifecycle.close_record(self.context, actor, ins, reason, text, door)
        if destroy_now:
            await lifecycle.destroy(self.context, record.patient_key, at_once=True)
        return record

    async def reopen_record(self, actor: Actor, ins: Ins, *, door: Door = Door.XDS) -> Record:
        """TD1.2: everything is there again."""
        return await lifecycle.reopen_record(self.context, actor, ins, door)

    async def merge_records(self, request: Merge) -> int:
        """Moves every object of the absorbed record to the survivor's; returns how many documents. Idempotent."""
        return await merging.merge(self.context, request)

    async def unmerge_records(self, request: Merge) -> int:
        """Takes back exactly what ``merge_records`` moved for this merge."""
        return await merging.unmerge(self.context, request)

    async def destroy_record(self, key: UUID) -> bool:
        """Destroys a closed record whose time of keeping is over; ``False`` if there is none such."""
        return await lifecycle.destroy(self.context, key)

    def move_with_record(self, move: Move) -> None:
        """From now on the merge of two records, and its undoing, also do ``move``, in the same transaction."""
        self.context.moved_with.append(move)

    def destroy_with_record(self, forget: Forget) -> None:
        """From now on a record's destruction also does ``forget``, in the same transaction."""
        self.context.destroyed_with.append(forget)

    async def sweep(self) -> int:
        """What time brings: openings after the opt-out period, destructions, announcements awaited for two weeks.

        Returns how many things were done. Run it every hour.
        """
        return await lifecycle.sweep(self.context)

    async def send_notices(self, request: SendNotices) -> int:
        """Sends in one mail what waits for one account about one record; returns how many notices it told of."""
        return await notices.send_notices(self.context, request)

    # --- rights ---

    async def set_authorization(
        self,
        actor: Actor,
        ins: Ins,
        action: AuthorizationAction,
        *,
        is_medecin_traitant: bool = False,
        care_team: bool = False,
        professional: Actor | None = None,
        door: Door = Door.XDS,
    ) -> RecordStatus:
        """TD0.3: the patient's consent of the day, given through the professional, who is ``actor``.

        ``is_medecin_traitant`` with ``SUPPRESSION`` removes that status and keeps the access. ``care_team`` authorises
        the actor's structure. The holder's side names the ``professional`` (id, name, profession, structure).
        """
        return await consent.set_authorization(
            self.context,
            actor,
            ins,
            action,
            is_medecin_traitant=is_medecin_traitant,
            care_team=care_team,
            professional=professional,
            door=door,
        )

    async def list_authorizations(self, actor: Actor, ins: Ins, *, door: Door = Door.XDS) -> list[AuthorizationLine]:
        """TD1.6: everybody who was authorised or blocked, with the status of today."""
        return await consent.list_authorizations(self.context, actor, ins, door)

    async def authorized_records(self, actor: Actor, *, door: Door = Door.XDS) -> list[AuthorizedRecord]:
        """TD0.4: the open records that the professional ``actor`` is authorised to read."""
        return await consent.authorized_records(self.context, actor, door)

    async def block(
        self,
        actor: Actor,
        ins: Ins,
        target_id: str,
        *,
        holding: Holding = Holding.PROFESSIONAL,
        name: str = "",
        scope: BlockScope = BlockScope.CONSULTATION,
        reason: str = "",
        door: Door = Door.PORTAL,
    ) -> None:
        """Shuts a professional or a structure out. When this returns, no read of theirs succeeds any more."""
        wanted = Block(
            target_id=target_id,
            holding=holding,
            name=name,
            scope=scope,
            reason=reason,
            blocked_at=self.context.base.clock(),
            blocked_by=actor.id,
        )
        await consent.block(self.context, actor, ins, wanted, door)

    async def unblock(
        self,
        actor: Actor,
        ins: Ins,
        target_id: str,
        *,
        scope: BlockScope = BlockScope.CONSULTATION,
        door: Door = Door.PORTAL,
    ) -> None:
        """Lifts a block. It gives no access back: a new authorisation is needed."""
        await consent.unblock(self.context, actor, ins, target_id, scope, door)

    async def list_blocks(self, actor: Actor, ins: Ins, *, door: Door = Door.PORTAL) -> list[Block]:
        """The blocks in force."""
        return await consent.list_blocks(self.context, actor, ins, door)

    async def change_settings(
        self, actor: Actor, ins: Ins, settings: RecordSettings, *, door: Door = Door.PORTAL
    ) -> Record:
        """Sets emergency choices, care teams, default masking (the whole of ``RecordSettings``)."""
        return await consent.change_settings(self.context, actor, ins, settings, door)

    async def give_mandate(self, actor: Actor, ins: Ins, mandate: Mandate, *, door: Door = Door.PORTAL) -> None:
        """Lets a delegate (named by the holder) or a legal representative (named by the base) act on the record."""
        await consent.give_mandate(self.context, actor, ins, mandate, door)

    async def withdraw_mandate(self, actor: Actor, ins: Ins, agent_id: str, *, door: Door = Door.PORTAL) -> None:
        """Ends a mandate at once."""
        await consent.withdraw_mandate(self.context, actor, ins, agent_id, door)

    async def list_mandates(self, actor: Actor, ins: Ins, *, door: Door = Door.PORTAL) -> list[Mandate]:
        """The mandates in force."""
        return await consent.list_mandates(self.context, actor, ins, door)

    async def mandated_records(self, actor: Actor) -> list[tuple[Ins, Mandate]]:
        """The records on which ``actor`` may act for someone else: children, ward, relatives."""
        return await consent.mandated_records(self.context, actor)

    # --- traces and notices ---

    async def access_history(
        self,
        actor: Actor,
        ins: Ins,
        *,
        before: int = 2**62,
        since: datetime | None = None,
        until: datetime | None = None,
        count: int = 100,
        of_others: bool = False,
        door: Door = Door.PORTAL,
    ) -> list[AccessLine]:
        """Who did what on the record, newest first, in plain sentences; ``of_others``: but ``actor`` and the base."""
        return await traces.access_history(
            self.context,
            actor,
            ins,
            before=before,
            since=since,
            until=until,
            count=count,
            without=(actor.id, BASE_ACTOR.id) if of_others else (),
            door=door,
        )

    async def export_traces(self, actor: Actor, ins: Ins, *, door: Door = Door.PORTAL) -> ChainExport:
        """Every trace of the record, signed up to now, for ``socle audit verify``. What the reader may not know of (a
        hidden document, a secret session) is there as its digest.
        """
        return await traces.export_traces(self.context, actor, ins, door)

    async def own_activity(
        self, actor: Actor, *, since: datetime | None = None, until: datetime | None = None, count: int = 100
    ) -> list[AccessLine]:
        """What the professional ``actor`` did, newest first."""
        return await traces.own_activity(self.context, actor, since=since, until=until, count=count)

    async def list_notices(self, actor: Actor, ins: Ins, *, count: int = 50, door: Door = Door.PORTAL) -> list[Notice]:
        """What the holder was told, newest first."""
        return await notices.list_notices(self.context, actor, ins, count=count, door=door)

    async def report_access(
        self, actor: Actor, ins: Ins, sequence: int, text: str = "", *, door: Door = Door.PORTAL
    ) -> None:
        """The holder does not recognise the access ``sequence``: told to the operator."""
        await notices.report_access(self.context, actor, ins, sequence, text, door)

    async def list_reports(self, actor: Actor, *, count: int = 100) -> list[Report]:
        """Accesses that holders did not recognise, those without an answer first. For operators."""
        return await reports.list_reports(self.context, actor, count)

    async def answer_report(self, actor: Actor, key: UUID, sequence: int, text: str) -> None:
        """Tells the holder, once, what was found about the access ``sequence``. For operators."""
        await reports.answer_report(self.context, actor, key, sequence, text)

    @property
    def sends_mail(self) -> bool:
        """Whether notices can go by mail."""
        return self.context.send is not None

    async def find_contact(self, actor: Actor, ins: Ins, *, door: Door = Door.PORTAL) -> Contact | None:
        """Where ``actor``, the holder or who acts for the holder, is told by mail of what happens in the record."""
        return await notices.find_contact(self.context, actor, ins, door)

    async def propose_contact(
        self,
        actor: Actor,
        ins: Ins,
        address: str,
        kinds: Iterable[NoticeKind],
        *,
        language: str = "fr",
        door: Door = Door.PORTAL,
    ) -> None:
        """Sends a code to ``address``; notices of ``kinds`` go there once it came back. Raises ``NotSent``."""
        await notices.propose_contact(self.context, actor, ins, address, kinds, language, door)

    async def confirm_contact(self, actor: Actor, ins: Ins, code: str, *, door: Door = Door.PORTAL) -> None:
        """The code that was sent to the address. Raises ``InvalidContent`` (``WrongCode``)."""
        await notices.confirm_contact(self.context, actor, ins, code, door)

    async def choose_notices(
        self, actor: Actor, ins: Ins, kinds: Iterable[NoticeKind], *, language: str = "fr", door: Door = Door.PORTAL
    ) -> None:
        """Of what ``actor`` is told by mail from now on."""
        await notices.choose_notices(self.context, actor, ins, kinds, language, door)

    async def forget_contact(self, actor: Actor, ins: Ins, *, door: Door = Door.PORTAL) -> None:
        """No mail goes to ``actor`` any more."""
        await notices.forget_contact(self.context, actor, ins, door)

    # --- for other services ---

    async def hold_record(self, connection: Connection, key: UUID) -> None:
        """Keeps a record from being closed, merged or destroyed until the transaction ends. Raises if it was."""
        await upkeep.hold_record(self.context, connection, key)

    async def list_to_index(self, connection: Connection, key: UUID) -> list[str]:
        """What there is to ``read_to_index`` of one patient: uniqueIds, newest first, whoever may see them."""
        return await upkeep.list_to_index(connection, key)

    async def stamp_to_index(self, connection: Connection, key: UUID) -> str:
        """A short text that changes whenever ``list_to_index`` does."""
        return await upkeep.stamp_to_index(connection, key)

    async def read_to_index(self, key: UUID, unique_ids: Sequence[str]) -> list[Retrieved]:
        """Documents of one patient for the base's own index, which must keep what it reads sealed. Traced."""
        return await upkeep.read_to_index(self.context, key, unique_ids)

    def stored_contents(self) -> AsyncIterator[StoredContent]:
        """Every object to which the DMP refers, to be verified."""
        return upkeep.stored_contents(self.context)

    async def is_stored(self, key: UUID, address: str) -> bool:
        """Whether the DMP refers to the object: if not, it is an orphan."""
        return await upkeep.is_stored(self.context, key, address)
