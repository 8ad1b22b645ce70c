"""What the sandbox invents: patients with their families. Professionals and structures are those of the directory."""

from __future__ import annotations

import msgspec

from socle.services.directory.domain import Mailbox, Professional, Structure
from socle.services.ins.domain import Person
from socle.standards.ids.ins import Ins


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """A fictitious person with what surrounds him.

    ``guardians`` are the legal representatives of a minor, ``doctor`` is the PS_IdNat of the attending doctor,
    ``commune`` the COG code of the home.
    """

    person: Person
    guardians: tuple[Ins, ...] = ()
    partner: Ins | None = None
    doctor: str = ""
    line: str = ""
    commune: str = ""
    phone: str = ""
    email: str = ""

    @property
    def ins(self) -> Ins:
        """The person's INS."""
        return self.person.ins


class Population(msgspec.Struct, frozen=True, kw_only=True):
    """Everybody, and where professionals exercise."""

    patients: tuple[Patient, ...]
    professionals: tuple[Professional, ...]
    structures: tuple[Structure, ...]
    mailboxes: tuple[Mailbox, ...]
