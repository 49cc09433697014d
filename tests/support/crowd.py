"""A crowd that holds a proxy's places, from as many addresses as it likes.

Owns: the ways to hold a place, and that whoever is dropped comes back. Must not know: who gives
way.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Final, NamedTuple

from tests.support.target import Do, Drip, Pour, Script
from tests.support.wire import Client, Listening

FIRST, NEWCOMER = 2, "127.0.0.100"
"""The crowd has 127.0.0.2 and so on; targets have 127.0.0.1."""

COMES_BACK_SECONDS = 0.1
DRIP_SECONDS = 0.1


class Attack(NamedTuple):
    """A way to hold a place."""

    octets: bytes = b""  # sent at once; %b is the target's URL
    drip: bytes = b""  # and again and again
    target: Script = ()
    tls: bool = False  # against a proxy that serves HTTPS


_PART_OF_HEAD = b"GET / HTTP/1.1\r\nHost: proxy.test\r\n"
_PART_OF_BODY = b"POST /%b HTTP/1.1\r\nHost: proxy.test\r\nContent-Length: 99999\r\n\r\nx"
_WHOLE = b"GET /%b HTTP/1.1\r\nHost: proxy.test\r\n\r\n"
_HANDSHAKE = (
    b"GET /%b HTTP/1.1\r\nHost: proxy.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9999\r\n\r\n"
_LARGE = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"

ATTACKS: Final = {
    "idle": Attack(),
    "empty lines": Attack(drip=b"\r\n"),
    "dripping head": Attack(_PART_OF_HEAD, b"x"),
    "dripping body": Attack(_PART_OF_BODY, b"x", (Do.REQUEST, Do.WAIT)),
    "slow reading": Attack(
        _WHOLE, target=(Do.REQUEST, _LARGE, Pour(lambda: (bytes(99999) for _ in range(1000))))
    ),
    "no reply": Attack(_WHOLE, target=(Do.REQUEST, Do.WAIT)),
    "event stream": Attack(_WHOLE, target=(Do.REQUEST, _STREAM, Drip(bytes(9999), 0.5))),
    "tunnel": Attack(_HANDSHAKE, target=(Do.REQUEST, _SWITCH, Do.WAIT)),
    "TLS handshake": Attack(b"\x16\x03\x01", tls=True),
}


class Crowd:
    """So many connections from these addresses, until it leaves. `came` counts all there were."""

    def __init__(
        self,
        proxy: Listening,
        attack: Attack,
        *,
        url: str = "",
        addresses: int = 1,
        slowly: float = 1,
    ) -> None:
        self.transports: set[asyncio.Transport] = set()  # open now
        self.attack = attack
        self.octets = attack.octets.replace(b"%b", url.encode())
        self.came = 0
        self._port = proxy.port
        self._after = COMES_BACK_SECONDS * slowly
        self.pause = DRIP_SECONDS * slowly
        self._addresses = cycle(f"127.0.0.{FIRST + number}" for number in range(addresses))
        self._tasks: set[asyncio.Task[None]] = set()
        self._left = False

    def come(self, connections: int) -> None:
        """So many more."""
        for _ in range(connections):
            self._begin(self._connect())

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def lost(self, transport: asyncio.Transport) -> None:
        """One was dropped: it comes back."""
        self.transports.discard(transport)
        if not self._left:
            self._begin(self._connect(self._after))

    async def _connect(self, after: float = 0.0) -> None:
        await asyncio.sleep(after)
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        sock.bind((next(self._addresses), 0))
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(sock, ("127.0.0.1", self._port))
            await loop.create_connection(lambda: _Holder(self), sock=sock)
        except OSError:  # dropped before it was here
            sock.close()
            self._begin(self._connect(self._after))
        except BaseException:
            sock.close()
            raise

    async def leave(self) -> None:
        """All of them, at once."""
        self._left = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for transport in list(self.transports):
            transport.abort()
        await asyncio.sleep(0)


class _Holder(asyncio.Protocol):
    """One of a crowd: sends what it is given, and reads nothing."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._crowd.transports.add(transport)
        self._crowd.came += 1
        transport.write(self._crowd.octets)
        if self._crowd.attack.drip:
            self._drip()

    def _drip(self) -> None:
        self._transport.write(self._crowd.attack.drip)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._crowd.pause, self._drip)

    def data_received(self, data: bytes) -> None:
        if not data.startswith(b"HTTP/1.1 503"):
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._crowd.lost(self._transport)


@asynccontextmanager
async def crowd(
    proxy: Listening,
    attack: Attack,
    connections: int,
    *,
    url: str = "",
    addresses: int = 1,
    slowly: float = 1,
) -> AsyncIterator[Crowd]:
    """A crowd that has come, and leaves at the block's end. With `slowly` its pauses are so
    many times as long."""
    gathered = Crowd(proxy, attack, url=url, addresses=addresses, slowly=slowly)
    gathered.come(connections)
    try:
        yield gathered
    finally:
        await gathered.leave()


@asynccontextmanager
async def client_at(
    address: str, proxy: Listening, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Client]:
    """A connection to the proxy from an address of this machine."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", proxy.port, local_addr=(address, 0), ssl=tls
    )
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


async def replies(clients: Iterable[Client]) -> list[bytes]:
    """The bodies that come."""
    return [(await connection.reply()).body for connection in clients]
