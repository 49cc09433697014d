"""A client that goes away takes its request with it, whatever the request is waiting for (B4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from cors_anywhere.egress.resolver import CachingResolver
from cors_anywhere.errors import DnsError
from tests.support import PATIENCE
from tests.support.clock import quiet
from tests.support.dns import SILENT, StubDns
from tests.support.target import Do, Endless, Script, Target, full_backlog, target
from tests.support.wire import Client, Held, Proxy, client, descriptors, fetch, proxied, until

LATER = {"connect_timeout": 6 * PATIENCE}
"""So that no deadline ends what the client's leaving should; the others are longer anyway."""

HELLO = (Do.REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
BIG = b"x" * 4_000_000


class Phase(NamedTuple):
    """Where a request stands when its client leaves."""

    script: Script
    scheme: str = "http"
    method: str = "GET"
    body: bytes = b""
    reads: bool = False  # whether the client has seen the reply's head


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"
PHASES = {
    "TLS-handshake": Phase((Do.WAIT,), scheme="https"),
    "waiting-for-the-head": Phase((Do.REQUEST, Do.WAIT)),
    "within-the-head": Phase((Do.REQUEST, b"HTTP/1.1 2", Do.WAIT)),
    "waiting-for-the-body": Phase((Do.REQUEST, HEAD, Do.WAIT), reads=True),
    "within-the-body": Phase((Do.REQUEST, HEAD + b"x", Do.WAIT), reads=True),
    "within-chunks": Phase(
        (
            Do.REQUEST,
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            Do.WAIT,
        ),
        reads=True,
    ),
    "client-not-reading": Phase((Do.REQUEST, HEAD, Endless(b"x" * 65536)), reads=True),
    "upload-read": Phase((Do.REQUEST, Do.WAIT), method="POST", body=b"x" * 100),
    "upload-not-read": Phase((Do.REQUEST, Do.HOLD), method="POST", body=BIG),
    "upload-and-reply": Phase((Do.REQUEST, HEAD + b"x", Do.HOLD), "http", "POST", BIG, True),
    "second-hop": Phase(
        (
            Do.REQUEST,
            b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n",
            Do.REQUEST,
            Do.WAIT,
        )
    ),
}


def half_close(connection: Client) -> None:
    connection.writer.write_eof()


LEAVINGS: dict[str, Callable[[Client], None]] = {"RST": Client.leave, "FIN": half_close}


async def arrive(phase: Phase, proxy: Proxy, server: Target, connection: Client) -> None:
    """Brings a request to its phase."""
    url = server.url.replace("http", phase.scheme, 1)
    lines = [f"{phase.method} /{url} HTTP/1.1", "Host: p.test", "Origin: https://page.test"]
    if phase.body:
        lines.append(f"Content-Length: {len(phase.body) + 1}")
    connection.writer.write("\r\n".join([*lines, "", ""]).encode() + phase.body)
    if phase.reads:
        await connection.reader.readuntil(b"\r\n\r\n")
    requests = phase.script.count(Do.REQUEST)
    assert await until(lambda: server.connections and len(server.requests) == requests)


@pytest.mark.parametrize(
    ("name", "leave"),
    [
        (name, leave)
        for name, phase in PHASES.items()
        for leave in LEAVINGS
        if leave == "RST" or phase.body != BIG  # no FIN gets past octets that nobody takes
    ],
)
def test_the_target_is_left_too_and_nothing_remains(name: str, leave: str) -> None:
    async def gone() -> None:
        phase = PHASES[name]
        async with proxied(**LATER) as proxy, target(phase.script, limit=4096) as server:
            before = Held.by(proxy)
            async with client(proxy, limit=4096) as connection:
                await arrive(phase, proxy, server, connection)
                assert Held.by(proxy) != before
                await quiet()
                LEAVINGS[leave](connection)
                assert await until(server.ended.is_set)
            assert await until(lambda: Held.by(proxy) == before), (before, Held.by(proxy))

    asyncio.run(gone())


def test_a_pooled_connection_is_given_up_with_the_request_that_used_it() -> None:
    async def gone() -> None:
        script = (*HELLO, Do.REQUEST, Do.WAIT)
        async with proxied() as proxy, target(script) as server:
            before = Held.by(proxy)
            await fetch(proxy, server.url)
            assert len(proxy.cors.egress._pool) == 1
            async with client(proxy) as connection:
                await connection.ask(server.url)
                assert await until(lambda: len(server.requests) == 2)
                connection.leave()
                assert await until(server.ended.is_set)
            assert await until(lambda: Held.by(proxy) == before), (before, Held.by(proxy))

    asyncio.run(gone())


def test_a_client_that_leaves_while_the_name_is_looked_up_leaves_nothing() -> None:
    async def gone(dns: StubDns) -> None:
        unused = descriptors()
        resolver = CachingResolver(servers=(dns.server,))
        async with proxied(resolver=resolver, **LATER) as proxy:
            with pytest.raises(DnsError):  # opens what the resolver keeps for itself
                await resolver.resolve("unknown.example")
            before = Held.by(proxy)
            async with client(proxy) as connection:
                await connection.ask("http://slow.example/")
                assert await until(lambda: dns.asked["slow.example", "A"] > 0)
                connection.leave()
                assert await until(lambda: not proxy.server.connections)
            assert await until(lambda: Held.by(proxy).tasks == before.tasks)
        assert await until(lambda: descriptors() == unused)  # c-ares closes them in its own thread

    with StubDns({"slow.example": SILENT}) as dns:
        asyncio.run(gone(dns))


def test_a_client_that_leaves_while_the_proxy_connects_leaves_nothing() -> None:
    async def gone(port: int) -> None:
        async with proxied(**LATER) as proxy:
            before = Held.by(proxy)
            async with client(proxy) as connection:
                await connection.ask(f"http://127.0.0.1:{port}/")
                # its own two ends, and the proxy's towards the target
                assert await until(lambda: Held.by(proxy).descriptors == before.descriptors + 3)
                connection.leave()
                assert await until(lambda: Held.by(proxy) == before)

    with full_backlog() as port:
        asyncio.run(gone(port))


def test_a_request_that_ends_well_leaves_only_a_pooled_connection() -> None:
    async def ended() -> None:
        async with proxied() as proxy, target(HELLO) as server:
            before = Held.by(proxy)
            await fetch(proxy, server.url)
            assert await until(lambda: not proxy.server.connections)
            assert Held.by(proxy) == before._replace(
                tasks=before.tasks + 1,  # the target's own
                descriptors=before.descriptors + 2,
                timers=before.timers + 1,
                idle=1,
            )

    asyncio.run(ended())


@asynccontextmanager
async def many(proxy: Proxy, number: int) -> AsyncIterator[list[Client]]:
    """That many clients."""
    opened = []
    for _ in range(number):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        opened.append(Client(reader, writer))
    yield opened
    for connection in opened:
        connection.leave()


def test_a_hundred_clients_that_leave_at_once_leave_nothing() -> None:
    async def gone() -> None:
        script = (Do.REQUEST, HEAD + b"x", Do.WAIT)
        async with proxied() as proxy, target(script) as server:
            before = Held.by(proxy)
            async with many(proxy, 100) as clients:
                for connection in clients:
                    await connection.ask(server.url)
                assert await until(lambda: len(server.requests) == 100)
            assert await until(lambda: Held.by(proxy) == before), (before, Held.by(proxy))

    asyncio.run(gone())
