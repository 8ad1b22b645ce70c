"""Rules of XDS metadata that need no registry: what a submission must satisfy by itself.

Source: fact sheet "DMP exchange" §1.9; IHE ITI TF-3 §4.2; CI-SIS Partage de documents.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from socle.standards.xds.errors import XdsError, metadata_error
from socle.standards.xds.model import (
    VISIBILITY_SYSTEM,
    AssociationType,
    Author,
    DocumentEntry,
    Folder,
    Submission,
    SubmissionSet,
    Visibility,
)

MAX_TITLE: Final = 128
MAX_UNIQUE_ID: Final = 128
MAX_SLOT_VALUE: Final = 256

#: Under which a CDA document is declared, so that it is compared with its metadata.
CDA_MEDIA_TYPES: Final = frozenset({"text/xml", "application/xml", "application/hl7-v3+xml"})
#: Under which a self-presentable document is declared: a stylesheet that holds its CDA.
STYLESHEET: Final = "application/xslt+xml"
_BEFORE_XML = b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"
_ROOT = re.compile(rb"<(?:[\w.-]+:)?([\w.-]+)")

_DTM = re.compile(r"\d{4}(\d{2}(\d{2}(\d{2}(\d{2}(\d{2})?)?)?)?)?")
_OID = re.compile(r"[0-2](\.(0|[1-9]\d*))+")
_SHA1 = re.compile(r"[0-9a-fA-F]{40}")
#: What XML 1.0 cannot carry, so that the other door could not answer it.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REPLACING = frozenset({AssociationType.REPLACES, AssociationType.TRANSFORMS_AND_REPLACES})
_FROM_NEW_DOCUMENT = _REPLACING | {AssociationType.APPENDS, AssociationType.TRANSFORMS}


def validate_submission(submission: Submission, *, with_contents: bool = True) -> list[XdsError]:
    """Every rule that ``submission`` breaks, in the order of its objects; an empty list when there is none.

    ``with_contents``: the message also carries the documents (ITI-41, ITI-65), one for each entry.
    """
    return [
        *_check_identifiers(submission),
        *_check_patients(submission),
        *_check_set(submission.submission_set),
        *(error for entry in submission.documents for error in _check_document(entry)),
        *(error for folder in submission.folders for error in _check_folder(folder)),
        *_check_associations(submission),
        *(_check_contents(submission) if with_contents else ()),
    ]


def is_oid(text: str) -> bool:
    """Whether ``text`` is an OID in dotted form.

    >>> is_oid("1.2.250.1"), is_oid("1.2.250.01"), is_oid("urn:oid:1.2")
    (True, False, False)
    """
    return _OID.fullmatch(text) is not None


def is_dtm(text: str) -> bool:
    """Whether ``text`` is an existing moment ``YYYY[MM[DD[hh[mm[ss]]]]]``.

    >>> is_dtm("20260302"), is_dtm("20260230"), is_dtm("2026-03-02")
    (True, False, False)
    """
    if _DTM.fullmatch(text) is None or not text.isascii():
        return False
    first = dtm_floor(text)
    month, day, hour, minute, second = (int(first[place : place + 2]) for place in range(4, 14, 2))
    try:
        datetime(int(first[:4]), month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return False
    return True


def dtm_floor(dtm: str) -> str:
    """The first second of ``dtm`` as 14 digits; empty if it is.

    >>> dtm_floor("2026"), dtm_floor("202603020815")
    ('20260101000000', '20260302081500')
    """
    return dtm + "00000101000000"[len(dtm) :] if dtm else ""


def dtm_to_second(dtm: str) -> str:
    """``dtm`` as it is to the day, else to the second: FHIR has no moment to the hour or to the minute.

    >>> dtm_to_second("20260302"), dtm_to_second("202603020815")
    ('20260302', '20260302081500')
    """
    return dtm if len(dtm) <= len("YYYYMMDD") else dtm_floor(dtm)


def _check_identifiers(submission: Submission) -> Iterator[XdsError]:
    ids = Counter(
        [
            submission.submission_set.entry_uuid,
            *(entry.entry_uuid for entry in submission.documents),
            *(folder.entry_uuid for folder in submission.folders),
            *(association.entry_uuid for association in submission.associations if association.entry_uuid),
        ]
    )
    for identifier in (identifier for identifier, count in ids.items() if count > 1):
        yield metadata_error(f"L'id « {identifier} » est répété.", f"The id “{identifier}” is repeated.", identifier)
    unique_ids = Counter(
        [
            submission.submission_set.unique_id,
            *(entry.unique_id for entry in submission.documents),
            *(folder.unique_id for folder in submission.folders),
        ]
    )
    for identifier in (identifier for identifier, count in unique_ids.items() if count > 1):
        yield metadata_error(
            f"L'uniqueId {identifier} est utilisé deux fois dans le message.",
            f"The uniqueId {identifier} is used twice in the message.",
            identifier,
            "XDSRegistryDuplicateUniqueIdInMessage",
        )


def _check_patients(submission: Submission) -> Iterator[XdsError]:
    patient = submission.submission_set.patient_id
    others: Iterable[DocumentEntry | Folder] = (*submission.documents, *submission.folders)
    for item in others:
        if item.patient_id != patient:
            yield metadata_error(
                "patientId diffère de celui du SubmissionSet.",
                "patientId differs from the SubmissionSet's.",
                f"{item.entry_uuid}/patientId",
                "XDSPatientIdDoesNotMatch",
            )


def _check_set(item: SubmissionSet) -> Iterator[XdsError]:
    yield from _check_oid(item.unique_id, f"{item.entry_uuid}/uniqueId")
    yield from _check_oid(item.source_id, f"{item.entry_uuid}/sourceId")
    yield from _check_time(item.submission_time, f"{item.entry_uuid}/submissionTime")
    if not item.author.person.strip():
        yield _missing(f"{item.entry_uuid}/authorPerson")
    yield from _check_texts(item.entry_uuid, item.title, item.comments)
    yield from _check_values(item.entry_uuid, "author", _author_values(item.author))
    for name, values in (("intendedRecipient", item.intended_recipients), *item.extra_slots):
        yield from _check_values(item.entry_uuid, name, values)


def _check_document(entry: DocumentEntry) -> Iterator[XdsError]:
    where = entry.entry_uuid
    yield from _check_oid(entry.unique_id, f"{where}/uniqueId")
    if not entry.confidentiality_codes:
        yield _missing(f"{where}/confidentialityCode")
    for code in entry.confidentiality_codes:
        # A secret that nobody understands would be no secret.
        if code.system == VISIBILITY_SYSTEM and code.code not in Visibility.__members__:
            known = ", ".join(Visibility)
            yield metadata_error(
                f"confidentialityCode « {code.code[:80]} » est inconnu ; codes de visibilité : {known}.",
                f"confidentialityCode “{code.code[:80]}” is unknown; visibility codes: {known}.",
                f"{where}/confidentialityCode",
            )
    if not any(author.person.strip() or any(author.institutions) for author in entry.authors):
        yield _missing(f"{where}/author")
    for name, value in (("mimeType", entry.mime_type), ("languageCode", entry.language_code)):
        if not value.strip():
            yield _missing(f"{where}/{name}")
    if entry.hash and not _SHA1.fullmatch(entry.hash):
        yield metadata_error(
            "hash : 40 chiffres hexadécimaux (SHA-1) attendus.",
            "hash: 40 hexadecimal digits (SHA-1) expected.",
            f"{where}/hash",
        )
    if entry.size is not None and entry.size < 0:
        yield metadata_error("size est négatif.", "size is negative.", f"{where}/size")
    yield from _check_time(entry.creation_time, f"{where}/creationTime")
    for name, time in (("serviceStartTime", entry.service_start_time), ("serviceStopTime", entry.service_stop_time)):
        if time:
            yield from _check_time(time, f"{where}/{name}")
    yield from _check_texts(where, entry.title, entry.comments)
    for name, values in (
        ("author", tuple(value for author in entry.authors for value in _author_values(author))),
        ("legalAuthenticator", (entry.legal_authenticator,)),
        ("sourcePatientId", (entry.source_patient_id,)),
        ("sourcePatientInfo", entry.source_patient_info),
        ("referenceIdList", entry.reference_ids),
        ("URI", (entry.uri,)),
        *entry.extra_slots,
    ):
        yield from _check_values(where, name, values)


def _check_folder(folder: Folder) -> Iterator[XdsError]:
    yield from _check_oid(folder.unique_id, f"{folder.entry_uuid}/uniqueId")
    if not folder.codes:
        yield _missing(f"{folder.entry_uuid}/codeList")
    yield from _check_texts(folder.entry_uuid, folder.title, folder.comments)


def _check_associations(submission: Submission) -> Iterator[XdsError]:
    documents = {entry.entry_uuid for entry in submission.documents}
    inside = (
        documents
        | {submission.submission_set.entry_uuid}
        | {folder.entry_uuid for folder in submission.folders}
        | {association.entry_uuid for association in submission.associations}
    )
    for association in submission.associations:
        where = association.entry_uuid or association.type.rpartition(":")[2]
        for name, end in (("sourceObject", association.source), ("targetObject", association.target)):
            if end not in inside and not end.startswith("urn:uuid:"):
                yield metadata_error(
                    f"{name} « {end} » ne désigne aucun objet du message ni du registre.",
                    f"{name} “{end}” names no object of the message nor of the registry.",
                    f"{where}/{name}",
                    "UnresolvedReferenceException",
                )
        is_membership = (
            association.type is AssociationType.HAS_MEMBER
            and association.source == submission.submission_set.entry_uuid
            and association.target in documents
        )
        if is_membership and association.submission_set_status not in ("Original", "Reference"):
            yield metadata_error(
                "Le slot SubmissionSetStatus (Original ou Reference) est obligatoire du lot vers le document.",
                "The slot SubmissionSetStatus (Original or Reference) is required from set to document.",
                f"{where}/SubmissionSetStatus",
            )
        if association.type in _FROM_NEW_DOCUMENT and association.source not in documents:
            yield metadata_error(
                "La source d'un remplacement, d'un ajout ou d'une transformation est un document du message.",
                "The source of a replacement, addendum or transformation is a document of the message.",
                f"{where}/sourceObject",
            )
        elif association.source == association.target or (
            association.type in _REPLACING and association.target in inside
        ):
            yield metadata_error(
                "La cible d'un lien est un autre objet, et celle d'un remplacement un document déjà enregistré.",
                "The target of a link is another object, and that of a replacement a document already registered.",
                f"{where}/targetObject",
            )


def _check_contents(submission: Submission) -> Iterator[XdsError]:
    ids = {entry.entry_uuid for entry in submission.documents}
    for identifier in sorted(ids - submission.contents.keys()):
        yield metadata_error(
            f"Le document de « {identifier} » manque.",
            f"The document of “{identifier}” is missing.",
            identifier,
            "XDSMissingDocument",
        )
    for identifier in sorted(submission.contents.keys() - ids):
        yield metadata_error(
            f"Le document « {identifier} » n'a pas de fiche.",
            f"The document “{identifier}” has no metadata.",
            identifier,
            "XDSMissingDocumentMetadata",
        )
    for entry in submission.documents:
        content = submission.contents.get(entry.entry_uuid, b"")
        if entry.mime_type not in CDA_MEDIA_TYPES and _is_cda(content, entry.mime_type):
            yield metadata_error(
                f"Le document est un CDA ; mimeType le dit {entry.mime_type[:80]}. Écrivez text/xml.",
                f"The document is a CDA; mimeType says {entry.mime_type[:80]}. Write text/xml.",
                f"{entry.entry_uuid}/mimeType",
                "InvalidDocumentContent",
            )


def _is_cda(content: bytes, media_type: str) -> bool:
    """Whether ``content`` is XML that speaks of a ``ClinicalDocument``; a self-presentable one is a stylesheet by type.

    >>> _is_cda("<ClinicalDocument/>".encode("utf-16"), ""), _is_cda(b"%PDF <ClinicalDocument/>", "")
    (True, False)
    >>> sheet = b"<?xml version='1.0'?><xsl:stylesheet><ClinicalDocument/></xsl:stylesheet>"
    >>> _is_cda(sheet, "application/pdf"), _is_cda(sheet, STYLESHEET)
    (True, False)
    """
    if not content[:1024].lstrip(_BEFORE_XML).startswith(b"<"):
        return False
    text = content.replace(b"\x00", b"")
    if b"ClinicalDocument" not in text:
        return False
    return media_type != STYLESHEET or _root_of(text) not in (b"stylesheet", b"transform")


def _root_of(text: bytes) -> bytes:
    """The local name of the first element."""
    text = text.lstrip(_BEFORE_XML)
    while text.startswith((b"<?", b"<!--")):
        text = text.partition(b"?>" if text.startswith(b"<?") else b"-->")[2].lstrip()
    match = _ROOT.match(text)
    return match[1] if match else b""


def _check_oid(text: str, location: str) -> Iterator[XdsError]:
    if len(text) > MAX_UNIQUE_ID or not is_oid(text):
        attribute = location.rpartition("/")[2]
        yield metadata_error(
            f"{attribute} « {text[:80]} » n'est pas un OID simple d'au plus {MAX_UNIQUE_ID} caractères.",
            f"{attribute} “{text[:80]}” is not a bare OID of at most {MAX_UNIQUE_ID} characters.",
            location,
        )


def _check_time(text: str, location: str) -> Iterator[XdsError]:
    if not is_dtm(text):
        attribute = location.rpartition("/")[2]
        yield metadata_error(
            f"{attribute} « {text[:40]} » n'est pas une date AAAA[MM[JJ[hh[mm[ss]]]]] en UTC.",
            f"{attribute} “{text[:40]}” is not a date YYYY[MM[DD[hh[mm[ss]]]]] in UTC.",
            location,
        )


def _check_texts(where: str, title: str, comments: str) -> Iterator[XdsError]:
    if len(title) > MAX_TITLE:
        yield metadata_error(
            f"title dépasse {MAX_TITLE} caractères.", f"title is over {MAX_TITLE} characters.", f"{where}/title"
        )
    for name, text in (("title", title), ("comments", comments)):
        if _UNWRITABLE.search(text):
            yield _unwritable(f"{where}/{name}")


def _check_values(where: str, name: str, values: Iterable[str]) -> Iterator[XdsError]:
    for value in values:
        if len(value) > MAX_SLOT_VALUE:
            yield metadata_error(
                f"{name} : une valeur dépasse {MAX_SLOT_VALUE} caractères.",
                f"{name}: a value is over {MAX_SLOT_VALUE} characters.",
                f"{where}/{name}",
            )
        if _UNWRITABLE.search(value):
            yield _unwritable(f"{where}/{name}")


def _author_values(author: Author) -> tuple[str, ...]:
    return (author.person, *author.institutions, *author.roles, *author.specialties, *author.telecommunications)


def _missing(location: str) -> XdsError:
    attribute = location.rpartition("/")[2]
    return metadata_error(f"{attribute} est obligatoire.", f"{attribute} is required.", location)


def _unwritable(location: str) -> XdsError:
    return metadata_error("Caractère de contrôle interdit.", "Forbidden control character.", location)
