"""Pages of a provider: authorization request, login, consent, logout. One engine; each realm brings its login page.

Source: identity fact sheet §5.3, §5.7, §5.8; OIDC Core §3.1.2; OIDC RP-Initiated Logout.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final, Protocol
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.services.identity import rules
from socle.services.identity.domain import AuthorizationRequest, Means, SsoSession
from socle.services.identity.errors import AuthorizationError, BadAuthorizationRequest, LoginRefused, OAuthError
from socle.services.identity.oidc import ENDPOINTS, read_form
from socle.services.identity.pages import (
    check_forgery_token,
    clear_cookie,
    error_page,
    forgery_token,
    keep_forgery_token,
    read_cookie,
    redirect,
    render,
    set_cookie,
)
from socle.services.identity.provider import Provider
from socle.services.identity.rules import single_values
from socle.services.identity.service import IdentityService
from socle.standards.errors import SocleError, Text

Handler = Callable[[Request], Awaitable[Response]]
#: An authorization request is carried by its own query, at most so long, and read again at each step.
_MAX_QUERY: Final = 8192


class LoginPage(Protocol):
    """How a realm asks who somebody is."""

    async def __call__(
        self, request: Request, wanted: AuthorizationRequest, query: str, token: str, *, refusal: SocleError | None
    ) -> Response:
        """The login page: its forms carry ``query`` and the anti-forgery ``token``."""
        ...


class AuthorizationPages:
    """The way from an authorization request to a code, for one realm."""

    def __init__(self, service: IdentityService, provider: Provider, login_page: LoginPage) -> None:
        self._service = service
        self._provider = provider
        self._login_page = login_page
        self._settings = service.base.settings
        self._cookie = f"sso-{provider.realm.name}"
        self._endpoints = ENDPOINTS[provider.realm.name]

    def routes(self) -> list[BaseRoute]:
        """Authorization, consent, logout."""
        start = self._endpoints.authorization
        logout = self._provider.realm.path + self._endpoints.logout
        return [
            Route(start, self.page(self._authorize), methods=["GET", "POST"]),
            Route(f"{start}/consent", self.page(self._consent), methods=["POST"]),
            Route(logout, self.page(self._logout), methods=["GET", "POST"]),
        ]

    def page(self, handler: Handler) -> Handler:
        """``handler`` whose refusals are told on a page."""

        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except SocleError as error:
                return error_page(request, error)

        return guarded

    async def read(self, query: str) -> AuthorizationRequest | Response:
        """The request in ``query``, or the redirect that tells the client what is wrong with it.

        Raises ``BadAuthorizationRequest`` when nobody may be redirected.
        """
        if len(query) > _MAX_QUERY:
            raise _unknown_client()
        try:
            values = single_values(parse_qsl(query, keep_blank_values=True, max_num_fields=40))
        except (ValueError, OAuthError) as error:
            raise _unknown_client() from error
        client = await self._provider.clients.find(values.get("client_id", ""))
        if client is None:
            raise _unknown_client()
        address = rules.find_redirect(client, values)
        try:
            await self._provider.rehearse()
            return rules.read_authorization(self._provider.realm, client, address, values)
        except OAuthError as error:
            return redirect(self._error_address(address, error, values.get("state", "")))

    def _error_address(self, address: str, error: SocleError, state: str) -> str:
        description = error.sentence("en").encode("ascii", "replace").decode()
        return rules.add_to_query(
            address, error=error.code, error_description=description, state=state, iss=self._provider.issuer
        )

    def _back(self, wanted: AuthorizationRequest, code: str, fr: str, en: str) -> Response:
        error = AuthorizationError(code, Text(fr, en))
        return redirect(self._error_address(wanted.redirect_uri, error, wanted.state))

    async def _authorize(self, request: Request) -> Response:
        query = request.url.query if request.method == "GET" else urlencode(await read_form(request))
        wanted = await self.read(query)
        if isinstance(wanted, Response):
            return wanted
        session = await self._provider.sessions.find(read_cookie(request, self._settings, self._cookie))
        prompts = wanted.prompt.split()
        if session is not None and not self._must_login_again(wanted, session):
            return await self.proceed(request, wanted, query, session)
        if "none" in prompts:
            return self._back(wanted, "login_required", "Personne n'est connecté.", "Nobody is logged in.")
        return await self.show_login(request, wanted, query)

    def _must_login_again(self, wanted: AuthorizationRequest, session: SsoSession) -> bool:
        age = self._provider.live.now() - session.started_at
        is_too_old = wanted.max_age is not None and age > timedelta(seconds=wanted.max_age)
        return "login" in wanted.prompt.split() or is_too_old

    async def show_login(
        self, request: Request, wanted: AuthorizationRequest, query: str, *, refusal: SocleError | None = None
    ) -> Response:
        """The realm's login page, with its anti-forgery token in a cookie."""
        token = forgery_token(request, self._settings)
        page = await self._login_page(request, wanted, query, token, refusal=refusal)
        return keep_forgery_token(page, self._settings, token)

    async def read_posted(self, request: Request) -> tuple[AuthorizationRequest | Response, str, Mapping[str, str]]:
        """The authorization request, its query and the form of a page that we served. Raises ``LoginRefused``."""
        form = await read_form(request)
        check_forgery_token(request, self._settings, form.get("forgery", ""))
        query = form.get("request", "")
        return await self.read(query), query, form

    async def open(
        self, request: Request, wanted: AuthorizationRequest, query: str, subject: str, means: Means
    ) -> Response:
        """Logs ``subject`` in, under a new cookie, and goes on."""
        session, cookie = await self._provider.sessions.open(subject, means)
        response = await self.proceed(request, wanted, query, session)
        set_cookie(response, self._settings, self._cookie, cookie)
        return response

    async def proceed(
        self, request: Request, wanted: AuthorizationRequest, query: str, session: SsoSession
    ) -> Response:
        """Consent if it was not given yet, then the code."""
        if "consent" not in wanted.prompt.split() and await self._provider.grants.is_consented(wanted, session.subject):
            return redirect(await self._provider.grants.issue_code(wanted, session))
        if "none" in wanted.prompt.split():
            return self._back(wanted, "consent_required", "L'accord manque.", "Consent is missing.")
        token = forgery_token(request, self._settings)
        page = render(
            request,
            "consent.html",
            form_target=wanted.redirect_uri,
            action=f"{self._endpoints.authorization}/consent",
            client=wanted.client,
            query=query,
            forgery=token,
            realm=self._provider.realm.name,
            scopes=wanted.scope.split(),
            who=await self._service.name_of(self._provider, session.subject),
        )
        return keep_forgery_token(page, self._settings, token)

    async def _consent(self, request: Request) -> Response:
        wanted, query, form = await self.read_posted(request)
        if isinstance(wanted, Response):
            return wanted
        session = await self._provider.sessions.find(read_cookie(request, self._settings, self._cookie))
        if session is None:
            return await self.show_login(request, wanted, query)
        if form.get("answer") != "yes":
            return self._back(wanted, "access_denied", "La personne a refusé.", "The person refused.")
        await self._provider.grants.give_consent(wanted, session.subject)
        return redirect(await self._provider.grants.issue_code(wanted, session))

    async def _logout(self, request: Request) -> Response:
        form = await read_form(request) if request.method == "POST" else dict(request.query_params)
        hint = await self._provider.tokens.read_logout_hint(form.get("id_token_hint", ""))
        current = await self._provider.sessions.find(read_cookie(request, self._settings, self._cookie))
        if hint is None and current is not None:
            # Without proof of who asks, the person decides: otherwise any page could log people out.
            if form.get("answer") != "yes":
                token = forgery_token(request, self._settings)
                page = render(request, "logout.html", is_done=False, forgery=token, back="")
                return keep_forgery_token(page, self._settings, token)
            check_forgery_token(request, self._settings, form.get("forgery", ""))
        if hint is not None:
            await self._provider.sessions.end(hint[1])
        if current is not None and (hint is None or hint[1] == current.id):
            await self._provider.sessions.end(current.id)
        response = await self._after_logout(request, form, hint[0] if hint is not None else "")
        clear_cookie(response, self._settings, self._cookie)
        return response

    async def _after_logout(self, request: Request, form: Mapping[str, str], client_id: str) -> Response:
        address = form.get("post_logout_redirect_uri", "")
        client = await self._provider.clients.find(client_id) if client_id else None
        if not address:
            return render(request, "logout.html", is_done=True, forgery="", back="")
        if client is None or address not in client.logout_redirect_uris:
            raise BadAuthorizationRequest(
                "RedirectNotRegistered",
                Text(
                    "Vous êtes déconnecté. L'adresse de retour n'est pas enregistrée pour ce service.",
                    "You are logged out. The return address is not registered for this service.",
                ),
                location="post_logout_redirect_uri",
                requirement="OIDC RP-Initiated Logout §3",
            )
        return redirect(rules.add_to_query(address, state=form.get("state", "")))


def _unknown_client() -> BadAuthorizationRequest:
    return BadAuthorizationRequest(
        "UnknownClient",
        Text("Le service qui demande la connexion n'est pas enregistré.", "The asking service is not registered."),
        location="client_id",
        remedy=Text(
            "Enregistrez-le : socle psc client add, ou vérifiez son client_id.",
            "Register it: socle psc client add, or check its client_id.",
        ),
        requirement="OIDC Core §3.1.2.1",
    )


__all__ = ["AuthorizationPages", "LoginPage", "LoginRefused"]
