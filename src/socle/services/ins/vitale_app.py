"""Appli carte Vitale: what the code on a telephone says of its holder, already qualified.

``ApcvDecoder`` is the port; the national decoding service goes behind it. ``SandboxApcv`` is the telephone and the
decoder of the sandbox: it shows a code for a fictitious person, and reads it once, within five minutes.

Source: identity fact sheet §1.10; RNIV 1 §4.3.4.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Final, Protocol

from socle.platform.actor import Actor
from socle.platform.base import Base
from socle.platform.patient_key import patient_key
from socle.services.ins import rules, store
from socle.services.ins.domain import Person
from socle.services.ins.rules import Act
from socle.standards.errors import Forbidden, InvalidContent, NotFound, Text
from socle.standards.ids.ins import Ins

CONTEXT_LIFE: Final = timedelta(minutes=5)


class ApcvDecoder(Protocol):
    """Turns the code that a telephone shows into the person whom it names."""

    async def decode(self, code: str) -> Person:
        """The person. Raises ``InvalidContent`` when the code is unknown, used or over."""
        ...


class SandboxApcv:
    """Telephone and decoder, for persons that this base's INSi knows."""

    def __init__(self, base: Base) -> None:
        self._base = base

    async def show(self, actor: Actor, ins: Ins) -> str:
        """The code that the telephone of a fictitious person shows now.

        Raises ``Forbidden`` outside the sandbox, ``NotFound`` for who is not known.
        """
        rules.require(actor, Act.READ)
        if not self._base.settings.is_sandbox:
            raise Forbidden("SandboxOnly", Text("Ce téléphone simulé est réservé au bac à sable.", "Sandbox only."))
        code = secrets.token_urlsafe(24)
        async with self._base.database.transaction() as connection:
            if await store.find_person(connection, ins) is None:
                raise NotFound("NoSuchIns", Text("Personne n'a cet INS.", "Nobody has this INS."))
            await store.QUERIES["add_vitale_context"].execute(
                connection,
                digest=_digest(code),
                patient_key=patient_key(ins),
                expires_at=self._base.clock() + CONTEXT_LIFE,
            )
        return code

    async def decode(self, code: str) -> Person:
        """The person, once."""
        async with self._base.database.transaction() as connection:
            row = await store.QUERIES["take_vitale_context"].row(
                connection, digest=_digest(code), now=self._base.clock()
            )
            person = await store.find_person_by_key(connection, row["patient_key"]) if row else None
            if person is None:
                raise InvalidContent(
                    "VitaleContext",
                    Text("Ce code de l'appli carte Vitale n'est plus valable.", "This code is not valid any more."),
                    remedy=Text("Demandez au patient d'en afficher un autre.", "Ask the patient to show another."),
                    requirement="RNIV 1 §4.3.4",
                )
            return await store.with_history(connection, person)


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
