"""When more clients come than there are places, those who keep the proxy waiting give way."""

from __future__ import annotations

import asyncio
import os
import queue
import resource
import selectors
import socket
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any, NamedTuple

import pytest

from cors_anywhere.process.accepting import PATIENCE, RETRY_SECONDS, connection_limit, idle_limit
from tests.support import PATIENCE as HANG
from tests.support.process import Command, command
from tests.support.target import Do, Pause, Pour, Script, Target, Until, target
from tests.support.tls import Tls
from tests.support.wire import Client, Listening, Proxy, client, proxied, until

DESCRIPTORS = 256
CAP = 76  # two fifths of what is left of them
HELLO: Script = (Do.REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") * 999
LARGE: Script = (
    Do.REQUEST,
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
    Pour(lambda: (bytes(99999) for _ in range(1000))),
)


# --- the cap -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("descriptors", "clients", "idle"),
    [
        (64, 8, 1),
        (256, 76, 38),
        (1024, 384, 192),
        (65536, 26188, 512),
        (resource.RLIM_INFINITY, 419404, 512),
    ],
)
def test_the_limit_on_descriptors_is_shared_out(
    descriptors: int, clients: int, idle: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    infinite = descriptors == resource.RLIM_INFINITY
    soft = 2**63 - 1 if infinite else descriptors
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
    assert (connection_limit(), idle_limit()) == (clients, idle)


@pytest.mark.parametrize(("option", "cap"), [((), CAP), (("--max-connections", "9"), 9)])
def test_the_cap_is_logged_at_start(option: tuple[str, ...], cap: int) -> None:
    with limited(*option) as (_, log):
        assert f"At most {cap} client connections" in log()


def test_no_option_raises_the_cap_above_what_the_descriptors_allow() -> None:
    with limited("--max-connections", "9999") as (_, log):
        assert f"At most {CAP} client connections" in log()


@contextmanager
def limited(*options: str) -> Iterator[tuple[Command, Callable[[], str]]]:
    """The command with few descriptors, and a way to read its log."""
    with (
        tempfile.TemporaryFile("w+") as file,
        command(*options, descriptors=DESCRIPTORS, log=file) as running,
    ):
        yield running, lambda: os.pread(file.fileno(), 2**20, 0).decode()


# --- twice as many as there are places ------------------------------------------------------------

PART_OF_HEAD = b"GET / HTTP/1.1\r\nHost: proxy.test\r\n"
PART_OF_BODY = b"POST /%b HTTP/1.1\r\nHost: proxy.test\r\nContent-Length: 99999\r\n\r\nx"
WHOLE = b"GET /%b HTTP/1.1\r\nHost: proxy.test\r\n\r\n"
SLOW = {"idle": b"", "head": PART_OF_HEAD, "body": PART_OF_BODY, "reading": WHOLE}


class Slow(asyncio.Protocol):
    """A client that sends what it is given, reads nothing, and comes back when it is dropped."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._crowd.transports.add(transport)
        transport.write(self._crowd.octets)

    def data_received(self, data: bytes) -> None:
        self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.transports.discard(self._transport)
        self._crowd.come()


class Crowd:
    """A number of slow clients, until it leaves. `came` counts their connections."""

    def __init__(self, proxy: Listening, octets: bytes) -> None:
        self.octets = octets
        self.transports: set[asyncio.Transport] = set()
        self._port = proxy.port
        self._tasks: set[asyncio.Task[None]] = set()
        self._left = False
        self.came = 0

    def come(self) -> None:
        """One more."""
        if not self._left:
            task = asyncio.ensure_future(self._connect())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _connect(self) -> None:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, ("127.0.0.1", self._port))
        await loop.create_connection(lambda: Slow(self), sock=sock)
        self.came += 1

    async def leave(self) -> None:
        """All of them, at once."""
        self._left = True
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for transport in self.transports:
            transport.abort()


NEWCOMERS = 5
WAKES_EACH = 8
"""To take a connection in, to read from it, to ask its target, to drop both."""


class Observed(NamedTuple):
    """What a crowd did to the proxy while others came."""

    came: int  # connections of the crowd's
    seconds: float
    lines: int  # of log
    most: int  # descriptors that were open


async def serve_one(proxy: Listening, server: Target) -> None:
    """A request on a new connection. One that is not served fails the test."""
    async with client(proxy) as connection:
        await connection.ask(server.url)
        assert (await connection.reply()).body == b"hello"


@asynccontextmanager
async def crowded(proxy: Listening, kind: str) -> AsyncIterator[tuple[Crowd, Target]]:
    """A crowd that holds every place, and a target for the others, the first of whom was served."""
    script = LARGE if kind == "reading" else (Do.REQUEST, Do.WAIT)
    async with target(script) as slow, target(HELLO) as hello:
        octets = SLOW[kind]
        crowd = Crowd(proxy, octets % slow.url.encode() if b"%b" in octets else octets)
        for _ in range(2 * CAP):
            crowd.come()
        try:
            assert await until(lambda: crowd.came >= 2 * CAP)
            await serve_one(proxy, hello)
            yield crowd, hello
        finally:
            await crowd.leave()


async def observed(proxy: Command, log: Callable[[], str], kind: str) -> Observed:
    loop = asyncio.get_running_loop()
    async with crowded(proxy, kind) as (crowd, hello):
        came, began, most = crowd.came, loop.time(), 0
        for _ in range(NEWCOMERS):
            await serve_one(proxy, hello)
            most = max(most, proxy.descriptors())
        seen = Observed(crowd.came - came, loop.time() - began, log().count("\n"), most)
        await crowd.leave()
        await serve_one(proxy, hello)
    return seen


@pytest.mark.parametrize("kind", SLOW)
def test_a_crowd_of_slow_clients_shuts_nobody_out(kind: str) -> None:
    with limited() as (proxy, log):
        before = log().count("\n")
        seen = asyncio.run(observed(proxy, log, kind))
    print(f"{kind}: {seen}")
    # Nobody is dropped before the proxy's patience ends, so places change hands no faster.
    assert seen.came <= 2 * CAP * (seen.seconds / PATIENCE + 1)
    assert seen.lines - before <= 1
    assert seen.most <= DESCRIPTORS * 7 // 8


class Counting(selectors.DefaultSelector):
    """Counts how often an event loop wakes up."""

    woken = 0

    def select(self, timeout: float | None = None) -> Any:
        """As ever."""
        self.woken += 1
        return super().select(timeout)


@contextmanager
def watched() -> Iterator[tuple[Proxy, Counting]]:
    """A proxy with few places and a loop of its own, whose wake-ups are counted."""
    counting = Counting()
    started: queue.SimpleQueue[tuple[Proxy, asyncio.AbstractEventLoop, asyncio.Event]]
    started = queue.SimpleQueue()

    async def main() -> None:
        async with proxied(max_connections=CAP) as proxy:
            stop = asyncio.Event()
            started.put((proxy, asyncio.get_running_loop(), stop))
            await stop.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(counting)) as runner:
            runner.run(main())

    thread = threading.Thread(target=run)
    thread.start()
    proxy, loop, stop = started.get(timeout=HANG)
    try:
        yield proxy, counting
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(HANG)


@pytest.mark.parametrize("kind", SLOW)
def test_a_crowd_wakes_the_proxy_for_what_it_does_and_for_nothing_else(kind: str) -> None:
    async def woken(proxy: Proxy, counting: Counting) -> tuple[int, int, float]:
        loop = asyncio.get_running_loop()
        before, began = counting.woken, loop.time()
        async with crowded(proxy, kind) as (crowd, hello):
            for _ in range(NEWCOMERS):
                await serve_one(proxy, hello)
            return counting.woken - before, crowd.came + 1 + NEWCOMERS, loop.time() - began

    with watched() as (proxy, counting):
        wakes, came, seconds = asyncio.run(woken(proxy, counting))
    print(f"{kind}: {wakes} wake-ups for {came} connections in {seconds:.1f} s")
    assert wakes <= WAKES_EACH * came + 2 * seconds / RETRY_SECONDS


def test_slow_tls_handshakes_shut_nobody_out(tls: Tls) -> None:
    async def crowded_by_handshakes(proxy: Command) -> bytes:
        crowd = Crowd(proxy, b"\x16\x03\x01")
        for _ in range(2 * CAP):
            crowd.come()
        assert await until(lambda: crowd.came >= 2 * CAP)
        async with asyncio.timeout(HANG):
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port, ssl=tls.trust)
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            line = await reader.readline()
        writer.transport.abort()
        await crowd.leave()
        return line

    with limited("--tls-cert", tls.cert, "--tls-key", tls.key) as (proxy, _):
        assert asyncio.run(crowded_by_handshakes(proxy)) == b"HTTP/1.1 200 OK\r\n"


# --- who gives way, and who never does ------------------------------------------------------------


async def wait_for_answers(*clients: Client) -> list[bytes]:
    return [(await connection.reply()).body for connection in clients]


def test_a_request_that_is_being_served_never_gives_way_and_the_next_waits_its_turn() -> None:
    async def busy() -> list[bytes]:
        goes_on = asyncio.Event()
        late: Script = (Do.REQUEST, Until(goes_on), *HELLO[1:2])
        async with (
            proxied(max_connections=2) as proxy,
            target(late) as slow,
            target(HELLO) as hello,
            client(proxy) as one,
            client(proxy) as other,
        ):
            for connection in (one, other):
                await connection.ask(slow.url)
            async with client(proxy) as third:
                await third.ask(hello.url)
                answers = asyncio.ensure_future(wait_for_answers(third, one, other))
                await asyncio.sleep(2 * PATIENCE)
                assert not hello.requests
                goes_on.set()
                return await answers

    assert asyncio.run(busy()) == [b"hello"] * 3


UPLOAD = b"POST /%b HTTP/1.1\r\nHost: proxy.test\r\nContent-Length: 3000\r\n\r\n"


@pytest.mark.parametrize(
    ("drip", "gives_way"), [(b"x", True), (b"x" * 200, False)], ids=["drops", "a-stream"]
)
def test_an_upload_that_comes_in_drops_gives_way_and_a_steady_one_does_not(
    drip: bytes, gives_way: bool
) -> None:
    async def uploading() -> bool:
        async with (
            proxied(max_connections=1) as proxy,
            target((Do.REQUEST, Do.WAIT)) as server,
            client(proxy) as upload,
        ):
            upload.writer.write(UPLOAD % server.url.encode())
            for _ in range(8):
                upload.writer.write(drip)
                await asyncio.sleep(PATIENCE / 4)
            async with client(proxy) as waiting:
                await waiting.ask("")
                with suppress(TimeoutError):
                    async with asyncio.timeout(PATIENCE / 2):
                        return (await waiting.reply()).status == 200
                return False

    assert asyncio.run(uploading()) is gives_way


def test_a_connection_that_just_got_its_reply_is_not_taken_for_one_that_kept_us_waiting() -> None:
    late: Script = (Do.REQUEST, Pause(3 * PATIENCE), *HELLO[1:2])

    async def waited() -> float:
        async with (
            proxied(max_connections=1) as proxy,
            target(late) as slow,
            client(proxy) as connection,
        ):
            await connection.ask(slow.url)
            await connection.reply()
            (known,) = proxy.server.connections
            return known.kept_waiting()

    assert asyncio.run(waited()) < PATIENCE


# --- the descriptors of targets ------------------------------------------------------------------


def test_the_idle_connections_to_targets_have_their_share_and_no_more() -> None:
    async def asked(proxy: Command) -> bool:
        async with AsyncExitStack() as opened:
            connection = await opened.enter_async_context(client(proxy))
            await connection.ask("")
            await connection.reply()
            before = proxy.descriptors()
            for _ in range(60):
                server = await opened.enter_async_context(target(HELLO))
                await connection.ask(server.url)
                assert (await connection.reply()).body == b"hello"
            return await until(lambda: proxy.descriptors() == before + 38)

    with limited() as (proxy, _):
        assert asyncio.run(asked(proxy))
