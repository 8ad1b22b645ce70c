"""Who may do what with a DMP: pure decisions, each with the name of its rule.

``decide`` answers for a record, ``sight_of`` says which of its documents the caller sees, ``decide_deposit`` and
``decide_visibility_change`` answer for one document. Everything that is not allowed here is refused.

Order of ``decide`` (fact sheet "dmp-exchange" §6.2; "citizen" §10.2): credential bound to another patient, record
missing or closed, kind of actor, authentication mode, block, purpose, authorisation, matrix.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from socle.platform.actor import CITIZENS, Actor, ActorKind, AuthenticationMode, Purpose
from socle.services.dmp.domain import (
    CallerRights,
    Function,
    Mandate,
    MandateKind,
    MandateScope,
    Record,
    RecordState,
)
from socle.services.dmp.matrice import Matrix, column_of
from socle.standards.xds.model import DocumentEntry, Status, Visibility

F = Function

#: Bits of a document's visibility, as the store keeps it.
BITS: Final = {
    Visibility.MASQUE_PS: 1,
    Visibility.INVISIBLE_PATIENT: 2,
    Visibility.INVISIBLE_REPRESENTANTS_LEGAUX: 4,
}
MASKED, UNANNOUNCED, SECRET_OF_MINOR = BITS.values()

#: Sectors whose structures regulate emergency calls, besides the structures that the operator names.
REGULATION_SECTORS: Final = frozenset({"SA50"})
SIGNATURE_CLASS: Final = "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1"

_LIFE = frozenset({F.OPEN, F.REOPEN, F.CLOSE, F.READ_IDENTITY})
_READING = frozenset({F.SEARCH, F.CONSULT})
_CHANGING = frozenset({F.MASK, F.RELEASE, F.DELETE, F.ARCHIVE})
_TRAITANT_ONLY = frozenset({F.LIST_AUTHORIZATIONS, F.BLOCK, F.READ_TRACES})
_PROFESSIONAL = (
    _LIFE
    | _READING
    | _CHANGING
    | _TRAITANT_ONLY
    | {F.TEST_EXISTENCE, F.AUTHORIZE, F.LIST_AUTHORIZED_RECORDS, F.FEED, F.LOCATE}
)
_WITHOUT_CONSULTATION = _LIFE | {F.TEST_EXISTENCE, F.FEED, F.LOCATE, F.DELETE}

#: What each way of proving identity opens to professionals and software (fact sheet §4.5).
FUNCTIONS_BY_MODE: Final = {
    AuthenticationMode.DIRECTE: _PROFESSIONAL,
    AuthenticationMode.INDIRECTE_RENFORCEE: _PROFESSIONAL,
    AuthenticationMode.INDIRECTE: _WITHOUT_CONSULTATION,
}
#: First digit of a PS_IdNat that names a person with a CPS; the others are employees (CPE).
_CPS_PREFIXES: Final = ("0", "8")

_HOLDER = frozenset(F) - {F.LIST_AUTHORIZED_RECORDS, F.MAINTAIN}
_MINOR_HOLDER = _HOLDER - {F.OPEN, F.REOPEN, F.CLOSE, F.SETTINGS, F.MANDATE}
_DELEGATE_READS = frozenset({F.TEST_EXISTENCE, F.LOCATE, F.LIST_AUTHORIZATIONS, F.READ_TRACES}) | _READING
_DELEGATE_MANAGES = _DELEGATE_READS | {F.FEED, F.MASK, F.DELETE, F.ARCHIVE, F.BLOCK, F.AUTHORIZE}
_OF_CLOSED = _READING | {F.TEST_EXISTENCE, F.LOCATE, F.READ_TRACES, F.READ_IDENTITY, F.REOPEN, F.CLOSE}
_OPERATOR = frozenset({F.TEST_EXISTENCE, F.OPEN, F.CLOSE, F.REOPEN, F.MANDATE, F.MAINTAIN})
#: What is asked of a record that is not open, whoever asks.
_BEFORE_OPENING = frozenset({F.TEST_EXISTENCE, F.OPEN, F.MAINTAIN})


class Policy(msgspec.Struct, frozen=True):
    """What the operator settles."""

    matrix: Matrix
    regulation_centres: frozenset[str] = frozenset()


class Allowed(msgspec.Struct, frozen=True):
    """Yes, under ``rule``: the right that the trace names."""

    rule: str


class Refused(msgspec.Struct, frozen=True):
    """No, by ``rule``. ``errors.refusal`` makes the sentence."""

    rule: str


Decision = Allowed | Refused


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """Which documents of a record a caller sees. ``sees`` evaluates it, and so does ``dmp_sees`` in SQL.

    ``types`` is ``None`` when the matrix does not apply. ``hidden_by`` are the visibility bits that hide from this
    caller. ``owners`` are the ids under which documents are the caller's own, seen whatever their visibility.
    """

    now: datetime
    owners: frozenset[str]
    types: frozenset[str] | None = frozenset()
    hidden_by: int = MASKED | UNANNOUNCED | SECRET_OF_MINOR
    only_own: bool = False


class DocumentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What decides whether a document is seen. ``announced_at``: from when ``INVISIBLE_PATIENT`` hides no more."""

    status: Status
    type_key: str
    visibility: int
    owner_ids: frozenset[str]
    announced_at: datetime | None = None


def visibility_bits(codes: frozenset[Visibility]) -> int:
    """The bits of ``codes``."""
    return sum(BITS[code] for code in codes)


def visibility_of(entry: DocumentEntry) -> frozenset[Visibility]:
    """The visibility codes among the confidentiality codes of ``entry``."""
    return frozenset(Visibility(c.code) for c in entry.confidentiality_codes if c.code in Visibility.__members__)


def is_signature(entry: DocumentEntry) -> bool:
    """Whether ``entry`` is the XAdES document of a submission, which is no one's health data."""
    return entry.class_code.code == SIGNATURE_CLASS


def decide(
    function: Function, actor: Actor, record: Record | None, rights: CallerRights, now: datetime, policy: Policy
) -> Decision:
    """Whether ``actor`` may use ``function`` on ``record`` at ``now``."""
    if actor.patient is not None and record is not None and actor.patient != record.ins:
        return Refused("credential-of-another-patient")
    kind = actor.kind
    if kind in {ActorKind.PROFESSIONAL, ActorKind.SYSTEM}:
        return _check_state(function, record) or _decide_professional(function, actor, record, rights, now, policy)
    if kind in CITIZENS:
        return _decide_citizen(function, actor, record, rights, now)
    if function in _OPERATOR:
        return Allowed(kind.value)
    return Refused("function-not-for-actor")


def _check_state(function: Function, record: Record | None) -> Refused | None:
    if function in _BEFORE_OPENING or function is F.LIST_AUTHORIZED_RECORDS:
        return None
    if record is None or record.state not in {RecordState.ACTIVE, RecordState.CLOSED}:
        return Refused("record-unknown")
    if record.state is RecordState.CLOSED and function not in {F.REOPEN, F.READ_IDENTITY}:
        return Refused("record-closed")
    return None


def _decide_professional(
    function: Function, actor: Actor, record: Record | None, rights: CallerRights, now: datetime, policy: Policy
) -> Decision:
    open_to_mode = FUNCTIONS_BY_MODE.get(actor.authentication, frozenset())
    is_employee_card = (
        actor.authentication is AuthenticationMode.DIRECTE and actor.id[:1] not in _CPS_PREFIXES
    ) or actor.kind is ActorKind.SYSTEM
    if function not in open_to_mode or (is_employee_card and function not in _WITHOUT_CONSULTATION):
        return Refused("function-not-for-mode")
    if actor.is_secret and record is not None and not record.is_minor(now.date()):
        return Refused("secret-session-of-adult")
    if function is F.FEED:
        return _decide_feed(actor, rights, policy)
    if function in {F.LOCATE, *_CHANGING}:
        consults = record is not None and _decide_consultation(actor, record, rights, now, policy)
        return consults if isinstance(consults, Allowed) else Allowed("own-documents")
    if function in _TRAITANT_ONLY:
        if rights.is_blocked or not _is_traitant(rights, now):
            return Refused("medecin-traitant-only")
        return Allowed("medecin-traitant")
    if function is F.AUTHORIZE:
        return Refused("caller-blocked") if rights.is_blocked else Allowed("consent-of-the-day")
    if function in _READING and record is not None:
        return _decide_consultation(actor, record, rights, now, policy)
    return Allowed("professional")


def _decide_feed(actor: Actor, rights: CallerRights, policy: Policy) -> Decision:
    if rights.is_feed_opposed:
        return Refused("feed-opposed")
    if not policy.matrix.writable.get(column_of(actor)):
        return Refused("profession-does-not-deposit")
    return Allowed("feed")


def _is_traitant(rights: CallerRights, now: datetime) -> bool:
    given = rights.authorization
    return given is not None and given.is_medecin_traitant and given.is_valid(now)


def _decide_consultation(actor: Actor, record: Record, rights: CallerRights, now: datetime, policy: Policy) -> Decision:
    if F.CONSULT not in FUNCTIONS_BY_MODE[actor.authentication] or actor.kind is not ActorKind.PROFESSIONAL:
        return Refused("function-not-for-mode")
    if rights.is_blocked:
        return Refused("caller-blocked")
    if not policy.matrix.readable.get(column_of(actor)):
        return Refused("profession-does-not-read")
    if actor.purpose is Purpose.BRIS_DE_GLACE:
        return Allowed("bris-de-glace") if record.settings.allows_bris_de_glace else Refused("bris-de-glace-opposed")
    if actor.purpose is Purpose.CENTRE_15:
        if actor.structure not in policy.regulation_centres and actor.sector not in REGULATION_SECTORS:
            return Refused("not-a-regulation-centre")
        return Allowed("centre-15") if record.settings.allows_centre_15 else Refused("centre-15-opposed")
    given = rights.authorization
    if given is not None and given.is_valid(now):
        return Allowed("medecin-traitant" if given.is_medecin_traitant else "authorization")
    if record.settings.allows_care_teams and rights.care_team is not None and rights.care_team.is_valid(now):
        return Allowed("care-team")
    if given is not None and given.revoked_at is None:
        return Refused("authorization-expired")
    return Refused("authorization-required")


def _decide_citizen(
    function: Function, actor: Actor, record: Record | None, rights: CallerRights, now: datetime
) -> Decision:
    if actor.authentication is not AuthenticationMode.CITIZEN:
        return Refused("function-not-for-mode")
    if record is None:
        is_holder = actor.kind is ActorKind.PATIENT and actor.patient is not None
        return Allowed("holder") if is_holder and function in {F.TEST_EXISTENCE, F.OPEN} else Refused("record-unknown")
    is_minor = record.is_minor(now.date())
    granted: frozenset[Function]
    if actor.kind is ActorKind.PATIENT:
        if actor.patient is None:
            return Refused("credential-of-another-patient")
        granted = _MINOR_HOLDER if is_minor else _HOLDER
        rule = "holder"
    else:
        refused, granted = _check_mandate(actor, rights.mandate, record, now)
        if refused is not None:
            return refused
        rule = actor.kind.value
    if function not in granted:
        return Refused("function-not-for-actor")
    if record.state is RecordState.CLOSED and function not in _OF_CLOSED:
        return Refused("record-closed")
    if record.state not in {RecordState.ACTIVE, RecordState.CLOSED} and function not in _BEFORE_OPENING | {F.CLOSE}:
        return Refused("record-unknown")
    return Allowed(rule)


def _check_mandate(
    actor: Actor, mandate: Mandate | None, record: Record, now: datetime
) -> tuple[Refused | None, frozenset[Function]]:
    if mandate is None or mandate.agent_id != actor.id or not mandate.is_valid(now):
        return Refused("mandate-required"), frozenset()
    if actor.kind is ActorKind.REPRESENTATIVE:
        if mandate.kind is MandateKind.PARENT and not record.is_minor(now.date()):
            return Refused("holder-of-age"), frozenset()
        if mandate.kind not in {MandateKind.PARENT, MandateKind.TUTEUR}:
            return Refused("mandate-assists-only"), frozenset()
        return None, _HOLDER - {F.RELEASE}
    if mandate.kind is not MandateKind.DELEGATE:
        return Refused("mandate-required"), frozenset()
    if record.is_minor(mandate.starts_at.date()) and not record.is_minor(now.date()):
        # A minor chooses nobody: a representative did.
        return Refused("holder-of-age"), frozenset()
    return None, _DELEGATE_MANAGES if mandate.scope is MandateScope.MANAGE else _DELEGATE_READS


def sight_of(
    function: Function,
    allowed: Allowed,
    actor: Actor,
    record: Record,
    rights: CallerRights,
    now: datetime,
    policy: Policy,
) -> Sight:
    """Which documents of ``record`` the caller sees, once ``function`` is allowed (visibility matrix, §6.5)."""
    if actor.kind is ActorKind.PATIENT:
        return Sight(now=now, owners=frozenset({actor.id, record.ins.matricule}), types=None, hidden_by=UNANNOUNCED)
    if actor.kind in {ActorKind.REPRESENTATIVE, ActorKind.DELEGATE}:
        return Sight(now=now, owners=frozenset({actor.id}), types=None, hidden_by=UNANNOUNCED | SECRET_OF_MINOR)
    owners = own_ids(actor)
    if allowed.rule == "own-documents" or function is F.DELETE:
        return Sight(now=now, owners=owners, only_own=True)
    hidden_by = MASKED
    settings = record.settings
    is_emergency = allowed.rule in {"bris-de-glace", "centre-15"}
    if _is_traitant(rights, now):
        hidden_by = 0
    elif settings.masks_everything:
        return Sight(now=now, owners=owners, only_own=True)
    elif is_emergency and settings.allows_masked_in_emergency:
        hidden_by = 0
    return Sight(
        now=now, owners=owners, types=policy.matrix.readable.get(column_of(actor), frozenset()), hidden_by=hidden_by
    )


def own_ids(actor: Actor) -> frozenset[str]:
    """The ids under which a document is the actor's own: theirs; in indirect mode also their structure's."""
    if actor.authentication is AuthenticationMode.INDIRECTE and actor.structure:
        return frozenset({actor.id, f"structure:{actor.structure}"})
    return frozenset({actor.id})


def sees(sight: Sight, document: DocumentFacts) -> bool:
    """Whether ``document`` exists for the caller. The SQL function ``dmp_sees`` gives the same answer."""
    if document.status is Status.DELETED:
        return False
    if not sight.owners.isdisjoint(document.owner_ids):
        return True
    if sight.only_own or (sight.types is not None and document.type_key not in sight.types):
        return False
    bits = document.visibility
    if document.announced_at is not None and document.announced_at <= sight.now:
        bits &= ~UNANNOUNCED
    return bits & sight.hidden_by == 0


def decide_deposit(actor: Actor, type_key: str, policy: Policy) -> Decision:
    """Whether ``actor`` may deposit a document of the type ``type_key`` (``code^^system``)."""
    if policy.matrix.may_deposit(column_of(actor), type_key):
        return Allowed("feed")
    return Refused("type-not-for-profession")


def decide_visibility_change(
    actor: Actor, before: frozenset[Visibility], after: frozenset[Visibility], *, is_own: bool
) -> tuple[frozenset[Function], Refused | None]:
    """The functions that the change takes, and a refusal if it is nobody's to make in this way.

    Masking goes both ways. What hides from the patient's side is given back by a professional (and the minor's secret
    by the minor); it is added after deposit by the document's author alone.
    """
    changed = before ^ after
    functions: set[Function] = set()
    if Visibility.MASQUE_PS in changed:
        functions.add(F.MASK)
    for code in changed - {Visibility.MASQUE_PS}:
        functions.add(F.RELEASE)
        is_professional = actor.kind in {ActorKind.PROFESSIONAL, ActorKind.SYSTEM}
        if code in after and not (is_professional and is_own):
            return frozenset(functions), Refused("only-author-hides-from-patient")
        if code is Visibility.INVISIBLE_PATIENT and not is_professional:
            return frozenset(functions), Refused("only-professional-announces")
    return frozenset(functions), None
