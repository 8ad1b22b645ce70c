"""HTTP door of an OpenID provider: discovery, keys, tokens, userinfo, introspection, revocation, CIBA.

Source: identity fact sheet §5.2-§5.9 (paths of the national provider) and §6.1; RFC 6749, 6750, 7009, 7662, 8414, 8693.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.platform.web import certificate_of, json_response, read_body
from socle.services.identity.clients import Presented
from socle.services.identity.domain import (
    FRANCECONNECT,
    GRANT_CIBA,
    GRANT_CODE,
    GRANT_EXCHANGE,
    GRANT_REFRESH,
    PSC,
    Client,
    ClientAuthentication,
    TokenResponse,
)
from socle.services.identity.errors import InvalidClient, InvalidToken, OAuthError, invalid_request
from socle.services.identity.exchange import exchange
from socle.services.identity.provider import Provider
from socle.services.identity.rules import single_values
from socle.services.identity.service import IdentityService
from socle.standards.errors import SocleError, Text

_MAX_FORM = 64 * 1024
_MAX_FIELDS = 40
_CLAIMS: Final = (
    "aud",
    "sub",
    "iss",
    "auth_time",
    "acr",
    "given_name",
    "family_name",
    "preferred_username",
    "SubjectNameID",
    "SubjectRefPro",
    "SubjectRole",
    "SubjectOrganization",
    "SubjectOrganizationID",
    "Secteur_Activite",
    "otherIds",
)
_NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}

Handler = Callable[[Request], Awaitable[Response]]


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Paths of a provider. ``authorization`` is under the public address, the others under the issuer."""

    authorization: str
    token: str
    userinfo: str
    certs: str
    logout: str
    introspect: str
    revoke: str
    ciba: str = ""
    discovery: tuple[str, ...] = ("/.well-known/openid-configuration",)


PSC_ENDPOINTS: Final = Endpoints(
    authorization="/auth",
    token="/protocol/openid-connect/token",
    userinfo="/protocol/openid-connect/userinfo",
    certs="/protocol/openid-connect/certs",
    logout="/protocol/openid-connect/logout",
    introspect="/protocol/openid-connect/token/introspect",
    revoke="/protocol/openid-connect/revoke",
    ciba="/protocol/openid-connect/ext/ciba/auth",
    discovery=("/.well-known/wallet-openid-configuration", "/.well-known/openid-configuration"),
)
FRANCECONNECT_ENDPOINTS: Final = Endpoints(
    authorization="/franceconnect/api/v2/authorize",
    token="/token",
    userinfo="/userinfo",
    certs="/jwks",
    logout="/session/end",
    introspect="/introspect",
    revoke="/revoke",
)
ENDPOINTS: Final = {PSC.name: PSC_ENDPOINTS, FRANCECONNECT.name: FRANCECONNECT_ENDPOINTS}


def discovery_document(provider: Provider, endpoints: Endpoints, mtls_url: str = "") -> dict[str, Any]:
    """What the provider really does, and nothing else. ``mtls_url``: where client certificates are asked for."""
    base = provider.issuer.removesuffix(provider.realm.path)
    is_psc = provider.realm is PSC
    document: dict[str, Any] = {
        "issuer": provider.issuer,
        "authorization_endpoint": base + endpoints.authorization,
        "token_endpoint": provider.issuer + endpoints.token,
        "userinfo_endpoint": provider.issuer + endpoints.userinfo,
        "jwks_uri": provider.issuer + endpoints.certs,
        "end_session_endpoint": provider.issuer + endpoints.logout,
        "introspection_endpoint": provider.issuer + endpoints.introspect,
        "revocation_endpoint": provider.issuer + endpoints.revoke,
        "grant_types_supported": [GRANT_CODE],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "subject_types_supported": ["public" if is_psc else "pairwise"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "userinfo_signing_alg_values_supported": ["none"] if is_psc else ["RS256", "ES256"],
        "token_endpoint_auth_methods_supported": [method.value for method in ClientAuthentication],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256", "ES256"],
        "scopes_supported": list(provider.realm.scopes),
        "acr_values_supported": list(provider.realm.acr_values),
        "code_challenge_methods_supported": ["S256"],
        "tls_client_certificate_bound_access_tokens": is_psc,
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "ui_locales_supported": ["fr", "en"],
    }
    if is_psc:
        document |= {
            "grant_types_supported": [GRANT_CODE, GRANT_REFRESH, GRANT_CIBA, GRANT_EXCHANGE],
            "claims_supported": list(_CLAIMS),
            "backchannel_authentication_endpoint": provider.issuer + endpoints.ciba,
            "backchannel_token_delivery_modes_supported": ["poll"],
            "backchannel_user_code_parameter_supported": False,
            "backchannel_logout_supported": True,
            "backchannel_logout_session_supported": True,
            "frontchannel_logout_supported": False,
        }
        if mtls_url:
            secure = mtls_url + provider.realm.path
            document["mtls_endpoint_aliases"] = {
                "token_endpoint": secure + endpoints.token,
                "introspection_endpoint": secure + endpoints.introspect,
                "revocation_endpoint": secure + endpoints.revoke,
                "userinfo_endpoint": secure + endpoints.userinfo,
                "backchannel_authentication_endpoint": secure + endpoints.ciba,
            }
    return document


async def read_form(request: Request) -> dict[str, str]:
    """The form of a POST, each name once. Raises ``OAuthError``."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise invalid_request("Envoyez un formulaire.", "Send application/x-www-form-urlencoded.")
    body = await read_body(request, _MAX_FORM)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise invalid_request("Le formulaire est illisible.", "The form cannot be read.") from error
    return single_values(pairs)


def bearer_of(request: Request, form: Mapping[str, str]) -> str:
    """The bearer token of the header, or of a POSTed form. Raises ``InvalidToken``."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token if scheme.lower() == "bearer" else form.get("access_token", "")
    if not token:
        raise InvalidToken("invalid_token", Text("Il n'y a pas de jeton.", "There is no token."))
    return token


def error_response(error: SocleError, request: Request) -> Response:
    """RFC 6749 §5.2 form of ``error``; RFC 6750 header for a refused bearer token."""
    description = error.sentence("en").encode("ascii", "replace").decode().replace('"', "'").replace("\\", "/")
    body = {"error": error.code, "error_description": description}
    headers = dict(_NO_STORE)
    if isinstance(error, InvalidToken):
        headers["WWW-Authenticate"] = f'Bearer error="{error.code}", error_description="{description}"'
    elif isinstance(error, InvalidClient) and "authorization" in request.headers:
        headers["WWW-Authenticate"] = 'Basic realm="socle"'
    if not isinstance(error, OAuthError) and error.http_status < 500:
        body["error"] = "invalid_request"
    return Response(msgspec.json.encode(body), error.http_status, headers, "application/json")


class Door:
    """The programs' endpoints of one realm."""

    def __init__(self, service: IdentityService, provider: Provider, mtls_url: str = "") -> None:
        self._service = service
        self._provider = provider
        self._endpoints = ENDPOINTS[provider.realm.name]
        issuer = provider.issuer
        # A signed assertion may name the issuer or the token endpoint (RFC 7523 §3), by either port.
        self._audiences = (
            issuer,
            issuer + self._endpoints.token,
            issuer + self._endpoints.ciba,
            *((mtls_url + provider.realm.path + self._endpoints.token,) if mtls_url else ()),
        )
        self._discovery = discovery_document(provider, self._endpoints, mtls_url)
        self._grants: dict[str, Callable[[Client, Mapping[str, str], Request], Awaitable[TokenResponse]]] = {
            GRANT_CODE: lambda client, form, _: provider.grants.redeem_code(client, form),
            GRANT_REFRESH: lambda client, form, _: provider.grants.refresh(client, form),
        }
        if provider.realm is PSC:
            self._grants |= {
                GRANT_CIBA: lambda client, form, _: service.challenges.poll_ciba(client, form),
                GRANT_EXCHANGE: lambda client, form, request: exchange(
                    provider, client, form, certificate_of(request), service.read_psc_token
                ),
            }

    def routes(self) -> list[BaseRoute]:
        """Routes of this realm, pages left out."""
        root, endpoints = self._provider.realm.path, self._endpoints
        routes: list[BaseRoute] = [
            *(Route(root + path, self._discover) for path in endpoints.discovery),
            Route(root + endpoints.certs, self._certs),
            Route(root + endpoints.token, self._guard(self._token), methods=["POST"]),
            Route(root + endpoints.userinfo, self._guard(self._userinfo), methods=["GET", "POST"]),
            Route(root + endpoints.introspect, self._guard(self._introspect), methods=["POST"]),
            Route(root + endpoints.revoke, self._guard(self._revoke), methods=["POST"]),
        ]
        if endpoints.ciba:
            routes.append(Route(root + endpoints.ciba, self._guard(self._ciba), methods=["POST"]))
        return routes

    def _guard(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except SocleError as error:
                return error_response(error, request)

        return guarded

    async def _client(self, request: Request, form: Mapping[str, str]) -> Client:
        presented = Presented(form, request.headers.get("authorization", ""), certificate_of(request))
        return await self._provider.clients.authenticate(presented, self._audiences)

    async def _discover(self, _request: Request) -> Response:
        return json_response(self._discovery)

    async def _certs(self, _request: Request) -> Response:
        response = json_response(await self._provider.keys.public_jwks())
        response.headers["Cache-Control"] = "max-age=60"
        return response

    async def _token(self, request: Request) -> Response:
        form = await read_form(request)
        client = await self._client(request, form)
        await self._provider.rehearse()
        grant_type = form.get("grant_type", "")
        handler = self._grants.get(grant_type)
        if handler is None:
            raise OAuthError(
                "unsupported_grant_type", Text("grant_type n'est pas admis.", "grant_type is not supported.")
            )
        if grant_type not in client.grants:
            raise OAuthError(
                "unauthorized_client",
                Text("Ce grant_type n'est pas activé pour ce client.", "This grant_type is not activated."),
            )
        tokens = await handler(client, form, request)
        return Response(msgspec.json.encode(tokens), 200, _NO_STORE, "application/json")

    async def _userinfo(self, request: Request) -> Response:
        has_form = request.method == "POST" and request.headers.get("content-length", "0") != "0"
        form = await read_form(request) if has_form else {}
        token = bearer_of(request, form)
        if self._provider.realm is PSC:
            return Response(
                msgspec.json.encode(await self._service.psc_userinfo(token)), 200, _NO_STORE, "application/json"
            )
        signed = await self._service.citizen_userinfo(token)
        return Response(signed, 200, _NO_STORE, "application/jwt")

    async def _introspect(self, request: Request) -> Response:
        form = await read_form(request)
        await self._client(request, form)
        if not form.get("token"):
            raise invalid_request("token est obligatoire.", "token is required.", requirement="RFC 7662 §2.1")
        answer = await self._provider.tokens.introspect(form["token"])
        return Response(msgspec.json.encode(answer), 200, _NO_STORE, "application/json")

    async def _revoke(self, request: Request) -> Response:
        form = await read_form(request)
        client = await self._client(request, form)
        if not form.get("token"):
            raise invalid_request("token est obligatoire.", "token is required.", requirement="RFC 7009 §2.1")
        await self._provider.tokens.revoke(client, form["token"])
        return Response(b"", 200, _NO_STORE)

    async def _ciba(self, request: Request) -> Response:
        form = await read_form(request)
        client = await self._client(request, form)
        await self._provider.rehearse()
        hint = form.get("login_hint", "")
        professional = await self._service.directory.professional(hint) if hint else None
        answer = await self._service.challenges.start_ciba(
            client, form, is_known=professional is not None and professional.is_active
        )
        return Response(msgspec.json.encode(answer), 200, _NO_STORE, "application/json")
