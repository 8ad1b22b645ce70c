"""One connection of a mail client or server, bounded: buffered bytes, time, and number of connections.

STARTTLS refuses any byte that was sent before the handshake (RFC 3207 §4.2: command injection).
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final, cast

import structlog

_HIGH_WATER = 256 * 1024
MAX_CONNECTIONS: Final = 1000
MAX_PER_ADDRESS: Final = 250

_log = structlog.get_logger(__name__)


class Wire(asyncio.Protocol):
    """Bytes in and out of one transport, which STARTTLS may replace."""

    def __init__(self, serve: Callable[[Wire], Awaitable[None]], limits: ConnectionLimits) -> None:
        self._serve = serve
        self._limits = limits
        self._buffer = bytearray()
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._is_ended = False
        self._transport: asyncio.Transport | None = None
        self.client = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Serves the connection in a task of its own, or refuses it over the limits."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.client = str(peer[0]) if isinstance(peer, tuple) else "local"
        if not self._limits.enter(self):
            self._transport.write(self._limits.refusal)
            self._transport.close()
            return
        task = asyncio.create_task(self._run())
        self._limits.tasks.add(task)
        task.add_done_callback(self._limits.tasks.discard)

    async def _run(self) -> None:
        try:
            await self._serve(self)
        except (ConnectionError, TimeoutError, ssl.SSLError, EOFError):
            pass  # the other side went away
        except Exception as error:
            _log.error("mail_connection_failed", error=type(error).__name__, exc_info=True)
        finally:
            self._limits.leave(self)
            if self._transport is not None:
                self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Keeps bytes until they are read; stops the sender above a bound."""
        self._buffer += data
        self._readable.set()
        if len(self._buffer) > _HIGH_WATER and self._transport is not None:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The client sends no more: what it sent is still answered."""
        self._is_ended = True
        self._readable.set()
        return not self.is_tls

    def connection_lost(self, exc: Exception | None) -> None:
        """Wakes whoever waits."""
        self._is_ended = True
        self._transport = None
        self._readable.set()
        self._writable.set()

    def pause_writing(self) -> None:
        """The client does not read."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._writable.set()

    async def read(self, timeout_s: float) -> bytes:
        """What has arrived, waiting for at least one byte; empty at the end. Raises ``TimeoutError``."""
        if not self._buffer and not self._is_ended:
            self._readable.clear()
            async with asyncio.timeout(timeout_s):
                await self._readable.wait()
        data = bytes(self._buffer)
        self._buffer.clear()
        if self._transport is not None and not self._is_ended:
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes, timeout_s: float = 120) -> None:
        """Sends ``data``, waiting while the client does not read. Raises ``ConnectionError``, ``TimeoutError``."""
        if self._transport is None:
            raise ConnectionResetError
        self._transport.write(data)
        if not self._writable.is_set():
            async with asyncio.timeout(timeout_s):
                await self._writable.wait()

    async def start_tls(self, context: ssl.SSLContext, reply: bytes) -> bool:
        """Sends ``reply`` and becomes TLS; ``False``, with nothing sent, when bytes came before the handshake."""
        if self._transport is None:
            raise ConnectionResetError
        self._transport.pause_reading()
        if self._buffer:
            return False
        self._transport.write(reply)
        loop = asyncio.get_running_loop()
        replaced = await loop.start_tls(self._transport, self, context, server_side=True, ssl_handshake_timeout=20)
        if replaced is None:
            raise ConnectionResetError
        self._transport = replaced
        return True

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted now."""
        return self._ssl is not None

    @property
    def tls_name(self) -> str:
        """Version and cipher, for the Received line."""
        return f"{self._ssl.version()} {(self._ssl.cipher() or ('',))[0]}" if self._ssl is not None else ""

    @property
    def certificate(self) -> bytes | None:
        """The client's certificate (DER), if it presented one."""
        return self._ssl.getpeercert(binary_form=True) if self._ssl is not None else None

    @property
    def _ssl(self) -> ssl.SSLObject | None:
        found = self._transport.get_extra_info("ssl_object") if self._transport is not None else None
        return cast("ssl.SSLObject | None", found)


class ConnectionLimits:
    """How many connections a listener holds, in all and from one address."""

    def __init__(self, refusal: bytes, *, total: int = MAX_CONNECTIONS, per_address: int = MAX_PER_ADDRESS) -> None:
        self.refusal = refusal
        self.total = total
        self.per_address = per_address
        self.tasks: set[asyncio.Task[None]] = set()
        self._open: set[Wire] = set()
        self._by_address: Counter[str] = Counter()

    def enter(self, wire: Wire) -> bool:
        """Counts a connection, unless a limit is reached."""
        if len(self._open) >= self.total or self._by_address[wire.client] >= self.per_address:
            return False
        self._open.add(wire)
        self._by_address[wire.client] += 1
        return True

    def leave(self, wire: Wire) -> None:
        """The connection ended."""
        if wire in self._open:
            self._open.remove(wire)
            self._by_address[wire.client] -= 1
            self._by_address += Counter()
