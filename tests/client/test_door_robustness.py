"""The door on the real store: requests damaged at random, every stored query, submissions that do not hold together."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from lxml import etree
from msgspec.structs import replace
from starlette.applications import Starlette

from socle.app import create_services
from socle.client import AsyncDmp, Identity, Refused, Signer
from socle.client.connection import INSTALLATION
from socle.client.xds import XdsDoor, new_oid
from socle.platform.base import Base
from socle.platform.replays import MemoryReplays
from socle.platform.vihf import VihfAuthenticator
from socle.sandbox import cast
from socle.sandbox.admit import admit_person, person_of
from socle.sandbox.pki import ensure_authority
from socle.services.dmp import soap
from socle.standards.cda.header import read_header
from socle.standards.cda.metadata import document_entry_of, submission_for
from socle.standards.hl7v3.record import Person
from socle.standards.ids.ins import Ins
from socle.standards.saml import Purpose, build_security_header
from socle.standards.soap import read_fault, read_message, write_message
from socle.standards.xades import sign_submission
from socle.standards.xds.messages import write_provide_request, write_submit_request
from socle.standards.xds.model import Folder, Submission
from socle.standards.xds.names import Action
from socle.standards.xds.query import RULES, QueryId, ReturnType, StoredQuery, write_query

APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"


class Place:
    """The door with a doctor whom the patient of one document lets in."""

    def __init__(self, base: Base) -> None:
        self.base = base
        self.services = create_services(base)
        authority = ensure_authority(base.settings.data_path / "pki")
        self.authenticator = VihfAuthenticator(
            self.services.trust, MemoryReplays(), base.clock, requires_client_certificate=False
        )
        self.app = Starlette(routes=soap.routes(self.services.dmp, self.services.ins, self.authenticator, base))
        self.identity = Identity(
            user_id=cast.GENERAL_PRACTITIONER,
            family="MARCHAND",
            given="Camille",
            structure="1750987653",
            structure_name="H",
        )
        card = authority.issue_professional(self.identity.user_id, "MARCHAND", "Camille", at=base.clock())
        self.signer = Signer.from_pem(card.certificate.encode(), card.key.encode())
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://socle")
        self.door = XdsDoor(
            "http://socle", self.http, self.identity, self.signer, source_id=INSTALLATION, clock=base.clock
        )
        self.dmp = AsyncDmp(self.door, self.identity, source_id=INSTALLATION, clock=base.clock)

    async def admit(self, document: bytes) -> Ins:
        person, used_name = person_of(read_header(document).patient)
        await admit_person(self.services.ins, self.services.dmp, person, used_name)
        await self.door.authorize(person.ins)
        return person.ins

    def submission(self, document: bytes) -> Submission:
        return submission_for(
            [(document_entry_of(document), document)],
            author=self.identity.author,
            source_id=INSTALLATION,
            unique_id=new_oid(),
            submission_time=f"{self.base.clock():%Y%m%d%H%M%S}",
        )

    def sign(self, submission: Submission) -> Submission:
        return sign_submission(
            submission, self.signer.key, self.signer.certificate, unique_id=new_oid(), at=self.base.clock()
        )

    def envelope(
        self, action: str, body: etree._Element, patient: Ins, attachments: object = None
    ) -> tuple[str, bytes]:
        vihf = self.identity.vihf(self.signer, self.base.clock(), patient=patient, purpose=Purpose.NORMAL)
        security = build_security_header(vihf, self.signer.key, self.signer.certificate)
        return write_message(action, body, attachments=attachments, to="http://socle", security=security)  # type: ignore[arg-type]

    async def post(self, service: str, content_type: str, content: bytes) -> httpx.Response:
        return await self.http.post(f"{soap.PREFIX}/{service}", content=content, headers={"content-type": content_type})


@pytest.fixture
async def place(base: Base) -> Place:
    return Place(base)


@pytest.fixture
def document(shared: Path) -> bytes:
    return (shared / "examples" / "cda" / "BIO-TROD_2024.01_COVID-19.xml").read_bytes()


def damage(tree: etree._Element, chance: random.Random) -> None:
    """One random change of ``tree``: an element gone, doubled, moved or emptied, a value or an attribute replaced."""
    elements = [element for element in tree.iter(etree.Element) if element is not tree]
    if not elements:
        return
    element = chance.choice(elements)
    parent = element.getparent()
    assert parent is not None
    odd = chance.choice(
        ["", " ", "'", "\u00e9" * 300, "urn:uuid:0", "-1", "9" * 40, "^^^&&", "('a'", "20261399", "\U0001f600"]
    )
    kind = chance.randrange(6)
    if kind == 0:
        parent.remove(element)
    elif kind == 1:
        parent.append(etree.fromstring(etree.tostring(element, with_tail=False)))
    elif kind == 2:
        target = chance.choice(elements)
        if element is not target and element not in list(target.iterancestors()):
            target.append(element)
    elif kind == 3 and element.attrib:
        element.set(chance.choice(list(element.attrib)), odd)
    elif kind == 4 and element.attrib:
        del element.attrib[chance.choice(list(element.attrib))]
    else:
        element.text = odd


async def test_damaged_requests_are_answered_in_the_form_of_the_protocol(place: Place, document: bytes) -> None:
    patient = await place.admit(document)
    await place.dmp.send(document)
    entry = await place.door.locate(document_entry_of(document).unique_id, patient)
    assert entry is not None
    chance = random.Random(7)
    attachments = write_provide_request(place.submission(document))[1]
    bodies: list[tuple[str, Action, Callable[[], etree._Element], object]] = [
        (
            "repository",
            Action.PROVIDE_AND_REGISTER,
            lambda: write_provide_request(place.submission(document))[0],
            attachments,
        ),
        (
            "registry",
            Action.UPDATE,
            lambda: write_submit_request(replace(place.submission(document), contents={})),
            None,
        ),
        (
            "registry",
            Action.QUERY,
            lambda: write_query(_query(QueryId.FIND_DOCUMENTS, patient, entry.entry_uuid)),
            None,
        ),
        ("registry", Action.QUERY, lambda: write_query(_query(QueryId.GET_ALL, patient, entry.entry_uuid)), None),
    ]
    for round_number in range(80):
        service, action, make, packed = bodies[round_number % len(bodies)]
        body = make()
        for _ in range(chance.randint(1, 3)):
            damage(body, chance)
        response = await place.post(service, *place.envelope(action, body, patient, packed))
        message = read_message(response.content, response.headers["content-type"])
        fault = read_fault(message.body)
        said = etree.tostring(message.body).decode()[:600]
        assert fault is None or fault.error_code != "Unexpected", (round_number, said)
        assert (response.status_code == 500) == (fault is not None), (round_number, said)


def _query(query_id: QueryId, patient: Ins, uuid: str, returns: ReturnType = ReturnType.LEAF_CLASS) -> StoredQuery:
    rule = RULES[query_id]
    values: dict[str, str] = {}
    for name in (*rule.required, *rule.one_of[:1]):
        if name.endswith(("PatientId", "patientId")):
            values[name] = patient.to_cx()
        elif name.endswith("Status"):
            values[name] = APPROVED
        elif name == "$AssociationTypes":
            values[name] = "urn:ihe:iti:2007:AssociationType:RPLC"
        elif name.endswith("ReferenceIdList"):
            values[name] = "unknown"
        else:
            values[name] = uuid
    return StoredQuery(
        id=query_id, parameters={name: ((value,),) for name, value in values.items()}, return_type=returns
    )


async def test_every_stored_query_is_answered_in_both_forms(place: Place, document: bytes) -> None:
    patient = await place.admit(document)
    folder = Folder(
        entry_uuid="Folder01",
        unique_id=new_oid(),
        patient_id=patient,
        codes=(document_entry_of(document).class_code,),
        title="Suivi",
    )
    submission = place.submission(document)
    member = replace(submission.associations[0], entry_uuid="FolderMember", target="Folder01", submission_set_status="")
    within = replace(member, entry_uuid="InFolder", source="Folder01", target="Document01")
    await place.door.submit(
        replace(submission, folders=(folder,), associations=(*submission.associations, member, within))
    )
    everything = await place.door.query(_query(QueryId.GET_ALL, patient, ""))
    entry = next(item for item in everything.objects.documents if item.title != "Source")
    uuids = {
        "$XDSFolder": everything.objects.folders[0].entry_uuid,
        "$XDSSubmissionSet": everything.objects.submission_sets[0].entry_uuid,
    }
    found: dict[QueryId, int] = {}
    for query_id in QueryId:
        names = [*RULES[query_id].required, *RULES[query_id].one_of[:1]]
        uuid = next(
            (value for prefix, value in uuids.items() if any(name.startswith(prefix) for name in names)),
            entry.entry_uuid,
        )
        leaves = await place.door.query(_query(query_id, patient, uuid), patient)
        references = await place.door.query(_query(query_id, patient, uuid, ReturnType.OBJECT_REF), patient)
        listed = leaves.objects
        ids = [
            item.entry_uuid
            for group in (listed.documents, listed.submission_sets, listed.folders, listed.associations)
            for item in group
        ]
        assert sorted(ids) == sorted(references.references), query_id.name
        found[query_id] = len(ids)
    assert {query_id.name for query_id, count in found.items() if count == 0} == {
        "FIND_DOCUMENTS_BY_REFERENCE_ID",
        "GET_RELATED_DOCUMENTS",
    }


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (
            lambda signed: replace(signed, contents={**signed.contents, "Document01": b"<a/>"}),
            "XDSRepositoryMetadataError",
        ),
        (lambda signed: replace(signed, contents={"Document01": signed.contents["Document01"]}), "XDSMissingDocument"),
        (
            lambda signed: replace(signed, contents={**signed.contents, "Document09": b"x"}),
            "XDSMissingDocumentMetadata",
        ),
        (
            lambda signed: replace(signed, submission_set=replace(signed.submission_set, unique_id=new_oid())),
            "XDSRepositoryError",
        ),
        (
            lambda signed: replace(signed, documents=(signed.documents[0], *signed.documents)),
            "XDSRegistryDuplicateUniqueIdInMessage",
        ),
    ],
)
async def test_a_submission_that_does_not_hold_together_is_refused_whole(
    place: Place, document: bytes, change: Callable[[Submission], Submission], code: str
) -> None:
    patient = await place.admit(document)
    body, attachments = write_provide_request(change(place.sign(place.submission(document))))
    response = await place.post("repository", *place.envelope(Action.PROVIDE_AND_REGISTER, body, patient, attachments))
    codes = {error.get("errorCode") for error in etree.fromstring(response.content).iter("{*}RegistryError")}
    assert code in codes, response.content[-900:]
    assert await place.dmp.find(patient) == []


async def test_an_assertion_for_another_patient_opens_nothing(place: Place, document: bytes) -> None:
    patient = await place.admit(document)
    other = Ins("200017505612365", patient.oid)
    body, attachments = write_provide_request(place.submission(document))
    response = await place.post("repository", *place.envelope(Action.PROVIDE_AND_REGISTER, body, other, attachments))
    assert b"Failure" in response.content
    assert await place.dmp.find(patient) == []


async def test_an_assertion_serves_once(place: Place, document: bytes) -> None:
    patient = await place.admit(document)
    request = place.envelope(Action.QUERY, write_query(_query(QueryId.FIND_DOCUMENTS, patient, "")), patient)
    assert (await place.post("registry", *request)).status_code == 200
    again = await place.post("registry", *request)
    fault = read_fault(read_message(again.content, again.headers["content-type"]).body)
    assert fault is not None
    assert fault.error_code == "VihfReplayed"


async def test_a_body_that_grows_over_the_bound_is_refused(place: Place) -> None:
    async def endless() -> object:
        for _ in range(400):
            yield b" " * 1024 * 1024

    response = await place.http.post(
        f"{soap.PREFIX}/registry", content=endless(), headers={"content-type": "application/soap+xml"}
    )  # type: ignore[arg-type]
    assert response.status_code == 413


async def test_a_client_that_reads_no_package_gets_the_document_inline(place: Place, document: bytes) -> None:
    patient = await place.admit(document)
    sent = await place.dmp.send(document)
    place.http.headers["accept"] = "application/soap+xml"
    assert await place.dmp.get(sent.unique_id, patient) == document


async def test_refusals_reach_the_sdk_with_every_error(place: Place, document: bytes) -> None:
    patient = await place.admit(document)
    submission = place.submission(document)
    entry = replace(submission.documents[0], title="x" * 200, creation_time="hier", hash="", size=None)
    with pytest.raises(Refused) as refused:
        await place.door.submit(replace(submission, documents=(entry,)))
    assert {error.location for error in refused.value.errors} >= {"Document01/title", "Document01/creationTime"}
    assert await place.dmp.find(patient) == []


async def test_patients_are_searched_by_their_traits(place: Place, document: bytes) -> None:
    patient = await place.admit(document)
    traits = (await place.door.record_status(patient)).candidates[0].person
    found = await place.door.find_patients(Person(birth_name=traits.birth_name, birth_date=traits.birth_date))
    assert [candidate.ins for candidate in found] == [patient]
    assert await place.door.find_patients(Person(birth_name="INCONNU", birth_date=traits.birth_date)) == ()
    with pytest.raises(Refused) as refused:
        await place.door.find_patients(Person(birth_name=traits.birth_name))
    assert refused.value.code == "DMPMalformedMessage"


async def test_a_document_of_another_repository_is_registered_by_iti_42(place: Place, document: bytes) -> None:
    patient = await place.admit(document)
    submission = place.submission(document)
    entry = replace(submission.documents[0], repository_unique_id="1.2.250.1.999.50")
    body = write_submit_request(replace(submission, documents=(entry,), contents={}))
    response = await place.post("registry", *place.envelope(Action.REGISTER, body, patient))
    assert b"ResponseStatusType:Success" in response.content, response.content[-600:]
    found = await place.dmp.find(patient)
    assert [(item.unique_id, item.repository_unique_id) for item in found] == [(entry.unique_id, "1.2.250.1.999.50")]


async def test_a_base_may_require_signed_submissions(base: Base, document: bytes) -> None:
    strict = replace(base, settings=replace(base.settings, submission_signature="required"))
    place = Place(strict)
    patient = await place.admit(document)
    body, attachments = write_provide_request(place.submission(document))
    response = await place.post("repository", *place.envelope(Action.PROVIDE_AND_REGISTER, body, patient, attachments))
    assert b"XDSRepositoryError" in response.content
    assert (await place.dmp.send(document)).entry_uuid


async def test_a_refusal_about_no_single_value_says_whom_or_what_it_is_about(place: Place, document: bytes) -> None:
    patient = await place.admit(document)
    stranger = Ins("180017505600101", patient.oid)
    wanted = StoredQuery(
        id=QueryId.FIND_DOCUMENTS,
        parameters={
            "$XDSDocumentEntryPatientId": ((stranger.to_cx(),),),
            "$XDSDocumentEntryStatus": ((APPROVED,),),
        },
    )
    places = []
    for vouched in (stranger, patient):
        answer = await place.post("registry", *place.envelope(Action.QUERY, write_query(wanted), vouched))
        error = next(read_message(answer.content, answer.headers["content-type"]).body.iter("{*}RegistryError"))
        places.append((error.get("errorCode"), error.get("location")))
    assert places == [
        ("XDSUnknownPatientId", "patientId"),
        ("DMPInvalidVIHF", "wsse:Security/saml:Assertion (resource-id)"),
    ]


async def test_what_cannot_change_is_named_as_xds_names_it(place: Place, document: bytes) -> None:
    patient = await place.admit(document)
    sent = await place.dmp.send(document)
    entry = await place.door.locate(sent.unique_id, patient)
    assert entry is not None
    other = replace(entry, type_code=replace(entry.type_code, code="11488-4"))
    with pytest.raises(Refused) as refused:
        await place.door.set_visibility(other, frozenset())
    assert [(error.code, error.location) for error in refused.value.errors] == [
        ("UnmodifiableMetadataError", "Document01/typeCode")
    ]
