"""Bodies: content in, framing out, and not an octet too many."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cors_anywhere.errors import BadRequest, ProxyError, TransferCodingError
from cors_anywhere.http1.body import (
    MAX_PIECES,
    Body,
    CloseBody,
    LengthBody,
    reply_body,
    request_body,
)
from cors_anywhere.messages import CHUNKED, UNTIL_CLOSE
from tests.support.growth import assert_linear

OVERHEAD = 64


def fed(body: Body, *pieces: bytes) -> tuple[bytes, bytes | None]:
    """The content of these reads, and what lies behind the body: None while it goes on."""
    content, rest = b"", b""
    for piece in pieces:
        if body.done:
            rest += piece
        else:
            content += body.feed(piece)
            assert body.rest is not None
            rest = body.rest
    return content, rest if body.done else None


def split(octets: bytes, cuts: list[int]) -> list[bytes]:
    """The octets in the reads that these cuts make."""
    places = [0, *sorted(cut % (len(octets) + 1) for cut in cuts), len(octets)]
    return [octets[a:b] for a, b in pairwise(places) if a < b]


# --- lengths and closes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pieces", "seen"),
    [
        ([b"abc"], (b"abc", b"")),
        ([b"ab"], (b"ab", None)),
        ([b"a", b"bc"], (b"abc", b"")),
        ([b"abcd"], (b"abc", b"d")),
        ([b"ab", b"cde"], (b"abc", b"de")),
    ],
)
def test_a_body_of_known_length_ends_there(
    pieces: list[bytes], seen: tuple[bytes, bytes | None]
) -> None:
    assert fed(LengthBody(3), *pieces) == seen


def test_a_body_of_no_octets_is_done_at_once_and_a_close_ends_none_early() -> None:
    assert LengthBody(0).done
    assert not LengthBody(1).eof()
    assert not request_body(CHUNKED, OVERHEAD).eof()


def test_only_the_close_ends_a_body_without_framing() -> None:
    body = CloseBody()
    assert fed(body, b"a", b"b") == (b"ab", None)
    assert body.eof()
    assert body.done


def test_the_length_of_a_head_chooses_the_reader() -> None:
    assert isinstance(reply_body(UNTIL_CLOSE, OVERHEAD), CloseBody)
    assert isinstance(reply_body(3, OVERHEAD), LengthBody)
    assert isinstance(request_body(3, OVERHEAD), LengthBody)


# --- chunks --------------------------------------------------------------------------------------

CONTENT = st.one_of(
    st.binary(max_size=20),
    st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"0", b"a"]), max_size=8).map(b"".join),
)
EXTENSION = st.sampled_from([b"", b";a", b";a=b", b';a="b;c"'])
TRAILER = st.sampled_from(
    [
        b"",
        b"A: b\r\n",
        b"A: b\r\nC:\r\n",
        b"Connection: close\r\n",
        b"Upgrade: a\r\nConnection: upgrade\r\n",
    ]
)


@st.composite
def messages(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    """A chunked body, its content, and octets that follow it."""
    chunks = draw(st.lists(CONTENT.filter(bool), max_size=4))
    wire = b"".join(b"%x%s\r\n%s\r\n" % (len(c), draw(EXTENSION), c) for c in chunks)
    zero = draw(st.sampled_from([b"0", b"000"])) + draw(EXTENSION)
    body = wire + zero + b"\r\n" + draw(TRAILER) + b"\r\n"
    return body, b"".join(chunks), draw(CONTENT)


@pytest.mark.parametrize("make", [request_body, reply_body])
@given(message=messages(), cuts=st.lists(st.integers(0, 500), max_size=8))
@example((b"0\r\n\r\n", b"", b"\r\n\r\n"), [4])
@example((b"0\r\n\r\n", b"", b"\n\r\n"), [3])
@example((b"0\r\n\r\n", b"", b"x"), [3, 4])
@example((b"4\r\n\n\r\n\n\r\n0\r\n\r\n", b"\n\r\n\n", b"x"), [])
def test_any_split_of_the_octets_gives_the_same_content_and_the_same_rest(
    make: type[Body], message: tuple[bytes, bytes, bytes], cuts: list[int]
) -> None:
    octets, content, rest = message
    body: Body = make(CHUNKED, 4096)  # type: ignore[call-arg]  # a function, to hypothesis a type
    assert fed(body, *split(octets + rest, cuts)) == (content, rest)


FULL_OF_ENDS = b"%x\r\n%b\r\n" % (3 * MAX_PIECES, b"\n\r\n" * MAX_PIECES)


@pytest.mark.parametrize("make", [request_body, reply_body])
@pytest.mark.parametrize(
    "behind",
    [b"", b"x", b"\r\n", b"GET / HTTP/1.1\r\n\r\n", b"CONNECT a HTTP/1.1\r\n\r\n", FULL_OF_ENDS],
)
def test_what_is_behind_a_body_full_of_empty_lines_is_lost_and_said_to_be(
    make: type[Body], behind: bytes
) -> None:
    body: Body = make(CHUNKED, OVERHEAD)  # type: ignore[call-arg]
    content = body.feed(FULL_OF_ENDS + b"1\r\nx\r\n0\r\n\r\n" + behind)
    assert (content, body.done, body.rest) == (b"\n\r\n" * MAX_PIECES + b"x", True, None)


@pytest.mark.parametrize("make", [request_body, reply_body])
def test_what_is_behind_its_end_in_a_later_read_is_known(make: type[Body]) -> None:
    body: Body = make(CHUNKED, OVERHEAD)  # type: ignore[call-arg]
    content = b"\n\r\n" * MAX_PIECES
    assert fed(body, FULL_OF_ENDS, b"0\r\n", b"\r\nx") == (content, b"x")


@given(message=messages(), cuts=st.lists(st.integers(0, 500), max_size=4), data=st.data())
def test_a_chunked_body_that_is_cut_anywhere_is_never_done(
    message: tuple[bytes, bytes, bytes], cuts: list[int], data: st.DataObject
) -> None:
    octets, content, _ = message
    cut = octets[: data.draw(st.integers(0, len(octets) - 1))]
    got, rest = fed(request_body(CHUNKED, 4096), *split(cut, cuts))
    assert rest is None
    assert content.startswith(got)


@given(st.binary(max_size=40), st.lists(st.integers(0, 40), max_size=4))
def test_octets_that_are_no_chunks_raise_nothing_but_a_refusal(
    octets: bytes, cuts: list[int]
) -> None:
    try:
        fed(request_body(CHUNKED, OVERHEAD), *split(octets, cuts))
    except BadRequest:
        pass


BROKEN = [
    b"\r\n",
    b"x\r\n",
    b"-1\r\n",
    b"+1\r\na\r\n",
    b"0x1\r\na\r\n",
    b" 1\r\na\r\n",
    b"1\na\r\n0\r\n\r\n",
    b"1\r\na\n0\r\n\r\n",
    b"1\r\nab\r\n0\r\n\r\n",
    b"1\r\na0\r\n\r\n",
    b"1\r\na\r\n0\n\r\n",
    b"1\r\na\r\n0\r\n\n",
    b"1;\x00\r\na\r\n",
    b"1;a\nb\r\na\r\n",
    b"10000000000000000\r\na",
    b"0\r\nA b: c\r\n\r\n",
    b"0\r\n folded\r\n\r\n",
    b"0\r\nA: b\n\r\n",
    b"0\r\nContent-Length: 3\r\n\r\n",  # RFC 9110 section 6.5.1: not in trailers
]


@pytest.mark.parametrize("octets", BROKEN)
@pytest.mark.parametrize("at_once", [True, False])
def test_broken_chunks_of_a_client_are_refused(octets: bytes, at_once: bool) -> None:
    pieces = [octets] if at_once else [octets[i : i + 1] for i in range(len(octets))]
    with pytest.raises(BadRequest):
        fed(request_body(CHUNKED, OVERHEAD), *pieces, b"\r\n\r\n")


@pytest.mark.parametrize("octets", [o for o in BROKEN if b"\n" not in o.replace(b"\r\n", b"")])
def test_broken_chunks_of_a_target_are_refused(octets: bytes) -> None:
    with pytest.raises(TransferCodingError):
        fed(reply_body(CHUNKED, OVERHEAD), octets, b"\r\n\r\n")


@pytest.mark.parametrize("coding", [b"chunked", b"gzip", b"chunked, identity"])
def test_a_transfer_coding_among_a_clients_trailers_is_refused(coding: bytes) -> None:
    with pytest.raises(BadRequest):
        fed(request_body(CHUNKED, OVERHEAD), b"0\r\nTransfer-Encoding: " + coding + b"\r\n\r\n")


def test_a_target_may_put_spaces_behind_a_chunk_size_but_a_client_not() -> None:
    octets = b"1  \r\na\r\n0\r\n\r\n"
    assert fed(reply_body(CHUNKED, OVERHEAD), octets) == (b"a", b"")
    with pytest.raises(BadRequest):
        fed(request_body(CHUNKED, OVERHEAD), octets)


@pytest.mark.parametrize("make", [request_body, reply_body])
@pytest.mark.parametrize("begin", [b"1;", b"0\r\nA: ", b"0\r\n" + b"A: b\r\n"])
def test_framing_without_content_has_a_limit(make: type[Body], begin: bytes) -> None:
    body: Body = make(CHUNKED, OVERHEAD)  # type: ignore[call-arg]
    body.feed(begin)
    body.feed(b"x" * (OVERHEAD - len(begin)))
    with pytest.raises(ProxyError, match="overhead"):
        body.feed(b"x")


@pytest.mark.parametrize("at_once", [True, False])
def test_small_chunks_with_short_extensions_may_go_on_for_ever(at_once: bool) -> None:
    body = request_body(CHUNKED, OVERHEAD)
    chunks = [b"1;abcdefghij\r\na\r\n"] * 1000
    assert fed(body, *([b"".join(chunks)] if at_once else chunks)) == (b"a" * 1000, None)


@pytest.mark.parametrize("at_once", [True, False])
def test_small_chunks_with_long_extensions_may_not(at_once: bool) -> None:
    chunks = [b"1;abcdefghijklmnop\r\na\r\n"] * 100
    with pytest.raises(BadRequest, match="overhead"):
        fed(request_body(CHUNKED, OVERHEAD), *([b"".join(chunks)] if at_once else chunks))


# --- cost -----------------------------------------------------------------------------------------

COSTLY: dict[str, Callable[[int], bytes]] = {
    "chunks of one octet": lambda n: b"1\r\nx\r\n" * (n // 6),
    "chunks of a line end": lambda n: b"2\r\n\r\n\r\n" * (n // 7),
    "empty lines in a chunk": lambda n: b"%x\r\n" % (n - 9) + b"\n\r\n" * ((n - 9) // 3),
    "an extension": lambda n: b"1;" + b"x" * (n - 2),
    "extensions": lambda n: b"1" + b";a=b" * (n // 4),
    "a quoted extension": lambda n: b'1;a="' + b'\\"' * (n // 2),
    "a trailer": lambda n: b"0\r\nA: " + b"x" * n,
    "trailers": lambda n: b"0\r\n" + b"A:\r\n" * (n // 4),
    "zeros": lambda n: b"0" * n,
}


def drained(octets: bytes, size: int) -> None:
    body = reply_body(CHUNKED, 1 << 20)
    for start in range(0, len(octets), size):
        body.feed(octets[start : start + size])


@pytest.mark.parametrize("kind", COSTLY)
def test_reading_chunks_costs_what_their_octets_cost(kind: str) -> None:
    assert_linear(
        f"ChunkedBody, {kind}", COSTLY[kind], lambda octets: drained(octets, 65536), 65536
    )


@pytest.mark.parametrize("kind", COSTLY)
def test_reading_chunks_octet_by_octet_costs_what_their_octets_cost(kind: str) -> None:
    name = f"ChunkedBody, octet by octet, {kind}"
    assert_linear(name, COSTLY[kind], lambda octets: drained(octets, 1), 16384)
