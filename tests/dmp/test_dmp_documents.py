"""Feeding, finding, reading and changing documents, on a real database."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest

from socle.services.conformance.domain import Finding, Layer, Severity, Verdict
from socle.services.dmp.domain import (
    DocumentChange,
    DocumentFilter,
    DocumentRequest,
    FindDocuments,
    FindSubmissionSets,
    FolderFilter,
    GetAll,
    GetAssociations,
    GetDocuments,
    GetDocumentsAndAssociations,
    GetFolderAndContents,
    GetFoldersForDocument,
    GetRelatedDocuments,
    GetSubmissionSetAndContents,
    GetSubmissionSets,
    Interval,
    Missing,
    Page,
    Retrieved,
    SetFilter,
)
from socle.services.dmp.service import DmpService
from socle.standards.errors import InvalidContent, SocleError, Text
from socle.standards.xds.errors import text_of
from socle.standards.xds.model import Association, AssociationType, Code, Folder, Status, Visibility

APPROVED = DocumentFilter(statuses=(Status.APPROVED,))


async def refused(awaitable) -> SocleError:
    with pytest.raises(SocleError) as caught:
        await awaitable
    return caught.value


async def find(dmp, actor, ins, wanted=APPROVED):
    found = await dmp.query(actor, FindDocuments(patient=ins, filter=wanted))
    return [entry.unique_id for entry in found.documents]


async def test_an_accepted_document_is_found_and_read_byte_for_byte(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    submission = world.submission(ins, doctor, contents=(b"one", b"two"))
    receipt = await dmp.submit(doctor, submission)
    found = await dmp.query(doctor, FindDocuments(patient=ins, filter=APPROVED))
    assert sorted(entry.entry_uuid for entry in found.documents) == sorted(
        entry.entry_uuid for entry in receipt.objects.documents
    )
    assert set(found.documents) == set(receipt.objects.documents)
    requests = [DocumentRequest(unique_id=entry.unique_id) for entry in submission.documents]
    answers = await dmp.retrieve(doctor, requests, patient=ins)
    assert [one.content for one in answers if isinstance(one, Retrieved)] == [b"one", b"two"]


async def test_everything_submitted_comes_back_but_what_the_registry_sets(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    submission = world.submission(
        ins,
        doctor,
        comments="é",
        event_codes=(Code("YYYY600", "1.2.250.1.213.2.5", "Acte"),),
        reference_ids=("1.2.3^^^^urn:ihe:iti:xds:2013:accession",),
        extra_slots=(("documentAvailability", ("urn:ihe:iti:2010:DocumentAvailability:Online",)),),
    )
    await dmp.submit(doctor, submission)
    (stored,) = (await dmp.query(doctor, FindDocuments(patient=ins, filter=APPROVED))).documents
    (sent,) = submission.documents
    set_by_registry = ("entry_uuid", "logical_id", "repository_unique_id", "status", "version")
    assert {name: getattr(stored, name) for name in sent.__struct_fields__ if name not in set_by_registry} == {
        name: getattr(sent, name) for name in sent.__struct_fields__ if name not in set_by_registry
    }


async def test_the_same_message_twice_is_refused_and_nothing_is_doubled(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    submission = world.submission(ins, doctor)
    await dmp.submit(doctor, submission)
    assert (await refused(dmp.submit(doctor, submission))).code == "XDSDuplicateUniqueIdInRegistry"
    assert len(await find(dmp, doctor, ins)) == 1


async def test_the_same_unique_id_with_other_bytes_is_a_non_identical_hash(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    first = world.submission(ins, doctor)
    await dmp.submit(doctor, first)
    other = world.submission(ins, doctor, contents=(b"other",), unique_id=first.documents[0].unique_id)
    assert (await refused(dmp.submit(doctor, other))).code == "XDSNonIdenticalHash"


async def test_of_two_submissions_of_one_unique_id_at_once_one_wins(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    unique_id = world.oid()
    answers = await asyncio.gather(
        *(dmp.submit(doctor, world.submission(ins, doctor, unique_id=unique_id)) for _ in range(6)),
        return_exceptions=True,
    )
    codes = [one.code for one in answers if isinstance(one, SocleError)]
    assert codes == ["XDSDuplicateUniqueIdInRegistry"] * 5
    assert await find(dmp, doctor, ins) == [unique_id]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"hash": "0" * 40}, "XDSRepositoryMetadataError"),
        ({"size": 3}, "XDSRepositoryMetadataError"),
        ({"unique_id": "1.2^x"}, "XDSRegistryMetadataError"),
        ({"confidentiality_codes": (Code("R", "2.16.840.1.113883.5.25"),)}, "XDSRegistryMetadataError"),
        ({"type_code": Code("EXPORT_DUI", "1.2.250.1.213.1.1.4.12")}, "LocalPolicyRestrictionError"),
        ({"type_code": Code("11488-4", "http://loinc.org")}, "LocalPolicyRestrictionError"),
    ],
)
async def test_wrong_metadata_is_refused_with_its_own_error(dmp, world, opened, changes, code):
    doctor = world.doctor()
    ins = await opened(doctor)
    error = await refused(dmp.submit(doctor, world.submission(ins, doctor, **changes)))
    assert error.code == code
    assert error.location.startswith("Document01/")
    assert await find(dmp, doctor, ins) == []


async def test_a_record_that_is_unknown_closed_or_of_an_unqualified_identity_is_not_fed(dmp, world, opened, identities):
    doctor = world.doctor()
    unknown = world.patient()
    assert (await refused(dmp.submit(doctor, world.submission(unknown, doctor)))).code == "XDSUnknownPatientId"
    closed = await opened(doctor)
    await dmp.close_record(world.holder(closed), closed)
    error = await refused(dmp.submit(doctor, world.submission(closed, doctor)))
    assert (error.code, error.requirement.partition(":")[0]) == ("XDSUnknownPatientId", "record-closed")
    unqualified = await opened(doctor)
    identities.unqualified.add(unqualified)
    assert (await refused(dmp.submit(doctor, world.submission(unqualified, doctor)))).code == "DMPInsNotQualified"


async def test_a_replacement_deprecates_what_it_replaces(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    first = (await dmp.submit(doctor, world.submission(ins, doctor))).objects.documents[0]
    links = ((AssociationType.REPLACES, "Document01", first.entry_uuid),)
    second = (await dmp.submit(doctor, world.submission(ins, doctor, links=links))).objects.documents[0]
    assert await find(dmp, doctor, ins) == [second.unique_id]
    deprecated = DocumentFilter(statuses=(Status.DEPRECATED,))
    assert await find(dmp, doctor, ins, deprecated) == [first.unique_id]
    again = world.submission(ins, doctor, links=links)
    assert (await refused(dmp.submit(doctor, again))).code == "XDSRegistryDeprecatedDocumentError"


async def test_of_two_replacements_of_one_document_at_once_one_wins(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    first = (await dmp.submit(doctor, world.submission(ins, doctor))).objects.documents[0]
    links = ((AssociationType.REPLACES, "Document01", first.entry_uuid),)
    answers = await asyncio.gather(
        *(dmp.submit(doctor, world.submission(ins, doctor, links=links)) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(one, SocleError) for one in answers) == 4
    assert len(await find(dmp, doctor, ins)) == 1


async def test_only_its_author_replaces_a_document(dmp, world, opened):
    author, other = world.doctor(1), world.doctor(2)
    ins = await opened(author, other)
    first = (await dmp.submit(author, world.submission(ins, author))).objects.documents[0]
    links = ((AssociationType.REPLACES, "Document01", first.entry_uuid),)
    error = await refused(dmp.submit(other, world.submission(ins, other, links=links)))
    assert error.code == "LocalPolicyRestrictionError"


async def test_a_link_to_a_hidden_document_and_to_none_are_refused_alike(dmp, world, opened):
    author, other = world.doctor(1), world.doctor(2)
    ins = await opened(author, other)
    hidden = world.submission(ins, author, visibility=(Visibility.MASQUE_PS,))
    masked = (await dmp.submit(author, hidden)).objects.documents[0]
    errors = []
    for target in (masked.entry_uuid, "urn:uuid:00000000-0000-4000-8000-000000000001"):
        links = ((AssociationType.APPENDS, "Document01", target),)
        error = await refused(dmp.submit(other, world.submission(ins, other, links=links)))
        errors.append((error.code, error.reason.fr.replace(target, "…")))
    assert errors[0] == errors[1]
    assert errors[0][0] == "UnresolvedReferenceException"


async def test_masking_makes_a_new_version_and_hides_the_old_one_too(dmp, world, opened):
    author, other = world.doctor(1), world.doctor(2)
    ins = await opened(author, other)
    first = (await dmp.submit(author, world.submission(ins, author))).objects.documents[0]
    message = world.new_version(author, first, (Visibility.MASQUE_PS,))
    second = (await dmp.update(author, message)).objects.documents[0]
    assert (second.version, second.logical_id, second.unique_id) == (2, first.logical_id, first.unique_id)
    assert second.entry_uuid != first.entry_uuid
    everything = DocumentFilter()
    assert await find(dmp, other, ins, everything) == []
    assert len(await find(dmp, author, ins, everything)) == 2
    (missing,) = await dmp.retrieve(other, [DocumentRequest(unique_id=first.unique_id)], patient=ins)
    assert isinstance(missing, Missing)
    third = await dmp.patch(author, first.unique_id, DocumentChange(visibility=frozenset()), patient=ins)
    assert (third.version, await find(dmp, other, ins)) == (3, [first.unique_id])


async def test_masking_by_replacement_hides_what_was_replaced(dmp, world, opened):
    author, other = world.doctor(1), world.doctor(2)
    ins = await opened(author, other)
    first = (await dmp.submit(author, world.submission(ins, author))).objects.documents[0]
    links = ((AssociationType.REPLACES, "Document01", first.entry_uuid),)
    await dmp.submit(author, world.submission(ins, author, links=links, visibility=(Visibility.MASQUE_PS,)))
    assert await find(dmp, other, ins, DocumentFilter()) == []


async def test_a_stale_version_is_refused(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    first = (await dmp.submit(doctor, world.submission(ins, doctor))).objects.documents[0]
    message = world.new_version(doctor, first, (Visibility.MASQUE_PS,))
    await dmp.update(doctor, message)
    stale = world.new_version(doctor, first, ())
    assert (await refused(dmp.update(doctor, stale))).code == "XDSMetadataVersionError"
    error = await refused(dmp.patch(doctor, first.unique_id, DocumentChange(is_archived=True), patient=ins, version=1))
    assert error.code == "XDSMetadataVersionError"


async def test_only_confidentiality_changes_in_a_new_version(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    first = (await dmp.submit(doctor, world.submission(ins, doctor))).objects.documents[0]
    message = world.new_version(doctor, msgspec.structs.replace(first, title="Autre"), ())
    error = await refused(dmp.update(doctor, message))
    assert (error.code, error.location) == ("UnmodifiableMetadataError", "Document01/title")


async def test_archiving_goes_both_ways_and_deleting_is_final(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    document = (await dmp.submit(doctor, world.submission(ins, doctor))).objects.documents[0]

    async def change(old: Status, new: Status) -> None:
        await dmp.update(doctor, world.status_change(ins, doctor, document.entry_uuid, old, new))

    await change(Status.APPROVED, Status.ARCHIVED)
    assert await find(dmp, doctor, ins) == []
    assert await find(dmp, doctor, ins, DocumentFilter(statuses=(Status.ARCHIVED,))) == [document.unique_id]
    assert (await refused(change(Status.APPROVED, Status.DELETED))).code == "XDSMetadataUpdateOperationError"
    await change(Status.ARCHIVED, Status.APPROVED)
    await change(Status.APPROVED, Status.DELETED)
    assert await find(dmp, doctor, ins, DocumentFilter()) == []
    assert (await refused(change(Status.DELETED, Status.APPROVED))).code == "UnresolvedReferenceException"


async def test_only_the_author_deletes_and_the_patient_only_what_is_theirs(dmp, world, opened):
    author, other = world.doctor(1), world.doctor(2)
    ins = await opened(author, other)
    document = (await dmp.submit(author, world.submission(ins, author))).objects.documents[0]
    change = DocumentChange(is_deleted=True)
    for actor in (other, world.holder(ins)):
        error = await refused(dmp.patch(actor, document.unique_id, change, patient=ins))
        assert error.code == "LocalPolicyRestrictionError"
    holder = world.holder(ins)
    own = world.submission(ins, holder, type_code=Code("DOCPAT01", "1.2.250.1.213.1.1.4.12"))
    await dmp.submit(holder, own)
    await dmp.patch(holder, own.documents[0].unique_id, change)
    assert await find(dmp, holder, ins) == [document.unique_id]


async def test_every_stored_query_answers(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    receipt = await dmp.submit(doctor, world.submission(ins, doctor, contents=(b"1", b"2")))
    one, two = receipt.objects.documents
    links = ((AssociationType.APPENDS, "Document01", one.entry_uuid),)
    addendum = (await dmp.submit(doctor, world.submission(ins, doctor, links=links))).objects.documents[0]

    everything = await dmp.query(
        doctor, GetAll(patient=ins, documents=DocumentFilter(), sets=SetFilter(), folders=FolderFilter())
    )
    assert (len(everything.documents), len(everything.submission_sets), len(everything.associations)) == (3, 2, 4)
    by_unique_id = await dmp.query(doctor, GetDocuments(unique_ids=(one.unique_id,)))
    assert by_unique_id.documents == (one,)
    both = await dmp.query(doctor, GetDocumentsAndAssociations(entry_uuids=(one.entry_uuid,)))
    assert {link.type for link in both.associations} == {AssociationType.HAS_MEMBER, AssociationType.APPENDS}
    links_of_set = await dmp.query(doctor, GetAssociations(uuids=(receipt.submission_set_uuid,)))
    assert {link.target for link in links_of_set.associations} == {one.entry_uuid, two.entry_uuid}
    sets = await dmp.query(doctor, GetSubmissionSets(uuids=(two.entry_uuid,)))
    assert [one.entry_uuid for one in sets.submission_sets] == [receipt.submission_set_uuid]
    contents = await dmp.query(doctor, GetSubmissionSetAndContents(entry_uuid=receipt.submission_set_uuid))
    assert (len(contents.documents), len(contents.associations)) == (2, 2)
    related = await dmp.query(
        doctor, GetRelatedDocuments(unique_id=one.unique_id, association_types=(AssociationType.APPENDS,))
    )
    assert {entry.unique_id for entry in related.documents} == {one.unique_id, addendum.unique_id}
    found = await dmp.query(doctor, FindSubmissionSets(patient=ins, filter=SetFilter(statuses=(Status.APPROVED,))))
    assert len(found.submission_sets) == 2


async def test_filters_mean_or_inside_a_list_and_and_between_lists(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    system = "1.2.250.1.213.2.5"
    a, b, c = (Code(code, system) for code in "ABC")
    for codes in ((a,), (a, b), (b, c)):
        await dmp.submit(doctor, world.submission(ins, doctor, event_codes=codes, title="".join(x.code for x in codes)))

    async def titles(**wanted):
        found = await dmp.query(doctor, FindDocuments(patient=ins, filter=DocumentFilter(**wanted)))
        return sorted(entry.title for entry in found.documents)

    assert await titles(event_codes=((a, c),)) == ["A", "AB", "BC"]
    assert await titles(event_codes=((a,), (b,))) == ["AB"]
    assert await titles(event_codes=((Code("C", ""),),)) == ["BC"]
    excluded = await dmp.query(
        doctor,
        FindDocuments(patient=ins, filter=APPROVED, exclude=DocumentFilter(event_codes=((a,),))),
    )
    assert [entry.title for entry in excluded.documents] == ["BC"]


async def test_pages_cover_the_answer_once_and_count_what_is_seen(dmp, world, opened, clock):
    doctor = world.doctor()
    ins = await opened(doctor)
    for rank in range(7):
        clock.move(timedelta(seconds=rank % 2))
        visibility = (Visibility.MASQUE_PS,) if rank == 3 else ()
        other = world.doctor(2)
        await dmp.submit(other, world.submission(ins, other, visibility=visibility))
    query = FindDocuments(patient=ins, filter=APPROVED)
    page, seen, sizes = await dmp.search(doctor, query, Page(size=4)), [], []
    while True:
        seen += [entry.unique_id for entry in page.objects.documents]
        sizes.append((len(page.objects.documents), page.total))
        if not page.next:
            break
        page = await dmp.search(doctor, query, Page(size=4, after=page.next))
    assert sizes == [(4, 6), (2, 6)]
    assert seen == await find(dmp, doctor, ins)
    assert len(set(seen)) == 6


async def test_the_verdict_of_the_conformance_engine_is_stored_told_and_may_refuse(base, identities, world):
    judged = []

    async def judge(content, entry):
        judged.append(content)
        if content == b"bad":
            raise InvalidContent("ConformanceRefused", Text("Non conforme.", "Not conformant."))
        finding = Finding(
            layer=Layer.HEADER, severity=Severity.WARNING, rule_set="r", version="1", requirement="R-1",
            message=Text("Titre absent.", "No title."), line=7,
        )  # fmt: skip
        return Verdict(document_type="CR", document_version="1", rule_sets=[], findings=[finding])

    dmp = DmpService(base, identities, conformance=judge)
    ins, doctor = world.patient(), world.doctor()
    await dmp.open_record(world.operator(), ins)
    receipt = await dmp.submit(doctor, world.submission(ins, doctor, contents=(b"good",)))
    (warning,) = [text_of(one) for one in receipt.warnings if "Conform" in one.context]
    assert warning.fr == "Conformité (CR 1) : 0 erreur(s), 1 avertissement(s) ; d'abord R-1, ligne 7 : Titre absent."
    assert warning.en == "Conformance (CR 1): 0 error(s), 1 warning(s); first R-1, line 7: No title."
    assert (await refused(dmp.submit(doctor, world.submission(ins, doctor, contents=(b"bad",))))).code == (
        "ConformanceRefused"
    )
    async with base.database.connection() as connection:
        (stored,) = await connection.fetch("SELECT verdict FROM dmp_entry")
    assert msgspec.json.decode(stored["verdict"], type=Verdict).document_type == "CR"
    assert judged == [b"good", b"bad"]


async def test_a_thousand_documents_in_one_set_and_an_empty_set(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    many = world.submission(ins, doctor, contents=tuple(b"%d" % rank for rank in range(1000)))
    await dmp.submit(doctor, many)
    page = await dmp.search(doctor, FindDocuments(patient=ins, filter=APPROVED), Page(size=1))
    assert page.total == 1000
    empty = world.submission(ins, doctor, contents=())
    assert (await refused(dmp.submit(doctor, empty))).code == "XDSRegistryMetadataError"


async def test_documents_of_another_repository_are_registered_and_not_read_here(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    made = world.submission(ins, doctor, repository_unique_id="1.2.3.4")
    await dmp.submit(doctor, msgspec.structs.replace(made, contents={}), transaction="ITI-42")
    (entry,) = (await dmp.query(doctor, FindDocuments(patient=ins, filter=APPROVED))).documents
    assert entry.repository_unique_id == "1.2.3.4"
    requests = [
        DocumentRequest(unique_id=entry.unique_id),
        DocumentRequest(unique_id=entry.unique_id, repository_unique_id="1.2.3.4"),
    ]
    answers = await dmp.retrieve(doctor, requests, patient=ins)
    assert [one.code for one in answers] == ["XDSDocumentUniqueIdError", "XDSUnknownRepositoryId"]
    ours = msgspec.structs.replace(world.submission(ins, doctor), contents={})
    assert (await refused(dmp.submit(doctor, ours, transaction="ITI-42"))).code == "XDSUnknownRepositoryId"


async def test_a_new_version_stays_in_its_folder(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    folder = Folder(entry_uuid="Folder1", unique_id=world.oid(), patient_id=ins, codes=(Code("F", "1.2.3"),))
    made = world.submission(ins, doctor, folders=(folder,))
    member = Association(entry_uuid="fm", type=AssociationType.HAS_MEMBER, source="Folder1", target="Document01")
    receipt = await dmp.submit(doctor, msgspec.structs.replace(made, associations=(*made.associations, member)))
    (document,) = receipt.objects.documents
    await dmp.patch(doctor, document.unique_id, DocumentChange(adds=frozenset({Visibility.MASQUE_PS})), patient=ins)
    found = await dmp.query(
        doctor,
        GetFolderAndContents(
            patient=ins, unique_id=folder.unique_id, filter=DocumentFilter(statuses=(Status.APPROVED,))
        ),
    )
    assert [(entry.unique_id, entry.version) for entry in found.documents] == [(document.unique_id, 2)]
    holding = await dmp.query(doctor, GetFoldersForDocument(patient=ins, unique_id=document.unique_id))
    assert [one.unique_id for one in holding.folders] == [folder.unique_id]


async def test_changes_of_one_document_at_once_all_take_their_turn(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    document = (await dmp.submit(doctor, world.submission(ins, doctor))).objects.documents[0]
    masked, shown = frozenset({Visibility.MASQUE_PS}), frozenset()
    answers = await asyncio.gather(
        *(
            dmp.patch(doctor, document.unique_id, DocumentChange(visibility=wanted), patient=ins)
            for wanted in (masked, shown) * 4
        )
    )
    versions = await dmp.query(doctor, FindDocuments(patient=ins, filter=DocumentFilter()))
    numbers = [entry.version for entry in versions.documents]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert max(entry.version for entry in answers) == len(numbers)
    assert [entry.status for entry in versions.documents].count(Status.APPROVED) == 1


@pytest.mark.parametrize("text", ["\x00", "a\\", "%", "_", "'", "é" * 300, "\ud7ff", "%\\_"])
async def test_any_text_in_a_query_finds_or_does_not_find(dmp, world, opened, text):
    doctor = world.doctor()
    ins = await opened(doctor)
    await dmp.submit(doctor, world.submission(ins, doctor))
    wanted = DocumentFilter(
        type_codes=(Code(text, text),),
        author_persons=(text,),
        unique_ids=(text,),
        entry_uuids=(text,),
        logical_ids=(text,),
        reference_ids=((text,),),
        title=text,
        creation_time=Interval(text, text),
    )
    assert (await dmp.query(doctor, FindDocuments(patient=ins, filter=wanted))).documents == ()
    sets = SetFilter(author_persons=(text,), unique_ids=(text,), title=text, submission_time=Interval(text, text))
    assert (await dmp.query(doctor, FindSubmissionSets(patient=ins, filter=sets))).submission_sets == ()
    assert (await dmp.query(doctor, GetDocuments(unique_ids=(text,)))).documents == ()
    assert (await dmp.query(doctor, GetAssociations(uuids=(text,)))).associations == ()
    wrong_date = DocumentFilter(registered=Interval(text, text))
    assert (await refused(dmp.query(doctor, FindDocuments(patient=ins, filter=wrong_date)))).code == "XDSRegistryError"


async def test_a_page_that_nobody_gave_is_refused(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    query = FindDocuments(patient=ins, filter=APPROVED)
    for after in ("x", "é", "AAAA", "W10", "\x00"):
        assert (await refused(dmp.search(doctor, query, Page(after=after)))).code == "InvalidPage"


async def test_nothing_but_a_document_is_replaced_or_added_to(dmp, world, opened):
    doctor = world.doctor()
    ins = await opened(doctor)
    folder = Folder(entry_uuid="Folder1", unique_id=world.oid(), patient_id=ins, codes=(Code("F", "1.2.3"),))
    receipt = await dmp.submit(doctor, world.submission(ins, doctor, folders=(folder,)))
    (stored,) = receipt.objects.folders
    for kind in (AssociationType.REPLACES, AssociationType.APPENDS, AssociationType.TRANSFORMS):
        links = ((kind, "Document01", stored.entry_uuid),)
        error = await refused(dmp.submit(doctor, world.submission(ins, doctor, links=links)))
        assert (error.code, error.location) == ("XDSObjectTypeError", stored.entry_uuid)
