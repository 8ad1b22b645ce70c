"""What is done with the messages of a box: folders, flags, copies, deletions. IMAP and the portals both come here.

Each change takes the folder's row lock, gets a new modification sequence, and wakes the sessions that watch the folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from socle.platform.base import Base
from socle.platform.database import Connection
from socle.services.mssante.domain import Folder, MessageRow, StoredMessage
from socle.services.mssante.errors import folder_not_found
from socle.services.mssante.store import (
    QUERIES,
    NewMessage,
    add_folder,
    add_messages,
    find_folder,
    hash_in_box,
    list_folders,
    message_row_of,
    new_message,
    open_messages,
    summarise,
)
from socle.standards.errors import Conflict, InvalidContent, Text, TooLarge

MAX_FOLDERS = 500
MAX_KEYWORDS = 30
_FLAG = re.compile(r"\\(?:Seen|Answered|Flagged|Deleted|Draft)|[^\s\\(){%*\"\]\x00-\x1f\x7f-\U0010ffff]{1,60}")


class FlagChange(StrEnum):
    """How STORE changes flags."""

    SET = "FLAGS"
    ADD = "+FLAGS"
    REMOVE = "-FLAGS"


class FolderCount(msgspec.Struct, frozen=True):
    """How many messages a folder holds."""

    messages: int
    unseen: int
    bytes: int


class Placed(msgspec.Struct, frozen=True):
    """Where messages were put (UIDPLUS): UIDs in the order of the sources."""

    uid_validity: int
    sources: tuple[int, ...]
    uids: tuple[int, ...]


class Changes(msgspec.Struct, frozen=True):
    """What a watcher of a folder does not know yet: changed or new messages, and all UIDs that are left."""

    highest_modseq: int
    changed: tuple[MessageRow, ...]
    uids: tuple[int, ...]


class Mailroom:
    """The messages of boxes. Callers have already proven the right to the box."""

    def __init__(self, base: Base) -> None:
        self._base = base

    async def folders(self, key: UUID) -> list[Folder]:
        """Folders of the box, INBOX first."""
        async with self._base.database.connection() as connection:
            return await list_folders(connection, key)

    async def folder(self, key: UUID, name: str) -> Folder:
        """The folder ``name``. Raises ``NotFound``."""
        async with self._base.database.connection() as connection:
            return await _folder(connection, key, name)

    async def count(self, key: UUID, folder_id: int) -> FolderCount:
        """How many messages the folder holds."""
        async with self._base.database.connection() as connection:
            row = await QUERIES["count_folder"].row(connection, mailbox_key=key, folder_id=folder_id)
        assert row is not None
        return FolderCount(row["messages"], row["unseen"], row["bytes"])

    async def create_folder(self, key: UUID, name: str) -> None:
        """Creates the folder. Raises ``Conflict`` when it exists, ``InvalidContent`` on a bad name."""
        clean = folder_name(name)
        async with self._base.database.transaction() as connection:
            if len(await list_folders(connection, key)) >= MAX_FOLDERS:
                raise TooLarge("MSSTooManyFolders", Text("Trop de dossiers.", "Too many folders."))
            if not await add_folder(connection, key, clean, now=self._base.clock()):
                raise _folder_exists()

    async def rename_folder(self, key: UUID, name: str, new_name: str) -> None:
        """Renames a folder and those below it; INBOX keeps its name. Raises ``Conflict``, ``NotFound``."""
        clean = folder_name(new_name)
        async with self._base.database.transaction() as connection:
            folders = await list_folders(connection, key)
            moved = [f for f in folders if f.name == name or f.name.startswith(f"{name}/")]
            taken = {f.name for f in folders} - {f.name for f in moved}
            if not moved:
                raise folder_not_found()
            names = [clean + f.name.removeprefix(name) for f in moved]
            if name == "INBOX" or taken & set(names) or clean.startswith(f"{name}/"):
                raise _folder_exists()
            for folder, target in zip(moved, names, strict=True):
                await QUERIES["rename_folder"].execute(
                    connection, mailbox_key=key, folder_id=folder.id, name=folder_name(target)
                )

    async def delete_folder(self, key: UUID, name: str) -> None:
        """Deletes a folder and its messages. Raises ``Conflict`` for INBOX and folders with a special use."""
        async with self._base.database.transaction() as connection:
            folder = await _folder(connection, key, name)
            if folder.name == "INBOX" or folder.special_use:
                raise Conflict("MSSFolderKept", Text("Ce dossier ne peut pas être supprimé.", "This folder is kept."))
            await QUERIES["next_modseq"].row(connection, mailbox_key=key, folder_id=folder.id)
            uids = [
                row["uid"] for row in await QUERIES["list_rows"].rows(connection, mailbox_key=key, folder_id=folder.id)
            ]
            gone = await self._delete(connection, key, folder.id, uids)
            await QUERIES["delete_folder"].execute(connection, mailbox_key=key, folder_id=folder.id)
        await self._forget(key, gone)

    async def subscribe(self, key: UUID, name: str, *, is_subscribed: bool) -> None:
        """Sets the subscription of a folder that exists."""
        async with self._base.database.connection() as connection:
            await QUERIES["subscribe_folder"].execute(
                connection, mailbox_key=key, name=name, is_subscribed=is_subscribed
            )

    async def rows(self, key: UUID, folder_id: int) -> list[MessageRow]:
        """The state of all messages of a folder, by UID."""
        async with self._base.database.connection() as connection:
            rows = await QUERIES["list_rows"].rows(connection, mailbox_key=key, folder_id=folder_id)
        return [message_row_of(row) for row in rows]

    async def changes(self, key: UUID, folder_id: int, since: int) -> Changes:
        """What changed in a folder since the modification sequence ``since``; ``uids`` is empty when nothing did."""
        async with self._base.database.transaction(read_only=True) as connection:
            row = await QUERIES["find_folder_by_id"].row(connection, mailbox_key=key, folder_id=folder_id)
            if row is None:
                raise folder_not_found()
            if row["highest_modseq"] <= since:
                return Changes(row["highest_modseq"], (), ())
            changed = await QUERIES["rows_since"].rows(connection, mailbox_key=key, folder_id=folder_id, modseq=since)
            uids = await QUERIES["list_uids"].rows(connection, mailbox_key=key, folder_id=folder_id)
        return Changes(
            row["highest_modseq"],
            tuple(message_row_of(item) for item in changed),
            tuple(item["uid"] for item in uids),
        )

    async def messages(self, key: UUID, folder_id: int, uids: Sequence[int]) -> list[StoredMessage]:
        """Messages with their summaries, by UID; those that are gone are left out."""
        async with self._base.database.connection() as connection:
            rows = await QUERIES["read_summaries"].rows(connection, mailbox_key=key, folder_id=folder_id, uids=uids)
            return await open_messages(self._base.objects.rings, key, rows, connection)

    async def page(self, key: UUID, folder_id: int, *, before: int = 2**62, count: int = 50) -> list[StoredMessage]:
        """Messages of a folder, newest first."""
        async with self._base.database.connection() as connection:
            rows = await QUERIES["page_messages"].rows(
                connection, mailbox_key=key, folder_id=folder_id, before=before, count=count
            )
            return await open_messages(self._base.objects.rings, key, rows, connection)

    async def thread(self, key: UUID, thread: bytes) -> list[StoredMessage]:
        """Messages of a thread in all folders, oldest first."""
        async with self._base.database.connection() as connection:
            rows = await QUERIES["read_thread"].rows(connection, mailbox_key=key, thread=thread)
            return await open_messages(self._base.objects.rings, key, rows, connection)

    async def by_message_id(self, key: UUID, message_id: str) -> list[StoredMessage]:
        """Messages of the box that have this Message-ID."""
        wanted = await hash_in_box(self._base.objects.rings, key, message_id)
        async with self._base.database.connection() as connection:
            rows = await QUERIES["find_by_message_id"].rows(connection, mailbox_key=key, message_hash=wanted)
            return await open_messages(self._base.objects.rings, key, rows, connection)

    async def content(self, key: UUID, stored: StoredMessage) -> bytes:
        """The whole message."""
        return await self._base.objects.get(key, stored.object)

    async def append(
        self, key: UUID, name: str, message: bytes, *, flags: Iterable[str] = (), received_at: datetime | None = None
    ) -> Placed:
        """Puts ``message`` into a folder. Raises ``NotFound``, ``TooLarge`` (``MSSOverQuota``, ``MIMETooComplex``)."""
        summary, mail = summarise(message)
        stored = await self._base.objects.put(key, message)
        when = received_at or self._base.clock()
        new = await new_message(self._base.objects.rings, key, stored, message, summary, mail, when)
        new = msgspec.structs.replace(new, flags=known_flags(flags))
        async with self._base.database.transaction() as connection:
            room_bytes = await _lock_room(connection, key)
            folder = await _folder(connection, key, name)
            if len(message) > room_bytes:
                raise _over_quota()
            uids = await add_messages(connection, [(key, folder.id, new)])
            await _wake(connection, key, folder.id)
        return Placed(folder.uid_validity, (), (uids[0],))

    async def copy(self, key: UUID, folder_id: int, uids: Sequence[int], name: str, *, move: bool = False) -> Placed:
        """Copies (or moves) messages into the folder ``name``, all or none. Raises ``NotFound``, ``TooLarge``."""
        async with self._base.database.transaction() as connection:
            room_bytes = await _lock_room(connection, key)
            target = await _folder(connection, key, name)
            # Locks in one order, whichever way messages travel.
            for number in sorted({folder_id, target.id} if move else {target.id}):
                await QUERIES["next_modseq"].row(connection, mailbox_key=key, folder_id=number)
            rows = await QUERIES["copy_rows"].rows(connection, mailbox_key=key, folder_id=folder_id, uids=uids)
            if not move and sum(row["size_bytes"] for row in rows) > room_bytes:
                raise _over_quota()
            targets = [(key, target.id, _copy_of(row)) for row in rows]
            placed = await add_messages(connection, targets) if targets else {}
            sources = tuple(row["uid"] for row in rows)
            if move:
                await self._delete(connection, key, folder_id, sources)
                await _wake(connection, key, folder_id)
            await _wake(connection, key, target.id)
        return Placed(target.uid_validity, sources, tuple(placed[n] for n in range(len(sources))))

    async def change_flags(
        self,
        key: UUID,
        folder_id: int,
        uids: Sequence[int],
        change: FlagChange,
        flags: Iterable[str],
        *,
        unchanged_since: int | None = None,
    ) -> tuple[list[MessageRow], list[int]]:
        """Changes flags; returns the new states (size and date left out) and the UIDs changed since."""
        wanted = known_flags(flags)
        async with self._base.database.transaction() as connection:
            row = await QUERIES["next_modseq"].row(connection, mailbox_key=key, folder_id=folder_id)
            if row is None:
                raise folder_not_found()
            modseq = row["highest_modseq"]
            states = await QUERIES["lock_flags"].rows(connection, mailbox_key=key, folder_id=folder_id, uids=uids)
            late = [s["uid"] for s in states if unchanged_since is not None and s["modseq"] > unchanged_since]
            changed = [
                MessageRow(
                    uid=state["uid"],
                    flags=_changed(tuple(state["flags"]), change, wanted),
                    modseq=modseq,
                    size_bytes=0,
                    received_at=self._base.clock(),
                )
                for state in states
                if state["uid"] not in late
            ]
            await QUERIES["set_many_flags"].execute(
                connection,
                mailbox_key=key,
                folder_id=folder_id,
                modseq=modseq,
                uids=[state.uid for state in changed],
                flags=[" ".join(state.flags) for state in changed],
            )
            await _wake(connection, key, folder_id)
        return changed, late

    async def expunge(self, key: UUID, folder_id: int, uids: Sequence[int]) -> list[int]:
        """Deletes messages for good; returns the UIDs that were there."""
        async with self._base.database.transaction() as connection:
            await QUERIES["next_modseq"].row(connection, mailbox_key=key, folder_id=folder_id)
            gone = await self._delete(connection, key, folder_id, uids)
            await _wake(connection, key, folder_id)
        await self._forget(key, gone)
        return sorted(uid for uid, _ in gone)

    async def quota(self, key: UUID) -> tuple[int, int]:
        """Used and allowed bytes of the box."""
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_mailbox_by_key"].row(connection, mailbox_key=key)
        assert row is not None
        return row["used_bytes"], row["quota_bytes"]

    async def _delete(
        self, connection: Connection, key: UUID, folder_id: int, uids: Sequence[int]
    ) -> list[tuple[int, str]]:
        rows = await QUERIES["delete_messages"].rows(connection, mailbox_key=key, folder_id=folder_id, uids=uids)
        if rows:
            await QUERIES["add_usage"].execute(
                connection, mailbox_keys=[key], bytes=[-sum(row["size_bytes"] for row in rows)]
            )
        return [(row["uid"], row["object"]) for row in rows]

    async def _forget(self, key: UUID, gone: list[tuple[int, str]]) -> None:
        """Removes contents to which nothing refers any more. What a crash leaves here, the sweep of orphans takes."""
        for stored in {stored for _, stored in gone}:
            async with self._base.database.connection() as connection:
                row = await QUERIES["is_object_used"].row(connection, owner=key, object=stored)
            if row is not None and not row["is_used"]:
                await self._base.objects.delete(key, stored)


def folder_name(name: str) -> str:
    """``name`` as stored: INBOX in capitals, no empty level, no control character. Raises ``InvalidContent``."""
    clean = "INBOX" if name.upper() == "INBOX" else name.strip("/")
    if not clean or len(clean) > 200 or "//" in clean or not clean.isprintable() or set(clean) & set("*%"):
        raise InvalidContent(
            "MSSFolderName", Text("Ce nom de dossier n'est pas admis.", "This folder name is not accepted.")
        )
    return clean


def known_flags(flags: Iterable[str]) -> tuple[str, ...]:
    """The flags that are kept, system flags in their canonical case; unknown system flags are dropped."""
    system = {f"\\{name}".lower(): f"\\{name}" for name in ("Seen", "Answered", "Flagged", "Deleted", "Draft")}
    canonical = (system.get(flag.lower(), flag) for flag in flags)
    return tuple(dict.fromkeys(flag for flag in canonical if _FLAG.fullmatch(flag)))[:MAX_KEYWORDS]


def _changed(flags: tuple[str, ...], change: FlagChange, wanted: tuple[str, ...]) -> tuple[str, ...]:
    match change:
        case FlagChange.SET:
            return wanted
        case FlagChange.ADD:
            return tuple(dict.fromkeys([*flags, *wanted]))[:MAX_KEYWORDS]
        case FlagChange.REMOVE:
            return tuple(flag for flag in flags if flag not in wanted)


def _copy_of(row: object) -> NewMessage:
    values = dict(row)  # type: ignore[call-overload]
    del values["uid"]
    return NewMessage(**values | {"flags": tuple(values["flags"])})


async def _folder(connection: Connection, key: UUID, name: str) -> Folder:
    folder = await find_folder(connection, key, "INBOX" if name.upper() == "INBOX" else name)
    if folder is None:
        raise folder_not_found()
    return folder


async def _lock_room(connection: Connection, key: UUID) -> int:
    """The bytes that the box still takes, while others who add wait. First of all locks, as in delivery."""
    row = await QUERIES["lock_room"].row(connection, mailbox_key=key)
    return row["quota_bytes"] - row["used_bytes"] if row is not None else 0


def _over_quota() -> TooLarge:
    return TooLarge("MSSOverQuota", Text("La boîte est pleine.", "The mailbox is full."))


async def _wake(connection: Connection, key: UUID, folder_id: int) -> None:
    await QUERIES["notify"].rows(connection, notes=[f"{key}/{folder_id}"])


def _folder_exists() -> Conflict:
    return Conflict("MSSFolderExists", Text("Ce nom de dossier est pris.", "This folder name is taken."))
