"""What becomes of a connection that Tornado's HTTP has let go of, on real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tornado.iostream import IOStream, StreamClosedError

from cors_anywhere.fronts import detached
from cors_anywhere.fronts.detached import DetachedConnection, linger
from cors_anywhere.http1.output import reset_socket
from tests.support.loopback import in_loop

MIB = 1024 * 1024


@asynccontextmanager
async def joined() -> AsyncIterator[tuple[IOStream, IOStream]]:
    """The two ends of a connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        there = socket.create_connection(listening.getsockname())
        here, _ = listening.accept()
    ends = IOStream(here), IOStream(there)
    try:
        yield ends
    finally:
        for end in ends:
            end.close()
        await asyncio.sleep(0)


# --- the last reply -------------------------------------------------------------------------------


@in_loop
async def test_a_client_that_goes_on_sending_can_read_its_last_reply() -> None:
    async with joined() as (here, there):
        await there.write(bytes(MIB // 4))
        linger(here, here.write(b"the last"))
        await there.write(bytes(MIB))
        assert await there.read_until_close() == b"the last"
        assert there.error is None


@in_loop
async def test_a_client_that_never_goes_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detached, "LINGER_SECONDS", 0.05)
    async with joined() as (here, there):
        left = asyncio.Event()
        here.set_close_callback(left.set)
        linger(here, here.write(b"the last"))
        await left.wait()
        assert not there.closed()


# --- a tunnel -------------------------------------------------------------------------------------


class Told:
    """What a tunnel's owner is told. It takes a piece at a time if it is told to."""

    def __init__(self, room: asyncio.Future[None] | None = None) -> None:
        self.pieces = b""
        self.ended = asyncio.Event()
        self.left = asyncio.Event()
        self._room = room

    def feed(self, piece: bytes) -> asyncio.Future[None] | None:
        self.pieces += piece
        return self._room


@in_loop
async def test_octets_pass_both_ways_until_the_client_ends() -> None:
    async with joined() as (here, there):
        told = Told()
        tunnel = DetachedConnection(here, told.feed, told.ended.set, told.left.set)
        await there.write(b"to")
        await tunnel.write(b"fro")
        assert await there.read_bytes(3) == b"fro"
        there.close()
        await told.ended.wait()
        assert told.pieces == b"to"
        await tunnel.write(b"nobody")
        tunnel.finish()


@in_loop
async def test_nothing_is_read_while_there_is_no_room() -> None:
    async with joined() as (here, there):
        room: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        told = Told(room)
        tunnel = DetachedConnection(here, told.feed, told.ended.set, told.left.set)
        await there.write(bytes(MIB // 4))
        while not told.pieces:
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(told.pieces) <= 65536
        room.set_result(None)
        while len(told.pieces) < MIB // 4:
            await asyncio.sleep(0)
        tunnel.finish()


@in_loop
async def test_a_client_that_leaves_while_there_is_no_room_is_noticed() -> None:
    async with joined() as (here, there):
        told = Told(asyncio.get_running_loop().create_future())
        tunnel = DetachedConnection(here, told.feed, told.ended.set, told.left.set)
        await there.write(b"to")
        there.close()
        await told.left.wait()
        assert here.closed()
        tunnel.finish()


@in_loop
async def test_a_client_that_resets_the_connection_has_left_and_not_ended() -> None:
    async with joined() as (here, there):
        told = Told()
        tunnel = DetachedConnection(here, told.feed, told.ended.set, told.left.set)
        await there.write(b"to")
        while not told.pieces:
            await asyncio.sleep(0)
        reset_socket(there.socket)
        there.close()
        await told.left.wait()
        assert not told.ended.is_set()
        tunnel.finish()


@in_loop
async def test_an_aborted_tunnel_is_reset() -> None:
    async with joined() as (here, there):
        told = Told()
        DetachedConnection(here, told.feed, told.ended.set, told.left.set).abort()
        with pytest.raises(StreamClosedError) as caught:
            await there.read_bytes(1)
        assert isinstance(caught.value.real_error, ConnectionResetError)
