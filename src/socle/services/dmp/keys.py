"""Names and tokens by which objects of the registry are found: pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from uuid import UUID

from socle.standards.xds.model import Code, DocumentEntry


@lru_cache(maxsize=4096)
def to_uuid(text: str) -> UUID | None:
    """The UUID of ``urn:uuid:…`` (the prefix may be missing), or ``None``.

    >>> to_uuid("urn:uuid:0a1b2c3d-0000-4000-8000-00000000000a")
    UUID('0a1b2c3d-0000-4000-8000-00000000000a')
    >>> to_uuid("Document01") is None
    True
    """
    try:
        return UUID(text.removeprefix("urn:uuid:"))
    except ValueError:
        return None


def to_urn(uuid: UUID) -> str:
    """``urn:uuid:`` and the UUID."""
    return f"urn:uuid:{uuid}"


def locator(identifier: str) -> UUID:
    """The key of a uniqueId in the locator table; a UUID is its own key."""
    return to_uuid(identifier) or UUID(bytes=hashlib.blake2b(identifier.encode(), digest_size=16).digest())


@lru_cache(maxsize=4096)
def token(kind: str, value: str) -> int:
    """A signed 64-bit hash of ``kind|value``: by it a code is found without its text being indexed."""
    return int.from_bytes(hashlib.blake2b(f"{kind}|{value}".encode(), digest_size=8).digest(), "big", signed=True)


def type_key(code: Code) -> str:
    """``code^^system``, as the matrix writes it."""
    return f"{code.code}^^{code.system}"


def code_tokens(kind: str, codes: Iterable[Code]) -> list[int]:
    """Tokens of codes to be found: with their system, and without."""
    return [token(kind, text) for code in codes for text in (type_key(code), code.code)]


def sought_tokens(kind: str, codes: Iterable[Code]) -> list[int]:
    """Tokens of codes that are sought: with their system if they say one."""
    return [token(kind, type_key(code) if code.system else code.code) for code in codes]


def _reference_tokens(reference_ids: Iterable[str]) -> list[int]:
    return [token("reference", text) for cxi in reference_ids for text in {cxi, cxi.partition("^")[0]}]


def entry_tokens(entry: DocumentEntry) -> list[int]:
    """The tokens by which ``entry`` is found."""
    return [
        *code_tokens("class", (entry.class_code,)),
        *code_tokens("type", (entry.type_code,)),
        *code_tokens("format", (entry.format_code,)),
        *code_tokens("setting", (entry.practice_setting_code,)),
        *code_tokens("facility", (entry.healthcare_facility_type_code,)),
        *code_tokens("event", entry.event_codes),
        *code_tokens("confidentiality", entry.confidentiality_codes),
        *_reference_tokens(entry.reference_ids),
    ]
