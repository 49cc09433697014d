"""Replies, from octets that come in whatever pieces."""

from __future__ import annotations

import pytest

from cors_anywhere.errors import GatewayError, ProxyError, ResponseHeadTooLarge, UpgradeFailed
from cors_anywhere.http1.reading import MAX_INTERIM, ReplyReader

OK = b"HTTP/1.1 200 OK\r\n"
SWITCH = b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"


def reader(method: str = "GET", *, upgrade: bool = False) -> ReplyReader:
    reading = ReplyReader(1000, 10)
    reading.begin(method, upgrade)
    return reading


KEPT = [
    ("GET", OK + b"Content-Length: 3\r\n\r\nabc", True),
    ("GET", OK + b"Content-Length: 3\r\n\r\nabcd", False),
    ("HEAD", OK + b"Content-Length: 3\r\n\r\n", True),
    ("HEAD", OK + b"Content-Length: 3\r\n\r\nabc", False),
    ("GET", b"HTTP/1.1 304 N\r\n\r\n", True),
    ("GET", b"HTTP/1.1 304 N\r\nContent-Length: 3\r\n\r\n", False),
    ("HEAD", b"HTTP/1.1 304 N\r\nTransfer-Encoding: chunked\r\n\r\n", False),
    ("GET", b"HTTP/1.1 408 T\r\nContent-Length: 0\r\n\r\n", False),
    ("GET", OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", True),
    ("GET", OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 2", False),
    (
        "GET",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        False,
    ),
    ("GET", b"HTTP/1.1 100 C\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n", True),
]


@pytest.mark.parametrize(("method", "octets", "kept"), KEPT)
@pytest.mark.parametrize("at_once", [True, False])
def test_another_reply_may_follow_only_where_this_one_surely_ended(
    method: str, octets: bytes, kept: bool, at_once: bool
) -> None:
    reading = reader(method)
    for piece in [octets] if at_once else [octets[i : i + 1] for i in range(len(octets))]:
        reading.feed(piece)
    assert reading.complete
    assert reading.keep_alive is kept


@pytest.mark.parametrize(
    ("method", "field", "announced"),
    [
        ("HEAD", b"Content-Length: 3", True),
        ("HEAD", b"Transfer-Encoding: chunked", True),
        ("HEAD", b"Content-Length: 0", False),
        ("GET", b"Content-Length: 3", False),
    ],
)
def test_a_body_that_a_head_must_not_have_is_known_for_good(
    method: str, field: bytes, announced: bool
) -> None:
    reading = reader(method)
    reading.feed(OK + field + b"\r\n\r\nabc"[: 4 if method == "HEAD" else None])
    assert reading.announced is announced
    reading.begin("GET", upgrade=False)
    reading.feed(OK + b"Content-Length: 0\r\n\r\n")
    assert reading.announced is announced


def test_content_is_handed_over_once() -> None:
    reading = reader()
    reading.feed(OK + b"Content-Length: 5\r\n\r\nab")
    reading.feed(b"cd")
    assert reading.queued == 4
    assert (reading.take(), reading.take(), reading.queued) == (b"abcd", b"", 0)
    assert not reading.complete
    reading.feed(b"e")
    assert reading.complete


@pytest.mark.parametrize(
    ("framing", "whole"),
    [(b"", True), (b"Content-Length: 3\r\n", False), (b"Transfer-Encoding: chunked\r\n", False)],
)
def test_the_end_of_the_connection_ends_some_bodies(framing: bytes, whole: bool) -> None:
    reading = reader()
    reading.feed(OK + framing + b"\r\n")
    assert reading.end() is whole
    assert not reading.keep_alive


@pytest.mark.parametrize(
    ("octets", "failure"),
    [
        (b"SSH", GatewayError),
        (OK + b"A: " + b"x" * 1000, ResponseHeadTooLarge),
        (b"HTTP/1.1 102 P\r\n\r\n" * (MAX_INTERIM + 1), GatewayError),
        (SWITCH, UpgradeFailed),
    ],
)
def test_what_is_no_reply_fails(octets: bytes, failure: type[ProxyError]) -> None:
    with pytest.raises(failure) as caught:
        reader().feed(octets)
    assert type(caught.value) is failure


def test_a_switch_that_was_asked_for_makes_a_tunnel() -> None:
    reading = reader(upgrade=True)
    reading.feed(SWITCH + b"first")
    assert reading.tunnelling
    assert reading.take() == b"first"
    assert reading.end()


def test_the_next_reply_begins_anew() -> None:
    reading = reader()
    reading.feed(OK + b"Content-Length: 1\r\n\r\na")
    reading.take()
    reading.begin("GET", False)
    assert not reading.complete
    reading.feed(b"HTTP/1.1 404 N\r\nContent-Length: 0\r\n\r\n")
    assert reading.head is not None
    assert (reading.head.status, reading.complete) == (404, True)
