"""The BAL API: boxes read, created, changed and closed by FHIR PATCH."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from socle.platform.base import Base
from socle.services.mssante.bal import EMAIL_TYPE, METADATA, R256, R257
from socle.services.mssante.domain import MailboxState
from socle.services.mssante.fhir import create_api_key, routes
from socle.services.mssante.service import BASE_ACTOR, MssanteService

from .conftest import DOMAIN, make_box

PERSON = "899700000001"


class Directory:
    async def exists(self, person_id: str, structure_id: str) -> bool:
        return person_id in {"", PERSON} and structure_id in {"", "1750000001"}


@pytest.fixture
def service(base: Base) -> MssanteService:
    return MssanteService(base)


@pytest.fixture
async def api(service: MssanteService) -> AsyncIterator[httpx.AsyncClient]:
    key = await create_api_key(service, "test")
    application = Starlette(routes=routes(service, holders=Directory()))
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://base/bal/fhir", headers={"ESANTE-API-KEY": key}
    ) as client:
        yield client


def point(address: str, kind: str = "PER", **details: Any) -> dict[str, Any]:
    extensions = [{"url": "type", "valueCodeableConcept": {"coding": [{"system": R257, "code": kind}]}}]
    for name, value in details.items():
        extensions.append({"url": name, "valueBoolean" if isinstance(value, bool) else "valueString": value})
    return {
        "system": "email",
        "value": address,
        "rank": 1,
        "extension": [
            {"url": EMAIL_TYPE, "valueCoding": {"system": R256, "code": "MSSANTE"}},
            {"url": METADATA, "extension": extensions},
        ],
    }


def operation(kind: str, path: str, **value: Any) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"name": "type", "valueCode": kind}, {"name": "path", "valueString": path}]
    if "index" in value:
        parts.append({"name": "index", "valueInteger": value.pop("index")})
    parts += [{"name": "value", name: content} for name, content in value.items()]
    return {"name": "operation", "part": parts}


async def patch(api: httpx.AsyncClient, path: str, *operations: dict[str, Any]) -> httpx.Response:
    body = {"resourceType": "Parameters", "parameter": list(operations)}
    return await api.patch(path, json=body, headers={"Content-Type": "application/fhir+json"})


def insert(address: str, kind: str = "PER", resource: str = "Practitioner", **details: Any) -> dict[str, Any]:
    return operation("insert", f"{resource}.telecom", index=0, valueContactPoint=point(address, kind, **details))


async def test_a_box_is_added_changed_hidden_and_removed(api: httpx.AsyncClient, service: MssanteService) -> None:
    address = f"lea@{DOMAIN}"
    where = f"Practitioner.telecom.where(value = '{address}')"
    answer = await patch(api, f"/Practitioner/{PERSON}", insert(address, listeRouge=False))
    assert answer.status_code == 200, answer.text
    assert answer.json()["telecom"] == [point(address, listeRouge=False)]
    async with service.base.database.connection() as connection:
        [trace] = await service.base.audit.of_actor(connection, "bal-api:test", count=10)
    assert (trace.event.transaction, trace.event.actor.software) == ("mss.create", "test")
    red_list = f"{where}.extension('{METADATA}').extension('listeRouge').value"
    answer = await patch(
        api,
        f"/Practitioner?identifier=https://rpps.esante.gouv.fr|{PERSON[1:]}",
        operation("replace", red_list, valueBoolean=True),
        operation("replace", f"{where}.rank", valueInteger=2),
    )
    assert answer.status_code == 200, answer.text
    box = await service.find(address)
    assert (box.is_red_listed, box.rank) == (True, 2)
    assert (await patch(api, f"/Practitioner/{PERSON}", operation("delete", where))).status_code == 200
    assert (await service.find(address)).state is MailboxState.CLOSED


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (lambda: insert("x@gmail.com"), "BALAddress"),
        (lambda: insert("x@autre.mssante.fr"), "MSSForeignDomain"),
        (lambda: insert(f"x@{DOMAIN}", "ORG"), "BALKind"),
        (lambda: insert(f"x@{DOMAIN}", service="Cardiologie"), "BALAttribute"),
        (lambda: insert(f"lea@{DOMAIN}"), "BALDuplicate"),
        (
            lambda: operation(
                "replace", f"Practitioner.telecom.where(value = 'lea@{DOMAIN}').value", valueString=f"b@{DOMAIN}"
            ),
            "BALFixed",
        ),
        (
            lambda: operation(
                "replace",
                f"Practitioner.telecom.where(value = 'lea@{DOMAIN}')",
                valueContactPoint=point(f"lea@{DOMAIN}", "CAB"),
            ),
            "BALFixed",
        ),
        (lambda: operation("explode", "Practitioner.telecom"), ""),
        (lambda: {"name": "operation"}, ""),
    ],
)
async def test_what_is_not_allowed_is_told_and_changes_nothing(
    api: httpx.AsyncClient, service: MssanteService, made: Any, code: str
) -> None:
    await service.create(BASE_ACTOR, make_box("lea", person_id=PERSON))
    answer = await patch(api, f"/Practitioner/{PERSON}", insert(f"bon@{DOMAIN}"), made())
    assert answer.status_code == 400
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert code in answer.text
    assert [box.address for box in await service.held_by(person_id=PERSON)] == [f"lea@{DOMAIN}"]


async def test_unknown_ambiguous_and_anonymous_callers_are_told(
    api: httpx.AsyncClient, service: MssanteService
) -> None:
    assert (await patch(api, "/Practitioner/899700000099", insert(f"x@{DOMAIN}"))).status_code == 404
    for n in (1, 2):
        await service.create(BASE_ACTOR, make_box(f"l{n}", person_id=PERSON, structure_id=f"175000000{n}"))
    ambiguous = f"/PractitionerRole?practitioner.identifier=urn:oid:1.2.250.1.71.4.2.1|{PERSON}"
    assert (await patch(api, ambiguous)).status_code == 412
    exact = f"{ambiguous}&organization.identifier=http://finess.sante.gouv.fr|750000001"
    assert (await patch(api, exact, insert(f"l3@{DOMAIN}", resource="PractitionerRole"))).status_code == 200
    del api.headers["ESANTE-API-KEY"]
    assert (await api.get("/Practitioner")).status_code == 401


async def test_searches_find_holders_page_by_page(api: httpx.AsyncClient, service: MssanteService) -> None:
    for n in range(5):
        await service.create(BASE_ACTOR, make_box(f"p{n}", person_id=f"89970000000{n}"))
    answer = (await api.get("/Practitioner", params={"mailbox-mss:contains": "@", "_count": 2})).json()
    seen = [entry["resource"]["id"] for entry in answer["entry"]]
    while following := [link["url"] for link in answer["link"] if link["relation"] == "next"]:
        answer = (await api.get(following[0])).json()
        seen += [entry["resource"]["id"] for entry in answer["entry"]]
    assert seen == [f"89970000000{n}" for n in range(5)]
    one = (await api.get("/Practitioner", params={"mailbox-mss:exact": f"p3@{DOMAIN}", "_elements": "telecom"})).json()
    assert [entry["resource"]["meta"]["tag"][0]["code"] for entry in one["entry"]] == ["SUBSETTED"]
    both = (await api.get("", params={"_type": "Practitioner,PractitionerRole", "mailbox-mss-type": "PER"})).json()
    assert len(both["entry"]) == 5
    assert (await api.get("", params={"_type": "Patient"})).status_code == 400
    assert (await api.get("/Practitioner", params={"mailbox-mss-type": "X"})).status_code == 400


async def test_the_api_says_what_it_does_without_a_key_and_refuses_the_rest_in_its_own_form(
    api: httpx.AsyncClient,
) -> None:
    stranger = {"ESANTE-API-KEY": ""}
    statement = (await api.get("/metadata", headers=stranger)).json()
    told = {
        one["type"]: {parameter["name"] for parameter in one["searchParam"]} for one in statement["rest"][0]["resource"]
    }
    assert told["Practitioner"] == {"mailbox-mss", "mailbox-mss-type", "identifier"}
    assert "ESANTE-API-KEY" in statement["rest"][0]["security"]["description"]
    for method, path, status in (
        ("GET", "/Patient", 404),
        ("DELETE", "/nowhere/1", 404),
        ("GET", "/Practitioner?a=1", 400),
    ):
        answer = await api.request(method, path)
        assert (answer.status_code, answer.json()["resourceType"]) == (status, "OperationOutcome"), path
    assert "mailbox-mss:contains" in answer.json()["issue"][0]["details"]["text"]
