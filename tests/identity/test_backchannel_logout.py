"""The notice of logout as a little relying party gets it: over HTTP, once it answers, and judged by another library."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from authlib.jose import JsonWebKey, jwt

from socle.server.offline import open_services
from socle.services.identity.domain import Client, Means, sha256

pytestmark = [pytest.mark.blackbox, pytest.mark.timeout(120)]

SUBJECT = "810109876549"


class RelyingParty(HTTPServer):
    """Is down for the first notice, and takes the second."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: queue.Queue[tuple[str, dict[str, list[str]]]] = queue.Queue()
        self.answers = [503, 200]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/fin"


class _Handler(BaseHTTPRequestHandler):
    server: RelyingParty

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.got.put((self.headers["content-type"], parse_qs(body)))
        self.send_response(self.server.answers.pop(0))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


@pytest.fixture
def party() -> Iterator[RelyingParty]:
    server = RelyingParty()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


async def _log_in_and_out(settings: Any, address: str) -> str:
    async with open_services(settings) as services:
        psc = services.identity.psc
        client = Client(
            client_id="petit",
            name="Petit",
            secret_sha256=sha256("s"),
            redirect_uris=("http://127.0.0.1:9/r",),
            backchannel_logout_uri=address,
        )
        await psc.clients.add(client)
        session, _ = await psc.sessions.open(SUBJECT, Means.CARD)
        await psc.grants.grant_directly(client, session, scope="openid scope_all", acr="eidas1")
        await psc.sessions.end(session.id)
        return str(session.id)


def test_a_relying_party_is_told_until_it_answers_and_can_verify_the_notice(
    running_base: Any, party: RelyingParty
) -> None:
    session = asyncio.run(_log_in_and_out(running_base.settings, party.address))
    tokens = []
    for _ in range(2):
        media_type, form = party.got.get(timeout=60)
        assert media_type == "application/x-www-form-urlencoded"
        tokens += form["logout_token"]
    metadata = httpx.get(f"{running_base.url}/auth/realms/esante-wallet/.well-known/openid-configuration").json()
    keys = JsonWebKey.import_key_set(httpx.get(metadata["jwks_uri"]).json())
    for token in tokens:
        claims = jwt.decode(token, keys)
        claims.validate()
        assert (claims["iss"], claims["aud"], claims["sid"]) == (metadata["issuer"], "petit", session)
        assert claims["sub"].endswith(SUBJECT)
        assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
        assert "nonce" not in claims
    assert claims.header["typ"] == "logout+jwt"
