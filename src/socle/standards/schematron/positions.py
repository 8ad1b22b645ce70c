"""Where elements are written: lines and columns, found in the source for the few elements that a finding names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Final

from socle.standards.schematron.tree import Node

#: What may hold something that looks like a tag, and how it ends.
_ASIDE_ENDS: Final = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
_ASIDE: Final = re.compile(rb"<(?:!--|!\[CDATA\[|\?)")
_EDGE: Final = re.compile(rb"<[!?]|-->|\]\]>|\?>")
_START: Final = re.compile(b"<(?!/)")
_STRIDE: Final = 4_096


def positions(
    source: bytes, nodes: Collection[Node], before: int = 0, encoding: str = "UTF-8"
) -> dict[int, tuple[int, int]]:
    """Line and column (from 1, in characters) of ``nodes``, by their index.

    ``before`` elements come before those that a ``Document`` counts. Call it only on bytes that
    ``socle.standards.xml.parse`` accepted, and the nodes of that very tree.
    """
    text = source if encoding.upper() == "UTF-8" else _in_utf8(source, encoding)
    found = dict(_first_on_lines(text, nodes))
    rest = sorted({node.index for node in nodes if node.index not in found}, reverse=True)
    return found | dict(_counted(text, rest, before)) if rest else found


def _in_utf8(source: bytes, encoding: str) -> bytes:
    try:
        return source.decode(encoding).encode()
    except (LookupError, UnicodeDecodeError):  # libxml2 knows encodings that Python does not
        return source.decode("latin-1").encode()


def _first_on_lines(text: bytes, nodes: Collection[Node]) -> Iterator[tuple[int, tuple[int, int]]]:
    """The nodes that begin a line on which nothing else has their name: libxml2 tells where start tags end."""
    if text.count(b"\r") != text.count(b"\r\n"):
        return  # libxml2 counts line feeds alone
    lines = text.split(b"\n")
    for node in nodes:
        line = node.element.sourceline or 0
        if not 0 < line <= len(lines):
            continue
        written, opening = lines[line - 1], f"<{node.name()}".encode()
        begun = written.lstrip(b" \t")
        is_alone = begun.startswith(opening) and written.count(opening) == 1 and _EDGE.search(written) is None
        if is_alone and begun[len(opening) : len(opening) + 1] in (b" ", b"\t", b"/", b">"):
            yield node.index, (line, len(written) - len(begun) + 1)


def _counted(text: bytes, pending: list[int], before: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """The elements whose indexes are ``pending``, the first one last, by counting start tags."""
    line, read = 1, 0
    passed = -before
    for start, end in _stretches(text):
        inside = text.count(b"<", start, end) - text.count(b"</", start, end)
        while pending and (skipped := pending[-1] - passed) < inside:
            tag = next(islice(_START.finditer(text, start, end), skipped, None))
            line, read = line + _count_ends(text, read, tag.start()), tag.start()
            begun = max(text.rfind(b"\n", 0, read), text.rfind(b"\r", 0, read)) + 1
            column = len(text[begun:read].decode("utf-8", "replace").removeprefix("\ufeff")) + 1
            yield pending.pop(), (line, column)
        if not pending:
            return
        passed += inside


def _stretches(text: bytes) -> Iterator[tuple[int, int]]:
    """Short parts that follow each other, comments, instructions and CDATA sections left out: ``<`` begins a tag."""
    start = 0
    while start >= 0:
        aside = _ASIDE.search(text, start)
        end = aside.start() if aside else len(text)
        while (cut := text.find(b"<", start + _STRIDE, end)) >= 0:
            yield start, cut
            start = cut
        yield start, end
        start = text.find(_ASIDE_ENDS[aside[0]], aside.end()) if aside else -1


def _count_ends(text: bytes, start: int, end: int) -> int:
    """How many lines end: by a line feed, a carriage return, or both together."""
    returns = text.count(b"\r", start, end)
    return text.count(b"\n", start, end) + (returns and returns - text.count(b"\r\n", start, end))
