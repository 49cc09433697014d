"""Clocks, stalls and ends of a client's connection, on a clock that is set by hand."""

from __future__ import annotations

import asyncio

import pytest

from cors_anywhere.http1.life import BODY_OCTETS_PER_SECOND, LINGER_SECONDS, ClientLimits
from cors_anywhere.http1.server import ServerConnection
from cors_anywhere.http1.states import BODY, CLOSED, HEAD, HELD, IDLE, LINGERING, WAITING, WHOLE
from tests.support.loopback import connected, in_loop, refusal, serving
from tests.support.pipe import HandSetLoop, Pipe, stepped
from tests.support.receivers import GET, HOST, Asking, Held, Message, Root, Silent

LIMITS = ClientLimits(header_timeout=10, idle_timeout=20, stall_timeout=30, body_timeout=40)
POST = b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 9000\r\n"
EXPECTING = POST + b"Expect: 100-continue\r\n\r\n"


def opened(loop: HandSetLoop, root: Root, pipe: type[Pipe] = Pipe) -> tuple[ServerConnection, Pipe]:
    """A connection, and its client's end."""
    connection = ServerConnection(root, refusal, LIMITS, set())
    return connection, pipe(connection, loop)


# --- clocks ---------------------------------------------------------------------------------------


@stepped
async def test_empty_lines_are_no_progress_and_hold_no_place(loop: HandSetLoop) -> None:
    connection, client = opened(loop, Root())
    for _ in range(100):
        await loop.pass_time(0.15)
        client.feed(b"\r\n")
    assert connection.kept_waiting() == pytest.approx(15)
    assert connection.stalled_for() == pytest.approx(15)
    await loop.pass_time(5.1)
    assert (client.end, bytes(client.sent)) == ("fin", b"")


@stepped
async def test_a_head_that_drips_is_no_progress_either(loop: HandSetLoop) -> None:
    connection, client = opened(loop, Root())
    await loop.pass_time(3)
    for octet in b"GET / HTTP/1.1":
        client.feed(bytes((octet,)))
        await loop.pass_time(0.5)
    assert connection.state is HEAD
    assert connection.kept_waiting() == pytest.approx(7)
    await loop.pass_time(3.1)
    assert client.sent.startswith(b"HTTP/1.1 408")


@stepped
async def test_who_waits_for_leave_to_send_is_never_late(loop: HandSetLoop) -> None:
    root = Root(Asking)
    connection, client = opened(loop, root)
    client.feed(EXPECTING)
    await loop.pass_time(1000)
    assert (connection.state, connection.kept_waiting()) == (WAITING, 0)
    assert client.sent == b""
    connection.want_body()
    await loop.pass_time(39)
    assert client.sent == b"HTTP/1.1 100 Continue\r\n\r\n"
    await loop.pass_time(1.1)
    assert b"HTTP/1.1 408" in client.sent


@stepped
async def test_a_client_that_begins_to_read_again_gains_no_time_for_its_head(
    loop: HandSetLoop,
) -> None:
    connection, client = opened(loop, Root())
    client.feed(b"GET / HT")
    await loop.pass_time(9)
    connection.pause_writing()
    connection.resume_writing()
    await loop.pass_time(1.1)
    assert client.sent.startswith(b"HTTP/1.1 408")


@stepped
async def test_each_piece_of_a_body_starts_its_clock_anew(loop: HandSetLoop) -> None:
    connection, client = opened(loop, Root(Silent))
    client.feed(POST + b"\r\n")
    for _ in range(3):
        await loop.pass_time(39)
        client.feed(b"x")
    assert connection.state is BODY
    await loop.pass_time(41)
    assert client.sent.startswith(b"HTTP/1.1 408")


@stepped
async def test_what_is_dropped_after_a_reply_has_one_clock_for_all_of_it(
    loop: HandSetLoop,
) -> None:
    root = Root(Silent)
    connection, client = opened(loop, root)
    client.feed(POST + b"\r\n")
    root.messages[0].answer(b"early")
    for _ in range(4):
        await loop.pass_time(LINGER_SECONDS / 4 - 0.1)
        client.feed(b"x")
    await loop.pass_time(0.5)
    assert connection.state is CLOSED


# --- who is waited for ----------------------------------------------------------------------------


@stepped
async def test_nobody_waits_for_the_client_while_the_proxy_is_at_work(loop: HandSetLoop) -> None:
    root = Root(Held)
    connection, client = opened(loop, root)
    client.feed(POST + b"\r\n" + b"x" * 8999)
    await loop.pass_time(5)
    assert (connection.state, connection.kept_waiting()) == (HELD, 0)
    message = root.messages[0]
    assert isinstance(message, Held)
    message.room.set_result(None)
    await loop.settle()
    await loop.pass_time(7)
    assert connection.state is BODY
    assert connection.kept_waiting() == pytest.approx(7)
    assert connection.stalled_for() == pytest.approx(7)


@stepped
async def test_a_body_that_drips_gains_only_what_its_octets_are_worth(loop: HandSetLoop) -> None:
    connection, client = opened(loop, Root(Silent))
    client.feed(POST + b"\r\n")
    for _ in range(16):
        await loop.pass_time(1)
        client.feed(b"x" * (BODY_OCTETS_PER_SECOND // 4))
    assert connection.kept_waiting() == pytest.approx(12)
    assert connection.stalled_for() == pytest.approx(0)


@stepped
async def test_a_reply_that_does_not_come_is_a_stall_but_no_wait_for_the_client(
    loop: HandSetLoop,
) -> None:
    root = Root(Silent)
    connection, client = opened(loop, root)
    await loop.pass_time(3)
    client.feed(GET % b"x")
    await loop.pass_time(8)
    assert (connection.state, connection.kept_waiting()) == (WHOLE, 0)
    assert connection.stalled_for() == pytest.approx(8)
    root.messages[0].begin()
    connection.write(b"x")
    assert connection.stalled_for() == 0


# --- a client that does not read ------------------------------------------------------------------


@stepped
async def test_whatever_a_client_sends_it_is_gone_when_it_has_not_read_in_time(
    loop: HandSetLoop,
) -> None:
    root = Root()
    connection, client = opened(loop, root)
    connection.pause_writing()
    for _ in range(29):
        await loop.pass_time(1)
        client.feed(GET % b"x")
    assert (connection.state, root.messages) == (IDLE, [])
    assert connection.kept_waiting() == pytest.approx(29)
    await loop.pass_time(1.1)
    assert client.end == "reset"


class Clogged(Pipe):
    """A transport whose peer takes octets at the test's word."""

    left = 0

    def get_write_buffer_size(self) -> int:
        return self.left


@stepped
async def test_who_still_reads_the_last_reply_slowly_is_not_idle(loop: HandSetLoop) -> None:
    connection, client = opened(loop, Root(), Clogged)
    assert isinstance(client, Clogged)
    client.feed(GET % b"x")
    client.left = 60_000
    connection.pause_writing()
    client.left = 4_000
    connection.resume_writing()
    for _ in range(4):
        await loop.pass_time(29)
        client.left -= 500
    assert connection.state is IDLE
    await loop.pass_time(61)
    assert client.end == "reset"


@stepped
async def test_requests_that_waited_for_the_client_to_read_are_served_when_it_does(
    loop: HandSetLoop,
) -> None:
    root = Root()
    connection, client = opened(loop, root)
    connection.pause_writing()
    client.feed((GET % b"x") * 5000)
    await loop.pass_time(1)
    assert root.messages == []
    connection.resume_writing()
    await loop.settle()
    assert len(root.messages) == 5000
    assert client.sent.count(b"GET /x ") == 5000


class Later(Message):
    """Answers at the loop's next turn, as the proxy does at the earliest."""

    most = 0

    def ended(self) -> None:
        waiting = len(self.connection._buffer) + len(self.connection._behind)
        Later.most = max(Later.most, waiting)
        asyncio.get_running_loop().call_soon(self.answer, b"")


@stepped
async def test_a_pipeline_is_read_no_faster_than_it_is_answered(loop: HandSetLoop) -> None:
    root = Root(Later)
    _, client = opened(loop, root)
    client.feed((GET % b"x") * 15_000)  # and its octets come as soon as reading is resumed
    await loop.settle()
    assert len(root.messages) == 15_000
    assert Later.most <= 2 * 65536


@stepped
async def test_what_is_left_of_a_held_body_is_dropped_when_the_reply_came_first(
    loop: HandSetLoop,
) -> None:
    root = Root(Held)
    connection, client = opened(loop, root)
    chunked = POST.replace(b"Content-Length: 9000", b"Transfer-Encoding: chunked")
    client.feed(chunked + b"\r\n1\r\nx\r\n")
    connection.data_received(b"1\r\ny\r\n0\r\n\r\n" + GET % b"next")  # was under way
    await loop.settle()
    root.messages[0].answer(b"early")
    await loop.settle()
    assert [message.head.path for message in root.messages] == ["/x", "/next"]


class Large(Message):
    """Answers with 64 KiB, and waits for nobody."""

    def ended(self) -> None:
        self.answer(bytes(65536))


@in_loop
async def test_a_pipeline_that_is_never_read_is_held_in_bounded_memory() -> None:
    root = Root(Large)
    async with (
        serving(root, ClientLimits(stall_timeout=0.5)) as server,
        connected(server.port, limit=1) as peer,
    ):
        peer.writer.write((GET % b"x") * 100_000)
        connection = (await root.arrived.get()).connection
        while not connection.output.paused:
            await asyncio.sleep(0)
        answered, most = len(root.messages), 0
        while not connection.closed:  # the client goes on to send
            most = max(most, connection.output.unsent())
            most = max(most, len(connection._buffer) + len(connection._behind))
            await asyncio.sleep(0)
        assert len(root.messages) - answered <= 8  # for what the kernel still took
        assert most <= 3 * 65536


# --- ends -----------------------------------------------------------------------------------------


class Reset(Pipe):
    """A transport whose client has gone, which nobody has been told yet."""

    def write_eof(self) -> None:
        raise OSError("Transport endpoint is not connected")


@stepped
async def test_a_client_that_has_gone_before_the_goodbye_is_no_mistake(loop: HandSetLoop) -> None:
    connection, client = opened(loop, Root(), Reset)
    client.feed(b"NO\r\n\r\n")
    await loop.settle()
    assert (connection.state, client.end) == (CLOSED, "reset")


@stepped
async def test_a_refused_client_has_a_little_time_to_read_why(loop: HandSetLoop) -> None:
    connection, client = opened(loop, Root())
    client.feed(b"NO\r\n\r\n")
    await loop.pass_time(LINGER_SECONDS - 0.1)
    assert connection.state is LINGERING
    await loop.pass_time(0.2)
    assert connection.state is CLOSED


@stepped
async def test_an_end_twice_is_an_end(loop: HandSetLoop) -> None:
    connection, _ = opened(loop, Root())
    for end in (connection.close, connection.abort, connection.give_way) * 2:
        end()
    await loop.settle()
    for end in (connection.close, connection.abort, connection.give_way, connection.drain):
        end()
    assert connection.state is CLOSED
