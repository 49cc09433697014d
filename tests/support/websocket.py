"""A WebSocket at both ends of the proxy, by the package `websockets`, through every front.

Owns: how a page dials, what a target serves, and the three ways of serving the proxy. Must not
know: what is said.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response

from tests.support import PATIENCE
from tests.support.tls import Tls

PAGE, DENIED = "https://page.test", "https://denied.test"
SETTINGS: dict[str, Any] = {
    "allow_networks": ("127.0.0.0/8",),
    "require_headers": ("origin",),
    "deny_origins": (DENIED,),
}
MIB = 2**20


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)


Answering = Callable[[ServerConnection, Request], Response | None]


def with_little_room() -> socket.socket:
    """A socket that the kernel buffers no more for than it must, where it would take 32 MiB."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**18)
    return sock


@asynccontextmanager
async def peer(
    serving: Callable[[ServerConnection], Awaitable[None]] = echo,
    tls: Tls | None = None,
    answer: Answering | None = None,
) -> AsyncIterator[str]:
    """A WebSocket target; its authority."""
    context = tls and tls.context
    settings: dict[str, Any] = {
        "ssl": context,
        "process_request": answer,
        "max_size": None,
        "ping_interval": None,
    }
    listening = with_little_room()
    listening.bind(("127.0.0.1", 0))
    async with serve(serving, sock=listening, **settings) as server:
        yield "127.0.0.1:{}".format(*[sock.getsockname()[1] for sock in server.sockets])


def dial(proxy: str, url: str, origin: str | None = PAGE, **settings: Any) -> connect:
    """A WebSocket to a target through the proxy, as a page opens it."""
    chosen: dict[str, Any] = {"proxy": None, "open_timeout": PATIENCE, "origin": origin, **settings}
    return connect(f"ws://{proxy}/{url}", **chosen)


async def refused(dialling: connect) -> Response:
    """The reply to a handshake that does not succeed."""
    with pytest.raises(InvalidStatus) as caught:
        async with dialling:
            pass
    return caught.value.response


HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",  # and its answer, of RFC 6455 section 1.3
)
ACCEPT = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n"


async def echo_until_the_end(socket: ServerConnection) -> None:
    try:
        await echo(socket)
    except ConnectionClosed:
        pass


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
