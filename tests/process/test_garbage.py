"""What a request held is freed when it ends, not when the garbage collector comes by.

The command collects rarely, and one stalled download alone holds more than 100 KiB.
"""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import pytest

from cors_anywhere.fronts.wire import WireClient
from cors_anywhere.http1.client import TargetConnection
from cors_anywhere.http1.server import ServerConnection
from tests.support.clock import quiet
from tests.support.target import Do, Pour, Script, Target, target
from tests.support.wire import Client, Proxy, client, proxied, until

OURS = (ServerConnection, TargetConnection, WireClient)
OK = b"HTTP/1.1 200 OK\r\n"
WHOLE: Script = (Do.REQUEST, OK + b"Content-Length: 5\r\n\r\nhello", Do.WAIT)
ENDLESS: Script = (
    Do.REQUEST,
    OK + b"Content-Length: 99999999\r\n\r\n",
    Pour(lambda: (bytes(99999) for _ in range(1000))),
)


async def asks(connection: Client, server: Target, _: Proxy) -> None:
    await connection.ask(server.url)
    await connection.reply()


async def is_refused(connection: Client, _: Target, __: Proxy) -> None:
    await connection.ask("http://127.0.0.1:9/")
    await connection.reply()


async def breaks_the_rules(connection: Client, _: Target, __: Proxy) -> None:
    connection.writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nno field\r\n\r\n")
    await connection.reply()


async def leaves_waiting(connection: Client, server: Target, _: Proxy) -> None:
    await connection.ask(server.url)
    assert await until(lambda: server.requests)


async def leaves_reading(connection: Client, server: Target, _: Proxy) -> None:
    await connection.ask(server.url)
    await connection.reader.readuntil(b"\r\n\r\n")
    transport = connection.writer.transport
    assert isinstance(transport, asyncio.Transport)
    transport.pause_reading()
    await quiet()


async def leaves_sending(connection: Client, server: Target, _: Proxy) -> None:
    await connection.ask(server.url, "PUT", fields=("Content-Length: 9",))
    connection.writer.write(b"x")
    assert await until(lambda: server.requests)


async def gives_way(connection: Client, server: Target, proxy: Proxy) -> None:
    await leaves_reading(connection, server, proxy)
    for held in list(proxy.server.connections):
        held.give_way()


Conversation = Callable[[Client, Target, Proxy], Awaitable[None]]

CASES: dict[str, tuple[Script, Conversation]] = {
    "whole": (WHOLE, asks),
    "chunked": (
        (Do.REQUEST, OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
        asks,
    ),
    "closed-first": ((Do.REQUEST, Do.FIN), asks),
    "reset-first": ((Do.REQUEST, Do.RST), asks),
    "bad-head": ((Do.REQUEST, b"HTTP/1.1 abc\r\n\r\n"), asks),
    "cut": ((Do.REQUEST, OK + b"Content-Length: 9\r\n\r\nx", Do.FIN), asks),
    "bad-chunk": ((Do.REQUEST, OK + b"Transfer-Encoding: chunked\r\n\r\nz\r\n"), asks),
    "refused": (WHOLE, is_refused),
    "malformed": (WHOLE, breaks_the_rules),
    "leaves-waiting": ((Do.REQUEST, Do.WAIT), leaves_waiting),
    "leaves-reading": (ENDLESS, leaves_reading),
    "leaves-sending": ((Do.REQUEST, Do.WAIT), leaves_sending),
    "gives-way": (ENDLESS, gives_way),
}


@pytest.fixture(scope="module", autouse=True)
def _collector() -> Iterator[None]:
    """Looks at nothing that was there before, which is much in a run of all tests."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


async def left_behind(script: Script, conversation: Conversation) -> Counter[str]:
    """What the garbage collector finds of ours after the conversation."""
    async with proxied() as proxy, target(script) as server:
        gc.collect()
        gc.disable()
        try:
            async with client(proxy) as connection:
                await conversation(connection, server, proxy)
            assert await until(lambda: not proxy.server.connections)
            await quiet()
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            return Counter(type(found).__name__ for found in gc.garbage if isinstance(found, OURS))
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()


@pytest.mark.parametrize("case", CASES)
def test_a_request_leaves_nothing_to_the_garbage_collector(case: str) -> None:
    assert asyncio.run(left_behind(*CASES[case])) == Counter()
