"""Where the parts of a MIME message lie: offsets, so that IMAP gives back the very bytes that were received.

Header fields are read by the standard library; only boundaries are looked for here, because ``email`` keeps no
offsets, and because depth and number of parts must be bounded before anything is built.

Source: RFC 2045, 2046 §5.1, 3501 §6.4.5.
"""

from __future__ import annotations

import re
from email.message import Message
from email.parser import BytesHeaderParser
from functools import lru_cache

import msgspec

from socle.standards.errors import Text, TooLarge

MAX_DEPTH = 20
MAX_PARTS = 500
MAX_HEADER_BYTES = 256 * 1024

_HEADER_END = re.compile(rb"\r?\n\r?\n")
_PARSER = BytesHeaderParser()


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One entity: its header is ``message[start:body]``, its body ``message[body:end]``.

    ``children`` are the parts of a multipart, or the one message inside a ``message/rfc822``.
    """

    start: int
    body: int
    end: int
    type: str
    subtype: str
    parameters: tuple[tuple[str, str], ...] = ()
    encoding: str = "7bit"
    disposition: str = ""
    disposition_parameters: tuple[tuple[str, str], ...] = ()
    content_id: str = ""
    description: str = ""
    children: tuple[Part, ...] = ()

    @property
    def content_type(self) -> str:
        """``type/subtype``, lower case."""
        return f"{self.type}/{self.subtype}"

    @property
    def is_multipart(self) -> bool:
        """Whether the children are the parts of a multipart."""
        return self.type == "multipart" and bool(self.children)

    def parameter(self, name: str) -> str:
        """The Content-Type parameter ``name``, or the empty text."""
        return dict(self.parameters).get(name, "")


def scan(message: bytes) -> Part:
    """The tree of parts of ``message``.

    A multipart without usable boundary is one ``text/plain`` leaf. Raises ``TooLarge`` (``MIMETooComplex``) over
    ``MAX_DEPTH`` levels or ``MAX_PARTS`` parts, and on a header over ``MAX_HEADER_BYTES``.

    >>> scan(b"Subject: x" + bytes([13, 10, 13, 10]) + b"hello").content_type
    'text/plain'
    """
    return _Scan(message).part(0, len(message), "text/plain", 0)


def header_end(message: bytes, start: int = 0, end: int | None = None) -> int:
    """The offset of the first byte after the empty line that ends the header which begins at ``start``."""
    end = len(message) if end is None else end
    if message[start : start + 2] == b"\r\n":
        return start + 2
    if message[start : start + 1] == b"\n":
        return start + 1
    match = _HEADER_END.search(message, start, end)
    return match.end() if match else end


@lru_cache(maxsize=16)
def parse_header(header: bytes) -> Message:
    """The fields of ``header``, without any body, read leniently. Shared: do not change what it returns."""
    # Structure, envelope and addresses of one message each look at the same header, one after the other.
    return _PARSER.parsebytes(header)


class _Scan:
    def __init__(self, message: bytes) -> None:
        self.message = message
        self.count = 0

    def part(self, start: int, end: int, default: str, depth: int) -> Part:
        self.count += 1
        body = header_end(self.message, start, end)
        if depth > MAX_DEPTH or self.count > MAX_PARTS or body - start > MAX_HEADER_BYTES:
            raise TooLarge(
                "MIMETooComplex",
                Text(
                    f"Le message dépasse {MAX_PARTS} parties ou {MAX_DEPTH} niveaux, ou son en-tête est trop long.",
                    f"The message exceeds {MAX_PARTS} parts or {MAX_DEPTH} levels, or its header is too long.",
                ),
                requirement="RFC 2046 §5.1",
            )
        fields = parse_header(self.message[start:body])
        kind, parameters = _content_type(fields, default)
        children: tuple[Part, ...] = ()
        if kind.startswith("multipart/"):
            children = self._parts_of(body, end, dict(parameters).get("boundary", ""), kind, depth)
            if not children:
                kind, parameters = "text/plain", ()
        elif kind == "message/rfc822":
            children = (self.part(body, end, "text/plain", depth + 1),)
        disposition, disposition_parameters = _disposition(fields)
        return Part(
            start=start,
            body=body,
            end=end,
            type=kind.partition("/")[0],
            subtype=kind.partition("/")[2],
            parameters=parameters,
            encoding=_token(fields.get("Content-Transfer-Encoding", "")) or "7bit",
            disposition=disposition,
            disposition_parameters=disposition_parameters,
            content_id=_plain(fields.get("Content-ID", "")),
            description=_plain(fields.get("Content-Description", "")),
            children=children,
        )

    def _parts_of(self, body: int, end: int, boundary: str, kind: str, depth: int) -> tuple[Part, ...]:
        if not boundary or len(boundary) > 200:
            return ()
        delimiter = re.compile(
            rb"(?:\A|\r?\n)--" + re.escape(boundary.encode("utf-8", "surrogateescape")) + rb"(--)?[ \t]*(?=\r?\n|\Z)"
        )
        # A slice would copy the body once a level: positions are those of the whole message, \A never matches there.
        marks = []
        first = self.message[body : body + len(boundary) + 8]
        position = body
        opening = delimiter.match(first)
        if opening:
            marks.append((body, body + opening.end(), opening[1] is not None))
            position = body + opening.end()
        for match in delimiter.finditer(self.message, position, end):
            marks.append((match.start(), match.end(), match[1] is not None))
            if match[1] is not None or len(marks) > MAX_PARTS + 1:
                break
        default = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        parts = []
        for number, (_, after, is_last) in enumerate(marks):
            if is_last:
                break
            begin = after + (2 if self.message[after : after + 2] == b"\r\n" else 1)
            stop = marks[number + 1][0] if number + 1 < len(marks) else end
            parts.append(self.part(min(begin, stop), stop, default, depth + 1))
        return tuple(parts)


def _content_type(fields: Message, default: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    if "Content-Type" not in fields:
        return default, ()
    kind = _token(fields.get_content_type())
    if not re.fullmatch(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+", kind):
        return "text/plain", ()
    return kind, _parameters(fields, "content-type")


def _disposition(fields: Message) -> tuple[str, tuple[tuple[str, str], ...]]:
    if "Content-Disposition" not in fields:
        return "", ()
    return _token(str(fields["Content-Disposition"]).partition(";")[0]), _parameters(fields, "content-disposition")


def _parameters(fields: Message, name: str) -> tuple[tuple[str, str], ...]:
    try:
        found = fields.get_params([], name)[1:]
        return tuple((_token(key), _plain(fields.get_param(key, "", name))) for key, _ in found if key)
    except (ValueError, TypeError, LookupError):
        return ()


def _plain(value: object) -> str:
    """A header value as one line of text, whatever the standard library made of it (RFC 2231 triple, Header)."""
    if isinstance(value, tuple):
        charset, _, text = value
        raw = str(text).encode("latin-1", "replace")
        try:
            value = raw.decode(str(charset or "us-ascii"), "replace")
        except LookupError:
            value = raw.decode("latin-1")
    text = str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return " ".join(text.split())


def _token(value: object) -> str:
    return _plain(value).lower()
