"""What leaves a box by hand: letters, drafts, read receipts; whom one may write to, and where addresses are found.

Every call takes a ``MailSession`` that ``access`` opened; sending checks ``may_send``, and what a citizen may answer.
"""

from __future__ import annotations

from typing import Protocol
from uuid import uuid4

from socle.platform.audit import Action, Subject
from socle.platform.base import Base
from socle.services.mssante import rules
from socle.services.mssante.domain import Contact, Envelope, MailSession, NewMail, Origin, Receipt, Recipient
from socle.services.mssante.errors import MailRefused, not_allowed
from socle.services.mssante.mailroom import FlagChange, Mailroom
from socle.services.mssante.post_office import PostOffice
from socle.services.mssante.rates import RateLimiter, per_minute
from socle.services.mssante.rules import Check, refusal
from socle.services.mssante.store import QUERIES
from socle.services.mssante.trust_list import TrustList
from socle.services.mssante.webmail import Webmail
from socle.standards.errors import InvalidContent, Text
from socle.standards.mail.address import Address, parse_address
from socle.standards.mail.compose import Letter, compose
from socle.standards.mail.notices import Disposition, ReadReceipt, compose_read_receipt
from socle.standards.mail.read import Correspondent, read_header
from socle.standards.mail.structure import header_end


class AddressBook(Protocol):
    """The directory as one looks an address up in it."""

    async def find_contacts(self, words: str, count: int) -> list[Contact]:
        """Entries that match ``words``."""


class Outbox:
    """Use cases of writing. ``address_book`` is the directory."""

    def __init__(
        self,
        base: Base,
        office: PostOffice,
        rooms: Mailroom,
        webmail: Webmail,
        trust_list: TrustList,
        rates: RateLimiter,
        address_book: AddressBook | None = None,
    ) -> None:
        self._base = base
        self._office = office
        self._rooms = rooms
        self._webmail = webmail
        self._trust_list = trust_list
        self._rates = rates
        self._address_book = address_book

    async def save_draft(self, session: MailSession, new: NewMail, *, replaces: int = 0) -> int:
        """Keeps a draft; returns its UID in the drafts folder. ``replaces`` is the UID of its former version."""
        folder = await self._webmail.special(session, "\\Drafts")
        message = compose(self._letter(session, new))
        placed = await self._rooms.append(session.box.key, folder.name, message, flags=["\\Draft", "\\Seen"])
        if replaces:
            await self._rooms.expunge(session.box.key, folder.id, [replaces])
        return placed.uids[0]

    async def drop_draft(self, session: MailSession, uid: int) -> None:
        """Forgets a draft, once it was sent."""
        folder = await self._webmail.special(session, "\\Drafts")
        await self._rooms.expunge(session.box.key, folder.id, [uid])

    async def send(self, session: MailSession, new: NewMail) -> tuple[Receipt, str]:
        """Sends, and keeps a copy in the sent folder; returns what became of it and its Message-ID.

        Raises ``Forbidden`` without the right to send, ``MailRefused`` for an address outside the trust space or an
        answer that the citizen may not give, ``TooLarge``.
        """
        recipients = [parse_address(text) for text in (*new.to, *new.cc)]
        if not recipients:
            raise InvalidContent("MSSNoRecipient", Text("Indiquez un destinataire.", "Name a recipient."))
        is_citizen = session.box.ins is not None
        if is_citizen:
            await self._check_citizen(session, new, recipients)
        elif not session.may_send:
            raise not_allowed()
        if not self._rates.take(session.box.address, per_minute(session.box.kind)):
            raise refusal(Check.RATE)
        await self._refuse_unlisted(recipients)
        letter = self._letter(session, new)
        sent = await self._webmail.special(session, "\\Sent")
        already = await self._rooms.by_message_id(session.box.key, letter.message_id)
        kept = next((item for item in already if item.folder_id == sent.id), None)
        if kept is not None:  # the same send_id: the very same bytes go again, and are recognised
            message = await self._rooms.content(session.box.key, kept)
        else:
            message = compose(letter)
        has_citizen = any(self._office.domains.is_citizen(address) for address in recipients)
        if len(message) > (rules.CITIZEN_MAX_BYTES if has_citizen or is_citizen else rules.MAX_MESSAGE_BYTES):
            raise refusal(Check.TOO_BIG)
        copied: tuple[int, ...] = ()
        if kept is None:
            placed = await self._rooms.append(session.box.key, sent.name, message, flags=["\\Seen"])
            copied = placed.uids
        notify = "SUCCESS,FAILURE,DELAY" if new.asks_delivery_receipt else "FAILURE"
        envelope = Envelope(
            sender=session.box.mail_address,
            recipients=tuple(Recipient(address, notify) for address in recipients),
            origin=Origin.PORTAL,
            author=session.actor.id,
            kind=session.box.kind.value,
            envelope_id=letter.message_id.strip("<>").partition("@")[0],
        )
        try:
            receipt = await self._office.accept(envelope, message)
        except MailRefused:  # what did not leave is not among what was sent
            await self._rooms.expunge(session.box.key, sent.id, copied)
            raise
        await self._webmail.trace(session, "mss.send", Subject("mail", letter.message_id), Action.CREATE)
        return receipt, letter.message_id

    async def send_receipt(self, session: MailSession, folder_id: int, uid: int) -> bool:
        """Tells the sender that the message was displayed, if they asked; once (``$MDNSent``)."""
        stored = await self._webmail.find(session, folder_id, uid)
        mail = read_header(stored.summary.header)
        if mail.read_receipt_to is None or "$MDNSent" in stored.flags:
            return False
        to = mail.read_receipt_to.address
        now = self._base.clock()
        message = compose_read_receipt(
            ReadReceipt(
                final_recipient=session.box.address,
                disposition=Disposition.DISPLAYED,
                original_message_id=mail.message_id,
                text="Le message a été affiché par son destinataire.\n",
            ),
            sender=session.box.mail_address,
            to=str(to),
            subject=f"Lu : {mail.subject}",
            date=now,
            message_id=f"<{uuid4()}@{self._base.settings.mail_domain}>",
            original=stored.summary.header[: header_end(stored.summary.header)],
        )
        envelope = Envelope(
            sender=None, recipients=(Recipient(to, "NEVER"),), origin=Origin.PORTAL, author=session.actor.id
        )
        await self._office.accept(envelope, message)
        await self._rooms.change_flags(session.box.key, folder_id, [uid], FlagChange.ADD, ["$MDNSent"])
        return True

    async def contacts(self, session: MailSession, words: str, *, count: int = 20) -> list[Contact]:
        """The address book: directory and our own published boxes for a professional, open exchanges for a citizen."""
        if session.box.ins is not None:
            async with self._base.database.connection() as connection:
                rows = await QUERIES["list_exchanges"].rows(connection, mailbox_key=session.box.key)
            return [
                Contact(address=row["contact"], name=row["contact"])
                for row in rows
                if row["is_open"] and words.lower() in row["contact"]
            ][:count]
        found = await self._address_book.find_contacts(words, count) if self._address_book is not None else []
        known = {contact.address for contact in found}
        async with self._base.database.connection() as connection:
            rows = await QUERIES["find_contacts"].rows(connection, words=words.split()[:5], count=count)
        own = [
            Contact(
                address=row["address"],
                name=row["display_name"].replace("_", " ") or row["address"],
                detail=row["service"] or row["description"],
                person_id=row["person_id"],
                structure_id=row["structure_id"],
            )
            for row in rows
            if row["address"] not in known
        ]
        return [*found, *own][:count]

    async def may_answer(self, session: MailSession, contact: str) -> bool:
        """Whether a citizen may write to ``contact`` now."""
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_exchange"].row(connection, mailbox_key=session.box.key, contact=contact.lower())
        return row is not None and row["is_open"]

    async def _refuse_unlisted(self, recipients: list[Address]) -> None:
        others = {address.domain for address in recipients if not self._office.domains.are_ours(address.domain)}
        white_list = await self._trust_list.current() if others else None
        for domain in others:
            if white_list is None or white_list.find(domain) is None:
                raise refusal(Check.NOT_LISTED, domain)

    async def _check_citizen(self, session: MailSession, new: NewMail, recipients: list[Address]) -> None:
        for address in recipients:
            if self._office.domains.is_citizen(address) or not await self.may_answer(session, str(address)):
                raise refusal(Check.CITIZEN_FIRST)
        for attachment in new.attachments:
            if attachment.content_type not in rules.CITIZEN_TYPES:
                raise InvalidContent(
                    "MSSAttachmentType",
                    Text("Joignez un PDF, une image ou un texte.", "Attach a PDF, an image or a text."),
                    location=attachment.name,
                )

    def _letter(self, session: MailSession, new: NewMail) -> Letter:
        box = session.box
        return Letter(
            sender=Correspondent(box.mail_address, box.display_name),
            to=tuple(Correspondent(parse_address(text)) for text in new.to),
            cc=tuple(Correspondent(parse_address(text)) for text in new.cc),
            reply_to=Correspondent(parse_address(new.reply_to)) if new.reply_to else None,
            subject=new.subject,
            text=new.text if new.text.endswith("\n") else f"{new.text}\n",
            date=self._base.clock(),
            message_id=f"<{new.send_id or uuid4()}@{self._base.settings.mail_domain}>",
            product=new.product,
            in_reply_to=new.in_reply_to,
            references=new.references,
            attachments=new.attachments,
            cda_codes=new.cda_codes,
            has_qualified_ins=new.has_qualified_ins,
            asks_read_receipt=new.asks_read_receipt,
            closes_exchange=new.closes_exchange,
        )
