"""A connection of ours to a target that follows a script, on loopback.

Owns: the two ends, and that a failure of the script is the test's. Must not know: what is tested.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from cors_anywhere.http1.client import TargetConnection
from cors_anywhere.http1.output import reset_socket
from cors_anywhere.http1.target_life import TargetLimits
from tests.support.listening import stop_listening
from tests.support.loopback import Peer

SHORT = 0.2
FIELDS = [("Host", "target.test")]
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKS = b"Transfer-Encoding: chunked\r\n\r\n"
NONE = b"Content-Length: 0\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
Script = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def facing(
    script: Script, limits: TargetLimits = TargetLimits()
) -> AsyncIterator[TargetConnection]:
    """A connection to a target that follows the script; the script's failures are the test's."""
    scripts: list[asyncio.Task[None]] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def play() -> None:
            try:
                await script(Peer(reader, writer))
            finally:
                writer.close()

        scripts.append(asyncio.ensure_future(play()))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=2**20)
    port = server.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(
        lambda: TargetConnection(limits), "127.0.0.1", port
    )
    try:
        yield connection
    finally:
        connection.abort()
        await stop_listening(server)
        for task in scripts:
            task.cancel()
        for outcome in await asyncio.gather(*scripts, return_exceptions=True):
            if isinstance(outcome, AssertionError):
                raise outcome


def sends(*pieces: bytes, end: str = "stay") -> Script:
    """Reads a request's head and sends these octets; then stays, or ends by "fin" or "rst"."""

    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        for piece in pieces:
            peer.writer.write(piece)
            await asyncio.sleep(0)
        if end == "rst":
            reset_socket(peer.writer.get_extra_info("socket"))
            peer.writer.transport.abort()
        if end == "stay":
            await peer.reader.read(-1)

    return script


async def whole(connection: TargetConnection) -> tuple[int, bytes]:
    """A reply's status and content."""
    head = await connection.reply()
    content = b""
    while piece := await connection.read():
        content += piece
    return head.status, content


async def closing(connection: TargetConnection) -> None:
    """Returns when the connection has ended."""
    while not connection.closed:
        await asyncio.sleep(SHORT / 5)
