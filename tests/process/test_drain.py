"""The command is told to stop under load: nobody loses a request (D5)."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from tests.support import PATIENCE
from tests.support.clock import quiet
from tests.support.listening import stop_listening
from tests.support.loopback import in_loop
from tests.support.process import Command, command
from tests.support.target import Do, Step, Take, Target, Until, target
from tests.support.wire import Client, Seen, client, proxied, taken, until

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


# --- under load ---------------------------------------------------------------------------------

KEPT, EACH_SECOND, BEFORE = 20, 300, 1000
"""Clients that keep their connection; others that take a new one each; requests until the signal.
At 10 to 100 ms a request the former ask about 300 times a second too."""


class Slow:
    """A target that takes its time, or waits for the test; each reply says when it was sent."""

    def __init__(self) -> None:
        self._random = Random(5)
        self.in_flight = 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.in_flight += 1
                await asyncio.sleep(self._random.uniform(0.01, 0.1))
                await self.goes_on.wait()
                self.in_flight -= 1
                at = f"{time.monotonic():.6f}".encode()
                length = b"Content-Length: %d\r\n" % len(at)
                writer.write(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + at)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


class Load:
    """Requests without end, until nobody listens."""

    def __init__(self, proxy: Command, url: str) -> None:
        self._proxy = proxy
        self._url = url
        self.sent = 0
        self.replies: list[Seen] = []
        self.refused_at = 0.0
        self.refused = asyncio.Event()

    async def run(self) -> None:
        """Asks; returns when all that was asked has ended."""
        kept = [asyncio.ensure_future(self._keep()) for _ in range(KEPT)]
        single: list[asyncio.Future[None]] = []
        while not self.refused_at:
            single.append(asyncio.ensure_future(self._ask_once()))
            await asyncio.sleep(1 / EACH_SECOND)
        await asyncio.gather(*kept, *single)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client | None]:
        try:
            opening = client(self._proxy)
            connection = await opening.__aenter__()
        except OSError:
            self.refused_at = self.refused_at or time.monotonic()
            self.refused.set()
            yield None
            return
        yield connection
        await opening.__aexit__(None, None, None)

    async def _ask_once(self) -> None:
        async with self._connected() as connection:
            if connection is not None:
                await self._ask(connection)

    async def _keep(self) -> None:
        while not self.refused_at:
            async with self._connected() as connection:
                going = connection is not None
                while going and connection is not None and not connection.reader.at_eof():
                    seen = await self._ask(connection)
                    going = seen.end == "whole" and seen.fields.get("connection") != "close"

    async def _ask(self, connection: Client) -> Seen:
        self.sent += 1
        try:
            await connection.ask(self._url)
            seen = await connection.reply()
        except OSError:
            seen = Seen(0, {}, b"", "reset")
        self.replies.append(seen)
        return seen


class Shutdown(NamedTuple):
    """What came of one."""

    load: Load
    in_flight: int  # at the target, when nobody listened any more
    status: int


async def shutdown_under_load(*options: str) -> Shutdown:
    slow = Slow()
    server = await asyncio.start_server(slow.serve, "127.0.0.1", 0)
    with command(*options) as proxy:
        load = Load(proxy, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        running = asyncio.ensure_future(load.run())
        assert await until(lambda: load.sent >= BEFORE, within=6 * PATIENCE)
        slow.goes_on.clear()
        assert await until(lambda: slow.in_flight >= KEPT)
        proxy.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(load.refused.wait(), PATIENCE)
        in_flight = slow.in_flight
        slow.goes_on.set()
        await running
        status = await ended(proxy)
    await stop_listening(server)
    return Shutdown(load, in_flight, status)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_request_of_a_thousand_is_lost(workers: str, capfd: pytest.CaptureFixture[str]) -> None:
    seen = asyncio.run(shutdown_under_load("--workers", workers))
    load = seen.load
    assert len(load.replies) == load.sent >= BEFORE
    assert [reply for reply in load.replies if (reply.status, reply.end) != (200, "whole")] == []
    late = [reply for reply in load.replies if float(reply.body) > load.refused_at]
    assert len(late) >= seen.in_flight >= KEPT  # one may have been on its way there
    assert {reply.fields.get("connection") for reply in late} == {"close"}
    assert seen.status == 0
    errors = capfd.readouterr().err
    assert "Traceback" not in errors
    print(f"{load.sent} requests, {seen.in_flight} in flight")


# --- one at a time ------------------------------------------------------------------------------


async def stop(proxy: Command, number: int = signal.SIGTERM) -> None:
    """Sends a signal; returns when nobody listens any more."""
    proxy.process.send_signal(number)
    assert await until(lambda: not _listens(proxy.port))


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


async def ended(proxy: Command) -> int:
    """The exit status."""
    return await asyncio.to_thread(proxy.process.wait, PATIENCE)


class Talk(NamedTuple):
    """A client, the proxy and the target in the middle of an exchange."""

    proxy: Command
    server: Target
    client: Client


def talk(
    conversation: Callable[[Talk], Awaitable[None]], *script: Step, options: tuple[str, ...] = ()
) -> int:
    """Plays a conversation with the command; its exit status."""

    async def play() -> int:
        async with target(script) as server:
            with command(*options) as proxy:
                async with client(proxy) as connection:
                    await conversation(Talk(proxy, server, connection))
                    return await ended(proxy)

    return asyncio.run(play())


async def stop_for_long(proxy: Command) -> None:
    """Sends a signal; returns when an idle connection is no longer waited for."""
    async with client(proxy) as idle:
        await idle.ask("")
        await idle.reply()
        await stop(proxy)
        assert await idle.closed() == "fin"


async def under_way(talk: Talk, method: str = "GET", body: bytes = b"") -> None:
    """Asks; returns when the request has reached the target."""
    known = len(talk.server.requests)
    await talk.client.ask(talk.server.url, method, body)
    assert await until(lambda: len(talk.server.requests) > known)


def test_a_request_under_way_is_answered_and_told_that_it_is_the_last() -> None:
    stopped = asyncio.Event()

    async def conversation(talk: Talk) -> None:
        await under_way(talk)
        await stop(talk.proxy)
        stopped.set()
        seen = await talk.client.reply()
        assert (seen.body, seen.fields["connection"]) == (b"hello", "close")
        assert await talk.client.closed() == "fin"

    assert talk(conversation, Do.REQUEST, Until(stopped), HELLO) == 0


def test_an_idle_connection_is_closed() -> None:
    async def conversation(talk: Talk) -> None:
        await talk.client.ask(talk.server.url)
        await talk.client.reply()
        await stop(talk.proxy)
        assert await talk.client.closed() == "fin"

    assert talk(conversation, Do.REQUEST, HELLO) == 0


def test_a_connection_on_which_nothing_was_asked_is_closed() -> None:
    async def conversation(talk: Talk) -> None:
        await stop(talk.proxy)
        assert await talk.client.closed() == "fin"

    assert talk(conversation) == 0


@in_loop
async def test_a_request_that_crosses_the_end_is_answered() -> None:
    async with (
        proxied() as proxy,
        target((Do.REQUEST, HELLO) * 2) as server,
        client(proxy) as connection,
    ):
        await connection.ask(server.url)
        await connection.reply()
        draining = asyncio.ensure_future(proxy.server.drain(PATIENCE))
        await quiet()
        await connection.ask(server.url)
        seen = await connection.reply()
        assert (seen.body, seen.fields["connection"]) == (b"hello", "close")
        await draining


@in_loop
async def test_after_a_reply_that_had_begun_one_more_request_is_answered() -> None:
    stopped = asyncio.Event()
    script = (Do.REQUEST, HELLO[:-3], Until(stopped), b"llo", Do.REQUEST, HELLO)
    async with proxied() as proxy, target(script) as server, client(proxy) as connection:
        await connection.ask(server.url)
        await connection.reader.readuntil(b"\r\n\r\nhe")
        draining = asyncio.ensure_future(proxy.server.drain(PATIENCE))
        await quiet()
        stopped.set()
        assert await connection.reader.readexactly(3) == b"llo"
        await quiet()
        await connection.ask(server.url)
        seen = await connection.reply()
        assert (seen.body, seen.fields["connection"]) == (b"hello", "close")
        await draining


def test_requests_that_wait_behind_another_are_answered() -> None:
    stopped = asyncio.Event()

    async def conversation(talk: Talk) -> None:
        await under_way(talk)
        await talk.client.ask(talk.server.url)
        await talk.client.ask(talk.server.url)
        await taken(talk.client.writer)
        await stop(talk.proxy)
        stopped.set()
        seen = [await talk.client.reply() for _ in range(3)]
        assert [reply.body for reply in seen] == [b"hello"] * 3
        assert [reply.fields.get("connection") for reply in seen] == [None, None, "close"]

    assert talk(conversation, Do.REQUEST, Until(stopped), HELLO, *(Do.REQUEST, HELLO) * 2) == 0


def test_a_head_that_is_half_here_may_be_completed() -> None:
    async def conversation(talk: Talk) -> None:
        head = f"GET /{talk.server.url} HTTP/1.1\r\nHost: proxy.test\r\n\r\n".encode()
        talk.client.writer.write(head[:20])
        await taken(talk.client.writer)
        await stop_for_long(talk.proxy)
        talk.client.writer.write(head[20:])
        assert (await talk.client.reply()).body == b"hello"

    assert talk(conversation, Do.REQUEST, HELLO) == 0


def test_an_upload_may_be_completed() -> None:
    async def conversation(talk: Talk) -> None:
        known = len(talk.server.requests)
        fields = ("Content-Length: 6",)
        await talk.client.ask(talk.server.url, "POST", fields=fields)
        talk.client.writer.write(b"abc")
        assert await until(lambda: len(talk.server.requests) > known)
        await stop_for_long(talk.proxy)
        talk.client.writer.write(b"def")
        assert (await talk.client.reply()).body == b"hello"
        assert talk.server.digests == [sha256(b"abcdef").hexdigest()]

    assert talk(conversation, Do.REQUEST, Take(6), HELLO) == 0


# --- load balancers notice late -------------------------------------------------------------------


@pytest.mark.parametrize("workers", ["1", "2"])
def test_newcomers_are_served_until_load_balancers_have_noticed(workers: str) -> None:
    delay = 1.0

    async def conversation(talk: Talk) -> None:
        begun = time.monotonic()
        talk.proxy.process.terminate()
        served = 0
        try:
            while True:
                async with client(talk.proxy) as connection:
                    await connection.ask("iscorsneeded")
                    assert (await connection.reply()).body == b"no"
                served += 1
        except OSError:
            assert time.monotonic() - begun >= delay
        assert served

    options = ("--shutdown-delay", str(delay), "--workers", workers)
    assert talk(conversation, options=options) == 0


def _pending(proxy: Command) -> bool:
    """Whether a signal has not been taken yet."""
    status = Path(f"/proc/{proxy.process.pid}/status").read_text()
    return any(int(mask, 16) for mask in re.findall(r"(?:Sig|Shd)Pnd:\s*([0-9a-f]+)", status))


def test_a_second_signal_does_not_wait_for_load_balancers() -> None:
    async def conversation(talk: Talk) -> None:
        await under_way(talk)
        talk.proxy.process.terminate()
        assert await until(lambda: not _pending(talk.proxy))  # two that come together are one
        talk.proxy.process.terminate()
        assert (await talk.client.reply()).end == "reset"

    assert talk(conversation, Do.REQUEST, Do.WAIT, options=("--shutdown-delay", "600")) == 0


# --- an end to patience -------------------------------------------------------------------------


def test_the_drain_timeout_ends_what_does_not_end_by_itself() -> None:
    async def conversation(talk: Talk) -> None:
        await under_way(talk)
        begun = time.monotonic()
        await stop(talk.proxy)
        assert (await talk.client.reply()).end == "reset"
        assert time.monotonic() - begun >= 1

    assert talk(conversation, Do.REQUEST, Do.WAIT, options=("--drain-timeout", "1")) == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(first: int, second: int) -> None:
    async def conversation(talk: Talk) -> None:
        await under_way(talk)
        await stop(talk.proxy, first)
        talk.proxy.process.send_signal(second)
        assert await ended(talk.proxy) == 0
        assert (await talk.client.reply()).end == "reset"

    assert talk(conversation, Do.REQUEST, Do.WAIT) == 0


def test_with_nothing_under_way_the_end_comes_at_once(capfd: pytest.CaptureFixture[str]) -> None:
    with command() as proxy:
        proxy.process.send_signal(signal.SIGINT)
        assert asyncio.run(ended(proxy)) == 0
    assert not re.search("Traceback|KeyboardInterrupt", capfd.readouterr().err)
