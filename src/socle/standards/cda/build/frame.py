"""What every document needs besides its content, and the header made of it."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any, Final

import msgspec

from socle.standards.cda.build.scribe import LOINC, expand
from socle.standards.cda.datatypes import Concept, Identifier, Interval, Moment
from socle.standards.cda.header import (
    TEMPLATE_CISIS,
    TEMPLATE_HL7_FRANCE,
    Assigned,
    Author,
    Encounter,
    Header,
    Informant,
    Order,
    Organization,
    Participant,
    Patient,
    RelatedDocument,
    ServiceEvent,
    Signatory,
    TemplateId,
)

NORMAL: Final = Concept("N", "2.16.840.1.113883.5.25", "Normal")
ATTENDING: Final = Concept("PCP", "2.16.840.1.113883.5.88", "Médecin Traitant")


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """Who, when, where. ``id`` is the OID of this version of the document, new each time; ``service`` the act's time.

    The author takes responsibility and performs the act unless ``legal_authenticator`` and ``performer`` say else.
    The performer's structure must have its setting (``industry``). A new version keeps ``set_id``, adds one to
    ``version`` and names the ``id`` that it ``replaces``.
    """

    id: str
    time: Moment
    patient: Patient
    author: Assigned
    custodian: Organization
    encounter: Encounter
    service: Interval
    legal_authenticator: Assigned | None = None
    performer: Assigned | None = None
    set_id: str = ""
    version: int = 1
    replaces: str = ""
    attending: Assigned | None = None
    recipients: tuple[Assigned, ...] = ()
    informants: tuple[Informant, ...] = ()
    orders: tuple[Order, ...] = ()
    title: str = ""
    confidentiality: Concept = NORMAL


class DocumentModel(msgspec.Struct, frozen=True):
    """What the content model fixes of a document."""

    code: Concept
    title: str
    templates: tuple[TemplateId, ...]
    event: Concept | None = None


def _load_models() -> dict[str, DocumentModel]:
    table: dict[str, Any] = tomllib.loads(
        resources.files("socle.standards.cda").joinpath("data/documents.toml").read_text("utf-8")
    )
    prefixes = table.pop("prefixes")
    common = (TemplateId(TEMPLATE_HL7_FRANCE), TemplateId(TEMPLATE_CISIS))
    return {
        name: DocumentModel(
            code=Concept(row["code"], row.get("system", LOINC), row["label"]),
            title=row["title"],
            templates=(*common, *(TemplateId(expand(root, prefixes), version) for root, version in row["templates"])),
            event=Concept(*row["event"]) if "event" in row else None,
        )
        for name, row in table.items()
    }


DOCUMENT_MODELS: Final = _load_models()


def header_of(
    frame: Frame,
    model: DocumentModel,
    *,
    events: tuple[Concept, ...] = (),
    event_ids: tuple[Identifier, ...] = (),
    flags: tuple[Concept, ...] = (),
) -> Header:
    """The header of a document of this model. ``events`` are its acts, the first one the main act; the model's own
    event is used when there are none. ``flags`` become service events of class ``INFO``.
    """
    performer = frame.performer or frame.author
    codes = events or ((model.event,) if model.event else ())
    acts = tuple(
        ServiceEvent(
            code=code,
            time=frame.service,
            performer=performer,
            performed=frame.service,
            ids=event_ids if rank == 0 else (),
        )
        for rank, code in enumerate(codes)
    )
    attending = (Participant("INF", frame.attending, ATTENDING, Interval(null_flavor="NA")),) if frame.attending else ()
    return Header(
        id=Identifier(frame.id),
        set_id=Identifier(frame.set_id or frame.id),
        version=str(frame.version),
        code=model.code,
        title=frame.title or model.title,
        effective_time=frame.time,
        confidentiality=frame.confidentiality,
        language="fr-FR",
        template_ids=model.templates,
        patient=frame.patient,
        authors=(Author(frame.author, frame.time),),
        informants=frame.informants,
        custodian=frame.custodian,
        recipients=frame.recipients,
        legal_authenticator=Signatory(frame.legal_authenticator or frame.author, frame.time),
        authenticators=(),
        participants=attending,
        orders=frame.orders,
        service_events=(*acts, *(ServiceEvent(code=flag, class_code="INFO") for flag in flags)),
        related_documents=(RelatedDocument("RPLC", Identifier(frame.replaces)),) if frame.replaces else (),
        encounter=frame.encounter,
    )
