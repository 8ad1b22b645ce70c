"""Two FHIR clients that are not ours, and the SDK, drive a live base over real sockets."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client as http_client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest
from fhirclient import client as smart
from fhirclient.models.bundle import Bundle as OracleBundle
from fhirclient.models.capabilitystatement import CapabilityStatement as OracleStatement
from fhirclient.models.documentreference import DocumentReference as OracleDocument
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome as FhirpyOutcome
from fhirpy.base.exceptions import ResourceNotFound

from socle.client import Criteria, DoorName, Sandbox, XdsDoor, connect_sandbox
from socle.client.connection import DEFAULT_RPPS
from socle.client.fhir import FhirDoor
from socle.client.xds import new_oid
from socle.standards.cda.metadata import document_entry_of
from socle.standards.fhir.json_codec import encode_json
from socle.standards.fhir.pdsm.bundles import bundle_of
from socle.standards.ids.ins import Ins

if TYPE_CHECKING:
    from tests.conftest import RunningBase  # type: ignore[import-not-found]

pytestmark = pytest.mark.blackbox


class Desk(msgspec.Struct, frozen=True):
    """A doctor of the sandbox before a live base: the patient, a token, and a bundle never sent."""

    url: str
    token: str
    patient: Ins
    bundle: dict[str, Any]
    document: bytes

    @property
    def door(self) -> str:
        return f"{self.url}/dmp/fhir"

    def client(self, **headers: str) -> SyncFHIRClient:
        return SyncFHIRClient(self.door, authorization=f"Bearer {self.token}", extra_headers=headers)

    @property
    def patient_token(self) -> str:
        return f"urn:oid:{self.patient.oid}|{self.patient.matricule}"


def own_document(shared: Path) -> bytes:
    """An example under identifiers of this test's own."""
    source = (shared / "examples" / "cda" / "BIO-CR-BIO_2024.01_TSH_1.xml").read_bytes()
    return source.replace(document_entry_of(source).unique_id.encode(), new_oid().encode(), 1)


@pytest.fixture
def desk(running_base: RunningBase, shared: Path) -> Desk:
    async def prepare() -> Desk:
        document = own_document(shared)
        entry = document_entry_of(document)
        async with httpx.AsyncClient(timeout=30) as http:
            sandbox = Sandbox(running_base.url, http)
            await sandbox.admit(document)
            async with await connect_sandbox(running_base.url) as dmp:
                assert isinstance(dmp.door, XdsDoor)
                await dmp.door.authorize(entry.patient_id)
            submission = await bundle_to_send(running_base.url, document)
            return Desk(running_base.url, await sandbox.token(DEFAULT_RPPS), entry.patient_id, submission, document)

    return asyncio.run(prepare())


async def bundle_to_send(url: str, document: bytes) -> dict[str, Any]:
    """The ITI-65 bundle that the SDK would send, taken from it before it leaves."""
    kept: list[dict[str, Any]] = []

    class Keeping(FhirDoor):
        async def submit(self, submission: Any) -> tuple[str, ...]:
            kept.append(json.loads(encode_json(bundle_of(submission))))
            return ()

        async def entry_uuid_of(self, unique_id: str, patient: Ins | None = None) -> str:
            return ""

    dmp = await connect_sandbox(url)
    async with httpx.AsyncClient() as http:
        dmp.door = Keeping(url, http)
        await dmp.send(document)
    return kept[0]


def test_fhirpy_feeds_searches_reads_and_patches(desk: Desk) -> None:
    client = desk.client()
    answer = client.execute("/", method="post", data=desk.bundle)
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["201 Created"] * 3
    documents = client.resources("DocumentReference")
    entry = document_entry_of(desk.document)
    name = f"urn:ietf:rfc:3986|urn:oid:{entry.unique_id}"
    named = documents.search(patient__identifier=desk.patient_token, status="current", identifier=name)
    found = named.first()
    assert found is not None
    assert found["content"][0]["attachment"]["hash"] == base64.b64encode(bytes.fromhex(entry.hash)).decode()
    assert found["content"][0]["attachment"]["title"] == entry.title
    again = client.reference("DocumentReference", found.id).to_resource()
    assert again["masterIdentifier"]["value"] == f"urn:oid:{entry.unique_id}"
    everything = documents.search(patient__identifier=desk.patient_token, status="current").limit(1).fetch_all()
    assert found.id in {one.id for one in everything}
    url = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"
    archive = [{"op": "add", "path": "/extension", "value": [{"url": url, "valueBoolean": True}]}]
    patching = desk.client(**{"Content-Type": "application/json-patch+json"})
    patched = patching.execute("DocumentReference", method="patch", data=archive, params={"identifier": name})
    assert patched["extension"][0]["valueBoolean"] is True
    with pytest.raises(ResourceNotFound):
        client.reference("DocumentReference", "00000000-0000-4000-8000-000000000000").to_resource()
    with pytest.raises(FhirpyOutcome):
        documents.search(patient__identifier=desk.patient_token, status="current", colour="red").fetch()
    with pytest.raises(FhirpyOutcome):
        client.execute("/", method="post", data=desk.bundle)


def test_fhirclient_accepts_every_answer_as_valid_r4(desk: Desk) -> None:
    desk.client().execute("/", method="post", data=desk.bundle)
    server = smart.FHIRClient(settings={"app_id": "test", "api_base": desk.door}).server
    server.session.headers["Authorization"] = f"Bearer {desk.token}"
    statement = OracleStatement(server.request_json("metadata"))
    assert statement.fhirVersion == "4.0.1"
    search = OracleDocument.where(struct={"patient.identifier": desk.patient_token, "status": "current"})
    bundle = search.perform(server)
    assert isinstance(bundle, OracleBundle)
    document = next(
        entry.resource
        for entry in bundle.entry
        if entry.resource.masterIdentifier.value == f"urn:oid:{document_entry_of(desk.document).unique_id}"
    )
    assert isinstance(document, OracleDocument)
    content = server.request_data(document.content[0].attachment.url, headers={"Accept": "text/xml"})
    assert hashlib.sha1(content, usedforsecurity=False).digest() == base64.b64decode(
        document.content[0].attachment.hash
    )
    assert content == desk.document
    for path in (f"List?patient.identifier={desk.patient_token}&status=current&code=submissionset",
                 f"Patient?identifier={desk.patient_token}"):  # fmt: skip
        found = OracleBundle(server.request_json(path))
        assert found.total >= 1
    own = server.request_json(f"{desk.url}/audit/fhir/AuditEvent?date=ge2026-01-01")
    assert OracleBundle(own).entry


@pytest.fixture
def both(running_base: RunningBase) -> Iterator[Any]:
    loop = asyncio.new_event_loop()
    doors = [loop.run_until_complete(connect_sandbox(running_base.url, door=name)) for name in DoorName]
    yield loop, *doors
    for door in doors:
        loop.run_until_complete(door.door.aclose())
    loop.close()


def test_what_one_door_is_given_the_other_gives_back(desk: Desk, both: Any, shared: Path) -> None:
    loop, by_xds, by_fhir = both
    for sender, reader in ((by_fhir, by_xds), (by_xds, by_fhir)):
        document = own_document(shared)
        sent = loop.run_until_complete(sender.send(document))
        assert loop.run_until_complete(reader.get(sent.unique_id)) == document
        theirs = loop.run_until_complete(reader.find(desk.patient, Criteria()))
        mine = loop.run_until_complete(sender.find(desk.patient, Criteria()))
        assert plain(theirs) == plain(mine)
        assert sent.unique_id in {entry.unique_id for entry in theirs}
        assert sent.entry_uuid in {entry.entry_uuid for entry in theirs}


def plain(entries: list[Any]) -> list[Any]:
    """What both doors say of a document; FHIR names no repository."""
    shown = [msgspec.structs.replace(entry, repository_unique_id="", uri="") for entry in entries]
    return sorted(shown, key=lambda entry: str(entry.unique_id))


def test_a_document_of_fifty_megabytes_goes_through(desk: Desk) -> None:
    content = b"%PDF-1.7 " + bytes(range(256)) * 200_000
    unique_id = new_oid()
    bundle = json.loads(json.dumps(desk.bundle))
    listing, document, binary = (entry["resource"] for entry in bundle["entry"])
    listing["identifier"][0]["value"] = f"urn:oid:{new_oid()}"
    document["masterIdentifier"]["value"] = f"urn:oid:{unique_id}"
    document["content"][0]["format"]["code"] = "urn:ihe:iti:xds-sd:pdf:2008"
    attachment = document["content"][0]["attachment"]
    attachment |= {"size": len(content), "contentType": "application/pdf"}
    attachment["hash"] = base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()
    binary |= {"contentType": "application/pdf", "data": base64.b64encode(content).decode()}
    headers = {"authorization": f"Bearer {desk.token}", "content-type": "application/fhir+json"}
    with httpx.Client(base_url=desk.door, headers=headers, timeout=60) as http:
        started = time.perf_counter()
        answer = http.post("/", content=json.dumps(bundle).encode())
        assert answer.status_code == 200, answer.text[:2000]
        assert time.perf_counter() - started < 20
        location = answer.json()["entry"][2]["response"]["location"]
        assert http.get(location, headers={"accept": "application/pdf"}).content == content


@pytest.mark.parametrize("kind", ["deep", "duplicate keys", "truncated", "wrong charset", "xml bomb"])
def test_a_bomb_is_refused_fast_and_the_base_lives(desk: Desk, kind: str) -> None:
    entity = b'<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    bodies = {
        "deep": b'{"resourceType":"Bundle","type":"transaction","entry":' * 20_000,
        "duplicate keys": b"{" + b'"type":"transaction",' * 200_000 + b'"a":1}',
        "truncated": json.dumps(desk.bundle).encode()[:-500],
        "wrong charset": json.dumps(desk.bundle).encode("utf-16"),
        "xml bomb": entity + b'<Bundle xmlns="http://hl7.org/fhir"><id value="&b;"/></Bundle>',
    }
    media_type = "application/fhir+xml" if kind == "xml bomb" else "application/fhir+json"
    headers = {"authorization": f"Bearer {desk.token}", "content-type": media_type, "accept": "application/json"}
    started = time.perf_counter()
    with httpx.Client(timeout=20) as http:
        answer = http.post(f"{desk.door}/", content=bodies[kind], headers=headers)
        assert answer.status_code == 400, answer.text[:500]
        assert answer.json()["resourceType"] == "OperationOutcome"
        assert time.perf_counter() - started < 5
        assert http.get(f"{desk.door}/metadata").status_code == 200


def test_two_gigabytes_are_refused_before_they_are_sent(desk: Desk) -> None:
    address = httpx.URL(desk.url)
    connection = http_client.HTTPConnection(address.host, address.port or 80, timeout=10)
    connection.putrequest("POST", "/dmp/fhir/")
    for name, value in (
        ("authorization", f"Bearer {desk.token}"),
        ("content-type", "application/fhir+json"),
        ("content-length", str(2 * 1024**3)),
    ):
        connection.putheader(name, value)
    connection.endheaders(b"{")
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["resourceType"]) == (413, "OperationOutcome")
