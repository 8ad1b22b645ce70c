"""Exports of traces are checked without the base; what is hidden, forgotten, altered or left out is told apart."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.audit import Action, AuditEvent, Trace
from socle.platform.audit_proof import ChainExport, ExportedTrace, check_export, read_export
from socle.platform.base import Base
from socle.standards.errors import MalformedInput

OWNER = uuid.UUID(int=7)


def event(number: int) -> AuditEvent:
    actor = Actor(kind=ActorKind.OPERATOR, id="op", name="Op", authentication=AuthenticationMode.OPERATOR)
    return AuditEvent(actor=actor, action=Action.READ, transaction="test", patient_key=OWNER, detail=str(number))


async def export(base: Base, **options: Any) -> ChainExport:
    async with base.database.transaction() as connection:
        made = await base.audit.export(connection, OWNER, **options)
    return read_export(msgspec.json.encode(made))


async def test_an_export_is_whole_and_each_way_of_forging_it_is_found(base: Base) -> None:
    await base.audit.record_alone(*(event(number) for number in range(4)))
    made = await export(base)
    check = check_export(made, base.audit.public_key)
    assert (check.traces, check.vouched, check.hidden, check.faults) == (4, 4, 0, [])
    replace = msgspec.structs.replace
    changed = ExportedTrace(text=made.traces[0].text.replace('"0"', '"9"'))
    assert changed != made.traces[0]
    assert check_export(replace(made, traces=[changed, *made.traces[1:]])).faults == ["2026-03-02: altered"]
    assert check_export(replace(made, traces=made.traces[:-1])).faults == ["2026-03-02: 1 missing"]
    assert check_export(replace(made, traces=made.traces[1:])).faults == ["2026-03-02: 1 missing"]
    assert check_export(replace(made, first=2, traces=made.traces[1:])).faults == ["trace 1: unsigned beginning"]
    assert check_export(replace(made, patient_key=uuid.UUID(int=8))).faults == ["2026-03-02: patient"]
    assert check_export(made, "00" * 31 + "01").faults == ["2026-03-02: signature"]
    assert check_export(replace(made, heads=[])).vouched == 0


async def test_a_trace_that_the_reader_may_not_see_is_a_digest_and_the_chain_is_still_proven(base: Base) -> None:
    await base.audit.record_alone(*(event(number) for number in range(4)))

    def may_show(trace: Trace) -> bool:
        return trace.event.detail != "2"

    made = await export(base, may_show=may_show)
    assert made.traces[2].text == ""
    check = check_export(made, base.audit.public_key)
    assert (check.vouched, check.hidden, check.faults) == (4, 1, [])
    wrong = [*made.traces[:2], ExportedTrace(digest="ab" * 32), made.traces[3]]
    assert check_export(msgspec.structs.replace(made, traces=wrong)).faults == ["2026-03-02: altered"]


async def test_two_traces_that_say_the_same_have_other_digests(base: Base) -> None:
    await base.audit.record_alone(event(1), event(1))
    made = await export(base, may_show=lambda _: False)
    assert made.traces[0].digest != made.traces[1].digest


async def test_old_traces_are_forgotten_and_the_rest_is_still_proven(base: Base, clock: Any) -> None:
    await base.audit.record_alone(*(event(number) for number in range(3)))
    await base.audit.sign_heads()
    clock.move(timedelta(days=365 * 5))
    await base.audit.record_alone(event(3))
    await base.audit.sign_heads()
    clock.move(timedelta(days=365 * 4))
    await base.audit.record_alone(event(4))
    assert await base.audit.forget() == 0
    clock.move(timedelta(days=365 * 2))
    assert await base.audit.forget() == 3
    assert await base.audit.forget() == 0
    assert (await base.audit.verify_all()).faults == {}
    made = await export(base)
    check = check_export(made, base.audit.public_key)
    assert (made.first, check.traces, check.vouched, check.faults) == (4, 2, 2, [])
    assert str(check.forgotten_on) == "2026-03-02"
    clock.move(timedelta(days=365 * 20))
    assert await base.audit.forget() == 2
    assert (await base.audit.verify_all()).faults == {}
    await base.audit.record_alone(event(5))
    assert (await base.audit.verify_all()).faults == {}
    assert check_export(await export(base), base.audit.public_key).faults == []


async def test_what_is_deleted_before_its_time_is_found(base: Base, clock: Any) -> None:
    await base.audit.record_alone(*(event(number) for number in range(3)))
    await base.audit.sign_heads()
    clock.move(timedelta(days=365))
    await base.database.pool.execute("DELETE FROM audit_event")
    assert (await base.audit.verify_all()).faults == {OWNER: "the head does not match"}


async def test_a_beginning_that_was_cut_off_is_found(base: Base) -> None:
    await base.audit.record_alone(*(event(number) for number in range(3)))
    await base.database.pool.execute("DELETE FROM audit_event WHERE sequence = 1")
    assert (await base.audit.verify_all()).faults == {OWNER: "trace 1 is missing"}


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_an_export_or_are_refused(content: bytes) -> None:
    try:
        read_export(content)
    except MalformedInput as error:
        assert error.code == "InvalidAuditExport"


@given(st.text(max_size=80))
def test_any_text_is_a_key_or_is_refused(text: str) -> None:
    try:
        check_export(ChainExport(patient_key=OWNER, public_key="00" * 32, traces=[], heads=[]), text)
    except MalformedInput as error:
        assert error.code == "InvalidAuditKey"


@pytest.mark.parametrize("digest", ["", "zz", "ab"])
def test_a_digest_that_is_none_proves_nothing(digest: str) -> None:
    made = ChainExport(patient_key=OWNER, public_key="00" * 32, traces=[ExportedTrace(digest=digest)], heads=[])
    assert check_export(made).vouched == 0
