"""The register of client software, and how a client proves itself at the token endpoint."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec
from asyncpg import Record
from cryptography import x509
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from socle.platform.base import Base
from socle.platform.database import Queries
from socle.platform.switches import Switches
from socle.platform.trust import TrustStore, Usage
from socle.services.identity.domain import Client, ClientAuthentication, Realm, sha256
from socle.services.identity.errors import InvalidClient, invalid_client, invalid_request
from socle.services.identity.rules import is_registrable_redirect
from socle.services.identity.scopes import SCOPES
from socle.standards.certificates import is_subject
from socle.standards.errors import InvalidContent, NotAuthenticated, NotFound, Text

QUERIES = Queries("socle.services.identity")

_CACHED_S = 2.0
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_ALGORITHMS: Final = ["RS256", "PS256", "ES256", "RS384", "PS384", "ES384", "RS512", "PS512", "ES512"]
_ASSERTION_LIFE: Final = timedelta(minutes=5)
_SKEW: Final = timedelta(seconds=30)
_SECRETS: Final = frozenset({ClientAuthentication.BASIC, ClientAuthentication.POST})
_NOBODY: Final = Client(client_id="", name="", secret_sha256=sha256("nobody"))


class Presented(msgspec.Struct, frozen=True):
    """What came with a request to prove the client: the form, ``Authorization``, the TLS certificate (DER)."""

    form: Mapping[str, str]
    authorization: str = ""
    certificate: bytes | None = None


class ClientRegistry:
    """Registered clients of one realm, cached two seconds."""

    def __init__(self, base: Base, realm: Realm, trust: TrustStore | None, switches: Switches) -> None:
        self._base = base
        self._realm = realm
        self._trust = trust
        self._switches = switches
        self._cache: dict[str, tuple[float, Client | None]] = {}

    async def add(self, client: Client, *, is_own: bool = False) -> None:
        """Registers ``client``, or replaces its registration. Raises ``InvalidContent`` on an unsafe address.

        ``is_own``: the base's own pages, which are wherever the operator put them.
        """
        addresses = (*client.redirect_uris, *client.logout_redirect_uris, client.backchannel_logout_uri)
        for uri in filter(None, addresses):
            if not is_own and not is_registrable_redirect(uri):
                raise InvalidContent(
                    "UnsafeRedirect",
                    Text(
                        "Une adresse du service n'est pas en https (ou http vers cette machine), ou porte un fragment.",
                        "An address of the service is not https (or http to this machine), or has a fragment.",
                    ),
                    location="redirect_uri",
                    requirement="RFC 9700 §2.1; RFC 6749 §3.1.2",
                )
        if not SCOPES.issuperset(client.exchange_scopes):
            raise InvalidContent(
                "UnknownScope",
                Text("Une portée d'échange n'ouvre aucune API.", "A scope of exchange opens no API."),
                location="exchange_scope",
                remedy=Text(f"Choisissez parmi {', '.join(sorted(SCOPES))}.", f"One of {', '.join(sorted(SCOPES))}."),
            )
        values = msgspec.structs.asdict(client) | {
            "authentication": client.authentication.value,
            "jwks": msgspec.json.encode(client.jwks).decode(),
            "redirect_uris": list(client.redirect_uris),
            "logout_redirect_uris": list(client.logout_redirect_uris),
            "grants": list(client.grants),
            "exchange_scopes": list(client.exchange_scopes),
            "realm": self._realm.name,
        }
        async with self._base.database.transaction() as connection:
            await QUERIES["add_client"].execute(connection, **values, now=self._base.clock())
        self._cache.pop(client.client_id, None)

    async def list(self) -> list[Client]:
        """All clients, by identifier."""
        async with self._base.database.transaction(read_only=True) as connection:
            return [_client(row) for row in await QUERIES["list_clients"].rows(connection, realm=self._realm.name)]

    async def remove(self, client_id: str) -> None:
        """Removes a client and ends all that was granted to it. Raises ``NotFound``."""
        now = self._base.clock()
        async with self._base.database.transaction() as connection:
            removed = await QUERIES["remove_client"].execute(connection, realm=self._realm.name, client_id=client_id)
            await QUERIES["revoke_client_grants"].execute(
                connection, realm=self._realm.name, client_id=client_id, now=now
            )
        self._cache.pop(client_id, None)
        if not removed:
            raise NotFound("UnknownClient", Text("Ce client n'est pas enregistré.", "This client is not registered."))

    async def find(self, client_id: str) -> Client | None:
        """The registration, at most two seconds old."""
        cached = self._cache.get(client_id)
        if cached is not None and time.monotonic() - cached[0] < _CACHED_S:
            return cached[1]
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_client"].row(connection, realm=self._realm.name, client_id=client_id)
        client = _client(row) if row is not None else None
        if len(self._cache) > 10_000:
            self._cache.clear()
        self._cache[client_id] = (time.monotonic(), client)
        return client

    async def authenticate(self, presented: Presented, audiences: tuple[str, ...]) -> Client:
        """The client that proved itself, by the method it registered and by that one alone.

        ``audiences`` are the values that a signed assertion may be meant for. Raises ``InvalidClient`` (the same
        sentence in all cases) or ``OAuthError`` when two proofs come at once.
        Source: RFC 6749 §2.3; RFC 7523; RFC 8705.
        """
        form = presented.form
        has_basic = presented.authorization[:6].lower() == "basic "
        if has_basic + ("client_secret" in form) + ("client_assertion" in form) > 1:
            raise invalid_request("Une seule preuve du client est admise.", "Only one client proof is allowed.")
        if "client_assertion" in form:
            return await self._by_assertion(form, audiences)
        if has_basic:
            client_id, secret = _read_basic(presented.authorization)
            if form.get("client_id", client_id) != client_id:
                raise invalid_client()
            return await self._by_secret(client_id, secret)
        if "client_secret" in form:
            return await self._by_secret(form.get("client_id", ""), form["client_secret"])
        return await self._by_certificate(form.get("client_id", ""), presented.certificate)

    async def _by_secret(self, client_id: str, secret: str) -> Client:
        client = await self.find(client_id)
        # An unknown client costs the same comparison, so that time tells nothing.
        is_right = (client or _NOBODY).accepts_secret(secret)
        if client is None or not is_right or client.authentication not in _SECRETS:
            raise invalid_client()
        return client

    async def _by_certificate(self, client_id: str, certificate: bytes | None) -> Client:
        client = await self.find(client_id)
        if client is None or certificate is None or client.authentication is not ClientAuthentication.TLS:
            raise invalid_client()
        self.check_certificate(client, certificate)
        return client

    def check_certificate(self, client: Client, certificate: bytes) -> None:
        """Refuses ``certificate`` (DER) unless it is trusted, alive and of the registered subject.

        Raises ``InvalidClient`` saying what is wrong with the certificate: only its holder can have shown it.
        """
        if self._trust is None:
            raise invalid_client()
        try:
            presented = x509.load_der_x509_certificate(certificate)
            self._trust.verify(presented, Usage.TLS_CLIENT, self._base.clock())
        except ValueError as error:
            raise invalid_client() from error
        except NotAuthenticated as error:
            raise InvalidClient("invalid_client", error.reason, requirement="RFC 8705 §2.1") from error
        if self._switches().is_certificate_revoked(presented.serial_number):
            raise InvalidClient(
                "invalid_client",
                Text("Le certificat est révoqué (commutateur).", "The certificate is revoked (switch)."),
                requirement="RFC 8705 §2.1",
            )
        if not client.tls_subject or not is_subject(client.tls_subject, presented):
            raise invalid_client()

    async def _by_assertion(self, form: Mapping[str, str], audiences: tuple[str, ...]) -> Client:
        if form.get("client_assertion_type") != _ASSERTION_TYPE:
            raise invalid_client()
        try:
            claimed = _unverified_issuer(form["client_assertion"])
        except (ValueError, msgspec.DecodeError) as error:
            raise invalid_client() from error
        client = await self.find(claimed)
        if client is None or client.authentication is not ClientAuthentication.PRIVATE_KEY:
            raise invalid_client()
        if form.get("client_id", claimed) != claimed:
            raise invalid_client()
        try:
            keys = KeySet.import_key_set(client.jwks)  # type: ignore[arg-type]
            claims = jwt.decode(form["client_assertion"], keys, algorithms=_ASSERTION_ALGORITHMS).claims
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise invalid_client() from error
        now = self._base.clock()
        expires_at = _check_assertion(claims, claimed, audiences, now)
        async with self._base.database.transaction() as connection:
            fresh = await QUERIES["see_assertion"].execute(
                connection, client_id=claimed, jti=str(claims["jti"])[:200], expires_at=expires_at
            )
        if not fresh:
            raise invalid_client()
        return client


def _check_assertion(claims: Mapping[str, Any], client_id: str, audiences: tuple[str, ...], now: datetime) -> datetime:
    audience = claims.get("aud")
    named = {audience} if isinstance(audience, str) else {value for value in audience or () if isinstance(value, str)}
    expires, issued = claims.get("exp"), claims.get("iat", claims.get("nbf", 0))
    if not isinstance(expires, int | float) or not isinstance(issued, int | float) or not claims.get("jti"):
        raise invalid_client()
    instant = now.timestamp()
    skew = _SKEW.total_seconds()
    is_fresh = instant - skew < expires <= instant + _ASSERTION_LIFE.total_seconds() + skew and issued <= instant + skew
    if claims.get("sub") != client_id or claims.get("iss") != client_id or not named & set(audiences) or not is_fresh:
        raise invalid_client()
    return datetime.fromtimestamp(expires, tz=now.tzinfo) + _SKEW


def _unverified_issuer(assertion: str) -> str:
    payload = assertion.split(".")[1:2]
    if not payload:
        raise ValueError("not a JWT")
    claims = msgspec.json.decode(base64.urlsafe_b64decode(payload[0] + "=" * (-len(payload[0]) % 4)))
    return str(claims.get("iss", "")) if isinstance(claims, dict) else ""


def _read_basic(authorization: str) -> tuple[str, str]:
    try:
        decoded = base64.b64decode(authorization[6:].strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise invalid_client() from error
    client_id, _, secret = decoded.partition(":")
    # RFC 6749 §2.3.1: both halves are form-encoded before Base64.
    return unquote_plus(client_id), unquote_plus(secret)


def _client(row: Record) -> Client:
    values = {key: row[key] for key in Client.__struct_fields__}
    values["authentication"] = ClientAuthentication(row["authentication"])
    values["jwks"] = msgspec.json.decode(row["jwks"])
    for key in ("redirect_uris", "logout_redirect_uris", "grants", "exchange_scopes"):
        values[key] = tuple(row[key])
    return Client(**values)
