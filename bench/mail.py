"""Messages accepted durably and delivered to a box per second, against Postfix + Dovecot in the same run.

Each side gets the same messages by the same client over the same protocol on loopback: SMTP with a few connections,
each message acknowledged before the next on its connection. Socle: LMTP door on a Unix socket (the door behind a
Postfix front) and submission over TLS. Postfix + Dovecot: SMTP to Postfix, delivered by LMTP to Dovecot; time runs
until the last message is in the box. Both sides fsync. Then IMAP FETCH of 10,000 headers.

    python -m bench.mail [--messages 1500] [--connections 16] [--out bench/results/mail.json]
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import imaplib
import json
import os
import platform
import pwd
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

DOMAIN = "socle.mssante.fr"
BOX = f"lea@{DOMAIN}"
SENDER = f"labo@{DOMAIN}"


def message(number: int, size: int, run: str) -> bytes:
    header = (
        f"From: {SENDER}\r\nTo: {BOX}\r\nSubject: XDM/1.0/DDM+CR {number}\r\nDate: Mon, 02 Mar 2026 08:15:00 +0000\r\n"
        f"Message-ID: <{run}.{number}@{DOMAIN}>\r\nMIME-Version: 1.0\r\nX-MSS-NIL: DEV935997\r\n"
        "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    ).encode()
    line = f"{number:08d}".encode() * 9 + b"ABCD\r\n"
    body = line * max(1, (size - len(header)) // len(line))
    return header + body


class Connection:
    """A minimal SMTP client: the bench measures the server, so the client is as thin as it can be."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def reply(self) -> int:
        while True:
            line = await self.reader.readline()
            if line[3:4] != b"-":
                return int(line[:3])

    async def say(self, line: bytes, wanted: int) -> None:
        self.writer.write(line + b"\r\n")
        code = await self.reply()
        if code != wanted:
            raise RuntimeError(f"{line!r}: {code}")

    async def send(self, content: bytes) -> None:
        self.writer.write(f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{BOX}>\r\nDATA\r\n".encode())
        for wanted in (250, 250, 354):
            code = await self.reply()
            if code != wanted:
                raise RuntimeError(f"expected {wanted}, got {code}")
        self.writer.write(content + b".\r\n")
        await self.writer.drain()
        if (code := await self.reply()) != 250:
            raise RuntimeError(f"not accepted: {code}")


async def burst(open_connection: Callable[[], Awaitable[Connection]], count: int, size: int, connections: int) -> float:
    """Seconds from the first byte to the last acknowledgement."""
    run = os.urandom(4).hex()
    numbers = iter(range(count))
    opened = [await open_connection() for _ in range(connections)]

    async def work(connection: Connection) -> None:
        for number in numbers:
            await connection.send(message(number, size, run))

    start = time.perf_counter()
    await asyncio.gather(*(work(connection) for connection in opened))
    taken = time.perf_counter() - start
    for connection in opened:
        connection.writer.close()
    return taken


def cpu_seconds(*roots: int) -> float:
    """User and system time of the processes and of all that they started, the ended ones included.

    Unlike messages per second it does not depend on what else runs on the machine.
    """
    times: dict[int, tuple[int, int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            times[int(entry.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    known = set(roots)
    while found := {pid for pid, (parent, _) in times.items() if parent in known} - known:
        known |= found
    return sum(times[pid][1] for pid in known if pid in times) / os.sysconf("SC_CLK_TCK")


def fetch_headers(client: imaplib.IMAP4) -> tuple[float, int]:
    client.select("INBOX", readonly=True)
    start = time.perf_counter()
    _, lines = client.uid("FETCH", "1:10000", "(UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)])")
    return time.perf_counter() - start, sum(isinstance(line, tuple) for line in lines)


# --- Socle -----------------------------------------------------------------------------------------------------------


async def bench_socle(arguments: argparse.Namespace, directory: Path) -> dict[str, float]:
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
    from uuid import UUID

    from socle.app import MIGRATED_PACKAGES
    from socle.platform.base import open_base
    from socle.platform.embedded import EmbeddedPostgres
    from socle.platform.migrations import migrate
    from socle.platform.settings import Settings
    from socle.services.mssante.domain import Mailbox, MailboxKind, MailboxState
    from socle.services.mssante.service import BASE_ACTOR, MssanteService

    postgres = EmbeddedPostgres(directory / "postgres")
    postgres.start()
    server: asyncio.subprocess.Process | None = None
    try:
        await migrate(postgres.url, MIGRATED_PACKAGES)
        settings = Settings(data=str(directory), database_url=postgres.url)
        base = await open_base(settings, postgres.url)
        service = MssanteService(base)
        for local, kind in (("lea", MailboxKind.PERSONAL), ("labo", MailboxKind.APPLICATIVE)):
            box = Mailbox(
                key=UUID(int=0),
                address=f"{local}@{DOMAIN}",
                kind=kind,
                state=MailboxState.ACTIVE,
                quota_bytes=10**12,
                created_at=datetime.now(UTC),
                person_id="899700000001" if local == "lea" else "",
                structure_id="1750000001",
            )
            await service.create(BASE_ACTOR, box, password="secret")
        await base.database.close()
        server = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--serve", str(directory), postgres.url, stdout=subprocess.PIPE
        )
        assert server.stdout is not None
        ports = json.loads(await server.stdout.readline())
        database = database_pid(directory)
        results = {}

        async def by_lmtp() -> Connection:
            connection = Connection(*await asyncio.open_unix_connection(ports["lmtp"]))
            await connection.reply()
            await connection.say(b"LHLO bench", 250)
            return connection

        async def by_submission() -> Connection:
            context = ssl.create_default_context(cafile=ports["ca"])
            connection = Connection(*await asyncio.open_connection("127.0.0.1", ports["submissions"], ssl=context))
            await connection.reply()
            await connection.say(b"EHLO bench", 250)
            await connection.say(b"AUTH PLAIN " + base64.b64encode(f"\0{SENDER}\0secret".encode()), 235)
            return connection

        await burst(by_lmtp, 50, 5000, arguments.connections)
        for name, door in (("lmtp", by_lmtp), ("submission_tls", by_submission)):
            for label, size, count in sizes(arguments):
                before = cpu_seconds(server.pid, database)
                taken = await burst(door, count, size, arguments.connections)
                used = cpu_seconds(server.pid, database) - before
                results[f"socle_{name}_{label}_per_s"] = round(count / taken, 1)
                results[f"socle_{name}_{label}_per_core_second"] = round(count / used, 1)
        missing = arguments.headers - await count_messages(postgres.url)
        if missing > 0:
            await burst(by_lmtp, missing, 2000, arguments.connections)

        def fetch() -> tuple[float, int]:
            client = imaplib.IMAP4_SSL(
                "127.0.0.1", ports["imaps"], ssl_context=ssl.create_default_context(cafile=ports["ca"])
            )
            client.login(BOX, "secret")
            fetch_headers(client)
            return fetch_headers(client)

        taken, count = await asyncio.to_thread(fetch)
        results["socle_imap_headers_per_s"] = round(count / taken)
        return results
    finally:
        if server is not None:
            server.terminate()
            await server.wait()
        postgres.stop()


def database_pid(directory: Path) -> int:
    [file] = directory.glob("**/postmaster.pid")
    return int(file.read_text().split()[0])


async def count_messages(url: str) -> int:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM mss_message"))
    finally:
        await connection.close()


async def serve_socle(directory: Path, url: str) -> None:
    """The mail process alone, as the supervisor runs it."""
    import trustme

    from socle.platform.base import open_base
    from socle.platform.settings import Settings
    from socle.services.mssante.process import MailServer
    from socle.services.mssante.service import MssanteService
    from socle.services.mssante.smtp_session import Door

    base = await open_base(Settings(data=str(directory), database_url=url), url)
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", common_name="127.0.0.1").configure_cert(tls)
    (directory / "ca.pem").write_bytes(authority.cert_pem.bytes())
    server = MailServer(MssanteService(base), tls=tls)
    await server.listen_lmtp(directory / "lmtp")
    ports = {
        "submissions": await server.listen_smtp(Door.SUBMISSION, "127.0.0.1", 0, is_implicit_tls=True),
        "imaps": await server.listen_imap("127.0.0.1", 0, is_implicit_tls=True),
        "lmtp": str(directory / "lmtp"),
        "ca": str(directory / "ca.pem"),
    }
    print(json.dumps(ports), flush=True)
    stopping = asyncio.Event()
    import signal

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    await server.run(stopping)


# --- Postfix + Dovecot -----------------------------------------------------------------------------------------------

POSTFIX_MAIN = """
compatibility_level = 3.6
queue_directory = {spool}
data_directory = {directory}/postfix-data
mail_owner = postfix
setgid_group = postdrop
myhostname = bench.local
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
virtual_mailbox_domains = {domain}
virtual_transport = lmtp:unix:{directory}/dovecot/lmtp
lmtp_destination_concurrency_limit = 20
message_size_limit = 31457280
maillog_file = {directory}/postfix.log
maillog_file_prefixes = {directory}
smtpd_recipient_restrictions = permit_mynetworks, reject
"""

POSTFIX_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
lmtp unix - - n - - lmtp
postlog unix-dgram n - n - 1 postlogd
"""

DOVECOT = """
base_dir = {directory}/dovecot
state_dir = {directory}/dovecot
log_path = {directory}/dovecot.log
protocols = lmtp imap
ssl = no
disable_plaintext_auth = no
mail_location = mdbox:{directory}/mail/%u
mail_fsync = always
first_valid_uid = 1
mail_uid = {user}
mail_gid = {group}
passdb {{
  driver = static
  args = password=secret
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={directory}/mail/%u allow_all_users=yes
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
}}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {imap}
  }}
}}
service stats {{
  chroot =
}}
"""


def configure_peers(directory: Path, port: int, imap: int) -> None:
    owner = pwd.getpwnam("mail").pw_name
    values = {"directory": directory, "spool": directory / "spool", "domain": DOMAIN, "port": port, "imap": imap}
    values |= {"user": owner, "group": "mail"}
    directory.chmod(0o755)
    for name in ("spool", "postfix", "postfix-data", "dovecot", "mail"):
        (directory / name).mkdir()
    (directory / "postfix/main.cf").write_text(POSTFIX_MAIN.format(**values))
    (directory / "postfix/master.cf").write_text(POSTFIX_MASTER.format(**values))
    (directory / "dovecot.conf").write_text(DOVECOT.format(**values))
    shutil.chown(directory / "postfix-data", "postfix")
    shutil.chown(directory / "mail", "mail", "mail")


async def command(*words: object) -> None:
    process = await asyncio.create_subprocess_exec(
        *map(str, words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    await process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def bench_peers(arguments: argparse.Namespace, directory: Path) -> dict[str, float]:
    """Postfix + Dovecot with queue and boxes on the same disk; skipped when they are not installed or not root."""
    if os.geteuid() != 0 or not shutil.which("postfix") or not shutil.which("dovecot"):
        return {}
    port, imap = free_port(), free_port()
    etc = directory / "postfix"
    configure_peers(directory, port, imap)
    await command("dovecot", "-c", directory / "dovecot.conf")
    await command("postfix", "-c", etc, "start")
    try:

        async def by_smtp() -> Connection:
            connection = Connection(*await asyncio.open_connection("127.0.0.1", port))
            await connection.reply()
            await connection.say(b"EHLO bench", 250)
            return connection

        def peers() -> list[int]:
            files = (directory / "spool/pid/master.pid", directory / "dovecot/master.pid")
            return [int(file.read_text()) for file in files]

        def login() -> imaplib.IMAP4:
            client = imaplib.IMAP4("127.0.0.1", imap)
            client.login(BOX, "secret")
            return client

        async def delivered(wanted: int) -> None:
            client = await asyncio.to_thread(login)
            for _ in range(2000):
                _, [count] = await asyncio.to_thread(client.select, "INBOX")
                if int(count) >= wanted:
                    return
                await asyncio.sleep(0.05)
            raise RuntimeError("Postfix did not deliver")

        results = {}
        total = 50
        await burst(by_smtp, 50, 5000, arguments.connections)
        await delivered(total)
        for label, size, count in sizes(arguments):
            start, before = time.perf_counter(), cpu_seconds(*peers())
            accepted = await burst(by_smtp, count, size, arguments.connections)
            total += count
            await delivered(total)
            used = cpu_seconds(*peers()) - before
            results[f"postfix_dovecot_{label}_per_core_second"] = round(count / used, 1)
            results[f"postfix_accepted_{label}_per_s"] = round(count / accepted, 1)
            results[f"postfix_dovecot_{label}_per_s"] = round(count / (time.perf_counter() - start), 1)

        async def by_lmtp() -> Connection:
            connection = Connection(*await asyncio.open_unix_connection(directory / "dovecot/lmtp"))
            await connection.reply()
            await connection.say(b"LHLO bench", 250)
            return connection

        if total < arguments.headers:
            await burst(by_lmtp, arguments.headers - total, 2000, arguments.connections)

        def fetch() -> tuple[float, int]:
            client = login()
            fetch_headers(client)
            return fetch_headers(client)

        taken, count = await asyncio.to_thread(fetch)
        results["dovecot_imap_headers_per_s"] = round(count / taken)
        return results
    finally:
        await command("postfix", "-c", etc, "stop")
        await command("doveadm", "-c", directory / "dovecot.conf", "stop")


def sizes(arguments: argparse.Namespace) -> list[tuple[str, int, int]]:
    return [("5KiB", 5 * 1024, arguments.messages), ("100KiB", 100 * 1024, arguments.messages // 3)]


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        import uvloop

        uvloop.run(serve_socle(Path(sys.argv[2]), sys.argv[3]))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=1500)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--headers", type=int, default=10_000)
    parser.add_argument("--only", choices=["socle", "peers"])
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    results: dict[str, object] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{os.cpu_count()} vCPU, {platform.machine()}, Python {platform.python_version()}",
        "messages": arguments.messages,
        "connections": arguments.connections,
        "load_average": os.getloadavg()[0],
    }
    for name, bench in (("socle", bench_socle), ("peers", bench_peers)):
        if arguments.only in {None, name}:
            directory = Path(tempfile.mkdtemp(prefix=f"bench-mail-{name}-"))
            try:
                results |= asyncio.run(bench(arguments, directory))
            finally:
                shutil.rmtree(directory, ignore_errors=True)
    for label in ("5KiB", "100KiB"):
        ours, theirs = results.get(f"socle_lmtp_{label}_per_s"), results.get(f"postfix_dovecot_{label}_per_s")
        if isinstance(ours, float) and isinstance(theirs, float):
            results[f"ratio_{label}"] = round(ours / theirs, 2)
        ours = results.get(f"socle_lmtp_{label}_per_core_second")
        theirs = results.get(f"postfix_dovecot_{label}_per_core_second")
        if isinstance(ours, float) and isinstance(theirs, float):
            results[f"ratio_cpu_{label}"] = round(ours / theirs, 2)
    text = json.dumps(results, indent=2)
    print(text)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
