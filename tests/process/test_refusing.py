"""Those who get no place can read why, and hold next to nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from cors_anywhere.messages import Answer
from cors_anywhere.process.refusing import REFUSALS, Refusals
from tests.support.loopback import Peer, in_loop
from tests.support.wire import until

FULL = Answer(503, "Full", [("retry-after", "5")], b"no place")


@asynccontextmanager
async def refused(refusals: Refusals) -> AsyncIterator[Peer]:
    """A client that has been refused."""
    here, there = socket.socketpair()
    for sock in (here, there):
        sock.setblocking(False)
    refusals.refuse(there, FULL)
    reader, writer = await asyncio.open_connection(sock=here)
    try:
        yield Peer(reader, writer)
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


@in_loop
async def test_the_reply_follows_the_request_and_is_the_last() -> None:
    refusals = Refusals()
    async with refused(refusals) as peer:
        peer.writer.write(b"GET / HTTP/1.1\r\n\r\n")
        said = await peer.ended()
        assert said.startswith(b"HTTP/1.1 503 Full\r\nretry-after: 5\r\n")
        assert b"\r\ncontent-length: 8\r\nconnection: close\r\n" in said
        assert said.endswith(b"\r\n\r\nno place")
    assert await until(lambda: not refusals.open)


@in_loop
async def test_what_is_sent_after_the_reply_is_dropped_and_does_not_reset_it() -> None:
    refusals = Refusals()
    async with refused(refusals) as peer:
        peer.writer.write(b"POST / HTTP/1.1\r\nContent-Length: 99999\r\n\r\n")
        await peer.until(b"no place")
        peer.writer.write(bytes(99999))
        await peer.writer.drain()
        assert await peer.ended() == b""


@in_loop
async def test_head_gets_no_body() -> None:
    async with refused(Refusals()) as peer:
        peer.writer.write(b"HEAD / HTTP/1.1\r\n\r\n")
        assert (await peer.ended()).endswith(b"connection: close\r\n\r\n")


@in_loop
async def test_who_asks_nothing_is_dropped() -> None:
    refusals = Refusals()
    async with refused(refusals) as peer:
        assert await peer.ended() == b""
    assert not refusals.open


@in_loop
async def test_the_oldest_is_dropped_when_there_are_too_many() -> None:
    refusals = Refusals()
    async with AsyncExitStack() as opened:
        peers = [await opened.enter_async_context(refused(refusals)) for _ in range(REFUSALS)]
        assert await until(lambda: len(refusals.open) == REFUSALS)
        newest = await opened.enter_async_context(refused(refusals))
        assert await peers[0].ended() == b""
        newest.writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert (await newest.ended()).endswith(b"no place")


@in_loop
async def test_all_are_dropped_at_the_end() -> None:
    refusals = Refusals()
    async with refused(refusals) as peer:
        assert await until(lambda: refusals.open)
        refusals.close()
        assert await peer.ended() == b""
        assert not refusals.open
