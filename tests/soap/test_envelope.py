"""SOAP messages and faults: written as read, and hostile ones refused for what they are."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from socle.standards.errors import MalformedInput, NotAuthenticated, SocleError, Text, TooLarge, Unavailable
from socle.standards.soap import Fault, FaultCode, fault_of, read_fault, read_message, write_fault, write_message
from socle.standards.soap.envelope import NotUnderstood, VersionMismatch, content_id_of, text_of
from socle.standards.soap.fault import http_status_of
from socle.standards.soap.names import SOAP, WSSE, XOP

PLAIN = "application/soap+xml; charset=UTF-8"


def envelope(body: str = "<a/>", header: str = "", namespace: str = SOAP) -> bytes:
    return (
        f'<s:Envelope xmlns:s="{namespace}" xmlns:wsa="http://www.w3.org/2005/08/addressing">'
        f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


@settings(max_examples=80)
@given(
    st.dictionaries(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), st.binary(max_size=60), max_size=4), st.booleans()
)
def test_a_message_is_read_as_it_was_written(documents: dict[str, bytes], packs: bool) -> None:
    body = etree.Element("{urn:x}Request")
    for name, content in documents.items():
        element = etree.SubElement(body, "{urn:x}Document", id=name)
        if packs:
            etree.SubElement(element, f"{{{XOP}}}Include", href=f"cid:{name}%40socle")
        else:
            element.text = base64.b64encode(content).decode()
    attachments = {f"{name}@socle": ("text/xml", content) for name, content in documents.items()} if packs else None
    content_type, data = write_message(
        "urn:act", body, attachments=attachments, to="https://x/", relates_to="urn:uuid:1"
    )
    message = read_message(data, content_type)
    assert (message.action, message.to, message.relates_to, message.is_mtom) == (
        "urn:act",
        "https://x/",
        "urn:uuid:1",
        packs,
    )
    assert {element.get("id"): message.content_of(element) for element in message.body} == documents


texts = st.text(st.characters(codec="utf-8", exclude_categories=("C",)), min_size=1, max_size=40).map(str.strip)


@settings(max_examples=60)
@given(texts, texts, st.sampled_from(FaultCode), st.sampled_from([(), (f"{{{WSSE}}}FailedCheck",)]))
def test_a_fault_is_read_as_it_was_written(fr: str, en: str, code: FaultCode, subcodes: tuple[str, ...]) -> None:
    fault = Fault(
        code=code,
        reason=Text(fr, en),
        subcodes=subcodes,
        error_code="X",
        location="/a",
        requirement="R",
        remedy=Text(fr, en),
    )
    content_type, data = write_fault(fault, relates_to="urn:uuid:2")
    assert read_fault(read_message(data, content_type).body) == fault


@settings(max_examples=200)
@given(
    st.binary(max_size=120),
    st.sampled_from(
        [
            PLAIN,
            "application/soap+xml",
            "",
            "multipart/related; boundary=x",
            "text/html",
            "application/soap+xml; charset=utf-16",
        ]
    ),
)
def test_any_bytes_give_a_message_or_a_refusal(data: bytes, content_type: str) -> None:
    for body in (data, envelope()[:150] + data, envelope("<a>").replace(b"<a>", data)):
        with contextlib.suppress(SocleError):
            read_message(body, content_type)


BOMB = (
    "<!DOCTYPE r [<!ENTITY a 'aaaaaaaaaa'>"
    + "".join(f"<!ENTITY {chr(98 + i)} '{('&' + chr(97 + i) + ';') * 10}'>" for i in range(9))
    + "]>"
)


@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + envelope("<a>&x;</a>"),
        b"<!--" + b"-" * 1 + b" " * 9000 + b"-->" + b'<!DOCTYPE r SYSTEM "http://127.0.0.1/x.dtd">' + envelope(),
        (BOMB + envelope("<a b='&i;'>&i;</a>").decode()).encode(),
        ("<?xml version='1.0' encoding='UTF-16'?>" + BOMB + envelope("<a b='&i;'/>").decode()).encode("utf-16"),
        envelope("<a>" * 10_000 + "</a>" * 10_000),
        envelope()[:-5],
        b"",
        b"<?xml version='1.0' encoding='latin-42'?>" + envelope(),
        "<a>é</a>".encode("latin-1"),
    ],
)
def test_hostile_xml_is_refused_as_malformed(data: bytes) -> None:
    with pytest.raises(MalformedInput):
        read_message(data, "application/soap+xml")


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("application/soap+xml; charset=klingon", envelope()),
        ("application/soap+xml; charset=UTF-8", b'<?xml version="1.0" encoding="ISO-8859-1"?>' + envelope()),
        ("application/soap+xml; charset=us-ascii", envelope("<a>é</a>")),
        ("application/soap+xml; charset=utf-16", envelope("<a/>") + b"\xff"),
    ],
)
def test_a_wrong_charset_is_refused(content_type: str, data: bytes) -> None:
    with pytest.raises(MalformedInput) as refusal:
        read_message(data, content_type)
    assert refusal.value.code == "CharsetMismatch"


def test_the_charset_of_the_http_header_is_followed() -> None:
    source = ('<?xml version="1.0" encoding="ISO-8859-1"?>' + envelope("<a>é</a>").decode()).encode("latin-1")
    assert read_message(source, "application/soap+xml; charset=ISO-8859-1").body.text == "é"


def test_bytes_that_are_not_utf8_are_refused() -> None:
    with pytest.raises(MalformedInput):
        read_message(envelope("<a>é</a>").decode().encode("latin-1"), PLAIN)


def test_soap_1_1_is_a_version_mismatch() -> None:
    with pytest.raises(VersionMismatch):
        read_message(envelope(namespace="http://schemas.xmlsoap.org/soap/envelope/"), PLAIN)


def test_an_unknown_header_that_must_be_understood_is_refused() -> None:
    with pytest.raises(NotUnderstood):
        read_message(envelope(header='<x xmlns="urn:x" s:mustUnderstand="1"/>'), PLAIN)
    assert read_message(envelope(header='<x xmlns="urn:x" s:mustUnderstand="0"/>'), PLAIN).action == ""


def test_the_action_of_the_content_type_stands_in_for_a_missing_header() -> None:
    assert read_message(envelope(), PLAIN + '; action="urn:a"').action == "urn:a"
    header = "<wsa:Action>urn:b</wsa:Action>"
    assert read_message(envelope(header=header), PLAIN + '; action="urn:a"').action == "urn:b"


@pytest.mark.parametrize("body", ["", "<a/><b/>", "text"])
def test_a_body_holds_exactly_one_element(body: str) -> None:
    with pytest.raises(MalformedInput):
        read_message(envelope(body), PLAIN)


def test_a_repeated_addressing_header_is_refused() -> None:
    with pytest.raises(MalformedInput):
        read_message(envelope(header="<wsa:Action>a</wsa:Action><wsa:Action>b</wsa:Action>"), PLAIN)


def test_a_comment_does_not_cut_a_value() -> None:
    element = etree.fromstring("<a>8100<!-- x -->01234565</a>")
    assert text_of(element) == "810001234565"


def test_a_missing_attachment_is_named() -> None:
    message = read_message(envelope(f'<a id="D1"><i:Include xmlns:i="{XOP}" href="cid:0.9"/></a>'), PLAIN)
    with pytest.raises(MalformedInput) as refusal:
        message.content_of(message.body)
    assert (refusal.value.code, refusal.value.location) == ("XopUnresolved", "D1")


def test_content_ids_are_percent_decoded() -> None:
    assert content_id_of("cid:%3Cdoc%401%3E") == "doc@1"


def test_each_kind_of_error_has_its_fault() -> None:
    text = Text("f", "e")
    assert fault_of(NotAuthenticated("A", text)).subcodes == (f"{{{WSSE}}}FailedAuthentication",)
    assert fault_of(Unavailable("A", text)).code is FaultCode.RECEIVER
    assert fault_of(MalformedInput("A", text)).code is FaultCode.SENDER
    assert [http_status_of(error("A", text)) for error in (MalformedInput, TooLarge, Unavailable)] == [500, 413, 500]
    assert http_status_of(MalformedInput("UnsupportedMediaType", text)) == 415


def test_a_fault_speaks_french_then_english() -> None:
    _, data = write_fault(fault_of(MalformedInput("A", Text("mauvais", "bad"))))
    languages = etree.fromstring(data).xpath("//*[local-name()='Text']/@xml:lang")
    assert languages == ["fr", "en"]
