"""Counting for the relay.

Owns: what a store's count means for one request. Must not know: where counts are kept.
"""

from __future__ import annotations

from cors_anywhere.limits.memory import RateLimiter
from cors_anywhere.messages import Exceeded


class CountingMeter:
    """A rate limit's counting, as the relay's `Meter`."""

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter

    async def count(self, key: str) -> Exceeded | None:
        quota = await self._limiter.hit(key)
        return None if quota.allowed else Exceeded("", quota.remaining, quota.reset_after)
