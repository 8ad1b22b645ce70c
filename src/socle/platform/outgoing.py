"""Mail to people outside the trust space (codes, notices): by SMTP, or in a sandbox into a folder to look at.

It never carries anything about health: that is mail of the trust space (``services/mssante``).
"""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import msgspec
import structlog

from socle.platform.settings import Settings
from socle.standards.errors import InvalidContent, Text, Unavailable

_TIMEOUT_S: Final = 30
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

_log = structlog.get_logger(__name__)


class OutgoingMessage(msgspec.Struct, frozen=True):
    """One short text to one address."""

    address: str
    subject: str
    text: str


class NotSent(Unavailable):
    """The message surely did not leave: it may be tried again."""


class AddressRefused(InvalidContent):
    """The address takes no mail: trying again would not help."""


#: Sends one message. Raises ``NotSent`` or ``AddressRefused``; returns when it left or may have left.
SendMail = Callable[[OutgoingMessage], Awaitable[None]]


def sender_of(settings: Settings) -> SendMail | None:
    """SMTP where it is set; else in a sandbox the folder ``data/courriels``; else none."""
    if settings.notice_smtp:
        return smtp_sender(settings)
    return folder_sender(settings.data_path / "courriels", settings.notice_sender) if settings.is_sandbox else None


def smtp_sender(settings: Settings) -> SendMail:
    """Sends by the server of ``SOCLE_NOTICE_SMTP`` (``smtp://`` with STARTTLS, ``smtps://``), one connection a message.

    Nothing goes in clear but to this host itself.
    """
    url = urlsplit(settings.notice_smtp)
    if url.scheme not in {"smtp", "smtps"} or not url.hostname:
        raise InvalidContent(
            "InvalidSetting",
            Text("SOCLE_NOTICE_SMTP est smtp://hôte:port ou smtps://hôte:port.", "It is smtp://host:port or smtps://…"),
        )
    host, user = url.hostname, unquote(url.username or "")
    port = url.port or (465 if url.scheme == "smtps" else 587)
    password_file = settings.notice_smtp_password_file
    context = ssl.create_default_context()
    if settings.server_authorities:
        context.load_verify_locations(settings.server_authorities)

    def connect() -> smtplib.SMTP:
        if url.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=_TIMEOUT_S, context=context)
        else:
            server = smtplib.SMTP(host, port, timeout=_TIMEOUT_S)
        server.ehlo_or_helo_if_needed()
        if url.scheme == "smtp" and (server.has_extn("starttls") or host not in _LOOPBACK):
            server.starttls(context=context)
        if user:
            server.login(user, Path(password_file).read_text().strip())
        return server

    def hand_over(message: OutgoingMessage) -> None:
        try:
            server = connect()
        except (OSError, smtplib.SMTPException) as error:
            raise _not_sent(error) from error
        try:
            _transfer(server, settings.notice_sender, message)
        finally:
            server.close()

    async def send(message: OutgoingMessage) -> None:
        await asyncio.to_thread(hand_over, message)

    return send


def _transfer(server: smtplib.SMTP, sender: str, message: OutgoingMessage) -> None:
    try:
        _accept(*server.mail(sender), is_address=False)
        _accept(*server.rcpt(message.address), is_address=True)
    except (OSError, smtplib.SMTPException) as error:
        raise _not_sent(error) from error
    try:
        _accept(*server.data(_compose(sender, message).as_bytes()), is_address=False)
    except smtplib.SMTPDataError as error:
        raise _not_sent(error) from error
    except (OSError, smtplib.SMTPException):
        # The end of the message may have arrived: sending it again might send it twice.
        _log.warning("outgoing_unsure")


def _accept(code: int, _text: bytes, *, is_address: bool) -> None:
    if code >= 500 and is_address:
        raise AddressRefused("AddressRefused", Text("Cette adresse refuse le courriel.", "This address refuses mail."))
    if code >= 400:
        raise _not_sent(None)


def _not_sent(error: Exception | None) -> NotSent:
    if error is not None:
        _log.warning("outgoing_failed", error=type(error).__name__)
    return NotSent(
        "MailNotSent",
        Text("Le courriel n'a pas pu partir.", "The mail could not leave."),
        remedy=Text("Recommencez dans quelques minutes.", "Try again in a few minutes."),
    )


def _compose(sender: str, message: OutgoingMessage) -> EmailMessage:
    composed = EmailMessage()
    composed["From"], composed["To"], composed["Subject"] = sender, message.address, message.subject
    composed["Date"], composed["Message-ID"] = formatdate(), make_msgid(domain=sender.rpartition("@")[2])
    composed["Auto-Submitted"] = "auto-generated"
    composed.set_content(message.text, charset="utf-8")
    return composed


def folder_sender(folder: Path, sender: str) -> SendMail:
    """Writes each message as a file ``.eml`` that a developer opens."""

    def write(message: OutgoingMessage) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        composed = _compose(sender, message)
        (folder / f"{uuid4()}.eml").write_bytes(composed.as_bytes())

    async def send(message: OutgoingMessage) -> None:
        await asyncio.to_thread(write, message)

    return send
