"""Fictitious structures and professionals, enough for a population: all professions, all specialities, all sectors.

RPPS and FINESS are in ranges that pass the key and are not given to anyone (RPPS ``99…``).

Source: identity fact sheet §7.1, §9; TRE_G15, TRE_R38, TRE_R02, TRE_R66.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import accumulate
from random import Random
from typing import Final

import msgspec

from socle.sandbox import cast
from socle.sandbox.domain import Population
from socle.sandbox.names import draw_given_names, draw_surname
from socle.sandbox.places import Place, communes
from socle.services.directory.domain import Activity, Exercise, Mailbox, MailboxType, Professional, Structure
from socle.standards.ids.luhn import luhn_key
from socle.standards.ids.traits import normalise_name

#: One professional for so many patients, and one structure for so many professionals.
_PATIENTS_EACH: Final = 60
_PROFESSIONALS_EACH: Final = 3
MAIL_DOMAIN: Final = "socle.mssante.fr"


class _Kind(msgspec.Struct, frozen=True):
    """A kind of structure: TRE_R66 category (empty when not in FINESS), sector, how it is called, how common it is."""

    sector: str
    category: str
    name: str
    weight: int


_KINDS: Final = (
    _Kind("SA01", "101", "CENTRE HOSPITALIER UNIVERSITAIRE DE {city}", 3),
    _Kind("SA01", "355", "CENTRE HOSPITALIER DE {city}", 8),
    _Kind("SA04", "365", "CLINIQUE {saint}", 6),
    _Kind("SA02", "126", "HOPITAL D'INSTRUCTION DES ARMEES DE {city}", 1),
    _Kind("SA36", "131", "CENTRE DE LUTTE CONTRE LE CANCER DE {city}", 1),
    _Kind("SA05", "124", "CENTRE DE SANTE DE {city}", 6),
    _Kind("SA52", "603", "MAISON DE SANTE DE {city}", 8),
    _Kind("SA07", "", "CABINET {saint}", 30),
    _Kind("SA08", "", "CABINET DE GROUPE {saint}", 20),
    _Kind("SA09", "", "SCP {saint}", 6),
    _Kind("SA33", "620", "PHARMACIE {saint}", 20),
    _Kind("SA25", "611", "LABORATOIRE DE BIOLOGIE DE {city}", 6),
    _Kind("SA17", "500", "EHPAD {saint}", 10),
    _Kind("SA16", "255", "MAISON D'ACCUEIL SPECIALISEE {saint}", 3),
    _Kind("SA17", "354", "SSIAD DE {city}", 4),
    _Kind("SA15", "223", "PMI DE {city}", 2),
    _Kind("SA34", "141", "CENTRE DE DIALYSE DE {city}", 1),
    _Kind("SA42", "", "APPAREILLAGE {saint}", 4),
    _Kind("SA10", "", "AMBULANCES {saint}", 3),
)
_HOSPITALS: Final = frozenset({"SA01", "SA02", "SA04", "SA36"})
_OFFICES: Final = frozenset({"SA05", "SA07", "SA08", "SA09", "SA52"})
_MEDICO_SOCIAL: Final = frozenset({"SA16", "SA17"})
_SAINTS: Final = (
    "DES LILAS", "DU PARC", "PASTEUR", "DE LA GARE", "DES TROIS FONTAINES", "VICTOR HUGO", "DU MARCHE", "DES REMPARTS",
    "MARIE CURIE", "DE L'HOTEL DE VILLE", "DES CEDRES", "DU VIEUX PONT", "JEAN MOULIN", "DE LA CATHEDRALE",
)  # fmt: skip


class _Trade(msgspec.Struct, frozen=True):
    """A profession: how common it is, in which sectors, and the share of those who are self-employed."""

    profession: str
    weight: int
    sectors: frozenset[str]
    self_employed: float
    is_doctor: bool = False


_CARE: Final = _HOSPITALS | _MEDICO_SOCIAL
_LAB: Final = frozenset({"SA25", "SA01"})
_FITTING: Final = frozenset({"SA42"})
_TRADES: Final = (
    _Trade("10", 230, _OFFICES | _HOSPITALS, 0.6, is_doctor=True),
    _Trade("21", 75, frozenset({"SA33", "SA25", "SA01"}), 0.6, is_doctor=True),
    _Trade("40", 45, _OFFICES, 0.9, is_doctor=True),
    _Trade("50", 24, _OFFICES | frozenset({"SA01", "SA15"}), 0.4),
    _Trade("60", 350, _CARE | _OFFICES, 0.25),
    _Trade("69", 3, frozenset({"SA01"}), 0.0),
    _Trade("70", 95, _OFFICES | _HOSPITALS, 0.8),
    _Trade("80", 14, _OFFICES, 0.95),
    _Trade("91", 25, _OFFICES | _CARE, 0.8),
    _Trade("92", 5, _OFFICES, 0.7),
    _Trade("93", 20, _OFFICES | _CARE, 0.5),
    _Trade("94", 14, _CARE, 0.1),
    _Trade("95", 14, _CARE, 0.3),
    _Trade("96", 15, _CARE, 0.2),
    _Trade("98", 38, _HOSPITALS, 0.0),
    _Trade("86", 40, _LAB, 0.0),
    _Trade("26", 4, _FITTING, 0.3),
    _Trade("28", 40, _FITTING, 0.4),
    _Trade("31", 15, _OFFICES, 0.0),
    _Trade("32", 1, _HOSPITALS, 0.0),
    _Trade("35", 120, _CARE, 0.0),
    _Trade("36", 20, frozenset({"SA10"}), 0.0),
    _Trade("37", 20, frozenset({"SA01", "SA15"}), 0.0),
    _Trade("38", 5, frozenset({"SA01"}), 0.0),
    _Trade("39", 50, frozenset({"SA33"}), 0.0),
    _Trade("81", 2, _FITTING, 0.2),
    _Trade("82", 1, _FITTING, 0.2),
    _Trade("83", 1, _FITTING, 0.2),
    _Trade("84", 1, _FITTING, 0.2),
    _Trade("85", 1, _FITTING, 0.2),
)
#: Specialities of doctors, with how common they are; general practice is nearly half.
_SPECIALITIES: Final = {
    "SM54": 85, "SM53": 10, "SM26": 8, "SM02": 11, "SM04": 7, "SM05": 3, "SM08": 3, "SM12": 1, "SM14": 1, "SM15": 4,
    "SM16": 1, "SM18": 3, "SM19": 1, "SM20": 5, "SM24": 4, "SM25": 5, "SM28": 1, "SM29": 2, "SM30": 2, "SM32": 3,
    "SM34": 3, "SM36": 1, "SM38": 6, "SM40": 8, "SM41": 3, "SM42": 15, "SM44": 8, "SM45": 1, "SM48": 3, "SM49": 2,
    "SM01": 2, "SM03": 3, "SM57": 1, "SM58": 1, "SM59": 4, "SM61": 1, "SM62": 1, "SM73": 1, "SM74": 2,
}  # fmt: skip
_ARRONDISSEMENT: Final = re.compile(r" \d+er?e? Arrondissement$")
_ELISION: Final = re.compile(r" DE ([AEIOUYH])")
_PHARMACY_SECTIONS: Final = {"SA33": ("A", "D"), "SA25": ("G",), "SA01": ("H",)}


def invent_care(random: Random, patients: int) -> Population:
    """Structures, professionals and mailboxes for so many patients; the cast first, and at least one of each kind."""
    speciality_each = [_Trade("10", 0, _OFFICES | _HOSPITALS, 0.6, is_doctor=True)] * len(_SPECIALITIES)
    more = max(0, patients // _PATIENTS_EACH - len(_TRADES) - len(speciality_each))
    trades = [*_TRADES, *speciality_each, *random.choices(_TRADES, cum_weights=_TRADE_SUMS, k=more)]
    count = max(len(_KINDS), len(trades) // _PROFESSIONALS_EACH)
    kinds = [*_KINDS, *random.choices(_KINDS, [kind.weight for kind in _KINDS], k=count - len(_KINDS))]
    structures = [*cast.STRUCTURES, *_structures(random, kinds)]
    by_sector: dict[str, list[Structure]] = {}
    for structure in structures:
        by_sector.setdefault(structure.sector, []).append(structure)
    professionals = list(cast.PROFESSIONALS)
    specialities = list(_SPECIALITIES)
    for number, trade in enumerate(trades):
        skill = ""
        if trade.profession == "10":
            nth = number - len(_TRADES)
            every = 0 <= nth < len(specialities)
            skill = specialities[nth] if every else random.choices(specialities, list(_SPECIALITIES.values()))[0]
        professionals.append(_professional(random, number, trade, skill, by_sector))
    return Population(
        patients=(),
        professionals=tuple(professionals),
        structures=tuple(structures),
        mailboxes=tuple(_mailboxes(professionals, structures)),
    )


_TRADE_SUMS: Final = list(accumulate(trade.weight for trade in _TRADES))
_COMMUNE_SUMS: Final = list(accumulate(place.weight for place in communes()))


def _structures(random: Random, kinds: list[_Kind]) -> list[Structure]:
    made = []
    for number, kind in enumerate(kinds):
        place = random.choices(communes(), cum_weights=_COMMUNE_SUMS)[0]
        made.append(_structure(random, number, kind, place))
    return made


def _structure(random: Random, number: int, kind: _Kind, place: Place) -> Structure:
    finess = _finess(place.department, 2 * number) if kind.category else ""
    siren_stem = f"9185{number:04}"
    siret_stem = siren_stem + luhn_key(siren_stem) + "0001"
    siret = siret_stem + luhn_key(siret_stem)
    city = normalise_name(_ARRONDISSEMENT.sub("", place.name))
    name = kind.name.format(city=city, saint=random.choice(_SAINTS))
    return Structure(
        id=f"F{finess}" if finess else f"R1018{number:04}",
        id_nat=f"1{finess}" if finess else f"3{siret}",
        finess=finess,
        finess_ej=_finess(place.department, 2 * number + 1) if kind.sector in _HOSPITALS else "",
        siret=siret,
        siren=siret[:9],
        name=_ELISION.sub(r" D'\1", name),
        street_number=str(random.randrange(1, 150)),
        street_type="R",
        street=random.choice(_SAINTS),
        postal_code=place.postal_code,
        commune=place.code,
        city=city,
        department=place.department,
        phone=f"019900{random.randrange(10**4):04}",
        authority="FINESS" if finess else "CNOM/CNOM/CNOM",
        sector=kind.sector,
        category=kind.category,
    )


def _finess(department: str, number: int) -> str:
    stem = f"{department[:2]}09{number % 10_000:04}"
    return stem + luhn_key(stem)


def _professional(
    random: Random, number: int, trade: _Trade, skill: str, by_sector: dict[str, list[Structure]]
) -> Professional:
    stem = f"99{71_000_000 + number:08}"
    rpps = stem + luhn_key(stem)
    sex = random.choices("MF", (45, 55) if trade.is_doctor else (15, 85))[0]
    born = random.randrange(1960, 2000)
    family, given = normalise_name(draw_surname(random)), draw_given_names(random, sex, born).partition(" ")[0]
    given = normalise_name(given)
    sectors = sorted(trade.sectors & by_sector.keys())
    wanted = 2 if random.random() < 0.12 else 1
    places = {place.id: place for place in (random.choice(by_sector[random.choice(sectors)]) for _ in range(wanted))}
    activities = []
    for rank, structure in enumerate(places.values()):
        sections = _PHARMACY_SECTIONS.get(structure.sector, ("D",)) if trade.profession == "21" else ("",)
        is_free = structure.sector not in _CARE and random.random() < trade.self_employed
        activities.append(
            Activity(
                id=f"10{number:07}{rank}",
                mode="L" if is_free else "S",
                sector=structure.sector,
                pharmacy_section=random.choice(sections),
                genre="GENR01",
                structure=structure,
            )
        )
    exercise = Exercise(
        profession=trade.profession,
        category="M" if activities[0].sector == "SA02" else "C",
        civility="DR" if trade.is_doctor else "",
        family=family,
        given=given,
        skill_type="S" if skill else "",
        skill=skill,
        activities=tuple(activities),
    )
    return Professional(
        id_nat=f"8{rpps}",
        rpps=rpps,
        civility="M" if sex == "M" else "MME",
        family=family,
        given=given,
        exercises=(exercise,),
    )


def _mailboxes(professionals: list[Professional], structures: list[Structure]) -> list[Mailbox]:
    """One personal box each, a number added to namesakes, and one for each structure that is in FINESS."""
    taken: Counter[str] = Counter()
    personal = [
        Mailbox(
            address=_address(taken, f"{person.given}.{person.family}"),
            type=MailboxType.PERSONAL,
            id_nat=person.id_nat,
        )
        for person in professionals
    ]
    shared = [
        Mailbox(
            address=_address(taken, f"secretariat.{structure.name}"),
            type=MailboxType.ORGANISATION,
            structure=structure.id,
            service="SECRETARIAT",
        )
        for structure in structures
        if structure.finess
    ]
    return personal + shared


def _address(taken: Counter[str], name: str) -> str:
    local = "".join(c if c.isalnum() or c in ".-" else "-" for c in name.lower())[:50]
    taken[local] += 1
    rank = taken[local]
    return f"{local}{rank if rank > 1 else ''}@{MAIL_DOMAIN}"
