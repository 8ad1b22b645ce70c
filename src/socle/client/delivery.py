"""One act, two ways, from a vendor's software: a document to the DMP and by secure mail, and what became of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import httpx
import msgspec

from socle.client.errors import unreachable
from socle.standards.errors import InvalidContent, NotAuthenticated, SocleError, Text, Unavailable


class DeliveryTarget(msgspec.Struct, frozen=True):
    """One way out: ``state`` is ``waiting``, ``sent``, ``delivered``, ``read`` or ``refused``."""

    kind: str
    address: str
    state: str
    sentence: str = ""
    proof: str = ""
    reason: str = ""


class DeliveryStatus(msgspec.Struct, frozen=True):
    """What became of an act. ``sentence`` is for a person; ``id`` asks again later."""

    id: str
    document_id: str
    targets: tuple[DeliveryTarget, ...]
    is_settled: bool
    sentence: str

    @property
    def is_refused(self) -> bool:
        """Whether at least one way out was refused for good."""
        return any(target.state == "refused" for target in self.targets)


class _Problem(msgspec.Struct):
    code: str = ""
    title: str = ""
    detail: dict[str, str] = {}


class Deliveries:
    """The ``/deliveries`` door of the base at ``url``, with a Pro Santé Connect token. ``http`` is not closed by it."""

    def __init__(self, url: str, http: httpx.AsyncClient, token: str) -> None:
        self._url = f"{url.rstrip('/')}/deliveries"
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"}

    async def send(
        self,
        document: bytes,
        *,
        mailbox: str = "",
        to_dmp: bool = False,
        to: Sequence[str] = (),
        to_patient: bool = False,
        text: str = "",
        asks_read_receipt: bool = False,
        closes_exchange: bool = False,
        visibility: Sequence[str] = (),
        key: str = "",
    ) -> DeliveryStatus:
        """Sends the CDA ``document``; it is safe to call again with the same ``key`` or document.

        ``visibility`` are codes of TRE_A07 (``MASQUE_PS``, ``INVISIBLE_PATIENT`` …); ``closes_exchange``: the patient
        may not answer.
        Raises ``SocleError`` with the base's own code and sentence.
        """
        query: list[tuple[str, str | int | float | bool | None]] = [("to", address) for address in to]
        query += [("from", mailbox), ("text", text)]
        query += [("visibility", code) for code in visibility]
        asked = {
            "to-dmp": to_dmp,
            "to-patient": to_patient,
            "read-receipt": asks_read_receipt,
            "close": closes_exchange,
        }
        query += [(name, "true") for name, is_asked in asked.items() if is_asked]
        headers = {"Content-Type": "application/xml"} | ({"Idempotency-Key": key} if key else {})
        return await self._ask("POST", self._url, params=query, content=document, headers=headers)

    async def status(self, delivery: str) -> DeliveryStatus:
        """What became of an act."""
        return await self._ask("GET", f"{self._url}/{delivery}")

    async def wait(self, delivery: str, *, seconds: float = 30) -> DeliveryStatus:
        """What became of an act, once it is settled or ``seconds`` have passed."""
        end = time.monotonic() + seconds
        found = await self.status(delivery)
        while not found.is_settled and time.monotonic() < end:
            await asyncio.sleep(0.5)  # the other side is a server: there is nothing to wait on but time
            found = await self.status(delivery)
        return found

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        params: list[tuple[str, str | int | float | bool | None]] | None = None,
        content: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> DeliveryStatus:
        try:
            response = await self._http.request(
                method, url, params=params, content=content, headers=self._headers | (headers or {})
            )
        except httpx.HTTPError as error:
            raise unreachable(error) from error
        if response.status_code >= 400:
            raise refusal(response)
        return msgspec.json.decode(response.content, type=DeliveryStatus)


def refusal(response: httpx.Response) -> SocleError:
    """The base's own refusal, from its RFC 9457 answer."""
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except msgspec.DecodeError:
        problem = _Problem()
    plain = problem.title or f"HTTP {response.status_code}"
    text = Text(problem.detail.get("fr", plain), problem.detail.get("en", plain))
    kind: type[SocleError] = InvalidContent
    if response.status_code == 401:
        kind = NotAuthenticated
    elif response.status_code >= 500:
        kind = Unavailable
    return kind(problem.code or f"HTTP{response.status_code}", text)
