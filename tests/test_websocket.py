"""WebSockets through every way of serving the proxy, with the package `websockets` at both ends."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus
from typing import Any, NamedTuple

import pytest
import trustme
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus
from websockets.http11 import Request, Response

from cors_anywhere.handler import CorsProxyHandler
from cors_anywhere.http1.output import reset_socket
from cors_anywhere.settings import Settings
from cors_anywhere.web import CorsProxy
from tests.support.process import Command, command
from tests.support.target import Do, target
from tests.support.wire import Held, client, proxied, until

PAGE, DENIED = "https://page.test", "https://denied.test"
SETTINGS: dict[str, Any] = {
    "allow_networks": ("127.0.0.0/8",),
    "require_headers": ("origin",),
    "deny_origins": (DENIED,),
}
MIB = 2**20
PROMISED = 1.0
"""Seconds from the end of one side to the end of the other (B4)."""


# --- both ends --------------------------------------------------------------------------------


class Tls(NamedTuple):
    """A certificate for targets, and the authority that the proxy trusts."""

    ca_file: str
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    ca_file = tmp_path_factory.mktemp("tls") / "ca.pem"
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return Tls(str(ca_file), context)


@pytest.fixture(scope="module")
def running(tls: Tls) -> Iterator[Command]:
    options = ("--require-header", "origin", "--deny-origin", DENIED, "--ca-file", tls.ca_file)
    with command(*options) as process:
        yield process


Front = Callable[[Command, Tls], AbstractAsyncContextManager[str]]
"""From what there is already to the address of a proxy."""


@asynccontextmanager
async def the_command(running: Command, _: Tls) -> AsyncIterator[str]:
    yield f"127.0.0.1:{running.port}"


@asynccontextmanager
async def stock_server(_: Command, tls: Tls) -> AsyncIterator[str]:
    proxy = CorsProxy(Settings(**SETTINGS, ca_file=tls.ca_file))
    async with _tornado(HTTPServer(proxy), proxy) as port:
        yield f"127.0.0.1:{port}"


@asynccontextmanager
async def handler(_: Command, tls: Tls) -> AsyncIterator[str]:
    proxy = CorsProxy(Settings(**SETTINGS, ca_file=tls.ca_file))
    routes = Application([(r"/under/here/(.*)", CorsProxyHandler, {"proxy": proxy})])
    async with _tornado(HTTPServer(routes), proxy) as port:
        yield f"127.0.0.1:{port}/under/here"


@asynccontextmanager
async def _tornado(server: HTTPServer, proxy: CorsProxy) -> AsyncIterator[int]:
    sock, port = bind_unused_port()
    server.add_sockets([sock])
    yield port
    server.stop()
    await server.close_all_connections()
    await proxy.close()


FRONTS: tuple[Front, ...] = (the_command, stock_server, handler)
every_front = pytest.mark.parametrize("front", FRONTS, ids=lambda front: front.__name__)


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


Answering = Callable[[ServerConnection, Request], Response | None]


@asynccontextmanager
async def peer(
    serving: Callable[[ServerConnection], Awaitable[None]] = echo,
    tls: Tls | None = None,
    answer: Answering | None = None,
) -> AsyncIterator[str]:
    """A WebSocket target; its authority."""
    context = tls and tls.context
    settings: dict[str, Any] = {"ssl": context, "process_request": answer, "max_size": None}
    async with serve(serving, "127.0.0.1", 0, **settings) as server:
        yield "127.0.0.1:{}".format(*[sock.getsockname()[1] for sock in server.sockets])


def dial(proxy: str, url: str, origin: str | None = PAGE, **settings: Any) -> connect:
    """A WebSocket to a target through the proxy, as a page opens it."""
    chosen: dict[str, Any] = {"proxy": None, "open_timeout": 8, "origin": origin, **settings}
    return connect(f"ws://{proxy}/{url}", **chosen)


async def refused(dialling: connect) -> Response:
    """The reply to a handshake that does not succeed."""
    with pytest.raises(InvalidStatus) as caught:
        async with dialling:
            pass
    return caught.value.response


# --- what passes ------------------------------------------------------------------------------


@every_front
@pytest.mark.parametrize("scheme", ["ws", "wss", "http", "https", "WS", ""])
def test_messages_pass_both_ways(scheme: str, front: Front, running: Command, tls: Tls) -> None:
    async def talk() -> None:
        secure = tls if scheme in ("wss", "https") else None
        async with front(running, tls) as proxy, peer(tls=secure) as host:
            url = f"{scheme}://{host}/a/b?c=d" if scheme else f"{host}/a/b?c=d"
            async with dial(proxy, url) as socket:
                for message in ("text ✓", b"\x00\xff", "", b""):
                    await socket.send(message)
                    assert await socket.recv() == message

    asyncio.run(talk())


@every_front
def test_big_and_many_messages_pass_whole(front: Front, running: Command, tls: Tls) -> None:
    async def talk() -> None:
        many = [os.urandom(2 * MIB), *(b"%d" % number for number in range(2000))]
        async with (
            front(running, tls) as proxy,
            peer() as host,
            dial(proxy, f"ws://{host}/", max_size=None, compression=None) as socket,
        ):
            sending = asyncio.ensure_future(send_all(socket, many))
            assert [await socket.recv() for _ in many] == many
            await sending

    asyncio.run(talk())


async def send_all(socket: ClientConnection | ServerConnection, messages: list[bytes]) -> None:
    for message in messages:
        await socket.send(message)


@every_front
def test_pings_are_answered_by_the_other_end(front: Front, running: Command, tls: Tls) -> None:
    async def talk() -> None:
        pinged: list[float] = []

        async def ping(socket: ServerConnection) -> None:
            pinged.append(await (await socket.ping(b"from the target")))
            await socket.wait_closed()

        async with (
            front(running, tls) as proxy,
            peer(ping) as host,
            dial(proxy, f"ws://{host}/") as socket,
        ):
            assert await (await socket.ping(b"from the page")) > 0
            assert await until(lambda: pinged, within=5)

    asyncio.run(talk())


@every_front
@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (3001, "so it is"), (4999, "über")])
@pytest.mark.parametrize("by", ["page", "target"])
def test_the_code_and_reason_of_a_close_pass(
    by: str, code: int, reason: str, front: Front, running: Command, tls: Tls
) -> None:
    async def talk() -> None:
        seen: list[tuple[int | None, str | None]] = []

        async def serving(socket: ServerConnection) -> None:
            if by == "target":
                await socket.close(code, reason)
            await socket.wait_closed()
            seen.append((socket.close_code, socket.close_reason))

        async with (
            front(running, tls) as proxy,
            peer(serving) as host,
            dial(proxy, f"ws://{host}/") as socket,
        ):
            if by == "page":
                await socket.close(code, reason)
            await socket.wait_closed()
            assert await until(lambda: seen, within=5)
            assert seen == [(code, reason)] == [(socket.close_code, socket.close_reason)]

    asyncio.run(talk())


@every_front
def test_the_target_sees_the_handshake_of_the_page(
    front: Front, running: Command, tls: Tls
) -> None:
    async def talk() -> None:
        heads: list[Request] = []

        async def serving(socket: ServerConnection) -> None:
            assert socket.request is not None
            heads.append(socket.request)

        async with front(running, tls) as proxy, peer(serving) as host:
            extra = {"Cookie": "a=b", "Authorization": "Bearer x"}
            url = f"ws://{host}/room%20?q=//"
            async with dial(proxy, url, subprotocols=["chat"], additional_headers=extra):
                pass
        fields = heads[0].headers
        assert heads[0].path == "/room%20?q=//"
        assert (fields["Host"], fields["Origin"]) == (host, PAGE)
        assert (fields["Sec-WebSocket-Protocol"], fields["Authorization"]) == ("chat", "Bearer x")
        assert "Cookie" not in fields

    asyncio.run(talk())


def test_a_handshake_that_is_redirected_is_followed(running: Command, tls: Tls) -> None:
    def answer(socket: ServerConnection, request: Request) -> Response | None:
        if request.path == "/there":
            return None
        response = socket.respond(HTTPStatus.FOUND, "")
        response.headers["Location"] = "/there"
        return response

    async def talk() -> None:
        async with (
            the_command(running, tls) as proxy,
            peer(answer=answer) as host,
            dial(proxy, f"ws://{host}/here") as socket,
        ):
            await socket.send("hello")
            assert await socket.recv() == "hello"

    asyncio.run(talk())


# --- refusals ---------------------------------------------------------------------------------

REFUSALS: dict[str, tuple[str, str | None, int, str]] = {
    "no-origin": ("ws://{host}/", None, 400, "http_request_error"),
    "denied-origin": ("ws://{host}/", DENIED, 403, "http_request_denied"),
    "private-address": ("ws://10.0.0.1/", PAGE, 403, "destination_ip_prohibited"),
    "private-address-wss": ("wss://[::1]/", PAGE, 403, "destination_ip_prohibited"),
    "user": ("ws://a:b@{host}/", PAGE, 400, "http_request_error"),
    "not-listening": ("ws://127.0.0.1:1/", PAGE, 502, "connection_refused"),
    "other-scheme": ("ftp://{host}/", PAGE, 404, "http_request_error"),
    "no-tls": ("wss://{host}/", PAGE, 502, "connection_terminated"),
}


@every_front
@pytest.mark.parametrize("row", REFUSALS)
def test_a_refusal_is_a_reply_like_any_other(
    row: str, front: Front, running: Command, tls: Tls
) -> None:
    url, origin, status, error = REFUSALS[row]

    async def ask() -> Response:
        async with front(running, tls) as proxy, peer() as host:
            return await refused(dial(proxy, url.format(host=host), origin))

    response = asyncio.run(ask())
    assert response.status_code == status
    assert f"error={error}" in response.headers["Proxy-Status"]
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.body


@every_front
@pytest.mark.parametrize("status", [200, 401, 403, 426, 503])
def test_the_answer_of_a_target_that_does_not_want_a_websocket_passes(
    status: int, front: Front, running: Command, tls: Tls
) -> None:
    def answer(socket: ServerConnection, _: Request) -> Response:
        return socket.respond(HTTPStatus(status), "not here")

    async def ask() -> Response:
        async with front(running, tls) as proxy, peer(answer=answer) as host:
            return await refused(dial(proxy, f"ws://{host}/"))

    response = asyncio.run(ask())
    assert (response.status_code, response.body) == (status, b"not here")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Upgrade" not in response.headers


HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",  # and its answer, of RFC 6455 section 1.3
)
ACCEPT = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n"
UNASKED = {
    "to-a-plain-request": ((), SWITCH + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
    "to-another-protocol": (
        ("Connection: Upgrade", "Upgrade: websocket"),
        SWITCH + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    ),
    "to-no-protocol": (("Connection: Upgrade", "Upgrade: websocket"), SWITCH + b"\r\n"),
    "asked-for-h2c": (
        ("Connection: Upgrade", "Upgrade: h2c"),
        SWITCH + b"Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    ),
}


@every_front
@pytest.mark.parametrize("row", UNASKED)
def test_a_switch_of_protocols_that_was_not_asked_for_is_a_502(
    row: str, front: Front, running: Command, tls: Tls
) -> None:
    asked, switch = UNASKED[row]

    async def ask() -> str:
        async with front(running, tls) as proxy, target((Do.REQUEST, switch)) as server:
            reader, writer = await hand(proxy, server.url, *asked)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 8)
            writer.transport.abort()
            return head.decode("latin-1")

    head = asyncio.run(ask())
    assert head.startswith("HTTP/1.1 502 ")
    assert "error=http_upgrade_failed" in head


# --- ends -------------------------------------------------------------------------------------


@every_front
@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_page_that_goes_away_takes_the_target_s_side_with_it(
    scheme: str, front: Front, running: Command, tls: Tls
) -> None:
    async def leave() -> None:
        ended = asyncio.Event()

        async def serving(socket: ServerConnection) -> None:
            await echo_until_the_end(socket)
            ended.set()

        secure = tls if scheme == "wss" else None
        async with (
            front(running, tls) as proxy,
            peer(serving, secure) as host,
            dial(proxy, f"{scheme}://{host}/") as socket,
        ):
            await socket.send("hello")
            await socket.recv()
            socket.transport.abort()
            await asyncio.wait_for(ended.wait(), PROMISED)

    asyncio.run(leave())


async def echo_until_the_end(socket: ServerConnection) -> None:
    try:
        await echo(socket)
    except ConnectionClosed:
        pass


@every_front
def test_a_page_that_goes_away_takes_a_target_that_does_not_read_with_it(
    front: Front, running: Command, tls: Tls
) -> None:
    switch = SWITCH + f"Upgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}\r\n\r\n".encode()

    async def leave() -> None:
        script = (Do.REQUEST, switch, Do.HOLD)
        async with front(running, tls) as proxy, target(script, limit=4096) as server:
            reader, writer = await hand(proxy, server.url, *HANDSHAKE)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(MESSAGE * 32)
            await stands_still(lambda: 32 * MIB - writer.transport.get_write_buffer_size())
            reset_socket(writer.get_extra_info("socket"))  # no FIN gets past what nobody takes
            writer.transport.abort()
            assert await until(server.ended.is_set, within=PROMISED + 0.5)

    asyncio.run(leave())


async def hand(
    proxy: str, url: str, *fields: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that has asked the proxy, octet by octet."""
    host, _, base = proxy.partition("/")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    path = f"/{base}/{url}" if base else f"/{url}"
    lines = (f"GET {path} HTTP/1.1", "Host: p.test", f"Origin: {PAGE}", *fields, "", "")
    writer.write("\r\n".join(lines).encode())
    return reader, writer


@every_front
@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_page_sees_that_the_target_has_gone(
    scheme: str, front: Front, running: Command, tls: Tls
) -> None:
    async def leave(socket: ServerConnection) -> None:
        await socket.recv()
        socket.transport.abort()

    async def watch() -> None:
        secure = tls if scheme == "wss" else None
        async with (
            front(running, tls) as proxy,
            peer(leave, secure) as host,
            dial(proxy, f"{scheme}://{host}/") as socket,
        ):
            await socket.send("hello")
            with pytest.raises(ConnectionClosedError):
                await asyncio.wait_for(socket.recv(), PROMISED)

    asyncio.run(watch())


@pytest.mark.parametrize("by", ["page", "target", "page-vanishes", "target-vanishes"])
def test_a_tunnel_leaves_nothing_behind(by: str) -> None:
    async def talk() -> None:
        async def serving(socket: ServerConnection) -> None:
            await socket.recv()
            if by == "target":
                await socket.close()
            elif by == "target-vanishes":
                socket.transport.abort()
            await socket.wait_closed()

        async with proxied() as proxy, peer(serving) as host:
            before = Held.by(proxy)
            async with dial(f"127.0.0.1:{proxy.port}", f"ws://{host}/") as socket:
                await socket.send("hello")
                if by == "page":
                    await socket.close()
                elif by == "page-vanishes":
                    socket.transport.abort()
                await socket.wait_closed()
            assert await until(lambda: Held.by(proxy) == before, within=3), Held.by(proxy)

    asyncio.run(talk())


IDLE = 0.6


def test_a_tunnel_that_is_silent_for_too_long_ends_on_both_sides() -> None:
    async def wait() -> float:
        ended = asyncio.Event()

        async def serving(socket: ServerConnection) -> None:
            await socket.wait_closed()
            ended.set()

        loop = asyncio.get_running_loop()
        async with (
            proxied(client_idle_timeout=IDLE) as proxy,
            peer(serving) as host,
            dial(f"127.0.0.1:{proxy.port}", f"ws://{host}/") as socket,
        ):
            begun = loop.time()
            await asyncio.wait_for(socket.wait_closed(), 8)
            await asyncio.wait_for(ended.wait(), PROMISED)
            return loop.time() - begun

    assert IDLE - 0.1 <= asyncio.run(wait()) <= IDLE + 0.5


@pytest.mark.parametrize("by", ["page", "target"])
def test_a_tunnel_in_which_one_side_speaks_lives_on(by: str) -> None:
    async def talk() -> None:
        async def speak(socket: ClientConnection | ServerConnection) -> None:
            for _ in range(8):
                await socket.send("still here")
                await asyncio.sleep(IDLE / 4)
            await socket.close(3000)

        async def serving(socket: ServerConnection) -> None:
            await (speak(socket) if by == "target" else socket.wait_closed())

        async with (
            proxied(client_idle_timeout=IDLE) as proxy,
            peer(serving) as host,
            dial(f"127.0.0.1:{proxy.port}", f"ws://{host}/") as socket,
        ):
            await (speak(socket) if by == "page" else socket.wait_closed())
            assert socket.close_code == 3000

    asyncio.run(talk())


# --- who does not read --------------------------------------------------------------------------

MESSAGE = b"x" * MIB
MANY = 64
"""Messages: several times what all buffers of the kernel on the way can hold."""


@pytest.mark.parametrize("reader", ["page", "target"])
@every_front
def test_a_side_that_does_not_read_stops_the_other(
    front: Front, reader: str, running: Command, tls: Tls
) -> None:
    async def talk() -> None:
        sent = 0
        read = asyncio.Event()
        got: list[int] = []

        async def pour(socket: ClientConnection | ServerConnection) -> None:
            nonlocal sent
            for _ in range(MANY):
                await socket.send(MESSAGE)
                sent += 1

        async def drink(socket: ClientConnection | ServerConnection) -> None:
            await read.wait()
            while len(got) < MANY:
                got.append(len(await socket.recv()))

        async def serving(socket: ServerConnection) -> None:
            await (pour(socket) if reader == "page" else drink(socket))
            await socket.wait_closed()

        async with front(running, tls) as proxy, peer(serving) as host:
            settings = {"compression": None, "max_size": None, "ping_interval": None}
            async with dial(proxy, f"ws://{host}/", **settings) as socket:
                mine = asyncio.ensure_future((drink if reader == "page" else pour)(socket))
                await stands_still(lambda: sent)
                assert sent < MANY - 20
                read.set()
                await asyncio.wait_for(mine, 20)
                assert await until(lambda: got == [MIB] * MANY, within=20)

    asyncio.run(talk())


async def stands_still(count: Callable[[], int]) -> None:
    """Returns when a count that has begun to rise has not risen for a while."""
    assert await until(lambda: count() > 0, within=8)
    known = -1
    while known != count():
        known = count()
        await asyncio.sleep(0.3)


# --- shutdown ---------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", [True, False], ids=["ends-by-itself", "goes-on"])
def test_a_tunnel_goes_on_during_a_shutdown_until_the_drain_timeout(ends: bool) -> None:
    async def talk() -> tuple[float, int]:
        loop = asyncio.get_running_loop()
        with command("--drain-timeout", "2") as running:
            async with peer(echo_until_the_end) as host:
                async with dial(f"127.0.0.1:{running.port}", f"ws://{host}/") as socket:
                    await socket.send("before")
                    assert await socket.recv() == "before"
                    begun = loop.time()
                    running.process.send_signal(signal.SIGTERM)
                    await listener_is_closed(running)
                    await socket.send("after")
                    assert await socket.recv() == "after"
                    if ends:
                        await socket.close()
                    await asyncio.wait_for(socket.wait_closed(), 8)
                status = await asyncio.to_thread(running.process.wait, 5)
                return loop.time() - begun, status

    seconds, status = asyncio.run(talk())
    assert status == 0
    assert seconds < 1.5 if ends else 1.9 <= seconds <= 3.5


async def listener_is_closed(running: Command) -> None:
    """Returns when nobody listens any more."""
    while True:
        try:
            async with client(running):
                pass
        except OSError:
            return
