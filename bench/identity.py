"""Token endpoint: codes and refresh tokens against RS256 tokens, a second and core; and what a login costs the others.

    python -m bench.identity [--seconds 8] [--clients 16]

One web process of the base serves on a loopback port; clients are other processes. Reported: requests a second, the
same a second of processor time of the web process (that is: per core), latencies of a light request meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import multiprocessing
import os
import secrets
import socket
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import uvicorn
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from starlette.applications import Starlette

from socle.platform.base import open_base
from socle.platform.embedded import EmbeddedPostgres
from socle.platform.migrations import migrate
from socle.platform.settings import Settings
from socle.services.directory.domain import Exercise, Professional
from socle.services.directory.service import DirectoryService
from socle.services.identity.domain import AuthorizationRequest, Client, Means, sha256
from socle.services.identity.routes import routes
from socle.services.identity.service import IdentityService

MIGRATED_PACKAGES = ("socle.platform", "socle.services.directory", "socle.services.identity")
TOKEN = "/auth/realms/esante-wallet/protocol/openid-connect/token"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
CALLBACK = "https://lgc.example/cb"
SECRET = "secret"


async def _service(url: str, folder: str, algorithm: str) -> IdentityService:
    base = await open_base(Settings(data=folder, database_url=url, tls_port=0), url, lambda: datetime.now(UTC))
    directory = DirectoryService(base)
    person = Professional(
        id_nat="810109876549", rpps="10109876549", family="M", given="C", exercises=(Exercise(profession="10"),)
    )
    await directory.load([person])
    service = IdentityService(base, directory)
    client = Client(
        client_id="lgc",
        name="LGC",
        secret_sha256=sha256(SECRET),
        redirect_uris=(CALLBACK,),
        id_token_alg=algorithm,
    )
    await service.psc.clients.add(client)
    return service


def serve(url: str, folder: str, port: int) -> None:
    """The web process."""
    import uvloop

    async def run() -> None:
        service = await _service(url, folder, "RS256")
        config = uvicorn.Config(
            Starlette(routes=routes(service)), port=port, log_level="error", access_log=False, lifespan="off"
        )
        await uvicorn.Server(config).serve()

    uvloop.run(run())


async def make_codes(url: str, folder: str, count: int, algorithm: str) -> list[str]:
    """Codes ready to be redeemed, and no consent page in the way."""
    service = await _service(url, folder, algorithm)
    client = await service.psc.clients.find("lgc")
    assert client is not None
    session, _ = await service.psc.sessions.open("810109876549", Means.ECPS)
    wanted = AuthorizationRequest(
        client=client,
        redirect_uri=CALLBACK,
        scope="openid scope_all",
        state="s",
        nonce=secrets.token_hex(16),
        acr="eidas1",
        code_challenge=CHALLENGE,
        prompt="",
    )

    async def make(_number: int) -> str:
        address = await service.psc.grants.issue_code(wanted, session)
        return address.partition("code=")[2].partition("&")[0]

    codes = []
    for start in range(0, count, 200):
        codes += await asyncio.gather(*(make(number) for number in range(start, min(start + 200, count))))
    await service.base.database.close()
    return codes


async def _post(reader: Any, writer: Any, form: dict[str, str]) -> bytes:
    body = urlencode(form | {"client_id": "lgc", "client_secret": SECRET}).encode()
    writer.write(
        f"POST {TOKEN} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    content: bytes = await reader.readexactly(length)
    assert head.startswith(b"HTTP/1.1 200"), content
    return content


async def drive(port: int, codes: list[str], clients: int, seconds: float) -> tuple[int, list[float]]:
    """Redeems ``codes`` from ``clients`` connections; returns how many, and the latencies of discovery meanwhile."""
    done, light = 0, []
    deadline = time.perf_counter() + seconds
    supply = iter(codes)

    async def work() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        for code in supply:
            if time.perf_counter() > deadline:
                return
            await _post(reader, writer, form | {"code": code})
            done += 1

    async def watch() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        path = "/auth/realms/esante-wallet/.well-known/openid-configuration"
        while time.perf_counter() < deadline and done < len(codes):
            started = time.perf_counter()
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
            light.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(0.02)

    await asyncio.gather(watch(), *(work() for _ in range(clients)))
    return done, light


def bare_signatures() -> float:
    """RSA-2048 signatures a second of processor time, now, on this machine: the ceiling of everything else."""
    key = rsa.generate_private_key(65537, 2048)
    started = time.process_time()
    for _ in range(300):
        key.sign(b"x" * 600, padding.PKCS1v15(), hashes.SHA256())
    return 300 / (time.process_time() - started)


def main(seconds: float, clients: int) -> None:
    with tempfile.TemporaryDirectory(prefix="socle-bench-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        server.start()
        asyncio.run(migrate(server.url, MIGRATED_PACKAGES))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        print(
            f"cores {os.cpu_count()}, load {os.getloadavg()[0]:.1f}; bare RS256: {bare_signatures():.0f} a core-second"
        )
        for algorithm in ("RS256", "ES256"):
            codes = asyncio.run(make_codes(server.url, folder, int(seconds * 500), algorithm))
            web = multiprocessing.get_context("spawn").Process(target=serve, args=(server.url, folder, port))
            web.start()
            process = psutil.Process(web.pid)
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            if algorithm == "ES256":
                asyncio.run(make_codes(server.url, folder, 0, algorithm))
            asyncio.run(drive(port, codes[:100], 4, 5))
            before = sum(process.cpu_times()[:2])
            started = time.perf_counter()
            done, light = asyncio.run(drive(port, codes[100:], clients, seconds))
            elapsed = time.perf_counter() - started
            used = sum(process.cpu_times()[:2]) - before
            light.sort()
            rate, per_core = done / elapsed, done / used
            print(
                f"id_token {algorithm}: {rate:.0f} codes/s, {per_core:.0f} a core-second of the web process", flush=True
            )
            p99 = light[int(len(light) * 0.99)]
            print(f"  discovery meanwhile: p50 {statistics.median(light):.1f} ms, p99 {p99:.1f} ms", flush=True)
            web.terminate()
            web.join()
        server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--clients", type=int, default=16)
    options = parser.parse_args()
    main(options.seconds, options.clients)
