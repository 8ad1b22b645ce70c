"""A fictitious population: same seed, same people, byte for byte.

Ages follow the pyramid of France, births and homes the size of communes, first names the decade of birth. Minors have
one or two parents among the adults. The named cast (``cast``) always comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import accumulate
from random import Random
from typing import Final

from msgspec.structs import replace

from socle.sandbox import cast
from socle.sandbox.care import invent_care
from socle.sandbox.domain import Patient, Population
from socle.sandbox.names import draw_given_names, draw_surname
from socle.sandbox.places import Place, communes, countries
from socle.services.ins.domain import Card, Person
from socle.standards.ids.ins import OID_NIR_TEST, Ins, key_of
from socle.standards.ids.traits import BirthDate, CogCode, Sex, Traits, normalise_name

#: The day on which ages are counted: the population does not grow old with the calendar.
REFERENCE_DAY: Final = date(2026, 1, 1)
#: Per cent of residents by five years of age, from 0-4 to 100-104 (Insee, rounded).
PYRAMID: Final = (
    4.9, 5.7, 6.2, 6.2, 5.9, 5.6, 5.9, 6.2, 6.3, 6.1, 6.7, 6.5, 6.2, 5.7, 5.4, 4.3, 2.8, 2.0, 1.0, 0.35, 0.05,
)  # fmt: skip
#: One resident in eight was born abroad.
_BORN_ABROAD: Final = 0.125
_MAJORITY: Final = 18

Progress = Callable[[int], None]


class _Draft:
    """A person being made."""

    __slots__ = ("born", "children", "family", "given", "guardians", "home", "ins", "line", "partner", "place", "sex")

    def __init__(self, sex: str, born: date) -> None:
        self.sex = sex
        self.born = born
        self.family = ""
        self.given = ""
        self.place: Place | None = None
        self.home: Place | None = None
        self.line = ""
        self.ins: Ins | None = None
        self.partner: _Draft | None = None
        self.guardians: list[_Draft] = []
        self.children: list[_Draft] = []

    @property
    def age(self) -> int:
        """Whole years, roughly, on the reference day."""
        return (REFERENCE_DAY - self.born).days // 365


def invent_population(patients: int, seed: int, progress: Progress = lambda _count: None) -> Population:
    """``patients`` people (the cast included, and never fewer than it) and the care that they need.

    ``progress`` is called with the number of people made so far.
    """
    random = Random(f"socle-population-{seed}")  # noqa: S311
    care = invent_care(Random(f"socle-care-{seed}"), patients)  # noqa: S311
    count = max(0, patients - len(cast.PATIENTS))
    drafts = [_Draft(*_draw_sex_and_birth(random)) for _ in range(count)]
    _found_families(random, drafts)
    numbers = {patient.ins.matricule[:13] for patient in cast.PATIENTS}
    doctors = [one.id_nat for one in care.professionals if any(e.skill == "SM54" for e in one.exercises)]
    for draft in sorted(drafts, key=lambda draft: draft.age < _MAJORITY):
        (_settle_child if draft.age < _MAJORITY else _settle_adult)(random, draft)
        draft.ins = _draw_ins(random, draft, numbers)
    made = list(cast.PATIENTS)
    for number, draft in enumerate(drafts, len(made) + 1):
        made.append(_patient_of(random, draft, doctors))
        if number % 500 == 0:
            progress(number)
    progress(len(made))
    return replace(care, patients=tuple(made))


def _draw_sex_and_birth(random: Random) -> tuple[str, date]:
    five_years = random.choices(range(len(PYRAMID)), cum_weights=_PYRAMID_SUMS)[0]
    days = random.randrange(five_years * 1826, five_years * 1826 + 1826)
    # Women outlive men: 51 in a hundred births are boys, 30 in a hundred at ninety.
    men = 0.51 - max(0, five_years - 11) * 0.03
    return "M" if random.random() < men else "F", REFERENCE_DAY - timedelta(days=days + 1)


_PYRAMID_SUMS: Final = list(accumulate(PYRAMID))


def _found_families(random: Random, drafts: list[_Draft]) -> None:
    """Couples of near age, then children given to mothers who were 18 to 45, mostly with a partner."""
    women = [draft for draft in drafts if draft.sex == "F" and draft.age >= _MAJORITY]
    men = sorted((draft for draft in drafts if draft.sex == "M" and draft.age >= _MAJORITY), key=lambda d: d.born)
    women.sort(key=lambda draft: draft.born)
    for woman, man in zip(_sample(random, women, 0.6), _sample(random, men, 0.66), strict=False):
        woman.partner, man.partner = man, woman
    by_year: dict[int, list[_Draft]] = {}
    for woman in women:
        by_year.setdefault(woman.born.year, []).append(woman)
    for child in drafts:
        if child.age < _MAJORITY:
            mother = _draw_mother(random, child, by_year)
            if mother is not None:
                mother.children.append(child)
                child.guardians = [mother, *([mother.partner] if mother.partner else [])]


def _sample(random: Random, people: list[_Draft], share: float) -> Iterator[_Draft]:
    """Some of ``people`` above 24, in their order, so that the two lines of a couple stay of near age."""
    return (draft for draft in people if draft.age >= 25 and random.random() < share)


def _draw_mother(random: Random, child: _Draft, by_year: dict[int, list[_Draft]]) -> _Draft | None:
    """A woman of the right age, rather one who lives in a couple, and rather one who has children already."""
    best: _Draft | None = None
    for _attempt in range(12):
        years = min(45, max(18, round(random.gauss(30.5, 5))))
        women = by_year.get(child.born.year - years)
        if not women:
            continue
        woman = random.choice(women)
        spaced = all(abs((child.born - sibling.born).days) > 300 for sibling in woman.children)
        if not spaced or len(woman.children) > 4 or woman.age - child.age < _MAJORITY:
            continue
        if woman.partner and (woman.children or random.random() < 0.5):
            return woman
        best = woman if best is None or woman.partner else best
    return best


def _settle_adult(random: Random, draft: _Draft) -> None:
    """Names, birth place, and a home that the partner shares."""
    draft.family = draw_surname(random)
    draft.given = draw_given_names(random, draft.sex, draft.born.year)
    abroad = random.random() < _BORN_ABROAD
    draft.place = _draw_place(random, _COUNTRY_SUMS, countries()) if abroad else _draw_commune(random)
    if draft.partner and draft.partner.home:
        draft.home, draft.line = draft.partner.home, draft.partner.line
    else:
        draft.home = draft.place if not abroad and random.random() < 0.5 else _draw_commune(random)
        draft.line = f"{random.randrange(1, 180)} {random.choice(_STREETS)}"


def _settle_child(random: Random, draft: _Draft) -> None:
    """A child is born and lives where the parents do, and mostly bears the father's name."""
    draft.given = draw_given_names(random, draft.sex, draft.born.year)
    if draft.guardians:
        parent = random.choices(draft.guardians[::-1], (85, 15)[: len(draft.guardians)])[0]
        draft.family, draft.home, draft.line = parent.family, parent.home, parent.line
    else:
        draft.family, draft.home, draft.line = draw_surname(random), _draw_commune(random), "1 RUE DU FOYER"
    draft.place = draft.home


def _draw_commune(random: Random) -> Place:
    return _draw_place(random, _COMMUNE_SUMS, communes())


def _draw_place(random: Random, sums: list[int], places: tuple[Place, ...]) -> Place:
    return random.choices(places, cum_weights=sums)[0]


_COMMUNE_SUMS: Final = list(accumulate(place.weight for place in communes()))
_COUNTRY_SUMS: Final = list(accumulate(place.weight for place in countries()))
_STREETS: Final = (
    "RUE DES LILAS", "RUE VICTOR HUGO", "AVENUE JEAN JAURES", "PLACE DE LA MAIRIE", "RUE DES ECOLES",
    "IMPASSE DU MOULIN", "BOULEVARD GAMBETTA", "CHEMIN DES VIGNES",
    "ALLEE DES TILLEULS", "RUE PASTEUR", "RUE DU PRESSOIR", "QUAI DU PORT",
)  # fmt: skip


def _draw_ins(random: Random, draft: _Draft, taken: set[str]) -> Ins:
    """A free matricule of the test authority, of the shape that this birth gives."""
    assert draft.place is not None
    code = draft.place.code
    # Corsica had one number, 20, until 1976.
    place = "20" + code[2:] if code[:2] in ("2A", "2B") and draft.born.year < 1976 else code
    stem = f"{1 if draft.sex == 'M' else 2}{draft.born:%y%m}{place}"
    order = random.randrange(1, 1000)
    while f"{stem}{order:03}" in taken:
        order = order % 999 + 1
    number = f"{stem}{order:03}"
    taken.add(number)
    return Ins(number + key_of(number), OID_NIR_TEST)


def _patient_of(random: Random, draft: _Draft, doctors: list[str]) -> Patient:
    assert draft.ins is not None
    assert draft.place is not None
    assert draft.home is not None
    is_minor = draft.age < _MAJORITY
    family, given = normalise_name(draft.family), normalise_name(draft.given)
    used = family
    if draft.sex == "F" and draft.partner and random.random() < (0.75 if draft.age > 50 else 0.45):
        used = normalise_name(draft.partner.family)
    traits = Traits(
        birth_name=family,
        given_names=given,
        first_given_name=given.partition(" ")[0],
        sex=Sex(draft.sex),
        birth_date=BirthDate(draft.born.isoformat()),
        birth_place=CogCode(draft.place.code),
        used_name=used,
        used_given_name=given.partition(" ")[0],
    )
    holder = draft.guardians[0].ins if is_minor and draft.guardians else draft.ins
    assert holder is not None
    slug = f"{given.partition(' ')[0]}.{used}".lower().replace(" ", "-").replace("'", "")
    return Patient(
        person=Person(ins=draft.ins, traits=traits, cards=(Card(holder.matricule, draft.born.isoformat()),)),
        guardians=tuple(guardian.ins for guardian in draft.guardians if guardian.ins),
        partner=draft.partner.ins if draft.partner else None,
        doctor=random.choice(doctors) if not is_minor or random.random() < 0.8 else "",
        line=draft.line,
        commune=draft.home.code,
        phone="" if is_minor else f"+3363998{random.randrange(10**4):04}",
        email="" if is_minor or draft.age > 85 else f"{slug}.{draft.ins.matricule[-5:]}@example.org",
    )
