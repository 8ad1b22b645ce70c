"""Boxes and what arrives in them, on a real database."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.base import Base
from socle.services.mssante.domain import Envelope, Mailbox, MailboxKind, MailboxState, Origin, Recipient
from socle.services.mssante.mailroom import FlagChange
from socle.services.mssante.service import BASE_ACTOR, MssanteService
from socle.standards.errors import Conflict, Forbidden, NotFound, SocleError, TooLarge
from socle.standards.ids.ins import OID_NIR_TEST, Ins
from socle.standards.mail.address import parse_address
from socle.standards.mail.notices import DeliveryReport, read_notice
from socle.standards.mail.read import read_mail

DOMAIN = "socle.mssante.fr"
PATIENT = Ins("279035121518989", OID_NIR_TEST)
PATIENT_ADDRESS = "279035121518989@patient.mssante.fr"


@pytest.fixture
def service(base: Base) -> MssanteService:
    return MssanteService(base)


def a_box(local: str, **changes: object) -> Mailbox:
    values: dict[str, object] = {
        "key": UUID(int=0),
        "address": f"{local}@{DOMAIN}",
        "kind": MailboxKind.PERSONAL,
        "state": MailboxState.ACTIVE,
        "quota_bytes": 10_000_000,
        "created_at": datetime.now(UTC),
        "person_id": "899700000001",
        "display_name": local,
    }
    return Mailbox(**(values | changes))  # type: ignore[arg-type]


def a_professional(person_id: str = "899700000001") -> Actor:
    return Actor(
        kind=ActorKind.PROFESSIONAL, id=person_id, name="X", authentication=AuthenticationMode.INDIRECTE_RENFORCEE
    )


def a_message(subject: str = "Bonjour", *, sender: str = f"lea@{DOMAIN}", extra: str = "", body: str = "x") -> bytes:
    text = (
        f"From: {sender}\r\nTo: paul@{DOMAIN}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@{DOMAIN}>\r\n{extra}\r\n"
    )
    return (text + body + "\r\n").encode()


def an_envelope(*recipients: str, sender: str | None = f"lea@{DOMAIN}", notify: str = "") -> Envelope:
    return Envelope(
        sender=parse_address(sender) if sender else None,
        recipients=tuple(Recipient(parse_address(text), notify) for text in recipients),
        origin=Origin.SUBMISSION,
        envelope_id="E1",
    )


async def texts_in(service: MssanteService, address: str) -> list[bytes]:
    box = await service.find(address)
    stored = await service.rooms.page(box.key, 1)
    return [await service.rooms.content(box.key, item) for item in reversed(stored)]


async def queue_of(service: MssanteService) -> list[tuple[str, bytes]]:
    async with service.base.database.connection() as connection:
        rows = await connection.fetch("SELECT recipient, owner_key, object FROM mss_queue ORDER BY recipient")
    return [(row["recipient"], await service.base.objects.get(row["owner_key"], row["object"])) for row in rows]


async def test_a_message_is_delivered_whole_with_its_trace(service: MssanteService) -> None:
    paul = await service.create(BASE_ACTOR, a_box("paul"))
    receipt = await service.office.accept(an_envelope(paul.address), a_message())
    assert receipt.delivered == (paul.address,)
    [content] = await texts_in(service, paul.address)
    assert content.startswith(f"Return-Path: <lea@{DOMAIN}>\r\nReceived: from ".encode())
    assert content.endswith(a_message())
    assert (await service.find(paul.address)).used_bytes == len(content)
    async with service.base.database.connection() as connection:
        rows = await connection.fetch("SELECT action, mailbox, peer FROM mss_trace ORDER BY trace_id")
    assert [tuple(row) for row in rows] == [
        ("send", f"lea@{DOMAIN}", paul.address),
        ("receive", paul.address, f"lea@{DOMAIN}"),
    ]


async def test_the_same_message_is_delivered_once_however_often_it_is_sent(service: MssanteService) -> None:
    paul = await service.create(BASE_ACTOR, a_box("paul"))
    receipts = await asyncio.gather(*(service.office.accept(an_envelope(paul.address), a_message()) for _ in range(20)))
    assert sum(len(receipt.delivered) for receipt in receipts) == 1
    assert sum(len(receipt.repeated) for receipt in receipts) == 19
    assert len(await texts_in(service, paul.address)) == 1


async def test_many_messages_get_consecutive_uids_without_gap(service: MssanteService) -> None:
    paul = await service.create(BASE_ACTOR, a_box("paul"))
    await asyncio.gather(*(service.office.accept(an_envelope(paul.address), a_message(f"n{n}")) for n in range(120)))
    rows = await service.rooms.rows(paul.key, 1)
    assert [row.uid for row in rows] == list(range(1, 121))


async def test_a_closed_box_gives_back_a_report_and_a_null_sender_gets_none(service: MssanteService) -> None:
    paul = await service.create(BASE_ACTOR, a_box("paul"))
    await service.change_state(BASE_ACTOR, paul.address, MailboxState.CLOSED)
    assert (await service.office.accept(an_envelope(paul.address), a_message())).bounced == (paul.address,)
    [(recipient, report)] = await queue_of(service)
    notice = read_notice(report)
    assert isinstance(notice, DeliveryReport)
    assert (recipient, notice.outcomes[0].status, notice.envelope_id) == (f"lea@{DOMAIN}", "5.2.1", "E1")
    assert notice.original_message_id == f"<Bonjour@{DOMAIN}>"
    await service.office.accept(an_envelope(paul.address, sender=None), a_message("other"))
    assert len(await queue_of(service)) == 1


async def test_a_success_report_comes_when_it_was_asked_for(service: MssanteService) -> None:
    paul = await service.create(BASE_ACTOR, a_box("paul"))
    await service.office.accept(an_envelope(paul.address, notify="SUCCESS,FAILURE"), a_message())
    [(_, report)] = await queue_of(service)
    notice = read_notice(report)
    assert isinstance(notice, DeliveryReport)
    assert [(outcome.action, outcome.status) for outcome in notice.outcomes] == [("delivered", "2.0.0")]


async def test_a_full_box_bounces_and_keeps_its_size(service: MssanteService) -> None:
    paul = await service.create(BASE_ACTOR, a_box("paul", quota_bytes=2500))
    sent = [
        await service.office.accept(an_envelope(paul.address), a_message(f"n{n}", body="x" * 900)) for n in range(3)
    ]
    assert [bool(receipt.bounced) for receipt in sent] == [False, False, True]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (PATIENT_ADDRESS, "pas été trouvé"),
        ("279035121518980@patient.mssante.fr", "n'est pas valide"),
    ],
)
async def test_a_citizen_without_space_bounces_in_plain_french(
    service: MssanteService, address: str, words: str
) -> None:
    assert (await service.office.accept(an_envelope(address), a_message())).bounced == (address,)
    [(_, report)] = await queue_of(service)
    mail = read_mail(report)
    assert mail.subject == "Message non distribué"
    assert words in mail.text


async def test_a_citizen_may_answer_what_a_professional_opened(service: MssanteService) -> None:
    box = await service.open_citizen_box(PATIENT, "Dominique PAT-TROIS")

    async def contacts() -> dict[str, bool]:
        async with service.base.database.connection() as connection:
            rows = await connection.fetch("SELECT contact, is_open FROM mss_exchange WHERE mailbox_key = $1", box.key)
        return {row["contact"]: row["is_open"] for row in rows}

    send = service.office.accept
    await send(an_envelope(PATIENT_ADDRESS), a_message("un", extra=f"Reply-To: accueil@{DOMAIN}\r\n"))
    assert await contacts() == {f"accueil@{DOMAIN}": True}
    await send(an_envelope(PATIENT_ADDRESS), a_message("deux"))
    await send(an_envelope(PATIENT_ADDRESS), a_message("trois", extra="X-MSS-MES: FIN\r\n"))
    assert await contacts() == {f"accueil@{DOMAIN}": True, f"lea@{DOMAIN}": False}
    await send(an_envelope(PATIENT_ADDRESS), a_message("[FIN]"))
    assert await contacts() == {f"accueil@{DOMAIN}": False, f"lea@{DOMAIN}": False}


async def test_a_citizen_who_closed_the_messaging_opens_it_again_by_an_act(service: MssanteService) -> None:
    await service.open_citizen_box(PATIENT, "Dominique PAT-TROIS")
    holder = Actor(kind=ActorKind.PATIENT, id="c", name="D", authentication=AuthenticationMode.CITIZEN, patient=PATIENT)
    await service.change_citizen_box(holder, PATIENT, is_open=False)
    with pytest.raises(Conflict):
        await service.change_citizen_box(holder, PATIENT, is_open=False)
    assert (await service.open_citizen_box(PATIENT, "Dominique PAT-TROIS")).state is MailboxState.SUSPENDED
    bounced = await service.office.accept(an_envelope(PATIENT_ADDRESS), a_message())
    assert bounced.bounced == (PATIENT_ADDRESS,)
    for stranger in (BASE_ACTOR, msgspec.structs.replace(holder, patient=None)):
        with pytest.raises(Forbidden):
            await service.change_citizen_box(stranger, PATIENT, is_open=True)
    await service.change_citizen_box(holder, PATIENT, is_open=True)
    assert (await service.office.accept(an_envelope(PATIENT_ADDRESS), a_message())).bounced == ()
    await service.change_state(BASE_ACTOR, PATIENT_ADDRESS, MailboxState.CLOSED)
    with pytest.raises(Conflict):
        await service.change_citizen_box(holder, PATIENT, is_open=True)


@pytest.mark.parametrize("was_shut", [False, True])
async def test_what_the_operator_suspends_the_citizen_does_not_open(service: MssanteService, was_shut: bool) -> None:
    await service.open_citizen_box(PATIENT, "Dominique PAT-TROIS")
    holder = Actor(kind=ActorKind.PATIENT, id="c", name="D", authentication=AuthenticationMode.CITIZEN, patient=PATIENT)
    if was_shut:
        await service.change_citizen_box(holder, PATIENT, is_open=False)
    await service.change_state(BASE_ACTOR, PATIENT_ADDRESS, MailboxState.SUSPENDED)
    with pytest.raises(Conflict):
        await service.change_citizen_box(holder, PATIENT, is_open=True)
    assert (await service.find(PATIENT_ADDRESS)).state is MailboxState.SUSPENDED
    with pytest.raises(Conflict):
        await service.change_state(BASE_ACTOR, PATIENT_ADDRESS, MailboxState.SUSPENDED)
    await service.change_state(BASE_ACTOR, PATIENT_ADDRESS, MailboxState.ACTIVE)
    await service.change_citizen_box(holder, PATIENT, is_open=False)
    await service.change_citizen_box(holder, PATIENT, is_open=True)
    assert (await service.find(PATIENT_ADDRESS)).state is MailboxState.ACTIVE


async def test_an_address_is_never_given_twice(service: MssanteService) -> None:
    paul = await service.create(BASE_ACTOR, a_box("paul"))
    await service.office.accept(an_envelope(paul.address), a_message())
    await service.change_state(BASE_ACTOR, paul.address, MailboxState.CLOSED)
    service.base.clock.move(timedelta(days=91))  # type: ignore[attr-defined]
    assert (await service.upkeep.sweep())["purged"] == 1
    assert await service.rooms.rows(paul.key, 1) == []
    with pytest.raises(Conflict):
        await service.create(BASE_ACTOR, a_box("paul"))
    assert await service.free_address("Paul") == f"paul2@{DOMAIN}"


async def test_only_the_operator_creates_boxes(service: MssanteService) -> None:
    with pytest.raises(Forbidden):
        await service.create(a_professional(), a_box("paul"))


async def test_a_right_opens_the_box_until_it_ends(service: MssanteService) -> None:
    team = await service.create(
        BASE_ACTOR, a_box("cardio", kind=MailboxKind.ORGANIZATIONAL, person_id="", structure_id="1750000001")
    )
    other = a_professional("899700000002")
    with pytest.raises(Forbidden):
        await service.access.of_actor(team.address, other)
    until = service.base.clock() + timedelta(days=1)
    await service.grant(BASE_ACTOR, team.address, other.id, may_send=False, until=until)
    assert (await service.access.of_actor(team.address, other)).may_send is False
    service.base.clock.move(timedelta(days=2))  # type: ignore[attr-defined]
    with pytest.raises(Forbidden):
        await service.access.of_actor(team.address, other)


async def test_a_password_opens_a_box_in_the_sandbox_alone(service: MssanteService) -> None:
    paul = await service.create(BASE_ACTOR, a_box("paul"), password="secret")
    assert (await service.access.by_password(paul.address, "secret")).may_send
    for address, password in ((paul.address, "wrong"), (f"nobody@{DOMAIN}", "secret"), ("garbage", "")):
        with pytest.raises(SocleError):
            await service.access.by_password(address, password)
    base = msgspec.structs.replace(
        service.base, settings=msgspec.structs.replace(service.base.settings, environment="production")
    )
    with pytest.raises(SocleError):
        await MssanteService(base).access.by_password(paul.address, "secret")


async def test_messages_are_copied_moved_flagged_and_deleted(service: MssanteService) -> None:
    paul = await service.create(BASE_ACTOR, a_box("paul"))
    rooms = service.rooms
    for n in range(3):
        await service.office.accept(an_envelope(paul.address), a_message(f"n{n}"))
    placed = await rooms.copy(paul.key, 1, [1, 2, 9], "Archives")
    assert (placed.sources, placed.uids) == ((1, 2), (1, 2))
    await rooms.copy(paul.key, 1, [3], "Archives", move=True)
    assert [row.uid for row in await rooms.rows(paul.key, 1)] == [1, 2]
    changed, late = await rooms.change_flags(paul.key, 1, [1], FlagChange.ADD, ["\\seen", "$Label", "\\Bogus"])
    assert (changed[0].flags, late) == (("\\Seen", "$Label"), [])
    assert (await rooms.change_flags(paul.key, 1, [1], FlagChange.SET, [], unchanged_since=1))[1] == [1]
    assert await rooms.expunge(paul.key, 1, [1, 7]) == [1]
    archive = await rooms.folder(paul.key, "Archives")
    [first, *_] = await rooms.messages(paul.key, archive.id, [1])
    assert (await rooms.content(paul.key, first)).endswith(a_message("n0"))
    used = (await service.find(paul.address)).used_bytes
    held = [*await rooms.rows(paul.key, 1), *await rooms.rows(paul.key, archive.id)]
    assert used == sum(row.size_bytes for row in held)
    with pytest.raises(NotFound):
        await rooms.copy(paul.key, 1, [2], "Nulle part")


async def test_folders_are_created_renamed_and_deleted_with_what_they_hold(service: MssanteService) -> None:
    paul = await service.create(BASE_ACTOR, a_box("paul"))
    rooms = service.rooms
    await rooms.create_folder(paul.key, "Été/2026")
    await rooms.append(paul.key, "Été/2026", a_message(), flags=["\\Seen"])
    await rooms.rename_folder(paul.key, "Été/2026", "Hiver")
    assert (await rooms.folder(paul.key, "Hiver")).uid_next == 2
    await rooms.delete_folder(paul.key, "Hiver")
    assert (await service.find(paul.address)).used_bytes == 0
    for call in (
        rooms.delete_folder(paul.key, "INBOX"),
        rooms.create_folder(paul.key, "inbox"),
        rooms.create_folder(paul.key, "a*"),
        rooms.rename_folder(paul.key, "INBOX", "X"),
    ):
        with pytest.raises(SocleError):
            await call


@pytest.mark.parametrize("local", ["mailer-daemon", ".lea", "lea.", "lea..martin", "lea+x", "a" * 70])
async def test_a_name_that_no_box_may_have_is_refused(service: MssanteService, local: str) -> None:
    with pytest.raises(SocleError):
        await service.create(BASE_ACTOR, a_box(local))


async def test_appends_at_the_same_time_do_not_pass_the_quota_together(service: MssanteService) -> None:
    paul = await service.create(BASE_ACTOR, a_box("paul", quota_bytes=2 * len(a_message())))
    done = await asyncio.gather(
        *(service.rooms.append(paul.key, "INBOX", a_message()) for _ in range(8)), return_exceptions=True
    )
    assert len([one for one in done if isinstance(one, TooLarge)]) == 6
    assert (await service.rooms.quota(paul.key))[0] <= paul.quota_bytes
