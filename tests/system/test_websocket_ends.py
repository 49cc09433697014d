"""How WebSockets through the proxy end, and what happens while one side does not read."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosedError

from cors_anywhere.http1.output import reset_socket
from tests.support import PATIENCE
from tests.support.clock import LeapingLoop, quiet
from tests.support.fronts import Front
from tests.support.process import command
from tests.support.target import Do, target
from tests.support.tls import Tls
from tests.support.websocket import (
    ACCEPT,
    HANDSHAKE,
    MIB,
    SETTINGS,
    SWITCH,
    dial,
    echo_until_the_end,
    hand,
    peer,
    with_little_room,
)
from tests.support.wire import Held, proxied, stands_still, until


@pytest.fixture(scope="module")
def settings(tls: Tls) -> dict[str, Any]:
    return {**SETTINGS, "ca_file": tls.ca_file}


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_page_that_goes_away_takes_the_target_s_side_with_it(
    scheme: str, proxy: Front, tls: Tls
) -> None:
    async def leave() -> None:
        ended = asyncio.Event()

        async def serving(socket: ServerConnection) -> None:
            await echo_until_the_end(socket)
            ended.set()

        secure = tls if scheme == "wss" else None
        async with (
            peer(serving, secure) as host,
            dial(proxy.at, f"{scheme}://{host}/") as socket,
        ):
            await socket.send("hello")
            await socket.recv()
            socket.transport.abort()
            await asyncio.wait_for(ended.wait(), PATIENCE)

    asyncio.run(leave())


def test_a_page_that_goes_away_takes_a_target_that_does_not_read_with_it(proxy: Front) -> None:
    switch = SWITCH + f"Upgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}\r\n\r\n".encode()

    async def leave() -> None:
        script = (Do.REQUEST, switch, Do.HOLD)
        async with target(script, limit=4096) as server:
            reader, writer = await hand(proxy.at, server.url, *HANDSHAKE)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(MESSAGE * 32)
            await stands_still(proxy, writer.transport.get_write_buffer_size)
            reset_socket(writer.get_extra_info("socket"))  # no FIN gets past what nobody takes
            writer.transport.abort()
            assert await until(server.ended.is_set)

    asyncio.run(leave())


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_page_sees_that_the_target_has_gone(scheme: str, proxy: Front, tls: Tls) -> None:
    async def leave(socket: ServerConnection) -> None:
        await socket.recv()
        socket.transport.abort()

    async def watch() -> None:
        secure = tls if scheme == "wss" else None
        async with (
            peer(leave, secure) as host,
            dial(proxy.at, f"{scheme}://{host}/") as socket,
        ):
            await socket.send("hello")
            with pytest.raises(ConnectionClosedError):
                await asyncio.wait_for(socket.recv(), PATIENCE)

    asyncio.run(watch())


@pytest.mark.parametrize("by", ["page", "target", "page-vanishes", "target-vanishes"])
def test_a_tunnel_leaves_nothing_behind(by: str) -> None:
    async def talk() -> None:
        async def serving(socket: ServerConnection) -> None:
            await socket.recv()
            if by == "target":
                await socket.close()
            elif by == "target-vanishes":
                socket.transport.abort()
            await socket.wait_closed()

        async with proxied() as proxy, peer(serving) as host:
            before = Held.by(proxy)
            async with dial(f"127.0.0.1:{proxy.port}", f"ws://{host}/") as socket:
                await socket.send("hello")
                if by == "page":
                    await socket.close()
                elif by == "page-vanishes":
                    socket.transport.abort()
                await socket.wait_closed()
            assert await until(lambda: Held.by(proxy) == before), Held.by(proxy)

    asyncio.run(talk())


IDLE = 600.0
"""Seconds of silence that the clock leaps over."""


@pytest.mark.parametrize("by", ["page", "target"])
def test_a_tunnel_lives_while_one_side_speaks_and_ends_on_both_when_none_does(by: str) -> None:
    async def talk() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LeapingLoop)
        opened: asyncio.Queue[ServerConnection] = asyncio.Queue()

        async def serving(socket: ServerConnection) -> None:
            opened.put_nowait(socket)
            await socket.wait_closed()

        async with (
            proxied(tunnel_timeout=IDLE) as proxy,
            peer(serving) as host,
            dial(f"127.0.0.1:{proxy.port}", f"ws://{host}/", ping_interval=None) as socket,
        ):
            server = await opened.get()
            speaks, hears = (socket, server) if by == "page" else (server, socket)
            for _ in range(3):
                loop.leap(IDLE - 1)
                await speaks.send("still here")
                assert await hears.recv() == "still here"
            loop.leap(IDLE + 1)
            await socket.wait_closed()
            await server.wait_closed()

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        runner.run(talk())


# --- who does not read --------------------------------------------------------------------------

MESSAGE = b"x" * MIB
MANY = 64
"""Messages: more than all buffers on the way can hold."""


@pytest.mark.parametrize("reader", ["page", "target"])
def test_a_side_that_does_not_read_stops_the_other(proxy: Front, reader: str) -> None:
    async def talk() -> None:
        sent = 0
        read = asyncio.Event()
        got: list[int] = []

        async def pour(socket: ClientConnection | ServerConnection) -> None:
            nonlocal sent
            for _ in range(MANY):
                await socket.send(MESSAGE)
                sent += 1

        async def drink(socket: ClientConnection | ServerConnection) -> None:
            await read.wait()
            while len(got) < MANY:
                got.append(len(await socket.recv()))

        async def serving(socket: ServerConnection) -> None:
            await (pour(socket) if reader == "page" else drink(socket))
            await socket.wait_closed()

        async with peer(serving) as host:
            sock = with_little_room()
            sock.connect(("127.0.0.1", proxy.port))
            settings: dict[str, Any] = {"compression": None, "max_size": None, "sock": sock}
            settings["ping_interval"] = None
            async with dial(proxy.at, f"ws://{host}/", **settings) as socket:
                mine = asyncio.ensure_future((drink if reader == "page" else pour)(socket))
                assert await until(lambda: sent > 0)
                stopped_at = await stands_still(proxy, lambda: sent)
                read.set()
                await asyncio.wait_for(mine, 6 * PATIENCE)
                assert await until(lambda: got == [MIB] * MANY, within=6 * PATIENCE)
        assert stopped_at < MANY

    asyncio.run(talk())


# --- shutdown ---------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_shutdown_tells_both_sides_that_the_proxy_goes_away(scheme: str, tls: Tls) -> None:
    async def talk() -> tuple[int | None, int | None, int]:
        codes: asyncio.Queue[int | None] = asyncio.Queue()

        async def serving(socket: ServerConnection) -> None:
            await echo_until_the_end(socket)
            await socket.wait_closed()
            codes.put_nowait(socket.close_code)

        secure = tls if scheme == "wss" else None
        with command("--drain-timeout", "30", "--ca-file", tls.ca_file) as running:
            async with (
                peer(serving, secure) as host,
                dial(f"127.0.0.1:{running.port}", f"{scheme}://{host}/") as socket,
            ):
                await socket.send("before")
                assert await socket.recv() == "before"
                running.process.send_signal(signal.SIGTERM)
                await asyncio.wait_for(socket.wait_closed(), 20)
                told = await asyncio.wait_for(codes.get(), 20)
            status = await asyncio.to_thread(running.process.wait, 20)
            return socket.close_code, told, status

    assert asyncio.run(talk()) == (1001, 1001, 0)


def test_a_tunnel_whose_sides_ignore_the_close_ends_long_before_the_drain_timeout() -> None:
    async def talk() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LeapingLoop)
        switch = SWITCH + f"Upgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}\r\n\r\n".encode()
        async with target((Do.REQUEST, switch, Do.WAIT)) as server, proxied() as proxy:
            reader, writer = await hand(f"127.0.0.1:{proxy.port}", server.url, *HANDSHAKE)
            await reader.readuntil(b"\r\n\r\n")
            draining = asyncio.ensure_future(proxy.server.drain(IDLE))
            assert await reader.readexactly(4) == b"\x88\x02\x03\xe9"
            seconds = 0
            while not draining.done():
                loop.leap(1)
                seconds += 1
                await quiet()
            assert await reader.read() == b""
            assert server.ended.is_set()
            writer.close()
            return seconds

    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        assert runner.run(talk()) <= 10  # for the Close frame, then for the connection's rest
