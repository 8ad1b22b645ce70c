"""Mail servers of one operator on loopback, on a fresh database, with a certificate authority of their own."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import msgspec
import pytest
import trustme
from lxml import etree
from signxml import XMLSigner

from socle.platform.base import Base
from socle.sandbox.pki import Credential
from socle.services.mssante.domain import Mailbox, MailboxKind, MailboxState
from socle.services.mssante.process import MailServer
from socle.services.mssante.service import BASE_ACTOR, MssanteService
from socle.services.mssante.smtp_session import Door

DOMAIN = "socle.mssante.fr"
T = TypeVar("T")


class Ports(msgspec.Struct, frozen=True):
    submission: int
    submissions: int
    relay: int
    imap: int
    imaps: int


class Operator(msgspec.Struct, frozen=True):
    service: MssanteService
    server: MailServer
    ports: Ports
    client_tls: ssl.SSLContext
    lmtp: Path

    async def in_thread(self, call: Callable[[], T]) -> T:
        """Runs a blocking client while the servers run."""
        return await asyncio.to_thread(call)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def start_operator(
    base: Base, authority: trustme.CA, tmp_path: Path
) -> Callable[..., Awaitable[tuple[Operator, Callable[[], Awaitable[None]]]]]:
    async def start(**arguments: Any) -> tuple[Operator, Callable[[], Awaitable[None]]]:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(tls)
        authority.configure_trust(tls)
        tls.verify_mode = ssl.CERT_OPTIONAL
        client = ssl.create_default_context()
        authority.configure_trust(client)
        service = arguments.pop("service", None) or MssanteService(base)
        server = MailServer(service, tls=tls, **arguments)
        host = "127.0.0.1"
        ports = Ports(
            await server.listen_smtp(Door.SUBMISSION, host, 0),
            await server.listen_smtp(Door.SUBMISSION, host, 0, is_implicit_tls=True),
            await server.listen_smtp(Door.RELAY, host, 0),
            await server.listen_imap(host, 0),
            await server.listen_imap(host, 0, is_implicit_tls=True),
        )
        lmtp = tmp_path / "lmtp"
        await server.listen_lmtp(lmtp)
        stopping = asyncio.Event()
        running = asyncio.create_task(server.run(stopping))

        async def stop() -> None:
            stopping.set()
            await running

        return Operator(service, server, ports, client, lmtp), stop

    return start


@pytest.fixture
async def operator(
    start_operator: Callable[..., Awaitable[tuple[Operator, Callable[[], Awaitable[None]]]]],
) -> AsyncIterator[Operator]:
    """A running operator with the boxes lea and paul (password ``secret``)."""
    running, stop = await start_operator()
    for local in ("lea", "paul"):
        await running.service.create(BASE_ACTOR, make_box(local), password="secret")
    yield running
    await stop()


def make_box(local: str, **changes: Any) -> Mailbox:
    values: dict[str, Any] = {
        "key": UUID(int=0),
        "address": f"{local}@{DOMAIN}",
        "kind": MailboxKind.PERSONAL,
        "state": MailboxState.ACTIVE,
        "quota_bytes": 100_000_000,
        "created_at": datetime.now(UTC),
        "person_id": "899700000001",
        "display_name": local,
    }
    return Mailbox(**(values | changes))


def sign_list(content: bytes, signer: Credential) -> bytes:
    """A white list with its enveloped signature."""
    signed = XMLSigner().sign(etree.fromstring(content), key=signer.key.encode(), cert=signer.certificate)
    return etree.tostring(signed)
