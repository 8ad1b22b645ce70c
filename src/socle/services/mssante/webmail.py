"""What the portals show of a box: threads, one message, search; and its messages moved, marked, deleted.

Every call takes a ``MailSession`` that ``access`` opened, so no function here decides who may open a box.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from uuid import UUID

from socle.platform.audit import Action, AuditEvent, Subject
from socle.platform.base import Base
from socle.platform.patient_key import patient_key
from socle.services.mssante.domain import (
    Domains,
    Folder,
    MailSession,
    MessageRow,
    Notice,
    OpenedMessage,
    StoredMessage,
    ThreadLine,
)
from socle.services.mssante.errors import message_not_found
from socle.services.mssante.imap_search import Candidate, parse_search
from socle.services.mssante.mailroom import FlagChange, Mailroom
from socle.services.mssante.store import QUERIES, hash_in_box, open_messages
from socle.standards.errors import SocleError, Text
from socle.standards.mail.imap import Atom
from socle.standards.mail.read import Mail, read_header, read_mail
from socle.standards.xdm.package import XdmPackage, read_xdm

_SEARCHED = 2000
_SCANNED = 2000


class Webmail:
    """Use cases of reading."""

    def __init__(self, base: Base, rooms: Mailroom, domains: Domains) -> None:
        self._base = base
        self._rooms = rooms
        self._domains = domains

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
        await self.trace(session, "mss.list", Subject("mail-folder", f"{session.box.address}/{folder}"))
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
        await self.trace(session, "mss.read", Subject("mail-thread", thread))
        return [await self._open(session, item) for item in stored]

    async def read(self, session: MailSession, folder_id: int, uid: int) -> OpenedMessage:
        """One message, marked as read. Raises ``NotFound``."""
        stored = await self.find(session, folder_id, uid)
        await self._mark_seen(session, [stored])
        await self.trace(session, "mss.read", Subject("mail", f"{session.box.address}/{folder_id}/{uid}"))
        return await self._open(session, stored)

    async def peek(self, session: MailSession, folder_id: int, uid: int) -> OpenedMessage:
        """One message as software takes it: nothing is marked as read. Raises ``NotFound``."""
        stored = await self.find(session, folder_id, uid)
        await self.trace(session, "mss.read", Subject("mail", f"{session.box.address}/{folder_id}/{uid}"))
        return await self._open(session, stored)

    async def with_documents(
        self, session: MailSession, *, folder: str = "INBOX", count: int = 50
    ) -> list[OpenedMessage]:
        """Messages of a folder that carry health documents, newest first; the last 2,000 are looked at."""
        key = session.box.key
        found = await self._rooms.folder(key, folder)
        kept: list[StoredMessage] = []
        before = 2**62
        for _ in range(_SEARCHED // 100):
            page = await self._rooms.page(key, found.id, before=before, count=100)
            kept += [stored for stored in page if stored.summary.has_document]
            if len(page) < 100 or len(kept) >= count:
                break
            before = page[-1].uid
        await self.trace(session, "mss.list", Subject("mail-folder", f"{session.box.address}/{folder}"))
        return [await self._open(session, stored) for stored in kept[:count]]

    async def original(self, session: MailSession, folder_id: int, uid: int) -> bytes:
        """The message as it came. Raises ``NotFound``."""
        stored = await self.find(session, folder_id, uid)
        await self.trace(session, "mss.read", Subject("mail", f"{session.box.address}/{folder_id}/{uid}"))
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
        await self.trace(session, "mss.search", Subject("mail-folder", f"{session.box.address}/{folder}"))
        return lines[:count]

    async def put_away(self, session: MailSession, folder_id: int, uids: Sequence[int], use: str) -> None:
        """Moves messages into the folder of the special use ``use``; out of the bin and the drafts they go for good."""
        target, drafts = await self.special(session, use), await self.special(session, "\\Drafts")
        if use == "\\Trash" and folder_id in {target.id, drafts.id}:
            await self._rooms.expunge(session.box.key, folder_id, uids)
        elif folder_id != target.id:
            await self._rooms.copy(session.box.key, folder_id, uids, target.name, move=True)
        await self.trace(session, "mss.delete", Subject("mail-folder", f"{session.box.address}/{folder_id}"))

    async def mark(self, session: MailSession, folder_id: int, uids: Sequence[int], flag: str, *, is_set: bool) -> None:
        """Sets or clears a flag of IMAP."""
        change = FlagChange.ADD if is_set else FlagChange.REMOVE
        await self._rooms.change_flags(session.box.key, folder_id, uids, change, [flag])

    async def notices(self, session: MailSession, message_id: str) -> tuple[Notice, ...]:
        """What came back about a sent message."""
        return await self.notices_of(session.box.key, message_id)

    async def notices_of(self, key: UUID, message_id: str) -> tuple[Notice, ...]:
        """The same for a box by its key: for services that sent in its name."""
        wanted = await hash_in_box(self._base.objects.rings, key, message_id)
        async with self._base.database.connection() as connection:
            rows = await QUERIES["find_notices"].rows(connection, mailbox_key=key, message_hash=wanted)
        return tuple(Notice(**dict(row)) for row in rows)

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
            is_with_citizen=any(self._domains.is_citizen(other.address) for other in others),
            folder_id=stored.folder_id,
            uid=stored.uid,
        )

    async def _open(self, session: MailSession, stored: StoredMessage) -> OpenedMessage:
        mail = read_mail(await self._rooms.content(session.box.key, stored))
        package, error = await asyncio.to_thread(_open_archive, mail)
        return OpenedMessage(
            folder_id=stored.folder_id,
            uid=stored.uid,
            content_key=stored.object,
            flags=stored.flags,
            received_at=stored.received_at,
            mail=mail,
            package=package,
            archive_error=error,
            notices=await self.notices(session, mail.message_id) if mail.message_id else (),
        )

    async def find(self, session: MailSession, folder_id: int, uid: int) -> StoredMessage:
        """One message with its summary. Raises ``NotFound``."""
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_message"].row(
                connection, mailbox_key=session.box.key, folder_id=folder_id, uid=uid
            )
            if row is None:
                raise message_not_found()
            return (await open_messages(self._base.objects.rings, session.box.key, [row], connection))[0]

    async def special(self, session: MailSession, use: str) -> Folder:
        """The folder with a SPECIAL-USE attribute, else the first one."""
        folders = await self._rooms.folders(session.box.key)
        return next((folder for folder in folders if folder.special_use == use), folders[0])

    async def _mark_seen(self, session: MailSession, stored: Sequence[StoredMessage]) -> None:
        for folder_id in {item.folder_id for item in stored}:
            uids = [item.uid for item in stored if item.folder_id == folder_id and "\\Seen" not in item.flags]
            if uids:
                await self._rooms.change_flags(session.box.key, folder_id, uids, FlagChange.ADD, ["\\Seen"])

    async def trace(self, session: MailSession, name: str, subject: Subject, action: Action = Action.READ) -> None:
        """Leaves the trace of an act on the box, in the citizen's own chain when the box is theirs."""
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


def _open_archive(mail: Mail) -> tuple[XdmPackage, Text | None]:
    if mail.xdm is None:
        return XdmPackage(submissions=()), None
    try:
        return read_xdm(mail.xdm.content), None
    except SocleError as error:
        return XdmPackage(submissions=()), error.reason


def _row(stored: StoredMessage) -> MessageRow:
    return MessageRow(
        uid=stored.uid,
        flags=stored.flags,
        modseq=stored.modseq,
        size_bytes=stored.size_bytes,
        received_at=stored.received_at,
    )
