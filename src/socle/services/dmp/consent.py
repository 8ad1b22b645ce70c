"""TD0.2 to TD0.4, TD1.6 and the citizen's powers: authorisations, blocks, settings, mandates.

A change of rights is in force when it is answered: see ``context``.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec

from socle.platform.actor import CITIZENS, Actor, ActorKind
from socle.platform.audit import Action, Subject
from socle.platform.database import Connection
from socle.services.dmp import record_store
from socle.services.dmp.context import DmpContext, Visit
from socle.services.dmp.domain import (
    Authorization,
    AuthorizationAction,
    AuthorizationLine,
    AuthorizationStatus,
    AuthorizedRecord,
    Block,
    BlockScope,
    CallerRights,
    Door,
    Function,
    Holding,
    Mandate,
    MandateKind,
    NoticeKind,
    Record,
    RecordSettings,
    RecordState,
    RecordStatus,
)
from socle.services.dmp.errors import invalid, refusal
from socle.services.dmp.rules import Refused, decide
from socle.standards.ids.ins import Ins

F = Function
_DOCTOR = "10"
#: Mandates that a holder of age may end or replace: a parent's has ended by then.
_ADULTS_OWN = frozenset({MandateKind.DELEGATE, MandateKind.PARENT})


async def record_status(ctx: DmpContext, actor: Actor, ins: Ins, door: Door) -> RecordStatus:
    """TD0.2. See ``DmpService.record_status``."""
    async with (
        ctx.attempt(actor, Action.READ, F.TEST_EXISTENCE, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, F.TEST_EXISTENCE, actor, ins, of_record=True)
        if visit.record.state not in {RecordState.ACTIVE, RecordState.CLOSED}:
            raise refusal("record-unknown", of_record=True)
        await ctx.trace(connection, visit, Action.READ, F.TEST_EXISTENCE, door)
        return status_of(visit, visit.rights)


async def read_record(ctx: DmpContext, actor: Actor, ins: Ins, door: Door) -> Record:
    """TD1.3a. See ``DmpService.read_record``."""
    async with (
        ctx.attempt(actor, Action.READ, F.READ_IDENTITY, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, F.READ_IDENTITY, actor, ins, of_record=True)
        await ctx.trace(connection, visit, Action.READ, F.READ_IDENTITY, door)
        return visit.record


def status_of(visit: Visit, rights: CallerRights) -> RecordStatus:
    """What TD0.2 says."""
    record, given, now = visit.record, rights.authorization, visit.now
    return RecordStatus(
        ins=record.ins,
        state=record.state,
        authorization=_status(given, rights.is_blocked, visit),
        is_medecin_traitant=given is not None and given.is_medecin_traitant and given.is_valid(now),
        is_attached_to_mes=record.settings.is_attached_to_mes,
        is_minor=record.is_minor(now.date()),
        opened_at=record.opened_at,
        closed_at=record.closed_at,
        closing_reason=record.closing_reason,
        closing_text=record.closing_text,
    )


def _status(given: Authorization | None, is_blocked: bool, visit: Visit) -> AuthorizationStatus:
    if is_blocked:
        return AuthorizationStatus.INTERDIT
    if given is None or given.revoked_at is not None:
        return AuthorizationStatus.NON_EXISTE
    return AuthorizationStatus.VALIDE if given.is_valid(visit.now) else AuthorizationStatus.EXPIRE


async def set_authorization(
    ctx: DmpContext,
    actor: Actor,
    ins: Ins,
    action: AuthorizationAction,
    *,
    is_medecin_traitant: bool,
    care_team: bool,
    professional: Actor | None,
    door: Door,
) -> RecordStatus:
    """TD0.3. See ``DmpService.set_authorization``."""
    holder = professional if actor.kind in CITIZENS else actor
    if holder is None:
        raise invalid(
            "DMPAuthorizationHolderMissing",
            "Nommez le professionnel concerné.",
            "Name the professional concerned.",
        )
    async with (
        ctx.attempt(actor, Action.UPDATE, F.AUTHORIZE, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, F.AUTHORIZE, actor, ins, of_record=True, for_change=True)
        if is_medecin_traitant and holder.profession != _DOCTOR:
            raise refusal("medecin-traitant-is-a-doctor")
        if action is AuthorizationAction.AJOUT:
            given = _authorization(ctx, visit, holder, is_medecin_traitant=is_medecin_traitant, care_team=care_team)
            if not given.holder_id:
                raise invalid("DMPAuthorizationHolderMissing", "La structure manque.", "The structure is missing.")
            await _require_not_blocked(visit, await record_store.list_blocks(connection, visit.key), given)
            await record_store.put_authorization(connection, visit.key, given)
        else:
            name = "drop_medecin_traitant" if is_medecin_traitant else "revoke_authorization"
            values: dict[str, object] = {"patient_key": visit.key}
            values["holder_id"] = holder.structure if care_team else holder.id
            if not is_medecin_traitant:
                values["now"] = visit.now
            await record_store.QUERIES[name].execute(connection, **values)
        await record_store.touch_record(connection, visit.key)
        found = await record_store.find_record(connection, visit.key, holder)
        assert found is not None
        subject = Subject("authorization", holder.structure if care_team else holder.id, action.value)
        await ctx.trace(connection, visit, Action.UPDATE, F.AUTHORIZE, door, (subject,))
        return status_of(visit, found.rights)


def _authorization(
    ctx: DmpContext, visit: Visit, holder: Actor, *, is_medecin_traitant: bool, care_team: bool
) -> Authorization:
    return Authorization(
        holder_id=holder.structure if care_team else holder.id,
        holding=Holding.STRUCTURE if care_team else Holding.PROFESSIONAL,
        name=(holder.structure_name or holder.structure) if care_team else holder.name,
        profession="" if care_team else holder.profession,
        granted_at=visit.now,
        expires_at=visit.now + timedelta(days=ctx.base.settings.authorization_days),
        is_medecin_traitant=is_medecin_traitant and not care_team,
        is_secret=visit.actor.is_secret,
    )


async def _require_not_blocked(visit: Visit, blocks: list[Block], given: Authorization) -> None:
    if any(one.target_id == given.holder_id and one.scope is BlockScope.CONSULTATION for one in blocks):
        raise refusal("caller-blocked")


async def list_authorizations(ctx: DmpContext, actor: Actor, ins: Ins, door: Door) -> list[AuthorizationLine]:
    """TD1.6. What was granted in a secret session is not shown to representatives."""
    async with (
        ctx.attempt(actor, Action.READ, F.LIST_AUTHORIZATIONS, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, F.LIST_AUTHORIZATIONS, actor, ins, of_record=True)
        blocks = {
            one.target_id: one
            for one in await record_store.list_blocks(connection, visit.key)
            if one.scope is BlockScope.CONSULTATION
        }
        given = await record_store.list_authorizations(connection, visit.key)
        if actor.kind in {ActorKind.REPRESENTATIVE, ActorKind.DELEGATE}:
            given = [one for one in given if not one.is_secret]
        await ctx.trace(connection, visit, Action.READ, F.LIST_AUTHORIZATIONS, door)
    lines = [
        AuthorizationLine(
            holder_id=one.holder_id,
            holding=one.holding,
            name=one.name,
            status=_status(one, one.holder_id in blocks, visit),
            since=one.granted_at,
            profession=one.profession,
            expires_at=None if one.is_medecin_traitant else one.expires_at,
            is_medecin_traitant=one.is_medecin_traitant and one.is_valid(visit.now),
        )
        for one in given
    ]
    known = {one.holder_id for one in given}
    return lines + [
        AuthorizationLine(
            holder_id=one.target_id,
            holding=one.holding,
            name=one.name,
            status=AuthorizationStatus.INTERDIT,
            since=one.blocked_at,
        )
        for one in blocks.values()
        if one.target_id not in known
    ]


async def authorized_records(ctx: DmpContext, actor: Actor, door: Door) -> list[AuthorizedRecord]:
    """TD0.4. See ``DmpService.authorized_records``."""
    transaction = F.LIST_AUTHORIZED_RECORDS
    async with (
        ctx.attempt(actor, Action.READ, transaction, door),
        ctx.base.database.transaction() as connection,
    ):
        now = ctx.base.clock()
        decision = decide(transaction, actor, None, CallerRights(), now, ctx.policy)
        if isinstance(decision, Refused):
            raise refusal(decision.rule, of_record=True)
        found = await record_store.list_authorized_records(connection, actor.id, now)
        await ctx.trace_alone(connection, actor, Action.READ, transaction, door, decision.rule)
        return found


async def block(ctx: DmpContext, actor: Actor, ins: Ins, wanted: Block, door: Door) -> None:
    """Shuts someone out; an authorisation of theirs ends with it. See ``DmpService.block``."""
    async with (
        ctx.attempt(actor, Action.UPDATE, F.BLOCK, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, F.BLOCK, actor, ins, of_record=True, for_change=True)
        if wanted.scope is BlockScope.FEED and not wanted.reason.strip():
            raise invalid(
                "DMPReasonMissing",
                "L'opposition à l'alimentation demande un motif légitime.",
                "Opposing the feeding asks for a legitimate reason.",
            )
        wanted = msgspec.structs.replace(wanted, blocked_at=visit.now, blocked_by=actor.id)
        await record_store.put_block(connection, visit.key, wanted)
        if wanted.scope is BlockScope.CONSULTATION:
            await record_store.QUERIES["revoke_authorization"].execute(
                connection, patient_key=visit.key, holder_id=wanted.target_id, now=visit.now
            )
        await record_store.touch_record(connection, visit.key)
        subject = Subject("block", wanted.target_id, wanted.scope.value)
        await ctx.trace(connection, visit, Action.UPDATE, F.BLOCK, door, (subject,))


async def unblock(ctx: DmpContext, actor: Actor, ins: Ins, target_id: str, scope: BlockScope, door: Door) -> None:
    """Lifts a block. See ``DmpService.unblock``."""
    async with (
        ctx.attempt(actor, Action.UPDATE, F.BLOCK, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, F.BLOCK, actor, ins, of_record=True, for_change=True)
        values = {"patient_key": visit.key, "target_id": target_id, "scope": scope.value}
        await record_store.QUERIES["lift_block"].execute(connection, **values)
        await record_store.touch_record(connection, visit.key)
        subject = Subject("unblock", target_id, scope.value)
        await ctx.trace(connection, visit, Action.UPDATE, F.BLOCK, door, (subject,))


async def list_blocks(ctx: DmpContext, actor: Actor, ins: Ins, door: Door) -> list[Block]:
    """The blocks in force."""
    async with (
        ctx.attempt(actor, Action.READ, F.LIST_AUTHORIZATIONS, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, F.LIST_AUTHORIZATIONS, actor, ins, of_record=True)
        found = await record_store.list_blocks(connection, visit.key)
        await ctx.trace(connection, visit, Action.READ, F.LIST_AUTHORIZATIONS, door)
        return found


async def change_settings(ctx: DmpContext, actor: Actor, ins: Ins, settings: RecordSettings, door: Door) -> Record:
    """Sets the holder's choices. Masked documents in an emergency need one emergency access to be allowed."""
    async with (
        ctx.attempt(actor, Action.UPDATE, F.SETTINGS, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, F.SETTINGS, actor, ins, of_record=True, for_change=True)
        if not (settings.allows_bris_de_glace or settings.allows_centre_15):
            settings = msgspec.structs.replace(settings, allows_masked_in_emergency=False)
        record = msgspec.structs.replace(visit.record, settings=settings)
        await record_store.change_record(connection, record)
        subject = Subject("settings", msgspec.json.encode(settings).decode())
        await ctx.trace(connection, visit, Action.UPDATE, F.SETTINGS, door, (subject,))
        return record


async def give_mandate(ctx: DmpContext, actor: Actor, ins: Ins, mandate: Mandate, door: Door) -> None:
    """Lets someone act on the record. See ``DmpService.give_mandate``."""
    async with (
        ctx.attempt(actor, Action.UPDATE, F.MANDATE, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, F.MANDATE, actor, ins, of_record=True, for_change=True)
        is_legal = mandate.kind is not MandateKind.DELEGATE
        if is_legal is (actor.kind in CITIZENS):
            raise refusal("mandate-not-yours-to-give")
        if not is_legal:
            await _refuse_over_legal_mandate(connection, visit, mandate.agent_id)
        await record_store.put_mandate(connection, visit.key, mandate)
        await record_store.touch_record(connection, visit.key)
        await _tell_of_mandates(ctx, connection, visit, mandate.agent_id)
        subject = Subject("mandate", mandate.agent_id, mandate.kind.value)
        await ctx.trace(connection, visit, Action.UPDATE, F.MANDATE, door, (subject,))


async def withdraw_mandate(ctx: DmpContext, actor: Actor, ins: Ins, agent_id: str, door: Door) -> None:
    """Ends a mandate at once. See ``DmpService.withdraw_mandate``."""
    async with (
        ctx.attempt(actor, Action.UPDATE, F.MANDATE, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, F.MANDATE, actor, ins, of_record=True, for_change=True)
        if actor.kind in CITIZENS:
            await _refuse_over_legal_mandate(connection, visit, agent_id)
        await record_store.QUERIES["end_mandate"].execute(
            connection, patient_key=visit.key, agent_id=agent_id, now=visit.now
        )
        await record_store.touch_record(connection, visit.key)
        await _tell_of_mandates(ctx, connection, visit, agent_id)
        await ctx.trace(connection, visit, Action.DELETE, F.MANDATE, door, (Subject("mandate", agent_id),))


async def _refuse_over_legal_mandate(connection: Connection, visit: Visit, agent_id: str) -> None:
    """The citizen's side neither takes away nor replaces a tutor's mandate, nor a parent's before majority."""
    own = {MandateKind.DELEGATE} if visit.record.is_minor(visit.now.date()) else _ADULTS_OWN
    for held in await record_store.list_mandates(connection, visit.key):
        if held.agent_id == agent_id and held.kind not in own and held.is_valid(visit.now):
            raise refusal("mandate-not-yours-to-give")


async def _tell_of_mandates(ctx: DmpContext, connection: Connection, visit: Visit, agent_id: str) -> None:
    text = (
        "Les personnes qui agissent sur votre dossier ont changé.",
        "The people who act on your record have changed.",
    )
    await ctx.tell(connection, visit.key, NoticeKind.MANDATE_CHANGED, text, about=f"{agent_id}:{visit.now.isoformat()}")


async def list_mandates(ctx: DmpContext, actor: Actor, ins: Ins, door: Door) -> list[Mandate]:
    """The mandates in force."""
    async with (
        ctx.attempt(actor, Action.READ, F.LIST_AUTHORIZATIONS, door) as attempt,
        ctx.base.database.transaction() as connection,
    ):
        visit = await ctx.visit(connection, attempt, F.LIST_AUTHORIZATIONS, actor, ins, of_record=True)
        found = await record_store.list_mandates(connection, visit.key)
        await ctx.trace(connection, visit, Action.READ, F.LIST_AUTHORIZATIONS, door)
        return [one for one in found if one.is_valid(visit.now)]


async def mandated_records(ctx: DmpContext, actor: Actor) -> list[tuple[Ins, Mandate]]:
    """The records on which ``actor`` acts, whatever the rules then say of each."""
    async with ctx.base.database.transaction() as connection:
        found = await record_store.list_mandated_records(connection, actor.id)
        await ctx.trace_alone(connection, actor, Action.READ, F.MANDATE, Door.PORTAL, "own-mandates")
        return [(ins, mandate) for ins, mandate in found if mandate.is_valid(ctx.base.clock())]
