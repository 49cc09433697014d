"""Counting: windows, their clock, and the bound on memory."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from cors_anywhere.limits.memory import BoundedStorage, Limiter, Quota
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


def limiter(spec: str, clock: Clock) -> Limiter:
    return Limiter(RateLimit.parse(spec), clock=clock)


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


def test_windows_are_measured_in_monotonic_time() -> None:
    before = time.monotonic()
    expiry = BoundedStorage().get_expiry("a")
    assert before <= expiry <= time.monotonic()


def test_counting_starts_no_thread() -> None:
    before = threading.active_count()
    hits(Limiter(RateLimit.parse("2 1")), "a", 3)
    assert threading.active_count() == before


def test_keys_are_kept_at_one_length_whatever_the_origin_is(clock: Clock) -> None:
    counted = limiter("9 1", clock)
    for key in ("a", "https://" + "a" * 10_000 + ".test", "\udcff"):
        hits(counted, key, 1)
    assert len({len(key) for key in counted.storage}) == 1


def test_the_number_of_windows_is_bounded_and_the_first_to_end_goes(clock: Clock) -> None:
    storage = BoundedStorage(max_keys=3, clock=clock)
    for key in ("a", "b", "c", "a", "d"):
        storage.incr(key, 60)
        clock.now += 1
    assert [storage.get(key) for key in "abcd"] == [0, 1, 1, 1]


def test_a_window_that_began_anew_is_the_last_to_go(clock: Clock) -> None:
    storage = BoundedStorage(max_keys=4, clock=clock)
    for key in "abc":
        storage.incr(key, 60)
    clock.now += 30
    storage.incr("d", 60)
    clock.now += 30
    for key in "cefg":  # c begins anew, which leaves room for e and f but not for g
        storage.incr(key, 60)
    assert [storage.get(key) for key in "cdefg"] == [1, 0, 1, 1, 1]


def test_windows_that_are_over_are_forgotten_as_others_begin(clock: Clock) -> None:
    storage = BoundedStorage(clock=clock)
    for number in range(100):
        storage.incr(f"old {number}", 60)
    clock.now += 60
    for number in range(50):
        storage.incr(f"new {number}", 60)
    assert len(storage) == 50


def test_a_flood_of_keys_stays_within_the_bound(clock: Clock) -> None:
    storage = BoundedStorage(max_keys=1000, clock=clock)
    for number in range(10_000):
        storage.incr(str(number), 60)
    assert len(storage) == 1000


def test_a_counter_can_be_cleared_and_all_can_be_reset(clock: Clock) -> None:
    storage = BoundedStorage(clock=clock)
    for key in "aabc":
        storage.incr(key, 60)
    storage.clear("a")
    assert (storage.get("a"), storage.get("b"), storage.check()) == (0, 1, True)
    assert (storage.reset(), len(storage)) == (2, 0)


def test_a_key_that_is_not_counted_ends_now(clock: Clock) -> None:
    assert BoundedStorage(clock=clock).get_expiry("a") == clock.now
