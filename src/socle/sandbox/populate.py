"""Loads a fictitious population into the services: patients in INS, professionals in the directory."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.base import Base
from socle.sandbox import cast
from socle.sandbox.domain import Population
from socle.sandbox.population import invent_population
from socle.services.directory.service import DirectoryService
from socle.services.ins.service import InsService
from socle.standards.errors import Forbidden, Text

#: Patients that one transaction loads.
_CHUNK = 2_000

POPULATOR = Actor(
    kind=ActorKind.OPERATOR,
    id="sandbox",
    name="Bac à sable",
    authentication=AuthenticationMode.OPERATOR,
)

#: Called with what is done and how much there is.
Progress = Callable[[str, int, int], None]


class Populated(msgspec.Struct, frozen=True, kw_only=True):
    """What was loaded: people who were there already do not count."""

    seed: int
    patients: int
    new_patients: int
    professionals: int
    situations: int
    structures: int
    mailboxes: int
    seconds: float


async def populate(
    base: Base, ins: InsService, directory: DirectoryService, *, patients: int, seed: int, progress: Progress
) -> Populated:
    """Invents ``patients`` people and loads them. Doing it again with the same seed adds nobody.

    Raises ``Forbidden`` outside the sandbox.
    """
    if not base.settings.is_sandbox:
        raise Forbidden(
            "SandboxOnly",
            Text("La population fictive est réservée au bac à sable.", "Fictitious people: sandbox only."),
        )
    started = time.perf_counter()
    population = invent_population(patients, seed, lambda done: progress("invent", done, patients))
    new = await _load_patients(ins, population, progress)
    loaded = await directory.load(population.professionals, population.structures, population.mailboxes)
    await ins.teleservice.enrol(POPULATOR, cast.INSI_CASES)
    return Populated(
        seed=seed,
        patients=len(population.patients),
        new_patients=new,
        professionals=loaded.professionals,
        situations=loaded.situations,
        structures=loaded.structures,
        mailboxes=loaded.mailboxes,
        seconds=round(time.perf_counter() - started, 2),
    )


async def _load_patients(ins: InsService, population: Population, progress: Progress) -> int:
    persons = [patient.person for patient in population.patients]
    new = 0
    for start in range(0, len(persons), _CHUNK):
        new += await ins.load(POPULATOR, persons[start : start + _CHUNK])
        progress("load", min(start + _CHUNK, len(persons)), len(persons))
    return new
