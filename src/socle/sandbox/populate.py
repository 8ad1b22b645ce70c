"""Loads a fictitious population into the services: patients in INS, professionals in the directory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime

import msgspec

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.base import Base
from socle.sandbox import cast
from socle.sandbox.domain import Patient, Population
from socle.sandbox.population import invent_population
from socle.services.directory.service import DirectoryService
from socle.services.dmp.domain import Mandate, MandateKind, MandateScope
from socle.services.dmp.service import DmpService
from socle.services.identity.accounts import citizen_account
from socle.services.identity.personas import Persona
from socle.services.identity.service import IdentityService
from socle.services.ins.service import InsService
from socle.standards.errors import Forbidden, Text
from socle.standards.ids.ins import Ins
from socle.standards.ids.traits import Traits, to_calendar

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
    base: Base,
    ins: InsService,
    directory: DirectoryService,
    identity: IdentityService,
    dmp: DmpService,
    *,
    patients: int,
    seed: int,
    progress: Progress,
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
    await identity.personas.add(
        Persona(ins=patient.ins, traits=patient.person.traits, email=patient.email) for patient in population.patients
    )
    await _open_records(dmp, population, progress)
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


def _chunks(patients: tuple[Patient, ...]) -> Iterator[tuple[Patient, ...]]:
    return (patients[start : start + _CHUNK] for start in range(0, len(patients), _CHUNK))


async def _load_patients(ins: InsService, population: Population, progress: Progress) -> int:
    done = new = 0
    for chunk in _chunks(population.patients):
        new += await ins.load(POPULATOR, [patient.person for patient in chunk])
        done += len(chunk)
        progress("load", done, len(population.patients))
    return new


async def _open_records(dmp: DmpService, population: Population, progress: Progress) -> None:
    """Opens everybody's record, and gives parents a mandate over that of their children."""
    traits = {patient.ins: patient.person.traits for patient in population.patients}
    now = dmp.context.base.clock()
    done = 0
    for chunk in _chunks(population.patients):
        holders = [(patient.ins, to_calendar(patient.person.traits.birth_date)) for patient in chunk]
        mandates = [
            (patient.ins, _parental_mandate(guardian, traits[guardian], now))
            for patient in chunk
            for guardian in patient.guardians
        ]
        await dmp.load_records(POPULATOR, holders, mandates)
        done += len(chunk)
        progress("open", done, len(population.patients))


def _parental_mandate(guardian: Ins, traits: Traits, now: datetime) -> Mandate:
    return Mandate(
        agent_id=str(citizen_account(guardian)),
        kind=MandateKind.PARENT,
        scope=MandateScope.MANAGE,
        name=f"{traits.first_given_name} {traits.birth_name}",
        starts_at=now,
    )
