"""The FHIR door of the DMP, from a client's point of view."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from socle.services.dmp.domain import DocumentFilter, DocumentRequest, FindDocuments, Retrieved
from socle.standards.fhir.json_codec import decode_json
from socle.standards.fhir.resources import Bundle
from socle.standards.fhir.xml_codec import decode_xml, encode_xml
from socle.standards.xds.model import Status

PDF = b"%PDF-1.7 made up"


def codes_of(resource: dict[str, Any]) -> set[str]:
    return {label["coding"][0]["code"] for label in resource["securityLabel"]}


async def feed_one(door: Any, make: Any, actor: Any, ins: Any, **changes: Any) -> dict[str, Any]:
    """Feeds a document and returns it as a search shows it."""
    unique_id = changes.pop("unique_id", "") or make.oid()
    answer = await door.feed(actor, make.bundle(ins, actor, unique_id=unique_id, **changes))
    assert answer.status_code == 200, answer.text
    found = await door.find(actor, ins, identifier=f"urn:ietf:rfc:3986|urn:oid:{unique_id}")
    resource: dict[str, Any] = found["entry"][0]["resource"]
    return resource


async def test_a_bundle_is_registered_and_found_at_once_through_every_door(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    bundle = make.bundle(ins, actor)
    answer = await door.feed(actor, bundle)
    assert answer.status_code == 200, answer.text
    response = answer.json()
    assert response["type"] == "transaction-response"
    assert [entry["response"]["status"] for entry in response["entry"]] == ["201 Created"] * 3
    listing, document, binary = (entry["response"]["location"] for entry in response["entry"])
    found = await door.find(actor, ins)
    assert found["total"] == 1
    assert found["entry"][0]["fullUrl"] == document
    resource = found["entry"][0]["resource"]
    assert resource["content"][0]["attachment"]["url"] == binary
    assert resource["masterIdentifier"]["value"] == bundle["entry"][1]["resource"]["masterIdentifier"]["value"]
    by_xds = await door.service.query(
        actor, FindDocuments(patient=ins, filter=DocumentFilter(statuses=(Status.APPROVED,)))
    )
    assert by_xds.documents[0].unique_id == resource["masterIdentifier"]["value"].removeprefix("urn:oid:")
    (got,) = await door.service.retrieve(actor, [DocumentRequest(unique_id=by_xds.documents[0].unique_id)])
    assert isinstance(got, Retrieved)
    assert got.content == PDF
    lists = await door.send("GET", listing.removeprefix("http://127.0.0.1:8000/dmp/fhir"), actor)
    assert lists.json()["entry"][0]["item"]["reference"] == f"DocumentReference/{resource['id']}"


async def test_a_binary_is_byte_identical_raw_in_json_and_in_xml(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    resource = await feed_one(door, make, actor, ins)
    path = "/Binary/" + resource["content"][0]["attachment"]["url"].rpartition("/")[2]
    raw = await door.send("GET", path, actor, accept="application/pdf")
    assert (raw.content, raw.headers["content-type"]) == (PDF, "application/pdf")
    assert (await door.send("GET", path, actor)).content == PDF
    in_json = await door.send("GET", path, actor, accept="application/fhir+json")
    assert base64.b64decode(in_json.json()["data"]) == PDF
    in_xml = await door.send("GET", path + "?_format=xml", actor)
    assert decode_xml(in_xml.content).data == PDF  # type: ignore[union-attr]
    assert (await door.send("GET", path, actor, accept="image/png")).status_code == 406
    assert (await door.send("GET", "/Binary/1.2.3.4", actor)).status_code == 404


async def test_xml_says_the_same_as_json(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    bundle = decode_json(json.dumps(make.bundle(ins, actor)).encode(), Bundle)
    answer = await door.send(
        "POST", "", actor, encode_xml(bundle), content_type="application/fhir+xml", accept="application/fhir+xml"
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/fhir+xml")
    assert len(decode_xml(answer.content, Bundle).entry) == 3
    query = f"/DocumentReference?patient.identifier={make.ins_system}|{ins.matricule}&status=current"
    by_json = decode_json((await door.send("GET", query, actor)).content, Bundle)
    by_xml = decode_xml((await door.send("GET", query, actor, accept="application/fhir+xml")).content, Bundle)
    assert by_json == by_xml


async def test_a_replacement_supersedes_and_says_so(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    old = await feed_one(door, make, actor, ins)
    relates = [{"code": "replaces", "target": {"reference": f"DocumentReference/{old['id']}"}}]
    bundle = make.bundle(ins, actor, b"%PDF-1.7 second", relatesTo=relates)
    supersede = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "DocumentReference.status"},
        {"name": "value", "valueCode": "superseded"}]}]}  # fmt: skip
    bundle["entry"].append(
        {"resource": supersede, "request": {"method": "PATCH", "url": f"DocumentReference/{old['id']}"}}
    )
    answer = await door.feed(actor, bundle)
    assert answer.status_code == 200, answer.text
    assert answer.json()["entry"][3]["response"]["status"] == "200 OK"
    found = await door.find(actor, ins)
    assert found["total"] == 1
    new = found["entry"][0]["resource"]
    assert new["relatesTo"][0]["code"] == "replaces"
    assert new["relatesTo"][0]["target"]["reference"].endswith(old["id"])
    superseded = await door.find(actor, ins, status="superseded")
    assert [entry["resource"]["id"] for entry in superseded["entry"]] == [old["id"]]
    related = await door.find(actor, ins, relatesto=f"DocumentReference/{old['id']}")
    assert [entry["resource"]["id"] for entry in related["entry"]] == [new["id"]]


async def test_a_simplified_publication_is_a_document_like_another(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    document = make.document(ins, actor, PDF)
    attachment = document["content"][0]["attachment"]
    del attachment["url"], attachment["hash"], attachment["size"]
    attachment["data"] = base64.b64encode(PDF).decode()
    answer = await door.send("POST", "/DocumentReference", actor, document)
    assert answer.status_code == 201, answer.text
    assert answer.headers["etag"] == 'W/"1"'
    assert answer.json()["meta"]["lastUpdated"] == "2026-03-02T08:15:00Z"
    assert answer.json()["content"][0]["attachment"]["size"] == len(PDF)
    found = await door.find(actor, ins)
    assert [entry["fullUrl"] for entry in found["entry"]] == [answer.headers["location"]]
    document["masterIdentifier"]["value"] += ".1"
    told = await door.send("POST", "/DocumentReference", actor, document, prefer="return=OperationOutcome")
    assert [issue["severity"] for issue in told.json()["issue"]] == ["information"]
    again = await door.send("POST", "/DocumentReference", actor, document, prefer="return=minimal")
    assert again.status_code == 409
    assert again.json()["issue"][0]["expression"] == ["DocumentReference.masterIdentifier"]
    assert again.json()["issue"][0]["code"] == "duplicate"
    conditional = await door.send("POST", "/DocumentReference", actor, document, if_none_exist="identifier=1")
    assert conditional.status_code == 412


@pytest.mark.parametrize("form", ["json", "fhirpath", "xml", "bracket"])
async def test_a_patch_masks_and_unmasks_whatever_its_form(door: Any, make: Any, form: str) -> None:
    actor, other = make.doctor(1), make.doctor(2)
    ins = await door.open(actor, other)
    resource = await feed_one(door, make, actor, ins)
    path = f"/DocumentReference?identifier=urn:ietf:rfc:3986|{resource['masterIdentifier']['value']}"
    concept = {"coding": [{"system": make.visibility, "code": "MASQUE_PS"}]}
    body: Any
    media_type = "application/json-patch+json"
    match form:
        case "json":
            body = [{"op": "add", "path": "/securityLabel/-", "value": concept}]
        case "bracket":
            # The guide's own examples replace N: N stays all the same.
            body = [{"op": "replace", "path": "/securityLabel/0", "value": concept}]
        case "fhirpath":
            media_type = "application/fhir+json"
            body = {
                "resourceType": "Parameters",
                "parameter": [
                    {
                        "name": "operation",
                        "part": [
                            {"name": "type", "valueCode": "add"},
                            {"name": "path", "valueString": "DocumentReference"},
                            {"name": "name", "valueString": "securityLabel"},
                            {"name": "value", "valueCodeableConcept": concept},
                        ],
                    }
                ],
            }
        case _:
            media_type = "application/xml-patch+xml"
            body = (
                '<diff xmlns:f="http://hl7.org/fhir"><add sel="f:DocumentReference/f:securityLabel" pos="after">'
                f'<f:securityLabel><f:coding><f:system value="{make.visibility}"/><f:code value="MASQUE_PS"/>'
                "</f:coding></f:securityLabel></add></diff>"
            )  # fmt: skip
    answer = await door.send("PATCH", path, actor, body, content_type=media_type)
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == 'W/"2"'
    assert codes_of(answer.json()) == {"N", "MASQUE_PS"}
    assert answer.json()["id"] == resource["id"]
    assert answer.json()["meta"]["versionId"] == "2"
    assert (await door.find(other, ins))["total"] == 0
    assert (await door.find(actor, ins))["total"] == 1
    assert (await door.send("GET", f"/DocumentReference/{resource['id']}", other)).status_code == 404
    back = [{"op": "remove", "path": "/securityLabel/1"}]
    stale = await door.send("PATCH", path, actor, back, content_type="application/json-patch+json", if_match='W/"1"')
    assert stale.status_code == 412
    answer = await door.send("PATCH", path, actor, back, content_type="application/json-patch+json", if_match='W/"2"')
    assert answer.status_code == 200, answer.text
    assert codes_of(answer.json()) == {"N"}
    assert (await door.find(other, ins))["total"] == 1


async def test_a_patch_that_changes_nothing_makes_no_version_and_tells_nothing(door: Any, make: Any) -> None:
    actor, other = make.doctor(1), make.doctor(2)
    ins = await door.open(actor)
    resource = await feed_one(door, make, actor, ins)
    path = f"/DocumentReference/{resource['id']}"
    patch = {"content_type": "application/json-patch+json"}
    same = [{"op": "replace", "path": "/status", "value": "current"}]
    answer = await door.send("PATCH", path, actor, same, **patch)
    assert answer.status_code == 200, answer.text
    assert answer.json()["meta"]["versionId"] == "1"
    assert (await door.send("PATCH", path, other, same, **patch)).status_code in (403, 404)


async def test_an_entry_uuid_of_an_old_version_still_names_the_document(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    resource = await feed_one(door, make, actor, ins)
    body = [{"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "MASQUE_PS"}]}}]
    path = f"/DocumentReference/{resource['id']}"
    changed = await door.send("PATCH", path, actor, body, content_type="application/json-patch+json")
    assert changed.status_code == 200, changed.text
    uuids = {i["value"] for i in changed.json()["identifier"]}
    assert len(uuids) == 2
    for value in uuids:
        found = await door.find(actor, ins, identifier=value)
        assert [entry["resource"]["meta"]["versionId"] for entry in found["entry"]] == ["2"]
        read = await door.send("GET", "/DocumentReference/" + value.removeprefix("urn:uuid:"), actor)
        assert read.json()["id"] == resource["id"]
    cached = await door.send("GET", path, actor, if_none_match='W/"2"')
    assert cached.status_code == 304


async def test_archiving_and_deleting_are_patches(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    resource = await feed_one(door, make, actor, ins)
    path = f"/DocumentReference/{resource['id']}"
    url = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived"
    patch = {"content_type": "application/json-patch+json"}
    archive = [{"op": "add", "path": "/extension", "value": [{"url": url, "valueBoolean": True}]}]
    answer = await door.send("PATCH", path, actor, archive, **patch)
    assert answer.status_code == 200, answer.text
    assert answer.json()["extension"] == [{"url": url, "valueBoolean": True}]
    assert (await door.find(actor, ins, isArchived="true"))["total"] == 1
    assert (await door.find(actor, ins, isArchived="false"))["total"] == 0
    restore = [{"op": "replace", "path": f"/extension[url:'{url}']/valueBoolean", "value": False}]
    assert (await door.send("PATCH", path, actor, restore, **patch)).status_code == 200
    delete = [{"op": "replace", "path": "/status", "value": "entered-in-error"}]
    assert (await door.send("PATCH", path, make.doctor(2), delete, **patch)).status_code in (403, 404)
    answer = await door.send("PATCH", path, actor, delete, **patch)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "entered-in-error"
    assert (await door.find(actor, ins))["total"] == 0
    assert (await door.send("GET", path, actor)).status_code == 404
    assert (await door.send("PATCH", path, actor, delete, **patch)).status_code == 404


async def test_only_status_labels_and_archiving_can_be_patched(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    resource = await feed_one(door, make, actor, ins)
    path = f"/DocumentReference/{resource['id']}"
    patch = {"content_type": "application/json-patch+json"}
    for operation, status in (
        ({"op": "replace", "path": "/content/0/attachment/title", "value": "x"}, 405),
        ({"op": "replace", "path": "/type/coding/0/code", "value": "x"}, 405),
        ({"op": "add", "path": "/extension", "value": [{"url": "urn:x", "valueString": "y"}]}, 405),
        ({"op": "add", "path": "/securityLabel/-", "value": {"coding": [{"code": "R"}]}}, 422),
        ({"op": "replace", "path": "/status", "value": "final"}, 400),
        ({"op": "replace", "path": "/nothing/here", "value": 1}, 422),
    ):
        answer = await door.send("PATCH", path, actor, [operation], **patch)
        assert answer.status_code == status, (operation, answer.text)
        assert answer.json()["resourceType"] == "OperationOutcome"
    assert (await door.send("PATCH", path, actor, b"x", content_type="text/plain")).status_code == 415
    assert (await door.send("PATCH", "/DocumentReference?status=current", actor, [], **patch)).status_code == 400
    unknown = "/DocumentReference?identifier=urn:ietf:rfc:3986|urn:oid:1.2.3.4.5"
    assert (await door.send("PATCH", unknown, actor, [operation], **patch)).status_code == 404


async def test_each_search_parameter_finds_what_it_names_and_nothing_else(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    first = await feed_one(
        door, make, actor, ins,
        context={
            "event": [{"coding": [{"system": "urn:oid:1.2.250.1.213.2.5", "code": "YYYY001"}]}],
            "period": {"start": "2026-01-10T07:30:00Z", "end": "2026-01-11T07:30:00Z"},
            "facilityType": {"coding": [{"system": "urn:oid:1.2.250.1.71.4.2.4", "code": "SA01"}]},
            "practiceSetting": {"coding": [{"system": "urn:oid:1.2.250.1.213.1.1.4.9", "code": "ETABLISSEMENT"}]},
            "related": [{"identifier": {
                "type": {"coding": [{"system": "urn:ietf:rfc:3986", "code": "urn:ihe:iti:xds:2013:accession"}]},
                "system": "urn:oid:1.2.250.1.999.5", "value": "A77"}}],
        },
        type={"coding": [{"system": "http://loinc.org", "code": "34112-3"}]},
        category=[{"coding": [{"system": "urn:oid:1.2.250.1.213.1.1.4.1", "code": "11"}]}],
        date="2026-01-12T08:00:00Z",
    )  # fmt: skip
    second = await feed_one(door, make, actor, ins)
    names = {first["id"]: 1, second["id"]: 2}
    for parameter, value, expected in (
        ("type", "34112-3", [1]),
        ("type", "http://loinc.org|11488-4", [2]),
        ("type", "34112-3,11488-4", [1, 2]),
        ("type", "urn:oid:1.2.3|34112-3", []),
        ("category", "10", [2]),
        ("facility", "SA01", [1]),
        ("setting", "ETABLISSEMENT", [1]),
        ("format", "urn:ihe:iti:xds-sd:pdf:2008", [1, 2]),
        ("event", "urn:oid:1.2.250.1.213.2.5|YYYY001", [1]),
        ("security_label", "N", [1, 2]),
        ("security_label", "MASQUE_PS", []),
        ("period_start", "lt2026-02-01", [1]),
        ("period_start", "ge2026-03-02T07:30:00Z", [2]),
        ("period_end", "ge2026-01-01", [1]),
        ("related", "A77", [1]),
        ("related__identifier", "urn:oid:1.2.250.1.999.5|A77", [1]),
        ("related", "urn:oid:1.2.3|A77", []),
        ("author__identifier", f"urn:oid:1.2.250.1.71.4.2.1|{actor.id}", [1, 2]),
        ("author__family", "martin", [1, 2]),
        ("author__family", "durand", []),
        ("author:identifier", actor.id, [1, 2]),
        ("author:PractitionerRole.name", "Mart", [1, 2]),
        ("identifier", first["masterIdentifier"]["value"], [1]),
        ("identifier", f"urn:uuid:{second['id']}", [2]),
        ("id", first["id"], [1]),
        ("patient__identifier", f"{make.ins_system}|{ins.matricule}", [1, 2]),
        ("date", "2026-03-02", [1, 2]),
        ("creation", "lt2026-03-02", []),
    ):
        if parameter == "id":
            parameter = "_id"
            answer = await door.send(
                "GET",
                f"/DocumentReference?patient.identifier={make.ins_system}|{ins.matricule}&status=current&_id={value}",
                actor,
            )
            found = answer.json()
        else:
            found = await door.find(actor, ins, **{parameter: value})
        ids = sorted(names[entry["resource"]["id"]] for entry in found.get("entry", []))
        assert ids == expected, (parameter, value)
        assert found["total"] == len(expected)


async def test_pages_are_followed_by_opaque_links_of_their_owner(door: Any, make: Any) -> None:
    actor, other = make.doctor(1), make.doctor(2)
    ins = await door.open(actor, other)
    ids = {(await feed_one(door, make, actor, ins))["id"] for _ in range(5)}
    seen: list[str] = []
    page = await door.find(actor, ins, _count="2") if False else None
    query = f"/DocumentReference?patient.identifier={make.ins_system}|{ins.matricule}&status=current&_count=2"
    answer = await door.send("GET", query, actor)
    while True:
        page = answer.json()
        assert page["total"] == 5
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        if not following:
            break
        assert ins.matricule not in following[0]
        path = following[0].partition("/dmp/fhir")[2]
        assert (await door.send("GET", path, other)).status_code == 400
        assert (await door.send("GET", path[:-3] + "AAA", actor)).status_code == 400
        answer = await door.send("GET", path, actor)
        assert answer.status_code == 200, answer.text
    assert (len(seen), set(seen)) == (5, ids)
    counted = (await door.send("GET", query.replace("_count=2", "_summary=count"), actor)).json()
    assert (counted["total"], "entry" in counted) == (5, False)
    assert "total" not in (await door.send("GET", query + "&_total=none", actor)).json()


async def test_a_document_is_found_by_its_identifier_alone(door: Any, make: Any) -> None:
    actor, other = make.doctor(1), make.doctor(2)
    ins = await door.open(actor)
    resource = await feed_one(door, make, actor, ins)
    path = f"/DocumentReference?identifier=urn:ietf:rfc:3986|{resource['masterIdentifier']['value']}&status=current"
    assert (await door.send("GET", path, actor)).json()["total"] == 1
    assert (await door.send("GET", path, other)).status_code in (200, 403)
    assert (await door.send("GET", path, other)).json().get("total", 0) == 0
    assert (await door.send("GET", path.replace("1.2.250", "1.3.250"), actor)).json()["total"] == 0
    located = (await door.send("GET", path + "&_elements=identifier", actor)).json()
    reference = located["entry"][0]["resource"]
    assert reference["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert reference["id"] == resource["id"]
    assert set(reference) == {"resourceType", "id", "meta", "masterIdentifier", "identifier", "status", "content"}
    assert (await door.send("GET", path + "&_elements=author", actor)).status_code == 400


async def test_a_search_by_post_keeps_the_ins_out_of_urls(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    await feed_one(door, make, actor, ins)
    form = f"patient.identifier={make.ins_system}|{ins.matricule}&status=current".encode()
    answer = await door.send(
        "POST", "/DocumentReference/_search", actor, form, content_type="application/x-www-form-urlencoded"
    )
    assert answer.json()["total"] == 1
    assert ins.matricule not in answer.json()["link"][0]["url"]
    assert (
        await door.send("POST", "/DocumentReference/_search", actor, form, content_type="text/plain")
    ).status_code == 415


async def test_lists_are_searched_by_what_they_are(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    resource = await feed_one(door, make, actor, ins)
    base = f"/List?patient.identifier={make.ins_system}|{ins.matricule}&status=current&code=submissionset"
    for extra, total in (
        ("", 1), ("&date=2026-03-02", 1), ("&date=lt2026-03-02", 0), ("&designationType=07", 1),
        ("&designationType=19", 0), ("&sourceId=urn:oid:1.2.250.1.999.1.7", 1), ("&sourceId=urn:oid:1.2", 0),
        ("&title=Dép", 1), ("&title=Autre", 0),
        (f"&source:identifier={actor.id}", 1), ("&source:PractitionerRole.name=MARTIN", 1), ("&source.family=X", 0),
    ):  # fmt: skip
        answer = await door.send("GET", base + extra, actor)
        assert answer.status_code == 200, answer.text
        assert answer.json()["total"] == total, extra
    found = (await door.send("GET", base, actor)).json()["entry"][0]["resource"]
    assert found["entry"] == [{"item": {"reference": f"DocumentReference/{resource['id']}"}}]
    folders = await door.send("GET", base.replace("submissionset", "folder"), actor)
    assert folders.json()["total"] == 0
    assert (await door.send("GET", base.partition("&code")[0], actor)).status_code == 400


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("status=current", "patient.identifier"),
        ("patient.identifier={ins}", "status"),
        ("patient.identifier={ins}&status=current&colour=red", "colour"),
        ("patient.identifier=urn:oid:1.2|1&status=current", "patient.identifier"),
        ("patient.identifier={ins}&status=final", "status"),
        ("patient.identifier={ins}&status=current&date=ne2026", "date"),
        ("patient.identifier={ins}&status=current&type=a&type=b", "type"),
        ("patient.identifier={ins}&status=current&_include=*", "_include"),
    ],
)
async def test_a_search_that_cannot_be_answered_names_its_parameter(
    door: Any, make: Any, query: str, place: str
) -> None:
    actor = make.doctor()
    ins = make.patient()
    asked = query.format(ins=f"{make.ins_system}|{ins.matricule}")
    answer = await door.send("GET", f"/DocumentReference?{asked}", actor, accept_language="en")
    assert answer.status_code == 400, answer.text
    issue = answer.json()["issue"][0]
    assert issue["expression"] == [place]
    assert answer.headers["content-language"] == "en"


@pytest.mark.parametrize(
    "query", ["date=2024-13-01", "date=hier", "_count=-1", "status=final", "isArchived=oui", "type=&status=current"]
)
async def test_a_value_that_is_none_is_told_as_a_value(door: Any, make: Any, query: str) -> None:
    asked = f"patient.identifier={make.ins_system}|{make.patient().matricule}&{query}"
    asked += "" if "status" in query else "&status=current"
    issue = (await door.send("GET", f"/DocumentReference?{asked}", make.doctor())).json()["issue"][0]
    assert (issue["code"], issue["expression"]) == ("value", [query.partition("=")[0]])


async def test_elements_narrow_what_is_shown_and_not_what_is_found(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    await feed_one(door, make, actor, ins)
    path = f"/DocumentReference?patient.identifier={make.ins_system}|{ins.matricule}&status=current"
    whole = (await door.send("GET", path, actor)).json()
    narrow = (await door.send("GET", f"{path}&_elements=id,status", actor)).json()
    assert narrow["total"] == whole["total"] == 1
    assert narrow["entry"][0]["fullUrl"] == whole["entry"][0]["fullUrl"]
    assert "author" in whole["entry"][0]["resource"]
    assert "author" not in narrow["entry"][0]["resource"]


async def test_what_is_not_done_here_says_what_is(door: Any, make: Any) -> None:
    answer = await door.send("PUT", "/DocumentReference/1", make.doctor())
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, PATCH")


async def test_a_lenient_client_is_warned_of_ignored_parameters(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    query = f"/DocumentReference?patient.identifier={make.ins_system}|{ins.matricule}&status=current&colour=red"
    answer = (await door.send("GET", query, actor, prefer="handling=lenient")).json()
    assert answer["entry"][0]["search"]["mode"] == "outcome"


async def test_a_patient_is_the_picture_of_the_record(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    path = f"/Patient?identifier={make.ins_system}|{ins.matricule}"
    found = (await door.send("GET", path, actor)).json()
    assert found["total"] == 1
    patient = found["entry"][0]["resource"]
    assert patient["active"] is True
    assert "name" not in patient
    flags = {e["url"].rpartition("/")[2]: e for e in patient["extension"]}
    assert flags["dmp-statut-autorisation"]["valueCode"] == "VALIDE"
    assert (await door.send("GET", f"/Patient/{patient['id']}", actor)).json() == patient
    nobody = make.patient().matricule
    unknown = await door.send("GET", f"/Patient?identifier={make.ins_system}|{nobody}", actor)
    assert unknown.json()["total"] == 0
    by_id = await door.send("GET", f"/Patient/{make.ins_system.removeprefix('urn:oid:')}-{nobody}", actor)
    assert by_id.status_code == 404
    assert (await door.send("GET", "/Patient?name=DURAND", actor)).status_code == 400


async def test_a_wrong_hash_an_unknown_patient_and_a_duplicate_each_have_their_error(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    wrong = make.bundle(ins, actor)
    wrong["entry"][1]["resource"]["content"][0]["attachment"]["hash"] = base64.b64encode(bytes(20)).decode()
    answer = await door.feed(actor, wrong)
    assert answer.status_code == 422, answer.text
    nobody = await door.feed(actor, make.bundle(make.patient(), actor))
    assert nobody.status_code == 404
    assert nobody.json()["issue"][0]["details"]["coding"][0]["code"] == "XDSUnknownPatientId"
    bundle = make.bundle(ins, actor)
    assert (await door.feed(actor, bundle)).status_code == 200
    again = await door.feed(actor, bundle)
    assert again.status_code == 409
    assert (await door.find(actor, ins))["total"] == 1
    empty = make.bundle(ins, actor)
    empty["entry"] = empty["entry"][:1]
    empty["entry"][0]["resource"].pop("entry")
    assert (await door.feed(actor, empty)).status_code == 422


async def test_every_error_of_a_submission_is_told_at_its_place_in_the_readers_language(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    bundle = make.bundle(ins, actor)
    listing, document = (entry["resource"] for entry in bundle["entry"][:2])
    listing["extension"][1]["valueIdentifier"]["value"] = "urn:oid:0.9.x"
    document["content"][0]["attachment"]["title"] = "t" * 129
    document["subject"]["identifier"]["value"] = make.patient().matricule
    answer = await door.send("POST", "", actor, bundle, accept_language="en")
    assert answer.status_code == 422, answer.text
    assert {
        (issue["details"]["coding"][0]["code"], *issue["expression"], issue["details"]["text"].split(" ")[0])
        for issue in answer.json()["issue"]
    } == {
        ("XDSPatientIdDoesNotMatch", "Bundle.entry[1].resource.subject", "patientId"),
        ("XDSRegistryMetadataError", "Bundle.entry[0].resource.extension", "sourceId"),
        ("XDSRegistryMetadataError", "Bundle.entry[1].resource.content[0].attachment.title", "title"),
    }


async def test_who_is_not_known_or_asks_elsewhere_gets_an_outcome(door: Any, make: Any) -> None:
    unknown = await door.send("GET", "/DocumentReference?status=current", None)
    assert (unknown.status_code, unknown.headers["www-authenticate"]) == (401, "Bearer")
    for method, path, status in (
        ("GET", "/Observation", 404),
        ("DELETE", "/DocumentReference/1", 405),
        ("PUT", "/List/1", 405),
        ("GET", "/", 405),
        ("GET", "/a/b/c", 404),
    ):
        answer = await door.send(method, path, make.doctor())
        assert answer.status_code == status, (method, path)
        assert answer.json()["resourceType"] == "OperationOutcome"
    in_xml = await door.send("GET", "/Observation", make.doctor(), accept="application/fhir+xml")
    assert in_xml.content.startswith(b"<?xml")
    assert (await door.send("GET", "/metadata", None, accept="image/png")).status_code == 406


async def test_the_capability_statement_tells_what_is_true(door: Any, make: Any) -> None:
    statement = (await door.send("GET", "/metadata", None)).json()
    assert statement["fhirVersion"] == "4.0.1"
    assert {r["type"] for r in statement["rest"][0]["resource"]} == {"DocumentReference", "List", "Binary", "Patient"}
    documents = statement["rest"][0]["resource"][0]
    assert {i["code"] for i in documents["interaction"]} == {"read", "search-type", "create", "patch"}
    actor = make.doctor()
    ins = await door.open(actor)
    dates = {"date", "creation", "period", "period-start", "period-end", "_lastUpdated"}
    for parameter in documents["searchParam"]:
        name = parameter["name"]
        if name in ("patient", "status"):
            continue
        value = "2026" if name in dates else "true" if name == "isArchived" else "x"
        query = f"/DocumentReference?patient.identifier={make.ins_system}|{ins.matricule}&status=current&{name}={value}"
        assert (await door.send("GET", query, actor)).status_code == 200, name


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/fhir+json", 400),
        (b"{", "application/fhir+json", 400),
        (b'{"resourceType":"Bundle","type":"transaction","type":"batch"}', "application/fhir+json", 400),
        (b'{"resourceType":"Patient"}', "application/fhir+json", 400),
        (b'{"resourceType":"Bundle","type":"batch"}', "application/fhir+json", 400),
        (b'{"resourceType":"Bundle","type":"transaction"}', "application/fhir+json", 422),
        (
            b'{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Li',
            "application/json",
            400,
        ),
        (b"{}", "text/plain", 415),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><Bundle xmlns="http://hl7.org/fhir"/>', "application/fhir+xml", 400),
        (b'{"a":' * 100_000, "application/fhir+json", 400),
    ],
)
async def test_a_body_that_is_no_submission_is_refused(
    door: Any, make: Any, body: bytes, content_type: str, status: int
) -> None:
    answer = await door.send("POST", "/", make.doctor(), body, content_type=content_type)
    assert answer.status_code == status, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_the_patient_of_list_and_document_must_be_one(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins, other = await door.open(actor), await door.open(actor)
    bundle = make.bundle(ins, actor)
    bundle["entry"][0]["resource"]["subject"]["identifier"]["value"] = other.matricule
    answer = await door.feed(actor, bundle)
    assert answer.status_code == 422, answer.text
    assert answer.json()["issue"][0]["details"]["coding"][0]["code"] == "XDSPatientIdDoesNotMatch"


async def test_odd_values_of_any_parameter_are_answers_or_refusals(door: Any, make: Any) -> None:
    actor = make.doctor()
    ins = await door.open(actor)
    await feed_one(door, make, actor, ins)
    names = [parameter["name"] for parameter in (await capability(door))["searchParam"]]
    names += ["author.family", "author.identifier", "related.identifier", "_count", "_sort", "_cursor", "_elements"]
    values = [
        "%",
        "_",
        "\\",
        "|",
        "a|",
        "'",
        "é😀",
        "\x00",
        "x" * 1500,
        "2026-13",
        "9998",
        "urn:uuid:x",
        "../..",
        "%25%00",
    ]
    start = {"patient.identifier": f"{make.ins_system}|{ins.matricule}", "status": "current"}
    for name in names:
        for value in values:
            answer = await door.http.request(
                "GET", "/dmp/fhir/DocumentReference", params=start | {name: value}, headers=door.headers(actor)
            )
            assert answer.status_code in (200, 400, 404), (name, value, answer.text)


async def capability(door: Any) -> dict[str, Any]:
    statement = (await door.send("GET", "/metadata", None)).json()
    resource: dict[str, Any] = statement["rest"][0]["resource"][0]
    return resource
