"""The white list as this operator keeps it: fetched, verified, never older than the last, usable offline."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time
from pathlib import Path

import httpx

from socle.platform.base import Base
from socle.platform.trust import TrustStore, Usage
from socle.services.mssante.store import QUERIES
from socle.standards.certificates import write_name
from socle.standards.errors import Conflict, InvalidContent, Text, Unavailable
from socle.standards.mail.whitelist import (
    MAX_BYTES,
    WhiteList,
    read_signed_list,
    read_unsigned_list,
    signing_certificate,
    write_list,
)

_CACHED_S = 30


class TrustList:
    """The list in force, at most thirty seconds old."""

    def __init__(self, base: Base, trust: TrustStore | None) -> None:
        self._base = base
        self._trust = trust
        self._cached: tuple[float, WhiteList | None] = (0.0, None)

    async def current(self) -> WhiteList | None:
        """The newest list that was ever loaded, or ``None`` before the first."""
        read_at, cached = self._cached
        if cached is not None and time.monotonic() - read_at < _CACHED_S:
            return cached
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_whitelist"].row(connection)
        found = read_unsigned_list(row["content"]) if row else None  # written from what a signature covered
        self._cached = (time.monotonic(), found)
        return found

    async def load(self, content: bytes) -> WhiteList:
        """Verifies a list and puts it in force. Raises ``InvalidContent`` (signature), ``Conflict`` (older)."""
        white_list, signed_by = self._verify(content)
        current = await self.current()
        if current is not None and white_list.issued_on < current.issued_on:
            raise Conflict(
                "MSSWhiteListOlder",
                Text(
                    "Cette liste est plus ancienne que celle en vigueur.", "This list is older than the one in force."
                ),
                requirement="Liste blanche MSSanté, rafraîchissement",
            )
        async with self._base.database.connection() as connection:
            await QUERIES["keep_whitelist"].execute(
                connection,
                content=write_list(list(white_list.domains.values())),
                digest=hashlib.sha256(content).digest(),
                signed_by=signed_by,
                issued_on=white_list.issued_on,
                now=self._base.clock(),
            )
        self._cached = (time.monotonic(), white_list)
        return white_list

    async def refresh(self, source: str) -> WhiteList:
        """Fetches the list from ``source`` (https URL or file) and loads it; on failure the former stays in force."""
        if not source.startswith("https://"):
            return await self.load(await asyncio.to_thread(Path(source).read_bytes))
        try:
            async with httpx.AsyncClient(verify=ssl.create_default_context(), timeout=30) as client:
                response = await client.get(source)
                response.raise_for_status()
        except httpx.HTTPError as error:
            raise Unavailable(
                "MSSWhiteListUnreachable",
                Text("La liste blanche n'a pas pu être lue ; la précédente reste en vigueur.", "List unreachable."),
            ) from error
        if len(response.content) > MAX_BYTES:
            raise InvalidContent("MSSWhiteListTooLarge", Text("Liste trop longue.", "List too long."))
        return await self.load(response.content)

    def _verify(self, content: bytes) -> tuple[WhiteList, str]:
        if self._trust is None:
            if not self._base.settings.is_sandbox:
                raise InvalidContent(
                    "MSSNoTrust", Text("Aucune autorité n'est configurée.", "No authority is configured.")
                )
            return read_unsigned_list(content), ""
        signer = signing_certificate(content)
        self._trust.verify(signer, Usage.SIGNATURE, self._base.clock())
        return read_signed_list(content, signer), write_name(signer.subject)
