"""What a document hides also hides where it came from: effective visibility over versions and replacements.

A lineage is a document with all its metadata versions, and the documents that it replaced with theirs. Without this, a
search for Deprecated entries would show what masking or replacing was meant to hide.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from socle.services.dmp.rules import UNANNOUNCED, is_signature, visibility_bits, visibility_of
from socle.services.dmp.store import StoredEntry
from socle.standards.xds.model import Visibility


def one_month_after(moment: datetime) -> datetime:
    """The same day of the next month, or its last day (R1111-53).

    >>> one_month_after(datetime(2026, 1, 31, 8)).isoformat()
    '2026-02-28T08:00:00'
    """
    year, month = moment.year + moment.month // 12, moment.month % 12 + 1
    return moment.replace(year=year, month=month, day=min(moment.day, monthrange(year, month)[1]))


def with_effective_visibility(lineage: Sequence[StoredEntry]) -> list[StoredEntry]:
    """``lineage`` (any order) with the visibility of each version brought up to date.

    A version is as hidden as the newest version of its document, and as every document that replaced that one. It is
    announced when the last of those that wait for an announcement is.
    """
    documents: dict[UUID, list[StoredEntry]] = {}
    for stored in sorted(lineage, key=lambda one: (one.registered_at, one.entry.version)):
        documents.setdefault(stored.logical_id, []).append(stored)
    bits = 0
    announced_at: datetime | None = None
    waits_for_ever = False
    changed = []
    for versions in reversed(documents.values()):
        bits |= visibility_bits(visibility_of(versions[-1].entry))
        if (since := _unannounced_since(versions)) is not None:
            if is_signature(versions[-1].entry):
                waits_for_ever = True
            else:
                announced_at = max(filter(None, (announced_at, one_month_after(since))))
        until = announced_at if bits & UNANNOUNCED and not waits_for_ever else None
        changed += [
            msgspec.structs.replace(
                stored, facts=msgspec.structs.replace(stored.facts, visibility=bits, announced_at=until)
            )
            for stored in versions
        ]
    return changed


def _unannounced_since(versions: Sequence[StoredEntry]) -> datetime | None:
    """When the newest versions began to carry INVISIBLE_PATIENT without a gap; ``None`` if the newest does not."""
    since = None
    for stored in reversed(versions):
        if Visibility.INVISIBLE_PATIENT not in visibility_of(stored.entry):
            break
        since = stored.registered_at
    return since
