from __future__ import annotations

import base64
import functools
import hashlib
import html
import itertools
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey
from starlette.applications import Starlette

from socle.platform.base import Base
from socle.platform.switches import NORMAL, SwitchState
from socle.services.directory.domain import Activity, Exercise, Professional, Structure
from socle.services.directory.service import DirectoryService
from socle.services.identity.domain import (
    GRANT_CIBA,
    GRANT_CODE,
    GRANT_EXCHANGE,
    GRANT_REFRESH,
    Client,
    ClientAuthentication,
    sha256,
)
from socle.services.identity.routes import routes
from socle.services.identity.service import IdentityService

HOSPITAL = Structure(
    id="F750987653", id_nat="1750987653", finess="750987653", name="HOPITAL DES EXEMPLES", sector="SA01"
)
PHARMACY = Structure(
    id="R10105001", id_nat="391987654000015", siret="91987654000015", name="PHARMACIE DU TEST", sector="SA33"
)
DOCTOR = Professional(
    id_nat="810109876549",
    rpps="10109876549",
    civility="MME",
    family="MARCHAND",
    given="CAMILLE",
    exercises=(
        Exercise(
            profession="10",
            civility="DR",
            skill_type="S",
            skill="SM54",
            activities=(Activity(id="1010000001", mode="S", sector="SA01", genre="GENR01", structure=HOSPITAL),),
        ),
        Exercise(
            profession="21",
            activities=(Activity(id="1010000002", mode="L", sector="SA33", pharmacy_section="A", structure=PHARMACY),),
        ),
    ),
)
RETIRED = Professional(id_nat="810101234564", rpps="10101234564", family="ANCIEN", given="PAUL", is_active=False)

CALLBACK = "https://lgc.example/retour?tenant=1"
SECRET = "un-secret-de-test"
PREFIX = "/auth/realms/esante-wallet/protocol/openid-connect"


@pytest.fixture
def database_url(emptied_url: str) -> str:
    return emptied_url


class Toggles:
    """Failure switches that a test sets."""

    def __init__(self) -> None:
        self.state: SwitchState = NORMAL

    def __call__(self) -> SwitchState:
        return self.state


@pytest.fixture
def toggles() -> Toggles:
    return Toggles()


@pytest.fixture(scope="session")
def rsa_keys() -> list[RSAKey]:
    """Keys made once: making one takes longer than most tests."""
    return [RSAKey.generate_key(2048) for _ in range(3)]


@pytest.fixture(autouse=True)
def quick_keys(rsa_keys: list[RSAKey], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call gives the next of three keys."""
    supply = itertools.cycle(rsa_keys)
    monkeypatch.setattr(RSAKey, "generate_key", lambda *_args, **_options: next(supply))


@pytest.fixture
async def identity(base: Base, toggles: Toggles) -> IdentityService:
    """The service with two professionals and two clients."""
    directory = DirectoryService(base)
    await directory.load((DOCTOR, RETIRED), (HOSPITAL, PHARMACY))
    service = IdentityService(base, directory, switches=toggles)
    for client in (
        Client(
            client_id="lgc",
            name="Logiciel du cabinet",
            secret_sha256=sha256(SECRET),
            redirect_uris=(CALLBACK,),
            logout_redirect_uris=("https://lgc.example/bye",),
            backchannel_logout_uri="https://lgc.example/backchannel",
            grants=(GRANT_CODE, GRANT_REFRESH, GRANT_CIBA, GRANT_EXCHANGE),
        ),
        Client(
            client_id="autre",
            name="Autre logiciel",
            authentication=ClientAuthentication.POST,
            secret_sha256=sha256(SECRET),
            redirect_uris=("https://autre.example/retour",),
        ),
    ):
        await service.psc.clients.add(client)
    return service


@pytest.fixture
def application(identity: IdentityService) -> Starlette:
    found = Starlette(routes=routes(identity))
    found.state.is_sandbox = True
    return found


@pytest.fixture
async def http(application: Starlette, identity: IdentityService) -> AsyncIterator[httpx.AsyncClient]:
    """A browser and a server of a vendor in one: no redirect is followed by itself."""
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url=identity.base.settings.base_url) as client:
        yield client


class Vendor:
    """The software of a vendor: builds requests, so that a test can spoil one thing at a time."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        self.parameters = {
            "response_type": "code",
            "client_id": "lgc",
            "redirect_uri": CALLBACK,
            "scope": "openid scope_all",
            "acr_values": "eidas1",
            "state": secrets.token_urlsafe(16),
            "nonce": secrets.token_urlsafe(16),
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }

    async def authorize(self, **changes: str) -> httpx.Response:
        return await self.http.get("/auth", params=self.parameters | changes)

    async def log_in(self, **changes: str) -> httpx.Response:
        """Goes through the pages with the card, and consents; the last answer redirects to the vendor."""
        page = await self.authorize(**changes)
        if page.status_code == 303:
            return page
        hidden = hidden_fields(page.text)
        page = await self.http.post("/auth/card", data=hidden | {"identifier": DOCTOR.rpps, "pin": "1234"})
        if page.status_code == 200:
            page = await self.http.post("/auth/consent", data=hidden_fields(page.text) | {"answer": "yes"})
        return page

    async def code(self, **changes: str) -> str:
        return query_of(await self.log_in(**changes))["code"]

    async def redeem(self, code: str, *, auth: tuple[str, str] = ("lgc", SECRET), **changes: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "code_verifier": self.verifier,
        }
        return await self.post("/token", form | changes, auth=auth)

    async def tokens(self) -> dict[str, Any]:
        answer = await self.redeem(await self.code())
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def refresh(self, token: str, *, auth: tuple[str, str] = ("lgc", SECRET)) -> httpx.Response:
        return await self.post("/token", {"grant_type": "refresh_token", "refresh_token": token}, auth=auth)

    async def post(
        self, path: str, form: dict[str, str], *, auth: tuple[str, str] | None = ("lgc", SECRET)
    ) -> httpx.Response:
        return await self.http.post(PREFIX + path, data=form, auth=auth)

    async def userinfo(self, token: str) -> httpx.Response:
        return await self.http.get(PREFIX + "/userinfo", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def vendor(http: httpx.AsyncClient) -> Vendor:
    return Vendor(http)


def hidden_fields(page: str) -> dict[str, str]:
    """The hidden fields of the first form that has some."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in found}


def query_of(response: httpx.Response) -> dict[str, str]:
    """The query of the address to which a response redirects."""
    assert response.status_code in {302, 303}, response.text
    return {name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()}


@pytest.fixture
def read_hidden() -> Any:
    return hidden_fields


@pytest.fixture
def read_query() -> Any:
    return query_of


_HEADER = (
    "Type d'identifiant PP|Identifiant PP|Identification nationale PP|Code civilité d'exercice|Code civilité|"
    "Nom d'exercice|Prénom d'exercice|Code profession|Code catégorie professionnelle|Code type savoir-faire|"
    "Code savoir-faire|Code mode exercice|Numéro FINESS site|Identifiant technique de la structure|"
    "Raison sociale site|Ancien identifiant de la structure|Code secteur d'activité"
)
_LINE = (
    "8|10109876549|810109876549|DR|MME|MARCHAND|CAMILLE|10|C|S|SM54|S|750987653|F750987653|HOPITAL DES EXEMPLES|"
    "1750987653|SA01"
)


def run_socle(running: Any, *arguments: str) -> str:
    """Runs a command of the base's own command line on the running base."""
    done = subprocess.run(
        [sys.executable, "-m", "socle.cli", *arguments, "--data", str(running.data)],
        env=os.environ | running.settings.to_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def socle(running_base: Any) -> Callable[..., str]:
    """Runs a command on the live base; returns what it prints."""
    return functools.partial(run_socle, running_base)


@pytest.fixture(scope="session")
def registered(running_base: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The address of a base with one professional and one client, and the client's secret."""
    file = tmp_path_factory.mktemp("annuaire") / "PS.txt"
    file.write_text(f"{_HEADER}\n{_LINE}\n")
    assert "1 professionals" in run_socle(running_base, "directory", "import", str(file), "--no-full")
    grants = [part for grant in ("code", "refresh", "ciba") for part in ("--grant", grant)]
    made = run_socle(
        running_base,
        "psc",
        "client",
        "add",
        "lgc-oracle",
        "--name",
        "LGC",
        "--redirect-uri",
        "http://127.0.0.1:9/retour",
        *grants,
        "--json",
    )
    return running_base.url, json.loads(made)["client_secret"]
