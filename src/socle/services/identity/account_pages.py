"""The page on which the holder of a local account changes password, telephone and passkeys; login by passkey."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from importlib import resources
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.platform.web import json_response, problem, read_body
from socle.services.identity.domain import FRANCECONNECT, Account
from socle.services.identity.local_login import HOME, Handler, kind_of, read_space
from socle.services.identity.login_steps import Steps
from socle.services.identity.oidc import read_form
from socle.services.identity.pages import clear_cookie, origin_of, read_cookie, redirect, render, set_cookie
from socle.services.identity.passkeys import Passkeys
from socle.services.identity.service import IdentityService
from socle.services.identity.sessions import Session, Space
from socle.standards.errors import Forbidden, MalformedInput, SocleError, Text

_CHALLENGE: Final = "passkey"
_CHALLENGE_S: Final = 300


class AccountPages:
    """Routes under ``/connexion/compte`` and ``/connexion/cle``."""

    def __init__(self, service: IdentityService) -> None:
        self._service = service
        self._settings = service.base.settings
        self._accounts = service.accounts
        self._steps = Steps(service.base, service.accounts)
        self._passkeys = Passkeys(service.base)

    def routes(self, page: Callable[[Handler], Handler]) -> list[BaseRoute]:
        """``page`` turns refusals into pages."""
        return [
            Route("/connexion/compte/{space}", page(self._show)),
            Route("/connexion/compte/{space}/motdepasse", page(self._change_password), methods=["POST"]),
            Route("/connexion/compte/{space}/telephone", page(self._change_telephone), methods=["POST"]),
            Route("/connexion/compte/{space}/cle", page(self._remove_passkey), methods=["POST"]),
            Route("/connexion/cle.js", self._script),
            Route("/connexion/cle/options", self._json(self._offer_login), methods=["POST"]),
            Route("/connexion/cle/{space}", self._json(self._log_in), methods=["POST"]),
            Route("/connexion/cle/{space}/options", self._json(self._offer_passkey), methods=["POST"]),
            Route("/connexion/cle/{space}/ajout", self._json(self._add_passkey), methods=["POST"]),
        ]

    async def _logged_in(self, request: Request) -> tuple[Space, Account, Session]:
        space = read_space(request.path_params["space"])
        kind_of(space)
        session = await self._service.sessions.find(request, space)
        if session is None:
            raise Forbidden("NotLoggedIn", Text("Connectez-vous d'abord.", "Log in first."))
        return space, await self._accounts.find(UUID(session.subject)), session

    async def _proven(self, request: Request) -> tuple[Space, Account, Session]:
        """Who logged in a moment ago: a browser left open, or a stolen cookie, changes no means of login."""
        space, account, session = await self._logged_in(request)
        if not self._service.sessions.is_fresh(session):
            raise Forbidden(
                "FreshProofNeeded",
                Text("Vous vous êtes connecté il y a plus de cinq minutes.", "You logged in over five minutes ago."),
                remedy=Text("Prouvez à nouveau qui vous êtes.", "Prove again who you are."),
            )
        return space, account, session

    async def _posted(self, request: Request) -> tuple[Space, Account, dict[str, str]]:
        space, account, session = await self._logged_in(request)
        form = await read_form(request)
        if not secrets.compare_digest(form.get("csrf", "").encode(), session.csrf.encode()):
            raise Forbidden("FormExpired", Text("Ce formulaire a expiré.", "This form has expired."))
        await self._proven(request)
        return space, account, form

    async def _show(self, request: Request, *, refusal: SocleError | None = None) -> Response:
        space, account, session = await self._logged_in(request)
        here = f"/connexion/compte/{space.value}"
        way = {"retour": here, "preuve": "oui"} if session.id_token else {"retour": here, "espace": space.value}
        return render(
            request,
            "account.html",
            status=refusal.http_status if refusal is not None else 200,
            account=account,
            passkeys=await self._passkeys.list(account.id),
            csrf=session.csrf,
            is_fresh=self._service.sessions.is_fresh(session),
            proof=f"/connexion{f'/vers/{FRANCECONNECT.name}' if session.id_token else ''}?{urlencode(way)}",
            space=space.value,
            back=HOME[space],
            refusal=refusal,
            done=request.query_params.get("fait", ""),
        )

    async def _change_password(self, request: Request) -> Response:
        space, account, form = await self._posted(request)
        try:
            await self._accounts.change_password(account, form.get("current", ""), form.get("password", ""))
        except SocleError as refusal:
            return await self._show(request, refusal=refusal)
        response = redirect(f"/connexion/compte/{space.value}?fait=motdepasse")
        await self._open(request, response, space, account, "password")
        return response

    async def _change_telephone(self, request: Request) -> Response:
        space, account, form = await self._posted(request)
        try:
            await self._accounts.check_password(account.kind, account.login, form.get("current", ""))
        except SocleError as refusal:
            return await self._show(request, refusal=refusal)
        secret = self._accounts.second_factor.start()
        response = redirect("/connexion/second-facteur")
        return await self._steps.keep(response, account, space, f"/connexion/compte/{space.value}", secret=secret)

    async def _remove_passkey(self, request: Request) -> Response:
        space, account, form = await self._posted(request)
        await self._passkeys.remove(account.id, form.get("passkey", ""))
        return redirect(f"/connexion/compte/{space.value}")

    async def _open(self, request: Request, response: Response, space: Space, account: Account, means: str) -> None:
        await self._service.sessions.open(
            response, space, str(account.id), actor=account.actor(origin_of(request)), means=means
        )

    # Passkeys, by script

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

    async def _offer_login(self, _request: Request) -> Response:
        options, kept = await self._passkeys.offer_login()
        return self._with_challenge(options, kept)

    async def _offer_passkey(self, request: Request) -> Response:
        _, account, _ = await self._proven(request)
        options, kept = await self._passkeys.offer_registration(account)
        return self._with_challenge(options, kept)

    def _with_challenge(self, options: str, kept: str) -> Response:
        response = Response(options, media_type="application/json", headers={"Cache-Control": "no-store"})
        set_cookie(response, self._settings, _CHALLENGE, kept, max_age_s=_CHALLENGE_S)
        return response

    async def _log_in(self, request: Request) -> Response:
        space = read_space(request.path_params["space"])
        answer = await _read_object(request)
        kept = read_cookie(request, self._settings, _CHALLENGE)
        account = await self._accounts.find(await self._passkeys.log_in(kind_of(space), answer, kept))
        response = json_response({"ok": True})
        clear_cookie(response, self._settings, _CHALLENGE)
        await self._open(request, response, space, account, "passkey")
        return response

    async def _add_passkey(self, request: Request) -> Response:
        _, account, _ = await self._proven(request)
        answer = await _read_object(request)
        kept = read_cookie(request, self._settings, _CHALLENGE)
        await self._passkeys.register(account, answer, kept, str(answer.get("name", "")))
        return json_response({"ok": True})

    async def _script(self, _request: Request) -> Response:
        script = resources.files("socle.services.identity").joinpath("templates", "passkey.js").read_bytes()
        return Response(script, media_type="text/javascript", headers={"Cache-Control": "max-age=3600"})


async def _read_object(request: Request) -> dict[str, Any]:
    try:
        return msgspec.json.decode(await read_body(request, 65536), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise MalformedInput("InvalidJson", Text("Le corps n'est pas un objet JSON.", "Not a JSON object.")) from error
