"""What an operator looks at: how large tables are, what waits in the queue, who is refused. No personal data."""

from __future__ import annotations

from datetime import datetime

import msgspec

from socle.platform.audit import END
from socle.platform.audit import QUERIES as AUDIT_QUERIES
from socle.platform.database import Connection, Queries

QUERIES = Queries("socle.platform", "inspection.sql")


class TableSize(msgspec.Struct, frozen=True):
    """A table, its estimated number of rows, and its size on disk with its indexes."""

    name: str
    rows: int
    size_bytes: int


class WaitingTask(msgspec.Struct, frozen=True):
    """Jobs of one kind in one state. ``oldest`` is when the first of them was asked for."""

    task: str
    status: str
    count: int
    oldest: datetime
    attempts: int


class SenderCount(msgspec.Struct, frozen=True):
    """How often one actor did one transaction, and how often it was refused."""

    actor_id: str
    transaction: str
    done: int
    refused: int


async def list_tables(connection: Connection) -> list[TableSize]:
    """The tables of the base, the largest first."""
    rows = await QUERIES["list_tables"].rows(connection)
    return [TableSize(row["name"], max(row["rows"], 0), row["size_bytes"]) for row in rows]


async def list_waiting(connection: Connection) -> list[WaitingTask]:
    """What waits in the queue of jobs, or runs."""
    rows = await QUERIES["list_waiting"].rows(connection)
    return [WaitingTask(row["task"], row["status"], row["count"], row["oldest"], row["attempts"]) for row in rows]


async def count_by_sender(
    connection: Connection, since: datetime, until: datetime = END, count: int = 50
) -> list[SenderCount]:
    """Who did what how often, the most refused first."""
    rows = await AUDIT_QUERIES["count_by_sender"].rows(connection, since=since, until=until, count=count)
    return [SenderCount(row["actor_id"], row["transaction"], row["done"], row["refused"]) for row in rows]
