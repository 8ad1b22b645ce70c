"""How far an identity can be trusted: its status, its attributes, and what moves it from one to another.

Everything is decided here and nowhere else. An identity carries an INS exactly when its status is ``RECUP`` or
``QUAL``; only ``QUAL`` lets that INS out.

Source: identity fact sheet §1.6; RNIV 1 v2.0 §3.2.3, EXI SI 07, EXI SI 09; FR Core invariants
fr-core-identity-reliability-1 and -2.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from socle.standards.errors import Conflict, Text


class IdentityStatus(StrEnum):
    """The four exclusive statuses (FHIR ``fr-core-cs-identity-status``)."""

    PROVISIONAL = "PROV"
    RETRIEVED = "RECUP"
    VALIDATED = "VALI"
    QUALIFIED = "QUAL"


class IdentityAttribute(StrEnum):
    """What an identity may be besides its status."""

    DOUBTFUL = "DOUT"
    FICTITIOUS = "FICT"
    HOMONYM = "HOMA"


class IdentityEvent(StrEnum):
    """What happens to an identity."""

    INS_RETRIEVED = "ins_retrieved"
    PROOF_CHECKED = "proof_checked"
    VITALE_APP_READ = "vitale_app_read"
    INS_WITHDRAWN = "ins_withdrawn"
    TRAIT_EDITED = "trait_edited"
    PROOF_INVALIDATED = "proof_invalidated"


class CollectionMethod(StrEnum):
    """How the identity was collected (FHIR ``fr-core-cs-method-collection``, HL7 v2 ZFD-5)."""

    TYPED = "SM"
    VITALE_CARD = "CV"
    INSI = "INSI"
    BARCODE = "CB"
    RFID = "RFID"
    VITALE_APP = "AV"


class ProofDocument(StrEnum):
    """The high-confidence document that was checked (FHIR ``fr-core-cs-mode-validation-identity``)."""

    IDENTITY_CARD = "CN"
    PASSPORT = "PA"
    RESIDENCE_PERMIT = "CS"
    ELECTRONIC_IDENTITY_CARD = "eCN"
    DIGITAL_IDENTITY = "IN"
    VITALE_APP = "AV"
    BIRTH_CERTIFICATE = "AN"
    PARENTS_FAMILY_BOOK = "LEP"
    FAMILY_BOOK_AND_VITALE = "LECV"
    BIRTH_CERTIFICATE_AND_VITALE = "ANCV"
    MINOR_CIRCULATION_DOCUMENT = "CC"
    ARMY_CARD = "CIMS"


class ManagementCode(StrEnum):
    """Comments on an identity (HL7 table 0445, French extension)."""

    NOT_YET_QUALIFIED = "VIDE"
    DUPLICATE = "DOUB"
    POTENTIAL_DUPLICATE = "DPOT"
    PROVEN_DUPLICATE = "DOUA"
    DEACTIVATED = "DESA"
    POTENTIAL_COLLISION = "COLP"
    PROVEN_COLLISION = "COLV"
    FILIATION = "FILI"
    HIDDEN = "CACH"
    ANONYMOUS = "ANOM"
    VERIFIED_BY_PATIENT = "IDVER"
    RECEIVED_FROM_OTHER_DOMAIN = "RECD"
    RECONCILED_IN_OTHER_DOMAIN = "IDRA"
    USURPED = "USUR"
    SUSPECTED_HOMONYM = "HOMD"
    PROVEN_HOMONYM = "HOMA"
    INVALIDATED = "INVA"
    FICTITIOUS = "FICT"
    DOUBTFUL = "DOUT"


_PROV, _RECUP = IdentityStatus.PROVISIONAL, IdentityStatus.RETRIEVED
_VALI, _QUAL = IdentityStatus.VALIDATED, IdentityStatus.QUALIFIED

#: Status before → status after, an event a row. A status that is absent cannot meet the event.
TRANSITIONS: Final[dict[IdentityEvent, dict[IdentityStatus, IdentityStatus]]] = {
    IdentityEvent.INS_RETRIEVED: {_PROV: _RECUP, _RECUP: _RECUP, _VALI: _QUAL, _QUAL: _QUAL},
    IdentityEvent.PROOF_CHECKED: {_PROV: _VALI, _RECUP: _QUAL, _VALI: _VALI, _QUAL: _QUAL},
    IdentityEvent.VITALE_APP_READ: {_PROV: _QUAL, _RECUP: _QUAL, _VALI: _QUAL, _QUAL: _QUAL},
    IdentityEvent.INS_WITHDRAWN: {_RECUP: _PROV, _QUAL: _VALI},
    IdentityEvent.TRAIT_EDITED: {_PROV: _PROV, _RECUP: _RECUP, _VALI: _PROV, _QUAL: _RECUP},
    IdentityEvent.PROOF_INVALIDATED: {_VALI: _PROV, _QUAL: _RECUP},
}
#: Events that raise trust: closed to a doubtful or fictitious identity, that must stay provisional.
_RAISING: Final = frozenset({IdentityEvent.INS_RETRIEVED, IdentityEvent.PROOF_CHECKED, IdentityEvent.VITALE_APP_READ})
_FORCES_PROVISIONAL: Final = frozenset({IdentityAttribute.DOUBTFUL, IdentityAttribute.FICTITIOUS})


class Reliability(msgspec.Struct, frozen=True):
    """Status and attributes of one identity. ``after``, ``marked`` and ``unmarked`` give the next one.

    >>> Reliability().after(IdentityEvent.INS_RETRIEVED).after(IdentityEvent.PROOF_CHECKED).status
    <IdentityStatus.QUALIFIED: 'QUAL'>
    """

    status: IdentityStatus = IdentityStatus.PROVISIONAL
    attributes: frozenset[IdentityAttribute] = frozenset()

    def __post_init__(self) -> None:
        if self.attributes >= _FORCES_PROVISIONAL:
            raise _doubtful_and_fictitious()
        if self.is_barred and self.status is not _PROV:
            raise _barred()

    @property
    def has_ins(self) -> bool:
        """Whether an identity of this reliability holds an active INS."""
        return self.status in (_RECUP, _QUAL)

    @property
    def may_send_ins(self) -> bool:
        """Whether the INS may leave for another system: qualified alone."""
        return self.status is _QUAL

    @property
    def is_barred(self) -> bool:
        """Doubtful or fictitious: provisional, without INS, and INSi must not be called."""
        return bool(self.attributes & _FORCES_PROVISIONAL)

    def after(self, event: IdentityEvent) -> Reliability:
        """The reliability once ``event`` happened. Raises ``Conflict`` when the rules forbid it here."""
        if self.is_barred and event in _RAISING:
            raise _barred()
        status = TRANSITIONS[event].get(self.status)
        if status is None:
            raise Conflict(
                "TransitionRefused",
                Text(
                    f"L'événement {event} ne s'applique pas à une identité {self.status}.",
                    f"Event {event} does not apply to an identity {self.status}.",
                ),
                requirement="RNIV 1 §3.2.3",
            )
        return Reliability(status, self.attributes)

    def marked(self, attribute: IdentityAttribute) -> Reliability:
        """With ``attribute`` set: doubtful and fictitious make the identity provisional, and exclude each other."""
        attributes = self.attributes | {attribute}
        if attributes >= _FORCES_PROVISIONAL:
            raise _doubtful_and_fictitious()
        return Reliability(_PROV if attributes & _FORCES_PROVISIONAL else self.status, attributes)

    def unmarked(self, attribute: IdentityAttribute) -> Reliability:
        """With ``attribute`` lifted. The status stays: trust must be earned again."""
        return Reliability(self.status, self.attributes - {attribute})


def _barred() -> Conflict:
    return Conflict(
        "IdentityBarred",
        Text(
            "Une identité douteuse ou fictive reste provisoire, sans INS.",
            "A doubtful or fictitious identity stays provisional, without INS.",
        ),
        remedy=Text("Levez d'abord l'attribut.", "Lift the attribute first."),
        requirement="EXI SI 09; fr-core-identity-reliability-1",
    )


def _doubtful_and_fictitious() -> Conflict:
    return Conflict(
        "DoubtfulAndFictitious",
        Text(
            "Une identité ne peut être à la fois douteuse et fictive.",
            "An identity cannot be both doubtful and fictitious.",
        ),
        requirement="EXI SI 09; fr-core-identity-reliability-2",
    )
