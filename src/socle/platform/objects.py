"""Documents as encrypted, content-addressed objects, on disk or on S3.

The address of a content is its BLAKE2b under the owner's index key: the same content has the same address for the same
owner, and tells nothing without the key. The stored form is that of ``Ring.seal``, bound to the address.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Protocol
from urllib.parse import urlparse
from uuid import UUID

import msgspec
import obstore
from obstore.store import MemoryStore, ObjectStore, from_url

from socle.platform.database import Connection
from socle.platform.keys import KeyRings, Ring, Unreadable
from socle.platform.threads import off_loop

#: Objects written together: as many sealed contents are in memory at a time.
_TOGETHER = 8


class DamagedObject(Exception):
    """An object is missing or its bytes are not what was written: storage is at fault, not the request."""


class StoredObject(msgspec.Struct, frozen=True):
    """Where and since when an object is stored. ``path`` is ``{2 hex}/{owner}/{address}``, ``age_s`` in seconds."""

    path: str
    age_s: float

    @property
    def owner(self) -> UUID:
        """The owner, read from the path."""
        return UUID(self.path.split("/")[1])

    @property
    def address(self) -> str:
        """The address, read from the path."""
        return self.path.split("/")[2]


class ObjectBackend(Protocol):
    """What a place for objects must do. ``put`` returns once all of ``objects``, by path, are durable."""

    async def put(self, objects: Mapping[str, bytes]) -> None: ...  # noqa: D102
    async def get(self, path: str) -> bytes | None: ...  # noqa: D102
    async def delete(self, path: str) -> None: ...  # noqa: D102
    def list(self) -> AsyncIterator[StoredObject]: ...  # noqa: D102


class FileObjects:
    """Objects as files. A written object is on disk, and so is its directory entry, before ``put`` returns."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def put(self, objects: Mapping[str, bytes]) -> None:
        """Writes, syncs and renames in a thread."""
        await asyncio.to_thread(self._write_all, objects)

    def _write_all(self, objects: Mapping[str, bytes]) -> None:
        folders = {path.rpartition("/")[0] for path in objects}
        directories = [self._root / folder for folder in folders]
        for directory in directories:
            if not directory.exists():
                self._make_directory(directory)
        for path, content in objects.items():
            _write(f"{self._root}/{path}", content)
        for directory in directories:
            _sync_directory(directory)

    def _make_directory(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        for parent in (directory.parent, self._root):
            _sync_directory(parent)

    async def get(self, path: str) -> bytes | None:
        """The bytes, or ``None``."""
        try:
            return await asyncio.to_thread((self._root / path).read_bytes)
        except FileNotFoundError:
            return None

    async def delete(self, path: str) -> None:
        """Removes the file if it is there."""
        await asyncio.to_thread((self._root / path).unlink, True)

    async def list(self) -> AsyncIterator[StoredObject]:
        """All objects, files of unfinished writes left out."""
        for item in await asyncio.to_thread(lambda: list(self._walk())):
            yield item

    def _walk(self) -> Iterator[StoredObject]:
        now = time.time()
        for path in self._root.glob("??/*/*"):
            if not path.name.startswith("."):
                yield StoredObject(str(path.relative_to(self._root)), now - path.stat().st_mtime)


def _write(path: str, content: bytes) -> None:
    """Puts ``content`` at ``path`` whole or not at all, on disk but for its directory entry."""
    folder, _, name = path.rpartition("/")
    temporary = f"{folder}/.{name}.{secrets.token_hex(4)}"
    try:
        # Unbuffered: the bytes go to the kernel in one call, as they are.
        with open(temporary, "xb", buffering=0) as file:
            _write_whole(file, content)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _write_whole(file: FileIO, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class RemoteObjects:
    """Objects in S3, Azure, Google or memory, through obstore."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def put(self, objects: Mapping[str, bytes]) -> None:
        """Returns once the service acknowledged."""
        async with asyncio.TaskGroup() as group:
            for path, content in objects.items():
                group.create_task(self._put(path, content))

    async def _put(self, path: str, content: bytes) -> None:
        await obstore.put_async(self._store, path, content)

    async def get(self, path: str) -> bytes | None:
        """The bytes, or ``None``."""
        try:
            result = await obstore.get_async(self._store, path)
        except FileNotFoundError:
            return None
        return bytes(await result.bytes_async())

    async def delete(self, path: str) -> None:
        """Removes the object if it is there."""
        try:
            await obstore.delete_async(self._store, path)
        except FileNotFoundError:
            return

    async def list(self) -> AsyncIterator[StoredObject]:
        """All objects."""
        now = time.time()
        async for chunk in obstore.list(self._store):
            for item in chunk:
                yield StoredObject(item["path"], now - item["last_modified"].timestamp())


def open_backend(url: str, directory: Path) -> ObjectBackend:
    """The backend of ``url`` (``s3://…``, any that obstore knows, ``memory://``); if empty, files in ``directory``."""
    if not url:
        return FileObjects(directory)
    if urlparse(url).scheme == "memory":
        return RemoteObjects(MemoryStore())
    return RemoteObjects(from_url(url))


class ObjectVault:
    """Encrypts what it stores under the owner's key and checks what it reads."""

    def __init__(self, backend: ObjectBackend, rings: KeyRings) -> None:
        self.backend = backend
        self.rings = rings

    async def put(self, owner: UUID, content: bytes) -> str:
        """Stores ``content`` durably and returns its address. See ``put_all``."""
        return (await self.put_all(owner, [content]))[0]

    async def put_all(self, owner: UUID, contents: Sequence[bytes], ring: Ring | None = None) -> list[str]:
        """Stores ``contents`` durably; their addresses, in order. Call it before the transaction that refers to them.

        If that transaction does not commit, they are orphans that a sweep removes later. Give the ``ring`` of an owner
        whose keys may have been destroyed and made anew: those that the process remembers may be the former ones.
        """
        ring = ring or await self.rings.ring(owner)
        addresses: list[str] = []
        for start in range(0, len(contents), _TOGETHER):
            batch = contents[start : start + _TOGETHER]
            seal_batch = partial(_address_and_seal, ring, batch)
            sealed = await off_loop(sum(map(len, batch)), seal_batch)
            await self.backend.put({_path(owner, address): content for address, content in sealed})
            addresses += [address for address, _ in sealed]
        return addresses

    async def get(self, owner: UUID, address: str, connection: Connection | None = None) -> bytes:
        """The content at ``address``, checked. ``connection`` is used if the key is to be read from the database.

        Raises ``DamagedObject`` if it is missing, altered, or its key was destroyed.
        """
        sealed = await self.backend.get(_path(owner, address))
        if sealed is None:
            raise DamagedObject(f"object {address} is missing")
        try:
            return await self.rings.open(owner, address.encode(), sealed, connection)
        except Unreadable as error:
            raise DamagedObject(f"object {address}: {error}") from error

    async def delete(self, owner: UUID, address: str) -> None:
        """Removes an object to which no row refers."""
        await self.backend.delete(_path(owner, address))


def _path(owner: UUID, address: str) -> str:
    return f"{owner.hex[:2]}/{owner}/{address}"


def _address_and_seal(ring: Ring, contents: Sequence[bytes]) -> list[tuple[str, bytes]]:
    addresses = [hashlib.blake2b(content, digest_size=32, key=ring.index_key).hexdigest() for content in contents]
    return [
        (address, ring.seal(address.encode(), content)) for address, content in zip(addresses, contents, strict=True)
    ]
