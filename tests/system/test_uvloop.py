"""The proxy on uvloop: the command, and in an application on its own server and on Tornado's."""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple

import pytest
import uvloop
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port

from cors_anywhere import CorsProxy, Settings
from tests.support.target import Do, Take, target
from tests.support.tls import Tls
from tests.support.websocket import dial, peer
from tests.support.wire import Listening, client, proxied

MIB = 2**20
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Port(NamedTuple):
    port: int


Serving = Callable[[Tls], AbstractAsyncContextManager[Listening]]


@asynccontextmanager
async def own_server(tls: Tls) -> AsyncIterator[Listening]:
    async with proxied(ca_file=tls.ca_file) as proxy:
        yield proxy


@asynccontextmanager
async def tornado_server(tls: Tls) -> AsyncIterator[Listening]:
    allowed = ("127.0.0.0/8",)
    proxy = CorsProxy(Settings(allow_networks=allowed, require_headers=(), ca_file=tls.ca_file))
    server = HTTPServer(proxy)
    listening, port = bind_unused_port()
    server.add_sockets([listening])
    yield Port(port)
    server.stop()
    await server.close_all_connections()
    await proxy.close()


every_server = pytest.mark.parametrize("serving", [own_server, tornado_server])
every_scheme = pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])


def on_uvloop(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)


def context(tls: Tls, secure: bool) -> ssl.SSLContext | None:
    return tls.context if secure else None


@every_server
@every_scheme
def test_replies_pass_and_connections_are_kept(secure: bool, serving: Serving, tls: Tls) -> None:
    async def talk() -> None:
        script = (Do.REQUEST, OK, Do.REQUEST, OK)
        async with (
            serving(tls) as proxy,
            target(script, tls=context(tls, secure)) as server,
            client(proxy) as page,
        ):
            for _ in range(2):
                await page.ask(server.url)
                seen = await page.reply()
                assert (seen.status, seen.body, seen.end) == (200, b"ok", "whole")
            assert server.connections == 1

    on_uvloop(talk())


@every_server
@every_scheme
def test_bodies_of_some_mebibytes_pass_both_ways(secure: bool, serving: Serving, tls: Tls) -> None:
    async def talk() -> None:
        sent, answer = os.urandom(3 * MIB), os.urandom(3 * MIB)
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer)
        script = (Do.REQUEST, Take(len(sent)), head, answer)
        async with (
            serving(tls) as proxy,
            target(script, tls=context(tls, secure)) as server,
            client(proxy) as page,
        ):
            await page.ask(server.url, "POST", sent)
            seen = await page.reply()
            assert seen.body == answer
            assert server.digests == [hashlib.sha256(sent).hexdigest()]

    on_uvloop(talk())


@every_server
@every_scheme
def test_a_reply_that_breaks_off_is_never_whole(secure: bool, serving: Serving, tls: Tls) -> None:
    async def talk() -> None:
        broken = b"HTTP/1.1 200 OK\r\n\r\nhalf" if secure else OK.replace(b" 2", b" 3")
        async with (
            serving(tls) as proxy,
            target((Do.REQUEST, broken, Do.FIN), tls=context(tls, secure)) as server,
            client(proxy) as page,
        ):
            await page.ask(server.url)
            assert (await page.reply()).end == "reset"

    on_uvloop(talk())


@every_server
def test_an_end_that_tls_vouches_for_is_whole(serving: Serving, tls: Tls) -> None:
    async def talk() -> None:
        ended = (Do.REQUEST, b"HTTP/1.1 200 OK\r\n\r\nall", Do.SHUT)
        async with (
            serving(tls) as proxy,
            target(ended, tls=tls.context) as server,
            client(proxy) as page,
        ):
            await page.ask(server.url)
            seen = await page.reply()
            assert (seen.body, seen.end) == (b"all", "whole")

    on_uvloop(talk())


@every_server
@every_scheme
def test_websockets_pass(secure: bool, serving: Serving, tls: Tls) -> None:
    async def talk() -> None:
        async with (
            serving(tls) as proxy,
            peer(tls=tls if secure else None) as host,
            dial(f"127.0.0.1:{proxy.port}", f"{'wss' if secure else 'ws'}://{host}/") as socket,
        ):
            for message in ("text", b"octets" * 100_000):
                await socket.send(message)
                assert await socket.recv() == message
            await socket.close(3001, "so it is")
            assert (socket.close_code, socket.close_reason) == (3001, "so it is")

    on_uvloop(talk())
