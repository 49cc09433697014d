"""A program serves the proxy by `async with serve(settings)`."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from cors_anywhere import Answer, RequestHead, Settings, serve
from tests.support.target import Do, Script, Until, target
from tests.support.tls import Tls
from tests.support.wire import Client, client, until

HELLO: Script = (Do.REQUEST, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def chosen(**settings: Any) -> Settings:
    open_to_loopback: dict[str, Any] = {
        "port": 0,
        "allow_networks": ("127.0.0.0/8",),
        "require_headers": (),
    }
    return Settings(**open_to_loopback | settings)


def is_listening(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_it_serves_while_the_block_runs_and_says_where() -> None:
    async def program() -> int:
        async with target(HELLO) as site, serve(chosen(base_path="/p")) as server:
            assert server.urls == (f"http://127.0.0.1:{server.port}/p/",)
            async with client(server) as connection:
                await connection.ask(f"p/{site.url}")
                assert (await connection.reply()).body == b"hello"
            return server.port

    assert not is_listening(asyncio.run(program()))


def test_it_listens_on_every_host_that_is_named() -> None:
    async def program() -> None:
        async with serve(chosen(hosts=("127.0.0.2", "127.0.0.3"))) as server:
            assert [url.split(":")[1] for url in server.urls] == ["//127.0.0.2", "//127.0.0.3"]
            for host in ("127.0.0.2", "127.0.0.3"):
                _, writer = await asyncio.open_connection(host, server.port)
                writer.transport.abort()

    asyncio.run(program())


def test_the_hooks_are_those_of_the_proxy() -> None:
    def first_look(head: RequestHead) -> Answer:
        return Answer(418, "Teapot", [], head.path.encode())

    async def program() -> None:
        async with (
            serve(chosen(), first_look=first_look) as server,
            client(server) as connection,
        ):
            await connection.ask("short")
            seen = await connection.reply()
            assert (seen.status, seen.body) == (418, b"/short")

    asyncio.run(program())


def test_at_the_end_what_is_under_way_is_finished() -> None:
    async def program() -> None:
        goes_on = asyncio.Event()
        async with target((HELLO[0], Until(goes_on), HELLO[1])) as site:
            async with serve(chosen()) as server:
                connection = Client(*await asyncio.open_connection("127.0.0.1", server.port))
                await connection.ask(site.url)
                assert await until(lambda: site.requests)
                asyncio.get_running_loop().call_later(0.1, goes_on.set)
            seen = await connection.reply()
            assert (seen.body, seen.fields["connection"]) == (b"hello", "close")
            connection.leave()

    asyncio.run(program())


def test_a_program_that_is_cancelled_drains_too_but_for_no_longer_than_it_may() -> None:
    async def program(site_url: str) -> str:
        async with serve(chosen(drain_timeout=0.1)) as server:
            connection = Client(*await asyncio.open_connection("127.0.0.1", server.port))
            await connection.ask(site_url)
            try:
                await asyncio.Event().wait()
            finally:
                ended = asyncio.ensure_future(connection.closed())
        return await ended

    async def cancelled() -> None:
        async with target((Do.REQUEST, Do.WAIT)) as site:
            running = asyncio.ensure_future(program(site.url))
            assert await until(lambda: site.requests)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    asyncio.run(cancelled())


def test_a_port_that_is_taken_is_an_error() -> None:
    async def program(port: int) -> None:
        async with serve(chosen(port=port)):
            pass

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        asyncio.run(program(taken.getsockname()[1]))


def test_tls_is_served_with_the_settings_files(tls: Tls) -> None:
    async def program() -> None:
        async with serve(chosen(tls_cert=tls.cert, tls_key=tls.key)) as server:
            assert server.urls[0].startswith("https://")
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=tls.trust)
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            writer.transport.abort()

    asyncio.run(program())
