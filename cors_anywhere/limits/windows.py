"""The sliding window, as arithmetic on two counts.

Owns: how much counts at a moment, and when there is room again. Must not know: whose counts they
are, or where and for how long they are kept.

A key has the count of the window that is under way, which its first request opened, and that of the
one before, which weighs less the more of it has passed. That takes what was counted before as
spread evenly, so it errs: after a burst at the end of a window, requests are allowed at the even
rate while the burst is less than a window old (almost twice the amount in one window, and never
more than the amount at once); after a burst at its beginning they are still held back when the
burst is more than a window old, for up to one window more. Over many windows it is exact.
"""

from __future__ import annotations

import math
from typing import NamedTuple

_ROUNDING = 1e-6
"""Of the weighing in floating point; counts are whole numbers."""


class Ask(NamedTuple):
    """One limit's question about a request."""

    key: str  # of whom, and by which limit, is counted
    amount: int
    seconds: int
    add: int = 1  # what the request itself counts: 0 where octets are counted when they have passed


class Quota(NamedTuple):
    """What is left after a request was counted."""

    allowed: bool
    remaining: int  # requests or octets
    reset_after: float  # seconds: until the window ends; of a refusal, until there is room


class Window(NamedTuple):
    """The counts of one key at a moment."""

    passed: float  # seconds of the window that is under way
    current: int  # counted in it
    before: int  # in the one before


def window_at(now: float, start: float, count: int, before: int, seconds: int) -> Window:
    """What these counts are at `now`, if they were those of a window that began at `start`."""
    passed = now - start
    if passed < 0:  # a clock that was set back, as that of Redis may be
        return Window(0.0, count, before)
    if passed < seconds:
        return Window(passed, count, before)
    if passed < 2 * seconds:
        return Window(passed - seconds, 0, count)
    return Window(0.0, 0, 0)


def used(window: Window, seconds: int) -> float:
    """What counts at this moment."""
    return window.current + window.before * (1 - window.passed / seconds)


def has_room(window: Window, amount: int, seconds: int) -> bool:
    """Whether one more is within the amount."""
    return used(window, seconds) + 1 <= amount + _ROUNDING


def granted(window: Window, amount: int, seconds: int, add: int) -> Quota:
    """What is left of an amount that has room, when `add` are counted now."""
    left = math.floor(amount - used(window, seconds) - add + _ROUNDING)
    return Quota(True, max(0, left), seconds - window.passed)


def refused(window: Window, amount: int, seconds: int) -> Quota:
    """When one that has no room will have some."""
    rest = seconds - window.passed
    if window.current + 1 <= amount:  # as soon as the window before weighs little enough
        needed = seconds * (1 - (amount - 1 - window.current) / window.before)
        return Quota(False, 0, max(0.0, needed - window.passed))
    if not window.current or not amount:  # never, then
        return Quota(False, 0, rest)
    return Quota(False, 0, rest + seconds * (1 - (amount - 1) / window.current))
