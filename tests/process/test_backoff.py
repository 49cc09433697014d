"""How long to wait before something that died is started again."""

from __future__ import annotations

import pytest

from cors_anywhere.process.backoff import MOST_SECONDS, SETTLED_SECONDS, Backoff


def lives(backoff: Backoff, *seconds: float) -> list[float]:
    """The waits after lives so long."""
    waits = []
    for lived in seconds:
        backoff.started(1000)
        waits.append(backoff.died(1000 + lived))
    return waits


def test_a_long_life_is_followed_by_another_at_once() -> None:
    assert lives(Backoff(), SETTLED_SECONDS, SETTLED_SECONDS) == [0, 0]


def test_a_crash_loop_slows_down() -> None:
    assert lives(Backoff(), *(1,) * 5) == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6])


def test_the_first_wait_is_no_more_than_a_moment() -> None:
    assert lives(Backoff(), 0)[0] <= 0.1


def test_it_does_not_slow_down_without_end() -> None:
    assert lives(Backoff(), *(1,) * 50)[-1] == MOST_SECONDS


def test_a_long_life_makes_good_for_the_short_ones() -> None:
    assert lives(Backoff(), 1, 1, SETTLED_SECONDS, 1)[2:] == pytest.approx([0, 0.1])
