"""The national SOAP door of the DMP: XDS.b registry and repository, record management, rights.

Every call carries a VIHF. A refusal of XDS is a ``RegistryResponse`` with HTTP 200; a message that cannot be read, an
identity that is not established and a missing part of the base are SOAP faults with HTTP 500.

Source: fact sheet "DMP exchange" §1.2, §1.3, §4, §5.1.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

import structlog
from lxml import etree
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.platform.actor import Actor
from socle.platform.base import Base
from socle.platform.metrics import REFUSALS
from socle.platform.threads import off_loop
from socle.platform.vihf import VihfAuthenticator
from socle.platform.web import certificate_of, read_body
from socle.services.dmp.domain import DocumentRequest, Missing
from socle.services.dmp.record_door import RecordDoor
from socle.services.dmp.service import DmpService
from socle.services.dmp.signature import require_signature
from socle.services.dmp.wsdl import write_wsdl
from socle.services.dmp.xds_queries import asks_for_nothing, to_domain
from socle.services.ins.service import InsService
from socle.standards.errors import Forbidden, MalformedInput, NotAuthenticated, SocleError, Text, Unavailable
from socle.standards.hl7v3.names import HABILITATIONS, HL7, PATIENTS
from socle.standards.saml import VihfRefused
from socle.standards.soap import Message, fault_of, read_message, write_fault, write_message
from socle.standards.soap.envelope import content_id_of
from socle.standards.soap.fault import http_status_of
from socle.standards.soap.names import WSA, XOP
from socle.standards.xds.errors import CODES, XdsError, errors_of
from socle.standards.xds.messages import (
    RetrievedDocument,
    read_provide_request,
    read_retrieve_request,
    read_submit_request,
    response_for,
    write_query_response,
    write_response,
    write_retrieve_response,
)
from socle.standards.xds.model import RegistryObjects
from socle.standards.xds.names import LCM, QUERY, XDSB, Action
from socle.standards.xds.query import ReturnType, read_query

PREFIX: Final = "/si-dmp-server/v2/services"
#: How the counter of refusals names this door.
_DOOR: Final = "si-dmp-server"
#: To write an object takes as long as to read so many bytes, about.
_OBJECT_BYTES: Final = 1_000
_XDS: Final = frozenset({XDSB, LCM, QUERY})
_CREDENTIAL: Final = "wsse:Security/saml:Assertion"
#: Where to look when a refusal is about no single value of the message: the patient asked for, or who asks.
_PLACES: Final = {"XDSUnknownPatientId": "patientId", "DMPInvalidVIHF": f"{_CREDENTIAL} (resource-id)"}
#: Codes in which a busy part of the base is told by XDS, unless it says its own.
_BUSY: Final = {True: "XDSRepositoryBusy", False: "XDSRegistryBusy"}

_log = structlog.get_logger(__name__)


class _Answer(NamedTuple):
    """What goes back: body, ``wsa:Action``, the attachments of a package, and what is already written of the body."""

    body: etree._Element
    action: str
    attachments: dict[str, tuple[str, bytes]] | None = None
    last: bytes = b""


_Operation = Callable[[Actor, Message], Awaitable[_Answer]]


def routes(dmp: DmpService, people: InsService, authenticator: VihfAuthenticator, base: Base) -> list[BaseRoute]:
    """The national paths under ``/si-dmp-server/v2/services``, each with its WSDL at ``?wsdl``."""
    door = SoapDoor(dmp, people, authenticator, base)
    services: dict[str, dict[str, _Operation]] = {
        "registry": {
            f"{{{QUERY}}}AdhocQueryRequest": door.query,
            f"{{{LCM}}}SubmitObjectsRequest": door.submit_objects,
        },
        "repository": {
            f"{{{XDSB}}}ProvideAndRegisterDocumentSetRequest": door.provide,
            f"{{{XDSB}}}RetrieveDocumentSetRequest": door.retrieve,
        },
        "patients": {f"{{{HL7}}}*": door.manage_record},
        "patientsPDQ": {f"{{{HL7}}}*": door.manage_record},
        "patientsSpecific": {f"{{{PATIENTS}}}*": door.manage_record},
        "habilitations": {f"{{{HABILITATIONS}}}*": door.manage_record},
    }
    return [
        Route(f"{PREFIX}/{name}", door.endpoint(name, operations), methods=["GET", "POST"])
        for name, operations in services.items()
    ]


class SoapDoor:
    """Decodes a call, establishes who makes it, runs the use case, encodes the answer."""

    def __init__(self, dmp: DmpService, people: InsService, authenticator: VihfAuthenticator, base: Base) -> None:
        self._dmp = dmp
        self._authenticator = authenticator
        self._settings = base.settings
        self._records = RecordDoor(dmp, people, base.clock)

    def endpoint(self, name: str, operations: dict[str, _Operation]) -> Callable[[Request], Awaitable[Response]]:
        """The ASGI endpoint of one service."""

        async def handle(request: Request) -> Response:
            if request.method == "GET":
                return self._wsdl(name)
            message: Message | None = None
            try:
                self._authenticator.check_connection(certificate_of(request))
                message = await self._read(request)
                operation = _operation_of(operations, message)
                actor = await self._authenticate(request, message)
                answer = await operation(actor, message)
                return await _send(answer, message, request)
            except SocleError as error:
                return _refuse(error, message)
            except Exception as error:
                _log.error("unexpected", service=name, exc_info=error)
                return _refuse(
                    SocleError(
                        "Unexpected",
                        Text(
                            "Une erreur inattendue est survenue ; elle a été enregistrée.",
                            "An unexpected error was recorded.",
                        ),
                    ),
                    message,
                )

        return handle

    def _wsdl(self, name: str) -> Response:
        text = write_wsdl(name, f"{self._settings.base_url}{PREFIX}/{name}")
        return Response(text, media_type="text/xml")

    async def _read(self, request: Request) -> Message:
        body = await read_body(request, self._settings.max_body_bytes)
        content_type = request.headers.get("content-type", "")
        return await off_loop(len(body), lambda: read_message(body, content_type))

    async def _authenticate(self, request: Request, message: Message) -> Actor:
        origin = request.client.host if request.client else ""
        return await self._authenticator.authenticate(message, certificate_of(request), origin)

    # --- XDS.b ---

    async def query(self, actor: Actor, message: Message) -> _Answer:
        """ITI-18."""
        objects, return_type = RegistryObjects(), ReturnType.OBJECT_REF
        errors: tuple[XdsError, ...] = ()
        try:
            query = read_query(message.body)
            return_type, errors = query.return_type, query.warnings
            if not asks_for_nothing(query):
                objects = await self._dmp.query(actor, to_domain(query))
        except SocleError as error:
            errors = _told(error, is_repository=False)
        count = sum(map(len, (objects.documents, objects.associations, objects.submission_sets)))
        body, listed = await off_loop(count * _OBJECT_BYTES, lambda: write_query_response(objects, return_type, errors))
        return _Answer(body, Action.QUERY.response, last=listed)

    async def submit_objects(self, actor: Actor, message: Message) -> _Answer:
        """ITI-57, or ITI-42 when its action says so."""
        is_register = message.action == Action.REGISTER
        errors: tuple[XdsError, ...] = ()
        try:
            submission = read_submit_request(message.body)
            if is_register:
                receipt = await self._dmp.submit(actor, submission, transaction="ITI-42")
            else:
                receipt = await self._dmp.update(actor, submission)
            errors = receipt.warnings
        except SocleError as error:
            errors = _told(error, is_repository=False)
        action = Action.REGISTER if is_register else Action.UPDATE
        return _Answer(write_response(response_for(errors)), action.response)

    async def provide(self, actor: Actor, message: Message) -> _Answer:
        """ITI-41."""
        errors: tuple[XdsError, ...] = ()
        try:
            submission = await off_loop(
                message.size_bytes, lambda: read_provide_request(message.body, message.content_of)
            )
            if self._settings.submission_signature == "required":
                require_signature(submission)
            errors = (await self._dmp.submit(actor, submission)).warnings
        except SocleError as error:
            errors = _told(error, is_repository=True)
        body = write_response(response_for(errors))
        return _Answer(body, Action.PROVIDE_AND_REGISTER.response)

    async def retrieve(self, actor: Actor, message: Message) -> _Answer:
        """ITI-43."""
        documents: list[RetrievedDocument] = []
        errors: list[XdsError] = []
        try:
            requests = [
                DocumentRequest(unique_id=item.unique_id, repository_unique_id=item.repository_unique_id)
                for item in read_retrieve_request(message.body)
            ]
            for found in await self._dmp.retrieve(actor, requests, patient=actor.patient):
                if isinstance(found, Missing):
                    context = f"{found.reason_fr} / {found.reason_en}"
                    errors.append(XdsError(code=found.code, context=context, location=found.request.unique_id))
                else:
                    documents.append(
                        RetrievedDocument(
                            unique_id=found.entry.unique_id,
                            repository_unique_id=found.entry.repository_unique_id,
                            mime_type=found.entry.mime_type,
                            content=found.content,
                        )
                    )
        except SocleError as error:
            errors = list(_told(error, is_repository=True))
        body, attachments = write_retrieve_response(documents, errors)
        return _Answer(body, Action.RETRIEVE.response, attachments)

    # --- records and rights ---

    async def manage_record(self, actor: Actor, message: Message) -> _Answer:
        """TD0.2 to TD1.6: the answer's action is the name of its body."""
        body = await self._records.answer(actor, message.body)
        name = etree.QName(body)
        return _Answer(body, f"{name.namespace}:{name.localname}")


def _operation_of(operations: dict[str, _Operation], message: Message) -> _Operation:
    """The operation of a body. Its action must be that of XDS, or be absent, or be one of those seen in the field."""
    name = etree.QName(message.body)
    operation = operations.get(name.text) or operations.get(f"{{{name.namespace}}}*")
    if operation is None or (name.namespace in _XDS and message.action and not _is_tolerated(message.action)):
        raise MalformedInput(
            "ActionNotSupported",
            Text(
                f"Ce service ne connaît pas l'opération {name.localname} ({message.action}).",
                f"This service does not know the operation {name.localname} ({message.action}).",
            ),
            location="wsa:Action",
            requirement="WS-Addressing 1.0",
        )
    return operation


def _is_tolerated(action: str) -> bool:
    return action in Action.__members__.values() or action.startswith("DocumentRepository_")


async def _send(answer: _Answer, message: Message, request: Request) -> Response:
    attachments = answer.attachments
    accepted = request.headers.get("accept", "*/*")
    if attachments is not None and "multipart" not in accepted and "*/*" not in accepted:
        _inline(answer.body, attachments)
        attachments = None
    size_bytes = sum(len(content) for _, content in (attachments or {}).values()) + len(answer.body) * _OBJECT_BYTES
    content_type, content = await off_loop(
        size_bytes,
        lambda: write_message(
            answer.action, answer.body, last=answer.last, attachments=attachments, relates_to=message.message_id
        ),
    )
    return Response(content, headers={"content-type": content_type})


def _refuse(error: SocleError, message: Message | None) -> Response:
    REFUSALS.labels(_DOOR, error.code).inc()
    subcode = ""
    if isinstance(error, VihfRefused):
        subcode = error.subcode
    elif error.code == "ActionNotSupported":
        subcode = f"{{{WSA}}}ActionNotSupported"
    content_type, content = write_fault(fault_of(error, subcode), relates_to=message.message_id if message else "")
    return Response(content, http_status_of(error), headers={"content-type": content_type})


def _told(error: SocleError, *, is_repository: bool) -> tuple[XdsError, ...]:
    """The errors of a ``RegistryErrorList``. What is not XDS's to tell is raised again, and becomes a fault."""
    if isinstance(error, NotAuthenticated):
        raise error
    REFUSALS.labels(_DOOR, error.code).inc()
    if isinstance(error, Unavailable):
        context = f"{error.sentence('fr')} / {error.sentence('en')}"
        code = error.code if error.code in CODES else _BUSY[is_repository]
        return (XdsError(code=code, context=context),)
    place = _PLACES.get(error.code) or (_CREDENTIAL if isinstance(error, Forbidden) else "")
    return tuple(
        replace(one, location=one.location or place)
        for one in errors_of(error, "XDSRepositoryError" if is_repository else "XDSRegistryError")
    )


def _inline(body: etree._Element, attachments: dict[str, tuple[str, bytes]]) -> None:
    """Replaces each ``xop:Include`` by its bytes, for a client that does not read packages."""
    for include in list(body.iter(f"{{{XOP}}}Include")):
        parent = include.getparent()
        if parent is not None:
            parent.remove(include)
            parent.text = b64encode(attachments[content_id_of(include.get("href", ""))][1]).decode()
