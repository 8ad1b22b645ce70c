"""What a hostile document gets out of the printer: no file, no network, no gigabytes."""

from __future__ import annotations

import base64
import http.server
import resource
import struct
import threading
import zlib
from pathlib import Path

import pytest

from socle.standards.cda.render.pdf import MAX_PICTURE_PIXELS, write_pdf

SIDE = 16_000


def picture(side: int) -> str:
    """A PNG of ``side`` by ``side`` black points, small as a file, as a data address."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(9)
    points = b"".join([*(packer.compress(bytes(1 + side * 3)) for _ in range(side)), packer.flush()])
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", points) + chunk(b"IEND", b"")
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def test_a_small_picture_that_unpacks_to_gigabytes_is_not_printed() -> None:
    assert MAX_PICTURE_PIXELS < SIDE * SIDE
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert write_pdf(f"<html lang='fr'><title>t</title><img alt='' src='{picture(SIDE)}'>").startswith(b"%PDF")
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mib < SIDE * SIDE * 3 / 1024 / 1024 / 2


def test_an_ordinary_picture_is_printed() -> None:
    with_picture = write_pdf(f"<html lang='fr'><title>t</title><img alt='' src='{picture(64)}'>")
    assert b"/Image" in with_picture


@pytest.mark.parametrize("tag", ["<img src='{}'>", "<link rel=stylesheet href='{}'>", "<object data='{}'></object>"])
def test_the_printer_reads_no_file_and_calls_nobody(tag: str, tmp_path: Path) -> None:
    asked: list[str] = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    secret = tmp_path / "secret.css"
    secret.write_text("body::after { content: 'un secret' }")
    server = http.server.HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        for address in (f"http://127.0.0.1:{server.server_port}/a", secret.as_uri(), str(secret)):
            write_pdf("<html lang='fr'><title>t</title>" + tag.format(address))
    finally:
        server.shutdown()
    assert asked == []
    printed = write_pdf("<html lang='fr'><title>t</title>" + f"<link rel=stylesheet href='{secret.as_uri()}'>")
    assert len(printed) == len(write_pdf("<html lang='fr'><title>t</title>"))
