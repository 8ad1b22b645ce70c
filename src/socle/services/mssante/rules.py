"""Decisions of the mail service, pure: names of boxes, life cycle, who may send, what a citizen may answer.

The tables are data that a lawyer can read; each refusal names its rule.

Source: fact sheet "mssante" §2 (boxes), §3 (between operators), §10 (citizens); Référentiels socle #1 and #2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from socle.platform.actor import Actor, ActorKind
from socle.services.mssante.domain import Mailbox, MailboxKind, MailboxState, Right
from socle.services.mssante.errors import MailRefused, missing_holder
from socle.standards.errors import InvalidContent, Text
from socle.standards.mail.address import Address, local_part_of
from socle.standards.mail.compose import CLOSING_SUBJECT
from socle.standards.mail.notices import BounceCause
from socle.standards.mail.read import Mail
from socle.standards.mail.whitelist import WhiteList

#: Largest message to a citizen (ENS "Messagerie" v1.3 §6).
CITIZEN_MAX_BYTES: Final = 25 * 1024 * 1024
#: Largest message between professionals: our own choice above the usual floor of 10 MB.
MAX_MESSAGE_BYTES: Final = 30 * 1024 * 1024
#: What a citizen may attach.
CITIZEN_TYPES: Final = frozenset({"application/pdf", "image/jpeg", "image/png", "image/gif", "text/plain"})

_LOCAL_PART: Final = re.compile(r"[a-z0-9](?:[a-z0-9]|[._-](?=[a-z0-9])){0,63}")
#: Names in which the operator itself reports.
_RESERVED: Final = frozenset({"mailer-daemon"})

DEFAULT_QUOTA_BYTES: Final = 2 * 1024**3


class Check(StrEnum):
    """What is looked at when another operator calls, in the order of the table."""

    NO_TLS = "no-tls"
    CERTIFICATE = "certificate"
    UNKNOWN_CERTIFICATE = "unknown-certificate"
    SENDER_DOMAIN = "sender-domain"
    CERTIFICATE_NAME = "certificate-name"
    REPORT_CERTIFICATE = "report-certificate"
    HEADER_DOMAIN = "header-domain"
    UNKNOWN_BOX = "unknown-box"
    CLOSED_BOX = "closed-box"
    OVER_QUOTA = "over-quota"
    TOO_BIG = "too-big"
    VIRUS = "virus"
    NOT_SENDER = "not-sender"
    NOT_LISTED = "not-listed"
    RATE = "rate"
    HEADER_FROM = "header-from"
    CITIZEN_FIRST = "citizen-first"


#: SMTP code, enhanced code, sentence.
REPLIES: Final[dict[Check, tuple[int, str, Text]]] = {
    Check.NO_TLS: (530, "5.7.0", Text("STARTTLS est obligatoire.", "Must issue a STARTTLS command first")),
    Check.CERTIFICATE: (
        554,
        "5.7.1",
        Text("Certificat client IGC-Santé absent ou refusé.", "IGC-Sante client certificate missing or refused"),
    ),
    Check.UNKNOWN_CERTIFICATE: (
        450,
        "4.7.1",
        Text(
            "Certificat pas encore connu ici : l'opérateur l'enregistre (socle mss peer).",
            "Certificate not known here yet, its revocation cannot be checked: to be registered by the operator",
        ),
    ),
    Check.SENDER_DOMAIN: (
        550,
        "5.7.1",
        Text("Le domaine de l'expéditeur n'est pas en liste blanche.", "Sender domain is not in the white list"),
    ),
    Check.CERTIFICATE_NAME: (
        550,
        "5.7.1",
        Text(
            "Le certificat n'est pas celui que la liste blanche donne à ce domaine.",
            "Certificate is not the one that the white list gives for this domain",
        ),
    ),
    Check.REPORT_CERTIFICATE: (
        550,
        "5.7.1",
        Text("Le certificat n'est celui d'aucun opérateur listé.", "Certificate belongs to no listed operator"),
    ),
    Check.HEADER_DOMAIN: (
        550,
        "5.7.1",
        Text("Le domaine du champ From appartient à un autre opérateur.", "From domain belongs to another operator"),
    ),
    Check.UNKNOWN_BOX: (550, "5.1.1", Text("Cette boîte n'existe pas.", "Mailbox does not exist")),
    Check.CLOSED_BOX: (550, "5.2.1", Text("Cette boîte est fermée ou suspendue.", "Mailbox is closed or suspended")),
    Check.OVER_QUOTA: (452, "4.2.2", Text("Cette boîte est pleine.", "Mailbox is full")),
    Check.TOO_BIG: (552, "5.3.4", Text("Le message est trop volumineux.", "Message is too big")),
    Check.VIRUS: (554, "5.7.0", Text("Un virus a été trouvé dans le message.", "Virus found in message")),
    Check.NOT_SENDER: (
        553,
        "5.7.1",
        Text("Vous ne pouvez pas écrire depuis cette adresse.", "Not authorised to send from this address"),
    ),
    Check.NOT_LISTED: (
        550,
        "5.7.1",
        Text(
            "Le domaine du destinataire n'est pas en liste blanche MSSanté.",
            "Recipient domain is not in the white list",
        ),
    ),
    Check.RATE: (450, "4.7.1", Text("Trop d'envois, patientez.", "Too many messages, try again later")),
    Check.HEADER_FROM: (
        550,
        "5.7.1",
        Text(
            "Le champ From n'est pas l'adresse de la boîte authentifiée.", "From field is not the authenticated address"
        ),
    ),
    Check.CITIZEN_FIRST: (
        550,
        "5.7.1",
        Text("Le patient ne peut répondre qu'à un message reçu.", "A citizen may only answer a received message"),
    ),
}


def refusal(check: Check, entry: str = "") -> MailRefused:
    """The refusal of ``check``; ``entry`` names what failed (a domain, a certificate subject)."""
    code, enhanced, text = REPLIES[check]
    reason = Text(f"{text.fr} ({entry})", f"{text.en} ({entry})") if entry else text
    return MailRefused(code, enhanced, f"MSS-{check.value}", reason, "Référentiel socle MSSanté #1")


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an operator that calls. ``subject`` is empty unless its certificate was verified."""

    is_tls: bool
    subject: str = ""
    #: Why the certificate was refused.
    certificate_error: str = ""


def judge_peer(peer: Peer, sender: Address | None, white_list: WhiteList) -> None:
    """Lets an operator's ``MAIL FROM`` pass, or raises ``MailRefused`` by the table of the fact sheet §3."""
    if not peer.is_tls:
        raise refusal(Check.NO_TLS)
    if not peer.subject:
        raise refusal(Check.CERTIFICATE, peer.certificate_error)
    if sender is None:
        if not white_list.operated_by(peer.subject):
            raise refusal(Check.REPORT_CERTIFICATE, peer.subject)
        return
    entry = white_list.find(sender.domain)
    if entry is None:
        raise refusal(Check.SENDER_DOMAIN, sender.domain)
    if not entry.is_operated_by(peer.subject):
        raise refusal(Check.CERTIFICATE_NAME, f"{sender.domain}: {entry.certificate_dn}")


def judge_header_domain(peer: Peer, sender: Address | None, author: Address | None, white_list: WhiteList) -> None:
    """Lets a peer's message pass when its From domain is the envelope's, or is operated under the same certificate."""
    if sender is None or (author is not None and author.domain == sender.domain):
        return
    entry = white_list.find(author.domain) if author else None
    if entry is None or not entry.is_operated_by(peer.subject):
        raise refusal(Check.HEADER_DOMAIN, author.domain if author else "")


def judge_recipient_box(box: Mailbox | None, size_bytes: int) -> Check | None:
    """Why a professional's box does not take a message of ``size_bytes``, or ``None``."""
    if box is None or box.state is MailboxState.PURGED:
        return Check.UNKNOWN_BOX
    if box.state is not MailboxState.ACTIVE:
        return Check.CLOSED_BOX
    if box.used_bytes + size_bytes > box.quota_bytes:
        return Check.OVER_QUOTA
    return None


def judge_citizen_box(box: Mailbox | None, size_bytes: int, *, is_matricule_valid: bool) -> BounceCause | None:
    """Why a citizen's box does not take a message: told by a bounce in plain French."""
    if not is_matricule_valid:
        return BounceCause.BAD_ADDRESS
    if box is None or box.state is MailboxState.PURGED:
        return BounceCause.NOT_FOUND
    if box.state is not MailboxState.ACTIVE:
        return BounceCause.CLOSED
    return BounceCause.TOO_BIG if size_bytes > CITIZEN_MAX_BYTES else None


def may_read(actor: Actor, box: Mailbox, rights: list[Right], now: datetime) -> bool:
    """Whether the actor opens the box: its holder, a person with a right, the citizen, the software of an APP box."""
    match actor.kind:
        case ActorKind.PROFESSIONAL:
            return (bool(box.person_id) and box.person_id == actor.id) or _right_of(actor, rights, now) is not None
        case ActorKind.PATIENT:
            return box.ins is not None and box.ins == actor.patient
        case ActorKind.SYSTEM:
            return box.kind is MailboxKind.APPLICATIVE and bool(box.structure_id) and box.structure_id == actor.id
        case _:
            return False


def may_send(actor: Actor, box: Mailbox, rights: list[Right], now: datetime) -> bool:
    """Whether the actor writes in the name of the box."""
    if box.state is not MailboxState.ACTIVE or not may_read(actor, box, rights, now):
        return False
    right = _right_of(actor, rights, now)
    return (
        actor.kind is not ActorKind.PROFESSIONAL or box.person_id == actor.id or (right is not None and right.may_send)
    )


def address_candidates(names: tuple[str, ...], domain: str) -> Iterator[str]:
    """The addresses that ``names`` make, in order of preference: homonyms get a number.

    >>> next(address_candidates(("Léa", "Martin"), "ch.mssante.fr"))
    'lea.martin@ch.mssante.fr'
    """
    local = local_part_of(*names)[:60].strip(".-")
    return (f"{local}{'' if number == 1 else number}@{domain}" for number in range(1, 1000))


def check_local_part(local: str) -> None:
    """Lets a name of a box be given: lower case, digits, and ``.``, ``-``, ``_`` between them; not the postmaster's.

    Raises ``InvalidContent``.

    >>> check_local_part("jean-luc.martin2")
    """
    if _LOCAL_PART.fullmatch(local) is None or local in _RESERVED:
        raise InvalidContent(
            "MSSLocalPart",
            Text("Ce nom de boîte n'est pas admis.", "This name of a box is not accepted."),
            location="address",
            remedy=Text(
                "Écrivez en minuscules sans accent, par exemple prenom.nom.",
                "Write in lower case without accents, as in given.family.",
            ),
            requirement="Référentiel MSSanté #1, nommage des BAL",
        )


def check_holder(kind: MailboxKind, *, person_id: str, structure_id: str) -> None:
    """Lets a box be created when it has the holder that its kind asks for. Raises ``InvalidContent``."""
    if kind in {MailboxKind.PERSONAL, MailboxKind.CABINET} and not person_id:
        raise missing_holder("Une boîte PER ou CAB a un titulaire (RPPS).", "A PER or CAB box has a holder (RPPS).")
    if kind in {MailboxKind.ORGANIZATIONAL, MailboxKind.APPLICATIVE} and not structure_id:
        raise missing_holder("Une boîte ORG ou APP a une structure (FINESS).", "An ORG or APP box has a structure.")


class ExchangeChange(msgspec.Struct, frozen=True):
    """What a professional's message does to what the citizen may answer."""

    contact: str
    is_open: bool
    closes_all: bool = False


def exchange_change(mail: Mail) -> ExchangeChange | None:
    """The change that ``mail``, arriving in a citizen's box, makes. ``None`` when it names no author.

    The Reply-To joins the contacts and the From does not, when both are there (ENS "Messagerie" v1.3 §9).
    """
    if mail.sender is None:
        return None
    contact = mail.reply_to[0] if mail.reply_to else mail.sender
    closes_all = mail.subject == CLOSING_SUBJECT
    return ExchangeChange(str(contact.address), not (mail.closes_exchange or closes_all), closes_all)


def _right_of(actor: Actor, rights: list[Right], now: datetime) -> Right | None:
    found = (right for right in rights if right.person_id == actor.id)
    return next((right for right in found if right.expires_at is None or right.expires_at > now), None)
