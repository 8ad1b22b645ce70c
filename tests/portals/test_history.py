"""Histories as pages tell them."""

from __future__ import annotations

from datetime import UTC, datetime

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.portals.history import told_by_day
from socle.services.dmp.domain import AccessLine

DOCTOR = Actor(
    kind=ActorKind.PROFESSIONAL, id="810000000001", name="TEST Anne", authentication=AuthenticationMode.DIRECTE
)


def line(sequence: int, at: datetime, what: str, actor: Actor = DOCTOR) -> AccessLine:
    who = "Dr Anne Test (Médecin)"
    return AccessLine(
        sequence=sequence,
        at=at,
        who=who,
        actor=actor,
        transaction="ITI-18",
        sentence_fr=f"{who} a {what}.",
        sentence_en=f"{who} did {what}.",
        right="authorization",
        is_refusal=False,
        is_emergency=False,
        documents=(),
    )


def test_a_history_is_cut_at_midnight_in_paris_and_alike_acts_in_a_row_are_told_once() -> None:
    late = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)  # 2 March in Paris
    early = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
    lines = [
        line(5, late, "lu"),
        line(4, late, "lu"),
        line(3, late, "écrit"),
        line(2, late, "lu"),
        line(1, early, "lu"),
    ]
    days = told_by_day(lines, "fr")
    assert [[(told.line.sequence, told.count) for told in day] for day in days] == [[(5, 2), (3, 1), (2, 1)], [(1, 1)]]
    assert days[0][0].sentence == "Dr Anne Test (Médecin) a lu."


def test_readers_are_not_named_in_their_own_history() -> None:
    at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    for language, said in (("fr", "A lu."), ("en", "Did lu.")):
        ((told,),) = told_by_day([line(1, at, "lu")], language, is_of_reader=True)
        assert told.sentence == said
    assert told_by_day([], "fr") == []
