"""A file that a person drops on a page, made into a document of the record: CDA level N1 around a PDF.

A photograph becomes a PDF/A page, turned the right way and without what a phone hides in it (place, device).
A CDA document that a professional drops is submitted as it is.
"""

from __future__ import annotations

import base64
import io
from datetime import date, datetime
from uuid import uuid4

import msgspec

from socle.platform.actor import Actor
from socle.platform.clock import to_dtm
from socle.services.ins.domain import Identity
from socle.standards.cda.build.documents import build_n1
from socle.standards.cda.build.frame import Frame
from socle.standards.cda.build.pdf import require_pdf
from socle.standards.cda.build.people import patient_of
from socle.standards.cda.datatypes import Concept, Identifier, Interval, Moment, NamePart, PersonName
from socle.standards.cda.header import Assigned, Encounter, Organization
from socle.standards.cda.metadata import document_entry_of, submission_for
from socle.standards.cda.render.pdf import PdfVariant, write_pdf
from socle.standards.errors import InvalidContent, Text
from socle.standards.ids.ins import Ins
from socle.standards.ids.oids import AUTHOR_SPECIALTY, PS_IDNAT, STRUCT_IDNAT
from socle.standards.ids.traits import to_calendar
from socle.standards.xds.model import DocumentEntry, Submission, Visibility

_TRE_A00 = "1.2.250.1.213.1.1.4.6"
_TRE_A05 = "1.2.250.1.213.1.1.4.12"
_TRE_A01 = "1.2.250.1.213.1.1.4.9"
_TRE_R02 = "1.2.250.1.71.4.2.4"
_ACT_ENCOUNTER = "2.16.840.1.113883.5.4"
_PATIENT_EXPRESSION = Concept("EXP_PATIENT", _TRE_A00, "Expression personnelle du patient")
_CUSTODIAN = Organization(id=Identifier(STRUCT_IDNAT, "1000000000"), name="Socle")
_OUTPATIENT = Concept("AMB", _ACT_ENCOUNTER, "Ambulatoire")

_CIVILITIES = frozenset({"DR", "PR", "M", "MM", "MME", "MLLE"})

#: Largest photograph, in pixels: more is a bomb or a poster.
_MAX_PIXELS = 60_000_000
#: Longest side of a photograph once in the record: a page at 200 dots per inch.
_LONGEST_SIDE = 2400

#: Labels of the types that only a patient's side produces (TRE_A05).
_CITIZEN_LABELS = {
    "DOCPAT01": "Synthèse déposée par le patient",
    "DOCPAT02": "Traitement ou document de soins déposé par le patient",
    "DOCPAT03": "CR déposé par le patient",
    "DOCPAT04": "Imagerie déposée par le patient",
    "DOCPAT05": "CR de biologie déposé par le patient",
    "DOCPAT06": "CR de prévention déposé par le patient",
    "DOCPAT07": "Certificat déposé par le patient",
    "DOCPAT09": "Document administratif déposé par le patient",
    "EXPPAT_1": "Volontés et droits du patient",
    "EXPPAT_2": "Autre document du patient",
    "EXPPAT_3": "Directives anticipées",
}


class Deposit(msgspec.Struct, frozen=True, kw_only=True):
    """A file, and what the person said of it. ``day`` is the day of the act."""

    content: bytes
    type: Concept
    title: str
    day: date
    visibility: frozenset[Visibility] = frozenset()
    #: uniqueId of the document that this one replaces, and its entryUUID in the registry.
    replaces: str = ""
    replaces_uuid: str = ""


def citizen_type(code: str) -> Concept:
    """The type ``code`` of TRE_A05. Raises ``KeyError`` for a type that is not a citizen's."""
    return Concept(code, _TRE_A05, _CITIZEN_LABELS[code])


def citizen_submission(deposit: Deposit, person: Identity, ins: Ins, now: datetime) -> Submission:
    """The submission of a document by the person it is about. Raises ``InvalidContent`` for what is no PDF or photo."""
    traits = person.traits
    author = Assigned(
        ids=(Identifier(ins.oid, ins.matricule),),
        profession=_PATIENT_EXPRESSION,
        name=PersonName((NamePart(traits.used_name or traits.birth_name),), (NamePart(traits.first_given_name),)),
        organization=Organization(name="", industry=_PATIENT_EXPRESSION),
    )
    encounter = Encounter(code=_OUTPATIENT, time=_interval(deposit.day), facility=_PATIENT_EXPRESSION)
    return _submission(deposit, person, ins, author, encounter, now)


def professional_submission(deposit: Deposit, person: Identity, ins: Ins, actor: Actor, now: datetime) -> Submission:
    """The submission of a document by the professional ``actor``, around a PDF or a photograph."""
    code = f"G15_{actor.profession}" + (f"/{actor.speciality}" if actor.speciality else "")
    is_ambulatory = actor.sector in {"SA05", "SA07", "SA08", "SA09", "SA33", "SA52"}
    setting = "AMBULATOIRE" if is_ambulatory else "ETABLISSEMENT"
    structure = Organization(
        id=Identifier(STRUCT_IDNAT, actor.structure) if actor.structure else None,
        name=actor.structure_name,
        industry=Concept(setting, _TRE_A01, "Ambulatoire" if is_ambulatory else "Etablissement de santé"),
    )
    author = Assigned(
        ids=(Identifier(PS_IDNAT, actor.id),),
        profession=Concept(code, AUTHOR_SPECIALTY, code),
        name=professional_name(actor.name),
        organization=structure,
    )
    facility = Concept(actor.sector or "SA07", _TRE_R02, actor.sector or "SA07")
    encounter = Encounter(code=_OUTPATIENT, time=_interval(deposit.day), facility=facility)
    return _submission(deposit, person, ins, author, encounter, now)


def professional_name(name: str) -> PersonName:
    """The name of a login, ``DR CAMILLE MARCHAND``, in parts: civility left out, given name, then family name.

    >>> professional_name("DR ANNE LE GOFF").family, professional_name("DR ANNE LE GOFF").given
    ('LE GOFF', 'ANNE')
    """
    words = [word for word in name.split() if word.upper().rstrip(".") not in _CIVILITIES]
    given, family = " ".join(words[:1]), " ".join(words[1:] or words[:1])
    return PersonName((NamePart(family),), (NamePart(given),))


def cda_submission(content: bytes, now: datetime, visibility: frozenset[Visibility], replaces_uuid: str) -> Submission:
    """The submission of a CDA document that exists already, as it is. Raises ``InvalidContent`` for what is no CDA."""
    entry = document_entry_of(content, visibility=visibility)
    return _submit([(entry, content)], now, replaces_uuid)


def new_oid() -> str:
    """A new OID that nobody else has (under ``2.25``, the arc of UUIDs)."""
    return f"2.25.{uuid4().int}"


def as_pdf(content: bytes) -> bytes:
    """``content`` itself if it is a readable PDF, a PDF/A page around it if it is a photograph.

    Raises ``InvalidContent`` (``NotPDFNorPhoto``) for anything else.
    """
    if content[:1024].lstrip().startswith(b"%PDF"):
        return require_pdf(content)
    # Pillow is for who deposits a photograph: nothing else pays for it.
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as opened:
            if opened.width * opened.height > _MAX_PIXELS:
                raise _not_a_page()
            upright = ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError, SyntaxError) as error:
        raise _not_a_page() from error
    upright.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    jpeg = io.BytesIO()
    upright.save(jpeg, "JPEG", quality=85)
    orientation = "landscape" if upright.width > upright.height else "portrait"
    page = (
        f"<html lang='fr'><title>Document</title><style>@page{{size:A4 {orientation};margin:1cm}}"
        "img{max-width:100%;max-height:100%}</style>"
        f"<img alt='Document' src='data:image/jpeg;base64,{base64.b64encode(jpeg.getvalue()).decode()}'>"
    )
    return write_pdf(page, PdfVariant.ARCHIVAL)


def _submission(
    deposit: Deposit, person: Identity, ins: Ins, author: Assigned, encounter: Encounter, now: datetime
) -> Submission:
    traits = person.traits
    frame = Frame(
        id=new_oid(),
        time=Moment(now.strftime("%Y%m%d%H%M%S+0000")),
        patient=patient_of(
            ins,
            birth_family=traits.birth_name,
            birth_given_names=traits.given_names,
            sex=traits.sex.value if traits.sex.value in {"M", "F"} else "UN",
            birth_date=to_calendar(traits.birth_date).strftime("%Y%m%d"),
            birth_place=traits.birth_place or "99999",
            used_family=traits.used_name,
            used_given=traits.used_given_name,
        ),
        author=author,
        custodian=_CUSTODIAN,
        encounter=encounter,
        service=_interval(deposit.day),
        title=deposit.title,
        replaces=deposit.replaces,
    )
    content = build_n1(frame, as_pdf(deposit.content), code=deposit.type, title=deposit.title)
    entry = document_entry_of(content, visibility=deposit.visibility)
    return _submit([(entry, content)], now, deposit.replaces_uuid)


def _submit(documents: list[tuple[DocumentEntry, bytes]], now: datetime, replaces_uuid: str) -> Submission:
    entry = documents[0][0]
    return submission_for(
        documents,
        author=entry.authors[0],
        source_id=new_oid(),
        unique_id=new_oid(),
        submission_time=to_dtm(now),
        title=entry.title,
        replaces={entry.entry_uuid: replaces_uuid} if replaces_uuid else None,
    )


def _interval(day: date) -> Interval:
    return Interval(low=Moment(day.strftime("%Y%m%d")), high=Moment(day.strftime("%Y%m%d")))


def _not_a_page() -> InvalidContent:
    return InvalidContent(
        "NotPDFNorPhoto",
        Text("Ce fichier n'est ni un PDF ni une photo lisible.", "This file is neither a readable PDF nor a photo."),
        remedy=Text("Choisissez un PDF, un JPEG ou un PNG.", "Choose a PDF, a JPEG or a PNG."),
    )
