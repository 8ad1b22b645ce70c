from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from socle.platform.actor import Actor, AuthenticationMode, Purpose
from socle.platform.base import Base
from socle.platform.switches import SwitchState
from socle.platform.trust import TrustStore
from socle.sandbox.pki import Credential, KeyPurpose, TestAuthority, ensure_authority
from socle.services.identity.domain import (
    GRANT_CODE,
    GRANT_EXCHANGE,
    GRANT_REFRESH,
    Client,
    ClientAuthentication,
    Means,
)
from socle.services.identity.errors import OAuthError
from socle.services.identity.exchange import thumbprint
from socle.services.identity.routes import routes
from socle.services.identity.scopes import DOORS, SCOPES, scope_for
from socle.services.identity.service import IdentityService
from socle.standards.errors import Forbidden, InvalidContent

PREFIX = "/auth/realms/esante-wallet/protocol/openid-connect"
TOKEN = "http://127.0.0.1:8000" + PREFIX + "/token"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS = "urn:ietf:params:oauth:token-type:access_token"


class WithCertificate:
    """Stands for the TLS listener: tells the application which certificate the connection proved."""

    def __init__(self, app: Starlette) -> None:
        self.app = app
        self.certificate: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.certificate is not None:
            scope.setdefault("extensions", {})["tls"] = {"client_cert_der": self.certificate}
        await self.app(scope, receive, send)


# private_key_jwt


@pytest.fixture
def key() -> RSAKey:
    return RSAKey.generate_key(2048)


@pytest.fixture
async def signing_client(identity: IdentityService, key: RSAKey) -> Client:
    client = Client(
        client_id="cle",
        name="Client à clé",
        authentication=ClientAuthentication.PRIVATE_KEY,
        jwks={"keys": [key.as_dict(private=False)]},
        redirect_uris=("https://lgc.example/retour?tenant=1",),
    )
    await identity.psc.clients.add(client)
    return client


def _assertion(key: RSAKey, clock: Any, **changes: Any) -> dict[str, str]:
    now = int(clock.now.timestamp())
    claims = {"iss": "cle", "sub": "cle", "aud": TOKEN, "iat": now, "exp": now + 60, "jti": str(uuid4())} | changes
    return {
        "client_assertion_type": ASSERTION,
        "client_assertion": jwt.encode({"alg": "RS256"}, claims, key),
        "token": "x.y.z",
    }


async def test_a_signed_assertion_proves_the_client_once(
    vendor: Any, clock: Any, key: Any, signing_client: Any
) -> None:
    form = _assertion(key, clock)
    assert (await vendor.post("/token/introspect", form, auth=None)).json() == {"active": False}
    replayed = await vendor.post("/token/introspect", form, auth=None)
    assert replayed.json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://other.example/token"},
        {"sub": "lgc"},
        {"iss": "lgc"},
        {"exp": 1},
        {"exp": 99999999999},
        {"jti": ""},
        {"iat": 99999999999},
    ],
)
async def test_an_assertion_that_says_something_else_is_refused(
    vendor: Any, clock: Any, key: Any, signing_client: Any, changes: dict[str, Any]
) -> None:
    answer = await vendor.post("/token/introspect", _assertion(key, clock, **changes), auth=None)
    assert answer.json()["error"] == "invalid_client"


async def test_an_assertion_of_another_key_or_a_secret_in_its_place_is_refused(
    vendor: Any, clock: Any, signing_client: Any
) -> None:
    stranger = RSAKey.generate_key(2048)
    assert (await vendor.post("/token/introspect", _assertion(stranger, clock), auth=None)).status_code == 401
    assert (await vendor.post("/token/introspect", {"token": "x"}, auth=("cle", ""))).status_code == 401


# Certificates


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    """A test authority like IGC-Santé, made once."""
    return ensure_authority(tmp_path_factory.mktemp("igc"))


_ISSUED_AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def organisation(authority: TestAuthority) -> x509.Certificate:
    shown = authority.issue_organisation(
        "1750987653", "HOPITAL DES EXEMPLES", KeyPurpose.AUTHENTICATION, common_name="lps.example", at=_ISSUED_AT
    )
    return x509.load_pem_x509_certificate(shown.certificate.encode())


@pytest.fixture
async def secure(
    base: Base, identity: IdentityService, toggles: Any, authority: TestAuthority, organisation: x509.Certificate
) -> Any:
    """A service that trusts the test authority, a client with its certificate, an HTTP client that shows it."""
    service = IdentityService(
        base, identity.directory, trust=TrustStore.load(authority.trust_directory), switches=toggles
    )
    client = Client(
        client_id="proxy",
        name="Proxy LPS",
        authentication=ClientAuthentication.TLS,
        tls_subject=organisation.subject.rfc4514_string(),
        redirect_uris=("https://lgc.example/retour?tenant=1",),
        grants=(GRANT_CODE, GRANT_REFRESH, GRANT_EXCHANGE),
        exchange_scopes=("dmp.read", "dmp.write"),
    )
    await service.psc.clients.add(client)
    app = Starlette(routes=routes(service))
    app.state.is_sandbox = True
    wrapped = WithCertificate(app)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(wrapped), base_url="http://127.0.0.1:8000")
    session, _ = await service.psc.sessions.open("810109876549", Means.ECPS, with_cookie=False)
    tokens = await service.psc.grants.grant_directly(client, session, scope="openid scope_all", acr="eidas1")
    return msgspec.defstruct("Secure", ["service", "authority", "wrapped", "http", "der", "token"])(
        service, authority, wrapped, http, organisation.public_bytes(Encoding.DER), tokens.access_token
    )


def _der(credential: Credential) -> bytes:
    return x509.load_pem_x509_certificate(credential.certificate.encode()).public_bytes(Encoding.DER)


def _exchange(secure: Any, **changes: str) -> dict[str, str]:
    return {
        "grant_type": EXCHANGE,
        "client_id": "proxy",
        "subject_token": secure.token,
        "subject_token_type": ACCESS,
        "scope": "dmp.read",
        "cnf": json.dumps({"x5t#S256": thumbprint(secure.der)}),
    } | changes


async def test_an_exchanged_token_is_bound_to_the_certificate(secure: Any) -> None:
    secure.wrapped.certificate = secure.der
    answer = (await secure.http.post(PREFIX + "/token", data=_exchange(secure))).json()
    assert (answer["issued_token_type"], answer["scope"]) == (ACCESS, "dmp.read")
    actor = await _at(secure, answer["access_token"], "GET", "/dmp/fhir/Patient")
    assert (actor.id, actor.authentication) == ("810109876549", AuthenticationMode.INDIRECTE_RENFORCEE)
    for wrong in (None, b"another"):
        with pytest.raises(OAuthError):
            await _at(secure, answer["access_token"], "GET", "/dmp/fhir/Patient", certificate=wrong)
    used = await secure.http.get(PREFIX + "/userinfo", headers={"Authorization": f"Bearer {answer['access_token']}"})
    assert used.status_code == 401


async def _at(secure: Any, token: str, method: str, path: str, **changes: Any) -> Actor:
    """Who the bearer of ``token`` is at a door."""
    tls = {"client_cert_der": changes.get("certificate", secure.der)}
    headers = [(b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": b""}
    scope |= {"server": ("127.0.0.1", 8000), "scheme": "https", "extensions": {"tls": tls}}
    actor: Actor = await secure.service.authenticate(Request(scope))
    return actor


@pytest.mark.parametrize(
    ("method", "path", "is_open"),
    [
        ("GET", "/dmp/fhir/DocumentReference", True),
        ("POST", "/dmp/fhir/DocumentReference/_search", True),
        ("POST", "/dmp/fhir", False),
        ("PUT", "/dmp/fhir/DocumentReference/_search", False),
        ("GET", "/dmp/fhirs", False),
        ("GET", "/audit/fhir/AuditEvent", False),
        ("POST", "/ins/api/insi/search", False),
        ("GET", "/mailboxes/a@b.fr/documents", False),
        ("POST", "/deliveries", False),
        ("GET", "/", False),
    ],
)
async def test_an_exchanged_token_opens_the_doors_of_its_scopes_alone(
    secure: Any, method: str, path: str, is_open: bool
) -> None:
    secure.wrapped.certificate = secure.der
    token = (await secure.http.post(PREFIX + "/token", data=_exchange(secure))).json()["access_token"]
    if is_open:
        assert (await _at(secure, token, method, path)).id == "810109876549"
    else:
        with pytest.raises(Forbidden, match="insufficient_scope"):
            await _at(secure, token, method, path)
    # Mail asks for no certificate and knows no scope.
    with pytest.raises(Forbidden, match="insufficient_scope"):
        await secure.service.verify_access_token(token, certificate=secure.der)


async def test_each_door_of_professionals_has_a_scope() -> None:
    assert {scope_for(method, f"{start}/x") for start in DOORS for method in ("GET", "PATCH")} == SCOPES


async def test_a_client_is_registered_for_scopes_that_exist(secure: Any) -> None:
    with pytest.raises(InvalidContent, match="portée"):
        await secure.service.psc.clients.add(Client(client_id="x", name="X", exchange_scopes=("everything",)))


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"cnf": "{}"}, "invalid_request"),
        ({"cnf": ""}, "invalid_request"),
        ({"scope": "dmp.admin"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"audience": "https://other-api.example"}, "invalid_target"),
        ({"subject_token": "x.y.z"}, "invalid_token"),
        ({"subject_token_type": "urn:x"}, "invalid_request"),
        ({"actor_token": "x.y.z"}, "invalid_request"),
    ],
)
async def test_a_wrong_exchange_is_refused(secure: Any, changes: dict[str, str], error: str) -> None:
    secure.wrapped.certificate = secure.der
    answer = await secure.http.post(PREFIX + "/token", data=_exchange(secure, **changes))
    assert answer.json()["error"] == error


async def test_without_certificate_or_with_another_or_a_revoked_one_nothing_is_given(
    secure: Any, base: Base, toggles: Any
) -> None:
    assert (await secure.http.post(PREFIX + "/token", data=_exchange(secure))).status_code == 401
    other = secure.authority.issue_organisation(
        "1690987656", "AUTRE", KeyPurpose.AUTHENTICATION, common_name="x.example", at=_ISSUED_AT
    )
    secure.wrapped.certificate = _der(other)
    assert (await secure.http.post(PREFIX + "/token", data=_exchange(secure))).status_code == 401
    secure.wrapped.certificate = secure.der
    toggles.state = SwitchState(revoked_certificates=("*",))
    refused = await secure.http.post(PREFIX + "/token", data=_exchange(secure))
    assert refused.status_code == 401
    assert "revoked" in refused.json()["error_description"]


async def test_a_token_given_to_another_client_cannot_be_exchanged(secure: Any) -> None:
    secure.wrapped.certificate = secure.der
    other = await secure.service.sandbox_token("10109876549")
    answer = await secure.http.post(PREFIX + "/token", data=_exchange(secure, subject_token=other.access_token))
    assert answer.json()["error"] == "invalid_grant"


async def test_a_real_card_logs_its_holder_in(secure: Any, base: Base, vendor: Any, read_hidden: Any) -> None:
    card = secure.authority.issue_professional(
        "810109876549", "MARCHAND", "CAMILLE", KeyPurpose.AUTHENTICATION, at=_ISSUED_AT
    )
    secure.wrapped.certificate = _der(card)
    vendor.parameters["client_id"] = "proxy"
    page = await secure.http.get("/auth/carte", params=vendor.parameters)
    assert "CAMILLE MARCHAND" in page.text
    secure.wrapped.certificate = secure.der
    assert (await secure.http.get("/auth/carte", params=vendor.parameters)).status_code == 401


# Actor


async def test_a_sandbox_token_makes_the_actor_of_the_default_situation(identity: IdentityService) -> None:
    token = (await identity.sandbox_token("10109876549")).access_token
    actor = await identity.verify_access_token(token)
    assert (actor.id, actor.name, actor.profession, actor.speciality) == (
        "810109876549",
        "DR CAMILLE MARCHAND",
        "10",
        "SM54",
    )
    assert (actor.structure, actor.sector, actor.software) == ("1750987653", "SA01", "socle-sandbox")


@pytest.mark.parametrize("situation", ["21C", "1010000002", "21C/391987654000015"])
async def test_the_chosen_situation_makes_the_actor(identity: IdentityService, situation: str) -> None:
    token = (await identity.sandbox_token("10109876549")).access_token
    actor = await identity.verify_access_token(token, work_situation=situation)
    assert (actor.profession, actor.speciality, actor.structure) == ("21", "A", "391987654000015")


async def test_a_situation_of_somebody_else_is_refused(identity: IdentityService) -> None:
    token = (await identity.sandbox_token("10109876549")).access_token
    with pytest.raises(Forbidden):
        await identity.verify_access_token(token, work_situation="60C")


def _request(token: str, **headers: str) -> Any:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    authorization = (b"authorization", f"Bearer {token}".encode())
    return Request({"type": "http", "method": "GET", "path": "/", "headers": [authorization, *pairs]})


async def test_headers_say_purpose_and_secrecy(identity: IdentityService) -> None:
    token = (await identity.sandbox_token("10109876549")).access_token
    actor = await identity.authenticate(
        _request(
            token,
            x_purpose="bris_de_glace",
            x_purpose_reason="Patient%20inconscient%20%C3%A0%20l%27arriv%C3%A9e",
            x_connexion_secrete="true",
            x_software="LGC Exemple/4.2",
        )
    )
    assert (actor.purpose, actor.reason) == (Purpose.BRIS_DE_GLACE, "Patient inconscient à l'arrivée")
    assert (actor.is_secret, actor.software, actor.software_version) == (True, "LGC Exemple", "4.2")
    for headers in ({"x_purpose": "bris_de_glace"}, {"x_purpose": "curiosite"}):
        with pytest.raises(InvalidContent):
            await identity.authenticate(_request(token, **headers))


async def test_a_revocation_is_felt_within_a_second(identity: IdentityService, clock: Any) -> None:
    tokens = await identity.sandbox_token("10109876549")
    await identity.verify_access_token(tokens.access_token)
    claims = await identity.read_psc_token(tokens.access_token)
    from uuid import UUID

    await identity.psc.sessions.end(UUID(claims["sid"]))
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        try:
            await identity.verify_access_token(tokens.access_token)
        except OAuthError:
            return
    pytest.fail("still believed")


async def test_an_expired_token_is_not_believed_from_memory(identity: IdentityService, clock: Any) -> None:
    tokens = await identity.sandbox_token("10109876549")
    await identity.verify_access_token(tokens.access_token)
    clock.move(timedelta(seconds=121))
    with pytest.raises(OAuthError):
        await identity.verify_access_token(tokens.access_token)
