"""The sandbox's FranceConnect: the same protocol, a page where one chooses a fictitious person.

Source: identity fact sheet §6.1.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.services.identity.domain import AuthorizationRequest, Means
from socle.services.identity.errors import LoginRefused
from socle.services.identity.login import AuthorizationPages
from socle.services.identity.pages import render
from socle.services.identity.service import IdentityService
from socle.standards.errors import SocleError, Text

_SHOWN = 30


class FranceConnectPages:
    """Pages of the citizens' realm."""

    def __init__(self, service: IdentityService) -> None:
        self._service = service
        self._pages = AuthorizationPages(service, service.franceconnect, self._login_page)

    def routes(self) -> list[BaseRoute]:
        """Authorization, choice of the person, consent, logout."""
        choose = self._pages.page(self._choose)
        return [*self._pages.routes(), Route("/franceconnect/api/v2/personne", choose, methods=["POST"])]

    async def _login_page(
        self, request: Request, wanted: AuthorizationRequest, query: str, token: str, *, refusal: SocleError | None
    ) -> Response:
        return await self._show(request, wanted, query, token, name="", refusal=refusal)

    async def _show(
        self,
        request: Request,
        wanted: AuthorizationRequest,
        query: str,
        token: str,
        *,
        name: str,
        refusal: SocleError | None = None,
    ) -> Response:
        return render(
            request,
            "persona.html",
            status=refusal.http_status if refusal is not None else 200,
            form_target=wanted.redirect_uri,
            client=wanted.client,
            query=query,
            forgery=token,
            refusal=refusal,
            name=name,
            personas=await self._service.personas.search(name, _SHOWN),
        )

    async def _choose(self, request: Request) -> Response:
        wanted, query, form = await self._pages.read_posted(request)
        if isinstance(wanted, Response):
            return wanted
        if "search" in form:
            return await self._show(request, wanted, query, form["forgery"], name=form.get("name", "")[:60])
        persona = await self._service.personas.find(form.get("subject", ""))
        if persona is None:
            refusal = LoginRefused("NoSuchPerson", Text("Choisissez une personne.", "Choose a person."))
            return await self._pages.show_login(request, wanted, query, refusal=refusal)
        return await self._pages.open(request, wanted, query, persona.subject, Means.SANDBOX)
