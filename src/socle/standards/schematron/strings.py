"""Functions on strings; regular expressions of XML Schema as Python ones.

Source: XQuery 1.0 and XPath 2.0 Functions and Operators.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from socle.standards.schematron.values import SPACES, Item, XPathError, atom, atoms, string


def normalize(value: str) -> str:
    """``normalize-space``: spaces of XML alone, a non-breaking space is none."""
    return " ".join(value.split() if value.isascii() else [part for part in _SPACES.split(value) if part])


_SPACES: Final = re.compile(f"[{SPACES}]+")


def substring(value: str, start: float, length: float | None = None) -> str:
    """``substring`` with the rounding rules of XPath, positions from 1."""
    if math.isnan(start) or (length is not None and math.isnan(length)):
        return ""
    first = math.floor(start + 0.5)
    last = math.inf if length is None else first + math.floor(length + 0.5)
    return value[max(first - 1, 0) : None if last == math.inf else max(int(last) - 1, 0)]


def before(value: str, mark: str) -> str:
    """``substring-before``."""
    head, found, _ = value.partition(mark) if mark else ("", "", "")
    return head if found else ""


def after(value: str, mark: str) -> str:
    """``substring-after``."""
    if not mark:
        return value
    _, _, tail = value.partition(mark)
    return tail


def translate(value: str, source: str, target: str) -> str:
    """``translate``."""
    table: dict[int, int | None] = {}
    for position, character in enumerate(source):
        table.setdefault(ord(character), ord(target[position]) if position < len(target) else None)
    return value.translate(table)


@lru_cache(maxsize=512)
def pattern(expression: str, flags: str = "") -> re.Pattern[str]:
    """An XML Schema regular expression as a Python one. Raises FORX0002."""
    converted, index, in_class = [], 0, 0
    while index < len(expression):
        character = expression[index]
        if character == "\\":
            escape = expression[index : index + 2]
            if escape[1:] in ("i", "c", "p", "P", "I", "C"):
                raise XPathError("FORX0002")
            if escape == r"\s":
                escape = " \\t\\n\\r" if in_class else "[ \\t\\n\\r]"
            converted.append(escape)
            index += 2
            continue
        in_class += (character == "[") - (character == "]" and in_class > 0)
        if not in_class and character in "^$":  # an anchor may be repeated in XML Schema, not in Python
            anchor = r"\Z" if character == "$" else character
            converted.append(f"(?:{anchor})" if expression[index + 1 : index + 2] in ("*", "+", "?", "{") else anchor)
        else:
            converted.append(character)
        index += 1
    known = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}
    try:
        combined = re.NOFLAG
        for flag in flags:
            combined |= known[flag]
        return re.compile("".join(converted), combined)
    except (re.error, KeyError):
        raise XPathError("FORX0002") from None


def matches(value: str, expression: str, flags: str = "") -> bool:
    """``matches``."""
    return pattern(expression, flags).search(value) is not None


def replace(value: str, expression: str, replacement: str, flags: str = "") -> str:
    """``replace``."""
    compiled = pattern(expression, flags)
    if compiled.search("") is not None:
        raise XPathError("FORX0003")
    return compiled.sub(_template(replacement), value)


@lru_cache(maxsize=128)
def _template(replacement: str) -> str:
    escaped = re.sub(r"\\(?![\\$])", r"\\\\", replacement)
    return re.sub(r"(?<!\\)\$(\d)", r"\\g<\1>", escaped).replace(r"\$", "$")


def tokenize(value: str, expression: str, flags: str = "") -> list[str]:
    """``tokenize``."""
    if value == "":
        return []
    compiled = pattern(expression, flags)
    if compiled.search("") is not None:
        raise XPathError("FORX0003")
    parts, start = [], 0
    for found in compiled.finditer(value):
        parts.append(value[start : found.start()])
        start = found.end()
    return [*parts, value[start:]]


def join(items: Iterable[Item], separator: str = "") -> str:
    """``string-join``."""
    return separator.join(string(atom(item)) for item in items)


def distinct(items: Iterable[Item]) -> list[Item]:
    """``distinct-values``."""
    return list({str(value) if isinstance(value, str) else value: value for value in atoms(items)}.values())


_IRI_KEPT: Final = re.compile(r"[^\x21-\x7e]|[<>\"{}|\\^`\x20]")


def iri_to_uri(value: str) -> str:
    """``iri-to-uri``: what a URI may not hold is percent-encoded."""
    return _IRI_KEPT.sub(lambda found: "".join(f"%{byte:02X}" for byte in found.group().encode()), value)
