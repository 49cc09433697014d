"""The target's side of the wire, against raw sockets."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from cors_anywhere.errors import (
    BodyLengthWrong,
    ConnectionTerminated,
    GatewayError,
    ProxyError,
    ReadTimeout,
    ResponseHeadTooLarge,
    ResponseIncomplete,
    ResponseTimeout,
    TransferCodingError,
    UpgradeFailed,
    WriteTimeout,
)
from cors_anywhere.http1.client import REPLY_QUEUE_BYTES, TargetConnection, TargetLimits
from cors_anywhere.http1.output import reset_socket
from cors_anywhere.http1.reading import MAX_INTERIM
from cors_anywhere.messages import CHUNKED
from tests.support import PATIENCE
from tests.support.listening import stop_listening
from tests.support.loopback import Peer, in_loop, in_real_time
from tests.support.wire import until

SHORT = 0.2
FIELDS = [("Host", "target.test")]
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n"
NONE = b"Content-Length: 0\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
Script = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def facing(
    script: Script, limits: TargetLimits = TargetLimits()
) -> AsyncIterator[TargetConnection]:
    """A connection to a target that follows the script; the script's failures are the test's."""
    scripts: list[asyncio.Task[None]] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def play() -> None:
            try:
                await script(Peer(reader, writer))
            finally:
                writer.close()

        scripts.append(asyncio.ensure_future(play()))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=2**20)
    port = server.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        lambda: TargetConnection(limits), "127.0.0.1", port
    )
    try:
        yield connection
    finally:
        connection.abort()
        await stop_listening(server)
        for task in scripts:
            task.cancel()
        for outcome in await asyncio.gather(*scripts, return_exceptions=True):
            if isinstance(outcome, AssertionError):
                raise outcome


def sends(*pieces: bytes, end: str = "stay") -> Script:
    """Reads a request's head and sends these octets; then stays, or ends by "fin" or "rst"."""

    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        for piece in pieces:
            peer.writer.write(piece)
            await asyncio.sleep(0)
        if end == "rst":
            reset_socket(peer.writer.get_extra_info("socket"))
            peer.writer.transport.abort()
        if end == "stay":
            await peer.reader.read(-1)

    return script


async def whole(connection: TargetConnection) -> tuple[int, bytes]:
    """A reply's status and content."""
    head = await connection.reply()
    content = b""
    while piece := await connection.read():
        content += piece
    return head.status, content


async def closing(connection: TargetConnection) -> None:
    """Returns when the connection has ended."""
    while not connection.closed:
        await asyncio.sleep(SHORT / 5)


# --- what is sent --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "length", "framing"),
    [
        ("GET", 0, b""),
        ("PROPFIND", 0, b""),
        ("POST", 0, b"content-length: 0\r\n"),
        ("BREW", 0, b"content-length: 0\r\n"),
        ("GET", 3, b"content-length: 3\r\n"),
        ("DELETE", CHUNKED, b"transfer-encoding: chunked\r\n"),
    ],
)
@in_loop
async def test_a_head_is_sent_with_the_framing_that_its_body_needs(
    method: str, length: int, framing: bytes
) -> None:
    async def script(peer: Peer) -> None:
        await peer.exactly(b"%s /p?q HTTP/1.1\r\nHost: target.test\r\n" % method.encode() + framing)
        await peer.exactly(b"\r\n")
        peer.writer.write(OK + NONE)
        await peer.reader.read(-1)

    async with facing(script) as connection:
        connection.send_head(method, "/p?q", FIELDS, length)
        assert await whole(connection) == (200, b"")


@pytest.mark.parametrize(
    ("length", "octets"), [(5, b"abcde"), (CHUNKED, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")]
)
@in_loop
async def test_a_body_is_sent_as_it_was_announced(length: int, octets: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        await peer.exactly(octets)
        peer.writer.write(OK + NONE)
        await peer.reader.read(-1)

    async with facing(script) as connection:
        connection.send_head("PUT", "/", FIELDS, length)
        await connection.send(b"abc")
        await connection.send(b"de")
        connection.end_request()
        await whole(connection)
        assert connection.reusable


@pytest.mark.parametrize(
    ("length", "pieces", "written"),
    [
        (5, [b"abcde", b"GET /evil HTTP/1.1\r\n\r\n"], b"abcde"),
        (5, [b"abc", b"defGET /evil HTTP/1.1\r\n\r\n"], b"abc"),
        (5, [b"abc", None], b"abc"),
        (0, [b"GET /evil HTTP/1.1\r\n\r\n"], b""),
    ],
    ids=["behind-it", "across-its-end", "too-little", "none-announced"],
)
@in_loop
async def test_a_body_that_is_not_as_long_as_announced_ends_the_connection(
    length: int, pieces: list[bytes | None], written: bytes
) -> None:
    read = bytearray()
    reset = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        try:
            while piece := await peer.reader.read(100):
                read.extend(piece)
        except ConnectionResetError:
            pass
        reset.set()

    async with facing(script) as connection:
        connection.send_head("PUT", "/", FIELDS, length)
        with pytest.raises(BodyLengthWrong):
            for piece in pieces:
                if piece is None:
                    connection.end_request()
                else:
                    await connection.send(piece)
                    while len(read) < len(piece) and piece == pieces[0]:
                        await asyncio.sleep(0.001)
            await connection.reply()
        await reset.wait()
        assert read == written
        assert not connection.reusable


@in_loop
async def test_an_empty_piece_does_not_end_a_chunked_body() -> None:
    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        await peer.exactly(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n")
        peer.writer.write(OK + NONE)
        await peer.reader.read(-1)

    async with facing(script) as connection:
        connection.send_head("PUT", "/", FIELDS, CHUNKED)
        for piece in (b"a", b"", b"b"):
            await connection.send(piece)
        connection.end_request()
        assert await whole(connection) == (200, b"")


# --- what is read --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "seen", "reusable"),
    [
        (OK + b"Content-Length: 3\r\n\r\nabc", (200, b"abc"), True),
        (OK + CHUNKS + b"3;x\r\nabc\r\n0\r\nT: u\r\n\r\n", (200, b"abc"), True),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n", (204, b""), False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b""), True),
        (b"HTTP/1.1 304 X\r\nContent-Length: 0\r\n\r\n", (304, b""), True),
        (b"HTTP/1.1 408 Too late\r\nContent-Length: 1\r\n\r\na", (408, b"a"), False),
        (b"HTTP/1.1 304 X\r\nTransfer-Encoding: chunked\r\n\r\n", (304, b""), False),
        (OK + b"Connection: close\r\nContent-Length: 3\r\n\r\nabc", (200, b"abc"), False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", (200, b"abc"), False),
        (OK + b"Content-Length: 3\r\n\r\nabcd", (200, b"abc"), False),
        (OK + b"Content-Length: 0\r\n\r\nd", (200, b""), False),
        (OK + CHUNKS + b"0\r\n\r\nd", (200, b""), False),
        (b"HTTP/1.1 103 H\r\nA: b\r\n\r\n" + OK + NONE, (200, b""), True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("at_once", [True, False])
@in_loop
async def test_a_reply_is_read_to_its_end_and_no_further(
    octets: bytes, seen: tuple[int, bytes], reusable: bool, at_once: bool
) -> None:
    pieces = [octets] if at_once else [octets[i : i + 1] for i in range(len(octets))]
    async with facing(sends(*pieces)) as connection:
        connection.send_head("GET", "/", FIELDS, 0)
        assert await whole(connection) == seen
        while not reusable and connection.reusable:  # the octet behind may still be on its way
            await asyncio.sleep(0)
        assert connection.reusable is reusable


@in_loop
async def test_a_reply_without_framing_ends_with_its_connection() -> None:
    async with facing(sends(OK + b"\r\nabc", end="fin")) as connection:
        connection.send_head("GET", "/", FIELDS, 0)
        assert await whole(connection) == (200, b"abc")
        assert not connection.reusable


@in_loop
async def test_a_reply_to_head_has_no_body_whatever_it_says() -> None:
    async with facing(sends(OK + b"Content-Length: 9\r\n\r\n")) as connection:
        connection.send_head("HEAD", "/", FIELDS, 0)
        assert await whole(connection) == (200, b"")
        assert connection.reusable


@in_loop
async def test_one_connection_serves_one_exchange_after_another() -> None:
    async def script(peer: Peer) -> None:
        for body in (b"a", b"b", b"c"):
            await peer.until(b"\r\n\r\n")
            peer.writer.write(OK + b"Content-Length: 1\r\n\r\n" + body)
        await peer.reader.read(-1)

    async with facing(script) as connection:
        for body in (b"a", b"b", b"c"):
            connection.send_head("GET", "/", FIELDS, 0)
            assert await whole(connection) == (200, body)
            assert connection.reusable
            connection.to_idle(lambda: None, 5)
        assert connection.exchanges == 3


@in_loop
async def test_a_reply_before_the_end_of_the_request_spoils_the_connection() -> None:
    async with facing(sends(OK + NONE)) as connection:
        connection.send_head("PUT", "/", FIELDS, 9)
        assert await whole(connection) == (200, b"")
        assert not connection.reusable


# --- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "end", "failure"),
    [
        (b"", "fin", ConnectionTerminated),
        (b"", "rst", ConnectionTerminated),
        (b"HTTP/1.1 20", "fin", ConnectionTerminated),
        (b"HTTP/1.1 100 C\r\n\r\n", "fin", ConnectionTerminated),
        (OK + b"Content-Length: 4\r\n\r\nabc", "fin", ResponseIncomplete),
        (OK + b"Content-Length: 4\r\n\r\nabc", "rst", ResponseIncomplete),
        (OK + CHUNKS + b"3\r\nabc\r\n", "fin", ResponseIncomplete),
        (OK + CHUNKS + b"3\r\nabc\r\n0\r\n", "fin", ResponseIncomplete),
        (OK + b"\r\nabc", "rst", ResponseIncomplete),
        (OK + CHUNKS + b"3\r\nabcd\r\n", "stay", TransferCodingError),
        (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "stay", TransferCodingError),
        (b"SSH-2.0-x\r\n", "stay", GatewayError),
        (b"\x15\x03\x01", "stay", GatewayError),
        (b"HTTP/2.0 200 OK\r\n\r\n", "stay", GatewayError),
        (SWITCH, "stay", UpgradeFailed),
        (OK + b"A: " + b"x" * 32768, "stay", ResponseHeadTooLarge),
        (OK + b"A: " + b"x" * 32768 + b"\r\n\r\n", "stay", ResponseHeadTooLarge),
        (b"HTTP/1.1 102 P\r\n\r\n" * (MAX_INTERIM + 1), "stay", GatewayError),
    ],
)  # fmt: skip
@in_loop
async def test_a_fault_of_the_target_has_its_own_failure(
    octets: bytes, end: str, failure: type[ProxyError]
) -> None:
    async with facing(sends(octets, end=end)) as connection:
        connection.send_head("GET", "/", FIELDS, 0)
        with pytest.raises(failure) as caught:
            await whole(connection)
        assert type(caught.value) is failure
        assert not connection.reusable


@in_loop
async def test_content_that_came_before_a_fault_is_handed_over_first() -> None:
    arrived = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        peer.writer.write(OK + CHUNKS + b"3\r\nabc\r\n")
        await arrived.wait()
        peer.writer.write(b"no\r\n")
        await peer.reader.read(-1)

    async with facing(script) as connection:
        connection.send_head("GET", "/", FIELDS, 0)
        await connection.reply()
        while not connection._reply.queued:
            await asyncio.sleep(0)
        arrived.set()
        await closing(connection)
        assert await connection.read() == b"abc"
        with pytest.raises(TransferCodingError):
            await connection.read()


@in_loop
async def test_a_fault_right_behind_the_head_is_known_before_the_head_is_passed_on() -> None:
    async with facing(sends(OK + CHUNKS + b"3\r\nabc\r\nno\r\n")) as connection:
        connection.send_head("GET", "/", FIELDS, 0)
        with pytest.raises(TransferCodingError):
            await connection.reply()


@in_loop
async def test_a_reply_that_came_before_its_request_is_not_taken_for_the_reply() -> None:
    spoken = asyncio.Event()

    async def script(peer: Peer) -> None:
        peer.writer.write(OK + NONE)
        spoken.set()
        await peer.reader.read(-1)

    async with facing(script) as connection:
        await spoken.wait()
        connection.send_head("GET", "/", FIELDS, 0)
        with pytest.raises(GatewayError) as failure:
            await connection.reply()
        assert "not asked for" in failure.value.detail


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


@in_loop
async def test_a_101_that_was_asked_for_begins_a_tunnel() -> None:
    async with facing(sends(SWITCH + b"first")) as connection:
        connection.send_head("GET", "/", FIELDS, 0, upgrade=True)
        assert (await connection.reply()).status == 101
        assert await connection.read() == b"first"


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


# --- backpressure --------------------------------------------------------------------------------


@in_loop
async def test_a_target_is_read_no_further_than_is_taken() -> None:
    stuck = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        peer.writer.write(OK + b"Content-Length: 50000000\r\n\r\n")
        peer.writer.transport.set_write_buffer_limits(high=0)
        for _ in range(500):
            peer.writer.write(b"x" * 100_000)
            try:
                await asyncio.wait_for(peer.writer.drain(), 0.1)
            except TimeoutError:
                stuck.set()
                await peer.writer.drain()
        await peer.reader.read(-1)

    limits = TargetLimits(idle_timeout=3 * SHORT)
    async with facing(script, limits) as connection:
        connection.send_head("GET", "/", FIELDS, 0)
        await connection.reply()
        await stuck.wait()
        await asyncio.sleep(4 * SHORT)  # the deadline does not run while it is we who do not read
        got = len(await connection.read())
        assert got <= REPLY_QUEUE_BYTES + 65536
        while piece := await connection.read():
            got += len(piece)
        assert got == 50_000_000


@in_loop
async def test_a_target_that_reads_slowly_makes_sending_wait() -> None:
    begin = asyncio.Event()

    async def script(peer: Peer) -> None:
        await begin.wait()
        await peer.until(b"\r\n\r\n")
        await peer.reader.readexactly(20_000_000)
        peer.writer.write(OK + NONE)
        await peer.reader.read(-1)

    async with facing(script) as connection:
        connection.send_head("PUT", "/", FIELDS, 20_000_000)

        async def upload() -> None:
            for _ in range(200):
                await connection.send(b"x" * 100_000)
            connection.end_request()

        sending = asyncio.ensure_future(upload())
        done, _ = await asyncio.wait((sending,), timeout=0.1)
        assert not done
        assert connection.output.unsent() < 4 * 65536
        begin.set()
        assert await whole(connection) == (200, b"")
        await sending
        assert connection.reusable


@in_loop
async def test_a_target_that_goes_away_releases_whoever_sends() -> None:
    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        peer.writer.transport.abort()

    async with facing(script) as connection:
        connection.send_head("PUT", "/", FIELDS, 2**30)
        with pytest.raises(ConnectionTerminated):
            while True:
                await connection.send(b"x" * 65536)
                await asyncio.sleep(0)


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
