"""Counts requests against a rate limit.

Owns: the counters, their clock and their bound in memory.
Must not know: which requests are counted, or what the page is told (rates.py, policy.py).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from hashlib import blake2b
from time import monotonic
from typing import Final, NamedTuple, Protocol

from limits import RateLimitItemPerSecond
from limits.storage.base import Storage
from limits.strategies import FixedWindowRateLimiter

from cors_anywhere.limits.rates import RateLimit

MAX_KEYS: Final = 100_000
"""Origins counted at once. The attacker chooses Origin, so there must be an end to it."""


class Quota(NamedTuple):
    """What is left after a request was counted."""

    allowed: bool
    remaining: int  # requests within this window
    reset_after: float  # seconds until the window ends


class RateLimiter(Protocol):
    """Where requests are counted: in this process, or in a store that several share."""

    async def hit(self, key: str) -> Quota: ...


class Limiter:
    """A RateLimiter in this process's memory: fixed windows, each opened by its first request."""

    def __init__(self, rate: RateLimit, *, clock: Callable[[], float] = monotonic) -> None:
        self._item = RateLimitItemPerSecond(rate.amount, rate.seconds)
        self._clock = clock
        self.storage = BoundedStorage(clock=clock)
        self._strategy = FixedWindowRateLimiter(self.storage)

    async def hit(self, key: str) -> Quota:
        """Count one request of this key, an origin."""
        # Hashed: an Origin may be kilobytes long, and no one chooses the table's collisions.
        digest = blake2b(key.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
        allowed = self._strategy.hit(self._item, digest)
        ends, remaining = self._strategy.get_window_stats(self._item, digest)
        return Quota(allowed, remaining, max(0.0, ends - self._clock()))


class BoundedStorage(Storage):
    """Counters for windows of one length, at most `max_keys` of them.

    The `limits` library's own memory store starts a thread at every hit, reads the wall clock (a
    clock that is set back would stretch every window) and grows without end.

    All windows being equally long, the order of insertion is the order in which they end: the first
    entry is the next to expire, and the one that goes when there is no room.
    """

    STORAGE_SCHEME = None  # not to be had by URI

    def __init__(self, *, max_keys: int = MAX_KEYS, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._max_keys = max_keys
        self._clock = clock
        # Key -> (count, end). Not a dict: one that loses its first entry again and again
        # searches ever longer for the next.
        self._windows: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    def __iter__(self) -> Iterator[str]:
        """The keys that are counted, the next to expire first."""
        return iter(self._windows)

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        return ()

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = self._clock()
        count, end = self._windows.get(key, (0, 0.0))
        if not count or end <= now:
            self._windows.pop(key, None)  # a new window goes to the end of the order
            self._make_room(now)
            count, end = 0, now + expiry
        self._windows[key] = (count + amount, end)
        return count + amount

    def _make_room(self, now: float) -> None:
        """Drop up to two windows that are over, so that a flood is forgotten as others come."""
        for _ in range(2):
            oldest = next(iter(self._windows), None)
            if oldest is None:
                return
            if self._windows[oldest][1] > now and len(self._windows) < self._max_keys:
                return
            del self._windows[oldest]

    def get(self, key: str) -> int:
        count, end = self._windows.get(key, (0, 0.0))
        return count if end > self._clock() else 0

    def get_expiry(self, key: str) -> float:
        """When the key's window ends, in seconds of this storage's clock."""
        now = self._clock()
        return max(self._windows.get(key, (0, now))[1], now)

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        count = len(self._windows)
        self._windows.clear()
        return count

    def clear(self, key: str) -> None:
        self._windows.pop(key, None)
