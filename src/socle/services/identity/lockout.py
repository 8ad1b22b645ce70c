"""What wrong answers cost: a trace each, and after five of them fifteen minutes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from asyncpg import Record

from socle.platform.audit import Action, AuditEvent, Outcome
from socle.platform.base import Base
from socle.platform.database import Queries
from socle.platform.patient_key import patient_key
from socle.services.identity.domain import Account
from socle.services.identity.errors import LoginRefused
from socle.standards.errors import Text

QUERIES = Queries("socle.services.identity")

_LOCK: Final = timedelta(minutes=15)


def is_locked(row: Record, now: datetime) -> bool:
    """Whether the holder of an account, or somebody else, was wrong too often.

    Say so to nobody who proved nothing: it would tell that the account exists.
    """
    return row["locked_until"] is not None and row["locked_until"] > now


def refuse_locked(row: Record, now: datetime) -> None:
    """Refuses an account that is locked, to who knows its password. Raises ``LoginRefused``."""
    if is_locked(row, now):
        raise LoginRefused(
            "AccountLocked",
            Text("Trop d'essais.", "Too many attempts."),
            remedy=Text("Réessayez dans quinze minutes.", "Try again in fifteen minutes."),
        )


async def count_failure(base: Base, account: Account, proof: str) -> None:
    """Counts a wrong ``proof`` (``password``, ``second-factor``, ``recovery``) and traces it."""
    actor = account.actor()
    async with base.database.transaction() as connection:
        await QUERIES["add_account_failure"].execute(connection, id=account.id, locked_until=base.clock() + _LOCK)
        event = AuditEvent(
            actor=actor,
            action=Action.EXECUTE,
            transaction="login",
            patient_key=patient_key(account.ins) if account.ins is not None else None,
            outcome=Outcome.MINOR_FAILURE,
            right=f"login:{proof}",
        )
        await base.audit.record(connection, event)
