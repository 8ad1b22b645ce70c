"""The provider's signing keys: one signs, the others still verify, so that a rotation breaks no session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, TypeVar

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from socle.platform.base import Base
from socle.platform.database import Queries
from socle.platform.patient_key import owner_key
from socle.services.identity.errors import InvalidToken, invalid_token

QUERIES = Queries("socle.services.identity")

ALGORITHMS: Final = ("RS256", "ES256")
#: A new key is published this long before it signs, so that every verifier's cache has it.
PUBLISHED_BEFORE: Final = timedelta(minutes=5)
#: A replaced key is published this long, so that every session opened under it can end by itself.
PUBLISHED_AFTER: Final = timedelta(hours=5)
_OWNER = owner_key("identity", "signing-keys")
_SEALED_AS = b"signing-key"
_RELOAD_S = 30.0
_RELOAD_UNKNOWN_S = 2.0
_MAX_TOKEN = 8192

T = TypeVar("T")


class Sign(Protocol):
    """Signs claims with the active key of an algorithm."""

    def __call__(self, algorithm: str, claims: Mapping[str, Any], kind: str = "JWT") -> str:
        """One JWT."""
        ...


class SigningKey(msgspec.Struct, frozen=True):
    """A key pair. ``private`` is a joserfc key."""

    kid: str
    algorithm: str
    private: RSAKey | ECKey
    public_jwk: dict[str, Any]
    signs_from: datetime


class KeyRing:
    """Signs and verifies JWTs. Keys are read from the database every 30 seconds at most."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._keys: list[SigningKey] = []
        self._by_kid: dict[str, SigningKey] = {}
        self._loaded_at = -1e9
        self._lock = asyncio.Lock()

    async def mint(self, make: Callable[[Sign], T]) -> T:
        """What ``make`` returns, given a function that signs claims with the active key of an algorithm.

        ``make`` runs in a worker thread: OpenSSL lets the event loop run on while it signs.
        """
        await self._load()
        active = {algorithm: self._active(algorithm) for algorithm in ALGORITHMS}

        def sign(algorithm: str, claims: Mapping[str, Any], kind: str = "JWT") -> str:
            key = active[algorithm]
            return jwt.encode({"alg": algorithm, "kid": key.kid, "typ": kind}, dict(claims), key.private)

        return await asyncio.to_thread(make, sign)

    async def sign(self, algorithm: str, claims: Mapping[str, Any], kind: str = "JWT") -> str:
        """One JWT. ``kind`` is its ``typ``."""
        return await self.mint(lambda sign: sign(algorithm, claims, kind))

    async def verify(self, token: str) -> dict[str, Any]:
        """The claims of a JWT that this ring signed; dates are not judged here. Raises ``InvalidToken``."""
        if len(token) > _MAX_TOKEN or not token.isascii():
            raise _unreadable()
        await self._load()
        try:
            return self._decode(token)
        except LookupError:
            await self._load(after_s=_RELOAD_UNKNOWN_S)
        try:
            return self._decode(token)
        except LookupError as error:
            raise _unreadable() from error

    def _decode(self, token: str) -> dict[str, Any]:
        def find(obj: Any) -> RSAKey | ECKey:
            headers = obj.headers()
            key = self._by_kid.get(str(headers.get("kid", "")))
            if key is None:
                raise LookupError
            if headers.get("alg") != key.algorithm:
                raise _unreadable()
            return key.private

        try:
            return jwt.decode(token, find, algorithms=list(ALGORITHMS)).claims
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise _unreadable() from error

    async def public_jwks(self) -> dict[str, list[dict[str, Any]]]:
        """The JWK Set to publish: keys about to sign, the signing ones, and those that are being retired."""
        await self._load()
        return {"keys": [key.public_jwk for key in self._keys]}

    async def rotate(self, algorithm: str, *, at_once: bool = False) -> str:
        """Makes a new key for ``algorithm`` and returns its ``kid``.

        It signs five minutes later (``at_once``: now, after a compromise, and older keys are withdrawn at once).
        """
        now = self._base.clock()
        signs_from = now if at_once else now + PUBLISHED_BEFORE
        row = await self._make(algorithm, signs_from)
        async with self._base.database.transaction() as connection:
            await QUERIES["add_key"].execute(connection, **row)
            await QUERIES["retire_keys"].execute(
                connection,
                algorithm=algorithm,
                kid=row["kid"],
                retires_at=now if at_once else signs_from + PUBLISHED_AFTER,
            )
        self._loaded_at = -1e9
        return str(row["kid"])

    def _active(self, algorithm: str) -> SigningKey:
        now = self._base.clock()
        usable = [key for key in self._keys if key.algorithm == algorithm]
        # A clock set back (sandbox) may find no key old enough: the oldest then signs.
        return next((key for key in reversed(usable) if key.signs_from <= now), usable[0])

    async def _load(self, *, after_s: float = _RELOAD_S) -> None:
        if time.monotonic() - self._loaded_at < after_s and self._keys:
            return
        async with self._lock:
            if time.monotonic() - self._loaded_at < after_s and self._keys:
                return
            async with self._base.database.transaction() as connection:
                rows = await QUERIES["list_keys"].rows(connection, now=self._base.clock())
            missing = [name for name in ALGORITHMS if name not in {row["algorithm"] for row in rows}]
            if missing:
                rows = await self._create_missing()
            keys = [
                SigningKey(
                    row["kid"],
                    row["algorithm"],
                    _import(row["algorithm"], await self._base.objects.rings.open(_OWNER, _SEALED_AS, row["sealed"])),
                    msgspec.json.decode(row["public_jwk"]),
                    row["signs_from"],
                )
                for row in rows
            ]
            self._keys, self._by_kid = keys, {key.kid: key for key in keys}
            self._loaded_at = time.monotonic()

    async def _create_missing(self) -> list[Any]:
        now = self._base.clock()
        made = [await self._make(algorithm, now) for algorithm in ALGORITHMS]
        async with self._base.database.transaction() as connection:
            await QUERIES["lock_keys"].execute(connection)
            rows = await QUERIES["list_keys"].rows(connection, now=now)
            present = {row["algorithm"] for row in rows}
            for row in made:
                if row["algorithm"] not in present:
                    await QUERIES["add_key"].execute(connection, **row)
            return await QUERIES["list_keys"].rows(connection, now=now)

    async def _make(self, algorithm: str, signs_from: datetime) -> dict[str, Any]:
        key: RSAKey | ECKey
        if algorithm == "RS256":
            key = await asyncio.to_thread(RSAKey.generate_key, 2048)
        else:
            key = ECKey.generate_key("P-256")
        kid = key.thumbprint()
        public = {**key.as_dict(private=False), "kid": kid, "use": "sig", "alg": algorithm}
        return {
            "kid": kid,
            "algorithm": algorithm,
            "public_jwk": msgspec.json.encode(public).decode(),
            "sealed": await self._base.objects.rings.seal(_OWNER, _SEALED_AS, key.as_pem(private=True)),
            "signs_from": signs_from,
        }


def _import(algorithm: str, pem: bytes) -> RSAKey | ECKey:
    return RSAKey.import_key(pem) if algorithm == "RS256" else ECKey.import_key(pem)


def _unreadable() -> InvalidToken:
    return invalid_token("Le jeton n'est pas signé par ce serveur.", "The token is not signed by this server.")
