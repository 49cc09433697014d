"""Connections to targets that wait for their next exchange.

Owns: how many are kept, and for how long. Must not know: how one is made.
"""

from __future__ import annotations

from collections.abc import Hashable

from cors_anywhere.http1.client import TargetConnection

IDLE_SECONDS = 30.0
"""Below the keep-alive time of common servers (nginx 75 s, Node.js 5 s are the ends), so that
few connections are found dead; those that are, are retried."""

PER_KEY = 64
TOTAL = 512
"""The default; the limit on file descriptors may ask for less."""


class Pool:
    """Idle connections by key, the most recently used first: it is the least likely to be dead."""

    def __init__(
        self, *, per_key: int = PER_KEY, total: int = TOTAL, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        self._idle: dict[Hashable, list[TargetConnection]] = {}
        self._per_key = per_key
        self._total = total
        self._idle_seconds = idle_seconds
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def take(self, key: Hashable) -> TargetConnection | None:
        """An idle connection that seems alive."""
        idle = self._idle.get(key)
        while idle:
            connection = idle.pop()
            self._count -= 1
            connection.on_idle_end = None
            if not idle:
                del self._idle[key]
            if not connection.closed and not connection.transport.is_closing():
                return connection
        return None

    def put(self, key: Hashable, connection: TargetConnection) -> None:
        """Keeps a reusable connection, or closes it where enough are kept."""
        idle = self._idle.setdefault(key, [])
        if len(idle) >= self._per_key or self._count >= self._total:
            connection.abort()
            if not idle:
                del self._idle[key]
            return
        idle.append(connection)
        self._count += 1
        connection.to_idle(lambda: self._forget(key, connection), self._idle_seconds)

    def _forget(self, key: Hashable, connection: TargetConnection) -> None:
        idle = self._idle.get(key)
        if idle and connection in idle:
            idle.remove(connection)
            self._count -= 1
            if not idle:
                del self._idle[key]

    def close(self) -> None:
        """Ends all idle connections."""
        for idle in list(self._idle.values()):
            for connection in idle:
                connection.abort()
        self._idle.clear()
        self._count = 0
