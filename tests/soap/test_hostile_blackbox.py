"""What an attacker sends to the SOAP door of a live base: each refused fast, as a fault, with bounded memory."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest
from lxml import etree

from socle.standards.soap import read_fault, read_message
from socle.standards.soap.names import SOAP

if TYPE_CHECKING:
    from tests.conftest import RunningBase  # type: ignore[import-not-found]

pytestmark = pytest.mark.blackbox

PATH = "/si-dmp-server/v2/services/repository"
PLAIN = "application/soap+xml; charset=UTF-8"
MTOM = 'multipart/related; boundary="b"; type="application/xop+xml"; start="<0.1>"'


def envelope(body: str) -> str:
    return f'<s:Envelope xmlns:s="{SOAP}"><s:Header/><s:Body>{body}</s:Body></s:Envelope>'


BOMB = (
    "<!DOCTYPE r [<!ENTITY a 'aaaaaaaaaa'>"
    + "".join(f"<!ENTITY {chr(98 + i)} '{('&' + chr(97 + i) + ';') * 10}'>" for i in range(12))
    + "]>"
)
PART = "--b\r\nContent-ID: <0.1>\r\nContent-Type: application/xop+xml\r\n\r\n"

HOSTILE = {
    "external entity": (PLAIN, '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + envelope("<a>&x;</a>")),
    "external DTD": (PLAIN, '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd">' + envelope("<a/>")),
    "entity bomb": (PLAIN, BOMB + envelope("<a b='&l;'>&l;</a>")),
    "ten thousand deep": (PLAIN, envelope("<a>" * 10_000 + "</a>" * 10_000)),
    "a million attributes": (PLAIN, envelope("<a " + " ".join(f"b{i}='1'" for i in range(1_000_000)) + "/>")),
    "truncated package": (MTOM, PART + envelope("<a/>")),
    "broken boundary": (MTOM, (PART + envelope("<a/>") + "\r\n--b--").replace("--b", "--c")),
    "root that is not there": (MTOM.replace("0.1", "9"), PART + envelope("<a/>") + "\r\n--b--\r\n"),
    "wrong charset": ("application/soap+xml; charset=UTF-16", envelope("<a/>")),
    "unknown charset": ("application/soap+xml; charset=klingon", envelope("<a/>")),
    "nothing": (PLAIN, ""),
    "not XML": (PLAIN, "{}"),
    "SOAP 1.1": (PLAIN, envelope("<a/>").replace(SOAP, "http://schemas.xmlsoap.org/soap/envelope/")),
    "another media type": ("application/json", "{}"),
    "unknown operation": (PLAIN, envelope("<a/>")),
    "no assertion": (PLAIN, envelope('<x:RetrieveDocumentSetRequest xmlns:x="urn:ihe:iti:xds-b:2007"/>')),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_message_meets_a_fault_at_once(running_base: RunningBase, name: str) -> None:
    content_type, body = HOSTILE[name]
    started = time.monotonic()
    response = httpx.post(
        running_base.url + PATH, content=body.encode(), headers={"content-type": content_type}, timeout=20
    )
    assert time.monotonic() - started < 5
    assert response.status_code in (413, 415, 500)
    fault = read_fault(read_message(response.content, response.headers["content-type"]).body)
    assert fault is not None
    assert fault.reason.fr
    assert fault.reason.en
    assert b"Traceback" not in response.content
    assert b"root:" not in response.content


def test_two_gigabytes_are_refused_before_they_are_sent(running_base: RunningBase) -> None:
    address = urlsplit(running_base.url)
    assert address.hostname
    with socket.create_connection((address.hostname, address.port or 80), timeout=5) as connection:
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: {PLAIN}\r\nContent-Length: 2147483648\r\n\r\n"
        connection.sendall(head.encode() + b"<")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b" 413 " in answer.split(b"\r\n")[0]
    assert b"Fault" in answer


def test_a_fault_says_which_request_it_answers(running_base: RunningBase) -> None:
    message = envelope('<x:RetrieveDocumentSetRequest xmlns:x="urn:ihe:iti:xds-b:2007"/>').replace(
        "<s:Header/>",
        '<s:Header><w:MessageID xmlns:w="http://www.w3.org/2005/08/addressing">urn:uuid:42</w:MessageID></s:Header>',
    )
    response = httpx.post(running_base.url + PATH, content=message.encode(), headers={"content-type": PLAIN})
    assert read_message(response.content, response.headers["content-type"]).relates_to == "urn:uuid:42"
    assert etree.fromstring(response.content).tag == f"{{{SOAP}}}Envelope"
