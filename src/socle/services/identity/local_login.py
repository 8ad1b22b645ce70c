"""Pages by which the holder of a local account logs in: password then one-time code, activation, recovery."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.services.identity.domain import Account, AccountKind
from socle.services.identity.errors import LoginRefused
from socle.services.identity.login_steps import Step, Steps, expired_step
from socle.services.identity.oidc import read_form
from socle.services.identity.pages import (
    check_forgery_token,
    forgery_token,
    keep_forgery_token,
    origin_of,
    redirect,
    render,
)
from socle.services.identity.rules import is_local_path
from socle.services.identity.service import IdentityService
from socle.services.identity.sessions import Space
from socle.standards.errors import Forbidden, SocleError, Text

Handler = Callable[[Request], Awaitable[Response]]

#: Where each space starts.
HOME: Final = {Space.PROFESSIONAL: "/pro", Space.CITIZEN: "/espace", Space.OPERATOR: "/operateur"}
_KINDS: Final = {Space.CITIZEN: AccountKind.CITIZEN, Space.OPERATOR: AccountKind.OPERATOR}


class LocalLogin:
    """Routes of logins by local accounts."""

    def __init__(self, service: IdentityService) -> None:
        self._service = service
        self._settings = service.base.settings
        self._accounts = service.accounts
        self._second_factor = service.accounts.second_factor
        self._steps = Steps(service.base, service.accounts)

    def routes(self, page: Callable[[Handler], Handler]) -> list[BaseRoute]:
        """``page`` turns refusals into pages."""
        return [
            Route("/connexion/motdepasse", page(self._check_password), methods=["POST"]),
            Route("/connexion/code", page(self._check_code), methods=["GET", "POST"]),
            Route("/connexion/second-facteur", page(self._enrol), methods=["GET", "POST"]),
            Route("/connexion/activation", page(self._activate), methods=["GET", "POST"]),
            Route("/connexion/recuperation/{space}", page(self._recover), methods=["GET", "POST"]),
        ]

    async def show_ways(
        self, request: Request, space: Space, back: str, *, refusal: SocleError | None = None
    ) -> Response:
        """The page on which a citizen or an operator chooses how to log in."""
        return self._show(request, "ways.html", refusal, space=space.value, back=back)

    async def _check_password(self, request: Request) -> Response:
        form = await self._read(request)
        space = read_space(form.get("espace", ""))
        back = read_back(form.get("retour", ""), space)
        try:
            account = await self._accounts.check_password(
                kind_of(space), form.get("login", ""), form.get("password", "")
            )
        except LoginRefused as refusal:
            return await self.show_ways(request, space, back, refusal=refusal)
        return await self._go_on(account, space, back)

    async def _go_on(self, account: Account, space: Space, back: str) -> Response:
        if account.has_totp:
            return await self._steps.keep(redirect("/connexion/code"), account, space, back)
        secret = self._second_factor.start()
        return await self._steps.keep(redirect("/connexion/second-facteur"), account, space, back, secret=secret)

    async def _check_code(self, request: Request) -> Response:
        step, _ = await self._steps.read(request)
        refusal: SocleError | None = None
        if request.method == "POST":
            form = await self._read(request)
            try:
                await self._second_factor.check(step.account, form.get("code", ""))
                return await self._open(request, redirect(step.back), step)
            except LoginRefused as error:
                refusal = error
        return self._show(request, "code.html", refusal)

    async def _enrol(self, request: Request) -> Response:
        step, account = await self._steps.read(request)
        if not step.secret:
            raise expired_step()
        refusal: SocleError | None = None
        if request.method == "POST":
            form = await self._read(request)
            try:
                codes = await self._second_factor.confirm(step.account, step.secret, form.get("code", ""))
                return await self._open(request, render(request, "recovery.html", codes=codes, back=step.back), step)
            except LoginRefused as error:
                refusal = error
        picture = _qr_code(self._second_factor.address(step.secret, account.login))
        return self._show(request, "enrol.html", refusal, secret=step.secret, picture=picture)

    async def _activate(self, request: Request) -> Response:
        refusal: SocleError | None = None
        form: dict[str, str] = {}
        if request.method == "POST":
            form = await self._read(request)
            try:
                account = await self._accounts.activate(
                    form.get("code", ""), form.get("matricule", ""), form.get("login", ""), form.get("password", "")
                )
                return await self._go_on(account, Space.CITIZEN, HOME[Space.CITIZEN])
            except SocleError as error:
                refusal = error
        return self._show(request, "activation.html", refusal, login=form.get("login", ""))

    async def _recover(self, request: Request) -> Response:
        space = read_space(request.path_params["space"])
        kind = kind_of(space)
        refusal: SocleError | None = None
        form: dict[str, str] = {}
        if request.method == "POST":
            form = await self._read(request)
            try:
                await self._accounts.recover(
                    kind,
                    form.get("login", ""),
                    form.get("code", ""),
                    form.get("recovery", ""),
                    form.get("password", ""),
                )
                return redirect(f"/connexion?espace={space.value}")
            except SocleError as error:
                refusal = error
        return self._show(request, "recover.html", refusal, space=space.value, login=form.get("login", ""))

    async def _read(self, request: Request) -> dict[str, str]:
        form = await read_form(request)
        check_forgery_token(request, self._settings, form.get("forgery", ""))
        return form

    def _show(self, request: Request, template: str, refusal: SocleError | None, **values: Any) -> Response:
        token = forgery_token(request, self._settings)
        status = refusal.http_status if refusal is not None else 200
        page = render(request, template, status=status, forgery=token, refusal=refusal, **values)
        return keep_forgery_token(page, self._settings, token)

    async def _open(self, request: Request, response: Response, step: Step) -> Response:
        account = await self._accounts.find(step.account)
        await self._service.sessions.open(
            response, step.space, str(account.id), actor=account.actor(origin_of(request)), means="password"
        )
        self._steps.forget(response)
        return response


def kind_of(space: Space) -> AccountKind:
    """The kind of account that opens ``space``. Raises ``Forbidden`` for professionals, who have no local account."""
    kind = _KINDS.get(space)
    if kind is None:
        raise Forbidden(
            "NoLocalAccount",
            Text("Les professionnels passent par Pro Santé Connect.", "Professionals log in by Pro Santé Connect."),
        )
    return kind


def read_space(text: str) -> Space:
    """The space named ``text``. Raises ``Forbidden``."""
    if text not in {space.value for space in Space}:
        raise Forbidden("UnknownSpace", Text("Cet espace n'existe pas.", "There is no such space."))
    return Space(text)


def read_back(path: str, space: Space) -> str:
    """Where to go after login: ``path`` if it is of this site, else the start of ``space``."""
    return path if is_local_path(path) else HOME[space]


def _qr_code(text: str) -> str:
    import zxingcpp

    svg = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode).to_svg(scale=4)
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
