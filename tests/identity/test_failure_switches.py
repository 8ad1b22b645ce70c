from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from socle.platform.base import Base
from socle.platform.clock import system_clock
from socle.platform.switches import NORMAL, Health
from socle.sandbox import switches as module
from socle.sandbox.switches import Change, SandboxSwitches, routes
from socle.standards.errors import InvalidContent, Unavailable


@pytest.fixture
def switches() -> SandboxSwitches:
    return SandboxSwitches()


@pytest.fixture
async def browser(base: Base, switches: SandboxSwitches) -> Any:
    app = Starlette(routes=routes(switches, base.database, base.settings))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
        yield client


async def test_a_change_is_felt_by_another_process_and_touches_nothing_else(
    base: Base, switches: SandboxSwitches
) -> None:
    other = SandboxSwitches()
    await switches.change(base.database, Change(insi=Health.SLOW, delay_ms=10))
    await switches.change(base.database, Change(expired_cards=("810109876549",)))
    state = await other.load(base.database)
    assert (state.insi, state.delay_ms, state.psc) == (Health.SLOW, 10, Health.NORMAL)
    assert state.is_card_expired("810109876549")
    assert not state.is_card_expired("810101234564")
    assert await switches.reset(base.database) == NORMAL == await other.load(base.database)


async def test_the_clock_goes_on_from_the_date_it_is_set_to(base: Base, switches: SandboxSwitches) -> None:
    await switches.change(base.database, Change(clock="2030-02-28T23:59:59Z"))
    assert abs(switches.clock().timestamp() - 1898553599) < 2
    await switches.change(base.database, Change(clock=""))
    assert abs(switches.clock() - system_clock()) < timedelta(seconds=1)


async def test_insi_is_slow_or_down_as_switched(base: Base, switches: SandboxSwitches) -> None:
    await switches.rehearse_insi("INS2")
    await switches.change(base.database, Change(insi=Health.SLOW, delay_ms=30))
    started = time.perf_counter()
    await switches.rehearse_insi("INS2")
    assert time.perf_counter() - started >= 0.03
    await switches.change(base.database, Change(insi=Health.DOWN))
    with pytest.raises(Unavailable):
        await switches.rehearse_insi("INS2")


async def test_the_api_reads_changes_and_resets(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/sandbox/switches")).json()["psc"] == "normal"
    changed = await browser.patch(
        "/sandbox/switches", content=b'{"psc": "refuse", "clock": "2030-01-01T00:00:00+01:00"}'
    )
    assert changed.json()["psc"] == "refuse"
    assert changed.json()["now"].startswith("2029-12-31T23:00:0")
    assert (await browser.delete("/sandbox/switches")).json()["psc"] == "normal"


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'{"x": 1}', b'{"psc": "broken"}', b'{"clock": "demain"}', b'{"clock": "9999-12-31T23:59:59Z"}'],
)
async def test_the_api_refuses_what_it_does_not_know(browser: httpx.AsyncClient, body: bytes) -> None:
    answer = await browser.patch("/sandbox/switches", content=body)
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_page_switches_and_needs_its_own_token(
    browser: httpx.AsyncClient, switches: SandboxSwitches, read_hidden: Any
) -> None:
    page = await browser.get("/sandbox/pannes")
    form = read_hidden(page.text) | {"insi": "down", "psc": "normal", "expired_cards": "*", "clock": ""}
    assert (await browser.post("/sandbox/pannes", data=form)).status_code == 303
    assert switches().insi is Health.DOWN
    assert switches().is_card_expired("anyone")
    assert (await browser.post("/sandbox/pannes", data=form | {"forgery": "x"})).status_code == 401


def test_production_has_no_switch(base: Base) -> None:
    assert (
        routes(SandboxSwitches(), base.database, msgspec.structs.replace(base.settings, environment="production")) == []
    )


@given(text=st.text(max_size=30) | st.datetimes().map(lambda moment: moment.isoformat()))
@settings(max_examples=200)
def test_any_text_is_a_date_or_is_refused(text: str) -> None:
    try:
        offset = module._offset_to(text)
    except InvalidContent:
        return
    assert abs(offset) < timedelta(days=300 * 366)
