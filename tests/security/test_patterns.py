"""Headers that a caller fills with white space without end cost no more than their length."""

from __future__ import annotations

import time

import pytest

from socle.standards.fhir.pdsm.people import _PLAIN_NAME
from socle.standards.soap.mtom import read_media_type

LONG = 200_000


@pytest.mark.parametrize(
    "header",
    [
        "multipart/related; a=" + " " * LONG + 'x"',
        "multipart/related" + " " * LONG + "x",
        " " * LONG + "multipart/related",
        "multipart/related" + "; a=b" * (LONG // 5) + '"',
        'multipart/related; a="' + "\\a" * (LONG // 2),
    ],
)
def test_a_content_type_is_read_in_linear_time(header: str) -> None:
    started = time.process_time()
    read_media_type(header)
    assert time.process_time() - started < 1


def test_an_ordinary_content_type_is_read_as_before() -> None:
    text = 'multipart/related; boundary="a\\"b" ; type=application/xop+xml; start="<root>"'
    assert read_media_type(text) == (
        "multipart/related",
        {"boundary": 'a"b', "type": "application/xop+xml", "start": "<root>"},
    )


def test_a_name_of_fhir_is_read_in_linear_time() -> None:
    started = time.process_time()
    assert _PLAIN_NAME.fullmatch("a" * LONG) is None
    assert _PLAIN_NAME.fullmatch("^" + "a" * LONG) is None
    assert time.process_time() - started < 1
    plain = ("MARTIN^Claire^^^^^L", "MARTIN^^^^^^L", "^Claire^^^^^L", "^^^^^^L", "MARTIN^Claire")
    assert [text for text in plain if _PLAIN_NAME.fullmatch(text)] == list(plain[:3])
