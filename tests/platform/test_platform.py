"""The platform on a real PostgreSQL: keys, objects, traces, migrations, jobs."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import asyncpg
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socle.app import MIGRATED_PACKAGES
from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.audit import Action, AuditEvent
from socle.platform.base import Base
from socle.platform.database import Query
from socle.platform.jobs import run_jobs
from socle.platform.keys import KeyRings, MasterKeys
from socle.platform.migrations import migrate
from socle.platform.objects import DamagedObject, ObjectVault
from socle.platform.patient_key import owner_key
from socle.platform.settings import Settings
from socle.standards.errors import Conflict, InvalidContent

NURSE = Actor(
    kind=ActorKind.PROFESSIONAL, id="899700000001", name="Test Infirmier", authentication=AuthenticationMode.DIRECTE
)
OWNER = owner_key("test", "owner")


def trace(number: int) -> AuditEvent:
    return AuditEvent(actor=NURSE, action=Action.READ, transaction="ITI-43", patient_key=OWNER, detail=str(number))


async def test_an_object_is_read_back_and_is_not_readable_on_disk(base: Base) -> None:
    content = b"<ClinicalDocument/>" * 50
    address = await base.objects.put(OWNER, content)
    assert await base.objects.get(OWNER, address) == content
    files = [path for path in (base.settings.data_path / "objects").rglob("*") if path.is_file()]
    assert len(files) == 1
    assert b"ClinicalDocument" not in files[0].read_bytes()


async def test_the_same_content_of_two_owners_has_two_addresses(base: Base) -> None:
    other = owner_key("test", "other")
    assert await base.objects.put(OWNER, b"same") != await base.objects.put(other, b"same")


async def test_an_altered_or_moved_object_is_noticed(base: Base) -> None:
    address = await base.objects.put(OWNER, b"a report")
    path = next(path for path in (base.settings.data_path / "objects").rglob("*") if path.is_file())
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(DamagedObject):
        await base.objects.get(OWNER, address)


async def test_an_object_cannot_be_read_once_its_owners_keys_are_destroyed(base: Base) -> None:
    address = await base.objects.put(OWNER, b"a report")
    async with base.database.transaction() as connection:
        await base.objects.rings.destroy(connection, OWNER)
    with pytest.raises(DamagedObject):
        await base.objects.get(OWNER, address)


async def test_objects_stay_readable_after_a_rotation_of_the_master_key(base: Base) -> None:
    path = base.settings.data_path / "keys" / "master.json"
    address = await base.objects.put(OWNER, b"a report")
    masters = MasterKeys.rotate(path)
    assert await KeyRings(base.database, masters).rewrap() == 1
    fresh = ObjectVault(base.objects.backend, KeyRings(base.database, MasterKeys.load(path)))
    assert await fresh.get(OWNER, address) == b"a report"
    rows = await base.database.pool.fetch("SELECT DISTINCT master_id FROM key_ring")
    assert [row["master_id"] for row in rows] == [masters.active.id]


async def test_two_first_writers_of_an_owner_agree_on_its_key(base: Base) -> None:
    other = ObjectVault(
        base.objects.backend,
        KeyRings(base.database, MasterKeys.load(base.settings.data_path / "keys" / "master.json")),
    )
    addresses = await asyncio.gather(*(vault.put(OWNER, b"same") for vault in (base.objects, other) * 5))
    assert len(set(addresses)) == 1


async def test_traces_form_a_whole_chain_and_an_altered_one_is_found(base: Base) -> None:
    async with base.database.transaction() as connection:
        await base.audit.record(connection, *(trace(number) for number in range(5)))
        assert await base.audit.verify(connection, OWNER) == ""
        read = await base.audit.of_patient(connection, OWNER)
    assert [item.event.detail for item in read] == ["4", "3", "2", "1", "0"]
    await base.database.pool.execute("UPDATE audit_event SET event = event || ' ' WHERE sequence = 3")
    assert (await base.audit.verify_all()).faults == {OWNER: "trace 3 was altered"}


async def test_a_removed_trace_is_found(base: Base) -> None:
    await base.audit.record_alone(*(trace(number) for number in range(3)))
    await base.database.pool.execute("DELETE FROM audit_event WHERE sequence = 3")
    assert (await base.audit.verify_all()).faults == {OWNER: "the head does not match"}


async def test_a_rolled_back_transaction_leaves_no_trace(base: Base) -> None:
    with pytest.raises(RuntimeError):
        async with base.database.transaction() as connection:
            await base.audit.record(connection, trace(1))
            raise RuntimeError
    assert await base.database.pool.fetchval("SELECT count(*) FROM audit_event") == 0


async def test_concurrent_traces_of_one_patient_are_all_kept_in_one_chain(base: Base) -> None:
    await asyncio.gather(*(base.audit.record_alone(trace(number)) for number in range(40)))
    assert (await base.audit.verify_all()).faults == {}
    assert await base.database.pool.fetchval("SELECT sequence FROM audit_head") == 40


async def test_migrations_are_applied_once_and_a_newer_database_is_refused(database_url: str) -> None:
    assert await migrate(database_url, MIGRATED_PACKAGES) == 0
    connection = await asyncpg.connect(database_url)
    await connection.execute("INSERT INTO migration VALUES ('socle.platform', '9999_future.sql', 'x')")
    await connection.close()
    with pytest.raises(Conflict, match="SchemaNewer"):
        await migrate(database_url, MIGRATED_PACKAGES)


class _Payload(msgspec.Struct):
    number: int


async def test_a_job_runs_if_and_only_if_its_transaction_commits(base: Base) -> None:
    done: list[int] = []
    stopping = asyncio.Event()

    async def note(payload: bytes) -> None:
        done.append(msgspec.json.decode(payload, type=_Payload).number)
        stopping.set()

    with pytest.raises(RuntimeError):
        async with base.database.transaction() as connection:
            await base.jobs.enqueue(connection, "test.note", _Payload(1))
            raise RuntimeError
    async with base.database.transaction() as connection:
        await base.jobs.enqueue(connection, "test.note", _Payload(2), dedupe_key="two")
        await base.jobs.enqueue(connection, "test.note", _Payload(3), dedupe_key="two")
        await base.jobs.enqueue(connection, "test.note", _Payload(4), run_after=timedelta(days=1))
    await asyncio.wait_for(run_jobs(base.database, {"test.note": note}, stopping), 20)
    assert done == [2]


def test_a_statement_takes_its_parameters_by_name_and_leaves_casts_alone() -> None:
    query = Query("q", "", "SELECT :b::int, :a, :b")
    assert query.sql == "/* q */ SELECT $1::int, $2, $1"
    assert query.arguments({"a": 1, "b": 2}) == [2, 1]
    with pytest.raises(TypeError):
        query.arguments({"a": 1})


@given(st.dictionaries(st.sampled_from(["PORT", "WORKERS", "HOST", "ENVIRONMENT"]), st.text(max_size=8)))
def test_settings_are_read_or_refused_by_name(values: dict[str, str]) -> None:
    environment = {f"SOCLE_{name}": text for name, text in values.items()}
    try:
        settings = Settings.from_environment(environment)
    except InvalidContent as error:
        assert error.code == "InvalidSetting"
    else:
        assert Settings.from_environment(settings.to_environment()) == settings


def test_every_setting_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "settings.md").read_text()
    assert [name for name in Settings.__struct_fields__ if f"`SOCLE_{name.upper()}`" not in page] == []
