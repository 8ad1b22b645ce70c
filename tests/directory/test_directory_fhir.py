from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from socle.services.directory import fhir, fhir_reading
from socle.services.directory.domain import Equipment, HealthcareService, Professional
from socle.services.directory.fhir_search import COLLECTIONS
from socle.services.directory.service import DirectoryService
from socle.standards.fhir.json_codec import decode_json

MSS_TYPE = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-contact-point-email-type"


class Api:
    """A client that has a key."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        answer = await self.http.get(fhir.PATH + path, params={k.replace("__", ":"): v for k, v in parameters.items()})
        assert answer.status_code == 200, answer.text
        decode_json(answer.content)
        found: dict[str, Any] = answer.json()
        return found

    async def ids(self, path: str, **parameters: Any) -> list[str]:
        return [entry["resource"]["id"] for entry in (await self.get(path, **parameters)).get("entry", [])]


@pytest.fixture
async def http(directory: DirectoryService) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=fhir.routes(directory)))
    key = await directory.add_key("essais")
    base_url = directory.base.settings.base_url
    async with httpx.AsyncClient(transport=transport, base_url=base_url, headers={fhir.HEADER: key}) as client:
        yield client


@pytest.fixture
def api(http: httpx.AsyncClient) -> Api:
    return Api(http)


async def test_a_practitioner_has_the_elements_of_the_national_skeleton(api: Api, doctor: Professional) -> None:
    found = await api.get("/Practitioner/810109876549")
    assert [(item["system"], item["value"]) for item in found["identifier"]] == [
        ("urn:oid:1.2.250.1.71.4.2.1", "810109876549"),
        ("https://rpps.esante.gouv.fr", "10109876549"),
    ]
    assert found["name"] == [
        {"use": "usual", "family": "MARCHAND", "given": ["CAMILLE"], "prefix": ["MME"], "suffix": ["DR"]}
    ]
    [box] = found["telecom"]
    assert box["value"] == "camille.marchand@medecin.exemple.mssante.fr"
    assert box["extension"][0]["url"] == MSS_TYPE
    assert box["extension"][0]["valueCoding"]["code"] == "MSSANTE"
    codes = [[coding["code"] for coding in item["code"]["coding"]] for item in found["qualification"]]
    assert codes == [["10", "C"], ["SM54", "S"]]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, ["810101234564", "810109876549"]),
        ({"family": "march"}, ["810109876549"]),
        ({"family": "arch"}, []),
        ({"family__contains": "arch"}, ["810109876549"]),
        ({"family__exact": "marchand"}, ["810109876549"]),
        ({"name": "elie"}, ["810101234564"]),
        ({"given": "Élie"}, ["810101234564"]),
        ({"name__contains": "oeuvre"}, ["810101234564"]),
        ({"identifier": "10109876549"}, ["810109876549"]),
        ({"identifier": "https://rpps.esante.gouv.fr|10109876549"}, ["810109876549"]),
        ({"identifier": "urn:oid:1.2.250.1.71.4.2.1|810109876549,x|810101234564"}, ["810109876549"]),
        ({"identifier": "https://other|10109876549"}, []),
        ({"mailbox-mss__contains": "@medecin.exemple"}, ["810109876549"]),
        ({"mailbox-mss__exact": "camille.marchand@medecin.exemple.mssante.fr"}, ["810109876549"]),
        ({"mailbox-mss": "secret"}, []),
        ({"mailbox-mss__contains": "%"}, ["810109876549"]),
        ({"qualification-code": "60"}, ["810101234564"]),
        ({"qualification-code": "https://any|SM54,60"}, ["810101234564", "810109876549"]),
        ({"active": "false"}, []),
        ({"_id": "810101234564"}, ["810101234564"]),
        ({"data-information-system": "RPPS"}, ["810101234564", "810109876549"]),
        ({"data-information-system": "FINESS"}, []),
        ({"data-registration-authority": "CNOM/CNOM/CNOM"}, ["810109876549"]),
        ({"identifier-type": "RPPS", "family": "marchand"}, ["810109876549"]),
    ],
)
async def test_practitioners_are_searched_by_each_parameter(
    api: Api, parameters: dict[str, str], expected: list[str]
) -> None:
    assert await api.ids("/Practitioner", **parameters) == expected


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"type": "SA01"}, ["F750987653"]),
        ({"type__not": "SA01"}, ["R10199001"]),
        (
            {"type": "https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite|SA07"},
            ["R10199001"],
        ),
        ({"identifier": "https://finess.esante.gouv.fr|750987653"}, ["F750987653"]),
        ({"identifier": "410109876549001"}, ["R10199001"]),
        ({"name__contains": "exemples"}, ["F750987653"]),
        ({"address-city": "Paris 14"}, ["F750987653"]),
        ({"address-postalcode": "750"}, ["F750987653", "R10199001"]),
        ({"address": "des exemples"}, ["R10199001"]),
        ({"partof": "Organization/F750990012"}, ["F750987653"]),
        ({"mailbox-mss__contains": "@"}, ["F750987653"]),
        ({"identifier-type": "SIRET"}, ["R10199001"]),
    ],
)
async def test_organizations_are_searched_by_each_parameter(
    api: Api, parameters: dict[str, str], expected: list[str]
) -> None:
    assert await api.ids("/Organization", **parameters) == expected


async def test_roles_lead_to_people_and_structures(api: Api) -> None:
    assert await api.ids("/PractitionerRole", practitioner="Practitioner/810109876549") == ["1010000001", "1010000002"]
    assert await api.ids("/PractitionerRole", organization="F750987653", role="S") == ["1010000002", "1010000003"]
    found = await api.get(
        "/PractitionerRole",
        _id="1010000002",
        _include=["PractitionerRole:practitioner", "PractitionerRole:organization"],
    )
    modes = [(entry["resource"]["resourceType"], entry["search"]["mode"]) for entry in found["entry"]]
    assert modes == [("PractitionerRole", "match"), ("Practitioner", "include"), ("Organization", "include")]


async def test_reverse_includes_bring_what_refers(api: Api, directory: DirectoryService) -> None:
    await directory.add_offer(
        [HealthcareService(id="S1", structure="F750987653", category="C1", type="T1")],
        [Equipment(id="E1", structure="F750987653", type="05701", manufacturer="Exemple", model="X1")],
    )
    wanted = ["PractitionerRole:organization", "Device:organization", "HealthcareService:organization"]
    found = await api.get("/Organization", _id="F750987653", _revinclude=wanted)
    names = sorted(entry["resource"]["id"] for entry in found["entry"] if entry["search"]["mode"] == "include")
    assert names == ["1010000002", "1010000003", "E1", "S1"]
    assert await api.ids("/Device", manufacturer="exe", status="active", organization="F750987653") == ["E1"]
    assert await api.ids("/Device", status="inactive") == []
    assert await api.ids("/HealthcareService", **{"service-type": "T1"}) == ["S1"]


async def test_pages_follow_opaque_links_without_loss_or_repeat(api: Api, http: httpx.AsyncClient) -> None:
    page = await api.get("/PractitionerRole", _count=1)
    seen = []
    while True:
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        links = {link["relation"]: link["url"] for link in page["link"]}
        if "next" not in links:
            break
        assert "_page?id=" in links["next"]
        page = (await http.get(links["next"])).json()
    assert seen == ["1010000001", "1010000002", "1010000003"]
    forged = await http.get(fhir.PATH + "/_page", params={"id": "abc"})
    assert forged.status_code == 400


async def test_a_page_link_serves_the_application_that_got_it_alone(
    api: Api, http: httpx.AsyncClient, directory: DirectoryService
) -> None:
    page = await api.get("/PractitionerRole", _count=1)
    link = next(link["url"] for link in page["link"] if link["relation"] == "next")
    other = await directory.add_key("autre")
    assert (await http.get(link, headers={fhir.HEADER: other})).status_code == 400


async def test_a_delta_gives_what_changed_and_what_left(
    api: Api, directory: DirectoryService, clock: Any, doctor: Professional, nurse: Professional
) -> None:
    clock.move(timedelta(days=2))
    await directory.load((doctor,), is_full=True)
    since = (clock.now - timedelta(days=1)).strftime("%Y-%m-%d")
    found = await api.get("/Practitioner", _lastUpdated=f"ge{since}")
    [entry] = found["entry"]
    assert entry["resource"]["id"] == nurse.id_nat
    assert entry["resource"]["active"] is False
    assert "name" not in entry["resource"]
    assert await api.ids("/Practitioner", _lastUpdated=f"lt{since}") == [doctor.id_nat]


@pytest.mark.parametrize("sort", [{}, {"_sort": "_lastUpdated"}, {"_sort": "_id"}])
async def test_a_delta_comes_in_the_order_of_changes_unless_asked_otherwise(
    api: Api,
    http: httpx.AsyncClient,
    directory: DirectoryService,
    clock: Any,
    nurse: Professional,
    sort: dict[str, str],
) -> None:
    before = await api.ids("/Practitioner")
    clock.move(timedelta(days=2))
    await directory.load((msgspec.structs.replace(nurse, given="ALIX"),))
    page = await api.get("/Practitioner", _lastUpdated="ge2000-01-01", _count=1, **sort)
    seen = []
    while True:
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not following:
            break
        page = (await http.get(following[0])).json()
    changed_last = [key for key in before if key != nurse.id_nat] + [nurse.id_nat]
    assert seen == (before if sort.get("_sort") == "_id" else changed_last)
    assert before != changed_last, "the order of keys would pass this test too"


async def test_contains_finds_the_same_by_words_and_without(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    searches = [
        ("/Practitioner", "family", "arch"),
        ("/Practitioner", "name", "a"),
        ("/Organization", "address-city", "r"),
    ]
    by_words = [await api.ids(path, **{f"{name}__contains": part}) for path, name, part in searches]
    monkeypatch.setattr(fhir_reading, "_MAX_WORDS", 0)
    assert [await api.ids(path, **{f"{name}__contains": part}) for path, name, part in searches] == by_words
    assert all(by_words)


async def test_elements_are_reduced_and_tagged(api: Api) -> None:
    found = await api.get("/Practitioner", family="marchand", _elements="identifier,telecom")
    [entry] = found["entry"]
    assert set(entry["resource"]) == {"resourceType", "id", "meta", "identifier", "telecom"}
    assert entry["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"


async def test_totals_come_when_asked(api: Api) -> None:
    assert "total" not in await api.get("/PractitionerRole")
    assert (await api.get("/PractitionerRole", _total="accurate", role="S"))["total"] == 2
    counted = await api.get("/PractitionerRole", _summary="count", role="L")
    assert (counted["total"], counted.get("entry", [])) == (1, [])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/Practitioner?mailbox-mss-type=PER", 400),
        ("/Practitioner?family:near=x", 400),
        ("/Practitioner?_include=Practitioner:role", 400),
        ("/Practitioner?_lastUpdated=hier", 400),
        ("/Practitioner?active=oui", 400),
        ("/Practitioner?_total=maybe", 400),
        ("/Practitioner/8unknown", 404),
        ("/Patient", 404),
    ],
)
async def test_what_is_not_supported_is_refused_with_an_outcome(
    http: httpx.AsyncClient, path: str, status: int
) -> None:
    answer = await http.get(fhir.PATH + path)
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_nothing_is_read_without_a_key_nor_written_with_one(http: httpx.AsyncClient, api: Api) -> None:
    for key in ("", "faux"):
        answer = await http.get(fhir.PATH + "/Practitioner", headers={fhir.HEADER: key})
        assert answer.status_code == 401
    for method in ("PUT", "DELETE", "PATCH"):
        assert (await http.request(method, fhir.PATH + "/Practitioner/810109876549")).status_code in {404, 405}
    assert (await http.get(fhir.PATH + "/metadata", headers={fhir.HEADER: ""})).status_code == 200


async def test_post_search_and_get_search_agree(http: httpx.AsyncClient, api: Api) -> None:
    answer = await http.post(fhir.PATH + "/Practitioner/_search", data={"family": "marchand"})
    assert [entry["resource"]["id"] for entry in answer.json()["entry"]] == ["810109876549"]


async def test_the_statement_lists_every_parameter(api: Api) -> None:
    statement = await api.get("/metadata")
    listed = {item["type"]: {p["name"] for p in item["searchParam"]} for item in statement["rest"][0]["resource"]}
    assert listed == {name: {p.name for p in item.parameters} for name, item in COLLECTIONS.items()}


async def test_any_value_of_any_parameter_is_answered_or_refused(http: httpx.AsyncClient) -> None:
    for name, collection in COLLECTIONS.items():
        for parameter in collection.parameters:
            for value in ("'; DROP TABLE x; --", "%", "a|b|c", "\\", "é" * 100, "\x00", "ge2026-01-01", "$1"):
                answer = await http.get(f"{fhir.PATH}/{name}", params={parameter.name: value})
                assert answer.status_code in {200, 400, 422}, (name, parameter.name, value, answer.text)
