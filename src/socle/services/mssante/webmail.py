"""What the portals do with mail: threads, reading, search, drafts, sending, receipts, address book.

Every call takes a ``MailSession`` that ``access`` opened, so no function here decides who may open a box; sending
checks ``may_send``, and what a citizen may answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID, uuid4

from socle.platform.audit import Action, AuditEvent, Subject
from socle.platform.base import Base
from socle.platform.patient_key import patient_key
from socle.services.mssante import rules
from socle.services.mssante.domain import (
    Contact,
    Envelope,
    Folder,
    MailSession,
    MessageRow,
    NewMail,
    Notice,
    OpenedMessage,
    Origin,
    Receipt,
    Recipient,
    StoredMessage,
    ThreadLine,
)
from socle.services.mssante.errors import MailRefused, message_not_found, not_allowed
from socle.services.mssante.imap_search import Candidate, parse_search
from socle.services.mssante.mailroom import FlagChange, Mailroom
from socle.services.mssante.post_office import PostOffice
from socle.services.mssante.rules import Check, refusal
from socle.services.mssante.store import QUERIES, hash_in_box, open_messages
from socle.services.mssante.trust_list import TrustList
from socle.standards.errors import InvalidContent, SocleError, Text
from socle.standards.mail.address import Address, parse_address
from socle.standards.mail.compose import Letter, compose
from socle.standards.mail.imap import Atom
from socle.standards.mail.notices import Disposition, ReadReceipt, compose_read_receipt
from socle.standards.mail.read import Correspondent, Mail, read_header, read_mail
from socle.standards.mail.structure import header_end
from socle.standards.xdm.package import XdmPackage, read_xdm

_SEARCHED = 2000
_SCANNED = 2000


class AddressBook(Protocol):
    """The directory as one looks an address up in it."""

    async def find_contacts(self, words: str, count: int) -> list[Contact]:
        """Entries that match ``words``."""


class Webmail:
    """Use cases of the pages. ``address_book`` is the directory; without it, our own published boxes."""

    def __init__(
        self,
        base: Base,
        office: PostOffice,
        rooms: Mailroom,
        trust_list: TrustList,
        address_book: AddressBook | None = None,
    ) -> None:
        self._base = base
        self._office = office
        self._rooms = rooms
        self._trust_list = trust_list
        self._address_book = address_book

    async def folders(self, session: MailSession) -> list[tuple[Folder, int]]:
        """Folders with their unread messages."""
        folders = await self._rooms.folders(session.box.key)
        return [(folder, (await self._rooms.count(session.box.key, folder.id)).unseen) for folder in folders]

    async def list_threads(
        self, session: MailSession, folder: str = "INBOX", *, skip: int = 0, count: int = 30
    ) -> list[ThreadLine]:
        """Threads of a folder, the most recent first."""
        key = session.box.key
        found = await self._rooms.folder(key, folder)
        async with self._base.database.connection() as connection:
            rows = await QUERIES["page_folder_rows"].rows(
                connection, mailbox_key=key, folder_id=found.id, count=_SCANNED
            )
        threads: dict[bytes, list[tuple[int, bool]]] = {}
        for row in rows:
            threads.setdefault(row["thread"], []).append((row["uid"], "\\Seen" in row["flags"]))
        page = list(threads.items())[skip : skip + count]
        newest = await self._rooms.messages(key, found.id, [messages[0][0] for _, messages in page])
        by_uid = {item.uid: item for item in newest}
        await self._audit(session, "mss.list", Subject("mail-folder", f"{session.box.address}/{folder}"))
        return [
            self._line(session, by_uid[messages[0][0]], len(messages), sum(not seen for _, seen in messages))
            for _, messages in page
            if messages[0][0] in by_uid
        ]

    async def read_thread(self, session: MailSession, thread: str) -> list[OpenedMessage]:
        """Messages of a thread, oldest first; they are marked as read. Raises ``NotFound``."""
        try:
            wanted = bytes.fromhex(thread)
        except ValueError as error:
            raise message_not_found() from error
        stored = await self._rooms.thread(session.box.key, wanted)
        if not stored:
            raise message_not_found()
        await self._mark_seen(session, stored)
        await self._audit(session, "mss.read", Subject("mail-thread", thread))
        return [await self._open(session, item) for item in stored]

    async def read(self, session: MailSession, folder_id: int, uid: int) -> OpenedMessage:
        """One message, marked as read. Raises ``NotFound``."""
        stored = await self._find(session, folder_id, uid)
        await self._mark_seen(session, [stored])
        await self._audit(session, "mss.read", Subject("mail", f"{session.box.address}/{folder_id}/{uid}"))
        return await self._open(session, stored)

    async def original(self, session: MailSession, folder_id: int, uid: int) -> bytes:
        """The message as it came. Raises ``NotFound``."""
        stored = await self._find(session, folder_id, uid)
        await self._audit(session, "mss.read", Subject("mail", f"{session.box.address}/{folder_id}/{uid}"))
        return await self._rooms.content(session.box.key, stored)

    async def search(
        self, session: MailSession, words: str, *, folder: str = "INBOX", count: int = 50
    ) -> list[ThreadLine]:
        """Messages of a folder whose header or text holds ``words``, newest first; the last 2,000 are looked at."""
        key = session.box.key
        found = await self._rooms.folder(key, folder)
        wanted = parse_search([Atom("TEXT"), words.encode()])
        lines: list[ThreadLine] = []
        before = 2**62
        for _ in range(_SEARCHED // 100):
            page = await self._rooms.page(key, found.id, before=before, count=100)
            if not page or len(lines) >= count:
                break
            before = page[-1].uid
            for stored in page:
                candidate = Candidate(0, _row(stored), 0, 0, stored.summary, await self._rooms.content(key, stored))
                if wanted(candidate):
                    lines.append(self._line(session, stored, 1, int("\\Seen" not in stored.flags)))
        await self._audit(session, "mss.search", Subject("mail-folder", f"{session.box.address}/{folder}"))
        return lines[:count]

    async def save_draft(self, session: MailSession, new: NewMail, *, replaces: int = 0) -> int:
        """Keeps a draft; returns its UID in the drafts folder. ``replaces`` is the UID of its former version."""
        folder = await self._special(session, "\\Drafts")
        message = compose(self._letter(session, new))
        placed = await self._rooms.append(session.box.key, folder.name, message, flags=["\\Draft", "\\Seen"])
        if replaces:
            await self._rooms.expunge(session.box.key, folder.id, [replaces])
        return placed.uids[0]

    async def delete(self, session: MailSession, folder_id: int, uids: Sequence[int]) -> None:
        """Puts messages into the bin; from the bin and the drafts they go for good."""
        bin_, drafts = await self._special(session, "\\Trash"), await self._special(session, "\\Drafts")
        if folder_id in {bin_.id, drafts.id}:
            await self._rooms.expunge(session.box.key, folder_id, uids)
        else:
            await self._rooms.copy(session.box.key, folder_id, uids, bin_.name, move=True)
        await self._audit(session, "mss.delete", Subject("mail-folder", f"{session.box.address}/{folder_id}"))

    async def mark(self, session: MailSession, folder_id: int, uids: Sequence[int], flag: str, *, is_set: bool) -> None:
        """Sets or clears a flag of IMAP."""
        change = FlagChange.ADD if is_set else FlagChange.REMOVE
        await self._rooms.change_flags(session.box.key, folder_id, uids, change, [flag])

    async def send(self, session: MailSession, new: NewMail) -> tuple[Receipt, str]:
        """Sends, and keeps a copy in the sent folder; returns what became of it and its Message-ID.

        Raises ``Forbidden`` without the right to send, ``MailRefused`` for an address outside the trust space or an
        answer that the citizen may not give, ``TooLarge``.
        """
        recipients = [parse_address(text) for text in (*new.to, *new.cc)]
        if not recipients:
            raise InvalidContent("MSSNoRecipient", Text("Indiquez un destinataire.", "Name a recipient."))
        is_citizen = session.box.ins is not None
        if is_citizen:
            await self._check_citizen(session, new, recipients)
        elif not session.may_send:
            raise not_allowed()
        await self._refuse_unlisted(recipients)
        letter = self._letter(session, new)
        sent = await self._special(session, "\\Sent")
        already = await self._rooms.by_message_id(session.box.key, letter.message_id)
        kept = next((item for item in already if item.folder_id == sent.id), None)
        if kept is not None:  # the same send_id: the very same bytes go again, and are recognised
            message = await self._rooms.content(session.box.key, kept)
        else:
            message = compose(letter)
        has_citizen = any(self._office.is_citizen(address) for address in recipients)
        if len(message) > (rules.CITIZEN_MAX_BYTES if has_citizen or is_citizen else rules.MAX_MESSAGE_BYTES):
            raise refusal(Check.TOO_BIG)
        copied: tuple[int, ...] = ()
        if kept is None:
            placed = await self._rooms.append(session.box.key, sent.name, message, flags=["\\Seen"])
            copied = placed.uids
        notify = "SUCCESS,FAILURE,DELAY" if new.asks_delivery_receipt else "FAILURE"
        envelope = Envelope(
            sender=session.box.mail_address,
            recipients=tuple(Recipient(address, notify) for address in recipients),
            origin=Origin.PORTAL,
            author=session.actor.id,
            kind=session.box.kind.value,
            envelope_id=letter.message_id.strip("<>").partition("@")[0],
        )
        try:
            receipt = await self._office.accept(envelope, message)
        except MailRefused:  # what did not leave is not among what was sent
            await self._rooms.expunge(session.box.key, sent.id, copied)
            raise
        await self._audit(session, "mss.send", Subject("mail", letter.message_id), Action.CREATE)
        return receipt, letter.message_id

    async def send_receipt(self, session: MailSession, folder_id: int, uid: int) -> bool:
        """Tells the sender that the message was displayed, if they asked; once (``$MDNSent``)."""
        stored = await self._find(session, folder_id, uid)
        mail = read_header(stored.summary.header)
        if mail.read_receipt_to is None or "$MDNSent" in stored.flags:
            return False
        to = mail.read_receipt_to.address
        now = self._base.clock()
        message = compose_read_receipt(
            ReadReceipt(
                final_recipient=session.box.address,
                disposition=Disposition.DISPLAYED,
                original_message_id=mail.message_id,
                text="Le message a été affiché par son destinataire.\n",
            ),
            sender=session.box.mail_address,
            to=str(to),
            subject=f"Lu : {mail.subject}",
            date=now,
            message_id=f"<{uuid4()}@{self._base.settings.mail_domain}>",
            original=stored.summary.header[: header_end(stored.summary.header)],
        )
        envelope = Envelope(
            sender=None, recipients=(Recipient(to, "NEVER"),), origin=Origin.PORTAL, author=session.actor.id
        )
        await self._office.accept(envelope, message)
        await self._rooms.change_flags(session.box.key, folder_id, [uid], FlagChange.ADD, ["$MDNSent"])
        return True

    async def notices(self, session: MailSession, message_id: str) -> tuple[Notice, ...]:
        """What came back about a sent message."""
        return await self.notices_of(session.box.key, message_id)

    async def notices_of(self, key: UUID, message_id: str) -> tuple[Notice, ...]:
        """The same for a box by its key: for services that sent in its name."""
        wanted = await hash_in_box(self._base.objects.rings, key, message_id)
        async with self._base.database.connection() as connection:
            rows = await QUERIES["find_notices"].rows(connection, mailbox_key=key, message_hash=wanted)
        return tuple(Notice(**dict(row)) for row in rows)

    async def contacts(self, session: MailSession, words: str, *, count: int = 20) -> list[Contact]:
        """The address book: the directory for a professional, open exchanges for a citizen."""
        if session.box.ins is not None:
            async with self._base.database.connection() as connection:
                rows = await QUERIES["list_exchanges"].rows(connection, mailbox_key=session.box.key)
            return [
                Contact(address=row["contact"], name=row["contact"])
                for row in rows
                if row["is_open"] and words.lower() in row["contact"]
            ][:count]
        if self._address_book is not None:
            return await self._address_book.find_contacts(words, count)
        async with self._base.database.connection() as connection:
            rows = await QUERIES["find_contacts"].rows(connection, words=words, count=count)
        return [
            Contact(
                address=row["address"],
                name=row["display_name"] or row["address"],
                detail=row["service"] or row["description"],
                person_id=row["person_id"],
                structure_id=row["structure_id"],
            )
            for row in rows
        ]

    async def may_answer(self, session: MailSession, contact: str) -> bool:
        """Whether a citizen may write to ``contact`` now."""
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_exchange"].row(connection, mailbox_key=session.box.key, contact=contact.lower())
        return row is not None and row["is_open"]

    async def _refuse_unlisted(self, recipients: list[Address]) -> None:
        others = {address.domain for address in recipients if not self._office.is_local(address.domain)}
        white_list = await self._trust_list.current() if others else None
        for domain in others:
            if white_list is None or white_list.find(domain) is None:
                raise refusal(Check.NOT_LISTED, domain)

    async def _check_citizen(self, session: MailSession, new: NewMail, recipients: list[Address]) -> None:
        for address in recipients:
            if self._office.is_citizen(address) or not await self.may_answer(session, str(address)):
                raise refusal(Check.CITIZEN_FIRST)
        for attachment in new.attachments:
            if attachment.content_type not in rules.CITIZEN_TYPES:
                raise InvalidContent(
                    "MSSAttachmentType",
                    Text("Joignez un PDF, une image ou un texte.", "Attach a PDF, an image or a text."),
                    location=attachment.name,
                )

    def _letter(self, session: MailSession, new: NewMail) -> Letter:
        box = session.box
        return Letter(
            sender=Correspondent(box.mail_address, box.display_name),
            to=tuple(Correspondent(parse_address(text)) for text in new.to),
            cc=tuple(Correspondent(parse_address(text)) for text in new.cc),
            reply_to=Correspondent(parse_address(new.reply_to)) if new.reply_to else None,
            subject=new.subject,
            text=new.text if new.text.endswith("\n") else f"{new.text}\n",
            date=self._base.clock(),
            message_id=f"<{new.send_id or uuid4()}@{self._base.settings.mail_domain}>",
            product=new.product,
            in_reply_to=new.in_reply_to,
            references=new.references,
            attachments=new.attachments,
            cda_codes=new.cda_codes,
            has_qualified_ins=new.has_qualified_ins,
            asks_read_receipt=new.asks_read_receipt,
            closes_exchange=new.closes_exchange,
        )

    def _line(self, session: MailSession, stored: StoredMessage, messages: int, unread: int) -> ThreadLine:
        mail = read_header(stored.summary.header)
        is_ours = mail.sender is not None and str(mail.sender.address) == session.box.address
        others = mail.to if is_ours else ((mail.sender,) if mail.sender else ())
        return ThreadLine(
            thread=stored.thread.hex(),
            subject=mail.title or "(sans objet)",
            correspondents=others,
            messages=messages,
            unread=unread,
            last_at=stored.received_at,
            has_document=stored.summary.has_document,
            is_with_citizen=any(self._office.is_citizen(other.address) for other in others),
            folder_id=stored.folder_id,
            uid=stored.uid,
        )

    async def _open(self, session: MailSession, stored: StoredMessage) -> OpenedMessage:
        mail = read_mail(await self._rooms.content(session.box.key, stored))
        package, error = _open_archive(mail)
        return OpenedMessage(
            folder_id=stored.folder_id,
            uid=stored.uid,
            flags=stored.flags,
            received_at=stored.received_at,
            mail=mail,
            documents=package.documents if package else (),
            findings=package.findings if package else (),
            archive_error=error,
            notices=await self.notices(session, mail.message_id) if mail.message_id else (),
        )

    async def _find(self, session: MailSession, folder_id: int, uid: int) -> StoredMessage:
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_message"].row(
                connection, mailbox_key=session.box.key, folder_id=folder_id, uid=uid
            )
            if row is None:
                raise message_not_found()
            return (await open_messages(self._base.objects.rings, session.box.key, [row], connection))[0]

    async def _special(self, session: MailSession, use: str) -> Folder:
        folders = await self._rooms.folders(session.box.key)
        return next((folder for folder in folders if folder.special_use == use), folders[0])

    async def _mark_seen(self, session: MailSession, stored: Sequence[StoredMessage]) -> None:
        for folder_id in {item.folder_id for item in stored}:
            uids = [item.uid for item in stored if item.folder_id == folder_id and "\\Seen" not in item.flags]
            if uids:
                await self._rooms.change_flags(session.box.key, folder_id, uids, FlagChange.ADD, ["\\Seen"])

    async def _audit(self, session: MailSession, name: str, subject: Subject, action: Action = Action.READ) -> None:
        ins = session.box.ins
        await self._base.audit.record_alone(
            AuditEvent(
                actor=session.actor,
                action=action,
                transaction=name,
                patient_key=patient_key(ins) if ins else None,
                subjects=(subject,),
            )
        )


def _open_archive(mail: Mail) -> tuple[XdmPackage | None, Text | None]:
    if mail.xdm is None:
        return None, None
    try:
        return read_xdm(mail.xdm.content), None
    except SocleError as error:
        return None, error.reason


def _row(stored: StoredMessage) -> MessageRow:
    return MessageRow(
        uid=stored.uid,
        flags=stored.flags,
        modseq=stored.modseq,
        size_bytes=stored.size_bytes,
        received_at=stored.received_at,
    )
