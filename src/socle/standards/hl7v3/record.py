"""Record management: existence test, creation, reactivation, update, closing, and demographics queries.

Source: fact sheet "DMP exchange" §5.2, §5.3, §8.7; HL7 V3 Patient Registry; IHE ITI-47 (PDQ V3).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final, TypeVar

import msgspec
from lxml import etree
from msgspec.structs import replace

from socle.standards.errors import MalformedInput, Text
from socle.standards.hl7v3.names import (
    ATTACHED_TO_MES,
    AUTHORIZATION,
    HL7,
    IS_MINOR,
    MEDECIN_TRAITANT,
    OID_CLOSING,
    OID_CONSENT,
    OID_DMP,
    OID_INTERACTION,
    OID_REASON,
    OID_STATUS,
    Consent,
    Interaction,
    Reason,
)
from socle.standards.ids.ins import AUTHORITIES, Ins
from socle.standards.soap.envelope import text_of

_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_NAMES: Final = {"h": HL7}
_E = TypeVar("_E", bound=StrEnum)


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Traits of a person as the messages carry them."""

    birth_name: str = ""
    usage_name: str = ""
    given_names: tuple[str, ...] = ()
    #: ``M``, ``F`` or ``U``.
    sex: str = ""
    birth_date: date | None = None
    birth_place: str = ""
    telecoms: tuple[str, ...] = ()


class RecordRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request. ``ins`` is absent from a demographics query only."""

    interaction: Interaction
    reason: Reason | None
    message_id: str
    query_id: str = ""
    sender_oid: str = ""
    sender_name: str = ""
    is_test: bool = True
    created_at: datetime
    ins: Ins | None = None
    person: Person = Person()
    consents: dict[Consent, bool] = {}
    closing_code: str = ""
    closing_text: str = ""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One person of an answer, with the state of the record: ``active``, ``terminated`` or empty."""

    ins: Ins
    person: Person = Person()
    state: str = ""


class RecordAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. ``code`` and ``text`` detail the acknowledgement (``DMPOk``, ``DMPFound`` …)."""

    interaction: Interaction
    to_message_id: str
    is_accepted: bool
    code: str = ""
    text: str = ""
    is_found: bool = True
    candidates: tuple[Candidate, ...] = ()
    authorization: str = ""
    is_medecin_traitant: bool | None = None
    is_attached_to_mes: bool | None = None
    is_minor: bool | None = None
    closed_at: datetime | None = None
    closing_code: str = ""
    closing_text: str = ""


# --- requests -----------------------------------------------------------------------------------------------------


def read_record_request(root: etree._Element) -> RecordRequest:
    """The request of an interaction element. Raises ``MalformedInput`` (``DMPMalformedMessage``)."""
    interaction = _enum(Interaction, etree.QName(root).localname, etree.QName(root).localname)
    if etree.QName(root).namespace != HL7:
        raise _malformed("/")
    act = _find(root, "h:controlActProcess")
    reason = _attribute(act, "h:reasonCode", "code")
    return RecordRequest(
        interaction=interaction,
        reason=_enum(Reason, reason, "reasonCode/@code") if reason else None,
        message_id=_identifier(root),
        query_id=_attribute(act, "h:queryByParameter/h:queryId", "extension"),
        sender_oid=_attribute(root, "h:sender/h:device/h:id", "root"),
        sender_name=_text(root, "h:sender/h:device/h:softwareName"),
        is_test=_attribute(root, "h:processingCode", "code") != "P",
        created_at=_read_time(_attribute(root, "h:creationTime", "value"), "creationTime"),
        ins=_read_ins(act),
        person=_read_query_person(act) if interaction is Interaction.FIND_CANDIDATES else _read_person(act),
        consents=dict(_read_consents(act)),
        closing_code=_attribute(act, ".//h:detectedIssueEvent/h:code", "code"),
        closing_text=_text(act, ".//h:detectedIssueEvent/h:text"),
    )


def write_record_request(request: RecordRequest) -> etree._Element:
    """The interaction element of ``request``."""
    root = _write_wrapper(
        request.interaction,
        request.message_id,
        request.created_at,
        is_test=request.is_test,
        sender=(request.sender_oid, request.sender_name),
        receiver=(OID_DMP, "DMP"),
    )
    act = _write_act(root, request.reason)
    if request.interaction in (Interaction.GET, Interaction.FIND_CANDIDATES):
        _write_query(act, request)
    else:
        _write_subject(act, request)
    return root


def _write_query(act: etree._Element, request: RecordRequest) -> None:
    query = _add(act, "queryByParameter")
    _add(query, "queryId", root=request.sender_oid, extension=request.query_id)
    _add(query, "statusCode", code="new")
    parameters = _add(query, "parameterList")
    if request.interaction is Interaction.GET:
        assert request.ins is not None
        identifier = _add(parameters, "patientIdentifier")
        _add(identifier, "value", root=request.ins.oid, extension=request.ins.matricule)
        _add(identifier, "semanticsText", text="Patient.id")
        return
    person = request.person
    if person.sex:
        _add(_add(parameters, "livingSubjectAdministrativeGender"), "value", code=person.sex)
    if person.birth_date:
        _add(_add(parameters, "livingSubjectBirthTime"), "value", value=f"{person.birth_date:%Y%m%d}")
    value = _add(_add(parameters, "livingSubjectName"), "value")
    _write_names(value, person)


def _write_subject(act: etree._Element, request: RecordRequest) -> None:
    assert request.ins is not None
    subject = _add(act, "subject", typeCode="SUBJ")
    event = _add(subject, "registrationEvent", classCode="REG", moodCode="EVN")
    patient = _write_patient(event, request.ins, request.person, "terminated" if request.closing_code else "active")
    for consent, value in request.consents.items():
        observation = _add(_add(patient, "subjectOf"), "administrativeObservation", classCode="OBS", moodCode="EVN")
        _add(observation, "code", code=consent, codeSystem=OID_CONSENT)
        _add(observation, "value", kind="BL", value="true" if value else "false")
    if request.closing_code:
        _write_closing(act, request.closing_code, request.closing_text)


def _read_consents(act: etree._Element) -> Iterator[tuple[Consent, bool]]:
    for observation in act.iterfind(".//h:administrativeObservation", _NAMES):
        code = _attribute(observation, "h:code", "code")
        if code in Consent.__members__.values():
            yield Consent(code), _attribute(observation, "h:value", "value") == "true"


# --- answers ------------------------------------------------------------------------------------------------------


def write_record_answer(answer: RecordAnswer, request: RecordRequest | None, at: datetime) -> etree._Element:
    """The interaction element that answers ``request``."""
    root = _write_wrapper(
        answer.interaction,
        str(uuid.uuid4()),
        at,
        is_test=request is None or request.is_test,
        sender=(OID_DMP, "DMP"),
        receiver=("" if request is None else request.sender_oid, "" if request is None else request.sender_name),
    )
    acknowledgement = _add(root, "acknowledgement")
    _add(acknowledgement, "typeCode", code="AA" if answer.is_accepted else "AE")
    _add(_add(acknowledgement, "targetMessage"), "id", root=OID_DMP, extension=answer.to_message_id)
    if answer.code:
        detail = _add(acknowledgement, "acknowledgementDetail", typeCode="I" if answer.is_accepted else "E")
        _add(detail, "code", code=answer.code)
        _add(detail, "text", text=answer.text)
    act = _write_act(root, request.reason if request else None)
    for candidate in answer.candidates:
        subject = _add(act, "subject", typeCode="SUBJ")
        event = _add(subject, "registrationEvent", classCode="REG", moodCode="EVN")
        _add(event, "statusCode", code=candidate.state or "active")
        patient = _write_patient(event, candidate.ins, candidate.person, candidate.state)
        _write_status(patient, answer)
    if answer.closing_code:
        _write_closing(act, answer.closing_code, answer.closing_text, answer.closed_at)
    if answer.interaction in (Interaction.GET_ANSWER, Interaction.CANDIDATES):
        query = _add(act, "queryAck")
        _add(
            query, "queryId", root=request.sender_oid if request else "", extension=request.query_id if request else ""
        )
        _add(query, "queryResponseCode", code=_query_code(answer))
        if answer.interaction is Interaction.CANDIDATES:
            _add(query, "resultTotalQuantity", value=str(len(answer.candidates)))
    return root


def _query_code(answer: RecordAnswer) -> str:
    if not answer.is_accepted:
        return "AE"
    return "OK" if answer.is_found else "NF"


def _write_status(patient: etree._Element, answer: RecordAnswer) -> None:
    for code, value in (
        (AUTHORIZATION, answer.authorization or None),
        (MEDECIN_TRAITANT, answer.is_medecin_traitant),
        (ATTACHED_TO_MES, answer.is_attached_to_mes),
        (IS_MINOR, answer.is_minor),
    ):
        if value is not None:
            observation = _add(_add(patient, "subjectOf"), "administrativeObservation", classCode="OBS", moodCode="EVN")
            _add(observation, "code", code=code, codeSystem=OID_STATUS)
            if isinstance(value, bool):
                _add(observation, "value", kind="BL", value="true" if value else "false")
            else:
                _add(observation, "value", kind="CV", code=value, codeSystem=OID_STATUS)


def read_record_answer(root: etree._Element) -> RecordAnswer:
    """The answer of an interaction element. Raises ``MalformedInput``."""
    act = _find(root, "h:controlActProcess")
    interaction = _enum(Interaction, etree.QName(root).localname, etree.QName(root).localname)
    closed_at = _attribute(act, ".//h:detectedIssueEvent/h:effectiveTime", "value")
    status = dict(_read_status(act))
    return RecordAnswer(
        interaction=interaction,
        to_message_id=_attribute(root, "h:acknowledgement/h:targetMessage/h:id", "extension"),
        is_accepted=_attribute(root, "h:acknowledgement/h:typeCode", "code") == "AA",
        code=_attribute(root, "h:acknowledgement/h:acknowledgementDetail/h:code", "code"),
        text=_text(root, "h:acknowledgement/h:acknowledgementDetail/h:text"),
        is_found=_attribute(act, "h:queryAck/h:queryResponseCode", "code") in ("OK", ""),
        candidates=tuple(_read_candidate(event) for event in act.iterfind("h:subject/h:registrationEvent", _NAMES)),
        authorization=status.get(AUTHORIZATION, ""),
        is_medecin_traitant=_boolean(status.get(MEDECIN_TRAITANT)),
        is_attached_to_mes=_boolean(status.get(ATTACHED_TO_MES)),
        is_minor=_boolean(status.get(IS_MINOR)),
        closed_at=_read_time(closed_at, "effectiveTime") if closed_at else None,
        closing_code=_attribute(act, ".//h:detectedIssueEvent/h:code", "code"),
        closing_text=_text(act, ".//h:detectedIssueEvent/h:text"),
    )


def _read_candidate(event: etree._Element) -> Candidate:
    return Candidate(
        ins=_read_ins(event) or Ins("", ""),
        person=_read_person(event),
        state=_attribute(event, ".//h:patient/h:statusCode", "code"),
    )


def _read_status(act: etree._Element) -> Iterator[tuple[str, str]]:
    for observation in act.iterfind(".//h:administrativeObservation", _NAMES):
        value = observation.find("h:value", _NAMES)
        if value is not None:
            yield _attribute(observation, "h:code", "code"), value.get("code") or value.get("value") or ""


def _boolean(text: str | None) -> bool | None:
    return None if text is None else text == "true"


# --- parts --------------------------------------------------------------------------------------------------------


def _write_wrapper(
    interaction: Interaction,
    message_id: str,
    at: datetime,
    *,
    is_test: bool,
    sender: tuple[str, str],
    receiver: tuple[str, str],
) -> etree._Element:
    root = etree.Element(f"{{{HL7}}}{interaction}", nsmap={None: HL7, "xsi": _XSI})
    root.set("ITSVersion", "XML_1.0")
    _add(root, "id", root=sender[0], extension=message_id)
    _add(root, "creationTime", value=f"{at.astimezone(UTC):%Y%m%d%H%M%S}")
    _add(root, "interactionId", root=OID_INTERACTION, extension=interaction)
    _add(root, "processingCode", code="D" if is_test else "P")
    _add(root, "processingModeCode", code="T")
    _add(root, "acceptAckCode", code="AL")
    for name, code, (oid, software) in (("receiver", "RCV", receiver), ("sender", "SND", sender)):
        device = _add(_add(root, name, typeCode=code), "device", classCode="DEV", determinerCode="INSTANCE")
        _add(device, "id", root=oid)
        if software:
            _add(device, "softwareName", text=software)
    return root


def _write_act(root: etree._Element, reason: Reason | None) -> etree._Element:
    act = _add(root, "controlActProcess", classCode="CACT", moodCode="EVN")
    if reason is not None:
        _add(act, "reasonCode", code=reason, codeSystem=OID_REASON)
    return act


def _write_patient(event: etree._Element, ins: Ins, person: Person, state: str) -> etree._Element:
    patient = _add(_add(event, "subject1", typeCode="SBJ"), "patient", classCode="PAT")
    _add(patient, "id", root=ins.oid, extension=ins.matricule)
    if state:
        _add(patient, "statusCode", code=state)
    if person != Person():
        element = _add(patient, "patientPerson", classCode="PSN", determinerCode="INSTANCE")
        _write_names(_add(element, "name"), person)
        for telecom in person.telecoms:
            _add(element, "telecom", value=telecom)
        if person.sex:
            _add(element, "administrativeGenderCode", code=person.sex)
        if person.birth_date:
            _add(element, "birthTime", value=f"{person.birth_date:%Y%m%d}")
        if person.birth_place:
            _add(_add(_add(element, "birthPlace"), "addr"), "city", text=person.birth_place)
    return patient


def _write_names(name: etree._Element, person: Person) -> None:
    for qualifier, family in (("SP", person.usage_name), ("BR", person.birth_name)):
        if family:
            _add(name, "family", text=family, qualifier=qualifier)
    for given in person.given_names:
        _add(name, "given", text=given)


def _read_query_person(act: etree._Element) -> Person:
    parameters = _find(act, "h:queryByParameter/h:parameterList")
    return replace(
        _read_names(parameters.find("h:livingSubjectName/h:value", _NAMES)),
        sex=_attribute(parameters, "h:livingSubjectAdministrativeGender/h:value", "code"),
        birth_date=_read_date(_attribute(parameters, "h:livingSubjectBirthTime/h:value", "value")),
    )


def _read_person(parent: etree._Element) -> Person:
    element = parent.find(".//h:patient/h:patientPerson", _NAMES)
    if element is None:
        return Person()
    return replace(
        _read_names(element.find("h:name", _NAMES)),
        sex=_attribute(element, "h:administrativeGenderCode", "code"),
        birth_date=_read_date(_attribute(element, "h:birthTime", "value")),
        birth_place=_text(element, "h:birthPlace/h:addr/h:city"),
        telecoms=tuple(telecom.get("value", "") for telecom in element.iterfind("h:telecom", _NAMES)),
    )


def _read_names(name: etree._Element | None) -> Person:
    if name is None:
        return Person()
    families = {family.get("qualifier", "BR"): text_of(family) for family in reversed(name.findall("h:family", _NAMES))}
    return Person(
        birth_name=families.get("BR", ""),
        usage_name=families.get("SP", ""),
        given_names=tuple(text_of(given) for given in name.iterfind("h:given", _NAMES)),
    )


def _write_closing(act: etree._Element, code: str, text: str, at: datetime | None = None) -> None:
    event = _add(_add(act, "reasonOf", typeCode="RSON"), "detectedIssueEvent", classCode="ALRT", moodCode="EVN")
    _add(event, "code", code=code, codeSystem=OID_CLOSING)
    if text:
        _add(event, "text", text=text)
    if at is not None:
        _add(event, "effectiveTime", value=f"{at.astimezone(UTC):%Y%m%d%H%M%S}")


def _read_ins(parent: etree._Element) -> Ins | None:
    """The first identifier under an authority of the INS, of a query or of a patient."""
    for path in (".//h:patientIdentifier/h:value", ".//h:patient/h:id"):
        for element in parent.iterfind(path, _NAMES):
            if element.get("root") in AUTHORITIES:
                return Ins(element.get("extension", ""), element.get("root", ""))
    return None


def _add(parent: etree._Element, name: str, *, text: str = "", kind: str = "", **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, f"{{{HL7}}}{name}")
    if kind:
        element.set(f"{{{_XSI}}}type", kind)
    for key, value in attributes.items():
        if value:
            element.set(key, value)
    if text:
        element.text = text
    return element


def _find(parent: etree._Element, path: str) -> etree._Element:
    found = parent.find(path, _NAMES)
    if found is None:
        raise _malformed(path.replace("h:", ""))
    return found


def _attribute(parent: etree._Element, path: str, name: str) -> str:
    found = parent.find(path, _NAMES)
    return "" if found is None else found.get(name, "")


def _text(parent: etree._Element, path: str) -> str:
    found = parent.find(path, _NAMES)
    return "" if found is None else text_of(found)


def _identifier(root: etree._Element) -> str:
    return _attribute(root, "h:id", "extension") or _attribute(root, "h:id", "root")


def _enum(kind: type[_E], text: str, location: str) -> _E:
    try:
        return kind(text)
    except ValueError as error:
        raise _malformed(location) from error


def _read_time(text: str, location: str) -> datetime:
    try:
        return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError as error:
        raise _malformed(location) from error


def _read_date(text: str) -> date | None:
    if not text:
        return None
    try:
        return datetime.strptime(text[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise _malformed("birthTime") from error


def _malformed(location: str) -> MalformedInput:
    return MalformedInput(
        "DMPMalformedMessage",
        Text(
            f"Le message HL7 V3 est incomplet ou illisible : {location}.",
            f"The HL7 V3 message is incomplete or unreadable: {location}.",
        ),
        location=location,
        requirement="CI-SIS Gestion de dossier patient partagé",
    )
