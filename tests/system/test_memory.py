"""Bodies of any size pass unaltered through bounded memory, and slow peers cost others nothing.

`CORSANYWHERE_TEST_BIG=1` adds a body of 1 GiB each way.
"""

from __future__ import annotations

import asyncio
import gzip
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from random import Random
from typing import NamedTuple

import pytest

from tests.support.process import MIB, Command, command
from tests.support.target import Do, Pour, Script, Take, target
from tests.support.wire import Client, client, stands_still

BLOCK = Random(1).randbytes(65536)
BIG = (1024 * MIB,) if os.environ.get("CORSANYWHERE_TEST_BIG") else ()
SIZES = (1, 65535, 65536, 65537, MIB, 64 * MIB, *BIG)


def content(size: int) -> Iterator[bytes]:
    """That many octets, no two blocks alike."""
    for number in range(0, size, len(BLOCK)):
        piece = number.to_bytes(8, "big") + BLOCK[8:]
        yield piece[: size - number]


def digest(size: int) -> str:
    hashed = sha256()
    for piece in content(size):
        hashed.update(piece)
    return hashed.hexdigest()


@asynccontextmanager
async def asking(proxy: Command, url: str) -> AsyncIterator[Client]:
    """A client that has sent its request."""
    async with client(proxy, limit=2**18) as connection:
        await connection.ask(url)
        yield connection


# --- whole, and in little memory --------------------------------------------------------------


def with_length(size: int) -> Script:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()
    return (Do.REQUEST, head, Pour(lambda: content(size)))


def in_chunks(size: int) -> Script:
    def chunks() -> Iterator[bytes]:
        for piece in content(size):
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"

    return (Do.REQUEST, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Pour(chunks))


def until_close(size: int) -> Script:
    return (Do.REQUEST, b"HTTP/1.1 200 OK\r\n\r\n", Pour(lambda: content(size)), Do.FIN)


FRAMINGS = {"length": with_length, "chunked": in_chunks, "until-close": until_close}


class Got(NamedTuple):
    """A body that arrived."""

    digest: str
    size: int
    grown: int  # the most by which the proxy's memory grew, in octets


async def hashed(connection: Client, proxy: Command) -> Got:
    """Reads one reply."""
    head = await connection.reader.readuntil(b"\r\n\r\n")
    before = proxy.resident()
    body, size = sha256(), 0
    if b"transfer-encoding: chunked" in head:
        while left := int(await connection.reader.readuntil(b"\r\n"), 16):
            size += left
            body.update(await connection.reader.readexactly(left))
            await connection.reader.readexactly(2)
        await connection.reader.readexactly(2)
    else:
        size = int(head.partition(b"content-length: ")[2].split(b"\r\n")[0])
        left = size
        while left:
            piece = await connection.reader.read(min(left, 2**18))
            assert piece
            body.update(piece)
            left -= len(piece)
    return Got(body.hexdigest(), size, proxy.resident("VmHWM") - before)


@pytest.fixture(scope="module")
def proxy() -> Iterator[Command]:
    with command() as running:
        yield running


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_reply_arrives_octet_for_octet_in_flat_memory(
    proxy: Command, framing: str, size: int
) -> None:
    async def downloaded() -> Got:
        async with (
            target(FRAMINGS[framing](size)) as server,
            asking(proxy, server.url) as connection,
        ):
            return await hashed(connection, proxy)

    got = asyncio.run(downloaded())
    assert (got.digest, got.size) == (digest(size), size)
    print(f"{framing}, {size} octets: memory grew by {got.grown / MIB:.1f} MiB")
    assert got.grown <= 8 * MIB


@pytest.mark.parametrize("size", SIZES)
def test_an_upload_arrives_octet_for_octet_in_flat_memory(proxy: Command, size: int) -> None:
    async def uploaded() -> list[str]:
        script = (Do.REQUEST, Take(size), b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        async with target(script) as server, client(proxy) as connection:
            await connection.ask(server.url, "PUT", b"", (f"Content-Length: {size}",))
            for piece in content(size):
                connection.writer.write(piece)
                await connection.writer.drain()
            await connection.reader.readuntil(b"\r\n\r\n")
            return server.digests

    before = proxy.resident()
    assert asyncio.run(uploaded()) == [digest(size)]
    grown = proxy.resident("VmHWM") - before
    print(f"upload, {size} octets: memory grew by {grown / MIB:.1f} MiB")
    assert grown <= 8 * MIB


def test_a_gzip_bomb_passes_unopened(proxy: Command) -> None:
    bomb = gzip.compress(bytes(100 * MIB), 1)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"

    async def downloaded() -> Got:
        async with (
            target((Do.REQUEST, head.encode(), bomb)) as server,
            asking(proxy, server.url) as connection,
        ):
            return await hashed(connection, proxy)

    got = asyncio.run(downloaded())
    assert (got.digest, got.size) == (sha256(bomb).hexdigest(), len(bomb))
    assert got.grown <= 8 * MIB


# --- slow readers, and costly senders -----------------------------------------------------------

READERS = 200


def test_two_hundred_readers_that_stall_cost_little() -> None:
    async def stalled(proxy: Command) -> int:
        async with AsyncExitStack() as opened:
            server = await opened.enter_async_context(target(with_length(1024 * MIB)))
            before = 0
            for number in range(READERS + 1):
                connection = await opened.enter_async_context(asking(proxy, server.url))
                await connection.reader.readuntil(b"\r\n\r\n")
                transport = connection.writer.transport
                assert isinstance(transport, asyncio.Transport)
                transport.pause_reading()
                if number == 0:  # whatever is loaded once is loaded now
                    before = await stands_still(proxy, proxy.resident)
            return await stands_still(proxy, proxy.resident) - before

    with command() as proxy:
        grown = asyncio.run(stalled(proxy))
    print(f"{READERS} stalled readers of 1 GiB: {grown / MIB:.1f} MiB")
    assert grown <= 64 * MIB


def test_a_pipeline_that_is_never_read_costs_little_and_ends() -> None:
    requests = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2000

    async def flooded(proxy: Command) -> int:
        async with client(proxy) as connection:
            connection.writer.transport.set_write_buffer_limits(high=0)
            before = proxy.resident()
            with pytest.raises(ConnectionError):
                while True:
                    connection.writer.write(requests)
                    await connection.writer.drain()
            return proxy.resident("VmHWM") - before

    with command("--client-stall-timeout", "0.5") as proxy:
        grown = asyncio.run(asyncio.wait_for(flooded(proxy), 60))
    print(f"A pipeline that is never read: {grown / MIB:.1f} MiB")
    assert grown <= 8 * MIB


CHUNKS = 10_000_000
TINY = b"1\r\nx\r\n" * 10_000


def test_a_body_in_chunks_of_one_octet_does_not_shut_others_out() -> None:
    with command() as proxy:
        size, times = asyncio.run(others_during_tiny_chunks(proxy))
    assert size == CHUNKS
    # One after the other, before the body was through; libuv reads a socket 32 times in a turn.
    assert len(times) >= 30


async def others_during_tiny_chunks(proxy: Command) -> tuple[int, list[float]]:
    """The size of a body that comes octet by octet, and how long other requests take meanwhile."""

    def tiny() -> Iterator[bytes]:
        for _ in range(CHUNKS // 10_000):
            yield TINY
        yield b"0\r\n\r\n"

    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    hello = (Do.REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    async with (
        target((Do.REQUEST, head, Pour(tiny))) as costly,
        target(hello * 9999) as plain,
        asking(proxy, costly.url) as connection,
    ):
        reading = asyncio.ensure_future(hashed(connection, proxy))
        times = await times_of_others(proxy, plain.url, reading)
        return (await reading).size, times


async def times_of_others(proxy: Command, url: str, busy: asyncio.Future[Got]) -> list[float]:
    """How long requests take, one after the other, while the proxy is busy."""
    loop = asyncio.get_running_loop()
    times = []
    async with client(proxy) as connection:
        while not busy.done():
            begun = loop.time()
            await connection.ask(url)
            assert (await connection.reply()).body == b"hello"
            times.append(loop.time() - begun)
            await asyncio.sleep(0.001)
    return times
