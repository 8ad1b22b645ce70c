"""ITI-65 transaction bundles, as a client sends them.

Source: MHD 4.2 ITI-65; PDSm 3.1.1 flux 01; fact sheet dmp-exchange §3.5, §8.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from socle.standards.fhir.pdsm import vocabulary as v
from socle.standards.fhir.pdsm.documents import RELATIONS, Relation, document_reference_of
from socle.standards.fhir.pdsm.lists import list_of_folder, list_of_set
from socle.standards.fhir.resources import (
    Binary,
    Bundle,
    BundleEntry,
    BundleEntryRequest,
    DocumentReference,
    ListResource,
    Parameters,
    ParametersParameter,
)
from socle.standards.fhir.types import Meta
from socle.standards.xds.model import AssociationType, DocumentEntry, Folder, Submission, SubmissionSet

Rel = AssociationType
#: XDS class of the signature of a submission, which PDSm does not carry.
_SIGNATURE_CLASS: Final = "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1"
#: Links that make the document at their end obsolete.
REPLACING: Final = frozenset({Rel.REPLACES, Rel.TRANSFORMS_AND_REPLACES})


def bundle_of(submission: Submission, references: Mapping[str, str] = {}) -> Bundle:
    """The ITI-65 bundle of ``submission``. ``references`` maps entry UUIDs of the registry to FHIR references.

    The signature document of the submission is left out: PDSm has no place for it.
    """
    documents = [document for document in submission.documents if document.class_code.code != _SIGNATURE_CLASS]
    urls = {item.entry_uuid: _full_url(item.entry_uuid, place) for place, item in enumerate(_objects(submission))}
    urls = dict(references) | urls
    members = _members(submission, {document.entry_uuid for document in documents})
    entries = [
        _post(
            urls[submission.submission_set.entry_uuid],
            list_of_set(submission.submission_set, (urls[uuid] for uuid in members["set"])),
        )
    ]
    entries += [
        _post(urls[folder.entry_uuid], list_of_folder(folder, (urls[uuid] for uuid in members[folder.entry_uuid])))
        for folder in submission.folders
    ]
    replaced: list[str] = []
    for place, document in enumerate(documents):
        relations = [
            Relation(link.type, urls[link.target])
            for link in submission.associations
            if link.source == document.entry_uuid and link.type in RELATIONS
        ]
        replaced += [relation.target for relation in relations if relation.type in REPLACING]
        binary = f"urn:uuid:00000000-0000-4000-8000-{place:012d}"
        entries.append(_post(urls[document.entry_uuid], document_reference_of(document, binary, relations)))
        content = submission.contents[document.entry_uuid]
        entries.append(_post(binary, Binary(content_type=document.mime_type, data=content)))
    entries += [
        BundleEntry(resource=SUPERSEDE, request=BundleEntryRequest(method="PATCH", url=url)) for url in replaced
    ]
    return Bundle(meta=Meta(profile=(v.PROFILE_BUNDLE,)), type="transaction", entry=tuple(entries))


#: What a replacement says again of the replaced document, beside ``relatesTo``.
SUPERSEDE: Final = Parameters(
    parameter=(
        ParametersParameter(
            name="operation",
            part=(
                ParametersParameter(name="type", value_code="replace"),
                ParametersParameter(name="path", value_string="DocumentReference.status"),
                ParametersParameter(name="value", value_code="superseded"),
            ),
        ),
    )
)


def _objects(submission: Submission) -> Iterator[SubmissionSet | DocumentEntry | Folder]:
    yield submission.submission_set
    yield from submission.documents
    yield from submission.folders


def _full_url(entry_uuid: str, place: int) -> str:
    return entry_uuid if entry_uuid.startswith("urn:uuid:") else f"urn:uuid:00000000-0000-4000-9000-{place:012d}"


def _members(submission: Submission, documents: set[str]) -> dict[str, list[str]]:
    own = documents | {folder.entry_uuid for folder in submission.folders}
    members: dict[str, list[str]] = {"set": [], **{folder.entry_uuid: [] for folder in submission.folders}}
    for link in submission.associations:
        if link.type is Rel.HAS_MEMBER:
            source = "set" if link.source == submission.submission_set.entry_uuid else link.source
            if source in members and (link.target in own or source != "set"):
                members[source].append(link.target)
    return members


def _post(full_url: str, resource: ListResource | DocumentReference | Binary) -> BundleEntry:
    name = str(resource.__struct_config__.tag)
    return BundleEntry(full_url=full_url, resource=resource, request=BundleEntryRequest(method="POST", url=name))
