"""The white list as this operator keeps it: fetched, verified, never older than the last, usable offline."""

from __future__ import annotations

import asyncio
import hashlib
import time
from pathlib import Path

import httpx

from socle.platform.base import Base
from socle.platform.tls import calling_context
from socle.platform.trust import TrustStore, Usage
from socle.services.mssante.store import QUERIES
from socle.standards.certificates import HolderKind, write_name
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

    async def load(self, content: bytes, *, by_operator: bool = False) -> WhiteList:
        """Verifies a list and puts it in force.

        Whoever signed the list in force signs the next: any structure has a seal that is believed, and the trust space
        is not any structure's to draw. Another signer takes over by the operator's own act (``by_operator``).
        Raises ``InvalidContent`` (signature), ``Conflict`` (older, or another signer).
        """
        white_list, signed_by = self._verify(content)
        async with self._base.database.connection() as connection:
            row = await QUERIES["find_whitelist"].row(connection)
        if row is not None and row["signed_by"] != signed_by and not by_operator:
            raise Conflict(
                "MSSWhiteListSigner",
                Text(
                    f"Cette liste n'est pas signée par {row['signed_by']}, comme celle en vigueur.",
                    f"This list is not signed by {row['signed_by']}, as the one in force is.",
                ),
                remedy=Text(
                    "Si le signataire a changé, chargez-la vous-même : socle mss whitelist.",
                    "If the signer has changed, load it yourself: socle mss whitelist.",
                ),
                requirement="Liste blanche MSSanté, signature",
            )
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

    async def refresh(self, source: str, *, by_operator: bool = False) -> WhiteList:
        """Fetches the list from ``source`` (https URL or file) and loads it; on failure the former stays in force."""
        if not source.startswith("https://"):
            return await self.load(await asyncio.to_thread(Path(source).read_bytes), by_operator=by_operator)
        try:
            async with httpx.AsyncClient(verify=calling_context(self._base.settings), timeout=30) as client:
                response = await client.get(source)
                response.raise_for_status()
        except httpx.HTTPError as error:
            raise Unavailable(
                "MSSWhiteListUnreachable",
                Text("La liste blanche n'a pas pu être lue ; la précédente reste en vigueur.", "List unreachable."),
            ) from error
        if len(response.content) > MAX_BYTES:
            raise InvalidContent("MSSWhiteListTooLarge", Text("Liste trop longue.", "List too long."))
        return await self.load(response.content, by_operator=by_operator)

    def _verify(self, content: bytes) -> tuple[WhiteList, str]:
        if self._trust is None:
            if not self._base.settings.is_sandbox:
                raise InvalidContent(
                    "MSSNoTrust", Text("Aucune autorité n'est configurée.", "No authority is configured.")
                )
            return read_unsigned_list(content), ""
        signer = signing_certificate(content)
        holder = self._trust.verify(signer, Usage.SIGNATURE, self._base.clock())
        if holder.kind is not HolderKind.ORGANISATION:
            raise InvalidContent(
                "MSSWhiteListSignature",
                Text("La liste blanche est signée par une personne.", "A person signed the white list."),
                requirement="Liste blanche MSSanté, signature",
            )
        return read_signed_list(content, signer), write_name(signer.subject)
