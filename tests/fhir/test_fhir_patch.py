"""Patches: the three forms say the same change; what does not apply is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socle.standards.errors import InvalidContent, MalformedInput, SocleError
from socle.standards.fhir.fhirpath import locate
from socle.standards.fhir.json_codec import decode_json, to_tree
from socle.standards.fhir.patch import apply_fhirpath_patch, apply_json_patch, apply_xml_patch
from socle.standards.fhir.pdsm import vocabulary as v
from socle.standards.fhir.resources import (
    DocumentReference,
    DocumentReferenceContent,
    Organization,
    Parameters,
    PractitionerRole,
)
from socle.standards.fhir.types import Attachment, CodeableConcept, Coding, ContactPoint, Extension

VISIBILITY = "https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument"


def label(code: str) -> CodeableConcept:
    return CodeableConcept(coding=(Coding(system=VISIBILITY, code=code),))


DOCUMENT = DocumentReference(
    status="current",
    security_label=(label("N"),),
    content=(DocumentReferenceContent(attachment=Attachment(title="CR")),),
)
ARCHIVED = Extension(url=v.IS_ARCHIVED, value_boolean=True)


def json_patch(*operations: dict[str, Any]) -> DocumentReference:
    return apply_json_patch(DOCUMENT, json.dumps(operations).encode())


def fhirpath_patch(*operations: dict[str, Any]) -> DocumentReference:
    parameters = [
        {"name": "operation", "part": [{"name": name} | value for name, value in operation.items()]}
        for operation in operations
    ]
    body = json.dumps({"resourceType": "Parameters", "parameter": parameters}).encode()
    return apply_fhirpath_patch(DOCUMENT, decode_json(body, Parameters))


def operation(kind: str, path: str, **more: dict[str, Any]) -> dict[str, Any]:
    return {"type": {"valueCode": kind}, "path": {"valueString": path}} | more


def xml_patch(operations: str) -> DocumentReference:
    return apply_xml_patch(DOCUMENT, f'<diff xmlns:f="http://hl7.org/fhir">{operations}</diff>'.encode())


def test_the_three_forms_change_the_status_alike() -> None:
    by_json = json_patch({"op": "replace", "path": "/status", "value": "superseded"})
    assert by_json.status == "superseded"
    assert by_json == fhirpath_patch(
        operation("replace", "DocumentReference.status", value={"valueCode": "superseded"})
    )
    assert by_json == xml_patch('<replace sel="f:DocumentReference/f:status/@value">superseded</replace>')
    assert by_json == apply_xml_patch(
        DOCUMENT,
        b'<diff xmlns="http://hl7.org/fhir"><replace sel="DocumentReference/status">'
        b'<status value="superseded"/></replace></diff>',
    )


def test_the_three_forms_add_a_label_alike() -> None:
    coding = {"coding": [{"system": VISIBILITY, "code": "MASQUE_PS"}]}
    by_json = json_patch({"op": "add", "path": "/securityLabel/-", "value": coding})
    assert by_json.security_label == (label("N"), label("MASQUE_PS"))
    name = {"valueString": "securityLabel"}
    assert by_json == fhirpath_patch(
        operation("add", "DocumentReference", name=name, value={"valueCodeableConcept": coding})
    )
    assert by_json == xml_patch(
        '<add sel="f:DocumentReference/f:securityLabel" pos="after"><f:securityLabel><f:coding>'
        f'<f:system value="{VISIBILITY}"/><f:code value="MASQUE_PS"/></f:coding></f:securityLabel></add>'
    )


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "add", "path": "/extension", "value": [{"url": v.IS_ARCHIVED, "valueBoolean": True}]}],
        [{"op": "replace", "path": f"/extension[url:'{v.IS_ARCHIVED}']/valueBoolean", "value": True}],
        [{"op": "add", "path": f"/extension[url='{v.IS_ARCHIVED}']/valueBoolean", "value": True}],
    ],
)
def test_archiving_is_read_as_rfc_6902_and_as_the_guide_writes_it(operations: list[dict[str, Any]]) -> None:
    if "replace" in operations[0]["op"]:
        operations = [{"op": "add", "path": operations[0]["path"], "value": False}, *operations]
    assert json_patch(*operations).extension == (ARCHIVED,)


def test_a_label_is_removed_by_each_form() -> None:
    assert json_patch({"op": "remove", "path": "/securityLabel/0"}).security_label == ()
    path = f"DocumentReference.securityLabel.where(coding.system = '{VISIBILITY}' and coding.code = 'N')"
    assert fhirpath_patch(operation("delete", path)).security_label == ()
    assert xml_patch('<remove sel="f:DocumentReference/f:securityLabel[1]"/>').security_label == ()


def test_an_extension_is_changed_by_its_url() -> None:
    archived = fhirpath_patch(
        operation(
            "add",
            "DocumentReference",
            name={"valueString": "extension"},
            value={"part": [{"name": "url", "valueUri": v.IS_ARCHIVED}, {"name": "value", "valueBoolean": True}]},
        )
    )
    assert archived.extension == (ARCHIVED,)
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "operation",
                "part": [
                    {"name": "type", "valueCode": "replace"},
                    {"name": "path", "valueString": f"DocumentReference.extension('{v.IS_ARCHIVED}').value"},
                    {"name": "value", "valueBoolean": False},
                ],
            }
        ],
    }
    again = apply_fhirpath_patch(archived, decode_json(json.dumps(body).encode(), Parameters))
    assert again.extension[0].value_boolean is False


def test_a_mailbox_is_found_by_its_address() -> None:
    """The path of the MSSanté directory's PATCH."""
    role = PractitionerRole(telecom=(ContactPoint(value="a@x.fr", rank=1), ContactPoint(value="b@x.fr")))
    tree = to_tree(role)
    places = locate(tree, "PractitionerRole.telecom.where(value = 'a@x.fr').rank")
    assert [place.value for place in places] == [1]
    body = [{"name": "operation", "part": [
        {"name": "type", "valueCode": "delete"},
        {"name": "path", "valueString": "PractitionerRole.telecom.where(value = 'a@x.fr')"},
    ]}]  # fmt: skip
    parameters = decode_json(json.dumps({"resourceType": "Parameters", "parameter": body}).encode(), Parameters)
    assert apply_fhirpath_patch(role, parameters).telecom == (ContactPoint(value="b@x.fr"),)


@pytest.mark.parametrize(
    "operations",
    [
        [],
        [{"op": "copy", "from": "/status", "path": "/description"}],
        [{"op": "replace", "path": "/nothing", "value": 1}],
        [{"op": "replace", "path": "/status", "value": "unheard-of"}],
        [{"op": "replace", "path": "/resourceType", "value": "Patient"}],
        [{"op": "test", "path": "/status", "value": "superseded"}],
        [{"op": "add", "path": "/securityLabel/9", "value": {}}],
        [{"op": "remove", "path": ""}],
        [{"op": "test", "path": "/status", "value": "current"}] * 51,
    ],
)
def test_a_json_patch_that_does_not_apply_is_refused(operations: list[dict[str, Any]]) -> None:
    with pytest.raises((InvalidContent, MalformedInput)):
        json_patch(*operations)


@pytest.mark.parametrize(
    "change",
    [
        operation("replace", "DocumentReference.nothing", value={"valueCode": "x"}),
        operation("replace", "DocumentReference.status"),
        operation("delete", "DocumentReference.descendants()"),
        operation("delete", "DocumentReference.status.where(1 = 1)"),
        operation("explode", "DocumentReference.status"),
        operation("insert", "DocumentReference.securityLabel", index={"valueInteger": 5}, value={"valueString": "x"}),
        operation("add", "DocumentReference", name={"valueString": "colour"}, value={"valueString": "x"}),
        operation("replace", "Patient.status", value={"valueCode": "superseded"}),
    ],
)
def test_a_fhirpath_patch_that_does_not_apply_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises((InvalidContent, MalformedInput)):
        fhirpath_patch(change)


@pytest.mark.parametrize(
    "operations",
    [
        "",
        '<replace sel="//*[//*[//*]]">x</replace>',
        '<remove sel="f:DocumentReference"/>',
        '<replace sel="f:DocumentReference/f:colour/@value">x</replace>',
        '<replace sel="document(1)">x</replace>',
        '<explode sel="f:DocumentReference/f:status"/>',
        '<remove sel="f:DocumentReference/f:status"/>',
        '<remove sel="x:DocumentReference/x:status"/>',
        '<remove sel="f:DocumentReference/f:status[@value=\'"/>',
    ],
)
def test_an_xml_patch_that_does_not_apply_is_refused(operations: str) -> None:
    with pytest.raises((InvalidContent, MalformedInput)):
        xml_patch(operations)


POINTERS = [
    "",
    "/",
    "/status",
    "/securityLabel/0",
    "/securityLabel/-",
    "/content/0/attachment",
    "/extension[url:'x']/a",
]


@settings(max_examples=100)
@given(
    st.binary()
    | st.lists(
        st.fixed_dictionaries(
            {"op": st.sampled_from(["add", "remove", "replace", "move", "test"]), "path": st.sampled_from(
                POINTERS)},
            optional={"value": st.none() | st.text() | st.lists(st.integers()) | st.dictionaries(st.text(), st.none()),
                      "from": st.sampled_from(["/status", "", "/x"])},
        ),
        max_size=3,
    ).map(lambda operations: json.dumps(operations).encode())
)  # fmt: skip
def test_any_bytes_are_a_patched_resource_or_a_refusal(body: bytes) -> None:
    for apply in (apply_json_patch, apply_xml_patch):
        try:
            found: DocumentReference | SocleError = apply(DOCUMENT, body)
        except SocleError as refusal:
            found = refusal
        assert isinstance(found, DocumentReference | SocleError)


@settings(max_examples=200)
@given(
    st.text()
    | st.lists(
        st.sampled_from([*["Organization", "name", ".", "(", ")", "[", "0", "]", "where", "'", "=", "and", "telecom"]])
    ).map(" ".join)
)
def test_any_expression_is_places_or_a_refusal(expression: str) -> None:
    tree = {"resourceType": "Organization", "name": "x", "telecom": [{"value": "a"}]}
    try:
        found: list[Any] | SocleError = locate(tree, expression)
    except SocleError as refusal:
        found = refusal
    assert isinstance(found, list | SocleError)
    assert Organization(name="x").name == "x"


def patch_organization(organization: Organization, *operations: dict[str, Any]) -> Organization:
    parameters = [
        {"name": "operation", "part": [{"name": name} | value for name, value in operation.items()]}
        for operation in operations
    ]
    body = json.dumps({"resourceType": "Parameters", "parameter": parameters}).encode()
    return apply_fhirpath_patch(organization, decode_json(body, Parameters))


def test_an_insertion_into_a_list_that_is_not_there_yet_makes_it() -> None:
    point = {"valueContactPoint": {"system": "email", "value": "a@b.fr"}}
    patched = patch_organization(
        Organization(), operation("insert", "Organization.telecom", index={"valueInteger": 0}, value=point)
    )
    assert [point.value for point in patched.telecom] == ["a@b.fr"]
    with pytest.raises(InvalidContent):  # position 1 of an empty list
        patch_organization(
            Organization(), operation("insert", "Organization.telecom", index={"valueInteger": 1}, value=point)
        )
    with pytest.raises(InvalidContent):  # name is no list
        patch_organization(
            Organization(),
            operation("insert", "Organization.name", index={"valueInteger": 0}, value={"valueString": "x"}),
        )


def test_the_value_of_a_contact_point_is_not_a_choice() -> None:
    organization = Organization(telecom=(ContactPoint(system="email", value="a@b.fr"),))
    path = "Organization.telecom.where(value = 'a@b.fr')"
    replaced = patch_organization(organization, operation("replace", f"{path}.value", value={"valueString": "c@d.fr"}))
    assert replaced.telecom == (ContactPoint(system="email", value="c@d.fr"),)
    emptied = Organization(telecom=(ContactPoint(system="email"),))
    added = patch_organization(
        emptied,
        operation("add", "Organization.telecom[0]", name={"valueString": "value"}, value={"valueString": "e@f.fr"}),
    )
    assert added.telecom == (ContactPoint(system="email", value="e@f.fr"),)
    parts = {"part": [{"name": "system", "valueCode": "email"}, {"name": "value", "valueString": "g@h.fr"}]}
    built = patch_organization(
        organization, operation("insert", "Organization.telecom", index={"valueInteger": 1}, value=parts)
    )
    assert [point.value for point in built.telecom] == ["a@b.fr", "g@h.fr"]
