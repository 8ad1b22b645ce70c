"""The header card: who the patient is, who wrote, when, for whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from socle.standards.cda.header import Assigned, Header, Organization, Patient
from socle.standards.cda.words import (
    label,
    say_address,
    say_concept,
    say_interval,
    say_moment,
    say_person,
    say_telecom,
)


class Fact(msgspec.Struct, frozen=True):
    """One labelled line of the card."""

    label: str
    value: str


class Card(msgspec.Struct, frozen=True):
    """The card: patient and document always shown, ``details`` on demand."""

    patient: tuple[Fact, ...]
    document: tuple[Fact, ...]
    details: tuple[Fact, ...]


def header_card(header: Header, language: str) -> Card:
    """The facts of a header that a reader needs, empty ones left out."""
    return Card(
        patient=_stated(_patient(header.patient, language), language),
        document=_stated(_document(header), language),
        details=_stated(_details(header, language), language),
    )


def _stated(facts: Iterable[tuple[str, str]], language: str) -> tuple[Fact, ...]:
    return tuple(Fact(label(key, language), value) for key, value in facts if value)


def _patient(patient: Patient, language: str) -> Iterator[tuple[str, str]]:
    yield "birth_name", patient.birth_family or patient.name.family
    yield "used_name", patient.used_family
    yield "birth_given", patient.birth_given_names or patient.first_birth_given or patient.name.given
    yield "used_given", patient.used_given
    yield "birth_date", say_moment(patient.birth_time)
    gender = patient.gender.code if patient.gender else ""
    yield "sex", label(gender, language) if gender in ("M", "F", "UN") else say_concept(patient.gender)
    place = " – ".join(part for part in (patient.birth_place, patient.birth_place_name) if part)
    yield "birth_place", place
    yield "ins", patient.ins.matricule if patient.ins else ""
    yield "local_id", patient.local_id.extension if patient.local_id else ""


def _document(header: Header) -> Iterator[tuple[str, str]]:
    yield "kind", say_concept(header.code)
    yield "created", say_moment(header.effective_time)
    for author in header.authors:
        yield "author", say_assigned(author.assigned)
    if header.legal_authenticator is not None:
        yield "legal_authenticator", say_assigned(header.legal_authenticator.assigned)
    for participant in header.participants:
        if participant.function is not None and participant.function.code == "PCP":
            yield "attending", say_assigned(participant.assigned)
    for recipient in header.recipients:
        yield "recipient", say_assigned(recipient)


def _details(header: Header, language: str) -> Iterator[tuple[str, str]]:
    yield "address", say_address(header.patient.address)
    yield "telecom", ", ".join(say_telecom(telecom) for telecom in header.patient.telecoms)
    for guardian in header.patient.guardians:
        yield "guardian", say_person(guardian.name) or _organization(guardian.organization)
    for informant in header.informants:
        key = "trusted" if informant.role == "NOK" else "informant"
        contact = ", ".join(say_telecom(telecom) for telecom in informant.assigned.telecoms)
        yield key, _join(say_person(informant.assigned.name), say_concept(informant.relation), contact)
    for authenticator in header.authenticators:
        yield "authenticator", say_assigned(authenticator.assigned)
    yield "custodian", _organization(header.custodian)
    for participant in header.participants:
        if participant.function is None or participant.function.code != "PCP":
            yield "participant", say_assigned(participant.assigned)
    for event in header.service_events:
        yield "event", _join(say_concept(event.code), say_interval(event.time, language))
        if event.performer is not None:
            yield "performer", say_assigned(event.performer)
    if header.encounter is not None:
        encounter = header.encounter
        yield "encounter", _join(say_concept(encounter.code), say_interval(encounter.time, language))
        yield (
            "place",
            _join(say_concept(encounter.facility), encounter.place_name, say_address(encounter.place_address)),
        )
    yield "version", header.version
    yield "replaces", header.replaced.root if header.replaced else ""
    yield "confidentiality", say_concept(header.confidentiality)


def say_assigned(assigned: Assigned) -> str:
    """Name, profession and structure of somebody in a role, or the system that acts."""
    device = f"{assigned.device.software} ({assigned.device.model})" if assigned.device else ""
    return _join(
        say_person(assigned.name) or device, say_concept(assigned.profession), _organization(assigned.organization)
    )


def _organization(organization: Organization | None) -> str:
    return organization.name if organization else ""


def _join(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
