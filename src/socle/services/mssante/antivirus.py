"""Looks for viruses in messages: a ClamAV daemon, or nobody.

Source: clamd(8), command INSTREAM. ClamAV opens archives itself, IHE_XDM included.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Protocol

from socle.standards.errors import Text, Unavailable

_CHUNK = 64 * 1024
_TIMEOUT_S = 60


class Antivirus(Protocol):
    """Something that looks for viruses."""

    async def find_virus(self, content: bytes) -> str:
        """The name of the virus in ``content``, or the empty text. Raises ``Unavailable``: the mail waits."""


class NullAntivirus:
    """Finds nothing, ever: for laptops and sandboxes. Do not run an operator with it."""

    async def find_virus(self, content: bytes) -> str:
        """Nothing."""
        return ""


class ClamAntivirus:
    """A clamd at ``host:port``, spoken to with INSTREAM, one connection a message, at most four at once."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._host = host or "127.0.0.1"
        self._port = int(port)
        self._limit = asyncio.Semaphore(4)

    async def find_virus(self, content: bytes) -> str:
        """The signature's name, or the empty text."""
        try:
            async with self._limit, asyncio.timeout(_TIMEOUT_S):
                answer = await self._scan(content)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise _unavailable() from error
        verdict = answer.rstrip("\0\n").removeprefix("stream: ")
        if verdict == "OK":
            return ""
        if verdict.endswith(" FOUND"):
            return verdict.removesuffix(" FOUND")
        raise _unavailable()

    async def _scan(self, content: bytes) -> str:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(b"zINSTREAM\0")
            for start in range(0, len(content), _CHUNK):
                chunk = content[start : start + _CHUNK]
                writer.write(struct.pack(">I", len(chunk)) + chunk)
                await writer.drain()
            writer.write(struct.pack(">I", 0))
            await writer.drain()
            return (await reader.readuntil(b"\0")).decode("utf-8", "replace")
        finally:
            writer.close()


def choose_antivirus(clamd: str) -> Antivirus:
    """The scanner of the setting ``clamd`` (``host:port``), or the null one when it is empty."""
    return ClamAntivirus(clamd) if clamd else NullAntivirus()


def _unavailable() -> Unavailable:
    return Unavailable(
        "MSSAntivirusUnavailable",
        Text("L'antivirus ne répond pas : le message est à renvoyer.", "The antivirus does not answer: try again."),
    )
