"""The data types of FHIR 4.0.1. Written by ``generate.py``: do not edit."""

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
    Xhtml,
    check_choices,
    check_finite,
    fhir_name,
)

AddressTypeCode = Literal["postal", "physical", "both"]
AddressUseCode = Literal["home", "work", "temp", "old", "billing"]
ContactPointSystemCode = Literal["phone", "fax", "email", "pager", "url", "sms", "other"]
ContactPointUseCode = Literal["home", "work", "temp", "old", "mobile"]
ContributorTypeCode = Literal["author", "editor", "reviewer", "endorser"]
DayOfWeekCode = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
EventTimingCode = Literal[
    "MORN",
    "MORN.early",
    "MORN.late",
    "NOON",
    "AFT",
    "AFT.early",
    "AFT.late",
    "EVE",
    "EVE.early",
    "EVE.late",
    "NIGHT",
    "PHS",
    "HS",
    "WAKE",
    "C",
    "CM",
    "CD",
    "CV",
    "AC",
    "ACM",
    "ACD",
    "ACV",
    "PC",
    "PCM",
    "PCD",
    "PCV",
]
IdentifierUseCode = Literal["usual", "official", "temp", "secondary", "old"]
NameUseCode = Literal["usual", "official", "temp", "nickname", "anonymous", "old", "maiden"]
NarrativeStatusCode = Literal["generated", "extensions", "additional", "empty"]
ParameterUseCode = Literal["in", "out"]
QuantityComparatorCode = Literal["<", "<=", ">=", ">"]
RelatedArtifactTypeCode = Literal[
    "documentation",
    "justification",
    "citation",
    "predecessor",
    "successor",
    "derived-from",
    "depends-on",
    "composed-of",
]
SortDirectionCode = Literal["ascending", "descending"]
TriggerTypeCode = Literal[
    "named-event",
    "periodic",
    "data-changed",
    "data-added",
    "data-modified",
    "data-removed",
    "data-accessed",
    "data-access-ended",
]
UnitsOfTimeCode = Literal["s", "min", "h", "d", "wk", "mo", "a"]


class Element(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    gc=False,
    rename=fhir_name,
):
    """Base for all elements."""

    id: String | None = None
    extension: tuple[Extension, ...] = ()


class BackboneElement(Element, frozen=True, kw_only=True):
    """Base for elements defined inside a resource."""

    modifier_extension: tuple[Extension, ...] = ()


class Quantity(Element, frozen=True, kw_only=True):
    """A measured or measurable amount."""

    value: Decimal | None = None
    value_element: Element | None = None
    comparator: QuantityComparatorCode | None = None
    comparator_element: Element | None = None
    unit: String | None = None
    unit_element: Element | None = None
    system: Uri | None = None
    system_element: Element | None = None
    code: Code | None = None
    code_element: Element | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_finite(self.value)


class Address(Element, frozen=True, kw_only=True):
    """An address expressed using postal conventions (as opposed to GPS or other location definition format."""

    use: AddressUseCode | None = None
    use_element: Element | None = None
    type: AddressTypeCode | None = None
    type_element: Element | None = None
    text: String | None = None
    text_element: Element | None = None
    line: tuple[String, ...] = ()
    line_element: tuple[Element | None, ...] = ()
    city: String | None = None
    city_element: Element | None = None
    district: String | None = None
    district_element: Element | None = None
    state: String | None = None
    state_element: Element | None = None
    postal_code: String | None = None
    postal_code_element: Element | None = None
    country: String | None = None
    country_element: Element | None = None
    period: Period | None = None


class Age(Quantity, frozen=True, kw_only=True):
    """A duration of time during which an organism (or a process) has existed."""


class Annotation(Element, frozen=True, kw_only=True):
    """Text node with attribution."""

    author_reference: Reference | None = None
    author_string: String | None = None
    author_string_element: Element | None = None
    time: DateTime | None = None
    time_element: Element | None = None
    text: Markdown
    text_element: Element | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, author=False)


class Attachment(Element, frozen=True, kw_only=True):
    """Content in a format defined elsewhere."""

    content_type: Code | None = None
    content_type_element: Element | None = None
    language: Code | None = None
    language_element: Element | None = None
    data: Base64Binary | None = None
    data_element: Element | None = None
    url: Url | None = None
    url_element: Element | None = None
    size: UnsignedInt | None = None
    size_element: Element | None = None
    hash: Base64Binary | None = None
    hash_element: Element | None = None
    title: String | None = None
    title_element: Element | None = None
    creation: DateTime | None = None
    creation_element: Element | None = None


class CodeableConcept(Element, frozen=True, kw_only=True):
    """Concept - reference to a terminology or just  text."""

    coding: tuple[Coding, ...] = ()
    text: String | None = None
    text_element: Element | None = None


class Coding(Element, frozen=True, kw_only=True):
    """A reference to a code defined by a terminology system."""

    system: Uri | None = None
    system_element: Element | None = None
    version: String | None = None
    version_element: Element | None = None
    code: Code | None = None
    code_element: Element | None = None
    display: String | None = None
    display_element: Element | None = None
    user_selected: Boolean | None = None
    user_selected_element: Element | None = None


class ContactDetail(Element, frozen=True, kw_only=True):
    """Contact information."""

    name: String | None = None
    name_element: Element | None = None
    telecom: tuple[ContactPoint, ...] = ()


class ContactPoint(Element, frozen=True, kw_only=True):
    """Details of a Technology mediated contact point (phone, fax, email, etc.)."""

    system: ContactPointSystemCode | None = None
    system_element: Element | None = None
    value: String | None = None
    value_element: Element | None = None
    use: ContactPointUseCode | None = None
    use_element: Element | None = None
    rank: PositiveInt | None = None
    rank_element: Element | None = None
    period: Period | None = None


class Contributor(Element, frozen=True, kw_only=True):
    """Contributor information."""

    type: ContributorTypeCode
    type_element: Element | None = None
    name: String
    name_element: Element | None = None
    contact: tuple[ContactDetail, ...] = ()


class Count(Quantity, frozen=True, kw_only=True):
    """A measured or measurable amount."""


class DataRequirementSort(Element, frozen=True, kw_only=True):
    """Order of the results."""

    path: String
    path_element: Element | None = None
    direction: SortDirectionCode
    direction_element: Element | None = None


class DataRequirementDateFilter(Element, frozen=True, kw_only=True):
    """What dates/date ranges are expected."""

    path: String | None = None
    path_element: Element | None = None
    search_param: String | None = None
    search_param_element: Element | None = None
    value_date_time: DateTime | None = None
    value_date_time_element: Element | None = None
    value_period: Period | None = None
    value_duration: Duration | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, value=False)


class DataRequirementCodeFilter(Element, frozen=True, kw_only=True):
    """What codes are expected."""

    path: String | None = None
    path_element: Element | None = None
    search_param: String | None = None
    search_param_element: Element | None = None
    value_set: Canonical | None = None
    value_set_element: Element | None = None
    code: tuple[Coding, ...] = ()


class DataRequirement(Element, frozen=True, kw_only=True):
    """Describes a required data item."""

    type: Code
    type_element: Element | None = None
    profile: tuple[Canonical, ...] = ()
    profile_element: tuple[Element | None, ...] = ()
    subject_codeable_concept: CodeableConcept | None = None
    subject_reference: Reference | None = None
    must_support: tuple[String, ...] = ()
    must_support_element: tuple[Element | None, ...] = ()
    code_filter: tuple[DataRequirementCodeFilter, ...] = ()
    date_filter: tuple[DataRequirementDateFilter, ...] = ()
    limit: PositiveInt | None = None
    limit_element: Element | None = None
    sort: tuple[DataRequirementSort, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, subject=False)


class Distance(Quantity, frozen=True, kw_only=True):
    """A length - a value with a unit that is a physical distance."""


class DosageDoseAndRate(Element, frozen=True, kw_only=True):
    """Amount of medication administered."""

    type: CodeableConcept | None = None
    dose_range: Range | None = None
    dose_quantity: Quantity | None = None
    rate_ratio: Ratio | None = None
    rate_range: Range | None = None
    rate_quantity: Quantity | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, dose=False, rate=False)


class Dosage(BackboneElement, frozen=True, kw_only=True):
    """How the medication is/was taken or should be taken."""

    sequence: Integer | None = None
    sequence_element: Element | None = None
    text: String | None = None
    text_element: Element | None = None
    additional_instruction: tuple[CodeableConcept, ...] = ()
    patient_instruction: String | None = None
    patient_instruction_element: Element | None = None
    timing: Timing | None = None
    as_needed_boolean: Boolean | None = None
    as_needed_boolean_element: Element | None = None
    as_needed_codeable_concept: CodeableConcept | None = None
    site: CodeableConcept | None = None
    route: CodeableConcept | None = None
    method: CodeableConcept | None = None
    dose_and_rate: tuple[DosageDoseAndRate, ...] = ()
    max_dose_per_period: Ratio | None = None
    max_dose_per_administration: Quantity | None = None
    max_dose_per_lifetime: Quantity | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, as_needed=False)


class Duration(Quantity, frozen=True, kw_only=True):
    """A length of time."""


class Expression(Element, frozen=True, kw_only=True):
    """An expression that can be used to generate a value."""

    description: String | None = None
    description_element: Element | None = None
    name: Id | None = None
    name_element: Element | None = None
    language: Code
    language_element: Element | None = None
    expression: String | None = None
    expression_element: Element | None = None
    reference: Uri | None = None
    reference_element: Element | None = None


class Extension(Element, frozen=True, kw_only=True):
    """Optional Extensions Element."""

    url: Uri
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
        check_choices(self, value=False)
        check_finite(self.value_decimal)


class HumanName(Element, frozen=True, kw_only=True):
    """Name of a human - parts and usage."""

    use: NameUseCode | None = None
    use_element: Element | None = None
    text: String | None = None
    text_element: Element | None = None
    family: String | None = None
    family_element: Element | None = None
    given: tuple[String, ...] = ()
    given_element: tuple[Element | None, ...] = ()
    prefix: tuple[String, ...] = ()
    prefix_element: tuple[Element | None, ...] = ()
    suffix: tuple[String, ...] = ()
    suffix_element: tuple[Element | None, ...] = ()
    period: Period | None = None


class Identifier(Element, frozen=True, kw_only=True):
    """An identifier intended for computation."""

    use: IdentifierUseCode | None = None
    use_element: Element | None = None
    type: CodeableConcept | None = None
    system: Uri | None = None
    system_element: Element | None = None
    value: String | None = None
    value_element: Element | None = None
    period: Period | None = None
    assigner: Reference | None = None


class Meta(Element, frozen=True, kw_only=True):
    """Metadata about a resource."""

    version_id: Id | None = None
    version_id_element: Element | None = None
    last_updated: Instant | None = None
    last_updated_element: Element | None = None
    source: Uri | None = None
    source_element: Element | None = None
    profile: tuple[Canonical, ...] = ()
    profile_element: tuple[Element | None, ...] = ()
    security: tuple[Coding, ...] = ()
    tag: tuple[Coding, ...] = ()


class Money(Element, frozen=True, kw_only=True):
    """An amount of economic utility in some recognized currency."""

    value: Decimal | None = None
    value_element: Element | None = None
    currency: Code | None = None
    currency_element: Element | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_finite(self.value)


class Narrative(Element, frozen=True, kw_only=True):
    """Human-readable summary of the resource (essential clinical and business information)."""

    status: NarrativeStatusCode
    status_element: Element | None = None
    div: Xhtml


class ParameterDefinition(Element, frozen=True, kw_only=True):
    """Definition of a parameter to a module."""

    name: Code | None = None
    name_element: Element | None = None
    use: ParameterUseCode
    use_element: Element | None = None
    min: Integer | None = None
    min_element: Element | None = None
    max: String | None = None
    max_element: Element | None = None
    documentation: String | None = None
    documentation_element: Element | None = None
    type: Code
    type_element: Element | None = None
    profile: Canonical | None = None
    profile_element: Element | None = None


class Period(Element, frozen=True, kw_only=True):
    """Time range defined by start and end date/time."""

    start: DateTime | None = None
    start_element: Element | None = None
    end: DateTime | None = None
    end_element: Element | None = None


class Range(Element, frozen=True, kw_only=True):
    """Set of values bounded by low and high."""

    low: Quantity | None = None
    high: Quantity | None = None


class Ratio(Element, frozen=True, kw_only=True):
    """A ratio of two Quantity values - a numerator and a denominator."""

    numerator: Quantity | None = None
    denominator: Quantity | None = None


class Reference(Element, frozen=True, kw_only=True):
    """A reference from one resource to another."""

    reference: String | None = None
    reference_element: Element | None = None
    type: Uri | None = None
    type_element: Element | None = None
    identifier: Identifier | None = None
    display: String | None = None
    display_element: Element | None = None


class RelatedArtifact(Element, frozen=True, kw_only=True):
    """Related artifacts for a knowledge resource."""

    type: RelatedArtifactTypeCode
    type_element: Element | None = None
    label: String | None = None
    label_element: Element | None = None
    display: String | None = None
    display_element: Element | None = None
    citation: Markdown | None = None
    citation_element: Element | None = None
    url: Url | None = None
    url_element: Element | None = None
    document: Attachment | None = None
    resource: Canonical | None = None
    resource_element: Element | None = None


class SampledData(Element, frozen=True, kw_only=True):
    """A series of measurements taken by a device."""

    origin: Quantity
    period: Decimal
    period_element: Element | None = None
    factor: Decimal | None = None
    factor_element: Element | None = None
    lower_limit: Decimal | None = None
    lower_limit_element: Element | None = None
    upper_limit: Decimal | None = None
    upper_limit_element: Element | None = None
    dimensions: PositiveInt
    dimensions_element: Element | None = None
    data: String | None = None
    data_element: Element | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_finite(self.period, self.factor, self.lower_limit, self.upper_limit)


class Signature(Element, frozen=True, kw_only=True):
    """A Signature - XML DigSig, JWS, Graphical image of signature, etc."""

    type: tuple[Coding, ...]
    when: Instant
    when_element: Element | None = None
    who: Reference
    on_behalf_of: Reference | None = None
    target_format: Code | None = None
    target_format_element: Element | None = None
    sig_format: Code | None = None
    sig_format_element: Element | None = None
    data: Base64Binary | None = None
    data_element: Element | None = None


class TimingRepeat(Element, frozen=True, kw_only=True):
    """When the event is to occur."""

    bounds_duration: Duration | None = None
    bounds_range: Range | None = None
    bounds_period: Period | None = None
    count: PositiveInt | None = None
    count_element: Element | None = None
    count_max: PositiveInt | None = None
    count_max_element: Element | None = None
    duration: Decimal | None = None
    duration_element: Element | None = None
    duration_max: Decimal | None = None
    duration_max_element: Element | None = None
    duration_unit: UnitsOfTimeCode | None = None
    duration_unit_element: Element | None = None
    frequency: PositiveInt | None = None
    frequency_element: Element | None = None
    frequency_max: PositiveInt | None = None
    frequency_max_element: Element | None = None
    period: Decimal | None = None
    period_element: Element | None = None
    period_max: Decimal | None = None
    period_max_element: Element | None = None
    period_unit: UnitsOfTimeCode | None = None
    period_unit_element: Element | None = None
    day_of_week: tuple[DayOfWeekCode, ...] = ()
    day_of_week_element: tuple[Element | None, ...] = ()
    time_of_day: tuple[Time, ...] = ()
    time_of_day_element: tuple[Element | None, ...] = ()
    when: tuple[EventTimingCode, ...] = ()
    when_element: tuple[Element | None, ...] = ()
    offset: UnsignedInt | None = None
    offset_element: Element | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, bounds=False)
        check_finite(self.duration, self.duration_max, self.period, self.period_max)


class Timing(BackboneElement, frozen=True, kw_only=True):
    """A timing schedule that specifies an event that may occur multiple times."""

    event: tuple[DateTime, ...] = ()
    event_element: tuple[Element | None, ...] = ()
    repeat: TimingRepeat | None = None
    code: CodeableConcept | None = None


class TriggerDefinition(Element, frozen=True, kw_only=True):
    """Defines an expected trigger for a module."""

    type: TriggerTypeCode
    type_element: Element | None = None
    name: String | None = None
    name_element: Element | None = None
    timing_timing: Timing | None = None
    timing_reference: Reference | None = None
    timing_date: Date | None = None
    timing_date_element: Element | None = None
    timing_date_time: DateTime | None = None
    timing_date_time_element: Element | None = None
    data: tuple[DataRequirement, ...] = ()
    condition: Expression | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, timing=False)


class UsageContext(Element, frozen=True, kw_only=True):
    """Describes the context of use for a conformance or knowledge resource."""

    code: Coding
    value_codeable_concept: CodeableConcept | None = None
    value_quantity: Quantity | None = None
    value_range: Range | None = None
    value_reference: Reference | None = None

    def __post_init__(self) -> None:
        """Refuses what the types alone cannot: two types of one choice, none where required, no number."""
        check_choices(self, value=True)
