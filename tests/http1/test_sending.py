"""Requests to targets, as octets."""

from __future__ import annotations

import pytest

from cors_anywhere.errors import BodyLengthWrong
from cors_anywhere.http1.sending import RequestWriter
from cors_anywhere.messages import CHUNKED, Length

FIELDS = [("Host", "a.test")]


def writer(length: Length, method: str = "PUT") -> RequestWriter:
    writing = RequestWriter()
    writing.begin(method, "/", FIELDS, length)
    return writing


@pytest.mark.parametrize(
    ("method", "length", "framing"),
    [
        ("GET", 0, b""),
        ("GET", 1, b"content-length: 1\r\n"),
        ("POST", 0, b"content-length: 0\r\n"),
        ("GET", CHUNKED, b"transfer-encoding: chunked\r\n"),
    ],
)
def test_the_head_announces_the_body(method: str, length: Length, framing: bytes) -> None:
    head = RequestWriter().begin(method, "/p?q", FIELDS, length)
    assert head == method.encode() + b" /p?q HTTP/1.1\r\nHost: a.test\r\n" + framing + b"\r\n"


def test_a_body_of_a_known_length_is_written_as_it_is() -> None:
    writing = writer(3)
    assert [writing.piece(b"ab"), writing.piece(b""), writing.piece(b"c")] == [
        *((b"ab",), (b"",), (b"c",))
    ]
    assert writing.end() == b""


def test_a_piece_beyond_the_length_is_not_written_at_all() -> None:
    for length, before in ((3, b"ab"), (2, b"ab"), (0, b"")):
        writing = writer(length)
        writing.piece(before)
        with pytest.raises(BodyLengthWrong, match="longer"):
            writing.piece(b"cd")


def test_a_body_that_ends_too_early_is_an_error() -> None:
    writing = writer(3)
    writing.piece(b"ab")
    with pytest.raises(BodyLengthWrong, match="shorter"):
        writing.end()


def test_what_the_request_before_left_does_not_count() -> None:
    writing = writer(3)
    writing.begin("GET", "/", FIELDS, 0)
    assert writing.end() == b""


def test_chunks_are_framed_and_an_empty_one_is_left_out() -> None:
    writing = writer(CHUNKED)
    pieces = [b"".join(writing.piece(piece)) for piece in (b"a" * 17, b"", b"b")]
    assert pieces == [b"11\r\n" + b"a" * 17 + b"\r\n", b"", b"1\r\nb\r\n"]
    assert writing.end() == b"0\r\n\r\n"


def test_after_a_switch_of_protocols_there_is_no_framing() -> None:
    writing = writer(0, "GET")
    writing.switch()
    assert writing.piece(b"\x81\x00") == (b"\x81\x00",)


@pytest.mark.parametrize(("lengths", "carried"), [([0, 0], False), ([0, 1, 0], True)])
def test_a_body_is_remembered_for_good(lengths: list[int], carried: bool) -> None:
    writing = RequestWriter()
    for length in lengths:
        writing.begin("PUT", "/", FIELDS, length)
    assert writing.carried_body is carried
