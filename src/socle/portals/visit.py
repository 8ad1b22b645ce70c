"""Who visits a page: what a portal needs of a login, and the guard of every page."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Protocol

import msgspec
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from socle.platform.actor import Actor, Purpose
from socle.platform.web import bounded
from socle.portals.pages import page_language, render
from socle.standards.errors import Forbidden, NotAuthenticated, SocleError, Text
from socle.standards.ids.ins import Ins

#: Largest form, files included.
MAX_FORM_BYTES = 30 * 1024 * 1024
_MAX_FILES = 10


#: The DMP's refusal when a person has no open record: the account page says what can be done.
NO_RECORD = "DMPNotFound"


class NoRecordChosen(Forbidden):
    """A page on a record was asked for while none is open: the visitor chooses one first."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """A record, or a situation of exercise, in which the visitor may act. ``key`` is opaque and fits in a form."""

    key: str
    name: str
    detail: str = ""
    is_current: bool = False


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A login as pages see it. ``ins`` is the record being looked at, if there is one; ``holder`` its person's name."""

    actor: Actor
    csrf: str
    name: str
    ins: Ins | None = None
    holder: str = ""

    @property
    def record(self) -> Ins:
        """The record being looked at. Raises ``Forbidden`` if none is."""
        if self.ins is None:
            raise NoRecordChosen("NoRecordChosen", Text("Aucun dossier n'est ouvert.", "No record is open."))
        return self.ins


class Visits(Protocol):
    """What a portal asks of the identity service. Addresses are paths of this site."""

    async def find(self, request: Request) -> Visit | None:
        """The login of this browser, or ``None``."""
        ...

    def login_path(self, back: str) -> str:
        """Where to log in and then come back to ``back``."""
        ...

    async def choices(self, request: Request, visit: Visit) -> tuple[Choice, ...]:
        """The records, or the situations of exercise, in which the visitor may act."""
        ...

    async def choose(self, request: Request, key: str) -> None:
        """Goes on as another of ``choices``. Raises ``Forbidden`` for any other key."""
        ...

    def logout_path(self) -> str:
        """Where to log out (a POST with the CSRF token)."""
        ...


class Desk(Visits, Protocol):
    """What the professional's portal asks besides: which patient is being seen, and how."""

    async def open_record(
        self, request: Request, ins: Ins, holder: str, *, purpose: Purpose = Purpose.NORMAL, reason: str = ""
    ) -> None:
        """From now on this login looks at the record of ``ins``, for ``purpose``."""
        ...

    async def leave_record(self, request: Request) -> None:
        """From now on no record is looked at."""
        ...


Page = Callable[[Request, Visit], Awaitable[Response]]


def guarded(visits: Visits, base: str) -> Callable[[Page], Callable[[Request], Awaitable[Response]]]:
    """Turns a page for a visitor into an endpoint: login first, CSRF token on POST, refusals as a page.

    ``base`` is the template that the page of a refusal extends.
    """

    def guard(page: Page) -> Callable[[Request], Awaitable[Response]]:
        @wraps(page)
        async def endpoint(request: Request) -> Response:
            visit = await visits.find(request)
            if visit is None:
                back = request.url.path if request.method == "GET" else base_path(request)
                return RedirectResponse(visits.login_path(back), 303)
            try:
                if request.method == "POST":
                    request = bounded(request, MAX_FORM_BYTES)
                    await _check_csrf(request, visit)
                return await page(request, visit)
            except NoRecordChosen:
                return RedirectResponse(f"{base_path(request)}/compte", 303)
            except NotAuthenticated:
                return RedirectResponse(visits.login_path(base_path(request)), 303)
            except SocleError as error:
                if error.code == NO_RECORD and request.method == "GET" and base_path(request) == "/espace":
                    return RedirectResponse("/espace/compte", 303)
                return refusal_page(request, error, base, {"visit": visit})

        return endpoint

    return guard


def base_path(request: Request) -> str:
    """The portal's first page: ``/espace`` for ``/espace/documents``."""
    return "/" + request.url.path.split("/")[1]


def refusal_page(request: Request, error: SocleError, base: str, values: Mapping[str, object]) -> Response:
    """The page that says what ``error`` says, in the reader's language."""
    language = page_language(request)
    remedy = error.remedy.in_language(language) if error.remedy else ""
    texts = {"reason": error.reason.in_language(language), "remedy": remedy, "code": error.code, "base": base}
    return render(request, "refusal.html", {**values, **texts}, status=error.http_status)


async def read_form(request: Request) -> FormData:
    """The form of this request, read once; ``guarded`` bounds it."""
    return await request.form(max_files=_MAX_FILES, max_fields=200, max_part_size=MAX_FORM_BYTES)


async def _check_csrf(request: Request, visit: Visit) -> None:
    form = await read_form(request)
    token = form.get("csrf")
    if not isinstance(token, str) or not hmac.compare_digest(token.encode(), visit.csrf.encode()):
        raise Forbidden(
            "FormExpired",
            Text("Ce formulaire a expiré.", "This form has expired."),
            remedy=Text("Revenez à la page et recommencez.", "Go back to the page and start again."),
        )


def text_of(form: FormData, name: str, limit: int = 2000) -> str:
    """The text of one field, without surrounding space, at most ``limit`` characters."""
    value = form.get(name)
    return value.strip()[:limit] if isinstance(value, str) else ""
