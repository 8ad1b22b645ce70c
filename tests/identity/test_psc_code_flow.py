from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet

from socle.services.identity.service import IdentityService

PREFIX = "/auth/realms/esante-wallet/protocol/openid-connect"


async def _claims(http: httpx.AsyncClient, token: str) -> dict[str, Any]:
    keys = KeySet.import_key_set((await http.get(PREFIX + "/certs")).json())
    return jwt.decode(token, keys, algorithms=["RS256", "ES256"]).claims


async def test_a_login_gives_the_tokens_and_claims_of_the_national_provider(vendor: Any, http: Any, clock: Any) -> None:
    tokens = await vendor.tokens()
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 120)
    assert tokens["refresh_expires_in"] == 1800
    identity, access = await _claims(http, tokens["id_token"]), await _claims(http, tokens["access_token"])
    now = int(clock.now.timestamp())
    assert {key: identity[key] for key in ("aud", "typ", "azp", "acr", "nonce", "sub", "exp", "auth_time")} == {
        "aud": "lgc",
        "typ": "ID",
        "azp": "lgc",
        "acr": "eidas1",
        "nonce": vendor.parameters["nonce"],
        "sub": "f:550dc1c8-d97b-4b1e-ac8c-8eb4471cf9dd:810109876549",
        "exp": now + 120,
        "auth_time": now,
    }
    assert identity["preferred_username"] == "810109876549"
    assert identity["sid"] == identity["session_state"] == tokens["session_state"]
    assert (access["typ"], access["scope"]) == ("Bearer", "openid scope_all")


async def test_userinfo_tells_every_exercise_with_the_names_of_the_fact_sheet(vendor: Any) -> None:
    told = (await vendor.userinfo((await vendor.tokens())["access_token"])).json()
    first, second = told["SubjectRefPro"]["exercices"]
    assert (first["codeProfession"], first["codeSavoirFaire"], second["codeProfession"]) == ("10", "SM54", "21")
    assert first["activities"][0]["numeroFinessSite"] == "750987653"
    assert second["activities"][0]["codeSectionPharmacien"] == "A"
    assert second["activities"][0]["ancienIdentifiantDeLaStructure"] == "391987654000015"
    assert told["SubjectRole"] == ["10^1.2.250.1.213.1.1.5.5", "21^1.2.250.1.213.1.1.5.5"]
    assert told["Secteur_Activite"] == "SA01^1.2.250.1.71.4.2.4"
    assert told["authMode"] == "CARD"
    assert told["otherIds"] == [{"identifiant": "810109876549", "origine": "RPPS", "qualite": 1}]


async def test_a_second_login_in_the_same_browser_asks_nothing(vendor: Any, read_query: Any) -> None:
    await vendor.tokens()
    assert "code" in read_query(await vendor.authorize())
    assert "code" in read_query(await vendor.authorize(prompt="none"))
    assert (await vendor.authorize(prompt="login")).status_code == 200


async def test_prompt_none_without_a_session_is_told_to_the_client(vendor: Any, read_query: Any) -> None:
    answer = read_query(await vendor.authorize(prompt="none"))
    assert (answer["error"], answer["state"]) == ("login_required", vendor.parameters["state"])


async def test_a_session_ends_after_thirty_idle_minutes_and_after_four_hours(vendor: Any, clock: Any) -> None:
    await vendor.tokens()
    for _ in range(9):
        clock.move(timedelta(minutes=25))
        assert (await vendor.authorize()).status_code == 303
    clock.move(timedelta(minutes=25))
    assert (await vendor.authorize()).status_code == 200
    await vendor.log_in()
    clock.move(timedelta(minutes=31))
    assert (await vendor.authorize()).status_code == 200


async def test_refusing_consent_sends_access_denied(vendor: Any, http: Any, read_hidden: Any, read_query: Any) -> None:
    page = await vendor.authorize()
    page = await http.post("/auth/card", data=read_hidden(page.text) | {"identifier": "10109876549", "pin": "1234"})
    answer = await http.post("/auth/consent", data=read_hidden(page.text) | {"answer": "no"})
    assert read_query(answer)["error"] == "access_denied"


async def test_refreshing_replaces_both_tokens(vendor: Any) -> None:
    tokens = await vendor.tokens()
    fresh = (await vendor.refresh(tokens["refresh_token"])).json()
    assert fresh["refresh_token"] != tokens["refresh_token"]
    assert (await vendor.userinfo(fresh["access_token"])).status_code == 200


async def test_introspection_tells_the_national_id_for_an_access_token_alone(vendor: Any) -> None:
    tokens = await vendor.tokens()
    access = (await vendor.post("/token/introspect", {"token": tokens["access_token"]})).json()
    refresh = (await vendor.post("/token/introspect", {"token": tokens["refresh_token"]})).json()
    assert (access["active"], access["SubjectNameID"], access["client_id"]) == (True, "810109876549", "lgc")
    assert (refresh["active"], refresh["typ"]) == (True, "Refresh")
    assert "SubjectNameID" not in refresh
    assert (await vendor.post("/token/introspect", {"token": "x.y.z"})).json() == {"active": False}


async def test_revoking_a_refresh_token_ends_its_access_tokens(vendor: Any) -> None:
    tokens = await vendor.tokens()
    assert (await vendor.post("/revoke", {"token": tokens["refresh_token"]})).status_code == 200
    assert (await vendor.userinfo(tokens["access_token"])).status_code == 401
    assert (await vendor.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await vendor.post("/revoke", {"token": "unknown"})).status_code == 200


async def test_logout_ends_the_session_and_returns_to_the_registered_address(
    vendor: Any, http: Any, read_query: Any
) -> None:
    tokens = await vendor.tokens()
    answer = await http.get(
        PREFIX + "/logout",
        params={
            "id_token_hint": tokens["id_token"],
            "post_logout_redirect_uri": "https://lgc.example/bye",
            "state": "s",
        },
    )
    assert answer.headers["location"] == "https://lgc.example/bye?state=s"
    assert (await vendor.userinfo(tokens["access_token"])).status_code == 401
    assert (await vendor.refresh(tokens["refresh_token"])).status_code == 400
    assert (await vendor.authorize()).status_code == 200


async def test_logout_queues_a_notice_to_the_client(vendor: Any, http: Any, identity: IdentityService) -> None:
    tokens = await vendor.tokens()
    await http.get(PREFIX + "/logout", params={"id_token_hint": tokens["id_token"]})
    async with identity.base.database.connection() as connection:
        rows = await connection.fetch("SELECT payload FROM pgqueuer WHERE entrypoint = 'identity.notify_logout'")
    [row] = rows
    assert json.loads(row["payload"])["session"] == tokens["session_state"]


async def test_a_rotation_keeps_old_tokens_good_and_publishes_the_new_key_first(
    vendor: Any, http: Any, identity: IdentityService, clock: Any
) -> None:
    tokens = await vendor.tokens()
    old = json.loads(base64.urlsafe_b64decode(tokens["id_token"].split(".")[0] + "=="))["kid"]
    new = await identity.keys.rotate("RS256")
    published = {key["kid"] for key in (await http.get(PREFIX + "/certs")).json()["keys"]}
    assert {old, new} <= published
    assert (await _headers_kid(vendor)) == old
    clock.move(timedelta(minutes=6))
    vendor_tokens = (await vendor.refresh(tokens["refresh_token"])).json()
    assert json.loads(base64.urlsafe_b64decode(vendor_tokens["id_token"].split(".")[0] + "=="))["kid"] == new
    await _claims(http, tokens["id_token"])


async def _headers_kid(vendor: Any) -> str:
    tokens = (await vendor.redeem(await vendor.code())).json()
    kid: str = json.loads(base64.urlsafe_b64decode(tokens["id_token"].split(".")[0] + "=="))["kid"]
    return kid


async def test_discovery_is_the_same_at_both_names_and_its_addresses_answer(http: Any) -> None:
    root = "/auth/realms/esante-wallet/.well-known/"
    document = (await http.get(root + "wallet-openid-configuration")).json()
    assert document == (await http.get(root + "openid-configuration")).json()
    assert document["authorization_response_iss_parameter_supported"] is True
    for name in (
        "token_endpoint",
        "introspection_endpoint",
        "revocation_endpoint",
        "backchannel_authentication_endpoint",
    ):
        assert (await http.post(document[name], data={"a": "b"})).status_code == 401
    assert (await http.get(document["jwks_uri"])).status_code == 200
