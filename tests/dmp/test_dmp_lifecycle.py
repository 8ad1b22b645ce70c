"""The life of a record, on a real database."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from socle.platform.objects import DamagedObject
from socle.platform.patient_key import patient_key
from socle.services.dmp.domain import (
    AuthorizationAction,
    ClosingReason,
    DocumentFilter,
    DocumentRequest,
    FindDocuments,
    Missing,
    RecordState,
    Retrieved,
)
from socle.services.ins.domain import Merge
from socle.standards.errors import SocleError
from socle.standards.xds.model import Visibility

ANY = DocumentFilter()


async def refused(awaitable) -> str:
    with pytest.raises(SocleError) as caught:
        await awaitable
    return caught.value.code


async def test_a_record_opens_by_itself_after_the_opt_out_period_unless_opposed(dmp, world, clock):
    opening, opposed = world.patient(), world.patient()
    doctor = world.doctor()
    for ins in (opening, opposed):
        assert (await dmp.announce_record(world.operator(), ins)).state is RecordState.INFORMED
        assert await refused(dmp.record_status(doctor, ins)) == "DMPNotFound"
    await dmp.oppose(world.holder(opposed), opposed)
    clock.move(timedelta(days=41))
    assert await dmp.sweep() == 0
    clock.move(timedelta(days=2))
    assert await dmp.sweep() == 1
    assert (await dmp.record_status(doctor, opening)).state is RecordState.ACTIVE
    assert await refused(dmp.record_status(doctor, opposed)) == "DMPNotFound"
    assert (await dmp.open_record(world.holder(opposed), opposed)).state is RecordState.ACTIVE


async def test_opening_twice_closing_twice_and_reopening_answer_with_their_codes(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    assert await refused(dmp.open_record(doctor, ins)) == "DMPFound"
    await dmp.submit(doctor, world.submission(ins, doctor))
    await dmp.close_record(doctor, ins, ClosingReason.PATIENT_REQUEST, "ne souhaite plus")
    assert await refused(dmp.close_record(doctor, ins)) == "DMPClosed"
    assert await refused(dmp.close_record(world.holder(ins), ins)) == "DMPAlreadyClosed"
    assert await refused(dmp.open_record(doctor, ins)) == "DMPClosed"
    status = await dmp.record_status(world.holder(ins), ins)
    assert (status.state, status.closing_reason) == (RecordState.CLOSED, ClosingReason.PATIENT_REQUEST)
    assert await refused(dmp.query(doctor, FindDocuments(patient=ins, filter=ANY))) == "XDSUnknownPatientId"
    assert len((await dmp.query(world.holder(ins), FindDocuments(patient=ins, filter=ANY))).documents) == 1
    await dmp.reopen_record(doctor, ins)
    assert len((await dmp.query(doctor, FindDocuments(patient=ins, filter=ANY))).documents) == 1


async def test_after_ten_years_a_closed_record_is_destroyed_beyond_reading(dmp, world, opened, clock, base):
    doctor = world.doctor()
    ins = await opened(doctor)
    submission = world.submission(ins, doctor)
    await dmp.submit(doctor, submission)
    key = patient_key(ins)
    async with base.database.connection() as connection:
        address = await connection.fetchval("SELECT object_address FROM dmp_entry WHERE patient_key = $1", key)
    await dmp.close_record(world.holder(ins), ins)
    clock.move(timedelta(days=3640))
    assert await dmp.sweep() == 0
    clock.move(timedelta(days=20))
    assert await dmp.sweep() == 1
    with pytest.raises(DamagedObject):
        await base.objects.get(key, address)
    async with base.database.connection() as connection:
        for table in ("dmp_entry", "dmp_submission_set", "dmp_association", "dmp_locator", "dmp_authorization"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table} WHERE patient_key = $1", key) == 0
        assert await base.audit.verify(connection, key) == ""
    assert await refused(dmp.record_status(doctor, ins)) == "DMPNotFound"
    await dmp.open_record(world.holder(ins), ins)
    await dmp.submit(doctor, submission)


async def test_a_closed_record_is_destroyed_at_once_on_express_request(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    await dmp.submit(doctor, world.submission(ins, doctor))
    await dmp.close_record(world.holder(ins), ins, destroy_now=True)
    assert await refused(dmp.reopen_record(world.holder(ins), ins)) == "DMPNotFound"
    await dmp.open_record(world.holder(ins), ins)
    assert (await dmp.query(world.holder(ins), FindDocuments(patient=ins, filter=ANY))).documents == ()


async def test_a_merge_loses_no_document_and_can_be_undone(dmp, world, opened):
    doctor, blocked = world.doctor(1), world.doctor(2)
    absorbed, survivor = await opened(doctor, blocked), await opened(doctor, blocked)
    sent = {}
    for ins, content in ((absorbed, b"a"), (absorbed, b"b"), (survivor, b"c")):
        submission = world.submission(ins, doctor, contents=(content,))
        await dmp.submit(doctor, submission)
        sent[submission.documents[0].unique_id] = content
    masked = next(iter(sent))
    await dmp.hide(world.holder(absorbed), absorbed, masked)
    await dmp.block(world.holder(absorbed), absorbed, blocked.id)
    request = Merge(id=uuid4(), survivor=survivor, absorbed=absorbed)
    assert await dmp.merge_records(request) == 3
    assert await dmp.merge_records(request) == 0

    async def contents(ins):
        answers = await dmp.retrieve(doctor, [DocumentRequest(unique_id=unique_id) for unique_id in sent], patient=ins)
        return {one.entry.unique_id: one.content for one in answers if isinstance(one, Retrieved)}

    assert await contents(survivor) == sent
    found = await dmp.query(doctor, FindDocuments(patient=survivor, filter=ANY))
    assert {entry.patient_id for entry in found.documents} == {survivor}
    assert await refused(dmp.query(blocked, FindDocuments(patient=survivor, filter=ANY))) == "DMPAccessForbidden"
    assert await refused(dmp.query(doctor, FindDocuments(patient=absorbed, filter=ANY))) == "XDSUnknownPatientId"
    assert await refused(dmp.reopen_record(world.holder(absorbed), absorbed)) == "DMPClosed"

    later = world.submission(survivor, doctor, contents=(b"d",))
    await dmp.submit(doctor, later)
    assert await dmp.unmerge_records(request) == 3
    assert await contents(absorbed) == {key: value for key, value in sent.items() if value != b"c"}
    back = await dmp.query(doctor, FindDocuments(patient=survivor, filter=ANY))
    assert {entry.unique_id for entry in back.documents} == {later.documents[0].unique_id, list(sent)[2]}
    assert [Visibility.MASQUE_PS in {c.code for c in one.confidentiality_codes} for one in back.documents] == [
        False,
        False,
    ]


async def test_what_is_fed_while_a_merge_runs_is_in_one_record_or_refused(dmp, world, opened):
    doctor = world.doctor()
    absorbed, survivor = await opened(doctor), await opened(doctor)
    submissions = [world.submission(absorbed, doctor) for _ in range(12)]
    request = Merge(id=uuid4(), survivor=survivor, absorbed=absorbed)
    merge = asyncio.create_task(dmp.merge_records(request))
    answers = await asyncio.gather(*(dmp.submit(doctor, one) for one in submissions), return_exceptions=True)
    await merge
    accepted = {
        one.documents[0].unique_id
        for one, answer in zip(submissions, answers, strict=True)
        if not isinstance(answer, BaseException)
    }
    assert {answer.code for answer in answers if isinstance(answer, SocleError)} <= {
        "XDSUnknownPatientId",
        "XDSRegistryBusy",
    }
    found = await dmp.query(doctor, FindDocuments(patient=survivor, filter=ANY))
    assert {entry.unique_id for entry in found.documents} == accepted


async def test_a_merge_into_an_identity_without_a_record_makes_one(dmp, world, opened):
    doctor = world.doctor()
    absorbed, survivor = await opened(doctor), world.patient()
    submission = world.submission(absorbed, doctor)
    await dmp.submit(doctor, submission)
    await dmp.merge_records(Merge(id=uuid4(), survivor=survivor, absorbed=absorbed))
    await dmp.set_authorization(doctor, survivor, AuthorizationAction.AJOUT)
    requests = [DocumentRequest(unique_id=submission.documents[0].unique_id)]
    (found,) = await dmp.retrieve(doctor, requests, patient=survivor)
    assert not isinstance(found, Missing)
