"""Headers: real ones are read whole, built ones come back as they were."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socle.standards.cda.build import write_header
from socle.standards.cda.build.frame import DOCUMENT_MODELS, Frame, header_of
from socle.standards.cda.build.writer import to_bytes
from socle.standards.cda.datatypes import Address, Concept, Identifier, Interval, Moment, NamePart, PersonName, Telecom
from socle.standards.cda.document import open_document
from socle.standards.cda.header import (
    Assigned,
    Guardian,
    Informant,
    Order,
    Organization,
    Patient,
    ServiceEvent,
    Signatory,
    read_header,
)
from socle.standards.errors import InvalidContent, MalformedInput


def test_every_example_has_a_patient_with_ins_an_author_and_a_type(example: bytes) -> None:
    header = read_header(example)
    assert header.patient.ins is not None
    assert header.patient.birth_family
    assert header.patient.first_birth_given
    assert header.authors
    assert header.legal_authenticator is not None
    assert header.code is not None
    assert header.code.code
    assert header.id is not None
    assert header.main_event is not None
    assert header.encounter is not None
    assert header.encounter.facility is not None


def test_the_discharge_letter_is_read_trait_by_trait(examples: dict[str, bytes]) -> None:
    header = read_header(examples["LDL-SES_2022.01.xml"])
    patient = header.patient
    assert (patient.birth_family, patient.used_family) == ("PAT-TROIS", "PAT-TROIS")
    assert patient.birth_given_names == "DOMINIQUE MARIE-LOUISE"
    assert (patient.first_birth_given, patient.used_given) == ("DOMINIQUE", "DOMINIQUE")
    assert (patient.birth_place, patient.birth_place_name) == ("51215", "DOMPREMY")
    assert patient.local_id == Identifier("1.2.3.4.567.8.9.10", "1234567890121")
    assert [informant.role for informant in header.informants] == ["ECON", "NOK"]
    assert [recipient.name.family for recipient in header.recipients] == ["BOILEAU", "DUCOUT"]
    assert header.custodian is not None
    assert header.custodian.name == "Hôpital Européen Georges Pompidou"
    assert header.participants[0].function == Concept("PCP", "2.16.840.1.113883.5.88", "Médecin Traitant")
    assert [template.root for template in header.models] == ["1.2.250.1.213.1.1.1.29"]


def test_a_self_presentable_document_is_read_without_its_style_sheet(examples: dict[str, bytes]) -> None:
    document = open_document(examples["BIO-CR-BIO_2021.01_Auto-Presentable.xml"])
    assert document.is_self_presentable
    assert document.mime_type == "application/xslt+xml"
    assert read_header(document).title == "Compte rendu d'examens biologiques"


@pytest.mark.parametrize("source", [b"<html/>", b'<ClinicalDocument xmlns="urn:other"/>'])
def test_what_is_not_a_cda_is_refused_by_its_name(source: bytes) -> None:
    with pytest.raises(InvalidContent) as refusal:
        open_document(source)
    assert refusal.value.code == "NotCDA"


def test_a_document_type_declaration_is_refused() -> None:
    with pytest.raises(MalformedInput) as refusal:
        open_document(b'<!DOCTYPE a [<!ENTITY b "c">]><ClinicalDocument xmlns="urn:hl7-org:v3">&b;</ClinicalDocument>')
    assert refusal.value.code == "XMLDoctypeRefused"


def test_an_empty_document_gives_an_empty_header() -> None:
    header = read_header(b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>')
    assert header.id is None
    assert header.patient == Patient()
    assert header.main_event is None


@pytest.mark.parametrize(
    ("text", "dtm"),
    [
        ("20240405103000+0200", "20240405083000"),
        ("202404051030+0200", "202404050830"),
        ("20240405", "20240405"),
        ("2024", "2024"),
        ("20240101003000+0100", "20231231233000"),
        ("20240701120000", "20240701100000"),
        ("20240701120000.125+0000", "20240701120000"),
    ],
)
def test_a_moment_becomes_utc_and_keeps_its_precision(text: str, dtm: str) -> None:
    assert Moment(text).to_dtm() == dtm


@pytest.mark.parametrize("text", ["", "hier", "20241301", "20240230", "20240405250000", "2024040510+9900"])
def test_a_moment_that_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(MalformedInput):
        Moment(text).to_dtm()


_WORDS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZéèç-'&<>\"", min_size=1, max_size=12).map(lambda text: f"a{text}z")
_DIGITS = st.text("123456789", min_size=1, max_size=6)
_OIDS = st.lists(_DIGITS, min_size=1, max_size=4).map(lambda arcs: "1.2." + ".".join(arcs))
_IDENTIFIERS = st.builds(Identifier, _OIDS, st.one_of(st.just(""), _WORDS))
_CONCEPTS = st.builds(Concept, _WORDS, _OIDS, _WORDS)
_ADDRESSES = st.one_of(
    st.just(Address()),
    st.builds(Address, lines=st.lists(_WORDS, min_size=1, max_size=3).map(tuple), use=st.sampled_from(["", "H"])),
    st.builds(lambda city: Address(parts=(("postalCode", "75014"), ("city", city)), use="WP"), _WORDS),
)
_TELECOMS = st.lists(st.builds(Telecom, _DIGITS.map("tel:{}".format), st.sampled_from(["", "WP"])), max_size=2).map(
    tuple
)
_NAMES = st.builds(
    PersonName,
    families=st.lists(st.builds(NamePart, _WORDS, st.sampled_from(["", "BR", "CL"])), min_size=1, max_size=2).map(
        tuple
    ),
    givens=st.lists(st.builds(NamePart, _WORDS, st.sampled_from(["", "BR", "CL"])), max_size=3).map(tuple),
    prefix=st.sampled_from(["", "M"]),
    suffix=st.sampled_from(["", "DR"]),
)
_ORGANIZATIONS = st.builds(
    Organization, id=st.none() | _IDENTIFIERS, name=_WORDS, address=_ADDRESSES, telecoms=_TELECOMS
)
_ASSIGNED = st.builds(
    Assigned,
    ids=st.lists(_IDENTIFIERS, min_size=1, max_size=2).map(tuple),
    profession=st.none() | _CONCEPTS,
    name=_NAMES,
    organization=st.none() | _ORGANIZATIONS,
    address=_ADDRESSES,
    telecoms=_TELECOMS,
)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_written_header_is_read_back_equal(frame: Frame, data: st.DataObject) -> None:
    base = header_of(frame, DOCUMENT_MODELS["VSM"])
    patient = msgspec.structs.replace(
        base.patient,
        name=data.draw(_NAMES),
        address=data.draw(_ADDRESSES),
        telecoms=data.draw(_TELECOMS),
        guardians=tuple(Guardian(name=name) for name in data.draw(st.lists(_NAMES, max_size=2))),
        is_deceased=data.draw(st.booleans()),
    )
    recipient = msgspec.structs.replace(data.draw(_ASSIGNED), profession=None)
    header = msgspec.structs.replace(
        base,
        title=data.draw(_WORDS),
        id=data.draw(_IDENTIFIERS),
        patient=patient,
        custodian=data.draw(_ORGANIZATIONS),
        recipients=(recipient,),
        informants=(Informant(data.draw(_ASSIGNED)),),
        legal_authenticator=Signatory(data.draw(_ASSIGNED), Moment("20240405")),
        orders=(Order(ids=(data.draw(_IDENTIFIERS),), accession_numbers=(data.draw(_IDENTIFIERS),)),),
        service_events=(
            *base.service_events,
            ServiceEvent(
                code=data.draw(_CONCEPTS),
                time=Interval(low=Moment("2023")),
                performer=data.draw(_ASSIGNED),
                performed=Interval(low=Moment("20230101"), high=Moment("20230102")),
            ),
        ),
    )
    read = read_header(to_bytes(write_header(header)))
    assert _without_names_of_systems(read) == _without_names_of_systems(header)


def _without_names_of_systems(value: object) -> object:
    """``codeSystemName`` is decoration that the writer adds."""
    if isinstance(value, Concept):
        value = msgspec.structs.replace(value, system_name="")
    if isinstance(value, msgspec.Struct):
        fields = {name: _without_names_of_systems(getattr(value, name)) for name in value.__struct_fields__}
        return (type(value).__name__, tuple(fields.items()))
    return tuple(_without_names_of_systems(each) for each in value) if isinstance(value, tuple) else value
