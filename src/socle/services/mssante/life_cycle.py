"""The life of a mailbox in time: its states, the delays between them, and what its holder is told before each.

Source: Référentiel socle MSSanté #1 ≥ 1.3 (life cycle of boxes); fact sheet "mssante" §2.1.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from socle.services.mssante.domain import Mailbox, MailboxKind, MailboxState
from socle.services.mssante.errors import wrong_state
from socle.standards.errors import InvalidContent, Text

#: Steps of the life cycle.
LIFE_CYCLE: Final[dict[MailboxState, frozenset[MailboxState]]] = {
    MailboxState.ACTIVE: frozenset({MailboxState.SUSPENDED, MailboxState.CLOSED}),
    MailboxState.SUSPENDED: frozenset({MailboxState.ACTIVE, MailboxState.CLOSED}),
    MailboxState.CLOSED: frozenset({MailboxState.ACTIVE, MailboxState.PURGED}),
    MailboxState.PURGED: frozenset(),
}

#: Boxes that a person opens: software and citizens have no delay of use.
_OPENED_BY_PEOPLE: Final = frozenset({MailboxKind.PERSONAL, MailboxKind.ORGANIZATIONAL, MailboxKind.CABINET})


class Delays(msgspec.Struct, frozen=True):
    """Delays of the life cycle and of retention. The référentiel leaves them to the operator: see ``read_delays``."""

    #: Without use: when the holder is told first, when the box is suspended, when it is closed.
    inactivity_warning: timedelta = timedelta(days=365)
    inactivity_suspension: timedelta = timedelta(days=548)
    inactivity_closing: timedelta = timedelta(days=730)
    #: How long before a suspension, a closing or a destruction the holder is told again.
    reminder: timedelta = timedelta(days=30)
    #: Between closing and destruction, so that the holder can export.
    purge: timedelta = timedelta(days=90)
    traces: timedelta = timedelta(days=365)
    quarantine: timedelta = timedelta(days=30)
    #: How long a repeated message is recognised.
    repetition: timedelta = timedelta(days=7)
    #: How long a message waits for another operator, and when its sender is told.
    queue: timedelta = timedelta(days=2)
    queue_warning: timedelta = timedelta(hours=4)


DEFAULT_DELAYS: Final = Delays()


class Warning(msgspec.Struct, frozen=True):
    """What the holder is told: the box goes to ``next_state`` at ``at``. ``due_at`` is from when it is told."""

    next_state: MailboxState
    at: datetime
    due_at: datetime

    def letter(self, box: Mailbox) -> tuple[str, str]:
        """Subject and text of the message, in French then English."""
        subject, fr, en = _LETTERS[self.next_state]
        last = box.last_used_at or box.created_at
        values = {"address": box.address, "last": f"{last:%d/%m/%Y}", "at": f"{self.at:%d/%m/%Y}"}
        return subject.format(**values), f"{fr.format(**values)}\n\n{en.format(**values)}\n"


_LETTERS: Final = {
    MailboxState.SUSPENDED: (
        "Votre boîte {address} va être suspendue",
        "La boîte {address} n'a pas été ouverte depuis le {last}.\n"
        "Ouvrez-la avant le {at} pour la garder. Sinon elle sera suspendue : elle ne recevra plus de message et\n"
        "disparaîtra de l'annuaire.",
        "The mailbox {address} was last opened on {last}.\n"
        "Open it before {at} to keep it. Otherwise it is suspended: no mail comes in, the directory shows it no more.",
    ),
    MailboxState.CLOSED: (
        "Votre boîte {address} va être fermée",
        "La boîte {address}, suspendue, n'a pas été ouverte depuis le {last}. Elle sera fermée le {at}.\n"
        "Pour la garder, demandez à l'opérateur de la rouvrir.",
        "The mailbox {address}, suspended, was last opened on {last}. It is closed on {at}.\n"
        "To keep it, ask the operator to open it again.",
    ),
    MailboxState.PURGED: (
        "Votre boîte {address} va être détruite",
        "La boîte {address} est fermée. Elle sera détruite le {at}, avec tous ses messages.\n"
        "Vous pouvez encore l'ouvrir pour en garder une copie ; son adresse ne sera jamais redonnée.",
        "The mailbox {address} is closed. It is destroyed on {at} with all its messages.\n"
        "You may still open it to keep a copy; its address is never given again.",
    ),
}


def next_state(box: Mailbox, wanted: MailboxState) -> MailboxState:
    """``wanted`` when the life cycle allows it from the state of ``box``. Raises ``Conflict``.

    A box that its holder shut may still be suspended: from then on the operator alone opens it.
    """
    if wanted not in LIFE_CYCLE[box.state] and not (wanted is MailboxState.SUSPENDED and box.is_shut_by_holder):
        raise wrong_state(box.state.value)
    return wanted


def due_step(box: Mailbox, delays: Delays, now: datetime) -> MailboxState | None:
    """The step that disuse asks for at ``now``; destruction is not one: closed boxes carry their own date."""
    if box.kind not in _OPENED_BY_PEOPLE:
        return None
    unused = now - (box.last_used_at or box.created_at)
    if box.state is MailboxState.ACTIVE and unused >= delays.inactivity_suspension:
        return MailboxState.SUSPENDED
    if box.state is MailboxState.SUSPENDED and unused >= delays.inactivity_closing:
        return MailboxState.CLOSED
    return None


def due_warning(box: Mailbox, warned_at: datetime | None, delays: Delays, now: datetime) -> Warning | None:
    """What is to be told to the holder at ``now`` and was not yet (``warned_at`` is when something was told last)."""
    due = [warning for warning in _warnings(box, delays) if warning.due_at <= now]
    if not due or (warned_at is not None and warned_at >= due[-1].due_at):
        return None
    return due[-1]


def _warnings(box: Mailbox, delays: Delays) -> list[Warning]:
    """What is told in the present state of the box, in the order of time."""
    last = box.last_used_at or box.created_at
    if box.state is MailboxState.CLOSED and box.purge_at is not None:
        return [Warning(MailboxState.PURGED, box.purge_at, box.purge_at - delays.reminder)]
    if box.kind not in _OPENED_BY_PEOPLE:
        return []
    if box.state is MailboxState.ACTIVE:
        at = last + delays.inactivity_suspension
        told = [last + delays.inactivity_warning, at - delays.reminder]
        return [Warning(MailboxState.SUSPENDED, at, due_at) for due_at in sorted(told)]
    if box.state is MailboxState.SUSPENDED:
        at = last + delays.inactivity_closing
        return [Warning(MailboxState.CLOSED, at, at - delays.reminder)]
    return []


def read_delays(text: str) -> Delays:
    """The delays of a setting ``name=days,name=days``; those not named keep their default.

    Raises ``InvalidContent``.

    >>> read_delays("purge=30").purge.days, read_delays("").traces.days
    (30, 365)
    """
    values: dict[str, timedelta] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, days = part.partition("=")
        if name not in Delays.__struct_fields__ or not days.isdecimal() or not 0 < int(days) < 10_000:
            raise InvalidContent(
                "InvalidSetting",
                Text(
                    f"SOCLE_MAIL_DELAYS : « {part} » n'est pas un délai (nom=jours).",
                    f"SOCLE_MAIL_DELAYS: '{part}' is no delay (name=days).",
                ),
            )
        values[name] = timedelta(days=int(days))
    return Delays(**values)
