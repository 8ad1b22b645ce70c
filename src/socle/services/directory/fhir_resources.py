"""Directory values as FHIR resources of the French directory profiles (as-dp-*).

Source: identity fact sheet §8.1 (IG-fhir-annuaire); mssante fact sheet §11.2.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from socle.services.directory.domain import (
    Activity,
    Equipment,
    Exercise,
    HealthcareService,
    Mailbox,
    Professional,
    SmartCard,
    Structure,
)
from socle.standards.fhir import resources as fhir
from socle.standards.fhir.types import (
    Address,
    CodeableConcept,
    Coding,
    ContactPoint,
    Extension,
    HumanName,
    Identifier,
    Meta,
    Period,
    Reference,
)

SYSTEM_PERSON: Final = "urn:oid:1.2.250.1.71.4.2.1"
SYSTEM_RPPS: Final = "https://rpps.esante.gouv.fr"
SYSTEM_STRUCTURE: Final = "urn:oid:1.2.250.1.71.4.2.2"
SYSTEM_FINESS: Final = "https://finess.esante.gouv.fr"
SYSTEM_SIRENE: Final = "https://sirene.fr"
SYSTEM_RPPS_RANK: Final = "https://rppsrang.esante.gouv.fr"
SYSTEM_EQUIPMENT: Final = "https://arhgos.ars.sante.fr"
_V2_0203: Final = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203"
_V2_3307: Final = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-3307"
_PROFILE: Final = "https://interop.esante.gouv.fr/ig/fhir/annuaire/StructureDefinition/"
_CORE: Final = "https://hl7.fr/ig/fhir/core/StructureDefinition/"
_NOS: Final = "https://mos.esante.gouv.fr/NOS/"
#: Base codes of TRE_R04 whose know-how is in another nomenclature than TRE_R38.
_SKILL_SYSTEMS: Final = {
    "C": "TRE_R39-Competence",
    "CEX": "TRE_R40-CompetenceExclusive",
    "DSM": "TRE_R42-DESCnonQualifiant",
    "CAPA": "TRE_R43-CapaciteSavoirFaire",
    "PAC": "TRE_R44-QualificationPAC",
    "FQ": "TRE_R45-FonctionQualifiee",
    "DEC": "TRE_R97-DroitExerciceCompl",
}
SUBSETTED: Final = Coding(system="http://terminology.hl7.org/CodeSystem/v3-ObservationValue", code="SUBSETTED")


def nos(nomenclature: str) -> str:
    """The canonical address of a nomenclature of the NOS.

    >>> nos("TRE_R02-SecteurActivite")
    'https://mos.esante.gouv.fr/NOS/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite'
    """
    return f"{_NOS}{nomenclature}/FHIR/{nomenclature.replace('_', '-', 1)}"


SYSTEM_PROFESSION: Final = nos("TRE_G15-ProfessionSante")
SYSTEM_CATEGORY: Final = nos("TRE_R09-CategorieProfessionnelle")
SYSTEM_SPECIALITY: Final = nos("TRE_R38-SpecialiteOrdinale")
SYSTEM_SKILL_TYPE: Final = nos("TRE_R04-TypeSavoirFaire")
SYSTEM_SECTOR: Final = nos("TRE_R02-SecteurActivite")
SYSTEM_ESTABLISHMENT: Final = nos("TRE_R66-CategorieEtablissement")
SYSTEM_GENRE: Final = nos("TRE_R22-GenreActivite")
SYSTEM_MODE: Final = nos("TRE_R23-ModeExercice")
SYSTEM_ROLE: Final = nos("TRE_R21-Fonction")
SYSTEM_SECTION: Final = nos("TRE_G05-SousSectionTableauCNOP")
SYSTEM_EQUIPMENT_TYPE: Final = nos("TRE_R272-EquipementMaterielLourd")


def fhir_id(identifier: str) -> str:
    """An identifier as a FHIR id: a PS_IdNat may hold ``/``, that an id may not.

    >>> fhir_id("30B0057881/CPET0002"), identifier_of(fhir_id("30B0057881/CPET0002"))
    ('30B0057881.CPET0002', '30B0057881/CPET0002')
    """
    return identifier.replace("/", ".")


def identifier_of(resource_id: str) -> str:
    """The identifier behind a FHIR id."""
    return resource_id.replace(".", "/")


def practitioner(
    person: Professional, mailboxes: list[Mailbox], cards: list[SmartCard], updated_at: datetime
) -> fhir.Practitioner:
    """A person with names, professions, know-hows and mailboxes; who left has identifiers alone."""
    identifiers = [_identifier(SYSTEM_PERSON, "IDNPS", person.id_nat)]
    if person.rpps:
        identifiers.append(_identifier(SYSTEM_RPPS, "RPPS", person.rpps))
    meta = _meta(updated_at, _PROFILE + "as-dp-practitioner", _CORE + "fr-core-practitioner")
    if not person.is_active:
        return fhir.Practitioner(
            id=fhir_id(person.id_nat), meta=meta, language="fr", identifier=tuple(identifiers), active=False
        )
    first = person.exercises[0] if person.exercises else None
    civility = first.civility if first is not None else ""
    name = HumanName(
        use="usual",
        family=(first.family if first is not None else "") or person.family,
        given=_texts((first.given if first is not None else "") or person.given),
        prefix=_texts(person.civility),
        suffix=_texts(civility),
    )
    return fhir.Practitioner(
        id=fhir_id(person.id_nat),
        meta=meta,
        language="fr",
        extension=(_trace("RPPS", updated_at), *map(_smartcard, cards)),
        identifier=tuple(identifiers),
        active=True,
        name=(name,),
        telecom=tuple(map(mailbox_contact, mailboxes)),
        qualification=(
            *(item for exercise in person.exercises for item in _qualifications(exercise)),
            *(
                fhir.PractitionerQualification(code=_concept((nos("TRE_R14-TypeDiplome"), item.type), ("", item.code)))
                for item in person.qualifications
            ),
        ),
    )


def _qualifications(exercise: Exercise) -> list[fhir.PractitionerQualification]:
    found = [
        fhir.PractitionerQualification(
            code=_concept((SYSTEM_PROFESSION, exercise.profession), (SYSTEM_CATEGORY, exercise.category))
        )
    ]
    if exercise.skill:
        system = (
            nos(_SKILL_SYSTEMS[exercise.skill_type]) if exercise.skill_type in _SKILL_SYSTEMS else SYSTEM_SPECIALITY
        )
        code = _concept((system, exercise.skill), (SYSTEM_SKILL_TYPE, exercise.skill_type))
        found.append(fhir.PractitionerQualification(code=code))
    return found


def practitioner_role(
    id_nat: str, activity: Activity, mailboxes: list[Mailbox], updated_at: datetime, *, is_active: bool
) -> fhir.PractitionerRole:
    """A situation of exercise; a closed one has its identifier alone."""
    meta = _meta(updated_at, _PROFILE + "as-dp-practitionerrole")
    identifier = (Identifier(use="official", system=SYSTEM_RPPS, value=activity.id),)
    if not is_active:
        return fhir.PractitionerRole(id=activity.id, meta=meta, language="fr", identifier=identifier, active=False)
    codes = (
        (SYSTEM_GENRE, activity.genre),
        (SYSTEM_MODE, activity.mode),
        (SYSTEM_ROLE, activity.role),
        (SYSTEM_SECTION, activity.pharmacy_section),
    )
    structure = activity.structure
    return fhir.PractitionerRole(
        id=activity.id,
        meta=meta,
        language="fr",
        extension=(_trace("RPPS", updated_at),),
        identifier=identifier,
        active=True,
        practitioner=Reference(reference=f"Practitioner/{fhir_id(id_nat)}"),
        organization=Reference(reference=f"Organization/{fhir_id(structure.id)}") if structure is not None else None,
        code=tuple(_concept(pair) for pair in codes if pair[1]),
        telecom=tuple(map(mailbox_contact, mailboxes)),
    )


def organization(structure: Structure, mailboxes: list[Mailbox], updated_at: datetime) -> fhir.Organization:
    """A structure; a closed one has identifiers and name alone."""
    pairs = (
        (SYSTEM_STRUCTURE, "IDNST", structure.id_nat),
        (SYSTEM_FINESS, "FINEG", structure.finess),
        (SYSTEM_SIRENE, "SIREN", structure.siren),
        (SYSTEM_SIRENE, "SIRET", structure.siret),
        (SYSTEM_RPPS_RANK, "RPPSRG", structure.id_nat[1:] if structure.id_nat.startswith("4") else ""),
    )
    identifiers = tuple(_identifier(*pair) for pair in pairs if pair[2])
    meta = _meta(updated_at, _PROFILE + "as-dp-organization", _CORE + "fr-core-organization")
    name = structure.sign or structure.name
    if not structure.is_active:
        return fhir.Organization(
            id=fhir_id(structure.id), meta=meta, language="fr", identifier=identifiers, active=False, name=name or None
        )
    types = [_typed("organizationType", _V2_3307, "GEOGRAPHICAL-ENTITY")]
    if structure.sector:
        types.append(_typed("secteurActiviteRASS", SYSTEM_SECTOR, structure.sector))
    if structure.category:
        types.append(_concept((SYSTEM_ESTABLISHMENT, structure.category)))
    parent = Identifier(system=SYSTEM_FINESS, value=structure.finess_ej) if structure.finess_ej else None
    return fhir.Organization(
        id=fhir_id(structure.id),
        meta=meta,
        language="fr",
        extension=(_trace("FINESS" if structure.finess else "RPPS", updated_at, structure.authority),),
        identifier=identifiers,
        active=True,
        type=tuple(types),
        name=name or None,
        alias=_texts(structure.name if structure.sign and structure.name != structure.sign else ""),
        telecom=(*_contacts(structure), *map(mailbox_contact, mailboxes)),
        address=_address(structure),
        part_of=Reference(identifier=parent) if parent is not None else None,
    )


def healthcare_service(service: HealthcareService, updated_at: datetime) -> fhir.HealthcareService:
    """An authorised activity or a social equipment."""
    profile = f"{_PROFILE}as-dp-healthcareservice-{service.kind}"
    identifier = (Identifier(use="official", system=SYSTEM_EQUIPMENT, value=service.id),)
    meta = _meta(updated_at, profile)
    if not service.is_active:
        return fhir.HealthcareService(
            id=fhir_id(service.id), meta=meta, language="fr", identifier=identifier, active=False
        )
    return fhir.HealthcareService(
        id=fhir_id(service.id),
        meta=meta,
        language="fr",
        identifier=identifier,
        active=True,
        provided_by=Reference(reference=f"Organization/{fhir_id(service.structure)}"),
        category=_some("", service.category),
        type=_some(nos("TRE_R209-TypeActivite"), service.type),
        characteristic=_some(nos("TRE_R276-FormeActivite"), service.characteristic),
    )


def device(equipment: Equipment, updated_at: datetime) -> fhir.Device:
    """A heavy medical equipment."""
    identifier = (Identifier(use="official", system=SYSTEM_EQUIPMENT, value=equipment.id),)
    meta = _meta(updated_at, _PROFILE + "as-dp-device")
    if not equipment.is_active:
        return fhir.Device(id=fhir_id(equipment.id), meta=meta, language="fr", identifier=identifier, status="inactive")
    return fhir.Device(
        id=fhir_id(equipment.id),
        meta=meta,
        language="fr",
        identifier=identifier,
        status="active",
        manufacturer=equipment.manufacturer or None,
        model_number=equipment.model or None,
        type=_concept((SYSTEM_EQUIPMENT_TYPE, equipment.type)) if equipment.type else None,
        owner=Reference(reference=f"Organization/{fhir_id(equipment.structure)}"),
    )


def mailbox_contact(box: Mailbox) -> ContactPoint:
    """An MSSanté mailbox (profile as-mailbox-mss). Red-listed boxes never come here."""
    metadata = [
        Extension(
            url="type",
            value_codeable_concept=_concept((nos("TRE_R257-TypeBAL"), box.type.value)),
        )
    ]
    if box.description:
        metadata.append(Extension(url="description", value_string=box.description))
    if box.service:
        metadata.append(Extension(url="service", value_string=box.service))
    metadata.append(Extension(url="listeRouge", value_boolean=box.red_list))
    return ContactPoint(
        system="email",
        value=box.address,
        rank=box.rank or None,
        extension=(
            Extension(
                url=_CORE + "fr-core-contact-point-email-type",
                value_coding=Coding(system=nos("TRE_R256-TypeMessagerie"), code="MSSANTE"),
            ),
            Extension(url=_PROFILE + "as-ext-mailbox-mss-metadata", extension=tuple(metadata)),
        ),
    )


def _smartcard(card: SmartCard) -> Extension:
    return Extension(
        url=_PROFILE + "as-ext-smartcard",
        extension=(
            Extension(url="type", value_codeable_concept=_concept(("", card.type))),
            Extension(url="number", value_string=card.number),
            Extension(
                url="period",
                value_period=Period(start=card.valid_from.isoformat(), end=card.valid_to.isoformat()),
            ),
        ),
    )


def _trace(system: str, updated_at: datetime, authority: str = "") -> Extension:
    parts = [Extension(url="systeme-information", value_code=system)]
    if authority:
        parts.insert(0, Extension(url="autorite-enregistrement", value_string=authority))
    parts.append(Extension(url="date-maj-ae", value_date_time=updated_at.isoformat()))
    return Extension(url=_PROFILE + "as-ext-data-trace", extension=tuple(parts))


def _typed(kind: str, system: str, code: str) -> CodeableConcept:
    extension = Extension(url=_PROFILE + "as-ext-organization-types", value_code=kind)
    return CodeableConcept(extension=(extension,), coding=(Coding(system=system, code=code),))


def _identifier(system: str, kind: str, value: str) -> Identifier:
    return Identifier(use="official", type=_concept((_V2_0203, kind)), system=system, value=value)


def _meta(updated_at: datetime, *profiles: str) -> Meta:
    return Meta(last_updated=updated_at.isoformat(), source="https://annuaire.sante.fr", profile=profiles)


def _concept(*codings: tuple[str, str]) -> CodeableConcept:
    return CodeableConcept(coding=tuple(Coding(system=system or None, code=code) for system, code in codings if code))


def _some(system: str, code: str) -> tuple[CodeableConcept, ...]:
    return (_concept((system, code)),) if code else ()


def _texts(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


def _contacts(structure: Structure) -> list[ContactPoint]:
    found = [ContactPoint(system="phone", value=number) for number in (structure.phone, structure.phone2) if number]
    if structure.fax:
        found.append(ContactPoint(system="fax", value=structure.fax))
    if structure.email:
        found.append(ContactPoint(system="email", value=structure.email))
    return found


def _address(structure: Structure) -> tuple[Address, ...]:
    street = (structure.street_number + structure.street_suffix, structure.street_type, structure.street)
    lines = (
        structure.recipient,
        structure.location,
        " ".join(part for part in street if part),
        structure.place,
        structure.city_line,
    )
    if not any((*lines, structure.postal_code, structure.city)):
        return ()
    return (
        Address(
            use="work",
            line=tuple(line for line in lines if line),
            city=structure.city or None,
            postal_code=structure.postal_code or None,
            country=structure.country or None,
        ),
    )
