"""What IMAP says of a message: ``ENVELOPE``, ``BODYSTRUCTURE``, and the bytes of a section.

Source: RFC 3501 §7.4.2, §6.4.5.
"""

from __future__ import annotations

import re
from email.message import Message
from email.utils import getaddresses

import msgspec

from socle.standards.errors import MalformedInput, Text
from socle.standards.mail.imap import nstring, parenthesise, quote
from socle.standards.mail.structure import Part, parse_header

_ADDRESS_FIELDS = ("From", "Sender", "Reply-To", "To", "Cc", "Bcc")
_SECTION = re.compile(
    r"BODY(?P<peek>\.PEEK)?\[(?P<path>\d+(?:\.\d+)*)?\.?(?P<what>HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME)?"
    r"(?: \((?P<fields>[^)]*)\))?\](?:<(?P<start>\d+)(?:\.(?P<count>\d+))?>)?",
    re.IGNORECASE,
)


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One ``BODY[…]<…>`` item. ``path`` numbers parts from 1; ``what`` is in capitals or empty."""

    path: tuple[int, ...] = ()
    what: str = ""
    fields: tuple[str, ...] = ()
    start: int | None = None
    count: int | None = None
    is_peek: bool = False

    @property
    def needs_only_header(self) -> bool:
        """Whether the message's header is enough to answer."""
        return not self.path and self.what.startswith("HEADER")

    @property
    def label(self) -> bytes:
        """The name of the item in the answer."""
        inside = ".".join([*(str(number) for number in self.path), *([self.what] if self.what else [])])
        if self.what.startswith("HEADER.FIELDS"):
            inside += f" ({' '.join(_field_label(field) for field in self.fields)})"
        return f"BODY[{inside}]{'' if self.start is None else f'<{self.start}>'}".encode()


def parse_section(text: str) -> Section:
    """Reads ``BODY.PEEK[1.2.HEADER.FIELDS (DATE)]<0.100>``. Raises ``MalformedInput``.

    >>> parse_section("body.peek[1.mime]").label
    b'BODY[1.MIME]'
    """
    match = _SECTION.fullmatch(text)
    what = (match["what"] or "").upper() if match else ""
    if match is None or (what.startswith("HEADER.FIELDS") != (match["fields"] is not None)):
        raise MalformedInput("IMAPSection", Text("Section illisible.", "Unreadable section."))
    path = tuple(int(number[:9]) for number in match["path"].split(".")) if match["path"] else ()
    if what == "MIME" and not path:
        raise MalformedInput("IMAPSection", Text("MIME demande une partie.", "MIME needs a part."))
    return Section(
        path=path,
        what=what,
        fields=tuple(word.strip('"').upper() for word in (match["fields"] or "").split()),
        start=int(match["start"]) if match["start"] else None,
        count=int(match["count"]) if match["count"] else None,
        is_peek=match["peek"] is not None,
    )


def envelope(header: bytes) -> bytes:
    """The ``ENVELOPE`` of a message."""
    fields = parse_header(header)
    addresses = {name: _addresses(fields, name) for name in _ADDRESS_FIELDS}
    sender = addresses["From"]
    return parenthesise(
        [
            nstring(_raw(fields, "Date")),
            nstring(_raw(fields, "Subject")),
            sender,
            addresses["Sender"] if addresses["Sender"] != b"NIL" else sender,
            addresses["Reply-To"] if addresses["Reply-To"] != b"NIL" else sender,
            addresses["To"],
            addresses["Cc"],
            addresses["Bcc"],
            nstring(_raw(fields, "In-Reply-To")),
            nstring(_raw(fields, "Message-ID")),
        ]
    )


def body_structure(message: bytes, part: Part, *, is_extended: bool) -> bytes:
    """``BODYSTRUCTURE`` (or ``BODY``, without extension data) of ``part``."""
    if part.is_multipart:
        inside = b"".join(body_structure(message, child, is_extended=is_extended) for child in part.children)
        text = inside + b" " + quote(part.subtype.upper())
        if is_extended:
            text += b" " + _parameters(part.parameters) + b" " + _disposition(part) + b" NIL NIL"
        return b"(" + text + b")"
    items = [
        quote(part.type.upper()),
        quote(part.subtype.upper()),
        _parameters(part.parameters or ((("charset", "us-ascii"),) if part.type == "text" else ())),
        nstring(part.content_id),
        nstring(part.description),
        quote(part.encoding.upper()),
        str(part.end - part.body).encode(),
    ]
    if part.type == "message" and part.children:
        inner = part.children[0]
        items.append(envelope(message[inner.start : inner.body]))
        items.append(body_structure(message, inner, is_extended=is_extended))
        items.append(_lines(message, part))
    elif part.type == "text":
        items.append(_lines(message, part))
    if is_extended:
        items += [b"NIL", _disposition(part), b"NIL", b"NIL"]
    return parenthesise(items)


def read_section(message: bytes, root: Part, section: Section) -> bytes | None:
    """The bytes of ``section``, partial range not applied; ``None`` when there is no such part."""
    part: Part | None = root
    for depth, number in enumerate(section.path):
        part = _child(part, number, is_first=depth == 0) if part else None
    if part is None:
        return None
    if not section.path:
        header, body, end = root.start, root.body, root.end
    elif section.what == "MIME":
        return message[part.start : part.body]
    elif section.what:
        # HEADER and TEXT below the top speak of the message inside a message/rfc822.
        if part.content_type != "message/rfc822" or not part.children:
            return None
        inner = part.children[0]
        header, body, end = inner.start, inner.body, inner.end
    else:
        return message[part.body : part.end]
    if not section.what:
        return message[header:end]
    if section.what == "TEXT":
        return message[body:end]
    return filter_header(message[header:body], section)


def filter_header(header: bytes, section: Section) -> bytes:
    """``header``, or the fields of it that ``section`` asks for, with the empty line."""
    if section.what == "HEADER":
        return header
    wanted = set(section.fields)
    keeps = section.what == "HEADER.FIELDS"
    kept = [
        field
        for field in re.split(rb"(?<=\n)(?![ \t])", header)
        if field.strip() and (field.partition(b":")[0].strip().upper().decode("latin-1") in wanted) is keeps
    ]
    return b"".join(kept) + b"\r\n"


def _child(part: Part, number: int, *, is_first: bool) -> Part | None:
    holder = part.children[0] if part.type == "message" and part.children and not is_first else part
    if holder.is_multipart:
        return holder.children[number - 1] if 1 <= number <= len(holder.children) else None
    return holder if number == 1 and (is_first or holder is not part) else None


def _addresses(fields: Message, name: str) -> bytes:
    values = [str(value).replace("\r", "").replace("\n", "")[:50_000] for value in fields.get_all(name, [])]
    found = []
    for shown, text in getaddresses(values)[:500]:
        local, at, domain = text.rpartition("@")
        if at:
            found.append(parenthesise([nstring(_ascii(shown)), b"NIL", quote(_ascii(local)), quote(_ascii(domain))]))
    return b"(" + b"".join(found) + b")" if found else b"NIL"


def _raw(fields: Message, name: str) -> bytes:
    return _ascii(" ".join(str(fields.get(name, "")).split()))


def _ascii(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape").replace(b"\0", b"")


def _parameters(parameters: tuple[tuple[str, str], ...]) -> bytes:
    words = [quote(word.upper() if n == 0 else word) for pair in parameters for n, word in enumerate(pair)]
    return parenthesise(words) if words else b"NIL"


def _disposition(part: Part) -> bytes:
    if not part.disposition:
        return b"NIL"
    return parenthesise([quote(part.disposition.upper()), _parameters(part.disposition_parameters)])


def _lines(message: bytes, part: Part) -> bytes:
    return str(message.count(b"\n", part.body, part.end)).encode()


def _field_label(field: str) -> str:
    return field if re.fullmatch(r"[!-~]+", field) and not set(field) & set('(){"\\') else f'"{field}"'
