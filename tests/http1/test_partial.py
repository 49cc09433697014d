"""A head that comes in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_anywhere.errors import BadRequest
from cors_anywhere.http1.partial import PartialReply, PartialRequest, find_reply_end
from tests.support.growth import assert_linear


def test_a_request_head_ends_with_its_empty_line() -> None:
    assert PartialRequest().feed(b"GET / HTTP/1.1\r\nA: b\r\n\r\nbody\r\n\r\n") == 24


@pytest.mark.parametrize("begun", [b"G", b"GET", b"GET ", b"GET / HTTP/1.1\r\nA: b\r\n", b"M-"])
def test_the_beginning_of_a_request_is_waited_for(begun: bytes) -> None:
    assert PartialRequest().feed(begun) == -1


@pytest.mark.parametrize(
    "begun", [b"\x16\x03\x01", b"GET / HTTP/1.1\nA", b"G\x00", b" GET", b"\nGET", b"GET\r", b"\r"]
)
def test_what_cannot_become_a_request_is_refused_before_it_is_complete(begun: bytes) -> None:
    with pytest.raises(BadRequest):
        PartialRequest().feed(begun)


@pytest.mark.parametrize(
    ("octets", "end"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nbody", 19),
        (b"HTTP/1.1 200 OK\n\nbody", 17),
        (b"HTTP/1.1 200 OK\n\r\nbody", 18),
        (b"HTTP/1.1 200 OK\r\nA: b\n\nbody\r\n\r\n", 23),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody\n\n", 25),
        (b"HTTP/1.1 200 OK\r\n\n\r\nbody", 18),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r", -1),
        (b"HTTP/1.1 200 OK\n", -1),
    ],
)
def test_a_reply_head_may_end_its_lines_with_a_bare_line_feed(octets: bytes, end: int) -> None:
    assert find_reply_end(octets) == end


# --- in pieces ------------------------------------------------------------------------------------

HEAD = b"PROPFIND /x HTTP/1.1\r\nHost: a\r\n: \r\r\nB: c\r\n\r\n"


@given(st.lists(st.integers(0, len(HEAD) - 1)))
def test_a_request_head_ends_where_it_ends_however_it_is_cut(cuts: list[int]) -> None:
    partial, at = PartialRequest(), 0
    for cut in sorted({*cuts} - {0}):
        assert partial.feed(HEAD[at:cut]) == -1
        at = cut
    assert partial.feed(HEAD[at:] + b"\r\n\r\n") == len(HEAD)
    assert partial.octets[: len(HEAD)] == HEAD


@pytest.mark.parametrize("begun", [b"G\x00", b"GE(", b"GET\r\n", b"GET / HTTP/1.1\r\nA\n"])
def test_what_cannot_become_a_request_is_refused_at_that_octet(begun: bytes) -> None:
    partial = PartialRequest()
    for octet in begun[:-1]:
        try:
            assert partial.feed(bytes((octet,))) == -1
        except BadRequest:
            assert octet == 0x0D  # of a line end inside a method
            return
    with pytest.raises(BadRequest):
        partial.feed(begun[-1:])


@given(st.lists(st.sampled_from([b"\r", b"\n", b"A"]), max_size=12), st.data())
def test_a_reply_head_ends_where_it_ends_however_it_is_cut(
    octets: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(octets)
    partial, found = PartialReply(), -1
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(whole))), max_size=5)))
    at = 0
    for cut in [*cuts, len(whole)]:
        if found < 0:
            found = partial.feed(whole[at:cut])
            at = cut
    assert found == find_reply_end(whole)


# --- cost -----------------------------------------------------------------------------------------


def octet_by_octet(make: type[PartialRequest] | type[PartialReply], octets: bytes) -> None:
    partial = make()
    for place in range(len(octets)):
        partial.feed(octets[place : place + 1])


@pytest.mark.parametrize(
    ("begin", "octet"),
    [(b"GET / HTTP/1.1\r\nA: ", b"x"), (b"", b"M"), (b"GET /\r\n", b"\r\n:")],
    ids=["value", "method", "lines"],
)
def test_a_request_head_that_comes_octet_by_octet_is_looked_at_once(
    begin: bytes, octet: bytes
) -> None:
    assert_linear(
        f"PartialRequest, octet by octet, {octet!r}",
        lambda size: begin + octet * (size // len(octet)),
        lambda octets: octet_by_octet(PartialRequest, octets),
        32768,
    )


@pytest.mark.parametrize("octet", [b"x", b"\r\nx", b"\nx"], ids=["value", "lines", "bare"])
def test_a_reply_head_that_comes_octet_by_octet_is_looked_at_once(octet: bytes) -> None:
    assert_linear(
        f"PartialReply, octet by octet, {octet!r}",
        lambda size: octet * (size // len(octet)),
        lambda octets: octet_by_octet(PartialReply, octets),
        32768,
    )
