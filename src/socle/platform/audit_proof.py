"""What proves that traces are whole: chained hashes, signed heads, and exports that are checked without the base.

The hash of a trace is SHA-256 of the hash before it followed by the SHA-256 of the trace's JSON; the first follows
``GENESIS``, or the head after which older traces were forgotten. So a trace that the reader of an export may not see
is there as its digest, and the chain still proves that nothing else was left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from socle.standards.errors import MalformedInput, Text

GENESIS: Final = bytes(32)


class SignedHead(msgspec.Struct, frozen=True):
    """The head of a chain on a day. ``signature`` is Ed25519 over ``statement()``."""

    patient_key: UUID
    day: date
    sequence: int
    hash: bytes
    signature: bytes

    def statement(self) -> bytes:
        """What is signed."""
        return f"socle-audit|{self.patient_key}|{self.day}|{self.sequence}|{self.hash.hex()}".encode()

    def is_signed_by(self, key: Ed25519PublicKey) -> bool:
        """Whether ``key`` checks the signature."""
        try:
            key.verify(self.signature, self.statement())
        except InvalidSignature:
            return False
        return True


class ExportedTrace(msgspec.Struct, frozen=True, omit_defaults=True):
    """The exact JSON of a trace; or, of one that the reader may not see, its SHA-256 alone (hexadecimal)."""

    text: str = ""
    digest: str = ""


class ChainExport(msgspec.Struct, frozen=True, kw_only=True):
    """All that is needed to check the traces of one patient. ``traces`` are oldest first, the first is ``first``."""

    patient_key: UUID
    public_key: str
    first: int = 1
    traces: list[ExportedTrace]
    heads: list[SignedHead]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found: how many traces there are, for how many a signature vouches, and what is wrong.

    ``day`` is that of the signature; ``forgotten_on`` that of the head with which the export begins, if it does not
    begin with the first trace.
    """

    traces: int
    vouched: int
    hidden: int
    day: date | None
    forgotten_on: date | None
    faults: list[str]


def next_hash(previous: bytes, event: bytes) -> bytes:
    """The hash of the trace ``event`` that follows one whose hash is ``previous``."""
    return link(previous, hashlib.sha256(event).digest())


def link(previous: bytes, digest: bytes) -> bytes:
    """The same, of a trace of which only the digest is known."""
    return hashlib.sha256(previous + digest).digest()


def read_export(content: bytes) -> ChainExport:
    """Reads an export. Raises ``MalformedInput``."""
    try:
        return msgspec.json.decode(content, type=ChainExport)
    except msgspec.MsgspecError as error:
        raise MalformedInput(
            "InvalidAuditExport",
            Text("Ce fichier n'est pas un export de traces.", "This file is no export of traces."),
            remedy=Text(
                "Donnez traces.json, ou l'archive qui le contient.", "Give traces.json, or the archive with it."
            ),
        ) from error


def check_export(export: ChainExport, trusted_key: str = "") -> Check:
    """Whether each signed head is the hash of the traces before it.

    ``trusted_key`` is the base's public key (hexadecimal) got from elsewhere; without it the export's own is used,
    which proves that the file was not changed, not who made it. Raises ``MalformedInput`` when it is no key.
    """
    key = read_key(trusted_key or export.public_key)
    heads, faults = [], []
    for head in export.heads:
        if head.patient_key != export.patient_key:
            faults.append(f"{head.day}: patient")
        elif not head.is_signed_by(key):
            faults.append(f"{head.day}: signature")
        else:
            heads.append(head)
    start = _start(export.first, heads)
    if start is None:
        return _checked(export, [*faults, f"trace {export.first - 1}: unsigned beginning"], [])
    hashes = [start]
    for trace in export.traces:
        hashes.append(link(hashes[-1], _digest(trace)))
    good = []
    for head in heads:
        place = head.sequence - export.first + 1
        if place >= len(hashes):
            faults.append(f"{head.day}: {place - len(hashes) + 1} missing")
        elif place >= 0 and hashes[place] != head.hash:
            faults.append(f"{head.day}: altered")
        else:
            good.append(head)
    return _checked(export, faults, good)


def read_key(text: str) -> Ed25519PublicKey:
    """The public key written in hexadecimal. Raises ``MalformedInput``."""
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text.strip()))
    except ValueError as error:
        raise MalformedInput(
            "InvalidAuditKey",
            Text("La clé publique est de 64 chiffres hexadécimaux.", "The public key is 64 hexadecimal digits."),
        ) from error


def _start(first: int, heads: Sequence[SignedHead]) -> bytes | None:
    """The hash before the first trace: none at the beginning of the chain, else that of the head left there."""
    if first == 1:
        return GENESIS
    return next((head.hash for head in heads if head.sequence == first - 1), None)


def _digest(trace: ExportedTrace) -> bytes:
    if trace.text:
        return hashlib.sha256(trace.text.encode()).digest()
    try:
        return bytes.fromhex(trace.digest)
    except ValueError:
        return b""


def _checked(export: ChainExport, faults: list[str], good: list[SignedHead]) -> Check:
    last = max(good, key=lambda head: head.sequence, default=None)
    return Check(
        traces=len(export.traces),
        vouched=max(0, last.sequence - export.first + 1) if last is not None else 0,
        hidden=sum(1 for trace in export.traces if not trace.text),
        day=last.day if last is not None else None,
        forgotten_on=next((head.day for head in good if head.sequence == export.first - 1), None),
        faults=faults,
    )
