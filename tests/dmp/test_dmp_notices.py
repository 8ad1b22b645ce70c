"""Notices by mail: asked for, proven by a code, sent once, without a name, a document or a word on health."""

from __future__ import annotations

import asyncio
import contextlib
import re
from datetime import date, timedelta
from uuid import uuid4

import msgspec
import pytest

from socle.platform.actor import ActorKind
from socle.platform.outgoing import AddressRefused, NotSent
from socle.platform.patient_key import patient_key
from socle.services.dmp.context import SendNotices
from socle.services.dmp.domain import (
    NOTICE_CHOICES,
    AuthorizationAction,
    DocumentFilter,
    FindDocuments,
    Mandate,
    MandateKind,
    MandateScope,
    NoticeKind,
)
from socle.services.dmp.service import DmpService
from socle.services.ins.domain import Merge
from socle.standards.errors import Conflict, SocleError, Text

K = NoticeKind
EVERYTHING = frozenset().union(*NOTICE_CHOICES.values())
REFUSAL = Text("non", "no")


async def ask(dmp, mail, actor, ins, kinds=EVERYTHING, language="fr"):
    await dmp.propose_contact(actor, ins, "Lea@Exemple.test", kinds, language=language)
    await dmp.confirm_contact(actor, ins, mail.code())
    mail.sent.clear()


async def send(dmp, actor, ins) -> int:
    return await dmp.send_notices(SendNotices(patient_key(ins), actor.id))


async def feed(dmp, world, ins, doctor, **changes):
    return await dmp.submit(doctor, world.submission(ins, doctor, **changes))


async def jobs(base) -> list[SendNotices]:
    async with base.database.connection() as connection:
        rows = await connection.fetch("SELECT payload FROM pgqueuer WHERE entrypoint = 'dmp.send_notices'")
    return [msgspec.json.decode(row["payload"], type=SendNotices) for row in rows]


async def test_what_happened_leaves_in_one_mail_that_names_nobody_and_no_document(dmp, mail, world, opened, base):
    doctor = world.doctor()
    ins = await opened(doctor)
    holder = world.holder(ins)
    await ask(dmp, mail, holder, ins)
    await feed(dmp, world, ins, doctor, title="Sérologie VIH")
    await feed(dmp, world, ins, doctor, title="Sérologie VIH")
    await dmp.query(doctor, FindDocuments(patient=ins, filter=DocumentFilter()))
    assert set(await jobs(base)) == {SendNotices(patient_key(ins), holder.id)}
    assert await send(dmp, holder, ins) == 3
    (message,) = mail.sent
    assert message.address == "lea@exemple.test"
    assert "un soignant a ouvert votre dossier pour la première fois" in message.text
    assert "(2 ajouts)" in message.text
    words = message.subject + message.text
    for secret in ("VIH", "MARTIN", "CABINET", ins.matricule, "DURAND", doctor.id, "médec"):
        assert secret.lower() not in words.lower()


async def test_each_event_is_told_once(dmp, mail, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    holder = world.holder(ins)
    await ask(dmp, mail, holder, ins)
    for _ in range(3):
        await dmp.query(doctor, FindDocuments(patient=ins, filter=DocumentFilter()))
        await send(dmp, holder, ins)
    assert len(mail.sent) == 1
    assert "ouvert" in mail.sent[0].text


async def test_what_could_not_leave_waits_and_what_may_have_left_does_not(dmp, mail, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    holder = world.holder(ins)
    await ask(dmp, mail, holder, ins)
    await feed(dmp, world, ins, doctor)
    mail.failure = NotSent("MailNotSent", REFUSAL)
    with pytest.raises(NotSent):
        await send(dmp, holder, ins)
    mail.failure = None
    assert await send(dmp, holder, ins) == 1
    await feed(dmp, world, ins, doctor)
    mail.failure = RuntimeError("stopped while sending")
    with pytest.raises(RuntimeError):
        await send(dmp, holder, ins)
    mail.failure = None
    assert await send(dmp, holder, ins) == 0


async def test_an_address_that_refuses_mail_is_left_alone_and_shown_as_such(dmp, mail, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    holder = world.holder(ins)
    await ask(dmp, mail, holder, ins)
    await feed(dmp, world, ins, doctor)
    mail.failure = AddressRefused("AddressRefused", REFUSAL)
    assert await send(dmp, holder, ins) == 0
    mail.failure = None
    await feed(dmp, world, ins, doctor)
    assert await send(dmp, holder, ins) == 0
    contact = await dmp.find_contact(holder, ins)
    assert contact.is_refused


async def test_only_what_was_chosen_is_told_and_nothing_before_the_code_came_back(dmp, mail, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    holder = world.holder(ins)
    await dmp.propose_contact(holder, ins, "lea@exemple.test", EVERYTHING)
    code = mail.code()
    await feed(dmp, world, ins, doctor)
    assert await send(dmp, holder, ins) == 0
    await dmp.confirm_contact(holder, ins, f" {code[:3]} {code[3:]} ")
    assert await send(dmp, holder, ins) == 0
    await dmp.choose_notices(holder, ins, NOTICE_CHOICES["urgence"], language="en")
    await feed(dmp, world, ins, doctor)
    await dmp.query(world.emergency(world.doctor(2)), FindDocuments(patient=ins, filter=DocumentFilter()))
    mail.sent.clear()
    assert await send(dmp, holder, ins) == 1
    assert "your record was opened in an emergency" in mail.sent[0].text
    await dmp.forget_contact(holder, ins)
    await feed(dmp, world, ins, doctor)
    assert await send(dmp, holder, ins) == 0
    assert await dmp.find_contact(holder, ins) is None


async def test_a_code_is_good_for_half_an_hour_and_five_tries(dmp, mail, world, opened, clock):
    ins = await opened()
    holder = world.holder(ins)

    async def confirm(code):
        with pytest.raises(SocleError) as caught:
            await dmp.confirm_contact(holder, ins, code)
        return caught.value.code

    await dmp.propose_contact(holder, ins, "lea@exemple.test", EVERYTHING)
    wrong = "000000" if mail.code() != "000000" else "111111"
    assert {await confirm(wrong) for _ in range(5)} == {"WrongCode"}
    assert await confirm(mail.code()) == "WrongCode"
    await dmp.propose_contact(holder, ins, "lea@exemple.test", EVERYTHING)
    clock.move(timedelta(minutes=31))
    assert await confirm(mail.code()) == "WrongCode"
    for _ in range(3):
        await dmp.propose_contact(holder, ins, "lea@exemple.test", EVERYTHING)
    with pytest.raises(SocleError) as caught:
        await dmp.propose_contact(holder, ins, "lea@exemple.test", EVERYTHING)
    assert caught.value.code == "TooManyCodes"
    clock.move(timedelta(days=1))
    await dmp.propose_contact(holder, ins, "lea@exemple.test", EVERYTHING)
    await dmp.confirm_contact(holder, ins, mail.code())


@pytest.mark.parametrize("address", ["", "lea", "lea@x\r\nBcc: a@b.fr", "a b@c.fr", "@c.fr"])
async def test_what_is_no_address_is_refused(dmp, world, opened, address):
    ins = await opened()
    with pytest.raises(SocleError):
        await dmp.propose_contact(world.holder(ins), ins, address, EVERYTHING)


async def test_a_parent_is_told_until_the_child_is_of_age_and_a_delegate_until_withdrawn(
    dmp, mail, world, opened, identities, clock
):
    doctor, ins = world.doctor(), world.patient()
    identities.birth_dates[ins] = date(2010, 3, 3)
    await opened(ins=ins)
    now = clock()
    parent = Mandate(agent_id="mother", kind=MandateKind.PARENT, scope=MandateScope.MANAGE, name="Anne", starts_at=now)
    await dmp.give_mandate(world.operator(), ins, parent)
    mother = msgspec.structs.replace(world.agent(ActorKind.REPRESENTATIVE, "mother"), patient=ins)
    await ask(dmp, mail, mother, ins)
    await feed(dmp, world, ins, doctor)
    assert await send(dmp, mother, ins) == 1
    clock.move(timedelta(days=365 * 2 + 2))
    await feed(dmp, world, ins, doctor)
    assert await send(dmp, mother, ins) == 0
    assert len(mail.sent) == 1
    holder, friend = world.holder(ins), world.agent(ActorKind.DELEGATE, "friend")
    given = Mandate(agent_id="friend", kind=MandateKind.DELEGATE, scope=MandateScope.READ, name="P", starts_at=clock())
    await dmp.give_mandate(holder, ins, given)
    await ask(dmp, mail, friend, ins)
    await dmp.withdraw_mandate(holder, ins, "friend")
    await feed(dmp, world, ins, doctor)
    assert await send(dmp, friend, ins) == 0


async def test_a_secret_session_is_told_to_nobody_by_mail(dmp, mail, world, opened, identities, clock):
    doctor, ins = world.doctor(is_secret=True), world.patient()
    identities.birth_dates[ins] = date(2012, 3, 3)
    await opened(ins=ins)
    holder = world.holder(ins)
    await ask(dmp, mail, holder, ins)
    await dmp.set_authorization(doctor, ins, AuthorizationAction.AJOUT)
    await feed(dmp, world, ins, doctor)
    await dmp.query(doctor, FindDocuments(patient=ins, filter=DocumentFilter()))
    assert await send(dmp, holder, ins) == 0


async def test_a_professional_leaves_no_address(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    with pytest.raises(SocleError):
        await dmp.propose_contact(doctor, ins, "dr@exemple.test", EVERYTHING)


async def test_without_a_server_of_mail_none_is_asked_for(base, identities, world, opened):
    ins = await opened()
    with pytest.raises(Conflict):
        await DmpService(base, identities).propose_contact(world.holder(ins), ins, "lea@exemple.test", EVERYTHING)


async def test_the_address_is_sealed_and_goes_with_the_record(dmp, mail, world, opened, base):
    ins = await opened()
    holder = world.holder(ins)
    await ask(dmp, mail, holder, ins)
    async with base.database.connection() as connection:
        (stored,) = await connection.fetch("SELECT * FROM dmp_contact")
    assert not re.search(rb"lea|exemple", repr(dict(stored)).encode())
    await dmp.close_record(holder, ins, destroy_now=True)
    async with base.database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM dmp_contact") == 0
        assert await connection.fetchval("SELECT count(*) FROM dmp_delivery") == 0


async def test_a_merged_record_forgets_where_its_notices_went(dmp, mail, world, opened, base):
    doctor = world.doctor()
    absorbed, survivor = await opened(doctor), await opened(doctor)
    await ask(dmp, mail, world.holder(absorbed), absorbed)
    await ask(dmp, mail, world.holder(survivor), survivor)
    await feed(dmp, world, absorbed, doctor)
    await dmp.merge_records(Merge(id=uuid4(), survivor=survivor, absorbed=absorbed))
    async with base.database.connection() as connection:
        for table in ("dmp_contact", "dmp_delivery"):
            kept = f"SELECT count(*) FROM {table} WHERE patient_key = $1"
            assert await connection.fetchval(kept, patient_key(absorbed)) == 0, table
    assert await send(dmp, world.holder(absorbed), absorbed) == 0
    assert mail.sent == []
    await feed(dmp, world, survivor, doctor)
    assert await send(dmp, world.holder(survivor), survivor) == 1


async def test_what_is_sealed_in_a_transaction_waits_for_no_second_connection(dmp, mail, world, opened, base):
    ins = await opened()
    async with contextlib.AsyncExitStack() as others:
        for _ in range(base.database.pool.get_max_size() - 1):
            await others.enter_async_context(base.database.connection())
        await asyncio.wait_for(dmp.report_access(world.holder(ins), ins, 1, "Ce n'est pas moi."), 30)
        await asyncio.wait_for(dmp.propose_contact(world.holder(ins), ins, "lea@exemple.test", EVERYTHING), 30)
    (report,) = await dmp.list_reports(world.operator())
    assert report.words == "Ce n'est pas moi."
