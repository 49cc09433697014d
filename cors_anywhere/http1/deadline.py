"""One timer for a connection whose deadline moves often.

Owns: when a deadline has passed. Must not know: what the deadline is for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable


def _nothing() -> None:
    """What a closed deadline calls."""


class Deadline:
    """Calls `expired` once when a deadline passes that was not moved or cleared before.

    Moving a deadline later is an assignment: the armed timer finds out when it fires. So a
    kept-alive connection arms about one timer per idle period instead of two per request.
    """

    __slots__ = ("_at", "_expired", "_loop", "_timer", "_timer_at")

    def __init__(self, loop: asyncio.AbstractEventLoop, expired: Callable[[], None]) -> None:
        self._loop = loop
        self._expired = expired
        self._at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def set(self, seconds: float) -> None:
        """Expires `seconds` from now, whatever was set before."""
        self._at = at = self._loop.time() + seconds
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._arm(at)

    def clear(self) -> None:
        """Expires never, until it is set again."""
        self._at = 0.0

    def close(self) -> None:
        """Drops the timer and the callback for good, so that they keep nothing alive."""
        self._at = 0.0
        self._expired = _nothing
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, at: float) -> None:
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._fire)

    def _fire(self) -> None:
        self._timer = None
        if not self._at:
            return
        if self._at > self._loop.time():
            self._arm(self._at)
            return
        self._at = 0.0
        self._expired()
