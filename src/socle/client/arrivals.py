"""Documents that come by secure mail, from a vendor's software: whose they are, what is said of them, what is done."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from socle.client.delivery import refusal
from socle.client.errors import unreachable


class ReceivedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One document of a received message.

    ``patient`` is ``same``, ``different`` (compare the traits), ``unknown`` or ``unidentified``; ``local_id`` is the
    patient's identifier here. ``may_be_filed``: the DMP takes it if a professional asks.
    """

    id: str
    received_at: datetime
    sender: str
    subject: str
    document_id: str
    title: str
    patient: str
    may_be_filed: bool
    sentence: str
    type_code: str = ""
    type_label: str = ""
    act_time: str = ""
    #: ``C``: replaces an earlier one; ``D``: the sender asks to delete it.
    action: str = ""
    patient_name: str = ""
    local_id: str = ""
    objections: tuple[dict[str, str], ...] = ()
    cautions: tuple[dict[str, str], ...] = ()
    #: Verdict of conformance, once examined.
    verdict: dict[str, Any] | None = None
    filed_at: datetime | None = None
    filed_as: str = ""
    refusal: str = ""
    taken_at: datetime | None = None


class Arrivals:
    """The box ``mailbox`` of the base at ``url``, opened by a Pro Santé Connect token. ``http`` is not closed by it."""

    def __init__(self, url: str, http: httpx.AsyncClient, token: str, mailbox: str) -> None:
        self._url = f"{url.rstrip('/')}/mailboxes/{quote(mailbox)}/documents"
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"}

    async def list(self, *, only_new: bool = True) -> list[ReceivedDocument]:
        """Documents of the inbox, newest message first. Raises ``SocleError``."""
        answer = await self._ask("GET", f"?new={int(only_new)}")
        return msgspec.json.decode(answer, type=list[ReceivedDocument])

    async def examine(self, document: str) -> ReceivedDocument:
        """One document, judged by the rules in force."""
        return msgspec.json.decode(await self._ask("GET", f"/{document}"), type=ReceivedDocument)

    async def content(self, document: str) -> bytes:
        """The document, byte for byte as it was sent."""
        return await self._ask("GET", f"/{document}/content")

    async def take(self, document: str) -> ReceivedDocument:
        """Says that the document is in this software; safe to call again."""
        return msgspec.json.decode(await self._ask("POST", f"/{document}/taken"), type=ReceivedDocument)

    async def file(self, document: str) -> ReceivedDocument:
        """Sends the document to the DMP in the professional's name; safe to call again."""
        return msgspec.json.decode(await self._ask("POST", f"/{document}/dmp"), type=ReceivedDocument)

    async def _ask(self, method: str, path: str) -> bytes:
        try:
            response = await self._http.request(method, self._url + path, headers=self._headers)
        except httpx.HTTPError as error:
            raise unreachable(error) from error
        if response.status_code >= 400:
            raise refusal(response)
        return response.content
