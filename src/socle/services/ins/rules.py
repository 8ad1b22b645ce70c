"""Decisions on identities, pure: who may act, what an event makes of an identity, when two may become one.

Source: identity fact sheet §1.4, §1.6, §1.7, §1.8; RNIV 1 v2.0.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from socle.platform.actor import Actor, ActorKind
from socle.platform.patient_key import owner_key, patient_key
from socle.services.ins.domain import Claim, FormerIns, Identity, Person
from socle.standards.errors import Conflict, Forbidden, InvalidContent, Text
from socle.standards.ids.ins import OID_NIR_DEMO, OID_NIR_TEST, Ins
from socle.standards.ids.status import (
    CollectionMethod,
    IdentityAttribute,
    IdentityEvent,
    IdentityStatus,
    ManagementCode,
    ProofDocument,
    Reliability,
)
from socle.standards.ids.traits import Traits


class Act(StrEnum):
    """What an actor may want to do here."""

    QUERY_INSI = "query_insi"
    READ = "read"
    WRITE = "write"
    #: Merge, unmerge, decide duplicates: the identitovigilance cell alone.
    RECONCILE = "reconcile"
    #: Feed the authority's base: the sandbox and its operator.
    ENROL = "enrol"


_CARE = frozenset({ActorKind.PROFESSIONAL, ActorKind.SYSTEM, ActorKind.OPERATOR})
_LOCAL: Final = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,100}")
#: Who may do what. What is not here is refused.
RIGHTS: Final[dict[Act, frozenset[ActorKind]]] = {
    Act.QUERY_INSI: _CARE | {ActorKind.BASE},
    Act.READ: _CARE | {ActorKind.BASE},
    Act.WRITE: _CARE | {ActorKind.BASE},
    Act.RECONCILE: frozenset({ActorKind.OPERATOR}),
    Act.ENROL: frozenset({ActorKind.OPERATOR, ActorKind.BASE}),
}


def require(actor: Actor, act: Act) -> str:
    """The name of the rule that allows ``act``. Raises ``Forbidden``."""
    if actor.kind not in RIGHTS[act]:
        raise Forbidden(
            "InsActForbidden",
            Text("Cet acte ne vous est pas ouvert.", "You may not do this."),
            requirement="RNIV 1 §1.7, cellule d'identitovigilance" if act is Act.RECONCILE else "RNIV 1",
        )
    return f"ins:{act}:{actor.kind}"


def check_environment(ins: Ins, *, is_sandbox: bool) -> None:
    """Refuses the INS of a fictitious person outside the sandbox."""
    if not is_sandbox and ins.oid in (OID_NIR_TEST, OID_NIR_DEMO):
        raise InvalidContent(
            "TestInsRefused",
            Text("Un INS de test n'est pas admis en production.", "A test INS is not accepted in production."),
            requirement="Référentiel INS, OID de test",
        )


def check_local_id(local_id: str, domain: str) -> None:
    """Refuses a local id or a domain that no system gives: empty, over 100 characters, or with control characters."""
    if not (_LOCAL.fullmatch(local_id) and _LOCAL.fullmatch(domain)):
        raise InvalidContent(
            "LocalId",
            Text("L'identifiant local ou son domaine est mal formé.", "The local id or its domain is malformed."),
            location="local_id",
        )


def bears_given_names(person: Person, asked: tuple[str, ...]) -> bool:
    """Whether every first name asked for is one of the person's: all words of each, in any position."""
    words = person.traits.given_names.split()
    return all(word in words for name in asked for word in name.split())


def key_of(identity: Identity) -> Identity:
    """The identity with the key that its INS, or lack of one, gives it."""
    key = patient_key(identity.ins) if identity.ins else owner_key("identity", f"{identity.domain}|{identity.local_id}")
    return replace(identity, key=key)


def qualified_identity(person: Person) -> Identity:
    """An identity of the base, qualified, for a fictitious person; its local id comes from the INS."""
    return key_of(
        Identity(
            key=UUID(int=0),
            local_id=patient_key(person.ins).hex,
            ins=person.ins,
            traits=person.traits,
            reliability=Reliability(IdentityStatus.QUALIFIED),
            method=CollectionMethod.INSI,
            proof=ProofDocument.IDENTITY_CARD,
            former=person.former,
        )
    )


def claim_of(one: Identity | Person) -> Claim:
    """What is asked of INSi to verify the INS of an identity that holds one, or of a person."""
    assert one.ins is not None
    traits = one.traits
    return Claim(
        id=one.local_id if isinstance(one, Identity) else "",
        matricule=one.ins.matricule,
        oid=one.ins.oid,
        birth_name=traits.birth_name,
        given_names=traits.given_names,
        sex=traits.sex,
        birth_date=traits.birth_date,
        birth_place=traits.birth_place or "",
    )


def with_ins(identity: Identity, person: Person, method: CollectionMethod, now: datetime) -> Identity:
    """After an operator accepted what INSi (or the Appli carte Vitale) returned: its traits replace those typed."""
    event = IdentityEvent.VITALE_APP_READ if method is CollectionMethod.VITALE_APP else IdentityEvent.INS_RETRIEVED
    given = identity.traits
    first = given.first_given_name
    known = person.traits
    keeps_first = known.given_names == first or known.given_names.startswith(first + " ")
    traits = replace(
        known,
        first_given_name=first if keeps_first else known.first_given_name,
        used_name=given.used_name,
        used_given_name=given.used_given_name,
    )
    left = (FormerIns(identity.ins),) if identity.ins and identity.ins != person.ins else ()
    return key_of(
        replace(
            identity,
            ins=person.ins,
            traits=traits,
            reliability=identity.reliability.after(event),
            method=method,
            verified_at=now,
            former=_distinct(left + person.former + identity.former, person.ins),
            comments=identity.comments - {ManagementCode.NOT_YET_QUALIFIED, ManagementCode.INVALIDATED},
        )
    )


def with_proof(identity: Identity, proof: ProofDocument, on: date) -> Identity:
    """After a document of high confidence was checked."""
    reliability = identity.reliability.after(IdentityEvent.PROOF_CHECKED)
    return replace(identity, reliability=reliability, proof=proof, proof_date=on)


def without_ins(identity: Identity) -> Identity:
    """After INSi answered that the INS is wrong, or it was withdrawn: kept as former, and put on the worklist."""
    return _left_ins(
        replace(
            identity,
            reliability=identity.reliability.after(IdentityEvent.INS_WITHDRAWN),
            comments=identity.comments | {ManagementCode.INVALIDATED},
        )
    )


def with_traits(identity: Identity, traits: Traits) -> Identity:
    """After traits were typed anew: a strict trait that changes costs the proof."""
    edited = replace(identity, traits=traits)
    if (identity.traits.five, identity.traits.first_given_name) == (traits.five, traits.first_given_name):
        return edited
    reliability = identity.reliability.after(IdentityEvent.TRAIT_EDITED)
    return _without_proof(replace(edited, reliability=reliability))


def without_proof(identity: Identity) -> Identity:
    """After the check of the document was found to be wrong."""
    return _without_proof(replace(identity, reliability=identity.reliability.after(IdentityEvent.PROOF_INVALIDATED)))


def marked(identity: Identity, attribute: IdentityAttribute) -> Identity:
    """With an attribute set; doubtful and fictitious take status and INS away."""
    after = replace(identity, reliability=identity.reliability.marked(attribute))
    return _without_proof(_left_ins(after)) if after.reliability.is_barred else after


def unmarked(identity: Identity, attribute: IdentityAttribute) -> Identity:
    """With an attribute lifted."""
    return replace(identity, reliability=identity.reliability.unmarked(attribute))


def merged(survivor: Identity, absorbed: Identity, successor: Ins | None) -> tuple[Identity, Identity]:
    """Survivor and absorbed after the merge.

    ``successor`` is the INS in force when the authority says that one of their two INS follows the other.
    Raises ``Conflict`` when two different INS are not so resolved, or one of the two is not fit to be merged.
    """
    if survivor.domain != absorbed.domain or survivor.local_id == absorbed.local_id:
        raise _merge_refused("ce ne sont pas deux identités d'un domaine", "they are not two identities of one domain")
    if not (survivor.is_active and absorbed.is_active):
        raise _merge_refused("l'une est désactivée", "one is deactivated")
    if survivor.reliability.is_barred or absorbed.reliability.is_barred:
        raise _merge_refused("l'une est douteuse ou fictive", "one is doubtful or fictitious")
    if survivor.ins and absorbed.ins and successor not in (survivor.ins, absorbed.ins):
        raise _merge_refused("elles portent deux INS différents", "they hold two different INS")
    best = survivor
    if survivor.ins is None and absorbed.ins is not None and _rank(absorbed) > _rank(survivor):
        best = absorbed
    elif survivor.ins and absorbed.ins:
        best = survivor if successor == survivor.ins else absorbed
    left = tuple(FormerIns(one.ins) for one in (survivor, absorbed) if one.ins and one.ins != best.ins)
    after = key_of(
        replace(
            best,
            local_id=survivor.local_id,
            reliability=Reliability(best.status, survivor.reliability.attributes | absorbed.reliability.attributes),
            former=_distinct(left + survivor.former + absorbed.former, best.ins),
            comments=survivor.comments - {ManagementCode.POTENTIAL_DUPLICATE},
        )
    )
    gone = _left_ins(
        replace(
            absorbed,
            reliability=Reliability(IdentityStatus.PROVISIONAL, absorbed.reliability.attributes),
            is_active=False,
            replaced_by=survivor.local_id,
            comments=absorbed.comments | {ManagementCode.PROVEN_DUPLICATE, ManagementCode.DEACTIVATED},
        )
    )
    return after, gone


def _left_ins(identity: Identity) -> Identity:
    left = (FormerIns(identity.ins),) if identity.ins else ()
    return key_of(replace(identity, ins=None, verified_at=None, former=_distinct(left + identity.former, None)))


def _without_proof(identity: Identity) -> Identity:
    return replace(identity, proof=None, proof_date=None)


def _distinct(history: tuple[FormerIns, ...], active: Ins | None) -> tuple[FormerIns, ...]:
    """INSi may repeat an INS, and even the active one: one line for each that is no longer in force."""
    lines: dict[Ins, FormerIns] = {}
    for line in history:
        if line.ins != active:
            lines.setdefault(line.ins, line)
    return tuple(lines.values())


_RANKS: Final = {
    IdentityStatus.PROVISIONAL: 0,
    IdentityStatus.RETRIEVED: 1,
    IdentityStatus.VALIDATED: 1,
    IdentityStatus.QUALIFIED: 2,
}


def _rank(identity: Identity) -> int:
    return _RANKS[identity.status]


def _merge_refused(why_fr: str, why_en: str) -> Conflict:
    return Conflict(
        "MergeRefused",
        Text(f"Ces identités ne peuvent être fusionnées : {why_fr}.", f"These identities cannot be merged: {why_en}."),
        remedy=Text("Réglez ce point d'abord.", "Settle this first."),
        requirement="RNIV 1, fusion d'identités",
    )
