"""The grammar of SMTP and LMTP as a server reads it, without any socket.

A message ends at ``CRLF . CRLF`` and nowhere else; bare CR, bare LF, NUL and lines over the limits of RFC 5321 make
the message refused, so that two servers never see two different ends (SMTP smuggling).

Source: RFC 5321, 3461 (DSN), 1870 (SIZE), 6152 (8BITMIME), 4954 (AUTH), 2033 (LMTP).
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from socle.standards.errors import InvalidContent, MalformedInput, Text, TooLarge
from socle.standards.mail.address import Address, parse_address

MAX_COMMAND_BYTES: Final = 2048
#: AUTH responses carry tokens (RFC 4954 §4).
MAX_AUTH_BYTES: Final = 12288
#: Text line, CRLF excluded (RFC 5321 §4.5.3.1.6).
MAX_LINE_BYTES: Final = 998

_END = b"\r\n.\r\n"
_PARAMETER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*(=[\x21-\x3c\x3e-\x7e]*)?")
_HEXCHAR = re.compile(r"\+([0-9A-F]{2})")


class Command(msgspec.Struct, frozen=True):
    """One command line. ``verb`` is in capitals."""

    verb: str
    argument: str = ""


class Path(msgspec.Struct, frozen=True):
    """The argument of MAIL or RCPT. ``address`` is ``None`` for ``<>``; parameter names are in capitals."""

    address: Address | None
    parameters: dict[str, str] = {}


class SmtpReader:
    """Cuts a stream of bytes into command lines and messages, never holding more than the limits.

    Feed bytes, then take what is complete: ``take_line`` in command mode, ``take_message`` after ``start_message``.
    """

    def __init__(self, max_message_bytes: int) -> None:
        self.max_message_bytes = max_message_bytes
        self._buffer = bytearray()
        self._searched = 0
        self._discarded = 0

    def feed(self, data: bytes) -> None:
        """Adds received bytes."""
        self._buffer += data

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits: required before TLS starts (RFC 3207 §4.2)."""
        return not self._buffer

    def take_line(self, limit: int = MAX_COMMAND_BYTES) -> bytes | None:
        """The next line without CRLF, or ``None`` when it is not complete.

        Raises ``TooLarge`` over ``limit``, ``MalformedInput`` on a bare CR or LF or a NUL.
        """
        end = self._buffer.find(b"\r\n", 0, limit + 2)
        if end < 0:
            if len(self._buffer) > limit:
                raise TooLarge("SMTPLineTooLong", Text("Ligne de commande trop longue.", "Command line too long."))
            if b"\n" in self._buffer:
                raise _bare_line_end()
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        if b"\n" in line or b"\r" in line or b"\0" in line:
            raise _bare_line_end()
        return line

    def start_message(self) -> None:
        """Begins the reading of a message."""
        self._searched = 0
        self._discarded = 0

    def take_message(self) -> bytes | None:
        """The whole message, dots unstuffed, lines ended by CRLF; ``None`` when its end has not come.

        Raises, once its end has come: ``TooLarge`` (``SMTPMessageTooLarge``), ``InvalidContent`` (``SMTPBareLineEnd``,
        ``SMTPLineTooLong``, ``SMTPNul``). The stream is then just after the message.
        """
        # The CRLF of the DATA line counts as the first of CRLF.CRLF.
        if not self._discarded and self._buffer.startswith(b".\r\n"):
            del self._buffer[:3]
            return b""
        end = self._buffer.find(_END, max(0, self._searched - 4))
        if end < 0:
            self._searched = len(self._buffer)
            if len(self._buffer) + self._discarded > self.max_message_bytes + 4 * 1024 or self._discarded:
                self._drop()
            return None
        raw = bytes(self._buffer[: end + 2])
        del self._buffer[: end + len(_END)]
        if self._discarded or len(raw) > self.max_message_bytes:
            raise TooLarge(
                "SMTPMessageTooLarge",
                Text(
                    f"Le message dépasse {self.max_message_bytes} octets.",
                    f"The message exceeds {self.max_message_bytes} bytes.",
                ),
            )
        return check_text(unstuff(raw))

    def _drop(self) -> None:
        keep = 4
        self._discarded += max(0, len(self._buffer) - keep)
        del self._buffer[:-keep]
        self._searched = 0

    @property
    def discarded_bytes(self) -> int:
        """How many bytes of an oversized message were thrown away so far."""
        return self._discarded


def unstuff(raw: bytes) -> bytes:
    """``raw`` without the dots that the sender added at the start of lines."""
    return raw.replace(b"\r\n..", b"\r\n.") if not raw.startswith(b".") else raw[1:].replace(b"\r\n..", b"\r\n.")


def stuff(message: bytes) -> bytes:
    """``message`` (ended by CRLF) as sent after DATA, final dot included.

    >>> unstuff(stuff(b".a" + bytes([13, 10]))[:-3]) == b".a" + bytes([13, 10])
    True
    """
    return (b"." if message.startswith(b".") else b"") + message.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def check_text(message: bytes) -> bytes:
    """``message`` itself when each line is ended by CRLF, not too long, without NUL. Raises ``InvalidContent``."""
    lines = message.count(b"\r\n")
    if message.count(b"\n") != lines or message.count(b"\r") != lines:
        raise InvalidContent(
            "SMTPBareLineEnd",
            Text("Le message contient un CR ou un LF isolé.", "The message contains a bare CR or LF."),
            remedy=Text("Terminez chaque ligne par CRLF.", "End each line with CRLF."),
            requirement="RFC 5321 §2.3.8",
        )
    if b"\0" in message:
        raise InvalidContent(
            "SMTPNul",
            Text("Le message contient un octet nul.", "The message contains a NUL byte."),
            requirement="RFC 5321 §4.5.2",
        )
    if lines and max(map(len, message.split(b"\r\n"))) > MAX_LINE_BYTES:
        raise InvalidContent(
            "SMTPLineTooLong",
            Text(f"Une ligne dépasse {MAX_LINE_BYTES} octets.", f"A line exceeds {MAX_LINE_BYTES} bytes."),
            remedy=Text("Encodez en base64 ou quoted-printable.", "Encode as base64 or quoted-printable."),
            requirement="RFC 5321 §4.5.3.1.6",
        )
    return message


def parse_command(line: bytes) -> Command:
    """The verb and its argument. Raises ``MalformedInput`` on bytes that are not printable ASCII.

    >>> parse_command(b"ehlo  a.fr")
    Command(verb='EHLO', argument='a.fr')
    """
    text = line.decode("latin-1")
    if not text.isascii() or not text.isprintable():
        raise _syntax("SMTPSyntax", "Commande illisible.", "Unreadable command.")
    verb, _, argument = text.strip().partition(" ")
    return Command(verb.upper(), argument.strip())


def parse_path(argument: str, keyword: str) -> Path:
    """The path after ``FROM:`` or ``TO:``. Raises ``MalformedInput`` (``SMTPPath`` or ``InvalidAddress``).

    >>> parse_path("FROM:<a@b.fr> SIZE=10 BODY=8BITMIME", "FROM").parameters
    {'SIZE': '10', 'BODY': '8BITMIME'}
    """
    head = argument[: len(keyword) + 1].upper()
    rest = argument[len(keyword) + 1 :].lstrip()
    close = rest.find(">")
    if head != f"{keyword}:" or not rest.startswith("<") or close < 0 or len(rest) > 1500:
        raise _syntax("SMTPPath", f"Écrivez {keyword}:<adresse>.", f"Write {keyword}:<address>.")
    inside, tail = rest[1:close], rest[close + 1 :]
    if tail and not tail.startswith(" "):
        raise _syntax("SMTPPath", "Espace attendu après « > ».", "Space expected after '>'.")
    if inside.startswith("@"):  # a source route is ignored (RFC 5321 appendix C)
        inside = inside.partition(":")[2]
    parameters = {}
    for word in tail.split():
        if _PARAMETER.fullmatch(word) is None:
            raise _syntax("SMTPParameter", "Paramètre illisible.", "Unreadable parameter.")
        name, _, value = word.partition("=")
        parameters[name.upper()] = value
    return Path(parse_address(inside) if inside else None, parameters)


def decode_xtext(text: str) -> str:
    """RFC 3461 xtext decoded.

    >>> decode_xtext("rfc822;a+2Bb@c.fr")
    'rfc822;a+b@c.fr'
    """
    return _HEXCHAR.sub(lambda match: chr(int(match[1], 16)), text)


def encode_xtext(text: str) -> str:
    """``text`` (ASCII) as RFC 3461 xtext."""
    return "".join(c if "!" <= c <= "~" and c not in "+=" else f"+{ord(c):02X}" for c in text if ord(c) < 256)


def _bare_line_end() -> MalformedInput:
    return _syntax("SMTPBareLineEnd", "Fin de ligne isolée dans une commande.", "Bare line end in a command.")


def _syntax(code: str, fr: str, en: str) -> MalformedInput:
    return MalformedInput(code, Text(fr, en), requirement="RFC 5321")
