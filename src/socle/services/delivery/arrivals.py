"""A document that came by mail, as it is judged: is it what it says, whose is it, may it go to the DMP? Pure.

Source: fact sheet "mssante" §6.4, §7 (reader checks), §14 (MSS/va1.25-28, SENTINELLE.20, SC.CDA/INT.18).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from socle.services.conformance.domain import Verdict
from socle.services.ins.domain import Identity
from socle.standards.cda.document import open_document
from socle.standards.cda.header import Header, read_header
from socle.standards.cda.metadata import Severity, check_metadata
from socle.standards.errors import InvalidContent, SocleError, Text
from socle.standards.ids.ins import Ins
from socle.standards.ids.traits import normalise_name
from socle.standards.xdm.package import Action, Finding, XdmPackage, action_of
from socle.standards.xds.model import DocumentEntry, Submission


class PatientMatch(StrEnum):
    """Whether the person of the document is one of ours."""

    #: The INS is that of an identity here, and the traits agree.
    SAME = "same"
    #: The INS is that of an identity here, but a trait differs: a person compares.
    DIFFERENT = "different"
    #: Nobody here has this INS.
    UNKNOWN = "unknown"
    #: The document states no INS.
    UNIDENTIFIED = "unidentified"


SENTENCES: Final[dict[PatientMatch, Text]] = {
    PatientMatch.SAME: Text("Patient reconnu par son INS.", "Patient recognised by INS."),
    PatientMatch.DIFFERENT: Text(
        "L'INS est celui d'un de vos patients, mais un trait d'identité diffère : comparez avant de classer.",
        "The INS is that of a patient here, but a trait differs: compare before filing.",
    ),
    PatientMatch.UNKNOWN: Text(
        "Aucun patient d'ici ne porte cet INS : admettez-le d'abord.", "No patient here has this INS: admit them first."
    ),
    PatientMatch.UNIDENTIFIED: Text("Le document ne porte pas d'INS.", "The document carries no INS."),
}
_NO_CDA: Final = Text("Ce n'est pas un document CDA lisible.", "This is not a readable CDA document.")
_DELETION: Final = Text(
    "L'expéditeur demande de supprimer ce document : faites-le dans votre dossier si vous êtes d'accord.",
    "The sender asks to delete this document: do so in your record if you agree.",
)
_REPLACEMENT: Final = Text(
    "Ce document annule et remplace un document antérieur.", "This document cancels and replaces an earlier one."
)


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One document of a received message. ``id`` names it in its box: ``folder.uid.rank``.

    ``objections`` are why it does not go to the DMP; ``cautions`` are what whoever decides must know.
    """

    id: str
    received_at: datetime
    sender: str
    subject: str
    document_id: str
    title: str
    type_code: str = ""
    type_label: str = ""
    act_time: str = ""
    action: Action = Action.NEW
    patient: PatientMatch = PatientMatch.UNIDENTIFIED
    patient_name: str = ""
    ins: Ins | None = None
    #: Local identifier (IPP) of the patient here, when there is one.
    local_id: str = ""
    objections: tuple[Text, ...] = ()
    cautions: tuple[Text, ...] = ()
    #: What the rules in force say, when the document was judged.
    verdict: Verdict | None = None
    filed_at: datetime | None = None
    filed_as: str = ""
    refusal: str = ""
    taken_at: datetime | None = None

    @property
    def folder_id(self) -> int:
        """The folder of the message."""
        return int(self.id.split(".")[0])

    @property
    def uid(self) -> int:
        """The number of the message in its folder."""
        return int(self.id.split(".")[1])

    @property
    def may_be_filed(self) -> bool:
        """Whether a professional may send it to the DMP now."""
        return not self.objections and self.filed_at is None

    @property
    def files_itself(self) -> bool:
        """Whether it may go to the DMP without anybody looking: nothing to object, nothing to compare."""
        return self.may_be_filed and self.patient is PatientMatch.SAME

    def sentence(self, language: str = "fr") -> str:
        """The verdict as a person reads it."""
        if self.filed_at is not None:
            return Text("Versé au DMP.", "Filed in the DMP.").in_language(language)
        told = [text.in_language(language) for text in (*self.objections, *self.cautions)]
        return " ".join(told) or SENTENCES[self.patient].in_language(language)


class Content(msgspec.Struct, frozen=True):
    """A document of an archive with what its place there says of it."""

    entry: DocumentEntry
    content: bytes
    submission: Submission
    findings: tuple[Finding, ...]
    header: Header | None


def contents_of(package: XdmPackage) -> list[Content]:
    """The documents of ``package`` in order, each with the findings on it alone."""
    found = []
    for submission in package.submissions:
        for entry in submission.documents:
            content = submission.contents.get(entry.entry_uuid)
            if content is not None:
                on_it = tuple(f for f in package.findings if entry.uri and f.location.endswith(f"/{entry.uri}"))
                found.append(Content(entry, content, submission, on_it, _header_of(content)))
    return found


def match_patient(header: Header | None, identity: Identity | None) -> PatientMatch:
    """Whether the document of ``header`` is about ``identity``, who holds its INS here (``None``: nobody does)."""
    if header is None or header.patient.ins is None:
        return PatientMatch.UNIDENTIFIED
    if identity is None:
        return PatientMatch.UNKNOWN
    return PatientMatch.SAME if _traits_agree(header, identity) else PatientMatch.DIFFERENT


def judge(found: Content, match: PatientMatch) -> tuple[tuple[Text, ...], tuple[Text, ...]]:
    """Objections and cautions that can be told without the rules of conformance."""
    objections: list[Text] = [finding.reason for finding in found.findings]
    cautions: list[Text] = []
    if found.header is None:
        return (*objections, _NO_CDA), ()
    for difference in check_metadata(found.entry, found.content, header=found.header):
        told = Text(
            f"{difference.attribute} : {difference.reason.fr}", f"{difference.attribute}: {difference.reason.en}"
        )
        (objections if difference.severity is Severity.REFUSAL else cautions).append(told)
    action = action_of(found.entry, found.submission)
    if action is Action.DELETE:
        objections.append(_DELETION)
    elif action is Action.REPLACE or found.header.replaced is not None:
        cautions.append(_REPLACEMENT)
    if match is PatientMatch.DIFFERENT:
        cautions.append(SENTENCES[match])
    elif match is not PatientMatch.SAME:
        objections.append(SENTENCES[match])
    return tuple(objections), tuple(cautions)


def refused_intake(objections: Sequence[Text]) -> InvalidContent:
    """The refusal of a document that may not be filed."""
    return InvalidContent(
        "IntakeRefused",
        Text(" ".join(text.fr for text in objections), " ".join(text.en for text in objections)),
        requirement="IHE XDM, contrôles du lecteur",
    )


def _header_of(content: bytes) -> Header | None:
    try:
        return read_header(open_document(content))
    except SocleError:
        return None


def _traits_agree(header: Header, identity: Identity) -> bool:
    patient, traits = header.patient, identity.traits
    names = (normalise_name(patient.birth_family or patient.name.family), normalise_name(traits.birth_name))
    birth = patient.birth_time.text[:8] if patient.birth_time else ""
    gender = patient.gender.code if patient.gender else ""
    return (
        names[0] == names[1]
        and birth in ("", str(traits.birth_date).replace("-", ""))
        and gender in ("", traits.sex.value)
    )
