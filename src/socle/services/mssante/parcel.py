"""A message between acceptance and commit: what becomes of it for each recipient, and what is traced of it. Pure."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from socle.services.mssante import rules
from socle.services.mssante.domain import Domains, Envelope, Mailbox, Origin, Receipt, Recipient
from socle.services.mssante.store import NewMessage, Trace, trace_hash
from socle.standards.ids.ins import is_valid_matricule
from socle.standards.mail.notices import CAUSES
from socle.standards.mail.read import Mail


class Fates(StrEnum):
    """What may become of a message for one recipient."""

    DELIVERED = "delivered"
    QUEUED = "queued"
    BOUNCED = "bounced"
    #: The recipient has this very message already.
    REPEATED = "repeated"


class Fate(msgspec.Struct, frozen=True):
    """What becomes of a message for one recipient."""

    recipient: Recipient
    kind: Fates
    status: str = ""
    reply: str = ""


class Copy(msgspec.Struct, frozen=True):
    """One recipient's copy, its content durable in the vault."""

    key: UUID
    message: NewMessage


class Notice(msgspec.Struct, frozen=True):
    """What the message says of another that its recipient had sent, under the recipient's own hash."""

    message_hash: bytes
    recipient: str
    kind: str
    outcome: str
    status: str
    reason: str


class Parcel(msgspec.Struct):
    """One message between acceptance and commit."""

    envelope: Envelope
    recipients: tuple[Recipient, ...]
    queue_id: UUID
    fingerprint: bytes
    size_bytes: int
    mail: Mail
    has_document: bool
    header: bytes
    copies: dict[str, Copy]
    queued_object: str
    notices: list[Notice]
    done: asyncio.Future[Receipt]


def decide(
    parcel: Parcel,
    recipient: Recipient,
    boxes: Mapping[str, Mailbox],
    room: dict[str, int],
    fresh: set[tuple[str, bytes, UUID]],
    domains: Domains,
) -> Fate:
    """What becomes of ``parcel`` for ``recipient``; ``room`` is what is left in each box, and is taken from."""
    address = str(recipient.address)
    if (address, parcel.fingerprint, parcel.queue_id) not in fresh:
        return Fate(recipient, Fates.REPEATED)
    if not domains.are_ours(recipient.address.domain):
        return Fate(recipient, Fates.QUEUED)
    box = boxes.get(address)
    if domains.is_citizen(recipient.address):
        cause = rules.judge_citizen_box(
            box, parcel.size_bytes, is_matricule_valid=is_valid_matricule(recipient.address.local.upper())
        )
        if cause is not None:
            return Fate(recipient, Fates.BOUNCED, CAUSES[cause][0], cause.value)
    else:
        check = rules.judge_recipient_box(box, 0)
        if check is not None:
            code, status, text = rules.REPLIES[check]
            return Fate(recipient, Fates.BOUNCED, status, f"{code} {status} {text.en}")
    if parcel.size_bytes > room[address]:
        code, _, text = rules.REPLIES[rules.Check.OVER_QUOTA]
        return Fate(recipient, Fates.BOUNCED, "5.2.2", f"552 5.2.2 {text.en}")
    room[address] -= parcel.size_bytes
    return Fate(recipient, Fates.DELIVERED)


def traces_of(parcel: Parcel, fate: Fate, boxes: Mapping[str, Mailbox], domains: Domains, now: datetime) -> list[Trace]:
    """What the sender's box did, if it is ours, and what the recipient's did, if it is ours."""
    sender, recipient = parcel.envelope.sender, fate.recipient.address
    box = boxes.get(str(recipient))
    sides = []
    if sender is not None and domains.are_ours(sender.domain):
        sides.append(("send", str(sender), parcel.envelope.kind, str(recipient)))
    if domains.are_ours(recipient.domain):
        sides.append(("receive", str(recipient), box.kind.value if box else "", str(sender or "")))
    return [
        Trace(
            happened_at=now,
            action=action,
            mailbox=mailbox,
            kind=kind,
            person_id=parcel.envelope.author if action == "send" else "",
            peer=peer,
            queue_id=parcel.queue_id,
            message_hash=trace_hash(parcel.mail.message_id),
            size_bytes=parcel.size_bytes,
            reply=fate.reply,
            cda_codes=parcel.mail.cda_codes,
            has_ins=parcel.mail.has_ins,
            product=parcel.mail.product,
            is_success=fate.kind is not Fates.BOUNCED,
        )
        for action, mailbox, kind, peer in sides
    ]


def received_line(envelope: Envelope, queue_id: UUID, domain: str, now: datetime) -> bytes:
    """The ``Received`` field that this operator adds."""
    protocol = {Origin.LMTP: "LMTP", Origin.PORTAL: "HTTPS"}.get(
        envelope.origin, "ESMTPSA" if envelope.author else "ESMTP"
    )
    tls = f" ({envelope.tls})" if envelope.tls else ""
    helo = envelope.helo or "localhost"
    source = f"from {helo} ({envelope.client or 'local'}){tls}"
    line = f"Received: {source}\r\n by {domain} with {protocol} id {queue_id.hex};\r\n {format_datetime(now)}\r\n"
    return line.encode("ascii", "replace")


def receipt_of(parcel: Parcel, decided: Sequence[Fate]) -> Receipt:
    """What the sender's door learns."""
    by_kind = {
        kind.value: tuple(str(fate.recipient.address) for fate in decided if fate.kind is kind) for kind in Fates
    }
    return Receipt(parcel.queue_id, **by_kind)
