"""A read is bounded and leaves nothing behind, whichever event loop made the transport."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from cors_anywhere.http1.transport import READ_BYTES, Reading, stream
from tests.support import PATIENCE
from tests.support.listening import stop_listening

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])


class Reader(Reading):
    """Keeps what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[bytes] = []
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = stream(transport)

    def data_received(self, data: bytes) -> None:
        self.read.append(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.ended.set_result(None)


async def read(octets: bytes) -> list[bytes]:
    """What a Reader gets of octets that are all there before it reads."""
    readers: list[Reader] = []

    def reader() -> Reader:
        readers.append(Reader())
        return readers[0]

    server = await asyncio.get_running_loop().create_server(reader, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    writer.write(octets)
    writer.close()
    async with asyncio.timeout(PATIENCE):
        await writer.wait_closed()
        await readers[0].ended
    await stop_listening(server)
    return readers[0].read


@LOOPS
def test_reads_are_bounded(loop: LoopFactory) -> None:
    octets = bytes(range(256)) * 4096
    with asyncio.Runner(loop_factory=loop) as runner:
        pieces = runner.run(read(octets))
    assert b"".join(pieces) == octets
    assert max(map(len, pieces)) <= READ_BYTES


def test_what_was_read_is_not_overwritten_by_the_next_read() -> None:
    async def two() -> list[list[bytes]]:
        return [await read(b"first"), await read(b"second")]

    assert asyncio.run(two()) == [[b"first"], [b"second"]]
