"""The selected folder of one IMAP session: the numbers that the client knows, and what it asks of the messages.

Numbers change only when EXPUNGE is told, so the view is refreshed only between commands where that is allowed.

Source: RFC 3501 §6.4, 4315 (UIDPLUS), 6851 (MOVE), 7162 (CONDSTORE).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from socle.platform.audit import Action, AuditEvent, Subject
from socle.platform.patient_key import patient_key
from socle.services.mssante.domain import Folder, MailSession, MessageRow, StoredMessage
from socle.services.mssante.imap_search import Candidate, format_moment, parse_search
from socle.services.mssante.mailroom import FlagChange, Placed
from socle.services.mssante.service import MssanteService
from socle.standards.errors import MalformedInput, SocleError, Text, TooLarge
from socle.standards.mail.imap import Atom, SequenceSet, format_set, parenthesise, parse_set, quote
from socle.standards.mail.imap_message import Section, filter_header, parse_section, read_section
from socle.standards.mail.structure import Part, scan

_CHUNK: Final = 250
#: Contents opened by one SEARCH at most.
_MAX_OPENED: Final = 5000
_THREAD_BYTES: Final = 256 * 1024
_MACROS: Final = {
    "ALL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"),
    "FAST": ("FLAGS", "INTERNALDATE", "RFC822.SIZE"),
    "FULL": ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"),
}
_SIMPLE: Final = frozenset(
    {"FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "MODSEQ", "ENVELOPE", "BODYSTRUCTURE", "BODY"}
)
_OLD_FORMS: Final = {
    "RFC822": (b"RFC822", Section()),
    "RFC822.HEADER": (b"RFC822.HEADER", Section(what="HEADER", is_peek=True)),
    "RFC822.TEXT": (b"RFC822.TEXT", Section(what="TEXT")),
}


class FetchPlan(msgspec.Struct, frozen=True):
    """What a FETCH wants: simple items, and sections with the name under which each is answered."""

    items: tuple[str, ...]
    sections: tuple[tuple[bytes, Section], ...]
    changed_since: int | None = None

    @property
    def needs_summary(self) -> bool:
        """Whether rows alone are not enough."""
        return bool(self.sections) or bool({"ENVELOPE", "BODYSTRUCTURE", "BODY"} & set(self.items))

    @property
    def needs_content(self) -> bool:
        """Whether the messages themselves are opened."""
        return any(not section.needs_only_header for _, section in self.sections)

    @property
    def marks_seen(self) -> bool:
        """Whether reading sets the Seen flag."""
        return any(not section.is_peek for _, section in self.sections)


class Selected:
    """A folder as a client sees it."""

    def __init__(
        self, service: MssanteService, session: MailSession, folder: Folder, rows: list[MessageRow], *, read_only: bool
    ) -> None:
        self.folder = folder
        self.read_only = read_only
        self.has_condstore = False
        self._service = service
        self._rooms = service.rooms
        self._session = session
        self._key = session.box.key
        self.uids = [row.uid for row in rows]
        self.rows = {row.uid: row for row in rows}
        self.highest_modseq = folder.highest_modseq

    async def refresh(self) -> list[bytes]:
        """What changed since the client was last told, as untagged lines; EXPUNGE first."""
        changes = await self._rooms.changes(self._key, self.folder.id, self.highest_modseq)
        if changes.highest_modseq <= self.highest_modseq:
            return []
        self.highest_modseq = changes.highest_modseq
        left = set(changes.uids)
        lines = []
        for position in range(len(self.uids) - 1, -1, -1):
            if self.uids[position] not in left:
                lines.append(b"* %d EXPUNGE\r\n" % (position + 1))
                del self.rows[self.uids[position]]
                del self.uids[position]
        known = len(self.uids)
        new = []
        for row in changes.changed:
            if row.uid in self.rows:
                is_same = self.rows[row.uid].flags == row.flags
                self.rows[row.uid] = row
                if not is_same or self.has_condstore:
                    lines.append(self._flags_line(row))
            elif row.uid in left:
                self.rows[row.uid] = row
                new.append(row.uid)
        if new:
            self.uids = sorted([*self.uids, *new])
        if len(self.uids) != known or new:
            lines.append(b"* %d EXISTS\r\n" % len(self.uids))
        return lines

    async def fetch(self, arguments: list[object], *, by_uid: bool) -> AsyncIterator[bytes]:
        """The answers of FETCH, in pieces as large as a few messages."""
        plan = parse_fetch(arguments, by_uid=by_uid)
        if plan.changed_since is not None:
            self.has_condstore = True
        positions = self._positions(arguments[0], by_uid=by_uid)
        if plan.changed_since is not None:
            positions = [p for p in positions if self.rows[self.uids[p]].modseq > plan.changed_since]
        if plan.needs_content and positions:
            await self._audit(Action.READ, "mss.read", [self.uids[p] for p in positions])
        for start in range(0, len(positions), _CHUNK):
            chunk = positions[start : start + _CHUNK]
            if not plan.needs_summary:
                yield b"".join(self._row_line(p + 1, self.rows[self.uids[p]], plan) for p in chunk)
                continue
            async for piece in self._fetch_stored(chunk, plan):
                yield piece

    async def _fetch_stored(self, positions: Sequence[int], plan: FetchPlan) -> AsyncIterator[bytes]:
        numbers = {self.uids[p]: p + 1 for p in positions}
        stored = await self._rooms.messages(self._key, self.folder.id, list(numbers))
        if plan.marks_seen and not self.read_only:
            unseen = [item.uid for item in stored if "\\Seen" not in item.flags]
            if unseen:
                changed, _ = await self._rooms.change_flags(
                    self._key, self.folder.id, unseen, FlagChange.ADD, ["\\Seen"]
                )
                self._keep(changed)
                plan = msgspec.structs.replace(plan, items=tuple(dict.fromkeys((*plan.items, "FLAGS"))))
        if not plan.needs_content:
            yield b"".join([self._stored_line(numbers[item.uid], item, plan, b"", None) for item in stored])
            return
        for item in stored:
            content = await self._rooms.content(self._key, item)
            root = await asyncio.to_thread(scan, content) if len(content) > _THREAD_BYTES else scan(content)
            yield self._stored_line(numbers[item.uid], item, plan, content, root)

    def _row_line(self, number: int, row: MessageRow, plan: FetchPlan) -> bytes:
        return b"* %d FETCH %b\r\n" % (number, parenthesise(self._item(name, row) for name in plan.items))

    def _item(self, name: str, row: MessageRow) -> bytes:
        match name:
            case "UID":
                return b"UID %d" % row.uid
            case "FLAGS":
                return b"FLAGS (" + " ".join(row.flags).encode() + b")"
            case "INTERNALDATE":
                return b'INTERNALDATE "' + format_moment(row.received_at).encode() + b'"'
            case "RFC822.SIZE":
                return b"RFC822.SIZE %d" % row.size_bytes
            case _:
                return b"MODSEQ (%d)" % row.modseq

    def _stored_line(
        self, number: int, stored: StoredMessage, plan: FetchPlan, content: bytes, root: Part | None
    ) -> bytes:
        row = self.rows.get(stored.uid) or MessageRow(
            uid=stored.uid,
            flags=stored.flags,
            modseq=stored.modseq,
            size_bytes=stored.size_bytes,
            received_at=stored.received_at,
        )
        items = []
        for name in plan.items:
            if name == "ENVELOPE":
                items.append(b"ENVELOPE " + stored.summary.envelope)
            elif name == "BODYSTRUCTURE":
                items.append(b"BODYSTRUCTURE " + stored.summary.structure)
            elif name == "BODY":
                items.append(b"BODY " + stored.summary.body)
            else:
                items.append(self._item(name, row))
        for label, section in plan.sections:
            if section.needs_only_header:
                found: bytes | None = filter_header(stored.summary.header, section)
            else:
                found = read_section(content, root, section) if root is not None else None
            items.append(label + b" " + _section_value(found, section))
        return b"* %d FETCH %b\r\n" % (number, parenthesise(items))

    async def store(self, arguments: list[object], *, by_uid: bool) -> tuple[list[bytes], str]:
        """Changes flags; untagged lines, and the response code (``MODIFIED``) or empty."""
        words = list(arguments[1:])
        unchanged_since = None
        if words and isinstance(words[0], list):
            modifier = words.pop(0)
            assert isinstance(modifier, list)
            if len(modifier) != 2 or str(modifier[0]).upper() != "UNCHANGEDSINCE" or not str(modifier[1]).isdigit():
                raise _bad()
            unchanged_since = int(str(modifier[1]))
            self.has_condstore = True
        if len(words) < 2 or not isinstance(words[0], Atom):
            raise _bad()
        name = words[0].upper()
        is_silent = name.endswith(".SILENT")
        try:
            change = FlagChange(name.removesuffix(".SILENT"))
        except ValueError as error:
            raise _bad() from error
        flags = words[1] if isinstance(words[1], list) else words[1:]
        positions = self._positions(arguments[0], by_uid=by_uid)
        changed, late = await self._rooms.change_flags(
            self._key,
            self.folder.id,
            [self.uids[p] for p in positions],
            change,
            [str(flag) for flag in flags if isinstance(flag, Atom)],
            unchanged_since=unchanged_since,
        )
        self._keep(changed)
        lines = [
            self._flags_line(self.rows[row.uid], with_uid=by_uid, with_flags=not is_silent)
            for row in changed
            if row.uid in self.rows and (not is_silent or self.has_condstore)
        ]
        if not late:
            return lines, ""
        numbers = late if by_uid else [self.uids.index(uid) + 1 for uid in late]
        return lines, f"[MODIFIED {format_set(sorted(numbers))}]"

    async def search(self, arguments: list[object], *, by_uid: bool) -> bytes:
        """The answer of SEARCH."""
        key = parse_search(arguments)
        last_uid = self.uids[-1] if self.uids else 0
        candidates = [
            Candidate(number, self.rows[uid], len(self.uids), last_uid) for number, uid in enumerate(self.uids, 1)
        ]
        found = [item for item in candidates if key(item) is True]
        unknown = [item for item in candidates if key(item) is None]
        for start in range(0, len(unknown), _CHUNK):
            chunk = {item.row.uid: item for item in unknown[start : start + _CHUNK]}
            for stored in await self._rooms.messages(self._key, self.folder.id, list(chunk)):
                candidate = chunk[stored.uid]
                candidate.summary = stored.summary
                answer = key(candidate)
                if answer is None:
                    if start > _MAX_OPENED:
                        raise TooLarge("IMAPSearchTooLarge", Text("Recherche trop large.", "Search too large."))
                    candidate.content = await self._rooms.content(self._key, stored)
                    answer = key(candidate)
                    candidate.content = None
                if answer:
                    found.append(candidate)
        numbers = sorted(item.row.uid if by_uid else item.number for item in found)
        words = "".join(f" {number}" for number in numbers)
        if "MODSEQ" in {str(word).upper() for word in arguments if isinstance(word, Atom)} and found:
            words += f" (MODSEQ {max(item.row.modseq for item in found)})"
        return f"* SEARCH{words}\r\n".encode()

    async def copy(self, arguments: list[object], name: str, *, by_uid: bool, move: bool) -> Placed:
        """Copies or moves messages to the folder ``name``."""
        positions = self._positions(arguments[0], by_uid=by_uid)
        uids = [self.uids[p] for p in positions]
        return await self._rooms.copy(self._key, self.folder.id, uids, name, move=move)

    async def expunge(self, wanted: SequenceSet | None = None) -> None:
        """Deletes for good the messages flagged Deleted, all or those of a UID set."""
        positions = wanted.among(self.uids) if wanted else range(len(self.uids))
        uids = [self.uids[p] for p in positions if "\\Deleted" in self.rows[self.uids[p]].flags]
        if uids:
            await self._rooms.expunge(self._key, self.folder.id, uids)
            await self._audit(Action.DELETE, "mss.delete", uids)

    def _positions(self, argument: object, *, by_uid: bool) -> list[int]:
        if not isinstance(argument, Atom):
            raise _bad()
        wanted = parse_set(argument)
        if by_uid:
            return wanted.among(self.uids)
        if any(bound > len(self.uids) for span in wanted.ranges for bound in span) or not self.uids:
            raise _bad()
        return wanted.among(list(range(1, len(self.uids) + 1)))

    def _keep(self, changed: list[MessageRow]) -> None:
        for row in changed:
            old = self.rows.get(row.uid)
            if old is not None:
                self.rows[row.uid] = msgspec.structs.replace(old, flags=row.flags, modseq=row.modseq)

    def _flags_line(self, row: MessageRow, *, with_uid: bool = False, with_flags: bool = True) -> bytes:
        number = self.uids.index(row.uid) + 1
        names = [*(["UID"] if with_uid else []), *(["FLAGS"] if with_flags else [])]
        names += ["MODSEQ"] if self.has_condstore else []
        return b"* %d FETCH %b\r\n" % (number, parenthesise(self._item(name, row) for name in names))

    async def _audit(self, action: Action, name: str, uids: list[int]) -> None:
        box = self._session.box
        subject = Subject("mail", f"{box.address}/{self.folder.name}/{format_set(uids)[:200]}")
        await self._service.base.audit.record_alone(
            AuditEvent(
                actor=self._session.actor,
                action=action,
                transaction=name,
                patient_key=patient_key(box.ins) if box.ins else None,
                subjects=(subject,),
            )
        )


def parse_fetch(arguments: list[object], *, by_uid: bool) -> FetchPlan:
    """What FETCH wants. Raises ``MalformedInput``."""
    if len(arguments) < 2:
        raise _bad()
    words = arguments[1] if isinstance(arguments[1], list) else [arguments[1]]
    items: list[str] = ["UID"] if by_uid else []
    sections: list[tuple[bytes, Section]] = []
    for word in words:
        if not isinstance(word, Atom):
            raise _bad()
        name = word.upper()
        if name in _MACROS:
            items += _MACROS[name]
        elif name in _SIMPLE:
            items.append(name)
        elif name in _OLD_FORMS:
            sections.append(_OLD_FORMS[name])
        else:
            section = parse_section(word)
            sections.append((section.label, section))
    changed_since = None
    if len(arguments) > 2:
        modifier = arguments[2]
        if not isinstance(modifier, list) or len(modifier) != 2 or str(modifier[0]).upper() != "CHANGEDSINCE":
            raise _bad()
        if not str(modifier[1]).isdigit():
            raise _bad()
        changed_since = int(str(modifier[1]))
        items.append("MODSEQ")
    return FetchPlan(tuple(dict.fromkeys(items)), tuple(sections), changed_since)


def _section_value(found: bytes | None, section: Section) -> bytes:
    if found is None:
        return b"NIL"
    if section.start is not None:
        end = section.start + section.count if section.count is not None else None
        found = found[section.start : end]
    return b"{%d}\r\n%b" % (len(found), found) if found else quote(b"")


def _bad() -> SocleError:
    return MalformedInput("IMAPArguments", Text("Arguments invalides.", "Invalid arguments."))
