"""The second factor of local accounts: one-time codes of an application (TOTP), and recovery codes on paper.

Source: RFC 6238.
"""

from __future__ import annotations

import secrets
from typing import Final
from uuid import UUID

import pyotp
from asyncpg import Record

from socle.platform.base import Base
from socle.platform.database import Connection, Queries
from socle.platform.patient_key import owner_key
from socle.services.identity.domain import account_of, new_code, normalise_code, sha256
from socle.services.identity.errors import LoginRefused
from socle.services.identity.lockout import count_failure, refuse_locked
from socle.standards.errors import Text

QUERIES = Queries("socle.services.identity")

_RECOVERY_CODES: Final = 10
_STEP_S: Final = 30
_OWNER = owner_key("identity", "accounts")
_SEALED_AS = b"totp"


class SecondFactor:
    """Enrols and checks one-time codes."""

    def __init__(self, base: Base) -> None:
        self._base = base

    def start(self) -> str:
        """A new secret for an authenticator application, not yet kept."""
        return pyotp.random_base32()

    def address(self, secret: str, login: str) -> str:
        """The ``otpauth://`` address that the authenticator application reads from a QR code."""
        return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name="Socle")

    async def confirm(self, account: UUID, secret: str, code: str) -> tuple[str, ...]:
        """Keeps the secret once its first code is right, and returns ten recovery codes; former ones are worth nothing.

        Raises ``LoginRefused``.
        """
        step = _step_of(secret, code, self._base.clock().timestamp())
        if step is None:
            raise _wrong_code()
        sealed = await self._base.objects.rings.seal(_OWNER, _SEALED_AS + account.bytes, secret.encode())
        codes = tuple(new_code(10) for _ in range(_RECOVERY_CODES))
        async with self._base.database.transaction() as connection:
            await QUERIES["set_totp"].execute(connection, id=account, totp_sealed=sealed, step=step)
            await QUERIES["clear_recovery_codes"].execute(connection, account=account)
            for recovery in codes:
                await QUERIES["add_recovery_code"].execute(connection, account=account, code_sha256=sha256(recovery))
        return codes

    async def check(self, account: UUID, code: str) -> None:
        """Accepts the current one-time code, once, or a recovery code, once. Raises ``LoginRefused``."""
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_account"].row(connection, id=account)
            if row is None or row["totp_sealed"] is None:
                raise _wrong_code()
            refuse_locked(row, self._base.clock())
            is_right = await self.use_code(connection, row, code) or await self.use_recovery(connection, account, code)
            if is_right:
                await QUERIES["clear_account_failures"].execute(connection, id=account)
        if not is_right:
            await count_failure(self._base, account_of(row), "second-factor")
            raise _wrong_code()

    async def use_code(self, connection: Connection, row: Record, code: str) -> bool:
        """Whether ``code`` is the current one-time code of the account ``row``; it serves once."""
        account: UUID = row["id"]
        opened = await self._base.objects.rings.open(_OWNER, _SEALED_AS + account.bytes, row["totp_sealed"])
        step = _step_of(opened.decode(), code, self._base.clock().timestamp())
        return step is not None and await QUERIES["use_totp_step"].execute(connection, id=account, step=step) == 1

    async def use_recovery(self, connection: Connection, account: UUID, code: str) -> bool:
        """Whether ``code`` is a recovery code of the account; it serves once."""
        digest = sha256(normalise_code(code))
        return await QUERIES["use_recovery_code"].execute(connection, account=account, code_sha256=digest) == 1


def _step_of(secret: str, code: str, now: float) -> int | None:
    """The time step of which ``code`` is the one-time code: this one, the one before, the one after."""
    digits = "".join(code.split())
    totp = pyotp.TOTP(secret)
    for offset in (0, -1, 1):
        step = int(now) // _STEP_S + offset
        if secrets.compare_digest(totp.at(step * _STEP_S).encode(), digits.encode()):
            return step
    return None


def _wrong_code() -> LoginRefused:
    return LoginRefused(
        "WrongCode",
        Text("Le code est faux ou a déjà servi.", "The code is wrong or was already used."),
        location="code",
        remedy=Text(
            "Attendez le code suivant, ou prenez un code de secours.", "Wait for the next, or use a recovery code."
        ),
    )
