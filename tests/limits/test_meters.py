"""Counting for the relay, as the page sees it."""

from __future__ import annotations

from cors_anywhere.limits.memory import Quota
from cors_anywhere.limits.meters import CountingMeter
from cors_anywhere.limits.rates import RateLimit
from cors_anywhere.messages import Exceeded, RequestHead
from tests.support.loopback import in_loop

PAGE = "https://page.test"
HEAD = RequestHead("GET", "/", (), 0, "192.0.2.1", "http", 80)


class Store:
    """Answers every request with the same quota."""

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self.counted: list[str] = []

    async def hit(self, key: str) -> Quota:
        self.counted.append(key)
        return self._quota


@in_loop
async def test_an_excess_tells_the_limit_and_when_to_come_back() -> None:
    meter = CountingMeter(RateLimit.parse("7 3"), Store(Quota(False, 0, 61.2)))
    assert await meter.count(HEAD, PAGE) == Exceeded(
        f'The origin "{PAGE}" has sent too many requests.\n'
        "The number of requests is limited to 7 per 3 minutes.",
        (
            ("retry-after", "62"),
            ("ratelimit-policy", '"origin";q=7;w=180'),
            ("ratelimit", '"origin";r=0;t=62'),
        ),
    )


@in_loop
async def test_within_the_limit_there_is_nothing_to_tell() -> None:
    assert await CountingMeter(RateLimit.parse("7 3")).count(HEAD, PAGE) is None


@in_loop
async def test_an_exempt_origin_is_not_counted() -> None:
    store = Store(Quota(False, 0, 61.2))
    meter = CountingMeter(RateLimit.parse("7 3 page.test"), store)
    assert await meter.count(HEAD, PAGE) is None
    assert store.counted == []


@in_loop
async def test_requests_without_an_origin_share_one_count() -> None:
    store = Store(Quota(True, 1, 1))
    await CountingMeter(RateLimit.parse("7 3"), store).count(HEAD, None)
    assert store.counted == [""]
