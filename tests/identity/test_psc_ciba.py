from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from socle.platform.switches import Health, SwitchState
from socle.services.identity.service import IdentityService
from socle.standards.errors import Conflict, NotFound

DOCTOR = "810109876549"
CIBA = "urn:openid:params:grant-type:ciba"


async def _ask(vendor: Any, **changes: str) -> Any:
    form = {"scope": "openid scope_all", "login_hint": DOCTOR, "binding_message": "42", "acr_values": "eidas1"}
    return await vendor.post("/ext/ciba/auth", {k: v for k, v in (form | changes).items() if v})


async def _poll(vendor: Any, request: str, **options: Any) -> Any:
    return await vendor.post("/token", {"grant_type": CIBA, "auth_req_id": request}, **options)


async def test_a_request_approved_on_the_phone_with_the_right_number_gives_tokens_once(
    vendor: Any, identity: IdentityService, clock: Any
) -> None:
    asked = (await _ask(vendor)).json()
    assert (asked["expires_in"], asked["interval"]) == (120, 1)
    assert (await _poll(vendor, asked["auth_req_id"])).json()["error"] == "authorization_pending"
    [waiting] = await identity.challenges.list_waiting(DOCTOR)
    assert waiting.client_name == "Logiciel du cabinet"
    assert len(waiting.choices) == 3
    assert "42" in waiting.choices
    await identity.challenges.answer(DOCTOR, waiting.id, number="42")
    clock.move(timedelta(seconds=1))
    tokens = (await _poll(vendor, asked["auth_req_id"])).json()
    told = (await vendor.userinfo(tokens["access_token"])).json()
    assert (told["SubjectNameID"], told["authMode"]) == (DOCTOR, "ECPS")
    clock.move(timedelta(seconds=1))
    assert (await _poll(vendor, asked["auth_req_id"])).json()["error"] == "invalid_grant"


async def test_a_wrong_number_denies(vendor: Any, identity: IdentityService) -> None:
    asked = (await _ask(vendor)).json()
    [waiting] = await identity.challenges.list_waiting(DOCTOR)
    wrong = next(choice for choice in waiting.choices if choice != "42")
    with pytest.raises(Conflict):
        await identity.challenges.answer(DOCTOR, waiting.id, number=wrong)
    assert (await _poll(vendor, asked["auth_req_id"])).json()["error"] == "access_denied"
    with pytest.raises(NotFound):
        await identity.challenges.answer(DOCTOR, waiting.id, number="42")


async def test_polling_too_fast_slows_the_client_down(vendor: Any, clock: Any) -> None:
    request = (await _ask(vendor)).json()["auth_req_id"]
    assert (await _poll(vendor, request)).json()["error"] == "authorization_pending"
    assert (await _poll(vendor, request)).json()["error"] == "slow_down"
    clock.move(timedelta(seconds=3))
    assert (await _poll(vendor, request)).json()["error"] == "slow_down"
    clock.move(timedelta(seconds=12))
    assert (await _poll(vendor, request)).json()["error"] == "authorization_pending"


async def test_a_request_lives_two_minutes(vendor: Any, identity: IdentityService, clock: Any) -> None:
    request = (await _ask(vendor)).json()["auth_req_id"]
    clock.move(timedelta(seconds=121))
    assert (await _poll(vendor, request)).json()["error"] == "expired_token"
    assert await identity.challenges.list_waiting(DOCTOR) == []


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"login_hint": ""}, "invalid_request", "missing parameter : login_hint"),
        ({"scope": ""}, "invalid_request", "missing parameter : scope"),
        ({"login_hint": "810101234564"}, "invalid_request", "invalid_user"),
        ({"login_hint": "nobody"}, "invalid_request", "invalid_user"),
        ({"scope": "scope_all"}, "invalid_scope", "scope is openid scope_all."),
        ({"binding_message": "<b>42</b>"}, "invalid_binding_message", "binding_message: 40 plain characters at most."),
    ],
)
async def test_a_bad_request_has_the_national_provider_s_words(
    vendor: Any, changes: dict[str, str], error: str, text: str
) -> None:
    assert (await _ask(vendor, **changes)).json() == {"error": error, "error_description": text}


async def test_another_client_cannot_collect_the_answer(vendor: Any, identity: IdentityService) -> None:
    client = await identity.psc.clients.find("autre")
    assert client is not None
    await identity.psc.clients.add(msgspec.structs.replace(client, grants=(CIBA,)))
    request = (await _ask(vendor)).json()["auth_req_id"]
    [waiting] = await identity.challenges.list_waiting(DOCTOR)
    await identity.challenges.answer(DOCTOR, waiting.id, number="42")
    stolen = await _poll(vendor, request, auth=("autre", "un-secret-de-test"))
    assert stolen.json()["error"] == "invalid_grant"
    assert (await _poll(vendor, request)).status_code == 200


async def test_ciba_must_be_activated_for_the_client(vendor: Any) -> None:
    form = {"scope": "openid", "login_hint": DOCTOR}
    answer = await vendor.post("/ext/ciba/auth", form, auth=("autre", "un-secret-de-test"))
    assert answer.json()["error"] == "unauthorized_client"


async def test_a_flood_of_requests_is_bounded(vendor: Any) -> None:
    for _ in range(5):
        assert (await _ask(vendor)).status_code == 200
    assert (await _ask(vendor)).json()["error"] == "access_denied"


async def test_a_browser_login_waits_for_the_phone_and_shows_the_number(
    vendor: Any, http: Any, read_hidden: Any, identity: IdentityService
) -> None:
    page = await vendor.authorize()
    page = await http.post("/auth/ecps", data=read_hidden(page.text) | {"identifier": "10109876549"})
    wait = page.headers["location"]
    page = await http.get(wait)
    [waiting] = await identity.challenges.list_waiting(DOCTOR)
    assert waiting.number in page.text
    assert page.headers["refresh"]
    phone = await http.get("/sandbox/ecps", params={"identifiant": DOCTOR})
    form = read_hidden(phone.text) | {"number": waiting.number}
    assert (await http.post(f"/sandbox/ecps/{waiting.id}", data=form)).status_code == 303
    page = await http.get(wait)
    assert "consent" in page.text
    assert http.cookies.get("socle-sso-psc")
    assert (await http.get(wait)).status_code == 401


async def test_the_phone_s_page_needs_its_own_token(vendor: Any, http: Any, identity: IdentityService) -> None:
    await _ask(vendor)
    [waiting] = await identity.challenges.list_waiting(DOCTOR)
    answer = await http.post(f"/sandbox/ecps/{waiting.id}", data={"subject": DOCTOR, "number": "42", "forgery": "x"})
    assert answer.status_code == 401
    assert len(await identity.challenges.list_waiting(DOCTOR)) == 1


async def test_a_program_can_hold_the_phone(vendor: Any, http: Any) -> None:
    request = (await _ask(vendor, binding_message="Dossier 12")).json()["auth_req_id"]
    [waiting] = (await http.get(f"/sandbox/api/ecps/{DOCTOR}")).json()
    assert waiting["binding_message"] == "Dossier 12"
    answer = await http.post("/sandbox/api/ecps", json={"id": waiting["id"], "subject": DOCTOR})
    assert answer.status_code == 204
    assert (await _poll(vendor, request)).status_code == 200


async def test_the_switches_make_the_provider_refuse_and_fail(vendor: Any, toggles: Any, read_query: Any) -> None:
    toggles.state = SwitchState(psc=Health.REFUSE)
    assert read_query(await vendor.authorize())["error"] == "access_denied"
    assert (await _ask(vendor)).json()["error"] == "access_denied"
    toggles.state = SwitchState(psc=Health.DOWN)
    answer = await vendor.redeem("code")
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    toggles.state = SwitchState(expired_cards=(DOCTOR,))
    refused = await vendor.log_in()
    assert refused.status_code == 401
