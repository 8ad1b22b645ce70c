"""The FHIR door of traces: who sees which, in which form, and traces that others feed."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request

from socle.platform.actor import Actor, ActorKind, AuthenticationMode, Purpose
from socle.platform.base import Base
from socle.services.audit import fhir
from socle.services.audit.export import export_events, read_days
from socle.services.audit.service import AuditService
from socle.services.dmp.domain import AuthorizationAction, DocumentFilter, DocumentRequest, Door, FindDocuments
from socle.services.dmp.service import DmpService
from socle.standards.errors import Forbidden, MalformedInput
from socle.standards.fhir.json_codec import decode_json, encode_json
from socle.standards.fhir.resources import AuditEvent, Bundle
from socle.standards.fhir.xml_codec import decode_xml
from socle.standards.ids.ins import OID_NIR_TEST, Ins, key_of
from socle.standards.ids.status import Reliability
from socle.standards.xds.model import Author, Code, DocumentEntry, Submission, SubmissionSet

NUMBERS = itertools.count(1)
SINCE = "date=ge2026-01-01"


class FakeIdentities:
    async def find(self, connection: object, ins: Ins) -> Any:
        traits = SimpleNamespace(birth_date="1980-01-01")
        return SimpleNamespace(ins=ins, sendable_ins=ins, traits=traits, reliability=Reliability())


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
        software_version="2.1",
        origin="10.0.0.5",
    )


def holder(ins: Ins) -> Actor:
    return Actor(
        kind=ActorKind.PATIENT,
        id=f"account-{ins.matricule}",
        name="DURAND Lea",
        authentication=AuthenticationMode.CITIZEN,
        patient=ins,
    )


OPERATOR = Actor(kind=ActorKind.OPERATOR, id="op", name="Op", authentication=AuthenticationMode.OPERATOR)


class AuditClient:
    def __init__(self, http: httpx.AsyncClient, dmp: DmpService, clock: Any) -> None:
        self.http, self.dmp, self.clock = http, dmp, clock

    async def send(self, method: str, path: str, actor: Actor, body: bytes = b"", **headers: str) -> httpx.Response:
        sent = {"x-actor": msgspec.json.encode(actor).decode(), "content-type": "application/fhir+json"} | headers
        return await self.http.request(method, f"/audit/fhir{path}", content=body, headers=sent)

    async def events(self, actor: Actor, query: str = SINCE) -> list[AuditEvent]:
        """Every AuditEvent that a search gives, page after page."""
        self.clock.move(timedelta(seconds=1))
        answer = await self.send("GET", f"/AuditEvent?{query}", actor)
        found: list[AuditEvent] = []
        while True:
            assert answer.status_code == 200, answer.text
            bundle = decode_json(answer.content, Bundle)
            found += [entry.resource for entry in bundle.entry if isinstance(entry.resource, AuditEvent)]
            following = [link.url for link in bundle.link if link.relation == "next"]
            if not following:
                return found
            answer = await self.send("GET", following[0].partition("/audit/fhir")[2], actor)

    async def record(self, *doctors: Actor) -> Ins:
        """An open record that each of ``doctors`` was authorised to read and searched once."""
        number = f"28407694{next(NUMBERS):05d}"
        ins = Ins(number + key_of(number), OID_NIR_TEST)
        await self.dmp.open_record(OPERATOR, ins, door=Door.SANDBOX)
        for one in doctors:
            self.clock.move(timedelta(seconds=1))
            await self.dmp.set_authorization(one, ins, AuthorizationAction.AJOUT)
            await self.dmp.search(one, FindDocuments(patient=ins, filter=DocumentFilter()))
        return ins

    async def feed(self, ins: Ins, author: Actor, visibility: tuple[str, ...]) -> str:
        """The uniqueId of a document that ``author`` fed."""
        name, content = f"1.2.250.1.999.2.{next(NUMBERS)}", b"%PDF-1.7 made up"
        person = f"{author.id}^MARTIN^Claire^^^^^^&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS"
        hidden = (Code(code, "1.2.250.1.213.1.1.4.13") for code in visibility)
        entry = DocumentEntry(
            entry_uuid="Document01",
            unique_id=name,
            patient_id=ins,
            class_code=Code("10", "1.2.250.1.213.1.1.4.1"),
            type_code=Code("11488-4", "2.16.840.1.113883.6.1"),
            format_code=Code("urn:ihe:iti:xds-sd:pdf:2008", "1.3.6.1.4.1.19376.1.2.3"),
            healthcare_facility_type_code=Code("SA07", "1.2.250.1.71.4.2.4"),
            practice_setting_code=Code("AMBULATOIRE", "1.2.250.1.213.1.1.4.9"),
            confidentiality_codes=(Code("N", "2.16.840.1.113883.5.25", "Normal"), *hidden),
            creation_time="20260302080000",
            service_start_time="20260302073000",
            language_code="fr-FR",
            mime_type="application/pdf",
            authors=(Author(person=person),),
            legal_authenticator=person,
            title="Compte rendu",
            source_patient_id=ins.to_cx(),
        )
        submission_set = SubmissionSet(
            entry_uuid="SubmissionSet01",
            unique_id=f"1.2.250.1.999.2.{next(NUMBERS)}",
            source_id="1.2.250.1.999.2",
            patient_id=ins,
            content_type_code=Code("07", "1.2.250.1.213.2.2"),
            submission_time="20260302081500",
            author=Author(person=person),
        )
        sent = Submission(submission_set=submission_set, documents=(entry,), contents={"Document01": content})
        await self.dmp.submit(author, sent)
        return name


@pytest.fixture
async def audit(base: Base, clock: Any) -> AsyncIterator[AuditClient]:
    dmp = DmpService(base, FakeIdentities())

    async def authenticate(request: Request) -> Actor:
        return msgspec.json.decode(request.headers["x-actor"], type=Actor)

    application = Starlette(routes=fhir.routes(AuditService(base, dmp), authenticate))
    transport = httpx.ASGITransport(app=application)
    async with httpx.AsyncClient(transport=transport, base_url="http://dmp.test") as http:
        yield AuditClient(http, dmp, clock)


def subtypes(events: list[AuditEvent]) -> list[str | None]:
    return [event.subtype[0].code for event in events]


async def test_the_holder_sees_who_did_what_on_the_record(audit: AuditClient) -> None:
    one, other = doctor(1), doctor(2)
    ins, elsewhere = await audit.record(one, other), await audit.record(other)
    events = await audit.events(holder(ins))
    assert subtypes(events) == ["ITI-67", "TD0.3", "ITI-67", "TD0.3", "TD1.1"]
    search = events[2]
    assert (search.action, search.outcome, search.type.code) == ("E", "0", "110112")
    assert search.agent[0].who is not None
    assert search.agent[0].who.identifier is not None
    assert (search.agent[0].who.identifier.value, search.agent[0].who.display) == (one.id, one.name)
    assert search.agent[0].requestor
    assert search.agent[1].who is not None
    assert search.agent[1].who.display == "OpenLPS 2.1"
    assert search.entity[0].what is not None
    assert search.entity[0].what.identifier is not None
    assert search.entity[0].what.identifier.value == ins.matricule
    assert search.recorded.startswith("2026-03-02T08:15:01")
    other_record = f"patient.identifier=urn:oid:{OID_NIR_TEST}|{elsewhere.matricule}"
    refused = await audit.send("GET", f"/AuditEvent?{SINCE}&{other_record}", holder(ins))
    assert refused.status_code == 403


async def test_a_professional_sees_her_own_traces_and_no_others(audit: AuditClient) -> None:
    one, other = doctor(1), doctor(2)
    ins = await audit.record(one, other)
    mine = await audit.events(one)
    assert subtypes(mine) == ["ITI-81", "ITI-67", "TD0.3"]
    theirs = await audit.events(other)
    assert {event.id for event in mine}.isdisjoint(event.id for event in theirs)
    of_record = await audit.send(
        "GET", f"/AuditEvent?{SINCE}&patient.identifier=urn:oid:{OID_NIR_TEST}|{ins.matricule}", one
    )
    assert of_record.status_code == 403
    read = await audit.send("GET", f"/AuditEvent/{mine[0].id}", one)
    assert decode_json(read.content, AuditEvent).id == mine[0].id
    assert (await audit.send("GET", f"/AuditEvent/{mine[0].id}", other)).status_code == 404
    assert (await audit.send("GET", f"/AuditEvent/{mine[1].id}", holder(ins))).status_code == 200


async def test_the_operator_exports_everything_and_reading_leaves_a_trace(audit: AuditClient) -> None:
    await audit.record(doctor(1))
    await audit.record(doctor(2))
    assert len(await audit.events(OPERATOR)) == 6 + 1
    again = await audit.events(OPERATOR)
    assert subtypes(again)[:2] == ["ITI-81", "ITI-81"]
    assert len(again) == 6 + 2


async def test_an_emergency_is_told_as_one(audit: AuditClient) -> None:
    ins = await audit.record()
    glass = msgspec.structs.replace(doctor(3), purpose=Purpose.BRIS_DE_GLACE, reason="inconscient")
    await audit.dmp.search(glass, FindDocuments(patient=ins, filter=DocumentFilter()))
    (event,) = [event for event in await audit.events(holder(ins)) if event.subtype[0].code == "ITI-67"]
    assert event.purpose_of_event[0].coding[0].code == "bris_de_glace"


async def test_a_refusal_is_traced_as_a_failure(audit: AuditClient) -> None:
    ins = await audit.record()
    with pytest.raises(Forbidden):
        await audit.dmp.search(doctor(4), FindDocuments(patient=ins, filter=DocumentFilter()))
    (event,) = await audit.events(holder(ins), f"{SINCE}&outcome=4")
    assert event.outcome_desc


async def test_a_trace_of_several_documents_names_to_the_holder_those_that_may_be_known(audit: AuditClient) -> None:
    one = doctor(1)
    ins = await audit.record(one)
    kept = [await audit.feed(ins, one, visibility) for visibility in ((), ("INVISIBLE_PATIENT",))]
    await audit.dmp.retrieve(one, [DocumentRequest(unique_id=name) for name in kept], patient=ins)
    (read,) = [event for event in await audit.events(holder(ins)) if event.subtype[0].code == "ITI-43"]
    assert kept[0] in read_text(read)
    assert kept[1] not in read_text(read)
    again = await audit.send("GET", f"/AuditEvent/{read.id}", holder(ins))
    assert again.status_code == 200
    assert kept[1] not in again.text
    (own,) = [event for event in await audit.events(one) if event.subtype[0].code == "ITI-43"]
    assert kept[1] in read_text(own)


def read_text(event: AuditEvent) -> str:
    return encode_json(event).decode()


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("action=E", 2),
        ("action=U,C", 3),
        ("subtype=ITI-67", 2),
        ("subtype=urn:ihe:event-type-code|ITI-67", 2),
        ("subtype=urn:x|ITI-67", 0),
        ("type=110112", 2),
        ("outcome=0", 5),
        ("agent:identifier=810000000001", 2),
        ("agent-name=martin", 4),
        ("address=10.0", 4),
        ("entity:identifier=FindDocuments", 2),
        ("date=lt2026-01-02", 0),
        ("period-start=ge2026-03-02", 5),
    ],
)
async def test_each_parameter_filters(audit: AuditClient, query: str, count: int) -> None:
    ins = await audit.record(doctor(1), doctor(2))
    assert len(await audit.events(holder(ins), f"{SINCE}&{query}")) == count


async def test_pages_hold_each_trace_once(audit: AuditClient) -> None:
    ins = await audit.record(*(doctor(number) for number in range(1, 8)))
    for actor, count in ((holder(ins), 15), (OPERATOR, 15 + 4 + 1), (doctor(1), 3)):
        found = await audit.events(actor, f"{SINCE}&_count=4")
        ids = [event.id for event in found]
        assert len(ids) == len(set(ids)) == count


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/AuditEvent", 400),
        ("/AuditEvent?date=ge2026&colour=red", 400),
        ("/AuditEvent/nothing", 404),
        ("/AuditEvent/00000000-0000-0000-0000-000000000000.1", 404),
        ("/Patient", 404),
        ("/metadata", 200),
    ],
)
async def test_what_is_not_there_is_said(audit: AuditClient, path: str, status: int) -> None:
    answer = await audit.send("GET", path, doctor())
    assert answer.status_code == status
    if status >= 400:
        assert answer.json()["resourceType"] == "OperationOutcome"


def fed(ins: Ins) -> bytes:
    """The guide's example."""
    return (
        b'{"resourceType":"AuditEvent","meta":{"profile":["https://interop.esante.gouv.fr/ig/fhir/tde/'
        b'StructureDefinition/tde-auditevent"]},"type":{"system":"http://terminology.hl7.org/CodeSystem/audit-event-type",'
        b'"code":"rest"},"subtype":[{"system":"urn:ihe:event-type-code","code":"ITI-67"}],"action":"E",'
        b'"period":{"start":"2026-03-02T08:20:00Z"},"recorded":"2026-03-02T08:20:01Z","outcome":"0",'
        b'"agent":[{"who":{"identifier":{"system":"urn:oid:1.2.250.1.71.4.2.1","value":"810001234565"}},"requestor":true}],'
        b'"source":{"observer":{"display":"OpenLPS"}},"entity":[{"what":{"identifier":{"system":"urn:oid:%s","value":"%s"}},'
        b'"type":{"system":"http://terminology.hl7.org/CodeSystem/audit-entity-type","code":"1"}}]}'
        % (ins.oid.encode(), ins.matricule.encode())
    )


async def test_a_fed_trace_is_kept_whole_and_shown_to_the_holder(audit: AuditClient) -> None:
    ins = await audit.record(doctor())
    answer = await audit.send("POST", "/AuditEvent", doctor(), fed(ins))
    assert answer.status_code == 201, answer.text
    kept = decode_json(answer.content, AuditEvent)
    assert msgspec.structs.replace(kept, id=None) == decode_json(fed(ins), AuditEvent)
    assert answer.headers["location"].endswith(f"/AuditEvent/{kept.id}")
    assert kept in await audit.events(holder(ins))
    entry = b'{"resource":%s,"request":{"method":"POST","url":"AuditEvent"}}' % fed(ins)
    batch = b'{"resourceType":"Bundle","type":"batch","entry":[%s]}' % entry
    answer = await audit.send("POST", "", doctor(), batch, accept="application/fhir+xml")
    assert answer.status_code == 200, answer.text
    assert len(decode_xml(answer.content, Bundle).entry) == 1
    assert (await audit.send("POST", "/AuditEvent", holder(ins), fed(ins))).status_code == 403
    assert (
        await audit.send("POST", "/AuditEvent", doctor(), fed(ins).replace(b'"period"', b'"perod"'))
    ).status_code == 400
    no_start = fed(ins).replace(b'"period":{"start":"2026-03-02T08:20:00Z"},', b"")
    assert (await audit.send("POST", "/AuditEvent", doctor(), no_start)).status_code == 422
    assert (await audit.send("POST", "/AuditEvent", doctor(), b" " * 100_000)).status_code == 413


async def test_a_professional_feeds_traces_of_patients_who_authorised_her_and_software_any(audit: AuditClient) -> None:
    one, stranger = doctor(1), doctor(2)
    ins = await audit.record(one)
    refused = await audit.send("POST", "/AuditEvent", stranger, fed(ins))
    assert (refused.status_code, "AuditFeedForbidden" in refused.text) == (403, True)
    # The patient is not shown what the stranger wrote, only that the record was asked for.
    assert "ITI-67" not in subtypes(await audit.events(holder(ins)))[:1]
    software = msgspec.structs.replace(stranger, kind=ActorKind.SYSTEM, id=stranger.structure)
    assert (await audit.send("POST", "/AuditEvent", software, fed(ins))).status_code == 201
    assert (await audit.send("POST", "/AuditEvent", one, fed(ins))).status_code == 201


BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."


async def test_traces_are_shown_in_the_patterns_of_balp_to_who_asks_for_them(audit: AuditClient) -> None:
    one = doctor(1)
    ins = await audit.record(one)
    name = await audit.feed(ins, one, ())
    await audit.dmp.retrieve(one, [DocumentRequest(unique_id=name)], patient=ins)
    events = await audit.events(holder(ins), f"{SINCE}&_profile={BALP}")
    assert [event.meta.profile[0].removeprefix(BALP) for event in events if event.meta] == [
        "PatientRead", "PatientCreate", "PatientQuery", "PatientUpdate"
    ]  # fmt: skip
    (query,) = await audit.events(holder(ins), f"{SINCE}&_profile={BALP}PatientQuery")
    assert query.type.code == "rest"
    assert [coding.code for coding in query.subtype] == ["search-type", "ITI-67"]
    kinds = [agent.type.coding[0].code for agent in query.agent if agent.type]
    assert kinds == ["110153", "110152", "IRCP"]
    assert [agent.requestor for agent in query.agent] == [False, False, True]
    assert all(agent.who for agent in query.agent)
    assert [bool(agent.network) for agent in query.agent] == [True, True, False]
    (asked,) = [entity for entity in query.entity if entity.role and entity.role.code == "24"]
    assert (asked.what, asked.query) == (None, b"FindDocuments")
    (whose,) = [entity for entity in query.entity if entity.role and entity.role.code == "1"]
    assert whose.what is not None
    assert whose.what.type == "Patient"
    xml = await audit.send(
        "GET", f"/AuditEvent?{SINCE}&_profile={BALP}PatientRead", holder(ins), accept="application/fhir+xml"
    )
    assert len(decode_xml(xml.content, Bundle).entry) == 1
    assert await audit.events(holder(ins), f"{SINCE}&_profile={BALP}Delete") == []


async def test_the_operators_export_is_one_event_a_line_and_leaves_a_trace(audit: AuditClient) -> None:
    await audit.record(doctor(1))
    audit.clock.move(timedelta(seconds=1))
    lines: list[bytes] = []
    base = audit.dmp.context.base
    assert await export_events(base, audit.dmp, "exploitant", read_days("2026-01-01"), lines.append) == len(lines)
    events = [decode_json(line, AuditEvent) for line in lines]
    assert {"TD1.1", "TD0.3", "ITI-67"} <= set(subtypes(events))
    async with base.database.connection() as connection:
        (trace,) = await base.audit.of_actor(connection, "exploitant")
    assert trace.event.right == "operator"
    assert await export_events(base, audit.dmp, "exploitant", read_days("2026-01-01", "2026-01-02"), lines.append) == 0
    with pytest.raises(MalformedInput):
        read_days("yesterday")
