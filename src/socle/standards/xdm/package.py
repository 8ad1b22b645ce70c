"""IHE_XDM archives as typed values, written for any reader and read from any writer.

What is wrong with an archive is a list of findings, not an exception, as long as its metadata can be read: a reader
shows the mail and says why it does not integrate.

Source: IHE ITI TF-2 §3.32; CI-SIS "Échange de documents de santé"; fact sheet "mssante" §7.
"""

from __future__ import annotations

import hashlib
import posixpath
from enum import StrEnum
from typing import Final

import msgspec
from lxml import etree

from socle.standards.errors import InvalidContent, MalformedInput, SocleError, Text
from socle.standards.xdm.archive import DEFAULT_BOUNDS, Bounds, pack, unpack
from socle.standards.xdm.readable import Sender, index_page, readme_text
from socle.standards.xds.ebrim_reader import read_submission
from socle.standards.xds.ebrim_writer import write_submission
from socle.standards.xds.model import AssociationType, DocumentEntry, Submission
from socle.standards.xml import parse

_LCM: Final = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0"
_RIM: Final = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
_ROOT: Final = "IHE_XDM"
_METADATA: Final = "METADATA.XML"
_ACTION_SLOT: Final = "action"
_EXTENSIONS: Final = {
    "text/xml": "XML",
    "application/pdf": "PDF",
    "application/dicom": "DCM",
    "application/xslt+xml": "XSL",
    "text/plain": "TXT",
    "image/jpeg": "JPG",
}


class Action(StrEnum):
    """What the sender asks about a document: the volet's extra metadata ``action``."""

    NEW = ""
    REPLACE = "C"
    DELETE = "D"


class FindingCode(StrEnum):
    """What may be wrong inside an archive."""

    DOCUMENT_MISSING = "XDMDocumentMissing"
    WRONG_HASH = "XDMWrongHash"
    WRONG_SIZE = "XDMWrongSize"
    PATIENT_DIFFERS = "XDMPatientDiffers"
    METADATA = "XDMMetadata"


class Finding(msgspec.Struct, frozen=True):
    """One defect, with the place in the archive."""

    code: FindingCode
    location: str
    reason: Text


class XdmPackage(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive carries: one submission a directory, with the contents of its documents."""

    submissions: tuple[Submission, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def documents(self) -> tuple[tuple[DocumentEntry, bytes], ...]:
        """All documents whose content is there."""
        return tuple(
            (entry, submission.contents[entry.entry_uuid])
            for submission in self.submissions
            for entry in submission.documents
            if entry.entry_uuid in submission.contents
        )


def write_xdm(submissions: tuple[Submission, ...], sender: Sender) -> bytes:
    """An archive of ``submissions``: metadata, documents, INDEX.HTM, README.TXT. The same input gives the same bytes.

    ``uri``, ``size`` and ``hash`` of each entry are set here. Raises ``InvalidContent`` without any document, or when a
    document has no content.
    """
    if not any(submission.documents for submission in submissions):
        raise _empty()
    files: dict[str, bytes] = {}
    for rank, submission in enumerate(submissions, 1):
        directory = f"{_ROOT}/SUBSET{rank:02d}"
        placed = _place(submission)
        metadata = etree.Element(f"{{{_LCM}}}SubmitObjectsRequest", nsmap={"lcm": _LCM, "rim": _RIM})
        metadata.append(write_submission(placed))
        files[f"{directory}/{_METADATA}"] = etree.tostring(metadata, xml_declaration=True, encoding="UTF-8")
        for entry in placed.documents:
            files[f"{directory}/{entry.uri}"] = submission.contents[entry.entry_uuid]
    entries = [(f"{_ROOT}/SUBSET{n:02d}", _place(item)) for n, item in enumerate(submissions, 1)]
    listed = [(f"{folder}/{entry.uri}", entry.title) for folder, item in entries for entry in item.documents]
    front = {
        "INDEX.HTM": index_page(sender, listed),
        "README.TXT": readme_text(sender, ["INDEX.HTM", "README.TXT", *files]),
    }
    return pack(front | files)


def read_xdm(archive: bytes, bounds: Bounds = DEFAULT_BOUNDS) -> XdmPackage:
    """The submissions of ``archive``, with findings on each document that is not what the metadata says.

    Raises ``MalformedInput`` or ``TooLarge`` on an unsafe or unreadable ZIP, ``InvalidContent`` (``XDMNoMetadata``)
    without any METADATA.XML.
    """
    files = unpack(archive, bounds)
    found = {path.upper(): path for path in files}
    metadata = [
        path
        for upper, path in found.items()
        if upper.startswith(f"{_ROOT}/") and posixpath.basename(upper) == _METADATA
    ]
    if not metadata:
        raise InvalidContent(
            "XDMNoMetadata",
            Text("L'archive ne contient pas de fichier METADATA.XML.", "The archive holds no METADATA.XML file."),
            requirement="IHE ITI TF-2 3.32.4.1.2",
        )
    submissions = []
    findings: list[Finding] = []
    for path in metadata:
        try:
            submission = _read_metadata(files[path])
        except SocleError as error:
            findings.append(Finding(FindingCode.METADATA, path, error.reason))
            continue
        contents = {}
        for entry in submission.documents:
            content = _content_of(entry, posixpath.dirname(path), files, found)
            location = f"{posixpath.dirname(path)}/{entry.uri}"
            if content is not None:
                contents[entry.entry_uuid] = content
            findings += _check(entry, content, submission, location)
        submissions.append(msgspec.structs.replace(submission, contents=contents))
    return XdmPackage(submissions=tuple(submissions), findings=tuple(findings))


def action_of(entry: DocumentEntry, submission: Submission) -> Action:
    """What the sender asks about ``entry``: its ``action`` slot, else an RPLC association."""
    for slots in (entry.extra_slots, submission.submission_set.extra_slots):
        for name, values in slots:
            if name.lower().rpartition(":")[2] == _ACTION_SLOT and values and values[0] in set(Action):
                return Action(values[0])
    replaces = any(
        link.type is AssociationType.REPLACES and link.source == entry.entry_uuid for link in submission.associations
    )
    return Action.REPLACE if replaces else Action.NEW


def with_action(entry: DocumentEntry, action: Action) -> DocumentEntry:
    """``entry`` with the extra metadata ``action``."""
    slots = tuple(slot for slot in entry.extra_slots if slot[0].lower() != _ACTION_SLOT)
    if action is not Action.NEW:
        slots += ((_ACTION_SLOT, (action.value,)),)
    return msgspec.structs.replace(entry, extra_slots=slots)


def _place(submission: Submission) -> Submission:
    documents = []
    for rank, entry in enumerate(submission.documents, 1):
        content = submission.contents.get(entry.entry_uuid)
        if content is None:
            raise _empty()
        documents.append(
            msgspec.structs.replace(
                entry,
                uri=f"DOC{rank:05d}.{_EXTENSIONS.get(entry.mime_type, 'BIN')}",
                size=len(content),
                hash=_sha1(content),
            )
        )
    return msgspec.structs.replace(submission, documents=tuple(documents))


def _read_metadata(content: bytes) -> Submission:
    root = parse(content)
    objects = root if root.tag == f"{{{_RIM}}}RegistryObjectList" else root.find(f".//{{{_RIM}}}RegistryObjectList")
    if objects is None:
        raise MalformedInput(
            "XDMNoRegistryObjects",
            Text("METADATA.XML ne contient pas de RegistryObjectList.", "METADATA.XML holds no RegistryObjectList."),
        )
    return read_submission(objects)


def _content_of(entry: DocumentEntry, directory: str, files: dict[str, bytes], found: dict[str, str]) -> bytes | None:
    """The document named by the URI, relative to the metadata or to the archive, case ignored."""
    if not entry.uri:
        return None
    for candidate in (posixpath.normpath(f"{directory}/{entry.uri}"), posixpath.normpath(entry.uri)):
        path = found.get(candidate.upper())
        if path is not None:
            return files[path]
    return None


def _check(entry: DocumentEntry, content: bytes | None, submission: Submission, location: str) -> list[Finding]:
    if content is None:
        reason = Text("Le document annoncé manque.", "The announced document is missing.")
        return [Finding(FindingCode.DOCUMENT_MISSING, location, reason)]
    findings = []
    if entry.size is not None and entry.size != len(content):
        reason = Text(
            f"Taille annoncée {entry.size}, trouvée {len(content)}.",
            f"Size announced {entry.size}, found {len(content)}.",
        )
        findings.append(Finding(FindingCode.WRONG_SIZE, location, reason))
    if entry.hash and entry.hash.lower() != _sha1(content):
        reason = Text(
            "L'empreinte annoncée n'est pas celle du document.", "The announced hash is not that of the document."
        )
        findings.append(Finding(FindingCode.WRONG_HASH, location, reason))
    if entry.patient_id != submission.submission_set.patient_id:
        reason = Text(
            "Le patient du document n'est pas celui du lot.", "The document's patient is not that of the set."
        )
        findings.append(Finding(FindingCode.PATIENT_DIFFERS, location, reason))
    return findings


def _sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def _empty() -> InvalidContent:
    return InvalidContent(
        "XDMEmpty", Text("L'archive ne contiendrait aucun document.", "The archive would hold no document.")
    )
