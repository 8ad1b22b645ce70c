"""Secrets at rest: AES-256-GCM under a data key that the master key wraps, bound to their owner."""

from __future__ import annotations

import secrets
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from socle.platform.keys import KeyRings

_NONCE = 12


async def seal(rings: KeyRings, owner: UUID, content: bytes) -> bytes:
    """``content`` encrypted: key version (2 bytes), nonce (12), ciphertext. Call it outside a transaction."""
    version, key = await rings.current(owner)
    nonce = secrets.token_bytes(_NONCE)
    return version.to_bytes(2, "big") + nonce + AESGCM(key).encrypt(nonce, content, owner.bytes)


async def unseal(rings: KeyRings, owner: UUID, sealed: bytes) -> bytes:
    """The content. Raises ``InvalidTag`` if it was altered, ``LookupError`` if its key was destroyed."""
    key = await rings.find(owner, int.from_bytes(sealed[:2], "big"))
    if key is None:
        raise LookupError("the key of a sealed secret was destroyed")
    return AESGCM(key).decrypt(sealed[2 : 2 + _NONCE], sealed[2 + _NONCE :], owner.bytes)
