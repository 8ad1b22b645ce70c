"""The resources of FHIR 4.0.1. Written by ``generate.py``: do not edit."""

from __future__ import annotations

from typing import Literal

import msgspec

from socle.standards.fhir.primitives import (
    Base64Binary,
    Boolean,
    Canonical,
    Code,
    Date,
    DateTime,
    Decimal,
    Id,
    Instant,
    Integer,
    Markdown,
    Oid,
    PositiveInt,
    String,
    Time,
    UnsignedInt,
    Uri,
    Url,
    Uuid,
    check_choices,
    check_finite,
    fhir_name,
)
from socle.standards.fhir.types import (
    Address,
    Age,
    Annotation,
    Attachment,
    BackboneElement,
    CodeableConcept,
    Coding,
    ContactDetail,
    ContactPoint,
    Contributor,
    Count,
    DataRequirement,
    Distance,
    Dosage,
    Duration,
    Element,
    Expression,
    Extension,
    HumanName,
    Identifier,
    Meta,
    Money,
    Narrative,
    ParameterDefinition,
    Period,
    Quantity,
    Range,
    Ratio,
    Reference,
    RelatedArtifact,
    SampledData,
    Signature,
    Timing,
    TriggerDefinition,
    UsageContext,
)

AdministrativeGenderCode = Literal["male", "female", "other", "unknown"]
AllergyIntoleranceCategoryCode = Literal["food", "medication", "environment", "biologic"]
AllergyIntoleranceCriticalityCode = Literal["low", "high", "unable-to-assess"]
AllergyIntoleranceSeverityCode = Literal["mild", "moderate", "severe"]
AllergyIntoleranceTypeCode = Literal["allergy", "intolerance"]
AppointmentStatusCode = Literal[
    "proposed",
    "pending",
    "booked",
    "arrived",
    "fulfilled",
    "cancelled",
    "noshow",
    "entered-in-error",
    "checked-in",
    "waitlist",
]
AuditEventActionCode = Literal["C", "R", "U", "D", "E"]
AuditEventAgentNetworkTypeCode = Literal["1", "2", "3", "4", "5"]
AuditEventOutcomeCode = Literal["0", "4", "8", "12"]
BundleTypeCode = Literal[
    "document",
    "message",
    "transaction",
    "transaction-response",
    "batch",
    "batch-response",
    "history",
    "searchset",
    "collection",
]
CapabilityStatementKindCode = Literal["instance", "capability", "requirements"]
CareTeamStatusCode = Literal["proposed", "active", "suspended", "inactive", "entered-in-error"]
CommunicationPriorityCode = Literal["routine", "urgent", "asap", "stat"]
CommunicationStatusCode = Literal[
    "preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error", "unknown"
]
CompositionAttestationModeCode = Literal["personal", "professional", "legal", "official"]
CompositionStatusCode = Literal["preliminary", "final", "amended", "entered-in-error"]
ConditionalDeleteStatusCode = Literal["not-supported", "single", "multiple"]
ConditionalReadStatusCode = Literal["not-supported", "modified-since", "not-match", "full-support"]
ConsentDataMeaningCode = Literal["instance", "related", "dependents", "authoredby"]
ConsentProvisionTypeCode = Literal["deny", "permit"]
ConsentStateCode = Literal["draft", "proposed", "active", "rejected", "inactive", "entered-in-error"]
CoverageStatusCode = Literal["active", "cancelled", "draft", "entered-in-error"]
DaysOfWeekCode = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DeviceNameTypeCode = Literal[
    "udi-label-name", "user-friendly-name", "patient-reported-name", "manufacturer-name", "model-name", "other"
]
DiagnosticReportStatusCode = Literal[
    "registered",
    "partial",
    "preliminary",
    "final",
    "amended",
    "corrected",
    "appended",
    "cancelled",
    "entered-in-error",
    "unknown",
]
DocumentConfidentialityCode = Literal["U", "L", "M", "N", "R", "V"]
DocumentModeCode = Literal["producer", "consumer"]
DocumentReferenceStatusCode = Literal["current", "superseded", "entered-in-error"]
DocumentRelationshipTypeCode = Literal["replaces", "transforms", "signs", "appends"]
EncounterLocationStatusCode = Literal["planned", "active", "reserved", "completed"]
EncounterStatusCode = Literal[
    "planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled", "entered-in-error", "unknown"
]
EndpointStatusCode = Literal["active", "suspended", "error", "off", "entered-in-error", "test"]
EventCapabilityModeCode = Literal["sender", "receiver"]
FHIRDeviceStatusCode = Literal["active", "inactive", "entered-in-error", "unknown"]
FHIRVersionCode = Literal[
    "0.01",
    "0.05",
    "0.06",
    "0.11",
    "0.0.80",
    "0.0.81",
    "0.0.82",
    "0.4.0",
    "0.5.0",
    "1.0.0",
    "1.0.1",
    "1.0.2",
    "1.1.0",
    "1.4.0",
    "1.6.0",
    "1.8.0",
    "3.0.0",
    "3.0.1",
    "3.3.0",
    "3.5.0",
    "4.0.0",
    "4.0.1",
]
FamilyHistoryStatusCode = Literal["partial", "completed", "entered-in-error", "health-unknown"]
HTTPVerbCode = Literal["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]
ImagingStudyStatusCode = Literal["registered", "available", "cancelled", "entered-in-error", "unknown"]
ImmunizationStatusCode = Literal["completed", "entered-in-error", "not-done"]
IssueSeverityCode = Literal["fatal", "error", "warning", "information"]
IssueTypeCode = Literal[
    "invalid",
    "structure",
    "required",
    "value",
    "invariant",
    "security",
    "login",
    "unknown",
    "expired",
    "forbidden",
    "suppressed",
    "processing",
    "not-supported",
    "duplicate",
    "multiple-matches",
    "not-found",
    "deleted",
    "too-long",
    "code-invalid",
    "extension",
    "too-costly",
    "business-rule",
    "conflict",
    "transient",
    "lock-error",
    "no-store",
    "exception",
    "timeout",
    "incomplete",
    "throttled",
    "informational",
]
LinkTypeCode = Literal["replaced-by", "replaces", "refer", "seealso"]
ListModeCode = Literal["working", "snapshot", "changes"]
ListStatusCode = Literal["current", "retired", "entered-in-error"]
LocationModeCode = Literal["instance", "kind"]
LocationStatusCode = Literal["active", "suspended", "inactive"]
MedicationAdministrationStatusCode = Literal[
    "in-progress", "not-done", "on-hold", "completed", "entered-in-error", "stopped", "unknown"
]
MedicationDispenseStatusCode = Literal[
    "preparation",
    "in-progress",
    "cancelled",
    "on-hold",
    "completed",
    "entered-in-error",
    "stopped",
    "declined",
    "unknown",
]
MedicationRequestIntentCode = Literal[
    "proposal", "plan", "order", "original-order", "reflex-order", "filler-order", "instance-order", "option"
]
MedicationRequestPriorityCode = Literal["routine", "urgent", "asap", "stat"]
MedicationRequestStatusCode = Literal[
    "active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown"
]
MedicationStatementStatusCode = Literal[
    "active", "completed", "entered-in-error", "intended", "stopped", "on-hold", "unknown", "not-taken"
]
MedicationStatusCode = Literal["active", "inactive", "entered-in-error"]
ObservationStatusCode = Literal[
    "registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"
]
ParticipantRequiredCode = Literal["required", "optional", "information-only"]
ParticipationStatusCode = Literal["accepted", "declined", "tentative", "needs-action"]
ProcedureStatusCode = Literal[
    "preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error", "unknown"
]
ProvenanceEntityRoleCode = Literal["derivation", "revision", "quotation", "source", "removal"]
PublicationStatusCode = Literal["draft", "active", "retired", "unknown"]
ReferenceHandlingPolicyCode = Literal["literal", "logical", "resolves", "enforced", "local"]
ReferredDocumentStatusCode = Literal["preliminary", "final", "amended", "entered-in-error"]
ResourceVersionPolicyCode = Literal["no-version", "versioned", "versioned-update"]
RestfulCapabilityModeCode = Literal["client", "server"]
SearchEntryModeCode = Literal["match", "include", "outcome"]
SearchParamTypeCode = Literal[
    "number", "date", "string", "token", "reference", "composite", "quantity", "uri", "special"
]
SectionModeCode = Literal["working", "snapshot", "changes"]
ServiceRequestIntentCode = Literal[
    "proposal",
    "plan",
    "directive",
    "order",
    "original-order",
    "reflex-order",
    "filler-order",
    "instance-order",
    "option",
]
ServiceRequestPriorityCode = Literal["routine", "urgent", "asap", "stat"]
ServiceRequestStatusCode = Literal["draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown"]
SlotStatusCode = Literal["busy", "free", "busy-unavailable", "busy-tentative", "entered-in-error"]
SpecimenStatusCode = Literal["available", "unavailable", "unsatisfactory", "entered-in-error"]
SubscriptionChannelTypeCode = Literal["rest-hook", "websocket", "email", "sms", "message"]
SubscriptionStatusCode = Literal["requested", "active", "error", "off"]
SystemRestfulInteractionCode = Literal["transaction", "batch", "search-system", "history-system"]
TaskIntentCode = Literal[
    "unknown", "proposal", "plan", "order", "original-order", "reflex-order", "filler-order", "instance-order", "option"
]
TaskPriorityCode = Literal["routine", "urgent", "asap", "stat"]
TaskStatusCode = Literal[
    "draft",
    "requested",
    "received",
    "accepted",
    "rejected",
    "ready",
    "cancelled",
    "in-progress",
    "on-hold",
    "failed",
    "completed",
    "entered-in-error",
]
TypeRestfulInteractionCode = Literal[
    "read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type"
]
UDIEntryTypeCode = Literal["barcode", "rfid", "manual", "card", "self-reported", "unknown"]


class Resource(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,
    rename=fhir_name,
    tag_field="resourceType",
    tag=True,
):
    """What every resource has."""

    id: Id | None = None
    meta: Meta | None = None
    implicit_rules: Uri | None = None
    implicit_rules_element: Element | None = None
    language: Code | None = None
    language_element: Element | None = None


class DomainResource(Resource, frozen=True, kw_only=True):
    """A resource with narrative, extensions, and contained resources."""

    text: Narrative | None = None
    contained: tuple[AnyResource, ...] = ()
    extension: tuple[Extension, ...] = ()
    modifier_extension: tuple[Extension, ...] = ()


class AllergyIntoleranceReaction(BackboneElement, frozen=True, kw_only=True):
    """Adverse Reaction Events linked to exposure to substance."""

    substance: CodeableConcept | None = None
    manifestation: tuple[CodeableConcept, ...]
    description: String | None = None
    description_element: Element | None = None
    onset: DateTime | None = None
    onset_element: Element | None = None
    severity: AllergyIntoleranceSeverityCode | None = None
    severity_element: Element | None = None
    exposure_route: CodeableConcept | None = None
    note: tuple[Annotation, ...] = ()


class AllergyIntolerance(DomainResource, frozen=True, kw_only=True):
    """Allergy or Intolerance (generally: Risk of adverse reaction to a substance)."""

    identifier: tuple[Identifier, ...] = ()
    clinical_status: CodeableConcept | None = None
    verification_status: CodeableConcept | None = None
    type: AllergyIntoleranceTypeCode | None = None
    type_element: Element | None = None
    category: tuple[AllergyIntoleranceCategoryCode, ...] = ()
    category_element: tuple[Element | None, ...] = ()
    criticality: AllergyIntoleranceCriticalityCode | None = None
    criticality_element: Element | None = None
    code: CodeableConcept | None = None
    patient: Reference
    encounter: Reference | None = None
    onset_date_time: DateTime | None = None
    onset_date_time_element: Element | None = None
    onset_age: Age | None = None
    onset_period: Period | None = None
    onset_range: Range | None = None
    onset_string: String | None = None
    onset_string_element: Element | None = None
    recorded_date: DateTime | None = None
    recorded_date_element: Element | None = None
    recorder: Reference | None = None
    asserter: Reference | None = None
    last_occurrence: DateTime | None = None
    last_occurrence_element: Element | None = None
    note: tuple[Annotation, ...] = ()
    reaction: tuple[AllergyIntoleranceReaction, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, onset=False)


class AppointmentParticipant(BackboneElement, frozen=True, kw_only=True):
    """Participants involved in appointment."""

    type: tuple[CodeableConcept, ...] = ()
    actor: Reference | None = None
    required: ParticipantRequiredCode | None = None
    required_element: Element | None = None
    status: ParticipationStatusCode
    status_element: Element | None = None
    period: Period | None = None


class Appointment(DomainResource, frozen=True, kw_only=True):
    """A booking of a healthcare event among patient(s), practitioner(s), related person(s) and/or device(s."""

    identifier: tuple[Identifier, ...] = ()
    status: AppointmentStatusCode
    status_element: Element | None = None
    cancelation_reason: CodeableConcept | None = None
    service_category: tuple[CodeableConcept, ...] = ()
    service_type: tuple[CodeableConcept, ...] = ()
    specialty: tuple[CodeableConcept, ...] = ()
    appointment_type: CodeableConcept | None = None
    reason_code: tuple[CodeableConcept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    priority: UnsignedInt | None = None
    priority_element: Element | None = None
    description: String | None = None
    description_element: Element | None = None
    supporting_information: tuple[Reference, ...] = ()
    start: Instant | None = None
    start_element: Element | None = None
    end: Instant | None = None
    end_element: Element | None = None
    minutes_duration: PositiveInt | None = None
    minutes_duration_element: Element | None = None
    slot: tuple[Reference, ...] = ()
    created: DateTime | None = None
    created_element: Element | None = None
    comment: String | None = None
    comment_element: Element | None = None
    patient_instruction: String | None = None
    patient_instruction_element: Element | None = None
    based_on: tuple[Reference, ...] = ()
    participant: tuple[AppointmentParticipant, ...]
    requested_period: tuple[Period, ...] = ()


class AuditEventEntityDetail(BackboneElement, frozen=True, kw_only=True):
    """Additional Information about the entity."""

    type: String
    type_element: Element | None = None
    value_string: String | None = None
    value_string_element: Element | None = None
    value_base64_binary: Base64Binary | None = None
    value_base64_binary_element: Element | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, value=True)


class AuditEventAgentNetwork(BackboneElement, frozen=True, kw_only=True):
    """Logical network location for application activity."""

    address: String | None = None
    address_element: Element | None = None
    type: AuditEventAgentNetworkTypeCode | None = None
    type_element: Element | None = None


class AuditEventEntity(BackboneElement, frozen=True, kw_only=True):
    """Data or objects used."""

    what: Reference | None = None
    type: Coding | None = None
    role: Coding | None = None
    lifecycle: Coding | None = None
    security_label: tuple[Coding, ...] = ()
    name: String | None = None
    name_element: Element | None = None
    description: String | None = None
    description_element: Element | None = None
    query: Base64Binary | None = None
    query_element: Element | None = None
    detail: tuple[AuditEventEntityDetail, ...] = ()


class AuditEventSource(BackboneElement, frozen=True, kw_only=True):
    """Audit Event Reporter."""

    site: String | None = None
    site_element: Element | None = None
    observer: Reference
    type: tuple[Coding, ...] = ()


class AuditEventAgent(BackboneElement, frozen=True, kw_only=True):
    """Actor involved in the event."""

    type: CodeableConcept | None = None
    role: tuple[CodeableConcept, ...] = ()
    who: Reference | None = None
    alt_id: String | None = None
    alt_id_element: Element | None = None
    name: String | None = None
    name_element: Element | None = None
    requestor: Boolean
    requestor_element: Element | None = None
    location: Reference | None = None
    policy: tuple[Uri, ...] = ()
    policy_element: tuple[Element | None, ...] = ()
    media: Coding | None = None
    network: AuditEventAgentNetwork | None = None
    purpose_of_use: tuple[CodeableConcept, ...] = ()


class AuditEvent(DomainResource, frozen=True, kw_only=True):
    """Event record kept for security purposes."""

    type: Coding
    subtype: tuple[Coding, ...] = ()
    action: AuditEventActionCode | None = None
    action_element: Element | None = None
    period: Period | None = None
    recorded: Instant
    recorded_element: Element | None = None
    outcome: AuditEventOutcomeCode | None = None
    outcome_element: Element | None = None
    outcome_desc: String | None = None
    outcome_desc_element: Element | None = None
    purpose_of_event: tuple[CodeableConcept, ...] = ()
    agent: tuple[AuditEventAgent, ...]
    source: AuditEventSource
    entity: tuple[AuditEventEntity, ...] = ()


class Binary(Resource, frozen=True, kw_only=True):
    """Pure binary content defined by a format other than FHIR."""

    content_type: Code
    content_type_element: Element | None = None
    security_context: Reference | None = None
    data: Base64Binary | None = None
    data_element: Element | None = None


class BundleEntrySearch(BackboneElement, frozen=True, kw_only=True):
    """Search related information."""

    mode: SearchEntryModeCode | None = None
    mode_element: Element | None = None
    score: Decimal | None = None
    score_element: Element | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_finite(self.score)


class BundleEntryRequest(BackboneElement, frozen=True, kw_only=True):
    """Additional execution information (transaction/batch/history)."""

    method: HTTPVerbCode
    method_element: Element | None = None
    url: Uri
    url_element: Element | None = None
    if_none_match: String | None = None
    if_none_match_element: Element | None = None
    if_modified_since: Instant | None = None
    if_modified_since_element: Element | None = None
    if_match: String | None = None
    if_match_element: Element | None = None
    if_none_exist: String | None = None
    if_none_exist_element: Element | None = None


class BundleEntryResponse(BackboneElement, frozen=True, kw_only=True):
    """Results of execution (transaction/batch/history)."""

    status: String
    status_element: Element | None = None
    location: Uri | None = None
    location_element: Element | None = None
    etag: String | None = None
    etag_element: Element | None = None
    last_modified: Instant | None = None
    last_modified_element: Element | None = None
    outcome: AnyResource | None = None


class BundleLink(BackboneElement, frozen=True, kw_only=True):
    """Links related to this Bundle."""

    relation: String
    relation_element: Element | None = None
    url: Uri
    url_element: Element | None = None


class BundleEntry(BackboneElement, frozen=True, kw_only=True):
    """Entry in the bundle - will have a resource or information."""

    link: tuple[BundleLink, ...] = ()
    full_url: Uri | None = None
    full_url_element: Element | None = None
    resource: AnyResource | None = None
    search: BundleEntrySearch | None = None
    request: BundleEntryRequest | None = None
    response: BundleEntryResponse | None = None


class Bundle(Resource, frozen=True, kw_only=True):
    """Contains a collection of resources."""

    identifier: Identifier | None = None
    type: BundleTypeCode
    type_element: Element | None = None
    timestamp: Instant | None = None
    timestamp_element: Element | None = None
    total: UnsignedInt | None = None
    total_element: Element | None = None
    link: tuple[BundleLink, ...] = ()
    entry: tuple[BundleEntry, ...] = ()
    signature: Signature | None = None


class CapabilityStatementRestResourceInteraction(BackboneElement, frozen=True, kw_only=True):
    """What operations are supported?."""

    code: TypeRestfulInteractionCode
    code_element: Element | None = None
    documentation: Markdown | None = None
    documentation_element: Element | None = None


class CapabilityStatementRestResourceSearchParam(BackboneElement, frozen=True, kw_only=True):
    """Search parameters supported by implementation."""

    name: String
    name_element: Element | None = None
    definition: Canonical | None = None
    definition_element: Element | None = None
    type: SearchParamTypeCode
    type_element: Element | None = None
    documentation: Markdown | None = None
    documentation_element: Element | None = None


class CapabilityStatementRestResourceOperation(BackboneElement, frozen=True, kw_only=True):
    """Definition of a resource operation."""

    name: String
    name_element: Element | None = None
    definition: Canonical
    definition_element: Element | None = None
    documentation: Markdown | None = None
    documentation_element: Element | None = None


class CapabilityStatementMessagingEndpoint(BackboneElement, frozen=True, kw_only=True):
    """Where messages should be sent."""

    protocol: Coding
    address: Url
    address_element: Element | None = None


class CapabilityStatementRestSecurity(BackboneElement, frozen=True, kw_only=True):
    """Information about security of implementation."""

    cors: Boolean | None = None
    cors_element: Element | None = None
    service: tuple[CodeableConcept, ...] = ()
    description: Markdown | None = None
    description_element: Element | None = None


class CapabilityStatementMessagingSupportedMessage(BackboneElement, frozen=True, kw_only=True):
    """Messages supported by this system."""

    mode: EventCapabilityModeCode
    mode_element: Element | None = None
    definition: Canonical
    definition_element: Element | None = None


class CapabilityStatementRestResource(BackboneElement, frozen=True, kw_only=True):
    """Resource served on the REST interface."""

    type: Code
    type_element: Element | None = None
    profile: Canonical | None = None
    profile_element: Element | None = None
    supported_profile: tuple[Canonical, ...] = ()
    supported_profile_element: tuple[Element | None, ...] = ()
    documentation: Markdown | None = None
    documentation_element: Element | None = None
    interaction: tuple[CapabilityStatementRestResourceInteraction, ...] = ()
    versioning: ResourceVersionPolicyCode | None = None
    versioning_element: Element | None = None
    read_history: Boolean | None = None
    read_history_element: Element | None = None
    update_create: Boolean | None = None
    update_create_element: Element | None = None
    conditional_create: Boolean | None = None
    conditional_create_element: Element | None = None
    conditional_read: ConditionalReadStatusCode | None = None
    conditional_read_element: Element | None = None
    conditional_update: Boolean | None = None
    conditional_update_element: Element | None = None
    conditional_delete: ConditionalDeleteStatusCode | None = None
    conditional_delete_element: Element | None = None
    reference_policy: tuple[ReferenceHandlingPolicyCode, ...] = ()
    reference_policy_element: tuple[Element | None, ...] = ()
    search_include: tuple[String, ...] = ()
    search_include_element: tuple[Element | None, ...] = ()
    search_rev_include: tuple[String, ...] = ()
    search_rev_include_element: tuple[Element | None, ...] = ()
    search_param: tuple[CapabilityStatementRestResourceSearchParam, ...] = ()
    operation: tuple[CapabilityStatementRestResourceOperation, ...] = ()


class CapabilityStatementRestInteraction(BackboneElement, frozen=True, kw_only=True):
    """What operations are supported?."""

    code: SystemRestfulInteractionCode
    code_element: Element | None = None
    documentation: Markdown | None = None
    documentation_element: Element | None = None


class CapabilityStatementImplementation(BackboneElement, frozen=True, kw_only=True):
    """If this describes a specific instance."""

    description: String
    description_element: Element | None = None
    url: Url | None = None
    url_element: Element | None = None
    custodian: Reference | None = None


class CapabilityStatementRest(BackboneElement, frozen=True, kw_only=True):
    """If the endpoint is a RESTful one."""

    mode: RestfulCapabilityModeCode
    mode_element: Element | None = None
    documentation: Markdown | None = None
    documentation_element: Element | None = None
    security: CapabilityStatementRestSecurity | None = None
    resource: tuple[CapabilityStatementRestResource, ...] = ()
    interaction: tuple[CapabilityStatementRestInteraction, ...] = ()
    search_param: tuple[CapabilityStatementRestResourceSearchParam, ...] = ()
    operation: tuple[CapabilityStatementRestResourceOperation, ...] = ()
    compartment: tuple[Canonical, ...] = ()
    compartment_element: tuple[Element | None, ...] = ()


class CapabilityStatementMessaging(BackboneElement, frozen=True, kw_only=True):
    """If messaging is supported."""

    endpoint: tuple[CapabilityStatementMessagingEndpoint, ...] = ()
    reliable_cache: UnsignedInt | None = None
    reliable_cache_element: Element | None = None
    documentation: Markdown | None = None
    documentation_element: Element | None = None
    supported_message: tuple[CapabilityStatementMessagingSupportedMessage, ...] = ()


class CapabilityStatementDocument(BackboneElement, frozen=True, kw_only=True):
    """Document definition."""

    mode: DocumentModeCode
    mode_element: Element | None = None
    documentation: Markdown | None = None
    documentation_element: Element | None = None
    profile: Canonical
    profile_element: Element | None = None


class CapabilityStatementSoftware(BackboneElement, frozen=True, kw_only=True):
    """Software that is covered by this capability statement."""

    name: String
    name_element: Element | None = None
    version: String | None = None
    version_element: Element | None = None
    release_date: DateTime | None = None
    release_date_element: Element | None = None


class CapabilityStatement(DomainResource, frozen=True, kw_only=True):
    """A statement of system capabilities."""

    url: Uri | None = None
    url_element: Element | None = None
    version: String | None = None
    version_element: Element | None = None
    name: String | None = None
    name_element: Element | None = None
    title: String | None = None
    title_element: Element | None = None
    status: PublicationStatusCode
    status_element: Element | None = None
    experimental: Boolean | None = None
    experimental_element: Element | None = None
    date: DateTime
    date_element: Element | None = None
    publisher: String | None = None
    publisher_element: Element | None = None
    contact: tuple[ContactDetail, ...] = ()
    description: Markdown | None = None
    description_element: Element | None = None
    use_context: tuple[UsageContext, ...] = ()
    jurisdiction: tuple[CodeableConcept, ...] = ()
    purpose: Markdown | None = None
    purpose_element: Element | None = None
    copyright: Markdown | None = None
    copyright_element: Element | None = None
    kind: CapabilityStatementKindCode
    kind_element: Element | None = None
    instantiates: tuple[Canonical, ...] = ()
    instantiates_element: tuple[Element | None, ...] = ()
    imports: tuple[Canonical, ...] = ()
    imports_element: tuple[Element | None, ...] = ()
    software: CapabilityStatementSoftware | None = None
    implementation: CapabilityStatementImplementation | None = None
    fhir_version: FHIRVersionCode
    fhir_version_element: Element | None = None
    format: tuple[Code, ...]
    format_element: tuple[Element | None, ...] = ()
    patch_format: tuple[Code, ...] = ()
    patch_format_element: tuple[Element | None, ...] = ()
    implementation_guide: tuple[Canonical, ...] = ()
    implementation_guide_element: tuple[Element | None, ...] = ()
    rest: tuple[CapabilityStatementRest, ...] = ()
    messaging: tuple[CapabilityStatementMessaging, ...] = ()
    document: tuple[CapabilityStatementDocument, ...] = ()


class CareTeamParticipant(BackboneElement, frozen=True, kw_only=True):
    """Members of the team."""

    role: tuple[CodeableConcept, ...] = ()
    member: Reference | None = None
    on_behalf_of: Reference | None = None
    period: Period | None = None


class CareTeam(DomainResource, frozen=True, kw_only=True):
    """Planned participants in the coordination and delivery of care for a patient or group."""

    identifier: tuple[Identifier, ...] = ()
    status: CareTeamStatusCode | None = None
    status_element: Element | None = None
    category: tuple[CodeableConcept, ...] = ()
    name: String | None = None
    name_element: Element | None = None
    subject: Reference | None = None
    encounter: Reference | None = None
    period: Period | None = None
    participant: tuple[CareTeamParticipant, ...] = ()
    reason_code: tuple[CodeableConcept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    managing_organization: tuple[Reference, ...] = ()
    telecom: tuple[ContactPoint, ...] = ()
    note: tuple[Annotation, ...] = ()


class CommunicationPayload(BackboneElement, frozen=True, kw_only=True):
    """Message payload."""

    content_string: String | None = None
    content_string_element: Element | None = None
    content_attachment: Attachment | None = None
    content_reference: Reference | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, content=True)


class Communication(DomainResource, frozen=True, kw_only=True):
    """A record of information transmitted from a sender to a receiver."""

    identifier: tuple[Identifier, ...] = ()
    instantiates_canonical: tuple[Canonical, ...] = ()
    instantiates_canonical_element: tuple[Element | None, ...] = ()
    instantiates_uri: tuple[Uri, ...] = ()
    instantiates_uri_element: tuple[Element | None, ...] = ()
    based_on: tuple[Reference, ...] = ()
    part_of: tuple[Reference, ...] = ()
    in_response_to: tuple[Reference, ...] = ()
    status: CommunicationStatusCode
    status_element: Element | None = None
    status_reason: CodeableConcept | None = None
    category: tuple[CodeableConcept, ...] = ()
    priority: CommunicationPriorityCode | None = None
    priority_element: Element | None = None
    medium: tuple[CodeableConcept, ...] = ()
    subject: Reference | None = None
    topic: CodeableConcept | None = None
    about: tuple[Reference, ...] = ()
    encounter: Reference | None = None
    sent: DateTime | None = None
    sent_element: Element | None = None
    received: DateTime | None = None
    received_element: Element | None = None
    recipient: tuple[Reference, ...] = ()
    sender: Reference | None = None
    reason_code: tuple[CodeableConcept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    payload: tuple[CommunicationPayload, ...] = ()
    note: tuple[Annotation, ...] = ()


class CompositionSection(BackboneElement, frozen=True, kw_only=True):
    """Composition is broken into sections."""

    title: String | None = None
    title_element: Element | None = None
    code: CodeableConcept | None = None
    author: tuple[Reference, ...] = ()
    focus: Reference | None = None
    text: Narrative | None = None
    mode: SectionModeCode | None = None
    mode_element: Element | None = None
    ordered_by: CodeableConcept | None = None
    entry: tuple[Reference, ...] = ()
    empty_reason: CodeableConcept | None = None
    section: tuple[CompositionSection, ...] = ()


class CompositionRelatesTo(BackboneElement, frozen=True, kw_only=True):
    """Relationships to other compositions/documents."""

    code: DocumentRelationshipTypeCode
    code_element: Element | None = None
    target_identifier: Identifier | None = None
    target_reference: Reference | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, target=True)


class CompositionEvent(BackboneElement, frozen=True, kw_only=True):
    """The clinical service(s) being documented."""

    code: tuple[CodeableConcept, ...] = ()
    period: Period | None = None
    detail: tuple[Reference, ...] = ()


class CompositionAttester(BackboneElement, frozen=True, kw_only=True):
    """Attests to accuracy of composition."""

    mode: CompositionAttestationModeCode
    mode_element: Element | None = None
    time: DateTime | None = None
    time_element: Element | None = None
    party: Reference | None = None


class Composition(DomainResource, frozen=True, kw_only=True):
    """A set of resources composed into a single coherent clinical statement with clinical attestation."""

    identifier: Identifier | None = None
    status: CompositionStatusCode
    status_element: Element | None = None
    type: CodeableConcept
    category: tuple[CodeableConcept, ...] = ()
    subject: Reference | None = None
    encounter: Reference | None = None
    date: DateTime
    date_element: Element | None = None
    author: tuple[Reference, ...]
    title: String
    title_element: Element | None = None
    confidentiality: DocumentConfidentialityCode | None = None
    confidentiality_element: Element | None = None
    attester: tuple[CompositionAttester, ...] = ()
    custodian: Reference | None = None
    relates_to: tuple[CompositionRelatesTo, ...] = ()
    event: tuple[CompositionEvent, ...] = ()
    section: tuple[CompositionSection, ...] = ()


class ConditionEvidence(BackboneElement, frozen=True, kw_only=True):
    """Supporting evidence."""

    code: tuple[CodeableConcept, ...] = ()
    detail: tuple[Reference, ...] = ()


class ConditionStage(BackboneElement, frozen=True, kw_only=True):
    """Stage/grade, usually assessed formally."""

    summary: CodeableConcept | None = None
    assessment: tuple[Reference, ...] = ()
    type: CodeableConcept | None = None


class Condition(DomainResource, frozen=True, kw_only=True):
    """Detailed information about conditions, problems or diagnoses."""

    identifier: tuple[Identifier, ...] = ()
    clinical_status: CodeableConcept | None = None
    verification_status: CodeableConcept | None = None
    category: tuple[CodeableConcept, ...] = ()
    severity: CodeableConcept | None = None
    code: CodeableConcept | None = None
    body_site: tuple[CodeableConcept, ...] = ()
    subject: Reference
    encounter: Reference | None = None
    onset_date_time: DateTime | None = None
    onset_date_time_element: Element | None = None
    onset_age: Age | None = None
    onset_period: Period | None = None
    onset_range: Range | None = None
    onset_string: String | None = None
    onset_string_element: Element | None = None
    abatement_date_time: DateTime | None = None
    abatement_date_time_element: Element | None = None
    abatement_age: Age | None = None
    abatement_period: Period | None = None
    abatement_range: Range | None = None
    abatement_string: String | None = None
    abatement_string_element: Element | None = None
    recorded_date: DateTime | None = None
    recorded_date_element: Element | None = None
    recorder: Reference | None = None
    asserter: Reference | None = None
    stage: tuple[ConditionStage, ...] = ()
    evidence: tuple[ConditionEvidence, ...] = ()
    note: tuple[Annotation, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, onset=False, abatement=False)


class ConsentProvisionActor(BackboneElement, frozen=True, kw_only=True):
    """Who|what controlled by this rule (or group, by role)."""

    role: CodeableConcept
    reference: Reference


class ConsentProvisionData(BackboneElement, frozen=True, kw_only=True):
    """Data controlled by this rule."""

    meaning: ConsentDataMeaningCode
    meaning_element: Element | None = None
    reference: Reference


class ConsentProvision(BackboneElement, frozen=True, kw_only=True):
    """Constraints to the base Consent.policyRule."""

    type: ConsentProvisionTypeCode | None = None
    type_element: Element | None = None
    period: Period | None = None
    actor: tuple[ConsentProvisionActor, ...] = ()
    action: tuple[CodeableConcept, ...] = ()
    security_label: tuple[Coding, ...] = ()
    purpose: tuple[Coding, ...] = ()
    class_: tuple[Coding, ...] = ()
    code: tuple[CodeableConcept, ...] = ()
    data_period: Period | None = None
    data: tuple[ConsentProvisionData, ...] = ()
    provision: tuple[ConsentProvision, ...] = ()


class ConsentVerification(BackboneElement, frozen=True, kw_only=True):
    """Consent Verified by patient or family."""

    verified: Boolean
    verified_element: Element | None = None
    verified_with: Reference | None = None
    verification_date: DateTime | None = None
    verification_date_element: Element | None = None


class ConsentPolicy(BackboneElement, frozen=True, kw_only=True):
    """Policies covered by this consent."""

    authority: Uri | None = None
    authority_element: Element | None = None
    uri: Uri | None = None
    uri_element: Element | None = None


class Consent(DomainResource, frozen=True, kw_only=True):
    """A healthcare consumer's  choices to permit or deny recipients or roles to perform actions for specif."""

    identifier: tuple[Identifier, ...] = ()
    status: ConsentStateCode
    status_element: Element | None = None
    scope: CodeableConcept
    category: tuple[CodeableConcept, ...]
    patient: Reference | None = None
    date_time: DateTime | None = None
    date_time_element: Element | None = None
    performer: tuple[Reference, ...] = ()
    organization: tuple[Reference, ...] = ()
    source_attachment: Attachment | None = None
    source_reference: Reference | None = None
    policy: tuple[ConsentPolicy, ...] = ()
    policy_rule: CodeableConcept | None = None
    verification: tuple[ConsentVerification, ...] = ()
    provision: ConsentProvision | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, source=False)


class CoverageCostToBeneficiaryException(BackboneElement, frozen=True, kw_only=True):
    """Exceptions for patient payments."""

    type: CodeableConcept
    period: Period | None = None


class CoverageClass(BackboneElement, frozen=True, kw_only=True):
    """Additional coverage classifications."""

    type: CodeableConcept
    value: String
    value_element: Element | None = None
    name: String | None = None
    name_element: Element | None = None


class CoverageCostToBeneficiary(BackboneElement, frozen=True, kw_only=True):
    """Patient payments for services/products."""

    type: CodeableConcept | None = None
    value_quantity: Quantity | None = None
    value_money: Money | None = None
    exception: tuple[CoverageCostToBeneficiaryException, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, value=True)


class Coverage(DomainResource, frozen=True, kw_only=True):
    """Insurance or medical plan or a payment agreement."""

    identifier: tuple[Identifier, ...] = ()
    status: CoverageStatusCode
    status_element: Element | None = None
    type: CodeableConcept | None = None
    policy_holder: Reference | None = None
    subscriber: Reference | None = None
    subscriber_id: String | None = None
    subscriber_id_element: Element | None = None
    beneficiary: Reference
    dependent: String | None = None
    dependent_element: Element | None = None
    relationship: CodeableConcept | None = None
    period: Period | None = None
    payor: tuple[Reference, ...]
    class_: tuple[CoverageClass, ...] = ()
    order: PositiveInt | None = None
    order_element: Element | None = None
    network: String | None = None
    network_element: Element | None = None
    cost_to_beneficiary: tuple[CoverageCostToBeneficiary, ...] = ()
    subrogation: Boolean | None = None
    subrogation_element: Element | None = None
    contract: tuple[Reference, ...] = ()


class DeviceDeviceName(BackboneElement, frozen=True, kw_only=True):
    """The name of the device as given by the manufacturer."""

    name: String
    name_element: Element | None = None
    type: DeviceNameTypeCode
    type_element: Element | None = None


class DeviceSpecialization(BackboneElement, frozen=True, kw_only=True):
    """The capabilities supported on a  device, the standards to which the device conforms for a particular."""

    system_type: CodeableConcept
    version: String | None = None
    version_element: Element | None = None


class DeviceUdiCarrier(BackboneElement, frozen=True, kw_only=True):
    """Unique Device Identifier (UDI) Barcode string."""

    device_identifier: String | None = None
    device_identifier_element: Element | None = None
    issuer: Uri | None = None
    issuer_element: Element | None = None
    jurisdiction: Uri | None = None
    jurisdiction_element: Element | None = None
    carrier_aidc: Base64Binary | None = msgspec.field(name="carrierAIDC", default=None)
    carrier_aidc_element: Element | None = msgspec.field(name="_carrierAIDC", default=None)
    carrier_hrf: String | None = msgspec.field(name="carrierHRF", default=None)
    carrier_hrf_element: Element | None = msgspec.field(name="_carrierHRF", default=None)
    entry_type: UDIEntryTypeCode | None = None
    entry_type_element: Element | None = None


class DeviceProperty(BackboneElement, frozen=True, kw_only=True):
    """The actual configuration settings of a device as it actually operates, e.g., regulation status, time."""

    type: CodeableConcept
    value_quantity: tuple[Quantity, ...] = ()
    value_code: tuple[CodeableConcept, ...] = ()


class DeviceVersion(BackboneElement, frozen=True, kw_only=True):
    """The actual design of the device or software version running on the device."""

    type: CodeableConcept | None = None
    component: Identifier | None = None
    value: String
    value_element: Element | None = None


class Device(DomainResource, frozen=True, kw_only=True):
    """Item used in healthcare."""

    identifier: tuple[Identifier, ...] = ()
    definition: Reference | None = None
    udi_carrier: tuple[DeviceUdiCarrier, ...] = ()
    status: FHIRDeviceStatusCode | None = None
    status_element: Element | None = None
    status_reason: tuple[CodeableConcept, ...] = ()
    distinct_identifier: String | None = None
    distinct_identifier_element: Element | None = None
    manufacturer: String | None = None
    manufacturer_element: Element | None = None
    manufacture_date: DateTime | None = None
    manufacture_date_element: Element | None = None
    expiration_date: DateTime | None = None
    expiration_date_element: Element | None = None
    lot_number: String | None = None
    lot_number_element: Element | None = None
    serial_number: String | None = None
    serial_number_element: Element | None = None
    device_name: tuple[DeviceDeviceName, ...] = ()
    model_number: String | None = None
    model_number_element: Element | None = None
    part_number: String | None = None
    part_number_element: Element | None = None
    type: CodeableConcept | None = None
    specialization: tuple[DeviceSpecialization, ...] = ()
    version: tuple[DeviceVersion, ...] = ()
    property: tuple[DeviceProperty, ...] = ()
    patient: Reference | None = None
    owner: Reference | None = None
    contact: tuple[ContactPoint, ...] = ()
    location: Reference | None = None
    url: Uri | None = None
    url_element: Element | None = None
    note: tuple[Annotation, ...] = ()
    safety: tuple[CodeableConcept, ...] = ()
    parent: Reference | None = None


class DiagnosticReportMedia(BackboneElement, frozen=True, kw_only=True):
    """Key images associated with this report."""

    comment: String | None = None
    comment_element: Element | None = None
    link: Reference


class DiagnosticReport(DomainResource, frozen=True, kw_only=True):
    """A Diagnostic report - a combination of request information, atomic results, images, interpretation,."""

    identifier: tuple[Identifier, ...] = ()
    based_on: tuple[Reference, ...] = ()
    status: DiagnosticReportStatusCode
    status_element: Element | None = None
    category: tuple[CodeableConcept, ...] = ()
    code: CodeableConcept
    subject: Reference | None = None
    encounter: Reference | None = None
    effective_date_time: DateTime | None = None
    effective_date_time_element: Element | None = None
    effective_period: Period | None = None
    issued: Instant | None = None
    issued_element: Element | None = None
    performer: tuple[Reference, ...] = ()
    results_interpreter: tuple[Reference, ...] = ()
    specimen: tuple[Reference, ...] = ()
    result: tuple[Reference, ...] = ()
    imaging_study: tuple[Reference, ...] = ()
    media: tuple[DiagnosticReportMedia, ...] = ()
    conclusion: String | None = None
    conclusion_element: Element | None = None
    conclusion_code: tuple[CodeableConcept, ...] = ()
    presented_form: tuple[Attachment, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, effective=False)


class DocumentReferenceContext(BackboneElement, frozen=True, kw_only=True):
    """Clinical context of document."""

    encounter: tuple[Reference, ...] = ()
    event: tuple[CodeableConcept, ...] = ()
    period: Period | None = None
    facility_type: CodeableConcept | None = None
    practice_setting: CodeableConcept | None = None
    source_patient_info: Reference | None = None
    related: tuple[Reference, ...] = ()


class DocumentReferenceRelatesTo(BackboneElement, frozen=True, kw_only=True):
    """Relationships to other documents."""

    code: DocumentRelationshipTypeCode
    code_element: Element | None = None
    target: Reference


class DocumentReferenceContent(BackboneElement, frozen=True, kw_only=True):
    """Document referenced."""

    attachment: Attachment
    format: Coding | None = None


class DocumentReference(DomainResource, frozen=True, kw_only=True):
    """A reference to a document."""

    master_identifier: Identifier | None = None
    identifier: tuple[Identifier, ...] = ()
    status: DocumentReferenceStatusCode
    status_element: Element | None = None
    doc_status: ReferredDocumentStatusCode | None = None
    doc_status_element: Element | None = None
    type: CodeableConcept | None = None
    category: tuple[CodeableConcept, ...] = ()
    subject: Reference | None = None
    date: Instant | None = None
    date_element: Element | None = None
    author: tuple[Reference, ...] = ()
    authenticator: Reference | None = None
    custodian: Reference | None = None
    relates_to: tuple[DocumentReferenceRelatesTo, ...] = ()
    description: String | None = None
    description_element: Element | None = None
    security_label: tuple[CodeableConcept, ...] = ()
    content: tuple[DocumentReferenceContent, ...]
    context: DocumentReferenceContext | None = None


class EncounterHospitalization(BackboneElement, frozen=True, kw_only=True):
    """Details about the admission to a healthcare service."""

    pre_admission_identifier: Identifier | None = None
    origin: Reference | None = None
    admit_source: CodeableConcept | None = None
    re_admission: CodeableConcept | None = None
    diet_preference: tuple[CodeableConcept, ...] = ()
    special_courtesy: tuple[CodeableConcept, ...] = ()
    special_arrangement: tuple[CodeableConcept, ...] = ()
    destination: Reference | None = None
    discharge_disposition: CodeableConcept | None = None


class EncounterParticipant(BackboneElement, frozen=True, kw_only=True):
    """List of participants involved in the encounter."""

    type: tuple[CodeableConcept, ...] = ()
    period: Period | None = None
    individual: Reference | None = None


class EncounterClassHistory(BackboneElement, frozen=True, kw_only=True):
    """List of past encounter classes."""

    class_: Coding
    period: Period


class EncounterStatusHistory(BackboneElement, frozen=True, kw_only=True):
    """List of past encounter statuses."""

    status: EncounterStatusCode
    status_element: Element | None = None
    period: Period


class EncounterLocation(BackboneElement, frozen=True, kw_only=True):
    """List of locations where the patient has been."""

    location: Reference
    status: EncounterLocationStatusCode | None = None
    status_element: Element | None = None
    physical_type: CodeableConcept | None = None
    period: Period | None = None


class EncounterDiagnosis(BackboneElement, frozen=True, kw_only=True):
    """The list of diagnosis relevant to this encounter."""

    condition: Reference
    use: CodeableConcept | None = None
    rank: PositiveInt | None = None
    rank_element: Element | None = None


class Encounter(DomainResource, frozen=True, kw_only=True):
    """An interaction during which services are provided to the patient."""

    identifier: tuple[Identifier, ...] = ()
    status: EncounterStatusCode
    status_element: Element | None = None
    status_history: tuple[EncounterStatusHistory, ...] = ()
    class_: Coding
    class_history: tuple[EncounterClassHistory, ...] = ()
    type: tuple[CodeableConcept, ...] = ()
    service_type: CodeableConcept | None = None
    priority: CodeableConcept | None = None
    subject: Reference | None = None
    episode_of_care: tuple[Reference, ...] = ()
    based_on: tuple[Reference, ...] = ()
    participant: tuple[EncounterParticipant, ...] = ()
    appointment: tuple[Reference, ...] = ()
    period: Period | None = None
    length: Duration | None = None
    reason_code: tuple[CodeableConcept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    diagnosis: tuple[EncounterDiagnosis, ...] = ()
    account: tuple[Reference, ...] = ()
    hospitalization: EncounterHospitalization | None = None
    location: tuple[EncounterLocation, ...] = ()
    service_provider: Reference | None = None
    part_of: Reference | None = None


class Endpoint(DomainResource, frozen=True, kw_only=True):
    """The technical details of an endpoint that can be used for electronic services."""

    identifier: tuple[Identifier, ...] = ()
    status: EndpointStatusCode
    status_element: Element | None = None
    connection_type: Coding
    name: String | None = None
    name_element: Element | None = None
    managing_organization: Reference | None = None
    contact: tuple[ContactPoint, ...] = ()
    period: Period | None = None
    payload_type: tuple[CodeableConcept, ...]
    payload_mime_type: tuple[Code, ...] = ()
    payload_mime_type_element: tuple[Element | None, ...] = ()
    address: Url
    address_element: Element | None = None
    header: tuple[String, ...] = ()
    header_element: tuple[Element | None, ...] = ()


class FamilyMemberHistoryCondition(BackboneElement, frozen=True, kw_only=True):
    """Condition that the related person had."""

    code: CodeableConcept
    outcome: CodeableConcept | None = None
    contributed_to_death: Boolean | None = None
    contributed_to_death_element: Element | None = None
    onset_age: Age | None = None
    onset_range: Range | None = None
    onset_period: Period | None = None
    onset_string: String | None = None
    onset_string_element: Element | None = None
    note: tuple[Annotation, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, onset=False)


class FamilyMemberHistory(DomainResource, frozen=True, kw_only=True):
    """Information about patient's relatives, relevant for patient."""

    identifier: tuple[Identifier, ...] = ()
    instantiates_canonical: tuple[Canonical, ...] = ()
    instantiates_canonical_element: tuple[Element | None, ...] = ()
    instantiates_uri: tuple[Uri, ...] = ()
    instantiates_uri_element: tuple[Element | None, ...] = ()
    status: FamilyHistoryStatusCode
    status_element: Element | None = None
    data_absent_reason: CodeableConcept | None = None
    patient: Reference
    date: DateTime | None = None
    date_element: Element | None = None
    name: String | None = None
    name_element: Element | None = None
    relationship: CodeableConcept
    sex: CodeableConcept | None = None
    born_period: Period | None = None
    born_date: Date | None = None
    born_date_element: Element | None = None
    born_string: String | None = None
    born_string_element: Element | None = None
    age_age: Age | None = None
    age_range: Range | None = None
    age_string: String | None = None
    age_string_element: Element | None = None
    estimated_age: Boolean | None = None
    estimated_age_element: Element | None = None
    deceased_boolean: Boolean | None = None
    deceased_boolean_element: Element | None = None
    deceased_age: Age | None = None
    deceased_range: Range | None = None
    deceased_date: Date | None = None
    deceased_date_element: Element | None = None
    deceased_string: String | None = None
    deceased_string_element: Element | None = None
    reason_code: tuple[CodeableConcept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    note: tuple[Annotation, ...] = ()
    condition: tuple[FamilyMemberHistoryCondition, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, born=False, age=False, deceased=False)


class HealthcareServiceNotAvailable(BackboneElement, frozen=True, kw_only=True):
    """Not available during this time due to provided reason."""

    description: String
    description_element: Element | None = None
    during: Period | None = None


class HealthcareServiceAvailableTime(BackboneElement, frozen=True, kw_only=True):
    """Times the Service Site is available."""

    days_of_week: tuple[DaysOfWeekCode, ...] = ()
    days_of_week_element: tuple[Element | None, ...] = ()
    all_day: Boolean | None = None
    all_day_element: Element | None = None
    available_start_time: Time | None = None
    available_start_time_element: Element | None = None
    available_end_time: Time | None = None
    available_end_time_element: Element | None = None


class HealthcareServiceEligibility(BackboneElement, frozen=True, kw_only=True):
    """Specific eligibility requirements required to use the service."""

    code: CodeableConcept | None = None
    comment: Markdown | None = None
    comment_element: Element | None = None


class HealthcareService(DomainResource, frozen=True, kw_only=True):
    """The details of a healthcare service available at a location."""

    identifier: tuple[Identifier, ...] = ()
    active: Boolean | None = None
    active_element: Element | None = None
    provided_by: Reference | None = None
    category: tuple[CodeableConcept, ...] = ()
    type: tuple[CodeableConcept, ...] = ()
    specialty: tuple[CodeableConcept, ...] = ()
    location: tuple[Reference, ...] = ()
    name: String | None = None
    name_element: Element | None = None
    comment: String | None = None
    comment_element: Element | None = None
    extra_details: Markdown | None = None
    extra_details_element: Element | None = None
    photo: Attachment | None = None
    telecom: tuple[ContactPoint, ...] = ()
    coverage_area: tuple[Reference, ...] = ()
    service_provision_code: tuple[CodeableConcept, ...] = ()
    eligibility: tuple[HealthcareServiceEligibility, ...] = ()
    program: tuple[CodeableConcept, ...] = ()
    characteristic: tuple[CodeableConcept, ...] = ()
    communication: tuple[CodeableConcept, ...] = ()
    referral_method: tuple[CodeableConcept, ...] = ()
    appointment_required: Boolean | None = None
    appointment_required_element: Element | None = None
    available_time: tuple[HealthcareServiceAvailableTime, ...] = ()
    not_available: tuple[HealthcareServiceNotAvailable, ...] = ()
    availability_exceptions: String | None = None
    availability_exceptions_element: Element | None = None
    endpoint: tuple[Reference, ...] = ()


class ImagingStudySeriesPerformer(BackboneElement, frozen=True, kw_only=True):
    """Who performed the series."""

    function: CodeableConcept | None = None
    actor: Reference


class ImagingStudySeriesInstance(BackboneElement, frozen=True, kw_only=True):
    """A single SOP instance from the series."""

    uid: Id
    uid_element: Element | None = None
    sop_class: Coding
    number: UnsignedInt | None = None
    number_element: Element | None = None
    title: String | None = None
    title_element: Element | None = None


class ImagingStudySeries(BackboneElement, frozen=True, kw_only=True):
    """Each study has one or more series of instances."""

    uid: Id
    uid_element: Element | None = None
    number: UnsignedInt | None = None
    number_element: Element | None = None
    modality: Coding
    description: String | None = None
    description_element: Element | None = None
    number_of_instances: UnsignedInt | None = None
    number_of_instances_element: Element | None = None
    endpoint: tuple[Reference, ...] = ()
    body_site: Coding | None = None
    laterality: Coding | None = None
    specimen: tuple[Reference, ...] = ()
    started: DateTime | None = None
    started_element: Element | None = None
    performer: tuple[ImagingStudySeriesPerformer, ...] = ()
    instance: tuple[ImagingStudySeriesInstance, ...] = ()


class ImagingStudy(DomainResource, frozen=True, kw_only=True):
    """A set of images produced in single study (one or more series of references images)."""

    identifier: tuple[Identifier, ...] = ()
    status: ImagingStudyStatusCode
    status_element: Element | None = None
    modality: tuple[Coding, ...] = ()
    subject: Reference
    encounter: Reference | None = None
    started: DateTime | None = None
    started_element: Element | None = None
    based_on: tuple[Reference, ...] = ()
    referrer: Reference | None = None
    interpreter: tuple[Reference, ...] = ()
    endpoint: tuple[Reference, ...] = ()
    number_of_series: UnsignedInt | None = None
    number_of_series_element: Element | None = None
    number_of_instances: UnsignedInt | None = None
    number_of_instances_element: Element | None = None
    procedure_reference: Reference | None = None
    procedure_code: tuple[CodeableConcept, ...] = ()
    location: Reference | None = None
    reason_code: tuple[CodeableConcept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    note: tuple[Annotation, ...] = ()
    description: String | None = None
    description_element: Element | None = None
    series: tuple[ImagingStudySeries, ...] = ()


class ImmunizationPerformer(BackboneElement, frozen=True, kw_only=True):
    """Who performed event."""

    function: CodeableConcept | None = None
    actor: Reference


class ImmunizationProtocolApplied(BackboneElement, frozen=True, kw_only=True):
    """Protocol followed by the provider."""

    series: String | None = None
    series_element: Element | None = None
    authority: Reference | None = None
    target_disease: tuple[CodeableConcept, ...] = ()
    dose_number_positive_int: PositiveInt | None = None
    dose_number_positive_int_element: Element | None = None
    dose_number_string: String | None = None
    dose_number_string_element: Element | None = None
    series_doses_positive_int: PositiveInt | None = None
    series_doses_positive_int_element: Element | None = None
    series_doses_string: String | None = None
    series_doses_string_element: Element | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, dose_number=True, series_doses=False)


class ImmunizationReaction(BackboneElement, frozen=True, kw_only=True):
    """Details of a reaction that follows immunization."""

    date: DateTime | None = None
    date_element: Element | None = None
    detail: Reference | None = None
    reported: Boolean | None = None
    reported_element: Element | None = None


class ImmunizationEducation(BackboneElement, frozen=True, kw_only=True):
    """Educational material presented to patient."""

    document_type: String | None = None
    document_type_element: Element | None = None
    reference: Uri | None = None
    reference_element: Element | None = None
    publication_date: DateTime | None = None
    publication_date_element: Element | None = None
    presentation_date: DateTime | None = None
    presentation_date_element: Element | None = None


class Immunization(DomainResource, frozen=True, kw_only=True):
    """Immunization event information."""

    identifier: tuple[Identifier, ...] = ()
    status: ImmunizationStatusCode
    status_element: Element | None = None
    status_reason: CodeableConcept | None = None
    vaccine_code: CodeableConcept
    patient: Reference
    encounter: Reference | None = None
    occurrence_date_time: DateTime | None = None
    occurrence_date_time_element: Element | None = None
    occurrence_string: String | None = None
    occurrence_string_element: Element | None = None
    recorded: DateTime | None = None
    recorded_element: Element | None = None
    primary_source: Boolean | None = None
    primary_source_element: Element | None = None
    report_origin: CodeableConcept | None = None
    location: Reference | None = None
    manufacturer: Reference | None = None
    lot_number: String | None = None
    lot_number_element: Element | None = None
    expiration_date: Date | None = None
    expiration_date_element: Element | None = None
    site: CodeableConcept | None = None
    route: CodeableConcept | None = None
    dose_quantity: Quantity | None = None
    performer: tuple[ImmunizationPerformer, ...] = ()
    note: tuple[Annotation, ...] = ()
    reason_code: tuple[CodeableConcept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    is_subpotent: Boolean | None = None
    is_subpotent_element: Element | None = None
    subpotent_reason: tuple[CodeableConcept, ...] = ()
    education: tuple[ImmunizationEducation, ...] = ()
    program_eligibility: tuple[CodeableConcept, ...] = ()
    funding_source: CodeableConcept | None = None
    reaction: tuple[ImmunizationReaction, ...] = ()
    protocol_applied: tuple[ImmunizationProtocolApplied, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, occurrence=True)


class ListEntry(BackboneElement, frozen=True, kw_only=True):
    """Entries in the list."""

    flag: CodeableConcept | None = None
    deleted: Boolean | None = None
    deleted_element: Element | None = None
    date: DateTime | None = None
    date_element: Element | None = None
    item: Reference


class ListResource(DomainResource, frozen=True, kw_only=True, tag="List"):
    """A list is a curated collection of resources."""

    identifier: tuple[Identifier, ...] = ()
    status: ListStatusCode
    status_element: Element | None = None
    mode: ListModeCode
    mode_element: Element | None = None
    title: String | None = None
    title_element: Element | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    encounter: Reference | None = None
    date: DateTime | None = None
    date_element: Element | None = None
    source: Reference | None = None
    ordered_by: CodeableConcept | None = None
    note: tuple[Annotation, ...] = ()
    entry: tuple[ListEntry, ...] = ()
    empty_reason: CodeableConcept | None = None


class LocationHoursOfOperation(BackboneElement, frozen=True, kw_only=True):
    """What days/times during a week is this location usually open."""

    days_of_week: tuple[DaysOfWeekCode, ...] = ()
    days_of_week_element: tuple[Element | None, ...] = ()
    all_day: Boolean | None = None
    all_day_element: Element | None = None
    opening_time: Time | None = None
    opening_time_element: Element | None = None
    closing_time: Time | None = None
    closing_time_element: Element | None = None


class LocationPosition(BackboneElement, frozen=True, kw_only=True):
    """The absolute geographic location."""

    longitude: Decimal
    longitude_element: Element | None = None
    latitude: Decimal
    latitude_element: Element | None = None
    altitude: Decimal | None = None
    altitude_element: Element | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_finite(self.longitude, self.latitude, self.altitude)


class Location(DomainResource, frozen=True, kw_only=True):
    """Details and position information for a physical place."""

    identifier: tuple[Identifier, ...] = ()
    status: LocationStatusCode | None = None
    status_element: Element | None = None
    operational_status: Coding | None = None
    name: String | None = None
    name_element: Element | None = None
    alias: tuple[String, ...] = ()
    alias_element: tuple[Element | None, ...] = ()
    description: String | None = None
    description_element: Element | None = None
    mode: LocationModeCode | None = None
    mode_element: Element | None = None
    type: tuple[CodeableConcept, ...] = ()
    telecom: tuple[ContactPoint, ...] = ()
    address: Address | None = None
    physical_type: CodeableConcept | None = None
    position: LocationPosition | None = None
    managing_organization: Reference | None = None
    part_of: Reference | None = None
    hours_of_operation: tuple[LocationHoursOfOperation, ...] = ()
    availability_exceptions: String | None = None
    availability_exceptions_element: Element | None = None
    endpoint: tuple[Reference, ...] = ()


class MedicationIngredient(BackboneElement, frozen=True, kw_only=True):
    """Active or inactive ingredient."""

    item_codeable_concept: CodeableConcept | None = None
    item_reference: Reference | None = None
    is_active: Boolean | None = None
    is_active_element: Element | None = None
    strength: Ratio | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, item=True)


class MedicationBatch(BackboneElement, frozen=True, kw_only=True):
    """Details about packaged medications."""

    lot_number: String | None = None
    lot_number_element: Element | None = None
    expiration_date: DateTime | None = None
    expiration_date_element: Element | None = None


class Medication(DomainResource, frozen=True, kw_only=True):
    """Definition of a Medication."""

    identifier: tuple[Identifier, ...] = ()
    code: CodeableConcept | None = None
    status: MedicationStatusCode | None = None
    status_element: Element | None = None
    manufacturer: Reference | None = None
    form: CodeableConcept | None = None
    amount: Ratio | None = None
    ingredient: tuple[MedicationIngredient, ...] = ()
    batch: MedicationBatch | None = None


class MedicationAdministrationPerformer(BackboneElement, frozen=True, kw_only=True):
    """Who performed the medication administration and what they did."""

    function: CodeableConcept | None = None
    actor: Reference


class MedicationAdministrationDosage(BackboneElement, frozen=True, kw_only=True):
    """Details of how medication was taken."""

    text: String | None = None
    text_element: Element | None = None
    site: CodeableConcept | None = None
    route: CodeableConcept | None = None
    method: CodeableConcept | None = None
    dose: Quantity | None = None
    rate_ratio: Ratio | None = None
    rate_quantity: Quantity | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, rate=False)


class MedicationAdministration(DomainResource, frozen=True, kw_only=True):
    """Administration of medication to a patient."""

    identifier: tuple[Identifier, ...] = ()
    instantiates: tuple[Uri, ...] = ()
    instantiates_element: tuple[Element | None, ...] = ()
    part_of: tuple[Reference, ...] = ()
    status: MedicationAdministrationStatusCode
    status_element: Element | None = None
    status_reason: tuple[CodeableConcept, ...] = ()
    category: CodeableConcept | None = None
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    subject: Reference
    context: Reference | None = None
    supporting_information: tuple[Reference, ...] = ()
    effective_date_time: DateTime | None = None
    effective_date_time_element: Element | None = None
    effective_period: Period | None = None
    performer: tuple[MedicationAdministrationPerformer, ...] = ()
    reason_code: tuple[CodeableConcept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    request: Reference | None = None
    device: tuple[Reference, ...] = ()
    note: tuple[Annotation, ...] = ()
    dosage: MedicationAdministrationDosage | None = None
    event_history: tuple[Reference, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, medication=True, effective=True)


class MedicationDispenseSubstitution(BackboneElement, frozen=True, kw_only=True):
    """Whether a substitution was performed on the dispense."""

    was_substituted: Boolean
    was_substituted_element: Element | None = None
    type: CodeableConcept | None = None
    reason: tuple[CodeableConcept, ...] = ()
    responsible_party: tuple[Reference, ...] = ()


class MedicationDispensePerformer(BackboneElement, frozen=True, kw_only=True):
    """Who performed event."""

    function: CodeableConcept | None = None
    actor: Reference


class MedicationDispense(DomainResource, frozen=True, kw_only=True):
    """Dispensing a medication to a named patient."""

    identifier: tuple[Identifier, ...] = ()
    part_of: tuple[Reference, ...] = ()
    status: MedicationDispenseStatusCode
    status_element: Element | None = None
    status_reason_codeable_concept: CodeableConcept | None = None
    status_reason_reference: Reference | None = None
    category: CodeableConcept | None = None
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    subject: Reference | None = None
    context: Reference | None = None
    supporting_information: tuple[Reference, ...] = ()
    performer: tuple[MedicationDispensePerformer, ...] = ()
    location: Reference | None = None
    authorizing_prescription: tuple[Reference, ...] = ()
    type: CodeableConcept | None = None
    quantity: Quantity | None = None
    days_supply: Quantity | None = None
    when_prepared: DateTime | None = None
    when_prepared_element: Element | None = None
    when_handed_over: DateTime | None = None
    when_handed_over_element: Element | None = None
    destination: Reference | None = None
    receiver: tuple[Reference, ...] = ()
    note: tuple[Annotation, ...] = ()
    dosage_instruction: tuple[Dosage, ...] = ()
    substitution: MedicationDispenseSubstitution | None = None
    detected_issue: tuple[Reference, ...] = ()
    event_history: tuple[Reference, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, status_reason=False, medication=True)


class MedicationRequestDispenseRequestInitialFill(BackboneElement, frozen=True, kw_only=True):
    """First fill details."""

    quantity: Quantity | None = None
    duration: Duration | None = None


class MedicationRequestSubstitution(BackboneElement, frozen=True, kw_only=True):
    """Any restrictions on medication substitution."""

    allowed_boolean: Boolean | None = None
    allowed_boolean_element: Element | None = None
    allowed_codeable_concept: CodeableConcept | None = None
    reason: CodeableConcept | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, allowed=True)


class MedicationRequestDispenseRequest(BackboneElement, frozen=True, kw_only=True):
    """Medication supply authorization."""

    initial_fill: MedicationRequestDispenseRequestInitialFill | None = None
    dispense_interval: Duration | None = None
    validity_period: Period | None = None
    number_of_repeats_allowed: UnsignedInt | None = None
    number_of_repeats_allowed_element: Element | None = None
    quantity: Quantity | None = None
    expected_supply_duration: Duration | None = None
    performer: Reference | None = None


class MedicationRequest(DomainResource, frozen=True, kw_only=True):
    """Ordering of medication for patient or group."""

    identifier: tuple[Identifier, ...] = ()
    status: MedicationRequestStatusCode
    status_element: Element | None = None
    status_reason: CodeableConcept | None = None
    intent: MedicationRequestIntentCode
    intent_element: Element | None = None
    category: tuple[CodeableConcept, ...] = ()
    priority: MedicationRequestPriorityCode | None = None
    priority_element: Element | None = None
    do_not_perform: Boolean | None = None
    do_not_perform_element: Element | None = None
    reported_boolean: Boolean | None = None
    reported_boolean_element: Element | None = None
    reported_reference: Reference | None = None
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    subject: Reference
    encounter: Reference | None = None
    supporting_information: tuple[Reference, ...] = ()
    authored_on: DateTime | None = None
    authored_on_element: Element | None = None
    requester: Reference | None = None
    performer: Reference | None = None
    performer_type: CodeableConcept | None = None
    recorder: Reference | None = None
    reason_code: tuple[CodeableConcept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    instantiates_canonical: tuple[Canonical, ...] = ()
    instantiates_canonical_element: tuple[Element | None, ...] = ()
    instantiates_uri: tuple[Uri, ...] = ()
    instantiates_uri_element: tuple[Element | None, ...] = ()
    based_on: tuple[Reference, ...] = ()
    group_identifier: Identifier | None = None
    course_of_therapy_type: CodeableConcept | None = None
    insurance: tuple[Reference, ...] = ()
    note: tuple[Annotation, ...] = ()
    dosage_instruction: tuple[Dosage, ...] = ()
    dispense_request: MedicationRequestDispenseRequest | None = None
    substitution: MedicationRequestSubstitution | None = None
    prior_prescription: Reference | None = None
    detected_issue: tuple[Reference, ...] = ()
    event_history: tuple[Reference, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, reported=False, medication=True)


class MedicationStatement(DomainResource, frozen=True, kw_only=True):
    """Record of medication being taken by a patient."""

    identifier: tuple[Identifier, ...] = ()
    based_on: tuple[Reference, ...] = ()
    part_of: tuple[Reference, ...] = ()
    status: MedicationStatementStatusCode
    status_element: Element | None = None
    status_reason: tuple[CodeableConcept, ...] = ()
    category: CodeableConcept | None = None
    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    subject: Reference
    context: Reference | None = None
    effective_date_time: DateTime | None = None
    effective_date_time_element: Element | None = None
    effective_period: Period | None = None
    date_asserted: DateTime | None = None
    date_asserted_element: Element | None = None
    information_source: Reference | None = None
    derived_from: tuple[Reference, ...] = ()
    reason_code: tuple[CodeableConcept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    note: tuple[Annotation, ...] = ()
    dosage: tuple[Dosage, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, medication=True, effective=False)


class ObservationComponent(BackboneElement, frozen=True, kw_only=True):
    """Component results."""

    code: CodeableConcept
    value_quantity: Quantity | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_string: String | None = None
    value_string_element: Element | None = None
    value_boolean: Boolean | None = None
    value_boolean_element: Element | None = None
    value_integer: Integer | None = None
    value_integer_element: Element | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    value_sampled_data: SampledData | None = None
    value_time: Time | None = None
    value_time_element: Element | None = None
    value_date_time: DateTime | None = None
    value_date_time_element: Element | None = None
    value_period: Period | None = None
    data_absent_reason: CodeableConcept | None = None
    interpretation: tuple[CodeableConcept, ...] = ()
    reference_range: tuple[ObservationReferenceRange, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, value=False)


class ObservationReferenceRange(BackboneElement, frozen=True, kw_only=True):
    """Provides guide for interpretation."""

    low: Quantity | None = None
    high: Quantity | None = None
    type: CodeableConcept | None = None
    applies_to: tuple[CodeableConcept, ...] = ()
    age: Range | None = None
    text: String | None = None
    text_element: Element | None = None


class Observation(DomainResource, frozen=True, kw_only=True):
    """Measurements and simple assertions."""

    identifier: tuple[Identifier, ...] = ()
    based_on: tuple[Reference, ...] = ()
    part_of: tuple[Reference, ...] = ()
    status: ObservationStatusCode
    status_element: Element | None = None
    category: tuple[CodeableConcept, ...] = ()
    code: CodeableConcept
    subject: Reference | None = None
    focus: tuple[Reference, ...] = ()
    encounter: Reference | None = None
    effective_date_time: DateTime | None = None
    effective_date_time_element: Element | None = None
    effective_period: Period | None = None
    effective_timing: Timing | None = None
    effective_instant: Instant | None = None
    effective_instant_element: Element | None = None
    issued: Instant | None = None
    issued_element: Element | None = None
    performer: tuple[Reference, ...] = ()
    value_quantity: Quantity | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_string: String | None = None
    value_string_element: Element | None = None
    value_boolean: Boolean | None = None
    value_boolean_element: Element | None = None
    value_integer: Integer | None = None
    value_integer_element: Element | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    value_sampled_data: SampledData | None = None
    value_time: Time | None = None
    value_time_element: Element | None = None
    value_date_time: DateTime | None = None
    value_date_time_element: Element | None = None
    value_period: Period | None = None
    data_absent_reason: CodeableConcept | None = None
    interpretation: tuple[CodeableConcept, ...] = ()
    note: tuple[Annotation, ...] = ()
    body_site: CodeableConcept | None = None
    method: CodeableConcept | None = None
    specimen: Reference | None = None
    device: Reference | None = None
    reference_range: tuple[ObservationReferenceRange, ...] = ()
    has_member: tuple[Reference, ...] = ()
    derived_from: tuple[Reference, ...] = ()
    component: tuple[ObservationComponent, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, effective=False, value=False)


class OperationOutcomeIssue(BackboneElement, frozen=True, kw_only=True):
    """A single issue associated with the action."""

    severity: IssueSeverityCode
    severity_element: Element | None = None
    code: IssueTypeCode
    code_element: Element | None = None
    details: CodeableConcept | None = None
    diagnostics: String | None = None
    diagnostics_element: Element | None = None
    location: tuple[String, ...] = ()
    location_element: tuple[Element | None, ...] = ()
    expression: tuple[String, ...] = ()
    expression_element: tuple[Element | None, ...] = ()


class OperationOutcome(DomainResource, frozen=True, kw_only=True):
    """Information about the success/failure of an action."""

    issue: tuple[OperationOutcomeIssue, ...]


class OrganizationContact(BackboneElement, frozen=True, kw_only=True):
    """Contact for the organization for a certain purpose."""

    purpose: CodeableConcept | None = None
    name: HumanName | None = None
    telecom: tuple[ContactPoint, ...] = ()
    address: Address | None = None


class Organization(DomainResource, frozen=True, kw_only=True):
    """A grouping of people or organizations with a common purpose."""

    identifier: tuple[Identifier, ...] = ()
    active: Boolean | None = None
    active_element: Element | None = None
    type: tuple[CodeableConcept, ...] = ()
    name: String | None = None
    name_element: Element | None = None
    alias: tuple[String, ...] = ()
    alias_element: tuple[Element | None, ...] = ()
    telecom: tuple[ContactPoint, ...] = ()
    address: tuple[Address, ...] = ()
    part_of: Reference | None = None
    contact: tuple[OrganizationContact, ...] = ()
    endpoint: tuple[Reference, ...] = ()


class ParametersParameter(BackboneElement, frozen=True, kw_only=True):
    """Operation Parameter."""

    name: String
    name_element: Element | None = None
    value_base64_binary: Base64Binary | None = None
    value_base64_binary_element: Element | None = None
    value_boolean: Boolean | None = None
    value_boolean_element: Element | None = None
    value_canonical: Canonical | None = None
    value_canonical_element: Element | None = None
    value_code: Code | None = None
    value_code_element: Element | None = None
    value_date: Date | None = None
    value_date_element: Element | None = None
    value_date_time: DateTime | None = None
    value_date_time_element: Element | None = None
    value_decimal: Decimal | None = None
    value_decimal_element: Element | None = None
    value_id: Id | None = None
    value_id_element: Element | None = None
    value_instant: Instant | None = None
    value_instant_element: Element | None = None
    value_integer: Integer | None = None
    value_integer_element: Element | None = None
    value_markdown: Markdown | None = None
    value_markdown_element: Element | None = None
    value_oid: Oid | None = None
    value_oid_element: Element | None = None
    value_positive_int: PositiveInt | None = None
    value_positive_int_element: Element | None = None
    value_string: String | None = None
    value_string_element: Element | None = None
    value_time: Time | None = None
    value_time_element: Element | None = None
    value_unsigned_int: UnsignedInt | None = None
    value_unsigned_int_element: Element | None = None
    value_uri: Uri | None = None
    value_uri_element: Element | None = None
    value_url: Url | None = None
    value_url_element: Element | None = None
    value_uuid: Uuid | None = None
    value_uuid_element: Element | None = None
    value_address: Address | None = None
    value_age: Age | None = None
    value_annotation: Annotation | None = None
    value_attachment: Attachment | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_coding: Coding | None = None
    value_contact_point: ContactPoint | None = None
    value_count: Count | None = None
    value_distance: Distance | None = None
    value_duration: Duration | None = None
    value_human_name: HumanName | None = None
    value_identifier: Identifier | None = None
    value_money: Money | None = None
    value_period: Period | None = None
    value_quantity: Quantity | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    value_reference: Reference | None = None
    value_sampled_data: SampledData | None = None
    value_signature: Signature | None = None
    value_timing: Timing | None = None
    value_contact_detail: ContactDetail | None = None
    value_contributor: Contributor | None = None
    value_data_requirement: DataRequirement | None = None
    value_expression: Expression | None = None
    value_parameter_definition: ParameterDefinition | None = None
    value_related_artifact: RelatedArtifact | None = None
    value_trigger_definition: TriggerDefinition | None = None
    value_usage_context: UsageContext | None = None
    value_dosage: Dosage | None = None
    value_meta: Meta | None = None
    resource: AnyResource | None = None
    part: tuple[ParametersParameter, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, value=False)
        check_finite(self.value_decimal)


class Parameters(Resource, frozen=True, kw_only=True):
    """Operation Request or Response."""

    parameter: tuple[ParametersParameter, ...] = ()


class PatientLink(BackboneElement, frozen=True, kw_only=True):
    """Link to another patient resource that concerns the same actual person."""

    other: Reference
    type: LinkTypeCode
    type_element: Element | None = None


class PatientCommunication(BackboneElement, frozen=True, kw_only=True):
    """A language which may be used to communicate with the patient about his or her health."""

    language: CodeableConcept
    preferred: Boolean | None = None
    preferred_element: Element | None = None


class PatientContact(BackboneElement, frozen=True, kw_only=True):
    """A contact party (e.g. guardian, partner, friend) for the patient."""

    relationship: tuple[CodeableConcept, ...] = ()
    name: HumanName | None = None
    telecom: tuple[ContactPoint, ...] = ()
    address: Address | None = None
    gender: AdministrativeGenderCode | None = None
    gender_element: Element | None = None
    organization: Reference | None = None
    period: Period | None = None


class Patient(DomainResource, frozen=True, kw_only=True):
    """Information about an individual or animal receiving health care services."""

    identifier: tuple[Identifier, ...] = ()
    active: Boolean | None = None
    active_element: Element | None = None
    name: tuple[HumanName, ...] = ()
    telecom: tuple[ContactPoint, ...] = ()
    gender: AdministrativeGenderCode | None = None
    gender_element: Element | None = None
    birth_date: Date | None = None
    birth_date_element: Element | None = None
    deceased_boolean: Boolean | None = None
    deceased_boolean_element: Element | None = None
    deceased_date_time: DateTime | None = None
    deceased_date_time_element: Element | None = None
    address: tuple[Address, ...] = ()
    marital_status: CodeableConcept | None = None
    multiple_birth_boolean: Boolean | None = None
    multiple_birth_boolean_element: Element | None = None
    multiple_birth_integer: Integer | None = None
    multiple_birth_integer_element: Element | None = None
    photo: tuple[Attachment, ...] = ()
    contact: tuple[PatientContact, ...] = ()
    communication: tuple[PatientCommunication, ...] = ()
    general_practitioner: tuple[Reference, ...] = ()
    managing_organization: Reference | None = None
    link: tuple[PatientLink, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, deceased=False, multiple_birth=False)


class PractitionerQualification(BackboneElement, frozen=True, kw_only=True):
    """Certification, licenses, or training pertaining to the provision of care."""

    identifier: tuple[Identifier, ...] = ()
    code: CodeableConcept
    period: Period | None = None
    issuer: Reference | None = None


class Practitioner(DomainResource, frozen=True, kw_only=True):
    """A person with a  formal responsibility in the provisioning of healthcare or related services."""

    identifier: tuple[Identifier, ...] = ()
    active: Boolean | None = None
    active_element: Element | None = None
    name: tuple[HumanName, ...] = ()
    telecom: tuple[ContactPoint, ...] = ()
    address: tuple[Address, ...] = ()
    gender: AdministrativeGenderCode | None = None
    gender_element: Element | None = None
    birth_date: Date | None = None
    birth_date_element: Element | None = None
    photo: tuple[Attachment, ...] = ()
    qualification: tuple[PractitionerQualification, ...] = ()
    communication: tuple[CodeableConcept, ...] = ()


class PractitionerRoleAvailableTime(BackboneElement, frozen=True, kw_only=True):
    """Times the Service Site is available."""

    days_of_week: tuple[DaysOfWeekCode, ...] = ()
    days_of_week_element: tuple[Element | None, ...] = ()
    all_day: Boolean | None = None
    all_day_element: Element | None = None
    available_start_time: Time | None = None
    available_start_time_element: Element | None = None
    available_end_time: Time | None = None
    available_end_time_element: Element | None = None


class PractitionerRoleNotAvailable(BackboneElement, frozen=True, kw_only=True):
    """Not available during this time due to provided reason."""

    description: String
    description_element: Element | None = None
    during: Period | None = None


class PractitionerRole(DomainResource, frozen=True, kw_only=True):
    """Roles/organizations the practitioner is associated with."""

    identifier: tuple[Identifier, ...] = ()
    active: Boolean | None = None
    active_element: Element | None = None
    period: Period | None = None
    practitioner: Reference | None = None
    organization: Reference | None = None
    code: tuple[CodeableConcept, ...] = ()
    specialty: tuple[CodeableConcept, ...] = ()
    location: tuple[Reference, ...] = ()
    healthcare_service: tuple[Reference, ...] = ()
    telecom: tuple[ContactPoint, ...] = ()
    available_time: tuple[PractitionerRoleAvailableTime, ...] = ()
    not_available: tuple[PractitionerRoleNotAvailable, ...] = ()
    availability_exceptions: String | None = None
    availability_exceptions_element: Element | None = None
    endpoint: tuple[Reference, ...] = ()


class ProcedureFocalDevice(BackboneElement, frozen=True, kw_only=True):
    """Manipulated, implanted, or removed device."""

    action: CodeableConcept | None = None
    manipulated: Reference


class ProcedurePerformer(BackboneElement, frozen=True, kw_only=True):
    """The people who performed the procedure."""

    function: CodeableConcept | None = None
    actor: Reference
    on_behalf_of: Reference | None = None


class Procedure(DomainResource, frozen=True, kw_only=True):
    """An action that is being or was performed on a patient."""

    identifier: tuple[Identifier, ...] = ()
    instantiates_canonical: tuple[Canonical, ...] = ()
    instantiates_canonical_element: tuple[Element | None, ...] = ()
    instantiates_uri: tuple[Uri, ...] = ()
    instantiates_uri_element: tuple[Element | None, ...] = ()
    based_on: tuple[Reference, ...] = ()
    part_of: tuple[Reference, ...] = ()
    status: ProcedureStatusCode
    status_element: Element | None = None
    status_reason: CodeableConcept | None = None
    category: CodeableConcept | None = None
    code: CodeableConcept | None = None
    subject: Reference
    encounter: Reference | None = None
    performed_date_time: DateTime | None = None
    performed_date_time_element: Element | None = None
    performed_period: Period | None = None
    performed_string: String | None = None
    performed_string_element: Element | None = None
    performed_age: Age | None = None
    performed_range: Range | None = None
    recorder: Reference | None = None
    asserter: Reference | None = None
    performer: tuple[ProcedurePerformer, ...] = ()
    location: Reference | None = None
    reason_code: tuple[CodeableConcept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    body_site: tuple[CodeableConcept, ...] = ()
    outcome: CodeableConcept | None = None
    report: tuple[Reference, ...] = ()
    complication: tuple[CodeableConcept, ...] = ()
    complication_detail: tuple[Reference, ...] = ()
    follow_up: tuple[CodeableConcept, ...] = ()
    note: tuple[Annotation, ...] = ()
    focal_device: tuple[ProcedureFocalDevice, ...] = ()
    used_reference: tuple[Reference, ...] = ()
    used_code: tuple[CodeableConcept, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, performed=False)


class ProvenanceEntity(BackboneElement, frozen=True, kw_only=True):
    """An entity used in this activity."""

    role: ProvenanceEntityRoleCode
    role_element: Element | None = None
    what: Reference
    agent: tuple[ProvenanceAgent, ...] = ()


class ProvenanceAgent(BackboneElement, frozen=True, kw_only=True):
    """Actor involved."""

    type: CodeableConcept | None = None
    role: tuple[CodeableConcept, ...] = ()
    who: Reference
    on_behalf_of: Reference | None = None


class Provenance(DomainResource, frozen=True, kw_only=True):
    """Who, What, When for a set of resources."""

    target: tuple[Reference, ...]
    occurred_period: Period | None = None
    occurred_date_time: DateTime | None = None
    occurred_date_time_element: Element | None = None
    recorded: Instant
    recorded_element: Element | None = None
    policy: tuple[Uri, ...] = ()
    policy_element: tuple[Element | None, ...] = ()
    location: Reference | None = None
    reason: tuple[CodeableConcept, ...] = ()
    activity: CodeableConcept | None = None
    agent: tuple[ProvenanceAgent, ...]
    entity: tuple[ProvenanceEntity, ...] = ()
    signature: tuple[Signature, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, occurred=False)


class RelatedPersonCommunication(BackboneElement, frozen=True, kw_only=True):
    """A language which may be used to communicate with about the patient's health."""

    language: CodeableConcept
    preferred: Boolean | None = None
    preferred_element: Element | None = None


class RelatedPerson(DomainResource, frozen=True, kw_only=True):
    """A person that is related to a patient, but who is not a direct target of care."""

    identifier: tuple[Identifier, ...] = ()
    active: Boolean | None = None
    active_element: Element | None = None
    patient: Reference
    relationship: tuple[CodeableConcept, ...] = ()
    name: tuple[HumanName, ...] = ()
    telecom: tuple[ContactPoint, ...] = ()
    gender: AdministrativeGenderCode | None = None
    gender_element: Element | None = None
    birth_date: Date | None = None
    birth_date_element: Element | None = None
    address: tuple[Address, ...] = ()
    photo: tuple[Attachment, ...] = ()
    period: Period | None = None
    communication: tuple[RelatedPersonCommunication, ...] = ()


class Schedule(DomainResource, frozen=True, kw_only=True):
    """A container for slots of time that may be available for booking appointments."""

    identifier: tuple[Identifier, ...] = ()
    active: Boolean | None = None
    active_element: Element | None = None
    service_category: tuple[CodeableConcept, ...] = ()
    service_type: tuple[CodeableConcept, ...] = ()
    specialty: tuple[CodeableConcept, ...] = ()
    actor: tuple[Reference, ...]
    planning_horizon: Period | None = None
    comment: String | None = None
    comment_element: Element | None = None


class ServiceRequest(DomainResource, frozen=True, kw_only=True):
    """A request for a service to be performed."""

    identifier: tuple[Identifier, ...] = ()
    instantiates_canonical: tuple[Canonical, ...] = ()
    instantiates_canonical_element: tuple[Element | None, ...] = ()
    instantiates_uri: tuple[Uri, ...] = ()
    instantiates_uri_element: tuple[Element | None, ...] = ()
    based_on: tuple[Reference, ...] = ()
    replaces: tuple[Reference, ...] = ()
    requisition: Identifier | None = None
    status: ServiceRequestStatusCode
    status_element: Element | None = None
    intent: ServiceRequestIntentCode
    intent_element: Element | None = None
    category: tuple[CodeableConcept, ...] = ()
    priority: ServiceRequestPriorityCode | None = None
    priority_element: Element | None = None
    do_not_perform: Boolean | None = None
    do_not_perform_element: Element | None = None
    code: CodeableConcept | None = None
    order_detail: tuple[CodeableConcept, ...] = ()
    quantity_quantity: Quantity | None = None
    quantity_ratio: Ratio | None = None
    quantity_range: Range | None = None
    subject: Reference
    encounter: Reference | None = None
    occurrence_date_time: DateTime | None = None
    occurrence_date_time_element: Element | None = None
    occurrence_period: Period | None = None
    occurrence_timing: Timing | None = None
    as_needed_boolean: Boolean | None = None
    as_needed_boolean_element: Element | None = None
    as_needed_codeable_concept: CodeableConcept | None = None
    authored_on: DateTime | None = None
    authored_on_element: Element | None = None
    requester: Reference | None = None
    performer_type: CodeableConcept | None = None
    performer: tuple[Reference, ...] = ()
    location_code: tuple[CodeableConcept, ...] = ()
    location_reference: tuple[Reference, ...] = ()
    reason_code: tuple[CodeableConcept, ...] = ()
    reason_reference: tuple[Reference, ...] = ()
    insurance: tuple[Reference, ...] = ()
    supporting_info: tuple[Reference, ...] = ()
    specimen: tuple[Reference, ...] = ()
    body_site: tuple[CodeableConcept, ...] = ()
    note: tuple[Annotation, ...] = ()
    patient_instruction: String | None = None
    patient_instruction_element: Element | None = None
    relevant_history: tuple[Reference, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, quantity=False, occurrence=False, as_needed=False)


class Slot(DomainResource, frozen=True, kw_only=True):
    """A slot of time on a schedule that may be available for booking appointments."""

    identifier: tuple[Identifier, ...] = ()
    service_category: tuple[CodeableConcept, ...] = ()
    service_type: tuple[CodeableConcept, ...] = ()
    specialty: tuple[CodeableConcept, ...] = ()
    appointment_type: CodeableConcept | None = None
    schedule: Reference
    status: SlotStatusCode
    status_element: Element | None = None
    start: Instant
    start_element: Element | None = None
    end: Instant
    end_element: Element | None = None
    overbooked: Boolean | None = None
    overbooked_element: Element | None = None
    comment: String | None = None
    comment_element: Element | None = None


class SpecimenCollection(BackboneElement, frozen=True, kw_only=True):
    """Collection details."""

    collector: Reference | None = None
    collected_date_time: DateTime | None = None
    collected_date_time_element: Element | None = None
    collected_period: Period | None = None
    duration: Duration | None = None
    quantity: Quantity | None = None
    method: CodeableConcept | None = None
    body_site: CodeableConcept | None = None
    fasting_status_codeable_concept: CodeableConcept | None = None
    fasting_status_duration: Duration | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, collected=False, fasting_status=False)


class SpecimenContainer(BackboneElement, frozen=True, kw_only=True):
    """Direct container of specimen (tube/slide, etc.)."""

    identifier: tuple[Identifier, ...] = ()
    description: String | None = None
    description_element: Element | None = None
    type: CodeableConcept | None = None
    capacity: Quantity | None = None
    specimen_quantity: Quantity | None = None
    additive_codeable_concept: CodeableConcept | None = None
    additive_reference: Reference | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, additive=False)


class SpecimenProcessing(BackboneElement, frozen=True, kw_only=True):
    """Processing and processing step details."""

    description: String | None = None
    description_element: Element | None = None
    procedure: CodeableConcept | None = None
    additive: tuple[Reference, ...] = ()
    time_date_time: DateTime | None = None
    time_date_time_element: Element | None = None
    time_period: Period | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, time=False)


class Specimen(DomainResource, frozen=True, kw_only=True):
    """Sample for analysis."""

    identifier: tuple[Identifier, ...] = ()
    accession_identifier: Identifier | None = None
    status: SpecimenStatusCode | None = None
    status_element: Element | None = None
    type: CodeableConcept | None = None
    subject: Reference | None = None
    received_time: DateTime | None = None
    received_time_element: Element | None = None
    parent: tuple[Reference, ...] = ()
    request: tuple[Reference, ...] = ()
    collection: SpecimenCollection | None = None
    processing: tuple[SpecimenProcessing, ...] = ()
    container: tuple[SpecimenContainer, ...] = ()
    condition: tuple[CodeableConcept, ...] = ()
    note: tuple[Annotation, ...] = ()


class SubscriptionChannel(BackboneElement, frozen=True, kw_only=True):
    """The channel on which to report matches to the criteria."""

    type: SubscriptionChannelTypeCode
    type_element: Element | None = None
    endpoint: Url | None = None
    endpoint_element: Element | None = None
    payload: Code | None = None
    payload_element: Element | None = None
    header: tuple[String, ...] = ()
    header_element: tuple[Element | None, ...] = ()


class Subscription(DomainResource, frozen=True, kw_only=True):
    """Server push subscription criteria."""

    status: SubscriptionStatusCode
    status_element: Element | None = None
    contact: tuple[ContactPoint, ...] = ()
    end: Instant | None = None
    end_element: Element | None = None
    reason: String
    reason_element: Element | None = None
    criteria: String
    criteria_element: Element | None = None
    error: String | None = None
    error_element: Element | None = None
    channel: SubscriptionChannel


class TaskOutput(BackboneElement, frozen=True, kw_only=True):
    """Information produced as part of task."""

    type: CodeableConcept
    value_base64_binary: Base64Binary | None = None
    value_base64_binary_element: Element | None = None
    value_boolean: Boolean | None = None
    value_boolean_element: Element | None = None
    value_canonical: Canonical | None = None
    value_canonical_element: Element | None = None
    value_code: Code | None = None
    value_code_element: Element | None = None
    value_date: Date | None = None
    value_date_element: Element | None = None
    value_date_time: DateTime | None = None
    value_date_time_element: Element | None = None
    value_decimal: Decimal | None = None
    value_decimal_element: Element | None = None
    value_id: Id | None = None
    value_id_element: Element | None = None
    value_instant: Instant | None = None
    value_instant_element: Element | None = None
    value_integer: Integer | None = None
    value_integer_element: Element | None = None
    value_markdown: Markdown | None = None
    value_markdown_element: Element | None = None
    value_oid: Oid | None = None
    value_oid_element: Element | None = None
    value_positive_int: PositiveInt | None = None
    value_positive_int_element: Element | None = None
    value_string: String | None = None
    value_string_element: Element | None = None
    value_time: Time | None = None
    value_time_element: Element | None = None
    value_unsigned_int: UnsignedInt | None = None
    value_unsigned_int_element: Element | None = None
    value_uri: Uri | None = None
    value_uri_element: Element | None = None
    value_url: Url | None = None
    value_url_element: Element | None = None
    value_uuid: Uuid | None = None
    value_uuid_element: Element | None = None
    value_address: Address | None = None
    value_age: Age | None = None
    value_annotation: Annotation | None = None
    value_attachment: Attachment | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_coding: Coding | None = None
    value_contact_point: ContactPoint | None = None
    value_count: Count | None = None
    value_distance: Distance | None = None
    value_duration: Duration | None = None
    value_human_name: HumanName | None = None
    value_identifier: Identifier | None = None
    value_money: Money | None = None
    value_period: Period | None = None
    value_quantity: Quantity | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    value_reference: Reference | None = None
    value_sampled_data: SampledData | None = None
    value_signature: Signature | None = None
    value_timing: Timing | None = None
    value_contact_detail: ContactDetail | None = None
    value_contributor: Contributor | None = None
    value_data_requirement: DataRequirement | None = None
    value_expression: Expression | None = None
    value_parameter_definition: ParameterDefinition | None = None
    value_related_artifact: RelatedArtifact | None = None
    value_trigger_definition: TriggerDefinition | None = None
    value_usage_context: UsageContext | None = None
    value_dosage: Dosage | None = None
    value_meta: Meta | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, value=True)
        check_finite(self.value_decimal)


class TaskRestriction(BackboneElement, frozen=True, kw_only=True):
    """Constraints on fulfillment tasks."""

    repetitions: PositiveInt | None = None
    repetitions_element: Element | None = None
    period: Period | None = None
    recipient: tuple[Reference, ...] = ()


class TaskInput(BackboneElement, frozen=True, kw_only=True):
    """Information used to perform task."""

    type: CodeableConcept
    value_base64_binary: Base64Binary | None = None
    value_base64_binary_element: Element | None = None
    value_boolean: Boolean | None = None
    value_boolean_element: Element | None = None
    value_canonical: Canonical | None = None
    value_canonical_element: Element | None = None
    value_code: Code | None = None
    value_code_element: Element | None = None
    value_date: Date | None = None
    value_date_element: Element | None = None
    value_date_time: DateTime | None = None
    value_date_time_element: Element | None = None
    value_decimal: Decimal | None = None
    value_decimal_element: Element | None = None
    value_id: Id | None = None
    value_id_element: Element | None = None
    value_instant: Instant | None = None
    value_instant_element: Element | None = None
    value_integer: Integer | None = None
    value_integer_element: Element | None = None
    value_markdown: Markdown | None = None
    value_markdown_element: Element | None = None
    value_oid: Oid | None = None
    value_oid_element: Element | None = None
    value_positive_int: PositiveInt | None = None
    value_positive_int_element: Element | None = None
    value_string: String | None = None
    value_string_element: Element | None = None
    value_time: Time | None = None
    value_time_element: Element | None = None
    value_unsigned_int: UnsignedInt | None = None
    value_unsigned_int_element: Element | None = None
    value_uri: Uri | None = None
    value_uri_element: Element | None = None
    value_url: Url | None = None
    value_url_element: Element | None = None
    value_uuid: Uuid | None = None
    value_uuid_element: Element | None = None
    value_address: Address | None = None
    value_age: Age | None = None
    value_annotation: Annotation | None = None
    value_attachment: Attachment | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_coding: Coding | None = None
    value_contact_point: ContactPoint | None = None
    value_count: Count | None = None
    value_distance: Distance | None = None
    value_duration: Duration | None = None
    value_human_name: HumanName | None = None
    value_identifier: Identifier | None = None
    value_money: Money | None = None
    value_period: Period | None = None
    value_quantity: Quantity | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    value_reference: Reference | None = None
    value_sampled_data: SampledData | None = None
    value_signature: Signature | None = None
    value_timing: Timing | None = None
    value_contact_detail: ContactDetail | None = None
    value_contributor: Contributor | None = None
    value_data_requirement: DataRequirement | None = None
    value_expression: Expression | None = None
    value_parameter_definition: ParameterDefinition | None = None
    value_related_artifact: RelatedArtifact | None = None
    value_trigger_definition: TriggerDefinition | None = None
    value_usage_context: UsageContext | None = None
    value_dosage: Dosage | None = None
    value_meta: Meta | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, value=True)
        check_finite(self.value_decimal)


class Task(DomainResource, frozen=True, kw_only=True):
    """A task to be performed."""

    identifier: tuple[Identifier, ...] = ()
    instantiates_canonical: Canonical | None = None
    instantiates_canonical_element: Element | None = None
    instantiates_uri: Uri | None = None
    instantiates_uri_element: Element | None = None
    based_on: tuple[Reference, ...] = ()
    group_identifier: Identifier | None = None
    part_of: tuple[Reference, ...] = ()
    status: TaskStatusCode
    status_element: Element | None = None
    status_reason: CodeableConcept | None = None
    business_status: CodeableConcept | None = None
    intent: TaskIntentCode
    intent_element: Element | None = None
    priority: TaskPriorityCode | None = None
    priority_element: Element | None = None
    code: CodeableConcept | None = None
    description: String | None = None
    description_element: Element | None = None
    focus: Reference | None = None
    for_: Reference | None = None
    encounter: Reference | None = None
    execution_period: Period | None = None
    authored_on: DateTime | None = None
    authored_on_element: Element | None = None
    last_modified: DateTime | None = None
    last_modified_element: Element | None = None
    requester: Reference | None = None
    performer_type: tuple[CodeableConcept, ...] = ()
    owner: Reference | None = None
    location: Reference | None = None
    reason_code: CodeableConcept | None = None
    reason_reference: Reference | None = None
    insurance: tuple[Reference, ...] = ()
    note: tuple[Annotation, ...] = ()
    relevant_history: tuple[Reference, ...] = ()
    restriction: TaskRestriction | None = None
    input: tuple[TaskInput, ...] = ()
    output: tuple[TaskOutput, ...] = ()


#: Any resource that this base reads or writes.
AnyResource = (
    AllergyIntolerance
    | Appointment
    | AuditEvent
    | Binary
    | Bundle
    | CapabilityStatement
    | CareTeam
    | Communication
    | Composition
    | Condition
    | Consent
    | Coverage
    | Device
    | DiagnosticReport
    | DocumentReference
    | Encounter
    | Endpoint
    | FamilyMemberHistory
    | HealthcareService
    | ImagingStudy
    | Immunization
    | ListResource
    | Location
    | Medication
    | MedicationAdministration
    | MedicationDispense
    | MedicationRequest
    | MedicationStatement
    | Observation
    | OperationOutcome
    | Organization
    | Parameters
    | Patient
    | Practitioner
    | PractitionerRole
    | Procedure
    | Provenance
    | RelatedPerson
    | Schedule
    | ServiceRequest
    | Slot
    | Specimen
    | Subscription
    | Task
)
