"""Two operators, mutual TLS, a signed white list, revocation; reports between them."""

import asyncio
import smtplib
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from cryptography import x509

from socle.platform.base import Base, open_base
from socle.platform.clock import system_clock
from socle.platform.settings import Settings
from socle.platform.trust import TrustStore
from socle.sandbox.pki import Credential, KeyPurpose, TestAuthority, ensure_authority
from socle.services.mssante.domain import Envelope, Origin, Recipient
from socle.services.mssante.process import MailServer
from socle.services.mssante.relay import Relay, Route, SmtpCarrier
from socle.services.mssante.service import BASE_ACTOR, MssanteService
from socle.services.mssante.smtp_session import Door
from socle.standards.errors import SocleError
from socle.standards.mail.address import parse_address
from socle.standards.mail.notices import DeliveryReport, read_notice
from socle.standards.mail.whitelist import ListedDomain, write_list

from .conftest import make_box, sign_list

pytestmark = pytest.mark.blackbox

OURS, THEIRS = "ch-a.mssante.fr", "ch-b.mssante.fr"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> TestAuthority:
    return ensure_authority(tmp_path_factory.mktemp("pki"))


class Site(msgspec.Struct):
    service: MssanteService
    server: MailServer
    port: int
    credential: Credential
    stop: Callable[[], Any]

    async def relay_once(self) -> int:
        return await Relay(self.service, self.server._carrier).work_once()

    async def texts(self, address: str) -> list[bytes]:
        box = await self.service.find(address)
        stored = await self.service.rooms.page(box.key, 1)
        return [await self.service.rooms.content(box.key, item) for item in stored]


def context(credential: Credential, pki: TestAuthority, purpose: int, directory: Path) -> ssl.SSLContext:
    made = ssl.SSLContext(purpose)
    chain, key = directory / f"{credential.serial}.pem", directory / f"{credential.serial}.key"
    chain.write_text(credential.chain)
    key.write_text(credential.key)
    made.load_cert_chain(chain, key)
    made.load_verify_locations(cadata=pki.trust_bundle.decode())
    made.check_hostname = False
    made.verify_mode = ssl.CERT_OPTIONAL if purpose == ssl.PROTOCOL_TLS_SERVER else ssl.CERT_REQUIRED
    return made


async def start_site(base: Base, domain: str, pki: TestAuthority, directory: Path) -> Site:
    base = msgspec.structs.replace(base, settings=msgspec.structs.replace(base.settings, mail_domain=domain))
    credential = pki.issue_organisation(
        f"1{abs(hash(domain)) % 10**9:09d}", domain, KeyPurpose.AUTHENTICATION, common_name=f"smtp.{domain}"
    )
    service = MssanteService(base, trust=TrustStore.load(pki.trust_directory))
    server = MailServer(
        service,
        tls=context(credential, pki, ssl.PROTOCOL_TLS_SERVER, directory),
        relay_tls=context(credential, pki, ssl.PROTOCOL_TLS_CLIENT, directory),
        routes={},
    )
    port = await server.listen_smtp(Door.RELAY, "127.0.0.1", 0)

    async def stop() -> None:
        for listener in server._servers:
            listener.close()

    return Site(service, server, port, credential, stop)


@pytest.fixture
async def sites(
    postgres: Any, template_database: str, database_url: str, pki: TestAuthority, tmp_path: Path
) -> AsyncIterator[tuple[Site, Site]]:
    admin = await asyncpg.connect(postgres.url)
    name = database_url.rpartition("/")[2].partition("?")[0] + "_b"
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template_database} STRATEGY FILE_COPY")
    urls = [database_url, database_url.replace(name.removesuffix("_b"), name)]
    bases = [
        await open_base(Settings(data=str(tmp_path / site), database_url=url), url, system_clock)
        for site, url in zip("ab", urls, strict=True)
    ]
    (tmp_path / "tls").mkdir()
    ours = await start_site(bases[0], OURS, pki, tmp_path / "tls")
    theirs = await start_site(bases[1], THEIRS, pki, tmp_path / "tls")
    seal = pki.issue_organisation("1999999999", "ANS", KeyPurpose.SIGNATURE)
    content = sign_list(
        write_list(
            [
                ListedDomain(name=OURS, certificate_dn=ours.credential.subject, updated_on="2026-01-05"),
                ListedDomain(name=THEIRS, certificate_dn=theirs.credential.subject, updated_on="2026-01-05"),
            ]
        ),
        seal,
    )
    for site, other, domain in ((ours, theirs, THEIRS), (theirs, ours, OURS)):
        await site.service.trust_list.load(content)
        assert isinstance(site.server._carrier, SmtpCarrier)
        site.server._carrier._routes[domain] = Route("127.0.0.1", other.port)
    await ours.service.create(BASE_ACTOR, make_box("lea", address=f"lea@{OURS}"))
    await theirs.service.create(BASE_ACTOR, make_box("paul", address=f"paul@{THEIRS}"))
    yield ours, theirs
    for site in (ours, theirs):
        await site.stop()
    for opened in bases:
        await opened.database.close()
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


def an_envelope(recipient: str, notify: str = "") -> Envelope:
    return Envelope(
        sender=parse_address(f"lea@{OURS}"),
        recipients=(Recipient(parse_address(recipient), notify),),
        origin=Origin.SUBMISSION,
        envelope_id="E1",
    )


MESSAGE = f"From: lea@{OURS}\r\nTo: paul@{THEIRS}\r\nSubject: a\r\nMessage-ID: <1@{OURS}>\r\n\r\n.x\r\n".encode()


async def test_a_message_travels_between_operators_with_its_report(sites: tuple[Site, Site]) -> None:
    ours, theirs = sites
    receipt = await ours.service.office.accept(an_envelope(f"paul@{THEIRS}", "SUCCESS,FAILURE"), MESSAGE)
    assert receipt.queued == (f"paul@{THEIRS}",)
    assert await ours.relay_once() == 1
    [content] = await theirs.texts(f"paul@{THEIRS}")
    assert content.endswith(MESSAGE)
    assert await theirs.relay_once() == 1
    [report] = await ours.texts(f"lea@{OURS}")
    notice = read_notice(report)
    assert isinstance(notice, DeliveryReport)
    assert (notice.outcomes[0].action, notice.envelope_id) == ("delivered", "E1")
    assert notice.original_message_id == f"<1@{OURS}>"
    assert await ours.relay_once() == 0


async def test_an_unknown_box_elsewhere_comes_back(sites: tuple[Site, Site]) -> None:
    ours, _ = sites
    await ours.service.office.accept(an_envelope(f"nobody@{THEIRS}"), MESSAGE)
    await ours.relay_once()
    await ours.relay_once()
    [report] = await ours.texts(f"lea@{OURS}")
    notice = read_notice(report)
    assert isinstance(notice, DeliveryReport)
    assert (notice.outcomes[0].action, notice.outcomes[0].status) == ("failed", "5.1.1")


@pytest.mark.parametrize(("revoked", "status"), [(0, b"5.7.1"), (1, b"5.7.5")])
async def test_a_revoked_certificate_of_either_side_is_told_and_the_message_comes_back(
    sites: tuple[Site, Site], pki: TestAuthority, revoked: int, status: bytes
) -> None:
    ours, theirs = sites
    pki.revoke(x509.load_pem_x509_certificate(sites[revoked].credential.certificate.encode()))
    pki.publish()
    await ours.service.office.accept(an_envelope(f"paul@{THEIRS}"), MESSAGE)
    await ours.relay_once()
    await ours.relay_once()
    assert await theirs.texts(f"paul@{THEIRS}") == []
    [report] = await ours.texts(f"lea@{OURS}")
    assert b"CertificateRevoked" in report
    assert status in report


async def test_a_certificate_of_another_operator_is_refused_with_the_entry(
    sites: tuple[Site, Site], pki: TestAuthority, tmp_path: Path
) -> None:
    _, theirs = sites
    stranger = pki.issue_organisation("1888888888", "AUTRE", KeyPurpose.AUTHENTICATION)
    tls = context(stranger, pki, ssl.PROTOCOL_TLS_CLIENT, tmp_path)

    def talk() -> tuple[tuple[int, bytes], tuple[int, bytes], tuple[int, bytes]]:
        with smtplib.SMTP("127.0.0.1", theirs.port) as smtp:
            smtp.starttls(context=tls)
            smtp.ehlo()
            return smtp.mail(f"lea@{OURS}"), smtp.mail("x@inconnu.mssante.fr"), smtp.mail("")

    wrong_name, unlisted, report = await asyncio.to_thread(talk)
    assert wrong_name[0] == 550
    assert OURS.encode() in wrong_name[1]
    assert unlisted == (550, b"5.7.1 Sender domain is not in the white list (inconnu.mssante.fr)")
    assert report[0] == 550


async def test_a_queue_that_cannot_be_emptied_warns_then_gives_up(sites: tuple[Site, Site]) -> None:
    ours, _ = sites
    assert isinstance(ours.server._carrier, SmtpCarrier)
    ours.server._carrier._routes[THEIRS] = Route("127.0.0.1", 1)
    await ours.service.office.accept(an_envelope(f"paul@{THEIRS}"), MESSAGE)
    assert await ours.relay_once() == 1
    assert await ours.relay_once() == 0  # waits for the next attempt
    async with ours.service.base.database.connection() as connection:
        for age in (timedelta(hours=5), timedelta(days=3)):
            await connection.execute(
                "UPDATE mss_queue SET queued_at = now() - $1::interval, next_attempt_at = now()", age
            )
            await ours.relay_once()
        await ours.relay_once()
        assert await connection.fetchval("SELECT count(*) FROM mss_queue") == 0
    notices = [read_notice(text) for text in await ours.texts(f"lea@{OURS}")]
    assert sorted(str(n.outcomes[0].action) for n in notices if isinstance(n, DeliveryReport)) == ["delayed", "failed"]


async def test_an_altered_older_or_wrapped_list_is_refused_and_the_former_stays(
    sites: tuple[Site, Site], pki: TestAuthority
) -> None:
    ours, _ = sites
    seal = pki.issue_organisation("1999999999", "ANS", KeyPurpose.SIGNATURE)
    entries = [ListedDomain(name="evil.mssante.fr", certificate_dn="CN=x", updated_on="2026-02-01")]
    good = sign_list(write_list(entries), seal)
    older = sign_list(write_list([ListedDomain(name=OURS, certificate_dn="CN=x", updated_on="2020-01-01")]), seal)
    namespace = b"https://listeblanche.mssante.fr/schema"
    wrapped = (
        b'<ListeBlanche xmlns="'
        + namespace
        + b'"><Domaine><Nom>a.mssante.fr</Nom></Domaine>'
        + good
        + b"</ListeBlanche>"
    )
    authentication = pki.issue_organisation("1999999999", "ANS", KeyPurpose.AUTHENTICATION)
    for content in (
        good.replace(b"evil", b"ev1l"),
        older,
        write_list(entries),
        wrapped,
        sign_list(write_list(entries), authentication),
    ):
        with pytest.raises(SocleError):
            await ours.service.trust_list.load(content)
    current = await MssanteService(ours.service.base, trust=ours.service.trust).trust_list.current()
    assert current is not None
    assert set(current.domains) == {OURS, THEIRS}
    hospital = pki.issue_organisation("1750987653", "CH TEST", KeyPurpose.SIGNATURE)
    person = pki.issue_professional("810109876549", "MARCHAND", "CAMILLE", purpose=KeyPurpose.SIGNATURE)
    for signer, code in ((hospital, "MSSWhiteListSigner"), (person, "MSSWhiteListSignature")):
        with pytest.raises(SocleError, match=code):
            await ours.service.trust_list.load(sign_list(write_list(entries), signer))
    await ours.service.trust_list.load(good)
    assert set((await ours.service.trust_list.current() or current).domains) == {"evil.mssante.fr"}
    await ours.service.trust_list.load(sign_list(write_list(entries), hospital), by_operator=True)
