"""The proxy on a connection of this package: each reply is the connection's own affair."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cors_anywhere.config.settings import Settings
from cors_anywhere.fronts.wire import WireService
from cors_anywhere.proxy import Proxy
from tests.support.loopback import Peer, connected, in_loop, serving
from tests.support.target import Do, Script, target

POST = b"POST /%s HTTP/1.1\r\nHost: p\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@asynccontextmanager
async def asked(script: Script, url: bytes = b"") -> AsyncIterator[Peer]:
    """A client that has sent a head to the proxy, and waits to be asked for the body."""
    proxy = Proxy(Settings(allow_networks=("127.0.0.0/8",), require_headers=()))
    async with (
        target(script) as server,
        serving(WireService(proxy)) as running,
        connected(running.port) as peer,
    ):
        peer.writer.write(POST % (url or server.url.encode()))
        yield peer
    await proxy.close()


@in_loop
async def test_a_body_is_asked_for_when_the_target_is_to_get_it() -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    async with asked((Do.REQUEST, reply)) as peer:
        await peer.exactly(CONTINUE)
        peer.writer.write(b"abc")
        assert (await peer.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")


@in_loop
async def test_the_body_of_a_refused_request_is_not_asked_for() -> None:
    async with asked((Do.WAIT,), b"http://10.0.0.1/") as peer:
        assert (await peer.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 403 Forbidden\r\n")


@in_loop
async def test_a_reply_that_breaks_off_is_a_reset() -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"
    async with asked((Do.REQUEST, cut, Do.FIN)) as peer:
        await peer.exactly(CONTINUE)
        peer.writer.write(b"abc")
        assert await peer.was_reset()
