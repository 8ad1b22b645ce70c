"""The cast as header values of CDA documents."""

from __future__ import annotations

from typing import Final

from socle.sandbox import cast
from socle.sandbox.domain import Patient as CastPatient
from socle.services.directory.domain import Structure
from socle.standards.cda.build import patient_of, professional_of
from socle.standards.cda.datatypes import Address, Concept, Identifier, Telecom
from socle.standards.cda.header import Assigned, Organization, Patient
from socle.standards.ids.ins import Ins
from socle.standards.ids.oids import AUTHOR_SPECIALTY, STRUCT_IDNAT

#: Local identifiers of the fictitious hospital.
IPP_AUTHORITY: Final = "1.2.250.1.999.1.1"
_SETTINGS: Final = {"SA01": "ETABLISSEMENT", "SA17": "ESSMS"}
_SETTING_LABELS: Final = {
    "ETABLISSEMENT": "Etablissement de santé",
    "ESSMS": "Etablissement social ou médico-social",
    "AMBULATOIRE": "Ambulatoire",
}
_SECTOR_LABELS: Final = {
    "SA01": "Etablissement public de santé",
    "SA07": "Cabinet individuel",
    "SA08": "Cabinet de groupe",
    "SA17": "Etablissement pour personnes âgées",
    "SA33": "Pharmacie d'officine",
}
#: Profession or profession/speciality → label of JDV_J01.
_PROFESSIONS: Final = {
    "G15_10/SM54": "Médecin - Médecine générale (SM)",
    "G15_10/SM04": "Médecin - Cardiologie et maladies vasculaires (SM)",
    "G15_10/SM44": "Médecin - Radio-diagnostic (SM)",
    "G15_10/SM40": "Médecin - Pédiatrie (SM)",
    "G15_21": "Pharmacien",
}


def patient(ins: Ins) -> Patient:
    """The member of the cast with this INS."""
    member = next(each for each in cast.PATIENTS if each.ins == ins)
    traits = member.person.traits
    return patient_of(
        ins,
        birth_family=traits.birth_name,
        birth_given_names=traits.given_names,
        sex="M" if str(traits.sex) == "M" else "F",
        birth_date=traits.birth_date.replace("-", ""),
        birth_place=str(traits.birth_place or ""),
        used_family=traits.used_name,
        used_given=traits.used_given_name,
        local_id=Identifier(IPP_AUTHORITY, f"IPP{ins.matricule[3:9]}"),
        address=_home(member),
        telecoms=_contacts(member),
    )


def professional(id_nat: str, *, place: int = 0) -> Assigned:
    """The professional with this PS_IdNat, in his first (or ``place``-th) situation of exercise."""
    member = next(each for each in cast.PROFESSIONALS if each.id_nat == id_nat)
    exercise = member.exercises[0]
    code = f"G15_{exercise.profession}" + (f"/{exercise.skill}" if exercise.skill else "")
    return professional_of(
        member.rpps,
        family=member.family,
        given=member.given,
        profession=Concept(code, AUTHOR_SPECIALTY, _PROFESSIONS[code]),
        organization=organization(structure_of(id_nat, place=place)),
        prefix=member.civility,
        suffix=exercise.civility,
    )


def organization(structure: Structure) -> Organization:
    """A structure of the cast, with its cadre d'exercice."""
    setting = _SETTINGS.get(structure.sector, "AMBULATOIRE")
    street = " ".join(part for part in (structure.street_number, structure.street_type, structure.street) if part)
    return Organization(
        id=Identifier(STRUCT_IDNAT, structure.id_nat),
        name=structure.name,
        industry=Concept(setting, "1.2.250.1.213.1.1.4.9", _SETTING_LABELS[setting]),
        address=Address(
            parts=(("streetName", street), ("postalCode", structure.postal_code), ("city", structure.city)), use="WP"
        ),
        telecoms=(Telecom("tel:+33639980010", "WP"),),
    )


def sector(structure: Structure) -> Concept:
    """The secteur d'activité of a structure of the cast."""
    return Concept(structure.sector, "1.2.250.1.71.4.2.4", _SECTOR_LABELS[structure.sector])


def structure_of(id_nat: str, *, place: int = 0) -> Structure:
    """Where the professional exercises."""
    member = next(each for each in cast.PROFESSIONALS if each.id_nat == id_nat)
    structure = member.exercises[0].activities[place].structure
    assert structure is not None
    return structure


def _home(member: CastPatient) -> Address:
    return Address(lines=(member.line,), use="H") if member.line else Address()


def _contacts(member: CastPatient) -> tuple[Telecom, ...]:
    phone = (Telecom(f"tel:{member.phone}", "MC"),) if member.phone else ()
    email = (Telecom(f"mailto:{member.email}", "H"),) if member.email else ()
    return (*phone, *email, Telecom(f"mailto:{member.ins.matricule}@patient.mssante.fr"))
