"""`socle verify`: everything that was acknowledged is there, unaltered, and nothing else is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from socle.app import Services
from socle.platform.objects import DamagedObject

#: An object younger than this may belong to a submission that is about to commit.
_ORPHAN_AGE_S = 24 * 3600


class Report(msgspec.Struct, frozen=True):
    """What was found. ``faults`` name addresses, never persons."""

    documents: int
    chains: int
    orphans: int
    faults: list[str]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is missing or altered (orphans are not a fault)."""
        return not self.faults


async def verify_base(services: Services, *, sweep: bool = False, progress: bool = False) -> Report:
    """Reads back every document, every mail and every chain of traces. With ``sweep``, removes old objects that no
    service refers to.
    """
    faults: list[str] = []
    documents = orphans = 0
    vault = services.base.objects
    keepers = (services.dmp, services.mssante.upkeep, services.delivery)
    with _bar(progress) as bar:
        for keeper in keepers:
            async for stored in keeper.stored_contents():
                documents += 1
                bar.advance(f"{documents} documents")
                try:
                    content = await vault.get(stored.owner, stored.address)
                except DamagedObject as fault:
                    faults.append(str(fault))
                    continue
                if stored.sha1 and hashlib.sha1(content, usedforsecurity=False).hexdigest() != stored.sha1:
                    faults.append(f"object {stored.address} is not what was submitted")
        async for kept in vault.backend.list():
            if not any([await keeper.is_stored(kept.owner, kept.address) for keeper in keepers]):
                orphans += 1
                if sweep and kept.age_s > _ORPHAN_AGE_S:
                    await vault.delete(kept.owner, kept.address)
        chains = await services.base.audit.verify_all()
    faults += [f"chain {chain}: {fault}" for chain, fault in chains.faults.items()]
    return Report(documents, chains.checked, orphans, faults)


class _Bar:
    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None) if progress else None

    def advance(self, text: str) -> None:
        """Shows ``text`` and that work goes on."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=text)


@contextmanager
def _bar(shown: bool) -> Iterator[_Bar]:
    if not shown:
        yield _Bar(None)
        return
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=Console(stderr=True)) as progress:
        yield _Bar(progress)
