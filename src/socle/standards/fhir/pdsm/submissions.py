"""Submissions, as a server reads them: ITI-65 transaction bundles and ITI-105 publications.

Reading takes two steps, because a replacement or a folder may point to objects of the registry: ``references_of`` lists
what must be known, the caller finds it, ``submission_of`` does the rest.

Source: MHD 4.2 ITI-65, ITI-105; PDSm 3.1.1 flux 01, 09; fact sheet dmp-exchange §3.5, §8.6.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from socle.standards.errors import MalformedInput, Text
from socle.standards.fhir.pdsm.bundles import REPLACING, SUPERSEDE
from socle.standards.fhir.pdsm.documents import (
    RELATIONS,
    document_entry_of,
    missing,
    read_unique_id,
    refuse,
    unique_identifier,
)
from socle.standards.fhir.pdsm.lists import FOLDER, SUBMISSION_SET, folder_of, list_kind, submission_set_of
from socle.standards.fhir.resources import (
    Binary,
    Bundle,
    DocumentReference,
    DocumentRelationshipTypeCode,
    ListResource,
    Parameters,
    Patient,
    Resource,
)
from socle.standards.fhir.types import Reference
from socle.standards.xds.model import Association, AssociationType, Author, Code, Submission, SubmissionSet

Rel = AssociationType
#: ``contentTypeCode`` of the set that the server makes for a simplified publication.
SIMPLIFIED_CONTENT_TYPE: Final = Code("07", "1.2.250.1.213.2.2", "Consultation")
_REFERENCE = re.compile(r"(?:.*/)?(?P<type>DocumentReference|List)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/.*)?")

_PLACE = re.compile(r"entry(\d+)")


class Target(msgspec.Struct, frozen=True):
    """Something of the registry that a message points to: by FHIR id (``type`` and ``id``) or by uniqueId."""

    type: str
    id: str = ""
    unique_id: str = ""


#: What the caller found: the entry UUID of each target.
Found = Mapping[Target, str]


def target_of(reference: Reference) -> Target | None:
    """What ``reference`` points to outside its message; none for a reference inside it."""
    if reference.identifier is not None and reference.identifier.value:
        return Target(reference.type or "DocumentReference", unique_id=read_unique_id(reference.identifier))
    match = _REFERENCE.fullmatch(reference.reference or "")
    return Target(match["type"], match["id"]) if match else None


def references_of(bundle: Bundle | DocumentReference) -> frozenset[Target]:
    """What the registry must be asked for before ``submission_of`` or ``publication_of``."""
    resources = [bundle] if isinstance(bundle, DocumentReference) else [entry.resource for entry in bundle.entry]
    references: list[Reference] = []
    for resource in resources:
        if isinstance(resource, DocumentReference):
            references += [relation.target for relation in resource.relates_to]
        elif isinstance(resource, ListResource):
            references += [entry.item for entry in resource.entry]
    return frozenset(target for reference in references if (target := target_of(reference)) is not None)


def submission_of(bundle: Bundle, found: Found, new_oid: Callable[[], str] = lambda: "") -> Submission:
    """The submission that an ITI-65 ``bundle`` carries; its ids are symbolic (``entry0`` …), never the ``fullUrl``.

    ``new_oid`` names a set or folder that has no uniqueId, as MHD allows.

    Raises ``InvalidContent``, or ``MalformedInput`` for a broken structure; ``location`` is the place in the bundle.
    """
    return _Reader(bundle, found, new_oid).read()


class _Reader:
    """One walk over one bundle."""

    def __init__(self, bundle: Bundle, found: Found, new_oid: Callable[[], str]) -> None:
        if bundle.type != "transaction":
            raise _broken("Le type du Bundle est transaction.", "The type of the Bundle is transaction.", "Bundle.type")
        self.bundle = bundle
        self.found = found
        self.new_oid = new_oid
        self.places: dict[str, int] = {}
        for place, entry in enumerate(bundle.entry):
            if entry.full_url and self.places.setdefault(entry.full_url, place) != place:
                raise _broken(
                    "Deux entrées ont le même fullUrl.",
                    "Two entries have the same fullUrl.",
                    f"Bundle.entry[{place}].fullUrl",
                )

    def read(self) -> Submission:
        sets: list[tuple[int, ListResource]] = []
        folders: list[tuple[int, ListResource]] = []
        documents: list[tuple[int, DocumentReference]] = []
        binaries: dict[int, Binary] = {}
        patches: list[int] = []
        for place, entry in enumerate(self.bundle.entry):
            at = f"Bundle.entry[{place}]"
            resource, request = entry.resource, entry.request
            if request is None:
                raise missing(f"{at}.request")
            if request.if_none_exist or request.if_match or request.if_none_match or request.if_modified_since:
                raise refuse(
                    "FHIRConditionalNotSupported",
                    "Les requêtes conditionnelles ne sont pas admises dans un dépôt.",
                    "Conditional requests are not supported in a submission.",
                    f"{at}.request",
                )
            match (request.method, resource):
                case ("POST", ListResource()) if list_kind(resource) == SUBMISSION_SET:
                    sets.append((place, resource))
                case ("POST", ListResource()) if list_kind(resource) == FOLDER:
                    folders.append((place, resource))
                case ("POST", DocumentReference()):
                    documents.append((place, resource))
                case ("POST", Binary()):
                    binaries[place] = resource
                case ("PATCH", Parameters()):
                    patches.append(place)
                case ("POST" | "PUT" | "GET", Patient() | None) if request.url.startswith("Patient"):
                    pass
                case ("POST", Bundle()):
                    raise refuse(
                        "FHIRDocumentNotSupported",
                        "Les documents FHIR ne sont pas admis : envoyez le CDA dans un Binary.",
                        "FHIR documents are not supported: send the CDA in a Binary.",
                        f"{at}.resource",
                    )
                case _:
                    raise refuse(
                        "FHIRUnexpectedEntry",
                        f"Cette entrée ({request.method} {request.url}) n'a pas sa place dans un dépôt ITI-65.",
                        f"This entry ({request.method} {request.url}) does not belong in an ITI-65 submission.",
                        at,
                    )
        return self._submission(sets, folders, documents, binaries, patches)

    def _submission(
        self,
        sets: list[tuple[int, ListResource]],
        folders: list[tuple[int, ListResource]],
        documents: list[tuple[int, DocumentReference]],
        binaries: dict[int, Binary],
        patches: list[int],
    ) -> Submission:
        if len(sets) != 1:
            raise refuse(
                "XDSRegistryMetadataError",
                f"Un dépôt a un lot de soumission (List submissionset) et un seul ; celui-ci en a {len(sets)}.",
                f"A submission has exactly one submission set (List submissionset); this one has {len(sets)}.",
                f"Bundle.entry[{sets[1][0]}]" if sets else "Bundle.entry",
            )
        place, resource = sets[0]
        at = f"Bundle.entry[{place}].resource"
        set_id = entry_id(place)
        links = [self._membership(set_id, e.item, f"{at}.entry[{n}].item") for n, e in enumerate(resource.entry)]
        for folder_place, folder in folders:
            folder_at = f"Bundle.entry[{folder_place}].resource"
            links += [
                self._membership(entry_id(folder_place), e.item, f"{folder_at}.entry[{n}].item")
                for n, e in enumerate(folder.entry)
            ]
        entries, contents = [], {}
        unused = set(binaries)
        for document_place, document in documents:
            document_at = f"Bundle.entry[{document_place}].resource"
            entry = document_entry_of(document, entry_id(document_place), self._resolve, at=document_at)
            binary_place = self._binary_place(document, binaries, document_at)
            unused.discard(binary_place)
            contents[entry.entry_uuid] = self._content(document, binaries[binary_place], document_at)
            entries.append(entry)
            links += relations_of(document, entry.entry_uuid, self._target, at=document_at)
        if unused:
            raise refuse(
                "XDSMissingDocumentMetadata",
                "Ce Binary n'est le contenu d'aucune fiche (attachment.url).",
                "This Binary is the content of no DocumentReference (attachment.url).",
                f"Bundle.entry[{min(unused)}]",
            )
        self._check_patches(patches, links)
        return Submission(
            submission_set=submission_set_of(resource, set_id, self.new_oid, self._resolve, at=at),
            documents=tuple(entries),
            folders=tuple(
                folder_of(f, entry_id(p), self.new_oid, self._resolve, at=f"Bundle.entry[{p}].resource")
                for p, f in folders
            ),
            associations=tuple(links),
            contents=contents,
        )

    def _resolve(self, reference: Reference) -> Resource | None:
        place = self.places.get(reference.reference or "")
        return self.bundle.entry[place].resource if place is not None else None

    def _target(self, reference: Reference, at: str) -> str:
        """The id of what ``reference`` points to: symbolic inside the bundle, the registry's outside."""
        place = self.places.get(reference.reference or "")
        return entry_id(place) if place is not None else found_target(reference, self.found, at)

    def _membership(self, source: str, item: Reference, at: str) -> Association:
        target = self._target(item, at)
        status = "Original" if item.reference in self.places else "Reference"
        return Association(
            entry_uuid=f"{source}/{target}",
            type=Rel.HAS_MEMBER,
            source=source,
            target=target,
            submission_set_status=status,
        )

    def _binary_place(self, document: DocumentReference, binaries: Mapping[int, Binary], at: str) -> int:
        url = document.content[0].attachment.url
        if not url:
            raise missing(f"{at}.content[0].attachment.url")
        place = self.places.get(url)
        if place is None or place not in binaries:
            raise refuse(
                "XDSMissingDocument",
                "attachment.url ne désigne aucun Binary de ce Bundle (par son fullUrl).",
                "attachment.url names no Binary of this Bundle (by its fullUrl).",
                f"{at}.content[0].attachment.url",
            )
        return place

    def _content(self, document: DocumentReference, binary: Binary, at: str) -> bytes:
        if binary.content_type != document.content[0].attachment.content_type:
            raise refuse(
                "XDSRegistryMetadataError",
                "Le contentType de la fiche et celui du Binary diffèrent.",
                "The contentType of the DocumentReference differs from that of the Binary.",
                f"{at}.content[0].attachment.contentType",
            )
        return binary.data or b""

    def _check_patches(self, patches: list[int], links: list[Association]) -> None:
        """A PATCH entry says again what ``relatesTo`` says: the replaced document is superseded."""
        replaced = {link.target for link in links if link.type in REPLACING}
        for place in patches:
            entry, at = self.bundle.entry[place], f"Bundle.entry[{place}]"
            if entry.resource != SUPERSEDE:
                raise refuse(
                    "FHIRPatchNotSupported",
                    "Dans un dépôt, PATCH remplace DocumentReference.status par superseded et rien d'autre.",
                    "In a submission, PATCH replaces DocumentReference.status by superseded and nothing else.",
                    f"{at}.resource",
                )
            url = entry.request.url if entry.request else ""
            if self._target(Reference(reference=url), f"{at}.request.url") not in replaced:
                raise refuse(
                    "XDSReplaceFailed",
                    "Aucune fiche de ce dépôt ne remplace ce document (relatesTo replaces).",
                    "No DocumentReference of this submission replaces this document (relatesTo replaces).",
                    f"{at}.request.url",
                )


def patch_targets_of(bundle: Bundle) -> frozenset[Target]:
    """The documents that PATCH entries name, to be found as those of ``references_of``."""
    urls = [entry.request.url for entry in bundle.entry if entry.request and entry.request.method == "PATCH"]
    return frozenset(target for url in urls if (target := target_of(Reference(reference=url))) is not None)


def relations_of(
    document: DocumentReference, entry_uuid: str, find: Callable[[Reference, str], str], *, at: str
) -> list[Association]:
    """The associations of ``relatesTo``; ``transforms`` and ``replaces`` of one target are one XFRM_RPLC."""
    codes: dict[str, set[DocumentRelationshipTypeCode]] = {}
    for place, relation in enumerate(document.relates_to):
        target = find(relation.target, f"{at}.relatesTo[{place}].target")
        codes.setdefault(target, set()).add(relation.code)
    types = {frozenset(codes): kind for kind, codes in RELATIONS.items()}
    links = []
    for target, said in codes.items():
        joined = [types[frozenset(said)]] if frozenset(said) in types else [types[frozenset({code})] for code in said]
        links += [
            Association(entry_uuid=f"{entry_uuid}/{kind.name}/{target}", type=kind, source=entry_uuid, target=target)
            for kind in joined
        ]
    return links


def found_target(reference: Reference, found: Found, at: str) -> str:
    """The entry UUID of what ``reference`` points to. Raises ``InvalidContent`` if the registry has none."""
    target = target_of(reference)
    if target is None or target not in found:
        raise refuse(
            "UnresolvedReferenceException",
            "Cette référence ne désigne rien, ni dans le message ni dans le dossier.",
            "This reference names nothing, neither in the message nor in the record.",
            at,
        )
    return found[target]


def publication_of(
    document: DocumentReference, found: Found, unique_id: str, source_id: str, now_dtm: str
) -> Submission:
    """The submission that an ITI-105 ``document`` stands for: the server makes its submission set.

    ``unique_id`` (an OID) names the set, and with ``.1`` the document if it has no ``masterIdentifier``.
    """
    at = "DocumentReference"
    attachment = document.content[0].attachment
    if attachment.data is None:
        raise missing(f"{at}.content[0].attachment.data")
    if attachment.url:
        raise refuse(
            "XDSRegistryMetadataError",
            "Une publication simplifiée porte le document dans data, sans url.",
            "A simplified publication carries the document in data, without url.",
            f"{at}.content[0].attachment.url",
        )
    bare = msgspec.structs.replace(attachment, data=None)
    content = msgspec.structs.replace(document.content[0], attachment=bare)
    plain = msgspec.structs.replace(document, content=(content, *document.content[1:]))
    if plain.master_identifier is None and not plain.identifier:
        plain = msgspec.structs.replace(plain, master_identifier=unique_identifier(f"{unique_id}.1"))
    entry = document_entry_of(plain, "document", lambda _reference: None, at=at)
    links = relations_of(document, "document", lambda reference, place: found_target(reference, found, place), at=at)
    member = Association(
        entry_uuid="member", type=Rel.HAS_MEMBER, source="set", target="document", submission_set_status="Original"
    )
    submission_set = SubmissionSet(
        entry_uuid="set",
        unique_id=unique_id,
        source_id=source_id,
        patient_id=entry.patient_id,
        content_type_code=SIMPLIFIED_CONTENT_TYPE,
        submission_time=now_dtm,
        author=entry.authors[0] if entry.authors else Author(),
    )
    return Submission(
        submission_set=submission_set,
        documents=(entry,),
        associations=(member, *links),
        contents={"document": attachment.data},
    )


def entry_id(place: int) -> str:
    """The symbolic id of the entry at ``place`` of its bundle."""
    return f"entry{place}"


def resources_of(submission: Submission) -> dict[str, str]:
    """The FHIRPath of the resource behind each symbolic id of a submission read here."""
    names = [submission.submission_set.entry_uuid]
    names += [item.entry_uuid for item in submission.documents]
    names += [item.entry_uuid for item in submission.folders]
    places = {name: _PLACE.fullmatch(name) for name in names}
    return {
        name: f"Bundle.entry[{place[1]}].resource" if place else "DocumentReference" for name, place in places.items()
    }


def _broken(french: str, english: str, at: str) -> MalformedInput:
    return MalformedInput("FHIRStructure", Text(french, english), location=at, requirement="MHD 4.2 ITI-65")
