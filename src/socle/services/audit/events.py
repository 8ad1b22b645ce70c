"""A trace as a FHIR AuditEvent, and what of a fed AuditEvent the trail needs.

Two agents at most, as TdE and MHD together allow: the user who asked, and the software of the user's structure.

Source: TdE 2.0.0 ``tde-auditevent`` (BALP: ``balp``); fact sheet dmp-exchange §7.1, §7.2.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from socle.platform.actor import Actor, ActorKind, Purpose
from socle.platform.audit import Action, Subject, Trace
from socle.services.audit.service import FED
from socle.standards.errors import InvalidContent, Text
from socle.standards.fhir.json_codec import decode_json
from socle.standards.fhir.pdsm.systems import is_oid, scheme_of, url_of
from socle.standards.fhir.resources import (
    AuditEvent,
    AuditEventActionCode,
    AuditEventAgent,
    AuditEventAgentNetwork,
    AuditEventEntity,
    AuditEventEntityDetail,
    AuditEventOutcomeCode,
    AuditEventSource,
)
from socle.standards.fhir.types import CodeableConcept, Coding, Identifier, Meta, Period, Reference
from socle.standards.ids.ins import AUTHORITIES, Ins
from socle.standards.ids.oids import PS_IDNAT, STRUCT_IDNAT

PROFILE: Final = "https://interop.esante.gouv.fr/ig/fhir/tde/StructureDefinition/tde-auditevent"
DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
EVENT_TYPES: Final = "urn:ihe:event-type-code"
OWN_TYPES: Final = "urn:socle:transaction"
_AUDIT_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-event-type"
_ENTITY_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ENTITY_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_PURPOSE: Final = "https://mos.esante.gouv.fr/NOS/TRE_R248-ModeAccesVIHF/FHIR/TRE-R248-ModeAccesVIHF"
_OPERATOR: Final = "urn:socle:operator"
_ACCOUNT: Final = "urn:socle:account"
_PATIENT_KEY: Final = "urn:socle:patient-key"

#: DICOM event identifiers by transaction; the others are told by their first word.
_EVENTS: Final = {
    **dict.fromkeys(("ITI-41", "ITI-42", "ITI-57", "ITI-65", "ITI-105"), ("110107", "Import")),
    **dict.fromkeys(("ITI-43", "ITI-68"), ("110106", "Export")),
    **dict.fromkeys(("ITI-18", "ITI-66", "ITI-67"), ("110112", "Query")),
    **dict.fromkeys(("ITI-81", "traces", "traces.own"), ("110101", "Audit Log Used")),
    "login": ("110114", "User Authentication"),
}
_PATIENT_RECORD: Final = ("110110", "Patient Record")
#: Entity type and role by kind of subject; what is not there is a system object.
_ENTITIES: Final = {"document": ("2", "3"), "submission-set": ("2", "20"), "query": ("2", "24"), "trace": ("2", "13")}
_ACTIONS: Final[dict[Action, AuditEventActionCode]] = {
    Action.CREATE: "C",
    Action.READ: "R",
    Action.UPDATE: "U",
    Action.DELETE: "D",
    Action.EXECUTE: "E",
}
_OUTCOMES: Final[dict[int, AuditEventOutcomeCode]] = {0: "0", 4: "4", 8: "8", 12: "12"}


def trace_id(trace: Trace) -> str:
    """The FHIR id of a trace: its chain and its place in it."""
    return f"{trace.chain}.{trace.sequence}"


def place_of(name: str) -> tuple[UUID, int] | None:
    """The inverse of ``trace_id``."""
    chain, _, sequence = name.partition(".")
    try:
        return UUID(chain), int(sequence) if len(sequence) < 15 else 0
    except ValueError:
        return None


def audit_event_of(trace: Trace, url: str, patient: Ins | None = None) -> AuditEvent:
    """The AuditEvent of ``trace``, as the server at ``url`` observed it. ``patient`` is whose it is, when known."""
    event = trace.event
    if event.transaction.startswith(FED):
        return _fed(trace)
    assert event.recorded is not None
    recorded = event.recorded.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    code, display = _EVENTS.get(event.transaction, _PATIENT_RECORD)
    is_iti = event.transaction.startswith("ITI-")
    return AuditEvent(
        id=trace_id(trace),
        meta=Meta(version_id="1", last_updated=recorded, profile=(PROFILE,)),
        type=Coding(system=DCM, code=code, display=display),
        subtype=(Coding(system=EVENT_TYPES if is_iti else OWN_TYPES, code=event.transaction),),
        action=_ACTIONS[event.action],
        period=Period(start=recorded, end=recorded),
        recorded=recorded,
        outcome=_OUTCOMES[int(event.outcome)],
        outcome_desc=event.right or None,
        purpose_of_event=_purposes(event.actor),
        agent=_agents(event.actor, event.right),
        source=AuditEventSource(observer=Reference(type="Device", display="Socle", identifier=Identifier(value=url))),
        entity=(*_patient_entity(event.patient_key, patient, event.detail), *map(_entity, event.subjects)),
    )


def _fed(trace: Trace) -> AuditEvent:
    event = decode_json(trace.event.detail.encode(), AuditEvent)
    values = {name: getattr(event, name) for name in event.__struct_fields__}
    return AuditEvent(**(values | {"id": trace_id(trace)}))


def _purposes(actor: Actor) -> tuple[CodeableConcept, ...]:
    if actor.purpose is Purpose.NORMAL:
        return ()
    return (CodeableConcept(coding=(Coding(system=_PURPOSE, code=actor.purpose.value),), text=actor.reason or None),)


def _agents(actor: Actor, right: str) -> tuple[AuditEventAgent, ...]:
    role = Coding(system=url_of(actor.profession_system), code=actor.profession) if actor.profession else None
    user = AuditEventAgent(
        role=(CodeableConcept(coding=(role,)),) if role else (),
        who=Reference(identifier=Identifier(system=_system_of(actor), value=actor.id), display=actor.name or None),
        requestor=True,
        policy=(f"urn:socle:right:{right}",) if right and " " not in right else (),
        network=AuditEventAgentNetwork(address=actor.origin, type="2") if actor.origin else None,
    )
    if not (actor.software or actor.structure):
        return (user,)
    structure = Identifier(system=f"urn:oid:{STRUCT_IDNAT}", value=actor.structure) if actor.structure else None
    name = " ".join(part for part in (actor.software, actor.software_version) if part) or actor.structure_name
    software = AuditEventAgent(
        type=CodeableConcept(coding=(Coding(system=DCM, code="110153", display="Source Role ID"),)),
        who=Reference(identifier=structure, display=name or None),
        name=actor.structure_name or None,
        requestor=False,
    )
    return (user, software)


def _system_of(actor: Actor) -> str:
    if actor.kind in (ActorKind.PROFESSIONAL, ActorKind.SYSTEM):
        return f"urn:oid:{PS_IDNAT}"
    return _OPERATOR if actor.kind in (ActorKind.OPERATOR, ActorKind.BASE) else _ACCOUNT


def _patient_entity(key: UUID | None, patient: Ins | None, detail: str) -> tuple[AuditEventEntity, ...]:
    if key is None:
        return ()
    identifier = Identifier(system=_PATIENT_KEY, value=str(key))
    if patient is not None:
        identifier = Identifier(system=f"urn:oid:{patient.oid}", value=patient.matricule)
    return (
        AuditEventEntity(
            what=Reference(type="Patient", identifier=identifier),
            type=Coding(system=_ENTITY_TYPE, code="1", display="Person"),
            role=Coding(system=_ENTITY_ROLE, code="1", display="Patient"),
            detail=(AuditEventEntityDetail(type="detail", value_string=detail),) if detail else (),
        ),
    )


def _entity(subject: Subject) -> AuditEventEntity:
    kind, role = _ENTITIES.get(subject.type, ("2", "4"))
    value = f"urn:oid:{subject.id}" if is_oid(subject.id) else subject.id
    named = subject.label or (subject.id if subject.type == "query" else "")
    system = "urn:ietf:rfc:3986" if value.startswith("urn:") else None
    return AuditEventEntity(
        what=Reference(identifier=Identifier(system=system, value=value)),
        type=Coding(system=_ENTITY_TYPE, code=kind),
        role=Coding(system=_ENTITY_ROLE, code=role),
        name=named or None,
        description=subject.type,
    )


def check_fed(event: AuditEvent) -> tuple[str, Action, Ins | None]:
    """Transaction, action and patient of an AuditEvent that another system feeds. Raises ``InvalidContent``."""
    for is_kept, name in (
        (len(event.subtype) <= 1, "subtype"),
        (event.period is not None and event.period.start is not None, "period.start"),
        (len(event.agent) <= 2, "agent"),
        (all(agent.who is not None for agent in event.agent), "agent.who"),
    ):
        if not is_kept:
            raise InvalidContent(
                "TDEProfile",
                Text(f"Le profil tde-auditevent n'est pas respecté : {name}.", f"Against tde-auditevent: {name}."),
                location=f"AuditEvent.{name}",
                requirement="TdE 2.0.0 tde-auditevent",
            )
    action = Action(event.action) if event.action else Action.EXECUTE
    code = (event.subtype[0].code if event.subtype else None) or event.type.code or ""
    return code, action, _patient_in(event)


def _patient_in(event: AuditEvent) -> Ins | None:
    for entity in event.entity:
        identifier = entity.what.identifier if entity.what else None
        if identifier is not None and identifier.value and scheme_of(identifier.system) in AUTHORITIES:
            return Ins.from_cx(f"{identifier.value}^^^&{scheme_of(identifier.system)}&ISO^NH")
    return None
