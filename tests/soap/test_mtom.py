"""MTOM packages: own reader against the standard library, and against broken senders."""

from __future__ import annotations

import base64
import contextlib
from email import message_from_bytes, policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socle.standards.errors import MalformedInput, SocleError, TooLarge
from socle.standards.soap.mtom import read_media_type, read_package, write_package

BOUNDARY = "b-7d1f"
HEADER = f'multipart/related; boundary="{BOUNDARY}"; type="application/xop+xml"; start="<root>"'

contents = st.binary(max_size=200) | st.sampled_from(
    [b"", b"\r\n", b"--b-7d1f", b"\r\n--b-7d1fX\r\n", b"--", b"\r\n--"]
)


def package(*parts: tuple[bytes, bytes], end: bytes = b"--\r\n") -> bytes:
    body = b"".join(b"--b-7d1f\r\n" + headers + b"\r\n\r\n" + content + b"\r\n" for headers, content in parts)
    return body + b"--b-7d1f" + end


@settings(max_examples=150)
@given(st.dictionaries(st.from_regex(r"[a-z0-9.@-]{1,20}", fullmatch=True), contents, max_size=6), contents)
def test_what_is_packed_is_unpacked_identical(attachments: dict[str, bytes], root: bytes) -> None:
    boundary = "socle-0123456789abcdef"
    packed = {cid: ("application/octet-stream", content) for cid, content in attachments.items() if cid != "0.1"}
    content_type, body = write_package(root, packed, action="urn:a", boundary=boundary)
    read = read_package(body, content_type)
    assert (read.root.content, read.attachments) == (root, {cid: content for cid, (_, content) in packed.items()})


@settings(max_examples=100)
@given(
    st.lists(st.binary(max_size=80).filter(lambda content: b"\n" not in content and b"\r" not in content), max_size=5)
)
def test_it_reads_as_the_standard_library_reads(parts: list[bytes]) -> None:
    packed = {f"p{index}": ("application/octet-stream", content) for index, content in enumerate(parts)}
    content_type, body = write_package(b"<root/>", packed, boundary="socle-x")
    oracle = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=policy.HTTP)
    expected = {part["Content-ID"].strip("<>"): part.get_payload(decode=True) for part in list(oracle.iter_parts())[1:]}
    assert read_package(body, content_type).attachments == expected


@settings(max_examples=200)
@given(
    st.binary(max_size=300), st.sampled_from([HEADER, "multipart/related", 'multipart/related; boundary=""', "\x00"])
)
def test_any_bytes_give_a_package_or_a_refusal(body: bytes, header: str) -> None:
    try:
        read_package(b"--b-7d1f\r\n" + body, header)
        read_package(body, header)
    except SocleError:
        pass


@settings(max_examples=100)
@given(st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_package_never_escapes_as_another_exception(position: int, byte: int) -> None:
    body = bytearray(package((b"Content-ID: <root>", b"<a/>"), (b"Content-ID: <x>", b"y" * 40)))
    body[position % len(body)] = byte
    with contextlib.suppress(SocleError):
        read_package(bytes(body), HEADER)


def test_base64_parts_are_decoded() -> None:
    headers = b"Content-ID: <x>\r\nContent-Transfer-Encoding: Base64"
    body = package((b"Content-ID: <root>", b"<a/>"), (headers, base64.encodebytes(b"\x00\xff" * 60)))
    assert read_package(body, HEADER).attachments == {"x": b"\x00\xff" * 60}


def test_a_root_that_is_not_first_is_found_by_its_id() -> None:
    body = package((b"Content-ID: <x>", b"document"), (b"Content-ID: <root>", b"<a/>"))
    read = read_package(body, HEADER)
    assert (read.root.content, read.attachments) == (b"<a/>", {"x": b"document"})


def test_a_preamble_and_padding_after_the_boundary_are_accepted() -> None:
    body = b"This is a multipart message.\r\n" + package((b"Content-ID: <root>", b"<a/>")).replace(
        b"--b-7d1f\r\nContent", b"--b-7d1f  \t\r\nContent"
    )
    assert read_package(body, HEADER).root.content == b"<a/>"


@pytest.mark.parametrize(
    ("body", "header", "code"),
    [
        (package((b"Content-ID: <root>", b"<a/>"), end=b"\r\n"), HEADER, "MtomTruncated"),
        (package((b"Content-ID: <root>", b"<a/>"))[:-20], HEADER, "MtomTruncated"),
        (b"no boundary here", HEADER, "MtomBoundary"),
        (b"--b-7d1f--\r\n", HEADER, "MtomBoundary"),
        (package((b"Content-ID: <root>", b"<a/>")), "multipart/related", "MtomBoundary"),
        (package((b"Content-ID: <root>", b"<a/>")), f"multipart/related; boundary={'x' * 71}", "MtomBoundary"),
        (package((b"Content-ID: <other>", b"<a/>")), HEADER, "MtomRoot"),
        (package((b"Content-ID: <root>", b"<a/>"), (b"Content-ID: <root>", b"<b/>")), HEADER, "MtomPart"),
        (package((b"Content-ID: <root>\r\nContent-Transfer-Encoding: gzip", b"<a/>")), HEADER, "MtomPart"),
        (package((b"Content-ID: <root>\r\nContent-Transfer-Encoding: base64", b"!!")), HEADER, "Base64"),
        (b"--b-7d1f\r\n" + b"X" * 20_000 + b"\r\n\r\n\r\n--b-7d1f--", HEADER, "MtomPart"),
    ],
)
def test_a_broken_package_is_refused_by_its_own_code(body: bytes, header: str, code: str) -> None:
    with pytest.raises(MalformedInput) as refusal:
        read_package(body, header)
    assert refusal.value.code == code


def test_too_many_parts_are_refused() -> None:
    body = package((b"Content-ID: <root>", b"<a/>"), *[(b"Content-ID: <%d>" % index, b"") for index in range(12)])
    with pytest.raises(TooLarge):
        read_package(body, HEADER, max_parts=10)


def test_an_unreadable_content_type_is_no_type() -> None:
    assert read_media_type("¿") == ("", {})
