"""How long to wait before something that died is started again.

Owns: that one death costs nobody anything, and a crash loop no more than a start now and then.
Must not know: clocks, or what is started.
"""

from __future__ import annotations

from typing import Final

SETTLED_SECONDS: Final = 10.0
"""Whoever has lived so long did not die of its start."""

FIRST_SECONDS: Final = 0.1
MOST_SECONDS: Final = 30.0


class Backoff:
    """The waits of one that is started again and again: none after a life that was long enough,
    else each twice the one before."""

    def __init__(self) -> None:
        self._began = 0.0
        self._next = FIRST_SECONDS

    def started(self, now: float) -> None:
        """It begins."""
        self._began = now

    def died(self, now: float) -> float:
        """It has ended; the seconds to wait."""
        if now - self._began >= SETTLED_SECONDS:
            self._next = FIRST_SECONDS
            return 0.0
        wait = self._next
        self._next = min(MOST_SECONDS, wait * 2)
        return wait
