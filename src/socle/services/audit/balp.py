"""A trace in the shape of IHE's Basic Audit Log Patterns: client, server and user; what a REST interaction it was.

TdE and BALP contradict each other (decision record 0123): who asks for ``_profile=https://profiles.ihe.net/ITI/BALP/…``
gets this shape. BALP speaks of what succeeded; refusals are in the national shape alone.

Source: IHE BALP 1.1, ``IHE.BasicAudit.PatientQuery`` and its siblings.
"""

from __future__ import annotations

from typing import Final

import msgspec

from socle.platform.audit import Action, Outcome, Trace
from socle.services.audit.events import DCM, audit_event_of
from socle.services.audit.service import FED
from socle.standards.fhir.resources import (
    AuditEvent,
    AuditEventAgent,
    AuditEventAgentNetwork,
    AuditEventEntity,
)
from socle.standards.fhir.types import CodeableConcept, Coding, Identifier, Meta, Reference
from socle.standards.ids.ins import Ins

PROFILES: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
_REST: Final = Coding(
    system="http://terminology.hl7.org/CodeSystem/audit-event-type", code="rest", display="RESTful Operation"
)
_INTERACTIONS: Final = "http://hl7.org/fhir/restful-interaction"
_PARTICIPATIONS: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
#: Profile, interaction and part of the user, by action.
_PATTERNS: Final = {
    Action.CREATE: ("Create", "create", "AUT"),
    Action.READ: ("Read", "read", "IRCP"),
    Action.UPDATE: ("Update", "update", "AUT"),
    Action.DELETE: ("Delete", "delete", "CST"),
    Action.EXECUTE: ("Query", "search-type", "IRCP"),
}
_QUERY_ROLE: Final = "24"


def profile_of(trace: Trace) -> str | None:
    """The BALP profile of which the trace is an instance, if there is one."""
    event = trace.event
    queries = event.action is not Action.EXECUTE or any(subject.type == "query" for subject in event.subjects)
    touches = event.action is Action.EXECUTE or any(subject.type != "query" for subject in event.subjects)
    if event.outcome is not Outcome.SUCCESS or event.transaction.startswith(FED) or not (queries and touches):
        return None
    return f"{PROFILES}{'Patient' if event.patient_key else ''}{_PATTERNS[event.action][0]}"


def balp_event_of(trace: Trace, url: str, patient: Ins | None = None) -> AuditEvent:
    """The AuditEvent of a trace that has a profile, as the server at ``url`` observed it."""
    event = audit_event_of(trace, url, patient)
    _, interaction, part = _PATTERNS[trace.event.action]
    assert event.meta is not None
    meta: Meta = msgspec.structs.replace(event.meta, profile=(profile_of(trace) or "",))
    return msgspec.structs.replace(
        event,
        meta=meta,
        type=_REST,
        subtype=(Coding(system=_INTERACTIONS, code=interaction), *event.subtype),
        agent=(_client(trace, event), _server(url), _user(event.agent[0], part)),
        entity=tuple(_asked(entity) for entity in event.entity),
    )


def _client(trace: Trace, event: AuditEvent) -> AuditEventAgent:
    actor = trace.event.actor
    who = event.agent[1].who if len(event.agent) > 1 else Reference(display=actor.origin or actor.id)
    return AuditEventAgent(
        type=CodeableConcept(coding=(Coding(system=DCM, code="110153", display="Source Role ID"),)),
        who=who,
        requestor=False,
        network=AuditEventAgentNetwork(address=actor.origin or "unknown", type="2"),
    )


def _server(url: str) -> AuditEventAgent:
    return AuditEventAgent(
        type=CodeableConcept(coding=(Coding(system=DCM, code="110152", display="Destination Role ID"),)),
        who=Reference(type="Device", display="Socle", identifier=Identifier(value=url)),
        requestor=False,
        network=AuditEventAgentNetwork(address=url, type="5"),
    )


def _user(user: AuditEventAgent, part: str) -> AuditEventAgent:
    kind = CodeableConcept(coding=(Coding(system=_PARTICIPATIONS, code=part),))
    return msgspec.structs.replace(user, type=kind, network=None)


def _asked(entity: AuditEventEntity) -> AuditEventEntity:
    """The entity; of a query what was asked, and nothing that it points to."""
    if entity.role is None or entity.role.code != _QUERY_ROLE:
        return entity
    asked = (entity.name or "").encode()
    return msgspec.structs.replace(entity, what=None, query=asked, description=entity.name, name=None)
