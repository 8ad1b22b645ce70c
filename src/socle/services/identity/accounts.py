"""Local accounts: password and one-time code, passkeys, recovery codes; for citizens and operators.

A login always proves two things (PGSSI-S, eIDAS substantial): a password and a TOTP or recovery code, or a passkey
that verified its user. Nothing tells whether an identifier exists. Five wrong answers lock for fifteen minutes.
"""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Final
from uuid import UUID, uuid4

import msgspec
import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from asyncpg import Record

from socle.platform.base import Base
from socle.platform.database import Queries
from socle.platform.patient_key import owner_key
from socle.services.identity.domain import sha256
from socle.services.identity.errors import LoginRefused
from socle.standards.errors import Conflict, InvalidContent, NotFound, Text
from socle.standards.ids.ins import Ins

QUERIES = Queries("socle.services.identity")

_LOCK: Final = timedelta(minutes=15)
#: Validity of the provisional code of a letter. Source: citizen fact sheet §2.1.
ACTIVATION_LIFE: Final = timedelta(weeks=6)
_SHORTEST_PASSWORD: Final = 12
_RECOVERY_CODES: Final = 10
_STEP_S: Final = 30
_OWNER = owner_key("identity", "accounts")
_SEALED_AS = b"totp"
#: No 0/O, 1/I/L: codes are read aloud and copied from paper.
_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_hasher = PasswordHasher()


class AccountKind(StrEnum):
    """Whose account."""

    CITIZEN = "citizen"
    OPERATOR = "operator"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account. ``ins`` is the citizen's own record, if one was found."""

    id: UUID
    kind: AccountKind
    login: str
    name: str
    ins: Ins | None
    has_totp: bool
    has_password: bool


class Accounts:
    """Registers accounts and checks what their holders prove."""

    def __init__(self, base: Base) -> None:
        self._base = base

    async def invite(self, ins: Ins, name: str) -> str:
        """A provisional code for the letter that opens a citizen's space; it lives six weeks and serves once."""
        code = _new_code(12)
        async with self._base.database.connection() as connection:
            await QUERIES["add_activation"].execute(
                connection,
                code_sha256=sha256(code),
                ins=ins.matricule,
                ins_oid=ins.oid,
                name=name,
                expires_at=self._base.clock() + ACTIVATION_LIFE,
            )
        return code

    async def activate(self, code: str, matricule: str, login: str, password: str) -> Account:
        """A citizen's account from the code of the letter and the matricule that goes with it.

        Raises ``LoginRefused`` (one sentence for a wrong code or matricule), ``InvalidContent``, ``Conflict``.
        """
        check_password(password, login)
        hashed = await asyncio.to_thread(_hasher.hash, password)
        async with self._base.database.transaction() as connection:
            row = await QUERIES["use_activation"].row(
                connection, code_sha256=sha256(_normalise_code(code)), now=self._base.clock()
            )
            if row is None or not secrets.compare_digest(row["ins"][:13], matricule.replace(" ", "")[:13]):
                raise LoginRefused(
                    "WrongActivation",
                    Text("Le code et le numéro ne vont pas ensemble.", "The code and the number do not match."),
                    remedy=Text(
                        "Vérifiez la lettre ; un code vit six semaines. Demandez-en un autre au besoin.",
                        "Check the letter; a code lives six weeks. Ask for another if needed.",
                    ),
                )
            return await self._add(
                connection, AccountKind.CITIZEN, login, row["name"], hashed, Ins(row["ins"], row["ins_oid"])
            )

    async def add_operator(self, login: str, name: str, password: str) -> Account:
        """An operator's account. Raises ``InvalidContent``, ``Conflict``."""
        check_password(password, login)
        hashed = await asyncio.to_thread(_hasher.hash, password)
        async with self._base.database.transaction() as connection:
            return await self._add(connection, AccountKind.OPERATOR, login, name, hashed, None)

    async def find_or_add_upstream(self, upstream_sub: str, name: str, ins: Ins | None) -> Account:
        """The account of an upstream provider's subject; made, or linked to the patient's account, at first login."""
        async with self._base.database.transaction() as connection:
            row = await QUERIES["find_account_by_upstream"].row(connection, upstream_sub=upstream_sub)
            if row is None and ins is not None:
                row = await QUERIES["find_account_of_patient"].row(connection, ins=ins.matricule, ins_oid=ins.oid)
                if row is not None:
                    await QUERIES["link_upstream"].execute(connection, id=row["id"], upstream_sub=upstream_sub)
            if row is not None:
                return _account(row)
            return await self._add(connection, AccountKind.CITIZEN, "", name, "", ins, upstream_sub)

    async def _add(
        self,
        connection: object,
        kind: AccountKind,
        login: str,
        name: str,
        hashed: str,
        ins: Ins | None,
        upstream_sub: str | None = None,
    ) -> Account:
        account = citizen_account(ins) if ins is not None else uuid4()
        added = await QUERIES["add_account"].execute(
            connection,  # type: ignore[arg-type]
            id=account,
            kind=kind.value,
            login=normalise_login(login),
            name=name,
            password_hash=hashed,
            upstream_sub=upstream_sub,
            ins=ins.matricule if ins is not None else "",
            ins_oid=ins.oid if ins is not None else "",
            now=self._base.clock(),
        )
        if not added:
            raise Conflict(
                "LoginTaken",
                Text("Cet identifiant ne peut pas être utilisé.", "This identifier cannot be used."),
                location="login",
                remedy=Text("Choisissez-en un autre.", "Choose another."),
            )
        return Account(
            id=account,
            kind=kind,
            login=normalise_login(login),
            name=name,
            ins=ins,
            has_totp=False,
            has_password=bool(hashed),
        )

    async def find(self, account: UUID) -> Account:
        """An open account. Raises ``NotFound``."""
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_account"].row(connection, id=account)
        if row is None:
            raise NotFound("NoSuchAccount", Text("Ce compte n'existe pas.", "There is no such account."))
        return _account(row)

    async def list_operators(self) -> list[tuple[str, str]]:
        """Login and name of each operator."""
        async with self._base.database.connection() as connection:
            rows = await QUERIES["list_accounts"].rows(connection, kind=AccountKind.OPERATOR.value)
        return [(row["login"], row["name"]) for row in rows]

    async def check_password(self, kind: AccountKind, login: str, password: str) -> Account:
        """The account whose password this is; the second factor is still to be proven. Raises ``LoginRefused``."""
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_account_by_login"].row(connection, kind=kind.value, login=normalise_login(login))
        # An unknown identifier costs the same hash, so that time tells nothing.
        is_right = await asyncio.to_thread(_verify, row["password_hash"] if row is not None else "", password)
        if row is None or not row["password_hash"]:
            raise _refused()
        self._refuse_locked(row)
        if not is_right:
            await self._fail(row["id"])
            raise _refused()
        return _account(row)

    async def start_totp(self) -> str:
        """A new secret for an authenticator application, not yet kept."""
        return pyotp.random_base32()

    def totp_address(self, secret: str, login: str) -> str:
        """The ``otpauth://`` address that the authenticator application reads from a QR code."""
        return pyotp.TOTP(secret).provisioning_uri(name=login, issuer_name="Socle")

    async def confirm_totp(self, account: UUID, secret: str, code: str) -> tuple[str, ...]:
        """Keeps the secret once its first code is right, and returns ten recovery codes. Raises ``LoginRefused``."""
        if _step_of(secret, code, self._base.clock().timestamp()) is None:
            raise _wrong_code()
        sealed = await self._base.objects.rings.seal(_OWNER, _SEALED_AS + account.bytes, secret.encode())
        codes = tuple(_new_code(10) for _ in range(_RECOVERY_CODES))
        async with self._base.database.transaction() as connection:
            await QUERIES["set_totp"].execute(connection, id=account, totp_sealed=sealed)
            await QUERIES["clear_recovery_codes"].execute(connection, account=account)
            for recovery in codes:
                await QUERIES["add_recovery_code"].execute(connection, account=account, code_sha256=sha256(recovery))
        return codes

    async def check_second_factor(self, account: UUID, code: str) -> None:
        """Accepts the current one-time code, once, or a recovery code, once. Raises ``LoginRefused``."""
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_account"].row(connection, id=account)
        if row is None or row["totp_sealed"] is None:
            raise _refused()
        self._refuse_locked(row)
        opened = await self._base.objects.rings.open(_OWNER, _SEALED_AS + account.bytes, row["totp_sealed"])
        step = _step_of(opened.decode(), code, self._base.clock().timestamp())
        async with self._base.database.connection() as connection:
            if step is not None:
                is_right = await QUERIES["use_totp_step"].execute(connection, id=account, step=step) == 1
            else:
                is_right = (
                    await QUERIES["use_recovery_code"].execute(
                        connection, account=account, code_sha256=sha256(_normalise_code(code))
                    )
                    == 1
                )
            if is_right:
                await QUERIES["clear_account_failures"].execute(connection, id=account)
        if not is_right:
            await self._fail(account)
            raise _wrong_code()

    async def change_password(self, account: UUID, password: str, login: str) -> None:
        """A new password. Raises ``InvalidContent``."""
        check_password(password, login)
        hashed = await asyncio.to_thread(_hasher.hash, password)
        async with self._base.database.connection() as connection:
            await QUERIES["set_password"].execute(connection, id=account, password_hash=hashed)

    async def close(self, account: UUID) -> None:
        """Closes an account; its identifier becomes free."""
        async with self._base.database.connection() as connection:
            await QUERIES["close_account"].execute(connection, id=account, now=self._base.clock())

    def _refuse_locked(self, row: Record) -> None:
        if row["locked_until"] is not None and row["locked_until"] > self._base.clock():
            raise LoginRefused(
                "AccountLocked",
                Text("Trop d'essais.", "Too many attempts."),
                remedy=Text("Réessayez dans quinze minutes.", "Try again in fifteen minutes."),
            )

    async def _fail(self, account: UUID) -> None:
        async with self._base.database.connection() as connection:
            await QUERIES["add_account_failure"].execute(
                connection, id=account, locked_until=self._base.clock() + _LOCK
            )


def citizen_account(ins: Ins) -> UUID:
    """The id of the account of the person of ``ins``: known before it is opened, so that mandates can name it."""
    return owner_key("account", ins.to_cx())


def normalise_login(login: str) -> str:
    """How an identifier is compared: no surrounding space, lower case."""
    return login.strip().casefold()[:200]


def check_password(password: str, login: str) -> None:
    """Refuses a password under twelve characters, of few different ones, or that holds the identifier.

    Source: ANSSI/CNIL recommendation on passwords (length rather than composition).
    """
    name = normalise_login(login).partition("@")[0]
    is_weak = len(password) < _SHORTEST_PASSWORD or len(set(password)) < 6 or len(password) > 200
    if not normalise_login(login) or is_weak or (len(name) > 3 and name in password.casefold()):
        raise InvalidContent(
            "WeakPassword",
            Text("Ce mot de passe est trop facile à deviner.", "This password is too easy to guess."),
            location="password",
            remedy=Text(
                "Douze caractères ou plus, variés, sans votre identifiant : une phrase convient bien.",
                "Twelve characters or more, varied, without your identifier: a sentence does well.",
            ),
        )


def _new_code(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _normalise_code(code: str) -> str:
    return "".join(character for character in code.upper() if character.isalnum())[:64]


def _step_of(secret: str, code: str, now: float) -> int | None:
    """The time step of which ``code`` is the one-time code: this one, the one before, the one after."""
    digits = "".join(code.split())
    totp = pyotp.TOTP(secret)
    for offset in (0, -1, 1):
        step = int(now) // _STEP_S + offset
        if secrets.compare_digest(totp.at(step * _STEP_S).encode(), digits.encode()):
            return step
    return None


def _verify(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed or _hash_of_nobody(), password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hash_of_nobody() -> str:
    return _hasher.hash(secrets.token_urlsafe(16))


def _account(row: Record) -> Account:
    return Account(
        id=row["id"],
        kind=AccountKind(row["kind"]),
        login=row["login"],
        name=row["name"],
        ins=Ins(row["ins"], row["ins_oid"]) if row["ins"] else None,
        has_totp=row["totp_sealed"] is not None,
        has_password=bool(row["password_hash"]),
    )


def _refused() -> LoginRefused:
    return LoginRefused(
        "WrongCredentials",
        Text("L'identifiant ou le mot de passe est faux.", "The identifier or the password is wrong."),
        remedy=Text("Vérifiez les deux et réessayez.", "Check both and try again."),
    )


def _wrong_code() -> LoginRefused:
    return LoginRefused(
        "WrongCode",
        Text("Le code est faux ou a déjà servi.", "The code is wrong or was already used."),
        location="code",
        remedy=Text(
            "Attendez le code suivant, ou prenez un code de secours.", "Wait for the next, or use a recovery code."
        ),
    )
