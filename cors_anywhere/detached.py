"""A WebSocket's octets on a connection of Tornado's own server.

Owns: reading and writing the stream that is left when Tornado's HTTP has let go of it. Must not
know: frames. (A connection of this package carries a tunnel by itself.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tornado.iostream import IOStream, StreamClosedError

from cors_anywhere.http1.output import reset_socket

_READ_BYTES = 65536


class DetachedConnection:
    """What is left of an `HTTPConnection` after a 101.

    `feed` takes each piece that the client sends and says when the next may come; `end` is called
    at the client's end.
    """

    def __init__(
        self,
        stream: IOStream,
        feed: Callable[[bytes], Awaitable[None] | None],
        end: Callable[[], None],
    ) -> None:
        self._stream = stream
        self._feed = feed
        self._end = end
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        try:
            while True:
                room = self._feed(await self._stream.read_bytes(_READ_BYTES, partial=True))
                if room is not None:
                    await room
        except StreamClosedError:
            self._end()

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
