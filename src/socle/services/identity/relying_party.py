"""The base as a client of an OpenID provider: its own, or the national one by configuration.

Checks ``state``, ``iss`` (mix-up), ``nonce``, signature, ``aud``, ``exp`` and ``acr``; keeps tokens away from the
browser. Source: identity fact sheet §5.3, §5.11; OIDC Core §3.1.3.7; RFC 9207.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from socle.platform.base import Base
from socle.platform.keys import Unreadable
from socle.platform.patient_key import owner_key
from socle.platform.tls import calling_context
from socle.services.identity.domain import FRANCECONNECT, PSC, Realm, new_secret
from socle.services.identity.errors import LoginRefused
from socle.services.identity.rules import add_to_query
from socle.standards.errors import Text, Unavailable

_OWNER = owner_key("identity", "relying-party")
_SEALED_AS = b"pending-login"
_PENDING_S: Final = 900
_SKEW_S: Final = 30
_METADATA_S: Final = 600.0
_ALGORITHMS: Final = ["RS256", "ES256", "PS256"]
_MAX_ANSWER: Final = 1024 * 1024


class Pending(msgspec.Struct, frozen=True):
    """A login under way, sealed in a cookie of the browser that started it."""

    realm: str
    state: str
    nonce: str
    verifier: str
    back: str
    started: float


class LoggedIn(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider proved. ``userinfo`` holds its claims."""

    subject: str
    session: str
    id_token: str
    userinfo: dict[str, Any]


class Upstream:
    """One provider as the base uses it.

    ``discovery`` is the address of its metadata; the base proves itself there by ``certificate`` (a PEM file, with its
    key) or else by ``client_secret``. Requests to the base's own provider go through ``own_doors`` inside the process:
    same code, no network.
    """

    def __init__(
        self,
        base: Base,
        realm: Realm,
        *,
        issuer: str,
        discovery: str,
        client_id: str,
        client_secret: Callable[[], Awaitable[str]],
        certificate: str = "",
        own_doors: list[BaseRoute] | None = None,
    ) -> None:
        self._base = base
        self.realm = realm
        self.issuer = issuer
        self.client_id = client_id
        self._secret = client_secret
        self._discovery = discovery
        self._has_certificate = bool(certificate)
        options: dict[str, Any] = {"timeout": 10, "follow_redirects": False, "trust_env": False}
        if own_doors is not None:
            options["transport"] = httpx.ASGITransport(Starlette(routes=own_doors))
        else:
            options["verify"] = calling_context(base.settings, certificate)
        self._http = httpx.AsyncClient(**options)
        self._metadata: dict[str, Any] = {}
        self._metadata_at = -1e9
        self._keys: KeySet | None = None

    @property
    def callback(self) -> str:
        """The registered return address."""
        return f"{self._base.settings.base_url}/connexion/retour/{self.realm.name}"

    async def start(self, back: str, *, prompt: str = "") -> tuple[str, str]:
        """The address to which the browser goes, and what it keeps in its cookie meanwhile."""
        metadata = await self._load_metadata()
        if not self._has_certificate:
            await self._secret()
        pending = Pending(self.realm.name, new_secret(), new_secret(), new_secret(), back, self._now())
        challenge = base64.urlsafe_b64encode(hashlib.sha256(pending.verifier.encode()).digest()).rstrip(b"=").decode()
        address = add_to_query(
            str(metadata["authorization_endpoint"]),
            response_type="code",
            client_id=self.client_id,
            redirect_uri=self.callback,
            scope="openid scope_all" if self.realm.name == "psc" else "openid identite_pivot preferred_username",
            acr_values=self.realm.acr_values[0],
            state=pending.state,
            nonce=pending.nonce,
            code_challenge=challenge,
            code_challenge_method="S256",
            prompt=prompt,
        )
        sealed = await self._base.objects.rings.seal(_OWNER, _SEALED_AS, msgspec.json.encode(pending))
        return address, base64.urlsafe_b64encode(sealed).decode()

    async def finish(self, parameters: Mapping[str, str], kept: str) -> tuple[LoggedIn, str]:
        """Who came back, and where they wanted to go. Raises ``LoginRefused`` or ``Unavailable``."""
        pending = await self._open(kept)
        if not secrets.compare_digest(pending.state.encode(), parameters.get("state", "").encode()):
            raise _refused("state")
        # A provider that announces RFC 9207 always names itself; one that does not is bound by the callback's path.
        announced = (await self._load_metadata()).get("authorization_response_iss_parameter_supported", False)
        if parameters.get("iss", "" if announced else self.issuer) != self.issuer:
            raise _refused("iss")
        if "error" in parameters:
            raise LoginRefused(
                "ProviderRefused",
                Text("Le fournisseur d'identité a refusé la connexion.", "The identity provider refused the login."),
                location=parameters["error"][:60],
                remedy=Text("Recommencez, ou choisissez un autre moyen.", "Start again, or choose another means."),
            )
        tokens = await self._redeem(parameters.get("code", ""), pending)
        claims = await self.verify(str(tokens.get("id_token", "")), self.client_id)
        if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), pending.nonce.encode()):
            raise _refused("nonce")
        if claims.get("acr") not in self.realm.acr_values:
            raise _refused("acr")
        told = await self.userinfo(str(tokens.get("access_token", "")))
        if told.get("sub") != claims.get("sub"):
            raise _refused("sub")
        logged_in = LoggedIn(
            subject=str(claims["sub"]),
            session=str(claims.get("sid", "")),
            id_token=str(tokens["id_token"]),
            userinfo=told,
        )
        return logged_in, pending.back

    async def userinfo(self, access_token: str) -> dict[str, Any]:
        """The claims behind an access token. Raises ``LoginRefused``."""
        response = await self._send(
            "GET", await self._endpoint("userinfo"), headers={"Authorization": f"Bearer {access_token}"}
        )
        if response.status_code != 200:
            raise _refused("userinfo")
        if response.headers.get("content-type", "").startswith("application/jwt"):
            return await self.verify(response.text, self.client_id, is_userinfo=True)
        return _read_json(response)

    async def introspect(self, token: str) -> dict[str, Any]:
        """What the provider says of a token (RFC 7662)."""
        response = await self._send_as_client("introspection", {"token": token})
        return _read_json(response) if response.status_code == 200 else {"active": False}

    async def verify(self, token: str, audience: str, *, is_userinfo: bool = False) -> dict[str, Any]:
        """The claims of a JWT of this provider for ``audience`` (any, if empty). Raises ``LoginRefused``."""
        for attempt in (0, 1):
            keys = await self._load_keys(fresh=attempt == 1)
            try:
                claims = jwt.decode(token, keys, algorithms=_ALGORITHMS).claims
                break
            except (JoseError, ValueError, TypeError, KeyError) as error:
                if attempt == 1:
                    raise _refused("signature") from error
        named = claims.get("aud")
        audiences = [named] if isinstance(named, str) else named or []
        if claims.get("iss") != self.issuer or (audience and audience not in audiences):
            raise _refused("aud")
        expires = claims.get("exp")
        if not is_userinfo and (not isinstance(expires, int | float) or expires < self._now() - _SKEW_S):
            raise _refused("exp")
        return claims

    async def logout_address(self, id_token: str, back: str) -> str:
        """Where the browser goes to log out at the provider too."""
        metadata = await self._load_metadata()
        endpoint = str(metadata.get("end_session_endpoint", ""))
        if not endpoint or not id_token:
            return back
        address = f"{self._base.settings.base_url}{back}"
        return add_to_query(
            endpoint, id_token_hint=id_token, post_logout_redirect_uri=address, state=secrets.token_urlsafe(8)
        )

    async def read_logout_token(self, token: str) -> str:
        """The session that the provider says is over. Raises ``LoginRefused``.

        Source: OIDC Back-Channel Logout §2.6.
        """
        claims = await self.verify(token, self.client_id)
        events = claims.get("events")
        is_logout = isinstance(events, dict) and "http://schemas.openid.net/event/backchannel-logout" in events
        if not is_logout or "nonce" in claims or not claims.get("sid"):
            raise _refused("logout_token")
        return str(claims["sid"])

    def _now(self) -> float:
        return self._base.clock().timestamp()

    async def _open(self, kept: str) -> Pending:
        try:
            sealed = base64.urlsafe_b64decode(kept)
            opened = await self._base.objects.rings.open(_OWNER, _SEALED_AS, sealed)
            pending = msgspec.json.decode(opened, type=Pending)
        except (ValueError, Unreadable, msgspec.DecodeError) as error:
            raise _refused("cookie") from error
        if pending.realm != self.realm.name or not 0 <= self._now() - pending.started <= _PENDING_S:
            raise _refused("cookie")
        return pending

    async def _redeem(self, code: str, pending: Pending) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.callback,
            "code_verifier": pending.verifier,
        }
        response = await self._send_as_client("token", form)
        if response.status_code != 200:
            raise _refused("code")
        return _read_json(response)

    async def _load_metadata(self) -> dict[str, Any]:
        if time.monotonic() - self._metadata_at > _METADATA_S:
            found = _read_json(await self._send("GET", self._discovery))
            if found.get("issuer") != self.issuer:
                raise Unavailable(
                    "WrongIssuer",
                    Text("Le fournisseur d'identité n'est pas celui attendu.", "Not the expected identity provider."),
                )
            self._metadata, self._metadata_at = found, time.monotonic()
        return self._metadata

    async def _load_keys(self, *, fresh: bool) -> KeySet:
        if self._keys is None or fresh:
            metadata = await self._load_metadata()
            found = _read_json(await self._send("GET", str(metadata["jwks_uri"])))
            self._keys = KeySet.import_key_set(found)  # type: ignore[arg-type]
        return self._keys

    async def _endpoint(self, name: str) -> str:
        """The address of an endpoint: with a certificate, the one where it can be shown (RFC 8705 §5)."""
        metadata = await self._load_metadata()
        aliases = metadata.get("mtls_endpoint_aliases", {}) if self._has_certificate else {}
        return str(aliases.get(f"{name}_endpoint") or metadata[f"{name}_endpoint"])

    async def _send_as_client(self, endpoint: str, form: dict[str, str]) -> httpx.Response:
        address = await self._endpoint(endpoint)
        if self._has_certificate:
            return await self._send("POST", address, data={**form, "client_id": self.client_id})
        return await self._send("POST", address, data=form, auth=(self.client_id, await self._secret()))

    async def _send(self, method: str, address: str, **options: Any) -> httpx.Response:
        try:
            response = await self._http.request(method, address, **options)
        except httpx.HTTPError as error:
            raise _unreachable() from error
        if response.status_code >= 500 or len(response.content) > _MAX_ANSWER:
            raise _unreachable()
        return response


def national_psc(base: Base) -> Upstream | None:
    """The national Pro Santé Connect, if the settings name it."""
    settings = base.settings
    if not settings.psc_issuer:
        return None
    return Upstream(
        base,
        PSC,
        issuer=settings.psc_issuer,
        discovery=settings.psc_issuer + "/.well-known/wallet-openid-configuration",
        client_id=settings.psc_client_id,
        client_secret=secret_in(settings.psc_client_secret_file),
        certificate=settings.psc_certificate,
    )


def national_franceconnect(base: Base) -> Upstream | None:
    """The national FranceConnect, if the settings name it."""
    settings = base.settings
    if not settings.franceconnect_issuer:
        return None
    return Upstream(
        base,
        FRANCECONNECT,
        issuer=settings.franceconnect_issuer,
        discovery=settings.franceconnect_issuer + "/.well-known/openid-configuration",
        client_id=settings.franceconnect_client_id,
        client_secret=secret_in(settings.franceconnect_client_secret_file),
    )


def secret_in(path: str) -> Callable[[], Awaitable[str]]:
    """Reads the client secret in the file ``path``."""

    async def read() -> str:
        return Path(path).read_text("utf-8").strip()  # noqa: ASYNC240 - a line, on a local disk

    return read


def _read_json(response: httpx.Response) -> dict[str, Any]:
    try:
        return msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise _unreachable() from error


def _unreachable() -> Unavailable:
    return Unavailable(
        "ProviderUnreachable",
        Text("Le fournisseur d'identité ne répond pas.", "The identity provider does not answer."),
        remedy=Text("Réessayez dans quelques minutes.", "Try again in a few minutes."),
    )


def _refused(what: str) -> LoginRefused:
    return LoginRefused(
        "LoginNotProven",
        Text("La connexion n'a pas pu être vérifiée.", "The login could not be verified."),
        location=what,
        remedy=Text("Recommencez la connexion depuis cette page.", "Start the login again from this page."),
        requirement="OIDC Core §3.1.3.7",
    )
