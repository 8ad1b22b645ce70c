"""Header values from what a French vendor has at hand: an INS and its traits, an RPPS, a FINESS.

Source: CI-SIS "Structuration minimale" §2.2, §2.3; identifiers with their prefix as in annexe "Source des données".
"""

from __future__ import annotations

from typing import Final

from socle.standards.cda.datatypes import Address, Concept, Identifier, Moment, NamePart, PersonName, Telecom
from socle.standards.cda.header import Assigned, Organization, Patient
from socle.standards.ids.ins import Ins
from socle.standards.ids.national import PsIdNat, StructIdNat, parse_finess, parse_rpps
from socle.standards.ids.oids import AUTHOR_SPECIALTY, PS_IDNAT, STRUCT_IDNAT

_GENDER: Final = "2.16.840.1.113883.5.1"
_GENDERS: Final = {"M": "Masculin", "F": "Féminin", "UN": "Indéterminé"}
_SETTINGS: Final = {
    "AMBULATOIRE": "Ambulatoire",
    "AMO": "Assurance maladie obligatoire",
    "DEPISTAGE": "Dépistage",
    "ESSMS": "Etablissement social ou médico-social",
    "ETABLISSEMENT": "Etablissement de santé",
    "HAD": "Hospitalisation à domicile",
}


def patient_of(
    ins: Ins,
    *,
    birth_family: str,
    birth_given_names: str,
    sex: str,
    birth_date: str,
    birth_place: str,
    birth_place_name: str = "",
    used_family: str = "",
    used_given: str = "",
    local_id: Identifier | None = None,
    address: Address | None = None,
    telecoms: tuple[Telecom, ...] = (),
) -> Patient:
    """A patient with a qualified INS and the five traits: names at birth, ``sex`` ``M``/``F``/``UN``, date, COG place.

    ``birth_given_names`` are all given names, in order; the first word of them is the first one.
    """
    first = birth_given_names.split()[0] if birth_given_names.split() else birth_given_names
    givens = [NamePart(birth_given_names), NamePart(first, "BR")]
    families = [NamePart(birth_family, "BR")]
    if used_given:
        givens.append(NamePart(used_given, "CL"))
    if used_family:
        families.append(NamePart(used_family, "CL"))
    return Patient(
        ids=(Identifier(ins.oid, ins.matricule), *((local_id,) if local_id else ())),
        name=PersonName(families=tuple(families), givens=tuple(givens)),
        gender=Concept(sex, _GENDER, _GENDERS.get(sex, sex)),
        birth_time=Moment(birth_date),
        birth_place=birth_place,
        birth_place_name=birth_place_name,
        address=address or Address(),
        telecoms=telecoms,
    )


def professional_of(
    rpps: str,
    *,
    family: str,
    given: str,
    profession: Concept,
    organization: Organization | None = None,
    prefix: str = "",
    suffix: str = "",
    address: Address | None = None,
    telecoms: tuple[Telecom, ...] = (),
) -> Assigned:
    """A professional in a role. ``profession`` is a code of JDV_J01 (``G15_10/SM26`` …).

    Raises ``MalformedInput`` when ``rpps`` is not an RPPS.
    """
    return Assigned(
        ids=(Identifier(PS_IDNAT, str(PsIdNat.of_rpps(parse_rpps(rpps)))),),
        profession=Concept(profession.code, profession.system or AUTHOR_SPECIALTY, profession.label),
        name=PersonName((NamePart(family),), (NamePart(given),), prefix, suffix),
        organization=organization,
        address=address or (organization.address if organization else Address()),
        telecoms=telecoms or (organization.telecoms if organization else ()),
    )


def structure_of(
    finess: str,
    name: str,
    *,
    setting: str = "",
    address: Address | None = None,
    telecoms: tuple[Telecom, ...] = (),
) -> Organization:
    """A structure by its FINESS. ``setting`` is a code of JDV_J04 (``ETABLISSEMENT``, ``AMBULATOIRE`` …).

    Raises ``MalformedInput`` when ``finess`` is not a FINESS.
    """
    return Organization(
        id=Identifier(STRUCT_IDNAT, str(StructIdNat.of_finess(parse_finess(finess)))),
        name=name,
        industry=Concept(setting, "1.2.250.1.213.1.1.4.9", _SETTINGS.get(setting, setting)) if setting else None,
        address=address or Address(),
        telecoms=telecoms,
    )
