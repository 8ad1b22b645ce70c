"""What is new for a person: notices of one kind and one day told in one line, with the way to what they are about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from starlette.requests import Request

from socle.portals.pages import PARIS, page_language, translate
from socle.services.dmp.domain import Notice, NoticeKind

#: Where to see what a notice is about.
_LINKS: Final = {
    NoticeKind.NEW_DOCUMENT: "/espace/documents",
    NoticeKind.FIRST_ACCESS: "/espace/traces",
    NoticeKind.EMERGENCY_ACCESS: "/espace/traces",
    NoticeKind.ACCESS_REPORTED: "/espace/traces",
    NoticeKind.MANDATE_CHANGED: "/espace/acces",
}
MOST_LINES: Final = 6
#: Notices to look at.
MOST_NOTICES: Final = 500


class News(msgspec.Struct, frozen=True):
    """One line: what happened, when it last did, how often that day."""

    text: str
    at: datetime
    count: int
    link: str
    is_grave: bool


def news_of(request: Request, notices: Sequence[Notice]) -> list[News]:
    """The newest lines first, a few of them."""
    groups: dict[tuple[object, ...], list[Notice]] = {}
    for notice in notices:
        groups.setdefault((notice.kind, notice.at.astimezone(PARIS).date(), notice.text_fr), []).append(notice)
    return [_line(request, alike) for alike in list(groups.values())[:MOST_LINES]]


def _line(request: Request, alike: Sequence[Notice]) -> News:
    first, count = alike[0], len(alike)
    text = first.text_en if page_language(request) == "en" else first.text_fr
    if first.kind is NoticeKind.NEW_DOCUMENT and count > 1:
        text = translate(request, "{count} nouveaux documents dans votre dossier.").format(count=count)
        count = 1
    return News(text, first.at, count, _LINKS.get(first.kind, "/espace/compte"), first.kind in _GRAVE)


_GRAVE: Final = frozenset({NoticeKind.EMERGENCY_ACCESS})
