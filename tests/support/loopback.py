"""An event loop for one test, and a server connection of ours on loopback.

Owns: what a test of the wire needs around it. Must not know: the proxy.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, ParamSpec

from cors_anywhere.errors import ProxyError
from cors_anywhere.http1.life import ClientLimits
from cors_anywhere.http1.server import ServerConnection, Service
from cors_anywhere.messages import Answer
from tests.support import PATIENCE
from tests.support.clock import hasty
from tests.support.listening import stop_listening

P = ParamSpec("P")


def in_loop(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Runs a coroutine as a test, whose deadlines are not waited for; what asyncio reports as lost
    fails it."""
    return _in_loop(test, hasty)


def in_real_time(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """The same for a test that waits for another process."""
    return _in_loop(test, asyncio.run)


def _in_loop(
    test: Callable[P, Awaitable[None]], run_in: Callable[[Coroutine[Any, Any, None]], object]
) -> Callable[P, None]:
    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def within_patience() -> None:
            reports: list[dict[str, Any]] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, said: reports.append(said))
            async with asyncio.timeout(PATIENCE):
                await test(*args, **kwargs)
            assert not reports, reports

        run_in(within_patience())

    return run


def refusal(error: ProxyError, peer: str | None = None) -> Answer:
    """A reply that shows which failure it is for."""
    return Answer(error.status, error.reason, [("x-refused", "yes")], error.detail.encode())


class Peer(NamedTuple):
    """A raw connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def until(self, end: bytes) -> bytes:
        """What comes, up to and with `end`."""
        return await self.reader.readuntil(end)

    async def exactly(self, octets: bytes) -> None:
        """Fails unless exactly these octets come next."""
        got = await self.reader.readexactly(len(octets))
        assert got == octets

    async def ended(self) -> bytes:
        """What still comes before a clean end."""
        return await self.reader.read(-1)

    async def was_reset(self) -> bool:
        """Whether the end, when it comes, is a reset."""
        try:
            await self.reader.read(-1)
        except ConnectionResetError:
            return True
        return False


async def refused(peer: Peer) -> bytes:
    """The status and sentence of a refusal, which must be complete and the last that comes."""
    octets = await peer.ended()
    head, _, body = octets.partition(b"\r\n\r\n")
    assert b"\r\nx-refused: yes" in head
    assert b"\r\nconnection: close" in head
    assert b"\r\ncontent-length: %d" % len(body) in head
    return head[9:12] + b" " + body


@asynccontextmanager
async def connected(port: int, *, limit: int = 2**16) -> AsyncIterator[Peer]:
    """A raw connection to a port of loopback."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
    try:
        yield Peer(reader, writer)
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


class Serving(NamedTuple):
    """A running server."""

    port: int
    connections: set[ServerConnection]


@asynccontextmanager
async def serving(
    service: Service, limits: ClientLimits = ClientLimits()
) -> AsyncIterator[Serving]:
    """A server on the wire of this package."""
    connections: set[ServerConnection] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: ServerConnection(service, refusal, limits, connections), "127.0.0.1", 0
    )
    try:
        yield Serving(server.sockets[0].getsockname()[1], connections)
    finally:
        await stop_listening(server)
        for connection in list(connections):
            connection.abort()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
