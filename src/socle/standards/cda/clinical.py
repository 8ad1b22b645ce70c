"""What a document says of the patient's health, as typed values: read by ``entries``, written by ``build``.

Every value keeps ``text``, what the reader of the document sees for it in the narrative, and ``section``, the LOINC
code of the section it stands in. A ``Concept`` in these values is plain: a code with its label and translations, or
only the author's words in ``original_text``.

Source: CI-SIS content models, entries FRE.20 to FRE.210.
"""

from __future__ import annotations

from typing import Final

import msgspec

from socle.standards.cda.datatypes import Concept, Identifier, Interval, Moment, Quantity, QuantityRange
from socle.standards.cda.header import Assigned

#: System of the IPS codes that say that something is absent or unknown.
ABSENT_OR_UNKNOWN: Final = "2.16.840.1.113883.5.1150.1"

#: What an observation can find.
Value = Quantity | QuantityRange | Concept | Moment | bool | int | str


class ReferenceRange(msgspec.Struct, frozen=True):
    """What is usual: bounds, or words."""

    bounds: QuantityRange | None = None
    text: str = ""


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing observed or measured: laboratory result, vital sign, habit, pregnancy observation.

    ``interpretation`` is a code of HL7 ObservationInterpretation (``H``, ``LL`` …). ``panel`` and ``chapter`` say
    where a laboratory groups it. ``status`` is ``completed`` or ``aborted``. ``unit`` of the value is UCUM.
    """

    code: Concept
    value: Value | None = None
    time: Interval | None = None
    interpretation: Concept | None = None
    reference_ranges: tuple[ReferenceRange, ...] = ()
    method: Concept | None = None
    status: str = "completed"
    comment: str = ""
    panel: Concept | None = None
    chapter: Concept | None = None
    previous: tuple[Observation, ...] = ()
    id: Identifier | None = None
    text: str = ""
    section: str = ""

    @property
    def name(self) -> str:
        """How to call it: the narrative's words, else the code's label."""
        return self.text or self.code.label or self.code.original_text or self.code.code


class Ingredient(msgspec.Struct, frozen=True):
    """An active substance and how much of it: ``strength`` per ``per``."""

    substance: Concept
    strength: Quantity | None = None
    per: Quantity | None = None


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A medicine or vaccine. ``code`` is its CIS with CIP, Médicabase and ATC translations, or only words."""

    code: Concept = Concept()
    name: str = ""
    form: Concept | None = None
    lot: str = ""
    expiry: Moment | None = None
    ingredients: tuple[Ingredient, ...] = ()

    @property
    def title(self) -> str:
        """How to call it."""
        return (
            self.name
            or self.code.label
            or self.code.original_text
            or next((coding.label for coding in self.code.codings() if coding.label), self.code.code)
        )


class Frequency(msgspec.Struct, frozen=True):
    """How often: every ``period``, or at an ``event`` of the day (``ACM`` before breakfast …), ``during`` a time."""

    period: Quantity | None = None
    event: str = ""
    during: Interval | None = None


class Ratio(msgspec.Struct, frozen=True):
    """An amount per another (200 mg per day)."""

    numerator: Quantity
    denominator: Quantity | None = None


class Dosage(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a posology."""

    frequencies: tuple[Frequency, ...] = ()
    dose: QuantityRange | None = None
    rate: QuantityRange | None = None
    maximum: tuple[Ratio, ...] = ()
    period: Interval | None = None
    condition: str = ""
    text: str = ""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a prescriber adds to a line: ``None`` when the document does not say."""

    substitution: Concept | None = None
    substitution_reason: str = ""
    quantity: Quantity | None = None
    repeats: int | None = None
    is_ald: bool | None = None
    is_work_accident: bool | None = None
    is_prevention: bool | None = None
    is_not_reimbursed: bool | None = None
    is_off_label: bool | None = None


class Medication(msgspec.Struct, frozen=True, kw_only=True):
    """A treatment. ``is_order`` tells a prescription line from a treatment that is taken.

    ``steps`` has one dosage in the normal mode; the steps of a progressive, split or conditional posology otherwise.
    ``absence`` is the IPS code by which the entry says that there is no treatment (``no-known-medications``).
    """

    product: Product
    period: Interval | None = None
    steps: tuple[Dosage, ...] = ()
    route: Concept | None = None
    site: Concept | None = None
    is_order: bool = False
    is_negated: bool = False
    status: str = "completed"
    absence: Concept | None = None
    reasons: tuple[Concept, ...] = ()
    patient_instruction: str = ""
    dispenser_instruction: str = ""
    terms: Terms = Terms()
    id: Identifier | None = None
    text: str = ""
    section: str = ""


class Dispensation(msgspec.Struct, frozen=True, kw_only=True):
    """A medicine handed over. ``order`` is the prescription line, ``order_document`` its document."""

    product: Product
    quantity: Quantity | None = None
    order: Identifier | None = None
    order_document: Identifier | None = None
    treatment: Medication | None = None
    substitution: Concept | None = None
    patient_instruction: str = ""
    note: str = ""
    id: Identifier | None = None
    text: str = ""
    section: str = ""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A disease, symptom or history. ``kind`` says which; ``is_active`` comes from the concern's status."""

    kind: Concept
    value: Concept
    period: Interval | None = None
    is_active: bool = True
    is_negated: bool = False
    severity: Concept | None = None
    clinical_status: Concept | None = None
    certainty: Concept | None = None
    comment: str = ""
    id: Identifier | None = None
    text: str = ""
    section: str = ""

    @property
    def name(self) -> str:
        """How to call it."""
        return self.value.label or self.value.original_text or self.text or self.value.code


class Allergy(msgspec.Struct, frozen=True, kw_only=True):
    """An allergy or intolerance to ``agent``; ``value`` is a code that names both at once, or "none known"."""

    kind: Concept
    agent: Concept | None = None
    value: Concept | None = None
    period: Interval | None = None
    is_active: bool = True
    is_negated: bool = False
    severity: Concept | None = None
    criticality: Concept | None = None
    certainty: Concept | None = None
    clinical_status: Concept | None = None
    reactions: tuple[Problem, ...] = ()
    comment: str = ""
    id: Identifier | None = None
    text: str = ""
    section: str = ""

    @property
    def name(self) -> str:
        """How to call it."""
        for concept in (self.agent, self.value):
            if concept is not None and (name := concept.label or concept.original_text or concept.code):
                return name
        return self.text or self.kind.label


class Vaccination(msgspec.Struct, frozen=True, kw_only=True):
    """A vaccine given, or refused when ``is_negated``. ``kind`` is ``IMMUNIZ``, ``INITIMMUNIZ`` or ``BOOSTER``."""

    product: Product
    kind: Concept = Concept()
    time: Interval | None = None
    route: Concept | None = None
    site: Concept | None = None
    dose: Quantity | None = None
    rank: int | None = None
    is_negated: bool = False
    performer: Assigned | None = None
    reactions: tuple[Problem, ...] = ()
    comment: str = ""
    id: Identifier | None = None
    text: str = ""
    section: str = ""


class Procedure(msgspec.Struct, frozen=True, kw_only=True):
    """An act done (``is_order`` false) or asked for."""

    code: Concept
    time: Interval | None = None
    sites: tuple[Concept, ...] = ()
    status: str = "completed"
    is_order: bool = False
    is_negated: bool = False
    performer: Assigned | None = None
    reasons: tuple[Concept, ...] = ()
    id: Identifier | None = None
    text: str = ""
    section: str = ""


class FamilyHistory(msgspec.Struct, frozen=True, kw_only=True):
    """What a relative has or had."""

    relation: Concept
    problems: tuple[Problem, ...] = ()
    id: Identifier | None = None
    section: str = ""


class MedicalDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device that the patient has, or that is prescribed (``is_order``)."""

    code: Concept
    period: Interval | None = None
    quantity: Quantity | None = None
    is_order: bool = False
    terms: Terms = Terms()
    id: Identifier | None = None
    text: str = ""
    section: str = ""


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file inside the document, named by the ``ID`` that ``renderMultiMedia`` refers to; base64 not decoded."""

    media_type: str
    reference: str = ""
    kind: Concept | None = None
    section: str = ""
    #: Number of base64 characters: the content is read by ``read_attachment``.
    encoded_size: int = 0


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One section of the body, its text a line for each row, its place as ``level`` (1 at the top)."""

    code: Concept
    title: str
    level: int
    template_ids: tuple[str, ...] = ()
    text: str = ""


class ClinicalContent(msgspec.Struct, frozen=True, kw_only=True):
    """All the coded content of a document, each kind in document order."""

    sections: tuple[Section, ...] = ()
    results: tuple[Observation, ...] = ()
    vital_signs: tuple[Observation, ...] = ()
    social_history: tuple[Observation, ...] = ()
    pregnancies: tuple[Observation, ...] = ()
    observations: tuple[Observation, ...] = ()
    medications: tuple[Medication, ...] = ()
    dispensations: tuple[Dispensation, ...] = ()
    problems: tuple[Problem, ...] = ()
    allergies: tuple[Allergy, ...] = ()
    vaccinations: tuple[Vaccination, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    family_history: tuple[FamilyHistory, ...] = ()
    devices: tuple[MedicalDevice, ...] = ()
    attachments: tuple[Attachment, ...] = ()
