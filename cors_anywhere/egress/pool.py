"""Connections to targets that wait for their next exchange.

Owns: how many are kept, for how long, which gives way, and whose next request one may carry. Must
not know: how a connection is made.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

from cors_anywhere.http1.client import TargetConnection

IDLE_SECONDS = 30.0
"""Below the keep-alive time of common servers (nginx 75 s, Node.js 5 s are the ends), so that
few connections are found dead; those that are, are retried."""

TOTAL = 512
"""The default; the limit on file descriptors may ask for less, or allow more."""

MOST = 4096
"""However many descriptors there are: idle TLS takes 37 KiB of memory."""


class Pool:
    """Idle connections by key, the most recently used first: it is the least likely to be dead.

    Where `total` are kept, the least recently used gives way: no target, and no client of many
    targets, keeps the others out.

    One that `serves_one` serves the same client only. Some targets ignore a body's length on some
    paths and read it as their next request, so its reply would be the next user's (request
    smuggling, "CL.0"); others send a body in reply to HEAD, which would be the next user's reply.
    """

    def __init__(self, *, total: int = TOTAL, idle_seconds: float = IDLE_SECONDS) -> None:
        self._idle: dict[Hashable, list[TargetConnection]] = {}
        self._order: OrderedDict[TargetConnection, Hashable] = OrderedDict()
        self._ending: set[TargetConnection] = set()  # replies to drain, tunnels' last frames
        self._total = total
        self._idle_seconds = idle_seconds

    def __len__(self) -> int:
        return len(self._order)

    def take(
        self, key: Hashable, client: Callable[[], Hashable], *, with_body: bool
    ) -> TargetConnection | None:
        """An idle connection on which the target is silent: one that everybody may use, or one
        that only this client may. A request with a body leaves the former to others."""
        if with_body:
            return self._take((key, client())) or self._take(key)
        return self._take(key) or (self._take((key, client())) if self._order else None)

    def _take(self, key: Hashable) -> TargetConnection | None:
        idle = self._idle.get(key)
        while idle:
            connection = idle.pop()
            del self._order[connection]
            if not idle:
                del self._idle[key]
            if connection.is_fresh():
                return connection
            connection.abort()
        return None

    def release(
        self, key: Hashable, client: Callable[[], Hashable], connection: TargetConnection
    ) -> None:
        """Takes a connection back after its exchange: it is kept if another may follow, at once
        or when the short rest of a reply that nobody wanted has come."""
        if connection.serves_one:
            key = (key, client())
        if connection.reusable:
            self._keep(key, connection)
        elif connection.drainable:
            self._ending.add(connection)
            connection.drain(lambda: self._drained(key, connection))
        else:
            connection.abort()
            if not connection.closed:
                self._ending.add(connection)
                connection.when_lost(lambda: self._ending.discard(connection))

    def _drained(self, key: Hashable, connection: TargetConnection) -> None:
        self._ending.discard(connection)
        if connection.reusable:
            self._keep(key, connection)
        else:
            connection.abort()

    def _keep(self, key: Hashable, connection: TargetConnection) -> None:
        if len(self._order) >= self._total:
            if not self._order:
                connection.abort()
                return
            oldest, its_key = next(iter(self._order.items()))
            self._forget(its_key, oldest)
            oldest.abort()
        self._idle.setdefault(key, []).append(connection)
        self._order[connection] = key
        connection.to_idle(lambda: self._forget(key, connection), self._idle_seconds)

    def _forget(self, key: Hashable, connection: TargetConnection) -> None:
        if self._order.pop(connection, None) is None:
            return
        idle = self._idle[key]
        idle.remove(connection)
        if not idle:
            del self._idle[key]

    def close(self) -> None:
        """Ends all connections without a user; none is kept from now on."""
        self._total = 0
        for connection in (*self._order, *self._ending):
            connection.abort()
        self._idle.clear()
        self._order.clear()
        self._ending.clear()
