"""What every service stands on, as one value made by the composition root."""

from __future__ import annotations

import msgspec

from socle.platform.audit import AuditTrail, load_signing_key
from socle.platform.clock import Clock, system_clock
from socle.platform.database import Database
from socle.platform.jobs import Jobs
from socle.platform.keys import KeyRings, MasterKeys
from socle.platform.objects import ObjectVault, open_backend
from socle.platform.settings import Settings


class Base(msgspec.Struct, frozen=True):
    """The platform of one process."""

    settings: Settings
    database: Database
    objects: ObjectVault
    audit: AuditTrail
    jobs: Jobs
    clock: Clock


async def open_base(settings: Settings, database_url: str, clock: Clock = system_clock) -> Base:
    """Connects to the database and opens keys and objects. Close ``base.database`` when done."""
    database = await Database.connect(database_url, size=settings.database_connections)
    masters = MasterKeys.load(settings.master_keys_path)
    backend = open_backend(settings.objects_url, settings.data_path / "objects")
    return Base(
        settings,
        database,
        ObjectVault(backend, KeyRings(database, masters)),
        AuditTrail(
            database,
            clock,
            load_signing_key(settings.data_path / "keys" / "audit.pem"),
            kept_years=settings.audit_years,
        ),
        Jobs(),
        clock,
    )
