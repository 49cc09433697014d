"""When more clients come than there are places, those who keep the proxy waiting give way."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import NamedTuple

import pytest

from cors_anywhere.process.accepting import PATIENCE, connection_limit, idle_limit
from tests.support.process import Command, command
from tests.support.target import Do, Pause, Pour, Script, Target, target
from tests.support.tls import Tls
from tests.support.wire import Client, client, proxied, until

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
    """A number of slow clients, until it leaves."""

    def __init__(self, proxy: Command, octets: bytes) -> None:
        self.octets = octets
        self.transports: set[asyncio.Transport] = set()
        self._port = proxy.port
        self._tasks: set[asyncio.Task[None]] = set()
        self._left = False

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

    async def leave(self) -> None:
        """All of them, at once."""
        self._left = True
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for transport in self.transports:
            transport.abort()


class Observed(NamedTuple):
    """What a crowd did to the proxy, and to the others."""

    busy: float  # the share of a processor
    lines: float  # of log in a second
    longest: float  # seconds that one request took
    back: float  # seconds from the crowd's end to a reply
    most: int  # descriptors that were open


async def crowded(proxy: Command, log: Callable[[], str], kind: str) -> Observed:
    loop = asyncio.get_running_loop()
    script = LARGE if kind == "reading" else (Do.REQUEST, Do.WAIT)
    async with target(script) as slow, target(HELLO) as hello:
        octets = SLOW[kind]
        crowd = Crowd(proxy, octets % slow.url.encode() if b"%b" in octets else octets)
        for _ in range(2 * CAP):
            crowd.come()
        assert await until(lambda: proxy.descriptors() >= CAP)
        await asyncio.sleep(1)  # the rush is over, what stays is the crowd
        began, lines, cpu, most, times = loop.time(), log().count("\n"), proxy.cpu(), 0, []
        while loop.time() < began + 3:
            times.append(await seconds_of_one(proxy, hello))
            most = max(most, proxy.descriptors())
            await asyncio.sleep(0.05)
        span = loop.time() - began
        busy, logged = (proxy.cpu() - cpu) / span, (log().count("\n") - lines) / span
        await crowd.leave()
        return Observed(busy, logged, max(times), await seconds_of_one(proxy, hello), most)


async def seconds_of_one(proxy: Command, server: Target) -> float:
    """How long a request on a new connection takes. One that is not served fails the test."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with client(proxy) as connection:
        await connection.ask(server.url)
        assert (await connection.reply()).body == b"hello"
    return loop.time() - begun


@pytest.mark.parametrize("kind", SLOW)
def test_a_crowd_of_slow_clients_shuts_nobody_out(kind: str) -> None:
    with limited() as (proxy, log):
        seen = asyncio.run(crowded(proxy, log, kind))
    print(f"{kind}: {seen}")
    assert seen.busy <= 0.2
    assert seen.lines <= 10
    assert seen.longest <= 1.0
    assert seen.back <= 1.0
    assert seen.most <= DESCRIPTORS * 7 // 8


def test_slow_tls_handshakes_shut_nobody_out(tls: Tls) -> None:
    async def crowded_by_handshakes(proxy: Command) -> bytes:
        crowd = Crowd(proxy, b"\x16\x03\x01")
        for _ in range(2 * CAP):
            crowd.come()
        assert await until(lambda: proxy.descriptors() >= CAP)
        async with asyncio.timeout(1):
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
    late: Script = (Do.REQUEST, Pause(1), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    async def busy() -> tuple[list[bytes], float]:
        loop = asyncio.get_running_loop()
        async with (
            proxied(max_connections=2) as proxy,
            target(late) as slow,
            target(HELLO) as hello,
            client(proxy) as one,
            client(proxy) as other,
        ):
            begun = loop.time()
            for connection in (one, other):
                await connection.ask(slow.url)
            async with client(proxy) as third:
                await third.ask(hello.url)
                bodies = await wait_for_answers(third, one, other)
            return bodies, loop.time() - begun

    bodies, seconds = asyncio.run(busy())
    assert bodies == [b"hello"] * 3
    assert 1 <= seconds <= 1 + 4 * PATIENCE


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
