"""Documents as lists show them, in every portal."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Final

from markupsafe import Markup, escape
from starlette.responses import Response

from socle.platform.clock import to_dtm
from socle.portals.pages import PARIS
from socle.portals.rubrics import rubric_of
from socle.services.dmp.domain import Interval, Retrieved
from socle.standards.ids.naming import person_name, place_name
from socle.standards.xds.model import Author, DocumentEntry, Visibility

_EXTENSIONS: Final = {
    "text/xml": ".xml",
    "application/xslt+xml": ".xml",
    "application/pdf": ".pdf",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "text/plain": ".txt",
    "application/dicom": ".dcm",
}
_YEARS_SHOWN: Final = 20
#: What a browser may show in a page of ours; anything else is only kept as a file.
_SHOWN: Final = frozenset({"application/pdf", "image/jpeg", "image/png", "text/plain"})


_NOTHING: Final = Markup()


class Row:
    """A document as lists show it."""

    def __init__(self, entry: DocumentEntry, excerpt: Markup = _NOTHING) -> None:
        self.entry = entry
        self.excerpt = excerpt
        self.id = entry.logical_id.removeprefix("urn:uuid:")
        self.title = entry.title or entry.type_code.label or entry.type_code.code
        self.rubric = rubric_of(entry)
        self.day = entry.service_start_time or entry.creation_time
        self.year = self.day[:4]
        self.author = author_name(entry)

    @property
    def is_hidden(self) -> bool:
        """Whether professionals do not see it."""
        return any(code.code == Visibility.MASQUE_PS for code in self.entry.confidentiality_codes)

    @property
    def is_own(self) -> bool:
        """Whether the citizen put it there, and may take it away."""
        return any("EXP_PATIENT" in specialty for author in self.entry.authors for specialty in author.specialties)


def author_name(entry: DocumentEntry) -> str:
    """Title, given name, name and place of the first author, as people say it."""
    if not entry.authors:
        return ""
    author = entry.authors[0]
    parts = author.person.split("^")
    names = (parts[2] if len(parts) > 2 else "", parts[1] if len(parts) > 1 else "")
    person = " ".join(person_name(part) for part in names if part)
    place = place_name(author.institutions[0].split("^")[0]) if author.institutions else ""
    return ", ".join(part for part in (f"Dr {person}" if person and _is_doctor(author) else person, place) if part)


def _is_doctor(author: Author) -> bool:
    """Whether the profession is one whose members are called doctor: physicians and dentists (TRE_G15)."""
    return any(specialty.startswith(("G15_10", "G15_40")) for specialty in author.specialties)


def highlighted(text: str, words: Collection[str]) -> Markup:
    """``text`` with ``words`` marked.

    >>> highlighted("une hémoglobine < 9", {"hémoglobine"})
    Markup('une <mark>hémoglobine</mark> &lt; 9')
    """
    if not words:
        return escape(text)
    parts = re.split("(" + "|".join(rf"\b{re.escape(word)}\b" for word in sorted(words, key=len)) + ")", text)
    marked = [Markup("<mark>{}</mark>").format(part) if place % 2 else escape(part) for place, part in enumerate(parts)]
    return Markup("").join(marked)


def is_cda(found: Retrieved) -> bool:
    """Whether the document is a CDA, and so can be shown as a page."""
    return found.entry.mime_type in {"text/xml", "application/xslt+xml"}


def by_year(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Rows under their years, newest first."""
    years: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.day, reverse=True):
        years.setdefault(row.year, []).append(row)
    return list(years.items())


def year_interval(year: str) -> Interval:
    """The times of one year in Paris; of all years for the empty text."""
    if not year:
        return Interval()
    start, end = (to_dtm(datetime(int(year) + more, 1, 1, tzinfo=PARIS)) for more in (0, 1))
    return Interval(start, end)


def years_shown() -> list[tuple[str, str]]:
    """The years that a filter offers, newest first."""
    this_year = datetime.now(PARIS).year
    return [(str(year), str(year)) for year in range(this_year, this_year - _YEARS_SHOWN, -1)]


def read_day(text: str) -> date | None:
    """A day written as ``27/03/2024`` (what people write) or ``2024-03-27`` (what browsers send).

    >>> read_day("27/03/2024") == read_day("2024-03-27") == date(2024, 3, 27)
    True
    """
    for form in ("%d/%m/%Y", "%Y-%m-%d", "%d-%m-%Y", "%d.%m.%Y"):
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return None


def extension_of(media_type: str) -> str:
    """The ending of a file of this type."""
    return _EXTENSIONS.get(media_type, ".bin")


def download(content: bytes, media_type: str, name: str, *, inline: bool = False) -> Response:
    """A file to keep, or with ``inline`` to show within a page of ours if it is of a harmless type."""
    shown = inline and media_type in _SHOWN
    headers = {
        "Content-Disposition": f'{"inline" if shown else "attachment"}; filename="{name}"',
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'",
    }
    return Response(content, media_type=media_type if shown else "application/octet-stream", headers=headers)
