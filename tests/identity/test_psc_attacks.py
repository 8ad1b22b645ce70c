"""What an attacker or a broken client tries, and is refused, each time for its own reason."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from joserfc.jws import JWSRegistry

from socle.services.identity import rules
from socle.services.identity.clients import Presented
from socle.services.identity.errors import OAuthError
from socle.services.identity.service import IdentityService

PREFIX = "/auth/realms/esante-wallet/protocol/openid-connect"


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/retour?tenant=1",
        "https://lgc.example/retour",
        "https://lgc.example/retour?tenant=1&x=2",
        "https://lgc.example/retour?tenant=1/../x",
        "https://lgc.example:443/retour?tenant=1",
        "https://lgc.example/Retour?tenant=1",
        "https://lgc.example@evil.example/retour?tenant=1",
        "",
    ],
)
async def test_no_answer_goes_to_an_address_that_is_not_registered(vendor: Any, address: str) -> None:
    page = await vendor.authorize(redirect_uri=address)
    assert page.status_code == 400
    assert "location" not in page.headers
    assert "RedirectNotRegistered" in page.text


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"scope": "scope_all"}, "invalid_scope"),
        ({"scope": "openid admin"}, "invalid_scope"),
        ({"acr_values": "eidas9"}, "invalid_request"),
        ({"nonce": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"max_age": "-1"}, "invalid_request"),
    ],
)
async def test_a_wrong_request_is_told_to_the_client_with_the_issuer(
    vendor: Any, read_query: Any, changes: dict[str, str], error: str
) -> None:
    answer = read_query(await vendor.authorize(**changes))
    assert answer["error"] == error
    assert answer["iss"].endswith("/auth/realms/esante-wallet")
    assert answer["state"] == vendor.parameters["state"]


async def test_every_answer_names_the_issuer_against_mix_up(vendor: Any, read_query: Any) -> None:
    answer = read_query(await vendor.log_in())
    assert answer["iss"] == "http://127.0.0.1:8000/auth/realms/esante-wallet"


async def test_a_replayed_code_is_refused_and_revokes_what_the_first_use_gave(vendor: Any) -> None:
    code = await vendor.code()
    tokens = (await vendor.redeem(code)).json()
    assert (await vendor.redeem(code)).json()["error"] == "invalid_grant"
    assert (await vendor.userinfo(tokens["access_token"])).status_code == 401
    assert (await vendor.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_of_two_uses_of_a_code_at_once_one_wins_at_most(vendor: Any) -> None:
    code = await vendor.code()
    answers = await asyncio.gather(*(vendor.redeem(code) for _ in range(5)))
    assert sum(answer.status_code == 200 for answer in answers) <= 1


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "x" * 43},
        {"code_verifier": ""},
        {"redirect_uri": "https://lgc.example/retour"},
        {"redirect_uri": ""},
    ],
)
async def test_a_code_with_a_wrong_proof_is_refused_and_spent(vendor: Any, changes: dict[str, str]) -> None:
    code = await vendor.code()
    assert (await vendor.redeem(code, **changes)).json()["error"] == "invalid_grant"
    assert (await vendor.redeem(code)).json()["error"] == "invalid_grant"


async def test_a_code_of_another_client_is_refused(vendor: Any) -> None:
    answer = await vendor.redeem(await vendor.code(), auth=("autre", "un-secret-de-test"))
    assert answer.json()["error"] == "invalid_grant"


async def test_a_code_lives_one_minute(vendor: Any, clock: Any) -> None:
    code = await vendor.code()
    clock.move(timedelta(seconds=61))
    assert (await vendor.redeem(code)).json()["error"] == "invalid_grant"


async def test_a_reused_refresh_token_revokes_the_whole_chain(vendor: Any) -> None:
    tokens = await vendor.tokens()
    fresh = (await vendor.refresh(tokens["refresh_token"])).json()
    assert (await vendor.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await vendor.refresh(fresh["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await vendor.userinfo(fresh["access_token"])).status_code == 401


async def test_a_stolen_refresh_token_is_useless_to_another_client_and_harms_nobody(vendor: Any) -> None:
    tokens = await vendor.tokens()
    stolen = await vendor.refresh(tokens["refresh_token"], auth=("autre", "un-secret-de-test"))
    assert stolen.json()["error"] == "invalid_grant"
    assert (await vendor.refresh(tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize("auth", [("lgc", "faux"), ("inconnu", "un-secret-de-test"), ("lgc", ""), ("", "")])
async def test_a_client_that_is_not_proven_learns_nothing(vendor: Any, auth: tuple[str, str]) -> None:
    answer = await vendor.redeem("code", auth=auth)
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert answer.headers["cache-control"] == "no-store"


async def test_two_proofs_at_once_are_refused(vendor: Any) -> None:
    answer = await vendor.redeem("code", client_secret="un-secret-de-test")
    assert answer.json()["error"] == "invalid_request"


async def test_a_repeated_parameter_is_refused(vendor: Any) -> None:
    answer = await vendor.http.post(
        PREFIX + "/token",
        content=b"grant_type=authorization_code&code=a&code=b",
        headers={"content-type": "application/x-www-form-urlencoded"},
        auth=("lgc", "un-secret-de-test"),
    )
    assert answer.json()["error"] == "invalid_request"


def _forge(token: str, header: dict[str, Any], claims: dict[str, Any] | None = None, signature: str = "") -> str:
    parts = token.split(".")
    body = parts[1]
    if claims is not None:
        old = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        body = _encode(old | claims)
    return f"{_encode(header)}.{body}.{signature}"


def _encode(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_altered_and_unsigned_and_confused_tokens_are_refused(vendor: Any) -> None:
    token = (await vendor.tokens())["access_token"]
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    signature = token.split(".")[2]
    [public] = [key for key in (await vendor.http.get(PREFIX + "/certs")).json()["keys"] if key["kid"] == header["kid"]]
    secret = OctKey.import_key(json.dumps(public).encode())
    registry = JWSRegistry(algorithms=["HS256"])
    other = RSAKey.generate_key(2048)
    attacks = {
        "altered claims": _forge(token, header, {"preferred_username": "810101234564"}, signature),
        "alg none": _forge(token, {"alg": "none"}),
        "alg None": _forge(token, {**header, "alg": "None"}),
        "HMAC with the public key": jwt.encode(
            {"alg": "HS256", "kid": header["kid"]}, {"sub": "x"}, secret, algorithms=["HS256"], registry=registry
        ),
        "another key": jwt.encode(header, {"iss": "x"}, other),
        "key in the header": jwt.encode({**header, "jwk": other.as_dict(private=False)}, {"iss": "x"}, other),
        "other algorithm": _forge(token, {**header, "alg": "ES256"}, None, signature),
        "unknown key": _forge(token, {**header, "kid": "x"}, None, signature),
        "truncated": token[:-5],
        "empty": "..",
    }
    for name, attack in attacks.items():
        answer = await vendor.userinfo(attack)
        assert answer.status_code == 401, name
        assert 'error="invalid_token"' in answer.headers["www-authenticate"], name
    assert (await vendor.userinfo(token)).status_code == 200


async def test_an_id_token_opens_nothing(vendor: Any, identity: IdentityService) -> None:
    tokens = await vendor.tokens()
    assert (await vendor.userinfo(tokens["id_token"])).status_code == 401
    with pytest.raises(OAuthError):
        await identity.verify_access_token(tokens["id_token"])


async def test_an_access_token_lives_two_minutes(vendor: Any, clock: Any) -> None:
    tokens = await vendor.tokens()
    clock.move(timedelta(seconds=121))
    assert (await vendor.userinfo(tokens["access_token"])).status_code == 401


async def test_a_form_from_another_site_cannot_log_a_browser_in(vendor: Any, http: Any, read_hidden: Any) -> None:
    hidden = read_hidden((await vendor.authorize()).text)
    http.cookies.clear()
    page = await http.post("/auth/card", data=hidden | {"identifier": "10109876549", "pin": "1234"})
    assert page.status_code == 401
    assert "ForgedForm" in page.text
    assert not http.cookies


async def test_a_planted_session_cookie_is_never_adopted(vendor: Any, http: Any, identity: IdentityService) -> None:
    http.cookies.set("socle-sso-psc", "planted-by-the-attacker")
    await vendor.log_in()
    values = [cookie.value for cookie in http.cookies.jar if cookie.name == "socle-sso-psc"]
    assert "planted-by-the-attacker" not in values or len(set(values)) > 1
    assert await identity.psc.sessions.find("planted-by-the-attacker") is None


async def test_login_changes_the_session_cookie(vendor: Any, http: Any) -> None:
    await vendor.log_in()
    before = http.cookies.get("socle-sso-psc")
    page = await vendor.authorize(prompt="login")
    assert page.status_code == 200
    await vendor.log_in(prompt="login")
    assert http.cookies.get("socle-sso-psc") != before


async def test_logout_without_proof_asks_the_person_and_never_redirects_elsewhere(vendor: Any, http: Any) -> None:
    tokens = await vendor.tokens()
    page = await http.get(PREFIX + "/logout", params={"post_logout_redirect_uri": "https://lgc.example/bye"})
    assert page.status_code == 200
    assert (await vendor.userinfo(tokens["access_token"])).status_code == 200
    page = await http.get(
        PREFIX + "/logout",
        params={"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": "https://evil.example/"},
    )
    assert page.status_code == 400
    assert "location" not in page.headers


async def test_pages_cannot_be_framed_and_run_no_script_of_others(vendor: Any) -> None:
    policy = (await vendor.authorize()).headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy


async def test_three_wrong_pins_block_the_card_for_fifteen_minutes(
    vendor: Any, http: Any, read_hidden: Any, clock: Any
) -> None:
    page = await vendor.authorize()
    for _ in range(3):
        form = read_hidden(page.text) | {"identifier": "10109876549", "pin": "0000"}
        page = await http.post("/auth/card", data=form)
        assert page.status_code == 401
    page = await http.post("/auth/card", data=form | {"pin": "1234"})
    assert "bloquée" in page.text
    clock.move(timedelta(minutes=16))
    page = await http.post("/auth/card", data=form | {"pin": "1234"})
    assert page.status_code == 200
    assert "consent" in page.text


async def test_who_left_the_directory_cannot_log_in(vendor: Any, http: Any, read_hidden: Any) -> None:
    page = await vendor.authorize()
    page = await http.post("/auth/card", data=read_hidden(page.text) | {"identifier": "10101234564", "pin": "1234"})
    assert page.status_code == 401


async def test_a_wrong_secret_takes_as_long_as_an_unknown_client(identity: IdentityService) -> None:
    best = {"lgc": 1.0, "personne": 1.0}
    for _ in range(300):
        for client in best:
            presented = Presented({"client_id": client, "client_secret": "faux"})
            started = time.perf_counter()
            with pytest.raises(OAuthError):
                await identity.psc.clients.authenticate(presented, ())
            best[client] = min(best[client], time.perf_counter() - started)
    assert best["lgc"] == pytest.approx(best["personne"], rel=0.5)


@given(query=st.text(max_size=200))
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_only_local_paths_are_returned_to(query: str) -> None:
    for path in (query, "/" + query, "//" + query, "/\\" + query):
        if rules.is_local_path(path):
            parts = urlsplit(path)
            assert not parts.scheme
            assert not parts.netloc
            assert "\\" not in path


@given(st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
@settings(max_examples=200)
def test_any_verifier_fits_or_not_and_never_fails(text: str) -> None:
    assert rules.verifier_fits("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", text) is False


def test_the_verifier_of_the_rfc_fits() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert rules.verifier_fits("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", verifier)
    assert not rules.verifier_fits("", verifier)


async def test_any_bytes_at_the_token_endpoint_give_an_oauth_error(vendor: Any) -> None:
    for body in (b"\xff\xfe=%zz", b"a=" + b"b" * 9000, b"&".join(b"x%d=1" % n for n in range(100)), b"", b"%00=%00"):
        answer = await vendor.http.post(
            PREFIX + "/token",
            content=body,
            headers={"content-type": "application/x-www-form-urlencoded"},
            auth=("lgc", "un-secret-de-test"),
        )
        assert answer.status_code == 400
        assert set(answer.json()) == {"error", "error_description"}
