"""The target's side of the wire, against raw sockets."""

from __future__ import annotations

import asyncio

import pytest

from cors_anywhere.errors import (
    BodyLengthWrong,
    ConnectionTerminated,
    GatewayError,
    ProxyError,
    ResponseHeadTooLarge,
    ResponseIncomplete,
    TransferCodingError,
    UpgradeFailed,
)
from cors_anywhere.http1.client import REPLY_QUEUE_BYTES
from cors_anywhere.http1.reading import MAX_INTERIM
from cors_anywhere.http1.target_life import TargetLimits
from cors_anywhere.messages import CHUNKED
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
from tests.support.loopback import Peer, in_loop

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


@in_loop
async def test_a_101_that_was_asked_for_begins_a_tunnel() -> None:
    async with facing(sends(SWITCH + b"first")) as connection:
        connection.send_head("GET", "/", FIELDS, 0, upgrade=True)
        assert (await connection.reply()).status == 101
        assert await connection.read() == b"first"


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
