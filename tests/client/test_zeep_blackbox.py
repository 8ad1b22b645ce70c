"""A SOAP stack that is not ours drives registry and repository from the WSDL alone."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import zeep
import zeep.wsa
from zeep.exceptions import Fault

from socle.client import Identity, Sandbox, Signer, XdsDoor, connect_sandbox
from socle.client.connection import DEFAULT_RPPS
from socle.client.xds import PREFIX, new_oid
from socle.standards.cda.metadata import document_entry_of
from socle.standards.ids.ins import Ins
from socle.standards.saml import Purpose, build_security_header
from socle.standards.xds.model import Code, DocumentEntry
from socle.standards.xds.names import STABLE_DOCUMENT, SUBMISSION_SET_NODE, Scheme

if TYPE_CHECKING:
    from tests.conftest import RunningBase  # type: ignore[import-not-found]

pytestmark = pytest.mark.blackbox

SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"


class Stack:
    """zeep on one service of the base, as a doctor of the sandbox."""

    def __init__(self, url: str, service: str, identity: Identity, signer: Signer) -> None:
        client = zeep.Client(f"{url}{PREFIX}/{service}?wsdl", plugins=[zeep.wsa.WsAddressingPlugin()])
        self.service = client.create_service(f"{{urn:socle:dmp}}{service}_Binding", f"{url}{PREFIX}/{service}")
        self.identity, self.signer = identity, signer

    def call(self, operation: str, patient: Ins | None, **content: Any) -> Any:
        vihf = self.identity.vihf(self.signer, datetime.now(UTC), patient=patient, purpose=Purpose.NORMAL)
        header = build_security_header(vihf, self.signer.key, self.signer.certificate)
        return self.service[operation](**content, _soapheaders=[header])


@pytest.fixture(scope="module")
def document(shared: Path) -> bytes:
    """An example under identifiers of this test's own."""
    source = (shared / "examples" / "cda" / "BIO-CR-BIO_2024.01_TSH_1.xml").read_bytes()
    return source.replace(document_entry_of(source).unique_id.encode(), new_oid().encode(), 1)


@pytest.fixture(scope="module")
def doctor(running_base: RunningBase, document: bytes) -> tuple[Identity, Signer]:
    async def prepare() -> tuple[Identity, Signer]:
        async with httpx.AsyncClient(timeout=30) as http:
            sandbox = Sandbox(running_base.url, http)
            await sandbox.admit(document)
            async with await connect_sandbox(running_base.url) as dmp:
                assert isinstance(dmp.door, XdsDoor)
                await dmp.door.authorize(document_entry_of(document).patient_id)
            return await sandbox.credentials(DEFAULT_RPPS)

    return asyncio.run(prepare())


def slot(name: str, *values: str) -> dict[str, Any]:
    return {"name": name, "ValueList": {"Value": list(values)}}


def coded(owner: str, scheme: Scheme, code: Code) -> dict[str, Any]:
    return {
        "id": f"c{uuid.uuid4().hex}",
        "classificationScheme": scheme,
        "classifiedObject": owner,
        "nodeRepresentation": code.code,
        "Slot": [slot("codingScheme", code.system)],
        "Name": {"LocalizedString": [{"value": code.label or code.code}]},
    }


def author(owner: str, scheme: Scheme, person: str) -> dict[str, Any]:
    return {
        "id": f"c{uuid.uuid4().hex}",
        "classificationScheme": scheme,
        "classifiedObject": owner,
        "nodeRepresentation": "",
        "Slot": [slot("authorPerson", person)],
    }


def identifier(owner: str, scheme: Scheme, name: str, value: str) -> dict[str, Any]:
    return {
        "id": f"e{uuid.uuid4().hex}",
        "registryObject": owner,
        "identificationScheme": scheme,
        "value": value,
        "Name": {"LocalizedString": [{"value": name}]},
    }


def extrinsic(entry: DocumentEntry) -> dict[str, Any]:
    owner = "Document01"
    codes = [
        (Scheme.DOCUMENT_CLASS, entry.class_code),
        (Scheme.DOCUMENT_TYPE, entry.type_code),
        (Scheme.DOCUMENT_FORMAT, entry.format_code),
        (Scheme.DOCUMENT_FACILITY, entry.healthcare_facility_type_code),
        (Scheme.DOCUMENT_PRACTICE, entry.practice_setting_code),
        *((Scheme.DOCUMENT_CONFIDENTIALITY, code) for code in entry.confidentiality_codes),
        *((Scheme.DOCUMENT_EVENT, code) for code in entry.event_codes),
    ]
    texts = {
        "creationTime": entry.creation_time,
        "hash": entry.hash,
        "size": str(entry.size),
        "languageCode": entry.language_code,
        "legalAuthenticator": entry.legal_authenticator,
        "serviceStartTime": entry.service_start_time,
        "serviceStopTime": entry.service_stop_time,
        "sourcePatientId": entry.source_patient_id,
    }
    return {
        "id": owner,
        "mimeType": entry.mime_type,
        "objectType": STABLE_DOCUMENT,
        "Slot": [
            *(slot(name, value) for name, value in texts.items() if value),
            slot("sourcePatientInfo", *entry.source_patient_info),
        ],
        "Name": {"LocalizedString": [{"value": entry.title}]},
        "Classification": [
            *(author(owner, Scheme.DOCUMENT_AUTHOR, found.person) for found in entry.authors),
            *(coded(owner, scheme, code) for scheme, code in codes),
        ],
        "ExternalIdentifier": [
            identifier(owner, Scheme.DOCUMENT_PATIENT, "XDSDocumentEntry.patientId", entry.patient_id.to_cx()),
            identifier(owner, Scheme.DOCUMENT_UNIQUE_ID, "XDSDocumentEntry.uniqueId", entry.unique_id),
        ],
    }


def package(entry: DocumentEntry, person: str) -> dict[str, Any]:
    owner = "SubmissionSet01"
    return {
        "id": owner,
        "Slot": [slot("submissionTime", f"{datetime.now(UTC):%Y%m%d%H%M%S}")],
        "Classification": [
            {"id": "marker", "classifiedObject": owner, "classificationNode": SUBMISSION_SET_NODE},
            author(owner, Scheme.SET_AUTHOR, person),
            coded(owner, Scheme.SET_CONTENT_TYPE, Code("07", "1.2.250.1.213.2.2", "Consultation")),
        ],
        "ExternalIdentifier": [
            identifier(owner, Scheme.SET_PATIENT, "XDSSubmissionSet.patientId", entry.patient_id.to_cx()),
            identifier(owner, Scheme.SET_SOURCE, "XDSSubmissionSet.sourceId", "1.2.250.1.999.7"),
            identifier(owner, Scheme.SET_UNIQUE_ID, "XDSSubmissionSet.uniqueId", new_oid()),
        ],
    }


def test_zeep_submits_searches_and_retrieves(
    running_base: RunningBase, document: bytes, doctor: tuple[Identity, Signer]
) -> None:
    identity, signer = doctor
    entry = document_entry_of(document)
    patient = entry.patient_id
    member = {
        "id": "a1",
        "associationType": "urn:oasis:names:tc:ebxml-regrep:AssociationType:HasMember",
        "sourceObject": "SubmissionSet01",
        "targetObject": "Document01",
        "Slot": [slot("SubmissionSetStatus", "Original")],
    }
    repository = Stack(running_base.url, "repository", identity, signer)
    registry = Stack(running_base.url, "registry", identity, signer)
    objects = [
        {"ExtrinsicObject": extrinsic(entry)},
        {"RegistryPackage": package(entry, identity.author.person)},
        {"Association": member},
    ]
    answer = repository.call(
        "ProvideAndRegisterDocumentSet-b",
        patient,
        SubmitObjectsRequest={"RegistryObjectList": {"_value_1": objects}},
        Document=[{"_value_1": document, "id": "Document01"}],
    )
    assert answer.status == SUCCESS, answer.RegistryErrorList
    query = {
        "id": "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4",
        "Slot": [slot("$XDSDocumentEntryUniqueId", f"('{entry.unique_id}')")],
    }
    found = registry.call(
        "RegistryStoredQuery",
        patient,
        ResponseOption={"returnType": "LeafClass", "returnComposedObjects": True},
        AdhocQuery=query,
    )
    assert found.status == SUCCESS, found
    shown = found.RegistryObjectList._value_1[0]["ExtrinsicObject"]
    slots = {item.name: item.ValueList.Value for item in shown.Slot}
    assert (shown.mimeType, slots["hash"]) == ("text/xml", [entry.hash])
    request = {"RepositoryUniqueId": slots["repositoryUniqueId"][0], "DocumentUniqueId": entry.unique_id}
    retrieved = repository.call("RetrieveDocumentSet", patient, DocumentRequest=[request])
    assert retrieved.RegistryResponse.status == SUCCESS, retrieved
    content = retrieved.DocumentResponse[0].Document
    assert content == document
    assert hashlib.sha1(content).hexdigest() == entry.hash


def test_zeep_is_told_why_a_query_is_refused(running_base: RunningBase, doctor: tuple[Identity, Signer]) -> None:
    registry = Stack(running_base.url, "registry", *doctor)
    answer = registry.call(
        "RegistryStoredQuery", None, ResponseOption={"returnType": "LeafClass"}, AdhocQuery={"id": "urn:uuid:unknown"}
    )
    error = answer.RegistryErrorList.RegistryError[0]
    assert (error.errorCode, error.location) == ("XDSUnknownStoredQuery", "AdhocQuery/@id")


def test_zeep_without_assertion_meets_a_fault(running_base: RunningBase, doctor: tuple[Identity, Signer]) -> None:
    registry = Stack(running_base.url, "registry", *doctor)
    with pytest.raises(Fault) as refused:
        registry.service["RegistryStoredQuery"](
            ResponseOption={"returnType": "LeafClass"}, AdhocQuery={"id": "urn:uuid:x"}
        )
    assert [name.localname for name in refused.value.subcodes] == ["SecurityTokenUnavailable"]


@pytest.mark.parametrize(
    "service", ["registry", "repository", "patients", "patientsPDQ", "patientsSpecific", "habilitations"]
)
def test_each_service_describes_itself(running_base: RunningBase, service: str) -> None:
    client = zeep.Client(f"{running_base.url}{PREFIX}/{service}?wsdl")
    assert len(client.wsdl.services) == 1
