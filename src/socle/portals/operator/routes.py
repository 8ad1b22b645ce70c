"""Health of the base, volumes, refusals by sender, jobs, traces. What is shown names professionals, never patients."""

from __future__ import annotations

from datetime import timedelta

from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.platform.actor import ActorKind
from socle.platform.audit import Action, AuditEvent, Trace
from socle.platform.base import Base
from socle.platform.inspection import count_by_sender, list_tables, list_waiting
from socle.platform.metrics import render_metrics
from socle.portals.pages import render
from socle.portals.visit import Visit, Visits, guarded
from socle.standards.errors import Forbidden, Text

_SPANS = {"heure": timedelta(hours=1), "jour": timedelta(days=1), "semaine": timedelta(days=7)}
_TRACES = 100


def routes(visits: Visits, base: Base) -> list[BaseRoute]:
    """The pages at ``/operateur``."""
    guard = guarded(visits, "operator/base.html")
    pages = OperatorPages(base)
    listed = [("", pages.home), ("/taches", pages.jobs), ("/emetteurs", pages.senders), ("/traces", pages.traces)]
    return [Route(f"/operateur{path}", guard(page)) for path, page in listed]


class OperatorPages:
    """Pages on the base itself."""

    def __init__(self, base: Base) -> None:
        self._base = base

    async def home(self, request: Request, visit: Visit) -> Response:
        """Is it well, and how much is there."""
        _require_operator(visit)
        async with self._base.database.connection() as connection:
            tables = await list_tables(connection)
            waiting = await list_waiting(connection)
        values = {"visit": visit, "tables": tables, "waiting": sum(task.count for task in waiting), "doors": _doors()}
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
