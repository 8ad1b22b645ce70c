"""What senders are told: delivery reports as they are composed, and what reports and receipts of others say.

Source: RFC 3461, 3464, 8098; ENS "Messagerie" v1.3 §6 ("Message non distribué").
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import uuid4

import msgspec

from socle.platform.settings import Settings
from socle.services.mssante.domain import Envelope
from socle.services.mssante.parcel import Fate, Fates
from socle.standards.mail.address import Address
from socle.standards.mail.notices import (
    CAUSES,
    BounceCause,
    DeliveryAction,
    DeliveryReport,
    Outcome,
    ReadReceipt,
    bounce_cause,
    compose_delivery_report,
    read_notice,
)
from socle.standards.mail.read import read_header
from socle.standards.mail.structure import header_end


class Fact(msgspec.Struct, frozen=True):
    """What came back for one recipient of the message ``original`` (its Message-ID)."""

    original: str
    recipient: str
    #: ``delivery`` or ``receipt``.
    kind: str
    outcome: str
    status: str = ""
    reason: str = ""


class Reporter:
    """Composes the reports of one operator."""

    def __init__(self, settings: Settings) -> None:
        self._domain = settings.mail_domain
        self._postmaster = Address("mailer-daemon", settings.mail_domain)
        self._patient_postmaster = Address("mailer-daemon", settings.patient_mail_domain)

    def owed(self, envelope: Envelope, decided: Sequence[Fate], header: bytes, now: datetime) -> list[bytes]:
        """The reports that the sender of ``envelope`` is owed as soon as its message is taken in."""
        delivered = [
            Outcome(
                recipient=str(fate.recipient.address),
                action=DeliveryAction.DELIVERED,
                status="2.0.0",
                diagnostic="250 2.1.5 Delivered",
                original_recipient=fate.recipient.original_recipient,
            )
            for fate in decided
            if fate.kind is Fates.DELIVERED and "SUCCESS" in fate.recipient.notify
        ]
        reports = [self.report(envelope, delivered, header=header, now=now)] if delivered else []
        for fate in decided:
            notify = fate.recipient.notify
            if fate.kind is Fates.BOUNCED and (not notify or "FAILURE" in notify):
                outcome = Outcome(
                    recipient=str(fate.recipient.address),
                    action=DeliveryAction.FAILED,
                    status=fate.status,
                    diagnostic=fate.reply,
                    original_recipient=fate.recipient.original_recipient,
                )
                cause = BounceCause(fate.reply) if fate.reply in set(BounceCause) else None
                reports.append(self.report(envelope, [outcome], header=header, now=now, cause=cause))
        return reports

    def report(
        self,
        envelope: Envelope,
        outcomes: Sequence[Outcome],
        *,
        header: bytes,
        now: datetime,
        cause: BounceCause | None = None,
    ) -> bytes:
        """A delivery report to the sender of ``envelope``, in French then English."""
        subject, text = _sentences(outcomes, cause)
        if cause is not None:
            status = CAUSES[cause][0]
            outcomes = [
                msgspec.structs.replace(outcome, diagnostic=f"550 {status} {CAUSES[cause][1].en}")
                for outcome in outcomes
            ]
        return compose_delivery_report(
            DeliveryReport(
                reporting_server=self._domain,
                outcomes=tuple(outcomes),
                envelope_id=envelope.envelope_id,
                text=text,
            ),
            sender=self._postmaster if cause is None else self._patient_postmaster,
            to=str(envelope.sender),
            date=now,
            message_id=f"<{uuid4()}@{self._domain}>",
            original_header=header,
            subject=subject,
        )


#: What a person reads before the reply of another server, by enhanced code.
_PLAIN: Final = {
    "5.1.1": "Cette boîte n'existe pas",
    "5.2.1": "Cette boîte est fermée ou suspendue",
    "5.2.2": "Cette boîte est pleine",
    "5.3.4": "Le message est trop volumineux",
    "5.4.7": "L'autre opérateur n'a pas répondu à temps",
    "5.7.0": "Le message a été refusé pour raison de sécurité",
    "5.7.1": "L'autre opérateur n'accepte pas ce message",
}


def is_believable(fact: Fact, sender: Address | None) -> bool:
    """Whether a message from the envelope sender ``sender`` may say ``fact``.

    Servers report with the null sender or as ``mailer-daemon`` or ``postmaster``; a person confirms reading in their
    own name. Anybody else could pretend that a message was delivered or read.
    """
    if sender is None or sender.local in {"mailer-daemon", "postmaster"}:
        return True
    return fact.kind == "receipt" and str(sender) == fact.recipient.lower()


def facts_in(message: bytes) -> list[Fact]:
    """What a report or a read receipt says of messages sent; nothing when ``message`` is neither."""
    notice = read_notice(message)
    if isinstance(notice, ReadReceipt):
        outcome = "error" if notice.error else notice.disposition.value
        return [Fact(notice.original_message_id, notice.final_recipient, "receipt", outcome, "", notice.error[:500])]
    if notice is None:
        return []
    is_citizens = read_header(message[: header_end(message)]).subject.startswith("Message non distribué")
    cause = bounce_cause(message) if is_citizens else None
    reason = CAUSES[cause][1].fr if cause and cause is not BounceCause.OTHER else ""
    return [
        Fact(
            notice.original_message_id,
            outcome.recipient,
            "delivery",
            outcome.action.value,
            outcome.status[:20],
            reason or _in_plain_words(outcome),
        )
        for outcome in notice.outcomes
    ]


def _in_plain_words(outcome: Outcome) -> str:
    plain = _PLAIN.get(outcome.status, "") if outcome.action is DeliveryAction.FAILED else ""
    return f"{plain} : {outcome.diagnostic[:500]}" if plain else outcome.diagnostic[:500]


def _sentences(outcomes: Sequence[Outcome], cause: BounceCause | None) -> tuple[str, str]:
    names = ", ".join(outcome.recipient for outcome in outcomes)
    if cause is not None:
        text = CAUSES[cause][1]
        return "Message non distribué", f"Votre message à {names} n'a pas été distribué.\n{text.fr}\n\n{text.en}\n"
    if all(outcome.action is DeliveryAction.DELIVERED for outcome in outcomes):
        return (
            "Successful Mail Delivery Report",
            f"Votre message a été déposé dans la boîte de {names}.\n\nYour message was delivered to {names}.\n",
        )
    why = "; ".join(outcome.diagnostic for outcome in outcomes)
    if all(outcome.action is DeliveryAction.DELAYED for outcome in outcomes):
        return (
            "Delayed Mail (still being retried)",
            f"Votre message à {names} attend encore : {why}\nNous continuons d'essayer.\n\n"
            f"Your message to {names} is still waiting. We keep trying.\n",
        )
    return (
        "Undelivered Mail Returned to Sender",
        f"Votre message à {names} n'a pas pu être remis : {why}\n\nYour message to {names} could not be delivered.\n",
    )
