"""Pages of local accounts: password then one-time code, enrolment of the second factor, activation, passkeys.

Between two pages, what was already proven is sealed in a cookie that lives ten minutes.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any, Final
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.platform.keys import Unreadable
from socle.platform.patient_key import owner_key
from socle.platform.web import json_response, problem, read_body
from socle.services.identity.accounts import Account, AccountKind
from socle.services.identity.errors import LoginRefused
from socle.services.identity.oidc import read_form
from socle.services.identity.pages import (
    check_forgery_token,
    clear_cookie,
    forgery_token,
    keep_forgery_token,
    read_cookie,
    redirect,
    render,
    set_cookie,
)
from socle.services.identity.passkeys import Passkeys
from socle.services.identity.rules import is_local_path
from socle.services.identity.service import IdentityService
from socle.services.identity.sessions import Space
from socle.standards.errors import Forbidden, MalformedInput, SocleError, Text

Handler = Callable[[Request], Awaitable[Response]]

#: Where each space starts.
HOME: Final = {Space.PROFESSIONAL: "/pro", Space.CITIZEN: "/espace", Space.OPERATOR: "/operateur"}
_KINDS: Final = {Space.CITIZEN: AccountKind.CITIZEN, Space.OPERATOR: AccountKind.OPERATOR}
_STEP: Final = "step"
_PASSKEY: Final = "passkey"
_STEP_S: Final = 600
_OWNER = owner_key("identity", "login-step")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A login half done: the password was right. ``secret`` is that of a second factor being enrolled."""

    account: UUID
    space: Space
    back: str
    at: float
    secret: str = ""


class LocalLogin:
    """Routes of local accounts."""

    def __init__(self, service: IdentityService) -> None:
        self._service = service
        self._settings = service.base.settings
        self._accounts = service.accounts
        self._passkeys = Passkeys(service.base)

    def routes(self, page: Callable[[Handler], Handler]) -> list[BaseRoute]:
        """``page`` turns refusals into pages."""
        return [
            Route("/connexion/motdepasse", page(self._check_password), methods=["POST"]),
            Route("/connexion/code", page(self._second_factor), methods=["GET", "POST"]),
            Route("/connexion/second-facteur", page(self._enrol), methods=["GET", "POST"]),
            Route("/connexion/activation", page(self._activate), methods=["GET", "POST"]),
            Route("/connexion/compte/{space}", page(self._account_page), methods=["GET", "POST"]),
            Route("/connexion/cle.js", self._script),
            Route("/connexion/cle/options", self._json(self._passkey_options), methods=["POST"]),
            Route("/connexion/cle/{space}", self._json(self._passkey_login), methods=["POST"]),
            Route("/connexion/cle/{space}/options", self._json(self._passkey_offer), methods=["POST"]),
            Route("/connexion/cle/{space}/ajout", self._json(self._passkey_add), methods=["POST"]),
        ]

    # Password and one-time code

    async def _check_password(self, request: Request) -> Response:
        form = await read_form(request)
        check_forgery_token(request, self._settings, form.get("forgery", ""))
        space = read_space(form.get("espace", ""))
        back = read_back(form.get("retour", ""), space)
        try:
            account = await self._accounts.check_password(
                kind_of(space), form.get("login", ""), form.get("password", "")
            )
        except LoginRefused as refusal:
            return await self.show_ways(request, space, back, refusal=refusal)
        return await self._next_step(account, space, back)

    async def show_ways(
        self, request: Request, space: Space, back: str, *, refusal: SocleError | None = None
    ) -> Response:
        """The page on which a citizen or an operator chooses how to log in."""
        token = forgery_token(request, self._settings)
        page = render(
            request,
            "ways.html",
            status=refusal.http_status if refusal is not None else 200,
            space=space.value,
            back=back,
            forgery=token,
            refusal=refusal,
        )
        return keep_forgery_token(page, self._settings, token)

    async def _next_step(self, account: Account, space: Space, back: str) -> Response:
        secret = "" if account.has_totp else await self._accounts.start_totp()
        response = redirect("/connexion/code" if account.has_totp else "/connexion/second-facteur")
        step = Step(account=account.id, space=space, back=back, at=self._now(), secret=secret)
        set_cookie(response, self._settings, _STEP, await self._seal(step), max_age_s=_STEP_S)
        return response

    async def _second_factor(self, request: Request) -> Response:
        step = await self._read_step(request)
        refusal: SocleError | None = None
        if request.method == "POST":
            form = await read_form(request)
            check_forgery_token(request, self._settings, form.get("forgery", ""))
            try:
                await self._accounts.check_second_factor(step.account, form.get("code", ""))
                return await self._open(redirect(step.back), step)
            except LoginRefused as error:
                refusal = error
        return self._form_page(request, "code.html", refusal)

    async def _enrol(self, request: Request) -> Response:
        step = await self._read_step(request)
        if not step.secret:
            raise _expired()
        account = await self._accounts.find(step.account)
        refusal: SocleError | None = None
        if request.method == "POST":
            form = await read_form(request)
            check_forgery_token(request, self._settings, form.get("forgery", ""))
            try:
                codes = await self._accounts.confirm_totp(step.account, step.secret, form.get("code", ""))
                return await self._open(render(request, "recovery.html", codes=codes, back=step.back), step)
            except LoginRefused as error:
                refusal = error
        address = self._accounts.totp_address(step.secret, account.login)
        return self._form_page(request, "enrol.html", refusal, secret=step.secret, picture=_qr_code(address))

    async def _activate(self, request: Request) -> Response:
        refusal: SocleError | None = None
        form: dict[str, str] = {}
        if request.method == "POST":
            form = await read_form(request)
            check_forgery_token(request, self._settings, form.get("forgery", ""))
            try:
                account = await self._accounts.activate(
                    form.get("code", ""), form.get("matricule", ""), form.get("login", ""), form.get("password", "")
                )
                return await self._next_step(account, Space.CITIZEN, HOME[Space.CITIZEN])
            except SocleError as error:
                refusal = error
        return self._form_page(request, "activation.html", refusal, login=form.get("login", ""))

    def _form_page(self, request: Request, template: str, refusal: SocleError | None, **values: str) -> Response:
        token = forgery_token(request, self._settings)
        status = refusal.http_status if refusal is not None else 200
        page = render(request, template, status=status, forgery=token, refusal=refusal, values=values)
        return keep_forgery_token(page, self._settings, token)

    async def _open(self, response: Response, step: Step) -> Response:
        await self._service.sessions.open(response, step.space, str(step.account))
        clear_cookie(response, self._settings, _STEP)
        return response

    def _now(self) -> float:
        return self._service.base.clock().timestamp()

    async def _seal(self, step: Step) -> str:
        rings = self._service.base.objects.rings
        return base64.urlsafe_b64encode(await rings.seal(_OWNER, b"step", msgspec.json.encode(step))).decode()

    async def _read_step(self, request: Request) -> Step:
        kept = read_cookie(request, self._settings, _STEP)
        try:
            sealed = base64.urlsafe_b64decode(kept)
            opened = await self._service.base.objects.rings.open(_OWNER, b"step", sealed)
            step = msgspec.json.decode(opened, type=Step)
        except (ValueError, Unreadable, msgspec.DecodeError) as error:
            raise _expired() from error
        if not 0 <= self._now() - step.at <= _STEP_S:
            raise _expired()
        return step

    # The account's own page

    async def _logged_in(self, request: Request) -> tuple[Space, Account, str]:
        space = read_space(request.path_params["space"])
        session = await self._service.sessions.find(request, space)
        if session is None or space not in _KINDS:
            raise Forbidden("NotLoggedIn", Text("Connectez-vous d'abord.", "Log in first."))
        return space, await self._accounts.find(UUID(session.subject)), session.csrf

    async def _account_page(self, request: Request) -> Response:
        space, account, csrf = await self._logged_in(request)
        if request.method == "POST":
            form = await read_form(request)
            if form.get("csrf") != csrf:
                raise Forbidden("FormExpired", Text("Ce formulaire a expiré.", "This form has expired."))
            await self._passkeys.remove(account.id, form.get("passkey", ""))
            return redirect(request.url.path)
        passkeys = await self._passkeys.list(account.id)
        return render(
            request, "account.html", account=account, passkeys=passkeys, csrf=csrf, space=space.value, back=HOME[space]
        )

    # Passkeys

    def _json(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            try:
                # A JSON type keeps other sites' forms out: a browser asks before it sends one across sites.
                if request.headers.get("content-type", "") != "application/json":
                    raise MalformedInput("JsonRequired", Text("Envoyez du JSON.", "Send application/json."))
                return await handler(request)
            except SocleError as error:
                return problem(error, request)

        return guarded

    async def _passkey_options(self, _request: Request) -> Response:
        options, kept = await self._passkeys.offer_login()
        return self._with_challenge(options, kept)

    async def _passkey_offer(self, request: Request) -> Response:
        _, account, _ = await self._logged_in(request)
        options, kept = await self._passkeys.offer_registration(account)
        return self._with_challenge(options, kept)

    def _with_challenge(self, options: str, kept: str) -> Response:
        response = Response(options, media_type="application/json", headers={"Cache-Control": "no-store"})
        set_cookie(response, self._settings, _PASSKEY, kept, max_age_s=300)
        return response

    async def _passkey_login(self, request: Request) -> Response:
        space = read_space(request.path_params["space"])
        answer = await _read_object(request)
        kept = read_cookie(request, self._settings, _PASSKEY)
        account = await self._passkeys.log_in(kind_of(space), answer, kept)
        response = json_response({"ok": True})
        clear_cookie(response, self._settings, _PASSKEY)
        await self._service.sessions.open(response, space, str(account))
        return response

    async def _passkey_add(self, request: Request) -> Response:
        _, account, _ = await self._logged_in(request)
        answer = await _read_object(request)
        await self._passkeys.register(
            account, answer, read_cookie(request, self._settings, _PASSKEY), str(answer.get("name", ""))
        )
        return json_response({"ok": True})

    async def _script(self, _request: Request) -> Response:
        script = resources.files("socle.services.identity").joinpath("templates", "passkey.js").read_bytes()
        return Response(script, media_type="text/javascript", headers={"Cache-Control": "max-age=3600"})


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


async def _read_object(request: Request) -> dict[str, Any]:
    try:
        return msgspec.json.decode(await read_body(request, 65536), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise MalformedInput("InvalidJson", Text("Le corps n'est pas un objet JSON.", "Not a JSON object.")) from error


def _qr_code(text: str) -> str:
    import zxingcpp

    svg = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode).to_svg(scale=4)
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def _expired() -> LoginRefused:
    return LoginRefused(
        "StepExpired",
        Text("Cette étape a expiré.", "This step has expired."),
        remedy=Text("Recommencez la connexion.", "Start the login again."),
    )
