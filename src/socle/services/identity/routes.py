"""All doors of the identity service."""

from __future__ import annotations

from starlette.routing import BaseRoute

from socle.platform.settings import Settings
from socle.services.identity.franceconnect import FranceConnectPages
from socle.services.identity.oidc import Door
from socle.services.identity.service import IdentityService
from socle.services.identity.wallet import Wallet


def mtls_address(settings: Settings) -> str:
    """Where clients may show a certificate: the TLS port of this host, or nowhere."""
    return f"https://{settings.host}:{settings.tls_port}" if settings.tls_port else ""


def routes(service: IdentityService) -> list[BaseRoute]:
    """Pro Santé Connect; in the sandbox, FranceConnect too."""
    settings = service.base.settings
    secure = mtls_address(settings)
    found = [*Door(service, service.psc, secure).routes(), *Wallet(service, secure).routes()]
    if settings.is_sandbox:
        found += [*Door(service, service.franceconnect).routes(), *FranceConnectPages(service).routes()]
    return found
