"""Login into the base's own pages: choice of the way, return from a provider, logout.

Source: identity fact sheet §5.3, §5.7, §6; citizen fact sheet §2.2.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.services.identity.account_pages import AccountPages
from socle.services.identity.claims import read_userinfo
from socle.services.identity.domain import FRANCECONNECT, PSC
from socle.services.identity.errors import LoginRefused
from socle.services.identity.local_login import LocalLogin, read_back, read_space
from socle.services.identity.oidc import read_form
from socle.services.identity.pages import (
    clear_cookie,
    error_page,
    origin_of,
    read_cookie,
    redirect,
    render,
    set_cookie,
)
from socle.services.identity.relying_party import LoggedIn, Upstream
from socle.services.identity.service import IdentityService
from socle.services.identity.sessions import Space
from socle.standards.errors import Forbidden, SocleError, Text

_PENDING = "rp"


class LoginDoor:
    """Routes under ``/connexion`` and ``/deconnexion``. ``upstreams`` by realm."""

    def __init__(self, service: IdentityService, upstreams: dict[str, Upstream]) -> None:
        self._service = service
        self._settings = service.base.settings
        self._upstreams = upstreams
        self._local = LocalLogin(service)
        self._account = AccountPages(service)

    def routes(self) -> list[BaseRoute]:
        """All of them."""
        page = self._page
        return [
            Route("/connexion", page(self._choose_way)),
            Route("/connexion/vers/{realm}", page(self._leave)),
            Route("/connexion/retour/{realm}", page(self._come_back)),
            Route("/connexion/fin/{realm}", self._upstream_logout, methods=["POST"]),
            Route("/deconnexion/{space}", page(self._log_out), methods=["POST"]),
            Route("/deconnecte", page(self._logged_out)),
            *self._local.routes(page),
            *self._account.routes(page),
        ]

    def _page(self, handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except SocleError as error:
                return error_page(request, error)

        return guarded

    async def _choose_way(self, request: Request) -> Response:
        space = read_space(request.query_params.get("espace", ""))
        back = read_back(request.query_params.get("retour", ""), space)
        if space is Space.PROFESSIONAL:
            return redirect("/connexion/vers/psc?" + urlencode({"retour": back}))
        return await self._local.show_ways(request, space, back)

    async def _leave(self, request: Request) -> Response:
        upstream = self._upstream(request)
        space = Space.PROFESSIONAL if upstream.realm is PSC else Space.CITIZEN
        back = read_back(request.query_params.get("retour", ""), space)
        address, kept = await upstream.start(back, prompt="login" if "preuve" in request.query_params else "")
        response = redirect(address)
        set_cookie(response, self._settings, _PENDING, kept, max_age_s=900)
        return response

    def _upstream(self, request: Request) -> Upstream:
        upstream = self._upstreams.get(request.path_params["realm"])
        if upstream is None:
            raise Forbidden("UnknownProvider", Text("Fournisseur inconnu.", "Unknown provider."))
        return upstream

    async def _come_back(self, request: Request) -> Response:
        upstream = self._upstream(request)
        kept = read_cookie(request, self._settings, _PENDING)
        logged_in, back = await upstream.finish(request.query_params, kept)
        response = redirect(back)
        clear_cookie(response, self._settings, _PENDING)
        if upstream.realm is PSC:
            await self._open_professional(request, response, logged_in)
        else:
            await self._open_citizen(request, response, logged_in)
        return response

    async def _open_professional(self, request: Request, response: Response, logged_in: LoggedIn) -> None:
        professional = read_userinfo(logged_in.userinfo)
        actor = Actor(
            kind=ActorKind.PROFESSIONAL,
            id=professional.id_nat,
            name=professional.name,
            authentication=AuthenticationMode.INDIRECTE_RENFORCEE,
            software="Socle",
            origin=origin_of(request),
        )
        await self._service.sessions.open(
            response,
            Space.PROFESSIONAL,
            professional.id_nat,
            actor=actor,
            means=PSC.name,
            record=msgspec.json.encode(professional).decode(),
            upstream_sid=logged_in.session,
            id_token=logged_in.id_token,
        )

    async def _open_citizen(self, request: Request, response: Response, logged_in: LoggedIn) -> None:
        pivot = logged_in.userinfo
        name = f"{pivot.get('given_name', '')} {pivot.get('family_name', '')}".strip()
        ins = await self._service.find_ins(pivot)
        account = await self._service.accounts.find_or_add_upstream(logged_in.subject, name, ins)
        await self._service.sessions.open(
            response,
            Space.CITIZEN,
            str(account.id),
            actor=account.actor(origin_of(request)),
            means=FRANCECONNECT.name,
            upstream_sid=logged_in.session,
            id_token=logged_in.id_token,
        )

    async def _log_out(self, request: Request) -> Response:
        space = read_space(request.path_params["space"])
        session = await self._service.sessions.find(request, space)
        form = await read_form(request)
        if session is None:
            return redirect("/deconnecte")
        if not secrets.compare_digest(form.get("csrf", "").encode(), session.csrf.encode()):
            raise LoginRefused(
                "ForgedForm", Text("Ce formulaire ne vient pas de cette page.", "This form is not from this page.")
            )
        address = "/deconnecte"
        if session.id_token:
            realm = PSC.name if space is Space.PROFESSIONAL else FRANCECONNECT.name
            address = await self._upstreams[realm].logout_address(session.id_token, "/deconnecte")
        response = redirect(address)
        await self._service.sessions.close(request, response, space)
        return response

    async def _logged_out(self, request: Request) -> Response:
        return render(request, "logout.html", is_done=True, forgery="", back="")

    async def _upstream_logout(self, request: Request) -> Response:
        try:
            upstream = self._upstream(request)
            form = await read_form(request)
            sid = await upstream.read_logout_token(form.get("logout_token", ""))
        except SocleError:
            return Response(status_code=400, headers={"Cache-Control": "no-store"})
        await self._service.sessions.close_upstream(sid)
        return Response(status_code=200, headers={"Cache-Control": "no-store"})
