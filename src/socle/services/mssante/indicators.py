"""Monthly figures of the operator, computed from boxes and traces: enough to fill any layout that ANS asks for.

Source: fact sheet "mssante" §13.3 (exact file layouts not seen: this is our own, in CSV and JSON).
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime

import msgspec

from socle.services.mssante.service import MssanteService
from socle.services.mssante.store import QUERIES


class BoxCount(msgspec.Struct, frozen=True, kw_only=True):
    """Boxes of one kind at the end of the month."""

    kind: str
    active: int
    suspended: int
    closed: int
    created: int
    red_listed: int
    used: int


class ActionCount(msgspec.Struct, frozen=True, kw_only=True):
    """One action (``send``, ``receive``, ``connect`` …) of one kind of box in the month. ``bytes`` is a volume."""

    action: str
    mailbox_kind: str
    events: int
    failures: int
    bytes: int
    same_domain: int
    with_citizens: int
    with_ins: int
    without_ins: int


class Count(msgspec.Struct, frozen=True):
    """How many times something was seen."""

    name: str
    events: int


class Connection(msgspec.Struct, frozen=True):
    """The last connection of a box; ``None`` when there was none."""

    address: str
    kind: str
    state: str
    last_used_at: datetime | None


class Indicators(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one domain in one month."""

    domain: str
    month: str
    boxes: tuple[BoxCount, ...]
    actions: tuple[ActionCount, ...]
    documents: tuple[Count, ...]
    products: tuple[Count, ...]
    failures: tuple[Count, ...]


async def compute(service: MssanteService, month: date, *, domain: str = "") -> Indicators:
    """The figures of the month that holds the day ``month``, for ``domain`` (ours by default)."""
    settings = service.base.settings
    domain = domain or settings.mail_domain
    since = datetime(month.year, month.month, 1, tzinfo=UTC)
    until = datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)
    span = {"domain": domain, "since": since, "until": until}
    async with service.base.database.transaction(read_only=True) as connection:
        boxes = await QUERIES["count_mailboxes"].rows(connection, **span)
        actions = await QUERIES["count_traces"].rows(connection, **span, patient_domain=settings.patient_mail_domain)
        documents = await QUERIES["count_cda_codes"].rows(connection, **span)
        products = await QUERIES["count_products"].rows(connection, **span)
        failures = await QUERIES["count_failures"].rows(connection, **span)
    return Indicators(
        domain=domain,
        month=since.strftime("%Y-%m"),
        boxes=tuple(BoxCount(**dict(row)) for row in boxes),
        actions=tuple(ActionCount(**dict(row) | {"bytes": int(row["bytes"])}) for row in actions),
        documents=tuple(Count(row["code"], row["events"]) for row in documents),
        products=tuple(Count(row["product"], row["events"]) for row in products),
        failures=tuple(Count(row["status"], row["events"]) for row in failures),
    )


async def last_connections(service: MssanteService, *, domain: str = "") -> list[Connection]:
    """The ``Connexions`` file: each box with its last connection, also when there was none (Réf. #1 v1.3.1)."""
    async with service.base.database.connection() as connection:
        rows = await QUERIES["last_connections"].rows(connection, domain=domain or service.base.settings.mail_domain)
    return [Connection(**dict(row)) for row in rows]


def to_csv(indicators: Indicators) -> str:
    """One line a figure: domain, month, subject, name, measure, value."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\n")
    writer.writerow(["domaine", "mois", "sujet", "nom", "mesure", "valeur"])

    def write(subject: str, name: str, measure: str, value: int) -> None:
        writer.writerow([indicators.domain, indicators.month, subject, name, measure, value])

    for box in indicators.boxes:
        for measure in ("active", "suspended", "closed", "created", "red_listed", "used"):
            write("boites", box.kind, measure, getattr(box, measure))
    for action in indicators.actions:
        name = f"{action.action}/{action.mailbox_kind or '-'}"
        for measure in ("events", "failures", "bytes", "same_domain", "with_citizens", "with_ins", "without_ins"):
            write("messages", name, measure, getattr(action, measure))
    for subject, counts in (
        ("documents", indicators.documents),
        ("produits", indicators.products),
        ("echecs", indicators.failures),
    ):
        for count in counts:
            write(subject, count.name, "events", count.events)
    return out.getvalue()
