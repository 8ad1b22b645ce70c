"""Mailboxes, folders, messages and envelopes, as values."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from socle.platform.actor import Actor
from socle.standards.errors import Text
from socle.standards.ids.ins import Ins
from socle.standards.mail.address import Address, parse_address
from socle.standards.mail.read import Attachment, Correspondent, Mail
from socle.standards.xdm.package import XdmPackage
from socle.standards.xds.model import DocumentEntry


class MailboxKind(StrEnum):
    """TRE_R257-TypeBAL, and the citizen's box, which is not in the directory."""

    PERSONAL = "PER"
    ORGANIZATIONAL = "ORG"
    APPLICATIVE = "APP"
    CABINET = "CAB"
    CITIZEN = "USAGER"


class MailboxState(StrEnum):
    """Life cycle of a box."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    CLOSED = "CLOSED"
    PURGED = "PURGED"


class Mailbox(msgspec.Struct, frozen=True, kw_only=True):
    """One box. ``person_id`` is a PS_IdNat (``8`` + RPPS), ``structure_id`` a Struct_IdNat (``1`` + FINESS)."""

    key: UUID
    address: str
    kind: MailboxKind
    state: MailboxState
    quota_bytes: int
    created_at: datetime
    display_name: str = ""
    person_id: str = ""
    structure_id: str = ""
    service: str = ""
    responsible: str = ""
    description: str = ""
    is_red_listed: bool = False
    rank: int = 1
    accepts_paperless: bool = False
    ins: Ins | None = None
    certificate_subject: str = ""
    #: An applicative box whose incoming documents go to the DMP without anybody's act.
    files_to_dmp: bool = False
    password_hash: str = ""
    used_bytes: int = 0
    last_used_at: datetime | None = None
    purge_at: datetime | None = None
    #: A citizen suspended the box, and may open it again; any other suspension is the operator's to end.
    is_shut_by_holder: bool = False

    @property
    def mail_address(self) -> Address:
        """``address`` parsed."""
        return parse_address(self.address)

    @property
    def is_published(self) -> bool:
        """Whether the directory may show the box."""
        return self.state is MailboxState.ACTIVE and not self.is_red_listed and self.kind is not MailboxKind.CITIZEN


class Right(msgspec.Struct, frozen=True, kw_only=True):
    """What a person other than the holder may do with a box."""

    person_id: str
    may_send: bool
    granted_by: str
    granted_at: datetime
    expires_at: datetime | None = None


class ArrivalTask(msgspec.Struct, frozen=True):
    """A message with a health document came to a box that files by itself."""

    address: str
    folder_id: int
    uid: int


class Folder(msgspec.Struct, frozen=True, kw_only=True):
    """One folder. ``special_use`` is a SPECIAL-USE attribute (RFC 6154), or empty."""

    id: int
    name: str
    special_use: str = ""
    is_subscribed: bool = True
    uid_validity: int
    uid_next: int
    highest_modseq: int


class Summary(msgspec.Struct, frozen=True):
    """What lists show of a message: its header, IMAP ``ENVELOPE`` and ``BODYSTRUCTURE`` (and ``BODY``)."""

    header: bytes
    envelope: bytes
    structure: bytes
    body: bytes
    has_document: bool = False


class MessageRow(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one message in a folder, without content."""

    uid: int
    flags: tuple[str, ...]
    modseq: int
    size_bytes: int
    received_at: datetime


class StoredMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message with its summary; ``object`` is the vault address of the content."""

    folder_id: int
    uid: int
    flags: tuple[str, ...]
    modseq: int
    size_bytes: int
    received_at: datetime
    object: str
    summary: Summary
    thread: bytes


class Domains(msgspec.Struct, frozen=True):
    """The domains of the operator: the professionals' and the citizens'."""

    professionals: str
    citizens: str

    def are_ours(self, domain: str) -> bool:
        """Whether mail for ``domain`` ends here."""
        return domain in {self.professionals, self.citizens}

    def is_citizen(self, address: Address) -> bool:
        """Whether the address is that of a citizen's box."""
        return address.domain == self.citizens


class Recipient(msgspec.Struct, frozen=True):
    """One RCPT. ``notify`` is empty or a list among ``NEVER``, ``SUCCESS``, ``FAILURE``, ``DELAY``."""

    address: Address
    notify: str = ""
    original_recipient: str = ""
    #: Key of the box when the door has just found it.
    key: UUID | None = None


class Origin(StrEnum):
    """By which door a message came."""

    SUBMISSION = "submission"
    PEER = "peer"
    LMTP = "lmtp"
    PORTAL = "portal"
    BASE = "base"


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends to whom, by which door. ``sender`` is ``None`` for reports."""

    sender: Address | None
    recipients: tuple[Recipient, ...]
    origin: Origin
    envelope_id: str = ""
    wants_full_return: bool = False
    #: PS_IdNat, structure or certificate subject that authenticated; operator's name for a peer.
    author: str = ""
    #: Kind of the box that authenticated.
    kind: str = ""
    client: str = ""
    helo: str = ""
    tls: str = ""


class Receipt(msgspec.Struct, frozen=True):
    """What became of an accepted message. Addresses are those that were not there already."""

    queue_id: UUID
    delivered: tuple[str, ...] = ()
    queued: tuple[str, ...] = ()
    bounced: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()


#: ``X-MSS-NIL`` of the base's own pages. A deployment replaces it by its Convergence number.
PRODUCT: Final = "SOCLE-WEB"


class ThreadLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a list of threads, newest message first."""

    thread: str
    subject: str
    correspondents: tuple[Correspondent, ...]
    messages: int
    unread: int
    last_at: datetime
    has_document: bool
    #: Whether a citizen takes part: professionals see those apart (ECO.3.1.1).
    is_with_citizen: bool
    folder_id: int
    uid: int


class OpenedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message with everything that a page shows. ``package`` is its IHE_XDM archive."""

    folder_id: int
    uid: int
    #: Address of the content in the vault: the same wherever the message is moved.
    content_key: str
    flags: tuple[str, ...]
    received_at: datetime
    mail: Mail
    package: XdmPackage = XdmPackage(submissions=())
    #: Why the archive could not be opened.
    archive_error: Text | None = None
    notices: tuple[Notice, ...] = ()

    @property
    def documents(self) -> tuple[tuple[DocumentEntry, bytes], ...]:
        """The documents of the archive whose content is there."""
        return self.package.documents


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """What came back for one recipient: ``kind`` is ``delivery``, ``receipt`` or ``bounce``."""

    recipient: str
    kind: str
    outcome: str
    status: str
    reason: str
    happened_at: datetime


class NewMail(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a person writes. The same ``send_id`` is sent once."""

    to: tuple[str, ...]
    subject: str
    text: str
    cc: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    reply_to: str = ""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    asks_delivery_receipt: bool = True
    asks_read_receipt: bool = False
    closes_exchange: bool = False
    cda_codes: tuple[str, ...] = ()
    has_qualified_ins: bool = False
    product: str = PRODUCT
    send_id: str = ""


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the address book."""

    address: str
    name: str
    detail: str = ""
    person_id: str = ""
    structure_id: str = ""


class MailSession(msgspec.Struct, frozen=True, kw_only=True):
    """A proven right on one box. ``expires_at`` is when the token ends: the connection ends then too."""

    box: Mailbox
    actor: Actor
    may_send: bool
    expires_at: datetime | None = None


class StoredContent(msgspec.Struct, frozen=True):
    """A content of the vault that a row names, for the check of the vault."""

    owner: UUID
    address: str
    sha1: str = ""
    size: int | None = None
