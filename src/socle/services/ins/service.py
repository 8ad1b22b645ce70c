"""The use cases of identities: the only door of this service for other services and portals."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from uuid import UUID, uuid4

import asyncpg
from msgspec.structs import replace

from socle.platform.actor import Actor, AuthenticationMode
from socle.platform.audit import Action
from socle.platform.base import Base
from socle.platform.database import Connection
from socle.platform.patient_key import patient_key
from socle.platform.switches import Switches, no_switches
from socle.services.ins import rules, store
from socle.services.ins.batches import Batches
from socle.services.ins.domain import (
    BASE_DOMAIN,
    Identity,
    IdentityChange,
    Merge,
    Person,
)
from socle.services.ins.reconciliation import Reconciliation
from socle.services.ins.records import Records
from socle.services.ins.rules import Act
from socle.services.ins.teleservice import Insi, Rehearsal, Teleservice, no_rehearsal
from socle.services.ins.vitale_app import ApcvDecoder, SandboxApcv
from socle.standards.errors import Conflict, NotFound, Text
from socle.standards.ids.ins import Ins
from socle.standards.ids.status import (
    CollectionMethod,
    IdentityAttribute,
    ManagementCode,
    ProofDocument,
)
from socle.standards.ids.traits import Traits, admissible_name, parse_birth_date, parse_name

#: An INS is verified again after so long (RNIV: three to five years).
VERIFICATION_PERIOD = timedelta(days=3 * 365)
#: More people than this of one name and one birth date are not looked at.
_NAMESAKES = 200


class InsService:
    """Identities of a domain, and INSi for them.

    ``teleservice`` is the base's own INSi; ``insi`` is the one that is asked: the same unless another is given (the
    national service, by configuration). ``batches`` verifies lots, ``reconciliation`` settles duplicates.
    """

    def __init__(
        self,
        base: Base,
        insi: Insi | None = None,
        rehearse: Rehearsal = no_rehearsal,
        vitale_app: ApcvDecoder | None = None,
        switches: Switches = no_switches,
    ) -> None:
        self.base = base
        self.teleservice = Teleservice(base, rehearse, switches)
        self.insi: Insi = insi or self.teleservice
        self.batches = Batches(base, self.insi, rehearse)
        self.vitale_app: ApcvDecoder = vitale_app or SandboxApcv(base)
        self.records = Records(base)
        self.reconciliation = Reconciliation(base, self.records)

    # Read ------------------------------------------------------------------------------------------------------------

    async def find(self, connection: Connection, ins: Ins) -> Identity | None:
        """The active identity of the base that holds ``ins``, in the caller's transaction, which leaves the trace.

        One statement, by key. May documents be fed? Ask ``identity.sendable_ins``.
        """
        return await store.find_holder(connection, ins, BASE_DOMAIN)

    async def find_successor(self, connection: Connection, ins: Ins) -> Ins | None:
        """The INS in force of who bore ``ins`` before, in the caller's transaction."""
        return await store.find_successor(connection, ins)

    async def find_bearer(self, traits: Traits) -> Ins | None:
        """The INS of the one person of the base, qualified, who bears these five traits: for a citizen who logs in.

        Nothing is shown by it: the login leaves the trace.
        """
        async with self.base.database.transaction(read_only=True) as connection:
            found = await store.search_identities(
                connection, BASE_DOMAIN, traits.birth_date, traits.birth_name, traits.first_given_name, _NAMESAKES
            )
        bearers = {one.ins for one in found if one.sendable_ins and one.traits.five == traits.five}
        return bearers.pop() if len(bearers) == 1 else None

    async def read(self, actor: Actor, local_id: str, domain: str = BASE_DOMAIN) -> Identity:
        """One identity. Raises ``NotFound``."""
        right = rules.require(actor, Act.READ)
        async with self.base.database.transaction() as connection:
            identity = await self.records.existing(connection, local_id, domain)
            await self.records.trace(connection, actor, Action.READ, "ins.read", right, identity.key)
            return identity

    async def holder(self, actor: Actor, ins: Ins) -> Identity:
        """The person of ``ins``: for professionals, and for the person or who acts for them. Raises ``NotFound``."""
        is_own = actor.patient == ins and actor.authentication is AuthenticationMode.CITIZEN
        right = "holder" if is_own else rules.require(actor, Act.READ)
        async with self.base.database.transaction() as connection:
            identity = await store.find_holder(connection, ins, BASE_DOMAIN)
            if identity is None:
                raise NotFound(
                    "INSUnknown", Text("Cet INS n'est pas connu de la base.", "This INS is not known to the base.")
                )
            await self.records.trace(connection, actor, Action.READ, "ins.read", right, identity.key)
            return identity

    async def search(
        self, actor: Actor, birth_date: str, name: str, given: str = "", *, domain: str = BASE_DOMAIN, count: int = 20
    ) -> list[Identity]:
        """Identities by birth date and the first letters of names, birth and used names together (EXI SI 01)."""
        right = rules.require(actor, Act.READ)
        rules.check_local_id("-", domain)
        async with self.base.database.transaction() as connection:
            found = await store.search_identities(
                connection,
                domain,
                parse_birth_date(birth_date),
                parse_name(name, "name") if name else "",
                parse_name(given, "given") if given else "",
                max(1, min(count, 100)),
            )
            keys = [identity.key for identity in found]
            await self.records.trace(connection, actor, Action.READ, "ins.search", right, *keys)
            return found

    async def history(
        self, actor: Actor, local_id: str, domain: str = BASE_DOMAIN, count: int = 100
    ) -> list[IdentityChange]:
        """Every change of an identity, newest first."""
        right = rules.require(actor, Act.READ)
        async with self.base.database.transaction() as connection:
            identity = await self.records.existing(connection, local_id, domain)
            changes = await store.find_changes(connection, local_id, domain, count)
            await self.records.trace(connection, actor, Action.READ, "ins.history", right, identity.key)
            return changes

    # Create and qualify ----------------------------------------------------------------------------------------------

    async def register(
        self,
        actor: Actor,
        traits: Traits,
        *,
        local_id: str = "",
        domain: str = BASE_DOMAIN,
        method: CollectionMethod = CollectionMethod.TYPED,
    ) -> Identity:
        """Creates a provisional identity, and proposes those that may be the same person.

        Search first (EXI SI 01). Raises ``Conflict`` (``LocalIdTaken``).
        """
        right = rules.require(actor, Act.WRITE)
        local_id = local_id or uuid4().hex
        rules.check_local_id(local_id, domain)
        identity = rules.key_of(
            Identity(
                key=UUID(int=0),
                local_id=local_id,
                domain=domain,
                traits=traits,
                method=method,
                comments=frozenset({ManagementCode.NOT_YET_QUALIFIED}),
            )
        )
        async with self.base.database.transaction() as connection:
            await store.lock_local_id(connection, identity.local_id, domain)
            if await store.find_identity(connection, identity.local_id, domain):
                raise Conflict("LocalIdTaken", Text("Cet identifiant local est pris.", "This local id is taken."))
            await self.records.save(connection, actor, "register", None, identity)
            await self.records.propose(connection, identity)
            await self.records.trace(connection, actor, Action.CREATE, "ins.register", right, identity.key)
        return identity

    async def admit(self, actor: Actor, person: Person, *, used_name: str = "") -> Identity:
        """Sandbox: gives the base a qualified identity of ``person`` at once, whose documents can then be fed.

        The authority comes to know him if it does not yet; what it knows already is not changed. Doing it again changes
        nothing.
        """
        right = rules.require(actor, Act.ENROL)
        async with self.base.database.transaction(read_only=True) as connection:
            known = await store.find_person(connection, person.ins)
        if known is None:
            await self.teleservice.enrol(actor, [person])
            known = person
        async with self.base.database.transaction() as connection:
            await store.lock_local_id(connection, person.ins.to_cx(), BASE_DOMAIN)
            if held := await store.find_holder(connection, person.ins, BASE_DOMAIN):
                return held
            traits = replace(known.traits, used_name=admissible_name(used_name))
            identity = rules.qualified_identity(replace(known, traits=traits))
            if await store.find_identity(connection, identity.local_id, BASE_DOMAIN):
                # The identity of this person lost its INS: it stays on the worklist, under its own name.
                identity = replace(identity, local_id=uuid4().hex)
            identity = replace(identity, verified_at=self.base.clock())
            await self.records.save(connection, actor, "admit", None, identity)
            await self.records.trace(connection, actor, Action.CREATE, "ins.admit", right, identity.key)
        return identity

    async def accept_ins(
        self,
        actor: Actor,
        local_id: str,
        person: Person,
        *,
        method: CollectionMethod = CollectionMethod.INSI,
        domain: str = BASE_DOMAIN,
    ) -> Identity:
        """An operator compared what INSi returned with the identity, and accepted it; INSi confirms it once more.

        Raises ``Unavailable`` when INSi is down, ``Conflict``: ``InsNotConfirmed``, ``IdentityBarred``, or
        ``InsHeldByAnother`` when another identity holds this INS; the pair is then proposed as duplicate or collision.
        """
        if method is CollectionMethod.VITALE_APP or not await self.insi.verify(actor, rules.claim_of(person)):
            raise Conflict(
                "InsNotConfirmed",
                Text("INSi ne confirme pas cet INS et ces traits.", "INSi does not confirm this INS and these traits."),
                remedy=Text("Interrogez INSi de nouveau.", "Ask INSi again."),
                requirement="RNIV 1, récupération de l'INS",
            )
        return await self._give_ins(actor, local_id, domain, "accept_ins", person, method)

    async def read_vitale_app(self, actor: Actor, local_id: str, code: str, domain: str = BASE_DOMAIN) -> Identity:
        """Takes the identity from the Appli carte Vitale: qualified at once, without asking INSi.

        Raises ``InvalidContent`` (``VitaleContext``), and the same ``Conflict`` as ``accept_ins``.
        """
        rules.require(actor, Act.WRITE)
        person = await self.vitale_app.decode(code)
        method = CollectionMethod.VITALE_APP
        return await self._give_ins(actor, local_id, domain, "read_vitale_app", person, method)

    async def _give_ins(
        self, actor: Actor, local_id: str, domain: str, event: str, person: Person, method: CollectionMethod
    ) -> Identity:
        rules.check_environment(person.ins, is_sandbox=self.base.settings.is_sandbox)
        now = self.base.clock()
        try:
            return await self._change(
                actor, local_id, domain, event, lambda one: rules.with_ins(one, person, method, now)
            )
        except asyncpg.UniqueViolationError:
            async with self.base.database.transaction() as connection:
                await self.records.propose_holder(connection, person, local_id, domain)
            raise _held_by_another() from None

    async def check_proof(
        self, actor: Actor, local_id: str, proof: ProofDocument, on: date, domain: str = BASE_DOMAIN
    ) -> Identity:
        """A document of high confidence was checked and agrees with the identity's traits."""
        return await self._change(
            actor,
            local_id,
            domain,
            "check_proof",
            lambda one: rules.with_proof(one, proof, on),
            evidence=proof,
            evidence_date=on,
        )

    async def edit_traits(self, actor: Actor, local_id: str, traits: Traits, domain: str = BASE_DOMAIN) -> Identity:
        """Traits were typed anew; a strict one that changes takes the proof away."""
        return await self._change(
            actor, local_id, domain, "edit_traits", lambda one: rules.with_traits(one, traits), proposes=True
        )

    async def invalidate_proof(self, actor: Actor, local_id: str, domain: str = BASE_DOMAIN) -> Identity:
        """The check of the document was wrong."""
        return await self._change(actor, local_id, domain, "invalidate_proof", rules.without_proof)

    async def mark(
        self, actor: Actor, local_id: str, attribute: IdentityAttribute, domain: str = BASE_DOMAIN
    ) -> Identity:
        """Sets *douteuse*, *fictive* or *homonyme*; the first two take status and INS away."""
        return await self._change(
            actor, local_id, domain, f"mark:{attribute}", lambda one: rules.marked(one, attribute)
        )

    async def unmark(
        self, actor: Actor, local_id: str, attribute: IdentityAttribute, domain: str = BASE_DOMAIN
    ) -> Identity:
        """Lifts an attribute; trust must then be earned again."""
        return await self._change(
            actor, local_id, domain, f"unmark:{attribute}", lambda one: rules.unmarked(one, attribute)
        )

    async def verify(self, actor: Actor, local_id: str, domain: str = BASE_DOMAIN) -> Identity:
        """Asks INSi whether the INS of an identity is still right. If not, the INS leaves it and it is to be mended."""
        identity = await self.read(actor, local_id, domain)
        if identity.ins is None:
            raise Conflict("NoIns", Text("Cette identité n'a pas d'INS.", "This identity has no INS."))
        is_right = await self.insi.verify(actor, rules.claim_of(identity))
        now = self.base.clock()
        return await self._change(
            actor,
            local_id,
            domain,
            "verify:OK" if is_right else "verify:KO",
            (lambda one: replace(one, verified_at=now)) if is_right else rules.without_ins,
        )

    async def note_moved(self, connection: Connection, merge: Merge, kind: str, object_ids: Sequence[str]) -> None:
        """See ``Reconciliation.note_moved``."""
        await self.reconciliation.note_moved(connection, merge, kind, object_ids)

    async def take_moved(self, connection: Connection, merge: Merge, kind: str) -> list[str]:
        """See ``Reconciliation.take_moved``."""
        return await self.reconciliation.take_moved(connection, merge, kind)

    # Bulk ------------------------------------------------------------------------------------------------------------

    async def load(self, actor: Actor, persons: Sequence[Person]) -> int:
        """Loads new persons, known to the authority and qualified in the base. Those already there are left alone.

        One trace for the whole load. Returns how many were new.
        """
        right = rules.require(actor, Act.ENROL)
        now = self.base.clock()
        async with self.base.database.transaction() as connection:
            known = await store.known_keys(connection, (person.ins for person in persons))
            new = [person for person in persons if patient_key(person.ins) not in known]
            await store.copy_persons(connection, new, now)
            await store.copy_identities(
                connection, (replace(rules.qualified_identity(person), verified_at=now) for person in new)
            )
            await self.records.trace(connection, actor, Action.CREATE, "ins.load", right, None)
        return len(new)

    async def verify_due(self, actor: Actor, count: int = 500) -> int:
        """Verifies again the identities whose INS was last confirmed too long ago; returns how many were wrong."""
        rules.require(actor, Act.WRITE)
        before = self.base.clock() - VERIFICATION_PERIOD
        async with self.base.database.transaction(read_only=True) as connection:
            due = await store.identities_to_verify(connection, BASE_DOMAIN, before, count)
        wrong = 0
        for identity in due:
            # Someone may change it meanwhile: it is then looked at again next time.
            with contextlib.suppress(Conflict, NotFound):
                wrong += (await self.verify(actor, identity.local_id)).ins is None
        return wrong

    # Inside ----------------------------------------------------------------------------------------------------------

    async def _change(
        self,
        actor: Actor,
        local_id: str,
        domain: str,
        event: str,
        change: Callable[[Identity], Identity],
        *,
        evidence: str = "",
        evidence_date: date | None = None,
        proposes: bool = False,
    ) -> Identity:
        right = rules.require(actor, Act.WRITE)
        async with self.base.database.transaction() as connection:
            before = await self.records.existing(connection, local_id, domain, lock=True)
            if not before.is_active:
                raise Conflict("IdentityDeactivated", Text("Cette identité est désactivée.", "It is deactivated."))
            after = change(before)
            await self.records.save(connection, actor, event, before, after, evidence, evidence_date)
            if proposes:
                await self.records.propose(connection, after)
            name = f"ins.{event.partition(':')[0]}"
            await self.records.trace(connection, actor, Action.UPDATE, name, right, before.key, after.key)
        return after


def _held_by_another() -> Conflict:
    return Conflict(
        "InsHeldByAnother",
        Text("Une autre identité porte déjà cet INS.", "Another identity holds this INS already."),
        remedy=Text(
            "C'est un doublon ou une collision : traitez-le dans la liste de travail.",
            "It is a duplicate or a collision: settle it in the worklist.",
        ),
        requirement="RNIV 1, doublons et collisions",
    )
