"""A FHIR door on a real DMP service, reached through ASGI, with made-up people."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.base import Base
from socle.services.dmp import fhir
from socle.services.dmp.domain import AuthorizationAction, Door
from socle.services.dmp.service import DmpService
from socle.standards.errors import NotAuthenticated, Text
from socle.standards.ids.ins import OID_NIR_TEST, Ins, key_of
from socle.standards.ids.status import Reliability

NUMBERS = itertools.count(1)
INS_SYSTEM = f"urn:oid:{OID_NIR_TEST}"
NOS = "https://mos.esante.gouv.fr/NOS"
VISIBILITY = f"{NOS}/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"
CLASSES = f"{NOS}/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
JSON = "application/fhir+json"


class FakeIdentities:
    """Everybody is known and qualified."""

    async def find(self, connection: object, ins: Ins) -> Any:
        return SimpleNamespace(
            ins=ins,
            sendable_ins=ins,
            traits=SimpleNamespace(birth_date="1980-01-01"),
            reliability=Reliability(),
        )


def oid() -> str:
    return f"1.2.250.1.999.1.8.{next(NUMBERS)}"


def new_patient() -> Ins:
    number = f"28407693{next(NUMBERS):05d}"
    return Ins(number + key_of(number), OID_NIR_TEST)


def doctor(number: int = 1) -> Actor:
    return Actor(
        kind=ActorKind.PROFESSIONAL,
        id=f"8100000{number:05d}",
        name=f"MARTIN Claire{number}",
        authentication=AuthenticationMode.INDIRECTE_RENFORCEE,
        profession="10",
        speciality="SM26",
        structure=f"1{number:09d}",
        structure_name=f"CABINET {number}",
        sector="SA07",
        software="OpenLPS",
    )


def practitioner_role(actor: Actor) -> dict[str, Any]:
    return {
        "resourceType": "PractitionerRole",
        "id": "pr1",
        "practitioner": {
            "identifier": {"system": "urn:oid:1.2.250.1.71.4.2.1", "value": actor.id},
            "display": "MARTIN",
        },
        "organization": {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.2", "value": actor.structure}},
    }


def document_reference(ins: Ins, author: Actor, content: bytes, unique_id: str = "", **changes: Any) -> dict[str, Any]:
    """A DocumentReference as the guide's example writes it."""
    return {
        "resourceType": "DocumentReference",
        "contained": [
            practitioner_role(author),
            {
                "resourceType": "Patient",
                "id": "pt1",
                "identifier": [{"system": INS_SYSTEM, "value": ins.matricule}],
                "name": [{"use": "official", "family": "DURAND", "given": ["Lea"]}],
                "gender": "female",
                "birthDate": "1980-01-01",
            },
        ],
        "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:{unique_id or oid()}"},
        "status": "current",
        "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
        "category": [
            {"coding": [{"system": f"{NOS}/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument", "code": "10"}]}
        ],
        "subject": {"identifier": {"system": INS_SYSTEM, "value": ins.matricule}},
        "date": "2026-03-02T08:00:00Z",
        "author": [{"reference": "#pr1"}],
        "authenticator": {"reference": "#pr1"},
        "custodian": {"identifier": {"system": "urn:oid:1.2.250.1.71.4.2.2", "value": author.structure}},
        "securityLabel": [
            {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]}
        ],
        "content": [
            {
                "attachment": {
                    "contentType": "application/pdf",
                    "language": "fr-FR",
                    "url": "urn:uuid:aaaaaaaa-1111-4111-8111-000000000003",
                    "size": len(content),
                    "hash": base64.b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode(),
                    "title": "CR de consultation",
                    "creation": "2026-03-02T08:00:00Z",
                },
                "format": {
                    "system": f"{NOS}/TRE_A11-IheFormatCode/FHIR/TRE-A11-IheFormatCode",
                    "code": "urn:ihe:iti:xds-sd:pdf:2008",
                },
            }
        ],
        "context": {
            "period": {"start": "2026-03-02T07:30:00Z"},
            "facilityType": {
                "coding": [{"system": f"{NOS}/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite", "code": "SA07"}]
            },
            "practiceSetting": {
                "coding": [{"system": f"{NOS}/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice", "code": "AMBULATOIRE"}]
            },
            "sourcePatientInfo": {"reference": "#pt1"},
        },
    } | changes


def provide_bundle(ins: Ins, author: Actor, content: bytes = b"%PDF-1.7 made up", **changes: Any) -> dict[str, Any]:
    """An ITI-65 bundle of one document."""
    mhd = "https://profiles.ihe.net/ITI/MHD"
    listing = {
        "resourceType": "List",
        "contained": [practitioner_role(author)],
        "extension": [
            {
                "url": f"{mhd}/StructureDefinition/ihe-designationType",
                "valueCodeableConcept": {
                    "coding": [{"system": f"{NOS}/TRE_R209-TypeActivite/FHIR/TRE-R209-TypeActivite", "code": "07"}]
                },
            },
            {
                "url": f"{mhd}/StructureDefinition/ihe-sourceId",
                "valueIdentifier": {"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.250.1.999.1.7"},
            },
        ],
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:oid:{oid()}"}],
        "status": "current",
        "mode": "working",
        "title": "Dépôt",
        "code": {"coding": [{"system": f"{mhd}/CodeSystem/MHDlistTypes", "code": "submissionset"}]},
        "subject": {"identifier": {"system": INS_SYSTEM, "value": ins.matricule}},
        "date": "2026-03-02T08:15:00Z",
        "source": {"reference": "#pr1"},
        "entry": [{"item": {"reference": "urn:uuid:aaaaaaaa-1111-4111-8111-000000000002"}}],
    }
    binary = {"resourceType": "Binary", "contentType": "application/pdf", "data": base64.b64encode(content).decode()}
    resources = [listing, document_reference(ins, author, content, **changes), binary]
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": f"urn:uuid:aaaaaaaa-1111-4111-8111-{place:012d}",
                "resource": resource,
                "request": {"method": "POST", "url": resource["resourceType"]},
            }
            for place, resource in enumerate(resources, 1)
        ],
    }


class DoorClient:
    """An HTTP client of the door: ``as_`` says who asks."""

    def __init__(self, http: httpx.AsyncClient, service: DmpService) -> None:
        self.http = http
        self.service = service

    async def send(
        self, method: str, path: str, actor: Actor | None, body: Any = None, **headers: str
    ) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if actor is not None:
            sent |= self.headers(actor)
        if isinstance(body, dict | list):
            body = json.dumps(body).encode()
            sent.setdefault("content-type", JSON)
        return await self.http.request(method, f"/dmp/fhir{path}", content=body, headers=sent)

    def headers(self, actor: Actor) -> dict[str, str]:
        return {"x-actor": msgspec.json.encode(actor).decode()}

    async def feed(self, actor: Actor, bundle: dict[str, Any]) -> httpx.Response:
        return await self.send("POST", "/", actor, bundle)

    async def find(self, actor: Actor, ins: Ins, **parameters: str) -> dict[str, Any]:
        given = {"patient.identifier": f"{INS_SYSTEM}|{ins.matricule}", "status": "current"} | parameters
        query = str(httpx.QueryParams({name.replace("__", ".").replace("_", "-"): v for name, v in given.items()}))
        answer = await self.send("GET", f"/DocumentReference?{query}", actor)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def open(self, *doctors: Actor) -> Ins:
        """Opens a record for a new patient, authorising ``doctors``."""
        ins = new_patient()
        operator = Actor(kind=ActorKind.OPERATOR, id="op", name="Op", authentication=AuthenticationMode.OPERATOR)
        await self.service.open_record(operator, ins, door=Door.SANDBOX)
        for one in doctors:
            await self.service.set_authorization(one, ins, AuthorizationAction.AJOUT)
        return ins


@pytest.fixture
async def door(base: Base) -> AsyncIterator[DoorClient]:
    service = DmpService(base, FakeIdentities())
    application = Starlette(routes=fhir.routes(service, authenticate))
    transport = httpx.ASGITransport(app=application)
    async with httpx.AsyncClient(transport=transport, base_url="http://dmp.test") as client:
        yield DoorClient(client, service)


async def authenticate(request: Request) -> Actor:
    header = request.headers.get("x-actor")
    if header is None:
        raise NotAuthenticated("TokenRequired", Text("Un jeton est requis.", "A token is required."))
    return msgspec.json.decode(header, type=Actor)


@pytest.fixture
def make() -> Any:
    """The factories of this file."""
    return SimpleNamespace(
        bundle=provide_bundle,
        document=document_reference,
        doctor=doctor,
        patient=new_patient,
        oid=oid,
        visibility=VISIBILITY,
        ins_system=INS_SYSTEM,
    )
