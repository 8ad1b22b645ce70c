"""Everything that the base holds on a person, as one ZIP: documents, profile, choices, traces, and an index to read."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from socle.portals.citizen.health import CHAPTERS
from socle.portals.pages import template
from socle.portals.rows import Row, extension_of, is_cda
from socle.portals.visit import Visit
from socle.services.dmp.domain import AccessLine, DocumentFilter, DocumentRequest, Door, FindDocuments, Page, Retrieved
from socle.services.dmp.service import DmpService
from socle.services.reading.service import ReadingService
from socle.standards.cda.document import open_document
from socle.standards.cda.render import render_page
from socle.standards.errors import SocleError
from socle.standards.fhir.json_codec import encode_json
from socle.standards.fhir.pdsm.documents import document_reference_of
from socle.standards.xds.model import Status

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

#: The traces as a program checks them (`socle audit verify`).
TRACES = "traces.json"
_BATCH = 20
_TRACES = 1000
#: Traces that the index shows; the file holds more.
_TRACES_READ = 200


class Exported(msgspec.Struct, frozen=True):
    """One document of the archive: its row, and its files by name, the one to read first at the head."""

    row: Row
    files: dict[str, bytes]

    @property
    def page(self) -> str:
        """The file that a person reads."""
        return next(iter(self.files))


async def export_record(
    dmp: DmpService, reading: ReadingService, visit: Visit, language: str = "fr"
) -> AsyncIterator[bytes]:
    """The archive of the visitor's record, piece by piece: no more than a few documents are held at once.

    Each document is there as deposited, as FHIR DocumentReference, and as the page or PDF that a person reads.
    """
    archive = _Archive()
    rows: list[tuple[str, Row]] = []
    after = ""
    query = FindDocuments(
        patient=visit.record, filter=DocumentFilter(statuses=(Status.APPROVED, Status.ARCHIVED, Status.DEPRECATED))
    )
    while True:
        page = await dmp.search(visit.actor, query, Page(size=_BATCH, after=after, with_total=False), door=Door.PORTAL)
        wanted = [DocumentRequest(unique_id=entry.unique_id) for entry in page.objects.documents]
        for found in await dmp.retrieve(visit.actor, wanted, patient=visit.record, door=Door.PORTAL):
            if isinstance(found, Retrieved):
                exported = await asyncio.to_thread(_export, found, language)
                rows.append((exported.page, exported.row))
                yield await asyncio.to_thread(archive.add, exported.files)
        after = page.next
        if not after:
            break
    record = await dmp.read_record(visit.actor, visit.record)
    lines = await dmp.access_history(visit.actor, visit.record, count=_TRACES)
    profile = await reading.profile(visit.actor, visit.record)
    series = await reading.results(visit.actor, visit.record)
    values = {
        "visit": visit,
        "years": by_year(rows),
        "profile": profile,
        "chapters": CHAPTERS,
        "series": series,
        "lines": lines[:_TRACES_READ],
        "language": language,
    }
    rights = {
        "dossier": record,
        "autorisations": await dmp.list_authorizations(visit.actor, visit.record),
        "blocages": await dmp.list_blocks(visit.actor, visit.record),
        "proches": await dmp.list_mandates(visit.actor, visit.record),
    }
    yield archive.add(
        {
            "profil.json": _pretty(profile),
            "analyses.json": _pretty(series),
            "choix.json": _pretty(rights),
            "traces.csv": _traces_csv(lines),
            TRACES: msgspec.json.encode(await dmp.export_traces(visit.actor, visit.record)),
            "INDEX.HTM": template("espace/export-index.html", language).render(values).encode(),
        }
    )
    yield archive.close()


def by_year(rows: Sequence[tuple[str, Row]]) -> list[tuple[str, list[tuple[str, Row]]]]:
    """Pages and their rows under their years, newest first."""
    ordered = sorted(rows, key=lambda named: named[1].day, reverse=True)
    return [(year, list(named)) for year, named in groupby(ordered, lambda named: named[1].year)]


def _export(found: Retrieved, language: str) -> Exported:
    row = Row(found.entry)
    name = f"documents/{row.day[:8]}-{row.id}"
    extension = extension_of(found.entry.mime_type)
    read: dict[str, bytes] = {}
    if is_cda(found):
        with contextlib.suppress(SocleError):
            embedded = open_document(found.content).embedded_file()
            if embedded is not None:
                read[f"{name}{extension_of(embedded.media_type)}"] = embedded.content
            else:
                read[f"{name}.html"] = render_page(found.content, language=language).encode()
    reference = document_reference_of(found.entry, attachment_url=f"{row.id}{extension}")
    return Exported(row, {**read, f"{name}{extension}": found.content, f"{name}.fhir.json": encode_json(reference)})


class _Archive:
    """A ZIP written piece by piece: each call gives the bytes that are ready."""

    def __init__(self) -> None:
        self._ready = _Pipe()
        self._zip = zipfile.ZipFile(self._ready, "w", zipfile.ZIP_DEFLATED)

    def add(self, files: Mapping[str, bytes]) -> bytes:
        for name, content in files.items():
            self._zip.writestr(name, content)
        return self._ready.take()

    def close(self) -> bytes:
        self._zip.close()
        return self._ready.take()


class _Pipe(io.RawIOBase):
    """Keeps what is written until it is taken; it cannot go back."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, part: Buffer) -> int:
        self._parts.append(bytes(part))
        return len(self._parts[-1])

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _traces_csv(lines: Sequence[AccessLine]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow(["date", "qui", "quoi", "droit", "refus", "urgence"])
    for line in lines:
        writer.writerow(
            [
                line.at.isoformat(),
                _cell(line.who),
                _cell(line.sentence_fr),
                line.right,
                line.is_refusal,
                line.is_emergency,
            ]
        )
    return "\ufeff".encode() + text.getvalue().encode()


def _cell(text: str) -> str:
    """``text`` as a spreadsheet shows it and never computes it: names come from those who had access."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _pretty(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)
