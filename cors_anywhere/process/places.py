"""One client's place, from the accept to the end of its connection.

Owns: the handshake before there is a connection, and how either is ended. Must not know: who gets
a place, or who gives way.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Protocol

from cors_anywhere.http1.server import Registry, ServerConnection
from cors_anywhere.http1.tls import start_tls

LOG = logging.getLogger("cors_anywhere")

HANDSHAKE_SECONDS = 10

Make = Callable[[Registry], ServerConnection]
"""Makes a connection that tells the registry of its beginning and end."""


class Landlord(Protocol):
    """Who gives out the places."""

    def opened(self, connection: ServerConnection, /) -> None:
        """The connection that has this place is open."""

    def freed(self, place: ClientPlace, /) -> None:
        """The place is not needed any more."""


class ClientPlace:
    """A place that a client holds; `client` is None for a front server's."""

    __slots__ = ("_landlord", "_loop", "_since", "_task", "client", "connection")

    def __init__(self, client: str | None, landlord: Landlord) -> None:
        self.client = client
        self.connection: ServerConnection | None = None
        self._landlord = landlord
        self._loop = loop = asyncio.get_running_loop()
        self._since = loop.time()
        self._task: asyncio.Task[None] | None = None

    def begin(self, sock: socket.socket, make: Make, tls: ssl.SSLContext | None) -> None:
        """Makes an accepted socket a connection."""
        self._task = self._loop.create_task(self._handshake(sock, make, tls))
        self._task.add_done_callback(partial(self._handshake_done, sock))

    async def _handshake(self, sock: socket.socket, make: Make, tls: ssl.SSLContext | None) -> None:
        try:
            if tls is None:
                await self._loop.connect_accepted_socket(lambda: make(self), sock)
            else:
                await start_tls(sock, make(self), tls, seconds=HANDSHAKE_SECONDS)
        except OSError:  # of TLS, or the client has gone: nobody is there to be told
            sock.close()

    def _handshake_done(self, sock: socket.socket, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled():
            sock.close()  # which it may not have begun to take care of
        if self.connection is None:
            self._landlord.freed(self)
        if not task.cancelled() and (failure := task.exception()) is not None:
            LOG.error("A connection could not be taken in", exc_info=failure)

    # --- the connection tells of itself: it is the connection's registry -------------------------

    def add(self, connection: ServerConnection, /) -> None:
        """The connection is open."""
        self.connection = connection
        self._landlord.opened(connection)

    def discard(self, _: ServerConnection, /) -> None:
        """The connection has ended."""
        self._landlord.freed(self)
        self.connection = None  # which holds this place: nothing is left to the garbage collector

    # --- who is slow ------------------------------------------------------------------------------

    def kept_waiting(self) -> float:
        """Seconds for which it has waited for its client; 0 while the client waits for it."""
        if self.connection is None:
            return self._loop.time() - self._since
        return self.connection.kept_waiting()

    def stalled_for(self) -> float:
        """Seconds in which nothing has moved, whoever is waited for."""
        if self.connection is None:
            return self._loop.time() - self._since
        return self.connection.stalled_for()

    def give_way(self) -> None:
        """Ends at once for the sake of another."""
        if self.connection is not None:
            self.connection.give_way()
        elif self._task is not None:
            self._task.cancel()
