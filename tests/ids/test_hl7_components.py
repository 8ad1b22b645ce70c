import pytest
from hypothesis import given
from hypothesis import strategies as st

from socle.standards.errors import MalformedInput
from socle.standards.ids.hl7 import Cx, Xcn, Xon, escape, unescape
from socle.standards.ids.ins import Ins

texts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20).map(str.strip)
# A reader trims the component, so that outer white space never survives.
words = st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"]), min_size=1, max_size=20)
oid_texts = st.lists(st.integers(0, 99999), min_size=1, max_size=8).map(lambda arcs: "1." + ".".join(map(str, arcs)))
xcns = st.builds(
    Xcn,
    id=words,
    family=texts,
    given=texts,
    authority=oid_texts,
    name_type=st.sampled_from("DU"),
    id_type=st.sampled_from(["IDNPS", "EI", "RI", "NH"]),
    namespace=texts,
)
xons = st.builds(Xon, name=texts, id=words, authority=oid_texts, id_type=st.sampled_from(["IDNST", "SIREN"]))
cxs = st.builds(
    Cx,
    id=words,
    authority=oid_texts | st.just(""),
    id_type=st.sampled_from(["NH", "PI", "INS", "urn:ihe:iti:xds:2013:accession"]),
    start=st.sampled_from(["", "20250304"]),
    end=st.sampled_from(["", "20260304"]),
)


@given(xcns)
def test_a_person_written_then_read_is_the_same(person):
    assert Xcn.parse(person.encode()) == person


@given(xons)
def test_a_structure_written_then_read_is_the_same(structure):
    assert Xon.parse(structure.encode()) == structure


@given(cxs)
def test_an_identifier_written_then_read_is_the_same(identifier):
    assert Cx.parse(identifier.encode()) == identifier


@given(st.text(max_size=60))
def test_escaping_is_undone_by_unescaping(text):
    assert unescape(escape(text)) == text
    assert not set("^&~|") & set(escape(text))


@given(st.text(max_size=200) | st.text("^&~|\\EFSTR1.ISO", max_size=60))
def test_any_text_is_a_component_or_a_refusal(text):
    for kind in (Xcn, Xon, Cx):
        try:
            value = kind.parse(text)
        except MalformedInput:
            continue
        assert kind.parse(value.encode()) == value


def test_the_examples_of_the_profile_are_written_caret_for_caret():
    assert (
        Xcn(id="3750100125/1453", family="LOGICIEL", given="V2", name_type="U", id_type="RI").encode()
        == "3750100125/1453^LOGICIEL^V2^^^^^^&1.2.250.1.71.4.2.1&ISO^U^^^RI"
    )
    assert (
        Xon(name="SERVICE", id="919876540", authority="1.3.2", id_type="SIREN").encode()
        == "SERVICE^^^^^&1.3.2&ISO^SIREN^^^919876540"
    )
    ins = Ins("284076938304258", "1.2.250.1.213.1.4.10")
    assert Cx(id=ins.matricule, authority=ins.oid, id_type="NH").encode() == ins.to_cx()


def test_hl7_v2_namespaces_are_read():
    person = Xcn.parse("810109876549^MARCHAND^CAMILLE^^^^^^ASIP-SANTE-PS&1.2.250.1.71.4.2.1&ISO^D^^^IDNPS")
    assert (person.namespace, person.authority) == ("ASIP-SANTE-PS", "1.2.250.1.71.4.2.1")
    ins = Cx.parse("284076938304258^^^ASIP-SANTE-INS-NIR&1.2.250.1.213.1.4.10&ISO^INS^^20250304")
    assert (ins.authority, ins.id_type, ins.start) == ("1.2.250.1.213.1.4.10", "INS", "20250304")
    local = Cx.parse("000003^^^CHU-X&000897406&N^PI")
    assert (local.id, local.namespace, local.authority) == ("000003", "CHU-X", "")


def test_a_structure_known_by_name_alone_is_its_name():
    assert Xon.parse("CABINET").encode() == "CABINET"


def test_a_component_of_two_thousand_and_one_characters_is_refused():
    with pytest.raises(MalformedInput):
        Xcn.parse("1" * 2001)
