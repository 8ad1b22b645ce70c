"""Bodies of ITI-41, 42, 57, 18 and 43: element of ``soap:Body`` <-> typed values.

Source: IHE ITI TF-2 3.18, 3.41, 3.42, 3.43, 3.57; fact sheet "DMP exchange" §1.2, §1.7, §8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec
from lxml import etree

from socle.standards.soap.envelope import require, text_of
from socle.standards.soap.names import XOP
from socle.standards.xds.ebrim_reader import read_objects, read_references, read_submission
from socle.standards.xds.ebrim_writer import write_objects, write_references, write_submission
from socle.standards.xds.errors import InvalidMetadata, Severity, XdsError, metadata_error
from socle.standards.xds.model import RegistryObjects, Submission
from socle.standards.xds.names import LCM, QUERY, RIM, RS, XDSB
from socle.standards.xds.query import ReturnType

_OBJECT_LIST = f"{{{RIM}}}RegistryObjectList"


class ResponseStatus(StrEnum):
    """Outcome of a transaction."""

    SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
    PARTIAL = "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess"
    FAILURE = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure"


class RegistryResponse(msgspec.Struct, frozen=True):
    """Status, with the errors and warnings that explain it."""

    status: ResponseStatus
    errors: tuple[XdsError, ...] = ()


class QueryResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of ITI-18: objects for LeafClass, ``references`` (ids) for ObjectRef."""

    status: ResponseStatus
    objects: RegistryObjects = RegistryObjects()
    references: tuple[str, ...] = ()
    errors: tuple[XdsError, ...] = ()


class RetrieveRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One ``DocumentRequest`` of ITI-43."""

    unique_id: str
    repository_unique_id: str
    home_community_id: str = ""


class RetrievedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One ``DocumentResponse`` of ITI-43."""

    unique_id: str
    repository_unique_id: str
    mime_type: str
    content: bytes


def response_for(errors: Sequence[XdsError] = (), *, is_partial: bool = False) -> RegistryResponse:
    """The outcome that ``errors`` make: warnings alone are a success."""
    has_failed = any(error.severity is Severity.ERROR for error in errors)
    failed = ResponseStatus.PARTIAL if is_partial else ResponseStatus.FAILURE
    return RegistryResponse(failed if has_failed else ResponseStatus.SUCCESS, tuple(errors))


# --- ITI-41, ITI-42, ITI-57 --------------------------------------------------------------------------------------


def read_provide_request(request: etree._Element, content_of: Callable[[etree._Element], bytes]) -> Submission:
    """The submission of an ``xdsb:ProvideAndRegisterDocumentSetRequest``; ``content_of`` resolves an ``xdsb:Document``.

    Raises ``MalformedInput``, ``InvalidMetadata``.
    """
    submit = require(request.find(f"{{{LCM}}}SubmitObjectsRequest"), "lcm:SubmitObjectsRequest", "/Body")
    submission = read_submit_request(submit)
    contents: dict[str, bytes] = {}
    for document in request.iterchildren(f"{{{XDSB}}}Document"):
        identifier = document.get("id", "")
        if identifier in contents:
            raise InvalidMetadata(
                [
                    metadata_error(
                        f"Deux xdsb:Document portent l'id « {identifier} ».",
                        f"Two xdsb:Document have the id “{identifier}”.",
                        identifier,
                        "XDSRepositoryMetadataError",
                    )
                ]
            )
        contents[identifier] = content_of(document)
    return msgspec.structs.replace(submission, contents=contents)


def read_submit_request(request: etree._Element) -> Submission:
    """The submission of an ``lcm:SubmitObjectsRequest``. Raises ``MalformedInput``, ``InvalidMetadata``."""
    return read_submission(require(request.find(_OBJECT_LIST), "rim:RegistryObjectList", "SubmitObjectsRequest"))


def write_submit_request(submission: Submission) -> etree._Element:
    """The ``lcm:SubmitObjectsRequest`` of ITI-42 and ITI-57."""
    request = etree.Element(f"{{{LCM}}}SubmitObjectsRequest", nsmap={"lcm": LCM, "rim": RIM})
    request.append(write_submission(submission))
    return request


def write_provide_request(
    submission: Submission,
) -> tuple[etree._Element, dict[str, tuple[str, bytes]]]:
    """The body of ITI-41 and its attachments (Content-ID -> media type and bytes), one for each content."""
    request = etree.Element(
        f"{{{XDSB}}}ProvideAndRegisterDocumentSetRequest", nsmap={"xdsb": XDSB, "lcm": LCM, "rim": RIM}
    )
    request.append(write_submit_request(submission))
    media_types = {entry.entry_uuid: entry.mime_type for entry in submission.documents}
    attachments: dict[str, tuple[str, bytes]] = {}
    for rank, (identifier, content) in enumerate(submission.contents.items(), 2):
        document = etree.SubElement(request, f"{{{XDSB}}}Document")
        document.set("id", identifier)
        _include(document, f"0.{rank}")
        attachments[f"0.{rank}"] = (media_types.get(identifier) or "application/octet-stream", content)
    return request, attachments


def _include(element: etree._Element, content_id: str) -> None:
    etree.SubElement(element, f"{{{XOP}}}Include", nsmap={"xop": XOP}).set("href", f"cid:{content_id}")


# --- answers -----------------------------------------------------------------------------------------------------


def write_response(response: RegistryResponse) -> etree._Element:
    """The ``rs:RegistryResponse``."""
    element = etree.Element(f"{{{RS}}}RegistryResponse", nsmap={"rs": RS})
    element.set("status", response.status)
    _write_errors(element, response.errors)
    return element


def _write_errors(parent: etree._Element, errors: Sequence[XdsError]) -> None:
    if not errors:
        return
    listed = etree.SubElement(parent, f"{{{RS}}}RegistryErrorList")
    worst = Severity.ERROR if any(error.severity is Severity.ERROR for error in errors) else Severity.WARNING
    listed.set("highestSeverity", worst)
    for error in errors:
        item = etree.SubElement(listed, f"{{{RS}}}RegistryError")
        item.set("errorCode", error.code)
        item.set("codeContext", _printable(error.context))
        item.set("location", _printable(error.location))
        item.set("severity", error.severity)


def _printable(text: str) -> str:
    """``text`` without what XML cannot carry."""
    return "".join(character if character.isprintable() or character in "\t\n" else "?" for character in text)


def read_response(element: etree._Element) -> RegistryResponse:
    """The outcome of an ``rs:RegistryResponse``. An unknown status is a failure."""
    status = element.get("status", "")
    known = status in ResponseStatus.__members__.values()
    return RegistryResponse(ResponseStatus(status) if known else ResponseStatus.FAILURE, _read_errors(element))


def _read_errors(parent: etree._Element) -> tuple[XdsError, ...]:
    return tuple(
        XdsError(
            code=error.get("errorCode", ""),
            context=error.get("codeContext", "") or text_of(error),
            location=error.get("location", ""),
            severity=Severity.WARNING if error.get("severity", "").endswith("Warning") else Severity.ERROR,
        )
        for error in parent.iterfind(f"{{{RS}}}RegistryErrorList/{{{RS}}}RegistryError")
    )


def write_query_response(
    objects: RegistryObjects, return_type: ReturnType, errors: Sequence[XdsError] = ()
) -> tuple[etree._Element, bytes]:
    """The ``query:AdhocQueryResponse``, and its list of objects as XML that comes last in it."""
    element = etree.Element(f"{{{QUERY}}}AdhocQueryResponse", nsmap={"query": QUERY, "rim": RIM, "rs": RS})
    element.set("status", response_for(errors).status)
    count = sum(map(len, (objects.documents, objects.submission_sets, objects.folders, objects.associations)))
    element.set("totalResultCount", str(count))
    _write_errors(element, errors)
    return element, write_objects(objects) if return_type is ReturnType.LEAF_CLASS else write_references(objects)


def read_query_response(element: etree._Element) -> QueryResponse:
    """Answer of ITI-18. Raises ``MalformedInput``, ``InvalidMetadata``."""
    response = read_response(element)
    listed = element.find(_OBJECT_LIST)
    return QueryResponse(
        status=response.status,
        objects=RegistryObjects() if listed is None else read_objects(listed),
        references=() if listed is None else read_references(listed),
        errors=response.errors,
    )


# --- ITI-43 ------------------------------------------------------------------------------------------------------


def write_retrieve_request(requests: Sequence[RetrieveRequest]) -> etree._Element:
    """The ``xdsb:RetrieveDocumentSetRequest``."""
    element = etree.Element(f"{{{XDSB}}}RetrieveDocumentSetRequest", nsmap={"xdsb": XDSB})
    for request in requests:
        item = etree.SubElement(element, f"{{{XDSB}}}DocumentRequest")
        if request.home_community_id:
            etree.SubElement(item, f"{{{XDSB}}}HomeCommunityId").text = request.home_community_id
        etree.SubElement(item, f"{{{XDSB}}}RepositoryUniqueId").text = request.repository_unique_id
        etree.SubElement(item, f"{{{XDSB}}}DocumentUniqueId").text = request.unique_id
    return element


def read_retrieve_request(element: etree._Element) -> list[RetrieveRequest]:
    """The documents asked for. Raises ``MalformedInput`` when there is none, or one without ids."""
    items = list(element.iterchildren(f"{{{XDSB}}}DocumentRequest"))
    require(items[0] if items else None, "xdsb:DocumentRequest", "RetrieveDocumentSetRequest")
    return [
        RetrieveRequest(
            unique_id=_child_text(item, "DocumentUniqueId"),
            repository_unique_id=_child_text(item, "RepositoryUniqueId"),
            home_community_id=_optional_text(item, "HomeCommunityId"),
        )
        for item in items
    ]


def _child_text(item: etree._Element, name: str) -> str:
    location = etree.QName(item).localname
    return text_of(require(item.find(f"{{{XDSB}}}{name}"), f"xdsb:{name}", location))


def _optional_text(item: etree._Element, name: str) -> str:
    element = item.find(f"{{{XDSB}}}{name}")
    return "" if element is None else text_of(element)


def write_retrieve_response(
    documents: Sequence[RetrievedDocument], errors: Sequence[XdsError] = ()
) -> tuple[etree._Element, dict[str, tuple[str, bytes]]]:
    """The ``xdsb:RetrieveDocumentSetResponse`` and its attachments. Some found and some not is a partial success."""
    element = etree.Element(f"{{{XDSB}}}RetrieveDocumentSetResponse", nsmap={"xdsb": XDSB, "rs": RS})
    element.append(write_response(response_for(errors, is_partial=bool(documents))))
    attachments: dict[str, tuple[str, bytes]] = {}
    for rank, document in enumerate(documents, 1):
        item = etree.SubElement(element, f"{{{XDSB}}}DocumentResponse")
        etree.SubElement(item, f"{{{XDSB}}}RepositoryUniqueId").text = document.repository_unique_id
        etree.SubElement(item, f"{{{XDSB}}}DocumentUniqueId").text = document.unique_id
        etree.SubElement(item, f"{{{XDSB}}}mimeType").text = document.mime_type
        content_id = f"doc{rank}@socle"
        _include(etree.SubElement(item, f"{{{XDSB}}}Document"), content_id)
        attachments[content_id] = (document.mime_type or "application/octet-stream", document.content)
    return element, attachments


def read_retrieve_response(
    element: etree._Element, content_of: Callable[[etree._Element], bytes]
) -> tuple[RegistryResponse, list[RetrievedDocument]]:
    """Outcome and documents of ITI-43. Raises ``MalformedInput``."""
    response = require(element.find(f"{{{RS}}}RegistryResponse"), "rs:RegistryResponse", "RetrieveDocumentSetResponse")
    documents = [
        RetrievedDocument(
            unique_id=_child_text(item, "DocumentUniqueId"),
            repository_unique_id=_child_text(item, "RepositoryUniqueId"),
            mime_type=_child_text(item, "mimeType"),
            content=content_of(require(item.find(f"{{{XDSB}}}Document"), "xdsb:Document", "DocumentResponse")),
        )
        for item in element.iterchildren(f"{{{XDSB}}}DocumentResponse")
    ]
    return read_response(response), documents
