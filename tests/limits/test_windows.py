"""The sliding window: what counts, and when there is room again."""

from __future__ import annotations

import pytest

from cors_anywhere.limits.windows import (
    Quota,
    Window,
    granted,
    has_room,
    refused,
    used,
    window_at,
)

START = 1000.0


@pytest.mark.parametrize(
    ("later", "window"),
    [
        (0.0, Window(0.0, 5, 3)),
        (9.5, Window(9.5, 5, 3)),
        (10.0, Window(0.0, 0, 5)),
        (19.5, Window(9.5, 0, 5)),
        (20.0, Window(0.0, 0, 0)),
        (1e9, Window(0.0, 0, 0)),
    ],
)
def test_a_window_becomes_the_one_before_and_then_is_forgotten(
    later: float, window: Window
) -> None:
    assert window_at(START + later, START, 5, 3, 10) == window


def test_a_clock_that_is_set_back_keeps_the_counts() -> None:
    assert window_at(START - 3600, START, 5, 3, 10) == Window(0.0, 5, 3)


@pytest.mark.parametrize(("passed", "counts"), [(0.0, 14), (2.5, 11.5), (5.0, 9), (9.0, 5)])
def test_the_window_before_weighs_what_of_it_is_less_than_a_window_old(
    passed: float, counts: float
) -> None:
    assert used(Window(passed, 4, 10), 10) == pytest.approx(counts)


@pytest.mark.parametrize(
    ("window", "room"),
    [
        (Window(0.0, 9, 0), True),
        (Window(0.0, 10, 0), False),
        (Window(0.9, 0, 10), False),
        (Window(1.0, 0, 10), True),
        (Window(1.0, 1, 10), False),
        (Window(2.0, 1, 10), True),
    ],
)
def test_there_is_room_for_one_more_within_the_amount(window: Window, room: bool) -> None:
    assert has_room(window, 10, 10) is room


@pytest.mark.parametrize(
    ("window", "add", "quota"),
    [
        (Window(0.0, 0, 0), 1, Quota(True, 9, 10.0)),
        (Window(4.0, 9, 0), 1, Quota(True, 0, 6.0)),
        (Window(5.0, 0, 5), 1, Quota(True, 6, 5.0)),
        (Window(5.0, 9, 0), 0, Quota(True, 1, 5.0)),
    ],
)
def test_what_is_left_is_told_in_whole_requests(window: Window, add: int, quota: Quota) -> None:
    assert granted(window, 10, 10, add) == quota


REFUSED = [
    Window(0.0, 10, 0),
    Window(9.0, 10, 0),
    Window(0.0, 0, 10),
    Window(3.0, 3, 10),
    Window(5.5, 5, 10),
    Window(0.0, 10**9, 0),  # octets are counted when they have passed, far beyond the amount
    Window(2.0, 10**9, 10**9),
]


@pytest.mark.parametrize("window", REFUSED)
def test_a_refusal_tells_the_moment_when_there_is_room(window: Window) -> None:
    """Just before it there is none, and just after it there is."""
    wait = refused(window, 10, 10).reset_after
    start = START - window.passed
    counts = window.current, window.before
    assert not has_room(window_at(START + wait - 0.01, start, *counts, 10), 10, 10)
    assert has_room(window_at(START + wait + 0.01, start, *counts, 10), 10, 10)


def test_an_amount_of_none_is_refused_by_the_window() -> None:
    assert refused(Window(0.0, 0, 0), 0, 60) == Quota(False, 0, 60.0)
    assert not has_room(Window(0.0, 0, 0), 0, 60)


def burst(moments: list[float], amount: int, seconds: int) -> int:
    """The most that were allowed in any time as long as a window, of requests at these moments."""
    start, current, before, allowed = 0.0, 0, 0, []
    for now in moments:
        window = window_at(now, start, current, before, seconds)
        start, current, before = now - window.passed, window.current, window.before
        if has_room(window, amount, seconds):
            current += 1
            allowed.append(now)
    return max(sum(a <= one < a + seconds for one in allowed) for a in allowed)


def test_a_burst_over_the_end_of_a_window_is_no_more_than_the_amount() -> None:
    """A fixed window let 18 of "10 in 2 s" pass."""
    moments = [0.0, *(1.9 + n / 1000 for n in range(200))]
    assert burst(moments, 10, 2) == 10


def test_the_most_in_the_time_of_a_window_is_less_than_twice_the_amount() -> None:
    """What the docstring of the module admits: a burst, then whatever is allowed."""
    moments = [0.0, *(1.99 + n / 1000 for n in range(2000))]
    assert 10 < burst(moments, 10, 2) < 20
