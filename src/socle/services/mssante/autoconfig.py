"""How a mail client finds the operator by itself: Thunderbird's autoconfiguration, and the DNS records to publish.

Source: ECO.1.1.9 (DNS SRV); RFC 6186, 8314; Mozilla autoconfig 1.1.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from lxml import etree
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from socle.platform.settings import Settings

_CACHE = "public, max-age=3600"


def routes(settings: Settings) -> list[BaseRoute]:
    """The document at the two addresses that clients try.

    It names the base's own public host, whatever the request calls it: clients send their tokens there.
    """
    host = urlsplit(settings.base_url).hostname or settings.mail_domain

    async def describe(_request: Request) -> Response:
        return Response(client_config(settings, host), media_type="text/xml", headers={"Cache-Control": _CACHE})

    return [
        Route(path, describe, methods=["GET"])
        for path in ("/.well-known/autoconfig/mail/config-v1.1.xml", "/mail/config-v1.1.xml")
    ]


def client_config(settings: Settings, host: str) -> bytes:
    """The servers of this operator at ``host``, TLS from the start first, then STARTTLS."""
    root = etree.Element("clientConfig", version="1.1")
    provider = etree.SubElement(root, "emailProvider", id=settings.mail_domain)
    etree.SubElement(provider, "domain").text = settings.mail_domain
    etree.SubElement(provider, "displayName").text = f"MSSanté {settings.mail_domain}"
    for tag, kind, doors in (
        ("incomingServer", "imap", ((settings.imaps_port, "SSL"), (settings.imap_port, "STARTTLS"))),
        ("outgoingServer", "smtp", ((settings.submissions_port, "SSL"), (settings.submission_port, "STARTTLS"))),
    ):
        for port, socket in doors:
            if port:
                server = etree.SubElement(provider, tag, type=kind)
                values = {"hostname": host, "port": str(port), "socketType": socket, "username": "%EMAILADDRESS%"}
                for name, value in values.items():
                    etree.SubElement(server, name).text = value
                etree.SubElement(server, "authentication").text = "OAuth2"
                if settings.is_sandbox:
                    etree.SubElement(server, "authentication").text = "password-cleartext"
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def dns_records(settings: Settings, host: str) -> list[str]:
    """The records of the domain's zone: MX for operators, SRV for clients. A port that is off has none."""
    domain = settings.mail_domain
    services = {
        "_imap._tcp": settings.imap_port,
        "_imaps._tcp": settings.imaps_port,
        "_submission._tcp": settings.submission_port,
        "_submissions._tcp": settings.submissions_port,
    }
    srv = [f"{name}.{domain}. 3600 IN SRV 0 1 {port} {host}." for name, port in services.items() if port]
    mx = [f"{one}. 3600 IN MX 10 {host}." for one in (domain, settings.patient_mail_domain)]
    return [*mx, *srv, f"autoconfig.{domain}. 3600 IN CNAME {host}."]
