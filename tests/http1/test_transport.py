"""A transport is used as a stream, whichever event loop made it."""

from __future__ import annotations

import asyncio

import uvloop

from cors_anywhere.http1.transport import READ_BYTES, stream
from tests.support.listening import stop_listening


async def connected() -> asyncio.BaseTransport:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    transport, _ = await loop.create_connection(
        asyncio.Protocol, *server.sockets[0].getsockname()[:2]
    )
    await stop_listening(server)
    return transport


async def used() -> asyncio.Transport:
    transport = await connected()
    streaming = stream(transport)
    assert streaming is transport
    streaming.abort()
    return streaming


def test_reads_are_bounded_on_asyncio() -> None:
    assert vars(asyncio.run(used()))["max_size"] == READ_BYTES


def test_uvloops_own_size_is_left_alone() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert not hasattr(runner.run(used()), "max_size")
