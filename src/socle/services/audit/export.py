"""The operator's export: every trace of a span of time as FHIR AuditEvents, one a line, for an archive or a SIEM."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.audit import END
from socle.platform.base import Base
from socle.services.audit.events import audit_event_of
from socle.services.audit.service import AuditService, Window
from socle.services.dmp.service import DmpService
from socle.standards.errors import MalformedInput, Text
from socle.standards.fhir.json_codec import encode_json


def read_days(since: str, until: str = "") -> tuple[datetime, datetime]:
    """The span from the day ``since`` up to the day ``until``, not included; none is open.

    Raises ``MalformedInput``.

    >>> read_days("2026-01-01", "2026-02-01")[1].isoformat()
    '2026-02-01T00:00:00+00:00'
    """
    try:
        start = datetime.fromisoformat(since).replace(tzinfo=UTC)
        end = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else END
    except ValueError as error:
        raise MalformedInput(
            "InvalidDay",
            Text("Écrivez les jours AAAA-MM-JJ.", "Write days as YYYY-MM-DD."),
        ) from error
    return start, end


async def export_events(
    base: Base, dmp: DmpService, operator: str, span: tuple[datetime, datetime], write: Callable[[bytes], object]
) -> int:
    """Hands each trace of ``span``, newest first, to ``write``; returns how many. The export is traced itself."""
    service = AuditService(base, dmp)
    actor = Actor(
        kind=ActorKind.OPERATOR,
        id=operator,
        name=operator,
        authentication=AuthenticationMode.OPERATOR,
        software="socle",
    )
    now = base.clock()
    window: Window | None = Window(since=span[0], until=min(span[1], now))
    url, count, is_first = base.settings.base_url + "/audit/fhir", 0, True
    while window is not None:
        batch = await service.read_batch(actor, window, is_first=is_first)
        is_first, window = False, batch.following
        for trace in batch.traces:
            write(encode_json(audit_event_of(trace, url)) + b"\n")
            count += 1
    return count
