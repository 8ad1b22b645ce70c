"""The door of INSi: SOAP 1.2 under ``/insi``, its WSDL at ``/insi?wsdl``.

Refusals are SOAP faults with a ``siram`` subcode and ``siram:Erreur`` in the detail, HTTP 500.

Source: identity fact sheet §2; decision 0022 for the codes that are not published.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID
from lxml import etree
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.clock import Clock
from socle.platform.trust import TrustStore, Usage
from socle.platform.web import certificate_of, read_body
from socle.services.ins import messages
from socle.services.ins.domain import BatchState, Verdict
from socle.services.ins.messages import ACTIONS, SIRAM, Operation, Software
from socle.services.ins.service import InsService
from socle.standards.certificates import HolderKind
from socle.standards.errors import Forbidden, NotAuthenticated, SocleError, Text, Unavailable
from socle.standards.soap import read_message, write_message
from socle.standards.soap.names import SOAP, XML_LANG

#: Largest request: a lot of 50,000 identities.
MAX_BYTES: Final = 64 * 1024 * 1024
#: Common names that a structure's certificate must bear: automated calls, calls that a user triggered.
_COMMON_NAMES: Final = frozenset({"INSI-AUTO", "INSI-MANU"})

#: Establishes who calls, from the connection and what the message says of the software.
Identify = Callable[[Request, Software], Awaitable[Actor]]


def identify_caller(trust: TrustStore | None, clock: Clock, *, is_sandbox: bool) -> Identify:
    """Callers prove who they are by the certificate of their connection: a card, or one named ``INSI-AUTO``/``-MANU``.

    Without a certificate the sandbox takes the word of ``ContexteLPS/Emetteur``; production refuses.
    """

    async def identify(request: Request, software: Software) -> Actor:
        certificate = certificate_of(request)
        origin = request.client.host if request.client else ""
        if certificate is None or trust is None:
            if not is_sandbox or not software.sender:
                raise _certificate_missing()
            return _actor(ActorKind.SYSTEM, software.sender, software.sender, software, origin)
        loaded = x509.load_der_x509_certificate(certificate)
        holder = trust.verify(loaded, Usage.TLS_CLIENT, clock())
        if holder.kind is HolderKind.PROFESSIONAL:
            return _actor(ActorKind.PROFESSIONAL, holder.id, holder.name, software, origin, holder.profession)
        names = {str(name.value) for name in loaded.subject.get_attributes_for_oid(NameOID.COMMON_NAME)}
        if not names & _COMMON_NAMES:
            raise Forbidden(
                "desir_560",
                Text("Niveau d'accès insuffisant.", "Insufficient access level."),
                remedy=Text(
                    "Présentez un certificat nommé INSI-AUTO ou INSI-MANU.",
                    "Present a certificate named INSI-AUTO or INSI-MANU.",
                ),
                requirement="INSi, certificat de structure",
            )
        return _actor(ActorKind.SYSTEM, holder.structure, holder.structure_name, software, origin)

    return identify


def _actor(kind: ActorKind, id_: str, name: str, software: Software, origin: str, profession: str = "") -> Actor:
    return Actor(
        kind=kind,
        id=id_,
        name=name,
        authentication=AuthenticationMode.DIRECTE if kind is ActorKind.PROFESSIONAL else AuthenticationMode.INDIRECTE,
        profession=profession,
        structure=software.sender,
        software=software.name[:200],
        software_version=software.version[:50],
        origin=origin,
    )


def routes(
    service: InsService, identify: Identify, base_url: str, *, requires_certificate: bool = False
) -> list[BaseRoute]:
    """The endpoint and its contract. ``base_url`` is written in the WSDL as the address.

    ``requires_certificate`` refuses a connection without one before anything that it says is read.
    """

    async def describe(_request: Request) -> Response:
        text = resources.files("socle.services.ins").joinpath("insi.wsdl").read_text("utf-8")
        return Response(text.replace("{address}", f"{base_url}/insi"), media_type="text/xml")

    async def answer(request: Request) -> Response:
        message_id = ""
        try:
            if requires_certificate and certificate_of(request) is None:
                raise _certificate_missing()
            content = await read_body(request, MAX_BYTES)
            message = read_message(content, request.headers.get("content-type", ""))
            message_id = message.message_id
            operation = messages.operation_of(message.body)
            software = messages.read_software(message)
            _check_authorisation(software)
            actor = await identify(request, software)
            body = await _operate(service, actor, operation, message.body)
        except SocleError as error:
            return _refuse(error, message_id)
        media_type, written = write_message(f"{ACTIONS[operation]}Response", body, relates_to=message_id)
        return Response(written, media_type=media_type)

    return [Route("/insi", describe, methods=["GET"]), Route("/insi", answer, methods=["POST"])]


async def _operate(service: InsService, actor: Actor, operation: Operation, body: etree._Element) -> etree._Element:
    insi = service.teleservice
    match operation:
        case Operation.SEARCH_BY_TRAITS:
            return messages.write_result(await insi.search_by_traits(actor, messages.read_traits_query(body)))
        case Operation.SEARCH_BY_CARD:
            return messages.write_result(await insi.search_by_card(actor, messages.read_card(body)))
        case Operation.VERIFY:
            claim = messages.read_claim(body)
            return messages.write_verdict(Verdict(claim.id, await insi.verify(actor, claim)))
        case Operation.SUBMIT_LOT:
            return messages.write_lot_receipt(await service.batches.submit(actor, messages.read_lot(body)))
        case Operation.READ_LOT:
            batch = await service.batches.find(actor, messages.read_lot_number(body))
            is_done = batch.state is BatchState.DONE
            return messages.write_lot(batch, await service.batches.read_verdicts(actor, batch.id) if is_done else [])


def _certificate_missing() -> NotAuthenticated:
    return NotAuthenticated(
        "InsiCertificateMissing",
        Text("INSi demande un certificat client.", "INSi asks for a client certificate."),
        requirement="INSi, authentification TLS mutuelle",
    )


def _check_authorisation(software: Software) -> None:
    """Every software states its number. The sandbox knows all numbers, and none that begins with ``INCONNU``."""
    if not software.idam or software.idam.startswith("INCONNU"):
        raise Forbidden(
            "desir_550",
            Text("Logiciel non autorisé.", "Software not authorised."),
            location="/Envelope/Header/ContexteLPS/LPS/IDAM",
            remedy=Text("Indiquez le numéro d'autorisation du logiciel.", "State the software's authorisation number."),
            requirement="INSi, numéro d'autorisation CNDA",
        )


def _refuse(error: SocleError, message_id: str) -> Response:
    is_ours = isinstance(error, Unavailable) or type(error) is SocleError
    subcode = "siram_40" if is_ours else "siram_100" if isinstance(error, Forbidden | NotAuthenticated) else "siram_20"
    fault = etree.Element(f"{{{SOAP}}}Fault", nsmap={"soap": SOAP})
    code = etree.SubElement(fault, f"{{{SOAP}}}Code")
    etree.SubElement(code, f"{{{SOAP}}}Value").text = "soap:Receiver" if is_ours else "soap:Sender"
    value = etree.SubElement(etree.SubElement(code, f"{{{SOAP}}}Subcode"), f"{{{SOAP}}}Value")
    value.text = f"soap:{subcode}"
    reason = etree.SubElement(fault, f"{{{SOAP}}}Reason")
    for language in ("fr", "en"):
        text = etree.SubElement(reason, f"{{{SOAP}}}Text")
        text.set(XML_LANG, language)
        text.text = error.sentence(language)
    detail = etree.SubElement(fault, f"{{{SOAP}}}Detail")
    told = etree.SubElement(detail, f"{{{SIRAM}}}Erreur", nsmap={"siram": SIRAM})
    told.set("code", error.code)
    told.set("severite", "fatale" if is_ours else "erreur")
    if message_id and message_id.isprintable():
        told.set("messageID", message_id)
    told.text = error.reason.fr
    media_type, body = write_message("http://www.w3.org/2005/08/addressing/soap/fault", fault, relates_to=message_id)
    return Response(body, 500, media_type=media_type)
