"""The sending half of a connection, the same on both sides of the proxy.

Owns: joining small writes, backpressure, and ending a connection so that the peer cannot take it
for a clean end. Must not know: HTTP.
"""

from __future__ import annotations

import asyncio
import fcntl
import select
import socket
import struct
import termios

_HELD_BYTES = 8192
"""Writes below this wait for the end of the event loop's turn: a head, its body and the last chunk
leave in one system call and one segment."""

_RDHUP = getattr(select, "POLLRDHUP", 0)


class Output:
    """Writes to a transport."""

    __slots__ = ("_held", "_loop", "_poll", "_ready", "_size", "_transport", "_waiters", "paused")

    def __init__(self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport) -> None:
        self._loop = loop
        self._transport = transport
        self._held: list[bytes] = []
        self._poll: select.poll | None = None  # made once it is needed, and then kept
        self._size = 0
        self.paused = False
        self._waiters: list[asyncio.Future[None]] = []
        self._ready: asyncio.Future[None] = loop.create_future()
        self._ready.set_result(None)

    def write(self, *pieces: bytes) -> asyncio.Future[None]:
        """Sends `pieces`, soon; the future is done when more may be written."""
        if not self._size:
            self._loop.call_soon(self.flush)
        for piece in pieces:
            self._held.append(piece)
            self._size += len(piece)
        if self._size >= _HELD_BYTES:
            self.flush()
        return self.wait()

    def write_now(self, piece: bytes) -> None:
        """Sends `piece`, and what waits before it, in this turn of the event loop."""
        self._held.append(piece)
        self._size += len(piece)
        self.flush()

    def flush(self) -> None:
        """Hands everything written so far to the transport."""
        if self._size:
            held = self._held
            data = held[0] if len(held) == 1 else b"".join(held)
            self._held = []
            self._size = 0
            if not self._transport.is_closing():
                self._transport.write(data)

    def wait(self) -> asyncio.Future[None]:
        """A future that is done when the peer has taken enough for more to be written.

        Each call gets one of its own: whoever gives up waiting cancels nobody else's.
        """
        if not self.paused:
            return self._ready
        waiter = self._loop.create_future()
        self._waiters.append(waiter)
        return waiter

    def pause(self) -> None:
        """The transport's buffer is full."""
        self.paused = True

    def resume(self) -> None:
        """The transport's buffer has room, or the connection is gone and nobody need wait."""
        self.paused = False
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def unsent(self) -> int:
        """Octets that the peer has not taken from this process yet."""
        return self._size + self._transport.get_write_buffer_size()

    def unacknowledged(self) -> int:
        """As `unsent`, with what is on its way. It alone shows that a slow peer reads: the kernel
        takes nothing more before a third of its buffer, up to megabytes, is free (tcp(7))."""
        sock = self._transport.get_extra_info("socket")
        return self.unsent() + (0 if sock is None else _kernel_queue(sock))

    def reset(self) -> None:
        """Ends the connection with RST: what was sent must not pass for all there was."""
        self._held.clear()
        self._size = 0
        sock = self._transport.get_extra_info("socket")
        if sock is not None:
            reset_socket(sock)
        self._transport.abort()

    def peer_has_stirred(self) -> bool:
        """Whether octets or an end of the peer's wait in the kernel, reported or not."""
        return bool(self._waiting())

    def peer_has_spoken(self) -> bool:
        """Whether octets of the peer's wait in the kernel, and no end behind them."""
        return self._waiting() == select.POLLIN

    def _waiting(self) -> int:
        """What there is to read, as poll(2) tells it: also what no event has reported yet."""
        sock = self._transport.get_extra_info("socket")
        if sock is None:
            return 0
        if sock.fileno() < 0:
            return select.POLLHUP
        poll = self._poll
        if poll is None:
            self._poll = poll = select.poll()
            poll.register(sock.fileno(), select.POLLIN | _RDHUP)
        found = poll.poll(0)
        return found[0][1] if found else 0

    def peer_is_gone(self) -> bool:
        """Whether the peer has closed."""
        sock = self._transport.get_extra_info("socket")
        return sock is not None and has_closed(sock)


def has_closed(sock: socket.socket) -> bool:
    """Whether the peer has closed, asked of the kernel: who does not read does not hear it."""
    if sock.fileno() < 0 or not _RDHUP:
        return False
    poll = select.poll()
    poll.register(sock.fileno(), _RDHUP)
    return bool(poll.poll(0))


def _kernel_queue(sock: socket.socket) -> int:
    """Octets in the kernel's send queue; 0 where it does not tell."""
    try:
        queued: int = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
        return queued
    except (OSError, ValueError):
        return 0


def reset_socket(sock: socket.socket) -> None:
    """Makes the coming close of `sock` a reset."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except (OSError, ValueError):  # the latter of uvloop
        pass  # gone already
