"""Event loops whose clock need not be waited for, and when nothing moves in one.

Owns: time, where client, proxy and target are in the test's own loop. Must not know: what waits
for it. Where there is nothing but the proxy's decisions, pipe.py sets time by hand.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

SHARE, LEAST, MOST = 0.25, 0.02, 1.0
"""Of a wait that share is waited in the machine's own time, and so many seconds, before the clock
leaps over the rest: on loopback the kernel hands over at once what is sent, but it has timers of
its own, of 0.2 seconds and more, for a peer that had no room."""

QUIET_TURNS = 3
"""Of a loop, in which nothing came: what was read is also answered in one of them."""


class LeapingLoop(asyncio.SelectorEventLoop):
    """A loop whose clock can leap, so that a deadline may be long and is not waited for."""

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        self._leapt = 0.0
        super().__init__(selector)

    def time(self) -> float:
        return super().time() + self._leapt

    def leap(self, seconds: float) -> None:
        """What is due within that time is due now."""
        self._leapt += seconds


class HastyLoop(LeapingLoop):
    """A loop whose clock leaps to what is due next once nothing moves.

    A deadline is met to the moment by this clock and costs little, and whatever hangs is given up
    soon. Not for what waits for a thread or another process.
    """

    def __init__(self) -> None:
        super().__init__(_Hasty(self))


class _Hasty(selectors.DefaultSelector):
    def __init__(self, loop: HastyLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= LEAST:
            return super().select(timeout)
        waited = min(max(SHARE * timeout, LEAST), MOST)
        events = super().select(waited)
        if not events:
            self._loop.leap(timeout - waited)
        return events


def hasty(main: Coroutine[Any, Any, T]) -> T:
    """Runs it on a loop whose clock is not waited for."""
    with asyncio.Runner(loop_factory=HastyLoop) as runner:
        return runner.run(main)


async def quiet() -> None:
    """Returns when nothing moves any more in this loop and the kernel without something new: all
    that was sent on loopback has been read, or waits for room."""
    loop: Any = asyncio.get_running_loop()
    still = 0
    while still < QUIET_TURNS:
        await asyncio.sleep(0)
        still = 0 if loop._ready else still + 1
