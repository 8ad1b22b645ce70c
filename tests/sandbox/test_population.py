from collections import Counter
from hashlib import sha256

import msgspec
import pytest

from socle.sandbox import cast
from socle.sandbox.places import all_places, place_of
from socle.sandbox.population import REFERENCE_DAY, invent_population
from socle.standards.ids.ins import OID_NIR_TEST, is_valid_matricule
from socle.standards.ids.luhn import is_luhn
from socle.standards.ids.national import PsIdNat, StructIdNat, is_test_rpps
from socle.standards.ids.traits import Traits

PROFESSIONS = {
    *("10", "21", "26", "28", "31", "32", "35", "36", "37", "38", "39", "40", "50", "60", "69", "70", "80", "81"),
    *("82", "83", "84", "85", "86", "91", "92", "93", "94", "95", "96", "98"),
}


@pytest.fixture(scope="module")
def population():
    return invent_population(4000, 3)


def age(patient) -> int:
    born = patient.person.traits.birth_date
    return REFERENCE_DAY.year - int(born[:4]) - (born[5:] > "01-01")


def test_the_same_seed_gives_the_same_people_byte_for_byte():
    encoded = msgspec.json.encode(invent_population(300, 1))
    assert encoded == msgspec.json.encode(invent_population(300, 1))
    assert encoded != msgspec.json.encode(invent_population(300, 2))
    # Written down, so that a change of the generator is seen: the demos of others would meet other people.
    assert sha256(encoded).hexdigest()[:16] == "47b952f1d4f9890d"


def test_every_number_is_valid_and_borne_by_one_person(population):
    invented = population.patients[len(cast.PATIENTS) :]
    assert all(is_valid_matricule(patient.ins.matricule) for patient in invented)
    assert {patient.ins.oid for patient in population.patients} == {OID_NIR_TEST}
    assert len({patient.ins for patient in population.patients}) == 4000
    rpps = [person.rpps for person in population.professionals if person.rpps]
    assert all(is_luhn(number) for number in rpps)
    assert len(rpps) == len(set(rpps))
    named = {person.id_nat for person in cast.PROFESSIONALS}
    assert all(is_test_rpps(p.rpps) for p in population.professionals if p.id_nat not in named)
    finess = [structure.finess for structure in population.structures if structure.finess]
    assert all(is_luhn(number) for number in finess)
    assert len(finess) == len(set(finess))


def test_every_national_identifier_can_be_read(population):
    assert all(str(PsIdNat.parse(person.id_nat)) == person.id_nat for person in population.professionals)
    assert all(str(StructIdNat.parse(one.id_nat)) == one.id_nat for one in population.structures)


def test_a_matricule_says_sex_year_month_and_place_of_birth(population):
    for patient in population.patients[len(cast.PATIENTS) :]:
        traits, number = patient.person.traits, patient.ins.matricule
        assert number[0] == {"M": "1", "F": "2"}[traits.sex]
        assert number[1:5] == traits.birth_date[2:4] + traits.birth_date[5:7]
        place = traits.birth_place
        corsica = place[:2] in ("2A", "2B") and traits.birth_date < "1976"
        assert number[5:10] == ("20" + place[2:] if corsica else place)


def test_traits_are_already_as_the_rniv_normalises_them(population):
    for patient in population.patients[:1500]:
        traits = patient.person.traits
        again = Traits.of(
            traits.birth_name,
            traits.given_names,
            traits.sex,
            traits.birth_date,
            traits.birth_place,
            used_name=traits.used_name,
            used_given_name=traits.used_given_name,
        )
        assert again == traits


def test_ages_follow_the_pyramid_of_france(population):
    shares = Counter(min(age(patient) // 20, 4) for patient in population.patients)
    for group, expected in enumerate((0.23, 0.236, 0.256, 0.216, 0.062)):
        assert abs(shares[group] / 4000 - expected) < 0.03
    women_over_80 = [p.person.traits.sex for p in population.patients if age(p) >= 80]
    assert women_over_80.count("F") > 0.55 * len(women_over_80)


def test_nearly_every_minor_has_a_parent_who_was_an_adult(population):
    by_ins = {patient.ins: patient for patient in population.patients}
    minors = [patient for patient in population.patients if age(patient) < 18]
    assert sum(bool(minor.guardians) for minor in minors) > 0.95 * len(minors)
    for minor in minors:
        for guardian in minor.guardians:
            assert age(by_ins[guardian]) - age(minor) >= 17
            assert by_ins[guardian].commune == minor.commune
    assert all(age(patient) < 18 for patient in population.patients if patient.guardians)
    families = Counter(minor.guardians for minor in minors if minor.guardians)
    assert max(families.values()) >= 2
    assert Counter(map(len, families))[2] > Counter(map(len, families))[1] * 0.5


def test_a_partner_is_partner_in_return(population):
    by_ins = {patient.ins: patient for patient in population.patients}
    couples = [patient for patient in population.patients if patient.partner]
    assert len(couples) > 800
    assert all(by_ins[patient.partner].partner == patient.ins for patient in couples)


def test_the_card_of_a_minor_leads_through_the_insured_parent(population):
    minor = next(patient for patient in population.patients[len(cast.PATIENTS) :] if patient.guardians)
    assert minor.person.cards[0].holder == minor.guardians[0].matricule


def test_people_are_born_everywhere(population):
    places = Counter(patient.person.traits.birth_place[:2] for patient in population.patients)
    assert {"2A", "2B", "97", "99", "75"} <= set(places)
    assert 0.05 < places["99"] / 4000 < 0.16
    assert all(place_of(patient.commune).postal_code for patient in population.patients)


def test_the_places_are_those_of_the_official_code():
    places = {place.code: place.name for place in all_places()}
    assert places["2A004"] == "Ajaccio"
    assert places["97411"] == "Saint-Denis"
    assert places["69383"] == "Lyon 3e Arrondissement"
    assert places["99352"] == "Algérie"
    assert "75056" not in places
    assert len({place.department for place in all_places()}) > 100


def test_every_profession_and_many_specialities_exercise_somewhere():
    small = invent_population(100, 5)
    exercises = [exercise for person in small.professionals for exercise in person.exercises]
    assert {exercise.profession for exercise in exercises} >= PROFESSIONS
    assert len({exercise.skill for exercise in exercises if exercise.skill}) >= 39
    sites = {structure.id for structure in small.structures}
    assert all(activity.structure.id in sites for exercise in exercises for activity in exercise.activities)
    assert {structure.sector for structure in small.structures} >= {"SA01", "SA07", "SA17", "SA25", "SA33", "SA42"}


def test_some_people_exercise_in_two_places_and_situations_are_named_once(population):
    situations = [a.id for p in population.professionals for e in p.exercises for a in e.activities]
    assert len(situations) == len(set(situations)) > len(population.professionals)
    assert all(len(number) == 10 for number in situations)


def test_no_two_mailboxes_have_one_address(population):
    addresses = [mailbox.address for mailbox in population.mailboxes]
    assert len(addresses) == len(set(addresses))
    assert "camille.marchand@socle.mssante.fr" in addresses


def test_the_cast_is_always_there_and_its_numbers_are_those_published():
    tiny = invent_population(1, 9)
    assert tiny.patients == cast.PATIENTS
    assert tiny.professionals[: len(cast.PROFESSIONALS)] == cast.PROFESSIONALS
    assert cast.JEANNE.matricule == "284076938304258"
    assert cast.LEA.matricule == "219047511427110"
    by_ins = {patient.ins: patient for patient in tiny.patients}
    assert by_ins[cast.HUGO].guardians == (cast.JEANNE, cast.PAUL)
    known = [patient.ins for patient in cast.PATIENTS if patient.ins not in (cast.DECOURCY,)]
    assert all(is_valid_matricule(ins.matricule) for ins in known)
