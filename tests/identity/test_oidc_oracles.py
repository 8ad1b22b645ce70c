"""Client libraries that are not ours log in to a running base: authlib (Python) and openid-client (Node)."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.integrations.httpx_client import OAuth2Client
from authlib.jose import JsonWebKey, jwt

pytestmark = pytest.mark.blackbox

CALLBACK = "http://127.0.0.1:9/retour"
RPPS = "10109876549"
REALM = "/auth/realms/esante-wallet"


def hidden(page: str) -> dict[str, str]:
    import html

    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in found}


def log_in(browser: httpx.Client, address: str) -> str:
    """Follows the login pages with the card; returns the address that the browser is sent back to."""
    page = browser.get(address)
    if page.status_code == 200:
        page = browser.post("/auth/card", data=hidden(page.text) | {"identifier": RPPS, "pin": "1234"})
    if page.status_code == 200:
        page = browser.post("/auth/consent", data=hidden(page.text) | {"answer": "yes"})
    return page.headers["location"]


def test_authlib_logs_in_refreshes_and_revokes(registered: tuple[str, str]) -> None:
    url, secret = registered
    metadata = httpx.get(f"{url}{REALM}/.well-known/wallet-openid-configuration").json()
    client = OAuth2Client(
        "lgc-oracle", secret, scope="openid scope_all", redirect_uri=CALLBACK, code_challenge_method="S256"
    )
    verifier = "v" * 64
    address, state = client.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce="n" * 32, acr_values="eidas1"
    )
    with httpx.Client(base_url=url) as browser:
        back = log_in(browser, address)
        tokens = client.fetch_token(
            metadata["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier
        )
        keys = JsonWebKey.import_key_set(httpx.get(metadata["jwks_uri"]).json())
        expected = {
            "iss": {"essential": True, "value": metadata["issuer"]},
            "aud": {"essential": True, "value": "lgc-oracle"},
            "nonce": {"essential": True, "value": "n" * 32},
            "acr": {"essential": True, "value": "eidas1"},
        }
        claims = jwt.decode(tokens["id_token"], keys, claims_options=expected)
        claims.validate()
        told = client.get(metadata["userinfo_endpoint"]).json()
        assert told["sub"] == claims["sub"] == "f:550dc1c8-d97b-4b1e-ac8c-8eb4471cf9dd:810109876549"
        fresh = client.refresh_token(metadata["token_endpoint"], refresh_token=tokens["refresh_token"])
        assert client.introspect_token(metadata["introspection_endpoint"], fresh["access_token"]).json()["active"]
        assert client.revoke_token(metadata["revocation_endpoint"], fresh["refresh_token"]).status_code == 200
        after = client.introspect_token(metadata["introspection_endpoint"], fresh["access_token"]).json()
        assert after == {"active": False}
    assert parse_qs(urlsplit(back).query)["iss"] == [metadata["issuer"]]


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with openid-client, installed for the time of the tests."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("node")
    (folder / "package.json").write_text('{"type": "module"}')
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "openid-client@6"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=90)
    except subprocess.TimeoutExpired:
        pytest.skip("the package registry does not answer")
    if done.returncode != 0:
        pytest.skip(f"openid-client could not be installed: {done.stderr[-200:]}")
    return folder


def test_openid_client_logs_in_by_code_and_by_ciba_and_is_refused_when_it_cheats(
    registered: tuple[str, str], node_modules: Path
) -> None:
    url, secret = registered
    script = node_modules / "relying_party.mjs"
    script.write_text(Path(__file__).with_name("relying_party.mjs").read_text())
    done = subprocess.run(
        ["node", str(script), url + REALM, "lgc-oracle", secret, CALLBACK, RPPS],
        cwd=node_modules,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "sub": "f:550dc1c8-d97b-4b1e-ac8c-8eb4471cf9dd:810109876549",
        "name": "MARCHAND",
        "exercises": 1,
        "active": True,
        "replayed": "invalid_grant",
        "mixUp": "OAUTH_INVALID_RESPONSE",
        "wrongVerifier": "invalid_grant",
        "ciba": "810109876549",
        "afterLogout": False,
    }


def test_a_slow_login_stalls_nobody(registered: tuple[str, str]) -> None:
    url, _ = registered
    switches = f"{url}/sandbox/switches"

    async def run() -> float:
        async with httpx.AsyncClient(base_url=url, timeout=20) as http:
            await http.patch(switches, content=b'{"psc": "slow", "delay_ms": 3000}')
            slow = [asyncio.create_task(http.post("/sandbox/token", json={"rpps": RPPS})) for _ in range(5)]
            await asyncio.sleep(0.2)
            started = asyncio.get_running_loop().time()
            await http.get("/health/live")
            light = asyncio.get_running_loop().time() - started
            assert not any(task.done() for task in slow)
            assert {answer.status_code for answer in await asyncio.gather(*slow)} == {200}
            await http.delete(switches)
            return light

    assert asyncio.run(run()) < 2
