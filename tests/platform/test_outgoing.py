"""Mail to people's own addresses, over real sockets to a server of a third party (aiosmtpd)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiosmtpd.controller import Controller

from socle.platform.outgoing import AddressRefused, NotSent, OutgoingMessage, folder_sender, sender_of, smtp_sender
from socle.platform.settings import Settings
from socle.standards.errors import InvalidContent

pytestmark = pytest.mark.blackbox
MESSAGE = OutgoingMessage("lea@exemple.test", "Du nouveau dans votre espace santé", "Bonjour,\n\nvotre dossier…\n")


class Handler:
    """Keeps what it gets; answers what the test says."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.recipient, self.data = "250 OK", "250 OK"

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if self.recipient.startswith("2"):
            envelope.rcpt_tos.append(address)
        return self.recipient

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:
        if self.data.startswith("2"):
            self.got.append(envelope.content)
        if self.data == "hang up":
            self.got.append(envelope.content)
            server.transport.abort()
        return self.data


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.fixture
def settings(handler: Handler) -> Iterator[Settings]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)  # type: ignore[no-untyped-call]
    controller.start()  # type: ignore[no-untyped-call]
    yield Settings(notice_smtp=f"smtp://127.0.0.1:{port}", notice_sender="avis@base.test")
    controller.stop()  # type: ignore[no-untyped-call]


def test_a_message_arrives_whole(settings: Settings, handler: Handler) -> None:
    asyncio.run(smtp_sender(settings)(MESSAGE))
    read = message_from_bytes(handler.got[0], policy=policy.default)
    assert (read["From"], read["To"], read["Subject"]) == ("avis@base.test", MESSAGE.address, MESSAGE.subject)
    assert read["Auto-Submitted"] == "auto-generated"
    assert read.get_content().split() == MESSAGE.text.split()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("answer", "error"), [("450 later", NotSent), ("550 no such user", AddressRefused)])
def test_what_the_server_says_of_the_address_is_told_apart(
    settings: Settings, handler: Handler, answer: str, error: type[Exception]
) -> None:
    handler.recipient = answer
    with pytest.raises(error):
        asyncio.run(smtp_sender(settings)(MESSAGE))


def test_a_message_that_the_server_refuses_did_not_leave(settings: Settings, handler: Handler) -> None:
    handler.data = "451 full"
    with pytest.raises(NotSent):
        asyncio.run(smtp_sender(settings)(MESSAGE))


def test_a_message_whose_end_arrived_is_not_sent_again(settings: Settings, handler: Handler) -> None:
    handler.data = "hang up"
    asyncio.run(smtp_sender(settings)(MESSAGE))
    assert len(handler.got) == 1


def test_a_server_that_is_not_there_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotSent):
        asyncio.run(smtp_sender(Settings(notice_smtp=f"smtp://127.0.0.1:{port}"))(MESSAGE))


def test_nothing_leaves_in_clear_for_another_host(settings: Settings, handler: Handler) -> None:
    elsewhere = settings.notice_smtp.replace("127.0.0.1", socket.gethostname())
    with pytest.raises(NotSent):
        asyncio.run(smtp_sender(msgspec.structs.replace(settings, notice_smtp=elsewhere))(MESSAGE))
    assert handler.got == []


@pytest.mark.parametrize("url", ["ftp://a", "smtp://", "mail.test:25"])
def test_an_address_of_no_server_is_refused(url: str) -> None:
    with pytest.raises(InvalidContent):
        smtp_sender(Settings(notice_smtp=url))


def test_a_sandbox_keeps_its_mail_in_a_folder_and_production_sends_none(tmp_path: Path) -> None:
    asyncio.run(folder_sender(tmp_path, "avis@base.test")(MESSAGE))
    (file,) = tmp_path.glob("*.eml")
    assert message_from_bytes(file.read_bytes(), policy=policy.default)["To"] == MESSAGE.address
    assert sender_of(Settings(environment="production")) is None
    assert sender_of(Settings(data=str(tmp_path))) is not None
