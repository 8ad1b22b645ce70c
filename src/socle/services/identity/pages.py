"""What the login pages share: templates in two languages, strict headers, cookies, the anti-forgery token."""

from __future__ import annotations

import secrets
from functools import cache
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from socle import __version__
from socle.platform.settings import Settings
from socle.platform.web import language_of
from socle.services.identity.errors import LoginRefused
from socle.standards.errors import SocleError, Text

_FORGERY_COOKIE: Final = "login"
_LANGUAGES: Final = ("fr", "en")
_PACKAGE: Final = "socle.services.identity"


@cache
def _environment(language: str, package: str) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in dict.fromkeys((package, _PACKAGE))]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        # The two sentences stand side by side in the template, so that neither is forgotten.
        "t": lambda fr, en: en if language == "en" else fr,
        "say": lambda text: text.in_language(language),
        "pairs": lambda query: parse_qsl(query, keep_blank_values=True),
        "language": language,
        "stylesheet": f"/static/{__version__}/socle.css",
        "icon": f"/static/{__version__}/logo.svg",
    }
    return environment


def page_language(request: Request) -> str:
    """The language of ``ui_locales``, of the reader's choice, of the browser, else French."""
    wanted = request.query_params.get("ui_locales", "")[:2]
    chosen = wanted if wanted in _LANGUAGES else request.cookies.get("langue", "")
    return chosen if chosen in _LANGUAGES else language_of(request)


def render(
    request: Request,
    template: str,
    *,
    package: str = _PACKAGE,
    status: int = 200,
    form_target: str = "",
    refresh_s: int = 0,
    **values: object,
) -> Response:
    """A page of ``package``. ``form_target`` is where a form may end up redirecting, beside this site."""
    target = urlsplit(form_target)
    allowed = f" {target.scheme}://{target.netloc}" if target.netloc else ""
    headers = {
        "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "
        f"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'{allowed}",
        "Cache-Control": "no-store",
    }
    if refresh_s:
        headers["Refresh"] = str(refresh_s)
    is_sandbox = getattr(request.app.state, "is_sandbox", False)
    text = _environment(page_language(request), package).get_template(template).render(is_sandbox=is_sandbox, **values)
    return HTMLResponse(text, status, headers)


def origin_of(request: Request) -> str:
    """The network address that asks, as traces keep it."""
    return request.client.host if request.client is not None else ""


def cookie_name(settings: Settings, name: str) -> str:
    """The name of a cookie: with ``__Host-`` where the base is reached by HTTPS, so that no other host can set it."""
    return f"__Host-socle-{name}" if settings.base_url.startswith("https://") else f"socle-{name}"


def set_cookie(response: Response, settings: Settings, name: str, value: str, *, max_age_s: int | None = None) -> None:
    """A cookie that scripts cannot read, sent on top-level navigation alone."""
    is_secure = settings.base_url.startswith("https://")
    response.set_cookie(
        cookie_name(settings, name), value, max_age=max_age_s, path="/", secure=is_secure, httponly=True, samesite="lax"
    )


def clear_cookie(response: Response, settings: Settings, name: str) -> None:
    """Takes a cookie away."""
    is_secure = settings.base_url.startswith("https://")
    response.delete_cookie(cookie_name(settings, name), path="/", secure=is_secure, httponly=True, samesite="lax")


def read_cookie(request: Request, settings: Settings, name: str) -> str:
    """The value of a cookie, or the empty string."""
    return request.cookies.get(cookie_name(settings, name), "")[:4096]


def forgery_token(request: Request, settings: Settings) -> str:
    """The token that the forms of this browser must carry before login, drawn if there is none."""
    return read_cookie(request, settings, _FORGERY_COOKIE) or secrets.token_urlsafe(24)


def keep_forgery_token(response: Response, settings: Settings, token: str) -> Response:
    """``response`` with the token in the browser's cookie."""
    set_cookie(response, settings, _FORGERY_COOKIE, token, max_age_s=3600)
    return response


def check_forgery_token(request: Request, settings: Settings, given: str) -> None:
    """Refuses a form that this browser did not get from us (login CSRF). Raises ``LoginRefused``."""
    expected = read_cookie(request, settings, _FORGERY_COOKIE)
    if not expected or not secrets.compare_digest(expected.encode(), given.encode()):
        raise LoginRefused(
            "ForgedForm",
            Text("Ce formulaire ne vient pas de cette page.", "This form does not come from this page."),
            remedy=Text("Acceptez les cookies de ce site et recommencez.", "Accept this site's cookies, start again."),
        )


def redirect(address: str) -> Response:
    """Goes to ``address`` by GET; the answer is never stored."""
    return RedirectResponse(address, 303, {"Cache-Control": "no-store"})


def error_page(request: Request, error: SocleError) -> Response:
    """The refusal told to the person, with what to do."""
    return render(request, "error.html", status=error.http_status, error=error)
