import pytest
from hypothesis import given
from hypothesis import strategies as st

from socle.standards.errors import MalformedInput
from socle.standards.ids import oids
from socle.standards.ids.ins import OID_NIR, OID_NIR_TEST, Ins, is_valid_matricule, key_of
from socle.standards.ids.luhn import is_luhn, luhn_key
from socle.standards.ids.national import (
    PersonIdType,
    PsIdNat,
    StructIdNat,
    StructureIdType,
    is_test_rpps,
    parse_adeli,
    parse_finess,
    parse_rpps,
    parse_siren,
    parse_siret,
)


@pytest.mark.parametrize(
    ("number", "key"),
    [
        ("297022A020778", "78"),
        ("160012B020777", "13"),
        ("180032B020401", "23"),
        ("2751263220749", "74"),
        ("2790351215189", "89"),
    ],
)
def test_keys_of_the_official_test_matricules_are_found(number, key):
    assert key_of(number) == key


@pytest.mark.parametrize(
    "matricule",
    [
        "284076938304258",
        "284076938314255",
        "155027511036338",
        "192032A00411874",
        "160112B03305718",
        "188059741105715",
        "270119913120325",
        "226034410908845",
        "795039935101462",
        "219047511427110",
    ],
)
def test_a_valid_matricule_with_one_digit_changed_is_refused(matricule):
    assert is_valid_matricule(matricule)
    last = str((int(matricule[12]) + 1) % 10)
    assert not is_valid_matricule(matricule[:12] + last + matricule[13:])


def test_a_typed_production_matricule_must_have_its_key_but_a_test_one_may_not():
    wrong_key = "2210425456114" + "04"
    with pytest.raises(MalformedInput):
        Ins.typed(wrong_key, OID_NIR)
    assert Ins.typed(wrong_key, OID_NIR_TEST) == Ins(wrong_key, OID_NIR_TEST)


def test_the_calculated_ins_is_refused():
    with pytest.raises(MalformedInput):
        Ins.from_cx(f"284076938304258^^^&{oids.INS_C}&ISO^NH")


@given(st.text(max_size=80))
def test_any_text_is_an_ins_or_a_refusal(text):
    for read in (Ins.from_cx, lambda value: Ins.typed(value, OID_NIR), lambda value: Ins.typed(value, OID_NIR_TEST)):
        try:
            assert isinstance(read(text), Ins)
        except MalformedInput:
            continue
    is_valid_matricule(text)


@given(st.from_regex(r"[1-8][0-9A-B]{14}", fullmatch=True))
def test_letters_anywhere_in_a_matricule_never_crash(text):
    is_valid_matricule(text)


@pytest.mark.parametrize("rpps", ["99700218896", "99700366240", "10000001916", "10109876549", "99700987656"])
def test_published_rpps_pass_the_luhn_key(rpps):
    assert parse_rpps(rpps) == rpps
    with pytest.raises(MalformedInput):
        parse_rpps(rpps[:-1] + str((int(rpps[-1]) + 1) % 10))


@pytest.mark.parametrize("finess", ["750987653", "690987656", "2A0000014", "2B0000020", "2A0987657", "0B0172805"])
def test_published_finess_pass_the_luhn_key_with_letters_read_as_digits(finess):
    assert is_luhn(parse_finess(finess))


def test_test_finess_of_a_legal_entity_and_test_adeli_are_read_though_their_keys_are_wrong():
    assert parse_finess("1B0062023") == "1B0062023"
    assert not is_luhn("1B0062023")
    assert parse_adeli("0B6087510") == "0B6087510"


def test_siret_of_la_poste_have_their_own_key():
    assert not is_luhn("35600000000049")
    assert parse_siret("35600000000048") == "35600000000048"
    assert parse_siret("35600000009075") == "35600000009075"
    with pytest.raises(MalformedInput):
        parse_siret("35600000009076")


def test_invented_company_numbers_pass():
    assert parse_siren("919 876 540") == "919876540"
    assert parse_siret("91987654000015") == "91987654000015"
    with pytest.raises(MalformedInput):
        parse_siren("901234568")


@given(st.from_regex(r"[0-9]{1,20}", fullmatch=True))
def test_a_number_with_its_key_appended_passes_and_no_other_key_does(number):
    right = luhn_key(number)
    assert [digit for digit in "0123456789" if is_luhn(number + digit)] == [right]


def test_test_rpps_are_told_apart():
    assert is_test_rpps("99700987656")
    assert not is_test_rpps("10109876549")


@pytest.mark.parametrize(
    ("text", "kind", "number", "internal"),
    [
        ("810109876549", PersonIdType.RPPS, "10109876549", ""),
        ("00B6087510", PersonIdType.ADELI, "0B6087510", ""),
        ("30B0057881/CPET0002", PersonIdType.FINESS, "0B0057881", "CPET0002"),
        ("500000001815646/CPAT00045", PersonIdType.SIRET, "00000001815646", "CPAT00045"),
        ("3750100125/1453", PersonIdType.FINESS, "750100125", "1453"),
    ],
)
def test_seen_person_identifiers_are_read_and_written_back(text, kind, number, internal):
    assert PsIdNat.parse(text) == PsIdNat(kind, number, internal)
    assert str(PsIdNat.parse(text)) == text


@pytest.mark.parametrize("text", ["1750987653", "2901234567", "390123456700013", "410109876549001", "4109876"])
def test_seen_structure_identifiers_are_read_and_written_back(text):
    assert str(StructIdNat.parse(text)) == text


@given(st.text(max_size=60) | st.from_regex(r"[0-9]{1}[0-9AB]{5,14}(/[A-Z0-9]{1,9})?", fullmatch=True))
def test_any_text_is_a_national_identifier_or_a_refusal(text):
    for parse in (PsIdNat.parse, StructIdNat.parse):
        try:
            assert str(parse(text)) == text
        except MalformedInput:
            continue
    for parse in (parse_rpps, parse_adeli, parse_finess, parse_siren, parse_siret):
        try:
            parse(text)
        except MalformedInput:
            continue


def test_the_prefixes_of_the_national_table_are_all_there():
    assert {kind.value for kind in PersonIdType} == set("0134568")
    assert {kind.value for kind in StructureIdType} == set("01234")


def test_every_oid_of_the_table_is_listed_once_and_well_formed():
    listed = [row.oid for row in oids.TABLE]
    assert len(listed) == len(set(listed))
    assert all(part == str(int(part)) for oid in listed for part in oid.split("."))
    constants = {value for name, value in vars(oids).items() if name.isupper() and isinstance(value, str)}
    assert constants <= set(listed)
