from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pyotp
import pytest
from starlette.requests import Request

from socle.platform.actor import ActorKind
from socle.services.identity.domain import AccountKind
from socle.services.identity.errors import LoginRefused
from socle.services.identity.personas import Persona
from socle.services.identity.portal_logins import PortalLogins
from socle.services.identity.service import IdentityService
from socle.services.identity.sessions import Space
from socle.services.identity.sso import BackchannelLogout
from socle.standards.errors import Conflict, Forbidden, InvalidContent
from socle.standards.ids.ins import OID_NIR_TEST, Ins
from socle.standards.ids.traits import Traits

JEANNE = Persona(
    ins=Ins("284076938304258", OID_NIR_TEST),
    traits=Traits.of("D'ARCY", "JEANNE MARIE", "F", "1984-07-17", "69383"),
    email="jeanne@exemple.test",
)
PASSWORD = "cheval batterie agrafe"


def request_of(http: Any) -> Request:
    """What the next request of this browser would look like."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in http.cookies.jar)
    return Request({"type": "http", "headers": [(b"cookie", cookies.encode())], "client": ("127.0.0.1", 1)})


async def follow(http: Any, response: Any) -> Any:
    while response.status_code in {302, 303}:
        location = response.headers["location"]
        assert urlsplit(location).hostname in {None, "127.0.0.1"}, location
        if location.startswith(("/pro", "/espace", "/operateur")):
            return response
        response = await http.get(location)
    return response


async def log_professional_in(http: Any, read_hidden: Any, back: str = "/pro/patients?x=1") -> Any:
    page = await follow(http, await http.get("/connexion", params={"espace": "professionnel", "retour": back}))
    form = read_hidden(page.text) | {"identifier": "10109876549", "pin": "1234"}
    return await follow(http, await http.post("/auth/card", data=form))


async def test_a_professional_logs_in_by_the_base_s_own_provider_and_chooses_a_situation(
    http: Any, identity: IdentityService, read_hidden: Any
) -> None:
    answer = await log_professional_in(http, read_hidden)
    assert answer.headers["location"] == "/pro/patients?x=1"
    logins = PortalLogins(identity, Space.PROFESSIONAL)
    login = await logins.find(request_of(http))
    assert login is not None
    assert (login.actor.id, login.actor.profession, login.actor.sector) == ("810109876549", "10", "SA01")
    assert [(way.name, way.is_current) for way in login.ways] == [("Médecin", True), ("Pharmacien", False)]
    await logins.choose(request_of(http), login.ways[1].key)
    changed = await logins.find(request_of(http))
    assert changed is not None
    assert changed.actor.profession == "21"
    with pytest.raises(Forbidden):
        await logins.choose(request_of(http), "60C")
    assert await PortalLogins(identity, Space.OPERATOR).find(request_of(http)) is None


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
async def test_login_returns_to_this_site_alone(http: Any, read_hidden: Any, back: str) -> None:
    assert (await log_professional_in(http, read_hidden, back)).headers["location"] == "/pro"


async def test_an_answer_that_this_browser_did_not_ask_for_is_refused(http: Any, read_hidden: Any) -> None:
    started = await http.get("/connexion/vers/psc", params={"retour": "/pro"})
    page = await http.get(started.headers["location"])
    form = read_hidden(page.text) | {"identifier": "10109876549", "pin": "1234"}
    back = (await http.post("/auth/card", data=form)).headers["location"]
    for spoiled in (
        re.sub(r"state=[^&]+", "state=x", back),
        re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fevil.example", back),
        re.sub(r"&iss=[^&]+", "", back),
        re.sub(r"code=[^&]+", "code=x", back),
    ):
        assert (await http.get(spoiled)).status_code == 401, spoiled
    kept = http.cookies.get("socle-rp")
    http.cookies.delete("socle-rp")
    assert (await http.get(back)).status_code == 401
    http.cookies.set("socle-rp", kept, domain="127.0.0.1")
    assert (await http.get(back)).status_code == 303


async def test_logging_out_ends_both_sessions_and_needs_the_page_s_token(
    http: Any, identity: IdentityService, read_hidden: Any
) -> None:
    await log_professional_in(http, read_hidden)
    logins = PortalLogins(identity, Space.PROFESSIONAL)
    login = await logins.find(request_of(http))
    assert login is not None
    assert (await http.post(logins.logout_path(), data={"csrf": "x"})).status_code == 401
    answer = await http.post(logins.logout_path(), data={"csrf": login.csrf})
    assert "id_token_hint" in answer.headers["location"]
    page = await follow(http, answer)
    assert page.status_code == 200
    assert await logins.find(request_of(http)) is None
    assert (await identity.psc.sessions.find(http.cookies.get("socle-sso-psc") or "")) is None


async def test_a_notice_of_the_provider_closes_the_portal_s_session(
    http: Any, identity: IdentityService, read_hidden: Any
) -> None:
    await log_professional_in(http, read_hidden)
    async with identity.base.database.connection() as connection:
        sid = await connection.fetchval("SELECT upstream_sid FROM identity_session")
    token = await identity.psc.sessions.logout_token(BackchannelLogout("psc", "socle-portail", "810109876549", sid))
    assert (await http.post("/connexion/fin/psc", data={"logout_token": token + "x"})).status_code == 400
    assert (await http.post("/connexion/fin/psc", data={"logout_token": token})).status_code == 200
    assert await PortalLogins(identity, Space.PROFESSIONAL).find(request_of(http)) is None


async def log_citizen_in(http: Any, read_hidden: Any) -> Any:
    page = await follow(http, await http.get("/connexion/vers/franceconnect", params={"retour": "/espace"}))
    form = read_hidden(page.text) | {"subject": JEANNE.subject}
    return await follow(http, await http.post("/franceconnect/api/v2/personne", data=form))


async def test_a_fictitious_citizen_logs_in_by_franceconnect_into_her_own_record(
    http: Any, identity: IdentityService, read_hidden: Any
) -> None:
    async def find_bearer(traits: Traits) -> Ins | None:
        return JEANNE.ins if traits.five == JEANNE.traits.five else None

    identity._find_patient = find_bearer
    await identity.personas.add([JEANNE])
    assert (await log_citizen_in(http, read_hidden)).headers["location"] == "/espace"
    login = await PortalLogins(identity, Space.CITIZEN).find(request_of(http))
    assert login is not None
    assert (login.actor.kind, login.ins, login.actor.patient) == (ActorKind.PATIENT, JEANNE.ins, JEANNE.ins)


async def test_a_provider_that_asks_nothing_again_gives_no_fresh_proof(
    http: Any, identity: IdentityService, read_hidden: Any, clock: Any
) -> None:
    await identity.personas.add([JEANNE])
    await log_citizen_in(http, read_hidden)
    assert (await http.post("/connexion/cle/citoyen/options", json={})).status_code == 200
    clock.move(timedelta(minutes=6))
    page = await follow(http, await http.get("/connexion/vers/franceconnect"))
    assert page.headers["location"] == "/espace"
    assert (await http.post("/connexion/cle/citoyen/options", json={})).status_code == 403
    [proof] = re.findall(r'class="button" href="([^"]+)"', (await http.get("/connexion/compte/citoyen")).text)
    page = await follow(http, await http.get(proof.replace("&amp;", "&")))
    form = read_hidden(page.text) | {"subject": JEANNE.subject}
    page = await follow(http, await http.post("/franceconnect/api/v2/personne", data=form))
    assert "passkey-add" in page.text
    assert (await http.post("/connexion/cle/citoyen/options", json={})).status_code == 200


async def test_a_letter_s_code_opens_an_account_with_two_factors(
    http: Any, identity: IdentityService, read_hidden: Any, clock: Any
) -> None:
    code = await identity.accounts.invite(JEANNE.ins, "JEANNE D'ARCY")
    page = await http.get("/connexion/activation")
    form = read_hidden(page.text) | {
        "code": code.lower(),
        "matricule": "2 84 07 69 383 042 58",
        "login": " Jeanne@Exemple.test",
        "password": PASSWORD,
    }
    page = await follow(http, await http.post("/connexion/activation", data=form))
    [secret] = re.findall(r"<code>([A-Z2-7]{32})</code>", page.text)
    totp = pyotp.TOTP(secret)
    form = read_hidden(page.text) | {"code": totp.at(clock.now)}
    page = await http.post("/connexion/second-facteur", data=form)
    recovery = re.findall(r"<code>([A-Z0-9]{5}-[A-Z0-9]{5})</code>", page.text)
    assert len(recovery) == 10
    login = await PortalLogins(identity, Space.CITIZEN).find(request_of(http))
    assert login is not None
    assert login.ins == JEANNE.ins

    async def log_in(password: str, second: str) -> Any:
        http.cookies.clear()
        page = await http.get("/connexion", params={"espace": "citoyen", "retour": "/espace/x"})
        form = read_hidden(page.text) | {"login": "JEANNE@exemple.test", "password": password}
        page = await follow(http, await http.post("/connexion/motdepasse", data=form))
        if page.status_code != 200:
            return page
        return await follow(http, await http.post("/connexion/code", data=read_hidden(page.text) | {"code": second}))

    clock.move(timedelta(seconds=30))
    now = totp.at(clock.now)
    assert (await log_in(PASSWORD, now)).headers["location"] == "/espace/x"
    assert (await log_in(PASSWORD, now)).status_code == 401
    assert (await log_in(PASSWORD, recovery[0])).headers["location"] == "/espace/x"
    assert (await log_in(PASSWORD, recovery[0])).status_code == 401
    for _ in range(5):
        assert (await log_in("faux mot de passe", "000000")).status_code == 401
    clock.move(timedelta(seconds=60))
    locked = await log_in(PASSWORD, totp.at(clock.now))
    assert "cinq erreurs" in locked.text
    clock.move(timedelta(minutes=16))
    assert (await log_in(PASSWORD, totp.at(clock.now))).headers["location"] == "/espace/x"


async def test_activation_tells_nothing_and_ends_after_six_weeks(identity: IdentityService, clock: Any) -> None:
    code = await identity.accounts.invite(JEANNE.ins, "JEANNE")
    with pytest.raises(LoginRefused):
        await identity.accounts.activate(code, "1840769383042", "a@b", PASSWORD)
    clock.move(timedelta(weeks=6, seconds=1))
    with pytest.raises(LoginRefused):
        await identity.accounts.activate(code, JEANNE.ins.matricule, "a@b", PASSWORD)


@pytest.mark.parametrize("password", ["court", "aaaaaaaaaaaaaaaa", "jeanne2026-jeanne", "x" * 300])
async def test_a_weak_password_is_refused(identity: IdentityService, password: str) -> None:
    with pytest.raises(InvalidContent):
        await identity.accounts.add_operator("jeanne@exemple.test", "Jeanne", password)


async def test_an_operator_logs_in_to_the_operators_space_alone(identity: IdentityService) -> None:
    await identity.accounts.add_operator("ops", "Ops", PASSWORD)
    assert (await identity.accounts.check_password(AccountKind.OPERATOR, "OPS", PASSWORD)).name == "Ops"
    with pytest.raises(LoginRefused):
        await identity.accounts.check_password(AccountKind.CITIZEN, "ops", PASSWORD)
    with pytest.raises(Conflict):
        await identity.accounts.add_operator("Ops ", "Autre", PASSWORD)


async def test_a_session_cookie_of_one_space_opens_no_other(
    http: Any, identity: IdentityService, read_hidden: Any
) -> None:
    await log_professional_in(http, read_hidden)
    cookie = http.cookies.get("socle-professionnel")
    http.cookies.set("socle-operateur", cookie, domain="127.0.0.1")
    assert await PortalLogins(identity, Space.OPERATOR).find(request_of(http)) is None
