"""What the interactions of the FHIR door share: where things are found, how a document is shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from socle.platform.actor import Actor
from socle.platform.fhir import Cursors
from socle.platform.web import Authenticate
from socle.services.dmp.domain import Door, GetDocuments, GetFolders
from socle.services.dmp.service import DmpService
from socle.standards.errors import NotFound, Text
from socle.standards.fhir.pdsm.documents import Relation, binary_id, document_reference_of, fhir_id
from socle.standards.fhir.pdsm.submissions import Target
from socle.standards.fhir.pdsm.systems import is_oid
from socle.standards.fhir.resources import DocumentReference
from socle.standards.xds.model import Association, AssociationType, DocumentEntry

PATH: Final = "/dmp/fhir"
#: Links that ``relatesTo`` shows.
_RELATIONS: Final = frozenset(
    {
        AssociationType.REPLACES,
        AssociationType.APPENDS,
        AssociationType.TRANSFORMS,
        AssociationType.TRANSFORMS_AND_REPLACES,
    }
)


class FhirContext:
    """The service, who asks, and where the door is."""

    def __init__(self, service: DmpService, authenticate: Authenticate) -> None:
        self.service = service
        self.authenticate = authenticate
        self.base = service.context.base
        self.url = self.base.settings.base_url + PATH
        self.cursors = Cursors(self.base.objects.rings)

    async def find(self, actor: Actor, targets: frozenset[Target]) -> dict[Target, str]:
        """The entry UUIDs of what a message points to, as far as the caller may know of it."""
        found: dict[Target, str] = {}
        for target in targets:
            if target.type == "List":
                folders = await self.service.query(
                    actor, GetFolders(logical_ids=(f"urn:uuid:{target.id}",)), door=Door.FHIR
                )
                if folders.folders:
                    found[target] = max(folders.folders, key=lambda folder: folder.version).entry_uuid
            elif entry := await self.locate(actor, target):
                found[target] = entry.entry_uuid
        return found

    async def locate(self, actor: Actor, target: Target) -> DocumentEntry | None:
        """The current version of a document named by uniqueId, logicalId or entryUUID; by right of location alone."""
        for wanted in ways_to(target):
            found = await self.service.query(actor, wanted, door=Door.FHIR)
            if found.documents:
                newest = max(found.documents, key=lambda entry: entry.version)
                if wanted.entry_uuids and newest.logical_id not in ("", newest.entry_uuid):
                    return await self.locate(actor, Target(target.type, fhir_id(newest.logical_id))) or newest
                return newest
        return None

    def document(self, entry: DocumentEntry, links: Sequence[Association]) -> DocumentReference:
        """``entry`` as this door shows it, with its links to other documents."""
        relations = [
            Relation(link.type, f"{self.url}/DocumentReference/{fhir_id(link.target)}")
            for link in links
            if link.source == entry.entry_uuid and link.type in _RELATIONS
        ]
        return document_reference_of(entry, f"{self.url}/Binary/{binary_id(entry)}", relations)


def target_of_identifier(value: str) -> Target:
    """What ``urn:oid:…`` (uniqueId) or ``urn:uuid:…`` (logicalId, entryUUID) names."""
    if value.startswith("urn:uuid:"):
        return Target("DocumentReference", fhir_id(value))
    bare = value.removeprefix("urn:oid:")
    return Target("DocumentReference", unique_id=bare if is_oid(bare) else value)


def ways_to(target: Target) -> list[GetDocuments]:
    """The queries that find ``target``, in the order in which to try them."""
    if target.unique_id:
        return [GetDocuments(unique_ids=(target.unique_id,), only_references=True)]
    name = f"urn:uuid:{target.id}"
    return [
        GetDocuments(logical_ids=(name,), only_references=True),
        GetDocuments(entry_uuids=(name,), only_references=True),
    ]


def etag_of(entry: DocumentEntry) -> str:
    """The version of ``entry`` as a weak entity tag."""
    return f'W/"{entry.version}"'


def no_such(resource_type: str) -> NotFound:
    """The same whether it is not there or not for this caller."""
    return NotFound(
        "FHIRNotFound",
        Text(f"Il n'y a pas de {resource_type} de ce nom ici.", f"There is no such {resource_type} here."),
        requirement="FHIR R4 §3.1.0.1.4",
    )
