"""Taking connections in, and keeping their number below what the process can hold.

Owns: the listening sockets, the cap, and which connection gives way when the cap is reached. Must
not know: what travels on a connection.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import resource
import socket
import ssl
from collections.abc import Callable, Iterator
from heapq import nlargest

from cors_anywhere.egress.pool import TOTAL
from cors_anywhere.http1.server import ServerConnection

LOG = logging.getLogger("cors_anywhere")

BACKLOG = 1024
HANDSHAKE_SECONDS = 10.0
ACCEPTS_PER_TURN = 32
"""Connections taken in one turn of the event loop, so that a flood does not keep it busy. Those
that give way hold their descriptors to its end: RESERVED_DESCRIPTORS covers them."""

PATIENCE = 0.25
"""Seconds for which a client may keep the proxy waiting although others want its place."""

VICTIMS = 8
"""Connections dropped at a time: looking for them costs more than dropping them."""

RETRY_SECONDS = 0.1
COMPLAINT_SECONDS = 10.0
"""At most one line of log in this time about a system that has no descriptors left."""

RESERVED_DESCRIPTORS = 64
"""For standard streams, listeners, the event loop, look-ups, log files and certificates."""


def connection_limit() -> int:
    """The cap that the limit on file descriptors allows.

    Two fifths for clients, two for their targets, one for idle connections to targets.
    """
    return max(8, _fifth_of_descriptors() * 2)


def idle_limit() -> int:
    """How many idle connections to targets the limit on file descriptors allows."""
    return max(1, min(TOTAL, _fifth_of_descriptors()))


def _fifth_of_descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (min(soft, 1 << 20) - RESERVED_DESCRIPTORS) // 5


class Acceptor:
    """Accepts while there is room, and makes room at the cost of those who keep us waiting.

    A slow client costs nothing while places are free. When they are not, the one that has kept the
    proxy waiting longest is dropped for the next: so slow clients, however many, cannot shut out
    the others (nginx recycles idle connections alike).
    """

    def __init__(
        self,
        make: Callable[[], ServerConnection],
        connections: set[ServerConnection],
        limit: int,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._make = make
        self._connections = connections
        self._limit = limit
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._listening: list[socket.socket] = []
        self._handshakes: dict[asyncio.Task[None], float] = {}  # and since when
        self._complained = -COMPLAINT_SECONDS
        self._retry: asyncio.TimerHandle | None = None
        self._closed = False
        self._empty = asyncio.Event()

    def listen(self, sock: socket.socket) -> None:
        """Begins to accept on a bound socket."""
        sock.setblocking(False)
        sock.listen(BACKLOG)
        self._listening.append(sock)
        self._loop.add_reader(sock, self._accept, sock)

    def close(self) -> None:
        """Stops listening, after taking in those whose connection the kernel made already."""
        self._closed = True
        if self._retry is not None:
            self._retry.cancel()
        for sock in self._listening:
            self._loop.remove_reader(sock)
            self._accept(sock)
            sock.close()
        self._listening.clear()
        self._look_whether_empty()

    async def wait_empty(self) -> None:
        """Returns when no connection is left."""
        await self._empty.wait()

    # --- the connections tell of themselves ------------------------------------------------------

    def add(self, connection: ServerConnection) -> None:
        """A connection is open."""
        self._connections.add(connection)
        if self._closed:
            connection.drain()

    def discard(self, connection: ServerConnection) -> None:
        """A connection has ended."""
        self._connections.discard(connection)
        self._look_whether_empty()

    def _look_whether_empty(self) -> None:
        if self._closed and not self._connections and not self._handshakes:
            self._empty.set()

    # --- accepting --------------------------------------------------------------------------------

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(BACKLOG if self._closed else ACCEPTS_PER_TURN):
            if not self._has_room():
                self._pause()
                return
            try:
                sock, _ = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    self._complain(error)
                    self._pause()
                    return
                continue  # that connection was gone before it was taken (accept(2))
            self._begin(sock)

    def _begin(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        task = self._loop.create_task(self._handshake(sock))
        self._handshakes[task] = self._loop.time()
        task.add_done_callback(self._handshake_done)

    async def _handshake(self, sock: socket.socket) -> None:
        seconds = HANDSHAKE_SECONDS if self._tls else None
        try:
            await self._loop.connect_accepted_socket(
                self._make, sock, ssl=self._tls, ssl_handshake_timeout=seconds
            )
        except OSError:  # of TLS, or the client has gone: nobody is there to be told
            sock.close()

    def _handshake_done(self, task: asyncio.Task[None]) -> None:
        self._handshakes.pop(task, None)
        self._look_whether_empty()
        if not task.cancelled() and (failure := task.exception()) is not None:
            LOG.error("A connection could not be taken in", exc_info=failure)

    def _has_room(self) -> bool:
        if len(self._connections) + len(self._handshakes) < self._limit:
            return True
        self._make_room()
        return len(self._connections) + len(self._handshakes) < self._limit

    def _make_room(self) -> None:
        for seconds, _, connection in nlargest(VICTIMS, self._kept_waiting()):
            if seconds < PATIENCE:
                return
            if isinstance(connection, ServerConnection):
                connection.give_way()
                self._connections.discard(connection)
            else:
                connection.cancel()
                self._handshakes.pop(connection)

    def _kept_waiting(self) -> Iterator[tuple[float, int, ServerConnection | asyncio.Task[None]]]:
        """Everybody who could give way, after how many seconds of waiting."""
        now = self._loop.time()
        for connection in self._connections:
            yield connection.kept_waiting(), id(connection), connection
        for task, since in self._handshakes.items():
            yield now - since, id(task), task

    def _complain(self, error: OSError) -> None:
        now = self._loop.time()
        if now >= self._complained + COMPLAINT_SECONDS:
            self._complained = now
            LOG.warning("Cannot accept: %s", error.strerror)

    def _pause(self) -> None:
        """Leaves the others in the kernel's queue for a moment."""
        if self._retry is None and not self._closed:
            for sock in self._listening:
                self._loop.remove_reader(sock)
            self._retry = self._loop.call_later(RETRY_SECONDS, self._resume)

    def _resume(self) -> None:
        self._retry = None
        for sock in self._listening:
            self._loop.add_reader(sock, self._accept, sock)
