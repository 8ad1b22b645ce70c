"""MTOM packages: a ``multipart/related`` body <-> its root part and its attachments by Content-ID.

Reading works on the bytes themselves and copies each part once, since a package may carry a 50 MB document.

Source: RFC 2046 §5.1; RFC 2387; MTOM 1.0; XOP 1.0; fact sheet "DMP exchange" §1.3.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import unquote

import msgspec

from socle.standards.errors import MalformedInput, Text, TooLarge

#: A submission of a thousand documents is to pass; more is not a submission.
MAX_PARTS: Final = 2_500
MAX_HEADER_BYTES: Final = 8 * 1024

_MEDIA_TYPE = re.compile(r"\s*([\w!#$&^.+-]+/[\w!#$&^.+-]+)\s*(?=;|$)")
#: Nothing that was taken is given back: white space without end costs no more than its length.
_PARAMETER = re.compile(r";\s*+([\w!#$%&'*+.^`|~-]++)\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)\"|([^;\"\s]*+))\s*+(?=;|$)")
_FOLDED = re.compile(rb"\r\n[ \t]+")
_WHITE = b" \t\r\n"


class Part(msgspec.Struct, frozen=True):
    """One MIME part, transfer encoding removed. ``content_id`` has no angle brackets."""

    content_id: str
    content_type: str
    content: bytes


class Package(msgspec.Struct, frozen=True):
    """A multipart/related body: its root part, and the other parts by Content-ID."""

    root: Part
    attachments: dict[str, bytes]


def malformed(code: str, fr: str, en: str, *, location: str = "") -> MalformedInput:
    """The refusal of a message whose bytes are not MIME or SOAP."""
    return MalformedInput(code, Text(fr, en), location=location, requirement="SOAP 1.2, MTOM, RFC 2046")


def read_media_type(header: str) -> tuple[str, dict[str, str]]:
    """Media type and parameters of a Content-Type, names in lower case. An unreadable header gives ``("", {})``.

    >>> read_media_type('application/soap+xml; charset=UTF-8; action="urn:a"')
    ('application/soap+xml', {'charset': 'UTF-8', 'action': 'urn:a'})
    """
    match = _MEDIA_TYPE.match(header)
    if match is None:
        return "", {}
    parameters = {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) if quoted else bare
        for name, quoted, bare in _PARAMETER.findall(header, match.end())
    }
    return match[1].lower(), parameters


def read_package(body: bytes, content_type: str, *, max_parts: int = MAX_PARTS) -> Package:
    """The parts of a ``multipart/related`` body.

    Raises ``MalformedInput`` (``MtomBoundary``, ``MtomTruncated``, ``MtomPart``, ``MtomRoot``) on a body that
    is not what its Content-Type says, ``TooLarge`` (``MtomTooManyParts``) above ``max_parts`` parts.
    """
    _, parameters = read_media_type(content_type)
    boundary = parameters.get("boundary", "")
    if not 1 <= len(boundary) <= 70 or not boundary.isascii():
        raise malformed(
            "MtomBoundary",
            "Le Content-Type multipart/related ne porte pas de paramètre « boundary » valable.",
            "The multipart/related Content-Type has no valid “boundary” parameter.",
        )
    parts: dict[str, Part] = {}
    for start, end in _find_parts(body, b"--" + boundary.encode(), max_parts):
        part = _read_part(body, start, end, len(parts))
        if part.content_id in parts:
            raise malformed(
                "MtomPart",
                f"Deux parties portent le même Content-ID « {part.content_id} ».",
                f"Two parts have the same Content-ID “{part.content_id}”.",
            )
        parts[part.content_id] = part
    root_id = parameters.get("start", "").strip("<>") or next(iter(parts))
    root = parts.pop(root_id, None) or parts.pop(unquote(root_id), None)
    if root is None:
        raise malformed(
            "MtomRoot",
            f"Aucune partie ne porte le Content-ID « {root_id} » annoncé par le paramètre « start ».",
            f"No part has the Content-ID “{root_id}” that the “start” parameter announces.",
        )
    return Package(root, {content_id: part.content for content_id, part in parts.items()})


def _find_parts(body: bytes, delimiter: bytes, max_parts: int) -> Iterable[tuple[int, int]]:
    """Start and end of each part, between delimiter lines. Raises when the closing delimiter is missing."""
    begin, after, closes = _next_delimiter(body, delimiter, 0)
    if begin < 0 or closes:
        raise malformed(
            "MtomBoundary",
            "Le corps ne contient pas la frontière (boundary) annoncée.",
            "The body does not contain the announced boundary.",
        )
    count = 0
    while not closes:
        start = after
        begin, after, closes = _next_delimiter(body, delimiter, start)
        if begin < 0:
            raise malformed(
                "MtomTruncated",
                "Le corps multipart est tronqué : sa frontière de fin manque.",
                "The multipart body is truncated: its closing boundary is missing.",
            )
        count += 1
        if count > max_parts:
            raise TooLarge(
                "MtomTooManyParts",
                Text(f"Plus de {max_parts} parties dans un message.", f"More than {max_parts} parts in a message."),
            )
        yield start, begin


def _next_delimiter(body: bytes, delimiter: bytes, position: int) -> tuple[int, int, bool]:
    """Where the next delimiter line begins (its line break included), where what follows starts, whether it closes.

    ``(-1, 0, False)`` when there is none.
    """
    search = position
    while (found := body.find(delimiter, search)) >= 0:
        search = found + len(delimiter)
        # A part without headers may be empty: its delimiter then follows the previous delimiter line at once.
        if found != 0 and found != position and body[found - 2 : found] != b"\r\n":
            continue
        begin = found - 2 if found - 2 >= position else found
        closes = body[search : search + 2] == b"--"
        if closes:
            return begin, search + 2, True
        line_end = body.find(b"\r\n", search, search + 1024)
        if line_end >= 0 and not body[search:line_end].strip(_WHITE):
            return begin, line_end + 2, False
    return -1, 0, False


def _read_part(body: bytes, start: int, end: int, index: int) -> Part:
    if body[start : start + 2] == b"\r\n":
        headers, content_start = b"", start + 2
    else:
        header_end = body.find(b"\r\n\r\n", start, min(end + 2, start + MAX_HEADER_BYTES))
        if header_end < 0:
            raise malformed(
                "MtomPart",
                f"Les en-têtes de la partie {index + 1} sont illisibles ou trop longs.",
                f"The headers of part {index + 1} are unreadable or too long.",
            )
        headers, content_start = body[start:header_end], header_end + 4
    fields = {}
    for line in _FOLDED.sub(b" ", headers).split(b"\r\n"):
        name, _, value = line.partition(b":")
        fields[name.strip().lower()] = value.strip().decode("utf-8", "replace")
    content = _decode_transfer(
        body[content_start : max(end, content_start)], fields.get(b"content-transfer-encoding", "binary").lower(), index
    )
    content_id = fields.get(b"content-id", "").strip("<>") or f"part-{index}"
    return Part(content_id, fields.get(b"content-type", ""), content)


def _decode_transfer(content: bytes, encoding: str, index: int) -> bytes:
    if encoding in ("binary", "8bit", "7bit", ""):
        return content
    if encoding == "base64":
        return decode_base64(content, f"part {index + 1}")
    if encoding == "quoted-printable":
        return quopri.decodestring(content)
    raise malformed(
        "MtomPart",
        f"Content-Transfer-Encoding inconnu dans la partie {index + 1}.",
        f"Unknown Content-Transfer-Encoding in part {index + 1}.",
    )


def decode_base64(text: bytes, location: str) -> bytes:
    """The bytes that ``text`` encodes, line breaks ignored. Raises ``MalformedInput`` (``Base64``)."""
    try:
        return base64.b64decode(text.translate(None, _WHITE), validate=True)
    except (binascii.Error, ValueError) as error:
        raise malformed(
            "Base64", "Ce contenu n'est pas du base64.", "This content is not base64.", location=location
        ) from error


def write_package(
    root: bytes, attachments: Mapping[str, tuple[str, bytes]], *, action: str = "", boundary: str
) -> tuple[str, bytes]:
    """Content-Type and body of an MTOM package. ``attachments`` maps a Content-ID to media type and bytes.

    ``boundary`` must occur in none of the parts: callers draw it at random (see ``envelope.write_message``).
    """
    lines = [
        b"--%b\r\nContent-Type: application/xop+xml; charset=UTF-8; "
        b'type="application/soap+xml"\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <0.1>\r\n\r\n'
        % boundary.encode(),
        root,
    ]
    for content_id, (media_type, content) in attachments.items():
        lines.append(
            # Capital B: the value ignores case, and zeep strips line breaks off a part that says "binary" exactly.
            f"\r\n--{boundary}\r\nContent-Type: {media_type}\r\nContent-Transfer-Encoding: Binary\r\n"
            f"Content-ID: <{content_id}>\r\n\r\n".encode()
        )
        lines.append(content)
    lines.append(f"\r\n--{boundary}--\r\n".encode())
    content_type = (
        f'multipart/related; boundary="{boundary}"; type="application/xop+xml"; start="<0.1>"; '
        'start-info="application/soap+xml"'
    )
    if action:
        content_type += f'; action="{action}"'
    return content_type, b"".join(lines)
