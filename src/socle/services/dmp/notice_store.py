"""Runs the statements on notices and on where they are sent. Decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID, uuid5

import msgspec

from socle.platform.actor import ActorKind
from socle.platform.database import Connection, Queries
from socle.services.dmp.domain import Notice, NoticeKind

QUERIES: Final = Queries("socle.services.dmp", "notices.sql")


class StoredContact(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``dmp_contact``; ``address`` is sealed."""

    patient_key: UUID
    account_id: str
    actor_kind: ActorKind
    address: bytes
    kinds: frozenset[NoticeKind]
    language: str
    verified_at: datetime | None
    refused_at: datetime | None
    code_sha256: bytes | None
    code_sent_at: datetime | None
    codes_sent: int
    wrong_codes: int


def notice_id(patient_key: UUID, dedupe_key: str) -> UUID:
    """The name of a notice: the same for what is told but once."""
    return uuid5(patient_key, dedupe_key)


async def add_notice(
    connection: Connection,
    patient_key: UUID,
    kind: NoticeKind,
    text: tuple[str, str],
    at: datetime,
    *,
    dedupe_key: str,
    recipient_id: str = "",
    sealed_words: bytes = b"",
) -> list[str]:
    """Something to tell, once for each ``dedupe_key``. ``text`` is French and English.

    ``sealed_words`` follow it. Returns to which accounts to send.
    """
    rows = await QUERIES["add_notice"].rows(
        connection,
        patient_key=patient_key,
        notice_id=notice_id(patient_key, dedupe_key),
        dedupe_key=dedupe_key,
        kind=kind.value,
        at=at,
        recipient_id=recipient_id,
        text_fr=text[0],
        text_en=text[1],
        sealed_words=sealed_words,
    )
    return [row["account_id"] for row in rows]


async def list_notices(
    connection: Connection, patient_key: UUID, count: int, recipient_id: str = ""
) -> list[tuple[Notice, bytes]]:
    """What one recipient was told, newest first, each with the sealed words that follow it."""
    rows = await QUERIES["list_notices"].rows(
        connection, patient_key=patient_key, recipient_id=recipient_id, count=count
    )
    return [
        (
            Notice(
                id=row["notice_id"],
                patient_key=row["patient_key"],
                kind=NoticeKind(row["kind"]),
                at=row["at"],
                text_fr=row["text_fr"],
                text_en=row["text_en"],
                recipient_id=row["recipient_id"],
            ),
            row["sealed_words"],
        )
        for row in rows
    ]


async def find_contact(connection: Connection, patient_key: UUID, account_id: str) -> StoredContact | None:
    """Where one account wants to be told about a record."""
    row = await QUERIES["find_contact"].row(connection, patient_key=patient_key, account_id=account_id)
    return msgspec.convert(dict(row), StoredContact) if row is not None else None


async def put_contact(
    connection: Connection, contact: StoredContact, *, code_sha256: bytes, now: datetime
) -> StoredContact:
    """Puts an address to be verified in place of the one before; gives back the row, its counter of codes included."""
    await QUERIES["put_contact"].execute(
        connection,
        patient_key=contact.patient_key,
        account_id=contact.account_id,
        actor_kind=contact.actor_kind.value,
        address=contact.address,
        kinds=_values(contact.kinds),
        language=contact.language,
        code_sha256=code_sha256,
        now=now,
    )
    stored = await find_contact(connection, contact.patient_key, contact.account_id)
    assert stored is not None
    return stored


async def choose_kinds(
    connection: Connection, patient_key: UUID, account_id: str, kinds: frozenset[NoticeKind], language: str
) -> None:
    """Of what the account wants to be told, and in which language."""
    await QUERIES["choose_kinds"].execute(
        connection, patient_key=patient_key, account_id=account_id, kinds=_values(kinds), language=language
    )


async def take_deliveries(
    connection: Connection, patient_key: UUID, account_id: str, now: datetime
) -> list[tuple[UUID, NoticeKind]]:
    """What waits to be sent to the account: id and kind. It is taken: nobody else sends it."""
    rows = await QUERIES["take_deliveries"].rows(connection, patient_key=patient_key, account_id=account_id, now=now)
    return [(row["notice_id"], NoticeKind(row["kind"])) for row in rows]


async def give_back_deliveries(
    connection: Connection, patient_key: UUID, account_id: str, notice_ids: Sequence[UUID]
) -> None:
    """What surely did not leave waits again."""
    await QUERIES["give_back_deliveries"].execute(
        connection, patient_key=patient_key, account_id=account_id, notice_ids=list(notice_ids)
    )


async def delete_contacts(connection: Connection, patient_key: UUID) -> None:
    """Deletes where it was told what happens in a record: nothing is sent about it any more."""
    for name in ("delete_deliveries", "delete_contacts"):
        await QUERIES[name].execute(connection, patient_key=patient_key)


async def delete_notices(connection: Connection, patient_key: UUID) -> None:
    """Deletes all that was told about a record, and where."""
    await QUERIES["delete_notices"].execute(connection, patient_key=patient_key)
    await delete_contacts(connection, patient_key)


def _values(kinds: frozenset[NoticeKind]) -> list[str]:
    return sorted(kind.value for kind in kinds)
