"""SMTP and IMAP over real sockets, with the clients of the standard library and hostile bytes."""

import asyncio
import imaplib
import smtplib
import socket
import time
from email.message import EmailMessage

import pytest

from socle.services.mssante.antivirus import ClamAntivirus
from socle.standards.mail.read import read_mail

pytestmark = pytest.mark.blackbox

DOMAIN = "socle.mssante.fr"
LEA, PAUL = f"lea@{DOMAIN}", f"paul@{DOMAIN}"


def a_message(subject: str = "Bonjour", *, sender: str = LEA, body: str = "Corps\n") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, PAUL, subject
    message["Message-ID"] = f"<{subject.encode().hex()}@{DOMAIN}>"
    message["X-MSS-NIL"] = "DEV1"
    message.set_content(body)
    return message


def smtp_of(operator, address: str = LEA) -> smtplib.SMTP:  # type: ignore[no-untyped-def]
    client = smtplib.SMTP("127.0.0.1", operator.ports.submission, timeout=10)
    client.starttls(context=operator.client_tls)
    client.login(address, "secret")
    return client


def imap_of(operator, address: str = PAUL) -> imaplib.IMAP4:  # type: ignore[no-untyped-def]
    client = imaplib.IMAP4("127.0.0.1", operator.ports.imap, timeout=10)
    client.starttls(operator.client_tls)
    client.login(address, "secret")
    return client


async def test_what_smtplib_sends_imaplib_reads(operator) -> None:  # type: ignore[no-untyped-def]
    def talk() -> bytes:
        with smtp_of(operator) as smtp:
            assert smtp.send_message(a_message("Été")) == {}
        imap = imap_of(operator)
        assert imap.select("INBOX") == ("OK", [b"1"])
        _, [(_, content), _] = imap.fetch("1", "(UID FLAGS BODY[])")
        _, flags = imap.fetch("1", "(FLAGS)")
        assert b"\\Seen" in flags[0]
        imap.logout()
        return bytes(content)

    mail = read_mail(await operator.in_thread(talk))
    assert (mail.subject, mail.text, mail.product) == ("Été", "Corps\n", "DEV1")


async def test_a_session_like_thunderbirds(operator) -> None:  # type: ignore[no-untyped-def]
    def talk() -> None:
        with smtp_of(operator) as smtp:
            for n in range(5):
                smtp.send_message(a_message(f"message {n}", body="x" * (n * 1000) + "\n"))
        imap = imap_of(operator)
        assert {"IDLE", "UIDPLUS", "MOVE", "SPECIAL-USE", "CONDSTORE"} <= set(imap.capability()[1][0].decode().split())
        assert imap.namespace()[0] == "OK"
        _, folders = imap.list()
        assert b'(\\HasNoChildren \\Sent) "/" "Envoy&AOk-s"' in folders
        assert imap.create("Projets/2026")[0] == "OK"
        assert imap.lsub()[0] == "OK"
        assert imap.status("INBOX", "(MESSAGES UNSEEN UIDNEXT UIDVALIDITY HIGHESTMODSEQ)")[0] == "OK"
        imap.select("INBOX")
        status, lines = imap.uid(
            "FETCH", "1:*", "(UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (From To Cc Subject Date Message-ID)])"
        )
        assert status == "OK"
        assert len([line for line in lines if isinstance(line, tuple)]) == 5
        assert all(
            b"Subject: message" in line[1] and b"MIME" not in line[1] for line in lines if isinstance(line, tuple)
        )
        assert imap.uid("STORE", "1:2", "+FLAGS", "(\\Deleted)")[0] == "OK"
        assert imap.uid("COPY", "3", "Projets/2026")[0] == "OK"
        assert imap.expunge() == ("OK", [b"2", b"1"])
        assert imap.uid("SEARCH", None, "ALL") == ("OK", [b"3 4 5"])
        assert imap.uid("SEARCH", "SUBJECT", '"message 4"') == ("OK", [b"5"])
        assert imap.search(None, "NOT", "SUBJECT", '"message 4"', "BODY", "xxxx") == ("OK", [b"1 2"])
        assert imap.search(None, "OR", "UID", "4", "LARGER", "4000") == ("OK", [b"2 3"])
        assert imap.uid("MOVE", "4", "Corbeille")[0] == "OK"
        assert imap.search(None, "UNSEEN", "SINCE", "1-Mar-2026") == ("OK", [b"1 2"])
        status, [appended] = imap.append("Brouillons", "(\\Draft)", None, b"Subject: brouillon\n\nx\n")
        assert b"APPENDUID" in appended
        assert imap.select("Brouillons", readonly=True) == ("OK", [b"1"])
        _, [(_, body), _] = imap.fetch("1", "(BODY.PEEK[TEXT]<0.1>)")
        assert body == b"x"
        _, [structure] = imap.fetch("1", "(ENVELOPE BODYSTRUCTURE)")
        assert b'"brouillon"' in structure
        assert b'("TEXT" "PLAIN" ("CHARSET" "us-ascii") NIL NIL "7BIT" 3 1' in structure
        assert imap.store("1", "+FLAGS", "\\Seen")[0] == "NO"
        assert imap.getquotaroot("INBOX")[0] == "OK"
        imap.unselect()
        imap.logout()

    await operator.in_thread(talk)


async def test_idle_tells_of_a_message_that_arrives(operator) -> None:  # type: ignore[no-untyped-def]
    def talk() -> bytes:
        imap = imap_of(operator)
        imap.select("INBOX")
        imap.send(b"x1 IDLE\r\n")
        assert imap.readline().startswith(b"+")
        with smtp_of(operator) as smtp:
            smtp.send_message(a_message())
        told = imap.readline()
        imap.send(b"DONE\r\n")
        assert imap.readline().startswith(b"x1 OK")
        return told

    assert await operator.in_thread(talk) == b"* 1 EXISTS\r\n"


async def test_another_session_sees_flags_and_expunges(operator) -> None:  # type: ignore[no-untyped-def]
    def talk() -> None:
        with smtp_of(operator) as smtp:
            for n in range(3):
                smtp.send_message(a_message(f"m{n}"))
        one, two = imap_of(operator), imap_of(operator)
        one.select("INBOX")
        two.select("INBOX")
        one.store("2", "+FLAGS", "(\\Flagged)")
        one.store("1", "+FLAGS", "(\\Deleted)")
        one.expunge()
        two.noop()
        assert two.response("EXPUNGE") == ("EXPUNGE", [b"1"])
        _, lines = two.fetch("1:*", "(UID FLAGS)")
        assert lines[-2:] == [b"1 (UID 2 FLAGS (\\Flagged))", b"2 (UID 3 FLAGS ())"]

    await operator.in_thread(talk)


async def test_a_submission_in_another_name_is_refused(operator) -> None:  # type: ignore[no-untyped-def]
    def talk() -> None:
        with smtp_of(operator) as smtp:
            with pytest.raises(smtplib.SMTPSenderRefused):
                smtp.sendmail(PAUL, [PAUL], b"Subject: a\r\n\r\n")
            smtp.rset()
            with pytest.raises(smtplib.SMTPDataError) as refusal:
                smtp.sendmail(LEA, [PAUL], f"From: {PAUL}\r\nSubject: a\r\n\r\n".encode())
            assert refusal.value.smtp_code == 550
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                smtp.sendmail(LEA, ["x@gmail.com"], b"")
        with smtplib.SMTP("127.0.0.1", operator.ports.submission) as plain:
            plain.ehlo()
            assert "auth" not in plain.esmtp_features
            assert plain.mail(LEA)[0] == 530
        with smtplib.SMTP("127.0.0.1", operator.ports.submission) as wrong:
            wrong.starttls(context=operator.client_tls)
            with pytest.raises(smtplib.SMTPAuthenticationError):
                wrong.login(LEA, "wrong")

    await operator.in_thread(talk)


async def test_a_stranger_cannot_relay(operator) -> None:  # type: ignore[no-untyped-def]
    def talk() -> None:
        with smtplib.SMTP("127.0.0.1", operator.ports.relay) as smtp:
            smtp.ehlo()
            assert smtp.mail("x@ch.mssante.fr") == (530, b"5.7.0 Must issue a STARTTLS command first")
            smtp.starttls(context=operator.client_tls)
            smtp.ehlo()
            code, text = smtp.mail("x@ch.mssante.fr")
            assert (code, text[:5]) == (550, b"5.7.1")

    await operator.in_thread(talk)


def raw(port: int, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause_s)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while data := connection.recv(65536):
            received += data
        return received


async def test_commands_slipped_before_tls_are_refused(operator) -> None:  # type: ignore[no-untyped-def]
    smtp = await operator.in_thread(
        lambda: raw(operator.ports.submission, b"EHLO a.fr\r\nSTARTTLS\r\nMAIL FROM:<a@b.fr>\r\n")
    )
    assert smtp.endswith(b"554 5.5.1 Bytes sent before TLS\r\n")
    imap = await operator.in_thread(lambda: raw(operator.ports.imap, b"a STARTTLS\r\nb NOOP\r\n"))
    assert imap.endswith(b"a BAD Bytes sent before TLS\r\n")


@pytest.mark.parametrize("noise", [b"\xff\xfe\x00" * 500, b"A" * 100_000, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 30])
async def test_garbage_ends_its_connection_alone(operator, noise: bytes) -> None:  # type: ignore[no-untyped-def]
    def talk() -> None:
        for port in (operator.ports.submission, operator.ports.relay, operator.ports.imap):
            try:
                answer = raw(port, noise)
            except ConnectionError:
                continue
            assert len(answer) < 10_000
        imap_of(operator).logout()

    await operator.in_thread(talk)


async def test_a_message_over_the_limit_is_refused_by_size_and_by_bytes(operator) -> None:  # type: ignore[no-untyped-def]
    def talk() -> None:
        with smtp_of(operator) as smtp:
            assert smtp.mail(LEA, ["SIZE=99999999"])[0] == 552
            smtp.rset()
            smtp.mail(LEA)
            smtp.rcpt(PAUL)
            smtp.putcmd("data")
            smtp.getreply()
            for _ in range(33):
                smtp.sock.sendall((b"x" * 898 + b"\r\n") * 1200)
            smtp.sock.sendall(b".\r\n")
            assert smtp.getreply() == (552, b"5.3.4 Message is too big")
            assert smtp.noop()[0] == 250

    await operator.in_thread(talk)


async def test_a_hundred_idle_connections_do_not_stop_mail(operator) -> None:  # type: ignore[no-untyped-def]
    def talk() -> None:
        held = [socket.create_connection(("127.0.0.1", operator.ports.relay)) for _ in range(260)]
        try:
            time.sleep(0.3)
            greetings = []
            for connection in held:
                connection.settimeout(2)
                greetings.append(connection.recv(100)[:3])
            assert greetings.count(b"220") == 250
            assert greetings.count(b"421") == 10
            imap_of(operator).logout()
        finally:
            for connection in held:
                connection.close()

    await operator.in_thread(talk)


async def test_lmtp_answers_for_each_recipient(operator) -> None:  # type: ignore[no-untyped-def]
    def talk() -> list[tuple[int, bytes]]:
        with smtplib.LMTP(str(operator.lmtp)) as lmtp:
            lmtp.ehlo()
            lmtp.mail("x@ch.mssante.fr")
            assert lmtp.rcpt(f"nobody@{DOMAIN}")[0] == 550
            lmtp.rcpt(PAUL)
            lmtp.rcpt(LEA)
            lmtp.putcmd("data")
            lmtp.getreply()
            lmtp.send(b"From: x@ch.mssante.fr\r\nSubject: a\r\n\r\nb\r\n.\r\n")
            return [lmtp.getreply(), lmtp.getreply()]

    assert [code for code, _ in await operator.in_thread(talk)] == [250, 250]
    assert len(await operator.service.rooms.rows((await operator.service.find(LEA)).key, 1)) == 1


EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


async def fake_clamd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The INSTREAM side of clamd, which knows one signature."""
    assert await reader.readexactly(10) == b"zINSTREAM\0"
    content = b""
    while size := int.from_bytes(await reader.readexactly(4), "big"):
        content += await reader.readexactly(size)
    writer.write(b"stream: Eicar-Signature FOUND\0" if EICAR.encode() in content else b"stream: OK\0")
    await writer.drain()
    writer.close()


async def test_a_virus_is_refused_and_kept_apart(start_operator, base) -> None:  # type: ignore[no-untyped-def]
    from socle.services.mssante.service import BASE_ACTOR

    from .conftest import make_box

    clamd = await asyncio.start_server(fake_clamd, "127.0.0.1", 0)
    port = clamd.sockets[0].getsockname()[1]
    operator, stop = await start_operator(antivirus=ClamAntivirus(f"127.0.0.1:{port}"))
    for local in ("lea", "paul"):
        await operator.service.create(BASE_ACTOR, make_box(local), password="secret")

    def talk() -> None:
        with smtp_of(operator) as smtp:
            smtp.send_message(a_message("sain"))
            with pytest.raises(smtplib.SMTPDataError) as refusal:
                smtp.send_message(a_message("infecté", body=EICAR))
            assert refusal.value.smtp_code == 554
            clamd.close()

    await operator.in_thread(talk)
    async with base.database.connection() as connection:
        assert await connection.fetchval("SELECT signature FROM mss_quarantine") == "Eicar-Signature"
    await clamd.wait_closed()
    with pytest.raises(smtplib.SMTPDataError) as waits:
        await operator.in_thread(lambda: smtp_of(operator).send_message(a_message("sans antivirus")))
    assert waits.value.smtp_code == 451
    await stop()
