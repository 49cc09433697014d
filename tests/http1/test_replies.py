"""The order of a reply's parts, and their framing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cors_anywhere.errors import IllegalStep
from cors_anywhere.http1.answers import _imf_fixdate
from cors_anywhere.http1.life import ClientLimits
from cors_anywhere.http1.server import ServerConnection
from cors_anywhere.messages import CHUNKED, Answer
from tests.support.loopback import refusal
from tests.support.pipe import HandSetLoop, Pipe, stepped
from tests.support.receivers import GET, HOST, Message, Root, Silent

HELLO = Answer(200, "OK", [("A", "b")], b"hello")


def asked(loop: HandSetLoop, method: bytes = b"GET") -> tuple[ServerConnection, Pipe]:
    """A connection with a request that waits for its reply."""
    connection = ServerConnection(Root(Silent), refusal, ClientLimits(), set())
    client = Pipe(connection, loop)
    client.feed(method + b" /x HTTP/1.1\r\n" + HOST + b"\r\n")
    return connection, client


def begin(connection: ServerConnection) -> None:
    connection.write_head(200, "OK", [], CHUNKED)


# --- in order -------------------------------------------------------------------------------------

Act = Callable[[ServerConnection], object]


@pytest.mark.parametrize(
    ("before", "act"),
    [
        ((), lambda c: c.write(b"x")),
        ((), lambda c: c.finish()),
        ((begin,), begin),
        ((begin,), lambda c: c.answer(HELLO)),
        ((begin,), lambda c: c.switch("", [], Silent(Root(), c))),
        ((lambda c: c.answer(HELLO),), lambda c: c.write(b"x")),
        ((lambda c: c.answer(HELLO),), lambda c: c.finish()),
        ((lambda c: c.answer(HELLO),), begin),
    ],
    ids=[
        "piece-first",
        "end-first",
        "two-heads",
        "answer-within",
        "switch-within",
        "piece-last",
        "end-twice",
        "head-last",
    ],
)
def test_a_part_of_a_reply_out_of_its_order_is_an_error_and_no_octet(
    before: tuple[Act, ...], act: Act
) -> None:
    @stepped
    async def scenario(loop: HandSetLoop) -> None:
        connection, client = asked(loop)
        for earlier in before:
            earlier(connection)
        await loop.settle()
        sent = bytes(client.sent)
        with pytest.raises(IllegalStep, match="not legal"):
            act(connection)
        await loop.settle()
        assert client.sent == sent

    scenario()


@stepped
async def test_a_protocol_is_not_switched_before_the_request_is_complete(
    loop: HandSetLoop,
) -> None:
    root = Root(Silent)
    connection = ServerConnection(root, refusal, ClientLimits(), set())
    client = Pipe(connection, loop)
    client.feed(b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\n\r\n")
    with pytest.raises(IllegalStep, match='"switch" is not legal in the state BODY'):
        connection.switch("", [], root.messages[0])
    connection.answer(HELLO)
    assert client.sent.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("act", [begin, lambda c: c.answer(HELLO), lambda c: c.finish()])
def test_what_is_written_to_a_client_that_has_gone_is_dropped(act: Act) -> None:
    @stepped
    async def scenario(loop: HandSetLoop) -> None:
        connection, client = asked(loop)
        client.reset()
        await loop.settle()
        act(connection)
        assert connection.write(b"x").done()
        assert client.sent == b""

    scenario()


# --- what the proxy says itself -------------------------------------------------------------------


def head_of(client: Pipe) -> bytes:
    return bytes(client.sent).partition(b"\r\n\r\n")[0]


@stepped
async def test_an_answer_says_when_it_was_made_and_how_long_it_is(loop: HandSetLoop) -> None:
    connection, client = asked(loop)
    connection.answer(HELLO)
    assert b"\r\ndate: " in head_of(client)
    assert b"\r\ncontent-length: 5" in head_of(client)
    assert client.sent.endswith(b"\r\n\r\nhello")


@stepped
async def test_a_refusal_says_when_it_was_made(loop: HandSetLoop) -> None:
    connection = ServerConnection(Root(), refusal, ClientLimits(), set())
    client = Pipe(connection, loop)
    client.feed(b"NO\r\n\r\n")
    assert b"\r\ndate: " in head_of(client)


@stepped
async def test_a_targets_reply_is_not_dated_again(loop: HandSetLoop) -> None:
    connection, client = asked(loop)
    begin(connection)
    await loop.settle()
    assert b"date" not in head_of(client)


def test_a_date_is_written_as_http_wants_it() -> None:
    assert _imf_fixdate(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT"  # RFC 9110, 5.6.7


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_has_no_body_has_no_length(status: int) -> None:
    @stepped
    async def scenario(loop: HandSetLoop) -> None:
        connection, client = asked(loop)
        connection.answer(Answer(status, "x", [], b""))
        assert b"content-length" not in head_of(client)
        client.feed(GET % b"y")
        connection.answer(HELLO)
        assert client.sent.endswith(b"\r\n\r\nhello")

    scenario()


@stepped
async def test_an_answer_to_head_has_a_length_and_no_body(loop: HandSetLoop) -> None:
    connection, client = asked(loop, b"HEAD")
    connection.answer(HELLO)
    assert b"\r\ncontent-length: 5" in head_of(client)
    assert client.sent.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "bad",
    [
        HELLO._replace(fields=[("A", "b\r\nC: d")]),
        HELLO._replace(fields=[("A", "\u2603")]),
        HELLO._replace(reason="O\nK"),
        HELLO._replace(body="text"),  # type: ignore[arg-type]
        HELLO._replace(fields=[("A",)]),  # type: ignore[list-item]
    ],
    ids=["line-break", "not-latin-1", "reason", "text", "no-pair"],
)
def test_an_answer_that_cannot_be_sent_leaves_room_for_another(bad: Answer) -> None:
    @stepped
    async def scenario(loop: HandSetLoop) -> None:
        connection, client = asked(loop)
        with pytest.raises((ValueError, TypeError)):
            connection.answer(bad)
        connection.answer(HELLO)
        assert client.sent.startswith(b"HTTP/1.1 200 OK\r\nA: b\r\n")
        assert client.sent.count(b"HTTP/1.1") == 1

    scenario()


class Unsendable(Message):
    """Answers with what cannot be sent, and does not notice."""

    def ended(self) -> None:
        self.connection.answer(HELLO._replace(reason="O\r\nK"))


def test_a_receiver_whose_answer_cannot_be_sent_does_not_end_the_connection_in_silence() -> None:
    @stepped
    async def scenario(loop: HandSetLoop) -> None:
        said: list[object] = []
        loop.set_exception_handler(lambda _, context: said.append(context["exception"]))
        connection = ServerConnection(Root(Unsendable), refusal, ClientLimits(), set())
        client = Pipe(connection, loop)
        client.feed(GET % b"x")
        await loop.settle()
        assert client.sent.startswith(b"HTTP/1.1 500")
        assert [type(failure) for failure in said] == [ValueError]

    scenario()
