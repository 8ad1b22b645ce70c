"""The word of the white list and of revocation for a Postfix front: its policy delegation protocol on a Unix socket.

Postfix proves the chain of the peer's certificate and tells its SHA-256. The certificate itself must be known here
(``peers``): it is then judged as at our own relay door, revocation included. An unknown one is asked to come back
later, so that nothing is lost while the operator registers it.

Source: Postfix SMTPD_POLICY_README.
"""

from __future__ import annotations

from typing import Final

from socle.services.mssante.errors import MailRefused
from socle.services.mssante.rules import Check, Peer, judge_peer, refusal
from socle.services.mssante.service import MssanteService
from socle.services.mssante.wire import Wire
from socle.standards.errors import MalformedInput, NotAuthenticated
from socle.standards.mail.address import Address, parse_address

_MAX_BYTES: Final = 16 * 1024
_ACCEPT: Final = "DUNNO"


async def serve_policy(service: MssanteService, wire: Wire) -> None:
    """Answers requests until Postfix ends the connection."""
    buffer = b""
    while data := await wire.read(300):
        buffer += data
        while b"\n\n" in buffer:
            request, _, buffer = buffer.partition(b"\n\n")
            action = await decide(service, read_request(request))
            await wire.write(f"action={action}\n\n".encode("ascii", "replace"))
        if len(buffer) > _MAX_BYTES:
            return


def read_request(request: bytes) -> dict[str, str]:
    """The attributes of one request.

    >>> read_request(b"request=smtpd_access_policy" + bytes([10]) + b"sender=a@b.fr")["sender"]
    'a@b.fr'
    """
    lines = (line.partition("=") for line in request.decode("utf-8", "replace").split("\n"))
    return {name: value for name, mark, value in lines if mark}


async def decide(service: MssanteService, attributes: dict[str, str]) -> str:
    """``DUNNO`` to let the message go on, or the SMTP reply that refuses it, the failing entry named."""
    try:
        sender = _sender_of(attributes.get("sender", ""))
        peer = Peer(is_tls=bool(attributes.get("encryption_protocol")))
        if peer.is_tls:
            peer = await _peer_of(service, attributes)
        white_list = await service.trust_list.current()
        if white_list is None:
            raise refusal(Check.SENDER_DOMAIN, sender.domain if sender else "")
        judge_peer(peer, sender, white_list)
    except MailRefused as error:
        return error.reply
    return _ACCEPT


async def _peer_of(service: MssanteService, attributes: dict[str, str]) -> Peer:
    fingerprint = attributes.get("ccert_fingerprint", "")
    if not fingerprint:
        return Peer(is_tls=True)
    certificate = await service.peers.find(fingerprint)
    if certificate is None:
        raise refusal(Check.UNKNOWN_CERTIFICATE, fingerprint)
    try:
        return Peer(is_tls=True, subject=service.access.verified_subject(certificate))
    except NotAuthenticated as error:
        return Peer(is_tls=True, certificate_error=error.code)


def _sender_of(text: str) -> Address | None:
    try:
        return parse_address(text) if text else None
    except MalformedInput as error:
        raise refusal(Check.SENDER_DOMAIN) from error
