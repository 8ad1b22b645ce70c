"""The wallet: how a professional logs in to Pro Santé Connect (e-CPS or card), and the simulated e-CPS phone."""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.platform.web import certificate_of, json_response, problem, read_body
from socle.services.identity.domain import AuthorizationRequest, ChallengeStatus, Means
from socle.services.identity.errors import LoginRefused
from socle.services.identity.login import AuthorizationPages
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
from socle.services.identity.rules import ID_NAT
from socle.services.identity.service import IdentityService
from socle.standards.errors import InvalidContent, MalformedInput, SocleError, Text

T = TypeVar("T")
_WAITING_COOKIE = "ecps"
_REFRESH_S = 3


class Wallet:
    """Pages under ``/auth``. ``mtls_url`` is where a real card can show its certificate; empty: nowhere."""

    def __init__(self, service: IdentityService, mtls_url: str = "") -> None:
        self._service = service
        self._settings = service.base.settings
        self._mtls_url = mtls_url
        self._pages = AuthorizationPages(service, service.psc, self._login_page)

    def routes(self) -> list[BaseRoute]:
        """Login routes; those of simulated means exist in a sandbox alone."""
        page = self._pages.page
        routes = [*self._pages.routes(), Route("/auth/carte", page(self._tls_card))]
        if self._settings.is_sandbox:
            routes += [
                Route("/auth/ecps", page(self._start_ecps), methods=["POST"]),
                Route("/auth/wait", page(self._wait)),
                Route("/auth/card", page(self._simulated_card), methods=["POST"]),
                Route("/sandbox/ecps", page(self._phone)),
                Route("/sandbox/ecps/{challenge:uuid}", page(self._answer_page), methods=["POST"]),
                Route("/sandbox/api/ecps/{subject:path}", self._list_waiting),
                Route("/sandbox/api/ecps", self._answer_api, methods=["POST"]),
                Route("/sandbox/token", self._sandbox_token, methods=["POST"]),
            ]
        return routes

    async def _login_page(
        self, request: Request, wanted: AuthorizationRequest, query: str, token: str, *, refusal: SocleError | None
    ) -> Response:
        return render(
            request,
            "login.html",
            status=refusal.http_status if refusal is not None else 200,
            form_target=wanted.redirect_uri,
            client=wanted.client,
            hint=wanted.login_hint,
            query=query,
            forgery=token,
            refusal=refusal,
            card_address=f"{self._mtls_url}/auth/carte?{query}" if self._mtls_url else "",
            people=await self._service.directory.sample_professionals() if self._settings.is_sandbox else [],
        )

    async def _find_subject(self, identifier: str) -> str:
        text = "".join(identifier.split())
        id_nat = f"8{text}" if len(text) == 11 and text.isdigit() else text
        professional = await self._service.directory.professional(id_nat) if ID_NAT.fullmatch(id_nat) else None
        if professional is None or not professional.is_active:
            raise LoginRefused(
                "UnknownProfessional",
                Text("Cet identifiant n'est pas celui d'un professionnel.", "Not a professional's identifier."),
                location="identifier",
                remedy=Text(
                    "Écrivez les 11 chiffres du RPPS, ou l'identifiant national.",
                    "Write the 11 digits of the RPPS, or the national identifier.",
                ),
            )
        return id_nat

    async def _start_ecps(self, request: Request) -> Response:
        wanted, query, form = await self._pages.read_posted(request)
        if isinstance(wanted, Response):
            return wanted
        try:
            subject = await self._find_subject(form.get("identifier", ""))
            secret = await self._service.challenges.start_login(wanted.client, subject, wanted.scope)
        except SocleError as refusal:
            return await self._pages.show_login(request, wanted, query, refusal=refusal)
        response = redirect(f"/auth/wait?{query}")
        set_cookie(response, self._settings, _WAITING_COOKIE, secret, max_age_s=180)
        return response

    async def _wait(self, request: Request) -> Response:
        query = request.url.query
        wanted = await self._pages.read(query)
        if isinstance(wanted, Response):
            return wanted
        secret = read_cookie(request, self._settings, _WAITING_COOKIE)
        challenge = await self._service.challenges.poll_login(secret, wanted.client)
        if challenge is not None:
            if challenge.status is ChallengeStatus.APPROVED:
                response = await self._pages.open(request, wanted, query, challenge.subject, Means.ECPS)
                clear_cookie(response, self._settings, _WAITING_COOKIE)
                return response
            if challenge.status is ChallengeStatus.PENDING:
                return render(
                    request,
                    "wait.html",
                    form_target=wanted.redirect_uri,
                    refresh_s=_REFRESH_S,
                    client=wanted.client,
                    number=challenge.number,
                    query=query,
                    subject=challenge.subject,
                )
        refusal = LoginRefused(
            "NotApproved",
            Text("La demande a été refusée ou a expiré.", "The request was denied or has expired."),
            remedy=Text("Recommencez la connexion.", "Start the login again."),
        )
        return await self._pages.show_login(request, wanted, query, refusal=refusal)

    async def _simulated_card(self, request: Request) -> Response:
        wanted, query, form = await self._pages.read_posted(request)
        if isinstance(wanted, Response):
            return wanted
        try:
            subject = await self._find_subject(form.get("identifier", ""))
            await self._service.cards.read_simulated(subject, form.get("pin", ""))
        except SocleError as refusal:
            return await self._pages.show_login(request, wanted, query, refusal=refusal)
        return await self._pages.open(request, wanted, query, subject, Means.CARD)

    async def _tls_card(self, request: Request) -> Response:
        query = request.url.query
        wanted = await self._pages.read(query)
        if isinstance(wanted, Response):
            return wanted
        try:
            subject = await self._find_subject(self._service.cards.read_certificate(certificate_of(request)))
        except SocleError as refusal:
            return await self._pages.show_login(request, wanted, query, refusal=refusal)
        return await self._pages.open(request, wanted, query, subject, Means.CARD)

    # The simulated phone

    async def _phone(self, request: Request) -> Response:
        identifier = request.query_params.get("identifiant", "")[:100]
        subject = f"8{identifier}" if len(identifier) == 11 and identifier.isdigit() else identifier
        professional = await self._service.directory.professional(subject) if subject else None
        token = forgery_token(request, self._settings)
        page = render(
            request,
            "phone.html",
            refresh_s=_REFRESH_S * 2 if professional is not None else 0,
            identifier=identifier,
            professional=professional,
            waiting=await self._service.challenges.list_waiting(subject) if professional is not None else [],
            people=await self._service.directory.sample_professionals() if professional is None else [],
            forgery=token,
            done=request.query_params.get("fait", ""),
        )
        return keep_forgery_token(page, self._settings, token)

    async def _answer_page(self, request: Request) -> Response:
        form = await read_form(request)
        check_forgery_token(request, self._settings, form.get("forgery", ""))
        subject, number = form.get("subject", ""), form.get("number")
        await self._service.challenges.answer(subject, request.path_params["challenge"], number=number)
        done = "oui" if number is not None else "non"
        return redirect("/sandbox/ecps?" + urlencode({"identifiant": subject, "fait": done}))

    async def _list_waiting(self, request: Request) -> Response:
        waiting = await self._service.challenges.list_waiting(request.path_params["subject"])
        return json_response(
            [
                {
                    "id": str(item.id),
                    "client": item.client_name,
                    "binding_message": item.binding_message,
                    "choices": item.choices if item.number else (),
                    "expires_at": item.expires_at,
                }
                for item in waiting
            ]
        )

    async def _answer_api(self, request: Request) -> Response:
        try:
            answer = await _read_json(request, PhoneAnswer)
            number = answer.number if answer.approve else None
            await self._service.challenges.answer(answer.subject, answer.id, number=number)
        except SocleError as error:
            return problem(error, request)
        return Response(status_code=204)

    async def _sandbox_token(self, request: Request) -> Response:
        try:
            asked = await _read_json(request, SandboxTokenRequest)
            tokens = await self._service.sandbox_token(asked.rpps)
        except SocleError as error:
            return problem(error, request)
        return json_response(tokens)


class PhoneAnswer(msgspec.Struct, frozen=True):
    """What a program answers in place of the phone's holder."""

    id: UUID
    subject: str
    approve: bool = True
    #: The number that the other device shows; empty when the request shows none.
    number: str = ""


class SandboxTokenRequest(msgspec.Struct, frozen=True):
    """Whose token is wanted: RPPS or PS_IdNat."""

    rpps: str


async def _read_json(request: Request, kind: type[T]) -> T:
    # A JSON type keeps other sites' forms out: a browser asks before it sends one across sites.
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise MalformedInput("JsonRequired", Text("Envoyez du JSON.", "Send application/json."))
    try:
        return msgspec.json.decode(await read_body(request, 65536), type=kind)
    except msgspec.ValidationError as error:
        raise InvalidContent(
            "InvalidBody", Text("Le corps n'a pas la forme attendue.", "The body has not the expected shape.")
        ) from error
    except msgspec.DecodeError as error:
        raise MalformedInput("InvalidJson", Text("Le corps n'est pas du JSON.", "The body is not JSON.")) from error
