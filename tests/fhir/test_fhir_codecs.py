"""Any resource survives JSON and XML; anything else is refused with the place named."""

from __future__ import annotations

import functools
import json
import string
import time
import typing
from decimal import Decimal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from socle.standards.errors import MalformedInput, SocleError, TooLarge
from socle.standards.fhir import primitives as p
from socle.standards.fhir import shape, xml_codec
from socle.standards.fhir.json_codec import decode_json, encode_json, from_tree, to_tree
from socle.standards.fhir.primitives import choice_fields
from socle.standards.fhir.resources import Bundle, Observation, Patient, Resource
from socle.standards.fhir.shape import RESOURCE_TYPES
from socle.standards.fhir.types import CodeableConcept, Element, Extension, HumanName, Quantity
from socle.standards.fhir.xml_codec import decode_xml, encode_xml

MODEST = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
TEXT = st.text("abé <>&\"'\t0|€😀", min_size=1, max_size=8).filter(str.strip)
SAMPLES: list[tuple[object, st.SearchStrategy[object]]] = [
    (p.Boolean, st.booleans()),
    (p.Integer, st.integers(-(2**31), 2**31 - 1)),
    (p.UnsignedInt, st.integers(0, 2**31 - 1)),
    (p.PositiveInt, st.integers(1, 2**31 - 1)),
    (p.Decimal, st.decimals(-(10**9), 10**9, places=3)),
    (p.String, TEXT),
    (p.Code, st.sampled_from(["a", "a b", "é-1"])),
    (p.Id, st.text(string.ascii_letters + string.digits + "-.", min_size=1, max_size=64)),
    (p.Uri, st.sampled_from(["urn:oid:1.2", "http://exemple.fr/é?a=b|c", "#x"])),
    (p.Oid, st.just("urn:oid:1.2.250.1")),
    (p.Uuid, st.uuids().map(lambda value: f"urn:uuid:{value}")),
    (p.Date, st.sampled_from(["2026", "2026-03", "2026-03-02"])),
    (p.DateTime, st.sampled_from(["2026", "2026-03-02T08:15:00Z", "2026-03-02T08:15:00.123+02:00"])),
    (p.Instant, st.just("2026-03-02T08:15:00Z")),
    (p.Time, st.just("08:15:00")),
    (p.Base64Binary, st.binary(min_size=1, max_size=9)),
    (p.Xhtml, st.just("<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>L'été &amp; <b>l'hiver</b></p></div>")),
]


@st.composite
def structs(draw: st.DrawFn, cls: type[typing.Any], depth: int = 3) -> typing.Any:
    """A ``cls`` with what it requires and a few more of its elements, none empty."""
    slots = {slot.field: slot for slot in shape.slots(cls).values()}
    hints = _hints(cls)
    chosen = draw(st.sets(st.sampled_from(list(slots)), max_size=4)) if depth > 0 else set()
    chosen |= _required(cls)
    for choice in _choices(cls):
        alternatives = choice_fields(cls, choice)
        chosen -= set(alternatives)
        simple = [field for field in alternatives if slots[field].kind is shape.Kind.PRIMITIVE]
        chosen.add(draw(st.sampled_from(simple if simple and depth <= 0 else alternatives)))
    values: dict[str, typing.Any] = {}
    for field in slots:
        if field not in chosen:
            continue
        slot = slots[field]
        one = _values(slot, hints[field], depth)
        values[field] = draw(st.lists(one, min_size=1, max_size=2).map(tuple) if slot.is_repeated else one)
        if slot.extra and draw(st.integers(0, 4)) == 0:
            extra = Element(id="e", extension=(Extension(url="urn:x", value_string="é"),))
            values[slot.extra] = (*(None,) * (len(values[field]) - 1), extra) if slot.is_repeated else extra
    if not values and not issubclass(cls, Resource):
        values["id"] = "x"
    return cls(**values)


@functools.cache
def _hints(cls: type[typing.Any]) -> dict[str, typing.Any]:
    return typing.get_type_hints(cls, include_extras=True)


@functools.cache
def _required(cls: type[typing.Any]) -> frozenset[str]:
    tail = zip(reversed(cls.__struct_fields__), reversed(cls.__struct_defaults__), strict=False)
    return frozenset(cls.__struct_fields__) - {field for field, default in tail if default is not msgspec.NODEFAULT}


def _choices(cls: type[typing.Any]) -> tuple[str, ...]:
    constants = cls.__post_init__.__code__.co_consts if "__post_init__" in cls.__dict__ else ()
    return next((names for names in constants if isinstance(names, tuple)), ())


def _values(slot: shape.Slot, hint: typing.Any, depth: int) -> st.SearchStrategy[typing.Any]:
    if slot.kind is shape.Kind.COMPLEX:
        return structs(slot.type, depth - 1)
    if slot.kind is shape.Kind.RESOURCE:
        return structs(Patient, depth - 1)
    inner = (
        typing.get_args(hint)[0] if typing.get_origin(hint) is tuple or type(None) in typing.get_args(hint) else hint
    )
    if typing.get_origin(inner) is typing.Literal:
        return st.sampled_from(typing.get_args(inner))
    return next(strategy for kind, strategy in SAMPLES if kind == inner)


ANY_RESOURCE = st.sampled_from(list(RESOURCE_TYPES.values())).flatmap(structs)


@MODEST
@given(ANY_RESOURCE)
def test_a_resource_comes_back_from_json(resource: Resource) -> None:
    assert decode_json(encode_json(resource)) == resource
    assert from_tree(to_tree(resource), type(resource)) == resource


@MODEST
@given(ANY_RESOURCE)
def test_a_resource_comes_back_from_xml(resource: Resource) -> None:
    assert decode_xml(encode_xml(resource)) == resource


def outcome(decode: typing.Callable[[bytes], Resource], body: bytes) -> Resource | SocleError:
    try:
        return decode(body)
    except SocleError as refusal:
        return refusal


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["resourceType", "id", "name", "extension", "url", "text"]), inner)
    ),
)


@MODEST
@given(st.binary() | st.text().map(str.encode) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_resource_or_a_refusal(body: bytes) -> None:
    for decode in (decode_json, decode_xml):
        assert isinstance(outcome(decode, body), Resource | SocleError)


@MODEST
@given(ANY_RESOURCE, st.data())
def test_a_damaged_resource_is_a_resource_or_a_refusal(resource: Resource, data: st.DataObject) -> None:
    for encode, decode in ((encode_json, decode_json), (encode_xml, decode_xml)):
        body = bytearray(encode(resource))
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=3) | st.just(b'"') | st.just(b"<"))
        assert isinstance(outcome(decode, bytes(body)), Resource | SocleError)


@pytest.mark.parametrize(
    ("body", "code", "location"),
    [
        ('{"resourceType":"Patient","naem":1}', "FHIRUnknownElement", "Patient.naem"),
        ('{"resourceType":"Patient","contact":[{"a":1}]}', "FHIRUnknownElement", "Patient.contact[0].a"),
        ('{"resourceType":"Patient","gender":"x"}', "FHIRCode", "Patient.gender"),
        ('{"resourceType":"Patient","birthDate":"02/03/2026"}', "FHIRValue", "Patient.birthDate"),
        ('{"resourceType":"Patient","name":[{"family":1}]}', "FHIRValue", "Patient.name[0].family"),
        ('{"resourceType":"Patient","active":null}', "FHIRJson", "active"),
        ('{"resourceType":"Patient","name":[]}', "FHIRJson", "name"),
        ('{"resourceType":"Patient","id":"a","id":"b"}', "FHIRJson", "id"),
        ('{"resourceType":"Patient","name":[{"given":["a",null]}]}', "FHIRValue", "Patient.name[0].given[1]"),
        ('{"resourceType":"Sorcerer"}', "FHIRUnknownResource", "Sorcerer.resourceType"),
        ('{"resourceType":"Bundle"}', "FHIRMissingElement", "Bundle.type"),
        (
            '{"resourceType":"Patient","extension":[{"url":"u","valueString":"a","valueCode":"b"}]}',
            "FHIRChoice",
            "Patient.extension[0]",
        ),
        (
            '{"resourceType":"Observation","status":"final","code":{"text":"a"},"valueQuantity":{"value":"NaN"}}',
            "FHIRValue",
            "Observation.valueQuantity",
        ),
        (
            '{"resourceType":"MedicationRequest","status":"active","intent":"order","subject":{"display":"x"}}',
            "FHIRMissingElement",
            "MedicationRequest.medication[x]",
        ),
        ("[1]", "FHIRValue", "Resource"),
    ],
)
def test_json_that_is_not_fhir_is_refused_with_its_place(body: str, code: str, location: str) -> None:
    with pytest.raises(MalformedInput) as refusal:
        decode_json(body.encode())
    assert (refusal.value.code, refusal.value.location) == (code, location)


@pytest.mark.parametrize(
    ("inside", "code", "location"),
    [
        ("<naem/>", "FHIRUnknownElement", "Patient.naem"),
        ("<gender value='male'/><gender value='male'/>", "FHIRRepeated", "Patient.gender"),
        ("<birthDate value='2026'/><gender value='male'/>", "FHIROrder", "Patient.gender"),
        ("<gender/>", "FHIREmpty", "Patient.gender"),
        ("<name/>", "FHIREmpty", "Patient.name[0]"),
        (
            "<name><given value='a'/><given valeur='a'/></name>",
            "FHIRUnknownElement",
            "Patient.name[0].given[1].@valeur",
        ),
        ("texte", "FHIRText", "Patient"),
        ("<active value='oui'/>", "FHIRValue", "Patient.active"),
        ("<contained><Nobody/></contained>", "FHIRUnknownResource", "Patient.contained[0]"),
        ("<x:active xmlns:x='urn:x' value='true'/>", "FHIRUnknownElement", "Patient.active"),
    ],
)
def test_xml_that_is_not_fhir_is_refused_with_its_place(inside: str, code: str, location: str) -> None:
    with pytest.raises(MalformedInput) as refusal:
        decode_xml(f'<Patient xmlns="http://hl7.org/fhir">{inside}</Patient>'.encode())
    assert (refusal.value.code, refusal.value.location) == (code, location)


def test_a_decimal_keeps_its_digits() -> None:
    body = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"Poids"},'
        b'"valueQuantity":{"value":70.50,"unit":"kg"}}'
    )
    observation = decode_json(body, Observation)
    assert observation.value_quantity == Quantity(value=Decimal("70.50"), unit="kg")
    assert encode_json(observation) == body
    assert b'<value value="70.50"/>' in encode_xml(observation)


def test_the_extensions_of_primitives_survive_a_change_of_format() -> None:
    patient = Patient(
        name=(
            HumanName(
                given=("Anne", "Lise"),
                given_element=(None, Element(extension=(Extension(url="urn:rang", value_positive_int=2),))),
            ),
        ),
        birth_date_element=Element(extension=(Extension(url="urn:absent", value_code="unknown"),)),
    )
    assert decode_xml(encode_xml(decode_json(encode_json(patient))), Patient) == patient
    assert b'"_birthDate":{"extension"' in encode_json(patient)


def test_elements_come_out_in_the_order_of_the_specification() -> None:
    observation = Observation(code=CodeableConcept(text="x"), id="1", status="final", language="fr-FR")
    assert list(json.loads(encode_json(observation))) == ["resourceType", "id", "language", "status", "code"]
    root = xml_codec.parse(encode_xml(observation))
    assert [xml_codec.etree.QName(child).localname for child in root] == ["id", "language", "status", "code"]


@pytest.mark.parametrize(
    "bomb",
    [
        b'{"resourceType":"Patient","extension":' + b'[{"url":"a","extension":' * 50_000,
        b"[" * 1_000_000,
        b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 1_000_000 + b"}",
        b'{"resourceType":"Observation","status":"final","code":{"text":"a"},"valueQuantity":{"value":1e999999999}}',
        b'{"resourceType":"Patient",' + b'"id":"a",' * 100_000 + b'"id":"b"}',
        b'{"resourceType":"Patient","id":"\\ud800"}',
        b'<Patient xmlns="http://hl7.org/fhir">' + b"<extension>" * 10_000,
        b'<!DOCTYPE a [<!ENTITY a "aaaa">]><Patient xmlns="http://hl7.org/fhir"/>',
    ],
    ids=["deep", "deeper", "huge integer", "huge exponent", "many keys", "surrogate", "deep XML", "entity"],
)
def test_a_bomb_is_refused_fast(bomb: bytes) -> None:
    started = time.perf_counter()
    for decode in (decode_json, decode_xml):
        try:
            resource = decode(bomb)
        except (MalformedInput, TooLarge):
            continue
        assert len(encode_json(resource)) < 1000
    assert time.perf_counter() - started < 2.0


def test_small_json_that_makes_many_values_is_refused_before_they_are_values() -> None:
    with pytest.raises(TooLarge) as refused:
        decode_json(b'{"resourceType":"Bundle","type":"batch","entry":[' + b"{}," * 700_000 + b"{}]}")
    assert refused.value.code == "FHIRTooManyValues"


def test_a_resource_of_another_type_than_asked_is_refused() -> None:
    for body, decode in (
        (b'{"resourceType":"Patient"}', decode_json),
        (b'<Patient xmlns="http://hl7.org/fhir"/>', decode_xml),
    ):
        with pytest.raises(MalformedInput):
            decode(body, Bundle)
