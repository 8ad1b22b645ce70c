"""IMAP SEARCH: keys as a tree that is asked three times, each time with more of the message at hand.

A key answers ``True``, ``False``, or ``None`` when it needs more than is loaded (Kleene's logic), so that contents are
opened only for messages that nothing else excluded.

Source: RFC 3501 §6.4.4, RFC 7162 (MODSEQ).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final

import msgspec

from socle.services.mssante.domain import MessageRow, Summary
from socle.standards.errors import InvalidContent, MalformedInput, Text
from socle.standards.mail.imap import Atom, SequenceSet, parse_set
from socle.standards.mail.read import decode_text, decode_words, leaves, read_date
from socle.standards.mail.structure import parse_header, scan

_MONTHS: Final = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


class Candidate(msgspec.Struct):
    """A message under examination; ``summary`` and ``content`` are loaded when they are needed."""

    number: int
    row: MessageRow
    last_number: int
    last_uid: int
    summary: Summary | None = None
    content: bytes | None = None


#: ``True``, ``False``, or ``None``: more must be loaded.
Key = Callable[[Candidate], bool | None]


def parse_search(arguments: list[object]) -> Key:
    """The key that ``arguments`` describe. Raises ``MalformedInput``, ``InvalidContent`` (``IMAPCharset``)."""
    words = list(arguments)
    if words and _word(words[0]) == "CHARSET":
        if len(words) < 2 or _text(words[1]).upper() not in {"UTF-8", "US-ASCII", "ASCII"}:
            raise InvalidContent("IMAPCharset", Text("Jeu de caractères inconnu.", "Unknown charset."))
        words = words[2:]
    return _all(words)


def _all(words: list[object]) -> Key:
    keys = []
    rest = words
    while rest:
        key, rest = _key(rest)
        keys.append(key)
    if not keys:
        raise _unreadable()
    return _conjunction(keys)


def _key(words: list[object]) -> tuple[Key, list[object]]:
    if not words:
        raise _unreadable()
    head, rest = words[0], words[1:]
    if isinstance(head, list):
        return _all(head), rest
    name = _word(head)
    if name in _FLAGS:
        flag, expected = _FLAGS[name]
        return (lambda candidate: (flag in candidate.row.flags) is expected), rest
    if name in _CONSTANTS:
        constant = _CONSTANTS[name]
        return (lambda _candidate: constant), rest
    if name == "NEW":
        return (lambda candidate: "\\Seen" not in candidate.row.flags), rest
    if name == "NOT":
        inner, rest = _key(rest)
        return _negation(inner), rest
    if name == "OR":
        left, rest = _key(rest)
        right, rest = _key(rest)
        return _negation(_conjunction([_negation(left), _negation(right)])), rest
    if name == "HEADER":
        return _header(_text(_take(rest, 0)), _text(_take(rest, 1))), rest[2:]
    if name in _WITH_ARGUMENT:
        return _WITH_ARGUMENT[name](_text(_take(rest, 0))), rest[1:]
    return _set(parse_set(name), by_uid=False), rest


def _conjunction(keys: list[Key]) -> Key:
    def ask(candidate: Candidate) -> bool | None:
        is_known = True
        for key in keys:
            answer = key(candidate)
            if answer is False:
                return False
            is_known = is_known and answer is not None
        return True if is_known else None

    return ask


def _negation(key: Key) -> Key:
    def ask(candidate: Candidate) -> bool | None:
        answer = key(candidate)
        return None if answer is None else not answer

    return ask


def _set(wanted: SequenceSet, *, by_uid: bool) -> Key:
    def ask(candidate: Candidate) -> bool:
        number = candidate.row.uid if by_uid else candidate.number
        last = candidate.last_uid if by_uid else candidate.last_number
        return any(
            min(low or last, high or last) <= number <= max(low or last, high or last) for low, high in wanted.ranges
        )

    return ask


def _header(field: str, wanted: str) -> Key:
    text = wanted.casefold()

    def ask(candidate: Candidate) -> bool | None:
        if candidate.summary is None:
            return None
        values = parse_header(candidate.summary.header).get_all(field, [])
        return any(text in decode_words(str(value)).casefold() for value in values)

    return ask


def _body(wanted: str, *, with_header: bool) -> Key:
    text = wanted.casefold()

    def ask(candidate: Candidate) -> bool | None:
        if candidate.content is None:
            return None
        root = scan(candidate.content)
        if with_header:
            fields = parse_header(candidate.content[root.start : root.body])
            if any(text in f"{name}: {decode_words(str(value))}".casefold() for name, value in fields.items()):
                return True
        texts = (decode_text(candidate.content, part) for part in leaves(root) if part.type == "text")
        return any(text in body.casefold() for body in texts)

    return ask


def _arrived(compare: Callable[[date, date], bool]) -> Callable[[str], Key]:
    def make(argument: str) -> Key:
        wanted = parse_date(argument)
        return lambda candidate: compare(candidate.row.received_at.astimezone(UTC).date(), wanted)

    return make


def _sent(compare: Callable[[date, date], bool]) -> Callable[[str], Key]:
    def make(argument: str) -> Key:
        wanted = parse_date(argument)

        def ask(candidate: Candidate) -> bool | None:
            if candidate.summary is None:
                return None
            sent = read_date(str(parse_header(candidate.summary.header).get("Date", "")))
            return sent is not None and compare(sent.date(), wanted)

        return ask

    return make


def _number(argument: str) -> int:
    if not argument.isdigit() or len(argument) > 18:
        raise _unreadable()
    return int(argument)


def parse_date(text: str) -> date:
    """A search date. Raises ``MalformedInput``.

    >>> parse_date("2-Mar-2026")
    datetime.date(2026, 3, 2)
    """
    match = re.fullmatch(r'"?(\d{1,2})-([A-Za-z]{3})-(\d{4})"?', text)
    try:
        return date(int(match[3]), _MONTHS.index(match[2].title()) + 1, int(match[1])) if match else _fail()
    except ValueError as error:
        raise _unreadable() from error


def format_moment(moment: datetime) -> str:
    """INTERNALDATE of ``moment``, without quotes.

    >>> format_moment(datetime(2026, 3, 2, 8, 15, tzinfo=UTC))
    ' 2-Mar-2026 08:15:00 +0000'
    """
    utc = moment.astimezone(UTC)
    return f"{utc.day:2d}-{_MONTHS[utc.month - 1]}-{utc:%Y %H:%M:%S} +0000"


_FLAGS: Final = {
    "ANSWERED": ("\\Answered", True),
    "DELETED": ("\\Deleted", True),
    "DRAFT": ("\\Draft", True),
    "FLAGGED": ("\\Flagged", True),
    "SEEN": ("\\Seen", True),
    "UNANSWERED": ("\\Answered", False),
    "UNDELETED": ("\\Deleted", False),
    "UNDRAFT": ("\\Draft", False),
    "UNFLAGGED": ("\\Flagged", False),
    "UNSEEN": ("\\Seen", False),
}
_CONSTANTS: Final = {"ALL": True, "RECENT": False, "OLD": True}
_WITH_ARGUMENT: Final[dict[str, Callable[[str], Key]]] = {
    "BCC": lambda text: _header("Bcc", text),
    "CC": lambda text: _header("Cc", text),
    "FROM": lambda text: _header("From", text),
    "TO": lambda text: _header("To", text),
    "SUBJECT": lambda text: _header("Subject", text),
    "BODY": lambda text: _body(text, with_header=False),
    "TEXT": lambda text: _body(text, with_header=True),
    "KEYWORD": lambda text: lambda candidate: text in candidate.row.flags,
    "UNKEYWORD": lambda text: lambda candidate: text not in candidate.row.flags,
    "LARGER": lambda text: _larger(_number(text)),
    "SMALLER": lambda text: _smaller(_number(text)),
    "MODSEQ": lambda text: _since_modseq(_number(text)),
    "UID": lambda text: _set(parse_set(text), by_uid=True),
    "BEFORE": _arrived(lambda found, wanted: found < wanted),
    "ON": _arrived(lambda found, wanted: found == wanted),
    "SINCE": _arrived(lambda found, wanted: found >= wanted),
    "SENTBEFORE": _sent(lambda found, wanted: found < wanted),
    "SENTON": _sent(lambda found, wanted: found == wanted),
    "SENTSINCE": _sent(lambda found, wanted: found >= wanted),
}


def _larger(size: int) -> Key:
    return lambda candidate: candidate.row.size_bytes > size


def _smaller(size: int) -> Key:
    return lambda candidate: candidate.row.size_bytes < size


def _since_modseq(modseq: int) -> Key:
    return lambda candidate: candidate.row.modseq >= modseq


def _take(words: list[object], position: int) -> object:
    if position >= len(words):
        raise _unreadable()
    return words[position]


def _word(value: object) -> str:
    return str(value).upper() if isinstance(value, Atom) else ""


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Atom):
        return str(value)
    raise _unreadable()


def _fail() -> date:
    raise _unreadable()


def _unreadable() -> MalformedInput:
    return MalformedInput("IMAPSearch", Text("Recherche illisible.", "Unreadable search."), requirement="RFC 3501")
