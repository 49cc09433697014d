"""A read is bounded and leaves nothing behind, whichever event loop made the transport."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import uvloop

from cors_anywhere.http1.client import TargetConnection
from cors_anywhere.http1.target_life import TargetLimits
from cors_anywhere.http1.transport import READ_BYTES
from tests.support import PATIENCE
from tests.support.target import Do, target
from tests.support.wire import until

LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
LoopFactory = Callable[[], asyncio.AbstractEventLoop]


@asynccontextmanager
async def replied(body: bytes) -> AsyncIterator[TargetConnection]:
    """A connection on which a reply is coming that nobody reads."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with target((Do.REQUEST, head + body)) as server:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: TargetConnection(TargetLimits()), "127.0.0.1", server.port
        )
        connection.send_head("GET", "/", [("Host", "target.test")], 0)
        await connection.reply()
        yield connection
        connection.abort()


@LOOPS
def test_the_event_loop_reads_into_our_buffer(loop: LoopFactory) -> None:
    async def reading() -> tuple[int, int]:
        body = bytes(range(256)) * 4096
        async with asyncio.timeout(PATIENCE), replied(body) as connection:
            got = b""
            while chunk := await connection.read():
                got += chunk
            assert got == body
            return len(connection.get_buffer(-1)), got.count(bytes(connection.get_buffer(-1)[:256]))

    with asyncio.Runner(loop_factory=loop) as runner:
        size, found = runner.run(reading())
    assert size == READ_BYTES
    assert found  # what it holds was read


@LOOPS
def test_what_was_read_is_not_overwritten_by_another_read(loop: LoopFactory) -> None:
    async def reading() -> list[bytes]:
        async with asyncio.timeout(PATIENCE), AsyncExitStack() as stack:
            bodies = (b"first", b"second")
            connections = [await stack.enter_async_context(replied(body)) for body in bodies]
            assert await until(lambda: all(one._reply.complete for one in connections))
            return [await connection.read() for connection in connections]

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(reading()) == [b"first", b"second"]
