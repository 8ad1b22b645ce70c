"""How a mail client proves who it is, the same in SMTP and IMAP: tokens, certificates, and the sandbox's passwords.

Source: RFC 4422 (EXTERNAL), 4616 (PLAIN), 7628 (OAUTHBEARER); Google's XOAUTH2; fact sheet "mssante" §5.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from socle.services.mssante.domain import MailSession
from socle.services.mssante.service import MssanteService

#: Mechanisms that carry a token: their failure has a challenge of its own.
BEARERS: Final = frozenset({"XOAUTH2", "OAUTHBEARER"})
#: RFC 7628 §3.2.2: what a client gets before the failure.
FAILED_CHALLENGE: Final = base64.b64encode(b'{"status":"401","schemes":"bearer","scope":"openid"}').decode()


def mechanisms(*, has_certificate: bool, is_sandbox: bool) -> list[str]:
    """The mechanisms that an encrypted connection is offered."""
    return ["XOAUTH2", "OAUTHBEARER", *(["EXTERNAL"] if has_certificate else []), *(["PLAIN"] if is_sandbox else [])]


def read_response(line: bytes) -> str | None:
    """The response in a line of base64 (``=`` is the empty one); ``None`` when it is no base64 of UTF-8."""
    try:
        return base64.b64decode(b"" if line == b"=" else line, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


async def authenticate(
    service: MssanteService, mechanism: str, response: str, certificate: bytes | None, client: str
) -> MailSession:
    """The session that a SASL response opens: XOAUTH2, OAUTHBEARER, EXTERNAL, PLAIN. Raises ``SocleError``."""
    if mechanism == "PLAIN":
        _, _, rest = response.partition("\0")
        address, _, password = rest.partition("\0")
        return await service.access.by_password(address, password, client=client)
    if mechanism == "EXTERNAL":
        return await service.access.by_certificate(response, certificate or b"", client=client)
    address, token = read_bearer(response)
    return await service.access.by_token(address, token, client=client)


def read_bearer(response: str) -> tuple[str, str]:
    r"""Address and token of an XOAUTH2 or OAUTHBEARER response; empty when unreadable.

    >>> read_bearer("user=a@b.fr\x01auth=Bearer T\x01\x01"), read_bearer("n,a=a@b.fr,\x01auth=Bearer T\x01\x01")
    (('a@b.fr', 'T'), ('a@b.fr', 'T'))
    """
    address = re.search(r"(?:^user=|^n,a=|^y,a=)([^\x01,]*)", response)
    token = re.search(r"\x01auth=Bearer ([^\x01]*)\x01", response, re.IGNORECASE)
    return (address[1] if address else "", token[1].strip() if token else "")
