"""Counting: windows, their clock, and the bound on memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

import pytest

from cors_anywhere.limits.memory import Limiter, Quota
from cors_anywhere.limits.rates import RateLimit


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def limiter(spec: str, clock: Clock, max_keys: int = 100) -> Limiter:
    return Limiter(RateLimit.parse(spec), max_keys=max_keys, clock=clock)


def hits(counted: Limiter, key: str, times: int) -> list[Quota]:
    async def all_of_them() -> list[Quota]:
        return [await counted.hit(key) for _ in range(times)]

    return asyncio.run(all_of_them())


def test_as_many_as_the_amount_are_allowed_and_no_more(clock: Clock) -> None:
    quotas = hits(limiter("2 1", clock), "https://a.test", 4)
    assert [(quota.allowed, quota.remaining) for quota in quotas] == [
        (True, 1),
        (True, 0),
        (False, 0),
        (False, 0),
    ]


def test_an_amount_of_zero_allows_nobody(clock: Clock) -> None:
    assert hits(limiter("0 1 exempt.test", clock), "https://a.test", 1) == [Quota(False, 0, 60.0)]


def test_origins_are_counted_apart(clock: Clock) -> None:
    counted = limiter("1 1", clock)
    assert [hits(counted, key, 1)[0].allowed for key in ("a", "b", "a")] == [True, True, False]


def test_the_time_to_the_end_of_the_window_is_told(clock: Clock) -> None:
    counted = limiter("1 1", clock)
    assert hits(counted, "a", 1)[0].reset_after == 60.0
    clock.now += 45
    assert hits(counted, "a", 1)[0].reset_after == 15.0


@pytest.mark.parametrize(("later", "allowed"), [(59.9, False), (60.0, True), (60.1, True)])
def test_a_window_ends_and_refusals_do_not_prolong_it(
    clock: Clock, later: float, allowed: bool
) -> None:
    counted = limiter("1 1", clock)
    hits(counted, "a", 5)
    clock.now += later
    assert hits(counted, "a", 1)[0].allowed is allowed


def flood(counted: Limiter, keys: Iterable[str]) -> None:
    """Count each key once."""

    async def all_of_them() -> None:
        for key in keys:
            await counted.hit(key)

    asyncio.run(all_of_them())


def counts(counted: Limiter, keys: str, amount: int) -> list[int]:
    """How often each key was counted before, by counting it once more."""
    return [amount - hits(counted, key, 1)[0].remaining - 1 for key in keys]


def test_the_clock_is_not_the_wall_s(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Limiter(RateLimit.parse("1 1"))
    hits(counted, "a", 1)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    (quota,) = hits(counted, "a", 1)
    assert not quota.allowed
    assert 0 < quota.reset_after <= 60


def test_any_text_can_be_a_key(clock: Clock) -> None:
    counted = limiter("1 1", clock)
    keys = ("", "a", "https://" + "a" * 10_000 + ".test", "\udcff")
    assert [hits(counted, key, 1)[0].allowed for key in keys] == [True] * 4
    assert len(counted) == 4


def test_the_number_of_windows_is_bounded_and_the_first_to_end_goes(clock: Clock) -> None:
    counted = limiter("9 1", clock, max_keys=3)
    for key in "abcad":
        hits(counted, key, 1)
        clock.now += 1
    assert len(counted) == 3
    assert counts(counted, "bcd", 9) == [1, 1, 1]
    assert counts(counted, "a", 9) == [0]


def test_a_window_that_began_anew_is_the_last_to_go(clock: Clock) -> None:
    counted = limiter("9 1", clock, max_keys=4)
    for key in "abc":
        hits(counted, key, 1)
    clock.now += 30
    hits(counted, "d", 1)
    clock.now += 30
    for key in "cefg":  # c begins anew, which leaves room for e and f but not for g
        hits(counted, key, 1)
    assert counts(counted, "cefg", 9) == [1, 1, 1, 1]
    assert counts(counted, "d", 9) == [0]


def test_who_is_at_the_limit_is_not_pushed_out_by_made_up_keys(clock: Clock) -> None:
    counted = limiter("2 1", clock, max_keys=1000)
    hits(counted, "blocked", 2)
    flood(counted, (f"made up {number}" for number in range(10_000)))
    assert not hits(counted, "blocked", 1)[0].allowed
    assert len(counted) == 1000


def test_of_those_at_the_limit_the_first_to_get_there_goes(clock: Clock) -> None:
    counted = limiter("1 1", clock, max_keys=3)
    for key in "abcd":
        hits(counted, key, 1)
    assert len(counted) == 3
    assert [hits(counted, key, 1)[0].allowed for key in "bcda"] == [False, False, False, True]


def test_who_was_at_the_limit_begins_anew_when_the_window_is_over(clock: Clock) -> None:
    counted = limiter("2 1", clock)
    for key in "abc":
        hits(counted, key, 5)
    assert len(counted) == 3
    clock.now += 60
    assert hits(counted, "c", 1) == [Quota(True, 1, 60.0)]
    assert len(counted) == 1  # a and b were forgotten on that occasion


@pytest.mark.parametrize("spec", ["1 1", "2 1"])  # all at their limit, or none
def test_windows_that_are_over_are_forgotten_as_others_begin(clock: Clock, spec: str) -> None:
    counted = limiter(spec, clock, max_keys=1000)
    flood(counted, (f"old {number}" for number in range(100)))
    clock.now += 60
    flood(counted, (f"new {number}" for number in range(50)))
    assert len(counted) == 50


def test_a_flood_of_keys_stays_within_the_bound(clock: Clock) -> None:
    counted = limiter("1 1", clock, max_keys=1000)
    flood(counted, map(str, range(10_000)))
    assert len(counted) == 1000
