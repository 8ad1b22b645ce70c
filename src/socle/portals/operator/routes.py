"""Health of the base, volumes, refusals by sender, jobs, traces, reports. Pages name professionals, never patients."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from socle.platform.actor import ActorKind
from socle.platform.audit import Action, AuditEvent, Trace
from socle.platform.base import Base
from socle.platform.inspection import count_by_sender, list_tables, list_waiting
from socle.platform.metrics import render_metrics
from socle.portals.pages import page_language, render
from socle.portals.visit import Visit, Visits, guarded, read_form, text_of
from socle.services.dmp.service import DmpService
from socle.standards.errors import Forbidden, NotFound, Text

_SPANS = {"heure": timedelta(hours=1), "jour": timedelta(days=1), "semaine": timedelta(days=7)}
_TRACES = 100
#: A job that waits longer than this is told of on the first page.
_LATE = timedelta(minutes=10)


def routes(visits: Visits, base: Base, dmp: DmpService) -> list[BaseRoute]:
    """The pages at ``/operateur``."""
    guard = guarded(visits, "operator/base.html")
    pages = OperatorPages(base, dmp)
    listed = [
        ("GET", "", pages.home),
        ("GET", "/taches", pages.jobs),
        ("GET", "/emetteurs", pages.senders),
        ("GET", "/traces", pages.traces),
        ("GET", "/signalements", pages.reports),
        ("POST", "/signalements", pages.answer),
    ]
    return [Route(f"/operateur{path}", guard(page), methods=[method]) for method, path, page in listed]


class OperatorPages:
    """Pages on the base itself."""

    def __init__(self, base: Base, dmp: DmpService) -> None:
        self._base = base
        self._dmp = dmp

    async def home(self, request: Request, visit: Visit) -> Response:
        """Is it well, and how much is there."""
        _require_operator(visit)
        async with self._base.database.connection() as connection:
            tables = await list_tables(connection)
            waiting = await list_waiting(connection)
        doors = _doors()
        values = {
            "visit": visit,
            "tables": tables,
            "waiting": sum(task.count for task in waiting),
            "late": [task for task in waiting if task.oldest < self._base.clock() - _LATE],
            "failures": sum(failed for _, _, failed, _ in doors),
            "reports": sum(report.answered_at is None for report in await self._dmp.list_reports(visit.actor)),
            "doors": doors,
        }
        return render(request, "operator/home.html", values)

    async def jobs(self, request: Request, visit: Visit) -> Response:
        """What waits, since when, how often it was tried."""
        _require_operator(visit)
        async with self._base.database.connection() as connection:
            waiting = await list_waiting(connection)
        return render(request, "operator/jobs.html", {"visit": visit, "waiting": waiting})

    async def senders(self, request: Request, visit: Visit) -> Response:
        """Who is refused, how often, doing what."""
        _require_operator(visit)
        span = request.query_params.get("depuis", "jour")
        since = self._base.clock() - _SPANS.get(span, _SPANS["jour"])
        async with self._base.database.connection() as connection:
            counts = await count_by_sender(connection, since)
        return render(request, "operator/senders.html", {"visit": visit, "counts": counts, "span": span})

    async def reports(self, request: Request, visit: Visit) -> Response:
        """Accesses that holders do not recognise, those without an answer first."""
        _require_operator(visit)
        language = page_language(request)
        found = [
            (report, report.access and (report.access.sentence_en if language == "en" else report.access.sentence_fr))
            for report in await self._dmp.list_reports(visit.actor)
        ]
        return render(request, "operator/reports.html", {"visit": visit, "found": found})

    async def answer(self, request: Request, visit: Visit) -> Response:
        """Answers one report: its holder reads the answer on the first page of the space."""
        _require_operator(visit)
        form = await read_form(request)
        try:
            key, sequence = UUID(text_of(form, "record", 36)), int(text_of(form, "sequence", 18))
        except ValueError:
            raise NotFound("ReportNotFound", Text("Ce signalement n'existe pas.", "There is no such report.")) from None
        await self._dmp.answer_report(visit.actor, key, sequence, text_of(form, "text", 1000))
        return RedirectResponse("/operateur/signalements", 303)

    async def traces(self, request: Request, visit: Visit) -> Response:
        """Traces by time or by actor. That the operator looked is a trace too."""
        _require_operator(visit)
        actor_id = request.query_params.get("qui", "").strip()[:100]
        span = request.query_params.get("depuis", "heure")
        since = self._base.clock() - _SPANS.get(span, _SPANS["heure"])
        found: list[Trace]
        async with self._base.database.transaction() as connection:
            if actor_id:
                found = await self._base.audit.of_actor(connection, actor_id, since=since, count=_TRACES)
            else:
                found = await self._base.audit.of_all(connection, since=since, count=_TRACES)
            event = AuditEvent(
                actor=visit.actor, action=Action.READ, transaction="audit.search", right="operator", detail=actor_id
            )
            await self._base.audit.record(connection, event)
        values = {"visit": visit, "found": found, "who": actor_id, "span": span}
        return render(request, "operator/traces.html", values)


def _require_operator(visit: Visit) -> None:
    if visit.actor.kind is not ActorKind.OPERATOR:
        raise Forbidden("OperatorOnly", Text("Page réservée à l'exploitant.", "This page is for the operator."))


def _doors() -> list[tuple[str, int, int, int]]:
    """For each door: requests, those that failed on our side, mean time in ms; from the metrics of all processes."""
    requests: dict[str, int] = {}
    failures: dict[str, int] = {}
    seconds: dict[str, float] = {}
    content, _ = render_metrics()
    for family in text_string_to_metric_families(content.decode()):
        for sample in family.samples:
            door = sample.labels.get("door", "")
            if sample.name == "socle_http_requests_total":
                requests[door] = requests.get(door, 0) + int(sample.value)
                if sample.labels["status"].startswith("5"):
                    failures[door] = failures.get(door, 0) + int(sample.value)
            elif sample.name == "socle_http_request_seconds_sum":
                seconds[door] = sample.value
    return [
        (door, count, failures.get(door, 0), round(1000 * seconds.get(door, 0) / count) if count else 0)
        for door, count in sorted(requests.items())
    ]
