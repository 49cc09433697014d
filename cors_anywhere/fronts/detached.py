"""A connection of Tornado's own server after its last request: a WebSocket's, or a refused one.

Owns: reading and writing the stream that is left when Tornado's HTTP has let go of it. Must not
know: frames. (A connection of this package does both by itself.)
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

from cors_anywhere.http1.life import LINGER_SECONDS, LOOK_SECONDS
from cors_anywhere.http1.output import has_closed, reset_socket

_READ_BYTES = 65536

_lingering: set[asyncio.Task[None]] = set()  # the loop itself holds tasks weakly


def linger(stream: IOStream, written: Awaitable[None]) -> None:
    """Closes a connection in such a way that its client can read what was `written` last.

    To close while octets wait to be read would reset it (RFC 9112 section 9.6).
    """
    task = asyncio.ensure_future(_linger(stream, written))
    _lingering.add(task)
    task.add_done_callback(_lingering.discard)


async def _linger(stream: IOStream, written: Awaitable[None]) -> None:
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            await written
            if not isinstance(stream, SSLIOStream):  # TLS cannot be half closed
                stream.socket.shutdown(socket.SHUT_WR)
            while True:
                await stream.read_bytes(_READ_BYTES, partial=True)
    except (StreamClosedError, TimeoutError, OSError):
        pass  # it has left, or had its time
    finally:
        stream.close()


async def wait_for_room(stream: IOStream, room: Awaitable[None], gone: Callable[[], None]) -> None:
    """Waits until more can be taken from a stream that is not read meanwhile. A client that leaves
    is noticed by looking: it is closed then, and `gone` called."""
    waited = asyncio.ensure_future(room)
    while not waited.done():
        await asyncio.wait((waited,), timeout=LOOK_SECONDS)
        if not waited.done() and (stream.closed() or has_closed(stream.socket)):
            stream.close()
            gone()
            return


class DetachedConnection:
    """What is left of an `HTTPConnection` after a 101.

    `feed` takes each piece that the client sends and says when the next may come; `end` is called
    at the client's end, `gone` when the client has reset the connection, or has left while nothing
    more could be taken.
    """

    def __init__(
        self,
        stream: IOStream,
        feed: Callable[[bytes], Awaitable[None] | None],
        end: Callable[[], None],
        gone: Callable[[], None],
    ) -> None:
        self._stream = stream
        self._feed = feed
        self._end = end
        self._gone = gone
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        try:
            while True:
                room = self._feed(await self._stream.read_bytes(_READ_BYTES, partial=True))
                if room is not None:
                    await wait_for_room(self._stream, room, self._gone)
        except StreamClosedError as error:
            # A reset is no end: nobody waits for what it still takes to pass on what was sent.
            (self._gone if error.real_error else self._end)()

    async def write(self, chunk: bytes) -> None:
        """Sends a piece; returns when more may be sent."""
        try:
            await self._stream.write(chunk)
        except StreamClosedError:
            pass  # the reading side has told of it

    def finish(self) -> None:
        """Closes after what was written."""
        self._reading.cancel()
        self._stream.close()

    def abort(self) -> None:
        """Ends the connection with a reset."""
        if not self._stream.closed():
            reset_socket(self._stream.socket)
        self.finish()
