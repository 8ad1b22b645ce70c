"""ITI-66: submission sets and folders found and read.

Source: MHD 4.2; PDSm 3.1.1 flux 05a; fact sheet dmp-exchange §3.4, §3.6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response

from socle.platform.actor import Actor
from socle.platform.fhir import respond
from socle.services.dmp.domain import Door, GetDocuments, GetFolderAndContents, GetFolders, GetSubmissionSetAndContents
from socle.services.dmp.fhir_context import FhirContext, no_such
from socle.services.dmp.fhir_paging import page_asked, respond_page, search_page
from socle.services.dmp.fhir_search import LIST_PARAMETERS, list_query
from socle.standards.fhir.pdsm.documents import fhir_id
from socle.standards.fhir.pdsm.lists import list_of_folder, list_of_set
from socle.standards.fhir.resources import AnyResource
from socle.standards.xds.model import Association, AssociationType, RegistryObjects


async def search_lists(door: FhirContext, request: Request) -> Response:
    """ITI-66."""
    actor = await door.authenticate(request)
    place = await page_asked(door, request, actor, LIST_PARAMETERS)
    page = await search_page(door, actor, list_query(place.search), place)
    references = await _members(door, actor, page.objects)
    resources: list[tuple[str, AnyResource]] = []
    for submission_set in page.objects.submission_sets:
        members = _members_of(submission_set.entry_uuid, page.objects.associations, references)
        resources.append(
            (f"{door.url}/List/{fhir_id(submission_set.entry_uuid)}", list_of_set(submission_set, members))
        )
    for folder in page.objects.folders:
        members = _members_of(folder.entry_uuid, page.objects.associations, references)
        resources.append((f"{door.url}/List/{fhir_id(folder.logical_id)}", list_of_folder(folder, members)))
    return await respond_page(door, request, actor, "List", place, page, resources)


async def read_list(door: FhirContext, request: Request) -> Response:
    """A List by id: a submission set by its entryUUID, a folder by its logicalId."""
    actor = await door.authenticate(request)
    name = f"urn:uuid:{request.path_params['id']}"
    found = await door.service.query(actor, GetSubmissionSetAndContents(entry_uuid=name), door=Door.FHIR)
    if found.submission_sets:
        references = _references(found)
        members = _members_of(found.submission_sets[0].entry_uuid, found.associations, references)
        return await respond(request, list_of_set(found.submission_sets[0], members))
    folders = await door.service.query(actor, GetFolders(logical_ids=(name,)), door=Door.FHIR)
    if not folders.folders:
        raise no_such("List")
    newest = max(folders.folders, key=lambda folder: folder.version)
    found = await door.service.query(actor, GetFolderAndContents(entry_uuid=newest.entry_uuid), door=Door.FHIR)
    members = _members_of(newest.entry_uuid, found.associations, _references(found))
    return await respond(request, list_of_folder(newest, members), headers={"ETag": f'W/"{newest.version}"'})


async def _members(door: FhirContext, actor: Actor, objects: RegistryObjects) -> dict[str, str]:
    """The FHIR references of the members that the page's lists hold."""
    wanted = {link.target for link in objects.associations if link.type is AssociationType.HAS_MEMBER}
    if not wanted:
        return {}
    names = tuple(sorted(wanted))
    found = await door.service.query(actor, GetDocuments(entry_uuids=names), door=Door.FHIR)
    references = _references(found)
    if rest := tuple(sorted(wanted - references.keys())):
        references |= _references(await door.service.query(actor, GetFolders(entry_uuids=rest), door=Door.FHIR))
    return references


def _references(objects: RegistryObjects) -> dict[str, str]:
    documents = {e.entry_uuid: f"DocumentReference/{fhir_id(e.logical_id or e.entry_uuid)}" for e in objects.documents}
    return documents | {f.entry_uuid: f"List/{fhir_id(f.logical_id or f.entry_uuid)}" for f in objects.folders}


def _members_of(owner: str, links: Sequence[Association], references: Mapping[str, str]) -> list[str]:
    return [
        references[link.target]
        for link in links
        if link.type is AssociationType.HAS_MEMBER and link.source == owner and link.target in references
    ]
