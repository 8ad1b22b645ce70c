"""The one reader of XML."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socle.standards.errors import MalformedInput, SocleError, TooLarge
from socle.standards.xml import parse


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (b"", "XMLMalformed"),
        (b"<a>", "XMLMalformed"),
        (b"\xff\xfe\x00", "XMLMalformed"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "XMLDoctypeRefused"),
        (b"<?xml version='1.0'?>" + b" " * 9000 + b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "XMLDoctypeRefused"),
        (b"<a>" * 300 + b"</a>" * 300, "XMLTooDeep"),
        (b"<a>" * 10_000 + b"</a>" * 10_000, "XMLTooDeep"),
        (b"<a>" * 300 + b"x" * 10_000_001 + b"</a>" * 300, "XMLTooDeep"),
    ],
)
def test_hostile_xml_is_refused_by_its_own_name(source: bytes, code: str) -> None:
    with pytest.raises(MalformedInput) as refused:
        parse(source)
    assert refused.value.code == code


def test_a_text_over_ten_megabytes_is_read_and_one_over_the_bound_is_not() -> None:
    source = b"<a>" + b"x" * 11_000_000 + b"</a>"
    assert len(parse(source).text or "") == 11_000_000
    with pytest.raises(TooLarge):
        parse(source, max_bytes=1_000_000)


def test_small_bytes_that_make_many_nodes_are_refused_before_they_are_nodes() -> None:
    with pytest.raises(TooLarge) as refused:
        parse(b"<a>" + b"<b/>" * 60 + b"</a>", max_marks=50)
    assert refused.value.code == "XMLTooManyNodes"
    with pytest.raises(TooLarge):
        parse(b"<a " + b" ".join(b'a%d=""' % number for number in range(60)) + b"/>", max_marks=50)
    assert parse(b"<a>" + b"x" * 60 + b"</a>", max_marks=50).tag == "a"


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: f"<a>{text}</a>".encode("utf-8", "replace")))
def test_any_bytes_are_a_tree_or_a_refusal(source: bytes) -> None:
    with contextlib.suppress(SocleError):
        parse(source)
