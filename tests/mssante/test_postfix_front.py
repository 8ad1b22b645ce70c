"""The documented Postfix front, run as documented: mutual TLS, white list by policy, LMTP to the box."""

import asyncio
import os
import re
import shutil
import smtplib
import socket
import ssl
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from socle.platform.base import Base
from socle.platform.clock import system_clock
from socle.platform.trust import TrustStore
from socle.sandbox.pki import Credential, KeyPurpose, TestAuthority, ensure_authority
from socle.services.mssante.policy import decide
from socle.services.mssante.process import MailServer
from socle.services.mssante.service import BASE_ACTOR, MssanteService
from socle.standards.mail.whitelist import ListedDomain, write_list

from .conftest import DOMAIN, make_box, sign_list

DOCS = Path(__file__).parents[2] / "docs/howto/postfix"
PEER = "ch-a.mssante.fr"
PAUL = f"paul@{DOMAIN}"


def loaded(credential: Credential) -> x509.Certificate:
    return x509.load_pem_x509_certificate(credential.certificate.encode())


def mark_of(credential: Credential) -> str:
    """The fingerprint as Postfix writes it."""
    return loaded(credential).fingerprint(SHA256()).hex(":").upper()


class Judged(msgspec.Struct):
    service: MssanteService
    pki: TestAuthority
    peer: Credential

    def request(self, **changes: str) -> dict[str, str]:
        known = mark_of(self.peer)
        return {"encryption_protocol": "TLSv1.3", "ccert_fingerprint": known, "sender": f"x@{PEER}"} | changes


@pytest.fixture
async def judged(base: Base, tmp_path: Path) -> Judged:
    """A service that knows the certificate of the listed peer."""
    base = msgspec.structs.replace(base, clock=system_clock)
    pki = ensure_authority(tmp_path / "pki")
    service = MssanteService(base, trust=TrustStore.load(pki.trust_directory))
    peer = pki.issue_organisation("1888888888", "CH A", KeyPurpose.AUTHENTICATION, common_name=f"smtp.{PEER}")
    entry = ListedDomain(name=PEER, certificate_dn=peer.subject, updated_on="2026-01-01")
    seal = pki.issue_organisation("1999999999", "ANS", KeyPurpose.SIGNATURE)
    await service.trust_list.load(sign_list(write_list([entry]), seal))
    await service.peers.remember(peer.chain.encode())
    return Judged(service, pki, peer)


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({}, "DUNNO"),
        ({"sender": ""}, "DUNNO"),
        ({"sender": "x@inconnu.mssante.fr"}, "550"),
        ({"ccert_fingerprint": "AB:CD"}, "450"),
        ({"ccert_fingerprint": "garbage"}, "450"),
        ({"ccert_fingerprint": ""}, "554"),
        ({"encryption_protocol": ""}, "530"),
        ({"sender": "garbage"}, "550"),
    ],
)
async def test_the_policy_follows_the_white_list(judged: Judged, changes: dict[str, str], answer: str) -> None:
    assert (await decide(judged.service, judged.request(**changes))).startswith(answer)


async def test_the_certificate_of_another_operator_is_told_which_entry_failed(judged: Judged) -> None:
    other = judged.pki.issue_organisation("1777777777", "CH B", KeyPurpose.AUTHENTICATION, common_name=f"smtp.{PEER}")
    await judged.service.peers.remember(other.chain.encode())
    mark = mark_of(other)
    answer = await decide(judged.service, judged.request(ccert_fingerprint=mark))
    assert answer.startswith("550 5.7.1")
    assert PEER in answer


async def test_a_revoked_certificate_is_refused_behind_postfix_too(judged: Judged) -> None:
    judged.pki.revoke(loaded(judged.peer))
    assert await decide(judged.service, judged.request()) == (
        "554 5.7.1 IGC-Sante client certificate missing or refused (CertificateRevoked)"
    )


class Front(msgspec.Struct):
    port: int
    service: MssanteService
    pki: TestAuthority
    directory: Path
    peer: Credential

    def tls(self, credential: Credential) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(cadata=self.pki.trust_bundle.decode())
        chain, key = self.directory / "c.pem", self.directory / "c.key"
        chain.write_text(credential.chain)
        key.write_text(credential.key)
        context.load_cert_chain(chain, key)
        return context


@pytest.fixture
async def front(base: Base) -> AsyncIterator[Front]:
    if os.geteuid() != 0 or shutil.which("postfix") is None:
        pytest.skip("Postfix is not installed, or the test does not run as root")
    directory = Path(tempfile.mkdtemp(prefix="socle-postfix-"))
    os.chmod(directory, 0o755)
    base = msgspec.structs.replace(base, clock=system_clock)
    pki = ensure_authority(directory / "pki")
    service = MssanteService(base, trust=TrustStore.load(pki.trust_directory))
    await service.create(BASE_ACTOR, make_box("paul"))
    peer = pki.issue_organisation("1888888888", "CH A", KeyPurpose.AUTHENTICATION, common_name=f"smtp.{PEER}")
    entry = ListedDomain(name=PEER, certificate_dn=peer.subject, updated_on="2026-01-01")
    seal = pki.issue_organisation("1999999999", "ANS", KeyPurpose.SIGNATURE)
    await service.trust_list.load(sign_list(write_list([entry]), seal))
    await service.peers.remember(peer.chain.encode())
    server = MailServer(service, tls=None)
    spool = directory / "spool"
    (spool / "socle").mkdir(parents=True)
    await server.listen_lmtp(spool / "socle/lmtp")
    for name in ("lmtp", "lmtp.policy"):
        shutil.chown(spool / "socle" / name, "postfix")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    configure(directory, port, pki)
    await postfix(directory, "start")
    for _ in range(50):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            await asyncio.sleep(0.1)
    yield Front(port, service, pki, directory, peer)
    await postfix(directory, "stop")
    for listener_ in server._servers:
        listener_.close()
    shutil.rmtree(directory, ignore_errors=True)


def configure(directory: Path, port: int, pki: TestAuthority) -> None:
    """The documented files, with paths and port of this test and without chroot."""
    for name in ("etc", "data"):
        (directory / name).mkdir()
    own = pki.issue_server(["127.0.0.1"])
    (directory / "key.pem").write_text(own.key)
    (directory / "chain.pem").write_text(own.chain)
    (directory / "igc-sante.pem").write_bytes(pki.trust_bundle)
    main = (DOCS / "main.cf").read_text().replace("/etc/postfix/socle", str(directory))
    main = main.replace("inet_interfaces = all", "inet_interfaces = 127.0.0.1\ninet_protocols = ipv4")
    main = main.replace("unix:socle/", f"unix:{directory}/spool/socle/")
    main += f"queue_directory = {directory}/spool\ndata_directory = {directory}/data\n"
    main += f"maillog_file = {directory}/log\nmaillog_file_prefixes = {directory}\n"
    if "3.7" in subprocess.run(["postconf", "-d", "mail_version"], capture_output=True, text=True).stdout:
        main = main.replace("smtpd_forbid_bare_newline = yes\n", "")
    (directory / "etc/main.cf").write_text(main)
    master = (DOCS / "master.cf").read_text().replace("smtp inet", f"127.0.0.1:{port} inet")
    (directory / "etc/master.cf").write_text(re.sub(r"(?m)^(\S+ \S+ \S+ \S+) y ", r"\1 n ", master))
    shutil.chown(directory / "data", "postfix")


async def postfix(directory: Path, command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "postfix", "-c", str(directory / "etc"), command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    await process.wait()


@pytest.mark.blackbox
async def test_mail_comes_through_postfix_and_the_wrong_sender_is_told(front: Front) -> None:
    def talk() -> tuple[int, bytes]:
        with smtplib.SMTP("127.0.0.1", front.port, timeout=10) as client:
            client.starttls(context=front.tls(front.peer))
            text = f"From: x@{PEER}\r\nTo: {PAUL}\r\nSubject: front\r\nMessage-ID: <f@{PEER}>\r\n\r\nhello\r\n"
            assert client.sendmail(f"x@{PEER}", [PAUL], text.encode()) == {}
            client.mail("x@inconnu.mssante.fr")
            return client.rcpt(PAUL)

    def talk_revoked() -> tuple[int, bytes]:
        with smtplib.SMTP("127.0.0.1", front.port, timeout=10) as client:
            client.starttls(context=front.tls(front.peer))
            client.ehlo()
            client.mail(f"x@{PEER}")
            return client.rcpt(PAUL)

    code, reason = await asyncio.to_thread(talk)
    assert code == 550
    assert b"inconnu.mssante.fr" in reason
    box = await front.service.find(PAUL)
    for _ in range(100):
        if stored := await front.service.rooms.page(box.key, 1):
            break
        await asyncio.sleep(0.1)
    content = await front.service.rooms.content(box.key, stored[0])
    assert b"Subject: front\r\n" in content
    assert content.endswith(b"hello\r\n")
    front.pki.revoke(loaded(front.peer))
    code, reason = await asyncio.to_thread(talk_revoked)
    assert (code, b"CertificateRevoked" in reason) == (554, True)
