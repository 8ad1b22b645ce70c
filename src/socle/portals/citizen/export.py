"""Everything that the base holds on a person, as one ZIP: documents, profile, choices, traces, and an index to read."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import zipfile
from collections.abc import Sequence

import msgspec

from socle.portals.pages import template
from socle.portals.rows import Row, extension_of
from socle.portals.visit import Visit
from socle.services.dmp.domain import AccessLine, DocumentFilter, DocumentRequest, Door, FindDocuments, Page, Retrieved
from socle.services.dmp.service import DmpService
from socle.services.reading.service import ReadingService
from socle.standards.cda.render import render_page
from socle.standards.errors import SocleError
from socle.standards.fhir.json_codec import encode_json
from socle.standards.fhir.pdsm.documents import document_reference_of
from socle.standards.xds.model import Status

#: The traces as a program checks them (`socle audit verify`).
TRACES = "traces.json"
_BATCH = 20
_TRACES = 1000


async def export_record(dmp: DmpService, reading: ReadingService, visit: Visit) -> bytes:
    """The archive of the visitor's record. Each document is there as deposited, and as a page when it is a CDA."""
    rows: list[Row] = []
    files: dict[str, bytes] = {}
    after = ""
    query = FindDocuments(
        patient=visit.record, filter=DocumentFilter(statuses=(Status.APPROVED, Status.ARCHIVED, Status.DEPRECATED))
    )
    while True:
        page = await dmp.search(visit.actor, query, Page(size=_BATCH, after=after, with_total=False), door=Door.PORTAL)
        wanted = [DocumentRequest(unique_id=entry.unique_id) for entry in page.objects.documents]
        for found in await dmp.retrieve(visit.actor, wanted, patient=visit.record, door=Door.PORTAL):
            if isinstance(found, Retrieved):
                row = Row(found.entry)
                rows.append(row)
                files |= await asyncio.to_thread(_document_files, row, found)
        after = page.next
        if not after:
            break
    record = await dmp.read_record(visit.actor, visit.record)
    lines = await dmp.access_history(visit.actor, visit.record, count=_TRACES)
    files["profil.json"] = _pretty(await reading.profile(visit.actor, visit.record))
    files["choix.json"] = _pretty(
        {
            "dossier": record,
            "autorisations": await dmp.list_authorizations(visit.actor, visit.record),
            "blocages": await dmp.list_blocks(visit.actor, visit.record),
            "proches": await dmp.list_mandates(visit.actor, visit.record),
        }
    )
    files["traces.csv"] = _traces_csv(lines)
    files[TRACES] = msgspec.json.encode(await dmp.export_traces(visit.actor, visit.record))
    files["INDEX.HTM"] = template("espace/export-index.html").render(visit=visit, rows=rows).encode()
    return await asyncio.to_thread(_zip, files)


def _document_files(row: Row, found: Retrieved) -> dict[str, bytes]:
    name = f"documents/{row.day[:8]}-{row.id}"
    extension = extension_of(found.entry.mime_type)
    files = {
        f"{name}{extension}": found.content,
        f"{name}.fhir.json": encode_json(document_reference_of(found.entry, attachment_url=f"{row.id}{extension}")),
    }
    if found.entry.mime_type in {"text/xml", "application/xslt+xml"}:
        with contextlib.suppress(SocleError):
            files[f"{name}.html"] = render_page(found.content).encode()
    return files


def _traces_csv(lines: Sequence[AccessLine]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";")
    writer.writerow(["date", "qui", "quoi", "droit", "refus", "urgence"])
    for line in lines:
        writer.writerow(
            [line.at.isoformat(), line.who, line.sentence_fr, line.right, line.is_refusal, line.is_emergency]
        )
    return "\ufeff".encode() + text.getvalue().encode()


def _pretty(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2)


def _zip(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return archive.getvalue()
