"""Numbered SQL files, applied once each, in order, by one process at a time.

Each package that owns tables has a folder ``migrations`` with files ``NNNN_name.sql``. Files are applied package by
package in the order given, each in its own transaction, under an advisory lock. An applied file must not change
(checksum); a database that holds files which this program does not know is newer than it, and is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import resources

import asyncpg
import msgspec

from socle.platform.jobs import install_queue
from socle.standards.errors import Conflict, Text

_LOCK = 0x50C1E
_TABLE = """
CREATE TABLE IF NOT EXISTS migration (
    package text NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (package, name)
)
"""


class Migration(msgspec.Struct, frozen=True):
    """One file of one package."""

    package: str
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file's text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def find_migrations(packages: Sequence[str]) -> list[Migration]:
    """The files of ``packages``, in the order in which they are applied."""
    found = []
    for package in packages:
        folder = resources.files(package).joinpath("migrations")
        if folder.is_dir():
            files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
            found += [Migration(package, file.name, file.read_text("utf-8")) for file in files]
    return found


async def migrate(url: str, packages: Sequence[str]) -> int:
    """Brings the database at ``url`` up to date and returns how many files were applied.

    Raises ``Conflict`` (``SchemaNewer``, ``SchemaChanged``) when the database does not fit this program.
    """
    migrations = find_migrations(packages)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(_TABLE)
        rows = await connection.fetch("SELECT package, name, checksum FROM migration")
        applied = {(row["package"], row["name"]): row["checksum"] for row in rows}
        _refuse_misfit(applied, migrations)
        pending = [m for m in migrations if (m.package, m.name) not in applied]
        if pending:
            await install_queue(connection)
        for migration in pending:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO migration (package, name, checksum) VALUES ($1, $2, $3)",
                    migration.package,
                    migration.name,
                    migration.checksum,
                )
        return len(pending)
    finally:
        await connection.close()


def _refuse_misfit(applied: dict[tuple[str, str], str], migrations: Sequence[Migration]) -> None:
    known = {(m.package, m.name): m.checksum for m in migrations}
    if unknown := sorted(applied.keys() - known.keys()):
        raise Conflict(
            "SchemaNewer",
            Text(
                f"La base de données est plus récente que ce programme ({unknown[0][0]} {unknown[0][1]}).",
                f"The database is newer than this program ({unknown[0][0]} {unknown[0][1]}).",
            ),
            remedy=Text("Mettez le programme à jour.", "Update the program."),
        )
    for key, checksum in applied.items():
        if known[key] != checksum:
            raise Conflict(
                "SchemaChanged",
                Text(
                    f"La migration {key[0]} {key[1]} a changé depuis son application.",
                    f"The migration {key[0]} {key[1]} changed after it was applied.",
                ),
                remedy=Text("Ajoutez un nouveau fichier au lieu de le modifier.", "Add a new file, do not edit it."),
            )
