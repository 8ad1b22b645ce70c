"""Local accounts of citizens and operators: opened, proven by password, recovered, closed.

A login always proves two things (PGSSI-S, eIDAS substantial): a password and a second factor, or a passkey that
verified its user. So does a recovery: a one-time code and a recovery code, or a new letter. Nothing tells whether an
identifier exists. Five wrong answers lock for fifteen minutes.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Final, ParamSpec, TypeVar
from uuid import UUID, uuid4

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from socle.platform.base import Base
from socle.platform.database import Connection, Queries
from socle.platform.patient_key import owner_key
from socle.services.identity.domain import Account, AccountKind, account_of, new_code, normalise_code, sha256
from socle.services.identity.errors import LoginRefused
from socle.services.identity.lockout import count_failure, is_locked
from socle.services.identity.second_factor import SecondFactor
from socle.standards.errors import Conflict, InvalidContent, NotFound, Text
from socle.standards.ids.ins import Ins

QUERIES = Queries("socle.services.identity")

P = ParamSpec("P")
T = TypeVar("T")

#: Validity of the provisional code of a letter. Source: citizen fact sheet §2.1.
ACTIVATION_LIFE: Final = timedelta(weeks=6)
_SHORTEST_PASSWORD: Final = 12
_HASHES_AT_ONCE: Final = 2
_hasher = PasswordHasher()


class Accounts:
    """Registers accounts and checks what their holders prove."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self.second_factor = SecondFactor(base)
        # Each takes a core and 64 MiB: whoever floods the login page waits in line, and nobody else does.
        self._hashing = asyncio.Semaphore(_HASHES_AT_ONCE)

    async def invite(self, ins: Ins, name: str) -> str:
        """A provisional code for the letter that opens a citizen's space; it lives six weeks and serves once."""
        code = new_code(12)
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

        Where there is an account already, the letter gives it back to who lost it: new identifier and password, former
        second factor, passkeys and logins gone.
        Raises ``LoginRefused`` (one sentence for a wrong code or matricule), ``InvalidContent``, ``Conflict``.
        """
        check_strength(password, login)
        letter = {"code_sha256": sha256(normalise_code(code)), "now": self._base.clock()}
        async with self._base.database.connection() as connection:
            row = await QUERIES["try_activation"].row(connection, **letter)
        if row is None or not secrets.compare_digest(row["ins"][:13].encode(), _matricule(matricule)):
            raise _wrong_activation()
        ins, hashed = Ins(row["ins"], row["ins_oid"]), await self._hash(password, login)
        async with self._base.database.transaction() as connection:
            if not await QUERIES["use_activation"].execute(connection, **letter):
                raise _wrong_activation()
            await self._refuse_taken(connection, AccountKind.CITIZEN, login, citizen_account(ins))
            if await self._reset(connection, citizen_account(ins), hashed, login):
                return await self._existing(connection, citizen_account(ins))
            return await self._add(connection, AccountKind.CITIZEN, login, row["name"], hashed, ins)

    async def add_operator(self, login: str, name: str, password: str) -> Account:
        """An operator's account. Raises ``InvalidContent``, ``Conflict``."""
        hashed = await self._hash(password, login)
        async with self._base.database.transaction() as connection:
            await self._refuse_taken(connection, AccountKind.OPERATOR, login, None)
            return await self._add(connection, AccountKind.OPERATOR, login, name, hashed, None)

    async def reset_operator(self, login: str, password: str) -> Account:
        """Gives an account back to an operator who lost everything; the next login enrols a second factor.

        Raises ``NotFound``, ``InvalidContent``.
        """
        hashed = await self._hash(password, login)
        async with self._base.database.transaction() as connection:
            account = await self._operator(connection, login)
            await self._reset(connection, account.id, hashed, login)
            return await self._existing(connection, account.id)

    async def close_operator(self, login: str) -> None:
        """Closes the account of an operator who leaves; their logins end, the identifier becomes free.

        Raises ``NotFound``.
        """
        async with self._base.database.transaction() as connection:
            account = await self._operator(connection, login)
            await QUERIES["close_account"].execute(connection, id=account.id, now=self._base.clock())
            await QUERIES["close_sessions_of_account"].execute(connection, subject=str(account.id))

    async def find_or_add_upstream(self, upstream_sub: str, name: str, ins: Ins | None) -> Account:
        """The account of an upstream provider's subject; made, or linked to the patient's account, at first login."""
        async with self._base.database.transaction() as connection:
            row = await QUERIES["find_account_by_upstream"].row(connection, upstream_sub=upstream_sub)
            if row is None and ins is not None:
                row = await QUERIES["find_account_of_patient"].row(connection, ins=ins.matricule, ins_oid=ins.oid)
                if row is not None:
                    await QUERIES["link_upstream"].execute(connection, id=row["id"], upstream_sub=upstream_sub)
            if row is not None:
                return account_of(row)
            return await self._add(connection, AccountKind.CITIZEN, "", name, "", ins, upstream_sub)

    async def find(self, account: UUID) -> Account:
        """An open account. Raises ``NotFound``."""
        async with self._base.database.connection() as connection:
            return await self._existing(connection, account)

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
        is_right = await self._in_turn(_verify, row["password_hash"] if row is not None else "", password)
        if row is None or not row["password_hash"] or is_locked(row, self._base.clock()):
            raise _refused()
        if not is_right:
            await count_failure(self._base, account_of(row), "password")
            raise _refused()
        return account_of(row)

    async def change_password(self, account: Account, current: str, password: str) -> None:
        """A new password for who knows the present one. Every login of the account ends.

        Raises ``LoginRefused``, ``InvalidContent``.
        """
        hashed = await self._hash(password, account.login)
        await self.check_password(account.kind, account.login, current)
        async with self._base.database.transaction() as connection:
            await QUERIES["set_password"].execute(connection, id=account.id, password_hash=hashed)
            await QUERIES["close_sessions_of_account"].execute(connection, subject=str(account.id))

    async def recover(self, kind: AccountKind, login: str, code: str, recovery: str, password: str) -> Account:
        """A new password for who forgot it, and still has both telephone and paper: one code of each.

        Raises ``LoginRefused`` (one sentence whatever was wrong), ``InvalidContent``.
        """
        hashed = await self._hash(password, login)
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_account_by_login"].row(connection, kind=kind.value, login=normalise_login(login))
        if row is None or row["totp_sealed"] is None or is_locked(row, self._base.clock()):
            raise _wrong_recovery()
        account = account_of(row)
        try:
            # Rolled back when one code is wrong, so that the other is not spent.
            async with self._base.database.transaction() as connection:
                if not await self.second_factor.use_code(connection, row, code):
                    raise _wrong_recovery()
                if not await self.second_factor.use_recovery(connection, account.id, recovery):
                    raise _wrong_recovery()
                await QUERIES["set_password"].execute(connection, id=account.id, password_hash=hashed)
                await QUERIES["close_sessions_of_account"].execute(connection, subject=str(account.id))
        except LoginRefused:
            await count_failure(self._base, account, "recovery")
            raise
        return account

    async def _hash(self, password: str, login: str) -> str:
        """The form in which a password is kept. Raises ``InvalidContent`` for a weak one."""
        check_strength(password, login)
        return await self._in_turn(_hasher.hash, password)

    async def _in_turn(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        async with self._hashing:
            return await asyncio.to_thread(work, *args, **kwargs)

    async def _operator(self, connection: Connection, login: str) -> Account:
        row = await QUERIES["find_account_by_login"].row(
            connection, kind=AccountKind.OPERATOR.value, login=normalise_login(login)
        )
        if row is None:
            raise _no_such_account()
        return account_of(row)

    async def _existing(self, connection: Connection, account: UUID) -> Account:
        row = await QUERIES["find_account"].row(connection, id=account)
        if row is None:
            raise _no_such_account()
        return account_of(row)

    async def _reset(self, connection: Connection, account: UUID, hashed: str, login: str) -> bool:
        """Takes from an account everything that was proven with; ``False`` where there is none."""
        is_there = await QUERIES["reset_account"].execute(
            connection, id=account, login=normalise_login(login), password_hash=hashed
        )
        for statement in ("clear_recovery_codes", "clear_passkeys"):
            await QUERIES[statement].execute(connection, account=account)
        await QUERIES["close_sessions_of_account"].execute(connection, subject=str(account))
        return is_there == 1

    async def _refuse_taken(self, connection: Connection, kind: AccountKind, login: str, own: UUID | None) -> None:
        row = await QUERIES["find_account_by_login"].row(connection, kind=kind.value, login=normalise_login(login))
        if row is not None and row["id"] != own:
            raise _taken()

    async def _add(
        self,
        connection: Connection,
        kind: AccountKind,
        login: str,
        name: str,
        hashed: str,
        ins: Ins | None,
        upstream_sub: str | None = None,
    ) -> Account:
        account = citizen_account(ins) if ins is not None else uuid4()
        added = await QUERIES["add_account"].execute(
            connection,
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
            raise _taken()
        return await self._existing(connection, account)


def citizen_account(ins: Ins) -> UUID:
    """The id of the account of the person of ``ins``: known before it is opened, so that mandates can name it."""
    return owner_key("account", ins.to_cx())


def normalise_login(login: str) -> str:
    """How an identifier is compared: no surrounding space, lower case."""
    return login.strip().casefold()[:200]


def check_strength(password: str, login: str) -> None:
    """Refuses a password under twelve characters, of few different ones, or that holds the identifier.

    Raises ``InvalidContent``. Source: ANSSI/CNIL recommendation on passwords (length rather than composition).
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


def _matricule(text: str) -> bytes:
    return text.replace(" ", "")[:13].encode()


def _verify(hashed: str, password: str) -> bool:
    try:
        return _hasher.verify(hashed or _hash_of_nobody(), password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hash_of_nobody() -> str:
    return _hasher.hash(secrets.token_urlsafe(16))


def _refused() -> LoginRefused:
    return LoginRefused(
        "WrongCredentials",
        Text("L'identifiant ou le mot de passe est faux.", "The identifier or the password is wrong."),
        remedy=Text(
            "Vérifiez les deux et réessayez ; après cinq erreurs, attendez quinze minutes.",
            "Check both and try again; after five mistakes, wait fifteen minutes.",
        ),
    )


def _wrong_recovery() -> LoginRefused:
    return LoginRefused(
        "WrongRecovery",
        Text("L'identifiant ou l'un des codes est faux.", "The identifier or one of the codes is wrong."),
        remedy=Text(
            "Prenez le code suivant de l'application, et un code de secours qui n'a pas servi ; après cinq erreurs, "
            "attendez quinze minutes.",
            "Take the next code of the application, and a recovery code that was not used; after five mistakes, wait "
            "fifteen minutes.",
        ),
    )


def _wrong_activation() -> LoginRefused:
    return LoginRefused(
        "WrongActivation",
        Text("Le code et le numéro ne vont pas ensemble.", "The code and the number do not match."),
        remedy=Text(
            "Vérifiez la lettre ; un code vit six semaines et dix essais. Demandez-en un autre au besoin.",
            "Check the letter; a code lives six weeks and ten tries. Ask for another if needed.",
        ),
    )


def _taken() -> Conflict:
    return Conflict(
        "LoginTaken",
        Text("Cet identifiant ne peut pas être utilisé.", "This identifier cannot be used."),
        location="login",
        remedy=Text("Choisissez-en un autre.", "Choose another."),
    )


def _no_such_account() -> NotFound:
    return NotFound("NoSuchAccount", Text("Ce compte n'existe pas.", "There is no such account."))
