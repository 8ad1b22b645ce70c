"""What the citizen is told: accesses, notices and where to send them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from socle.platform.actor import Actor


class AccessLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of « Qui a accédé à mon dossier » or of a professional's own activity.

    ``sentence`` says it in plain words; the other fields allow sorting and exporting.
    """

    sequence: int
    at: datetime
    who: str
    actor: Actor
    transaction: str
    sentence_fr: str
    sentence_en: str
    right: str = ""
    is_refusal: bool = False
    is_emergency: bool = False
    documents: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """An access that a holder does not recognise. ``access`` is what the trace says, without the names of documents.

    ``words`` and ``answer`` are what the holder and the operator wrote.
    """

    patient_key: UUID
    sequence: int
    at: datetime
    text_fr: str
    text_en: str
    access: AccessLine | None
    words: str = ""
    answer: str = ""
    answered_at: datetime | None = None


class NoticeKind(StrEnum):
    """What the holder is told (fact sheet "citizen" §11.4)."""

    NEW_DOCUMENT = "new-document"
    FIRST_ACCESS = "first-access"
    EMERGENCY_ACCESS = "emergency-access"
    AWAITED_ANNOUNCEMENT = "awaited-announcement"
    RECORD_OPENED = "record-opened"
    RECORD_CLOSED = "record-closed"
    MANDATE_CHANGED = "mandate-changed"
    #: For the operator: the holder does not recognise an access. For the holder: the operator's answer.
    ACCESS_REPORTED = "access-reported"


#: Choices of the holder, each with the kinds of notice that it holds.
NOTICE_CHOICES = {
    "acces": frozenset({NoticeKind.FIRST_ACCESS}),
    "urgence": frozenset({NoticeKind.EMERGENCY_ACCESS}),
    "documents": frozenset({NoticeKind.NEW_DOCUMENT, NoticeKind.AWAITED_ANNOUNCEMENT}),
    "dossier": frozenset({NoticeKind.RECORD_OPENED, NoticeKind.RECORD_CLOSED, NoticeKind.MANDATE_CHANGED}),
}


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something to tell the holder, or the médecin traitant when ``recipient_id`` names one. No health content."""

    id: UUID
    patient_key: UUID
    kind: NoticeKind
    at: datetime
    text_fr: str
    text_en: str
    recipient_id: str = ""


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """Where someone is told by mail, and of what. ``is_refused``: the address takes no mail any more."""

    address: str
    kinds: frozenset[NoticeKind]
    is_verified: bool = False
    is_refused: bool = False
