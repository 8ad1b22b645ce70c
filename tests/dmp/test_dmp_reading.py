"""What was read in documents follows what happens to them, at once, and costs one row when nothing did."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from socle.platform.base import open_base
from socle.platform.patient_key import patient_key
from socle.services.dmp.domain import DocumentChange, DocumentFilter, DocumentRequest, RecordState, Retrieved
from socle.services.dmp.service import DmpService
from socle.services.ins.domain import Merge
from socle.services.reading.domain import ProfileKind
from socle.services.reading.service import ReadingService
from socle.standards.errors import SocleError
from socle.standards.xds.model import AssociationType, Status, Visibility

CURRENT = DocumentFilter(statuses=(Status.APPROVED, Status.ARCHIVED))


@pytest.fixture
def reading(base, dmp) -> ReadingService:
    return ReadingService(base, dmp)


async def titles(reading, actor, ins, words) -> list[str]:
    found = await reading.search(actor, ins, words, among=CURRENT)
    return sorted(hit.entry.title for hit in found.hits)


async def test_a_document_is_found_as_soon_as_it_is_accepted_and_its_replacement_in_its_place(
    reading, dmp, world, opened
):
    doctor = world.doctor()
    ins = await opened(doctor)
    first = (await dmp.submit(doctor, world.submission(ins, doctor, title="Lettre une"))).objects.documents[0]
    assert await titles(reading, doctor, ins, "lettre") == ["Lettre une"]
    await dmp.submit(doctor, world.submission(ins, doctor, title="Lettre deux"))
    assert await titles(reading, doctor, ins, "lettre") == ["Lettre deux", "Lettre une"]
    replaces = [(AssociationType.REPLACES, "Document01", first.entry_uuid)]
    await dmp.submit(doctor, world.submission(ins, doctor, links=replaces, title="Lettre trois"))
    assert await titles(reading, doctor, ins, "lettre") == ["Lettre deux", "Lettre trois"]


async def test_an_archived_a_shown_again_and_a_deleted_document_are_found_as_the_record_shows_them(
    reading, dmp, world, opened
):
    doctor, other = world.doctor(1), world.doctor(2)
    ins = await opened(doctor, other)
    document = (await dmp.submit(doctor, world.submission(ins, doctor, title="Lettre"))).objects.documents[0]

    async def change(**what) -> None:
        await dmp.patch(doctor, document.unique_id, DocumentChange(**what), patient=ins)

    for archived in (True, False):
        assert await titles(reading, doctor, ins, "lettre") == ["Lettre"]
        await change(is_archived=archived)
    await dmp.hide(world.holder(ins), ins, document.unique_id)
    assert await titles(reading, other, ins, "lettre") == []
    await dmp.unhide(world.holder(ins), ins, document.unique_id)
    assert await titles(reading, other, ins, "lettre") == ["Lettre"]
    await change(is_deleted=True)
    assert await titles(reading, doctor, ins, "lettre") == []


async def test_a_record_in_which_nothing_happened_is_not_listed_again(reading, dmp, world, opened, monkeypatch):
    doctor = world.doctor()
    ins = await opened(doctor)
    await dmp.submit(doctor, world.submission(ins, doctor, title="Lettre"))
    assert await titles(reading, doctor, ins, "lettre") == ["Lettre"]
    looked = []
    original = dmp.list_to_index

    async def counted(connection, key):
        looked.append(key)
        return await original(connection, key)

    monkeypatch.setattr(dmp, "list_to_index", counted)
    assert await titles(reading, doctor, ins, "lettre") == ["Lettre"]
    await reading.results(doctor, ins)
    await reading.profile(doctor, ins)
    assert looked == []
    await dmp.submit(doctor, world.submission(ins, doctor, title="Autre lettre"))
    assert await titles(reading, doctor, ins, "lettre") == ["Autre lettre", "Lettre"]
    assert looked


async def test_names_are_those_of_a_search_newest_first(dmp, world, opened, clock):
    doctor, other = world.doctor(1), world.doctor(2)
    ins = await opened(doctor, other)
    kept = []
    for title, changes in (("a", {}), ("b", {"visibility": (Visibility.MASQUE_PS,)}), ("c", {})):
        clock.move(timedelta(seconds=1))
        receipt = await dmp.submit(doctor, world.submission(ins, doctor, title=title, **changes))
        kept.append(receipt.objects.documents[0])
    expected = [(one.unique_id, one.logical_id.removeprefix("urn:uuid:"), one.title) for one in reversed(kept)]
    assert [(n.unique_id, n.id, n.title) for n in await dmp.list_names(doctor, ins)] == expected
    assert [name.title for name in await dmp.list_names(other, ins)] == ["c", "a"]


async def test_what_is_read_while_the_record_is_destroyed_leaves_nothing(reading, dmp, world, opened, base):
    doctor = world.doctor()
    for _ in range(8):
        ins = await opened(doctor)
        for number in range(3):
            await dmp.submit(doctor, world.submission(ins, doctor, title=f"Lettre {number}"))
        holder = world.holder(ins)

        async def read(ins=ins) -> None:
            # Refused once it is closed; what was begun before goes on.
            await asyncio.gather(
                *(reading.catch_up(patient_key(ins)) for _ in range(2)),
                reading.search(doctor, ins, "lettre"),
                return_exceptions=True,
            )

        _, record = await asyncio.gather(read(), dmp.close_record(holder, ins, destroy_now=True))
        assert record.state is RecordState.CLOSED
        async with base.database.connection() as connection:
            for table in ("reading_document", "reading_digest"):
                left = await connection.fetchval(
                    f"SELECT count(*) FROM {table} WHERE patient_key = $1", patient_key(ins)
                )
                assert left == 0, table


@pytest.mark.parametrize("first", ["reader", "destroyer"])
async def test_reading_and_destruction_wait_for_each_other(reading, dmp, world, opened, base, monkeypatch, first):
    """Held at the worst moment: after the contents were read, before what they say is kept."""
    doctor = world.doctor()
    ins = await opened(doctor)
    key = patient_key(ins)
    await dmp.submit(doctor, world.submission(ins, doctor, title="Lettre"))
    reached, go_on = asyncio.Event(), asyncio.Event()
    original = dmp.read_to_index

    async def held(patient, unique_ids):
        found = await original(patient, unique_ids)
        reached.set()
        await go_on.wait()
        return found

    monkeypatch.setattr(dmp, "read_to_index", held)
    reader = asyncio.create_task(reading.catch_up(key))
    await reached.wait()
    destroyer = dmp.close_record(world.holder(ins), ins, destroy_now=True)
    if first == "destroyer":
        await destroyer
        go_on.set()
        await reader
    else:
        go_on.set()
        await asyncio.gather(reader, destroyer)
    async with base.database.connection() as connection:
        for table in ("reading_document", "reading_digest", "key_ring", "dmp_entry"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table} WHERE patient_key = $1", key) == 0, table


async def test_what_is_fed_to_a_record_opened_anew_is_readable_in_every_process(
    dmp, world, opened, base, identities, clock
):
    """Each process remembers keys; one of them destroyed the record's, and the other was not there."""
    doctor = world.doctor()
    ins = await opened(doctor)
    elsewhere = await open_base(base.settings, base.database.url, clock)
    try:
        other = DmpService(elsewhere, identities)
        first = world.submission(ins, doctor, title="Lettre")
        await other.submit(doctor, first)
        requests = [DocumentRequest(unique_id=first.documents[0].unique_id)]
        assert isinstance((await dmp.retrieve(doctor, requests, patient=ins))[0], Retrieved)
        await dmp.close_record(world.holder(ins), ins, destroy_now=True)
        clock.move(timedelta(microseconds=1))
        await opened(doctor, ins=ins)
        for feeder in (other, dmp, other):
            again = world.submission(ins, doctor, title="Nouvelle lettre")
            await feeder.submit(doctor, again)
            requests = [DocumentRequest(unique_id=again.documents[0].unique_id)]
            for service in (dmp, other):
                (found,) = await service.retrieve(doctor, requests, patient=ins)
                assert isinstance(found, Retrieved)
                assert found.content == b"%PDF-1.7 made up"
        for service in (dmp, other):
            reader = ReadingService(service.context.base, service)
            assert await titles(reader, doctor, ins, "lettre") == ["Nouvelle lettre"] * 3
    finally:
        await elsewhere.database.close()


async def test_what_a_citizen_wrote_follows_a_merge_and_comes_back(reading, dmp, world, opened):
    absorbed, survivor = await opened(), await opened()

    async def written(ins) -> list[str]:
        profile = await reading.profile(world.holder(ins), ins)
        return sorted(line.name for lines in profile.values() for line in lines)

    for ins, name in ((absorbed, "Pénicilline"), (survivor, "Pollen")):
        await reading.write_line(world.holder(ins), ins, reading.new_line(ProfileKind.ALLERGY, name=name))
    request = Merge(id=uuid4(), survivor=survivor, absorbed=absorbed)
    await dmp.merge_records(request)
    assert await written(survivor) == ["Pollen", "Pénicilline"]
    later = reading.new_line(ProfileKind.ALLERGY, name="Iode")
    await reading.write_line(world.holder(survivor), survivor, later)
    await dmp.unmerge_records(request)
    assert await written(survivor) == ["Iode", "Pollen"]
    assert await written(absorbed) == ["Pénicilline"]


async def test_nothing_is_written_in_a_record_that_is_being_destroyed(reading, dmp, world, opened, base):
    ins = await opened()
    line = reading.new_line(ProfileKind.ALLERGY, name="Pollen")
    destroyed, written = await asyncio.gather(
        dmp.close_record(world.holder(ins), ins, destroy_now=True),
        reading.write_line(world.holder(ins), ins, line),
        return_exceptions=True,
    )
    assert not isinstance(destroyed, Exception)
    assert written is None or isinstance(written, SocleError)
    async with base.database.connection() as connection:
        for table in ("reading_citizen_line", "key_ring"):
            left = await connection.fetchval(f"SELECT count(*) FROM {table} WHERE patient_key = $1", patient_key(ins))
            assert left == 0, table
