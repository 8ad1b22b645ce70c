"""PostgreSQL: the pool, transactions, and the statements of ``queries.sql`` files.

A statement is written as SQL in its service's ``queries.sql``, under a heading of two comment lines::

    -- name: find_entries
    -- Entries of one patient, newest first.
    SELECT … WHERE patient_key = :patient_key

``:patient_key`` is a named parameter (``::type`` casts are left alone). ``{{find_entries}}`` stands for the text of
another statement of the file.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib import resources
from typing import TypeAlias, cast

import asyncpg

#: A connection of the pool, inside or outside a transaction.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")
_INCLUSION = re.compile(r"\{\{(\w+)\}\}")
_HEADING = re.compile(r"^-- name: (\w+)\n((?:-- .*\n)*)", re.MULTILINE)


class Query:
    """One statement, with named parameters. ``sql`` has them as ``$1 … $n``, in the order of ``parameters``."""

    def __init__(self, name: str, description: str, text: str) -> None:
        self.name = name
        self.description = description
        self.parameters: list[str] = []
        self.sql = f"/* {name} */ " + _PARAMETER.sub(self._number, text.strip().rstrip(";"))
        self._names = frozenset(self.parameters)

    def _number(self, match: re.Match[str]) -> str:
        if match[1] not in self.parameters:
            self.parameters.append(match[1])
        return f"${self.parameters.index(match[1]) + 1}"

    def arguments(self, values: dict[str, object]) -> list[object]:
        """``values`` in the order of the statement. Raises ``TypeError`` on one missing or unknown."""
        if values.keys() != self._names:
            raise TypeError(f"{self.name} takes {self.parameters}, got {sorted(values)}")
        return [values[name] for name in self.parameters]

    async def rows(self, connection: Connection, **values: object) -> list[asyncpg.Record]:
        """All rows."""
        return await connection.fetch(self.sql, *self.arguments(values))

    async def row(self, connection: Connection, **values: object) -> asyncpg.Record | None:
        """The first row, or ``None``."""
        return await connection.fetchrow(self.sql, *self.arguments(values))

    async def execute(self, connection: Connection, **values: object) -> int:
        """Runs the statement and returns how many rows it touched."""
        tag = await connection.execute(self.sql, *self.arguments(values))
        count = tag.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def execute_many(self, connection: Connection, rows: Iterable[dict[str, object]]) -> None:
        """Runs the statement once a row, in one round trip."""
        await connection.executemany(self.sql, [self.arguments(values) for values in rows])


class Queries:
    """The statements of one package's ``queries.sql``, by name."""

    def __init__(self, package: str, file: str = "queries.sql") -> None:
        text = resources.files(package).joinpath(file).read_text("utf-8")
        headings = list(_HEADING.finditer(text))
        ends = [heading.start() for heading in headings[1:]] + [len(text)]
        bodies = {
            heading[1]: text[heading.end() : end].strip().rstrip(";")
            for heading, end in zip(headings, ends, strict=True)
        }
        self.by_name = {
            heading[1]: Query(
                heading[1],
                heading[2].replace("-- ", "").strip(),
                _INCLUSION.sub(lambda match: bodies[match[1]], bodies[heading[1]]),
            )
            for heading in headings
        }
        if len(self.by_name) != len(headings):
            raise ValueError(f"{package}/{file} names a statement twice")

    def __getitem__(self, name: str) -> Query:
        return self.by_name[name]


async def _leave_as_it_is(connection: object) -> None:
    """Nothing sets session state on a pooled connection, so none is reset: two round trips fewer a request."""


class Database:
    """A pool of connections to one database."""

    def __init__(self, url: str, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self.url = url
        self.pool = pool

    @classmethod
    async def connect(cls, url: str, *, size: int = 10) -> Database:
        """Opens a pool of at most ``size`` connections to ``url`` (``postgresql://…``)."""
        pool = await asyncpg.create_pool(url, min_size=1, max_size=size, command_timeout=60, reset=_leave_as_it_is)
        assert pool is not None
        return cls(url, pool)

    async def close(self) -> None:
        """Closes all connections."""
        await self.pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One connection, each statement of which commits on its own."""
        async with self.pool.acquire() as connection:
            yield cast(Connection, connection)

    @asynccontextmanager
    async def transaction(self, *, read_only: bool = False) -> AsyncIterator[Connection]:
        """One transaction (read committed): committed at the end of the block, rolled back on an exception."""
        async with self.connection() as connection, connection.transaction(readonly=read_only):
            yield connection
