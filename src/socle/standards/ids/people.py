"""Professionals, structures and situations of exercise, as the directory keeps them and the sandbox invents them.

Codes are those of the NOS: profession TRE_G15, category TRE_R09, know-how TRE_R38 and its siblings, sector TRE_R02,
mode TRE_R23, kind of activity TRE_R22, establishment category TRE_R66.

Source: identity fact sheet §5.5, §7, §8, §9.
"""

from __future__ import annotations

import msgspec


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A postal address in France; ``commune`` is its COG code."""

    line: str = ""
    postal_code: str = ""
    city: str = ""
    commune: str = ""

    @property
    def department(self) -> str:
        """``75``, ``2A``, ``974`` …"""
        return self.commune[:3] if self.commune.startswith(("97", "98")) else self.commune[:2]


class Structure(msgspec.Struct, frozen=True, kw_only=True):
    """A place or a legal entity where people exercise.

    ``id`` is its Struct_IdNat (``1`` + FINESS, ``3`` + SIRET, ``4`` + RPPS and rank). ``legal_entity`` is the
    Struct_IdNat of the FINESS EJ that it belongs to; a legal entity itself has ``is_legal_entity`` and no parent.
    """

    id: str
    name: str
    sector: str
    address: Address
    #: TRE_R66, empty when the structure is not in FINESS.
    category: str = ""
    finess: str = ""
    siret: str = ""
    #: ``F`` + FINESS or ``R`` + number.
    technical_id: str = ""
    legal_entity: str = ""
    is_legal_entity: bool = False
    phone: str = ""
    #: Organisational MSSanté mailboxes.
    mailboxes: tuple[str, ...] = ()

    @property
    def siren(self) -> str:
        """First nine digits of the SIRET."""
        return self.siret[:9]


class KnowHow(msgspec.Struct, frozen=True, order=True):
    """A know-how and its type (TRE_R04: ``S`` ordinal speciality, ``CEX`` exclusive competence …)."""

    code: str
    type: str = "S"


class Professional(msgspec.Struct, frozen=True, kw_only=True):
    """A person of the directory and one profession.

    ``id`` is the PS_IdNat: ``8`` + RPPS, or ``3``/``5`` + structure + ``/`` + internal id for an employee without
    RPPS, whose ``profession`` is then a role of ``profession_system``.
    """

    id: str
    family: str
    given: str
    #: TRE_R81 ``M`` or ``MME``.
    civility: str
    profession: str
    profession_system: str = "1.2.250.1.71.1.2.7"
    #: ``DR`` for those who bear it, otherwise empty.
    title: str = ""
    category: str = "C"
    know_hows: tuple[KnowHow, ...] = ()
    #: Personal MSSanté mailboxes.
    mailboxes: tuple[str, ...] = ()
    is_active: bool = True

    @property
    def rpps(self) -> str:
        """The eleven digits, empty for who has none."""
        return self.id[1:] if self.id.startswith("8") else ""


class Exercise(msgspec.Struct, frozen=True, kw_only=True):
    """One situation of exercise: this person, in this structure, in this way."""

    #: Identifier of the situation in the RPPS, ten digits.
    id: str
    professional: str
    structure: str
    #: ``L`` libéral, ``S`` salarié, ``B`` bénévole.
    mode: str
    know_how: str = ""
    #: Section of the pharmacists' order (TRE_G05), else empty.
    pharmacist_section: str = ""
    #: TRE_R21, TRE_R85 or TRE_R96.
    role: str = ""
    #: TRE_R22.
    kind: str = "GENR01"
