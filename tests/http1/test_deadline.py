"""One timer for a deadline that moves."""

from __future__ import annotations

from cors_anywhere.http1.deadline import Deadline
from tests.support.pipe import HandSetLoop, stepped


class Watched:
    """A deadline, and the moments at which it expired."""

    def __init__(self, loop: HandSetLoop) -> None:
        self.times: list[float] = []
        self.deadline = Deadline(loop, lambda: self.times.append(loop.time()))


@stepped
async def test_it_expires_once_and_not_early(loop: HandSetLoop) -> None:
    watched, now = Watched(loop), loop.time()
    watched.deadline.set(3)
    await loop.pass_time(2.99)
    assert watched.times == []
    await loop.pass_time(7)
    assert watched.times == [now + 3]


@stepped
async def test_moved_later_it_expires_at_the_later_time(loop: HandSetLoop) -> None:
    watched, now = Watched(loop), loop.time()
    watched.deadline.set(1)
    watched.deadline.set(4)
    await loop.pass_time(10)
    assert watched.times == [now + 4]


@stepped
async def test_moved_earlier_it_expires_at_the_earlier_time(loop: HandSetLoop) -> None:
    watched, now = Watched(loop), loop.time()
    watched.deadline.set(5)
    watched.deadline.set(1)
    await loop.pass_time(10)
    assert watched.times == [now + 1]


@stepped
async def test_cleared_or_closed_it_never_expires(loop: HandSetLoop) -> None:
    cleared, closed = Watched(loop), Watched(loop)
    for watched in (cleared, closed):
        watched.deadline.set(1)
    cleared.deadline.clear()
    closed.deadline.close()
    await loop.pass_time(10)
    assert cleared.times == closed.times == []


@stepped
async def test_it_can_be_set_again_after_it_was_cleared_or_expired(loop: HandSetLoop) -> None:
    watched, now = Watched(loop), loop.time()
    watched.deadline.set(1)
    watched.deadline.clear()
    watched.deadline.set(1)
    await loop.pass_time(1)
    watched.deadline.set(1)
    await loop.pass_time(1)
    assert watched.times == [now + 1, now + 2]


@stepped
async def test_moving_it_later_arms_no_further_timer(loop: HandSetLoop) -> None:
    watched = Watched(loop)
    for _ in range(100):
        watched.deadline.set(1)
    assert len(loop.timers()) == 1
    watched.deadline.close()
