"""The small cast that is in every sandbox, whatever the seed: people whom demos and tests know by name.

Numbers are those of the fact sheet's invented examples, or drawn like them (valid keys, test authority).
``docs/reference/sandbox.md`` says for which situation each is meant.

Source: identity fact sheet §1.3, §2.8, §5.5, §7.1.
"""

from __future__ import annotations

from typing import Final

from socle.sandbox.domain import Patient
from socle.services.directory.domain import Activity, Exercise, Professional, Structure
from socle.services.ins.domain import Card, FormerIns, Person
from socle.standards.ids.ins import OID_NIA, OID_NIR, OID_NIR_TEST, Ins, key_of
from socle.standards.ids.luhn import luhn_key
from socle.standards.ids.traits import Traits


def _test_rpps(order: int) -> str:
    stem = f"99700500{order:02}"
    return f"8{stem}{luhn_key(stem)}"


def _test_ins(number: str) -> Ins:
    return Ins(number + key_of(number), OID_NIR_TEST)


GENERAL_PRACTITIONER: Final = "810109876549"
CARDIOLOGIST: Final = "810101234564"
NURSE: Final = "810105551237"
PHARMACIST: Final = "899700987656"
EMERGENCY_REGULATOR: Final = _test_rpps(1)
MIDWIFE: Final = _test_rpps(2)
RADIOLOGIST: Final = _test_rpps(3)
BIOLOGIST: Final = _test_rpps(4)
COORDINATING_DOCTOR: Final = _test_rpps(5)
PAEDIATRICIAN: Final = _test_rpps(6)
#: Two people without RPPS, known by their employer.
SECRETARY: Final = "3750987653/SEC001"
SOCIAL_WORKER: Final = "3690987656/ASS001"

JEANNE: Final = _test_ins("2840769383042")
PAUL: Final = _test_ins("1820369388117")
HUGO: Final = _test_ins("1110569383045")
LEA: Final = _test_ins("2190475114271")
ROBERT: Final = _test_ins("1550275110363")
ANGE_MARIE: Final = _test_ins("192032A004118")
JEAN_BERNARD: Final = _test_ins("1880597411057")
ANNEKE: Final = _test_ins("2701199131203")
AISSATA: Final = _test_ins("2260344109088")
#: The fictitious patients of the published CDA and HL7 v2 examples; the key of the second is wrong as published.
PAT_TROIS: Final = Ins("279035121518989", OID_NIR_TEST)
DECOURCY: Final = Ins("221042545611404", OID_NIR_TEST)

_HOME: Final = "12 RUE DES EXEMPLES"


def _person(
    ins: Ins, name: str, given: str, born: str, place: str, used: str = "", holder: Ins | None = None
) -> Person:
    sex = "M" if ins.matricule[0] == "1" else "F"
    traits = Traits.of(name, given, sex, born, place, used_name=used or name, used_given_name=given.partition(" ")[0])
    return Person(ins=ins, traits=traits, cards=(Card((holder or ins).matricule, born),))


#: A couple with a teenager and a child, an old man with a chronic disease, people of everywhere, a newborn.
PATIENTS: Final = (
    Patient(
        person=_person(JEANNE, "d'Arcy-Bellec", "Jeanne Marie Cécile", "1984-07-17", "69383", "Morel"),
        partner=PAUL,
        doctor=GENERAL_PRACTITIONER,
        line=_HOME,
        commune="75114",
        phone="+33639980001",
        email="jeanne.morel@example.org",
    ),
    Patient(
        person=_person(PAUL, "Morel", "Paul Antoine", "1982-03-09", "69388"),
        partner=JEANNE,
        doctor=GENERAL_PRACTITIONER,
        line=_HOME,
        commune="75114",
        phone="+33639980002",
        email="paul.morel@example.org",
    ),
    Patient(
        person=_person(HUGO, "Morel", "Hugo Paul", "2011-05-21", "69383", holder=JEANNE),
        guardians=(JEANNE, PAUL),
        doctor=GENERAL_PRACTITIONER,
        line=_HOME,
        commune="75114",
    ),
    Patient(
        person=_person(LEA, "Morel", "Léa Jeanne Rose", "2019-04-12", "75114", holder=JEANNE),
        guardians=(JEANNE, PAUL),
        doctor=PAEDIATRICIAN,
        line=_HOME,
        commune="75114",
    ),
    Patient(
        person=_person(ROBERT, "Testut", "Robert Lucien", "1955-02-03", "75110"),
        doctor=GENERAL_PRACTITIONER,
        line="3 AVENUE DU TEST",
        commune="75114",
        phone="+33639980003",
        email="robert.testut@example.org",
    ),
    Patient(
        person=_person(ANGE_MARIE, "Santoni", "Ange-Marie", "1992-03-19", "2A004"),
        line="8 COURS NAPOLEON",
        commune="2A004",
        phone="+33639980004",
        email="ange-marie.santoni@example.org",
    ),
    Patient(
        person=_person(JEAN_BERNARD, "Hoarau", "Jean-Bernard", "1988-05-02", "97411"),
        line="5 RUE DE PARIS",
        commune="97411",
        phone="+33639980005",
        email="jean-bernard.hoarau@example.org",
    ),
    Patient(
        person=_person(ANNEKE, "Peeters", "Anneke Marie", "1970-11-28", "99131", "Lambert"),
        line="1 PLACE DU MARCHE",
        commune="59350",
        phone="+33639980006",
        email="anneke.lambert@example.org",
    ),
    Patient(
        person=_person(AISSATA, "Diallo", "Aïssata", "2026-03-01", "44109"),
        doctor=PAEDIATRICIAN,
        line="20 QUAI DE LA FOSSE",
        commune="44109",
    ),
    Patient(person=_person(PAT_TROIS, "Pat-Trois", "Dominique", "1979-03-28", "63220"), commune="51454"),
    Patient(person=_person(DECOURCY, "Decourcy", "Ruth Isabelle", "2021-04-25", "75056"), commune="75114"),
)

#: One structure of each kind that the cast needs.
STRUCTURES: Final = (
    Structure(
        id="F750987653",
        id_nat="1750987653",
        finess="750987653",
        finess_ej="750990012",
        siret="91987654000015",
        siren="919876540",
        name="HOPITAL DES EXEMPLES",
        street_number="3",
        street_suffix="B",
        street_type="AV",
        street="DU TEST",
        postal_code="75014",
        commune="75114",
        city="PARIS",
        department="75",
        authority="CNOM/CNOM/ARS",
        sector="SA01",
        category="101",
    ),
    Structure(
        id="R10199001",
        id_nat="410109876549001",
        siret="90123456700013",
        siren="901234567",
        name="CABINET DU DR MARCHAND",
        street_number="12",
        street_type="R",
        street="DES EXEMPLES",
        postal_code="75010",
        commune="75110",
        city="PARIS",
        department="75",
        authority="CNOM/CNOM/CNOM",
        sector="SA07",
    ),
    Structure(
        id="F690987656",
        id_nat="1690987656",
        finess="690987656",
        finess_ej="690990023",
        name="EHPAD LES TILLEULS D'EXEMPLE",
        street_number="8",
        street_type="R",
        street="DES TILLEULS",
        postal_code="69003",
        commune="69383",
        city="LYON",
        department="69",
        sector="SA17",
        category="500",
    ),
    Structure(
        id="F780987657",
        id_nat="1780987657",
        finess="780987657",
        name="PHARMACIE DE L'EXEMPLE",
        street_number="1",
        street_type="PL",
        street="DU MARCHE",
        postal_code="78000",
        commune="78646",
        city="VERSAILLES",
        department="78",
        sector="SA33",
        category="620",
    ),
    Structure(
        id="R10199002",
        id_nat="410105551237001",
        siret="90123456700021",
        siren="901234567",
        name="CABINET INFIRMIER DES EXEMPLES",
        street_number="14",
        street_type="R",
        street="DES EXEMPLES",
        postal_code="75010",
        commune="75110",
        city="PARIS",
        department="75",
        sector="SA08",
    ),
)
_HOSPITAL, _OFFICE, _EHPAD, _PHARMACY, _NURSES = STRUCTURES


def _professional(
    id_nat: str,
    civility: str,
    given: str,
    family: str,
    profession: str,
    *activities: Activity,
    skill: str = "",
    title: str = "",
) -> Professional:
    exercise = Exercise(
        profession=profession,
        civility=title,
        family=family,
        given=given,
        skill_type="S" if skill else "",
        skill=skill,
        activities=activities,
    )
    rpps = id_nat[1:] if id_nat.startswith("8") else ""
    return Professional(id_nat=id_nat, rpps=rpps, civility=civility, family=family, given=given, exercises=(exercise,))


def _at(structure: Structure, number: int, mode: str, *, section: str = "", role: str = "") -> Activity:
    return Activity(
        id=f"10990{number:05}",
        mode=mode,
        sector=structure.sector,
        pharmacy_section=section,
        role=role,
        genre="GENR01",
        structure=structure,
    )


#: Who logs in on stage: the general practitioner exercises in two places.
PROFESSIONALS: Final = (
    _professional(
        GENERAL_PRACTITIONER,
        "MME",
        "CAMILLE",
        "MARCHAND",
        "10",
        _at(_OFFICE, 1, "L"),
        _at(_HOSPITAL, 2, "S"),
        skill="SM54",
        title="DR",
    ),
    _professional(CARDIOLOGIST, "M", "SAMIR", "HADDAD", "10", _at(_HOSPITAL, 3, "S"), skill="SM04", title="DR"),
    _professional(NURSE, "MME", "SOPHIE", "LE GOFF", "60", _at(_NURSES, 4, "L")),
    _professional(PHARMACIST, "M", "ALAIN", "DURAND", "21", _at(_PHARMACY, 5, "L", section="A"), title="DR"),
    _professional(
        EMERGENCY_REGULATOR,
        "MME",
        "NADIA",
        "MEZIANE",
        "10",
        _at(_HOSPITAL, 6, "S", role="SAMU"),
        skill="SM59",
        title="DR",
    ),
    _professional(MIDWIFE, "MME", "CLAIRE", "FAURE", "50", _at(_HOSPITAL, 7, "S")),
    _professional(RADIOLOGIST, "M", "YANN", "KERBRAT", "10", _at(_HOSPITAL, 8, "S"), skill="SM44", title="DR"),
    _professional(BIOLOGIST, "MME", "INES", "FERREIRA", "21", _at(_HOSPITAL, 9, "S", section="G"), title="DR"),
    _professional(COORDINATING_DOCTOR, "M", "PHILIPPE", "ROUX", "10", _at(_EHPAD, 10, "S"), skill="SM18", title="DR"),
    _professional(PAEDIATRICIAN, "MME", "LINH", "NGUYEN", "10", _at(_HOSPITAL, 11, "S"), skill="SM40", title="DR"),
    _professional(SECRETARY, "MME", "VALERIE", "PETIT", "331", _at(_HOSPITAL, 12, "S")),
    _professional(SOCIAL_WORKER, "M", "HUGUES", "BLANC", "41", _at(_EHPAD, 13, "S")),
)


def _case(
    number: str,
    name: str,
    given: str,
    sex: str,
    born: str,
    place: str,
    former: tuple[str, ...] = (),
    oid: str = OID_NIR,
) -> Person:
    return Person(
        ins=Ins(number, oid),
        traits=Traits.of(name, given, sex, born, place),
        former=tuple(FormerIns(Ins(one, oid)) for one in former),
        cards=(Card(number, born),),
    )


#: The identities of INSi's qualification platform: the teleservice knows them, no record is opened for them.
INSI_CASES: Final = (
    _case("297022A02077878", "ADRTROIS", "DOMINIQUE", "F", "1997-02-26", "2A020"),
    _case("160012B02077713", "ADRTROIS", "TOUSSAINT", "M", "1960-01-01", "2B020"),
    _case("275126322074974", "ADRUN", "ZOE", "F", "1975-12-31", "63220"),
    _case(
        "109076322083489",
        "ECETINSI",
        "PIERRE-ALAIN MURIEL FLORIANT",
        "M",
        "2009-07-14",
        "63220",
        former=("209076322083439", "209066322012355"),
    ),
    _case("236066322083656", "TCHITCHI", "CATARINA BELLA", "F", "1936-06-21", "63220"),
    _case("110086322083060", "NESSI", "MICHELANGELO ANTHONY", "M", "2010-08-07", "63220"),
    _case("277076322082910", "NESSI", "RUTH", "F", "1977-07-14", "63220"),
    _case("180032B02040123", "CORSE", "ANTHONY", "M", "1980-03-02", "2B020", former=("180032B02040123",)),
    _case("181036322045660", "HERMANN", "GATIEN", "M", "1981-03-24", "63220", former=("281036322045610",)),
    _case("109076322088835", "PROVISOIRE", "MATRICULE", "M", "2009-07-01", "63220", oid=OID_NIA),
)
