"""Searchset bundles and their links.

Source: FHIR R4 §3.1.1.2 Returning results.
"""

from __future__ import annotations

from collections.abc import Sequence

from socle.standards.fhir.resources import (
    AnyResource,
    Bundle,
    BundleEntry,
    BundleEntrySearch,
    BundleLink,
    OperationOutcome,
)
from socle.standards.fhir.types import Meta


def searchset(
    resources: Sequence[tuple[str, AnyResource]],
    *,
    total: int | None,
    self_url: str,
    next_url: str = "",
    outcome: OperationOutcome | None = None,
    profile: str = "",
) -> Bundle:
    """The answer to a search: ``resources`` are pairs of full URL and resource, all of them matches."""
    entries = [
        BundleEntry(full_url=url, resource=resource, search=BundleEntrySearch(mode="match"))
        for url, resource in resources
    ]
    if outcome is not None:
        entries.append(BundleEntry(resource=outcome, search=BundleEntrySearch(mode="outcome")))
    links = [BundleLink(relation="self", url=self_url)]
    if next_url:
        links.append(BundleLink(relation="next", url=next_url))
    return Bundle(
        meta=Meta(profile=(profile,)) if profile else None,
        type="searchset",
        total=total,
        link=tuple(links),
        entry=tuple(entries),
    )
