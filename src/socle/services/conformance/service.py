"""Conformance as a service of a running base: verdicts computed in processes of their own, policy at feed."""

from __future__ import annotations

import asyncio
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Final

from socle.platform.base import Base
from socle.services.conformance.domain import KitReport, Verdict
from socle.services.conformance.kit import installed_kit
from socle.services.conformance.metadata import with_metadata
from socle.services.conformance.rules import OFF, refusal, refusing_findings, require_policy
from socle.services.conformance.worker import judge_within, not_judged, worker_pool
from socle.standards.xds.model import DocumentEntry

#: Longest judgement of one document.
TIMEOUT_S: Final = 60


class ConformanceService:
    """Judges documents by the rules installed in ``data/conformance``, without holding the event loop."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self.policy = require_policy(base.settings.conformance_policy)
        self._store = base.settings.data_path / "conformance"
        self._pool: ProcessPoolExecutor | None = None
        self._pool_kit = ""

    async def verdict(self, content: bytes, *, limit_s: float = TIMEOUT_S) -> Verdict:
        """What the rules in force say of ``content``.

        Raises ``MalformedInput``, ``InvalidContent`` or ``TooLarge`` when there is no CDA to judge, ``Unavailable``
        when judging takes over ``limit_s``.
        """
        loop = asyncio.get_running_loop()
        today, pool = self.base.clock().date(), self._executor()
        try:
            return await loop.run_in_executor(pool, judge_within, limit_s, content, today)
        except BrokenProcessPool as error:
            if pool is self._pool:
                self.close()
            raise not_judged() from error

    async def feed_verdict(self, content: bytes, entry: DocumentEntry) -> Verdict | None:
        """The verdict to store with a fed document, its metadata compared too; None when the policy is ``off``.

        Raises ``InvalidContent`` (``ConformanceRefused``) when the policy refuses the document.
        """
        if self.policy == OFF or not _is_cda(entry):
            return None
        verdict = await self.verdict(content)
        verdict = with_metadata(verdict, content, entry)
        if findings := refusing_findings(self.policy, verdict):
            raise refusal(findings)
        return verdict

    def kit_report(self) -> KitReport | None:
        """The official kit in force, None when our own rules apply."""
        kit = installed_kit(self._store)
        return kit.report if kit else None

    def close(self) -> None:
        """Stops the processes; they start again when needed."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _executor(self) -> ProcessPoolExecutor:
        current = _pointer(self._store)
        if self._pool is not None and current != self._pool_kit:
            self.close()  # another kit was installed: processes must load it
        if self._pool is None:
            # One process for each web worker: there is a web worker for each core.
            self._pool, self._pool_kit = worker_pool(str(self._store), documents=1), current
        return self._pool


def _is_cda(entry: DocumentEntry) -> bool:
    return entry.mime_type in ("text/xml", "application/xml", "application/xslt+xml")


def _pointer(store: Path) -> str:
    try:
        return (store / "current").read_text("ascii")
    except OSError:
        return ""
