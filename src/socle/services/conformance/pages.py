"""The page where one drops a file and reads the verdict beside the document; the same for programs.

``GET /conformance`` the page, ``POST /conformance`` a form with a file; ``POST /conformance/verdict`` a bare document,
answered as JSON, HTML, SVRL or JUnit by ``Accept`` or ``?format=``; ``GET /conformance/kit`` the kit in force.
Nothing is stored.
"""

from __future__ import annotations

import asyncio
import re
from typing import Final

import msgspec
from lxml import etree
from markupsafe import Markup
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from socle import __version__
from socle.platform.web import bounded, json_response, language_of, read_body
from socle.services.conformance import report
from socle.services.conformance.domain import LAYER_NAMES, SEVERITY_NAMES, Judged, Verdict, refused
from socle.services.conformance.service import ConformanceService
from socle.standards.cda.document import open_document
from socle.standards.cda.render import render_fragment, stylesheet
from socle.standards.errors import SocleError, Text, Unavailable

#: Largest document that these doors take: ``socle validate`` takes larger ones.
MAX_BYTES: Final = 32 * 1024 * 1024
#: Longest judgement for whoever asks, and how many may wait in one process.
LIMIT_S: Final = 15.0
MOST_WAITING: Final = 4
_V3: Final = "{urn:hl7-org:v3}"
_SECTION: Final = re.compile(r".*/(?:\w+:)?section(?:\[\d+\])?")
#: Marks a heading of the rendered document, then becomes a link to its findings; no document may hold it.
_MARK: Final = "\ue000{}\ue001"
_MARKS: Final = re.compile("\ue000\\d+\ue001")
_TAG: Final = re.compile("<[^<>]*>")
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; object-src data:; frame-src data:"
)


class ConformancePages:
    """The pages and the door for programs."""

    def __init__(self, service: ConformanceService) -> None:
        self._service = service
        self._waiting = 0

    def routes(self) -> list[BaseRoute]:
        """Everything under ``/conformance``."""
        return [
            Route("/conformance", self.show, methods=["GET"]),
            Route("/conformance", self.judge, methods=["POST"]),
            Route("/conformance/verdict", self.answer, methods=["POST"]),
            Route("/conformance/kit", self.kit, methods=["GET"]),
            Route("/conformance/document.css", self.style, methods=["GET"]),
        ]

    async def show(self, request: Request) -> Response:
        """The form alone."""
        return self._page(request, None, b"", None)

    async def judge(self, request: Request) -> Response:
        """The verdict on the file of the form, beside the document."""
        async with bounded(request, MAX_BYTES).form(max_files=1, max_fields=4) as form:
            upload = form.get("document")
            content = await upload.read() if isinstance(upload, UploadFile) else b""
            name = (upload.filename or "document") if isinstance(upload, UploadFile) else "document"
        try:
            judged = Judged(name, await self._verdict(content))
        except SocleError as error:
            judged = refused(name, error)
        return await asyncio.to_thread(self._page, request, judged, content, judged.verdict)

    async def answer(self, request: Request) -> Response:
        """The verdict on the body, in the form that the program accepts."""
        content = await read_body(request, MAX_BYTES)
        verdict = await self._verdict(content)
        wanted = request.query_params.get("format", "") or _accepted(request)
        judged = [Judged("document", verdict)]
        match wanted:
            case "svrl":
                return Response(report.to_svrl("document", verdict), media_type="application/xml")
            case "junit":
                return Response(report.to_junit(judged), media_type="application/xml")
            case "html":
                page = report.to_html(judged, {"document": content}, language_of(request))
                return HTMLResponse(
                    page, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
                )
        return json_response({"conformant": verdict.is_conformant, **msgspec.to_builtins(verdict)})

    async def _verdict(self, content: bytes) -> Verdict:
        """A verdict for anybody: few at a time and soon given up, since documents that are fed wait for the same rules.

        Raises what ``ConformanceService.verdict`` raises, ``Unavailable`` (``ConformanceBusy``) when others wait.
        """
        if self._waiting >= MOST_WAITING:
            raise Unavailable(
                "ConformanceBusy",
                Text("Trop de documents attendent d'être jugés.", "Too many documents wait to be judged."),
                remedy=Text(
                    "Réessayez dans une minute, ou jugez-les chez vous : socle validate.",
                    "Try again in a minute, or judge them at home: socle validate.",
                ),
            )
        self._waiting += 1
        try:
            return await self._service.verdict(content, limit_s=LIMIT_S)
        finally:
            self._waiting -= 1

    async def kit(self, _request: Request) -> Response:
        """The official kit in force, or null."""
        return json_response(self._service.kit_report())

    async def style(self, _request: Request) -> Response:
        """The style of rendered documents and of findings."""
        own = report.environment("fr").get_template("verdict.css").render()
        return Response(f"{stylesheet()}\n{own}", media_type="text/css", headers={"Cache-Control": "max-age=3600"})

    def _page(self, request: Request, judged: Judged | None, content: bytes, verdict: Verdict | None) -> Response:
        chosen = request.cookies.get("langue", "")
        language = chosen if chosen in ("fr", "en") else language_of(request)
        kit = self._service.kit_report()
        text = (
            report.environment(language)
            .get_template("page.html")
            .render(
                judged=judged,
                excerpts=report.excerpts(verdict, content) if verdict else {},
                rendered=_rendered(content, verdict, language) if verdict else _Rendered(),
                layers=LAYER_NAMES,
                severities=SEVERITY_NAMES,
                kit=kit,
                is_sandbox=getattr(request.app.state, "is_sandbox", False),
                stylesheet=f"/static/{__version__}/socle.css",
                icon=f"/static/{__version__}/logo.svg",
            )
        )
        headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}
        return HTMLResponse(text, 200, headers)


def routes(service: ConformanceService) -> list[BaseRoute]:
    """The doors of the conformance service."""
    return ConformancePages(service).routes()


def _accepted(request: Request) -> str:
    accept = request.headers.get("accept", "")
    return "html" if "text/html" in accept else "svrl" if "xml" in accept and "json" not in accept else "json"


class _Rendered(msgspec.Struct, frozen=True):
    """A document as HTML, and for the place of each finding in the page, the heading that it falls under."""

    html: Markup = Markup("")
    headings: dict[str, str] = {}


def _rendered(content: bytes, verdict: Verdict, language: str) -> _Rendered:
    """The document, each heading followed by a link to what is wrong under it."""
    try:
        document = open_document(content)
        marks = _mark_headings(document.root, verdict)
        written = render_fragment(document, language=language, heading_level=3)
    except SocleError:
        return _Rendered()
    written = _TAG.sub(lambda tag: _MARKS.sub("", tag.group()), written)  # a title also names tables and files
    headings: dict[str, str] = {}
    for number, places in enumerate(marks):
        before, mark, after = written.partition(_MARK.format(number))
        if mark:
            words = Text(f"{len(places)} constat(s)", f"{len(places)} finding(s)").in_language(language)
            link = Markup('<a class="findings-here" id="lu-{}" href="#{}">⚠ {}</a>').format(number, places[0], words)
            written = f"{before}{link}{after}"
            headings |= dict.fromkeys(places, f"lu-{number}")
    return _Rendered(Markup(_MARKS.sub("", written)), headings)  # noqa: S704 - written by the renderer


def _mark_headings(root: etree._Element, verdict: Verdict) -> list[list[str]]:
    """Writes a mark into the title of each section (or document) with findings; gives their places in the page."""
    found: dict[str, list[str]] = {}
    for layer, findings in report.by_layer(verdict).items():
        for rank, finding in enumerate(findings):
            match = _SECTION.match(finding.location)
            found.setdefault(match.group() if match else "", []).append(f"f{rank}-{layer}")
    sections = _sections_by_path(root)
    marks: list[list[str]] = []
    for place, listed in found.items():
        title = sections.get(place, root).find(f"{_V3}title")
        if title is not None:
            title.text = f"{title.text or ''} {_MARK.format(len(marks))}"
            marks.append(listed)
    return marks


def _sections_by_path(root: etree._Element) -> dict[str, etree._Element]:
    from socle.standards.schematron.tree import Document, location

    document = Document(root)
    try:
        return {location(node): node.element for node in document.by_tag.get(f"{_V3}section", ())}
    finally:
        document.release()
