"""The national INSi as a port: the same questions, asked over SOAP with a structure's certificate.

Source: identity fact sheet §2; decision 0022.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx
from cryptography import x509
from cryptography.x509.oid import NameOID
from lxml import etree

from socle import __version__
from socle.platform.actor import Actor
from socle.platform.base import Base
from socle.platform.clock import Clock
from socle.platform.tls import calling_context
from socle.services.ins import messages, rules
from socle.services.ins.domain import Card, Claim, SearchResult, TraitsQuery
from socle.services.ins.messages import ACTIONS, SIRAM, Lot, Operation, Software
from socle.services.ins.records import Records
from socle.services.ins.rules import Act
from socle.services.ins.teleservice import Insi, check_query
from socle.standards.errors import Forbidden, InvalidContent, MalformedInput, SocleError, Text, Unavailable
from socle.standards.ids.ins import Ins
from socle.standards.soap import read_message, write_message
from socle.standards.soap.envelope import text_of
from socle.standards.soap.names import SOAP

_TIMEOUT_S: Final = 15.0


class RemoteInsi:
    """INSi at ``url``. ``client`` carries the certificate (``INSI-AUTO`` or ``INSI-MANU``) and the timeouts.

    Every call raises ``Unavailable`` when INSi does not answer: admission must go on without it.
    """

    def __init__(self, url: str, client: httpx.AsyncClient, software: Software, clock: Clock) -> None:
        self._url = url
        self._client = client
        self._software = software
        self._clock = clock

    async def search_by_traits(self, _actor: Actor, query: TraitsQuery) -> SearchResult:
        """INS2."""
        body = messages.write_traits_query(check_query(query))
        return messages.read_result(await self._ask(Operation.SEARCH_BY_TRAITS, body))

    async def search_by_card(self, _actor: Actor, card: Card) -> SearchResult:
        """INS1."""
        return messages.read_result(await self._ask(Operation.SEARCH_BY_CARD, messages.write_card(card)))

    async def verify(self, _actor: Actor, claim: Claim) -> bool:
        """INS3."""
        answer = await self._ask(Operation.VERIFY, messages.write_claim(claim))
        return messages.read_verdict(answer, claim).is_right

    async def verify_all(self, actor: Actor, claims: Sequence[Claim]) -> list[bool]:
        """INS3, claim by claim: the national form of lots is not published."""
        return [await self.verify(actor, claim) for claim in claims]

    async def submit_lot(self, claims: list[Claim]) -> UUID:
        """INS4, deposit: the number of the lot."""
        return messages.read_lot_number(await self._ask(Operation.SUBMIT_LOT, messages.write_claims(claims)))

    async def read_lot(self, number: UUID) -> Lot:
        """INS4, consultation."""
        return messages.read_lot_state(await self._ask(Operation.READ_LOT, messages.write_lot_number(number)))

    async def _ask(self, operation: Operation, body: etree._Element) -> etree._Element:
        media_type, content = write_message(ACTIONS[operation], body, to=self._url)
        envelope = etree.fromstring(content)  # our own bytes, a moment ago
        header = envelope.find(f"{{{SOAP}}}Header")
        assert header is not None
        header.extend(messages.write_contexts(self._software, self._clock()))
        try:
            response = await self._client.post(
                self._url, content=etree.tostring(envelope), headers={"Content-Type": media_type}
            )
        except httpx.HTTPError as error:
            raise _unavailable() from error
        try:
            answer = read_message(response.content, response.headers.get("content-type", "")).body
        except SocleError as error:
            raise _unavailable() from error
        if answer.tag == f"{{{SOAP}}}Fault":
            raise _fault(answer)
        return answer


class TracedInsi:
    """INSi elsewhere, each answer of which leaves the same trace here as one of the base's own."""

    def __init__(self, base: Base, insi: Insi) -> None:
        self._base = base
        self._insi = insi
        self._records = Records(base)

    async def search_by_traits(self, actor: Actor, query: TraitsQuery) -> SearchResult:
        """INS2."""
        right = rules.require(actor, Act.QUERY_INSI)
        return await self._found(actor, "INS2", right, await self._insi.search_by_traits(actor, query))

    async def search_by_card(self, actor: Actor, card: Card) -> SearchResult:
        """INS1."""
        right = rules.require(actor, Act.QUERY_INSI)
        return await self._found(actor, "INS1", right, await self._insi.search_by_card(actor, card))

    async def verify(self, actor: Actor, claim: Claim) -> bool:
        """INS3."""
        return (await self._verify(actor, "INS3", (claim,)))[0]

    async def verify_all(self, actor: Actor, claims: Sequence[Claim]) -> list[bool]:
        """INS3, claim by claim."""
        return await self._verify(actor, "INS4", claims)

    async def _found(self, actor: Actor, operation: str, right: str, result: SearchResult) -> SearchResult:
        async with self._base.database.transaction() as connection:
            await self._records.trace_result(connection, actor, operation, right, result)
        return result

    async def _verify(self, actor: Actor, operation: str, claims: Sequence[Claim]) -> list[bool]:
        right = rules.require(actor, Act.QUERY_INSI)
        answers = await self._insi.verify_all(actor, claims)
        verdicts = [
            (Ins(claim.matricule, claim.oid) if is_right else None, is_right)
            for claim, is_right in zip(claims, answers, strict=True)
        ]
        async with self._base.database.transaction() as connection:
            await self._records.trace_verdicts(connection, actor, operation, right, verdicts)
        return answers


def national_insi(base: Base) -> Insi | None:
    """The national INSi, if the settings name it. Its answers leave their traces in this base.

    ``SOCLE_INSI_CERTIFICATE`` holds the certificate ``INSI-AUTO`` or ``INSI-MANU`` and its key (PEM); the sender that
    ``ContexteLPS`` states is the structure of that certificate.
    """
    settings = base.settings
    if not settings.insi_url:
        return None
    structure = ""
    if settings.insi_certificate:
        certificate = x509.load_pem_x509_certificate(Path(settings.insi_certificate).read_bytes())
        units = certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
        structure = str(units[-1].value) if units else ""
    software = Software(
        sender=structure,
        idam=settings.insi_idam,
        name=f"urn:lps:socle:{__version__}",
        version=__version__,
        instance=str(uuid5(NAMESPACE_URL, settings.base_url)),
    )
    context = calling_context(settings, settings.insi_certificate)
    client = httpx.AsyncClient(verify=context, timeout=_TIMEOUT_S, trust_env=False)
    return TracedInsi(base, RemoteInsi(settings.insi_url, client, software, base.clock))


def _fault(fault: etree._Element) -> SocleError:
    """The refusal that a SOAP fault says; an unknown code is shown as it came."""
    told = fault.find(f".//{{{SIRAM}}}Erreur")
    code = told.get("code", "siram") if told is not None else "siram"
    subcodes = [text_of(value).rpartition(":")[2] for value in fault.iter(f"{{{SOAP}}}Value")]
    words = text_of(told).rstrip(".") if told is not None else ""
    reason = Text(f"INSi a répondu : {words or code}.", f"INSi answered: {words or code}.")
    if "siram_40" in subcodes or "Receiver" in subcodes:
        return Unavailable(code, reason, remedy=Text("Réessayez plus tard.", "Try again later."))
    if "siram_100" in subcodes:
        return Forbidden(code, reason)
    return (InvalidContent if told is not None else MalformedInput)(code, reason)


def _unavailable() -> Unavailable:
    return Unavailable(
        "InsiUnavailable",
        Text("INSi ne répond pas.", "INSi does not answer."),
        remedy=Text(
            "Gardez l'identité provisoire ou validée, et réessayez plus tard.",
            "Keep the identity provisional or validated, and try again later.",
        ),
        requirement="RNIV 1, mode dégradé",
    )
