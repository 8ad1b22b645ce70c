"""Fictitious citizens, and what FranceConnect would tell about them.

Source: identity fact sheet §6.1 (identité pivot).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import msgspec
from asyncpg import Record

from socle.platform.base import Base
from socle.platform.database import Queries
from socle.platform.patient_key import patient_key
from socle.standards.ids.ins import Ins
from socle.standards.ids.traits import FRANCE, Sex, Traits

QUERIES = Queries("socle.services.identity")

_BIRTH: Final = ("birthplace", "birthcountry")
_PROFILE: Final = ("given_name", "given_name_array", "family_name", "birthdate", "gender")
#: Which claims each scope opens.
_SCOPES: Final = {
    "given_name": ("given_name", "given_name_array"),
    "family_name": ("family_name",),
    "birthdate": ("birthdate",),
    "gender": ("gender",),
    "birthplace": ("birthplace",),
    "birthcountry": ("birthcountry",),
    "email": ("email",),
    "preferred_username": ("preferred_username",),
    "profile": (*_PROFILE, "preferred_username"),
    "birth": _BIRTH,
    "identite_pivot": (*_PROFILE, *_BIRTH),
}


class Persona(msgspec.Struct, frozen=True, kw_only=True):
    """One fictitious citizen, whom anybody may be in the sandbox."""

    ins: Ins
    traits: Traits
    email: str = ""

    @property
    def name(self) -> str:
        """First names and birth name."""
        return f"{self.traits.given_names} {self.traits.birth_name}"

    @property
    def subject(self) -> str:
        """The key by which this provider knows the person."""
        return str(patient_key(self.ins))


def pivot_claims(persona: Persona, scopes: set[str]) -> dict[str, Any]:
    """The claims that ``scopes`` open. Lunar birth dates stay lunar; no birthplace when born abroad."""
    traits = persona.traits
    place = traits.birth_place or ""
    is_abroad = place.startswith("99") and place != FRANCE
    claims: dict[str, Any] = {
        "given_name": traits.given_names,
        "given_name_array": traits.given_names.split(),
        "family_name": traits.birth_name,
        "birthdate": traits.birth_date,
        "gender": "male" if traits.sex is Sex.MALE else "female",
        "birthplace": "" if is_abroad else place,
        "birthcountry": place if is_abroad else str(FRANCE),
        "email": persona.email,
        "preferred_username": traits.used_name,
    }
    opened = {claim for scope in scopes for claim in _SCOPES.get(scope, ())}
    return {name: value for name, value in claims.items() if name in opened and (value or name == "birthplace")}


class Personas:
    """The fictitious citizens of this sandbox."""

    def __init__(self, base: Base) -> None:
        self._base = base

    async def add(self, personas: Iterable[Persona]) -> None:
        """Adds fictitious citizens, or changes them."""
        async with self._base.database.transaction() as connection:
            await QUERIES["add_persona"].execute_many(
                connection,
                [
                    {
                        "subject": UUID(persona.subject),
                        "ins": persona.ins.matricule,
                        "ins_oid": persona.ins.oid,
                        "traits": msgspec.json.encode(persona.traits).decode(),
                        "email": persona.email,
                        "search_key": f"{persona.traits.birth_name} {persona.traits.given_names}",
                    }
                    for persona in personas
                ],
            )

    async def find(self, subject: str) -> Persona | None:
        """One fictitious citizen."""
        try:
            key = UUID(subject)
        except ValueError:
            return None
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_persona"].row(connection, subject=key)
        return _persona(row) if row is not None else None

    async def search(self, name: str, count: int = 20) -> list[Persona]:
        """Those whose birth name starts with ``name`` (already upper case), in order."""
        prefix = "".join(character for character in name.upper() if character.isalpha() or character in "' -")
        async with self._base.database.connection() as connection:
            rows = await QUERIES["search_personas"].rows(connection, prefix=f"{prefix}%", count=count)
        return [_persona(row) for row in rows]


def _persona(row: Record) -> Persona:
    return Persona(
        ins=Ins(row["ins"], row["ins_oid"]),
        traits=msgspec.json.decode(row["traits"], type=Traits),
        email=row["email"],
    )
