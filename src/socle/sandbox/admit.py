"""``POST /sandbox/admit``: makes the person whom a document names known, qualified and with an open DMP, at once.

So that a vendor can send any document without preparing its patient. In a sandbox alone.
The body is a CDA document (XML), whose recordTarget is read, or JSON (``AdmitRequest``).
"""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.web import json_response, read_body
from socle.services.dmp.domain import Door
from socle.services.dmp.service import DmpService
from socle.services.ins.domain import Person
from socle.services.ins.service import InsService
from socle.standards.cda.header import Patient, read_header
from socle.standards.errors import Conflict, InvalidContent, Text
from socle.standards.ids.ins import Ins
from socle.standards.ids.traits import Traits

_MAX_BYTES = 100 * 1024 * 1024
_OPERATOR = Actor(kind=ActorKind.OPERATOR, id="sandbox", name="Bac à sable", authentication=AuthenticationMode.OPERATOR)


class AdmitRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person to admit: INS (``matricule^^^&oid&ISO^NH``) and the five traits; ``birth_date`` is ``YYYY-MM-DD``."""

    ins: str
    birth_name: str
    given_names: str
    sex: str
    birth_date: str
    birth_place: str = ""
    used_name: str = ""


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """What there is now."""

    ins: str
    identity_status: str
    record: str


def routes(people: InsService, dmp: DmpService) -> list[BaseRoute]:
    """The door. Mounted in a sandbox alone."""

    async def admit(request: Request) -> Response:
        body = await read_body(request, _MAX_BYTES)
        is_json = request.headers.get("content-type", "").startswith("application/json")
        person, used_name = _from_json(body) if is_json else _from_document(body)
        return json_response(await admit_person(people, dmp, person, used_name))

    return [Route("/sandbox/admit", admit, methods=["POST"])]


async def admit_person(people: InsService, dmp: DmpService, person: Person, used_name: str = "") -> Admitted:
    """``person`` with a qualified INS and an open record. Doing it again changes nothing."""
    identity = await people.admit(_OPERATOR, person, used_name=used_name)
    try:
        record = await dmp.open_record(_OPERATOR, person.ins, door=Door.SANDBOX)
    except Conflict as error:
        if error.code != "DMPFound":
            raise
        return Admitted(ins=person.ins.to_cx(), identity_status=identity.status, record="active")
    return Admitted(ins=person.ins.to_cx(), identity_status=identity.status, record=record.state)


def _from_json(body: bytes) -> tuple[Person, str]:
    try:
        asked = msgspec.json.decode(body, type=AdmitRequest)
    except msgspec.DecodeError as error:
        raise InvalidContent(
            "AdmitRequest", Text(f"Demande illisible : {error}", f"Unreadable request: {error}")
        ) from error
    traits = Traits.of(asked.birth_name, asked.given_names, asked.sex, asked.birth_date, asked.birth_place)
    return Person(ins=Ins.from_cx(asked.ins), traits=traits), asked.used_name


def _from_document(body: bytes) -> tuple[Person, str]:
    return person_of(read_header(body).patient)


def person_of(patient: Patient) -> tuple[Person, str]:
    """The person and the name in use that a recordTarget states. Raises ``InvalidContent`` when it states no INS."""
    if patient.ins is None:
        raise InvalidContent(
            "AdmitWithoutIns",
            Text("Le document ne porte pas d'INS.", "The document has no INS."),
            location="recordTarget/patientRole/id",
            remedy=Text(
                "Ajoutez un identifiant sous l'OID de l'INS (test : 1.2.250.1.213.1.4.10).",
                "Add an identifier under the OID of the INS (test: 1.2.250.1.213.1.4.10).",
            ),
        )
    name = patient.name
    gender = patient.gender.code if patient.gender else ""
    birth = patient.birth_time.to_dtm()[:8] if patient.birth_time else ""
    traits = Traits.of(
        patient.birth_family or name.family,
        patient.birth_given_names or patient.first_birth_given or name.given,
        gender if gender in ("M", "F") else "I",
        birth.ljust(8, "0") if birth else "1900-00-00",
        patient.birth_place,
    )
    return Person(ins=patient.ins, traits=traits), patient.used_family
