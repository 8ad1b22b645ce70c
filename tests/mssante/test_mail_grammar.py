"""SMTP and IMAP as read from the wire."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from socle.standards.errors import InvalidContent, MalformedInput, SocleError, TooLarge
from socle.standards.mail.imap import (
    ImapReader,
    NeedsContinuation,
    decode_name,
    encode_name,
    format_set,
    parse_command,
    parse_set,
    quote,
)
from socle.standards.mail.smtp import SmtpReader, decode_xtext, encode_xtext, parse_path, stuff
from socle.standards.mail.smtp import parse_command as parse_smtp


def feed_message(data: bytes, step: int = 10_000, limit: int = 100_000) -> bytes | None:
    reader = SmtpReader(limit)
    reader.start_message()
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
        message = reader.take_message()
        if message is not None:
            return message
    return None


_text = st.lists(st.text("ab.\t é", max_size=20).map(lambda t: t.encode()), min_size=1, max_size=8)


@settings(max_examples=100, deadline=None)
@given(_text, st.integers(1, 7))
def test_a_stuffed_message_reads_back_the_same_however_it_is_cut(lines: list[bytes], step: int) -> None:
    message = b"".join(line + b"\r\n" for line in lines)
    assert feed_message(stuff(message), step) == message


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\n\n.\r\n", b"\r\n\0.\r\n"])
def test_no_other_end_than_crlf_dot_crlf_ends_a_message(end: bytes) -> None:
    smuggled = b"Subject: a\r\n\r\nhello" + end + b"MAIL FROM:<admin@a.fr>\r\n"
    assert feed_message(smuggled) is None
    with pytest.raises(InvalidContent):
        feed_message(smuggled + b".\r\n")


def test_an_empty_message_ends_at_once_even_byte_by_byte() -> None:
    assert feed_message(b".\r\n", step=1) == b""


def test_an_oversized_message_is_thrown_away_as_it_comes() -> None:
    reader = SmtpReader(10_000)
    reader.start_message()
    for _ in range(1000):
        reader.feed(b"x" * 998 + b"\r\n")
        assert reader.take_message() is None
        assert len(reader._buffer) < 20_000
    reader.feed(b".\r\nQUIT\r\n")
    with pytest.raises(TooLarge):
        reader.take_message()
    assert reader.take_line() == b"QUIT"


def test_an_overlong_line_is_refused() -> None:
    with pytest.raises(InvalidContent) as refusal:
        feed_message(b"x" * 999 + b"\r\n.\r\n")
    assert refusal.value.code == "SMTPLineTooLong"


@pytest.mark.parametrize("line", [b"NOOP\n", b"MAIL FROM:<a@b.fr>\nRCPT", b"a\rb\r\n"])
def test_a_bare_line_end_in_a_command_is_refused(line: bytes) -> None:
    reader = SmtpReader(1000)
    reader.feed(line)
    with pytest.raises(MalformedInput):
        reader.take_line()


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80))
def test_any_path_is_read_or_refused(text: str) -> None:
    try:
        parse_path(text, "FROM")
        parse_path(f"FROM:<{text}", "FROM")
        parse_path(f"FROM:<a@b.fr>{text}", "FROM")
        parse_smtp(text.encode())
    except SocleError:
        pass


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30))
def test_xtext_reads_back_the_same(text: str) -> None:
    assert decode_xtext(encode_xtext(text)) == text


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30))
def test_a_folder_name_reads_back_the_same(name: str) -> None:
    assert decode_name(encode_name(name)) == name


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 500), unique=True).map(sorted))
def test_a_set_names_exactly_its_members(numbers: list[int]) -> None:
    if numbers:
        everything = list(range(1, 501))
        assert [everything[i] for i in parse_set(format_set(numbers)).among(everything)] == numbers


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60), st.integers(1, 9))
def test_a_string_sent_as_it_is_quoted_reads_back_the_same(value: bytes, step: int) -> None:
    reader = ImapReader(10_000)
    wire = b"a LOGIN " + quote(value) + b" x\r\n"
    pieces = None
    for start in range(0, len(wire), step):
        reader.feed(wire[start : start + step])
        while (taken := reader.take()) is not None:
            pieces = taken if isinstance(taken, list) else pieces
    assert pieces is not None
    assert parse_command(pieces).arguments == [value, "x"]


def test_a_literal_waits_for_its_continuation_and_a_plus_one_does_not() -> None:
    reader = ImapReader(100)
    reader.feed(b"a APPEND INBOX {3}\r\n")
    assert reader.take() == NeedsContinuation(3)
    reader.feed(b"a\r\n (x {2+}\r\n()y)\r\n")
    pieces = reader.take()
    assert isinstance(pieces, list)
    assert parse_command(pieces).arguments == ["INBOX", b"a\r\n", ["x", b"()", "y"]]


def test_a_section_is_one_word() -> None:
    pieces = [b'a FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (DATE "From")]<0.10> UID)']
    assert parse_command(pieces).arguments == [
        "1:*",
        ["FLAGS", 'BODY.PEEK[HEADER.FIELDS (DATE "From")]<0.10>', "UID"],
    ]


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=100), st.text('a1 (){}"\\[]+*%\r\n,:', max_size=60).map(str.encode)))
def test_any_bytes_are_an_imap_command_or_a_refusal(data: bytes) -> None:
    reader = ImapReader(1000)
    reader.feed(data)
    try:
        while (taken := reader.take()) is not None:
            if isinstance(taken, list):
                parse_command(taken)
    except SocleError:
        pass


def test_an_endless_line_or_a_giant_literal_is_refused() -> None:
    reader = ImapReader(1000)
    reader.feed(b"a" * 70_000)
    with pytest.raises(TooLarge):
        reader.take()
    reader = ImapReader(1000)
    reader.feed(b"a APPEND INBOX {999999999}\r\n")
    with pytest.raises(TooLarge):
        reader.take()
