"""Each failure that a vendor can rehearse, switched by the command line and met at the real doors of a live base."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from cryptography import x509

from socle.sandbox import cast
from socle.sandbox.pki import KeyPurpose, ensure_authority
from socle.sandbox.populate import POPULATOR
from socle.server.offline import open_services
from socle.services.directory.domain import Exercise, Professional
from socle.services.identity.domain import GRANT_CODE, GRANT_REFRESH, Client, ClientAuthentication, Means, sha256

pytestmark = [pytest.mark.blackbox, pytest.mark.timeout(240)]

REALM = "/auth/realms/esante-wallet/protocol/openid-connect"
DOCTOR = Professional(
    id_nat="810101234564", rpps="10101234564", family="ROY", given="LUC", exercises=(Exercise(profession="10"),)
)
PERSON = cast.INSI_CASES[2]


class Bench:
    """A base of the vendor's own, and what their software holds."""

    def __init__(self, running: Any) -> None:
        self.running = running
        self.url = running.url
        authority = ensure_authority(running.data / "pki")
        issued = authority.issue_organisation("1750987653", "LGC", KeyPurpose.AUTHENTICATION, common_name="lgc.example")
        self.subject = issued.subject
        self.serial = f"{x509.load_pem_x509_certificate(issued.certificate.encode()).serial_number:x}"
        self.certificate = running.data / "lgc.pem"
        self.certificate.write_text(issued.certificate + issued.chain + issued.key)
        self.authorities = running.data / "authorities-of-tests.pem"
        self.authorities.write_bytes(authority.trust_bundle)
        self.refresh_token = ""

    async def prepare(self) -> None:
        async with open_services(self.running.settings) as services:
            await services.directory.load([DOCTOR])
            await services.ins.teleservice.enrol(POPULATOR, cast.INSI_CASES)
            psc = services.identity.psc
            client = Client(
                client_id="repetition",
                name="Répétition",
                secret_sha256=sha256("s"),
                redirect_uris=("http://127.0.0.1:9/r",),
                grants=(GRANT_CODE, GRANT_REFRESH),
            )
            await psc.clients.add(client)
            await psc.clients.add(
                msgspec.structs.replace(
                    client,
                    client_id="repetition-tls",
                    authentication=ClientAuthentication.TLS,
                    tls_subject=self.subject,
                )
            )
            session, _ = await psc.sessions.open(DOCTOR.id_nat, Means.ECPS)
            tokens = await psc.grants.grant_directly(client, session, scope="openid scope_all", acr="eidas1")
            self.refresh_token = tokens.refresh_token

    def switch(self, *options: str) -> dict[str, Any]:
        command = "change" if options else "reset"
        done = subprocess.run(
            [sys.executable, "-m", "socle.cli", "sandbox", "switches", command, *options, "--url", self.url, "--json"],
            capture_output=True,
            text=True,
            env=dict(os.environ),
            timeout=60,
            check=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def token(self) -> str:
        given = httpx.post(f"{self.url}/sandbox/token", json={"rpps": DOCTOR.rpps}, timeout=30)
        return str(given.json()["access_token"])

    def ask_insi(self, token: str) -> httpx.Response:
        traits = PERSON.traits
        query = {
            "birth_name": traits.birth_name,
            "given_names": [traits.first_given_name],
            "sex": traits.sex,
            "birth_date": traits.birth_date,
        }
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.post(f"{self.url}/ins/api/insi/search", json=query, headers=headers, timeout=30)

    def refresh(self) -> httpx.Response:
        form = {"grant_type": "refresh_token", "refresh_token": self.refresh_token}
        answer = httpx.post(f"{self.url}{REALM}/token", data=form, auth=("repetition", "s"), timeout=30)
        self.refresh_token = answer.json().get("refresh_token", self.refresh_token)
        return answer

    def introspect_with_certificate(self) -> httpx.Response:
        context = ssl.create_default_context(cafile=str(self.authorities))
        context.load_cert_chain(self.certificate)
        form = {"client_id": "repetition-tls", "token": "x"}
        with httpx.Client(verify=context, timeout=30) as http:
            return http.post(f"{self.running.tls_url}{REALM}/token/introspect", data=form)


@pytest.fixture(scope="module")
def prepared(new_base: Any) -> Bench:
    found = Bench(new_base())
    asyncio.run(found.prepare())
    return found


@pytest.fixture
def bench(prepared: Bench) -> Iterator[Bench]:
    yield prepared
    prepared.switch()


def test_insi_is_down_slow_and_tells_wrong_traits(bench: Bench) -> None:
    token = bench.token()
    bench.switch("--insi", "down")
    down = bench.ask_insi(token)
    assert (down.status_code, down.json()["code"]) == (503, "InsiDown"), down.text
    bench.switch("--insi", "slow", "--delay-ms", "700")
    started = time.monotonic()
    assert bench.ask_insi(token).json()["code"] == "00"
    assert time.monotonic() - started > 0.7
    bench.switch("--insi", "normal", "--wrong-traits")
    wrong = bench.ask_insi(token).json()
    assert wrong["person"]["ins"]["matricule"] == PERSON.ins.matricule
    assert wrong["person"]["traits"]["birth_name"] != PERSON.traits.birth_name


def test_pro_sante_connect_refuses_and_is_down(bench: Bench) -> None:
    bench.switch("--psc", "refuse")
    assert bench.refresh().json()["error"] == "access_denied"
    bench.switch("--psc", "down")
    down = bench.refresh()
    assert (down.status_code, down.json()["error"]) == (503, "temporarily_unavailable")
    bench.switch()
    assert bench.refresh().status_code == 200


def test_a_card_has_expired(bench: Bench, read_hidden: Any) -> None:
    asked = {
        "response_type": "code",
        "client_id": "repetition",
        "redirect_uri": "http://127.0.0.1:9/r",
        "scope": "openid scope_all",
        "acr_values": "eidas1",
        "state": "s" * 16,
        "nonce": "n" * 16,
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
    }
    bench.switch("--expired-card", DOCTOR.id_nat)
    with httpx.Client(base_url=bench.url, timeout=30) as browser:
        form = read_hidden(browser.get("/auth", params=asked).text) | {"identifier": DOCTOR.rpps, "pin": "1234"}
        refused = browser.post("/auth/card", data=form)
        assert (refused.status_code, "expiré" in refused.text) == (401, True)
        bench.switch()
        assert browser.post("/auth/card", data=form).status_code in {200, 303}


def test_a_certificate_is_revoked(bench: Bench) -> None:
    assert bench.introspect_with_certificate().json() == {"active": False}
    bench.switch("--revoked-certificate", bench.serial)
    refused = bench.introspect_with_certificate()
    assert refused.status_code == 401
    assert "revoked" in refused.json()["error_description"]


def test_the_clock_shows_any_date(bench: Bench) -> None:
    told = bench.switch("--clock", "2031-02-03T04:05:06Z")
    assert str(told["now"]).startswith("2031-02-03T04:05")
    claims = json.loads(_payload(bench.token()))
    assert time.gmtime(claims["iat"])[:3] == (2031, 2, 3)
    bench.switch("--clock", "1999-12-31T23:00:00Z")
    claims = json.loads(_payload(bench.token()))
    assert time.gmtime(claims["iat"])[:3] == (1999, 12, 31)


def _payload(token: str) -> bytes:
    import base64

    part = token.split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
