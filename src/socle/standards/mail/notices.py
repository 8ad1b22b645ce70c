"""What comes back about a message: delivery reports (DSN), read receipts (MDN), and bounces in plain words.

Source: RFC 3461, 3464, 6522 (DSN); RFC 8098 (MDN); ENS "Messagerie" v1.3 §6 (bounces of Mon espace santé).
"""

from __future__ import annotations

import re
from datetime import datetime
from email import policy
from email.message import EmailMessage, Message
from email.utils import format_datetime
from enum import StrEnum

import msgspec

from socle.standards.errors import Text
from socle.standards.mail.address import Address
from socle.standards.mail.read import decode_text, leaves, message_ids, read_header
from socle.standards.mail.structure import Part, parse_header, scan

_SMTP = policy.SMTP.clone(max_line_length=200)


class DeliveryAction(StrEnum):
    """What happened to a message for one recipient (RFC 3464 §2.3.3)."""

    DELIVERED = "delivered"
    FAILED = "failed"
    DELAYED = "delayed"
    RELAYED = "relayed"
    EXPANDED = "expanded"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The fate of a message for one recipient. ``status`` is an enhanced code, ``diagnostic`` an SMTP reply."""

    recipient: str
    action: DeliveryAction
    status: str
    diagnostic: str = ""
    original_recipient: str = ""
    remote_server: str = ""


class DeliveryReport(msgspec.Struct, frozen=True, kw_only=True):
    """A DSN. ``original_message_id`` comes from the headers given back."""

    reporting_server: str
    outcomes: tuple[Outcome, ...]
    envelope_id: str = ""
    original_message_id: str = ""
    text: str = ""


class Disposition(StrEnum):
    """What a reader did with a message (RFC 8098 §3.2.6)."""

    DISPLAYED = "displayed"
    PROCESSED = "processed"
    DISPATCHED = "dispatched"
    DELETED = "deleted"
    FAILED = "failed"
    DENIED = "denied"


class ReadReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """An MDN. ``error`` is the ``code^label`` of a failed integration, as the volets write it."""

    final_recipient: str
    disposition: Disposition
    original_message_id: str = ""
    original_recipient: str = ""
    is_automatic: bool = False
    error: str = ""
    text: str = ""


class BounceCause(StrEnum):
    """Why a citizen's box did not take a message."""

    CLOSED = "CLOSED"
    NOT_FOUND = "NOT_FOUND"
    BAD_ADDRESS = "BAD_ADDRESS"
    TOO_BIG = "TOO_BIG"
    OTHER = "OTHER"


#: Enhanced code, then the sentence that the sender reads.
CAUSES: dict[BounceCause, tuple[str, Text]] = {
    BounceCause.CLOSED: (
        "5.2.1",
        Text("Le patient a fermé sa messagerie.", "The patient closed their mailbox."),
    ),
    BounceCause.NOT_FOUND: (
        "5.1.1",
        Text(
            "Aucun espace santé ouvert ne correspond à cette adresse : le patient n'a pas été trouvé.",
            "No open health space matches this address: the patient was not found.",
        ),
    ),
    BounceCause.BAD_ADDRESS: (
        "5.1.3",
        Text(
            "L'adresse n'est pas valide : vérifiez le matricule INS (15 caractères) et sa clé.",
            "The address is not valid: check the INS matricule (15 characters) and its key.",
        ),
    ),
    BounceCause.TOO_BIG: (
        "5.3.4",
        Text("Le message dépasse la taille admise de 25 Mo.", "The message exceeds the accepted size of 25 MB."),
    ),
    BounceCause.OTHER: ("5.0.0", Text("Le message n'a pas pu être remis.", "The message could not be delivered.")),
}

#: Words of bounce texts, tried in order.
_KEYWORDS = (
    (BounceCause.TOO_BIG, ("taille", "too large", "trop volumineu", "size limit", "5.3.4", "25 mo")),
    (BounceCause.CLOSED, ("fermé", "ferme sa messagerie", "closed", "désactivé", "5.2.1")),
    (BounceCause.BAD_ADDRESS, ("adresse n'est pas valide", "adresse invalide", "invalid address", "5.1.3")),
    (BounceCause.NOT_FOUND, ("pas été trouvé", "introuvable", "not found", "inconnu", "unknown", "5.1.1")),
)


def compose_delivery_report(
    report: DeliveryReport,
    *,
    sender: Address,
    to: str,
    date: datetime,
    message_id: str,
    original_header: bytes,
    subject: str = "Undelivered Mail Returned to Sender",
) -> bytes:
    """A DSN (``multipart/report``) that gives back the header of the original. Its envelope sender must be null."""
    human = _report(
        "delivery-status", sender=sender, to=to, date=date, message_id=message_id, subject=subject, text=report.text
    )
    status = EmailMessage(policy=_SMTP)
    status["Content-Type"] = "message/delivery-status"
    groups = [{"Reporting-MTA": f"dns; {report.reporting_server}", "Original-Envelope-Id": report.envelope_id}]
    groups += [
        {
            "Original-Recipient": outcome.original_recipient,
            "Final-Recipient": f"rfc822; {outcome.recipient}",
            "Action": outcome.action.value,
            "Status": outcome.status,
            "Remote-MTA": f"dns; {outcome.remote_server}" if outcome.remote_server else "",
            "Diagnostic-Code": f"smtp; {outcome.diagnostic}" if outcome.diagnostic else "",
        }
        for outcome in report.outcomes
    ]
    status.set_payload([_fields(group) for group in groups])
    human.attach(status)
    human.attach(_returned("text/rfc822-headers", original_header))
    return human.as_bytes()


def compose_read_receipt(
    receipt: ReadReceipt, *, sender: Address, to: str, subject: str, date: datetime, message_id: str, original: bytes
) -> bytes:
    """An MDN that gives back the header of the original. It never asks for a receipt itself."""
    human = _report(
        "disposition-notification",
        sender=sender,
        to=to,
        date=date,
        message_id=message_id,
        subject=subject,
        text=receipt.text,
    )
    mode = "automatic-action/MDN-sent-automatically" if receipt.is_automatic else "manual-action/MDN-sent-manually"
    error = f"/Error: {receipt.error}" if receipt.error else ""
    notice = EmailMessage(policy=_SMTP)
    notice["Content-Type"] = "message/disposition-notification"
    notice.set_payload(
        [
            _fields(
                {
                    "Original-Recipient": receipt.original_recipient,
                    "Final-Recipient": f"rfc822; {receipt.final_recipient}",
                    "Original-Message-ID": receipt.original_message_id,
                    "Disposition": f"{mode}; {receipt.disposition.value}{error}",
                }
            )
        ]
    )
    human.attach(notice)
    human.attach(_returned("text/rfc822-headers", original))
    return human.as_bytes()


def read_notice(message: bytes) -> DeliveryReport | ReadReceipt | None:
    """The report or receipt that ``message`` is, or ``None`` for an ordinary message."""
    root = scan(message)
    parts = leaves(root)
    text = next((decode_text(message, part) for part in parts if part.content_type == "text/plain"), "")
    for part in parts:
        if part.content_type == "message/delivery-status":
            return _read_delivery(message, part, parts, text)
        if part.content_type == "message/disposition-notification":
            return _read_disposition(message, part, text)
    return None


def bounce_cause(message: bytes) -> BounceCause | None:
    """Why ``message`` says that it could not be delivered, or ``None`` when it is no bounce of Mon espace santé."""
    root = scan(message)
    mail = read_header(message[root.start : root.body])
    author = mail.sender.address.local if mail.sender else ""
    titles = ("message non distribué", "undelivered mail returned to sender")
    if author not in {"", "mailer-daemon", "postmaster"} or not any(t in mail.subject.lower() for t in titles):
        return None
    body = "\n".join(decode_text(message, part) for part in leaves(root) if part.type in {"text", "message"}).lower()
    return next((cause for cause, words in _KEYWORDS if any(word in body for word in words)), BounceCause.OTHER)


def _report(
    kind: str, *, sender: Address, to: str, date: datetime, message_id: str, subject: str, text: str
) -> EmailMessage:
    message = EmailMessage(policy=_SMTP)
    message["Date"] = format_datetime(date)
    message["Message-ID"] = message_id
    message["From"] = str(sender)
    message["To"] = to
    message["Subject"] = " ".join(subject.split())
    message["Auto-Submitted"] = "auto-replied"
    message["Content-Type"] = f"multipart/report; report-type={kind}"
    body = EmailMessage(policy=_SMTP)
    body.set_content(text, charset="utf-8", cte="quoted-printable")
    del body["MIME-Version"]
    message["MIME-Version"] = "1.0"
    message.set_payload([body])
    return message


def _fields(values: dict[str, str]) -> Message:
    # Legacy policy: structured report fields are not folded nor encoded.
    group = Message()
    for name, value in values.items():
        if value:
            group[name] = " ".join(value.encode("ascii", "replace").decode().split())[:900]
    return group


def _returned(content_type: str, original: bytes) -> EmailMessage:
    part = EmailMessage(policy=_SMTP)
    part["Content-Type"] = content_type
    part.set_payload(original.decode("ascii", "replace").replace("\r\n", "\n"))
    return part


def _groups(message: bytes, part: Part) -> list[Message]:
    body = message[part.body : part.end]
    return [parse_header(chunk.strip() + b"\r\n\r\n") for chunk in re.split(rb"\r?\n\r?\n", body) if chunk.strip()][
        :500
    ]


def _read_delivery(message: bytes, part: Part, parts: list[Part], text: str) -> DeliveryReport:
    general: dict[str, str] = {}
    outcomes = []
    for group in _groups(message, part):
        values = {name.lower(): _value(group, name) for name in group.keys()}  # noqa: SIM118
        if "final-recipient" not in values:
            general |= values
            continue
        action = values.get("action", "").lower()
        outcomes.append(
            Outcome(
                recipient=_typed(values["final-recipient"]),
                action=DeliveryAction(action) if action in set(DeliveryAction) else DeliveryAction.FAILED,
                status=values.get("status", "").split(" ")[0],
                diagnostic=_typed(values.get("diagnostic-code", "")),
                original_recipient=values.get("original-recipient", ""),
                remote_server=_typed(values.get("remote-mta", "")),
            )
        )
    returned = next((item for item in parts if item.content_type in {"text/rfc822-headers", "message/rfc822"}), None)
    original = parse_header(message[returned.body : returned.end][:65536]) if returned else Message()
    return DeliveryReport(
        reporting_server=_typed(general.get("reporting-mta", "")),
        envelope_id=general.get("original-envelope-id", ""),
        outcomes=tuple(outcomes),
        original_message_id=next(iter(message_ids(_value(original, "Message-ID"))), ""),
        text=text,
    )


def _read_disposition(message: bytes, part: Part, text: str) -> ReadReceipt:
    groups = _groups(message, part)
    values = {name.lower(): _value(group, name) for group in groups for name in group.keys()}  # noqa: SIM118
    mode, _, action = values.get("disposition", "").partition(";")
    kind, _, modifier = action.strip().partition("/")
    error = values.get("error", "")
    if modifier.lower().startswith("error"):
        error = error or modifier.partition(":")[2].strip() or "error"
    return ReadReceipt(
        final_recipient=_typed(values.get("final-recipient", "")),
        original_recipient=_typed(values.get("original-recipient", "")),
        original_message_id=next(iter(message_ids(values.get("original-message-id", ""))), ""),
        disposition=Disposition(kind.lower()) if kind.lower() in set(Disposition) else Disposition.PROCESSED,
        is_automatic=mode.strip().lower().startswith("automatic"),
        error=error,
        text=text,
    )


def _value(group: Message, name: str) -> str:
    return " ".join(str(group.get(name, "")).split())


def _typed(value: str) -> str:
    """The value after its type (``rfc822; a@b``)."""
    return value.partition(";")[2].strip() if ";" in value else value
