"""Master keys, and the data keys that they wrap: one ring of data keys for each patient (or mailbox).

A data key never leaves the process unwrapped. Deleting a ring makes its owner's objects unreadable for ever.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections import OrderedDict
from datetime import datetime
from pathlib import Path
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from socle.platform.database import Connection, Database, Queries

QUERIES = Queries("socle.platform", "keys.sql")

_CACHED_KEYS = 10_000
_MAGIC = b"S1"
_HEADER = len(_MAGIC) + 2 + 12


class MasterKey(msgspec.Struct, frozen=True):
    """A 256-bit key that wraps data keys. ``id`` names it in the wrapped form."""

    id: str
    key: bytes


class MasterKeys:
    """The master keys in order of age: the last wraps, all unwrap."""

    def __init__(self, keys: tuple[MasterKey, ...]) -> None:
        self.active = keys[-1]
        self._by_id = {key.id: key for key in keys}

    @classmethod
    def load(cls, path: Path) -> MasterKeys:
        """The keys of the file ``path`` (JSON, mode 600), created with one key if it does not exist."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write(path, (_new_key(),))
        return cls(tuple(msgspec.json.decode(path.read_bytes(), type=list[MasterKey])))

    @classmethod
    def rotate(cls, path: Path) -> MasterKeys:
        """Adds a new active key to the file. Wrapped data keys are re-wrapped by ``KeyRings.rewrap``."""
        keys = (*msgspec.json.decode(path.read_bytes(), type=list[MasterKey]), _new_key())
        _write(path, keys)
        return cls(keys)

    def wrap(self, data_key: bytes) -> bytes:
        """``data_key`` wrapped (RFC 3394) by the active key."""
        return aes_key_wrap(self.active.key, data_key)

    def unwrap(self, master_id: str, wrapped: bytes) -> bytes:
        """The data key. Raises ``KeyError`` if the master key is not in the file."""
        return aes_key_unwrap(self._by_id[master_id].key, wrapped)


def _new_key() -> MasterKey:
    return MasterKey(base64.b32encode(secrets.token_bytes(5)).decode().lower(), secrets.token_bytes(32))


def _write(path: Path, keys: tuple[MasterKey, ...]) -> None:
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(keys))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


class Unreadable(Exception):
    """Sealed bytes are not what was sealed: storage is at fault, not the request."""


class Ring(msgspec.Struct, frozen=True):
    """The keys with which one owner's content is sealed. It asks the database for nothing."""

    owner: UUID
    version: int
    key: bytes
    #: Stays the same as long as the ring lives, to index what is encrypted (blind index).
    index_key: bytes

    def seal(self, context: bytes, content: bytes) -> bytes:
        """``content`` encrypted (AES-256-GCM), bound to the owner and to ``context``.

        The form is ``b"S1"``, key version (2 bytes), nonce (12 bytes), ciphertext.
        """
        nonce = secrets.token_bytes(12)
        body = AESGCM(self.key).encrypt(nonce, content, self.owner.bytes + context)
        return _MAGIC + self.version.to_bytes(2, "big") + nonce + body


def unseal(owner: UUID, key: bytes, context: bytes, sealed: bytes) -> bytes:
    """The pure part of ``KeyRings.open``."""
    try:
        return AESGCM(key).decrypt(sealed[4:_HEADER], sealed[_HEADER:], owner.bytes + context)
    except InvalidTag as error:
        raise Unreadable("it was altered") from error


class KeyRings:
    """The data keys of all owners, kept wrapped in the table ``key_ring``; recently used ones are cached unwrapped."""

    def __init__(self, database: Database, masters: MasterKeys) -> None:
        self._database = database
        self._masters = masters
        self._cache: OrderedDict[tuple[UUID, int], bytes] = OrderedDict()
        self._current: dict[UUID, int] = {}
        self._lives: dict[UUID, datetime] = {}

    async def ring(self, owner: UUID, connection: Connection | None = None, *, life: datetime | None = None) -> Ring:
        """The keys with which new content of ``owner`` is sealed, created at first use.

        With a ``connection`` they are read there and not remembered: another process may have destroyed the ring since,
        and a new one have begun. In a transaction they are created there too, so that it waits for no second
        connection, and what it seals commits with its key or not at all.

        ``life`` (outside a transaction) is when what the keys protect began: keys remembered of the same life are good.
        """
        version = self._current.get(owner)
        is_good = connection is None or (life is not None and self._lives.get(owner) == life)
        if is_good and version is not None and (owner, version) in self._cache:
            key = self._cache[owner, version]
        elif connection is None:
            async with self._database.connection() as own:
                version, key = await self._find_or_add(own, owner)
            self._current[owner] = version
            self._remember(owner, version, key)
        else:
            version, key = await self._find_or_add(connection, owner)
            if self._cache.get((owner, version), key) != key:
                self._forget(owner)
            if life is not None:
                self._current[owner], self._lives[owner] = version, life
                self._remember(owner, version, key)
        first = key if version == 1 else await self.find(owner, 1, connection)
        assert first is not None
        return Ring(owner, version, key, hashlib.blake2b(b"index", key=first, digest_size=32).digest())

    async def _find_or_add(self, connection: Connection, owner: UUID) -> tuple[int, bytes]:
        row = await QUERIES["find_current_key"].row(connection, patient_key=owner)
        if row is None:
            await QUERIES["add_first_key"].execute(
                connection,
                patient_key=owner,
                master_id=self._masters.active.id,
                wrapped=self._masters.wrap(secrets.token_bytes(32)),
            )
            row = await QUERIES["find_current_key"].row(connection, patient_key=owner)
        assert row is not None
        return row["version"], self._masters.unwrap(row["master_id"], row["wrapped"])

    async def find(self, owner: UUID, version: int, connection: Connection | None = None) -> bytes | None:
        """The data key ``version`` of ``owner``, or ``None`` when it was destroyed."""
        cached = self._cache.get((owner, version))
        if cached is not None:
            return cached
        if connection is None:
            async with self._database.connection() as own:
                return await self.find(owner, version, own)
        row = await QUERIES["find_key"].row(connection, patient_key=owner, version=version)
        if row is None:
            return None
        return self._remember(owner, version, self._masters.unwrap(row["master_id"], row["wrapped"]))

    async def seal(self, owner: UUID, context: bytes, content: bytes) -> bytes:
        """``content`` sealed by ``ring(owner)``. Call it outside a transaction."""
        return (await self.ring(owner)).seal(context, content)

    async def open(self, owner: UUID, context: bytes, sealed: bytes, connection: Connection | None = None) -> bytes:
        """What ``seal`` was given. Raises ``Unreadable`` if it was altered or moved, or its key destroyed."""
        if len(sealed) < _HEADER or not sealed.startswith(_MAGIC):
            raise Unreadable("no header")
        version = int.from_bytes(sealed[2:4], "big")
        cached = self._cache.get((owner, version))
        if cached is not None:
            try:
                return unseal(owner, cached, context, sealed)
            except Unreadable:
                # Another process may have destroyed the ring, and a new one have begun.
                self._forget(owner)
        key = await self.find(owner, version, connection)
        if key is None:
            raise Unreadable("its key was destroyed")
        return unseal(owner, key, context, sealed)

    async def index_key(self, owner: UUID) -> bytes:
        """The ``index_key`` of ``ring(owner)``. Call it outside a transaction."""
        return (await self.ring(owner)).index_key

    async def destroy(self, connection: Connection, owner: UUID) -> None:
        """Deletes the ring of ``owner`` in the caller's transaction: its objects can never be read again."""
        await QUERIES["delete_ring"].execute(connection, patient_key=owner)
        self._forget(owner)

    def _forget(self, owner: UUID) -> None:
        self._current.pop(owner, None)
        self._lives.pop(owner, None)
        for key in [key for key in self._cache if key[0] == owner]:
            del self._cache[key]

    async def rewrap(self, *, batch: int = 1000) -> int:
        """Wraps by the active master key every data key that an older one wraps; returns how many."""
        done = 0
        while True:
            async with self._database.transaction() as connection:
                rows = await QUERIES["lock_stale_keys"].rows(connection, master_id=self._masters.active.id, count=batch)
                if not rows:
                    return done
                await QUERIES["replace_wrapping"].execute_many(
                    connection,
                    [
                        {
                            "patient_key": row["patient_key"],
                            "version": row["version"],
                            "master_id": self._masters.active.id,
                            "wrapped": self._masters.wrap(self._masters.unwrap(row["master_id"], row["wrapped"])),
                        }
                        for row in rows
                    ],
                )
                done += len(rows)

    def _remember(self, owner: UUID, version: int, key: bytes) -> bytes:
        self._cache[owner, version] = key
        if len(self._cache) > _CACHED_KEYS:
            oldest, _ = self._cache.popitem(last=False)
            self._current.pop(oldest[0], None)
        return key
