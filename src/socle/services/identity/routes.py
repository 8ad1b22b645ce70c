"""All doors of the identity service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.routing import BaseRoute

from socle.platform.patient_key import owner_key
from socle.platform.settings import Settings
from socle.services.identity.domain import GRANT_CODE, OWN_CLIENT_ID, Client, sha256
from socle.services.identity.franceconnect import FranceConnectPages
from socle.services.identity.login_door import LoginDoor
from socle.services.identity.oidc import Door
from socle.services.identity.provider import Provider
from socle.services.identity.relying_party import Upstream, national_franceconnect
from socle.services.identity.service import IdentityService
from socle.services.identity.wallet import Wallet


def mtls_address(settings: Settings) -> str:
    """Where clients may show a certificate: the TLS port of this host, or nowhere."""
    return f"https://{settings.host}:{settings.tls_port}" if settings.tls_port else ""


def routes(service: IdentityService) -> list[BaseRoute]:
    """Login into the base; its own Pro Santé Connect unless another is configured; FranceConnect in the sandbox."""
    settings = service.base.settings
    secure = mtls_address(settings)
    psc_doors = Door(service, service.psc, secure).routes()
    upstreams = {"psc": service.national or _own_upstream(service, service.psc, psc_doors)}
    found = [*psc_doors, *Wallet(service, secure).routes()]
    citizens = national_franceconnect(service.base)
    if citizens is None and settings.is_sandbox:
        doors = Door(service, service.franceconnect).routes()
        found += [*doors, *FranceConnectPages(service).routes()]
        citizens = _own_upstream(service, service.franceconnect, doors)
    if citizens is not None:
        upstreams["franceconnect"] = citizens
    return [*found, *LoginDoor(service, upstreams).routes()]


def _own_upstream(service: IdentityService, provider: Provider, doors: list[BaseRoute]) -> Upstream:
    return Upstream(
        service.base,
        provider.realm,
        issuer=provider.issuer,
        discovery=provider.issuer + "/.well-known/openid-configuration",
        client_id=OWN_CLIENT_ID,
        client_secret=_register_own_client(service, provider),
        own_doors=doors,
    )


def _register_own_client(service: IdentityService, provider: Provider) -> Callable[[], Awaitable[str]]:
    """Registers the base's pages with its own provider, once a process; all processes derive the same secret."""
    known: list[str] = []

    async def secret() -> str:
        if not known:
            key = await service.base.objects.rings.index_key(owner_key("identity", f"client-{provider.realm.name}"))
            base_url = service.base.settings.base_url
            client = Client(
                client_id=OWN_CLIENT_ID,
                name="Socle",
                secret_sha256=sha256(key.hex()),
                redirect_uris=(f"{base_url}/connexion/retour/{provider.realm.name}",),
                logout_redirect_uris=(f"{base_url}/deconnecte",),
                backchannel_logout_uri=f"{base_url}/connexion/fin/{provider.realm.name}",
                grants=(GRANT_CODE,),
            )
            await provider.clients.add(client, is_own=True)
            known.append(key.hex())
        return known[0]

    return secret
