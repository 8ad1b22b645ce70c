"""Hostile senders over real sockets: each is refused or bounded, and everybody else's mail goes on."""

import asyncio
import base64
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .conftest import DOMAIN, Operator

pytestmark = pytest.mark.blackbox

LEA, PAUL = f"lea@{DOMAIN}", f"paul@{DOMAIN}"


def client(operator: Operator) -> smtplib.SMTP_SSL:
    found = smtplib.SMTP_SSL("127.0.0.1", operator.ports.submissions, context=operator.client_tls, timeout=20)
    found.login(LEA, "secret")
    return found


def letter(name: str, body: str = "Bonjour\r\n", header: str = "") -> bytes:
    return (
        f"From: {LEA}\r\nTo: {PAUL}\r\nSubject: {name}\r\n{header}Message-ID: <{name}@{DOMAIN}>\r\n\r\n{body}".encode()
    )


def send_raw(operator: Operator, content: bytes) -> list[bytes]:
    """The replies to ``content`` sent byte for byte after DATA, and to a QUIT behind it."""
    with client(operator) as smtp:
        smtp.mail(LEA)
        smtp.rcpt(PAUL)
        smtp.docmd("DATA")
        assert smtp.sock is not None
        smtp.sock.sendall(content + b"\r\n.\r\nQUIT\r\n")
        replies = b""
        while data := smtp.sock.recv(65536):
            replies += data
        return replies.splitlines()


async def subjects(operator: Operator) -> list[str]:
    box = await operator.service.find(PAUL)
    stored = await operator.service.rooms.page(box.key, 1)
    contents = [await operator.service.rooms.content(box.key, item) for item in stored]
    return sorted(
        line.split(b": ")[1].decode()
        for text in contents
        for line in text.split(b"\r\n")[:12]
        if line[:9] == b"Subject: "
    )


SMUGGLED = f"MAIL FROM:<{PAUL}>\r\nRCPT TO:<{PAUL}>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n".encode()


@pytest.mark.parametrize(
    "end", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\r\n\x00.\r\n", b"\n\n.\r\n"]
)
async def test_no_message_is_smuggled_behind_another(operator: Operator, end: bytes) -> None:
    replies = await operator.in_thread(lambda: send_raw(operator, letter("outer").rstrip() + end + SMUGGLED))
    assert "smuggled" not in await subjects(operator)
    assert replies[0][:3] in (b"250", b"554")
    assert sum(line[:6] == b"250 2.6" for line in replies) <= 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (letter("long", "x" * 2000 + "\r\n"), b"554"),
        (letter("nul", "a\x00b\r\n"), b"554"),
        (letter("bare", "a\nb\r\n"), b"554"),
        (letter("two-from", header=f"From: {PAUL}\r\n"), b"550"),
        (letter("other-from").replace(f"From: {LEA}".encode(), f"From: {PAUL}".encode()), b"550"),
        (
            letter(
                "deep",
                header='Content-Type: multipart/mixed; boundary="b"\r\n',
                body="".join(
                    f'--b{"x" * n}\r\nContent-Type: multipart/mixed; boundary="b{"x" * (n + 1)}"\r\n\r\n'.replace(
                        "--b", "--b", 1
                    )
                    for n in range(200)
                ),
            ),
            b"554",
        ),
        (
            letter("parts", header='Content-Type: multipart/mixed; boundary="b"\r\n', body="--b\r\n\r\nx\r\n" * 5000),
            b"554",
        ),
        (b"no header at all", b"550"),
    ],
    ids=["long-line", "nul", "bare-lf", "two-from", "other-from", "deep", "many-parts", "headless"],
)
async def test_what_no_honest_client_writes_is_refused(operator: Operator, content: bytes, code: bytes) -> None:
    replies = await operator.in_thread(lambda: send_raw(operator, content))
    assert replies[0][:3] == code, replies
    assert await subjects(operator) == []


async def test_eight_bit_garbage_is_delivered_byte_for_byte_and_read_without_harm(operator: Operator) -> None:
    body = bytes(byte for byte in range(1, 256) if byte not in b"\r\n") + b"\r\n"
    content = letter("garbage").replace(b"Bonjour\r\n", body)
    replies = await operator.in_thread(lambda: send_raw(operator, content.rstrip(b"\r\n")))
    assert replies[0].startswith(b"250")
    box = await operator.service.find(PAUL)
    [stored] = await operator.service.rooms.page(box.key, 1)
    assert (await operator.service.rooms.content(box.key, stored)).endswith(body)


@pytest.mark.parametrize("name", ["a\r\nBcc: x@y.fr", "a\nX: y", "a\rb", "a\x00b", "a\u2028b"])
async def test_a_header_is_not_injected_by_what_a_person_types(operator: Operator, name: str) -> None:
    from socle.platform.actor import Actor, ActorKind, AuthenticationMode
    from socle.services.mssante.domain import NewMail

    lea = Actor(
        kind=ActorKind.PROFESSIONAL, id="899700000001", name="L", authentication=AuthenticationMode.INDIRECTE_RENFORCEE
    )
    session = await operator.service.access.of_actor(LEA, lea)
    from socle.standards.errors import SocleError

    try:
        await operator.service.outbox.send(session, NewMail(to=(PAUL,), subject=name, text="x"))
    except SocleError:
        return
    box = await operator.service.find(PAUL)
    [stored] = await operator.service.rooms.page(box.key, 1)
    header = (await operator.service.rooms.content(box.key, stored)).partition(b"\r\n\r\n")[0].lower()
    assert b"\nbcc:" not in header
    assert b"\nx:" not in header


async def elapsed(call: Callable[[], Any]) -> float:
    start = time.monotonic()
    await asyncio.to_thread(call)
    return time.monotonic() - start


async def test_slow_senders_hold_nothing_up(operator: Operator) -> None:
    """Connections that stop in the middle of a message; the mail of others goes on."""
    tls = operator.client_tls

    def half() -> ssl.SSLSocket:
        raw = socket.create_connection(("127.0.0.1", operator.ports.submissions), 60)
        wrapped = tls.wrap_socket(raw, server_hostname="127.0.0.1")
        assert wrapped.recv(4096).startswith(b"220")
        secret = base64.b64encode(f"\0{LEA}\0secret".encode()).decode()
        for line in ("EHLO x", f"AUTH PLAIN {secret}", f"MAIL FROM:<{LEA}>", f"RCPT TO:<{PAUL}>", "DATA"):
            wrapped.sendall(f"{line}\r\n".encode())
            reply = wrapped.recv(4096)
            assert reply[:1] in b"23", (line, reply)
        wrapped.sendall(b"From: " + LEA.encode() + b"\r\nSubject: half")
        return wrapped

    def honest() -> None:
        with client(operator) as smtp:
            smtp.sendmail(LEA, [PAUL], letter("honest"))

    # Threads of their own: the servers run in this loop and check passwords in its threads.
    loop, pool = asyncio.get_running_loop(), ThreadPoolExecutor(25)
    stuck = await asyncio.gather(*(loop.run_in_executor(pool, half) for _ in range(25)))
    try:
        assert await elapsed(honest) < 30
        assert await subjects(operator) == ["honest"]
    finally:
        for one in stuck:
            one.close()


async def test_a_thousand_connections_are_bounded_and_leave_room_for_mail(operator: Operator) -> None:
    """One address holds 250 connections at most; its others are told to come later, and other doors answer."""
    flood = []
    refused = 0
    for _ in range(1000):
        reader, writer = await asyncio.open_connection("127.0.0.1", operator.ports.submission)
        flood.append(writer)
        line = await asyncio.wait_for(reader.readline(), 20)
        refused += line.startswith(b"421")
    try:
        assert refused >= 740
        reader, writer = await asyncio.open_unix_connection(str(operator.lmtp))
        assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"220")
        writer.close()
    finally:
        for one in flood:
            one.close()
    await asyncio.sleep(0.2)

    def honest() -> None:
        with client(operator) as smtp:
            smtp.sendmail(LEA, [PAUL], letter("after"))

    assert await elapsed(honest) < 30
    assert await subjects(operator) == ["after"]
