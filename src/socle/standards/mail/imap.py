"""The grammar of IMAP4rev1 as a server reads it, without any socket: commands with literals, and quoted answers.

Source: RFC 3501 §9, 7888 (LITERAL+), 3516-free (no binary), 4466 (extended forms).
"""

from __future__ import annotations

import base64
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Final, TypeAlias

import msgspec

from socle.standards.errors import MalformedInput, Text, TooLarge

MAX_LINE_BYTES: Final = 64 * 1024
_MAX_NESTING = 30

_LITERAL = re.compile(rb"\{(\d{1,10})(\+?)\}\Z")
_ATOM = re.compile(rb'[^\s(){"\\\x00-\x1f\x7f]+|\\[A-Za-z*]+')
_QUOTED = re.compile(rb'"((?:[^"\\\r\n\x00]|\\["\\])*)"')
_SAFE = re.compile(rb"[\x20\x21\x23-\x5b\x5d-\x7e]*")


class Atom(str):
    """A word that was not quoted: a keyword, a number, a set, a flag."""

    __slots__ = ()


#: An argument: an atom, a string (bytes), or a parenthesised list.
Value: TypeAlias = "Atom | bytes | list[Value]"


class ImapCommand(msgspec.Struct, frozen=True):
    """One command. ``name`` is in capitals, ``UID`` commands have their full name (``UID FETCH``)."""

    tag: str
    name: str
    arguments: list[object]


class NeedsContinuation(msgspec.Struct, frozen=True):
    """The client waits for ``+`` before it sends a literal of ``size`` bytes."""

    size: int


class ImapReader:
    """Cuts a stream into commands. Feed bytes, then call ``take`` until it returns ``None``."""

    def __init__(self, max_literal_bytes: int) -> None:
        self.max_literal_bytes = max_literal_bytes
        self._buffer = bytearray()
        self._pieces: list[bytes] = []
        self._wanted: int | None = None
        self._line_bytes = 0

    def feed(self, data: bytes) -> None:
        """Adds received bytes."""
        self._buffer += data

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits: required before TLS starts."""
        return not self._buffer and not self._pieces

    def take_line(self, limit: int = MAX_LINE_BYTES) -> bytes | None:
        """The next raw line without its end, for IDLE's ``DONE`` and SASL answers."""
        end = self._buffer.find(b"\n")
        if end < 0:
            if len(self._buffer) > limit:
                raise _too_large()
            return None
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        return line

    def take(self) -> list[bytes] | NeedsContinuation | None:
        """A whole command as its pieces (text, literal, text, literal …, text), a request to continue, or ``None``.

        Raises ``TooLarge`` on a line or a literal over the limits; the connection should then end.
        """
        while True:
            if self._wanted is not None:
                if len(self._buffer) < self._wanted:
                    return None
                self._pieces.append(bytes(self._buffer[: self._wanted]))
                del self._buffer[: self._wanted]
                self._wanted = None
            line = self.take_line()
            if line is None:
                if len(self._buffer) > MAX_LINE_BYTES:
                    raise _too_large()
                return None
            self._line_bytes += len(line)
            if self._line_bytes > MAX_LINE_BYTES:
                raise _too_large()
            match = _LITERAL.search(line)
            if match is None:
                pieces = [*self._pieces, line]
                self._pieces, self._line_bytes = [], 0
                return pieces
            size = int(match[1])
            if size + sum(map(len, self._pieces)) > self.max_literal_bytes + MAX_LINE_BYTES or len(self._pieces) > 200:
                raise _too_large()
            self._pieces.append(line[: match.start()])
            self._wanted = size
            if not match[2]:
                return NeedsContinuation(size)


def parse_command(pieces: list[bytes]) -> ImapCommand:
    """The command whose texts and literals are ``pieces``. Raises ``MalformedInput`` (``IMAPSyntax``).

    >>> parse_command([b'a1 uid fetch 1:* (FLAGS "x")'])
    ImapCommand(tag='a1', name='UID FETCH', arguments=['1:*', ['FLAGS', b'x']])
    """
    tag_match = re.match(rb"([!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,64}) +([A-Za-z]+)(?: |\Z)", pieces[0])
    if tag_match is None:
        raise _syntax()
    tag, name = tag_match[1].decode(), tag_match[2].decode().upper()
    rest = pieces[0][tag_match.end() :]
    if name == "UID":
        verb = re.match(rb" *([A-Za-z]+)(?: |\Z)", rest)
        if verb is None:
            raise _syntax()
        name = f"UID {verb[1].decode().upper()}"
        rest = rest[verb.end() :]
    return ImapCommand(tag, name, list(_values([rest, *pieces[1:]])))


def _values(pieces: list[bytes]) -> list[Value]:
    top: list[Value] = []
    stack: list[list[Value]] = [top]
    for number, piece in enumerate(pieces):
        if number % 2 == 1:
            stack[-1].append(piece)
            continue
        _read_text(piece, stack)
    if len(stack) != 1:
        raise _syntax()
    return top


def _read_text(text: bytes, stack: list[list[Value]]) -> None:
    position = 0
    while position < len(text):
        character = text[position : position + 1]
        if character == b" ":
            position += 1
        elif character == b"(":
            inner: list[Value] = []
            stack[-1].append(inner)
            stack.append(inner)
            if len(stack) > _MAX_NESTING:
                raise _syntax()
            position += 1
        elif character == b")":
            if len(stack) == 1:
                raise _syntax()
            stack.pop()
            position += 1
        elif character == b'"':
            quoted = _QUOTED.match(text, position)
            if quoted is None:
                raise _syntax()
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", quoted[1]))
            position = quoted.end()
        else:
            position = _read_atom(text, position, stack)


def _read_atom(text: bytes, start: int, stack: list[list[Value]]) -> int:
    """An atom; ``BODY[HEADER.FIELDS (A B)]<0.10>`` is one, spaces and parentheses in its brackets included."""
    match = _ATOM.match(text, start)
    if match is None:
        raise _syntax()
    end = match.end()
    bracket = text.find(b"[", start, end)
    if bracket >= 0:
        close = text.find(b"]", bracket)
        if close < 0:
            raise _syntax()
        tail = re.compile(rb"(?:<\d+(?:\.\d+)?>)?").match(text, close + 1)
        end = tail.end() if tail else close + 1
    stack[-1].append(Atom(text[start:end].decode("latin-1")))
    return end


def quote(value: bytes | str) -> bytes:
    """``value`` as a quoted string, or as a literal when it holds what quotes cannot.

    >>> quote("a (b)"), quote("é")[:3]
    (b'"a (b)"', b'{2}')
    """
    raw = value.encode("utf-8") if isinstance(value, str) else value
    if len(raw) <= 1024:
        if _SAFE.fullmatch(raw):
            return b'"' + raw + b'"'
        if all(0x20 <= byte < 0x7F for byte in raw):
            return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    return b"{%d}\r\n%b" % (len(raw), raw)


def nstring(value: bytes | str | None) -> bytes:
    """``NIL`` for nothing, else ``quote(value)``."""
    return b"NIL" if not value else quote(value)


def parenthesise(items: Iterable[bytes]) -> bytes:
    """The items between parentheses."""
    return b"(" + b" ".join(items) + b")"


class SequenceSet(msgspec.Struct, frozen=True):
    """Message numbers or UIDs. Bounds in order; ``0`` stands for ``*``."""

    ranges: tuple[tuple[int, int], ...]

    def among(self, numbers: list[int]) -> list[int]:
        """The positions (from 0) of the members of the set in ``numbers``, which are ascending.

        >>> parse_set("2:4,9:*").among([1, 3, 4, 7])
        [1, 2, 3]
        """
        last = numbers[-1] if numbers else 0
        spans = []
        for low, high in self.ranges:
            a, b = sorted((low or last, high or last))
            spans.append((bisect_left(numbers, a), bisect_right(numbers, b)))
        positions: list[int] = []
        reached = 0
        for begin, end in sorted(spans):
            positions.extend(range(max(begin, reached), end))
            reached = max(reached, end)
        return positions


def parse_set(text: str) -> SequenceSet:
    """A sequence set. Raises ``MalformedInput``.

    >>> parse_set("1,3:5,9:*").ranges
    ((1, 1), (3, 5), (9, 0))
    """
    if re.fullmatch(r"(?:\d{1,10}|\*)(?::(?:\d{1,10}|\*))?(?:,(?:\d{1,10}|\*)(?::(?:\d{1,10}|\*))?)*", text) is None:
        raise _syntax()
    ranges = []
    for item in text.split(",")[:10_000]:
        low, _, high = item.partition(":")
        first = 0 if low == "*" else int(low)
        last = first if not high else (0 if high == "*" else int(high))
        ranges.append((first, last))
    return SequenceSet(tuple(ranges))


def format_set(numbers: list[int]) -> str:
    """Ascending ``numbers`` as the shortest set.

    >>> format_set([1, 2, 3, 7])
    '1:3,7'
    """
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(str(a) if a == b else f"{a}:{b}" for a, b in spans)


def decode_name(raw: bytes) -> str:
    """A mailbox name from modified UTF-7 (RFC 3501 §5.1.3). Raises ``MalformedInput``.

    >>> decode_name(b"Envoy&AOk-s"), decode_name(b"A &- B")
    ('Envoyés', 'A & B')
    """
    try:
        text = raw.decode("ascii")
        return re.sub(r"&([^-]*)-", _decode_shift, text)
    except (UnicodeError, ValueError) as error:
        raise _syntax() from error


def encode_name(name: str) -> bytes:
    """``name`` in modified UTF-7.

    >>> encode_name("Envoyés & reçus")
    b'Envoy&AOk-s &- re&AOc-us'
    """
    out = re.sub(r"[^\x20-\x7e]+|&", lambda m: "&-" if m[0] == "&" else f"&{_encode_shift(m[0])}-", name)
    return out.encode("ascii")


def _decode_shift(match: re.Match[str]) -> str:
    if not match[1]:
        return "&"
    raw = match[1].replace(",", "/")
    return base64.b64decode(raw + "=" * (-len(raw) % 4), validate=True).decode("utf-16-be")


def _encode_shift(text: str) -> str:
    return base64.b64encode(text.encode("utf-16-be")).decode().rstrip("=").replace("/", ",")


def _syntax() -> MalformedInput:
    return MalformedInput("IMAPSyntax", Text("Commande illisible.", "Unreadable command."), requirement="RFC 3501 §9")


def _too_large() -> TooLarge:
    return TooLarge("IMAPTooLarge", Text("Ligne ou littéral trop long.", "Line or literal too long."))
