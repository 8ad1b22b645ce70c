"""The word of the white list for a Postfix front: its policy delegation protocol on a Unix socket.

Postfix proves the certificate against the authorities and tells its common name; we say whether the white list gives
that name to the sender's domain. Postfix reads no revocation list: only our own relay port enforces revocation.

Source: Postfix SMTPD_POLICY_README.
"""

from __future__ import annotations

from typing import Final

from socle.services.mssante.rules import Check, refusal
from socle.services.mssante.service import MssanteService
from socle.services.mssante.wire import Wire
from socle.standards.certificates import parse_name
from socle.standards.errors import MalformedInput
from socle.standards.mail.address import parse_address
from socle.standards.mail.whitelist import ListedDomain, WhiteList

_MAX_BYTES: Final = 16 * 1024
_COMMON_NAME: Final = "2.5.4.3"
_ACCEPT: Final = "DUNNO"


async def serve_policy(service: MssanteService, wire: Wire) -> None:
    """Answers requests until Postfix ends the connection."""
    buffer = b""
    while data := await wire.read(300):
        buffer += data
        while b"\n\n" in buffer:
            request, _, buffer = buffer.partition(b"\n\n")
            attributes = read_request(request)
            action = decide(attributes, await service.trust_list.current())
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


def decide(attributes: dict[str, str], white_list: WhiteList | None) -> str:
    """``DUNNO`` to let the message go on, or the SMTP reply that refuses it, the failing entry named."""
    name = attributes.get("ccert_subject", "")
    if not attributes.get("encryption_protocol"):
        return refusal(Check.NO_TLS).reply
    if not name:
        return refusal(Check.CERTIFICATE).reply
    if white_list is None:
        return refusal(Check.SENDER_DOMAIN).reply
    sender = attributes.get("sender", "")
    if not sender:
        known = any(_is_common_name(entry, name) for entry in white_list.domains.values())
        return _ACCEPT if known else refusal(Check.REPORT_CERTIFICATE, name).reply
    try:
        domain = parse_address(sender).domain
    except MalformedInput:
        return refusal(Check.SENDER_DOMAIN).reply
    entry = white_list.find(domain)
    if entry is None:
        return refusal(Check.SENDER_DOMAIN, domain).reply
    return _ACCEPT if _is_common_name(entry, name) else refusal(Check.CERTIFICATE_NAME, f"{domain}: {name}").reply


def _is_common_name(entry: ListedDomain, name: str) -> bool:
    wanted = {value for rdn in parse_name(entry.certificate_dn) for oid, value in rdn if oid == _COMMON_NAME}
    return {value for rdn in parse_name(f"CN={name}") for _, value in rdn} == wanted
