"""Counts requests against a rate limit.

Owns: the counters, their clock and their bound in memory.
Must not know: which requests are counted, or what the page is told (rates.py, meters.py).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from time import monotonic
from typing import Final, NamedTuple, Protocol

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
    """A RateLimiter in this process's memory: fixed windows, each opened by its first request.

    All windows are equally long, so the order in which they began is the order in which they end.
    When there is no room, the oldest of those below their limit goes, and one that is at its limit
    only when there is no other: who is refused cannot be let in again by a flood of made-up keys.
    """

    def __init__(
        self,
        rate: RateLimit,
        *,
        max_keys: int = MAX_KEYS,
        clock: Callable[[], float] = monotonic,  # a wall clock that is set back would stretch them
    ) -> None:
        self._amount = rate.amount
        self._seconds = rate.seconds
        self._max_keys = max_keys
        self._clock = clock
        # Not dicts: one that loses its first entry again and again searches ever longer for the
        # next.
        self._counting: OrderedDict[bytes, tuple[int, float]] = OrderedDict()  # count, end
        self._spent: OrderedDict[bytes, float] = OrderedDict()  # the end alone

    def __len__(self) -> int:
        """The keys that take memory."""
        return len(self._counting) + len(self._spent)

    async def hit(self, key: str) -> Quota:
        """Count one request of this key, an origin."""
        # Hashed: an Origin may be long, and no one chooses the table's collisions.
        digest = blake2b(key.encode("utf-8", "surrogateescape"), digest_size=16).digest()
        now = self._clock()
        end = self._spent.get(digest)
        if end is not None and end > now:
            return Quota(False, 0, end - now)
        count, end = self._counting.get(digest, (0, now))
        if end <= now:
            count, end = 0, self._begin(digest, now)
        count += 1
        if count < self._amount:
            self._counting[digest] = count, end
        else:
            self._counting.pop(digest, None)
            self._spent[digest] = end
        return Quota(count <= self._amount, max(0, self._amount - count), end - now)

    def _begin(self, digest: bytes, now: float) -> float:
        """Make room for a new window, which goes to the end of the order; when it ends."""
        self._counting.pop(digest, None)
        self._spent.pop(digest, None)
        # Up to two of each that are over, so that a flood is forgotten as others come.
        for _ in range(2):
            if self._counting and next(iter(self._counting.values()))[1] <= now:
                self._counting.popitem(last=False)
            if self._spent and next(iter(self._spent.values())) <= now:
                self._spent.popitem(last=False)
        if len(self) >= self._max_keys:
            (self._counting or self._spent).popitem(last=False)
        return now + self._seconds
