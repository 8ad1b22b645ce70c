"""Times: the DTM of XDS (UTC, any precision) and the ``dateTime`` and ``instant`` of FHIR.

FHIR has no hour or minute precision: ``2026030208`` is written ``2026-03-02T08:00:00Z``.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from socle.standards.errors import InvalidContent, Text

_DTM = re.compile(r"\d{4}(\d{2}(\d{2}(\d{2}(\d{2}(\d{2})?)?)?)?)?")


def to_date_time(dtm: str) -> str | None:
    """The FHIR ``dateTime`` of a DTM; none for an empty one.

    >>> to_date_time("20260302081500"), to_date_time("202603")
    ('2026-03-02T08:15:00Z', '2026-03')
    """
    if not _DTM.fullmatch(dtm):
        return None
    if len(dtm) <= 8:
        return "-".join(part for part in (dtm[:4], dtm[4:6], dtm[6:8]) if part)
    return to_instant(dtm)


def to_instant(dtm: str) -> str | None:
    """The first instant of a DTM; none for an empty one.

    >>> to_instant("2026")
    '2026-01-01T00:00:00Z'
    """
    if not _DTM.fullmatch(dtm):
        return None
    full = dtm + "00000101000000"[len(dtm) :]
    return f"{full[:4]}-{full[4:6]}-{full[6:8]}T{full[8:10]}:{full[10:12]}:{full[12:]}Z"


def to_dtm(text: str | None, location: str = "") -> str:
    """The DTM, in UTC, of a FHIR ``date``, ``dateTime`` or ``instant``; empty for none. Fractions are dropped.

    >>> to_dtm("2026-03-02T08:15:00.123+02:00"), to_dtm("2026-03")
    ('20260302061500', '202603')
    """
    if not text:
        return ""
    try:
        if "T" not in text:
            date.fromisoformat(text + "-01-01"[len(text) - 4 :] if len(text) < 10 else text)
            return text.replace("-", "")
        return datetime.fromisoformat(text.replace(":60", ":59")).astimezone(UTC).strftime("%Y%m%d%H%M%S").zfill(14)
    except (ValueError, OverflowError):
        raise InvalidContent(
            "FHIRValue",
            Text(f"« {text} » n'est pas une date du calendrier.", f"'{text}' is not a date of the calendar."),
            location=location,
        ) from None
