"""The SDK through the FHIR door: what it submits is what the registry holds, and what the XDS door would give."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
import msgspec
import pytest

from socle.client.door import Criteria
from socle.client.errors import Refused
from socle.client.fhir import FhirDoor
from socle.services.dmp.domain import DocumentFilter, Door, FindDocuments
from socle.standards.errors import Unavailable
from socle.standards.ids.ins import Ins
from socle.standards.xds.model import (
    Association,
    AssociationType,
    Author,
    Code,
    DocumentEntry,
    Status,
    Submission,
    SubmissionSet,
    Visibility,
)

A = AssociationType


def submission(make: Any, actor: Any, ins: Ins, content: bytes, *links: tuple[A, str], **changes: Any) -> Submission:
    person = f"{actor.id}^MARTIN^Claire^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"
    institution = f"{actor.structure_name}^^^^^&1.2.250.1.71.4.2.2&ISO^IDNST^^^{actor.structure}"
    author = Author(
        person=person,
        institutions=(institution,),
        specialties=("G15_10/SM26^Médecin généraliste^1.2.250.1.213.1.1.4.5",),
    )
    values: dict[str, Any] = {
        "entry_uuid": "Document01",
        "unique_id": make.oid(),
        "patient_id": ins,
        "class_code": Code("10", "1.2.250.1.213.1.1.4.1", "Compte rendu"),
        "type_code": Code("11488-4", "2.16.840.1.113883.6.1", "CR de consultation"),
        "format_code": Code("urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3", "PDF"),
        "healthcare_facility_type_code": Code("SA07", "1.2.250.1.71.4.2.4", "Cabinet individuel"),
        "practice_setting_code": Code("AMBULATOIRE", "1.2.250.1.213.1.1.4.9", "Ambulatoire"),
        "confidentiality_codes": (Code("N", "2.16.840.1.113883.5.25", "Normal"),),
        "creation_time": "20260302080000",
        "service_start_time": "20260302073000",
        "service_stop_time": "20260302080000",
        "language_code": "fr-FR",
        "mime_type": "application/pdf",
        "authors": (author,),
        "legal_authenticator": person,
        "title": "CR de consultation",
        "comments": "Rien à signaler",
        "source_patient_id": "000042^^^&1.2.250.1.999.1.1&ISO^PI",
        "source_patient_info": ("PID-5|DURAND^LEA^^^^^L", "PID-7|19800101", "PID-8|F"),
        "reference_ids": ("A77^^^&1.2.250.1.999.5&ISO^urn:ihe:iti:xds:2013:accession",),
        "hash": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
        "size": len(content),
    }
    entry = DocumentEntry(**(values | changes))
    member = Association(
        entry_uuid="m1", type=A.HAS_MEMBER, source="Set01", target="Document01", submission_set_status="Original"
    )
    others = [
        Association(entry_uuid=f"l{place}", type=kind, source="Document01", target=target)
        for place, (kind, target) in enumerate(links)
    ]
    return Submission(
        submission_set=SubmissionSet(
            entry_uuid="Set01",
            unique_id=make.oid(),
            source_id="1.2.250.1.999.1.7",
            patient_id=ins,
            content_type_code=Code("07", "1.2.250.1.213.2.2", "Consultation"),
            submission_time="20260302081500",
            author=author,
            title="Dépôt",
        ),
        documents=(entry,),
        associations=(member, *others),
        contents={"Document01": content},
    )


def client_of(door: Any, actor: Any) -> FhirDoor:
    return FhirDoor("http://dmp.test/dmp/fhir", door.http, headers={"x-actor": msgspec.json.encode(actor).decode()})


async def held(door: Any, actor: Any, ins: Ins) -> tuple[DocumentEntry, ...]:
    """What the registry holds, as the XDS door gives it."""
    approved = DocumentFilter(statuses=(Status.APPROVED, Status.ARCHIVED))
    found = await door.service.query(actor, FindDocuments(patient=ins, filter=approved), door=Door.XDS)
    return tuple(found.documents)


async def test_the_same_submission_by_either_door_is_the_same_entry(door: Any, make: Any) -> None:
    actor = make.doctor()
    by_fhir, by_xds = await door.open(actor), await door.open(actor)
    client = client_of(door, actor)
    content = b"%PDF-1.7 same"
    sent = submission(make, actor, by_fhir, content)
    await client.submit(sent)
    moved = msgspec.structs.replace(
        sent,
        submission_set=msgspec.structs.replace(sent.submission_set, patient_id=by_xds, unique_id=make.oid()),
        documents=(msgspec.structs.replace(sent.documents[0], patient_id=by_xds, unique_id=make.oid()),),
    )
    await door.service.submit(actor, moved, door=Door.XDS)
    (one,), (other,) = await held(door, actor, by_fhir), await held(door, actor, by_xds)
    own = ("entry_uuid", "logical_id", "unique_id", "patient_id")
    alike = {name: getattr(other, name) for name in own}
    assert one == msgspec.structs.replace(other, **{name: getattr(one, name) for name in own})
    assert alike["patient_id"] != one.patient_id
    shown = await client.search(by_fhir, Criteria())
    assert shown == [msgspec.structs.replace(one, repository_unique_id="")]
    assert await client.retrieve(shown[0]) == content


async def test_the_sdk_replaces_masks_archives_and_deletes(door: Any, make: Any) -> None:
    actor, other = make.doctor(1), make.doctor(2)
    ins = await door.open(actor, other)
    client, theirs = client_of(door, actor), client_of(door, other)
    first = submission(make, actor, ins, b"%PDF-1.7 one")
    await client.submit(first)
    old = await client.entry_uuid_of(first.documents[0].unique_id)
    second = submission(make, actor, ins, b"%PDF-1.7 two", (A.REPLACES, old))
    await client.submit(second)
    (entry,) = await client.search(ins, Criteria())
    assert entry.unique_id == second.documents[0].unique_id
    (superseded,) = await client.search(ins, Criteria(statuses=(Status.DEPRECATED,)))
    assert superseded.unique_id == first.documents[0].unique_id
    await client.set_visibility(entry, frozenset({Visibility.MASQUE_PS}))
    assert await theirs.search(ins, Criteria()) == []
    assert await theirs.locate(entry.unique_id, ins) is None
    masked = await client.locate(entry.unique_id, ins)
    assert masked is not None
    assert (masked.version, masked.logical_id) == (2, entry.logical_id)
    with pytest.raises(Refused) as refusal:
        await client.set_visibility(entry, frozenset())
    assert refusal.value.code == "XDSMetadataVersionError"
    await client.set_visibility(masked, frozenset())
    assert len(await theirs.search(ins, Criteria())) == 1
    current = await client.locate(entry.unique_id)
    assert current is not None
    await client.set_status(current, Status.ARCHIVED)
    assert await client.search(ins, Criteria()) == []
    (archived,) = await client.search(ins, Criteria(statuses=(Status.ARCHIVED,)))
    await client.set_status(archived, Status.APPROVED)
    (restored,) = await client.search(ins, Criteria())
    await client.set_status(restored, Status.DELETED)
    assert await client.search(ins, Criteria()) == []
    assert await client.entry_uuid_of(make.oid()) == ""


async def test_the_criteria_of_the_sdk_filter(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    client = client_of(door, actor)
    await client.submit(submission(make, actor, ins, b"%PDF-1.7 one"))
    for criteria, count in (
        (Criteria(type_codes=(Code("11488-4", "2.16.840.1.113883.6.1"),)), 1),
        (Criteria(type_codes=(Code("34112-3", "2.16.840.1.113883.6.1"),)), 0),
        (Criteria(service_start_from="20260302", service_start_to="20260303"), 1),
        (Criteria(service_start_from="20260303"), 0),
        (Criteria(creation_to="2026"), 0),
        (Criteria(author="%MARTIN%"), 1),
        (Criteria(author="%DURAND%"), 0),
        (Criteria(reference_ids=("A77",)), 1),
        (Criteria(reference_ids=("B78",)), 0),
        (Criteria(facility_codes=(Code("SA07", ""),), practice_setting_codes=(Code("AMBULATOIRE", ""),)), 1),
    ):
        assert len(await client.search(ins, criteria)) == count, criteria


async def test_pages_are_followed(door: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socle.client.fhir._PATIENT_PAGE", "2")
    actor = make.doctor()
    ins = await door.open(actor)
    client = client_of(door, actor)
    for number in range(5):
        await client.submit(submission(make, actor, ins, b"%%PDF-1.7 %d" % number))
    found = await client.search(ins, Criteria())
    assert len({entry.unique_id for entry in found}) == 5


async def test_a_refusal_says_why_in_both_languages(door: Any, make: Any) -> None:
    actor = make.doctor()
    with pytest.raises(Refused) as refusal:
        await client_of(door, actor).submit(submission(make, actor, make.patient(), b"%PDF-1.7"))
    assert refusal.value.code == "XDSUnknownPatientId"
    assert refusal.value.reason.fr != refusal.value.reason.en


async def test_silence_and_other_servers_are_unavailable() -> None:
    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/gone"):
            raise httpx.ConnectError("no", request=request)
        return httpx.Response(502, text="<html>")

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        for url in ("http://x.test/gone", "http://x.test/other"):
            with pytest.raises(Unavailable):
                await FhirDoor(url, http).entry_uuid_of("1.2.3")
