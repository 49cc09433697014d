"""The clock that is not waited for is right."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from tests.support.clock import MOST, hasty, quiet


def test_hours_pass_once_nothing_moves_and_in_order() -> None:
    async def passed() -> tuple[list[str], float]:
        loop = asyncio.get_running_loop()
        begun, order = loop.time(), list[str]()
        loop.call_later(7200, order.append, "later")
        loop.call_later(3600, order.append, "sooner")
        await asyncio.sleep(10_800)
        return order, loop.time() - begun

    begun = time.monotonic()
    order, hours = hasty(passed())
    assert order == ["sooner", "later"]
    assert hours >= 10_800
    assert time.monotonic() - begun < 100 * MOST


def test_what_hangs_is_given_up() -> None:
    async def hangs() -> None:
        async with asyncio.timeout(3600):
            await asyncio.get_running_loop().create_future()

    with pytest.raises(TimeoutError):
        hasty(hangs())


def test_what_is_sent_comes_before_the_clock_leaps() -> None:
    async def talk() -> bytes:
        here, there = socket.socketpair()
        for sock in (here, there):
            sock.setblocking(False)
        loop = asyncio.get_running_loop()
        with here, there:
            await loop.sock_sendall(here, b"x")
            async with asyncio.timeout(0.1):
                return await loop.sock_recv(there, 1)

    assert hasty(talk()) == b"x"


def test_quiet_waits_for_what_is_under_way() -> None:
    async def talk() -> int:
        reader = asyncio.StreamReader()
        here, there = socket.socketpair()
        loop = asyncio.get_running_loop()
        there.setblocking(False)
        transport, _ = await loop.create_connection(
            lambda: asyncio.StreamReaderProtocol(reader), sock=there
        )
        with here:
            here.sendall(bytes(100_000))
            await quiet()
        transport.abort()
        return len(reader._buffer)  # type: ignore[attr-defined]

    assert hasty(talk()) == 100_000
