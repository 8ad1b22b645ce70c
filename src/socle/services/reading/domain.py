"""What is read out of documents, and what the citizen adds to it."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from socle.services.dmp.domain import DocumentName
from socle.standards.xds.model import DocumentEntry


class ProfileKind(StrEnum):
    """The chapters of the medical profile (fact sheet "citizen" §5)."""

    ILLNESS = "illness"
    HISTORY = "history"
    TREATMENT = "treatment"
    ALLERGY = "allergy"
    VACCINATION = "vaccination"
    PROCEDURE = "procedure"
    DEVICE = "device"
    FAMILY = "family"


class Analysis(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was measured, as one document names it. ``key`` is ``code|system|unit``, ``label`` its whole official name.

    ``low`` and ``high`` are the range of usual values; either may be open.
    """

    key: str
    name: str
    label: str
    unit: str
    low: float | None
    high: float | None


class Result(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One numeric result of one document."""

    analysis: Analysis
    day: date
    value: float
    written: str
    interpretation: str


class Fact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing that one document says for the medical profile. ``day`` is as precise as it is known (DTM)."""

    kind: ProfileKind
    name: str
    detail: str
    day: str


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What one document says in codes and figures."""

    results: tuple[Result, ...] = ()
    profile: tuple[Fact, ...] = ()


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What one document says: all its words, and its facts."""

    text: str
    facts: Facts = Facts()


class Hit(msgspec.Struct, frozen=True):
    """A document found, the words around what was searched, and which of them are what was searched."""

    entry: DocumentEntry
    excerpt: str
    words: frozenset[str]


class Found(msgspec.Struct, frozen=True):
    """A page of documents found, newest first. ``next`` asks for what follows, empty at the end.

    ``is_partial``: older documents of the record were not read yet, a job reads them.
    """

    hits: tuple[Hit, ...] = ()
    next: str = ""
    total: int | None = 0
    is_partial: bool = False


class Measure(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One numeric result. ``interpretation`` is in words: ``bas``, ``élevé`` or empty."""

    day: date
    value: float
    written: str
    interpretation: str
    document: DocumentName


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """The results of one analysis over time, oldest first, all in ``unit``. ``key`` is ``code|system|unit``.

    ``name`` is short, ``label`` the whole official name.
    """

    key: str
    name: str
    label: str
    unit: str
    low: float | None
    high: float | None
    measures: tuple[Measure, ...]


class ProfileLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the profile with its source: a document, or the citizen (no ``document``).

    ``key`` is stable: the same fact of the same document has the same key, so that the citizen can comment it.
    """

    key: str
    kind: ProfileKind
    name: str
    detail: str = ""
    day: str = ""
    document: DocumentName | None = None
    #: What the citizen says of this line: that it is wrong, or more about it.
    remark: str = ""
    is_disputed: bool = False


class CitizenLine(msgspec.Struct, frozen=True, kw_only=True):
    """What the citizen wrote: a line of their own (``about`` empty), or a remark on the line ``about``."""

    id: UUID
    kind: ProfileKind
    at: datetime
    name: str = ""
    detail: str = ""
    day: str = ""
    about: str = ""
    is_disputed: bool = False


class CatchUp(msgspec.Struct, frozen=True):
    """Payload of the task ``reading.catch_up``: read what is unread in a record."""

    patient_key: UUID
