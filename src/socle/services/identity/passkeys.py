"""Passkeys (WebAuthn): registration and login, by the webauthn library. The challenge is sealed in a cookie.

Source: W3C Web Authentication Level 3; user verification is required, so a passkey alone is two factors.
"""

from __future__ import annotations

import base64
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import webauthn
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from socle.platform.base import Base
from socle.platform.database import Queries
from socle.platform.keys import Unreadable
from socle.platform.patient_key import owner_key
from socle.services.identity.domain import Account, AccountKind
from socle.services.identity.errors import LoginRefused
from socle.standards.errors import Text

QUERIES = Queries("socle.services.identity")

_OWNER = owner_key("identity", "passkeys")
_SEALED_AS = b"challenge"
_LIFE_S: Final = 300


class _Challenge(msgspec.Struct, frozen=True):
    challenge: bytes
    purpose: str
    at: float


class Passkeys:
    """Passkeys of local accounts."""

    def __init__(self, base: Base) -> None:
        self._base = base
        address = urlsplit(base.settings.base_url)
        self._origin = f"{address.scheme}://{address.netloc}"
        self._host = address.hostname or "localhost"

    async def offer_registration(self, account: Account) -> tuple[str, str]:
        """Options (JSON) for ``navigator.credentials.create`` and the sealed challenge."""
        async with self._base.database.connection() as connection:
            known = await QUERIES["list_passkeys"].rows(connection, account=account.id)
        options = webauthn.generate_registration_options(
            rp_id=self._host,
            rp_name="Socle",
            user_id=account.id.bytes,
            user_name=account.login or account.name,
            user_display_name=account.name,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=row["credential_id"]) for row in known],
        )
        return webauthn.options_to_json(options), await self._seal(options.challenge, f"add:{account.id}")

    async def register(self, account: Account, answer: dict[str, Any], kept: str, name: str) -> None:
        """Keeps the passkey in ``answer``. Raises ``LoginRefused``."""
        challenge = await self._open(kept, f"add:{account.id}")
        try:
            verified = webauthn.verify_registration_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=self._host,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as error:
            raise _refused() from error
        async with self._base.database.connection() as connection:
            await QUERIES["add_passkey"].execute(
                connection,
                credential_id=verified.credential_id,
                account=account.id,
                public_key=verified.credential_public_key,
                sign_count=verified.sign_count,
                name=name[:60],
                now=self._base.clock(),
            )

    async def offer_login(self) -> tuple[str, str]:
        """Options (JSON) for ``navigator.credentials.get`` and the sealed challenge."""
        options = webauthn.generate_authentication_options(
            rp_id=self._host, user_verification=UserVerificationRequirement.REQUIRED
        )
        return webauthn.options_to_json(options), await self._seal(options.challenge, "login")

    async def log_in(self, kind: AccountKind, answer: dict[str, Any], kept: str) -> UUID:
        """The account whose passkey answered. Raises ``LoginRefused``."""
        challenge = await self._open(kept, "login")
        try:
            identifier = webauthn.base64url_to_bytes(str(answer.get("rawId", "")))
        except ValueError as error:
            raise _refused() from error
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_passkey"].row(connection, credential_id=identifier, kind=kind.value)
            if row is None:
                raise _refused()
            try:
                verified = webauthn.verify_authentication_response(
                    credential=answer,
                    expected_challenge=challenge,
                    expected_rp_id=self._host,
                    expected_origin=self._origin,
                    credential_public_key=row["public_key"],
                    credential_current_sign_count=row["sign_count"],
                    require_user_verification=True,
                )
            except (WebAuthnException, ValueError, KeyError, TypeError) as error:
                raise _refused() from error
            await QUERIES["use_passkey"].execute(
                connection, credential_id=identifier, sign_count=verified.new_sign_count
            )
        account: UUID = row["account"]
        return account

    async def list(self, account: UUID) -> list[tuple[str, str]]:
        """Identifier (Base64url) and name of each passkey of an account."""
        async with self._base.database.connection() as connection:
            rows = await QUERIES["list_passkeys"].rows(connection, account=account)
        return [(webauthn.helpers.bytes_to_base64url(row["credential_id"]), row["name"]) for row in rows]

    async def remove(self, account: UUID, identifier: str) -> None:
        """Takes a passkey away. Raises ``LoginRefused`` for what names none."""
        try:
            credential_id = webauthn.base64url_to_bytes(identifier)
        except ValueError as error:
            raise _refused() from error
        async with self._base.database.connection() as connection:
            await QUERIES["remove_passkey"].execute(connection, account=account, credential_id=credential_id)

    async def _seal(self, challenge: bytes, purpose: str) -> str:
        content = msgspec.msgpack.encode(_Challenge(challenge, purpose, self._base.clock().timestamp()))
        sealed = await self._base.objects.rings.seal(_OWNER, _SEALED_AS, content)
        return base64.urlsafe_b64encode(sealed).decode()

    async def _open(self, kept: str, purpose: str) -> bytes:
        try:
            opened = await self._base.objects.rings.open(_OWNER, _SEALED_AS, base64.urlsafe_b64decode(kept))
            found = msgspec.msgpack.decode(opened, type=_Challenge)
        except (ValueError, Unreadable, msgspec.DecodeError) as error:
            raise _refused() from error
        if found.purpose != purpose or not 0 <= self._base.clock().timestamp() - found.at <= _LIFE_S:
            raise _refused()
        return found.challenge


def _refused() -> LoginRefused:
    return LoginRefused(
        "PasskeyRefused",
        Text("La clé d'accès n'a pas pu être vérifiée.", "The passkey could not be verified."),
        remedy=Text("Réessayez, ou utilisez votre mot de passe.", "Try again, or use your password."),
        requirement="WebAuthn §7",
    )
