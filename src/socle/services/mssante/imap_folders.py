"""What IMAP asks of folders: list, create, rename, delete, subscribe, count, quota.

Source: RFC 3501 §6.3; 2342 (NAMESPACE), 6154 (SPECIAL-USE), 9208 (QUOTA).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from socle.services.mssante.mailroom import Mailroom
from socle.standards.errors import MalformedInput, Text
from socle.standards.mail.imap import ImapCommand, decode_name, encode_name, parenthesise, quote

#: Untagged lines, and the tagged answer without its tag.
Told = tuple[bytes, str]

_DONE: Final = "OK Done"


class FolderCommands:
    """The folders of one box."""

    def __init__(self, rooms: Mailroom, key: UUID) -> None:
        self._rooms = rooms
        self._key = key

    async def namespace(self, _command: ImapCommand) -> Told:
        """The one personal namespace."""
        return b'* NAMESPACE (("" "/")) NIL NIL\r\n', _DONE

    async def create(self, command: ImapCommand) -> Told:
        """CREATE."""
        await self._rooms.create_folder(self._key, folder_name_of(command.arguments, 0))
        return b"", _DONE

    async def delete(self, command: ImapCommand) -> Told:
        """DELETE."""
        await self._rooms.delete_folder(self._key, folder_name_of(command.arguments, 0))
        return b"", _DONE

    async def rename(self, command: ImapCommand) -> Told:
        """RENAME."""
        old, new = folder_name_of(command.arguments, 0), folder_name_of(command.arguments, 1)
        await self._rooms.rename_folder(self._key, old, new)
        return b"", _DONE

    async def subscribe(self, command: ImapCommand) -> Told:
        """SUBSCRIBE and UNSUBSCRIBE."""
        await self._rooms.subscribe(
            self._key,
            folder_name_of(command.arguments, 0),
            is_subscribed=command.name == "SUBSCRIBE",
        )
        return b"", _DONE

    async def list(self, command: ImapCommand) -> Told:
        """LIST and LSUB, with special uses."""
        arguments = [value for value in command.arguments if not isinstance(value, list)]
        if len(arguments) < 2:
            return b"", "BAD Two arguments expected"
        reference, pattern = (decode_name(raw_of(value)) for value in arguments[:2])
        word = b"LSUB" if command.name == "LSUB" else b"LIST"
        if not pattern:
            return b'* %b (\\Noselect) "/" ""\r\n' % word, _DONE
        folders = await self._rooms.folders(self._key)
        matches = _pattern(reference + pattern)
        lines = []
        for folder in folders:
            if matches.fullmatch(folder.name) and (command.name == "LIST" or folder.is_subscribed):
                has_children = any(other.name.startswith(f"{folder.name}/") for other in folders)
                attributes = ["\\HasChildren" if has_children else "\\HasNoChildren"]
                attributes += [folder.special_use] if folder.special_use else []
                lines.append(
                    b'* %b (%b) "/" %b\r\n' % (word, " ".join(attributes).encode(), quote(encode_name(folder.name)))
                )
        return b"".join(lines), _DONE

    async def status(self, command: ImapCommand) -> Told:
        """STATUS."""
        if len(command.arguments) != 2 or not isinstance(command.arguments[1], list):
            return b"", "BAD A folder and a list expected"
        key = self._key
        folder = await self._rooms.folder(key, folder_name_of(command.arguments, 0))
        count = await self._rooms.count(key, folder.id)
        known = {
            "MESSAGES": count.messages,
            "RECENT": 0,
            "UIDNEXT": folder.uid_next,
            "UIDVALIDITY": folder.uid_validity,
            "UNSEEN": count.unseen,
            "HIGHESTMODSEQ": folder.highest_modseq,
            "SIZE": count.bytes,
        }
        names = [str(value).upper() for value in command.arguments[1]]
        items = [f"{name} {known[name]}".encode() for name in names if name in known]
        return b"* STATUS %b %b\r\n" % (quote(encode_name(folder.name)), parenthesise(items)), _DONE

    async def quota(self, command: ImapCommand) -> Told:
        """GETQUOTA and GETQUOTAROOT."""
        used, allowed = await self._rooms.quota(self._key)
        lines = b""
        if command.name == "GETQUOTAROOT":
            lines = b'* QUOTAROOT %b ""\r\n' % quote(encode_name(folder_name_of(command.arguments, 0)))
        return lines + b'* QUOTA "" (STORAGE %d %d)\r\n' % (-(-used // 1024), allowed // 1024), _DONE


FOLDER_COMMANDS: Final[dict[str, Callable[[FolderCommands, ImapCommand], Awaitable[Told]]]] = {
    "NAMESPACE": FolderCommands.namespace,
    "CREATE": FolderCommands.create,
    "DELETE": FolderCommands.delete,
    "RENAME": FolderCommands.rename,
    "SUBSCRIBE": FolderCommands.subscribe,
    "UNSUBSCRIBE": FolderCommands.subscribe,
    "LIST": FolderCommands.list,
    "LSUB": FolderCommands.list,
    "STATUS": FolderCommands.status,
    "GETQUOTA": FolderCommands.quota,
    "GETQUOTAROOT": FolderCommands.quota,
}


def raw_of(value: object) -> bytes:
    """An argument as bytes."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def text_of(value: object) -> str:
    """An argument as text."""
    return raw_of(value).decode("utf-8", "replace")


def folder_name_of(arguments: list[object], position: int) -> str:
    """The folder that an argument names. Raises ``MalformedInput``."""
    if position >= len(arguments) or isinstance(arguments[position], list):
        raise MalformedInput("IMAPArguments", Text("Nom de dossier attendu.", "Folder name expected."))
    name = decode_name(raw_of(arguments[position]))
    return "INBOX" if name.upper() == "INBOX" else name.rstrip("/")


def _pattern(text: str) -> re.Pattern[str]:
    parts = {"*": ".*", "%": "[^/]*"}
    collapsed = re.sub(r"[*%]{2,}", "*", text[:300])
    if sum(collapsed.count(wildcard) for wildcard in parts) > 5:  # each one multiplies the work
        raise MalformedInput("IMAPPattern", Text("Motif trop complexe.", "Pattern too complex."))
    return re.compile("".join(parts.get(character, re.escape(character)) for character in collapsed), re.DOTALL)
