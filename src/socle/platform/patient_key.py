"""The key by which a patient's rows are found and distributed."""

from __future__ import annotations

import hashlib
from uuid import UUID

from socle.standards.ids.ins import Ins


def patient_key(ins: Ins) -> UUID:
    """The key of ``ins``: the same for the same matricule and authority, on every machine.

    It is derived, not drawn, so that a request finds its shard without asking anything.
    It is a pseudonym, not a secret.

    >>> patient_key(Ins("284076938304258", "1.2.250.1.213.1.4.10"))
    UUID('d888bfba-9752-048e-2ae8-57284d1206ae')
    """
    text = f"{ins.oid}|{ins.matricule}".encode()
    return UUID(bytes=hashlib.blake2b(text, digest_size=16, person=b"socle-patient").digest())


def owner_key(kind: str, identifier: str) -> UUID:
    """The key of something that owns rows or objects but is not a patient (a mailbox, an account).

    >>> owner_key("mailbox", "a@b") == owner_key("account", "a@b")
    False
    """
    return UUID(bytes=hashlib.blake2b(f"{kind}|{identifier}".encode(), digest_size=16, person=b"socle-owner").digest())
