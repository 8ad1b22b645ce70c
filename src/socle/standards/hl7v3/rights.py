"""Services of rights: authorisation of the caller (TD0.3), list of professionals (TD1.6), list of records (TD0.4).

Their schemas are not public beyond the names of the fact sheet; elements follow those names.

Source: fact sheet "DMP exchange" §5.1, §5.4, §8.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import msgspec
from lxml import etree

from socle.standards.errors import MalformedInput, Text
from socle.standards.hl7v3.names import HABILITATIONS, PATIENTS
from socle.standards.soap.envelope import text_of

MEDECIN_TRAITANT: Final = "MEDECIN_TRAITANT"


class AuthorizationAction(StrEnum):
    """What TD0.3 does."""

    ADD = "AJOUT"
    REMOVE = "SUPPRESSION"


class ListMode(StrEnum):
    """Which lines TD1.6 lists."""

    ACTIVE = "ACTIVE"
    FORBIDDEN = "INTERDITE"
    ALL = "TOUTE"


class SetAuthorization(msgspec.Struct, frozen=True):
    """Request of TD0.3."""

    action: AuthorizationAction
    is_medecin_traitant: bool = False


class RightsAnswer(msgspec.Struct, frozen=True):
    """Outcome of TD0.3."""

    code: str
    text: str = ""


class AuthorizedProfessional(msgspec.Struct, frozen=True, kw_only=True):
    """One line of TD1.6. ``date`` is ``ddMMyyyy``; ``status`` is VALIDE, EXPIRE or INTERDIT."""

    national_id: str
    last_name: str
    first_name: str = ""
    date: str = ""
    status: str = ""
    role: str = ""


class PatientListRequest(msgspec.Struct, frozen=True):
    """Request of TD0.4: records authorised (``LASTAUTORIZATION``) or fed since ``date`` (``ddMMyyyy``)."""

    date: str = ""
    type: str = "LASTAUTORIZATION"

    @property
    def since(self) -> datetime | None:
        """Midnight UTC of ``date``."""
        return datetime.strptime(self.date, "%d%m%Y").replace(tzinfo=UTC) if self.date else None


class ListedPatient(msgspec.Struct, frozen=True, kw_only=True):
    """One line of TD0.4; dates are ``ddMMyyyy``."""

    ins: str
    last_name: str = ""
    first_name: str = ""
    date_of_birth: str = ""
    authorized_on: str = ""
    last_document_on: str = ""


def write_set_authorization(request: SetAuthorization) -> etree._Element:
    """The body of TD0.3."""
    element = _root(HABILITATIONS, "setAuthorization")
    _add(element, "action", request.action)
    _add(element, "role", MEDECIN_TRAITANT if request.is_medecin_traitant else "")
    return element


def read_set_authorization(element: etree._Element) -> SetAuthorization:
    """The request of TD0.3. Raises ``MalformedInput``."""
    action, role = _child(element, "action"), _child(element, "role")
    if action not in AuthorizationAction.__members__.values() or role not in ("", MEDECIN_TRAITANT):
        raise _malformed("action, role")
    return SetAuthorization(AuthorizationAction(action), role == MEDECIN_TRAITANT)


def write_rights_answer(answer: RightsAnswer, request: etree._Element | None = None) -> etree._Element:
    """The answer of TD0.3, or the refusal of any other ``request``."""
    name = etree.QName(request) if request is not None else etree.QName(HABILITATIONS, "setAuthorization")
    element = _root(name.namespace or HABILITATIONS, f"{name.localname}Response")
    _add(element, "status", answer.code)
    _add(element, "message", answer.text)
    return element


def read_rights_answer(element: etree._Element) -> RightsAnswer:
    """The outcome of TD0.3, TD0.4 or TD1.6."""
    return RightsAnswer(_child(element, "status"), _child(element, "message"))


def write_list_request(mode: ListMode) -> etree._Element:
    """The body of TD1.6."""
    element = _root(HABILITATIONS, "listAuthorizationByPatient")
    _add(element, "mode", mode)
    return element


def read_list_request(element: etree._Element) -> ListMode:
    """The mode asked for. Raises ``MalformedInput``."""
    mode = _child(element, "mode") or ListMode.ALL
    if mode not in ListMode.__members__.values():
        raise _malformed("mode")
    return ListMode(mode)


def write_list_answer(lines: list[AuthorizedProfessional]) -> etree._Element:
    """The answer of TD1.6."""
    return _write_lines(_root(HABILITATIONS, "listAuthorizationByPatientResponse"), _AUTHORIZATION, lines)


def read_list_answer(element: etree._Element) -> list[AuthorizedProfessional]:
    """The lines of TD1.6."""
    return [AuthorizedProfessional(**line) for line in _read_lines(element, _AUTHORIZATION)]


def write_patient_list_request(request: PatientListRequest) -> etree._Element:
    """The body of TD0.4."""
    element = _root(PATIENTS, "patientList")
    _add(element, "date", request.date)
    _add(element, "type", request.type)
    return element


def read_patient_list_request(element: etree._Element) -> PatientListRequest:
    """The request of TD0.4. Raises ``MalformedInput``."""
    request = PatientListRequest(_child(element, "date"), _child(element, "type"))
    try:
        _ = request.since
    except ValueError as error:
        raise _malformed("date") from error
    return request


def write_patient_list_answer(lines: list[ListedPatient]) -> etree._Element:
    """The answer of TD0.4."""
    return _write_lines(_root(PATIENTS, "patientListResponse"), _PATIENT, lines)


def read_patient_list_answer(element: etree._Element) -> list[ListedPatient]:
    """The lines of TD0.4."""
    return [ListedPatient(**line) for line in _read_lines(element, _PATIENT)]


class _Line(msgspec.Struct, frozen=True):
    """The element of one line, and the field that each of its children carries, in order."""

    element: str
    fields: dict[str, str]


_AUTHORIZATION: Final = _Line(
    "authorization",
    {
        "nationalId": "national_id",
        "firstName": "first_name",
        "lastName": "last_name",
        "date": "date",
        "role": "role",
        "state": "status",
    },
)
_PATIENT: Final = _Line(
    "patient",
    {
        "ins": "ins",
        "firstName": "first_name",
        "lastName": "last_name",
        "dateOfBirth": "date_of_birth",
        "authorizationDate": "authorized_on",
        "lastDocumentDate": "last_document_on",
    },
)


def _write_lines(answer: etree._Element, form: _Line, lines: Sequence[msgspec.Struct]) -> etree._Element:
    _add(answer, "status", "DMPOk")
    for line in lines:
        item = etree.SubElement(answer, f"{{{etree.QName(answer).namespace}}}{form.element}")
        for name, field in form.fields.items():
            _add(item, name, getattr(line, field))
    return answer


def _read_lines(answer: etree._Element, form: _Line) -> list[dict[str, str]]:
    items = answer.iterchildren(f"{{{etree.QName(answer).namespace}}}{form.element}")
    return [{field: _child(item, name) for name, field in form.fields.items()} for item in items]


def _root(namespace: str, name: str) -> etree._Element:
    return etree.Element(f"{{{namespace}}}{name}", nsmap={None: namespace})


def _add(parent: etree._Element, name: str, text: str) -> None:
    if text:
        namespace = etree.QName(parent).namespace
        etree.SubElement(parent, f"{{{namespace}}}{name}").text = text


def _child(parent: etree._Element, name: str) -> str:
    """The text of a child, in the parent's namespace or in none."""
    for tag in (f"{{{etree.QName(parent).namespace}}}{name}", name):
        found = parent.find(tag)
        if found is not None:
            return text_of(found)
    return ""


def _malformed(location: str) -> MalformedInput:
    return MalformedInput(
        "DMPMalformedMessage",
        Text(f"Valeur absente ou inconnue : {location}.", f"Missing or unknown value: {location}."),
        location=location,
        requirement="DMPi TD0.3, TD0.4, TD1.6",
    )
