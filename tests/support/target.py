"""A target that does as it is told, octet by octet.

Owns: what a target can do on the wire. Must not know: the proxy, or what is a fault.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from enum import Enum
from hashlib import sha256
from typing import NamedTuple

from tests.support.listening import TURNS, stop_listening


class Peer(NamedTuple):
    """The proxy, as a target sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class Do(Enum):
    """A step of a script besides sending octets."""

    REQUEST = "read a request's head"
    FIN = "close"
    RST = "close with a reset"
    WAIT = "keep the connection open in silence"
    HOLD = "read nothing more, and keep the connection open"
    SHUT = "end TLS with close_notify, then close"


class Endless(NamedTuple):
    """Sends `octets` again and again until the proxy has had enough."""

    octets: bytes

    async def play(self, _: Target, peer: Peer) -> None:
        while True:
            peer.writer.write(self.octets)
            await peer.writer.drain()


class Drip(NamedTuple):
    """Sends octet by octet, each after a wait."""

    octets: bytes
    seconds: float

    async def play(self, _: Target, peer: Peer) -> None:
        for octet in self.octets:
            await asyncio.sleep(self.seconds)
            peer.writer.write(bytes([octet]))
            await peer.writer.drain()


class Pause(NamedTuple):
    """Lets what was sent arrive by itself."""

    seconds: float

    async def play(self, _: Target, __: Peer) -> None:
        await asyncio.sleep(self.seconds)


class Until(NamedTuple):
    """Goes on when the test says so."""

    event: asyncio.Event

    async def play(self, _: Target, __: Peer) -> None:
        await self.event.wait()


class Pour(NamedTuple):
    """Sends what is made anew for each connection."""

    make: Callable[[], Iterable[bytes]]

    async def play(self, _: Target, peer: Peer) -> None:
        for piece in self.make():
            peer.writer.write(piece)
            await peer.writer.drain()


class Take(NamedTuple):
    """Reads `size` octets of a body, and adds their SHA-256 to the target's `digests`."""

    size: int

    async def play(self, target: Target, peer: Peer) -> None:
        target.digests.append(await _digest(peer.reader, self.size))


Step = bytes | Do | Endless | Drip | Pause | Until | Pour | Take
Script = Sequence[Step]


class Target:
    """A listening target. `connections` counts those accepted, `requests` holds the heads read,
    `ended` is set whenever the proxy has ended a connection."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        self._scripts = scripts
        self.connections = 0
        self.requests: list[bytes] = []
        self.digests: list[str] = []
        self.ended = asyncio.Event()
        self.scheme = "http"
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self.scheme}://127.0.0.1:{self.port}/"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Plays the next script (the last one again when they are used up), then waits."""
        script = self._scripts[min(self.connections, len(self._scripts) - 1)]
        self.connections += 1
        try:
            for step in script:
                await self._play(step, Peer(reader, writer))
            await reader.read()
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self.ended.set()
            writer.transport.abort()

    async def _play(self, step: Step, peer: Peer) -> None:
        reader, writer = peer
        if isinstance(step, bytes):
            writer.write(step)
            await writer.drain()
        elif not isinstance(step, Do):
            await step.play(self, peer)
        elif step is Do.REQUEST:
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
        elif step is Do.WAIT:
            await reader.read()
        elif step is Do.HOLD:
            await _hold(writer)
        else:
            if step is Do.FIN:  # it goes out below: what still waits here would be lost
                while writer.transport.get_write_buffer_size():
                    await asyncio.sleep(0.005)
            self._end(step, writer)

    def _end(self, how: Do, writer: asyncio.StreamWriter) -> None:
        if how is Do.SHUT:
            writer.close()
            return
        sock = writer.get_extra_info("socket")
        if how is Do.RST:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        else:  # below TLS, where there is any: a FIN that no close_notify announced
            duplicate = socket.socket(fileno=os.dup(sock.fileno()))
            duplicate.shutdown(socket.SHUT_WR)
            duplicate.close()


async def _digest(reader: asyncio.StreamReader, size: int) -> str:
    digest = sha256()
    while size:
        piece = await reader.read(min(size, 2**18))
        if not piece:
            raise asyncio.IncompleteReadError(b"", size)
        digest.update(piece)
        size -= len(piece)
    return digest.hexdigest()


async def _hold(writer: asyncio.StreamWriter) -> None:
    """Leaves what comes in the kernel, which alone can then tell that the peer has gone."""
    transport = writer.transport
    assert isinstance(transport, asyncio.Transport)
    if transport.is_closing():
        return
    transport.pause_reading()
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLRDHUP)
    while not poll.poll(0):
        await asyncio.sleep(0.01)
    transport.resume_reading()


@asynccontextmanager
async def target(
    *scripts: Script, tls: ssl.SSLContext | None = None, limit: int = 2**20
) -> AsyncIterator[Target]:
    """A target that plays one script per connection."""
    playing = Target(scripts)
    serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving[task] = writer
        if over:
            writer.transport.abort()
        await playing.serve(reader, writer)

    over = False
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, limit=limit)
    playing.port = server.sockets[0].getsockname()[1]
    playing.scheme = "https" if tls else "http"
    try:
        yield playing
    finally:
        over = True
        await stop_listening(server)
        for writer in serving.values():
            writer.transport.abort()
        for _ in range(TURNS):
            await asyncio.sleep(0)
        await asyncio.gather(*serving)


@contextmanager
def full_backlog() -> Iterator[int]:
    """The port of a socket whose queue is full: the kernel answers no further SYN."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        port = listening.getsockname()[1]
        queued = [socket.socket() for _ in range(3)]
        for sock in queued:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        try:
            yield port
        finally:
            for sock in queued:
                sock.close()
