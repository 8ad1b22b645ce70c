"""The other files that rules read (``doc()``, ``document()``): value sets and terminologies, as hash sets.

A file is read once, when a rule first needs it, and reduced to the one set that the rule asks for.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol

from socle.standards import xml
from socle.standards.schematron.tree import Document
from socle.standards.schematron.values import XPathError

#: Terminologies of an official kit reach 4 MB; a rule set must not make us read more than this.
MAX_BYTES: Final = 64 * 1024 * 1024


class Source(Protocol):
    """Gives the files around a rule set by their path."""

    def exists(self, path: str) -> bool:
        """Whether there is a file at ``path``."""

    def read(self, path: str) -> bytes | None:
        """The bytes at ``path``, None when there is no such file."""


class Sets(Protocol):
    """Keeps the sets gathered so far: a dictionary, or a cache on disk."""

    def get(self, key: SetKey) -> frozenset[object] | None:
        """The set of ``key`` when it is known."""

    def __setitem__(self, key: SetKey, value: frozenset[object]) -> None:
        """Keeps a set."""


class SetKey(NamedTuple):
    """A set that rules asked for: the file, and the digest of what was read in it."""

    path: str
    query: str


class Files:
    """Sets read from the files around a rule set, each gathered once."""

    def __init__(self, folder: str, source: Source, sets: Sets) -> None:
        self._folder = folder
        self._source = source
        self._sets = sets
        self._by_address: dict[tuple[str, str], frozenset[object]] = {}
        self._unions: dict[tuple[int, ...], frozenset[object]] = {}
        self._available: dict[str, bool] = {}

    def available(self, address: str) -> bool:
        """``doc-available``."""
        found = self._available.get(address)
        if found is None:
            found = self._available[address] = self._source.exists(self.path(address))
        return found

    def find(self, address: str, query: str, read: Callable[[Document], Iterable[object]]) -> frozenset[object]:
        """What ``read``, whose digest is ``query``, gathers in a file. Raises FODC0002 when there is no such file."""
        found = self._by_address.get((address, query))
        if found is None:
            found = self._by_address[address, query] = self._gather(SetKey(self.path(address), query), read)
        return found

    def union(self, *sets: frozenset[object]) -> frozenset[object]:
        """All members of ``sets``."""
        key = tuple(map(id, sets))
        if key not in self._unions:
            self._unions[key] = frozenset().union(*sets)
        return self._unions[key]

    def gather(self, sites: Iterable[tuple[str, str, Callable[[Document], Iterable[object]]]]) -> list[str]:
        """Gathers the sets that rules name, and gives the addresses where there is no file."""
        missing = []
        for address, query, read in sites:
            try:
                self.find(address, query, read)
            except XPathError:
                missing.append(address)
        return sorted(set(missing))

    def path(self, address: str) -> str:
        """The path of ``address``, which is relative to the rule set."""
        return posixpath.normpath(posixpath.join(self._folder, address))

    def _gather(self, key: SetKey, read: Callable[[Document], Iterable[object]]) -> frozenset[object]:
        found = self._sets.get(key)
        if found is None:
            content = self._source.read(key.path)
            if content is None:
                raise XPathError("FODC0002")
            document = Document(xml.parse(content, max_bytes=MAX_BYTES))
            found = self._sets[key] = frozenset(read(document))
        return found
