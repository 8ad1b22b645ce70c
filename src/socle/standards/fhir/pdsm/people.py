"""Authors, authenticators and patients: the XCN, XON and XTN texts of XDS and the contained resources of FHIR.

A professional is a ``PractitionerRole`` with its ``Practitioner`` and ``Organization``, software a ``Device``, a person
who speaks for herself a ``Patient``. References by identifier alone, as in the guides' examples, are read too.

Source: PDSm 3.1.1, correspondence tables; fact sheet dmp-exchange §2.1, §2.3, §3.3.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, TypeVar

import msgspec

from socle.standards.errors import MalformedInput
from socle.standards.fhir.pdsm import vocabulary as v
from socle.standards.fhir.pdsm.systems import scheme_of, url_of
from socle.standards.fhir.resources import (
    AdministrativeGenderCode,
    Device,
    DeviceDeviceName,
    DomainResource,
    Organization,
    Patient,
    Practitioner,
    PractitionerRole,
    RelatedPerson,
    Resource,
)
from socle.standards.fhir.types import (
    CodeableConcept,
    Coding,
    ContactPoint,
    Extension,
    HumanName,
    Identifier,
    NameUseCode,
    Reference,
)
from socle.standards.ids import ins
from socle.standards.ids.hl7 import Cx, Xcn, Xon
from socle.standards.ids.oids import PS_IDNAT, STRUCT_IDNAT
from socle.standards.xds.model import Author

#: Finds what a reference points to: a contained resource, or another entry of the bundle.
Resolve = Callable[[Reference], Resource | None]
R = TypeVar("R", bound=DomainResource)

_GENDERS: Final[dict[str, AdministrativeGenderCode]] = {"M": "male", "F": "female", "U": "unknown", "O": "other"}
_SEXES: Final[dict[str, str]] = {gender: sex for sex, gender in _GENDERS.items()}
_NAME_USES: Final[dict[str, NameUseCode]] = {"L": "official", "D": "usual", "S": "nickname"}
_NAME_TYPES: Final[dict[str, str]] = {use: kind for kind, use in _NAME_USES.items()}
#: ``PID-5`` with a family name, a given name and one of the name types that FHIR has a use for.
_PLAIN_NAME = re.compile(r"(?=[^^]+\^|\^[^^]+\^)[^^]*\^[^^]*\^\^\^\^\^[LDSU]")
#: National identifiers that other profiles write without their PS_IdNat or Struct_IdNat prefix.
_PERSON_PREFIXES: Final = {"RPPS": "8", "ADELI": "0"}
_STRUCTURE_PREFIXES: Final = {"FINEG": "1", "FINEJ": "1", "SIREN": "2", "SIRET": "3"}
_SYSTEM_TYPES: Final = {
    "https://rpps.esante.gouv.fr": "RPPS",
    "http://rpps.fr": "RPPS",
    "https://finess.esante.gouv.fr": "FINEG",
    "http://finess.sante.gouv.fr": "FINEG",
    "https://sirene.fr": "SIRET",
}


class Contained:
    """Collects contained resources, each once, and gives the references to them."""

    def __init__(self) -> None:
        self._ids: dict[DomainResource, str] = {}

    def add(self, resource: DomainResource) -> Reference:
        """A reference to ``resource``, which has no id yet."""
        name = self._ids.setdefault(resource, f"{type(resource).__name__.lower()}{len(self._ids) + 1}")
        return Reference(reference="#" + name)

    @property
    def resources(self) -> tuple[DomainResource, ...]:
        """All of them, with their ids."""
        return tuple(msgspec.structs.replace(resource, id=name) for resource, name in self._ids.items())


# --- writing ------------------------------------------------------------------------------------------------------


def write_author(author: Author, contained: Contained) -> Reference:
    """A reference to the contained resource of ``author``."""
    person = _parse_xcn(author.person) if author.person else None
    institutions = [contained.add(organization_of(text)) for text in author.institutions]
    telecom = tuple(_contact_of(text) for text in author.telecommunications)
    if person is not None and person.id_type in ("RI", "NH"):
        extra = tuple(Extension(url=v.AUTHOR_ROLE, value_string=role) for role in author.roles)
        extra += tuple(
            Extension(url=v.AUTHOR_SPECIALTY, value_codeable_concept=_specialty_of(text)) for text in author.specialties
        )
        if person.id_type == "RI":
            extra += tuple(Extension(url=v.AUTHOR_INSTITUTION, value_reference=other) for other in institutions[1:])
            return contained.add(_device_of(person, institutions[:1], telecom, extra))
        extra += tuple(Extension(url=v.AUTHOR_INSTITUTION, value_reference=other) for other in institutions)
        return contained.add(
            Patient(identifier=(_identifier_of(person),), name=_names_of(person), telecom=telecom, extension=extra)
        )
    return contained.add(
        PractitionerRole(
            extension=tuple(Extension(url=v.AUTHOR_INSTITUTION, value_reference=other) for other in institutions[1:]),
            practitioner=contained.add(practitioner_of(author.person)) if author.person else None,
            organization=institutions[0] if institutions else None,
            code=tuple(CodeableConcept(text=role) for role in author.roles),
            specialty=tuple(map(_specialty_of, author.specialties)),
            telecom=telecom,
        )
    )


@lru_cache(maxsize=1024)
def practitioner_of(person: str) -> Practitioner:
    """The ``Practitioner`` of an XCN."""
    xcn = _parse_xcn(person)
    if xcn is None:
        return Practitioner(name=(HumanName(text=person),))
    return Practitioner(identifier=(_identifier_of(xcn),) if xcn.id else (), name=_names_of(xcn))


@lru_cache(maxsize=1024)
def organization_of(institution: str) -> Organization:
    """The ``Organization`` of an XON."""
    try:
        xon = Xon.parse(institution)
    except MalformedInput:
        return Organization(name=institution)
    identifier = _identifier(xon.id, xon.authority, xon.id_type)
    return Organization(identifier=(identifier,) if xon.id else (), name=xon.name or None)


def source_patient_of(source_patient_id: str, information: tuple[str, ...]) -> Patient | None:
    """The contained ``Patient`` of ``sourcePatientId`` and ``sourcePatientInfo``; none if both are empty."""
    identifiers: list[Identifier] = []
    names: list[HumanName] = []
    kept: list[Extension] = []
    gender: AdministrativeGenderCode | None = None
    birth_date: str | None = None
    if source_patient_id:
        identifiers.append(msgspec.structs.replace(_identifier_of_cx(source_patient_id), use="usual"))
    for field in information:
        name, _, content = field.partition("|")
        if name == "PID-3" and content:
            identifiers.append(_identifier_of_cx(content))
        elif name == "PID-5" and _PLAIN_NAME.fullmatch(content):
            names.append(_name_of_pid(content))
        elif name == "PID-7" and len(content) in (4, 6, 8) and content.isdecimal() and birth_date is None:
            birth_date = "-".join(part for part in (content[:4], content[4:6], content[6:]) if part)
        elif name == "PID-8" and content in _GENDERS and gender is None:
            gender = _GENDERS[content]
        elif field:
            kept.append(Extension(url=v.SOURCE_PATIENT_INFO, value_string=field))
    if not (identifiers or names or kept or gender or birth_date):
        return None
    return Patient(
        identifier=tuple(identifiers), name=tuple(names), extension=tuple(kept), gender=gender, birth_date=birth_date
    )


def _identifier_of_cx(text: str) -> Identifier:
    try:
        cx = Cx.parse(text)
    except MalformedInput:
        return Identifier(value=text)
    return _identifier(cx.id, cx.authority, cx.id_type)


def _name_of_pid(content: str) -> HumanName:
    family, given, *_, kind = content.split("^")
    name = HumanName(family=family or None, given=(given,) if given else ())
    return msgspec.structs.replace(name, use=_NAME_USES.get(kind))


def _names_of(xcn: Xcn) -> tuple[HumanName, ...]:
    if not (xcn.family or xcn.given):
        return ()
    return (HumanName(family=xcn.family or None, given=(xcn.given,) if xcn.given else ()),)


def _device_of(
    xcn: Xcn, owners: list[Reference], telecom: tuple[ContactPoint, ...], extra: tuple[Extension, ...]
) -> Device:
    return Device(
        extension=extra,
        identifier=(_identifier_of(xcn),),
        device_name=(DeviceDeviceName(name=xcn.family, type="user-friendly-name"),) if xcn.family else (),
        model_number=xcn.given or None,
        owner=owners[0] if owners else None,
        contact=telecom,
    )


def _identifier_of(xcn: Xcn) -> Identifier:
    return _identifier(xcn.id, xcn.authority, xcn.id_type)


def _identifier(value: str, authority: str, kind: str) -> Identifier:
    system = v.FR_IDENTIFIER_TYPE if kind in v.FR_CORE_TYPES else v.V2_IDENTIFIER_TYPE
    concept = CodeableConcept(coding=(Coding(system=system, code=kind),)) if kind else None
    return Identifier(type=concept, system=url_of(authority), value=value)


def _specialty_of(text: str) -> CodeableConcept:
    code, _, rest = text.partition("^")
    label, _, scheme = rest.partition("^")
    if not code or not scheme or "^" in scheme:
        return CodeableConcept(text=text)
    return CodeableConcept(coding=(Coding(system=url_of(scheme), code=code, display=label or None),))


def _contact_of(xtn: str) -> ContactPoint:
    parts = xtn.split("^")
    if len(parts) == 4 and parts[2].lower() == "internet" and parts[3] and not (parts[0] or parts[1]):
        return ContactPoint(system="email", value=parts[3])
    if len(parts) == 12 and parts[2] == "PH" and parts[11] and not any(parts[:2] + parts[3:11]):
        return ContactPoint(system="phone", value=parts[11])
    return ContactPoint(system="other", value=xtn)


# --- reading ------------------------------------------------------------------------------------------------------


def read_author(reference: Reference, resolve: Resolve) -> Author:
    """The author that ``reference`` names. An unresolvable one with an identifier gives that identifier."""
    found = resolve(reference)
    if isinstance(found, PractitionerRole):
        return Author(
            person=read_person(found.practitioner, resolve) if found.practitioner else "",
            institutions=_institutions(found.organization, found.extension, resolve),
            roles=tuple(text for concept in found.code if (text := _label(concept))),
            specialties=tuple(map(_specialty_text, found.specialty)),
            telecommunications=tuple(map(_xtn, found.telecom)),
        )
    if isinstance(found, Organization):
        return Author(institutions=(institution_text(found),))
    if isinstance(found, Device | Patient):
        return Author(
            person=read_person(reference, resolve),
            institutions=_institutions(found.owner if isinstance(found, Device) else None, found.extension, resolve),
            roles=tuple(e.value_string for e in found.extension if e.url == v.AUTHOR_ROLE and e.value_string),
            specialties=tuple(
                _specialty_text(e.value_codeable_concept)
                for e in found.extension
                if e.url == v.AUTHOR_SPECIALTY and e.value_codeable_concept
            ),
            telecommunications=tuple(map(_xtn, found.contact if isinstance(found, Device) else found.telecom)),
        )
    if found is None and reference.type == "Organization":
        return Author(institutions=(read_institution(reference, resolve),))
    return Author(person=read_person(reference, resolve))


def read_person(reference: Reference, resolve: Resolve) -> str:
    """The XCN of the person or system that ``reference`` names; empty if it names none."""
    found = resolve(reference)
    if isinstance(found, PractitionerRole):
        return read_person(found.practitioner, resolve) if found.practitioner else ""
    if isinstance(found, Device):
        name = found.device_name[0].name if found.device_name else ""
        return _xcn(_pick(found.identifier), name, found.model_number or "", "RI")
    if isinstance(found, Practitioner | Patient | RelatedPerson):
        if not found.identifier and len(found.name) == 1 and (raw := found.name[0].text) and not found.name[0].family:
            return raw
        family, given = _family_and_given(found.name)
        return _xcn(_pick(found.identifier), family, given, "NH" if isinstance(found, Patient) else "")
    if isinstance(found, Organization):
        return _xcn(_pick(found.identifier), found.name or "", "", "")
    if reference.identifier is not None:
        return _xcn(reference.identifier, reference.display or "", "", "")
    return ""


def read_institution(reference: Reference, resolve: Resolve) -> str:
    """The XON of the organisation that ``reference`` names; empty if it names none."""
    found = resolve(reference)
    if isinstance(found, Organization):
        return institution_text(found)
    if reference.identifier is not None or reference.display:
        identifiers = (reference.identifier,) if reference.identifier else ()
        return institution_text(Organization(identifier=identifiers, name=reference.display))
    return ""


def institution_text(organization: Organization) -> str:
    """The XON of an ``Organization``; empty if it has neither name nor identifier."""
    identifier = _pick(organization.identifier)
    if identifier is None or not identifier.value:
        return Xon(name=organization.name).encode() if organization.name else ""
    kind = _type_of(identifier)
    if kind in _STRUCTURE_PREFIXES and scheme_of(identifier.system) not in ("1.3.2", STRUCT_IDNAT):
        identifier = Identifier(system=f"urn:oid:{STRUCT_IDNAT}", value=_STRUCTURE_PREFIXES[kind] + identifier.value)
        kind = "IDNST"
    authority = scheme_of(identifier.system)
    return Xon(
        name=organization.name or "",
        id=identifier.value or "",
        authority=authority,
        id_type=kind or ("IDNST" if authority == STRUCT_IDNAT else ""),
    ).encode()


def read_source_patient(patient: Patient) -> tuple[str, tuple[str, ...]]:
    """``sourcePatientId`` and ``sourcePatientInfo`` of a contained ``Patient``."""
    local = next((i for i in patient.identifier if i.use == "usual"), None)
    information = [f"PID-3|{_cx(i)}" for i in patient.identifier if i is not local and i.value]
    if local is None:
        local = next((i for i in patient.identifier if _type_of(i) == "PI"), None) or _pick(patient.identifier)
    for name in patient.name:
        kind = _NAME_TYPES.get(name.use or "", "U")
        information.append(f"PID-5|{name.family or ''}^{' '.join(name.given)}^^^^^{kind}")
    if patient.birth_date:
        information.append(f"PID-7|{patient.birth_date.replace('-', '')}")
    if patient.gender:
        information.append(f"PID-8|{_SEXES[patient.gender]}")
    information += [e.value_string for e in patient.extension if e.url == v.SOURCE_PATIENT_INFO and e.value_string]
    return _cx(local) if local is not None and local.value else "", tuple(information)


def _institutions(first: Reference | None, extensions: tuple[Extension, ...], resolve: Resolve) -> tuple[str, ...]:
    others = [e.value_reference for e in extensions if e.url == v.AUTHOR_INSTITUTION]
    found = [read_institution(reference, resolve) for reference in (first, *others) if reference is not None]
    return tuple(filter(None, found))


def _family_and_given(names: tuple[HumanName, ...]) -> tuple[str, str]:
    if not names:
        return "", ""
    name = next((name for name in names if name.use in ("official", "usual")), names[0])
    return name.family or ("" if name.given else name.text or ""), " ".join(name.given)


def _pick(identifiers: tuple[Identifier, ...]) -> Identifier | None:
    """The national identifier if there is one, else the first."""
    wanted = (PS_IDNAT, STRUCT_IDNAT, *ins.AUTHORITIES)
    for identifier in identifiers:
        if scheme_of(identifier.system) in wanted:
            return identifier
    return identifiers[0] if identifiers else None


def _type_of(identifier: Identifier) -> str:
    if identifier.type is not None:
        for coding in identifier.type.coding:
            if coding.code:
                return coding.code
    return _SYSTEM_TYPES.get(identifier.system or "", "")


def _xcn(identifier: Identifier | None, family: str, given: str, default_type: str) -> str:
    value, authority, kind = "", PS_IDNAT, default_type
    if identifier is not None and identifier.value:
        value, authority, found = identifier.value, scheme_of(identifier.system), _type_of(identifier)
        if found in _PERSON_PREFIXES and authority != PS_IDNAT:
            value, authority, found = _PERSON_PREFIXES[found] + value, PS_IDNAT, "IDNPS"
        if found.startswith("INS-") or authority in ins.AUTHORITIES:
            found = "NH"
        kind = found or kind or ("IDNPS" if authority == PS_IDNAT else "EI")
    if not (value or family):
        return ""
    name_type = "U" if kind == "RI" else "D"
    return Xcn(id=value, family=family, given=given, authority=authority, name_type=name_type, id_type=kind).encode()


def _cx(identifier: Identifier) -> str:
    authority, kind = scheme_of(identifier.system), _type_of(identifier)
    if not authority and not kind:
        return identifier.value or ""
    if kind.startswith("INS-") or (not kind and authority in ins.AUTHORITIES):
        kind = "NH"
    return Cx(id=identifier.value or "", authority=authority, id_type=kind or "PI").encode()


def _label(concept: CodeableConcept) -> str:
    return concept.text or next((coding.display or coding.code or "" for coding in concept.coding), "")


def _specialty_text(concept: CodeableConcept) -> str:
    coding = next((coding for coding in concept.coding if coding.code and coding.system), None)
    if coding is None:
        return _label(concept)
    label = (coding.display or concept.text or "").replace("^", " ")
    return f"{coding.code}^{label}^{scheme_of(coding.system)}"


def _xtn(contact: ContactPoint) -> str:
    if contact.system == "email":
        return f"^^Internet^{contact.value or ''}"
    if contact.system == "phone":
        return f"^^PH^^^^^^^^^{contact.value or ''}"
    return contact.value or ""


@lru_cache(maxsize=1024)
def _parse_xcn(text: str) -> Xcn | None:
    try:
        return Xcn.parse(text)
    except MalformedInput:
        return None
