"""A mail client configures itself: Thunderbird's document, and the DNS records of the operator."""

import httpx
import msgspec
from lxml import etree
from starlette.applications import Starlette

from socle.platform.settings import Settings
from socle.services.mssante.autoconfig import dns_records, routes

SETTINGS = Settings(
    public_url="https://mail.ch-a.fr:8443", imap_port=2143, imaps_port=993, submission_port=0, submissions_port=465
)


async def test_thunderbird_finds_the_doors_that_are_open_and_how_to_prove_oneself() -> None:
    transport = httpx.ASGITransport(app=Starlette(routes=routes(SETTINGS)))
    async with httpx.AsyncClient(transport=transport, base_url="https://autoconfig.ch-a.fr") as client:
        answer = await client.get("/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=lea@socle.mssante.fr")
        assert answer.content == (await client.get("/mail/config-v1.1.xml")).content
    root = etree.fromstring(answer.content)
    servers = [
        (server.get("type"), server.findtext("hostname"), server.findtext("port"), server.findtext("socketType"))
        for server in root.iter("incomingServer", "outgoingServer")
    ]
    assert servers == [
        ("imap", "mail.ch-a.fr", "993", "SSL"),
        ("imap", "mail.ch-a.fr", "2143", "STARTTLS"),
        ("smtp", "mail.ch-a.fr", "465", "SSL"),
    ]
    assert {item.text for item in root.iter("authentication")} == {"OAuth2", "password-cleartext"}
    production = Starlette(routes=routes(msgspec.structs.replace(SETTINGS, environment="production")))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=production), base_url="https://a") as client:
        assert b"password" not in (await client.get("/mail/config-v1.1.xml")).content


def test_a_door_that_is_off_has_no_record() -> None:
    records = dns_records(SETTINGS, "mail.ch-a.fr")
    assert "_imaps._tcp.socle.mssante.fr. 3600 IN SRV 0 1 993 mail.ch-a.fr." in records
    assert not [record for record in records if record.startswith("_submission.")]
    assert "patient.mssante.fr. 3600 IN MX 10 mail.ch-a.fr." in records
