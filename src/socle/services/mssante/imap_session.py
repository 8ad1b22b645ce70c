"""One IMAP connection: authentication, folders, and the commands that the selected folder answers.

Source: RFC 3501; 2177 (IDLE), 2971 (ID), 2342 (NAMESPACE), 3691 (UNSELECT), 4315 (UIDPLUS), 4959 (SASL-IR),
5161 (ENABLE), 6154 (SPECIAL-USE), 6851 (MOVE), 7162 (CONDSTORE), 7628 (OAUTHBEARER), 7888 (LITERAL+), 9208 (QUOTA).
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

import structlog

from socle.platform.audit import Action, AuditEvent, Subject
from socle.platform.patient_key import patient_key
from socle.services.mssante import rules
from socle.services.mssante.domain import Folder, MailSession
from socle.services.mssante.errors import not_authenticated
from socle.services.mssante.imap_folders import FOLDER_COMMANDS, FolderCommands, folder_name_of, text_of
from socle.services.mssante.imap_selected import Selected
from socle.services.mssante.sasl import BEARERS, FAILED_CHALLENGE, authenticate, mechanisms, read_response
from socle.services.mssante.service import MssanteService
from socle.services.mssante.watch import Watch
from socle.services.mssante.wire import Wire
from socle.standards.errors import Conflict, MalformedInput, NotFound, SocleError, Text, TooLarge
from socle.standards.mail.imap import (
    ImapCommand,
    ImapReader,
    NeedsContinuation,
    format_set,
    parse_command,
    parse_set,
)

_BEFORE_LOGIN: Final = "IMAP4rev1 LITERAL+ SASL-IR ID ENABLE"
_AFTER_LOGIN: Final = (
    "IMAP4rev1 LITERAL+ ID ENABLE IDLE UIDPLUS MOVE UNSELECT NAMESPACE SPECIAL-USE CHILDREN CONDSTORE QUOTA "
    "QUOTA=RES-STORAGE"
)
_MAX_ERRORS: Final = 30
_ANONYMOUS_LITERAL: Final = 16 * 1024
_BARE_LF = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_FLAGS: Final = b"\\Answered \\Flagged \\Deleted \\Seen \\Draft"

_log = structlog.get_logger(__name__)


class ImapSession:
    """The dialogue of one connection."""

    def __init__(self, service: MssanteService, wire: Wire, watch: Watch, tls: ssl.SSLContext | None) -> None:
        self._service = service
        self._wire = wire
        self._watch = watch
        self._tls = tls
        self._reader = ImapReader(_ANONYMOUS_LITERAL)
        self._session: MailSession | None = None
        self._selected: Selected | None = None
        self._changed = asyncio.Event()
        self._errors = 0
        self._has_condstore = False
        self._is_over = False
        self._timeout_s = 1800.0

    async def run(self, timeout_s: float) -> None:
        """Serves the connection until its end."""
        self._timeout_s = timeout_s
        try:
            await self._wire.write(f"* OK [CAPABILITY {self._capabilities()}] Socle\r\n".encode())
            while not self._is_over:
                pieces = await self._next_command()
                if pieces is None:
                    return
                await self._handle(pieces)
        except TimeoutError:
            await self._wire.write(b"* BYE Idle for too long\r\n")
        except TooLarge:
            await self._wire.write(b"* BYE Line or literal too long\r\n")
        finally:
            self._leave_folder()

    async def _next_command(self) -> list[bytes] | None:
        while True:
            taken = self._reader.take()
            if isinstance(taken, list):
                return taken
            if isinstance(taken, NeedsContinuation):
                await self._wire.write(b"+ Ready\r\n")
                continue
            data = await self._wire.read(self._timeout_s if self._session else 120)
            if not data:
                return None
            self._reader.feed(data)

    async def _next_line(self) -> bytes | None:
        while (line := self._reader.take_line()) is None:
            data = await self._wire.read(120)
            if not data:
                return None
            self._reader.feed(data)
        return line

    async def _handle(self, pieces: list[bytes]) -> None:
        try:
            command = parse_command(pieces)
        except MalformedInput:
            self._count_error()
            await self._wire.write(b"* BAD Unreadable command\r\n")
            return
        ends = self._session.expires_at if self._session else None
        if ends is not None and ends <= self._service.base.clock():
            self._is_over = True
            await self._wire.write(b"* BYE Token expired\r\n")
            return
        reply = await self._answer(command)
        if not reply:
            return
        if not reply.startswith("OK"):
            self._count_error()
        await self._wire.write(f"{command.tag} {reply}\r\n".encode("utf-8", "replace"))

    async def _answer(self, command: ImapCommand) -> str:
        """Runs the command; the tagged answer without its tag, empty when it was sent already."""
        handler = _ANYTIME.get(command.name)
        if handler is None and self._session is None:
            handler = _NOT_AUTHENTICATED.get(command.name)
        if handler is None and self._session is not None:
            handler = _AUTHENTICATED.get(command.name)
            if command.name in FOLDER_COMMANDS:
                handler = ImapSession._on_folders
            if handler is None and self._selected is not None:
                handler = _SELECTED.get(command.name)
        if handler is None:
            return "BAD Command unknown, or not allowed now"
        try:
            return await handler(self, command)
        except MalformedInput as error:
            return f"BAD {error.reason.en}"
        except SocleError as error:
            return f"NO {_response_code(error)}{error.reason.en}"
        except (ConnectionError, TimeoutError, ssl.SSLError):
            raise
        except Exception as error:
            _log.error("imap_command_failed", command=command.name, error=type(error).__name__, exc_info=True)
            return "NO [SERVERBUG] Internal error, try again"

    def _count_error(self) -> None:
        self._errors += 1
        if self._errors > _MAX_ERRORS and self._session is None:
            self._is_over = True

    # --- any state -------------------------------------------------------------------------------------------------

    def _capabilities(self) -> str:
        if self._session is not None:
            return _AFTER_LOGIN
        if not self._is_safe:
            return f"{_BEFORE_LOGIN} {'STARTTLS ' if self._tls else ''}LOGINDISABLED"
        is_sandbox = self._service.base.settings.is_sandbox
        names = mechanisms(has_certificate=self._wire.certificate is not None, is_sandbox=is_sandbox)
        disabled = "" if is_sandbox else " LOGINDISABLED"
        return f"{_BEFORE_LOGIN} {' '.join(f'AUTH={name}' for name in names)}{disabled}"

    @property
    def _is_safe(self) -> bool:
        return self._wire.is_tls

    async def _capability(self, _command: ImapCommand) -> str:
        await self._wire.write(f"* CAPABILITY {self._capabilities()}\r\n".encode())
        return "OK Done"

    async def _id(self, _command: ImapCommand) -> str:
        await self._wire.write(b'* ID ("name" "Socle")\r\n')
        return "OK Done"

    async def _noop(self, _command: ImapCommand) -> str:
        await self._tell_changes()
        return "OK Done"

    async def _logout(self, _command: ImapCommand) -> str:
        self._is_over = True
        await self._wire.write(b"* BYE Bye\r\n")
        return "OK Done"

    # --- not authenticated -----------------------------------------------------------------------------------------

    async def _start_tls(self, command: ImapCommand) -> str:
        if self._tls is None or self._wire.is_tls:
            return "BAD TLS not available"
        if not self._reader.is_empty:
            self._is_over = True
            return "BAD Bytes sent before TLS"
        if not await self._wire.start_tls(self._tls, f"{command.tag} OK Begin TLS\r\n".encode()):
            self._is_over = True
            return "BAD Bytes sent before TLS"
        self._reader = ImapReader(_ANONYMOUS_LITERAL)
        return ""  # said before the handshake

    async def _authenticate(self, command: ImapCommand) -> str:
        mechanism = str(command.arguments[0]).upper() if command.arguments else ""
        if not self._is_safe:
            return "NO [PRIVACYREQUIRED] Encryption required"
        if f"AUTH={mechanism}" not in self._capabilities().split():
            return "NO Mechanism not available"
        if len(command.arguments) > 1:
            initial: bytes | None = str(command.arguments[1]).encode()
        else:
            await self._wire.write(b"+ \r\n")
            initial = await self._next_line()
        if initial is None or initial == b"*":
            return "BAD Authentication cancelled"
        response = read_response(initial)
        if response is None:
            return "BAD Invalid base64"
        try:
            session = await authenticate(self._service, mechanism, response, self._wire.certificate, self._wire.client)
        except SocleError:
            if mechanism in BEARERS:
                await self._wire.write(f"+ {FAILED_CHALLENGE}\r\n".encode())
                await self._next_line()
            return "NO [AUTHENTICATIONFAILED] Authentication failed"
        return self._logged_in(session)

    async def _login(self, command: ImapCommand) -> str:
        if not self._is_safe:
            return "NO [PRIVACYREQUIRED] Encryption required"
        if len(command.arguments) != 2:
            return "BAD Two arguments expected"
        address, password = (text_of(value) for value in command.arguments)
        try:
            session = await self._service.access.by_password(address, password, client=self._wire.client)
        except SocleError:
            return "NO [AUTHENTICATIONFAILED] Authentication failed"
        return self._logged_in(session)

    def _logged_in(self, session: MailSession) -> str:
        self._session = session
        self._reader.max_literal_bytes = rules.MAX_MESSAGE_BYTES
        return f"OK [CAPABILITY {self._capabilities()}] Logged in"

    # --- authenticated ---------------------------------------------------------------------------------------------

    @property
    def _mail_session(self) -> MailSession:
        if self._session is None:
            raise not_authenticated()
        return self._session

    async def _enable(self, command: ImapCommand) -> str:
        names = {str(value).upper() for value in command.arguments}
        enabled = " CONDSTORE" if "CONDSTORE" in names else ""
        self._has_condstore = self._has_condstore or bool(enabled)
        if self._selected:
            self._selected.has_condstore = self._has_condstore
        await self._wire.write(f"* ENABLED{enabled}\r\n".encode())
        return "OK Done"

    async def _select(self, command: ImapCommand) -> str:
        self._leave_folder()
        session, rooms = self._mail_session, self._service.rooms
        folder = await rooms.folder(session.box.key, folder_name_of(command.arguments, 0))
        rows = await rooms.rows(session.box.key, folder.id)
        read_only = command.name == "EXAMINE"
        selected = Selected(self._service, session, folder, rows, read_only=read_only)
        selected.has_condstore = self._has_condstore or any(
            isinstance(value, list) and "CONDSTORE" in {str(word).upper() for word in value}
            for value in command.arguments[1:]
        )
        self._watch.add(session.box.key, folder.id, self._changed)
        self._selected = selected
        await self._audit_opening(folder)
        unseen = next((n for n, row in enumerate(rows, 1) if "\\Seen" not in row.flags), 0)
        permanent = b"" if read_only else _FLAGS + b" \\*"
        lines = [
            b"* FLAGS (" + _FLAGS + b")",
            b"* %d EXISTS" % len(rows),
            b"* 0 RECENT",
            *([b"* OK [UNSEEN %d] First unseen" % unseen] if unseen else []),
            b"* OK [PERMANENTFLAGS (" + permanent + b")] Limited",
            b"* OK [UIDVALIDITY %d] UIDs valid" % folder.uid_validity,
            b"* OK [UIDNEXT %d] Predicted next UID" % folder.uid_next,
            b"* OK [HIGHESTMODSEQ %d] Highest" % folder.highest_modseq,
        ]
        await self._wire.write(b"\r\n".join(lines) + b"\r\n")
        return f"OK [{'READ-ONLY' if read_only else 'READ-WRITE'}] Selected"

    async def _audit_opening(self, folder: Folder) -> None:
        box = self._mail_session.box
        await self._service.base.audit.record_alone(
            AuditEvent(
                actor=self._mail_session.actor,
                action=Action.READ,
                transaction="mss.open",
                patient_key=patient_key(box.ins) if box.ins else None,
                subjects=(Subject("mail-folder", f"{box.address}/{folder.name}"),),
            )
        )

    async def _on_folders(self, command: ImapCommand) -> str:
        folders = FolderCommands(self._service.rooms, self._mail_session.box.key)
        lines, reply = await FOLDER_COMMANDS[command.name](folders, command)
        await self._wire.write(lines)
        return reply

    async def _append(self, command: ImapCommand) -> str:
        name = folder_name_of(command.arguments, 0)
        rest = command.arguments[1:]
        flags: list[str] = []
        moment: datetime | None = None
        if rest and isinstance(rest[0], list):
            flags = [str(flag) for flag in rest[0]]
            rest = rest[1:]
        if len(rest) == 2:
            moment = _moment(text_of(rest[0]))
            rest = rest[1:]
        if len(rest) != 1 or not isinstance(rest[0], bytes):
            return "BAD A message expected"
        message = _BARE_LF.sub(b"\r\n", rest[0])
        placed = await self._service.rooms.append(
            self._mail_session.box.key, name, message, flags=flags, received_at=moment
        )
        await self._tell_changes()
        return f"OK [APPENDUID {placed.uid_validity} {placed.uids[0]}] Done"

    async def _idle(self, _command: ImapCommand) -> str:
        await self._wire.write(b"+ Idling\r\n")
        end = asyncio.get_running_loop().time() + self._timeout_s
        while self._reader.take_line() is None:
            left = end - asyncio.get_running_loop().time()
            if left <= 0 or self._is_token_over():
                raise TimeoutError
            reading = asyncio.create_task(self._wire.read(left))
            waiting = asyncio.create_task(self._changed.wait())
            done, pending = await asyncio.wait(
                {reading, waiting}, timeout=min(left, 60), return_when=asyncio.FIRST_COMPLETED
            )
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
            if reading in done:
                data = reading.result()
                if not data:
                    raise ConnectionResetError
                self._reader.feed(data)
            if self._changed.is_set():
                await self._tell_changes()
        return "OK Done"

    def _is_token_over(self) -> bool:
        ends = self._mail_session.expires_at
        return ends is not None and ends <= self._service.base.clock()

    # --- selected --------------------------------------------------------------------------------------------------

    @property
    def _folder(self) -> Selected:
        if self._selected is None:
            raise MalformedInput("IMAPNotSelected", Text("Aucun dossier ouvert.", "No folder selected."))
        return self._selected

    def _leave_folder(self) -> None:
        if self._selected is not None and self._session is not None:
            self._watch.remove(self._session.box.key, self._selected.folder.id, self._changed)
        self._selected = None

    async def _tell_changes(self) -> None:
        self._changed.clear()
        if self._selected is not None:
            lines = await self._selected.refresh()
            if lines:
                await self._wire.write(b"".join(lines))

    async def _close(self, command: ImapCommand) -> str:
        if command.name == "CLOSE" and not self._folder.read_only:
            await self._folder.expunge()
        self._leave_folder()
        return "OK Done"

    async def _expunge(self, command: ImapCommand) -> str:
        self._writable_only()
        wanted = parse_set(str(command.arguments[0])) if command.name == "UID EXPUNGE" and command.arguments else None
        await self._folder.expunge(wanted)
        await self._tell_changes()
        return "OK Done"

    async def _fetch(self, command: ImapCommand) -> str:
        by_uid = command.name.startswith("UID")
        async for piece in self._folder.fetch(command.arguments, by_uid=by_uid):
            await self._wire.write(piece)
        if by_uid:
            await self._tell_changes()
        return "OK Done"

    async def _store(self, command: ImapCommand) -> str:
        self._writable_only()
        by_uid = command.name.startswith("UID")
        lines, code = await self._folder.store(command.arguments, by_uid=by_uid)
        await self._wire.write(b"".join(lines))
        if by_uid:
            await self._tell_changes()
        return f"OK {code} Done".replace("  ", " ")

    async def _search(self, command: ImapCommand) -> str:
        by_uid = command.name.startswith("UID")
        await self._wire.write(await self._folder.search(command.arguments, by_uid=by_uid))
        if by_uid:
            await self._tell_changes()
        return "OK Done"

    async def _copy(self, command: ImapCommand) -> str:
        move = command.name.endswith("MOVE")
        if move:
            self._writable_only()
        name = folder_name_of(command.arguments, 1)
        placed = await self._folder.copy(command.arguments, name, by_uid=command.name.startswith("UID"), move=move)
        code = (
            f"[COPYUID {placed.uid_validity} {format_set(list(placed.sources))} {format_set(list(placed.uids))}]"
            if placed.uids
            else ""
        )
        if move and code:
            await self._wire.write(f"* OK {code} Moved\r\n".encode())
            code = ""
        await self._tell_changes()
        return f"OK {code} Done".replace("  ", " ")

    def _writable_only(self) -> None:
        if self._folder.read_only:
            raise Conflict("IMAPReadOnly", Text("Dossier en lecture seule.", "Folder is read-only."))


Handler = Callable[[ImapSession, ImapCommand], Awaitable[str]]

_ANYTIME: Final[dict[str, Handler]] = {
    "CAPABILITY": ImapSession._capability,
    "ID": ImapSession._id,
    "NOOP": ImapSession._noop,
    "LOGOUT": ImapSession._logout,
}
_NOT_AUTHENTICATED: Final[dict[str, Handler]] = {
    "STARTTLS": ImapSession._start_tls,
    "AUTHENTICATE": ImapSession._authenticate,
    "LOGIN": ImapSession._login,
}
_AUTHENTICATED: Final[dict[str, Handler]] = {
    "ENABLE": ImapSession._enable,
    "SELECT": ImapSession._select,
    "EXAMINE": ImapSession._select,
    "APPEND": ImapSession._append,
    "IDLE": ImapSession._idle,
}
_SELECTED: Final[dict[str, Handler]] = {
    "CHECK": ImapSession._noop,
    "CLOSE": ImapSession._close,
    "UNSELECT": ImapSession._close,
    "EXPUNGE": ImapSession._expunge,
    "UID EXPUNGE": ImapSession._expunge,
    "FETCH": ImapSession._fetch,
    "UID FETCH": ImapSession._fetch,
    "STORE": ImapSession._store,
    "UID STORE": ImapSession._store,
    "SEARCH": ImapSession._search,
    "UID SEARCH": ImapSession._search,
    "COPY": ImapSession._copy,
    "UID COPY": ImapSession._copy,
    "MOVE": ImapSession._copy,
    "UID MOVE": ImapSession._copy,
}


def _response_code(error: SocleError) -> str:
    if error.code == "IMAPCharset":
        return "[BADCHARSET (UTF-8)] "
    if error.code == "MSSOverQuota":
        return "[OVERQUOTA] "
    if isinstance(error, NotFound):
        return "[TRYCREATE] "
    return "[ALREADYEXISTS] " if error.code == "MSSFolderExists" else ""


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text.strip(), "%d-%b-%Y %H:%M:%S %z")
    except ValueError as error:
        raise MalformedInput("IMAPDate", Text("Date illisible.", "Unreadable date.")) from error
