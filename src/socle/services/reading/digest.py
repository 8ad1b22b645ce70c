"""What all documents of a record say, kept together: results by analysis, facts each said once, and by which documents.

Documents are numbers there: places in a list of uniqueIds. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import msgspec

from socle.services.dmp.domain import DocumentName
from socle.services.reading.domain import (
    Analysis,
    CitizenLine,
    Fact,
    Facts,
    Measure,
    ProfileKind,
    ProfileLine,
    Result,
    Series,
)


class Measured(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One value of an analysis, and the document that holds it."""

    day: date
    value: float
    written: str
    interpretation: str
    document: int


class ResultDigest(msgspec.Struct, array_like=True):
    """The results of a record. An analysis that is named in two ways, or has two ranges, is there twice."""

    documents: list[str] = []
    analyses: list[tuple[Analysis, list[Measured]]] = []

    def add(self, read: Mapping[str, Facts]) -> None:
        """Adds the results of documents that are not there yet."""
        known, analyses = set(self.documents), dict(self.analyses)
        for unique_id, facts in read.items():
            if facts.results and unique_id not in known:
                self.documents.append(unique_id)
                for result in facts.results:
                    analyses.setdefault(result.analysis, []).append(_measured(result, len(self.documents) - 1))
        self.analyses = list(analyses.items())

    def series(self, names: Sequence[DocumentName]) -> list[Series]:
        """One series for each analysis and unit, by name, of the documents ``names``, newest first.

        A result that two documents hold is counted once, as the newest of them holds it.
        """
        ranks = _ranks(self.documents, names)
        found: dict[str, dict[tuple[date, float], tuple[int, Analysis, Measured]]] = {}
        for analysis, measures in self.analyses:
            kept = found.setdefault(analysis.key, {})
            for one in measures:
                rank, place = ranks[one.document], (one.day, one.value)
                if rank < len(names) and (place not in kept or rank < kept[place][0]):
                    kept[place] = (rank, analysis, one)
        series = [_series([kept[place] for place in sorted(kept)], names) for kept in found.values() if kept]
        return sorted(series, key=lambda one: one.name.casefold())


class FactDigest(msgspec.Struct, array_like=True):
    """The facts of a record."""

    documents: list[str] = []
    facts: list[tuple[Fact, list[int]]] = []

    def add(self, read: Mapping[str, Facts]) -> None:
        """Adds the facts of documents that are not there yet."""
        known, said = set(self.documents), dict(self.facts)
        for unique_id, facts in read.items():
            if facts.profile and unique_id not in known:
                self.documents.append(unique_id)
                for fact in dict.fromkeys(facts.profile):
                    said.setdefault(fact, []).append(len(self.documents) - 1)
        self.facts = list(said.items())

    def profile(
        self, names: Sequence[DocumentName], remarks: Sequence[CitizenLine] = ()
    ) -> dict[ProfileKind, list[ProfileLine]]:
        """The medical profile: each fact once, from the newest of ``names`` that says it, with the citizen's own lines.

        ``names`` are newest first.
        """
        ranks = _ranks(self.documents, names)
        newest: dict[tuple[ProfileKind, str, str], tuple[int, Fact]] = {}
        for fact, documents in self.facts:
            rank = min(ranks[document] for document in documents)
            key = (fact.kind, fact.name.casefold(), fact.day if fact.kind is ProfileKind.VACCINATION else "")
            if rank < len(names) and (key not in newest or rank < newest[key][0]):
                newest[key] = (rank, fact)
        said = {remark.about: remark for remark in remarks if remark.about}
        lines: dict[ProfileKind, list[ProfileLine]] = {kind: [] for kind in ProfileKind}
        for key, (rank, fact) in sorted(newest.items(), key=lambda item: item[1][0]):
            lines[fact.kind].append(_line(_line_key(key), fact, names[rank], said))
        for own in remarks:
            if not own.about:
                line = ProfileLine(key=str(own.id), kind=own.kind, name=own.name, detail=own.detail, day=own.day)
                lines[own.kind].append(line)
        return {kind: sorted(kept, key=lambda line: line.day, reverse=True) for kind, kept in lines.items()}


def _ranks(documents: Iterable[str], names: Sequence[DocumentName]) -> list[int]:
    """The place of each document in ``names``; after the last for one that is not there."""
    places = {name.unique_id: place for place, name in enumerate(names)}
    return [places.get(document, len(names)) for document in documents]


def _measured(result: Result, document: int) -> Measured:
    return Measured(result.day, result.value, result.written, result.interpretation, document)


def _series(found: Sequence[tuple[int, Analysis, Measured]], names: Sequence[DocumentName]) -> Series:
    """One series, named as its last result is."""
    last = found[-1][1]
    measures = tuple(
        Measure(
            day=one.day,
            value=one.value,
            written=one.written,
            interpretation=one.interpretation,
            document=names[rank],
        )
        for rank, _, one in found
    )
    return Series(
        key=last.key, name=last.name, label=last.label, unit=last.unit, low=last.low, high=last.high, measures=measures
    )


def _line(key: str, fact: Fact, document: DocumentName, remarks: Mapping[str, CitizenLine]) -> ProfileLine:
    remark = remarks.get(key)
    return ProfileLine(
        key=key,
        kind=fact.kind,
        name=fact.name,
        detail=fact.detail,
        day=fact.day,
        document=document,
        remark=remark.detail if remark else "",
        is_disputed=remark.is_disputed if remark else False,
    )


def _line_key(said: tuple[str, ...]) -> str:
    return hashlib.sha256("|".join(said).encode()).hexdigest()[:24]
