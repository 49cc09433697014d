"""One timer for a deadline that moves."""

from __future__ import annotations

import asyncio

from cors_anywhere.http1.deadline import Deadline
from tests.support.loopback import in_loop


class Watched:
    """A deadline, and the moments at which it expired."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.expired = asyncio.Event()
        self.times: list[float] = []
        self.deadline = Deadline(self.loop, self._expire)

    def _expire(self) -> None:
        self.times.append(self.loop.time())
        self.expired.set()

    async def until(self, seconds: float) -> None:
        """Returns when the loop has called what was due by then."""
        passed = self.loop.create_future()
        self.loop.call_later(seconds, passed.set_result, None)
        await passed


@in_loop
async def test_it_expires_once_and_not_early() -> None:
    watched = Watched()
    due = watched.loop.time() + 0.03
    watched.deadline.set(0.03)
    await watched.expired.wait()
    await watched.until(0.04)
    assert len(watched.times) == 1
    assert due - 0.002 <= watched.times[0] < due + 0.5


@in_loop
async def test_moved_later_it_expires_at_the_later_time() -> None:
    watched = Watched()
    watched.deadline.set(0.01)
    due = watched.loop.time() + 0.04
    watched.deadline.set(0.04)
    await watched.expired.wait()
    assert watched.times[0] >= due - 0.002


@in_loop
async def test_moved_earlier_it_expires_at_the_earlier_time() -> None:
    watched = Watched()
    watched.deadline.set(5)
    watched.deadline.set(0.01)
    await asyncio.wait_for(watched.expired.wait(), 1)


@in_loop
async def test_cleared_or_closed_it_never_expires() -> None:
    cleared, closed = Watched(), Watched()
    for watched in (cleared, closed):
        watched.deadline.set(0.01)
    cleared.deadline.clear()
    closed.deadline.close()
    await cleared.until(0.03)
    assert cleared.times == closed.times == []


@in_loop
async def test_it_can_be_set_again_after_it_was_cleared_or_expired() -> None:
    watched = Watched()
    watched.deadline.set(0.01)
    watched.deadline.clear()
    watched.deadline.set(0.01)
    await watched.expired.wait()
    watched.expired.clear()
    watched.deadline.set(0.01)
    await watched.expired.wait()
    assert len(watched.times) == 2


@in_loop
async def test_moving_it_later_arms_no_further_timer() -> None:
    watched = Watched()
    armed: list[float] = []
    original = watched.loop.call_at
    watched.loop.call_at = lambda at, *rest, **kw: (armed.append(at), original(at, *rest, **kw))[1]  # type: ignore[func-returns-value, method-assign]
    for _ in range(100):
        watched.deadline.set(1)
    assert len(armed) == 1
    watched.deadline.close()
