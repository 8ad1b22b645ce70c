"""A live base and its mail servers: crash during a burst, other people's clients, the command line."""

import asyncio
import contextlib
import imaplib
import json
import os
import shutil
import signal
import smtplib
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from socle.platform.base import open_base
from socle.platform.embedded import EmbeddedPostgres
from socle.platform.migrations import migrate
from socle.platform.settings import Settings
from socle.services.mssante.domain import MailboxKind
from socle.services.mssante.service import BASE_ACTOR, MssanteService

from .conftest import DOMAIN, make_box

pytestmark = pytest.mark.blackbox

ROOT = Path(__file__).parents[2]
BENCH = "bench.mail"
LEA = f"lea@{DOMAIN}"
LABO = f"labo@{DOMAIN}"
#: Messages of the burst; 5,000 in the full run.
BURST = int(os.environ.get("SOCLE_TEST_BURST", "240"))


class MailProcess:
    """The mail servers in a process that can be killed, on a PostgreSQL that survives it."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory, self.url = directory, url
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", BENCH, "--serve", str(self.directory), self.url],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        self.ports: dict[str, Any] = json.loads(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ports["ca"])


@pytest.fixture(scope="module")
def mail() -> Iterator[MailProcess]:
    directory = Path(tempfile.mkdtemp(prefix="socle-mail-"))
    postgres = EmbeddedPostgres(directory / "postgres")
    postgres.start()
    running: MailProcess | None = None
    try:
        asyncio.run(prepare(postgres.url, directory))
        running = MailProcess(directory, postgres.url)
        yield running
    finally:
        if running is not None:
            running.kill()
        postgres.stop()
        shutil.rmtree(directory, ignore_errors=True)


async def prepare(url: str, directory: Path) -> None:
    from socle.app import MIGRATED_PACKAGES

    await migrate(url, MIGRATED_PACKAGES)
    base = await open_base(Settings(data=str(directory), database_url=url), url)
    service = MssanteService(base)
    await service.create(BASE_ACTOR, make_box("lea"), password="secret")
    await service.create(
        BASE_ACTOR,
        make_box("labo", kind=MailboxKind.APPLICATIVE, person_id="", structure_id="1750000001"),
        password="secret",
    )
    await base.database.close()


def send_burst(mail: MailProcess, numbers: list[int], accepted: set[int]) -> None:
    """Sends each message, again and again until it is accepted, as any mail client does."""
    with contextlib.suppress(smtplib.SMTPException, OSError):
        client = smtplib.LMTP(str(mail.ports["lmtp"]))
        client.ehlo("burst")
        for number in numbers:
            if number not in accepted:
                text = (
                    f"From: {LABO}\r\nTo: {LEA}\r\nSubject: burst {number}\r\nMessage-ID: <b{number}@x.fr>\r\n\r\nx\r\n"
                )
                if client.sendmail(LABO, [LEA], text.encode()) == {}:
                    accepted.add(number)


def test_a_kill_during_a_burst_loses_nothing_and_doubles_nothing(mail: MailProcess) -> None:
    from concurrent.futures import ThreadPoolExecutor

    slices = [list(range(start, BURST, 4)) for start in range(4)]
    accepted: set[int] = set()
    kills = 0
    end = time.monotonic() + max(60, BURST / 10)
    with ThreadPoolExecutor(4) as pool:
        while len(accepted) < BURST and time.monotonic() < end:
            jobs = [pool.submit(send_burst, mail, numbers, accepted) for numbers in slices]
            if kills < 3:
                time.sleep(0.7)
                mail.kill()
                kills += 1
                for job in jobs:
                    job.result()
                mail.start()
            else:
                for job in jobs:
                    job.result()
    assert len(accepted) == BURST
    client = imaplib.IMAP4_SSL("127.0.0.1", mail.ports["imaps"], ssl_context=mail.tls)
    client.login(LEA, "secret")
    client.select("INBOX", readonly=True)
    _, lines = client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    subjects = sorted(int(line[1].split()[-1]) for line in lines if isinstance(line, tuple) and b"burst" in line[1])
    assert subjects == list(range(BURST))
    client.logout()


@pytest.mark.skipif(shutil.which("swaks") is None, reason="swaks is not installed")
def test_swaks_submits_over_tls(mail: MailProcess) -> None:
    command = ["swaks", "--server", f"127.0.0.1:{mail.ports['submissions']}", "--tls-on-connect", "--auth", "PLAIN"]
    command += ["--auth-user", LABO, "--auth-password", "secret", "--from", LABO, "--to", LEA, "--h-Subject", "swaks"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "250 2.6.0 Accepted" in done.stdout


@pytest.mark.skipif(shutil.which("mbsync") is None, reason="mbsync is not installed")
def test_mbsync_mirrors_the_box_both_ways(mail: MailProcess, tmp_path: Path) -> None:
    folder = tmp_path / "maildir"
    folder.mkdir()
    (tmp_path / "rc").write_text(f"""
IMAPStore far
Host 127.0.0.1
Port {mail.ports["imaps"]}
User {LABO}
Pass secret
SSLType IMAPS
CertificateFile {mail.ports["ca"]}

MaildirStore near
Path {folder}/
Inbox {folder}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
""")
    client = imaplib.IMAP4_SSL("127.0.0.1", mail.ports["imaps"], ssl_context=mail.tls)
    client.login(LABO, "secret")
    client.append("INBOX", "(\\Flagged)", None, b"From: a@b.fr\r\nSubject: far\r\nMessage-ID: <far@x>\r\n\r\nbody\r\n")
    near = folder / "INBOX"

    def sync() -> None:
        done = subprocess.run(
            ["mbsync", "-c", str(tmp_path / "rc"), "all"],
            capture_output=True,
            text=True,
            timeout=60,
            env=os.environ | {"HOME": str(tmp_path)},
        )
        assert done.returncode == 0, done.stderr[-2000:]

    sync()
    [mirrored] = [*near.glob("cur/*"), *near.glob("new/*")]
    assert b"Subject: far" in mirrored.read_bytes()
    (near / "cur" / "1.near.host:2,S").write_bytes(b"From: a@b.fr\nSubject: near\nMessage-ID: <near@x>\n\nbody\n")
    base, _, flags = mirrored.name.partition(":2,")
    mirrored.rename(near / "cur" / f"{base}:2,{''.join(sorted({*flags, 'S'}))}")
    sync()
    client.select("INBOX")
    _, lines = client.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    texts = [line[0] + line[1] for line in lines if isinstance(line, tuple)]
    assert any(b"near" in text and b"\\Seen" in text for text in texts)
    assert any(b"far" in text and b"\\Seen" in text and b"\\Flagged" in text for text in texts)
    client.logout()


async def test_the_traces_tell_each_message_once(mail: MailProcess) -> None:
    connection = await asyncpg.connect(mail.url)
    try:
        rows = await connection.fetch(
            "SELECT message_hash, count(*) AS n FROM mss_trace WHERE action = 'receive' GROUP BY 1 HAVING count(*) > 1"
        )
        assert rows == []
    finally:
        await connection.close()
