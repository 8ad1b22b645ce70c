"""Walks through a portal as a browser does, from page to page, and keeps each page as the server wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, urljoin, urlsplit

import msgspec
from lxml import html
from playwright.sync_api import APIRequestContext

#: What is a file rather than a page, or leads out of the portal.
_NOT_PAGES = re.compile(r"/(?:langue|original|pdf|export|deconnexion|piece|static)\b")
_NAMED = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b[0-9a-f]{16,}\b|\b\d{4,}\b")


class Walked(msgspec.Struct, frozen=True):
    """One page: its address, its source, and the headers that came with it."""

    url: str
    source: str
    headers: dict[str, str]

    @property
    def tree(self) -> html.HtmlElement:
        """The page as elements."""
        return html.document_fromstring(self.source)


def shape_of(url: str) -> str:
    """An address without what names one object: pages of one shape come from one template.

    >>> shape_of("/espace/documents/9f0c1a5e-0000-4000-8000-000000000001?mots=x")
    '/espace/documents/*?mots'
    """
    parts = urlsplit(url)
    names = ",".join(sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}))
    return _NAMED.sub("*", parts.path) + (f"?{names}" if names else "")


def walk(http: APIRequestContext, base: str, starts: Iterable[str], *, of_each: int = 3) -> list[Walked]:
    """Every page that links reach from ``starts``, at most ``of_each`` of one shape."""
    waiting, seen, counts, found = list(starts), set(starts), dict[str, int](), []
    while waiting:
        path = waiting.pop(0)
        counts[shape_of(path)] = counts.get(shape_of(path), 0) + 1
        if counts[shape_of(path)] > of_each:
            continue
        page = fetch(http, base, path)
        found.append(page)
        for link in page.tree.iter("a"):
            target = urlsplit(urljoin(page.url, link.get("href", "")))
            address = target.path + (f"?{target.query}" if target.query else "")
            if f"{target.scheme}://{target.netloc}" == base and address not in seen and not _NOT_PAGES.search(address):
                seen.add(address)
                waiting.append(address)
    return found


def fetch(http: APIRequestContext, base: str, path: str, form: dict[str, str] | None = None) -> Walked:
    """One page, got or posted; a refusal is a page too, a failure of ours is not."""
    answer = http.post(base + path, form=form) if form is not None else http.get(base + path)  # type: ignore[arg-type]
    assert answer.status < 500, (path, answer.status)
    assert answer.headers["content-type"].startswith("text/html"), (path, answer.headers["content-type"])
    return Walked(answer.url, answer.text(), answer.headers)
