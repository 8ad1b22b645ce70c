"""Orders and their targets."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

import msgspec

from socle.platform.actor import Actor
from socle.services.dmp.domain import StoredQuery
from socle.standards.errors import Text
from socle.standards.ids.ins import is_valid_matricule
from socle.standards.xds.model import RegistryObjects, Submission, Visibility

#: Arc of the ids that this service gives.
NAMESPACE: Final = UUID("6b1d0a52-6d0e-4f0e-9a53-3f0c3a1d7f10")
#: OID of the system that submits.
SOURCE_ID: Final = f"2.25.{NAMESPACE.int}"
#: The registry has this very document already: what an earlier attempt did.
ALREADY_REGISTERED: Final = "XDSDuplicateUniqueIdInRegistry"


class Registry(Protocol):
    """The DMP as a feeder sees it."""

    async def submit(self, actor: Actor, submission: Submission) -> object:
        """Registers the submission, or raises."""

    async def query(self, actor: Actor, query: StoredQuery) -> RegistryObjects:
        """What the actor sees of what is asked."""


class TargetKind(StrEnum):
    """By which way."""

    DMP = "dmp"
    MAIL = "mail"


class TargetState(StrEnum):
    """How far a target is."""

    #: Not handed over yet: tried, and tried again.
    WAITING = "waiting"
    #: Accepted by the mail operator; the proof of delivery has not come yet.
    SENT = "sent"
    #: Registered in the DMP, or put into the recipient's box (DSN).
    DELIVERED = "delivered"
    #: The recipient displayed it (MDN).
    READ = "read"
    #: Refused for good: ``reason`` says why.
    REFUSED = "refused"


#: What a person reads.
SENTENCES: Final[dict[tuple[TargetKind, TargetState], Text]] = {
    (TargetKind.DMP, TargetState.WAITING): Text("en attente d'enregistrement au DMP", "waiting to be registered"),
    (TargetKind.DMP, TargetState.DELIVERED): Text("enregistré au DMP", "registered in the DMP"),
    (TargetKind.DMP, TargetState.REFUSED): Text("refusé par le DMP", "refused by the DMP"),
    (TargetKind.MAIL, TargetState.WAITING): Text("en attente d'envoi", "waiting to be sent"),
    (TargetKind.MAIL, TargetState.SENT): Text("envoyé, remise non confirmée", "sent, delivery not confirmed"),
    (TargetKind.MAIL, TargetState.DELIVERED): Text("remis dans la boîte", "delivered to the mailbox"),
    (TargetKind.MAIL, TargetState.READ): Text("lu", "read"),
    (TargetKind.MAIL, TargetState.REFUSED): Text("non remis", "not delivered"),
}


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One way out. ``address`` is ``dmp`` or a mail address; ``proof`` an entryUUID or a Message-ID."""

    kind: TargetKind
    address: str
    state: TargetState
    proof: str = ""
    reason: str = ""
    attempts: int = 0
    updated_at: datetime

    @property
    def is_patient(self) -> bool:
        """Whether it is the patient's own box."""
        return self.kind is TargetKind.MAIL and is_valid_matricule(self.address.partition("@")[0].upper())

    def state_sentence(self, language: str = "fr") -> str:
        """How far it is, in words."""
        return SENTENCES[self.kind, self.state].in_language(language)

    def sentence(self, language: str = "fr") -> str:
        """What a person reads of this target."""
        label = "DMP" if self.kind is TargetKind.DMP else self.address
        text = f"{label} : {self.state_sentence(language)}"
        if self.state is TargetState.WAITING and self.attempts:
            tries = Text(f"{self.attempts} essais", f"{self.attempts} attempts").in_language(language)
            return f"{text} ({tries} ; {self.reason})"
        return f"{text} ({self.reason})" if self.reason else text


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One act with its targets. ``id`` is what callers keep."""

    id: str
    title: str
    document_id: str
    created_at: datetime
    targets: tuple[Target, ...]

    @property
    def is_settled(self) -> bool:
        """Whether nothing is waiting any more."""
        return all(target.state not in {TargetState.WAITING, TargetState.SENT} for target in self.targets)

    @property
    def is_refused(self) -> bool:
        """Whether at least one way out was refused for good."""
        return any(target.state is TargetState.REFUSED for target in self.targets)

    def sentence(self, language: str = "fr") -> str:
        """What a person reads of the whole act."""
        return "\n".join(target.sentence(language) for target in self.targets)


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to send, from which box, to whom. The same order (same ``key``, or same document) is carried out once."""

    document: bytes
    mailbox: str = ""
    to_dmp: bool = False
    to: tuple[str, ...] = ()
    to_patient: bool = False
    text: str = ""
    visibility: tuple[Visibility, ...] = ()
    asks_read_receipt: bool = False
    #: The citizen may not answer.
    closes_exchange: bool = False
    product: str = "SOCLE"
    #: entryUUID of the document in the DMP that this one replaces.
    replaces: str = ""
    key: str = ""


class TargetTask(msgspec.Struct, frozen=True):
    """Payload of the job of one target."""

    patient_key: UUID
    delivery_id: UUID
    address: str
