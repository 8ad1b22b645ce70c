"""Judging in processes of their own: rules are loaded once in each, and no event loop waits for them."""

from __future__ import annotations

import gc
import io
import os
import signal
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from pathlib import Path
from types import FrameType
from typing import Final

from socle.services.conformance.domain import Judged, Verdict, refused
from socle.services.conformance.judgement import MAX_BYTES, RuleBook, judge
from socle.services.conformance.kit import installed_kit
from socle.standards.errors import SocleError, Text, TooLarge, Unavailable

#: Documents between two collections of memory: trees are released by hand, so little is left to collect.
_COLLECT_EVERY: Final = 200
_book: RuleBook | None = None
_judged = 0


def open_worker(store: str, own: bool = False) -> None:
    """Loads the rules of this process: the official kit in ``store``; ours when there is none, or by ``own``."""
    global _book
    folder = Path(store)
    if not own and (kit := installed_kit(folder)):
        _book = kit
        return
    from socle.services.conformance.packs import own_rules  # compiles notations: only without a kit

    _book = own_rules(folder / "own")


def _start(store: str, own: bool) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGALRM, _give_up)
    open_worker(store, own)
    # Nothing that is loaded now will ever be garbage, and documents release their own trees.
    gc.collect()
    gc.freeze()
    gc.disable()


def _end_with_parent() -> None:
    """Ends this process when the one that asks it is gone, however it went: it would wait for ever."""
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(0)


def worker_pool(store: str, own: bool = False, documents: int = 1_000_000) -> ProcessPoolExecutor:
    """Processes that judge, one a core at most, no more than ``documents``. Raises ``NotOurs``, as they could not."""
    if not own:
        installed_kit(Path(store))
    return ProcessPoolExecutor(
        min(os.cpu_count() or 1, documents), mp_context=get_context("spawn"), initializer=_start, initargs=(store, own)
    )


def judge_content(content: bytes, today: date) -> Verdict:
    """The verdict on ``content`` by the rules of this process. Raises ``SocleError`` when there is nothing to judge."""
    global _judged
    assert _book is not None, "open_worker first"
    _judged += 1
    if not gc.isenabled() and _judged % _COLLECT_EVERY == 0:
        gc.collect()
    return judge(content, _book, today)


def judge_within(limit_s: float, content: bytes, today: date) -> Verdict:
    """What ``judge_content`` says, unless it takes longer: raises ``Unavailable`` then. For a process of the pool.

    Code that no Python signal interrupts is ended with its process, after twice as much processor time.
    """
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    signal.setitimer(signal.ITIMER_PROF, 2 * limit_s)
    try:
        return judge_content(content, today)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)


def _give_up(_signal: int, _frame: FrameType | None) -> None:
    raise not_judged()


def not_judged() -> Unavailable:
    """The refusal of a document that takes too long to judge."""
    return Unavailable(
        "ConformanceUnavailable",
        Text("Le document n'a pas pu être jugé.", "The document could not be judged."),
        remedy=Text("Réessayez, ou réduisez le document.", "Try again, or make the document smaller."),
    )


def judge_file(path: Path) -> list[Judged]:
    """What became of a file: one result, or one for each document of an XDM archive."""
    today = datetime.now(UTC).date()
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TooLarge("DocumentTooLarge", Text("Le document est trop gros.", "The document is too large."))
        content = path.read_bytes()
        if zipfile.is_zipfile(io.BytesIO(content)):
            return list(_judge_archive(path.as_posix(), content, today))
        return [Judged(path.as_posix(), judge_content(content, today))]
    except SocleError as error:
        return [refused(path.as_posix(), error)]


def _judge_archive(name: str, content: bytes, today: date) -> Iterator[Judged]:
    """Each document of an XDM archive, its metadata compared with it."""
    from socle.services.conformance.metadata import with_metadata  # reads headers: only where there are metadata
    from socle.standards.xdm.package import read_xdm

    for entry, document in read_xdm(content).documents:
        place = f"{name}!{entry.uri or entry.unique_id}"
        try:
            yield Judged(place, with_metadata(judge_content(document, today), document, entry))
        except SocleError as error:
            yield refused(place, error)
