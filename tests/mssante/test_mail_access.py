"""Who opens a box by SMTP and IMAP: tokens that end, client certificates; and clients that say anything."""

import base64
import imaplib
import json
import random
import smtplib
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from socle.platform.actor import Actor, ActorKind, AuthenticationMode
from socle.platform.base import Base
from socle.platform.clock import system_clock
from socle.platform.trust import TrustStore
from socle.sandbox.pki import KeyPurpose, ensure_authority
from socle.services.mssante.domain import MailboxKind
from socle.services.mssante.service import BASE_ACTOR, MssanteService
from socle.standards.errors import NotAuthenticated, Text

from .conftest import DOMAIN, make_box

pytestmark = pytest.mark.blackbox

LEA = f"lea@{DOMAIN}"
START = Callable[..., Awaitable[tuple[Any, Callable[[], Awaitable[None]]]]]


def a_token(person: str, ends: datetime) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": int(ends.timestamp()), "person": person}).encode()).decode()
    return f"e30.{claims.rstrip('=')}.sig"


async def verify(token: str) -> Actor:
    """What the identity service does, for tokens of this test."""
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    if claims["exp"] < datetime(2026, 3, 2, 8, 0, tzinfo=UTC).timestamp():
        raise NotAuthenticated("InvalidToken", Text("Expiré.", "Expired."))
    return Actor(
        kind=ActorKind.PROFESSIONAL,
        id=claims["person"],
        name="X",
        authentication=AuthenticationMode.INDIRECTE_RENFORCEE,
    )


def xoauth2(address: str, token: str) -> str:
    return f"user={address}\x01auth=Bearer {token}\x01\x01"


async def test_a_token_opens_the_box_of_its_holder_until_it_ends(start_operator: START, base: Base) -> None:
    operator, stop = await start_operator(service=MssanteService(base, verify_token=verify))
    await operator.service.create(BASE_ACTOR, make_box("lea"))
    ends = base.clock() + timedelta(minutes=2)
    good, stranger = a_token("899700000001", ends), a_token("899700000099", ends)
    expired = a_token("899700000001", datetime(2026, 3, 1, tzinfo=UTC))

    def imap() -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", operator.ports.imap, timeout=10)
        client.starttls(operator.client_tls)
        return client

    def open_and_refuse() -> imaplib.IMAP4:
        for token in (stranger, expired):
            client = imap()
            with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
                client.authenticate("XOAUTH2", lambda challenge, t=token: xoauth2(LEA, t) if not challenge else b"")
            with smtplib.SMTP("127.0.0.1", operator.ports.submission) as smtp:
                smtp.starttls(context=operator.client_tls)
                smtp.ehlo()
                code, challenge = smtp.docmd(
                    "AUTH", f"XOAUTH2 {base64.b64encode(xoauth2(LEA, token).encode()).decode()}"
                )
                assert code == 334
                assert json.loads(base64.b64decode(challenge))["status"] == "401"
                assert smtp.docmd("")[0] == 535
        client = imap()
        response = f"n,a={LEA},\x01auth=Bearer {good}\x01\x01"
        client.authenticate("OAUTHBEARER", lambda _challenge: response)
        assert client.select("INBOX")[0] == "OK"
        with smtplib.SMTP("127.0.0.1", operator.ports.submission) as smtp:
            smtp.starttls(context=operator.client_tls)
            smtp.ehlo()
            smtp.auth("XOAUTH2", lambda _challenge=None: xoauth2(LEA, good))
            smtp.sendmail(LEA, [LEA], f"From: {LEA}\r\nSubject: jeton\r\n\r\nx\r\n".encode())
        return client

    client = await operator.in_thread(open_and_refuse)
    base.clock.move(timedelta(minutes=5))  # type: ignore[attr-defined]

    def after() -> None:
        with pytest.raises(imaplib.IMAP4.abort):
            client.noop()

    await operator.in_thread(after)
    await stop()


async def test_a_certificate_opens_the_applicative_box_bound_to_it(
    start_operator: START, base: Base, tmp_path: Path
) -> None:
    import msgspec

    pki = ensure_authority(tmp_path / "pki")
    base = msgspec.structs.replace(base, clock=system_clock)
    service = MssanteService(base, trust=TrustStore.load(pki.trust_directory))
    operator, stop = await start_operator(service=service)
    operator.server._tls.load_verify_locations(cadata=pki.trust_bundle.decode())
    bound = pki.issue_organisation("1750000001", "CH TEST", KeyPurpose.AUTHENTICATION, common_name="automate")
    other = pki.issue_organisation("1750000001", "CH TEST", KeyPurpose.AUTHENTICATION, common_name="autre")
    box = make_box(
        "labo",
        kind=MailboxKind.APPLICATIVE,
        person_id="",
        structure_id="1750000001",
        certificate_subject=bound.subject,
    )
    await service.create(BASE_ACTOR, box)

    def talk(chain: str, key: str) -> int:
        (tmp_path / "c.pem").write_text(chain)
        (tmp_path / "c.key").write_text(key)
        tls = ssl.create_default_context(cadata="".join(pem_of(operator.client_tls)))
        tls.load_cert_chain(tmp_path / "c.pem", tmp_path / "c.key")
        with smtplib.SMTP("127.0.0.1", operator.ports.submission, timeout=10) as smtp:
            smtp.starttls(context=tls)
            smtp.ehlo()
            assert "EXTERNAL" in smtp.esmtp_features["auth"]
            address = base64.b64encode(f"labo@{DOMAIN}".encode()).decode()
            return smtp.docmd("AUTH", f"EXTERNAL {address}")[0]

    assert await operator.in_thread(lambda: talk(bound.chain, bound.key)) == 235
    assert await operator.in_thread(lambda: talk(other.chain, other.key)) == 535
    await stop()


def pem_of(context: ssl.SSLContext) -> list[str]:
    return [ssl.DER_cert_to_PEM_cert(der) for der in context.get_ca_certs(binary_form=True)]


WORDS = """
SELECT EXAMINE INBOX Archives "" "*" (FLAGS) 1:* * 0 99999999999 UID FETCH STORE COPY MOVE SEARCH +FLAGS.SILENT
(\\Seen \\Deleted $x) BODY[] BODY.PEEK[1.2.HEADER.FIELDS BODY[1.MIME]<0.5> BODY[99] RFC822 ENVELOPE BODYSTRUCTURE
NOT OR SUBJECT "é" TEXT x SINCE 1-Jan-2026 32-Foo-2026 BEFORE HEADER X-A LARGER -1 EXPUNGE CLOSE APPEND {3+} STATUS
(MESSAGES BOGUS) CREATE DELETE RENAME a/b LIST LSUB % GETQUOTAROOT ENABLE CONDSTORE (CHANGEDSINCE 1)
(UNCHANGEDSINCE x) CAPABILITY NOOP ( ) [ ] { } \\ " , : ; ((((((((((( ID NIL UNSELECT IDLE AUTHENTICATE LOGIN STARTTLS
""".split()  # noqa: SIM905


async def test_any_words_get_one_tagged_answer_each_and_no_internal_error(operator: Any) -> None:
    rng = random.Random(7)

    def talk() -> set[str]:
        with smtplib.SMTP("127.0.0.1", operator.ports.submission) as smtp:
            smtp.starttls(context=operator.client_tls)
            smtp.login(LEA, "secret")
            for n in range(3):
                smtp.sendmail(LEA, [LEA], f"From: {LEA}\r\nSubject: n{n}\r\n\r\nx\r\n".encode())
        client = imaplib.IMAP4_SSL("127.0.0.1", operator.ports.imaps, ssl_context=operator.client_tls, timeout=10)
        client.login(LEA, "secret")
        seen = set()
        for n in range(400):
            words = " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 6)))
            words = words.replace("IDLE", "NOOP").replace("{3+}", "{3+}\r\nabc")
            if n % 10 == 0:
                words = "SELECT INBOX"
            client.send(f"t{n} {words}\r\nz{n} NOOP\r\n".encode())
            while True:
                line = client.readline()
                assert line, words
                if line.startswith(f"t{n} ".encode()):
                    seen.add(line.split()[1].decode())
                    assert b"SERVERBUG" not in line, words
                if line.startswith((f"z{n} OK".encode(), f"z{n} BAD".encode(), f"z{n} NO".encode())):
                    break
        return seen

    assert await operator.in_thread(talk) == {"OK", "NO", "BAD"}
