"""The national INSi as a port: the same questions, asked over SOAP with a structure's certificate.

Source: identity fact sheet §2; decision 0022.
"""

from __future__ import annotations

from uuid import UUID

import httpx
from lxml import etree

from socle.platform.actor import Actor
from socle.platform.clock import Clock
from socle.services.ins import messages
from socle.services.ins.domain import Claim, SearchResult, TraitsQuery
from socle.services.ins.messages import ACTIONS, SIRAM, Lot, Operation, Software
from socle.services.ins.teleservice import check_query
from socle.standards.errors import Forbidden, InvalidContent, MalformedInput, SocleError, Text, Unavailable
from socle.standards.soap import read_message, write_message
from socle.standards.soap.envelope import text_of
from socle.standards.soap.names import SOAP


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

    async def verify(self, _actor: Actor, claim: Claim) -> bool:
        """INS3."""
        answer = await self._ask(Operation.VERIFY, messages.write_claim(claim))
        return messages.read_verdict(answer, claim).is_right

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
