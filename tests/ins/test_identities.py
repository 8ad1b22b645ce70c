import asyncio
from datetime import date, timedelta

import asyncpg
import msgspec
import pytest

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.base import Base
from socle.platform.patient_key import patient_key
from socle.platform.switches import SwitchState
from socle.services.ins import tasks
from socle.services.ins.domain import (
    BASE_DOMAIN,
    BatchJob,
    Card,
    Claim,
    FormerIns,
    LinkResult,
    LinkSource,
    MatchLevel,
    Merge,
    MergeReason,
    Person,
    ResultCode,
    TraitsQuery,
)
from socle.services.ins.rules import claim_of, qualified_identity
from socle.services.ins.service import InsService
from socle.services.ins.teleservice import search_as_required
from socle.services.ins.vitale_app import SandboxApcv
from socle.standards.errors import Conflict, Forbidden, InvalidContent, NotFound
from socle.standards.ids.ins import OID_NIA, OID_NIR, OID_NIR_TEST, Ins
from socle.standards.ids.status import (
    CollectionMethod,
    IdentityAttribute,
    IdentityStatus,
    ManagementCode,
    ProofDocument,
)
from socle.standards.ids.traits import Traits

DOCTOR = Actor(
    kind=ActorKind.PROFESSIONAL, id="810109876549", name="MARCHAND", authentication=AuthenticationMode.DIRECTE
)
OPERATOR = Actor(kind=ActorKind.OPERATOR, id="op", name="Cellule", authentication=AuthenticationMode.OPERATOR)
CITIZEN = Actor(kind=ActorKind.PATIENT, id="c1", name="Jeanne", authentication=AuthenticationMode.CITIZEN)

JEANNE = Person(
    ins=Ins("284076938304258", OID_NIR_TEST),
    traits=Traits.of("D'ARCY-BELLEC", "JEANNE MARIE CECILE", "F", "1984-07-17", "69383"),
    cards=(Card("284076938304258", "1984-07-17", 1),),
)
OTHER_INS = Ins("284076938314255", OID_NIR_TEST)


@pytest.fixture
def service(base: Base) -> InsService:
    return InsService(base)


async def chain(base: Base, ins: Ins) -> list[str]:
    async with base.database.transaction() as connection:
        assert await base.audit.verify(connection, patient_key(ins)) == ""
        return [trace.event.transaction for trace in await base.audit.of_patient(connection, patient_key(ins))]


async def queued(base: Base) -> list[tuple[str, bytes]]:
    async with base.database.transaction() as connection:
        rows = await connection.fetch("SELECT entrypoint, payload FROM pgqueuer ORDER BY id")
    return [(row["entrypoint"], row["payload"]) for row in rows]


async def test_an_admitted_person_is_found_by_ins_and_may_be_fed(service, base):
    identity = await service.admit(OPERATOR, JEANNE)
    async with base.database.transaction() as connection:
        found = await service.find(connection, JEANNE.ins)
        assert await service.find(connection, OTHER_INS) is None
    assert found == identity
    assert found.sendable_ins == JEANNE.ins
    assert found.key == patient_key(JEANNE.ins)
    assert await service.admit(OPERATOR, JEANNE) == identity
    assert set(await chain(base, JEANNE.ins)) == {"ins.enrol", "ins.admit"}


async def test_admitting_by_a_document_never_changes_what_the_authority_knows(service):
    await service.teleservice.enrol(OPERATOR, [JEANNE])
    miswritten = Person(ins=JEANNE.ins, traits=Traits.of("DARCY", "JEANNE", "F", "1984-07-17", "69383"))
    assert (await service.admit(OPERATOR, miswritten)).traits.birth_name == "D'ARCY-BELLEC"
    assert await service.insi.verify(DOCTOR, claim_of(JEANNE))


async def test_admitting_a_person_whose_identity_became_doubtful_makes_another_identity(service):
    doubtful = await service.admit(OPERATOR, JEANNE)
    await service.mark(DOCTOR, doubtful.local_id, IdentityAttribute.DOUBTFUL)
    again = await service.admit(OPERATOR, JEANNE)
    assert again.local_id != doubtful.local_id
    assert (await service.read(DOCTOR, doubtful.local_id)).ins is None
    assert (await service.read(DOCTOR, again.local_id)).sendable_ins == JEANNE.ins


async def test_an_identity_rises_from_provisional_to_qualified_and_its_history_says_how(service, base, clock):
    await service.teleservice.enrol(OPERATOR, [JEANNE])
    identity = await service.register(DOCTOR, Traits.of("d'Arcy-Bellec", "Jeanne", "F", "1984-07-17"), local_id="42")
    assert identity.status is IdentityStatus.PROVISIONAL
    query = TraitsQuery(birth_name="D'Arcy-Bellec", given_names=("Jeanne",), sex="F", birth_date="1984-07-17")
    answer = await search_as_required(service.insi, DOCTOR, query)
    assert answer.code is ResultCode.OK
    identity = await service.accept_ins(DOCTOR, "42", answer.person)
    assert identity.status is IdentityStatus.RETRIEVED
    assert identity.sendable_ins is None
    assert identity.traits.birth_place == "69383"
    identity = await service.check_proof(DOCTOR, "42", ProofDocument.PASSPORT, date(2026, 3, 2))
    assert identity.status is IdentityStatus.QUALIFIED
    assert identity.sendable_ins == JEANNE.ins
    history = await service.history(DOCTOR, "42")
    assert [line.event for line in history] == ["check_proof", "accept_ins", "register"]
    assert (history[0].evidence, history[0].evidence_date) == ("PA", date(2026, 3, 2))
    assert history[0].before == history[1].after
    assert "ins.check_proof" in await chain(base, JEANNE.ins)


async def test_a_wrong_verification_takes_the_ins_away_and_puts_the_identity_on_the_worklist(service, base, clock):
    identity = await service.admit(OPERATOR, JEANNE)
    clock.move(timedelta(days=4 * 365))
    assert (await service.verify(DOCTOR, identity.local_id)).verified_at == clock()
    married = Person(ins=JEANNE.ins, traits=Traits.of("BELLEC", "JEANNE MARIE CECILE", "F", "1984-07-17", "69383"))
    await service.teleservice.enrol(OPERATOR, [married])
    identity = await service.verify(DOCTOR, identity.local_id)
    assert identity.status is IdentityStatus.VALIDATED
    assert identity.ins is None
    assert identity.former == (FormerIns(JEANNE.ins),)
    to_mend, _ = await service.reconciliation.worklist(OPERATOR)
    assert [one.local_id for one in to_mend] == [identity.local_id]
    async with base.database.transaction() as connection:
        assert await service.find(connection, JEANNE.ins) is None


async def test_due_identities_are_verified_again(service, clock):
    await service.admit(OPERATOR, JEANNE)
    assert await service.verify_due(OPERATOR) == 0
    clock.move(timedelta(days=4 * 365))
    await service.teleservice.enrol(
        OPERATOR, [Person(ins=JEANNE.ins, traits=Traits.of("AUTRE", "JEANNE", "F", "1984-07-17", "69383"))]
    )
    assert await service.verify_due(OPERATOR) == 1


async def test_a_doubtful_identity_loses_its_ins_and_cannot_get_one(service):
    identity = await service.admit(OPERATOR, JEANNE)
    identity = await service.mark(DOCTOR, identity.local_id, IdentityAttribute.DOUBTFUL)
    assert (identity.status, identity.ins) == (IdentityStatus.PROVISIONAL, None)
    with pytest.raises(Conflict):
        await service.accept_ins(DOCTOR, identity.local_id, JEANNE)
    await service.unmark(DOCTOR, identity.local_id, IdentityAttribute.DOUBTFUL)
    code = await SandboxApcv(service.base).show(DOCTOR, JEANNE.ins)
    again = await service.read_vitale_app(DOCTOR, identity.local_id, code)
    assert (again.status, again.method) == (IdentityStatus.QUALIFIED, CollectionMethod.VITALE_APP)
    assert again.former == ()


async def test_nobody_gives_an_identity_traits_that_insi_does_not_confirm(service):
    await service.teleservice.enrol(OPERATOR, [JEANNE])
    await service.register(DOCTOR, JEANNE.traits, local_id="a")
    forged = Person(ins=JEANNE.ins, traits=Traits.of("MARTIN", "PAUL", "M", "1950-01-01", "69383"))
    for person, method in ((forged, CollectionMethod.INSI), (JEANNE, CollectionMethod.VITALE_APP)):
        with pytest.raises(Conflict) as refusal:
            await service.accept_ins(DOCTOR, "a", person, method=method)
        assert refusal.value.code == "InsNotConfirmed"


async def test_a_code_of_the_vitale_app_is_read_once_and_soon(service, clock):
    await service.teleservice.enrol(OPERATOR, [JEANNE])
    await service.register(DOCTOR, JEANNE.traits, local_id="a")
    telephone = SandboxApcv(service.base)
    late = await telephone.show(DOCTOR, JEANNE.ins)
    clock.move(timedelta(minutes=6))
    code = await telephone.show(DOCTOR, JEANNE.ins)
    assert (await service.read_vitale_app(DOCTOR, "a", code)).sendable_ins == JEANNE.ins
    for used in (late, code, "nonsense"):
        with pytest.raises(InvalidContent):
            await service.read_vitale_app(DOCTOR, "a", used)
    with pytest.raises(NotFound):
        await telephone.show(DOCTOR, OTHER_INS)


async def test_editing_a_strict_trait_costs_the_proof_and_a_used_name_does_not(service):
    identity = await service.admit(OPERATOR, JEANNE)
    used = Traits.of("D'ARCY-BELLEC", "JEANNE MARIE CECILE", "F", "1984-07-17", "69383", used_name="MOREL")
    assert (await service.edit_traits(DOCTOR, identity.local_id, used)).status is IdentityStatus.QUALIFIED
    strict = Traits.of("D'ARCY", "JEANNE MARIE CECILE", "F", "1984-07-17", "69383")
    edited = await service.edit_traits(DOCTOR, identity.local_id, strict)
    assert (edited.status, edited.proof) == (IdentityStatus.RETRIEVED, None)


async def test_the_ins_of_another_identity_is_refused_and_the_pair_is_proposed(service):
    holder = await service.admit(OPERATOR, JEANNE)
    await service.register(DOCTOR, JEANNE.traits, local_id="twice")
    with pytest.raises(Conflict) as refusal:
        await service.accept_ins(DOCTOR, "twice", JEANNE)
    assert refusal.value.code == "InsHeldByAnother"
    _, pairs = await service.reconciliation.worklist(OPERATOR)
    assert {pairs[0].first, pairs[0].second} == {holder.local_id, "twice"}
    assert pairs[0].level is MatchLevel.SAME


async def test_a_mistyped_record_is_proposed_and_a_stranger_is_not(service):
    await service.admit(OPERATOR, JEANNE)
    await service.register(DOCTOR, Traits.of("DARCY BELLEC", "JEANE", "F", "1984-07-17", "69383"), local_id="mistyped")
    await service.register(DOCTOR, Traits.of("MARTIN", "JEANNE", "F", "1984-07-17", "29019"), local_id="stranger")
    assert [link.level for link in await service.reconciliation.links(DOCTOR, "mistyped")] == [MatchLevel.WEAK]
    assert await service.reconciliation.links(DOCTOR, "stranger") == []


async def test_what_a_person_decided_of_a_pair_is_never_overwritten(service):
    holder = await service.admit(OPERATOR, JEANNE)
    await service.register(DOCTOR, JEANNE.traits, local_id="same")
    decided = await service.reconciliation.decide(OPERATOR, "same", holder.local_id, LinkResult.DISTINCT)
    await service.edit_traits(DOCTOR, "same", JEANNE.traits)
    (link,) = await service.reconciliation.links(DOCTOR, "same")
    assert (link.source, link.result, link.decided_by) == (LinkSource.MANUAL, LinkResult.DISTINCT, "op")
    assert link.decided_at == decided.decided_at
    assert (await service.reconciliation.worklist(OPERATOR))[1] == []


async def test_search_by_birth_date_and_first_letters_looks_at_used_names_too(service):
    await service.admit(OPERATOR, JEANNE, used_name="MOREL")
    for name, given in (("d'arc", ""), ("Mor", "Jea"), ("morel", "JEANNE MARIE")):
        assert [one.ins for one in await service.search(DOCTOR, "1984-07-17", name, given)] == [JEANNE.ins]
    assert await service.search(DOCTOR, "1984-07-17", "Mor", "Paul") == []
    assert await service.search(DOCTOR, "1984-07-18", "Mor") == []


async def test_only_the_identitovigilance_cell_merges_and_no_citizen_queries_insi(service):
    with pytest.raises(Forbidden):
        await service.reconciliation.merge(DOCTOR, "a", "b")
    with pytest.raises(Forbidden):
        await service.search(CITIZEN, "1984-07-17", "D")
    with pytest.raises(Forbidden):
        await service.admit(DOCTOR, JEANNE)


async def test_a_duplicate_without_ins_is_absorbed_and_comes_back_as_it_was(service, base):
    holder = await service.admit(OPERATOR, JEANNE)
    twin = await service.register(DOCTOR, JEANNE.traits, local_id="twin")
    merge_id = await service.reconciliation.merge(OPERATOR, holder.local_id, "twin")
    gone = await service.read(DOCTOR, "twin")
    assert (gone.is_active, gone.replaced_by) == (False, holder.local_id)
    assert {ManagementCode.PROVEN_DUPLICATE, ManagementCode.DEACTIVATED} <= gone.comments
    assert await queued(base) == []
    with pytest.raises(Conflict):
        await service.check_proof(DOCTOR, "twin", ProofDocument.PASSPORT, date(2026, 3, 2))
    assert await service.reconciliation.unmerge(OPERATOR, merge_id) == (holder, twin)
    assert await service.read(DOCTOR, "twin") == twin
    with pytest.raises(Conflict):
        await service.reconciliation.unmerge(OPERATOR, merge_id)


async def test_a_survivor_without_ins_takes_the_one_of_the_absorbed(service, base):
    holder = await service.admit(OPERATOR, JEANNE)
    await service.register(DOCTOR, JEANNE.traits, local_id="kept")
    merge_id = await service.reconciliation.merge(OPERATOR, "kept", holder.local_id)
    async with base.database.transaction() as connection:
        found = await service.find(connection, JEANNE.ins)
    assert (found.local_id, found.status) == ("kept", IdentityStatus.QUALIFIED)
    await service.reconciliation.unmerge(OPERATOR, merge_id)
    async with base.database.transaction() as connection:
        assert (await service.find(connection, JEANNE.ins)).local_id == holder.local_id


async def test_two_ins_merge_only_when_the_authority_says_that_one_follows_the_other(service, base):
    nia = Person(ins=Ins("795039935101462", OID_NIA), traits=JEANNE.traits)
    old = await service.admit(OPERATOR, nia)
    new = await service.admit(OPERATOR, JEANNE)
    with pytest.raises(Conflict):
        await service.reconciliation.merge(OPERATOR, new.local_id, old.local_id)
    await service.teleservice.enrol(
        OPERATOR, [Person(ins=JEANNE.ins, traits=JEANNE.traits, former=(FormerIns(nia.ins),))]
    )
    merge = await service.reconciliation.merge(OPERATOR, old.local_id, new.local_id)
    assert isinstance(merge, Merge)
    assert (merge.survivor, merge.absorbed, merge.reason) == (JEANNE.ins, nia.ins, MergeReason.DUPLICATE)
    survivor = await service.read(DOCTOR, old.local_id)
    assert survivor.ins == JEANNE.ins
    assert FormerIns(nia.ins) in survivor.former
    await service.reconciliation.unmerge(OPERATOR, merge.id)
    assert (await service.read(DOCTOR, old.local_id)).ins == nia.ins
    assert [task for task, _ in await queued(base)] == ["dmp.merge", "dmp.unmerge"]


async def test_an_ins_that_changes_becomes_history_and_the_dmp_is_asked_to_follow(service, base, clock):
    nia = Person(ins=Ins("795039935101462", OID_NIA), traits=JEANNE.traits)
    identity = await service.admit(OPERATOR, nia)
    merge = await service.reconciliation.change_ins(OPERATOR, nia.ins, JEANNE)
    async with base.database.transaction() as connection:
        assert await service.find(connection, nia.ins) is None
        assert (await service.find(connection, JEANNE.ins)).local_id == identity.local_id
        assert await service.find_successor(connection, nia.ins) == JEANNE.ins
    answer = await service.teleservice.search_by_card(DOCTOR, JEANNE.cards[0])
    assert answer.person.former == (FormerIns(nia.ins, None, clock().date()),)
    assert not await service.insi.verify(DOCTOR, claim_of(identity))
    ((task, payload),) = await queued(base)
    assert task == "dmp.merge"
    assert str(merge.id).encode() in payload
    with pytest.raises(NotFound):
        await service.reconciliation.change_ins(OPERATOR, nia.ins, JEANNE)


async def test_what_a_merge_moved_is_taken_back_exactly_once(service, base):
    merge = Merge(id=JEANNE_KEY, survivor=JEANNE.ins, absorbed=OTHER_INS)
    async with base.database.transaction() as connection:
        await service.note_moved(connection, merge, "document", ["b", "a", "a"])
        await service.note_moved(connection, merge, "folder", ["f"])
        assert await service.take_moved(connection, merge, "document") == ["a", "b"]
        assert await service.take_moved(connection, merge, "document") == []
        assert await service.take_moved(connection, merge, "folder") == ["f"]


JEANNE_KEY = patient_key(JEANNE.ins)


async def test_a_lot_is_verified_later_line_by_line_and_only_its_owner_reads_it(service, base):
    await service.admit(OPERATOR, JEANNE)
    right = claim_of(await service.read(DOCTOR, patient_key(JEANNE.ins).hex))
    wrong = [
        Claim(
            id=str(number),
            matricule="284076938304258",
            oid=OID_NIR_TEST,
            birth_name=name,
            given_names="JEANNE MARIE CECILE",
            sex=sex,
            birth_date="1984-07-17",
            birth_place=place,
        )
        for number, (name, sex, place) in enumerate(
            [
                ("BELLEC", "F", "69383"),
                ("D'ARCY-BELLEC", "M", "69383"),
                ("D'ARCY-BELLEC", "F", "69123"),
                ("12", "F", ""),
            ]
        )
    ]
    batch = await service.batches.submit(DOCTOR, [*wrong, right] * 150)
    with pytest.raises(NotFound):
        await service.batches.read_verdicts(DOCTOR, batch.id)
    await service.batches.run(batch.id)
    async with base.database.transaction() as connection:
        assert await connection.fetchval("SELECT claims FROM ins_batch") == b""
    done = await service.batches.find(DOCTOR, batch.id)
    assert (done.state, done.total, done.done, done.wrong) == ("done", 750, 750, 600)
    verdicts = await service.batches.read_verdicts(DOCTOR, batch.id)
    assert [verdict.is_right for verdict in verdicts] == [False, False, False, False, True] * 150
    with pytest.raises(NotFound):
        await service.batches.find(OPERATOR, batch.id)


async def test_the_required_search_stops_at_the_first_name_that_finds(service):
    asked = []

    class Counting:
        async def search_by_traits(self, actor, query):
            asked.append(query.given_names)
            return await service.teleservice.search_by_traits(actor, query)

    person = Person(
        ins=Ins("236066322083656", OID_NIR),
        traits=Traits.of("TCHITCHI", "CATARINA BELLA", "F", "1936-06-21", "63220"),
    )
    await service.teleservice.enrol(OPERATOR, [person])
    query = TraitsQuery(
        birth_name="TCHITCHI", given_names=("OLA", "CATARINA", "BELLA"), sex="F", birth_date="1936-06-21"
    )
    assert (await search_as_required(Counting(), DOCTOR, query)).person == person
    assert asked == [("OLA",), ("CATARINA",)]
    asked.clear()
    nobody = TraitsQuery(
        birth_name="HOUILLES", given_names=("PIERRE", "PAUL", "JACQUES"), sex="M", birth_date="1993-01-27"
    )
    assert (await search_as_required(Counting(), DOCTOR, nobody)).code is ResultCode.NONE
    assert asked == [("PIERRE",), ("PAUL",), ("JACQUES",), ("PIERRE PAUL JACQUES",)]


async def test_several_persons_give_no_identity_until_the_place_tells_them_apart(service):
    namesake = Person(ins=OTHER_INS, traits=Traits.of("D'ARCY-BELLEC", "JEANNE", "F", "1984-07-17", "75114"))
    await service.teleservice.enrol(OPERATOR, [JEANNE, namesake])
    query = TraitsQuery(birth_name="D'ARCY-BELLEC", given_names=("JEANNE",), sex="F", birth_date="1984-07-17")
    answer = await service.teleservice.search_by_traits(DOCTOR, query)
    assert (answer.code, answer.person) == (ResultCode.SEVERAL, None)
    located = TraitsQuery(
        birth_name="D'ARCY-BELLEC", given_names=("JEANNE",), sex="F", birth_date="1984-07-17", birth_place="75114"
    )
    assert (await service.teleservice.search_by_traits(DOCTOR, located)).person == namesake


async def test_a_query_without_a_trait_is_refused_where_it_lacks(service):
    with pytest.raises(InvalidContent) as refusal:
        await service.teleservice.search_by_traits(
            DOCTOR, TraitsQuery(birth_name="X", given_names=(), sex="F", birth_date="1984-07-17")
        )
    assert refusal.value.location == "Prenom"


async def test_a_bulk_load_is_qualified_and_leaves_those_already_there_alone(service, base):
    first = await service.admit(OPERATOR, JEANNE)
    other = Person(ins=OTHER_INS, traits=JEANNE.traits)
    assert await service.load(OPERATOR, [JEANNE, other]) == 1
    assert await service.load(OPERATOR, [JEANNE, other]) == 0
    async with base.database.transaction() as connection:
        assert await service.find(connection, JEANNE.ins) == first
        assert (await service.find(connection, OTHER_INS)).status is IdentityStatus.QUALIFIED


async def test_two_identities_of_one_local_id_cannot_be(service):
    await service.register(DOCTOR, JEANNE.traits, local_id="1")
    with pytest.raises(Conflict):
        await service.register(DOCTOR, JEANNE.traits, local_id="1")
    await service.register(DOCTOR, JEANNE.traits, local_id="1", domain="1.2.3")


async def test_the_database_itself_refuses_an_ins_on_a_provisional_identity(base):
    async with base.database.transaction() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "INSERT INTO ins_identity (patient_key, domain, local_id, matricule, oid, birth_name, given_names,"
                " first_given_name, sex, birth_date, status, method, name_sound, used_sound, given_sound)"
                " VALUES (gen_random_uuid(), $1, 'x', '1', '1', 'A', 'A', 'A', 'F', '2000-01-01', 'PROV', 'SM',"
                " '', '', '')",
                BASE_DOMAIN,
            )


async def test_many_who_admit_the_same_person_at_once_make_one_identity(service, base):
    identities = await asyncio.gather(*(service.admit(OPERATOR, JEANNE) for _ in range(8)))
    assert len({identity.local_id for identity in identities}) == 1
    async with base.database.transaction() as connection:
        assert await connection.fetchval("SELECT count(*) FROM ins_identity") == 1


async def test_two_identities_that_claim_one_ins_at_once_do_not_both_get_it(service):
    await service.teleservice.enrol(OPERATOR, [JEANNE])
    for local_id in ("a", "b"):
        await service.register(DOCTOR, JEANNE.traits, local_id=local_id)
    results = await asyncio.gather(
        *(service.accept_ins(DOCTOR, local_id, JEANNE) for local_id in ("a", "b")), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Conflict", "Identity"]


async def test_changes_of_one_identity_at_once_are_all_kept(service):
    await service.teleservice.enrol(OPERATOR, [JEANNE])
    await service.register(DOCTOR, JEANNE.traits, local_id="a")
    await asyncio.gather(
        service.accept_ins(DOCTOR, "a", JEANNE),
        service.check_proof(DOCTOR, "a", ProofDocument.PASSPORT, date(2026, 3, 2)),
        service.mark(DOCTOR, "a", IdentityAttribute.HOMONYM),
        service.edit_traits(DOCTOR, "a", JEANNE.traits),
    )
    identity = await service.read(DOCTOR, "a")
    assert (identity.status, identity.reliability.attributes) == (
        IdentityStatus.QUALIFIED,
        {IdentityAttribute.HOMONYM},
    )
    assert len(await service.history(DOCTOR, "a")) == 5


async def test_opposite_merges_at_once_leave_one_survivor(service):
    for local_id in ("a", "b"):
        await service.register(DOCTOR, JEANNE.traits, local_id=local_id)
    results = await asyncio.gather(
        service.reconciliation.merge(OPERATOR, "a", "b"),
        service.reconciliation.merge(OPERATOR, "b", "a"),
        return_exceptions=True,
    )
    assert [isinstance(result, Conflict) for result in results].count(True) == 1
    assert [(await service.read(DOCTOR, one)).is_active for one in ("a", "b")].count(True) == 1


async def test_searches_of_the_same_people_at_once_do_not_wait_for_each_other_for_ever(service):
    for number in range(12):
        await service.register(DOCTOR, JEANNE.traits, local_id=f"{number}")
    await asyncio.gather(*(service.search(DOCTOR, "1984-07-17", "D", count=12) for _ in range(8)))


async def test_the_sweep_verifies_what_is_due_and_erases_old_lots(service, base, clock):
    await service.admit(OPERATOR, JEANNE)
    batch = await service.batches.submit(DOCTOR, [claim_of(qualified_identity(JEANNE))])
    await tasks.verify_batch(service, msgspec.json.encode(BatchJob(batch.id)))
    clock.move(timedelta(days=4 * 365))
    await tasks.sweep(service, b"")
    async with base.database.transaction() as connection:
        assert (await service.find(connection, JEANNE.ins)).verified_at == clock()
    with pytest.raises(NotFound):
        await service.batches.find(DOCTOR, batch.id)


async def test_wrong_traits_answered_on_purpose_are_never_accepted(base):
    service = InsService(base, switches=lambda: SwitchState(wrong_traits=True))
    await service.teleservice.enrol(OPERATOR, [JEANNE])
    await service.register(DOCTOR, JEANNE.traits, local_id="a")
    query = TraitsQuery(birth_name="D'ARCY-BELLEC", given_names=("JEANNE",), sex="F", birth_date="1984-07-17")
    answer = await service.insi.search_by_traits(DOCTOR, query)
    assert (answer.person.ins, answer.person.traits.birth_name) == (JEANNE.ins, "ERREUR")
    with pytest.raises(Conflict):
        await service.accept_ins(DOCTOR, "a", answer.person)
