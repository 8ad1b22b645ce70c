"""The mail servers of one process: SMTP submission and relay, LMTP, IMAP, and the worker of the queue."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import msgspec
import structlog

from socle.services.mssante.antivirus import Antivirus
from socle.services.mssante.imap_session import ImapSession
from socle.services.mssante.policy import serve_policy
from socle.services.mssante.relay import Relay, Route, SmtpCarrier
from socle.services.mssante.service import MssanteService
from socle.services.mssante.smtp_session import Door, SmtpSession
from socle.services.mssante.watch import Watch
from socle.services.mssante.wire import ConnectionLimits, Wire

#: Between two commands; a message must come at this pace too (RFC 5321 §4.5.3.2).
_SMTP_TIMEOUT_S = 300
#: A whole SMTP connection may not last longer.
_SMTP_CONNECTION_S = 3600
_IMAP_TIMEOUT_S = 1800
_SMTP_BUSY = b"421 4.7.0 Too many connections, try again later\r\n"
_IMAP_BUSY = b"* BYE Too many connections, try again later\r\n"

_log = structlog.get_logger(__name__)


class MailServer:
    """Everything that listens for one operator."""

    def __init__(
        self,
        service: MssanteService,
        *,
        tls: ssl.SSLContext | None,
        relay_tls: ssl.SSLContext | None = None,
        routes: dict[str, Route] | None = None,
        antivirus: Antivirus | None = None,
    ) -> None:
        self.service = service
        self.watch = Watch(service.base.database)
        self._tls = tls
        if antivirus is not None:
            service.office.antivirus = antivirus
        self._carrier = SmtpCarrier(service, relay_tls, routes=routes) if relay_tls else None
        self._limits = {"smtp": ConnectionLimits(_SMTP_BUSY), "imap": ConnectionLimits(_IMAP_BUSY)}
        self._servers: list[asyncio.Server] = []

    async def listen_smtp(self, door: Door, host: str, port: int, *, is_implicit_tls: bool = False) -> int:
        """Listens for SMTP; returns the port."""
        return await self._listen(partial(self._serve_smtp, door), "smtp", host, port, is_implicit_tls=is_implicit_tls)

    async def listen_imap(self, host: str, port: int, *, is_implicit_tls: bool = False) -> int:
        """Listens for IMAP; returns the port."""
        return await self._listen(self._serve_imap, "imap", host, port, is_implicit_tls=is_implicit_tls)

    async def listen_lmtp(self, path: Path) -> None:
        """Listens on two Unix sockets for a front on this machine: LMTP at ``path``, its policy at ``path.policy``."""
        await self._listen_unix(partial(self._serve_smtp, Door.LMTP), path)
        await self._listen_unix(partial(serve_policy, self.service), path.with_name(f"{path.name}.policy"))

    async def _listen_unix(self, serve: Callable[[Wire], Awaitable[None]], path: Path) -> None:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(lambda: Wire(serve, self._limits["smtp"]), str(path))
        await asyncio.to_thread(os.chmod, path, 0o660)
        self._servers.append(server)

    async def run(self, stopping: asyncio.Event) -> None:
        """Works the queue until ``stopping``, then lets connections end."""
        relay = Relay(self.service, self._carrier)
        await self.watch.start()
        worker = asyncio.create_task(relay.run(stopping, self.watch.queue_due))
        try:
            await stopping.wait()
        finally:
            for server in self._servers:
                server.close()
            worker.cancel()
            tasks = [*self._limits["smtp"].tasks, *self._limits["imap"].tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(worker, *tasks, return_exceptions=True)
            await self.watch.stop()

    async def _listen(
        self,
        serve: Callable[[Wire], Awaitable[None]],
        kind: str,
        host: str,
        port: int,
        *,
        is_implicit_tls: bool,
    ) -> int:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Wire(serve, self._limits[kind]),
            host,
            port,
            ssl=self._tls if is_implicit_tls else None,
            ssl_handshake_timeout=20 if is_implicit_tls else None,
            backlog=1024,
        )
        self._servers.append(server)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    async def _serve_smtp(self, door: Door, wire: Wire) -> None:
        session = SmtpSession(
            self.service,
            door,
            client=wire.client,
            is_tls=wire.is_tls,
            tls_name=wire.tls_name,
            certificate=wire.certificate,
            can_start_tls=self._tls is not None and door is not Door.LMTP,
        )
        await wire.write(session.greeting)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SMTP_CONNECTION_S):
                while data := await wire.read(_SMTP_TIMEOUT_S):
                    reply = await session.receive(data)
                    if session.wants_tls and self._tls is not None:
                        if not await wire.start_tls(self._tls, reply):
                            await wire.write(b"554 5.5.1 Bytes sent before TLS\r\n")
                            return
                        session.tls_started(wire.tls_name, wire.certificate)
                        continue
                    if reply:
                        await wire.write(reply)
                    if session.is_over:
                        return
        await wire.write(b"421 4.4.2 Timeout\r\n")

    async def _serve_imap(self, wire: Wire) -> None:
        session = ImapSession(self.service, wire, self.watch, self._tls)
        await session.run(_IMAP_TIMEOUT_S)


async def serve(
    service: MssanteService,
    stopping: asyncio.Event,
    *,
    tls: ssl.SSLContext | None,
    relay_tls: ssl.SSLContext | None = None,
    routes: dict[str, Route] | None = None,
) -> None:
    """Runs the listeners of the settings until ``stopping``. A port of 0 is off.

    ``tls`` is the server context (client certificates optional), ``relay_tls`` the client context towards operators.
    """
    settings = service.base.settings
    if routes is None and settings.mail_routes:
        routes = read_routes(await asyncio.to_thread(Path(settings.mail_routes).read_bytes))
    server = MailServer(service, tls=tls, relay_tls=relay_tls, routes=routes)
    host = settings.host
    if settings.submission_port:
        await server.listen_smtp(Door.SUBMISSION, host, settings.submission_port)
    if settings.submissions_port and tls:
        await server.listen_smtp(Door.SUBMISSION, host, settings.submissions_port, is_implicit_tls=True)
    if settings.smtp_port:
        await server.listen_smtp(Door.RELAY, host, settings.smtp_port)
    if settings.imap_port:
        await server.listen_imap(host, settings.imap_port)
    if settings.imaps_port and tls:
        await server.listen_imap(host, settings.imaps_port, is_implicit_tls=True)
    if settings.lmtp_socket:
        await server.listen_lmtp(Path(settings.lmtp_socket))
    _log.info("mail_ready", domain=settings.mail_domain, has_antivirus=bool(settings.clamd))
    await server.run(stopping)


def read_routes(content: bytes) -> dict[str, Route]:
    """A table of routes: JSON ``{"domain": {"host": "…", "port": 25}}``, for operators whose MX is not to be used."""
    return msgspec.json.decode(content, type=dict[str, Route])
