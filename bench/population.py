"""Entries by the million in a running base: some made one by one as an ingest writes them, the others copied by SQL.

The copies are other patients' entries, sets, links, locators, records and traces: weight in every table and index.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import msgspec

from socle.platform.base import open_base
from socle.platform.database import Connection
from socle.platform.embedded import EmbeddedPostgres
from socle.platform.patient_key import patient_key
from socle.platform.settings import Settings
from socle.services.dmp import keys, store
from socle.services.dmp.keys import to_urn
from socle.services.dmp.rules import DocumentFacts
from socle.services.dmp.store import StoredEntry
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import Association, AssociationType, Author, Code, DocumentEntry, Status, SubmissionSet

LOINC = "2.16.840.1.113883.6.1"
TYPES = [Code(code, LOINC, code) for code in ("11488-4", "11502-2", "18748-4", "34112-3", "57833-6", "68599-0")]
_PERSON = "810000000001^MARTIN^Claire^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"
_NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
_COPIED = (
    "dmp_entry",
    "dmp_submission_set",
    "dmp_association",
    "dmp_locator",
    "dmp_record",
    "audit_head",
    "audit_event",
)


def address_of(settings: Settings) -> str:
    """Where the database of a running base answers."""
    return EmbeddedPostgres(Path(settings.data) / "postgres").url


async def load(settings: Settings, counts: dict[Ins, int]) -> None:
    """Gives each patient so many entries."""
    base = await open_base(settings, address_of(settings))
    chance = random.Random(1)
    try:
        async with base.database.transaction() as connection:
            for ins, count in counts.items():
                await _load_patient(connection, ins, count, chance)
            await connection.execute("ANALYZE")
    finally:
        await base.database.close()


async def multiply(settings: Settings, patients: Sequence[Ins], times: int) -> None:
    """Adds ``times`` copies of everything that ``patients`` have, each under a patient key of its own."""
    connection = await asyncpg.connect(address_of(settings))
    templates = [patient_key(ins) for ins in patients]
    try:
        await connection.execute("SET synchronous_commit = off")
        for table in _COPIED:
            columns = await connection.fetch(
                "SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute"
                " WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped",
                table,
            )
            names = ", ".join(column["name"] for column in columns)
            values = ", ".join(_copied(column["name"], column["type"]) for column in columns)
            await connection.execute(
                f"INSERT INTO {table} ({names}) SELECT {values} FROM {table}, generate_series(1, {int(times)}) AS copy"
                " WHERE patient_key = ANY ($1)",
                templates,
            )
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


def _copied(name: str, kind: str) -> str:
    if kind == "uuid":
        return f"md5({name}::text || copy)::uuid"
    return f"{name} || '.' || copy" if name == "unique_id" else name


async def _load_patient(connection: Connection, ins: Ins, count: int, chance: random.Random) -> None:
    """Copies rows of one patient into every table that an ingest writes."""
    key, made = patient_key(ins), list(_make_entries(ins, count, chance))
    links, locators, sets = [], [], []
    for one in made:
        link = Association(
            entry_uuid=to_urn(uuid4()),
            type=AssociationType.HAS_MEMBER,
            source=to_urn(one.submission_set),
            target=one.entry.entry_uuid,
            submission_set_status="Original",
        )
        links.append((key, one.submission_set, keys.to_uuid(link.entry_uuid), one.uuid, "HasMember",
                      one.registered_at, msgspec.msgpack.encode(link)))  # fmt: skip
        unique_id = f"2.25.{one.submission_set.int}"
        submission_set = SubmissionSet(
            entry_uuid=to_urn(one.submission_set),
            unique_id=unique_id,
            source_id="1.2.250.1.999",
            patient_id=ins,
            content_type_code=Code("07", "1.2.250.1.213.2.2"),
            submission_time=one.entry.creation_time,
            author=Author(person=_PERSON),
        )
        sets.append((key, one.submission_set, unique_id, "Approved", ["810000000001"], [1], _PERSON,
                     one.entry.creation_time, "", one.registered_at, "xds",
                     msgspec.msgpack.encode(submission_set)))  # fmt: skip
        locators += [(one.uuid, key), (keys.locator(one.entry.unique_id), key)]
    rows = [
        {
            "patient_key": key, "entry_uuid": one.uuid, "logical_id": one.uuid, "lineage": one.uuid,
            "unique_id": one.entry.unique_id, "version": 1, "is_latest": True, "status": "Approved",
            "visibility": one.facts.visibility, "announced_at": None, "owner_ids": sorted(one.facts.owner_ids),
            "type_token": one.type_token, "tokens": keys.entry_tokens(one.entry), "author_persons": [_PERSON],
            "creation_time": one.entry.creation_time, "service_start": one.entry.creation_time,
            "service_stop": None, "title": one.entry.title, "registered_at": one.registered_at,
            "submission_set": one.submission_set, "object_address": one.object_address,
            "metadata": msgspec.msgpack.encode(one.entry), "verdict": None,
        }
        for one in made
    ]  # fmt: skip
    await store.put_rows(connection, "entries", rows)
    await connection.copy_records_to_table("dmp_association", records=links)
    await connection.copy_records_to_table("dmp_submission_set", records=sets)
    await connection.copy_records_to_table("dmp_locator", records=locators)


def _make_entries(ins: Ins, count: int, chance: random.Random) -> Iterator[StoredEntry]:
    for rank in range(count):
        uuid = UUID(int=chance.getrandbits(128), version=4)
        type_code = chance.choice(TYPES)
        at = _NOW - timedelta(minutes=chance.randrange(5 * 365 * 24 * 60))
        moment = at.strftime("%Y%m%d%H%M%S")
        entry = DocumentEntry(
            entry_uuid=to_urn(uuid),
            logical_id=to_urn(uuid),
            unique_id=f"2.25.{uuid.int}",
            patient_id=ins,
            class_code=Code("10", "1.2.250.1.213.1.1.4.1", "Compte rendu"),
            type_code=type_code,
            format_code=Code("urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3"),
            healthcare_facility_type_code=Code("SA07", "1.2.250.1.71.4.2.4", "Cabinet individuel"),
            practice_setting_code=Code("AMBULATOIRE", "1.2.250.1.213.1.1.4.9", "Ambulatoire"),
            confidentiality_codes=(Code("N", "2.16.840.1.113883.5.25", "Normal"),),
            creation_time=moment,
            service_start_time=moment,
            language_code="fr-FR",
            mime_type="text/xml",
            authors=(Author(person=_PERSON, institutions=("CABINET^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^1750000001",)),),
            legal_authenticator=_PERSON,
            title=f"Document {rank}",
            source_patient_id=ins.to_cx(),
            source_patient_info=("PID-5|DURAND^Lea^^^^^L", "PID-7|20000115", "PID-8|F"),
            hash="0" * 40,
            size=100_000,
            repository_unique_id="1.2.250.1.213.4.1.1.1.2",
        )
        yield StoredEntry(
            entry=entry,
            facts=DocumentFacts(
                status=Status.APPROVED,
                type_key=keys.type_key(type_code),
                visibility=1 if rank % 20 == 0 else 0,
                owner_ids=frozenset({"810000000001", "structure:1750000001"}),
            ),
            uuid=uuid,
            logical_id=uuid,
            lineage=uuid,
            is_latest=True,
            registered_at=at,
            submission_set=uuid4(),
            object_address="0" * 64,
            type_token=keys.token("type", keys.type_key(type_code)),
        )
