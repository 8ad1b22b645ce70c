"""Pages: templates, languages, static files and the headers that keep a page safe.

French is written in the templates and is the key of each sentence; ``locale/en/portals.po`` holds the English.
"""

from __future__ import annotations

import gettext
import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from jinja2 import Environment, PackageLoader, StrictUndefined, Template, pass_context
from jinja2.runtime import Context
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from socle.platform.web import language_of
from socle.standards.cda.render import stylesheet
from socle.standards.ids.naming import person_name, place_name

PARIS = ZoneInfo("Europe/Paris")

#: Nothing but our own files, no inline script or style, no frame of others, forms to ourselves.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; object-src 'self'; frame-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'self'"
)
_HEADERS = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-store"}
_LANGUAGE_COOKIE = "langue"
_DTM = re.compile(r"(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?")


class _Sentences(gettext.NullTranslations):
    """The English of each French sentence, read from the catalogue's text: nothing to compile."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self.sentences: dict[str, str] = {}
        file = resources.files("socle.portals").joinpath("locale", language, "portals.po")
        if file.is_file():
            with file.open("rb") as text:
                catalog = read_po(text)
            self.sentences = {str(m.id): str(m.string) for m in catalog if m.id and m.string}

    def gettext(self, message: str) -> str:
        """The sentence in this language, or the French one."""
        return self.sentences.get(message, message)


@cache
def _sentences(language: str) -> _Sentences:
    return _Sentences(language)


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("socle.portals"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(_sentences(language), newstyle=True)  # type: ignore[attr-defined]
    environment.globals |= {"static": static_url, "language": language}
    environment.filters |= {
        "day": _day,
        "moment": _moment,
        "hour": _hour,
        "dtm": _dtm,
        "stamp": _stamp,
        "span": _span,
        "person": person_name,
        "place": place_name,
    }
    return environment


@pass_context
def _day(context: Context, value: datetime) -> str:
    """Day in words, Paris time: « 2 mars 2026 »."""
    return format_date(value.astimezone(PARIS), "d MMMM y", locale=context["language"])


@pass_context
def _moment(context: Context, value: datetime) -> str:
    """Day and hour in words, Paris time."""
    return format_datetime(value.astimezone(PARIS), "d MMMM y HH:mm", locale=context["language"])


def _hour(value: datetime) -> str:
    """Hour of the day, Paris time."""
    return f"{value.astimezone(PARIS):%H:%M}"


@pass_context
def _dtm(context: Context, value: str) -> str:
    """An XDS DTM (UTC, any precision) in words, no more precise than it is."""
    return _write_dtm(value, context["language"])


@lru_cache(maxsize=10_000)
def _write_dtm(value: str, language: str) -> str:
    match = _DTM.fullmatch(value)
    if match is None:
        return value
    parts = [int(part) for part in match.groups() if part is not None]
    if len(parts) == 1:
        return str(parts[0])
    moment = datetime(*(parts[:3] + [1] * (3 - len(parts[:3]))), tzinfo=UTC)  # type: ignore[misc, arg-type]
    if len(parts) > 3:
        hours = parts[3:5] + [0] * (5 - len(parts[:5]))
        moment = moment.replace(hour=hours[0], minute=hours[1]).astimezone(PARIS)
    pattern = {2: "MMMM y", 3: "d MMMM y"}.get(len(parts), "d MMMM y HH:mm")
    return format_datetime(moment, pattern, locale=language)


def _stamp(value: datetime) -> str:
    """An instant as the attribute ``datetime`` wants it."""
    return value.isoformat(timespec="seconds")


@pass_context
def _span(context: Context, bounds: tuple[float | None, float | None]) -> str:
    """A range of usual values: « 12 – 16 », « ≤ 3 », « ≥ 4 », or nothing."""
    low, high = (None if one is None else format_decimal(one, locale=context["language"]) for one in bounds)
    if low is not None and high is not None:
        return f"{low} – {high}"
    return f"≤ {high}" if high is not None else f"≥ {low}" if low is not None else ""


def page_language(request: Request) -> str:
    """The language chosen by the reader, else that of the browser, else French."""
    chosen = request.cookies.get(_LANGUAGE_COOKIE, "")
    return chosen if chosen in {"fr", "en"} else language_of(request)


def translate(request: Request, sentence: str) -> str:
    """``sentence`` (French) in the language of the page, for what no template holds."""
    return _sentences(page_language(request)).gettext(sentence)


def render(
    request: Request, template: str, values: Mapping[str, object] | None = None, *, status: int = 200
) -> Response:
    """The page ``template`` with ``values``, in the reader's language, with strict headers."""
    language = page_language(request)
    text = (
        _environment(language)
        .get_template(template)
        .render(path=request.url.path, is_sandbox=getattr(request.app.state, "is_sandbox", False), **(values or {}))
    )
    return HTMLResponse(text, status, _HEADERS)


def template(name: str, language: str = "fr") -> Template:
    """The template ``name`` for what is not a page of this site (a file in an archive)."""
    return _environment(language).get_template(name)


#: The style of clinical documents, which comes with their renderer.
_DOCUMENT_STYLE = "document.css"


def _static_file(name: str) -> bytes | None:
    if name == _DOCUMENT_STYLE:
        return stylesheet().encode()
    file = resources.files("socle.portals").joinpath("static", name)
    return file.read_bytes() if "/" not in name and file.is_file() else None


@cache
def _static_digest(name: str) -> str:
    content = _static_file(name)
    if content is None:
        raise KeyError(name)
    return hashlib.sha256(content).hexdigest()[:12]


def static_url(name: str) -> str:
    """Address of a static file, which changes with its content, so that it may be cached for ever."""
    return f"/static/{_static_digest(name)}/{name}"


_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    content = _static_file(name)
    if content is None:
        return Response(status_code=404)
    media_type = _MEDIA_TYPES.get(name[name.rfind(".") :], "application/octet-stream")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(content, media_type=media_type, headers=headers)


async def _choose_language(request: Request) -> Response:
    back = request.query_params.get("retour", "/")
    # A path of this site alone: neither another host nor a scheme.
    back = back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/"
    response = RedirectResponse(back, 303)
    language = request.path_params["language"]
    if language in {"fr", "en"}:
        response.set_cookie(_LANGUAGE_COOKIE, language, max_age=31536000, httponly=True, samesite="lax")
    return response


async def _home(request: Request) -> Response:
    return render(request, "home.html")


async def _design(request: Request) -> Response:
    return render(request, "design.html")


async def _accessibility(request: Request) -> Response:
    return render(request, "accessibility.html")


def routes() -> list[BaseRoute]:
    """Pages that belong to no portal."""
    return [
        Route("/", _home),
        Route("/design", _design),
        Route("/accessibilite", _accessibility),
        Route("/langue/{language}", _choose_language),
        Route("/static/{digest}/{name}", _static),
    ]
