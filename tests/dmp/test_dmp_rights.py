"""Who may see what, through the service, on a real database."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta

import msgspec
import pytest

from socle.platform.actor import ActorKind, AuthenticationMode, Purpose
from socle.services.dmp.domain import (
    AuthorizationAction,
    AuthorizationStatus,
    BlockScope,
    DocumentChange,
    DocumentFilter,
    DocumentRequest,
    FindDocuments,
    FindFolders,
    FindSubmissionSets,
    FolderFilter,
    GetDocuments,
    Mandate,
    MandateKind,
    MandateScope,
    Page,
    RecordSettings,
    RecordState,
    Retrieved,
    SetFilter,
)
from socle.standards.errors import SocleError
from socle.standards.xds.model import Association, AssociationType, Code, Folder, Status, Visibility

AJOUT, SUPPRESSION = AuthorizationAction.AJOUT, AuthorizationAction.SUPPRESSION
ANY = DocumentFilter()


async def refused(awaitable) -> str:
    with pytest.raises(SocleError) as caught:
        await awaitable
    return caught.value.code


async def find(dmp, actor, ins, wanted=ANY):
    return [entry.unique_id for entry in (await dmp.query(actor, FindDocuments(patient=ins, filter=wanted))).documents]


async def feed(dmp, world, ins, doctor, **changes):
    return (await dmp.submit(doctor, world.submission(ins, doctor, **changes))).objects.documents[0]


async def test_a_professional_needs_the_patients_consent_to_read_but_not_to_feed(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened()
    await feed(dmp, world, ins, doctor)
    query = FindDocuments(patient=ins, filter=ANY)
    assert await refused(dmp.query(doctor, query)) == "DMPAuthorizationRequired"
    status = await dmp.set_authorization(doctor, ins, AJOUT)
    assert status.authorization is AuthorizationStatus.VALIDE
    assert len(await find(dmp, doctor, ins)) == 1
    await dmp.set_authorization(doctor, ins, SUPPRESSION)
    assert await refused(dmp.query(doctor, query)) == "DMPAuthorizationRequired"


async def test_an_authorisation_expires(dmp, world, opened, clock):
    doctor = world.doctor()
    ins = await opened(doctor)
    clock.move(timedelta(days=366))
    assert await refused(dmp.query(doctor, FindDocuments(patient=ins, filter=ANY))) == "DMPAccessExpired"
    assert (await dmp.record_status(doctor, ins)).authorization is AuthorizationStatus.EXPIRE


async def test_a_blocked_professional_reads_nothing_feeds_still_and_is_not_restored_by_unblocking(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    holder = world.holder(ins)
    await feed(dmp, world, ins, doctor)
    await dmp.block(holder, ins, doctor.id)
    query = FindDocuments(patient=ins, filter=ANY)
    assert await refused(dmp.query(doctor, query)) == "DMPAccessForbidden"
    assert await refused(dmp.query(world.emergency(doctor), query)) == "DMPAccessForbidden"
    assert await refused(dmp.set_authorization(doctor, ins, AJOUT)) == "DMPAccessForbidden"
    assert (await dmp.record_status(doctor, ins)).authorization is AuthorizationStatus.INTERDIT
    await feed(dmp, world, ins, doctor)
    await dmp.unblock(holder, ins, doctor.id)
    assert await refused(dmp.query(doctor, query)) == "DMPAuthorizationRequired"


async def test_opposing_the_feed_needs_a_reason_and_stops_the_structure(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened()
    holder = world.holder(ins)
    code = await refused(dmp.block(holder, ins, doctor.structure, scope=BlockScope.FEED))
    assert code == "DMPReasonMissing"
    await dmp.block(holder, ins, doctor.structure, scope=BlockScope.FEED, reason="motif légitime")
    assert await refused(dmp.submit(doctor, world.submission(ins, doctor))) == "DMPAccessForbidden"


async def test_no_read_succeeds_after_a_block_is_acknowledged_while_32_clients_read(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    document = await feed(dmp, world, ins, doctor)
    acknowledged, enough = False, asyncio.Event()
    reads, late = 0, []

    async def read() -> None:
        nonlocal reads
        while True:
            was_acknowledged = acknowledged
            try:
                answers = await dmp.retrieve(doctor, [DocumentRequest(unique_id=document.unique_id)], patient=ins)
            except SocleError:
                if was_acknowledged:
                    return
                continue
            assert isinstance(answers[0], Retrieved)
            reads += 1
            if reads == 50:
                enough.set()
            # Not even a read that began before the acknowledgement may end after it.
            if acknowledged:
                late.append(was_acknowledged)

    async def shut_out() -> None:
        nonlocal acknowledged
        await enough.wait()
        await dmp.block(world.holder(ins), ins, doctor.id)
        acknowledged = True

    await asyncio.wait_for(asyncio.gather(shut_out(), *(read() for _ in range(32))), 60)
    assert reads >= 50
    assert late == []


async def test_a_masked_document_is_seen_by_author_medecin_traitant_and_holder_alone(dmp, world, opened):
    author, traitant, other = world.doctor(1), world.doctor(2), world.doctor(3)
    ins = await opened(author, other)
    await dmp.set_authorization(traitant, ins, AJOUT, is_medecin_traitant=True)
    document = await feed(dmp, world, ins, author, visibility=(Visibility.MASQUE_PS,))
    for actor in (author, traitant, world.holder(ins)):
        assert await find(dmp, actor, ins) == [document.unique_id]
    assert await find(dmp, other, ins) == []
    assert await find(dmp, world.emergency(other), ins) == []
    settings = RecordSettings(allows_masked_in_emergency=True)
    await dmp.change_settings(world.holder(ins), ins, settings)
    assert await find(dmp, world.emergency(other), ins) == [document.unique_id]
    assert await find(dmp, other, ins) == []


async def test_masking_everything_holds_in_an_emergency_but_not_against_the_author(dmp, world, opened):
    author, other = world.doctor(1), world.doctor(2)
    ins = await opened(author, other)
    document = await feed(dmp, world, ins, author)
    settings = RecordSettings(masks_everything=True, allows_masked_in_emergency=True)
    await dmp.change_settings(world.holder(ins), ins, settings)
    assert await find(dmp, other, ins) == []
    assert await find(dmp, world.emergency(other), ins) == []
    assert await find(dmp, author, ins) == [document.unique_id]


async def test_emergency_access_can_be_refused_and_centre_15_is_for_regulation_centres(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened()
    query = FindDocuments(patient=ins, filter=ANY)
    await dmp.query(world.emergency(doctor), query)
    call = world.emergency(doctor, Purpose.CENTRE_15)
    assert await refused(dmp.query(call, query)) == "DMPRoleNotAllowed"
    regulator = msgspec.structs.replace(call, sector="SA50")
    await dmp.query(regulator, query)
    await dmp.change_settings(
        world.holder(ins), ins, RecordSettings(allows_bris_de_glace=False, allows_centre_15=False)
    )
    assert await refused(dmp.query(world.emergency(doctor), query)) == "DMPAccessForbidden"
    assert await refused(dmp.query(regulator, query)) == "DMPAccessForbidden"


async def test_the_care_team_of_a_structure_reads_unless_the_holder_refuses_teams(dmp, world, opened):
    one, colleague = world.doctor(1), world.doctor(1, id="810000099999")
    ins = await opened()
    await dmp.set_authorization(one, ins, AJOUT, care_team=True)
    assert await find(dmp, colleague, ins) == []
    await dmp.change_settings(world.holder(ins), ins, RecordSettings(allows_care_teams=False))
    code = await refused(dmp.query(colleague, FindDocuments(patient=ins, filter=ANY)))
    assert code == "DMPAuthorizationRequired"


async def test_a_document_awaiting_its_announcement_shows_to_the_holder_after_a_month(dmp, world, opened, clock):
    doctor = world.doctor()
    ins = await opened(doctor)
    holder = world.holder(ins)
    document = await feed(dmp, world, ins, doctor, visibility=(Visibility.INVISIBLE_PATIENT,))
    assert await find(dmp, holder, ins) == []
    assert await find(dmp, doctor, ins) == [document.unique_id]
    clock.move(timedelta(days=15))
    await dmp.sweep()
    kinds = [notice.kind.value for notice in await dmp.list_notices(holder, ins)]
    assert "awaited-announcement" in kinds
    assert "new-document" not in kinds
    assert await find(dmp, holder, ins) == []
    clock.move(timedelta(days=17))
    assert await find(dmp, holder, ins) == [document.unique_id]


async def test_a_professional_releases_a_document_and_the_holder_cannot(dmp, world, opened):
    doctor, other = world.doctor(1), world.doctor(2)
    ins = await opened(doctor, other)
    document = await feed(dmp, world, ins, doctor, visibility=(Visibility.INVISIBLE_PATIENT,))
    change = DocumentChange(visibility=frozenset())
    assert await refused(dmp.patch(world.holder(ins), document.unique_id, change)) == "XDSDocumentUniqueIdError"
    await dmp.patch(other, document.unique_id, change, patient=ins)
    approved = DocumentFilter(statuses=(Status.APPROVED,))
    assert await find(dmp, world.holder(ins), ins, approved) == [document.unique_id]


async def test_after_deposit_only_the_author_hides_from_the_patient(dmp, world, opened):
    doctor, other = world.doctor(1), world.doctor(2)
    ins = await opened(doctor, other)
    document = await feed(dmp, world, ins, doctor)
    change = DocumentChange(adds=frozenset({Visibility.INVISIBLE_PATIENT}))
    assert await refused(dmp.patch(other, document.unique_id, change, patient=ins)) == "LocalPolicyRestrictionError"
    await dmp.patch(doctor, document.unique_id, change, patient=ins)
    assert await find(dmp, world.holder(ins), ins) == []


async def minor(dmp, world, identities, opened, *doctors):
    ins = world.patient()
    identities.birth_dates[ins] = date(2010, 3, 3)
    await opened(*doctors, ins=ins)
    mandate = Mandate(
        agent_id="mother",
        kind=MandateKind.PARENT,
        scope=MandateScope.MANAGE,
        name="DURAND Anne",
        starts_at=dmp.context.base.clock(),
    )
    await dmp.give_mandate(world.operator(), ins, mandate)
    return ins, world.agent(ActorKind.REPRESENTATIVE, "mother")


async def test_what_a_minor_does_in_a_secret_session_stays_hidden_from_the_parents(
    dmp, world, opened, identities, clock
):
    doctor = world.doctor()
    ins, mother = await minor(dmp, world, identities, opened)
    secret = msgspec.structs.replace(doctor, is_secret=True)
    await dmp.set_authorization(secret, ins, AJOUT)
    document = await feed(dmp, world, ins, secret)
    assert Visibility.INVISIBLE_REPRESENTANTS_LEGAUX in {code.code for code in document.confidentiality_codes}
    assert await find(dmp, secret, ins) == [document.unique_id]
    assert await find(dmp, mother, ins) == []
    assert await find(dmp, world.holder(ins), ins) == [document.unique_id]
    assert await dmp.list_authorizations(mother, ins) == []
    assert doctor.id not in {line.actor.id for line in await dmp.access_history(mother, ins)}
    assert doctor.id in {line.actor.id for line in await dmp.access_history(world.holder(ins), ins)}
    assert {notice.kind.value for notice in await dmp.list_notices(mother, ins)} <= {
        "record-opened",
        "mandate-changed",
    }


async def test_at_eighteen_the_parents_access_ends_and_a_secret_session_has_no_sense(
    dmp, world, opened, identities, clock
):
    doctor = world.doctor()
    ins, mother = await minor(dmp, world, identities, opened, doctor)
    assert await find(dmp, mother, ins) == []
    assert await refused(dmp.close_record(world.holder(ins), ins)) == "DMPRoleNotAllowed"
    clock.move(timedelta(days=365 * 2 + 2))
    assert await refused(dmp.query(mother, FindDocuments(patient=ins, filter=ANY))) == "DMPAccessForbidden"
    secret = msgspec.structs.replace(doctor, is_secret=True)
    assert await refused(dmp.submit(secret, world.submission(ins, secret))) == "DMPInvalidVIHF"
    await dmp.close_record(world.holder(ins), ins)


async def test_a_delegate_reads_or_manages_as_the_holder_said_until_withdrawn(dmp, world, opened, clock):
    doctor = world.doctor()
    ins = await opened(doctor)
    holder, friend = world.holder(ins), world.agent(ActorKind.DELEGATE, "friend")
    document = await feed(dmp, world, ins, doctor)
    assert await refused(dmp.query(friend, FindDocuments(patient=ins, filter=ANY))) == "DMPAccessForbidden"
    mandate = Mandate(
        agent_id="friend", kind=MandateKind.DELEGATE, scope=MandateScope.READ, name="DURAND Paul", starts_at=clock()
    )
    await dmp.give_mandate(holder, ins, mandate)
    assert await find(dmp, friend, ins) == [document.unique_id]
    assert await dmp.mandated_records(friend) == [(ins, mandate)]
    assert await refused(dmp.hide(friend, ins, document.unique_id)) == "DMPRoleNotAllowed"
    await dmp.give_mandate(holder, ins, msgspec.structs.replace(mandate, scope=MandateScope.MANAGE))
    await dmp.hide(friend, ins, document.unique_id)
    assert await refused(dmp.close_record(friend, ins)) == "DMPRoleNotAllowed"
    await dmp.withdraw_mandate(holder, ins, "friend")
    assert await refused(dmp.query(friend, FindDocuments(patient=ins, filter=ANY))) == "DMPAccessForbidden"


async def test_no_parent_takes_the_mandate_of_the_other_by_giving_a_lesser_one(dmp, world, opened, identities, clock):
    ins, mother = await minor(dmp, world, identities, opened)
    mother = msgspec.structs.replace(mother, patient=ins)
    father = world.agent(ActorKind.REPRESENTATIVE, "father")
    parent = Mandate(
        agent_id="father", kind=MandateKind.PARENT, scope=MandateScope.MANAGE, name="DURAND Paul", starts_at=clock()
    )
    await dmp.give_mandate(world.operator(), ins, parent)
    lesser = msgspec.structs.replace(parent, kind=MandateKind.DELEGATE, scope=MandateScope.READ)
    assert await refused(dmp.give_mandate(mother, ins, lesser)) == "DMPRoleNotAllowed"
    assert await refused(dmp.withdraw_mandate(mother, ins, "father")) == "DMPRoleNotAllowed"
    assert await find(dmp, father, ins) == []
    clock.move(timedelta(days=365 * 2 + 2))
    await dmp.give_mandate(world.holder(ins), ins, msgspec.structs.replace(lesser, starts_at=clock()))
    assert await find(dmp, world.agent(ActorKind.DELEGATE, "father"), ins) == []


async def test_whom_a_parent_chose_acts_no_more_once_the_holder_is_of_age(dmp, world, opened, identities, clock):
    ins, mother = await minor(dmp, world, identities, opened)
    nanny = world.agent(ActorKind.DELEGATE, "nanny")
    mandate = Mandate(
        agent_id="nanny", kind=MandateKind.DELEGATE, scope=MandateScope.READ, name="DURAND Lou", starts_at=clock()
    )
    await dmp.give_mandate(mother, ins, mandate)
    assert await find(dmp, nanny, ins) == []
    clock.move(timedelta(days=365 * 2 + 2))
    assert await refused(dmp.query(nanny, FindDocuments(patient=ins, filter=ANY))) == "DMPAccessForbidden"


async def test_the_matrix_leaves_types_out_of_lists(dmp, world, opened):
    doctor = world.doctor(1)
    dentist = world.doctor(2, profession="40", speciality="")
    ins = await opened(doctor, dentist)
    await feed(dmp, world, ins, doctor, type_code=Code("68599-0", "2.16.840.1.113883.6.1"))
    seen = await feed(dmp, world, ins, doctor)
    assert await find(dmp, dentist, ins) == [seen.unique_id]


async def test_indirect_mode_feeds_locates_and_deletes_its_own_and_reads_nothing(dmp, world, opened):
    system, doctor = world.system(1), world.doctor(2)
    ins = await opened(doctor)
    document = (await dmp.submit(system, world.submission(ins, system))).objects.documents[0]
    foreign = await feed(dmp, world, ins, doctor)
    colleague = msgspec.structs.replace(system, id="3750100121/88")
    locate = GetDocuments(unique_ids=(document.unique_id, foreign.unique_id), only_references=True, patient=ins)
    assert [one.entry_uuid for one in (await dmp.query(colleague, locate)).documents] == [document.entry_uuid]
    assert await refused(dmp.query(system, FindDocuments(patient=ins, filter=ANY))) == "DMPRoleNotAllowed"
    masked = DocumentChange(adds=frozenset({Visibility.MASQUE_PS}))
    assert await refused(dmp.patch(system, document.unique_id, masked, patient=ins)) == "DMPRoleNotAllowed"
    await dmp.patch(system, document.unique_id, DocumentChange(is_deleted=True), patient=ins)
    assert await find(dmp, doctor, ins) == [foreign.unique_id]


async def test_a_card_of_an_employee_does_not_consult(dmp, world, opened):
    employee = world.doctor(1, id="3750100125/1453", authentication=AuthenticationMode.DIRECTE)
    ins = await opened()
    assert await refused(dmp.set_authorization(employee, ins, AJOUT)) == "DMPRoleNotAllowed"
    assert await refused(dmp.query(employee, FindDocuments(patient=ins, filter=ANY))) == "DMPRoleNotAllowed"


async def test_a_credential_of_another_patient_is_refused_everywhere(dmp, world, opened):
    one, other = await opened(), await opened()
    doctor = world.doctor(patient=other)
    query = FindDocuments(patient=one, filter=ANY)
    assert await refused(dmp.query(doctor, query)) == "DMPInvalidVIHF"
    assert await refused(dmp.submit(doctor, world.submission(one, doctor))) == "DMPInvalidVIHF"
    assert await refused(dmp.query(world.holder(other), query)) == "DMPInvalidVIHF"
    assert await refused(dmp.close_record(world.holder(other), one)) == "DMPInvalidVIHF"


async def test_by_id_without_a_patient_hidden_closed_and_missing_look_the_same(dmp, world, opened):
    author, stranger = world.doctor(1), world.doctor(2)
    ins = await opened(author)
    document = await feed(dmp, world, ins, author)
    mine = await dmp.query(author, GetDocuments(unique_ids=(document.unique_id,)))
    assert len(mine.documents) == 1
    nothing = await dmp.query(stranger, GetDocuments(unique_ids=(world.oid(),)))
    assert await dmp.query(stranger, GetDocuments(unique_ids=(document.unique_id,))) == nothing
    requests = [DocumentRequest(unique_id=document.unique_id), DocumentRequest(unique_id=world.oid())]
    missing = await dmp.retrieve(stranger, requests)
    assert len({(one.code, one.reason_fr) for one in missing}) == 1
    errors = [await refused(dmp.patch(stranger, one.unique_id, DocumentChange(is_archived=True))) for one in requests]
    assert len(set(errors)) == 1


async def test_sets_folders_counts_and_dates_never_tell_of_a_hidden_document(dmp, world, opened, clock):
    author, other = world.doctor(1), world.doctor(2)
    ins = await opened(author, other)

    def folder(rank: int) -> Folder:
        return Folder(
            entry_uuid=f"Folder{rank}", unique_id=world.oid(), patient_id=ins, codes=(Code("F", "1.2.3"),), title="F"
        )

    def submission(visibility, rank):
        made = world.submission(ins, author, visibility=visibility, folders=(folder(rank),))
        member = Association(
            entry_uuid="fm", type=AssociationType.HAS_MEMBER, source=f"Folder{rank}", target="Document01"
        )
        return msgspec.structs.replace(made, associations=(*made.associations, member))

    shown = await dmp.submit(author, submission((), 1))
    before = clock()
    clock.move(timedelta(hours=1))
    await dmp.submit(author, submission((Visibility.MASQUE_PS,), 2))
    hidden_in_shown = world.submission(ins, author, visibility=(Visibility.MASQUE_PS,))
    member = Association(
        entry_uuid="fm",
        type=AssociationType.HAS_MEMBER,
        source=shown.objects.folders[0].entry_uuid,
        target="Document01",
    )
    await dmp.submit(
        author, msgspec.structs.replace(hidden_in_shown, associations=(*hidden_in_shown.associations, member))
    )

    async def counts(actor):
        documents = await dmp.search(actor, FindDocuments(patient=ins, filter=ANY), Page(size=1))
        sets = await dmp.search(actor, FindSubmissionSets(patient=ins, filter=SetFilter()), Page(size=1))
        folders = await dmp.search(actor, FindFolders(patient=ins, filter=FolderFilter()), Page(size=1))
        return documents.total, sets.total, folders.total, bool(documents.next), bool(sets.next), bool(folders.next)

    assert await counts(author) == (3, 3, 2, True, True, True)
    assert await counts(other) == (1, 1, 1, False, False, False)
    (seen,) = (await dmp.query(other, FindFolders(patient=ins, filter=FolderFilter()))).folders
    assert seen.last_update_time == before.strftime("%Y%m%d%H%M%S")


async def test_a_citizens_history_does_not_name_what_awaits_an_announcement(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    holder = world.holder(ins)
    await feed(dmp, world, ins, doctor, visibility=(Visibility.INVISIBLE_PATIENT,), title="Annonce")
    shown = await feed(dmp, world, ins, doctor, title="Compte rendu")
    await dmp.retrieve(doctor, [DocumentRequest(unique_id=shown.unique_id)], patient=ins)
    sentences = [line.sentence_fr for line in await dmp.access_history(holder, ins)]
    assert sentences[0] == "MARTIN Claire1 (Médecin, Cabinet 1) a lu « Compte rendu »."
    assert sentences[1] == "MARTIN Claire1 (Médecin, Cabinet 1) a ajouté « Compte rendu »."
    assert not any("Annonce" in sentence for sentence in sentences)
    assert len([one for one in sentences if "ajouté" in one]) == 1


async def test_refusals_and_emergencies_are_in_the_history_and_told(dmp, world, opened):
    doctor, traitant = world.doctor(1), world.doctor(2)
    ins = await opened()
    await dmp.set_authorization(traitant, ins, AJOUT, is_medecin_traitant=True)
    await refused(dmp.query(doctor, FindDocuments(patient=ins, filter=ANY)))
    await dmp.query(world.emergency(doctor), FindDocuments(patient=ins, filter=ANY))
    lines = await dmp.access_history(world.holder(ins), ins)
    assert lines[0].is_emergency
    assert lines[0].sentence_fr.endswith("a consulté la liste des documents en urgence (bris de glace).")
    assert lines[1].is_refusal
    assert lines[1].right == "authorization-required"
    assert "ce qui a été refusé : « Le patient ne vous a pas autorisé" in lines[1].sentence_fr
    assert "emergency-access" in {one.kind.value for one in await dmp.list_notices(world.holder(ins), ins)}
    assert {one.kind.value for one in await dmp.list_notices(traitant, ins)} == {"emergency-access"}
    assert "was refused" in (await dmp.own_activity(doctor))[1].sentence_en


async def test_td04_and_td16_tell_what_is_true_today(dmp, world, opened, clock):
    one, two = world.doctor(1), world.doctor(2)
    ins, other = await opened(one, two), await opened(one)
    await dmp.set_authorization(one, ins, AJOUT, is_medecin_traitant=True)
    await dmp.block(world.holder(ins), ins, two.id, name=two.name)
    assert {record.ins for record in await dmp.authorized_records(one)} == {ins, other}
    assert await dmp.authorized_records(two) == []
    lines = {line.holder_id: line for line in await dmp.list_authorizations(one, ins)}
    assert lines[one.id].is_medecin_traitant
    assert lines[two.id].status is AuthorizationStatus.INTERDIT
    assert await refused(dmp.list_authorizations(two, ins)) == "DMPRoleNotAllowed"
    assert (await dmp.record_status(one, ins)).state is RecordState.ACTIVE
    clock.move(timedelta(days=400))
    assert {record.ins for record in await dmp.authorized_records(one)} == {ins}
    await dmp.set_authorization(one, ins, SUPPRESSION, is_medecin_traitant=True)
    assert not (await dmp.record_status(one, ins)).is_medecin_traitant


async def test_a_document_of_the_holder_is_found_by_status_and_default_masking_applies(dmp, world, opened):
    doctor, other = world.doctor(1), world.doctor(2)
    ins = await opened(doctor, other)
    await dmp.change_settings(world.holder(ins), ins, RecordSettings(masks_new_documents=True))
    document = await feed(dmp, world, ins, doctor)
    assert await find(dmp, other, ins, DocumentFilter(statuses=(Status.APPROVED,))) == []
    assert await find(dmp, world.holder(ins), ins) == [document.unique_id]


async def test_a_page_of_the_history_is_whole_whatever_was_left_out_of_it(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    holder = world.holder(ins)
    await dmp.query(doctor, FindDocuments(patient=ins, filter=DocumentFilter()))
    for _ in range(3):
        await dmp.submit(doctor, world.submission(ins, doctor, visibility=(Visibility.INVISIBLE_PATIENT,)))
    for _ in range(3):
        await dmp.list_names(holder, ins)
    others = await dmp.access_history(holder, ins, of_others=True)
    assert holder.id not in {line.actor.id for line in others}
    assert "ITI-41" not in {line.transaction for line in others}
    assert len(others) >= 2
    paged: list[int] = []
    before = 2**62
    while lines := await dmp.access_history(holder, ins, before=before, count=1, of_others=True):
        (line,) = lines
        before = line.sequence
        paged.append(before)
    assert paged == [line.sequence for line in others]
    assert {line.actor.id for line in await dmp.access_history(holder, ins)} >= {holder.id, doctor.id}
