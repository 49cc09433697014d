"""Whoever comes, and whatever a crowd does, there is a place for others."""

from __future__ import annotations

import asyncio
import os
import queue
import resource
import selectors
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager, suppress
from functools import cache
from typing import Any

import pytest

from cors_anywhere.outcome import Outcome
from cors_anywhere.process.accepting import RETRY_SECONDS
from cors_anywhere.process.shares import PATIENCE
from tests.support import PATIENCE as HANG
from tests.support.clock import hasty
from tests.support.crowd import (
    ATTACKS,
    DRIP_SECONDS,
    NEWCOMER,
    Attack,
    Crowd,
    client_at,
    crowd,
    replies,
)
from tests.support.process import Command, command
from tests.support.target import Do, Pause, Script, Target, target
from tests.support.tls import Tls
from tests.support.waiting import eventually
from tests.support.wire import Client, Listening, Proxy, client, proxied, until

DESCRIPTORS = 256
CAP = 76  # two fifths of what is left of them
HELLO: Script = (Do.REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") * 999
SILENT: Script = (Do.REQUEST, Do.WAIT)


@contextmanager
def limited(*options: str) -> Iterator[tuple[Command, Callable[[], str]]]:
    """The command with few descriptors, and a way to read its log."""
    with (
        tempfile.TemporaryFile("w+") as file,
        command(*options, descriptors=DESCRIPTORS, log=file) as running,
    ):
        yield running, lambda: os.pread(file.fileno(), 2**20, 0).decode()


@pytest.mark.parametrize(
    ("options", "limits"),
    [
        ((), (CAP, CAP // 4)),
        (("--max-connections", "9"), (9, 8)),
        (("--max-connections", "9999"), (CAP, CAP // 4)),
        (("--max-connections-per-client", "3"), (CAP, 3)),
    ],
)
def test_the_limits_are_logged_at_start(options: tuple[str, ...], limits: tuple[int, int]) -> None:
    with limited(*options) as (_, log):
        said = "At most {} client connections at a time, {} of one client".format(*limits)
        assert eventually(lambda: said in log())


# --- a crowd with twice as many connections as there are places -------------------------------

ALL_OF_THEM = ("--max-connections-per-client", "999")
CROWDS = {1: ALL_OF_THEM, 8: ()}
"""From one address it holds all places only where the operator lets it."""


NEWCOMERS = 5


@asynccontextmanager
async def holding(
    proxy: Listening, attack: Attack, addresses: int = 1
) -> AsyncIterator[tuple[Crowd, Target]]:
    """A crowd that holds all places, and a target for the others."""
    async with (
        target(attack.target) as its_own,
        target(HELLO) as hello,
        crowd(proxy, attack, 2 * CAP, url=its_own.url, addresses=addresses) as crowding,
    ):
        assert await until(lambda: crowding.came >= 2 * CAP)
        yield crowding, hello


async def served(proxy: Listening, hello: Target, tls: Tls | None = None) -> bool:
    """Whether a request from elsewhere is answered, on a new connection."""
    async with client_at(NEWCOMER, proxy, tls.trust if tls else None) as newcomer:
        await newcomer.ask(hello.url)
        return (await newcomer.reply()).body == b"hello"


async def newcomers_served(proxy: Command, attack: Attack, addresses: int, tls: Tls | None) -> int:
    """How many of them are served while the crowd holds on."""
    async with holding(proxy, attack, addresses) as (_, hello):
        assert await until(lambda: proxy.descriptors() >= CAP)
        count = sum([await served(proxy, hello, tls) for _ in range(NEWCOMERS)])
        assert proxy.descriptors() >= CAP
    assert await until(lambda: proxy.descriptors() < CAP)
    return count


Besieged = Callable[[int, bool], tuple[Command, Callable[[], str]]]


@pytest.fixture(scope="module")
def besieged(tls: Tls) -> Iterator[Besieged]:
    """The command that crowds from so many addresses come to, over TLS or not, and its log: one
    crowd after the other."""
    with ExitStack() as opened:

        @cache
        def running(addresses: int, over_tls: bool) -> tuple[Command, Callable[[], str]]:
            serving_tls = ("--tls-cert", tls.cert, "--tls-key", tls.key) if over_tls else ()
            return opened.enter_context(limited(*CROWDS[addresses], *serving_tls))

        yield running


@pytest.mark.parametrize("addresses", CROWDS)
@pytest.mark.parametrize("kind", ATTACKS)
def test_a_crowd_that_holds_all_places_shuts_nobody_out(
    besieged: Besieged, kind: str, addresses: int, tls: Tls
) -> None:
    attack = ATTACKS[kind]
    proxy, log = besieged(addresses, attack.tls)
    before = len(log())
    trust = tls if attack.tls else None
    assert asyncio.run(newcomers_served(proxy, attack, addresses, trust)) == NEWCOMERS
    said = log()[before:]
    assert "Cannot accept" not in said
    assert said.count("\n") <= 10  # the limits, and at times who was refused


WAKES_EACH = 8
"""To take a connection in, to read from it, to ask its target, to drop both."""


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
        async with proxied(max_connections=CAP, max_connections_per_client=999) as proxy:
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


@pytest.mark.parametrize("kind", [kind for kind, attack in ATTACKS.items() if not attack.tls])
def test_a_crowd_wakes_the_proxy_for_what_it_does_and_for_nothing_else(kind: str) -> None:
    async def woken(proxy: Proxy, counting: Counting) -> tuple[int, int, float]:
        loop = asyncio.get_running_loop()
        before, began = counting.woken, loop.time()
        async with holding(proxy, ATTACKS[kind]) as (crowding, hello):
            for _ in range(NEWCOMERS):
                assert await served(proxy, hello)
            return counting.woken - before, crowding.came + NEWCOMERS, loop.time() - began

    with watched() as (proxy, counting):
        wakes, came, seconds = asyncio.run(woken(proxy, counting))
    drips = CAP * seconds / DRIP_SECONDS if ATTACKS[kind].drip else 0
    print(f"{kind}: {wakes} wake-ups for {came} connections in {seconds:.1f} s")
    assert wakes <= WAKES_EACH * came + 2 * seconds / RETRY_SECONDS + drips


# --- one client's share ---------------------------------------------------------------------------


def test_beyond_its_share_a_client_is_told_so_and_others_are_not() -> None:
    async def share() -> None:
        async with (
            proxied(max_connections_per_client=2) as proxy,
            target(SILENT) as silent,
            target(HELLO) as hello,
            client(proxy) as one,
            client(proxy) as other,
        ):
            for connection in (one, other):
                await connection.ask(silent.url)
            assert await until(lambda: len(silent.requests) == 2)
            async with client(proxy) as third, client_at(NEWCOMER, proxy) as newcomer:
                await third.ask(hello.url)
                refused = await third.reply()
                assert await third.closed() == "fin"
                await newcomer.ask(hello.url)
                assert (await newcomer.reply()).body == b"hello"
            assert (refused.status, refused.error) == (503, "connection_limit_reached")
            assert int(refused.fields["retry-after"]) > 0
            assert refused.fields["access-control-allow-origin"] == "*"
            assert "retry-after" in refused.fields["access-control-expose-headers"]
            assert b"--max-connections-per-client" in refused.body

    hasty(share())


def test_a_client_that_gets_no_place_has_its_outcome() -> None:
    async def share() -> None:
        told: list[Outcome] = []
        async with (
            proxied(max_connections_per_client=1, on_outcome=told.append) as proxy,
            target(SILENT) as silent,
            client(proxy) as one,
        ):
            await one.ask(silent.url)
            assert await until(lambda: silent.requests)
            async with client(proxy) as other:
                await other.ask(silent.url)
                assert (await other.reply()).status == 503
            (outcome,) = told
        assert (outcome.client, outcome.status) == ("127.0.0.1", 503)
        assert outcome.error == "connection_limit_reached"

    hasty(share())


def test_a_refused_head_request_gets_no_body() -> None:
    async def share() -> None:
        async with (
            proxied(max_connections_per_client=1) as proxy,
            target(SILENT) as silent,
            client(proxy) as one,
        ):
            await one.ask(silent.url)
            assert await until(lambda: silent.requests)
            async with client(proxy) as other:
                await other.ask(silent.url, "HEAD")
                assert (await other.reply("HEAD")).status == 503
                assert await other.closed() == "fin"

    hasty(share())


def test_a_place_that_is_given_back_is_free_again() -> None:
    async def share() -> None:
        async with proxied(max_connections_per_client=1) as proxy, target(HELLO) as hello:
            for _ in range(3):
                async with client(proxy) as connection:
                    await connection.ask(hello.url)
                    assert (await connection.reply()).body == b"hello"
                assert await until(lambda: not proxy.server.connections)

    hasty(share())


def test_a_clients_own_idle_connection_gives_way_before_it_is_refused() -> None:
    async def share() -> tuple[str, bytes]:
        async with (
            proxied(max_connections_per_client=1) as proxy,
            target(HELLO) as hello,
            client(proxy) as idle,
        ):
            await idle.ask(hello.url)
            await idle.reply()
            (known,) = proxy.server.connections
            assert await until(lambda: known.kept_waiting() >= PATIENCE)
            async with client(proxy) as next_one:
                await next_one.ask(hello.url)
                return await idle.closed(), (await next_one.reply()).body

    assert hasty(share()) == ("fin", b"hello")


def test_over_tls_who_is_refused_is_closed_before_the_handshake(tls: Tls) -> None:
    async def share() -> None:
        chosen = {"tls_cert": tls.cert, "tls_key": tls.key, "max_connections_per_client": 1}
        async with (
            proxied(**chosen) as proxy,
            target(SILENT) as silent,
            client_at("127.0.0.1", proxy, tls.trust) as one,
        ):
            await one.ask(silent.url)
            assert await until(lambda: silent.requests)
            async with client(proxy) as other:  # sends no hello: what comes is the proxy's alone
                assert await other.closed() == "fin"

    hasty(share())


def test_behind_a_trusted_proxy_the_share_is_of_the_client_that_it_names() -> None:
    async def ask(connection: Client, url: str, named: str) -> None:
        await connection.ask(url, fields=(f"X-Forwarded-For: {named}",))

    async def share() -> None:
        async with (
            proxied(max_connections_per_client=2, trusted_proxies=("127.0.0.1",)) as proxy,
            target(SILENT) as silent,
            target(HELLO) as hello,
            AsyncExitStack() as opened,
        ):
            connections = [await opened.enter_async_context(client(proxy)) for _ in range(5)]
            for connection in connections[:2]:
                await ask(connection, silent.url, "2001:db8::1")
            assert await until(lambda: len(silent.requests) == 2)
            await ask(connections[2], hello.url, "2001:db8::2")
            refused = await connections[2].reply()
            assert (refused.status, refused.fields["retry-after"]) == (503, "5")
            await ask(connections[3], hello.url, "2001:db8:0:1::1")
            await connections[4].ask(hello.url)  # the front server's own
            assert await replies(connections[3:]) == [b"hello", b"hello"]
            connections[0].leave()
            assert await until(lambda: len(proxy.server.connections) == 4)
            await ask(connections[2], hello.url, "2001:db8::2")
            assert await replies(connections[2:3]) == [b"hello"]

    hasty(share())


# --- at the cap -----------------------------------------------------------------------------------


async def hold(proxy: Proxy, opened: AsyncExitStack, url: str, *addresses: str) -> list[Client]:
    """Requests under way from these addresses, in this order."""
    held = []
    for address in addresses:
        connection = await opened.enter_async_context(client_at(address, proxy))
        await connection.ask(url)
        held.append(connection)
    return held


def test_the_largest_client_gives_up_its_slowest_and_a_small_one_nothing() -> None:
    async def cap() -> None:
        async with (
            proxied(max_connections=4) as proxy,
            target(SILENT) as silent,
            target(HELLO) as hello,
            AsyncExitStack() as opened,
        ):
            small, *large = await hold(proxy, opened, silent.url, "127.0.0.2", *["127.0.0.3"] * 3)
            assert await until(lambda: len(silent.requests) == 4)
            async with client_at(NEWCOMER, proxy) as newcomer:
                await newcomer.ask(hello.url)
                assert (await newcomer.reply()).body == b"hello"
            assert await large[0].closed() == "reset"
            for other in (small, *large[1:]):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await other.reader.read(1)

    hasty(cap())


def test_nobody_gives_way_to_who_would_hold_more_and_the_next_waits_its_turn() -> None:
    async def cap() -> list[bytes]:
        async with (
            proxied(max_connections=2) as proxy,
            target(SILENT) as silent,
            target(HELLO) as hello,
            AsyncExitStack() as opened,
        ):
            first, _ = await hold(proxy, opened, silent.url, "127.0.0.2", "127.0.0.3")
            assert await until(lambda: len(silent.requests) == 2)
            async with client_at("127.0.0.3", proxy) as third:
                await third.ask(hello.url)
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(2 * PATIENCE):
                        await third.reader.read(1)
                first.leave()
                return await replies([third])

    assert hasty(cap()) == [b"hello"]


def test_who_has_waited_too_long_for_a_place_is_told_that_there_is_none() -> None:
    async def cap() -> None:
        async with (
            proxied(max_connections=1) as proxy,
            target(SILENT) as silent,
            AsyncExitStack() as opened,
        ):
            await hold(proxy, opened, silent.url, "127.0.0.2")
            assert await until(lambda: silent.requests)
            async with client_at(NEWCOMER, proxy) as newcomer:
                await newcomer.ask(silent.url)
                refused = await newcomer.reply()
                assert (refused.status, refused.error) == (503, "connection_limit_reached")
                assert len(silent.requests) == 1

    hasty(cap())


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

    assert hasty(uploading()) is gives_way


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

    assert hasty(waited()) < PATIENCE


# --- no descriptors are left ---------------------------------------------------------------------


def test_without_descriptors_it_waits_for_some_and_says_so_once() -> None:
    async def exhausted(proxy: Command, log: Callable[[], str]) -> None:
        limits = resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE)
        open_now = proxy.descriptors()
        resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (open_now, limits[1]))
        async with client(proxy) as waiting:
            await waiting.ask("")
            assert await until(lambda: "Cannot accept: Too many open files" in log())
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(3 * RETRY_SECONDS):
                    await waiting.reader.read(1)
            resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, limits)
            assert (await waiting.reply()).status == 200
        assert log().count("Cannot accept") == 1

    with limited() as (proxy, log):
        asyncio.run(exhausted(proxy, log))


# --- memory ---------------------------------------------------------------------------------------

TLS_CONNECTIONS = 150


def test_a_tls_connection_takes_at_most_64_kib(tls: Tls) -> None:
    async def connected(proxy: Command) -> int:
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(client_at("127.0.0.1", proxy, tls.trust))
            before = proxy.resident()
            for _ in range(TLS_CONNECTIONS):
                await opened.enter_async_context(client_at("127.0.0.1", proxy, tls.trust))
            return proxy.resident() - before

    with command("--tls-cert", tls.cert, "--tls-key", tls.key, *ALL_OF_THEM) as proxy:
        grown = asyncio.run(connected(proxy))
    print(f"{grown / TLS_CONNECTIONS / 1024:.0f} KiB each")
    assert grown <= TLS_CONNECTIONS * 65536


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
