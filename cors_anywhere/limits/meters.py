"""Counting for the relay.

Owns: what a store's count means for one request, and what the page is told of it. Must not know:
where counts are kept.
"""

from __future__ import annotations

import math

from cors_anywhere.limits.memory import Limiter, Quota, RateLimiter
from cors_anywhere.limits.rates import RateLimit
from cors_anywhere.messages import Exceeded, RequestHead


class CountingMeter:
    """A rate limit, as the relay's `Meter`."""

    def __init__(self, rate: RateLimit, limiter: RateLimiter | None = None) -> None:
        self._rate = rate
        self._limiter = limiter or Limiter(rate)

    async def count(self, head: RequestHead, origin: str | None) -> Exceeded | None:
        """See Meter.count."""
        name = origin or ""
        if self._rate.exempts(name):
            return None
        quota = await self._limiter.hit(name)
        return None if quota.allowed else self._exceeded(name, quota)

    def _exceeded(self, origin: str, quota: Quota) -> Exceeded:
        """What the page reads: draft-ietf-httpapi-ratelimit-headers, RFC 9110 section 10.2.3."""
        rate, seconds = self._rate, max(1, math.ceil(quota.reset_after))
        fields = (
            ("retry-after", str(seconds)),
            ("ratelimit-policy", f'"origin";q={rate.amount};w={rate.seconds}'),
            ("ratelimit", f'"origin";r={quota.remaining};t={seconds}'),
        )
        return Exceeded(rate.sentence(origin), fields)
