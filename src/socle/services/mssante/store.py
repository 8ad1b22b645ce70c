"""Rows of the mail tables as domain values."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from socle.platform.database import Connection, Queries
from socle.platform.keys import KeyRings
from socle.services.mssante.domain import (
    Folder,
    Mailbox,
    MailboxKind,
    MailboxState,
    MessageRow,
    Right,
    StoredMessage,
    Summary,
)
from socle.standards.ids.ins import Ins
from socle.standards.mail.imap_message import body_structure, envelope
from socle.standards.mail.read import Mail, read_header
from socle.standards.mail.structure import scan

if TYPE_CHECKING:
    import asyncpg

QUERIES = Queries("socle.services.mssante")

#: Folders of a new box, with their SPECIAL-USE attribute (RFC 6154).
FOLDERS = {"INBOX": "", "Brouillons": "\\Drafts", "Envoyés": "\\Sent", "Corbeille": "\\Trash", "Archives": "\\Archive"}
INBOX_ID = 1

_SUMMARY = b"mail-summary"
#: Name of an IHE XDM archive, as a body structure shows it.
_ARCHIVE = re.compile(rb"IHE[_-]XDM", re.IGNORECASE)


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the operator's trace: never any content."""

    happened_at: datetime
    action: str
    mailbox: str = ""
    kind: str = ""
    person_id: str = ""
    peer: str = ""
    queue_id: UUID | None = None
    message_hash: bytes | None = None
    size_bytes: int = 0
    reply: str = ""
    cda_codes: tuple[str, ...] = ()
    has_ins: str = ""
    product: str = ""
    is_success: bool = True


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message to be put into a folder; its content is in the vault already."""

    object: str
    size_bytes: int
    summary: bytes
    thread: bytes
    message_hash: bytes
    flags: tuple[str, ...]
    received_at: datetime


def mailbox_of(row: asyncpg.Record) -> Mailbox:
    """A box from its row."""
    return Mailbox(
        key=row["mailbox_key"],
        address=row["address"],
        kind=MailboxKind(row["kind"]),
        state=MailboxState(row["state"]),
        quota_bytes=row["quota_bytes"],
        created_at=row["created_at"],
        display_name=row["display_name"],
        person_id=row["person_id"],
        structure_id=row["structure_id"],
        service=row["service"],
        responsible=row["responsible"],
        description=row["description"],
        is_red_listed=row["is_red_listed"],
        rank=row["rank"],
        accepts_paperless=row["accepts_paperless"],
        ins=Ins(row["matricule"], row["ins_oid"]) if row["matricule"] else None,
        certificate_subject=row["certificate_subject"],
        files_to_dmp=row["files_to_dmp"],
        password_hash=row["password_hash"],
        used_bytes=row["used_bytes"],
        last_used_at=row["last_used_at"],
        purge_at=row["purge_at"],
        is_shut_by_holder=row["is_shut_by_holder"],
    )


def folder_of(row: asyncpg.Record) -> Folder:
    """A folder from its row."""
    return Folder(
        id=row["folder_id"],
        name=row["name"],
        special_use=row["special_use"],
        is_subscribed=row["is_subscribed"],
        uid_validity=row["uid_validity"],
        uid_next=row["uid_next"],
        highest_modseq=row["highest_modseq"],
    )


def message_row_of(row: asyncpg.Record) -> MessageRow:
    """The state of a message from its row."""
    return MessageRow(
        uid=row["uid"],
        flags=tuple(row["flags"]),
        modseq=row["modseq"],
        size_bytes=row["size_bytes"],
        received_at=row["received_at"],
    )


async def find_mailbox(connection: Connection, address: str, *, lock: bool = False) -> Mailbox | None:
    """The box of ``address``, locked for change if asked."""
    row = await QUERIES["lock_mailbox" if lock else "find_mailbox"].row(connection, address=address)
    return mailbox_of(row) if row else None


async def find_rights(connection: Connection, key: UUID) -> list[Right]:
    """Who else may use the box."""
    return [Right(**dict(row)) for row in await QUERIES["find_rights"].rows(connection, mailbox_key=key)]


async def add_mailbox(connection: Connection, box: Mailbox) -> bool:
    """Creates the box with its folders; ``False`` when the address exists."""
    values = {name: getattr(box, name) for name in box.__struct_fields__}
    for name in ("key", "ins", "used_bytes", "last_used_at", "purge_at", "created_at", "is_shut_by_holder"):
        values.pop(name)
    added = await QUERIES["add_mailbox"].execute(
        connection,
        **values | {"kind": box.kind.value, "state": box.state.value},
        mailbox_key=box.key,
        matricule=box.ins.matricule if box.ins else "",
        ins_oid=box.ins.oid if box.ins else "",
        now=box.created_at,
    )
    if not added:
        return False
    for name, special_use in FOLDERS.items():
        await add_folder(connection, box.key, name, special_use=special_use, now=box.created_at)
    return True


async def add_folder(connection: Connection, key: UUID, name: str, *, special_use: str = "", now: datetime) -> bool:
    """Creates a folder; ``False`` when the name exists. UIDVALIDITY is the second of creation."""
    added = await QUERIES["add_folder"].execute(
        connection, mailbox_key=key, name=name, special_use=special_use, uid_validity=int(now.timestamp())
    )
    return added == 1


async def list_folders(connection: Connection, key: UUID) -> list[Folder]:
    """Folders of the box, INBOX first."""
    return [folder_of(row) for row in await QUERIES["list_folders"].rows(connection, mailbox_key=key)]


async def find_folder(connection: Connection, key: UUID, name: str) -> Folder | None:
    """The folder ``name`` of the box."""
    row = await QUERIES["find_folder"].row(connection, mailbox_key=key, name=name)
    return folder_of(row) if row else None


async def add_messages(connection: Connection, targets: Sequence[tuple[UUID, int, NewMessage]]) -> dict[int, int]:
    """Puts messages into folders; returns the UID given to each, by position in ``targets``.

    Takes one lock a folder, in the order of keys, until the end of the transaction.
    """
    counts: dict[tuple[UUID, int], int] = {}
    for key, folder_id, _ in targets:
        counts[key, folder_id] = counts.get((key, folder_id), 0) + 1
    ordered = sorted(counts)
    rows = await QUERIES["take_uids"].rows(
        connection,
        mailbox_keys=[key for key, _ in ordered],
        folder_ids=[folder_id for _, folder_id in ordered],
        counts=[counts[pair] for pair in ordered],
    )
    next_uid = {(row["mailbox_key"], row["folder_id"]): row["first_uid"] for row in rows}
    modseqs = {(row["mailbox_key"], row["folder_id"]): row["highest_modseq"] for row in rows}
    uids: dict[int, int] = {}
    for position, (key, folder_id, _) in enumerate(targets):
        uids[position] = next_uid[key, folder_id]
        next_uid[key, folder_id] += 1
    await QUERIES["add_messages"].execute(
        connection,
        mailbox_keys=[key for key, _, _ in targets],
        folder_ids=[folder_id for _, folder_id, _ in targets],
        uids=[uids[position] for position in range(len(targets))],
        objects=[new.object for _, _, new in targets],
        sizes=[new.size_bytes for _, _, new in targets],
        summaries=[new.summary for _, _, new in targets],
        threads=[new.thread for _, _, new in targets],
        message_hashes=[new.message_hash for _, _, new in targets],
        flags=[" ".join(new.flags) for _, _, new in targets],
        modseqs=[modseqs[key, folder_id] for key, folder_id, _ in targets],
        received=[new.received_at for _, _, new in targets],
    )
    await QUERIES["add_usage"].execute(
        connection,
        mailbox_keys=sorted({key for key, _, _ in targets}),
        bytes=[
            sum(new.size_bytes for owner, _, new in targets if owner == key)
            for key in sorted({key for key, _, _ in targets})
        ],
    )
    return uids


async def add_traces(connection: Connection, traces: Sequence[Trace]) -> None:
    """Appends to the operator's trace."""
    if not traces:
        return
    await QUERIES["add_traces"].execute(
        connection,
        moments=[trace.happened_at for trace in traces],
        actions=[trace.action for trace in traces],
        mailboxes=[trace.mailbox for trace in traces],
        kinds=[trace.kind for trace in traces],
        persons=[trace.person_id for trace in traces],
        peers=[trace.peer for trace in traces],
        queue_ids=[trace.queue_id for trace in traces],
        message_hashes=[trace.message_hash for trace in traces],
        sizes=[trace.size_bytes for trace in traces],
        replies=[trace.reply[:500] for trace in traces],
        cda_codes=[",".join(trace.cda_codes) for trace in traces],
        has_ins=[trace.has_ins for trace in traces],
        products=[trace.product for trace in traces],
        successes=[trace.is_success for trace in traces],
    )


def summarise(message: bytes) -> tuple[Summary, Mail]:
    """What lists show of ``message``, and its fields. Raises ``TooLarge`` on a MIME bomb."""
    root = scan(message)
    header = message[root.start : root.body]
    mail = read_header(header)
    structure = body_structure(message, root, is_extended=True)
    summary = Summary(
        header=header,
        envelope=envelope(header),
        structure=structure,
        body=body_structure(message, root, is_extended=False),
        has_document=mail.is_health_document or _ARCHIVE.search(structure) is not None,
    )
    return summary, mail


async def seal_summary(rings: KeyRings, owner: UUID, summary: Summary) -> bytes:
    """``summary`` encrypted with the box's own key. Call it outside a transaction."""
    return await rings.seal(owner, _SUMMARY, msgspec.msgpack.encode(summary))


async def open_summary(rings: KeyRings, owner: UUID, sealed: bytes, connection: Connection) -> Summary:
    """The summary that ``seal_summary`` sealed."""
    return msgspec.msgpack.decode(await rings.open(owner, _SUMMARY, sealed, connection), type=Summary)


async def open_messages(
    rings: KeyRings, owner: UUID, rows: Sequence[asyncpg.Record], connection: Connection
) -> list[StoredMessage]:
    """Messages from their rows."""
    return [
        StoredMessage(
            folder_id=row["folder_id"],
            uid=row["uid"],
            flags=tuple(row["flags"]),
            modseq=row["modseq"],
            size_bytes=row["size_bytes"],
            received_at=row["received_at"],
            object=row["object"],
            summary=await open_summary(rings, owner, row["summary"], connection),
            thread=row["thread"],
        )
        for row in rows
    ]


async def hash_in_box(rings: KeyRings, owner: UUID, message_id: str) -> bytes:
    """The form under which a Message-ID is kept in a box: it says nothing without the box's key."""
    key = await rings.index_key(owner)
    return hashlib.blake2b(message_id.encode("utf-8", "replace"), key=key, digest_size=16).digest()


async def new_message(
    rings: KeyRings, owner: UUID, stored: str, message: bytes, summary: Summary, mail: Mail, received_at: datetime
) -> NewMessage:
    """What the tables keep of ``message``, stored at ``stored`` in the vault of ``owner``. Outside a transaction."""
    first = next(iter(mail.references), "") or mail.in_reply_to or mail.message_id or secrets.token_hex(8)
    return NewMessage(
        object=stored,
        size_bytes=len(message),
        summary=await seal_summary(rings, owner, summary),
        thread=await hash_in_box(rings, owner, first),
        message_hash=await hash_in_box(rings, owner, mail.message_id),
        flags=(),
        received_at=received_at,
    )


def trace_hash(message_id: str) -> bytes | None:
    """The form under which a Message-ID is kept in traces."""
    return hashlib.sha256(message_id.encode("utf-8", "replace")).digest()[:16] if message_id else None
