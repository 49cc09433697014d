"""A connection to a target, against raw sockets: deadlines, times without a user, ends."""

from __future__ import annotations

import asyncio
import select
import socket

import pytest

from cors_anywhere.errors import (
    ProxyError,
    ReadTimeout,
    ResponseTimeout,
    WriteTimeout,
)
from cors_anywhere.http1.client import TargetConnection
from cors_anywhere.http1.output import reset_socket
from cors_anywhere.http1.target_life import TargetLimits
from tests.support import PATIENCE
from tests.support.facing import (
    CHUNKS,
    FIELDS,
    NONE,
    OK,
    SHORT,
    SWITCH,
    closing,
    facing,
    sends,
    whole,
)
from tests.support.loopback import Peer, in_loop, in_real_time
from tests.support.wire import until

# --- deadlines -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "failure"),
    [
        (b"", ResponseTimeout),
        (b"HTTP/1.1 200 OK\r\n", ResponseTimeout),
        (b"HTTP/1.1 100 C\r\n\r\n", ResponseTimeout),
        (OK + b"Content-Length: 3\r\n\r\n", ReadTimeout),
        (OK + b"\r\nab", ReadTimeout),
    ],
)
@in_loop
async def test_a_silent_target_is_given_up(octets: bytes, failure: type[ProxyError]) -> None:
    limits = TargetLimits(head_timeout=SHORT, idle_timeout=SHORT)
    async with facing(sends(octets), limits) as connection:
        connection.send_head("GET", "/", FIELDS, 0)
        with pytest.raises(failure):
            await whole(connection)
        assert connection.transport.is_closing()


@in_loop
async def test_a_target_that_does_not_read_is_given_up() -> None:
    async def script(peer: Peer) -> None:
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.get_running_loop().create_future()

    async with facing(script, TargetLimits(idle_timeout=SHORT)) as connection:
        connection.send_head("PUT", "/", FIELDS, 2**30)
        with pytest.raises(WriteTimeout):
            while True:
                await connection.send(b"x" * 65536)


@in_loop
async def test_the_deadline_of_a_send_does_not_outlast_it() -> None:
    begin, more = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        peer.writer.write(OK + b"Content-Length: 200000\r\n\r\n" + b"x" * 199_999)
        await begin.wait()
        await peer.reader.readexactly(20_000_000)
        await more.wait()
        peer.writer.write(b"x")
        await peer.reader.read(-1)

    async with facing(script, TargetLimits(idle_timeout=SHORT)) as connection:
        connection.send_head("PUT", "/", FIELDS, 20_000_000)
        await connection.reply()
        while not connection._reading_paused:  # it is our turn to read, and we do not
            await asyncio.sleep(0.001)
        begin.set()
        for _ in range(200):
            await connection.send(b"x" * 100_000)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(closing(connection), 4 * SHORT)
        more.set()
        connection.end_request()
        assert (await whole(connection))[1] == b"x" * 200_000


@in_loop
async def test_the_deadline_of_an_idle_connection_does_not_outlast_its_idleness() -> None:
    async def script(peer: Peer) -> None:
        for _ in range(2):
            await peer.until(b"\r\n\r\nx")
            peer.writer.write(OK + NONE)
        await peer.reader.read(-1)

    async with facing(script) as connection:
        for _ in range(2):
            connection.send_head("PUT", "/", FIELDS, 1)
            with pytest.raises(TimeoutError):  # the client takes its time
                await asyncio.wait_for(closing(connection), 2 * SHORT)
            await connection.send(b"x")
            connection.end_request()
            assert await whole(connection) == (200, b"")
            connection.to_idle(lambda: None, SHORT)


@pytest.mark.parametrize("octets", [b"HTTP/1.1 200 OK\r\n\r\n", b"\x00", None])
@in_loop
async def test_an_idle_connection_that_speaks_or_ends_is_reported_once(
    octets: bytes | None,
) -> None:
    go = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        peer.writer.write(OK + NONE)
        await go.wait()
        if octets:
            peer.writer.write(octets)
            await peer.reader.read(-1)

    async with facing(script) as connection:
        connection.send_head("GET", "/", FIELDS, 0)
        await whole(connection)
        ended: asyncio.Queue[None] = asyncio.Queue()
        connection.to_idle(lambda: ended.put_nowait(None), 5)
        go.set()
        await ended.get()
        assert ended.empty()
        assert connection.closed


@in_loop
async def test_an_idle_connection_ends_when_its_time_is_up() -> None:
    async with facing(sends(OK + NONE)) as connection:
        connection.send_head("GET", "/", FIELDS, 0)
        await whole(connection)
        ended = asyncio.Event()
        connection.to_idle(ended.set, SHORT)
        await ended.wait()


# --- a reply that nobody reads --------------------------------------------------------------------


DRAINED = [
    (b"Content-Length: 5\r\n\r\n", b"hello", True),
    (b"Content-Length: 65536\r\n\r\n", b"x" * 65536, True),
    (CHUNKS, b"5\r\nhello\r\n0\r\n\r\n", True),
    (CHUNKS, b"10001\r\n" + b"x" * 65537 + b"\r\n0\r\n\r\n", False),
    (b"Content-Length: 5\r\n\r\n", b"hell", False),
    (b"Content-Length: 5\r\n\r\n", b"hello!", False),
]


@pytest.mark.parametrize(("head", "body", "kept"), DRAINED)
@pytest.mark.parametrize("late", [False, True])
@in_loop
async def test_the_short_rest_of_a_reply_that_nobody_reads_is_dropped(
    head: bytes, body: bytes, kept: bool, late: bool
) -> None:
    go = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        peer.writer.write(OK + head)
        if late:
            await go.wait()
        peer.writer.write(body)
        await peer.reader.read(-1)

    async with facing(script) as connection:
        connection.send_head("GET", "/", FIELDS, 0)
        await connection.reply()
        assert connection.drainable or not kept
        ended: asyncio.Queue[bool] = asyncio.Queue()
        connection.drain(lambda: ended.put_nowait(connection.reusable))
        go.set()
        assert await ended.get() is kept
        assert ended.empty()


@pytest.mark.parametrize(
    "head", [b"Content-Length: 65537\r\n\r\n", b"Connection: close\r\n" + CHUNKS, b"\r\n"]
)
@in_loop
async def test_a_reply_too_long_to_drain_is_not_waited_for(head: bytes) -> None:
    async with facing(sends(OK + head)) as connection:
        connection.send_head("GET", "/", FIELDS, 0)
        await connection.reply()
        assert not connection.drainable


@in_loop
async def test_each_reply_that_nobody_reads_is_measured_by_itself() -> None:
    async def script(peer: Peer) -> None:
        for _ in range(3):
            await peer.until(b"\r\n\r\n")
            peer.writer.write(OK + b"Content-Length: 40000\r\n\r\n" + b"x" * 40_000)
        await peer.reader.read(-1)

    async with facing(script) as connection:
        for _ in range(3):
            connection.send_head("GET", "/", FIELDS, 0)
            await connection.reply()
            ended = asyncio.Event()
            connection.drain(ended.set)
            await ended.wait()
            assert connection.reusable
            connection.to_idle(lambda: None, 5)


# --- the end of a tunnel -------------------------------------------------------------------------


@in_real_time  # the kernel tells
async def test_a_target_that_does_not_read_hears_of_a_tunnels_end() -> None:
    ended = asyncio.get_running_loop().create_future()

    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        transport = peer.writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        theirs = peer.writer.get_extra_info("socket")
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        peer.writer.write(SWITCH)
        events = await asyncio.to_thread(heard, theirs)
        ended.set_result(events)

    async with facing(script) as connection:
        connection.send_head("GET", "/", FIELDS, 0, upgrade=True)
        await connection.reply()
        ours = connection.transport.get_extra_info("socket")
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2**20)
        await connection.output.write(bytes(2**20))
        assert await until(lambda: not connection.output.unsent())  # all of it is the kernel's
        connection.abort()
        assert await ended


def heard(sock: socket.socket) -> list[tuple[int, int]]:
    """What the kernel tells of the other end's end, without a read."""
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLRDHUP)
    return poll.poll(PATIENCE * 1000)


@in_loop
async def test_a_target_that_reads_gets_a_tunnels_last_frame_and_its_end() -> None:
    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        peer.writer.write(SWITCH)
        assert await peer.ended() == b"bye"

    async with facing(script) as connection:
        connection.send_head("GET", "/", FIELDS, 0, upgrade=True)
        await connection.reply()
        connection.output.write(b"bye")
        connection.abort()
        assert await until(lambda: connection.closed)


@in_real_time  # the kernel resets
async def test_a_tunnel_that_its_target_has_just_reset_ends_without_a_word() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: TargetConnection(TargetLimits()), *listener.getsockname()
        )
        theirs, _ = listener.accept()
    connection.send_head("GET", "/", FIELDS, 0, upgrade=True)
    theirs.sendall(SWITCH)
    await connection.reply()
    reset_socket(theirs)
    theirs.close()
    connection.abort()  # before the event loop has told of the reset
    assert await until(lambda: connection.closed)
