"""What identity does later: tells clients that a session is over, forgets what can no longer serve."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import httpx
import msgspec

from socle.platform.database import Queries
from socle.platform.tls import calling_context
from socle.services.identity.domain import PSC
from socle.services.identity.service import IdentityService
from socle.services.identity.sso import BackchannelLogout
from socle.standards.errors import Text, Unavailable

QUERIES = Queries("socle.services.identity")

_KEPT: Final = timedelta(days=1)


async def notify_logout(service: IdentityService, payload: bytes) -> None:
    """POSTs a logout token to the client. Raises ``Unavailable`` (and is tried again) unless it answers 200 or 204.

    Source: OIDC Back-Channel Logout §2.5.
    """
    notice = msgspec.json.decode(payload, type=BackchannelLogout)
    provider = service.psc if notice.realm == PSC.name else service.franceconnect
    client = await provider.clients.find(notice.client_id)
    if client is None or not client.backchannel_logout_uri:
        return
    token = await provider.sessions.logout_token(notice)
    try:
        context = calling_context(service.base.settings)
        async with httpx.AsyncClient(verify=context, timeout=10, follow_redirects=False, trust_env=False) as http:
            response = await http.post(client.backchannel_logout_uri, data={"logout_token": token})
    except httpx.HTTPError as error:
        raise _unreached() from error
    if response.status_code >= 500:
        raise _unreached()


async def sweep(service: IdentityService, _payload: bytes) -> None:
    """Deletes grants, sessions, requests and assertions over for a day or more."""
    before = service.base.clock() - _KEPT
    async with service.base.database.transaction() as connection:
        for name in ("sweep_grants", "sweep_sso", "sweep_sessions", "sweep_challenges", "sweep_assertions"):
            await QUERIES[name].execute(connection, before=before)


def _unreached() -> Unavailable:
    return Unavailable(
        "ClientUnreached",
        Text("Le service à prévenir ne répond pas.", "The service to be told does not answer."),
    )


TASKS: Final[dict[str, Callable[[IdentityService, bytes], Awaitable[None]]]] = {
    "identity.notify_logout": notify_logout,
    "identity.sweep": sweep,
}
