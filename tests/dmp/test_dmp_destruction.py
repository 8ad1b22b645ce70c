"""What a destroyed record leaves behind, over every table of the base: its end, its traces, and who the person is."""

from __future__ import annotations

import msgspec
import pytest

from socle.app import create_services
from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.patient_key import patient_key
from socle.services.dmp.domain import (
    NOTICE_CHOICES,
    AuthorizationAction,
    Mandate,
    MandateKind,
    MandateScope,
    RecordState,
)
from socle.services.ins.domain import Person
from socle.services.reading.domain import ProfileKind
from socle.standards.errors import SocleError
from socle.standards.ids.ins import OID_NIR_TEST, Ins
from socle.standards.ids.traits import Traits

INS = Ins("279035121518989", OID_NIR_TEST)
OPERATOR = Actor(kind=ActorKind.OPERATOR, id="op", name="Op", authentication=AuthenticationMode.OPERATOR)
#: Kept by law, or not the record's: its last state, traces, the identity of a living person.
KEPT = {"dmp_record", "ins_person", "audit_event", "audit_head", "audit_daily_head", "ins_identity", "ins_change"}


async def rows_by_table(base, key) -> dict[str, int]:
    async with base.database.connection() as connection:
        tables = await connection.fetch(
            "SELECT table_name FROM information_schema.columns "
            "WHERE column_name = 'patient_key' AND table_schema = 'public'"
        )
        counts = {
            row["table_name"]: await connection.fetchval(
                f"SELECT count(*) FROM {row['table_name']} WHERE patient_key = $1",
                key,
            )
            for row in tables
        }
    return {table: count for table, count in counts.items() if count}


@pytest.fixture
async def services(base):
    made = create_services(base)
    traits = Traits.of("PAT-TROIS", "DOMINIQUE", "F", "1979-03-28", "63220")
    await made.ins.admit(OPERATOR, Person(ins=INS, traits=traits))
    await made.dmp.open_record(OPERATOR, INS)
    yield made
    made.conformance.close()


async def test_nothing_of_a_destroyed_record_is_left_but_its_end_and_its_traces(services, world, base):
    dmp, doctor = services.dmp, world.doctor()
    holder = world.holder(INS)
    holder = msgspec.structs.replace(holder, patient=INS)
    await dmp.set_authorization(doctor, INS, AuthorizationAction.AJOUT)
    await dmp.submit(doctor, world.submission(INS, doctor))
    await dmp.block(holder, INS, "810000000099", name="X")
    await dmp.propose_contact(holder, INS, "lea@exemple.test", NOTICE_CHOICES["documents"])
    delegate = Mandate(
        agent_id="friend", kind=MandateKind.DELEGATE, scope=MandateScope.READ, name="P", starts_at=base.clock()
    )
    await dmp.give_mandate(holder, INS, delegate)
    await services.reading.search(holder, INS, "consultation")
    await services.reading.profile(holder, INS)
    await services.reading.write_line(holder, INS, services.reading.new_line(ProfileKind.ALLERGY, name="pollen"))
    before = await rows_by_table(base, patient_key(INS))
    assert {"dmp_entry", "dmp_contact", "reading_document", "reading_citizen_line", "key_ring"} <= before.keys()
    await base.audit.sign_heads()
    await dmp.close_record(holder, INS, destroy_now=True)
    after = await rows_by_table(base, patient_key(INS))
    assert after.keys() <= KEPT, after
    assert after["audit_event"] > before["audit_event"]
    async with base.database.connection() as connection:
        assert await base.audit.verify(connection, patient_key(INS)) == ""
        row = await connection.fetchrow("SELECT * FROM dmp_record WHERE patient_key = $1", patient_key(INS))
    assert (row["state"], row["birth_date"], row["closing_text"]) == (RecordState.DESTROYED.value, None, "")
    with pytest.raises(SocleError):
        await dmp.read_record(holder, INS)
    assert await dmp.mandated_records(world.agent(ActorKind.DELEGATE, "friend")) == []
