"""The life of a box in time: its holder is told before each step, once, and the steps follow."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.base import Base
from socle.services.mssante.domain import Mailbox, MailboxKind, MailboxState
from socle.services.mssante.life_cycle import DEFAULT_DELAYS, due_step, due_warning, read_delays
from socle.services.mssante.relay import Relay
from socle.services.mssante.service import BASE_ACTOR, MssanteService
from socle.standards.errors import Forbidden, InvalidContent, SocleError
from socle.standards.mail.read import read_mail

from .conftest import DOMAIN, make_box

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
LEA = Actor(
    kind=ActorKind.PROFESSIONAL, id="899700000001", name="Léa", authentication=AuthenticationMode.INDIRECTE_RENFORCEE
)


def a_box(state: MailboxState = MailboxState.ACTIVE, **changes: object) -> Mailbox:
    return msgspec.structs.replace(make_box("lea"), state=state, created_at=START, **changes)


@pytest.mark.parametrize(
    ("days", "told", "steps"),
    [(364, False, None), (365, True, None), (518, True, None), (548, True, MailboxState.SUSPENDED)],
)
def test_an_unused_box_is_told_after_a_year_and_suspended_after_eighteen_months(
    days: int, told: bool, steps: MailboxState | None
) -> None:
    now = START + days * DAY
    assert (due_warning(a_box(), None, DEFAULT_DELAYS, now) is not None) == told
    assert due_step(a_box(), DEFAULT_DELAYS, now) is steps


@given(
    days=st.integers(0, 1000),
    state=st.sampled_from([MailboxState.ACTIVE, MailboxState.SUSPENDED]),
    kind=st.sampled_from(list(MailboxKind)),
)
def test_nothing_is_done_to_a_box_whose_holder_was_not_due_to_be_told(
    days: int, state: MailboxState, kind: MailboxKind
) -> None:
    box, now = a_box(state, kind=kind), START + days * DAY
    step = due_step(box, DEFAULT_DELAYS, now)
    if step is not None:
        warning = due_warning(box, None, DEFAULT_DELAYS, now)
        assert warning is not None
        assert warning.next_state is step
        assert warning.due_at <= now - DEFAULT_DELAYS.reminder
    if kind in {MailboxKind.APPLICATIVE, MailboxKind.CITIZEN}:
        assert step is None


def test_the_same_thing_is_not_told_twice() -> None:
    first = START + 365 * DAY
    assert due_warning(a_box(), first, DEFAULT_DELAYS, first + DAY) is None
    assert due_warning(a_box(), first, DEFAULT_DELAYS, START + 518 * DAY) is not None


async def subjects_in(service: MssanteService, address: str) -> list[str]:
    while await Relay(service, None).work_once():
        pass
    box = await service.find(address)
    stored = await service.rooms.page(box.key, 1)
    return [read_mail(await service.rooms.content(box.key, item)).subject for item in reversed(stored)]


async def test_the_holder_is_told_in_every_box_that_they_open_until_it_is_destroyed(base: Base) -> None:
    service = MssanteService(base)
    box = await service.create(BASE_ACTOR, make_box("lea"))
    await service.create(BASE_ACTOR, make_box("cabinet", kind=MailboxKind.CABINET))
    day_by_day = {}
    for days in range(0, 860, 10):
        await service.access.of_actor(f"cabinet@{DOMAIN}", LEA)  # this one is in use
        day_by_day[days] = await service.upkeep.sweep()
        base.clock.move(10 * DAY)  # type: ignore[attr-defined]
    told = await subjects_in(service, f"cabinet@{DOMAIN}")
    name = box.address
    assert sorted(told) == [
        f"Votre boîte {name} va être détruite",
        f"Votre boîte {name} va être fermée",
        f"Votre boîte {name} va être suspendue",
        f"Votre boîte {name} va être suspendue",
    ]
    totals = {
        key: sum(done[key] for done in day_by_day.values()) for key in ("warned", "suspended", "closed", "purged")
    }
    assert totals == {"warned": 4, "suspended": 1, "closed": 1, "purged": 1}
    assert (await service.find(box.address)).state is MailboxState.PURGED


async def test_opening_the_box_starts_the_delays_again(base: Base) -> None:
    service = MssanteService(base)
    box = await service.create(BASE_ACTOR, make_box("lea"))
    base.clock.move(400 * DAY)  # type: ignore[attr-defined]
    assert (await service.upkeep.sweep())["warned"] == 1
    await service.access.of_actor(box.address, LEA)
    base.clock.move(300 * DAY)  # type: ignore[attr-defined]
    done = await service.upkeep.sweep()
    assert (done["warned"], done["suspended"]) == (0, 0)
    assert (await service.find(box.address)).state is MailboxState.ACTIVE


async def test_a_closed_box_is_opened_for_a_copy_and_writes_no_more(base: Base) -> None:
    service = MssanteService(base)
    box = await service.create(BASE_ACTOR, make_box("lea"))
    await service.change_state(BASE_ACTOR, box.address, MailboxState.CLOSED)
    assert (await service.access.of_actor(box.address, LEA)).may_send is False
    base.clock.move(91 * DAY)  # type: ignore[attr-defined]
    assert (await service.upkeep.sweep())["purged"] == 1
    with pytest.raises(Forbidden):
        await service.access.of_actor(box.address, LEA)


@pytest.mark.parametrize("text", ["purge", "purge=x", "unknown=3", "purge=0", "purge=-1", "purge=99999"])
def test_a_delay_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidContent):
        read_delays(text)


@given(st.text())
def test_any_text_gives_delays_or_a_refusal(text: str) -> None:
    try:
        read_delays(text)
    except SocleError:
        return
